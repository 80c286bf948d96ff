//! Sealed details: who holds the identifier reads them, nobody else.

use std::path::Path;

use antibrush_tests::{Alliance, Node};
use serde_json::{Value, json};

const ID: &str = "taobao:sealed-details-1";
const DETAILS: &str = "案号 2026-118，法务部";

fn list(node: &Node, id: &str, details: &str, severity: &str) -> Value {
    let item = json!({ "class": "ACC", "id": id, "conduct": "C01", "evidence": "case-118", "severity": severity,
        "details": details });
    node.http().post("/v1/listings", &json!({ "items": [item] })).ok()
}

fn check(node: &Node, id: &str, details: bool) -> Value {
    let question = json!({ "class": "ACC", "id": id, "purpose": "test", "details": details });
    node.http().post("/v1/check", &question).ok()
}

/// Whether any file below a directory holds these bytes.
fn is_anywhere(directory: &Path, text: &str) -> bool {
    std::fs::read_dir(directory).unwrap().any(|item| {
        let path = item.unwrap().path();
        match path.is_dir() {
            true => is_anywhere(&path, text),
            // A socket or a file that has just gone holds nothing.
            false => {
                std::fs::read(&path).is_ok_and(|bytes| bytes.windows(text.len()).any(|found| found == text.as_bytes()))
            }
        }
    })
}

#[test]
fn details_reach_who_holds_the_identifier_and_nobody_else() {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    alliance.admit("regulator", "observer");
    alliance.settle();
    assert_eq!(list(&alliance["alibaba"], ID, DETAILS, "ordinary")["counted"]["listed"], 1);
    alliance.wait_for_leaves("alibaba", 1);
    for slug in ["alibaba", "jd"] {
        assert_eq!(check(&alliance[slug], ID, true)["listings"][0]["details"], DETAILS, "{slug}");
        let bare = check(&alliance[slug], ID, false);
        assert_eq!((&bare["answer"], bare["listings"][0].get("details")), (&json!("listed"), None), "{slug}");
        assert!(!is_anywhere(&alliance[slug].directory, "2026-118"), "{slug} wrote them down");
    }
    assert!(!is_anywhere(&alliance["regulator"].directory, "2026-118"));
    assert!(is_anywhere(&alliance["regulator"].directory, "regulator"), "the search finds what is there");
    let seen = alliance["jd"].outcome(&["check", "--class", "ACC", "--id", ID]).stdout;
    assert!(seen.contains(&format!("alibaba CXH: {DETAILS}")), "{seen}");
    // They belong to the listing and stay with it when it is amended.
    assert_eq!(list(&alliance["alibaba"], ID, "other", "severe")["counted"]["amended"], 1);
    alliance.wait_for_leaves("alibaba", 2);
    let amended = check(&alliance["jd"], ID, true);
    assert_eq!(
        (&amended["listings"][0]["severity"], &amended["listings"][0]["details"]),
        (&json!("severe"), &json!(DETAILS))
    );
    let refused = list(&alliance["alibaba"], "taobao:sealed-details-2", &"长".repeat(85), "ordinary");
    assert_eq!(refused["outcomes"][0]["outcome"], "refused");
    assert!(refused["outcomes"][0]["reason"].as_str().unwrap().contains("at most 254 bytes"), "{refused}");
    assert!(refused["outcomes"][0]["reason_zh"].as_str().unwrap().contains("254"), "{refused}");
}

#[test]
fn a_column_of_a_file_is_sealed() {
    let alliance = Alliance::with(&["alibaba", "jd"]);
    let file = format!(
        "主体类型,主体标识,失信行为,证据编号,共享详情\nACC,{ID},C01,case-1,{DETAILS}\nACC,taobao:plain,C01,case-2,\n"
    );
    assert_eq!(alliance.import("alibaba", "list.csv", file)["counted"]["listed"], 2);
    alliance.wait_for_leaves("alibaba", 2);
    assert_eq!(check(&alliance["jd"], ID, true)["listings"][0]["details"], DETAILS);
    assert_eq!(check(&alliance["jd"], "taobao:plain", true)["listings"][0].get("details"), None);
}
