//! Proof that a publisher signed two histories of its feed.

use super::{ProofError, chain, read_blobs, write_blobs};
use crate::{
    base::{Hash, MemberNumber},
    charter::{CharterChain, HeaderRefusal},
    encoding::{DecodeError, Reader, Require, Wire, Writer},
    feed::{BatchHeader, Contradiction, Equivocation},
    limits,
    signed::Signed,
};

/// Two signed headers that cannot both be true, and the charters that entitle their signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EquivocationProof {
    /// The charters from the first on, signed.
    pub charters: Vec<Vec<u8>>,
    /// The signed header with the lower number, or with the lower id.
    pub first: Vec<u8>,
    /// The other one.
    pub second: Vec<u8>,
}

/// What a proof of equivocation proves.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvenEquivocation {
    /// Whose feed.
    pub publisher: MemberNumber,
    /// Its short name in the newest charter of the proof.
    pub publisher_slug: String,
    /// What the two contradict each other in.
    pub contradiction: Contradiction,
    /// The numbers of the two batches, ascending.
    pub seqs: [u64; 2],
    /// The ids of the two headers, in the same order.
    pub ids: [Hash; 2],
    /// Batches that both histories share, as far as the two headers tell.
    pub common: u64,
    /// Leaves in the tree after those.
    pub common_size: u64,
}

impl EquivocationProof {
    /// Puts two headers and the charters together.
    pub fn new(charters: Vec<Vec<u8>>, pair: &Equivocation) -> EquivocationProof {
        let bytes = |header: &Signed<BatchHeader>| header.envelope().to_vec();
        EquivocationProof { charters, first: bytes(pair.first()), second: bytes(pair.second()) }
    }

    /// Checks the proof with nothing but the alliance's id.
    pub fn verify(&self, alliance: &Hash) -> Result<ProvenEquivocation, ProofError> {
        let chain = chain(&self.charters, alliance)?;
        let (one, other) = (verify_evidence(&chain, &self.first)?, verify_evidence(&chain, &self.second)?);
        let pair = Equivocation::new(one, other);
        // The other order would be another name for the same proof.
        if **pair.first().envelope() != *self.first {
            return Err(ProofError::Heads);
        }
        // BOARD-8
        let contradiction = pair.contradiction().ok_or(ProofError::NoContradiction)?;
        let publisher = pair.publisher();
        let slug = chain.current().member(publisher).map(|member| member.slug.clone()).unwrap_or_default();
        let both = [pair.first(), pair.second()];
        Ok(ProvenEquivocation {
            publisher,
            publisher_slug: slug,
            contradiction,
            seqs: both.map(|header| header.payload().seq),
            ids: both.map(Signed::id),
            common: pair.common(),
            common_size: pair.common_size(),
        })
    }
}

/// Evidence states the past, and what was decided since or whether its publisher was expelled for it is no matter: BOARD-8 without
/// the decisions.
fn verify_evidence(chain: &CharterChain, envelope: &[u8]) -> Result<Signed<BatchHeader>, ProofError> {
    let header = Signed::<BatchHeader>::decode(envelope).map_err(HeaderRefusal::from)?;
    let now = header.payload().issued;
    chain.verify_evidence(header.clone(), 0, now)?;
    Ok(header)
}

impl Wire for EquivocationProof {
    const MAX_BYTES: usize = 4 * limits::CHARTER_BYTES;

    fn write(&self, w: &mut Writer) {
        w.map(4).uint(0u8).uint(1u8).uint(1u8);
        write_blobs(w, &self.charters);
        w.uint(2u8).bytes(&self.first);
        w.uint(3u8).bytes(&self.second);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut version, mut charters, mut first, mut second) = (None, None, None, None);
        r.fields(|key, r| {
            match key {
                0 => version = Some(r.version(1)?),
                1 => charters = Some(read_blobs(r)?),
                2 => first = Some(r.bytes(limits::GOSSIP_BYTES)?.to_vec()),
                3 => second = Some(r.bytes(limits::GOSSIP_BYTES)?.to_vec()),
                other => return Err(DecodeError::UnknownKey(other)),
            }
            Ok(())
        })?;
        version.require("version")?;
        Ok(EquivocationProof {
            charters: charters.require("charters")?,
            first: first.require("first")?,
            second: second.require("second")?,
        })
    }
}
