//! The documents and the code say the same: every rule id of docs/PROTOCOL.md stands at the line that enforces it and in a
//! test that breaks it, and docs/DOMAIN.md lists every code.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use antibrush_protocol::{
    charter::{Level, MemberRole, MemberState},
    codes::{
        CommitmentStep, Conduct, DeclineReason, Direction, DisputeReason, DisputeStep, Duty, List, Measure, NoticeStep,
        Outcome, Reason, Response, Role, RulingReason, Severity, State,
    },
    join::JoinRefusal,
    subject::Class,
};

/// The families of rules. `SHA-256` and `UTF-8` have the same form and are none.
const FAMILIES: &[&str] = &[
    "ENTRY",
    "LEDGER",
    "LIFE",
    "DEADLINE",
    "FORGET",
    "PURGE",
    "HEADER",
    "CHUNK",
    "BODY",
    "FEED",
    "CHARTER",
    "CEREMONY",
    "EVALUATION",
    "BOARD",
    "SYNC",
    "WITNESS",
    "WRITER",
];

/// Ids that a document names to say that they are not used.
const UNUSED: &[&str] = &["HEADER-1"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every rule id in a text: a family, a hyphen and digits, with nothing of a word before it.
fn ids(text: &str) -> BTreeSet<String> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let ids = text.split(|c| !is_word(c)).filter_map(|word| {
        let (family, number) = word.split_once('-')?;
        let is_id = FAMILIES.contains(&family) && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit());
        is_id.then(|| word.to_owned())
    });
    ids.collect()
}

/// The ids of all Rust files under a directory, by whether the file is a test.
fn scan(directory: &Path, in_tests: bool, found: &mut BTreeMap<bool, BTreeSet<String>>) {
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_test = in_tests || name == "tests" || name == "tests.rs" || name == "fixtures";
        if path.is_dir() {
            scan(&path, is_test, found);
        } else if name.ends_with(".rs") && name != "rules.rs" {
            let text = fs::read_to_string(&path).unwrap();
            // Tests at the end of a file count as tests.
            let (code, tests) = text.split_once("\n#[cfg(test)]\nmod tests {").unwrap_or((&text, ""));
            found.entry(is_test).or_default().extend(ids(code));
            found.entry(true).or_default().extend(ids(tests));
        }
    }
}

#[test]
fn every_rule_is_documented_enforced_and_tested() {
    let mut found = BTreeMap::new();
    scan(&root().join("protocol/src"), false, &mut found);
    scan(&root().join("tests/tests"), true, &mut found);
    let mut documented = ids(&read("docs/PROTOCOL.md"));
    documented.retain(|id| !UNUSED.contains(&id.as_str()));
    let missing = |from: &BTreeSet<String>, of: &BTreeSet<String>| from.difference(of).cloned().collect::<Vec<_>>();
    let (enforced, tested) = (&found[&false], &found[&true]);
    assert!(documented.len() > 50, "the document was read: {documented:?}");
    assert_eq!(missing(&documented, enforced), Vec::<String>::new(), "documented but not in protocol/src");
    assert_eq!(missing(enforced, &documented), Vec::<String>::new(), "in protocol/src but not documented");
    assert_eq!(missing(&documented, tested), Vec::<String>::new(), "documented but in no test");
    assert_eq!(missing(tested, &documented), Vec::<String>::new(), "in a test but not documented");
}

#[test]
fn each_rule_is_stated_once() {
    let text = read("docs/PROTOCOL.md");
    for id in ids(&text).iter().filter(|id| !UNUSED.contains(&id.as_str())) {
        assert_eq!(text.matches(&format!("- **{id}** ")).count(), 1, "{id}");
    }
}

#[test]
fn every_code_is_listed_with_both_names() {
    let text = read("docs/DOMAIN.md");
    let rows: Vec<Vec<&str>> = text
        .lines()
        .filter_map(|line| line.strip_prefix('|'))
        .map(|line| line.split('|').map(|cell| cell.trim().trim_matches('`')).collect())
        .collect();
    let mut codes = Vec::new();
    macro_rules! all {
        ($($table:ident),+) => {
            $(for c in $table::ALL { codes.push((c.number().to_string(), c.code(), c.zh(), c.en())); })+
        };
    }
    all!(List, Conduct, Role, Direction, Severity, Reason, Class, MemberRole, MemberState, Level, JoinRefusal);
    all!(NoticeStep, CommitmentStep, DisputeStep, DisputeReason, Outcome, RulingReason, Measure, Response);
    all!(DeclineReason, State, Duty);
    for (number, code, zh, en) in &codes {
        let listed = rows.iter().filter(|row| row.len() >= 4 && row[..4] == [number.as_str(), code, zh, en]).count();
        assert_eq!(listed, 1, "{code}: {zh}, {en}");
    }
    let numbered = rows.iter().filter(|row| row[0].parse::<u8>().is_ok()).count();
    assert_eq!(numbered, codes.len(), "no row of a code that does not exist");
}

#[test]
fn the_scan_finds_ids_and_nothing_else() {
    let found = ids("(ENTRY-4), FEED-12: SHA-256 UTF-8 XENTRY-1 ENTRY-1x ENTRY- ENTRY-4");
    assert_eq!(found, BTreeSet::from(["ENTRY-4".to_owned(), "FEED-12".to_owned()]));
}
