//! Feeds reach every node whatever was going on when they were published.

use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

use antibrush_node::import::demo::generate_csv;
use antibrush_tests::{Alliance, listing_of, wait_for, wait_until};
use serde_json::{Value, json};

const MILLION: u64 = 1_000_000;

/// Identifiers that nobody lists: every answer `not_listed` says that all feeds are here.
const UNLISTED: &str = "taobao:nobody-lists-me";

fn accounts(prefix: &str, range: std::ops::Range<u32>) -> Vec<String> {
    range.map(|n| format!("taobao:{prefix}-{n:06}")).collect()
}

/// One was stopped, one was killed; the second one gets everything from the first, for the publisher is gone by then.
#[test]
fn two_nodes_that_were_away_during_a_publication_catch_up() {
    let mut alliance = Alliance::with(&["alibaba", "jd", "meituan"]);
    alliance["jd"].stop();
    alliance["meituan"].kill();
    let listed = accounts("away", 0..1000);
    assert_eq!(alliance["alibaba"].list_accounts(&listed)["counted"]["listed"], 1000);
    let cleared = json!({ "items": [{ "class": "ACC", "id": listed[0], "reason": "R01" }] });
    alliance["alibaba"].http().post("/v1/clearings", &cleared).ok();

    alliance["jd"].start();
    let took = wait_until("jd catches up", || alliance["jd"].feed_size("alibaba") == 1001);
    println!("jd caught up after {took:?}");
    alliance["alibaba"].stop();
    alliance["meituan"].start();
    let took = wait_until("meituan catches up from jd", || alliance["meituan"].feed_size("alibaba") == 1001);
    println!("meituan caught up after {took:?}");
    for slug in ["jd", "meituan"] {
        let node = &alliance[slug];
        assert_eq!(node.answer("ACC", &listed[0]), "not_listed", "the clearing counts on {slug}");
        assert_eq!(node.answer("ACC", &listed[999]), "listed");
        assert_eq!(node.verify("alibaba")["leaves"], 1001);
    }
}

#[test]
fn a_node_that_joins_last_fetches_everything() {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    for batch in 0..30 {
        alliance["alibaba"].list_accounts(&accounts("early", batch * 100..batch * 100 + 100));
        alliance["jd"].list_accounts(&accounts("jd-early", batch * 10..batch * 10 + 10));
    }
    alliance.admit("meituan", "platform");
    alliance.wait_for_leaves("alibaba", 3000);
    alliance.wait_for_leaves("jd", 300);
    alliance.settle();
    let newcomer = &alliance["meituan"];
    assert_eq!(newcomer.verify("alibaba")["leaves"], 3000);
    assert_eq!(newcomer.verify("jd")["leaves"], 300);
    let asked = json!({ "purpose": "test", "class": "ACC", "ids": accounts("early", 0..3000) });
    let answers = newcomer.http().post("/v1/checks", &asked).ok();
    assert!(answers["answers"].as_array().unwrap().iter().all(|answer| answer["answer"] == "listed"));
    assert_eq!(newcomer.answer("ACC", UNLISTED), "not_listed");
}

/// A node that has never synced must not call anybody clean.
#[test]
fn a_node_that_never_synced_answers_stale() {
    let mut alliance = Alliance::founded("alibaba");
    alliance["alibaba"].list_accounts(&accounts("first", 0..1));
    alliance.join("jd", "platform");
    alliance["alibaba"].kill();
    let jd = alliance.nodes.last_mut().unwrap();
    jd.start();
    let answer = jd.check("ACC", UNLISTED);
    assert_eq!(answer["answer"], "stale", "{answer}");
    let alibaba = answer["feeds"].as_array().unwrap().iter().find(|feed| feed["publisher"] == "alibaba").unwrap();
    assert_eq!((&alibaba["fresh"], alibaba.get("seq")), (&json!(false), None));
    assert_eq!(jd.answer("ACC", &accounts("first", 0..1)[0]), "stale", "it cannot know better");
    let many = jd.http().post("/v1/checks", &json!({ "purpose": "test", "class": "ACC", "ids": [UNLISTED, "x"] })).ok();
    assert_eq!((&many["answers"][0]["answer"], &many["answers"][1]["answer"]), (&json!("stale"), &json!("invalid")));
    let ready = jd.http().get("/readyz");
    assert_eq!(ready.status, 503);
    assert!(ready.text().contains("not been heard from"));
    // What it listed itself it knows; that is an answer whatever else is missing.
    jd.list_accounts(&accounts("own", 0..1));
    assert_eq!(jd.answer("ACC", &accounts("own", 0..1)[0]), "listed");

    alliance["alibaba"].start();
    alliance.settle();
    assert_eq!(alliance["jd"].answer("ACC", UNLISTED), "not_listed");
    wait_until("what was published before is known", || {
        alliance["jd"].answer("ACC", &accounts("first", 0..1)[0]) == "listed"
    });
}

/// Publishing goes on while the checks of a whole platform come in, and none of them fails.
#[test]
fn publishing_while_http_is_under_load() {
    let alliance = Alliance::with(&["alibaba", "jd"]);
    let (ended, many) = (AtomicBool::new(false), accounts("load", 0..1000));
    let batches = 40;
    let (published, checked) = std::thread::scope(|scope| {
        let load: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let (mut http, mut checked) = (alliance["alibaba"].http(), 0u64);
                    let asked = json!({ "purpose": "load", "class": "ACC", "ids": many });
                    while !ended.load(Ordering::Relaxed) {
                        let answers = http.post("/v1/checks", &asked).ok();
                        checked += answers["answers"].as_array().unwrap().len() as u64;
                        http.post("/v1/check", &json!({ "purpose": "load", "class": "ACC", "id": UNLISTED })).ok();
                    }
                    checked
                })
            })
            .collect();
        // However the publisher fares, the load must end, or the test would never do.
        let published = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let mut longest = Duration::ZERO;
            for batch in 0..batches {
                let (ids, began) = (accounts("under-load", batch * 25..batch * 25 + 25), Instant::now());
                assert_eq!(alliance["alibaba"].list_accounts(&ids)["counted"]["listed"], 25);
                longest = longest.max(began.elapsed());
                assert_eq!(alliance["alibaba"].answer("ACC", &ids[24]), "listed", "what is acknowledged is answered");
            }
            alliance.wait_for_leaves("alibaba", u64::from(batches) * 25);
            longest
        }));
        ended.store(true, Ordering::Relaxed);
        let checked: u64 = load.into_iter().map(|load| load.join().unwrap()).sum();
        (published.unwrap(), checked)
    });
    println!("{checked} subjects checked meanwhile; the slowest of {batches} publications took {published:?}");
    assert!(checked > 0);
    assert_eq!(alliance["jd"].answer("ACC", "taobao:under-load-000999"), "listed");
    alliance["jd"].verify("alibaba");
}

#[test]
fn a_batch_of_a_million_entries() {
    let alliance = Alliance::with(&["alibaba", "jd"]);
    let mut file = Vec::new();
    generate_csv(&mut file, MILLION, 7).unwrap();
    let ids = some_of(&file);

    let began = Instant::now();
    let mut lines = alliance["alibaba"].http().lines("POST", "/v1/import?name=million.csv", &[], &file).unwrap();
    drop(file);
    assert_eq!(lines.status, 200);
    let summary = lines.by_ref().map(|line| serde_json::from_str::<Value>(&line.unwrap()).unwrap()).last().unwrap();
    let summary = &summary["summary"];
    let imported = began.elapsed();
    assert_eq!(
        (&summary["rows"], &summary["counted"]["listed"], &summary["rejected"]),
        (&json!(MILLION), &json!(MILLION), &json!(0))
    );

    let (size, synced) = wait_for("jd has the million", Duration::from_secs(120), || {
        Some(alliance["jd"].feed_size("alibaba")).filter(|size| *size >= MILLION)
    });
    assert_eq!(size, MILLION);
    println!("a million rows: imported in {imported:.1?}, on the other node {synced:.1?} later");

    let jd = &alliance["jd"];
    let asked = json!({ "purpose": "test", "items": ids });
    let (asked_at, answers) = (Instant::now(), jd.http().post("/v1/checks", &asked).ok());
    let answers = answers["answers"].as_array().unwrap().clone();
    println!("{} of them checked in {:.1?}", answers.len(), asked_at.elapsed());
    assert_eq!(answers.len(), 10_000);
    assert!(
        answers.iter().all(|answer| answer["answer"] == "listed" && answer["listings"][0]["publisher"] == "alibaba")
    );
    assert_eq!(jd.answer("ACC", UNLISTED), "not_listed");
    assert_eq!(jd.http().get("/v1/status").ok()["table_rows"], MILLION);
    let began = Instant::now();
    let found = jd.verify("alibaba");
    println!("verified from the first leaf in {:.1?}", began.elapsed());
    let totals: u64 = found["totals"].as_array().unwrap().iter().map(|total| total["count"].as_u64().unwrap()).sum();
    assert_eq!((&found["leaves"], totals), (&json!(MILLION), MILLION));
}

/// Every hundredth row of a generated file, as questions.
fn some_of(file: &[u8]) -> Vec<Value> {
    let text = std::str::from_utf8(file).unwrap();
    let question = |row: &str| {
        let mut cells = row.split(',');
        json!({ "class": cells.next().unwrap(), "id": cells.next().unwrap() })
    };
    text.lines().skip(1).step_by(100).map(question).collect()
}

/// Signing a number twice freezes a feed for good, so a node without its documents waits for somebody who knows its feed:
/// a newcomer that has nothing itself does not count.
#[test]
fn a_node_that_lost_its_documents_waits_for_somebody_who_knows_its_feed() {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    alliance.join("meituan", "platform");
    for number in 0..3 {
        alliance["jd"].list_accounts(&[format!("jd:before-the-loss-{number}")]);
    }
    alliance.wait_for_leaves("jd", 3);
    alliance["alibaba"].stop();
    alliance["jd"].stop();
    std::fs::remove_dir_all(alliance["jd"].directory.join("documents")).unwrap();
    alliance["meituan"].start();
    let _ = alliance["jd"].try_start();
    let mut http = alliance["jd"].http();
    wait_until("the newcomer is connected", || http.get("/v1/status").ok()["connected"] == 1);
    // Heads are compared on connecting and once more after 1.5 s; then nothing more is to be learnt from it.
    let since = std::time::Instant::now();
    wait_until("heads were compared twice", || since.elapsed() > std::time::Duration::from_secs(2));
    let refused = http.post("/v1/listings", &listing_of(&["jd:after-the-loss".to_owned()]));
    assert_eq!(refused.problem(), (503, "recovering".to_owned()));
    alliance["alibaba"].start();
    wait_until("the feed is back and goes on", || {
        http.post("/v1/listings", &listing_of(&["jd:after-the-loss".to_owned()])).status == 200
    });
    alliance.wait_for_leaves("jd", 4);
    assert_eq!(alliance["alibaba"].http().get("/v1/feeds/jd").ok()["standing"], "open");
    assert_eq!(alliance["alibaba"].answer("ACC", "jd:after-the-loss"), "listed");
}
