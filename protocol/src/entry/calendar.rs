//! The working-day calendar: Monday to Friday, with the holidays and make-up days (调休) of the State Council as data that an
//! operator extends year by year.
//!
//! Two nodes with different calendars agree on every stage of every listing: no rule of [`super::lifecycle`] that decides what
//! takes effect asks the calendar. They may differ for days in what they show as overdue.

use std::collections::BTreeMap;

use crate::base::Day;

#[cfg(test)]
mod tests;

/// The most lines of an operator's calendar: 130 years with 30 exceptions each.
pub const LINES: usize = 4_096;

/// Whether a day that breaks the rule of the week is free or worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DayKind {
    /// A working day of the week that is free.
    Holiday,
    /// A Saturday or Sunday that is worked.
    Workday,
}

/// Why a line of an operator's calendar is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} of the calendar: {problem}")]
pub struct CalendarError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub problem: CalendarProblem,
}

/// What is wrong with a line of a calendar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CalendarProblem {
    /// Too many lines.
    #[error("a calendar has at most 4096 lines")]
    TooManyLines,
    /// Not the form of a line.
    #[error("write a date and holiday or workday, as in 2027-01-01 holiday")]
    Form,
    /// No such date, or one outside 1970–2149.
    #[error("there is no such date")]
    Date,
    /// Neither a holiday nor a workday.
    #[error("the day is neither holiday (放假) nor workday (上班)")]
    Kind,
    /// The date stands there already.
    #[error("this date stands in the calendar twice")]
    Twice,
}

/// Reads an operator's calendar: a line is empty, a comment after `#`, or `2027-01-01 holiday|workday` (放假, 上班).
pub fn parse(text: &str) -> Result<BTreeMap<Day, DayKind>, CalendarError> {
    let mut days = BTreeMap::new();
    for (at, line) in text.lines().enumerate() {
        // DEADLINE-2
        let refuse = |problem| CalendarError { line: at + 1, problem };
        if at >= LINES {
            return Err(refuse(CalendarProblem::TooManyLines));
        }
        let line = line.split('#').next().unwrap_or_default();
        let mut words = line.split_whitespace();
        let (date, kind) = match (words.next(), words.next(), words.next()) {
            (None, _, _) => continue,
            (Some(date), Some(kind), None) => (date, kind),
            _ => return Err(refuse(CalendarProblem::Form)),
        };
        let day = Day::parse(date).ok_or_else(|| refuse(CalendarProblem::Date))?;
        let kind = match kind {
            "holiday" | "放假" => DayKind::Holiday,
            "workday" | "上班" => DayKind::Workday,
            _ => return Err(refuse(CalendarProblem::Kind)),
        };
        if days.insert(day, kind).is_some() {
            return Err(refuse(CalendarProblem::Twice));
        }
    }
    Ok(days)
}

/// The State Council's holidays as first and last month-day, and its make-up workdays, by year (国务院办公厅关于节假日安排的通知).
const STATE_COUNCIL: &[(u32, &[[u32; 4]], &[[u32; 2]])] = &[
    (
        2025,
        &[[1, 1, 1, 1], [1, 28, 2, 4], [4, 4, 4, 6], [5, 1, 5, 5], [5, 31, 6, 2], [10, 1, 10, 8]],
        &[[1, 26], [2, 8], [4, 27], [9, 28], [10, 11]],
    ),
    (
        2026,
        &[[1, 1, 1, 3], [2, 15, 2, 23], [4, 4, 4, 6], [5, 1, 5, 5], [6, 19, 6, 21], [9, 25, 9, 27], [10, 1, 10, 7]],
        &[[1, 4], [2, 14], [2, 28], [5, 9], [9, 20], [10, 10]],
    ),
];

/// Which days are worked. Answers in constant time: a list of deadlines asks a million times.
#[derive(Clone, PartialEq, Eq)]
pub struct Calendar {
    /// The days that break the rule of the week.
    exceptions: BTreeMap<Day, DayKind>,
    /// For each day, how many working days lie before it.
    before: Vec<u16>,
    /// The working days in order.
    working: Vec<u16>,
}

impl Default for Calendar {
    fn default() -> Self {
        Calendar::new()
    }
}

impl std::fmt::Debug for Calendar {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Calendar").field("exceptions", &self.exceptions).finish_non_exhaustive()
    }
}

impl Calendar {
    /// The calendar of 2025 and 2026; other years have the days of the week alone.
    pub fn new() -> Calendar {
        Calendar::with(&BTreeMap::new())
    }

    /// The same with an operator's days, which win over ours.
    pub fn with(days: &BTreeMap<Day, DayKind>) -> Calendar {
        let mut exceptions = state_council();
        exceptions.extend(days);
        let (mut before, mut working) = (Vec::with_capacity(usize::from(u16::MAX) + 1), Vec::new());
        for number in 0..=u16::MAX {
            let day = Day(u32::from(number));
            // There are fewer working days than days, which have 16 bits.
            before.push(working.len() as u16);
            let is_free = exceptions.get(&day).map_or_else(|| is_weekend(day), |kind| *kind == DayKind::Holiday);
            if !is_free {
                working.push(number);
            }
        }
        Calendar { exceptions, before, working }
    }

    /// Whether the holidays of a year are known: without them its deadlines fall too early.
    pub fn covers(&self, year: u32) -> bool {
        self.exceptions.keys().any(|day| day.ymd().0 == year)
    }

    /// Whether the day is worked.
    pub fn is_working(&self, day: Day) -> bool {
        // DEADLINE-1
        self.working.get(self.working_before(day)).is_some_and(|next| u32::from(*next) == day.0)
    }

    /// The n-th working day after a day that does not count itself; [`Day::MAX`] past the end.
    pub fn after(&self, day: Day, n: u32) -> Day {
        let through = self.working_before(day) + usize::from(self.is_working(day));
        // For n = 0 the day itself.
        match n.checked_sub(1) {
            None => day,
            Some(more) => self.nth(through.saturating_add(more as usize)),
        }
    }

    /// The first day whose n-th working day after it is not before today: a term of n working days that began earlier is over.
    pub fn running_since(&self, today: Day, n: u32) -> Day {
        let through_yesterday = self.working_before(today);
        through_yesterday.checked_sub(n as usize).map_or(Day(0), |at| self.nth(at))
    }

    /// The last working day before a day, if there is one.
    pub fn last_before(&self, day: Day) -> Option<Day> {
        self.working_before(day).checked_sub(1).map(|at| self.nth(at))
    }

    /// When the monthly report (月报) of a month is due: the last working day strictly before the 15th.
    pub fn report_day(&self, year: u32, month: u32) -> Option<Day> {
        // DEADLINE-10
        Day::from_ymd(year, month, 15).and_then(|day| self.last_before(day))
    }

    fn working_before(&self, day: Day) -> usize {
        self.before.get(day.0 as usize).map_or(self.working.len(), |count| usize::from(*count))
    }

    fn nth(&self, at: usize) -> Day {
        self.working.get(at).map_or(Day::MAX, |number| Day(u32::from(*number)))
    }
}

fn state_council() -> BTreeMap<Day, DayKind> {
    let mut days = BTreeMap::new();
    for (year, holidays, workdays) in STATE_COUNCIL {
        for [from_month, from, until_month, until] in *holidays {
            let first = Day::from_ymd(*year, *from_month, *from);
            let last = Day::from_ymd(*year, *until_month, *until);
            if let (Some(first), Some(last)) = (first, last) {
                days.extend((first.0..=last.0).map(|day| (Day(day), DayKind::Holiday)));
            }
        }
        let worked = workdays.iter().filter_map(|[month, day]| Day::from_ymd(*year, *month, *day));
        days.extend(worked.map(|day| (day, DayKind::Workday)));
    }
    days
}

/// 1970-01-01 was a Thursday.
fn is_weekend(day: Day) -> bool {
    matches!((day.0 + 3) % 7, 5 | 6)
}
