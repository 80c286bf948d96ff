//! The published proofs as an outsider checks them: with two files and the alliance's id.

mod wire;

use antibrush_protocol::{
    base::MemberNumber,
    encoding::Wire,
    entry::Entry,
    proof::{ConsistencyProof, InclusionProof, ProofError},
};
use wire::{alliance, vector};

#[test]
fn a_leaf_is_in_the_feed() {
    let proof = InclusionProof::decode(&vector("inclusion_proof")).unwrap();
    let proven = proof.verify(&alliance()).unwrap();
    assert_eq!(
        (proven.publisher, proven.publisher_slug.as_str(), proven.index, proven.size),
        (MemberNumber(1), "alpha", 1, 8)
    );
    assert_eq!(proven.entry, Entry::decode(&vector("entry_list_full")).unwrap());
    assert_eq!(proof.header, vector("batch_header_second"));
}

#[test]
fn the_feed_only_grew() {
    let proof = ConsistencyProof::decode(&vector("consistency_proof")).unwrap();
    let (earlier, later) = proof.verify(&alliance()).unwrap();
    assert_eq!((earlier.seq, earlier.size, later.seq, later.size), (0, 5, 1, 8));
}

#[test]
fn no_byte_of_a_proof_may_change() {
    let inclusion = vector("inclusion_proof");
    let consistency = vector("consistency_proof");
    let holds = |error: Result<(), ProofError>| error.is_ok();
    // Every seventh byte: each field is hit, and the whole stays quick.
    for at in (0..inclusion.len()).step_by(7) {
        let mut bytes = inclusion.clone();
        bytes[at] ^= 0x01;
        let outcome =
            InclusionProof::decode(&bytes).map_err(ProofError::from).and_then(|p| p.verify(&alliance()).map(drop));
        assert!(!holds(outcome), "inclusion, byte {at}");
    }
    for at in (0..consistency.len()).step_by(7) {
        let mut bytes = consistency.clone();
        bytes[at] ^= 0x01;
        let outcome =
            ConsistencyProof::decode(&bytes).map_err(ProofError::from).and_then(|p| p.verify(&alliance()).map(drop));
        assert!(!holds(outcome), "consistency, byte {at}");
    }
}
