//! Identifiers to tokens: the privacy core.
//!
//! A suite turns the input of a subject (see [`crate::subject`]) into 64 pseudo-random bytes; everything derived from them
//! is the same for all suites. Suite 1 is a keyed function ([`keyed`]); suite 2, a threshold OPRF, takes its place behind
//! the same seam: [`Prf`] in, [`Derived`] out.

mod derive;
pub mod keyed;
pub mod threshold;

#[cfg(test)]
mod tests;

pub use derive::{Derived, Extractor, KeyId, Prf, key_id};

/// The suites that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Suite {
    /// HMAC-SHA512 under a pepper that every member holds. Any insider can enumerate small identifier spaces.
    Keyed = 1,
    /// Threshold OPRF (RFC 9497 VOPRF over ristretto255): nobody computes a token without t key holders.
    Threshold = 2,
}

impl Suite {
    /// The number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The suite with this wire number.
    pub const fn from_number(number: u8) -> Option<Suite> {
        match number {
            1 => Some(Suite::Keyed),
            2 => Some(Suite::Threshold),
            _ => None,
        }
    }
}
