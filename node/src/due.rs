//! What is due about listings: one pass over the token table, soonest first.

use std::collections::BinaryHeap;

use antibrush_protocol::{
    base::{Day, MemberNumber},
    codes::{Duty, State},
    entry::{
        calendar::Calendar,
        lifecycle::{Cutoffs, Deadline, Held, Roster, Status, deadlines},
    },
};

use crate::{
    check,
    storage::{Remarks, table::Reader},
};

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    /// Listings of this member alone.
    pub publisher: Option<MemberNumber>,
    /// This duty alone.
    pub duty: Option<Duty>,
    /// Up to this day; what is overdue is always found.
    pub until: Day,
    /// At most so many.
    pub most: usize,
}

/// One thing that is due.
#[derive(Clone, Copy, Debug)]
pub struct Due {
    /// What, by whom and until when.
    pub deadline: Deadline,
    /// The listing.
    pub held: Held,
    /// Where it stands.
    pub state: State,
}

/// What was found.
#[derive(Debug, Default)]
pub struct Found {
    /// How much is due, whether it is among the soonest or not.
    pub total: u64,
    /// How much of it is overdue.
    pub overdue: u64,
    /// The soonest, in order.
    pub soonest: Vec<Due>,
}

/// By day, duty and actor, then by the place of the listing: the order of the answer.
type Key = (Deadline, MemberNumber, u64);

/// Keeps the soonest.
struct Collector<'a> {
    wanted: &'a Wanted,
    today: Day,
    found: Found,
    /// The latest of those that are kept is on top.
    kept: BinaryHeap<Entry>,
}

struct Entry(Key, Due);

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.0 == other.0
    }
}

impl Eq for Entry {}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.cmp(&other.0)
    }
}

impl Collector<'_> {
    fn take(&mut self, deadline: Deadline, held: &Held, status: &Status) {
        if deadline.day > self.wanted.until || self.wanted.duty.is_some_and(|duty| duty != deadline.duty) {
            return;
        }
        self.found.total += 1;
        self.found.overdue += u64::from(deadline.day < self.today);
        let key = (deadline, held.publisher, held.standing.leaf);
        if self.kept.len() >= self.wanted.most {
            match self.kept.peek() {
                Some(latest) if key < latest.0 => drop(self.kept.pop()),
                _ => return,
            }
        }
        self.kept.push(Entry(key, Due { deadline, held: *held, state: status.state }));
    }
}

/// Finds what is due about listings in force.
pub fn due(
    table: &Reader,
    remarks: &Remarks,
    roster: &Roster,
    (calendar, cutoffs): (&Calendar, &Cutoffs),
    wanted: &Wanted,
) -> Found {
    let mut collector = Collector { wanted, today: cutoffs.today, found: Found::default(), kept: BinaryHeap::new() };
    let mut found: Vec<Deadline> = Vec::new();
    check::for_each_listing(table, remarks, roster, cutoffs, |held, status, life| {
        if wanted.publisher.is_none_or(|publisher| publisher == held.publisher) {
            found.clear();
            deadlines(held, life, status, (calendar, cutoffs), &mut found);
            found.iter().for_each(|deadline| collector.take(*deadline, held, status));
        }
    });
    let Collector { mut found, kept, .. } = collector;
    found.soonest = kept.into_sorted_vec().into_iter().map(|Entry(_, due)| due).collect();
    found
}
