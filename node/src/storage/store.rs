//! The door to the three rooms.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError, RwLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use antibrush_protocol::{
    base::{Hash, MemberNumber},
    board::PostId,
    charter::{CharterChain, CharterError, SignedCharter},
    encoding::Wire,
    feed::{BatchHeader, Chunk, ChunkDescriptor, ChunkError, ChunkPlace, Head, Leaf, Totals, chunk},
    limits,
    merkle::Frontier,
    replica::{BatchId, Fault},
    signed::Signed,
};
use rayon::prelude::*;

use super::{
    bodies::Bodies,
    documents::{Batch, DocumentError, Documents, MAX_CHANGES, Opened},
    files::{self, FileError},
    layout::{self, CommitRecord, FeedCursor, InvitationRecord},
    lock::DataDir,
    looked::Looked,
    registers,
    remarks::Remarks,
    table::{self, TableError, TokenTable},
    times::Times,
};

/// Why storage failed.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// The documents.
    #[error(transparent)]
    Documents(#[from] DocumentError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The token table.
    #[error(transparent)]
    Table(#[from] TableError),
    /// The stored charters do not hold.
    #[error("the stored charters do not hold ({0}); join the alliance again with a fresh data directory")]
    Charter(#[from] CharterError),
    /// A stored record is damaged.
    #[error("a stored record is damaged; restart the node: it rebuilds from its peers")]
    Damaged,
}

/// What opening had to mend.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Recovery {
    /// The documents were lost and must come from the peers: nothing of our own may be published before that.
    pub documents_lost: bool,
    /// Feeds whose bodies are incomplete on disk and are fetched again.
    pub feeds_dropped: Vec<MemberNumber>,
    /// The token table was rebuilt from the bodies.
    pub table_rebuilt: bool,
    /// Entries that were replayed into the table.
    pub replayed: u64,
}

/// What is kept of a verified chunk until its batch is committed.
#[derive(Debug)]
pub struct Assembled {
    pub(super) digest: Hash,
    pub(super) leaf_hashes: Vec<Hash>,
    pub(super) totals: Totals,
    pub(super) erased: u32,
}

/// The store.
pub struct Store {
    pub(super) documents: Documents,
    pub(super) bodies: Bodies,
    pub(super) table: TokenTable,
    pub(super) assembly: Mutex<BTreeMap<(BatchId, u32), Assembled>>,
    pub(super) committing: Mutex<()>,
    /// Feeds whose committed batches the table does not hold yet, and from which leaf on: reading them back failed.
    pub(super) behind: Mutex<BTreeMap<MemberNumber, u64>>,
    pub(super) charter_files: PathBuf,
    pub(super) log_name: [u8; 8],
    pub(super) next_commit: AtomicU64,
    pub(super) void_entries: AtomicU64,
    pub(super) remarks: Remarks,
    pub(super) times: Mutex<BTreeMap<MemberNumber, Times>>,
    pub(super) looked: Mutex<Looked>,
    /// Held to read what is counted of remarks, and alone while remarks become numbers.
    pub(super) counting: RwLock<()>,
}

impl Store {
    /// Opens everything under the data directory's lock and brings the table up to the feeds.
    pub fn open(data: &DataDir) -> Result<(Store, Recovery), StorageError> {
        let (documents, opened) = Documents::open(data)?;
        let bodies = Bodies::open(data)?;
        files::create_private_dir(&data.path().join("table"))?;
        let (table, table_opened) = TokenTable::open(&data.path().join("table"))?;
        let mut recovery = Recovery {
            documents_lost: matches!(opened, Opened::Damaged { .. }),
            table_rebuilt: matches!(table_opened, table::Opened::Rebuild(_)),
            ..Recovery::default()
        };
        let store = Store {
            next_commit: AtomicU64::new(next_commit_number(&documents)?),
            log_name: log_name(&documents)?,
            remarks: Remarks::load(&documents)?,
            documents,
            bodies,
            table,
            assembly: Mutex::default(),
            committing: Mutex::default(),
            behind: Mutex::default(),
            charter_files: data.path().join("charters"),
            void_entries: AtomicU64::new(0),
            times: Mutex::default(),
            looked: Mutex::default(),
            counting: RwLock::default(),
        };
        // WRITER-7: new documents beside old charters or a set-aside database, too: the disk was changed, or the process was
        // killed before it had noted the loss.
        let is_new = matches!(opened, Opened::New) && registers::has_charters(&store.charter_files)?;
        if recovery.documents_lost || is_new || store.has_unnoted_loss(data.path())? {
            crate::core::mark_recovering(data.path())?;
            registers::note_lost(&store.documents, crate::clock::wall())?;
        }
        store.restore_charters()?;
        store.end_forgetting()?;
        let store = store.replay(table_opened.cursors(), data, &mut recovery)?;
        Ok((store, recovery))
    }

    /// The charters, first to newest; `None` before founding or joining.
    pub fn charters(&self) -> Result<Option<CharterChain>, StorageError> {
        let mut chain: Option<CharterChain> = None;
        for row in self.documents.scan_prefix(layout::CHARTERS) {
            let charter = SignedCharter::decode(&row?.1).map_err(CharterError::from)?;
            match &mut chain {
                None => chain = Some(CharterChain::found(charter, None)?),
                Some(chain) => drop(chain.extend(charter)?),
            }
        }
        Ok(chain)
    }

    /// The signed bytes of up to `most` charters from a number on.
    pub fn charter_bytes(&self, from: u64, most: usize) -> Result<Vec<Vec<u8>>, StorageError> {
        let rows = self.documents.range(&layout::charter(from), most)?;
        Ok(rows.into_iter().filter(|(key, _)| key.starts_with(layout::CHARTERS)).map(|(_, value)| value).collect())
    }

    /// As many signed charters from a number on as fit into one answer.
    pub fn charter_page(&self, from: u64) -> Result<Vec<Arc<[u8]>>, StorageError> {
        // Below the answer's own bound by what its framing and one charter more may take.
        let mut room = limits::ANSWER_BYTES - limits::CHARTER_BYTES - 1024;
        let fits = |charter: &Vec<u8>| {
            let fits = room > 0;
            room = room.saturating_sub(charter.len());
            fits
        };
        let charters = self.charter_bytes(from, limits::CHARTERS_PER_ANSWER)?;
        Ok(charters.into_iter().take_while(fits).map(Arc::from).collect())
    }

    /// Makes a verified charter durable, as a file too: without charters a node whose documents are lost would not even
    /// know whom to ask.
    pub fn put_charter(&self, charter: &SignedCharter) -> Result<(), StorageError> {
        files::create_private_dir(&self.charter_files)?;
        let file = self.charter_files.join(format!("{:08}.charter", charter.charter().number));
        files::write_atomic(&file, &charter.encode(), 0o600)?;
        let mut batch = Batch::default();
        batch.put(layout::charter(charter.charter().number), charter.encode());
        Ok(self.documents.commit(batch)?)
    }

    /// Takes charters that the documents lack back from their files; they are verified when they are read.
    fn restore_charters(&self) -> Result<(), StorageError> {
        let known = self.documents.range(layout::CHARTERS, usize::MAX)?;
        let known = known.iter().filter(|(key, _)| key.starts_with(layout::CHARTERS)).count() as u64;
        for number in known + 1.. {
            let file = self.charter_files.join(format!("{number:08}.charter"));
            let Some(bytes) = files::read_bounded(&file, limits::CHARTER_BYTES as u64)? else { break };
            let mut batch = Batch::default();
            batch.put(layout::charter(number), bytes);
            self.documents.commit(batch)?;
        }
        Ok(())
    }

    /// The committed heads with their signed headers.
    pub fn heads(&self) -> Result<BTreeMap<MemberNumber, (Head, Arc<[u8]>)>, StorageError> {
        let mut heads = BTreeMap::new();
        for (publisher, cursor) in self.cursors()? {
            let header =
                self.documents.get(&layout::header(publisher, cursor.head.seq))?.ok_or(StorageError::Damaged)?;
            heads.insert(publisher, (cursor.head, header.into()));
        }
        Ok(heads)
    }

    /// The posts of the board.
    pub fn posts(&self) -> Result<Vec<Vec<u8>>, StorageError> {
        self.documents.scan_prefix(layout::POSTS).map(|row| Ok(row?.1)).collect()
    }

    /// Keeps a post of the board in the place of others.
    pub fn put_post(&self, id: &PostId, bytes: &[u8], gone: &[PostId]) -> Result<(), StorageError> {
        let mut batch = Batch::default();
        gone.iter().for_each(|id| batch.remove(layout::post(id)));
        batch.put(layout::post(id), bytes.to_vec());
        Ok(self.documents.commit(batch)?)
    }

    /// Forgets posts of the board.
    pub fn remove_posts(&self, gone: &[PostId]) -> Result<(), StorageError> {
        for some in gone.chunks(MAX_CHANGES) {
            let mut batch = Batch::default();
            some.iter().for_each(|id| batch.remove(layout::post(id)));
            self.documents.commit(batch)?;
        }
        Ok(())
    }

    /// The committed head of a feed.
    pub fn head(&self, publisher: MemberNumber) -> Result<Option<Head>, StorageError> {
        Ok(self.cursor(publisher)?.map(|cursor| cursor.head))
    }

    /// The tree of a feed, from which its next batch goes on.
    pub fn tree(&self, publisher: MemberNumber) -> Result<Frontier, StorageError> {
        Ok(self.cursor(publisher)?.map_or_else(Frontier::new, |cursor| cursor.tree))
    }

    /// The signed bytes of up to `most` headers of a feed from a number on.
    pub fn header_bytes(&self, publisher: MemberNumber, from: u64, most: usize) -> Result<Vec<Vec<u8>>, StorageError> {
        let rows = self.documents.range(&layout::header(publisher, from), most)?;
        let prefix = &layout::header(publisher, 0)[..4];
        Ok(rows.into_iter().filter(|(key, _)| key.starts_with(prefix)).map(|(_, value)| value).collect())
    }

    /// One header of a feed.
    pub fn header(&self, publisher: MemberNumber, seq: u64) -> Result<Option<Signed<BatchHeader>>, StorageError> {
        let bytes = self.documents.get(&layout::header(publisher, seq))?;
        bytes.map(|bytes| Signed::decode(&bytes).map_err(|_| StorageError::Damaged)).transpose()
    }

    /// The bytes of a chunk as peers may have them: compared with its digest, for a damaged file served to a peer would be
    /// held against this node.
    pub fn sound_chunk(&self, digest: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        let Some(bytes) = self.bodies.get(digest)? else { return Ok(None) };
        if chunk::describe(&bytes).is_ok_and(|found| found.digest == *digest) {
            return Ok(Some(bytes));
        }
        tracing::error!("a stored chunk is damaged; it is fetched again when the feed is rebuilt");
        Ok(None)
    }

    /// The bytes of a chunk.
    pub fn chunk(&self, digest: &Hash) -> Result<Option<Vec<u8>>, StorageError> {
        Ok(self.bodies.get(digest)?)
    }

    /// Verifies a chunk against its description and makes it durable.
    pub fn put_chunk(
        &self,
        batch: BatchId,
        index: u32,
        place: ChunkPlace,
        descriptor: &ChunkDescriptor,
        bytes: &[u8],
    ) -> Result<(), Fault<ChunkError>> {
        if self.is_assembled(batch, index, descriptor) && self.bodies.has(&descriptor.digest).map_err(storage_fault)? {
            return Ok(());
        }
        let chunk = Chunk::verify(place, descriptor, bytes).map_err(Fault::Bad)?;
        // A file that lies there already counts only if it is sound: rot is replaced by what was verified just now.
        let stored = self.bodies.get(&descriptor.digest).map_err(storage_fault)?;
        let sound = stored.is_some_and(|stored| Chunk::verify(place, descriptor, &stored).is_ok());
        let part = Assembled::new(descriptor, chunk);
        let gone = if sound { self.keep(batch, index, part) } else { Err(part) };
        if let Err(part) = gone {
            self.bodies.replace_all(&[(descriptor.digest, bytes)]).map_err(storage_fault)?;
            lock(&self.assembly).insert((batch, index), part);
        }
        Ok(())
    }

    /// Stores a chunk that comes without a header, under the digest of its own place and leaves: it counts only once a signed
    /// header names that digest. Returns the digest.
    pub fn put_loose_chunk(&self, bytes: &[u8]) -> Result<Result<Hash, ChunkError>, StorageError> {
        let descriptor = match chunk::describe(bytes) {
            Ok(descriptor) => descriptor,
            Err(error) => return Ok(Err(error)),
        };
        self.bodies.put_all(&[(descriptor.digest, bytes)])?;
        Ok(Ok(descriptor.digest))
    }

    /// Which chunks of a batch are on disk and sound.
    pub fn probe(&self, header: &BatchHeader) -> Vec<bool> {
        let batch = BatchId { publisher: header.publisher, seq: header.seq };
        let probe = |(index, (place, descriptor)): (usize, (ChunkPlace, &ChunkDescriptor))| {
            // Only the file counts now, not what is remembered of it.
            lock(&self.assembly).remove(&(batch, index as u32));
            let Ok(Some(bytes)) = self.bodies.get(&descriptor.digest) else { return false };
            match Chunk::verify(place, descriptor, &bytes) {
                Ok(chunk) => self.keep(batch, index as u32, Assembled::new(descriptor, chunk)).is_ok(),
                Err(_) => false,
            }
        };
        let placed: Vec<_> = header.placed_chunks().collect();
        placed.into_par_iter().enumerate().map(probe).collect()
    }

    /// Removes chunks that no committed header names and that nobody has asked about for a while: what a batch left behind
    /// that was never published, or a download that was given up. Returns how many.
    pub fn sweep(&self, unused_for: Duration) -> Result<u64, StorageError> {
        let old: Vec<Hash> = self.bodies.unused_for(unused_for)?;
        if old.is_empty() {
            return Ok(0);
        }
        let mut named = BTreeSet::new();
        for publisher in self.cursors()?.into_keys() {
            for seq in 0.. {
                let Some(header) = self.header(publisher, seq)? else { break };
                named.extend(header.payload().chunks.iter().map(|descriptor| descriptor.digest));
            }
        }
        // What was taken back may come into force again by decision of the stewards.
        for envelope in self.all_void_headers()? {
            let header = Signed::<BatchHeader>::decode(&envelope).map_err(|_| StorageError::Damaged)?;
            named.extend(header.payload().chunks.iter().map(|descriptor| descriptor.digest));
        }
        // What was accepted and never came may still be finished (WRITER-4), unless another batch has its number.
        for bid in self.registers()?.into_iter().filter_map(|register| register.accepted) {
            let header = bid.header();
            if self.head(header.publisher)?.is_none_or(|head| head.seq < header.seq) {
                named.extend(header.chunks.iter().map(|descriptor| descriptor.digest));
            }
        }
        let orphans = old.iter().filter(|digest| !named.contains(*digest));
        let mut removed = 0;
        for digest in orphans {
            // Whoever stores or finds a chunk touches its file and notes it here, in one step.
            let waiting = lock(&self.assembly);
            if !waiting.values().any(|part| part.digest == *digest) {
                removed += u64::from(self.bodies.remove_unused(digest, unused_for)?);
            }
        }
        Ok(removed)
    }

    /// The commit log from a number on.
    pub fn commits(&self, from: u64, most: usize) -> Result<Vec<CommitRecord>, StorageError> {
        let rows = self.documents.range(&layout::commit(from), most)?;
        let records = rows.into_iter().filter(|(key, _)| key.starts_with(layout::COMMITS));
        records.map(|(_, value)| CommitRecord::decode(&value).map_err(|_| StorageError::Damaged)).collect()
    }

    /// The number that the next record of the commit log will get.
    pub fn next_commit(&self) -> u64 {
        self.next_commit.load(Ordering::Acquire)
    }

    /// The name of the commit log: cursors into another log mean nothing here.
    pub fn log_name(&self) -> [u8; 8] {
        self.log_name
    }

    /// The leaves `[first, first + most)` of a feed, as far as they exist, with their indexes.
    pub fn leaves(&self, publisher: MemberNumber, first: u64, most: usize) -> Result<Vec<(u64, Leaf)>, StorageError> {
        let mut found = Vec::new();
        let mut next = first;
        while found.len() < most {
            let Some((chunk_first, bytes)) = self.chunk_of_leaf(publisher, next)? else { break };
            for (at, leaf) in chunk::leaves(&bytes).enumerate() {
                let index = chunk_first + at as u64;
                if index >= next && found.len() < most {
                    found.push((index, leaf.map_err(|_| StorageError::Damaged)?));
                }
            }
            next = found.last().map_or(next, |(index, _)| index + 1);
        }
        Ok(found)
    }

    /// The chunk that holds a leaf, with the index of its first leaf.
    pub(super) fn chunk_of_leaf(
        &self,
        publisher: MemberNumber,
        leaf: u64,
    ) -> Result<Option<(u64, Vec<u8>)>, StorageError> {
        let Some(header) = self.header_of_leaf(publisher, leaf)? else { return Ok(None) };
        let header = header.payload();
        let mut first = header.first;
        for descriptor in &header.chunks {
            let next = first + u64::from(descriptor.entries);
            if leaf < next {
                return Ok(Some((first, self.bodies.get(&descriptor.digest)?.ok_or(StorageError::Damaged)?)));
            }
            first = next;
        }
        Err(StorageError::Damaged)
    }

    /// The header of the batch that holds a leaf.
    pub fn header_of_leaf(
        &self,
        publisher: MemberNumber,
        leaf: u64,
    ) -> Result<Option<Signed<BatchHeader>>, StorageError> {
        let from = layout::batch_by_size(publisher, leaf + 1);
        let found = self.documents.range(&from, 1)?.into_iter().next().filter(|(key, _)| key[..4] == from[..4]);
        let Some((_, seq)) = found else { return Ok(None) };
        let seq = u64::from_be_bytes(seq.try_into().map_err(|_| StorageError::Damaged)?);
        self.header(publisher, seq)
    }

    /// The token table.
    pub fn table(&self) -> &TokenTable {
        &self.table
    }

    /// Entries of all feeds that had no effect, since the start.
    pub fn void_entries(&self) -> u64 {
        self.void_entries.load(Ordering::Relaxed)
    }

    /// Bytes of bodies and documents on disk.
    pub fn disk_bytes(&self) -> Result<(u64, u64), StorageError> {
        Ok((self.bodies.disk_bytes()?, self.documents.disk_bytes()?))
    }

    /// Stores an invitation, or what became of it.
    pub fn put_invitation(&self, secret_hash: &Hash, record: &InvitationRecord) -> Result<(), StorageError> {
        let mut batch = Batch::default();
        batch.put(layout::invitation(secret_hash), record.encode());
        Ok(self.documents.commit(batch)?)
    }

    /// An invitation by the hash of its secret.
    pub fn invitation(&self, secret_hash: &Hash) -> Result<Option<InvitationRecord>, StorageError> {
        let bytes = self.documents.get(&layout::invitation(secret_hash))?;
        bytes.map(|bytes| InvitationRecord::decode(&bytes).map_err(|_| StorageError::Damaged)).transpose()
    }

    /// All invitations, with the hashes of their secrets.
    pub fn invitations(&self) -> Result<Vec<(Hash, InvitationRecord)>, StorageError> {
        let read = |(key, value): (Vec<u8>, Vec<u8>)| {
            let secret = key.strip_prefix(layout::INVITATIONS).and_then(|hash| hash.try_into().ok());
            let record = InvitationRecord::decode(&value).map_err(|_| StorageError::Damaged)?;
            Ok((secret.ok_or(StorageError::Damaged)?, record))
        };
        self.documents.scan_prefix(layout::INVITATIONS).map(|row| read(row?)).collect()
    }

    /// Compares an old header that came again: the stored one if it differs.
    pub fn differing_header(&self, batch: BatchId, id: &Hash) -> Result<Option<Arc<[u8]>>, StorageError> {
        let stored = self.header(batch.publisher, batch.seq)?;
        Ok(stored.filter(|stored| stored.id() != *id).map(|stored| stored.envelope().clone()))
    }

    pub(super) fn node_page(&self, publisher: MemberNumber, page: u64) -> Result<Vec<u8>, StorageError> {
        Ok(self.documents.get(&layout::nodes(publisher, page))?.unwrap_or_default())
    }

    pub(super) fn cursor(&self, publisher: MemberNumber) -> Result<Option<FeedCursor>, StorageError> {
        let bytes = self.documents.get(&layout::cursor(publisher))?;
        bytes.map(|bytes| FeedCursor::decode(&bytes).map_err(|_| StorageError::Damaged)).transpose()
    }

    pub(super) fn cursors(&self) -> Result<BTreeMap<MemberNumber, FeedCursor>, StorageError> {
        let mut cursors = BTreeMap::new();
        for row in self.documents.scan_prefix(layout::CURSORS) {
            let (key, value) = row?;
            let publisher = layout::publisher_of(&key).ok_or(StorageError::Damaged)?;
            cursors.insert(publisher, FeedCursor::decode(&value).map_err(|_| StorageError::Damaged)?);
        }
        Ok(cursors)
    }

    /// Notes a chunk whose file lies there already; gives it back if the file has just gone.
    fn keep(&self, batch: BatchId, index: u32, part: Assembled) -> Result<(), Assembled> {
        let mut waiting = lock(&self.assembly);
        if self.bodies.touch(&part.digest).is_err() {
            return Err(part);
        }
        waiting.insert((batch, index), part);
        Ok(())
    }

    /// Whether this very chunk was verified and stored by this process and waits for its batch.
    fn is_assembled(&self, batch: BatchId, index: u32, descriptor: &ChunkDescriptor) -> bool {
        lock(&self.assembly).get(&(batch, index)).is_some_and(|part| part.digest == descriptor.digest)
    }

    /// Forgets what was stored for a batch that will not be committed.
    pub fn forget_assembled(&self, batch: BatchId) {
        lock(&self.assembly).retain(|(waiting, _), _| *waiting != batch);
    }

    /// Forgets what was stored for batches up to a number that are committed, and for others that were accepted or staged in their places
    /// (WRITER-4).
    pub(super) fn forget_decided(&self, publisher: MemberNumber, seq: u64) {
        lock(&self.assembly).retain(|(waiting, _), _| waiting.publisher != publisher || waiting.seq > seq);
    }

    pub(super) fn disassemble(&self, header: &BatchHeader) {
        let batch = BatchId { publisher: header.publisher, seq: header.seq };
        let mut assembly = lock(&self.assembly);
        for index in 0..header.chunks.len() as u32 {
            assembly.remove(&(batch, index));
        }
    }
}

/// Locks. Every change under these locks is complete by itself, so a panic elsewhere does not make them unusable.
pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Assembled {
    /// Of a chunk that was verified against this description.
    pub(super) fn new(descriptor: &ChunkDescriptor, chunk: Chunk) -> Assembled {
        let Chunk { leaf_hashes, totals, erased, .. } = chunk;
        Assembled { digest: descriptor.digest, leaf_hashes, totals, erased }
    }
}

pub(super) fn storage_fault<E>(error: impl Into<StorageError>) -> Fault<E> {
    tracing::error!(error = %error.into(), "storage failed");
    Fault::Storage
}

fn log_name(documents: &Documents) -> Result<[u8; 8], StorageError> {
    if let Some(name) = documents.get(layout::LOG_NAME)? {
        return name.try_into().map_err(|_| StorageError::Damaged);
    }
    let name: [u8; 8] = crate::random::bytes();
    let mut batch = Batch::default();
    batch.put(layout::LOG_NAME, name);
    documents.commit(batch)?;
    Ok(name)
}

pub(super) fn next_commit_number(documents: &Documents) -> Result<u64, StorageError> {
    let mut next = 0;
    // The log is dense, so doubling steps find its end without reading it.
    let mut step = 1u64 << 40;
    while step > 0 {
        if documents.get(&layout::commit(next + step - 1))?.is_some() {
            next += step;
        } else {
            step /= 2;
        }
    }
    Ok(next)
}
