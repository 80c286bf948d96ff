//! The file of the vault: its frames, where each lies, and what is done about a damaged one.

use std::{
    fs::{File, OpenOptions},
    os::unix::fs::FileExt,
    path::Path,
};

use zeroize::Zeroizing;

use super::{SIZES, VaultError, VaultRecord};
use crate::{
    keys::{LocalKey, local::OVERHEAD},
    random,
    storage::files::{self, FileError, Operation},
};

const MAGIC: &[u8; 8] = b"ABVAULT1";
const ID: usize = 16;
/// Bytes of the file's head.
const HEADER: usize = 8 + ID + 16;
/// Bytes in front of a sealed record: its length and its number.
const FRAME: usize = 6;

/// Where a record lies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    offset: u64,
    number: u32,
    length: u16,
}

/// An open vault file.
pub struct VaultFile {
    file: File,
    id: [u8; ID],
    /// Bytes of the head and of whole records.
    end: u64,
    /// The number of the next record.
    next: u32,
}

/// The contents of a new vault file.
pub struct Contents<'a> {
    path: &'a Path,
    key: &'a LocalKey,
    id: [u8; ID],
    bytes: Vec<u8>,
    next: u32,
}

impl<'a> Contents<'a> {
    pub fn new(path: &'a Path, key: &'a LocalKey) -> Contents<'a> {
        let id = random::bytes();
        let bytes = [&MAGIC[..], &id, &check(key, &id)].concat();
        Contents { path, key, id, bytes, next: 0 }
    }

    /// Seals a record as the next one.
    pub fn push(&mut self, plain: &[u8]) -> Result<Place, FileError> {
        push(&mut self.bytes, 0, self.key, &self.id, &mut self.next, plain).map_err(|error| too_large(self.path, error))
    }

    /// Writes the file and puts it into the old one's place, durably.
    pub fn write(self) -> Result<VaultFile, FileError> {
        files::write_atomic(self.path, &self.bytes, 0o600)?;
        let file = open(self.path)?;
        Ok(VaultFile { file, id: self.id, end: self.bytes.len() as u64, next: self.next })
    }
}

impl VaultFile {
    /// Opens the file, and cuts off what follows its last whole record.
    pub fn open(path: &Path, key: &LocalKey) -> Result<(VaultFile, Vec<(u64, Place)>), VaultError> {
        let file = open(path)?;
        let failed = |operation, error: std::io::Error| FileError::new(path, operation, &error);
        let bytes =
            files::read_open(file.try_clone().map_err(|error| failed(Operation::Open, error))?, path, u64::MAX - 1)?;
        let id = id_in(&bytes, key).ok_or_else(|| VaultError::Closed { path: path.to_path_buf() })?;
        let Scan { records, next, end } = scan(&bytes, key, &id);
        let lost = next as usize - records.len();
        if lost > 0 {
            tracing::error!(
                path = %path.display(), lost,
                "records of the vault do not open: the listings cannot be published again until their identifiers are imported"
            );
        }
        if end < bytes.len() {
            tracing::warn!(path = %path.display(), bytes = bytes.len() - end, "cut off an unfinished write");
            file.set_len(end as u64).map_err(|error| failed(Operation::Write, error))?;
        }
        Ok((VaultFile { file, id, end: end as u64, next }, records))
    }

    /// How many records were ever written to it.
    pub fn records(&self) -> usize {
        self.next as usize
    }

    /// Writes records behind the last and syncs them.
    pub fn append(
        &mut self,
        path: &Path,
        key: &LocalKey,
        plain: &[Zeroizing<Vec<u8>>],
    ) -> Result<Vec<Place>, FileError> {
        let (mut bytes, mut places, mut next) = (Vec::new(), Vec::with_capacity(plain.len()), self.next);
        for record in plain {
            let place = push(&mut bytes, self.end, key, &self.id, &mut next, record);
            places.push(place.map_err(|error| too_large(path, error))?);
        }
        let written = self
            .file
            .write_all_at(&bytes, self.end)
            .map_err(|error| FileError::new(path, Operation::Write, &error))
            .and_then(|()| self.file.sync_all().map_err(|error| FileError::new(path, Operation::Sync, &error)));
        if let Err(error) = written {
            // Cut off, or, if not even that works, overwritten by the next records: the numbers are the same.
            let _ = self.file.set_len(self.end);
            return Err(error);
        }
        self.end += bytes.len() as u64;
        self.next = next;
        Ok(places)
    }

    #[cfg(test)]
    pub fn replace_file(&mut self, file: File) -> File {
        std::mem::replace(&mut self.file, file)
    }

    /// Reads and opens a record; `None` if it was changed since it was written.
    pub fn read(&self, path: &Path, key: &LocalKey, place: Place) -> Result<Option<Zeroizing<Vec<u8>>>, FileError> {
        let mut sealed = vec![0; usize::from(place.length)];
        self.file
            .read_exact_at(&mut sealed, place.offset)
            .map_err(|error| FileError::new(path, Operation::Read, &error))?;
        Ok(key.open(&context(&self.id, place.number), &sealed))
    }
}

/// What a file holds.
struct Scan {
    records: Vec<(u64, Place)>,
    /// The number after that of the last record.
    next: u32,
    /// The end of the last record.
    end: usize,
}

/// Finds every record that opens. Behind one that does not, the next is searched byte by byte, so that a damaged sector costs
/// the records in it alone; the numbers tell how many those are.
fn scan(bytes: &[u8], key: &LocalKey, id: &[u8; ID]) -> Scan {
    let mut found = Scan { records: Vec::new(), next: 0, end: HEADER };
    let mut at = HEADER;
    while let Some(frame) = bytes.get(at..at + FRAME) {
        match record_at(bytes, at, frame, found.next, key, id) {
            Some((leaf, place)) => {
                at += FRAME + usize::from(place.length);
                found.records.push((leaf, place));
                found.next = place.number + 1;
                found.end = at;
            }
            None => at += 1,
        }
    }
    found
}

/// The record whose frame is at an offset, if there is one with at least the number `least`.
fn record_at(bytes: &[u8], at: usize, frame: &[u8], least: u32, key: &LocalKey, id: &[u8; ID]) -> Option<(u64, Place)> {
    let length = u16::from_be_bytes([frame[0], frame[1]]);
    let number = u32::from_be_bytes([frame[2], frame[3], frame[4], frame[5]]);
    let offset = at + FRAME;
    let known = SIZES.iter().any(|size| size + OVERHEAD == usize::from(length));
    if !known || number < least || number == u32::MAX {
        return None;
    }
    let sealed = bytes.get(offset..offset + usize::from(length))?;
    let plain = key.open(&context(id, number), sealed)?;
    let record = VaultRecord::decode(&plain)?;
    Some((record.leaf, Place { offset: offset as u64, number, length }))
}

/// Seals a record behind `bytes`, which will stand at `start` of the file.
fn push(
    bytes: &mut Vec<u8>,
    start: u64,
    key: &LocalKey,
    id: &[u8; ID],
    next: &mut u32,
    plain: &[u8],
) -> std::io::Result<Place> {
    let number = *next;
    *next = number.checked_add(1).filter(|next| *next < u32::MAX).ok_or(std::io::ErrorKind::FileTooLarge)?;
    let sealed = key.seal(&context(id, number), plain);
    // One of two sizes below 2^16.
    let length = sealed.len() as u16;
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(&number.to_be_bytes());
    let offset = start + bytes.len() as u64;
    bytes.extend_from_slice(&sealed);
    Ok(Place { offset, number, length })
}

fn open(path: &Path) -> Result<File, FileError> {
    let opened = OpenOptions::new().read(true).write(true).open(path);
    opened.map_err(|error| FileError::new(path, Operation::Open, &error))
}

fn id_in(bytes: &[u8], key: &LocalKey) -> Option<[u8; ID]> {
    let (magic, rest) = bytes.split_first_chunk::<8>()?;
    let (id, rest) = rest.split_first_chunk::<ID>()?;
    (magic == MAGIC && rest.get(..16)? == check(key, id)).then_some(*id)
}

fn check(key: &LocalKey, id: &[u8; ID]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&key.mac(&[b"vault", id])[..16]);
    half
}

fn context(id: &[u8; ID], number: u32) -> [u8; 5 + ID + 4] {
    let mut context = [0; 5 + ID + 4];
    context[..5].copy_from_slice(b"vault");
    context[5..5 + ID].copy_from_slice(id);
    context[5 + ID..].copy_from_slice(&number.to_be_bytes());
    context
}

fn too_large(path: &Path, error: std::io::Error) -> FileError {
    FileError::new(path, Operation::Write, &error)
}
