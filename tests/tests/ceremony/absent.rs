//! Holders that are away when they are called, or for longer.

use std::thread;

use antibrush_node::clock;
use antibrush_protocol::{
    board::Post,
    ceremony::{Call, Kind, Step},
    subject::Class,
};
use antibrush_tests::{Alliance, wait_until};
use serde_json::json;

use super::{
    call, has_posted, name_holders,
    puppet::{Puppet, chain_of, keys_of},
    rank, status, wait_for_holders, wait_for_phase, wait_for_result,
};

const HOLDERS: [&str; 3] = ["alpha", "beta", "notary"];

/// A minute is the shortest time that a ceremony can have; the test waits for its end beside the others.
#[test]
fn a_dropped_holder_is_named_and_a_new_call_succeeds_when_it_is_back() {
    let mut alliance = Alliance::before_ceremony(&["alpha", "beta"]);
    alliance["notary"].stop();
    name_holders(&alliance, &HOLDERS, 2);
    thread::scope(|scope| {
        let alpha = &alliance["alpha"];
        let called = scope.spawn(|| alpha.refused(&["keys", "ceremony", "--minutes", "1"]));
        wait_until("the holders are called", || {
            alpha.http().get("/v1/keys").ok()["ceremonies"].as_array().is_some_and(|all| !all.is_empty())
        });
        // One at a time: a call for other keys says until when the first one lasts.
        let again = alpha.refused(&["keys", "ceremony", "--classes", "ENT", "--no-wait"]);
        assert!(again.starts_with("a ceremony is under way until "), "{again}");
        assert_eq!(
            called.join().unwrap(),
            "the ceremony came to nothing: notary did not answer before the deadline; speak with them, then call again, or \
             name other holders with `antibrush keys holders`"
        );
    });
    for slug in ["alpha", "beta"] {
        let keys = alliance[slug].command(&["keys", "status"]);
        let ceremony = &keys["ceremonies"][0];
        assert_eq!(ceremony["phase"], "void", "{ceremony}");
        let faults = json!([{ "holder": "notary", "fault": "did not answer before the deadline",
            "fault_zh": ceremony["faults"][0]["fault_zh"] }]);
        assert_eq!(ceremony["faults"], faults);
        assert!(keys["keys"].as_array().unwrap().iter().all(|key| key["suite"] == 1), "no key came of it: {keys}");
    }
    alliance["notary"].start();
    let id = call(&alliance, "generate");
    wait_for_result(&alliance, &id, 1);
    // The one that came to nothing is not taken for the other, although both are for the same epoch. Its board tells who was away.
    for node in &alliance.nodes {
        let phases = || {
            let keys = node.http().get("/v1/keys").ok();
            let all = keys["ceremonies"].as_array().unwrap().iter();
            all.map(|ceremony| ceremony["phase"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        wait_until("both ceremonies show", || phases() == ["in_charter", "void"]);
    }
}

/// A long time that waits for nobody any more keeps no steward from calling again.
#[test]
fn a_steward_that_calls_again_gives_its_ceremony_up() {
    let mut alliance = Alliance::before_ceremony(&["alpha", "beta"]);
    alliance["notary"].stop();
    name_holders(&alliance, &HOLDERS, 2);
    let first = call(&alliance, "generate");
    let second = call(&alliance, "generate");
    for slug in ["alpha", "beta"] {
        wait_until("the first one is over", || {
            status(&alliance[slug], &first).is_some_and(|status| status["phase"] == "void")
        });
        assert_eq!(status(&alliance[slug], &first).unwrap()["waiting_for"], json!([]));
        assert_ne!(status(&alliance[slug], &second).unwrap()["phase"], "void");
    }
    alliance["notary"].start();
    wait_for_result(&alliance, &second, 1);
    for node in &alliance.nodes {
        assert_eq!(status(node, &first).unwrap()["phase"], "void", "{}", node.slug);
    }
}

#[test]
fn a_holder_that_comes_late_is_waited_for() {
    let mut alliance = Alliance::before_ceremony(&["alpha", "beta"]);
    alliance["notary"].kill();
    name_holders(&alliance, &HOLDERS, 2);
    let id = call(&alliance, "generate");
    for observer in ["alpha", "beta"] {
        for holder in ["alpha", "beta"] {
            wait_until("both have posted round 1", || has_posted(&alliance[observer], &id, holder, "commit"));
        }
        let waiting = status(&alliance[observer], &id).unwrap();
        assert_eq!((&waiting["phase"], &waiting["waiting_for"]), (&json!("commit"), &json!(["notary"])));
        assert_eq!(rank(&waiting["phase"]), 0);
    }
    alliance["notary"].start();
    wait_for_result(&alliance, &id, 1);
    for node in &alliance.nodes {
        assert_eq!(status(node, &id).unwrap()["faults"], json!([]));
    }
    super::assert_tokens_agree(&alliance, &["alpha", "beta"], 1);
}

/// It confirmed, crashed before it heard the last confirmation, and comes back when the time is over. All others have the
/// keys meanwhile; its share is as good as theirs.
#[test]
fn a_holder_that_crashed_before_the_end_has_its_share_after_the_deadline() {
    const SECONDS: u64 = 10;
    let mut alliance = Alliance::before_ceremony(&["alpha", "beta"]);
    alliance.join("clerk", "key-holder");
    name_holders(&alliance, &["alpha", "beta", "clerk", "notary"], 3);
    let clerk = Puppet::of(&alliance, "clerk");
    let chain = chain_of(&alliance["alpha"]);
    let holding = chain.current().holding.clone().unwrap();
    let issued = clock::wall();
    let called = Call {
        alliance: chain.alliance(),
        charter: chain.current_id(),
        kind: Kind::Generate,
        epoch: 1,
        classes: vec![Class::Mob, Class::Acc],
        threshold: holding.threshold,
        holders: holding.members,
        keys: Vec::new(),
        issued,
        deadline: issued.plus(SECONDS),
        nonce: [7; 16],
    };
    let called = Post::sign(&called, keys_of(&alliance["alpha"]).steward().unwrap(), Post::Call);
    let Post::Call(signed) = &called else { unreachable!() };
    let id = hex::encode(signed.id());
    clerk.post(&called);
    let part = clerk.join(&alliance["alpha"], &id);
    part.follow(1, Step::Deal);
    wait_until("notary confirms", || has_posted(&alliance["alpha"], &id, "notary", "confirm"));
    alliance["notary"].kill();
    part.follow(1, Step::Answer);
    for slug in ["alpha", "beta"] {
        wait_for_phase(&alliance[slug], &id, "in_charter");
    }
    wait_until("the time is over", || clock::wall() >= issued.plus(SECONDS));
    alliance["notary"].start();
    alliance.wait_for_keys(1);
    assert_eq!(status(&alliance["notary"], &id).unwrap()["phase"], "in_charter");
    // Its share works: three of four are needed, and clerk does not answer.
    wait_for_holders(&alliance["beta"], &["alpha", "beta", "notary"]);
    assert_eq!(alliance["beta"].answer("MOB", "154 0002 0001"), "not_listed");
}
