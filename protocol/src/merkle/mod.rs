//! The Merkle tree of a feed: RFC 6962 §2.1 with SHA-256, leaf prefix 0x00, node prefix 0x01.
//!
//! A publisher and a replica keep a [`Frontier`] (the roots of the complete subtrees, at most 64 hashes) and append to it; a
//! node that answers for proofs keeps the hashes of all complete subtrees and lends them as [`Nodes`]. [`Tree`] is such a
//! keeper in memory. Verification ([`verify_inclusion`], [`verify_consistency`]) is RFC 9162 §2.1.3.2 and §2.1.4.2.
//!
//! A complete subtree is named by `(level, index)`: it covers the leaves `index·2^level .. (index+1)·2^level`. A hash under
//! that name never changes once all of its leaves exist, so it may be stored for good.
//!
//! **Departure**: trees end at [`MAX_SIZE`] = 2^63 leaves, so that no proof is longer than 64 hashes.

mod frontier;
mod hash;
mod proof;
#[cfg(test)]
mod tests;
mod tree;
mod verify;

pub use frontier::Frontier;
pub use hash::{EMPTY_ROOT, chunk_digest, leaf_hash, node_hash, subtree_root};
pub use proof::{Nodes, consistency_proof, inclusion_proof, peaks};
pub use tree::Tree;
pub use verify::{MAX_PROOF, verify_consistency, verify_inclusion};

/// The largest tree, in leaves.
pub const MAX_SIZE: u64 = 1 << 63;

/// What is wrong with a tree, a request for a proof or a proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MerkleError {
    /// Wrong use, or a peer that claims too much: the tree is larger than [`MAX_SIZE`].
    #[error("a tree of {size} leaves is larger than 2^63")]
    SizeOutOfRange {
        /// The claimed size.
        size: u64,
    },
    /// Wrong use, or a peer's claim: there is no such leaf in a tree of this size.
    #[error("leaf {index} is not in a tree of {size} leaves")]
    IndexOutOfRange {
        /// The leaf asked for.
        index: u64,
        /// The size of the tree.
        size: u64,
    },
    /// Wrong use, or a peer's claim: the older tree is the larger one.
    #[error("a tree of {old} leaves can not be the beginning of one of {new}")]
    NotAPrefix {
        /// The size of the older tree.
        old: u64,
        /// The size of the newer tree.
        new: u64,
    },
    /// A stored frontier does not have one peak for each bit that is set in its size.
    #[error("a tree of {size} leaves has {expected} peaks, not {found}")]
    PeakCount {
        /// The stored size.
        size: u64,
        /// The number of set bits in the size.
        expected: usize,
        /// The number of stored peaks.
        found: usize,
    },
    /// The keeper of the hashes does not have one that the proof needs.
    #[error("the hash of subtree {index} of level {level} is missing")]
    MissingNode {
        /// Height of the subtree; leaves are level 0.
        level: u8,
        /// Number of the subtree in its level, from the left.
        index: u64,
    },
    /// The proof ends before it reaches the root.
    #[error("the proof is too short")]
    ProofTooShort,
    /// The proof goes on after the root, or has more than [`MAX_PROOF`] hashes.
    #[error("the proof is too long")]
    ProofTooLong,
    /// The older tree is not what the proof builds.
    #[error("the proof does not lead to the older root")]
    OldRootMismatch,
    /// The tree is not what the proof builds.
    #[error("the proof does not lead to the root")]
    RootMismatch,
}
