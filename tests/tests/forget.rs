//! Forgetting between real nodes: what ended long enough ago is erased everywhere, its remarks in other feeds too, each member says so,
//! and a newcomer never gets it. The wall clock is the test's.

use std::{collections::BTreeSet, path::PathBuf, time::Duration};

use antibrush_tests::{Alliance, Node, wait_for, wait_until};
use serde_json::{Value, json};

const DAY: i64 = 86_400;
const GONE: &str = "taobao:77";
const KEPT: &str = "taobao:88";
const PLATFORMS: [&str; 3] = ["alibaba", "jd", "pdd"];

/// After so long among the others a node knows what they have of a silent publisher: two minutes, and time for the run.
const SETTLED: Duration = Duration::from_secs(200);

struct Clock(PathBuf);

impl Clock {
    /// A clock that shows the time, and the way to give it to nodes.
    fn new() -> (Clock, String) {
        let clock = Clock(tempfile::NamedTempFile::new().unwrap().into_temp_path().keep().unwrap());
        clock.set(0);
        let shown = clock.0.display().to_string();
        (clock, shown)
    }

    /// So many days ahead of the time.
    fn set(&self, days: i64) {
        std::fs::write(&self.0, (days * DAY).to_string()).unwrap();
    }
}

impl Drop for Clock {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.0));
    }
}

fn say(node: &Node, verb: &str, id: &str, more: &[&str]) {
    node.command(&[&[verb, "--class", "ACC", "--id", id], more].concat());
}

fn list(node: &Node, id: &str) {
    say(node, "list", id, &["--conduct", "C01", "--evidence", "case"]);
}

/// Leaves and erased leaves of a feed, verified against its signed heads.
fn leaves(node: &Node, publisher: &str) -> (u64, u64) {
    let found = node.verify(publisher);
    (found["leaves"].as_u64().unwrap(), found["erased"].as_u64().unwrap())
}

/// What a node shows of a member's last receipt, of all feeds or of one.
fn receipt(shown: &Value, member: &str) -> Value {
    let receipts = shown["receipts"].as_array().into_iter().flatten();
    receipts.into_iter().find(|receipt| receipt["member"] == member).cloned().unwrap_or_default()
}

fn stated(node: &Node, member: &str) -> (u64, bool) {
    let receipt = receipt(&node.command(&["status"]), member);
    (receipt["erased"].as_u64().unwrap(), receipt["behind"].as_bool().unwrap())
}

#[test]
fn what_ended_is_erased_everywhere_and_a_newcomer_never_gets_it() {
    let (clock, shown) = Clock::new();
    let equip = move |node: &mut Node| {
        node.environment.push(("ANTIBRUSH_TEST_CLOCK".to_owned(), shown.clone()));
    };
    let mut alliance = Alliance::founded_equipped(PLATFORMS[0], equip);
    for slug in &PLATFORMS[1..] {
        alliance.admit(slug, "platform");
    }
    alliance.settle();

    // Leaves 0 to 2 of alibaba's feed are about what ends, leaf 3 is not; leaf 0 of jd's disputes it, leaf 1 is about what stays.
    list(&alliance["alibaba"], GONE);
    alliance.wait_for_leaves("alibaba", 1);
    say(&alliance["jd"], "dispute", GONE, &["--reason", "D02", "--evidence", "letter"]);
    alliance.wait_for_leaves("jd", 1);
    say(&alliance["alibaba"], "rule", GONE, &["--outcome", "upheld", "--reason", "J02"]);
    say(&alliance["alibaba"], "clear", GONE, &["--reason", "R04"]);
    list(&alliance["alibaba"], KEPT);
    alliance.wait_for_leaves("alibaba", 4);
    say(&alliance["jd"], "dispute", KEPT, &["--reason", "D02", "--evidence", "letter"]);
    for slug in PLATFORMS {
        wait_until("it is cleared", || alliance[slug].answer("ACC", GONE) == "not_listed");
        wait_until("the other is disputed", || alliance[slug].answer("ACC", KEPT) == "disputed");
        assert_eq!(leaves(&alliance[slug], "alibaba"), (4, 0));
    }

    // Accounts: 90 days after the clearing.
    for (days, erased) in [(89, 0), (91, 3)] {
        for slug in PLATFORMS {
            alliance[slug].stop();
        }
        clock.set(days);
        if erased > 0 {
            the_one_that_is_away_is_behind(&mut alliance);
        }
        for slug in PLATFORMS.iter().filter(|slug| !alliance[**slug].runs()).collect::<Vec<_>>() {
            alliance[*slug].start();
        }
        for slug in PLATFORMS {
            list(&alliance[slug], &format!("taobao:{slug}{days}"));
        }
        for slug in PLATFORMS {
            wait_until(&format!("{slug} has forgotten after {days} days"), || {
                let node = &alliance[slug];
                leaves(node, "alibaba").1 == erased && leaves(node, "jd").1 == erased.min(1)
            });
        }
    }
    for slug in PLATFORMS {
        for member in PLATFORMS {
            wait_until(&format!("{slug} shows that {member} forgot"), || stated(&alliance[slug], member) == (4, false));
        }
        let of_feed = receipt(&alliance[slug].feed("jd"), "alibaba");
        // Its listing of today may have come after the run.
        assert!(of_feed["erased"] == 1 && of_feed["size"].as_u64() >= Some(3), "{of_feed}");
        let metrics = alliance[slug].http().get("/metrics").text();
        for line in ["antibrush_leaves_erased 4", "antibrush_purge_receipts_behind 0"] {
            assert!(metrics.lines().any(|found| found == line), "{line}: {metrics}");
        }
    }
    let taken = alliance["pdd"].command(&["status"])["forgetting"]["alibaba"].clone();
    assert_eq!(taken["to_clear"], json!({ "count": 1, "p50": 0, "p90": 0, "max": 0 }), "{taken}");
    assert_eq!(taken["to_forget"], json!({ "count": 1, "p50": 91, "p90": 91, "max": 91 }), "{taken}");
    alliance.admit("suning", "platform");
    alliance.wait_for_leaves("alibaba", 6);
    for slug in PLATFORMS.iter().chain(&["suning"]) {
        let node = &alliance[*slug];
        wait_until(&format!("{slug} knows both"), || {
            node.answer("ACC", GONE) == "not_listed" && node.check("ACC", KEPT)["listings"][0]["publisher"] == "alibaba"
        });
        assert_eq!((leaves(node, "alibaba"), leaves(node, "jd")), ((6, 3), (4, 1)), "{slug}");
        let lives = node.command(&["life", "--class", "ACC", "--id", GONE]);
        assert_eq!(lives["listings"], json!([]), "{slug}");
        let prove =
            |index: u64| node.http().post("/v1/proofs/inclusion", &json!({ "publisher": "alibaba", "index": index }));
        let (status, problem) = prove(0).problem();
        assert!(status == 404 && problem.contains("not-found"), "{status} {problem}");
        assert!(prove(0).text().contains("erased"), "{slug}: {}", prove(0).text());
        assert_eq!(prove(3).status, 200, "{slug}");
    }
}

/// Starts all but pdd, and waits until they show that they forgot and that pdd has not said so.
fn the_one_that_is_away_is_behind(alliance: &mut Alliance) {
    for slug in &PLATFORMS[..2] {
        alliance[*slug].start();
    }
    for slug in &PLATFORMS[..2] {
        let node = &alliance[*slug];
        for (member, expected) in [("alibaba", (4, false)), ("jd", (4, false)), ("pdd", (0, true))] {
            wait_until(&format!("{slug} shows what {member} said"), || stated(node, member) == expected);
        }
        let receipts = node.command(&["status"]);
        assert_ne!(receipt(&receipts, "pdd")["day"], receipt(&receipts, "jd")["day"], "{receipts}");
    }
}

/// All others are away; what fell due while it was away, too, nobody gets from a node that comes back.
#[test]
fn who_joins_by_a_node_that_comes_back_gets_only_hashes_of_what_is_due() {
    let (clock, shown) = Clock::new();
    let equip = move |node: &mut Node| {
        node.environment.push(("ANTIBRUSH_TEST_CLOCK".to_owned(), shown.clone()));
        let tap = node.directory.with_extension("tap").display().to_string();
        node.environment.push(("ANTIBRUSH_TAP".to_owned(), tap));
    };
    let mut alliance = Alliance::founded_equipped(PLATFORMS[0], equip);
    alliance.admit("jd", "platform");
    alliance.settle();
    // It has the charter, and nothing else before it starts.
    alliance.join("suning", "platform");
    let before = chunks(&alliance["jd"]);
    list(&alliance["alibaba"], GONE);
    list(&alliance["alibaba"], KEPT);
    say(&alliance["alibaba"], "clear", GONE, &["--reason", "R04"]);
    alliance.wait_for_leaves("alibaba", 3);
    let contents: Vec<Vec<u8>> = chunks(&alliance["jd"]).difference(&before).cloned().collect();
    assert_eq!(contents.len(), 3, "each is published by itself");
    for slug in &PLATFORMS[..2] {
        alliance[*slug].stop();
    }
    clock.set(91);
    let tap = alliance["jd"].directory.with_extension("tap");
    std::fs::remove_file(&tap).unwrap();
    for slug in ["jd", "suning"] {
        alliance[slug].start();
    }
    let newcomer = &alliance["suning"];
    wait_for("suning has the feed", SETTLED, || (newcomer.feed_size("alibaba") == 3).then_some(()));
    assert_eq!(leaves(newcomer, "alibaba"), (3, 2));
    // All that jd sent since: the one that stands, and nothing of the listing that ended.
    let sent = std::fs::read(&tap).unwrap();
    let was_sent = |content: &&Vec<u8>| sent.windows(content.len()).any(|window| window == content.as_slice());
    assert_eq!(contents.iter().filter(was_sent).count(), 1);
    assert_eq!(newcomer.check("ACC", KEPT)["listings"][0]["publisher"], "alibaba");
}

/// The chunks that a node keeps, each with what is in it.
fn chunks(node: &Node) -> BTreeSet<Vec<u8>> {
    let directories = std::fs::read_dir(node.directory.join("bodies")).unwrap().map(|entry| entry.unwrap().path());
    let files = directories.filter(|path| path.is_dir()).flat_map(|path| std::fs::read_dir(path).unwrap());
    files.map(|file| std::fs::read(file.unwrap().path()).unwrap()).collect()
}
