//! What is due, on the hard days.

use super::*;
use crate::codes::{Duty, Reason};

/// What is due about Alpha's listing, which Delta's confirms, as text: `notify publisher 2026-03-03`.
fn due(alpha: Held, others: &[Held], remarks: &[Remark], at: Day) -> Vec<String> {
    let (calendar, roster) = (Calendar::new(), roster());
    let cutoffs = Cutoffs::new(&calendar, at);
    let held = [&[alpha], others].concat();
    let subject = Subject::new(&held, remarks, &roster);
    let status = subject.statuses(&cutoffs)[0];
    let mut found = Vec::new();
    deadlines(&alpha, subject.life(0), &status, (&calendar, &cutoffs), &mut found);
    assert!(found.is_sorted());
    let text = |deadline: &Deadline| format!("{} {:?} {}", deadline.duty, deadline.who, deadline.day);
    found.iter().map(text).collect()
}

fn on(listed: &str) -> Held {
    let mut held = held(ALPHA);
    held.standing.listed = day(listed);
    held.standing.expires = day(listed).plus(365);
    held
}

fn beside(held: Held) -> Held {
    Held { publisher: DELTA, ..held }
}

#[test]
fn a_report_is_confirmed_and_noticed_in_time() {
    let friday = on("2026-02-13");
    let alone = due(friday, &[], &[], day("2026-02-13"));
    // 14 February is worked, the festival until the 23rd is not, Saturday the 28th is.
    assert_eq!(alone[0], "confirm Members 2026-03-12"); // DEADLINE-3
    assert!(alone.contains(&"review Publisher 2026-08-13".to_owned())); // DEADLINE-8
    assert!(alone.contains(&"expire Publisher 2027-02-12".to_owned()));
    assert_eq!(due(friday, &[beside(friday)], &[], day("2026-02-13"))[0], "notify Publisher 2026-02-14"); // DEADLINE-4
    let saturday = on("2026-02-14");
    assert_eq!(due(saturday, &[beside(saturday)], &[], day("2026-02-14"))[0], "notify Publisher 2026-02-24");
    // A lapsed report has nothing to be confirmed or noticed.
    let lapsed = due(friday, &[], &[], day("2026-03-13"));
    assert!(!lapsed.iter().any(|line| line.starts_with("confirm") || line.starts_with("notify")));
    // A past review is not shown, nor one that the listing does not live to see.
    assert!(!due(friday, &[], &[], day("2026-08-14")).iter().any(|line| line.starts_with("review")));
    let mut short = friday;
    short.standing.expires = day("2026-08-13");
    assert!(!due(short, &[], &[], day("2026-02-13")).iter().any(|line| line.starts_with("review")));
    // Nobody gives notice for a statutory list or a mark.
    for list in [List::SrcCourt, List::Vic, List::Red, List::Cand] {
        let lines = due(Held { list, ..friday }, &[], &[], day("2026-02-13"));
        assert!(!lines.iter().any(|line| line.starts_with("notify") || line.starts_with("confirm")), "{list}");
    }
}

#[test]
fn rectification_has_three_calendar_months() {
    for (committed, last) in [
        ("2026-01-31", "2026-04-30"), // DEADLINE-5: clamped to the month's end
        ("2027-11-30", "2028-02-29"), // a leap day
        ("2026-11-30", "2027-02-28"), // over the year's end
        ("2026-12-31", "2027-03-31"),
    ] {
        let mut listing = on("2026-01-05");
        listing.standing.listed = Day(day(committed).0 - 5);
        listing.standing.expires = listing.standing.listed.plus(900);
        let remarks =
            [remark(BETA, 0, Day(day(committed).0 - 1), RECTIFY), remark(ALPHA, 0, day(committed), Act::Commit)];
        let lines = due(listing, &[beside(listing)], &remarks, day(committed));
        assert!(lines.contains(&format!("rectify Subject {last}")), "{committed}: {lines:?}"); // DEADLINE-5
        assert!(!lines.iter().any(|line| line.starts_with("escalate")));
        let late = due(listing, &[beside(listing)], &remarks, day(last).plus(1));
        assert!(late.iter().any(|line| line.starts_with("escalate Steward")), "{late:?}");
    }
}

#[test]
fn a_commitment_has_ten_working_days() {
    let listing = on("2026-09-18");
    let notice = [remark(BETA, 0, day("2026-09-24"), RECTIFY)];
    // 25 to 27 September are the Mid-Autumn Festival, 1 to 7 October the National Day; Saturday the 10th is worked.
    let lines = due(listing, &[beside(listing)], &notice, day("2026-09-24"));
    assert!(lines.contains(&"commit Subject 2026-10-15".to_owned()), "{lines:?}"); // DEADLINE-5
    let late = due(listing, &[beside(listing)], &notice, day("2026-10-16"));
    assert!(late.contains(&"escalate Steward 2026-10-16".to_owned()), "{late:?}");
    let own = [remark(BETA, 0, day("2026-09-24"), Act::Rectify { until: Some(day("2026-09-30")) })];
    assert!(due(listing, &[], &own, day("2026-09-24")).contains(&"commit Subject 2026-09-30".to_owned()));
}

#[test]
fn a_dispute_on_the_eve_of_the_national_day() {
    let listing = on("2026-09-18");
    let filed = [remark(DELTA, 0, day("2026-09-30"), FACTS)];
    let lines = due(listing, &[], &filed, day("2026-09-30"));
    // Seven free days, then Thursday, Friday and the make-up Saturday; the hard stop counts every day.
    assert!(lines.contains(&"answer Publisher 2026-10-10".to_owned()), "{lines:?}"); // DEADLINE-6
    assert!(lines.contains(&"hard-stop Publisher 2026-10-20".to_owned()), "{lines:?}"); // DEADLINE-6
    let ruled = [filed[0], remark(ALPHA, 0, day("2026-10-08"), rule(DELTA, 0, Outcome::Upheld))];
    let after = due(listing, &[], &ruled, day("2026-10-08"));
    assert!(!after.iter().any(|line| line.starts_with("answer") || line.starts_with("hard-stop")));
    assert!(after.contains(&"clear Publisher 2026-10-09".to_owned()), "{after:?}"); // DEADLINE-7
}

#[test]
fn a_rectified_listing_is_cleared_after_its_least_publicity() {
    for (severity, last) in
        [(Severity::Minor, "2026-03-05"), (Severity::Ordinary, "2026-06-02"), (Severity::Severe, "2027-03-02")]
    {
        let mut listing = on("2026-03-02");
        listing.standing.severity = severity;
        listing.standing.expires = began().plus(900);
        let told = [
            remark(BETA, 0, began(), RECTIFY),
            remark(ALPHA, 0, began(), Act::Commit),
            remark(ALPHA, 1, began().plus(2), Act::Rectified),
        ];
        let lines = due(listing, &[beside(listing)], &told, began().plus(2));
        assert!(lines.contains(&format!("clear Publisher {last}")), "{severity}: {lines:?}"); // DEADLINE-7
    }
}

#[test]
fn contents_are_erased_in_time() {
    let (listed, end) = (day("2026-03-02"), day("2026-06-01"));
    for (class, last) in [
        (Class::Mob, "2026-07-01"),
        (Class::Per, "2026-08-30"),
        (Class::Acc, "2026-08-30"),
        (Class::Ent, "2027-06-01"),
        (Class::Web, "2027-06-01"),
    ] {
        assert_eq!(erase_on(class, listed, end), day(last), "{class:?}"); // DEADLINE-9
    }
    // Five years from its day, however long it lasted; from a leap day on the last of February.
    assert_eq!(erase_on(Class::Ent, day("2028-02-29"), day("2033-02-20")), day("2033-02-28")); // DEADLINE-9
    let cleared = Held { ended: Some(Ending { day: end, reason: Reason::Repaired }), ..held(ALPHA) };
    assert_eq!(due(cleared, &[], &[], end), ["erase Publisher 2027-06-01"]);
    let expired = held(ALPHA);
    assert_eq!(due(expired, &[], &[], began().plus(365)), ["erase Publisher 2028-03-01"]);
    assert_eq!(Duty::Erase.zh(), "清除内容");
}
