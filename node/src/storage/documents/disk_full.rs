//! A disk that is really full: a tmpfs of a few MiB. Skipped, with the reason, where tmpfs can not be mounted.

use super::tests::{TEST_LIMITS, put};
use super::*;
use std::fs;
use std::process::Command;

const MIB: u64 = 1024 * 1024;

/// A mounted tmpfs; unmounted when dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn mount(size: &str) -> Option<SmallDisk> {
        let dir = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(dir.path()).output();
        match mounted {
            Ok(output) if output.status.success() => Some(SmallDisk(dir)),
            other => {
                println!("skipped: no tmpfs can be mounted here (root is needed): {other:?}");
                None
            }
        }
    }

    fn fill(&self, name: &str) {
        // sled's threads take and give while this looks.
        let (path, mut free) = (self.0.path().join(name), files::free_bytes(self.0.path()).unwrap());
        while free > 0 && files::allocate(&path, free).is_err() {
            free = files::free_bytes(self.0.path()).unwrap();
        }
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn numbered(number: u32, length: usize) -> Batch {
    put(&[(&format!("a{number:06}"), vec![number as u8; length]), (&format!("b{number:06}"), vec![1])])
}

/// Commits until the disk is full; the number of batches that were acknowledged.
fn commit_until_full(documents: &Documents, disk: &SmallDisk, length: usize) -> u32 {
    for number in 0..10_000 {
        match documents.commit(numbered(number, length)) {
            Ok(()) => {}
            Err(error) => {
                assert_eq!(error, DocumentError::Full { directory: disk.0.path().join("data/documents") });
                return number;
            }
        }
    }
    panic!("the disk never filled")
}

fn assert_holds(documents: &Documents, acknowledged: u32, length: usize) {
    for number in 0..acknowledged {
        let found = documents.get(format!("a{number:06}").as_bytes()).unwrap();
        assert!(found == Some(vec![number as u8; length]), "batch {number} of {acknowledged} is lost or changed");
    }
    assert_eq!(documents.get(format!("a{acknowledged:06}").as_bytes()), Ok(None), "a failed batch shows");
    assert_eq!(documents.get(format!("b{acknowledged:06}").as_bytes()), Ok(None), "part of a failed batch shows");
    assert_eq!(documents.scan_prefix(b"a").map(Result::unwrap).count(), acknowledged as usize);
}

/// sled itself meets the full disk (no reserve): it poisons itself, and the store must come back by itself.
#[test]
fn a_full_disk_under_sled_loses_nothing_and_heals_without_a_restart() {
    for length in [300, 20_000, 300_000] {
        let Some(disk) = SmallDisk::mount("24m") else { return };
        let data = DataDir::lock(&disk.0.path().join("data")).unwrap();
        let limits = Limits { ballast: BALLAST_BYTES, ..TEST_LIMITS };
        fs::write(disk.0.path().join("freed later"), vec![0; 6 * MIB as usize]).unwrap();
        let (documents, _) = Documents::open_with(&data, limits).unwrap();
        assert!(data.path().join(BALLAST).exists());
        if length == 300 {
            // Thousands of small commits take too long to fill the disk by themselves.
            let free = files::free_bytes(disk.0.path()).unwrap();
            files::allocate(&disk.0.path().join("filler"), free - MIB / 2).unwrap();
        }
        let acknowledged = commit_until_full(&documents, &disk, length);
        assert!(acknowledged > 5, "{acknowledged}");
        assert_holds(&documents, acknowledged, length);
        // With the ballast in place sled meets the full disk once more, and may find room in a segment that it has cleaned;
        // without it the store refuses by itself.
        disk.fill("filler of the rest");
        let wanted = vec![9; 300_000];
        match documents.commit(put(&[("z", wanted.clone())])) {
            Ok(()) => assert_eq!(documents.get(b"z"), Ok(Some(wanted))),
            Err(error) => {
                assert_eq!(error, DocumentError::Full { directory: data.path().join("documents") });
                assert_eq!(documents.get(b"z"), Ok(None));
            }
        }
        assert_holds(&documents, acknowledged, length);
        fs::remove_file(disk.0.path().join("freed later")).unwrap();
        documents.commit(numbered(acknowledged, length)).unwrap();
        assert_holds(&documents, acknowledged + 1, length);
        drop(documents);
        let (documents, opened) = Documents::open_with(&data, limits).unwrap();
        assert_eq!(opened, Opened::Existing);
        assert_holds(&documents, acknowledged + 1, length);
    }
}

/// The ordinary case: the reserve refuses the batch before sled is asked, and removing still works.
#[test]
fn the_reserve_refuses_a_batch_before_the_disk_is_full() {
    let Some(disk) = SmallDisk::mount("32m") else { return };
    let data = DataDir::lock(&disk.0.path().join("data")).unwrap();
    let (documents, _) = Documents::open(&data).unwrap();
    let acknowledged = commit_until_full(&documents, &disk, 200_000);
    assert!(files::free_bytes(disk.0.path()).unwrap() > RESERVE_BYTES / 2);
    assert_holds(&documents, acknowledged, 200_000);
    let mut batch = Batch::default();
    batch.remove("a000000");
    documents.commit(batch).unwrap();
    assert_eq!(documents.get(b"a000000"), Ok(None));
}

/// A start on a full disk is an error that says so, never damage, and the next start after freeing space is whole.
#[test]
fn a_start_on_a_full_disk_sets_nothing_aside() {
    let Some(disk) = SmallDisk::mount("16m") else { return };
    let data = DataDir::lock(&disk.0.path().join("data")).unwrap();
    let (documents, _) = Documents::open_with(&data, TEST_LIMITS).unwrap();
    documents.commit(numbered(0, 50_000)).unwrap();
    drop(documents);
    disk.fill("filler");
    match Documents::open_with(&data, TEST_LIMITS) {
        Ok((documents, opened)) => {
            assert_eq!(opened, Opened::Existing);
            assert_holds(&documents, 1, 50_000);
        }
        Err(error) => assert_eq!(error, DocumentError::Full { directory: data.path().join("documents") }),
    }
    fs::remove_file(disk.0.path().join("filler")).unwrap();
    let (documents, opened) = Documents::open_with(&data, TEST_LIMITS).unwrap();
    assert_eq!(opened, Opened::Existing);
    assert_holds(&documents, 1, 50_000);
}
