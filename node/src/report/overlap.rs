//! How lists overlap: which subjects stand on several of them.
//!
//! The screening of 2017 laid four sources side by side and found 6,440 firms, 49 of them on two. One pass over the token
//! table does it for every list: its rows come in the order of their tokens, so a subject's rows stand together.

use std::collections::BTreeSet;

use antibrush_protocol::{
    base::{Day, MemberNumber},
    charter::{Charter, MemberState},
    codes::List,
    subject::Class,
};
use serde::Serialize;
use utoipa::ToSchema;

use crate::storage::table::{Prefix, Reader};

/// Subjects on lists, counted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Overlap {
    /// The day for which it was counted: listings in force on it.
    #[schema(example = "2026-11-22")]
    pub day: String,
    /// Subjects on any of the lists.
    pub subjects: u64,
    /// Subjects on each list; a subject that several members list there counts once.
    pub lists: Vec<ListCount>,
    /// Subjects on exactly so many of the lists, from one to the most.
    pub on: Vec<Hits>,
    /// Subjects on both of two lists, for every two.
    pub pairs: Vec<PairCount>,
    /// Classes that pass from one key epoch into the next: a subject of theirs has two tokens and may count twice.
    #[schema(value_type = Vec<String>)]
    pub passing: Vec<Class>,
}

/// Subjects on one list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct ListCount {
    /// The list.
    #[schema(value_type = String, example = "SRC-COURT")]
    pub list: List,
    /// Whether it is a statutory list.
    pub statutory: bool,
    /// How many.
    pub subjects: u64,
}

/// Subjects on exactly so many lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct Hits {
    /// On how many lists.
    pub lists: u32,
    /// How many.
    pub subjects: u64,
}

/// Subjects on both of two lists.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct PairCount {
    /// The list with the smaller number.
    #[schema(value_type = String, example = "SRC-COURT")]
    pub first: List,
    /// The other one.
    #[schema(value_type = String, example = "SRC-TAX")]
    pub second: List,
    /// How many.
    pub subjects: u64,
}

impl Overlap {
    /// Counts these lists over the table, as far as listings are in force `today` and their members belong to the alliance.
    pub fn count(table: &Reader, charter: &Charter, lists: &BTreeSet<List>, today: Day) -> Overlap {
        let counted = charter.members.iter().filter(|member| member.state != MemberState::Expelled);
        let members: BTreeSet<MemberNumber> = counted.map(|member| member.number).collect();
        let lists: Vec<List> = lists.iter().copied().collect();
        let mut places = [None; 256];
        for (place, list) in lists.iter().enumerate() {
            places[usize::from(list.number())] = Some(place);
        }
        let mut tally = Tally::new(lists.len());
        table.for_each(None, |row| {
            if let Some(place) = places[usize::from(row.list)]
                && is_in_force(row.listed, row.expires, today)
                && members.contains(&row.publisher)
            {
                tally.take(&row.prefix, place);
            }
        });
        let passing = |class: &Class| charter.active_keys(*class).nth(1).is_some();
        tally.finish().told(&lists, today, Class::ALL.iter().copied().filter(passing).collect())
    }
}

/// Whether a listing holds on a day: from its first day until the one on which it lapses.
fn is_in_force(listed: Day, expires: Day, today: Day) -> bool {
    listed <= today && today < expires
}

/// The counts on the way.
struct Tally {
    /// The subject whose rows are coming, and the lists on which it was seen, a bit each by their place.
    current: Option<(Prefix, u32)>,
    /// How many lists there are.
    lists: usize,
    /// Subjects on the lists of both places, one row after the other; those of one place on the diagonal.
    both: Vec<u64>,
    /// Subjects by the number of their lists.
    on: Vec<u64>,
}

impl Tally {
    fn new(lists: usize) -> Tally {
        Tally { current: None, lists, both: vec![0; lists * lists], on: vec![0; lists + 1] }
    }

    /// Takes a row. A subject's rows come one after the other.
    fn take(&mut self, prefix: &Prefix, place: usize) {
        match &mut self.current {
            Some((current, seen)) if current == prefix => *seen |= 1 << place,
            _ => {
                self.close();
                self.current = Some((*prefix, 1 << place));
            }
        }
    }

    /// Counts the subject whose rows have come.
    fn close(&mut self) {
        let Some((_, seen)) = self.current.take() else { return };
        self.on[seen.count_ones() as usize] += 1;
        // There are some dozen lists at most, and most subjects are on one.
        let places = || bits(seen);
        for first in places() {
            for second in places().filter(|second| *second >= first) {
                self.both[first * self.lists + second] += 1;
            }
        }
    }

    fn finish(mut self) -> Tally {
        self.close();
        self
    }

    fn told(&self, lists: &[List], today: Day, passing: Vec<Class>) -> Overlap {
        let both = |first: usize, second: usize| self.both[first * self.lists + second];
        let single = |(place, list): (usize, &List)| ListCount {
            list: *list,
            statutory: list.is_statutory(),
            subjects: both(place, place),
        };
        let pair = |first: usize, second: usize| PairCount {
            first: lists[first],
            second: lists[second],
            subjects: both(first, second),
        };
        let most = self.on.iter().rposition(|subjects| *subjects > 0).unwrap_or(0);
        Overlap {
            day: today.to_string(),
            subjects: self.on.iter().sum(),
            lists: lists.iter().enumerate().map(single).collect(),
            on: (0u32..).zip(&self.on).take(most + 1).skip(1).map(|(lists, n)| Hits { lists, subjects: *n }).collect(),
            pairs: (0..self.lists)
                .flat_map(|first| (first + 1..self.lists).map(move |second| (first, second)))
                .map(|(first, second)| pair(first, second))
                .collect(),
            passing,
        }
    }
}

/// The places of the bits that are set, from the lowest.
fn bits(mut set: u32) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let place = set.trailing_zeros();
        set &= set.wrapping_sub(1);
        (place < u32::BITS).then_some(place as usize)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tally(rows: &[(u8, usize)]) -> Overlap {
        let mut tally = Tally::new(3);
        for (subject, place) in rows {
            tally.take(&[*subject; 16], *place);
        }
        let lists = [List::SrcCourt, List::SrcRevoked, List::SrcTax];
        tally.finish().told(&lists, Day::from_ymd(2026, 11, 22).unwrap(), Vec::new())
    }

    #[test]
    fn subjects_count_once_on_each_list_and_once_for_each_two() {
        // The first is on all three, twice on one; the second on two; the others on one.
        let found = tally(&[(1, 0), (1, 0), (1, 1), (1, 2), (2, 1), (2, 2), (3, 2), (4, 2)]);
        assert_eq!(found.subjects, 4);
        let of: Vec<u64> = found.lists.iter().map(|list| list.subjects).collect();
        assert_eq!(of, [1, 2, 4]);
        let on: Vec<(u32, u64)> = found.on.iter().map(|hits| (hits.lists, hits.subjects)).collect();
        assert_eq!(on, [(1, 2), (2, 1), (3, 1)]);
        let pairs: Vec<u64> = found.pairs.iter().map(|pair| pair.subjects).collect();
        assert_eq!(pairs, [1, 1, 2], "court and revoked, court and tax, revoked and tax");
        assert_eq!(found.day, "2026-11-22");
    }

    #[test]
    fn a_listing_counts_from_its_first_day_to_its_last() {
        let is_counted = |day| is_in_force(Day(10), Day(20), Day(day));
        assert_eq!([9, 10, 19, 20].map(is_counted), [false, true, true, false]);
    }

    #[test]
    fn nothing_is_on_nothing() {
        let found = tally(&[]);
        assert_eq!((found.subjects, found.on.len()), (0, 0));
        assert!(found.lists.iter().all(|list| list.subjects == 0) && found.pairs.iter().all(|pair| pair.subjects == 0));
    }
}
