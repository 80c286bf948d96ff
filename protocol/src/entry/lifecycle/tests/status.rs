//! What an asker sees: confirmation, lapsing, disputes, marks and what is enforceable.

use super::*;
use crate::codes::{Reason, State};

fn cutoffs(at: Day) -> Cutoffs {
    Cutoffs::new(&Calendar::new(), at)
}

fn statuses_by(roster: &Roster, held: &[Held], remarks: &[Remark], at: Day) -> Vec<Status> {
    Subject::new(held, remarks, roster).statuses(&cutoffs(at))
}

fn statuses(held: &[Held], remarks: &[Remark], at: Day) -> Vec<Status> {
    statuses_by(&roster(), held, remarks, at)
}

/// Alpha's listing, confirmed by Delta's.
fn confirmed() -> [Held; 2] {
    [held(ALPHA), held(DELTA)]
}

fn first(held: &[Held], remarks: &[Remark], at: Day) -> Status {
    statuses(held, remarks, at)[0]
}

fn changed(mut held: Held, change: impl FnOnce(&mut Standing)) -> Held {
    change(&mut held.standing);
    held
}

#[test]
fn two_members_under_different_control_confirm() {
    let at = began().plus(1);
    let alone = first(&[held(ALPHA)], &[], at);
    assert_eq!((alone.state, alone.members, alone.enforceable), (State::Reported, 1, false)); // LIFE-11
    let later = changed(held(DELTA), |s| s.listed = began().plus(4));
    for status in statuses(&[held(ALPHA), later], &[], began().plus(4)) {
        assert_eq!((status.state, status.members, status.enforceable), (State::Confirmed, 2, true));
        assert_eq!(status.confirmed, Some(began().plus(4))); // LIFE-11: since the second
    }
    // Beta and its sister Gamma are one.
    for status in statuses(&[held(BETA), held(GAMMA)], &[], at) {
        assert_eq!((status.state, status.members), (State::Reported, 1)); // LIFE-11
    }
    // So are two lists, two epochs or two tokens of one member.
    let more = [held(ALPHA), Held { list: List::Ecb, ..held(ALPHA) }, changed(held(ALPHA), |s| s.epoch = 2)];
    assert!(statuses(&more, &[], at).iter().all(|status| status.members == 1)); // LIFE-11
    // Another conduct confirms nothing, nor does a candidate, a mark, a statutory list, an expired or a cleared listing.
    let ended = Some(Ending { day: at, reason: Reason::Mistake });
    for other in [
        changed(held(DELTA), |s| s.conduct = Conduct::C02),
        changed(held(DELTA), |s| s.expires = at),
        Held { list: List::Cand, ..held(DELTA) },
        Held { list: List::Red, ..held(DELTA) },
        Held { list: List::SrcTax, ..held(DELTA) },
        Held { ended, ..held(DELTA) },
        held(STRANGER),
    ] {
        assert_eq!(first(&[held(ALPHA), other], &[], at).members, 1, "{other:?}"); // LIFE-11
    }
    let three = Roster::new([&since(Day(0), |charter| charter.policy.corroboration = 3)]);
    let all = [held(ALPHA), held(BETA), held(DELTA)];
    assert!(statuses_by(&three, &all[..2], &[], at).iter().all(|status| status.confirmed.is_none()));
    assert!(statuses_by(&three, &all, &[], at).iter().all(|status| status.enforceable));
}

#[test]
fn one_document_confirms() {
    let documented = changed(held(ALPHA), |s| s.document = true);
    let status = first(&[documented], &[], began());
    assert_eq!((status.state, status.confirmed, status.enforceable), (State::Confirmed, Some(began()), true)); // LIFE-11
    let statutory = Held { list: List::SrcCourt, ..documented };
    assert!(first(&[statutory], &[], began().plus(200)).enforceable);
}

#[test]
fn an_unconfirmed_report_lapses_and_comes_back() {
    // 15 working days after Monday 2 March 2026: Monday 23 March.
    let last = day("2026-03-23");
    let state = |held: &[Held], at| first(held, &[], at).state;
    assert_eq!([last, last.plus(1)].map(|at| state(&[held(ALPHA)], at)), [State::Reported, State::Lapsed]); // LIFE-14
    // DEADLINE-3: around the National Day the same term has other days.
    let autumn = changed(held(ALPHA), |s| s.listed = day("2026-09-18"));
    assert_eq!([day("2026-10-15"), day("2026-10-16")].map(|at| state(&[autumn], at)), [State::Reported, State::Lapsed]);
    // It is a function of what is so now: a second member confirms it again, and its clearing takes that away.
    let second = changed(held(DELTA), |s| s.listed = last.plus(9));
    let at = last.plus(10);
    let both = first(&[held(ALPHA), second], &[], at);
    assert_eq!((both.state, both.enforceable), (State::Confirmed, true)); // LIFE-11
    let cleared = Held { ended: Some(Ending { day: at, reason: Reason::Mistake }), ..second };
    let alone = first(&[held(ALPHA), cleared], &[], at);
    assert_eq!((alone.state, alone.enforceable), (State::Lapsed, false));
    // Candidates and marks do not lapse.
    for (list, state) in [(List::Cand, State::Reported), (List::Vic, State::Confirmed), (List::Red, State::Confirmed)] {
        let status = first(&[Held { list, ..held(ALPHA) }], &[], at);
        assert_eq!((status.state, status.enforceable), (state, false), "{list}");
    }
}

#[test]
fn a_dispute_takes_force_at_once_and_a_ruling_for_good() {
    let at = began().plus(5);
    let filed = remark(BETA, 0, at, FACTS);
    let [alpha, delta] = statuses(&confirmed(), &[filed], at)[..] else { panic!("two") };
    assert_eq!((alpha.disputed, alpha.state, alpha.enforceable), (Some(at), State::Confirmed, false)); // LIFE-13
    assert_eq!((delta.disputed, delta.enforceable), (None, true), "it disputes one listing");
    // LIFE-13, DEADLINE-6: past the 20th day it suspends by itself, and then confirms no other.
    let stop = at.plus(20);
    assert!(!first(&confirmed(), &[filed], stop).suspended);
    let [alpha, delta] = statuses(&confirmed(), &[filed], stop.plus(1))[..] else { panic!("two") };
    assert!(alpha.suspended && !alpha.enforceable && !delta.enforceable);
    assert_eq!((delta.members, delta.state), (1, State::Lapsed));
    // A rejection gives the force back, also after the hard stop.
    let rejected = remark(ALPHA, 0, stop.plus(5), rule(BETA, 0, Outcome::Rejected));
    let back = first(&confirmed(), &[rejected, filed], stop.plus(5));
    assert_eq!((back.disputed, back.suspended, back.enforceable), (None, false, true));
    // An upheld one takes it for good, before the clearing arrives.
    let upheld = remark(ALPHA, 0, at, rule(BETA, 0, Outcome::Upheld));
    let [alpha, delta] = statuses(&confirmed(), &[upheld, filed], at)[..] else { panic!("two") };
    assert_eq!((alpha.struck, alpha.state, alpha.enforceable), (true, State::Withdrawn, false)); // LIFE-9
    assert_eq!((delta.members, delta.enforceable), (1, false), "nothing confirms it any more");
}

#[test]
fn a_victim_mark_keeps_everything_from_force() {
    let at = began().plus(1);
    let vic = |publisher| Held { list: List::Vic, ..changed(held(publisher), |s| s.conduct = Conduct::C04) };
    let status = statuses(&[held(ALPHA), held(DELTA), vic(GAMMA)], &[], at);
    assert!(status.iter().all(|status| status.victim && !status.enforceable)); // LIFE-13
    let expired = changed(vic(GAMMA), |s| s.expires = at);
    for gone in
        [expired, vic(STRANGER), Held { ended: Some(Ending { day: at, reason: Reason::Mistake }), ..vic(GAMMA) }]
    {
        let status = first(&[held(ALPHA), held(DELTA), gone], &[], at);
        assert!(!status.victim && status.enforceable);
    }
    // A mark that a ruling has struck protects nobody; while it is only disputed it does.
    let about = |author, index, act| Remark { publisher: GAMMA, list: List::Vic, ..remark(author, index, at, act) };
    let said = [about(ALPHA, 0, FACTS), about(GAMMA, 1, rule(ALPHA, 0, Outcome::Upheld))];
    let victim = |said: &[Remark]| first(&[held(ALPHA), held(DELTA), vic(GAMMA)], said, at).victim;
    assert_eq!([victim(&said[..1]), victim(&said)], [true, false]); // LIFE-13
}

#[test]
fn payment_accounts_need_the_charter() {
    let accounts = confirmed().map(|held| changed(held, |s| s.class = Class::Pay));
    assert!(!first(&accounts, &[], began()).enforceable); // LIFE-12
    let takes = Roster::new([&since(Day(0), |charter| charter.policy.payment_accounts = true)]);
    assert!(statuses_by(&takes, &accounts, &[], began())[0].enforceable); // LIFE-12
}

#[test]
fn the_state_is_the_first_that_fits() {
    let [d1, d2] = [1, 2].map(|days| began().plus(days));
    let notice = remark(BETA, 0, d1, RECTIFY);
    let commit = remark(ALPHA, 0, d2, Act::Commit);
    let state = |remarks: &[Remark], at| {
        let status = first(&confirmed(), remarks, at);
        (status.state, status.enforceable)
    };
    assert_eq!(state(&[notice], d1), (State::Noticed, true)); // LIFE-14
    // Ten working days after Tuesday 3 March: the 17th.
    assert_eq!(state(&[notice], day("2026-03-17")), (State::Noticed, true));
    assert_eq!(state(&[notice], day("2026-03-18")), (State::Overdue, true)); // DEADLINE-5
    let until = remark(BETA, 0, d1, Act::Rectify { until: Some(d1.plus(3)) });
    assert_eq!([3, 4].map(|days| state(&[until], d1.plus(days)).0), [State::Noticed, State::Overdue]);
    assert_eq!(state(&[notice, commit], day("2026-06-04")), (State::Committed, true));
    assert_eq!(state(&[notice, commit], day("2026-06-05")), (State::Overdue, true));
    let escalated = remark(BETA, 1, day("2026-06-05"), Act::Escalate);
    assert_eq!(state(&[notice, commit, escalated], day("2026-06-05")), (State::Escalated, true));
    let rectified = remark(ALPHA, 1, d2, Act::Rectified);
    assert_eq!(state(&[notice, commit, rectified], d2), (State::Rectified, false)); // LIFE-13
    assert_eq!(state(&[notice, commit], began().plus(365)), (State::Expired, false));
    let clear = |reason| Held { ended: Some(Ending { day: d2, reason }), ..held(ALPHA) };
    for reason in Reason::ALL {
        let repaired = matches!(reason, Reason::Rectified | Reason::Repaired);
        let state = if repaired { State::Repaired } else { State::Withdrawn };
        assert_eq!(first(&[clear(*reason), held(DELTA)], &[], d2).state, state, "{reason}"); // LIFE-14
    }
    // A listing alone stays lapsed whatever was said of it.
    let alone = first(&[held(ALPHA)], &[notice, commit], day("2026-04-01"));
    assert_eq!((alone.state, alone.enforceable), (State::Lapsed, false));
}

#[test]
fn what_is_refused_here_is_refused_when_it_is_made() {
    let at = began().plus(1);
    let roster = roster();
    let admit = |held: &[Held], remarks: &[Remark], new: Remark, at| {
        Subject::new(held, remarks, &roster).admit(&new, remarks, &cutoffs(at))
    };
    let notice = remark(BETA, 0, at, RECTIFY);
    assert_eq!(admit(&confirmed(), &[], notice, at), Ok(()));
    assert_eq!(admit(&[], &[], notice, at), Err(Refusal::NoListing)); // LIFE-2
    assert_eq!(admit(&[held(DELTA)], &[], notice, at), Err(Refusal::NoListing)); // LIFE-2
    assert_eq!(admit(&confirmed(), &[], Remark { target: 4, ..notice }, at), Err(Refusal::NoListing)); // LIFE-2
    assert_eq!(admit(&confirmed(), &[], Remark { epoch: 2, ..notice }, at), Err(Refusal::WrongKey)); // LIFE-2
    assert_eq!(admit(&[held(ALPHA)], &[], notice, at), Err(Refusal::NotConfirmed)); // LIFE-15
    assert_eq!(admit(&confirmed(), &[], remark(DELTA, 0, at, RECTIFY), at), Err(Refusal::NotEntitled)); // LIFE-1
    let filed = remark(DELTA, 0, at, FACTS);
    assert_eq!(admit(&[held(ALPHA)], &[], filed, at), Ok(()), "any report may be disputed");
    assert_eq!(admit(&[held(ALPHA)], &[filed], remark(DELTA, 1, at, FACTS), at), Err(Refusal::AlreadyDisputed)); // LIFE-6
    // LIFE-15: ten days have passed, ten working days have not.
    let early = remark(BETA, 1, at.plus(11), Act::Escalate);
    assert_eq!(admit(&confirmed(), &[notice], early, at.plus(11)), Err(Refusal::NotOverdue));
    let late = remark(BETA, 1, day("2026-03-18"), Act::Escalate);
    assert_eq!(admit(&confirmed(), &[notice], late, late.day), Ok(()));
}
