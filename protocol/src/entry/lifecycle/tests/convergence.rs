//! Random feeds of all kinds from up to 8 members, delivered in random orders with duplicates to 4 replicas, which must end in
//! equal states, byte for byte.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{prelude::*, strategy::ValueTree};

use super::*;
use crate::{
    base::Token,
    codes::{CommitmentStep, NoticeStep, Reason},
    entry::{
        About, Amendment, Clearing, Commitment, Dispute, DisputeAct, Entry, Listing, MeasureTaken, Notice, Ruling,
        ledger::{self, Effect},
    },
};

const MEMBERS: u16 = 8;

/// Eight members: 2 is the steward, 3 its sister, 8 expelled.
fn alliance() -> Roster {
    let eight = |charter: &mut Charter| {
        let template = charter.members[0].clone();
        let member = |number: u16| {
            let mut member = template.clone();
            (member.number, member.controller) =
                (MemberNumber(number), format!("{}", if number == 3 { 2 } else { number }));
            if number == MEMBERS {
                member.state = MemberState::Expelled;
            }
            member
        };
        charter.members = (1..=MEMBERS).map(member).collect();
        charter.policy.financial_measures = true;
    };
    Roster::new([&since(Day(0), eight)])
}

/// One step of a feed, small enough to shrink well; references are taken modulo what there is.
#[derive(Clone, Debug)]
struct Op {
    author: u16,
    kind: u8,
    subject: u8,
    list: u8,
    publisher: u16,
    target: u64,
    later: u32,
    code: u8,
    reference: (u16, u64),
}

fn op() -> impl Strategy<Value = Op> {
    let place = (1..=MEMBERS, 0u8..16, 0u8..2, 0u8..3);
    let what = (1..=MEMBERS, 0u64..6, 0u32..9, any::<u8>(), (1..=MEMBERS, 0u64..6));
    (place, what).prop_map(|((author, kind, subject, list), (publisher, target, later, code, reference))| Op {
        author,
        kind,
        subject,
        list,
        publisher,
        target,
        later,
        code,
        reference,
    })
}

type Feeds = BTreeMap<MemberNumber, Vec<Entry>>;

fn pick<T: Copy>(codes: &[T], code: u8) -> T {
    codes[usize::from(code) % codes.len()]
}

/// The feeds that the steps write; days mostly rise, and sometimes do not. Most remarks are about a listing that some feed has,
/// most rulings about a dispute that was filed; every fifth names whatever the step says, there or not.
fn feeds(ops: &[Op]) -> Feeds {
    let mut feeds = Feeds::new();
    let (mut listings, mut disputes): (Vec<About>, Vec<(MemberNumber, u64, About)>) = Default::default();
    for op in ops {
        let is_wild = op.code % 5 == 0;
        let answers = matches!(op.kind, 12..=14);
        let dispute = disputes.get(op.reference.1 as usize % disputes.len().max(1)).filter(|_| answers && !is_wild);
        let listing = listings.get(op.target as usize % listings.len().clamp(1, 3)).filter(|_| !is_wild);
        let (disputer, reference) =
            dispute.map_or((MemberNumber(op.reference.0), op.reference.1), |(who, index, _)| (*who, *index));
        let (token, list) = (Token([op.subject; 32]), pick(&[List::Cxh, List::Ecb, List::Vic], op.list));
        let publisher = Some(MemberNumber(op.publisher));
        let raw = About { class: Class::Ent, epoch: 1, token, list, publisher, target: op.target, day: began() };
        let full = dispute.map(|(.., about)| about).or(listing).unwrap_or(&raw).clone();
        // The publisher amends, clears and rules, and it or the steward moves it; who filed a dispute takes it back.
        let author = match op.kind {
            4 | 5 | 13 | 14 => full.publisher.expect("raw or known, it states one"),
            6..=8 if op.code % 5 == 1 => full.publisher.expect("as above"),
            6..=8 if op.code % 5 > 1 => BETA,
            12 => disputer,
            _ => MemberNumber(op.author),
        };
        let feed = feeds.entry(author).or_default();
        let index = feed.len() as u64;
        let at = began().plus(feed.len() as u32 * 4 + op.later);
        let full = About { day: at, ..full };
        let (target, of) = (full.target, (full.token, full.list));
        let about = About { publisher: full.publisher.filter(|publisher| *publisher != author), ..full.clone() };
        let own = || About { publisher: None, ..full.clone() };
        let document = || Some("1".to_owned());
        feed.push(match op.kind {
            0..=3 => Entry::List(Listing {
                class: Class::Ent,
                epoch: 1,
                token,
                list,
                conduct: pick(&[Conduct::C01, Conduct::C02], op.code),
                severity: pick(Severity::ALL, op.code),
                role: None,
                direction: None,
                region: None,
                day: at,
                expires: at.plus(20 + u32::from(op.code)),
                basis: "b".to_owned(),
                evidence: [0; 32],
                name: None,
                sealed: None,
                carries: None,
                document: document().filter(|_| op.code > 250),
            }),
            4 => Entry::Amend(Amendment {
                class: Class::Ent,
                epoch: 1,
                token: of.0,
                list: of.1,
                target,
                day: at,
                conduct: Some(Conduct::C02),
                severity: None,
                role: None,
                direction: None,
                region: None,
                expires: None,
                basis: None,
                evidence: None,
                document: None,
            }),
            5 => Entry::Clear(Clearing {
                class: Class::Ent,
                epoch: 1,
                token: of.0,
                list: of.1,
                target,
                day: at,
                reason: pick(Reason::ALL, op.code),
            }),
            6 | 7 => {
                Entry::Notice(Notice { about, step: pick(NoticeStep::ALL, op.code), until: None, document: document() })
            }
            8 => Entry::Commitment(Commitment { about, step: pick(CommitmentStep::ALL, op.code), evidence: [0; 32] }),
            9..=11 => Entry::Dispute(Dispute {
                about,
                act: DisputeAct::Filed { reason: pick(DisputeReason::ALL, op.code), evidence: [0; 32] },
            }),
            12 => Entry::Dispute(Dispute { about, act: DisputeAct::Withdrawn { dispute: op.reference.1 } }),
            13 | 14 => Entry::Ruling(Ruling {
                about: own(),
                outcome: pick(Outcome::ALL, op.code),
                reason: RulingReason::Other,
                disputer: Some(disputer).filter(|disputer| *disputer != author),
                dispute: reference,
            }),
            _ => Entry::Measure(MeasureTaken {
                about,
                measure: pick(&[Measure::M01, Measure::M09], op.code),
                response: pick(&[Response::Applied, Response::Acknowledged], op.code / 2),
                reason: None,
                document: None,
            }),
        });
        let place = About { publisher: Some(author), target: index, day: at, ..raw };
        match op.kind {
            0..=3 => listings.push(place),
            9..=11 => disputes.push((author, index, full)),
            _ => {}
        }
    }
    feeds
}

/// What a store keeps: standings by identity, remarks packed as they come, twice if they come twice, and of each feed how far it
/// has come.
#[derive(Default)]
struct Replica {
    next: BTreeMap<MemberNumber, u64>,
    early: BTreeMap<(MemberNumber, u64), Entry>,
    held: BTreeMap<(Token, MemberNumber, List), Held>,
    remarks: Vec<(Token, [u8; PACKED_BYTES])>,
}

impl Replica {
    /// An entry arrives. Those that change a standing take effect in the order of their feed; a remark counts as it comes.
    fn deliver(&mut self, publisher: MemberNumber, index: u64, entry: &Entry) {
        if let Some(remark) = Remark::new(entry, publisher, index, entry.day()) {
            self.remarks.push((*entry.token(), remark.pack()));
        }
        self.early.insert((publisher, index), entry.clone());
        let next = self.next.entry(publisher).or_default();
        while let Some(entry) = self.early.remove(&(publisher, *next)) {
            let identity = (*entry.token(), publisher, entry.list());
            let current = self.held.get(&identity).filter(|held| held.ended.is_none()).map(|held| held.standing);
            match ledger::apply(current.as_ref(), &entry, *next) {
                Some(Effect::Stands(standing)) => {
                    self.held.insert(identity, Held { publisher, list: entry.list(), standing, ended: None });
                }
                Some(Effect::Cleared(ending)) => {
                    let held = self.held.get_mut(&identity).expect("what is cleared stood");
                    held.ended = Some(ending);
                }
                Some(Effect::Void(_)) | None => {}
            }
            *next += 1;
        }
        self.early.retain(|(of, index), _| *of != publisher || *index > *next);
    }

    /// Everything that an asker could see on some days, as bytes.
    fn state(&self, roster: &Roster, calendar: &Calendar) -> Vec<u8> {
        let mut text = String::new();
        let tokens: BTreeSet<Token> = self.held.keys().map(|(token, ..)| *token).collect();
        for token in tokens {
            let held: Vec<Held> =
                self.held.iter().filter(|((of, ..), _)| *of == token).map(|(_, held)| *held).collect();
            let said = self.remarks.iter().filter(|(of, _)| *of == token);
            let said: Vec<Remark> = said.map(|(_, packed)| Remark::unpack(packed).unwrap()).collect();
            let subject = Subject::new(&held, &said, roster);
            for days in [0, 7, 21, 40, 120] {
                let cutoffs = Cutoffs::new(calendar, began().plus(days));
                for (at, status) in subject.statuses(&cutoffs).iter().enumerate() {
                    let mut due = Vec::new();
                    deadlines(&held[at], subject.life(at), status, (calendar, &cutoffs), &mut due);
                    text += &format!("{:?} {status:?} {due:?}\n", held[at]);
                }
            }
            text += &format!("{:?}\n", (0..held.len()).map(|at| subject.life(at)).collect::<Vec<_>>());
        }
        text.into_bytes()
    }
}

/// All entries with their places.
fn leaves(feeds: &Feeds) -> Vec<(MemberNumber, u64, Entry)> {
    let of = |(publisher, feed): (&MemberNumber, &Vec<Entry>)| {
        let publisher = *publisher;
        feed.iter().cloned().enumerate().map(move |(index, entry)| (publisher, index as u64, entry)).collect::<Vec<_>>()
    };
    feeds.iter().flat_map(of).collect()
}

/// Feeds, and four orders of their leaves in which some come twice.
fn deliveries() -> impl Strategy<Value = (Feeds, Vec<Vec<(MemberNumber, u64, Entry)>>)> {
    prop::collection::vec(op(), 1..48).prop_flat_map(|ops| {
        let feeds = feeds(&ops);
        let all = leaves(&feeds);
        let twice = prop::sample::subsequence(all.clone(), 0..=all.len());
        let order = twice.prop_map(move |twice| [all.clone(), twice].concat()).prop_shuffle();
        (Just(feeds), prop::collection::vec(order, 4))
    })
}

fn replica(leaves: &[(MemberNumber, u64, Entry)]) -> Replica {
    let mut replica = Replica::default();
    leaves.iter().for_each(|(publisher, index, entry)| replica.deliver(*publisher, *index, entry));
    replica
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn replicas_converge((feeds, orders) in deliveries()) {
        let (roster, calendar) = (alliance(), Calendar::new());
        let expected = replica(&leaves(&feeds)).state(&roster, &calendar);
        for order in orders {
            let state = replica(&order).state(&roster, &calendar);
            prop_assert!(state == expected, "{} and\n{}", String::from_utf8_lossy(&state), String::from_utf8_lossy(&expected));
        }
    }

    /// The same remark set in any order is the same life, and a remark that is refused is refused everywhere.
    #[test]
    fn a_fold_is_of_a_set(ops in prop::collection::vec(op(), 1..32), seed in any::<u64>()) {
        let feeds = feeds(&ops);
        let roster = alliance();
        let said: Vec<Remark> =
            leaves(&feeds).iter().filter_map(|(author, index, entry)| Remark::new(entry, *author, *index, entry.day())).collect();
        let mut other = [said.clone(), said.clone()].concat();
        other.sort_by_key(|remark| (remark.index ^ seed).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(u64::from(remark.author.0)));
        for publisher in 1..=MEMBERS {
            let listing = held(MemberNumber(publisher));
            let verdicts = |remarks: &[Remark]| {
                let mut told = Vec::new();
                let life = Life::fold_with(&listing, remarks, &roster, |remark, outcome| told.push((*remark, outcome)));
                (life, told)
            };
            prop_assert_eq!(verdicts(&said), verdicts(&other));
        }
    }
}

/// The random feeds reach what they are there to test: otherwise the two properties would say little.
#[test]
fn the_random_feeds_reach_every_stage() {
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let strategy = prop::collection::vec(op(), 1..48);
    let roster = alliance();
    let (mut stages, mut refusals, mut closed) = (BTreeSet::new(), BTreeSet::new(), 0);
    for _ in 0..500 {
        let feeds = feeds(&strategy.new_tree(&mut runner).unwrap().current());
        let all = replica(&leaves(&feeds));
        let said: Vec<Remark> = all.remarks.iter().map(|(_, packed)| Remark::unpack(packed).unwrap()).collect();
        for held in all.held.values() {
            let life = Life::fold_with(held, &said, &roster, |_, outcome| {
                refusals.extend(outcome.err().map(|refusal| format!("{refusal:?}")));
            });
            stages.insert(format!("{:?}", life.stage).split(' ').next().unwrap().to_owned());
            closed += life.disputes.iter().filter(|dispute| dispute.closed.is_some()).count();
        }
    }
    assert!(closed > 50, "{closed}");
    let seen: Vec<&str> = stages.iter().map(String::as_str).collect();
    assert_eq!(seen, ["Committed", "Escalated", "Listed", "Noticed", "Rectified", "Struck"]);
    for refusal in ["AlreadyDisputed", "NoSuchDispute", "NotAMember", "NotEntitled", "Struck", "Ended", "NotNoticed"] {
        assert!(refusals.contains(refusal), "{refusal}: {refusals:?}");
    }
}
