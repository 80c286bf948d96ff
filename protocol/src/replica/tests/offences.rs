//! Who is blamed for what, and who never is.

use std::sync::Arc;

use super::{
    alliance::{EPOCH, Writer, admitting, found, listing, next_charter, node_key},
    script::{Script, envelopes},
    world::{Faults, World},
};
use crate::{
    base::MemberNumber,
    charter::{HeaderRefusal, MemberState},
    feed::{HeaderError, chunk},
    replica::{Event, Fault, Input, Offence, Output, RequestFailure, Store, Topic, Verdict},
    sync::{Request, Response},
};

/// Takes the content of the first leaf out of every chunk, as forgetting does.
fn stripped_chunks(_: &Request, response: Response) -> Option<Response> {
    Some(match response {
        Response::Chunk(bytes) => Response::Chunk(chunk::erase(&bytes, &[0]).unwrap().into()),
        other => other,
    })
}

/// Swaps a byte of every chunk.
fn wrong_chunks(_: &Request, response: Response) -> Option<Response> {
    Some(match response {
        Response::Chunk(bytes) => {
            let mut bytes = bytes.to_vec();
            *bytes.last_mut().unwrap() ^= 1;
            Response::Chunk(bytes.into())
        }
        other => other,
    })
}

fn wrong_answers(request: &Request, response: Response) -> Option<Response> {
    Some(if matches!(request, Request::Chunk { .. }) { Response::Headers(Vec::new()) } else { response })
}

fn silent_about_chunks(request: &Request, response: Response) -> Option<Response> {
    (!matches!(request, Request::Chunk { .. })).then_some(response)
}

fn busy_or_absent(request: &Request, response: Response) -> Option<Response> {
    Some(match request {
        Request::Chunk { .. } => Response::Absent,
        Request::Headers { .. } => Response::Busy { retry_after_ms: 100 },
        _ => response,
    })
}

/// Member 1 publishes and goes; member 2 answers as `warp` says; member 4 must get everything from member 3.
fn beside(warp: super::world::Warp) -> World {
    let chain = found(4);
    let mut world = World::new(&chain, 3, 3, Faults { latency_ms: 20, ..Faults::default() });
    world.run(1000);
    world.publish(0, &(0..40).map(listing).collect::<Vec<_>>(), 1);
    world.run(3000);
    world.offline(0);
    world.nodes[1].warp = Some(warp);
    world.add(&chain, 4);
    world.run(100_000);
    assert_eq!(world.nodes[3].replica.head(MemberNumber(1)).map(|head| head.size), Some(40));
    world
}

#[test]
fn wrong_chunks_are_blamed_on_who_sent_them_and_others_are_asked() {
    let world = beside(wrong_chunks);
    assert!(!world.penalties.is_empty());
    assert!(world.penalties.iter().all(|penalty| *penalty == (4, 2, Offence::BadChunk)), "{:?}", world.penalties);
    assert!(world.refused.iter().all(|refused| *refused == (4, "CHUNK-4")), "{:?}", world.refused);
    assert_eq!(world.refused.len(), world.penalties.len());
}

#[test]
fn nobody_can_pass_off_as_forgotten_what_is_new() {
    let world = beside(stripped_chunks);
    let (last, whole) = (&world.nodes[3].store.table, &world.nodes[2].store.table);
    assert!(last.len() == 40 && last == whole, "{} of 40 listings", last.len());
    assert!(world.refused.iter().all(|refused| *refused == (4, "CHUNK-5")), "{:?}", world.refused);
    assert!(!world.refused.is_empty() && world.penalties.is_empty(), "{:?}", world.penalties);
}

#[test]
fn what_is_old_may_be_forgotten() {
    let chain = found(3);
    let mut writer = Writer::new(&chain, 3);
    let batch = writer.batch(&[listing(1), listing(2)], 2, EPOCH);
    let erased: Arc<[u8]> = chunk::erase(&batch.chunks[0], &[0]).unwrap().into();
    for (days, is_taken) in [(27, false), (29, true)] {
        let mut script = Script::with_posts(&chain, &[2], Vec::new(), EPOCH + days * 86_400);
        script.has(2, &[(3, 0)]);
        let (id, _) = script.request_to(2);
        script.answer(id, Response::Headers(envelopes(std::slice::from_ref(&batch))));
        script.probe();
        let (id, _) = script.request_to(2);
        script.answer(id, Response::Chunk(erased.clone()));
        let stores = script.said.iter().any(|output| matches!(output, Output::Store(Store::Chunk { .. })));
        assert_eq!(stores, is_taken, "CHUNK-5 after {days} days");
    }
}

#[test]
fn answers_of_another_kind_are_blamed() {
    let world = beside(wrong_answers);
    assert!(!world.penalties.is_empty());
    assert!(
        world.penalties.iter().all(|penalty| *penalty == (4, 2, Offence::WrongAnswer)),
        "SYNC-2: {:?}",
        world.penalties
    );
}

#[test]
fn silence_only_delays() {
    assert!(beside(silent_about_chunks).penalties.is_empty());
}

#[test]
fn busy_and_absent_are_never_blamed() {
    assert!(beside(busy_or_absent).penalties.is_empty(), "SYNC-1");
}

#[test]
fn each_bad_answer_has_its_offence() {
    let chain = found(3);
    let mut writer = Writer::new(&chain, 3);
    let good = writer.batch(&[listing(1)], 1, EPOCH);
    let second = writer.batch(&[listing(2)], 1, EPOCH);
    let mut other = Writer::new(&chain, 2);
    let of_another_feed = other.batch(&[listing(1)], 1, EPOCH);
    let mut bad_form = Writer::new(&chain, 3);
    let bad_form = bad_form.batch_with(&[listing(1)], 1, EPOCH, |header| header.expires = header.issued);
    let wrong_key = Writer::new(&chain, 2).batch_with(&[listing(1)], 1, EPOCH, |h| h.publisher = MemberNumber(3));
    let mut flipped = good.header.envelope().to_vec();
    *flipped.last_mut().unwrap() ^= 1;

    let headers = |batch: &super::alliance::Batch| Response::Headers(envelopes(std::slice::from_ref(batch)));
    for (response, offence, rule) in [
        (headers(&of_another_feed), Offence::WrongAnswer, "SYNC-2"),
        (headers(&second), Offence::WrongAnswer, "SYNC-2"), // not the one that was asked for
        (headers(&bad_form), Offence::BadHeader, "HEADER-6"),
        (headers(&wrong_key), Offence::BadHeader, "HEADER-11"),
        (Response::Headers(vec![flipped.into()]), Offence::BadHeader, "signature"),
        (Response::Headers(vec![vec![1, 2, 3].into()]), Offence::Undecodable, "encoding"),
        (Response::Chunk(Arc::from([0u8])), Offence::WrongAnswer, "SYNC-2"),
        (Response::Charters(Vec::new()), Offence::WrongAnswer, "SYNC-2"),
    ] {
        let mut script = Script::new(&chain, &[2]);
        script.has(2, &[(3, 0)]);
        let (id, request) = script.request_to(2);
        assert_eq!(request, Request::Headers { publisher: MemberNumber(3), from: 0 });
        script.answer(id, response.clone());
        assert_eq!(script.offences(), [(2, offence)], "{response:?}");
        assert_eq!(script.refused(), [rule], "{response:?}");
        // It is asked again, after its penance.
        assert!(script.requests_to(2).is_empty());
        assert_eq!(script.wait(30_000).requests_to(2).len(), 1);
    }

    let mut script = Script::new(&chain, &[2]);
    script.has(2, &[(3, 0)]);
    let (id, _) = script.request_to(2);
    script.fail(id, RequestFailure::Undecodable);
    assert_eq!(script.offences(), [(2, Offence::Undecodable)]);
    assert_eq!(script.refused(), ["encoding"]);
}

#[test]
fn gossip_is_judged_by_what_the_sender_must_have_known() {
    let chain = found(3);
    let mut script = Script::new(&chain, &[2, 3]);
    script.has(2, &[]);
    let good = Writer::new(&chain, 3).batch(&[listing(1)], 1, EPOCH);
    assert_eq!(script.gossip(2, Topic::Heads, good.header.envelope()), Some(Verdict::Accept));
    assert_eq!(script.gossip(2, Topic::Heads, b"junk"), Some(Verdict::Reject));
    assert_eq!(script.offences(), [(2, Offence::Undecodable)]);
    let bad = Writer::new(&chain, 2).batch_with(&[], 1, EPOCH, |header| header.size = 1);
    assert_eq!(script.gossip(2, Topic::Heads, bad.header.envelope()), Some(Verdict::Reject));
    assert_eq!(script.offences(), [(2, Offence::BadHeader)]);

    // Nobody is to blame for a clock, or for a charter that one of the two has not got yet.
    let early = Writer::new(&chain, 2).batch(&[], 1, EPOCH + 3600);
    assert_eq!(script.gossip(2, Topic::Heads, early.header.envelope()), Some(Verdict::Ignore));
    assert_eq!(script.refused().last(), Some(&"HEADER-12"), "counted, though nobody is to blame");
    let mut newer = chain.clone();
    newer.extend(admitting(&chain, 4)).unwrap();
    let unknown = Writer::new(&newer, 4).batch(&[], 1, EPOCH);
    assert_eq!(script.gossip(2, Topic::Heads, unknown.header.envelope()), Some(Verdict::Ignore));
    // Member 3 has not said which charter it has: it may have an older one, under which this was right.
    let wrong_key = Writer::new(&chain, 2).batch_with(&[], 1, EPOCH, |header| header.publisher = MemberNumber(1));
    assert_eq!(script.gossip(3, Topic::Heads, wrong_key.header.envelope()), Some(Verdict::Ignore));
    assert_eq!(script.offences(), []);
    let refusals: Vec<_> = script
        .events()
        .into_iter()
        .filter_map(|event| match event {
            Event::HeaderIgnored { refusal, .. } => Some(refusal),
            _ => None,
        })
        .collect();
    assert_eq!(refusals, [HeaderRefusal::FromTheFuture, HeaderRefusal::UnknownCharter, HeaderRefusal::WrongKey]);
    assert_eq!(bad.header.payload().check(), Err(HeaderError::Size));
}

#[test]
fn one_that_has_not_heard_of_an_expulsion_is_not_blamed() {
    let mut chain = found(3);
    let old = chain.clone();
    chain.extend(next_charter(&chain, |charter| charter.members[2].state = MemberState::Expelled)).unwrap();
    let mut script = Script::new(&chain, &[2]);
    script.has(2, &[]);
    let header = Writer::new(&old, 3).batch(&[], 1, EPOCH);
    assert_eq!(script.gossip(2, Topic::Heads, header.header.envelope()), Some(Verdict::Ignore));
    assert_eq!(script.offences(), []);
    assert_eq!(script.replica.head(MemberNumber(3)), None);
}

#[test]
fn a_bad_chunk_is_found_by_the_store() {
    let chain = found(3);
    let batch = Writer::new(&chain, 3).batch(&[listing(1)], 1, EPOCH);
    let mut script = Script::new(&chain, &[2]);
    script.has(2, &[(3, 0)]);
    let (id, _) = script.request_to(2);
    script.answer(id, Response::Headers(envelopes(&[batch]))).probe();
    let (id, _) = script.request_to(2);
    script.answer(id, Response::Chunk(Arc::from([0xff; 8])));
    let stores = script.stores();
    let [Store::Chunk { batch, index, place, descriptor, bytes, from }] = stores.as_slice() else {
        panic!("{stores:?}")
    };
    assert_eq!(*from, Some(node_key(2)));
    let error = crate::feed::Chunk::verify(*place, descriptor, bytes).unwrap_err();
    script.give(Input::ChunkStored { batch: *batch, index: *index, from: *from, result: Err(Fault::Bad(error)) });
    assert_eq!(script.offences(), [(2, Offence::BadChunk)]);
    assert!(script.replica.head(MemberNumber(3)).is_none());
}
