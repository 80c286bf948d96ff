//! Cuts: up to where a feed stands, by decision of the stewards.
//!
//! A feed is append-only, and nobody may rewrite it: not its publisher, not the stewards. What the quorum may decide is that
//! nothing counts that was signed after a certain head: because the key was lost or stolen, or because two histories exist.
//! The feed goes on after that head, under the charter that made the cut or a later one.

use super::{Charter, CharterError, FeedKey, Member};
use crate::{
    base::{Hash, Timestamp},
    encoding::{DecodeError, Reader, Writer},
    feed::BatchHeader,
};

#[cfg(test)]
mod tests;

/// The most cuts of one member.
pub(super) const CUTS: usize = 64;

/// The head up to which a feed shall stand, as a decision names it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stands {
    /// How many batches stand.
    pub batches: u64,
    /// Leaves in the tree after them.
    pub size: u64,
    /// The id of the last header that stands; `None` if no batch does.
    pub head: Option<Hash>,
    /// When that header was signed; 0 if no batch stands.
    pub issued: Timestamp,
}

impl Stands {
    /// Nothing stands.
    pub const NOTHING: Stands = Stands { batches: 0, size: 0, head: None, issued: Timestamp(0) };

    /// Everything up to this header stands.
    pub fn at(header: &BatchHeader, id: Hash) -> Stands {
        Stands { batches: header.seq.saturating_add(1), size: header.size, head: Some(id), issued: header.issued }
    }
}

/// One decision about a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cut {
    /// The number of the charter that made it.
    pub charter: u64,
    /// How many batches stand: those with the numbers below.
    pub batches: u64,
    /// Leaves in the tree after them.
    pub size: u64,
    /// The id of the last header that stands; `None` if no batch does.
    pub head: Option<Hash>,
}

impl Cut {
    /// Whether a header is void by this cut. `charter` is the number of the version that the header names.
    fn voids(&self, header: &BatchHeader, id: &Hash, charter: u64) -> bool {
        let beyond = header.seq >= self.batches && charter < self.charter;
        let beside = header.seq.checked_add(1) == Some(self.batches) && self.head != Some(*id);
        beyond || beside
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(3 + usize::from(self.head.is_some())).uint(self.charter).uint(self.batches).uint(self.size);
        if let Some(head) = &self.head {
            w.bytes(head);
        }
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Cut, DecodeError> {
        let len = r.array(4)?;
        if len < 3 {
            return Err(DecodeError::Malformed);
        }
        let (charter, batches, size) = (r.uint()?, r.uint()?, r.uint()?);
        let head = if len == 4 { Some(r.fixed()?) } else { None };
        Ok(Cut { charter, batches, size, head })
    }
}

/// HEADER-14: whether one of the first `cuts` decisions about this feed voids a header. `charter` is the number of the version
/// that it names.
pub(super) fn is_void(member: &Member, cuts: usize, header: &BatchHeader, id: &Hash, charter: u64) -> bool {
    member.cuts.iter().take(cuts).any(|cut| cut.voids(header, id, charter))
}

/// CHARTER-19 and CHARTER-21, form: cuts ascend, none is of a later version, and each says what stands; a revoked key has an end.
pub(super) fn check(charter: &Charter, member: &Member) -> Result<(), CharterError> {
    let ascending = member.cuts.windows(2).all(|pair| pair[0].charter < pair[1].charter);
    let whole = |cut: &Cut| {
        let nothing = cut.batches == 0;
        cut.charter <= charter.number && cut.head.is_none() == nothing && (!nothing || cut.size == 0)
    };
    if !ascending || !member.cuts.iter().all(whole) {
        return Err(CharterError::Cut(member.number));
    }
    let ended = |key: &FeedKey| key.revoked.is_none_or(|by| by <= charter.number && key.until.is_some());
    if member.feed_keys.iter().all(ended) { Ok(()) } else { Err(CharterError::FeedKey(member.number)) }
}

/// CHARTER-19, succession: decisions stay as they are, and a version makes at most one about a feed.
pub(super) fn check_succession(old: &Member, new: &Member, number: u64) -> Result<(), CharterError> {
    let kept = new.cuts.get(..old.cuts.len()) == Some(&old.cuts[..]);
    let made = new.cuts.get(old.cuts.len()..).unwrap_or_default();
    let own = made.len() <= 1 && made.iter().all(|cut| cut.charter == number);
    if kept && own { Ok(()) } else { Err(CharterError::Cut(new.number)) }
}

/// CHARTER-21: keys of a feed stay, for old headers are verified by them; an end that is set stays; and a key is revoked for good,
/// with a cut, since whoever stole it can still sign headers of the past.
pub(super) fn check_feed_keys(old: &Member, new: &Member, number: u64) -> Result<(), CharterError> {
    let refused = Err(CharterError::FeedKey(new.number));
    for before in &old.feed_keys {
        let Some(after) = new.feed_keys.iter().find(|key| key.key == before.key) else { return refused };
        let ends = before.until.is_none() || after.until == before.until;
        let revoked = match (before.revoked, after.revoked) {
            (None, Some(by)) => by == number,
            (before, after) => before == after,
        };
        if after.from != before.from || !ends || !revoked {
            return refused;
        }
    }
    let cut = new.cuts.last().is_some_and(|cut| cut.charter == number);
    let revokes = new.feed_keys.iter().any(|key| key.revoked == Some(number));
    if revokes && new.role.publishes() && !cut { refused } else { Ok(()) }
}
