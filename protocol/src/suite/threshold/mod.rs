//! Suite 2: a threshold OPRF, under which nobody computes a token alone.
//!
//! RFC 9497's VOPRF(ristretto255, SHA-512) with its key shared t-of-n among the alliance's key holders (Shamir's scheme, one
//! polynomial a class and epoch). A platform blinds its identifiers ([`client`]), t holders evaluate the blinded elements
//! with their shares and prove that they did ([`holder`], [`dleq`]); the platform checks each proof against the holder's
//! public share in the charter ([`key`]), combines t answers by Lagrange's formula in the exponent and takes the blinding
//! off. What comes out is what RFC 9497 gives for the whole key, byte for byte, whichever t holders answered; no party ever
//! has the whole key, and holders see nothing but random elements.
//!
//! Own code on curve25519-dalek instead of the `voprf` crate, because a batch's proofs are checked here by multi-scalar
//! multiplication on public data. The published vectors and ten thousand random inputs prove it equal to that crate.

pub mod client;
mod dleq;
mod error;
mod group;
pub mod holder;
pub mod key;

#[cfg(test)]
mod tests;

pub use client::{Blinded, blind};
pub use dleq::PROOF_BYTES;
pub use error::OprfError;
pub use group::{ELEMENT_BYTES, Element};
pub use holder::{Evaluation, KeyShare};
pub use key::{Checked, ThresholdKey};

/// The most elements of one evaluation: RFC 9497 numbers them with 16 bits in its proofs; this bounds a request to 8 KiB and
/// a holder's work to some 20 ms.
pub const BATCH: usize = 256;
