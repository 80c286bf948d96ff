//! The sync protocol: what nodes ask each other, and the objects of gossip.
//!
//! Requests and answers are arrays `[kind, …]`, versioned by the protocol name. Everything that they carry is verified by
//! whoever receives it; nothing is trusted for having come from a member.

mod message;

#[cfg(test)]
mod tests;

pub use message::{Announcement, Heads, PeerHead, Request, Response};
