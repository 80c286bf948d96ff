//! How much this holder evaluated today, for each member and class.
//!
//! The quotas of the charter bound what a member, or a thief of its keys, can learn by trying identifiers. So a count may come out
//! too high, and never too low:
//!
//! * **Reserved before used.** Before an answer is given that exceeds what the disk says, a block (a 256th of the quota, at
//!   least 64) is written and synced in advance. After a crash the whole block counts as used. [`Quotas::settle`] at the end of
//!   an orderly run writes the exact counts, so that a restart costs nothing.
//! * **A day never comes back.** Days count as `max(the highest day ever seen, today)`: with the clock turned back, the quota of the
//!   highest day goes on. A clock that was far ahead once therefore uses up one quota until that day has come; the node checks
//!   its clock before it serves, and taking the directory away begins anew.
//! * **Damage does not reset.** In `quota/`, `today.0` and `today.1` hold the same, one written after the other, each with a number and
//!   a SHA-256. One of them that is damaged is made good from the other. If both are while `marker` says that there was
//!   something to be read, all quotas of today are taken as used up until tomorrow, and the log says so.
//!
//! `history` keeps the counts of the last 40 days, for reports alone: if it is lost, reports are.
//!
//! **Trust:** whoever may write to the directory can set every count; this protects the alliance from those who ask, not from
//! the holder, which has its share at hand anyway.

mod disk;

use std::{
    collections::BTreeMap,
    fmt,
    path::Path,
    sync::{Mutex, MutexGuard, PoisonError},
};

use antibrush_protocol::{
    base::{Day, MemberNumber},
    subject::Class,
};

use self::disk::{Disk, Found};
use crate::{lang::Zh, storage::files::FileError};

/// The directory in a data directory.
pub const DIRECTORY: &str = "quota";
/// Days of which the counts are kept beside today's.
pub const HISTORY_DAYS: usize = 40;

/// A smaller block than this would sync the disk too often.
const LEAST_BLOCK: u32 = 64;

/// Counts of one day.
type Counts = BTreeMap<(MemberNumber, Class), u32>;

/// Why an evaluation is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QuotaError {
    /// More than is left of today's quota.
    #[error(
        "only {left} evaluations are left of today's quota at this holder; it renews on {renews}: ask another holder or wait"
    )]
    Exhausted {
        /// How many are left.
        left: u32,
        /// The day from which there is a whole quota again.
        renews: Day,
    },
    /// The count cannot be written, so nothing is answered.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Zh for QuotaError {
    fn zh(&self) -> String {
        match self {
            QuotaError::Exhausted { left, renews } => {
                format!("今天在该密钥持有方的配额只剩 {left} 次，{renews} 恢复：请改向其他持有方请求，或等到那天")
            }
            QuotaError::File(error) => error.zh(),
        }
    }
}

/// The counts of evaluations. Shared by reference between threads.
pub struct Quotas(Mutex<Inner>);

struct Inner {
    day: Day,
    /// All quotas of the day count as used up, because what was used is not known.
    closed: bool,
    /// What was answered; after a restart, what was reserved.
    used: Counts,
    /// What the disk says: at least what was answered.
    reserved: Counts,
    history: BTreeMap<Day, Counts>,
    disk: Disk,
    /// The counts were lost and no day has come since.
    lost: bool,
}

impl Quotas {
    /// Opens the counts in a directory, or begins with none.
    ///
    /// # Errors
    /// [`FileError`]. Damaged files are none: see above.
    pub fn open(directory: &Path) -> Result<Quotas, FileError> {
        let (disk, Found { today, history, lost }) = Disk::open(directory)?;
        let today = today.unwrap_or_default();
        let day = match history.last_key_value() {
            // The day that was lost came after every one that is kept.
            Some((last, _)) if lost => last.plus(1),
            _ => today.day,
        };
        let (used, reserved) = (today.counts.clone(), today.counts);
        Ok(Quotas(Mutex::new(Inner { day, closed: today.closed, used, reserved, history, disk, lost })))
    }

    /// Counts evaluations that are about to be answered, all of them or none. Waits for the disk once a block; then others
    /// wait as well.
    ///
    /// # Errors
    /// [`QuotaError`]; nothing is counted then, and nothing may be answered.
    pub fn take(
        &self,
        member: MemberNumber,
        class: Class,
        count: u32,
        quota: u32,
        today: Day,
    ) -> Result<(), QuotaError> {
        let mut inner = self.lock();
        inner.turn(today)?;
        let renews = inner.day.plus(1);
        let key = (member, class);
        let used = inner.used.get(&key).copied().unwrap_or(0);
        let left = if inner.closed { 0 } else { quota.saturating_sub(used) };
        if count > left {
            return Err(QuotaError::Exhausted { left, renews });
        }
        // No more than the quota.
        let total = used + count;
        if total > inner.reserved.get(&key).copied().unwrap_or(0) {
            let block = LEAST_BLOCK.max(quota / 256);
            let mut reserved = inner.reserved.clone();
            reserved.insert(key, total.saturating_add(block).min(quota));
            inner.write(reserved)?;
        }
        if count > 0 {
            inner.used.insert(key, total);
        }
        Ok(())
    }

    /// What was used on the day that counts today: exact for what this process answered, and what a crash left reserved.
    pub fn used(&self, today: Day) -> Vec<(MemberNumber, Class, u32)> {
        let inner = self.lock();
        if today > inner.day { Vec::new() } else { rows(&inner.used) }
    }

    /// What was used on a day, for reports after its end; `None` for days that are not kept.
    pub fn usage_of(&self, day: Day) -> Option<Vec<(MemberNumber, Class, u32)>> {
        let inner = self.lock();
        let counts = if day == inner.day { Some(&inner.used) } else { inner.history.get(&day) };
        counts.map(rows)
    }

    /// Writes the exact counts: at the end of an orderly run. Going on afterwards is possible.
    ///
    /// # Errors
    /// [`FileError`]; what was reserved counts then.
    pub fn settle(&self) -> Result<(), FileError> {
        let mut inner = self.lock();
        // As long as no day has come, the damaged files stay what they are.
        if inner.lost || inner.reserved == inner.used {
            return Ok(());
        }
        let exact = inner.used.clone();
        inner.write(exact)
    }

    // Counts are changed after the disk was, one by one: a panic elsewhere does not make them too low.
    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Inner {
    /// Begins a new day if one has come.
    fn turn(&mut self, today: Day) -> Result<(), FileError> {
        if self.lost {
            let day = self.day.max(today);
            self.disk.write(&disk::Today { day, closed: true, counts: Counts::new() })?;
            (self.day, self.closed, self.lost) = (day, true, false);
            tracing::error!(
                %day,
                "what members used of today's quotas is lost: this holder evaluates nothing until tomorrow; check its disk"
            );
        }
        if today <= self.day {
            return Ok(());
        }
        if !self.used.is_empty() {
            let mut history = self.history.clone();
            history.insert(self.day, self.used.clone());
            while history.len() > HISTORY_DAYS {
                history.pop_first();
            }
            // First, so that a crash in between loses no report.
            self.disk.write_history(&history)?;
            self.history = history;
        }
        self.disk.write(&disk::Today { day: today, closed: false, counts: Counts::new() })?;
        (self.day, self.closed) = (today, false);
        (self.used, self.reserved) = (Counts::new(), Counts::new());
        Ok(())
    }

    fn write(&mut self, counts: Counts) -> Result<(), FileError> {
        let today = disk::Today { day: self.day, closed: self.closed, counts };
        let written = self.disk.write(&today);
        if written.is_ok() {
            self.reserved = today.counts;
        } else {
            // Either may be what is read after a crash.
            for (key, reserved) in &mut self.reserved {
                *reserved = today.counts.get(key).map_or(0, |count| *count.min(reserved));
            }
        }
        written
    }
}

impl fmt::Debug for Quotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quotas({})", self.lock().day)
    }
}

fn rows(counts: &Counts) -> Vec<(MemberNumber, Class, u32)> {
    counts.iter().map(|((member, class), count)| (*member, *class, *count)).collect()
}

#[cfg(test)]
mod tests;
