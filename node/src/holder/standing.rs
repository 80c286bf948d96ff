//! Whether a ceremony may still come to something, and how its result enters the charter.
//!
//! Its holders can confirm for as long as the board keeps it. So that none of them can bring back, with a confirmation that it
//! withheld, what the stewards gave up, a result enters the charter only soon after the deadline, under the holders and keys
//! that the call was made for, and if nobody called again.

use antibrush_protocol::{
    base::Timestamp,
    board::Board,
    ceremony::{Call, Ceremony, CeremonyError, ClassKeys, Kind, Progress},
    charter::{Charter, CharterChain, TokenKey},
    signed::{PublicKey, Verified},
    subject::Class,
};

use crate::core::View;

/// For how long after its deadline the result of a ceremony may enter the charter: time for the last confirmation and the
/// steward's node.
pub(super) const GRACE_SECONDS: u64 = 600;

/// What may come of a ceremony.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It may still enter the charter.
    Open,
    /// A version of the charter has its result.
    InCharter,
    /// The charter has new keys for all its classes. This node has not seen its end and cannot tell whether they are from it.
    Replaced,
    /// No charter will have its result: it is too late, somebody called again, or the charter has other holders or keys now.
    Over,
}

/// Where a ceremony stands; `result` is what it made, if this node has seen its end.
pub fn standing(
    chain: &CharterChain,
    board: &Board,
    call: &Verified<Call>,
    result: Option<&[ClassKeys]>,
    now: Timestamp,
) -> Standing {
    let c = call.payload();
    match result {
        Some(keys) if has_result(chain, c, keys) => return Standing::InCharter,
        None if is_replaced(chain, c) => return Standing::Replaced,
        _ => {}
    }
    let in_time = now < c.deadline.plus(GRACE_SECONDS);
    let charter = chain.current();
    let fits = is_steward(charter, &call.key()) && fits(charter, c, &keys_before(chain, c));
    if in_time && fits && !is_called_again(charter, board, call) { Standing::Open } else { Standing::Over }
}

/// Whether a charter since the one that the call names has these keys.
fn has_result(chain: &CharterChain, call: &Call, keys: &[ClassKeys]) -> bool {
    let Some(called) = chain.version(&call.charter) else { return false };
    chain.from(called.charter().number + 1).iter().any(|version| {
        keys.iter().all(|made| {
            let key = find(version.charter(), made.class, call.epoch);
            key.is_some_and(|key| key.public_keys == made.public_keys)
        })
    })
}

/// Whether the charter has other keys than when it was called, in all classes.
pub(super) fn is_replaced(chain: &CharterChain, call: &Call) -> bool {
    call.classes.iter().zip(keys_before(chain, call)).all(|(class, before)| {
        let before = before.filter(|_| call.kind == Kind::Refresh);
        find(chain.current(), *class, call.epoch).is_some_and(|now| Some(&now.public_keys) != before.as_ref())
    })
}

/// Whether the charter is one that can take the result: with the holders of the call, and the keys that it had then.
fn fits(charter: &Charter, call: &Call, before: &[Option<Vec<[u8; 32]>>]) -> bool {
    let holding = charter.holding.as_ref().map(|holding| (holding.threshold, &holding.members));
    let as_before = |(class, before): (&Class, &Option<Vec<[u8; 32]>>)| {
        let key = find(charter, *class, call.epoch);
        match call.kind {
            Kind::Generate => key.is_none(),
            Kind::Refresh => key.is_some_and(|key| key.is_active() && Some(&key.public_keys) == before.as_ref()),
        }
    };
    holding == Some((call.threshold, &call.holders))
        && before.len() == call.classes.len()
        && call.classes.iter().zip(before).all(as_before)
}

/// Whether a steward called later for the same keys: it gave this ceremony up.
fn is_called_again(charter: &Charter, board: &Board, call: &Verified<Call>) -> bool {
    let c = call.payload();
    board.calls().any(|other| {
        let o = other.payload();
        (o.issued, other.id()) > (c.issued, call.id())
            && is_for_same(c, o.epoch, &o.classes)
            && is_steward(charter, &other.key())
    })
}

/// Whether a call is for one of these classes in this epoch.
pub(crate) fn is_for_same(call: &Call, epoch: u16, classes: &[Class]) -> bool {
    call.epoch == epoch && call.classes.iter().any(|class| classes.contains(class))
}

fn is_steward(charter: &Charter, key: &PublicKey) -> bool {
    charter.stewards.iter().any(|steward| steward.key == *key)
}

fn find(charter: &Charter, class: Class, epoch: u16) -> Option<&TokenKey> {
    charter.token_keys.iter().find(|key| key.class == class && key.epoch == epoch)
}

/// The state of a ceremony as this node sees it, without taking part.
pub fn progress_of(view: &View, call: &Verified<Call>, now: Timestamp) -> Result<Option<Progress>, CeremonyError> {
    let Some(ceremony) = ceremony_of(&view.chain, call)? else { return Ok(None) };
    let messages: Vec<_> = view.board.messages(&call.id()).cloned().collect();
    ceremony.advance(&messages, None, now).map(Some)
}

/// The public keys of a class in the charter that the call names.
pub(super) fn present_keys(chain: &CharterChain, call: &Call, class: Class) -> Option<Vec<[u8; 32]>> {
    Some(find(chain.version(&call.charter)?.charter(), class, call.epoch)?.public_keys.clone())
}

/// The same of each class of the call.
pub(super) fn keys_before(chain: &CharterChain, call: &Call) -> Vec<Option<Vec<[u8; 32]>>> {
    call.classes.iter().map(|class| present_keys(chain, call, *class)).collect()
}

/// The ceremony of a call; `None` if the charter that it names has not the keys that it would refresh.
pub(super) fn ceremony_of(chain: &CharterChain, call: &Verified<Call>) -> Result<Option<Ceremony>, CeremonyError> {
    let present: Option<Vec<Vec<[u8; 32]>>> = match call.payload().kind {
        Kind::Generate => Some(Vec::new()),
        Kind::Refresh => keys_before(chain, call.payload()).into_iter().collect(),
    };
    present.map(|present| Ceremony::new(call.clone(), &present)).transpose()
}

/// The same with the keys that the charter of the call has.
pub fn put_result(charter: &mut Charter, chain: &CharterChain, call: &Call, keys: &[ClassKeys]) -> bool {
    put_into(charter, call, keys, &keys_before(chain, call))
}

/// Puts the result of a ceremony into a charter, if that has the holders of the call and still the keys `before`. Returns
/// whether it did: another charter than the one that was looked at may be in force by now.
pub(super) fn put_into(
    charter: &mut Charter,
    call: &Call,
    keys: &[ClassKeys],
    before: &[Option<Vec<[u8; 32]>>],
) -> bool {
    if !fits(charter, call, before) {
        return false;
    }
    for made in keys {
        let key = call.token_key(made.class, made.public_keys.clone());
        match charter.token_keys.iter_mut().find(|old| (old.class, old.epoch) == (key.class, key.epoch)) {
            Some(old) => old.public_keys = key.public_keys,
            None => charter.token_keys.push(key),
        }
    }
    charter.token_keys.sort_by_key(|key| (key.class, key.epoch));
    true
}

#[cfg(test)]
mod tests;
