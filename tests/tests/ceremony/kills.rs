//! kill −9 in every round of a ceremony: the node that comes back says the same again, and the ceremony ends as if nothing had
//! happened.
//!
//! The random moments are drawn by lot; `ANTIBRUSH_SEED` repeats a draw that failed.

use std::{thread, time::Duration};

use antibrush_protocol::ceremony::Step;
use antibrush_tests::{Alliance, Lot, wait_for, wait_until};
use serde_json::json;

use super::{
    assert_tokens_agree, call, has_posted, name_holders, puppet::Puppet, status, wait_for_holders, wait_for_phase,
    wait_for_result,
};

/// The founder's node called: it is the steward's.
const HONEST: [&str; 3] = ["alpha", "beta", "notary"];

/// How long a ceremony with a killed holder may take, far within its hour.
const BOUND: Duration = Duration::from_secs(30);

/// clerk, which the test plays, keeps each round open until every other holder was killed in it.
#[test]
fn every_holder_is_killed_in_every_round() {
    let mut alliance = Alliance::before_ceremony(&["alpha", "beta"]);
    alliance.join("clerk", "key-holder");
    name_holders(&alliance, &["alpha", "beta", "clerk", "notary"], 2);
    let clerk = Puppet::of(&alliance, "clerk");
    let id = call(&alliance, "generate");
    let mut kills = 0;
    for (phase, step) in [("commit", Step::Commit), ("deal", Step::Deal), ("confirm", Step::Answer)] {
        for (victim, observer) in [("notary", "alpha"), ("alpha", "beta"), ("beta", "notary")] {
            // It has said it: another node has it. At once it is killed.
            wait_until(&format!("{victim} has posted its {phase}"), || {
                has_posted(&alliance[observer], &id, victim, phase)
            });
            alliance[victim].kill();
            kills += 1;
            alliance[victim].start();
        }
        for observer in HONEST {
            wait_until(&format!("{observer} waits for clerk alone"), || {
                status(&alliance[observer], &id).is_some_and(|status| {
                    assert_ne!(status["phase"], "void", "{status}");
                    status["phase"] == phase && status["waiting_for"] == json!(["clerk"])
                })
            });
        }
        if step == Step::Answer {
            // It hears the last word only when the charter has the keys.
            alliance["notary"].kill();
            kills += 1;
        }
        clerk.join(&alliance["alpha"], &id).follow(1, step);
    }
    for slug in ["alpha", "beta"] {
        wait_for_phase(&alliance[slug], &id, "in_charter");
    }
    alliance["notary"].start();
    wait_for_result(&alliance, &id, 1);

    // The steward is killed when all have confirmed and the charter does not have the keys yet, and somebody else as well.
    let next = call(&alliance, "rotate");
    let part = clerk.join(&alliance["alpha"], &next);
    part.follow(2, Step::Deal);
    wait_until("alpha has confirmed", || has_posted(&alliance["beta"], &next, "alpha", "confirm"));
    alliance["alpha"].kill();
    part.follow(2, Step::Answer);
    wait_for_phase(&alliance["beta"], &next, "done");
    alliance["beta"].kill();
    kills += 2;
    assert_eq!(status(&alliance["notary"], &next).unwrap()["phase"], "done");
    alliance["beta"].start();
    alliance["alpha"].start();
    wait_for_result(&alliance, &next, 2);
    assert_eq!(kills, 12);
    drop(clerk);
    for slug in ["alpha", "beta"] {
        wait_for_holders(&alliance[slug], &HONEST);
    }
    assert_tokens_agree(&alliance, &["alpha", "beta"], 5);
}

/// One kill a ceremony, whenever it may be: while rounds fly, while shares are kept, while the charter changes.
fn random_kills(ceremonies: u64) {
    let mut lot = Lot::from_environment();
    let mut alliance = Alliance::before_ceremony(&["alpha", "beta"]);
    name_holders(&alliance, &HONEST, 2);
    let (mut epoch, mut kind) = (1, "generate");
    for _ in 0..ceremonies {
        let (victim, after) = (HONEST[lot.below(3) as usize], Duration::from_millis(lot.below(300)));
        println!("{kind}: kill {victim} after {after:?}");
        let id = call(&alliance, kind);
        // Not a wait for something: the moment of the end is what the test draws by lot.
        thread::sleep(after);
        alliance[victim].kill();
        alliance[victim].start();
        for node in &alliance.nodes {
            wait_for(&format!("{} has the result of {kind}", node.slug), BOUND, || {
                let status = status(node, &id)?;
                assert_ne!(status["phase"], "void", "{}: {status}", node.slug);
                (status["phase"] == "in_charter").then_some(())
            });
        }
        wait_for_result(&alliance, &id, epoch);
        kind = match (kind, lot.below(2)) {
            ("rotate", _) | (_, 0) => "refresh",
            _ => "rotate",
        };
        if kind == "rotate" {
            if epoch > 1 {
                let retire = json!({ "epoch": epoch - 1, "force": true });
                alliance["alpha"].http().post("/v1/keys/retire", &retire).ok();
            }
            epoch += 1;
        }
    }
    for slug in ["alpha", "beta"] {
        wait_for_holders(&alliance[slug], &HONEST);
    }
    assert_tokens_agree(&alliance, &["alpha", "beta"], 6);
    for node in &alliance.nodes {
        assert_eq!(node.http().get("/v1/keys").ok()["bad_answers"], 0);
        assert!(!node.log().contains("panicked"), "{}", node.log());
    }
}

#[test]
fn a_holder_is_killed_at_any_moment() {
    random_kills(8);
}

/// A hundred ceremonies.
#[test]
#[ignore = "long: cargo test -p antibrush-tests --test ceremony -- --ignored"]
fn a_holder_is_killed_at_a_hundred_moments() {
    random_kills(100);
}
