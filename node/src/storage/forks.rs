//! Charters that were signed beside those in force here: evidence against those who signed both, and what a node goes over to.

use std::path::PathBuf;

use antibrush_protocol::{
    charter::{CharterChain, SignedCharter},
    limits,
};

use super::{
    files,
    store::{StorageError, Store},
};

/// The most files that are looked at: one is enough to act.
const FORKS: usize = 16;

const EXTENSION: &str = "fork";

/// Another version of the charter that lies here.
#[derive(Clone, Debug)]
pub struct Fork {
    /// The other version.
    pub charter: SignedCharter,
    /// Where it lies.
    pub file: PathBuf,
}

/// How people name a charter that shares its number with another one: the first eight bytes of its id, in hex.
pub fn short_id(charter: &SignedCharter) -> String {
    hex::encode(&charter.id()[..8])
}

impl Store {
    /// Keeps a charter with the number of another one that is in force here: `charters/00000007.<id>.fork`.
    pub fn put_fork(&self, charter: &SignedCharter) -> Result<(), StorageError> {
        files::create_private_dir(&self.charter_files)?;
        let name = format!("{:08}.{}.{EXTENSION}", charter.charter().number, short_id(charter));
        Ok(files::write_atomic(&self.charter_files.join(name), &charter.encode(), 0o600)?)
    }

    /// The other versions of charters of `chain` that lie here, in their order. A file that holds none, or one that `chain` has gone
    /// over to, does not show; nor does it hide the rest.
    pub fn forks(&self, chain: &CharterChain) -> Vec<Fork> {
        let Ok(entries) = std::fs::read_dir(&self.charter_files) else { return Vec::new() };
        let files = entries.flatten().map(|entry| entry.path());
        let files = files.filter(|file| file.extension().is_some_and(|extension| extension == EXTENSION));
        let read = |file: PathBuf| {
            let bytes = files::read_bounded(&file, limits::CHARTER_BYTES as u64).ok().flatten()?;
            let charter = SignedCharter::decode(&bytes).ok()?;
            chain.is_fork(&charter).then_some(Fork { charter, file })
        };
        let mut forks: Vec<Fork> = files.take(FORKS).filter_map(read).collect();
        forks.sort_by_key(|fork| (fork.charter.charter().number, fork.charter.id()));
        forks
    }
}
