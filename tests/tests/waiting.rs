//! Where the charter asks for witnesses, entries take effect once they were witnessed: in order, and once in the change stream.

use std::time::Duration;

use antibrush_tests::{Alliance, Node, wait_until};

fn require(node: &Node, witnesses: &str) {
    let file = node.directory.join(format!("witnesses-{witnesses}")).display().to_string();
    let made = node.command(&["alliance", "propose", "policy", "--witnesses", witnesses, "--out", &file]);
    let said = made["differences"].to_string();
    assert!(said.contains("witness") && said.contains("见证"), "{made}");
    assert_eq!(node.command(&["alliance", "publish", &file])["in_force"], true);
}

/// Leaves of alibaba's feed in the order of a node's change stream from a cursor on, and the next cursor.
fn changes(node: &Node, cursor: &str) -> (Vec<u64>, String) {
    let (mut leaves, mut cursor) = (Vec::new(), cursor.to_owned());
    loop {
        let query = if cursor.is_empty() { String::new() } else { format!("?cursor={cursor}") };
        let page = node.http().get(&format!("/v1/changes{query}")).ok();
        let of = page["changes"].as_array().unwrap().iter().filter(|change| change["publisher"] == "alibaba");
        leaves.extend(of.map(|change| change["leaf"].as_u64().unwrap()));
        cursor = page["cursor"].as_str().unwrap().to_owned();
        if page["more"] != true {
            return (leaves, cursor);
        }
    }
}

fn unwitnessed(node: &Node) -> u64 {
    node.http().get("/v1/feeds/alibaba").ok()["unwitnessed"].as_u64().unwrap()
}

#[test]
fn entries_wait_for_their_witnesses() {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    alliance["alibaba"].list_accounts(&["taobao:before".to_owned()]);
    require(&alliance["alibaba"], "1");
    let charter = alliance["alibaba"].http().get("/v1/status").ok()["charter"].clone();
    wait_until("jd has the charter", || alliance["jd"].http().get("/v1/status").ok()["charter"] == charter);
    assert_eq!(alliance["alibaba"].answer("ACC", "taobao:before"), "listed", "what is in force stays so");

    // No witness runs: the entry is published, shown as waiting, and answered by nobody, not even its publisher.
    alliance["jd"].stop();
    alliance["alibaba"].list_accounts(&["taobao:first".to_owned()]);
    let alibaba = &alliance["alibaba"];
    assert_eq!((alibaba.answer("ACC", "taobao:first").as_str(), unwitnessed(alibaba)), ("not_listed", 1));
    let shown = alibaba.outcome(&["feed", "show", "--publisher", "alibaba"]).stdout;
    assert!(shown.contains("1 entries wait for witnesses under 1 different controls"), "{shown}");
    assert!(alibaba.outcome(&["feed", "show"]).stdout.contains("waits for witnesses (1)"));
    let status = alibaba.http().get("/v1/status").ok();
    assert_eq!(status["unwitnessed"]["alibaba"], 1);
    assert!(status["notes"].to_string().contains("1 entries of alibaba wait for witnesses"), "{status}");
    // The publisher plans against what it has said: the same again is nothing new, and a clearing finds what it clears.
    let again = alibaba.list_accounts(&["taobao:first".to_owned()]);
    assert_eq!(again["outcomes"][0]["outcome"], "unchanged", "{again}");
    alibaba.list_accounts(&["taobao:cleared".to_owned()]);
    let clearing = serde_json::json!({ "items": [{ "class": "ACC", "id": "taobao:cleared", "reason": "R01" }] });
    let cleared = alibaba.http().post("/v1/clearings", &clearing).ok();
    assert_eq!(cleared["outcomes"][0]["outcome"], "cleared", "{cleared}");
    let (before, mut cursor) = changes(alibaba, "");
    assert_eq!((before, unwitnessed(alibaba)), (vec![0], 3));

    // It waits over a kill, and takes effect everywhere once jd has witnessed it.
    alliance["alibaba"].kill();
    alliance["alibaba"].start();
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!(unwitnessed(&alliance["alibaba"]), 3);
    alliance["jd"].start();
    for node in &alliance.nodes {
        wait_until("it is listed", || node.answer("ACC", "taobao:first") == "listed");
        assert_eq!((node.answer("ACC", "taobao:cleared").as_str(), unwitnessed(node)), ("not_listed", 0));
    }
    let (leaves, next) = changes(&alliance["alibaba"], &cursor);
    assert_eq!(leaves, [1, 2, 3]);
    cursor = next;

    // Batches flow while the publisher is killed again and again: each leaf is in its stream once, in order.
    let mut streamed = Vec::new();
    for round in 0..4 {
        for batch in 0..3 {
            alliance["alibaba"].list_accounts(&[format!("taobao:{round}-{batch}")]);
        }
        let (leaves, next) = changes(&alliance["alibaba"], &cursor);
        streamed.extend(leaves);
        cursor = next;
        std::thread::sleep(Duration::from_millis(150 * round));
        alliance["alibaba"].kill();
        alliance["alibaba"].start();
    }
    wait_until("all are witnessed", || unwitnessed(&alliance["alibaba"]) == 0);
    streamed.extend(changes(&alliance["alibaba"], &cursor).0);
    assert_eq!(streamed, (4..16).collect::<Vec<u64>>());
    assert_eq!(changes(&alliance["alibaba"], "").0, (0..16).collect::<Vec<u64>>());

    // Two other controls are asked for once there are two. With one of them away it waits until the policy asks for fewer.
    let file = alliance.root().join("out-of-reach").display().to_string();
    let out_of_reach = ["alliance", "propose", "policy", "--witnesses", "2", "--out", &file];
    let refusal = alliance["alibaba"].refused(&out_of_reach);
    assert!(refusal.contains("under 1 different controls besides the publisher's"), "{refusal}");
    alliance.admit("pdd", "platform");
    alliance.settle();
    alliance["pdd"].stop();
    require(&alliance["alibaba"], "2");
    alliance["alibaba"].list_accounts(&["taobao:last".to_owned()]);
    let feed = || alliance["alibaba"].http().get("/v1/feeds/alibaba").ok();
    wait_until("jd has witnessed it", || feed()["witnessed_by"] == 1);
    std::thread::sleep(Duration::from_secs(3));
    assert_eq!((feed()["unwitnessed"].as_u64(), feed()["witnesses_needed"].as_u64()), (Some(1), Some(2)));
    assert_eq!(alliance["jd"].answer("ACC", "taobao:last"), "not_listed");
    require(&alliance["alibaba"], "0");
    alliance["pdd"].start();
    for node in &alliance.nodes {
        wait_until("it is listed", || node.answer("ACC", "taobao:last") == "listed");
    }
    assert_eq!(changes(&alliance["alibaba"], "").0, (0..17).collect::<Vec<u64>>());
}
