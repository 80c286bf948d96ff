//! A run as a text file: scenario, seed and operations of one alliance, to be run again anywhere.
//!
//! ```text
//! antibrush-sim replay 1
//! seed 42
//! alliance 0
//! breaks converges
//! scenario:
//! name_zh = "首个联盟"
//! …
//! operations:
//! 12.500s publish 3 entries=20 relief=300000 salt=ff01
//! …
//! ```
//!
//! Lines that begin with `#` are comments.

use std::{fmt::Write, ops::Range, sync::Arc};

use crate::{
    invariant::Invariant,
    lang::Both,
    op::Op,
    run::{Outcome, run_alliance},
    scenario::{self, Scenario, ScenarioError},
};

const FIRST: &str = "antibrush-sim replay 1";

/// What one alliance does under one seed.
#[derive(Clone, Debug)]
pub struct Case {
    /// The scenario.
    pub scenario: Scenario,
    /// Which of its alliances.
    pub alliance: u32,
    /// The seed of all that is left to chance.
    pub seed: u64,
    /// The operations, in order.
    pub ops: Vec<Op>,
    /// The name of the invariant that this breaks, if that is known.
    pub breaks: Option<String>,
}

impl Case {
    /// Runs it.
    pub fn run(&self, progress: &(dyn Fn(u64) + Sync)) -> Outcome {
        run_alliance(&Arc::new(self.scenario.clone()), self.alliance, self.seed, self.ops.clone(), progress)
    }

    /// As the text of a file.
    pub fn to_text(&self) -> String {
        let mut text = format!("{FIRST}\nseed {}\nalliance {}\n", self.seed, self.alliance);
        if let Some(breaks) = &self.breaks {
            text += &format!("breaks {breaks}\n");
        }
        let _ = write!(text, "scenario:\n{}operations:\n", self.scenario.to_text());
        for op in &self.ops {
            let _ = writeln!(text, "{op}");
        }
        text
    }
}

/// Reads the text of a replay file.
pub fn parse(text: &str, origin: &str) -> Result<Case, ScenarioError> {
    let error = |span: Range<usize>, en: String, zh: String| ScenarioError::new(origin, text, span, Both::new(en, zh));
    let mut lines = Lines { text, at: 0 };
    let first = lines.next().unwrap_or_default();
    if text[first.clone()].trim_end() != FIRST {
        return Err(error(
            first,
            format!("a replay file begins with \"{FIRST}\""),
            format!("重放文件的第一行应为“{FIRST}”"),
        ));
    }
    let (mut seed, mut alliance, mut breaks) = (None, 0, None);
    loop {
        let Some(span) = lines.next() else {
            let end = text.len()..text.len();
            return Err(error(end, "\"scenario:\" is missing".into(), "缺少“scenario:”一行".into()));
        };
        let line = text[span.clone()].trim();
        let number = |text: &str| text.trim().parse::<u64>().ok();
        match line.split_once(' ').unwrap_or((line, "")) {
            ("seed", value) if number(value).is_some() => seed = number(value),
            ("alliance", value) if number(value).is_some_and(|n| n < 1000) => {
                alliance = number(value).unwrap_or(0) as u32
            }
            ("breaks", value) if Invariant::ALL.iter().any(|known| known.name() == value.trim()) => {
                breaks = Some(value.trim().to_owned());
            }
            ("scenario:", "") => break,
            ("", _) => {}
            (word, _) if word.starts_with('#') => {}
            _ => {
                return Err(error(
                    span,
                    "expected \"seed NUMBER\", \"alliance NUMBER\" below 1000, \"breaks INVARIANT\" or \"scenario:\""
                        .into(),
                    "此处应为“seed 数字”、“alliance 数字”（小于 1000）、“breaks 不变量”或“scenario:”".into(),
                ));
            }
        }
    }
    let start = lines.at;
    let Some(end) = lines.find(|span| text[span.clone()].trim() == "operations:") else {
        let end = text.len()..text.len();
        return Err(error(end, "\"operations:\" is missing".into(), "缺少“operations:”一行".into()));
    };
    // The scenario's own errors count lines from its beginning: blank lines in place of what stands before keep them right.
    let padded = format!("{}{}", "\n".repeat(text[..start].matches('\n').count()), &text[start..end.start]);
    let scenario = scenario::parse(&padded, origin)?;
    if alliance >= scenario.federation.alliances {
        let count = scenario.federation.alliances;
        let en = format!("\"alliance {alliance}\" is not there: the scenario has {count}, from 0 on");
        return Err(error(first, en, format!("没有“alliance {alliance}”：场景有 {count} 个联盟，从 0 起")));
    }
    let Some(seed) = seed else {
        return Err(error(first, "\"seed NUMBER\" is missing".into(), "缺少“seed 数字”一行".into()));
    };
    let mut ops: Vec<Op> = Vec::new();
    for span in lines {
        let line = text[span.clone()].trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let op: Op = line.parse().map_err(|wrong: String| {
            let zh = format!("无法读取此操作：{wrong}");
            error(span.clone(), wrong, zh)
        })?;
        if ops.last().is_some_and(|last| last.at_ms > op.at_ms) {
            let en = "operations must be in the order of their times".into();
            return Err(error(span, en, "操作应按时间先后排列".into()));
        }
        ops.push(op);
    }
    Ok(Case { scenario, alliance, seed, ops, breaks })
}

/// The lines of a text, each as the bytes where it stands.
struct Lines<'a> {
    text: &'a str,
    at: usize,
}

impl Iterator for Lines<'_> {
    type Item = Range<usize>;

    fn next(&mut self) -> Option<Range<usize>> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let length = rest.find('\n').unwrap_or(rest.len());
        let span = self.at..self.at + length;
        self.at += length + 1;
        Some(span)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{lang::Lang, plan, scenario::library};

    fn case() -> Case {
        let scenario = library::named("national").unwrap().scenario().unwrap();
        let ops = plan::plan(&scenario, 0, 7);
        Case { scenario, alliance: 0, seed: 7, ops, breaks: Some("converges".into()) }
    }

    #[test]
    fn a_case_is_read_as_it_is_written() {
        let case = case();
        let again = parse(&case.to_text(), "x.replay").unwrap();
        assert_eq!((again.to_text(), again.ops.len()), (case.to_text(), case.ops.len()));
    }

    #[test]
    fn what_cannot_be_read_gets_its_line() {
        let text = case().to_text();
        let first =
            |text: &str| parse(text, "x").unwrap_err().say(Lang::En).lines().next().unwrap_or_default().to_owned();
        assert_eq!(first("hello"), "x:1:1: a replay file begins with \"antibrush-sim replay 1\"");
        assert_eq!(first(&text.replacen("seed 7", "seed seven", 1)).split(": ").next(), Some("x:2:1"));
        let line_of = |what: &str| text.lines().position(|line| line.starts_with(what)).unwrap() + 1;
        let bad = text.replacen("duration = \"1d\"", "duration = \"1w\"", 1);
        assert_eq!(first(&bad).split(": ").next(), Some(format!("x:{}:12", line_of("duration")).as_str()));
        let operations = line_of("operations:");
        let bad = text.replacen("operations:\n", "operations:\n0.000s dance\n", 1);
        assert_eq!(first(&bad), format!("x:{}:1: \"dance\" is no operation", operations + 1));
        let bad = text.replacen("operations:\n", "operations:\n99999999.000s heal\n", 1);
        assert_eq!(first(&bad), format!("x:{}:1: operations must be in the order of their times", operations + 2));
    }
}
