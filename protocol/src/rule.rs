//! Which rule of docs/PROTOCOL.md a refused object breaks: what a node counts and logs instead of the object.
//!
//! Three names stand for what no numbered rule says: `encoding` (not the object in its one encoding), `version` (of a version
//! that this release does not speak) and `signature` (not signed as § Signatures says). Matched exhaustively, so that no new
//! refusal goes uncounted.

use crate::{
    board::BoardError,
    ceremony::CeremonyError,
    charter::{CharterError, HeaderRefusal},
    encoding::DecodeError,
    evaluation::EvaluationError,
    feed::{ChunkError, HeaderError, body::BodyError},
    signed::SignatureError,
    witness::WitnessError,
};

/// A chunk with erased leaves although its batch is too young for any.
pub const ERASED_EARLY: &str = "CHUNK-5";

/// An answer that is not what was asked for, or more than that.
pub const WRONG_ANSWER: &str = "SYNC-2";

/// A message longer than any object of its kind, or none at all.
pub const ENCODING: &str = "encoding";

impl DecodeError {
    /// The rule that is broken.
    pub const fn rule(&self) -> &'static str {
        match self {
            DecodeError::UnknownVersion(_) => "version",
            DecodeError::Malformed
            | DecodeError::TrailingBytes
            | DecodeError::NotCanonical
            | DecodeError::TooLarge
            | DecodeError::UnknownKey(_)
            | DecodeError::Missing(_)
            | DecodeError::OutOfRange(_) => ENCODING,
        }
    }
}

impl SignatureError {
    /// The rule that is broken.
    pub const fn rule(&self) -> &'static str {
        match self {
            SignatureError::Decode(error) => error.rule(),
            SignatureError::Envelope => ENCODING,
            SignatureError::ProtectedHeader
            | SignatureError::UnprotectedHeader
            | SignatureError::Payload
            | SignatureError::BadSignature => "signature",
        }
    }
}

impl HeaderError {
    /// The rule that is broken.
    pub const fn rule(&self) -> &'static str {
        match self {
            HeaderError::Size => "HEADER-2",
            HeaderError::Chunks => "HEADER-3",
            HeaderError::Totals => "HEADER-4",
            HeaderError::Previous => "HEADER-5",
            HeaderError::Lifetime => "HEADER-6",
            HeaderError::EmptyRoot => "HEADER-7",
        }
    }
}

impl HeaderRefusal {
    /// The rule that is broken.
    pub const fn rule(&self) -> &'static str {
        match self {
            HeaderRefusal::Signature(error) => error.rule(),
            HeaderRefusal::Form(error) => error.rule(),
            HeaderRefusal::OtherAlliance => "HEADER-8",
            HeaderRefusal::UnknownCharter => "HEADER-9",
            HeaderRefusal::NotAPublisher => "HEADER-10",
            HeaderRefusal::WrongKey => "HEADER-11",
            HeaderRefusal::FromTheFuture => "HEADER-12",
            HeaderRefusal::Checkpoint => "HEADER-13",
            HeaderRefusal::Void => "HEADER-14",
            HeaderRefusal::EarlierCharter => "FEED-9",
            HeaderRefusal::CharterExpired => "HEADER-15",
        }
    }
}

impl ChunkError {
    /// The rule that is broken.
    pub const fn rule(&self) -> &'static str {
        match self {
            ChunkError::TooLong => "CHUNK-1",
            ChunkError::Start(_) | ChunkError::Leaf { .. } => "CHUNK-2",
            ChunkError::Count => "CHUNK-3",
            ChunkError::Digest => "CHUNK-4",
            ChunkError::Misdescribed => "CHUNK-6",
        }
    }
}

impl BodyError {
    /// The rule that is broken.
    pub const fn rule(&self) -> &'static str {
        match self {
            BodyError::Gap => "BODY-1",
            BodyError::Root => "BODY-2",
            BodyError::Totals => "BODY-3",
            BodyError::Misdescribed => "CHUNK-6",
        }
    }
}

impl CharterError {
    /// The rule that is broken.
    pub const fn rule(&self) -> &'static str {
        match self {
            CharterError::Signature(error) => error.rule(),
            CharterError::Succession => "CHARTER-1",
            CharterError::Order
            | CharterError::Member(_)
            | CharterError::Key(_)
            | CharterError::ObserverHoldsSecret(_) => "CHARTER-2",
            CharterError::Stewards => "CHARTER-3",
            CharterError::TokenKeys => "CHARTER-4",
            CharterError::EnumerablePersons => "CHARTER-5",
            CharterError::Term => "CHARTER-6",
            CharterError::NotNext { .. } => "CHARTER-7",
            CharterError::OtherChain => "CHARTER-8",
            CharterError::OldQuorum { .. } => "CHARTER-9",
            CharterError::NewQuorum { .. } => "CHARTER-10",
            CharterError::NumberMoved(_) => "CHARTER-11",
            CharterError::Forked(_) => "CHARTER-12",
            CharterError::TokenKeyChanged => "CHARTER-13",
            CharterError::FromTheFuture => "CHARTER-14",
            CharterError::Holding => "CHARTER-15",
            CharterError::PublicShares => "CHARTER-16",
            CharterError::FallsBack => "CHARTER-17",
            CharterError::TooManyEpochs => "CHARTER-18",
            CharterError::Cut(_) => "CHARTER-19",
            CharterError::KeySuccession(_) => "CHARTER-20",
            CharterError::FeedKey(_) => "CHARTER-21",
            CharterError::Expired => "CHARTER-22",
        }
    }
}

impl CeremonyError {
    /// The rule that is broken; `internal` for what no peer can cause.
    pub const fn rule(&self) -> &'static str {
        match self {
            CeremonyError::Signature(error) => error.rule(),
            CeremonyError::Threshold => "CEREMONY-1",
            CeremonyError::Order => "CEREMONY-2",
            CeremonyError::Deadline => "CEREMONY-3",
            CeremonyError::Keys => "CEREMONY-4",
            CeremonyError::OtherAlliance | CeremonyError::OtherCharter | CeremonyError::NotASteward => "CEREMONY-5",
            CeremonyError::OtherHolders => "CEREMONY-6",
            CeremonyError::FromTheFuture => "CEREMONY-7",
            CeremonyError::OtherCeremony | CeremonyError::NotAHolder(_) => "CEREMONY-8",
            CeremonyError::WrongKey => "CEREMONY-9",
            CeremonyError::Count => "CEREMONY-10",
            CeremonyError::OtherKeys | CeremonyError::OtherShare => "CEREMONY-20",
            CeremonyError::OtherSeed | CeremonyError::NoKey | CeremonyError::Defect => "internal",
        }
    }
}

impl BoardError {
    /// The rule that is broken.
    pub const fn rule(&self) -> &'static str {
        match self {
            BoardError::Signature(error) => error.rule(),
            BoardError::OtherAlliance => "BOARD-1",
            BoardError::NotEntitled => "BOARD-2",
            BoardError::FromTheFuture => "BOARD-3",
            BoardError::UnknownCall => "BOARD-4",
            BoardError::OtherKey => "BOARD-5",
            BoardError::Ceremony(error) => error.rule(),
            BoardError::NotKept => "BOARD-6",
            BoardError::Witness(error) => error.rule(),
            BoardError::NoContradiction => "BOARD-8",
            BoardError::Header(refusal) => refusal.rule(),
        }
    }
}

impl WitnessError {
    /// The rule that is broken.
    pub const fn rule(&self) -> &'static str {
        match self {
            WitnessError::Form => "WITNESS-1",
            WitnessError::OwnFeed => "WITNESS-2",
            WitnessError::Cosignature => "WITNESS-3",
            WitnessError::UnknownFeed => "WITNESS-4",
        }
    }
}

impl EvaluationError {
    /// The rule that is broken.
    pub const fn rule(&self) -> &'static str {
        match self {
            EvaluationError::Signature(error) => error.rule(),
            EvaluationError::WrongSigner(_) => "EVALUATION-2",
            EvaluationError::OtherCharter(_) => "EVALUATION-3",
            EvaluationError::OtherKey(_) => "EVALUATION-4",
            EvaluationError::OtherRequest(_) => "EVALUATION-5",
            EvaluationError::OtherShare(_) => "EVALUATION-6",
            EvaluationError::Oprf { .. } => "EVALUATION-7",
        }
    }
}
