//! What must hold at every moment, whatever breaks and whoever lies.

use std::fmt;

use crate::lang::Lang;

/// The invariants, by a name that reports and tables use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// Honest nodes with the same leaves hold the same state: at every commit the digest of what follows from a feed is the one of whoever
    /// committed that batch first, and at the end every subject has the same states on all of them. A feed that was taken back is
    /// committed anew from nothing first.
    SameLeavesSameState,
    /// What was acknowledged to a publisher is on its disk for good, whatever a crash tears, and in the end everywhere; no number is
    /// acknowledged twice, and nothing is told to others before it is on the disk.
    NothingLost,
    /// No entry is in force that its publisher did not make, that is of the future or does not go on from what is before it, that stands
    /// behind a contradiction for longer than a full disk lasts, or that an expelled member made after the node knew; no charter that
    /// the stewards did not sign; the listings of every honest publisher are what a second reading of the rules makes of what it
    /// wrote; and none is enforceable without enough voices under different control.
    NothingForged,
    /// Who has a clearing or a dispute acts on it: after the commit of a clearing its target never stands there again, and no listing with
    /// an unanswered dispute is enforceable.
    ReliefHolds,
    /// Every contradiction that two honest nodes in contact hold the halves of is found, within a minute and two rounds of comparing heads
    /// with all peers.
    EquivocationFound,
    /// No honest node cosigns two histories: of what all boards ever showed of a witness, each batch of a feed has one size and root.
    OneHistoryCosigned,
    /// Nobody gets more than its quota: in a second on one connection no more than [`SERVE_BYTES_PER_SECOND`] and what was saved up before,
    /// a chunk counted as a full one; and a stranger gets nothing.
    ///
    /// [`SERVE_BYTES_PER_SECOND`]: antibrush_protocol::limits::SERVE_BYTES_PER_SECOND
    QuotasHold,
    /// Memory and queues stay under their limits: those of [`antibrush_protocol::replica::Load`], the writes that wait for a disk, and what
    /// is on its way in the world.
    Bounded,
    /// After the faults stop, all honest nodes have within the time that the scenario states what was there when they stopped; and
    /// so long after the last batch they agree: about the charter, about the head and state of every feed but those of expelled members,
    /// and that all that was acknowledged is there.
    Converges,
    /// No honest node is blamed by an honest node, no feed of an honest member freezes or is refused, and no charter of the stewards is.
    NobodyWronged,
    /// No panic, no busy loop, no timer that is set to the past.
    Sound,
}

impl Invariant {
    /// All of them.
    pub const ALL: [Invariant; 11] = [
        Invariant::SameLeavesSameState,
        Invariant::NothingLost,
        Invariant::NothingForged,
        Invariant::ReliefHolds,
        Invariant::EquivocationFound,
        Invariant::OneHistoryCosigned,
        Invariant::QuotasHold,
        Invariant::Bounded,
        Invariant::Converges,
        Invariant::NobodyWronged,
        Invariant::Sound,
    ];

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

impl Invariant {
    /// What it says, in Chinese.
    const fn zh(self) -> &'static str {
        match self {
            Invariant::SameLeavesSameState => "同叶同态",
            Invariant::NothingLost => "已确认的不丢失",
            Invariant::NothingForged => "无伪造条目生效",
            Invariant::ReliefHolds => "移出与异议不被越过",
            Invariant::EquivocationFound => "双重签署被发现",
            Invariant::OneHistoryCosigned => "只联署一个历史",
            Invariant::QuotasHold => "配额有效",
            Invariant::Bounded => "内存与队列有界",
            Invariant::Converges => "按期一致",
            Invariant::NobodyWronged => "不冤枉诚实节点",
            Invariant::Sound => "不崩溃、不空转",
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

impl Violation {
    /// In a language, but for what was found, which names rules and numbers for who mends the protocol.
    pub fn say(&self, lang: Lang) -> String {
        let Violation { alliance, at_ms, node, invariant, found } = self;
        let (name, seconds, ms) = (invariant.name(), at_ms / 1000, at_ms % 1000);
        let node = node.map(|node| lang.pick(format!(", node {node}"), format!("，节点 {node}"))).unwrap_or_default();
        lang.pick(
            format!("{name} at {seconds}.{ms:03}s in alliance {alliance}{node}: {found}"),
            format!("{name}（{}），联盟 {alliance}{node}，{seconds}.{ms:03} 秒：{found}", invariant.zh()),
        )
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.say(Lang::En))
    }
}
