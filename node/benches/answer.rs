//! What the parts of a check of a listed subject take beyond its token, beside a million other rows: the lookup alone; the answer for a
//! listing of which nothing is said; for one with three remarks; the recommendation on top; and noting the hit.
//!
//! `cargo bench -p antibrush-node --bench answer [-- ROWS]`. Subjects come in random order; figures are medians over chunks of 500,
//! with the 10th and 90th percentile.

mod support;

use std::{hint::black_box, time::Instant};

use antibrush_node::{
    check::{Answer, Context, Verdict},
    clock,
    hits::Hits,
    keys::{KeyStore, LocalKey, Protection},
    recommend::{self, Listing, Recommender},
    storage::{
        Store,
        lock::DataDir,
        table::{Prefix, Reader, Row, RowState, prefix_of},
    },
    tokens::{Derivations, Tokens},
};
use antibrush_protocol::{
    base::MemberNumber,
    codes::{List, NoticeStep},
    entry::{About, Entry, Notice, calendar::Calendar},
    subject::{Class, Subject},
};
use support::{Process, feed, line, percentile};

const SUBJECTS: u64 = 10_000;
const CHUNK: usize = 500;
const PASSES: usize = 10;
const STEPS: [NoticeStep; 3] = [NoticeStep::Rectify, NoticeStep::Urge, NoticeStep::Escalate];
const ME: MemberNumber = MemberNumber(1);

fn main() {
    support::machine();
    let others = support::size(1_000_000);
    let root = tempfile::tempdir().expect("a temporary directory");
    let founder = Process::founder(root.path());
    let chain = {
        let data = DataDir::lock(&founder.directory).expect("our own directory");
        Store::open(&data).expect("a store").0.charters().expect("readable charters").expect("a charter")
    };
    let keys = KeyStore::open(&founder.directory, &Protection::InClearDangerously).expect("keys in clear");
    let secret = keys.seal().expect("a seal key").secret();
    let tokens = Tokens::new(&chain, Some(ME), secret);
    let subject = |number| Subject::parse(Class::Acc, &format!("taobao:bench{number}")).expect("an account");
    let subjects: Vec<(Subject, Derivations)> = (0..2 * SUBJECTS)
        .map(|number| {
            let subject = subject(number);
            let derived = tokens.made_here(&subject, &mut Vec::new()).expect("a class of suite 1");
            (subject, derived)
        })
        .collect();
    // The first half is only listed; of each of the others three notices are recorded.
    let listings =
        subjects.iter().zip(0..).map(|((_, derived), number)| feed::listing(Class::Acc, derived.token(), number));
    let notices = (SUBJECTS..2 * SUBJECTS).flat_map(|number| {
        let token = subjects[number as usize].1.token();
        STEPS.map(|step| {
            let about = About {
                class: Class::Acc,
                epoch: 1,
                token,
                list: List::Cxh,
                publisher: None,
                target: number,
                day: clock::wall().day(),
            };
            Entry::Notice(Notice { about, step, until: None, document: None })
        })
    });
    let (header, chunks) = feed::batch_with(&founder.directory, listings.chain(notices));
    let data = DataDir::lock(&founder.directory).expect("our own directory");
    let (store, _) = Store::open(&data).expect("a store");
    feed::take_in(&store, &header, &chunks);
    assert_eq!(store.remarks().len() as u64, 3 * SUBJECTS);
    store.table().apply((0..others).map(other).collect(), &[]).expect("rows that fit");
    store.table().settle();

    let context = Context::new(&chain, Some(ME), &[], &Calendar::new(), clock::wall());
    let key = LocalKey::derive(secret, recommend::PURPOSE);
    let recommender = Recommender::open(&founder.directory, key).expect("the default rules");
    let (hits, today, reader) = (Hits::default(), clock::wall().day(), store.table().reader());
    let (silent, said) = subjects.split_at(SUBJECTS as usize);
    let (mut found, mut rows) = (Vec::new(), (Vec::new(), Vec::new()));
    let mut answer = |derived: &Derivations| {
        let answer = context.answer(Class::Acc, derived, (&reader, store.remarks()), (&mut rows.0, &mut rows.1));
        assert_eq!(answer.answer, Verdict::Listed);
        answer
    };
    let advise = |subject: &Subject, answer: &Answer| {
        let listings: Vec<Listing<'_>> = answer.listings.iter().map(|listed| seen(listed, answer.victim)).collect();
        recommender.advise(subject, &listings, today)
    };
    let note = |answer: &Answer| {
        for listed in &answer.listings {
            hits.hit(listed.entry.0, listed.entry.1, listed.origin, today);
        }
    };
    let mut times: [Vec<f64>; 5] = Default::default();
    support::quiet();
    // In turns, so that whatever else the machine does meets all of them alike.
    for _ in 0..PASSES {
        pass(&mut times[0], silent, |(_, derived)| lookup(&reader, derived, &mut found));
        pass(&mut times[1], silent, |(_, derived)| drop(black_box(answer(derived))));
        pass(&mut times[2], said, |(_, derived)| drop(black_box(answer(derived))));
        pass(&mut times[3], said, |(subject, derived)| drop(black_box(advise(subject, &answer(derived)))));
        pass(&mut times[4], said, |(subject, derived)| {
            let answer = answer(derived);
            black_box(advise(subject, &answer));
            note(&answer);
        });
    }
    let names = [
        "(a) the lookup of a listed subject",
        "(b) the answer, nothing said of the listing",
        "(c) the answer, three remarks",
        "(d) the same with a recommendation",
        "(e) the same with the hit noted",
    ];
    for (name, times) in names.iter().zip(&mut times) {
        let [low, mid, high] = [10, 50, 90].map(|percent| percentile(times, percent));
        line(name, format!("{mid:>5.0} ns ({low:.0}–{high:.0})"));
    }
}

fn pass(times: &mut Vec<f64>, subjects: &[(Subject, Derivations)], mut work: impl FnMut(&(Subject, Derivations))) {
    // A step that has no divisor in common with the number of subjects visits each once.
    let at = |n: usize| &subjects[n * 7_919 % subjects.len()];
    for first in (0..subjects.len()).step_by(CHUNK) {
        let began = Instant::now();
        (first..first + CHUNK).for_each(|n| work(at(n)));
        times.push(began.elapsed().as_secs_f64() * 1e9 / CHUNK as f64);
    }
}

fn lookup(reader: &Reader, derived: &Derivations, found: &mut Vec<Row>) {
    reader.get(&prefix_of(&derived.token()), found);
    assert_eq!(found.len(), 1);
}

fn seen(listed: &antibrush_node::check::Listed, victim: bool) -> Listing<'_> {
    Listing {
        list: listed.list,
        conduct: listed.conduct,
        severity: listed.severity,
        role: listed.role,
        state: listed.state,
        source: listed.publisher.as_deref(),
        members: listed.members,
        enforceable: listed.enforceable,
        disputed: listed.disputed.is_some(),
        suspended: listed.suspended,
        struck: listed.struck,
        victim,
    }
}

/// A row of somebody else.
fn other(number: u64) -> Row {
    let token = feed::token(number);
    let prefix: Prefix = prefix_of(&token);
    let listed = clock::wall().day();
    Row {
        prefix,
        publisher: ME,
        list: 1,
        class: Class::Acc.number(),
        conduct: 1,
        severity: 2,
        role: 2,
        direction: 1,
        state: RowState::Active,
        listed,
        expires: listed.plus(180),
        leaf: (1_000_000 + number) as u32,
        epoch: 1,
        document: false,
    }
}
