//! The verbs and their flags. The doc comments are the English help; `zh.rs` holds the Chinese one.

use std::{net::SocketAddr, path::PathBuf};

use clap::{Args, Parser, Subcommand};
use libp2p::Multiaddr;

use super::{
    charter_args::ProposeVerb,
    keys_args::{KeysVerb, WriterVerb},
    life_args::{CommitmentArgs, DisputeArgs, DueArgs, EffectsArgs, LifeArgs, MeasureArgs, NoticeArgs, RuleArgs},
    recommend_args::RecommendVerb,
    report::ReportVerb,
};

/// A node of an anti-brushing alliance: share blacklists without sharing identities.
#[derive(Parser)]
#[command(name = "antibrush", version, propagate_version = true, max_term_width = 110)]
pub struct Arguments {
    /// The node's data directory; antibrush-data if not given.
    #[arg(long, global = true, env = "ANTIBRUSH_DIR")]
    pub dir: Option<PathBuf>,
    /// The configuration file; antibrush.toml in the data directory if not given.
    #[arg(long, global = true)]
    pub config: Option<PathBuf>,
    /// A file whose first line is the passphrase of the keys.
    #[arg(long, global = true)]
    pub passphrase_file: Option<PathBuf>,
    /// Print JSON for programs instead of text for people.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub verb: Verb,
}

/// What to do.
#[derive(Subcommand)]
pub enum Verb {
    /// Make a node: keys, configuration and the member's profile.
    Init(InitArgs),
    /// Run the node until Ctrl-C or SIGTERM.
    Run(RunArgs),
    /// Show a whole alliance at work on this machine: five nodes, real sockets, real files. With --dir the data stays there.
    Demo(DemoArgs),
    /// List subjects from a CSV or XLSX file.
    Import(ImportArgs),
    /// Prepare a customer base: have the key holders evaluate every identifier of a file that this node does not know yet.
    #[command(after_help = TOKENIZE_AFTER)]
    Tokenize(TokenizeArgs),
    /// List one subject.
    List(ListArgs),
    /// Clear one subject that this platform listed.
    Clear(ClearArgs),
    /// Dispute a subject's listings: they enforce nothing until their publishers have ruled. Or take this member's dispute back.
    Dispute(DisputeArgs),
    /// Rule on open disputes of this platform's own listings.
    Rule(RuleArgs),
    /// Record a notice: rectify, urge or escalate.
    Notice(NoticeArgs),
    /// Record that a subject committed itself to rectify, or has rectified.
    Commitment(CommitmentArgs),
    /// Record a measure that this platform applied, declined or acknowledged.
    Measure(MeasureArgs),
    /// Ask whether a subject is listed.
    Check(CheckArgs),
    /// Show the lives of a subject's listings: disputes, notices, measures and what is due.
    Life(LifeArgs),
    /// List what is due or overdue about listings, by whom, soonest first.
    Due(DueArgs),
    /// Count what members did about listings, by list, conduct, region, member and month.
    Effects(EffectsArgs),
    /// Count what the lists hold.
    #[command(subcommand)]
    Report(ReportVerb),
    /// Recommend to the risk system what to do about listed subjects, by rules of your own.
    #[command(subcommand)]
    Recommend(RecommendVerb),
    /// Show how the node is.
    Status,
    /// Show, verify, export and import feeds.
    #[command(subcommand)]
    Feed(FeedVerb),
    /// Make proofs, and verify them without a node.
    #[command(subcommand)]
    Proof(ProofVerb),
    /// Build exchange filters, and ask them.
    #[command(subcommand)]
    Filter(FilterVerb),
    /// Found an alliance, admit members, change the charter.
    #[command(subcommand)]
    Alliance(AllianceVerb),
    /// Name key holders, run key ceremonies, rotate and retire token keys.
    #[command(subcommand)]
    Keys(KeysVerb),
    /// Show which of this member's nodes writes its feed, and take over here.
    #[command(subcommand)]
    Writer(WriterVerb),
    /// Write a join request: a small signed file for a steward, without any secret.
    JoinRequest(JoinRequestArgs),
    /// Join an alliance by invitation; waits until enough stewards have signed.
    Join(JoinArgs),
}

/// Flags of `init`.
#[derive(Args)]
pub struct InitArgs {
    /// The member's short name: 2 to 32 characters of a-z, 0-9 and hyphen.
    #[arg(long)]
    pub slug: String,
    /// The member's registered name.
    #[arg(long)]
    pub legal_name: String,
    /// The member's unified social credit code.
    #[arg(long)]
    pub uscc: String,
    /// The credit code of the entity that controls the member; its own if not given.
    #[arg(long)]
    pub controller: Option<String>,
    /// What the member will be: platform, observer, key-holder or gateway.
    #[arg(long, default_value = "platform")]
    pub role: String,
    /// Where to listen for other nodes, as a multiaddress.
    #[arg(long)]
    pub listen: Option<Multiaddr>,
    /// Under which address others reach this node, if it is another one.
    #[arg(long)]
    pub announce: Option<Multiaddr>,
    /// Where to answer HTTP.
    #[arg(long)]
    pub api: Option<SocketAddr>,
    /// For a further node of a member: a copy of the feed key file of its first node, in clear or under the same passphrase.
    #[arg(long, requires = "seal_key")]
    pub feed_key: Option<PathBuf>,
    /// For a further node of a member: a copy of the seal key file of its first node.
    #[arg(long, requires = "feed_key")]
    pub seal_key: Option<PathBuf>,
    /// Write the keys without a passphrase: for tests and demonstrations only.
    #[arg(long)]
    pub keys_in_clear_dangerously: bool,
}

/// Flags of `run`.
#[derive(Args)]
pub struct RunArgs {
    /// Where to listen for other nodes, as a multiaddress.
    #[arg(long)]
    pub listen: Option<Multiaddr>,
    /// Where to answer HTTP.
    #[arg(long)]
    pub api: Option<SocketAddr>,
    /// What to log: error, warn, info, debug.
    #[arg(long)]
    pub log: Option<String>,
}

/// Flags of `demo`.
#[derive(Args)]
pub struct DemoArgs {
    /// End by itself; status 0 only if every step held.
    #[arg(long)]
    pub exit: bool,
    /// List this many generated subjects in addition.
    #[arg(long, default_value_t = 0)]
    pub entries: u64,
}

/// Flags of `import`.
#[derive(Args)]
pub struct ImportArgs {
    /// The file: CSV or XLSX, UTF-8 or GB18030, Chinese or English headings.
    #[arg(required_unless_present = "template")]
    pub file: Option<PathBuf>,
    /// The list of all rows, such as SRC-COURT for a court's; a row that names another list is rejected.
    #[arg(long)]
    pub list: Option<String>,
    /// Read and plan everything, publish nothing.
    #[arg(long)]
    pub dry_run: bool,
    /// Where to write the rows that were not taken, with line, column and reason; FILE.rejects.csv beside the file if not given.
    #[arg(long)]
    pub rejects: Option<PathBuf>,
    /// Write an empty file with the headings to start from, then stop.
    #[arg(long)]
    pub template: Option<PathBuf>,
}

/// What stands under the help of `tokenize`.
const TOKENIZE_AFTER: &str = "\
Later checks of these subjects are answered locally. Exit status: 0 if every good row is prepared, 3 if some are left because a \
quota is used up or too few key holders answer. What was evaluated is kept at once, even if the command or the node is killed: \
run the same command again and it goes on from there.";

/// Flags of `tokenize`.
#[derive(Args)]
pub struct TokenizeArgs {
    /// The file: CSV or XLSX, UTF-8 or GB18030, with a class and an identifier column or a heading like 手机号 that says both.
    pub file: PathBuf,
    /// The class of all identifiers, for files that do not say it: ENT PER MOB SHP ACC PAY WEB APP GRP LOG WBL, or its Chinese name.
    #[arg(long)]
    pub class: Option<String>,
    /// Where to write the rows that were not taken, with line, column and reason.
    #[arg(long)]
    pub rejects: Option<PathBuf>,
}

/// Which subject.
#[derive(Args)]
pub struct SubjectArgs {
    /// The class: ENT PER MOB SHP ACC PAY WEB APP GRP LOG WBL, or its Chinese name.
    #[arg(long)]
    pub class: String,
    /// The identifier; `-` reads it from standard input, so that it stays out of the shell's history.
    #[arg(long)]
    pub id: String,
}

/// Flags of `list`.
#[derive(Args)]
pub struct ListArgs {
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// The list: CXH ECB ECW CAND VIC …
    #[arg(long, default_value = "CXH")]
    pub list: String,
    /// The conduct: C01 … C99, or its name.
    #[arg(long)]
    pub conduct: String,
    /// How grave: minor, ordinary or severe; by role if not given.
    #[arg(long)]
    pub severity: Option<String>,
    /// The part taken: organise, take-part or assist.
    #[arg(long)]
    pub role: Option<String>,
    /// The last day of the listing; by the charter's term if not given.
    #[arg(long)]
    pub expires: Option<String>,
    /// The number of the court's or regulator's document, in clear; statutory lists (SRC-…) need it.
    #[arg(long)]
    pub document: Option<String>,
    /// Where the evidence is kept; only its salted digest leaves the node.
    #[arg(long)]
    pub evidence: String,
    /// Details for members who hold the identifier themselves: sealed, nobody else can open them.
    #[arg(long)]
    pub details: Option<String>,
}

/// Flags of `clear`.
#[derive(Args)]
pub struct ClearArgs {
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// The list: CXH ECB ECW CAND VIC …
    #[arg(long, default_value = "CXH")]
    pub list: String,
    /// Why: R01 rectified, R02 repaired, R03 mistake, R04 dispute upheld, R05 withdrawn, R06 duplicate, R07 source removed.
    #[arg(long)]
    pub reason: String,
}

/// Flags of `check`.
#[derive(Args)]
pub struct CheckArgs {
    #[command(flatten)]
    pub subject: SubjectArgs,
    /// Why it is asked: a short word for the audit log.
    #[arg(long, default_value = "manual")]
    pub purpose: String,
}

/// What to do with feeds.
#[derive(Subcommand)]
pub enum FeedVerb {
    /// Show all feeds, or one with its totals.
    Show {
        /// The publisher's short name.
        #[arg(long)]
        publisher: Option<String>,
    },
    /// Verify a feed from its first leaf: signatures, chunks, roots and totals.
    Verify {
        /// The publisher's short name.
        #[arg(long)]
        publisher: String,
    },
    /// Write a feed to a directory that any program can verify.
    Export {
        /// The publisher's short name.
        #[arg(long)]
        publisher: String,
        /// The directory; it must not exist or be empty.
        #[arg(long)]
        out: PathBuf,
    },
    /// Write a head as a C2SP checkpoint with its witnesses' cosignatures, for tools that know nothing of antibrush.
    Checkpoint {
        /// The publisher's short name.
        #[arg(long)]
        publisher: String,
        /// The number of the batch; the newest if not given. Only the newest head that a witness stated has its cosignature.
        #[arg(long)]
        seq: Option<u64>,
        /// The file for the signed note; it is printed if not given.
        #[arg(long)]
        out: Option<PathBuf>,
        /// A file for the keys that verify it, one a line: the log's, then those of the witnesses.
        #[arg(long)]
        keys: Option<PathBuf>,
    },
    /// Take a feed from such a directory, with the same checks as from the network.
    Import {
        /// The directory.
        archive: PathBuf,
    },
}

/// What to do with proofs.
#[derive(Subcommand)]
pub enum ProofVerb {
    /// Prove that an entry is in a feed.
    Inclusion {
        /// The publisher's short name.
        #[arg(long)]
        publisher: String,
        /// The entry's index in the feed.
        #[arg(long, conflicts_with_all = ["class", "id"])]
        index: Option<u64>,
        /// The class of the subject, instead of an index.
        #[arg(long, requires = "id")]
        class: Option<String>,
        /// The identifier of the subject; `-` reads it from standard input.
        #[arg(long, requires = "class")]
        id: Option<String>,
        /// The proof file to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Prove that a later head only appended to an earlier one.
    Consistency {
        /// The publisher's short name.
        #[arg(long)]
        publisher: String,
        /// The earlier batch.
        #[arg(long)]
        earlier: u64,
        /// The later batch; the newest if not given.
        #[arg(long)]
        later: Option<u64>,
        /// The proof file to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Prove that a feed says nothing about a subject after the head of a batch. The file holds the subject's tokens.
    AbsenceSince {
        /// The publisher's short name.
        #[arg(long)]
        publisher: String,
        /// The batch after whose head the range begins.
        #[arg(long)]
        since: u64,
        /// The batch with whose head it ends; the newest if not given.
        #[arg(long)]
        until: Option<u64>,
        /// The class of the subject.
        #[arg(long)]
        class: String,
        /// The identifier of the subject; `-` reads it from standard input.
        #[arg(long)]
        id: String,
        /// The proof file to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Prove that a publisher signed two histories of its feed.
    Equivocation {
        /// The publisher's short name.
        #[arg(long)]
        publisher: String,
        /// The proof file to write.
        #[arg(long)]
        out: PathBuf,
    },
    /// Verify a proof file. Needs no node, no network and no data directory.
    Verify {
        /// The proof file.
        file: PathBuf,
        /// The alliance's id in hex, learned on another way than the file.
        #[arg(long)]
        alliance: String,
    },
}

/// What to do with filters.
#[derive(Subcommand)]
pub enum FilterVerb {
    /// Build and sign an exchange filter from a file of this platform's own confirmed subjects.
    Build {
        /// The file, as for import.
        file: PathBuf,
        /// The filter file to write.
        #[arg(long)]
        out: PathBuf,
        /// The number of this build; ascending.
        #[arg(long, default_value_t = 1)]
        number: u64,
        /// The false-positive rate is 2 to the minus this.
        #[arg(long, default_value_t = 20)]
        fpr_exponent: u8,
    },
    /// Ask a filter about one subject: not listed, candidate or stale, never more.
    Check {
        /// The filter file.
        filter: PathBuf,
        #[command(flatten)]
        subject: SubjectArgs,
    },
}

/// What to do with the alliance.
#[derive(Subcommand)]
pub enum AllianceVerb {
    /// Found an alliance with this node as its first steward and member.
    Create {
        /// The name in Chinese.
        #[arg(long)]
        name_zh: String,
        /// The name in English.
        #[arg(long)]
        name_en: String,
        /// How far it reaches: city, province, national or sector.
        #[arg(long, default_value = "national")]
        level: String,
        /// Where: GB/T 2260, six digits.
        #[arg(long)]
        region: Option<u32>,
        /// Give personal classes keyed tokens (suite 1), which every member can enumerate.
        #[arg(long)]
        accept_insider_enumeration: bool,
        /// Count the listing members in answers instead of naming them.
        #[arg(long)]
        hide_publishers: bool,
    },
    /// Admit a newcomer by the join request that it sent, or invite one by name: prints one line to hand over on a trusted way.
    Admit {
        /// The file of the join request: its sender is admitted at once, and only its node can use the invitation.
        #[arg(required_unless_present = "slug")]
        request: Option<PathBuf>,
        /// The member of which the sender is a further node.
        #[arg(long, requires = "request")]
        node_of: Option<String>,
        /// The short name of a newcomer that sent no request: it is admitted when it joins.
        #[arg(long, conflicts_with = "request")]
        slug: Option<String>,
        /// What it will be: platform, observer, key-holder or gateway.
        #[arg(long, default_value = "platform", conflicts_with = "request")]
        role: String,
        /// How many days the invitation lives.
        #[arg(long, default_value_t = 7)]
        days: u64,
    },
    /// Show the charter's members.
    Members,
    /// Propose a change of the charter: writes a file for the stewards to sign.
    #[command(subcommand)]
    Propose(ProposeVerb),
    /// Show what a proposal changes, who has signed it and who is missing.
    Show {
        /// The proposal's file.
        proposal: PathBuf,
    },
    /// Sign a proposal with this node's steward key; the node need not run.
    Sign {
        /// The proposal's file.
        proposal: PathBuf,
        /// Where to write the signature; beside the proposal if not given.
        #[arg(long)]
        out: Option<PathBuf>,
    },
    /// Put a proposal in force once enough stewards have signed.
    Publish {
        /// The proposal's file.
        proposal: PathBuf,
        /// Signature files of other stewards.
        signatures: Vec<PathBuf>,
    },
    /// Go over to the other side of a forked charter, while the node does not run.
    Adopt {
        /// The other version, a signed charter: as in `charters/*.fork` of a node, or `charters` of an archive.
        charter: PathBuf,
    },
    /// Make the successor of this node's feed key or node key, and a file for a steward that both keys sign.
    RotateKey {
        /// Which key: feed or node.
        kind: String,
        /// Where to write the file.
        #[arg(long, required_unless_present = "key_only")]
        out: Option<PathBuf>,
        /// Only make the key and print it: for `alliance propose revoke --successor`, after the key in use was lost or stolen.
        #[arg(long, conflicts_with = "out")]
        key_only: bool,
        /// Set a successor aside that was made earlier and never named, and make another one.
        #[arg(long)]
        fresh: bool,
    },
    /// Print this node's public steward key; makes the key if there is none.
    StewardKey,
}

/// Flags of `join`.
#[derive(Args)]
pub struct JoinArgs {
    /// The invitation, one line of text; `-` reads it from standard input.
    pub invitation: String,
    /// Run the node as soon as it is admitted: it fetches everything and answers checks without another command.
    #[arg(long)]
    pub run: bool,
}

/// Flags of `join-request`.
#[derive(Args)]
pub struct JoinRequestArgs {
    /// Where to write the file.
    #[arg(long)]
    pub out: PathBuf,
}
