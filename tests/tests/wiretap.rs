//! The wire-tap test: everything that leaves the processes of an alliance, and everything that they write, is searched for the
//! identifiers that went in, in clear, in the usual encodings and under the digests that need no key.
//!
//! What may be found, and why:
//! * **HTTP requests** name identifiers: the caller's own, on the caller's own machine. Only answers are searched.
//! * **Imported files** are the platform's; they lie outside the data directories.
//! * **Shared details** are opened for whoever asks with the identifier: looked for everywhere but in that one answer.
//! * **A legal entity named by its publisher** is published by choice: a test of its own, in which nothing else is found.
//!
//! Vault, token cache, shares and keys are no exceptions: they are encrypted, and searched.

#[path = "wiretap/blacklist.rs"]
mod blacklist;
#[path = "wiretap/malformed.rs"]
mod malformed;
#[path = "wiretap/scene.rs"]
mod scene;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    io::Read,
};

use antibrush_tests::{Alliance, Http, Leak, Leaks, TcpTap, uscc, wait_until};
use base64::{Engine, engine::general_purpose::STANDARD};
use blacklist::{REFUSED, Row, listable};
use md5::{Digest, Md5};
use scene::{NODES, Scene};
use serde_json::{Value, json};

/// Subjects beside the list that make an import last; they are not searched for.
const MORE: usize = 3000;

/// How the rows are shared out among the ways in.
struct Parts<'r> {
    gb18030: &'r [Row],
    utf8: &'r [Row],
    http: &'r [Row],
    cli: &'r [Row],
}

impl<'r> Parts<'r> {
    fn of(rows: &'r [Row]) -> Parts<'r> {
        let (gb18030, rest) = rows.split_at(100);
        let (utf8, rest) = rest.split_at(100);
        let (cli, http) = rest.split_at(6);
        Parts { gb18030, utf8, http, cli }
    }
}

fn field<'v>(lines: &'v [Value], name: &str) -> Option<&'v Value> {
    lines.iter().find_map(|line| line.get(name))
}

/// The evaluations that a node has made for others.
fn evaluated(http: &mut Http) -> u64 {
    let text = http.get("/metrics").text();
    let line = text.lines().find(|line| line.contains("elements_evaluated_total ")).unwrap_or("0");
    line.rsplit(' ').next().and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// The node is killed while it evaluates a file, and imports it after all when it is back.
fn killed_in_the_middle_of_an_import(scene: &mut Scene, part: &[Row]) {
    let mut file = String::from_utf8(blacklist::utf8(part)).unwrap();
    for n in 0..MORE {
        file += &format!("ACC,jd:filler-{n},C01,,,,\n");
    }
    let (http, mut beta, mut notary) = (scene.http("alpha"), scene.http("beta"), scene.http("notary"));
    let before = evaluated(&mut beta) + evaluated(&mut notary);
    let answer = http.lines("POST", "/v1/import?name=list.csv", &[], file.as_bytes()).unwrap();
    wait_until("the holders evaluate the file", || evaluated(&mut beta) + evaluated(&mut notary) > before + 256);
    scene.alliance["alpha"].kill();
    let said: Vec<String> = answer.map_while(Result::ok).collect();
    assert!(!said.iter().any(|line| line.contains("summary")), "killed too late to be in the middle: {said:?}");
    scene.alliance["alpha"].start();
    let mut http = scene.http("alpha");
    wait_until("alpha has its holders back", || {
        let keys = http.get("/v1/keys").ok();
        keys["holders"].as_array().unwrap().iter().all(|holder| holder["connected"] == true)
    });
    let lines = http.lines("POST", "/v1/import?name=list.csv", &[], file.as_bytes()).unwrap();
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(&line.unwrap()).unwrap()).collect();
    let summary = field(&lines, "summary").unwrap_or_else(|| panic!("no summary: {lines:?}"));
    assert_eq!(summary["counted"]["listed"], MORE + listable(part), "{summary}");
    let refused = REFUSED.len() + part.len() - listable(part);
    assert_eq!(lines.iter().filter(|line| line.get("reject").is_some()).count(), refused);
}

/// Listing by file, over HTTP and by command; clearing both ways.
fn list_and_clear(scene: &Scene, parts: &Parts<'_>) {
    let file = scene.alliance.file("list-gb18030.csv", blacklist::gb18030(parts.gb18030)).display().to_string();
    let rejects = scene.out("rejects.csv");
    let listed = json!(listable(parts.gb18030));
    assert_eq!(scene.cli("alpha", &["import", &file, "--dry-run", "--json"]).json()["counted"]["listed"], listed);
    let imported = scene.cli("alpha", &["import", &file, "--rejects", &rejects, "--json"]).json();
    assert_eq!(imported["counted"]["listed"], listed, "{imported}");
    assert!(scene.cli("alpha", &["import", &file, "--rejects", &rejects]).stdout.contains("unchanged"));

    let workbook = scene.alliance.file("list.xlsx", blacklist::xlsx(parts.gb18030)).display().to_string();
    let again = scene.cli("alpha", &["import", &workbook, "--json"]).json();
    assert_eq!(again["counted"]["unchanged"], listed, "{again}");

    let mut http = scene.http("beta");
    // The last ones are listed by alpha already: corroborated.
    for rows in [parts.http, &parts.gb18030[..20]] {
        let items: Vec<Value> = rows.iter().map(Row::item).collect();
        let listed = http.post("/v1/listings", &json!({ "items": items })).ok();
        assert_eq!(listed["counted"]["listed"], listable(rows), "{listed}");
    }
    for row in parts.cli {
        let outcome = scene.cli("beta", &[&["list"], &row.flags()[..]].concat());
        assert_eq!(outcome.status == Some(0), row.class != "PAY", "{outcome:?}");
    }
    let row = parts.http.iter().find(|row| row.class == "MOB").unwrap();
    let clear = json!({ "items": [{ "class": row.class, "id": row.id, "reason": "R01" }] });
    assert_eq!(http.post("/v1/clearings", &clear).ok()["counted"]["cleared"], 1);
    let row = parts.cli.iter().find(|row| row.class != "PAY").unwrap();
    let flags = ["clear", "--class", row.class, "--id", "-", "--reason", "R03"];
    let outcome = scene.cli_reading("beta", &flags, &row.id);
    assert_eq!(outcome.status, Some(0), "{outcome:?}");
    let leaves = |rows: &[&[Row]]| rows.iter().map(|rows| listable(rows)).sum::<usize>() as u64;
    scene.alliance.wait_for_leaves("alpha", MORE as u64 + leaves(&[parts.utf8, parts.gb18030]));
    scene.alliance.wait_for_leaves("beta", leaves(&[parts.http, parts.cli, &parts.gb18030[..20]]) + 2);
}

/// Checks of one and of many, over HTTP and by command, by who may and by who may not.
fn check(scene: &Scene, parts: &Parts<'_>) {
    let mut http = scene.http("beta");
    let question = |row: &Row| json!({ "class": row.class, "id": row.id, "purpose": "test" });
    for row in parts.utf8[..12].iter().filter(|row| row.class != "PAY") {
        assert_eq!(http.post("/v1/check", &question(row)).ok()["answer"], "listed", "{}", row.class);
    }
    let all = [parts.gb18030, parts.utf8, parts.http, parts.cli];
    let items: Vec<Value> = all.into_iter().flatten().map(|row| json!({ "class": row.class, "id": row.id })).collect();
    let answers = http.post("/v1/checks", &json!({ "items": items, "purpose": "test" })).ok();
    let listed = answers["answers"].as_array().unwrap().iter().filter(|answer| answer["answer"] == "listed").count();
    let listable: usize = all.into_iter().map(listable).sum();
    assert_eq!(listed, listable - 2, "all but the two that were cleared");
    for (class, id, _) in REFUSED {
        http.post("/v1/check", &json!({ "class": class, "id": id, "purpose": "test" }));
    }
    let row = &parts.utf8[13];
    let flags = ["check", "--class", row.class, "--id", &row.id];
    assert!(scene.cli("beta", &flags).stdout.starts_with("listed"));
    assert_eq!(
        scene.cli_reading("beta", &["check", "--class", row.class, "--id", "-", "--json"], &row.id).json()["answer"],
        "listed"
    );
    // An observer derives nothing, and says so without repeating the question.
    let refused = scene.http("regulator").post("/v1/check", &question(row));
    assert_eq!(refused.problem(), (403, "no-token".to_owned()));
    // A customer base that alpha has not asked for before, a bad row at its end.
    let customers = [&blacklist::utf8(parts.http)[..], b"MOB,12345\n"].concat();
    let customers = scene.alliance.file("customers.csv", customers).display().to_string();
    let prepared = scene.cli("alpha", &["tokenize", &customers, "--rejects", &scene.out("customers-rejects.csv")]);
    assert_eq!(prepared.status, Some(0), "{prepared:?}");
}

/// Whoever asks with the identifier gets the details, in that answer and nowhere else.
fn open_details(scene: &Scene, row: &Row) {
    let node = &scene.alliance["beta"];
    let tap = TcpTap::to(node.api());
    let question = json!({ "class": row.class, "id": row.id, "purpose": "test", "details": true });
    let answer = Http::new(tap.address(), Some(&node.token())).post("/v1/check", &question).ok();
    let details = row.details().unwrap();
    assert_eq!(answer["listings"][0]["details"], details, "{answer}");
    let found = tap.scan_answers("an answer with details", &Leaks::with_texts(&[(row.class, &row.id)], &[details]));
    let found: Vec<_> = found.iter().map(|leak| (leak.identifier, leak.form)).collect();
    assert_eq!(found, vec![(1, "plain"); answer["listings"].as_array().unwrap().len()], "once for each listing");
}

/// All else that a node answers or a command writes.
fn look_around(scene: &Scene, parts: &Parts<'_>) {
    let mut beta = scene.http("beta");
    for path in ["/v1/status", "/v1/members", "/v1/keys", "/v1/feeds", "/v1/feeds/alpha", "/metrics", "/healthz"] {
        assert_eq!(beta.get(path).status, 200, "{path}");
    }
    assert_eq!(scene.http("regulator").get("/v1/status").status, 200);
    let row = &parts.utf8[0];
    let request = json!({ "publisher": "alpha", "class": row.class, "id": row.id });
    assert!(beta.post("/v1/proofs/inclusion", &request).ok()["proof"].is_string());
    let file = scene.alliance.file("filter.csv", blacklist::utf8(parts.utf8)).display().to_string();
    let (proof, appended, filter, archive) =
        (scene.out("a.proof"), scene.out("b.proof"), scene.out("a.filter"), scene.out("archive"));
    let which = ["--class", row.class, "--id", &row.id];
    let good = |arguments: &[&str]| {
        let outcome = scene.cli("beta", arguments);
        assert_eq!(outcome.status, Some(0), "{outcome:?}");
    };
    good(&[&["proof", "inclusion", "--publisher", "alpha", "--out", &proof], &which[..]].concat());
    good(&["proof", "consistency", "--publisher", "alpha", "--earlier", "0", "--out", &appended]);
    good(&["proof", "verify", &proof, "--alliance", &scene.alliance.id]);
    good(&["filter", "build", &file, "--out", &filter]);
    good(&[&["filter", "check", &filter], &which[..]].concat());
    good(&["feed", "export", "--publisher", "alpha", "--out", &archive]);
    good(&["feed", "import", &archive]);
    good(&["feed", "verify", "--publisher", "alpha"]);
    good(&["status"]);
    good(&["keys", "status"]);
    good(&["alliance", "members"]);
}

/// The tokens in the change stream of a node that makes none, by publisher; as a page, and as server-sent events.
fn changes(scene: &Scene) -> BTreeMap<String, Vec<[u8; 32]>> {
    let mut http = scene.http("regulator");
    let (mut cursor, mut tokens) = (String::new(), BTreeMap::<String, Vec<[u8; 32]>>::new());
    loop {
        let page = http.get(&format!("/v1/changes{cursor}")).ok();
        for change in page["changes"].as_array().unwrap() {
            let token = hex::decode(change["token"].as_str().unwrap()).unwrap();
            let publisher = change["publisher"].as_str().unwrap().to_owned();
            tokens.entry(publisher).or_default().push(token.try_into().unwrap());
        }
        cursor = format!("?cursor={}", page["cursor"].as_str().unwrap());
        if page["more"] == false {
            break;
        }
    }
    let stream = http.lines("GET", "/v1/changes", &[("accept", "text/event-stream")], b"").unwrap();
    let events = stream.map_while(Result::ok).filter(|line| line.starts_with("id:")).take(250).count();
    assert_eq!(events, 250);
    tokens
}

/// The records of a tap file by kind: how many, and their bytes.
fn records(tap: &[u8]) -> BTreeMap<String, (usize, Vec<u8>)> {
    let mut records = BTreeMap::<String, (usize, Vec<u8>)>::new();
    let mut rest = tap;
    while !rest.is_empty() {
        let end = rest.iter().position(|byte| *byte == b'\n').expect("each record has a head");
        let head = std::str::from_utf8(&rest[..end]).expect("a head is text");
        let (kind, length) = head.split_once(' ').expect("a kind and a length");
        let (content, after) = rest[end + 1..].split_at(length.parse().unwrap());
        let (count, bytes) = records.entry(kind.to_owned()).or_default();
        *count += 1;
        bytes.extend_from_slice(content);
        rest = after.strip_prefix(b"\n").expect("a record ends with its line");
    }
    records
}

fn contains(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|window| window == what)
}

/// The taps hold the traffic: a search of something else would find nothing, too.
fn the_taps_hear_everything(scene: &Scene, tokens: &BTreeMap<String, Vec<[u8; 32]>>) {
    for publisher in ["alpha", "beta"] {
        let records = records(&scene.tap_file(publisher));
        let of = |kind: &str| records.get(kind).unwrap_or_else(|| panic!("{publisher} sent no {kind}"));
        for kind in ["request", "answer", "gossip", "evaluation", "evaluated"] {
            println!("tap of {publisher}: {} × {kind}, {} bytes", of(kind).0, of(kind).1.len());
        }
        // Every token of the feed left its publisher in a chunk, and the headers by gossip or on request.
        let mine = &tokens[publisher];
        let heard = mine.iter().step_by(mine.len() / 20).filter(|token| contains(&of("answer").1, &token[..]));
        assert!(heard.count() >= 20, "the tokens of {publisher} are in its tap");
        let headers = scene.http("regulator").get(&format!("/v1/archive/feeds/{publisher}/headers")).ok();
        for header in headers["objects"].as_array().unwrap() {
            let header = STANDARD.decode(header.as_str().unwrap()).unwrap();
            assert!(
                contains(&of("gossip").1, &header) || contains(&of("answer").1, &header),
                "a header of {publisher}"
            );
        }
        // Blinded elements, 32 bytes each, of batches that were evaluated by others.
        assert!(of("evaluation").1.len() > 32 * 64 && of("evaluated").1.len() > 32 * 256);
    }
    assert!(records(&scene.tap_file("notary"))["evaluated"].0 > 0);
    assert!(!records(&scene.tap_file("regulator")).contains_key("evaluation"), "an observer asks no holder");
    // On the line the same is encrypted: as many bytes, and not one token.
    let lines = scene.lines.lock().unwrap();
    let bytes: usize = lines.values().map(TcpTap::bytes).sum();
    let tapped: usize = NODES.iter().map(|slug| scene.tap_file(slug).len()).sum();
    println!(
        "{tapped} bytes in the tap files, {bytes} on the lines between nodes, {} of HTTP answers",
        scene.answered()
    );
    assert!(bytes > tapped / 2, "the connections between nodes go through the taps");
    for recorded in lines.values().flat_map(TcpTap::recorded) {
        for token in tokens.values().flatten().step_by(500) {
            assert!(!contains(&recorded.sent, token) && !contains(&recorded.received, token));
        }
    }
}

/// The search would find: leaks are planted in copies of what was searched.
fn planted_leaks_are_found(scene: &Scene, leaks: &Leaks, rows: &[Row]) {
    let log = fs::read(scene.alliance["alpha"].log_path()).unwrap();
    let mut data = Vec::new();
    fs::File::open(scene.alliance["alpha"].directory.join("audit.jsonl")).unwrap().read_to_end(&mut data).unwrap();
    let digits = |row: &Row| row.id.chars().filter(char::is_ascii_digit).collect::<String>();
    let plain = rows.iter().position(|row| row.class == "MOB" && row.id == digits(row)).unwrap();
    let id = rows[plain].id.as_bytes();
    let tap = scene.tap_file("alpha");
    let copies: [(&str, Vec<u8>, &str); 6] = [
        ("plain", [&tap[..], b"gossip 11\n", id, b"\n"].concat(), "tap"),
        ("plain", [&tap[..tap.len() / 2], id, &tap[tap.len() / 2..]].concat(), "the middle of the tap"),
        ("SHA-256 in hex", [&log[..], hex::encode(sha2::Sha256::digest(id)).as_bytes()].concat(), "log"),
        ("SM3", [&data[..], &sm3::Sm3::digest(id)].concat(), "data"),
        ("MD5 in hex", [&log[..], hex::encode(Md5::digest(id)).as_bytes()].concat(), "log"),
        ("CRC-32 in decimal", [&data[..], format!(" {} ", crc32fast::hash(id)).as_bytes()].concat(), "data"),
    ];
    for (form, copy, what) in copies {
        let found = leaks.scan(what, &copy);
        assert!(found.iter().any(|leak| (leak.identifier, leak.form) == (plain, form)), "{form} in {what}: {found:?}");
    }
    // Over the same lines the requests went, with the identifiers in them.
    assert!(scene.search_requests(leaks) > rows.len());
}

/// A report that says where, and not what.
fn assert_nothing(found: &[Leak], when: &str) {
    let said: Vec<String> = found.iter().take(40).map(ToString::to_string).collect();
    assert!(found.is_empty(), "{} leaks {when}:\n{}", found.len(), said.join("\n"));
}

#[test]
fn no_identifier_leaves_in_any_form() {
    let rows = blacklist::rows();
    let parts = Parts::of(&rows);
    let details: Vec<&str> = rows.iter().filter_map(Row::details).collect();
    let leaks = blacklist::leaks(&rows, &details);
    let mut scene = Scene::new();
    killed_in_the_middle_of_an_import(&mut scene, parts.utf8);
    list_and_clear(&scene, &parts);
    check(&scene, &parts);
    open_details(&scene, parts.gb18030.iter().find(|row| row.class == "MOB" && row.details().is_some()).unwrap());
    look_around(&scene, &parts);
    let rotated = scene.cli("alpha", &["keys", "rotate", "--json"]).json();
    assert_eq!((&rotated["phase"], &rotated["epoch"]), (&json!("in_charter"), &json!(2)));
    scene.alliance.wait_for_keys(2);
    check(&scene, &parts);
    malformed::send(&scene, parts.gb18030.iter().find(|row| row.class == "MOB" && row.id.contains('+')).unwrap());
    let log = scene.alliance["alpha"].log();
    println!(
        "{} bytes of log at alpha; {} lines of TRACE",
        log.len(),
        log.lines().filter(|line| line.contains("TRACE")).count()
    );
    assert!(log.contains("TRACE"), "the log is as talkative as it can be");
    let tokens = changes(&scene);
    the_taps_hear_everything(&scene, &tokens);
    assert_nothing(&scene.search(&leaks), "while the nodes run");
    for slug in NODES {
        scene.alliance[slug].stop();
        assert!(scene.alliance[slug].printed().starts_with(b"{"), "standard output is kept");
    }
    assert_nothing(&scene.search(&leaks), "after the nodes have stopped");
    planted_leaks_are_found(&scene, &leaks, &rows);
}

/// A legal entity that its publisher names, once somebody else lists it for the same: then, and only then, name and code are
/// published. Before that the same request publishes nothing of either.
#[test]
fn a_named_legal_entity_is_published_by_choice_and_nothing_beside_it() {
    let alliance = Alliance::equipped(&["alpha", "beta"], |node| {
        let tap = node.directory.with_extension("tap").display().to_string();
        node.environment.push(("ANTIBRUSH_TAP".to_owned(), tap));
    });
    let (named, unnamed, name) = (uscc(7001), uscc(7002), "示例刷单服务有限公司");
    let leaks = Leaks::with_texts(&[("ENT", &named), ("ENT", &unnamed)], &[name, "case-EV/1"]);
    let list = |slug: &str, id: &str, name: Option<&str>| {
        let item = json!({ "class": "ENT", "id": id, "conduct": "C01", "evidence": "case-EV/1", "name": name });
        let listed = alliance[slug].http().post("/v1/listings", &json!({ "items": [item] })).ok();
        assert_eq!(listed["counted"]["listed"], 1, "{listed}");
    };
    let search = |slug: &str| leaks.scan(slug, &fs::read(alliance[slug].directory.with_extension("tap")).unwrap());
    list("beta", &named, Some(name));
    list("beta", &unnamed, None);
    alliance.wait_for_leaves("beta", 2);
    assert_nothing(&search("beta"), "though nobody else lists the entity");
    list("alpha", &named, Some(name));
    list("alpha", &unnamed, None);
    alliance.wait_for_leaves("alpha", 2);
    let found = search("alpha");
    assert!(found.iter().all(|leak| leak.form == "plain"), "{found:?}");
    let found: BTreeSet<usize> = found.iter().map(|leak| leak.identifier).collect();
    assert_eq!(found, BTreeSet::from([0, 2]), "the code and the name of the one that was named");
}
