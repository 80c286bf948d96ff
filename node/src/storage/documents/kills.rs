//! SIGKILL at random moments, also while starting: reopening works, and every acknowledged batch is there whole.

use super::tests::TEST_LIMITS;
use super::*;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::time::Duration;

const VARIABLE: &str = "ANTIBRUSH_TEST_KILL_DIRECTORY";
const KILLS: u32 = 24;

/// Not a test by itself: the child that [`every_acknowledged_batch_survives_a_kill`] starts and kills.
#[test]
fn kill_child() {
    let Some(root) = std::env::var_os(VARIABLE) else { return };
    let data = DataDir::lock(Path::new(&root)).unwrap();
    let (documents, opened) = Documents::open_with(&data, TEST_LIMITS).unwrap();
    assert!(!matches!(opened, Opened::Damaged { .. }), "{opened:?}");
    let mut number = next_number(&documents);
    loop {
        documents.commit(numbered(number)).unwrap();
        // Not println!, which the test harness keeps to itself.
        use std::io::Write;
        writeln!(std::io::stderr(), "acknowledged {number}").unwrap();
        number += 1;
    }
}

/// Three keys of one number: a small value, one in pieces, and one that every batch overwrites.
fn numbered(number: u64) -> Batch {
    let mut batch = Batch::default();
    batch.put(key(b'a', number), number.to_be_bytes());
    batch.put(key(b'b', number), vec![number as u8; 5000 + (number % 7) as usize * 3000]);
    batch.put("last", number.to_be_bytes());
    batch
}

fn key(kind: u8, number: u64) -> Vec<u8> {
    [&[kind, b'/'], &number.to_be_bytes()[..]].concat()
}

fn next_number(documents: &Documents) -> u64 {
    let last = documents.get(b"last").unwrap();
    last.map_or(0, |bytes| u64::from_be_bytes(bytes.try_into().unwrap()) + 1)
}

#[test]
fn every_acknowledged_batch_survives_a_kill() {
    let dir = tempfile::tempdir().unwrap();
    let (mut acknowledged, mut seed) = (None, 12_345u64);
    for kill in 0..KILLS {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // Every other kill aims at the start: lock, recovery, snapshot.
        let delay = Duration::from_micros((seed >> 33) % if kill % 2 == 0 { 30_000 } else { 400_000 });
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["kill_child", "--nocapture", "--test-threads=1"])
            .env(VARIABLE, dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stderr.take().unwrap());
        let reader = std::thread::spawn(move || output.lines().map_while(Result::ok).collect::<Vec<_>>());
        std::thread::sleep(delay);
        child.kill().unwrap();
        child.wait().unwrap();
        for line in reader.join().unwrap() {
            assert!(!line.contains("panicked"), "the child died by itself: {line}");
            if let Some(number) = line.strip_prefix("acknowledged ").and_then(|text| text.parse::<u64>().ok()) {
                acknowledged = Some(number);
            }
        }
    }
    let data = DataDir::lock(dir.path()).unwrap();
    let (documents, opened) = Documents::open_with(&data, TEST_LIMITS).unwrap();
    assert_eq!(opened, Opened::Existing);
    let acknowledged = acknowledged.expect("no kill left time for a commit");
    let next = next_number(&documents);
    assert!(next > acknowledged, "{next} {acknowledged}");
    for number in 0..next {
        for (row, value) in numbered(number).changes.iter().filter(|(row, _)| row.as_slice() != b"last") {
            assert_eq!(documents.get(row).unwrap().as_ref(), value.as_ref(), "batch {number} is not whole");
        }
    }
    println!("{KILLS} kills, {next} batches, {acknowledged} was the last acknowledged");
}
