//! Each invariant fires in a world that was broken by hand.

use std::sync::Arc;

use antibrush_protocol::{
    base::MemberNumber,
    board::Post,
    checkpoint::Cosignature,
    limits,
    replica::{Input, Offence, RequestId, Topic},
    signed::Signer,
    sync::Response,
    witness::{WitnessStatement, WitnessedHead},
};

use super::super::{Asked, Draft, World, alliance::number_of, write};
use crate::{
    invariant::Invariant,
    op::{Op, What},
    plan,
    random::Millionths,
    scenario::Scenario,
};

/// A small world after two minutes of its plan.
fn world() -> World {
    let scenario: Arc<Scenario> = Arc::new(
        toml::from_str(
            "name_zh = \"x\"\nname_en = \"x\"\nduration = \"3min\"\nconverge_within = \"1min\"\n[federation]\nnodes = 7\nwitnesses = 2\n\
             [load]\nbatch_every = \"5s\"\nentries = 4\nsubjects = 20",
        )
        .unwrap(),
    );
    let ops = plan::plan(&scenario, 0, 3);
    let mut world = World::new(scenario, 0, 3, ops);
    world.run(120_000);
    assert_eq!(world.violation, None);
    world
}

fn broken(world: &World) -> Option<Invariant> {
    world.violation.as_ref().map(|violation| violation.invariant)
}

#[test]
fn two_states_after_the_same_leaves() {
    let mut world = world();
    let publisher = number_of(1);
    let head = world.nodes[2].disk.heads[&publisher].0;
    world.truth.of_mut(&head.id).unwrap().digest = Some(1);
    world.look_at_commit(2, publisher, &head, world.truth.of(&head.id).unwrap().entries);
    assert_eq!(broken(&world), Some(Invariant::SameLeavesSameState));
}

/// A small world under faults, run to its end, with another thing done to it before.
fn faulty(faults: &str, change: impl FnOnce(&mut World)) -> World {
    let text = format!(
        "name_zh = \"x\"\nname_en = \"x\"\nduration = \"6min\"\nconverge_within = \"1min\"\n[federation]\nnodes = 7\nwitnesses = 2\n\
         [load]\nbatch_every = \"5s\"\nentries = 4\nsubjects = 20\n[faults]\nuntil = \"3min\"\n{faults}"
    );
    let scenario: Arc<Scenario> = Arc::new(toml::from_str(&text).unwrap());
    let ops = plan::plan(&scenario, 0, 3);
    let mut world = World::new(scenario.clone(), 0, 3, ops);
    world.run(179_000);
    assert_eq!(world.violation, None);
    change(&mut world);
    world.run(World::length_ms(&scenario));
    world.finish();
    world
}

#[test]
fn power_that_goes_tears_writes_and_nothing_that_was_acknowledged() {
    let torn = |share: &str| faulty(&format!("crashes_per_hour = 600\ntorn_writes = \"{share}\""), |_| ());
    let (none, all) = (torn("0%"), torn("100%"));
    assert_eq!((none.violation.as_ref(), none.counts.torn), (None, 0));
    assert_eq!(all.violation, None);
    // Of 30 crashes in three minutes most come while something is written.
    assert!(all.counts.torn >= 15, "{}", all.counts.torn);
}

#[test]
fn lost_documents_come_back_before_anything_is_signed() {
    let world = faulty("lost_documents_per_hour = 600", |_| ());
    assert_eq!(world.violation, None);
    assert!(world.counts.lost >= 10, "{}", world.counts.lost);
    assert!(world.nodes.iter().all(|node| !node.lost.feed && !node.lost.board));
}

#[test]
fn what_was_there_when_the_faults_stopped_and_comes_too_late() {
    let split = |at_ms| Op { at_ms, what: What::Split { minority: vec![5] } };
    // One node is cut off until all but the end is over: it has everything in the end, and had it too late.
    let world = faulty("", |world| {
        world.ops.push(split(179_500));
        world.ops.push(Op { at_ms: 300_000, what: What::Heal });
        let at = world.ops.len();
        world.act(What::Split { minority: vec![5] });
        world.queue.push(180_001_000, super::super::Event::Op(at - 2));
        world.queue.push(300_000_000, super::super::Event::Op(at - 1));
    });
    let violation = world.violation.unwrap();
    assert_eq!((violation.invariant, violation.node, violation.at_ms), (Invariant::Converges, Some(5), 240_000));
    assert!(violation.found.starts_with("1min after the faults stopped it lacks batch"), "{}", violation.found);
}

#[test]
fn an_acknowledged_batch_that_is_gone() {
    let mut world = world();
    let id = world.truth.last_acknowledged(number_of(1)).unwrap().1;
    world.nodes[1].disk = super::super::disk::Disk::new(world.chain.clone(), 1);
    world.look_at_disk(1);
    assert_eq!(broken(&world), Some(Invariant::NothingLost), "{id:?}");
}

#[test]
fn a_batch_that_is_told_before_it_is_on_the_disk() {
    let mut world = world();
    let (header, _) = world.build(1, &[], true).unwrap();
    world.look_at_telling(1, Topic::Heads, header.envelope());
    assert_eq!(broken(&world), Some(Invariant::NothingLost));
}

#[test]
fn a_batch_that_nobody_made() {
    let mut world = world();
    let draft = Draft::next(&world, 1);
    let (header, _) = world.sign_batch(&draft, &[]).unwrap();
    let head = antibrush_protocol::feed::Head::of(header.payload(), header.id());
    world.look_at_commit(2, number_of(1), &head, 0);
    assert_eq!(broken(&world), Some(Invariant::NothingForged));
}

#[test]
fn listings_that_their_publisher_did_not_write() {
    let mut world = world();
    let publisher = number_of(1);
    let head = world.nodes[2].disk.heads[&publisher].0;
    let place = *world.nodes[2].disk.table.keys().find(|place| place.0 == publisher).unwrap();
    world.nodes[2].disk.table.remove(&place);
    world.look_at_listings(2, publisher, &head);
    assert_eq!(broken(&world), Some(Invariant::NothingForged));
}

#[test]
fn a_listing_that_stands_after_its_clearing() {
    let mut world = world();
    let publisher = number_of(1);
    let head = world.nodes[2].disk.heads[&publisher].0;
    let stands = world.nodes[2].disk.table.iter().find(|(place, (_, ended))| place.0 == publisher && ended.is_none());
    let cleared = stands.map(|(place, (standing, _))| (*place, standing.leaf)).unwrap();
    let made = world.truth.of_mut(&head.id).unwrap();
    made.clears.push(cleared);
    let count = made.entries;
    world.look_at_commit(2, publisher, &head, count);
    assert_eq!(broken(&world), Some(Invariant::ReliefHolds));
}

#[test]
fn two_histories_that_nobody_sees() {
    let mut world = world();
    // Both halves lie on disks, and no state machine has heard of either.
    let mut draft = Draft::next(&world, 1);
    let (one, _) = world.forge(&draft, &[]).unwrap();
    draft.now = draft.now.plus(1);
    let (other, _) = world.forge(&draft, &[]).unwrap();
    let seq = one.payload().seq;
    world.contradictions.insert((1, seq));
    let (a, b) = (0, world.peers(0)[0]);
    for (node, header) in [(a, one), (b, other)] {
        let header = world.chain.verify_header(header, draft.now).unwrap();
        world.nodes[node as usize].disk.keep_header(header);
    }
    for _ in 0..200 {
        world.look_for_lies();
        world.now_us += 5_000_000;
    }
    assert_eq!(broken(&world), Some(Invariant::EquivocationFound));
}

#[test]
fn a_witness_that_cosigns_two_histories() {
    let mut world = world();
    world.look_at_cosignature(number_of(1), number_of(2), (0, 5), (10, [1; 32]));
    assert_eq!(broken(&world), None);
    world.look_at_cosignature(number_of(1), number_of(2), (0, 5), (10, [2; 32]));
    assert_eq!(broken(&world), Some(Invariant::OneHistoryCosigned));
}

#[test]
fn a_feed_goes_on_with_another_key_after_one_was_revoked() {
    let mut world = world();
    let publisher = number_of(1);
    let head = world.nodes[0].disk.heads[&publisher].0;
    let key = world.feed_key(1).public();
    world.act(What::Revoke { node: 1, back: 1 });
    world.run(150_000);
    for salt in 0..3 {
        world.act(What::Publish { node: 1, entries: 4, relief: Millionths(0), salt });
        world.run(160_000 + salt * 10_000);
    }
    world.run(240_000);
    world.look_at_the_end();
    assert_eq!(world.violation, None);
    assert_ne!(world.feed_key(1).public(), key);
    for node in 0..7u32 {
        assert_ne!(world.committed(node, publisher, head.seq), Some(head.id), "node {node}");
        let (last, _) = world.nodes[node as usize].disk.heads[&publisher];
        let header = world.nodes[node as usize].disk.header(publisher, last.seq).unwrap();
        assert_eq!((last.seq >= head.seq, header.key()), (true, world.feed_key(1).public()), "node {node}");
    }
    // Node 1 witnesses, too: its new key vouches for what the old one did.
    let board = world.nodes[5].replica.as_ref().unwrap().board();
    assert_eq!(board.witness_statement(publisher, 0).unwrap().key(), world.feed_key(1).public());
}

#[test]
fn a_witness_that_cosigns_what_it_does_not_hold() {
    let mut world = world();
    assert!(world.counts.cosigned > 0 && world.counts.contradicted == 0);
    let (alliance, publisher) = (world.chain.alliance(), number_of(2));
    let (head, _) = world.nodes[0].disk.heads[&publisher];
    let cosignature = Cosignature { time: head.issued, signature: [0; 64] };
    let mut stated =
        WitnessedHead { publisher, cuts: 0, seq: head.seq + 1, size: head.size + 1, root: head.root, cosignature };
    let statement =
        |stated| WitnessStatement { alliance, witness: number_of(0), issued: head.issued, heads: vec![stated] };
    let post = Post::sign(&statement(stated), world.feed_key(0), Post::Witness).encode();
    world.look_at_statement(0, &statement(stated));
    assert_eq!(broken(&world), Some(Invariant::OneHistoryCosigned));
    world.violation = None;
    (stated.seq, stated.size) = (head.seq, head.size);
    world.look_at_statement(0, &statement(stated));
    assert_eq!(broken(&world), None);
    // It is told before it is on the disk.
    world.look_at_telling(0, Topic::Board, &post);
    assert_eq!(broken(&world), Some(Invariant::NothingLost));
}

/// A disk that is slow and then full has the charter and not yet taken back what that voids.
#[test]
fn a_witness_says_nothing_of_a_feed_before_what_a_decision_voids_is_taken_back() {
    let mut world = world();
    let publisher = number_of(2);
    let (head, _) = world.nodes[1].disk.heads[&publisher];
    world.nodes[1].disk.slowness = 1000;
    world.act(What::Cut { node: 2, back: 2 });
    let charter = world.chain.current_id();
    let mut now_ms = world.now_ms();
    while world.nodes[1].disk.chain.current_id() != charter {
        now_ms += 1;
        world.run(now_ms);
    }
    world.nodes[1].disk.is_full = true;
    world.run(now_ms + 15_000);
    assert_eq!(world.committed(1, publisher, head.seq), Some(head.id), "it could not be taken back");
    assert_eq!(world.violation, None);
    (world.nodes[1].disk.is_full, world.nodes[1].disk.slowness) = (false, 1);
    world.run(240_000);
    world.look_at_the_end();
    assert_eq!(world.violation, None);
}

#[test]
fn an_answer_that_is_not_what_was_written() {
    let mut world = world();
    let stands = world.nodes[2].disk.table.iter().find(|(_, (_, ended))| ended.is_none());
    let place = stands.map(|(place, _)| *place).unwrap();
    let subject = write::subject_of(&place.1);
    world.look_at_answer(2, subject, &[1]);
    assert_eq!(broken(&world), None);
    world.look_at_answer(2, subject, &[]);
    assert_eq!(broken(&world), Some(Invariant::NothingForged));
}

#[test]
fn what_is_cut_off_goes_everywhere_and_the_feed_goes_on() {
    let mut world = world();
    let publisher = number_of(1);
    let head = world.nodes[0].disk.heads[&publisher].0;
    let gone = world.nodes[3].disk.header(publisher, head.seq).unwrap().clone();
    world.act(What::Cut { node: 1, back: 2 });
    assert_eq!(world.counts.cuts, 1);
    world.run(140_000);
    assert!((0..7).all(|node| world.committed(node, publisher, head.seq) != Some(head.id)));
    for salt in 0..3 {
        world.act(What::Publish { node: 1, entries: 4, relief: Millionths(0), salt });
        world.run(150_000 + salt * 10_000);
    }
    world.run(240_000);
    world.look_at_the_end();
    assert_eq!(world.violation, None);
    assert!((0..7).all(|node| world.nodes[node].disk.heads[&publisher].0.seq >= head.seq));
    // A node that still has what was cut off.
    world.nodes[3].disk.keep_header(gone);
    world.look_at_the_end();
    assert_eq!(broken(&world), Some(Invariant::NothingForged));
}

#[test]
fn a_peer_that_gets_more_than_its_quota() {
    let mut world = world();
    let asked =
        Asked { asker: 2, life: 1, id: RequestId(0), asked: 1, is_for_chunk: true, request: None, connection: 1 };
    for _ in 0..=2 * limits::SERVE_BYTES_PER_SECOND / limits::CHUNK_BYTES as u64 {
        assert_eq!(broken(&world), None);
        world.look_at_quota(1, &asked, &Response::Absent);
    }
    assert_eq!(broken(&world), Some(Invariant::QuotasHold));
}

#[test]
fn a_node_that_holds_too_much() {
    let mut world = world();
    for number in 0..10_000 {
        let store = antibrush_protocol::replica::Store::Unpost(Vec::new());
        world.nodes[1].disk.begin(store, number, 0);
    }
    world.look_at_bounds();
    assert_eq!(broken(&world), Some(Invariant::Bounded));
}

#[test]
fn nodes_that_do_not_agree_in_the_end() {
    let mut world = world();
    world.nodes[3].disk.heads.remove(&MemberNumber(2));
    world.look_at_the_end();
    assert_eq!(broken(&world), Some(Invariant::Converges));
}

#[test]
fn an_honest_node_that_is_blamed() {
    let mut world = world();
    world.look_at_blame(1, 2, Offence::BadHeader);
    assert_eq!(broken(&world), Some(Invariant::NobodyWronged));
}

#[test]
fn a_node_that_never_stops() {
    let mut world = world();
    for _ in 0..=super::super::STEPS + 1 {
        world.give(1, Input::PeerDisconnected([7; 32]));
    }
    assert_eq!(broken(&world), Some(Invariant::Sound));
}

#[test]
fn an_operation_that_makes_no_sense_does_nothing() {
    let mut world = world();
    for what in [
        What::Start { node: 99 },
        What::Kill { node: 99, torn: Millionths::ALL },
        What::Expel { node: 0 },
        What::Misbehave { node: 1, salt: 1 },
    ] {
        world.act(Op { at_ms: 0, what }.what);
    }
    assert_eq!(broken(&world), None);
}
