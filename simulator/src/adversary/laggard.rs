//! Is always far behind: hears no gossip, works slowly and answers late.

use std::sync::Arc;

use antibrush_protocol::replica::Topic;

use super::Adversary;
use crate::world::World;

/// How long it keeps every answer back, in milliseconds: a little less than what a peer waits.
const DELAY_MS: u64 = 25_000;

/// So many times as long as on a good disk does a write take.
const SLOWNESS: u64 = 2_000;

/// Lags.
pub struct Laggard;

impl Adversary for Laggard {
    fn delays_ms(&mut self) -> u64 {
        DELAY_MS
    }

    fn hears(&mut self, _: Topic, _: &Arc<[u8]>) -> bool {
        false
    }

    fn act(&mut self, world: &mut World, node: u32, _: u64) {
        world.nodes[node as usize].disk.slowness = SLOWNESS;
    }
}
