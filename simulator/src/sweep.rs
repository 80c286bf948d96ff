//! One key of a scenario over a range of values, one run each, to CSV.

use std::sync::Arc;

use toml::Value;

use crate::{
    lang::Both,
    random::Millionths,
    run::{self, Outcome, quantile},
    scenario::{
        Bandwidth, Scenario, ScenarioError, Share, Span,
        schema::{self, Kind},
    },
};

/// Why there is nothing to sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SweepError {
    /// The key or one of its ends is not usable.
    Usage(Both),
    /// A value gives a scenario that does not hold.
    Scenario(ScenarioError),
}

/// The values of a sweep, as a scenario file writes them.
pub fn values(key: &str, from: &str, to: &str, steps: u32) -> Result<Vec<String>, SweepError> {
    let usage = |en: String, zh: String| SweepError::Usage(Both::new(en, zh));
    let is_quantity = |kind: &Kind| matches!(kind, Kind::Number(..) | Kind::Span | Kind::Share | Kind::Bandwidth);
    let Some(kind) = schema::kind_of(key).filter(is_quantity) else {
        let known = schema::quantities();
        let near = schema::nearest(key, known.iter().map(String::as_str));
        let (en, zh) = match near {
            Some(near) => (format!(" — did you mean {near}?"), format!("。是否想写 {near}？")),
            None => (format!("; known are {}", known.join(", ")), format!("。可用：{}", known.join("、"))),
        };
        return Err(usage(format!("{key} is no quantity of a scenario{en}"), format!("{key} 不是场景中的数量{zh}")));
    };
    if steps == 0 || steps > 10_000 {
        return Err(usage("--steps must be 1 to 10000".into(), "--steps 应为 1 至 10000".into()));
    }
    let end = |text: &str| {
        number(kind, text)
            .ok_or_else(|| usage(format!("{text} is no value of {key}"), format!("{text} 不是 {key} 的取值")))
    };
    let (from, to) = (end(from)?, end(to)?);
    // A single step is the beginning alone.
    let last = i128::from(steps.max(2) - 1);
    let at = |step: u32| from + (to - from) * i128::from(step) / last;
    let mut values: Vec<String> = (0..steps).map(|step| written(kind, at(step))).collect();
    values.dedup();
    Ok(values)
}

/// A value as a whole number of the smallest unit.
fn number(kind: Kind, text: &str) -> Option<i128> {
    match kind {
        Kind::Number(from, to) => text.parse().ok().filter(|n| (from..=to).contains(n)).map(i128::from),
        Kind::Span => text.parse::<Span>().ok().map(|span| i128::from(span.ms())),
        Kind::Share => text.parse::<Share>().ok().map(|share| i128::from(share.0.0)),
        Kind::Bandwidth => text.parse::<Bandwidth>().ok().map(|bandwidth| i128::from(bandwidth.kbit())),
        _ => None,
    }
}

fn written(kind: Kind, number: i128) -> String {
    let narrow = |number: i128| u64::try_from(number).unwrap_or_default();
    match kind {
        Kind::Span => Span::from_ms(narrow(number)).to_string(),
        Kind::Share => Share(Millionths(u32::try_from(number).unwrap_or_default())).to_string(),
        Kind::Bandwidth => Bandwidth::from_kbit(narrow(number).max(1)).to_string(),
        _ => number.to_string(),
    }
}

/// The scenario with another value of a key, checked like a file.
pub fn with(scenario: &Scenario, key: &str, value: &str) -> Result<Scenario, SweepError> {
    let mut table: toml::Table = toml::from_str(&scenario.to_text()).unwrap_or_default();
    let is_number = matches!(schema::kind_of(key), Some(Kind::Number(..)));
    let new = match value.parse::<i64>() {
        Ok(number) if is_number => Value::Integer(number),
        _ => Value::String(value.to_owned()),
    };
    let (tables, name) = key.rsplit_once('.').unwrap_or(("", key));
    let mut inner = &mut table;
    for part in tables.split('.').filter(|part| !part.is_empty()) {
        let entry = inner.entry(part).or_insert_with(|| Value::Table(toml::Table::new()));
        match entry {
            Value::Table(next) => inner = next,
            _ => return Err(SweepError::Usage(Both::new(format!("{part} is no table"), format!("{part} 不是表")))),
        }
    }
    inner.insert(name.to_owned(), new);
    let text = toml::to_string(&table).unwrap_or_default();
    crate::scenario::parse(&text, &format!("{key} = {value}")).map_err(SweepError::Scenario)
}

/// The first line of the CSV.
pub const HEADER: &str = "key,value,seed,events,batches,spread_p50_ms,spread_p90_ms,spread_p99_ms,relief_p50_ms,relief_p99_ms,\
    agreed_after_ms,bytes,missing_at_most,broken";

/// One line of the CSV.
pub fn line(key: &str, value: &str, seed: u64, outcome: &Outcome) -> String {
    let sorted = |of: fn(&crate::world::Counts) -> &Vec<u32>| {
        let mut all: Vec<u32> = outcome.counts.iter().flat_map(|counts| of(counts).iter().copied()).collect();
        all.sort_unstable();
        all
    };
    let (spread, relief) = (sorted(|counts| &counts.spread_ms), sorted(|counts| &counts.relief_ms));
    let at = |values: &[u32], thousandths| quantile(values, thousandths).map(|ms| ms.to_string()).unwrap_or_default();
    let batches: u64 = outcome.counts.iter().map(|counts| counts.published).sum();
    // An alliance that never agreed leaves the field empty.
    let agreed: Option<u64> =
        outcome.counts.iter().map(|counts| counts.agreed_after_ms).try_fold(0, |most, ms| Some(ms?.max(most)));
    let missing = outcome.counts.iter().flat_map(|counts| &counts.samples).map(|sample| sample.missing).max();
    let fields = [
        key.to_owned(),
        value.to_owned(),
        seed.to_string(),
        outcome.events.to_string(),
        batches.to_string(),
        at(&spread, 500),
        at(&spread, 900),
        at(&spread, 990),
        at(&relief, 500),
        at(&relief, 990),
        agreed.map(|ms| ms.to_string()).unwrap_or_default(),
        outcome.bytes.to_string(),
        missing.unwrap_or_default().to_string(),
        outcome.violation.as_ref().map(|violation| violation.invariant.name().to_owned()).unwrap_or_default(),
    ];
    fields.join(",")
}

/// Runs a scenario once for each value; `done` gets each line of the CSV as it comes. Says with which values an invariant broke.
pub fn sweep(
    scenarios: &[(String, Arc<Scenario>)],
    key: &str,
    seed: u64,
    progress: &(dyn Fn(u64) + Sync),
    done: &mut dyn FnMut(&str) -> std::io::Result<()>,
) -> std::io::Result<Vec<String>> {
    let mut broken = Vec::new();
    for (value, scenario) in scenarios {
        let outcome = run::run(scenario, seed, progress);
        done(&line(key, value, seed, &outcome))?;
        if outcome.violation.is_some() {
            broken.push(value.clone());
        }
    }
    Ok(broken)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::library;

    #[test]
    fn a_range_goes_from_its_beginning_to_its_end_in_even_steps() {
        let of = |key: &str, from: &str, to: &str, steps| values(key, from, to, steps).unwrap().join(" ");
        assert_eq!(of("network.loss", "0%", "1%", 5), "0% 0.25% 0.5% 0.75% 1%");
        assert_eq!(of("load.batch_every", "10s", "1min", 3), "10s 35s 1min");
        assert_eq!(of("network.dials", "12", "4", 3), "12 8 4");
        assert_eq!(of("network.dials", "4", "6", 9), "4 5 6");
        assert_eq!(of("network.bandwidth", "1Mbit", "2Mbit", 2), "1Mbit 2Mbit");
        assert_eq!(of("network.dials", "4", "6", 1), "4");
    }

    #[test]
    fn a_wrong_key_or_end_says_what_would_be_right() {
        let en = |key: &str, from: &str| match values(key, from, "9", 2) {
            Err(SweepError::Usage(both)) => both.en,
            other => panic!("{other:?}"),
        };
        assert_eq!(
            en("network.dails", "1"),
            "network.dails is no quantity of a scenario — did you mean network.dials?"
        );
        assert!(en("name_zh", "1").starts_with("name_zh is no quantity of a scenario"));
        assert_eq!(en("network.dials", "0"), "0 is no value of network.dials");
    }

    #[test]
    fn a_value_lands_in_its_table_and_is_checked() {
        let scenario = library::named("national").unwrap().scenario().unwrap();
        assert_eq!(with(&scenario, "network.loss", "2.5%").unwrap().network.loss.to_string(), "2.5%");
        assert_eq!(with(&scenario, "federation.nodes", "30").unwrap().federation.nodes, 30);
        assert_eq!(with(&scenario, "faults.until", "5h").unwrap().faults.until.unwrap().to_string(), "5h");
        assert!(matches!(with(&scenario, "federation.observers", "400"), Err(SweepError::Scenario(_))));
    }
}
