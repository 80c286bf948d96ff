//! Requests, files and commands that are wrong, with an identifier where it does not belong. The refusal must not repeat it.

use antibrush_tests::{Http, Reply};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;

use crate::{
    blacklist::{REFUSED, Row},
    scene::Scene,
};

/// Requests and commands that are wrong in many ways, each with an identifier in the wrong place.
pub fn send(scene: &Scene, row: &Row) {
    let id = row.id.as_str();
    let mut http = scene.http("alpha");
    let problem = |reply: Reply, what: &str| {
        assert!((400..500).contains(&reply.status), "{what}: {}", reply.status);
    };
    let json = [("content-type", "application/json")];
    for path in [
        format!("/v1/check/{id}"),
        format!("/v1/feeds/{id}"),
        format!("/v1/changes?cursor={id}"),
        format!("/v1/changes?wait={id}x"),
        format!("/v1/changes?{id}=1"),
        format!("/v1/keys/ceremonies/{id}"),
        format!("/v1/archive/feeds/{id}/headers"),
        format!("/{id}"),
    ] {
        problem(http.get(&path), "GET");
        problem(http.send("DELETE", &path, &[], b""), "DELETE");
    }
    for path in ["/v1/check", "/v1/checks", "/v1/listings", "/v1/clearings", "/v1/proofs/inclusion", "/v1/filters"] {
        let bodies = [
            format!("{{\"class\":\"MOB\",\"id\":\"{id}\""),
            format!("\"{id}\""),
            json!({ "class": id, "id": id, "purpose": "test" }).to_string(),
            json!({ "class": "MOB", "id": 15_400_000_000u64, id: id }).to_string(),
            json!({ "class": "MOB", "id": id, "purpose": id }).to_string(),
            json!({ "class": "MOB", "ids": [id, 7], "purpose": "test" }).to_string(),
            json!({ "items": [{ "class": "MOB", "id": id, "conduct": id, "evidence": "e" }] }).to_string(),
            json!({ "items": [{ "class": "MOB", "id": id, "day": id }], "number": id }).to_string(),
            json!({ "publisher": id, "index": id }).to_string(),
        ];
        for body in bodies {
            problem(http.send("POST", path, &json, body.as_bytes()), path);
            problem(http.send("POST", path, &[], body.as_bytes()), path);
        }
    }
    // Good JSON, and nothing of it can be done.
    for (path, body) in [
        ("/v1/keys/holders", json!({ "members": [id], "threshold": 1 })),
        ("/v1/keys/ceremonies", json!({ "kind": id })),
        ("/v1/proofs/consistency", json!({ "publisher": id, "earlier": 0 })),
        ("/v1/archive/feeds/alpha/headers", json!({ "objects": [STANDARD.encode(id)] })),
        ("/v1/alliance/invitations", json!({ "slug": id, "role": id })),
        ("/v1/alliance/invitations", json!({ "slug": id })),
    ] {
        problem(http.post(path, &body), path);
    }
    let bad_item = json!({ "items": [{ "class": "MOB", "id": "1540009991", "conduct": "C01", "evidence": "e", "day": id },
        { "class": row.class, "id": id, "conduct": "C01", "evidence": "e", "basis": id.repeat(9), "expires": id }] });
    assert_eq!(http.post("/v1/listings", &bad_item).ok()["counted"]["refused"], 2);
    problem(Http::new(scene.alliance["alpha"].api(), Some(id)).get("/v1/status"), "token");
    for (name, file) in [
        ("list.csv", format!("{},{id},C01\n", row.class)),
        ("list.csv", format!("class,identifier,conduct,{id}\n{},{id},{id}\n", row.class)),
        ("list.csv", format!("class,{id},conduct\n{},{id},C01\n", row.class)),
        (id, id.repeat(3)),
        ("list.xlsx", id.repeat(3)),
    ] {
        let name = name.replace(|c: char| !c.is_ascii_alphanumeric() && c != '.', "-");
        http.send("POST", &format!("/v1/import?name={name}"), &[], file.as_bytes());
        let path = scene.alliance.file("wrong.csv", &file).display().to_string();
        scene.cli("alpha", &["import", &path]);
    }
    assert!(scene.cli("alpha", &["check", "--class", "MOB", "--id", "1540009991"]).stdout.starts_with("invalid"));
    for wrong in [
        &["check", id][..],
        &["check", "--class", id, "--id", id],
        &["check", "--class", row.class, "--id", id, "--purpose", id],
        &["list", "--class", row.class, "--id", id, "--conduct", id, "--evidence", "e"],
        &["clear", "--class", row.class, "--id", id, "--reason", id],
        &["feed", "show", "--publisher", id],
        &["feed", "show", "--publisher", REFUSED[3].1],
        &["keys", "holders", "--holders", id],
        &["keys", "retire", "--epoch", id],
        &["alliance", "admit", "--slug", "new-member", "--role", id],
        &["alliance", "admit", "--slug", id],
        &["join", id],
        &[id],
    ] {
        let outcome = scene.cli("alpha", wrong);
        assert_ne!(outcome.status, Some(0), "{wrong:?}");
    }
}
