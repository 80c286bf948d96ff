//! SIGTERM and kill −9 in the middle of importing, publishing and syncing. Whatever was acknowledged is there afterwards,
//! nothing is applied twice, and the node always opens again.
//!
//! The moments are drawn by lot; `ANTIBRUSH_SEED` repeats a draw that failed.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use antibrush_tests::{Alliance, Lot};
use serde_json::{Value, json};

/// What the two platforms must hold after all that has happened so far.
struct Scene {
    alliance: Alliance,
    lot: Lot,
    /// Subjects that alibaba lists for certain, each with one entry.
    listed: u64,
    round: u64,
}

const ROWS: u64 = 20_000;

impl Scene {
    fn new() -> Scene {
        Scene { alliance: Alliance::with(&["alibaba", "jd"]), lot: Lot::from_environment(), listed: 0, round: 0 }
    }

    /// The node is killed while a file comes in.
    fn import(&mut self, longest: Duration) {
        let (round, signal, after) = (self.round, self.lot.signal(), self.lot.within(longest));
        self.round += 1;
        let mut file = "class,identifier,conduct\n".to_owned();
        for n in 0..ROWS {
            file += &format!("ACC,taobao:import-{round}-{n},C01\n");
        }
        let http = self.alliance["alibaba"].http();
        let sent = file.clone();
        let importing = std::thread::spawn(move || -> Option<u64> {
            let lines = http.lines("POST", "/v1/import?name=a.csv", &[], sent.as_bytes()).ok()?;
            let lines = lines.map_while(Result::ok).filter_map(|line| serde_json::from_str::<Value>(&line).ok());
            lines.filter_map(|line| line["batch"]["size"].as_u64()).last()
        });
        std::thread::sleep(after);
        let node = &mut self.alliance["alibaba"];
        node.end(signal);
        let acknowledged = importing.join().unwrap();
        node.start();
        let size = node.feed_size("alibaba");
        println!("import: {signal:?} after {after:?}; acknowledged {acknowledged:?}, found {size}");
        assert!([self.listed, self.listed + ROWS].contains(&size), "a batch is there as a whole or not at all");
        assert!(acknowledged.is_none_or(|acknowledged| acknowledged == size), "what was acknowledged is there");
        let there = size > self.listed;
        for attempt in 0..2 {
            let summary = import(&self.alliance, file.as_bytes());
            let (listed, unchanged) = if there || attempt > 0 { (0, ROWS) } else { (ROWS, 0) };
            assert_eq!(
                (&summary["counted"]["listed"], &summary["counted"]["unchanged"]),
                (&json!(listed), &json!(unchanged))
            );
        }
        self.listed += ROWS;
        self.look();
    }

    /// The node is killed while small batches are published one after the other.
    fn publish(&mut self, longest: Duration) {
        const BATCH: u64 = 10;
        let (round, signal, after) = (self.round, self.lot.signal(), self.lot.within(longest));
        self.round += 1;
        let ids = move |batch: u64| {
            (0..BATCH).map(move |n| format!("taobao:publish-{round}-{batch}-{n}")).collect::<Vec<_>>()
        };
        let mut http = self.alliance["alibaba"].http();
        let publishing = std::thread::spawn(move || {
            let mut acknowledged = 0;
            loop {
                let item = |id: &String| json!({ "class": "ACC", "id": id, "conduct": "C01", "evidence": "e" });
                let body = json!({ "items": ids(acknowledged).iter().map(item).collect::<Vec<_>>() });
                let reply = http.try_send(
                    "POST",
                    "/v1/listings",
                    &[("content-type", "application/json")],
                    body.to_string().as_bytes(),
                );
                match reply {
                    Ok(reply) if reply.status == 200 => acknowledged += 1,
                    _ => return acknowledged,
                }
            }
        });
        std::thread::sleep(after);
        let node = &mut self.alliance["alibaba"];
        node.end(signal);
        let acknowledged = publishing.join().unwrap();
        node.start();
        let size = node.feed_size("alibaba");
        println!(
            "publish: {signal:?} after {after:?}; acknowledged {acknowledged} batches, found {} entries",
            size - self.listed
        );
        let sure = self.listed + acknowledged * BATCH;
        assert!(
            [sure, sure + BATCH].contains(&size),
            "all that was acknowledged, and at most the one that was under way"
        );
        let asked: Vec<String> = (0..acknowledged).flat_map(ids).collect();
        for some in asked.chunks(10_000) {
            assert_eq!(self.answers("alibaba", some), BTreeSet::from(["listed".to_owned()]));
        }
        let in_doubt = self.answers("alibaba", &ids(acknowledged));
        let expected = if size > sure { "listed" } else { "not_listed" };
        assert_eq!(in_doubt, BTreeSet::from([expected.to_owned()]), "size and answers agree");
        let again = self.alliance["alibaba"].list_accounts(&ids(acknowledged));
        assert_eq!(again["counted"][if size > sure { "unchanged" } else { "listed" }], BATCH);
        self.listed = sure + BATCH;
        self.look();
    }

    /// The other node is killed while it opens and fetches what came meanwhile; then it is killed once more.
    fn sync(&mut self, longest: Duration) {
        let round = self.round;
        self.round += 1;
        self.alliance["jd"].stop();
        let mut file = "class,identifier,conduct\n".to_owned();
        for n in 0..ROWS {
            file += &format!("ACC,taobao:sync-{round}-{n},C01\n");
        }
        import(&self.alliance, file.as_bytes());
        for batch in 0..5 {
            self.alliance["alibaba"].list_accounts(&[format!("taobao:sync-{round}-small-{batch}")]);
        }
        self.listed += ROWS + 5;
        for _ in 0..2 {
            let (signal, after) = (self.lot.signal(), self.lot.within(longest));
            self.alliance["jd"].start_and_end(after, signal);
            println!("sync: {signal:?} after {after:?}");
        }
        self.alliance["jd"].start();
        self.look();
    }

    /// Both nodes hold the same, and what they hold holds.
    fn look(&self) {
        self.alliance.wait_for_leaves("alibaba", self.listed);
        self.alliance.settle();
        for node in &self.alliance.nodes {
            assert_eq!(node.feed_size("alibaba"), self.listed, "{}", node.slug);
            assert_eq!(node.http().get("/v1/status").ok()["table_rows"], self.listed, "{}", node.slug);
            let found = node.verify("alibaba");
            assert_eq!(found["leaves"], self.listed, "{}", node.slug);
            let feed = node.http().get("/v1/feeds/alibaba").ok();
            assert_eq!(feed["totals"], found["totals"], "the headers say what the bodies hold on {}", node.slug);
            // Every entry once in the change stream, too: read from its last page.
            assert_eq!(node.http().get("/v1/status").ok()["void_entries"], 0, "{}", node.slug);
        }
    }

    /// The different answers for subjects.
    fn answers(&self, slug: &str, ids: &[String]) -> BTreeSet<String> {
        let asked = json!({ "purpose": "test", "class": "ACC", "ids": ids });
        let answers = self.alliance[slug].http().post("/v1/checks", &asked).ok();
        answers["answers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|answer| answer["answer"].as_str().unwrap().to_owned())
            .collect()
    }
}

fn import(alliance: &Alliance, file: &[u8]) -> Value {
    let lines = alliance["alibaba"].http().lines("POST", "/v1/import?name=a.csv", &[], file).unwrap();
    let last: Value = serde_json::from_str(&lines.last().unwrap().unwrap()).unwrap();
    last["summary"].clone()
}

/// How long the three take on this machine at this moment: the lot is drawn within it and a little after.
fn measured(scene: &mut Scene) -> Duration {
    let mut file = "class,identifier,conduct\n".to_owned();
    for n in 0..ROWS {
        file += &format!("ACC,taobao:measure-{n},C01\n");
    }
    let began = Instant::now();
    import(&scene.alliance, file.as_bytes());
    scene.listed += ROWS;
    began.elapsed().mul_f64(1.2) + Duration::from_millis(20)
}

fn rounds(each: u64) {
    let mut scene = Scene::new();
    let longest = measured(&mut scene);
    println!("importing takes up to {longest:?}");
    for _ in 0..each {
        scene.import(longest);
        scene.publish(Duration::from_millis(500));
        scene.sync(Duration::from_millis(1500));
    }
}

/// Two of each; a sync round kills twice.
#[test]
fn eight_kill_points() {
    rounds(2);
}

/// Fifteen of each: sixty moments.
#[test]
#[ignore = "long: cargo test -p antibrush-tests --test crash -- --ignored"]
fn sixty_kill_points() {
    rounds(15);
}
