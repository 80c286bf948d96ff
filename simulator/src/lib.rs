//! Virtual nodes that drive the protocol crate in virtual time.

pub mod gossip;
