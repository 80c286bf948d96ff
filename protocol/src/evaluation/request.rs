//! The request.

use sha2::{Digest, Sha256};

use crate::{
    base::Hash,
    encoding::{DecodeError, Reader, Wire, Writer},
    suite::{
        KeyId,
        threshold::{BATCH, ELEMENT_BYTES},
    },
};

const VERSION: u64 = 1;

/// Blinded elements for one holder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EvaluationRequest {
    /// The charter under which the platform asks; the answer names it again.
    pub charter: Hash,
    /// The token key.
    pub key: KeyId,
    /// The blinded elements: 1, 2, 4 … 256.
    pub elements: Vec<[u8; ELEMENT_BYTES]>,
}

/// How many elements a request for `count` identifiers has: the next power of two.
pub fn padded(count: usize) -> usize {
    count.next_power_of_two().min(BATCH)
}

impl EvaluationRequest {
    /// Names the request in the answer: SHA-256 of its encoding.
    pub fn digest(&self) -> Hash {
        Sha256::digest(self.encode()).into()
    }
}

impl Wire for EvaluationRequest {
    const MAX_BYTES: usize = BATCH * ELEMENT_BYTES + 128;

    fn write(&self, w: &mut Writer) {
        w.array(4).uint(VERSION).bytes(&self.charter).bytes(&self.key).bytes(self.elements.as_flattened());
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(4)?;
        r.version(VERSION)?;
        let (charter, key) = (r.fixed()?, r.fixed()?);
        let elements = read_elements(r)?;
        // EVALUATION-1: a holder is not told how many identifiers there are exactly, whatever a platform's program does.
        if !elements.len().is_power_of_two() {
            return Err(DecodeError::OutOfRange("elements"));
        }
        Ok(EvaluationRequest { charter, key, elements })
    }
}

/// Elements one behind the other, at most a batch.
pub(super) fn read_elements(r: &mut Reader<'_>) -> Result<Vec<[u8; ELEMENT_BYTES]>, DecodeError> {
    let (elements, rest) = r.bytes(BATCH * ELEMENT_BYTES)?.as_chunks::<ELEMENT_BYTES>();
    if rest.is_empty() && !elements.is_empty() {
        Ok(elements.to_vec())
    } else {
        Err(DecodeError::OutOfRange("elements"))
    }
}
