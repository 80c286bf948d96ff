//! Charters and members.

use antibrush_protocol::{
    base::MemberNumber,
    charter::{Charter, CharterError, Member, MemberState, SealedSeed},
    encoding::{DecodeError::*, Wire},
    signed::{self, Payload, SignatureError},
};
use coset::cbor::value::Value;

use super::*;
use crate::edit::*;

/// `[payload, [signature …]]` around any payload.
pub(super) fn envelope_of(payload: &[u8], stewards: &[&str]) -> Vec<u8> {
    let sign = |name: &&str| Value::from(signed::sign_detached(Charter::CONTENT_TYPE, payload, &steward(name)));
    Tree(array([Value::from(payload.to_vec()), array(stewards.iter().map(sign))])).bytes()
}

/// Directories that begin with `charter-genesis` are offered as a first version, `charter-forked` to a chain that has
/// version 2 already, all others as successors of version 1.
pub fn charters() -> Vec<Defect> {
    use CharterError::*;
    let number = MemberNumber;
    let both = ["1", "2"];
    let next = |change: fn(&mut Charter)| {
        let mut charter = second();
        change(&mut charter);
        signed(&charter, &both).encode()
    };
    let first = |change: fn(&mut Charter)| {
        let mut charter = genesis();
        change(&mut charter);
        signed(&charter, &both).encode()
    };
    let edit = |tree: Tree| envelope_of(&tree.bytes(), &both);
    let tree = || Tree::of(&second());
    let decode = |error| Signature(SignatureError::Decode(error));
    let by = |stewards: &[&str]| signed(&second(), stewards).encode();
    let old = |have| OldQuorum { have, need: 2 };
    let whole = by(&both);
    let last = whole.len() - 1;
    let flipped = joined(&whole[..last], &[whole[last] ^ 1]);
    let many = vec![array([Value::from(1), Value::from(vec![0u8; 32])]); 129];
    vec![
        defect("charter-duplicate-signer", "one steward twice", by(&["1", "1"]), old(1)),
        defect("charter-two-keys-quorum", "two keys of one member", by(&["2", "2b"]), old(1)),
        defect("charter-two-sisters-quorum", "two members under one control", by(&["2", "3"]), old(1)),
        defect("charter-strangers-quorum", "keys that are no stewards'", by(&["8", "9"]), old(0)),
        defect("charter-unsigned", "no signature", by(&[]), old(0)),
        defect(
            "charter-signature-flipped",
            "the last bit of a signature",
            flipped,
            Signature(SignatureError::BadSignature),
        ),
        defect(
            "charter-new-quorum",
            "its own threshold is three",
            next(|c| {
                c.stewards.push(antibrush_protocol::charter::Steward {
                    member: MemberNumber(5),
                    key: antibrush_protocol::signed::Signer::public(&steward("5")),
                });
                c.threshold = 3
            }),
            NewQuorum { have: 2, need: 3 },
        ),
        defect(
            "charter-skipped-version",
            "version 3 after version 1",
            next(|c| c.number = 3),
            NotNext { expected: 2, found: 3 },
        ),
        defect("charter-version-zero", "version 0", next(|c| c.number = 0), Succession),
        defect("charter-forked", "another version 2", next(|c| c.name_en.push('!')), Forked(2)),
        defect(
            "charter-forked-rollback",
            "another version 1 after version 2, with both signatures",
            {
                let mut charter = genesis();
                charter.name_en.push('!');
                signed(&charter, &both).encode()
            },
            Forked(1),
        ),
        defect(
            "charter-other-predecessor",
            "after a version that nobody knows",
            next(|c| c.previous = Some([0; 32])),
            OtherChain,
        ),
        defect("charter-other-alliance", "of another alliance", next(|c| c.alliance = Some([0; 32])), OtherChain),
        defect("charter-nonce-changed", "another founding nonce", next(|c| c.founding_nonce = [0; 32]), OtherChain),
        defect("charter-without-predecessor", "version 2 after nothing", next(|c| c.previous = None), Succession),
        defect(
            "charter-number-moved",
            "number 4 given to another legal entity",
            next(|c| {
                c.members.truncate(4);
                c.members[3].uscc = CODES[4].to_owned()
            }),
            NumberMoved(number(4)),
        ),
        defect(
            "charter-member-vanished",
            "member 4 gone",
            next(|c| {
                c.members.remove(3);
            }),
            NumberMoved(number(4)),
        ),
        defect("charter-members-out-of-order", "4 before 3", next(|c| c.members.swap(2, 3)), Order),
        defect(
            "charter-slug-twice",
            "two members called alpha",
            next(|c| c.members[1].slug = "alpha".to_owned()),
            Member(number(2)),
        ),
        defect(
            "charter-code-check-digit",
            "a credit code with a wrong check digit",
            next(|c| c.members[4].uscc = "52369997CLRKQMRBEL".to_owned()),
            Member(number(5)),
        ),
        defect(
            "charter-observer-secret",
            "a pepper sealed to the observer",
            next(|c| c.members[3].sealed_seeds = vec![SealedSeed { epoch: 1, sealed: vec![0; 80] }]),
            ObserverHoldsSecret(number(4)),
        ),
        defect(
            "charter-mixed-order-key",
            "a feed key with a torsion part",
            next(|c| c.members[4].feed_keys[0].key = mixed_order_key()),
            Key(number(5)),
        ),
        defect(
            "charter-small-order-key",
            "a feed key of order 8",
            next(|c| c.members[4].feed_keys[0].key = small_order_key()),
            Key(number(5)),
        ),
        defect(
            "charter-identity-key",
            "the identity as a node key",
            next(|c| c.members[4].nodes[0].key = identity_key()),
            Key(number(5)),
        ),
        defect(
            "charter-key-twice",
            "one key for feed and node",
            next(|c| c.members[4].nodes[0].key = c.members[4].feed_keys[0].key),
            Key(number(5)),
        ),
        defect(
            "charter-threshold-out-of-reach",
            "three of two controlling entities",
            next(|c| c.threshold = 3),
            Stewards,
        ),
        defect("charter-threshold-zero", "nobody need sign", next(|c| c.threshold = 0), Stewards),
        defect(
            "charter-suspended-steward",
            "a steward who is suspended",
            next(|c| c.members[0].state = MemberState::Suspended),
            Stewards,
        ),
        defect(
            "charter-steward-feed-key",
            "a steward key that signs a feed",
            next(|c| c.stewards[0].key = c.members[0].feed_keys[0].key),
            Stewards,
        ),
        defect(
            "charter-token-key-twice",
            "two keys for one class and epoch",
            next(|c| c.token_keys.push(c.token_keys[2].clone())),
            TokenKeys,
        ),
        defect(
            "charter-threshold-suite",
            "suite 2 with one holder and no members",
            next(|c| c.token_keys[0].suite = antibrush_protocol::suite::Suite::Threshold),
            TokenKeys,
        ),
        defect(
            "charter-enumerable-persons",
            "keyed tokens of persons unsaid",
            next(|c| c.policy.accepts_insider_enumeration = false),
            EnumerablePersons,
        ),
        defect("charter-expired-at-birth", "expires when it is issued", next(|c| c.expires = c.issued), Term),
        defect(
            "charter-genesis-number-two",
            "a first version with number 2",
            signed(&second(), &both).encode(),
            NotNext { expected: 1, found: 2 },
        ),
        defect(
            "charter-genesis-with-predecessor",
            "a first version after another",
            first(|c| c.previous = Some([0; 32])),
            Succession,
        ),
        defect(
            "charter-genesis-one-signature",
            "the threshold is two",
            signed(&genesis(), &["1"]).encode(),
            NewQuorum { have: 1, need: 2 },
        ),
        defect(
            "charter-key-without-succession",
            "a new feed key that the old one did not sign for",
            next(|c| c.members[0].successions.clear()),
            KeySuccession(number(1)),
        ),
        defect(
            "charter-succession-forged",
            "a bit of the old key's signature changed",
            next(|c| c.members[0].successions[0].by_old[0] ^= 1),
            KeySuccession(number(1)),
        ),
        defect(
            "charter-succession-of-another-version",
            "recorded by a version that is not this one",
            next(|c| c.members[0].successions[0].charter = 3),
            KeySuccession(number(1)),
        ),
        defect(
            "charter-succession-of-a-newcomer",
            "a member that was not there brings a history",
            next(|c| c.members[4].successions = c.members[0].successions.clone()),
            KeySuccession(number(5)),
        ),
        defect(
            "charter-policy-out-of-range",
            "mobile numbers for 181 days",
            next(|c| c.policy.mobile_term_days = 181),
            decode(OutOfRange("policy")),
        ),
        defect(
            "charter-policy-default-left-out",
            "a policy number not stated",
            edit(tree().set(13, Value::Map(vec![(Value::from(4), Value::from(1))]))),
            decode(NOT_CANONICAL),
        ),
        defect(
            "charter-policy-seventeen-witnesses",
            "more than sixteen witnesses",
            next(|c| c.policy.witnesses = 17),
            decode(OutOfRange("policy")),
        ),
        defect(
            "charter-policy-no-witnesses-stated",
            "0 witnesses, which is said by saying nothing",
            edit(tree().set(13, policy([2, 365, 180, 1, 1, 0]))),
            decode(NOT_CANONICAL),
        ),
        defect("charter-unknown-version", "version 2 of the object", edit(tree().set(0, 2)), decode(UnknownVersion(2))),
        defect("charter-unknown-level", "level 5", edit(tree().set(7, 5)), decode(OutOfRange("level"))),
        defect("charter-too-many-stewards", "129 stewards", edit(tree().set(9, Value::Array(many))), decode(TOO_LARGE)),
        defect("charter-missing-policy", "no key 13", edit(tree().without(13)), decode(Missing("policy"))),
        defect("charter-trailing-bytes", "one byte after the envelope", joined(&whole, &[0]), decode(TRAILING)),
    ]
}

/// A policy with these numbers at the keys 0, 1 and so on.
fn policy(numbers: [u16; 6]) -> Value {
    Value::Map((0u8..).zip(numbers).map(|(key, number)| (Value::from(key), Value::from(number))).collect())
}

pub fn members() -> Vec<Defect> {
    let member: Member = member(1);
    let tree = || Tree::of(&member);
    let bytes = member.encode();
    let key = || Value::from(vec![1u8; 32]);
    let succession = |kind: u8| {
        let (key, signature) = (|| Value::from(vec![1u8; 32]), || Value::from(vec![0u8; 64]));
        array([Value::from(2), Value::from(kind), key(), key(), signature(), signature()])
    };
    let addresses = |n: usize| array([array([key(), array(vec![Value::from("/ip4/192.0.2.1/tcp/1"); n])])]);
    vec![
        defect("member-unknown-role", "role 5", tree().set(5, 5).bytes(), OutOfRange("role")),
        defect("member-unknown-state", "state 0", tree().set(6, 0).bytes(), OutOfRange("state")),
        defect("member-number-17-bits", "number 65536", tree().set(0, 65_536).bytes(), OutOfRange("number")),
        defect("member-slug-too-long", "33 bytes", tree().set(1, "a".repeat(33)).bytes(), TOO_LARGE),
        defect(
            "member-name-control-character",
            "an escape sequence",
            tree().set(2, "\u{1b}[2J").bytes(),
            OutOfRange("legal name"),
        ),
        defect("member-missing-seal-key", "no key 9", tree().without(9).bytes(), Missing("seal key")),
        defect("member-seal-key-short", "31 bytes", tree().set(9, vec![0u8; 31]).bytes(), MALFORMED),
        defect(
            "member-too-many-addresses",
            "nine addresses of one node",
            tree().set(8, addresses(9)).bytes(),
            TOO_LARGE,
        ),
        defect(
            "member-feed-key-without-start",
            "a feed key of one item",
            tree().set(7, array([array([key()])])).bytes(),
            MALFORMED,
        ),
        defect(
            "member-seed-too-long",
            "129 bytes",
            tree().set(10, array([array([Value::from(1), Value::from(vec![0u8; 129])])])).bytes(),
            TOO_LARGE,
        ),
        defect(
            "member-succession-of-no-kind",
            "a succession of kind 3",
            Tree::of(&second().members[0]).set(12, array([succession(3)])).bytes(),
            OutOfRange("successions"),
        ),
        defect("member-succession-short", "five items", tree().append(12, array([array([key()])])).bytes(), MALFORMED),
        defect("member-no-successions-stated", "an empty list", tree().append(12, array([])).bytes(), NOT_CANONICAL),
        defect("member-unknown-key", "key 23", tree().append(23, 0).bytes(), UnknownKey(23)),
        defect("member-duplicate-key", "the seeds twice", tree().append(10, array([])).bytes(), NOT_CANONICAL),
        defect("member-trailing-bytes", "one byte after the map", joined(&bytes, &[0]), TRAILING),
    ]
}
