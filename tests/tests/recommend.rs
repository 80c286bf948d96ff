//! Recommendations to the risk system, by the platform's own rules: with real nodes, the file, overrides, shadow mode and forecast.

use std::{fs, path::PathBuf};

use antibrush_protocol::base::Timestamp;
use antibrush_tests::{Alliance, Node, wait_until};
use serde_json::{Value, json};

const FIRM: [&str; 4] = ["--class", "ENT", "--id", "91350100M000100Y43"];
const PERSON: [&str; 4] = ["--class", "ACC", "--id", "taobao:77"];
const ALONE: [&str; 4] = ["--class", "ACC", "--id", "taobao:78"];

/// A firm and a person whom two members list as severe, and one whom a single member reports.
fn alliance() -> Alliance {
    let alliance = Alliance::with(&["alibaba", "jd"]);
    let list = ["list", "--conduct", "C01", "--severity", "severe", "--evidence", "case"];
    for slug in ["alibaba", "jd"] {
        for subject in [FIRM, PERSON] {
            alliance[slug].command(&[&list[..], &subject].concat());
        }
    }
    alliance["jd"]
        .command(&[&["list", "--conduct", "C01", "--severity", "minor", "--evidence", "case"], &ALONE[..]].concat());
    wait_until("alibaba has jd's listings", || {
        let has = |subject: [&str; 4], count| {
            check(&alliance["alibaba"], subject)["listings"].as_array().is_some_and(|listings| listings.len() == count)
        };
        has(FIRM, 2) && has(PERSON, 2) && has(ALONE, 1)
    });
    alliance
}

fn check(node: &Node, subject: [&str; 4]) -> Value {
    node.check(subject[1], subject[3])
}

fn action(node: &Node, subject: [&str; 4]) -> Value {
    check(node, subject)["recommendation"]["action"].clone()
}

fn policy_file(node: &Node) -> PathBuf {
    node.directory.join("recommend.toml")
}

fn in_days(days: u32) -> String {
    Timestamp(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs()).day().plus(days).to_string()
}

#[test]
fn a_firm_is_blocked_a_person_reviewed_and_an_override_decides() {
    let mut alliance = alliance();
    let node = &alliance["alibaba"];
    let firm = check(node, FIRM)["recommendation"].clone();
    assert_eq!(
        (&firm["action"], &firm["capped_by_person"], &firm["override"]),
        (&json!("block"), &json!(false), &json!(false))
    );
    let grounds = firm["from"].as_array().unwrap();
    assert_eq!(grounds.iter().map(|ground| ground["listing"].as_u64().unwrap()).collect::<Vec<_>>(), [0, 1]);
    assert!(grounds.iter().all(|ground| ground["list"] == "CXH" && ground["statutory"] == false), "{firm}");
    let person = check(node, PERSON)["recommendation"].clone();
    assert_eq!((&person["action"], &person["capped_by_person"]), (&json!("review"), &json!(true)), "{person}");
    assert_eq!(action(node, ALONE), "watch");
    assert!(check(node, ["--class", "ACC", "--id", "taobao:79"])["recommendation"].is_null());

    // Many at once are answered alike.
    let items: Vec<Value> =
        [FIRM, PERSON, ALONE].iter().map(|subject| json!({ "class": subject[1], "id": subject[3] })).collect();
    let answers = node.http().post("/v1/checks", &json!({ "purpose": "test", "items": items })).ok();
    let actions: Vec<&Value> =
        answers["answers"].as_array().unwrap().iter().map(|answer| &answer["recommendation"]["action"]).collect();
    assert_eq!(actions, ["block", "review", "watch"]);
    let metrics = node.http().get("/metrics").text();
    assert!(
        metrics.contains("antibrush_recommendations_total{mode=\"active\",recommendation=\"block\"} "),
        "{metrics}"
    );
    // People see it.
    let text = node.outcome(&[&["check"], &PERSON[..]].concat()).stdout;
    assert!(text.contains("Recommendation: review.") && text.contains("not blocked without review"), "{text}");

    let until = in_days(30);
    let set = ["recommend", "override", "set", "--reason", "own contract", "--until", &until, "--as"];
    let refused = node.refused(&[&set[..], &["block"], &PERSON].concat());
    assert!(refused.contains("natural person"), "{refused}");
    assert_eq!(node.command(&[&set[..], &["ignore"], &FIRM].concat())["number"], 1);
    let decided = check(node, FIRM)["recommendation"].clone();
    assert_eq!((&decided["action"], &decided["override"]), (&json!("ignore"), &json!(true)), "{decided}");

    // It outlives the process, and the identifier lies in no file of it.
    alliance["alibaba"].kill();
    alliance["alibaba"].start();
    let node = &alliance["alibaba"];
    assert_eq!(action(node, FIRM), "ignore");
    let listed = node.command(&["recommend", "override", "list"]);
    assert_eq!((listed["overrides"].as_array().unwrap().len(), &listed["overrides"][0]["class"]), (1, &json!("ENT")));
    for file in ["recommend-overrides.json", "audit.jsonl"] {
        let text = fs::read_to_string(node.directory.join(file)).unwrap();
        assert!(!text.contains(FIRM[3]), "{text}");
        assert!(file != "audit.jsonl" || text.contains("set override 1: ENT as ignore"), "{text}");
    }
    assert_eq!(node.command(&["recommend", "override", "remove", "--number", "1"])["number"], 1);
    assert_eq!(action(node, FIRM), "block");
    node.refused(&[&["recommend", "override", "remove"], &FIRM[..]].concat());

    // A victim mark by anybody ends it, and the answer says so; an override cannot make it more than a review.
    alliance["jd"].command(&[&["list", "--list", "VIC", "--conduct", "C04", "--evidence", "case"], &FIRM[..]].concat());
    wait_until("alibaba has the victim mark", || action(node, FIRM) == "ignore");
    let marked = check(node, FIRM)["recommendation"].clone();
    assert_eq!((&marked["victim"], &marked["from"][0]["capped"]), (&json!(true), &json!("victim")), "{marked}");
    node.command(&[&set[..], &["block"], &FIRM].concat());
    assert_eq!(action(node, FIRM), "review");
}

/// A dispute by the other member reaches this one's risk system: what was blocked is reviewed at the most.
#[test]
fn a_dispute_elsewhere_weakens_the_recommendation() {
    let alliance = alliance();
    let node = &alliance["alibaba"];
    assert_eq!(action(node, FIRM), "block");
    alliance["jd"].command(&[&["dispute", "--reason", "D02", "--evidence", "letter"], &FIRM[..]].concat());
    wait_until("alibaba no longer blocks", || {
        let action = action(node, FIRM);
        action == "watch" || action == "review"
    });
    let listings = check(node, FIRM)["listings"].clone();
    assert!(listings.as_array().unwrap().iter().all(|listing| listing["disputed"].is_string()), "{listings}");
}

#[test]
fn shadow_mode_only_counts_and_a_bad_file_is_refused_at_its_line() {
    let mut alliance = alliance();
    let node = &alliance["alibaba"];
    fs::write(
        policy_file(node),
        node.outcome(&["recommend", "show", "--default"]).stdout.replace("\"active\"", "\"shadow\""),
    )
    .unwrap();
    assert_eq!(node.command(&["recommend", "show"])["changed"], true);
    assert_eq!(action(node, FIRM), "block", "nothing changes until it is reloaded");
    assert_eq!(node.command(&["recommend", "reload"])["mode"], "shadow");
    for subject in [FIRM, PERSON] {
        assert!(check(node, subject)["recommendation"].is_null());
    }
    let shown = node.command(&["recommend", "show"]);
    let counted = json!([
        { "recommendation": "block", "list": "CXH", "conduct": "C01", "answers": 1 },
        { "recommendation": "review", "list": "CXH", "conduct": "C01", "answers": 1 },
    ]);
    assert_eq!((&shown["changed"], &shown["counts"]), (&json!(false), &counted), "{shown}");
    assert!(node.http().get("/metrics").text().contains("mode=\"shadow\",recommendation=\"block\"} 1"));

    // A running node keeps what it had, and says so; one that starts does not.
    fs::write(policy_file(node), "mode = \"active\"\n[[rules]]\nlist = \"CHX\"\nthen = \"block\"\n").unwrap();
    for said in [node.refused(&["recommend", "reload"]), node.outcome(&["recommend", "show"]).stderr] {
        assert!(said.contains("line 3, key rules[1].list: there is no such code"), "{said}");
    }
    assert!(check(node, FIRM)["recommendation"].is_null());
    alliance["alibaba"].stop();
    let said = alliance["alibaba"].try_start().unwrap_err();
    assert!(said.contains("line 3, key rules[1].list"), "{said}");

    // Persons are blocked by the sentence alone.
    let key = "persons_may_be_blocked_without_review";
    let rule = "[[rules]]\nlist = \"CXH\"\nthen = \"block\"\n";
    fs::write(policy_file(&alliance["alibaba"]), format!("{key} = true\n{rule}")).unwrap();
    let said = alliance["alibaba"].try_start().unwrap_err();
    assert!(said.contains("line 1") && said.contains("word for word"), "{said}");
    fs::write(policy_file(&alliance["alibaba"]), rule).unwrap();
    alliance["alibaba"].start();
    let node = &alliance["alibaba"];
    assert_eq!((action(node, FIRM), action(node, PERSON)), (json!("block"), json!("review")));
    let sentence = antibrush_node::recommend::SENTENCES[0];
    fs::write(policy_file(node), format!("{key} = \"{sentence}\"\n{rule}")).unwrap();
    assert_eq!(node.command(&["recommend", "reload"])["persons"], "may_be_blocked_without_review");
    assert_eq!((action(node, FIRM), action(node, PERSON)), (json!("block"), json!("block")));
    // A report alone stays below, whatever the rule says.
    assert_eq!(action(node, ALONE), "review");
}

#[test]
fn a_forecast_counts_by_source_and_changes_nothing() {
    let alliance = alliance();
    let node = &alliance["alibaba"];
    let rows = "class,identifier\nENT,91350100M000100Y43\nACC,taobao:77\nACC,taobao:78\nACC,taobao:79\nMOB,12\n";
    let file = alliance.file("customers.csv", rows).display().to_string();
    let counts = || node.command(&["recommend", "show"])["counts"].clone();
    let before = counts();
    let forecast = node.command(&["recommend", "forecast", &file]);
    let numbers = ["rows", "rejected", "hit", "unavailable", "overridden"].map(|key| forecast[key].as_u64().unwrap());
    assert_eq!(numbers, [5, 1, 3, 0, 0], "{forecast}");
    assert_eq!(forecast["recommended"], json!({ "block": 1, "review": 1, "watch": 1, "ignore": 0 }), "{forecast}");
    let sources: Vec<_> = forecast["sources"]
        .as_array()
        .unwrap()
        .iter()
        .map(|source| {
            (source["publisher"].as_str().unwrap(), source["state"].as_str().unwrap(), source["hits"].as_u64().unwrap())
        })
        .collect();
    assert_eq!(sources, [("alibaba", "confirmed", 2), ("jd", "confirmed", 2), ("jd", "reported", 1)], "{forecast}");
    assert_eq!(counts(), before, "nothing was recommended to anybody");
    let text = fs::read_to_string(node.directory.join("audit.jsonl")).unwrap_or_default();
    assert!(!text.contains("taobao:77"));
}

#[test]
fn counts_survive_a_restart_and_a_kill_takes_only_what_was_not_yet_written() {
    let mut alliance = alliance();
    let counted = |node: &Node| {
        let shown = node.command(&["recommend", "show"]);
        let rows = shown["counts"].as_array().unwrap().iter().map(|row| row["answers"].as_u64().unwrap()).sum::<u64>();
        (rows, shown["since"].as_u64().unwrap())
    };
    let before = counted(&alliance["alibaba"]);
    assert_eq!(action(&alliance["alibaba"], FIRM), "block");
    let stopped = counted(&alliance["alibaba"]);
    assert_eq!(stopped, (before.0 + 1, before.1));
    alliance["alibaba"].stop();
    alliance["alibaba"].start();
    assert_eq!(counted(&alliance["alibaba"]), stopped, "written at the end");

    // Written while it runs, too; the file says when.
    let file = alliance["alibaba"].directory.join("recommend-counts.json");
    assert_eq!(action(&alliance["alibaba"], PERSON), "review");
    let of_file = || {
        let contents: Value = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
        contents["rows"].as_array().unwrap().iter().map(|row| row["answers"].as_u64().unwrap()).sum::<u64>()
    };
    wait_until("the count is on the disk", || of_file() == stopped.0 + 1);
    assert!(!fs::read_to_string(&file).unwrap().contains("taobao"));
    alliance["alibaba"].kill();
    alliance["alibaba"].start();
    assert_eq!(counted(&alliance["alibaba"]), (stopped.0 + 1, stopped.1));

    // Of other rules nothing is taken over, and a damaged file is no reason not to start.
    alliance["alibaba"].stop();
    fs::write(policy_file(&alliance["alibaba"]), "[[rules]]\nlist = \"CXH\"\nthen = \"watch\"\n").unwrap();
    alliance["alibaba"].start();
    assert_eq!(counted(&alliance["alibaba"]).0, 0);
    alliance["alibaba"].stop();
    fs::write(&file, "{").unwrap();
    alliance["alibaba"].start();
    assert_eq!(counted(&alliance["alibaba"]).0, 0);
}
