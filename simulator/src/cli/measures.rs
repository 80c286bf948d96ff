//! The verbs that run no scenario: how good the gossip model is, and what quotas are worth.

use std::{path::Path, process::ExitCode};

use antibrush_simulator::{
    calibrate::{self, Calibration, Curve, TOLERANCE_PERCENT},
    lang::{Both, Lang},
    privacy::{self, Attacker, PrivacyReport},
    report as pages,
};

use super::{
    BROKEN, Failure,
    args::{CalibrateArgs, PrivacyArgs},
    bar::Bar,
    broken,
};

/// `calibrate`.
pub fn calibrate(lang: Lang, args: &CalibrateArgs) -> Result<ExitCode, Failure> {
    let options = calibrate::Options { seed: args.seed, nodes: args.nodes.clone(), ..calibrate::Options::default() };
    let said = lang.pick("real swarms", "真实群").to_owned();
    let bar = Bar::new(1000, said.clone());
    let run = calibrate::run(&options, &mut |part| bar.at((part * 1000.0) as u64, said.clone()));
    drop(bar);
    let calibration = run.map_err(|error| Failure::Usage(Both::new(error.to_string(), error.zh())))?;
    let title = Both::new("Calibration of the gossip model", "消息扩散模型的校准");
    let sections = pages::calibration(&calibration);
    write_page(lang, args.out.as_deref(), args.json, &title, &sections)?;
    if args.json {
        print_json(&calibration)?;
    } else {
        print_calibration(lang, &calibration);
    }
    Ok(if calibration.holds() { ExitCode::SUCCESS } else { ExitCode::from(BROKEN) })
}

fn print_calibration(lang: Lang, calibration: &Calibration) {
    for comparison in &calibration.comparisons {
        let line = |curve: &Curve| {
            format!("p50 {:.1} ms, p99 {:.1} ms", curve.median_us as f64 / 1000.0, curve.p99_us as f64 / 1000.0)
        };
        let (median, p99) = (comparison.deviation.median_percent, comparison.deviation.p99_percent);
        let held = comparison.deviation.is_within(TOLERANCE_PERCENT);
        println!("{}", lang.pick(format!("{} nodes", comparison.nodes), format!("{} 个节点", comparison.nodes)));
        println!("  {} {}", lang.pick("model ", "模型"), line(&comparison.model));
        println!("  {} {}", lang.pick("swarms", "真实"), line(&comparison.real));
        let within = match (lang, held) {
            (Lang::En, true) => "within",
            (Lang::En, false) => "NOT within",
            (Lang::Zh, true) => "在",
            (Lang::Zh, false) => "不在",
        };
        println!(
            "{}",
            lang.pick(
                format!("  off by {median:+.1} % and {p99:+.1} %: {within} {TOLERANCE_PERCENT:.0} %"),
                format!("  偏差 {median:+.1} % 与 {p99:+.1} %：{within} {TOLERANCE_PERCENT:.0} % 以内"),
            )
        );
    }
}

/// `privacy`.
pub fn privacy(lang: Lang, args: &PrivacyArgs) -> Result<ExitCode, Failure> {
    if args.threshold > args.holders {
        let (threshold, holders) = (args.threshold, args.holders);
        return Err(Failure::Usage(Both::new(
            format!("--threshold {threshold} must be at most --holders {holders}"),
            format!("--threshold {threshold} 不应大于 --holders {holders}"),
        )));
    }
    let PrivacyArgs { holders, threshold, epoch_days, seed, .. } = *args;
    let report = privacy::run(&privacy::Options { holders, threshold, epoch_days, seed });
    let title = Both::new("What can be enumerated under which quotas", "各种配额下可枚举的范围");
    write_page(lang, args.out.as_deref(), args.json, &title, &pages::privacy(&report))?;
    if args.json {
        print_json(&report)?;
    } else {
        print_privacy(lang, &report);
    }
    Ok(if report.holds() { ExitCode::SUCCESS } else { ExitCode::from(BROKEN) })
}

fn print_privacy(lang: Lang, report: &PrivacyReport) {
    let PrivacyReport { holders, threshold, epoch_days, .. } = report;
    println!(
        "{}",
        lang.pick(
            format!("{threshold} of {holders} holders, a key of {epoch_days} days: share of 7·10⁹ mobile numbers"),
            format!("{holders} 个持有方须 {threshold} 个作答，密钥 {epoch_days} 天：占 70 亿手机号的比例"),
        )
    );
    let shown = [1_000, 10_000, 100_000, 1_000_000, 10_000_000];
    let head: Vec<String> = shown.iter().map(|quota| format!("{quota:>11}")).collect();
    println!("{:<32}{}", lang.pick("quota a day", "每日配额"), head.concat());
    for row in &report.rows {
        let of = |quota: &u32| row.yields.iter().find(|y| y.quota == *quota);
        let cell = |quota: &u32| {
            let share = of(quota).map(|y| format!("{:.4}%", f64::from(y.millionths) / 10_000.0));
            format!("{:>11}", share.unwrap_or_else(|| lang.pick("all", "全部").to_owned()))
        };
        println!("{:<32}{}", named(lang, row.attacker), shown.iter().map(cell).collect::<String>());
    }
    println!("{}", lang.pick("carried out in a small world:", "在小规模世界中实际执行："));
    for attack in &report.attacks {
        let most = attack.most.map_or_else(|| lang.pick("all", "全部").to_owned(), |most| most.to_string());
        let (who, obtained) = (named(lang, attack.attacker), attack.obtained);
        println!(
            "{}",
            lang.pick(format!("  {who:<30}{obtained} of {most}"), format!("  {who:<30}得到 {obtained}，上限 {most}"))
        );
    }
    let minutes = report.keyed_minutes();
    println!(
        "{}",
        lang.pick(
            format!("suite 1: any member enumerates all of them in {minutes:.0} minutes of one core of this machine"),
            format!("套件 1：任一成员用本机一个核心 {minutes:.0} 分钟即可枚举全部"),
        )
    );
}

fn named(lang: Lang, Attacker { members, corrupt }: Attacker) -> String {
    match (members, corrupt) {
        (0, 0) => lang.pick("a leaked disk", "泄露的磁盘").to_owned(),
        (0, corrupt) => lang.pick(format!("{corrupt} shares, no member"), format!("{corrupt} 份密钥份额，非成员")),
        (members, 0) => lang.pick(format!("members: {members}"), format!("成员 {members} 个")),
        (members, corrupt) => lang
            .pick(format!("members: {members}, holders: {corrupt}"), format!("成员 {members} 个，持有方 {corrupt} 个")),
    }
}

/// Writes a page if one is wanted. Where it is is said to people alone.
fn write_page(
    lang: Lang,
    out: Option<&Path>,
    json: bool,
    title: &Both,
    sections: &[pages::Section],
) -> Result<(), Failure> {
    let Some(out) = out else { return Ok(()) };
    broken::write(out, &pages::sections_page(title, sections))?;
    if !json {
        let out = out.display();
        println!("{}", lang.pick(format!("the page is in {out}"), format!("页面已写入 {out}")));
    }
    Ok(())
}

fn print_json(value: &impl serde::Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|error| Failure::Usage(Both::new(error.to_string(), error.to_string())))?;
    println!("{text}");
    Ok(())
}
