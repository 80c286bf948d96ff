//! The table of docs/PROTOCOL.md § Lifecycle is the transition function: every cell of it, for everybody who may speak.

use std::{fs, path::Path};

use antibrush_protocol::{
    base::{Day, MemberNumber},
    codes::{DisputeReason, Measure, Outcome, Response, RulingReason},
    entry::lifecycle::{Act, Refusal, Stage, Who, step},
};

const BEGAN: Day = Day(20_800);
const WHO: [(Who, &str); 4] =
    [(Who::Publisher, "publisher"), (Who::Steward, "steward"), (Who::Member, "member"), (Who::Nobody, "nobody")];

/// The stages in the order of the table's columns, each entered on [`BEGAN`], with the last day on which it is not late.
fn stages() -> Vec<(&'static str, Stage, Day)> {
    let due = BEGAN.plus_months(3);
    vec![
        ("listed", Stage::Listed, BEGAN),
        ("noticed", Stage::Noticed { day: BEGAN, until: None }, BEGAN.plus(10)),
        ("committed", Stage::Committed { day: BEGAN, due }, due),
        ("rectified", Stage::Rectified { day: BEGAN }, BEGAN),
        ("escalated", Stage::Escalated { day: BEGAN }, BEGAN),
        ("struck", Stage::Struck { day: BEGAN }, BEGAN),
        ("ended", Stage::Ended, BEGAN),
    ]
}

/// What each row of the table says: the act by which the cell's first word comes about, and the one of its second.
fn acts(name: &str) -> [Act; 2] {
    let rule = |outcome| Act::Rule { disputer: MemberNumber(3), dispute: 0, outcome, reason: RulingReason::Other };
    match name {
        "rectify" => [Act::Rectify { until: None }; 2],
        "committed" => [Act::Commit; 2],
        "rectified" => [Act::Rectified; 2],
        "urge" => [Act::Urge; 2],
        "escalate" => [Act::Escalate; 2],
        "dispute" => [Act::Dispute(DisputeReason::Facts); 2],
        "withdraw" => [Act::Withdraw { dispute: 0 }; 2],
        "rule" => [rule(Outcome::Rejected), rule(Outcome::Upheld)],
        "measure" => [Act::Measure { measure: Measure::M01, response: Response::Applied, reason: None }; 2],
        other => panic!("no act {other}"),
    }
}

fn name_of(stage: Stage) -> &'static str {
    match stage {
        Stage::Listed => "listed",
        Stage::Noticed { .. } => "noticed",
        Stage::Committed { .. } => "committed",
        Stage::Rectified { .. } => "rectified",
        Stage::Escalated { .. } => "escalated",
        Stage::Struck { .. } => "struck",
        Stage::Ended => "ended",
    }
}

/// What the function answers, in the words of the table.
fn answer(stage: Stage, act: &Act, who: Who, day: Day) -> String {
    match step(stage, act, who, day) {
        Ok(next) if next == stage => "=".to_owned(),
        Ok(next) => name_of(next).to_owned(),
        Err(refusal) => format!("{refusal:?}"),
    }
}

#[test]
fn every_cell_of_the_table_is_what_the_function_does() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/PROTOCOL.md");
    let text = fs::read_to_string(path).unwrap();
    let (_, section) = text.split_once("\n## Lifecycle\n").unwrap();
    let mut lines = section.lines().skip_while(|line| !line.starts_with("| act |"));
    let cells = |line: &str| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let heads = cells(lines.next().unwrap());
    assert_eq!(heads[2..], stages().iter().map(|(name, ..)| (*name).to_owned()).collect::<Vec<_>>());
    let rows: Vec<Vec<String>> = lines.skip(1).take_while(|line| line.starts_with('|')).map(cells).collect();
    assert_eq!(rows.len(), 9, "every act has its row");
    let mut seen = 0;
    for row in rows {
        let [first, second] = acts(&row[0]);
        for (column, (_, stage, last)) in stages().into_iter().enumerate() {
            let cell = &row[column + 2];
            for (who, word) in WHO {
                let (late, early) = cell.split_once(" / ").unwrap_or((cell, cell));
                let entitled = row[1].split(", ").any(|named| named == word);
                let says = |text: &str| match (who, entitled) {
                    (Who::Nobody, _) => "NotAMember".to_owned(),
                    (_, false) => "NotEntitled".to_owned(),
                    (_, true) => text.to_owned(),
                };
                let place = format!("{} by the {word}, {stage:?}", row[0]);
                // The day decides over an escalation (LIFE-5), the outcome over a ruling (LIFE-9).
                assert_eq!(answer(stage, &first, who, last.plus(1)), says(late), "{place}, late");
                let day = if row[0] == "escalate" { last } else { last.plus(1) };
                assert_eq!(answer(stage, &second, who, day), says(early), "{place}, early");
                seen += 1;
            }
        }
    }
    assert_eq!(seen, 9 * 7 * 4);
}

#[test]
fn every_refusal_names_its_rule() {
    let rules = [
        (Refusal::NotAMember, "LIFE-1"),
        (Refusal::NotEntitled, "LIFE-1"),
        (Refusal::MeasureNotAllowed, "LIFE-1"),
        (Refusal::NoListing, "LIFE-2"),
        (Refusal::WrongKey, "LIFE-2"),
        (Refusal::NotNoticed, "LIFE-4"),
        (Refusal::AlreadyNoticed, "LIFE-4"),
        (Refusal::NotCommitted, "LIFE-4"),
        (Refusal::AlreadyCommitted, "LIFE-4"),
        (Refusal::AlreadyRectified, "LIFE-4"),
        (Refusal::AlreadyEscalated, "LIFE-4"),
        (Refusal::NotOverdue, "LIFE-5"),
        (Refusal::AlreadyDisputed, "LIFE-6"),
        (Refusal::AlreadyAnswered, "LIFE-6"),
        (Refusal::NoSuchDispute, "LIFE-7"),
        (Refusal::DisputeClosed, "LIFE-7"),
        (Refusal::AlreadyDecided, "LIFE-8"),
        (Refusal::Struck, "LIFE-9"),
        (Refusal::Ended, "LIFE-10"),
        (Refusal::NotConfirmed, "LIFE-15"),
    ];
    for (refusal, rule) in rules {
        assert_eq!(refusal.rule(), rule, "{refusal}");
    }
}
