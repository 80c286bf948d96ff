//! The command line.
//!
//! Exit status: 0 all held, 1 an invariant broke, 2 the command line or a file cannot be used.

/// Prints a line; a reader that has gone (`| head`) is no reason to panic.
macro_rules! println {
    ($($text:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

mod args;
mod bar;
mod broken;
mod measures;
mod said;
mod verbs;
mod zh;

use std::process::ExitCode;

use antibrush_simulator::{
    lang::{Both, Lang},
    scenario::ScenarioError,
};
use args::{Arguments, Verb};
use clap::{CommandFactory, FromArgMatches};

/// What a wrong command line or file gives.
const USAGE: u8 = 2;

/// What a broken invariant gives.
const BROKEN: u8 = 1;

/// Why a verb could not do its work.
enum Failure {
    /// Something that the user can put right.
    Usage(Both),
    /// A file that does not hold.
    File(ScenarioError),
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let lang = asked_for(words);
    let mut command = Arguments::command();
    if lang == Lang::Zh {
        command = zh::translate(command);
    }
    let matches = command.try_get_matches_from_mut(std::env::args_os());
    let arguments = match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => {
            if lang == Lang::Zh && error.use_stderr() {
                eprintln!("{}", zh::refusal(&error));
            } else {
                // A closed pipe: nobody reads on.
                let _ = error.print();
            }
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(USAGE));
        }
    };
    let done = match arguments.verb {
        Verb::Run(args) => verbs::run(lang, &args),
        Verb::Soak(args) => verbs::soak(lang, &args),
        Verb::Shrink(args) => verbs::shrink(lang, &args),
        Verb::Replay(args) => verbs::replay(lang, &args),
        Verb::Sweep(args) => verbs::sweep(lang, &args),
        Verb::Report(args) => verbs::report(lang, &args),
        Verb::Calibrate(args) => measures::calibrate(lang, &args),
        Verb::Privacy(args) => measures::privacy(lang, &args),
        Verb::List => verbs::list(lang),
    };
    match done {
        Ok(status) => status,
        Err(failure) => {
            complain(lang, &failure);
            ExitCode::from(USAGE)
        }
    }
}

/// Says what is wrong.
fn complain(lang: Lang, failure: &Failure) {
    let text = match failure {
        Failure::Usage(what) => what.of(lang).to_owned(),
        Failure::File(error) => error.say(lang),
    };
    eprintln!("{}{text}", lang.pick("error: ", "错误："));
}

/// The language that `--lang` asks for, else the environment: it must be known before the help is.
fn asked_for(mut words: impl Iterator<Item = String>) -> Lang {
    while let Some(word) = words.next() {
        if let Some(name) = word.strip_prefix("--lang=") {
            return Lang::named(name);
        }
        if word == "--lang" {
            return words.next().map_or_else(Lang::from_environment, |name| Lang::named(&name));
        }
    }
    Lang::from_environment()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_and_flag_has_its_chinese_help() {
        zh::translate(Arguments::command()).debug_assert();
        fn walk(command: &clap::Command, path: &str) {
            assert!(zh::text(path).is_some(), "no Chinese text for {path}");
            for argument in command.get_arguments().filter(|argument| !argument.is_hide_set()) {
                let name = argument.get_id().as_str();
                let found = zh::text(&format!("{path} --{name}")).or_else(|| zh::text(&format!("--{name}")));
                assert!(found.is_some(), "no Chinese text for {path} --{name}");
            }
            for verb in command.get_subcommands() {
                walk(verb, &format!("{path} {}", verb.get_name()));
            }
        }
        walk(&Arguments::command(), "antibrush-sim");
    }

    #[test]
    fn the_flag_goes_before_the_environment() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>().into_iter();
        assert_eq!(asked_for(words("x run --lang zh")), Lang::Zh);
        assert_eq!(asked_for(words("x --lang=en run")), Lang::En);
    }
}
