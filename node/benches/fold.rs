//! Folding feeds of all kinds into the embedded store: four members' batches, which speak of each other's listings, are verified,
//! made durable and shown to checks; beside it, in the same run, its limit.
//!
//! `cargo bench -p antibrush-node --bench fold [-- ENTRIES]`. Rates are entries per second of the process's processor time, all its
//! threads together, so per core; beside them those per second of the clock.

#![allow(clippy::unwrap_used, reason = "a bench: a failure is a bug there")]

mod support;

use std::sync::Arc;

use antibrush_node::storage::{Store, lock::DataDir, table::prefix_of};
use antibrush_protocol::{
    base::{MemberNumber, Token},
    codes::{CommitmentStep, DisputeReason, Measure, NoticeStep, Outcome, Reason, Response, RulingReason, Severity},
    entry::{
        About, Amendment, Clearing, Commitment, Dispute, DisputeAct, Entry, Listing, MeasureTaken, Notice, Ruling,
        lifecycle::Remark,
    },
    feed::{
        BatchHeader, Chunk, Head,
        build::{Body, Place},
    },
    merkle::Frontier,
    signed::Verified,
};
use sha2::{Digest, Sha256};
use support::{line, median, seconds};

#[allow(unused_imports, reason = "the bench needs the charter and a listing alone")]
#[path = "../../protocol/src/fixtures/mod.rs"]
mod fixtures;

const RUNS: usize = 3;
/// The platforms of the charter of the fixtures.
const MEMBERS: [u16; 4] = [1, 2, 3, 5];
/// Of a hundred listings so many are amended, cleared, noticed, committed to, disputed and ruled upon, and met with a measure: most
/// are noticed or cleared within their life, few are disputed. With the listings, 200 entries, of them 72 remarks.
const SHARES: Shares = Shares { amended: 8, cleared: 20, noticed: 30, committed: 12, disputed: 3, measured: 24 };
const LISTINGS: u64 = 100;

struct Shares {
    amended: u64,
    cleared: u64,
    noticed: u64,
    committed: u64,
    disputed: u64,
    measured: u64,
}

type Batch = (Verified<BatchHeader>, Vec<Arc<[u8]>>);

fn main() {
    support::machine();
    let entries = support::size(400_000);
    // The size of a large weekly batch of the domain, and of its stress.
    for per_batch in [5_000, 50_000] {
        fold(entries, per_batch);
    }
}

fn fold(entries: u64, per_batch: u64) {
    let rounds = (entries / per_batch / MEMBERS.len() as u64).max(1);
    let (batches, remarks) = feeds(rounds, per_batch / 200);
    let count: u64 = batches.iter().map(|(header, _)| header.payload().count).sum();
    let bytes: Vec<u8> =
        batches.iter().flat_map(|(_, chunks)| chunks.iter().flat_map(|chunk| chunk.to_vec())).collect();
    let root = tempfile::tempdir().unwrap();
    let mut rates: [Vec<f64>; 4] = Default::default();
    for run in 0..RUNS {
        support::quiet();
        let directory = root.path().join(format!("taker-{run}"));
        let data = DataDir::lock(&directory).unwrap();
        let (store, _) = Store::open(&data).unwrap();
        store.put_charter(&fixtures::signed(&fixtures::genesis(), &["1", "2"])).unwrap();
        store.put_charter(&fixtures::signed(&fixtures::second(), &["1", "2"])).unwrap();
        let (wall, processor) = spent(|| {
            batches.iter().for_each(|(header, chunks)| support::feed::take_in(&store, header, chunks));
        });
        rates[0].push(count as f64 / processor);
        rates[1].push(count as f64 / wall);
        assert_eq!(store.remarks().len(), remarks, "every remark is there");
        let last = MEMBERS.map(|member| token(member, rounds - 1, per_batch / 2 / 2));
        assert!(last.iter().all(|token| store.table().reader().contains(&prefix_of(token))), "all are queryable");
        drop(store);
        std::fs::remove_dir_all(&directory).unwrap();
        let (wall, processor) = spent(|| {
            std::hint::black_box(bytes.chunks(110).fold(0u8, |x, leaf| x ^ Sha256::digest(leaf)[0]));
            support::write_and_sync(root.path(), &bytes);
        });
        rates[2].push(count as f64 / processor);
        rates[3].push(count as f64 / wall);
    }
    let batches = batches.len();
    line("entries, of them remarks; batches; bytes", format!("{count}, {remarks}; {batches}; {}", bytes.len()));
    let names = [
        "folded: verified, durable, queryable; per core",
        "  by the clock",
        "limit: SHA-256, one write, one fsync; per core",
        "  by the clock",
    ];
    for (name, rates) in names.iter().zip(&mut rates) {
        let (low, high) = (rates.iter().copied().fold(f64::MAX, f64::min), rates.iter().copied().fold(0.0, f64::max));
        line(name, format!("{:>9.0} /s (of {RUNS}: {low:.0}–{high:.0})", median(rates)));
    }
    println!();
}

/// Seconds of the clock, and of the processor in all threads of this process: user and system time of proc_pid_stat(5), which
/// counts in hundredths.
fn spent(work: impl FnOnce()) -> (f64, f64) {
    let processor = || {
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
        // Fields 14 and 15; the name, which ends with the bracket, is the second.
        [11, 12].iter().map(|at| fields[*at].parse::<f64>().unwrap()).sum::<f64>() / 100.0
    };
    let before = processor();
    let wall = seconds(work);
    (wall, (processor() - before).max(0.01))
}

/// The batches in the order in which a node would get them, and how many remarks are in them.
fn feeds(rounds: u64, hundreds: u64) -> (Vec<Batch>, usize) {
    let chain = fixtures::chain(2);
    let (mut batches, mut remarks) = (Vec::new(), 0);
    let mut tips: [(Option<Head>, Frontier); 4] = Default::default();
    for round in 0..rounds {
        for (at, member) in MEMBERS.iter().enumerate() {
            let publisher = MemberNumber(*member);
            let (previous, tree) = tips[at].clone();
            let mut body = Body::new(publisher, tree.size());
            for entry in entries(at, round, hundreds) {
                remarks += usize::from(Remark::new(&entry, publisher, 0, entry.day()).is_some());
                body.push(&entry).unwrap();
            }
            let place = Place {
                alliance: chain.alliance(),
                charter: chain.current_id(),
                publisher,
                log: None,
                previous,
                now: fixtures::SECOND,
            };
            let key = fixtures::present_feed_key(*member);
            let (header, chunks) = body.seal(&place, tree.clone(), &key).unwrap();
            tips[at] = (Some(Head::of(header.payload(), header.id())), after(tree, header.payload(), &chunks));
            batches.push((chain.verify_header(header, fixtures::SECOND).unwrap(), chunks));
        }
    }
    (batches, remarks)
}

/// A tree with the leaves of a batch.
fn after(mut tree: Frontier, header: &BatchHeader, chunks: &[Arc<[u8]>]) -> Frontier {
    for ((place, descriptor), bytes) in header.placed_chunks().zip(chunks) {
        let chunk = Chunk::verify(place, descriptor, bytes).unwrap();
        chunk.leaf_hashes.iter().for_each(|hash| tree.push(*hash));
    }
    tree
}

/// One member's batch: listings first, then what is said of its own and of the next members' listings of the same round.
fn entries(at: usize, round: u64, hundreds: u64) -> Vec<Entry> {
    let (own, next, other) = (MEMBERS[at], MEMBERS[(at + 1) % 4], MEMBERS[(at + 3) % 4]);
    let Shares { amended, cleared, noticed, committed, disputed, measured } = SHARES;
    let listings = LISTINGS * hundreds;
    let first = round * (listings + (amended + cleared + noticed + committed + 2 * disputed + measured) * hundreds);
    let about = |publisher: u16, number: u64| About {
        token: token(publisher, round, number),
        publisher: (publisher != own).then_some(MemberNumber(publisher)),
        target: first + number,
        ..fixtures::about()
    };
    let evidence = [7; 32];
    // Of the hundred: the first are met with most, the last are cleared, disputes lie between.
    let disputes = noticed * hundreds..(noticed + disputed) * hundreds;
    let mut entries: Vec<Entry> = Vec::new();
    entries.extend((0..listings).map(|number| Entry::List(listing(token(own, round, number)))));
    entries.extend((0..amended * hundreds).map(|number| {
        let (token, target) = (token(own, round, number), first + number);
        Entry::Amend(Amendment { token, target, severity: Some(Severity::Minor), ..fixtures::amendment() })
    }));
    entries.extend((listings - cleared * hundreds..listings).map(|number| {
        let About { class, epoch, token, list, target, day, .. } = about(own, number);
        Entry::Clear(Clearing { class, epoch, token, list, target, day, reason: Reason::Mistake })
    }));
    entries.extend((0..noticed * hundreds).map(|number| {
        Entry::Notice(Notice { about: about(next, number), step: NoticeStep::Rectify, until: None, document: None })
    }));
    entries.extend((0..committed * hundreds).map(|number| {
        Entry::Commitment(Commitment { about: about(own, number), step: CommitmentStep::Committed, evidence })
    }));
    let dispute = first + entries.len() as u64;
    entries.extend(disputes.clone().map(|number| {
        let act = DisputeAct::Filed { reason: DisputeReason::Facts, evidence };
        Entry::Dispute(Dispute { about: about(next, number), act })
    }));
    // The member before this one disputes its listings.
    entries.extend(disputes.clone().map(|number| {
        Entry::Ruling(Ruling {
            about: about(own, number),
            outcome: Outcome::Rejected,
            reason: RulingReason::Sufficient,
            disputer: Some(MemberNumber(other)),
            dispute: dispute + number - disputes.start,
        })
    }));
    entries.extend((0..measured * hundreds).map(|number| {
        Entry::Measure(MeasureTaken {
            about: about(other, number),
            measure: Measure::P05,
            response: Response::Applied,
            reason: None,
            document: None,
        })
    }));
    entries
}

fn listing(token: Token) -> Listing {
    Listing { token, region: Some(330_106), ..fixtures::listing() }
}

fn token(publisher: u16, round: u64, number: u64) -> Token {
    let label = [&publisher.to_be_bytes()[..], &round.to_be_bytes(), &number.to_be_bytes()].concat();
    Token(Sha256::digest(label).into())
}
