//! Proof that a leaf is in a feed.

use super::{ProofError, chain, read_blobs, read_path, verify_header, write_blobs, write_path};
use crate::{
    base::{Hash, MemberNumber, Timestamp},
    encoding::{DecodeError, Reader, Require, Wire, Writer},
    entry::Entry,
    limits, merkle,
};

/// A leaf, its path, the signed head and the charters that entitle the signer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InclusionProof {
    /// The charters from the first on, signed.
    pub charters: Vec<Vec<u8>>,
    /// The signed batch header whose root the path leads to.
    pub header: Vec<u8>,
    /// The leaf's index in the feed.
    pub index: u64,
    /// The leaf's bytes: an entry.
    pub leaf: Vec<u8>,
    /// The path of RFC 6962 §2.1.1.
    pub path: Vec<Hash>,
}

/// What an inclusion proof proves.
#[derive(Clone, Debug, PartialEq)]
pub struct ProvenLeaf {
    /// Whose feed.
    pub publisher: MemberNumber,
    /// Its short name in the newest charter of the proof.
    pub publisher_slug: String,
    /// The batch whose head was proven against.
    pub seq: u64,
    /// When that head was signed.
    pub issued: Timestamp,
    /// The leaf's index.
    pub index: u64,
    /// Leaves in the tree.
    pub size: u64,
    /// The entry.
    pub entry: Entry,
}

impl InclusionProof {
    /// Checks the proof with nothing but the alliance's id.
    pub fn verify(&self, alliance: &Hash) -> Result<ProvenLeaf, ProofError> {
        let chain = chain(&self.charters, alliance)?;
        let header = verify_header(&chain, &self.header)?;
        let h = header.payload();
        merkle::verify_inclusion(&merkle::leaf_hash(&self.leaf), self.index, h.size, &self.path, &h.root)?;
        let entry = Entry::decode(&self.leaf).map_err(ProofError::Leaf)?;
        let slug = chain.current().member(h.publisher).map(|member| member.slug.clone()).unwrap_or_default();
        Ok(ProvenLeaf {
            publisher: h.publisher,
            publisher_slug: slug,
            seq: h.seq,
            issued: h.issued,
            index: self.index,
            size: h.size,
            entry,
        })
    }
}

impl Wire for InclusionProof {
    const MAX_BYTES: usize = 4 * limits::CHARTER_BYTES;

    fn write(&self, w: &mut Writer) {
        w.map(6).uint(0u8).uint(1u8).uint(1u8);
        write_blobs(w, &self.charters);
        w.uint(2u8).bytes(&self.header);
        w.uint(3u8).uint(self.index);
        w.uint(4u8).bytes(&self.leaf);
        w.uint(5u8);
        write_path(w, &self.path);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut version, mut charters, mut header, mut index, mut leaf, mut path) =
            (None, None, None, None, None, None);
        r.fields(|key, r| {
            match key {
                0 => version = Some(r.version(1)?),
                1 => charters = Some(read_blobs(r)?),
                2 => header = Some(r.bytes(limits::GOSSIP_BYTES)?.to_vec()),
                3 => index = Some(r.uint()?),
                4 => leaf = Some(r.bytes(limits::ENTRY_BYTES)?.to_vec()),
                5 => path = Some(read_path(r)?),
                other => return Err(DecodeError::UnknownKey(other)),
            }
            Ok(())
        })?;
        version.require("version")?;
        Ok(InclusionProof {
            charters: charters.require("charters")?,
            header: header.require("header")?,
            index: index.require("index")?,
            leaf: leaf.require("leaf")?,
            path: path.require("path")?,
        })
    }
}
