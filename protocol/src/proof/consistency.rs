//! Proof that a later head of a feed only appended to an earlier one.

use super::{ProofError, chain, read_blobs, read_path, verify_header, write_blobs, write_path};
use crate::{
    base::Hash,
    encoding::{DecodeError, Reader, Require, Wire, Writer},
    feed::Head,
    limits, merkle,
};

/// Two signed heads and the hashes between them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConsistencyProof {
    /// The charters from the first on, signed.
    pub charters: Vec<Vec<u8>>,
    /// The earlier signed header.
    pub earlier: Vec<u8>,
    /// The later signed header.
    pub later: Vec<u8>,
    /// The proof of RFC 6962 §2.1.2.
    pub path: Vec<Hash>,
}

impl ConsistencyProof {
    /// Checks the proof with nothing but the alliance's id; returns both heads.
    pub fn verify(&self, alliance: &Hash) -> Result<(Head, Head), ProofError> {
        let chain = chain(&self.charters, alliance)?;
        let (earlier, later) = (verify_header(&chain, &self.earlier)?, verify_header(&chain, &self.later)?);
        let (a, b) = (earlier.payload(), later.payload());
        // Two heads with one number are an equivocation, whatever their trees: they prove no orderly growth.
        let twins = a.seq == b.seq && earlier.id() != later.id();
        if a.publisher != b.publisher || a.seq > b.seq || twins {
            return Err(ProofError::Heads);
        }
        merkle::verify_consistency(a.size, &a.root, b.size, &b.root, &self.path)?;
        Ok((Head::of(a, earlier.id()), Head::of(b, later.id())))
    }
}

impl Wire for ConsistencyProof {
    const MAX_BYTES: usize = 4 * limits::CHARTER_BYTES;

    fn write(&self, w: &mut Writer) {
        w.map(5).uint(0u8).uint(1u8).uint(1u8);
        write_blobs(w, &self.charters);
        w.uint(2u8).bytes(&self.earlier);
        w.uint(3u8).bytes(&self.later);
        w.uint(4u8);
        write_path(w, &self.path);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut version, mut charters, mut earlier, mut later, mut path) = (None, None, None, None, None);
        r.fields(|key, r| {
            match key {
                0 => version = Some(r.version(1)?),
                1 => charters = Some(read_blobs(r)?),
                2 => earlier = Some(r.bytes(limits::GOSSIP_BYTES)?.to_vec()),
                3 => later = Some(r.bytes(limits::GOSSIP_BYTES)?.to_vec()),
                4 => path = Some(read_path(r)?),
                other => return Err(DecodeError::UnknownKey(other)),
            }
            Ok(())
        })?;
        version.require("version")?;
        Ok(ConsistencyProof {
            charters: charters.require("charters")?,
            earlier: earlier.require("earlier")?,
            later: later.require("later")?,
            path: path.require("path")?,
        })
    }
}
