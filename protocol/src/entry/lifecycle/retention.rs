//! When the contents of leaves are due for erasure: pure functions of what one feed says of one listing.
//!
//! **Invariant:** what is erased of a listing and what stays of it never make another state than all of it together did. A listing
//! goes as a whole, so no List entry is left without the clearing that ended it; what it kept from effect goes no later than
//! it does; and no later listing of the subject goes before an earlier one.

use super::erase_on;
use crate::{
    base::Day,
    entry::ledger::{Action, Change, Effect, Standing, Void},
    subject::Class,
};

/// What a remark's target is where the question is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A leaf whose content is erased.
    Erased,
    /// A List entry whose content stays.
    Listing,
    /// Another entry: the remark speaks of nothing.
    Other,
    /// Not here: its feed may yet come.
    Unknown,
}

/// One listing that took effect, with what changed and ended it.
struct Whole {
    standing: Standing,
    cleared: Option<Day>,
    /// When the last of its entries was published.
    published: Day,
}

impl Whole {
    // FORGET-1
    fn due(&self) -> Day {
        erase_on(self.standing.class, self.standing.listed, self.course().end)
    }

    fn course(&self) -> Course {
        let Standing { leaf, listed, expires, .. } = self.standing;
        Course { leaf, listed, cleared: self.cleared, end: self.cleared.unwrap_or(expires).max(self.published) }
    }
}

/// The course of a listing that took effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Course {
    /// The index of its List entry.
    pub leaf: u64,
    /// The day of listing.
    pub listed: Day,
    /// The day of its clearing.
    pub cleared: Option<Day>,
    /// The day on which it ended or ends.
    pub end: Day,
}

/// The days from which the contents of these entries are erased, one for each. The entries are all that a feed says of one
/// token on one list, in the feed's order, each with the day on which it was published.
pub fn due_days(changes: &[(Change, Day)]) -> Vec<Day> {
    retention(changes).0
}

/// The same, with the course of each listing that took effect, in order.
pub fn retention(changes: &[(Change, Day)]) -> (Vec<Day>, Vec<Course>) {
    let (mut wholes, mut current): (Vec<Whole>, Option<Standing>) = (Vec::new(), None);
    // Of which listing an entry is a part, and when it is due by itself.
    let mut parts: Vec<(Option<usize>, Option<Day>)> = Vec::with_capacity(changes.len());
    for (change, published) in changes {
        let last = wholes.len().checked_sub(1);
        let part = match change.apply(current.as_ref()) {
            Effect::Stands(standing) => {
                current = Some(standing);
                match (change.action, wholes.last_mut()) {
                    (Action::Amend { .. }, Some(whole)) => {
                        whole.standing = standing;
                        whole.published = whole.published.max(*published);
                        (last, None)
                    }
                    _ => {
                        wholes.push(Whole { standing, cleared: None, published: *published });
                        (Some(wholes.len() - 1), None)
                    }
                }
            }
            Effect::Cleared(ending) => {
                current = None;
                if let Some(whole) = wholes.last_mut() {
                    whole.cleared = Some(ending.day);
                    whole.published = whole.published.max(*published);
                }
                (last, None)
            }
            // FORGET-2: without the listing that holds, it would take effect.
            Effect::Void(Void::AlreadyListed) => (last, Some(alone(change, *published))),
            Effect::Void(_) => (None, Some(alone(change, *published))),
        };
        parts.push(part);
    }
    let mut due: Vec<Day> = wholes.iter().map(Whole::due).collect();
    // FORGET-3
    for earlier in (1..due.len()).rev() {
        due[earlier - 1] = due[earlier - 1].min(due[earlier]);
    }
    let of = |(whole, alone): (Option<usize>, Option<Day>)| {
        let whole = whole.and_then(|whole| due.get(whole)).copied();
        // One of the two is there.
        whole.into_iter().chain(alone).min().unwrap_or(Day::MAX)
    };
    let days = parts.into_iter().map(of).collect();
    (days, wholes.iter().map(Whole::course).collect())
}

/// The day from which an entry without effect is erased. FORGET-2: as a listing of its own.
fn alone(change: &Change, published: Day) -> Day {
    let end = match change.action {
        Action::List { expires, .. } => expires,
        Action::Amend { .. } | Action::Clear { .. } => change.day,
    };
    erase_on(change.class, change.day, end.max(published))
}

/// FORGET-5: for how many days after its publication nothing is erased, so that nobody can pass off as forgotten what is new.
const WHOLE_DAYS: u32 = 30;

/// The day from which a remark of this class, published on that day, is erased; `None` while the listing stays of which it speaks.
/// The day that it bears is its author's choice and decides nothing.
pub fn remark_due(class: Class, published: Day, target: Target) -> Option<Day> {
    // FORGET-4, FORGET-5
    match target {
        Target::Erased => Some(published.plus(WHOLE_DAYS)),
        Target::Listing => None,
        Target::Other => Some(erase_on(class, published, published)),
        Target::Unknown => Some(erase_on(class, published, Day::MAX)),
    }
}
