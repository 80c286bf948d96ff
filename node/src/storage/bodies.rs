//! Bodies: content-addressed chunk files, `bodies/<2 hex>/<62 hex>`.
//!
//! Trusted for nothing: a chunk's digest is taken over its leaf hashes, not over the file's bytes (an erased leaf keeps
//! its hash), so only the protocol crate can tell whether a file is what its name says, and the store asks it to.
//! This module verifies no digest. An attacker who can write this directory can destroy chunks, which are then fetched
//! again, and can bring back content that was erased on this machine only.
//!
//! Written to a temporary name, synced, renamed, directory synced: a chunk is whole or absent after a crash.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use antibrush_protocol::base::Hash;

use super::files::{self, FileError, Operation};
use super::lock::DataDir;
use crate::clock;

/// A chunk is at most 1 MiB of entries; the slack is for its framing.
pub const MAX_BODY: usize = 1024 * 1024 + 64 * 1024;
/// Threads that write and sync chunks: syncs wait for the disk, and several of them share one flush of its journal.
const WRITERS: usize = 8;

/// The chunk files of one data directory.
#[derive(Debug)]
pub struct Bodies {
    root: PathBuf,
    unfinished: PathBuf,
}

impl Bodies {
    /// Opens `bodies/` of a locked data directory and removes what a killed process left unfinished.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn open(data: &DataDir) -> Result<Bodies, FileError> {
        let root = data.path().join("bodies");
        let unfinished = root.join("unfinished");
        files::create_private_dir(&root)?;
        files::create_private_dir(&unfinished)?;
        files::remove_leftovers(&unfinished)?;
        Ok(Bodies { root, unfinished })
    }

    /// Stores chunks; those that are present stay as they are. When it returns, all are on the disk.
    ///
    /// # Errors
    /// [`FileError`] (`FileTooLarge` above [`MAX_BODY`], before anything is written). Some chunks may then be stored and
    /// others not; none is half stored.
    pub fn put_all(&self, chunks: &[(Hash, &[u8])]) -> Result<(), FileError> {
        self.store(chunks, false)
    }

    /// Stores chunks in place of those of the same name: erasure keeps a chunk's digest and rewrites its bytes.
    ///
    /// # Errors
    /// As [`Bodies::put_all`].
    pub fn replace_all(&self, chunks: &[(Hash, &[u8])]) -> Result<(), FileError> {
        self.store(chunks, true)
    }

    /// The bytes of a chunk, unverified.
    ///
    /// # Errors
    /// [`FileError`]; `FileTooLarge` for a file above [`MAX_BODY`], which is not read.
    pub fn get(&self, hash: &Hash) -> Result<Option<Vec<u8>>, FileError> {
        files::read_bounded(&self.path(hash), MAX_BODY as u64)
    }

    /// Whether there is a file of that name.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn has(&self, hash: &Hash) -> Result<bool, FileError> {
        let path = self.path(hash);
        path.try_exists().map_err(|error| FileError::new(&path, Operation::Open, &error))
    }

    /// Removes a chunk durably; says whether it was there.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn remove(&self, hash: &Hash) -> Result<bool, FileError> {
        let path = self.path(hash);
        match fs::remove_file(&path) {
            Ok(()) => files::sync_dir(files::parent(&path)).map(|()| true),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
            Err(error) => Err(FileError::new(&path, Operation::Remove, &error)),
        }
    }

    /// Makes a chunk count as used now.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn touch(&self, hash: &Hash) -> Result<(), FileError> {
        touch(&self.path(hash))
    }

    /// Chunks that were neither written nor touched for so long.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn unused_for(&self, time: Duration) -> Result<Vec<Hash>, FileError> {
        let mut unused = Vec::new();
        for found in self.walk() {
            let (hash, path) = found?;
            if is_unused(&path, time)? {
                unused.push(hash);
            }
        }
        Ok(unused)
    }

    /// Removes a chunk that still is unused; says whether it did.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn remove_unused(&self, hash: &Hash, time: Duration) -> Result<bool, FileError> {
        Ok(is_unused(&self.path(hash), time)? && self.remove(hash)?)
    }

    /// The names of all chunks, in no order; files with other names are passed over.
    pub fn list(&self) -> impl Iterator<Item = Result<Hash, FileError>> {
        self.walk().map(|found| found.map(|(hash, _)| hash))
    }

    /// Bytes that the chunks take on the disk, in whole blocks.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn disk_bytes(&self) -> Result<u64, FileError> {
        self.walk().try_fold(0, |sum, found| {
            let (_, path) = found?;
            match fs::metadata(&path) {
                // st_blocks counts 512 bytes whatever the block size (stat(2)).
                Ok(metadata) => Ok(sum + metadata.blocks() * 512),
                Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(sum),
                Err(error) => Err(FileError::new(&path, Operation::Read, &error)),
            }
        })
    }

    fn path(&self, hash: &Hash) -> PathBuf {
        let name = hex::encode(hash);
        self.root.join(&name[..2]).join(&name[2..])
    }

    fn store(&self, chunks: &[(Hash, &[u8])], replace: bool) -> Result<(), FileError> {
        let mut wanted = Vec::new();
        let mut seen = BTreeSet::new();
        for (hash, bytes) in chunks {
            let path = self.path(hash);
            if bytes.len() > MAX_BODY {
                return Err(FileError { path, operation: Operation::Write, kind: io::ErrorKind::FileTooLarge });
            }
            if seen.insert(hash) {
                wanted.push((path, *bytes));
            }
        }
        self.create_directories(&wanted)?;
        in_parallel(&wanted, |(path, bytes)| {
            if !replace && path.exists() {
                return touch(path);
            }
            let temporary = files::write_temporary(&self.unfinished, path, bytes, 0o600)?;
            fs::rename(&temporary, path).map_err(|error| {
                let _ = fs::remove_file(&temporary);
                FileError::new(path, Operation::Rename, &error)
            })
        })?;
        // Also for chunks that were present: an earlier call may have been stopped between its rename and this line.
        let touched: BTreeSet<&Path> = wanted.iter().map(|(path, _)| files::parent(path)).collect();
        in_parallel(&touched.into_iter().collect::<Vec<_>>(), |directory| files::sync_dir(directory))
    }

    fn create_directories(&self, wanted: &[(PathBuf, &[u8])]) -> Result<(), FileError> {
        let mut created = false;
        for directory in wanted.iter().map(|(path, _)| files::parent(path)).collect::<BTreeSet<_>>() {
            match fs::create_dir(directory) {
                Ok(()) => created = true,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(FileError::new(directory, Operation::Create, &error)),
            }
        }
        if created { files::sync_dir(&self.root) } else { Ok(()) }
    }

    fn walk(&self) -> impl Iterator<Item = Result<(Hash, PathBuf), FileError>> {
        (0..=u8::MAX).flat_map(move |first| {
            let directory = self.root.join(hex::encode([first]));
            let (items, failure) = match fs::read_dir(&directory) {
                Ok(items) => (Some(items), None),
                Err(error) if error.kind() == io::ErrorKind::NotFound => (None, None),
                Err(error) => (None, Some(Err(FileError::new(&directory, Operation::Open, &error)))),
            };
            let found = items.into_iter().flatten().filter_map(move |item| match item {
                Ok(item) => named(first, &item.file_name()).map(|hash| Ok((hash, item.path()))),
                Err(error) => Some(Err(FileError::new(&directory, Operation::Read, &error))),
            });
            failure.into_iter().chain(found)
        })
    }
}

fn touch(path: &Path) -> Result<(), FileError> {
    let touched = fs::File::options().write(true).open(path).and_then(|file| file.set_modified(clock::system()));
    touched.map_err(|error| FileError::new(path, Operation::Write, &error))
}

/// A clock that went back makes every chunk young: nothing is removed then.
fn is_unused(path: &Path, time: Duration) -> Result<bool, FileError> {
    match fs::metadata(path).and_then(|metadata| metadata.modified()) {
        Ok(at) => Ok(clock::system().duration_since(at).is_ok_and(|age| age > time)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(FileError::new(path, Operation::Read, &error)),
    }
}

fn named(first: u8, name: &std::ffi::OsStr) -> Option<Hash> {
    let rest: [u8; 31] = hex::decode(name.to_str()?).ok()?.try_into().ok()?;
    let mut hash = [first; 32];
    hash[1..].copy_from_slice(&rest);
    // Upper case would be a second name for the same chunk.
    (hex::encode(rest) == name.to_str()?).then_some(hash)
}

/// Runs `act` on every item in a few threads; after the first error no new item is begun.
fn in_parallel<I: Sync>(items: &[I], act: impl Fn(&I) -> Result<(), FileError> + Sync) -> Result<(), FileError> {
    if items.len() < 2 {
        return items.iter().try_for_each(act);
    }
    let (next, stop) = (AtomicUsize::new(0), AtomicBool::new(false));
    let work = || {
        while !stop.load(Ordering::Relaxed) {
            let Some(item) = items.get(next.fetch_add(1, Ordering::Relaxed)) else { break };
            if let Err(error) = act(item) {
                stop.store(true, Ordering::Relaxed);
                return Err(error);
            }
        }
        Ok(())
    };
    thread::scope(|scope| {
        let running: Vec<_> = (0..WRITERS.min(items.len())).map(|_| scope.spawn(work)).collect();
        // A panic in a thread is a bug here; it goes on in the caller.
        let ended: Vec<_> = running
            .into_iter()
            .map(|one| one.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect();
        ended.into_iter().collect()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(n: u8) -> (Hash, Vec<u8>) {
        let mut hash = [n; 32];
        hash[31] = 1;
        (hash, vec![n; 1000 + usize::from(n)])
    }

    fn opened() -> (tempfile::TempDir, DataDir, Bodies) {
        let dir = tempfile::tempdir().unwrap();
        let data = DataDir::lock(dir.path()).unwrap();
        let bodies = Bodies::open(&data).unwrap();
        (dir, data, bodies)
    }

    #[test]
    fn chunks_come_back_and_are_listed_once() {
        let (_dir, _data, bodies) = opened();
        let chunks: Vec<_> = (0..40).map(chunk).collect();
        let mut all: Vec<(Hash, &[u8])> = chunks.iter().map(|(hash, bytes)| (*hash, &bytes[..])).collect();
        all.push(all[3]);
        bodies.put_all(&all).unwrap();
        bodies.put_all(&all[..5]).unwrap();
        for (hash, bytes) in &chunks {
            assert_eq!(bodies.get(hash).unwrap().as_ref(), Some(bytes));
        }
        let listed: BTreeSet<Hash> = bodies.list().collect::<Result<_, _>>().unwrap();
        assert_eq!(listed, chunks.iter().map(|(hash, _)| *hash).collect());
        assert!(bodies.disk_bytes().unwrap() >= 40_000);
        assert_eq!(bodies.get(&[0xEE; 32]), Ok(None));
        assert_eq!(fs::read_dir(&bodies.unfinished).unwrap().count(), 0);
    }

    #[test]
    fn a_present_chunk_is_kept_unless_it_is_replaced() {
        let (_dir, _data, bodies) = opened();
        let (hash, _) = chunk(7);
        bodies.put_all(&[(hash, b"whole")]).unwrap();
        bodies.put_all(&[(hash, b"other")]).unwrap();
        assert_eq!(bodies.get(&hash).unwrap().unwrap(), b"whole");
        bodies.replace_all(&[(hash, b"erased")]).unwrap();
        assert_eq!(bodies.get(&hash).unwrap().unwrap(), b"erased");
        assert_eq!((bodies.remove(&hash), bodies.remove(&hash), bodies.has(&hash)), (Ok(true), Ok(false), Ok(false)));
    }

    #[test]
    fn sizes_are_bounded_both_ways() {
        let (_dir, _data, bodies) = opened();
        let (hash, _) = chunk(9);
        let big = vec![0; MAX_BODY + 1];
        let error = bodies.put_all(&[(hash, &big)]).unwrap_err();
        assert_eq!((error.operation, error.kind), (Operation::Write, io::ErrorKind::FileTooLarge));
        bodies.put_all(&[(hash, b"small")]).unwrap();
        fs::write(bodies.path(&hash), &big).unwrap();
        let error = bodies.get(&hash).unwrap_err();
        assert_eq!((error.operation, error.kind), (Operation::Read, io::ErrorKind::FileTooLarge));
    }

    #[test]
    fn leftovers_and_foreign_files_do_not_count() {
        let (_dir, data, bodies) = opened();
        let (hash, bytes) = chunk(0xAB);
        bodies.put_all(&[(hash, &bytes)]).unwrap();
        fs::write(bodies.unfinished.join(".abc.1.0.tmp"), b"half").unwrap();
        fs::write(bodies.root.join("ab").join("README"), b"x").unwrap();
        fs::write(bodies.root.join("ab").join("AB".repeat(31)), b"x").unwrap();
        let bodies = Bodies::open(&data).unwrap();
        assert_eq!(bodies.list().collect::<Vec<_>>(), vec![Ok(hash)]);
        assert_eq!(fs::read_dir(&bodies.unfinished).unwrap().count(), 0);
    }

    /// A measurement, not a check: `cargo test --release -- --ignored throughput --nocapture`.
    #[test]
    #[ignore = "measures the disk: cargo test --release -p antibrush-node bodies -- --ignored --nocapture"]
    fn throughput_of_a_hundred_chunks() {
        let (dir, _data, bodies) = opened();
        let body: Vec<u8> = (0..1 << 20).map(|n: u32| (n.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
        let chunks: Vec<(Hash, &[u8])> = (0..100).map(|n| (chunk(n).0, &body[..])).collect();
        let start = std::time::Instant::now();
        bodies.put_all(&chunks).unwrap();
        let ours = start.elapsed().as_secs_f64();
        let start = std::time::Instant::now();
        fs::write(dir.path().join("one"), body.repeat(100)).unwrap();
        fs::File::open(dir.path().join("one")).unwrap().sync_all().unwrap();
        let one = start.elapsed().as_secs_f64();
        let start = std::time::Instant::now();
        for (n, (_, body)) in chunks.iter().enumerate() {
            files::write_atomic(&dir.path().join(format!("c{n}")), body, 0o600).unwrap();
        }
        let serial = start.elapsed().as_secs_f64();
        println!(
            "100 MiB: put_all {:.0} MiB/s, one by one {:.0} MiB/s, one file {:.0} MiB/s",
            100. / ours,
            100. / serial,
            100. / one
        );
    }
}
