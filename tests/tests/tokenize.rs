//! Preparing a customer base: in parts, across kill -9 and used-up quotas, with the load on all holders.

use antibrush_tests::{Alliance, Node, wait_until};
use serde_json::{Value, json};

/// Three holders, and `gamma`, a platform that holds no share.
fn alliance() -> Alliance {
    let alliance = Alliance::before_ceremony(&["alpha", "beta", "gamma"]);
    alliance.ceremony_of(&["alpha", "beta", "notary"], 2);
    alliance
}

/// So many invented numbers, one broken row among them.
fn customers(count: u32) -> String {
    let numbers = (0..count).map(|n| format!("1540001{n:04}\n"));
    std::iter::once("手机号\n".to_owned()).chain(numbers).chain(["12345\n".to_owned()]).collect()
}

/// A counter of a node since it started.
fn counter(node: &Node, name: &str) -> u64 {
    let metrics = node.http().get("/metrics").text();
    let line = metrics.lines().find(|line| line.starts_with(&format!("antibrush_{name}_total"))).unwrap();
    line.rsplit(' ').next().unwrap().parse().unwrap()
}

/// Elements that a holder evaluated.
fn evaluated(node: &Node) -> u64 {
    counter(node, "elements_evaluated")
}

fn number(summary: &Value, name: &str) -> u64 {
    summary[name].as_u64().unwrap_or_else(|| panic!("{name}: {summary}"))
}

#[test]
fn a_killed_run_goes_on_where_it_was_and_every_holder_has_its_part() {
    const ROWS: u32 = 6_000;
    let mut alliance = alliance();
    let file = alliance.file("customers.csv", customers(ROWS)).display().to_string();
    // The node is killed while it evaluates; the command sees its connection break.
    let mut command = alliance["gamma"].invoke(&["tokenize", &file]);
    let mut running = command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null()).spawn().unwrap();
    wait_until("some are evaluated", || counter(&alliance["gamma"], "identifiers_evaluated") > 0);
    alliance["gamma"].kill();
    assert!(!running.wait().unwrap().success(), "a run that was cut off says so");
    alliance["gamma"].start();
    alliance.wait_for_holders();

    let done = alliance["gamma"].command(&["tokenize", &file]);
    assert_eq!((number(&done, "rows"), number(&done, "rejected")), (u64::from(ROWS) + 1, 1), "{done}");
    assert!(number(&done, "known") > 0, "what was evaluated before the kill was kept: {done}");
    assert_eq!(number(&done, "known") + number(&done, "evaluated"), u64::from(ROWS), "{done}");

    // Each of the three took part in about two thirds of the evaluations. What a kill loses is what was under way.
    let parts: Vec<u64> = ["alpha", "beta", "notary"].iter().map(|slug| evaluated(&alliance[*slug])).collect();
    let all: u64 = parts.iter().sum();
    assert!(all < 2 * u64::from(ROWS) * 3 / 2, "nothing is asked for again: {parts:?}");
    assert!(parts.iter().all(|part| *part > all / 5), "no holder bears it alone: {parts:?}");
    println!("elements evaluated by the holders for {ROWS} numbers: {parts:?}");

    // Prepared is prepared: no holder is needed any more, and none is asked.
    for slug in ["alpha", "beta", "notary"] {
        alliance[slug].kill();
    }
    let ids: Vec<String> = (0..ROWS).map(|n| format!("1540001{n:04}")).collect();
    let answers =
        alliance["gamma"].http().post("/v1/checks", &json!({ "purpose": "test", "class": "MOB", "ids": ids }));
    let answers = answers.ok();
    let answers = answers["answers"].as_array().unwrap();
    assert!(answers.iter().all(|answer| answer["answer"] == "not_listed" || answer["answer"] == "stale"));
    assert_eq!(alliance["gamma"].answer("MOB", "15499999999"), "unavailable");
}

#[test]
fn a_used_up_quota_ends_the_run_in_order_and_a_larger_one_lets_it_go_on() {
    let alliance = alliance();
    alliance["alpha"].command(&["keys", "holders", "--quota", "MOB=512"]);
    wait_until("gamma has the charter with the quota", || {
        let keys = alliance["gamma"].http().get("/v1/keys").ok();
        keys["keys"].as_array().unwrap().iter().any(|key| key["class"] == "MOB" && key["quota"] == 512)
    });
    let file = alliance.file("customers.csv", customers(2_000)).display().to_string();
    let ended = alliance["gamma"].outcome(&["tokenize", &file, "--json"]);
    assert_eq!(ended.status, Some(3), "{ended:?}");
    let summary: Value = serde_json::from_str(ended.stdout.lines().last().unwrap()).unwrap();
    let first = number(&summary, "evaluated");
    // Three holders with 512 each, two for every number: at most 768.
    assert!((256..=768).contains(&first), "{summary}");
    assert_eq!(number(&summary, "unavailable"), 2_000 - first, "{summary}");
    let renews = summary["exhausted"]["renews"].as_u64().unwrap();
    assert_eq!((renews + 8 * 3600) % 86_400, 0, "midnight in Beijing");

    let again = alliance["gamma"].outcome(&["tokenize", &file, "--json"]);
    assert_eq!(again.status, Some(3), "{again:?}");
    let summary: Value = serde_json::from_str(again.stdout.lines().last().unwrap()).unwrap();
    assert!(number(&summary, "known") >= first && number(&summary, "known") + number(&summary, "evaluated") <= 768);

    alliance["alpha"].command(&["keys", "holders", "--quota", "MOB=100000"]);
    wait_until("gamma has the charter with the larger quota", || {
        let keys = alliance["gamma"].http().get("/v1/keys").ok();
        keys["keys"].as_array().unwrap().iter().any(|key| key["class"] == "MOB" && key["quota"] == 100_000)
    });
    let done = alliance["gamma"].command(&["tokenize", &file]);
    assert_eq!(number(&done, "known") + number(&done, "evaluated"), 2_000, "{done}");
}
