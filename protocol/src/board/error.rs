//! Why a post is not taken, and who is to blame.

use crate::{
    ceremony::CeremonyError, charter::HeaderRefusal, encoding::DecodeError, signed::SignatureError,
    witness::WitnessError,
};

/// Why a post is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoardError {
    /// The envelope, the signature or the encoding is broken: the sender's fault.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// BOARD-1: of another alliance.
    #[error("the post is of another alliance")]
    OtherAlliance,
    /// BOARD-2: not signed by a key that may sign it under the charter in force here.
    #[error("the post is not signed by a key that may sign it")]
    NotEntitled,
    /// BOARD-3: made in our future: one of the two clocks is wrong.
    #[error("the post was made in the future; one of the two clocks is wrong")]
    FromTheFuture,
    /// BOARD-4: in a ceremony whose call this node has not seen.
    #[error("the post belongs to a ceremony whose call this node has not seen")]
    UnknownCall,
    /// BOARD-5: a statement about a key that is not retired, or was never held by its signer.
    #[error("the post speaks of a key that is not retired or was not its signer's")]
    OtherKey,
    /// A rule of witnesses is broken.
    #[error(transparent)]
    Witness(#[from] WitnessError),
    /// BOARD-8: two headers that may both be true.
    #[error("the two headers do not contradict each other")]
    NoContradiction,
    /// BOARD-8: a header that this node does not take as its publisher's word.
    #[error("a header in a proof of equivocation does not count: {0}")]
    Header(HeaderRefusal),
    /// A rule of ceremonies is broken.
    #[error(transparent)]
    Ceremony(#[from] CeremonyError),
    /// BOARD-6: older than what is kept, or more than is kept.
    #[error("the post is older than what is kept, or there are too many of its kind")]
    NotKept,
}

impl BoardError {
    /// Whether an honest peer that checks before it passes on could never have sent this.
    pub fn is_senders_fault(&self) -> bool {
        match self {
            BoardError::Signature(SignatureError::Decode(DecodeError::UnknownVersion(_))) => false,
            BoardError::Witness(error) => error.is_senders_fault(),
            BoardError::Signature(_) | BoardError::OtherAlliance | BoardError::NoContradiction => true,
            BoardError::Header(refusal) => matches!(refusal, HeaderRefusal::Form(_) | HeaderRefusal::CharterExpired),
            BoardError::Ceremony(error) => is_senders_fault(error),
            // Right under an older or a newer charter than ours, or by another clock.
            BoardError::NotEntitled
            | BoardError::FromTheFuture
            | BoardError::UnknownCall
            | BoardError::OtherKey
            | BoardError::NotKept => false,
        }
    }

    /// Whether the post would have been taken if our clock had shown a later time.
    pub(crate) fn is_of_the_clock(&self) -> bool {
        matches!(
            self,
            BoardError::FromTheFuture
                | BoardError::Ceremony(CeremonyError::FromTheFuture)
                | BoardError::Header(HeaderRefusal::FromTheFuture)
        )
    }
}

/// A call names its charter and a message its call, so that most of their rules have one outcome everywhere.
fn is_senders_fault(error: &CeremonyError) -> bool {
    match error {
        CeremonyError::Signature(_)
        | CeremonyError::Threshold
        | CeremonyError::Order
        | CeremonyError::Deadline
        | CeremonyError::Keys
        | CeremonyError::OtherAlliance
        | CeremonyError::OtherCharter
        | CeremonyError::NotASteward
        | CeremonyError::OtherHolders
        | CeremonyError::OtherCeremony
        | CeremonyError::Count => true,
        // A member's state and keys are asked of the charter in force here.
        CeremonyError::FromTheFuture | CeremonyError::NotAHolder(_) | CeremonyError::WrongKey => false,
        // Not about calls and messages.
        CeremonyError::OtherKeys
        | CeremonyError::OtherShare
        | CeremonyError::OtherSeed
        | CeremonyError::NoKey
        | CeremonyError::Defect => false,
    }
}
