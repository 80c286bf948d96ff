//! Committing: a body is checked as a whole, header and cursor become durable, then the table learns of it; and what a
//! crash left undone is done again.

use std::{collections::BTreeMap, sync::atomic::Ordering};

use antibrush_protocol::{
    base::{Day, Hash, MemberNumber},
    encoding::Wire,
    entry::lifecycle::Remark,
    feed::{
        BatchHeader, Chunk, ChunkDescriptor, ChunkPlace, Head, Leaf,
        body::{BodyCheck, BodyError},
        chunk,
    },
    merkle::Frontier,
    replica::{BatchId, Fault},
    signed::Verified,
    writer::Register,
};
use rayon::prelude::*;

use super::{
    documents::Batch,
    files::{FileError, Operation},
    layout::{self, CommitRecord, FeedCursor, Held},
    ledger::{self, Placed},
    lock::DataDir,
    store::{Assembled, Recovery, StorageError, Store, lock, next_commit_number, storage_fault},
    table::{self, Prefix, TokenTable, prefix_of},
};
use crate::profile::Profile;

/// What is known of the chunk files that the table is brought up from.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum OnDisk {
    /// Verified and written by this commit.
    JustVerified,
    /// Written some time ago: the disk may have changed them since.
    Old,
}

/// When the entries of a batch take effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// With its commit.
    AtOnce,
    /// Once [`Store::release`] says so: the policy asks for witnesses.
    WhenWitnessed,
}

impl Store {
    /// Commits consecutive batches of one feed whose chunks are all stored. Returns the last one that is durable. Behind batches
    /// that wait for witnesses all wait.
    pub fn commit(
        &self,
        headers: &[Verified<BatchHeader>],
        effect: Effect,
    ) -> (Option<u64>, Result<(), Fault<BodyError>>) {
        let _one_at_a_time = lock(&self.committing);
        match self.commit_locked(headers, effect) {
            Ok(done) => done,
            Err(error) => (None, Err(storage_fault(error))),
        }
    }

    fn commit_locked(
        &self,
        headers: &[Verified<BatchHeader>],
        effect: Effect,
    ) -> Result<(Option<u64>, Result<(), Fault<BodyError>>), StorageError> {
        let Some(publisher) = headers.first().map(|header| header.payload().publisher) else {
            return Ok((None, Ok(())));
        };
        self.catch_up(publisher)?;
        let (all, headers) = (headers, self.skip_committed(publisher, headers)?);
        let mut tree = self.tree(publisher)?;
        let (mut batch, mut nodes, mut bad) = (Batch::default(), Vec::new(), None);
        let mut good: Vec<&Verified<BatchHeader>> = Vec::new();
        let mut number = self.next_commit.load(Ordering::Relaxed);
        let mut held = self.held(publisher)?;
        let mut erased = 0;
        for header in headers {
            let h = header.payload();
            match self.check_body(h, tree.clone(), &mut nodes, &mut erased)? {
                Ok(after) => tree = after,
                Err(error) => {
                    bad = Some(error);
                    break;
                }
            }
            batch.put(layout::header(publisher, h.seq), header.envelope().to_vec());
            // The stewards may decide for what was taken back.
            batch.remove(layout::void_header(publisher, h.seq, &header.id()));
            if h.count > 0 {
                if held.is_none() && effect == Effect::WhenWitnessed {
                    let from = Held { batches: h.seq, size: h.first };
                    batch.put(layout::held(publisher), from.encode());
                    held = Some(from);
                }
                if held.is_none() {
                    batch.put(layout::commit(number), CommitRecord::of(number, h).encode());
                    number += 1;
                }
                batch.put(layout::batch_by_size(publisher, h.size), h.seq.to_be_bytes());
            }
            good.push(header);
        }
        if let Some(last) = good.last() {
            self.put_nodes(&mut batch, publisher, &nodes)?;
            self.note_erased(&mut batch, publisher, erased > 0, crate::clock::wall().day())?;
            let cursor = FeedCursor { head: Head::of(last.payload(), last.id()), tree };
            let cursor_id = cursor.head.id;
            batch.put(layout::cursor(publisher), cursor.encode());
            self.commit_documents(batch, publisher, cursor_id)?;
            self.next_commit.store(number, Ordering::Relaxed);
            self.forget_decided(publisher, last.payload().seq);
            // Durable from here on: a failure below never takes the batch back.
            let in_force = |header: &&BatchHeader| held.is_none_or(|held| header.size <= held.size);
            let bodies: Vec<&BatchHeader> = good.iter().map(|header| header.payload()).take_while(in_force).collect();
            if let Err(error) = self.apply(publisher, &bodies, OnDisk::JustVerified) {
                tracing::error!(%error, "a committed batch could not be read back; the table is behind until it can");
                lock(&self.behind).entry(publisher).or_insert(bodies.first().map_or(0, |header| header.first));
            }
        }
        for header in all {
            self.disassemble(header.payload());
        }
        let skipped = all[..all.len() - headers.len()].last();
        let through = good.last().copied().or(skipped).map(|header| header.payload().seq);
        Ok((through, bad.map_or(Ok(()), |error| Err(Fault::Bad(error)))))
    }

    /// Commits; after an error that came so late that the documents show the batch all the same, once more: that is harmless
    /// and tells whether it is on the disk.
    fn commit_documents(&self, batch: Batch, publisher: MemberNumber, head: Hash) -> Result<(), StorageError> {
        let Err(error) = self.documents.commit(batch.clone()) else { return Ok(()) };
        match self.head(publisher) {
            Ok(Some(found)) if found.id == head => Ok(self.documents.commit(batch)?),
            _ => Err(error.into()),
        }
    }

    /// Brings the table up to a feed that it fell behind of; nothing is committed on top of a gap.
    pub(super) fn catch_up(&self, publisher: MemberNumber) -> Result<(), StorageError> {
        let from = lock(&self.behind).get(&publisher).copied();
        if let Some(from) = from {
            if let Some(cursor) = self.cursor(publisher)? {
                self.replay_feed(publisher, from, self.in_force(publisher, &cursor)?)?;
            }
            lock(&self.behind).remove(&publisher);
        }
        Ok(())
    }

    /// A disk error may come after the documents took a commit: the same headers again are then in force already. Their
    /// entries are applied (once more changes nothing), and the rest goes on.
    fn skip_committed<'a>(
        &self,
        publisher: MemberNumber,
        headers: &'a [Verified<BatchHeader>],
    ) -> Result<&'a [Verified<BatchHeader>], StorageError> {
        let head = self.cursor(publisher)?.map(|cursor| cursor.head);
        let is_done = |header: &&Verified<BatchHeader>| head.is_some_and(|head| header.payload().seq <= head.seq);
        let done = headers.iter().take_while(is_done).count();
        if done > 0 {
            for header in &headers[..done] {
                let stored = self.header(publisher, header.payload().seq)?;
                if stored.is_none_or(|stored| stored.id() != header.id()) {
                    return Err(StorageError::Damaged);
                }
            }
            // That commit took its numbers of the log.
            self.next_commit.fetch_max(next_commit_number(&self.documents)?, Ordering::Relaxed);
            lock(&self.behind).insert(publisher, headers[0].payload().first);
            self.catch_up(publisher)?;
        }
        Ok(&headers[done..])
    }

    /// Whether the table lacks committed batches: negative answers are not to be trusted then.
    pub fn is_behind(&self) -> bool {
        !lock(&self.behind).is_empty()
    }

    fn check_body(
        &self,
        header: &BatchHeader,
        tree: Frontier,
        nodes: &mut Vec<(u64, Hash)>,
        erased: &mut u64,
    ) -> Result<Result<Frontier, BodyError>, StorageError> {
        let mut check = match BodyCheck::new(header, tree) {
            Ok(check) => check,
            Err(error) => return Ok(Err(error)),
        };
        let batch = BatchId { publisher: header.publisher, seq: header.seq };
        for (index, (place, descriptor)) in header.placed_chunks().enumerate() {
            // What was stored for another batch of the same number does not count.
            let assembled = lock(&self.assembly).remove(&(batch, index as u32));
            let assembled = assembled.filter(|part| part.digest == descriptor.digest);
            let part = match assembled {
                Some(part) => part,
                None => {
                    let bytes = self.bodies.get(&descriptor.digest)?.ok_or(StorageError::Damaged)?;
                    let chunk = Chunk::verify(place, descriptor, &bytes).map_err(|_| StorageError::Damaged)?;
                    Assembled::new(descriptor, chunk)
                }
            };
            *erased += u64::from(part.erased);
            check.add(&part.leaf_hashes, &part.totals, part.erased, |level, at, hash| {
                if level == layout::NODE_LEVEL {
                    nodes.push((at, *hash));
                }
            });
        }
        Ok(check.finish())
    }

    fn put_nodes(&self, batch: &mut Batch, publisher: MemberNumber, nodes: &[(u64, Hash)]) -> Result<(), StorageError> {
        for page in nodes.chunk_by(|a, b| a.0 / layout::NODES_PER_PAGE == b.0 / layout::NODES_PER_PAGE) {
            let number = page[0].0 / layout::NODES_PER_PAGE;
            let mut bytes = self.node_page(publisher, number)?;
            // A page that was written by a commit that did not come through is cut back to where this one goes on.
            bytes.truncate((page[0].0 % layout::NODES_PER_PAGE) as usize * 32);
            for (_, hash) in page {
                bytes.extend_from_slice(hash);
            }
            batch.put(layout::nodes(publisher, number), bytes);
        }
        Ok(())
    }

    /// Applies committed bodies to the table, read back from the files.
    pub(super) fn apply(
        &self,
        publisher: MemberNumber,
        headers: &[&BatchHeader],
        state: OnDisk,
    ) -> Result<(), StorageError> {
        let Some(size) = headers.last().map(|header| header.size) else { return Ok(()) };
        let placed: Vec<(Day, ChunkPlace, &ChunkDescriptor)> = headers
            .iter()
            .flat_map(|header| header.placed_chunks().map(|(place, of)| (header.issued.day(), place, of)))
            .collect();
        type Read = (Vec<Placed>, Vec<(Prefix, Remark)>);
        let read =
            |(published, place, descriptor): &(Day, ChunkPlace, &ChunkDescriptor)| -> Result<Read, StorageError> {
                let bytes = self.bodies.get(&descriptor.digest)?.ok_or(StorageError::Damaged)?;
                if state == OnDisk::Old {
                    Chunk::verify(*place, descriptor, &bytes).map_err(|_| StorageError::Damaged)?;
                }
                let (mut placed, mut said) = (Vec::with_capacity(descriptor.entries as usize), Vec::new());
                for (at, leaf) in chunk::leaves(&bytes).enumerate() {
                    if let Leaf::Entry(entry) = leaf.map_err(|_| StorageError::Damaged)? {
                        let index = place.first + at as u64;
                        placed.extend(Placed::new(&entry, index));
                        let remark = Remark::new(&entry, publisher, index, *published);
                        said.extend(remark.map(|remark| (prefix_of(entry.token()), remark)));
                    }
                }
                Ok((placed, said))
            };
        let (placed, said): (Vec<_>, Vec<_>) =
            placed.par_iter().map(read).collect::<Result<Vec<Read>, _>>()?.into_iter().unzip();
        // Before the table's cursor says that the entry is there.
        self.put_remarks(&said.concat())?;
        let (rows, void) = ledger::rows(placed.concat(), publisher, &self.table.reader());
        self.void_entries.fetch_add(void, Ordering::Relaxed);
        Ok(self.table.apply(rows, &[(publisher, size)])?)
    }

    /// Brings the table up to the committed feeds. A feed whose bodies are gone is dropped and comes from the peers again.
    pub(super) fn replay(
        mut self,
        cursors: table::Cursors,
        data: &DataDir,
        recovery: &mut Recovery,
    ) -> Result<Store, StorageError> {
        let feeds = self.cursors()?;
        // A table that knows more than the documents was written before the documents were lost.
        let mut in_force = BTreeMap::new();
        for (publisher, feed) in &feeds {
            in_force.insert(*publisher, self.in_force(*publisher, feed)?);
        }
        let ahead = cursors.iter().any(|(publisher, size)| in_force.get(publisher).copied().unwrap_or(0) < *size);
        let mut cursors = cursors;
        if ahead {
            drop(self.table);
            let directory = data.path().join("table");
            std::fs::remove_dir_all(&directory)
                .map_err(|error| FileError::new(&directory, Operation::Remove, &error))?;
            self.table = TokenTable::open(&directory)?.0;
            cursors = table::Cursors::new();
            recovery.table_rebuilt = true;
        }
        let own = self.own_number(data)?;
        let missed = self.missed()?;
        let mut dropped = Vec::new();
        for (publisher, feed) in feeds {
            let from = cursors.get(&publisher).copied().unwrap_or(0);
            let to = in_force.get(&publisher).copied().unwrap_or(0);
            let replayed = if missed.contains(&publisher) {
                // What is here looks whole and is not: see `missed.rs`.
                self.remove_chunks(publisher)?;
                Err(StorageError::Damaged)
            } else {
                self.replay_feed(publisher, from, to)
            };
            match replayed {
                Ok(()) => recovery.replayed += to.saturating_sub(from),
                Err(StorageError::Damaged) => {
                    if own.is_none_or(|own| own == publisher) {
                        crate::core::mark_recovering(data.path())?;
                    }
                    self.forget_feed(publisher, feed.head.seq)?;
                    dropped.push(publisher);
                }
                Err(error) => return Err(error),
            }
        }
        if !dropped.is_empty() {
            // The rows of a dropped feed must go too. Said to be ahead, the table is built anew without it; each round drops
            // a feed, so this ends.
            let ahead = dropped.iter().map(|publisher| (*publisher, u64::MAX)).collect();
            recovery.feeds_dropped.append(&mut dropped);
            return self.replay(ahead, data, recovery);
        }
        Ok(self)
    }

    /// Our own number, as far as profile and charter tell: only the loss of our own feed keeps us from signing.
    fn own_number(&self, data: &DataDir) -> Result<Option<MemberNumber>, StorageError> {
        let Ok(profile) = Profile::read(data.path()) else { return Ok(None) };
        let chain = self.charters()?;
        Ok(chain.and_then(|chain| chain.current().member_by_slug(&profile.slug).map(|member| member.number)))
    }

    fn replay_feed(&self, publisher: MemberNumber, from: u64, to: u64) -> Result<(), StorageError> {
        let mut next = from;
        while next < to {
            let header = self.header_of_leaf(publisher, next)?.ok_or(StorageError::Damaged)?;
            self.apply(publisher, &[header.payload()], OnDisk::Old)?;
            next = header.payload().size;
        }
        Ok(())
    }

    fn forget_feed(&self, publisher: MemberNumber, last_seq: u64) -> Result<(), StorageError> {
        let mut batch = Batch::default();
        batch.remove(layout::cursor(publisher));
        batch.remove(layout::held(publisher));
        batch.remove(layout::whole(publisher));
        batch.remove(layout::missed(publisher));
        // WRITER-7: which places are decided is a part of an elector's memory, and this node no longer knows it.
        if self.has_register(publisher)? {
            batch.put(layout::register(publisher), Register::lost(crate::clock::wall()).encode());
        }
        self.documents.commit(batch)?;
        self.remove_remarks(publisher, 0)?;
        for seq in 0..=last_seq {
            let mut batch = Batch::default();
            if let Some(header) = self.header(publisher, seq)? {
                batch.remove(layout::batch_by_size(publisher, header.payload().size));
            }
            batch.remove(layout::header(publisher, seq));
            self.documents.commit(batch)?;
        }
        Ok(())
    }
}
