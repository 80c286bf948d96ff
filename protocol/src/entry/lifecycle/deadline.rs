//! What is due about a listing: pure functions of its state and the calendar.

use super::{
    Held, Life, Stage, Status,
    status::{COMMIT_WORKING_DAYS, CONFIRM_WORKING_DAYS, Cutoffs, HARD_STOP_DAYS},
};
use crate::{
    base::Day,
    codes::{Duty, List, Severity, State},
    entry::calendar::Calendar,
    subject::Class,
};

/// Working days from confirmation to the notice ("第一时间").
const NOTIFY_WORKING_DAYS: u32 = 1;

/// Working days in which a publisher answers a dispute.
const ANSWER_WORKING_DAYS: u32 = 3;

/// Working days in which a struck listing is cleared, a rectified one after its least publicity, and an overdue one escalated.
const ACT_WORKING_DAYS: u32 = 1;

/// Months after which the publisher looks at a listing again.
const REVIEW_MONTHS: u32 = 6;

/// Months after which nothing of a listing is kept, wherever its end lies (征信业管理条例 art. 16: five years).
const LONGEST_RETENTION_MONTHS: u32 = 60;

/// Whose turn it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Actor {
    /// The member that listed.
    Publisher,
    /// The stewards.
    Steward,
    /// The subject; its publisher records what it did.
    Subject,
    /// Any other member.
    Members,
}

/// One thing that is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Deadline {
    /// The last day on which it is in time.
    pub day: Day,
    /// What.
    pub duty: Duty,
    /// Who must act.
    pub who: Actor,
}

/// What is due about a listing, soonest first: appended to `due`.
pub fn deadlines(
    held: &Held,
    life: Option<&Life>,
    status: &Status,
    (calendar, cutoffs): (&Calendar, &Cutoffs),
    due: &mut Vec<Deadline>,
) {
    let begin = due.len();
    let mut add = |duty, who, day| due.push(Deadline { day, duty, who });
    let standing = &held.standing;
    if !held.is_in_force(cutoffs.today) {
        let end = held.ended.map_or(standing.expires, |ending| ending.day);
        add(Duty::Erase, Actor::Publisher, erase_on(standing.class, standing.listed, end));
        return;
    }
    let stage = life.map_or(Stage::Listed, |life| life.stage);
    let escalate = |day| calendar.after(day, ACT_WORKING_DAYS);
    match stage {
        // DEADLINE-3
        Stage::Listed if status.state == State::Reported && held.needs_confirmation() => {
            add(Duty::Confirm, Actor::Members, calendar.after(standing.listed, CONFIRM_WORKING_DAYS));
        }
        // DEADLINE-4
        Stage::Listed if held.needs_confirmation() => {
            if let Some(confirmed) = status.confirmed {
                add(Duty::Notify, Actor::Publisher, calendar.after(confirmed, NOTIFY_WORKING_DAYS));
            }
        }
        Stage::Noticed { day, until } => {
            let commit = calendar.after(day, COMMIT_WORKING_DAYS);
            let commit = until.map_or(commit, |until| until.min(commit));
            add(Duty::Commit, Actor::Subject, commit);
            if status.state == State::Overdue {
                add(Duty::Escalate, Actor::Steward, escalate(commit));
            }
        }
        // DEADLINE-5
        Stage::Committed { due, .. } => {
            add(Duty::Rectify, Actor::Subject, due);
            if status.state == State::Overdue {
                add(Duty::Escalate, Actor::Steward, escalate(due));
            }
        }
        // DEADLINE-7
        Stage::Rectified { day } => {
            let least = standing.listed.plus_months(least_publicity(standing.severity));
            add(Duty::Clear, Actor::Publisher, calendar.after(day, ACT_WORKING_DAYS).max(least));
        }
        Stage::Struck { day } => add(Duty::Clear, Actor::Publisher, calendar.after(day, ACT_WORKING_DAYS)),
        Stage::Listed | Stage::Escalated { .. } | Stage::Ended => {}
    }
    // DEADLINE-6
    let open = life.into_iter().flat_map(|life| &life.disputes).filter(|dispute| dispute.closed.is_none());
    for dispute in open {
        add(Duty::Answer, Actor::Publisher, calendar.after(dispute.filed, ANSWER_WORKING_DAYS));
        add(Duty::HardStop, Actor::Publisher, dispute.filed.plus(HARD_STOP_DAYS));
    }
    // DEADLINE-8: what comes of a review is an amendment, a clearing or nothing, so it is shown until its day and never overdue.
    let review = standing.listed.plus_months(REVIEW_MONTHS);
    if review >= cutoffs.today && review < standing.expires && held.list != List::Vic {
        add(Duty::Review, Actor::Publisher, review);
    }
    add(Duty::Expire, Actor::Publisher, Day(standing.expires.0.saturating_sub(1)));
    due[begin..].sort_unstable();
}

/// The months for which a listing is public at least (信用修复管理办法: slight up to three months, ordinary three months to a
/// year, grave one to three years).
const fn least_publicity(severity: Severity) -> u32 {
    match severity {
        Severity::Minor => 0,
        Severity::Ordinary => 3,
        Severity::Severe => 12,
    }
}

/// The day on which the contents of a listing that ended are erased everywhere; hashes stay.
pub fn erase_on(class: Class, listed: Day, end: Day) -> Day {
    // DEADLINE-9
    let days = match class {
        // Numbers are reissued: the next holder must not meet it.
        Class::Mob => 30,
        Class::Per | Class::Shp | Class::Acc | Class::Pay | Class::Grp | Class::Log | Class::Wbl => 90,
        Class::Ent | Class::Web | Class::App => 365,
    };
    end.plus(days).min(listed.plus_months(LONGEST_RETENTION_MONTHS))
}
