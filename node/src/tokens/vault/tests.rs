use std::{fs, os::unix::fs::PermissionsExt};

use super::*;

fn key() -> LocalKey {
    LocalKey::derive(&[7; 32], "vault")
}

fn open(data: &Path) -> Vault {
    Vault::open(data, key()).unwrap()
}

fn path(data: &Path) -> PathBuf {
    data.join("vault/listings.vault")
}

/// Every fifth one has a long identifier.
fn record(leaf: u64) -> VaultRecord {
    let canonical =
        if leaf.is_multiple_of(5) { format!("{leaf}.{}", "x".repeat(240)) } else { format!("ID-{leaf:016}") };
    VaultRecord { leaf, epoch: 3, list: List::Cxh, class: Class::Acc, canonical }
}

fn records(leaves: std::ops::Range<u64>) -> Vec<VaultRecord> {
    leaves.map(record).collect()
}

fn leaves(vault: &Vault) -> Vec<u64> {
    vault.iter().inspect(|found| assert!(*found == record(found.leaf))).map(|found| found.leaf).collect()
}

#[test]
fn what_was_put_is_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let vault = open(dir.path());
    assert!(vault.is_empty());
    vault.put_all(&records(10..20)).unwrap();
    vault.put_all(&records(0..10)).unwrap();
    vault.put_all(&[]).unwrap();
    for vault in [vault, open(dir.path())] {
        assert_eq!((vault.len(), leaves(&vault)), (20, (0..20).collect()));
        assert!(vault.get(3) == Some(record(3)) && vault.get(20).is_none());
    }
    for (path, mode) in [(dir.path().join("vault"), 0o700), (path(dir.path()), 0o600)] {
        assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, mode);
    }
}

#[test]
fn the_file_shows_neither_identifiers_nor_their_lengths() {
    let dir = tempfile::tempdir().unwrap();
    let vault = open(dir.path());
    vault.put_all(&records(1..4)).unwrap();
    let mut short = record(4);
    short.canonical = "1".to_owned();
    let before = fs::metadata(path(dir.path())).unwrap().len();
    vault.put_all(&[short]).unwrap();
    let bytes = fs::read(path(dir.path())).unwrap();
    assert!(!bytes.windows(3).any(|window| window == b"ID-"));
    assert_eq!((bytes.len() as u64 - before) * 3 + 40, before, "as long as the others");
    assert_eq!(format!("{:?} {:?}", record(1), ()), "VaultRecord(..) ()");
    assert!(!format!("{vault:?}").contains("ID-"));
}

#[test]
fn a_later_record_of_a_leaf_takes_the_place_of_the_first() {
    let dir = tempfile::tempdir().unwrap();
    let vault = open(dir.path());
    let mut old = record(1);
    old.epoch = 2;
    vault.put_all(&[old, record(2)]).unwrap();
    vault.put_all(&[record(1)]).unwrap();
    let length = fs::metadata(path(dir.path())).unwrap().len();
    for vault in [vault, open(dir.path())] {
        assert_eq!(leaves(&vault), [1, 2]);
    }
    let vault = open(dir.path());
    assert_eq!(vault.forget(&BTreeSet::new()), Ok(0));
    assert!(fs::metadata(path(dir.path())).unwrap().len() < length, "the first is gone from the file");
    assert_eq!(leaves(&vault), [1, 2]);
}

#[test]
fn forgotten_records_are_gone_from_the_file() {
    let dir = tempfile::tempdir().unwrap();
    let vault = open(dir.path());
    vault.put_all(&records(0..20)).unwrap();
    let old = fs::read(path(dir.path())).unwrap();
    assert_eq!(vault.forget(&(5..100).collect()), Ok(15));
    assert_eq!(vault.forget(&(5..100).collect()), Ok(0));
    let new = fs::read(path(dir.path())).unwrap();
    assert!(new.len() < old.len() / 3);
    // Not even the ciphertexts of those that stay are the same.
    assert!(!new[40..].windows(16).any(|window| old.windows(16).any(|other| other == window)));
    vault.put_all(&records(30..32)).unwrap();
    for vault in [vault, open(dir.path())] {
        assert_eq!(leaves(&vault), [0, 1, 2, 3, 4, 30, 31]);
    }
    assert_eq!(fs::read_dir(dir.path().join("vault")).unwrap().count(), 1);
}

#[test]
fn a_torn_tail_is_cut_at_every_byte() {
    let dir = tempfile::tempdir().unwrap();
    let vault = open(dir.path());
    vault.put_all(&records(1..3)).unwrap();
    let kept = fs::read(path(dir.path())).unwrap().len();
    vault.put_all(&records(3..6)).unwrap();
    drop(vault);
    let whole = fs::read(path(dir.path())).unwrap();
    let mut most = 2;
    for length in kept..whole.len() {
        fs::write(path(dir.path()), &whole[..length]).unwrap();
        let vault = open(dir.path());
        let found = leaves(&vault);
        assert!(found.len() >= most && found == (1..=found.len() as u64).collect::<Vec<_>>(), "{length}");
        most = found.len();
        vault.put_all(&[record(9)]).unwrap();
        assert_eq!(leaves(&open(dir.path())), [&found[..], &[9]].concat(), "{length}");
        // What a power failure may leave instead of the end: zeros.
        let mut zeros = whole[..length].to_vec();
        zeros.resize(whole.len() + 5000, 0);
        fs::write(path(dir.path()), zeros).unwrap();
        assert_eq!(leaves(&open(dir.path())), found, "{length}");
    }
    assert_eq!(most, 4);
}

#[test]
fn a_damaged_record_costs_itself_alone() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).put_all(&records(1..4)).unwrap();
    let whole = fs::read(path(dir.path())).unwrap();
    let length = (whole.len() - 40) / 3;
    for at in 40 + length..40 + 2 * length {
        let mut changed = whole.clone();
        changed[at] ^= 0x11;
        fs::write(path(dir.path()), &changed).unwrap();
        assert_eq!(leaves(&open(dir.path())), [1, 3], "byte {at}");
    }
    let part = |n: usize| &whole[40 + n * length..40 + (n + 1) * length];
    // Taken out, repeated, swapped.
    for (parts, found) in [(&[0, 2][..], &[1, 3][..]), (&[0, 0, 1, 2], &[1, 2, 3]), (&[1, 0, 2], &[2, 3])] {
        let parts: Vec<_> = parts.iter().map(|n| part(*n)).collect();
        fs::write(path(dir.path()), [&whole[..40], &parts.concat()].concat()).unwrap();
        assert_eq!(leaves(&open(dir.path())), found);
    }
    // A record of another vault under the same key.
    let other = tempfile::tempdir().unwrap();
    open(other.path()).put_all(&records(7..10)).unwrap();
    let others = fs::read(path(other.path())).unwrap();
    fs::write(path(dir.path()), [&whole[..40 + length], &others[40 + length..]].concat()).unwrap();
    assert_eq!(leaves(&open(dir.path())), [1]);
}

#[test]
fn another_key_or_a_damaged_head_is_refused_and_nothing_is_cut() {
    let dir = tempfile::tempdir().unwrap();
    open(dir.path()).put_all(&records(1..4)).unwrap();
    let whole = fs::read(path(dir.path())).unwrap();
    let closed = || Some(VaultError::Closed { path: path(dir.path()) });
    assert_eq!(Vault::open(dir.path(), LocalKey::derive(&[8; 32], "vault")).err(), closed());
    assert_eq!(fs::read(path(dir.path())).unwrap(), whole);
    for at in 0..40 {
        let mut changed = whole.clone();
        changed[at] ^= 1;
        fs::write(path(dir.path()), &changed).unwrap();
        assert_eq!(Vault::open(dir.path(), key()).err(), closed(), "byte {at}");
        fs::write(path(dir.path()), &whole[..at]).unwrap();
        assert_eq!(Vault::open(dir.path(), key()).err(), closed(), "cut at {at}");
    }
}

#[test]
fn identifiers_of_impossible_lengths_are_refused_with_their_batch() {
    let dir = tempfile::tempdir().unwrap();
    let vault = open(dir.path());
    for length in [0, MAX_CANONICAL_BYTES + 1] {
        let mut bad = record(2);
        bad.canonical = "x".repeat(length);
        assert_eq!(vault.put_all(&[record(1), bad]), Err(VaultError::Length));
        assert!(vault.is_empty());
    }
    for (leaf, length) in [(1, 1), (2, 50), (3, 51), (4, MAX_CANONICAL_BYTES)] {
        let mut long = record(leaf);
        long.canonical = "x".repeat(length);
        vault.put_all(std::slice::from_ref(&long)).unwrap();
        assert!(open(dir.path()).get(leaf) == Some(long), "{length}");
    }
}

#[test]
fn a_full_disk_costs_the_batch_and_nothing_else() {
    let dir = tempfile::tempdir().unwrap();
    let vault = open(dir.path());
    vault.put_all(&records(1..3)).unwrap();
    let full = || std::fs::OpenOptions::new().read(true).write(true).open("/dev/full").unwrap();
    let good = vault.lock().file.replace_file(full());
    let error = vault.put_all(&records(3..5)).unwrap_err();
    assert!(matches!(&error, VaultError::File(file) if file.is_full()), "{error}");
    vault.lock().file.replace_file(good);
    assert_eq!(leaves(&vault), [1, 2]);
    vault.put_all(&records(3..4)).unwrap();
    for vault in [vault, open(dir.path())] {
        assert_eq!(leaves(&vault), [1, 2, 3]);
    }
}

#[test]
fn a_failed_rewrite_loses_nothing_and_can_be_tried_again() {
    let dir = tempfile::tempdir().unwrap();
    let vault = open(dir.path());
    vault.put_all(&records(1..6)).unwrap();
    // A directory in the file's place: the rename fails.
    let (path, aside) = (path(dir.path()), dir.path().join("aside"));
    fs::rename(&path, &aside).unwrap();
    fs::create_dir(&path).unwrap();
    fs::write(path.join("x"), b"").unwrap();
    assert!(matches!(vault.forget(&[1].into()), Err(VaultError::File(_))));
    assert_eq!(leaves(&vault), [1, 2, 3, 4, 5], "read from the file that was open");
    assert!(vault.put_all(&records(6..7)).is_err(), "not written to a file without a name");
    fs::remove_dir_all(&path).unwrap();
    fs::rename(&aside, &path).unwrap();
    vault.put_all(&records(6..7)).unwrap();
    assert_eq!(vault.forget(&[1].into()), Ok(1));
    for vault in [vault, open(dir.path())] {
        assert_eq!(leaves(&vault), [2, 3, 4, 5, 6]);
    }
    assert_eq!(fs::read_dir(dir.path().join("vault")).unwrap().count(), 1);
}
