//! The alliance governs itself: three platforms become stewards, and from then on the charter changes by proposals that
//! travel as files and that two of them sign.

use std::time::Duration;

use antibrush_tests::{Alliance, Node, wait_for, wait_until};
use serde_json::Value;

/// How long an expelled member's connections may live.
const SECONDS: Duration = Duration::from_secs(10);

fn charter(node: &Node) -> u64 {
    node.http().get("/v1/status").ok()["charter"].as_u64().unwrap()
}

/// Waits until every running node has this charter.
fn everywhere(alliance: &Alliance, number: &Value) {
    let number = number.as_u64().unwrap();
    // A node that is cut off hears of no charter after the one that cut it off.
    for node in alliance.nodes.iter().filter(|node| node.runs() && node.slug != "mogujie") {
        wait_until(&format!("{} has charter {number}", node.slug), || charter(node) == number);
    }
}

fn member(node: &Node, slug: &str) -> Value {
    let members = node.http().get("/v1/members").ok();
    members["members"].as_array().unwrap().iter().find(|member| member["slug"] == slug).unwrap().clone()
}

#[test]
fn the_alliance_governs_itself() {
    let mut alliance = Alliance::founded("alibaba");
    let mut keys = Vec::new();
    for slug in ["jd", "pdd"] {
        let node = alliance.join(slug, "platform");
        let made = node.command(&["alliance", "steward-key"]);
        assert_eq!((&made["made"], &made["restart"]), (&true.into(), &false.into()));
        assert_eq!(node.command(&["alliance", "steward-key"])["key"], made["key"], "the key is made once");
        keys.push((slug, made["key"].as_str().unwrap().to_owned()));
        node.start();
    }
    alliance.admit("mogujie", "platform");
    alliance.settle();
    let root = alliance.root().to_path_buf();
    let path = |name: &str| root.join(name).display().to_string();

    // While one steward suffices, its own signature on the proposal does.
    for (slug, key) in &keys {
        let file = path(&format!("add-{slug}"));
        let add = ["alliance", "propose", "steward", "add", slug, "--key", key, "--out", &file];
        let made = alliance["alibaba"].command(&add);
        assert_eq!((&made["signed"][0], &made["in_force"]), (&"alibaba".into(), &false.into()), "{made}");
        let published = alliance["alibaba"].command(&["alliance", "publish", &file]);
        assert_eq!(published["in_force"], true, "{published}");
        everywhere(&alliance, &published["charter"]);
    }

    // A threshold of two needs two at once: the new charter asks for its own quorum (CHARTER-10).
    let (file, by_jd) = (path("threshold"), path("threshold.jd"));
    alliance["alibaba"].command(&["alliance", "propose", "threshold", "2", "--out", &file]);
    let refusal = alliance["alibaba"].refused(&["alliance", "publish", &file]);
    assert!(refusal.contains("proposed charter: 1 of 2") && refusal.contains("missing 1 of jd, pdd"), "{refusal}");
    alliance["jd"].command(&["alliance", "sign", &file, "--out", &by_jd]);
    let published = alliance["alibaba"].command(&["alliance", "publish", &file, &by_jd]);
    everywhere(&alliance, &published["charter"]);
    let refusal = alliance["alibaba"].refused(&["alliance", "admit", "--slug", "meituan"]);
    assert!(refusal.contains("antibrush alliance propose"), "{refusal}");

    let account = "taobao:governance".to_owned();
    alliance["mogujie"].list_accounts(std::slice::from_ref(&account));
    wait_until("the listing is answered", || alliance["alibaba"].answer("ACC", &account) == "listed");

    // Suspended by two: one signs on a node that does not run.
    let (file, by_jd, late) = (path("suspend"), path("suspend.jd"), path("late"));
    alliance["pdd"].command(&["alliance", "propose", "policy", "--corroboration", "3", "--out", &late]);
    alliance["alibaba"].command(&["alliance", "propose", "suspend", "mogujie", "--out", &file]);
    let refusal = alliance["alibaba"].refused(&["alliance", "publish", &file]);
    assert!(refusal.contains("charter in force: 1 of 2"), "{refusal}");
    alliance["jd"].stop();
    let shown = alliance["jd"].outcome(&["alliance", "show", &file]).stdout;
    assert!(shown.contains("mogujie: state active → suspended") && shown.contains("1 missing, of: jd, pdd"), "{shown}");
    alliance["jd"].command(&["alliance", "sign", &file, "--out", &by_jd]);
    let refusal = alliance["mogujie"].refused(&["alliance", "sign", &file]);
    assert!(refusal.contains("antibrush alliance steward-key"), "{refusal}");
    let refusal = alliance["alibaba"].refused(&["alliance", "sign", &file]);
    assert!(refusal.contains("signed the proposal already"), "{refusal}");
    let refusal = alliance["alibaba"].refused(&["alliance", "publish", &file, &by_jd, &by_jd]);
    assert!(refusal.contains("signed the proposal already"), "{refusal}");
    let refusal = alliance["pdd"].refused(&["alliance", "publish", &late, &by_jd]);
    assert!(refusal.contains("for another charter"), "{refusal}");
    let refusal = alliance["pdd"].refused(&["alliance", "publish", &by_jd]);
    assert!(refusal.contains("no whole charter proposal"), "{refusal}");
    let published = alliance["alibaba"].command(&["alliance", "publish", &file, &by_jd]);
    everywhere(&alliance, &published["charter"]);
    assert_eq!(member(&alliance["pdd"], "mogujie")["state"], "suspended");
    let cut = || (member(&alliance["pdd"], "mogujie")["connected"] == false).then_some(());
    wait_for("it is cut off", SECONDS, cut);
    // What it listed stands until it is expelled.
    assert_eq!(alliance["alibaba"].answer("ACC", &account), "listed");
    let refusal = alliance["pdd"].refused(&["alliance", "publish", &late]);
    assert!(refusal.contains("came into force meanwhile") && refusal.contains("make the proposal again"), "{refusal}");
    let refusal = alliance["alibaba"].refused(&["alliance", "publish", &file, &by_jd]);
    assert!(refusal.contains("nothing left to do"), "{refusal}");

    // Back again; another steward proposes, and the file of the signature has its name beside the proposal's.
    alliance["jd"].start();
    everywhere(&alliance, &published["charter"]);
    let file = path("reinstate");
    alliance["pdd"].command(&["alliance", "propose", "reinstate", "mogujie", "--out", &file]);
    let signature = alliance["alibaba"].command(&["alliance", "sign", &file])["file"].as_str().unwrap().to_owned();
    assert_eq!(signature, format!("{file}.alibaba.signature"));
    let published = alliance["pdd"].command(&["alliance", "publish", &file, &signature]);
    everywhere(&alliance, &published["charter"]);
    wait_until("it is connected again", || member(&alliance["alibaba"], "mogujie")["connected"] == true);

    // Expelled: cut off everywhere within seconds, and not answered any more.
    let file = path("expel");
    alliance["jd"].command(&["alliance", "propose", "expel", "mogujie", "--out", &file]);
    let signature = path("expel.pdd");
    alliance["pdd"].command(&["alliance", "sign", &file, "--out", &signature]);
    alliance["jd"].command(&["alliance", "publish", &file, &signature]);
    for slug in ["alibaba", "jd", "pdd"] {
        let node = &alliance[slug];
        let cut = || {
            let member = member(node, "mogujie");
            (member["state"] == "expelled" && member["connected"] == false).then_some(())
        };
        wait_for(&format!("{slug} cuts it off"), SECONDS, cut);
        wait_until("its listing is not answered", || node.answer("ACC", &account) == "not_listed");
    }
}
