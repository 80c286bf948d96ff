//! Charters with shared keys.

use antibrush_protocol::{
    base::MemberNumber,
    charter::{Charter, CharterError, MemberState},
    signed::SignatureError,
    subject::Class,
};
use coset::cbor::value::Value;

use super::{charter::envelope_of, *};
use crate::edit::*;

/// Shared keys and their holders.
pub fn charters() -> Vec<Defect> {
    use CharterError::*;
    let both = ["1", "2"];
    // The shared keys are those of ENT at 1 and of MOB at 3, which is retired, and 4.
    let next = |change: fn(&mut Charter)| {
        let mut charter = second();
        share_keys(&mut charter);
        change(&mut charter);
        signed(&charter, &both).encode()
    };
    let edited = |place: usize, key: fn(Vec<Value>) -> Vec<Value>| {
        let mut charter = second();
        share_keys(&mut charter);
        let mut tree = Tree::of(&charter);
        if let Value::Map(pairs) = &mut tree.0
            && let Some((_, Value::Array(keys))) = pairs.iter_mut().find(|(number, _)| *number == Value::from(12))
            && let Some(Value::Array(items)) = keys.get_mut(place)
        {
            *items = key(std::mem::take(items));
        }
        envelope_of(&tree.bytes(), &both)
    };
    let number = |numbers: &[u16]| numbers.iter().copied().map(MemberNumber).collect::<Vec<_>>();
    let holders = |members: Vec<MemberNumber>| {
        let mut charter = second();
        share_keys(&mut charter);
        charter.holding = Some(antibrush_protocol::charter::Holding { threshold: 2, members, quotas: Vec::new() });
        signed(&charter, &both).encode()
    };
    let of_two = |charter: &mut Charter, epochs: &[u16]| {
        charter.token_keys.extend(epochs.iter().map(|epoch| shared_key(Class::Ent, *epoch).1));
        charter.token_keys.sort_by_key(|key| (key.class, key.epoch));
    };
    let mut three_epochs = second();
    share_keys(&mut three_epochs);
    of_two(&mut three_epochs, &[3, 4]);
    let mut refreshed = second();
    share_keys(&mut refreshed);
    refreshed.token_keys[1].public_keys[1] = refreshed_key(Class::Ent, 2, 1).1.public_keys[1];
    let mut unsigned = second();
    share_keys(&mut unsigned);
    unsigned.token_keys[1].public_keys.swap(1, 2);
    let decode = |error| Signature(SignatureError::Decode(error));
    vec![
        defect(
            "charter-holding-threshold-one",
            "every holder would have the key",
            next(|c| c.holding.as_mut().expect("there").threshold = 1),
            Holding,
        ),
        defect(
            "charter-holding-threshold-four",
            "four of three",
            next(|c| c.holding.as_mut().expect("there").threshold = 4),
            Holding,
        ),
        defect("charter-holding-platforms", "platforms alone", holders(number(&[1, 2, 5])), Holding),
        defect("charter-holding-sisters", "two under one control", holders(number(&[2, 3, 6])), Holding),
        defect("charter-holding-observer", "an observer holds nothing", holders(number(&[1, 4, 6])), Holding),
        defect("charter-holding-nobody", "member 9, who is none", holders(number(&[1, 2, 9])), Holding),
        defect("charter-holding-out-of-order", "6 before 2", holders(number(&[1, 6, 2])), Holding),
        defect(
            "charter-holding-suspended",
            "a holder who is suspended",
            next(|c| c.members[5].state = MemberState::Suspended),
            Holding,
        ),
        defect(
            "charter-holding-quota-twice",
            "two quotas of one class",
            next(|c| {
                let quotas = &mut c.holding.as_mut().expect("there").quotas;
                quotas.push(quotas[1]);
            }),
            Holding,
        ),
        defect(
            "charter-holding-seventeen",
            "one too many",
            holders((1..18).map(MemberNumber).collect()),
            decode(TOO_LARGE),
        ),
        defect(
            "charter-shares-swapped",
            "shares 1 and 2",
            next(|c| c.token_keys[1].public_keys.swap(1, 2)),
            PublicShares,
        ),
        defect(
            "charter-share-identity",
            "the identity",
            next(|c| c.token_keys[1].public_keys[2] = [0; 32]),
            PublicShares,
        ),
        defect(
            "charter-share-of-a-refresh",
            "one share of the same key refreshed",
            signed(&refreshed, &both).encode(),
            PublicShares,
        ),
        defect(
            "charter-share-threshold",
            "two can use it, not three",
            next(|c| c.token_keys[1].threshold = 3),
            PublicShares,
        ),
        defect(
            "charter-share-of-nobody",
            "member 9 holds share 3",
            next(|c| c.token_keys[1].members[2] = MemberNumber(9)),
            PublicShares,
        ),
        defect(
            "charter-shares-unsigned",
            "shares are looked at after the quorum",
            signed(&unsigned, &["1"]).encode(),
            OldQuorum { have: 1, need: 2 },
        ),
        defect(
            "charter-falls-back",
            "a pepper after shares",
            next(|c| c.token_keys.insert(2, token_key(Class::Ent, 3))),
            FallsBack,
        ),
        defect(
            "charter-three-epochs",
            "three active epochs of ENT",
            signed(&three_epochs, &both).encode(),
            TooManyEpochs,
        ),
        defect("charter-shared-without-holders", "no members", next(|c| c.token_keys[1].members.clear()), TokenKeys),
        defect("charter-shared-threshold-one", "one of three", next(|c| c.token_keys[1].threshold = 1), TokenKeys),
        defect(
            "charter-shared-share-missing",
            "two shares of three",
            next(|c| c.token_keys[1].public_keys.truncate(3)),
            TokenKeys,
        ),
        defect(
            "charter-key-changed-by-sharing",
            "the pepper of WEB replaced by shares in the same epoch",
            next(|c| c.token_keys[5] = shared_key(Class::Web, 1).1),
            TokenKeyChanged,
        ),
        defect("charter-token-key-empty", "an array of no items", edited(1, |_| Vec::new()), decode(MALFORMED)),
        defect(
            "charter-shared-without-members",
            "six items",
            edited(1, |mut items| {
                items.pop();
                items
            }),
            decode(MALFORMED),
        ),
        defect(
            "charter-keyed-with-members",
            "eight items of suite 1",
            edited(0, |mut items| {
                items.push(Value::from(0));
                items
            }),
            decode(MALFORMED),
        ),
    ]
}
