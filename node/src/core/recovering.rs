//! A node that lost documents or its own feed must not sign before it has compared heads with a peer: a batch number that
//! is signed twice is equivocation. The state is a file, so that a restart does not end it.

use std::{
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
};

use crate::storage::files::{self, FileError};

/// The file in a data directory.
const FILE: &str = "recovering";

/// Whether the node waits for its own feed to come back.
pub struct Recovering {
    directory: PathBuf,
    file: PathBuf,
    active: AtomicBool,
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
        let active = AtomicBool::new(files::read_bounded(&file, 1024)?.is_some());
        Ok(Recovering { directory: directory.to_owned(), file, active })
    }

    /// Begins to wait while the node runs: it is to sign from now on, and another one did before.
    pub fn begin(&self) {
        // Nothing is signed meanwhile, whether or not the file can be written.
        self.active.store(true, Ordering::Release);
        if let Err(error) = mark_recovering(&self.directory) {
            tracing::error!(%error, "the mark of a recovery could not be written; do not restart this node before it has ended");
        }
    }

    /// Whether nothing may be signed yet.
    pub fn is_active(&self) -> bool {
        self.active.load(Ordering::Acquire)
    }

    /// Ends the wait once heads are compared.
    pub fn end_if(&self, compared: impl FnOnce() -> bool) {
        if self.is_active() && compared() {
            // A file that stays makes the next start wait again, which harms nobody.
            if let Err(error) = std::fs::remove_file(&self.file) {
                tracing::warn!(%error, "the mark of a recovery could not be removed");
            }
            tracing::info!("the own feed is compared with a peer; this node may publish again");
            self.active.store(false, Ordering::Release);
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
        again.end_if(|| false);
        assert!(again.is_active());
        again.end_if(|| true);
        assert!(!again.is_active());
        again.begin();
        assert!(again.is_active() && Recovering::open(directory.path(), false).unwrap().is_active());
        again.end_if(|| true);
        assert!(!Recovering::open(directory.path(), false).unwrap().is_active());
    }
}
