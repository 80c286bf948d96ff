//! A feed key is stolen: the stewards revoke it up to the last good head, what the thief published after that is void on every node,
//! and the member goes on under another key.

use std::path::Path;

use antibrush_tests::{Alliance, Node, wait_until};
use base64::{Engine, engine::general_purpose::STANDARD};
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

fn list_arguments(account: &str) -> [&str; 9] {
    ["list", "--class", "ACC", "--id", account, "--conduct", "C06", "--evidence", "case"]
}

fn feed(node: &Node) -> Value {
    node.http().get("/v1/feeds/jd").ok()
}

/// What the change stream says is void: batches that stand, the first void entry, how many.
fn void(node: &Node) -> Vec<(u64, u64, u64)> {
    let changes = node.http().get("/v1/changes?wait=0").ok();
    let of_jd = |change: &&Value| change["kind"] == "void" && change["publisher"] == "jd";
    let voids = changes["changes"].as_array().unwrap().iter().filter(of_jd);
    let number = |change: &Value, key: &str| change[key].as_u64().unwrap();
    voids.map(|change| (number(change, "stands"), number(change, "leaf"), number(change, "void"))).collect()
}

/// The public key in a key file, in hex: the last 32 bytes of its SubjectPublicKeyInfo (RFC 8410).
fn public_key(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let (_, block) = text.split_once("-----BEGIN PUBLIC KEY-----").unwrap();
    let (block, _) = block.split_once("-----END PUBLIC KEY-----").unwrap();
    let der = STANDARD.decode(block.split_whitespace().collect::<String>()).unwrap();
    hex::encode(&der[der.len() - 32..])
}

#[test]
fn what_a_thief_published_is_void_and_the_member_goes_on_under_another_key() {
    let mut alliance = Alliance::with(&["alibaba", "jd", "pdd"]);
    let path = |name: &str| alliance.root().join(name).display().to_string();
    let proposal = path("revoke");
    alliance["jd"].list_accounts(&["taobao:good".to_owned()]);
    alliance.wait_for_leaves("jd", 1);

    // The stopped node's directory is copied, and a stranger publishes with it.
    alliance["jd"].stop();
    let mut thief = Node::new(alliance.root(), "thief");
    copy(&alliance["jd"].directory, &thief.directory);
    thief.listen.clone_from(&alliance["jd"].listen);
    thief.start();
    let forged = ["taobao:forged-1", "taobao:forged-2"];
    for (account, size) in forged.iter().zip(2..) {
        thief.command(&list_arguments(account));
        alliance.wait_for_leaves("jd", size);
    }
    for slug in ["alibaba", "pdd"] {
        for account in forged {
            assert_eq!(alliance[slug].answer("ACC", account), "listed", "nobody can know yet");
        }
    }
    let last = feed(&alliance["pdd"]);
    let batches = last["seq"].as_u64().unwrap() + 1;
    thief.stop();
    // One more, signed before the thief hears of the revocation.
    thief.command(&list_arguments("taobao:forged-3"));

    // A key of the same kind from a node that never joined.
    let scratch = alliance.make("scratch", "platform");
    let successor_file = scratch.directory.join("keys").join("feed.pem");
    let (stolen, successor) =
        (public_key(&alliance["jd"].directory.join("keys").join("feed.pem")), public_key(&successor_file));
    let alibaba = &alliance["alibaba"];
    let revoke = ["alliance", "propose", "revoke", "--slug", "jd", "--size"];
    let more = ["--successor", &successor, "--out", &proposal];
    let unknown = alibaba.refused(&[&revoke[..], &["77"], &more].concat());
    assert!(unknown.contains("no head of that feed"), "{unknown}");
    let made = alibaba.command(&[&revoke[..], &["1"], &more].concat());
    let said = made["differences"].to_string();
    assert!(said.contains(&stolen) && said.contains("revoked for good") && said.contains(&successor), "{said}");
    assert!(said.contains("jd: its feed stands up to 1 entries"), "{said}");
    alibaba.command(&["alliance", "publish", &proposal]);

    // Void on every node that had them, the earlier one as before.
    let stands = |node: &Node| {
        let feed = feed(node);
        feed["size"] == 1 && feed["standing"] == "open"
    };
    for slug in ["alibaba", "pdd"] {
        let node = &alliance[slug];
        wait_until(&format!("{slug} takes the feed back"), || stands(node));
        assert_eq!(node.answer("ACC", "taobao:good"), "listed", "{slug}");
        for account in forged {
            // Stale or not listed: whether the feed counts as fresh is for the peers to say.
            assert_ne!(node.answer("ACC", account), "listed", "{slug}");
        }
        let feed = feed(node);
        let cut = &feed["cuts"][0];
        assert_eq!((&cut["size"], &cut["head"]), (&1.into(), &feed["head"]), "{feed}");
        let kept = cut["batches"].as_u64().unwrap();
        assert_eq!(void(node), [(kept, 1, 2)], "{slug}");
        assert_eq!(feed["void_batches"], batches - kept, "{slug}");
        let shown = node.outcome(&["feed", "show", "--publisher", "jd"]);
        let text = &shown.stdout;
        assert!(text.contains("it stands up to 1 entries") && text.contains("are void and out of force"), "{shown:?}");
        node.verify("jd");
    }

    // The thief's own node comes to the same, with one entry more, which nobody else ever took; it publishes nothing more.
    thief.start();
    wait_until("the thief's node takes the feed back", || stands(&thief));
    assert_eq!(void(&thief).iter().map(|(_, leaf, count)| (*leaf, *count)).collect::<Vec<_>>(), [(1, 3)]);
    let refusal = thief.refused(&list_arguments("taobao:forged-4"));
    assert!(refusal.contains("does not pass validation"), "{refusal}");
    thief.stop();

    // The member puts the successor in the place of the stolen key and goes on.
    let jd = &mut alliance["jd"];
    std::fs::copy(&successor_file, jd.directory.join("keys").join("feed.pem")).unwrap();
    jd.start();
    wait_until("the member knows of the revocation", || feed(&alliance["jd"])["cuts"][0]["size"] == 1);
    wait_until("the member publishes", || alliance["jd"].outcome(&list_arguments("taobao:honest")).status == Some(0));
    for slug in ["alibaba", "jd", "pdd"] {
        let node = &alliance[slug];
        wait_until(&format!("{slug} has what the member published"), || {
            node.answer("ACC", "taobao:honest") == "listed"
        });
        assert_eq!(node.answer("ACC", "taobao:good"), "listed", "{slug}");
        for account in forged.iter().chain(&["taobao:forged-3", "taobao:forged-4"]) {
            assert_ne!(node.answer("ACC", account), "listed", "{slug}");
        }
        assert_eq!((&feed(node)["standing"], &feed(node)["size"]), (&"open".into(), &2.into()), "{slug}");
        node.verify("jd");
    }

    // With the member's node away, the thief's node follows the feed and adds nothing to it.
    alliance["jd"].stop();
    thief.start();
    wait_until("the thief's node follows", || thief.answer("ACC", "taobao:honest") == "listed");
    thief.refused(&list_arguments("taobao:forged-5"));
    for slug in ["alibaba", "pdd"] {
        let node = &alliance[slug];
        assert_eq!((&feed(node)["standing"], &feed(node)["size"]), (&"open".into(), &2.into()), "{slug}");
        assert_ne!(node.answer("ACC", "taobao:forged-5"), "listed", "{slug}");
    }
}
