//! The board: small signed objects that every node keeps and passes on.
//!
//! Calls for key ceremonies and what the holders post in them, the holders' daily usage counts, their statements that
//! old shares are deleted, and the members' receipts of what they have forgotten. They travel by gossip, and what gossip loses comes when peers compare what they have. An object
//! enters by one door, [`Board::take`], whatever way it came.

mod deletion;
mod error;
mod post;
mod purge;
mod shelf;
mod usage;

#[cfg(test)]
mod tests;

pub use deletion::Deletion;
pub use error::BoardError;
pub use post::{Post, PostId};
pub use purge::{PurgeReceipt, Purged};
pub use shelf::{Board, Taken};
pub(crate) use shelf::{Judged, Place};
pub use usage::UsageReport;
