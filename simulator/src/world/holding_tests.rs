//! Evaluations over the lines of a world, with holders that crash, whose clocks jump, and that lie.

use std::sync::Arc;

use super::{
    World,
    alliance::{EPOCH, number_of},
    holding::{CLASS, EvaluationCounts},
    write,
};
use crate::{
    op::{Op, What},
    plan::plan,
    scenario::Scenario,
};

fn scenario(more: &str) -> Arc<Scenario> {
    let text = format!(
        "name_zh = \"持有方\"\nname_en = \"Holders\"\nduration = \"6h\"\nconverge_within = \"10min\"\n\
         [federation]\nnodes = 8\n[load]\nbatch_every = \"1h\"\n{more}"
    );
    Arc::new(toml::from_str(&text).unwrap())
}

fn run(scenario: &Arc<Scenario>, seed: u64) -> (World, EvaluationCounts) {
    let mut world = World::new(scenario.clone(), 0, seed, plan(scenario, 0, seed));
    world.run(World::length_ms(scenario));
    world.finish();
    assert_eq!(world.violation.as_ref().map(ToString::to_string), None, "seed {seed}");
    let counts = world.counts.evaluations.clone();
    (world, counts)
}

#[test]
fn holders_give_what_the_key_gives() {
    let scenario =
        scenario("[holding]\nholders = 5\nthreshold = 3\nquota = 1000\nevaluations_per_minute = 1\nbatch = 3\n");
    let (_, counts) = run(&scenario, 1);
    // The key holder that is no platform asks for nothing.
    assert!(counts.asked > 300 && (counts.evaluated, counts.unavailable) == (counts.asked, 0), "{counts:?}");
    assert_eq!((counts.identifiers, counts.elements), (counts.asked * 3, counts.asked * 3 * 4), "padded to four");
}

#[test]
fn lying_holders_are_convicted_and_the_others_answer() {
    let scenario = scenario(
        "[adversaries]\nlying_holders = 2\n\
         [holding]\nholders = 5\nthreshold = 3\nquota = 100000\nevaluations_per_minute = 1\nbatch = 2\n",
    );
    let (_, counts) = run(&scenario, 2);
    assert_eq!((counts.evaluated, counts.unavailable), (counts.asked, 0));
    assert_eq!(counts.lies.keys().copied().collect::<Vec<_>>(), [3, 4], "on them alone");
    assert!(counts.lies.values().all(|lies| *lies > 100), "{counts:?}");
}

#[test]
fn quotas_hold_over_crashes_and_clocks() {
    let scenario = scenario(
        "[faults]\nuntil = \"5h\"\ncrashes_per_hour = 30\ntorn_writes = \"50%\"\nclock_jumps_per_hour = 10\n\
         full_disks_per_hour = 5\nflaps_per_hour = 20\n\
         [holding]\nholders = 3\nthreshold = 2\nquota = 150\nevaluations_per_minute = 20\nbatch = 2\n",
    );
    for seed in 0..4 {
        let (world, counts) = run(&scenario, seed);
        assert!(counts.exhausted > 100 && counts.evaluated > 50, "{counts:?}");
        // Three holders, two days at the most that a clock can show, and half of a holder's answers make a token.
        for node in 0..8 {
            let given = world.holding.as_ref().unwrap().given_to(node);
            assert!(given <= 3 * 2 * 150, "node {node} got {given}");
        }
    }
}

#[test]
fn a_day_passes_and_is_reported() {
    let mut scenario = Scenario::clone(&scenario(
        "[holding]\nholders = 3\nthreshold = 2\nquota = 10000\nevaluations_per_minute = 1\n",
    ));
    scenario.duration = crate::scenario::Span::from_ms(20 * 3_600_000);
    let (world, counts) = run(&Arc::new(scenario), 5);
    assert_eq!(counts.reports, 3);
    for (at, node) in world.honest() {
        let board = node.replica.as_ref().unwrap().board();
        assert_eq!(board.usage().count(), 3, "node {at} has the reports of all");
    }
}

const HOUR_MS: u64 = 3_600_000;

/// Five holders whose key passes into the next epoch after an hour and is retired two hours after the beginning at the earliest.
fn rotating() -> Arc<Scenario> {
    scenario(
        "entries = 50\nsubjects = 60\nchecks_per_minute = 20\n\
         [holding]\nholders = 5\nthreshold = 3\nquota = 100000\nevaluations_per_minute = 1\n\
         rotations = [{ at = \"1h\", retire_after = \"1h\" }]\n",
    )
}

/// A world with operations beside those of its plan.
fn with(scenario: &Arc<Scenario>, more: &[(u64, What)]) -> World {
    let mut ops = plan(scenario, 0, 1);
    ops.extend(more.iter().map(|(at_ms, what)| Op { at_ms: *at_ms, what: what.clone() }));
    World::new(scenario.clone(), 0, 1, ops)
}

fn end(world: &mut World, scenario: &Scenario) -> EvaluationCounts {
    world.run(World::length_ms(scenario));
    world.finish();
    assert_eq!(world.violation.as_ref().map(ToString::to_string), None);
    world.counts.evaluations.clone()
}

/// The epochs of a node's keys, and whether each is in use.
fn epochs(world: &World, node: usize) -> Vec<(u16, bool)> {
    let charter = world.nodes[node].disk.chain.current();
    charter.token_keys.iter().map(|key| (key.epoch, key.is_active())).collect()
}

#[test]
fn a_key_passes_into_the_next_epoch_by_a_ceremony_of_its_holders() {
    let scenario = rotating();
    let mut world = with(&scenario, &[]);
    world.run(HOUR_MS + HOUR_MS / 2);
    assert_eq!(epochs(&world, 7), [(1, true), (2, true)]);
    // What stood under the old key stands under both.
    let today = EPOCH.day();
    let node = &world.nodes[7];
    let both = (0..7).flat_map(|of| node.disk.own(number_of(of))).filter(|(place, old)| {
        let newer = node.disk.standing(&write::in_epoch(place, 2), today);
        old.epoch == 1 && newer.is_some_and(|newer| newer.expires == old.expires)
    });
    assert!(both.count() > 10);
    let counts = end(&mut world, &scenario);
    assert_eq!((counts.calls, counts.rotations, counts.retired), (1, 1, 1), "{counts:?}");
    assert_eq!((counts.evaluated, counts.unavailable), (counts.asked, 0), "{counts:?}");
    let newest = world.chain.current().token_key(CLASS).unwrap().id();
    for holder in &world.holding.as_ref().unwrap().holders {
        assert_eq!(holder.shares.keys().collect::<Vec<_>>(), [&newest], "the share of the retired key is erased");
    }
    for (at, node) in world.honest() {
        assert_eq!(epochs(&world, at as usize), [(1, false), (2, true)], "node {at}");
        let board = node.replica.as_ref().unwrap().board();
        assert_eq!(board.deletions().count(), 5, "node {at} knows that all holders erased it");
    }
}

#[test]
fn a_ceremony_that_a_holder_misses_is_called_again() {
    let scenario = rotating();
    let away = [(HOUR_MS - 60_000, What::Leave { node: 2 }), (HOUR_MS + 50 * 60_000, What::Return { node: 2 })];
    let counts = end(&mut with(&scenario, &away), &scenario);
    assert_eq!((counts.calls, counts.rotations, counts.retired), (2, 1, 1), "{counts:?}");
}

#[test]
fn a_key_is_retired_when_the_last_publisher_has_carried_its_listings_over() {
    let scenario = rotating();
    let listing = What::Publish { node: 6, entries: 5, relief: crate::random::Millionths(0), salt: 7 };
    let away =
        [(60_000, listing), (HOUR_MS - 60_000, What::Leave { node: 6 }), (4 * HOUR_MS, What::Return { node: 6 })];
    let mut world = with(&scenario, &away);
    world.run(4 * HOUR_MS);
    assert_eq!(epochs(&world, 7), [(1, true), (2, true)]);
    assert_eq!(epochs(&world, 6), [(1, true)], "it was away and has the charter of before");
    assert_eq!(end(&mut world, &scenario).retired, 1);
    assert_eq!(epochs(&world, 6), [(1, false), (2, true)]);
}

#[test]
fn an_evaluation_under_a_key_that_the_asker_does_not_know_is_found() {
    let scenario = rotating();
    let mut world = with(&scenario, &[]);
    world.run(60_000);
    let (before, old) = (world.chain.current_id(), world.chain.current().token_key(CLASS).unwrap().id());
    world.look_at_evaluation(1, (before, old));
    assert_eq!(world.violation, None);
    world.run(HOUR_MS + HOUR_MS / 2);
    let new = world.chain.current().token_key(CLASS).unwrap().id();
    world.look_at_evaluation(1, (before, new));
    let found = world.violation.unwrap();
    assert_eq!(
        (found.invariant, found.found.contains("the asker's")),
        (crate::invariant::Invariant::NothingForged, true)
    );
}
