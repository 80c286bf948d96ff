//! Forgetting: the contents of leaves that are due are replaced by their hashes (docs/PROTOCOL.md, § Forgetting).
//!
//! Which leaves are due is decided by the ledger's function over a whole feed, read and verified without holding up commits. Then,
//! in this order: what is to be erased is written down, chunk by chunk, and what is kept of it in numbers (`kept.rs`), and after it
//! a mark that this is complete; the numbers hold and the remarks in them go; the chunks are written anew, each beside the old one
//! and renamed; the notes go, the mark last; rows of the table and remarks whose leaves are erased go. Notes without their mark are thrown away, for nothing was erased yet; with it, opening the store ends
//! the work before anything is replayed: half of a listing, its clearing gone and its List entry still there, is never
//! read. Rows and remarks are compared with the chunks at every run, so a crash before they go undoes nothing.
//!
//! An attacker who can modify the notes can make this node erase contents that its peers then lack here, and nothing else: hashes
//! stay, and what others have they verify.

use std::collections::{BTreeMap, BTreeSet};

use antibrush_protocol::{
    base::{Day, Hash, MemberNumber},
    encoding::Wire,
    entry::{
        Entry,
        ledger::Change,
        lifecycle::{Course, Target, remark_due, retention},
    },
    feed::{Chunk, ChunkDescriptor, Head, Leaf, chunk},
    subject::Class,
};
use rayon::slice::ParallelSliceMut;

use super::{
    documents::{self, Batch, MAX_CHANGES},
    kept::Kept,
    layout::{self, FeedCursor},
    ledger::Placed,
    looked::Seen,
    store::{StorageError, Store, lock},
    table::{Row, RowState},
    times::Times,
};

/// Chunks that are written down or written anew together.
const CHUNKS_AT_ONCE: usize = 16;

/// Totals that are written together: at most 64 KiB each, of the 16 MiB that a batch may have.
const TOTALS_AT_ONCE: usize = 128;

/// What was forgotten of one feed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Erased {
    /// Leaves whose contents were erased now.
    pub now: u64,
    /// Leaves whose contents are erased in all.
    pub all: u64,
    /// The leaves that were looked at: those in force.
    pub size: u64,
}

/// What a run did, by publisher. A feed that could not be read is missing.
pub type Forgotten = BTreeMap<MemberNumber, Erased>;

/// Told between any two steps; an error stops as a crash would.
pub(super) type Steps<'a> = &'a mut dyn FnMut() -> Result<(), StorageError>;

/// What a leaf is for a remark that names it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Erased,
    List,
    Other,
}

/// A remark, as far as its own end goes.
struct Said {
    leaf: u64,
    about: (MemberNumber, u64),
    class: Class,
    published: Day,
}

/// One feed as it was read.
struct Feed {
    head: Head,
    /// The first leaf of each chunk, and the chunk.
    chunks: Vec<(u64, ChunkDescriptor)>,
    kinds: Vec<Kind>,
    /// With the day of publication.
    entries: Vec<(Placed, Day)>,
    said: Vec<Said>,
    /// The listings that took effect and have ended.
    ended: Vec<Course>,
}

impl Store {
    /// Erases what is due by this day. `current` are the feeds of which everything is known that could still change the end of a
    /// listing: in others nothing of a listing is erased. Of `withheld` ones nobody shows what is missing.
    pub fn forget(
        &self,
        today: Day,
        current: &BTreeSet<MemberNumber>,
        withheld: &BTreeSet<MemberNumber>,
    ) -> Result<Forgotten, StorageError> {
        self.forget_in_steps(today, current, withheld, &mut || Ok(()))
    }

    pub(super) fn forget_in_steps(
        &self,
        today: Day,
        current: &BTreeSet<MemberNumber>,
        withheld: &BTreeSet<MemberNumber>,
        steps: Steps<'_>,
    ) -> Result<Forgotten, StorageError> {
        {
            // What a full disk kept the last run from: else it would be found due, and counted, again.
            let _one_at_a_time = lock(&self.committing);
            self.end_forgetting()?;
        }
        let mut feeds = BTreeMap::new();
        let mut listings: Vec<(MemberNumber, u64)> = Vec::new();
        let mut seen = BTreeMap::new();
        // What can not be read can not be judged.
        let mut unread = BTreeSet::new();
        for (publisher, cursor) in self.cursors()? {
            match self.read_feed(publisher, &cursor) {
                Ok(mut feed) => {
                    let found = feed.due_listings(today);
                    if current.contains(&publisher) {
                        listings.extend(found.into_iter().map(|leaf| (publisher, leaf)));
                        seen.insert(publisher, Seen::ToTheEnd);
                    } else if withheld.contains(&publisher) {
                        let due = found.iter().filter_map(|leaf| feed.chunk_of(*leaf)).collect();
                        let chunks = feed.chunks.iter().map(|(_, descriptor)| descriptor.digest);
                        seen.insert(publisher, Seen::as_far_as_shown(chunks, &due));
                    }
                    feeds.insert(publisher, feed);
                }
                Err(StorageError::Damaged) => {
                    unread.insert(publisher);
                    tracing::error!(
                        publisher = publisher.0,
                        "a feed is damaged on disk, and nothing of it is forgotten or handed on: stop the node, remove its directory `table` and start it; it then takes the feed from its peers again"
                    );
                }
                Err(error) => return Err(error),
            }
        }
        let _one_at_a_time = lock(&self.committing);
        // What was taken back meanwhile is judged at the next run.
        for (publisher, feed) in &feeds {
            if self.header(*publisher, feed.head.seq)?.is_none_or(|header| header.id() != feed.head.id) {
                unread.insert(*publisher);
            }
        }
        feeds.retain(|publisher, _| !unread.contains(publisher));
        seen.retain(|publisher, _| !unread.contains(publisher));
        listings.retain(|(publisher, _)| !unread.contains(publisher));
        // A remark goes in the same run as the listing that it is about.
        mark(&mut feeds, &listings);
        let said =
            feeds.iter().flat_map(|(publisher, feed)| feed.due_remarks(today, &feeds).map(|leaf| (*publisher, leaf)));
        let remarks: Vec<(MemberNumber, u64)> = said.collect();
        mark(&mut feeds, &remarks);
        let mut due: BTreeMap<MemberNumber, BTreeSet<u64>> = BTreeMap::new();
        for (publisher, leaf) in listings.into_iter().chain(remarks) {
            due.entry(publisher).or_default().insert(leaf);
        }
        let void = self.due_in_void_of(&feeds, &unread, today)?;
        let (erased, times) = self.measure(&feeds, today)?;
        let kept = self.to_keep(&due)?;
        self.write_down(notes(&feeds, &due, void), &kept, &erased, steps)?;
        self.carry_out(steps)?;
        *lock(&self.times) = times;
        self.drop_derived(&feeds, steps)?;
        self.note_whole(feeds.keys().filter(|publisher| current.contains(publisher)).copied(), today)?;
        let of = |(publisher, feed): (&MemberNumber, &Feed)| {
            let now = due.get(publisher).map_or(0, BTreeSet::len) as u64;
            let all = feed.kinds.iter().filter(|kind| **kind == Kind::Erased).count() as u64;
            (*publisher, Erased { now, all, size: feed.kinds.len() as u64 })
        };
        let found: Forgotten = feeds.iter().map(of).collect();
        lock(&self.looked).note(today, found.clone(), seen);
        Ok(found)
    }

    /// What is due in batches that were taken back.
    fn due_in_void_of(
        &self,
        feeds: &BTreeMap<MemberNumber, Feed>,
        unread: &BTreeSet<MemberNumber>,
        today: Day,
    ) -> Result<BTreeMap<Hash, BTreeSet<u32>>, StorageError> {
        let chunks = feeds.values().flat_map(|feed| &feed.chunks);
        let in_force: BTreeSet<Hash> = chunks.map(|(_, descriptor)| descriptor.digest).collect();
        let stays = |publisher: MemberNumber, digest: &Hash| unread.contains(&publisher) || in_force.contains(digest);
        let is_erased = |publisher: MemberNumber, leaf: u64| {
            feeds.get(&publisher).is_some_and(|feed| feed.kind(leaf) == Some(Kind::Erased))
        };
        self.due_in_void(today, stays, is_erased)
    }

    /// The leaves of a feed that are in force, verified.
    fn read_feed(&self, publisher: MemberNumber, cursor: &FeedCursor) -> Result<Feed, StorageError> {
        let (head, end) = (cursor.head, self.in_force(publisher, cursor)?);
        let mut feed = Feed {
            head,
            chunks: Vec::new(),
            kinds: Vec::with_capacity(end as usize),
            entries: Vec::new(),
            said: Vec::new(),
            ended: Vec::new(),
        };
        let mut next = 0;
        while next < end {
            let header = self.header_of_leaf(publisher, next)?.ok_or(StorageError::Damaged)?;
            let published = header.payload().issued.day();
            for (place, descriptor) in header.payload().placed_chunks() {
                let bytes = self.bodies.get(&descriptor.digest)?.ok_or(StorageError::Damaged)?;
                let chunk = Chunk::verify(place, descriptor, &bytes).map_err(|_| StorageError::Damaged)?;
                feed.chunks.push((next, *descriptor));
                for leaf in chunk.leaves {
                    feed.take(publisher, next, &leaf, published);
                    next += 1;
                }
            }
            if next != header.payload().size {
                return Err(StorageError::Damaged);
            }
        }
        Ok(feed)
    }

    /// How long clearing and forgetting took: of erased listings, those of today among them, for feeds in which that changes, and
    /// together with those that stay.
    fn measure(
        &self,
        feeds: &BTreeMap<MemberNumber, Feed>,
        today: Day,
    ) -> Result<(Vec<(MemberNumber, Times)>, BTreeMap<MemberNumber, Times>), StorageError> {
        let (mut changed, mut all) = (Vec::new(), BTreeMap::new());
        for (publisher, feed) in feeds {
            let before = self.counted(*publisher)?;
            let (mut erased, mut stays) = (before.clone(), Times::default());
            for course in &feed.ended {
                match feed.kind(course.leaf) {
                    Some(Kind::Erased) => erased.erased(course, today),
                    _ => stays.cleared(course),
                }
            }
            stays.merge(&erased);
            all.insert(*publisher, stays);
            if erased != before {
                changed.push((*publisher, erased));
            }
        }
        Ok((changed, all))
    }

    /// Writes down what is to be erased, and then that this is all of it.
    pub(super) fn write_down(
        &self,
        notes: BTreeMap<Hash, BTreeSet<u32>>,
        kept: &Kept,
        erased: &[(MemberNumber, Times)],
        steps: Steps<'_>,
    ) -> Result<(), StorageError> {
        if notes.is_empty() {
            return Ok(());
        }
        for some in notes.iter().collect::<Vec<_>>().chunks(CHUNKS_AT_ONCE) {
            let mut batch = Batch::default();
            for (digest, positions) in some {
                let positions: Vec<u8> = positions.iter().flat_map(|position| position.to_be_bytes()).collect();
                batch.put(layout::erasure(digest), positions);
            }
            self.documents.commit(batch)?;
            steps()?;
        }
        for some in kept.totals.chunks(TOTALS_AT_ONCE) {
            let mut batch = Batch::default();
            some.iter().for_each(|(key, effects)| batch.put(layout::keeping(key), effects.encode()));
            self.documents.commit(batch)?;
            steps()?;
        }
        for some in kept.remarks.chunks(MAX_CHANGES) {
            let mut batch = Batch::default();
            some.iter().for_each(|(prefix, remark)| batch.put(layout::unsaying(prefix, &remark.pack()), []));
            self.documents.commit(batch)?;
            steps()?;
        }
        for some in erased.chunks(TOTALS_AT_ONCE) {
            let mut batch = Batch::default();
            some.iter().for_each(|(publisher, times)| batch.put(layout::timing(*publisher), times.encode()));
            self.documents.commit(batch)?;
            steps()?;
        }
        let mut batch = Batch::default();
        batch.put(layout::ERASING, []);
        self.documents.commit(batch)?;
        steps()
    }

    /// Ends what a crash interrupted: before anything is replayed.
    pub(super) fn end_forgetting(&self) -> Result<(), StorageError> {
        if self.documents.get(layout::ERASING)?.is_none() {
            self.remove_notes(&mut || Ok(()))
        } else {
            self.carry_out(&mut || Ok(()))
        }
    }

    /// Erases what is written down, and then the notes.
    pub(super) fn carry_out(&self, steps: Steps<'_>) -> Result<(), StorageError> {
        self.take_kept(TOTALS_AT_ONCE, steps)?;
        self.each_note(layout::TIMING, TOTALS_AT_ONCE, |notes| {
            let mut batch = Batch::default();
            for (key, times) in notes {
                let publisher = layout::timing_of(key).ok_or(StorageError::Damaged)?;
                batch.put(layout::times(publisher), times.clone());
            }
            self.documents.commit(batch)?;
            steps()
        })?;
        self.each_note(layout::ERASURES, CHUNKS_AT_ONCE, |notes| {
            let mut written = Vec::new();
            for (key, positions) in notes {
                let digest = layout::erasure_of(key).ok_or(StorageError::Damaged)?;
                if let Some(bytes) = self.erased(&digest, positions)? {
                    written.push((digest, bytes));
                }
            }
            let chunks: Vec<(Hash, &[u8])> = written.iter().map(|(digest, bytes)| (*digest, &bytes[..])).collect();
            for some in chunks.chunks(CHUNKS_AT_ONCE.div_ceil(4)) {
                self.bodies.replace_all(some)?;
                steps()?;
            }
            Ok(())
        })?;
        self.remove_notes(steps)?;
        let mut batch = Batch::default();
        batch.remove(layout::ERASING);
        self.documents.commit(batch)?;
        steps()
    }

    /// Shows the notes behind a prefix, some at once.
    pub(super) fn each_note(
        &self,
        prefix: &[u8],
        at_once: usize,
        mut each: impl FnMut(&[documents::Row]) -> Result<(), StorageError>,
    ) -> Result<(), StorageError> {
        let mut at = prefix.to_vec();
        loop {
            let mut notes = self.documents.range(&at, at_once)?;
            notes.retain(|(key, _)| key.starts_with(prefix));
            let Some((last, _)) = notes.last() else { return Ok(()) };
            // The first key behind the last one.
            at = [last.as_slice(), &[0]].concat();
            each(&notes)?;
        }
    }

    /// The chunk without what is due; `None` if there is no sound one any more.
    fn erased(&self, digest: &Hash, positions: &[u8]) -> Result<Option<Vec<u8>>, StorageError> {
        let Some(bytes) = self.bodies.get(digest)? else { return Ok(None) };
        if !chunk::describe(&bytes).is_ok_and(|found| found.digest == *digest) {
            return Ok(None);
        }
        let (positions, rest) = positions.as_chunks::<4>();
        if !rest.is_empty() {
            return Err(StorageError::Damaged);
        }
        let positions: Vec<u32> = positions.iter().map(|position| u32::from_be_bytes(*position)).collect();
        Ok(Some(chunk::erase(&bytes, &positions).map_err(|_| StorageError::Damaged)?))
    }

    fn remove_notes(&self, steps: Steps<'_>) -> Result<(), StorageError> {
        for prefix in [layout::ERASURES, layout::KEEPING, layout::UNSAYING, layout::TIMING] {
            self.each_note(prefix, TOTALS_AT_ONCE, |notes| {
                let mut batch = Batch::default();
                notes.iter().for_each(|(key, _)| batch.remove(key.clone()));
                self.documents.commit(batch)?;
                steps()
            })?;
        }
        Ok(())
    }

    /// Removes the rows and remarks whose leaves are erased.
    fn drop_derived(&self, feeds: &BTreeMap<MemberNumber, Feed>, steps: Steps<'_>) -> Result<(), StorageError> {
        let is_erased = |publisher: MemberNumber, leaf: u64| {
            feeds.get(&publisher).is_some_and(|feed| feed.kind(leaf) == Some(Kind::Erased))
        };
        let mut rows = Vec::new();
        self.table.reader().for_each(None, |row| {
            if is_erased(row.publisher, u64::from(row.leaf)) {
                rows.push(Row { state: RowState::Cleared, ..*row });
            }
        });
        if !rows.is_empty() {
            self.table.apply(rows, &[])?;
            steps()?;
            self.table.persist()?;
            // The rows themselves leave the disk as runs are merged.
            self.table.settle();
            steps()?;
        }
        for author in feeds.keys() {
            let said = self.remarks().of_author(*author, 0);
            let gone: Vec<_> = said.into_iter().filter(|(_, remark)| is_erased(*author, remark.index)).collect();
            for some in gone.chunks(MAX_CHANGES) {
                self.drop_remarks(some)?;
                steps()?;
            }
        }
        Ok(())
    }
}

impl Feed {
    fn take(&mut self, author: MemberNumber, index: u64, leaf: &Leaf, published: Day) {
        let kind = match leaf {
            Leaf::Erased(_) => Kind::Erased,
            Leaf::Entry(Entry::List(_)) => Kind::List,
            Leaf::Entry(_) => Kind::Other,
        };
        self.kinds.push(kind);
        let Leaf::Entry(entry) = leaf else { return };
        match (Placed::new(entry, index), entry.about()) {
            (Some(placed), _) => self.entries.push((placed, published)),
            (None, Some(about)) => self.said.push(Said {
                leaf: index,
                about: (about.publisher.unwrap_or(author), about.target),
                class: about.class,
                published,
            }),
            // An entry makes, changes or ends a listing, or speaks of one.
            (None, None) => {}
        }
    }

    fn kind(&self, leaf: u64) -> Option<Kind> {
        usize::try_from(leaf).ok().and_then(|leaf| self.kinds.get(leaf)).copied()
    }

    /// The leaves about its own listings that are due, those of one token and list together.
    fn due_listings(&mut self, today: Day) -> Vec<u64> {
        let mut entries = std::mem::take(&mut self.entries);
        entries.par_sort_unstable_by_key(|(entry, _)| (entry.listing(), entry.change().index));
        let mut all = Vec::new();
        for listing in entries.chunk_by(|(one, _), (other, _)| one.listing() == other.listing()) {
            let changes: Vec<(Change, Day)> =
                listing.iter().map(|(entry, published)| (*entry.change(), *published)).collect();
            let (due, courses) = retention(&changes);
            self.ended.extend(courses.into_iter().filter(|course| course.end <= today));
            let due = due.into_iter().zip(&changes).filter(|(day, _)| *day <= today);
            all.extend(due.map(|(_, (change, _))| change.index));
        }
        all
    }

    /// The remarks in this feed that are due, once the listings of all feeds are.
    fn due_remarks(&self, today: Day, feeds: &BTreeMap<MemberNumber, Feed>) -> impl Iterator<Item = u64> {
        let is_due = move |said: &&Said| {
            let (publisher, leaf) = said.about;
            let target = match feeds.get(&publisher).and_then(|feed| feed.kind(leaf)) {
                None => Target::Unknown,
                Some(Kind::Erased) => Target::Erased,
                Some(Kind::List) => Target::Listing,
                Some(Kind::Other) => Target::Other,
            };
            remark_due(said.class, said.published, target).is_some_and(|due| due <= today)
        };
        self.said.iter().filter(is_due).map(|said| said.leaf)
    }

    /// The chunk of a leaf.
    fn chunk_of(&self, leaf: u64) -> Option<Hash> {
        let behind = self.chunks.partition_point(|(first, _)| *first <= leaf);
        self.chunks.get(behind.checked_sub(1)?).map(|(_, descriptor)| descriptor.digest)
    }
}

/// The positions to erase in each chunk: those of the leaves in force that are due, beside those of `void` chunks.
fn notes(
    feeds: &BTreeMap<MemberNumber, Feed>,
    due: &BTreeMap<MemberNumber, BTreeSet<u64>>,
    void: BTreeMap<Hash, BTreeSet<u32>>,
) -> BTreeMap<Hash, BTreeSet<u32>> {
    let mut notes = void;
    for (publisher, leaves) in due {
        let Some(feed) = feeds.get(publisher) else { continue };
        for (first, descriptor) in &feed.chunks {
            let within = leaves.range(first..&(first + u64::from(descriptor.entries)));
            // At most 1 MiB of leaves: their positions have 32 bits.
            let mut positions = within.map(|leaf| (leaf - first) as u32).peekable();
            if positions.peek().is_some() {
                notes.entry(descriptor.digest).or_default().extend(positions);
            }
        }
    }
    notes
}

/// Takes note of what goes.
fn mark(feeds: &mut BTreeMap<MemberNumber, Feed>, due: &[(MemberNumber, u64)]) {
    for (publisher, leaf) in due {
        let kinds = feeds.get_mut(publisher).map(|feed| &mut feed.kinds);
        if let Some(kind) = kinds.and_then(|kinds| kinds.get_mut(usize::try_from(*leaf).ok()?)) {
            *kind = Kind::Erased;
        }
    }
}
