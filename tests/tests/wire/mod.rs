//! Reading the annotated hex of tests/vectors/wire and tests/data, and decoding it by the name of the file.
#![allow(dead_code, reason = "each test needs a part of it")]

use std::{collections::BTreeMap, fmt::Debug, fs, path::PathBuf};

use antibrush_protocol::{
    base::{Hash, MemberNumber, Timestamp},
    board::{Board, Deletion, Post, PurgeReceipt, Taken, UsageReport},
    ceremony::{Call, Message, verify_call, verify_message},
    charter::{Charter, CharterChain, CharterSignature, Member, SignedCharter, SignedSuccession, TokenKey},
    encoding::{Wire, Writer},
    entry::Entry,
    evaluation::{self, Answer, BadAnswer, EvaluationRequest, EvaluationResponse},
    feed::{BatchHeader, Chunk, ChunkDescriptor, ChunkPlace, Leaf, body::BodyCheck},
    filter::{Filter, FilterHead},
    join::{Application, Invitation, JoinAnswer, JoinRequest},
    merkle::Frontier,
    proof::{AbsenceProof, ConsistencyProof, EquivocationProof, InclusionProof, ProofError},
    signed::{Payload, Signed, Verified},
    suite::threshold::{Checked, Element, ThresholdKey},
    sync::{Announcement, Heads, Request, Response},
    witness::WitnessStatement,
    writer::{Ask, Bid, Proposal, Register, Reply},
};

/// A few hours after everything in the vectors.
pub const NOW: Timestamp = Timestamp(1_795_104_000 + 100_000);

pub fn tests_dir() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests"))
}

/// The hex of each section (a line that ends with a colon begins one) and the line of text, if there is one.
pub fn parse(text: &str) -> (Vec<Vec<u8>>, Option<String>) {
    let (mut sections, mut line_of_text) = (vec![String::new()], None);
    for line in text.lines() {
        if let Some(text) = line.strip_prefix("text: ") {
            line_of_text = Some(text.to_owned());
            continue;
        }
        let code = line.split('#').next().unwrap().trim();
        if code.ends_with(':') {
            sections.push(String::new());
        } else {
            sections.last_mut().unwrap().push_str(code);
        }
    }
    (sections.iter().map(|section| unhex(section)).collect(), line_of_text)
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

/// All vectors by name.
pub fn vectors() -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(tests_dir().join("vectors/wire")).unwrap().map(|file| file.unwrap().path());
    let read = |path: PathBuf| {
        let (mut sections, _) = parse(&fs::read_to_string(&path).unwrap());
        assert_eq!(sections.len(), 1, "{path:?}");
        (path.file_stem().unwrap().to_str().unwrap().to_owned(), sections.remove(0))
    };
    files.map(read).collect()
}

pub fn vector(name: &str) -> Vec<u8> {
    parse(&fs::read_to_string(tests_dir().join(format!("vectors/wire/{name}.txt"))).unwrap()).0.remove(0)
}

pub fn alliance() -> Hash {
    SignedCharter::decode(&vector("charter_genesis_signed")).unwrap().id()
}

/// The chain of the first charter, of two or of three.
pub fn chain(versions: usize) -> CharterChain {
    let charter = |name| SignedCharter::decode(&vector(name)).unwrap();
    let mut chain = CharterChain::found(charter("charter_genesis_signed"), None).unwrap();
    if versions > 1 {
        assert_eq!(chain.extend(charter("charter_second_signed")), Ok(true));
    }
    if versions > 2 {
        assert_eq!(chain.extend(charter("charter_third_signed")), Ok(true));
    }
    chain
}

/// The holders of the published ceremony, and its threshold.
pub const HOLDERS: (u8, [MemberNumber; 3]) = (2, [MemberNumber(1), MemberNumber(2), MemberNumber(5)]);

/// Checks a call against the second charter.
pub fn call(bytes: &[u8]) -> Result<Verified<Call>, String> {
    let call = show(Signed::decode(bytes)).map_err(|error| format!("Signature({error})"))?;
    let charter = SignedCharter::decode(&vector("charter_second_signed")).unwrap();
    show(verify_call(call, &charter, &alliance(), Some((HOLDERS.0, &HOLDERS.1)), NOW))
}

/// Checks a message of the published ceremony.
pub fn message(bytes: &[u8]) -> Result<Verified<Message>, String> {
    let message = show(Signed::decode(bytes)).map_err(|error| format!("Signature({error})"))?;
    show(verify_message(message, &call(&vector("ceremony_call")).unwrap(), chain(2).current()))
}

/// The request for evaluations that is published, its elements, and the key under which it asks.
pub fn asked() -> (EvaluationRequest, Vec<Element>, TokenKey, ThresholdKey) {
    let request = EvaluationRequest::decode(&vector("evaluation_request")).unwrap();
    let elements = Element::read_all(&request.elements).unwrap();
    let token_key = chain(3).current().key_by_id(&request.key).unwrap().clone();
    let key = ThresholdKey::read(token_key.threshold, &token_key.public_keys).unwrap();
    (request, elements, token_key, key)
}

/// Checks an answer of member 6 to it.
pub fn answer(bytes: &[u8]) -> Result<Checked, String> {
    let (request, elements, token_key, key) = asked();
    let chain = chain(3);
    let (alliance, charter) = (chain.alliance(), chain.current());
    let under = (&alliance, &**charter, &token_key, &key);
    show(evaluation::check(bytes, (&request, &elements), MemberNumber(6), under, NOW))
}

/// Takes a post that follows the published call.
pub fn post(bytes: &[u8]) -> Result<Taken, String> {
    let (mut board, chain) = (Board::default(), chain(3));
    let call = Post::decode(&vector("post_call")).unwrap();
    assert_eq!(board.take(call, &chain, NOW), Ok(Taken::New { replaces: None }));
    let post = show(Post::decode(bytes)).map_err(|error| format!("Signature({error})"))?;
    show(board.take(post, &chain, NOW))
}

/// Takes a batch of the published feed, in the place of the published one.
pub fn body(header: &[u8], chunk: &[u8]) -> Result<(), String> {
    let header = show(Signed::decode(header)).map_err(|error| format!("Signature({error})"))?;
    let header = show(chain(2).verify_header(header, NOW))?;
    let header: &BatchHeader = header.payload();
    let mut before = Frontier::new();
    if header.seq > 0 {
        let first = Chunk::verify(PLACE, &descriptor(), &vector("chunk")).unwrap();
        first.leaf_hashes.iter().for_each(|hash| before.push(*hash));
    }
    let mut check = show(BodyCheck::new(header, before))?;
    let (place, descriptor) = header.placed_chunks().next().ok_or("no chunk")?;
    let chunk = show(Chunk::verify(place, descriptor, chunk))?;
    check.add(&chunk.leaf_hashes, &chunk.totals, chunk.erased, |_, _, _| ());
    show(check.finish()).map(drop)
}

/// The place of the published chunk.
pub const PLACE: ChunkPlace = ChunkPlace { publisher: MemberNumber(1), first: 0 };

/// The description of the published chunk.
pub fn descriptor() -> ChunkDescriptor {
    BatchHeader::decode(&vector("batch_header")).unwrap().chunks[0]
}

fn show<T>(result: Result<T, impl Debug>) -> Result<T, String> {
    result.map_err(|error| format!("{error:?}"))
}

fn again<T: Wire>(bytes: &[u8]) -> Result<Vec<u8>, String> {
    show(T::decode(bytes)).map(|object| object.encode())
}

fn again_signed<T: Payload>(bytes: &[u8]) -> Result<Vec<u8>, String> {
    let signed = show(Signed::<T>::decode(bytes))?;
    // Not the stored envelope alone: the payload inside must be the encoding of the object.
    let inside = signed.payload().encode();
    assert!(signed.envelope().windows(inside.len()).any(|window| window == inside));
    Ok(signed.envelope().to_vec())
}

/// Decodes what the name says and encodes it again; an error as `{:?}` prints it.
pub fn recode(name: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
    match name {
        _ if name.starts_with("entry_") => again::<Entry>(bytes),
        "batch_header" => again::<BatchHeader>(bytes),
        "batch_header_signed" | "batch_header_second" => again_signed::<BatchHeader>(bytes),
        "chunk" | "chunk_erased" => show(Chunk::verify(PLACE, &descriptor(), bytes)).map(|chunk| leaves(&chunk)),
        "charter_genesis" | "charter_second" | "charter_third" | "charter_witnesses" => again::<Charter>(bytes),
        "charter_genesis_signed" | "charter_second_signed" | "charter_third_signed" => {
            show(SignedCharter::decode(bytes)).map(|c| c.encode())
        }
        "charter_signature" => again::<CharterSignature>(bytes),
        "key_succession" => again::<SignedSuccession>(bytes),
        "member" => again::<Member>(bytes),
        "invitation" => again::<Invitation>(bytes),
        "application" => again::<Application>(bytes),
        "join_request" => again::<JoinRequest>(bytes),
        "join_request_signed" => again_signed::<JoinRequest>(bytes),
        _ if name.starts_with("join_answer_") => again::<JoinAnswer>(bytes),
        "heads" => again::<Heads>(bytes),
        _ if name.starts_with("request_") => again::<Request>(bytes),
        _ if name.starts_with("response_") => again::<Response>(bytes),
        "announcement" => again::<Announcement>(bytes),
        "filter_head" => show(FilterHead::decode(bytes)).map(|head| head.encode()),
        "ceremony_call" => again_signed::<Call>(bytes),
        _ if name.starts_with("ceremony_") => again_signed::<Message>(bytes),
        "evaluation_request" => again::<EvaluationRequest>(bytes),
        "evaluation_answer" => again::<Answer>(bytes),
        _ if name.starts_with("evaluation_response_") => again::<EvaluationResponse>(bytes),
        "bad_answer" => again::<BadAnswer>(bytes),
        "usage_report" => again::<UsageReport>(bytes),
        "deletion" => again::<Deletion>(bytes),
        "purge_receipt" => again::<PurgeReceipt>(bytes),
        "witness_statement" => again::<WitnessStatement>(bytes),
        _ if name.starts_with("post_") => show(Post::decode(bytes)).map(|post| post.encode()),
        _ if name.starts_with("writer_ask_") => again::<Ask>(bytes),
        _ if name.starts_with("writer_reply_") => again::<Reply>(bytes),
        "writer_bid" => again::<Bid>(bytes),
        "writer_proposal" => again::<Proposal>(bytes),
        "writer_register" => again::<Register>(bytes),
        "inclusion_proof" => again::<InclusionProof>(bytes),
        "consistency_proof" => again::<ConsistencyProof>(bytes),
        "equivocation_proof" => again::<EquivocationProof>(bytes),
        "absence_proof" => again::<AbsenceProof>(bytes),
        _ => panic!("{name}: no object has this name"),
    }
}

fn leaves(chunk: &Chunk) -> Vec<u8> {
    let leaf = |leaf: &Leaf| match leaf {
        Leaf::Entry(entry) => entry.encode(),
        Leaf::Erased(hash) => [&[0x58, 0x20], &hash[..]].concat(),
    };
    let mut start = Writer::default();
    PLACE.write(&mut start);
    let leaves = chunk.leaves.iter().flat_map(leaf);
    start.into_bytes().into_iter().chain(leaves).collect()
}

/// Offers hostile input to the check that it must not pass; the directory's first words say which one that is.
pub fn offer(dir: &str, input: &[Vec<u8>]) -> Result<(), String> {
    let bytes = input[0].as_slice();
    let begins = |prefix: &str| dir.starts_with(prefix);
    match () {
        () if begins("entry-") => again::<Entry>(bytes).map(drop),
        () if begins("header-") => {
            let header = show(Signed::<BatchHeader>::decode(bytes)).map_err(|error| format!("Signature({error})"))?;
            let now = if begins("header-charter-expired") { chain(2).current().expires } else { NOW };
            show(chain(2).verify_header(header, now)).map(drop)
        }
        () if begins("cose-") => again_signed::<BatchHeader>(bytes).map(drop),
        () if begins("chunk-") => show(Chunk::verify(PLACE, &descriptor(), bytes)).map(drop),
        () if begins("body-") => body(bytes, &input[1]),
        () if begins("charter-") => {
            let charter = show(SignedCharter::decode(bytes)).map_err(|error| format!("Signature({error})"))?;
            if begins("charter-genesis-") {
                show(CharterChain::found(charter, None)).map(drop)
            } else {
                let mut chain = chain(if begins("charter-forked") { 2 } else { 1 });
                let before = chain.current_id();
                let outcome = show(chain.extend(charter)).map(drop);
                assert_eq!(chain.current_id(), before, "a refused charter changes nothing");
                outcome
            }
        }
        () if begins("evaluation-request-") => again::<EvaluationRequest>(bytes).map(drop),
        () if begins("evaluation-response-") => again::<EvaluationResponse>(bytes).map(drop),
        () if begins("evaluation-answer-") => answer(bytes).map(drop),
        () if begins("evaluation-evidence-") => {
            let evidence = show(BadAnswer::decode(bytes))?;
            evidence.verify(&chain(3)).map(drop).ok_or("Nothing".to_owned())
        }
        () if ["post-", "usage-", "deletion-", "witness-", "purge-"].iter().any(|object| begins(object)) => {
            post(bytes).map(drop)
        }
        () if begins("ceremony-call-") => call(bytes).map(drop),
        () if begins("ceremony-message-") => message(bytes).map(drop),
        () if begins("member-") => again::<Member>(bytes).map(drop),
        () if begins("invitation-") => show(Invitation::from_text(str::from_utf8(bytes).unwrap())).map(drop),
        () if begins("join-request-") => again_signed::<JoinRequest>(bytes).map(drop),
        () if begins("join-answer-") => again::<JoinAnswer>(bytes).map(drop),
        () if begins("heads-") => again::<Heads>(bytes).map(drop),
        () if begins("request-") => again::<Request>(bytes).map(drop),
        () if begins("response-") => again::<Response>(bytes).map(drop),
        () if begins("announcement-") => again::<Announcement>(bytes).map(drop),
        () if begins("filter-") => match input {
            [head, bitmap] => show(Filter::open(&show(FilterHead::decode(head))?, bitmap.clone())).map(drop),
            _ => show(FilterHead::decode(bytes)).map(drop),
        },
        () if begins("proof-inclusion-") => {
            let proof = show(InclusionProof::decode(bytes).map_err(ProofError::from))?;
            show(proof.verify(&alliance())).map(drop)
        }
        () if begins("proof-absence-") => {
            let proof = show(AbsenceProof::decode(bytes).map_err(ProofError::from))?;
            show(proof.verify(&alliance())).map(drop)
        }
        () if begins("proof-equivocation-") => {
            let proof = show(EquivocationProof::decode(bytes).map_err(ProofError::from))?;
            show(proof.verify(&alliance())).map(drop)
        }
        () if begins("proof-consistency-") => {
            let proof = show(ConsistencyProof::decode(bytes).map_err(ProofError::from))?;
            show(proof.verify(&alliance())).map(drop)
        }
        () => panic!("{dir}: no check has this name"),
    }
}
