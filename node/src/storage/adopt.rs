//! Going over to the other side of a forked charter, while the node does not run.
//!
//! Evidence first, then the feeds, then the charters: a crash in between leaves a node on its old side, and the same command
//! ends what it began.

use std::path::PathBuf;

use antibrush_protocol::{
    base::Hash,
    charter::{CharterChain, CharterError, SignedCharter},
};

use super::{
    documents::Batch,
    files, layout,
    lock::DataDir,
    store::{StorageError, Store},
};

/// What was left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Adopted {
    /// The version in force now.
    pub number: u64,
    /// Versions of the old side that are out of force.
    pub versions: usize,
    /// Feeds that were taken back to what was signed before the two sides parted.
    pub feeds: usize,
}

/// Why a charter is not adopted.
#[derive(Debug, thiserror::Error)]
pub enum AdoptError {
    /// It is in force.
    #[error("version {0} is this very charter; there is nothing to adopt")]
    InForce(u64),
    /// Nothing here has its number.
    #[error(
        "the charter is version {found}, and only versions 2 to {in_force} of this node can have another side; adopt the first version in which the two sides differ"
    )]
    NoOtherSide {
        /// The version in force.
        in_force: u64,
        /// Its own number.
        found: u64,
    },
    /// It does not continue what both sides have.
    #[error(
        "the charter does not continue version {0}, which both sides must have: {1}; adopt the first version in which the two sides differ"
    )]
    Charter(u64, CharterError),
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
}

impl Store {
    /// Puts another successor of the version before in force, by the quorums' own signatures. What was signed under the versions
    /// left behind is taken back, for nobody on the other side takes it; those versions stay as evidence.
    ///
    /// The node compares its own feed before it signs again.
    pub fn adopt(&self, data: &DataDir, chain: &CharterChain, other: &SignedCharter) -> Result<Adopted, AdoptError> {
        let (number, in_force) = (other.charter().number, chain.current().number);
        if number < 2 || number > in_force {
            return Err(AdoptError::NoOtherSide { in_force, found: number });
        }
        let left = chain.from(number);
        if left.first().is_some_and(|ours| ours.id() == other.id()) {
            return Err(AdoptError::InForce(number));
        }
        let refused = |error| AdoptError::Charter(number - 1, error);
        let mut both = chain.from(1).iter().take(chain.from(1).len() - left.len()).cloned();
        // The number is 2 or more, so that there is a first one.
        let first = both.next().ok_or(AdoptError::NoOtherSide { in_force, found: number })?;
        let mut common = CharterChain::found(first, Some(&chain.alliance())).map_err(refused)?;
        for charter in both {
            common.extend(charter).map_err(refused)?;
        }
        // CHARTER-9, CHARTER-10 and all the others.
        common.extend(other.clone()).map_err(refused)?;
        // What this node signed on the old side nobody takes on the other one.
        crate::core::mark_recovering(data.path()).map_err(StorageError::from)?;
        for charter in left {
            self.put_fork(charter)?;
        }
        let ids: Vec<Hash> = left.iter().map(SignedCharter::id).collect();
        let mut feeds = 0;
        for (publisher, (head, _)) in self.heads()? {
            // A publisher may name an older version again after a newer one: the first of these ends what both sides take.
            let mut stands = head.seq + 1;
            for seq in 0..=head.seq {
                let header = self.header(publisher, seq)?.ok_or(StorageError::Damaged)?;
                if ids.contains(&header.payload().charter) {
                    stands = seq;
                    break;
                }
            }
            if stands <= head.seq {
                feeds += 1;
                self.rewind(publisher, stands, None)?;
            }
        }
        self.replace_charters(number, in_force, other)?;
        Ok(Adopted { number, versions: left.len(), feeds })
    }

    fn charter_file(&self, number: u64) -> PathBuf {
        self.charter_files.join(format!("{number:08}.charter"))
    }

    /// The files go before the documents, which otherwise would be completed from them.
    fn replace_charters(&self, number: u64, last: u64, other: &SignedCharter) -> Result<(), StorageError> {
        let mut batch = Batch::default();
        for gone in (number + 1..=last).rev() {
            let file = self.charter_file(gone);
            match std::fs::remove_file(&file) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(files::FileError::new(&file, files::Operation::Remove, &error).into());
                }
                _ => batch.remove(layout::charter(gone)),
            }
        }
        files::write_atomic(&self.charter_file(number), &other.encode(), 0o600)?;
        batch.put(layout::charter(number), other.encode());
        Ok(self.documents.commit(batch)?)
    }
}
