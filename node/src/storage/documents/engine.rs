//! sled behind glass: the one place that opens it, and the only one that sees its errors and its panics.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::ops::Bound;
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::super::files::{self, FileError, Operation};
use super::{MAX_VALUE, Row};

/// The tree beside the documents that holds the marker.
const MARKER_TREE: &[u8] = b"antibrush";
const MARKER_KEY: &[u8] = b"instance";
/// A waiting thread of sled can miss the notice of an error (its log announces some errors without waking anyone);
/// asking for another flush wakes it.
const WAKE_AFTER: Duration = Duration::from_secs(2);
/// After this many wake-ups the database counts as stuck: one minute, the deadline of the slowest disk that still works.
const WAKES: u32 = 30;
/// How long a closed database may keep its lock: ten seconds.
const LOCK_TRIES: u32 = 500;
const BETWEEN_TRIES: Duration = Duration::from_millis(20);
/// Below this much free space a failure is blamed on the full disk, not on the files: sled panics for both.
const ROOM_TO_WORK: u64 = 2 * 1024 * 1024;

/// A page of sled holds up to 17 rows and becomes a blob file above 128 KiB; this leaves room for keys and stragglers.
const PIECE: usize = 4096;
/// First bytes of sled's keys: rows, and the pieces of their values.
const ROW: u8 = b'r';
const PIECE_OF_ROW: u8 = b'p';
/// The row that counts commits: sled drops the damaged end of its log without a word, and this shows it.
const TALLY: &[u8] = b"t";
/// First bytes of a row: the value follows, or its length (32 bits, big endian) does.
const INLINE: u8 = 0;
const IN_PIECES: u8 = 1;

/// Identifies the database of one data directory.
pub(super) type Instance = [u8; 16];

/// Why the database can not go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Failure {
    /// The operating system refused.
    File(FileError),
    /// The content is wrong.
    Damaged,
    /// It does not answer.
    Stuck,
    /// It is not open.
    Closed,
}

impl From<FileError> for Failure {
    fn from(error: FileError) -> Failure {
        Failure::File(error)
    }
}

/// Rows in order, and whether nothing follows.
pub(super) struct Page {
    pub rows: Vec<Row>,
    pub last: bool,
}

/// An open database whose marker was right.
#[derive(Debug)]
pub(super) struct Engine {
    db: sled::Db,
    directory: PathBuf,
    /// Commits so far, inside the database and outside of it.
    commits: AtomicU64,
    tally: File,
}

impl Engine {
    pub(super) fn open(root: &Path, directory: &Path, cache: u64) -> Result<Engine, Failure> {
        files::create_private_dir(directory)?;
        super::opening::remove_half_snapshots(directory)?;
        let config = sled::Config::new().path(directory).cache_capacity(cache);
        let mut tries = 0;
        let db = loop {
            match guard(directory, || config.open()) {
                // Of all errors only sled's own lock comes as `Other`. The data directory is ours, so the holder is a
                // thread of a database that this process has just closed: it lets go when its last write has ended.
                Err(Failure::File(error)) if error.kind == io::ErrorKind::Other => {
                    tries += 1;
                    if tries > LOCK_TRIES {
                        return Err(Failure::Stuck);
                    }
                    thread::sleep(BETWEEN_TRIES);
                }
                opened => break opened?,
            }
        };
        let path = root.join("documents.tally");
        let tally = File::options().read(true).write(true).create(true).truncate(false).mode(0o600).open(&path);
        let tally = tally.map_err(|error| FileError::new(&path, Operation::Open, &error))?;
        let counted = guard(directory, || db.get(TALLY))?;
        let commits = counted.and_then(|bytes| bytes.as_ref().try_into().ok()).map_or(0, u64::from_be_bytes);
        let engine = Engine { db, directory: directory.to_path_buf(), commits: AtomicU64::new(commits), tally };
        engine.sync()?;
        Ok(engine)
    }

    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, Failure> {
        match guard(&self.directory, || self.db.get(row_key(key)))? {
            Some(head) => self.whole(key, &head).map(Some),
            None => Ok(None),
        }
    }

    /// At most `rows` rows of about `bytes` bytes whose keys start with `prefix`.
    pub(super) fn page(
        &self,
        from: &Bound<Vec<u8>>,
        prefix: &[u8],
        rows: usize,
        bytes: usize,
    ) -> Result<Page, Failure> {
        let (mut page, mut size) = (Page { rows: Vec::new(), last: false }, 0);
        let from = match from {
            Bound::Included(key) => Bound::Included(row_key(key)),
            Bound::Excluded(key) => Bound::Excluded(row_key(key)),
            Bound::Unbounded => Bound::Included(row_key(&[])),
        };
        let mut found = self.db.range((from, Bound::Excluded(vec![ROW + 1])));
        while page.rows.len() < rows && size < bytes {
            let row = guard(&self.directory, || found.next().transpose())?;
            let Some((key, head)) = row.filter(|(key, _)| key[1..].starts_with(prefix)) else {
                page.last = true;
                break;
            };
            let key = key[1..].to_vec();
            let value = self.whole(&key, &head)?;
            size += key.len() + value.len();
            page.rows.push((key, value));
        }
        Ok(page)
    }

    /// Applies and makes durable; after an error the database must be opened again.
    pub(super) fn commit(&self, changes: &BTreeMap<Vec<u8>, Option<Vec<u8>>>) -> Result<(), Failure> {
        let mut batch = sled::Batch::default();
        for (key, value) in changes {
            let old = guard(&self.directory, || self.db.get(row_key(key)))?;
            let held = old.map_or(Ok(0), |head| pieces_of(&head))?;
            let mut written = 0;
            match value {
                Some(value) if value.len() <= PIECE => batch.insert(row_key(key), [&[INLINE], &value[..]].concat()),
                Some(value) => {
                    // A value's bound keeps its length far below 32 bits.
                    let length = u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes();
                    batch.insert(row_key(key), [&[IN_PIECES], &length[..]].concat());
                    for piece in value.chunks(PIECE) {
                        batch.insert(piece_key(key, written), piece);
                        written += 1;
                    }
                }
                None => batch.remove(row_key(key)),
            }
            (written..held).for_each(|number| batch.remove(piece_key(key, number)));
        }
        let commits = self.commits.load(Relaxed) + 1;
        batch.insert(TALLY, &commits.to_be_bytes());
        self.flush_after(move |db| db.apply_batch(batch))?;
        self.sync()?;
        self.commits.store(commits, Relaxed);
        self.write_tally(commits)
    }

    /// Written after the sync of the database and never synced itself: after a power cut it may say less than is there,
    /// which proves nothing, and never more, unless the database lost something.
    pub(super) fn write_tally(&self, commits: u64) -> Result<(), Failure> {
        let bytes = [commits.to_be_bytes(), (!commits).to_be_bytes()].concat();
        self.tally.write_all_at(&bytes, 0).map_err(|error| self.failed(Operation::Write, &error))
    }

    /// The value behind a row's head.
    fn whole(&self, key: &[u8], head: &[u8]) -> Result<Vec<u8>, Failure> {
        let pieces = pieces_of(head)?;
        if pieces == 0 {
            return Ok(head[1..].to_vec());
        }
        let mut value = Vec::with_capacity(pieces as usize * PIECE);
        for number in 0..pieces {
            let piece = guard(&self.directory, || self.db.get(piece_key(key, number)))?;
            value.extend_from_slice(&piece.ok_or(Failure::Damaged)?);
        }
        if head[1..] == u32::try_from(value.len()).unwrap_or(u32::MAX).to_be_bytes() {
            Ok(value)
        } else {
            Err(Failure::Damaged)
        }
    }

    pub(super) fn commits(&self) -> u64 {
        self.commits.load(Relaxed)
    }

    pub(super) fn tally(&self) -> &File {
        &self.tally
    }

    pub(super) fn disk_bytes(&self) -> Result<u64, Failure> {
        guard(&self.directory, || self.db.size_on_disk())
    }

    /// Drops the database and waits until its threads have let go of the files.
    pub(super) fn close(self) -> Result<(), Failure> {
        let (done, answer) = mpsc::sync_channel(1);
        let db = self.db;
        thread::spawn(move || {
            // Dropping does last writes, which may panic on a broken disk.
            let _ = catch_unwind(AssertUnwindSafe(|| drop(db)));
            let _ = done.send(());
        });
        answer.recv_timeout(WAKE_AFTER * WAKES).map_err(|_| Failure::Stuck)
    }

    pub(super) fn reject(self) -> Failure {
        self.close().err().unwrap_or(Failure::Damaged)
    }

    pub(super) fn marker(&self) -> Result<Option<Instance>, Failure> {
        let found = guard(&self.directory, || self.db.open_tree(MARKER_TREE)?.get(MARKER_KEY))?;
        found.map(|bytes| bytes.as_ref().try_into().map_err(|_| Failure::Damaged)).transpose()
    }

    pub(super) fn is_blank(&self) -> Result<bool, Failure> {
        guard(&self.directory, || Ok(self.db.first()?.is_none()))
    }

    pub(super) fn mark(self, instance: Option<Instance>) -> Result<(Engine, Instance, bool), Failure> {
        let mut drawn = instance.unwrap_or_default();
        if instance.is_none() {
            getrandom::fill(&mut drawn).map_err(|_| self.failed(Operation::Create, &io::ErrorKind::Other.into()))?;
        }
        self.flush_after(move |db| db.open_tree(MARKER_TREE)?.insert(MARKER_KEY, &drawn[..]).map(drop))?;
        self.sync()?;
        files::sync_dir(&self.directory)?;
        Ok((self, drawn, false))
    }

    /// Runs a change and sled's flush in a thread of their own, so that a wait that sled never ends is noticed.
    fn flush_after(&self, change: impl FnOnce(&sled::Db) -> sled::Result<()> + Send + 'static) -> Result<(), Failure> {
        let (done, answer) = mpsc::sync_channel(1);
        let (db, directory) = (self.db.clone(), self.directory.clone());
        thread::spawn(move || {
            let outcome = guard(&directory, || {
                change(&db)?;
                db.flush().map(drop)
            });
            drop(db);
            let _ = done.send(outcome);
        });
        for _ in 0..WAKES {
            match answer.recv_timeout(WAKE_AFTER) {
                Ok(outcome) => return outcome,
                Err(mpsc::RecvTimeoutError::Disconnected) => return Err(Failure::Damaged),
                Err(mpsc::RecvTimeoutError::Timeout) => {
                    let db = self.db.clone();
                    thread::spawn(move || drop(catch_unwind(AssertUnwindSafe(|| db.flush().map(drop)))));
                }
            }
        }
        Err(Failure::Stuck)
    }

    /// Forces `db` past the disk's cache: sled's flush is sync_file_range(2), which does not. There are no blob files to
    /// sync, since no page grows to one.
    fn sync(&self) -> Result<(), Failure> {
        let path = self.directory.join("db");
        File::open(&path)
            .and_then(|file| file.sync_data())
            .map_err(|error| FileError::new(&path, Operation::Sync, &error).into())
    }

    #[cfg(test)]
    pub(super) fn raw_rows(&self) -> usize {
        self.db.len() - 1
    }

    #[cfg(test)]
    pub(super) fn lose_a_piece(&self, key: &[u8]) {
        self.db.remove(piece_key(key, 1)).unwrap();
        self.db.flush().unwrap();
    }

    fn failed(&self, operation: Operation, error: &io::Error) -> Failure {
        FileError::new(&self.directory, operation, error).into()
    }
}

fn row_key(key: &[u8]) -> Vec<u8> {
    [&[ROW], key].concat()
}

/// Two of these are equal only if key and number are: the number's length is fixed.
fn piece_key(key: &[u8], number: u32) -> Vec<u8> {
    [&[PIECE_OF_ROW], key, &number.to_be_bytes()].concat()
}

/// How many pieces a row's head announces, 0 for a value that stands in the head.
fn pieces_of(head: &[u8]) -> Result<u32, Failure> {
    match head {
        [INLINE, ..] => Ok(0),
        [IN_PIECES, a, b, c, d] => {
            let length = u32::from_be_bytes([*a, *b, *c, *d]);
            if length as usize <= MAX_VALUE { Ok(length.div_ceil(PIECE as u32)) } else { Err(Failure::Damaged) }
        }
        _ => Err(Failure::Damaged),
    }
}

/// Runs sled and turns its errors and panics into a [`Failure`].
fn guard<T>(directory: &Path, act: impl FnOnce() -> sled::Result<T>) -> Result<T, Failure> {
    match catch_unwind(AssertUnwindSafe(act)) {
        Ok(Ok(found)) => Ok(found),
        Ok(Err(sled::Error::Io(error))) => match error.kind() {
            // Both mean that a file is shorter or other than its own description.
            io::ErrorKind::UnexpectedEof | io::ErrorKind::InvalidData => Err(Failure::Damaged),
            _ => Err(FileError::new(directory, Operation::Write, &error).into()),
        },
        Ok(Err(_)) | Err(_) if files::free_bytes(directory).is_ok_and(|free| free < ROOM_TO_WORK) => {
            Err(FileError::new(directory, Operation::Write, &io::ErrorKind::StorageFull.into()).into())
        }
        Ok(Err(_)) | Err(_) => Err(Failure::Damaged),
    }
}
