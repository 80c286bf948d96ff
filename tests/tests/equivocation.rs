//! A member's node is copied with its keys, and the two copies publish two histories: every node freezes the feed where they part,
//! anybody can prove it, and the stewards decide how it goes on.

use std::path::Path;

use antibrush_tests::{Alliance, Node, wait_until};
use serde_json::Value;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// Lists an account with the command line, whether or not the node runs.
fn list(node: &Node, account: &str) -> Value {
    node.command(&["list", "--class", "ACC", "--id", account, "--conduct", "C06", "--evidence", "case"])
}

fn feed(node: &Node) -> Value {
    node.http().get("/v1/feeds/jd").ok()
}

/// What the change stream says is void, as batches that stand and entries that do not.
fn void(node: &Node) -> Vec<(u64, u64)> {
    let changes = node.http().get("/v1/changes?wait=0").ok();
    let of_jd = |change: &&Value| change["kind"] == "void" && change["publisher"] == "jd";
    let voids = changes["changes"].as_array().unwrap().iter().filter(of_jd);
    voids.map(|change| (change["stands"].as_u64().unwrap(), change["void"].as_u64().unwrap())).collect()
}

#[test]
fn a_copied_node_publishes_two_histories_and_the_stewards_decide() {
    let mut alliance = Alliance::with(&["alibaba", "jd", "pdd"]);
    let id = alliance.id.clone();
    alliance["jd"].list_accounts(&["taobao:common".to_owned()]);
    alliance.wait_for_leaves("jd", 1);
    let common = feed(&alliance["alibaba"]);
    let path = |name: &str| alliance.root().join(name).display().to_string();
    let (proof, thaw, twin_directory) = (path("proof"), path("thaw"), alliance.root().join("jd-copy"));

    // The copy and the original list something else each, offline, and are shown to one member each.
    alliance["jd"].stop();
    alliance["pdd"].stop();
    copy(&alliance["jd"].directory, &twin_directory);
    let mut twin = Node::new(alliance.root(), "jd-copy");
    twin.listen.clone_from(&alliance["jd"].listen);
    list(&alliance["jd"], "taobao:left");
    list(&twin, "taobao:right");
    alliance["jd"].start();
    wait_until("alibaba has one history", || alliance["alibaba"].answer("ACC", "taobao:left") == "listed");
    let left = feed(&alliance["alibaba"]);
    alliance["jd"].stop();
    alliance["alibaba"].stop();
    alliance["pdd"].start();
    twin.start();
    wait_until("pdd has the other history", || alliance["pdd"].answer("ACC", "taobao:right") == "listed");
    let right = feed(&alliance["pdd"]);
    assert_eq!((&left["seq"], &left["size"]), (&right["seq"], &right["size"]));
    assert_ne!(left["head"], right["head"]);

    // They meet: frozen everywhere at the last common head; what stood before stands.
    alliance["alibaba"].start();
    for node in [&alliance["alibaba"], &alliance["pdd"], &twin] {
        wait_until(&format!("{} freezes the feed", node.slug), || {
            let feed = feed(node);
            feed["standing"] == "frozen" && feed["head"] == common["head"]
        });
        assert_eq!(node.answer("ACC", "taobao:common"), "listed", "{}", node.slug);
        for contested in ["taobao:left", "taobao:right"] {
            assert_ne!(node.answer("ACC", contested), "listed", "{}", node.slug);
        }
        let stands = common["seq"].as_u64().unwrap() + 1;
        assert_eq!(void(node), [(stands, 1)], "{}", node.slug);
        assert_eq!(feed(node)["void_batches"], 1, "{}", node.slug);
    }
    let list_more = ["list", "--class", "ACC", "--id", "taobao:more", "--conduct", "C06", "--evidence", "case"];
    let refusal = twin.refused(&list_more);
    assert!(refusal.contains("frozen"), "{refusal}");

    // The proof is a file that a stranger verifies.
    alliance["pdd"].command(&["proof", "equivocation", "--publisher", "jd", "--out", &proof]);
    let stranger = Node::new(alliance.root(), "stranger");
    let verify = ["proof", "verify", &proof, "--alliance", &id];
    let proven = stranger.command(&verify);
    let mut ids = [&left["head"], &right["head"]];
    ids.sort_by_key(|id| id.as_str().unwrap().to_owned());
    assert_eq!((&proven["kind"], &proven["publisher"]), (&"equivocation".into(), &"jd".into()), "{proven}");
    assert_eq!((&proven["seq"], &proven["common_size"]), (&left["seq"], &common["size"]), "{proven}");
    assert_eq!([&proven["ids"][0], &proven["ids"][1]], ids, "{proven}");
    assert!(!stranger.directory.exists(), "verifying needs no data directory");
    let text = stranger.outcome(&verify).stdout;
    assert!(text.contains("jd signed two histories") && text.contains(left["head"].as_str().unwrap()), "{text}");
    let other = "00".repeat(32);
    assert!(stranger.refused(&["proof", "verify", &proof, "--alliance", &other]).contains("does not hold"));
    let nobody = alliance["pdd"].refused(&["proof", "equivocation", "--publisher", "alibaba", "--out", &proof]);
    assert!(nobody.contains("no second history"), "{nobody}");

    // The stewards decide for one of them; a feed that goes on needs no decision.
    let alibaba = &alliance["alibaba"];
    let open = alibaba.refused(&["alliance", "propose", "thaw", "--slug", "pdd", "--out", &thaw]);
    assert!(open.contains("not frozen"), "{open}");
    let unknown = alibaba.refused(&["alliance", "propose", "thaw", "--slug", "jd", "--size", "77", "--out", &thaw]);
    assert!(unknown.contains("no head of that feed"), "{unknown}");
    let head = left["head"].as_str().unwrap();
    let made = alibaba.command(&["alliance", "propose", "thaw", "--slug", "jd", "--head", head, "--out", &thaw]);
    let said = made["differences"][0]["en"].as_str().unwrap();
    assert!(said.contains("jd: its feed stands up to 2 entries") && said.contains(head), "{said}");
    alibaba.command(&["alliance", "publish", &thaw]);
    for node in [&alliance["alibaba"], &alliance["pdd"], &twin] {
        wait_until(&format!("{} has the history that counts", node.slug), || {
            let feed = feed(node);
            feed["standing"] == "open" && feed["head"] == left["head"]
        });
        assert_eq!(node.answer("ACC", "taobao:left"), "listed", "{}", node.slug);
        assert_ne!(node.answer("ACC", "taobao:right"), "listed", "{}", node.slug);
        assert_eq!(feed(node)["cuts"][0]["head"], left["head"], "{}", node.slug);
    }
    list(&twin, "taobao:after");
    for node in [&alliance["alibaba"], &alliance["pdd"]] {
        wait_until("the feed goes on", || node.answer("ACC", "taobao:after") == "listed");
    }
    // The original comes back, finds its feed further than it left it, and goes on from there.
    twin.stop();
    alliance["jd"].start();
    wait_until("the original has it, too", || alliance["jd"].answer("ACC", "taobao:after") == "listed");
    alliance["jd"].list_accounts(&["taobao:last".to_owned()]);
    wait_until("everybody has the last one", || alliance["pdd"].answer("ACC", "taobao:last") == "listed");
    assert_eq!(feed(&alliance["pdd"])["standing"], "open");
    // Settled, and provable for ever.
    alliance["alibaba"].command(&["proof", "equivocation", "--publisher", "jd", "--out", &proof]);
    assert_eq!(stranger.command(&verify)["holds"], true);
}
