//! What members did about listings, in numbers that outlive what they said: by list, conduct, region, member and month.
//!
//! Before remarks are erased, what is counted of them is added to these numbers. The new totals and the remarks that go are among
//! the notes of the run that erases (`forget.rs`), so they hold once the mark says that the notes are complete. Totals are written
//! down as a whole, not as additions: to carry the notes out again changes nothing, and each remark counts once whatever crashes.
//! No token and no leaf is kept, nor in which order anything was said.
//!
//! A remark that came here erased is in no count, and documents that are lost take the numbers of erased ones along.

use std::collections::{BTreeMap, BTreeSet};

use antibrush_protocol::{
    base::{Day, MemberNumber},
    codes::{Conduct, List, Outcome, Response},
    encoding::{DecodeError, Reader, Wire, Writer},
    entry::{
        Entry,
        lifecycle::{Act, Remark},
    },
    feed::Leaf,
};

use super::{
    documents::Batch,
    forget::Steps,
    layout,
    store::{StorageError, Store},
    table::Prefix,
    times::Histogram,
};

/// The bytes of a packed key.
pub const KEY_BYTES: usize = 11;

/// No region. GB/T 2260 codes have six digits.
const NOWHERE: u32 = u32::MAX;

/// What is counted apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// Year and month.
    pub month: (u32, u32),
    /// Who did it.
    pub member: MemberNumber,
    /// The list.
    pub list: List,
    /// For what the subject was listed; absent if the listing is not known.
    pub conduct: Option<Conduct>,
    /// GB/T 2260; absent if the listing names none or is not known.
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
    pub(crate) days: Histogram,
}

/// What of a listing its effects are counted by: conduct, region and day of listing; nothing of one that is not known.
type Listing = (Option<Conduct>, Option<u32>, Option<Day>);

/// What a run of forgetting writes down of the remarks that it erases.
#[derive(Default)]
pub(super) struct Kept {
    /// The new totals.
    pub totals: Vec<(Key, Effects)>,
    /// The remarks that are in them.
    pub remarks: Vec<(Prefix, Remark)>,
}

impl Key {
    /// As it stands in the keys of the documents.
    pub(crate) fn pack(&self) -> [u8; KEY_BYTES] {
        let mut packed = [0; KEY_BYTES];
        packed[..2].copy_from_slice(&self.member.0.to_be_bytes());
        // Years of days in 32 bits have at most eight digits, those of members four.
        packed[2..4].copy_from_slice(&u16::try_from(self.month.0).unwrap_or(u16::MAX).to_be_bytes());
        packed[4] = self.month.1 as u8;
        packed[5] = self.list.number();
        // No conduct has the number 0.
        packed[6] = self.conduct.map_or(0, Conduct::number);
        packed[7..].copy_from_slice(&self.region.unwrap_or(NOWHERE).to_be_bytes());
        packed
    }

    /// The key in these bytes.
    pub(crate) fn unpack(packed: &[u8]) -> Option<Key> {
        let packed: &[u8; KEY_BYTES] = packed.try_into().ok()?;
        let [a, b, c, d, month, list, conduct, region @ ..] = *packed;
        let region = u32::from_be_bytes(region);
        Some(Key {
            month: (u32::from(u16::from_be_bytes([c, d])), u32::from(month)),
            member: MemberNumber(u16::from_be_bytes([a, b])),
            list: List::from_number(list)?,
            conduct: if conduct == 0 { None } else { Some(Conduct::from_number(conduct)?) },
            region: (region != NOWHERE).then_some(region),
        })
    }
}

impl Effects {
    /// The median of the days from listing to an applied measure, by nearest rank.
    pub fn median_days(&self) -> Option<u32> {
        self.days.spread().map(|spread| spread.p50)
    }

    fn counters(&mut self) -> [&mut u64; 10] {
        let Effects {
            applied,
            declined,
            acknowledged,
            noticed,
            committed,
            rectified,
            escalated,
            disputed,
            ruled,
            upheld,
            days: _,
        } = self;
        [applied, declined, acknowledged, noticed, committed, rectified, escalated, disputed, ruled, upheld]
    }

    /// All that both have.
    pub fn merge(&mut self, mut other: Effects) {
        self.counters().into_iter().zip(other.counters()).for_each(|(ours, theirs)| *ours += *theirs);
        self.days.merge(&other.days);
    }

    fn count(&mut self, remark: &Remark, listed: Option<Day>) {
        match remark.act {
            Act::Measure { response: Response::Applied, .. } => {
                self.applied += 1;
                if let Some(listed) = listed {
                    self.days.add(listed, remark.day, 1);
                }
            }
            Act::Measure { response: Response::Declined, .. } => self.declined += 1,
            Act::Measure { response: Response::Acknowledged, .. } => self.acknowledged += 1,
            Act::Rectify { .. } => self.noticed += 1,
            Act::Commit => self.committed += 1,
            Act::Rectified => self.rectified += 1,
            Act::Escalate => self.escalated += 1,
            Act::Dispute(_) => self.disputed += 1,
            Act::Rule { outcome, .. } => {
                self.ruled += 1;
                self.upheld += u64::from(matches!(outcome, Outcome::Upheld | Outcome::Withdrawn));
            }
            Act::Urge | Act::Withdraw { .. } => {}
        }
    }
}

impl Wire for Effects {
    const MAX_BYTES: usize = 64 << 10;

    fn write(&self, w: &mut Writer) {
        w.array(11);
        self.clone().counters().into_iter().for_each(|counter| {
            w.uint(*counter);
        });
        self.days.write(w);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(11)?;
        let mut effects = Effects::default();
        for counter in effects.counters() {
            *counter = r.uint()?;
        }
        effects.days = Histogram::read(r)?;
        Ok(effects)
    }
}

impl Store {
    /// While this lives, no remark moves from those that are held to the numbers that are kept: who counts both counts each once.
    pub fn hold_counts(&self) -> impl Drop + '_ {
        self.counting.read().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    /// What members did, of the remarks that are erased.
    pub fn kept_effects(&self) -> Result<BTreeMap<Key, Effects>, StorageError> {
        let mut kept = BTreeMap::new();
        for row in self.documents.scan_prefix(layout::KEPT) {
            let (key, effects) = row?;
            let key = key.strip_prefix(layout::KEPT).and_then(Key::unpack).ok_or(StorageError::Damaged)?;
            kept.insert(key, Effects::decode(&effects).map_err(|_| StorageError::Damaged)?);
        }
        Ok(kept)
    }

    /// Counts what these remarks say, by the listings that they speak of.
    pub fn effects_of(&self, mut remarks: Vec<Remark>) -> Result<BTreeMap<Key, Effects>, StorageError> {
        // By listing, so that each is read once.
        remarks.sort_unstable_by_key(|remark| (remark.publisher, remark.target, remark.author, remark.index));
        let mut all: BTreeMap<Key, Effects> = BTreeMap::new();
        for of_listing in remarks.chunk_by(|a, b| (a.publisher, a.target) == (b.publisher, b.target)) {
            let (conduct, region, listed) = self.listing_of(of_listing[0].publisher, of_listing[0].target)?;
            for remark in of_listing {
                let (year, month, _) = remark.day.ymd();
                let key = Key { month: (year, month), member: remark.author, list: remark.list, conduct, region };
                all.entry(key).or_default().count(remark, listed);
            }
        }
        Ok(all)
    }

    /// The listing that begins with a leaf, as it was published.
    pub(crate) fn listing_of(&self, publisher: MemberNumber, target: u64) -> Result<Listing, StorageError> {
        let leaf = match self.leaves(publisher, target, 1) {
            Ok(mut leaves) => leaves.pop(),
            // What can not be read is fetched again; what was said of it counts meanwhile as said of a listing that is not known.
            Err(StorageError::Damaged) => None,
            Err(error) => return Err(error),
        };
        Ok(match leaf {
            Some((index, Leaf::Entry(Entry::List(listing)))) if index == target => {
                (Some(listing.conduct), listing.region, Some(listing.day))
            }
            _ => (None, None, None),
        })
    }

    /// What is to be kept of the remarks among the leaves that go.
    pub(super) fn to_keep(&self, due: &BTreeMap<MemberNumber, BTreeSet<u64>>) -> Result<Kept, StorageError> {
        let mut remarks = Vec::new();
        for (author, leaves) in due {
            let said = self.remarks().of_author(*author, 0);
            remarks.extend(said.into_iter().filter(|(_, remark)| leaves.contains(&remark.index)));
        }
        let mut totals = Vec::new();
        for (key, mut effects) in self.effects_of(remarks.iter().map(|(_, remark)| *remark).collect())? {
            if let Some(before) = self.documents.get(&layout::kept(&key))? {
                effects.merge(Effects::decode(&before).map_err(|_| StorageError::Damaged)?);
            }
            totals.push((key, effects));
        }
        Ok(Kept { totals, remarks })
    }

    /// Carries out what [`Store::to_keep`] found and the notes say: the totals hold, and the remarks in them are gone.
    pub(super) fn take_kept(&self, at_once: usize, steps: Steps<'_>) -> Result<(), StorageError> {
        let _alone = self.counting.write().unwrap_or_else(std::sync::PoisonError::into_inner);
        self.each_note(layout::KEEPING, at_once, |notes| {
            let mut batch = Batch::default();
            for (key, effects) in notes {
                let key = key.strip_prefix(layout::KEEPING).and_then(Key::unpack).ok_or(StorageError::Damaged)?;
                batch.put(layout::kept(&key), effects.clone());
            }
            self.documents.commit(batch)?;
            steps()
        })?;
        self.each_note(layout::UNSAYING, at_once, |notes| {
            let of = |key: &Vec<u8>| {
                layout::unsaid_of(key).and_then(|(prefix, packed)| Some((prefix, Remark::unpack(&packed)?)))
            };
            let gone: Option<Vec<_>> = notes.iter().map(|(key, _)| of(key)).collect();
            self.drop_remarks(&gone.ok_or(StorageError::Damaged)?)?;
            steps()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_numbers_are_read_as_they_were_written() {
        let key = Key {
            month: (2026, 11),
            member: MemberNumber(300),
            list: List::Cxh,
            conduct: Some(Conduct::C01),
            region: Some(330_106),
        };
        for key in [key, Key { conduct: None, region: None, ..key }] {
            assert_eq!(Key::unpack(&key.pack()), Some(key));
        }
        assert_eq!(Key::unpack(&[0; KEY_BYTES]), None, "no list has the number 0");
        assert_eq!(Key::unpack(&key.pack()[1..]), None);
        let mut effects = Effects { applied: 1, ruled: 3, upheld: 2, ..Effects::default() };
        effects.days.add(Day(10), Day(14), 1);
        assert_eq!(Effects::decode(&effects.encode()), Ok(effects.clone()));
        let mut other = Effects { applied: 2, noticed: 7, ..Effects::default() };
        other.days.add(Day(10), Day(11), 2);
        effects.merge(other);
        assert_eq!((effects.applied, effects.noticed, effects.ruled, effects.upheld), (3, 7, 3, 2));
        assert_eq!(effects.median_days(), Some(1));
    }
}
