//! Forgetting over several publishers against a model that is the protocol's pure functions and nothing else: which leaves are
//! erased after each run, and what the table says of those that stay.

use std::{
    cell::Cell,
    collections::{BTreeMap, BTreeSet},
};

use antibrush_protocol::{
    charter::{FeedKey, Node as NodeEntry, SignedCharter},
    codes::{NoticeStep, Reason},
    entry::{
        About, Amendment, Clearing, Notice,
        ledger::{Change, Effect as Outcome, Standing},
        lifecycle::{Target, due_days, remark_due},
    },
    feed::Leaf,
    signed::Signer,
};
use proptest::{prelude::*, test_runner::TestRunner};

use super::*;

/// Publishers, accounts that they list, and the days on which something is published.
const PUBLISHERS: u16 = 3;
const TOKENS: u8 = 3;
const DAYS: u32 = 200;

const CODES: [&str; 2] = ["91350100M000200Y4T", "91350100M000300Y4J"];

/// One entry of a batch. `nth` chooses among the leaves that it could be about.
#[derive(Clone, Debug)]
enum Say {
    /// A listing of so many days, dated back by so many.
    List { token: u8, term: u32, back: u32 },
    /// Prolongs or shortens a listing.
    Amend { token: u8, nth: usize, until: u32 },
    /// Ends one.
    Clear { token: u8, nth: usize, back: u32 },
    /// A remark on another's leaf, or one's own.
    Notice { token: u8, of: u16, nth: usize, back: u32 },
}

#[derive(Clone, Debug)]
enum Batch {
    /// What somebody says himself.
    Says(Vec<Say>),
    /// Somebody's batch once more, leaf by leaf: what becomes of it in one feed is no matter of the other.
    Copy { of: u16, nth: usize },
}

#[derive(Clone, Debug)]
struct Step {
    by: u16,
    /// Days after the step before.
    later: u32,
    batch: Batch,
}

fn any_say() -> impl Strategy<Value = Say> {
    let (token, nth) = (|| 1..=TOKENS, || 0..8usize);
    let back = || prop_oneof![3 => Just(0), 1 => 1..20u32];
    prop_oneof![
        3 => (token(), 1..60u32, back()).prop_map(|(token, term, back)| Say::List { token, term, back }),
        1 => (token(), nth(), 1..90u32).prop_map(|(token, nth, until)| Say::Amend { token, nth, until }),
        2 => (token(), nth(), back()).prop_map(|(token, nth, back)| Say::Clear { token, nth, back }),
        2 => (token(), 1..=PUBLISHERS, nth(), back())
            .prop_map(|(token, of, nth, back)| Say::Notice { token, of, nth, back }),
    ]
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let batch = prop_oneof![
        3 => prop::collection::vec(any_say(), 1..4).prop_map(Batch::Says),
        1 => (1..=PUBLISHERS, 0..4usize).prop_map(|(of, nth)| Batch::Copy { of, nth }),
    ];
    let step = (1..=PUBLISHERS, 0..15u32, batch);
    prop::collection::vec(step.prop_map(|(by, later, batch)| Step { by, later, batch }), 4..20)
}

/// A run of forgetting: days after the one before, and the publishers whose feeds are known to the end, by bit.
fn any_runs() -> impl Strategy<Value = Vec<(u32, u8)>> {
    let known = prop_oneof![3 => Just(7u8), 1 => 0..8u8];
    prop::collection::vec((0..60u32, known), 2..8)
}

/// Three publishers under one charter.
pub(super) struct Several {
    pub(super) scene: Scene,
    keys: Vec<Keys>,
    /// Their directories.
    _directories: Vec<tempfile::TempDir>,
}

impl Several {
    pub(super) fn new() -> Several {
        let mut scene = Scene::new();
        let (mut keys, mut directories) = (Vec::new(), Vec::new());
        let mut next = (**scene.chain.current()).clone();
        (next.number, next.previous, next.alliance) = (2, Some(scene.chain.current_id()), Some(scene.chain.alliance()));
        for (code, number) in CODES.iter().zip(2u16..) {
            let directory = tempfile::tempdir().unwrap();
            let own = KeyStore::create(directory.path(), &KeyRole::ALL, &Protection::InClearDangerously).unwrap();
            let mut member = next.members[0].clone();
            (member.number, member.slug) = (MemberNumber(number), format!("member{number}"));
            (member.uscc, member.controller) = ((*code).to_owned(), (*code).to_owned());
            member.feed_keys = vec![FeedKey::new(own.feed().unwrap().public(), NOW)];
            member.nodes = vec![NodeEntry { key: own.node().unwrap().public(), addresses: Vec::new() }];
            member.sealed_seeds.clear();
            next.members.push(member);
            keys.push(own);
            directories.push(directory);
        }
        let mut second = SignedCharter::unsigned(&next);
        second.sign(scene.keys.steward().unwrap());
        assert_eq!(scene.chain.extend(second.clone()), Ok(true));
        scene.open().0.put_charter(&second).unwrap();
        Several { scene, keys, _directories: directories }
    }

    pub(super) fn publish(&self, store: &Store, by: u16, day: Day, entries: &[Entry]) {
        let publisher = MemberNumber(by);
        let tree = store.tree(publisher).unwrap();
        let mut body = build::Body::new(publisher, tree.size());
        entries.iter().for_each(|entry| body.push(entry).unwrap());
        let now = Timestamp::start_of(day).plus(60);
        let now = if now < NOW { NOW } else { now };
        let place = build::Place {
            alliance: self.scene.chain.alliance(),
            charter: self.scene.chain.current_id(),
            publisher,
            log: None,
            previous: store.head(publisher).unwrap(),
            now,
        };
        let signer = if by == 1 { self.scene.keys.feed() } else { self.keys[usize::from(by) - 2].feed() };
        let (header, chunks) = body.seal(&place, tree, signer.unwrap()).unwrap();
        let header = self.scene.chain.verify_header(header, now).unwrap();
        self.scene.commit(store, &Made { header, chunks });
    }
}

/// A leaf of the model.
#[derive(Clone, Debug)]
struct Published {
    entry: Entry,
    day: Day,
    /// Its place in its batch.
    position: u64,
    is_erased: bool,
}

/// All leaves, by publisher.
#[derive(Default)]
struct Model(BTreeMap<u16, Vec<Published>>);

type Place = (u16, u64);

impl Model {
    fn push(&mut self, by: u16, day: Day, entries: &[Entry]) {
        let of = |(position, entry): (u64, &Entry)| Published { entry: entry.clone(), day, position, is_erased: false };
        self.0.entry(by).or_default().extend((0..).zip(entries).map(of));
    }

    fn places(&self) -> impl Iterator<Item = (Place, &Published)> {
        let feeds = self.0.iter();
        feeds.flat_map(|(by, leaves)| (0..).zip(leaves).map(move |(index, leaf)| ((*by, index), leaf)))
    }

    fn leaf(&self, (by, index): Place) -> Option<&Published> {
        self.0.get(&by)?.get(usize::try_from(index).unwrap())
    }

    /// What a feed says of one account, in its order, without what is erased.
    fn changes(&self, by: u16, token: &Token) -> Vec<(Change, Day)> {
        let of = self.places().filter(|((of, _), leaf)| *of == by && !leaf.is_erased && leaf.entry.token() == token);
        of.filter_map(|((_, index), leaf)| Some((Change::new(&leaf.entry, index)?, leaf.day))).collect()
    }

    fn standing(&self, by: u16, token: &Token) -> Option<Standing> {
        let mut current = None;
        for (change, _) in self.changes(by, token) {
            match change.apply(current.as_ref()) {
                Outcome::Stands(standing) => current = Some(standing),
                Outcome::Cleared(_) => current = None,
                Outcome::Void(_) => {}
            }
        }
        current
    }

    fn erase(&mut self, places: Vec<Place>) {
        for (by, index) in places {
            self.0.get_mut(&by).unwrap()[usize::try_from(index).unwrap()].is_erased = true;
        }
    }

    /// Counts in `seen` the leaves that went: of listings, remarks, and of either those that stay as a copy elsewhere.
    fn forget(&mut self, today: Day, current: &BTreeSet<MemberNumber>, seen: &mut [u64; 3]) {
        let mut listings = Vec::new();
        for by in self.0.keys().filter(|by| current.contains(&MemberNumber(**by))) {
            for number in 1..=TOKENS {
                let changes = self.changes(*by, &token(number));
                let due = due_days(&changes).into_iter().zip(&changes).filter(|(day, _)| *day <= today);
                listings.extend(due.map(|(_, (change, _))| (*by, change.index)));
            }
        }
        seen[0] += listings.len() as u64;
        self.erase(listings);
        let is_due = |((by, _), leaf): &(Place, &Published)| {
            let Some(about) = leaf.entry.about().filter(|_| !leaf.is_erased) else { return false };
            let target = match self.leaf((about.publisher.map_or(*by, |of| of.0), about.target)) {
                None => Target::Unknown,
                Some(target) if target.is_erased => Target::Erased,
                Some(Published { entry: Entry::List(_), .. }) => Target::Listing,
                Some(_) => Target::Other,
            };
            remark_due(about.class, leaf.day, target).is_some_and(|day| day <= today)
        };
        let remarks: Vec<Place> = self.places().filter(is_due).map(|(place, _)| place).collect();
        seen[1] += remarks.len() as u64;
        self.erase(remarks);
        let (gone, stay): (Vec<_>, Vec<_>) = self.places().map(|(_, leaf)| leaf).partition(|leaf| leaf.is_erased);
        seen[2] += gone.iter().filter(|gone| stay.iter().any(|leaf| leaf.entry == gone.entry)).count() as u64;
    }

    /// One of the leaves of a feed that are listings of an account; the first leaf if there is none.
    fn listing_of(&self, by: u16, account: u8, nth: usize) -> u64 {
        let is_one = |leaf: &Published| matches!(&leaf.entry, Entry::List(listing) if listing.token == token(account));
        let leaves = self.places().filter(|((of, _), leaf)| *of == by && is_one(leaf));
        let leaves: Vec<u64> = leaves.map(|((_, index), _)| index).collect();
        leaves.get(nth % leaves.len().max(1)).copied().unwrap_or(0)
    }

    /// The entries of a batch of that day.
    fn entries(&self, by: u16, day: Day, batch: &Batch) -> Vec<Entry> {
        match batch {
            Batch::Says(says) => says.iter().map(|say| self.entry(by, day, say)).collect(),
            Batch::Copy { of, nth } => {
                let leaves = self.0.get(of).map(Vec::as_slice).unwrap_or_default();
                let batches: Vec<&[Published]> = leaves.chunk_by(|_, next| next.position > 0).collect();
                let copied = batches.get(nth % batches.len().max(1)).copied().unwrap_or_default();
                copied.iter().map(|leaf| leaf.entry.clone()).collect()
            }
        }
    }

    fn entry(&self, by: u16, day: Day, say: &Say) -> Entry {
        let before = |back: u32| Day(day.0 - back);
        let (class, epoch, list) = (Class::Acc, 1, List::Cxh);
        match *say {
            Say::List { token: account, term, back } => {
                let day = before(back);
                Entry::List(Listing { day, expires: day.plus(term), ..listing(account) })
            }
            Say::Amend { token: account, nth, until } => Entry::Amend(Amendment {
                class,
                epoch,
                token: token(account),
                list,
                target: self.listing_of(by, account, nth),
                day,
                conduct: None,
                severity: None,
                role: None,
                direction: None,
                region: None,
                expires: Some(day.plus(until)),
                basis: None,
                evidence: None,
                document: None,
            }),
            Say::Clear { token: account, nth, back } => Entry::Clear(Clearing {
                class,
                epoch,
                token: token(account),
                list,
                target: self.listing_of(by, account, nth),
                day: before(back),
                reason: Reason::Rectified,
            }),
            Say::Notice { token: account, of, nth, back } => {
                let publisher = (of != by).then_some(MemberNumber(of));
                let step = if publisher.is_some() { NoticeStep::Urge } else { NoticeStep::Rectify };
                // Beyond the last leaf it speaks of what has not come.
                let leaves = self.0.get(&of).map_or(0, Vec::len);
                let target = (nth % (leaves + 1)) as u64;
                let (token, day) = (token(account), before(back));
                let about = About { class, epoch, token, list, publisher, target, day };
                Entry::Notice(Notice { about, step, until: None, document: None })
            }
        }
    }
}

fn erased_in(store: &Store, by: u16) -> Vec<u64> {
    let leaves = store.leaves(MemberNumber(by), 0, 1000).unwrap();
    leaves.into_iter().filter(|(_, leaf)| matches!(leaf, Leaf::Erased(_))).map(|(index, _)| index).collect()
}

fn check(store: &Store, model: &Model, when: &str) {
    for by in model.0.keys() {
        let expected: Vec<u64> =
            model.places().filter(|((of, _), leaf)| of == by && leaf.is_erased).map(|((_, index), _)| index).collect();
        assert_eq!(erased_in(store, *by), expected, "{when}: the feed of {by}");
        for number in 1..=TOKENS {
            let mut rows = Vec::new();
            store.table().reader().get(&prefix_of(&token(number)), &mut rows);
            let row = rows.iter().find(|row| row.publisher == MemberNumber(*by));
            let standing = row.and_then(super::super::standing_of);
            assert_eq!(standing, model.standing(*by, &token(number)), "{when}: {number} by {by}");
        }
    }
    let said = model.places().filter(|(_, leaf)| !leaf.is_erased && leaf.entry.about().is_some()).count();
    assert_eq!(store.remarks().len(), said, "{when}: remarks");
}

#[test]
fn forgetting_is_what_the_pure_functions_say() {
    let seen = Cell::new([0; 3]);
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let outcome = TestRunner::new(config).run(&(any_steps(), any_runs()), |(steps, runs)| {
        let mut of_case = seen.get();
        run(&steps, &runs, &mut of_case);
        seen.set(of_case);
        Ok(())
    });
    outcome.unwrap_or_else(|error| panic!("{error}"));
    assert!(seen.get().iter().all(|count| *count > 0), "nothing was put to the test: {seen:?}");
}

fn run(steps: &[Step], runs: &[(u32, u8)], seen: &mut [u64; 3]) {
    let several = Several::new();
    let (store, _) = several.scene.open();
    let mut model = Model::default();
    let mut day = NOW.day();
    for Step { by, later, batch } in steps {
        day = day.plus(*later).min(NOW.day().plus(DAYS));
        let entries = model.entries(*by, day, batch);
        if !entries.is_empty() {
            several.publish(&store, *by, day, &entries);
            model.push(*by, day, &entries);
        }
    }
    check(&store, &model, "as published");
    let mut today = day;
    for (later, known) in runs {
        today = today.plus(*later);
        let is_known = |by: &u16| known >> (by - 1) & 1 == 1;
        let current: BTreeSet<MemberNumber> = (1..=PUBLISHERS).filter(is_known).map(MemberNumber).collect();
        store.forget(today, &current, &BTreeSet::new()).unwrap();
        model.forget(today, &current, seen);
        check(&store, &model, &format!("day {}", today.0 - NOW.day().0));
    }
    drop(store);
    fs::remove_dir_all(several.scene.directory.path().join("table")).unwrap();
    check(&several.scene.open().0, &model, "built anew");
}
