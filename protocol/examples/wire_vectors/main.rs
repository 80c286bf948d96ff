//! Writes tests/vectors/wire (one file an object, annotated hex) and tests/data (one directory a defect).
//!
//!     cargo run -p antibrush-protocol --example wire_vectors
//!
//! The output is the same each time: a difference in `git status` is a change of the wire.

mod annotate;
mod ceremony;
mod defects;
mod edit;
#[path = "../../src/fixtures/mod.rs"]
mod fixtures;
mod remarks;
mod shared;
mod writer;

use std::{error::Error, fs, path::Path};

use annotate::{Shape, annotate, each, inside};
use antibrush_protocol::{
    base::MemberNumber,
    encoding::Wire,
    entry::Entry,
    join::{JoinAnswer, JoinRefusal},
    signed,
    sync::{Announcement, Heads, PeerHead, Request, Response},
};
use fixtures::*;

fn main() -> Result<(), Box<dyn Error>> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests");
    let wire = tests.join("vectors/wire");
    fs::create_dir_all(&wire)?;
    let objects = [objects(), remarks::objects(), ceremony::objects(), shared::objects(), writer::objects()].concat();
    for (name, what, text) in &objects {
        fs::write(wire.join(name).with_extension("txt"), format!("# {what}\n{KEYS}\n{text}"))?;
    }
    let defects = defects::all();
    for defect in &defects {
        let dir = tests.join("data").join(defect.dir);
        fs::create_dir_all(&dir)?;
        let second = if defect.dir.starts_with("body-") { "chunk:\n" } else { "bitmap:\n" };
        let sections = defect.input.iter().map(|bytes| annotate::lines(bytes)).collect::<Vec<_>>().join(second);
        fs::write(dir.join("input.hex"), format!("# {}\n{sections}", defect.note))?;
        fs::write(dir.join("expected.txt"), format!("{}\n", defect.expected))?;
    }
    println!("{} vectors and {} defects written", objects.len(), defects.len());
    Ok(())
}

const KEYS: &str = "#
# Keys: the feed key of member 1 is test 1 of RFC 8032 §7.1; every other secret key and opaque value is the SHA-256 of
# \"antibrush vector \" followed by its label: feed-2, feed-1b, node-1, steward-1, steward-2, seal-1, entropy-1,
# founding-nonce, seed-1, token-1, evidence-1, secret (16 bytes). Times: founded 1795104000, first batch an hour later,
# charter 2 a day later, second batch an hour after that, charter 3 and then evaluations and posts a quarter of an hour
# each after that. Shared keys: the coefficient of x^i is the little-endian value of coefficient-<class>-<epoch>-<i> modulo
# the order; entropy of 64 bytes is a label and then the label with \" again\" after it. Made by
# protocol/examples/wire_vectors.
";

fn heads() -> Heads {
    let feed = feed();
    let feeds = vec![PeerHead { publisher: MemberNumber(1), seq: 1, id: feed.second.id() }];
    Heads { charter: 2, charter_id: signed(&second(), &[]).id(), feeds, clock: second().issued }
}

/// Name, what it is, annotated hex.
fn objects() -> Vec<(&'static str, &'static str, String)> {
    let feed = feed();
    let header = feed.first.payload();
    let digest = header.chunks[0].digest;
    let invitation = invitation();
    let join = signed::sign(&join_request(), &feed_key(5));
    let (head, _) = filter();
    let charters = charters();
    let wire = |object: &dyn Fn() -> Vec<u8>, shape: Shape| annotate(&object(), "object", &shape);
    vec![
        (
            "entry_list_minimal",
            "Entry, kind List, required fields alone: leaf 0.",
            wire(&|| Entry::List(listing()).encode(), entry()),
        ),
        (
            "entry_list_full",
            "Entry, kind List, every field but the number of a document: leaf 1.",
            wire(&|| Entry::List(full_listing()).encode(), entry()),
        ),
        (
            "entry_list_carries",
            "Entry, kind List, of key epoch 2: carries on leaf 0.",
            wire(&|| Entry::List(carried_listing()).encode(), entry()),
        ),
        ("entry_amend", "Entry, kind Amend, of leaf 0: leaf 3.", wire(&|| Entry::Amend(amendment()).encode(), entry())),
        (
            "entry_clear",
            "Entry, kind Clear, of leaf 2 (a mobile number): leaf 4.",
            wire(&|| Entry::Clear(clearing()).encode(), entry()),
        ),
        ("batch_header", "BatchHeader: batch 0 of member 1.", wire(&|| header.encode(), batch_header())),
        (
            "batch_header_signed",
            "BatchHeader in its COSE_Sign1.",
            wire(&|| feed.first.envelope().to_vec(), sign1(batch_header())),
        ),
        (
            "batch_header_second",
            "BatchHeader in its COSE_Sign1: batch 1, under charter 2, signed with feed-1b.",
            wire(&|| feed.second.envelope().to_vec(), sign1(batch_header())),
        ),
        ("chunk", "The body chunk of batch 0: a CBOR sequence of five entries.", wire(&|| feed.chunk.clone(), entry())),
        (
            "chunk_erased",
            "The same chunk after the content of leaf 2 was erased: its leaf hash stays.",
            wire(&erased_chunk, entry()),
        ),
        (
            "charter_genesis",
            "Charter, version 1: its SHA-256 is the alliance's id.",
            wire(&|| genesis().encode(), charter()),
        ),
        (
            "charter_genesis_signed",
            "Charter, version 1, with the detached COSE_Sign1 of steward-1 and steward-2.",
            wire(&|| charters[0].to_vec(), signed_charter()),
        ),
        (
            "charter_second",
            "Charter, version 2: member 5 joins, the feed key of member 1 hands over to its next one.",
            wire(&|| second().encode(), charter()),
        ),
        (
            "charter_second_signed",
            "Charter, version 2, with the detached COSE_Sign1 of steward-1 and steward-2.",
            wire(&|| charters[1].to_vec(), signed_charter()),
        ),
        (
            "charter_third",
            "Charter, version 3: member 6 joins; members 1, 2 and 6 hold shared keys; the keys of MOB from before are retired.",
            wire(&|| third().encode(), charter()),
        ),
        (
            "charter_third_signed",
            "Charter, version 3, with the detached COSE_Sign1 of steward-1 and steward-2.",
            wire(&|| signed(&third(), &["1", "2"]).encode(), signed_charter()),
        ),
        (
            "charter_witnesses",
            "Charter, version 2, with a policy that asks for two witnesses (policy key 5).",
            wire(&|| waiting_for_witnesses().encode(), charter()),
        ),
        (
            "charter_signature",
            "CharterSignature: what steward-1 sends back after signing charter 2 apart from it.",
            wire(
                &|| signed(&second(), &[]).signature_by(&steward("1")).encode(),
                Shape::Tuple(vec![("charter", Shape::Plain), ("signature", Shape::Plain)]),
            ),
        ),
        (
            "key_succession",
            "SignedSuccession: feed-1 hands over to feed-1b, with the bare signatures of both.",
            wire(&|| succession().encode(), succession_shape()),
        ),
        ("member", "Member 1.", wire(&|| member(1).encode(), member_shape())),
        (
            "invitation",
            "Invitation: the CBOR, and the line of text that carries it (lower-case base32 of it and a checksum).",
            format!("{}text: {}\n", wire(&|| invitation.encode(), invitation_shape()), invitation.to_text()),
        ),
        ("join_request", "JoinRequest of member 5.", wire(&|| join_request().encode(), join_shape())),
        (
            "join_request_signed",
            "JoinRequest in its COSE_Sign1, signed with feed-5.",
            wire(&|| join.envelope().to_vec(), sign1(join_shape())),
        ),
        ("application", "Application of member 5.", wire(&|| application().encode(), application_shape())),
        (
            "join_answer_pending",
            "JoinAnswer: one of two stewards has signed.",
            wire(
                &|| JoinAnswer::Pending { have: 1, need: 2 }.encode(),
                Shape::Tuple(vec![("kind", Shape::Plain), ("have", Shape::Plain), ("need", Shape::Plain)]),
            ),
        ),
        (
            "join_answer_admitted",
            "JoinAnswer: admitted, with both charters.",
            wire(
                &|| JoinAnswer::Admitted { newest: 2, charters: charters.clone() }.encode(),
                Shape::Tuple(vec![
                    ("kind", Shape::Plain),
                    ("newest", Shape::Plain),
                    ("charters", each("charter", Shape::Plain)),
                ]),
            ),
        ),
        (
            "join_answer_refused",
            "JoinAnswer: the invitation has expired.",
            wire(&|| JoinAnswer::Refused(JoinRefusal::Expired).encode(), kind(Shape::Plain)),
        ),
        ("heads", "Heads: charter 2 and one feed.", wire(&|| heads().encode(), heads_shape())),
        ("request_heads", "Request: compare heads.", wire(&|| Request::Heads(heads()).encode(), kind(heads_shape()))),
        (
            "request_headers",
            "Request: the headers of member 1 from batch 1 on.",
            wire(
                &|| Request::Headers { publisher: MemberNumber(1), from: 1 }.encode(),
                Shape::Tuple(vec![("kind", Shape::Plain), ("publisher", Shape::Plain), ("from", Shape::Plain)]),
            ),
        ),
        (
            "request_chunk",
            "Request: a chunk by its digest.",
            wire(&|| Request::Chunk { digest }.encode(), kind(Shape::Plain)),
        ),
        (
            "request_charters",
            "Request: the charters from 1 on.",
            wire(&|| Request::Charters { from: 1 }.encode(), kind(Shape::Plain)),
        ),
        ("response_heads", "Response: heads.", wire(&|| Response::Heads(heads()).encode(), kind(heads_shape()))),
        (
            "response_headers",
            "Response: both headers.",
            wire(
                &|| Response::Headers(vec![feed.first.envelope().clone(), feed.second.envelope().clone()]).encode(),
                kind(each("header", inside(sign1(batch_header())))),
            ),
        ),
        (
            "response_chunk",
            "Response: the erased chunk.",
            wire(&|| Response::Chunk(erased_chunk().into()).encode(), kind(inside(entry()))),
        ),
        (
            "response_charters",
            "Response: both charters.",
            wire(&|| Response::Charters(charters.clone()).encode(), kind(each("charter", Shape::Plain))),
        ),
        ("response_absent", "Response: not here (yet).", wire(&|| Response::Absent.encode(), kind(Shape::Plain))),
        (
            "response_busy",
            "Response: ask again in half a second.",
            wire(&|| Response::Busy { retry_after_ms: 500 }.encode(), kind(Shape::Plain)),
        ),
        (
            "announcement",
            "Announcement of charter 2.",
            wire(
                &|| Announcement { number: 2, id: heads().charter_id }.encode(),
                Shape::Tuple(vec![("number", Shape::Plain), ("id", Shape::Plain)]),
            ),
        ),
        (
            "filter_head",
            "FilterHead over the SHA-256 of 0 to 69 (one byte each) as tags, at 2^-10.",
            wire(&|| head.encode(), filter_shape()),
        ),
        (
            "inclusion_proof",
            "InclusionProof: leaf 1 of member 1 in its tree of 8.",
            wire(&|| inclusion().encode(), proof_shape(true)),
        ),
        (
            "consistency_proof",
            "ConsistencyProof: member 1 from 5 leaves to 8.",
            wire(&|| consistency().encode(), proof_shape(false)),
        ),
        (
            "absence_proof",
            "AbsenceProof: member 1 says nothing about token 9 between its 5 leaves and its 8.",
            wire(&|| absence().encode(), absence_shape()),
        ),
        (
            "equivocation_proof",
            "EquivocationProof: member 1 signed two batches 1.",
            wire(&|| equivocation_proof().encode(), equivocation_shape()),
        ),
    ]
}

fn filter() -> (antibrush_protocol::filter::FilterHead, Vec<u8>) {
    let tags: Vec<[u8; 32]> = (0..70).map(|n| signed::object_id(&[n])).collect();
    let seed = label("antibrush vector filter-seed");
    // 70 tags fit every layout.
    antibrush_protocol::filter::build(&tags, 10, seed, FIRST, FIRST.plus(3_600), alliance(), 1).expect("a small filter")
}

fn named(fields: &[(u64, &'static str)]) -> Vec<(u64, &'static str, Shape)> {
    fields.iter().map(|(key, name)| (*key, *name, Shape::Plain)).collect()
}

fn with(mut fields: Vec<(u64, &'static str, Shape)>, shapes: Vec<(u64, Shape)>) -> Shape {
    for (key, shape) in shapes {
        fields.iter_mut().filter(|(k, ..)| *k == key).for_each(|field| field.2 = shape.clone());
    }
    Shape::Map(fields)
}

fn tuple(names: &[&'static str]) -> Shape {
    Shape::Tuple(names.iter().map(|name| (*name, Shape::Plain)).collect())
}

fn kind(shape: Shape) -> Shape {
    Shape::Tuple(vec![("kind", Shape::Plain), ("content", shape)])
}

fn heads_shape() -> Shape {
    let feeds = each("head", tuple(&["publisher", "seq", "header id"]));
    Shape::Tuple(vec![
        ("charter", Shape::Plain),
        ("charter id", Shape::Plain),
        ("feeds", feeds),
        ("clock", Shape::Plain),
    ])
}

fn entry() -> Shape {
    let fields = [
        (0, "kind"),
        (1, "class"),
        (2, "key epoch"),
        (3, "token"),
        (4, "list"),
        (5, "conduct"),
        (6, "severity"),
        (7, "role"),
        (8, "direction"),
        (9, "region"),
        (10, "day"),
        (11, "expires"),
        (12, "basis"),
        (13, "evidence"),
        (14, "target, or what it carries on"),
        (15, "reason"),
        (16, "sealed"),
        (17, "name"),
        (18, "publisher"),
        (19, "document"),
        (20, "step, outcome or response"),
        (21, "disputer"),
        (22, "dispute"),
        (23, "measure"),
    ];
    with(named(&fields), vec![(17, tuple(&["credit code", "registered name"]))])
}

fn batch_header() -> Shape {
    let fields = [
        (0, "version"),
        (1, "alliance"),
        (2, "publisher"),
        (3, "seq"),
        (4, "previous"),
        (5, "size"),
        (6, "root"),
        (7, "first"),
        (8, "count"),
        (9, "totals"),
        (10, "charter"),
        (11, "issued"),
        (12, "expires"),
        (13, "chunks"),
        (14, "checkpoint"),
    ];
    let totals = each("total", tuple(&["kind", "list", "conduct (0: none)", "entries"]));
    with(named(&fields), vec![(9, totals), (13, each("chunk", tuple(&["digest", "entries", "bytes"])))])
}

fn sign1(payload: Shape) -> Shape {
    let protected = Shape::Map(named(&[(1, "alg"), (3, "content type"), (4, "key id")]));
    Shape::Tuple(vec![
        ("protected header", inside(protected)),
        ("unprotected header", Shape::Plain),
        ("payload", inside(payload)),
        ("signature", Shape::Plain),
    ])
}

fn detached() -> Shape {
    match sign1(Shape::Plain) {
        Shape::Tuple(mut fields) => {
            fields[2] = ("payload: null (detached)", Shape::Plain);
            Shape::Tuple(fields)
        }
        other => other,
    }
}

fn signed_charter() -> Shape {
    Shape::Tuple(vec![("payload", inside(charter())), ("signatures", each("signature", inside(detached())))])
}

fn member_shape() -> Shape {
    let fields = [
        (0, "number"),
        (1, "slug"),
        (2, "legal name"),
        (3, "credit code"),
        (4, "controller"),
        (5, "role"),
        (6, "state"),
        (7, "feed keys"),
        (8, "nodes"),
        (9, "seal key"),
        (10, "sealed seeds"),
        (12, "successions"),
    ];
    let node = Shape::Tuple(vec![("key", Shape::Plain), ("addresses", each("address", Shape::Plain))]);
    let shapes = vec![
        (7, each("feed key", tuple(&["key", "from", "until"]))),
        (8, each("node", node)),
        (10, each("sealed seed", tuple(&["epoch", "enc and ciphertext"]))),
        (12, each("succession", tuple(&["charter", "kind", "old", "new", "by old", "by new"]))),
    ];
    with(named(&fields), shapes)
}

fn succession_shape() -> Shape {
    let fields = [(0, "version"), (1, "alliance"), (2, "member"), (3, "kind"), (4, "old"), (5, "new")];
    let succession = Shape::Map(named(&fields));
    Shape::Tuple(vec![("succession", succession), ("by old", Shape::Plain), ("by new", Shape::Plain)])
}

fn charter() -> Shape {
    let fields = [
        (0, "version"),
        (1, "number"),
        (2, "previous"),
        (3, "alliance"),
        (4, "founding nonce"),
        (5, "name zh"),
        (6, "name en"),
        (7, "level"),
        (8, "region"),
        (9, "stewards"),
        (10, "threshold"),
        (11, "members"),
        (12, "token keys"),
        (13, "policy"),
        (14, "issued"),
        (15, "expires"),
        (16, "holding"),
    ];
    let key = Shape::Tuple(vec![
        ("class", Shape::Plain),
        ("epoch", Shape::Plain),
        ("suite", Shape::Plain),
        ("threshold", Shape::Plain),
        ("holders", Shape::Plain),
        ("public keys", each("commitment, or group key and shares", Shape::Plain)),
        // Suite 2 has its holders before it, suite 1 never.
        ("holders of the shares, or retired", each("member", Shape::Plain)),
        ("retired", Shape::Plain),
    ]);
    let quotas = each("quota", tuple(&["class", "evaluations"]));
    let holding =
        Shape::Tuple(vec![("threshold", Shape::Plain), ("members", each("member", Shape::Plain)), ("quotas", quotas)]);
    let policy = [
        (0, "corroboration"),
        (1, "term days"),
        (2, "mobile term days"),
        (3, "names publishers"),
        (4, "accepts insider enumeration"),
        (5, "witnesses"),
    ];
    let shapes = vec![
        (9, each("steward", tuple(&["member", "key"]))),
        (11, each("member", member_shape())),
        (12, each("token key", key)),
        (13, Shape::Map(named(&policy))),
        (16, holding),
    ];
    with(named(&fields), shapes)
}

fn invitation_shape() -> Shape {
    let fields = [(0, "version"), (1, "alliance"), (2, "node key"), (3, "addresses"), (4, "secret"), (5, "expires")];
    with(named(&fields), vec![(3, each("address", Shape::Plain))])
}

fn join_shape() -> Shape {
    let fields = [
        (0, "version"),
        (1, "secret"),
        (2, "slug"),
        (3, "legal name"),
        (4, "credit code"),
        (5, "controller"),
        (6, "feed key"),
        (7, "node key"),
        (8, "seal key"),
        (9, "addresses"),
        (10, "from"),
    ];
    with(named(&fields), vec![(9, each("address", Shape::Plain))])
}

fn application_shape() -> Shape {
    let fields = [
        (0, "version"),
        (1, "role"),
        (2, "slug"),
        (3, "legal name"),
        (4, "credit code"),
        (5, "controller"),
        (6, "feed key"),
        (7, "node key"),
        (8, "seal key"),
        (9, "addresses"),
    ];
    with(named(&fields), vec![(9, each("address", Shape::Plain))])
}

fn filter_shape() -> Shape {
    let fields = [
        (0, "version"),
        (1, "alliance"),
        (2, "number"),
        (3, "built"),
        (4, "expires"),
        (5, "fpr exponent"),
        (6, "items"),
        (7, "bits"),
        (8, "hashes"),
        (9, "seed"),
        (10, "digest"),
    ];
    Shape::Map(named(&fields))
}

fn proof_shape(inclusion: bool) -> Shape {
    let (header, path) = (inside(sign1(batch_header())), each("hash", Shape::Plain));
    let charters = (1, "charters", each("charter", Shape::Plain));
    let version = (0, "version", Shape::Plain);
    Shape::Map(if inclusion {
        let leaf = (4, "leaf", inside(entry()));
        vec![version, charters, (2, "header", header), (3, "index", Shape::Plain), leaf, (5, "path", path)]
    } else {
        vec![version, charters, (2, "earlier", header.clone()), (3, "later", header), (4, "path", path)]
    })
}

fn equivocation_shape() -> Shape {
    let header = inside(sign1(batch_header()));
    Shape::Map(vec![
        (0, "version", Shape::Plain),
        (1, "charters", each("charter", Shape::Plain)),
        (2, "first", header.clone()),
        (3, "second", header),
    ])
}

fn absence_shape() -> Shape {
    let (header, hashes) = (inside(sign1(batch_header())), each("hash", Shape::Plain));
    let token = Shape::Tuple(vec![("epoch", Shape::Plain), ("token", Shape::Plain)]);
    Shape::Map(vec![
        (0, "version", Shape::Plain),
        (1, "charters", each("charter", Shape::Plain)),
        (2, "earlier", header.clone()),
        (3, "later", header),
        (4, "peaks", hashes),
        (5, "class", Shape::Plain),
        (6, "tokens", each("token", token)),
        (7, "leaves", Shape::Plain),
    ])
}
