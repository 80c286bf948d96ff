//! Documents: charters, headers, cosignatures, cursors, quotas and the audit log, in embedded sled.
//!
//! Trusted for nothing that a signature covers: everything taken from here that others signed is verified again when it
//! is read into the state. An attacker who can write this directory can at most hide or roll back what this node knows
//! (it fetches it again), forge this node's own cursors, quotas and cache, and stop it; the audit log's hash chain shows
//! a change of it unless the attacker rewrites the chain from there on.
//!
//! sled 0.34 needs care, measured in the tests of this module:
//! - `flush` writes without forcing the disk's cache, so a commit also syncs `db`.
//! - A page above 128 KiB becomes a blob file of its own, which no flush covers, and a full disk while one is written
//!   hangs sled for good. A page is up to 17 rows, so values are stored in pieces of 4 KiB and no page grows that large.
//! - A kill during start can leave `snap.*.generating`, which makes every later open fail: removed under the lock.
//! - A missing `db` opens as an empty database, a damaged one panics or loses the end of its log without a word: a marker,
//!   a count of commits kept inside and outside, and `catch_unwind` notice all three.
//! - A full disk poisons the open database for good: the batch that failed shows in reads, later reads fail, and opening
//!   it again needs space for a snapshot. So commits leave a reserve free, which keeps sled from seeing a full disk at
//!   all; if it does all the same (a quota, another writer), the database is closed and opened again, which returns to
//!   the last durable state, and a ballast file is given up to make the room for that.

use std::collections::VecDeque;
use std::ops::Bound;
use std::path::{Path, PathBuf};
use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};

use self::engine::{Engine, Failure};
use super::files::{self, FileError};
use super::lock::DataDir;

mod batch;
mod engine;
mod opening;

pub use batch::Batch;

/// Longest key. Keys are a short prefix and one or two digests or numbers; sled repeats them in its inner pages.
pub const MAX_KEY: usize = 128;
/// Longest value. The largest document, a charter of 600 members, takes some 200 KiB; bodies have files of their own.
pub const MAX_VALUE: usize = 512 * 1024;
/// Most changes in one batch: sled's memory grows with the batch (0.24 GB per million rows at 100 a batch, 3.3 GB at
/// 10,000).
pub const MAX_CHANGES: usize = 1_000;
/// Most bytes of keys and values in one batch: they are in memory twice and in the log once before the commit returns.
pub const MAX_BATCH_BYTES: usize = 16 * 1024 * 1024;
/// Free space that a commit leaves, beside three times its own size (the log, and pages that are written again): sled's
/// cleaner moves segments of 512 KiB in the background.
pub const RESERVE_BYTES: u64 = 8 * 1024 * 1024;
/// A file that only takes up space, given up when the database must be opened on a full disk: the snapshot takes some
/// 30 bytes a page.
const BALLAST_BYTES: u64 = 4 * 1024 * 1024;
/// sled's page cache: an idle node stays under 40 MiB.
const CACHE_BYTES: u64 = 6 * 1024 * 1024;
/// Rows and bytes that a scan takes out under one hold of the lock.
const PAGE_ROWS: usize = 256;
const PAGE_BYTES: usize = 1024 * 1024;

const BALLAST: &str = "documents.ballast";

/// One key with its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Why documents could not be read or committed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// The disk is full, or would be but for the reserve. Nothing acknowledged is lost; nothing of the batch is stored.
    #[error("no space left for documents; free space on {} and run it again; nothing stored was lost", directory.display())]
    Full {
        /// The documents directory.
        directory: PathBuf,
    },
    /// Wrong use: a key, value or batch above its bound.
    #[error("{what} of {found} is above the bound of {most}")]
    TooLarge {
        /// Which bound.
        what: &'static str,
        /// What was asked for, in bytes or changes.
        found: usize,
        /// The bound.
        most: usize,
    },
    /// The stored documents contradict themselves. The next start sets them aside and rebuilds.
    #[error("the documents in {} are damaged; restart the node: it sets them aside and rebuilds them", directory.display())]
    Damaged {
        /// The documents directory.
        directory: PathBuf,
    },
    /// The database did not answer in time and is given up. What was acknowledged is on the disk.
    #[error("the database in {} does not answer; check the disk and restart the node", directory.display())]
    Stuck {
        /// The documents directory.
        directory: PathBuf,
    },
    /// Another error of the disk.
    #[error(transparent)]
    File(#[from] FileError),
}

/// What [`Documents::open`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// No database was there.
    New,
    /// The database of this data directory, whole.
    Existing,
    /// A database that can not be trusted was moved away and an empty one stands in its place: rebuild from the bodies
    /// and the peers.
    Damaged {
        /// Where the old files are now.
        set_aside: PathBuf,
    },
}

/// The open document store. Share it between threads by reference; commits exclude each other and readers, so that no
/// reader ever sees what is not durable yet.
#[derive(Debug)]
pub struct Documents {
    root: PathBuf,
    directory: PathBuf,
    limits: Limits,
    state: RwLock<State>,
}

#[derive(Debug)]
enum State {
    Open(Engine),
    /// Closed after a failure; the next call opens it again.
    Closed,
    /// A thread of the database hangs and keeps its files: only a new process can open them.
    Stuck,
    /// A page could not be read; the next start sets the database aside.
    Damaged,
}

/// The numbers that tests change.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub reserve: u64,
    pub ballast: u64,
    pub cache: u64,
}

impl Documents {
    /// Opens the documents of a locked data directory, whatever a kill or a broken disk left behind.
    ///
    /// # Errors
    /// [`DocumentError::Full`], [`DocumentError::File`]: the files are untouched and may be opened again later.
    pub fn open(data: &DataDir) -> Result<(Documents, Opened), DocumentError> {
        Documents::open_with(data, Limits { reserve: RESERVE_BYTES, ballast: BALLAST_BYTES, cache: CACHE_BYTES })
    }

    pub(crate) fn open_with(data: &DataDir, limits: Limits) -> Result<(Documents, Opened), DocumentError> {
        let (root, directory) = (data.path().to_path_buf(), data.path().join("documents"));
        let (engine, opened) = opening::open_guarded(&root, &directory, limits.cache)
            .or_else(|failure| match failure {
                Failure::File(error) if error.is_full() && give_up_ballast(&root) => {
                    opening::open_guarded(&root, &directory, limits.cache)
                }
                failure => Err(failure),
            })
            .map_err(|failure| explain(failure, &directory))?;
        let documents = Documents { root, directory, limits, state: RwLock::new(State::Open(engine)) };
        documents.take_ballast();
        Ok((documents, opened))
    }

    /// The value of a key.
    ///
    /// # Errors
    /// [`DocumentError`]; after [`DocumentError::Full`] the same call works again once there is space.
    pub fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, DocumentError> {
        self.read(|engine| engine.get(key))
    }

    /// The rows whose keys start with `prefix`, in the order of the keys. Rows are taken out page by page: a scan that
    /// runs beside commits shows each row as it was when its page was read.
    pub fn scan_prefix(&self, prefix: &[u8]) -> Scan<'_> {
        Scan {
            documents: self,
            prefix: prefix.to_vec(),
            from: Bound::Included(prefix.to_vec()),
            page: VecDeque::new(),
            ended: false,
        }
    }

    /// At most `limit` rows from key `from` on, in the order of the keys.
    ///
    /// # Errors
    /// As [`Documents::get`].
    pub fn range(&self, from: &[u8], limit: usize) -> Result<Vec<Row>, DocumentError> {
        self.read(|engine| engine.page(&Bound::Included(from.to_vec()), &[], limit, usize::MAX)).map(|page| page.rows)
    }

    /// Commits all changes together. When it returns they are on the disk, past its cache.
    ///
    /// # Errors
    /// [`DocumentError`]: the previous state stays readable and none of the changes shows. One case is in doubt, as with
    /// every database: if the very last step failed, forcing the disk's cache, the whole batch may appear after a
    /// restart, never a part of it; committing it again is then harmless.
    pub fn commit(&self, batch: Batch) -> Result<(), DocumentError> {
        batch.check()?;
        if batch.is_empty() {
            return Ok(());
        }
        let mut state = self.write();
        self.reopen(&mut state)?;
        // Removing is how space comes back, so it may use the reserve.
        if batch.changes.values().any(Option::is_some) {
            // The ballast's room is for opening again, also while the ballast is given up.
            let ballast = if self.root.join(BALLAST).exists() { 0 } else { self.limits.ballast };
            let kept = self.limits.reserve.saturating_add(ballast);
            if kept > 0 && files::free_bytes(&self.directory)? < kept.saturating_add(3 * batch.size() as u64) {
                return Err(DocumentError::Full { directory: self.directory.clone() });
            }
        }
        let State::Open(engine) = &*state else { return Err(self.closed(&state)) };
        match engine.commit(&batch.changes) {
            Ok(()) => {
                self.take_ballast();
                Ok(())
            }
            Err(failure) => {
                self.close(&mut state, &failure);
                // What sled holds in memory is ahead of the disk now: go back to the disk at once. If that fails too,
                // the next call tries again.
                let _ = self.reopen(&mut state);
                Err(explain(failure, &self.directory))
            }
        }
    }

    /// Bytes that the documents take on the disk.
    ///
    /// # Errors
    /// As [`Documents::get`].
    pub fn disk_bytes(&self) -> Result<u64, DocumentError> {
        self.read(Engine::disk_bytes)
    }

    fn read<T>(&self, act: impl Fn(&Engine) -> Result<T, Failure>) -> Result<T, DocumentError> {
        let outcome = match &*self.state() {
            State::Open(engine) => act(engine),
            _ => Err(Failure::Closed),
        };
        let failure = match outcome {
            Ok(found) => return Ok(found),
            Err(failure) => failure,
        };
        // A failed read may be only the echo of a write that failed in the background: open again and ask once more.
        let mut state = self.write();
        if failure != Failure::Closed {
            self.close(&mut state, &failure);
        }
        self.reopen(&mut state)?;
        let State::Open(engine) = &*state else { return Err(self.closed(&state)) };
        act(engine).map_err(|failure| {
            self.close(&mut state, &failure);
            explain(failure, &self.directory)
        })
    }

    fn close(&self, state: &mut State, failure: &Failure) {
        let next = match failure {
            Failure::Damaged => {
                opening::distrust(&self.root);
                State::Damaged
            }
            Failure::Stuck => State::Stuck,
            Failure::Closed | Failure::File(_) => State::Closed,
        };
        let before = std::mem::replace(state, next);
        if let State::Open(engine) = before
            && engine.close().is_err()
        {
            *state = State::Stuck;
        }
    }

    fn reopen(&self, state: &mut State) -> Result<(), DocumentError> {
        if !matches!(state, State::Closed) {
            return if matches!(state, State::Open(_)) { Ok(()) } else { Err(self.closed(state)) };
        }
        let open = || opening::open_existing(&self.root, &self.directory, self.limits.cache);
        let opened = match open() {
            Err(Failure::File(error)) if error.is_full() && give_up_ballast(&self.root) => open(),
            opened => opened,
        };
        match opened {
            Ok(engine) => *state = State::Open(engine),
            Err(failure) => {
                self.close(state, &failure);
                return Err(explain(failure, &self.directory));
            }
        }
        Ok(())
    }

    /// Takes up the ballast's space if it is not held and there is plenty.
    fn take_ballast(&self) {
        let (path, Limits { reserve, ballast, .. }) = (self.root.join(BALLAST), self.limits);
        let plenty = || files::free_bytes(&self.root).is_ok_and(|free| free > reserve.saturating_add(2 * ballast));
        if ballast > 0 && !path.exists() && plenty() {
            // Without it the node works as well, except that a full disk may close the documents to reading.
            let _ = files::allocate(&path, ballast);
        }
    }

    fn closed(&self, state: &State) -> DocumentError {
        let directory = self.directory.clone();
        match state {
            State::Damaged => DocumentError::Damaged { directory },
            State::Open(_) | State::Closed | State::Stuck => DocumentError::Stuck { directory },
        }
    }

    // A panic under the lock leaves the state whole: it is replaced only by complete values.
    fn state(&self) -> RwLockReadGuard<'_, State> {
        self.state.read().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self) -> RwLockWriteGuard<'_, State> {
        self.state.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Says whether there was a ballast to give up.
fn give_up_ballast(root: &Path) -> bool {
    std::fs::remove_file(root.join(BALLAST)).is_ok()
}

fn explain(failure: Failure, directory: &Path) -> DocumentError {
    let directory = directory.to_path_buf();
    match failure {
        Failure::File(error) if error.is_full() => DocumentError::Full { directory },
        Failure::File(error) => DocumentError::File(error),
        Failure::Damaged => DocumentError::Damaged { directory },
        Failure::Stuck | Failure::Closed => DocumentError::Stuck { directory },
    }
}

/// The rows of [`Documents::scan_prefix`]; ends after the first error.
#[derive(Debug)]
pub struct Scan<'a> {
    documents: &'a Documents,
    prefix: Vec<u8>,
    from: Bound<Vec<u8>>,
    page: VecDeque<Row>,
    ended: bool,
}

impl Iterator for Scan<'_> {
    type Item = Result<Row, DocumentError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.page.is_empty() && !self.ended {
            let (from, prefix) = (&self.from, &self.prefix);
            match self.documents.read(|engine| engine.page(from, prefix, PAGE_ROWS, PAGE_BYTES)) {
                Ok(page) => {
                    self.ended = page.last;
                    if let Some((key, _)) = page.rows.last() {
                        self.from = Bound::Excluded(key.clone());
                    }
                    self.page = page.rows.into();
                }
                Err(error) => {
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        self.page.pop_front().map(Ok)
    }
}

#[cfg(test)]
mod disk_full;
#[cfg(test)]
mod kills;
#[cfg(test)]
mod tests;
