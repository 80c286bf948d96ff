//! The OpenAPI document is what the server does: every route in it is exercised, with a valid request and without a token,
//! and what comes back is held against its schema. A route that this test does not know fails it.

use std::collections::BTreeMap;

use antibrush_tests::{Alliance, Http, Reply};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Map, Value, json};

/// A request that the server must take.
struct Exercise {
    path: String,
    content_type: &'static str,
    body: Vec<u8>,
    accept: &'static str,
}

fn get(path: impl Into<String>) -> Exercise {
    Exercise { path: path.into(), content_type: "application/json", body: Vec::new(), accept: "*/*" }
}

fn post(path: impl Into<String>, body: &Value) -> Exercise {
    Exercise { body: body.to_string().into_bytes(), ..get(path) }
}

fn bytes(path: &str, content_type: &'static str, body: Vec<u8>) -> Exercise {
    Exercise { content_type, body, ..get(path) }
}

/// One exercise for each operation, named `METHOD path` as the document does.
fn exercises(http: &mut Http) -> BTreeMap<&'static str, Exercise> {
    let objects = |reply: Value| reply["objects"].as_array().unwrap().clone();
    let decoded = |object: &Value| STANDARD.decode(object.as_str().unwrap()).unwrap();
    let headers = objects(http.get("/v1/archive/feeds/jd/headers").ok());
    let charter = decoded(objects(http.get("/v1/archive/charters").ok()).last().unwrap());
    let digest = chunk_digest(&headers.last().map(decoded).unwrap());
    let chunk = http.get(&format!("/v1/archive/chunks/{digest}")).body;
    let subject = json!({ "class": "ENT", "id": "91350100M000100Y43" });
    let filter = http.post("/v1/filters", &json!({ "items": [subject], "number": 1 })).ok();
    let listing = json!({ "class": "ACC", "id": "jd:1", "conduct": "C01", "evidence": "case" });
    let dispute = json!({ "class": "ACC", "id": "jd:1", "kind": "dispute", "reason": "D02", "evidence": "letter" });
    let keys = http.get("/v1/keys").ok();
    // Admitted before the proposals are made: the charter changes with it. The exercise gets the same newcomer another invitation.
    let admission = json!({ "application": application() });
    http.post("/v1/alliance/admissions", &admission).ok();
    let renewal = json!({ "change": "renew", "days": 365 });
    let first = http.post("/v1/alliance/proposals", &json!({ "changes": [renewal] })).ok()["proposal"].clone();
    let second = successor(first.as_str().unwrap());
    let ceremony = keys["ceremonies"][0]["ceremony"].as_str().unwrap();
    let soon = antibrush_protocol::base::Timestamp(std::time::UNIX_EPOCH.elapsed().unwrap().as_secs())
        .day()
        .plus(30)
        .to_string();
    BTreeMap::from([
        ("GET /healthz", get("/healthz")),
        ("GET /readyz", get("/readyz")),
        ("GET /metrics", get("/metrics")),
        ("GET /v1/status", get("/v1/status")),
        ("GET /v1/members", get("/v1/members")),
        ("GET /v1/reports/overlap", get("/v1/reports/overlap?lists=CXH,SRC-COURT")),
        ("GET /v1/feeds", get("/v1/feeds")),
        ("GET /v1/feeds/{slug}", get("/v1/feeds/jd")),
        ("GET /v1/feeds/{slug}/checkpoint", get("/v1/feeds/jd/checkpoint?seq=0")),
        ("GET /v1/effects", get("/v1/effects")),
        ("GET /v1/due", get("/v1/due?days=400&publisher=*")),
        ("POST /v1/lives", post("/v1/lives", &subject)),
        ("POST /v1/remarks", post("/v1/remarks", &json!({ "items": [dispute] }))),
        ("GET /v1/writer", get("/v1/writer")),
        ("POST /v1/writer", post("/v1/writer", &json!({}))),
        ("POST /v1/feeds/{slug}/verify", get("/v1/feeds/jd/verify")),
        ("GET /v1/changes", get("/v1/changes?wait=0")),
        ("POST /v1/check", post("/v1/check", &json!({ "class": "ACC", "id": "jd:e2e", "purpose": "test" }))),
        ("POST /v1/checks", post("/v1/checks", &json!({ "purpose": "test", "class": "ACC", "ids": ["jd:e2e", "x"] }))),
        ("GET /v1/recommend", get("/v1/recommend")),
        ("POST /v1/recommend/reload", post("/v1/recommend/reload", &json!({}))),
        (
            "POST /v1/recommend/forecast",
            bytes("/v1/recommend/forecast?name=a.csv", "application/octet-stream", "账号\njd:e2e\njd\n".into()),
        ),
        ("GET /v1/recommend/overrides", get("/v1/recommend/overrides")),
        (
            "POST /v1/recommend/overrides",
            post(
                "/v1/recommend/overrides",
                &json!({ "class": "ACC", "id": "jd:e2e", "as": "ignore", "reason": "test", "until": soon }),
            ),
        ),
        (
            "POST /v1/recommend/overrides/remove",
            post("/v1/recommend/overrides/remove", &json!({ "class": "ACC", "id": "jd:e2e" })),
        ),
        (
            "POST /v1/listings",
            post(
                "/v1/listings",
                &json!({ "items": [listing, { "class": "MOB", "id": "1", "conduct": "C01", "evidence": "x" }] }),
            ),
        ),
        (
            "POST /v1/clearings",
            post("/v1/clearings", &json!({ "items": [{ "class": "ACC", "id": "jd:2", "reason": "R01" }] })),
        ),
        (
            "POST /v1/import",
            bytes(
                "/v1/import?name=a.csv&list=CXH",
                "application/octet-stream",
                "class,identifier,conduct\nACC,jd:3,C01\nMOB,1,C01\n".into(),
            ),
        ),
        ("POST /v1/tokens", bytes("/v1/tokens?name=a.csv", "application/octet-stream", "账号\njd:3\njd\n".into())),
        ("GET /v1/keys", get("/v1/keys")),
        ("POST /v1/keys/holders", post("/v1/keys/holders", &json!({ "quotas": { "MOB": 1000 } }))),
        ("POST /v1/keys/ceremonies", post("/v1/keys/ceremonies", &json!({ "kind": "refresh", "minutes": 5 }))),
        ("GET /v1/keys/ceremonies/{ceremony}", get(format!("/v1/keys/ceremonies/{ceremony}"))),
        ("POST /v1/keys/retire", post("/v1/keys/retire", &json!({ "epoch": 1, "force": true }))),
        ("POST /v1/proofs/inclusion", post("/v1/proofs/inclusion", &json!({ "publisher": "jd", "index": 0 }))),
        (
            "POST /v1/proofs/absence",
            post("/v1/proofs/absence", &json!({ "publisher": "jd", "since": 0, "class": "ACC", "id": "jd:never" })),
        ),
        // Nobody signed two histories here, and no valid request changes that: 404.
        ("POST /v1/proofs/equivocation", post("/v1/proofs/equivocation", &json!({ "publisher": "jd" }))),
        ("POST /v1/proofs/consistency", post("/v1/proofs/consistency", &json!({ "publisher": "jd", "earlier": 0 }))),
        ("POST /v1/alliance/admissions", post("/v1/alliance/admissions", &admission)),
        (
            "POST /v1/alliance/invitations",
            post("/v1/alliance/invitations", &json!({ "slug": "newcomer", "role": "observer", "days": 1 })),
        ),
        ("POST /v1/alliance/proposals", post("/v1/alliance/proposals", &json!({ "changes": [renewal] }))),
        ("POST /v1/alliance/proposals/publish", post("/v1/alliance/proposals/publish", &json!({ "proposal": first }))),
        ("POST /v1/alliance/proposals/show", post("/v1/alliance/proposals/show", &json!({ "proposal": second }))),
        ("POST /v1/alliance/proposals/sign", post("/v1/alliance/proposals/sign", &json!({ "proposal": second }))),
        ("POST /v1/filters", post("/v1/filters", &json!({ "items": [subject], "number": 2, "fpr_exponent": 12 }))),
        (
            "POST /v1/filters/check",
            post("/v1/filters/check", &json!({ "filter": filter, "class": "ENT", "id": "91350100M000100Y43" })),
        ),
        ("GET /v1/archive/charters", get("/v1/archive/charters?from=1")),
        ("GET /v1/archive/feeds/{slug}/headers", get("/v1/archive/feeds/jd/headers?from=0")),
        ("GET /v1/archive/chunks/{digest}", get(format!("/v1/archive/chunks/{digest}"))),
        ("POST /v1/archive/charters", bytes("/v1/archive/charters", "application/octet-stream", charter)),
        ("POST /v1/archive/chunks", bytes("/v1/archive/chunks", "application/cbor-seq", chunk)),
        ("POST /v1/archive/feeds/{slug}/headers", post("/v1/archive/feeds/jd/headers", &json!({ "objects": headers }))),
    ])
}

/// What a newcomer sends, signed by the key that it names.
fn application() -> String {
    use antibrush_node::keys::{FeedKey, NodeKey, SealKey, Signer};
    use antibrush_protocol::{
        charter::MemberRole,
        join::{Application, Newcomer},
        signed,
    };
    let feed = FeedKey::from_secret(&[41; 32]);
    let newcomer = Newcomer {
        slug: "applicant".to_owned(),
        legal_name: "示例".to_owned(),
        uscc: antibrush_tests::uscc(77),
        controller: antibrush_tests::uscc(77),
        feed_key: feed.public(),
        node_key: NodeKey::from_secret(&[42; 32]).public(),
        seal_key: SealKey::from_secret(&[43; 32]).public(),
        addresses: Vec::new(),
    };
    let application = Application { role: MemberRole::Observer, newcomer };
    format!("antibrush join request v1\n{}\n", STANDARD.encode(signed::sign(&application, &feed).envelope()))
}

/// An unsigned proposal that follows another one, which is published first: the routes come in the order of their names.
fn successor(proposal: &str) -> String {
    use antibrush_protocol::charter::SignedCharter;
    let (kind, body) = proposal.split_once('\n').unwrap();
    let first = SignedCharter::decode(&STANDARD.decode(body.trim()).unwrap()).unwrap();
    let mut charter = (**first.charter()).clone();
    (charter.number, charter.previous, charter.policy.corroboration) = (charter.number + 1, Some(first.id()), 3);
    format!("{kind}\n{}\n", STANDARD.encode(SignedCharter::unsigned(&charter).encode()))
}

/// The digest of the first chunk that a header names.
fn chunk_digest(header: &[u8]) -> String {
    use antibrush_protocol::{feed::BatchHeader, signed::Signed};
    let header = Signed::<BatchHeader>::decode(header).unwrap();
    header.payload().chunks[0].digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_route_does_what_the_document_says() {
    let alliance = Alliance::shared(&["alibaba", "jd"], 2);
    // Two epochs, of which the older one can be retired.
    alliance["alibaba"].command(&["keys", "rotate"]);
    alliance.wait_for_keys(2);
    alliance["jd"].list_accounts(&["jd:e2e".to_owned()]);
    alliance["alibaba"].list_accounts(&["jd:2".to_owned()]);
    alliance.wait_for_leaves("jd", 1);
    let mut http = alliance["alibaba"].http();
    let mut anybody = Http::new(alliance["alibaba"].api(), None);
    let reply = anybody.get("/openapi.json");
    let document = Document(reply.ok());
    assert!(document.0["openapi"].as_str().unwrap().starts_with("3."));
    let mut exercises = exercises(&mut http);
    for (operation, described) in document.operations() {
        let exercise =
            exercises.remove(operation.as_str()).unwrap_or_else(|| panic!("nothing here exercises {operation}"));
        let method = operation.split(' ').next().unwrap();
        let headers = [("content-type", exercise.content_type), ("accept", exercise.accept)];
        let reply = http.send(method, &exercise.path, &headers, &exercise.body);
        let good = if operation == "POST /v1/proofs/equivocation" { 404..405 } else { 200..300 };
        assert!(good.contains(&reply.status), "{operation}: {}", reply.text());
        document.hold_against(&operation, &described, &reply);

        let needs_token = described.get("security").is_some();
        let reply = anybody.send(method, &exercise.path, &headers, &exercise.body);
        document.hold_against(&operation, &described, &reply);
        if needs_token {
            assert_eq!(reply.problem(), (401, "unauthorized".to_owned()), "{operation}");
        } else {
            assert_eq!(reply.status, 200, "{operation}");
        }
    }
    assert!(exercises.is_empty(), "the document lacks {:?}", exercises.keys());
}

/// The document does not leave things unsaid: every operation has a summary, every object a description.
#[test]
fn everything_is_described() {
    let alliance = Alliance::with(&["alibaba"]);
    let document = Document(Http::new(alliance["alibaba"].api(), None).get("/openapi.json").ok());
    for (operation, described) in document.operations() {
        assert!(described["summary"].is_string() || described["description"].is_string(), "{operation}");
        assert!(described["tags"].is_array(), "{operation}");
    }
    for (name, schema) in document.0["components"]["schemas"].as_object().unwrap() {
        assert!(schema.to_string().contains("\"description\""), "{name} is not described");
    }
}

/// An OpenAPI document with the few rules of JSON Schema that it uses.
struct Document(Value);

impl Document {
    fn operations(&self) -> Vec<(String, Value)> {
        let mut operations = Vec::new();
        for (path, methods) in self.0["paths"].as_object().unwrap() {
            for (method, described) in methods.as_object().unwrap() {
                operations.push((format!("{} {path}", method.to_uppercase()), described.clone()));
            }
        }
        operations
    }

    /// The status is documented, and so are the type and the fields of the body.
    fn hold_against(&self, operation: &str, described: &Value, reply: &Reply) {
        let response = &described["responses"][reply.status.to_string()];
        assert!(response.is_object(), "{operation}: status {} is not documented", reply.status);
        let Some(content) = response.get("content").and_then(Value::as_object) else {
            assert!(reply.body.is_empty(), "{operation}: {} has a body that is not documented", reply.status);
            return;
        };
        // A problem has its own media type (RFC 9457); the document shows the schema alone.
        let (documented, schema) = content.iter().next().unwrap();
        let documented = documented.split(';').next().unwrap();
        if reply.status < 400 {
            assert_eq!(reply.content_type, documented, "{operation}");
        }
        let schema = &schema["schema"];
        let check = |value: &Value| {
            self.validate(schema, value)
                .unwrap_or_else(|fault| panic!("{operation} {}: {fault} in {value}", reply.status));
        };
        match reply.content_type.as_str() {
            "application/json" | "application/problem+json" => check(&reply.json()),
            "application/x-ndjson" => reply.text().lines().for_each(|line| check(&serde_json::from_str(line).unwrap())),
            _ => {}
        }
    }

    /// The schema with its reference followed.
    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str() {
            Some(reference) => {
                let found = self.0.pointer(reference.trim_start_matches('#'));
                self.resolve(found.unwrap_or_else(|| panic!("{reference} leads nowhere")))
            }
            None => schema,
        }
    }

    fn validate(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let schema = self.resolve(schema);
        if let Some(choices) = schema["oneOf"].as_array().or_else(|| schema["anyOf"].as_array()) {
            let faults: Vec<String> = choices.iter().filter_map(|choice| self.validate(choice, value).err()).collect();
            return if faults.len() < choices.len() {
                Ok(())
            } else {
                Err(format!("no choice fits ({})", faults.join("; ")))
            };
        }
        if let Some(known) = schema["enum"].as_array() {
            return if known.contains(value) { Ok(()) } else { Err(format!("{value} is none of {known:?}")) };
        }
        if schema.get("allOf").is_some() || schema.get("properties").is_some() {
            return self.validate_object(schema, value);
        }
        let kinds: Vec<&str> = match &schema["type"] {
            Value::String(kind) => vec![kind],
            Value::Array(kinds) => kinds.iter().filter_map(Value::as_str).collect(),
            // No type says nothing.
            _ => return Ok(()),
        };
        let fits = kinds.iter().any(|kind| match *kind {
            "string" => value.is_string(),
            "integer" => value.is_i64() || value.is_u64(),
            "number" => value.is_number(),
            "boolean" => value.is_boolean(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            "null" => value.is_null(),
            other => panic!("the type {other} is new here"),
        });
        if !fits {
            return Err(format!("{value} is no {kinds:?}"));
        }
        value.as_array().into_iter().flatten().try_for_each(|item| self.validate(&schema["items"], item))
    }

    fn validate_object(&self, schema: &Value, value: &Value) -> Result<(), String> {
        let object = value.as_object().ok_or_else(|| format!("{value} is no object"))?;
        let (mut properties, mut required) = (Map::new(), Vec::new());
        self.gather(schema, &mut properties, &mut required);
        if let Some(missing) = required.iter().find(|name| !object.contains_key(*name)) {
            return Err(format!("the field {missing} is required and missing"));
        }
        for (name, value) in object {
            let schema = properties.get(name).ok_or_else(|| format!("the field {name} is not documented"))?;
            self.validate(schema, value).map_err(|fault| format!("{name}: {fault}"))?;
        }
        Ok(())
    }

    /// All fields of an object and of what it contains flattened.
    fn gather(&self, schema: &Value, properties: &mut Map<String, Value>, required: &mut Vec<String>) {
        let schema = self.resolve(schema);
        for part in schema["allOf"].as_array().into_iter().flatten() {
            self.gather(part, properties, required);
        }
        for (name, schema) in schema["properties"].as_object().into_iter().flatten() {
            properties.insert(name.clone(), schema.clone());
        }
        required
            .extend(schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned));
    }
}

/// The validator itself: it must find what it is there for.
#[test]
fn the_validator_finds_missing_and_undocumented_fields_and_wrong_types() {
    let document = Document(json!({ "components": { "schemas": {
        "Inner": { "type": "object", "required": ["a"], "properties": { "a": { "type": "integer" } } },
        "Outer": { "allOf": [{ "$ref": "#/components/schemas/Inner" }, { "type": "object", "required": ["b"],
            "properties": { "b": { "type": "array", "items": { "type": "string" } }, "c": { "type": ["string", "null"] } } }] },
    } } }));
    let outer = json!({ "$ref": "#/components/schemas/Outer" });
    assert_eq!(document.validate(&outer, &json!({ "a": 1, "b": ["x"], "c": null })), Ok(()));
    for (broken, fault) in [
        (json!({ "b": [] }), "the field a is required and missing"),
        (json!({ "a": 1, "b": [], "d": 1 }), "the field d is not documented"),
        (json!({ "a": "1", "b": [] }), "a: \"1\" is no [\"integer\"]"),
        (json!({ "a": 1, "b": [2] }), "b: 2 is no [\"string\"]"),
        (json!([]), "[] is no object"),
    ] {
        assert_eq!(document.validate(&outer, &broken), Err(fault.to_owned()));
    }
}
