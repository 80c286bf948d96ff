//! Sections that do not come from a run: the calibration of the gossip model and the economics of enumeration.

use super::{
    Section, grouped,
    plot::{Axis, Line, Plot},
};
use crate::{
    calibrate::{Calibration, Comparison, Curve, TOLERANCE_PERCENT},
    lang::Both,
    privacy::{Attacker, PrivacyReport, Row},
};

/// One section for each size, both curves side by side.
pub fn calibration(calibration: &Calibration) -> Vec<Section> {
    calibration.comparisons.iter().map(compared).collect()
}

fn compared(comparison: &Comparison) -> Section {
    let Comparison { nodes, dials, messages, deviation, model, real, .. } = comparison;
    let held = deviation.is_within(TOLERANCE_PERCENT);
    let (median, p99) = (deviation.median_percent, deviation.p99_percent);
    let busy = real.load.as_ref().and_then(|load| load.own_percent).unwrap_or_default();
    let en = format!(
        "{nodes} nodes that each dial {dials} others, {messages} messages, through the model and through real libp2p swarms over the same \
         delays. The model is {median:+.1} % off at the median and {p99:+.1} % at the 99th percentile: {} {TOLERANCE_PERCENT:.0} %. The \
         swarms took {busy:.0} % of the processors.",
        if held { "within" } else { "NOT within" }
    );
    let zh = format!(
        "{nodes} 个节点，各拨 {dials} 个，{messages} 条消息，分别经模型与真实的 libp2p 群（相同时延）。模型在中位数处偏差 {median:+.1} %，\
         在第 99 百分位处偏差 {p99:+.1} %：{}在 {TOLERANCE_PERCENT:.0} % 以内。真实群占用处理器 {busy:.0} %。",
        if held { "" } else { "未" }
    );
    let points = |curve: &Curve| {
        (0..).zip(&curve.percentiles_us).map(|(percent, us)| (*us as f64 / 1000.0, f64::from(percent))).collect()
    };
    let plot = Plot {
        x: Axis { zh: "毫秒", en: "ms", is_log: false, show: |ms| format!("{ms:.0}") },
        y: Axis { zh: "已送达", en: "delivered", is_log: false, show: |percent| format!("{percent:.0}%") },
        lines: vec![
            Line { zh: "模型", en: "model", points: points(model) },
            Line { zh: "真实", en: "real", points: points(real) },
        ],
    };
    let row = |name: &str, curve: &Curve| {
        vec![
            name.to_owned(),
            format!("{:.1} ms", curve.median_us as f64 / 1000.0),
            format!("{:.1} ms", curve.p99_us as f64 / 1000.0),
            format!("{} / {}", grouped(curve.delivered), grouped(curve.expected)),
            format!("{:.2}", curve.mean_mesh()),
        ]
    };
    let head = ["", "p50", "p99", "送达 delivered", "平均网格度 mean mesh"].map(str::to_owned).to_vec();
    Section {
        title: Both::new(format!("Calibration, {nodes} nodes"), format!("校准：{nodes} 个节点")),
        says: Both::new(en, zh),
        plot: plot.svg(),
        rows: vec![head, row("模型 model", model), row("真实 real", real)],
    }
}

/// What attackers learn under which quotas, and what they got in the small world.
pub fn privacy(report: &PrivacyReport) -> Vec<Section> {
    let PrivacyReport { holders, threshold, epoch_days, .. } = report;
    let minutes = report.keyed_minutes();
    let en = format!(
        "{holders} holders of whom {threshold} must answer, a key that lives {epoch_days} days. Shown is the share of the 7·10⁹ mobile \
         numbers that an attacker can test while the key lives, by the quota for each member, holder and day: as one member, and as one that has t−1 holders' shares, too. Under suite 1 every member has the \
         pepper: one core of this machine enumerates them all in {minutes:.0} minutes."
    );
    let zh = format!(
        "{holders} 个持有方，须 {threshold} 个作答，密钥使用 {epoch_days} 天。图中为攻击者在密钥期内可试探的手机号占 70 亿号码的比例，横轴为每成员、\
         每持有方、每日的配额；一为单个成员，一为另有 t−1 个持有方份额者。套件 1 中每个成员都有胡椒值：本机一个核心 {minutes:.0} 分钟即可枚举全部。"
    );
    let line = |row: &Row, zh, en| Line {
        zh,
        en,
        points: row.yields.iter().map(|y| (f64::from(y.quota), f64::from(y.millionths) / 10_000.0)).collect(),
    };
    let of = |members, corrupt| report.rows.iter().find(|row| row.attacker == Attacker { members, corrupt });
    let lines = [
        of(1, 0).map(|row| line(row, "成员", "member")),
        of(1, threshold - 1).map(|row| line(row, "加持有方", "+ holders")),
    ];
    let plot = Plot {
        x: Axis { zh: "每日配额", en: "quota a day", is_log: true, show: |quota| grouped(quota as u64) },
        y: Axis { zh: "可试探", en: "testable", is_log: false, show: |percent| format!("{percent:.1}%") },
        lines: lines.into_iter().flatten().collect(),
    };
    let shown = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    let mut head = vec!["攻击者 attacker".to_owned()];
    head.extend(shown.iter().map(|quota| grouped(*quota)));
    let mut rows = vec![head];
    for row in &report.rows {
        let mut cells = vec![named(row.attacker)];
        for quota in shown {
            let cell = row.yields.iter().find(|y| u64::from(y.quota) == quota);
            cells.push(cell.map_or("全部 all".to_owned(), |y| format!("{:.4}%", f64::from(y.millionths) / 10_000.0)));
        }
        rows.push(cells);
    }
    let small = Section {
        title: Both::new("The same attacks, carried out", "实际执行的同类攻击"),
        says: Both::new(
            "In a small world, with the protocol's own key, proofs and counts, to the end of every quota: right tokens in the end, beside \
             what the formula allows.",
            "在小规模世界中以协议自身的密钥、证明与计数执行，直到配额用尽：最终得到的正确令牌数，与公式允许的上限对照。",
        ),
        plot: String::new(),
        rows: std::iter::once(
            ["攻击者 attacker", "配额 quota", "上限 allowed", "得到 obtained", "持有方作答 given"]
                .map(str::to_owned)
                .to_vec(),
        )
        .chain(report.attacks.iter().map(|attack| {
            let most = attack.most.map_or(format!("全部 all {}", grouped(attack.identifiers)), grouped);
            vec![
                named(attack.attacker),
                attack.quota.to_string(),
                most,
                grouped(attack.obtained),
                grouped(attack.given),
            ]
        }))
        .collect(),
    };
    let title = Both::new("What can be enumerated", "可枚举的范围");
    vec![Section { title, says: Both::new(en, zh), plot: plot.svg(), rows }, small]
}

/// Who attacks, in both languages.
fn named(attacker: Attacker) -> String {
    let Attacker { members, corrupt } = attacker;
    match (members, corrupt) {
        (0, 0) => "泄露的磁盘 a leaked disk".to_owned(),
        (0, corrupt) => format!("{corrupt} 份密钥份额 {corrupt} shares, no member"),
        (1, 0) => "1 个成员 1 member".to_owned(),
        (1, corrupt) => format!("1 个成员、{corrupt} 个持有方 1 member, {corrupt} holders"),
        (members, 0) => format!("{members} 个成员 {members} members"),
        (members, corrupt) => format!("{members} 个成员、{corrupt} 个持有方 {members} members, {corrupt} holders"),
    }
}
