//! How much this holder evaluated today, for each member and class.
//!
//! The quotas of the charter bound what a member, or a thief of its keys, can learn by trying identifiers. So a count may come out
//! too high, and never too low:
//!
//! The counting itself is [`antibrush_protocol::evaluation::quota`]; here are the files.
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
    evaluation::quota::{Counts, Exhausted, Tally},
    subject::Class,
};

use self::disk::{Disk, Found};
use crate::{lang::Zh, storage::files::FileError};

/// The directory in a data directory.
pub const DIRECTORY: &str = "quota";
/// Days of which the counts are kept beside today's.
pub const HISTORY_DAYS: usize = 40;

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

impl From<Exhausted> for QuotaError {
    fn from(Exhausted { left, renews }: Exhausted) -> QuotaError {
        QuotaError::Exhausted { left, renews }
    }
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
    tally: Tally,
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
        let tally = Tally::new(day, today.closed, today.counts);
        Ok(Quotas(Mutex::new(Inner { tally, history, disk, lost })))
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
        let allowed = inner.tally.ask(member, class, count, quota)?;
        if let Some(reserve) = &allowed.reserve {
            inner.write(reserve.clone())?;
        }
        inner.tally.count(allowed);
        Ok(())
    }

    /// What was used on the day that counts today: exact for what this process answered, and what a crash left reserved.
    pub fn used(&self, today: Day) -> Vec<(MemberNumber, Class, u32)> {
        let inner = self.lock();
        if today > inner.tally.day() { Vec::new() } else { rows(inner.tally.used()) }
    }

    /// What was used on a day, for reports after its end; `None` for days that are not kept.
    pub fn usage_of(&self, day: Day) -> Option<Vec<(MemberNumber, Class, u32)>> {
        let inner = self.lock();
        let counts = if day == inner.tally.day() { Some(inner.tally.used()) } else { inner.history.get(&day) };
        counts.map(rows)
    }

    /// Writes the exact counts: at the end of an orderly run. Going on afterwards is possible.
    ///
    /// # Errors
    /// [`FileError`]; what was reserved counts then.
    pub fn settle(&self) -> Result<(), FileError> {
        let mut inner = self.lock();
        // As long as no day has come, the damaged files stay what they are.
        if inner.lost || inner.tally.is_exact() {
            return Ok(());
        }
        let exact = inner.tally.used().clone();
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
            let day = self.tally.day().max(today);
            self.disk.write(&disk::Today { day, closed: true, counts: Counts::new() })?;
            (self.tally, self.lost) = (Tally::new(day, true, Counts::new()), false);
            tracing::error!(
                %day,
                "what members used of today's quotas is lost: this holder evaluates nothing until tomorrow; check its disk"
            );
        }
        if today <= self.tally.day() {
            return Ok(());
        }
        if !self.tally.used().is_empty() {
            let mut history = self.history.clone();
            history.insert(self.tally.day(), self.tally.used().clone());
            while history.len() > HISTORY_DAYS {
                history.pop_first();
            }
            // First, so that a crash in between loses no report.
            self.disk.write_history(&history)?;
            self.history = history;
        }
        self.disk.write(&disk::Today { day: today, closed: false, counts: Counts::new() })?;
        self.tally.turn(today);
        Ok(())
    }

    fn write(&mut self, counts: Counts) -> Result<(), FileError> {
        let today = disk::Today { day: self.tally.day(), closed: self.tally.is_closed(), counts };
        let written = self.disk.write(&today);
        match written {
            Ok(()) => self.tally.written(today.counts),
            // Either may be what is read after a crash.
            Err(_) => self.tally.not_written(&today.counts),
        }
        written
    }
}

impl fmt::Debug for Quotas {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Quotas({})", self.lock().tally.day())
    }
}

fn rows(counts: &Counts) -> Vec<(MemberNumber, Class, u32)> {
    counts.iter().map(|((member, class), count)| (*member, *class, *count)).collect()
}

#[cfg(test)]
mod tests;
