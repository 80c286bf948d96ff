//! Deadlines that passed in vain: each is counted once, on the first look after its last day, if what was due is still open then.
//!
//! A member's listings are looked at only while its feed is heard from, so that nothing counts as missed that merely has not come here;
//! after a silence all days of it are looked at. What was done late, but before the look, is in no count: a node that was off, or came
//! later, counts fewer.

use std::collections::{BTreeMap, BTreeSet};

use antibrush_protocol::{
    base::{Day, MemberNumber},
    codes::{Conduct, Duty, List},
    entry::{
        Entry,
        lifecycle::{Actor, Deadline, deadlines},
    },
    feed::Leaf,
};

use super::{
    Key, Own,
    own::{Place, month_of},
};
use crate::{
    check,
    core::Node,
    storage::{StorageError, Store},
};

/// Leaves of a feed that are read at a time to find the regions of the listings among them.
const LEAVES_AT_ONCE: usize = 4_096;

/// A deadline of a listing that passed.
type Passed = (Place, List, Conduct, Day, bool);

/// Counts what passed up to yesterday and was not looked at yet.
pub(super) fn count(own: &Own, node: &Node) -> Result<(), StorageError> {
    let (view, context) = (node.view(), node.check_context());
    let today = context.cutoffs().today;
    let (yesterday, through) = (Day(today.0.saturating_sub(1)), own.through());
    let publishers = view.charter().publishers().map(|member| member.number);
    let of: BTreeSet<MemberNumber> = publishers
        .filter(|member| context.is_fresh(*member) && through.get(member).is_none_or(|day| *day < yesterday))
        .collect();
    if of.is_empty() || node.is_recovering() || node.store().is_behind() {
        return Ok(());
    }
    let (store, mut found, mut due) = (node.store(), Vec::new(), Vec::new());
    let (table, calendar) = (store.table().reader(), (node.calendar(), context.cutoffs()));
    check::for_each_listing(&table, store.remarks(), context.roster(), context.cutoffs(), |held, status, life| {
        if !of.contains(&held.publisher) {
            return;
        }
        due.clear();
        deadlines(held, life, status, calendar, &mut due);
        let seen = through.get(&held.publisher).copied();
        let passed = due.iter().filter(|deadline| is_between(seen, deadline.day, yesterday));
        let place = (held.publisher, held.standing.leaf);
        found.extend(passed.filter_map(|deadline| {
            Some((place, held.list, held.standing.conduct, deadline.day, is_subjects(deadline)?))
        }));
    });
    own.passed(&of, yesterday, keys(store, found)?);
    Ok(())
}

fn is_between(seen: Option<Day>, day: Day, last: Day) -> bool {
    seen.is_none_or(|seen| day > seen) && day <= last
}

/// Whether it is the subject, rather than the publisher, who let a deadline pass; `None` for what is nobody's in particular, comes to pass by
/// itself, or follows from another one.
fn is_subjects(deadline: &Deadline) -> Option<bool> {
    match (deadline.duty, deadline.who) {
        (Duty::Notify | Duty::Answer | Duty::Clear, Actor::Publisher) => Some(false),
        (Duty::Commit | Duty::Rectify, Actor::Subject) => Some(true),
        _ => None,
    }
}

/// The rows in which these deadlines count, with the regions of their listings: each part of a feed is read once.
fn keys(store: &Store, mut found: Vec<Passed>) -> Result<Vec<(Key, bool)>, StorageError> {
    found.sort_unstable();
    let mut regions: BTreeMap<Place, Option<u32>> = BTreeMap::new();
    let mut read_to: Place = (MemberNumber(0), 0);
    for (place, ..) in &found {
        let (publisher, leaf) = *place;
        if publisher == read_to.0 && leaf < read_to.1 {
            continue;
        }
        let leaves = match store.leaves(publisher, leaf, LEAVES_AT_ONCE) {
            Ok(leaves) => leaves,
            // It is fetched again; the region is not known until then.
            Err(StorageError::Damaged) => Vec::new(),
            Err(error) => return Err(error),
        };
        read_to = (publisher, leaves.last().map_or(leaf, |(index, _)| *index) + 1);
        for (index, read) in leaves {
            if let Leaf::Entry(Entry::List(listing)) = read {
                regions.insert((publisher, index), listing.region);
            }
        }
    }
    let key = |(place, list, conduct, day, is_subjects): Passed| {
        let region = regions.get(&place).copied().flatten();
        (Key { month: month_of(day), member: place.0, list, conduct: Some(conduct), region }, is_subjects)
    };
    Ok(found.into_iter().map(key).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_deadline_counts_on_the_first_look_after_its_last_day() {
        let yesterday = Day(100);
        assert!(is_between(None, Day(3), yesterday), "at the first look all that passed");
        assert!(is_between(Some(Day(99)), Day(100), yesterday));
        assert!(!is_between(Some(Day(99)), Day(101), yesterday), "today is in time");
        assert!(!is_between(Some(Day(99)), Day(99), yesterday), "counted before");
    }

    #[test]
    fn deadlines_are_of_the_publisher_of_the_subject_or_of_nobody() {
        let of = |duty, who| is_subjects(&Deadline { day: Day(1), duty, who });
        for duty in [Duty::Notify, Duty::Answer, Duty::Clear] {
            assert_eq!(of(duty, Actor::Publisher), Some(false));
        }
        for duty in [Duty::Commit, Duty::Rectify] {
            assert_eq!(of(duty, Actor::Subject), Some(true));
        }
        for (duty, who) in [
            (Duty::Confirm, Actor::Members),
            (Duty::Escalate, Actor::Steward),
            (Duty::HardStop, Actor::Publisher),
            (Duty::Review, Actor::Publisher),
            (Duty::Expire, Actor::Publisher),
            (Duty::Erase, Actor::Publisher),
        ] {
            assert_eq!(of(duty, who), None, "{duty}");
        }
    }
}
