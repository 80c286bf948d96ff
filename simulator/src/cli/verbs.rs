//! What each verb does.

use std::{
    io::Write as _,
    path::Path,
    process::ExitCode,
    sync::{Arc, Mutex},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use antibrush_simulator::{
    lang::{Both, Lang},
    plan, replay as replays, report as pages, run as runs,
    scenario::{self, Scenario, ScenarioError, library, schema},
    soak as soaks, sweep as sweeps,
};

use super::{
    BROKEN, Failure,
    args::{Breaking, ReplayArgs, ReportArgs, RunArgs, ShrinkArgs, SoakArgs, SweepArgs, Which},
    bar::Bar,
    broken, said,
};

/// A scenario that somebody named, and what files are called after.
struct Named {
    name: String,
    scenario: Arc<Scenario>,
}

fn read(path: &Path) -> Result<String, Failure> {
    let refused = |error: std::io::Error| {
        let path = path.display();
        Failure::Usage(Both::new(format!("{path} cannot be read: {error}"), format!("无法读取 {path}（{error}）")))
    };
    String::from_utf8(std::fs::read(path).map_err(refused)?).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let text = String::from_utf8_lossy(error.as_bytes()).into_owned();
        let what = Both::new(
            "from here on the file is not in UTF-8, as is expected; is it in GB18030? Save it as UTF-8",
            "自此处起不是所需的 UTF-8 编码（是否为 GB18030？）：请以 UTF-8 保存",
        );
        Failure::File(ScenarioError::new(&path.display().to_string(), &text, at..at + 1, what))
    })
}

fn find(text: &str) -> Result<Named, Failure> {
    if let Some(entry) = library::named(text) {
        let scenario = Arc::new(entry.scenario().map_err(Failure::File)?);
        return Ok(Named { name: text.to_owned(), scenario });
    }
    let path = Path::new(text);
    if !text.contains(['/', '.']) && !path.exists() {
        let names = || library::ALL.iter().map(|entry| entry.name);
        let (en, zh) = match schema::nearest(text, names()) {
            Some(near) => (format!(" — did you mean {near}?"), format!("。是否想写 {near}？")),
            None => {
                let names: Vec<&str> = names().collect();
                (format!("; there are {}", names.join(", ")), format!("；可用：{}", names.join("、")))
            }
        };
        let (en, zh) = (format!("there is no scenario {text}{en}"), format!("没有名为 {text} 的场景{zh}"));
        return Err(Failure::Usage(Both::new(en, zh)));
    }
    let scenario = scenario::parse(&read(path)?, text).map_err(Failure::File)?;
    let name = path.file_stem().map_or("scenario".to_owned(), |stem| stem.to_string_lossy().into_owned());
    Ok(Named { name, scenario: Arc::new(scenario) })
}

fn outcome(lang: Lang, which: &Which) -> Result<(Named, runs::Outcome), Failure> {
    let named = find(&which.scenario)?;
    let bar = Bar::of(&named.scenario, lang.pick(&named.scenario.name_en, &named.scenario.name_zh).clone());
    let outcome = runs::run(&named.scenario, which.seed, &|part| bar.more(part));
    drop(bar);
    Ok((named, outcome))
}

/// `run`.
pub fn run(lang: Lang, args: &RunArgs) -> Result<ExitCode, Failure> {
    let seed = args.which.seed;
    let (named, outcome) = outcome(lang, &args.which)?;
    if !args.json {
        println!("{}", said::lines(lang, &named.scenario, seed, &outcome));
        return Ok(ended(lang, &named, seed, &outcome, &args.breaking));
    }
    // A program reads one document.
    let violation = outcome.violation.as_ref();
    let broken = violation.map(|it| broken::examine(lang, (&named.name, &named.scenario, seed), it, &args.breaking));
    println!("{:#}", said::json(&named.scenario, seed, &outcome, broken.as_ref()));
    Ok(broken.map_or(ExitCode::SUCCESS, |broken| broken.end(lang)))
}

/// Says what broke, if anything did, and leaves its replay file.
fn ended(lang: Lang, named: &Named, seed: u64, outcome: &runs::Outcome, breaking: &Breaking) -> ExitCode {
    let Some(violation) = &outcome.violation else { return ExitCode::SUCCESS };
    let broken = broken::examine(lang, (&named.name, &named.scenario, seed), violation, breaking);
    broken.say(lang);
    broken.end(lang)
}

/// `soak`.
pub fn soak(lang: Lang, args: &SoakArgs) -> Result<ExitCode, Failure> {
    let named = args.scenario.iter().map(|text| find(text)).collect::<Result<Vec<Named>, Failure>>()?;
    let scenarios: Vec<Arc<Scenario>> = named.iter().map(|named| named.scenario.clone()).collect();
    // Any number will do; a broken run prints its own.
    let fresh = || SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_nanos() as u64 >> 10);
    let first = args.first_seed.unwrap_or_else(fresh);
    let bar: Mutex<Option<Bar>> = Mutex::new(None);
    let with_bar = |act: &mut dyn FnMut(&mut Option<Bar>)| {
        if let Ok(mut bar) = bar.lock() {
            act(&mut bar);
        }
    };
    let mut told = |at: usize, seed: u64| {
        let name = lang.pick(&scenarios[at].name_en, &scenarios[at].name_zh);
        let said = lang.pick(format!("{name}, seed {seed}"), format!("{name}，种子 {seed}"));
        with_bar(&mut |bar| *bar = Some(Bar::of(&scenarios[at], said.clone())));
    };
    let progress = |part| with_bar(&mut |bar| bar.iter().for_each(|bar| bar.more(part)));
    let lasts = Duration::from_secs(args.minutes * 60);
    let soaked = soaks::soak(&scenarios, first, args.seeds, lasts, &mut told, &progress);
    with_bar(&mut |bar| *bar = None);
    let (held, events) = (soaked.held, soaked.events);
    println!(
        "{}",
        lang.pick(
            format!("{held} runs held from seed {first} on, {events} events"),
            format!("自种子 {first} 起 {held} 次运行成立，共 {events} 个事件")
        )
    );
    match soaked.broken {
        Some((at, seed, outcome)) => Ok(ended(lang, &named[at], seed, &outcome, &args.breaking)),
        None => Ok(ExitCode::SUCCESS),
    }
}

/// `shrink`.
pub fn shrink(lang: Lang, args: &ShrinkArgs) -> Result<ExitCode, Failure> {
    let seed = args.which.seed;
    let (named, outcome) = outcome(lang, &args.which)?;
    let Some(violation) = outcome.violation else {
        println!("{}", said::lines(lang, &named.scenario, seed, &outcome));
        println!("{}", lang.pick("nothing to shrink", "无可缩减"));
        return Ok(ExitCode::SUCCESS);
    };
    let ops = plan::plan(&named.scenario, violation.alliance, seed);
    let before = ops.len();
    let scenario = Scenario::clone(&named.scenario);
    let whole = replays::Case { scenario, alliance: violation.alliance, seed, ops, breaks: None };
    let path = args.out.clone().unwrap_or_else(|| format!("{}-{seed}.replay", named.name).into());
    match broken::shrunk(lang, whole.clone(), args.runs) {
        Some(shrunk) => {
            broken::write(&path, &shrunk.case.to_text())?;
            broken::said(lang, seed, &shrunk.violation, &shrunk.case, before, &path);
        }
        None => {
            broken::write(&path, &whole.to_text())?;
            broken::said(lang, seed, &violation, &whole, before, &path);
        }
    }
    Ok(ExitCode::from(BROKEN))
}

/// `replay`.
pub fn replay(lang: Lang, args: &ReplayArgs) -> Result<ExitCode, Failure> {
    let case = replays::parse(&read(&args.file)?, &args.file.display().to_string()).map_err(Failure::File)?;
    let bar = Bar::of(&case.scenario, lang.pick(&case.scenario.name_en, &case.scenario.name_zh).clone());
    let outcome = case.run(&|part| bar.more(part));
    drop(bar);
    println!("{}", said::lines(lang, &case.scenario, case.seed, &outcome));
    let found = outcome.violation.as_ref().map(|violation| violation.invariant.name());
    if let Some(expected) = case.breaks.as_deref().filter(|expected| found != Some(*expected)) {
        println!(
            "{}",
            lang.pick(
                format!("the file says that {expected} breaks; it did not"),
                format!("文件称 {expected} 会被破坏，但此次没有")
            )
        );
    }
    match outcome.violation {
        Some(violation) => {
            println!("{}{}", lang.pick("BROKEN: ", "不变量被破坏："), violation.say(lang));
            Ok(ExitCode::from(BROKEN))
        }
        None => Ok(ExitCode::SUCCESS),
    }
}

/// `sweep`.
pub fn sweep(lang: Lang, args: &SweepArgs) -> Result<ExitCode, Failure> {
    let named = find(&args.which.scenario)?;
    let refused = |error: sweeps::SweepError| match error {
        sweeps::SweepError::Usage(what) => Failure::Usage(what),
        sweeps::SweepError::Scenario(error) => Failure::File(error),
    };
    let values = sweeps::values(&args.set, &args.from, &args.to, args.steps).map_err(refused)?;
    let of = |value: String| {
        let scenario = sweeps::with(&named.scenario, &args.set, &value).map_err(refused)?;
        Ok((value, Arc::new(scenario)))
    };
    // All are checked before the first one runs.
    let scenarios = values.into_iter().map(of).collect::<Result<Vec<(String, Arc<Scenario>)>, Failure>>()?;
    broken::write(&args.out, &format!("{}\n", sweeps::HEADER))?;
    let whole = scenarios.iter().map(|(_, one)| length_of(one)).sum();
    let bar = Bar::new(whole, lang.pick("sweep", "扫描").to_owned());
    let mut file =
        std::fs::OpenOptions::new().append(true).open(&args.out).map_err(|error| unwritten(&args.out, &error))?;
    let done = sweeps::sweep(&scenarios, &args.set, args.which.seed, &|part| bar.more(part), &mut |line| {
        writeln!(file, "{line}")
    });
    drop(bar);
    let broken = done.map_err(|error| unwritten(&args.out, &error))?;
    let (count, out) = (scenarios.len(), args.out.display());
    println!("{}", lang.pick(format!("{count} runs are in {out}"), format!("{count} 次运行的结果已写入 {out}")));
    if broken.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    let (key, values) = (&args.set, broken.join(", "));
    println!(
        "{}",
        lang.pick(
            format!("BROKEN: an invariant does not hold with {key} = {values}; the last column of the file says which"),
            format!("不变量被破坏：{key} = {values}；见文件最后一列"),
        )
    );
    Ok(ExitCode::from(BROKEN))
}

fn length_of(scenario: &Scenario) -> u64 {
    u64::from(scenario.federation.alliances) * antibrush_simulator::world::World::length_ms(scenario)
}

fn unwritten(path: &Path, error: &std::io::Error) -> Failure {
    let path = path.display();
    Failure::Usage(Both::new(
        format!("{path} cannot be written: {error}; free space or name another file"),
        format!("无法写入 {path}（{error}）：请释放空间或指定其他文件"),
    ))
}

/// `report`.
pub fn report(lang: Lang, args: &ReportArgs) -> Result<ExitCode, Failure> {
    let seed = args.which.seed;
    let (named, outcome) = outcome(lang, &args.which)?;
    let page = pages::page(&named.scenario, seed, &outcome);
    broken::write(&args.out, &page)?;
    println!("{}", said::lines(lang, &named.scenario, seed, &outcome));
    let out = args.out.display();
    println!("{}", lang.pick(format!("the page is in {out}"), format!("页面已写入 {out}")));
    Ok(ended(lang, &named, seed, &outcome, &args.breaking))
}

/// `list`.
pub fn list(lang: Lang) -> Result<ExitCode, Failure> {
    for entry in library::ALL {
        let scenario = entry.scenario().map_err(Failure::File)?;
        let (name, nodes) = (lang.pick(&scenario.name_en, &scenario.name_zh), scenario.federation.nodes);
        let (alliances, duration) = (scenario.federation.alliances, scenario.duration);
        let size = lang.pick(
            format!("{nodes} nodes, {alliances} alliance{}, {duration}", if alliances == 1 { "" } else { "s" }),
            format!("{nodes} 个节点，{alliances} 个联盟，{duration}"),
        );
        println!("{:<18} {name} — {size}\n    {}", entry.name, entry.about(lang == Lang::Zh));
    }
    Ok(ExitCode::SUCCESS)
}
