//! The flags of charter proposals.

use std::path::PathBuf;

use clap::{Args, Subcommand};

/// Where a proposal is written.
#[derive(Args)]
pub struct ProposalOut {
    /// Where to write the proposal: a text file that can travel by mail.
    #[arg(long)]
    pub out: PathBuf,
}

/// Which member.
#[derive(Args)]
pub struct OfMember {
    /// The member's short name.
    pub member: String,
    #[command(flatten)]
    pub to: ProposalOut,
}

/// What to propose.
#[derive(Subcommand)]
pub enum ProposeVerb {
    /// Admit a newcomer, or a further node of a member, by the join request that it sent; prints its invitation, too.
    Admit {
        /// The file of the join request.
        request: PathBuf,
        /// The member of which the sender is a further node.
        #[arg(long)]
        node_of: Option<String>,
        #[command(flatten)]
        to: ProposalOut,
    },
    /// Put the keys of a finished ceremony into the charter.
    Keys {
        /// The ceremony's id, as `keys status --json` shows it.
        ceremony: String,
        #[command(flatten)]
        to: ProposalOut,
    },
    /// Remove a node of a member, or say where it listens.
    #[command(subcommand)]
    Node(NodeVerb),
    /// Suspend a member: its node is cut off and publishes nothing; what it listed stands.
    Suspend(OfMember),
    /// Make a suspended or expelled member active again.
    Reinstate(OfMember),
    /// Expel a member: its node is cut off and its listings are not answered any more.
    Expel(OfMember),
    /// Give a member another role.
    Role {
        /// The member's short name.
        member: String,
        /// The role: platform, observer, key-holder or gateway.
        #[arg(long)]
        role: String,
        #[command(flatten)]
        to: ProposalOut,
    },
    /// Change numbers of the policy; what is not given stays.
    Policy {
        /// How many members must list the same conduct for it to count as confirmed: 1 to 16.
        #[arg(long)]
        corroboration: Option<u8>,
        /// The default term of a listing, in days: 1 to 1825.
        #[arg(long)]
        term_days: Option<u16>,
        /// The term of a mobile number, in days: 1 to 180.
        #[arg(long)]
        mobile_term_days: Option<u16>,
        /// Whether answers name the listing members: true or false.
        #[arg(long)]
        name_publishers: Option<bool>,
        /// How many under different control must witness a head before its entries take effect: 0 (at once) to 16.
        #[arg(long)]
        witnesses: Option<u8>,
        /// Whether payment accounts (PAY) may be listed: true or false.
        #[arg(long)]
        payment_accounts: Option<bool>,
        /// Whether measure M09 (internet financial services) may be recorded: true or false.
        #[arg(long)]
        financial_measures: Option<bool>,
        #[command(flatten)]
        to: ProposalOut,
    },
    /// Add or remove steward keys.
    #[command(subcommand)]
    Steward(StewardVerb),
    /// Change how many stewards under different control must sign.
    Threshold {
        /// How many.
        number: u8,
        #[command(flatten)]
        to: ProposalOut,
    },
    /// Revoke a lost or stolen feed key: what was signed after the last good head becomes void everywhere.
    Revoke {
        /// The member's short name.
        #[arg(long)]
        slug: String,
        /// The key to revoke, in hex; the newest one if not given.
        #[arg(long)]
        key: Option<String>,
        /// The entries up to the last good head.
        #[arg(long, required_unless_present = "head")]
        size: Option<u64>,
        /// The id of the last good head, in hex, instead of its size.
        #[arg(long, conflicts_with = "size")]
        head: Option<String>,
        /// The key with which the feed goes on, in hex.
        #[arg(long)]
        successor: Option<String>,
        #[command(flatten)]
        to: ProposalOut,
    },
    /// Decide a frozen feed: it stands up to a head and goes on after it.
    Thaw {
        /// The member's short name.
        #[arg(long)]
        slug: String,
        /// The entries up to the head; those that this node keeps if not given.
        #[arg(long)]
        size: Option<u64>,
        /// The id of the head, in hex, instead of its size: of two histories the one that counts.
        #[arg(long, conflicts_with = "size")]
        head: Option<String>,
        #[command(flatten)]
        to: ProposalOut,
    },
    /// Have a member's key hand over to its successor.
    Rotate {
        /// The file that `alliance rotate-key` wrote on the member's node.
        succession: PathBuf,
        #[command(flatten)]
        to: ProposalOut,
    },
    /// Let the charter hold longer.
    Renew {
        /// How many days from today: at most 1825.
        #[arg(long, default_value_t = 1825)]
        days: u64,
        #[command(flatten)]
        to: ProposalOut,
    },
}

/// What to do with nodes.
#[derive(Subcommand)]
pub enum NodeVerb {
    /// Take a node from a member: it is cut off, and the member's next node signs if it was the first.
    Remove {
        /// The member's short name.
        member: String,
        /// The node's PeerId, as `alliance members --json` shows it.
        #[arg(long)]
        peer: String,
        #[command(flatten)]
        to: ProposalOut,
    },
    /// Say where a node of a member listens: the others dial it there from then on.
    Addresses {
        /// The member's short name.
        member: String,
        /// The node's PeerId, as `alliance members --json` shows it.
        #[arg(long)]
        peer: String,
        /// Its multiaddresses, all of them; none if it only dials out.
        addresses: Vec<String>,
        #[command(flatten)]
        to: ProposalOut,
    },
}

/// What to do with steward keys.
#[derive(Subcommand)]
pub enum StewardVerb {
    /// Make a member a steward.
    Add {
        /// The member's short name.
        member: String,
        /// The public key that `alliance steward-key` prints on its node.
        #[arg(long)]
        key: String,
        #[command(flatten)]
        to: ProposalOut,
    },
    /// Take steward keys from a member.
    Remove {
        /// The member's short name.
        member: String,
        /// The one key to remove; all of the member's if not given.
        #[arg(long)]
        key: Option<String>,
        #[command(flatten)]
        to: ProposalOut,
    },
}
