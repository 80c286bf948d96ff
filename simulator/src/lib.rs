//! Virtual nodes that drive the protocol crate in virtual time.

pub mod calibrate;
pub mod gossip;
