//! The report of a run: one HTML page that needs nothing from anywhere, with plots as inline SVG, in Chinese and English.

mod plot;
mod sections;
mod style;
#[cfg(test)]
mod tests;

use std::{collections::BTreeMap, fmt::Write};

use crate::{
    lang::{Both, Lang},
    run::{Outcome, quantile},
    scenario::Scenario,
    world::{Counts, World},
};
use plot::{Axis, Line, Plot};
pub use sections::{calibration, privacy};

/// A section that comes from elsewhere, like calibration or privacy.
#[derive(Clone, Debug)]
pub struct Section {
    /// What it is called.
    pub title: Both,
    /// What it says, as text.
    pub says: Both,
    /// A plot as SVG; empty if there is none.
    pub plot: String,
    /// A table: the first row heads it.
    pub rows: Vec<Vec<String>>,
}

/// A page of sections alone.
pub fn sections_page(title: &Both, sections: &[Section]) -> String {
    let mut html = String::new();
    begin(&mut html, &escape(&title.zh), &escape(&title.en), "");
    for section in sections {
        write_section(&mut html, section);
    }
    html.push_str("</main>\n</body>\n</html>\n");
    html
}

fn begin(html: &mut String, zh: &str, en: &str, more: &str) {
    let _ = write!(
        html,
        "<!doctype html>\n<html lang=\"zh-CN\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{zh} · {en}{more}</title>\n<style>{}</style>\n</head>\n<body>\n<main>\n\
         <h1>{zh} <small lang=\"en\">{en}</small></h1>\n",
        style::SHEET
    );
}

fn write_section(html: &mut String, section: &Section) {
    heading(html, &section.title.zh, &section.title.en);
    let _ = writeln!(html, "<p>{}</p>\n<p lang=\"en\">{}</p>", escape(&section.says.zh), escape(&section.says.en));
    html.push_str(&section.plot);
    if let Some((head, rows)) = section.rows.split_first() {
        table(html, head, rows);
    }
}

/// The page.
pub fn page(scenario: &Scenario, seed: u64, outcome: &Outcome) -> String {
    let mut html = String::new();
    let (zh, en) = (escape(&scenario.name_zh), escape(&scenario.name_en));
    begin(&mut html, &zh, &en, &format!(" · {seed}"));
    verdict(&mut html, seed, outcome);
    figures(&mut html, scenario, outcome);
    spread(&mut html, outcome);
    missing(&mut html, outcome);
    bandwidth(&mut html, scenario, outcome);
    happened(&mut html, outcome);
    refusals(&mut html, outcome);
    weather(&mut html, scenario);
    heading(&mut html, "场景全文", "The whole scenario");
    let _ = writeln!(html, "<pre>{}</pre>\n</main>\n</body>\n</html>", escape(&scenario.to_text()));
    html
}

fn verdict(html: &mut String, seed: u64, outcome: &Outcome) {
    let digest = outcome.digest.iter().fold(String::new(), |text, byte| text + &format!("{byte:02x}"));
    let (class, zh, en) = match &outcome.violation {
        None => ("held", "所有不变量成立".to_owned(), "Every invariant held".to_owned()),
        Some(violation) => (
            "broken",
            format!("不变量被破坏：{}", escape(&violation.say(Lang::Zh))),
            format!("Broken: {}", escape(&violation.say(Lang::En))),
        ),
    };
    let _ = writeln!(
        html,
        "<p class=\"verdict {class}\"><strong>{zh}</strong><br><span lang=\"en\">{en}</span></p>\n\
         <p class=\"run\">种子 seed <code>{seed}</code> · 摘要 digest <code>{digest}</code></p>"
    );
}

fn figures(html: &mut String, scenario: &Scenario, outcome: &Outcome) {
    let total = |of: fn(&Counts) -> u64| outcome.counts.iter().map(of).sum::<u64>();
    let agreed = outcome.counts.iter().map(|counts| counts.agreed_after_ms).try_fold(0, |most, ms| Some(ms?.max(most)));
    let federation = &scenario.federation;
    let figures = [
        ("节点", "nodes", grouped(u64::from(federation.nodes))),
        ("联盟", "alliances", grouped(u64::from(federation.alliances))),
        ("时长", "duration", scenario.duration.to_string()),
        ("批次", "batches", grouped(total(|counts| counts.published))),
        ("条目", "entries", grouped(total(|counts| counts.entries))),
        ("核对的查询", "checks against the truth", grouped(total(|counts| counts.checks))),
        ("事件", "events", grouped(outcome.events)),
        ("故障停止后达成一致", "agreement after the faults", agreed.map_or("–".to_owned(), millis)),
    ];
    html.push_str("<dl class=\"figures\">\n");
    for (zh, en, value) in figures {
        let _ = writeln!(html, "<div><dt>{zh} <span lang=\"en\">{en}</span></dt><dd>{value}</dd></div>");
    }
    html.push_str("</dl>\n");
}

/// The spread of batches, and of those that clear, dispute or rule.
fn spread(html: &mut String, outcome: &Outcome) {
    heading(html, "批次传播", "How batches spread");
    note(
        html,
        "从批次制成到参与的诚实节点提交的时间。解除类批次含移出、异议或裁定。时间轴为对数。",
        "From the making of a batch to its commit at an honest node that was in contact. Relief: batches that clear, dispute or rule. \
         The time axis is logarithmic.",
    );
    let sorted = |of: fn(&Counts) -> &Vec<u32>| {
        let mut all: Vec<u32> = outcome.counts.iter().flat_map(|counts| of(counts).iter().copied()).collect();
        all.sort_unstable();
        all
    };
    let (all, relief) = (sorted(|counts| &counts.spread_ms), sorted(|counts| &counts.relief_ms));
    if all.is_empty() {
        return note(html, "没有批次到达其他节点。", "No batch came to another node.");
    }
    let curve = |values: &[u32]| -> Vec<(f64, f64)> {
        // So many points show all that a page can.
        let at = |part: usize| quantile(values, part * 5).map(|ms| (f64::from(ms.max(1)), part as f64 / 2.0));
        (0..=200).filter_map(at).collect()
    };
    let plot = Plot {
        x: Axis { zh: "时间", en: "time", is_log: true, show: |ms| millis(ms as u64) },
        y: Axis { zh: "已提交", en: "committed", is_log: false, show: |percent| format!("{percent:.0}%") },
        lines: vec![
            Line { zh: "全部", en: "all", points: curve(&all) },
            Line { zh: "解除类", en: "relief", points: curve(&relief) },
        ],
    };
    html.push_str(&plot.svg());
    let head = ["", "n", "p50", "p90", "p99", "最长 longest"].map(str::to_owned);
    let row = |name: &str, values: &[u32]| {
        let at = |thousandths| quantile(values, thousandths).map_or("–".to_owned(), |ms| millis(u64::from(ms)));
        vec![name.to_owned(), grouped(values.len() as u64), at(500), at(900), at(990), at(1000)]
    };
    table(html, &head, &[row("全部 all", &all), row("解除类 relief", &relief)]);
}

/// What honest nodes lacked, over time.
fn missing(html: &mut String, outcome: &Outcome) {
    heading(html, "缺失的批次", "Missing batches");
    note(
        html,
        "已向发布方确认、而参与的诚实节点尚缺的批次，各节点合计；以及参与的节点数。",
        "Batches that were acknowledged to their publishers and that honest nodes which take part lack, summed over these nodes; and \
         how many nodes take part.",
    );
    let total = |of: fn(&crate::world::Sample) -> u64| -> Vec<(f64, f64)> {
        over_time(outcome, of).into_iter().map(|(at, value)| (at as f64, value as f64)).collect()
    };
    for (zh, en, points) in [
        ("缺失批次", "missing", total(|sample| sample.missing)),
        ("参与节点", "nodes", total(|sample| u64::from(sample.online))),
    ] {
        let plot = Plot {
            x: Axis { zh: "虚拟时间", en: "virtual time", is_log: false, show: |ms| clock(ms as u64) },
            y: Axis { zh, en, is_log: false, show: |count| grouped(count as u64) },
            lines: vec![Line { zh, en, points }],
        };
        html.push_str(&plot.svg());
    }
}

/// A value of each moment, summed over the alliances. All of them are sampled at the same moments.
fn over_time(outcome: &Outcome, of: fn(&crate::world::Sample) -> u64) -> BTreeMap<u64, u64> {
    let mut sums = BTreeMap::new();
    for sample in outcome.counts.iter().flat_map(|counts| &counts.samples) {
        *sums.entry(sample.at_ms).or_default() += of(sample);
    }
    sums
}

fn bandwidth(html: &mut String, scenario: &Scenario, outcome: &Outcome) {
    heading(html, "每个节点发送的流量", "What each node sends");
    let nodes = u64::from(scenario.federation.nodes).max(1);
    let length_ms = World::length_ms(scenario).max(1);
    let mean = outcome.bytes * 8 * 1000 / nodes / length_ms;
    note(
        html,
        &format!("平均每个节点 {}，线路为 {}。", bits(mean), scenario.network.bandwidth),
        &format!("On average {} a node, over lines of {}.", bits(mean), scenario.network.bandwidth),
    );
    let sums: Vec<(u64, u64)> = over_time(outcome, |sample| sample.bytes).into_iter().collect();
    let rate = |pair: &[(u64, u64)]| {
        let (ms, bytes) = (pair[1].0 - pair[0].0, pair[1].1.saturating_sub(pair[0].1));
        (pair[1].0 as f64, (bytes * 8_000 / nodes / ms.max(1)) as f64)
    };
    let plot = Plot {
        x: Axis { zh: "虚拟时间", en: "virtual time", is_log: false, show: |ms| clock(ms as u64) },
        y: Axis { zh: "每节点", en: "a node", is_log: false, show: |rate| bits(rate as u64) },
        lines: vec![Line { zh: "发送", en: "sent", points: sums.windows(2).map(rate).collect() }],
    };
    html.push_str(&plot.svg());
}

/// What faults came to, what the stewards decided, and what came of the keys.
fn happened(html: &mut String, outcome: &Outcome) {
    let total = |of: fn(&Counts) -> u64| outcome.counts.iter().map(of).sum::<u64>();
    let counts = [
        ("残缺或丢失的写入 writes torn or lost", total(|counts| counts.torn)),
        ("丢失数据的节点 nodes that lost their documents", total(|counts| counts.lost)),
        ("秘书处对名单源的裁定 decisions about feeds", total(|counts| counts.cuts)),
        ("恢复更新的名单源（各节点合计） feeds that go on, counted at each node", total(|counts| counts.thawed)),
        ("见证方的联署 heads that witnesses told", total(|counts| counts.cosigned)),
        ("求值请求 requests for evaluation", total(|counts| counts.evaluations.asked)),
        ("其中得到令牌 of them answered", total(|counts| counts.evaluations.evaluated)),
        ("持有方不足 too few holders", total(|counts| counts.evaluations.unavailable)),
        ("配额用尽 quota used up", total(|counts| counts.evaluations.exhausted)),
        ("密钥仪式 ceremonies", total(|counts| counts.evaluations.calls)),
        ("新密钥 new keys", total(|counts| counts.evaluations.rotations)),
        ("停用的密钥 keys retired", total(|counts| counts.evaluations.retired)),
        ("转录到新密钥的条目 listings carried over", total(|counts| counts.evaluations.carried)),
    ];
    let counts = counts.into_iter().filter(|(_, count)| *count > 0);
    let rows: Vec<Vec<String>> = counts.map(|(name, count)| vec![name.to_owned(), grouped(count)]).collect();
    if !rows.is_empty() {
        heading(html, "运行中发生的事", "What happened");
        table(html, &["种类 kind".to_owned(), "次数 times".to_owned()], &rows);
    }
}

fn refusals(html: &mut String, outcome: &Outcome) {
    heading(html, "拒收与违规", "Refusals and offences");
    let (mut rules, mut offences, mut frozen) = (BTreeMap::<&str, u64>::new(), BTreeMap::<&str, u64>::new(), 0);
    for counts in &outcome.counts {
        counts.refused.iter().for_each(|(rule, count)| *rules.entry(rule).or_default() += count);
        counts.offences.iter().for_each(|(offence, count)| *offences.entry(offence.name()).or_default() += count);
        frozen += counts.frozen;
    }
    note(
        html,
        &format!("因矛盾而冻结的名单源（各节点合计）：{frozen}。"),
        &format!("Feeds frozen for a contradiction, counted at each node: {frozen}."),
    );
    let rows = |of: BTreeMap<&str, u64>| -> Vec<Vec<String>> {
        of.into_iter().map(|(name, count)| vec![name.to_owned(), grouped(count)]).collect()
    };
    for (head, rows) in [("规则 rule", rows(rules)), ("违规 offence", rows(offences))] {
        let rows = if rows.is_empty() { vec![vec!["–".to_owned(), "0".to_owned()]] } else { rows };
        table(html, &[head.to_owned(), "次数 times".to_owned()], &rows);
    }
}

/// Faults and dishonest members of the scenario.
fn weather(html: &mut String, scenario: &Scenario) {
    heading(html, "故障与作恶成员", "Faults and dishonest members");
    let (network, faults, bad) = (&scenario.network, &scenario.faults, &scenario.adversaries);
    let shares = [
        ("消息丢失 loss", network.loss.to_string()),
        ("消息重复 duplication", network.duplication.to_string()),
        ("消息乱序 reordering", network.reordering.to_string()),
        ("不可拨入 firewalled", network.firewalled.to_string()),
        ("写入残缺 torn writes", faults.torn_writes.to_string()),
        ("慢磁盘 slow disks", faults.slow_disks.to_string()),
        ("时钟偏差 clock skew", faults.clock_skew.to_string()),
    ];
    let counts = [
        ("崩溃/时 crashes an hour", faults.crashes_per_hour),
        ("磁盘写满/时 full disks an hour", faults.full_disks_per_hour),
        ("断线/时 flaps an hour", faults.flaps_per_hour),
        ("数据丢失/时 lost documents an hour", faults.lost_documents_per_hour),
        ("时钟跳变/时 clock jumps an hour", faults.clock_jumps_per_hour),
        ("离线/时 leaves an hour", faults.churn_per_hour),
        ("裁定/时 cuts an hour", faults.cuts_per_hour),
        ("密钥吊销/时 revocations an hour", faults.revocations_per_hour),
        ("解冻/时 thaws an hour", faults.thaws_per_hour),
        ("网络分区 partitions", faults.partitions.len() as u32),
        ("观察员离线 observer away", u32::from(faults.observer_away.is_some())),
        ("双重签署 equivocators", bad.equivocators),
        ("扣留内容 withholders", bad.withholders),
        ("重放 replayers", bad.replayers),
        ("伪造 forgers", bad.forgers),
        ("女巫申请 sybils", bad.sybils),
        ("已除名 expelled", bad.expelled),
        ("洪泛 flooders", bad.flooders),
        ("说谎的密钥持有方 lying holders", bad.lying_holders),
        ("诬告 accusers", bad.accusers),
        ("滞后 laggards", bad.laggards),
        ("残缺内容 strippers", bad.strippers),
        ("共谋 colluding pairs", bad.colluding_pairs),
    ];
    let shown = shares.into_iter().filter(|(_, share)| share != "0%" && share != "0s");
    let counted = counts.into_iter().filter(|(_, count)| *count > 0).map(|(name, count)| (name, count.to_string()));
    let rows: Vec<Vec<String>> = shown.chain(counted).map(|(name, value)| vec![name.to_owned(), value]).collect();
    match rows.is_empty() {
        true => note(html, "无。", "None."),
        false => table(html, &["种类 kind".to_owned(), "数值 value".to_owned()], &rows),
    }
}

fn heading(html: &mut String, zh: &str, en: &str) {
    let _ = writeln!(html, "<h2>{} <small lang=\"en\">{}</small></h2>", escape(zh), escape(en));
}

fn note(html: &mut String, zh: &str, en: &str) {
    let _ = writeln!(html, "<p class=\"note\">{}<br><span lang=\"en\">{}</span></p>", escape(zh), escape(en));
}

fn table(html: &mut String, head: &[String], rows: &[Vec<String>]) {
    html.push_str("<div class=\"table\"><table>\n<thead><tr>");
    for cell in head {
        let _ = write!(html, "<th>{}</th>", escape(cell));
    }
    html.push_str("</tr></thead>\n<tbody>\n");
    for row in rows {
        html.push_str("<tr>");
        for cell in row {
            let _ = write!(html, "<td>{}</td>", escape(cell));
        }
        html.push_str("</tr>\n");
    }
    html.push_str("</tbody>\n</table></div>\n");
}

/// Text that is not taken for markup.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

/// `12,345`.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let cut = |(at, digit): (usize, char)| {
        let is_group = at > 0 && (digits.len() - at).is_multiple_of(3);
        is_group.then_some(',').into_iter().chain([digit]).collect::<Vec<char>>()
    };
    digits.chars().enumerate().flat_map(cut).collect()
}

/// `850 ms`, `12.5 s`, `3.0 min`, `2.0 h`.
fn millis(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1000, ms % 1000 / 100),
        60_000..3_600_000 => format!("{}.{} min", ms / 60_000, ms % 60_000 / 6_000),
        _ => format!("{}.{} h", ms / 3_600_000, ms % 3_600_000 / 360_000),
    }
}

/// `1d 02:30`.
fn clock(ms: u64) -> String {
    let (days, hours, minutes) = (ms / 86_400_000, ms / 3_600_000 % 24, ms / 60_000 % 60);
    if days > 0 { format!("{days}d {hours:02}:{minutes:02}") } else { format!("{hours:02}:{minutes:02}") }
}

/// `1.2 Mbit/s`.
fn bits(rate: u64) -> String {
    match rate {
        0..1_000 => format!("{rate} bit/s"),
        1_000..1_000_000 => format!("{}.{} kbit/s", rate / 1_000, rate % 1_000 / 100),
        _ => format!("{}.{} Mbit/s", rate / 1_000_000, rate % 1_000_000 / 100_000),
    }
}
