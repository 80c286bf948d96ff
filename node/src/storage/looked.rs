//! What the last run of forgetting looked at, and which chunks may be handed to peers because of it.
//!
//! A node that was away, and every node at the beginning of a day, holds contents that have fallen due and that others have erased
//! already; whoever joins must not get them from it. So a chunk is handed out if a run of this day looked at its feed to the end, and
//! otherwise only if all in it is of this day. Of a feed that a run could not look at to the end, for something may be missing in it
//! that ends a listing, that is so for the chunks that were there; where a publisher withholds what is missing, so that nobody can
//! look further, only those stay behind in which something is due by what is here. What is held back is answered as absent: whoever
//! asks waits or asks another one, as for a body that has not come (SYNC-1).
//!
//! In memory alone: after a start nothing was looked at.

use std::collections::BTreeMap;

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
    /// Something may be missing.
    InPart {
        /// The chunks in which something may be due by the end of the day, ascending.
        held_back: Vec<Hash>,
    },
}

impl Seen {
    /// A feed of which something may be missing.
    pub(super) fn in_part(held_back: impl IntoIterator<Item = Hash>) -> Seen {
        let mut held_back: Vec<Hash> = held_back.into_iter().collect();
        held_back.sort_unstable();
        held_back.dedup();
        Seen::InPart { held_back }
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

    /// Whether a chunk of a feed may be handed out whatever is in it, and if not, whether it may be at all.
    fn may_go(&self, publisher: MemberNumber, digest: &Hash, today: Day) -> MayGo {
        match self.seen.get(&publisher).filter(|_| self.day == Some(today)) {
            Some(Seen::ToTheEnd) => MayGo::Yes,
            Some(Seen::InPart { held_back }) if held_back.binary_search(digest).is_err() => MayGo::Yes,
            Some(Seen::InPart { .. }) => MayGo::No,
            None => MayGo::IfOfToday,
        }
    }
}

enum MayGo {
    Yes,
    No,
    IfOfToday,
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
        let Some(bytes) = self.sound_chunk(digest)? else { return Ok(None) };
        let place = chunk::place(&bytes).map_err(|_| StorageError::Damaged)?;
        let goes = match lock(&self.looked).may_go(place.publisher, digest, today) {
            MayGo::Yes => true,
            MayGo::No => false,
            MayGo::IfOfToday => {
                let leaves: Result<Vec<Leaf>, _> = chunk::leaves(&bytes).collect();
                !may_be_due(leaves.map_err(|_| StorageError::Damaged)?.iter(), today)
            }
        };
        Ok(goes.then_some(bytes))
    }

    /// The day of the last run of forgetting, and what it found of the feeds that were looked at to the end on that day.
    pub fn forgotten(&self) -> Option<(Day, Forgotten)> {
        let looked = lock(&self.looked);
        let is_whole = |publisher: &MemberNumber| matches!(looked.seen.get(publisher), Some(Seen::ToTheEnd));
        let found = looked.found.iter().filter(|(publisher, _)| is_whole(publisher));
        Some((looked.day?, found.map(|(publisher, erased)| (*publisher, *erased)).collect()))
    }
}
