//! The local audit log: who asked how much and why, never about whom.
//!
//! One line a second and purpose, each with the SHA-256 of the line before it, so that a line that is changed or taken out
//! breaks the chain. **Trust:** who may write the file can make a new chain; the log is evidence for the platform's own
//! review, not against its administrator.

use std::{
    collections::BTreeMap,
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{
    check::Verdict,
    clock,
    storage::files::{FileError, Operation},
};

/// The file in a data directory.
pub const FILE: &str = "audit.jsonl";

#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    checked: u64,
    listed: u64,
}

/// One line.
#[derive(Debug, Serialize, Deserialize)]
struct Line {
    /// Seconds since 1970.
    time: u64,
    /// The name of the token.
    actor: String,
    /// The purpose that it named.
    purpose: String,
    /// Subjects checked.
    checked: u64,
    /// Of them listed.
    listed: u64,
    /// SHA-256 of the line before, in hex.
    previous: String,
}

/// The log.
pub struct Audit {
    waiting: Mutex<BTreeMap<(String, String), Counts>>,
    file: Mutex<(File, String)>,
}

impl Audit {
    /// Opens the log and finds the end of its chain.
    pub fn open(directory: &Path) -> Result<Audit, FileError> {
        let path = directory.join(FILE);
        let failed = |error: std::io::Error| FileError::new(&path, Operation::Open, &error);
        let file = OpenOptions::new().create(true).append(true).read(true).mode(0o600).open(&path).map_err(failed)?;
        let (mut last, mut line, mut whole) = (Vec::new(), Vec::new(), 0u64);
        let mut reader = BufReader::new(&file);
        while reader.read_until(b'\n', &mut line).map_err(failed)? > 0 {
            if line.last() == Some(&b'\n') {
                whole += line.len() as u64;
                line.pop();
                std::mem::swap(&mut last, &mut line);
            }
            line.clear();
        }
        // A line that a crash or a full disk cut short was never acknowledged to anybody: the chain goes on before it.
        file.set_len(whole).map_err(failed)?;
        let previous = if last.is_empty() { "0".repeat(64) } else { hex::encode(Sha256::digest(&last)) };
        Ok(Audit { waiting: Mutex::default(), file: Mutex::new((file, previous)) })
    }

    /// Counts answers; [`Audit::flush`] writes them.
    pub fn checked(&self, actor: &str, purpose: &str, answers: impl Iterator<Item = Verdict>) {
        let (mut checked, mut listed) = (0, 0);
        for answer in answers {
            checked += 1;
            listed += u64::from(answer == Verdict::Listed);
        }
        let mut waiting = lock(&self.waiting);
        let counts = waiting.entry((actor.to_owned(), purpose.to_owned())).or_default();
        counts.checked += checked;
        counts.listed += listed;
    }

    /// Writes what was counted since the last call. Called once a second and at the end.
    pub fn flush(&self) {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        if waiting.is_empty() {
            return;
        }
        let mut file = lock(&self.file);
        for ((actor, purpose), counts) in waiting {
            let line = Line {
                time: clock::wall().0,
                actor,
                purpose,
                checked: counts.checked,
                listed: counts.listed,
                previous: file.1.clone(),
            };
            // Strings and numbers encode in every case.
            let text = serde_json::to_string(&line).expect("a line encodes");
            if let Err(error) = file.0.write_all(format!("{text}\n").as_bytes()) {
                tracing::error!(%error, "the audit log cannot be written");
                return;
            }
            file.1 = hex::encode(Sha256::digest(text.as_bytes()));
        }
    }

    /// Whether every line of a log names the one before it.
    pub fn verify(text: &str) -> bool {
        let mut previous = "0".repeat(64);
        text.lines().all(|line| {
            let holds = serde_json::from_str::<Line>(line).is_ok_and(|parsed| parsed.previous == previous);
            previous = hex::encode(Sha256::digest(line.as_bytes()));
            holds
        })
    }
}

// Counters and a file offset are whole after every change, so a panic elsewhere does not make them unusable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_goes_on_after_a_restart_and_breaks_when_a_line_is_changed() {
        let directory = tempfile::tempdir().unwrap();
        for _ in 0..2 {
            let audit = Audit::open(directory.path()).unwrap();
            audit.checked("risk", "order-risk", [Verdict::Listed, Verdict::Stale].into_iter());
            audit.flush();
        }
        let text = std::fs::read_to_string(directory.path().join(FILE)).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(Audit::verify(&text));
        assert!(!Audit::verify(&text.replacen("\"checked\":2", "\"checked\":1", 1)));
        assert!(!Audit::verify(text.lines().nth(1).unwrap()));
    }
}
