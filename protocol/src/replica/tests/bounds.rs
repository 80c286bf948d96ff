//! SYNC-3: what is out at once, and what a slow peer or a slow disk does to it. The bounds themselves are checked by the
//! script and the world after every input.

use super::{
    alliance::{EPOCH, Writer, found, listing, node_key},
    script::{Script, envelopes},
};
use crate::{
    base::{MemberNumber, Timestamp},
    limits,
    replica::{AnswerHandle, Fault, Input, Now, Store, Timer},
    sync::{Request, Response},
};

/// A feed of member 3 with `chunks` chunks, announced by the members 2 and 4, its headers fetched.
fn with_chunks(chunks: u64) -> (Script, super::alliance::Batch) {
    let chain = found(4);
    let batch = Writer::new(&chain, 3).batch(&(0..chunks).map(listing).collect::<Vec<_>>(), 1, EPOCH);
    let mut script = Script::new(&chain, &[2, 4]);
    script.has(2, &[(3, 0)]);
    let (id, _) = script.request_to(2);
    script.has(4, &[(3, 0)]);
    script.answer(id, Response::Headers(envelopes(std::slice::from_ref(&batch))));
    script.probe();
    (script, batch)
}

#[test]
fn timeouts_hand_requests_to_others_and_shrink_the_window() {
    let (mut script, _) = with_chunks(30);
    let (to_2, to_4) = (script.requests_to(2), script.requests_to(4));
    assert_eq!((to_2.len(), to_4.len()), (4, 4), "the window begins at 4");
    for (id, _) in &to_4 {
        script.answer(*id, Response::Absent);
    }
    // Four answers let one more out; member 4 is asked again after it had time to get the body.
    let again = script.wait(limits::ABSENT_RETRY_MS).requests_to(4);
    assert_eq!(again.len(), 5);
    script.ms += limits::REQUEST_TIMEOUT_MS;
    let (first, _) = to_2[0];
    script.give(Input::Timer(Timer::Request(first)));
    assert!(script.requests_to(2).is_empty(), "it has time to recover");
    for (id, _) in &to_2[1..] {
        script.give(Input::Timer(Timer::Request(*id)));
    }
    for (id, _) in again {
        script.give(Input::Response { id, outcome: Ok(Response::Busy { retry_after_ms: 50 }) });
    }
    script.wait(u64::from(limits::BUSY_RETRY_MS));
    assert_eq!(script.requests_to(4).len(), 5, "busy does not shrink the window");
    assert_eq!(script.requests_to(2).len(), 1, "four time-outs do");
    // An answer that comes too late is nobody's request any more.
    script.give(Input::Response { id: first, outcome: Ok(Response::Chunk([1u8].as_slice().into())) });
    assert!(script.stores().is_empty() && script.offences().is_empty());
}

#[test]
fn a_slow_disk_stops_the_fetching() {
    let (mut script, batch) = with_chunks(100);
    let mut stored = 0;
    loop {
        let mut asked = script.requests_to(2);
        asked.extend(script.requests_to(4));
        if asked.is_empty() {
            break;
        }
        for (id, request) in asked {
            let Request::Chunk { digest } = request else { panic!("{request:?}") };
            let at = batch.header.payload().chunks.iter().position(|chunk| chunk.digest == digest).unwrap();
            script.answer(id, Response::Chunk(batch.chunks[at].clone()));
            stored += 1;
        }
    }
    let bulk = limits::CHUNKS_IN_FLIGHT - limits::CHUNKS_FOR_RELIEF;
    assert_eq!(stored, bulk, "SYNC-3: what waits for the disk counts, and the rest is for relief");
    let Some(Store::Chunk { batch, index, from, .. }) = script.stores().pop() else { panic!() };
    script.give(Input::ChunkStored { batch, index, from, result: Ok(()) });
    assert_eq!(script.requests_to(2).len() + script.requests_to(4).len(), 1);
}

#[test]
fn many_feeds_do_not_break_the_window() {
    let chain = found(60);
    let mut script = Script::new(&chain, &[2]);
    let feeds: Vec<_> = (3..=60).map(|publisher| (publisher, 5)).collect();
    script.has(2, &feeds);
    assert_eq!(script.requests_to(2).len(), 4);

    // The same with heads that contradict ours.
    let mut script = Script::new(&chain, &[2]);
    script.has(2, &[]);
    for publisher in 3..=60 {
        let header = Writer::new(&chain, publisher).batch(&[], 1, EPOCH).header;
        script.give(Input::Header(header));
    }
    for store in script.stores() {
        let Store::Commit { headers } = store else { panic!() };
        let publisher = headers[0].payload().publisher;
        script.give(Input::Committed { publisher, through: Some(0), result: Ok(()) });
    }
    script.give(Input::Timer(Timer::AntiEntropy));
    let feeds: Vec<_> = (3..=60).map(|publisher| (publisher, 0)).collect();
    script.has(2, &feeds);
    let asked = script.requests_to(2);
    assert_eq!(asked.len(), 4);
    assert!(asked.iter().all(|(_, request)| matches!(request, Request::Headers { from: 0, .. })));
}

#[test]
fn a_waiting_peer_is_woken_even_if_another_wait_ends_first() {
    let (mut script, _) = with_chunks(1);
    // The disk fails, which holds the feed for 5 s; a shorter wait in between must not swallow the longer one.
    let (to_2, to_4) = (script.requests_to(2), script.requests_to(4));
    let (id, _) = to_2.into_iter().chain(to_4).next().unwrap();
    script.answer(id, Response::Chunk([0u8].as_slice().into()));
    let Some(Store::Chunk { batch, index, from, .. }) = script.stores().pop() else { panic!() };
    script.give(Input::Timer(Timer::AntiEntropy));
    let (busy, _) = script.request_to(2);
    script.answer(busy, Response::Busy { retry_after_ms: 100 });
    script.give(Input::ChunkStored { batch, index, from, result: Err(Fault::Storage) });
    let retry = |script: &mut Script| {
        let at = script.said.iter().rev().find_map(|output| match output {
            crate::replica::Output::Schedule { timer: Timer::Retry, at_ms } => Some(*at_ms),
            _ => None,
        });
        script.said.clear();
        at
    };
    assert_eq!(retry(&mut script), Some(100));
    script.wait(100);
    assert!(script.replica.head(MemberNumber(3)).is_none());
    // Boards were compared at the beginning and are again a little later.
    assert_eq!(retry(&mut script), Some(limits::COMPARE_AGAIN_MS));
    script.wait(limits::COMPARE_AGAIN_MS - 100);
    assert_eq!(retry(&mut script), Some(5000));
    script.wait(5000 - limits::COMPARE_AGAIN_MS);
    assert_eq!(script.requests_to(2).len() + script.requests_to(4).len(), 1);
}

#[test]
fn a_useless_answer_is_not_asked_for_again_at_once() {
    let chain = found(3);
    let mut script = Script::new(&chain, &[2]);
    script.has(2, &[(3, 7)]);
    let (id, _) = script.request_to(2);
    script.answer(id, Response::Headers(Vec::new()));
    assert!(script.requests_to(2).is_empty());
    let (id, _) = script.wait(limits::ABSENT_RETRY_MS).request_to(2);
    let early = Writer::new(&chain, 3).batch(&[], 1, EPOCH + 3600);
    script.answer(id, Response::Headers(envelopes(&[early])));
    assert!(script.wait(limits::ABSENT_RETRY_MS).requests_to(2).is_empty());
    assert_eq!(script.wait(limits::ANTI_ENTROPY_MS).requests_to(2).len(), 1);
    // A charter that the peer only claims to have.
    let mut script = Script::new(&chain, &[2]);
    let (id, _) = script.request_to(2);
    let heads = crate::sync::Heads { charter: u64::MAX, ..script.heads(&[]) };
    script.answer(id, Response::Heads(heads));
    let (id, request) = script.request_to(2);
    assert_eq!(request, Request::Charters { from: 2 });
    script.answer(id, Response::Charters(Vec::new()));
    assert!(script.wait(60_000).requests_to(2).is_empty());
}

#[test]
fn sync_4_most_clocks_win_and_one_alone_never_does() {
    let chain = found(5);
    let mut script = Script::new(&chain, &[2, 3, 4]);
    let hour = 3600;
    let show = |script: &mut Script, member: u16, ahead: i64| {
        let clock = Timestamp(script.now().wall.0.checked_add_signed(ahead).unwrap());
        let heads = crate::sync::Heads { clock, ..script.heads(&[]) };
        script.ms += 1;
        let handle = AnswerHandle(script.ms);
        script.give(Input::Request { from: node_key(member), handle, request: Request::Heads(heads) });
    };
    assert_eq!(script.replica.clocks_ahead(script.now()), None);
    show(&mut script, 2, hour);
    assert_eq!(script.replica.clocks_ahead(script.now()), None, "one peer against us");
    show(&mut script, 3, -hour);
    assert_eq!(script.replica.clocks_ahead(script.now()), Some(0));
    show(&mut script, 3, 2 * hour);
    assert_eq!(script.replica.clocks_ahead(script.now()), Some(hour), "two of three are ahead");
    show(&mut script, 4, 0);
    assert_eq!(script.replica.clocks_ahead(script.now()), Some(0), "two against two: in favour of ours");
    // Time passes on all of them alike.
    script.wait(10 * 60_000);
    assert_eq!(script.replica.clocks_ahead(script.now()), Some(0));
    show(&mut script, 4, i64::from(u32::MAX));
    assert_eq!(script.replica.clocks_ahead(script.now()), Some(hour));
    // Ours was set right in the meantime.
    let now = Now { wall: script.now().wall.plus(3600), ..script.now() };
    assert_eq!(script.replica.clocks_ahead(now), Some(0));
    // A clock that no number holds says nothing.
    let heads = crate::sync::Heads { clock: Timestamp(u64::MAX), ..script.heads(&[]) };
    script.give(Input::Request { from: node_key(4), handle: AnswerHandle(99), request: Request::Heads(heads) });
    assert_eq!(script.replica.clocks_ahead(script.now()), Some(hour));
}

/// A node that lost its documents signs again only when somebody knows its feed and nobody knows more of it, or most members
/// know of none: whoever has nothing itself has compared nothing.
#[test]
fn an_empty_peer_does_not_end_the_wait_of_a_node_that_lost_its_feed() {
    let chain = found(5);
    let mut script = Script::new(&chain, &[2, 3, 4]);
    assert!(!script.replica.own_feed_is_compared());
    script.has(2, &[]);
    script.has(3, &[(2, 7)]);
    assert!(!script.replica.own_feed_is_compared(), "two of four others know nothing of it");
    script.has(4, &[(1, 0)]);
    assert!(!script.replica.own_feed_is_compared(), "one knows more than we do");
    let mut script = Script::new(&chain, &[2, 3, 4]);
    for member in [2, 3, 4] {
        assert!(!script.replica.own_feed_is_compared());
        script.has(member, &[]);
    }
    assert!(script.replica.own_feed_is_compared(), "three of four others know of none: there never was one");
}
