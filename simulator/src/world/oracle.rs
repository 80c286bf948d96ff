//! What the listings of an honest publisher must be, from what it wrote alone: a second reading of the ledger's rules that nothing runs
//! on, to hold the tables of the nodes against.

use std::collections::BTreeMap;

use antibrush_protocol::{
    base::{Day, Hash, MemberNumber, Token},
    codes::List,
    entry::Entry,
    feed::Head,
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
    /// Those that were, in order.
    ids: Vec<Hash>,
    lines: BTreeMap<(Token, List), Line>,
    /// After which batch each line became what.
    past: BTreeMap<(Token, List), Vec<(u64, Line)>>,
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
        // What its publisher had to take back.
        while let Some(last) = books.next.checked_sub(1).filter(|last| id(*last) != books.ids.last().copied()) {
            books.take_back(last);
        }
        while books.next <= through && !books.is_closed {
            let batch = id(books.next).and_then(|id| Some((id, self.written.remove(&(publisher, books.next, id))?)));
            let Some((id, (first, entries))) = batch else {
                // Its publisher was not honest then.
                books.is_closed = true;
                break;
            };
            let seq = books.next;
            for (leaf, entry) in (first..).zip(&entries) {
                books.enter(entry, leaf, seq);
            }
            books.next += 1;
            books.ids.push(id);
            books.is_closed |= books.lines.len() > MOST;
            entered.push((id, books.sum));
        }
        // What never became durable.
        let later = self.written.split_off(&(publisher, through + 1, [0; 32]));
        self.written = std::mem::take(&mut self.written).into_iter().filter(|((of, ..), _)| *of != publisher).collect();
        self.written.extend(later);
        entered
    }

    /// Whether a publisher has something in a place that holds on a day, after this head. `None` if the books do not say.
    pub fn stands(&self, publisher: MemberNumber, head: &Head, (token, list): (Token, List), day: Day) -> Option<bool> {
        let (after, at) = (head.seq, usize::try_from(head.seq).ok()?);
        let books = self.books.get(&publisher).filter(|books| !books.is_closed)?;
        // Another history, or a later one than its publisher had last.
        books.ids.get(at).filter(|id| **id == head.id)?;
        let past = books.past.get(&(token, list)).map(Vec::as_slice).unwrap_or_default();
        let line = past.iter().rev().find(|(seq, _)| *seq <= after).map(|(_, line)| line);
        Some(line.is_some_and(|line| !line.is_cleared && day < line.expires))
    }
}

impl Books {
    /// Takes the last batch back.
    fn take_back(&mut self, last: u64) {
        self.next = last;
        self.ids.pop();
        for (place, past) in &mut self.past {
            let Some((_, line)) = past.pop_if(|(seq, _)| *seq >= last) else { continue };
            while past.pop_if(|(seq, _)| *seq >= last).is_some() {}
            self.sum = self.sum.wrapping_sub(fingerprint(&place.0, place.1, &line));
            match past.last() {
                Some((_, before)) => {
                    self.sum = self.sum.wrapping_add(fingerprint(&place.0, place.1, before));
                    self.lines.insert(*place, *before);
                }
                None => drop(self.lines.remove(place)),
            }
        }
    }

    fn enter(&mut self, entry: &Entry, leaf: u64, seq: u64) {
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
        self.past.entry(place).or_default().push((seq, after));
    }
}
