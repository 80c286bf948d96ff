//! What the listings of an honest publisher must be, from what it wrote alone: a second reading of the ledger's rules that nothing runs
//! on, to hold the tables of the nodes against.

use std::collections::BTreeMap;

use antibrush_protocol::{
    base::{Day, Hash, MemberNumber, Token},
    codes::List,
    entry::Entry,
};

use crate::random::mix;

/// A batch of more entries, and a feed of more listings, is not looked at.
const MOST: usize = 3_000;

/// The books of all honest publishers.
#[derive(Debug, Default)]
pub struct Oracle {
    written: BTreeMap<(MemberNumber, u64, Hash), (u64, Vec<Entry>)>,
    books: BTreeMap<MemberNumber, Books>,
}

#[derive(Debug, Default)]
struct Books {
    /// The next batch that is entered.
    next: u64,
    lines: BTreeMap<(Token, List), Line>,
    sum: u64,
    /// The feed has grown over [`MOST`].
    is_closed: bool,
}

/// One listing.
#[derive(Clone, Copy, Debug)]
pub struct Line {
    /// Its leaf.
    pub leaf: u64,
    /// The number of its severity.
    pub severity: u64,
    /// The first day on which it no longer holds.
    pub expires: Day,
    /// Whether it was cleared.
    pub is_cleared: bool,
}

/// What is added up of one listing.
pub fn fingerprint(token: &Token, list: List, line: &Line) -> u64 {
    let subject = u64::from_be_bytes([
        token.0[0], token.0[1], token.0[2], token.0[3], token.0[4], token.0[5], token.0[6], token.0[7],
    ]);
    let parts = [
        subject,
        u64::from(list.number()),
        line.leaf,
        line.severity,
        u64::from(line.expires.0),
        u64::from(line.is_cleared),
    ];
    parts.into_iter().fold(0, |sum, part| mix(sum ^ part))
}

impl Oracle {
    /// Notes what an honest publisher signed.
    pub fn write(&mut self, publisher: MemberNumber, seq: u64, id: Hash, first: u64, entries: &[Entry]) {
        let kept = if entries.len() > MOST { Vec::new() } else { entries.to_vec() };
        if entries.len() > MOST {
            self.books.entry(publisher).or_default().is_closed = true;
        }
        self.written.insert((publisher, seq, id), (first, kept));
    }

    /// Enters the batches of a feed up to one, `id` of each given by its number; says after which the listings add up to what.
    pub fn enter(
        &mut self,
        publisher: MemberNumber,
        through: u64,
        id: impl Fn(u64) -> Option<Hash>,
    ) -> Vec<(Hash, u64)> {
        let books = self.books.entry(publisher).or_default();
        let mut entered = Vec::new();
        while books.next <= through && !books.is_closed {
            let batch = id(books.next).and_then(|id| Some((id, self.written.remove(&(publisher, books.next, id))?)));
            let Some((id, (first, entries))) = batch else {
                // Its publisher was not honest then.
                books.is_closed = true;
                break;
            };
            for (leaf, entry) in (first..).zip(&entries) {
                books.enter(entry, leaf);
            }
            books.next += 1;
            books.is_closed |= books.lines.len() > MOST;
            entered.push((id, books.sum));
        }
        // What never became durable.
        let later = self.written.split_off(&(publisher, through + 1, [0; 32]));
        self.written = std::mem::take(&mut self.written).into_iter().filter(|((of, ..), _)| *of != publisher).collect();
        self.written.extend(later);
        entered
    }
}

impl Books {
    fn enter(&mut self, entry: &Entry, leaf: u64) {
        let place = (*entry.token(), entry.list());
        let before = self.lines.get(&place).copied();
        let stands = before.filter(|line| !line.is_cleared && entry.day() < line.expires);
        let after = match entry {
            Entry::List(listing) if stands.is_none() => {
                let severity = u64::from(listing.severity.number());
                Some(Line { leaf, severity, expires: listing.expires, is_cleared: false })
            }
            Entry::Amend(amendment) => stands.filter(|line| line.leaf == amendment.target).map(|line| Line {
                severity: amendment.severity.map_or(line.severity, |severity| u64::from(severity.number())),
                expires: amendment.expires.unwrap_or(line.expires),
                ..line
            }),
            Entry::Clear(clearing) => {
                stands.filter(|line| line.leaf == clearing.target).map(|line| Line { is_cleared: true, ..line })
            }
            _ => None,
        };
        let Some(after) = after else { return };
        if let Some(before) = before {
            self.sum = self.sum.wrapping_sub(fingerprint(&place.0, place.1, &before));
        }
        self.sum = self.sum.wrapping_add(fingerprint(&place.0, place.1, &after));
        self.lines.insert(place, after);
    }
}
