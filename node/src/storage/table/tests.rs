//! The table against a plain map, against damage and against failing disks.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use antibrush_protocol::base::{Day, MemberNumber, Token};
use proptest::prelude::*;

use super::row::Packed;
use super::store::Tuning;
use super::*;

mod damage;
mod threads;

/// Every size so small that a few rows go all the ways.
const TINY: Tuning = Tuning { young: 3, delta: 9, large: 20, small: 5, write: 30, runs: 3, background: false };
const TOKENS: u8 = 14;

/// Prefixes that lie together in different depths, and at both ends.
fn prefix(token: u8) -> Prefix {
    let whole = match token {
        0 => 0,
        1 => u128::MAX,
        2..6 => 0x77 << 120 | u128::from(token),
        6..10 => 0x77 << 120 | u128::from(token) << 64,
        _ => u128::from(token) << 120,
    };
    whole.to_be_bytes()
}

fn row(publisher: u16, token: u8, list: u8, state: RowState, leaf: u32) -> Row {
    Row {
        prefix: prefix(token),
        publisher: MemberNumber(publisher),
        list,
        class: 3,
        conduct: 99,
        severity: 3,
        role: 2,
        direction: 1,
        state,
        listed: Day(20_000),
        expires: Day::MAX,
        leaf,
        epoch: 7,
        document: false,
    }
}

fn active(token: u8, leaf: u32) -> Row {
    row(1, token, 1, RowState::Active, leaf)
}

fn contents(table: &TokenTable) -> Vec<Row> {
    let mut rows = Vec::new();
    table.reader().for_each(None, |row| rows.push(*row));
    rows
}

fn open(directory: &Path) -> (TokenTable, Opened) {
    TokenTable::open_tuned(directory, TINY).unwrap()
}

/// The feeds of the members, entry by entry, and what they add up to.
#[derive(Clone, Default)]
struct Model {
    feeds: BTreeMap<u16, Vec<Row>>,
}

impl Model {
    fn append(&mut self, publisher: u16, changes: &[(u8, u8, bool)]) -> (Vec<Row>, Vec<(MemberNumber, u64)>) {
        let feed = self.feeds.entry(publisher).or_default();
        let first = feed.len();
        for &(token, list, cleared) in changes {
            let state = if cleared { RowState::Cleared } else { RowState::Active };
            feed.push(row(publisher, token, list, state, feed.len() as u32));
        }
        (feed[first..].to_vec(), vec![(MemberNumber(publisher), feed.len() as u64)])
    }

    fn rows(&self) -> Vec<Row> {
        let newest: BTreeMap<_, _> =
            self.feeds.values().flatten().map(|row| ((row.prefix, row.publisher, row.list), *row)).collect();
        newest.into_values().filter(|row| row.state == RowState::Active).collect()
    }

    /// The feeds as they were at these cursors.
    fn at(&self, cursors: &Cursors) -> Model {
        let size = |publisher: &u16| cursors.get(&MemberNumber(*publisher)).map_or(0, |&size| size as usize);
        Model {
            feeds: self.feeds.iter().map(|(publisher, feed)| (*publisher, feed[..size(publisher)].to_vec())).collect(),
        }
    }

    fn replay(&self, table: &TokenTable, cursors: &Cursors) {
        for (&publisher, feed) in &self.feeds {
            let size = cursors.get(&MemberNumber(publisher)).copied().unwrap_or(0);
            let rest = feed[size as usize..].to_vec();
            table.apply(rest, &[(MemberNumber(publisher), feed.len() as u64)]).unwrap();
        }
    }

    fn assert_equals(&self, table: &TokenTable) {
        let rows = self.rows();
        assert_eq!(contents(table), rows);
        let (reader, mut found) = (table.reader(), Vec::new());
        for token in 0..TOKENS {
            let expected: Vec<Row> = rows.iter().filter(|row| row.prefix == prefix(token)).copied().collect();
            table.get(&prefix(token), &mut found);
            assert_eq!(found, expected);
            reader.get(&prefix(token), &mut found);
            assert_eq!(found, expected);
            assert_eq!(reader.contains(&prefix(token)), !expected.is_empty());
        }
        for &publisher in self.feeds.keys() {
            let mut count = 0;
            reader.for_each(Some(MemberNumber(publisher)), |_| count += 1);
            assert_eq!(count, rows.iter().filter(|row| row.publisher.0 == publisher).count());
        }
    }
}

fn names(directory: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        fs::read_dir(directory).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[derive(Clone, Debug)]
enum Op {
    Apply(u16, Vec<(u8, u8, bool)>),
    Merge(usize, usize),
    Persist,
    PersistOnFailingDisk(usize),
    Settle,
    Crash,
}

fn op() -> impl Strategy<Value = Op> {
    let change = (0..TOKENS, 1..3_u8, prop::bool::weighted(0.3));
    prop_oneof![
        8 => (1..4_u16, prop::collection::vec(change, 0..30)).prop_map(|(publisher, changes)| Op::Apply(publisher, changes)),
        4 => (0..4_usize, 1..4_usize).prop_map(|(first, count)| Op::Merge(first, count)),
        2 => Just(Op::Persist),
        2 => (0..30_usize).prop_map(Op::PersistOnFailingDisk),
        1 => Just(Op::Settle),
        2 => Just(Op::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_table_is_a_map_whatever_happens(ops in prop::collection::vec(op(), 1..40)) {
        let directory = tempfile::tempdir().unwrap();
        let mut table = open(directory.path()).0;
        let mut model = Model::default();
        let mut durable = Model::default();
        for op in ops {
            match op {
                Op::Apply(publisher, changes) => {
                    let (rows, cursors) = model.append(publisher, &changes);
                    table.apply(rows, &cursors).unwrap();
                }
                Op::Merge(first, count) => {
                    let _disk = table.shared.maintain();
                    let runs = table.shared.lock().entries.len();
                    worker::merge(&table.shared, first.min(runs)..(first + count).min(runs));
                }
                Op::Persist => {
                    table.persist().unwrap();
                    prop_assert_eq!(table.health().unwritten_rows, 0);
                    durable = model.clone();
                }
                Op::PersistOnFailingDisk(steps) => {
                    table.shared.maintain().fuse = Some(steps);
                    let result = table.persist();
                    table.shared.maintain().fuse = None;
                    prop_assert_eq!(table.health().last_error, result.err());
                    if result.is_ok() {
                        durable = model.clone();
                    }
                }
                Op::Settle => table.settle(),
                Op::Crash => {
                    drop(table);
                    let (reopened, opened) = open(directory.path());
                    prop_assert!(!matches!(opened, Opened::Rebuild(_)));
                    let cursors = opened.cursors();
                    model.at(&cursors).assert_equals(&reopened);
                    for (&publisher, feed) in &durable.feeds {
                        let cursor = cursors.get(&MemberNumber(publisher)).map_or(0, |&size| size as usize);
                        prop_assert!(cursor >= feed.len());
                    }
                    model.replay(&reopened, &cursors);
                    table = reopened;
                }
            }
            model.assert_equals(&table);
        }
        table.settle();
        model.assert_equals(&table);
        prop_assert!(table.health().runs <= 2);
    }
}

#[test]
fn a_row_survives_packing_and_the_disk_form() {
    let row = Row {
        severity: 1,
        role: 3,
        direction: 2,
        state: RowState::Cleared,
        document: true,
        ..row(65_535, 9, 20, RowState::Active, u32::MAX)
    };
    let packed = Packed::new(&row).unwrap();
    assert_eq!(packed.row(), row);
    let mut bytes = [0; Packed::BYTES];
    packed.encode(&mut bytes);
    assert_eq!(Packed::decode(&bytes).row(), row);
    assert_eq!(bytes[..16], row.prefix);
    assert_eq!(size_of::<Packed>(), Packed::BYTES);
}

#[test]
fn a_row_that_does_not_fit_refuses_its_whole_batch() {
    let directory = tempfile::tempdir().unwrap();
    let (table, _) = open(directory.path());
    let good = active(3, 0);
    for (bad, field) in [
        (Row { severity: 4, ..good }, "severity"),
        (Row { role: 4, ..good }, "role"),
        (Row { direction: 255, ..good }, "direction"),
        (Row { listed: Day(65_536), ..good }, "listing day"),
        (Row { expires: Day(u32::MAX), ..good }, "expiry day"),
    ] {
        let cursors = [(MemberNumber(1), 2)];
        assert_eq!(table.apply(vec![good, bad], &cursors), Err(TableError::Unpackable(field)));
    }
    assert_eq!(table.health(), TableHealth::default());
    table.persist().unwrap();
    drop(table);
    assert_eq!(open(directory.path()).1, Opened::Resumed(Cursors::new()));
}

#[test]
fn no_byte_of_a_token_shows_in_a_debug_print() {
    let token = Token([0xab; 32]);
    let printed = format!("{:?}", Row { prefix: prefix_of(&token), ..active(0, 1) });
    assert!(!printed.contains("171") && !printed.to_lowercase().contains("ab,") && !printed.contains("prefix"));
}

#[test]
fn tombstones_vanish_with_the_oldest_run() {
    let directory = tempfile::tempdir().unwrap();
    let (table, _) = open(directory.path());
    table.apply((0..10).map(|token| active(token, 0)).collect(), &[]).unwrap();
    table.persist().unwrap();
    table.apply((0..10).map(|token| row(1, token, 1, RowState::Cleared, 1)).collect(), &[]).unwrap();
    assert_eq!(contents(&table), []);
    assert!(!table.reader().contains_any(&(0..10).map(prefix).collect::<Vec<_>>()));
    table.persist().unwrap();
    table.settle();
    assert_eq!(table.health(), TableHealth::default());
    assert_eq!(names(directory.path()), ["manifest"]);
}

#[test]
fn contains_any_finds_the_one_that_stands() {
    let directory = tempfile::tempdir().unwrap();
    let (table, _) = open(directory.path());
    table.apply(vec![active(4, 0), row(2, 5, 1, RowState::Cleared, 0)], &[]).unwrap();
    let reader = table.reader();
    assert!(reader.contains_any([&prefix(3), &prefix(4)]));
    assert!(!reader.contains_any([&prefix(3), &prefix(5)]));
}

#[test]
fn a_reader_stays_at_its_moment() {
    let directory = tempfile::tempdir().unwrap();
    let (table, _) = open(directory.path());
    table.apply(vec![active(4, 0)], &[]).unwrap();
    let before = table.reader();
    table.apply(vec![row(1, 4, 1, RowState::Cleared, 1)], &[]).unwrap();
    table.settle();
    assert!(before.contains(&prefix(4)) && !table.reader().contains(&prefix(4)));
}

#[test]
fn cursors_without_rows_become_durable_too() {
    let directory = tempfile::tempdir().unwrap();
    let (table, opened) = open(directory.path());
    assert_eq!(opened, Opened::Empty);
    let cursors = [(MemberNumber(3), 17), (MemberNumber(65_535), u64::MAX)];
    table.apply(Vec::new(), &cursors).unwrap();
    table.persist().unwrap();
    drop(table);
    assert_eq!(open(directory.path()).1, Opened::Resumed(Cursors::from(cursors)));
}

#[test]
fn clustered_tokens_are_found_one_by_one() {
    let directory = tempfile::tempdir().unwrap();
    let (table, _) = TokenTable::open(directory.path()).unwrap();
    // One bucket by the first byte, and below it one key of eight bytes.
    let at = |i: u32| Row {
        prefix: (0x42_u128 << 120 | u128::from(i) << if i.is_multiple_of(2) { 64 } else { 0 }).to_be_bytes(),
        ..active(0, i)
    };
    let rows: Vec<Row> = (1..=200_000).map(at).collect();
    table.apply(rows.clone(), &[]).unwrap();
    table.settle();
    let (reader, mut found) = (table.reader(), Vec::new());
    for row in &rows {
        reader.get(&row.prefix, &mut found);
        assert_eq!(found, [*row]);
    }
    for i in 200_001..210_000 {
        assert!(!reader.contains(&at(i).prefix));
    }
    let (bytes, count) = (table.memory_bytes(), rows.len());
    assert!(bytes <= 48 * count, "{bytes} bytes for {count} rows");
}
