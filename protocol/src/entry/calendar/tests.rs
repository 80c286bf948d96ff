//! The hard days of the calendar, and every line that an operator may get wrong.

use proptest::prelude::*;

use super::*;

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

#[test]
fn the_state_council_moves_days() {
    let calendar = Calendar::new();
    let free = [
        "2025-01-28",
        "2025-02-04",
        "2025-05-31",
        "2025-06-02",
        "2025-10-08",
        "2026-01-02",
        "2026-02-16",
        "2026-02-23",
        "2026-04-06",
        "2026-05-05",
        "2026-06-19",
        "2026-09-25",
        "2026-10-07",
    ];
    for text in free {
        assert!(!calendar.is_working(day(text)), "{text}"); // DEADLINE-1
    }
    let worked = [
        "2025-01-26",
        "2025-02-08",
        "2025-04-27",
        "2025-09-28",
        "2025-10-11",
        "2026-01-04",
        "2026-02-14",
        "2026-02-28",
        "2026-05-09",
        "2026-09-20",
        "2026-10-10",
        "2026-11-27",
    ];
    for text in worked {
        assert!(calendar.is_working(day(text)), "{text}"); // DEADLINE-1
    }
    let holidays = calendar.exceptions.values().filter(|kind| **kind == DayKind::Holiday).count();
    assert_eq!((holidays, calendar.exceptions.len() - holidays), (28 + 33, 5 + 6));
    assert_eq!([2024, 2025, 2026, 2027].map(|year| calendar.covers(year)), [false, true, true, false]);
    // Every make-up day is a day of the weekend: it would be none otherwise.
    for (date, kind) in &calendar.exceptions {
        assert!(*kind == DayKind::Holiday || is_weekend(*date), "{date}");
    }
}

#[test]
fn terms_run_around_the_spring_festival() {
    let calendar = Calendar::new();
    // Friday 13 February 2026: the make-up Saturday counts, then the festival until the 23rd.
    assert_eq!(calendar.after(day("2026-02-13"), 1), day("2026-02-14"));
    assert_eq!(calendar.after(day("2026-02-13"), 2), day("2026-02-24"));
    // 24, 25, 26, 27 and the make-up Saturday 28 February, then Monday.
    assert_eq!(calendar.after(day("2026-02-14"), 6), day("2026-03-02"));
    // A term that begins inside the festival begins with it over.
    for inside in ["2026-02-15", "2026-02-19", "2026-02-23"] {
        assert_eq!(calendar.after(day(inside), 1), day("2026-02-24"));
    }
    // Over the year's end: 1 to 3 January are free, Sunday the 4th is worked.
    assert_eq!(calendar.after(day("2025-12-31"), 1), day("2026-01-04"));
    assert_eq!(calendar.after(day("2025-12-30"), 3), day("2026-01-05"));
    assert_eq!(calendar.after(day("2026-09-30"), 0), day("2026-09-30"));
    assert_eq!(calendar.after(Day::MAX, 1), Day::MAX);
    assert_eq!(calendar.after(Day(0), u32::MAX), Day::MAX);
}

#[test]
fn the_monthly_report_is_due_before_the_fifteenth() {
    let calendar = Calendar::new();
    let due = |year, month| calendar.report_day(year, month).unwrap().to_string();
    assert_eq!(due(2026, 11), "2026-11-13"); // DEADLINE-10: a Friday
    assert_eq!(due(2026, 2), "2026-02-14"); // DEADLINE-10: a make-up Saturday
    assert_eq!(due(2026, 6), "2026-06-12"); // DEADLINE-10: the 15th is a Monday, and not before itself
    assert_eq!(due(2025, 2), "2025-02-14");
    assert_eq!([(2026, 0), (2026, 13), (2150, 1)].map(|(y, m)| calendar.report_day(y, m)), [None; 3]);
}

#[test]
fn an_operator_extends_the_calendar() {
    let text =
        "# 2027 (国务院办公厅)\n\n2027-01-01 holiday\n2027/02/06 放假 # 春节\r\n2027-02-20 workday\n2027-02-21\t上班\n";
    let days = parse(text).unwrap();
    assert_eq!(days.len(), 4);
    let calendar = Calendar::with(&days);
    assert!(calendar.covers(2027) && !calendar.is_working(day("2027-01-01")) && calendar.is_working(day("2027-02-20")));
    // The operator's word wins over ours.
    let moved = Calendar::with(&parse("2026-02-14 holiday").unwrap());
    assert_eq!(moved.report_day(2026, 2), Some(day("2026-02-13")));
    assert_eq!(parse(""), Ok(BTreeMap::new()));
}

#[test]
fn a_bad_line_is_named() {
    for (text, line, problem) in [
        ("2027-01-01", 1, CalendarProblem::Form),
        ("\n2027-01-01 holiday workday", 2, CalendarProblem::Form),
        ("2027-02-29 holiday", 1, CalendarProblem::Date),
        ("2150-01-01 holiday", 1, CalendarProblem::Date),
        ("tomorrow holiday", 1, CalendarProblem::Date),
        ("2027-01-01 Holiday", 1, CalendarProblem::Kind),
        ("2027-01-01 holiday\n# x\n2027-1-1 workday", 3, CalendarProblem::Twice),
    ] {
        assert_eq!(parse(text), Err(CalendarError { line, problem }), "{text}"); // DEADLINE-2
    }
    let long = "\n".repeat(LINES) + "2027-01-01 holiday";
    assert_eq!(parse(&long), Err(CalendarError { line: LINES + 1, problem: CalendarProblem::TooManyLines })); // DEADLINE-2
    assert_eq!(parse("x y").unwrap_err().to_string(), "line 1 of the calendar: there is no such date");
}

proptest! {
    /// Counting forward one day at a time is what the table answers, and the cutoff is its inverse.
    #[test]
    fn terms_are_counted_in_constant_time(from in 18_000u32..23_000, n in 1u32..40) {
        let calendar = Calendar::new();
        let (mut at, mut left) = (from, n);
        while left > 0 {
            at += 1;
            left -= u32::from(calendar.is_working(Day(at)));
        }
        prop_assert_eq!(calendar.after(Day(from), n), Day(at));
        // A term that began on a day is over on `today` exactly if it began before the cutoff.
        for today in [at - 1, at, at + 1] {
            prop_assert_eq!(calendar.after(Day(from), n) < Day(today), Day(from) < calendar.running_since(Day(today), n));
        }
    }

    #[test]
    fn the_last_working_day_is_before(from in 18_000u32..23_000) {
        let calendar = Calendar::new();
        let last = calendar.last_before(Day(from)).unwrap();
        prop_assert!(last < Day(from) && calendar.is_working(last));
        prop_assert!((last.0 + 1..from).all(|between| !calendar.is_working(Day(between))));
    }
}
