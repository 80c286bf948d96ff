//! Each dishonest member alone in a small alliance, under one seed: what it does comes to what the protocol says, and harms nobody else.

use std::sync::Arc;

use antibrush_protocol::{base::MemberNumber, board::Post, replica::Offence};

use super::{appoint, appointed};
use crate::{
    plan,
    scenario::Scenario,
    world::{World, alliance::number_of},
};

/// Runs a world of `nodes` nodes to its end.
fn run(nodes: u32, adversaries: &str) -> World {
    run_with(nodes, "", adversaries)
}

/// The same with faults.
fn run_with(nodes: u32, faults: &str, adversaries: &str) -> World {
    let text = format!(
        "name_zh = \"x\"\nname_en = \"x\"\nduration = \"8min\"\nconverge_within = \"6min\"\n[federation]\nnodes = {nodes}\nobservers = 1\n\
         [load]\nbatch_every = \"15s\"\nentries = 4\nrelief = \"40%\"\nsubjects = 20\n[faults]\nuntil = \"8min\"\n{faults}\n[adversaries]\n{adversaries}\n"
    );
    let scenario: Arc<Scenario> = Arc::new(toml::from_str(&text).unwrap());
    let ops = plan::plan(&scenario, 0, 5);
    let mut world = World::new(scenario.clone(), 0, 5, ops);
    world.run(World::length_ms(&scenario));
    world.finish();
    assert_eq!(world.violation, None);
    world
}

fn honest(world: &World) -> Vec<u32> {
    world.honest().map(|(node, _)| node).collect()
}

fn liars(world: &World) -> Vec<u32> {
    world.nodes.iter().zip(0..).filter(|(node, _)| node.is_dishonest).map(|(_, node)| node).collect()
}

/// How many batches of a member the node has.
fn batches(world: &World, node: u32, publisher: MemberNumber) -> u64 {
    world.nodes[node as usize].disk.heads.get(&publisher).map_or(0, |(head, _)| head.seq + 1)
}

#[test]
fn the_last_platforms_are_appointed_and_no_steward_or_observer() {
    let mut scenario: Scenario = toml::from_str(
        "name_zh = \"x\"\nname_en = \"x\"\nduration = \"1min\"\nconverge_within = \"1min\"\n[federation]\nnodes = 7\nobservers = 1\n\
         [adversaries]\nforgers = 1\ncolluding_pairs = 1",
    )
    .unwrap();
    assert_eq!(appointed(&scenario, 7), 3..6);
    let world = World::new(Arc::new(scenario.clone()), 0, 1, Vec::new());
    assert_eq!(liars(&world), [3, 4, 5]);
    scenario.adversaries.sybils = 20;
    assert_eq!(appointed(&scenario, 7), 1..6);
    appoint(&scenario, 7, &mut []);
}

#[test]
fn an_equivocator_is_frozen_at_every_honest_node() {
    let world = run(7, "equivocators = 1");
    let [liar] = liars(&world)[..] else { panic!("one liar") };
    assert!(!world.contradictions.is_empty());
    let contested = world.contradictions.first().unwrap().1;
    for node in honest(&world) {
        assert!(world.is_frozen(node, number_of(liar)), "{node}");
        assert_eq!(batches(&world, node, number_of(liar)), contested, "{node}");
    }
}

#[test]
fn a_feed_goes_on_after_a_decision_and_is_found_out_again() {
    let world = run_with(7, "thaws_per_hour = 60", "equivocators = 1");
    assert!(world.counts.cuts > 0 && world.counts.thawed > 0, "{:?}", world.counts);
    assert!(world.contradictions.len() > 1, "it signs two histories again: {:?}", world.contradictions);
}

#[test]
fn a_chunk_with_an_erased_leaf_is_taken_by_nobody() {
    let world = run_with(7, "crashes_per_hour = 60\ntorn_writes = \"50%\"", "strippers = 1");
    assert!(world.counts.refused.contains_key("CHUNK-5"), "{:?}", world.counts.refused);
    assert!(world.counts.offences.is_empty(), "whoever erased it may lack it: {:?}", world.counts.offences);
}

#[test]
fn two_that_collude_are_found_as_one_is() {
    let world = run(8, "colluding_pairs = 1");
    let liar = liars(&world)[0];
    assert!(honest(&world).into_iter().all(|node| world.is_frozen(node, number_of(liar))));
    let other = liars(&world)[1];
    assert!(
        !honest(&world).into_iter().any(|node| world.is_frozen(node, number_of(other))),
        "who vouches signs nothing"
    );
}

#[test]
fn what_is_held_back_comes_into_force_nowhere() {
    let world = run(7, "withholders = 1");
    let liar = liars(&world)[0];
    let own = batches(&world, liar, number_of(liar));
    for node in honest(&world) {
        assert!(batches(&world, node, number_of(liar)) < own, "{node}");
    }
    assert!(world.counts.offences.is_empty(), "to have nothing is no offence: {:?}", world.counts.offences);
}

#[test]
fn what_is_said_again_changes_nothing() {
    let world = run(7, "replayers = 1");
    assert_eq!(world.counts.frozen, 0);
    assert!(world.counts.agreed_after_ms.is_some());
}

#[test]
fn what_is_forged_is_refused_and_blamed() {
    let world = run(7, "forgers = 1");
    assert!(world.counts.offences.contains_key(&Offence::BadHeader), "{:?}", world.counts.offences);
    assert!(world.counts.refused.contains_key("HEADER-11"), "{:?}", world.counts.refused);
    assert!(world.counts.refused.contains_key("HEADER-12"), "{:?}", world.counts.refused);
}

#[test]
fn many_names_and_stolen_seats_make_no_charter() {
    let world = run(8, "sybils = 1");
    assert!(world.counts.offences.contains_key(&Offence::BadCharter), "{:?}", world.counts.offences);
    assert!(world.counts.refused.contains_key("CHARTER-9"), "{:?}", world.counts.refused);
    for node in honest(&world) {
        assert_eq!(world.nodes[node as usize].disk.chain.current_id(), world.chain.current_id());
        assert_eq!(world.nodes[node as usize].disk.chain.current().members.len(), 8);
    }
}

#[test]
fn who_was_expelled_is_not_heard() {
    // The forger lends it the lines that it has no more.
    let world = run(8, "expelled = 1\nforgers = 1");
    let out = liars(&world)[0];
    assert!(world.nodes[out as usize].is_expelled);
    assert!(world.counts.refused.contains_key("HEADER-10"), "{:?}", world.counts.refused);
    assert!(honest(&world).into_iter().all(|node| !world.peers(node).contains(&out)));
}

#[test]
fn a_flood_gets_its_quota_and_no_more() {
    let world = run(7, "flooders = 1");
    assert!(world.counts.agreed_after_ms.is_some());
}

#[test]
fn an_accusation_without_proof_freezes_nobody() {
    let world = run(7, "accusers = 1");
    assert_eq!(world.counts.frozen, 0);
    assert!(world.counts.offences.contains_key(&Offence::BadPost), "{:?}", world.counts.offences);
    let posts = world.nodes[0].disk.posts();
    assert!(!posts.iter().any(|post| matches!(Post::decode(post), Ok(Post::Equivocation(_)))));
}

#[test]
fn who_lags_holds_nobody_up() {
    let world = run(7, "laggards = 1");
    assert!(world.counts.offences.is_empty(), "{:?}", world.counts.offences);
    assert!(world.counts.agreed_after_ms.is_some());
}
