//! Feeds of which this node may hold a listing whose clearing it never saw.
//!
//! Whoever is away while a clearing is published and comes back after its content was erased gets a hash in its place and would
//! hold the listing in force until it expires. Nothing is erased sooner than 30 days after its publication (FORGET-1), so it
//! takes an absence of that length, or a first download that others' erasures overtook. Each feed has the day up to which it is
//! known to be whole; erased leaves that arrive too long after it mark the feed. A marked feed is dropped at the next
//! start, chunks and all, and comes from the peers again as they have it now.
//!
//! An attacker who can modify these documents can make this node fetch feeds again, or not notice what it missed.

use std::collections::BTreeSet;

use antibrush_protocol::{
    base::{Day, MemberNumber},
    encoding::{DecodeError, Reader, Wire, Writer},
};

use super::{
    documents::Batch,
    layout,
    store::{StorageError, Store, lock},
};

/// The shortest retention is 30 days (DEADLINE-9); a head may be a day old, and a clock an hour off.
const AWAY_DAYS: u32 = 28;

/// Up to which day a feed is known to be whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Whole {
    /// The day.
    pub(super) day: Day,
    /// Whether it was ever whole: before that it is the day on which the first download began.
    pub(super) ever: bool,
}

impl Whole {
    /// Whether leaves that are erased today may hide what this node would have needed.
    fn is_too_old(self, today: Day) -> bool {
        let bearable = if self.ever { AWAY_DAYS } else { 0 };
        today.0.saturating_sub(self.day.0) > bearable
    }
}

impl Wire for Whole {
    const MAX_BYTES: usize = 16;

    fn write(&self, w: &mut Writer) {
        w.array(2).uint(self.day.0).uint(u8::from(self.ever));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(2)?;
        Ok(Whole { day: Day(r.small("day")?), ever: r.uint()? == 1 })
    }
}

impl Store {
    fn whole(&self, publisher: MemberNumber) -> Result<Option<Whole>, StorageError> {
        let bytes = self.documents.get(&layout::whole(publisher))?;
        bytes.map(|bytes| Whole::decode(&bytes).map_err(|_| StorageError::Damaged)).transpose()
    }

    /// With a commit: whether what was erased in it may hide a clearing.
    pub(super) fn note_erased(
        &self,
        batch: &mut Batch,
        publisher: MemberNumber,
        erased: bool,
        today: Day,
    ) -> Result<(), StorageError> {
        match self.whole(publisher)? {
            None => batch.put(layout::whole(publisher), Whole { day: today, ever: false }.encode()),
            Some(whole) if erased && whole.is_too_old(today) => {
                tracing::error!(
                    publisher = publisher.0,
                    "this node was away while contents were erased and may have missed clearings: restart it, then it takes the feed anew"
                );
                batch.put(layout::missed(publisher), []);
            }
            Some(_) => {}
        }
        Ok(())
    }

    /// After a run of forgetting: these feeds are whole up to this day, unless something was missed already.
    pub(super) fn note_whole(
        &self,
        publishers: impl Iterator<Item = MemberNumber>,
        today: Day,
    ) -> Result<(), StorageError> {
        let mut batch = Batch::default();
        for publisher in publishers {
            batch.put(layout::whole(publisher), Whole { day: today, ever: true }.encode());
        }
        if batch.is_empty() { Ok(()) } else { Ok(self.documents.commit(batch)?) }
    }

    /// Feeds of which something may have been missed.
    pub fn missed(&self) -> Result<BTreeSet<MemberNumber>, StorageError> {
        let of = |row: Result<(Vec<u8>, Vec<u8>), _>| layout::publisher_of(&row?.0).ok_or(StorageError::Damaged);
        self.documents.scan_prefix(layout::MISSED).map(of).collect()
    }

    /// Removes the chunks of a feed.
    pub(super) fn remove_chunks(&self, publisher: MemberNumber) -> Result<(), StorageError> {
        let _one_at_a_time = lock(&self.committing);
        for seq in 0.. {
            let Some(header) = self.header(publisher, seq)? else { break };
            for descriptor in &header.payload().chunks {
                self.bodies.remove(&descriptor.digest)?;
            }
        }
        Ok(())
    }
}
