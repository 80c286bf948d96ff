//! Forgetting between real nodes: what ended long enough ago is erased everywhere, its remarks in other feeds too, and a newcomer never
//! gets it. The wall clock is the test's.

use std::path::PathBuf;

use antibrush_tests::{Alliance, Node, wait_until};
use serde_json::json;

const DAY: i64 = 86_400;
const GONE: &str = "taobao:77";
const KEPT: &str = "taobao:88";
const PLATFORMS: [&str; 3] = ["alibaba", "jd", "pdd"];

struct Clock(PathBuf);

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

#[test]
fn what_ended_is_erased_everywhere_and_a_newcomer_never_gets_it() {
    let clock = Clock(tempfile::NamedTempFile::new().unwrap().into_temp_path().keep().unwrap());
    std::fs::write(&clock.0, "0").unwrap();
    let shown = clock.0.display().to_string();
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
        std::fs::write(&clock.0, (days * DAY).to_string()).unwrap();
        for slug in PLATFORMS {
            alliance[slug].start();
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
