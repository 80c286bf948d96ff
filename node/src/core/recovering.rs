//! A node that lost documents or its own feed must not sign before it has compared heads with a peer: a batch number that
//! is signed twice is equivocation. And it states nothing as a witness before it has seen the boards of most others, for what it
//! had stated only they know. The state is a file, so that a restart does not end it.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use antibrush_protocol::replica::BoardKept;

use crate::storage::files::{self, FileError};

/// The file in a data directory.
const FILE: &str = "recovering";

/// Whether the node waits for its own feed to come back.
pub struct Recovering {
    directory: PathBuf,
    file: PathBuf,
    active: AtomicBool,
    marked: AtomicBool,
    board_lost: AtomicBool,
}

/// Leaves the mark: called before anything that was lost is given up for good, so that no crash in between forgets it.
pub fn mark_recovering(directory: &Path) -> Result<(), FileError> {
    files::write_atomic(&directory.join(FILE), b"waiting for the own feed to come back from the peers\n", 0o600)
}

impl Recovering {
    /// Goes on waiting if the file is there, begins to if something was lost now.
    pub fn open(directory: &Path, lost_now: bool) -> Result<Recovering, FileError> {
        let file = directory.join(FILE);
        if lost_now {
            mark_recovering(directory)?;
        }
        let marked = files::read_bounded(&file, 1024)?.is_some();
        let flag = || AtomicBool::new(marked);
        Ok(Recovering { directory: directory.to_owned(), file, active: flag(), marked: flag(), board_lost: flag() })
    }

    /// Begins to wait while the node runs: it is to sign from now on, and another one did before.
    pub fn begin(&self) {
        // Nothing is signed meanwhile, whether or not the file can be written.
        self.active.store(true, Ordering::Release);
        self.marked.store(true, Ordering::Release);
        self.board_lost.store(true, Ordering::Release);
        if let Err(error) = mark_recovering(&self.directory) {
            tracing::error!(%error, "the mark of a recovery could not be written; do not restart this node before it has ended");
        }
    }

    /// Whether nothing may be signed yet.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    /// Whether what this member had stated is still on the board: not after a loss, and not if another node stated it.
    pub fn board(&self) -> BoardKept {
        if self.board_lost.load(Ordering::Acquire) { BoardKept::Lost } else { BoardKept::Yes }
    }

    /// Ends the wait once heads are compared, and takes the mark away once the board is, too.
    pub fn end_if(&self, feed_compared: impl FnOnce() -> bool, board_compared: impl FnOnce() -> bool) {
        if self.is_active() && feed_compared() {
            tracing::info!("the own feed is compared with a peer; this node may publish again");
            self.active.store(false, Ordering::Release);
        }
        if self.marked.load(Ordering::Acquire) && !self.is_active() && board_compared() {
            // A file that stays makes the next start wait again, which harms nobody.
            if let Err(error) = std::fs::remove_file(&self.file) {
                tracing::warn!(%error, "the mark of a recovery could not be removed");
            }
            tracing::info!("the board is compared with most members; this node may witness again");
            self.marked.store(false, Ordering::Release);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_restart_does_not_end_the_wait_and_a_comparison_does() {
        let directory = tempfile::tempdir().unwrap();
        assert!(!Recovering::open(directory.path(), false).unwrap().is_active());
        assert!(Recovering::open(directory.path(), true).unwrap().is_active());
        let again = Recovering::open(directory.path(), false).unwrap();
        again.end_if(|| false, || true);
        assert!(again.is_active());
        again.end_if(|| true, || false);
        assert!(!again.is_active());
        // The board is still lost.
        let again = Recovering::open(directory.path(), false).unwrap();
        assert!(again.is_active() && again.board() == BoardKept::Lost);
        again.end_if(|| true, || true);
        assert!(!again.is_active());
        let after = Recovering::open(directory.path(), false).unwrap();
        assert!(!after.is_active() && after.board() == BoardKept::Yes);
        after.begin();
        assert!(after.is_active() && after.board() == BoardKept::Lost);
        assert!(Recovering::open(directory.path(), false).unwrap().is_active());
        after.end_if(|| true, || true);
        assert!(!Recovering::open(directory.path(), false).unwrap().is_active());
    }
}
