//! A small generator whose sequence follows from its seed on every machine.

use rand_pcg::{Pcg32, rand_core::Rng};

use crate::random::mix;

/// PCG-XSH-RR 64/32 (O'Neill 2014) with what gossip draws from it.
#[derive(Clone, Debug)]
pub struct Random(Pcg32);

impl Random {
    /// The generator of a seed. Seeds next to each other give sequences that have nothing in common.
    pub fn new(seed: u64) -> Random {
        Random(Pcg32::new(mix(seed), mix(seed ^ u64::MAX)))
    }

    /// A number below `bound`, evenly but for one part in 2³² / `bound`; 0 if `bound` is 0.
    pub fn below(&mut self, bound: u32) -> u32 {
        ((u64::from(self.0.next_u32()) * u64::from(bound)) >> 32) as u32
    }

    /// A number of 64 random bits, for the seed of another generator.
    pub fn seed(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// Whether something happens that happens `permille` times in 1,000.
    pub fn chance(&mut self, permille: u32) -> bool {
        self.below(1_000) < permille
    }

    /// Brings `items` into a random order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (2..=items.len()).rev() {
            items.swap(end - 1, self.below(end as u32) as usize);
        }
    }

    /// Leaves `count` random items, or all if there are not more.
    pub fn choose<T>(&mut self, items: &mut Vec<T>, count: usize) {
        if items.len() <= count {
            return;
        }
        for at in 0..count {
            let other = at + self.below((items.len() - at) as u32) as usize;
            items.swap(at, other);
        }
        items.truncate(count);
    }
}
