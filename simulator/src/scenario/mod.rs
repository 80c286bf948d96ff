//! A scenario: who takes part, over which network, under which load, with which faults and which dishonest members, and what must
//! hold in the end.

mod check;
mod error;
pub mod library;
pub mod schema;
#[cfg(test)]
mod tests;
pub mod units;

pub use check::parse;
pub use error::ScenarioError;
use serde::{Deserialize, Serialize};
pub use units::{Bandwidth, Share, Span};

use crate::random::Millionths;

/// A scenario as its file has it. Everything but the first four has a default.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Scenario {
    /// What it is called in Chinese.
    pub name_zh: String,
    /// What it is called in English.
    pub name_en: String,
    /// For how long things happen.
    pub duration: Span,
    /// Within which span after that all honest nodes must agree.
    pub converge_within: Span,
    /// Who takes part.
    pub federation: Federation,
    /// The lines between them.
    #[serde(default)]
    pub network: Network,
    /// What is published and asked.
    #[serde(default)]
    pub load: Load,
    /// What breaks.
    #[serde(default)]
    pub faults: Faults,
    /// Who is dishonest.
    #[serde(default)]
    pub adversaries: Adversaries,
    /// Who holds the token key; nobody if absent, and then tokens are numbers.
    #[serde(default)]
    pub holding: Option<Holding>,
}

/// A token key of mobile numbers that the first nodes of each alliance share. The last of the holders is no platform.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Holding {
    /// How many hold a share: 2 to 16.
    pub holders: u32,
    /// How many of them must answer: 2 at the least.
    pub threshold: u32,
    /// Evaluations that each of them makes for one member a day.
    pub quota: u32,
    /// Evaluations that a random platform of each alliance has made, a minute.
    #[serde(default)]
    pub evaluations_per_minute: u32,
    /// How many identifiers each of them is about: 256 at the most.
    #[serde(default = "one")]
    pub batch: u32,
    /// When the stewards want a key of the next epoch.
    #[serde(default)]
    pub rotations: Vec<Rotation>,
}

/// The holders make the key of the next epoch, and publishers carry their listings over.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Rotation {
    /// When the stewards call for it.
    pub at: Span,
    /// How long after that the old key is retired, or as soon as all is carried over; never if absent.
    #[serde(default)]
    pub retire_after: Option<Span>,
}

/// Who takes part.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Federation {
    /// Alliances. Each has a charter, feeds and gossip of its own.
    #[serde(default = "one")]
    pub alliances: u32,
    /// Nodes in all, spread evenly; one for each member.
    pub nodes: u32,
    /// Observers among the nodes of each alliance.
    #[serde(default)]
    pub observers: u32,
    /// Members of each alliance that are admitted while it runs.
    #[serde(default)]
    pub late_joiners: u32,
    /// Witnesses among the members of each alliance: they cosign what they hold.
    #[serde(default)]
    pub witnesses: u32,
}

/// How far the nodes are from each other.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Distances {
    /// One city.
    City,
    /// The regions of mainland China.
    #[default]
    National,
    /// The mainland and its neighbours.
    CrossBorder,
}

/// The lines between the nodes.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Network {
    /// How far the nodes are from each other.
    pub distances: Distances,
    /// Messages that are lost until the faults stop. TCP hides losses: what is lost here is lost with its connection's buffer.
    pub loss: Share,
    /// Gossip that comes twice, until the faults stop.
    pub duplication: Share,
    /// Messages that are held up by another latency, until the faults stop: others overtake them.
    pub reordering: Share,
    /// What each node can send.
    pub bandwidth: Bandwidth,
    /// Nodes that nobody can dial.
    pub firewalled: Share,
    /// How many others each node dials.
    pub dials: u32,
}

impl Default for Network {
    fn default() -> Self {
        Network {
            distances: Distances::default(),
            loss: Share::default(),
            duplication: Share::default(),
            reordering: Share::default(),
            bandwidth: Bandwidth::from_kbit(100_000),
            firewalled: Share::default(),
            dials: 8,
        }
    }
}

/// What is published and asked.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Load {
    /// A member of each alliance publishes a batch this often.
    pub batch_every: Span,
    /// Entries of a batch.
    pub entries: u32,
    /// Of the entries, how many take back or remark on what stands: amendments, clearings, disputes, rulings, notices.
    pub relief: Share,
    /// How many subjects there are to list; fewer make more members list the same one.
    pub subjects: u32,
    /// Subjects that are looked up and held against the truth, by a random node of each alliance, a minute.
    pub checks_per_minute: u32,
    /// Batches of this many entries at once, at these times.
    pub bursts: Vec<Burst>,
}

impl Default for Load {
    fn default() -> Self {
        Load {
            batch_every: Span::from_ms(60_000),
            entries: 20,
            relief: Share(Millionths(300_000)),
            subjects: 1_000,
            checks_per_minute: 10,
            bursts: Vec::new(),
        }
    }
}

/// One large batch.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// When.
    pub at: Span,
    /// How many entries.
    pub entries: u32,
    /// Whether it clears what the same member listed before, instead of listing.
    #[serde(default)]
    pub clears: bool,
}

/// What breaks, until `until`. Rates are for each alliance.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Faults {
    /// When faults stop; the whole duration if absent.
    pub until: Option<Span>,
    /// Nodes killed an hour.
    pub crashes_per_hour: u32,
    /// How long a killed node stays away.
    pub down_for: Option<Span>,
    /// Of what the disk was about at a kill, how much is torn or lost.
    pub torn_writes: Share,
    /// Full disks an hour; each for a minute.
    pub full_disks_per_hour: u32,
    /// Nodes an hour that lose their documents, for `down_for`.
    pub lost_documents_per_hour: u32,
    /// Disks that take a hundred times as long.
    pub slow_disks: Share,
    /// Connections that break an hour and come back.
    pub flaps_per_hour: u32,
    /// How far clocks are off, at the most, either way.
    pub clock_skew: Span,
    /// Clocks that are set an hour, by up to an hour either way, and set right after a minute.
    pub clock_jumps_per_hour: u32,
    /// Nodes that go off the network an hour, for `down_for`.
    pub churn_per_hour: u32,
    /// Decisions of the stewards an hour that a feed stands without its last batches.
    pub cuts_per_hour: u32,
    /// The same because a feed key was lost: it is revoked.
    pub revocations_per_hour: u32,
    /// Times an hour that the stewards settle a contradiction, if their node knows of one.
    pub thaws_per_hour: u32,
    /// Times when the network falls apart.
    pub partitions: Vec<Partition>,
    /// When the first observer is away.
    pub observer_away: Option<Away>,
}

/// The network falls into two parts.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// When.
    pub at: Span,
    /// For how long.
    #[serde(rename = "for")]
    pub lasts: Span,
    /// How much of each alliance is on the smaller side.
    pub share: Share,
}

/// A node is off the network.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Away {
    /// From when on.
    pub at: Span,
    /// For how long.
    #[serde(rename = "for")]
    pub lasts: Span,
}

/// How many members of each alliance are dishonest, and how.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct Adversaries {
    /// Sign two histories.
    pub equivocators: u32,
    /// Announce headers and hold back what is in them.
    pub withholders: u32,
    /// Say again what was said before.
    pub replayers: u32,
    /// Make up headers in the name of others.
    pub forgers: u32,
    /// Apply for admission under many names.
    pub sybils: u32,
    /// Were expelled and keep talking.
    pub expelled: u32,
    /// Send as much as they can.
    pub flooders: u32,
    /// Answer evaluations falsely.
    pub lying_holders: u32,
    /// Accuse others of equivocation without proof.
    pub accusers: u32,
    /// Are always far behind.
    pub laggards: u32,
    /// Hand out chunks with a leaf erased.
    pub strippers: u32,
    /// Pairs of which one signs two histories and the other vouches for both.
    pub colluding_pairs: u32,
}

impl Adversaries {
    /// How many nodes they take.
    pub fn nodes(&self) -> u32 {
        let Adversaries { equivocators, withholders, replayers, forgers, sybils, expelled, .. } = *self;
        let Adversaries { flooders, lying_holders, accusers, laggards, strippers, colluding_pairs, .. } = *self;
        let single = [equivocators, withholders, replayers, forgers, sybils, expelled, flooders, lying_holders];
        single.into_iter().sum::<u32>() + accusers + laggards + strippers + 2 * colluding_pairs
    }
}

fn one() -> u32 {
    1
}

impl Scenario {
    /// As the text of a file, with every key.
    pub fn to_text(&self) -> String {
        // Tables with names for keys and numbers and words for values: nothing that TOML cannot hold.
        toml::to_string(self).expect("a scenario is TOML")
    }

    /// When faults stop.
    pub fn faults_end(&self) -> Span {
        self.faults.until.unwrap_or(self.duration)
    }

    /// How many nodes an alliance begins with and how many join later.
    pub fn size_of(&self, alliance: u32) -> (u32, u32) {
        let (nodes, alliances) = (self.federation.nodes, self.federation.alliances.max(1));
        let size = nodes / alliances + u32::from(alliance < nodes % alliances);
        let late = self.federation.late_joiners.min(size.saturating_sub(2));
        (size - late, late)
    }
}
