//! Making proofs: RFC 6962 §2.1.1 (PATH) and §2.1.2 (PROOF), as loops.

use super::frontier::fold_peaks;
use super::{MAX_SIZE, MerkleError};
use crate::base::Hash;

/// Someone who keeps the hashes of complete subtrees: [`super::Tree`], a node's storage, or a closure.
pub trait Nodes {
    /// The hash of complete subtree `index` of `level` (leaves `index·2^level .. (index+1)·2^level`), `None` if it is not kept.
    fn node(&self, level: u8, index: u64) -> Option<Hash>;
}

impl<F: Fn(u8, u64) -> Option<Hash>> Nodes for F {
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        self(level, index)
    }
}

/// The audit path of leaf `index` in the tree of the first `size` leaves, from the leaf's sibling upwards (RFC 6962 §2.1.1).
///
/// # Errors
/// [`MerkleError::SizeOutOfRange`], [`MerkleError::IndexOutOfRange`], or [`MerkleError::MissingNode`] if `nodes` lacks a hash.
pub fn inclusion_proof(index: u64, size: u64, nodes: &impl Nodes) -> Result<Vec<Hash>, MerkleError> {
    check_size(size)?;
    if index >= size {
        return Err(MerkleError::IndexOutOfRange { index, size });
    }
    let mut proof = Vec::new();
    let (mut start, mut end) = (0, size);
    while end - start > 1 {
        let middle = start + left_part(end - start);
        if index < middle {
            proof.push(range_root(middle, end, nodes)?);
            end = middle;
        } else {
            proof.push(range_root(start, middle, nodes)?);
            start = middle;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The roots of the complete subtrees of the first `size` leaves, the largest first: what [`super::Frontier::from_parts`]
/// goes on from.
///
/// # Errors
/// [`MerkleError::SizeOutOfRange`], or [`MerkleError::MissingNode`] if `nodes` lacks a hash.
pub fn peaks(size: u64, nodes: &impl Nodes) -> Result<Vec<Hash>, MerkleError> {
    check_size(size)?;
    let (mut peaks, mut start) = (Vec::new(), 0u64);
    for level in (0..64u8).rev().filter(|level| size >> level & 1 == 1) {
        let index = start >> level;
        peaks.push(nodes.node(level, index).ok_or(MerkleError::MissingNode { level, index })?);
        start += 1 << level;
    }
    Ok(peaks)
}

/// The proof that the first `old` leaves of the tree of `new` leaves are the older tree (RFC 6962 §2.1.2). Empty if the sizes
/// are equal and, which the RFC leaves open, if the older tree is empty.
///
/// # Errors
/// [`MerkleError::SizeOutOfRange`], [`MerkleError::NotAPrefix`], or [`MerkleError::MissingNode`] if `nodes` lacks a hash.
pub fn consistency_proof(old: u64, new: u64, nodes: &impl Nodes) -> Result<Vec<Hash>, MerkleError> {
    check_sizes(old, new)?;
    let mut proof = Vec::new();
    if old == 0 {
        return Ok(proof);
    }
    // `whole`: the verifier knows the hash of this range, as it is the older tree itself (the flag b of SUBPROOF).
    let (mut start, mut end, mut whole) = (0, new, true);
    while end != old {
        let middle = start + left_part(end - start);
        if old <= middle {
            proof.push(range_root(middle, end, nodes)?);
            end = middle;
        } else {
            proof.push(range_root(start, middle, nodes)?);
            start = middle;
            whole = false;
        }
    }
    if !whole {
        proof.push(range_root(start, end, nodes)?);
    }
    proof.reverse();
    Ok(proof)
}

pub(super) fn check_size(size: u64) -> Result<(), MerkleError> {
    if size > MAX_SIZE { Err(MerkleError::SizeOutOfRange { size }) } else { Ok(()) }
}

pub(super) fn check_sizes(old: u64, new: u64) -> Result<(), MerkleError> {
    check_size(new)?;
    if old > new { Err(MerkleError::NotAPrefix { old, new }) } else { Ok(()) }
}

/// The largest power of two below `count` (k of RFC 6962 §2.1); `count` ≥ 2.
fn left_part(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The root over the leaves `start..end`, of which `start` begins a subtree at least as large as the range: the ranges that
/// the splits above leave.
pub(super) fn range_root(start: u64, end: u64, nodes: &impl Nodes) -> Result<Hash, MerkleError> {
    let mut peaks = [[0; 32]; 64];
    let (mut count, mut at) = (0, start);
    while at < end {
        // At most 63, and smaller each time: the peaks of the range are the bits of its length.
        let level = (end - at).ilog2();
        let (level, index) = (level as u8, at >> level);
        peaks[count] = nodes.node(level, index).ok_or(MerkleError::MissingNode { level, index })?;
        count += 1;
        at += 1 << level;
    }
    Ok(fold_peaks(&peaks[..count]))
}
