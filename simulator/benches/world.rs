//! The simulator's speed: a day of 17 nodes with every fault, and an hour of 2,000 nodes in 30 alliances with a batch a minute in
//! each. Beside each, from the same run, the limit: each header decoded by each of its nodes, and verified once, as a world remembers
//! what verified.
//!
//! `cargo bench -p antibrush-simulator --bench world [-- national|federation]`. The median of three runs of the first, one of the second.

#![allow(clippy::unwrap_used, reason = "a bench: a failure is a bug there")]
#![allow(missing_docs, reason = "a bench has no users")]

use std::{
    hint::black_box,
    sync::Arc,
    time::{Duration, Instant},
};

use antibrush_protocol::{
    base::{MemberNumber, Timestamp},
    feed::{
        BatchHeader,
        build::{Body, Place},
    },
    merkle::Frontier,
    signed::{self, Signed},
};
use antibrush_simulator::{
    run::{self, Outcome},
    scenario::Scenario,
    world::alliance::{EPOCH, Key},
};

fn main() {
    let only = std::env::args().skip(1).find(|word| !word.starts_with('-'));
    let wanted = |name: &str| only.as_deref().is_none_or(|only| only == name);
    let (verifying, decoding) = (decoding(), signed::remembering(1, decoding));
    println!(
        "one signed header is decoded in {:.1} µs, and verified too in {:.1} µs",
        micros(decoding),
        micros(verifying)
    );
    let limit = |headers: u64, nodes: u32| decoding * headers as u32 + verifying * (headers / u64::from(nodes)) as u32;
    if wanted("national") {
        let scenario = parsed(include_str!("../scenarios/national.toml"));
        let mut runs: Vec<Run> = (1..=3).map(|seed| measured(&scenario, seed)).collect();
        runs.sort_by(|a, b| a.cores.total_cmp(&b.cores));
        report("17 nodes, 1 day, every fault", &runs[1], |headers| limit(headers, 17));
    }
    if wanted("federation") {
        let scenario = parsed(include_str!("../scenarios/federation.toml"));
        let run = measured(&scenario, 1);
        report("2,000 nodes in 30 alliances, 1 hour", &run, |headers| limit(headers, 2_000 / 30));
    }
}

/// A run, and the seconds of processor time that it took: what others do on the same cores meanwhile does not count.
struct Run {
    outcome: Outcome,
    cores: f64,
}

fn measured(scenario: &Arc<Scenario>, seed: u64) -> Run {
    let before = processor_seconds();
    let outcome = run::run(scenario, seed, &|_| ());
    Run { outcome, cores: processor_seconds() - before }
}

fn parsed(text: &str) -> Arc<Scenario> {
    Arc::new(toml::from_str(text).unwrap())
}

fn micros(time: Duration) -> f64 {
    time.as_secs_f64() * 1e6
}

fn report(name: &str, Run { outcome, cores }: &Run, limit: impl Fn(u64) -> Duration) {
    assert!(outcome.violation.is_none(), "{:?}", outcome.violation);
    let headers: u64 = outcome.counts.iter().map(|counts| counts.committed).sum();
    let limit = limit(headers).as_secs_f64();
    let wall = outcome.took.as_secs_f64();
    println!("{name}: {wall:.2} s by the clock, {cores:.2} s of cores, {:.0} MiB at the most", most_memory_mib());
    println!("    {} events, {:.0} a second of one core", outcome.events, outcome.events as f64 / cores);
    println!("    limit: {headers} headers decoded, each verified once: {limit:.2} s of one core");
}

/// What decoding one header takes, and verifying it if it is not remembered: the median of a thousand.
fn decoding() -> Duration {
    let key = Key::new(0, "feed", 0);
    let place = Place {
        alliance: [1; 32],
        charter: [2; 32],
        publisher: MemberNumber(1),
        log: None,
        previous: None,
        now: Timestamp(EPOCH.0),
    };
    let (header, _) = Body::new(place.publisher, 0).seal(&place, Frontier::new(), &key).unwrap();
    let envelope = header.envelope().clone();
    let mut times: Vec<Duration> = (0..1_000)
        .map(|_| {
            let began = Instant::now();
            black_box(Signed::<BatchHeader>::decode(black_box(&envelope)).unwrap());
            began.elapsed()
        })
        .collect();
    times.sort_unstable();
    times[500]
}

/// The processor time of this process, in seconds: utime and stime of proc(5), in hundredths.
fn processor_seconds() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap();
    let fields = stat.rsplit(')').next().unwrap_or_default().split_whitespace();
    fields.skip(11).take(2).map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// The most memory that this process had, in MiB: VmHWM of proc(5).
fn most_memory_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    line.split_whitespace().next().and_then(|kib| kib.parse::<f64>().ok()).unwrap_or_default() / 1024.0
}
