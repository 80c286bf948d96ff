//! The demo as a stranger runs it, and each of its steps by itself.

use std::{process::Command, time::Duration};

use antibrush_node::import::demo;
use antibrush_tests::{Alliance, Node, binary, wait_for, wait_until};
use serde_json::{Value, json};

/// The number that two of the shipped lists have (node/data/demo/README.md): invented.
const SHARED: &str = "15400005678";

/// A number that none of them has.
const UNLISTED: &str = "15499990001";

const STEPS: u64 = 11;

#[test]
fn it_ends_with_status_0_and_every_step_held() {
    let mut command = Command::new(binary());
    let output = command.args(["demo", "--exit", "--json"]).env("LANG", "C.UTF-8").output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let lines: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert!(output.status.success(), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let (end, steps) = lines.split_last().unwrap();
    assert_eq!(end["event"], "end");
    assert_eq!((&end["steps"], &end["failed"]), (&json!(STEPS), &json!(0)));
    assert_eq!(steps.len() as u64, STEPS);
    for (number, step) in (1..).zip(steps) {
        assert_eq!(
            (&step["event"], &step["step"], &step["held"]),
            (&json!("step"), &json!(number), &json!(true)),
            "{step}"
        );
        assert!(step["ms"].is_u64() && step["name"].is_string() && step["seen"].is_object(), "{step}");
        println!("{:>6} ms  {}", step["ms"], step["name"]);
    }
}

/// It lists some thousands more, keeps its directory when asked to, and its nodes open again by themselves.
#[test]
fn it_scales_and_leaves_its_data_where_it_was_told_to() {
    let root = tempfile::tempdir().unwrap();
    let mut command = Command::new(binary());
    command.args(["demo", "--exit", "--json", "--entries", "5000", "--dir"]).arg(root.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    let mut regulator = Node::new(root.path(), "regulator");
    regulator.environment.push(("ANTIBRUSH_PASSPHRASE".to_owned(), "antibrush demonstration".to_owned()));
    regulator.start();
    assert!(regulator.feed_size("alibaba") > 5000);
    regulator.stop();
    // A directory with something in it is not taken for another demo.
    let mut command = Command::new(binary());
    let output = command.args(["demo", "--exit", "--dir"]).arg(root.path()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stderr).contains("is not empty"));
}

#[test]
fn found() {
    let alliance = Alliance::founded("alibaba");
    let members = alliance["alibaba"].http().get("/v1/members").ok();
    assert_eq!(members["alliance"], alliance.id.as_str());
    assert_eq!((&members["charter"], &members["threshold"]), (&json!(1), &json!(1)));
    let members = members["members"].as_array().unwrap();
    assert_eq!(members.len(), 1);
    assert_eq!(
        (&members[0]["slug"], &members[0]["steward"], &members[0]["own"]),
        (&json!("alibaba"), &json!(true), &json!(true))
    );
    // Suite 1 for personal classes is said where everybody looks.
    let status = alliance["alibaba"].http().get("/v1/status").ok();
    assert!(status["notes"].to_string().contains("suite 1"), "{status}");
}

#[test]
fn join() {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    alliance.admit("regulator", "observer");
    for node in &alliance.nodes {
        let seen = wait_for("the third charter", Duration::from_secs(60), || {
            let members = node.http().get("/v1/members").ok();
            (members["charter"] == 3).then_some(members)
        });
        let roles: Vec<_> =
            seen.0["members"].as_array().unwrap().iter().map(|m| (m["slug"].clone(), m["role"].clone())).collect();
        assert_eq!(
            roles,
            [("alibaba", "platform"), ("jd", "platform"), ("regulator", "observer")].map(|(a, b)| (json!(a), json!(b)))
        );
    }
    for node in &alliance.nodes {
        wait_until("everybody is connected to everybody", || node.http().get("/v1/status").ok()["connected"] == 2);
    }
}

#[test]
fn import_propagate_check_and_clear() {
    let alliance = Alliance::with(&["alibaba", "jd", "meituan"]);
    let a = alliance.import("alibaba", "a.csv", demo::ALIBABA);
    let b = alliance.import("jd", "b.csv", demo::JD);
    let c = alliance.import("meituan", "c.csv", demo::MEITUAN);
    for (summary, listed, rejected) in [(&a, 116, 5), (&b, 96, 4), (&c, 30, 3)] {
        assert_eq!(
            (&summary["counted"]["listed"], &summary["rejected"]),
            (&json!(listed), &json!(rejected)),
            "{summary}"
        );
    }
    for (publisher, leaves) in [("alibaba", 116), ("jd", 96), ("meituan", 30)] {
        alliance.wait_for_leaves(publisher, leaves);
        assert_eq!(alliance["meituan"].feed_size(publisher), leaves);
    }
    let meituan = &alliance["meituan"];
    let listed = meituan.check("MOB", SHARED);
    assert_eq!(
        (&listed["answer"], &listed["members"], &listed["corroborated"]),
        (&json!("listed"), &json!(2), &json!(true))
    );
    let publishers: Vec<_> =
        listed["listings"].as_array().unwrap().iter().map(|l| l["publisher"].as_str().unwrap()).collect();
    assert_eq!(publishers, ["alibaba", "jd"]);
    // As people write it: separators and width do not matter.
    assert_eq!(meituan.check("MOB", "１５４ 0000-5678"), listed);
    assert_eq!(meituan.answer("MOB", UNLISTED), "not_listed");
    let invalid = meituan.check("MOB", "12345");
    assert_eq!(invalid["answer"], "invalid");
    assert!(invalid["reason"].is_string());

    let cleared = alliance["jd"]
        .http()
        .post("/v1/clearings", &json!({ "items": [{ "class": "MOB", "id": SHARED, "reason": "R01" }] }));
    assert_eq!(cleared.ok()["counted"]["cleared"], 1);
    let took = wait_until("meituan sees one member", || meituan.check("MOB", SHARED)["members"] == 1);
    println!("the clearing showed after {took:?}");
    let after = meituan.check("MOB", SHARED);
    assert_eq!((&after["answer"], after.get("corroborated")), (&json!("listed"), None));
    // The other member clears too: nobody lists it any more.
    let cleared = alliance["alibaba"].command(&["clear", "--class", "MOB", "--id", SHARED, "--reason", "R03"]);
    assert_eq!(cleared["counted"]["cleared"], 1);
    wait_until("nobody lists it", || meituan.answer("MOB", SHARED) == "not_listed");
}

#[test]
fn crash_and_catch_up() {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    let before = ["taobao:before-the-crash".to_owned()];
    alliance["alibaba"].list_accounts(&before);
    alliance.wait_for_leaves("alibaba", 1);
    alliance["jd"].kill();
    let while_away = ["taobao:while-you-were-away".to_owned()];
    alliance["alibaba"].list_accounts(&while_away);
    let ready = alliance["jd"].start();
    let caught_up = wait_until("jd catches up", || alliance["jd"].answer("ACC", &while_away[0]) == "listed");
    println!("ready again after {ready:?}, caught up {caught_up:?} later");
    assert_eq!(alliance["jd"].answer("ACC", &before[0]), "listed");
}

#[test]
fn observer() {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    alliance.admit("regulator", "observer");
    alliance.import("jd", "jd.csv", demo::JD);
    alliance.wait_for_leaves("jd", 96);
    let regulator = &alliance["regulator"];
    let found = regulator.verify("jd");
    assert_eq!((&found["leaves"], &found["erased"]), (&json!(96), &json!(0)));
    let counted: u64 = found["totals"].as_array().unwrap().iter().map(|total| total["count"].as_u64().unwrap()).sum();
    assert_eq!(counted, 96);
    // It sees totals and no identities: it derives no tokens and publishes nothing.
    let check = regulator.http().post("/v1/check", &json!({ "class": "MOB", "id": SHARED, "purpose": "test" }));
    assert_eq!(check.problem(), (403, "no-token".to_owned()));
    let item = json!({ "class": "ACC", "id": "jd:1", "conduct": "C01", "evidence": "x" });
    let listing = regulator.http().post("/v1/listings", &json!({ "items": [item] }));
    assert_eq!(listing.problem(), (403, "not-a-publisher".to_owned()));
}

#[test]
fn proof() {
    let alliance = Alliance::with(&["alibaba", "jd"]);
    alliance.import("jd", "jd.csv", demo::JD);
    alliance["jd"].list_accounts(&["jd:later".to_owned()]);
    alliance.wait_for_leaves("jd", 97);
    let path = alliance.root().join("entry.proof").display().to_string();
    let made = alliance["alibaba"].command(&[
        "proof",
        "inclusion",
        "--publisher",
        "jd",
        "--class",
        "ACC",
        "--id",
        "jd:later",
        "--out",
        &path,
    ]);
    assert_eq!(made["index"], 96);
    // Somebody without node, network or data directory.
    let anybody = Node::new(alliance.root(), "nowhere");
    let proven = anybody.command(&["proof", "verify", &path, "--alliance", &alliance.id]);
    assert_eq!((&proven["holds"], &proven["publisher"], &proven["index"]), (&json!(true), &json!("jd"), &json!(96)));
    let other = alliance.id.chars().rev().collect::<String>();
    assert!(anybody.refused(&["proof", "verify", &path, "--alliance", &other]).contains("does not hold"));
    let path = alliance.root().join("appended.proof").display().to_string();
    alliance["alibaba"].command(&["proof", "consistency", "--publisher", "jd", "--earlier", "1", "--out", &path]);
    let proven = anybody.command(&["proof", "verify", &path, "--alliance", &alliance.id]);
    assert_eq!((&proven["holds"], &proven["to"]), (&json!(true), &json!(97)));
    // After batch 1 nothing was said about the one, and something about the other.
    let path = alliance.root().join("absent.proof").display().to_string();
    let since = |batch, id| {
        ["proof", "absence-since", "--publisher", "jd", "--since", batch, "--class", "ACC", "--id", id, "--out", &path]
    };
    alliance["alibaba"].command(&since("0", "jd:never"));
    let proven = anybody.command(&["proof", "verify", &path, "--alliance", &alliance.id]);
    assert_eq!((&proven["holds"], &proven["publisher"], &proven["to"]), (&json!(true), &json!("jd"), &json!(97)));
    assert_eq!(proven["tokens"].as_array().map(Vec::len), Some(1));
    assert!(anybody.refused(&["proof", "verify", &path, "--alliance", &other]).contains("does not hold"));
    assert!(alliance["alibaba"].refused(&since("0", "jd:later")).contains("entry 96 is about this subject"));
    assert!(alliance["alibaba"].refused(&since("99", "jd:never")).contains("must not be after"));
    assert!(!anybody.directory.exists(), "verifying leaves nothing behind");
}
