//! The daily run of forgetting over a feed of ten million entries: on a day on which nothing is due, and on the one on which all of
//! them are. Beside the first the limit: reading the same files.
//!
//! `cargo bench -p antibrush-node --bench forget [-- ENTRIES]`

mod support;

use std::{collections::BTreeSet, fs, path::Path};

use antibrush_node::{
    clock,
    storage::{Store, lock::DataDir},
};
use antibrush_protocol::{base::MemberNumber, subject::Class};
use support::{Process, feed, line, median, seconds};

const RUNS: usize = 3;
const A_BATCH: u64 = 1_000_000;

fn main() {
    support::machine();
    let entries = support::size(10_000_000);
    let root = tempfile::tempdir().expect("a temporary directory");
    let founder = Process::founder(root.path());
    for first in (0..entries).step_by(A_BATCH as usize) {
        let numbers = first..entries.min(first + A_BATCH);
        let (header, chunks) = feed::batch_of(&founder.directory, Class::Acc, numbers);
        let data = DataDir::lock(&founder.directory).expect("our own directory");
        let (store, _) = Store::open(&data).expect("a store");
        feed::take_in(&store, &header, &chunks);
        store.table().persist().expect("room on the disk");
    }
    let data = DataDir::lock(&founder.directory).expect("our own directory");
    let (store, _) = Store::open(&data).expect("a store");
    let bodies = founder.directory.join("bodies");
    let (today, publisher, none) = (clock::wall().day(), MemberNumber(1), BTreeSet::new());
    let known = BTreeSet::from([publisher]);
    let (mut runs, mut limits, mut bytes) = (Vec::new(), Vec::new(), 0);
    for _ in 0..RUNS {
        support::quiet();
        limits.push(seconds(|| bytes = read_all(&bodies)));
        runs.push(seconds(|| {
            let found = store.forget(today, &known, &none).expect("a run that goes through")[&publisher];
            assert_eq!((found.now, found.size), (0, entries));
        }));
    }
    // 180 days of listing and 90 of retention.
    let all = seconds(|| {
        let found = store.forget(today.plus(270), &known, &none).expect("a run that goes through")[&publisher];
        assert_eq!(found.now, entries);
    });
    line("entries, bytes of the bodies", format!("{entries}, {bytes}"));
    line("a run on a day on which nothing is due", format!("{:.1} s", median(&mut runs)));
    line("limit: reading the same files", format!("{:.2} s", median(&mut limits)));
    line("a run on the day on which all are due", format!("{all:.1} s"));
}

/// The bytes of all files under a directory, read one by one.
fn read_all(directory: &Path) -> u64 {
    let of = |entry: std::io::Result<fs::DirEntry>| {
        let path = entry.expect("a readable directory").path();
        if path.is_dir() { read_all(&path) } else { fs::read(&path).expect("a readable file").len() as u64 }
    };
    fs::read_dir(directory).expect("a readable directory").map(of).sum()
}
