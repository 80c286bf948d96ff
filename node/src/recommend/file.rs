//! The file `recommend.toml`: read by hand along its tree, so that each refusal knows its line, its key and what to do.

use std::{
    borrow::Cow,
    collections::BTreeSet,
    fmt,
    ops::Range,
    path::{Path, PathBuf},
};

use antibrush_protocol::{
    codes::{Conduct, List, Role, Severity},
    subject::Class,
};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

use super::rules::{Action, Mode, Persons, Policy, Rule, Standing};
use crate::{
    lang::Zh,
    storage::files::{self, FileError},
};

/// The file in a data directory.
pub const FILE: &str = "recommend.toml";

/// What holds where there is no file.
pub const DEFAULT: &str = include_str!("default.toml");

/// Bytes of the largest file.
pub const MOST_BYTES: u64 = 64 * 1024;
/// Rules of the longest file: each is tried for each listing.
pub const MOST_RULES: usize = 256;
/// Characters of the longest name of a rule.
const MOST_NAME: usize = 64;
/// The most members that a rule can ask for: those of the largest alliance.
const MOST_MEMBERS: i64 = 600;

/// The key that lets persons be blocked.
const PERSONS: &str = "persons_may_be_blocked_without_review";

/// What it must say, word for word: who turns off what 个人信息保护法 art. 24 asks for says what the platform does instead.
pub const SENTENCES: [&str; 2] = [
    "我们已为自动化决策的对象提供说明、拒绝和人工复核的渠道，并承担个人信息保护法第二十四条规定的责任",
    "Whoever is blocked by an automated decision gets an explanation, can refuse it and have a person review it, and we answer for this under article 24 of the PIPL",
];

const KEYS: &str = "mode, otherwise, persons_may_be_blocked_without_review, [[rules]]";
const RULE_KEYS: &str = "name, list, conduct, severity, state, source, class, role, min_members, then";
const WORDS: &str = "block, review, watch, ignore";

/// What is wrong in the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// More than [`MOST_BYTES`].
    TooLong,
    /// No UTF-8.
    NotUtf8,
    /// No TOML.
    Syntax,
    /// A key of another name.
    Key(&'static str),
    /// A value of another type.
    Type(Wanted),
    /// A word that is none of these.
    Word(&'static str),
    /// A code that the key's table does not have.
    Code,
    /// A number out of its range.
    Range,
    /// A list of values that has none.
    Nothing,
    /// Statutory lists and the alliance's own in one rule.
    Mixed,
    /// A rule that recommends nothing.
    NoThen,
    /// A name that is empty, too long or has control characters.
    Name,
    /// A name that another rule has.
    Twice,
    /// No short name of a member.
    Slug,
    /// More than [`MOST_RULES`].
    Rules,
    /// Anything but one of [`SENTENCES`].
    Sentence,
}

/// What a value must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted {
    /// A text.
    Text,
    /// A text or several in brackets.
    Texts,
    /// A whole number.
    Number,
    /// Tables under `[[rules]]`.
    Rules,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::TooLong => write!(f, "the file has more than {MOST_BYTES} bytes; shorten it"),
            Fault::NotUtf8 => f.write_str("the file is not UTF-8; save it as UTF-8"),
            Fault::Syntax => f.write_str("this is not TOML; look for a missing quote, bracket or equals sign"),
            Fault::Key(known) => write!(f, "there is no such key; use one of {known}"),
            Fault::Type(Wanted::Text) => f.write_str("the value must be a text in quotes; put it in quotes"),
            Fault::Type(Wanted::Texts) => {
                f.write_str("the value must be a text in quotes or several in brackets; write it like [\"a\", \"b\"]")
            }
            Fault::Type(Wanted::Number) => f.write_str("the value must be a whole number; write it without quotes"),
            Fault::Type(Wanted::Rules) => f.write_str("rules are tables; write [[rules]] above each"),
            Fault::Word(known) => write!(f, "there is no such word; use one of {known}"),
            Fault::Code => f.write_str("there is no such code; docs/DOMAIN.md lists them"),
            Fault::Range => write!(f, "the number must be 1 to {MOST_MEMBERS}; correct it"),
            Fault::Nothing => f.write_str("the list is empty and matches nothing; name something or remove the key"),
            Fault::Mixed => {
                f.write_str("statutory lists and the alliance's own are never treated as one; write two rules")
            }
            Fault::NoThen => write!(f, "the rule recommends nothing; add then = with one of {WORDS}"),
            Fault::Name => write!(f, "a name has 1 to {MOST_NAME} characters in one line; shorten it"),
            Fault::Twice => f.write_str("another rule has this name; choose another one"),
            Fault::Slug => f.write_str("this is no short name of a member; `antibrush alliance members` shows them"),
            Fault::Rules => write!(f, "there are more than {MOST_RULES} rules; join some"),
            Fault::Sentence => write!(
                f,
                "persons are blocked without review only by this sentence, word for word: \"{}\"; write it if it is true, or remove the key",
                SENTENCES[1]
            ),
        }
    }
}

impl Zh for Fault {
    fn zh(&self) -> String {
        match self {
            Fault::TooLong => format!("文件超过 {MOST_BYTES} 字节：请缩短"),
            Fault::NotUtf8 => "文件不是 UTF-8：请以 UTF-8 保存".to_owned(),
            Fault::Syntax => "不是有效的 TOML：请检查是否缺少引号、括号或等号".to_owned(),
            Fault::Key(known) => format!("没有这个键：请使用 {}", listed_zh(known)),
            Fault::Type(Wanted::Text) => "值须为带引号的文字：请加上引号".to_owned(),
            Fault::Type(Wanted::Texts) => "值须为带引号的文字，或方括号内的多个：请写成 [\"a\", \"b\"]".to_owned(),
            Fault::Type(Wanted::Number) => "值须为整数：请去掉引号".to_owned(),
            Fault::Type(Wanted::Rules) => "规则须为表：请在每条之上写 [[rules]]".to_owned(),
            Fault::Word(known) => format!("没有这个词：请使用 {}", listed_zh(known)),
            Fault::Code => "没有这个代码：请查阅 docs/DOMAIN.md".to_owned(),
            Fault::Range => format!("数值须为 1 至 {MOST_MEMBERS}：请改正"),
            Fault::Nothing => "列表为空，什么也不匹配：请填写或删去该键".to_owned(),
            Fault::Mixed => "法定名单与联盟名单不得合并对待：请分写为两条规则".to_owned(),
            Fault::NoThen => format!("规则没有给出建议：请写 then =，取 {} 之一", listed_zh(WORDS)),
            Fault::Name => format!("名称须为一行 1 至 {MOST_NAME} 个字符：请改正"),
            Fault::Twice => "另一条规则已用此名称：请换一个".to_owned(),
            Fault::Slug => "不是成员简称：可用 antibrush alliance members 查看".to_owned(),
            Fault::Rules => format!("规则超过 {MOST_RULES} 条：请合并"),
            Fault::Sentence => {
                format!("只有一字不差地写明“{}”，才会建议未经复核拦截个人：属实则写明，否则删去该键", SENTENCES[0])
            }
        }
    }
}

/// Words of the file as a Chinese sentence lists them.
fn listed_zh(words: &str) -> String {
    words.replace(", ", "、")
}

/// A fault and its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The line, from 1.
    pub line: usize,
    /// The key, with the rule's number before it; empty where there is none.
    pub key: String,
    /// What is wrong.
    pub fault: Fault,
}

/// Why the file is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FileRefusal {
    /// Something in it is wrong.
    #[error("{} is refused at line {}{}: {}", path.display(), refused.line, in_key(&refused.key), refused.fault)]
    Content {
        /// The file.
        path: PathBuf,
        /// What.
        refused: Refused,
    },
    /// The operating system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

fn in_key(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!(", key {key}") }
}

impl Zh for FileRefusal {
    fn zh(&self) -> String {
        match self {
            FileRefusal::Content { path, refused: Refused { line, key, fault } } => {
                let key = if key.is_empty() { String::new() } else { format!("，键 {key}") };
                format!("{} 未被接受（第 {line} 行{key}）：{}", path.display(), fault.zh())
            }
            FileRefusal::File(error) => error.zh(),
        }
    }
}

/// Reads the policy of a data directory, or the default where it has no file, and whether there is one.
///
/// # Errors
/// What is wrong, with its place.
pub fn read(directory: &Path) -> Result<(Policy, bool), FileRefusal> {
    let path = directory.join(FILE);
    let refuse = |refused| FileRefusal::Content { path: path.clone(), refused };
    let whole = |fault| Refused { line: 1, key: String::new(), fault };
    match files::read_bounded(&path, MOST_BYTES) {
        Ok(Some(bytes)) => {
            let text = String::from_utf8(bytes).map_err(|_| refuse(whole(Fault::NotUtf8)))?;
            Ok((parse(&text).map_err(refuse)?, true))
        }
        // A test reads the default.
        Ok(None) => Ok((parse(DEFAULT).map_err(refuse)?, false)),
        Err(error) if error.kind == std::io::ErrorKind::FileTooLarge => Err(refuse(whole(Fault::TooLong))),
        Err(error) => Err(error.into()),
    }
}

/// Reads a policy.
///
/// # Errors
/// The first thing that is wrong, with its place.
pub fn parse(text: &str) -> Result<Policy, Refused> {
    // What editors put in front.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let reader = Reader { text };
    let tree = DeTable::parse(text).map_err(|error| {
        let at = error.span().map_or(0, |span| span.start);
        Refused { line: reader.line(at), key: String::new(), fault: Fault::Syntax }
    })?;
    reader.policy(tree.get_ref())
}

/// A value with the key that it stands under and its place.
#[derive(Clone, Copy)]
struct Value<'a> {
    key: &'a str,
    /// The number of the rule, from 1.
    rule: Option<usize>,
    at: &'a Spanned<DeValue<'a>>,
}

struct Reader<'a> {
    text: &'a str,
}

impl<'a> Reader<'a> {
    /// The line of a byte, from 1.
    fn line(&self, at: usize) -> usize {
        1 + self.text.as_bytes()[..at.min(self.text.len())].iter().filter(|byte| **byte == b'\n').count()
    }

    fn refuse(&self, span: &Range<usize>, key: &str, rule: Option<usize>, fault: Fault) -> Refused {
        // A key is quoted back to a terminal: what it cannot show stays out.
        let key: String = key.chars().filter(|c| !c.is_control()).take(MOST_NAME).collect();
        let key = rule.map_or_else(|| key.clone(), |rule| format!("rules[{rule}].{key}"));
        Refused { line: self.line(span.start), key, fault }
    }

    fn bad(&self, value: Value<'_>, fault: Fault) -> Refused {
        self.refuse(&value.at.span(), value.key, value.rule, fault)
    }

    fn policy(&self, tree: &'a DeTable<'a>) -> Result<Policy, Refused> {
        let mut policy = Policy::default();
        for (name, at) in tree {
            let key: &str = name.get_ref();
            let value = Value { key, rule: None, at };
            match key {
                "mode" => policy.mode = self.mode(value)?,
                "otherwise" => policy.otherwise = self.action(value)?,
                PERSONS => policy.persons = self.persons(value)?,
                "rules" => policy.rules = self.rules(value)?,
                _ => return Err(self.refuse(&name.span(), key, None, Fault::Key(KEYS))),
            }
        }
        Ok(policy)
    }

    fn mode(&self, value: Value<'_>) -> Result<Mode, Refused> {
        let text = self.word(value)?;
        let mode = [Mode::Active, Mode::Shadow].into_iter().find(|mode| mode.code() == text);
        mode.ok_or_else(|| self.bad(value, Fault::Word("active, shadow")))
    }

    fn action(&self, value: Value<'_>) -> Result<Action, Refused> {
        Action::parse(self.word(value)?).ok_or_else(|| self.bad(value, Fault::Word(WORDS)))
    }

    fn persons(&self, value: Value<'_>) -> Result<Persons, Refused> {
        // `true`, `yes` and a sentence that is nearly this one are what somebody writes without having read it.
        let is_said = value.at.get_ref().as_str().is_some_and(|text| SENTENCES.contains(&text));
        is_said.then_some(Persons::MayBeBlockedWithoutReview).ok_or_else(|| self.bad(value, Fault::Sentence))
    }

    fn rules(&self, value: Value<'a>) -> Result<Vec<Rule>, Refused> {
        let tables = value.at.get_ref().as_array().ok_or_else(|| self.bad(value, Fault::Type(Wanted::Rules)))?;
        if tables.len() > MOST_RULES {
            return Err(self.bad(value, Fault::Rules));
        }
        let (mut rules, mut names) = (Vec::with_capacity(tables.len()), BTreeSet::new());
        for (at, table) in tables.iter().enumerate() {
            let number = at + 1;
            let place = |key| Value { key, rule: Some(number), at: table };
            let keys = table.get_ref().as_table();
            let keys = keys.ok_or_else(|| self.refuse(&table.span(), "rules", None, Fault::Type(Wanted::Rules)))?;
            let rule = self.rule(number, keys, place("then"))?;
            if !names.insert(rule.name.clone()) {
                return Err(self.bad(place("name"), Fault::Twice));
            }
            rules.push(rule);
        }
        Ok(rules)
    }

    fn rule(&self, number: usize, keys: &'a DeTable<'a>, whole: Value<'_>) -> Result<Rule, Refused> {
        let mut rule = Rule { name: format!("rule {number}").into(), ..Rule::default() };
        let mut then = None;
        for (name, at) in keys {
            let key: &str = name.get_ref();
            let value = Value { key, rule: Some(number), at };
            match key {
                "name" => rule.name = self.name(value)?.into(),
                "list" => rule.list = self.lists(value)?,
                "conduct" => rule.conduct = self.each(value, Conduct::parse)?,
                "severity" => rule.severity = self.each(value, Severity::parse)?,
                "state" => rule.state = self.each(value, Standing::parse)?,
                "source" => rule.source = self.sources(value)?,
                "class" => rule.class = self.each(value, Class::parse)?,
                "role" => rule.role = self.each(value, Role::parse)?,
                "min_members" => rule.min_members = self.members(value)?,
                "then" => then = Some(self.action(value)?),
                _ => return Err(self.refuse(&name.span(), key, Some(number), Fault::Key(RULE_KEYS))),
            }
        }
        rule.then = then.ok_or_else(|| self.bad(whole, Fault::NoThen))?;
        Ok(rule)
    }

    fn word<'v>(&self, value: Value<'v>) -> Result<&'v str, Refused> {
        value.at.get_ref().as_str().ok_or_else(|| self.bad(value, Fault::Type(Wanted::Text)))
    }

    fn name(&self, value: Value<'_>) -> Result<String, Refused> {
        let name = self.word(value)?.trim();
        let fits = (1..=MOST_NAME).contains(&name.chars().count()) && !name.chars().any(char::is_control);
        fits.then(|| name.to_owned()).ok_or_else(|| self.bad(value, Fault::Name))
    }

    /// One text or several.
    fn texts<'v>(&self, value: Value<'v>) -> Result<Vec<Value<'v>>, Refused> {
        let texts: Vec<Value<'v>> = match value.at.get_ref() {
            DeValue::Array(values) => values.iter().map(|at| Value { at, ..value }).collect(),
            _ => vec![value],
        };
        if texts.is_empty() {
            return Err(self.bad(value, Fault::Nothing));
        }
        match texts.iter().find(|text| !text.at.get_ref().is_str()) {
            Some(other) => Err(self.bad(*other, Fault::Type(Wanted::Texts))),
            None => Ok(texts),
        }
    }

    fn each<T>(&self, value: Value<'_>, parse: impl Fn(&str) -> Option<T>) -> Result<Vec<T>, Refused> {
        let texts = self.texts(value)?;
        let read = |text: &Value<'_>| parse(self.word(*text)?).ok_or_else(|| self.bad(*text, Fault::Code));
        texts.iter().map(read).collect()
    }

    fn lists(&self, value: Value<'_>) -> Result<Vec<List>, Refused> {
        let of = |statutory: bool| List::ALL.iter().copied().filter(|list| list.is_statutory() == statutory).collect();
        let group = |text: &str| match text.trim() {
            "statutory" | "法定名单" => Some(of(true)),
            "alliance" | "联盟名单" => Some(of(false)),
            _ => List::parse(text).map(|list| vec![list]),
        };
        let lists: Vec<List> = self.each(value, group)?.into_iter().flatten().collect();
        let statutory = lists.iter().filter(|list| list.is_statutory()).count();
        if statutory == 0 || statutory == lists.len() { Ok(lists) } else { Err(self.bad(value, Fault::Mixed)) }
    }

    fn sources(&self, value: Value<'_>) -> Result<Vec<String>, Refused> {
        let is_slug = |text: &str| {
            (2..=32).contains(&text.len())
                && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-')
        };
        let texts = self.texts(value)?;
        let read = |text: &Value<'_>| {
            let slug = self.word(*text)?;
            if is_slug(slug) { Ok(slug.to_owned()) } else { Err(self.bad(*text, Fault::Slug)) }
        };
        texts.iter().map(read).collect()
    }

    fn members(&self, value: Value<'_>) -> Result<usize, Refused> {
        let number = match value.at.get_ref() {
            DeValue::Integer(number) => number,
            _ => return Err(self.bad(value, Fault::Type(Wanted::Number))),
        };
        let digits: Cow<'_, str> = number.as_str().replace('_', "").into();
        let read = i64::from_str_radix(&digits, number.radix()).ok();
        let fits = read.filter(|number| (1..=MOST_MEMBERS).contains(number));
        // At least 1 and at most 600.
        fits.and_then(|number| usize::try_from(number).ok()).ok_or_else(|| self.bad(value, Fault::Range))
    }
}
