//! The program itself: its verbs, what it prints, and with which status it ends.

#![allow(clippy::unwrap_used, reason = "a test: a failure is a bug there")]

use std::{
    path::PathBuf,
    process::{Command, Output},
};

const SMALL: &str = r#"name_zh = "小联盟"
name_en = "Small"
duration = "5min"
converge_within = "5min"

[federation]
nodes = 4
observers = 1
"#;

/// Agreement within a millisecond after a partition that heals at the last moment.
const BREAKS: &str = r#"name_zh = "不可能"
name_en = "Impossible"
duration = "5min"
converge_within = "1ms"

[federation]
nodes = 4

[load]
batch_every = "20s"

[faults]
partitions = [{ at = "2min", for = "3min", share = "50%" }]
"#;

/// A directory of this test alone, empty.
fn directory(test: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(test);
    let _ = std::fs::remove_dir_all(&path);
    std::fs::create_dir_all(&path).unwrap();
    path
}

fn sim(directory: &PathBuf, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_antibrush-sim"))
        .args(arguments)
        .current_dir(directory)
        .env("ANTIBRUSH_LANG", "en")
        .output()
        .unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[test]
fn a_run_that_holds_ends_with_0_and_its_digest_is_that_of_its_seed() {
    let directory = directory("run");
    std::fs::write(directory.join("small.toml"), SMALL).unwrap();
    let run = |seed: &str| {
        let output = sim(&directory, &["run", "--scenario", "small.toml", "--seed", seed, "--json"]);
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
        serde_json::from_slice::<serde_json::Value>(&output.stdout).unwrap()
    };
    let (first, again, other) = (run("7"), run("7"), run("8"));
    assert_eq!(first["digest"], again["digest"]);
    assert_ne!(first["digest"], other["digest"]);
    assert!(first["published"].as_u64().unwrap() > 0 && first["violation"].is_null());
    assert!(first["spread_ms"]["p50"].as_u64().unwrap() < 1000);
}

#[test]
fn a_broken_run_ends_with_1_shrinks_and_can_be_replayed() {
    let directory = directory("broken");
    std::fs::write(directory.join("breaks.toml"), BREAKS).unwrap();
    let output = sim(&directory, &["run", "--scenario", "breaks.toml", "--seed", "3", "--shrink-runs", "60"]);
    let said = text(&output.stdout);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("BROKEN: converges") && said.contains("seed 3, "), "{said}");
    assert!(said.contains("again: antibrush-sim replay ./breaks-3.replay"), "{said}");
    let operations = said.lines().filter(|line| line.starts_with("  ") && line.contains("s ")).count();
    assert!(operations <= 8, "{said}");
    let again = sim(&directory, &["replay", "breaks-3.replay"]);
    assert_eq!(again.status.code(), Some(1));
    assert!(text(&again.stdout).contains("BROKEN: converges"));
    // A program gets the same in one document; that no file can be written changes nothing of what broke.
    let arguments = ["run", "--scenario", "breaks.toml", "--seed", "3", "--shrink-runs", "60", "--json"];
    let output = sim(&directory, &[&arguments[..], &["--replays", "absent"]].concat());
    assert_eq!(output.status.code(), Some(1));
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(json["violation"]["invariant"], "converges");
    assert_eq!(json["operations"].as_array().unwrap().len(), operations);
    assert!(text(&output.stderr).contains("absent/breaks-3.replay cannot be written"));
    // A file that somebody edited wrongly.
    let broken = std::fs::read_to_string(directory.join("breaks-3.replay")).unwrap().replace("publish", "publisch");
    let line = broken.lines().position(|line| line.contains("publisch")).unwrap() + 1;
    std::fs::write(directory.join("edited.replay"), &broken).unwrap();
    let refused = sim(&directory, &["replay", "edited.replay"]);
    assert_eq!(refused.status.code(), Some(2));
    let said = text(&refused.stderr);
    assert!(said.starts_with(&format!("error: edited.replay:{line}:1: \"publisch\" is no operation")), "{said}");
}

#[test]
fn what_cannot_be_used_ends_with_2_and_says_what_would_be_right() {
    let directory = directory("usage");
    std::fs::write(directory.join("typo.toml"), SMALL.replace("observers", "observrs")).unwrap();
    let refused = |arguments: &[&str]| {
        let output = sim(&directory, arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        text(&output.stderr)
    };
    let typo = refused(&["run", "--scenario", "typo.toml"]);
    assert!(typo.contains("typo.toml:8:1: there is no key \"observrs\" here"), "{typo}");
    assert!(typo.contains("did you mean \"observers\"?\n  |\n8 | observrs = 1\n  | ^^^^^^^^"), "{typo}");
    let zh = refused(&["--lang", "zh", "run", "--scenario", "typo.toml"]);
    assert!(zh.starts_with("错误：typo.toml 第 8 行第 1 列：此处没有键 \"observrs\""), "{zh}");
    assert!(
        refused(&["run", "--scenario", "nationl"]).contains("there is no scenario nationl — did you mean national?")
    );
    assert!(refused(&["run", "--scenario", "absent.toml"]).contains("absent.toml cannot be read"));
    assert!(refused(&["dance"]).contains("dance"));
    assert_eq!(refused(&["--lang", "zh", "dance"]), "错误：没有这个命令：dance。请用 --help 查看用法\n");
    let sweep =
        ["sweep", "--scenario", "national", "--set", "network.los", "--from", "0%", "--to", "1%", "--out", "x.csv"];
    assert!(refused(&sweep).contains("did you mean network.loss?"));
    assert!(!directory.join("x.csv").exists());
    std::fs::write(directory.join("gb.toml"), b"name_zh = \"x\"\n# \xd6\xd0\xce\xc4\n").unwrap();
    let gb = refused(&["run", "--scenario", "gb.toml"]);
    assert!(gb.contains("gb.toml:2:3: from here on the file is not in UTF-8"), "{gb}");
    for (from, to, expected) in [
        ("observers = 1", "observers = 1\n[faults]\nclock_skew = \"500ms\"", "10:14: clock_skew must be whole seconds"),
        ("observers = 1", "observers = 1\n[faults]\nclock_skew = \"10h\"", "10:14: clock_skew must be whole seconds"),
        ("\"5min\"\nconv", "\"366d\"\nconv", "3:12: duration and rates make"),
    ] {
        let many =
            SMALL.replace(from, to) + if from.starts_with('"') { "[load]\nchecks_per_minute = 100000" } else { "" };
        std::fs::write(directory.join("range.toml"), many).unwrap();
        let said = refused(&["run", "--scenario", "range.toml"]);
        assert!(said.contains(&format!("range.toml:{expected}")), "{said}");
    }
    std::fs::write(directory.join("small.toml"), SMALL).unwrap();
    let unwritable = refused(&["report", "--scenario", "small.toml", "--out", "absent/page.html"]);
    assert!(unwritable.contains("absent/page.html cannot be written"), "{unwritable}");
    refused(&["soak", "--minutes", "1", "--seeds", "0"]);
}

#[test]
#[cfg(unix)]
fn a_name_that_is_no_text_is_no_reason_to_panic() {
    use std::os::unix::ffi::OsStrExt;
    let output = Command::new(env!("CARGO_BIN_EXE_antibrush-sim"))
        .args(["run", "--scenario"])
        .arg(std::ffi::OsStr::from_bytes(b"\xff.toml"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", text(&output.stderr));
}

#[test]
fn a_sweep_writes_a_line_for_each_value_and_a_report_a_page() {
    let directory = directory("sweep");
    std::fs::write(directory.join("small.toml"), SMALL).unwrap();
    let arguments = ["--set", "network.loss", "--from", "0%", "--to", "2%", "--steps", "3", "--out", "loss.csv"];
    let output = sim(&directory, &[&["sweep", "--scenario", "small.toml"], &arguments[..]].concat());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let csv = std::fs::read_to_string(directory.join("loss.csv")).unwrap();
    let lines: Vec<Vec<&str>> = csv.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!(lines.iter().map(|line| line[1]).collect::<Vec<_>>(), ["value", "0%", "1%", "2%"]);
    assert!(lines.iter().all(|line| line.len() == lines[0].len()));
    std::fs::write(directory.join("breaks.toml"), BREAKS).unwrap();
    let arguments = ["--set", "load.entries", "--from", "5", "--to", "6", "--steps", "2", "--out", "broken.csv"];
    let output = sim(&directory, &[&["sweep", "--scenario", "breaks.toml", "--seed", "3"], &arguments[..]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", text(&output.stderr));
    assert!(text(&output.stdout).contains("BROKEN: an invariant does not hold with load.entries = 5, 6"));
    let output = sim(&directory, &["report", "--scenario", "small.toml", "--out", "page.html"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(std::fs::read_to_string(directory.join("page.html")).unwrap().contains("小联盟"));
}

#[test]
fn a_soak_counts_its_seeds_and_stops_at_the_first_that_breaks() {
    let directory = directory("soak");
    std::fs::write(directory.join("small.toml"), SMALL).unwrap();
    std::fs::write(directory.join("breaks.toml"), BREAKS).unwrap();
    let soak = |scenario: &str| {
        let flags = ["--minutes", "5", "--seeds", "3", "--first-seed", "10", "--shrink-runs", "0"];
        let output = sim(&directory, &[&["soak", "--scenario", scenario], &flags[..]].concat());
        (output.status.code(), text(&output.stdout))
    };
    let (status, said) = soak("small.toml");
    assert_eq!(status, Some(0), "{said}");
    assert!(said.starts_with("3 runs held from seed 10 on, "), "{said}");
    let (status, said) = soak("breaks.toml");
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains("BROKEN: converges") && directory.join("breaks-10.replay").exists(), "{said}");
}

#[test]
fn the_list_has_every_scenario_in_both_languages() {
    let directory = directory("list");
    let en = text(&sim(&directory, &["list"]).stdout);
    let zh = text(&sim(&directory, &["list", "--lang", "zh"]).stdout);
    for name in ["first-alliance", "national", "federation", "double-eleven", "regulator-offline"] {
        assert!(en.contains(name) && zh.contains(name), "{name}");
    }
    assert!(en.contains("Double Eleven") && zh.contains("双十一"));
}
