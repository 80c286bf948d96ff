//! A holder that cheats: everybody names it, nothing of what it touched gets into the charter, and the next ceremony succeeds.

use antibrush_protocol::ceremony::{Message, Round, Step};
use antibrush_tests::{Alliance, wait_until};
use serde_json::{Value, json};

use super::{
    assert_tokens_agree, call, has_posted, name_holders,
    puppet::{Part, Puppet, keys_of},
    status, wait_for_holders, wait_for_result,
};

/// alpha and beta are honest platforms, bureau is an honest key holder; the test plays notary.
fn scene() -> Alliance {
    let mut alliance = Alliance::before_ceremony(&["alpha", "beta"]);
    alliance["notary"].stop();
    alliance.admit("bureau", "key-holder");
    alliance.settle();
    name_holders(&alliance, &["alpha", "beta", "notary"], 2);
    alliance
}

/// A ceremony in which notary does as it is told; every honest node must name it for this.
fn cheat(alliance: &Alliance, notary: &Puppet, fault: &str, act: impl Fn(&Part<'_>)) -> String {
    let id = call(alliance, "generate");
    act(&notary.join(&alliance["alpha"], &id));
    for node in alliance.nodes.iter().filter(|node| node.runs()) {
        wait_until(&format!("{} names notary: it {fault}", node.slug), || {
            status(node, &id).is_some_and(|status| status["phase"] == "void")
        });
        assert_names_notary(&status(node, &id).unwrap(), fault);
        let keys = node.command(&["keys", "status"]);
        assert!(keys["keys"].as_array().unwrap().iter().all(|key| key["suite"] == 1), "no key came of it: {keys}");
        let listed = keys["ceremonies"].as_array().unwrap().iter().find(|ceremony| ceremony["ceremony"] == id.as_str());
        assert_names_notary(listed.unwrap(), fault);
    }
    id
}

fn assert_names_notary(ceremony: &Value, fault: &str) {
    assert_eq!(ceremony["phase"], "void", "{ceremony}");
    let faults = ceremony["faults"].as_array().unwrap();
    assert_eq!(faults.len(), 1, "{ceremony}");
    assert_eq!((&faults[0]["holder"], &faults[0]["fault"]), (&json!("notary"), &json!(fault)));
    assert!(faults[0]["fault_zh"].as_str().is_some_and(|text| !text.is_ascii()), "{ceremony}");
}

/// The seed of an honest course of action, and of another one.
const SEED: u8 = 1;
const OTHER: u8 = 2;

const BAD_SHARE: &str = "dealt a share that does not fit its commitments";
const BAD_PROOF: &str = "does not prove that it knows its own contribution";
const TWO_MESSAGES: &str = "signed two different messages for one round";
const FALSE_COMPLAINT: &str = "complained about a share that is good";
const OTHER_RESULT: &str = "confirmed another result than the messages give";

#[test]
fn bad_contributions_are_named_and_a_new_call_without_them_succeeds() {
    let mut alliance = scene();
    let notary = Puppet::of(&alliance, "notary");
    // One that nobody can open, for alpha alone.
    let garbled = cheat(&alliance, &notary, BAD_SHARE, |part| {
        part.follow(SEED, Step::Commit);
        let Round::Deal { mut sealed } = part.honest(SEED, Step::Deal).round else { panic!("a deal was asked for") };
        let last = sealed[0].len() - 1;
        sealed[0][last] ^= 1;
        part.say(Round::Deal { sealed });
    });
    // One that opens and belongs to another polynomial, for beta alone.
    cheat(&alliance, &notary, BAD_SHARE, |part| {
        part.follow(SEED, Step::Commit);
        let commit = part.of(part.number("notary"), Step::Commit);
        let others = part.advance(OTHER, &[]).post.pop().unwrap();
        let other = part.on_board(OTHER, Step::Deal, |messages| {
            let mut messages: Vec<_> = messages.into_iter().filter(|message| message.id() != commit.id()).collect();
            messages.push(part.own(&others));
            messages
        });
        let Round::Deal { sealed: bad } = other.round else { panic!("a deal was asked for") };
        let Round::Deal { mut sealed } = part.honest(SEED, Step::Deal).round else { panic!("a deal was asked for") };
        sealed[1] = bad[1].clone();
        part.say(Round::Deal { sealed });
    });
    // The proof of another polynomial, for the last class alone.
    cheat(&alliance, &notary, BAD_PROOF, |part| {
        let commit = |seed| match part.advance(seed, &[]).post.pop().unwrap().round {
            Round::Commit { receive_key, packages } => (receive_key, packages),
            _ => panic!("a commitment was asked for"),
        };
        let ((receive_key, mut packages), (_, other)) = (commit(SEED), commit(OTHER));
        let (package, other) = (packages.last_mut().unwrap(), other.last().unwrap());
        let proof = package.len() - 64;
        package[proof..].copy_from_slice(&other[proof..]);
        part.say(Round::Commit { receive_key, packages });
    });
    let id = call(&alliance, "generate");
    notary.join(&alliance["alpha"], &id).follow(SEED, Step::Answer);
    wait_for_result(&alliance, &id, 1);
    // What was wrong with the earlier ones is not forgotten.
    for slug in ["alpha", "beta", "bureau"] {
        assert_names_notary(&status(&alliance[slug], &garbled).unwrap(), BAD_SHARE);
    }
    drop(notary);
    alliance["alpha"].kill();
    alliance["alpha"].start();
    assert_names_notary(&status(&alliance["alpha"], &garbled).unwrap(), BAD_SHARE);
    alliance.settle();
    for slug in ["alpha", "beta"] {
        wait_for_holders(&alliance[slug], &["alpha", "beta"]);
    }
    assert_tokens_agree(&alliance, &["alpha", "beta"], 3);
}

#[test]
fn contradictions_and_false_complaints_are_named_and_a_new_call_with_other_holders_succeeds() {
    let alliance = scene();
    let notary = Puppet::of(&alliance, "notary");
    cheat(&alliance, &notary, TWO_MESSAGES, |part| {
        for seed in [SEED, OTHER] {
            part.say(part.advance(seed, &[]).post.pop().unwrap().round);
        }
    });
    cheat(&alliance, &notary, TWO_MESSAGES, |part| {
        part.follow(SEED, Step::Commit);
        let Round::Deal { sealed } = part.honest(SEED, Step::Deal).round else { panic!("a deal was asked for") };
        let mut other = sealed.clone();
        other[0][0] ^= 1;
        part.say(Round::Deal { sealed });
        part.say(Round::Deal { sealed: other });
    });
    // It confirms, and then it does not.
    cheat(&alliance, &notary, TWO_MESSAGES, |part| {
        part.follow(SEED, Step::Deal);
        let Round::Confirm { transcript, mut public_keys } = part.honest(SEED, Step::Answer).round else {
            panic!("a confirmation was asked for")
        };
        public_keys[0].swap(1, 2);
        part.say(Round::Complain {
            against: part.number("beta"),
            deal: part.of(part.number("beta"), Step::Deal).id(),
            secret: [9; 32],
        });
        part.say(Round::Confirm { transcript, public_keys });
    });
    cheat(&alliance, &notary, OTHER_RESULT, |part| {
        part.follow(SEED, Step::Deal);
        let Round::Confirm { transcript, mut public_keys } = part.honest(SEED, Step::Answer).round else {
            panic!("a confirmation was asked for")
        };
        public_keys[0].swap(1, 2);
        part.say(Round::Confirm { transcript, public_keys });
    });
    // Another secret than the one behind its one-time key opens nothing and proves nothing.
    cheat(&alliance, &notary, FALSE_COMPLAINT, |part| {
        part.follow(SEED, Step::Deal);
        let deal = part.of(part.number("alpha"), Step::Deal).id();
        part.say(Round::Complain { against: part.number("alpha"), deal, secret: [9; 32] });
    });
    // With its real secret everybody sees that the share is good.
    cheat(&alliance, &notary, FALSE_COMPLAINT, |part| {
        part.follow(SEED, Step::Deal);
        let (number, keys) = (part.number("alpha"), keys_of(&alliance["alpha"]));
        let deal = part.of(number, Step::Deal);
        // What notary would say to a bad deal that alpha never posted.
        let complaint = part.on_board(SEED, Step::Answer, |messages| {
            let Round::Deal { mut sealed } = deal.payload().round.clone() else { panic!("a deal was asked for") };
            sealed.iter_mut().for_each(|sealed| sealed[0] ^= 1);
            let bad = Message { round: Round::Deal { sealed }, ..deal.payload().clone() };
            let mut messages: Vec<_> = messages.into_iter().filter(|message| message.id() != deal.id()).collect();
            messages.push(part.signed(&bad, keys.feed().unwrap()));
            messages
        });
        let Round::Complain { against, secret, .. } = complaint.round else { panic!("a complaint was asked for") };
        assert_eq!(against, number);
        part.say(Round::Complain { against, deal: deal.id(), secret });
    });
    name_holders(&alliance, &["alpha", "beta", "bureau"], 2);
    let id = call(&alliance, "generate");
    wait_until("bureau takes part", || has_posted(&alliance["alpha"], &id, "bureau", "commit"));
    wait_for_result(&alliance, &id, 1);
    assert_tokens_agree(&alliance, &["alpha", "beta"], 4);
}
