//! `antibrush-sim`: see simulator/README.md.

use std::{process::ExitCode, sync::Arc};

use antibrush_simulator::{run, scenario::Scenario};

fn main() -> ExitCode {
    let mut args = std::env::args().skip(1);
    let (Some(path), seed) = (args.next(), args.next().and_then(|seed| seed.parse().ok()).unwrap_or(1)) else {
        eprintln!("usage: antibrush-sim SCENARIO SEED");
        return ExitCode::FAILURE;
    };
    let text = std::fs::read_to_string(&path).unwrap_or_default();
    let scenario: Scenario = match toml::from_str(&text) {
        Ok(scenario) => scenario,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    let outcome = run::run(&Arc::new(scenario), seed, &|_| ());
    let mut spread: Vec<u32> = outcome.counts.iter().flat_map(|counts| counts.spread_ms.iter().copied()).collect();
    spread.sort_unstable();
    let published: u64 = outcome.counts.iter().map(|counts| counts.published).sum();
    println!(
        "{} events in {:?}, {published} batches, p50 {:?} p99 {:?} ms",
        outcome.events,
        outcome.took,
        run::quantile(&spread, 500),
        run::quantile(&spread, 990)
    );
    println!("{:?}", outcome.counts[0].agreed_after_ms);
    println!("{:?} {:?}", outcome.counts[0].refused, outcome.counts[0].offences);
    match outcome.violation {
        Some(violation) => {
            println!("{violation}");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}
