//! The published vectors of RFC 6962 in tests/vectors/merkle.

use antibrush_protocol::base::Hash;
use antibrush_protocol::merkle::{
    EMPTY_ROOT, Frontier, Nodes, Tree, consistency_proof, inclusion_proof, leaf_hash, subtree_root, verify_consistency,
    verify_inclusion,
};

const TREE: &str = include_str!("../vectors/merkle/tree.txt");
const INCLUSION: &str = include_str!("../vectors/merkle/inclusion.txt");
const CONSISTENCY: &str = include_str!("../vectors/merkle/consistency.txt");

/// The lines that begin with a word: the numbers after it and the hex values, which go on in indented lines.
fn vectors(text: &str, word: &str) -> Vec<(Vec<u64>, Vec<Vec<u8>>)> {
    let mut all: Vec<(String, Vec<u64>, Vec<Vec<u8>>)> = Vec::new();
    for line in text.lines().map(|line| line.split('#').next().unwrap()).filter(|line| !line.trim().is_empty()) {
        let values = match line.split_once(':') {
            Some((name, values)) => {
                let mut words = name.split(' ');
                let word = words.next().unwrap().to_owned();
                all.push((word, words.map(|number| number.parse().unwrap()).collect(), Vec::new()));
                values
            }
            None => line,
        };
        all.last_mut().unwrap().2.extend(values.split_whitespace().map(unhex));
    }
    all.into_iter().filter(|(found, ..)| found == word).map(|(_, numbers, values)| (numbers, values)).collect()
}

fn unhex(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

fn hashes(values: &[Vec<u8>]) -> Vec<Hash> {
    values.iter().map(|value| Hash::try_from(value.as_slice()).unwrap()).collect()
}

fn leaf_hashes() -> Vec<Hash> {
    let leaves = vectors(TREE, "leaf");
    assert_eq!(leaves.len(), 8);
    leaves.iter().map(|(_, values)| leaf_hash(values.first().map_or(&[], Vec::as_slice))).collect()
}

#[test]
fn nodes_and_roots_are_the_published_ones() {
    let leaves = leaf_hashes();
    let tree: Tree = leaves.iter().copied().collect();
    let nodes = vectors(TREE, "node");
    assert_eq!(nodes.len(), 15);
    for (numbers, values) in nodes {
        assert_eq!(tree.node(numbers[0] as u8, numbers[1]), Some(hashes(&values)[0]), "node {numbers:?}");
    }
    let roots = vectors(TREE, "root");
    assert_eq!(roots.len(), 9);
    let mut frontier = Frontier::new();
    for (numbers, values) in roots {
        let (size, root) = (numbers[0] as usize, hashes(&values)[0]);
        assert_eq!(frontier.root(), root, "root {size}");
        assert_eq!(subtree_root(&leaves[..size]), root);
        assert_eq!(tree.root_at(size as u64), Ok(root));
        if let Some(leaf) = leaves.get(size) {
            frontier.push(*leaf);
        }
    }
    assert_eq!(Frontier::new().root(), EMPTY_ROOT);
}

#[test]
fn proofs_are_the_published_ones() {
    let leaves = leaf_hashes();
    let tree: Tree = leaves.iter().copied().collect();
    let inclusion = vectors(INCLUSION, "inclusion");
    assert_eq!(inclusion.len(), 7);
    for (numbers, values) in inclusion {
        let (index, size, proof) = (numbers[0], numbers[1], hashes(&values));
        assert_eq!(inclusion_proof(index, size, &tree).as_ref(), Ok(&proof), "inclusion {index} {size}");
        let root = tree.root_at(size).unwrap();
        assert_eq!(verify_inclusion(&leaves[index as usize], index, size, &proof, &root), Ok(()));
    }
    let consistency = vectors(CONSISTENCY, "consistency");
    assert_eq!(consistency.len(), 5);
    for (numbers, values) in consistency {
        let (old, new, proof) = (numbers[0], numbers[1], hashes(&values));
        assert_eq!(consistency_proof(old, new, &tree).as_ref(), Ok(&proof), "consistency {old} {new}");
        let (old_root, new_root) = (tree.root_at(old).unwrap(), tree.root_at(new).unwrap());
        assert_eq!(verify_consistency(old, &old_root, new, &new_root, &proof), Ok(()));
    }
}
