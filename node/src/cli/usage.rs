//! A command line that cannot be read: one sentence that never repeats what was typed, for that may be an identifier.

use clap::{
    Command,
    error::{ContextKind, ContextValue, ErrorKind},
};

use super::Failure;

/// The exit status of a command line that cannot be read.
pub const STATUS: u8 = 2;

/// The refusal; `None` for help and version, which come the same way. `words` are the arguments of the process.
pub fn refusal(error: &clap::Error, command: &Command, words: &[String]) -> Option<Failure> {
    use ErrorKind as K;
    let help = format!("`{} --help`", verb(command, words));
    let flag = named(error, ContextKind::InvalidArg).into_iter().next();
    let (en, zh) = match (error.kind(), flag) {
        (K::DisplayHelp | K::DisplayVersion | K::DisplayHelpOnMissingArgumentOrSubcommand, _) => return None,
        (K::InvalidValue | K::ValueValidation, Some(flag)) => match named(error, ContextKind::ValidValue) {
            known if known.is_empty() => (format!("{flag} does not take this value"), format!("{flag} 的值无效")),
            known => (
                format!("{flag} does not take this value, only {}", known.join(", ")),
                format!("{flag} 的值无效，可用的值为 {}", known.join("、")),
            ),
        },
        (K::MissingRequiredArgument, Some(_)) => {
            let missing = named(error, ContextKind::InvalidArg).join(" ");
            (format!("{missing} is missing"), format!("缺少 {missing}"))
        }
        (K::ArgumentConflict, Some(flag)) => {
            (format!("{flag} stands twice or beside a flag that excludes it"), format!("{flag} 重复，或与其他参数冲突"))
        }
        (K::UnknownArgument, _) => match named(error, ContextKind::SuggestedArg).into_iter().next() {
            Some(meant) => (
                format!("this command has no such flag or argument; did you mean {meant}?"),
                format!("没有这样的参数，是否指 {meant}？"),
            ),
            None => ("this command has no such flag or argument".to_owned(), "没有这样的参数".to_owned()),
        },
        (K::InvalidSubcommand, _) => match named(error, ContextKind::SuggestedSubcommand).into_iter().next() {
            Some(meant) => (
                format!("there is no such command; did you mean {meant}?"),
                format!("没有这样的命令，是否指 {meant}？"),
            ),
            None => ("there is no such command".to_owned(), "没有这样的命令".to_owned()),
        },
        (K::MissingSubcommand, _) => ("a command is missing".to_owned(), "缺少命令".to_owned()),
        _ => ("the arguments cannot be read".to_owned(), "参数无法识别".to_owned()),
    };
    Some(Failure::both(format!("{en}; see {help}"), format!("{zh}；用法见 {help}")).of_kind("usage"))
}

/// What clap says of this kind: names of flags and verbs as they are defined, or values that would do.
fn named(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    let words = match error.get(kind) {
        Some(ContextValue::String(word)) => vec![word.clone()],
        Some(ContextValue::Strings(words)) => words.clone(),
        _ => Vec::new(),
    };
    words.into_iter().filter(|word| !word.is_empty()).collect()
}

/// The verb that the words name, as far as they name one.
fn verb(command: &Command, words: &[String]) -> String {
    let (mut at, mut path) = (command, command.get_name().to_owned());
    for word in words {
        if let Some(next) = at.find_subcommand(word) {
            at = next;
            path = format!("{path} {}", next.get_name());
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::cli::Arguments;

    fn said(words: &str) -> String {
        let words: Vec<String> = words.split(' ').map(str::to_owned).collect();
        let line = std::iter::once("antibrush".to_owned()).chain(words.clone());
        let error = Arguments::command().try_get_matches_from(line).unwrap_err();
        refusal(&error, &Arguments::command(), &words).unwrap().detail().to_owned()
    }

    #[test]
    fn every_mistake_has_its_sentence() {
        for (words, sentence) in [
            ("chekc", "there is no such command; did you mean check?; see `antibrush --help`"),
            ("13800138000", "there is no such command; see `antibrush --help`"),
            ("check --class MOB", "--id <ID> is missing; see `antibrush check --help`"),
            (
                "check --classs MOB",
                "this command has no such flag or argument; did you mean --class?; see `antibrush check --help`",
            ),
            (
                "demo --entries 13800138000x",
                "--entries <ENTRIES> does not take this value; see `antibrush demo --help`",
            ),
            (
                "demo --json --json",
                "--json stands twice or beside a flag that excludes it; see `antibrush demo --help`",
            ),
            ("feed shwo", "there is no such command; did you mean show?; see `antibrush feed --help`"),
        ] {
            assert_eq!(said(words), sentence, "{words}");
        }
    }

    #[test]
    fn nothing_typed_is_repeated() {
        let secret = "13800138000";
        for words in [
            format!("check --class {secret} {secret} --purpose x"),
            format!("check {secret} {secret} {secret} {secret}"),
            format!("--{secret}"),
            format!("feed {secret}"),
            format!("run --api {secret}"),
            format!("check --json={secret} x"),
            format!("proof inclusion --index {secret}x"),
        ] {
            let words: Vec<&str> = words.split(' ').collect();
            let line = std::iter::once("antibrush").chain(words.iter().copied());
            let Err(error) = Arguments::command().try_get_matches_from(line) else { continue };
            let words: Vec<String> = words.into_iter().map(str::to_owned).collect();
            let failure = refusal(&error, &Arguments::command(), &words).unwrap();
            assert!(!format!("{failure:?}").contains(secret), "{failure:?}");
        }
    }
}
