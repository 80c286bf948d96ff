//! Joining: an invitation, what the newcomer presents, and what the steward's node answers.
//!
//! The invitation is one line of text with the alliance id, the addresses of a steward's node and a one-time secret. The
//! newcomer proves with its feed key that it holds it, and gets the charters, the newest of which admits it. Where several
//! stewards must agree, it sends an application first, and hears how many have signed until it is admitted.

mod application;
mod exchange;
mod invitation;
mod newcomer;

#[cfg(test)]
mod tests;

pub use application::Application;
pub use exchange::{JoinAnswer, JoinRefusal, JoinRequest};
pub use invitation::{Invitation, InvitationError};
pub use newcomer::Newcomer;
