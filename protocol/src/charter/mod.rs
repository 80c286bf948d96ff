//! The charter: who is in the alliance, with which keys, under which rules.
//!
//! Versioned like a TUF root: version n+1 needs the quorum of version n and its own. [`chain`] is the one place where a
//! charter becomes [`crate::signed::Verified`] and where objects signed by members are checked against it; [`quorum`] is
//! the one counter of signatures.

pub mod chain;
mod change;
mod cut;
pub mod diff;
mod member;
mod policy;
mod proposal;
pub mod quorum;
mod sign;
mod succession;
mod token_key;
mod wire;

#[cfg(test)]
mod tests;

pub use chain::{CharterChain, CharterError, HeaderRefusal};
pub use change::{Change, ChangeError, LONGEST_TERM_SECONDS, PolicyChange};
pub use cut::{Cut, Stands};
pub use diff::Difference;
pub use member::{FeedKey, Member, MemberRole, MemberState, Node, SealedSeed, is_slug};
pub use policy::Policy;
pub use proposal::{CharterSignature, ProposalError, Quorum, Standing, require_steward};
pub use sign::SignedCharter;
pub use succession::{KeyKind, KeySuccession, SignedSuccession, Succession};
pub use token_key::{DEFAULT_QUOTA, Holding, TokenKey};
pub use wire::{Charter, Level, Steward};
