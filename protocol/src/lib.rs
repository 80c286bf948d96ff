//! The alliance protocol as pure logic.
//!
//! No input or output, no clock, no async and no randomness of its own: time and random bytes are parameters, effects are
//! values. The node and the simulator drive the same code. The module names are the nouns of docs/PROTOCOL.md.

pub mod base;
pub mod board;
pub mod ceremony;
pub mod charter;
pub mod checkpoint;
pub mod codes;
pub mod conduct;
pub mod encoding;
pub mod entry;
pub mod evaluation;
pub mod feed;
pub mod filter;
pub mod gossip;
pub mod join;
pub mod limits;
pub mod merkle;
pub mod proof;
pub mod replica;
pub mod rule;
pub mod signed;
pub mod subject;
pub mod suite;
pub mod sync;
pub mod witness;
pub mod writer;

// The fixtures are shared with the generator of the published vectors, which names this crate from outside.
#[cfg(test)]
extern crate self as antibrush_protocol;
#[cfg(test)]
mod fixtures;
