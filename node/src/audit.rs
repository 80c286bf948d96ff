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
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
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
    /// What else was done, in words of this node's own: no check.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    event: Option<String>,
    /// SHA-256 of the line before, in hex.
    previous: String,
}

/// Counts by token and purpose that no line holds yet.
type Waiting = BTreeMap<Arc<str>, BTreeMap<String, Counts>>;

/// The log.
pub struct Audit {
    path: PathBuf,
    waiting: Mutex<Waiting>,
    file: Mutex<End>,
}

/// Where the log goes on.
struct End {
    file: File,
    /// Bytes of whole lines.
    whole: u64,
    /// A failed write may have left a part of a line behind them.
    torn: bool,
    /// SHA-256 of the last line, in hex.
    previous: String,
}

impl End {
    fn append(&mut self, actor: &str, purpose: &str, counts: Counts, event: Option<&str>) -> std::io::Result<()> {
        let line = Line {
            time: clock::wall().0,
            actor: actor.to_owned(),
            purpose: purpose.to_owned(),
            checked: counts.checked,
            listed: counts.listed,
            event: event.map(str::to_owned),
            previous: self.previous.clone(),
        };
        // Strings and numbers encode in every case.
        let text = serde_json::to_string(&line).expect("a line encodes");
        if self.torn {
            self.file.set_len(self.whole)?;
        }
        self.torn = true;
        self.file.write_all(format!("{text}\n").as_bytes())?;
        self.torn = false;
        self.whole += text.len() as u64 + 1;
        self.previous = hex::encode(Sha256::digest(text.as_bytes()));
        Ok(())
    }
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
        let file = Mutex::new(End { file, whole, torn: false, previous });
        Ok(Audit { path, waiting: Mutex::default(), file })
    }

    /// Writes at once that somebody changed what checks are answered with. The words must hold no identifier.
    ///
    /// # Errors
    /// [`FileError`]; then it is not to be done.
    pub fn event(&self, actor: &str, purpose: &str, event: &str) -> Result<(), FileError> {
        let written = lock(&self.file).append(actor, purpose, Counts::default(), Some(event));
        written.map_err(|error| FileError::new(&self.path, Operation::Write, &error))
    }

    /// Counts answers; [`Audit::flush`] writes them.
    pub fn checked(&self, actor: &Arc<str>, purpose: &str, answers: impl Iterator<Item = Verdict>) {
        let (mut checked, mut listed) = (0, 0);
        for answer in answers {
            checked += 1;
            listed += u64::from(answer == Verdict::Listed);
        }
        self.wait(actor, purpose, Counts { checked, listed });
    }

    fn wait(&self, actor: &Arc<str>, purpose: &str, more: Counts) {
        let mut waiting = lock(&self.waiting);
        let purposes = waiting.entry(actor.clone()).or_default();
        // Nearly always there already: a check must not allocate for it.
        let counts = match purposes.get_mut(purpose) {
            Some(counts) => counts,
            None => purposes.entry(purpose.to_owned()).or_default(),
        };
        counts.checked += more.checked;
        counts.listed += more.listed;
    }

    /// Writes what was counted since the last call. Called once a second and at the end. What the disk refuses is counted
    /// on and written when it takes lines again.
    pub fn flush(&self) {
        let waiting = std::mem::take(&mut *lock(&self.waiting));
        if waiting.is_empty() {
            return;
        }
        let mut end = lock(&self.file);
        let mut lines = waiting.iter().flat_map(|(actor, purposes)| {
            purposes.iter().map(move |(purpose, counts)| (actor, purpose.as_str(), *counts))
        });
        while let Some((actor, purpose, counts)) = lines.next() {
            if let Err(error) = end.append(actor, purpose, counts, None) {
                tracing::error!(%error, "the audit log cannot be written; free space on its disk");
                self.wait(actor, purpose, counts);
                lines.by_ref().for_each(|(actor, purpose, counts)| self.wait(actor, purpose, counts));
            }
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
            audit.checked(&"risk".into(), "order-risk", [Verdict::Listed, Verdict::Stale].into_iter());
            audit.flush();
        }
        let text = std::fs::read_to_string(directory.path().join(FILE)).unwrap();
        assert_eq!(text.lines().count(), 2);
        assert!(Audit::verify(&text));
        assert!(!Audit::verify(&text.replacen("\"checked\":2", "\"checked\":1", 1)));
        assert!(!Audit::verify(text.lines().nth(1).unwrap()));
    }

    #[test]
    fn a_line_that_a_crash_cut_short_is_cut_off_and_the_chain_goes_on() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join(FILE);
        let write = || {
            let audit = Audit::open(directory.path()).unwrap();
            audit.checked(&"risk".into(), "order-risk", std::iter::once(Verdict::NotListed));
            audit.flush();
        };
        write();
        let whole = std::fs::read(&path).unwrap();
        for cut in [1, whole.len() / 2, whole.len() - 1] {
            std::fs::write(&path, [&whole[..], &whole[..cut]].concat()).unwrap();
            write();
            let text = std::fs::read_to_string(&path).unwrap();
            assert_eq!(text.lines().count(), 2, "{cut}");
            assert!(Audit::verify(&text), "{cut}");
        }
    }

    #[test]
    fn what_the_disk_refuses_is_counted_on() {
        let directory = tempfile::tempdir().unwrap();
        let audit = Audit::open(directory.path()).unwrap();
        // A full disk: every write fails with ENOSPC.
        let good =
            std::mem::replace(&mut lock(&audit.file).file, File::options().write(true).open("/dev/full").unwrap());
        for purpose in ["order-risk", "nightly"] {
            audit.checked(&"risk".into(), purpose, std::iter::repeat_n(Verdict::Listed, 3));
        }
        audit.flush();
        lock(&audit.file).file = good;
        audit.checked(&"risk".into(), "nightly", std::iter::once(Verdict::NotListed));
        audit.flush();
        let text = std::fs::read_to_string(directory.path().join(FILE)).unwrap();
        assert!(Audit::verify(&text));
        let lines: Vec<Line> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let counts: Vec<_> = lines.iter().map(|line| (line.purpose.as_str(), line.checked, line.listed)).collect();
        assert_eq!(counts, [("nightly", 4, 3), ("order-risk", 3, 3)]);
    }
}
