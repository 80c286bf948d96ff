//! The published vectors of RFC 6962 and the cases of transparency-dev for RFC 9162, in tests/vectors/merkle.

use antibrush_protocol::base::Hash;
use antibrush_protocol::merkle::{
    EMPTY_ROOT, Frontier, Nodes, Tree, consistency_proof, inclusion_proof, leaf_hash, subtree_root, verify_consistency,
    verify_inclusion,
};
use base64::{Engine, engine::general_purpose::STANDARD};

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

/// The cases of transparency-dev/merkle: good proofs, and what each one becomes by a wrong size, root or hash.
fn cases(text: &str) -> Vec<serde_json::Value> {
    let file: serde_json::Value = serde_json::from_str(text).unwrap();
    file["cases"].as_array().unwrap().clone()
}

/// A hash. Garbage of another length is filled up with zeros: our hashes are 32 bytes by type, and the verifier shall meet
/// the wrong one.
fn hash_of(value: &serde_json::Value) -> Hash {
    let bytes = STANDARD.decode(value.as_str().unwrap_or_default()).unwrap();
    let mut hash = [0; 32];
    hash[..bytes.len()].copy_from_slice(&bytes);
    hash
}

fn path_of(value: &serde_json::Value) -> Vec<Hash> {
    value.as_array().into_iter().flatten().map(hash_of).collect()
}

#[test]
fn inclusion_ends_as_in_rfc_9162_for_every_case_of_transparency_dev() {
    let cases = cases(include_str!("../vectors/merkle/transparency_dev_inclusion.json"));
    assert_eq!(cases.len(), 98);
    for case in &cases {
        let (index, size) = (case["leafIdx"].as_u64().unwrap(), case["treeSize"].as_u64().unwrap());
        let (leaf, root) = (hash_of(&case["leafHash"]), hash_of(&case["root"]));
        let outcome = verify_inclusion(&leaf, index, size, &path_of(&case["proof"]), &root);
        // Leaf hash and root are the same no bytes there, which no caller of ours can state; filled up they are one hash,
        // and of a tree with one leaf that hash is the root.
        let filled_up = case["name"] == "single-entry/empty-root-and-leaf";
        assert_eq!(outcome.is_ok(), case["wantErr"] == false || filled_up, "{}: {outcome:?}", case["name"]);
    }
}

#[test]
fn consistency_ends_as_in_rfc_9162_for_every_case_of_transparency_dev() {
    let cases = cases(include_str!("../vectors/merkle/transparency_dev_consistency.json"));
    assert_eq!(cases.len(), 98);
    let mut departures = Vec::new();
    for case in &cases {
        let (old, new) = (case["size1"].as_u64().unwrap(), case["size2"].as_u64().unwrap());
        let (old_root, new_root) = (hash_of(&case["root1"]), hash_of(&case["root2"]));
        let outcome = verify_consistency(old, &old_root, new, &new_root, &path_of(&case["proof"]));
        if outcome.is_ok() != (case["wantErr"] == false) {
            departures.push(case["name"].as_str().unwrap());
        }
    }
    // RFC 9162 leaves an empty older tree out and transparency-dev refuses it; here it is the beginning of every tree.
    assert_eq!(departures, ["additional/size1-is-zero-and-size2-is-not-zero"]);
}
