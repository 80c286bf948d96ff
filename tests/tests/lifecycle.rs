//! The life of a listing between real nodes: reported, corroborated, disputed, ruled on, noticed, rectified, cleared; and what the
//! days alone bring about, with a wall clock that the test moves.

use std::path::PathBuf;

use antibrush_tests::{Alliance, wait_until};
use serde_json::Value;

const DAY: i64 = 86_400;

struct Scene {
    alliance: Alliance,
    clock: PathBuf,
}

const SUBJECT: [&str; 4] = ["--class", "ACC", "--id", "taobao:77"];
const PLATFORMS: [&str; 3] = ["alibaba", "jd", "pdd"];

impl Scene {
    /// Three platforms whose wall clocks the test moves together.
    fn new() -> Scene {
        let clocks = tempfile::NamedTempFile::new().unwrap().into_temp_path().keep().unwrap();
        std::fs::write(&clocks, "0").unwrap();
        let clock = clocks.clone();
        let equip = move |node: &mut antibrush_tests::Node| {
            node.environment.push(("ANTIBRUSH_TEST_CLOCK".to_owned(), clock.display().to_string()));
        };
        let mut alliance = Alliance::founded_equipped(PLATFORMS[0], equip);
        for slug in &PLATFORMS[1..] {
            alliance.admit(slug, "platform");
        }
        alliance.settle();
        Scene { alliance, clock: clocks }
    }

    fn run(&self, slug: &str, verb: &[&str]) -> Value {
        self.alliance[slug].command(&[&verb[..1], &SUBJECT, &verb[1..]].concat())
    }

    fn refused(&self, slug: &str, verb: &[&str]) -> String {
        self.alliance[slug].refused(&[&verb[..1], &SUBJECT, &verb[1..]].concat())
    }

    /// Lists the subject for brushing.
    fn list(&self, slug: &str) {
        self.run(slug, &["list", "--conduct", "C01", "--severity", "severe", "--evidence", "case"]);
    }

    fn check(&self, slug: &str) -> Value {
        self.alliance[slug].check("ACC", "taobao:77")
    }

    /// Waits until everybody's answer, and what it says of alibaba's listing, is so.
    fn everywhere(&self, answer: &str, state: &str) {
        for slug in PLATFORMS {
            wait_until(&format!("{slug} answers {answer} {state}"), || {
                let check = self.check(slug);
                let first = &check["listings"][0];
                check["answer"] == answer && (state.is_empty() || first["state"] == state)
            });
        }
    }

    fn is_enforceable(&self) -> Vec<bool> {
        let enforceable = |slug: &&str| {
            let check = self.check(slug);
            check["listings"].as_array().unwrap().iter().any(|listing| listing["enforceable"] == true)
        };
        PLATFORMS.iter().map(enforceable).collect()
    }

    /// Moves the clocks of all. They stand still meanwhile: a clock that leaps beside running peers is taken for a wrong one.
    fn move_clock(&mut self, days: i64) {
        for slug in PLATFORMS {
            self.alliance[slug].stop();
        }
        std::fs::write(&self.clock, (days * DAY).to_string()).unwrap();
        for slug in PLATFORMS {
            self.alliance[slug].start();
        }
        for slug in PLATFORMS {
            let is_connected = || self.alliance[slug].http().get("/v1/status").ok()["connected"] == 2;
            wait_until(&format!("{slug} is connected"), is_connected);
        }
    }

    /// Every publisher shows that it is alive.
    fn heartbeats(&self) {
        for slug in PLATFORMS {
            self.alliance[slug].command(&[
                "list",
                "--class",
                "ACC",
                "--id",
                &format!("taobao:{slug}"),
                "--conduct",
                "C99",
                "--evidence",
                "x",
            ]);
        }
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        drop(std::fs::remove_file(&self.clock));
    }
}

#[test]
fn a_listing_is_reported_corroborated_disputed_and_ruled_on_and_every_answer_follows() {
    let scene = Scene::new();
    scene.list("alibaba");
    scene.everywhere("listed", "reported");
    assert_eq!(scene.is_enforceable(), [false; 3], "one report alone enforces nothing");
    let early = scene.refused("alibaba", &["notice", "--step", "rectify"]);
    assert!(early.contains("confirm"), "{early}");

    scene.list("jd");
    scene.everywhere("listed", "confirmed");
    assert_eq!(scene.is_enforceable(), [true; 3]);
    assert_eq!(scene.check("pdd")["listings"][0]["members"], 2);

    // A third one disputes both; nothing is enforceable anywhere until both have ruled.
    let said = scene.run("pdd", &["dispute", "--reason", "D02", "--evidence", "letter of the subject"]);
    assert_eq!(said["counted"]["said"], 1);
    scene.everywhere("disputed", "");
    assert_eq!(scene.is_enforceable(), [false; 3]);
    let again = scene.refused("pdd", &["dispute", "--reason", "D02", "--evidence", "again"]);
    assert!(again.contains("disputes the listing already"), "{again}");
    let due = scene.alliance["alibaba"].command(&["due", "--duty", "answer"]);
    assert_eq!((&due["total"], &due["due"][0]["who"]), (&1.into(), &"publisher".into()), "{due}");

    let not_its_own = scene.refused("pdd", &["rule", "--outcome", "upheld", "--reason", "J02"]);
    assert!(not_its_own.contains("in force there"), "only a publisher rules: {not_its_own}");
    scene.run("alibaba", &["rule", "--outcome", "rejected", "--reason", "J01"]);
    scene.everywhere("listed", "confirmed");
    assert_eq!(
        scene.is_enforceable(),
        [true; 3],
        "alibaba's is, and jd's corroborates it while its own dispute is open"
    );
    scene.run("jd", &["rule", "--outcome", "upheld", "--reason", "J02", "--disputer", "pdd"]);
    scene.everywhere("listed", "reported");
    assert_eq!(scene.is_enforceable(), [false; 3], "a struck listing corroborates nothing");
    scene.run("jd", &["clear", "--reason", "R04"]);

    // Life shows it all.
    let life = scene.run("pdd", &["life"]);
    let dispute = &life["listings"][0]["disputes"][0];
    assert_eq!((&dispute["disputer"], &dispute["outcome"]), (&"pdd".into(), &"rejected".into()), "{life}");

    // The rest of a life: confirmed again, noticed, committed, rectified, cleared.
    scene.list("pdd");
    scene.everywhere("listed", "confirmed");
    scene.run("alibaba", &["notice"]);
    scene.everywhere("listed", "noticed");
    scene.run("jd", &["measure", "--measure", "P05", "--response", "declined", "--reason", "N01"]);
    let no_document = scene.refused("jd", &["measure", "--measure", "G01"]);
    assert!(no_document.contains("document"), "{no_document}");
    scene.run("alibaba", &["commitment", "--evidence", "letter of commitment"]);
    scene.everywhere("listed", "committed");
    scene.run("alibaba", &["commitment", "--step", "rectified", "--evidence", "photographs"]);
    scene.everywhere("listed", "rectified");
    let of_alibaba = |slug: &str| scene.check(slug)["listings"][0].clone();
    assert!(PLATFORMS.iter().all(|slug| of_alibaba(slug)["enforceable"] == false));
    let life = scene.run("jd", &["life"]);
    assert_eq!(life["listings"][0]["measures"][0]["reason"], "N01", "{life}");
    scene.run("alibaba", &["clear", "--reason", "R02"]);
    scene.run("pdd", &["clear", "--reason", "R05"]);
    scene.everywhere("not_listed", "");

    // What others make of a publisher's listings, and what members did, is the same at every node.
    for slug in PLATFORMS {
        let status = scene.alliance[slug].http().get("/v1/status").ok();
        let quality = |of: &str| {
            let rows = status["quality"].as_array().unwrap();
            rows.iter().find(|row| row["publisher"] == of).unwrap().clone()
        };
        let (alibaba, jd) = (quality("alibaba"), quality("jd"));
        assert_eq!((&alibaba["rulings"], &alibaba["overturn_rate"]), (&1.into(), &0.0.into()), "{slug}: {alibaba}");
        assert_eq!((&jd["rulings"], &jd["overturn_rate"]), (&1.into(), &1.0.into()), "{slug}: {jd}");
        let effects = scene.alliance[slug].command(&["effects"]);
        let rows = effects["effects"].as_array().unwrap();
        let of = |member: &str| rows.iter().find(|row| row["member"] == member).unwrap();
        assert_eq!(rows.len(), 3, "{slug}: {effects}");
        assert_eq!(
            (&of("jd")["declined"], &of("jd")["upheld"], &of("jd")["conduct"]),
            (&2.into(), &1.into(), &"C01".into())
        );
        assert_eq!((&of("pdd")["disputed"], &of("alibaba")["rectified"]), (&2.into(), &2.into()), "{slug}: {effects}");
    }

    // A restart reads it all again, from what is durable.
    let mut scene = scene;
    scene.list("alibaba");
    scene.everywhere("listed", "reported");
    scene.run("jd", &["dispute", "--reason", "D01", "--evidence", "letter"]);
    scene.everywhere("disputed", "reported");
    scene.alliance["pdd"].kill();
    scene.alliance["pdd"].start();
    assert_eq!(scene.check("pdd")["answer"], "disputed");
    scene.run("jd", &["dispute", "--withdraw"]);
    scene.everywhere("listed", "reported");
}

#[test]
fn days_alone_lapse_a_report_make_a_subject_overdue_and_suspend_what_nobody_answers() {
    let mut scene = Scene::new();
    scene.list("alibaba");
    scene.everywhere("listed", "reported");
    // Fifteen working days are at most 35 days, whatever the holidays.
    scene.move_clock(36);
    scene.heartbeats();
    scene.everywhere("candidate", "lapsed");
    scene.list("jd");
    scene.everywhere("listed", "confirmed");

    scene.run("pdd", &["dispute", "--reason", "D02", "--evidence", "letter", "--publisher", "alibaba"]);
    for slug in PLATFORMS {
        wait_until("the dispute is everywhere", || scene.check(slug)["listings"][0]["disputed"].is_string());
        assert_ne!(scene.check(slug)["listings"][0]["suspended"], true);
    }
    scene.move_clock(36 + 21);
    scene.heartbeats();
    for slug in PLATFORMS {
        let first = &scene.check(slug)["listings"][0];
        assert_eq!((&first["suspended"], &first["enforceable"]), (&true.into(), &false.into()), "{slug}: {first}");
    }
    let due = scene.alliance["pdd"].command(&["due", "--all", "--duty", "hard-stop"]);
    assert_eq!((&due["overdue"], &due["due"][0]["publisher"]), (&1.into(), &"alibaba".into()), "{due}");

    scene.run("alibaba", &["rule", "--outcome", "corrected", "--reason", "J06"]);
    scene.run("alibaba", &["notice", "--publisher", "alibaba"]);
    scene.everywhere("listed", "noticed");
    scene.run("alibaba", &["commitment", "--evidence", "letter", "--publisher", "alibaba"]);
    scene.everywhere("listed", "committed");
    scene.move_clock(36 + 21 + 93);
    scene.heartbeats();
    scene.everywhere("listed", "overdue");
    scene.run("alibaba", &["notice", "--step", "escalate", "--publisher", "alibaba"]);
    scene.everywhere("listed", "escalated");
}
