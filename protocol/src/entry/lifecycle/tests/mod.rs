//! The fold, the states and the deadlines, every rule broken once; in `convergence` with random feeds.

mod convergence;
mod deadlines;
mod retention;
mod status;

use super::*;
use crate::{
    base::{Day, MemberNumber},
    charter::{Charter, MemberState},
    codes::{
        CommitmentStep, Conduct, DeclineReason, DisputeReason, List, Measure, NoticeStep, Outcome, Response,
        RulingReason, Severity,
    },
    entry::{
        About, Commitment, Dispute, DisputeAct, Entry, Notice,
        calendar::Calendar,
        ledger::{Ending, Standing},
    },
    fixtures::{remarks, second},
    subject::Class,
};

const ALPHA: MemberNumber = MemberNumber(1);
/// A steward.
const BETA: MemberNumber = MemberNumber(2);
/// A sister of Beta.
const GAMMA: MemberNumber = MemberNumber(3);
const DELTA: MemberNumber = MemberNumber(5);
const STRANGER: MemberNumber = MemberNumber(9);

/// The alliance of the vectors with Beta as its one steward.
fn charter() -> Charter {
    let mut charter = second();
    charter.stewards.retain(|steward| steward.member == BETA);
    charter.stewards.truncate(1);
    charter
}

/// The charter as it was from the first day on that the tests use.
fn since(day: Day, change: impl FnOnce(&mut Charter)) -> Charter {
    let mut charter = charter();
    charter.issued = crate::base::Timestamp::start_of(day);
    change(&mut charter);
    charter
}

fn roster() -> Roster {
    Roster::new([&since(Day(0), |_| ())])
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

/// Monday 2 March 2026.
fn began() -> Day {
    day("2026-03-02")
}

/// Leaf 0 of a publisher's feed, from 2 March 2026 for a year.
fn held(publisher: MemberNumber) -> Held {
    let standing = Standing {
        leaf: 0,
        class: Class::Ent,
        epoch: 1,
        conduct: Conduct::C01,
        severity: Severity::Ordinary,
        role: None,
        direction: None,
        listed: began(),
        expires: began().plus(365),
        document: false,
    };
    Held { publisher, list: List::Cxh, standing, ended: None }
}

/// A remark about Alpha's listing.
fn remark(author: MemberNumber, index: u64, at: Day, act: Act) -> Remark {
    Remark { publisher: ALPHA, list: List::Cxh, class: Class::Ent, epoch: 1, target: 0, author, index, day: at, act }
}

const RECTIFY: Act = Act::Rectify { until: None };
const FACTS: Act = Act::Dispute(DisputeReason::Facts);

fn rule(disputer: MemberNumber, dispute: u64, outcome: Outcome) -> Act {
    Act::Rule { disputer, dispute, outcome, reason: RulingReason::Other }
}

fn measure(measure: Measure, response: Response) -> Act {
    let reason = (response == Response::Declined).then_some(DeclineReason::NotHere);
    Act::Measure { measure, response, reason }
}

/// The life, and what became of each remark in the order of the fold.
fn fold(remarks: &[Remark]) -> (Life, Vec<Result<(), Refusal>>) {
    let mut told = Vec::new();
    let life = Life::fold_with(&held(ALPHA), remarks, &roster(), |_, outcome| told.push(outcome));
    (life, told)
}

fn refused(remarks: &[Remark], refusal: Refusal) {
    let (life, told) = fold(remarks);
    assert_eq!(told.last(), Some(&Err(refusal)), "{remarks:?}");
    let (before, _) = fold(&remarks[..remarks.len() - 1]);
    assert_eq!(Life { refused: life.refused - 1, ..life }, before, "what is refused has no effect");
}

#[test]
fn a_listing_is_noticed_committed_and_rectified() {
    let [d1, d2, d3] = [1, 5, 60].map(|days| began().plus(days));
    let told = [remark(BETA, 4, d1, RECTIFY), remark(ALPHA, 3, d2, Act::Commit), remark(ALPHA, 8, d3, Act::Rectified)];
    let (life, outcomes) = fold(&told);
    assert_eq!((life.stage, outcomes), (Stage::Rectified { day: d3 }, vec![Ok(()); 3])); // LIFE-4
    assert_eq!((life.noticed, life.committed, life.rectified), (Some(d1), Some(d2), Some(d3)));
    assert_eq!(fold(&told[..2]).0.stage, Stage::Committed { day: d2, due: day("2026-06-07") }); // DEADLINE-5
}

#[test]
fn who_has_no_say_changes_nothing() {
    refused(&[remark(STRANGER, 0, began(), FACTS)], Refusal::NotAMember); // LIFE-1
    refused(&[remark(DELTA, 0, began(), RECTIFY)], Refusal::NotEntitled); // LIFE-1
    refused(
        &[remark(DELTA, 0, began(), FACTS), remark(BETA, 0, began(), rule(DELTA, 0, Outcome::Rejected))],
        Refusal::NotEntitled, // LIFE-1
    );
    let expelled = |charter: &mut Charter| {
        let delta = charter.members.iter_mut().find(|member| member.number == DELTA).unwrap();
        delta.state = MemberState::Expelled;
    };
    let roster = Roster::new([&since(Day(0), expelled)]);
    let life = Life::fold(&held(ALPHA), &[remark(DELTA, 0, began(), FACTS)], &roster);
    assert_eq!((life.disputes.len(), life.refused), (0, 1)); // LIFE-1
    // M09 is for alliances that take it.
    let m09 = remark(DELTA, 0, began(), measure(Measure::M09, Response::Applied));
    refused(&[m09], Refusal::MeasureNotAllowed); // LIFE-1
    let roster = Roster::new([&since(Day(0), |charter| charter.policy.financial_measures = true)]);
    assert_eq!(Life::fold(&held(ALPHA), &[m09], &roster).measures.len(), 1);
}

#[test]
fn an_earlier_stewards_notices_go_on_to_hold() {
    let handover = began().plus(30);
    let delta_serves = |charter: &mut Charter| charter.stewards[0].member = DELTA;
    let roster = Roster::new([&since(Day(0), |_| ()), &since(handover, delta_serves)]);
    let who = |member, at| roster.who(member, ALPHA, at);
    for (at, beta, delta) in [
        (began(), Who::Steward, Who::Member),
        (Day(handover.0 - 1), Who::Steward, Who::Member),
        (handover, Who::Steward, Who::Steward),
        (handover.plus(1), Who::Member, Who::Steward),
    ] {
        assert_eq!((who(BETA, at), who(DELTA, at)), (beta, delta), "{at}"); // LIFE-1
    }
    assert_eq!(who(ALPHA, handover), Who::Publisher);
    assert_eq!(roster.who(BETA, BETA, began()), Who::Publisher, "its own listing");
    let notice = remark(BETA, 0, began(), RECTIFY);
    let Stage::Noticed { .. } = Life::fold(&held(ALPHA), &[notice], &roster).stage else { panic!("it holds") };
}

#[test]
fn a_remark_is_about_one_listing() {
    let good = remark(DELTA, 0, began(), FACTS);
    for wrong in [Remark { class: Class::Web, ..good }, Remark { list: List::Ecb, ..good }, Remark { epoch: 2, ..good }]
    {
        refused(&[wrong], Refusal::WrongKey); // LIFE-2
    }
    // About another listing altogether: not a word of it here.
    for other in [Remark { target: 1, ..good }, Remark { publisher: BETA, ..good }] {
        assert_eq!(fold(&[other]), (Life::default(), vec![]));
    }
}

#[test]
fn one_order_whatever_the_days_say() {
    let (at, next) = (began().plus(3), began().plus(4));
    // On one day: Alpha's commitment answers Beta's notice although Alpha comes first by number.
    let (life, _) = fold(&[remark(ALPHA, 9, at, Act::Commit), remark(BETA, 0, at, RECTIFY)]);
    assert_eq!((life.stage, life.refused), (Stage::Committed { day: at, due: at.plus_months(3) }, 0)); // LIFE-3
    // And its ruling the dispute of a member with a higher number.
    let (life, _) = fold(&[remark(ALPHA, 9, at, rule(DELTA, 2, Outcome::Rejected)), remark(DELTA, 2, at, FACTS)]);
    assert_eq!((life.refused, life.disputes[0].closed), (0, Some(at))); // LIFE-3
    // A feed keeps its own order: what is dated back counts as made after what stands before it.
    let back = [remark(ALPHA, 0, next, RECTIFY), remark(ALPHA, 1, at, Act::Commit)];
    let (life, _) = fold(&back);
    assert_eq!(life.committed, Some(next)); // LIFE-3
    // A second notice of the same day and feed comes after what stands between the two.
    let again = [remark(ALPHA, 0, at, RECTIFY), remark(ALPHA, 1, at, Act::Commit), remark(ALPHA, 2, at, RECTIFY)];
    assert_eq!(fold(&again).1, [Ok(()), Ok(()), Err(Refusal::AlreadyNoticed)]); // LIFE-3
    // A clock that is slow does not put a dispute before the listing.
    let (life, _) = fold(&[remark(DELTA, 0, Day(began().0 - 1), FACTS)]);
    assert_eq!(life.disputes[0].filed, began()); // LIFE-3
    // A ruling that is dated before its dispute answers nothing.
    let early = [remark(ALPHA, 0, at, rule(DELTA, 0, Outcome::Upheld)), remark(DELTA, 0, next, FACTS)];
    assert_eq!(fold(&early).1, [Err(Refusal::NoSuchDispute), Ok(())]); // LIFE-7
}

/// What Delta says of Alpha's listing in an entry that bears one day and is published on another.
fn dated(entry: impl FnOnce(About) -> Entry, borne: Day, published: Day) -> Remark {
    let about = About { publisher: Some(ALPHA), day: borne, ..crate::fixtures::about() };
    let entry = entry(about);
    assert_eq!(entry.check(), Ok(()));
    Remark::new(&entry, BETA, 0, published).unwrap()
}

#[test]
fn no_term_hangs_on_the_day_that_a_remark_bears() {
    let (today, years) = (began().plus(30), 3 * 365);
    let act = DisputeAct::Filed { reason: DisputeReason::Facts, evidence: [1; 32] };
    for borne in [Day(today.0 - years), today.plus(years)] {
        // A dispute: twenty days from its publication, and an answer is one whatever day the dispute bears.
        let dispute = dated(|about| Entry::Dispute(Dispute { about, act: act.clone() }), borne, today);
        let of = [held(ALPHA)];
        let suspended = |at: Day| {
            let cutoffs = Cutoffs::new(&Calendar::new(), at);
            Subject::new(&of, &[dispute], &roster()).statuses(&cutoffs)[0].suspended
        };
        assert!(!suspended(today.plus(20)) && suspended(today.plus(21)), "{borne}"); // LIFE-3, LIFE-13
        let ruled = remark(ALPHA, 9, today.plus(1), rule(BETA, 0, Outcome::Rejected));
        assert_eq!(fold(&[dispute, ruled]).1, [Ok(()), Ok(())], "{borne}"); // LIFE-3
        // A commitment: three months from its publication.
        let step = CommitmentStep::Committed;
        let commit = dated(|about| Entry::Commitment(Commitment { about, step, evidence: [1; 32] }), borne, today);
        let (life, _) = fold(&[remark(ALPHA, 0, began(), RECTIFY), commit]);
        assert_eq!(life.stage, Stage::Committed { day: today, due: today.plus_months(3) }, "{borne}"); // DEADLINE-5
        // A notice: its own term as far as it lies ahead of its publication, else that of DEADLINE-5.
        let notice = |until| {
            let step = NoticeStep::Rectify;
            let notice = |about| Entry::Notice(Notice { about, step, until: Some(until), document: None });
            fold(&[dated(notice, borne, today)]).0.stage
        };
        for until in [borne.plus(1), borne.plus(366)] {
            assert_eq!(notice(until), Stage::Noticed { day: today, until: None }, "{until}"); // LIFE-5
        }
        // Who was a steward on another day gives no notice now.
        let (then, now) = (since(Day(0), |_| ()), since(today.plus(years / 2), |charter| charter.stewards.clear()));
        let rectify = |about| Entry::Notice(Notice { about, step: NoticeStep::Rectify, until: None, document: None });
        let late = dated(rectify, borne, today.plus(years));
        assert_eq!(Life::fold(&held(ALPHA), &[late], &Roster::new([&then, &now])).refused, 1, "{borne}"); // LIFE-1
    }
    let until = Some(today.plus(366));
    let notice = remark(BETA, 0, today, Act::Rectify { until });
    assert_eq!(fold(&[notice]).0.stage, Stage::Noticed { day: today, until }); // LIFE-5
}

#[test]
fn the_table_refuses_what_does_not_follow() {
    let at = began().plus(1);
    let notice = remark(BETA, 0, began(), RECTIFY);
    let commit = remark(ALPHA, 0, began(), Act::Commit);
    let done = remark(ALPHA, 1, at, Act::Rectified);
    refused(&[commit], Refusal::NotNoticed); // LIFE-4
    refused(&[remark(BETA, 1, at, Act::Urge)], Refusal::NotNoticed); // LIFE-4
    refused(&[notice, remark(BETA, 1, at, RECTIFY)], Refusal::AlreadyNoticed); // LIFE-4
    refused(&[notice, done], Refusal::NotCommitted); // LIFE-4
    refused(&[notice, commit, remark(BETA, 1, at, Act::Commit)], Refusal::AlreadyCommitted); // LIFE-4
    refused(&[notice, commit, done, remark(BETA, 1, at, Act::Urge)], Refusal::AlreadyRectified); // LIFE-4
    let late = began().plus(11);
    let escalate = remark(BETA, 1, late, Act::Escalate);
    refused(&[notice, escalate, remark(BETA, 2, late, Act::Escalate)], Refusal::AlreadyEscalated); // LIFE-4
    // LIFE-5: ten days after the notice, or past its own day; past the last day of rectification.
    refused(&[notice, remark(BETA, 1, began().plus(10), Act::Escalate)], Refusal::NotOverdue);
    let own_term = remark(BETA, 0, began(), Act::Rectify { until: Some(began().plus(5)) });
    refused(&[own_term, remark(BETA, 1, began().plus(5), Act::Escalate)], Refusal::NotOverdue); // LIFE-5
    assert_eq!(fold(&[own_term, remark(BETA, 1, began().plus(6), Act::Escalate)]).0.refused, 0);
    let due = began().plus_months(3);
    refused(&[notice, commit, remark(BETA, 1, due, Act::Escalate)], Refusal::NotOverdue); // LIFE-5
    let (life, _) = fold(&[notice, commit, remark(BETA, 1, due.plus(1), Act::Escalate)]);
    assert_eq!(life.stage, Stage::Escalated { day: due.plus(1) });
    // After an escalation the subject may still commit itself, with three months again.
    let (life, _) = fold(&[own_term, escalate, remark(ALPHA, 5, late.plus(2), Act::Commit)]);
    assert_eq!(life.stage, Stage::Committed { day: late.plus(2), due: late.plus(2).plus_months(3) });
}

#[test]
fn disputes_are_filed_answered_and_taken_back() {
    let [d1, d2, d3] = [1, 2, 3].map(|days| began().plus(days));
    let filed = remark(DELTA, 0, d1, FACTS);
    refused(&[filed, remark(DELTA, 1, d2, Act::Dispute(DisputeReason::Victim))], Refusal::AlreadyDisputed); // LIFE-6
    let rejected = remark(ALPHA, 0, d2, rule(DELTA, 0, Outcome::Rejected));
    refused(&[filed, rejected, remark(DELTA, 1, d3, FACTS)], Refusal::AlreadyAnswered); // LIFE-6
    let (life, _) = fold(&[filed, rejected, remark(DELTA, 1, d3, Act::Dispute(DisputeReason::Victim))]);
    assert_eq!(life.open_dispute().map(|dispute| (dispute.index, dispute.filed)), Some((1, d3)));
    assert_eq!(life.disputes[0].ruling, Some((Outcome::Rejected, RulingReason::Other)));
    // Another member's word is another dispute.
    assert_eq!(fold(&[filed, remark(GAMMA, 0, d1, FACTS)]).0.disputes.len(), 2);
    let back = remark(DELTA, 1, d2, Act::Withdraw { dispute: 0 });
    let (life, _) = fold(&[filed, back]);
    assert_eq!((life.open_dispute(), life.disputes[0].closed, life.disputes[0].ruling), (None, Some(d2), None));
    refused(&[filed, back, remark(ALPHA, 0, d3, rule(DELTA, 0, Outcome::Upheld))], Refusal::DisputeClosed); // LIFE-7
    refused(&[filed, remark(GAMMA, 1, d2, Act::Withdraw { dispute: 0 })], Refusal::NoSuchDispute); // LIFE-7
    refused(&[filed, remark(ALPHA, 0, d2, rule(DELTA, 1, Outcome::Upheld))], Refusal::NoSuchDispute); // LIFE-7
    refused(&[filed, rejected, remark(ALPHA, 1, d3, rule(DELTA, 0, Outcome::Upheld))], Refusal::DisputeClosed); // LIFE-7
}

#[test]
fn a_member_decides_once_on_a_measure() {
    let say = |index: u64, response| remark(DELTA, index, began().plus(1), measure(Measure::P05, response));
    use Response::{Acknowledged, Applied, Declined};
    for (first, second) in [
        (Applied, Declined),
        (Applied, Acknowledged),
        (Declined, Acknowledged),
        (Applied, Applied),
        (Declined, Declined),
    ] {
        refused(&[say(0, first), say(1, second)], Refusal::AlreadyDecided); // LIFE-8
    }
    for (first, second) in [(Acknowledged, Applied), (Acknowledged, Declined), (Declined, Applied)] {
        let (life, _) = fold(&[say(0, first), say(1, second)]);
        assert_eq!((life.measures.len(), life.measures[0].response, life.refused), (1, second, 0)); // LIFE-8
    }
    let other = remark(GAMMA, 0, began(), measure(Measure::P05, Applied));
    assert_eq!(fold(&[say(0, Applied), other]).0.measures.len(), 2);
}

#[test]
fn a_struck_listing_only_closes_its_disputes() {
    let [d1, d2, d3] = [1, 2, 3].map(|days| began().plus(days));
    for outcome in [Outcome::Upheld, Outcome::Withdrawn] {
        let struck =
            [remark(DELTA, 0, d1, FACTS), remark(GAMMA, 0, d1, FACTS), remark(ALPHA, 0, d2, rule(DELTA, 0, outcome))];
        assert_eq!(fold(&struck).0.stage, Stage::Struck { day: d2 }); // LIFE-9
        let then = |author, index, act| [&struck[..], &[remark(author, index, d3, act)]].concat();
        refused(&then(BETA, 0, RECTIFY), Refusal::Struck); // LIFE-9
        refused(&then(BETA, 0, FACTS), Refusal::Struck); // LIFE-9
        refused(&then(BETA, 0, measure(Measure::M01, Response::Applied)), Refusal::Struck); // LIFE-9
        let (life, _) = fold(&then(ALPHA, 1, rule(GAMMA, 0, Outcome::Rejected)));
        assert_eq!((life.refused, life.open_dispute(), life.stage), (0, None, Stage::Struck { day: d2 }));
    }
    for outcome in [Outcome::Corrected, Outcome::Rejected] {
        let ruled = [remark(DELTA, 0, d1, FACTS), remark(ALPHA, 0, d2, rule(DELTA, 0, outcome))];
        assert_eq!(fold(&ruled).0.stage, Stage::Listed);
    }
}

#[test]
fn nothing_is_said_after_the_clearing() {
    let cleared = began().plus(5);
    let held = Held { ended: Some(Ending { day: cleared, reason: crate::codes::Reason::Repaired }), ..held(ALPHA) };
    let at = |at| {
        let mut told = Vec::new();
        Life::fold_with(&held, &[remark(DELTA, 0, at, FACTS)], &roster(), |_, outcome| told.push(outcome));
        told
    };
    assert_eq!((at(cleared), at(cleared.plus(1))), (vec![Ok(())], vec![Err(Refusal::Ended)])); // LIFE-10
}

#[test]
fn remarks_pack_into_32_bytes_and_back() {
    let mut packed = Vec::new();
    for (index, entry) in remarks().iter().enumerate() {
        let remark = Remark::new(entry, DELTA, index as u64, entry.day()).unwrap();
        assert_eq!(Remark::unpack(&remark.pack()), Some(remark));
        packed.push(remark.pack());
    }
    // A ruling and a commitment are about the author's own listing.
    let publishers: Vec<u16> =
        remarks().iter().map(|e| Remark::new(e, DELTA, 0, e.day()).unwrap().publisher.0).collect();
    assert_eq!(publishers, [1, 5, 1, 1, 5, 1, 1]);
    let all = [
        RECTIFY,
        Act::Rectify { until: Some(Day::MAX) },
        Act::Urge,
        Act::Escalate,
        Act::Commit,
        Act::Rectified,
        FACTS,
        Act::Withdraw { dispute: u64::from(u32::MAX) - 1 },
        rule(MemberNumber(u16::MAX), 7, Outcome::Corrected),
        measure(Measure::G06, Response::Applied),
        measure(Measure::P09, Response::Declined),
    ];
    for act in all {
        let remark = Remark { target: u64::from(u32::MAX) - 1, ..remark(DELTA, 3, Day::MAX, act) };
        assert_eq!(Remark::unpack(&remark.pack()), Some(remark));
        // Any other last byte is damage, as is a kind that does not exist.
        for (at, value) in [(PACKED_BYTES - 1, 1), (18, 0), (18, 10), (2, 0), (3, 0)] {
            let mut bytes = remark.pack();
            bytes[at] = value;
            assert_eq!(Remark::unpack(&bytes), None, "{act:?} at {at}");
        }
    }
    for entry in crate::fixtures::entries() {
        assert_eq!(Remark::new(&entry, DELTA, 0, entry.day()), None);
    }
}
