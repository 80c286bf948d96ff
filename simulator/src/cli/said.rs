//! How a result is said, for people and for programs.

use antibrush_simulator::{
    lang::Lang,
    run::{Outcome, quantile},
    scenario::Scenario,
    world::holding::EvaluationCounts,
};

use super::broken::Broken;

/// Sorted, of all alliances.
fn sorted(outcome: &Outcome, of: impl Fn(&antibrush_simulator::world::Counts) -> &Vec<u32>) -> Vec<u32> {
    let mut all: Vec<u32> = outcome.counts.iter().flat_map(|counts| of(counts).iter().copied()).collect();
    all.sort_unstable();
    all
}

/// The lines that `run` prints.
pub fn lines(lang: Lang, scenario: &Scenario, seed: u64, outcome: &Outcome) -> String {
    let spread = sorted(outcome, |counts| &counts.spread_ms);
    let relief = sorted(outcome, |counts| &counts.relief_ms);
    let three = |values: &[u32]| {
        let at = |thousandths| quantile(values, thousandths).map_or("–".to_owned(), |ms| format!("{ms} ms"));
        (at(500), at(900), at(990))
    };
    let total = |of: fn(&antibrush_simulator::world::Counts) -> u64| outcome.counts.iter().map(of).sum::<u64>();
    let (batches, checks) = (total(|counts| counts.published), total(|counts| counts.checks));
    let (s50, s90, s99) = three(&spread);
    let (r50, r90, r99) = three(&relief);
    // Of an alliance that never agreed there is nothing to say.
    let mut agreed = outcome.counts.iter().map(|counts| counts.agreed_after_ms);
    let agreed: Option<u64> = agreed.try_fold(0, |most, ms| Some(ms?.max(most)));
    let agreed = match (lang, agreed.map(|ms| ms / 1000)) {
        (Lang::En, Some(seconds)) => format!("{seconds} s after the faults stopped"),
        (Lang::En, None) => "none after the faults stopped".to_owned(),
        (Lang::Zh, Some(seconds)) => format!("故障停止后 {seconds} 秒"),
        (Lang::Zh, None) => "故障停止后未达成".to_owned(),
    };
    let (events, seconds) = (outcome.events, outcome.took.as_secs_f64());
    let digest = hex::encode(outcome.digest);
    let held = outcome.violation.is_none();
    let name = lang.pick(&scenario.name_en, &scenario.name_zh);
    match lang {
        Lang::En => format!(
            "{name}, seed {seed}: {}\n\
             batches      {batches}, {checks} checks held against the truth\n\
             spread       p50 {s50}, p90 {s90}, p99 {s99}\n\
             relief       p50 {r50}, p90 {r90}, p99 {r99}\n\
             agreement    {agreed}\n\
             events       {events} in {seconds:.1} s\n\
             digest       {digest}",
            if held { "every invariant held" } else { "an invariant broke" }
        ),
        Lang::Zh => format!(
            "{name}，种子 {seed}：{}\n\
             批次     {batches}；与事实核对的查询 {checks} 次\n\
             传播     p50 {s50}，p90 {s90}，p99 {s99}\n\
             解除     p50 {r50}，p90 {r90}，p99 {r99}\n\
             一致     {agreed}\n\
             事件     {events}，用时 {seconds:.1} 秒\n\
             摘要     {digest}",
            if held { "所有不变量成立" } else { "有不变量被破坏" }
        ),
    }
}

/// The same for programs.
pub fn json(scenario: &Scenario, seed: u64, outcome: &Outcome, broken: Option<&Broken>) -> serde_json::Value {
    let quantiles = |values: Vec<u32>| {
        serde_json::json!({
            "count": values.len(),
            "p50": quantile(&values, 500),
            "p90": quantile(&values, 900),
            "p99": quantile(&values, 990),
        })
    };
    let mut refused = std::collections::BTreeMap::<&str, u64>::new();
    let mut offences = std::collections::BTreeMap::<&str, u64>::new();
    for counts in &outcome.counts {
        for (rule, count) in &counts.refused {
            *refused.entry(rule).or_default() += count;
        }
        for (offence, count) in &counts.offences {
            *offences.entry(offence.name()).or_default() += count;
        }
    }
    let agreed: Vec<Option<u64>> = outcome.counts.iter().map(|counts| counts.agreed_after_ms).collect();
    let violation = outcome.violation.as_ref().map(|violation| {
        serde_json::json!({
            "invariant": violation.invariant.name(),
            "alliance": violation.alliance,
            "node": violation.node,
            "at_ms": violation.at_ms,
            "found": violation.found,
        })
    });
    serde_json::json!({
        "scenario": scenario.name_en,
        "seed": seed,
        "digest": hex::encode(outcome.digest),
        "events": outcome.events,
        "bytes": outcome.bytes,
        "took_ms": outcome.took.as_millis() as u64,
        "published": outcome.counts.iter().map(|counts| counts.published).sum::<u64>(),
        "entries": outcome.counts.iter().map(|counts| counts.entries).sum::<u64>(),
        "checks": outcome.counts.iter().map(|counts| counts.checks).sum::<u64>(),
        "torn_writes": outcome.counts.iter().map(|counts| counts.torn).sum::<u64>(),
        "lost_documents": outcome.counts.iter().map(|counts| counts.lost).sum::<u64>(),
        "cuts": outcome.counts.iter().map(|counts| counts.cuts).sum::<u64>(),
        "thawed": outcome.counts.iter().map(|counts| counts.thawed).sum::<u64>(),
        "cosigned": outcome.counts.iter().map(|counts| counts.cosigned).sum::<u64>(),
        "keys": outcome.counts.iter().map(|counts| keys(&counts.evaluations)).collect::<Vec<_>>(),
        "spread_ms": quantiles(sorted(outcome, |counts| &counts.spread_ms)),
        "relief_ms": quantiles(sorted(outcome, |counts| &counts.relief_ms)),
        "agreed_after_ms": agreed,
        "refused": refused,
        "offences": offences,
        "violation": violation,
        "operations": broken.map(|broken| broken.case.ops.iter().map(ToString::to_string).collect::<Vec<_>>()),
        "replay": broken.map(|broken| broken.path.display().to_string()),
    })
}

/// What came of evaluations and key epochs in one alliance.
fn keys(counts: &EvaluationCounts) -> serde_json::Value {
    serde_json::json!({
        "asked": counts.asked,
        "evaluated": counts.evaluated,
        "unavailable": counts.unavailable,
        "exhausted": counts.exhausted,
        "ceremonies": counts.calls,
        "rotations": counts.rotations,
        "retired": counts.retired,
        "carried": counts.carried,
    })
}
