//! Two charters with one number, both signed by the quorum: each node goes on with the one that it saw first, reports the other
//! one, and goes over to it by one command.

use std::{fs, path::PathBuf};

use antibrush_tests::{Alliance, Node, wait_until};
use serde_json::Value;

fn forks(node: &Node) -> Vec<PathBuf> {
    let files = fs::read_dir(node.directory.join("charters")).unwrap().map(|entry| entry.unwrap().path());
    files.filter(|path| path.extension().is_some_and(|extension| extension == "fork")).collect()
}

/// What `status` says: number, short id and file of each.
fn shown(node: &Node) -> Vec<(u64, String, String)> {
    let status = node.command(&["status"]);
    let text = |fork: &Value, key: &str| fork[key].as_str().unwrap().to_owned();
    let forks = status["forks"].as_array().unwrap().iter();
    forks.map(|fork| (fork["charter"].as_u64().unwrap(), text(fork, "id"), text(fork, "file"))).collect()
}

fn counted(node: &Node) -> Option<u64> {
    let metrics = node.http().get("/metrics").text();
    metrics.lines().find_map(|line| line.strip_prefix("antibrush_charter_forks ")?.parse().ok())
}

#[test]
fn a_node_goes_over_to_the_other_side_of_a_fork() {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    let path = |name: &str| alliance.root().join(name).display().to_string();
    let (one, two) = (path("one"), path("two"));
    for (file, corroboration) in [(&one, "3"), (&two, "4")] {
        alliance["alibaba"].command(&[
            "alliance",
            "propose",
            "policy",
            "--corroboration",
            corroboration,
            "--out",
            file,
        ]);
    }
    let before = "taobao:before".to_owned();
    alliance["jd"].list_accounts(std::slice::from_ref(&before));
    wait_until("it is answered", || alliance["alibaba"].answer("ACC", &before) == "listed");
    alliance["jd"].stop();
    alliance["alibaba"].command(&["alliance", "publish", &one]);
    // The node of jd hears of the other one first, and publishes under it.
    let number = alliance["jd"].command(&["alliance", "publish", &two])["charter"].as_u64().unwrap();
    let lost = "taobao:under-the-other".to_owned();
    let list = ["list", "--class", "ACC", "--id", &lost, "--conduct", "C01", "--evidence", "test"];
    alliance["jd"].command(&list);
    alliance["jd"].start();
    wait_until("jd keeps the other one as evidence", || !forks(&alliance["jd"]).is_empty());
    let other = forks(&alliance["jd"])[0].display().to_string();
    // It shows, here and where the other side is in force.
    for node in &alliance.nodes {
        wait_until(&format!("{} says so", node.slug), || shown(node).len() == 1);
        let [(version, id, file)] = &shown(node)[..] else { panic!("{}", node.slug) };
        let named = format!("{version:08}.{id}.fork");
        assert!(*version == number && id.len() == 16 && file.ends_with(&named), "{}: {file}", node.slug);
        assert_eq!(fs::canonicalize(file).unwrap(), fs::canonicalize(&forks(node)[0]).unwrap(), "{}", node.slug);
        let text = node.outcome(&["status"]).stdout;
        assert!(text.contains(&format!("a second version {number} of the charter ({id})")), "{text}");
        assert!(text.contains(&format!("antibrush alliance adopt {file}")), "{text}");
        assert_eq!(counted(node), Some(1), "{}", node.slug);
    }
    // A file that is none hides nothing.
    fs::write(alliance["jd"].directory.join("charters/00000000.0.fork"), "none").unwrap();
    assert_eq!(shown(&alliance["jd"]).len(), 1);
    fs::remove_file(alliance["jd"].directory.join("charters/00000000.0.fork")).unwrap();
    assert_eq!(alliance["alibaba"].answer("ACC", &lost), "not_listed");

    let refusal = alliance["jd"].refused(&["alliance", "adopt", &other]);
    assert!(refusal.contains("stop that node first"), "the node runs: {refusal}");
    alliance["jd"].stop();
    let refusal = alliance["jd"].refused(&["alliance", "adopt", &one]);
    assert!(refusal.contains("no signed charter"), "{refusal}");
    let ours = alliance["jd"].directory.join(format!("charters/{number:08}.charter")).display().to_string();
    assert!(alliance["jd"].refused(&["alliance", "adopt", &ours]).contains("nothing to adopt"));
    let first = alliance["jd"].directory.join("charters/00000001.charter").display().to_string();
    assert!(alliance["jd"].refused(&["alliance", "adopt", &first]).contains("the first version in which"));
    let mark = alliance["jd"].directory.join("recovering");
    assert!(!mark.exists(), "a refusal changes nothing");
    // As if an earlier attempt had ended between the file and the documents.
    fs::copy(&other, &ours).unwrap();
    let adopted = alliance["jd"].command(&["alliance", "adopt", &other]);
    assert!(mark.exists(), "the own feed is compared before anything is signed");
    assert_eq!((&adopted["charter"], &adopted["left"], &adopted["feeds"]), (&number.into(), &1.into(), &1.into()));
    assert_eq!(forks(&alliance["jd"]).len(), 2, "what was left behind is evidence");

    alliance["jd"].start();
    alliance.settle();
    // What it left behind is named until somebody moves it away; what it went over to is no fork any more.
    assert_eq!(shown(&alliance["jd"]).len(), 1);
    assert_ne!(shown(&alliance["jd"])[0].2, other);
    fs::remove_file(&shown(&alliance["jd"])[0].2).unwrap();
    assert_eq!((shown(&alliance["jd"]).len(), counted(&alliance["jd"])), (0, Some(0)));
    // What both sides had stands; what was said on the other one is said again.
    assert_eq!(alliance["jd"].answer("ACC", &before), "listed");
    assert_eq!(alliance["jd"].answer("ACC", &lost), "not_listed");
    wait_until("jd publishes again", || {
        let reply =
            alliance["jd"].http().post("/v1/listings", &antibrush_tests::listing_of(std::slice::from_ref(&lost)));
        reply.status == 200
    });
    wait_until("it is answered by the other", || alliance["alibaba"].answer("ACC", &lost) == "listed");
    for node in &alliance.nodes {
        node.verify("jd");
    }
}
