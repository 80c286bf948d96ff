//! Proof that a feed says nothing about a subject between two heads.
//!
//! The tree orders leaves by time, not by token, so absence is shown by showing everything: all leaves between the two
//! heads, from which the verifier rebuilds the later root. The proof is about tokens. That they are the subject's only
//! somebody can tell who can make tokens.

use super::{ProofError, chain, read_blobs, read_path, verify_header, write_blobs, write_path};
use crate::{
    base::{Hash, MemberNumber, Token},
    encoding::{DecodeError, Reader, Require, Wire, Writer},
    feed::{Head, Leaf, chunk},
    limits,
    merkle::Frontier,
    subject::Class,
};

/// Two signed heads, the tree at the first and every leaf up to the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AbsenceProof {
    /// The charters from the first on, signed.
    pub charters: Vec<Vec<u8>>,
    /// The earlier signed header.
    pub earlier: Vec<u8>,
    /// The later signed header.
    pub later: Vec<u8>,
    /// The roots of the complete subtrees of the earlier tree, the largest first.
    pub peaks: Vec<Hash>,
    /// The subject's class.
    pub class: Class,
    /// The subject's token under each key that entries of the range may be of, by ascending epoch.
    pub tokens: Vec<(u16, Token)>,
    /// The leaves after the earlier head up to the later one, encoded as in chunks.
    pub leaves: Vec<u8>,
}

/// What a proof of absence proves.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvenAbsence {
    /// Whose feed.
    pub publisher: MemberNumber,
    /// Its short name in the newest charter of the proof.
    pub publisher_slug: String,
    /// The head before the range.
    pub earlier: Head,
    /// The head at its end.
    pub later: Head,
    /// The class of the tokens.
    pub class: Class,
    /// The tokens that none of the entries has.
    pub tokens: Vec<(u16, Token)>,
}

impl AbsenceProof {
    /// Checks the proof with nothing but the alliance's id.
    pub fn verify(&self, alliance: &Hash) -> Result<ProvenAbsence, ProofError> {
        let chain = chain(&self.charters, alliance)?;
        let (earlier, later) = (verify_header(&chain, &self.earlier)?, verify_header(&chain, &self.later)?);
        let (a, b) = (earlier.payload(), later.payload());
        let twins = a.seq == b.seq && earlier.id() != later.id();
        if a.publisher != b.publisher || a.seq > b.seq || a.size > b.size || twins {
            return Err(ProofError::Heads);
        }
        if self.tokens.is_empty() || !self.tokens.is_sorted_by(|(one, _), (other, _)| one < other) {
            return Err(ProofError::Tokens);
        }
        let mut tree = Frontier::from_parts(a.size, &self.peaks).map_err(|_| ProofError::Peaks)?;
        if tree.root() != a.root {
            return Err(ProofError::Peaks);
        }
        // First the tree, then what it says: a forged leaf accuses nobody.
        let mut said = None;
        for leaf in chunk::hashed_leaves(&self.leaves) {
            let (leaf, hash) = leaf.map_err(ProofError::Leaf)?;
            let index = tree.size();
            if index >= b.size {
                return Err(ProofError::Leaves);
            }
            said = said.or_else(|| self.says(&leaf, index));
            tree.push(hash);
        }
        if tree.size() != b.size || tree.root() != b.root {
            return Err(ProofError::Leaves);
        }
        if let Some(error) = said {
            return Err(error);
        }
        let slug = chain.current().member(a.publisher).map(|member| member.slug.clone()).unwrap_or_default();
        Ok(ProvenAbsence {
            publisher: a.publisher,
            publisher_slug: slug,
            earlier: Head::of(a, earlier.id()),
            later: Head::of(b, later.id()),
            class: self.class,
            tokens: self.tokens.clone(),
        })
    }

    /// Why a leaf stands in the way. Any entry with one of the tokens does, an amendment and a clearing, too.
    fn says(&self, leaf: &Leaf, index: u64) -> Option<ProofError> {
        let Leaf::Entry(entry) = leaf else { return Some(ProofError::Erased { index }) };
        if self.tokens.iter().any(|(_, token)| token == entry.token()) {
            return Some(ProofError::Mentioned { index });
        }
        let epoch = entry.epoch();
        let unknown = entry.class() == self.class && !self.tokens.iter().any(|(known, _)| *known == epoch);
        unknown.then_some(ProofError::Epoch { index, epoch })
    }
}

impl Wire for AbsenceProof {
    const MAX_BYTES: usize = limits::PROOF_BYTES;

    fn write(&self, w: &mut Writer) {
        w.map(8).uint(0u8).uint(1u8).uint(1u8);
        write_blobs(w, &self.charters);
        w.uint(2u8).bytes(&self.earlier);
        w.uint(3u8).bytes(&self.later);
        w.uint(4u8);
        write_path(w, &self.peaks);
        w.uint(5u8).uint(self.class.number());
        w.uint(6u8).array(self.tokens.len());
        for (epoch, token) in &self.tokens {
            w.array(2).uint(*epoch).bytes(&token.0);
        }
        w.uint(7u8).bytes(&self.leaves);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut version, mut charters, mut earlier, mut later) = (None, None, None, None);
        let (mut peaks, mut class, mut tokens, mut leaves) = (None, None, None, None);
        r.fields(|key, r| {
            match key {
                0 => version = Some(r.version(1)?),
                1 => charters = Some(read_blobs(r)?),
                2 => earlier = Some(r.bytes(limits::GOSSIP_BYTES)?.to_vec()),
                3 => later = Some(r.bytes(limits::GOSSIP_BYTES)?.to_vec()),
                4 => peaks = Some(read_path(r)?),
                5 => class = Some(r.code("class", Class::from_number)?),
                6 => tokens = Some(r.items(limits::PROOF_TOKENS, read_token)?),
                7 => leaves = Some(r.bytes(limits::PROOF_BYTES)?.to_vec()),
                other => return Err(DecodeError::UnknownKey(other)),
            }
            Ok(())
        })?;
        version.require("version")?;
        Ok(AbsenceProof {
            charters: charters.require("charters")?,
            earlier: earlier.require("earlier")?,
            later: later.require("later")?,
            peaks: peaks.require("peaks")?,
            class: class.require("class")?,
            tokens: tokens.require("tokens")?,
            leaves: leaves.require("leaves")?,
        })
    }
}

fn read_token(r: &mut Reader<'_>) -> Result<(u16, Token), DecodeError> {
    r.tuple(2)?;
    Ok((r.small("epoch")?, Token(r.fixed()?)))
}
