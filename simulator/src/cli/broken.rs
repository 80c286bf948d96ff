//! What to do about a run that broke: shrink it, write its replay file and say how to see it again.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use antibrush_simulator::{
    invariant::Violation,
    lang::{Both, Lang},
    plan,
    replay::Case,
    scenario::Scenario,
    shrink,
};

use super::{BROKEN, Failure, args::Breaking, bar::Bar};

/// How many operations are printed; the file has them all.
const SHOWN: usize = 60;

/// A broken run with the operations that are left of it, and its replay file.
pub struct Broken {
    /// What is in the file.
    pub case: Case,
    /// What breaks in it.
    violation: Violation,
    /// How many operations there were.
    before: usize,
    /// Where the file is.
    pub path: PathBuf,
    written: Result<(), Failure>,
}

/// Shrinks a broken run and writes its replay file. `name` is what files are called after.
pub fn examine(
    lang: Lang,
    (name, scenario, seed): (&str, &Scenario, u64),
    violation: &Violation,
    breaking: &Breaking,
) -> Broken {
    let alliance = violation.alliance;
    let breaks = Some(violation.invariant.name().to_owned());
    let ops = plan::plan(scenario, alliance, seed);
    let before = ops.len();
    let whole = Case { scenario: scenario.clone(), alliance, seed, ops, breaks };
    let shrunk = match breaking.shrink_runs {
        0 => None,
        limit => shrunk(lang, whole.clone(), limit),
    };
    let (case, violation) = match shrunk {
        Some(shrunk) => (shrunk.case, shrunk.violation),
        None => (whole, violation.clone()),
    };
    let path = breaking.replays.join(format!("{name}-{seed}.replay"));
    let written = write(&path, &case.to_text());
    Broken { case, violation, before, path, written }
}

impl Broken {
    /// Says what broke.
    pub fn say(&self, lang: Lang) {
        said(lang, self.case.seed, &self.violation, &self.case, self.before, &self.path);
    }

    /// The exit status. A file that could not be written changes nothing of it: the run broke.
    pub fn end(self, lang: Lang) -> ExitCode {
        if let Err(failure) = self.written {
            super::complain(lang, &failure);
        }
        ExitCode::from(BROKEN)
    }
}

/// Shrinks with a bar.
pub fn shrunk(lang: Lang, case: Case, limit: u32) -> Option<shrink::Shrunk> {
    let bar = Bar::new(u64::from(limit), lang.pick("shrinking", "缩减中").to_owned());
    shrink::shrink(case, limit, &|step| {
        let ops = step.ops;
        bar.at(
            u64::from(step.runs),
            lang.pick(format!("shrinking: {ops} operations"), format!("缩减中：{ops} 个操作")),
        );
    })
}

/// Writes a file.
pub fn write(path: &Path, text: &str) -> Result<(), Failure> {
    let refused = |error: std::io::Error| {
        let path = path.display();
        Failure::Usage(Both::new(
            format!("{path} cannot be written: {error}; name another file or directory"),
            format!("无法写入 {path}（{error}）：请指定其他文件或目录"),
        ))
    };
    std::fs::write(path, text).map_err(refused)
}

/// Says what broke, with which operations, and how to see it again.
pub fn said(lang: Lang, seed: u64, violation: &Violation, case: &Case, before: usize, path: &Path) {
    println!("{}{}", lang.pick("BROKEN: ", "不变量被破坏："), violation.say(lang));
    let (ops, nodes) = (case.ops.len(), case.scenario.federation.nodes);
    println!(
        "{}",
        lang.pick(
            format!("seed {seed}, {ops} of {before} operations, {nodes} nodes:"),
            format!("种子 {seed}，{before} 个操作中的 {ops} 个，{nodes} 个节点："),
        )
    );
    for op in case.ops.iter().take(SHOWN) {
        println!("  {op}");
    }
    if ops > SHOWN {
        println!(
            "{}",
            lang.pick(
                format!("  … and {} more in the file", ops - SHOWN),
                format!("  …另有 {} 个，见文件", ops - SHOWN)
            )
        );
    }
    let path = path.display();
    println!(
        "{}",
        lang.pick(format!("again: antibrush-sim replay {path}"), format!("重放：antibrush-sim replay {path}"))
    );
}
