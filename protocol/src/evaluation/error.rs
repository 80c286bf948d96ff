//! What can be wrong with an answer.

use crate::{base::MemberNumber, encoding::DecodeError, signed::SignatureError, suite::threshold::OprfError};

/// Why an answer is not used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EvaluationError {
    /// The envelope, the signature or the encoding is broken.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// EVALUATION-2: not signed by the holder that was asked.
    #[error("the answer is not signed by holder {0}")]
    WrongSigner(MemberNumber),
    /// EVALUATION-3: of another alliance, or under another charter than that of the request.
    #[error("the answer of holder {0} is of another alliance or charter")]
    OtherCharter(MemberNumber),
    /// EVALUATION-4: under another token key.
    #[error("the answer of holder {0} is under another token key")]
    OtherKey(MemberNumber),
    /// EVALUATION-5: to another request.
    #[error("the answer of holder {0} belongs to another request")]
    OtherRequest(MemberNumber),
    /// EVALUATION-6: with a share that is not the holder's.
    #[error("the answer of holder {0} names a share that is another holder's")]
    OtherShare(MemberNumber),
    /// EVALUATION-7: the elements or the proof do not hold for the holder's public share.
    #[error("the answer of holder {holder} does not hold: {error}")]
    Oprf {
        /// Who.
        holder: MemberNumber,
        /// What does not hold.
        error: OprfError,
    },
}

impl EvaluationError {
    /// Whether the signed answer proves the holder's fault to everybody who has the request and the charter.
    pub fn is_evidence(&self) -> bool {
        match self {
            EvaluationError::OtherShare(_) | EvaluationError::Oprf { .. } => true,
            // Without a signature nothing is proved, and an answer to something else may have been right there.
            EvaluationError::Signature(_)
            | EvaluationError::WrongSigner(_)
            | EvaluationError::OtherCharter(_)
            | EvaluationError::OtherKey(_)
            | EvaluationError::OtherRequest(_) => false,
        }
    }

    /// Whether an honest node of the holder could never have sent this.
    pub fn is_senders_fault(&self) -> bool {
        match self {
            EvaluationError::Signature(SignatureError::Decode(DecodeError::UnknownVersion(_))) => false,
            // Its feed key may have changed in a charter that has not come here yet, or our clock is wrong.
            EvaluationError::WrongSigner(_) => false,
            // A holder repeats what the request names and answers only under a charter that has its share: EVALUATION-8.
            EvaluationError::Signature(_)
            | EvaluationError::OtherCharter(_)
            | EvaluationError::OtherKey(_)
            | EvaluationError::OtherRequest(_)
            | EvaluationError::OtherShare(_)
            | EvaluationError::Oprf { .. } => true,
        }
    }
}
