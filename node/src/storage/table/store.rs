//! The table itself: the delta, the list of runs and what a writer does.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use antibrush_protocol::base::MemberNumber;
use arc_swap::ArcSwap;
use rayon::prelude::*;

use super::disk::{Disk, Manifest, RunRecord};
use super::reader::Snapshot;
use super::row::{Packed, Prefix, Row};
use super::run::{Run, Tombstones};
use super::worker;
use super::{Damage, Reader, TableError};

/// The size of each member's feed that a table contains, in entries.
pub type Cursors = BTreeMap<MemberNumber, u64>;

/// What [`TokenTable::open`] found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Opened {
    /// Nothing: replay the feeds from their beginnings.
    Empty,
    /// A table that contains the feeds up to these sizes: replay from there.
    Resumed(Cursors),
    /// A damaged table, now empty: replay the feeds from their beginnings.
    Rebuild(Damage),
}

impl Opened {
    /// From where to replay; a member that is missing starts at 0.
    pub fn cursors(self) -> Cursors {
        match self {
            Opened::Resumed(cursors) => cursors,
            Opened::Empty | Opened::Rebuild(_) => Cursors::new(),
        }
    }
}

/// How the table is. Rows are counted as they are stored: one that a newer run supersedes counts until they merge.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableHealth {
    /// Sorted runs behind the delta.
    pub runs: usize,
    /// Stored rows, the delta's included.
    pub rows: usize,
    /// Rows in the delta.
    pub delta_rows: usize,
    /// Rows, the delta's included, in no run that the manifest on disk names.
    pub unwritten_rows: usize,
    /// Why the last attempt to write failed; `None` once one succeeds. The table answers from memory meanwhile.
    pub last_error: Option<TableError>,
}

/// Sizes at which the table changes its ways, in rows except for `runs`. Tests make them small.
#[derive(Clone, Copy)]
pub(super) struct Tuning {
    /// The youngest rows are copied by each small batch, so they are few: 64 KiB, some 10 µs.
    pub(super) young: usize,
    /// The delta becomes a run when it is larger.
    pub(super) delta: usize,
    /// Batches from this size on become runs of their own.
    pub(super) large: usize,
    /// Runs that together stay below it are one.
    pub(super) small: usize,
    /// So many unwritten rows are written even while more arrive.
    pub(super) write: usize,
    /// A writer merges by itself before it makes more runs than this.
    pub(super) runs: usize,
    /// Whether a thread merges and writes in the background.
    pub(super) background: bool,
}

impl Default for Tuning {
    fn default() -> Tuning {
        Tuning {
            young: 2048,
            delta: 65_536,
            large: 50_000,
            small: 65_536,
            write: 2_000_000,
            runs: 32,
            background: true,
        }
    }
}

/// A run and what the manifest will say of it once it is written.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) id: u64,
    pub(super) run: Arc<Run>,
    /// `None` until it is known to be on disk under a manifest that names it.
    pub(super) written: Option<RunRecord>,
}

/// What writers and the background thread share. Readers never lock it.
pub(super) struct State {
    pub(super) tuning: Tuning,
    /// The oldest first. Only the holder of the maintenance lock removes any; others append.
    pub(super) entries: Vec<Entry>,
    delta: Arc<Run>,
    /// The front of the delta.
    young: Arc<Run>,
    cursors: Cursors,
    /// The cursors that the entries, without the delta, correspond to.
    pub(super) sealed: Cursors,
    /// The runs that the manifest names.
    pub(super) manifest: Vec<u64>,
    pub(super) next: u64,
    /// No run was added lately, or somebody waits for the rest: merge and write more eagerly.
    pub(super) quiet: bool,
    /// Writing failed a moment ago.
    pub(super) holding: bool,
    /// How many runs were ever added.
    pub(super) added: u64,
    pub(super) last_error: Option<TableError>,
    pub(super) stop: bool,
}

/// The table without its thread.
pub(super) struct Shared {
    pub(super) state: Mutex<State>,
    /// Wakes the background thread.
    pub(super) wake: Condvar,
    /// Whoever holds it, and nobody else, merges runs and writes files. Taken before `state`, never after.
    pub(super) maintenance: Mutex<Disk>,
    snapshot: ArcSwap<Snapshot>,
}

/// The token table. Share it behind an `Arc`; every method takes `&self`.
///
/// Dropping it stops the background thread after the merge or the file at hand and writes nothing more: call
/// [`TokenTable::persist`] before an orderly exit to spare the next start the replay.
pub struct TokenTable {
    pub(super) shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl TokenTable {
    /// Reads the table in a directory, which is made if need be.
    ///
    /// Damaged files are removed and answered with an empty table.
    ///
    /// # Errors
    /// [`TableError::Io`] if the directory can not be made or no thread started.
    pub fn open(directory: &Path) -> Result<(TokenTable, Opened), TableError> {
        TokenTable::open_tuned(directory, Tuning::default())
    }

    pub(super) fn open_tuned(directory: &Path, tuning: Tuning) -> Result<(TokenTable, Opened), TableError> {
        let disk = Disk::new(directory)?;
        let empty = Manifest { next: 0, runs: Vec::new(), cursors: Cursors::new() };
        let (opened, manifest, runs) = match disk.load() {
            Ok(Some((manifest, runs))) => (Opened::Resumed(manifest.cursors.clone()), manifest, runs),
            Ok(None) => (Opened::Empty, empty, Vec::new()),
            Err(damage) => {
                tracing::warn!(%damage, "the token table is rebuilt from the feeds");
                disk.remove_all();
                (Opened::Rebuild(damage), empty, Vec::new())
            }
        };
        disk.sweep(&manifest);
        let entry =
            |(record, run): (&RunRecord, Run)| Entry { id: record.id, run: Arc::new(run), written: Some(*record) };
        let state = State {
            tuning,
            entries: manifest.runs.iter().zip(runs).map(entry).collect(),
            delta: Arc::default(),
            young: Arc::default(),
            cursors: manifest.cursors.clone(),
            sealed: manifest.cursors,
            manifest: manifest.runs.iter().map(|record| record.id).collect(),
            next: manifest.next,
            quiet: true,
            holding: false,
            added: 0,
            last_error: None,
            stop: false,
        };
        let snapshot = ArcSwap::from_pointee(state.snapshot());
        let (state, maintenance) = (Mutex::new(state), Mutex::new(disk));
        let shared = Arc::new(Shared { state, wake: Condvar::new(), maintenance, snapshot });
        let thread = if tuning.background { Some(worker::spawn(shared.clone())?) } else { None };
        Ok((TokenTable { shared, thread }, opened))
    }

    /// Replaces the contents of `out` with the rows of a prefix that stand, by publisher and list. Expiry days are for
    /// the caller to compare. Never waits for a writer.
    pub fn get(&self, prefix: &Prefix, out: &mut Vec<Row>) {
        self.shared.snapshot.load().get(prefix, out);
    }

    /// The table at this moment, for many lookups.
    pub fn reader(&self) -> Reader {
        Reader { snapshot: self.shared.snapshot.load_full() }
    }

    /// Takes over rows of committed batches, in the order of their entries: of two rows of one identity the later wins.
    /// `cursors` are the sizes up to which the table then contains the feeds. Readers see all of it or nothing.
    ///
    /// The rows are in memory only until a run with them is written. After a crash [`TokenTable::open`] says from where
    /// to replay.
    ///
    /// # Errors
    /// [`TableError::Unpackable`] for a row with a field that does not fit; nothing has changed then. A disk that fails
    /// is not an error here: see [`TokenTable::health`].
    pub fn apply(&self, rows: Vec<Row>, cursors: &[(MemberNumber, u64)]) -> Result<(), TableError> {
        let packed = rows.par_iter().with_min_len(4096).map(Packed::new).collect::<Result<Vec<Packed>, _>>()?;
        drop(rows);
        let fresh = Run::sort(packed);
        let mut state = self.shared.lock();
        state.cursors.extend(cursors.iter().copied());
        state.insert(fresh);
        if state.delta.is_empty() && state.young.is_empty() {
            state.sealed = state.cursors.clone();
        }
        let crowded = state.entries.len() > state.tuning.runs;
        self.shared.publish(&state);
        drop(state);
        if crowded {
            worker::relieve(&self.shared);
        }
        Ok(())
    }

    /// Writes everything that was applied before the call, and returns when it is durable.
    ///
    /// # Errors
    /// [`TableError::Io`] if the disk refuses; the table keeps everything in memory and tries again later.
    pub fn persist(&self) -> Result<(), TableError> {
        let mut disk = self.shared.maintain();
        let mut state = self.shared.lock();
        state.seal();
        self.shared.publish(&state);
        drop(state);
        worker::write(&self.shared, &mut disk)
    }

    /// Merges and writes until nothing is left to do at rest; gives up on writing when the disk refuses.
    pub fn settle(&self) {
        worker::settle(&self.shared);
    }

    /// How the table is, for metrics and for people.
    pub fn health(&self) -> TableHealth {
        let state = self.shared.lock();
        let delta_rows = state.delta.len() + state.young.len();
        let unwritten = state.entries.iter().filter(|entry| entry.written.is_none());
        TableHealth {
            runs: state.entries.len(),
            rows: state.entries.iter().map(|entry| entry.run.len()).sum::<usize>() + delta_rows,
            delta_rows,
            unwritten_rows: unwritten.map(|entry| entry.run.len()).sum::<usize>() + delta_rows,
            last_error: state.last_error,
        }
    }

    /// Bytes on the heap for rows and directories. A merge takes as much again as its result until it is done.
    pub fn memory_bytes(&self) -> usize {
        self.shared.snapshot.load().sources.iter().map(|run| run.memory_bytes()).sum()
    }
}

impl Drop for TokenTable {
    fn drop(&mut self) {
        self.shared.lock().stop = true;
        self.shared.wake.notify_all();
        // A panic of the thread has been printed by then, and there is nobody left whom it would harm.
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

impl Shared {
    /// Locks the state. A panic elsewhere does not lock others out: every change to the state is complete by itself.
    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes the right to merge and write.
    pub(super) fn maintain(&self) -> MutexGuard<'_, Disk> {
        self.maintenance.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Shows the state to readers, and to the background thread if there are new runs.
    pub(super) fn publish(&self, state: &State) {
        self.snapshot.store(Arc::new(state.snapshot()));
        if !state.quiet {
            self.wake.notify_all();
        }
    }
}

impl State {
    fn snapshot(&self) -> Snapshot {
        let entries = self.entries.iter().rev().map(|entry| &entry.run);
        let sources = [&self.young, &self.delta].into_iter().chain(entries);
        Snapshot { sources: sources.filter(|run| !run.is_empty()).cloned().collect() }
    }

    fn insert(&mut self, fresh: Run) {
        if fresh.len() >= self.tuning.large {
            let alone = self.young.is_empty() && self.delta.is_empty();
            let run = if alone { fresh } else { Run::merge(&[&fresh, &self.young, &self.delta], Tombstones::Keep) };
            self.add(run);
            return;
        }
        if fresh.is_empty() {
            return;
        }
        self.young = Arc::new(Run::merge(&[&fresh, &self.young], Tombstones::Keep));
        if self.young.len() > self.tuning.young {
            self.delta = Arc::new(Run::merge(&[&self.young, &self.delta], Tombstones::Keep));
            self.young = Arc::default();
        }
        if self.delta.len() > self.tuning.delta {
            self.seal();
        }
    }

    /// Makes a run of the delta.
    pub(super) fn seal(&mut self) {
        let run = Run::merge(&[&self.young, &self.delta], Tombstones::Keep);
        self.add(run);
    }

    /// Adds a run that contains the delta.
    fn add(&mut self, run: Run) {
        (self.young, self.delta) = Default::default();
        self.sealed = self.cursors.clone();
        let run =
            if self.entries.is_empty() && run.has_tombstones() { Run::merge(&[&run], Tombstones::Drop) } else { run };
        if run.is_empty() {
            return;
        }
        self.push(run);
    }

    fn push(&mut self, run: Run) {
        self.entries.push(Entry { id: self.next, run: Arc::new(run), written: None });
        self.next += 1;
        self.added += 1;
        self.quiet = false;
    }
}
