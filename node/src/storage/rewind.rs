//! Taking a feed back to where it stands, by decision of the stewards or because two histories exist; and finding again what was
//! taken back.
//!
//! The table goes first and is written, then the documents, the last batches first: a crash or an error in between leaves documents
//! that say more than the table, which the next start or the next commit applies again, and the replica asks for the same once
//! more.

use std::{
    collections::{BTreeSet, VecDeque},
    sync::atomic::Ordering,
};

use antibrush_protocol::{
    base::{Hash, MemberNumber},
    charter::Stands,
    encoding::Wire,
    feed::{BatchHeader, Head, Leaf, chunk},
    merkle::{Frontier, Nodes},
    signed::Signed,
};

use super::{
    documents::Batch,
    layout::{self, CommitRecord, FeedCursor},
    ledger::{self, Placed},
    store::{StorageError, Store, lock, next_commit_number},
    table::Row,
};

/// So many headers are taken back in one commit of the documents: three changes each, 16 KiB at the most.
const BATCHES_AT_ONCE: u64 = 256;

impl Store {
    /// Takes a feed back to its first `batches` batches; to nothing if the last of them has another id than `head`. What is taken
    /// back is kept out of force. A feed that has no more than that stays as it is.
    pub fn rewind(&self, publisher: MemberNumber, batches: u64, head: Option<Hash>) -> Result<(), StorageError> {
        let _one_at_a_time = lock(&self.committing);
        self.catch_up(publisher)?;
        let Some(cursor) = self.cursor(publisher)? else { return Ok(()) };
        let last = match batches.checked_sub(1).filter(|last| *last <= cursor.head.seq) {
            Some(last) => Some(self.header(publisher, last)?.ok_or(StorageError::Damaged)?),
            None if batches > 0 => return Ok(()),
            None => None,
        };
        // Another history: none of it is what the decision is about.
        let last = last.filter(|last| head.is_none_or(|head| head == last.id()));
        if last.as_ref().is_some_and(|last| last.id() == cursor.head.id) {
            return Ok(());
        }
        let size = last.as_ref().map_or(0, |last| last.payload().size);
        // What waits for witnesses is in no table and in no change stream.
        let end = self.in_force(publisher, &cursor)?;
        if size < end {
            let rows = self.rows_without(publisher, size, end)?;
            // Until the documents follow, they have in force what the table lacks.
            lock(&self.behind).insert(publisher, size);
            self.table.apply(rows, &[(publisher, size)])?;
            self.table.persist()?;
            // After the table: from here on a crash has both brought up from the feed again.
            self.remove_remarks(publisher, size)?;
        }
        let stands = last.map_or(0, |last| last.payload().seq + 1);
        let mut next = cursor.head.seq + 1;
        while next > stands {
            let to = stands.max(next.saturating_sub(BATCHES_AT_ONCE));
            self.take_back(publisher, to..next)?;
            next = to;
        }
        lock(&self.behind).remove(&publisher);
        Ok(())
    }

    /// The rows of every listing that the leaves from `size` on speak of, as they are without those leaves.
    fn rows_without(&self, publisher: MemberNumber, size: u64, end: u64) -> Result<Vec<Row>, StorageError> {
        let mut touched = BTreeSet::new();
        self.for_each_entry(publisher, size, end, |placed| {
            touched.insert(placed.listing());
        })?;
        let mut earlier = Vec::new();
        self.for_each_entry(publisher, 0, size, |placed| {
            if touched.contains(&placed.listing()) {
                earlier.push(placed);
            }
        })?;
        Ok(ledger::rows_afresh(earlier, publisher, &touched, &self.table.reader()))
    }

    pub(super) fn for_each_entry(
        &self,
        publisher: MemberNumber,
        from: u64,
        to: u64,
        mut each: impl FnMut(Placed),
    ) -> Result<(), StorageError> {
        let mut next = from;
        while next < to {
            let (first, bytes) = self.chunk_of_leaf(publisher, next)?.ok_or(StorageError::Damaged)?;
            let before = next;
            for (index, leaf) in (first..).zip(chunk::leaves(&bytes)) {
                if let Leaf::Entry(entry) = leaf.map_err(|_| StorageError::Damaged)?
                    && (from..to).contains(&index)
                    && let Some(placed) = Placed::new(&entry, index)
                {
                    each(placed);
                }
                next = index + 1;
            }
            if next <= before {
                return Err(StorageError::Damaged);
            }
        }
        Ok(())
    }

    /// The tree of a feed as it was with so many leaves.
    fn tree_at(&self, publisher: MemberNumber, size: u64) -> Result<Frontier, StorageError> {
        let (nodes, mut peaks, mut from) = (self.nodes(publisher), Vec::new(), 0u64);
        for level in (0..64u8).rev().filter(|level| size >> level & 1 == 1) {
            peaks.push(nodes.node(level, from >> level).ok_or(StorageError::Damaged)?);
            from += 1 << level;
        }
        Frontier::from_parts(size, &peaks).map_err(|_| StorageError::Damaged)
    }

    /// Takes the last batches of a feed back, all or none, with the record for the change stream of what was in force of them.
    fn take_back(&self, publisher: MemberNumber, batches: std::ops::Range<u64>) -> Result<(), StorageError> {
        let cursor = self.cursor(publisher)?.ok_or(StorageError::Damaged)?;
        let end = self.in_force(publisher, &cursor)?;
        let mut batch = Batch::default();
        let mut size = 0;
        match batches.start.checked_sub(1) {
            Some(last) => {
                let last = self.header(publisher, last)?.ok_or(StorageError::Damaged)?;
                size = last.payload().size;
                let tree = self.tree_at(publisher, size)?;
                if tree.root() != last.payload().root {
                    return Err(StorageError::Damaged);
                }
                let cursor = FeedCursor { head: Head::of(last.payload(), last.id()), tree };
                batch.put(layout::cursor(publisher), cursor.encode());
            }
            None => batch.remove(layout::cursor(publisher)),
        }
        if self.held(publisher)?.is_some_and(|held| batches.start <= held.batches) {
            batch.remove(layout::held(publisher));
        }
        for seq in batches.clone() {
            let header = self.header(publisher, seq)?.ok_or(StorageError::Damaged)?;
            batch.put(layout::void_header(publisher, seq, &header.id()), header.envelope().to_vec());
            batch.remove(layout::header(publisher, seq));
            if header.payload().count > 0 {
                batch.remove(layout::batch_by_size(publisher, header.payload().size));
            }
        }
        let number = self.next_commit();
        let count = end.saturating_sub(size);
        if count > 0 {
            let record = CommitRecord { number, publisher, seq: batches.start, first: size, count, void: true };
            batch.put(layout::commit(number), record.encode());
        }
        if let Err(error) = self.documents.commit(batch) {
            // It may have come through all the same: its number is taken then.
            self.next_commit.fetch_max(next_commit_number(&self.documents)?, Ordering::Release);
            return Err(error.into());
        }
        if count > 0 {
            self.next_commit.store(number + 1, Ordering::Release);
        }
        Ok(())
    }

    /// What was taken back of a feed, from a number on: what leads from what stands to the head of the first `batches` batches, as much of it
    /// as fits into one answer. Nothing if a part of it is missing: what is there may be of another history.
    pub fn recall(
        &self,
        publisher: MemberNumber,
        from: u64,
        batches: u64,
        head: Hash,
    ) -> Result<Vec<Vec<u8>>, StorageError> {
        let (mut found, mut id) = (VecDeque::new(), Some(head));
        for seq in (from..batches).rev() {
            let Some(envelope) = id.map(|id| self.void_header(publisher, seq, &id)).transpose()?.flatten() else {
                return Ok(Vec::new());
            };
            let header = Signed::<BatchHeader>::decode(&envelope).map_err(|_| StorageError::Damaged)?;
            id = header.payload().previous;
            found.push_front(envelope);
            // Those that come first are given first.
            found.truncate(antibrush_protocol::limits::QUEUED_BATCHES / 2);
        }
        let stands = self.head(publisher)?.map(|head| head.id);
        Ok(if id == stands { found.into() } else { Vec::new() })
    }

    /// A signed header that was taken back.
    fn void_header(&self, publisher: MemberNumber, seq: u64, id: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.documents.get(&layout::void_header(publisher, seq, id))?.map(|found| found.to_vec()))
    }

    /// The last batch after which a feed has so many leaves, heartbeats included; `None` if none ends there.
    pub fn stands_at_size(&self, publisher: MemberNumber, size: u64) -> Result<Option<Stands>, StorageError> {
        let Some(leaf) = size.checked_sub(1) else { return Ok(Some(Stands::NOTHING)) };
        let Some(found) = self.header_of_leaf(publisher, leaf)?.filter(|header| header.payload().size == size) else {
            return Ok(None);
        };
        let mut last = found;
        while let Some(next) =
            self.header(publisher, last.payload().seq + 1)?.filter(|next| next.payload().size == size)
        {
            last = next;
        }
        Ok(Some(Stands::at(last.payload(), last.id())))
    }

    /// The header of this id, whether it stands or was taken back.
    pub fn header_by_id(
        &self,
        publisher: MemberNumber,
        id: &Hash,
    ) -> Result<Option<Signed<BatchHeader>>, StorageError> {
        let last = self.head(publisher)?.map_or(0, |head| head.seq + 1);
        for seq in (0..last).rev() {
            if let Some(header) = self.header(publisher, seq)?.filter(|header| header.id() == *id) {
                return Ok(Some(header));
            }
        }
        for envelope in self.all_void_headers()? {
            let header = Signed::<BatchHeader>::decode(&envelope).map_err(|_| StorageError::Damaged)?;
            if header.payload().publisher == publisher && header.id() == *id {
                return Ok(Some(header));
            }
        }
        Ok(None)
    }

    /// How many headers of a feed were taken back and are kept.
    pub fn void_batches(&self, publisher: MemberNumber) -> Result<u64, StorageError> {
        let prefix = layout::void_headers_of(publisher);
        self.documents.scan_prefix(&prefix).try_fold(0, |count, row| row.map(|_| count + 1).map_err(Into::into))
    }

    /// All signed headers that were taken back.
    pub(super) fn all_void_headers(&self) -> Result<Vec<Vec<u8>>, StorageError> {
        self.documents.scan_prefix(b"v/").map(|row| Ok(row?.1)).collect()
    }
}
