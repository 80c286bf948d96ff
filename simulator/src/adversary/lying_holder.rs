//! A key holder that answers evaluations falsely. It signs what it says, as it must to be heard.

use antibrush_protocol::suite::threshold::Evaluation;

use super::Adversary;
use crate::world::World;

/// The lies that there are.
const LIES: u64 = 7;

/// One.
#[derive(Debug, Default)]
pub struct LyingHolder {
    told: u64,
}

impl Adversary for LyingHolder {
    fn evaluates(&mut self, mut evaluation: Evaluation) -> Option<Evaluation> {
        self.told += 1;
        let elements = &mut evaluation.elements;
        match self.told % LIES {
            // Elements in another order, or one that is no evaluation of anything.
            0 if elements.len() > 1 => elements.reverse(),
            0 | 1 => elements[0] = [0; 32],
            // No element at all.
            2 => elements[0] = [0xff; 32],
            3 => evaluation.proof[0] ^= 1,
            4 => evaluation.proof = [0; 64],
            // With the share of another one.
            5 => evaluation.holder = if evaluation.holder == 1 { 2 } else { 1 },
            _ => drop(elements.pop()),
        }
        Some(evaluation)
    }

    fn act(&mut self, _world: &mut World, _node: u32, _salt: u64) {}
}
