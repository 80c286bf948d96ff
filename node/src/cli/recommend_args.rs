//! The verbs and flags of `recommend`.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::args::SubjectArgs;

/// What to do with recommendations to the risk system.
#[derive(Subcommand)]
pub enum RecommendVerb {
    /// Show the rules in force, and what they recommended since they are, or in shadow mode would have.
    Show {
        /// Print the default as a file to start from, and nothing else.
        #[arg(long)]
        default: bool,
    },
    /// Read recommend.toml again. If it is refused, the rules in force stay.
    Reload,
    /// Say how many of a customer base each source hits and what would be recommended, before anything is done about it.
    Forecast(ForecastArgs),
    /// Decide for single subjects, whatever the rules say.
    #[command(subcommand)]
    Override(OverrideVerb),
}

/// What to do with overrides.
#[derive(Subcommand)]
pub enum OverrideVerb {
    /// Set what is recommended for one subject until a day. It goes into the audit log.
    Set(OverrideArgs),
    /// Show the overrides in force. Whom they are for is not kept in a form that could be shown.
    List,
    /// Take an override back, by its subject or its number.
    Remove {
        /// The class of the subject.
        #[arg(long, requires = "id")]
        class: Option<String>,
        /// The identifier; `-` reads it from standard input, so that it stays out of the shell's history.
        #[arg(long, requires = "class")]
        id: Option<String>,
        /// The override's number, as `list` shows it.
        #[arg(long, conflicts_with = "class", required_unless_present = "class")]
        number: Option<u64>,
    },
}

/// Flags of `recommend override set`.
#[derive(Args)]
pub struct OverrideArgs {
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// What is recommended: ignore, watch, review or block. A person is blocked only if recommend.toml says so in words.
    #[arg(long = "as")]
    pub action: String,
    /// Why, in one line without identifiers.
    #[arg(long)]
    pub reason: String,
    /// The last day on which it holds, at most 366 days ahead.
    #[arg(long)]
    pub until: String,
}

/// Flags of `recommend forecast`.
#[derive(Args)]
pub struct ForecastArgs {
    /// The file of customers: CSV or XLSX, UTF-8 or GB18030, with a class and an identifier column or a heading like 手机号.
    pub file: PathBuf,
    /// The class of all identifiers, for files that do not say it: ENT PER MOB SHP ACC PAY WEB APP GRP LOG WBL, or its Chinese name.
    #[arg(long)]
    pub class: Option<String>,
    /// Where to write the rows that were not taken, with line, column and reason.
    #[arg(long)]
    pub rejects: Option<PathBuf>,
}
