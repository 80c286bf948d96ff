//! What is due about a million listings in force, and how good their publishers are: one pass over the token table each. Beside them
//! the limit: the same pass with nothing done to the rows.
//!
//! `cargo bench -p antibrush-node --bench due [-- LISTINGS]`

mod support;

use std::time::Instant;

use antibrush_node::{
    due::{Wanted, due},
    quality::quality,
    storage::{
        Remarks,
        table::{Row, RowState, TokenTable},
    },
};
use antibrush_protocol::{
    base::{Day, MemberNumber},
    entry::{
        calendar::Calendar,
        lifecycle::{Cutoffs, Roster},
    },
};
use support::{line, median};

const PASSES: usize = 5;
const TODAY: Day = Day(20_783);

fn main() {
    support::machine();
    let listings = support::size(1_000_000);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (table, _) = TokenTable::open(directory.path()).expect("a table");
    // Every tenth subject has a second listing, as corroborated ones have.
    let rows = (0..listings).map(|n| row(n - n / 10 % 2 * u64::from(n % 10 == 0), n));
    table.apply(rows.collect(), &[]).expect("rows that fit");
    table.settle();
    let (reader, remarks, roster) = (table.reader(), Remarks::default(), Roster::default());
    let calendar = Calendar::new();
    let cutoffs = Cutoffs::new(&calendar, TODAY);
    let wanted = Wanted { publisher: None, duty: None, until: TODAY.plus(30), most: 1_000 };
    let (mut times, mut total, mut rows) = ([Vec::new(), Vec::new(), Vec::new()], 0, 0u64);
    support::quiet();
    for _ in 0..PASSES {
        let began = Instant::now();
        total = due(&reader, &remarks, &roster, (&calendar, &cutoffs), &wanted).total;
        times[0].push(began.elapsed().as_secs_f64() * 1e3);
        let began = Instant::now();
        std::hint::black_box(quality(&reader, &remarks, &roster, &cutoffs));
        times[1].push(began.elapsed().as_secs_f64() * 1e3);
        let began = Instant::now();
        rows = 0;
        reader.for_each(None, |row| rows += u64::from(std::hint::black_box(row).expires > TODAY));
        times[2].push(began.elapsed().as_secs_f64() * 1e3);
    }
    assert!(rows > 0 && total > 0);
    let names = ["the soonest 1,000 of what is due", "quality of the publishers", "limit: the pass alone"];
    for (name, times) in names.iter().zip(&mut times) {
        line(&format!("{rows} listings in force, {name}"), format!("{:.0} ms", median(times)));
    }
    line("due within 30 days, or overdue", total.to_string());
}

fn row(subject: u64, leaf: u64) -> Row {
    let mix = |n: u64| n.wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let listed = Day(TODAY.0 - (mix(leaf) % 360) as u32);
    Row {
        prefix: (u128::from(mix(subject)) << 64 | u128::from(mix(!subject))).to_be_bytes(),
        publisher: MemberNumber(1 + (leaf % 20) as u16),
        list: 1,
        class: 5,
        conduct: 1,
        severity: 2,
        role: 2,
        direction: 1,
        state: RowState::Active,
        listed,
        expires: listed.plus(365),
        leaf: leaf as u32,
        epoch: 1,
        document: false,
    }
}
