//! Calls to ceremonies and their messages.

use antibrush_protocol::{
    base::MemberNumber,
    ceremony::{Call, CeremonyError, Kind, Message, Round},
    encoding::DecodeError::*,
    signed::{Payload, SignatureError, sign},
};
use coset::cbor::value::Value;

use super::*;
use crate::{ceremony, edit::*};

const DECODE: fn(DecodeError) -> CeremonyError = |error| CeremonyError::Signature(SignatureError::Decode(error));

pub fn calls() -> Vec<Defect> {
    use CeremonyError::*;
    let call = |change: fn(&mut Call)| {
        let mut call = ceremony::call();
        change(&mut call);
        sign(&call, &steward("1")).envelope().to_vec()
    };
    let tree = || Tree::of(&ceremony::call());
    let edit = |tree: Tree| envelope(Call::CONTENT_TYPE, &tree.bytes(), &steward("1"));
    let by = |key: &Key| sign(&ceremony::call(), key).envelope().to_vec();
    let seventeen = array((1..18).map(Value::from));
    vec![
        defect("ceremony-call-threshold-one", "every holder would have the key", call(|c| c.threshold = 1), Threshold),
        defect("ceremony-call-threshold-four", "four of three", call(|c| c.threshold = 4), Threshold),
        defect("ceremony-call-holders-out-of-order", "5 before 2", call(|c| c.holders.swap(1, 2)), Order),
        defect("ceremony-call-class-twice", "one class twice", call(|c| c.classes[1] = c.classes[0]), Order),
        defect("ceremony-call-no-classes", "no class", call(|c| c.classes.clear()), Order),
        defect("ceremony-call-no-time", "over when it begins", call(|c| c.deadline = c.issued), Deadline),
        defect(
            "ceremony-call-eight-days",
            "a week and a second",
            call(|c| c.deadline = c.issued.plus(604_801)),
            Deadline,
        ),
        defect("ceremony-call-keys-to-generate", "group keys of new keys", call(|c| c.keys = vec![[7; 32]; 2]), Keys),
        defect("ceremony-call-refresh-of-nothing", "no group keys", call(|c| c.kind = Kind::Refresh), Keys),
        defect("ceremony-call-other-alliance", "another alliance", call(|c| c.alliance[0] ^= 1), OtherAlliance),
        defect("ceremony-call-other-charter", "the first charter", call(|c| c.charter = c.alliance), OtherCharter),
        defect("ceremony-call-by-a-feed-key", "signed by a member, not by a steward", by(&feed_key(2)), NotASteward),
        defect(
            "ceremony-call-other-holders",
            "member 3 in the place of 2",
            call(|c| c.holders[1] = MemberNumber(3)),
            OtherHolders,
        ),
        defect("ceremony-call-threshold-of-another", "three of three", call(|c| c.threshold = 3), OtherHolders),
        defect(
            "ceremony-call-from-the-future",
            "a week ahead",
            call(|c| (c.issued, c.deadline) = (c.issued.plus(604_800), c.deadline.plus(604_800))),
            FromTheFuture,
        ),
        defect("ceremony-call-seventeen-holders", "one too many", edit(tree().set(7, seventeen)), DECODE(TOO_LARGE)),
        defect("ceremony-call-kind-three", "kind 3", edit(tree().set(3, 3)), DECODE(OutOfRange("kind"))),
        defect(
            "ceremony-call-class-twelve",
            "class 12",
            edit(tree().set(5, array([Value::from(12)]))),
            DECODE(OutOfRange("classes")),
        ),
        defect("ceremony-call-unknown-version", "version 2", edit(tree().set(0, 2)), DECODE(UnknownVersion(2))),
        defect("ceremony-call-unknown-key", "key 12", edit(tree().append(12, 0)), DECODE(UnknownKey(12))),
        defect("ceremony-call-missing-nonce", "no key 11", edit(tree().without(11)), DECODE(Missing("nonce"))),
    ]
}

pub fn messages() -> Vec<Defect> {
    use CeremonyError::*;
    let board = ceremony::board();
    let of = |place: usize| board[place].payload().clone();
    let message = |place: usize, change: fn(&mut Message)| {
        let mut message = of(place);
        change(&mut message);
        sign(&message, &ceremony::key(1)).envelope().to_vec()
    };
    let tree = |place: usize| Tree::of(&of(place));
    let edit = |tree: Tree| envelope(Message::CONTENT_TYPE, &tree.bytes(), &ceremony::key(1));
    let counted = |place: usize| {
        message(place, |message| match &mut message.round {
            Round::Commit { packages: items, .. } | Round::Deal { sealed: items } => drop(items.pop()),
            Round::Confirm { public_keys, .. } => drop(public_keys[0].pop()),
            Round::Complain { .. } => panic!("nothing to count"),
        })
    };
    let by = |key: &Key| sign(&of(0), key).envelope().to_vec();
    let whole = board[0].envelope().to_vec();
    let flipped = joined(&whole[..whole.len() - 1], &[whole[whole.len() - 1] ^ 1]);
    let against = |member: u16| {
        let round = Round::Complain { against: MemberNumber(member), deal: board[3].id(), secret: [1; 32] };
        sign(&Message { round, ..of(0) }, &ceremony::key(1)).envelope().to_vec()
    };
    let long = array([Value::from(vec![0u8; 577])]);
    let eighteen = array([array((0..18).map(|_| Value::from(vec![0u8; 32])))]);
    vec![
        defect("ceremony-message-other-call", "another ceremony", message(0, |m| m.ceremony[0] ^= 1), OtherCeremony),
        defect(
            "ceremony-message-of-no-holder",
            "member 3, who is none",
            message(0, |m| m.holder = MemberNumber(3)),
            NotAHolder(MemberNumber(3)),
        ),
        defect("ceremony-message-old-feed-key", "the key that member 1 gave up", by(&feed_key(1)), WrongKey),
        defect("ceremony-message-by-another-holder", "the key of member 2", by(&feed_key(2)), WrongKey),
        defect("ceremony-message-package-missing", "one class of two", counted(0), Count),
        defect("ceremony-message-deal-missing", "for one holder of two", counted(3), Count),
        defect("ceremony-message-public-key-missing", "a share less", counted(6), Count),
        defect("ceremony-message-against-itself", "a complaint about itself", against(1), NotAHolder(MemberNumber(1))),
        defect("ceremony-message-against-nobody", "member 4 is no holder", against(4), NotAHolder(MemberNumber(4))),
        defect("ceremony-message-signature-flipped", "the last bit", flipped, Signature(SignatureError::BadSignature)),
        defect(
            "ceremony-message-is-a-call",
            "a call in its place",
            sign(&ceremony::call(), &ceremony::key(1)).envelope().to_vec(),
            Signature(SignatureError::ProtectedHeader),
        ),
        defect("ceremony-message-round-five", "round 5", edit(tree(0).set(3, 5)), DECODE(OutOfRange("round"))),
        defect(
            "ceremony-message-round-of-another",
            "commitments as a deal",
            edit(tree(0).set(3, 2)),
            DECODE(Missing("sealed")),
        ),
        defect(
            "ceremony-message-two-rounds",
            "commitments with a transcript",
            edit(tree(0).append(7, vec![0u8; 32])),
            DECODE(NOT_CANONICAL),
        ),
        defect("ceremony-message-long-package", "577 bytes", edit(tree(0).set(5, long)), DECODE(TOO_LARGE)),
        defect("ceremony-message-eighteen-keys", "18 keys", edit(tree(6).set(8, eighteen)), DECODE(TOO_LARGE)),
        defect("ceremony-message-short-transcript", "31 bytes", edit(tree(6).set(7, vec![0u8; 31])), DECODE(MALFORMED)),
        defect(
            "ceremony-message-trailing-bytes",
            "one byte after the map",
            envelope(Message::CONTENT_TYPE, &joined(&tree(0).bytes(), &[0]), &ceremony::key(1)),
            DECODE(TRAILING),
        ),
    ]
}
