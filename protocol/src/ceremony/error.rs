//! Why calls and messages are refused, and what a holder can do wrong.

use crate::{base::MemberNumber, signed::SignatureError};

/// Why a call, a message or a step is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CeremonyError {
    /// The envelope, the signature or the encoding is broken: the sender's fault.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// CEREMONY-1: the threshold or the number of holders is out of range.
    #[error("a key has 2 to 16 holders and a threshold of 2 up to their number: correct the call")]
    Threshold,
    /// CEREMONY-2: classes or holders out of order, twice, or none.
    #[error("classes and holders must ascend, each once, with at least one class: correct the call")]
    Order,
    /// CEREMONY-3: the deadline is not within a week after the call.
    #[error("the deadline must lie after the call and at most seven days later: correct the call")]
    Deadline,
    /// CEREMONY-4: group keys in a call that makes new ones, or not one for each class in a refresh.
    #[error("a refresh names the group key of each class, a generation none: correct the call")]
    Keys,
    /// CEREMONY-5: of another alliance.
    #[error("the call is of another alliance")]
    OtherAlliance,
    /// CEREMONY-5: under another charter than the one that it is checked against.
    #[error("the call names another charter: fetch that charter, or call again under the one in force")]
    OtherCharter,
    /// CEREMONY-5: not signed by a steward.
    #[error("the call is not signed by a steward of its charter")]
    NotASteward,
    /// CEREMONY-6: other holders or another threshold than the charter names.
    #[error("holders and threshold are not those that the charter names: call again with the charter's")]
    OtherHolders,
    /// CEREMONY-7: issued in our future: one of the two clocks is wrong, and nobody is to blame.
    #[error("the call is issued in the future; one of the two clocks is wrong")]
    FromTheFuture,
    /// CEREMONY-8: of another ceremony.
    #[error("the message belongs to another ceremony")]
    OtherCeremony,
    /// CEREMONY-8: not of a holder in the call, or against one that is none, or against oneself.
    #[error("member {0} has no such part in the ceremony")]
    NotAHolder(MemberNumber),
    /// CEREMONY-9: not signed by the holder's feed key.
    #[error("the message is not signed by the holder's feed key")]
    WrongKey,
    /// CEREMONY-10: another number of packages, sealed shares or keys than the call asks for.
    #[error("the message has another number of parts than its call asks for")]
    Count,
    /// CEREMONY-20: the present public keys are not those that the refresh renews.
    #[error("the present public keys do not fit the call: fetch the charter that the call names")]
    OtherKeys,
    /// CEREMONY-20: our share is not the one behind our present public share.
    #[error("this node's share does not fit its public share: restore the share file, or ask for a new key")]
    OtherShare,
    /// What we posted does not come from this seed.
    #[error("this node took part with another seed: restore the seed file, or wait for the next call")]
    OtherSeed,
    /// All contributions together are no key; without a conspiracy of all holders this does not happen.
    #[error("the contributions add up to no usable key: call again")]
    NoKey,
    /// The two implementations of the key generation differ: a defect of this program.
    #[error("two computations of the same key differ; report this defect and keep the data directory")]
    Defect,
}

/// What a holder did wrong, or failed to do. A ceremony with a fault is void; a new call begins it again, without the holder or
/// with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, thiserror::Error)]
pub enum Fault {
    /// Nothing of it in the round that is waited for when the deadline passed. Not a proof of bad intent.
    #[error("did not answer before the deadline")]
    Dropped,
    /// Two different messages for one round.
    #[error("signed two different messages for one round")]
    TwoMessages,
    /// Commitments or sealed shares of the wrong size, no elements of the group, or a one-time key that is none.
    #[error("sent commitments that are malformed")]
    BadPackage,
    /// The proof that it knows its polynomial does not hold.
    #[error("does not prove that it knows its own contribution")]
    BadProof,
    /// It dealt a share that does not open or does not fit its commitments; a complaint proves it.
    #[error("dealt a share that does not fit its commitments")]
    BadShare,
    /// It complained about a share that is good.
    #[error("complained about a share that is good")]
    FalseComplaint,
    /// It confirmed another result than everybody computes from the board.
    #[error("confirmed another result than the messages give")]
    OtherResult,
}
