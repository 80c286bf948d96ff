//! The language of a text for people: Chinese or English.

use std::fmt;

/// A language.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lang {
    /// English.
    En,
    /// Chinese, simplified.
    Zh,
}

impl Lang {
    /// The language that the environment asks for: `ANTIBRUSH_LANG`, then `LC_ALL`, `LC_MESSAGES`, `LANG`, as the node does.
    pub fn from_environment() -> Lang {
        let names = ["ANTIBRUSH_LANG", "LC_ALL", "LC_MESSAGES", "LANG"];
        let first = names.into_iter().find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()));
        first.map_or(Lang::En, |value| Lang::named(&value))
    }

    /// The language of a locale's name, like `zh_CN.UTF-8`.
    pub fn named(name: &str) -> Lang {
        if name.to_ascii_lowercase().starts_with("zh") { Lang::Zh } else { Lang::En }
    }

    /// Picks one of two texts.
    pub fn pick<T>(self, en: T, zh: T) -> T {
        match self {
            Lang::En => en,
            Lang::Zh => zh,
        }
    }
}

/// A sentence in both languages.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Both {
    /// In English.
    pub en: String,
    /// In Chinese.
    pub zh: String,
}

impl Both {
    /// From the two texts.
    pub fn new(en: impl Into<String>, zh: impl Into<String>) -> Both {
        Both { en: en.into(), zh: zh.into() }
    }

    /// In a language.
    pub fn of(&self, lang: Lang) -> &str {
        lang.pick(&self.en, &self.zh)
    }
}

impl fmt::Display for Both {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.en)
    }
}
