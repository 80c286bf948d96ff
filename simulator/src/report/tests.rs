use std::sync::Arc;

use super::*;
use crate::{run, scenario::library};

fn small() -> (Scenario, Outcome) {
    let mut scenario = library::named("first-alliance").unwrap().scenario().unwrap();
    scenario.name_en = "<b>&".to_owned();
    scenario.duration = "10min".parse().unwrap();
    let outcome = run::run(&Arc::new(scenario.clone()), 5, &|_| ());
    (scenario, outcome)
}

#[test]
fn the_page_stands_alone_and_shows_the_run() {
    let (scenario, outcome) = small();
    let page = page(&scenario, 5, &outcome);
    // Nothing comes from elsewhere, and no name is markup.
    for absent in ["http:", "https:", "src=", "<script", "url(", "@import", "<b>&"] {
        assert!(!page.contains(absent), "{absent}");
    }
    for present in ["所有不变量成立", "Every invariant held", "&lt;b&gt;&amp;", "prefers-color-scheme"] {
        assert!(page.contains(present), "{present}");
    }
    assert_eq!(page.matches("<svg").count(), 4, "spread, missing, nodes, bandwidth");
    assert_eq!(page.matches("<polyline").count(), 5);
    assert!(!page.contains("NaN") && !page.contains("inf"), "every point is a number");
}

#[test]
fn a_broken_run_says_what_broke() {
    let (scenario, mut outcome) = small();
    outcome.violation = Some(crate::invariant::Violation {
        alliance: 0,
        at_ms: 1500,
        node: Some(2),
        invariant: crate::invariant::Invariant::NothingLost,
        found: "batch 3 is gone".into(),
    });
    let page = page(&scenario, 5, &outcome);
    assert!(page.contains("不变量被破坏：nothing-lost（已确认的不丢失），联盟 0，节点 2，1.500 秒：batch 3 is gone"));
    assert!(page.contains("nothing-lost at 1.500s in alliance 0, node 2: batch 3 is gone"));
}

#[test]
fn figures_are_written_for_people() {
    assert_eq!([0, 999, 1000, 1234567].map(grouped), ["0", "999", "1,000", "1,234,567"]);
    assert_eq!([850, 12_500, 180_000, 7_200_000].map(millis), ["850 ms", "12.5 s", "3.0 min", "2.0 h"]);
    assert_eq!([3_600_000, 95_400_000].map(clock), ["01:00", "1d 02:30"]);
    assert_eq!([900, 1_200, 3_450_000].map(bits), ["900 bit/s", "1.2 kbit/s", "3.4 Mbit/s"]);
}
