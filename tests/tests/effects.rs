//! The own figures of effects: what a platform's node was asked, what its checks hit, how long its measures took and which deadlines passed;
//! by a wall clock that the test moves, across a stop and a kill.

use std::{fs, path::PathBuf};

use antibrush_tests::{Alliance, Node, wait_until};
use serde_json::{Value, json};

const PLATFORMS: [&str; 3] = ["alibaba", "jd", "pdd"];
const LISTED: u64 = 20;
/// The longest holidays leave a working day in so many days.
const LATER: u64 = 14;

struct Scene {
    alliance: Alliance,
    clock: PathBuf,
}

impl Scene {
    fn new() -> Scene {
        let clocks = tempfile::NamedTempFile::new().unwrap().into_temp_path().keep().unwrap();
        fs::write(&clocks, "0").unwrap();
        let clock = clocks.clone();
        let equip = move |node: &mut Node| {
            node.environment.push(("ANTIBRUSH_TEST_CLOCK".to_owned(), clock.display().to_string()));
        };
        let mut alliance = Alliance::founded_equipped(PLATFORMS[0], equip);
        for slug in &PLATFORMS[1..] {
            alliance.admit(slug, "platform");
        }
        alliance.settle();
        Scene { alliance, clock: clocks }
    }

    /// Moves the clocks of all, which stand still meanwhile.
    fn move_clock(&mut self, days: u64) {
        for slug in PLATFORMS {
            self.alliance[slug].stop();
        }
        fs::write(&self.clock, (days * 86_400).to_string()).unwrap();
        for slug in PLATFORMS {
            self.alliance[slug].start();
        }
        for slug in PLATFORMS {
            let is_connected = || self.alliance[slug].http().get("/v1/status").ok()["connected"] == 2;
            wait_until(&format!("{slug} is connected"), is_connected);
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.clock));
    }
}

fn account(number: u64) -> String {
    format!("taobao:{number}")
}

fn list(node: &Node, region: u64) {
    let item = |number| json!({ "class": "ACC", "id": account(number), "conduct": "C01", "evidence": "test", "region": region });
    node.http().post("/v1/listings", &json!({ "items": (0..LISTED).map(item).collect::<Vec<_>>() })).ok();
}

fn ask(node: &Node, numbers: std::ops::Range<u64>) {
    let ids: Vec<String> = numbers.map(account).collect();
    node.http().post("/v1/checks", &json!({ "class": "ACC", "purpose": "own-shops", "ids": ids })).ok();
}

/// Of all months.
fn effects(node: &Node) -> Value {
    node.http().get("/v1/effects?from=2020-01&to=2100-01").ok()
}

/// Queries and shown hits of all months.
fn checks(node: &Node) -> (u64, u64) {
    let all = effects(node);
    let months = all["checks"].as_array().unwrap();
    let sum = |key: &str| months.iter().map(|month| month[key].as_u64().unwrap_or(0)).sum();
    (sum("queries"), sum("hits"))
}

/// A figure by member and region; rows that lack it are left out.
fn figures(node: &Node, key: &str) -> Vec<(String, u64, u64)> {
    let all = effects(node);
    let of = |row: &Value| {
        assert_eq!((&row["list"], &row["conduct"]), (&"CXH".into(), &"C01".into()), "{row}");
        Some((row["member"].as_str()?.to_owned(), row["region"].as_u64()?, row[key].as_u64().filter(|n| *n > 0)?))
    };
    let mut found: Vec<_> = all["effects"].as_array().unwrap().iter().filter_map(of).collect();
    found.sort();
    found
}

#[test]
fn a_platform_sees_its_own_queries_hits_and_times_and_everybodys_missed_deadlines() {
    let mut scene = Scene::new();
    let row = |member: &str, region: u64, figure: u64| (member.to_owned(), region, figure);
    for (slug, region) in [("alibaba", 330_100), ("jd", 110_101)] {
        list(&scene.alliance[slug], region);
    }
    for slug in PLATFORMS {
        wait_until("everything is confirmed everywhere", || {
            scene.alliance[slug].check("ACC", &account(LISTED - 1))["listings"][1]["state"] == "confirmed"
        });
    }
    // One asks about twenty listed accounts and as many others, the other about four and nine: too few hits to be told.
    let (jd, pdd) = (&scene.alliance["jd"], &scene.alliance["pdd"]);
    let (before_jd, before_pdd) = (checks(jd).0, checks(pdd).0);
    assert_eq!(figures(jd, "hits"), []);
    ask(jd, 0..2 * LISTED);
    ask(pdd, LISTED - 4..LISTED + 9);
    jd.http().post("/v1/check", &json!({ "class": "PER", "id": "1", "purpose": "no-identifier" })).ok();
    assert_eq!(checks(jd).0, before_jd + 2 * LISTED, "what is no identifier is no query");
    assert_eq!(checks(pdd).0, before_pdd + 13);
    assert!(checks(jd).1 >= LISTED);
    let hits = figures(jd, "hits");
    let [(ref first, 110_101, by_jd), (ref second, 330_100, by_alibaba)] = hits[..] else { panic!("{hits:?}") };
    assert_eq!((first.as_str(), second.as_str()), ("jd", "jd"), "one's own member's checks alone");
    assert!(by_jd == by_alibaba && by_jd >= LISTED, "{hits:?}");
    assert_eq!((figures(pdd, "hits"), figures(&scene.alliance["alibaba"], "hits")), (vec![], vec![]));

    // Days later the first acts on its hits, in vain waited for its and alibaba's notices.
    scene.move_clock(LATER);
    let jd = &scene.alliance["jd"];
    assert_eq!(figures(jd, "hits"), hits, "written at the end");
    let item = |number| {
        let id = account(number);
        json!({ "class": "ACC", "id": id, "publisher": "alibaba", "kind": "measure", "measure": "P05", "response": "applied" })
    };
    let measures = |numbers: std::ops::Range<u64>| json!({ "items": numbers.map(item).collect::<Vec<_>>() });
    jd.http().post("/v1/remarks", &measures(0..9)).ok();
    assert_eq!(figures(jd, "applied"), [row("jd", 330_100, 9)]);
    assert_eq!(figures(jd, "hit_to_measure_days"), [], "nine are too few to be told");
    jd.http().post("/v1/remarks", &measures(9..LISTED)).ok();
    assert_eq!(figures(jd, "hit_to_measure_days"), [row("jd", 330_100, LATER)]);
    let missed = [row("alibaba", 330_100, LISTED), row("jd", 110_101, LISTED)];
    for slug in PLATFORMS {
        // Deadlines of a member count once its feed is heard from.
        wait_until("missed notices are counted", || figures(&scene.alliance[slug], "overdue") == missed);
    }

    // A kill takes nothing that was written, and nothing counts twice.
    let (counts, shown) = (jd.directory.join("effects.cbor"), effects(jd)["effects"].clone());
    for _ in 0..2 {
        // The second writing began after the first one ended, and so after all that is shown.
        let before = fs::read(&counts).unwrap();
        ask(jd, 1000..1001);
        wait_until("the figures are on the disk", || fs::read(&counts).unwrap() != before);
    }
    scene.alliance["jd"].kill();
    scene.alliance["jd"].start();
    let jd = &scene.alliance["jd"];
    assert_eq!(effects(jd)["effects"], shown);
    let texts = ["effects.cbor", "effects-hits.sealed"].map(|name| fs::read(jd.directory.join(name)).unwrap());
    assert!(texts.iter().all(|bytes| !bytes.windows(6).any(|part| part == b"taobao")));

    // The operator reads it in both languages.
    for (locale, columns, line) in [
        ("C.UTF-8", ["own hits", "subjects overdue"], "this node was asked about"),
        ("zh_CN.UTF-8", ["本平台命中", "主体逾期"], "本节点查询"),
    ] {
        let out = jd.invoke(&["effects", "--from", "2020-01", "--to", "2100-01"]).env("LANG", locale).output().unwrap();
        let text = String::from_utf8(out.stdout).unwrap();
        assert!(out.status.success() && text.contains(line), "{text}");
        assert!(columns.iter().all(|column| column.split(' ').all(|word| text.contains(word))), "{text}");
    }

    // Damaged or of another key: begun anew, and no reason not to start.
    scene.alliance["jd"].stop();
    for name in ["effects.cbor", "effects-hits.sealed"] {
        fs::write(scene.alliance["jd"].directory.join(name), b"damaged").unwrap();
    }
    scene.alliance["jd"].start();
    let jd = &scene.alliance["jd"];
    assert_eq!((checks(jd).0, figures(jd, "hits")), (0, vec![]));
}
