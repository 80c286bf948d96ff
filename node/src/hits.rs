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

/// Where fewer than this are left, twice as many of those that are hit from now on are kept: below half of [`MOST`], which is what
/// keeping a half leaves.
const FEW: usize = MOST / 4;

/// A burst is told by so many listings that were kept, whatever each stands for.
const FEWEST_IN_BURST: u64 = 10;

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
    /// Of those that are hit now, one in two to this power is kept.
    thinned: u32,
    /// When those that no longer count were last dropped.
    pruned: Option<Day>,
}

struct Hit {
    class: Class,
    listed: Day,
    last: Day,
    /// It stands for two to this power: one in so many was kept of those that were hit when it was last hit, or later on of those
    /// that were there.
    stands_for: u32,
}

/// What is known of one publisher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// Listings of the last 30 days that checks of the last 30 days hit.
    pub new: u64,
    /// Listings that checks of the last 30 days hit, by class and by the week in which they were listed.
    pub weeks: BTreeMap<Class, Weeks>,
    /// Those that were kept of the last seven days, each counted once.
    kept: BTreeMap<Class, u64>,
}

impl Known {
    /// The new ones and the bursts as the operator sees them. Where the charter keeps from answers who listed, a count that goes up by one
    /// with a check would say it: then no new ones are told, and bursts in tens.
    pub fn shown(&self, names_publishers: bool) -> (u64, Vec<(Class, Weeks)>) {
        if names_publishers {
            (self.new, self.bursts().collect())
        } else {
            (0, self.bursts().map(|(class, weeks)| (class, weeks.in_tens())).collect())
        }
    }

    /// The classes in which these listings come in a burst.
    pub fn bursts(&self) -> impl Iterator<Item = (Class, Weeks)> {
        let is_burst = |class, weeks: &Weeks| {
            weeks.is_burst() && self.kept.get(class).is_some_and(|kept| *kept >= FEWEST_IN_BURST)
        };
        self.weeks.iter().filter(move |(class, weeks)| is_burst(*class, weeks)).map(|(class, weeks)| (*class, *weeks))
    }
}

impl Hits {
    /// A check hit a listing.
    pub fn hit(&self, publisher: MemberNumber, leaf: u64, (class, listed): (Class, Day), today: Day) {
        let mut hit = Hit { class, listed, last: today, stands_for: 0 };
        if !hit.counts(today) {
            return;
        }
        let mut all = self.lock();
        let of = all.entry(publisher).or_default();
        if of.pruned != Some(today) {
            of.prune(today);
        }
        if self.rank(publisher, leaf) < of.thinned {
            return;
        }
        hit.stands_for = of.thinned;
        of.listings.insert(leaf, hit);
        while of.listings.len() > MOST {
            of.thinned += 1;
            of.listings.retain(|leaf, _| self.rank(publisher, *leaf) >= of.thinned);
            of.listings.values_mut().for_each(|hit| hit.stands_for = hit.stands_for.max(of.thinned));
        }
    }

    /// What was hit up to this day, by publisher.
    pub fn known(&self, today: Day) -> BTreeMap<MemberNumber, Known> {
        let mut all = self.lock();
        all.retain(|_, of| {
            of.prune(today);
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
    /// Drops what no longer counts. Once few are left, of a campaign that is over, more of what comes is kept: what comes counts as
    /// itself again, and what is left goes on to stand for those that were not kept beside it.
    fn prune(&mut self, today: Day) {
        self.listings.retain(|_, hit| hit.counts(today));
        self.pruned = Some(today);
        if self.listings.len() < FEW {
            self.thinned = self.thinned.saturating_sub(1);
        }
    }

    fn known(&self, today: Day) -> Known {
        let mut known = Known::default();
        for hit in self.listings.values() {
            let listings = 1u64.checked_shl(hit.stands_for).unwrap_or(u64::MAX);
            known.new += if quality::is_new(hit.listed, today) { listings } else { 0 };
            known.weeks.entry(hit.class).or_default().add(hit.listed, today, listings);
            *known.kept.entry(hit.class).or_default() += u64::from(today.0.saturating_sub(hit.listed.0) < 7);
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

    #[test]
    fn after_a_campaign_a_listing_counts_as_itself_and_few_that_stand_for_many_are_no_burst() {
        let hits = Hits::default();
        hit(&hits, 0..1_000_000, 1, TODAY);
        let thinned = hits.lock()[&RIVAL].thinned;
        assert!(thinned >= 7, "{thinned}");
        // Two of those that were kept are hit again a week before the others are over.
        let kept: Vec<u64> = hits.lock()[&RIVAL].listings.keys().copied().take(2).collect();
        let later = TODAY.plus(29);
        kept.iter().for_each(|leaf| hits.hit(RIVAL, *leaf, (Class::Shp, Day(TODAY.0 - 1)), later));
        let over = TODAY.plus(31);
        assert_eq!(known(&hits, over).weeks[&Class::Shp].most(), 2 << thinned, "they stand for those that are gone");
        // Nobody asks for the counts in between: the checks of so many days alone end the dropping.
        let listed = |leaf, today| hits.hit(RIVAL, leaf, (Class::Acc, today), today);
        (0..thinned).for_each(|day| listed(2_000_000 + u64::from(day), over.plus(day)));
        let calm = over.plus(thinned + HELD_FOR);
        (0..9).for_each(|leaf| listed(3_000_000 + leaf, calm));
        let nine = known(&hits, calm);
        assert_eq!((nine.weeks.len(), nine.weeks[&Class::Acc].last(), nine.bursts().count()), (1, 9, 0));
        listed(3_000_009, calm);
        assert_eq!(known(&hits, calm).bursts().count(), 1);

        // Fewer than ten that stand for hundreds are no burst either.
        let hits = Hits::default();
        hit(&hits, 0..100_000, 1, TODAY);
        let mut all = hits.lock();
        let few: Vec<u64> = all[&RIVAL].listings.keys().copied().take(9).collect();
        all.get_mut(&RIVAL).unwrap().listings.retain(|leaf, _| few.contains(leaf));
        drop(all);
        let known = known(&hits, TODAY);
        assert!(known.weeks[&Class::Shp].is_burst());
        assert_eq!(known.bursts().count(), 0);
    }
}
