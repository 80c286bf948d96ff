//! How good a publisher's listings are: what others make of them, and whether it lists more than it used to.
//!
//! Three figures, each a plain fraction of counts that are shown beside it (docs/OPERATIONS.md § Quality of publishers):
//!
//! * **corroboration rate**: of its listings in force that need others and are older than the term for that, those that are confirmed;
//! * **overturn rate**: of its rulings on disputes, those by which it gave up the listing (upheld or withdrawn);
//! * **burst**: its listings of the last seven days against the most of the twelve weeks before. A blacklist is a weapon against a
//!   rival's shops if they come in a burst; tokens hide whose shops they are, so the burst is told for each class, and a platform tells
//!   by the same formula from its own checks whether the burst is against subjects that it knows ([`crate::hits`]).

use std::collections::BTreeMap;

use antibrush_protocol::{
    base::{Day, MemberNumber},
    codes::{Outcome, State},
    entry::lifecycle::{Act, Cutoffs, Held, Roster, Status},
    subject::Class,
};

use crate::{
    check,
    storage::{Effects, Key, Remarks, table::Reader},
};

/// The weeks before the last seven days that a burst is held against.
const WEEKS: usize = 12;

/// The days that a burst is judged by: listings of before do not count.
pub const DAYS: u32 = 7 * (WEEKS as u32 + 1);

/// For so many days a listing is new.
pub const NEW_FOR: u32 = 30;

/// What is counted of one publisher.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quality {
    /// Listings in force, on any list.
    pub in_force: u64,
    /// Of those, the ones of the last [`NEW_FOR`] days.
    pub new: u64,
    /// Of those that need others, those for which the term to confirm them has passed.
    pub due: u64,
    /// Of these, those that are confirmed.
    pub confirmed: u64,
    /// Rulings on disputes of its listings.
    pub rulings: u64,
    /// Of these, those by which it gave up the listing.
    pub overturned: u64,
    /// Listings of the last seven days, and of the fullest of the twelve weeks before, by class.
    pub weeks: BTreeMap<Class, Weeks>,
}

/// Listings by week.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Weeks {
    counts: [u64; WEEKS + 1],
}

impl Weeks {
    /// Counts listings of one day, unless they are older than the weeks.
    pub fn add(&mut self, listed: Day, today: Day, listings: u64) {
        let week = today.0.saturating_sub(listed.0) / 7;
        if let Some(count) = self.counts.get_mut(week as usize) {
            *count += listings;
        }
    }

    /// The same, in whole tens.
    pub fn in_tens(&self) -> Weeks {
        Weeks { counts: self.counts.map(|count| count - count % 10) }
    }

    /// Of the last seven days.
    pub fn last(&self) -> u64 {
        self.counts[0]
    }

    /// Of the fullest week of the twelve before.
    pub fn most(&self) -> u64 {
        self.counts[1..].iter().copied().max().unwrap_or(0)
    }

    /// A burst: at least ten listings in seven days, and more than three times as many as in any of the twelve weeks before.
    pub fn is_burst(&self) -> bool {
        self.last() >= 10 && self.last() > 3 * self.most()
    }
}

impl Quality {
    /// Corroborated listings as a fraction of those that should be; `None` if there are none.
    pub fn corroboration_rate(&self) -> Option<f64> {
        ratio(self.confirmed, self.due)
    }

    /// Rulings that gave up the listing as a fraction of all; `None` if there are none.
    pub fn overturn_rate(&self) -> Option<f64> {
        ratio(self.overturned, self.rulings)
    }

    /// The classes in which it lists in a burst.
    pub fn bursts(&self) -> impl Iterator<Item = (Class, Weeks)> {
        self.weeks.iter().filter(|(_, weeks)| weeks.is_burst()).map(|(class, weeks)| (*class, *weeks))
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    // Counts of listings are far below 2^53.
    #[allow(clippy::cast_precision_loss, reason = "see above")]
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Counts, in one pass over the token table and one over what was said.
pub fn quality(
    table: &Reader,
    remarks: &Remarks,
    roster: &Roster,
    cutoffs: &Cutoffs,
) -> BTreeMap<MemberNumber, Quality> {
    let mut all: BTreeMap<MemberNumber, Quality> = BTreeMap::new();
    check::for_each_listing(table, remarks, roster, cutoffs, |held, status, _| {
        count(all.entry(held.publisher).or_default(), held, status, cutoffs);
    });
    remarks.for_each(|remark| {
        if let Act::Rule { outcome, .. } = remark.act {
            let quality = all.entry(remark.author).or_default();
            quality.rulings += 1;
            quality.overturned += u64::from(matches!(outcome, Outcome::Upheld | Outcome::Withdrawn));
        }
    });
    all
}

/// Adds the rulings of remarks that are erased to those that are held.
pub fn add_kept(all: &mut BTreeMap<MemberNumber, Quality>, kept: &BTreeMap<Key, Effects>) {
    for (key, effects) in kept {
        let quality = all.entry(key.member).or_default();
        quality.rulings += effects.ruled;
        quality.overturned += effects.upheld;
    }
}

fn count(quality: &mut Quality, held: &Held, status: &Status, cutoffs: &Cutoffs) {
    quality.in_force += 1;
    quality.new += u64::from(is_new(held.standing.listed, cutoffs.today));
    let standing = &held.standing;
    let needs_others = held.list.is_enforceable() && !held.list.is_statutory();
    if needs_others && (standing.listed < cutoffs.unconfirmed || status.state == State::Lapsed) {
        quality.due += 1;
        quality.confirmed += u64::from(status.confirmed.is_some());
    }
    quality.weeks.entry(standing.class).or_default().add(standing.listed, cutoffs.today, 1);
}

/// Whether a listing of this day is one of the last [`NEW_FOR`] days.
pub fn is_new(listed: Day, today: Day) -> bool {
    today.0.saturating_sub(listed.0) < NEW_FOR
}

#[cfg(test)]
mod tests {
    use antibrush_protocol::{
        base::Day,
        codes::{Conduct, List, Severity},
        entry::{calendar::Calendar, ledger::Standing, lifecycle::Subject},
    };

    use super::*;

    const TODAY: Day = Day(20_700);

    fn listed(list: List, days_ago: u32) -> Held {
        let listed = Day(TODAY.0 - days_ago);
        let standing = Standing {
            leaf: 0,
            class: Class::Shp,
            epoch: 1,
            conduct: Conduct::C01,
            severity: Severity::Ordinary,
            role: None,
            direction: None,
            listed,
            expires: listed.plus(365),
            document: false,
        };
        Held { publisher: MemberNumber(1), list, standing, ended: None }
    }

    fn counted(held: &[Held]) -> Quality {
        let (roster, cutoffs) = (Roster::default(), Cutoffs::new(&Calendar::new(), TODAY));
        let mut quality = Quality::default();
        for held in held {
            let alone = [*held];
            let status = Subject::new(&alone, &[], &roster).statuses(&cutoffs)[0];
            count(&mut quality, held, &status, &cutoffs);
        }
        quality
    }

    #[test]
    fn only_listings_whose_time_to_be_confirmed_has_passed_are_held_against_a_publisher() {
        let quality =
            counted(&[listed(List::Cxh, 3), listed(List::Cxh, 60), listed(List::SrcTax, 60), listed(List::Vic, 60)]);
        // An empty roster asks for nobody.
        assert_eq!((quality.in_force, quality.due, quality.confirmed), (4, 1, 1));
        assert_eq!(quality.corroboration_rate(), Some(1.0));
        assert_eq!((Quality::default().corroboration_rate(), Quality::default().overturn_rate()), (None, None));
    }

    #[test]
    fn a_burst_is_ten_in_a_week_and_more_than_thrice_any_week_before() {
        let held = |last: usize, before: usize| {
            let rows = [vec![listed(List::Cxh, 6); last], vec![listed(List::Cxh, 7); before]].concat();
            counted(&rows).bursts().next().map(|(class, weeks)| (class, weeks.last(), weeks.most()))
        };
        assert_eq!(held(9, 0), None);
        assert_eq!(held(10, 0), Some((Class::Shp, 10, 0)));
        assert_eq!(held(12, 4), None);
        assert_eq!(held(13, 4), Some((Class::Shp, 13, 4)));
        let long_ago = [vec![listed(List::Cxh, 0); 10], vec![listed(List::Cxh, 92); 50]].concat();
        assert!(counted(&long_ago).bursts().next().is_some(), "what lies beyond the twelve weeks counts no more");
    }

    #[test]
    fn rulings_whose_contents_are_erased_count_as_before() {
        let key = Key { month: (2026, 3), member: MemberNumber(1), list: List::Cxh, conduct: None, region: None };
        let kept = |ruled, upheld| Effects { ruled, upheld, ..Effects::default() };
        let held = Quality { rulings: 1, overturned: 1, ..Quality::default() };
        let mut all = BTreeMap::from([(MemberNumber(1), held)]);
        let other = Key { month: (2026, 4), ..key };
        let erased = BTreeMap::from([
            (key, kept(2, 1)),
            (other, kept(1, 0)),
            (Key { member: MemberNumber(2), ..key }, kept(1, 1)),
        ]);
        add_kept(&mut all, &erased);
        assert_eq!(all[&MemberNumber(1)].overturn_rate(), Some(0.5));
        assert_eq!(all[&MemberNumber(2)].overturn_rate(), Some(1.0));
    }
}
