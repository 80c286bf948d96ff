//! Entries that wait for witnesses: committed, and not in force yet (docs/PROTOCOL.md, WITNESS-9).
//!
//! A feed has one position up to which it is in force. It is a document that is there only while something waits, and it moves in
//! the same commit that puts the batches into the change stream, so that a crash at any moment leaves each batch either
//! waiting or in the stream once. The table follows as after every commit. The position goes forward alone; only a feed that is
//! taken back takes it along.
//!
//! An attacker who can modify this document can make a feed's entries wait, or have them in force before they were witnessed.

use std::sync::atomic::Ordering;

use antibrush_protocol::{base::MemberNumber, encoding::Wire, feed::BatchHeader, limits};

use super::{
    commit::OnDisk,
    documents::Batch,
    layout::{self, CommitRecord, FeedCursor, Held},
    ledger,
    store::{StorageError, Store, lock, next_commit_number},
    table::Row,
};

/// So many batches take effect in one commit of the documents.
const BATCHES_AT_ONCE: usize = 256;

impl Store {
    /// How much of a feed is in force, while some of it waits for witnesses.
    pub fn held(&self, publisher: MemberNumber) -> Result<Option<Held>, StorageError> {
        let bytes = self.documents.get(&layout::held(publisher))?;
        bytes.map(|bytes| Held::decode(&bytes).map_err(|_| StorageError::Damaged)).transpose()
    }

    /// The leaves of a feed that are in force.
    pub(super) fn in_force(&self, publisher: MemberNumber, cursor: &FeedCursor) -> Result<u64, StorageError> {
        Ok(self.held(publisher)?.map_or(cursor.head.size, |held| held.size.min(cursor.head.size)))
    }

    /// Puts the first `batches` batches of a feed into force, as far as they are committed and wait. Returns how many entries took
    /// effect.
    pub fn release(&self, publisher: MemberNumber, batches: u64) -> Result<u64, StorageError> {
        let _one_at_a_time = lock(&self.committing);
        self.catch_up(publisher)?;
        let mut released = 0;
        while let Some(held) = self.held(publisher)? {
            let Some(cursor) = self.cursor(publisher)? else { break };
            let end = batches.min(cursor.head.seq.saturating_add(1));
            let (mut due, mut entries) = (Vec::new(), 0u64);
            for seq in (held.batches..end).take(BATCHES_AT_ONCE) {
                let header = self.header(publisher, seq)?.ok_or(StorageError::Damaged)?;
                entries += header.payload().count;
                if !due.is_empty() && entries > limits::ENTRIES_PER_BATCH {
                    break;
                }
                due.push(header);
            }
            let Some(last) = due.last().map(|header| header.payload()) else { break };
            let next = Held { batches: last.seq + 1, size: last.size };
            let due: Vec<&BatchHeader> = due.iter().map(|header| header.payload()).collect();
            self.put_into_force(publisher, held, &due, (next.size < cursor.head.size).then_some(next))?;
            released += next.size.saturating_sub(held.size);
        }
        Ok(released)
    }

    fn put_into_force(
        &self,
        publisher: MemberNumber,
        held: Held,
        due: &[&BatchHeader],
        next: Option<Held>,
    ) -> Result<(), StorageError> {
        let mut batch = Batch::default();
        let mut number = self.next_commit.load(Ordering::Relaxed);
        for header in due.iter().filter(|header| header.count > 0) {
            batch.put(layout::commit(number), CommitRecord::of(number, header).encode());
            number += 1;
        }
        match next {
            Some(next) => batch.put(layout::held(publisher), next.encode()),
            None => batch.remove(layout::held(publisher)),
        }
        let committed = self.documents.commit(batch).map_err(StorageError::from);
        let done = committed.and_then(|()| {
            self.next_commit.store(number, Ordering::Release);
            self.apply(publisher, due, OnDisk::Old)
        });
        if done.is_err() {
            // A commit that reports an error may have come through all the same: its numbers are taken then, and the table lacks
            // what it put into force.
            lock(&self.behind).insert(publisher, held.size);
            self.next_commit.fetch_max(next_commit_number(&self.documents)?, Ordering::Relaxed);
        }
        done
    }

    /// The rows of a feed that what waits in it will make: what its own publisher plans against. They are taken before the table's
    /// reader, so that what takes effect in between is in both and not in neither.
    pub fn waiting_rows(&self, publisher: MemberNumber) -> Result<Vec<Row>, StorageError> {
        if self.held(publisher)?.is_none() {
            return Ok(Vec::new());
        }
        let _one_at_a_time = lock(&self.committing);
        let (Some(held), Some(cursor)) = (self.held(publisher)?, self.cursor(publisher)?) else {
            return Ok(Vec::new());
        };
        let mut placed = Vec::new();
        self.for_each_entry(publisher, held.size, cursor.head.size, |entry| placed.push(entry))?;
        Ok(ledger::rows(placed, publisher, &self.table.reader()).0)
    }
}
