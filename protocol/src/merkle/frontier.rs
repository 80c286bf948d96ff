//! The right edge of a tree: all that appending and the root need.

use super::{EMPTY_ROOT, MAX_SIZE, MerkleError, node_hash};
use crate::base::Hash;

/// A tree that can grow and knows its root, in at most 64 hashes: one peak (the root of a complete subtree) for each bit that
/// is set in the size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frontier {
    size: u64,
    /// Largest subtree first.
    peaks: Vec<Hash>,
}

impl Frontier {
    /// The tree without leaves.
    pub fn new() -> Frontier {
        // Room for every peak, so that no push allocates.
        Frontier { size: 0, peaks: Vec::with_capacity(64) }
    }

    /// Continues a stored tree. The peaks themselves can not be checked here: compare [`Frontier::root`] with a signed one.
    ///
    /// # Errors
    /// [`MerkleError::SizeOutOfRange`] above [`MAX_SIZE`], [`MerkleError::PeakCount`] if the peaks do not fit the size.
    pub fn from_parts(size: u64, peaks: &[Hash]) -> Result<Frontier, MerkleError> {
        if size > MAX_SIZE {
            return Err(MerkleError::SizeOutOfRange { size });
        }
        let expected = size.count_ones() as usize;
        if peaks.len() != expected {
            return Err(MerkleError::PeakCount { size, expected, found: peaks.len() });
        }
        let mut frontier = Frontier::new();
        frontier.size = size;
        frontier.peaks.extend_from_slice(peaks);
        Ok(frontier)
    }

    /// Number of leaves.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// The roots of the complete subtrees, the largest (leftmost) first.
    pub fn peaks(&self) -> &[Hash] {
        &self.peaks
    }

    /// Appends a leaf by its hash.
    pub fn push(&mut self, leaf_hash: Hash) {
        self.push_with(leaf_hash, &mut |_, _, _| ());
    }

    /// Appends a leaf by its hash and reports every complete subtree that it closes as `(level, index, hash)`, from the leaf
    /// itself (level 0) upwards. Whoever keeps all reported hashes can prove anything about the tree ([`super::Nodes`]).
    pub fn push_with(&mut self, leaf_hash: Hash, completed: &mut impl FnMut(u8, u64, &Hash)) {
        let index = self.size;
        let mut hash = leaf_hash;
        completed(0, index, &hash);
        // Each one bit at the end of the old size is a left sibling that waits for this leaf, as in a binary counter.
        for level in 1..=index.trailing_ones() {
            if let Some(left) = self.peaks.pop() {
                hash = node_hash(&left, &hash);
                // level ≤ 64
                completed(level as u8, index.checked_shr(level).unwrap_or(0), &hash);
            }
        }
        self.peaks.push(hash);
        // Can not overflow: a frontier starts at MAX_SIZE = 2^63 at most, and nobody pushes 2^63 leaves.
        self.size += 1;
    }

    /// The root of the tree (RFC 6962 §2.1); [`EMPTY_ROOT`] without leaves.
    pub fn root(&self) -> Hash {
        fold_peaks(&self.peaks)
    }
}

impl Default for Frontier {
    fn default() -> Frontier {
        Frontier::new()
    }
}

/// The root over complete subtrees, the largest first: from the right, as RFC 6962 §2.1 splits off the largest on the left.
pub(super) fn fold_peaks(peaks: &[Hash]) -> Hash {
    peaks.iter().rev().copied().reduce(|right, left| node_hash(&left, &right)).unwrap_or(EMPTY_ROOT)
}
