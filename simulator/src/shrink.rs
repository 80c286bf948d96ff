//! Makes a run that breaks an invariant as small as it gets and still breaks the same one.
//!
//! First the vices of the network, so that a break which an operation explains is not left to chance; then the operations, by delta
//! debugging (A. Zeller, R. Hildebrandt, "Simplifying and isolating failure-inducing input", 2002), the entries of batches, the number
//! of nodes and the length; then all of it again.

use crate::{
    invariant::{Invariant, Violation},
    op::{Op, What},
    replay::Case,
    scenario::{Scenario, Share, Span},
};

/// How far shrinking is.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Runs so far.
    pub runs: u32,
    /// The most runs.
    pub limit: u32,
    /// Operations that are left.
    pub ops: usize,
}

/// A case and how it breaks.
#[derive(Clone, Debug)]
pub struct Shrunk {
    /// The small case.
    pub case: Case,
    /// How it breaks.
    pub violation: Violation,
    /// Runs that it took.
    pub runs: u32,
}

/// Shrinks a case, in at most so many runs. `None` if it does not break anything to begin with.
pub fn shrink(case: Case, limit: u32, progress: &dyn Fn(Step)) -> Option<Shrunk> {
    let violation = case.run(&|_| ()).violation?;
    let mut shrinker = Shrinker { best: case, violation, runs: 1, limit, progress };
    shrinker.best.breaks = Some(shrinker.invariant().name().to_owned());
    shrinker.alone();
    shrinker.until_it_breaks();
    loop {
        let before = shrinker.size();
        shrinker.kinder_network();
        shrinker.fewer_ops();
        shrinker.fewer_entries();
        shrinker.fewer_nodes();
        shrinker.shorter();
        if shrinker.size() == before || shrinker.runs >= limit {
            break;
        }
    }
    Some(Shrunk { case: shrinker.best, violation: shrinker.violation, runs: shrinker.runs })
}

struct Shrinker<'a> {
    best: Case,
    violation: Violation,
    runs: u32,
    limit: u32,
    progress: &'a dyn Fn(Step),
}

impl Shrinker<'_> {
    fn invariant(&self) -> Invariant {
        self.violation.invariant
    }

    fn size(&self) -> (usize, u64, u32) {
        let entries = |op: &Op| match op.what {
            What::Publish { entries, .. } => u64::from(entries),
            _ => 0,
        };
        (self.best.ops.len(), self.best.ops.iter().map(entries).sum(), self.best.scenario.federation.nodes)
    }

    /// Takes a candidate if it breaks the same invariant.
    fn attempt(&mut self, candidate: Case) -> bool {
        if self.runs >= self.limit {
            return false;
        }
        self.runs += 1;
        (self.progress)(Step { runs: self.runs, limit: self.limit, ops: self.best.ops.len() });
        match candidate.run(&|_| ()).violation {
            Some(violation) if violation.invariant == self.invariant() => {
                (self.best, self.violation) = (candidate, violation);
                true
            }
            _ => false,
        }
    }

    fn attempt_ops(&mut self, ops: Vec<Op>) -> bool {
        let candidate = Case { ops, ..self.best.clone() };
        self.attempt(candidate)
    }

    fn attempt_scenario(&mut self, change: impl FnOnce(&mut Scenario)) -> bool {
        let mut candidate = self.best.clone();
        change(&mut candidate.scenario);
        candidate.scenario.to_text() != self.best.scenario.to_text() && self.attempt(candidate)
    }

    /// Without the other alliances. The number of this one stays: its keys follow from it.
    fn alone(&mut self) {
        let (begin, late) = self.best.scenario.size_of(self.best.alliance);
        self.attempt_scenario(|scenario| {
            (scenario.federation.alliances, scenario.federation.nodes) = (1, begin + late);
        });
    }

    /// Without what happens after the break.
    fn until_it_breaks(&mut self) {
        let end = self.violation.at_ms;
        let ops: Vec<Op> = self.best.ops.iter().filter(|op| op.at_ms <= end || must_stay(op)).cloned().collect();
        if ops.len() < self.best.ops.len() {
            self.attempt_ops(ops);
        }
    }

    /// Delta debugging: leaves out ever smaller parts, as long as that goes.
    fn fewer_ops(&mut self) {
        let mut parts = 2;
        loop {
            let loose = self.best.ops.iter().filter(|op| !must_stay(op)).count();
            if loose == 0 || self.runs >= self.limit {
                return;
            }
            parts = parts.min(loose);
            let size = loose.div_ceil(parts);
            let mut shrank = false;
            for part in 0..loose.div_ceil(size) {
                let mut at = 0;
                let keep = |op: &&Op| {
                    let leave_out = !must_stay(op) && at / size == part;
                    at += usize::from(!must_stay(op));
                    !leave_out
                };
                let ops: Vec<Op> = self.best.ops.iter().filter(keep).cloned().collect();
                if self.attempt_ops(ops) {
                    shrank = true;
                    break;
                }
            }
            match shrank {
                true => parts = parts.saturating_sub(1).max(2),
                false if size == 1 => return,
                false => parts *= 2,
            }
        }
    }

    /// One entry in each batch; or half as many in one batch after the other.
    fn fewer_entries(&mut self) {
        let with = |ops: &[Op], change: &dyn Fn(usize, u32) -> u32| -> Vec<Op> {
            let mut ops = ops.to_vec();
            for (at, op) in ops.iter_mut().enumerate() {
                if let What::Publish { entries, .. } = &mut op.what {
                    *entries = change(at, *entries);
                }
            }
            ops
        };
        let smallest = with(&self.best.ops, &|_, entries| entries.min(1));
        if smallest == self.best.ops || self.attempt_ops(smallest) {
            return;
        }
        for at in 0..self.best.ops.len() {
            loop {
                let halved =
                    with(&self.best.ops, &|other, entries| if other == at { entries.div_ceil(2) } else { entries });
                if halved == self.best.ops || !self.attempt_ops(halved) {
                    break;
                }
            }
        }
    }

    /// Without loss, duplication, overtaking, firewalls, slow disks and wrong clocks: all at once, else one by one.
    fn kinder_network(&mut self) {
        let vices: [fn(&mut Scenario); 6] = [
            |scenario| scenario.network.loss = Share::default(),
            |scenario| scenario.network.duplication = Share::default(),
            |scenario| scenario.network.reordering = Share::default(),
            |scenario| scenario.network.firewalled = Share::default(),
            |scenario| scenario.faults.slow_disks = Share::default(),
            |scenario| scenario.faults.clock_skew = Span::default(),
        ];
        let all = self.attempt_scenario(|scenario| vices.iter().for_each(|without| without(scenario)));
        if !all {
            for without in vices {
                self.attempt_scenario(without);
            }
        }
    }

    /// With fewer nodes: who joins late first, then half as many, then one less.
    fn fewer_nodes(&mut self) {
        let federation = &self.best.scenario.federation;
        if federation.alliances != 1 {
            return;
        }
        if federation.late_joiners > 0 {
            let late = federation.late_joiners;
            self.attempt_scenario(|scenario| {
                scenario.federation.nodes -= late;
                scenario.federation.late_joiners = 0;
            });
        }
        loop {
            let federation = &self.best.scenario.federation;
            let least = 2 + federation.late_joiners + federation.observers + 2 * self.best.scenario.adversaries.nodes();
            let nodes = federation.nodes;
            let fits =
                [nodes / 2, nodes.saturating_sub(1)].into_iter().filter(|fewer| *fewer >= least && *fewer < nodes);
            let fits: Vec<u32> = fits.collect();
            if !fits.into_iter().any(|fewer| self.attempt_scenario(|scenario| scenario.federation.nodes = fewer)) {
                return;
            }
        }
    }

    /// Ends soon after the last operation.
    fn shorter(&mut self) {
        let last = self.best.ops.iter().filter(|op| !must_stay(op)).map(|op| op.at_ms).max().unwrap_or(0);
        let end = Span::from_ms(last + 60_000);
        if end >= self.best.scenario.faults_end() {
            return;
        }
        let mut candidate = self.best.clone();
        let scenario = &mut candidate.scenario;
        (scenario.duration, scenario.faults.until) = (end, None);
        // What the plan was made from is in the operations by now.
        scenario.faults.partitions.clear();
        scenario.faults.observer_away = None;
        scenario.load.bursts.clear();
        for op in candidate.ops.iter_mut().filter(|op| must_stay(op)) {
            op.at_ms = end.ms();
        }
        candidate.ops.sort_by_key(|op| op.at_ms);
        self.attempt(candidate);
    }
}

/// The end of the faults belongs to every run: without it nothing would have to agree.
fn must_stay(op: &Op) -> bool {
    op.what == What::Calm
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{plan, scenario::parse};

    /// Agreement within a millisecond after a partition that heals at the last moment: no protocol can do that.
    const IMPOSSIBLE: &str = r#"
name_zh = "不可能"
name_en = "Impossible"
duration = "10min"
converge_within = "1ms"
[federation]
nodes = 6
observers = 1
[network]
loss = "1%"
[load]
batch_every = "20s"
[faults]
crashes_per_hour = 12
flaps_per_hour = 30
partitions = [{ at = "5min", for = "5min", share = "40%" }]
"#;

    fn broken() -> Case {
        let scenario = parse(IMPOSSIBLE, "impossible.toml").unwrap();
        let ops = plan::plan(&scenario, 0, 3);
        Case { scenario, alliance: 0, seed: 3, ops, breaks: None }
    }

    #[test]
    fn a_broken_run_shrinks_to_a_partition_and_a_batch() {
        let case = broken();
        let before = case.ops.len();
        let shrunk = shrink(case, 400, &|_| ()).unwrap();
        assert_eq!(shrunk.violation.invariant, Invariant::Converges);
        assert!(before > 100 && shrunk.case.ops.len() <= 4, "{before} to {}", shrunk.case.to_text());
        assert!(shrunk.case.ops.iter().any(|op| matches!(op.what, What::Publish { entries: 1, .. })));
        assert_eq!(shrunk.case.scenario.network.loss, Share::default());
        // What is left breaks the same way when it is read from its file.
        let again = crate::replay::parse(&shrunk.case.to_text(), "x").unwrap().run(&|_| ());
        assert_eq!(again.violation, Some(shrunk.violation));
    }

    #[test]
    fn a_run_that_holds_is_not_shrunk_and_a_limit_is_kept() {
        let mut case = broken();
        let shrunk = shrink(case.clone(), 5, &|step| assert!(step.runs <= step.limit)).unwrap();
        assert_eq!(shrunk.runs, 5);
        case.scenario.converge_within = Span::from_ms(600_000);
        assert!(shrink(case, 5, &|_| ()).is_none());
    }
}
