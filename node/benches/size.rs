//! What 10,000,000 entries take: disk, memory, and time to the first answer after a start. All of a real process.
//!
//! `cargo bench -p antibrush-node --bench size [-- ENTRIES]`

mod support;

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    time::{Duration, Instant},
};

use support::{Http, Process, line, median};

const FILE_ROWS: usize = 1_000_000;
const STARTS: usize = 5;

fn main() {
    support::machine();
    let entries = support::size(10_000_000);
    let root = tempfile::tempdir().expect("a temporary directory");
    let mut node = Process::founder(root.path());
    node.start();
    std::thread::sleep(Duration::from_secs(5));
    line("idle node, nothing stored", format!("{:.1} MiB resident", node.resident_mib()));
    let known = fill(&node, entries);
    let mut http = node.http();
    let (memory, rows) = settled(&mut http);
    let (blocks, encoded) = bodies(&node.directory.join("bodies"));
    line("rows in the table", rows);
    line(
        "bodies on disk",
        format!("{:.3} × the entries' encoding ({:.1} bytes an entry)", blocks / encoded, encoded / entries as f64),
    );
    line("token table in memory", format!("{:.1} bytes an entry", memory / rows));
    line("node with them, after the import", format!("{:.0} MiB resident", node.resident_mib()));
    drop(http);
    for (name, in_order) in [("start to first answer, after an orderly stop", true), ("the same after kill -9", false)]
    {
        let mut times: Vec<f64> = (0..STARTS).map(|_| restart(&mut node, &known, in_order)).collect();
        line(name, format!("{:.2} s (files in the page cache)", median(&mut times)));
    }
    std::thread::sleep(Duration::from_secs(5));
    line("node with them, idle after a start", format!("{:.0} MiB resident", node.resident_mib()));
    let table = node.directory.join("table");
    let read = || {
        fs::read_dir(&table)
            .expect("a table")
            .map(|file| fs::read(file.expect("a file").path()).expect("readable").len())
    };
    let began = Instant::now();
    let bytes: usize = read().sum();
    line("limit: reading the table's files", format!("{:.2} s for {} MiB", began.elapsed().as_secs_f64(), bytes >> 20));
    node.stop();
}

/// Imports files of a million rows; returns the last mobile number.
fn fill(node: &Process, entries: u64) -> String {
    let csv = support::csv(entries);
    let lines: Vec<&[u8]> = csv.split_inclusive(|byte| *byte == b'\n').collect();
    let (heading, rows) = lines.split_first().expect("a heading");
    let began = Instant::now();
    for file in rows.chunks(FILE_ROWS) {
        let summary = node.http().import(&[heading, &file.concat()[..]].concat());
        assert_eq!(summary["counted"]["listed"], file.len(), "{summary}");
    }
    line(
        "imported over HTTP, a million rows a file",
        format!("{:.0} rows/s", entries as f64 / began.elapsed().as_secs_f64()),
    );
    support::mobiles(&csv).last().expect("a mobile number").to_string()
}

/// Bytes and rows of the table once merging has come to rest.
fn settled(http: &mut Http) -> (f64, f64) {
    let mut last = (0.0, 0.0);
    loop {
        std::thread::sleep(Duration::from_secs(3));
        let (_, text) = http.send("GET", "/metrics", b"").expect("metrics");
        let text = String::from_utf8_lossy(&text).into_owned();
        let value = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<f64>().ok()).expect("a gauge")
        };
        let now = (value("antibrush_table_memory_bytes "), value("antibrush_table_rows "));
        if now == last {
            return now;
        }
        last = now;
    }
}

/// Bytes in blocks of the disk, and bytes of the files: a chunk's file is its entries' encodings, one after the other.
fn bodies(directory: &Path) -> (f64, f64) {
    let (mut blocks, mut encoded) = (0, 0);
    for entry in fs::read_dir(directory).expect("bodies").map(|entry| entry.expect("an entry")) {
        let metadata = entry.metadata().expect("metadata");
        blocks += metadata.blocks() * 512;
        if metadata.is_dir() {
            let inner = bodies(&entry.path());
            (blocks, encoded) = (blocks + inner.0 as u64, encoded + inner.1 as u64);
        } else {
            encoded += metadata.len();
        }
    }
    (blocks as f64, encoded as f64)
}

/// Seconds from the start of the process to the first answer that is right.
fn restart(node: &mut Process, known: &str, in_order: bool) -> f64 {
    if in_order {
        node.stop()
    } else {
        node.kill()
    }
    support::quiet();
    let began = Instant::now();
    node.spawn();
    loop {
        let answer = node.http().check("MOB", known);
        if answer == "listed" {
            return began.elapsed().as_secs_f64();
        }
        assert_eq!(answer, "stale", "a listing must not be lost");
    }
}
