//! What the last run of forgetting looked at, and which chunks may be handed to peers because of it.
//!
//! A node that was away, and every node at the beginning of a day, holds contents that have fallen due and that others have erased
//! already; whoever joins must not get them from it. So until a run of the day has gone through, a chunk is handed out only if all
//! in it is of that day. After it, the same holds for the chunks of feeds that were not looked at to the end, for something may be
//! missing in them that ends a listing; where a publisher withholds what is missing, so that nobody can look further, those stay behind in which
//! something is due by what is here. What is held back is answered as absent: whoever asks waits or asks another one, as
//! for a body that has not come (SYNC-1).
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
    /// Whether the last run could read every feed.
    is_whole: bool,
    /// What the last run found, by publisher.
    found: Forgotten,
    /// The feeds that a run of this day looked at to the end.
    to_the_end: BTreeSet<MemberNumber>,
    /// Chunks of other feeds in which something may be due by the end of the day, ascending.
    held_back: Vec<Hash>,
}

/// What a run found.
pub(super) struct Run {
    /// The day.
    pub(super) day: Day,
    /// Whether it could read every feed.
    pub(super) is_whole: bool,
    /// By publisher.
    pub(super) found: Forgotten,
    /// The feeds that it looked at to the end.
    pub(super) to_the_end: BTreeSet<MemberNumber>,
    /// The chunks of each other feed in which something may be due.
    pub(super) maybe_due: BTreeMap<MemberNumber, Vec<Hash>>,
}

impl Looked {
    /// Takes note of a run. What an earlier run of the day saw to the end stays so.
    pub(super) fn note(&mut self, run: Run) {
        let mut to_the_end = run.to_the_end;
        if self.day == Some(run.day) {
            to_the_end.extend(self.to_the_end.iter().copied());
        }
        let others = run.maybe_due.into_iter().filter(|(publisher, _)| !to_the_end.contains(publisher));
        let mut held_back: Vec<Hash> = others.flat_map(|(_, chunks)| chunks).collect();
        held_back.sort_unstable();
        held_back.dedup();
        *self = Looked { day: Some(run.day), is_whole: run.is_whole, found: run.found, to_the_end, held_back };
    }
}

/// Whether something in a chunk may have fallen due, whatever its feed says: all but what is of today. A listing is due long after
/// it was published, but an amendment, a clearing or a remark goes with what it is about, and that may be old.
pub(super) fn may_be_due<'a>(mut leaves: impl Iterator<Item = &'a Leaf>, today: Day) -> bool {
    // When it was published is in the header, which a digest does not name; its own day is no later, unless somebody dates ahead
    // what he publishes himself.
    leaves.any(|leaf| matches!(leaf, Leaf::Entry(entry) if entry.day() < today))
}

impl Store {
    /// A sound chunk, if nothing is in it that may be due by this day.
    pub fn chunk_for_peers(&self, digest: &Hash, today: Day) -> Result<Option<Vec<u8>>, StorageError> {
        let is_looked_at = {
            let looked = lock(&self.looked);
            let of_today = looked.day == Some(today) && looked.is_whole;
            if of_today && looked.held_back.binary_search(digest).is_ok() {
                return Ok(None);
            }
            of_today
        };
        let Some(bytes) = self.sound_chunk(digest)? else { return Ok(None) };
        if is_looked_at {
            return Ok(Some(bytes));
        }
        let leaves: Result<Vec<Leaf>, _> = chunk::leaves(&bytes).collect();
        let leaves = leaves.map_err(|_| StorageError::Damaged)?;
        Ok((!may_be_due(leaves.iter(), today)).then_some(bytes))
    }

    /// The day of the last run of forgetting, and what it found of the feeds that were looked at to the end on that day.
    pub fn forgotten(&self) -> Option<(Day, Forgotten)> {
        let looked = lock(&self.looked);
        let found = looked.found.iter().filter(|(publisher, _)| looked.to_the_end.contains(publisher));
        Some((looked.day?, found.map(|(publisher, erased)| (*publisher, *erased)).collect()))
    }
}
