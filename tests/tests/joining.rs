//! Joining by file: a newcomer needs `init`, `join-request` and `join`, a steward one command; where two stewards must agree the
//! newcomer waits for them. A further node of a member comes the same way.

use std::{fs, time::Duration};

use antibrush_tests::{Alliance, Node, uscc, wait_for, wait_until};
use rustix::process::Signal;

/// Makes jd the second steward of an alliance of alibaba and sets the threshold to two.
fn two_stewards(alliance: &mut Alliance) {
    let node = alliance.join("jd", "platform");
    let key = node.command(&["alliance", "steward-key"])["key"].as_str().unwrap().to_owned();
    node.start();
    alliance.settle();
    let file = path(alliance, "steward");
    alliance["alibaba"].command(&["alliance", "propose", "steward", "add", "jd", "--key", &key, "--out", &file]);
    let published = alliance["alibaba"].command(&["alliance", "publish", &file]);
    has_charter(&alliance["jd"], published["charter"].as_u64().unwrap());
    let file = path(alliance, "threshold");
    alliance["alibaba"].command(&["alliance", "propose", "threshold", "2", "--out", &file]);
    publish_signed_by_jd(alliance, &file);
}

fn publish_signed_by_jd(alliance: &Alliance, file: &str) {
    let by_jd = format!("{file}.jd");
    alliance["jd"].command(&["alliance", "sign", file, "--out", &by_jd]);
    let published = alliance["alibaba"].command(&["alliance", "publish", file, &by_jd]);
    has_charter(&alliance["jd"], published["charter"].as_u64().unwrap());
}

fn has_charter(node: &Node, number: u64) {
    wait_until(&format!("{} has charter {number}", node.slug), || {
        node.http().get("/v1/status").ok()["charter"].as_u64() >= Some(number)
    });
}

fn path(alliance: &Alliance, name: &str) -> String {
    alliance.root().join(name).display().to_string()
}

/// A newcomer's join request.
fn request(alliance: &Alliance, node: &Node, name: &str) -> String {
    let file = path(alliance, name);
    let written = node.command(&["join-request", "--out", &file]);
    assert_eq!(written["slug"], node.slug.as_str());
    assert!(fs::read_to_string(&file).unwrap().starts_with("antibrush join request v1\n"));
    file
}

#[test]
fn keys_are_made_where_two_stewards_must_sign() {
    let mut alliance = Alliance::founded_with("alibaba", &[]);
    two_stewards(&mut alliance);
    let file = path(&alliance, "holders");
    let notary = {
        let node = alliance.make("notary", "key-holder");
        let asked = request(&alliance, &node, "notary.request");
        let file = path(&alliance, "notary.proposal");
        let made = alliance["alibaba"].command(&["alliance", "propose", "admit", &asked, "--out", &file]);
        publish_signed_by_jd(&alliance, &file);
        node.command(&["join", made["invitation"].as_str().unwrap()]);
        node
    };
    alliance.nodes.push(notary);
    alliance.nodes.last_mut().unwrap().start();
    alliance.settle();

    let holders = ["keys", "holders", "--holders", "alibaba,jd,notary", "--threshold", "2"];
    let refusal = alliance["alibaba"].refused(&holders);
    assert!(refusal.contains("--out FILE"), "{refusal}");
    let made = alliance["alibaba"].command(&[&holders[..], &["--out", &file]].concat());
    assert!(made["differences"][0]["en"].as_str().unwrap().starts_with("key holders"), "{made}");
    publish_signed_by_jd(&alliance, &file);
    has_charter(&alliance["notary"], made["charter"].as_u64().unwrap());
    let refusal = alliance["alibaba"].refused(&["keys", "ceremony"]);
    assert!(refusal.contains("--out FILE"), "{refusal}");
    alliance.wait_for_holders();
    let file = path(&alliance, "keys");
    let made = alliance["alibaba"].command(&["keys", "ceremony", "--out", &file]);
    assert!(made["differences"][0]["en"].as_str().unwrap().starts_with("token key of"), "{made}");
    publish_signed_by_jd(&alliance, &file);
    alliance.wait_for_keys(1);
    let file = path(&alliance, "rotated");
    alliance["alibaba"].command(&["keys", "rotate", "--out", &file]);
    publish_signed_by_jd(&alliance, &file);
    alliance.wait_for_keys(2);
    let file = path(&alliance, "retired");
    let made = alliance["alibaba"].command(&["keys", "retire", "--epoch", "1", "--out", &file]);
    assert!(made["differences"][0]["en"].as_str().unwrap().contains("is retired"), "{made}");
    publish_signed_by_jd(&alliance, &file);
    wait_until("the epoch is retired", || {
        let keys = alliance["notary"].http().get("/v1/keys").ok();
        keys["keys"].as_array().unwrap().iter().any(|key| key["epoch"] == 1 && key["retired"].is_u64())
    });
}

#[test]
fn a_newcomer_waits_until_two_stewards_have_signed() {
    let mut alliance = Alliance::founded("alibaba");
    two_stewards(&mut alliance);
    let account = "taobao:joining".to_owned();
    alliance["jd"].list_accounts(std::slice::from_ref(&account));

    let mut pdd = alliance.make("pdd", "platform");
    let asked = request(&alliance, &pdd, "pdd.request");
    // One steward is not enough: the sentence says what is.
    let refusal = alliance["alibaba"].refused(&["alliance", "admit", &asked]);
    assert!(refusal.contains("propose admit"), "{refusal}");
    let file = path(&alliance, "pdd.proposal");
    let made = alliance["alibaba"].command(&["alliance", "propose", "admit", &asked, "--out", &file]);
    let words = made["differences"][0]["en"].as_str().unwrap();
    assert!(words.starts_with("pdd: is admitted as member platform"), "{made}");
    let invitation = made["invitation"].as_str().unwrap().to_owned();

    // Nobody else's node gets in with it.
    let other = alliance.make("mogujie", "platform");
    let refusal = other.refused(&["join", &invitation]);
    assert!(refusal.contains("made for another member"), "{refusal}");

    let log = pdd.log_path();
    let said = |text: &str| fs::read_to_string(&log).unwrap_or_default().contains(text).then_some(());
    let joining = pdd.begin(&["join", &invitation, "--run"]);
    wait_for("it waits", Duration::from_secs(30), || said(r#""event":"pending","needed":2,"signed":1"#));
    // The steward's node may restart meanwhile.
    alliance["alibaba"].end(Signal::TERM);
    wait_for("it waits for the node", Duration::from_secs(60), || said(r#""event":"waiting""#));
    alliance["alibaba"].start();
    publish_signed_by_jd(&alliance, &file);
    pdd.await_ready(joining).unwrap();
    // No further command: it fetches everything and answers.
    let mut http = pdd.http();
    wait_until("it is ready for checks", || http.get("/readyz").status == 200);
    wait_until("it answers", || pdd.answer("ACC", &account) == "listed");
    wait_until("it publishes", || alliance["jd"].http().get("/v1/feeds/pdd").status == 200);
    wait_until("it says that it has everything", || said("every feed is here").is_some());
    pdd.stop();
    let printed = String::from_utf8(pdd.printed().to_vec()).unwrap();
    let events: Vec<serde_json::Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((&events[0]["slug"], &events[1]["event"]), (&"pdd".into(), &"ready".into()), "{printed}");
    assert_eq!((events[2]["event"].as_str(), events[2]["feeds"].as_u64()), (Some("synced"), Some(3)), "{printed}");
    // The invitation is used.
    assert!(pdd.refused(&["join", &invitation]).contains("belongs to an alliance already"));
}

#[test]
fn a_steward_admits_by_one_command_and_a_member_gets_a_second_node() {
    let mut alliance = Alliance::founded("alibaba");
    let mut jd = alliance.make("jd", "platform");
    let asked = request(&alliance, &jd, "jd.request");
    let admitted = alliance["alibaba"].command(&["alliance", "admit", &asked]);
    assert_eq!(
        (&admitted["slug"], &admitted["role"], &admitted["charter"]),
        (&"jd".into(), &"platform".into(), &2.into())
    );
    // Lost in the mail: another one for the same newcomer, and no other member.
    let again = alliance["alibaba"].command(&["alliance", "admit", &asked]);
    assert_eq!(again["charter"], 2);
    let joining = jd.begin(&["join", again["invitation"].as_str().unwrap(), "--run"]);
    jd.await_ready(joining).unwrap();
    alliance.nodes.push(jd);
    alliance.settle();
    let account = "taobao:first".to_owned();
    alliance["jd"].list_accounts(std::slice::from_ref(&account));

    // A node with keys of its own is no second node of jd.
    let foreign = alliance.make("foreign", "platform");
    let foreign = request(&alliance, &foreign, "foreign.request");
    let refusal = alliance["alibaba"].refused(&["alliance", "admit", &foreign, "--node-of", "jd"]);
    assert!(refusal.contains("--feed-key FILE --seal-key FILE"), "{refusal}");

    let mut second = second_of_jd(&alliance);
    let asked = request(&alliance, &second, "second.request");
    let refusal = alliance["alibaba"].refused(&["alliance", "admit", &asked]);
    assert!(refusal.contains("--node-of"), "{refusal}");
    let admitted = alliance["alibaba"].command(&["alliance", "admit", &asked, "--node-of", "jd"]);
    let joining = second.begin(&["join", admitted["invitation"].as_str().unwrap(), "--run"]);
    second.await_ready(joining).unwrap();
    let mut http = second.http();
    wait_until("the second node is ready", || http.get("/readyz").status == 200);
    wait_until("the second node answers", || second.answer("ACC", &account) == "listed");
    // It holds a copy and writes nothing.
    let seq = |node: &Node| node.http().get("/v1/feeds/jd").ok()["seq"].as_u64();
    let refused = second.http().post("/v1/listings", &antibrush_tests::listing_of(&["taobao:second".to_owned()]));
    assert_eq!(refused.status, 409, "{refused:?}");
    // The first one's next batch names the charter that has both, and from then on the second can go on.
    wait_until("both have the batch that names them", || {
        let batches = seq(&alliance["jd"]);
        batches > Some(1) && seq(&second) == batches && seq(&alliance["alibaba"]) == batches
    });

    // The first one is lost for good: removed, and the second goes on where it was.
    let peers = alliance["alibaba"].http().get("/v1/members").ok();
    let nodes = peers["members"].as_array().unwrap().iter().find(|m| m["slug"] == "jd").unwrap()["nodes"].clone();
    alliance["jd"].kill();
    let (file, peer) = (path(&alliance, "remove"), nodes[0].as_str().unwrap());
    let made =
        alliance["alibaba"].command(&["alliance", "propose", "node", "remove", "jd", "--peer", peer, "--out", &file]);
    assert!(made["differences"][0]["en"].as_str().unwrap().contains("loses its node"), "{made}");
    alliance["alibaba"].command(&["alliance", "publish", &file]);
    let other = "taobao:second".to_owned();
    wait_until("the second node publishes", || {
        second.http().post("/v1/listings", &antibrush_tests::listing_of(std::slice::from_ref(&other))).status == 200
    });
    wait_until("it is answered elsewhere", || alliance["alibaba"].answer("ACC", &other) == "listed");
    assert_eq!(alliance["alibaba"].answer("ACC", &account), "listed", "what the first node listed stands");
    let last = ["alliance", "propose", "node", "remove", "jd", "--peer", nodes[1].as_str().unwrap(), "--out", &file];
    assert!(alliance["alibaba"].refused(&last).contains("the only node"));
}

/// Lets a stopped node listen elsewhere; returns where.
fn move_away(node: &mut Node) -> String {
    let (config, before) = (node.directory.join("antibrush.toml"), node.listen.clone());
    node.listen.clone_from(&Node::new(node.directory.parent().unwrap(), "elsewhere").listen);
    let text = fs::read_to_string(&config).unwrap();
    assert!(text.contains(&before), "{text}");
    fs::write(&config, text.replace(&before, &node.listen)).unwrap();
    node.listen.clone()
}

#[test]
fn a_node_that_moves_is_dialled_where_the_charter_says() {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    let members = alliance["alibaba"].http().get("/v1/members").ok();
    let peer = members["members"].as_array().unwrap().iter().find(|m| m["slug"] == "jd").unwrap()["nodes"][0].clone();
    let (peer, file) = (peer.as_str().unwrap(), path(&alliance, "addresses"));
    let propose = |alliance: &Alliance, addresses: &[&str]| {
        let fixed = ["alliance", "propose", "node", "addresses", "jd", "--peer", peer, "--out", &file];
        alliance["alibaba"].outcome(&[&fixed[..], addresses, &["--json"]].concat())
    };
    let with_peer = format!("/ip4/192.0.2.7/tcp/7001/p2p/{peer}");
    let many: Vec<String> = (1..=9).map(|port| format!("/ip4/192.0.2.7/tcp/{port}")).collect();
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    for refused in [&["jd.example:7001"][..], &["/ip4/0.0.0.0/tcp/7001"], &[&with_peer], &many] {
        let refusal = propose(&alliance, refused);
        assert!(refusal.stderr.contains("a node has at most 8 addresses"), "{refusal:?}");
    }

    // Both move while neither runs, so that jd cannot dial alibaba, whose new address it does not know.
    let jd = &mut alliance["jd"];
    jd.stop();
    let there = move_away(jd);
    let made = propose(&alliance, &[&there]).json();
    let said = made["differences"].to_string();
    assert!(
        said.contains(&format!("is reached at {there}")) && said.contains(&format!("的地址改为 {there}")),
        "{said}"
    );
    alliance["alibaba"].command(&["alliance", "publish", &file]);
    let alibaba = &mut alliance["alibaba"];
    alibaba.stop();
    move_away(alibaba);
    alliance["jd"].start();
    alliance["alibaba"].start();
    let charter = alliance["alibaba"].http().get("/v1/status").ok()["charter"].as_u64().unwrap();
    has_charter(&alliance["jd"], charter);
}

/// A node of jd with its feed and seal keys, that has not joined yet.
fn second_of_jd(alliance: &Alliance) -> Node {
    let keys = alliance["jd"].directory.join("keys");
    let (feed, seal) = (keys.join("feed.pem").display().to_string(), keys.join("seal.pem").display().to_string());
    let mut second = Node::new(alliance.root(), "jd-second");
    second.slug = "jd".to_owned();
    let copied = ["--keys-in-clear-dangerously", "--feed-key", &feed, "--seal-key", &seal];
    second.command(&second.init_arguments("platform", &uscc(2), &copied));
    second
}

/// WRITER-5: the node that wrote alone is gone before its feed names the other one, and may still run somewhere.
#[test]
fn where_the_only_node_is_lost_before_its_feed_names_another_one_the_stewards_cut_the_feed() {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    let account = "taobao:first".to_owned();
    alliance["jd"].list_accounts(std::slice::from_ref(&account));
    alliance.wait_for_leaves("jd", 1);
    alliance["jd"].kill();
    let mut second = second_of_jd(&alliance);
    let asked = request(&alliance, &second, "second.request");
    let admitted = alliance["alibaba"].command(&["alliance", "admit", &asked, "--node-of", "jd"]);
    let joining = second.begin(&["join", admitted["invitation"].as_str().unwrap(), "--run"]);
    second.await_ready(joining).unwrap();
    wait_until("the second node answers", || second.answer("ACC", &account) == "listed");
    let (file, alibaba) = (path(&alliance, "change"), &alliance["alibaba"]);
    let thaw = ["alliance", "propose", "thaw", "--slug", "jd", "--out", &file];
    assert!(alibaba.refused(&thaw).contains("not frozen"), "the first one writes and may come back");
    let members = alibaba.http().get("/v1/members").ok();
    let nodes = members["members"].as_array().unwrap().iter().find(|m| m["slug"] == "jd").unwrap()["nodes"].clone();
    let peer = nodes[0].as_str().unwrap();
    alibaba.command(&["alliance", "propose", "node", "remove", "jd", "--peer", peer, "--out", &file]);
    alibaba.command(&["alliance", "publish", &file]);

    let other = "taobao:second".to_owned();
    let list = || second.http().post("/v1/listings", &antibrush_tests::listing_of(std::slice::from_ref(&other)));
    let problem = || Some(list()).filter(|reply| reply.status == 409).map(|reply| reply.problem().1);
    wait_until("it knows that the first one is gone", || problem().as_deref() == Some("writer-removed"));
    let writer = second.http().get("/v1/writer").ok();
    assert_eq!((&writer["here"], &writer["writer"]), (&false.into(), &serde_json::Value::Null), "{writer}");
    let made = alibaba.command(&thaw);
    assert!(made["differences"].to_string().contains("its feed stands up to 1 entries"), "{made}");
    alibaba.command(&["alliance", "publish", &file]);
    wait_until("the second node publishes", || list().status == 200);
    wait_until("it is answered elsewhere", || alibaba.answer("ACC", &other) == "listed");
    assert_eq!(alibaba.answer("ACC", &account), "listed", "what the first node listed stands");
    assert_eq!((&alibaba.feed("jd")["standing"], &alibaba.feed("jd")["size"]), (&"open".into(), &2.into()));
}
