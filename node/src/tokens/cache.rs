//! Identifiers that were evaluated once are answered here, without asking the holders again.
//!
//! One file a token key in `tokens/` of the data directory (0700, files 0600), of rows of 64 bytes:
//!
//! | bytes | what |
//! |---|---|
//! | 0–15 | tag: the first half of MAC("tag", key id, input) |
//! | 16–47 | the PRK (see [`Derived`]), XORed with MAC("pad", tag ‖ key id) |
//! | 48–63 | check: the first half of MAC("check", key id, tag, bytes 16–47) |
//!
//! MAC is HMAC-SHA256 under a [`LocalKey`], which comes from this node's seal key; the input of one tag is always the same and so
//! is its PRK, so that no pad is used for two texts.
//!
//! **Trust:** a file holds no identifier and nothing from which one can be computed. Whoever steals the files alone learns how
//! many identifiers of which class this platform evaluated in which epoch, and in which order they came; trying identifiers
//! against them needs the node's own secret. Whoever steals the seal key as well can try identifiers against the tags as fast as
//! a hash runs, and mobile numbers are few enough for that: a file together with the seal key is as good as the identifiers in it.
//! Whoever can write to the directory can make the node forget rows. It cannot make the node believe one: a changed row, and one
//! that was moved from another key's file, fails its check, which is a miss, and a miss is evaluated again.
//!
//! Rows are appended and never changed. A write ends in the kernel, so that a killed process loses none; a machine that loses its
//! power may lose the last ones, or find rows of zeros, which are misses.

use std::{
    collections::HashMap,
    fmt,
    fs::{self, File},
    hash::{BuildHasherDefault, Hasher},
    io::Read,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard},
};

use antibrush_protocol::{
    subject::Class,
    suite::{Derived, KeyId},
};
use zeroize::{Zeroize, Zeroizing};

use crate::{
    keys::LocalKey,
    storage::files::{self, FileError, Operation},
};

/// The directory in a data directory.
pub const DIRECTORY: &str = "tokens";

const ROW: usize = 64;
const TAG: usize = 16;
const PAD: std::ops::Range<usize> = TAG..48;
const SUFFIX: &str = ".cache";
/// Rows that one read takes when a file is opened: 256 KiB.
const ROWS_AT_ONCE: usize = 4096;

type Tag = [u8; TAG];
/// How a file's name, and the map in memory, name a key: the first bytes of its id. Two keys that have them in common would
/// share a file without harm, because the rows are bound to the whole id.
type ShortId = [u8; 8];

/// The directory of evaluated tokens. Shared by reference between threads.
pub struct TokenCache {
    directory: PathBuf,
    key: LocalKey,
    files: RwLock<HashMap<ShortId, Arc<KeyFile>>>,
}

/// The rows of one token key.
struct KeyFile {
    path: PathBuf,
    file: File,
    index: RwLock<Index>,
    /// How many rows the file has; held while rows are written, so that answers need not wait for the disk.
    rows: Mutex<u32>,
}

/// From the first half of a tag to the last row that has it.
type Index = HashMap<u64, u32, BuildHasherDefault<Uniform>>;

/// Hashes nothing: tags are made under a secret key, so they are uniform and nobody can choose them.
#[derive(Default)]
struct Uniform(u64);

impl Hasher for Uniform {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0.rotate_left(8) ^ u64::from(*byte);
        }
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = value;
    }
}

impl TokenCache {
    /// Opens every file of the directory and reads its tags; makes the directory if there is none. What a crash left of an
    /// unfinished row is cut off.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn open(directory: &Path, key: LocalKey) -> Result<TokenCache, FileError> {
        files::create_private_dir(directory)?;
        let failed = |error: std::io::Error| FileError::new(directory, Operation::Open, &error);
        let mut found = HashMap::new();
        for item in fs::read_dir(directory).map_err(failed)? {
            let path = item.map_err(failed)?.path();
            if let Some(id) = path.file_name().and_then(|name| short_id_in(name.to_str()?)) {
                found.insert(id, Arc::new(KeyFile::open(path)?));
            }
        }
        Ok(TokenCache { directory: directory.to_path_buf(), key, files: RwLock::new(found) })
    }

    /// What this key made of this input, if it is here: two short hashes, one read of 64 bytes and one check.
    pub fn get(&self, key_id: &KeyId, input: &[u8]) -> Option<Derived> {
        let file = self.file(key_id)?;
        let tag = self.tag(key_id, input);
        self.row(&file, key_id, &tag).map(|row| self.unmask(key_id, &row))
    }

    /// Whether [`TokenCache::get`] would find it.
    pub fn contains(&self, key_id: &KeyId, input: &[u8]) -> bool {
        let tag = self.tag(key_id, input);
        self.file(key_id).is_some_and(|file| self.row(&file, key_id, &tag).is_some())
    }

    /// Keeps what was evaluated, in one write; rows that are here already are left out.
    ///
    /// # Errors
    /// [`FileError`], as when the disk is full: nothing of the batch counts then, and everything else can still be used.
    pub fn put_all(
        &self,
        class: Class,
        epoch: u16,
        key_id: &KeyId,
        rows: &[(&[u8], &Derived)],
    ) -> Result<(), FileError> {
        let file = self.file_or_new(class, epoch, key_id)?;
        let mut count = lock(&file.rows);
        let mut bytes = Vec::with_capacity(rows.len() * ROW);
        let mut tags = Vec::with_capacity(rows.len());
        for (input, derived) in rows {
            let tag = self.tag(key_id, input);
            // A row that fails its check is not found, so the identifier gets another one.
            if self.row(&file, key_id, &tag).is_none() {
                bytes.extend_from_slice(&self.mask(key_id, &tag, derived));
                tags.push(tag);
            }
        }
        file.append(&mut count, &bytes, &tags)
    }

    /// How many rows the file of a key has. A row that had to be written again counts twice.
    pub fn len(&self, key_id: &KeyId) -> usize {
        self.file(key_id).map_or(0, |file| *lock(&file.rows) as usize)
    }

    /// Forgets a key and removes its file, which without the seal key says nothing to whoever recovers it from the disk.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn remove_key(&self, key_id: &KeyId) -> Result<(), FileError> {
        let Some(file) = write(&self.files).remove(&short(key_id)) else { return Ok(()) };
        fs::remove_file(&file.path).map_err(|error| FileError::new(&file.path, Operation::Remove, &error))?;
        files::sync_dir(&self.directory)
    }

    /// Forces everything to the disk: at the end of a long run, so that a power failure cannot take it away.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn sync(&self) -> Result<(), FileError> {
        let all: Vec<_> = read(&self.files).values().cloned().collect();
        for file in all {
            file.file.sync_data().map_err(|error| FileError::new(&file.path, Operation::Sync, &error))?;
        }
        files::sync_dir(&self.directory)
    }

    fn file(&self, key_id: &KeyId) -> Option<Arc<KeyFile>> {
        read(&self.files).get(&short(key_id)).cloned()
    }

    fn file_or_new(&self, class: Class, epoch: u16, key_id: &KeyId) -> Result<Arc<KeyFile>, FileError> {
        if let Some(file) = self.file(key_id) {
            return Ok(file);
        }
        let mut files = write(&self.files);
        // Another thread may have made it meanwhile.
        if let Some(file) = files.get(&short(key_id)) {
            return Ok(file.clone());
        }
        let name = format!("{}-{epoch}-{}{SUFFIX}", class.code().to_ascii_lowercase(), hex::encode(short(key_id)));
        let file = Arc::new(KeyFile::open(self.directory.join(name))?);
        files.insert(short(key_id), file.clone());
        Ok(file)
    }

    /// The row of a tag, if it is whole and of this key.
    fn row(&self, file: &KeyFile, key_id: &KeyId, tag: &Tag) -> Option<[u8; ROW]> {
        let row = *read(&file.index).get(&index_of(tag))?;
        let row = file.read(row)?;
        (row[..TAG] == *tag && row[PAD.end..] == self.check(key_id, &row)).then_some(row)
    }

    fn tag(&self, key_id: &KeyId, input: &[u8]) -> Tag {
        half(self.key.mac(&[b"tag", key_id, input]))
    }

    fn check(&self, key_id: &KeyId, row: &[u8; ROW]) -> [u8; 16] {
        half(self.key.mac(&[b"check", key_id, &row[..TAG], &row[PAD]]))
    }

    fn pad(&self, key_id: &KeyId, tag: &[u8]) -> Zeroizing<[u8; 32]> {
        let mut bound = [0; TAG + 32];
        bound[..TAG].copy_from_slice(tag);
        bound[TAG..].copy_from_slice(key_id);
        Zeroizing::new(self.key.mac(&[b"pad", &bound]))
    }

    fn mask(&self, key_id: &KeyId, tag: &Tag, derived: &Derived) -> [u8; ROW] {
        let mut row = [0; ROW];
        row[..TAG].copy_from_slice(tag);
        let (prk, pad) = (derived.to_prk(), self.pad(key_id, tag));
        for (to, (prk, pad)) in row[PAD].iter_mut().zip(prk.iter().zip(pad.iter())) {
            *to = prk ^ pad;
        }
        let check = self.check(key_id, &row);
        row[PAD.end..].copy_from_slice(&check);
        row
    }

    fn unmask(&self, key_id: &KeyId, row: &[u8; ROW]) -> Derived {
        let mut prk = self.pad(key_id, &row[..TAG]);
        for (byte, masked) in prk.iter_mut().zip(&row[PAD]) {
            *byte ^= masked;
        }
        let derived = Derived::from_prk(*prk);
        prk.zeroize();
        derived
    }
}

impl fmt::Debug for TokenCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TokenCache({})", self.directory.display())
    }
}

impl KeyFile {
    fn open(path: PathBuf) -> Result<KeyFile, FileError> {
        let failed = |operation, error: std::io::Error| FileError::new(&path, operation, &error);
        let file = files::open_private(&path)?;
        let length = file.metadata().map_err(|error| failed(Operation::Read, error))?.len();
        let rows = u32::try_from(length / ROW as u64)
            .map_err(|_| failed(Operation::Read, std::io::ErrorKind::FileTooLarge.into()))?;
        let whole = u64::from(rows) * ROW as u64;
        if length > whole {
            file.set_len(whole).map_err(|error| failed(Operation::Write, error))?;
        }
        let index = read_index(&file, rows).map_err(|error| failed(Operation::Read, error))?;
        Ok(KeyFile { path, file, index: RwLock::new(index), rows: Mutex::new(rows) })
    }

    fn read(&self, row: u32) -> Option<[u8; ROW]> {
        let mut bytes = [0; ROW];
        // A row that the disk does not give is a miss like one that fails its check.
        self.file.read_exact_at(&mut bytes, u64::from(row) * ROW as u64).ok()?;
        Some(bytes)
    }

    fn append(&self, count: &mut u32, bytes: &[u8], tags: &[Tag]) -> Result<(), FileError> {
        let failed = |error: std::io::Error| FileError::new(&self.path, Operation::Write, &error);
        let more = u32::try_from(tags.len()).ok().and_then(|more| count.checked_add(more));
        let more = more.ok_or_else(|| failed(std::io::ErrorKind::FileTooLarge.into()))?;
        let end = u64::from(*count) * ROW as u64;
        if let Err(error) = self.file.write_all_at(bytes, end) {
            // What was written of the batch is cut off; if not even that works, the next batch overwrites it.
            let _ = self.file.set_len(end);
            return Err(failed(error));
        }
        let mut index = write(&self.index);
        index.reserve(tags.len());
        index.extend((*count..more).zip(tags).map(|(row, tag)| (index_of(tag), row)));
        *count = more;
        Ok(())
    }
}

/// Reads the tags of a file. The last of two rows with one tag counts: it was written because the first failed its check.
fn read_index(mut file: &File, rows: u32) -> std::io::Result<Index> {
    let mut index = Index::with_capacity_and_hasher(rows as usize, BuildHasherDefault::default());
    let mut buffer = vec![0; ROWS_AT_ONCE * ROW];
    let mut row = 0;
    while row < rows {
        let count = ((rows - row) as usize).min(ROWS_AT_ONCE);
        let part = &mut buffer[..count * ROW];
        file.read_exact(part)?;
        for bytes in part.as_chunks::<ROW>().0 {
            index.insert(index_of(&half(*bytes)), row);
            row += 1;
        }
    }
    Ok(index)
}

/// The first 16 bytes of longer ones.
fn half<const N: usize>(bytes: [u8; N]) -> [u8; 16] {
    let mut half = [0; 16];
    half.copy_from_slice(&bytes[..16]);
    half
}

fn index_of(tag: &Tag) -> u64 {
    let mut first = [0; 8];
    first.copy_from_slice(&tag[..8]);
    u64::from_be_bytes(first)
}

fn short(key_id: &KeyId) -> ShortId {
    let mut short = [0; 8];
    short.copy_from_slice(&key_id[..8]);
    short
}

/// The key in a file's name; `None` for names that are none of ours.
fn short_id_in(name: &str) -> Option<ShortId> {
    let mut parts = name.strip_suffix(SUFFIX)?.split('-');
    let (class, epoch, id) = (parts.next()?, parts.next()?, parts.next()?);
    let known = Class::ALL.iter().any(|known| known.code().eq_ignore_ascii_case(class));
    if !known || epoch.parse::<u16>().is_err() || parts.next().is_some() {
        return None;
    }
    let mut short = [0; 8];
    hex::decode_to_slice(id, &mut short).ok()?;
    Some(short)
}

// Maps and counters are whole after every change, so a panic elsewhere does not make them unusable.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn read<T>(lock: &RwLock<T>) -> RwLockReadGuard<'_, T> {
    lock.read().unwrap_or_else(PoisonError::into_inner)
}

fn write<T>(lock: &RwLock<T>) -> RwLockWriteGuard<'_, T> {
    lock.write().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
