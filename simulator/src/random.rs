//! Randomness that is a function of the seed alone.

use rand_core::{Rng, SeedableRng};
use rand_pcg::Pcg64Mcg;

/// A share in millionths, so that no decision hangs on a rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Millionths(pub u32);

impl Millionths {
    /// All of it.
    pub const ALL: Millionths = Millionths(1_000_000);

    /// This share of a number, rounded down.
    pub fn of(self, whole: u64) -> u64 {
        u64::try_from(u128::from(whole) * u128::from(self.0) / 1_000_000).unwrap_or(u64::MAX)
    }
}

/// A stream of random numbers. Streams with different labels of one seed have nothing to do with each other, so that a fault that is
/// taken out of a run leaves the others where they were.
#[derive(Clone, Debug)]
pub struct Random(Pcg64Mcg);

impl Random {
    /// The stream of a seed with these labels.
    pub fn new(seed: u64, labels: &[u64]) -> Random {
        let mixed = labels.iter().fold(seed, |mixed, label| mix(mixed ^ mix(*label)));
        Random(Pcg64Mcg::seed_from_u64(mixed))
    }

    /// Any 64 bits.
    #[allow(clippy::should_implement_trait, reason = "a stream without end is no iterator here")]
    pub fn next(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `end`; 0 if that is 0. Lemire's multiplication; the bias of 2⁻³² of its short form does not matter here.
    pub fn below(&mut self, end: u64) -> u64 {
        ((u128::from(self.next()) * u128::from(end)) >> 64) as u64
    }

    /// A number from `start` to `end`, both included.
    pub fn between(&mut self, start: u64, end: u64) -> u64 {
        start + self.below(end.saturating_sub(start).saturating_add(1))
    }

    /// Whether something with this chance happens.
    pub fn happens(&mut self, chance: Millionths) -> bool {
        chance.0 > 0 && self.below(1_000_000) < u64::from(chance.0)
    }

    /// One of them; `None` if there is none.
    pub fn pick<'a, T>(&mut self, among: &'a [T]) -> Option<&'a T> {
        among.get(self.below(among.len() as u64) as usize)
    }

    /// Mixes their order (Fisher–Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for at in (1..items.len()).rev() {
            items.swap(at, self.below(at as u64 + 1) as usize);
        }
    }
}

/// The finaliser of SplitMix64: G. Steele, D. Lea, C. Flood, "Fast splittable pseudorandom number generators", 2014.
pub fn mix(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_seed_gives_one_stream_and_another_label_another() {
        let draw = |labels: &[u64]| {
            let mut random = Random::new(7, labels);
            (0..4).map(|_| random.next()).collect::<Vec<_>>()
        };
        assert_eq!(draw(&[1, 2]), draw(&[1, 2]));
        assert_ne!(draw(&[1, 2]), draw(&[2, 1]));
        assert_ne!(draw(&[1]), draw(&[1, 0]));
    }

    #[test]
    fn numbers_stay_in_their_range_and_reach_its_ends() {
        let mut random = Random::new(1, &[]);
        let drawn: Vec<u64> = (0..1000).map(|_| random.between(3, 6)).collect();
        assert!(drawn.iter().all(|n| (3..=6).contains(n)) && drawn.contains(&3) && drawn.contains(&6));
        assert_eq!(random.below(0), 0);
        assert!((0..1000).all(|_| random.happens(Millionths::ALL) && !random.happens(Millionths(0))));
    }
}
