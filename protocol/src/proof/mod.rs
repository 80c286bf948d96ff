//! Proof files: what a leaf or a head proves to somebody with no node, no network and nothing but the alliance's id.
//!
//! A proof carries the charters from the first on, the signed header, the leaf and the path. Verifying it walks the same
//! checks as a node does: the charter chain from the alliance id, the header against the chain, the path against the root.

mod absence;
mod consistency;
mod equivocation;
mod inclusion;

#[cfg(test)]
mod tests;

pub use absence::{AbsenceProof, ProvenAbsence};
pub use consistency::ConsistencyProof;
pub use equivocation::{EquivocationProof, ProvenEquivocation};
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
    /// The two heads can both be true.
    #[error("the two heads in the proof do not contradict each other")]
    NoContradiction,
    /// The peaks are not those of the earlier head's tree.
    #[error("the peaks in the proof are not those of the earlier head")]
    Peaks,
    /// The leaves are not those between the two heads.
    #[error("the leaves in the proof are not those between the two heads")]
    Leaves,
    /// The tokens are not one for each epoch of one class, in order.
    #[error("the tokens in the proof are not one for each epoch, in ascending order")]
    Tokens,
    /// The feed says something about the subject.
    #[error("entry {index} is about this subject")]
    Mentioned {
        /// The entry's index.
        index: u64,
    },
    /// A leaf in the range is erased: what it said nobody can show.
    #[error("the content of entry {index} is erased, so nothing can be proven about this range")]
    Erased {
        /// The leaf's index.
        index: u64,
    },
    /// An entry of the subject's class was made under a key for which the proof has no token.
    #[error("entry {index} is of epoch {epoch}, for which the proof has no token of the subject")]
    Epoch {
        /// The entry's index.
        index: u64,
        /// The epoch of its key.
        epoch: u16,
    },
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
