//! What is done with keys and the writer of a feed, as typed.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// What to do about the writer of this member's feed.
#[derive(Subcommand)]
pub enum WriterVerb {
    /// Show which node writes, in which term, and which nodes must agree on each batch.
    Show,
    /// Write here from now on: most of the nodes that decide must answer. What the last writer began is finished first, and it
    /// is refused from then on.
    Take,
}

/// What to do with token keys.
#[derive(Subcommand)]
pub enum KeysVerb {
    /// Show keys, holders, ceremonies and what was evaluated today.
    Status,
    /// Name the members that hold shares from the next ceremony on, and their quotas. For stewards.
    Holders {
        /// The holders' short names, with commas; those of the charter if not given. At least one is no platform.
        #[arg(long, value_delimiter = ',')]
        holders: Vec<String>,
        /// How many of them must answer; as in the charter if not given.
        #[arg(long, default_value_t = 0, hide_default_value = true)]
        threshold: u8,
        /// Evaluations for one member and day at each holder, as CLASS=NUMBER; repeat it for more classes.
        #[arg(long)]
        quota: Vec<String>,
        /// Where to write the proposal; needed if more than one steward must sign.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Make threshold keys for classes that have none: the holders' nodes do it among themselves, nobody has a whole key.
    Ceremony {
        #[command(flatten)]
        args: CeremonyArgs,
        /// The holders' short names, with commas, if they are to be named first.
        #[arg(long, value_delimiter = ',')]
        holders: Vec<String>,
        /// How many of them must answer.
        #[arg(long, default_value_t = 0, hide_default_value = true)]
        threshold: u8,
    },
    /// Make the keys of the next epoch. Publishers carry their listings over; both epochs answer until the old one is retired.
    Rotate {
        #[command(flatten)]
        args: CeremonyArgs,
    },
    /// Renew the shares of the same keys. This is no rotation: keys and tokens stay.
    Refresh {
        #[command(flatten)]
        args: CeremonyArgs,
    },
    /// Retire an epoch: its holders erase their shares and sign that they did.
    Retire {
        /// The epoch.
        #[arg(long)]
        epoch: u16,
        /// Although listings under it were not carried over and will be lost from sight.
        #[arg(long)]
        force: bool,
        /// Where to write the proposal; needed if more than one steward must sign.
        #[arg(long)]
        out: Option<PathBuf>,
    },
}

/// Flags of ceremonies.
#[derive(Args)]
pub struct CeremonyArgs {
    /// The classes, with commas; all that it can be for if not given.
    #[arg(long, value_delimiter = ',')]
    pub classes: Vec<String>,
    /// How long the holders have, in minutes.
    #[arg(long)]
    pub minutes: Option<u64>,
    /// Call the holders and return at once.
    #[arg(long)]
    pub no_wait: bool,
    /// Where to write the proposal with the keys; needed if more than one steward must sign.
    #[arg(long, conflicts_with = "no_wait")]
    pub out: Option<PathBuf>,
}
