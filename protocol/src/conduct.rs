//! What a node remembers of peers that did what no honest node does: when one is shut out, and when it is forgiven.
//!
//! Times are milliseconds on a clock that never goes back, as in [`crate::replica::Now`].

use std::collections::BTreeMap;

use crate::gossip::OFFENCE_SECONDS;

/// Offences until a peer is shut out. No offence can happen to an honest peer, so few are needed.
const OFFENCES_UNTIL_SHUT_OUT: u32 = 3;

/// For how long it is shut out, and its score is lowered, after an offence.
const REMEMBERED_MS: u64 = OFFENCE_SECONDS * 1000;

/// The offenders among the peers of a node, by whatever names a peer there. Bounded by who is written down: members alone.
#[derive(Clone, Debug)]
pub struct Conduct<P> {
    records: BTreeMap<P, Record>,
}

#[derive(Clone, Debug, Default)]
struct Record {
    offences: u32,
    /// Shut out until then.
    out_until_ms: u64,
    /// Its score is lowered until then; `None`: it is not.
    lowered_until_ms: Option<u64>,
}

impl<P> Default for Conduct<P> {
    fn default() -> Self {
        Conduct { records: BTreeMap::new() }
    }
}

impl<P: Copy + Ord> Conduct<P> {
    /// Writes an offence down: the score of the peer is to be lowered. `true`: it is shut out from now on.
    pub fn offend(&mut self, peer: P, now_ms: u64) -> bool {
        let record = self.records.entry(peer).or_default();
        record.offences = record.offences.saturating_add(1);
        record.lowered_until_ms = Some(now_ms + REMEMBERED_MS);
        if record.offences.is_multiple_of(OFFENCES_UNTIL_SHUT_OUT) {
            record.out_until_ms = now_ms + REMEMBERED_MS;
        }
        now_ms < record.out_until_ms
    }

    /// Whether a peer is shut out.
    pub fn is_shut_out(&self, peer: &P, now_ms: u64) -> bool {
        self.records.get(peer).is_some_and(|record| now_ms < record.out_until_ms)
    }

    /// The peers whose score is no longer to be lowered, each told once.
    pub fn forgiven(&mut self, now_ms: u64) -> Vec<P> {
        let over = |(peer, record): (&P, &mut Record)| {
            record.lowered_until_ms.take_if(|until| *until <= now_ms).map(|_| *peer)
        };
        self.records.iter_mut().filter_map(over).collect()
    }

    /// Who offended, and how often.
    pub fn offenders(&self) -> impl Iterator<Item = (P, u32)> {
        self.records.iter().map(|(peer, record)| (*peer, record.offences))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_third_offence_shuts_out_for_ten_minutes() {
        let mut conduct = Conduct::default();
        assert!(!conduct.offend('a', 0));
        assert!(!conduct.offend('b', 0) && !conduct.offend('a', 1_000));
        assert!(conduct.offend('a', 2_000));
        assert!(conduct.is_shut_out(&'a', 2_000) && conduct.is_shut_out(&'a', 601_999));
        assert!(!conduct.is_shut_out(&'a', 602_000) && !conduct.is_shut_out(&'b', 2_000));
        assert!(conduct.offend('a', 3_000), "it still is");
        assert!(!conduct.offend('a', 700_000));
        assert!(conduct.offend('a', 700_001));
        assert_eq!(conduct.offenders().collect::<Vec<_>>(), [('a', 6), ('b', 1)]);
    }

    #[test]
    fn a_score_is_lowered_until_ten_minutes_after_the_last_offence() {
        let mut conduct = Conduct::default();
        assert!(conduct.forgiven(0).is_empty());
        conduct.offend('a', 0);
        conduct.offend('a', 300_000);
        assert!(conduct.forgiven(899_999).is_empty());
        assert_eq!(conduct.forgiven(900_000), ['a']);
        assert!(conduct.forgiven(900_000).is_empty(), "told once");
        conduct.offend('a', 1_000_000);
        assert_eq!(conduct.forgiven(1_600_000), ['a']);
    }
}
