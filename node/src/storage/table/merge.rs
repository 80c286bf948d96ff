//! The newest row of every identity, in order, out of several runs.

use super::row::Packed;

/// Iterates over sorted rows in step. The sources are few (tens at most), so their heads are compared one by one.
pub(super) struct Merge<'a> {
    /// What is left of each source, the newest first; none is empty.
    rest: Vec<&'a [Packed]>,
}

impl<'a> Merge<'a> {
    /// Starts at the beginning of every source; the newest comes first.
    pub(super) fn new(newest_first: impl Iterator<Item = &'a [Packed]>) -> Merge<'a> {
        Merge { rest: newest_first.filter(|rows| !rows.is_empty()).collect() }
    }
}

impl Iterator for Merge<'_> {
    type Item = Packed;

    fn next(&mut self) -> Option<Packed> {
        let (mut newest, others) = self.rest.split_first().map(|(rows, others)| (&rows[0], others))?;
        for rows in others {
            if rows[0].compare(newest).is_lt() {
                newest = &rows[0];
            }
        }
        let newest = *newest;
        let mut exhausted = false;
        for rows in &mut self.rest {
            if rows[0].compare(&newest).is_eq() {
                *rows = &rows[1..];
                exhausted |= rows.is_empty();
            }
        }
        if exhausted {
            self.rest.retain(|rows| !rows.is_empty());
        }
        Some(newest)
    }
}
