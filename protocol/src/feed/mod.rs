//! Feeds: one append-only Merkle log per member (RFC 6962), published in signed batches.
//!
//! A [`BatchHeader`] is a signed tree head that also says what its batch holds. The body is a CBOR sequence of entries, cut
//! into [`chunk`]s; [`body`] checks a whole body against its header; [`build`] makes the next batch of one's own feed.

pub mod body;
pub mod build;
pub mod chunk;
mod equivocation;
mod header;
mod totals;

#[cfg(test)]
mod tests;

pub use chunk::{Chunk, ChunkDescriptor, ChunkError, ChunkPlace, Leaf};
pub use equivocation::{Contradiction, Equivocation};
pub use header::{BatchHeader, Head, HeaderError};
pub use totals::{Total, Totals};
