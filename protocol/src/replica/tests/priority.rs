//! Relief travels first: what takes force from a listing does not wait for bulk, neither behind what is still to be asked for nor
//! behind what a slow line carries already.

use super::{
    alliance::{Batch, EPOCH, Writer, clearing, dispute, found, listing, node_key, notice, ruling},
    script::{Script, envelopes},
};
use crate::{
    base::Hash,
    charter::CharterChain,
    entry::Entry,
    limits,
    replica::{Input, RequestId, Timer, Topic},
    sync::{Request, Response},
};

/// Five peers: four chunks of each fill all that bulk may have in flight.
const PEERS: [u16; 5] = [2, 4, 5, 6, 7];
const BULK: usize = limits::CHUNKS_IN_FLIGHT - limits::CHUNKS_FOR_RELIEF;

fn bulk(writer: &mut Writer, chunks: u64) -> Batch {
    // Chunks are named by their content: each member lists others.
    let first = u64::from(writer.member) * 10_000 + writer.tree.size();
    writer.batch(&(first..first + chunks).map(listing).collect::<Vec<_>>(), 1, EPOCH)
}

/// A node that fetches a long batch of member 3 from all peers, as much of it as it may.
fn fetching(chain: &CharterChain) -> (Script, Vec<(RequestId, Hash)>) {
    let batch = bulk(&mut Writer::new(chain, 3), 60);
    let mut script = Script::new(chain, &PEERS);
    for peer in PEERS {
        script.has(peer, &[]);
    }
    for peer in PEERS {
        announced(&mut script, peer, &batch);
    }
    let asked = asked(&mut script);
    assert_eq!(asked.len(), BULK);
    let of_bulk = batch.header.payload();
    assert!(asked.iter().all(|(_, digest)| of_bulk.chunks.iter().any(|chunk| chunk.digest == *digest)));
    (script, asked)
}

/// The header comes by gossip from a peer, and nothing of the body is here.
fn announced(script: &mut Script, peer: u16, batch: &Batch) {
    script.ms += 1;
    script.gossip(peer, Topic::Heads, batch.header.envelope());
    script.probe();
}

/// Takes all requests for chunks.
fn asked(script: &mut Script) -> Vec<(RequestId, Hash)> {
    let requests = PEERS.iter().flat_map(|peer| script.requests_to(*peer)).collect::<Vec<_>>();
    requests
        .into_iter()
        .filter_map(|(id, request)| match request {
            Request::Chunk { digest } => Some((id, digest)),
            _ => None,
        })
        .collect()
}

fn digests(batch: &Batch) -> Vec<Hash> {
    batch.header.payload().chunks.iter().map(|chunk| chunk.digest).collect()
}

fn digests_asked(script: &mut Script) -> Vec<Hash> {
    asked(script).into_iter().map(|(_, digest)| digest).collect()
}

#[test]
fn what_takes_force_from_a_listing_is_asked_for_although_bulk_fills_the_line() {
    let chain = found(9);
    for (relieves, entry) in [
        (true, clearing(0, 0)),
        (true, dispute(0, 3, 0)),
        (true, ruling(0, 0, 2, 5)),
        (false, notice(0, 3, 0)),
        (false, listing(1_000)),
    ] {
        let (mut script, bulk) = fetching(&chain);
        let batch = Writer::new(&chain, 8).batch(std::slice::from_ref(&entry), 1, EPOCH);
        announced(&mut script, 2, &batch);
        let at_once = if relieves { digests(&batch) } else { Vec::new() };
        assert_eq!(digests_asked(&mut script), at_once, "{:?}", entry.kind());
        if !relieves {
            // The peer that announced it has its window full; the feed with the least to fetch comes next.
            script.answer(bulk[0].0, Response::Absent);
            assert_eq!(digests_asked(&mut script), digests(&batch), "{:?}", entry.kind());
        }
    }
}

#[test]
fn relief_is_asked_for_before_bulk_that_is_shorter() {
    let chain = found(9);
    let order = |entry: fn(u64) -> Entry| {
        let (mut script, bulk) = fetching(&chain);
        let short = Writer::new(&chain, 8).batch(&[listing(1_000)], 1, EPOCH);
        // Too long for what is kept: it waits like bulk, but before it.
        let entries: Vec<_> = (0..8).map(listing).chain([entry(0)]).collect();
        let long = Writer::new(&chain, 9).batch(&entries, 1, EPOCH);
        announced(&mut script, 2, &short);
        announced(&mut script, 2, &long);
        assert!(asked(&mut script).is_empty(), "neither may use what is kept for relief");
        script.answer(bulk[0].0, Response::Absent);
        let next = digests_asked(&mut script);
        assert_eq!(next.len(), 1);
        digests(&long).contains(&next[0])
    };
    assert!(order(|number| clearing(number, 0)), "a clearing among them");
    assert!(!order(|number| notice(number, 3, 0)), "none: the shorter first");
}

#[test]
fn the_batches_before_a_clearing_are_fetched_with_its_precedence() {
    let chain = found(9);
    let chunks_of = |relief: bool| {
        let mut writer = Writer::new(&chain, 8);
        let before = bulk(&mut writer, 40);
        let entry = if relief { clearing(0, 0) } else { listing(1_000) };
        let after = writer.batch(&[entry], 1, EPOCH);
        let other = bulk(&mut Writer::new(&chain, 3), 30);
        let mut script = Script::new(&chain, &[2]);
        script.has(2, &[(3, 0), (8, 1)]);
        let headers = script.requests_to(2);
        for (id, request) in headers {
            let Request::Headers { publisher, .. } = request else { panic!("{request:?}") };
            let batches = if publisher.0 == 3 { vec![other.clone()] } else { vec![before.clone(), after.clone()] };
            script.answer(id, Response::Headers(envelopes(&batches)));
        }
        // The peer's window is filled while one feed is known alone; what is asked for after that shows the order.
        script.probe();
        asked(&mut script);
        script.give(Input::PeerDisconnected(node_key(2)));
        script.give(Input::PeerConnected(node_key(2)));
        script.has(2, &[(3, 0), (8, 1)]);
        let next = digests_asked(&mut script);
        assert_eq!(next.len(), 4, "the window begins at 4");
        (next.iter().all(|digest| digests(&before).contains(digest)), next.iter().all(|d| digests(&other).contains(d)))
    };
    assert_eq!(chunks_of(true), (true, false), "a batch takes force behind those before it in its feed");
    assert_eq!(chunks_of(false), (false, true), "the shorter feed first");
}

#[test]
fn a_peer_that_is_slow_holds_one_chunk_of_relief_beside_the_bulk() {
    let chain = found(9);
    let (mut script, bulk) = fetching(&chain);
    let first = Writer::new(&chain, 8).batch(&[clearing(0, 0)], 1, EPOCH);
    let second = Writer::new(&chain, 9).batch(&[clearing(0, 0)], 1, EPOCH);
    announced(&mut script, 2, &first);
    announced(&mut script, 2, &second);
    assert_eq!(digests_asked(&mut script), digests(&first), "SYNC-3: one over the window, no more");
    // Peer 5 passes the second on, too.
    announced(&mut script, 5, &second);
    assert_eq!(digests_asked(&mut script), digests(&second));
    // What bulk gives back goes to the bulk again, as far as it may.
    script.answer(bulk[0].0, Response::Absent);
    script.wait(limits::ABSENT_RETRY_MS);
    assert!(asked(&mut script).len() <= 1);
}

#[test]
fn relief_is_not_asked_of_a_publisher_that_is_silent() {
    let chain = found(9);
    let relief = Writer::new(&chain, 2).batch(&[clearing(0, 0)], 1, EPOCH);
    let of_bulk = bulk(&mut Writer::new(&chain, 4), 3);
    // The publisher holds requests of ours for a while, and the same batch comes from it and from another one.
    let asked_of = |held_ms: u64, answers: Option<Response>, batch: &Batch| {
        let mut script = Script::new(&chain, &[2, 5]);
        let heads = script.has(2, &[(4, 0)]).has(5, &[]).requests_to(2);
        assert!(matches!(heads[..], [(_, Request::Headers { .. })]), "{heads:?}");
        script.ms += held_ms;
        if let Some(answer) = answers {
            script.answer(heads[0].0, answer);
        }
        for peer in [2, 5] {
            script.gossip(peer, Topic::Heads, batch.header.envelope());
        }
        script.probe();
        let wanted = digests(batch);
        let is_of_it = |(_, request): &(RequestId, Request)| match request {
            Request::Chunk { digest } => wanted.contains(digest),
            _ => false,
        };
        [2, 5].map(|peer| script.requests_to(peer).into_iter().filter(is_of_it).count())
    };
    let silent = limits::SILENT_MS;
    assert_eq!(asked_of(silent - 1, None, &relief), [1, 0], "it has time to answer");
    assert_eq!(asked_of(silent, None, &relief), [0, 1]);
    let busy = Response::Busy { retry_after_ms: 50 };
    let late = Response::Headers(envelopes(&[of_bulk]));
    assert_eq!(asked_of(silent, Some(late), &relief), [1, 0], "it answered late");
    // What is no relief waits with its publisher as before, and a busy one is left alone as before.
    let plain = Writer::new(&chain, 2).batch(&[listing(7)], 1, EPOCH);
    assert_eq!(asked_of(silent, None, &plain), [1, 0]);
    assert_eq!(asked_of(silent, Some(busy), &relief), [0, 1]);
}

#[test]
fn relief_that_only_a_silent_peer_has_is_asked_of_it() {
    let chain = found(9);
    let batch = Writer::new(&chain, 2).batch(&[clearing(0, 0)], 1, EPOCH);
    let mut script = Script::new(&chain, &[2, 5]);
    script.has(2, &[(4, 0)]).has(5, &[]);
    let (id, _) = script.request_to(2);
    script.ms += limits::REQUEST_TIMEOUT_MS;
    script.give(Input::Timer(Timer::Request(id)));
    script.ms += u64::from(limits::BUSY_RETRY_MS);
    script.gossip(2, Topic::Heads, batch.header.envelope());
    script.probe();
    let asked = script.requests_to(2);
    assert!(asked.iter().any(|(_, request)| matches!(request, Request::Chunk { .. })), "{asked:?}");
}
