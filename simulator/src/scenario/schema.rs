//! The keys of a scenario file, what each of them takes, and how a wrong one is told from a right one.

use std::ops::Range;

use toml::de::{DeTable, DeValue};

use super::{Bandwidth, Share, Span};
use crate::lang::Both;

/// What a key takes.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    /// Words.
    Text,
    /// A span of time.
    Span,
    /// A share.
    Share,
    /// A bandwidth.
    Bandwidth,
    /// A whole number from … to ….
    Number(u32, u32),
    /// `true` or `false`.
    YesNo,
    /// One of these words.
    Choice(&'static [&'static str]),
    /// A table with these keys.
    Table(&'static [Key]),
    /// A list of tables with these keys.
    Tables(&'static [Key]),
}

/// One key.
#[derive(Clone, Copy, Debug)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub kind: Kind,
    /// Whether it must be there.
    pub is_needed: bool,
}

const fn needed(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, is_needed: true }
}

const fn key(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, is_needed: false }
}

const AN_HOUR: Kind = Kind::Number(0, 100_000);
const DISHONEST: Kind = Kind::Number(0, 999);

/// The keys of a scenario.
pub const SCENARIO: &[Key] = &[
    needed("name_zh", Kind::Text),
    needed("name_en", Kind::Text),
    needed("duration", Kind::Span),
    needed("converge_within", Kind::Span),
    needed("federation", Kind::Table(FEDERATION)),
    key("holding", Kind::Table(HOLDING)),
    key("network", Kind::Table(NETWORK)),
    key("load", Kind::Table(LOAD)),
    key("faults", Kind::Table(FAULTS)),
    key("adversaries", Kind::Table(ADVERSARIES)),
];

const FEDERATION: &[Key] = &[
    key("alliances", Kind::Number(1, 1000)),
    // Each alliance has 2 to 1,000 members; that is checked with the number of alliances.
    needed("nodes", Kind::Number(2, 1_000_000)),
    key("observers", Kind::Number(0, 999)),
    key("late_joiners", Kind::Number(0, 998)),
    key("witnesses", Kind::Number(0, 1000)),
];

const HOLDING: &[Key] = &[
    needed("holders", Kind::Number(2, 16)),
    needed("threshold", Kind::Number(2, 16)),
    needed("quota", Kind::Number(1, 100_000_000)),
    key("evaluations_per_minute", Kind::Number(0, 10_000)),
    key("batch", Kind::Number(1, 256)),
    key("rotations", Kind::Tables(ROTATION)),
];

const ROTATION: &[Key] = &[needed("at", Kind::Span), key("retire_after", Kind::Span)];

const NETWORK: &[Key] = &[
    key("distances", Kind::Choice(&["city", "national", "cross-border"])),
    key("loss", Kind::Share),
    key("duplication", Kind::Share),
    key("reordering", Kind::Share),
    key("bandwidth", Kind::Bandwidth),
    key("firewalled", Kind::Share),
    key("dials", Kind::Number(1, 64)),
];

const LOAD: &[Key] = &[
    key("batch_every", Kind::Span),
    key("entries", Kind::Number(1, 2_000_000)),
    key("relief", Kind::Share),
    key("subjects", Kind::Number(1, 100_000_000)),
    key("checks_per_minute", Kind::Number(0, 100_000)),
    key("bursts", Kind::Tables(BURST)),
];

const BURST: &[Key] =
    &[needed("at", Kind::Span), needed("entries", Kind::Number(1, 2_000_000)), key("clears", Kind::YesNo)];

const FAULTS: &[Key] = &[
    key("until", Kind::Span),
    key("crashes_per_hour", AN_HOUR),
    key("down_for", Kind::Span),
    key("torn_writes", Kind::Share),
    key("full_disks_per_hour", AN_HOUR),
    key("lost_documents_per_hour", AN_HOUR),
    key("slow_disks", Kind::Share),
    key("flaps_per_hour", AN_HOUR),
    key("clock_skew", Kind::Span),
    key("clock_jumps_per_hour", AN_HOUR),
    key("churn_per_hour", AN_HOUR),
    key("cuts_per_hour", AN_HOUR),
    key("revocations_per_hour", AN_HOUR),
    key("thaws_per_hour", AN_HOUR),
    key("partitions", Kind::Tables(PARTITION)),
    key("observer_away", Kind::Table(AWAY)),
];

const PARTITION: &[Key] = &[needed("at", Kind::Span), needed("for", Kind::Span), needed("share", Kind::Share)];

const AWAY: &[Key] = &[needed("at", Kind::Span), needed("for", Kind::Span)];

const ADVERSARIES: &[Key] = &[
    key("equivocators", DISHONEST),
    key("withholders", DISHONEST),
    key("replayers", DISHONEST),
    key("forgers", DISHONEST),
    key("sybils", DISHONEST),
    key("expelled", DISHONEST),
    key("flooders", DISHONEST),
    key("lying_holders", DISHONEST),
    key("accusers", DISHONEST),
    key("laggards", DISHONEST),
    key("strippers", DISHONEST),
    key("colluding_pairs", DISHONEST),
];

/// The first thing in a table that is not as its keys say, with where it stands. `around` is where the table stands.
pub fn check(table: &DeTable<'_>, keys: &[Key], around: Range<usize>) -> Result<(), (Range<usize>, Both)> {
    for (name, value) in table {
        let known = keys.iter().find(|key| key.name == name.get_ref().as_ref());
        let known = known.ok_or_else(|| (name.span(), unknown(name.get_ref(), keys)))?;
        check_value(known, value.get_ref(), value.span())?;
    }
    match keys.iter().find(|key| key.is_needed && !table.contains_key(key.name)) {
        Some(missing) => Err((around, absent(missing))),
        None => Ok(()),
    }
}

fn check_value(key: &Key, value: &DeValue<'_>, span: Range<usize>) -> Result<(), (Range<usize>, Both)> {
    let wrong = |what: Both| Err((span.clone(), what));
    match (key.kind, value) {
        (Kind::Table(keys), DeValue::Table(table)) => check(table, keys, span.clone()),
        (Kind::Tables(keys), DeValue::Array(tables)) => {
            for part in tables.iter() {
                match part.get_ref() {
                    DeValue::Table(table) => check(table, keys, part.span())?,
                    _ => return Err((part.span(), expected(key))),
                }
            }
            Ok(())
        }
        (Kind::Text, DeValue::String(text)) if !text.trim().is_empty() => Ok(()),
        (Kind::YesNo, DeValue::Boolean(_)) => Ok(()),
        (Kind::Number(from, to), DeValue::Integer(number)) => {
            let value = i128::from_str_radix(number.as_str(), number.radix());
            match value.is_ok_and(|value| (i128::from(from)..=i128::from(to)).contains(&value)) {
                true => Ok(()),
                false => wrong(expected(key)),
            }
        }
        (Kind::Choice(words), DeValue::String(word)) => match words.contains(&word.as_ref()) {
            true => Ok(()),
            false => wrong(or_nearest(expected(key), word, words.iter().copied())),
        },
        (Kind::Span, DeValue::String(text)) if text.parse::<Span>().is_ok() => Ok(()),
        (Kind::Share, DeValue::String(text)) if text.parse::<Share>().is_ok() => Ok(()),
        (Kind::Bandwidth, DeValue::String(text)) if text.parse::<Bandwidth>().is_ok() => Ok(()),
        _ => wrong(expected(key)),
    }
}

/// What a key takes.
fn expected(key: &Key) -> Both {
    let name = key.name;
    match key.kind {
        Kind::Text => Both::new(format!("{name} must be words in quotes"), format!("{name} 应为引号内的文字")),
        Kind::Span => Both::new(
            format!(
                "{name} must be a span of time, at most 366d: a whole number with ms, s, min, h or d, like \"90s\""
            ),
            format!("{name} 应为时长，不超过 366d：整数加 ms、s、min、h 或 d，例如 \"90s\""),
        ),
        Kind::Share => Both::new(
            format!("{name} must be a share: 0% to 100% with at most four decimals, like \"0.5%\""),
            format!("{name} 应为比例：0% 至 100%，最多四位小数，例如 \"0.5%\""),
        ),
        Kind::Bandwidth => Both::new(
            format!("{name} must be a bandwidth: a whole number with kbit, Mbit or Gbit, like \"100Mbit\""),
            format!("{name} 应为带宽：整数加 kbit、Mbit 或 Gbit，例如 \"100Mbit\""),
        ),
        Kind::Number(from, to) => Both::new(
            format!("{name} must be a whole number from {from} to {to}"),
            format!("{name} 应为 {from} 至 {to} 的整数"),
        ),
        Kind::YesNo => Both::new(format!("{name} must be true or false"), format!("{name} 应为 true 或 false")),
        Kind::Choice(words) => Both::new(
            format!("{name} must be one of {}", words.join(", ")),
            format!("{name} 应为以下之一：{}", words.join("、")),
        ),
        Kind::Table(_) => Both::new(format!("{name} must be a table: [{name}]"), format!("{name} 应为表：[{name}]")),
        Kind::Tables(_) => Both::new(
            format!("{name} must be a list of tables, like [{{ at = \"10min\", … }}]"),
            format!("{name} 应为表的列表，例如 [{{ at = \"10min\", … }}]"),
        ),
    }
}

fn absent(key: &Key) -> Both {
    let what = expected(key);
    let name = key.name;
    Both::new(format!("{name} is missing here: {}", what.en), format!("此处缺少 {name}：{}", what.zh))
}

fn unknown(name: &str, keys: &[Key]) -> Both {
    let names: Vec<&str> = keys.iter().map(|key| key.name).collect();
    let known = Both::new(
        format!("there is no key \"{name}\" here; known are {}", names.join(", ")),
        format!("此处没有键 \"{name}\"；可用的键：{}", names.join("、")),
    );
    or_nearest(known, name, names.into_iter())
}

/// Adds the word that was probably meant.
fn or_nearest(what: Both, word: &str, among: impl Iterator<Item = &'static str>) -> Both {
    match nearest(word, among) {
        Some(near) => {
            Both::new(format!("{} — did you mean \"{near}\"?", what.en), format!("{}。是否想写 \"{near}\"？", what.zh))
        }
        None => what,
    }
}

/// The word among these that differs least, if it differs in no more than a third of its letters (two at least).
pub fn nearest<'a>(word: &str, among: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let (steps, near) = among.map(|other| (distance(word, other), other)).min()?;
    (steps <= (near.len() / 3).max(2)).then_some(near)
}

/// Levenshtein's distance.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (line, left) in a.chars().enumerate() {
        let mut corner = std::mem::replace(&mut row[0], line + 1);
        for (at, right) in b.iter().enumerate() {
            let changed = corner + usize::from(left != *right);
            corner = row[at + 1];
            row[at + 1] = changed.min(corner + 1).min(row[at] + 1);
        }
    }
    row.last().copied().unwrap_or_default()
}

/// What the key at a dotted path takes, like `load.batch_every`.
pub fn kind_of(path: &str) -> Option<Kind> {
    let mut keys = SCENARIO;
    let mut parts = path.split('.').peekable();
    while let Some(part) = parts.next() {
        let found = keys.iter().find(|key| key.name == part)?;
        match (found.kind, parts.peek()) {
            (Kind::Table(inner), Some(_)) => keys = inner,
            (kind, None) => return Some(kind),
            _ => return None,
        }
    }
    None
}

/// The dotted paths of all keys that stand for one number, span, share or bandwidth.
pub fn quantities() -> Vec<String> {
    fn walk(keys: &[Key], before: &str, into: &mut Vec<String>) {
        for key in keys {
            let path = format!("{before}{}", key.name);
            match key.kind {
                Kind::Table(inner) => walk(inner, &format!("{path}."), into),
                Kind::Number(..) | Kind::Span | Kind::Share | Kind::Bandwidth => into.push(path),
                _ => {}
            }
        }
    }
    let mut paths = Vec::new();
    walk(SCENARIO, "", &mut paths);
    paths
}
