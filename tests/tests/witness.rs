//! Members and observers witness what they hold, within seconds, and take nothing back.

use antibrush_tests::{Alliance, Node, wait_until};
use serde_json::Value;

/// What a node shows of the witnesses of alibaba's feed: name, batch, leaves, time, whether it is the newest.
fn witnesses(node: &Node) -> Vec<(String, u64, u64, u64, bool)> {
    let feed = node.http().get("/v1/feeds/alibaba").ok();
    let row = |row: &Value| {
        let number = |key: &str| row[key].as_u64().unwrap();
        let name = row["witness"].as_str().unwrap().to_owned();
        (name, number("seq"), number("size"), number("time"), row["newest"] == true)
    };
    feed["witnesses"].as_array().unwrap().iter().map(row).collect()
}

fn all_newest(node: &Node, names: &[&str]) -> bool {
    let found = witnesses(node);
    found.iter().map(|row| row.0.as_str()).eq(names.iter().copied()) && found.iter().all(|row| row.4)
}

#[test]
fn everybody_witnesses_and_a_killed_witness_takes_nothing_back() {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    alliance.admit("regulator", "observer");
    alliance["alibaba"].list_accounts(&["taobao:first".to_owned()]);
    for node in &alliance.nodes {
        let took = wait_until("both others have witnessed the newest batch", || all_newest(node, &["jd", "regulator"]));
        println!("{} sees both cosignatures after {took:?}", node.slug);
        assert_eq!(node.http().get("/v1/feeds/alibaba").ok()["witnessed_by"], 2);
    }
    // The observer is killed again and again while batches come; what alibaba sees of it only grows.
    let mut last = (0, 0, 0);
    for round in 0..4 {
        for batch in 0..3 {
            alliance["alibaba"].list_accounts(&[format!("taobao:round-{round}-{batch}")]);
        }
        alliance["regulator"].kill();
        alliance["alibaba"].list_accounts(&[format!("taobao:while-away-{round}")]);
        alliance["regulator"].start();
        let mut look = || {
            let row = witnesses(&alliance["alibaba"]).into_iter().find(|row| row.0 == "regulator").unwrap();
            let now = (row.1, row.2, row.3);
            assert!(now.0 >= last.0 && now.1 >= last.1 && now.2 >= last.2, "{now:?} after {last:?}");
            last = now;
            row.4
        };
        wait_until("the observer has witnessed the newest batch again", &mut look);
    }
    // The observer itself remembers what it had stated, and nobody counts a contradiction.
    for node in &alliance.nodes {
        wait_until("all agree", || all_newest(node, &["jd", "regulator"]));
        let metrics = node.http().get("/metrics").text();
        assert!(!metrics.contains("rule=\"WITNESS-"), "{}: {metrics}", node.slug);
    }
}
