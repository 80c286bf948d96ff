//! Members and observers witness what they hold, within seconds, and take nothing back.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use antibrush_tests::{Alliance, Node, wait_until};
use serde_json::Value;

/// What a node shows of the witnesses of alibaba's feed: name, batch, leaves, time, whether it is the newest.
fn witnesses(node: &Node) -> Vec<(String, u64, u64, u64, bool)> {
    let feed = node.http().get("/v1/feeds/alibaba").ok();
    let row = |row: &Value| {
        let number = |key: &str| row[key].as_u64().unwrap();
        let name = row["witness"].as_str().unwrap().to_owned();
        (name, number("seq"), number("size"), number("time"), row["newest"] == true)
    };
    feed["witnesses"].as_array().unwrap().iter().map(row).collect()
}

fn all_newest(node: &Node, names: &[&str]) -> bool {
    let found = witnesses(node);
    found.iter().map(|row| row.0.as_str()).eq(names.iter().copied()) && found.iter().all(|row| row.4)
}

#[test]
fn everybody_witnesses_and_a_killed_witness_takes_nothing_back() {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    alliance.admit("regulator", "observer");
    alliance["alibaba"].list_accounts(&["taobao:first".to_owned()]);
    for node in &alliance.nodes {
        let took = wait_until("both others have witnessed the newest batch", || all_newest(node, &["jd", "regulator"]));
        println!("{} sees both cosignatures after {took:?}", node.slug);
        assert_eq!(node.http().get("/v1/feeds/alibaba").ok()["witnessed_by"], 2);
    }
    // The observer is killed again and again while batches come; what alibaba sees of it only grows.
    let mut last = (0, 0, 0);
    for round in 0..4 {
        for batch in 0..3 {
            alliance["alibaba"].list_accounts(&[format!("taobao:round-{round}-{batch}")]);
        }
        alliance["regulator"].kill();
        alliance["alibaba"].list_accounts(&[format!("taobao:while-away-{round}")]);
        alliance["regulator"].start();
        let mut look = || {
            let row = witnesses(&alliance["alibaba"]).into_iter().find(|row| row.0 == "regulator").unwrap();
            let now = (row.1, row.2, row.3);
            assert!(now.0 >= last.0 && now.1 >= last.1 && now.2 >= last.2, "{now:?} after {last:?}");
            last = now;
            row.4
        };
        wait_until("the observer has witnessed the newest batch again", &mut look);
    }
    // The observer itself remembers what it had stated, and nobody counts a contradiction.
    for node in &alliance.nodes {
        wait_until("all agree", || all_newest(node, &["jd", "regulator"]));
        let metrics = node.http().get("/metrics").text();
        assert!(!metrics.contains("rule=\"WITNESS-"), "{}: {metrics}", node.slug);
    }
}

/// What the statement of the regulator says of the feeds, as a node shows it: feed, batch, leaves, time.
fn stated(node: &Node) -> Vec<(&'static str, u64, u64, u64)> {
    let of = |feed: &'static str| {
        let shown = node.command(&["feed", "show", "--publisher", feed]);
        let row = shown["witnesses"].as_array().unwrap().iter().find(|row| row["witness"] == "regulator")?.clone();
        let number = |key: &str| row[key].as_u64().unwrap();
        Some((feed, number("seq"), number("size"), number("time")))
    };
    ["alibaba", "jd"].into_iter().filter_map(of).collect()
}

/// All that anybody ever heard of a witness: for each feed and batch one size and one time.
#[derive(Default)]
struct Heard(BTreeMap<(&'static str, u64), (u64, u64)>);

impl Heard {
    fn hear(&mut self, said: &[(&'static str, u64, u64, u64)]) {
        for (feed, seq, size, time) in said {
            let before = self.0.insert((*feed, *seq), (*size, *time));
            assert!(
                before.is_none_or(|before| before == (*size, *time)),
                "{feed} {seq}: {before:?}, then {size} {time}"
            );
        }
    }

    /// Batches, leaves and times go the same way.
    fn assert_in_order(&self) {
        for (earlier, later) in self.0.iter().zip(self.0.iter().skip(1)).filter(|(a, b)| a.0.0 == b.0.0) {
            assert!(earlier.1.0 <= later.1.0 && earlier.1.1 <= later.1.1, "{earlier:?} {later:?}");
        }
    }
}

/// Killed at random moments while heads of two feeds flow, the witness never contradicts itself, and what others have
/// heard of it is on its own disk.
#[test]
fn a_witness_that_is_killed_at_random_never_signs_two_histories() {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    alliance.admit("regulator", "observer");
    alliance.settle();
    let seed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos() as u64 | 1;
    println!("seed {seed}");
    let mut random = seed;
    let mut below = |bound: u64| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random % bound
    };
    let (mut heard, mut only_on_disk, rounds) = (Heard::default(), 0, 16);
    for round in 0..rounds {
        let until = Instant::now() + Duration::from_millis(below(2500));
        let mut batch = 0;
        while Instant::now() < until || batch == 0 {
            let slug = ["alibaba", "jd"][below(2) as usize];
            let site = if slug == "jd" { "jd" } else { "taobao" };
            alliance[slug].list_accounts(&[format!("{site}:killed-{round}-{batch}")]);
            batch += 1;
            for slug in ["alibaba", "jd"] {
                heard.hear(&stated(&alliance[slug]));
            }
        }
        alliance["regulator"].kill();
        // What was on its way arrives.
        std::thread::sleep(Duration::from_millis(300));
        let others = [stated(&alliance["alibaba"]), stated(&alliance["jd"])];
        // On its own directory without a network: what is on the disk.
        let disk = stated(&alliance["regulator"]);
        for said in others.iter().flatten() {
            let own = disk.iter().find(|own| own.0 == said.0);
            let own =
                own.unwrap_or_else(|| panic!("round {round}: {said:?} was heard and is not on the disk: {disk:?}"));
            assert!(
                (own.1, own.2, own.3) >= (said.1, said.2, said.3),
                "round {round}: heard {said:?}, on disk {own:?}"
            );
        }
        only_on_disk += usize::from(disk.iter().any(|own| others.iter().all(|said| !said.contains(own))));
        // Whatever lies there is its word, too, and others will hear it.
        heard.hear(&disk);
        others.iter().for_each(|said| heard.hear(said));
        heard.assert_in_order();
        alliance["regulator"].start();
    }
    println!(
        "{} statements in {rounds} lives; in {only_on_disk} of them the last one was on the disk alone",
        heard.0.len()
    );
    for node in &alliance.nodes {
        wait_until("it has witnessed the newest batch again", || {
            ["alibaba", "jd"].iter().all(|feed| {
                let shown = node.http().get(&format!("/v1/feeds/{feed}")).ok();
                let rows = shown["witnesses"].as_array().unwrap().clone();
                rows.iter().any(|row| row["witness"] == "regulator" && row["newest"] == true)
            })
        });
        heard.hear(&stated(node));
        let metrics = node.http().get("/metrics").text();
        assert!(!metrics.contains("rule=\"WITNESS-"), "{}: {metrics}", node.slug);
    }
    heard.assert_in_order();
}
