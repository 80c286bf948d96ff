//! The store by itself: bounds, order, reopening, and every kind of damage that a disk can leave.

use super::*;
use std::fs;

pub(super) const TEST_LIMITS: Limits = Limits { reserve: 0, ballast: 0, cache: 4 * 1024 * 1024 };

pub(super) fn put(pairs: &[(&str, Vec<u8>)]) -> Batch {
    let mut batch = Batch::default();
    pairs.iter().for_each(|(key, value)| batch.put(*key, value.clone()));
    batch
}

fn open(root: &Path) -> (Documents, Opened, DataDir) {
    let data = DataDir::lock(root).unwrap();
    let (documents, opened) = Documents::open(&data).unwrap();
    (documents, opened, data)
}

#[test]
fn rows_come_back_in_order_and_survive_reopening() {
    let dir = tempfile::tempdir().unwrap();
    let big = vec![7; MAX_VALUE];
    {
        let (documents, opened, _data) = open(dir.path());
        assert_eq!(opened, Opened::New);
        documents.commit(put(&[("a/1", b"x".to_vec()), ("b/2", big.clone()), ("b/1", b"y".to_vec())])).unwrap();
        let mut batch = put(&[("c", vec![])]);
        batch.remove("a/1");
        documents.commit(batch).unwrap();
    }
    let (documents, opened, _data) = open(dir.path());
    assert_eq!(opened, Opened::Existing);
    assert_eq!(documents.get(b"a/1"), Ok(None));
    assert_eq!(documents.get(b"c"), Ok(Some(vec![])));
    let found: Vec<_> = documents.scan_prefix(b"b/").map(Result::unwrap).collect();
    assert_eq!(found, vec![(b"b/1".to_vec(), b"y".to_vec()), (b"b/2".to_vec(), big.clone())]);
    let keys = |rows: Vec<Row>| rows.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect::<Vec<_>>();
    assert_eq!(keys(documents.range(b"b/2", 2).unwrap()), ["b/2", "c"]);
    assert_eq!(keys(documents.range(b"", 1).unwrap()), ["b/1"]);
}

#[test]
fn a_large_value_leaves_no_piece_when_it_shrinks_or_goes() {
    let dir = tempfile::tempdir().unwrap();
    let (documents, ..) = open(dir.path());
    for length in [MAX_VALUE, 4097, 4096, 8192, 0, 20_000] {
        let value: Vec<u8> = (0..length).map(|n| n as u8).collect();
        documents.commit(put(&[("k", value.clone())])).unwrap();
        assert_eq!(documents.get(b"k"), Ok(Some(value)));
        let expected = if length <= 4096 { 1 } else { 1 + length.div_ceil(4096) };
        let State::Open(engine) = &*documents.state() else { panic!("open") };
        assert_eq!(engine.raw_rows(), expected, "{length}");
    }
    let mut batch = Batch::default();
    batch.remove("k");
    documents.commit(batch).unwrap();
    let State::Open(engine) = &*documents.state() else { panic!("open") };
    assert_eq!(engine.raw_rows(), 0);
}

#[test]
fn a_scan_crosses_pages() {
    let dir = tempfile::tempdir().unwrap();
    let (documents, ..) = open(dir.path());
    for first in 0..3u32 {
        let mut batch = Batch::default();
        (0..900).for_each(|n: u32| batch.put(format!("k{:05}", first * 900 + n), vec![1; 10]));
        documents.commit(batch).unwrap();
    }
    documents.commit(put(&[("j", vec![]), ("l", vec![])])).unwrap();
    assert_eq!(documents.scan_prefix(b"k").count(), 2700);
    assert_eq!(documents.scan_prefix(b"").count(), 2702);
    assert_eq!(documents.scan_prefix(b"zz").count(), 0);
}

#[test]
fn no_page_ever_becomes_a_blob_file() {
    let dir = tempfile::tempdir().unwrap();
    let (documents, ..) = open(dir.path());
    for round in 0..30u32 {
        let mut batch = Batch::default();
        for n in 0..20u32 {
            let key = [&(round * 20 + n).to_be_bytes()[..], &[n as u8; MAX_KEY - 4]].concat();
            batch.put(key, vec![round as u8; 4096 + 700 * n as usize]);
            batch.put(format!("same{n}"), vec![round as u8; 4096]);
        }
        documents.commit(batch).unwrap();
        assert_eq!(fs::read_dir(dir.path().join("documents/blobs")).unwrap().count(), 0);
    }
}

#[test]
fn what_is_above_a_bound_is_refused_whole() {
    let dir = tempfile::tempdir().unwrap();
    let (documents, ..) = open(dir.path());
    let refused = |batch: Batch| match documents.commit(batch).unwrap_err() {
        DocumentError::TooLarge { found, most, .. } => (found, most),
        other => panic!("{other:?}"),
    };
    let long = "k".repeat(MAX_KEY + 1);
    assert_eq!(refused(put(&[("ok", vec![]), (&long, vec![])])), (MAX_KEY + 1, MAX_KEY));
    assert_eq!(refused(put(&[("k", vec![0; MAX_VALUE + 1])])), (MAX_VALUE + 1, MAX_VALUE));
    let mut many = Batch::default();
    (0..=MAX_CHANGES).for_each(|n| many.put(n.to_be_bytes(), []));
    assert_eq!(refused(many), (MAX_CHANGES + 1, MAX_CHANGES));
    let mut heavy = Batch::default();
    (0..33u8).for_each(|n| heavy.put([n], vec![0; MAX_VALUE]));
    assert_eq!(refused(heavy).1, MAX_BATCH_BYTES);
    assert_eq!(documents.get(b"ok"), Ok(None));
}

/// Fills a database, breaks it with `harm` and says what the next open finds. The open after that must be calm again.
fn after(harm: impl Fn(&Path)) -> Opened {
    let dir = tempfile::tempdir().unwrap();
    {
        let (documents, ..) = open(dir.path());
        for n in 0..40u8 {
            documents.commit(put(&[(&format!("k{n}"), vec![n; 9000])])).unwrap();
        }
    }
    let instance = fs::read(dir.path().join("instance")).unwrap();
    harm(dir.path());
    let found = {
        let (documents, opened, _data) = open(dir.path());
        match &opened {
            Opened::Damaged { set_aside } => {
                assert!(set_aside.is_dir());
                assert_eq!(documents.scan_prefix(b"").count(), 0);
            }
            _ => assert_eq!(documents.get(b"k0").unwrap(), Some(vec![0; 9000])),
        }
        documents.commit(put(&[("after", vec![1])])).unwrap();
        opened
    };
    assert_eq!(fs::read(dir.path().join("instance")).unwrap(), instance, "the instance outlives its database");
    let (documents, opened, _data) = open(dir.path());
    assert_eq!((opened, documents.get(b"after")), (Opened::Existing, Ok(Some(vec![1]))));
    found
}

fn is_damaged(opened: &Opened) -> bool {
    matches!(opened, Opened::Damaged { set_aside } if set_aside.ends_with("documents.damaged-1"))
}

fn remove_snapshots(root: &Path) {
    for item in fs::read_dir(root.join("documents")).unwrap() {
        let path = item.unwrap().path();
        if path.file_name().unwrap().to_str().unwrap().starts_with("snap.") {
            fs::remove_file(path).unwrap();
        }
    }
}

#[test]
fn a_database_that_vanished_or_was_emptied_is_noticed() {
    assert!(is_damaged(&after(|root| fs::remove_dir_all(root.join("documents")).unwrap())));
    assert!(is_damaged(&after(|root| {
        remove_snapshots(root);
        fs::remove_file(root.join("documents/db")).unwrap();
    })));
    assert!(is_damaged(&after(|root| {
        remove_snapshots(root);
        let length = fs::metadata(root.join("documents/db")).unwrap().len();
        fs::write(root.join("documents/db"), vec![0; length as usize]).unwrap();
    })));
}

#[test]
fn garbage_in_place_of_the_database_is_set_aside() {
    assert!(is_damaged(&after(|root| {
        let garbage: Vec<u8> = (0..700_000u32).map(|n| (n.wrapping_mul(2_654_435_761) >> 13) as u8).collect();
        fs::write(root.join("documents/db"), garbage).unwrap();
    })));
    assert!(is_damaged(&after(|root| fs::write(root.join("documents/conf"), b"segment_size: 7\nnonsense").unwrap())));
}

#[test]
fn a_database_of_another_instance_is_set_aside() {
    assert!(is_damaged(&after(|root| {
        let other = tempfile::tempdir().unwrap();
        drop(open(other.path()));
        fs::remove_dir_all(root.join("documents")).unwrap();
        let mut copy = std::process::Command::new("cp");
        copy.arg("-r").arg(other.path().join("documents")).arg(root);
        assert!(copy.status().unwrap().success());
    })));
}

#[test]
fn a_half_written_snapshot_and_a_lost_instance_file_are_no_damage() {
    let half = |root: &Path| fs::write(root.join("documents/snap.00FF.generating"), b"half").unwrap();
    assert_eq!(after(half), Opened::Existing);
    let dir = tempfile::tempdir().unwrap();
    drop(open(dir.path()));
    let instance = fs::read(dir.path().join("instance")).unwrap();
    for content in [None, Some("not hex"), Some("")] {
        fs::remove_file(dir.path().join("instance")).unwrap();
        content.iter().for_each(|text| fs::write(dir.path().join("instance"), text).unwrap());
        assert_eq!(open(dir.path()).1, Opened::Existing);
        assert_eq!(fs::read(dir.path().join("instance")).unwrap(), instance);
    }
}

#[test]
fn a_page_that_can_not_be_read_is_set_aside_at_the_next_start() {
    let dir = tempfile::tempdir().unwrap();
    {
        let (documents, ..) = open(dir.path());
        documents.commit(put(&[("k", vec![1; 9000])])).unwrap();
        let State::Open(engine) = &*documents.state() else { panic!("open") };
        engine.lose_a_piece(b"k");
    }
    {
        let (documents, ..) = open(dir.path());
        let directory = dir.path().join("documents");
        assert_eq!(documents.get(b"k"), Err(DocumentError::Damaged { directory: directory.clone() }));
        assert_eq!(documents.get(b"other"), Err(DocumentError::Damaged { directory: directory.clone() }));
        assert_eq!(documents.commit(put(&[("x", vec![])])), Err(DocumentError::Damaged { directory }));
    }
    assert!(is_damaged(&open(dir.path()).1));
    assert_eq!(open(dir.path()).1, Opened::Existing);
}

/// Random damage, a seed each: opening always ends, and ends in one of the two states. Costs too much for every run:
/// `cargo test -- --ignored random_damage`.
#[test]
#[ignore = "slow, opens 120 broken databases: cargo test -p antibrush-node documents -- --ignored"]
fn random_damage_never_stops_a_start() {
    let mut seed = 0x9E37_79B9_7F4A_7C15u64;
    let mut next = move |below: u64| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) % below
    };
    let source = tempfile::tempdir().unwrap();
    {
        let (documents, ..) = open(source.path());
        (0..60u8).for_each(|n| documents.commit(put(&[(&format!("k{}", n % 40), vec![n; 9000])])).unwrap());
    }
    let mut damaged = 0;
    for _ in 0..120 {
        let dir = tempfile::tempdir().unwrap();
        let mut copy = std::process::Command::new("cp");
        copy.arg("-r").arg(source.path().join(".")).arg(dir.path());
        assert!(copy.status().unwrap().success());
        let db = dir.path().join("documents/db");
        let mut bytes = fs::read(&db).unwrap();
        if next(3) == 0 {
            bytes.truncate(next(bytes.len() as u64) as usize);
        }
        for _ in 0..next(20) {
            if !bytes.is_empty() {
                let at = next(bytes.len() as u64) as usize;
                bytes[at] ^= 1 << next(8);
            }
        }
        fs::write(&db, bytes).unwrap();
        let (documents, opened, _data) = open(dir.path());
        damaged += usize::from(opened != Opened::Existing);
        let read: Result<Vec<_>, _> = documents.scan_prefix(b"").collect();
        match read {
            Ok(rows) if opened == Opened::Existing => {
                let whole = rows.iter().filter(|(key, value)| last_of(key) == value[..]).count();
                assert_eq!((rows.len(), whole), (40, 40), "rows went missing without a word");
            }
            Ok(rows) => assert_eq!(rows.len(), 0),
            Err(error) => assert!(matches!(error, DocumentError::Damaged { .. }), "{error:?}"),
        }
    }
    println!("{damaged} of 120 set aside at once");
}

/// What the last round of [`random_damage_never_stops_a_start`] stored under a key.
fn last_of(key: &[u8]) -> Vec<u8> {
    let number: u8 = std::str::from_utf8(&key[1..]).unwrap().parse().unwrap();
    vec![if number < 20 { number + 40 } else { number }; 9000]
}

#[test]
fn a_database_that_went_back_in_time_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let old = tempfile::tempdir().unwrap();
    let copy = |from: &Path, to: &Path| {
        let mut copy = std::process::Command::new("cp");
        assert!(copy.arg("-rT").arg(from).arg(to).status().unwrap().success());
    };
    {
        let (documents, ..) = open(dir.path());
        documents.commit(put(&[("k", vec![1])])).unwrap();
    }
    copy(&dir.path().join("documents"), &old.path().join("documents"));
    {
        let (documents, ..) = open(dir.path());
        documents.commit(put(&[("k", vec![2])])).unwrap();
    }
    fs::remove_dir_all(dir.path().join("documents")).unwrap();
    copy(&old.path().join("documents"), &dir.path().join("documents"));
    assert!(is_damaged(&open(dir.path()).1));
    let (documents, opened, _data) = open(dir.path());
    assert_eq!((opened, documents.get(b"k")), (Opened::Existing, Ok(None)));
    drop((documents, _data));
    // Without the outside count nothing can be proved, and nothing is set aside.
    fs::write(dir.path().join("documents.tally"), b"garbage garbage garbage").unwrap();
    assert_eq!(open(dir.path()).1, Opened::Existing);
}

/// A measurement: `cargo test --release -- --ignored memory --nocapture --test-threads=1`.
#[test]
#[ignore = "measures memory and time: cargo test --release -p antibrush-node documents -- --ignored --nocapture"]
fn memory_and_time_of_an_ordinary_node() {
    let dir = tempfile::tempdir().unwrap();
    let (value, batches) = (vec![7; 5000], 300u32);
    {
        let (documents, ..) = open(dir.path());
        let start = std::time::Instant::now();
        for batch in 0..batches {
            let mut changes = Batch::default();
            (0..50u32).for_each(|n| changes.put((batch * 50 + n).to_be_bytes(), value.clone()));
            documents.commit(changes).unwrap();
        }
        let each = start.elapsed() / batches;
        println!("a commit of 50 rows of 5 KB: {each:?}; resident while open {} KiB", resident());
        let start = std::time::Instant::now();
        (0..200u32).for_each(|n| documents.commit(put(&[(&format!("one{n}"), vec![1; 200])])).unwrap());
        println!("a commit of one small row: {:?}", start.elapsed() / 200);
        println!("{} MiB on disk for {} MB", documents.disk_bytes().unwrap() >> 20, batches * 50 * 5000 / 1_000_000);
    }
    let start = std::time::Instant::now();
    let (documents, ..) = open(dir.path());
    println!("reopened in {:?}; resident {} KiB", start.elapsed(), resident());
    let start = std::time::Instant::now();
    (0..10_000u32).for_each(|n| assert!(documents.get(&n.to_be_bytes()).unwrap().is_some()));
    println!("a read: {:?}; resident {} KiB", start.elapsed() / 10_000, resident());
}

fn resident() -> usize {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
    line.split_ascii_whitespace().nth(1).unwrap().parse().unwrap()
}
