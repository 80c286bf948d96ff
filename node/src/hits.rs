//! Which listings this platform's own checks hit, by publisher: whether a burst of listings is against subjects that it knows.
//!
//! Tokens hide whose shops are listed. Who asks about its own shops, or those that it deals with, sees a member list many of them at once;
//! nobody else can. Listings are told apart by their place in the publisher's feed, so nothing of a subject is kept, and all of it is in
//! memory alone: after a restart, checks fill it again.

use std::{
    collections::{BTreeMap, hash_map::RandomState},
    hash::BuildHasher,
    sync::{Mutex, PoisonError},
};

use antibrush_protocol::{
    base::{Day, MemberNumber},
    subject::Class,
};

use crate::quality::{self, Weeks};

/// A listing that no check has hit for so many days is not counted any more.
const HELD_FOR: u32 = 30;

/// Listings that are told apart of one publisher: 100 KiB, and 60 MiB if all of 600 members list so many subjects that this platform
/// asks about. Of more, a half is kept at random and counts double, then a quarter: 4,096 give the count to about two per cent.
const MOST: usize = 4_096;

/// The listings of the last thirteen weeks that own checks hit.
#[derive(Default)]
pub struct Hits {
    all: Mutex<BTreeMap<MemberNumber, OfPublisher>>,
    // Keyed, so that no publisher chooses which of its listings are kept.
    hasher: RandomState,
}

#[derive(Default)]
struct OfPublisher {
    /// By leaf.
    listings: BTreeMap<u64, Hit>,
    /// One in two to this power is kept.
    thinned: u32,
}

struct Hit {
    class: Class,
    listed: Day,
    last: Day,
}

/// What is known of one publisher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Listings of the last 30 days that checks of the last 30 days hit.
    pub new: u64,
    /// Listings that checks of the last 30 days hit, by class and by the week in which they were listed.
    pub weeks: BTreeMap<Class, Weeks>,
}

impl Known {
    /// The classes in which these listings come in a burst.
    pub fn bursts(&self) -> impl Iterator<Item = (Class, Weeks)> {
        self.weeks.iter().filter(|(_, weeks)| weeks.is_burst()).map(|(class, weeks)| (*class, *weeks))
    }
}

impl Hits {
    /// A check hit a listing.
    pub fn hit(&self, publisher: MemberNumber, leaf: u64, (class, listed): (Class, Day), today: Day) {
        let hit = Hit { class, listed, last: today };
        if !hit.counts(today) {
            return;
        }
        let mut all = self.lock();
        let of = all.entry(publisher).or_default();
        if self.rank(publisher, leaf) < of.thinned {
            return;
        }
        of.listings.insert(leaf, hit);
        if of.listings.len() > MOST {
            of.listings.retain(|_, hit| hit.counts(today));
        }
        while of.listings.len() > MOST {
            of.thinned += 1;
            of.listings.retain(|leaf, _| self.rank(publisher, *leaf) >= of.thinned);
        }
    }

    /// What was hit up to this day, by publisher.
    pub fn known(&self, today: Day) -> BTreeMap<MemberNumber, Known> {
        let mut all = self.lock();
        all.retain(|_, of| {
            of.listings.retain(|_, hit| hit.counts(today));
            !of.listings.is_empty()
        });
        all.iter().map(|(publisher, of)| (*publisher, of.known(today))).collect()
    }

    /// At least so much with a probability of two to the power of minus that.
    fn rank(&self, publisher: MemberNumber, leaf: u64) -> u32 {
        self.hasher.hash_one((publisher.0, leaf)).trailing_zeros()
    }

    // Rows are whole after every change.
    fn lock(&self) -> std::sync::MutexGuard<'_, BTreeMap<MemberNumber, OfPublisher>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl OfPublisher {
    fn known(&self, today: Day) -> Known {
        let (mut known, each) = (Known::default(), 1u64.checked_shl(self.thinned).unwrap_or(u64::MAX));
        for hit in self.listings.values() {
            known.new += if quality::is_new(hit.listed, today) { each } else { 0 };
            known.weeks.entry(hit.class).or_default().add(hit.listed, today, each);
        }
        known
    }
}

impl Hit {
    fn counts(&self, today: Day) -> bool {
        let since = |day: Day| today.0.saturating_sub(day.0);
        since(self.listed) < quality::DAYS && since(self.last) < HELD_FOR
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TODAY: Day = Day(20_700);
    const RIVAL: MemberNumber = MemberNumber(7);

    fn hit(hits: &Hits, leaves: std::ops::Range<u64>, days_ago: u32, today: Day) {
        leaves.for_each(|leaf| hits.hit(RIVAL, leaf, (Class::Shp, Day(TODAY.0 - days_ago)), today));
    }

    fn known(hits: &Hits, today: Day) -> Known {
        hits.known(today).remove(&RIVAL).unwrap_or_default()
    }

    #[test]
    fn listings_count_once_however_often_they_are_hit_and_burst_by_the_formula() {
        let hits = Hits::default();
        hit(&hits, 0..9, 3, TODAY);
        hit(&hits, 0..9, 3, TODAY);
        assert_eq!((known(&hits, TODAY).new, known(&hits, TODAY).bursts().count()), (9, 0));
        hit(&hits, 9..10, 0, TODAY);
        assert_eq!(
            known(&hits, TODAY).bursts().next().map(|(class, weeks)| (class, weeks.last())),
            Some((Class::Shp, 10))
        );
        hit(&hits, 10..14, 40, TODAY);
        let after = known(&hits, TODAY);
        assert_eq!((after.new, after.bursts().count()), (10, 0), "four in a week of before, and no longer new");
        hit(&hits, 14..99, 91, TODAY);
        assert_eq!(known(&hits, TODAY), after, "older than thirteen weeks");
    }

    #[test]
    fn what_no_check_hit_for_thirty_days_and_what_is_older_counts_no_more() {
        let hits = Hits::default();
        hit(&hits, 0..12, 0, TODAY);
        assert_eq!(known(&hits, TODAY.plus(29)).new, 12);
        hit(&hits, 0..2, 0, TODAY.plus(29));
        let later = known(&hits, TODAY.plus(30));
        assert_eq!((later.new, later.weeks[&Class::Shp].most()), (0, 2), "two were hit again; they are new no longer");
        assert_eq!(hits.known(TODAY.plus(91)), BTreeMap::new());
    }

    #[test]
    fn of_very_many_listings_a_part_is_kept_and_the_count_stays_near() {
        let hits = Hits::default();
        hit(&hits, 0..100_000, 1, TODAY);
        assert!(hits.lock()[&RIVAL].listings.len() <= MOST);
        // Thirteen standard deviations of a count from 3,000 kept ones.
        let new = known(&hits, TODAY).new;
        assert!((75_000..125_000).contains(&new), "{new}");
        assert_eq!(known(&hits, TODAY).bursts().count(), 1);
    }
}
