//! The token table at 10 million rows, and beside it, in the same run, its limit: a bare sorted array of `u128` with a
//! prefix directory, which holds nothing but the prefixes.
//!
//! `cargo bench -p antibrush-node --bench table [-- ROWS]`. Lookups come in random order; their figures are medians over
//! chunks of 1,000, with the 10th and 90th percentile.

mod support;

use std::hint::black_box;
use std::path::Path;
use std::time::{Duration, Instant};

use antibrush_node::storage::table::{Opened, Prefix, Row, RowState, TokenTable};
use antibrush_protocol::base::{Day, MemberNumber};
use support::line;

const BATCH: u64 = 1_000_000;
const LOOKUPS: u64 = 1_000_000;
const PASSES: usize = 5;
/// Lookups between two looks at the clock: short enough to be seldom interrupted on a machine with other work.
const CHUNK: usize = 1000;

fn main() {
    support::machine();
    let rows = support::size(10_000_000);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let table = build(directory.path(), rows);
    lookups(&table, rows);
    drop(table);
    let table = reopen(directory.path());
    hostile(&table, rows);
}

fn build(directory: &Path, rows: u64) -> TokenTable {
    let (table, _) = TokenTable::open(directory).expect("a table");
    let (mut applying, begin) = (Duration::ZERO, Instant::now());
    for first in (0..rows).step_by(BATCH as usize) {
        let last = rows.min(first + BATCH);
        let batch = (first..last).map(|i| row(honest(i), i)).collect();
        let begin = Instant::now();
        table.apply(batch, &[(MemberNumber(1), last)]).expect("rows that fit");
        applying += begin.elapsed();
    }
    table.settle();
    let health = table.health();
    assert_eq!((health.rows as u64, health.unwritten_rows, health.last_error), (rows, 0, None));
    let rate = |time: Duration| format!("{:.2} million rows/s", rows as f64 / time.as_secs_f64() / 1e6);
    line("apply, batches of 1,000,000", rate(applying));
    line("the same, made, merged and on disk", rate(begin.elapsed()));
    line("runs at rest", health.runs.to_string());
    line("memory", format!("{:.1} bytes a row", table.memory_bytes() as f64 / rows as f64));
    table
}

fn lookups(table: &TokenTable, rows: u64) {
    let listed: Vec<Prefix> = (0..LOOKUPS).map(|i| honest(mix(i) % rows)).collect();
    let absent: Vec<Prefix> = (0..LOOKUPS).map(|i| honest(rows + i)).collect();
    let (reader, limit, mut found) = (table.reader(), Limit::new(rows), Vec::new());
    let mut get = |prefix: &Prefix| {
        table.get(prefix, &mut found);
        found.len() as u64
    };
    let mut times: [Times; 6] = Default::default();
    support::quiet();
    // In turns, so that whatever else the machine does meets all of them alike.
    for _ in 0..PASSES {
        times[0].pass(&absent, &mut get);
        times[1].pass(&absent, |prefix| u64::from(limit.contains(prefix)));
        times[2].pass(&absent, |prefix| u64::from(reader.contains(prefix)));
        times[3].pass(&listed, &mut get);
        times[4].pass(&listed, |prefix| u64::from(limit.contains(prefix)));
        times[5].pass(&listed, |prefix| u64::from(reader.contains(prefix)));
    }
    println!();
    let names = ["not listed, get", "  limit", "  contains", "listed, get", "  limit", "  contains"];
    for (position, (name, times)) in names.iter().zip(&mut times).enumerate() {
        assert_eq!(times.hits, if position < 3 { 0 } else { LOOKUPS * PASSES as u64 }, "{name}");
        line(name, times.figure());
    }
}

fn reopen(directory: &Path) -> TokenTable {
    let mut times = Vec::new();
    let mut table = None;
    for _ in 0..3 {
        drop(table.take());
        let begin = Instant::now();
        let (opened, found) = TokenTable::open(directory).expect("a table");
        times.push(begin.elapsed());
        assert!(matches!(found, Opened::Resumed(_)));
        table = Some(opened);
    }
    times.sort();
    println!();
    line("open, files in the page cache", format!("{:.0} ms", times[1].as_secs_f64() * 1e3));
    table.expect("three tables were opened")
}

/// Two million rows more, a million each in two prefix buckets.
fn hostile(table: &TokenTable, rows: u64) {
    let one_key = |i: u64| (u128::from(honest(0)[0]) << 120 | u128::from(mix(i))).to_be_bytes();
    let one_bucket = |i: u64| (0x00a5_a5a5_a5a5_u128 << 88 | u128::from(mix(i)) << 16).to_be_bytes();
    table.apply((0..BATCH).map(|i| row(one_key(i), i)).collect(), &[]).expect("rows that fit");
    table.apply((0..BATCH).map(|i| row(one_bucket(i), i)).collect(), &[]).expect("rows that fit");
    table.settle();
    let shuffled = || (0..LOOKUPS).map(|i| mix(i) % BATCH);
    println!("\n1,000,000 rows in one bucket, twice; runs: {}", table.health().runs);
    measure("same 8 bytes, not listed", table, &(BATCH..2 * BATCH).map(one_key).collect::<Vec<_>>(), 0);
    measure("same 8 bytes, listed", table, &shuffled().map(one_key).collect::<Vec<_>>(), LOOKUPS);
    measure("same 5 bytes, not listed", table, &(BATCH..2 * BATCH).map(one_bucket).collect::<Vec<_>>(), 0);
    measure("same 5 bytes, listed", table, &shuffled().map(one_bucket).collect::<Vec<_>>(), LOOKUPS);
    measure("honest, not listed", table, &(rows..rows + LOOKUPS).map(honest).collect::<Vec<_>>(), 0);
}

fn measure(name: &str, table: &TokenTable, prefixes: &[Prefix], expected: u64) {
    let (mut found, mut times) = (Vec::new(), Times::default());
    for _ in 0..PASSES {
        times.pass(prefixes, |prefix| {
            table.get(prefix, &mut found);
            found.len() as u64
        });
    }
    assert_eq!(times.hits, expected * PASSES as u64, "{name}");
    line(name, times.figure());
}

/// Nanoseconds a lookup, one value for each chunk.
#[derive(Default)]
struct Times {
    values: Vec<f64>,
    hits: u64,
}

impl Times {
    fn pass(&mut self, prefixes: &[Prefix], mut lookup: impl FnMut(&Prefix) -> u64) {
        for chunk in prefixes.chunks(CHUNK) {
            let begin = Instant::now();
            self.hits += black_box(chunk.iter().map(|prefix| black_box(lookup(black_box(prefix)))).sum::<u64>());
            self.values.push(begin.elapsed().as_secs_f64() * 1e9 / chunk.len() as f64);
        }
    }

    fn figure(&mut self) -> String {
        let at = |values: &mut [f64], percent| support::percentile(values, percent);
        let values = &mut self.values;
        format!("{:.0} ns ({:.0}–{:.0})", at(values, 50), at(values, 10), at(values, 90))
    }
}

/// Nothing but sorted prefixes and a directory: what a lookup costs that answers yes or no.
struct Limit {
    sorted: Vec<u128>,
    directory: Vec<u32>,
    shift: u32,
}

impl Limit {
    fn new(rows: u64) -> Limit {
        let mut sorted: Vec<u128> = (0..rows).map(|i| u128::from_be_bytes(honest(i))).collect();
        sorted.sort_unstable();
        let bits = (rows / 8).max(2).ilog2();
        let shift = 128 - bits;
        let begin = |bucket: u128| sorted.partition_point(|&prefix| prefix >> shift < bucket) as u32;
        let directory = (0..=1 << bits).map(begin).collect();
        Limit { sorted, directory, shift }
    }

    fn contains(&self, prefix: &Prefix) -> bool {
        let prefix = u128::from_be_bytes(*prefix);
        let bucket = (prefix >> self.shift) as usize;
        let rows = self.directory[bucket] as usize..self.directory[bucket + 1] as usize;
        self.sorted[rows].binary_search(&prefix).is_ok()
    }
}

fn row(prefix: Prefix, leaf: u64) -> Row {
    Row {
        prefix,
        publisher: MemberNumber(1),
        list: 1,
        class: 1,
        conduct: 1,
        severity: 2,
        role: 2,
        direction: 1,
        state: RowState::Active,
        listed: Day(20_000),
        expires: Day(20_365),
        leaf: leaf as u32,
        epoch: 1,
        document: false,
    }
}

fn honest(i: u64) -> Prefix {
    (u128::from(mix(i)) << 64 | u128::from(mix(!i))).to_be_bytes()
}

/// SplitMix64 (Steele, Lea, Flood 2014): one-to-one, so that no two prefixes agree.
fn mix(i: u64) -> u64 {
    let z = i.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}
