//! Threshold keys from end to end: ceremonies, listings and checks with the holders' help, holders that are away.

use std::{
    thread,
    time::{Duration, Instant},
};

use antibrush_tests::{Alliance, wait_until};
use rustix::process::Signal;
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
    // An import lists what needs nobody and leaves the rest, row by row, without calling it wrong.
    let rows = [
        "主体类型,主体标识,失信行为,证据编号",
        "ENT,91350100M000100Y43,C01,E-1",
        "MOB,15400000001,C01,E-2",
        "MOB,15400000004,C01,E-3",
    ];
    let file = alliance.file("list.csv", rows.join("\n"));
    let outcome = alliance["beta"].outcome(&["import", &file.display().to_string(), "--json"]);
    let summary: serde_json::Value = serde_json::from_str(&outcome.stdout).unwrap_or_else(|_| panic!("{outcome:?}"));
    assert_eq!(outcome.status, Some(3), "{outcome:?}");
    assert_eq!((&summary["rejected"], &summary["left"]), (&json!(0), &json!(1)), "{summary}");
    assert_eq!(summary["counted"]["listed"], 2, "the one that was asked before needs nobody: {summary}");
    let reason = summary["left_reason"]["detail"].as_str().unwrap();
    assert!(reason.contains("alpha") && reason.contains("notary") && !reason.contains("1540"), "{reason}");
}

/// How long a check of an identifier that nobody has asked for takes; it must be answered.
fn timed_check(alliance: &Alliance, number: u32) -> Duration {
    let began = Instant::now();
    let answer = alliance["beta"].check("MOB", &format!("154 0001 {number:04}"));
    assert_eq!(answer["answer"], "not_listed", "{answer}");
    began.elapsed()
}

#[test]
fn a_holder_that_falls_silent_delays_checks_by_less_than_two_seconds_and_fails_none() {
    let mut alliance = Alliance::shared(&["alpha", "beta"], 2);
    for number in 0..6 {
        timed_check(&alliance, number);
    }
    let longest = Duration::from_millis(1_500);
    // Its connections stand, and nothing comes. It is resumed below; a test that ends before kills it as it is.
    alliance["notary"].signal(Signal::STOP);
    let silent = Instant::now();
    // Many at once, more than a holder's line takes: some of them were meant for it.
    let together: Vec<Duration> = thread::scope(|scope| {
        let alliance = &alliance;
        let checks: Vec<_> = (100..124).map(|number| scope.spawn(move || timed_check(alliance, number))).collect();
        checks.into_iter().map(|check| check.join().unwrap()).collect()
    });
    assert!(together.iter().all(|took| *took < longest), "{together:?}");
    assert!(together.iter().any(|took| *took > Duration::from_millis(200)), "it was asked: {together:?}");
    // While it is doubted nobody waits for it, and when the first doubt ends those that answered are preferred.
    let mut one_by_one = Vec::new();
    for number in 200..300 {
        one_by_one.push(timed_check(&alliance, number));
        thread::sleep(Duration::from_millis(120));
    }
    assert!(silent.elapsed() > Duration::from_secs(11));
    assert!(one_by_one.iter().all(|took| *took < longest), "{one_by_one:?}");
    let waited = one_by_one.iter().filter(|took| **took > Duration::from_millis(200)).count();
    assert!(waited <= 5, "{one_by_one:?}");
    // One that is doubted is asked if it is needed, and its answers count again.
    alliance["notary"].signal(Signal::CONT);
    alliance["alpha"].kill();
    wait_until("the notary answers again", || alliance["beta"].answer("MOB", "154 0002 0000") == "not_listed");
}

/// Listings in force under an epoch, by publisher, as a node sees them.
fn listings(alliance: &Alliance, slug: &str, epoch: u64, publisher: &str) -> u64 {
    let keys = alliance[slug].http().get("/v1/keys").ok();
    let key =
        keys["keys"].as_array().unwrap().iter().find(|key| key["class"] == "MOB" && key["epoch"] == epoch).cloned();
    key.and_then(|key| key["listings"][publisher].as_u64()).unwrap_or(0)
}

#[test]
fn a_rotation_carries_the_list_over_and_the_old_epoch_can_be_forgotten() {
    let alliance = Alliance::shared(&["alpha", "beta"], 2);
    for slug in ["alpha", "beta"] {
        list(&alliance, slug, LISTED);
        list(&alliance, slug, UNLISTED);
        alliance.wait_for_leaves(slug, 2);
    }
    let before = alliance["alpha"].check("MOB", LISTED);
    assert_eq!(
        (&before["answer"], &before["members"], &before["corroborated"]),
        (&json!("listed"), &json!(2), &json!(true))
    );

    let rotated = alliance["alpha"].command(&["keys", "rotate"]);
    assert_eq!((&rotated["phase"], &rotated["epoch"]), (&json!("in_charter"), &json!(2)));
    alliance.wait_for_keys(2);
    // At no moment of the overlap is the answer another one.
    wait_until("both publishers have carried their listings over", || {
        let during = alliance["beta"].check("MOB", LISTED);
        assert_eq!(during["listings"], before["listings"], "{during}");
        assert_eq!(during["members"], 2, "{during}");
        ["alpha", "beta"].iter().all(|publisher| {
            ["alpha", "beta", "notary"].iter().all(|slug| listings(&alliance, slug, 2, publisher) == 2)
        })
    });
    // What is cleared now is cleared under both.
    let clear = json!({ "items": [{ "class": "MOB", "id": UNLISTED, "reason": "R01" }] });
    for slug in ["alpha", "beta"] {
        assert_eq!(alliance[slug].http().post("/v1/clearings", &clear).ok()["counted"]["cleared"], 1);
    }
    wait_until("the clearings arrive", || {
        ["alpha", "beta"].iter().all(|slug| alliance[slug].answer("MOB", UNLISTED) == "not_listed")
    });

    let retired = alliance["alpha"].command(&["keys", "retire", "--epoch", "1"]);
    assert!(retired["charter"].is_u64(), "{retired}");
    wait_until("all holders have erased their shares and said so", || {
        let keys = alliance["beta"].http().get("/v1/keys").ok();
        let old = keys["keys"].as_array().unwrap().iter().filter(|key| key["suite"] == 2 && key["epoch"] == 1);
        old.clone().count() > 0
            && old.clone().all(|key| key["deleted"].as_array().is_some_and(|deleted| deleted.len() == 3))
    });
    for slug in ["alpha", "beta", "notary"] {
        let shares = std::fs::read_dir(alliance[slug].directory.join("shares")).unwrap();
        let names: Vec<String> = shares.map(|file| file.unwrap().file_name().to_string_lossy().into_owned()).collect();
        let shares = names.iter().filter(|name| name.ends_with(".share")).count();
        // One for each personal class, of epoch 2 alone; no seed of a finished ceremony.
        assert_eq!((shares, names.len()), (8, 8), "{names:?}");
    }
    let after = alliance["beta"].check("MOB", LISTED);
    assert_eq!((&after["listings"], &after["members"]), (&before["listings"], &before["members"]));
    let details = json!({ "class": "MOB", "id": LISTED, "purpose": "test", "details": true });
    let details = alliance["beta"].http().post("/v1/check", &details).ok();
    assert_eq!(details["listings"][0]["details"], "case 1", "sealed anew under the new epoch: {details}");
    assert_eq!(alliance["beta"].answer("MOB", UNLISTED), "not_listed");
    for slug in ["alpha", "beta"] {
        alliance["notary"].verify(slug);
    }
}

/// An alliance that began with keyed tokens passes to threshold keys: nothing that stands is lost from sight on the way.
#[test]
fn retiring_waits_for_every_listing_and_listing_again_carries_it_over() {
    let mut alliance = Alliance::founded("alpha");
    alliance.admit("beta", "platform");
    alliance.admit("notary", "key-holder");
    alliance.settle();
    let old: Vec<String> = (0..5).map(|n| format!("1540000100{n}")).collect();
    let other: Vec<String> = (0..5).map(|n| format!("1540000200{n}")).collect();
    let list_all = |ids: &[String]| {
        let item = |id: &String| json!({ "class": "MOB", "id": id, "conduct": "C01", "evidence": "test" });
        let items: Vec<_> = ids.iter().map(item).collect();
        alliance["alpha"].http().post("/v1/listings", &json!({ "items": items })).ok()["counted"].clone()
    };
    assert_eq!(list_all(&old)["listed"], 5);
    alliance.wait_for_leaves("alpha", 5);
    let before = alliance["beta"].check("MOB", &old[0]);
    let made = alliance["alpha"].command(&[
        "keys",
        "ceremony",
        "--holders",
        "alpha,beta,notary",
        "--threshold",
        "2",
        "--classes",
        "MOB",
    ]);
    assert_eq!((&made["phase"], &made["epoch"]), (&json!("in_charter"), &json!(2)));
    alliance.wait_for_keys(2);
    alliance.wait_for_holders();
    // As many others under the new key do not stand for those under the old one.
    assert_eq!(list_all(&other)["listed"], 5);
    let refused = alliance["alpha"].refused(&["keys", "retire", "--epoch", "1"]);
    assert!(refused.contains("5 listings in force under the old epoch"), "{refused}");
    // Given again they are carried over, with their dates; then the old key can go.
    assert_eq!(list_all(&old)["amended"], 5);
    assert_eq!(list_all(&old)["unchanged"], 5);
    alliance["alpha"].command(&["keys", "retire", "--epoch", "1"]);
    wait_until("beta knows the retirement", || {
        let keys = alliance["beta"].http().get("/v1/keys").ok();
        keys["keys"].as_array().unwrap().iter().any(|key| key["class"] == "MOB" && key["retired"].is_u64())
    });
    for id in old.iter().chain(&other) {
        assert_eq!(alliance["beta"].answer("MOB", id), "listed");
    }
    assert_eq!(alliance["beta"].check("MOB", &old[0])["listings"], before["listings"]);

    // A vault that was lost comes back as the list is given again, and the next rotation carries everything.
    alliance["alpha"].stop();
    std::fs::remove_dir_all(alliance["alpha"].directory.join("vault")).unwrap();
    alliance["alpha"].start();
    alliance.settle();
    alliance.wait_for_holders();
    for ids in [&old, &other] {
        let item = |id: &String| json!({ "class": "MOB", "id": id, "conduct": "C01", "evidence": "test" });
        let items: Vec<_> = ids.iter().map(item).collect();
        let again = alliance["alpha"].http().post("/v1/listings", &json!({ "items": items })).ok();
        assert_eq!(again["counted"]["unchanged"], 5, "{again}");
    }
    alliance["alpha"].command(&["keys", "rotate"]);
    wait_until("all ten are carried over", || listings(&alliance, "beta", 3, "alpha") == 10);
    alliance["alpha"].command(&["keys", "retire", "--epoch", "2"]);
    wait_until("beta knows the second retirement", || {
        let keys = alliance["beta"].http().get("/v1/keys").ok();
        keys["keys"].as_array().unwrap().iter().filter(|key| key["class"] == "MOB" && key["retired"].is_u64()).count()
            == 2
    });
    for id in old.iter().chain(&other) {
        assert_eq!(alliance["beta"].answer("MOB", id), "listed");
    }
}
