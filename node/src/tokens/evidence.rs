//! What a holder signed although it does not hold: kept as files that prove it to whoever has the charter.
//!
//! **Trust:** a file proves itself ([`BadAnswer::verify`]); who edits one only makes it prove nothing. The elements in it are
//! random: no identifier can be computed from them.

use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

use antibrush_protocol::{base::MemberNumber, encoding::Wire, evaluation::BadAnswer};
use sha2::{Digest, Sha256};

use crate::storage::files::{self, FileError};

/// How many are kept of one holder: one that cheats all the time must neither fill the disk nor crowd out what proves another
/// one's fault. The first ones count.
pub const KEPT_OF_A_HOLDER: usize = 32;

const EXTENSION: &str = ".evidence";

/// The directory of evidence.
pub struct Evidence {
    directory: PathBuf,
    /// Counting and writing are one step: answers are checked on several threads.
    writing: Mutex<()>,
}

impl Evidence {
    /// In a data directory; made when the first file is written.
    pub fn new(data: &Path) -> Evidence {
        Evidence { directory: data.join("evidence"), writing: Mutex::default() }
    }

    /// Keeps one; `None` if there are enough of its holder already. Waits for the disk.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn keep(&self, bad: &BadAnswer) -> Result<Option<PathBuf>, FileError> {
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        files::create_private_dir(&self.directory)?;
        if self.count_names(&prefix(bad.holder)) >= KEPT_OF_A_HOLDER {
            return Ok(None);
        }
        let bytes = bad.encode();
        let name = format!("{}{}{EXTENSION}", prefix(bad.holder), hex::encode(&Sha256::digest(&bytes)[..8]));
        let path = self.directory.join(name);
        files::write_atomic(&path, &bytes, 0o600)?;
        Ok(Some(path))
    }

    /// How many are kept of all holders, by their names alone.
    pub fn count(&self) -> usize {
        self.count_names("")
    }

    fn count_names(&self, prefix: &str) -> usize {
        let Ok(files) = std::fs::read_dir(&self.directory) else { return 0 };
        let names = files.filter_map(Result::ok).map(|file| file.file_name());
        names.filter(|name| name.to_str().is_some_and(|n| n.starts_with(prefix) && n.ends_with(EXTENSION))).count()
    }
}

/// What the names of a holder's files begin with.
fn prefix(holder: MemberNumber) -> String {
    format!("{holder}-")
}

#[cfg(test)]
mod tests {
    use antibrush_protocol::{base::Timestamp, evaluation::EvaluationRequest};

    use super::*;

    fn bad(holder: u16, n: usize) -> BadAnswer {
        let request = EvaluationRequest { charter: [1; 32], key: Default::default(), elements: vec![[2; 32]] };
        BadAnswer { holder: MemberNumber(holder), asked: Timestamp(n as u64), request, answer: vec![3] }
    }

    #[test]
    fn one_cheat_does_not_crowd_out_another() {
        let directory = tempfile::tempdir().unwrap();
        let evidence = Evidence::new(directory.path());
        assert_eq!(evidence.count(), 0);
        for n in 0..KEPT_OF_A_HOLDER {
            assert!(evidence.keep(&bad(1, n)).unwrap().is_some());
        }
        assert_eq!(evidence.keep(&bad(1, KEPT_OF_A_HOLDER)), Ok(None));
        // Number 11 begins with the digit of number 1.
        let path = evidence.keep(&bad(11, 0)).unwrap().unwrap();
        assert_eq!(BadAnswer::decode(&std::fs::read(path).unwrap()), Ok(bad(11, 0)));
        assert_eq!(evidence.count(), KEPT_OF_A_HOLDER + 1);
        // What lies there besides is no evidence.
        std::fs::write(directory.path().join("evidence/1-note.txt"), "").unwrap();
        assert_eq!(evidence.count(), KEPT_OF_A_HOLDER + 1);
    }
}
