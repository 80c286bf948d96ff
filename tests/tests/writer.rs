//! Two nodes of one member: one writes, the other takes over by one command, and the first comes back as a reader. Writers are
//! killed at any moment, and there is one history all the same.
//!
//! The moments are drawn by lot; `ANTIBRUSH_SEED` repeats a draw that failed.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use antibrush_tests::{Alliance, Lot, Node, listing_of, uscc, wait_until};
use serde_json::Value;

/// An alliance of three in which jd has a second node.
fn with_second() -> (Alliance, Node) {
    let alliance = Alliance::with(&["alibaba", "jd", "pdd"]);
    alliance.settle();
    let keys = alliance["jd"].directory.join("keys");
    let (feed, seal) = (keys.join("feed.pem").display().to_string(), keys.join("seal.pem").display().to_string());
    let mut second = Node::new(alliance.root(), "jd-second");
    second.slug = "jd".to_owned();
    let copied = ["--keys-in-clear-dangerously", "--feed-key", &feed, "--seal-key", &seal];
    second.command(&second.init_arguments("platform", &uscc(2), &copied));
    let file = alliance.root().join("second.request").display().to_string();
    second.command(&["join-request", "--out", &file]);
    let admitted = alliance["alibaba"].command(&["alliance", "admit", &file, "--node-of", "jd"]);
    let joining = second.begin(&["join", admitted["invitation"].as_str().unwrap(), "--run"]);
    second.await_ready(joining).unwrap();
    let mut http = second.http();
    wait_until("the second node is ready", || http.get("/readyz").status == 200);
    // From the batch on that names the charter with both, four nodes decide: jd's two, alibaba's and pdd's.
    await_there(&alliance["jd"], 4);
    await_there(&second, 4);
    (alliance, second)
}

/// Waits until so many of the four nodes that decide are connected to a node, itself counted.
fn await_there(node: &Node, count: usize) {
    wait_until(&format!("{count} of four nodes are there"), || {
        let seen = node.http().get("/v1/writer").ok();
        let electors = seen["electors"].as_array().unwrap();
        electors.len() == 4 && electors.iter().filter(|elector| elector["connected"] == true).count() == count
    });
}

fn account(name: &str) -> Vec<String> {
    vec![format!("taobao:{name}")]
}

fn head(node: &Node) -> (Value, Value) {
    let feed = node.http().get("/v1/feeds/jd").ok();
    (feed["seq"].clone(), feed["root"].clone())
}

/// Waits until these nodes have one history of the feed, and verifies it everywhere.
fn one_history(nodes: &[&Node]) {
    wait_until("all have the same head", || {
        let heads: Vec<_> = nodes.iter().map(|node| head(node)).collect();
        heads.iter().all(|other| *other == heads[0])
    });
    for node in nodes {
        let feeds = node.http().get("/v1/feeds").ok();
        let jd = feeds.as_array().unwrap().iter().find(|feed| feed["publisher"] == "jd").unwrap();
        assert_eq!(jd["standing"], "open", "{feeds}");
        node.verify("jd");
    }
}

#[test]
fn the_second_node_takes_over_by_one_command_and_the_first_comes_back_as_a_reader() {
    let (mut alliance, second) = with_second();
    alliance["jd"].list_accounts(&account("first"));
    let seen = alliance["jd"].command(&["writer", "show"]);
    assert_eq!((&seen["here"], &seen["term"], &seen["needed"]), (&true.into(), &1.into(), &3.into()), "{seen}");
    let printed = alliance["jd"].outcome(&["writer", "show"]).stdout;
    assert!(printed.contains("This node writes") && printed.contains("needs 3 of 4 nodes; 4 are there"), "{printed}");
    wait_until("the second node has it", || second.answer("ACC", &account("first")[0]) == "listed");

    // Both have the key, and one writes.
    let refused = second.http().post("/v1/listings", &listing_of(&account("refused")));
    assert_eq!(refused.status, 409);
    let said = String::from_utf8(refused.body).unwrap();
    assert!(said.contains("not-the-writer") && said.contains("antibrush writer take"), "{said}");
    let printed = second.outcome(&["writer", "show"]).stdout;
    assert!(printed.contains("take over here: antibrush writer take"), "{printed}");

    alliance["jd"].kill();
    let taken = second.command(&["writer", "take"]);
    assert_eq!((&taken["here"], &taken["term"]), (&true.into(), &2.into()), "{taken}");
    assert_eq!(second.list_accounts(&account("second"))["counted"]["listed"], 1);
    wait_until("it is answered elsewhere", || alliance["pdd"].answer("ACC", &account("second")[0]) == "listed");

    // The former writer comes back and does not know.
    alliance["jd"].start();
    await_there(&alliance["jd"], 4);
    for _ in 0..3 {
        let back = alliance["jd"].http().post("/v1/listings", &listing_of(&account("third")));
        assert_eq!(back.status, 409, "however often it tries: {back:?}");
    }
    one_history(&[&alliance["jd"], &second, &alliance["alibaba"], &alliance["pdd"]]);
    assert_eq!(alliance["jd"].answer("ACC", &account("second")[0]), "listed");

    // And takes it back while the other one runs.
    assert_eq!(alliance["jd"].command(&["writer", "take"])["here"], true);
    assert_eq!(alliance["jd"].list_accounts(&account("third"))["counted"]["listed"], 1);
    let refused = second.http().post("/v1/listings", &listing_of(&account("fourth")));
    assert_eq!(refused.status, 409, "{refused:?}");
    one_history(&[&alliance["jd"], &second, &alliance["alibaba"], &alliance["pdd"]]);

    // Too few to decide: nothing is signed, what was begun is kept and comes first.
    alliance["alibaba"].kill();
    alliance["pdd"].kill();
    await_there(&alliance["jd"], 2);
    let before = head(&alliance["jd"]);
    let refused = alliance["jd"].http().post("/v1/listings", &listing_of(&account("fifth")));
    assert_eq!(refused.status, 503, "{refused:?}");
    assert!(String::from_utf8(refused.body).unwrap().contains("no-agreement"));
    assert_eq!(head(&alliance["jd"]), before);
    assert_eq!(alliance["jd"].answer("ACC", &account("fifth")[0]), "not_listed");
    // Not even a kill −9 makes it forget what it proposed.
    alliance["jd"].kill();
    for slug in ["jd", "alibaba", "pdd"] {
        alliance[slug].start();
    }
    await_there(&alliance["jd"], 4);
    assert_eq!(alliance["jd"].list_accounts(&account("sixth"))["counted"]["listed"], 1);
    for name in ["fifth", "sixth"] {
        assert_eq!(alliance["jd"].answer("ACC", &account(name)[0]), "listed", "{name}");
    }
    one_history(&[&alliance["jd"], &second, &alliance["alibaba"], &alliance["pdd"]]);
}

/// One after the other, until told to stop or the node is gone; returns what was acknowledged.
fn write(node: &Node, round: usize, stop: &Arc<AtomicBool>) -> std::thread::JoinHandle<Vec<String>> {
    let (mut http, stop) = (node.http(), stop.clone());
    std::thread::spawn(move || {
        let mut acknowledged = Vec::new();
        for n in 0.. {
            let id = format!("taobao:round-{round}-{n}");
            let body = listing_of(std::slice::from_ref(&id)).to_string();
            let headers = [("content-type", "application/json")];
            match http.try_send("POST", "/v1/listings", &headers, body.as_bytes()) {
                Ok(reply) if reply.status == 200 => acknowledged.push(id),
                // Outvoted, or cut off; the next attempt shows which.
                Ok(_) => {}
                Err(_) => break,
            }
            if stop.load(Ordering::Relaxed) {
                break;
            }
        }
        acknowledged
    })
}

#[test]
fn writers_are_killed_at_any_moment_and_there_is_one_history() {
    let (mut alliance, mut second) = with_second();
    let mut lot = Lot::from_environment();
    let mut acknowledged = Vec::new();
    alliance["jd"].list_accounts(&account("first"));
    for round in 0..8 {
        let (writer, other) = if round % 2 == 0 { (&alliance["jd"], &second) } else { (&second, &alliance["jd"]) };
        let stop = Arc::new(AtomicBool::new(false));
        let writing = write(writer, round, &stop);
        std::thread::sleep(lot.within(Duration::from_millis(600)));
        // Killed, or merely overtaken while it goes on.
        let killed = lot.below(3) > 0;
        if killed {
            writer.signal(antibrush_tests::Signal::KILL);
        }
        wait_until("the other node takes over", || other.outcome(&["writer", "take", "--json"]).status == Some(0));
        let listed = other.list_accounts(&account(&format!("after-{round}")));
        assert_eq!(listed["counted"]["listed"], 1, "{listed}");
        stop.store(true, Ordering::Relaxed);
        acknowledged.extend(writing.join().unwrap());
        acknowledged.extend(account(&format!("after-{round}")));
        println!("round {round}: killed {killed}, {} acknowledged", acknowledged.len());
        if killed {
            let writer = if round % 2 == 0 { &mut alliance["jd"] } else { &mut second };
            writer.kill();
            writer.start();
        }
    }
    one_history(&[&alliance["jd"], &second, &alliance["alibaba"], &alliance["pdd"]]);
    for node in [&alliance["jd"], &second, &alliance["pdd"]] {
        for id in &acknowledged {
            assert_eq!(node.answer("ACC", id), "listed", "{id}");
        }
    }
    assert!(acknowledged.len() > 8, "something was written between");
}
