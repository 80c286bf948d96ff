//! The verbs and flags.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

/// Thousands of virtual nodes, every fault, one seed.
#[derive(Debug, Parser)]
#[command(name = "antibrush-sim", version, arg_required_else_help = true)]
pub struct Arguments {
    /// Language of help and results: en or zh; by default that of the environment.
    // Read before the help is made; here it is known to the help.
    #[arg(long, global = true, value_parser = ["en", "zh"])]
    pub lang: Option<String>,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run a scenario under one seed.
    Run(RunArgs),
    /// Run fresh seeds until the time is over or an invariant breaks.
    Soak(SoakArgs),
    /// Make the operations of a run that breaks an invariant as few as possible.
    Shrink(ShrinkArgs),
    /// Run the operations of a file that a broken run or shrink left.
    Replay(ReplayArgs),
    /// Run a scenario over a range of values of one key, to a CSV file.
    Sweep(SweepArgs),
    /// Run a scenario and write what came of it as one HTML page.
    Report(ReportArgs),
    /// Compare the gossip model with real libp2p swarms.
    Calibrate(CalibrateArgs),
    /// Show what attackers can enumerate under which quotas.
    Privacy(PrivacyArgs),
    /// Show the scenarios that come with the program.
    List,
}

/// Which run.
#[derive(Debug, Args)]
pub struct Which {
    /// Scenario: a name of the list or a file.
    #[arg(long)]
    pub scenario: String,
    /// Seed: the same one gives the same run.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
}

/// How to treat a run that breaks.
#[derive(Debug, Args)]
pub struct Breaking {
    /// Directory for the replay file of a broken run.
    #[arg(long, default_value = ".")]
    pub replays: PathBuf,
    /// The most runs for shrinking; 0 leaves all operations.
    #[arg(long, default_value_t = 200)]
    pub shrink_runs: u32,
}

/// Of `run`.
#[derive(Debug, Args)]
pub struct RunArgs {
    #[command(flatten)]
    pub which: Which,
    /// Show the result as JSON.
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub breaking: Breaking,
}

/// Of `soak`.
#[derive(Debug, Args)]
pub struct SoakArgs {
    /// For how many minutes.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub minutes: u64,
    /// Scenarios: names of the list or files; may be given several times.
    #[arg(long, default_value = "national")]
    pub scenario: Vec<String>,
    /// The most seeds.
    #[arg(long, default_value_t = u64::MAX, hide_default_value = true, value_parser = clap::value_parser!(u64).range(1..))]
    pub seeds: u64,
    /// The first seed; by default a fresh one.
    #[arg(long)]
    pub first_seed: Option<u64>,
    #[command(flatten)]
    pub breaking: Breaking,
}

/// Of `shrink`.
#[derive(Debug, Args)]
pub struct ShrinkArgs {
    #[command(flatten)]
    pub which: Which,
    /// The most runs.
    #[arg(long, default_value_t = 1000)]
    pub runs: u32,
    /// File for the result; by default named after scenario and seed.
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArgs {
    /// The file.
    pub file: PathBuf,
}

/// Of `sweep`.
#[derive(Debug, Args)]
pub struct SweepArgs {
    #[command(flatten)]
    pub which: Which,
    /// Key with its table, like network.loss.
    #[arg(long)]
    pub set: String,
    /// First value, as a scenario file writes it.
    #[arg(long)]
    pub from: String,
    /// Last value.
    #[arg(long)]
    pub to: String,
    /// How many values.
    #[arg(long, default_value_t = 5)]
    pub steps: u32,
    /// File for the result.
    #[arg(long)]
    pub out: PathBuf,
}

/// Of `report`.
#[derive(Debug, Args)]
pub struct ReportArgs {
    #[command(flatten)]
    pub which: Which,
    /// File for the page.
    #[arg(long)]
    pub out: PathBuf,
    #[command(flatten)]
    pub breaking: Breaking,
}

/// Of `calibrate`.
#[derive(Debug, Args)]
pub struct CalibrateArgs {
    /// Seed: the same one gives the same links, dials and publishers.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// How many nodes; may be given several times.
    #[arg(long, default_values_t = [50, 200], value_parser = clap::value_parser!(u32).range(10..=400))]
    pub nodes: Vec<u32>,
    /// Show the result as JSON.
    #[arg(long)]
    pub json: bool,
    /// File for a page with both curves.
    #[arg(long)]
    pub out: Option<PathBuf>,
}

/// Of `privacy`.
#[derive(Debug, Args)]
pub struct PrivacyArgs {
    /// How many hold a share.
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u8).range(2..=16))]
    pub holders: u8,
    /// How many of them must answer.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u8).range(2..=16))]
    pub threshold: u8,
    /// How long a key lives, in days.
    #[arg(long, default_value_t = 365, value_parser = clap::value_parser!(u32).range(1..=3660))]
    pub epoch_days: u32,
    /// Seed of the small world.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// Show the result as JSON.
    #[arg(long)]
    pub json: bool,
    /// File for a page with plots.
    #[arg(long)]
    pub out: Option<PathBuf>,
}
