//! Ceremonies: how the holders make a threshold key that none of them ever has, and how they renew their shares of it.
//!
//! A steward signs a [`Call`]; the holders answer with three rounds of signed [`Message`]s on a board that every node keeps:
//! commitments with a one-time key ([`Round::Commit`]), shares sealed to the one-time keys ([`Round::Deal`]), and either the
//! result ([`Round::Confirm`]) or a complaint ([`Round::Complain`]). [`Ceremony::advance`] folds whatever is on the board,
//! in any order, into what is to be posted, who is waited for, who cheated, and in the end the keys. It draws no randomness:
//! all that a holder keeps secret comes from one [`Seed`], so that a node that was killed posts the same bytes again.
//!
//! The key generation is Pedersen's with proofs of knowledge (Komlo and Goldberg, "FROST", figure 1), one polynomial a class.
//! A holder's own polynomial is frost-ristretto255's (`dkg`); what every node checks of the others' is computed on this
//! crate's group (`public`), so that each implementation checks the other.

mod advance;
mod board;
mod call;
mod derive;
mod dkg;
mod error;
mod holder;
mod message;
mod progress;
mod public;
mod seal;

#[cfg(test)]
mod tests;

pub use advance::Ceremony;
pub use call::{Call, Kind, verify_call};
pub use derive::Seed;
pub use error::{CeremonyError, Fault};
pub use message::{Message, Round, Step, verify_message};
pub use progress::{ClassKeys, Me, Outcome, Phase, Progress, Shares};
