//! Threshold keys from end to end: ceremonies, listings and checks with the holders' help, holders that are away.

use antibrush_tests::{Alliance, wait_until};
use serde_json::json;

/// Invented numbers.
const LISTED: &str = "154 0000 0001";
const UNLISTED: &str = "154 0000 0002";

fn list(alliance: &Alliance, slug: &str, id: &str) {
    let item = json!({ "class": "MOB", "id": id, "conduct": "C01", "role": "take-part", "evidence": "test",
        "details": "case 1" });
    let listed = alliance[slug].http().post("/v1/listings", &json!({ "items": [item] })).ok();
    assert_eq!(listed["counted"]["listed"], 1, "{listed}");
}

#[test]
fn holders_make_keys_that_nobody_has_and_answer_together() {
    let alliance = Alliance::shared(&["alpha", "beta"], 2);
    list(&alliance, "alpha", LISTED);
    alliance.wait_for_leaves("alpha", 1);
    assert_eq!(alliance["beta"].answer("MOB", LISTED), "listed");
    assert_eq!(alliance["beta"].answer("MOB", UNLISTED), "not_listed");
    let details = alliance["beta"]
        .http()
        .post("/v1/check", &json!({ "class": "MOB", "id": LISTED, "purpose": "test", "details": true }))
        .ok();
    assert_eq!(details["listings"][0]["details"], "case 1");
    let keys = alliance["notary"].http().get("/v1/keys").ok();
    assert!(keys["keys"].as_array().unwrap().iter().any(|key| key["class"] == "MOB" && key["own_share"] == true));
    wait_until("the notary reports what it evaluated", || {
        let keys = alliance["beta"].http().get("/v1/keys").ok();
        !keys["ceremonies"].as_array().unwrap().is_empty()
    });
}

#[test]
fn with_too_few_holders_an_unknown_subject_is_unavailable_and_never_not_listed() {
    let mut alliance = Alliance::shared(&["alpha", "beta"], 2);
    list(&alliance, "alpha", LISTED);
    alliance.wait_for_leaves("alpha", 1);
    assert_eq!(alliance["beta"].answer("MOB", UNLISTED), "not_listed");
    // One of three is down: two are enough.
    alliance["notary"].kill();
    assert_eq!(alliance["beta"].answer("MOB", LISTED), "listed");
    // Two of three are down: what was asked before is still answered, what was not is unavailable.
    alliance["alpha"].kill();
    wait_until("beta sees that alpha is gone", || {
        let status = alliance["beta"].http().get("/v1/keys").ok();
        status["holders"]
            .as_array()
            .unwrap()
            .iter()
            .all(|holder| (holder["member"] == "beta") == (holder["connected"] == true))
    });
    assert_eq!(alliance["beta"].answer("MOB", LISTED), "listed");
    let unknown = alliance["beta"].check("MOB", "154 0000 0003");
    assert_eq!(unknown["answer"], "unavailable", "{unknown}");
    let missing: Vec<&str> =
        unknown["holders"].as_array().unwrap().iter().filter_map(|holder| holder["holder"].as_str()).collect();
    assert_eq!(missing, ["alpha", "notary"]);
    // A class of suite 1 needs nobody.
    assert_eq!(alliance["beta"].answer("ENT", "91350100M000100Y43"), "not_listed");
    let many = json!({ "class": "MOB", "ids": [LISTED, "154 0000 0003"], "purpose": "test" });
    let many = alliance["beta"].http().post("/v1/checks", &many).ok();
    let answers: Vec<&str> = many["answers"].as_array().unwrap().iter().filter_map(|a| a["answer"].as_str()).collect();
    assert_eq!(answers, ["listed", "unavailable"]);
}
