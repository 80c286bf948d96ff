//! The board: small signed objects that every node keeps and passes on.
//!
//! Calls for key ceremonies and what the holders post in them, the holders' daily usage counts, and their statements that
//! old shares are deleted. They travel by gossip, and what gossip loses comes when peers compare what they have. An object
//! enters by one door, [`Board::take`], whatever way it came.

mod deletion;
mod error;
mod post;
mod shelf;
mod usage;

#[cfg(test)]
mod tests;

pub use deletion::Deletion;
pub use error::BoardError;
pub use post::{Post, PostId};
pub use shelf::{Board, Taken};
pub(crate) use shelf::{Judged, Place};
pub use usage::UsageReport;
