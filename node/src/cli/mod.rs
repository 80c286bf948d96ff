//! The command line. Each verb has its file; all of them speak to the node through [`client`], over its HTTP interface
//! while it runs and in process while it does not.

/// Prints a line; a reader that has gone (`| head`) is no reason to panic.
macro_rules! println {
    ($($text:tt)*) => {{
        use std::io::Write;
        let _ = writeln!(std::io::stdout(), $($text)*);
    }};
}

mod alliance;
pub(crate) mod args;
mod charter;
mod charter_args;
mod check;
mod client;
mod effect;
mod feed;
mod filter;
mod import;
mod init;
mod join;
mod keys;
mod keys_args;
mod life;
mod life_args;
mod lines;
mod listing;
pub(crate) mod output;
mod proof;
mod recommend;
mod recommend_args;
mod remark;
mod report;
mod rotate;
mod run;
mod status;
mod tokenize;
mod usage;
mod writer;
mod zh;

#[cfg(test)]
mod tests;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{CommandFactory, FromArgMatches};

pub use args::{Arguments, Verb};
pub use client::Client;
pub use output::{Failure, Output};

use crate::{
    config::Config,
    keys::{KeyStore, Keys, Protection, passphrase},
    lang::{self, Lang, Zh},
    storage::lock::DataDir,
};

/// What every verb needs.
pub struct Context {
    /// The data directory.
    pub directory: PathBuf,
    /// Whether somebody named it.
    pub directory_is_named: bool,
    /// The configuration file named by `--config`.
    pub config: Option<PathBuf>,
    /// The file with the passphrase, if one was named.
    pub passphrase_file: Option<PathBuf>,
    /// How to show results.
    pub output: Output,
}

impl Context {
    /// The language of texts for people.
    pub fn lang(&self) -> Lang {
        self.output.lang
    }

    /// Locks the data directory, which must hold a node.
    pub fn lock(&self) -> Result<DataDir, Failure> {
        // Locking would make the directory; a wrong --dir must not leave an empty one behind.
        crate::profile::Profile::read(&self.directory).map_err(Failure::new)?;
        DataDir::lock(&self.directory).map_err(Failure::new)
    }

    /// Opens the keys, asking for the passphrase only if they have one.
    pub fn open_keys(&self) -> Result<Keys, Failure> {
        KeyStore::open(&self.directory, &self.protection(&self.directory)?).map_err(Failure::new)
    }

    /// How the keys of a directory are kept, with their passphrase if they have one.
    pub fn protection(&self, directory: &Path) -> Result<Protection, Failure> {
        Ok(match KeyStore::is_encrypted(directory).map_err(Failure::new)? {
            true => {
                let secret = passphrase::find(self.passphrase_file.as_deref(), passphrase::Purpose::Open);
                Protection::Passphrase(secret.map_err(Failure::new)?)
            }
            false => Protection::InClearDangerously,
        })
    }

    /// Reads the configuration.
    pub fn load_config(&self) -> Result<Config, Failure> {
        Config::load(&self.directory, self.config.as_deref()).map_err(Failure::new)
    }
}

/// Runs the command line of this process.
pub fn main() -> ExitCode {
    forbid_core_dumps();
    let lang = lang::from_environment();
    let mut command = Arguments::command();
    if lang == Lang::Zh {
        command = zh::translate(command);
    }
    let matches = command.try_get_matches_from_mut(std::env::args_os());
    let arguments = match matches.map(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(Ok(arguments)) => arguments,
        Ok(Err(error)) | Err(error) => return refuse(&error, &command, lang),
    };
    let output = Output { lang, json: arguments.json };
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => {
            return output.fail(&Failure::both(
                format!("the system refuses threads: {error}"),
                format!("系统拒绝创建线程（{}）：请检查内存和进程数限制", error.zh()),
            ));
        }
    };
    let context = Context {
        directory_is_named: arguments.dir.is_some(),
        directory: arguments.dir.unwrap_or_else(|| PathBuf::from("antibrush-data")),
        config: arguments.config,
        passphrase_file: arguments.passphrase_file,
        output,
    };
    let outcome = runtime.block_on(dispatch(&context, arguments.verb));
    // A task that hangs must not keep a finished command alive.
    runtime.shutdown_timeout(std::time::Duration::from_secs(2));
    match outcome {
        Ok(status) => status,
        Err(failure) => context.output.fail(&failure),
    }
}

/// The memory of this process holds identifiers and keys: a crash must not write it to a disk, and no other process of the
/// same user may read it.
fn forbid_core_dumps() {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    // Lowering a limit of one's own is always allowed; on a system without these calls its own settings hold.
    let _ = setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) });
    let _ = set_dumpable_behavior(DumpableBehavior::NotDumpable);
}

/// Help and version, or why the command line cannot be read.
fn refuse(error: &clap::Error, command: &clap::Command, lang: Lang) -> ExitCode {
    let words: Vec<String> = std::env::args_os().skip(1).map(|word| word.to_string_lossy().into_owned()).collect();
    let output = Output { lang, json: words.iter().any(|word| word == "--json") };
    match usage::refusal(error, command, &words) {
        Some(failure) => {
            output.fail(&failure);
            ExitCode::from(usage::STATUS)
        }
        None => {
            // A closed pipe: nobody reads on.
            let _ = error.print();
            ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(usage::STATUS))
        }
    }
}

/// Does what the verb says; a verb that can end well in several ways gives its own status.
async fn dispatch(context: &Context, verb: Verb) -> Result<ExitCode, Failure> {
    let done = match verb {
        Verb::Init(args) => init::run(context, args),
        Verb::Run(args) => run::run(context, args).await,
        Verb::Demo(args) => crate::demo::run(context, args).await,
        Verb::Import(args) => return import::run(context, args).await,
        Verb::Tokenize(args) => return tokenize::run(context, args).await,
        Verb::List(args) => listing::list(context, args).await,
        Verb::Clear(args) => listing::clear(context, args).await,
        Verb::Dispute(args) => remark::dispute(context, args).await,
        Verb::Rule(args) => remark::rule(context, args).await,
        Verb::Notice(args) => remark::notice(context, args).await,
        Verb::Commitment(args) => remark::commitment(context, args).await,
        Verb::Measure(args) => remark::measure(context, args).await,
        Verb::Check(args) => check::run(context, args).await,
        Verb::Life(args) => life::life(context, args).await,
        Verb::Due(args) => life::due(context, args).await,
        Verb::Effects(args) => effect::run(context, args).await,
        Verb::Report(verb) => report::run(context, verb).await,
        Verb::Recommend(verb) => recommend::run(context, verb).await,
        Verb::Status => status::run(context).await,
        Verb::Feed(verb) => feed::run(context, verb).await,
        Verb::Proof(verb) => proof::run(context, verb).await,
        Verb::Filter(verb) => filter::run(context, verb).await,
        Verb::Alliance(verb) => alliance::run(context, verb).await,
        Verb::Keys(verb) => keys::run(context, verb).await,
        Verb::JoinRequest(args) => join::request(context, &args),
        Verb::Writer(verb) => writer::run(context, verb).await,
        Verb::Join(args) => join::run(context, args).await,
    };
    done.map(|()| ExitCode::SUCCESS)
}
