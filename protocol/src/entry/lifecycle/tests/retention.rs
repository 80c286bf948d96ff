//! When leaves are due, and that erasing what is due never makes another state of what stays.

use proptest::prelude::*;

use super::*;
use crate::{
    codes::Reason,
    entry::ledger::{Action, Change, Effect},
};

fn change(index: u64, day: u32, action: Action) -> Change {
    Change { index, class: Class::Acc, epoch: 1, day: Day(day), action }
}

fn list(index: u64, day: u32, expires: u32) -> Change {
    let action = Action::List {
        conduct: Conduct::C01,
        severity: Severity::Minor,
        role: None,
        direction: None,
        expires: Day(expires),
        carries: None,
        document: false,
    };
    change(index, day, action)
}

fn amend(index: u64, day: u32, target: u64, expires: u32) -> Change {
    let action = Action::Amend {
        target,
        conduct: None,
        severity: None,
        role: None,
        direction: None,
        expires: Some(Day(expires)),
        document: false,
    };
    change(index, day, action)
}

fn clear(index: u64, day: u32, target: u64) -> Change {
    change(index, day, Action::Clear { target, reason: Reason::Repaired })
}

/// Each published on its day.
fn on_time(changes: &[Change]) -> Vec<(Change, Day)> {
    changes.iter().map(|change| (*change, change.day)).collect()
}

fn due(changes: &[Change]) -> Vec<u32> {
    due_days(&on_time(changes)).into_iter().map(|day| day.0).collect()
}

#[test]
fn a_listing_goes_as_a_whole() {
    // Accounts: 90 days after the end.
    assert_eq!(due(&[list(0, 1000, 1100)]), [1190]); // FORGET-1
    assert_eq!(due(&[list(0, 1000, 1100), amend(1, 1010, 0, 1300)]), [1390; 2]); // FORGET-1
    assert_eq!(due(&[list(0, 1000, 1100), amend(1, 1010, 0, 1300), clear(2, 1020, 0)]), [1110; 3]); // FORGET-1
    // Five years from its day at the latest: 60 months after 27 September 1972.
    assert_eq!(due(&[list(0, 1000, 2820)]), [Day(1000).plus_months(60).0]);
    assert_eq!(due(&[list(0, 1000, 1100), clear(1, 1020, 0), list(2, 1050, 1400)]), [1110, 1110, 1490]);
}

/// Else a member that was away for a day could miss a clearing for ever.
#[test]
fn what_is_dated_back_is_kept_for_as_long() {
    let day = Day(1090);
    let of = |changes: &[Change]| due_days(&changes.iter().map(|change| (*change, day)).collect::<Vec<_>>());
    assert_eq!(of(&[list(0, 1000, 1100), clear(1, 1001, 0)]), [Day(1180); 2]); // FORGET-1
    assert_eq!(of(&[list(0, 1000, 1400), amend(1, 1001, 0, 1010)]), [Day(1180); 2]); // FORGET-1
    assert_eq!(of(&[clear(0, 1000, 7)]), [Day(1180)]); // FORGET-2
}

#[test]
fn what_has_no_effect_goes_by_its_own_days_and_never_comes_into_effect() {
    assert_eq!(due(&[clear(0, 1000, 7), amend(1, 1001, 3, 1200)]), [1090, 1091]); // FORGET-2
    // Once the first listing is gone, the second would take effect.
    assert_eq!(due(&[list(0, 1000, 1100), list(1, 1050, 1500)]), [1190; 2]); // FORGET-2
    assert_eq!(due(&[list(0, 1000, 1400), list(1, 1050, 1100)]), [1490, 1190]); // FORGET-2
    assert_eq!(due(&[list(0, 1000, 1100), clear(1, 1010, 9)]), [1190, 1100]); // FORGET-2
}

#[test]
fn no_listing_goes_before_an_earlier_one() {
    // The second one is dated back and its clearing further.
    let changes = [list(0, 1000, 1100), clear(1, 1050, 0), list(2, 1001, 1100), clear(3, 1002, 2)];
    assert_eq!(due(&changes), [1092; 4]); // FORGET-3
}

#[test]
fn a_remark_goes_with_its_listing() {
    let due = |class, target| remark_due(class, Day(1000), target);
    assert_eq!(due(Class::Mob, Target::Listing), None); // FORGET-4
    assert_eq!(due(Class::Ent, Target::Erased), Some(Day(1030))); // FORGET-4, FORGET-5
    assert_eq!(due(Class::Mob, Target::Other), Some(Day(1030))); // FORGET-4
    assert_eq!(due(Class::Ent, Target::Other), Some(Day(1365))); // FORGET-4
    // No sooner than with a listing of its day: whoever lacks the target erases nothing that the others keep.
    for class in Class::ALL {
        let with_listing = erase_on(*class, Day(1000), Day(1000).plus(5 * 366)).max(Day(1030));
        assert!(due(*class, Target::Unknown) >= Some(with_listing)); // FORGET-4
    }
    assert_eq!(due(Class::Mob, Target::Unknown), Some(Day(1000).plus_months(60))); // FORGET-4
}

/// One step: kind, days since the last entry (or before it), term or target.
fn steps() -> impl Strategy<Value = Vec<(u8, i32, u32)>> {
    prop::collection::vec((0u8..7, -30i32..120, 0u32..200), 1..14)
}

fn changes(steps: &[(u8, i32, u32)], backdated: bool) -> Vec<Change> {
    let (mut at, mut lists, mut changes) = (2000u32, vec![0u64], Vec::new());
    for (index, (kind, later, number)) in (0u64..).zip(steps) {
        at = at.saturating_add_signed(if backdated { *later } else { (*later).max(0) });
        let target = lists[lists.len() - 1 - (*number as usize % lists.len().min(2))];
        let mut made = match kind {
            0..=2 => list(index, at, at + 1 + number),
            3 | 4 => clear(index, at, target),
            _ => amend(index, at, target, at + 1 + number),
        };
        // Most of one class: the terms of retention differ.
        made.class = if *number == 199 && backdated { Class::Ent } else { Class::Acc };
        if *kind < 3 {
            lists.push(index);
        }
        changes.push(made);
    }
    changes
}

/// What stands after these, in their order.
fn fold<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Option<Standing> {
    changes.into_iter().fold(None, |current, change| match change.apply(current.as_ref()) {
        Effect::Stands(standing) => Some(standing),
        Effect::Cleared(_) => None,
        Effect::Void(_) => current,
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    /// On every day, after every entry: what stays makes the state that all of it makes, or none if that listing is erased.
    #[test]
    fn what_stays_makes_the_same_state(steps in steps()) {
        let changes = changes(&steps, true);
        let due = due_days(&on_time(&changes));
        let mut days = due.clone();
        days.sort_unstable();
        for day in days {
            let stays = |change: &&Change| due[change.index as usize] > day;
            for until in 1..=changes.len() {
                // An entry that nobody had yet on that day changes nothing about what was erased.
                let whole = fold(&changes[..until]).filter(|standing| due[standing.leaf as usize] > day);
                prop_assert_eq!(fold(changes[..until].iter().filter(stays)), whole, "{:?} on {:?}", changes, day);
            }
        }
    }

    /// With days that only rise: exactly the days of DEADLINE-9, worked out listing by listing.
    #[test]
    fn nothing_goes_before_its_day(steps in steps()) {
        let changes = changes(&steps, false);
        let due = due_days(&on_time(&changes));
        let after = |day: u32, listed: u32| Day(day + 90).min(Day(listed).plus_months(60));
        // The listing in force: its entry, its day and its end.
        let (mut current, mut ends): (Option<(usize, u32, u32)>, Vec<(Vec<usize>, u32, u32)>) = (None, Vec::new());
        let mut void: Vec<(usize, Option<usize>, Day)> = Vec::new();
        for (at, change) in changes.iter().enumerate() {
            let day = change.day.0;
            let holds = current.filter(|(_, _, expires)| day < *expires);
            match change.action {
                Action::List { expires, .. } if holds.is_none() => {
                    current = Some((at, day, expires.0));
                    ends.push((vec![at], day, expires.0));
                }
                Action::List { expires, .. } => void.push((at, Some(ends.len() - 1), after(expires.0, day))),
                Action::Amend { target, expires: Some(expires), .. }
                    if holds.is_some_and(|(leaf, listed, _)| leaf as u64 == target && expires.0 <= listed + 1830 && expires.0 > listed) =>
                {
                    current = current.map(|(leaf, listed, _)| (leaf, listed, expires.0));
                    let last = ends.last_mut().unwrap();
                    last.0.push(at);
                    last.2 = expires.0;
                }
                Action::Clear { target, .. } if holds.is_some_and(|(leaf, ..)| leaf as u64 == target) => {
                    current = None;
                    let last = ends.last_mut().unwrap();
                    last.0.push(at);
                    last.2 = day;
                }
                _ => void.push((at, None, after(day, day))),
            }
        }
        for (leaves, listed, end) in &ends {
            for leaf in leaves {
                prop_assert_eq!(due[*leaf], after(*end, *listed), "leaf {} of {:?}", leaf, changes);
            }
        }
        for (leaf, listing, alone) in void {
            let with = listing.map(|at| after(ends[at].2, ends[at].1));
            prop_assert_eq!(due[leaf], with.map_or(alone, |with| with.min(alone)), "leaf {} of {:?}", leaf, changes);
        }
    }
}
