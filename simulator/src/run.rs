//! A run: all alliances of a scenario under one seed.

use std::{
    any::Any,
    panic::{AssertUnwindSafe, catch_unwind},
    sync::Arc,
    time::{Duration, Instant},
};

use antibrush_protocol::signed;
use rayon::prelude::*;

use crate::{
    invariant::{Invariant, Violation},
    op::Op,
    plan,
    scenario::Scenario,
    trace,
    world::{Counts, World},
};

/// What came of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The digest of all that happened, the same wherever the same binary runs the same seed.
    pub digest: [u8; 32],
    /// Events in all.
    pub events: u64,
    /// Bytes between nodes.
    pub bytes: u64,
    /// What was counted, by alliance.
    pub counts: Vec<Counts>,
    /// The first invariant that did not hold, of the alliance with the lowest number.
    pub violation: Option<Violation>,
    /// How long it took.
    pub took: Duration,
    /// The same, each alliance's time added up: what it took of the cores.
    pub busy: Duration,
}

/// Runs a scenario. `progress` is told the virtual milliseconds that each alliance has behind it, from several threads.
pub fn run(scenario: &Arc<Scenario>, seed: u64, progress: &(dyn Fn(u64) + Sync)) -> Outcome {
    let plans = (0..scenario.federation.alliances).map(|alliance| plan::plan(scenario, alliance, seed)).collect();
    run_plans(scenario, seed, plans, progress)
}

/// Runs these operations instead of those that follow from the seed: one list for each alliance.
pub fn run_plans(scenario: &Arc<Scenario>, seed: u64, plans: Vec<Vec<Op>>, progress: &(dyn Fn(u64) + Sync)) -> Outcome {
    let began = Instant::now();
    // Alliances have nothing to do with each other: each has its own world, and their order in the digest is fixed.
    let worlds: Vec<Done> = plans
        .into_par_iter()
        .enumerate()
        .map(|(alliance, ops)| run_one(scenario.clone(), alliance as u32, seed, ops, progress))
        .collect();
    Outcome {
        digest: trace::digest_of(worlds.iter().map(|done| done.digest)),
        events: worlds.iter().map(|done| done.events).sum(),
        bytes: worlds.iter().map(|done| done.bytes).sum(),
        busy: worlds.iter().map(|done| done.took).sum(),
        violation: worlds.iter().find_map(|done| done.violation.clone()),
        counts: worlds.into_iter().map(|done| done.counts).collect(),
        took: began.elapsed(),
    }
}

/// Runs these operations in one alliance of a scenario and leaves the others out.
pub fn run_alliance(
    scenario: &Arc<Scenario>,
    alliance: u32,
    seed: u64,
    ops: Vec<Op>,
    progress: &(dyn Fn(u64) + Sync),
) -> Outcome {
    let began = Instant::now();
    let done = run_one(scenario.clone(), alliance, seed, ops, progress);
    Outcome {
        digest: done.digest,
        events: done.events,
        bytes: done.bytes,
        counts: vec![done.counts],
        violation: done.violation,
        took: began.elapsed(),
        busy: done.took,
    }
}

struct Done {
    digest: [u8; 32],
    events: u64,
    bytes: u64,
    counts: Counts,
    violation: Option<Violation>,
    took: Duration,
}

/// So many signatures each world remembers: what its nodes get within minutes of each other.
const SIGNATURES: usize = 1 << 15;

fn run_one(scenario: Arc<Scenario>, alliance: u32, seed: u64, ops: Vec<Op>, progress: &(dyn Fn(u64) + Sync)) -> Done {
    let began = Instant::now();
    let done = || signed::remembering(SIGNATURES, || in_a_world_of_its_own(scenario, alliance, seed, ops, progress));
    // While a world is made or looked over at its end.
    catch_unwind(AssertUnwindSafe(done)).unwrap_or_else(|panic| {
        let found = format!("panicked: {}", said(&*panic));
        let violation = Violation { alliance, at_ms: 0, node: None, invariant: Invariant::Sound, found };
        let counts = Counts::default();
        Done { digest: [0; 32], events: 0, bytes: 0, counts, violation: Some(violation), took: began.elapsed() }
    })
}

fn in_a_world_of_its_own(
    scenario: Arc<Scenario>,
    alliance: u32,
    seed: u64,
    ops: Vec<Op>,
    progress: &(dyn Fn(u64) + Sync),
) -> Done {
    let (began, end) = (Instant::now(), World::length_ms(&scenario));
    let mut world = World::new(scenario, alliance, seed, ops);
    let step = (end / 200).max(1);
    let mut now = 0;
    while now < end && world.violation.is_none() {
        let next = (now + step).min(end);
        // A panic is what a node would have died of: it is found like everything else, with its seed.
        let went = catch_unwind(AssertUnwindSafe(|| world.run(next)));
        if let Err(panic) = went {
            world.violated(None, Invariant::Sound, format!("panicked: {}", said(&*panic)));
        }
        progress(next - now);
        now = next;
    }
    world.finish();
    Done {
        digest: world.digest(),
        events: world.events(),
        bytes: world.bytes(),
        violation: world.violation.take(),
        counts: std::mem::take(&mut world.counts),
        took: began.elapsed(),
    }
}

/// What a panic said.
fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("without a word")
}

/// The value below which so many thousandths of the sorted values lie.
pub fn quantile(sorted: &[u32], thousandths: usize) -> Option<u32> {
    let last = sorted.len().checked_sub(1)?;
    sorted.get(last * thousandths / 1000).copied()
}
