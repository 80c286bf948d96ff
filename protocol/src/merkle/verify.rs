//! Checking proofs: the algorithms of RFC 9162 §2.1.3.2 and §2.1.4.2.

use super::proof::{check_size, check_sizes};
use super::{EMPTY_ROOT, MerkleError, node_hash};
use crate::base::Hash;

/// The longest proof that is looked at, in hashes: a tree of [`super::MAX_SIZE`] = 2^63 leaves needs no longer one.
pub const MAX_PROOF: usize = 64;

/// Checks that the leaf with this hash is leaf `index` of the tree of `size` leaves with this root (RFC 9162 §2.1.3.2).
///
/// Size and root must come from one signed head. A path does not prove the size: at the left of the tree the same path leads
/// to the same root for several sizes (leaf 0 for sizes 5 to 8).
///
/// # Errors
/// [`MerkleError::SizeOutOfRange`] and [`MerkleError::IndexOutOfRange`] for a claim that can not be true;
/// [`MerkleError::ProofTooShort`], [`MerkleError::ProofTooLong`] and [`MerkleError::RootMismatch`] for a wrong proof.
pub fn verify_inclusion(
    leaf_hash: &Hash,
    index: u64,
    size: u64,
    proof: &[Hash],
    root: &Hash,
) -> Result<(), MerkleError> {
    check_size(size)?;
    if index >= size {
        return Err(MerkleError::IndexOutOfRange { index, size });
    }
    let mut climb = Climb::new(index, size, proof)?;
    let mut found = *leaf_hash;
    for sibling in proof {
        found = match climb.step()? {
            Side::Left => node_hash(sibling, &found),
            Side::Right => node_hash(&found, sibling),
        };
    }
    climb.finish()?;
    if found == *root { Ok(()) } else { Err(MerkleError::RootMismatch) }
}

/// Checks that the tree of `old` leaves with root `old_root` is the beginning of the tree of `new` leaves with root
/// `new_root` (RFC 9162 §2.1.4.2). The empty tree is the beginning of every tree, by the empty proof.
///
/// # Errors
/// [`MerkleError::SizeOutOfRange`] and [`MerkleError::NotAPrefix`] for a claim that can not be true;
/// [`MerkleError::ProofTooShort`], [`MerkleError::ProofTooLong`], [`MerkleError::OldRootMismatch`] and
/// [`MerkleError::RootMismatch`] for a wrong proof.
pub fn verify_consistency(
    old: u64,
    old_root: &Hash,
    new: u64,
    new_root: &Hash,
    proof: &[Hash],
) -> Result<(), MerkleError> {
    check_sizes(old, new)?;
    if old == 0 || old == new {
        return verify_trivial(old, old_root, new, new_root, proof);
    }
    // Step 2: an older tree of a power of two is a complete subtree of the newer one, so the proof leaves it out.
    let (first, rest) = if old.is_power_of_two() {
        (old_root, proof)
    } else {
        proof.split_first().ok_or(MerkleError::ProofTooShort)?
    };
    let mut climb = Climb::new(old - 1, new, proof)?;
    climb.skip_complete();
    let (mut found_old, mut found_new) = (*first, *first);
    for sibling in rest {
        match climb.step()? {
            Side::Left => {
                found_old = node_hash(sibling, &found_old);
                found_new = node_hash(sibling, &found_new);
            }
            Side::Right => found_new = node_hash(&found_new, sibling),
        }
    }
    climb.finish()?;
    if found_old != *old_root {
        return Err(MerkleError::OldRootMismatch);
    }
    if found_new == *new_root { Ok(()) } else { Err(MerkleError::RootMismatch) }
}

/// The two cases that RFC 9162 leaves out: an empty older tree and equal sizes.
fn verify_trivial(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash]) -> Result<(), MerkleError> {
    if !proof.is_empty() {
        Err(MerkleError::ProofTooLong)
    } else if old == 0 && *old_root != EMPTY_ROOT {
        Err(MerkleError::OldRootMismatch)
    } else if old == new && old_root != new_root {
        Err(MerkleError::RootMismatch)
    } else {
        Ok(())
    }
}

/// Where the sibling of a step stands.
enum Side {
    Left,
    Right,
}

/// The way from a leaf to the root: `fn` and `sn` of RFC 9162.
struct Climb {
    at: u64,
    last: u64,
}

impl Climb {
    fn new(index: u64, size: u64, proof: &[Hash]) -> Result<Climb, MerkleError> {
        if proof.len() > MAX_PROOF {
            return Err(MerkleError::ProofTooLong);
        }
        Ok(Climb { at: index, last: size - 1 })
    }

    /// Step 4 of §2.1.4.2: starts at the smallest complete subtree of the older tree.
    fn skip_complete(&mut self) {
        let levels = self.at.trailing_ones();
        self.at >>= levels;
        self.last >>= levels;
    }

    /// One level up, and further past the levels where the rightmost node has no sibling.
    fn step(&mut self) -> Result<Side, MerkleError> {
        if self.last == 0 {
            return Err(MerkleError::ProofTooLong);
        }
        let side = if self.at & 1 == 1 || self.at == self.last {
            // `at` is not 0 here: 0 is even and differs from `last`.
            let alone = self.at.trailing_zeros();
            self.at >>= alone;
            self.last >>= alone;
            Side::Left
        } else {
            Side::Right
        };
        self.at >>= 1;
        self.last >>= 1;
        Ok(side)
    }

    fn finish(self) -> Result<(), MerkleError> {
        if self.last == 0 { Ok(()) } else { Err(MerkleError::ProofTooShort) }
    }
}
