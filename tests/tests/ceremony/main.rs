//! Key ceremonies and evaluations when something goes wrong: holders that are away, late, killed or cheating.
//!
//! Honest members are real processes. Where a holder must be late to the message, or cheat, the test plays it with the
//! member's own keys ([`puppet`]).

mod absent;
mod babbler;
mod cheats;
mod evaluations;
mod kills;
mod puppet;
mod quotas;
mod secrets;

use antibrush_tests::{Alliance, Node, wait_until};
use serde_json::{Value, json};

/// Calls a ceremony at the founder's node and returns its id.
fn call(alliance: &Alliance, kind: &str) -> String {
    let called = alliance.nodes[0].http().post("/v1/keys/ceremonies", &json!({ "kind": kind })).ok();
    called["ceremony"].as_str().expect("a ceremony has an id").to_owned()
}

/// Names the holders of the next ceremony.
fn name_holders(alliance: &Alliance, members: &[&str], threshold: u8) {
    let request = json!({ "members": members, "threshold": threshold });
    alliance.nodes[0].http().post("/v1/keys/holders", &request).ok();
}

/// What a node knows of a ceremony; nothing before its call has come.
fn status(node: &Node, ceremony: &str) -> Option<Value> {
    let reply = node.http().get(&format!("/v1/keys/ceremonies/{ceremony}"));
    (reply.status == 200).then(|| reply.json())
}

/// How far a ceremony is, in the order of the phases.
fn rank(phase: &Value) -> usize {
    let phases = ["commit", "deal", "confirm", "done", "in_charter"];
    phases.iter().position(|known| phase == known).unwrap_or_else(|| panic!("the ceremony is {phase}"))
}

/// Whether a node has a holder's message of a phase on its board.
fn has_posted(node: &Node, ceremony: &str, holder: &str, phase: &str) -> bool {
    let Some(status) = status(node, ceremony) else { return false };
    let (now, asked) = (rank(&status["phase"]), rank(&json!(phase)));
    let waiting = status["waiting_for"].as_array().unwrap();
    now > asked || now == asked && !waiting.iter().any(|slug| slug == holder)
}

fn wait_for_phase(node: &Node, ceremony: &str, phase: &str) {
    wait_until(&format!("the ceremony is {phase} for {}", node.slug), || {
        status(node, ceremony).is_some_and(|status| rank(&status["phase"]) >= rank(&json!(phase)))
    });
}

/// Waits until every running node has the result in its charter, and its shares.
fn wait_for_result(alliance: &Alliance, ceremony: &str, epoch: u64) {
    for node in alliance.nodes.iter().filter(|node| node.runs()) {
        wait_for_phase(node, ceremony, "in_charter");
    }
    alliance.wait_for_keys(epoch);
}

/// Waits until a node is connected to these holders.
fn wait_for_holders(node: &Node, holders: &[&str]) {
    wait_until(&format!("{} is connected to {holders:?}", node.slug), || {
        let keys = node.http().get("/v1/keys").ok();
        let connected = keys["holders"].as_array().unwrap().iter().filter(|holder| holder["connected"] == true);
        let connected: Vec<&str> = connected.filter_map(|holder| holder["member"].as_str()).collect();
        holders.iter().all(|holder| connected.contains(holder))
    });
}

/// Lists a mobile number.
fn list(node: &Node, id: &str) {
    let item = json!({ "class": "MOB", "id": id, "conduct": "C01", "role": "take-part", "evidence": "test" });
    let listed = node.http().post("/v1/listings", &json!({ "items": [item] })).ok();
    assert_eq!(listed["counted"]["listed"], 1, "{listed}");
}

/// Tokens are the same on all platforms: each finds what another lists. `case` makes the numbers its own.
fn assert_tokens_agree(alliance: &Alliance, platforms: &[&str], case: u32) {
    for (place, lister) in platforms.iter().enumerate() {
        let number = format!("154 {case:04} {place:04}");
        list(&alliance[lister], &number);
        for asker in platforms {
            wait_until(&format!("{asker} finds what {lister} lists"), || {
                alliance[asker].answer("MOB", &number) == "listed"
            });
        }
    }
}
