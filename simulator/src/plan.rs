//! The plan of a run: the operations that follow from a scenario and a seed.

use crate::{
    op::{Op, What},
    random::{Millionths, Random},
    scenario::{Scenario, Span},
};

/// Streams of the plan. Each kind of event has its own, so that more of one moves no other.
mod stream {
    pub const LOAD: u64 = 101;
    pub const CRASHES: u64 = 102;
    pub const CHURN: u64 = 103;
    pub const FLAPS: u64 = 104;
    pub const DISKS: u64 = 105;
    pub const CLOCKS: u64 = 106;
    pub const SPLITS: u64 = 107;
    pub const JOINS: u64 = 108;
    pub const CHECKS: u64 = 109;
    pub const MALICE: u64 = 110;
    pub const EVALUATIONS: u64 = 111;
    pub const CUTS: u64 = 112;
    pub const THAWS: u64 = 113;
    pub const REVOCATIONS: u64 = 114;
    pub const LOSSES: u64 = 115;
}

/// How long a disk is full and a clock is wrong, in milliseconds.
const MINUTE_MS: u64 = 60_000;

/// How many batches of a feed a decision takes away, at the most.
const CUT_BACK: u64 = 3;

/// How often a dishonest member does what it is there for, in milliseconds.
const MISDEED_EVERY_MS: u64 = 120_000;

/// The operations of one alliance, in order.
pub fn plan(scenario: &Scenario, alliance: u32, seed: u64) -> Vec<Op> {
    let mut plan = Planner { scenario, alliance, seed, ops: Vec::new() };
    plan.load();
    plan.faults();
    plan.misdeeds();
    plan.decisions();
    let calm = Op { at_ms: scenario.faults_end().ms(), what: What::Calm };
    plan.ops.push(calm);
    // What is planned for one moment stays in the order of planning.
    plan.ops.sort_by_key(|op| op.at_ms);
    plan.ops
}

struct Planner<'a> {
    scenario: &'a Scenario,
    alliance: u32,
    seed: u64,
    ops: Vec<Op>,
}

impl Planner<'_> {
    fn random(&self, stream: u64) -> Random {
        Random::new(self.seed, &[u64::from(self.alliance), stream])
    }

    fn push(&mut self, at_ms: u64, what: What) {
        self.ops.push(Op { at_ms, what });
    }

    fn publishers(&self) -> Vec<u32> {
        let (begin, _) = self.scenario.size_of(self.alliance);
        let observers = self.scenario.federation.observers.min(begin.saturating_sub(1));
        (0..begin - observers).collect()
    }

    fn load(&mut self) {
        let (load, end) = (&self.scenario.load, self.scenario.duration.ms());
        let (publishers, mut random) = (self.publishers(), self.random(stream::LOAD));
        let every = load.batch_every.ms().max(1);
        for turn in 0..end / every {
            let at_ms = turn * every + random.below(every);
            let node = random.pick(&publishers).copied().unwrap_or_default();
            let salt = random.next();
            self.push(at_ms, What::Publish { node, entries: load.entries, relief: load.relief.0, salt });
        }
        for burst in &load.bursts {
            let node = random.pick(&publishers).copied().unwrap_or_default();
            let what = if burst.clears {
                What::Clear { node: 0, most: burst.entries }
            } else {
                What::Publish {
                    node: if node > 0 { 0 } else { node },
                    entries: burst.entries,
                    relief: Millionths(0),
                    salt: random.next(),
                }
            };
            self.push(burst.at.ms(), what);
        }
        let (mut random, (nodes, _)) = (self.random(stream::CHECKS), self.scenario.size_of(self.alliance));
        for _ in 0..end * u64::from(load.checks_per_minute) / MINUTE_MS {
            let (at_ms, node, salt) = (random.below(end), random.below(u64::from(nodes)) as u32, random.next());
            self.push(at_ms, What::Check { node, salt });
        }
        if let Some(holding) = &self.scenario.holding {
            for rotation in &holding.rotations {
                self.push(rotation.at.ms(), What::Rotate);
                if let Some(after) = rotation.retire_after {
                    self.push(rotation.at.ms() + after.ms(), What::Retire);
                }
            }
            let mut random = self.random(stream::EVALUATIONS);
            for _ in 0..end * u64::from(holding.evaluations_per_minute) / MINUTE_MS {
                let (at_ms, node) = (random.below(end), random.pick(&publishers).copied().unwrap_or_default());
                self.push(at_ms, What::Evaluate { node, count: holding.batch, salt: random.next() });
            }
        }
        let (mut random, (begin, late)) = (self.random(stream::JOINS), self.scenario.size_of(self.alliance));
        for node in begin..begin + late {
            let at_ms = random.below(self.scenario.faults_end().ms());
            self.push(at_ms, What::Admit { node });
        }
    }

    /// So many moments an hour before the faults end, each with a node.
    fn moments(&self, stream: u64, an_hour: u32) -> (Vec<(u64, u32)>, Random) {
        let (end, (nodes, _)) = (self.scenario.faults_end().ms(), self.scenario.size_of(self.alliance));
        let mut random = self.random(stream);
        let count = end * u64::from(an_hour) / 3_600_000;
        let moments = (0..count).map(|_| (random.below(end), random.below(u64::from(nodes)) as u32)).collect();
        (moments, random)
    }

    fn faults(&mut self) {
        let (faults, end) = (&self.scenario.faults, self.scenario.faults_end().ms());
        let down_ms = faults.down_for.unwrap_or(Span::from_ms(30_000)).ms();
        let (moments, mut random) = self.moments(stream::CRASHES, faults.crashes_per_hour);
        for (at_ms, node) in moments {
            self.push(at_ms, What::Kill { node, torn: faults.torn_writes.0 });
            self.push((at_ms + 1 + random.below(2 * down_ms)).min(end), What::Start { node });
        }
        let (moments, mut random) = self.moments(stream::LOSSES, faults.lost_documents_per_hour);
        for (at_ms, node) in moments {
            self.push(at_ms, What::Lose { node });
            self.push((at_ms + 1 + random.below(2 * down_ms)).min(end), What::Start { node });
        }
        let (moments, mut random) = self.moments(stream::CHURN, faults.churn_per_hour);
        for (at_ms, node) in moments {
            self.push(at_ms, What::Leave { node });
            self.push((at_ms + 1 + random.below(2 * down_ms)).min(end), What::Return { node });
        }
        let nodes = u64::from(self.scenario.size_of(self.alliance).0);
        let (moments, mut random) = self.moments(stream::FLAPS, faults.flaps_per_hour);
        for (at_ms, node) in moments {
            self.push(at_ms, What::Break { node, other: random.below(nodes) as u32 });
        }
        let (moments, _) = self.moments(stream::DISKS, faults.full_disks_per_hour);
        for (at_ms, node) in moments {
            self.push(at_ms, What::Fill { node });
            self.push((at_ms + MINUTE_MS).min(end), What::Room { node });
        }
        let (moments, mut random) = self.moments(stream::CLOCKS, faults.clock_jumps_per_hour);
        for (at_ms, node) in moments {
            self.push(at_ms, What::Clock { node, seconds: random.below(7200) as i64 - 3600 });
            self.push((at_ms + MINUTE_MS).min(end), What::Clock { node, seconds: 0 });
        }
        let mut random = self.random(stream::SPLITS);
        for partition in &faults.partitions {
            let mut all: Vec<u32> = (0..nodes as u32).collect();
            random.shuffle(&mut all);
            all.truncate(partition.share.0.of(nodes) as usize);
            all.sort_unstable();
            self.push(partition.at.ms(), What::Split { minority: all });
            self.push((partition.at.ms() + partition.lasts.ms()).min(end), What::Heal);
        }
        if let Some(away) = &faults.observer_away
            && self.scenario.federation.observers > 0
        {
            let node = self.publishers().len() as u32;
            self.push(away.at.ms(), What::Leave { node });
            self.push((away.at.ms() + away.lasts.ms()).min(end), What::Return { node });
        }
    }

    fn decisions(&mut self) {
        let faults = &self.scenario.faults;
        let (moments, mut random) = self.moments(stream::CUTS, faults.cuts_per_hour);
        for (at_ms, node) in moments {
            self.push(at_ms, What::Cut { node, back: random.below(CUT_BACK + 1) });
        }
        let (moments, mut random) = self.moments(stream::REVOCATIONS, faults.revocations_per_hour);
        for (at_ms, node) in moments {
            self.push(at_ms, What::Revoke { node, back: random.below(CUT_BACK + 1) });
        }
        let (moments, mut random) = self.moments(stream::THAWS, faults.thaws_per_hour);
        for (at_ms, _) in moments {
            self.push(at_ms, What::Thaw { salt: random.next() });
        }
    }

    fn misdeeds(&mut self) {
        let (end, mut random) = (self.scenario.faults_end().ms(), self.random(stream::MALICE));
        for node in crate::adversary::appointed(self.scenario, self.scenario.size_of(self.alliance).0) {
            for turn in 0..end / MISDEED_EVERY_MS {
                let at_ms = turn * MISDEED_EVERY_MS + random.below(MISDEED_EVERY_MS);
                self.push(at_ms, What::Misbehave { node, salt: random.next() });
            }
        }
    }
}
