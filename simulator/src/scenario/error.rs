//! What is wrong with a text file, and where.

use std::{fmt, ops::Range};

use crate::lang::{Both, Lang};

/// Something in a scenario or replay file that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScenarioError {
    /// The file, or what else the text came from.
    pub origin: String,
    /// The line, from 1.
    pub line: usize,
    /// The column in characters, from 1.
    pub column: usize,
    /// The line as it stands in the file.
    pub text: String,
    /// How many of its characters are meant.
    pub width: usize,
    /// What is wrong and what was expected.
    pub what: Both,
}

impl ScenarioError {
    /// Something wrong in these bytes of a text.
    pub fn new(origin: &str, text: &str, span: Range<usize>, what: Both) -> ScenarioError {
        let floor = |at: usize| (0..=at.min(text.len())).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0);
        let (start, end) = (floor(span.start), floor(span.end));
        let before = &text[..start];
        let begin = before.rfind('\n').map_or(0, |at| at + 1);
        let line = text[begin..].lines().next().unwrap_or_default();
        // Of something that goes over several lines the first is shown.
        let end = end.min(begin + line.len()).max(start);
        ScenarioError {
            origin: origin.to_owned(),
            line: before.matches('\n').count() + 1,
            column: text[begin..start].chars().count() + 1,
            text: line.to_owned(),
            width: text[start..end].chars().count().max(1),
            what,
        }
    }

    /// The whole report in a language: place, sentence, the line and a mark under what is meant.
    pub fn say(&self, lang: Lang) -> String {
        let ScenarioError { origin, line, column, text, width, what } = self;
        let place = lang.pick(format!("{origin}:{line}:{column}: "), format!("{origin} 第 {line} 行第 {column} 列："));
        let number = line.to_string();
        let (margin, indent) = (" ".repeat(number.len()), indent(text, column - 1));
        let mark = "^".repeat(places(text.chars().skip(column - 1).take(*width)).max(1));
        format!("{place}{}\n{margin} |\n{number} | {text}\n{margin} | {indent}{mark}", what.of(lang))
    }
}

/// How many places of a screen these characters take.
fn places(characters: impl Iterator<Item = char>) -> usize {
    characters.map(|c| if c >= '\u{1100}' { 2 } else { 1 }).sum()
}

/// Blanks as wide as the first characters of a line: a Chinese character takes two places on a screen.
fn indent(text: &str, characters: usize) -> String {
    let places = |c: char| match c {
        '\t' => "\t",
        '\u{1100}'.. => "  ",
        _ => " ",
    };
    text.chars().take(characters).map(places).collect()
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.say(Lang::En))
    }
}

impl std::error::Error for ScenarioError {}
