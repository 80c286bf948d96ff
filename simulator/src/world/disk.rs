//! A node's disk: the protocol's own checks and ledger over maps in memory, and what a crash does to writes under way.

use std::{
    collections::{BTreeMap, VecDeque},
    hash::{DefaultHasher, Hasher},
    sync::Arc,
};

use antibrush_protocol::{
    base::{Day, Hash, MemberNumber, Token},
    board::PostId,
    charter::CharterChain,
    codes::List,
    entry::{
        Entry,
        ledger::{self, Effect, Ending, Standing},
        lifecycle::Remark,
    },
    feed::{
        BatchHeader, Chunk, ChunkDescriptor, ChunkError, ChunkPlace, Head, Leaf,
        body::{BodyCheck, BodyError},
    },
    limits,
    merkle::Frontier,
    replica::{BatchId, Fault, Input, Serve, Store},
    signed::Verified,
    sync::Response,
};

use super::{library::Library, oracle};
use crate::random::{Millionths, Random};

/// What is on one node's disk, and the table that follows from it.
pub struct Disk {
    /// The charters.
    pub chain: CharterChain,
    chunks: BTreeMap<Hash, Arc<[u8]>>,
    headers: BTreeMap<(MemberNumber, u64), Verified<BatchHeader>>,
    /// The committed heads.
    pub heads: BTreeMap<MemberNumber, (Head, Arc<[u8]>)>,
    trees: BTreeMap<MemberNumber, Frontier>,
    void: BTreeMap<(MemberNumber, u64, Hash), Verified<BatchHeader>>,
    posts: BTreeMap<PostId, Arc<[u8]>>,
    /// Posts that were written without a flush, with the time.
    unflushed: VecDeque<(u64, PostId)>,
    /// The listings in force, and how others ended.
    pub table: BTreeMap<Place, Held>,
    /// What was said of listings, by subject.
    pub remarks: BTreeMap<Token, Vec<Remark>>,
    /// For each feed a digest of all that follows from it, whatever the order in which feeds came.
    digests: BTreeMap<MemberNumber, u64>,
    /// Writes that are under way, oldest first.
    under_way: VecDeque<(u64, Store)>,
    /// The disk is busy until then, in microseconds.
    busy_until_us: u64,
    /// Every write fails.
    pub is_full: bool,
    /// A write takes so many times as long as on a good disk.
    pub slowness: u64,
}

/// Where a listing stands: whose feed, which subject, which list.
pub type Place = (MemberNumber, Token, List);

/// The state of a place.
pub type Held = (Standing, Option<Ending>);

/// A feed of more listings is not added up.
const MOST_LISTINGS: usize = 3_000;

/// A small write with its flush on a good disk, in microseconds.
const FLUSH_US: u64 = 300;
/// A megabyte, in microseconds.
const MEGABYTE_US: u64 = 2_000;
/// What was written without a flush is safe after so long, in microseconds: an operating system writes it out by itself.
const WRITTEN_OUT_US: u64 = 5_000_000;

impl Disk {
    /// An empty disk that knows the charters.
    pub fn new(chain: CharterChain, slowness: u64) -> Disk {
        Disk {
            chain,
            chunks: BTreeMap::new(),
            headers: BTreeMap::new(),
            heads: BTreeMap::new(),
            trees: BTreeMap::new(),
            void: BTreeMap::new(),
            posts: BTreeMap::new(),
            unflushed: VecDeque::new(),
            table: BTreeMap::new(),
            remarks: BTreeMap::new(),
            digests: BTreeMap::new(),
            under_way: VecDeque::new(),
            busy_until_us: 0,
            is_full: false,
            slowness,
        }
    }

    /// Takes a piece of work; says when it is done.
    pub fn begin(&mut self, work: Store, number: u64, now_us: u64) -> u64 {
        let bytes = match &work {
            Store::Chunk { bytes, .. } => bytes.len() as u64,
            Store::Commit { headers } => headers.len() as u64 * 4096,
            Store::Charter(_) | Store::OwnPost { .. } => 4096,
            Store::Probe { .. } | Store::Compare { .. } | Store::Recall { .. } | Store::Rewind { .. } => 0,
            Store::Post { .. } | Store::Unpost(_) => 0,
        };
        let takes = if bytes == 0 { 20 } else { FLUSH_US + bytes * MEGABYTE_US / 1_000_000 };
        self.busy_until_us = self.busy_until_us.max(now_us) + takes * self.slowness;
        self.under_way.push_back((number, work));
        self.busy_until_us
    }

    /// Ends the oldest piece of work, which must be this one: the disk works in order.
    pub fn end(&mut self, number: u64, now_us: u64, library: &mut Library) -> Option<Input> {
        let (oldest, work) = self.under_way.pop_front()?;
        assert_eq!(oldest, number, "a disk works in order");
        self.carry_out(work, now_us, library)
    }

    /// Whether a piece of work is under way.
    pub fn is_busy(&self) -> bool {
        !self.under_way.is_empty()
    }

    /// The power goes. Of what was under way each piece is done, torn or lost; of what was not flushed, some is lost. Says how many
    /// were torn or lost. A commit is whole or not there, as the node's are by their checksum; of several the first ones are.
    pub fn crash(&mut self, torn: Millionths, now_us: u64, random: &mut Random, library: &mut Library) -> u64 {
        let mut harmed = 0;
        while let Some((_, work)) = self.under_way.pop_front() {
            match work {
                _ if !random.happens(torn) => drop(self.carry_out(work, now_us, library)),
                Store::Chunk { descriptor, bytes, .. } if random.below(2) == 0 => {
                    harmed += 1;
                    let torn = bytes[..random.below(bytes.len() as u64) as usize].into();
                    self.chunks.entry(descriptor.digest).or_insert(torn);
                }
                Store::Commit { mut headers } => {
                    harmed += 1;
                    headers.truncate(random.below(headers.len() as u64) as usize);
                    if !headers.is_empty() {
                        drop(self.carry_out(Store::Commit { headers }, now_us, library));
                    }
                }
                _ => harmed += 1,
            }
        }
        for (written, id) in std::mem::take(&mut self.unflushed) {
            if written + WRITTEN_OUT_US > now_us && random.happens(torn) {
                self.posts.remove(&id);
                harmed += 1;
            }
        }
        self.busy_until_us = now_us;
        self.is_full = false;
        harmed
    }

    fn carry_out(&mut self, work: Store, now_us: u64, library: &mut Library) -> Option<Input> {
        let full = self.is_full;
        match work {
            Store::Probe { header } => {
                let h = header.payload();
                let batch = BatchId { publisher: h.publisher, seq: h.seq };
                let present = h.placed_chunks().map(|(place, chunk)| self.has_chunk(place, chunk, library)).collect();
                Some(Input::Probed { batch, present })
            }
            Store::Chunk { batch, index, place, descriptor, bytes, from } => {
                let result =
                    if full { Err(Fault::Storage) } else { self.keep_chunk(place, &descriptor, bytes, library) };
                Some(Input::ChunkStored { batch, index, from, result })
            }
            Store::Commit { headers } => {
                let publisher = headers.first()?.payload().publisher;
                let mut through = headers.first()?.payload().seq.checked_sub(1);
                let mut result = Ok(());
                for header in &headers {
                    result = if full { Err(Fault::Storage) } else { self.commit(header, library) };
                    if result.is_err() {
                        break;
                    }
                    through = Some(header.payload().seq);
                }
                Some(Input::Committed { publisher, through, result })
            }
            Store::Compare { batch, id, theirs } => {
                let ours = self.headers.get(&(batch.publisher, batch.seq)).filter(|ours| ours.id() != id)?;
                Some(Input::Conflict { batch, ours: ours.envelope().clone(), theirs })
            }
            Store::Rewind { publisher, batches, head } => {
                let result = if full { Err(()) } else { self.rewind(publisher, batches, head, library) };
                Some(Input::Rewound { publisher, result })
            }
            Store::Recall { publisher, from, batches, head } => {
                Some(Input::Recalled { headers: self.recall(publisher, from, batches, head) })
            }
            Store::Charter(charter) => {
                let stored = !full && self.chain.extend(charter.clone()).is_ok();
                Some(Input::CharterStored { charter, stored })
            }
            Store::Post { id, bytes, gone } => {
                if !full {
                    self.unflushed.retain(|(written, _)| written + WRITTEN_OUT_US > now_us);
                    self.unflushed.push_back((now_us, id));
                    self.keep_post(id, bytes, &gone);
                }
                None
            }
            Store::OwnPost { id, bytes, gone } => {
                if !full {
                    self.keep_post(id, bytes, &gone);
                }
                Some(Input::PostStored { id, stored: !full })
            }
            Store::Unpost(gone) => {
                gone.iter().for_each(|gone| drop(self.posts.remove(gone)));
                None
            }
        }
    }

    fn keep_post(&mut self, id: PostId, bytes: Arc<[u8]>, gone: &[PostId]) {
        gone.iter().for_each(|gone| drop(self.posts.remove(gone)));
        self.posts.insert(id, bytes);
    }

    /// The posts of the board, as a start reads them.
    pub fn posts(&self) -> Vec<Vec<u8>> {
        self.posts.values().map(|bytes| bytes.to_vec()).collect()
    }

    /// Whether a post is there.
    pub fn has_post(&self, id: &PostId) -> bool {
        self.posts.contains_key(id)
    }

    /// The tree under a feed's head.
    pub fn tree(&self, publisher: MemberNumber) -> Frontier {
        self.trees.get(&publisher).cloned().unwrap_or_default()
    }

    /// The digest of all that follows from a feed.
    pub fn digest(&self, publisher: MemberNumber) -> u64 {
        self.digests.get(&publisher).copied().unwrap_or_default()
    }

    /// What the listings of a feed add up to, as [`super::oracle`] counts them; `None` of a feed of many.
    pub fn listings(&self, publisher: MemberNumber) -> Option<u64> {
        let of_feed = self.table.range((publisher, Token([0; 32]), List::Cxh)..);
        let of_feed = of_feed.take_while(|((of, ..), _)| *of == publisher);
        let mut sum = 0u64;
        for (count, ((_, token, list), (standing, ended))) in of_feed.enumerate() {
            if count >= MOST_LISTINGS {
                return None;
            }
            let line = oracle::Line {
                leaf: standing.leaf,
                severity: u64::from(standing.severity.number()),
                expires: standing.expires,
                is_cleared: ended.is_some(),
            };
            sum = sum.wrapping_add(oracle::fingerprint(token, *list, &line));
        }
        Some(sum)
    }

    /// The listing that stands in a place and holds on a day.
    pub fn standing(&self, place: &Place, day: Day) -> Option<Standing> {
        let (standing, ended) = self.table.get(place)?;
        (ended.is_none() && standing.holds_on(day)).then_some(*standing)
    }

    /// Whether one does.
    pub fn stands(&self, place: &Place, day: Day) -> bool {
        self.standing(place, day).is_some()
    }

    /// What stands of one publisher.
    pub fn own(&self, publisher: MemberNumber) -> impl Iterator<Item = (Place, Standing)> {
        let from = self.table.range((publisher, Token([0; 32]), List::Cxh)..);
        let own = from.take_while(move |(place, _)| place.0 == publisher);
        own.filter(|(_, (_, ended))| ended.is_none()).map(|(place, (standing, _))| (*place, *standing))
    }

    /// A committed header.
    pub fn header(&self, publisher: MemberNumber, seq: u64) -> Option<&Verified<BatchHeader>> {
        self.headers.get(&(publisher, seq))
    }

    /// Puts a header where a committed one lies, past all checks.
    #[cfg(test)]
    pub fn keep_header(&mut self, header: Verified<BatchHeader>) {
        let h = header.payload();
        self.headers.insert((h.publisher, h.seq), header.clone());
    }

    /// The verified chunks of a committed header.
    pub fn body(&self, header: &BatchHeader, library: &mut Library) -> Vec<Arc<Chunk>> {
        let chunk =
            |(place, of): (ChunkPlace, &ChunkDescriptor)| library.read(place, of, self.chunks.get(&of.digest)?).ok();
        header.placed_chunks().filter_map(chunk).collect()
    }

    fn has_chunk(&self, place: ChunkPlace, of: &ChunkDescriptor, library: &mut Library) -> bool {
        self.chunks.get(&of.digest).is_some_and(|bytes| library.read(place, of, bytes).is_ok())
    }

    fn keep_chunk(
        &mut self,
        place: ChunkPlace,
        descriptor: &ChunkDescriptor,
        bytes: Arc<[u8]>,
        library: &mut Library,
    ) -> Result<(), Fault<ChunkError>> {
        library.read(place, descriptor, &bytes).map_err(Fault::Bad)?;
        self.chunks.insert(descriptor.digest, bytes);
        Ok(())
    }

    /// Commits one batch. FEED-5: a batch that is not the next one, or whose body is missing, is a bug of the replica.
    fn commit(&mut self, header: &Verified<BatchHeader>, library: &mut Library) -> Result<(), Fault<BodyError>> {
        let h = header.payload();
        let expected = self.heads.get(&h.publisher).map_or(0, |(head, _)| head.seq + 1);
        assert_eq!(h.seq, expected, "FEED-5: each batch once and in order");
        let mut check = BodyCheck::new(h, self.tree(h.publisher)).map_err(Fault::Bad)?;
        let body = self.body(h, library);
        assert_eq!(body.len(), h.chunks.len(), "FEED-5: only complete bodies are committed");
        for chunk in &body {
            check.add(&chunk.leaf_hashes, &chunk.totals, chunk.erased, |_, _, _| ());
        }
        let tree = check.finish().map_err(Fault::Bad)?;
        self.trees.insert(h.publisher, tree);
        self.headers.insert((h.publisher, h.seq), header.clone());
        self.heads.insert(h.publisher, (Head::of(h, header.id()), header.envelope().clone()));
        let leaves = body.iter().flat_map(|chunk| &chunk.leaves);
        for (index, leaf) in (h.first..).zip(leaves) {
            if let Leaf::Entry(entry) = leaf {
                self.apply(h, entry, index);
            }
        }
        Ok(())
    }

    fn apply(&mut self, header: &BatchHeader, entry: &Entry, index: u64) {
        let publisher = header.publisher;
        let digest = self.digests.entry(publisher).or_default();
        if let Some(remark) = Remark::new(entry, publisher, index, header.issued.day()) {
            *digest = digest.wrapping_add(fingerprint(&(entry.token().0, remark.pack())));
            self.remarks.entry(*entry.token()).or_default().push(remark);
            return;
        }
        let place = (publisher, *entry.token(), entry.list());
        let before = self.table.get(&place);
        let standing = before.filter(|(_, ended)| ended.is_none()).map(|(standing, _)| standing);
        let after = match ledger::apply(standing, entry, index) {
            Some(Effect::Stands(standing)) => (standing, None),
            Some(Effect::Cleared(ending)) => match standing {
                Some(standing) => (*standing, Some(ending)),
                None => return,
            },
            Some(Effect::Void(_)) | None => return,
        };
        if let Some(before) = before {
            *digest = digest.wrapping_sub(fingerprint_of(&place, before));
        }
        *digest = digest.wrapping_add(fingerprint_of(&place, &after));
        self.table.insert(place, after);
    }

    /// Takes a feed back: what is left is committed again from nothing, so that no shortcut hides a mistake.
    fn rewind(
        &mut self,
        publisher: MemberNumber,
        batches: u64,
        head: Option<Hash>,
        library: &mut Library,
    ) -> Result<Option<(Head, Arc<[u8]>)>, ()> {
        let last = batches.checked_sub(1).and_then(|last| self.headers.get(&(publisher, last)));
        let other = last.is_some_and(|last| head.is_some_and(|head| head != last.id()));
        let stands = if other { 0 } else { batches };
        let all: Vec<_> = self.headers.range((publisher, 0)..=(publisher, u64::MAX)).map(|(_, h)| h.clone()).collect();
        self.heads.remove(&publisher);
        self.trees.remove(&publisher);
        self.digests.remove(&publisher);
        self.table.retain(|(of, ..), _| *of != publisher);
        for said in self.remarks.values_mut() {
            said.retain(|remark| remark.author != publisher);
        }
        self.remarks.retain(|_, said| !said.is_empty());
        for header in all {
            let seq = header.payload().seq;
            self.headers.remove(&(publisher, seq));
            if seq < stands {
                self.commit(&header, library).map_err(|_| ())?;
            } else {
                self.void.insert((publisher, seq, header.id()), header);
            }
        }
        Ok(self.heads.get(&publisher).cloned())
    }

    /// What was taken back of a feed, from a number on: what leads from what stands to this head.
    fn recall(&self, publisher: MemberNumber, from: u64, batches: u64, head: Hash) -> Vec<Arc<[u8]>> {
        let (mut found, mut id) = (Vec::new(), Some(head));
        for seq in (from..batches).rev() {
            let Some(header) = id.and_then(|id| self.void.get(&(publisher, seq, id))) else { return Vec::new() };
            found.push(header.envelope().clone());
            id = header.payload().previous;
        }
        if id != self.heads.get(&publisher).map(|(head, _)| head.id) {
            return Vec::new();
        }
        found.reverse();
        found
    }

    /// The headers of a feed that were taken back.
    pub fn taken_back(&self, publisher: MemberNumber) -> impl Iterator<Item = &Verified<BatchHeader>> {
        self.void.range((publisher, 0, [0; 32])..=(publisher, u64::MAX, [255; 32])).map(|(_, header)| header)
    }

    /// Answers a peer.
    pub fn serve(&self, serve: Serve) -> Response {
        match serve {
            Serve::Headers { publisher, from, most } => {
                let headers = self.headers.range((publisher, from)..=(publisher, u64::MAX));
                Response::Headers(headers.take(most).map(|(_, header)| header.envelope().clone()).collect())
            }
            Serve::Chunk { digest } => {
                self.chunks.get(&digest).map_or(Response::Absent, |bytes| Response::Chunk(bytes.clone()))
            }
            Serve::Charters { from } => {
                let charters = self.chain.from(from).iter().take(limits::CHARTERS_PER_ANSWER);
                Response::Charters(charters.map(|charter| charter.encode().into()).collect())
            }
        }
    }

    /// How many pieces of work wait.
    pub fn waiting(&self) -> usize {
        self.under_way.len()
    }
}

fn fingerprint(value: &impl std::hash::Hash) -> u64 {
    // The keys of this hasher are fixed: the same value has the same fingerprint in every run of one binary.
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}

fn fingerprint_of((_, token, list): &Place, (standing, ended): &Held) -> u64 {
    let Standing { leaf, class, epoch, conduct, severity, listed, expires, document, role, direction } = standing;
    let what = (leaf, class.number(), epoch, conduct.number(), severity.number(), listed.0, expires.0, document);
    let more = (role.map(|role| role.number()), direction.map(|direction| direction.number()));
    let ended = ended.map(|ending| (ending.day.0, ending.reason.number()));
    fingerprint(&(token.0, list.number(), what, more, ended))
}
