//! The scenarios that come with the program, by name.

use super::{Scenario, ScenarioError, parse};

/// A scenario of the library.
pub struct Entry {
    /// Its name, which is that of its file without the ending.
    pub name: &'static str,
    /// The text of its file.
    pub text: &'static str,
}

macro_rules! entries {
    ($($name:literal),* $(,)?) => {
        &[$(Entry { name: $name, text: include_str!(concat!("../../scenarios/", $name, ".toml")) }),*]
    };
}

/// All of them, from the smallest to the largest.
pub const ALL: &[Entry] = entries![
    "first-alliance",
    "national",
    "province",
    "federation",
    "double-eleven",
    "firewall-heavy",
    "hostile-minority",
    "regulator-offline",
    "mass-clearing",
    "key-holders",
    "epoch-rotation",
    "chaos",
    "hostile",
];

/// The one with this name.
pub fn named(name: &str) -> Option<&'static Entry> {
    ALL.iter().find(|entry| entry.name == name)
}

impl Entry {
    /// Reads it.
    pub fn scenario(&self) -> Result<Scenario, ScenarioError> {
        parse(self.text, &format!("{}.toml", self.name))
    }

    /// What the comment at its beginning says it shows: in Chinese if `zh`. Lines of the comment that begin with a Chinese
    /// character are the Chinese part.
    pub fn about(&self, zh: bool) -> String {
        let comment = self.text.lines().map_while(|line| line.strip_prefix("# "));
        let is_zh = |line: &&str| line.starts_with(|c: char| c > '\u{2e80}');
        let lines: Vec<&str> = comment.filter(|line| is_zh(line) == zh).collect();
        lines.join(if zh { "" } else { " " })
    }
}
