//! How long listings stand before they are cleared, and how long after their end their contents are erased: by publisher, in days.
//!
//! What was erased is counted when it is, in the same commit as the mark that the erasure will be carried out, so each listing
//! counts once whatever crashes. What stays is counted anew at each run. A listing that came here erased is in no count.

use std::collections::BTreeMap;

use antibrush_protocol::{
    base::{Day, MemberNumber},
    encoding::{DecodeError, Reader, Wire, Writer},
    entry::lifecycle::Course,
};

use super::{
    layout,
    store::{StorageError, Store, lock},
};

/// Days that are told apart: five years of a listing and a year after it, with room. Longer ones count as this.
const MOST_DAYS: u32 = 4_095;

/// How often so many days were needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Histogram(BTreeMap<u32, u64>);

/// Half of all, nine tenths and the longest, in days.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Spread {
    /// How many were counted.
    pub count: u64,
    /// At most so long for half of them.
    pub p50: u32,
    /// At most so long for nine tenths.
    pub p90: u32,
    /// The longest.
    pub max: u32,
}

/// Both histograms of one publisher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// From the day of listing to that of the clearing; what expired is not in it.
    pub to_clear: Histogram,
    /// From the end to the erasure.
    pub to_forget: Histogram,
}

impl Histogram {
    pub(crate) fn add(&mut self, from: Day, to: Day, count: u64) {
        let days = to.0.saturating_sub(from.0).min(MOST_DAYS);
        *self.0.entry(days).or_default() += count;
    }

    /// Its percentiles; `None` of nothing.
    pub fn spread(&self) -> Option<Spread> {
        let count: u64 = self.0.values().sum();
        let max = *self.0.keys().next_back()?;
        // The nearest-rank method: the smallest number of days that so many did not exceed.
        let rank = |tenths: u64| {
            let (wanted, mut seen) = ((count * tenths).div_ceil(10), 0);
            let reached = self.0.iter().find(|(_, of)| {
                seen += **of;
                seen >= wanted
            });
            reached.map_or(max, |(days, _)| *days)
        };
        Some(Spread { count, p50: rank(5), p90: rank(9), max })
    }

    pub(crate) fn merge(&mut self, other: &Histogram) {
        other.0.iter().for_each(|(days, count)| *self.0.entry(*days).or_default() += count);
    }

    pub(crate) fn write(&self, w: &mut Writer) {
        w.array(self.0.len());
        for (days, count) in &self.0 {
            w.array(2).uint(*days).uint(*count);
        }
    }

    pub(crate) fn read(r: &mut Reader<'_>) -> Result<Histogram, DecodeError> {
        let pair = |r: &mut Reader<'_>| {
            r.tuple(2)?;
            Ok((r.small("days")?, r.uint()?))
        };
        Ok(Histogram(r.items(MOST_DAYS as usize + 1, pair)?.into_iter().collect()))
    }
}

impl Times {
    /// Counts a listing that was cleared.
    pub(super) fn cleared(&mut self, course: &Course) {
        if let Some(day) = course.cleared {
            self.to_clear.add(course.listed, day, 1);
        }
    }

    /// Counts a listing that is erased today.
    pub(super) fn erased(&mut self, course: &Course, today: Day) {
        self.cleared(course);
        self.to_forget.add(course.end, today, 1);
    }

    /// All that both have.
    pub(super) fn merge(&mut self, other: &Times) {
        self.to_clear.merge(&other.to_clear);
        self.to_forget.merge(&other.to_forget);
    }
}

impl Wire for Times {
    const MAX_BYTES: usize = 256 << 10;

    fn write(&self, w: &mut Writer) {
        w.array(2);
        self.to_clear.write(w);
        self.to_forget.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(2)?;
        Ok(Times { to_clear: Histogram::read(r)?, to_forget: Histogram::read(r)? })
    }
}

impl Store {
    /// How long clearing and forgetting took, by publisher, as the last run of forgetting found it. Empty before the first one.
    pub fn times(&self) -> BTreeMap<MemberNumber, Times> {
        lock(&self.times).clone()
    }

    /// What was counted of erased listings.
    pub(super) fn counted(&self, publisher: MemberNumber) -> Result<Times, StorageError> {
        let bytes = self.documents.get(&layout::times(publisher))?;
        bytes.map_or(Ok(Times::default()), |bytes| Times::decode(&bytes).map_err(|_| StorageError::Damaged))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_by_nearest_rank() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.spread(), None);
        histogram.add(Day(10), Day(13), 1);
        assert_eq!(histogram.spread(), Some(Spread { count: 1, p50: 3, p90: 3, max: 3 }));
        for days in 1..=9 {
            histogram.add(Day(10), Day(10 + days * 10), 1);
        }
        // 3, 10, 20 … 90
        assert_eq!(histogram.spread(), Some(Spread { count: 10, p50: 40, p90: 80, max: 90 }));
        histogram.add(Day(10), Day(9), 90);
        assert_eq!(histogram.spread(), Some(Spread { count: 100, p50: 0, p90: 0, max: 90 }));
        let times = Times { to_clear: histogram.clone(), to_forget: Histogram::default() };
        assert_eq!(Times::decode(&times.encode()), Ok(times));
    }
}
