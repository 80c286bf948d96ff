//! The HTTP interface: answers, who may ask, what is refused and how, the change stream, metrics and health.

use antibrush_tests::{Alliance, Http, Reply};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const MANY: usize = 10_000;

fn account(n: usize) -> String {
    format!("jd:http-{n:06}")
}

#[test]
fn every_kind_of_answer() {
    let alliance = Alliance::with(&["alibaba", "jd"]);
    let mut http = alliance["jd"].http();
    let items = json!({ "items": [
        { "class": "ACC", "id": account(1), "conduct": "C01", "severity": "severe", "role": "organise", "region": 330100,
          "expires": "2099-12-31", "evidence": "case-1" },
        { "class": "ACC", "id": account(1), "conduct": "C01", "expires": "2027-11-21", "role": "take-part", "evidence": "case-1" },
        { "class": "ACC", "id": account(2), "list": "CAND", "conduct": "C06", "evidence": "case-2" },
        { "class": "SHP", "id": "jd:shop77", "list": "VIC", "conduct": "C09", "direction": "down", "evidence": "case-3" },
        { "class": "MOB", "id": "1", "conduct": "C01", "evidence": "case-4" },
        { "class": "ACC", "id": account(4), "conduct": "C01", "evidence": "" },
    ] });
    let answer = http.post("/v1/listings", &items).ok();
    let outcomes: Vec<&str> =
        answer["outcomes"].as_array().unwrap().iter().map(|o| o["outcome"].as_str().unwrap()).collect();
    // The first one's term is longer than five years; the second one is in order then.
    assert_eq!(outcomes, ["refused", "listed", "listed", "listed", "refused", "refused"], "{answer}");
    assert_eq!(
        (&answer["counted"]["listed"], &answer["counted"]["refused"], answer["batch"].is_u64()),
        (&json!(3), &json!(3), true)
    );
    for refused in [0, 4, 5] {
        assert!(answer["outcomes"][refused]["reason"].as_str().is_some_and(|reason| !reason.is_empty()));
    }

    let listed = alliance["jd"].check("ACC", &account(1));
    assert_eq!(listed["answer"], "listed");
    let listing = &listed["listings"][0];
    for (key, value) in [
        ("publisher", json!("jd")),
        ("list", json!("CXH")),
        ("statutory", json!(false)),
        ("conduct", json!("C01")),
        ("severity", json!("minor")),
        ("role", json!("take-part")),
        ("expires", json!("2027-11-21")),
        ("fresh", json!(true)),
    ] {
        assert_eq!(listing[key], value, "{key}");
    }
    assert_eq!(alliance["jd"].answer("ACC", &account(2)), "candidate", "a candidate is never listed");
    let victim = alliance["jd"].check("SHP", "jd:shop77");
    assert_eq!(
        (&victim["answer"], &victim["victim"]),
        (&json!("not_listed"), &json!(true)),
        "a victim is protected, not listed"
    );
    assert_eq!(alliance["jd"].answer("ACC", &account(3)), "not_listed");
    let invalid = alliance["jd"].check("PER", "110101199003070000");
    assert_eq!(invalid["answer"], "invalid");
    assert!(
        invalid["reason"].as_str().is_some_and(|reason| !reason.contains("1990")),
        "the reason never repeats the identifier"
    );
    // The same again changes nothing and makes no batch.
    let again = http.post("/v1/listings", &json!({ "items": [items["items"][1]] })).ok();
    assert_eq!((&again["outcomes"][0]["outcome"], again.get("batch")), (&json!("unchanged"), None));
}

#[test]
fn many_at_once_up_to_ten_thousand() {
    let alliance = Alliance::with(&["alibaba"]);
    let node = &alliance["alibaba"];
    let ids: Vec<String> = (0..=MANY).map(account).collect();
    let answer = node.list_accounts(&ids[..MANY]);
    assert_eq!(answer["counted"]["listed"], MANY);
    let mut http = node.http();
    let asked = http.post("/v1/checks", &json!({ "purpose": "test", "class": "ACC", "ids": ids[1..] })).ok();
    let answers = asked["answers"].as_array().unwrap();
    assert_eq!(answers.len(), MANY);
    assert!(answers[..MANY - 1].iter().all(|answer| answer["answer"] == "listed"));
    assert_eq!(answers[MANY - 1]["answer"], "not_listed", "in the order of the questions");

    let one_more = http.post("/v1/checks", &json!({ "purpose": "test", "class": "ACC", "ids": ids }));
    assert_eq!(one_more.problem(), (400, "bad-request".to_owned()));
    let items: Vec<Value> =
        ids.iter().map(|id| json!({ "class": "ACC", "id": id, "conduct": "C01", "evidence": "x" })).collect();
    assert_eq!(http.post("/v1/listings", &json!({ "items": items })).problem(), (400, "bad-request".to_owned()));
    // `ids` first, then `items`, of different classes.
    let mixed = json!({ "purpose": "test", "class": "ACC", "ids": [ids[0]], "items": [{ "class": "MOB", "id": "no" }, { "class": "ACC", "id": ids[MANY] }] });
    let mixed = http.post("/v1/checks", &mixed).ok();
    let words: Vec<&str> = mixed["answers"].as_array().unwrap().iter().map(|a| a["answer"].as_str().unwrap()).collect();
    assert_eq!(words, ["listed", "invalid", "not_listed"]);
    let nothing = http.post("/v1/checks", &json!({ "purpose": "test" })).ok();
    assert_eq!(nothing["answers"], json!([]));
}

/// Writes a token with scopes into a node's file.
fn grant(tokens: &mut Vec<Value>, token: &str, scopes: &[&str]) {
    let digest: String = Sha256::digest(token.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    tokens.push(json!({ "name": token, "scopes": scopes, "sha256": digest }));
}

#[test]
fn a_token_opens_what_its_scopes_say_and_nothing_else() {
    let mut alliance = Alliance::with(&["alibaba"]);
    let node = &mut alliance["alibaba"];
    node.stop();
    let path = node.directory.join("api-tokens.json");
    let mut tokens: Vec<Value> = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    for scope in ["check", "read", "publish"] {
        grant(&mut tokens, scope, &[scope]);
    }
    std::fs::write(&path, serde_json::to_vec(&tokens).unwrap()).unwrap();
    node.start();
    let check = json!({ "class": "ACC", "id": account(1), "purpose": "test" });
    let listing = json!({ "items": [{ "class": "ACC", "id": account(1), "conduct": "C01", "evidence": "x" }] });
    let invitation = json!({ "slug": "newcomer" });
    let routes: [(&str, &str, &str, &Value); 6] = [
        ("check", "POST", "/v1/check", &check),
        ("read", "GET", "/v1/status", &Value::Null),
        ("read", "GET", "/v1/changes", &Value::Null),
        ("publish", "POST", "/v1/listings", &listing),
        ("publish", "POST", "/v1/import?name=a.csv&dry_run=true", &Value::Null),
        ("admin", "POST", "/v1/alliance/invitations", &invitation),
    ];
    for (scope, method, path, body) in routes {
        let ask = |token: Option<&str>| {
            let mut http = Http::new(node.api(), token);
            http.send(method, path, &[("content-type", "application/json")], body.to_string().as_bytes())
        };
        for token in ["check", "read", "publish"] {
            let reply = ask(Some(token));
            if token == scope {
                assert_eq!(reply.status, 200, "{token} {path}: {}", reply.text());
            } else {
                assert_eq!(reply.problem(), (403, "forbidden".to_owned()), "{token} {path}");
            }
        }
        assert_eq!(ask(Some(&node.token())).status, 200, "the administrator may {path}");
        assert_eq!(ask(None).problem(), (401, "unauthorized".to_owned()), "{path}");
        assert_eq!(ask(Some("no such token")).problem(), (401, "unauthorized".to_owned()), "{path}");
    }
    // What was checked and why is in the audit log; about whom is not.
    node.stop();
    let audit = std::fs::read_to_string(node.directory.join("audit.jsonl")).unwrap();
    assert!(antibrush_node::audit::Audit::verify(&audit));
    let line: Value = serde_json::from_str(audit.lines().next().unwrap()).unwrap();
    assert_eq!((&line["actor"], &line["purpose"]), (&json!("admin"), &json!("test")));
    assert!(!audit.contains("http-000001"));
}

#[test]
fn a_purpose_is_a_short_word() {
    let alliance = Alliance::with(&["alibaba"]);
    let mut http = alliance["alibaba"].http();
    let mut ask =
        |purpose: Value| http.post("/v1/check", &json!({ "class": "ACC", "id": account(1), "purpose": purpose }));
    for good in ["order-risk", "a", "screening-2026", "abcdefghijklmnopqrstuvwxyz-abcde"] {
        assert_eq!(ask(json!(good)).status, 200, "{good}");
    }
    for bad in [
        "",
        "Order",
        "order risk",
        "1order",
        "-order",
        "phone-13800138000",
        "订单",
        "abcdefghijklmnopqrstuvwxyz-abcdef",
    ] {
        assert_eq!(ask(json!(bad)).problem(), (400, "bad-request".to_owned()), "{bad}");
    }
    assert_eq!(ask(Value::Null).problem(), (400, "bad-request".to_owned()));
}

#[test]
fn each_refusal_is_a_problem_of_its_kind() {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    alliance.admit("regulator", "observer");
    let problem = |slug: &str, method: &str, path: &str, content_type: &str, body: &[u8]| -> (u16, String) {
        let reply: Reply = alliance[slug].http().send(method, path, &[("content-type", content_type)], body);
        reply.problem()
    };
    let json_type = "application/json";
    let cases: &[(&str, &str, &str, &str, &[u8], u16, &str)] = &[
        ("alibaba", "GET", "/v1/nothing", json_type, b"", 404, "not-found"),
        ("alibaba", "GET", "/", json_type, b"", 404, "not-found"),
        ("alibaba", "GET", "/v1/check", json_type, b"", 405, "method-not-allowed"),
        ("alibaba", "DELETE", "/v1/feeds", json_type, b"", 405, "method-not-allowed"),
        ("alibaba", "POST", "/v1/check", "text/plain", b"{}", 415, "media-type"),
        ("alibaba", "POST", "/v1/check", json_type, b"{", 400, "bad-request"),
        ("alibaba", "POST", "/v1/check", json_type, b"{}", 400, "bad-request"),
        ("alibaba", "POST", "/v1/check", json_type, br#"{"class":"XYZ","id":"1","purpose":"a"}"#, 400, "bad-request"),
        ("alibaba", "POST", "/v1/checks", json_type, b"[]", 400, "bad-request"),
        ("alibaba", "POST", "/v1/checks", json_type, br#"{"purpose":"a","ids":["1"]}"#, 400, "bad-request"),
        ("alibaba", "POST", "/v1/listings", json_type, br#"{"items":[]}"#, 400, "bad-request"),
        ("alibaba", "POST", "/v1/clearings", json_type, br#"{"items":[]}"#, 400, "bad-request"),
        ("alibaba", "POST", "/v1/import?nam=x", "text/csv", b"", 400, "bad-request"),
        ("regulator", "POST", "/v1/import?name=x.csv", "text/csv", b"", 403, "not-a-publisher"),
        (
            "regulator",
            "POST",
            "/v1/listings",
            json_type,
            br#"{"items":[{"class":"ACC","id":"jd:1","conduct":"C01","evidence":"x"}]}"#,
            403,
            "not-a-publisher",
        ),
        ("regulator", "POST", "/v1/check", json_type, br#"{"class":"ACC","id":"jd:1","purpose":"a"}"#, 403, "no-token"),
        ("alibaba", "GET", "/v1/feeds/nobody", json_type, b"", 404, "not-found"),
        ("alibaba", "GET", "/v1/feeds/regulator", json_type, b"", 404, "not-found"),
        ("alibaba", "POST", "/v1/feeds/nobody/verify", json_type, b"", 404, "not-found"),
        ("alibaba", "GET", "/v1/feeds/%FF", json_type, b"", 400, "bad-request"),
        ("alibaba", "GET", "/v1/changes?cursor=nonsense", json_type, b"", 400, "bad-request"),
        ("alibaba", "GET", "/v1/changes?wait=x", json_type, b"", 400, "bad-request"),
        ("alibaba", "GET", "/v1/changes?cursor=00000000.0.0", json_type, b"", 410, "cursor-gone"),
        ("alibaba", "POST", "/v1/proofs/inclusion", json_type, br#"{"publisher":"jd"}"#, 400, "bad-request"),
        ("alibaba", "POST", "/v1/proofs/inclusion", json_type, br#"{"publisher":"jd","index":99}"#, 404, "not-found"),
        (
            "alibaba",
            "POST",
            "/v1/proofs/inclusion",
            json_type,
            br#"{"publisher":"jd","class":"ACC","id":"jd:1"}"#,
            404,
            "not-found",
        ),
        (
            "alibaba",
            "POST",
            "/v1/proofs/consistency",
            json_type,
            br#"{"publisher":"jd","earlier":0,"later":9}"#,
            404,
            "not-found",
        ),
        (
            "alibaba",
            "POST",
            "/v1/proofs/consistency",
            json_type,
            br#"{"publisher":"jd","earlier":2,"later":1}"#,
            400,
            "bad-request",
        ),
        ("alibaba", "POST", "/v1/alliance/invitations", json_type, br#"{"slug":"jd"}"#, 409, "slug"),
        ("alibaba", "POST", "/v1/alliance/invitations", json_type, br#"{"slug":"No Slug"}"#, 409, "slug"),
        ("alibaba", "POST", "/v1/alliance/invitations", json_type, br#"{"slug":"new","days":31}"#, 400, "bad-request"),
        ("jd", "POST", "/v1/alliance/invitations", json_type, br#"{"slug":"new"}"#, 403, "not-a-steward"),
        ("alibaba", "GET", "/v1/archive/charters?from=x", json_type, b"", 400, "bad-request"),
        ("alibaba", "GET", "/v1/archive/chunks/abc", json_type, b"", 400, "bad-request"),
        (
            "alibaba",
            "GET",
            "/v1/archive/chunks/0000000000000000000000000000000000000000000000000000000000000000",
            json_type,
            b"",
            404,
            "not-found",
        ),
        ("alibaba", "GET", "/v1/archive/feeds/nobody/headers", json_type, b"", 404, "not-found"),
        ("alibaba", "POST", "/v1/archive/charters", "application/octet-stream", b"junk", 400, "bad-request"),
        ("alibaba", "POST", "/v1/archive/chunks", "application/cbor-seq", b"junk", 400, "bad-request"),
        ("alibaba", "POST", "/v1/archive/feeds/jd/headers", json_type, br#"{"objects":["AAAA"]}"#, 400, "bad-request"),
        ("alibaba", "POST", "/v1/archive/feeds/jd/headers", json_type, br#"{"objects":["!"]}"#, 400, "bad-request"),
        ("alibaba", "POST", "/v1/filters", json_type, br#"{"items":[],"number":1}"#, 400, "bad-request"),
        (
            "alibaba",
            "POST",
            "/v1/filters/check",
            json_type,
            br#"{"filter":{"head":"AAAA","bitmap":""},"class":"ACC","id":"jd:1"}"#,
            400,
            "bad-request",
        ),
    ];
    for (slug, method, path, content_type, body, status, kind) in cases {
        let found = problem(slug, method, path, content_type, body);
        assert_eq!(found, (*status, (*kind).to_owned()), "{slug}: {method} {path} {}", String::from_utf8_lossy(body));
    }
    // One byte over the limit, so that the node reads the request to its end and the refusal is not lost in a reset.
    let large = vec![b' '; 8 * 1024 * 1024 + 1];
    for path in ["/v1/check", "/v1/checks", "/v1/listings"] {
        assert_eq!(problem("alibaba", "POST", path, json_type, &large), (413, "too-large".to_owned()), "{path}");
    }
}

/// One change of the stream: id, event, data.
fn next_event(lines: &mut antibrush_tests::Lines) -> (String, String, Value) {
    let (mut id, mut event, mut data) = (String::new(), String::new(), Value::Null);
    loop {
        let line = lines.next().expect("the stream goes on").unwrap();
        match line.split_once(": ").or_else(|| line.split_once(':')) {
            Some(("id", value)) => id = value.to_owned(),
            Some(("event", value)) => event = value.to_owned(),
            Some(("data", value)) => data = serde_json::from_str(value).unwrap(),
            _ if line.is_empty() && !data.is_null() => return (id, event, data),
            _ => {}
        }
    }
}

#[test]
fn the_change_stream_resumes_where_it_was_left() {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    let ids: Vec<String> = (0..5).map(account).collect();
    let node = &alliance["alibaba"];
    node.list_accounts(&ids[..3]);
    let sse = ("accept", "text/event-stream");
    let mut stream = node.http().lines("GET", "/v1/changes", &[sse], b"").unwrap();
    assert_eq!(stream.status, 200);
    let events: Vec<_> = (0..3).map(|_| next_event(&mut stream)).collect();
    for (leaf, (id, event, change)) in events.iter().enumerate() {
        assert_eq!((event.as_str(), &change["leaf"], &change["cursor"]), ("list", &json!(leaf), &json!(id)));
        assert_eq!(
            (&change["publisher"], &change["class"], &change["list"], &change["conduct"]),
            (&json!("alibaba"), &json!("ACC"), &json!("CXH"), &json!("C01"))
        );
        assert_eq!(change["token"].as_str().map(str::len), Some(64));
    }
    // What happens while it is open comes by itself, from this node and from others.
    node.http().post("/v1/clearings", &json!({ "items": [{ "class": "ACC", "id": ids[0], "reason": "R01" }] })).ok();
    let (cleared_at, event, change) = next_event(&mut stream);
    assert_eq!((event.as_str(), &change["reason"], &change["token"]), ("clear", &json!("R01"), &events[0].2["token"]));
    alliance["jd"].list_accounts(&ids[3..4]);
    let (_, _, change) = next_event(&mut stream);
    assert_eq!(change["publisher"], "jd");
    drop(stream);

    // In the middle of a batch, by header and by parameter, and after a restart.
    alliance["alibaba"].kill();
    alliance["alibaba"].start();
    let http = alliance["alibaba"].http();
    let resume = ("last-event-id", events[0].0.as_str());
    let mut stream = http.lines("GET", "/v1/changes", &[sse, resume], b"").unwrap();
    assert_eq!(next_event(&mut stream), events[1]);
    let path = format!("/v1/changes?cursor={cleared_at}");
    let mut stream = http.lines("GET", &path, &[sse], b"").unwrap();
    assert_eq!(next_event(&mut stream).2["publisher"], "jd");

    // The same as pages, with waiting.
    let mut http = alliance["alibaba"].http();
    let page = http.get("/v1/changes").ok();
    assert_eq!((page["changes"].as_array().unwrap().len(), &page["more"]), (5, &json!(false)));
    let cursor = page["cursor"].as_str().unwrap().to_owned();
    let path = format!("/v1/changes?cursor={cursor}&wait=30");
    let waited = std::thread::scope(|scope| {
        let mut http = alliance["alibaba"].http();
        let waiting = scope.spawn(move || http.get(&path).ok());
        alliance["jd"].list_accounts(&ids[4..]);
        waiting.join().unwrap()
    });
    assert_eq!(waited["changes"].as_array().unwrap().len(), 1, "{waited}");

    // A cursor of one node means nothing to another one, nor one of the future.
    for foreign in [cursor.clone(), format!("{}.999999.0", cursor.split('.').next().unwrap())] {
        let slug = if foreign == cursor { "jd" } else { "alibaba" };
        let mut http = alliance[slug].http();
        assert_eq!(http.get(&format!("/v1/changes?cursor={foreign}")).problem(), (410, "cursor-gone".to_owned()));
        let last = ("last-event-id", foreign.as_str());
        assert_eq!(http.send("GET", "/v1/changes", &[sse, last], b"").problem(), (410, "cursor-gone".to_owned()));
    }
}

/// Samples of the OpenMetrics text: name with labels, and value.
fn samples(text: &str) -> Vec<(String, f64)> {
    assert!(text.ends_with("# EOF\n"));
    let mut described = Vec::new();
    let mut samples = Vec::new();
    for line in text.lines().filter(|line| *line != "# EOF") {
        if let Some(comment) = line.strip_prefix("# ") {
            let (kind, rest) = comment.split_once(' ').unwrap();
            assert!(["HELP", "TYPE", "UNIT"].contains(&kind), "{line}");
            described.push(rest.split(' ').next().unwrap().to_owned());
            continue;
        }
        let (name, value) = line.rsplit_once(' ').unwrap();
        assert!(described.iter().any(|known| name.starts_with(known)), "{name} has no description");
        samples.push((name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}"))));
    }
    samples
}

#[test]
fn metrics_and_health() {
    let alliance = Alliance::with(&["alibaba", "jd"]);
    let node = &alliance["alibaba"];
    node.list_accounts(&[account(1)]);
    let mut anybody = Http::new(node.api(), None);
    let value =
        |text: &str, name: &str| samples(text).into_iter().find(|(known, _)| known == name).map(|(_, value)| value);
    let before = anybody.get("/metrics");
    assert_eq!((before.status, before.content_type.as_str()), (200, "application/openmetrics-text"));
    let listed = "antibrush_checks_total{kind=\"listed\"}";
    let count = value(&before.text(), listed).unwrap_or(0.0);
    assert_eq!(node.answer("ACC", &account(1)), "listed");
    let after = anybody.get("/metrics").text();
    assert_eq!(value(&after, listed), Some(count + 1.0));
    assert_eq!(value(&after, "antibrush_table_rows"), Some(1.0));
    assert_eq!(value(&after, "antibrush_peers_connected"), Some(1.0));
    assert_eq!(value(&after, "antibrush_feeds_stale"), Some(0.0));
    assert!(!after.contains("http-000001"));
    for path in ["/healthz", "/readyz"] {
        let reply = anybody.get(path);
        assert_eq!((reply.status, reply.json()), (200, json!({ "status": "ok" })), "{path}");
    }
}
