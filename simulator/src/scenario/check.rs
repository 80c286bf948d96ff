//! Reads a scenario and looks whether its parts fit together.

use std::ops::Range;

use toml::{Spanned, de::DeTable, de::DeValue};

use super::{Adversaries, Scenario, ScenarioError, Span, schema};
use crate::lang::Both;

/// The smallest and the largest alliance, in nodes: a charter holds 1,000 members.
const NODES: std::ops::RangeInclusive<u32> = 2..=1000;

/// Reads the text of a scenario file. `origin` is what errors call the file.
pub fn parse(text: &str, origin: &str) -> Result<Scenario, ScenarioError> {
    let error = |span: Range<usize>, what: Both| ScenarioError::new(origin, text, span, what);
    let no_toml = |wrong: toml::de::Error| {
        let what = Both::new(
            format!("this is no TOML: {}", wrong.message()),
            format!("不是有效的 TOML（{}）", wrong.message()),
        );
        error(wrong.span().unwrap_or(0..0), what)
    };
    let root = DeTable::parse(text).map_err(no_toml)?;
    let start = 0..text.lines().next().map_or(0, str::len);
    schema::check(root.get_ref(), schema::SCENARIO, start.clone()).map_err(|(span, what)| error(span, what))?;
    let scenario: Scenario = toml::from_str(text).map_err(no_toml)?;
    let place = |path: &[&str]| span_of(root.get_ref(), path).unwrap_or(start.clone());
    match misfit(&scenario) {
        Some(Misfit { path, at, what }) => {
            let path: Vec<&str> = path.split('.').collect();
            let span = match at {
                Some(at) => span_of_part(root.get_ref(), &path, at).unwrap_or(start.clone()),
                None => place(&path),
            };
            Err(error(span, what))
        }
        None => Ok(scenario),
    }
}

/// Where the value of a path stands; if it is not there, where its table does.
fn span_of(table: &DeTable<'_>, path: &[&str]) -> Option<Range<usize>> {
    let (first, rest) = path.split_first()?;
    let value = table.get(*first)?;
    match (rest, value.get_ref()) {
        ([], _) => Some(value.span()),
        (rest, DeValue::Table(inner)) => span_of(inner, rest).or(Some(value.span())),
        _ => Some(value.span()),
    }
}

/// Where a key of one table of a list stands; the path ends with the key.
fn span_of_part(table: &DeTable<'_>, path: &[&str], at: usize) -> Option<Range<usize>> {
    let (key, lists) = path.split_last()?;
    let mut value: Option<&Spanned<DeValue<'_>>> = None;
    for name in lists {
        let inner = match value.map(Spanned::get_ref) {
            None => table,
            Some(DeValue::Table(inner)) => inner,
            Some(_) => return None,
        };
        value = inner.get(*name);
        value?;
    }
    let part = value?.get_ref().as_array()?.get(at)?;
    span_of(part.get_ref().as_table()?, &[key]).or(Some(part.span()))
}

/// What does not fit with what else the scenario says.
struct Misfit {
    /// The path of the key.
    path: &'static str,
    /// In which table, if the path goes through a list.
    at: Option<usize>,
    what: Both,
}

/// The most operations in one alliance: some 100 bytes each, all planned before the first one is carried out.
const MOST_OPERATIONS: u64 = 5_000_000;

/// About how many operations each alliance of a scenario has.
fn operations(scenario: &Scenario) -> u64 {
    let (load, faults) = (&scenario.load, &scenario.faults);
    let (ms, minutes) = (scenario.duration.ms(), scenario.duration.ms() / 60_000 + 1);
    let a_minute = u64::from(load.checks_per_minute)
        + scenario.holding.as_ref().map_or(0, |holding| u64::from(holding.evaluations_per_minute))
        // A misdeed every two minutes.
        + u64::from(scenario.adversaries.nodes());
    let an_hour = [
        faults.crashes_per_hour,
        faults.full_disks_per_hour,
        faults.lost_documents_per_hour,
        faults.flaps_per_hour,
        faults.clock_jumps_per_hour,
        faults.churn_per_hour,
        faults.cuts_per_hour,
        faults.revocations_per_hour,
        faults.thaws_per_hour,
    ];
    let an_hour: u64 = an_hour.into_iter().map(|rate| 2 * u64::from(rate)).sum();
    ms / load.batch_every.ms().max(1) + a_minute.saturating_mul(minutes) + an_hour.saturating_mul(minutes / 60 + 1)
}

fn misfit(scenario: &Scenario) -> Option<Misfit> {
    let misfit = |path, en: String, zh: String| Some(Misfit { path, at: None, what: Both::new(en, zh) });
    let federation = &scenario.federation;
    let alliances = federation.alliances;
    let (least, most) = (federation.nodes / alliances, federation.nodes.div_ceil(alliances));
    if !NODES.contains(&least) || !NODES.contains(&most) {
        return misfit(
            "federation.nodes",
            format!("nodes must give each of the {alliances} alliances 2 to 1000 nodes; these are {least}"),
            format!("nodes 应使 {alliances} 个联盟各有 2 至 1000 个节点；目前为 {least} 个"),
        );
    }
    if federation.late_joiners + 2 > least {
        return misfit(
            "federation.late_joiners",
            format!("late_joiners must leave 2 of the {least} nodes of an alliance to begin with"),
            format!("late_joiners 应在每个联盟的 {least} 个节点中至少留 2 个在开始时加入"),
        );
    }
    let begin = least - federation.late_joiners;
    if federation.observers >= begin {
        return misfit(
            "federation.observers",
            format!(
                "observers must be fewer than the {begin} nodes that an alliance begins with: somebody must publish"
            ),
            format!("observers 应少于每个联盟开始时的 {begin} 个节点：须有成员发布"),
        );
    }
    if federation.witnesses > least {
        return misfit(
            "federation.witnesses",
            format!("witnesses must be at most the {least} nodes of an alliance"),
            format!("witnesses 不应多于每个联盟的 {least} 个节点"),
        );
    }
    if scenario.duration.ms() < 1000 {
        return misfit("duration", "duration must be 1s at least".into(), "duration 至少为 1s".into());
    }
    if scenario.load.batch_every.ms() < 1000 {
        return misfit("load.batch_every", "batch_every must be 1s at least".into(), "batch_every 至少为 1s".into());
    }
    let skew = scenario.faults.clock_skew.ms();
    if !skew.is_multiple_of(1000) || skew > 3_600_000 {
        return misfit(
            "faults.clock_skew",
            "clock_skew must be whole seconds, 1h at the most: clocks show seconds".into(),
            "clock_skew 应为整秒，至多 1h：时钟以秒计".into(),
        );
    }
    let ops = operations(scenario);
    if ops > MOST_OPERATIONS {
        return misfit(
            "duration",
            format!(
                "duration and rates make {ops} operations in each alliance; {MOST_OPERATIONS} at the most: shorten it or lower batch_every, checks_per_minute and the rates"
            ),
            format!("duration 与各频率使每个联盟有 {ops} 个操作，至多 {MOST_OPERATIONS} 个：请缩短时长或降低频率"),
        );
    }
    in_time(scenario)
        .or_else(|| holding(scenario, begin - federation.observers))
        .or_else(|| dishonest(&scenario.adversaries, begin))
}

/// Whether a key can be shared as it says, among so many members.
fn holding(scenario: &Scenario, able: u32) -> Option<Misfit> {
    let misfit = |path, what| Some(Misfit { path, at: None, what });
    let lying = scenario.adversaries.lying_holders;
    let Some(holding) = &scenario.holding else {
        let what = Both::new(
            "lying_holders needs key holders: set [holding]",
            "lying_holders 需要密钥持有方：请设置 [holding]",
        );
        return (lying > 0).then_some(Misfit { path: "adversaries.lying_holders", at: None, what });
    };
    let (holders, threshold) = (holding.holders, holding.threshold);
    if threshold > holders {
        let en = format!("threshold must be at most the {holders} holders");
        return misfit("holding.threshold", Both::new(en, format!("threshold 不应大于 {holders} 个持有方")));
    }
    if holders > able {
        let en = format!(
            "holders must be at most the {able} members that are no observers and are there from the beginning"
        );
        return misfit("holding.holders", Both::new(en, format!("holders 不应多于开始时的 {able} 个非观察员成员")));
    }
    if lying > holders - threshold {
        let most = holders - threshold;
        let en = format!("lying_holders must leave {threshold} holders that answer: {most} at the most");
        let zh = format!("lying_holders 应留下 {threshold} 个如实作答的持有方：至多 {most} 个");
        return misfit("adversaries.lying_holders", Both::new(en, zh));
    }
    None
}

/// Whether all that has a time happens while the scenario lasts.
fn in_time(scenario: &Scenario) -> Option<Misfit> {
    let (duration, faults) = (scenario.duration, &scenario.faults);
    let late = |path, at, (en, zh): (&str, &str), last| {
        let en = format!("{en} must be over by {last}, when the scenario's faults end");
        let zh = format!("{zh}应在 {last} 之前结束：此后场景不再有故障");
        Some(Misfit { path, at, what: Both::new(en, zh) })
    };
    if faults.until.is_some_and(|until| until > duration) {
        let en = format!("until must not be later than the duration, {duration}");
        return Some(Misfit {
            path: "faults.until",
            at: None,
            what: Both::new(en, format!("until 不应晚于 duration（{duration}）")),
        });
    }
    let end = scenario.faults_end();
    for (at, partition) in faults.partitions.iter().enumerate() {
        if partition.at.ms() + partition.lasts.ms() > end.ms() {
            return late("faults.partitions.at", Some(at), ("a partition", "分区"), end);
        }
        if partition.share.0.0 == 0 || partition.share.0.0 >= 1_000_000 {
            return Some(Misfit {
                path: "faults.partitions.share",
                at: Some(at),
                what: Both::new(
                    "share must be more than 0% and less than 100%: a partition has two sides",
                    "share 应大于 0% 且小于 100%：分区须有两侧",
                ),
            });
        }
    }
    if let Some(away) = &faults.observer_away {
        if scenario.federation.observers == 0 {
            return Some(Misfit {
                path: "faults.observer_away",
                at: None,
                what: Both::new(
                    "observer_away needs an observer: set observers in [federation]",
                    "observer_away 需要观察员：请在 [federation] 中设置 observers",
                ),
            });
        }
        if away.at.ms() + away.lasts.ms() > end.ms() {
            return late("faults.observer_away.at", None, ("observer_away", "observer_away "), end);
        }
    }
    let rotations = scenario.holding.as_ref().map(|holding| holding.rotations.as_slice()).unwrap_or_default();
    let mut free = Some(0);
    for (at, rotation) in rotations.iter().enumerate() {
        let last = rotation.at.ms() + rotation.retire_after.map_or(0, Span::ms);
        if last > end.ms() {
            return late("holding.rotations.at", Some(at), ("a rotation", "轮换"), end);
        }
        // CHARTER-18: a class has at most two keys in use.
        if free.is_none_or(|free| rotation.at.ms() < free) {
            return Some(Misfit {
                path: "holding.rotations.at",
                at: Some(at),
                what: Both::new(
                    "a rotation must not begin before the one before it has retired its old key: set its retire_after",
                    "轮换应在前一次轮换停用旧密钥之后开始：请设置其 retire_after",
                ),
            });
        }
        free = rotation.retire_after.map(|_| last);
    }
    for (at, burst) in scenario.load.bursts.iter().enumerate() {
        if burst.at > duration {
            return Some(Misfit {
                path: "load.bursts.at",
                at: Some(at),
                what: Both::new(
                    format!("a burst must not be later than the duration, {duration}"),
                    format!("burst 不应晚于 duration（{duration}）"),
                ),
            });
        }
    }
    None
}

/// Fewer than half of the members may be dishonest, and the steward is not.
fn dishonest(adversaries: &Adversaries, begin: u32) -> Option<Misfit> {
    let count = adversaries.nodes();
    if 2 * count < begin {
        return None;
    }
    let en = format!(
        "adversaries must be fewer than half of the {begin} nodes that an alliance begins with; these take {count}"
    );
    let zh = format!("adversaries 应少于每个联盟开始时 {begin} 个节点的一半；目前占 {count} 个");
    Some(Misfit { path: "adversaries", at: None, what: Both::new(en, zh) })
}
