//! What must hold at every moment, whatever breaks and whoever lies.

use std::fmt;

/// The invariants, by a name that reports and tables use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// Honest nodes with the same leaves hold the same state.
    SameLeavesSameState,
    /// What was acknowledged to a publisher is on its disk for good, and in the end everywhere.
    NothingLost,
    /// No entry is in force that its publisher did not make, that stands behind a contradiction or that the stewards voided.
    NothingForged,
    /// Who has a clearing or a dispute acts on it.
    ReliefHolds,
    /// Every contradiction that two honest nodes in contact hold the halves of is found.
    EquivocationFound,
    /// No honest node cosigns two histories.
    OneHistoryCosigned,
    /// Nobody gets more than its quota.
    QuotasHold,
    /// Memory and queues stay under their limits.
    Bounded,
    /// After the faults stop, all agree within the time that the scenario states.
    Converges,
    /// No honest node is blamed by an honest node.
    NobodyWronged,
    /// No panic, no busy loop, no message without its verdict.
    Sound,
}

impl Invariant {
    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Invariant::SameLeavesSameState => "same-leaves-same-state",
            Invariant::NothingLost => "nothing-lost",
            Invariant::NothingForged => "nothing-forged",
            Invariant::ReliefHolds => "relief-holds",
            Invariant::EquivocationFound => "equivocation-found",
            Invariant::OneHistoryCosigned => "one-history-cosigned",
            Invariant::QuotasHold => "quotas-hold",
            Invariant::Bounded => "bounded",
            Invariant::Converges => "converges",
            Invariant::NobodyWronged => "nobody-wronged",
            Invariant::Sound => "sound",
        }
    }
}

/// An invariant that did not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// In which alliance.
    pub alliance: u32,
    /// When, in milliseconds.
    pub at_ms: u64,
    /// At which node, if at one.
    pub node: Option<u32>,
    /// Which.
    pub invariant: Invariant,
    /// What was found.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, ms) = (self.at_ms / 1000, self.at_ms % 1000);
        write!(f, "{} at {seconds}.{ms:03}s in alliance {}", self.invariant.name(), self.alliance)?;
        if let Some(node) = self.node {
            write!(f, ", node {node}")?;
        }
        write!(f, ": {}", self.found)
    }
}
