//! The effects of joint measures (联合惩戒效果): what members did about listings, by list, conduct, region, member and month.
//!
//! Counted from what members recorded in their feeds, so every node that has the same leaves counts the same. A decision that was
//! changed later counts in the month of each of its records.
//!
//! Nothing is kept beside the leaves: with an erased listing go the remarks about it, and the months in which they were made count
//! fewer from then on, on every node by its own day of erasure. Who needs the figures of a month for longer keeps the answer.

use std::collections::BTreeMap;

use antibrush_protocol::{
    base::{Day, MemberNumber},
    codes::{Conduct, List, Outcome, Response},
    entry::{
        Entry,
        lifecycle::{Act, Remark},
    },
    feed::Leaf,
};

use crate::storage::{StorageError, Store};

/// What is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Year and month.
    pub month: (u32, u32),
    /// Who did it.
    pub member: MemberNumber,
    /// The list.
    pub list: List,
    /// For what the subject was listed; absent if the listing was erased.
    pub conduct: Option<Conduct>,
    /// GB/T 2260; absent if the listing names none or was erased.
    pub region: Option<u32>,
}

/// What is counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Effects {
    /// Measures applied.
    pub applied: u64,
    /// Measures declined.
    pub declined: u64,
    /// Measures acknowledged.
    pub acknowledged: u64,
    /// Notices to rectify.
    pub noticed: u64,
    /// Commitments.
    pub committed: u64,
    /// Subjects that rectified.
    pub rectified: u64,
    /// Escalations.
    pub escalated: u64,
    /// Disputes filed.
    pub disputed: u64,
    /// Disputes on which the publisher ruled.
    pub ruled: u64,
    /// Of these, those that took the listing's force.
    pub upheld: u64,
    /// Days from listing to each applied measure.
    days: Vec<u32>,
}

impl Effects {
    /// The median of the days from listing to an applied measure.
    pub fn median_days(&self) -> Option<u32> {
        let mut days = self.days.clone();
        days.sort_unstable();
        days.get(days.len() / 2).copied()
    }
}

/// What of a listing its effects are counted by.
type Listing = (Option<Conduct>, Option<u32>, Option<Day>);

/// Counts what was recorded from the first to the last of these days.
pub fn effects(store: &Store, first: Day, last: Day) -> Result<BTreeMap<Key, Effects>, StorageError> {
    let mut remarks = Vec::new();
    store.remarks().for_each(|remark| {
        if (first..=last).contains(&remark.day) {
            remarks.push(*remark);
        }
    });
    // By listing, so that each is read once.
    remarks.sort_unstable_by_key(|remark| (remark.publisher, remark.target, remark.author, remark.index));
    let mut all: BTreeMap<Key, Effects> = BTreeMap::new();
    for of_listing in remarks.chunk_by(|a, b| (a.publisher, a.target) == (b.publisher, b.target)) {
        let (conduct, region, listed) = listing(store, &of_listing[0])?;
        for remark in of_listing {
            let (year, month, _) = remark.day.ymd();
            let key = Key { month: (year, month), member: remark.author, list: remark.list, conduct, region };
            count(all.entry(key).or_default(), remark, listed);
        }
    }
    Ok(all)
}

/// The listing that a remark speaks of, as it was published.
fn listing(store: &Store, remark: &Remark) -> Result<Listing, StorageError> {
    let leaf = store.leaves(remark.publisher, remark.target, 1)?.pop();
    Ok(match leaf {
        Some((index, Leaf::Entry(Entry::List(listing)))) if index == remark.target => {
            (Some(listing.conduct), listing.region, Some(listing.day))
        }
        _ => (None, None, None),
    })
}

fn count(effects: &mut Effects, remark: &Remark, listed: Option<Day>) {
    match remark.act {
        Act::Measure { response: Response::Applied, .. } => {
            effects.applied += 1;
            effects.days.extend(listed.map(|listed| remark.day.0.saturating_sub(listed.0)));
        }
        Act::Measure { response: Response::Declined, .. } => effects.declined += 1,
        Act::Measure { response: Response::Acknowledged, .. } => effects.acknowledged += 1,
        Act::Rectify { .. } => effects.noticed += 1,
        Act::Commit => effects.committed += 1,
        Act::Rectified => effects.rectified += 1,
        Act::Escalate => effects.escalated += 1,
        Act::Dispute(_) => effects.disputed += 1,
        Act::Rule { outcome, .. } => {
            effects.ruled += 1;
            effects.upheld += u64::from(matches!(outcome, Outcome::Upheld | Outcome::Withdrawn));
        }
        Act::Urge | Act::Withdraw { .. } => {}
    }
}
