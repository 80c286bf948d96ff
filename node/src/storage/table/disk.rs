//! The files of a table: flat runs and the manifest that makes them count.
//!
//! A run is `run-<number>.rows`: its packed rows and nothing else. The manifest names the runs, the oldest first, with
//! their digests, and the cursors up to which they contain the feeds. A file is written under a temporary name, synced
//! and renamed; the manifest is replaced only after the directory with the runs' names is synced, and files that it does
//! not name are removed only after it has been replaced. So whatever manifest a crash leaves, its runs are there.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use antibrush_protocol::base::{Hash, MemberNumber};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::pages::Pages;
use super::row::Packed;
use super::run::Run;
use super::{Cursors, Damage, TableError};

/// Rows of a block of 2 MiB: what is read, hashed and converted at once.
const BLOCK_ROWS: usize = 1 << 16;
const MANIFEST: &str = "manifest";
const MAGIC: &[u8; 8] = b"ABTABLE\x01";
/// More than a manifest with a cursor for each of 65,536 members and 1,024 runs takes.
const MANIFEST_MAX: u64 = 1 << 20;

/// The directory of one table.
pub(super) struct Disk {
    directory: PathBuf,
    /// Tests: the number of steps that still succeed.
    #[cfg(test)]
    pub(super) fuse: Option<usize>,
}

/// What the manifest says of a run.
#[derive(Clone, Copy)]
pub(super) struct RunRecord {
    pub(super) id: u64,
    pub(super) rows: u64,
    pub(super) digest: Hash,
}

/// What the manifest says.
pub(super) struct Manifest {
    /// The number of the next run: numbers are not reused.
    pub(super) next: u64,
    /// The oldest first.
    pub(super) runs: Vec<RunRecord>,
    pub(super) cursors: Cursors,
}

impl Disk {
    /// Makes the directory if need be.
    pub(super) fn new(directory: &Path) -> Result<Disk, TableError> {
        fs::create_dir_all(directory).map_err(TableError::io("make the table's directory"))?;
        Ok(Disk {
            directory: directory.to_owned(),
            #[cfg(test)]
            fuse: None,
        })
    }

    /// Reads the manifest and all its runs; `None` if there is no manifest.
    pub(super) fn load(&self) -> Result<Option<(Manifest, Vec<Run>)>, Damage> {
        let mut bytes = Vec::new();
        match File::open(self.directory.join(MANIFEST)) {
            Ok(file) => file.take(MANIFEST_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(unreadable(error)),
        };
        let manifest = Manifest::decode(&bytes).ok_or(Damage::Manifest)?;
        let runs = manifest.runs.iter().map(|record| self.read_run(record)).collect::<Result<_, _>>()?;
        Ok(Some((manifest, runs)))
    }

    fn read_run(&self, record: &RunRecord) -> Result<Run, Damage> {
        let path = self.directory.join(run_name(record.id));
        let length = match fs::metadata(&path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Err(Damage::MissingRun),
            Err(error) => return Err(unreadable(error)),
        };
        // Checked before memory is claimed for it.
        if record.rows.checked_mul(Packed::BYTES as u64) != Some(length) || record.rows > u64::from(u32::MAX) {
            return Err(Damage::RunLength);
        }
        let mut rows = Pages::<Packed>::zeroed(record.rows as usize);
        let digests = rows
            .as_mut_slice()
            .par_chunks_mut(BLOCK_ROWS)
            .enumerate()
            .map(|(block, rows)| read_block(&path, block, rows))
            .collect::<io::Result<Vec<Hash>>>()
            .map_err(unreadable)?;
        if run_digest(record.rows, &digests) != record.digest {
            return Err(Damage::RunChecksum);
        }
        Run::from_disk(rows).ok_or(Damage::RunOrder)
    }

    /// Writes a run and syncs it; its name is durable only with the next manifest.
    pub(super) fn write_run(&mut self, id: u64, run: &Run) -> Result<RunRecord, TableError> {
        let rows = run.rows();
        let mut digests = Vec::with_capacity(rows.len().div_ceil(BLOCK_ROWS));
        let mut buffer = vec![0; rows.len().min(BLOCK_ROWS) * Packed::BYTES];
        self.replace(&run_name(id), |disk, file| {
            for rows in rows.chunks(BLOCK_ROWS) {
                let block = &mut buffer[..rows.len() * Packed::BYTES];
                let (slots, _) = block.as_chunks_mut();
                for (slot, row) in slots.iter_mut().zip(rows) {
                    row.encode(slot);
                }
                digests.push(Sha256::digest(&*block).into());
                disk.step()?;
                file.write_all(block)?;
            }
            Ok(())
        })
        .map_err(TableError::io("write a run of the table"))?;
        let rows = rows.len() as u64;
        Ok(RunRecord { id, rows, digest: run_digest(rows, &digests) })
    }

    /// Makes the runs and cursors of a manifest the ones that count, and removes every file that it does not name.
    ///
    /// After an error either the old or the new manifest is in force, and the files of both are there.
    pub(super) fn write_manifest(&mut self, manifest: &Manifest) -> Result<(), TableError> {
        let bytes = manifest.encode();
        self.sync_directory()
            .and_then(|()| {
                self.replace(MANIFEST, |disk, file| {
                    disk.step()?;
                    file.write_all(&bytes)
                })
            })
            .and_then(|()| self.sync_directory())
            .map_err(TableError::io("write the table's manifest"))?;
        self.sweep(manifest);
        Ok(())
    }

    /// Removes what the manifest does not name: merged runs and what a crash left. A file that stays is found again.
    pub(super) fn sweep(&self, manifest: &Manifest) {
        let mut keep: BTreeSet<String> = manifest.runs.iter().map(|record| run_name(record.id)).collect();
        keep.insert(MANIFEST.to_owned());
        self.remove_all_but(&keep);
    }

    /// Removes the table's files, the manifest first: without it the others mean nothing.
    pub(super) fn remove_all(&self) {
        // If it stays, the next start finds its runs missing and comes here again.
        let _ = fs::remove_file(self.directory.join(MANIFEST));
        self.remove_all_but(&BTreeSet::new());
    }

    fn remove_all_but(&self, keep: &BTreeSet<String>) {
        let Ok(files) = fs::read_dir(&self.directory) else { return };
        for name in files.flatten().filter_map(|file| file.file_name().into_string().ok()) {
            let ours =
                name == MANIFEST || name.ends_with(".tmp") || name.starts_with("run-") && name.ends_with(".rows");
            if ours && !keep.contains(&name) && fs::remove_file(self.directory.join(&name)).is_err() {
                tracing::warn!(file = name, "can not remove an old file of the token table; trying again later");
            }
        }
    }

    fn replace(&mut self, name: &str, write: impl FnOnce(&mut Disk, &mut File) -> io::Result<()>) -> io::Result<()> {
        let temporary = self.directory.join(format!("{name}.tmp"));
        self.step()?;
        let mut file = File::create(&temporary)?;
        write(self, &mut file)?;
        self.step()?;
        file.sync_all()?;
        self.step()?;
        fs::rename(&temporary, self.directory.join(name))?;
        self.step()
    }

    fn sync_directory(&mut self) -> io::Result<()> {
        self.step()?;
        File::open(&self.directory)?.sync_all()?;
        self.step()
    }

    /// Where tests let the disk fail: before and after every effect.
    #[cfg(test)]
    fn step(&mut self) -> io::Result<()> {
        match &mut self.fuse {
            Some(0) => Err(io::ErrorKind::StorageFull.into()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
            None => Ok(()),
        }
    }

    #[cfg(not(test))]
    fn step(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Manifest {
    /// Magic, next run 8, run count 4, runs (id 8, rows 8, digest 32), cursor count 4, cursors (member 2, size 8),
    /// SHA-256 of all before it. Numbers are big-endian.
    fn encode(&self) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(self.next.to_be_bytes());
        bytes.extend((self.runs.len() as u32).to_be_bytes());
        for run in &self.runs {
            bytes.extend(run.id.to_be_bytes());
            bytes.extend(run.rows.to_be_bytes());
            bytes.extend(run.digest);
        }
        bytes.extend((self.cursors.len() as u32).to_be_bytes());
        for (member, size) in &self.cursors {
            bytes.extend(member.0.to_be_bytes());
            bytes.extend(size.to_be_bytes());
        }
        let digest = Sha256::digest(&bytes);
        bytes.extend(digest);
        bytes
    }

    fn decode(bytes: &[u8]) -> Option<Manifest> {
        if bytes.len() as u64 > MANIFEST_MAX {
            return None;
        }
        let (mut bytes, digest) = bytes.split_last_chunk::<32>()?;
        if Hash::from(Sha256::digest(bytes)) != *digest || take(&mut bytes)? != *MAGIC {
            return None;
        }
        let next = u64::from_be_bytes(take(&mut bytes)?);
        let mut runs = Vec::new();
        // The counts claim no memory: each item has to be there.
        for _ in 0..u32::from_be_bytes(take(&mut bytes)?) {
            let id = u64::from_be_bytes(take(&mut bytes)?);
            let rows = u64::from_be_bytes(take(&mut bytes)?);
            runs.push(RunRecord { id, rows, digest: take(&mut bytes)? });
        }
        let mut cursors = Cursors::new();
        for _ in 0..u32::from_be_bytes(take(&mut bytes)?) {
            let member = MemberNumber(u16::from_be_bytes(take(&mut bytes)?));
            cursors.insert(member, u64::from_be_bytes(take(&mut bytes)?));
        }
        (bytes.is_empty() && runs.iter().all(|run| run.id < next)).then_some(Manifest { next, runs, cursors })
    }
}

fn take<const N: usize>(bytes: &mut &[u8]) -> Option<[u8; N]> {
    let (first, rest) = bytes.split_first_chunk()?;
    *bytes = rest;
    Some(*first)
}

fn read_block(path: &Path, block: usize, rows: &mut [Packed]) -> io::Result<Hash> {
    let mut buffer = vec![0; rows.len() * Packed::BYTES];
    let mut file = File::open(path)?;
    file.seek(SeekFrom::Start((block * BLOCK_ROWS * Packed::BYTES) as u64))?;
    file.read_exact(&mut buffer)?;
    let (slots, _) = buffer.as_chunks();
    for (slot, row) in slots.iter().zip(rows) {
        *row = Packed::decode(slot);
    }
    Ok(Sha256::digest(&buffer).into())
}

/// A digest of the blocks' digests, so that blocks are hashed in parallel.
fn run_digest(rows: u64, blocks: &[Hash]) -> Hash {
    let mut digest = Sha256::new_with_prefix(b"antibrush/v1/table-run");
    digest.update(rows.to_be_bytes());
    for block in blocks {
        digest.update(block);
    }
    digest.finalize().into()
}

fn run_name(id: u64) -> String {
    format!("run-{id:016x}.rows")
}

fn unreadable(error: io::Error) -> Damage {
    Damage::Unreadable(error.kind())
}
