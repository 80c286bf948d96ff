//! Proofs with nothing but the alliance's id, and everything that they do not prove.

use super::*;
use crate::{
    base::MemberNumber,
    encoding::Wire,
    feed::{BatchHeader, Head},
    fixtures::*,
    merkle, signed,
};

fn inclusion_error(change: impl FnOnce(&mut InclusionProof)) -> Option<ProofError> {
    let mut proof = inclusion();
    change(&mut proof);
    proof.verify(&alliance()).err()
}

fn consistency_error(change: impl FnOnce(&mut ConsistencyProof)) -> Option<ProofError> {
    let mut proof = consistency();
    change(&mut proof);
    proof.verify(&alliance()).err()
}

#[test]
fn both_proofs_hold_and_survive_the_round_trip() {
    let (inclusion, consistency, feed) = (inclusion(), consistency(), feed());
    assert_eq!(InclusionProof::decode(&inclusion.encode()), Ok(inclusion.clone()));
    assert_eq!(ConsistencyProof::decode(&consistency.encode()), Ok(consistency.clone()));
    let proven = inclusion.verify(&alliance()).unwrap();
    assert_eq!((proven.publisher, proven.publisher_slug.as_str()), (MemberNumber(1), "alpha"));
    assert_eq!((proven.seq, proven.index, proven.size, proven.issued), (1, 1, 8, SECOND));
    assert_eq!(proven.entry, entries()[1]);
    let head = |header: &Signed<BatchHeader>| Head::of(header.payload(), header.id());
    assert_eq!(consistency.verify(&alliance()), Ok((head(&feed.first), head(&feed.second))));
}

#[test]
fn an_inclusion_proof_is_about_one_leaf_of_one_feed() {
    let wrong_path = Some(ProofError::Path(MerkleError::RootMismatch));
    assert_eq!(inclusion_error(|p| p.path[0][0] ^= 1), wrong_path);
    assert_eq!(inclusion_error(|p| p.leaf = entries()[0].encode()), wrong_path);
    assert_eq!(inclusion_error(|p| p.index = 0), wrong_path);
    assert_eq!(
        inclusion_error(|p| p.index = 8),
        Some(ProofError::Path(MerkleError::IndexOutOfRange { index: 8, size: 8 }))
    );
    assert_eq!(inclusion_error(|p| p.path.truncate(2)), Some(ProofError::Path(MerkleError::ProofTooShort)));
    assert_eq!(inclusion_error(|p| p.path.push([0; 32])), Some(ProofError::Path(MerkleError::ProofTooLong)));
    // An inner node is no leaf, and a leaf that is no entry proves nothing.
    let mut feed = feed();
    let bytes = b"no entry".to_vec();
    feed.tree.push(merkle::leaf_hash(&bytes));
    let mut header = feed.second.payload().clone();
    header.checkpoint = None;
    (header.root, header.size, header.count) = (feed.tree.root(), 9, 4);
    header.totals.count(&entries()[0]);
    header.chunks[0].entries = 4;
    let error = inclusion_error(|p| {
        p.header = signed::sign(&header, &new_feed_key()).envelope().to_vec();
        (p.index, p.leaf, p.path) = (8, bytes, merkle::inclusion_proof(8, 9, &feed.tree).unwrap());
    });
    assert_eq!(error, Some(ProofError::Leaf(DecodeError::Malformed)));
}

#[test]
fn a_proof_begins_at_the_alliance_that_the_verifier_knows() {
    assert_eq!(inclusion().verify(&[0; 32]), Err(ProofError::Charter(CharterError::OtherChain)));
    assert_eq!(inclusion_error(|p| p.charters.clear()), Some(ProofError::Decode(DecodeError::Missing("charters"))));
    let unknown = Some(ProofError::Header(HeaderRefusal::UnknownCharter));
    assert_eq!(inclusion_error(|p| drop(p.charters.pop())), unknown); // HEADER-9
    let skipped = CharterError::NotNext { expected: 1, found: 2 };
    assert_eq!(inclusion_error(|p| drop(p.charters.remove(0))), Some(ProofError::Charter(skipped)));
    let alone = signed(&second(), &["1"]).encode();
    let quorum = CharterError::OldQuorum { have: 1, need: 2 };
    assert_eq!(inclusion_error(|p| p.charters[1] = alone), Some(ProofError::Charter(quorum)));
}

#[test]
fn a_proof_needs_the_publisher_s_signature() {
    let header = feed().second.payload().clone();
    let other = signed::sign(&header, &feed_key(2)).envelope().to_vec();
    assert_eq!(inclusion_error(|p| p.header = other), Some(ProofError::Header(HeaderRefusal::WrongKey))); // HEADER-11
    let flipped = inclusion_error(|p| *p.header.last_mut().unwrap() ^= 1);
    assert_eq!(flipped, Some(ProofError::Header(HeaderRefusal::Signature(signed::SignatureError::BadSignature))));
}

#[test]
fn consistency_is_between_two_heads_of_one_feed_in_order() {
    assert_eq!(consistency_error(|p| std::mem::swap(&mut p.earlier, &mut p.later)), Some(ProofError::Heads));
    let mut other = feed().second.payload().clone();
    other.checkpoint = None;
    other.publisher = MemberNumber(2);
    let other = signed::sign(&other, &feed_key(2)).envelope().to_vec();
    assert_eq!(consistency_error(|p| p.later = other), Some(ProofError::Heads));
    assert_eq!(consistency_error(|p| p.path[0][0] ^= 1), Some(ProofError::Path(MerkleError::OldRootMismatch)));
    assert_eq!(consistency_error(|p| p.path.clear()), Some(ProofError::Path(MerkleError::ProofTooShort)));
    // The same head twice is consistent with itself.
    let same = |p: &mut ConsistencyProof| {
        p.later = p.earlier.clone();
        p.path.clear();
    };
    assert_eq!(consistency_error(same), None);
}

fn absence_error(change: impl FnOnce(&mut AbsenceProof)) -> Option<ProofError> {
    let mut proof = absence();
    change(&mut proof);
    proof.verify(&alliance()).err()
}

#[test]
fn absence_holds_and_survives_the_round_trip() {
    let (proof, feed) = (absence(), feed());
    assert_eq!(AbsenceProof::decode(&proof.encode()), Ok(proof.clone()));
    let proven = proof.verify(&alliance()).unwrap();
    assert_eq!((proven.publisher, proven.publisher_slug.as_str()), (MemberNumber(1), "alpha"));
    assert_eq!((proven.earlier.id, proven.later.id), (feed.first.id(), feed.second.id()));
    assert_eq!(proven.tokens, [(1, token(9))]);
    // What stands before the earlier head is no matter: token 1 is listed in batch 0.
    assert_eq!(absence_error(|p| p.tokens = vec![(1, *entries()[0].token())]), None);
    // Nothing was added between a head and itself, and every tree begins as the empty one, but no head is of that.
    let same = |p: &mut AbsenceProof| {
        p.later = p.earlier.clone();
        p.leaves.clear();
    };
    assert_eq!(absence_error(same), None);
}

#[test]
fn absence_needs_every_leaf_and_every_epoch() {
    assert_eq!(absence_error(|p| p.tokens = vec![(1, token(5))]), Some(ProofError::Mentioned { index: 6 }));
    // The token under another epoch is looked for, too.
    let more = |p: &mut AbsenceProof| p.tokens.push((2, token(4)));
    assert_eq!(absence_error(more), Some(ProofError::Mentioned { index: 5 }));
    let epoch = Some(ProofError::Epoch { index: 5, epoch: 1 });
    assert_eq!(absence_error(|p| p.tokens[0].0 = 2), epoch);
    assert_eq!(absence_error(|p| p.tokens.clear()), Some(ProofError::Tokens));
    assert_eq!(absence_error(|p| p.tokens.push((1, token(9)))), Some(ProofError::Tokens));
    assert_eq!(absence_error(|p| p.peaks[0][0] ^= 1), Some(ProofError::Peaks));
    assert_eq!(absence_error(|p| p.peaks.truncate(1)), Some(ProofError::Peaks));
    assert_eq!(absence_error(|p| std::mem::swap(&mut p.earlier, &mut p.later)), Some(ProofError::Heads));
    // A leaf less, a leaf twice, other leaves.
    let leaves = absence().leaves;
    let one = leaves.len() / 3;
    assert_eq!(absence_error(|p| p.leaves.truncate(2 * one)), Some(ProofError::Leaves));
    assert_eq!(absence_error(|p| p.leaves.extend_from_slice(&leaves[..one])), Some(ProofError::Leaves));
    assert_eq!(absence_error(|p| p.leaves = [&leaves[one..], &leaves[..one]].concat()), Some(ProofError::Leaves));
    assert_eq!(absence_error(|p| p.leaves.truncate(one - 1)), Some(ProofError::Leaf(DecodeError::Malformed)));
    // An erased leaf keeps the root and takes the proof away.
    let mut erased = vec![0x58, 0x20];
    erased.extend_from_slice(&merkle::leaf_hash(&leaves[one..2 * one]));
    let erased = [&leaves[..one], &erased[..], &leaves[2 * one..]].concat();
    assert_eq!(absence_error(|p| p.leaves = erased), Some(ProofError::Erased { index: 6 }));
}

#[test]
fn an_equivocation_is_no_growth() {
    // A second batch 0, larger than the first and continuing its tree: two heads with one number.
    let feed = feed();
    let mut twin = feed.second.payload().clone();
    twin.checkpoint = None;
    (twin.seq, twin.previous, twin.first, twin.charter) = (0, None, 0, alliance());
    (twin.count, twin.issued, twin.expires) = (8, FIRST, FIRST.plus(3_600));
    entries().iter().for_each(|entry| twin.totals.count(entry));
    twin.chunks[0].entries = 8;
    let twin = signed::sign(&twin, &feed_key(1)).envelope().to_vec();
    assert_eq!(consistency_error(|p| p.later = twin), Some(ProofError::Heads));
}

fn equivocation_error(change: impl FnOnce(&mut EquivocationProof)) -> Option<ProofError> {
    let mut proof = equivocation_proof();
    change(&mut proof);
    proof.verify(&alliance()).err()
}

#[test]
fn two_histories_are_proven_by_their_headers_alone() {
    let proof = equivocation_proof();
    assert_eq!(EquivocationProof::decode(&proof.encode()), Ok(proof.clone()));
    let (proven, pair) = (proof.verify(&alliance()).unwrap(), equivocation_pair());
    assert_eq!((proven.publisher, proven.publisher_slug.as_str()), (MemberNumber(1), "alpha"));
    assert_eq!(proven.contradiction, crate::feed::Contradiction::SameNumber);
    assert_eq!((proven.seqs, proven.ids), ([1, 1], [pair.first().id(), pair.second().id()]));
    assert_eq!((proven.common, proven.common_size), (1, feed().first.payload().size));
    assert_eq!(proof.verify(&[0; 32]), Err(ProofError::Charter(CharterError::OtherChain)));
    assert_eq!(equivocation_error(|p| p.second = p.first.clone()), Some(ProofError::NoContradiction));
    assert_eq!(equivocation_error(|p| std::mem::swap(&mut p.first, &mut p.second)), Some(ProofError::Heads));
    let signed_by = |key: &dyn signed::Signer, change: fn(&mut BatchHeader)| {
        let mut header = feed().second.payload().clone();
        header.checkpoint = None;
        change(&mut header);
        signed::sign(&header, key).envelope().to_vec()
    };
    let wrong_key = signed_by(&feed_key(2), |_| ());
    assert_eq!(equivocation_error(|p| p.second = wrong_key), Some(ProofError::Header(HeaderRefusal::WrongKey)));
    let foreign = signed_by(&new_feed_key(), |h| h.alliance = [7; 32]);
    assert_eq!(equivocation_error(|p| p.second = foreign), Some(ProofError::Header(HeaderRefusal::OtherAlliance)));
    // What one header shows of the other: another predecessor, and no continuation.
    for (change, contradiction, common, size) in [
        ((|h| h.previous = Some([5; 32])) as fn(&mut BatchHeader), crate::feed::Contradiction::OtherPredecessor, 0, 0),
        (|h| (h.first, h.size) = (6, 9), crate::feed::Contradiction::NoContinuation, 1, 5),
    ] {
        let (first, second) = (feed().first.envelope().to_vec(), signed_by(&new_feed_key(), change));
        let proven = EquivocationProof { first, second, ..equivocation_proof() }.verify(&alliance()).unwrap();
        assert_eq!((proven.contradiction, proven.seqs), (contradiction, [0, 1]));
        assert_eq!((proven.common, proven.common_size), (common, size));
    }
}

#[test]
fn no_byte_of_a_proof_of_equivocation_may_change_or_be_missing() {
    let whole = equivocation_proof().encode();
    let verify = |bytes: &[u8]| {
        EquivocationProof::decode(bytes).map_err(ProofError::from).and_then(|proof| proof.verify(&alliance()))
    };
    for at in 0..whole.len() {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        assert!(verify(&whole[..at]).is_err(), "cut at {at}");
        // Every fifth byte: each field is hit, and the whole stays quick.
        assert!(at % 5 != 0 || verify(&bytes).is_err(), "byte {at}");
    }
}
