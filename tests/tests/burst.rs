//! A burst of listings against one member's subjects: that member sees it in its own checks, and nobody else does.

use antibrush_tests::{Alliance, Node, wait_until};
use serde_json::{Value, json};

const LISTED: u64 = 30;

fn account(platform: &str, number: u64) -> String {
    format!("{platform}:{number}")
}

fn quality(node: &Node, of: &str) -> Value {
    let status = node.http().get("/v1/status").ok();
    status["quality"].as_array().unwrap().iter().find(|row| row["publisher"] == of).unwrap().clone()
}

fn metric(node: &Node, name: &str) -> Option<String> {
    let text = node.http().get("/metrics").text();
    text.lines().find_map(|line| line.strip_prefix(name)).map(|value| value.trim().to_owned())
}

#[test]
fn a_burst_against_one_members_subjects_shows_there_and_nowhere_else() {
    let alliance = Alliance::with(&["alibaba", "jd", "pdd"]);
    let [alibaba, jd, pdd] = ["alibaba", "jd", "pdd"].map(|slug| &alliance[slug]);
    // alibaba lists accounts of jd, and nine of pdd: one fewer than a burst.
    let against_jd: Vec<String> = (0..LISTED).map(|number| account("jd", number)).collect();
    let against_pdd: Vec<String> = (0..9).map(|number| account("pdd", number)).collect();
    alibaba.list_accounts(&[&against_jd[..], &against_pdd].concat());
    for node in [jd, pdd] {
        let is_there = || node.feed_size("alibaba") == LISTED + 9;
        wait_until("alibaba's listings are everywhere", is_there);
    }
    assert_eq!(quality(jd, "alibaba")["known_new"], 0, "nothing was asked yet");
    // Each asks about its own accounts, listed or not, twice, in bulk and one by one.
    for (node, platform) in [(jd, "jd"), (pdd, "pdd")] {
        let ids: Vec<String> = (0..100).map(|number| account(platform, number)).collect();
        for _ in 0..2 {
            let asked = node.http().post("/v1/checks", &json!({"class": "ACC", "purpose": "own-shops", "ids": ids}));
            assert_eq!(asked.ok()["answers"].as_array().unwrap().len(), 100);
        }
        assert_eq!(node.answer("ACC", &ids[0]), "listed");
        assert_eq!(node.answer("ACC", &ids[99]), "not_listed");
    }

    let (seen, not_seen) = (quality(jd, "alibaba"), quality(pdd, "alibaba"));
    let burst = json!([{"class": "ACC", "week": LISTED, "most": 0}]);
    assert_eq!((&seen["known_new"], &seen["known_bursts"]), (&json!(LISTED), &burst), "{seen}");
    assert_eq!((&not_seen["known_new"], &not_seen["known_bursts"]), (&json!(9), &json!([])), "{not_seen}");
    assert_eq!(quality(jd, "pdd")["known_new"], 0, "of others nothing was hit");
    assert_eq!(metric(jd, "antibrush_publisher_known_new{publisher=\"alibaba\"}"), Some(LISTED.to_string()));
    assert_eq!(metric(jd, "antibrush_publisher_known_burst{publisher=\"alibaba\"}"), Some(LISTED.to_string()));
    assert_eq!(metric(pdd, "antibrush_publisher_known_burst{publisher=\"alibaba\"}"), Some("0".to_owned()));
    // The operator reads it in both languages, and no identifier.
    for (locale, table, note) in [
        ("C.UTF-8", "against own subjects", "that this platform asks about"),
        ("zh_CN.UTF-8", "针对本平台主体", "个本平台查询过的 ACC 类主体"),
    ] {
        let shown = |node: &Node| {
            let out = node.invoke(&["status"]).env("LANG", locale).output().unwrap();
            assert!(out.status.success());
            String::from_utf8(out.stdout).unwrap()
        };
        let text = shown(jd);
        assert!(text.contains(table) && text.contains(note) && !text.contains("jd:1"), "{text}");
        let text = shown(pdd);
        assert!(!text.contains(table) && !text.contains(note), "{text}");
    }
}

#[test]
fn a_burst_is_told_in_tens_where_answers_do_not_say_who_listed() {
    let flags = ["--accept-insider-enumeration", "--hide-publishers"];
    let mut alliance = Alliance::founded_with("alibaba", &flags);
    alliance.admit("jd", "platform");
    alliance.settle();
    let (alibaba, jd) = (&alliance["alibaba"], &alliance["jd"]);
    let listed: Vec<String> = (0..LISTED).map(|number| account("jd", number)).collect();
    alibaba.list_accounts(&listed);
    wait_until("alibaba's listings are there", || jd.feed_size("alibaba") == LISTED);
    let ask = |ids: &[String]| {
        jd.http().post("/v1/checks", &json!({"class": "ACC", "purpose": "own-shops", "ids": ids})).ok();
    };
    ask(&listed[..9]);
    assert_eq!(quality(jd, "alibaba")["known_bursts"], json!([]));
    ask(&listed[..19]);
    let told = || quality(jd, "alibaba")["known_bursts"].clone();
    let first = told();
    assert_eq!(first, json!([{"class": "ACC", "week": 10, "most": 0}]));
    assert_eq!(metric(jd, "antibrush_publisher_known_burst{publisher=\"alibaba\"}"), Some("10".to_owned()));
    // A single check moves nothing that would say who listed the subject.
    let check = jd.check("ACC", &listed[3]);
    assert_eq!((&check["answer"], &check["listings"][0]["publisher"]), (&"listed".into(), &Value::Null));
    assert_eq!((told(), &quality(jd, "alibaba")["known_new"]), (first, &json!(0)));
    assert_eq!(metric(jd, "antibrush_check_hits_total{publisher=\"alibaba\"}"), None);
}
