//! Thousands of virtual nodes that drive the protocol crate in virtual time, with every fault, from one seed.
//!
//! A [`scenario::Scenario`] and a seed give a [`plan`] of operations ([`op::Op`]) for each alliance; a [`world::World`] carries them out
//! and looks all the while whether what must hold ([`invariant::Invariant`]) holds. The same seed gives the same trace.

pub mod adversary;
pub mod calibrate;
pub mod gossip;
pub mod invariant;
pub mod lang;
pub mod op;
pub mod plan;
pub mod privacy;
pub mod random;
pub mod replay;
pub mod report;
pub mod run;
pub mod scenario;
pub mod shrink;
pub mod soak;
pub mod sweep;
pub mod trace;
pub mod world;
