//! Fresh seeds, one after the other, until the time is over or an invariant breaks.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use crate::{
    run::{self, Outcome},
    scenario::Scenario,
};

/// What came of a soak.
#[derive(Debug)]
pub struct Soaked {
    /// Runs that held.
    pub held: u64,
    /// Events of all runs.
    pub events: u64,
    /// The scenario's place in the list, the seed and the outcome of the run that broke.
    pub broken: Option<(usize, u64, Outcome)>,
}

/// Runs the scenarios in turn under `first_seed` and those after it, until this long has passed, so many seeds are done or one
/// breaks. `told` hears of each run before it begins, and `progress` as of [`run::run`].
pub fn soak(
    scenarios: &[Arc<Scenario>],
    first_seed: u64,
    seeds: u64,
    lasts: Duration,
    told: &mut dyn FnMut(usize, u64),
    progress: &(dyn Fn(u64) + Sync),
) -> Soaked {
    let began = Instant::now();
    let mut soaked = Soaked { held: 0, events: 0, broken: None };
    for turn in 0..seeds {
        for (at, scenario) in scenarios.iter().enumerate() {
            if began.elapsed() >= lasts {
                return soaked;
            }
            let seed = first_seed.wrapping_add(turn);
            told(at, seed);
            let outcome = run::run(scenario, seed, progress);
            soaked.events += outcome.events;
            if outcome.violation.is_some() {
                soaked.broken = Some((at, seed, outcome));
                return soaked;
            }
            soaked.held += 1;
        }
    }
    soaked
}
