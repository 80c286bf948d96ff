//! A member's node is copied with its keys, and the two copies publish two histories: every node freezes the feed where they part,
//! anybody can prove it, and the stewards decide how it goes on.

use antibrush_tests::{Alliance, Node, copy_directory, list_arguments, wait_until};
use serde_json::Value;

/// Lists an account with the command line, whether or not the node runs.
fn list(node: &Node, account: &str) -> Value {
    node.command(&list_arguments(account))
}

#[test]
fn a_copied_node_publishes_two_histories_and_the_stewards_decide() {
    let mut alliance = Alliance::with(&["alibaba", "jd", "pdd"]);
    let id = alliance.id.clone();
    alliance["jd"].list_accounts(&["taobao:common".to_owned()]);
    alliance.wait_for_leaves("jd", 1);
    let common = alliance["alibaba"].feed("jd");
    let path = |name: &str| alliance.root().join(name).display().to_string();
    let (proof, thaw, twin_directory) = (path("proof"), path("thaw"), alliance.root().join("jd-copy"));

    // The copy and the original list something else each, offline, and are shown to one member each.
    alliance["jd"].stop();
    alliance["pdd"].stop();
    copy_directory(&alliance["jd"].directory, &twin_directory);
    let mut twin = Node::new(alliance.root(), "jd-copy");
    twin.listen.clone_from(&alliance["jd"].listen);
    list(&alliance["jd"], "taobao:left");
    list(&twin, "taobao:right");
    alliance["jd"].start();
    wait_until("alibaba has one history", || alliance["alibaba"].answer("ACC", "taobao:left") == "listed");
    let left = alliance["alibaba"].feed("jd");
    alliance["jd"].stop();
    alliance["alibaba"].stop();
    alliance["pdd"].start();
    twin.start();
    wait_until("pdd has the other history", || alliance["pdd"].answer("ACC", "taobao:right") == "listed");
    let right = alliance["pdd"].feed("jd");
    assert_eq!((&left["seq"], &left["size"]), (&right["seq"], &right["size"]));
    assert_ne!(left["head"], right["head"]);

    // They meet: frozen everywhere at the last common head; what stood before stands.
    alliance["alibaba"].start();
    for node in [&alliance["alibaba"], &alliance["pdd"], &twin] {
        wait_until(&format!("{} freezes the feed", node.slug), || {
            let feed = node.feed("jd");
            feed["standing"] == "frozen" && feed["head"] == common["head"]
        });
        assert_eq!(node.answer("ACC", "taobao:common"), "listed", "{}", node.slug);
        for contested in ["taobao:left", "taobao:right"] {
            assert_ne!(node.answer("ACC", contested), "listed", "{}", node.slug);
        }
        let stands = common["seq"].as_u64().unwrap() + 1;
        assert_eq!(node.void("jd"), [(stands, 1, 1)], "{}", node.slug);
        assert_eq!(node.feed("jd")["void_batches"], 1, "{}", node.slug);
    }
    let refusal = twin.refused(&list_arguments("taobao:more"));
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
            let feed = node.feed("jd");
            feed["standing"] == "open" && feed["head"] == left["head"]
        });
        assert_eq!(node.answer("ACC", "taobao:left"), "listed", "{}", node.slug);
        assert_ne!(node.answer("ACC", "taobao:right"), "listed", "{}", node.slug);
        assert_eq!(node.feed("jd")["cuts"][0]["head"], left["head"], "{}", node.slug);
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
    assert_eq!(alliance["pdd"].feed("jd")["standing"], "open");
    // Settled, and provable for ever.
    alliance["alibaba"].command(&["proof", "equivocation", "--publisher", "jd", "--out", &proof]);
    assert_eq!(stranger.command(&verify)["holds"], true);
}
