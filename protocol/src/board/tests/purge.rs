//! Receipts of what was forgotten.

use super::*;
use crate::encoding::DecodeError::{NotCanonical, OutOfRange};

fn receipt(change: impl FnOnce(&mut PurgeReceipt)) -> Post {
    let mut receipt = purge_receipt();
    change(&mut receipt);
    Post::sign(&receipt, &feed_key(2), Post::Purge)
}

#[test]
fn a_receipt_says_what_it_says_of_each_feed() {
    let mut shelf = Shelf::new();
    assert_eq!(shelf.take(&receipt(|_| ())), NEW);
    assert_eq!(shelf.board.receipt(MemberNumber(2)), Some(&purge_receipt()));
    assert_eq!(shelf.board.receipt(MemberNumber(1)), None);
    let of = |publisher| purge_receipt().of(MemberNumber(publisher)).map(|feed| (feed.erased, feed.size));
    assert_eq!((of(1), of(2), of(3)), (Some((2, 5)), Some((0, 300)), None));
    assert_eq!(purge_receipt().erased(), 2);
    assert_eq!(refusal(shelf.take(&receipt(|r| r.alliance[0] ^= 1))), (BoardError::OtherAlliance, true)); // BOARD-1
}

#[test]
fn members_of_every_role_sign_and_nobody_else() {
    let not_entitled = (BoardError::NotEntitled, false);
    let of = |number: u16| PurgeReceipt { member: MemberNumber(number), ..purge_receipt() };
    let mut shelf = Shelf::new();
    // An observer, a key holder, and a platform with the key that it has now.
    for (number, key) in [(4, feed_key(4)), (6, feed_key(6)), (1, new_feed_key())] {
        assert_eq!(shelf.take(&Post::sign(&of(number), &key, Post::Purge)), NEW, "{number}");
    }
    for (number, key) in [(2, feed_key(4)), (2, node_key(2)), (1, feed_key(1)), (99, feed_key(2))] {
        let refused = refusal(shelf.take(&Post::sign(&of(number), &key, Post::Purge)));
        assert_eq!(refused, not_entitled, "{number}"); // PURGE-1
    }
    for (state, outcome) in [(MemberState::Suspended, NEW), (MemberState::Expelled, Err(BoardError::NotEntitled))] {
        let mut shelf = Shelf::new();
        shelf.amend(|charter| {
            charter.holding = None;
            charter.members[5].state = state;
        });
        let post = Post::sign(&of(6), &feed_key(6), Post::Purge);
        assert_eq!(shelf.take(&post), outcome, "{state}"); // PURGE-1
    }
}

#[test]
fn a_receipt_has_one_form() {
    let decoded = |change: &dyn Fn(&mut PurgeReceipt)| {
        let mut receipt = purge_receipt();
        change(&mut receipt);
        PurgeReceipt::decode(&receipt.encode()).map(|again| assert_eq!(again, receipt))
    };
    assert_eq!(decoded(&|_| ()), Ok(()));
    // PURGE-2
    assert_eq!(decoded(&|r| r.feeds.reverse()), Err(NotCanonical));
    assert_eq!(decoded(&|r| r.feeds[1].publisher = r.feeds[0].publisher), Err(NotCanonical));
    assert_eq!(decoded(&|r| r.feeds[0].erased = r.feeds[0].size + 1), Err(OutOfRange("feeds")));
    assert_eq!(decoded(&|r| r.feeds[0].size = 1 << 32), Err(OutOfRange("feeds")));
    assert_eq!(decoded(&|r| r.feeds[0].size = u64::from(u32::MAX)), Ok(()));
    // The largest one goes through gossip.
    let most = Purged { publisher: MemberNumber(0), erased: u64::from(u32::MAX), size: u64::from(u32::MAX) };
    let feeds = |count: u16| -> Vec<Purged> {
        (0..count).map(|number| Purged { publisher: MemberNumber(number), ..most }).collect()
    };
    let largest = receipt(|r| r.feeds = feeds(1_000));
    assert!(largest.encode().len() < limits::GOSSIP_BYTES, "{}", largest.encode().len());
    assert_eq!(Shelf::new().take(&largest), NEW);
    assert_eq!(decoded(&|r| r.feeds = feeds(1_001)), Err(DecodeError::TooLarge));
    let nothing = receipt(|r| r.feeds.clear());
    assert_eq!(Shelf::new().take(&nothing), NEW, "who is sure of no feed may say so");
}

#[test]
fn nobody_has_forgotten_tomorrow() {
    let future = (BoardError::FromTheFuture, false);
    let mut shelf = Shelf::new();
    assert_eq!(refusal(shelf.take(&receipt(|r| r.day = r.day.plus(1)))), future); // BOARD-3
    assert_eq!(refusal(shelf.take(&receipt(|r| r.issued = ASKED.plus(601)))), future); // BOARD-3
    assert_eq!(shelf.take(&receipt(|r| r.issued = ASKED.plus(600))), NEW);
}

#[test]
fn a_receipt_gives_way_to_a_later_one_of_no_earlier_day() {
    let mut shelf = Shelf::new();
    let at = |seconds: u64, day: u32, erased: u64| {
        receipt(|r| {
            (r.issued, r.day) = (ASKED.plus(seconds), Day(r.day.0 - day));
            r.feeds[0].erased = erased;
        })
    };
    let first = at(10, 1, 2);
    assert_eq!(shelf.take(&first), NEW);
    for worse in [at(10, 0, 3), at(9, 0, 3), at(11, 2, 3)] {
        assert_eq!(shelf.take(&worse), Ok(Taken::Older)); // PURGE-3
    }
    let second = at(11, 0, 3);
    assert_eq!(shelf.take(&second), Ok(Taken::New { replaces: Some(first.id()) })); // PURGE-3
    assert_eq!(shelf.take(&first), Ok(Taken::Older));
    // PURGE-3: who took a feed anew and has contents again says so.
    let less = at(12, 0, 1);
    assert_eq!(shelf.take(&less), Ok(Taken::New { replaces: Some(second.id()) }));
    assert_eq!(shelf.names(), [less.id()]);
    assert!(!shelf.board.has_stale(Timestamp(u64::MAX)), "the last one is kept");
}
