//! What this node alone can count: how often its platform asked, which kinds of listings the answers had, how long it took from a hit to
//! the platform's own measure, and which deadlines it saw pass.
//!
//! A hit is counted in memory by the place of its listing and brought under list, conduct and region later, off the way of a check: the
//! region stands in the feed alone. For the time from a hit to a measure, the day of the first hit is kept by that place, sealed on disk
//! (`saved.rs`). Everything else is numbers.
//!
//! **Invariant:** no identifier, no token and no other member's question is in any of it, and nothing of it leaves the node by itself.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use antibrush_protocol::{
    base::{Day, MemberNumber},
    codes::{Conduct, List, Response},
    entry::Entry,
    feed::Leaf,
};

use super::{
    Key, missed,
    saved::{self, SavedError},
};
use crate::{
    check::{Answer, Verdict},
    clock,
    core::Node,
    keys::LocalKey,
    storage::{Histogram, StorageError, Store},
};

/// How often counts are brought together and written down.
pub const SAVE_EVERY: Duration = Duration::from_secs(10);

/// The purpose of the key that seals what was hit when: see [`LocalKey::derive`].
pub const PURPOSE: &str = "effects-hits";

/// Fewer hits or measures of one row than this are not shown: a figure that goes up by one with a check tells about a single subject.
const FEWEST_SHOWN: u64 = 10;

/// Rows that are kept apart, some 100 bytes each; of more, regions are counted together.
pub(super) const MOST_ROWS: usize = 65_536;

/// Listings whose first hit is kept, 12 bytes each on disk; of more, later ones are not timed.
pub(super) const MOST_FIRST_HITS: usize = 65_536;

/// Hits of different listings that wait for their region; of more, the region is not known.
const MOST_WAITING: usize = 65_536;

/// Listings that are looked up at a time: each reads a chunk.
const LOOKED_UP_AT_ONCE: usize = 1_024;

/// Leaves of the own feed that are looked through at a time.
const LEAVES_AT_ONCE: usize = 20_000;

/// Months that are kept: five years, as long as anything of a listing.
pub(super) const MONTHS: u32 = 60;

/// A first hit that no measure followed for so many days is not timed any more.
const TIMED_FOR: u32 = 366;

/// Year and month.
pub type Month = (u32, u32);

/// A listing: in whose feed it stands, and where.
pub(super) type Place = (MemberNumber, u64);

/// What was asked in a month.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checks {
    /// Subjects that were asked about, each time anew.
    pub queries: u64,
    /// Answers with at least one listing.
    pub hits: u64,
}

/// What this node counts of one member, list, conduct and region in a month.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Listings in the answers to own checks; of this node's own member alone.
    pub hits: u64,
    /// Days from the first hit of a listing to each measure that the own member applied.
    pub to_measure: Histogram,
    /// What the member itself let pass: notices, answers to disputes, clearings.
    pub overdue: u64,
    /// What the subjects of its listings let pass: commitments and rectifications.
    pub subjects_overdue: u64,
}

/// A count as it is shown: whole tens, and none below ten, so that nobody sees one check pass by.
fn in_tens(count: u64) -> Option<u64> {
    (count >= FEWEST_SHOWN).then_some(count - count % FEWEST_SHOWN)
}

impl Figures {
    /// The hits in whole tens, if there are enough of them to be shown.
    pub fn shown_hits(&self) -> Option<u64> {
        in_tens(self.hits)
    }

    /// The median of the days from a hit to a measure, by nearest rank, if there are enough of them to be shown.
    pub fn shown_median(&self) -> Option<u32> {
        self.to_measure.spread().filter(|spread| spread.count >= FEWEST_SHOWN).map(|spread| spread.p50)
    }

    /// Whether nothing of it is shown.
    pub fn is_hidden(&self) -> bool {
        self.shown_hits().is_none() && self.shown_median().is_none() && self.overdue == 0 && self.subjects_overdue == 0
    }
}

impl Checks {
    /// The hits in whole tens, if there are enough of them to be shown.
    pub fn shown_hits(&self) -> Option<u64> {
        in_tens(self.hits)
    }
}

/// Everything that is counted.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    pub checks: BTreeMap<Month, Checks>,
    pub rows: BTreeMap<Key, Figures>,
    /// Up to which day deadlines of a member's listings are counted.
    pub through: BTreeMap<MemberNumber, Day>,
    /// How many leaves of the own feed were looked through for measures.
    pub measured: u64,
}

/// The day of each listing's first hit.
pub(super) type FirstHits = BTreeMap<Place, Day>;

#[derive(Default)]
struct State {
    counts: Counts,
    first_hits: FirstHits,
    /// Hits that are not yet in a row: `None` where too many waited.
    waiting: BTreeMap<(Month, List, Conduct, Option<Place>), u64>,
    counts_saved: bool,
    first_hits_saved: bool,
}

/// The own figures of a node.
pub struct Own {
    directory: PathBuf,
    key: LocalKey,
    state: Mutex<State>,
    /// Held while counts are brought together: what it guards besides is the files, of which the newer is written last.
    settling: Mutex<Regions>,
}

/// The regions of listings that were looked up.
type Regions = BTreeMap<Place, Option<u32>>;

impl Own {
    /// The figures of a data directory. `key` is derived for [`PURPOSE`].
    ///
    /// # Errors
    /// A file that is there and cannot be read from the disk. One that is damaged or sealed under another key is begun anew.
    pub fn open(directory: &Path, key: LocalKey) -> Result<Own, SavedError> {
        let counts = saved::counts(directory)?;
        let first_hits = saved::first_hits(directory, &key)?;
        let state = State { counts, first_hits, counts_saved: true, first_hits_saved: true, ..State::default() };
        Ok(Own { directory: directory.to_path_buf(), key, state: Mutex::new(state), settling: Mutex::default() })
    }

    /// Counts the answers to own checks.
    pub fn checked<'a>(&self, answers: impl IntoIterator<Item = &'a Answer>, today: Day) {
        let month = month_of(today);
        let mut state = self.lock();
        for answer in answers {
            if matches!(answer.answer, Verdict::Invalid | Verdict::Unavailable) {
                continue;
            }
            let checks = state.counts.checks.entry(month).or_default();
            checks.queries += 1;
            checks.hits += u64::from(!answer.listings.is_empty());
            state.counts_saved = false;
            for listed in &answer.listings {
                let (publisher, leaf, _) = listed.entry;
                state.hit((month, listed.list, listed.conduct), (publisher, leaf), today);
            }
        }
    }

    /// Brings everything together that happened up to now.
    pub fn settle(&self, node: &Node) {
        self.settle_alone(node, &mut self.settling());
    }

    /// The same, and writes it down. What fails is tried again at the next time.
    pub fn save(&self, node: &Node) {
        let mut regions = self.settling();
        self.settle_alone(node, &mut regions);
        let (counts, first_hits) = {
            let mut state = self.lock();
            state.drop_old(clock::wall().day());
            let counts = (!state.counts_saved).then(|| saved::encode_counts(&state.counts));
            let first_hits = (!state.first_hits_saved).then(|| saved::encode_first_hits(&state.first_hits));
            (state.counts_saved, state.first_hits_saved) = (true, true);
            (counts, first_hits)
        };
        // Hits before measures: counted without the hit, a measure would not be timed after a crash.
        let written = first_hits.map_or(Ok(()), |plain| saved::write_first_hits(&self.directory, &self.key, &plain));
        let written =
            written.and_then(|()| counts.map_or(Ok(()), |bytes| saved::write_counts(&self.directory, &bytes)));
        if let Err(error) = written {
            let mut state = self.lock();
            (state.counts_saved, state.first_hits_saved) = (false, false);
            tracing::warn!(%error, "the own figures of effects cannot be written down; a crash would take them");
        }
    }

    /// The figures of these months, first and last included.
    pub fn figures(&self, first: Month, last: Month) -> (BTreeMap<Month, Checks>, BTreeMap<Key, Figures>) {
        let state = self.lock();
        let months = first..=last;
        let checks = state.counts.checks.iter().filter(|(month, _)| months.contains(*month));
        let rows = state.counts.rows.iter().filter(|(key, _)| months.contains(&key.month));
        (checks.map(|(month, checks)| (*month, *checks)).collect(), rows.map(|(k, f)| (*k, f.clone())).collect())
    }

    /// Up to which day the deadlines of each member's listings are counted.
    pub(super) fn through(&self) -> BTreeMap<MemberNumber, Day> {
        self.lock().counts.through.clone()
    }

    /// Counts deadlines that passed up to a day, of these members' listings.
    pub(super) fn passed(&self, of: &BTreeSet<MemberNumber>, day: Day, missed: Vec<(Key, bool)>) {
        let mut state = self.lock();
        state.counts.through.extend(of.iter().map(|member| (*member, day)));
        for (key, is_subjects) in missed {
            let row = state.row(key);
            if is_subjects {
                row.subjects_overdue += 1;
            } else {
                row.overdue += 1;
            }
        }
        state.counts_saved = false;
    }

    fn settle_alone(&self, node: &Node, regions: &mut Regions) {
        let placed = node.view().me.map_or(Ok(()), |me| {
            let store = node.store();
            self.place_hits(store, me, regions)?;
            let size = store.head(me)?.map_or(0, |head| head.size);
            while self.time_measures(store, me, size)? {}
            missed::count(self, node)
        });
        if let Err(error) = placed {
            tracing::warn!(%error, "the own figures of effects are behind until feeds can be read");
        }
    }

    /// Brings hits under list, conduct and region.
    fn place_hits(&self, store: &Store, me: MemberNumber, regions: &mut Regions) -> Result<(), StorageError> {
        if regions.len() > MOST_WAITING {
            regions.clear();
        }
        let unknown: BTreeSet<Place> = {
            let state = self.lock();
            let places = state.waiting.keys().filter_map(|(.., place)| *place);
            places.filter(|place| !regions.contains_key(place)).take(LOOKED_UP_AT_ONCE).collect()
        };
        for (publisher, leaf) in unknown {
            regions.insert((publisher, leaf), store.listing_of(publisher, leaf)?.1);
        }
        let mut state = self.lock();
        let (known, waiting) = std::mem::take(&mut state.waiting)
            .into_iter()
            .partition(|((.., place), _)| place.is_none_or(|place| regions.contains_key(&place)));
        state.waiting = waiting;
        for ((month, list, conduct, place), hits) in known {
            let region = place.and_then(|place| regions.get(&place).copied().flatten());
            state.row(Key { month, member: me, list, conduct: Some(conduct), region }).hits += hits;
        }
        Ok(())
    }

    /// Times measures that the own member applied since the last time; whether there is more to look through.
    fn time_measures(&self, store: &Store, me: MemberNumber, size: u64) -> Result<bool, StorageError> {
        // What was taken back may be said again.
        let from = self.lock().counts.measured.min(size);
        let most = usize::try_from(size - from).unwrap_or(usize::MAX).min(LEAVES_AT_ONCE);
        let leaves = store.leaves(me, from, most)?;
        let next = leaves.last().map_or(from, |(index, _)| index + 1);
        for (_, leaf) in leaves {
            let Leaf::Entry(Entry::Measure(taken)) = leaf else { continue };
            let place = (taken.about.publisher.unwrap_or(me), taken.about.target);
            let hit = self.lock().first_hits.get(&place).copied().filter(|hit| *hit <= taken.about.day);
            let (Some(hit), Response::Applied) = (hit, taken.response) else { continue };
            let (conduct, region, _) = store.listing_of(place.0, place.1)?;
            let key = Key { month: month_of(taken.about.day), member: me, list: taken.about.list, conduct, region };
            self.lock().row(key).to_measure.add(hit, taken.about.day, 1);
        }
        let mut state = self.lock();
        if state.counts.measured != next {
            state.counts.measured = next;
            state.counts_saved = false;
        }
        Ok(next > from && next < size)
    }

    // The regions are whole after every change.
    fn settling(&self) -> MutexGuard<'_, Regions> {
        self.settling.lock().unwrap_or_else(PoisonError::into_inner)
    }

    // Counters are whole after every change.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn hit(&mut self, (month, list, conduct): (Month, List, Conduct), place: Place, today: Day) {
        if self.first_hits.len() < MOST_FIRST_HITS && !self.first_hits.contains_key(&place) {
            self.first_hits.insert(place, today);
            self.first_hits_saved = false;
        }
        let key = (month, list, conduct, Some(place));
        let has_room = self.waiting.len() < MOST_WAITING || self.waiting.contains_key(&key);
        let key = if has_room { key } else { (month, list, conduct, None) };
        *self.waiting.entry(key).or_default() += 1;
    }

    /// The row of a key; that without the region, if there are too many.
    fn row(&mut self, key: Key) -> &mut Figures {
        self.counts_saved = false;
        let has_room = self.counts.rows.len() < MOST_ROWS || self.counts.rows.contains_key(&key);
        let key = if has_room { key } else { Key { region: None, ..key } };
        self.counts.rows.entry(key).or_default()
    }

    fn drop_old(&mut self, today: Day) {
        let oldest = month_of(Day(today.0.saturating_sub(MONTHS * 31)));
        self.counts.checks.retain(|month, _| *month >= oldest);
        self.counts.rows.retain(|key, _| key.month >= oldest);
        let before = self.first_hits.len();
        self.first_hits.retain(|_, day| today.0.saturating_sub(day.0) < TIMED_FOR);
        self.first_hits_saved &= self.first_hits.len() == before;
    }
}

/// The month of a day.
pub fn month_of(day: Day) -> Month {
    let (year, month, _) = day.ymd();
    (year, month)
}
