//! What a batch holds, counted by kind, list and conduct: lets a reader of heads alone see what is published.

use std::collections::BTreeMap;

use crate::{
    codes::{Conduct, List},
    encoding::{DecodeError, Reader, Writer},
    entry::{Entry, Kind},
};

/// One row: how many entries of a kind on a list state a conduct (none for most amendments and every kind after them).
pub type Total = (Kind, List, Option<Conduct>);

/// The rows, in ascending order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Totals(BTreeMap<Total, u64>);

/// The row in which an entry counts.
pub(super) fn row_of(entry: &Entry) -> Total {
    (entry.kind(), entry.list(), entry.conduct())
}

/// List and Amend: lists × (conducts and none); the six other kinds state no conduct: no honest batch has more rows.
const MOST_ROWS: usize = 2 * 11 * 22 + 6 * 11;

impl Totals {
    /// Counts one entry.
    pub fn count(&mut self, entry: &Entry) {
        self.count_row(row_of(entry));
    }

    /// Counts one more in a row.
    pub(super) fn count_row(&mut self, row: Total) {
        *self.0.entry(row).or_default() += 1;
    }

    /// Adds the counts of another part of the same whole.
    pub fn add(&mut self, other: &Totals) {
        for (row, count) in &other.0 {
            let sum = self.0.entry(*row).or_default();
            *sum = sum.saturating_add(*count);
        }
    }

    /// The rows in ascending order.
    pub fn rows(&self) -> impl Iterator<Item = (Total, u64)> + '_ {
        self.0.iter().map(|(row, count)| (*row, *count))
    }

    /// The number of rows.
    pub(super) fn row_count(&self) -> usize {
        self.0.len()
    }

    /// All entries of a kind.
    pub fn of_kind(&self, kind: Kind) -> u64 {
        self.rows().filter(|((k, _, _), _)| *k == kind).map(|(_, count)| count).sum()
    }

    /// All entries.
    pub fn sum(&self) -> u64 {
        self.0.values().fold(0, |sum, count| sum.saturating_add(*count))
    }

    /// Whether no row counts more than in `other`: what is left of a body after erasures.
    pub fn is_within(&self, other: &Totals) -> bool {
        self.0.iter().all(|(row, count)| other.0.get(row).is_some_and(|most| count <= most))
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(self.0.len());
        for ((kind, list, conduct), count) in &self.0 {
            w.array(4).uint(kind.number()).uint(list.number());
            w.uint(conduct.map_or(0, Conduct::number)).uint(*count);
        }
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Totals, DecodeError> {
        let rows = r.items(MOST_ROWS, |r| {
            r.tuple(4)?;
            let kind = r.code("totals", Kind::from_number)?;
            let list = r.code("totals", List::from_number)?;
            let conduct = match r.small::<u8>("totals")? {
                0 => None,
                number => Some(Conduct::from_number(number).ok_or(DecodeError::OutOfRange("totals"))?),
            };
            match r.uint()? {
                0 => Err(DecodeError::OutOfRange("totals")),
                count => Ok(((kind, list, conduct), count)),
            }
        })?;
        // Rows out of order or twice disappear here and make the re-encoding differ.
        Ok(Totals(rows.into_iter().collect()))
    }
}
