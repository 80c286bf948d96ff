//! Joining when there is much to catch up on.

use antibrush_tests::Alliance;

/// Every admission is a charter version; one answer holds sixteen.
#[test]
fn the_last_of_twenty_gets_every_charter() {
    let mut alliance = Alliance::founded("alibaba");
    for number in 2..=20 {
        alliance.join(&format!("member-{number}"), "platform");
    }
    let last = alliance.nodes.last_mut().expect("it has just joined");
    let members = last.command(&["alliance", "members"]);
    assert_eq!(members["members"].as_array().map(Vec::len), Some(20), "{members}");
    last.start();
    assert_eq!(last.http().get("/v1/status").ok()["charter"], 20);
}
