//! Runs a scenario under the seeds from 1 on until an invariant does not hold:
//! `cargo run --release -p antibrush-simulator --example seeds -- FILE SEEDS`.
//!
//! Prints `held SEEDS SECONDS` and ends with 0, or `broken SEED SECONDS INVARIANT WHAT` and ends with 1. `planted/run` uses it.

use std::{process::ExitCode, sync::Arc, time::Instant};

use antibrush_simulator::{run, scenario};

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [path, seeds] = args.as_slice() else {
        eprintln!("usage: seeds FILE SEEDS");
        return ExitCode::FAILURE;
    };
    let text = std::fs::read_to_string(path).unwrap_or_default();
    let (scenario, seeds) = match (scenario::parse(&text, path), seeds.parse::<u64>()) {
        (Ok(scenario), Ok(seeds)) => (Arc::new(scenario), seeds),
        (Err(error), _) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
        (_, Err(error)) => {
            eprintln!("{seeds}: {error}");
            return ExitCode::FAILURE;
        }
    };
    let began = Instant::now();
    for seed in 1..=seeds {
        let outcome = run::run(&scenario, seed, &|_| ());
        if std::env::var_os("VERBOSE").is_some() {
            eprintln!(
                "{seed}: {} events in {:?}, agreed after {:?} ms, {:?} {:?}",
                outcome.events,
                outcome.took,
                outcome.counts[0].agreed_after_ms,
                outcome.counts[0].offences,
                outcome.counts[0].refused
            );
        }
        if let Some(violation) = outcome.violation {
            println!("broken {seed} {:.1} {} {violation}", began.elapsed().as_secs_f64(), violation.invariant.name());
            return ExitCode::FAILURE;
        }
    }
    println!("held {seeds} {:.1}", began.elapsed().as_secs_f64());
    ExitCode::SUCCESS
}
