//! The economics of enumeration: what an insider, members that collude, corrupt holders and whoever finds a disk learn in an epoch of a
//! token key, under which quotas.
//!
//! [`bound`] says it by the formula of docs/PRIVACY.md: with n holders of whom t must answer, c of them corrupt, and a quota of L
//! evaluations for each member, holder and day, a member gets at most (n − c)·L/(t − c) tokens a day, for each takes t − c answers of
//! honest holders, who give (n − c)·L. [`attack`] does it, with the protocol's own key, proofs and counts, in a world small enough
//! to be asked to the end; the two stand beside each other in the report.

mod attack;
#[cfg(test)]
mod tests;

use std::time::Instant;

use antibrush_protocol::{
    subject::{Class, Subject},
    suite::keyed::{KeyedPrf, Seed},
};
pub use attack::{Attack, Attacker, attack};
use serde::Serialize;

/// Mobile numbers that can be in use, as docs/PRIVACY.md reckons: 7·10⁹.
pub const MOBILE_NUMBERS: u64 = 7_000_000_000;

/// What to reckon with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How many hold a share.
    pub holders: u8,
    /// How many of them must answer.
    pub threshold: u8,
    /// How long a key lives, in days.
    pub epoch_days: u32,
    /// The seed of the small world.
    pub seed: u64,
}

impl Default for Options {
    fn default() -> Options {
        Options { holders: 5, threshold: 3, epoch_days: 365, seed: 1 }
    }
}

/// The quotas that the report compares: evaluations for each member, holder and day.
pub const QUOTAS: [u32; 9] = [1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000, 3_000_000, 10_000_000];

/// What one attacker gets under one quota.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Yield {
    /// The quota.
    pub quota: u32,
    /// Tokens a day at the most.
    pub a_day: u64,
    /// Tokens while the key lives.
    pub an_epoch: u64,
    /// Of all mobile numbers, in millionths.
    pub millionths: u32,
    /// Days until all mobile numbers are covered, if one key lived so long; `None`: never.
    pub days_to_cover: Option<u64>,
}

/// One attacker under all quotas.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Row {
    /// Who.
    pub attacker: Attacker,
    /// Under each of [`QUOTAS`]; empty if nothing bounds it but its own processors.
    pub yields: Vec<Yield>,
}

/// The report.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PrivacyReport {
    /// How many hold a share.
    pub holders: u8,
    /// How many of them must answer.
    pub threshold: u8,
    /// How long a key lives, in days.
    pub epoch_days: u32,
    /// What each attacker gets at the most, by the formula.
    pub rows: Vec<Row>,
    /// What each attacker got in the small world.
    pub attacks: Vec<Attack>,
    /// Tokens that one core of this machine makes in a second under suite 1, whose pepper every member has.
    pub keyed_a_second: f64,
}

impl PrivacyReport {
    /// How long one core of this machine takes to enumerate all mobile numbers under suite 1, in minutes.
    pub fn keyed_minutes(&self) -> f64 {
        MOBILE_NUMBERS as f64 / self.keyed_a_second / 60.0
    }

    /// Whether no attack got more than the formula allows.
    pub fn holds(&self) -> bool {
        self.attacks.iter().all(|attack| attack.most.is_none_or(|most| attack.obtained <= most))
    }
}

/// Tokens a day at the most; `None`: nothing bounds them. So many members collude, and so many holders are corrupt.
pub fn bound(holders: u8, threshold: u8, corrupt: u8, members: u32, quota: u32) -> Option<u64> {
    let answers = u64::from(threshold.checked_sub(corrupt).filter(|answers| *answers > 0)?);
    let honest = u64::from(holders.saturating_sub(corrupt));
    Some(honest * u64::from(quota) * u64::from(members) / answers)
}

/// Reckons and attacks.
pub fn run(options: &Options) -> PrivacyReport {
    let Options { holders, threshold, epoch_days, seed } = *options;
    let attackers = [
        Attacker { members: 1, corrupt: 0 },
        Attacker { members: 10, corrupt: 0 },
        Attacker { members: 1, corrupt: threshold - 1 },
        Attacker { members: 10, corrupt: threshold - 1 },
        Attacker { members: 1, corrupt: threshold },
        // Whoever found a disk, or shares, and is no member.
        Attacker { members: 0, corrupt: 0 },
        Attacker { members: 0, corrupt: threshold - 1 },
    ];
    let row = |attacker: Attacker| {
        let yields = QUOTAS.iter().filter_map(|quota| {
            let a_day = bound(holders, threshold, attacker.corrupt, attacker.members, *quota)?;
            let an_epoch = (a_day * u64::from(epoch_days)).min(MOBILE_NUMBERS);
            let millionths = u32::try_from(an_epoch * 1_000 / (MOBILE_NUMBERS / 1_000)).unwrap_or(u32::MAX);
            let days_to_cover = (a_day > 0).then(|| MOBILE_NUMBERS.div_ceil(a_day));
            Some(Yield { quota: *quota, a_day, an_epoch, millionths, days_to_cover })
        });
        Row { attacker, yields: yields.collect() }
    };
    PrivacyReport {
        holders,
        threshold,
        epoch_days,
        rows: attackers.into_iter().map(row).collect(),
        attacks: attackers.into_iter().filter_map(|attacker| attack(holders, threshold, attacker, seed)).collect(),
        keyed_a_second: keyed_a_second(),
    }
}

/// Measures how many tokens of mobile numbers one core makes in a second under suite 1.
fn keyed_a_second() -> f64 {
    const NUMBERS: u32 = 100_000;
    let prf = KeyedPrf::new(&Seed([7; 32]), &[1; 32], &[2; 32], Class::Mob, 1);
    let numbers: Vec<Subject> =
        (0..NUMBERS).filter_map(|n| Subject::parse(Class::Mob, &format!("138{n:08}")).ok()).collect();
    let (mut scratch, began, mut sum) = (Vec::new(), Instant::now(), 0u8);
    for number in &numbers {
        sum ^= prf.token(number, &mut scratch).0[0];
    }
    std::hint::black_box(sum);
    numbers.len() as f64 / began.elapsed().as_secs_f64().max(1e-9)
}
