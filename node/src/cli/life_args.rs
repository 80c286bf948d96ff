//! What is said of listings, as typed.

use clap::Args;

use super::args::SubjectArgs;

/// Of which of the subject's listings something is said.
#[derive(Args)]
pub struct TargetArgs {
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// Of the listings on this list alone.
    #[arg(long)]
    pub list: Option<String>,
    /// Of this member's listings alone.
    #[arg(long)]
    pub publisher: Option<String>,
}

/// Flags of `dispute`.
#[derive(Args)]
pub struct DisputeArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    /// What is disputed: D01 subject, D02 facts, D03 severity, D04 repaired, D05 victim, D06 term, D07 unlawful, D99 other.
    #[arg(long, required_unless_present = "withdraw")]
    pub reason: Option<String>,
    /// Where the evidence is kept; only its salted digest leaves the node.
    #[arg(long, required_unless_present = "withdraw")]
    pub evidence: Option<String>,
    /// Take this member's open dispute back.
    #[arg(long, conflicts_with_all = ["reason", "evidence"])]
    pub withdraw: bool,
}

/// Flags of `rule`.
#[derive(Args)]
pub struct RuleArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    /// The ruling: upheld, corrected, withdrawn or rejected.
    #[arg(long)]
    pub outcome: String,
    /// On what it rests: J01 evidence suffices, J02 it does not, J03 subject, J04 victim, J05 repaired, J06 severity, J07 procedure, J99 other.
    #[arg(long)]
    pub reason: String,
    /// The dispute of this member alone.
    #[arg(long)]
    pub disputer: Option<String>,
}

/// Flags of `notice`.
#[derive(Args)]
pub struct NoticeArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    /// What it says: rectify, urge or escalate.
    #[arg(long, default_value = "rectify")]
    pub step: String,
    /// The last day of rectification, where sector law sets another than three months.
    #[arg(long)]
    pub until: Option<String>,
    /// The number of the document.
    #[arg(long)]
    pub document: Option<String>,
}

/// Flags of `commitment`.
#[derive(Args)]
pub struct CommitmentArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    /// What the subject did: committed or rectified.
    #[arg(long, default_value = "committed")]
    pub step: String,
    /// Where the evidence is kept; only its salted digest leaves the node.
    #[arg(long)]
    pub evidence: String,
}

/// Flags of `measure`.
#[derive(Args)]
pub struct MeasureArgs {
    #[command(flatten)]
    pub target: TargetArgs,
    /// The measure: M01 … M12, P01 … P09, G01 … G06.
    #[arg(long)]
    pub measure: String,
    /// What this platform did: applied, declined or acknowledged.
    #[arg(long, default_value = "applied")]
    pub response: String,
    /// Why it declined: N01 not here, N02 evidence, N03 disputed, N04 handled, N05 not applicable, N06 human review, N99 other.
    #[arg(long)]
    pub reason: Option<String>,
    /// The number of the authority's document, which the government's measures (G) need.
    #[arg(long)]
    pub document: Option<String>,
}

/// Flags of `life`.
#[derive(Args)]
pub struct LifeArgs {
    #[command(flatten)]
    pub subject: SubjectArgs,
}

/// Flags of `due`.
#[derive(Args)]
pub struct DueArgs {
    /// How many days ahead; what is overdue is always shown.
    #[arg(long, default_value_t = 7)]
    pub days: u32,
    /// Listings of this member alone; this platform's own if not given.
    #[arg(long, conflicts_with = "all")]
    pub publisher: Option<String>,
    /// Listings of all members.
    #[arg(long)]
    pub all: bool,
    /// One duty alone: confirm, notify, commit, rectify, escalate, answer, hard-stop, clear, review or expire.
    #[arg(long)]
    pub duty: Option<String>,
    /// At most so many, up to 10000.
    #[arg(long, default_value_t = 1000)]
    pub most: usize,
}

/// Flags of `effects`.
#[derive(Args)]
pub struct EffectsArgs {
    /// The first month, like 2026-11; the present one if not given.
    #[arg(long)]
    pub from: Option<String>,
    /// The last month; the first one if not given.
    #[arg(long)]
    pub to: Option<String>,
}
