//! From `publish` on one node to `listed`, `disputed` and `not_listed` on all four, and a newcomer's sync. Real processes over
//! loopback.
//!
//! `cargo bench -p antibrush-node --bench publish [-- spread|relief|newcomer] [ENTRIES]`

mod support;

use std::{
    path::Path,
    time::{Duration, Instant},
};

use serde_json::{Value, json};
use support::{Alliance, Http, Process, line, median, percentile, wanted};

const NODES: usize = 4;
const ROUNDS: usize = 24;
const BATCH: usize = 1000;

fn main() {
    support::machine();
    let entries = support::size(1_000_000);
    let root = tempfile::tempdir().expect("a temporary directory");
    let mut alliance = Alliance::start(root.path(), NODES);
    // The mesh of gossip forms within its first heartbeats.
    std::thread::sleep(Duration::from_secs(3));
    if wanted("spread") {
        spread(&alliance, root.path());
    }
    if wanted("relief") {
        relief(&alliance, root.path());
    }
    if wanted("newcomer") {
        newcomer(&mut alliance, root.path(), entries);
    }
    for node in &mut alliance.nodes {
        node.stop();
    }
}

/// Times of one round in milliseconds: the publisher's acknowledgement, then `listed` at each node.
struct Round {
    acknowledged: f64,
    listed: Vec<f64>,
}

fn spread(alliance: &Alliance, root: &Path) {
    for entries in [1, BATCH] {
        support::quiet();
        let rounds: Vec<Round> = (0..ROUNDS).map(|round| publish(alliance, round, entries)).collect();
        let mut last: Vec<f64> = rounds.iter().map(|round| round.listed.iter().copied().fold(0.0, f64::max)).collect();
        let mut acknowledged: Vec<f64> = rounds.iter().map(|round| round.acknowledged).collect();
        let mut third: Vec<f64> =
            rounds.iter().map(|round| percentile(&mut round.listed.clone(), 100 * (NODES - 2) / (NODES - 1))).collect();
        line(&format!("{entries} entries, listed on all {NODES} nodes"), figure(&mut last));
        line("  on all but the slowest", figure(&mut third));
        line("  acknowledged by the publisher", figure(&mut acknowledged));
    }
    line("limit: one small write with fdatasync", format!("{:.1} ms", support::sync_ms(root)));
    println!();
}

fn publish(alliance: &Alliance, round: usize, entries: usize) -> Round {
    let publisher = round % NODES;
    let id = |n: usize| format!("jd:b{entries}r{round:04}n{n:06}");
    let items: Vec<Value> =
        (0..entries).map(|n| json!({ "class": "ACC", "id": id(n), "conduct": "C01", "evidence": "bench" })).collect();
    let body = json!({ "items": items });
    let mut connections: Vec<Http> = alliance.nodes.iter().map(Process::http).collect();
    let mut writer = alliance.nodes[publisher].http();
    let mut listed: Vec<Option<f64>> = vec![None; NODES];
    let began = Instant::now();
    let publishing = std::thread::spawn(move || {
        let answer = writer.json("POST", "/v1/listings", &body);
        assert_eq!(answer["counted"]["listed"], entries, "{answer}");
        began.elapsed().as_secs_f64() * 1e3
    });
    let last = id(entries - 1);
    while listed.iter().any(Option::is_none) {
        assert!(began.elapsed() < Duration::from_secs(60), "a node never heard of the batch");
        for (connection, listed) in connections.iter_mut().zip(&mut listed) {
            if listed.is_none() && connection.check("ACC", &last) == "listed" {
                *listed = Some(began.elapsed().as_secs_f64() * 1e3);
            }
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    let acknowledged = publishing.join().expect("a publisher that does not panic");
    Round { acknowledged, listed: listed.into_iter().flatten().collect() }
}

/// What takes force from a listing: a dispute by another member, and the clearing.
fn relief(alliance: &Alliance, root: &Path) {
    let (mut disputed, mut cleared) = (Vec::new(), Vec::new());
    support::quiet();
    for round in 0..ROUNDS {
        let (publisher, other) = (round % NODES, (round + 1) % NODES);
        let subject = json!({ "class": "ACC", "id": format!("jd:relief-{round:04}") });
        let item = |more: Value| {
            let mut item = subject.clone();
            item.as_object_mut().expect("an object").extend(more.as_object().expect("an object").clone());
            json!({ "items": [item] })
        };
        let listing = item(json!({ "conduct": "C01", "evidence": "bench" }));
        until(alliance, publisher, ("/v1/listings", listing), &subject, "listed");
        let dispute = item(json!({ "kind": "dispute", "reason": "D02", "evidence": "bench" }));
        disputed.push(until(alliance, other, ("/v1/remarks", dispute), &subject, "disputed"));
        let clearing = item(json!({ "reason": "R04" }));
        cleared.push(until(alliance, publisher, ("/v1/clearings", clearing), &subject, "not_listed"));
    }
    line(&format!("a dispute, until all {NODES} nodes answer disputed"), figure(&mut disputed));
    line(&format!("a clearing, until all {NODES} nodes answer not_listed"), figure(&mut cleared));
    line("limit: one small write with fdatasync", format!("{:.1} ms", support::sync_ms(root)));
    println!();
}

/// Milliseconds from a request at one node until all nodes answer so.
fn until(alliance: &Alliance, at: usize, (path, body): (&str, Value), subject: &Value, answer: &str) -> f64 {
    let mut connections: Vec<Http> = alliance.nodes.iter().map(Process::http).collect();
    let (mut writer, path) = (alliance.nodes[at].http(), path.to_owned());
    let id = subject["id"].as_str().expect("a text");
    let began = Instant::now();
    let publishing = std::thread::spawn(move || {
        let said = writer.json("POST", &path, &body);
        assert!(said["batch"].is_u64(), "{said}");
    });
    let mut open: Vec<&mut Http> = connections.iter_mut().collect();
    while !open.is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "a node never answered {answer}");
        open.retain_mut(|connection| connection.check("ACC", id) != answer);
        std::thread::sleep(Duration::from_millis(1));
    }
    let took = began.elapsed().as_secs_f64() * 1e3;
    publishing.join().expect("a publisher that does not panic");
    took
}

fn newcomer(alliance: &mut Alliance, root: &Path, entries: u64) {
    let csv = support::csv(entries);
    let known = *support::mobiles(&csv).last().expect("a mobile number");
    let began = Instant::now();
    alliance.nodes[0].http().import(&csv);
    for node in &alliance.nodes {
        await_listed(node, known);
    }
    line(
        &format!("{entries} rows imported and on all {NODES} nodes"),
        format!("{:.1} s", began.elapsed().as_secs_f64()),
    );
    support::quiet();
    let node = alliance.join();
    let began = Instant::now();
    node.start();
    await_listed(node, known);
    line(&format!("newcomer's sync of {entries} entries"), format!("{:.2} s", began.elapsed().as_secs_f64()));
    let body = vec![7; entries as usize * 130];
    line("limit: one write of as many bytes, one fsync", format!("{:.2} s", support::write_and_sync(root, &body)));
}

fn await_listed(node: &Process, known: &str) {
    let mut http = node.http();
    let deadline = Instant::now() + Duration::from_secs(120);
    while http.check("MOB", known) != "listed" {
        assert!(Instant::now() < deadline, "the entries never came");
        std::thread::sleep(Duration::from_millis(5));
    }
}

fn figure(times: &mut [f64]) -> String {
    let (low, high) = (percentile(times, 10), percentile(times, 90));
    format!("{:.0} ms ({low:.0}–{high:.0}; median of {})", median(times), times.len())
}
