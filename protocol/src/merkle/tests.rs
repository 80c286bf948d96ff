//! Every proof of every small tree, every way to spoil it, and trees near the largest size.

use proptest::prelude::*;

use super::*;
use crate::base::{Hash, MemberNumber};

const LIMIT: u64 = 70;

fn leaves(count: u64) -> Vec<Hash> {
    (0..count).map(|i| leaf_hash(&i.to_be_bytes())).collect()
}

fn flipped(hash: &Hash, bit: usize) -> Hash {
    let mut hash = *hash;
    hash[bit / 8 % 32] ^= 1 << (bit % 8);
    hash
}

/// The definitions of RFC 6962 §2.1, word for word and slow.
mod rfc {
    use super::*;

    fn split(count: usize) -> usize {
        count.next_power_of_two() / 2
    }

    pub fn mth(d: &[Hash]) -> Hash {
        match d {
            [] => EMPTY_ROOT,
            [one] => *one,
            _ => node_hash(&mth(&d[..split(d.len())]), &mth(&d[split(d.len())..])),
        }
    }

    /// The path of leaf `m`, each hash with whether it stands on the left.
    pub fn path(m: usize, d: &[Hash]) -> Vec<(Hash, bool)> {
        if d.len() <= 1 {
            return Vec::new();
        }
        let k = split(d.len());
        let (mut path, last) = if m < k {
            (path(m, &d[..k]), (mth(&d[k..]), false))
        } else {
            (path(m - k, &d[k..]), (mth(&d[..k]), true))
        };
        path.push(last);
        path
    }

    /// The consistency proof, each hash with whether it is part of the older tree.
    pub fn subproof(m: usize, d: &[Hash], b: bool) -> Vec<(Hash, bool)> {
        if m == d.len() {
            return if b { Vec::new() } else { vec![(mth(d), true)] };
        }
        let k = split(d.len());
        let (mut proof, last) = if m <= k {
            (subproof(m, &d[..k], b), (mth(&d[k..]), false))
        } else {
            (subproof(m - k, &d[k..], false), (mth(&d[..k]), true))
        };
        proof.push(last);
        proof
    }
}

fn by_length(given: usize, needed: usize) -> Option<MerkleError> {
    match given.cmp(&needed) {
        std::cmp::Ordering::Less => Some(MerkleError::ProofTooShort),
        std::cmp::Ordering::Greater => Some(MerkleError::ProofTooLong),
        std::cmp::Ordering::Equal => None,
    }
}

#[test]
fn roots_and_frontiers_follow_the_definition() {
    assert_eq!(EMPTY_ROOT, sha256(b""));
    let leaves = leaves(300);
    let (mut frontier, mut tree) = (Frontier::new(), Tree::new());
    for size in 0..=leaves.len() {
        let root = rfc::mth(&leaves[..size]);
        assert_eq!(frontier.root(), root);
        assert_eq!(tree.root(), root);
        assert_eq!(subtree_root(&leaves[..size]), root);
        assert_eq!(tree.frontier(), &frontier);
        assert_eq!(tree.leaf_hashes(), &leaves[..size]);
        assert_eq!(frontier.size(), size as u64);
        assert_eq!(Frontier::from_parts(frontier.size(), frontier.peaks()), Ok(frontier.clone()));
        if let Some(leaf) = leaves.get(size) {
            frontier.push(*leaf);
            tree.push(*leaf);
        }
    }
    for size in 0..=leaves.len() {
        assert_eq!(tree.root_at(size as u64), Ok(rfc::mth(&leaves[..size])));
    }
    assert_eq!(tree.root_at(301), Err(MerkleError::MissingNode { level: 0, index: 300 }));
    assert_eq!(leaves.into_iter().collect::<Tree>(), tree);
}

fn sha256(bytes: &[u8]) -> Hash {
    use sha2::Digest;
    sha2::Sha256::digest(bytes).into()
}

#[test]
fn a_chunk_is_named_by_its_place_and_its_leaf_hashes() {
    let leaves = leaves(2);
    let place = [2u8, 0x01, 0x02, 0, 0, 0, 0, 0, 0x03, 0x04, 0x05];
    let expected = sha256(&[&place[..], &leaves[0], &leaves[1]].concat());
    let member = MemberNumber(0x0102);
    assert_eq!(chunk_digest(member, 0x0003_0405, &leaves), expected);
    assert_ne!(chunk_digest(MemberNumber(0x0103), 0x0003_0405, &leaves), expected);
    assert_ne!(chunk_digest(member, 0x0003_0406, &leaves), expected);
    assert_eq!(chunk_digest(member, 0x0003_0405, []), sha256(&place));
}

#[test]
fn every_completed_subtree_is_reported_once_and_bottom_up() {
    let leaves = leaves(130);
    let mut frontier = Frontier::new();
    let mut seen = std::collections::BTreeMap::new();
    for (index, leaf) in leaves.iter().enumerate() {
        let mut levels = Vec::new();
        frontier.push_with(*leaf, &mut |level, number, hash| {
            levels.push(level);
            let width = 1usize << level;
            let start = usize::try_from(number).unwrap() * width;
            assert_eq!(start + width, index + 1);
            assert_eq!(*hash, rfc::mth(&leaves[start..start + width]));
            assert_eq!(seen.insert((level, number), *hash), None);
        });
        assert!(levels.iter().copied().eq(0..levels.len() as u8));
    }
    assert_eq!(seen.len(), (0..8).map(|level| 130 >> level).sum::<usize>());
}

#[test]
fn every_inclusion_proof_verifies_and_every_change_is_named() {
    let leaves = leaves(LIMIT);
    let tree: Tree = leaves.iter().copied().collect();
    let paths = |index: u64, size: u64| rfc::path(index as usize, &leaves[..size as usize]);
    for size in 1..=LIMIT {
        let root = tree.root_at(size).unwrap();
        for index in 0..size {
            let expected = paths(index, size);
            let proof = inclusion_proof(index, size, &tree).unwrap();
            assert!(proof.iter().eq(expected.iter().map(|(hash, _)| hash)));
            let leaf = &leaves[index as usize];
            let verify = |index, size, proof: &[Hash]| verify_inclusion(leaf, index, size, proof, &root);
            assert_eq!(verify(index, size, &proof), Ok(()));
            spoil_inclusion(leaf, index, size, &proof, &root);
            for other in (0..size).filter(|other| *other != index) {
                let error = by_length(proof.len(), paths(other, size).len()).unwrap_or(MerkleError::RootMismatch);
                assert_eq!(verify(other, size, &proof), Err(error));
            }
            for other in (index + 1..=LIMIT).filter(|other| *other != size) {
                let shape = paths(index, other);
                let same = shape.iter().map(|(_, left)| left).eq(expected.iter().map(|(_, left)| left));
                let outcome = match by_length(proof.len(), shape.len()) {
                    Some(error) => Err(error),
                    // The documented limit of a path: it does not bind the size, the signed head does.
                    None if same => Ok(()),
                    None => Err(MerkleError::RootMismatch),
                };
                assert_eq!(verify(index, other, &proof), outcome, "leaf {index} of {size} as of {other}");
            }
        }
    }
}

fn spoil_inclusion(leaf: &Hash, index: u64, size: u64, proof: &[Hash], root: &Hash) {
    let verify = |leaf: &Hash, proof: &[Hash], root: &Hash| verify_inclusion(leaf, index, size, proof, root);
    let bit = (index * 37 + size) as usize;
    assert_eq!(verify(&flipped(leaf, bit), proof, root), Err(MerkleError::RootMismatch));
    assert_eq!(verify(leaf, proof, &flipped(root, bit)), Err(MerkleError::RootMismatch));
    for position in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[position] = flipped(&changed[position], bit);
        assert_eq!(verify(leaf, &changed, root), Err(MerkleError::RootMismatch));
        let mut missing = proof.to_vec();
        missing.remove(position);
        assert_eq!(verify(leaf, &missing, root), Err(MerkleError::ProofTooShort));
    }
    for position in 0..=proof.len() {
        let mut extra = proof.to_vec();
        extra.insert(position, *root);
        assert_eq!(verify(leaf, &extra, root), Err(MerkleError::ProofTooLong));
    }
    let outside = MerkleError::IndexOutOfRange { index: size, size };
    assert_eq!(verify_inclusion(leaf, size, size, proof, root), Err(outside));
}

#[test]
fn every_consistency_proof_verifies_and_every_change_is_named() {
    let leaves = leaves(LIMIT);
    let tree: Tree = leaves.iter().copied().collect();
    let roots: Vec<Hash> = (0..=LIMIT).map(|size| tree.root_at(size).unwrap()).collect();
    let shape = |old: u64, new: u64| rfc::subproof(old as usize, &leaves[..new as usize], true);
    for new in 1..=LIMIT {
        for old in 1..=new {
            let expected = shape(old, new);
            let proof = consistency_proof(old, new, &tree).unwrap();
            assert!(proof.iter().eq(expected.iter().map(|(hash, _)| hash)));
            let (old_root, new_root) = (&roots[old as usize], &roots[new as usize]);
            assert_eq!(verify_consistency(old, old_root, new, new_root, &proof), Ok(()));
            spoil_consistency(old, old_root, new, new_root, &proof, &expected);
            for (other_old, other_new) in (1..new).map(|o| (o, new)).chain((old + 1..=LIMIT).map(|n| (old, n))) {
                if old == new || (other_old, other_new) == (old, new) {
                    continue;
                }
                let other = shape(other_old, other_new);
                let outcome = verify_consistency(other_old, old_root, other_new, new_root, &proof);
                let same = other_old.is_power_of_two() == old.is_power_of_two()
                    && other.iter().map(|(_, left)| left).eq(expected.iter().map(|(_, left)| left));
                match by_length(proof.len(), other.len()) {
                    Some(error) => assert_eq!(outcome, Err(error)),
                    None if same => assert_eq!(outcome, Ok(())),
                    None => assert!(matches!(outcome, Err(MerkleError::OldRootMismatch | MerkleError::RootMismatch))),
                }
            }
        }
    }
}

fn spoil_consistency(old: u64, old_root: &Hash, new: u64, new_root: &Hash, proof: &[Hash], shape: &[(Hash, bool)]) {
    let verify =
        |old_root: &Hash, new_root: &Hash, proof: &[Hash]| verify_consistency(old, old_root, new, new_root, proof);
    let bit = (old * 37 + new) as usize;
    // The root of a complete older tree is itself the first hash of the proof, so a change shows in the newer root.
    let expected =
        if old == new || old.is_power_of_two() { MerkleError::RootMismatch } else { MerkleError::OldRootMismatch };
    assert_eq!(verify(&flipped(old_root, bit), new_root, proof), Err(expected));
    assert_eq!(verify(old_root, &flipped(new_root, bit), proof), Err(MerkleError::RootMismatch));
    for position in 0..proof.len() {
        let mut changed = proof.to_vec();
        changed[position] = flipped(&changed[position], bit);
        let expected = if shape[position].1 { MerkleError::OldRootMismatch } else { MerkleError::RootMismatch };
        assert_eq!(verify(old_root, new_root, &changed), Err(expected), "{old} in {new}, hash {position}");
        let mut missing = proof.to_vec();
        missing.remove(position);
        assert_eq!(verify(old_root, new_root, &missing), Err(MerkleError::ProofTooShort));
    }
    for position in 0..=proof.len() {
        let mut extra = proof.to_vec();
        extra.insert(position, *new_root);
        assert_eq!(verify(old_root, new_root, &extra), Err(MerkleError::ProofTooLong));
    }
    let swapped = MerkleError::NotAPrefix { old: new + 1, new };
    assert_eq!(verify_consistency(new + 1, old_root, new, new_root, proof), Err(swapped));
}

#[test]
fn the_empty_tree_begins_every_tree() {
    let tree: Tree = leaves(5).into_iter().collect();
    assert_eq!(consistency_proof(0, 5, &tree), Ok(Vec::new()));
    let root = tree.root();
    assert_eq!(verify_consistency(0, &EMPTY_ROOT, 5, &root, &[]), Ok(()));
    assert_eq!(verify_consistency(0, &EMPTY_ROOT, 0, &EMPTY_ROOT, &[]), Ok(()));
    assert_eq!(verify_consistency(0, &root, 5, &root, &[]), Err(MerkleError::OldRootMismatch));
    assert_eq!(verify_consistency(0, &EMPTY_ROOT, 0, &root, &[]), Err(MerkleError::RootMismatch));
    assert_eq!(verify_consistency(0, &EMPTY_ROOT, 5, &root, &[root]), Err(MerkleError::ProofTooLong));
    assert_eq!(verify_consistency(5, &root, 5, &root, &[root]), Err(MerkleError::ProofTooLong));
}

#[test]
fn requests_that_can_not_be_answered_are_named() {
    let tree: Tree = leaves(5).into_iter().collect();
    let huge = MAX_SIZE + 1;
    let too_large = MerkleError::SizeOutOfRange { size: huge };
    assert_eq!(inclusion_proof(0, huge, &tree), Err(too_large));
    assert_eq!(consistency_proof(1, huge, &tree), Err(too_large));
    assert_eq!(tree.root_at(huge), Err(too_large));
    assert_eq!(verify_inclusion(&EMPTY_ROOT, 0, huge, &[], &EMPTY_ROOT), Err(too_large));
    assert_eq!(verify_consistency(1, &EMPTY_ROOT, huge, &EMPTY_ROOT, &[]), Err(too_large));
    assert_eq!(inclusion_proof(5, 5, &tree), Err(MerkleError::IndexOutOfRange { index: 5, size: 5 }));
    assert_eq!(inclusion_proof(0, 0, &tree), Err(MerkleError::IndexOutOfRange { index: 0, size: 0 }));
    assert_eq!(consistency_proof(4, 3, &tree), Err(MerkleError::NotAPrefix { old: 4, new: 3 }));
    assert_eq!(inclusion_proof(0, 6, &tree), Err(MerkleError::MissingNode { level: 1, index: 2 }));
    assert_eq!(Frontier::from_parts(huge, &[]), Err(too_large));
    let count = MerkleError::PeakCount { size: 5, expected: 2, found: 1 };
    assert_eq!(Frontier::from_parts(5, &[EMPTY_ROOT]), Err(count));
    let long = [EMPTY_ROOT; MAX_PROOF + 1];
    assert_eq!(verify_inclusion(&EMPTY_ROOT, 1, MAX_SIZE, &long, &EMPTY_ROOT), Err(MerkleError::ProofTooLong));
    assert_eq!(verify_consistency(3, &EMPTY_ROOT, MAX_SIZE, &EMPTY_ROOT, &long), Err(MerkleError::ProofTooLong));
}

/// A tree of 2^63 equal leaves needs one hash a level.
fn equal_leaves() -> Vec<Hash> {
    std::iter::successors(Some(leaf_hash(b"same")), |hash| Some(node_hash(hash, hash))).take(64).collect()
}

fn huge_root(size: u64, levels: &[Hash]) -> Hash {
    let peaks: Vec<Hash> = (0..64).rev().filter(|level| size >> level & 1 == 1).map(|level| levels[level]).collect();
    Frontier::from_parts(size, &peaks).unwrap().root()
}

proptest! {
    #[test]
    fn trees_up_to_the_largest_prove_and_verify(a in any::<u64>(), b in any::<u64>(), shift in 0u32..62) {
        let levels = equal_leaves();
        let nodes = |level: u8, _: u64| levels.get(usize::from(level)).copied();
        for size in [MAX_SIZE, MAX_SIZE - 1, (a >> shift) % MAX_SIZE + 1] {
            let (index, root) = (b % size, huge_root(size, &levels));
            let proof = inclusion_proof(index, size, &nodes).unwrap();
            prop_assert!(proof.len() <= MAX_PROOF);
            prop_assert_eq!(verify_inclusion(&levels[0], index, size, &proof, &root), Ok(()));
            let old = b % size + 1;
            let proof = consistency_proof(old, size, &nodes).unwrap();
            prop_assert!(proof.len() <= MAX_PROOF);
            prop_assert_eq!(verify_consistency(old, &huge_root(old, &levels), size, &root, &proof), Ok(()));
        }
    }

    #[test]
    fn a_stored_frontier_goes_on_as_if_never_stored(first in 0u64..600, more in 0u64..200) {
        let leaves = leaves(first + more);
        let mut frontier = Frontier::new();
        for (index, leaf) in leaves.iter().enumerate() {
            if index as u64 == first {
                frontier = Frontier::from_parts(frontier.size(), frontier.peaks()).unwrap();
            }
            frontier.push(*leaf);
        }
        prop_assert_eq!(frontier.root(), subtree_root(&leaves));
    }
}

/// Run by hand: `cargo test --release -p antibrush-protocol pushes_per_second -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement: cargo test --release -p antibrush-protocol -- --ignored --nocapture"]
fn pushes_per_second() {
    let leaf = leaf_hash(b"same");
    let rounds = 4_000_000u32;
    let start = std::time::Instant::now();
    let mut hash = leaf;
    (0..rounds).for_each(|_| hash = node_hash(&hash, &leaf));
    let hashing = start.elapsed();
    let start = std::time::Instant::now();
    let mut frontier = Frontier::new();
    (0..rounds).for_each(|_| frontier.push(leaf));
    let pushing = start.elapsed();
    println!(
        "{:?} a node hash, {:?} a push ({:?} {:?})",
        hashing / rounds,
        pushing / rounds,
        hash[0],
        frontier.root()[0]
    );
}

#[test]
fn the_peaks_of_every_size_are_those_of_the_frontier() {
    let leaves: Vec<Hash> = (0..70u8).map(|n| leaf_hash(&[n])).collect();
    let tree: Tree = leaves.iter().copied().collect();
    let mut frontier = Frontier::new();
    for size in 0..=70u64 {
        assert_eq!(peaks(size, &tree).as_deref(), Ok(frontier.peaks()), "{size}");
        if let Some(leaf) = leaves.get(size as usize) {
            frontier.push(*leaf);
        }
    }
    assert_eq!(peaks(71, &tree), Err(MerkleError::MissingNode { level: 0, index: 70 }));
}
