//! What can be wrong with an evaluation, and whose fault it is.

/// Why elements, answers or keys are refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OprfError {
    /// Bytes that encode no element of the group, or encode it in another way than the one.
    #[error("element {index} of the batch is no element of ristretto255 in its one encoding")]
    NotAnElement {
        /// Its position in the batch.
        index: usize,
    },
    /// The identity, which would give every input the same output.
    #[error("element {index} of the batch is the identity")]
    Identity {
        /// Its position in the batch.
        index: usize,
    },
    /// No elements, or more than a batch may have.
    #[error("a batch has 1 to 256 elements, not {0}")]
    BatchSize(usize),
    /// An answer with another number of elements than were asked for.
    #[error("holder {holder} answered {found} elements to {expected}")]
    Count {
        /// Who.
        holder: u8,
        /// Asked for.
        expected: usize,
        /// Answered.
        found: usize,
    },
    /// The proof does not hold for the holder's public share and these elements.
    #[error("the proof of holder {holder} does not hold")]
    Proof {
        /// Who.
        holder: u8,
    },
    /// Nobody holds a share of that number.
    #[error("the key has no holder {holder}")]
    NoSuchHolder {
        /// The number.
        holder: u8,
    },
    /// Two answers of one holder.
    #[error("holder {holder} was counted twice")]
    Duplicate {
        /// Who.
        holder: u8,
    },
    /// Fewer answers than the threshold.
    #[error("{have} of {need} answers: ask more holders")]
    TooFew {
        /// Answers there.
        have: usize,
        /// The threshold.
        need: usize,
    },
    /// An answer to another batch or under another key.
    #[error("the answer of holder {holder} belongs to another request")]
    OtherRequest {
        /// Who.
        holder: u8,
    },
    /// Public keys that are not those of one shared key.
    #[error("the public shares do not belong to one key with this threshold")]
    Inconsistent,
    /// Randomness that is not random: a blind of zero, which occurs by chance never.
    #[error("the random numbers of this computer cannot be used")]
    Entropy,
}

impl OprfError {
    /// The holder that gave the bad answer, if it was one.
    pub fn culprit(&self) -> Option<u8> {
        match *self {
            OprfError::Count { holder, .. } | OprfError::Proof { holder } | OprfError::OtherRequest { holder } => {
                Some(holder)
            }
            OprfError::NotAnElement { .. }
            | OprfError::Identity { .. }
            | OprfError::BatchSize(_)
            | OprfError::NoSuchHolder { .. }
            | OprfError::Duplicate { .. }
            | OprfError::TooFew { .. }
            | OprfError::Inconsistent
            | OprfError::Entropy => None,
        }
    }
}
