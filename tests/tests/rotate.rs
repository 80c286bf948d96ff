//! A feed key and a node key hand over to their successors, signed by both, while the member's node runs and while it does not.

use antibrush_tests::{Alliance, Node, wait_until};
use serde_json::Value;

fn list_arguments(account: &str) -> [&str; 9] {
    ["list", "--class", "ACC", "--id", account, "--conduct", "C06", "--evidence", "case"]
}

fn path(alliance: &Alliance, name: &str) -> String {
    alliance.root().join(name).display().to_string()
}

/// Makes the successor on jd's node and returns what the command says.
fn make_successor(alliance: &Alliance, kind: &str, name: &str) -> Value {
    alliance["jd"].command(&["alliance", "rotate-key", kind, "--out", &path(alliance, name)])
}

/// The steward puts the file into the charter.
fn put_in_force(alliance: &Alliance, name: &str) -> Value {
    let (file, proposal) = (path(alliance, name), path(alliance, &format!("{name}.proposal")));
    let made = alliance["alibaba"].command(&["alliance", "propose", "rotate", &file, "--out", &proposal]);
    alliance["alibaba"].command(&["alliance", "publish", &proposal]);
    made
}

fn charter(node: &Node) -> u64 {
    node.http().get("/v1/members").ok()["charter"].as_u64().unwrap()
}

fn member(node: &Node) -> Value {
    let members = node.http().get("/v1/members").ok();
    members["members"].as_array().unwrap().iter().find(|member| member["slug"] == "jd").unwrap().clone()
}

fn wait_for_charter(alliance: &Alliance, number: u64) {
    for node in alliance.nodes.iter().filter(|node| node.runs()) {
        wait_until(&format!("{} has charter {number}", node.slug), || charter(node) >= number);
    }
}

fn listed_everywhere(alliance: &Alliance, account: &str) {
    for slug in ["alibaba", "jd", "pdd"] {
        wait_until(&format!("{slug} has {account}"), || alliance[slug].answer("ACC", account) == "listed");
    }
    for slug in ["alibaba", "pdd"] {
        alliance[slug].verify("jd");
        assert_eq!(alliance[slug].http().get("/v1/feeds/jd").ok()["standing"], "open", "{slug}");
    }
}

fn notes(node: &Node) -> String {
    node.http().get("/v1/status").ok()["notes"].to_string()
}

#[test]
fn a_feed_key_hands_over_and_the_feed_goes_on_under_its_successor() {
    let mut alliance = Alliance::with(&["alibaba", "jd", "pdd"]);
    let keys = alliance["jd"].directory.join("keys");
    alliance["jd"].list_accounts(&["taobao:before".to_owned()]);
    let first = member(&alliance["jd"])["feed_key"].clone();

    // Nobody else can bring in a key for it, and a changed file is none.
    let made = make_successor(&alliance, "feed", "one");
    assert_eq!(made["old"], first);
    let text = std::fs::read_to_string(path(&alliance, "one")).unwrap();
    assert!(text.starts_with("antibrush key succession v1\n"), "{text}");
    let forged = text.replacen("\no", "\np", 1).replacen("\ng", "\nh", 1);
    let forged = if forged == text { text.replacen('A', "B", 1).replacen("Bntibrush", "antibrush", 1) } else { forged };
    alliance.file("forged", forged);
    let out = path(&alliance, "never");
    let refusal =
        alliance["alibaba"].refused(&["alliance", "propose", "rotate", &path(&alliance, "forged"), "--out", &out]);
    assert!(refusal.contains("rotate-key"), "says what to do: {refusal}");

    // The charter takes it while the node runs and has only the old key: it says what is missing and publishes nothing.
    let before = charter(&alliance["jd"]);
    let words = put_in_force(&alliance, "one")["differences"].to_string();
    let second = made["new"].as_str().unwrap();
    assert!(words.contains("hands over to") && words.contains(second), "{words}");
    wait_for_charter(&alliance, before + 1);
    let refusal = alliance["jd"].refused(&list_arguments("taobao:too-early"));
    assert!(refusal.contains(second) && refusal.contains("restart the node"), "{refusal}");
    assert!(notes(&alliance["jd"]).contains(second), "status says it, too");
    alliance["jd"].stop();
    alliance["jd"].start();
    assert!(!notes(&alliance["jd"]).contains(second));
    alliance["jd"].command(&list_arguments("taobao:under-the-second"));
    listed_everywhere(&alliance, "taobao:under-the-second");
    assert_eq!(member(&alliance["pdd"])["feed_key"], second);
    assert!(keys.join("feed.former.pem").exists() && !keys.join("feed.next.pem").exists());
    // The file is used up.
    let refusal =
        alliance["alibaba"].refused(&["alliance", "propose", "rotate", &path(&alliance, "one"), "--out", &out]);
    assert!(refusal.contains("nothing to change"), "{refusal}");

    // With both keys at hand the node changes over by itself, between one batch and the next.
    let made = make_successor(&alliance, "feed", "two");
    assert_eq!(made["old"], second);
    alliance["jd"].stop();
    alliance["jd"].start();
    alliance["jd"].command(&list_arguments("taobao:still-under-the-second"));
    put_in_force(&alliance, "two");
    wait_for_charter(&alliance, before + 2);
    alliance["jd"].command(&list_arguments("taobao:under-the-third"));
    listed_everywhere(&alliance, "taobao:under-the-third");
    for account in ["taobao:before", "taobao:under-the-second", "taobao:still-under-the-second"] {
        listed_everywhere(&alliance, account);
    }
    assert_eq!(member(&alliance["pdd"])["feed_key"], made["new"]);
    // A newcomer verifies the feed through all three keys.
    alliance.admit("meituan", "platform");
    wait_until("the newcomer has it all", || alliance["meituan"].answer("ACC", "taobao:under-the-third") == "listed");
    alliance["meituan"].verify("jd");
}

#[test]
fn a_node_key_hands_over_though_the_node_was_away_when_the_charter_said_so() {
    let mut alliance = Alliance::with(&["alibaba", "jd", "pdd"]);
    let peer = |node: &Node| node.http().get("/v1/status").ok()["peer_id"].as_str().unwrap().to_owned();
    let before = peer(&alliance["jd"]);
    make_successor(&alliance, "node", "node");
    alliance["jd"].stop();
    let number = charter(&alliance["alibaba"]) + 1;
    put_in_force(&alliance, "node");
    wait_for_charter(&alliance, number);

    // It comes back as who it was, hears that it is somebody else now, and takes that up when it starts again.
    alliance["jd"].start();
    wait_until("the node hears of its successor", || charter(&alliance["jd"]) == number);
    assert_eq!(peer(&alliance["jd"]), before);
    let refusal = alliance["jd"].refused(&list_arguments("taobao:too-early"));
    assert!(refusal.contains("restart the node"), "{refusal}");
    assert!(notes(&alliance["jd"]).contains("restart the node"));
    alliance["jd"].stop();
    alliance["jd"].start();
    let after = peer(&alliance["jd"]);
    assert_ne!(after, before);
    assert_eq!(member(&alliance["pdd"])["nodes"], serde_json::json!([after]));
    wait_until("the node is connected", || member(&alliance["pdd"])["connected"] == true);
    wait_until("it publishes", || alliance["jd"].outcome(&list_arguments("taobao:as-the-new-one")).status == Some(0));
    listed_everywhere(&alliance, "taobao:as-the-new-one");
    let keys = alliance["jd"].directory.join("keys");
    assert!(keys.join("node.former.pem").exists() && !keys.join("node.next.pem").exists());
}
