//! The hashes of RFC 6962 §2.1 and the name of a body chunk.

use sha2::{Digest, Sha256};

use super::Frontier;
use crate::base::{Hash, MemberNumber};

const LEAF_PREFIX: u8 = 0x00;
const NODE_PREFIX: u8 = 0x01;
const CHUNK_PREFIX: u8 = 0x02;

/// The root of the tree without leaves: SHA-256 of nothing (RFC 6962 §2.1).
pub const EMPTY_ROOT: Hash = [
    0xe3, 0xb0, 0xc4, 0x42, 0x98, 0xfc, 0x1c, 0x14, 0x9a, 0xfb, 0xf4, 0xc8, 0x99, 0x6f, 0xb9, 0x24, 0x27, 0xae, 0x41,
    0xe4, 0x64, 0x9b, 0x93, 0x4c, 0xa4, 0x95, 0x99, 0x1b, 0x78, 0x52, 0xb8, 0x55,
];

/// The hash of one leaf: SHA-256(0x00 ‖ leaf), RFC 6962 §2.1.
pub fn leaf_hash(leaf: &[u8]) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([LEAF_PREFIX]);
    hasher.update(leaf);
    hasher.finalize().into()
}

/// The hash of an inner node: SHA-256(0x01 ‖ left ‖ right), RFC 6962 §2.1.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut input = [NODE_PREFIX; 65];
    input[1..33].copy_from_slice(left);
    input[33..].copy_from_slice(right);
    Sha256::digest(input).into()
}

/// The name of a body chunk: SHA-256(0x02 ‖ publisher, 2 bytes ‖ index of its first leaf, 8 bytes ‖ all its leaf hashes, in order),
/// the numbers with the highest byte first.
///
/// With its place in it, a name belongs to one place of one feed: nobody can have another's chunk count in a feed of his own, where
/// other entries would decide when its contents are erased.
///
/// A chunk is named by the hashes of its leaves and not by its bytes. So a chunk keeps its name when the content of a leaf is
/// erased and only its hash stays: headers signed before the erasure still name it, and a late joiner who receives hash-only
/// leaves checks it in the same way. The prefix 0x02 keeps a chunk of two leaves from having the hash of their node.
pub fn chunk_digest<'a>(publisher: MemberNumber, first: u64, leaf_hashes: impl IntoIterator<Item = &'a Hash>) -> Hash {
    let mut hasher = Sha256::new();
    hasher.update([CHUNK_PREFIX]);
    hasher.update(publisher.0.to_be_bytes());
    hasher.update(first.to_be_bytes());
    for hash in leaf_hashes {
        hasher.update(hash);
    }
    hasher.finalize().into()
}

/// The root over leaf hashes: MTH of RFC 6962 §2.1; [`EMPTY_ROOT`] for none.
pub fn subtree_root(leaf_hashes: &[Hash]) -> Hash {
    let mut frontier = Frontier::new();
    for hash in leaf_hashes {
        frontier.push(*hash);
    }
    frontier.root()
}
