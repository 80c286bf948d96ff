//! Proof files: what a leaf or a head proves to somebody with no node, no network and nothing but the alliance's id.
//!
//! A proof carries the charters from the first on, the signed header, the leaf and the path. Verifying it walks the same
//! checks as a node does: the charter chain from the alliance id, the header against the chain, the path against the root.

mod consistency;
mod inclusion;

#[cfg(test)]
mod tests;

pub use consistency::ConsistencyProof;
pub use inclusion::{InclusionProof, ProvenLeaf};

use crate::{
    base::{Hash, Timestamp},
    charter::{CharterChain, CharterError, HeaderRefusal, SignedCharter},
    encoding::{DecodeError, Reader, Writer},
    feed::BatchHeader,
    limits,
    merkle::MerkleError,
    signed::{Signed, Verified},
};

/// Why a proof proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ProofError {
    /// The file is not a proof.
    #[error("the file is not a proof that this release can read: {0}")]
    Decode(#[from] DecodeError),
    /// The charters do not lead from the alliance id to the signer.
    #[error("the charters in the proof do not hold: {0}")]
    Charter(#[from] CharterError),
    /// The header does not hold under the charters.
    #[error("the signed head in the proof does not hold: {0}")]
    Header(#[from] HeaderRefusal),
    /// The path does not lead to the root.
    #[error("the path in the proof does not lead to the signed root: {0}")]
    Path(#[from] MerkleError),
    /// The leaf is not an entry.
    #[error("the leaf in the proof is not an entry: {0}")]
    Leaf(DecodeError),
    /// The two heads are not of one feed, or out of order.
    #[error("the two heads are not of one feed in ascending order")]
    Heads,
}

fn write_blobs(w: &mut Writer, blobs: &[Vec<u8>]) {
    w.array(blobs.len());
    for blob in blobs {
        w.bytes(blob);
    }
}

fn read_blobs(r: &mut Reader<'_>) -> Result<Vec<Vec<u8>>, DecodeError> {
    r.items(limits::MEMBERS, |r| Ok(r.bytes(limits::CHARTER_BYTES)?.to_vec()))
}

fn read_path(r: &mut Reader<'_>) -> Result<Vec<Hash>, DecodeError> {
    r.items(limits::PROOF_HASHES, |r| r.fixed())
}

fn write_path(w: &mut Writer, path: &[Hash]) {
    w.array(path.len());
    for hash in path {
        w.bytes(hash);
    }
}

/// Rebuilds the chain from a proof's charters, starting at the alliance id that the verifier was told.
fn chain(charters: &[Vec<u8>], alliance: &Hash) -> Result<CharterChain, ProofError> {
    let mut charters = charters.iter().map(|bytes| SignedCharter::decode(bytes).map_err(CharterError::from));
    let first = charters.next().ok_or(DecodeError::Missing("charters"))??;
    let mut chain = CharterChain::found(first, Some(alliance))?;
    for charter in charters {
        chain.extend(charter?)?;
    }
    Ok(chain)
}

/// A proof states the past: the header's own time stands for now.
fn verify_header(chain: &CharterChain, envelope: &[u8]) -> Result<Verified<BatchHeader>, ProofError> {
    let header = Signed::<BatchHeader>::decode(envelope).map_err(HeaderRefusal::from)?;
    let now: Timestamp = header.payload().issued;
    Ok(chain.verify_header(header, now)?)
}
