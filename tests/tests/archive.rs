//! Feeds that travel by disk: exported, verified by a foreign program, imported elsewhere, refused when anything is changed.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use antibrush_node::import::demo;
use antibrush_tests::{Alliance, Node};
use serde_json::{Value, json};

/// jd's feed: an imported file, some listings, a clearing.
fn alliance() -> Alliance {
    let alliance = Alliance::with(&["alibaba", "jd"]);
    alliance.import("jd", "jd.csv", demo::JD);
    let ids: Vec<String> = (0..300).map(|n| format!("jd:archive-{n}")).collect();
    alliance["jd"].list_accounts(&ids);
    alliance["jd"]
        .http()
        .post("/v1/clearings", &json!({ "items": [{ "class": "ACC", "id": ids[0], "reason": "R03" }] }))
        .ok();
    alliance.wait_for_leaves("jd", 397);
    alliance
}

fn export(alliance: &Alliance, name: &str) -> PathBuf {
    let out = alliance.root().join(name);
    let summary =
        alliance["alibaba"].command(&["feed", "export", "--publisher", "jd", "--out", &out.display().to_string()]);
    assert_eq!((&summary["publisher"], &summary["entries"]), (&json!("jd"), &json!(397)));
    assert_eq!(summary["alliance"], alliance.id.as_str());
    out
}

fn foreign(archive: &Path, alliance: &str) -> Option<Output> {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/archive_verifier.py");
    let ran = Command::new("python3").arg(program).arg(archive).arg(alliance).output();
    if ran.is_err() {
        println!("skipped: there is no python3 here");
    }
    ran.ok()
}

#[test]
fn a_program_by_somebody_else_verifies_it() {
    let alliance = alliance();
    let archive = export(&alliance, "archive");
    let Some(output) = foreign(&archive, &alliance.id) else { return };
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    print!("{said}");
    let found: Value = serde_json::from_slice(&output.stdout).unwrap();
    let feed = alliance["jd"].http().get("/v1/feeds/jd").ok();
    assert_eq!((&found["root"], &found["leaves"]), (&feed["root"], &json!(397)));
    // 1 is List, 3 is Clear.
    assert_eq!(found["totals"], json!({ "1": 396, "3": 1 }));
    if said.is_empty() {
        let signed = found["headers"].as_u64().unwrap() + found["charters"].as_u64().unwrap();
        assert_eq!(found["signatures"], signed, "every header and charter once");
    }
    // It would have noticed: another alliance's id, and any changed file.
    let other = alliance.id.replace(|c: char| c.is_ascii_digit(), "0");
    assert_eq!(foreign(&archive, &other).unwrap().status.code(), Some(1));
    for file in files(&archive).iter().filter(|file| file.extension().is_some_and(|e| e != "json" && e != "txt")) {
        let content = fs::read(file).unwrap();
        fs::write(file, flipped(&content, content.len() / 2)).unwrap();
        let output = foreign(&archive, &alliance.id).unwrap();
        assert_eq!(output.status.code(), Some(1), "{}", file.display());
        fs::write(file, content).unwrap();
    }
}

/// A member node that has the charter and has never spoken to anybody.
fn fresh<'a>(alliance: &'a mut Alliance, slug: &str) -> &'a Node {
    alliance.join(slug, "platform")
}

fn import(node: &Node, archive: &Path) -> Value {
    node.command(&["feed", "import", &archive.display().to_string()])
}

#[test]
fn a_fresh_member_takes_it_without_a_network() {
    let mut alliance = alliance();
    let archive = export(&alliance, "archive");
    let node = fresh(&mut alliance, "meituan");
    let taken = import(node, &archive);
    assert_eq!(taken["publisher"], "jd");
    // Once more changes nothing, and verification finds everything.
    assert_eq!(import(node, &archive), taken);
    let found = node.command(&["feed", "verify", "--publisher", "jd"]);
    assert_eq!((&found["holds"], &found["leaves"]), (&json!(true), &json!(397)));
    let answer = node.command(&["check", "--class", "ACC", "--id", "jd:archive-299"]);
    assert_eq!((&answer["answer"], &answer["listings"][0]["publisher"]), (&json!("listed"), &json!("jd")));
    let answer = node.command(&["check", "--class", "ACC", "--id", "jd:archive-0"]);
    assert_eq!(answer["answer"], "stale", "cleared by jd; alibaba's feed is not here");
    // What it exports again is what it was given.
    let again = alliance.root().join("again");
    alliance["meituan"].command(&["feed", "export", "--publisher", "jd", "--out", &again.display().to_string()]);
    let (first, second) = (files(&archive), files(&again));
    for file in first.iter().filter(|file| !file.starts_with(archive.join("charters"))) {
        let other = again.join(file.strip_prefix(&archive).unwrap());
        assert!(second.contains(&other), "{} is missing", other.display());
        assert_eq!(fs::read(file).unwrap(), fs::read(&other).unwrap(), "{}", other.display());
    }
    // A running node takes it as well, and what it has meanwhile from the network is the same.
    alliance["meituan"].start();
    import(&alliance["meituan"], &archive);
    alliance.settle();
    assert_eq!(alliance["meituan"].answer("ACC", "jd:archive-0"), "not_listed");
}

#[test]
fn a_changed_bit_or_a_missing_file_is_refused_and_leaves_the_node_well() {
    let mut alliance = alliance();
    let archive = export(&alliance, "archive");
    fresh(&mut alliance, "meituan");
    let node = &alliance["meituan"];
    let before = node.command(&["status"]);
    let all = files(&archive);
    let of = |directory: &str, last: bool| {
        let mut found = all.iter().filter(|file| file.starts_with(archive.join(directory)));
        if last { found.next_back() } else { found.next() }.unwrap().clone()
    };
    let victims = [
        of("charters", false),
        of("charters", true),
        of("headers", false),
        of("headers", true),
        of("bodies", false),
        of("bodies", true),
    ];
    for file in &victims {
        let content = fs::read(file).unwrap();
        for at in [0, content.len() / 3, content.len() / 2, content.len() - 1] {
            fs::write(file, flipped(&content, at)).unwrap();
            refused(node, &archive, &format!("{} changed at byte {at}", file.display()));
        }
        fs::write(file, &content[..content.len() - 1]).unwrap();
        refused(node, &archive, &format!("{} cut", file.display()));
        fs::remove_file(file).unwrap();
        // Charters may be fewer: this node has them already.
        if !file.starts_with(archive.join("charters")) {
            refused(node, &archive, &format!("{} missing", file.display()));
        }
        fs::write(file, content).unwrap();
    }
    let summary = archive.join("archive.json");
    let content = fs::read_to_string(&summary).unwrap();
    for broken in
        ["", "{", "[]", &content.replace("\"version\":1", "\"version\":2"), &content.replace("\"jd\"", "\"nobody\"")]
    {
        fs::write(&summary, broken).unwrap();
        refused(node, &archive, broken);
    }
    fs::write(&summary, content).unwrap();
    refused(node, &alliance.root().join("nowhere"), "no such directory");

    let after = node.command(&["status"]);
    assert_eq!(after["charter"], before["charter"]);
    import(node, &archive);
    assert_eq!(node.command(&["feed", "verify", "--publisher", "jd"])["leaves"], 397);
}

fn refused(node: &Node, archive: &Path, what: &str) {
    let outcome = node.outcome(&["feed", "import", &archive.display().to_string()]);
    assert_eq!(outcome.status, Some(1), "{what}: {outcome:?}");
    println!("{what}: {}", outcome.refusal());
}

#[test]
fn an_archive_never_overwrites_and_is_of_a_publisher() {
    let alliance = alliance();
    let archive = export(&alliance, "archive");
    let node = &alliance["alibaba"];
    let out = archive.display().to_string();
    assert!(node.refused(&["feed", "export", "--publisher", "jd", "--out", &out]).contains("is not empty"));
    let elsewhere = alliance.root().join("elsewhere").display().to_string();
    assert!(
        node.refused(&["feed", "export", "--publisher", "nobody", "--out", &elsewhere])
            .contains("no member of this short name publishes")
    );
    assert!(!Path::new(&elsewhere).exists());
}

fn flipped(content: &[u8], at: usize) -> Vec<u8> {
    let mut content = content.to_vec();
    content[at] ^= 0x01;
    content
}

/// All files below a directory, in order.
fn files(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { found.extend(files(&path)) } else { found.push(path) }
    }
    found.sort();
    found
}
