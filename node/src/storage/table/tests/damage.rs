//! Damaged files and failing disks.

use std::io;
use std::path::PathBuf;

use super::super::disk::{Disk, Manifest};
use super::super::pages::Pages;
use super::super::run::Run;
use super::*;

/// Three runs on disk.
fn damaged(directory: &Path) {
    let (table, _) = open(directory);
    for (count, leaf) in [(14, 0), (4, 1), (1, 2)] {
        table.apply((0..count).map(|token| active(token, leaf)).collect(), &[(MemberNumber(1), leaf.into())]).unwrap();
        table.persist().unwrap();
    }
    assert_eq!(table.health().runs, 3);
}

fn a_run(directory: &Path) -> PathBuf {
    directory.join(names(directory).into_iter().find(|name| name.starts_with("run-")).unwrap())
}

fn assert_rebuilt(directory: &Path, damage: Damage) {
    let (table, opened) = open(directory);
    assert_eq!(opened, Opened::Rebuild(damage));
    assert_eq!(opened.cursors(), Cursors::new());
    assert_eq!(table.health(), TableHealth::default());
    assert!(names(directory).is_empty());
    table.apply(vec![active(1, 9)], &[(MemberNumber(1), 10)]).unwrap();
    table.persist().unwrap();
    drop(table);
    let (table, opened) = open(directory);
    assert_eq!(opened, Opened::Resumed(Cursors::from([(MemberNumber(1), 10)])));
    assert_eq!(contents(&table), [active(1, 9)]);
}

fn after(damage: impl FnOnce(&Path)) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    damaged(directory.path());
    damage(directory.path());
    directory
}

#[test]
fn any_damage_to_the_manifest_rebuilds() {
    let directory = after(|_| ());
    let whole = fs::read(directory.path().join("manifest")).unwrap();
    let rebuilt = |bytes: &[u8]| {
        let directory = after(|path| fs::write(path.join("manifest"), bytes).unwrap());
        assert_rebuilt(directory.path(), Damage::Manifest);
    };
    for length in (0..whole.len()).step_by(7) {
        rebuilt(&whole[..length]);
    }
    for at in (0..whole.len()).step_by(5) {
        let mut bytes = whole.clone();
        bytes[at] ^= 1 << (at % 8);
        rebuilt(&bytes);
    }
    rebuilt(&[whole.clone(), vec![0]].concat());
    rebuilt(&vec![0; 3 << 20]);
}

#[test]
fn any_damage_to_a_run_rebuilds() {
    let directory = after(|path| fs::remove_file(a_run(path)).unwrap());
    assert_rebuilt(directory.path(), Damage::MissingRun);
    for length in [0, 31, 32, 14 * 32 - 1, 14 * 32 + 1] {
        let directory = after(|path| {
            fs::File::options().write(true).open(a_run(path)).unwrap().set_len(length).unwrap();
        });
        assert_rebuilt(directory.path(), Damage::RunLength);
    }
    for at in (0..14 * 32).step_by(13) {
        let directory = after(|path| {
            let mut bytes = fs::read(a_run(path)).unwrap();
            bytes[at] ^= 1 << (at % 8);
            fs::write(a_run(path), bytes).unwrap();
        });
        assert_rebuilt(directory.path(), Damage::RunChecksum);
    }
}

#[test]
fn a_run_out_of_order_rebuilds_although_its_checksum_is_right() {
    for rows in [[active(4, 0), active(10, 0)], [active(3, 0), active(2, 0)], [active(3, 0), active(3, 1)]] {
        let directory = tempfile::tempdir().unwrap();
        let mut disk = Disk::new(directory.path()).unwrap();
        let run = Run::new(Pages::Heap(rows.iter().map(|row| Packed::new(row).unwrap()).collect()));
        let record = disk.write_run(0, &run).unwrap();
        disk.write_manifest(&Manifest { next: 1, runs: vec![record], cursors: Cursors::new() }).unwrap();
        assert_rebuilt(directory.path(), Damage::RunOrder);
    }
}

#[test]
fn an_unreadable_manifest_leaves_a_table_that_works_from_memory() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("manifest")).unwrap();
    let (table, opened) = open(directory.path());
    assert_eq!(opened, Opened::Rebuild(Damage::Unreadable(io::ErrorKind::IsADirectory)));
    table.apply(vec![active(1, 1)], &[]).unwrap();
    let kind = io::ErrorKind::IsADirectory;
    let error = TableError::Io { action: "write the table's manifest", kind };
    assert_eq!(table.persist(), Err(error));
    assert_eq!(table.health().last_error, Some(error));
    assert_eq!(contents(&table), [active(1, 1)]);
}

#[test]
fn leftovers_are_removed_and_strangers_stay() {
    let directory = after(|path| {
        for name in ["manifest.tmp", "run-00000000000000ff.rows", "run-0000000000000100.rows.tmp", "notes.txt"] {
            fs::write(path.join(name), "left over").unwrap();
        }
    });
    let (table, opened) = open(directory.path());
    assert_eq!(opened, Opened::Resumed(Cursors::from([(MemberNumber(1), 2)])));
    assert_eq!(contents(&table).len(), 14);
    let names = names(directory.path());
    assert_eq!((names.len(), &names[0][..], &names[1][..]), (5, "manifest", "notes.txt"));
}

#[test]
fn a_disk_that_fails_at_any_step_loses_nothing_before_and_after() {
    let before = BTreeMap::from([(MemberNumber(1), 1)]);
    let after = BTreeMap::from([(MemberNumber(1), 2)]);
    let old: Vec<Row> = contents_sorted((0..14).map(|token| active(token, 0)));
    let new: Vec<Row> = contents_sorted((0..14).map(|token| active(token, u32::from(token < 5))));
    let mut outcomes = Vec::new();
    for steps in 0.. {
        let directory = tempfile::tempdir().unwrap();
        let prepare = || {
            let (table, _) = open(directory.path());
            table.apply(old.clone(), &[(MemberNumber(1), 1)]).unwrap();
            table.persist().unwrap();
            table.apply((0..5).map(|token| active(token, 1)).collect(), &[(MemberNumber(1), 2)]).unwrap();
            table.shared.maintain().fuse = Some(steps);
            let result = table.persist();
            assert_eq!(contents(&table), new);
            (table, result)
        };
        // Killed right then.
        let (table, result) = prepare();
        drop(table);
        let (table, opened) = open(directory.path());
        let cursors = opened.cursors();
        assert_eq!(contents(&table), if cursors == after { new.clone() } else { old.clone() });
        assert!(cursors == after || result.is_err() && cursors == before);
        drop(table);
        outcomes.push((result.is_ok(), cursors == after));
        // The disk recovers instead.
        for file in names(directory.path()) {
            fs::remove_file(directory.path().join(file)).unwrap();
        }
        let (table, _) = prepare();
        table.settle();
        table.shared.maintain().fuse = None;
        table.settle();
        assert_eq!((table.health().unwritten_rows, table.health().last_error), (0, None));
        drop(table);
        let (table, opened) = open(directory.path());
        assert_eq!((opened, contents(&table)), (Opened::Resumed(after.clone()), new.clone()));
        assert!(names(directory.path()).iter().all(|name| !name.ends_with(".tmp")));
        if result.is_ok() {
            break;
        }
    }
    // Failed with the old table in force, failed with the new one in force, succeeded: all three happened, in order.
    assert!(outcomes.is_sorted());
    outcomes.dedup();
    assert_eq!(outcomes, [(false, false), (false, true), (true, true)]);
}

fn contents_sorted(rows: impl Iterator<Item = Row>) -> Vec<Row> {
    let mut rows: Vec<Row> = rows.collect();
    rows.sort_by_key(|row| row.prefix);
    rows
}

#[test]
fn a_directory_that_vanished_is_an_error_and_no_more() {
    let directory = tempfile::tempdir().unwrap();
    let (table, _) = open(&directory.path().join("table"));
    fs::remove_dir(directory.path().join("table")).unwrap();
    table.apply(vec![active(1, 1)], &[]).unwrap();
    let error = TableError::Io { action: "write a run of the table", kind: io::ErrorKind::NotFound };
    assert_eq!(table.persist(), Err(error));
    assert_eq!(contents(&table), [active(1, 1)]);
    fs::create_dir(directory.path().join("table")).unwrap();
    table.persist().unwrap();
    assert_eq!(table.health().last_error, None);
}
