//! A feed key is stolen: the stewards revoke it up to the last good head, what the thief published after that is void on every node,
//! and the member goes on under another key.

use std::path::Path;

use antibrush_tests::{Alliance, Node, copy_directory, list_arguments, listing_of, wait_until};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::Value;

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
    copy_directory(&alliance["jd"].directory, &thief.directory);
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
    let last = alliance["pdd"].feed("jd");
    let batches = last["seq"].as_u64().unwrap() + 1;
    thief.stop();
    // One more, signed before the thief hears of the revocation.
    thief.command(&list_arguments("taobao:forged-3"));

    let stolen = public_key(&alliance["jd"].directory.join("keys").join("feed.pem"));
    let made = alliance["jd"].command(&["alliance", "rotate-key", "feed", "--key-only"]);
    let successor = made["key"].as_str().unwrap().to_owned();
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
        let feed = node.feed("jd");
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
        let feed = node.feed("jd");
        let cut = &feed["cuts"][0];
        assert_eq!((&cut["size"], &cut["head"]), (&1.into(), &feed["head"]), "{feed}");
        let kept = cut["batches"].as_u64().unwrap();
        assert_eq!(node.void("jd"), [(kept, 1, 2)], "{slug}");
        assert_eq!(feed["void_batches"], batches - kept, "{slug}");
        let shown = node.outcome(&["feed", "show", "--publisher", "jd"]);
        let text = &shown.stdout;
        assert!(text.contains("it stands up to 1 entries") && text.contains("are void and out of force"), "{shown:?}");
        node.verify("jd");
    }

    // The thief's own node comes to the same, with one entry more, which nobody else ever took; it publishes nothing more.
    thief.start();
    wait_until("the thief's node takes the feed back", || stands(&thief));
    assert_eq!(thief.void("jd").iter().map(|(_, leaf, count)| (*leaf, *count)).collect::<Vec<_>>(), [(1, 3)]);
    let refusal = thief.refused(&list_arguments("taobao:forged-4"));
    let charter = thief.http().get("/v1/status").ok()["charter"].as_u64().unwrap();
    assert!(refusal.contains(&format!("charter {charter} revoked the feed key of this node for good")), "{refusal}");
    let posted = thief.http().post("/v1/listings", &listing_of(&["taobao:forged-4".to_owned()]));
    assert_eq!(posted.problem(), (409, "key-revoked".to_owned()));
    let taken = thief.http().post("/v1/writer", &Value::Null);
    assert_eq!(taken.problem(), (409, "key-revoked".to_owned()));
    thief.stop();

    // The member's node has the successor beside the stolen key and goes on.
    alliance["jd"].start();
    wait_until("the member knows of the revocation", || alliance["jd"].feed("jd")["cuts"][0]["size"] == 1);
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
        assert_eq!((&node.feed("jd")["standing"], &node.feed("jd")["size"]), (&"open".into(), &2.into()), "{slug}");
        node.verify("jd");
    }

    // With the member's node away, the thief's node follows the feed and adds nothing to it.
    alliance["jd"].stop();
    thief.start();
    wait_until("the thief's node follows", || thief.answer("ACC", "taobao:honest") == "listed");
    thief.refused(&list_arguments("taobao:forged-5"));
    for slug in ["alibaba", "pdd"] {
        let node = &alliance[slug];
        assert_eq!((&node.feed("jd")["standing"], &node.feed("jd")["size"]), (&"open".into(), &2.into()), "{slug}");
        assert_ne!(node.answer("ACC", "taobao:forged-5"), "listed", "{slug}");
    }
}
