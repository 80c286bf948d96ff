//! Forgetting over several publishers against a model that is the protocol's pure functions and nothing else: which leaves are
//! erased after each run, and what the table says of those that stay.

use std::collections::{BTreeMap, BTreeSet};

use antibrush_protocol::{
    base::Hash,
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
use proptest::prelude::*;

use super::*;

/// Publishers, accounts that they list, and the days on which something is published.
const PUBLISHERS: u16 = 3;
const TOKENS: u8 = 3;
const DAYS: u32 = 200;

const CODES: [&str; 2] = ["91350100M000200Y4T", "91350100M000300Y4J"];

/// What somebody publishes as a batch of its own, or in one batch with what comes before.
#[derive(Clone, Debug)]
enum Say {
    /// A listing of so many days, dated back by so many.
    List {
        token: u8,
        term: u32,
        back: u32,
    },
    /// Prolongs or shortens the listing at some leaf.
    Amend {
        token: u8,
        target: u64,
        until: u32,
    },
    Clear {
        token: u8,
        target: u64,
        back: u32,
    },
    /// A remark on another's leaf, or one's own.
    Notice {
        token: u8,
        of: u16,
        target: u64,
        back: u32,
    },
    /// Somebody's batch once more, leaf by leaf.
    Copy {
        of: u16,
        batch: usize,
    },
}

#[derive(Clone, Debug)]
struct Step {
    by: u16,
    /// Days after the step before.
    later: u32,
    says: Vec<Say>,
}

fn any_say() -> impl Strategy<Value = Say> {
    let token = || 1..=TOKENS;
    prop_oneof![
        4 => (token(), 1..60u32, 0..20u32).prop_map(|(token, term, back)| Say::List { token, term, back }),
        1 => (token(), 0..8u64, 1..90u32).prop_map(|(token, target, until)| Say::Amend { token, target, until }),
        2 => (token(), 0..8u64, 0..20u32).prop_map(|(token, target, back)| Say::Clear { token, target, back }),
        2 => (token(), 1..=PUBLISHERS, 0..8u64, 0..20u32)
            .prop_map(|(token, of, target, back)| Say::Notice { token, of, target, back }),
        1 => (1..=PUBLISHERS, 0..4usize).prop_map(|(of, batch)| Say::Copy { of, batch }),
    ]
}

fn any_steps() -> impl Strategy<Value = Vec<Step>> {
    let step = (1..=PUBLISHERS, 0..15u32, prop::collection::vec(any_say(), 1..4));
    prop::collection::vec(step.prop_map(|(by, later, says)| Step { by, later, says }), 1..14)
}

/// A run of forgetting: days after the one before, and the publishers whose feeds are known to the end, by bit.
fn any_runs() -> impl Strategy<Value = Vec<(u32, u8)>> {
    prop::collection::vec((0..120u32, 0..8u8), 1..6)
}

/// Three publishers under one charter.
struct Several {
    scene: Scene,
    keys: Vec<Keys>,
    /// Their directories.
    _directories: Vec<tempfile::TempDir>,
}

impl Several {
    fn new() -> Several {
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

    fn publish(&self, store: &Store, by: u16, day: Day, entries: &[Entry]) {
        let mut body = build::Body::default();
        entries.iter().for_each(|entry| body.push(entry).unwrap());
        let publisher = MemberNumber(by);
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
        let (header, chunks) = body.seal(&place, store.tree(publisher).unwrap(), signer.unwrap());
        let header = self.scene.chain.verify_header(header, now).unwrap();
        self.scene.commit(store, &Made { header, chunks });
    }
}

/// A leaf of the model.
#[derive(Clone, Debug)]
struct Published {
    entry: Entry,
    day: Day,
    /// What the whole chunk says, and the place in it: equal ones are one chunk on disk.
    chunk: Hash,
    position: u64,
    is_erased: bool,
}

/// All leaves, by publisher.
#[derive(Default)]
struct Model(BTreeMap<u16, Vec<Published>>);

type Place = (u16, u64);

impl Model {
    fn push(&mut self, by: u16, day: Day, entries: &[Entry]) {
        use antibrush_protocol::encoding::Wire;
        let bytes: Vec<u8> = entries.iter().flat_map(Wire::encode).collect();
        let chunk = antibrush_protocol::feed::chunk::describe(&bytes).unwrap().digest;
        // A chunk that is erased elsewhere comes here as it is there.
        let known: BTreeSet<u64> = self
            .places()
            .filter(|(_, leaf)| leaf.chunk == chunk && leaf.is_erased)
            .map(|(_, leaf)| leaf.position)
            .collect();
        let of = |(position, entry): (u64, &Entry)| Published {
            entry: entry.clone(),
            day,
            chunk,
            position,
            is_erased: known.contains(&position),
        };
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

    /// Erases what is due at all places of its chunk, in groups that go together or stay together.
    fn erase(&mut self, mut groups: Vec<Vec<Place>>) {
        loop {
            let all: BTreeSet<Place> = groups.iter().flatten().copied().collect();
            let agree = |place: &Place| {
                let of = self.leaf(*place).unwrap();
                let mut same = self.places().filter(|(_, leaf)| (leaf.chunk, leaf.position) == (of.chunk, of.position));
                same.all(|(place, _)| all.contains(&place))
            };
            let stays: Vec<Vec<Place>> = groups.iter().filter(|group| group.iter().all(agree)).cloned().collect();
            if stays.len() == groups.len() {
                break;
            }
            groups = stays;
        }
        for (by, index) in groups.into_iter().flatten() {
            self.0.get_mut(&by).unwrap()[usize::try_from(index).unwrap()].is_erased = true;
        }
    }

    fn forget(&mut self, today: Day, current: &BTreeSet<MemberNumber>) {
        let mut groups = Vec::new();
        for by in self.0.keys().filter(|by| current.contains(&MemberNumber(**by))) {
            for number in 1..=TOKENS {
                let changes = self.changes(*by, &token(number));
                let due = due_days(&changes).into_iter().zip(&changes).filter(|(day, _)| *day <= today);
                groups.push(due.map(|(_, (change, _))| (*by, change.index)).collect());
            }
        }
        self.erase(groups);
        let is_due = |((by, _), leaf): &(Place, &Published)| {
            let Some(about) = leaf.entry.about().filter(|_| !leaf.is_erased) else { return false };
            let target = match self.leaf((about.publisher.map_or(*by, |of| of.0), about.target)) {
                None => Target::Unknown,
                Some(target) if target.is_erased => Target::Erased,
                Some(Published { entry: Entry::List(_), .. }) => Target::Listing,
                Some(_) => Target::Other,
            };
            remark_due(about.class, (about.day, leaf.day), target).is_some_and(|day| day <= today)
        };
        let remarks = self.places().filter(is_due).map(|(place, _)| vec![place]).collect();
        self.erase(remarks);
    }

    /// The entry that a saying makes on that day; several where it copies.
    fn entries(&self, by: u16, day: Day, say: &Say) -> Vec<Entry> {
        let before = |back: u32| Day(day.0 - back);
        let (class, epoch, list) = (Class::Acc, 1, List::Cxh);
        match *say {
            Say::List { token: number, term, back } => {
                let day = before(back);
                vec![Entry::List(Listing { day, expires: day.plus(term), evidence: [by as u8; 32], ..listing(number) })]
            }
            Say::Amend { token: number, target, until } => vec![Entry::Amend(Amendment {
                class,
                epoch,
                token: token(number),
                list,
                target,
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
            })],
            Say::Clear { token: number, target, back } => vec![Entry::Clear(Clearing {
                class,
                epoch,
                token: token(number),
                list,
                target,
                day: before(back),
                reason: Reason::Rectified,
            })],
            Say::Notice { token: number, of, target, back } => {
                let publisher = (of != by).then_some(MemberNumber(of));
                let day = before(back);
                let about = About { class, epoch, token: token(number), list, publisher, target, day };
                let step = if publisher.is_some() { NoticeStep::Urge } else { NoticeStep::Rectify };
                vec![Entry::Notice(Notice { about, step, until: None, document: None })]
            }
            Say::Copy { of, batch } => {
                let leaves = self.0.get(&of).map(Vec::as_slice).unwrap_or_default();
                let batches: Vec<&[Published]> = leaves.chunk_by(|_, next| next.position > 0).collect();
                let copied = batches.get(batch).copied().unwrap_or_default();
                // A remark on one's own leaf and a copy of it are about different leaves, and both are what their bytes say.
                copied.iter().map(|leaf| leaf.entry.clone()).collect()
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

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn forgetting_is_what_the_pure_functions_say(steps in any_steps(), runs in any_runs()) {
        let several = Several::new();
        let (store, _) = several.scene.open();
        let mut model = Model::default();
        let mut day = NOW.day();
        for Step { by, later, says } in &steps {
            day = day.plus(*later).min(NOW.day().plus(DAYS));
            let mut entries = Vec::new();
            for say in says {
                entries.extend(model.entries(*by, day, say));
            }
            if !entries.is_empty() {
                several.publish(&store, *by, day, &entries);
                model.push(*by, day, &entries);
            }
        }
        check(&store, &model, "as published");
        let mut today = day;
        for (later, known) in runs {
            today = today.plus(later);
            let current: BTreeSet<MemberNumber> =
                (1..=PUBLISHERS).filter(|by| known >> (by - 1) & 1 == 1).map(MemberNumber).collect();
            store.forget(today, &current, &BTreeSet::new()).unwrap();
            model.forget(today, &current);
            check(&store, &model, &format!("day {}", today.0 - NOW.day().0));
        }
        drop(store);
        fs::remove_dir_all(several.scene.directory.path().join("table")).unwrap();
        check(&several.scene.open().0, &model, "built anew");
    }
}
