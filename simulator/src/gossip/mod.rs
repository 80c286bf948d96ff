//! A model of gossipsub: what one node's `libp2p-gossipsub` 0.50.1 does, as a state machine in virtual time.
//!
//! [`Router`] is one node: RPCs, verdicts and heartbeats go in, RPCs and deliveries come out. It has the mesh with its four
//! degrees, grafting and pruning with backoff, the message history with IHAVE and IWANT, IDONTWANT, the cache of what was seen,
//! validation by the application, and the score of peers (P1, P2, P4, P5 and P7). The numbers are the node's own
//! (`antibrush_protocol::gossip`) and, where the node leaves the library's, those of [`parameters`].
//! `calibrate` compares it with real swarms.
//!
//! Not here, because nothing in an alliance uses it: fanout (every node subscribes to all topics), explicit peers, floodsub,
//! peer exchange, signed messages, partial messages, P3, P3b and P6 (weight 0), and the bounded queue of a slow peer.

mod history;
pub mod net;
pub mod parameters;
mod peer;
mod random;
mod router;
mod rpc;
mod seen;
mod tend;

#[cfg(test)]
mod tests;

pub use random::Random;
pub use router::{Load, Published, Router};
pub use rpc::{Action, MessageId, PeerIndex, Rpc};
