//! Merging and writing, in the background or on behalf of a caller who waits.

use std::ops::Range;
use std::sync::{Arc, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use super::TableError;
use super::disk::{Disk, Manifest};
use super::run::{Run, Tombstones};
use super::store::{Entry, Shared, State};

/// While runs arrive, a run is merged with the newer ones when it is less than so many times as large as they are
/// together: each row is copied some log₄(n) times, and a lookup meets as many runs.
const BUSY_FACTOR: usize = 4;

/// The same at rest, where fewer runs are worth more copying.
const QUIET_FACTOR: usize = 32;

/// The table is at rest when no run arrived for this long.
const QUIET_AFTER: Duration = Duration::from_secs(1);

/// A disk that refused is asked again after this long.
const RETRY_AFTER: Duration = Duration::from_secs(20);

/// What is to be done next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Job {
    /// Merge the entries from this position on.
    Merge(usize),
    /// Write what is not on disk.
    Write,
}

/// Starts the background thread of a table.
pub(super) fn spawn(shared: Arc<Shared>) -> Result<JoinHandle<()>, TableError> {
    let builder = thread::Builder::new().name("token-table".to_owned());
    builder.spawn(move || work(&shared)).map_err(TableError::io("start the table's thread"))
}

fn work(shared: &Shared) {
    let mut state = shared.lock();
    while !state.stop {
        if state.job().is_some() {
            // The maintenance lock comes first, so the job is looked up again under it.
            drop(state);
            let mut disk = shared.maintain();
            let job = shared.lock().job();
            if let Some(job) = job {
                run(shared, &mut disk, job);
            }
            drop(disk);
            state = shared.lock();
            continue;
        }
        let added = state.added;
        let pause = if state.holding { RETRY_AFTER } else { QUIET_AFTER };
        if state.quiet && !state.holding {
            state = shared.wake.wait(state).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let timeout;
        (state, timeout) = shared.wake.wait_timeout(state, pause).unwrap_or_else(PoisonError::into_inner);
        if timeout.timed_out() && state.added == added {
            (state.quiet, state.holding) = (true, false);
        }
    }
}

/// Does everything that is due at rest.
pub(super) fn settle(shared: &Shared) {
    let mut disk = shared.maintain();
    shared.lock().holding = false;
    loop {
        let mut state = shared.lock();
        state.quiet = true;
        let Some(job) = state.job() else { return };
        drop(state);
        run(shared, &mut disk, job);
    }
}

/// Merges runs because there are too many of them.
pub(super) fn relieve(shared: &Shared) {
    let _disk = shared.maintain();
    let job = shared.lock().job();
    if let Some(Job::Merge(first)) = job {
        merge(shared, first..usize::MAX);
    }
}

fn run(shared: &Shared, disk: &mut Disk, job: Job) {
    match job {
        Job::Merge(first) => merge(shared, first..usize::MAX),
        Job::Write => {
            if let Err(error) = write(shared, disk) {
                tracing::warn!(%error, "the token table is in memory only; trying again later");
            }
        }
    }
}

/// Merges neighbouring entries into one. The caller holds the maintenance lock, so that the positions stay valid.
pub(super) fn merge(shared: &Shared, range: Range<usize>) {
    let state = shared.lock();
    let range = range.start..range.end.min(state.entries.len());
    let inputs: Vec<Entry> = state.entries[range.clone()].to_vec();
    drop(state);
    let tombstones = if range.start == 0 { Tombstones::Drop } else { Tombstones::Keep };
    let newest_first: Vec<&Run> = inputs.iter().rev().map(|entry| entry.run.as_ref()).collect();
    let merged = Run::merge(&newest_first, tombstones);
    let mut state = shared.lock();
    let id = state.next;
    state.next += 1;
    let merged = (!merged.is_empty()).then(|| Entry { id, run: Arc::new(merged), written: None });
    state.entries.splice(range, merged);
    shared.publish(&state);
}

/// Writes the runs that are not on disk and a manifest with all of them. The caller holds the maintenance lock.
///
/// Rows applied meanwhile, and their cursors, are not part of it.
pub(super) fn write(shared: &Shared, disk: &mut Disk) -> Result<(), TableError> {
    let state = shared.lock();
    let (mut entries, cursors, next) = (state.entries.clone(), state.sealed.clone(), state.next);
    drop(state);
    let result = write_files(disk, &mut entries, next, cursors);
    let mut state = shared.lock();
    state.last_error = result.err();
    state.holding = result.is_err();
    if result.is_ok() {
        // Nobody else removes or merges entries meanwhile, and new ones come behind these.
        for (known, written) in state.entries.iter_mut().zip(&entries) {
            known.written = written.written;
        }
        state.manifest = entries.iter().map(|entry| entry.id).collect();
    } else {
        // So that the background thread comes back to it.
        shared.wake.notify_all();
    }
    result
}

fn write_files(disk: &mut Disk, entries: &mut [Entry], next: u64, cursors: super::Cursors) -> Result<(), TableError> {
    let mut runs = Vec::with_capacity(entries.len());
    for entry in entries {
        let record = match entry.written {
            Some(record) => record,
            None => disk.write_run(entry.id, &entry.run)?,
        };
        entry.written = Some(record);
        runs.push(record);
    }
    disk.write_manifest(&Manifest { next, runs, cursors })
}

impl State {
    /// What is due, merging first: what is merged need not be written.
    fn job(&self) -> Option<Job> {
        if let Some(first) = self.merge_due() {
            return Some(Job::Merge(first));
        }
        let unwritten = self.entries.iter().filter(|entry| entry.written.is_none());
        let due = self.quiet || unwritten.map(|entry| entry.run.len()).sum::<usize>() >= self.tuning.write;
        let changed = !self.entries.iter().map(|entry| entry.id).eq(self.manifest.iter().copied());
        (due && changed && !self.holding).then_some(Job::Write)
    }

    /// The oldest run that is too small for those behind it. All before it are large enough for the result, too.
    fn merge_due(&self) -> Option<usize> {
        let factor = if self.quiet { QUIET_FACTOR } else { BUSY_FACTOR };
        let mut behind: usize = self.entries.iter().map(|entry| entry.run.len()).sum();
        let newest = self.entries.len().checked_sub(1)?;
        self.entries[..newest].iter().position(|entry| {
            let rows = entry.run.len();
            behind -= rows;
            rows < behind.saturating_mul(factor) || rows + behind <= self.tuning.small
        })
    }
}
