//! Witnesses: members that state which head of a feed they hold, after verifying every leaf under it.
//!
//! A statement is about many feeds at once and replaces the one before it, so that a board holds one for each witness and
//! [page](page_of) of publishers. Inside it stand cosignatures that everybody can verify who knows the witness's key alone.

mod count;
mod next;
mod statement;

#[cfg(test)]
mod tests;

pub use count::{batches_in_force, entities, most};
pub use next::{Contradicted, Stated, Witness};
pub use statement::{HEADS_OF_A_PAGE, WitnessStatement, WitnessedHead, page_of};

/// Why a statement of a witness is not taken, or could not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WitnessError {
    /// WITNESS-1: no feeds or too many, out of order, of several pages, or cosigned after the statement was issued.
    #[error(
        "the statement is not about 1 to 64 feeds of one page in order, or a cosignature is later than the statement"
    )]
    Form,
    /// WITNESS-2: nobody is his own witness.
    #[error("a member does not witness its own feed")]
    OwnFeed,
    /// WITNESS-3: a cosignature is not the signer's over that head.
    #[error("a cosignature does not verify")]
    Cosignature,
    /// WITNESS-4: about a feed that this node's charter does not have, or not after so many decisions.
    #[error("the statement is about a feed that this node does not know")]
    UnknownFeed,
}

impl WitnessError {
    /// Whether an honest peer that checks before it passes on could never have sent this.
    pub const fn is_senders_fault(&self) -> bool {
        match self {
            WitnessError::Form | WitnessError::OwnFeed | WitnessError::Cosignature => true,
            // A newer charter may have it.
            WitnessError::UnknownFeed => false,
        }
    }
}
