//! From entries to rows: the ledger's pure function applied to what the table holds.

use std::collections::BTreeSet;

use antibrush_protocol::{
    base::{MemberNumber, Token},
    codes::{Conduct, Direction, Role, Severity},
    entry::{
        Entry,
        ledger::{Change, Effect, Standing},
    },
    subject::Class,
};
use rayon::slice::ParallelSliceMut;

use super::table::{Prefix, Reader, Row, RowState, prefix_of};

/// An entry cut down to what the ledger needs, with its place.
#[derive(Clone, Copy)]
pub struct Placed {
    prefix: Prefix,
    list: u8,
    change: Change,
}

impl Placed {
    /// The entry at `index` of a feed; `None` for a remark, which changes no row.
    pub fn new(entry: &Entry, index: u64) -> Option<Placed> {
        let token: &Token = entry.token();
        Some(Placed { prefix: prefix_of(token), list: entry.list().number(), change: Change::new(entry, index)? })
    }

    /// What matters of it.
    pub fn change(&self) -> &Change {
        &self.change
    }

    /// Which listing it is about.
    pub fn listing(&self) -> Listing {
        (self.prefix, self.list)
    }
}

/// One publisher's listing: subject and list.
pub type Listing = (Prefix, u8);

/// The rows of these listings as the entries of a feed from its beginning make them, whatever the table says of them now.
pub fn rows_afresh(
    mut entries: Vec<Placed>,
    publisher: MemberNumber,
    listings: &BTreeSet<Listing>,
    table: &Reader,
) -> Vec<Row> {
    entries.sort_unstable_by_key(|entry| (entry.listing(), entry.change.index));
    let (mut rows, mut found) = (Vec::new(), Vec::new());
    for listing in listings {
        let (prefix, list) = *listing;
        let begin = entries.partition_point(|entry| entry.listing() < *listing);
        let mut current = None;
        for entry in entries[begin..].iter().take_while(|entry| entry.listing() == *listing) {
            match entry.change.apply(current.as_ref()) {
                Effect::Stands(standing) => current = Some(standing),
                Effect::Cleared(_) => current = None,
                Effect::Void(_) => {}
            }
        }
        table.get(&prefix, &mut found);
        let now = found.iter().find(|row| row.publisher == publisher && row.list == list);
        match current {
            Some(standing) => rows.push(row(prefix, publisher, list, &standing)),
            None => rows.extend(now.map(|row| Row { state: RowState::Cleared, ..*row })),
        }
    }
    rows
}

/// The rows that the entries of one publisher make, and how many entries had no effect.
///
/// Sorting by subject makes the lookups run through the table in order and brings together what one batch says of one
/// subject; within a subject the order is that of the feed.
pub fn rows(mut entries: Vec<Placed>, publisher: MemberNumber, table: &Reader) -> (Vec<Row>, u64) {
    entries.par_sort_unstable_by_key(|entry| (entry.prefix, entry.list, entry.change.index));
    let (mut rows, mut void, mut found) = (Vec::with_capacity(entries.len()), 0, Vec::new());
    for group in entries.chunk_by(|a, b| (a.prefix, a.list) == (b.prefix, b.list)) {
        let Placed { prefix, list, .. } = group[0];
        table.get(&prefix, &mut found);
        let before = found.iter().find(|row| row.publisher == publisher && row.list == list).and_then(standing);
        let (mut current, mut changed) = (before, false);
        for entry in group {
            match entry.change.apply(current.as_ref()) {
                Effect::Stands(standing) => (current, changed) = (Some(standing), true),
                Effect::Cleared(_) => (current, changed) = (None, true),
                Effect::Void(_) => void += 1,
            }
        }
        match current {
            Some(standing) if changed => rows.push(row(prefix, publisher, list, &standing)),
            None if changed && before.is_some() => {
                let cleared = before.map(|standing| row(prefix, publisher, list, &standing));
                rows.extend(cleared.map(|row| Row { state: RowState::Cleared, ..row }));
            }
            _ => {}
        }
    }
    (rows, void)
}

/// The listing that a row stands for; `None` if its codes are not ours, which only damage can bring about.
pub fn standing(row: &Row) -> Option<Standing> {
    Some(Standing {
        leaf: u64::from(row.leaf),
        class: Class::from_number(row.class)?,
        epoch: row.epoch,
        conduct: Conduct::from_number(row.conduct)?,
        severity: Severity::from_number(row.severity)?,
        role: Role::from_number(row.role),
        direction: Direction::from_number(row.direction),
        listed: row.listed,
        expires: row.expires,
        document: row.document,
    })
}

fn row(prefix: Prefix, publisher: MemberNumber, list: u8, standing: &Standing) -> Row {
    Row {
        prefix,
        publisher,
        list,
        class: standing.class.number(),
        conduct: standing.conduct.number(),
        severity: standing.severity.number(),
        role: standing.role.map_or(0, Role::number),
        direction: standing.direction.map_or(0, Direction::number),
        state: RowState::Active,
        listed: standing.listed,
        expires: standing.expires,
        // HEADER-2 bounds a feed to 2³² − 1 leaves.
        leaf: u32::try_from(standing.leaf).unwrap_or(u32::MAX),
        epoch: standing.epoch,
        document: standing.document,
    }
}
