//! Dishonest members. Each drives the same state machine as everybody else, and lies where it pays.

pub mod lying_holder;

use std::sync::Arc;

use antibrush_protocol::{
    replica::Topic,
    suite::threshold::Evaluation,
    sync::{Request, Response},
};

use crate::{
    scenario::Scenario,
    world::{Node, World},
};

/// What a dishonest member does otherwise than an honest one.
pub trait Adversary: Send {
    /// What it answers instead; `None` says nothing.
    fn answer(&mut self, _to: u32, _request: &Request, honest: Response) -> Option<Response> {
        Some(honest)
    }

    /// Whether it says by gossip what its replica wants said.
    fn says(&mut self, _topic: Topic, _bytes: &Arc<[u8]>) -> bool {
        true
    }

    /// What it says an evaluation gave; `None` says nothing.
    fn evaluates(&mut self, honest: Evaluation) -> Option<Evaluation> {
        Some(honest)
    }

    /// Does what it is there for. It is the member of `node`.
    fn act(&mut self, world: &mut World, node: u32, salt: u64);
}

/// Makes the last of the first `begin` nodes dishonest, as many of each kind as the scenario says. Node 0 is the steward and stays
/// honest.
pub fn appoint(_scenario: &Scenario, _begin: u32, _nodes: &mut [Node]) {}

/// The nodes that are dishonest.
pub fn appointed(_scenario: &Scenario, _begin: u32) -> std::ops::Range<u32> {
    0..0
}
