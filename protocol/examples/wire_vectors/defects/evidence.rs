//! Proofs of equivocation that prove none.

use antibrush_protocol::{
    base::MemberNumber,
    charter::{CharterError, HeaderRefusal},
    encoding::{DecodeError, Wire},
    feed::BatchHeader,
    proof::{EquivocationProof, ProofError},
    signed::{self, SignatureError, Signer},
};

use super::{Defect, MALFORMED, TRAILING, defect};
use crate::{edit::Tree, fixtures::*};

fn proof(change: impl FnOnce(&mut EquivocationProof)) -> Vec<u8> {
    let mut proof = equivocation_proof();
    change(&mut proof);
    proof.encode()
}

/// The second batch of member 1, changed and signed by `key`.
fn header(key: &dyn Signer, change: impl FnOnce(&mut BatchHeader)) -> Vec<u8> {
    let mut header = feed().second.payload().clone();
    header.checkpoint = None;
    change(&mut header);
    signed::sign(&header, key).envelope().to_vec()
}

pub fn equivocations() -> Vec<Defect> {
    use ProofError::*;
    let whole = equivocation_proof().encode();
    let skipped = CharterError::NotNext { expected: 1, found: 2 };
    let broken = Header(HeaderRefusal::Signature(SignatureError::BadSignature));
    vec![
        defect(
            "proof-equivocation-one-header",
            "the same header twice",
            proof(|p| p.second = p.first.clone()),
            NoContradiction,
        ),
        defect(
            "proof-equivocation-growth",
            "a batch and the one after it",
            proof(|p| (p.first, p.second) = (feed().first.envelope().to_vec(), feed().second.envelope().to_vec())),
            NoContradiction,
        ),
        defect(
            "proof-equivocation-two-publishers",
            "batches 1 of members 1 and 2",
            proof(|p| {
                p.first = feed().second.envelope().to_vec();
                p.second = header(&feed_key(2), |h| h.publisher = MemberNumber(2));
                let order = antibrush_protocol::signed::Signed::<BatchHeader>::decode;
                let id = |bytes: &[u8]| order(bytes).expect("a header").id();
                if id(&p.first) > id(&p.second) {
                    std::mem::swap(&mut p.first, &mut p.second);
                }
            }),
            NoContradiction,
        ),
        defect(
            "proof-equivocation-other-alliance",
            "a batch of another alliance",
            proof(|p| p.second = header(&new_feed_key(), |h| h.alliance = [7; 32])),
            Header(HeaderRefusal::OtherAlliance),
        ),
        defect(
            "proof-equivocation-wrong-key",
            "a batch by the key of member 2",
            proof(|p| p.second = header(&feed_key(2), |_| ())),
            Header(HeaderRefusal::WrongKey),
        ),
        defect(
            "proof-equivocation-swapped",
            "the other header first",
            proof(|p| std::mem::swap(&mut p.first, &mut p.second)),
            Heads,
        ),
        defect(
            "proof-equivocation-flipped",
            "the last bit of a signature",
            proof(|p| *p.second.last_mut().expect("bytes") ^= 1),
            broken,
        ),
        defect(
            "proof-equivocation-charter-skipped",
            "without the first charter",
            proof(|p| drop(p.charters.remove(0))),
            Charter(skipped),
        ),
        defect(
            "proof-equivocation-unknown-charter",
            "without the charter that the headers name",
            proof(|p| drop(p.charters.pop())),
            Header(HeaderRefusal::UnknownCharter),
        ),
        defect("proof-equivocation-truncated", "a byte less", whole[..whole.len() - 1].to_vec(), Decode(MALFORMED)),
        defect(
            "proof-equivocation-trailing-bytes",
            "one byte after the map",
            [&whole[..], &[0]].concat(),
            Decode(TRAILING),
        ),
        defect(
            "proof-equivocation-unknown-version",
            "version 2",
            Tree::of(&equivocation_proof()).set(0, 2).bytes(),
            Decode(DecodeError::UnknownVersion(2)),
        ),
    ]
}
