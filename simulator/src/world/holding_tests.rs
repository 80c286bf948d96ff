//! Evaluations over the lines of a world, with holders that crash, whose clocks jump, and that lie.

use std::sync::Arc;

use super::{World, holding::EvaluationCounts};
use crate::{plan::plan, scenario::Scenario};

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
