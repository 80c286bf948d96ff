//! The files of the quotas: what of them survives what.

use std::{
    collections::BTreeMap,
    fs::File,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use antibrush_protocol::{
    base::{Day, MemberNumber},
    subject::Class,
};
use sha2::{Digest, Sha256};

use super::Counts;
use crate::storage::files::{self, FileError, Operation};

const TODAY: [&str; 2] = ["today.0", "today.1"];
const MARKER: &str = "marker";
const HISTORY: &str = "history";

const TODAY_MAGIC: &[u8; 8] = b"ABQUOTA1";
const HISTORY_MAGIC: &[u8; 8] = b"ABUSAGE1";
/// Member, class and count.
const ROW: usize = 7;
/// As many rows as there can be members and classes stay far below it, for every day of the history.
const MOST_FILE_BYTES: u64 = 256 * 1024 * 1024;

/// The counts of the day that counts as today.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Today {
    pub day: Day,
    pub closed: bool,
    pub counts: Counts,
}

impl Default for Today {
    fn default() -> Today {
        Today { day: Day(0), closed: false, counts: Counts::new() }
    }
}

/// What the files say.
pub struct Found {
    /// `None` if nothing was ever written, or all of it is lost.
    pub today: Option<Today>,
    pub history: BTreeMap<Day, Counts>,
    /// Something was written, and none of it can be read.
    pub lost: bool,
}

/// The open files.
pub struct Disk {
    directory: PathBuf,
    slots: [Slot; 2],
    sequence: u64,
}

struct Slot {
    path: PathBuf,
    file: File,
    /// Whether it holds something whole.
    good: bool,
}

impl Disk {
    pub fn open(directory: &Path) -> Result<(Disk, Found), FileError> {
        files::create_private_dir(directory)?;
        files::remove_leftovers(directory)?;
        let marked = files::read_bounded(&directory.join(MARKER), 4096)?.is_some();
        let (first, second) = (Slot::open(directory, 0)?, Slot::open(directory, 1)?);
        let read = [first.read()?, second.read()?];
        let goods = read.each_ref().map(Option::is_some);
        let mut disk = Disk { directory: directory.to_path_buf(), slots: [first, second], sequence: 0 };
        for (slot, good) in disk.slots.iter_mut().zip(goods) {
            slot.good = good;
            if marked && !good {
                tracing::warn!(path = %slot.path.display(), "a file of the quotas is damaged or missing");
            }
        }
        // The later of the two; a file that was not written to the end is none.
        let today = match read.into_iter().flatten().max_by_key(|(sequence, _)| *sequence) {
            Some((sequence, today)) => {
                disk.sequence = sequence;
                Some(today)
            }
            None => None,
        };
        let lost = marked && today.is_none();
        if !marked {
            // Nothing was answered before the marker was there: what is written here before it may be lost.
            disk.write(today.as_ref().unwrap_or(&Today::default()))?;
            files::write_atomic(&directory.join(MARKER), b"what members used is counted here\n", 0o600)?;
        }
        let history = disk.read_history()?;
        Ok((disk, Found { today, history, lost }))
    }

    /// Writes both files, durably; the one that is not whole first, so that there is a whole one at every moment.
    ///
    /// # Errors
    /// [`FileError`]: either the old counts or these are read next.
    pub fn write(&mut self, today: &Today) -> Result<(), FileError> {
        self.sequence += 1;
        let bytes = encode(self.sequence, today);
        let first = usize::from(self.slots[0].good && !self.slots[1].good);
        self.slots[first].write(&bytes)?;
        self.slots[1 - first].write(&bytes)
    }

    pub fn write_history(&self, history: &BTreeMap<Day, Counts>) -> Result<(), FileError> {
        let mut bytes = HISTORY_MAGIC.to_vec();
        bytes.extend_from_slice(&(history.len() as u32).to_be_bytes());
        for (day, counts) in history {
            bytes.extend_from_slice(&day.0.to_be_bytes());
            push_counts(&mut bytes, counts);
        }
        push_digest(&mut bytes);
        files::write_atomic(&self.directory.join(HISTORY), &bytes, 0o600)
    }

    #[cfg(test)]
    pub fn sequence(&self) -> u64 {
        self.sequence
    }

    #[cfg(test)]
    pub fn replace_file(&mut self, slot: usize, file: File) -> File {
        std::mem::replace(&mut self.slots[slot].file, file)
    }

    fn read_history(&self) -> Result<BTreeMap<Day, Counts>, FileError> {
        let path = self.directory.join(HISTORY);
        let Some(bytes) = files::read_bounded(&path, MOST_FILE_BYTES)? else { return Ok(BTreeMap::new()) };
        let history = decode_history(&bytes);
        if history.is_none() {
            tracing::warn!(path = %path.display(), "the counts of past days are damaged: there are no reports of them");
        }
        Ok(history.unwrap_or_default())
    }
}

impl Slot {
    fn open(directory: &Path, number: usize) -> Result<Slot, FileError> {
        let path = directory.join(TODAY[number]);
        let file = files::open_private(&path)?;
        files::sync_dir(directory)?;
        Ok(Slot { path, file, good: false })
    }

    fn read(&self) -> Result<Option<(u64, Today)>, FileError> {
        let file = self.file.try_clone().map_err(|error| FileError::new(&self.path, Operation::Open, &error))?;
        Ok(decode(&files::read_open(file, &self.path, MOST_FILE_BYTES)?))
    }

    fn write(&mut self, bytes: &[u8]) -> Result<(), FileError> {
        self.good = false;
        self.file.write_all_at(bytes, 0).map_err(|error| FileError::new(&self.path, Operation::Write, &error))?;
        self.file.sync_data().map_err(|error| FileError::new(&self.path, Operation::Sync, &error))?;
        self.good = true;
        Ok(())
    }
}

/// `"ABQUOTA1" ‖ sequence[8] ‖ day[4] ‖ closed[1] ‖ rows ‖ SHA-256 of all that`. What follows is left from a longer one.
fn encode(sequence: u64, today: &Today) -> Vec<u8> {
    let mut bytes = TODAY_MAGIC.to_vec();
    bytes.extend_from_slice(&sequence.to_be_bytes());
    bytes.extend_from_slice(&today.day.0.to_be_bytes());
    bytes.push(u8::from(today.closed));
    push_counts(&mut bytes, &today.counts);
    push_digest(&mut bytes);
    bytes
}

fn decode(bytes: &[u8]) -> Option<(u64, Today)> {
    let rest = bytes.strip_prefix(TODAY_MAGIC)?;
    let (sequence, rest) = rest.split_first_chunk::<8>()?;
    let (day, rest) = rest.split_first_chunk::<4>()?;
    let (closed, rest) = rest.split_first()?;
    let (counts, rest) = read_counts(rest)?;
    let today = Today { day: Day(u32::from_be_bytes(*day)), closed: *closed != 0, counts };
    has_digest(bytes, rest).then_some((u64::from_be_bytes(*sequence), today))
}

fn decode_history(bytes: &[u8]) -> Option<BTreeMap<Day, Counts>> {
    let rest = bytes.strip_prefix(HISTORY_MAGIC)?;
    let (count, mut rest) = rest.split_first_chunk::<4>()?;
    let mut history = BTreeMap::new();
    for _ in 0..u32::from_be_bytes(*count) {
        let (day, after) = rest.split_first_chunk::<4>()?;
        let (counts, after) = read_counts(after)?;
        history.insert(Day(u32::from_be_bytes(*day)), counts);
        rest = after;
    }
    has_digest(bytes, rest).then_some(history)
}

fn push_counts(bytes: &mut Vec<u8>, counts: &Counts) {
    // At most one for each of 2^16 members and eleven classes.
    bytes.extend_from_slice(&(counts.len() as u32).to_be_bytes());
    for ((member, class), count) in counts {
        bytes.extend_from_slice(&member.0.to_be_bytes());
        bytes.push(class.number());
        bytes.extend_from_slice(&count.to_be_bytes());
    }
}

fn read_counts(bytes: &[u8]) -> Option<(Counts, &[u8])> {
    let (count, rest) = bytes.split_first_chunk::<4>()?;
    let length = usize::try_from(u32::from_be_bytes(*count)).ok()?.checked_mul(ROW)?;
    let (rows, rest) = rest.split_at_checked(length)?;
    let mut counts = Counts::new();
    for [m1, m0, class, c3, c2, c1, c0] in rows.as_chunks::<ROW>().0 {
        let member = MemberNumber(u16::from_be_bytes([*m1, *m0]));
        counts.insert((member, Class::from_number(*class)?), u32::from_be_bytes([*c3, *c2, *c1, *c0]));
    }
    Some((counts, rest))
}

fn push_digest(bytes: &mut Vec<u8>) {
    let digest = Sha256::digest(&*bytes);
    bytes.extend_from_slice(&digest);
}

/// Whether `rest`, the end of `bytes`, begins with the digest of what is in front of it.
fn has_digest(bytes: &[u8], rest: &[u8]) -> bool {
    rest.get(..32).is_some_and(|digest| digest == Sha256::digest(&bytes[..bytes.len() - rest.len()]).as_slice())
}
