//! Folding 1,000,000 entries of all kinds on one core, in memory: standings, lives and what an asker sees; beside it, in the same
//! run, its limit: one pass over the same entries that only adds up their days.
//!
//! `cargo bench -p antibrush-protocol --bench fold [-- ENTRIES]`. Figures are medians of five passes.

#![allow(clippy::unwrap_used, reason = "a bench: a failure is a bug there")]
#![allow(missing_docs, reason = "a bench has no users")]

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use antibrush_protocol::{
    base::{Day, MemberNumber, Token},
    codes::{CommitmentStep, Conduct, DisputeReason, List, NoticeStep, Outcome, Reason, RulingReason, Severity},
    entry::{
        About, Clearing, Commitment, Dispute, DisputeAct, Entry, Listing, Notice, Ruling,
        calendar::Calendar,
        ledger::{Change, Effect, Standing},
        lifecycle::{Cutoffs, Deadline, Held, Remark, Roster, Subject, deadlines},
    },
    subject::Class,
};

#[allow(unused_imports, reason = "the bench needs the charter alone")]
#[path = "../src/fixtures/mod.rs"]
mod fixtures;

const PASSES: usize = 5;
const BEGAN: Day = Day(20_514);
const ALPHA: MemberNumber = MemberNumber(1);
const BETA: MemberNumber = MemberNumber(2);

fn main() {
    let entries: u32 = std::env::args().skip(1).find_map(|word| word.parse().ok()).unwrap_or(1_000_000);
    let subjects = entries / ENTRIES_PER_SUBJECT;
    let leaves = feed(subjects);
    let roster = Roster::new([&fixtures::second()]);
    let calendar = Calendar::new();
    let cutoffs = Cutoffs::new(&calendar, BEGAN.plus(40));
    let rate = |name: &str, count: usize, time: Duration| {
        println!("{name:<44} {:>8.2} million/s", count as f64 / time.as_secs_f64() / 1e6);
    };
    let limit = median(|| black_box(leaves.iter().map(|leaf| u64::from(leaf.entry.day().0)).sum::<u64>()));
    rate("limit: one pass over the entries", leaves.len(), limit);
    let folded = median(|| black_box(fold(&leaves, &roster, &cutoffs)));
    rate("standings, lives and statuses, entries", leaves.len(), folded);
    assert!(fold(&leaves, &roster, &cutoffs) > 0, "something is enforceable");

    let held = held(ALPHA, 0);
    let alone = [held];
    let mut statuses = Vec::new();
    let checks = 1_000_000;
    let checked = median(|| {
        for _ in 0..checks {
            Subject::new(black_box(&alone), &[], &roster).statuses_into(&cutoffs, &mut statuses);
            black_box(&statuses);
        }
    });
    println!(
        "{:<44} {:>8.1} ns",
        "a listing of which nothing is said",
        checked.as_secs_f64() * 1e9 / f64::from(checks)
    );
    let due = median(|| {
        let mut due: Vec<Deadline> = Vec::new();
        let mut most = 0;
        for _ in 0..checks {
            due.clear();
            deadlines(black_box(&held), None, &statuses[0], (&calendar, &cutoffs), &mut due);
            most = most.max(due.len());
        }
        black_box(most)
    });
    rate("what is due, listings", checks as usize, due);
    let new = median(|| black_box(Calendar::new()));
    println!("{:<44} {:>8.1} µs", "a calendar", new.as_secs_f64() * 1e6);
}

/// The middle time of five passes.
fn median<T>(mut pass: impl FnMut() -> T) -> Duration {
    let time = |_| {
        let begin = Instant::now();
        drop(pass());
        begin.elapsed()
    };
    let mut times: Vec<Duration> = (0..PASSES).map(time).collect();
    times.sort_unstable();
    times[PASSES / 2]
}

struct Leaf {
    publisher: MemberNumber,
    index: u64,
    entry: Entry,
}

const ENTRIES_PER_SUBJECT: u32 = 8;

/// Two listings of each subject, what is said of the first, and a clearing of the second, as a store has them: by subject.
fn feed(subjects: u32) -> Vec<Leaf> {
    let mut leaves = Vec::with_capacity((subjects * ENTRIES_PER_SUBJECT) as usize);
    for number in 0..subjects {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_be_bytes());
        let token = Token(bytes);
        let first = u64::from(number) * u64::from(ENTRIES_PER_SUBJECT);
        let about = |publisher| About {
            class: Class::Ent,
            epoch: 1,
            token,
            list: List::Cxh,
            publisher,
            target: first,
            day: BEGAN.plus(2),
        };
        let (own, others) = (about(None), about(Some(ALPHA)));
        let evidence = [7; 32];
        let mut push = |publisher, at, entry| leaves.push(Leaf { publisher, index: first + at, entry });
        push(ALPHA, 0, Entry::List(listing(token)));
        push(BETA, 0, Entry::List(listing(token)));
        let (step, until, document) = (NoticeStep::Rectify, None, None);
        push(BETA, 1, Entry::Notice(Notice { about: others.clone(), step, until, document }));
        push(ALPHA, 1, Entry::Commitment(Commitment { about: own.clone(), step: CommitmentStep::Committed, evidence }));
        let act = DisputeAct::Filed { reason: DisputeReason::Facts, evidence };
        push(BETA, 2, Entry::Dispute(Dispute { about: others, act }));
        let (outcome, reason) = (Outcome::Rejected, RulingReason::Sufficient);
        push(
            ALPHA,
            2,
            Entry::Ruling(Ruling { about: own.clone(), outcome, reason, disputer: Some(BETA), dispute: first + 2 }),
        );
        push(ALPHA, 3, Entry::Commitment(Commitment { about: own, step: CommitmentStep::Rectified, evidence }));
        let clear = Clearing {
            class: Class::Ent,
            epoch: 1,
            token,
            list: List::Cxh,
            target: first,
            day: BEGAN.plus(9),
            reason: Reason::Mistake,
        };
        // Of every other subject the second listing stays.
        let target = if number % 2 == 0 { first } else { first + 7 };
        push(BETA, 3, Entry::Clear(Clearing { target, ..clear }));
    }
    leaves
}

fn listing(token: Token) -> Listing {
    Listing {
        class: Class::Ent,
        epoch: 1,
        token,
        list: List::Cxh,
        conduct: Conduct::C01,
        severity: Severity::Severe,
        role: None,
        direction: None,
        region: None,
        day: BEGAN,
        expires: BEGAN.plus(365),
        basis: "BENCH-1".to_owned(),
        evidence: [7; 32],
        name: None,
        sealed: None,
        carries: None,
        document: None,
    }
}

fn held(publisher: MemberNumber, leaf: u64) -> Held {
    let entry = Entry::List(listing(Token([0; 32])));
    let Some(Effect::Stands(standing)) = Change::new(&entry, leaf).map(|change| change.apply(None)) else {
        unreachable!("a listing stands")
    };
    Held { publisher, list: List::Cxh, standing, ended: None }
}

/// What a store does with entries that are sorted by subject; how many listings are enforceable at the end.
fn fold(leaves: &[Leaf], roster: &Roster, cutoffs: &Cutoffs) -> usize {
    let (mut enforceable, mut statuses) = (0, Vec::new());
    let (mut held, mut remarks): (Vec<Held>, Vec<Remark>) = (Vec::new(), Vec::new());
    for subject in leaves.chunk_by(|a, b| a.entry.token() == b.entry.token()) {
        held.clear();
        remarks.clear();
        for leaf in subject {
            match Change::new(&leaf.entry, leaf.index) {
                Some(change) => apply(&mut held, leaf, &change),
                None => remarks.extend(Remark::new(&leaf.entry, leaf.publisher, leaf.index, leaf.entry.day())),
            }
        }
        Subject::new(&held, &remarks, roster).statuses_into(cutoffs, &mut statuses);
        enforceable += statuses.iter().filter(|status| status.enforceable).count();
    }
    enforceable
}

fn apply(held: &mut Vec<Held>, leaf: &Leaf, change: &Change) {
    let at = held.iter().position(|held| held.publisher == leaf.publisher);
    let current: Option<Standing> = at.map(|at| held[at].standing);
    match (change.apply(current.as_ref()), at) {
        (Effect::Stands(standing), None) => {
            held.push(Held { publisher: leaf.publisher, list: leaf.entry.list(), standing, ended: None });
        }
        (Effect::Stands(standing), Some(at)) => held[at].standing = standing,
        (Effect::Cleared(ending), Some(at)) => held[at].ended = Some(ending),
        (Effect::Cleared(_) | Effect::Void(_), _) => {}
    }
}
