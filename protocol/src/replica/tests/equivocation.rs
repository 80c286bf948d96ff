//! Two histories of one feed, and bodies that do not hold.

use std::sync::Arc;

use super::{
    alliance::{Batch, EPOCH, Writer, found, listing, next_charter},
    script::Script,
    world::{Faults, World},
};
use crate::{
    base::MemberNumber,
    board::Post,
    charter::Cut,
    feed::{Equivocation, body::BodyError},
    replica::{BatchId, Event, Fault, Input, Output, PublishRefusal, Standing, Store, Topic},
    sync::{Request, Response},
};

fn frozen(events: &[Event]) -> Vec<(BatchId, [Arc<[u8]>; 2])> {
    let frozen = |event: &Event| match event {
        Event::FeedFrozen { batch, proof } => Some((*batch, pair(proof.first().envelope(), proof.second().envelope()))),
        _ => None,
    };
    events.iter().filter_map(frozen).collect()
}

/// Two headers in whatever order.
fn pair(one: &Arc<[u8]>, other: &Arc<[u8]>) -> [Arc<[u8]>; 2] {
    let mut pair = [one.clone(), other.clone()];
    pair.sort();
    pair
}

/// Two batches with one number: the first is what everybody has, the second what one node is shown.
fn two_histories(world: &mut World, before: u64) -> (Batch, Batch) {
    for number in 0..before {
        world.publish(0, &[listing(number)], 1);
        world.run(world.now + 500);
    }
    let mut second = {
        world.build(0, &[], 1);
        world.nodes[0].writer.clone()
    };
    // The writer stands before the empty batch that was only built.
    second.head = world.nodes[0].store.heads.get(&MemberNumber(1)).map(|(head, _)| *head);
    let a = world.build(0, &[listing(900)], 1);
    let b = second.batch(&[listing(901)], 1, world.wall());
    (a, b)
}

#[test]
fn who_comes_after_the_freeze_gets_what_both_histories_share() {
    let mut world = World::new(&found(5), 5, 23, Faults { latency_ms: 30, ..Faults::default() });
    world.offline(4);
    world.run(1000);
    let (a, b) = two_histories(&mut world, 3);
    world.give(0, Input::Publish { header: a.header.clone(), chunks: a.chunks.clone() });
    world.give(3, Input::Header(b.header.clone()));
    world.run(world.now + 5000);
    world.online(4);
    world.run(world.now + 30_000);
    // FEED-3
    for node in &world.nodes {
        let status = node.replica.feeds().into_iter().find(|feed| feed.publisher == MemberNumber(1)).unwrap();
        assert_eq!(status.standing, Standing::Frozen { seq: 3 });
        assert_eq!(status.head.map(|head| head.seq), Some(2), "{}", node.member);
        assert_eq!(node.store.table.len(), 3, "{}", node.member);
    }
    world.assert_converged();
}

/// The proof shows two batches under one number; that the ones before them differ, too, shows only when somebody has the other.
#[test]
fn histories_that_part_below_the_proof_are_told_apart_while_the_feed_is_frozen() {
    let chain = found(4);
    let mut one = Writer::new(&chain, 3);
    let first = one.batch(&[], 1, EPOCH);
    let mut other = one.clone();
    let (ours, next) = (one.batch(&[], 1, EPOCH), one.batch(&[], 1, EPOCH));
    let (theirs, after) = (other.batch(&[], 1, EPOCH + 1), other.batch(&[], 1, EPOCH + 1));
    let proof = Equivocation::new(next.header, after.header);
    assert_eq!(proof.common(), 2);
    let mut script = Script::new(&chain, &[2]);
    for (seq, batch) in (0..).zip([first, ours.clone()]) {
        script.give(Input::Header(batch.header));
        script.give(Input::Committed { publisher: MemberNumber(3), through: Some(seq), result: Ok(()) });
    }
    script.gossip(2, Topic::Board, &Post::Equivocation(proof).encode());
    assert_eq!(script.replica.feeds()[2].standing, Standing::Frozen { seq: 2 });
    // A peer has the first two batches as well, but its second one is another.
    script.has(2, &[(3, 1)]);
    let (id, request) = script.request_to(2);
    assert_eq!(request, Request::Headers { publisher: MemberNumber(3), from: 1 });
    script.said.clear();
    script.answer(id, Response::Headers(vec![theirs.header.envelope().clone()]));
    let batch = BatchId { publisher: MemberNumber(3), seq: 1 };
    let evidence = pair(ours.header.envelope(), theirs.header.envelope());
    assert_eq!(frozen(&script.events()), [(batch, evidence)]); // FEED-3
    let back = script.stores().into_iter().find_map(|store| match store {
        Store::Rewind { publisher, batches, .. } => Some((publisher, batches)),
        _ => None,
    });
    assert_eq!(back, Some((MemberNumber(3), 1)));
    assert_eq!(script.offences(), []);
}

/// A decision names a head alone. Whoever has the other history below it finds out, and gives way.
#[test]
fn a_decision_far_beyond_where_histories_part_leaves_one_of_them() {
    for (theirs, knows_first) in [(1, false), (2, false), (2, true), (5, false)] {
        let chain = found(5);
        let mut world = World::new(&chain, 5, 29 + theirs, Faults { latency_ms: 30, ..Faults::default() });
        world.run(1000);
        world.publish(0, &[listing(0)], 1);
        world.run(world.now + 2000);
        world.offline(3);
        let mut other = {
            world.build(0, &[], 1);
            world.nodes[0].writer.clone()
        };
        other.head = world.nodes[0].store.heads.get(&MemberNumber(1)).map(|(head, _)| *head);
        for number in 1..=3 {
            world.publish(0, &[listing(number)], 1);
            world.run(world.now + 500);
        }
        for _ in 0..theirs {
            let batch = other.batch(&[], 1, world.wall() + 1);
            world.give(3, Input::Header(batch.header));
            world.run(world.now + 500);
        }
        let head = |world: &World, at: usize| world.nodes[at].store.heads[&MemberNumber(1)].0;
        assert_eq!((head(&world, 0).seq, head(&world, 3).seq), (3, theirs));
        let cut = Cut { charter: 2, batches: 4, size: head(&world, 0).size, head: Some(head(&world, 0).id) };
        let charter = next_charter(&chain, |charter| charter.members[0].cuts.push(cut));
        for at in [0, 1, 2, 4].into_iter().chain(knows_first.then_some(3)) {
            world.give(at, Input::Charter(charter.clone()));
        }
        world.run(world.now + 1000);
        world.online(3);
        world.run(world.now + 60_000);
        for at in 0..5 {
            assert_eq!(head(&world, at), head(&world, 0), "node {at} after {theirs} batches of another history");
            assert_eq!(world.nodes[at].replica.feeds()[0].standing, Standing::Open);
        }
        world.assert_converged();
        assert!(world.penalties.is_empty(), "{:?}", world.penalties);
    }
}

#[test]
fn an_equivocator_is_frozen_everywhere_and_its_earlier_entries_stay() {
    for (before, shown_late) in [(0, false), (3, false), (3, true)] {
        let mut world = World::new(&found(5), 5, 11 + before, Faults { latency_ms: 30, ..Faults::default() });
        world.run(1000);
        let (a, b) = two_histories(&mut world, before);
        world.give(0, Input::Publish { header: a.header.clone(), chunks: a.chunks.clone() });
        world.run(world.now + 2000);
        if shown_late {
            world.publish(0, &[listing(902)], 1);
            world.run(world.now + 2000);
        }
        // One node alone is shown the other history, and not by gossip.
        world.give(3, Input::Header(b.header.clone()));
        world.run(world.now + 5000);
        let evidence = pair(a.header.envelope(), b.header.envelope());
        for node in &world.nodes {
            // FEED-1, FEED-3
            let batch = BatchId { publisher: MemberNumber(1), seq: before };
            assert_eq!(frozen(&node.events), [(batch, evidence.clone())], "{} of {before}", node.member);
            let status = node.replica.feeds().into_iter().find(|feed| feed.publisher == MemberNumber(1)).unwrap();
            assert_eq!(status.standing, Standing::Frozen { seq: before });
            assert_eq!(node.store.table.len() as u64, before, "earlier entries stay, contested ones have no force");
        }
        world.assert_converged();
        assert!(world.penalties.is_empty(), "those who show the evidence are not to blame: {:?}", world.penalties);
        // Nothing more comes in, from its own pen neither.
        let more = world.build(0, &[], 1);
        world.give(0, Input::Publish { header: more.header, chunks: more.chunks });
        let seq = more_seq(&world);
        assert_eq!(world.nodes[0].events.last(), Some(&Event::NotPublished { seq, reason: PublishRefusal::Frozen }));
    }
}

fn more_seq(world: &World) -> u64 {
    world.nodes[0].store.heads.get(&MemberNumber(1)).map_or(0, |(head, _)| head.seq + 1)
}

#[test]
fn a_header_that_does_not_continue_the_last_one_is_a_second_history() {
    let chain = found(3);
    let mut writer = Writer::new(&chain, 3);
    let first = writer.batch(&[listing(1)], 1, EPOCH);
    let after = writer.clone();
    for (change, contested, entries) in [
        // FEED-2: another predecessor, another first leaf, an earlier time. FEED-8: as many leaves under another root.
        ((|h: &mut crate::feed::BatchHeader| h.previous = Some([5; 32])) as fn(&mut crate::feed::BatchHeader), 0, 1),
        (|h| (h.first, h.size) = (h.first + 1, h.size + 1), 1, 1),
        (|h| (h.issued.0, h.expires.0) = (h.issued.0 - 1, h.expires.0 - 1), 1, 1),
        (|h| h.root = [5; 32], 1, 0),
    ] {
        let second = after.clone().batch_with(&[listing(2)][..entries], 1, EPOCH, change);
        let mut script = Script::new(&chain, &[2]);
        script.gossip(2, Topic::Heads, first.header.envelope());
        script.ms += 1;
        script.gossip(2, Topic::Heads, second.header.envelope());
        let batch = BatchId { publisher: MemberNumber(3), seq: contested };
        let evidence = pair(first.header.envelope(), second.header.envelope());
        assert_eq!(frozen(&script.events()), [(batch, evidence)]);
        // FEED-3: the proof goes to everybody.
        let passed_on = script.said.iter().filter_map(|output| match output {
            Output::Gossip { topic: Topic::Board, bytes } => Some(Post::decode(bytes).unwrap()),
            _ => None,
        });
        let proof = Equivocation::new(first.header.clone(), second.header.clone());
        assert_eq!(passed_on.collect::<Vec<_>>(), [Post::Equivocation(proof)]);
        assert_eq!(script.offences(), []);
    }
}

#[test]
fn what_the_store_commits_while_a_feed_freezes_still_counts() {
    let chain = found(3);
    let mut writer = Writer::new(&chain, 3);
    let other = writer.clone().batch(&[listing(2)], 1, EPOCH);
    let empty = writer.batch(&[], 1, EPOCH);
    let next = writer.batch(&[listing(1)], 1, EPOCH);
    let mut script = Script::new(&chain, &[2]);
    script.gossip(2, Topic::Heads, empty.header.envelope());
    let stores = script.stores();
    assert!(matches!(stores.as_slice(), [Store::Commit { headers }] if headers.len() == 1), "{stores:?}");
    script.give(Input::Header(next.header)).give(Input::Header(other.header));
    assert_eq!(frozen(&script.events()).len(), 1);
    script.give(Input::Committed { publisher: MemberNumber(3), through: Some(0), result: Ok(()) });
    assert_eq!(
        script.replica.head(MemberNumber(3)),
        Some(empty.header.payload()).map(|h| crate::feed::Head::of(h, empty.header.id()))
    );
    assert_eq!(script.replica.feeds()[2].waiting, 0);
}

#[test]
fn what_the_store_could_not_commit_while_a_feed_froze_is_dropped() {
    let chain = found(3);
    let other = Writer::new(&chain, 3).batch(&[listing(2)], 1, EPOCH);
    let empty = Writer::new(&chain, 3).batch(&[], 1, EPOCH);
    let mut script = Script::new(&chain, &[2]);
    script.give(Input::Header(empty.header)).give(Input::Header(other.header));
    assert_eq!(script.replica.feeds()[2].waiting, 1, "the store is at work on it");
    script.give(Input::Committed { publisher: MemberNumber(3), through: None, result: Err(Fault::Storage) });
    assert_eq!(script.replica.feeds()[2].waiting, 0);
    assert_eq!(script.replica.head(MemberNumber(3)), None);
}

#[test]
fn a_second_header_with_the_number_of_the_head_is_shown_beside_the_head() {
    let chain = found(3);
    let mut writer = Writer::new(&chain, 3);
    let other = writer.clone().batch(&[listing(2)], 1, EPOCH);
    let empty = writer.batch(&[], 1, EPOCH);
    let waiting = writer.batch(&[listing(1)], 1, EPOCH);
    let mut script = Script::new(&chain, &[2]);
    script.give(Input::Header(empty.header.clone()));
    script.give(Input::Committed { publisher: MemberNumber(3), through: Some(0), result: Ok(()) });
    script.give(Input::Header(waiting.header)).give(Input::Header(other.header.clone()));
    let batch = BatchId { publisher: MemberNumber(3), seq: 0 };
    // FEED-1: not beside the newest header, which has another number.
    assert_eq!(frozen(&script.events()), [(batch, pair(empty.header.envelope(), other.header.envelope()))]);
}

#[test]
fn a_body_that_does_not_hold_refuses_the_feed() {
    for (change, error) in [
        ((|h: &mut crate::feed::BatchHeader| h.root = [8; 32]) as fn(&mut crate::feed::BatchHeader), BodyError::Root),
        (|h| h.totals = totals_of_another(), BodyError::Totals),
    ] {
        let mut world = World::new(&found(3), 3, 17, Faults { latency_ms: 10, ..Faults::default() });
        world.run(1000);
        let other = world.nodes[2].writer.clone().batch(&[listing(3)], 1, world.wall());
        world.publish(2, &[listing(1)], 1);
        world.run(2000);
        let wall = world.wall();
        world.build(2, &[], 1);
        let (head, tree) = (world.nodes[2].store.heads[&MemberNumber(3)].0, world.nodes[2].store.tree(MemberNumber(3)));
        let mut writer = Writer { head: Some(head), tree, ..world.nodes[2].writer.clone() };
        let bad = writer.batch_with(&[listing(2)], 1, wall, change);
        // Its node serves what its publisher signed.
        let (place, descriptor) = bad.header.payload().placed_chunks().next().unwrap();
        world.nodes[2].store.store_chunk(place, descriptor, &bad.chunks[0]).unwrap();
        world.flood(2, Topic::Heads, bad.header.envelope());
        world.run(5000);
        for node in &world.nodes[..2] {
            let batch = BatchId { publisher: MemberNumber(3), seq: 1 };
            // FEED-4
            assert!(node.events.contains(&Event::FeedRefused { batch, error }), "{:?}", node.events);
            assert_eq!(node.replica.feeds()[2].standing, Standing::Refused { seq: 1, error });
            assert_eq!(node.store.table.len(), 1, "earlier entries stay");
        }
        assert!(world.penalties.is_empty(), "those who pass it on are not to blame");
        // FEED-1: a second history shows also where the feed stands still.
        world.give(0, Input::Header(other.header));
        world.run(world.now + 5000);
        for node in &world.nodes[..2] {
            assert_eq!(node.replica.feeds()[2].standing, Standing::Frozen { seq: 0 }, "FEED-3");
        }

        // Our own body that does not hold never leaves: it is our mistake, not a refusal.
        let mut world = World::new(&found(1), 1, 19, Faults::default());
        let bad = Writer::new(&found(1), 1).batch_with(&[listing(2)], 1, EPOCH, change);
        world.give(0, Input::Publish { header: bad.header, chunks: bad.chunks });
        world.run(1000);
        let reason = PublishRefusal::Invalid;
        assert_eq!(world.nodes[0].events, [Event::HeartbeatDue, Event::NotPublished { seq: 0, reason }]);
        assert_eq!(world.nodes[0].replica.feeds()[0].standing, Standing::Open);
    }
}

#[test]
fn a_feed_that_names_the_chunk_of_another_feed_is_refused() {
    let mut world = World::new(&found(4), 3, 17, Faults { latency_ms: 10, ..Faults::default() });
    world.run(1000);
    world.publish(1, &[listing(1)], 1);
    world.run(2000);
    let theirs = *world.nodes[2].store.chunks.keys().next().unwrap();
    let (wall, wants) = (world.wall(), [listing(1)]);
    let bad = world.nodes[2].writer.batch_with(&wants, 1, wall, |h| {
        h.chunks[0].digest = theirs;
        // Not even the length is right.
        h.chunks[0].bytes = 1;
    });
    world.flood(2, Topic::Heads, bad.header.envelope());
    world.run(5000);
    let (batch, error) = (BatchId { publisher: MemberNumber(3), seq: 0 }, BodyError::Misdescribed);
    for node in &world.nodes[..2] {
        assert!(node.events.contains(&Event::FeedRefused { batch, error }), "FEED-4, CHUNK-6: {:?}", node.events);
    }
    // Who lacks the chunk gets it from an honest node, which has it in good faith.
    world.add(&found(4), 4);
    world.run(20_000);
    assert_eq!(world.nodes[3].replica.head(MemberNumber(2)).map(|head| head.size), Some(1));
    assert!(world.penalties.is_empty(), "{:?}", world.penalties);
    assert!(world.refused.iter().all(|(_, rule)| *rule == "CHUNK-6"), "{:?}", world.refused);
}

fn totals_of_another() -> crate::feed::Totals {
    let mut totals = crate::feed::Totals::default();
    totals.count(&super::alliance::clearing(2, 0));
    totals
}

#[test]
fn an_own_batch_that_waits_gives_way_to_one_that_left() {
    let chain = found(2);
    let (ours, theirs) =
        (Writer::new(&chain, 1).batch(&[listing(1)], 1, EPOCH), Writer::new(&chain, 1).batch(&[listing(2)], 1, EPOCH));
    let mut script = Script::new(&chain, &[2]);
    script.give(Input::Publish { header: ours.header, chunks: ours.chunks });
    script.gossip(2, Topic::Heads, theirs.header.envelope());
    assert!(script.events().contains(&Event::NotPublished { seq: 0, reason: PublishRefusal::Moved }));
    assert_eq!(frozen(&script.events()), []);
    assert_eq!(script.replica.feeds()[0].waiting, 1);
    // The answer about the chunk of the first attempt is not taken for one about the second.
    let batch = BatchId { publisher: MemberNumber(1), seq: 0 };
    script.give(Input::ChunkStored { batch, index: 0, from: None, result: Err(Fault::Storage) });
    assert_eq!(script.replica.feeds()[0].waiting, 1);
}
