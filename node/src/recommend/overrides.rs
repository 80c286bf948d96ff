//! What the platform decided for single subjects: `recommend-overrides.json` in the data directory, mode 0600.
//!
//! No identifier lies in it: each subject is an authentication code of its class and canonical form under a key of this node's
//! own. **Trust:** whoever steals the file learns classes, reasons and how many there are, and cannot try identifiers without the
//! seal key. Whoever can write to it can put an old copy back or take overrides out; the audit log has each that was set.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use antibrush_protocol::{
    base::{Day, Timestamp},
    subject::{Class, Subject},
};
use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rules::{Action, Decided};
use crate::{
    keys::LocalKey,
    lang::{Zh, place_zh},
    storage::files::{self, FileError},
};

/// The file in a data directory.
pub const FILE: &str = "recommend-overrides.json";

/// Overrides at a time: they are exceptions, and the file is written anew for each.
pub const MOST: usize = 10_000;
/// Days that one may hold: somebody looks at it again within a year.
pub const MOST_DAYS: u32 = 366;
/// Characters of the longest reason.
const MOST_REASON: usize = 120;
/// Digits in a row that no date or case number has, but a telephone number does.
const MOST_DIGITS: usize = 8;
const MOST_BYTES: u64 = 8 * 1024 * 1024;

/// The purpose of the key under which subjects are written: see [`LocalKey::derive`].
pub const PURPOSE: &str = "recommend-overrides";

/// One override.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Override {
    /// Its number, by which it can be removed; never used again.
    pub number: u64,
    /// The class of the subject.
    #[schema(value_type = String, example = "ENT")]
    pub class: Class,
    /// What is recommended.
    #[serde(rename = "as")]
    pub action: Action,
    /// Why.
    pub reason: String,
    /// The last day on which it holds.
    #[schema(example = "2027-03-31")]
    pub until: String,
    /// When it was set, in seconds since 1970.
    pub set: u64,
    /// The name of the token that set it.
    pub by: String,
    /// The authentication code of the subject, in hex.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    subject: String,
}

impl Override {
    fn holds_on(&self, today: Day) -> bool {
        Day::parse(&self.until).is_some_and(|until| today <= until)
    }

    /// The same without the code, for answers.
    fn shown(&self) -> Override {
        Override { subject: String::new(), ..self.clone() }
    }
}

/// What is to be decided for a subject.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wish {
    /// What is recommended.
    pub action: Action,
    /// Why.
    pub reason: String,
    /// The last day.
    pub until: Day,
    /// Who says so.
    pub by: Arc<str>,
}

/// Why an override is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OverrideError {
    /// The reason has another form.
    #[error("the reason must be one line of 1 to {MOST_REASON} characters; shorten it")]
    Reason,
    /// The reason has a row of digits that may be an identifier.
    #[error("the reason has more than {MOST_DIGITS} digits in a row, like an identifier; leave identifiers out of it")]
    Digits,
    /// The last day is over or too far.
    #[error("the last day must be today or at most {MOST_DAYS} days ahead; choose another one")]
    Until,
    /// A person is not blocked.
    #[error(
        "the subject counts as a natural person, and recommend.toml does not say that persons may be blocked without review; use review"
    )]
    Person,
    /// There are too many.
    #[error("there are {MOST} overrides already; remove some, or write a rule in recommend.toml")]
    Full,
    /// There is none such.
    #[error("there is no such override; `antibrush recommend override list` shows them")]
    Missing,
    /// The file is damaged or was written under another seal key.
    #[error(
        "{} is damaged or belongs to another seal key ({reason}); restore it from the backup of this node, or move it away and set the overrides again", path.display()
    )]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the parser says.
        reason: String,
    },
    /// The operating system refused.
    #[error(transparent)]
    File(#[from] FileError),
}

impl Zh for OverrideError {
    fn zh(&self) -> String {
        match self {
            OverrideError::Reason => format!("理由须为一行 1 至 {MOST_REASON} 个字符：请改正"),
            OverrideError::Digits => format!("理由中有超过 {MOST_DIGITS} 位的连续数字，疑似标识：请勿写入标识"),
            OverrideError::Until => format!("截止日须为今天至 {MOST_DAYS} 天以内：请另选一天"),
            OverrideError::Person => {
                "该主体视为自然人，且 recommend.toml 没有声明可未经复核拦截个人：请改用 review".to_owned()
            }
            OverrideError::Full => format!("已有 {MOST} 条单独处置：请移除一些，或在 recommend.toml 中写成规则"),
            OverrideError::Missing => "没有这条单独处置：可用 antibrush recommend override list 查看".to_owned(),
            OverrideError::Damaged { path, reason } => format!(
                "{} 已损坏或属于另一把密封密钥{}：请从本节点的备份恢复，或移走该文件后重新设置",
                path.display(),
                place_zh(reason)
            ),
            OverrideError::File(error) => error.zh(),
        }
    }
}

/// What the file holds.
#[derive(Serialize, Deserialize)]
struct Contents {
    /// Of the key: codes under another one would match nobody, in silence.
    check: String,
    /// The number of the next one.
    next: u64,
    overrides: Vec<Override>,
}

type Code = [u8; 32];

/// Those in force, by subject.
#[derive(Clone, Default)]
struct Held {
    next: u64,
    by_subject: HashMap<Code, Override>,
}

/// The overrides of a node.
pub struct Overrides {
    path: PathBuf,
    key: LocalKey,
    held: ArcSwap<Held>,
    one_at_a_time: Mutex<()>,
}

impl Overrides {
    /// Reads those of a data directory.
    ///
    /// # Errors
    /// [`OverrideError::Damaged`] or [`OverrideError::File`].
    pub fn open(directory: &Path, key: LocalKey) -> Result<Overrides, OverrideError> {
        let path = directory.join(FILE);
        let damaged = |reason: &str| OverrideError::Damaged { path: path.clone(), reason: reason.to_owned() };
        let mut held = Held { next: 1, ..Held::default() };
        if let Some(bytes) = files::read_bounded(&path, MOST_BYTES)? {
            let contents: Contents = serde_json::from_slice(&bytes).map_err(|error| damaged(&error.to_string()))?;
            if contents.check != check(&key) {
                return Err(damaged("another key"));
            }
            held.next = contents.next;
            for entry in contents.overrides {
                let code = hex::decode(&entry.subject).ok().and_then(|code| Code::try_from(code).ok());
                held.by_subject.insert(code.ok_or_else(|| damaged("a code"))?, entry);
            }
        }
        Ok(Overrides { path, key, held: ArcSwap::from_pointee(held), one_at_a_time: Mutex::default() })
    }

    /// What was decided for a subject and holds today.
    pub fn find(&self, subject: &Subject, today: Day) -> Option<Decided> {
        let held = self.held.load();
        // Nearly every check of nearly every node: nothing to compute.
        if held.by_subject.is_empty() {
            return None;
        }
        let found = held.by_subject.get(&self.code(subject)).filter(|found| found.holds_on(today))?;
        Some(Decided { number: found.number, action: found.action })
    }

    /// Those in force, by number.
    pub fn all(&self, today: Day) -> Vec<Override> {
        let held = self.held.load();
        let mut all: Vec<Override> =
            held.by_subject.values().filter(|entry| entry.holds_on(today)).map(Override::shown).collect();
        all.sort_unstable_by_key(|entry| entry.number);
        all
    }

    /// Decides for a subject, in place of what was decided before. `spared`: persons are not blocked, and it counts as one. It
    /// holds once this returns, also after a crash. `log` is called before anything is written.
    ///
    /// # Errors
    /// Any of [`OverrideError`]; nothing is changed then.
    pub fn set(
        &self,
        subject: &Subject,
        wish: Wish,
        spared: bool,
        now: Timestamp,
        log: impl FnOnce(&Override) -> Result<(), FileError>,
    ) -> Result<Override, OverrideError> {
        let today = now.day();
        let reason = checked_reason(&wish.reason)?.to_owned();
        if wish.until < today || wish.until > today.plus(MOST_DAYS) {
            return Err(OverrideError::Until);
        }
        if spared && wish.action == Action::Block {
            return Err(OverrideError::Person);
        }
        let code = self.code(subject);
        self.change(today, |held| {
            if held.by_subject.len() >= MOST && !held.by_subject.contains_key(&code) {
                return Err(OverrideError::Full);
            }
            let entry = Override {
                number: held.next,
                class: subject.class(),
                action: wish.action,
                reason,
                until: wish.until.to_string(),
                set: now.0,
                by: wish.by.to_string(),
                subject: hex::encode(code),
            };
            log(&entry)?;
            held.next += 1;
            let shown = entry.shown();
            held.by_subject.insert(code, entry);
            Ok(shown)
        })
    }

    /// Takes the override of a subject back. `log` as for [`Overrides::set`].
    ///
    /// # Errors
    /// [`OverrideError::Missing`] or [`OverrideError::File`].
    pub fn remove(
        &self,
        subject: &Subject,
        today: Day,
        log: impl FnOnce(&Override) -> Result<(), FileError>,
    ) -> Result<Override, OverrideError> {
        let code = self.code(subject);
        self.change(today, |held| take(held, Some(code), log))
    }

    /// Takes an override back by its number.
    ///
    /// # Errors
    /// As [`Overrides::remove`].
    pub fn remove_number(
        &self,
        number: u64,
        today: Day,
        log: impl FnOnce(&Override) -> Result<(), FileError>,
    ) -> Result<Override, OverrideError> {
        self.change(today, |held| {
            let code = held.by_subject.iter().find(|(_, entry)| entry.number == number).map(|(code, _)| *code);
            take(held, code, log)
        })
    }

    /// Changes a copy, writes it, and only then lets checks see it. Those that are over are dropped.
    fn change<T>(
        &self,
        today: Day,
        change: impl FnOnce(&mut Held) -> Result<T, OverrideError>,
    ) -> Result<T, OverrideError> {
        // What it guards lies in `held`, which is whole at any time.
        let _alone = self.one_at_a_time.lock().unwrap_or_else(PoisonError::into_inner);
        let mut held = Held::clone(&self.held.load());
        held.by_subject.retain(|_, entry| entry.holds_on(today));
        let changed = change(&mut held)?;
        let mut overrides: Vec<Override> = held.by_subject.values().cloned().collect();
        overrides.sort_unstable_by_key(|entry| entry.number);
        let contents = Contents { check: check(&self.key), next: held.next, overrides };
        // Strings, numbers and enums encode in every case.
        let bytes = serde_json::to_vec_pretty(&contents).expect("overrides encode");
        files::write_atomic(&self.path, &bytes, 0o600)?;
        self.held.store(Arc::new(held));
        Ok(changed)
    }

    fn code(&self, subject: &Subject) -> Code {
        self.key.mac(&[b"subject", &[subject.class().number()], subject.canonical().as_bytes()])
    }
}

fn take(
    held: &mut Held,
    code: Option<Code>,
    log: impl FnOnce(&Override) -> Result<(), FileError>,
) -> Result<Override, OverrideError> {
    let code = code.filter(|code| held.by_subject.contains_key(code)).ok_or(OverrideError::Missing)?;
    let entry = held.by_subject.remove(&code).ok_or(OverrideError::Missing)?;
    log(&entry)?;
    Ok(entry.shown())
}

fn check(key: &LocalKey) -> String {
    hex::encode(&key.mac(&[b"check"])[..16])
}

/// A reason stands in a file and in the audit log, where no identifier may be.
fn checked_reason(text: &str) -> Result<&str, OverrideError> {
    let text = text.trim();
    if !(1..=MOST_REASON).contains(&text.chars().count()) || text.chars().any(char::is_control) {
        return Err(OverrideError::Reason);
    }
    let mut digits = 0;
    for c in text.chars() {
        match c {
            '0'..='9' | '０'..='９' => digits += 1,
            // People type these between the digits of one number.
            ' ' | '-' => {}
            _ => digits = 0,
        }
        if digits > MOST_DIGITS {
            return Err(OverrideError::Digits);
        }
    }
    Ok(text)
}
