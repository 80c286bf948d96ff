//! The quotas of the charter bound what one member can have evaluated in a day, whatever is restarted or killed.

use antibrush_node::clock;
use antibrush_protocol::base::Timestamp;
use antibrush_tests::{Alliance, Signal, wait_until};
use serde_json::{Value, json};

use super::wait_for_holders;

const HOLDERS: [&str; 3] = ["alpha", "beta", "notary"];

/// The n-th number that nobody has asked for.
fn number(n: u32) -> String {
    format!("154 0007 {n:04}")
}

/// Every holder has evaluated the quota of beta, and says when there is more.
fn assert_exhausted(answer: &Value) {
    assert_eq!(answer["answer"], "unavailable", "{answer}");
    let mut holders: Vec<_> = answer["holders"].as_array().unwrap().clone();
    holders.sort_by_key(|holder| holder["holder"].as_str().map(str::to_owned));
    let exhausted = |holder: &&str| json!({ "holder": holder, "problem": "quota_exhausted" });
    assert_eq!(json!(holders), json!(HOLDERS.iter().map(exhausted as fn(&&str) -> Value).collect::<Vec<_>>()));
    let midnight = Timestamp::start_of(clock::wall().day().plus(1));
    assert_eq!(answer["renews"], midnight.0, "the next midnight in Beijing");
    assert_eq!((midnight.0 + 8 * 3600) % 86_400, 0);
}

fn set_quota(alliance: &Alliance, quota: u32) {
    alliance["alpha"].command(&["keys", "holders", "--quota", &format!("MOB={quota}")]);
    for node in &alliance.nodes {
        wait_until("the quota is in force", || {
            let keys = node.http().get("/v1/keys").ok();
            keys["keys"].as_array().unwrap().iter().any(|key| key["class"] == "MOB" && key["quota"] == quota)
        });
    }
}

#[test]
fn a_quota_is_used_up_until_midnight_and_no_restart_renews_it() {
    let mut alliance = Alliance::shared(&["alpha", "beta"], 2);
    set_quota(&alliance, 8);
    let beta = &alliance["beta"];
    // More than the quota at once is not evaluated in part: padded, these are sixteen.
    let many: Vec<String> = (100..109).map(number).collect();
    let many = json!({ "class": "MOB", "ids": many, "purpose": "test" });
    let many = beta.http().post("/v1/checks", &many).ok();
    many["answers"].as_array().unwrap().iter().for_each(assert_exhausted);
    // Two of three holders evaluate each: three times eight are enough for twelve.
    for n in 0..12 {
        assert_eq!(beta.answer("MOB", &number(n)), "not_listed", "number {n}");
    }
    assert_exhausted(&beta.check("MOB", &number(12)));
    // What was evaluated before needs nobody.
    assert_eq!(beta.answer("MOB", &number(0)), "not_listed");

    for signal in [Signal::TERM, Signal::KILL, Signal::KILL] {
        for slug in HOLDERS {
            alliance[slug].end(signal);
        }
        for slug in HOLDERS {
            alliance[slug].start();
        }
        alliance.settle();
        for slug in ["alpha", "beta"] {
            wait_for_holders(&alliance[slug], &HOLDERS);
        }
        assert_exhausted(&alliance["beta"].check("MOB", &number(13)));
    }
    // Other classes and other members have quotas of their own.
    assert_eq!(alliance["beta"].answer("ACC", "taobao:quota"), "not_listed");
    for n in 20..24 {
        assert_eq!(alliance["alpha"].answer("MOB", &number(n)), "not_listed");
    }
    // The stewards may give more on the same day, to a platform that knows that its quota was used up.
    assert_exhausted(&alliance["beta"].check("MOB", &number(14)));
    set_quota(&alliance, 12);
    assert_eq!(alliance["beta"].answer("MOB", &number(14)), "not_listed");
}
