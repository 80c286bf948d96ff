//! Receipts of what was forgotten, offered to a board.

use antibrush_protocol::{
    base::MemberNumber,
    board::{BoardError, Post, PurgeReceipt},
    encoding::DecodeError::*,
    signed::Payload,
};
use coset::cbor::value::Value;

use super::{
    shared::{DECODE, framed},
    *,
};
use crate::edit::*;

pub fn receipts() -> Vec<Defect> {
    use BoardError::*;
    let receipt = |change: fn(&mut PurgeReceipt)| {
        let mut receipt = purge_receipt();
        change(&mut receipt);
        Post::sign(&receipt, &feed_key(2), Post::Purge).encode()
    };
    let by = |key: &Key| Post::sign(&purge_receipt(), key, Post::Purge).encode();
    let tree = || Tree::of(&purge_receipt());
    let edit = |tree: Tree| framed(7, &envelope(PurgeReceipt::CONTENT_TYPE, &tree.bytes(), &feed_key(2)));
    let feeds = |rows: &[[u64; 3]]| edit(tree().put(5, array(rows.iter().map(|row| array(row.map(Value::from))))));
    let many: Vec<[u64; 3]> = (0..1_001).map(|publisher| [publisher, 0, 0]).collect();
    let late = |r: &mut PurgeReceipt| (r.issued, r.day) = (ASKED.plus(86_400), ASKED.plus(86_400).day());
    let two_items = edit(tree().put(5, array([array([Value::from(1), Value::from(2)])])));
    vec![
        defect("purge-other-alliance", "another alliance", receipt(|r| r.alliance[0] ^= 1), OtherAlliance),
        defect("purge-by-another-member", "signed with feed-4", by(&feed_key(4)), NotEntitled),
        defect("purge-by-a-node", "signed with the node key of member 2", by(&node_key(2)), NotEntitled),
        defect("purge-of-nobody", "of member 9", receipt(|r| r.member = MemberNumber(9)), NotEntitled),
        defect("purge-from-the-future", "a day ahead", receipt(late), FromTheFuture),
        defect("purge-of-tomorrow", "of the day after", receipt(|r| r.day = r.day.plus(1)), FromTheFuture),
        defect(
            "purge-out-of-order",
            "member 2 before member 1",
            feeds(&[[2, 0, 300], [1, 2, 5]]),
            DECODE(NOT_CANONICAL),
        ),
        defect("purge-feed-twice", "member 1 twice", feeds(&[[1, 2, 5], [1, 2, 5]]), DECODE(NOT_CANONICAL)),
        defect("purge-more-than-all", "6 erased leaves of 5", feeds(&[[1, 6, 5]]), DECODE(OutOfRange("feeds"))),
        defect("purge-33-bits", "2^32 leaves", feeds(&[[1, 2, 1 << 32]]), DECODE(OutOfRange("feeds"))),
        defect("purge-too-many-feeds", "1,001 feeds", feeds(&many), DECODE(TOO_LARGE)),
        defect("purge-without-size", "a feed with two items", two_items, DECODE(MALFORMED)),
        defect("purge-day-17-bits", "day 65536", edit(tree().put(3, 65_536)), DECODE(OutOfRange("day"))),
        defect("purge-17-bits", "member 65538", edit(tree().put(2, 65_538)), DECODE(OutOfRange("member"))),
        defect("purge-unknown-version", "version 2", edit(tree().put(0, 2)), DECODE(UnknownVersion(2))),
    ]
}
