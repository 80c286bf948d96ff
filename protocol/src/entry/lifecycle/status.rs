//! What an asker sees of a subject's listings on a day.

use super::{Act, Life, Refusal, Remark, Roster, Stage};
use crate::{
    base::{Day, MemberNumber},
    codes::{Conduct, List, Reason, State},
    entry::{
        calendar::Calendar,
        ledger::{Ending, Standing},
    },
    subject::Class,
};

/// Working days in which a report is confirmed, or lapses.
pub(super) const CONFIRM_WORKING_DAYS: u32 = 15;

/// Working days in which the subject commits itself.
pub(super) const COMMIT_WORKING_DAYS: u32 = 10;

/// Days after which an unanswered dispute suspends the listing by itself (征信业管理条例 art. 25).
pub(super) const HARD_STOP_DAYS: u32 = 20;

/// The days that decide what is over: worked out once a day, so that a check compares numbers and asks no calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cutoffs {
    /// The day of asking.
    pub today: Day,
    /// Unconfirmed listings of an earlier day have lapsed.
    pub unconfirmed: Day,
    /// Notices of an earlier day that no commitment followed are overdue.
    pub uncommitted: Day,
    /// Open disputes of an earlier day suspend their listing.
    pub unanswered: Day,
}

impl Cutoffs {
    /// Those of a day.
    pub fn new(calendar: &Calendar, today: Day) -> Cutoffs {
        Cutoffs {
            today,
            // DEADLINE-3
            unconfirmed: calendar.running_since(today, CONFIRM_WORKING_DAYS),
            uncommitted: calendar.running_since(today, COMMIT_WORKING_DAYS),
            // DEADLINE-6
            unanswered: Day(today.0.saturating_sub(HARD_STOP_DAYS)),
        }
    }
}

/// A listing as its publisher's feed has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// In whose feed.
    pub publisher: MemberNumber,
    /// The list.
    pub list: List,
    /// The listing, if it was cleared the last that stood.
    pub standing: Standing,
    /// How it was cleared.
    pub ended: Option<Ending>,
}

impl Held {
    /// Whether it stands on that day: from the day of listing on, however early it was published.
    pub fn is_in_force(&self, today: Day) -> bool {
        self.ended.is_none() && self.standing.listed <= today && self.standing.holds_on(today)
    }

    /// Whether it is a report of the alliance's own that others confirm: no mark, no praise, no statutory list.
    pub(super) fn needs_confirmation(&self) -> bool {
        self.list.is_enforceable() && !self.list.is_statutory()
    }
}

/// What an asker sees of one listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// Where it stands.
    pub state: State,
    /// How many members under different control list the same conduct now, the publisher among them.
    pub members: usize,
    /// Since when it is confirmed.
    pub confirmed: Option<Day>,
    /// Since when a dispute of it is open.
    pub disputed: Option<Day>,
    /// Whether a dispute went unanswered past the hard stop.
    pub suspended: bool,
    /// Whether a ruling has taken its force.
    pub struck: bool,
    /// Whether the subject bears a victim mark.
    pub victim: bool,
    /// Whether a member may act on it.
    pub enforceable: bool,
}

/// All that is known of one subject: its listings and what was said of them.
pub struct Subject<'a> {
    held: &'a [Held],
    /// One for each listing, or none at all where nothing was said.
    lives: Vec<Life>,
    roster: &'a Roster,
}

impl<'a> Subject<'a> {
    /// The subject with these listings, of all its tokens, and these remarks in any order.
    pub fn new(held: &'a [Held], remarks: &[Remark], roster: &'a Roster) -> Subject<'a> {
        let lives = if remarks.is_empty() {
            Vec::new()
        } else {
            held.iter().map(|held| Life::fold(held, remarks, roster)).collect()
        };
        Subject { held, lives, roster }
    }

    /// What was made of the listing at a place; `None` where nothing was said of any.
    pub fn life(&self, at: usize) -> Option<&Life> {
        self.lives.get(at)
    }

    /// What an asker sees of each listing, in the order in which they were given.
    pub fn statuses(&self, cutoffs: &Cutoffs) -> Vec<Status> {
        let mut statuses = Vec::with_capacity(self.held.len());
        self.statuses_into(cutoffs, &mut statuses);
        statuses
    }

    /// The same into memory that is used again.
    pub fn statuses_into(&self, cutoffs: &Cutoffs, statuses: &mut Vec<Status>) {
        statuses.clear();
        let protects = |(at, held): (usize, &Held)| {
            held.list == List::Vic && self.counts(held, cutoffs) && !Marks::of(self.life(at), cutoffs).struck
        };
        let victim = self.held.iter().enumerate().any(protects);
        // A single listing has nobody beside it.
        let supporters = if self.held.len() > 1 { self.supporters(cutoffs) } else { Vec::new() };
        let status = |at| self.status(at, &supporters, victim, cutoffs);
        statuses.extend((0..self.held.len()).map(status));
    }

    /// Whether a remark may be made about one of the listings today: the transition function over all that is known, and beyond
    /// it what only the maker is held to.
    pub fn admit(&self, remark: &Remark, remarks: &[Remark], cutoffs: &Cutoffs) -> Result<(), Refusal> {
        let is_target = |held: &Held| (held.publisher, held.standing.leaf) == (remark.publisher, remark.target);
        // LIFE-2
        let at = self.held.iter().position(is_target).ok_or(Refusal::NoListing)?;
        let all: Vec<Remark> = remarks.iter().chain([remark]).copied().collect();
        let mut verdict = Ok(());
        Life::fold_with(&self.held[at], &all, self.roster, |taken, outcome| {
            if (taken.author, taken.index) == (remark.author, remark.index) {
                verdict = outcome;
            }
        });
        verdict?;
        // LIFE-15
        let state = self.statuses(cutoffs)[at].state;
        match remark.act {
            Act::Rectify { .. } if matches!(state, State::Reported | State::Lapsed) => Err(Refusal::NotConfirmed),
            Act::Escalate if matches!(state, State::Noticed | State::Committed) => Err(Refusal::NotOverdue),
            _ => Ok(()),
        }
    }

    /// Whether a listing is in force and its publisher has a say.
    fn counts(&self, held: &Held, cutoffs: &Cutoffs) -> bool {
        held.is_in_force(cutoffs.today) && self.roster.controller(held.publisher).is_some()
    }

    /// Who confirms what: conduct, day and controller of every listing that counts, by conduct and day.
    fn supporters(&self, cutoffs: &Cutoffs) -> Vec<(Conduct, Day, u16)> {
        let supporter = |(at, held): (usize, &Held)| {
            let marks = Marks::of(self.life(at), cutoffs);
            // LIFE-11: what a ruling has struck or nobody answers for confirms nothing.
            let counts = held.needs_confirmation() && self.counts(held, cutoffs) && !marks.struck && !marks.suspended;
            let controller = self.roster.controller(held.publisher).filter(|_| counts)?;
            Some((held.standing.conduct, held.standing.listed, controller))
        };
        let mut supporters: Vec<_> = self.held.iter().enumerate().filter_map(supporter).collect();
        supporters.sort_unstable();
        supporters
    }

    fn status(&self, at: usize, supporters: &[(Conduct, Day, u16)], victim: bool, cutoffs: &Cutoffs) -> Status {
        let held = &self.held[at];
        let life = self.life(at);
        let (members, confirmed) = self.confirmation(held, supporters);
        let Marks { disputed, suspended, struck } = Marks::of(life, cutoffs);
        let stage = life.map_or(Stage::Listed, |life| life.stage);
        let state = state(held, stage, confirmed.is_some(), cutoffs);
        // LIFE-13: each of these alone keeps a listing from force.
        let enforceable = held.list.is_enforceable()
            && matches!(
                state,
                State::Confirmed | State::Noticed | State::Committed | State::Overdue | State::Escalated
            )
            && confirmed.is_some()
            && self.roster.controller(held.publisher).is_some()
            && disputed.is_none()
            && !victim
            // LIFE-12
            && (held.standing.class != Class::Pay || self.roster.payment_accounts);
        Status { state, members, confirmed, disputed, suspended, struck, victim, enforceable }
    }

    /// How many members under different control list the conduct, and since when that is enough.
    fn confirmation(&self, held: &Held, supporters: &[(Conduct, Day, u16)]) -> (usize, Option<Day>) {
        let listed = held.standing.listed;
        if !held.needs_confirmation() {
            // Nobody confirms a source, a mark or praise.
            return (1, Some(listed));
        }
        let own = self.roster.controller(held.publisher);
        let quorum = self.roster.corroboration;
        // LIFE-11: a sister company or a second node is not another.
        let mut members = usize::from(own.is_some());
        let mut since = (members >= quorum).then_some(listed);
        let begin = supporters.partition_point(|(conduct, ..)| *conduct < held.standing.conduct);
        let end = supporters.partition_point(|(conduct, ..)| *conduct <= held.standing.conduct);
        let same = &supporters[begin..end];
        for (at, (_, day, controller)) in same.iter().enumerate() {
            let is_new = Some(*controller) != own && !same[..at].iter().any(|(.., before)| before == controller);
            members += usize::from(is_new);
            if is_new && members == quorum {
                since = Some(listed.max(*day));
            }
        }
        (members, if held.standing.document { Some(listed) } else { since })
    }
}

/// What disputes do to a listing on a day.
struct Marks {
    disputed: Option<Day>,
    suspended: bool,
    struck: bool,
}

impl Marks {
    fn of(life: Option<&Life>, cutoffs: &Cutoffs) -> Marks {
        let disputed = life.and_then(Life::open_dispute).map(|dispute| dispute.filed);
        Marks {
            disputed,
            suspended: disputed.is_some_and(|filed| filed < cutoffs.unanswered),
            struck: life.is_some_and(|life| matches!(life.stage, Stage::Struck { .. })),
        }
    }
}

/// LIFE-14: the first of these that fits.
fn state(held: &Held, stage: Stage, confirmed: bool, cutoffs: &Cutoffs) -> State {
    if let Some(ending) = held.ended {
        return match ending.reason {
            Reason::Rectified | Reason::Repaired => State::Repaired,
            Reason::Mistake | Reason::DisputeUpheld | Reason::Withdrawn | Reason::Duplicate | Reason::SourceRemoved => {
                State::Withdrawn
            }
        };
    }
    if !held.standing.holds_on(cutoffs.today) {
        return State::Expired;
    }
    if matches!(stage, Stage::Struck { .. }) {
        return State::Withdrawn;
    }
    if !confirmed && held.standing.listed < cutoffs.unconfirmed {
        return State::Lapsed;
    }
    match stage {
        Stage::Listed | Stage::Ended if confirmed && held.list != List::Cand => State::Confirmed,
        Stage::Listed | Stage::Ended => State::Reported,
        Stage::Noticed { day, until }
            if day < cutoffs.uncommitted || until.is_some_and(|until| until < cutoffs.today) =>
        {
            State::Overdue
        }
        Stage::Noticed { .. } => State::Noticed,
        Stage::Committed { due, .. } if due < cutoffs.today => State::Overdue,
        Stage::Committed { .. } => State::Committed,
        Stage::Rectified { .. } => State::Rectified,
        Stage::Escalated { .. } => State::Escalated,
        Stage::Struck { .. } => State::Withdrawn,
    }
}
