//! Hostile inputs in tests/data, each with the one error that it must meet, and random damage to every valid vector.

mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
};

use proptest::prelude::*;
use wire::{offer, parse, recode, tests_dir, vector, vectors};

/// Directories of tests/data that other tests read.
const OTHERS: &[&str] = &["cli", "import"];

#[test]
fn every_defect_meets_its_error() {
    let mut counts = BTreeMap::<String, usize>::new();
    for dir in fs::read_dir(tests_dir().join("data")).unwrap().map(|dir| dir.unwrap()) {
        let name = dir.file_name().into_string().unwrap();
        if OTHERS.contains(&name.as_str()) {
            continue;
        }
        let read = |file: &str| fs::read_to_string(Path::new(&dir.path()).join(file)).unwrap();
        let outcome = offer(&name, &parse(&read("input.hex")).0);
        assert_eq!(outcome.err().as_deref(), Some(read("expected.txt").trim_end()), "{name}");
        let two = ["ceremony-", "evaluation-", "join-", "proof-"].iter().any(|prefix| name.starts_with(prefix));
        let words = if two { 2 } else { 1 };
        *counts.entry(name.split('-').take(words).collect::<Vec<_>>().join("-")).or_default() += 1;
    }
    // What the bodies are made from is good.
    assert_eq!(offer("body-good", &[vector("batch_header_signed"), vector("chunk")]), Ok(()));
    let objects = [
        "announcement",
        "body",
        "ceremony-call",
        "ceremony-message",
        "charter",
        "chunk",
        "cose",
        "deletion",
        "entry",
        "evaluation-answer",
        "evaluation-evidence",
        "evaluation-request",
        "evaluation-response",
        "filter",
        "header",
        "heads",
        "invitation",
        "join-answer",
        "join-request",
        "member",
        "post",
        "proof-absence",
        "proof-consistency",
        "proof-equivocation",
        "proof-inclusion",
        "purge",
        "request",
        "response",
        "usage",
        "witness",
    ];
    assert_eq!(counts.keys().map(String::as_str).collect::<Vec<_>>(), objects);
    for (object, count) in counts {
        assert!(count >= 6, "{object} has {count} defects");
    }
}

/// The ids of rules (`ENTRY-4`) in some Rust files.
fn rules(files: &[(PathBuf, String)], wanted: impl Fn(&Path) -> bool) -> BTreeSet<String> {
    let names = [
        "ENTRY-",
        "HEADER-",
        "CHUNK-",
        "BODY-",
        "CHARTER-",
        "LEDGER-",
        "LIFE-",
        "DEADLINE-",
        "CEREMONY-",
        "EVALUATION-",
        "BOARD-",
    ];
    let ids = |text: &str| {
        let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-').map(str::to_owned);
        words
            .filter(|word| names.iter().any(|name| word.strip_prefix(name).is_some_and(|n| n.parse::<u8>().is_ok())))
            .collect::<Vec<_>>()
    };
    files.iter().filter(|(path, _)| wanted(path)).flat_map(|(_, text)| ids(text)).collect()
}

#[test]
fn every_rule_in_the_source_is_broken_by_a_test() {
    let (mut files, mut dirs) = (Vec::new(), vec![tests_dir().join("../protocol/src")]);
    while let Some(dir) = dirs.pop() {
        for path in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                dirs.push(path);
            } else {
                files.push((path.clone(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    let is_test = |path: &Path| path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests");
    let in_source = |path: &Path| !is_test(path.strip_prefix(tests_dir().join("../protocol/src")).unwrap());
    let (stated, broken) = (rules(&files, in_source), rules(&files, |path| !in_source(path)));
    assert!(stated.len() >= 40, "{stated:?}");
    assert_eq!(stated, broken);
}

/// What metrics and logs call a refusal stands in docs/PROTOCOL.md.
#[test]
fn every_rule_that_is_counted_is_documented() {
    let source = fs::read_to_string(tests_dir().join("../protocol/src/rule.rs")).unwrap();
    let protocol = fs::read_to_string(tests_dir().join("../docs/PROTOCOL.md")).unwrap();
    // Every second part between quotation marks is a name: there is no escape in that file.
    let names: BTreeSet<&str> = source.split('"').skip(1).step_by(2).collect();
    assert!(names.len() >= 45, "{names:?}");
    for name in names {
        let numbered = protocol.contains(&format!("**{name}**"));
        assert!(numbered || protocol.contains(&format!("| `{name}` |")), "{name} is not in docs/PROTOCOL.md");
    }
}

static VECTORS: LazyLock<BTreeMap<String, Vec<u8>>> = LazyLock::new(vectors);

/// One change to some bytes.
#[derive(Clone, Debug)]
enum Damage {
    Flip(prop::sample::Index, u8),
    Cut(prop::sample::Index),
    Insert(prop::sample::Index, Vec<u8>),
    Remove(prop::sample::Index, usize),
    /// Copies a part of the object to another place in it.
    Splice(prop::sample::Index, prop::sample::Index, usize),
}

fn damage() -> impl Strategy<Value = Damage> {
    let at = any::<prop::sample::Index>;
    prop_oneof![
        4 => (at(), 0u8..8).prop_map(|(at, bit)| Damage::Flip(at, bit)),
        1 => at().prop_map(Damage::Cut),
        2 => (at(), prop::collection::vec(any::<u8>(), 1..9)).prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
        2 => (at(), 1usize..40).prop_map(|(at, len)| Damage::Remove(at, len)),
        2 => (at(), at(), 1usize..80).prop_map(|(from, to, len)| Damage::Splice(from, to, len)),
    ]
}

fn apply(bytes: &mut Vec<u8>, damage: &Damage) {
    if bytes.is_empty() {
        return;
    }
    match damage {
        Damage::Flip(at, bit) => {
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
        }
        Damage::Cut(at) => bytes.truncate(at.index(bytes.len())),
        Damage::Insert(at, more) => {
            let at = at.index(bytes.len());
            bytes.splice(at..at, more.iter().copied());
        }
        Damage::Remove(at, len) => {
            let at = at.index(bytes.len());
            bytes.drain(at..bytes.len().min(at + len));
        }
        Damage::Splice(from, to, len) => {
            let (from, to) = (from.index(bytes.len()), to.index(bytes.len()));
            let part = bytes[from..bytes.len().min(from + len)].to_vec();
            let end = bytes.len().min(to + part.len());
            bytes.splice(to..end, part);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 4_096, failure_persistence: None, ..ProptestConfig::default() })]

    /// What decodes encodes to the same bytes again, and nothing panics.
    #[test]
    fn damage_is_refused_or_is_another_valid_object(
        which in any::<prop::sample::Index>(),
        damages in prop::collection::vec(damage(), 1..4),
    ) {
        let vectors = &*VECTORS;
        let (name, bytes) = vectors.iter().nth(which.index(vectors.len())).unwrap();
        let mut bytes = bytes.clone();
        damages.iter().for_each(|damage| apply(&mut bytes, damage));
        if let Ok(again) = recode(name, &bytes) {
            prop_assert_eq!(again, bytes, "{}", name);
        }
    }

    /// Bytes that never were an object.
    #[test]
    fn noise_is_refused_or_is_a_valid_object(which in any::<prop::sample::Index>(), bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let vectors = &*VECTORS;
        let name = vectors.keys().nth(which.index(vectors.len())).unwrap();
        if let Ok(again) = recode(name, &bytes) {
            prop_assert_eq!(again, bytes, "{}", name);
        }
    }
}
