//! How much one holder has evaluated on the day that counts, for each member and class: the counting alone.
//!
//! A count may come out too high and never too low, whatever breaks:
//!
//! * **Reserved before used.** Before an answer is given that exceeds what the disk says, a block is written in advance. After a
//!   crash the whole block counts as used.
//! * **A day never comes back.** Days count as the highest day ever seen: with the clock turned back, that day's quota goes on.
//!
//! Who drives it writes what [`Tally::ask`] wants written, and only then counts and answers.

use std::collections::BTreeMap;

use crate::{
    base::{Day, MemberNumber},
    subject::Class,
};

/// A smaller block than this would sync the disk too often.
pub const LEAST_BLOCK: u32 = 64;

/// Evaluations of one day.
pub type Counts = BTreeMap<(MemberNumber, Class), u32>;

/// More than is left of the day's quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exhausted {
    /// How many are left.
    pub left: u32,
    /// The day from which there is a whole quota again.
    pub renews: Day,
}

/// Evaluations that the quota allows.
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "nothing is counted yet"]
pub struct Allowed {
    key: (MemberNumber, Class),
    total: u32,
    /// What the disk must say before they are counted, if it does not say enough.
    pub reserve: Option<Counts>,
}

/// The counts of the day that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    day: Day,
    is_closed: bool,
    used: Counts,
    reserved: Counts,
}

impl Tally {
    /// From what the disk says. A closed day has no quota left, because what was used is not known.
    pub fn new(day: Day, is_closed: bool, counts: Counts) -> Tally {
        Tally { day, is_closed, used: counts.clone(), reserved: counts }
    }

    /// The highest day ever seen.
    pub fn day(&self) -> Day {
        self.day
    }

    /// Whether nothing is left of any quota of the day.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// What was answered; after a restart, what was reserved.
    pub fn used(&self) -> &Counts {
        &self.used
    }

    /// Whether the disk says no more than was used.
    pub fn is_exact(&self) -> bool {
        self.reserved == self.used
    }

    /// Begins a day, with none used. A day that is not later than the one that counts is that one, and goes on.
    pub fn turn(&mut self, today: Day) {
        if today > self.day {
            *self = Tally::new(today, false, Counts::new());
        }
    }

    /// Whether so many evaluations fit into the quota, all of them or none.
    ///
    /// # Errors
    /// [`Exhausted`]; nothing may be answered.
    pub fn ask(&self, member: MemberNumber, class: Class, count: u32, quota: u32) -> Result<Allowed, Exhausted> {
        let key = (member, class);
        let used = self.used.get(&key).copied().unwrap_or(0);
        let left = if self.is_closed { 0 } else { quota.saturating_sub(used) };
        if count > left {
            return Err(Exhausted { left, renews: self.day.plus(1) });
        }
        // No more than the quota.
        let total = used + count;
        let reserve = (total > self.reserved.get(&key).copied().unwrap_or(0)).then(|| {
            // A 256th of the quota.
            let block = LEAST_BLOCK.max(quota / 256);
            let mut reserved = self.reserved.clone();
            reserved.insert(key, total.saturating_add(block).min(quota));
            reserved
        });
        Ok(Allowed { key, total, reserve })
    }

    /// Counts what was allowed, after its reserve is on the disk.
    pub fn count(&mut self, allowed: Allowed) {
        if allowed.total > 0 {
            let used = self.used.entry(allowed.key).or_default();
            *used = allowed.total.max(*used);
        }
    }

    /// The disk says this now.
    pub fn written(&mut self, counts: Counts) {
        self.reserved = counts;
    }

    /// The disk may say this now, or what it said before.
    pub fn not_written(&mut self, counts: &Counts) {
        for (key, reserved) in &mut self.reserved {
            *reserved = counts.get(key).map_or(0, |count| *count.min(reserved));
        }
    }
}
