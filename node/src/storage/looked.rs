//! What the last run of forgetting looked at, and which chunks may be handed to peers because of it.
//!
//! A node that was away, and every node at the beginning of a day, holds contents that have fallen due and that others have erased
//! already; whoever joins must not get them from it. So a chunk is handed out if a run of this day looked at its feed to the end, and
//! otherwise only if all in it is of this day: something may be missing in its feed that ends a listing. Where a publisher withholds what
//! is missing, so that nobody can look further, all chunks of what is in force go, but for those in which something is due by what is here.
//! What is held back is answered as absent: whoever asks waits or asks another one, as for a body that has not come (SYNC-1).
//!
//! In memory alone: after a start nothing was looked at.

use std::collections::{BTreeMap, BTreeSet};

use antibrush_protocol::{
    base::{Day, Hash, MemberNumber},
    feed::{Leaf, chunk},
};

use super::{
    forget::Forgotten,
    store::{StorageError, Store, lock},
};

/// What the runs of a day found.
#[derive(Debug, Default)]
pub(super) struct Looked {
    /// The day.
    day: Option<Day>,
    /// What the last run found, by publisher.
    found: Forgotten,
    /// How far the runs of this day looked at each feed. One that is not here was not there, or could not be read.
    seen: BTreeMap<MemberNumber, Seen>,
}

/// How far a run looked at a feed.
#[derive(Debug)]
pub(super) enum Seen {
    /// Everything is known that could still change the end of a listing, and what is due is erased.
    ToTheEnd,
    /// What is missing nobody shows; the chunks in which nothing is due by what is here, ascending.
    AsFarAsShown(Vec<Hash>),
}

impl Seen {
    /// A feed of which nobody shows what is missing: its chunks, without those in which something is due.
    pub(super) fn as_far_as_shown(chunks: impl Iterator<Item = Hash>, due: &BTreeSet<Hash>) -> Seen {
        let mut chunks: Vec<Hash> = chunks.filter(|digest| !due.contains(digest)).collect();
        chunks.sort_unstable();
        Seen::AsFarAsShown(chunks)
    }
}

impl Looked {
    /// Takes note of a run. What an earlier run of the day saw to the end stays so.
    pub(super) fn note(&mut self, day: Day, found: Forgotten, mut seen: BTreeMap<MemberNumber, Seen>) {
        if self.day == Some(day) {
            let before = std::mem::take(&mut self.seen);
            seen.extend(before.into_iter().filter(|(_, seen)| matches!(seen, Seen::ToTheEnd)));
        }
        *self = Looked { day: Some(day), found, seen };
    }

    /// Whether a chunk of a feed may be handed out whatever is in it.
    fn lets_go(&self, publisher: MemberNumber, digest: &Hash, today: Day) -> bool {
        match self.seen.get(&publisher).filter(|_| self.day == Some(today)) {
            Some(Seen::ToTheEnd) => true,
            Some(Seen::AsFarAsShown(chunks)) => chunks.binary_search(digest).is_ok(),
            None => false,
        }
    }
}

/// Whether something in a chunk may have fallen due, whatever its feed says: all but what is of today. A listing is due long after
/// it was published, but an amendment, a clearing or a remark goes with what it is about, and that may be old.
fn may_be_due<'a>(mut leaves: impl Iterator<Item = &'a Leaf>, today: Day) -> bool {
    // When it was published is in the header, which a digest does not name; its own day is no later, unless somebody dates ahead
    // what he publishes himself.
    leaves.any(|leaf| matches!(leaf, Leaf::Entry(entry) if entry.day() < today))
}

impl Store {
    /// A sound chunk, if nothing is in it that may be due by this day.
    pub fn chunk_for_peers(&self, digest: &Hash, today: Day) -> Result<Option<Vec<u8>>, StorageError> {
        let Some(bytes) = self.sound_chunk(digest)? else { return Ok(None) };
        let place = chunk::place(&bytes).map_err(|_| StorageError::Damaged)?;
        if lock(&self.looked).lets_go(place.publisher, digest, today) {
            return Ok(Some(bytes));
        }
        let leaves: Result<Vec<Leaf>, _> = chunk::leaves(&bytes).collect();
        Ok((!may_be_due(leaves.map_err(|_| StorageError::Damaged)?.iter(), today)).then_some(bytes))
    }

    /// The day of the last run of forgetting, and what it found of the feeds that were looked at to the end on that day.
    pub fn forgotten(&self) -> Option<(Day, Forgotten)> {
        let looked = lock(&self.looked);
        let is_whole = |publisher: &MemberNumber| matches!(looked.seen.get(publisher), Some(Seen::ToTheEnd));
        let found = looked.found.iter().filter(|(publisher, _)| is_whole(publisher));
        Some((looked.day?, found.map(|(publisher, erased)| (*publisher, *erased)).collect()))
    }
}
