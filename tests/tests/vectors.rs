//! The published vectors of every wire object in tests/vectors/wire.

mod wire;

use std::{collections::BTreeSet, fs};

use antibrush_protocol::{
    base::{MemberNumber, Timestamp},
    board::{Board, Post, Taken},
    ceremony::{Ceremony, Fault, Me, Phase, Round, Seed},
    charter::{Charter, CharterSignature, SignedCharter},
    codes::{DeclineReason, DisputeReason, List, Measure, Outcome, Reason, Response as Done, RulingReason, Severity},
    encoding::Wire,
    entry::{
        Entry,
        lifecycle::{Act, Remark},
    },
    evaluation::{Answer, BadAnswer, EvaluationError, EvaluationResponse, Refusal},
    feed::{BatchHeader, Chunk, Head, Leaf},
    filter::FilterHead,
    join::{Invitation, JoinAnswer, JoinRefusal, JoinRequest},
    signed::{Signed, object_id},
    subject::Class,
    suite::{
        Suite,
        threshold::{OprfError, ThresholdKey},
    },
    sync::{Announcement, Heads, Request, Response},
};
use wire::{alliance, chain, descriptor, parse, recode, tests_dir, vector, vectors};

#[test]
fn every_vector_decodes_and_encodes_to_the_same_bytes() {
    let vectors = vectors();
    assert_eq!(vectors.len(), 89);
    for (name, bytes) in vectors {
        assert_eq!(recode(&name, &bytes).as_ref(), Ok(&bytes), "{name}");
    }
}

/// Each type that implements `Wire` in the protocol's source, and the beginning of its vectors' names.
const TYPES: &[(&str, &str)] = &[
    ("AbsenceProof", "absence_proof"),
    ("Announcement", "announcement"),
    ("Answer", "evaluation_answer"),
    ("Application", "application"),
    ("Ask", "writer_ask_"),
    ("BadAnswer", "bad_answer"),
    ("BatchHeader", "batch_header"),
    ("Bid", "writer_bid"),
    ("Call", "ceremony_call"),
    ("Charter", "charter_genesis"),
    ("CharterSignature", "charter_signature"),
    ("ConsistencyProof", "consistency_proof"),
    ("Deletion", "deletion"),
    ("Entry", "entry_"),
    ("Envelope", "charter_genesis_signed"),
    ("EquivocationProof", "equivocation_proof"),
    ("EvaluationRequest", "evaluation_request"),
    ("EvaluationResponse", "evaluation_response_"),
    ("FilterHead", "filter_head"),
    ("Framed", "post_"),
    ("Heads", "heads"),
    ("InclusionProof", "inclusion_proof"),
    ("Invitation", "invitation"),
    ("JoinAnswer", "join_answer_"),
    ("JoinRequest", "join_request"),
    ("KeySuccession", "key_succession"),
    ("Member", "member"),
    ("Message", "ceremony_deal"),
    ("Pair", "post_equivocation"),
    ("Proposal", "writer_proposal"),
    ("PurgeReceipt", "purge_receipt"),
    ("Register", "writer_register"),
    ("Reply", "writer_reply_"),
    ("Request", "request_"),
    ("Response", "response_"),
    ("SignedSuccession", "key_succession"),
    ("UsageReport", "usage_report"),
    ("WitnessStatement", "witness_statement"),
];

#[test]
fn every_wire_type_has_a_vector() {
    let mut types = BTreeSet::new();
    let mut dirs = vec![tests_dir().join("../protocol/src")];
    while let Some(dir) = dirs.pop() {
        for path in fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()) {
            if path.is_dir() {
                dirs.push(path);
            } else {
                let text = fs::read_to_string(&path).unwrap();
                let names = text.lines().filter_map(|line| line.strip_prefix("impl Wire for ")); // not those of test modules
                types.extend(names.map(|name| name.trim_end_matches(" {").to_owned()));
            }
        }
    }
    assert_eq!(
        types.iter().map(String::as_str).collect::<Vec<_>>(),
        TYPES.iter().map(|(name, _)| *name).collect::<Vec<_>>()
    );
    let vectors = vectors();
    for (name, prefix) in TYPES {
        assert!(vectors.keys().any(|vector| vector.starts_with(prefix)), "{name}");
    }
}

fn entry(name: &str) -> Entry {
    Entry::decode(&vector(name)).unwrap()
}

#[test]
fn entries_say_what_their_comments_say() {
    let Entry::List(minimal) = entry("entry_list_minimal") else { panic!("a listing") };
    assert_eq!((minimal.list, minimal.severity, minimal.basis.as_str()), (List::Cxh, Severity::Severe, "DEMO-2026-1"));
    assert_eq!(minimal.token.0, object_id(b"antibrush vector token-1"));
    assert_eq!((minimal.region, minimal.sealed, minimal.name), (None, None, None));
    let Entry::List(full) = entry("entry_list_full") else { panic!("a listing") };
    assert_eq!(
        (full.region, full.sealed.map(|s| s.len()), full.name.map(|n| n.uscc().to_owned())),
        (Some(350_100), Some(168), Some("52369997CLRKQMRBEK".to_owned()))
    );
    let Entry::List(carried) = entry("entry_list_carries") else { panic!("a listing") };
    assert_eq!((carried.epoch, carried.carries, minimal.carries), (2, Some(0), None));
    assert_ne!(carried.token, minimal.token);
    let Entry::Amend(amendment) = entry("entry_amend") else { panic!("an amendment") };
    assert_eq!((amendment.target, amendment.severity, amendment.conduct), (0, Some(Severity::Minor), None));
    let Entry::Clear(clearing) = entry("entry_clear") else { panic!("a clearing") };
    assert_eq!((clearing.target, clearing.reason), (2, Reason::Mistake));
    let Entry::List(statutory) = entry("entry_list_statutory") else { panic!("a listing") };
    assert_eq!((statutory.list, statutory.document.as_deref()), (List::SrcCourt, Some("(2026)闽0102执1234号")));
}

#[test]
fn remarks_say_what_their_comments_say() {
    let (one, three) = (MemberNumber(1), MemberNumber(3));
    for (name, author, publisher, kind) in [
        ("entry_notice", 2, one, 4),
        ("entry_commitment", 1, one, 5),
        ("entry_dispute", 3, one, 6),
        ("entry_dispute_withdrawn", 3, one, 6),
        ("entry_ruling", 1, one, 7),
        ("entry_measure_declined", 2, one, 8),
        ("entry_measure_recorded", 2, one, 8),
    ] {
        let entry = entry(name);
        let remark = Remark::new(&entry, MemberNumber(author), 9, entry.day()).unwrap();
        assert_eq!((entry.kind().number(), remark.publisher, remark.target), (kind, publisher, 0), "{name}");
        let act = match name {
            "entry_notice" => Act::Rectify { until: Some(remark.day.plus(60)) },
            "entry_commitment" => Act::Commit,
            "entry_dispute" => Act::Dispute(DisputeReason::Facts),
            "entry_dispute_withdrawn" => Act::Withdraw { dispute: 7 },
            "entry_ruling" => {
                Act::Rule { disputer: three, dispute: 7, outcome: Outcome::Upheld, reason: RulingReason::Insufficient }
            }
            "entry_measure_declined" => {
                Act::Measure { measure: Measure::P05, response: Done::Declined, reason: Some(DeclineReason::NotHere) }
            }
            _ => Act::Measure { measure: Measure::G01, response: Done::Applied, reason: None },
        };
        assert_eq!(remark.act, act, "{name}");
    }
}

#[test]
fn the_feed_of_the_vectors_is_one_feed() {
    let (chain, now) = (chain(2), wire::NOW);
    let header = |name: &str| Signed::<BatchHeader>::decode(&vector(name)).unwrap();
    let (first, second) = (header("batch_header_signed"), header("batch_header_second"));
    assert_eq!(first.payload().encode(), vector("batch_header"));
    assert_eq!(hex(&first.key()), "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"); // RFC 8032 §7.1, test 1
    assert_eq!((second.payload().previous, second.payload().first), (Some(first.id()), first.payload().size));
    assert_eq!(chain.verify_header(first.clone(), now).map(|h| h.id()), Ok(first.id()));
    assert_eq!(chain.verify_header(second.clone(), now).map(|h| Head::of(h.payload(), h.id()).size), Ok(8));
    let (chunk, erased) = (
        Chunk::verify(wire::PLACE, &descriptor(), &vector("chunk")).unwrap(),
        Chunk::verify(wire::PLACE, &descriptor(), &vector("chunk_erased")).unwrap(),
    );
    assert_eq!((chunk.leaf_hashes.clone(), chunk.erased, erased.erased), (erased.leaf_hashes.clone(), 0, 1));
    assert_eq!(erased.leaves[2], Leaf::Erased(chunk.leaf_hashes[2]));
    assert_eq!(chunk.leaves[0], Leaf::Entry(entry("entry_list_minimal")));
    assert_eq!(chunk.totals, first.payload().totals);
}

#[test]
fn charters_and_invitation_belong_together() {
    let signed = |name: &str| SignedCharter::decode(&vector(name)).unwrap();
    let (first, second) = (signed("charter_genesis_signed"), signed("charter_second_signed"));
    assert_eq!(
        (first.charter().encode(), second.charter().encode()),
        (vector("charter_genesis"), vector("charter_second"))
    );
    assert_eq!((first.signers().len(), second.signers().len()), (2, 2));
    assert_eq!(first.id(), object_id(&vector("charter_genesis")));
    let charter = Charter::decode(&vector("charter_second")).unwrap();
    assert_eq!((charter.number, charter.previous, charter.alliance), (2, Some(first.id()), Some(first.id())));
    assert_eq!((charter.name_zh.as_str(), charter.members.len(), charter.threshold), ("反炒信示例联盟", 5, 2));
    // All but the number of pairs: one more, the record of the succession.
    assert_eq!(charter.members[0].encode()[1..8], vector("member")[1..8]);
    assert_eq!(charter.members[0].successions.len(), 1);
    let one = CharterSignature::decode(&vector("charter_signature")).unwrap();
    let mut again = SignedCharter::unsigned(&charter);
    assert_eq!((again.add(one), again.signers()), (Ok(second.signers()[0]), &second.signers()[..1]));
    let text = fs::read_to_string(tests_dir().join("vectors/wire/invitation.txt")).unwrap();
    let invitation = Invitation::from_text(&parse(&text).1.unwrap()).unwrap();
    assert_eq!((invitation.alliance, invitation.encode()), (alliance(), vector("invitation")));
    let request = Signed::<JoinRequest>::decode(&vector("join_request_signed")).unwrap();
    assert_eq!((request.key(), request.payload().secret), (request.payload().newcomer.feed_key, invitation.secret));
    let JoinAnswer::Admitted { newest: 2, charters } = JoinAnswer::decode(&vector("join_answer_admitted")).unwrap()
    else {
        panic!("admitted")
    };
    assert_eq!(charters[1].to_vec(), vector("charter_second_signed"));
    assert_eq!(JoinAnswer::decode(&vector("join_answer_refused")), Ok(JoinAnswer::Refused(JoinRefusal::Expired)));
}

#[test]
fn messages_say_what_their_comments_say() {
    let heads = Heads::decode(&vector("heads")).unwrap();
    assert_eq!((heads.charter, heads.feeds.len(), heads.feeds[0].seq), (2, 1, 1));
    assert_eq!(Request::decode(&vector("request_heads")), Ok(Request::Heads(heads.clone())));
    assert_eq!(
        Request::decode(&vector("request_headers")),
        Ok(Request::Headers { publisher: MemberNumber(1), from: 1 })
    );
    assert_eq!(Request::decode(&vector("request_chunk")), Ok(Request::Chunk { digest: descriptor().digest }));
    assert_eq!(Request::decode(&vector("request_charters")), Ok(Request::Charters { from: 1 }));
    assert_eq!(Response::decode(&vector("response_heads")), Ok(Response::Heads(heads.clone())));
    let header = |name| vector(name).into();
    assert_eq!(
        Response::decode(&vector("response_headers")),
        Ok(Response::Headers(vec![header("batch_header_signed"), header("batch_header_second")]))
    );
    assert_eq!(Response::decode(&vector("response_chunk")), Ok(Response::Chunk(vector("chunk_erased").into())));
    assert_eq!(
        Response::decode(&vector("response_charters")),
        Ok(Response::Charters(vec![header("charter_genesis_signed"), header("charter_second_signed")]))
    );
    assert_eq!(Response::decode(&vector("response_absent")), Ok(Response::Absent));
    assert_eq!(Response::decode(&vector("response_busy")), Ok(Response::Busy { retry_after_ms: 500 }));
    assert_eq!(Announcement::decode(&vector("announcement")), Ok(Announcement { number: 2, id: heads.charter_id }));
    let filter = FilterHead::decode(&vector("filter_head")).unwrap();
    assert_eq!((filter.items, filter.fpr_exponent, filter.alliance), (70, 10, alliance()));
}

#[test]
fn the_shared_keys_of_the_vectors_are_keys() {
    let third = SignedCharter::decode(&vector("charter_third_signed")).unwrap();
    assert_eq!(third.charter().encode(), vector("charter_third"));
    let waiting = Charter::decode(&vector("charter_witnesses")).unwrap();
    assert_eq!((waiting.policy.witnesses, third.charter().policy.witnesses), (2, 0));
    let charter = wire::chain(3).current().clone();
    let holding = charter.holding.clone().unwrap();
    assert_eq!((holding.threshold, holding.members), (2, [1, 2, 6].map(MemberNumber).to_vec()));
    assert_eq!((charter.quota(Class::Ent), charter.quota(Class::Mob)), (1_000, 500));
    let active = |class| charter.active_keys(class).map(|key| (key.epoch, key.suite)).collect::<Vec<_>>();
    assert_eq!(active(Class::Mob), [(3, Suite::Threshold)]);
    assert_eq!(active(Class::Web), [(1, Suite::Keyed)]);
    for key in charter.token_keys.iter().filter(|key| key.suite == Suite::Threshold) {
        assert!(ThresholdKey::read(key.threshold, &key.public_keys).is_ok());
    }
}

#[test]
fn the_evaluation_of_the_vectors_holds_and_its_evidence_proves() {
    let (request, elements, token_key, _) = wire::asked();
    assert_eq!((elements.len(), token_key.class, token_key.epoch), (4, Class::Ent, 2));
    let EvaluationResponse::Evaluated(envelope) =
        EvaluationResponse::decode(&vector("evaluation_response_evaluated")).unwrap()
    else {
        panic!("evaluated")
    };
    assert_eq!(wire::answer(&envelope).map(|checked| checked.holder()), Ok(3));
    let signed = Signed::<Answer>::decode(&envelope).unwrap();
    assert_eq!(signed.payload().encode(), vector("evaluation_answer"));
    assert_eq!(signed.payload().request, object_id(&vector("evaluation_request")));
    let response = |name: &str| EvaluationResponse::decode(&vector(name)).unwrap();
    assert_eq!(response("evaluation_response_busy"), EvaluationResponse::Busy { retry_after_ms: 500 });
    let EvaluationResponse::Exhausted { left: 3, renews } = response("evaluation_response_exhausted") else {
        panic!("exhausted")
    };
    assert_eq!((renews.day().0, renews), (wire::NOW.day().0 + 1, Timestamp::start_of(wire::NOW.day().plus(1))));
    let refused = EvaluationResponse::Refused(Refusal::UnknownCharter);
    assert_eq!(response("evaluation_response_refused"), refused);
    let bad = BadAnswer::decode(&vector("bad_answer")).unwrap();
    let error = OprfError::Proof { holder: 3 };
    let proved = EvaluationError::Oprf { holder: MemberNumber(6), error };
    assert_eq!((bad.request.clone(), bad.verify(&wire::chain(3))), (request, Some(proved)));
    assert_eq!(bad.verify(&wire::chain(2)), None, "under a charter that is not known there");
}

#[test]
fn the_posts_of_the_vectors_are_one_board() {
    let (mut board, chain) = (Board::default(), wire::chain(3));
    let names = ["post_call", "post_ceremony", "post_usage", "post_deletion", "post_witness", "post_purge"];
    let posts = names.map(|name| Post::decode(&vector(name)).unwrap());
    for post in &posts {
        assert_eq!(board.take(post.clone(), &chain, wire::NOW), Ok(Taken::New { replaces: None }));
    }
    assert_eq!(board.usage().next().map(Wire::encode), Some(vector("usage_report")));
    assert_eq!(board.deletions().next().map(Wire::encode), Some(vector("deletion")));
    let statement = board.witness_statement(MemberNumber(4), 0).map(|statement| statement.payload().encode());
    assert_eq!(statement, Some(vector("witness_statement")));
    assert_eq!(board.receipt(MemberNumber(2)).map(Wire::encode), Some(vector("purge_receipt")));
    assert_eq!(board.calls().map(|call| board.messages(&call.id()).count()).collect::<Vec<_>>(), [1]);
    let known = vec![posts[2].id(), posts[3].id()];
    assert_eq!(Request::decode(&vector("request_board")), Ok(Request::Board { known: known.clone() }));
    let all = names.map(|name| vector(name).into()).to_vec();
    assert_eq!(Response::decode(&vector("response_board")), Ok(Response::Board(all.clone())));
    assert_eq!(board.missing(&[], 64, 0), all);
    assert_eq!(board.missing(&known, 64, 0), [&all[..2], &all[4..]].concat());
    assert_eq!(posts[0].id()[..], object_id(&vector("post_call"))[..16]);
}

/// One seed and the board give the same messages in this release as in the one that made the vectors.
#[test]
fn the_ceremony_of_the_vectors_is_one_ceremony() {
    let call = wire::call(&vector("ceremony_call")).unwrap();
    let ceremony = Ceremony::new(call, &[]).unwrap();
    let message = |name: &str| wire::message(&vector(name)).unwrap();
    let seed = Seed(object_id(b"antibrush vector ceremony-seed-1"));
    let me = Some(Me { holder: MemberNumber(1), seed: &seed, shares: &[] });
    let commit = message("ceremony_commit");
    let begun = ceremony.advance(&[], me, wire::NOW).unwrap();
    assert_eq!((begun.phase, &begun.post[..]), (Phase::Commit, &[commit.payload().clone()][..]));
    let waiting = ceremony.advance(&[commit.clone(), message("ceremony_deal")], me, wire::NOW).unwrap();
    assert_eq!((waiting.phase, waiting.post.len()), (Phase::Commit, 0));
    assert_eq!(waiting.waiting_for, wire::HOLDERS.1[1..]);
    let silent = ceremony.advance(&[commit], me, ceremony.call().deadline).unwrap();
    assert_eq!(silent.faults, wire::HOLDERS.1[1..].iter().map(|holder| (*holder, Fault::Dropped)).collect::<Vec<_>>());
    let confirm = message("ceremony_confirm");
    let Round::Confirm { public_keys, .. } = &confirm.payload().round else { panic!("a confirmation") };
    assert!(public_keys.iter().all(|keys| keys.len() == 4) && public_keys.len() == ceremony.call().classes.len());
    let complain = message("ceremony_complain");
    let Round::Complain { against, deal, .. } = &complain.payload().round else { panic!("a complaint") };
    assert_eq!((*against, *deal), (MemberNumber(1), message("ceremony_deal").id()));
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
