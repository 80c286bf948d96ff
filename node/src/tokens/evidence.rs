//! What a holder signed although it does not hold: kept as files that prove it to whoever has the charter.
//!
//! **Trust:** a file proves itself ([`BadAnswer::verify`]); who edits one only makes it prove nothing. The elements in it are
//! random: no identifier can be computed from them.

use std::path::{Path, PathBuf};

use antibrush_protocol::{encoding::Wire, evaluation::BadAnswer};
use sha2::{Digest, Sha256};

use crate::storage::files::{self, FileError};

/// How many are kept: a holder that cheats all the time must not fill the disk. The first ones count.
const KEPT: usize = 256;

/// The directory of evidence.
pub struct Evidence {
    directory: PathBuf,
}

impl Evidence {
    /// In a data directory; made when the first file is written.
    pub fn new(data: &Path) -> Evidence {
        Evidence { directory: data.join("evidence") }
    }

    /// Keeps one; `None` if there are enough already.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn keep(&self, bad: &BadAnswer) -> Result<Option<PathBuf>, FileError> {
        files::create_private_dir(&self.directory)?;
        if self.list().len() >= KEPT {
            return Ok(None);
        }
        let bytes = bad.encode();
        let name = format!("{}-{}.evidence", bad.holder, hex::encode(&Sha256::digest(&bytes)[..8]));
        let path = self.directory.join(name);
        files::write_atomic(&path, &bytes, 0o600)?;
        Ok(Some(path))
    }

    /// What is kept, as far as it can be read.
    pub fn list(&self) -> Vec<BadAnswer> {
        let Ok(files) = std::fs::read_dir(&self.directory) else { return Vec::new() };
        let read = |path: PathBuf| {
            let bytes = files::read_bounded(&path, BadAnswer::MAX_BYTES as u64).ok()??;
            BadAnswer::decode(&bytes).ok()
        };
        files.filter_map(Result::ok).map(|file| file.path()).filter_map(read).collect()
    }
}
