//! What people and programs see.

use std::{fmt::Display, io::IsTerminal, process::ExitCode};

use antibrush_protocol::{
    base::Timestamp,
    charter::{MemberRole, MemberState},
    codes::{Conduct, Severity},
};
use comfy_table::{Table, presets};
use serde::Serialize;

use crate::{
    api::Problem,
    lang::{self, Lang, Zh},
};

/// How results are shown.
#[derive(Clone, Copy, Debug)]
pub struct Output {
    /// The language of texts for people.
    pub lang: Lang,
    /// JSON for programs.
    pub json: bool,
}

/// Which code table a word comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CodeKind {
    /// What a subject did.
    Conduct,
    /// How grave it was.
    Severity,
    /// What a member may do.
    Role,
    /// Where a member stands.
    State,
}

/// Why a command failed: one sentence with the reason and the next step.
#[derive(Debug)]
pub struct Failure {
    detail: String,
    zh: Option<String>,
    kind: Option<String>,
}

impl Failure {
    /// From an error whose texts are such sentences.
    pub fn new(error: impl Display + Zh) -> Failure {
        Failure::both(error.to_string(), error.zh())
    }

    /// From a text in both languages.
    pub fn both(en: impl Into<String>, zh: impl Into<String>) -> Failure {
        Failure { detail: en.into(), zh: Some(zh.into()), kind: None }
    }

    /// From a problem that the HTTP interface answered.
    pub fn problem(problem: Problem) -> Failure {
        let Problem { kind, detail, detail_zh, .. } = problem;
        // A node of an earlier release gives no Chinese text.
        let zh = detail_zh.or_else(|| lang::problem_zh(&kind).map(|known| format!("{known}（{detail}）")));
        Failure { detail, zh, kind: Some(kind) }
    }

    /// The same of a named kind.
    pub fn of_kind(self, kind: &str) -> Failure {
        Failure { kind: Some(format!("urn:antibrush:problem:{kind}")), ..self }
    }

    /// The sentence in English.
    pub fn detail(&self) -> &str {
        &self.detail
    }

    /// The sentence in Chinese, or in English where that is all there is.
    pub fn detail_zh(&self) -> &str {
        self.zh.as_deref().unwrap_or(&self.detail)
    }
}

impl Output {
    /// Prints a result: JSON for programs, or what `people` writes.
    pub fn show<T: Serialize>(&self, value: &T, people: impl FnOnce(&T)) {
        if self.json {
            // What the interface decoded encodes again.
            println!("{}", serde_json::to_string(value).expect("a result encodes"));
        } else {
            people(value);
        }
    }

    /// One of two texts.
    pub fn pick<T>(&self, en: T, zh: T) -> T {
        lang::pick(self.lang, en, zh)
    }

    /// Prints a line for people in their language.
    pub fn say(&self, en: impl Display, zh: impl Display) {
        match self.lang {
            Lang::En => println!("{en}"),
            Lang::Zh => println!("{zh}"),
        }
    }

    /// A code of the domain as people read it: the code with its name, or the name alone where the code is a word.
    pub fn code(&self, kind: CodeKind, code: &str) -> String {
        let names = match kind {
            CodeKind::Conduct => Conduct::parse(code).map(|code| (code.en(), code.zh())),
            CodeKind::Severity => Severity::parse(code).map(|code| (code.code(), code.zh())),
            CodeKind::Role => MemberRole::parse(code).map(|code| (code.code(), code.zh())),
            CodeKind::State => MemberState::parse(code).map(|code| (code.code(), code.zh())),
        };
        match (names, kind) {
            (Some((en, zh)), CodeKind::Conduct) => format!("{code} {}", self.pick(en, zh)),
            (Some((en, zh)), _) => self.pick(en, zh).to_owned(),
            (None, _) => code.to_owned(),
        }
    }

    /// A table with headings in the right language.
    pub fn table(&self, headings: &[(&str, &str)]) -> Table {
        let mut table = Table::new();
        table.load_style(presets::UTF8_FULL_CONDENSED);
        table.set_header(headings.iter().map(|(en, zh)| self.pick(*en, *zh)));
        table
    }

    /// Whether a progress bar makes sense.
    pub fn shows_progress(&self) -> bool {
        !self.json && std::io::stderr().is_terminal()
    }

    /// Prints a failure on standard error and gives the exit status.
    pub fn fail(&self, failure: &Failure) -> ExitCode {
        // Texts of libraries may have several lines; a refusal has one.
        let one_line = |text: &str| text.lines().map(str::trim).collect::<Vec<_>>().join(" ");
        let detail = one_line(failure.detail());
        if self.json {
            let value =
                serde_json::json!({ "error": detail, "error_zh": one_line(failure.detail_zh()), "type": failure.kind });
            eprintln!("{value}");
            return ExitCode::FAILURE;
        }
        match self.lang {
            Lang::Zh => eprintln!("错误：{}", one_line(failure.detail_zh())),
            Lang::En => eprintln!("error: {detail}"),
        }
        ExitCode::FAILURE
    }
}

/// A duration as people read it.
pub fn duration(time: std::time::Duration) -> String {
    match time.as_millis() {
        ms @ 0..=999 => format!("{ms} ms"),
        ms => format!("{:.1} s", ms as f64 / 1000.0),
    }
}

/// [`lang::moment`] of a number of seconds in an answer.
pub fn moment(seconds: u64) -> String {
    crate::lang::moment(Timestamp(seconds))
}
