//! Small types that every layer shares: digests, tokens, member numbers, days and seconds.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A SHA-256 digest.
pub type Hash = [u8; 32];

/// The pseudonym of one subject under one key: 32 bytes that are uniform if the publisher is honest. Never log one: it
/// is de-identified, not anonymous.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Token(pub [u8; 32]);

impl fmt::Debug for Token {
    /// Shows no byte of the token, so that a debug print can not leak it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(..)")
    }
}

/// The number that the charter gives a member: never reused, never moved to another legal entity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemberNumber(pub u16);

impl fmt::Display for MemberNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Seconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub u64);

impl Timestamp {
    /// The day in Beijing time (UTC+8, no summer time since 1991), in which all deadlines of the alliance count.
    pub fn day(self) -> Day {
        Day(u32::try_from(self.0.saturating_add(8 * 3600) / 86_400).unwrap_or(u32::MAX))
    }

    /// The first moment of a day in Beijing.
    pub fn start_of(day: Day) -> Timestamp {
        Timestamp((u64::from(day.0) * 86_400).saturating_sub(8 * 3600))
    }

    /// This moment moved later by whole seconds; stays at the largest value instead of wrapping.
    pub fn plus(self, seconds: u64) -> Timestamp {
        Timestamp(self.0.saturating_add(seconds))
    }
}

/// A calendar day, counted from 1970-01-01.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Day(pub u32);

impl Day {
    /// The last day that the wire and the table can carry: 2149-06-06 (16 bits).
    pub const MAX: Day = Day(u16::MAX as u32);

    /// The day of a proleptic Gregorian date, `None` if there is no such date or it lies outside 1970–2149.
    ///
    /// Source of the arithmetic: H. Hinnant, "chrono-Compatible Low-Level Date Algorithms", `days_from_civil`.
    pub fn from_ymd(year: u32, month: u32, day: u32) -> Option<Day> {
        if !(1970..=2149).contains(&year) || !(1..=12).contains(&month) || day == 0 || day > days_in_month(year, month)
        {
            return None;
        }
        let (y, shifted) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
        let (era, yoe) = (y / 400, y % 400);
        let doy = (153 * shifted + 2) / 5 + day - 1;
        let days = era * 146_097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719_468;
        (days <= Day::MAX.0).then_some(Day(days))
    }

    /// Year, month (1–12) and day (1–31): the inverse of [`Day::from_ymd`].
    pub fn ymd(self) -> (u32, u32, u32) {
        let z = self.0 + 719_468;
        let (era, doe) = (z / 146_097, z % 146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = doy - (153 * mp + 2) / 5 + 1;
        let month = if mp < 10 { mp + 3 } else { mp - 9 };
        (yoe + era * 400 + u32::from(month <= 2), month, day)
    }

    /// Parses the formats that Chinese spreadsheets carry: `2026-11-22`, `2026/11/22`, `2026.11.22`, `20261122` and
    /// `2026年11月22日`.
    pub fn parse(text: &str) -> Option<Day> {
        let text = text.trim();
        if text.len() == 8 && text.bytes().all(|b| b.is_ascii_digit()) {
            let part = |range: std::ops::Range<usize>| text[range].parse().ok();
            return Day::from_ymd(part(0..4)?, part(4..6)?, part(6..8)?);
        }
        let text = text.strip_suffix('日').unwrap_or(text);
        let mut parts = text.split(['-', '/', '.', '年', '月']);
        let mut next = |longest: usize| {
            let part = parts.next()?;
            let fits = !part.is_empty() && part.len() <= longest && part.bytes().all(|b| b.is_ascii_digit());
            if fits { part.parse::<u32>().ok() } else { None }
        };
        let (year, month, day) = (next(4)?, next(2)?, next(2)?);
        if parts.next().is_some() { None } else { Day::from_ymd(year, month, day) }
    }

    /// This day moved later by calendar months, clamped to the end of the month: 31 January and one month is the last of
    /// February. Stays at [`Day::MAX`].
    pub fn plus_months(self, months: u32) -> Day {
        let (year, month, day) = self.ymd();
        let count = (month - 1).saturating_add(months);
        let (year, month) = (year.saturating_add(count / 12), count % 12 + 1);
        Day::from_ymd(year, month, day.min(days_in_month(year, month))).unwrap_or(Day::MAX)
    }

    /// This day moved later; stays at [`Day::MAX`] instead of wrapping.
    pub fn plus(self, days: u32) -> Day {
        Day(self.0.saturating_add(days).min(Day::MAX.0))
    }
}

impl fmt::Display for Day {
    /// ISO 8601: `2026-11-22`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = self.ymd();
        write!(f, "{year:04}-{month:02}-{day:02}")
    }
}

fn days_in_month(year: u32, month: u32) -> u32 {
    match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_day_survives_the_round_trip_and_follows_its_predecessor() {
        assert_eq!(Day::from_ymd(1970, 1, 1), Some(Day(0)));
        for n in 0..=Day::MAX.0 {
            let (y, m, d) = Day(n).ymd();
            assert_eq!(Day::from_ymd(y, m, d), Some(Day(n)));
            assert_eq!(Day::parse(&Day(n).to_string()), Some(Day(n)));
        }
    }

    #[test]
    fn dates_that_do_not_exist_are_refused() {
        for (y, m, d) in
            [(2026, 2, 29), (2100, 2, 29), (2026, 13, 1), (2026, 0, 1), (2026, 4, 31), (1969, 12, 31), (2149, 6, 7)]
        {
            assert_eq!(Day::from_ymd(y, m, d), None);
        }
        for text in ["", "2026-11", "2026-11-22-1", "26年", "2026-1１-22", "20261322", "+2026-1-1"] {
            assert_eq!(Day::parse(text), None, "{text}");
        }
        assert_eq!(Day::parse("2026年11月2日"), Day::from_ymd(2026, 11, 2));
        assert_eq!(Day::parse("2026/1/2"), Day::from_ymd(2026, 1, 2));
    }

    #[test]
    fn months_end_at_their_last_day() {
        let plus = |text: &str, months| Day::parse(text).unwrap().plus_months(months).to_string();
        for (from, months, to) in [
            ("2026-01-31", 3, "2026-04-30"),
            ("2026-01-31", 1, "2026-02-28"),
            ("2027-11-30", 3, "2028-02-29"),
            ("2028-02-29", 12, "2029-02-28"),
            ("2028-02-29", 48, "2032-02-29"),
            ("2026-12-31", 2, "2027-02-28"),
            ("2026-10-15", 3, "2027-01-15"),
            ("2026-05-05", 0, "2026-05-05"),
        ] {
            assert_eq!(plus(from, months), to, "{from} + {months}");
        }
        assert_eq!([Day::MAX.plus_months(1), Day(0).plus_months(u32::MAX)], [Day::MAX; 2]);
    }

    #[test]
    fn the_day_turns_at_midnight_in_beijing() {
        assert_eq!(Timestamp(16 * 3600 - 1).day(), Day(0));
        assert_eq!(Timestamp(16 * 3600).day(), Day(1));
    }
}
