//! The answer: signing it, and the one check that lets it in.

use super::{EvaluationError, EvaluationRequest, request::read_elements};
use crate::{
    base::{Hash, MemberNumber, Timestamp},
    charter::{Charter, CharterChain, TokenKey},
    encoding::{DecodeError, Reader, Wire, Writer},
    signed::{self, Payload, Signed, Signer},
    suite::{
        KeyId,
        threshold::{BATCH, Checked, ELEMENT_BYTES, Element, Evaluation, PROOF_BYTES, ThresholdKey},
    },
};

const VERSION: u64 = 1;

/// What a holder signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The alliance.
    pub alliance: Hash,
    /// The charter that the request named.
    pub charter: Hash,
    /// The token key.
    pub key: KeyId,
    /// The digest of the request.
    pub request: Hash,
    /// The number of the holder's share.
    pub share: u8,
    /// The evaluated elements, in the order of the request.
    pub elements: Vec<[u8; ELEMENT_BYTES]>,
    /// The proof for all of them.
    pub proof: [u8; PROOF_BYTES],
}

impl Payload for Answer {
    const CONTENT_TYPE: &'static str = "application/antibrush-evaluation+cbor";
}

impl Wire for Answer {
    const MAX_BYTES: usize = BATCH * ELEMENT_BYTES + 512;

    fn write(&self, w: &mut Writer) {
        w.array(8).uint(VERSION).bytes(&self.alliance).bytes(&self.charter).bytes(&self.key).bytes(&self.request);
        w.uint(self.share).bytes(self.elements.as_flattened()).bytes(&self.proof);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(8)?;
        r.version(VERSION)?;
        Ok(Answer {
            alliance: r.fixed()?,
            charter: r.fixed()?,
            key: r.fixed()?,
            request: r.fixed()?,
            share: r.small("share")?,
            elements: read_elements(r)?,
            proof: r.fixed()?,
        })
    }
}

/// Why a holder does not answer; none of them is a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Refusal {
    /// It holds no share of that key, or the key is retired.
    NoShare = 1,
    /// The asker's role may not derive tokens.
    NotEntitled = 2,
    /// It does not know the charter that the request names, or has another share than that charter says: one of the two is
    /// behind.
    UnknownCharter = 3,
    /// Its clock is wrong, so that it cannot count the day's quota.
    Clock = 4,
    /// The elements are none.
    Elements = 5,
    /// Its disk does not take the count.
    Storage = 6,
}

impl Refusal {
    /// All of them.
    pub const ALL: [Refusal; 6] = [
        Refusal::NoShare,
        Refusal::NotEntitled,
        Refusal::UnknownCharter,
        Refusal::Clock,
        Refusal::Elements,
        Refusal::Storage,
    ];

    /// The refusal with this wire number.
    pub fn from_number(number: u8) -> Option<Refusal> {
        Refusal::ALL.into_iter().find(|refusal| *refusal as u8 == number)
    }
}

/// What comes back for a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum EvaluationResponse {
    /// A signed [`Answer`].
    Evaluated(Vec<u8>),
    /// Too much is waiting: ask again later.
    Busy {
        /// When, in milliseconds from now.
        retry_after_ms: u32,
    },
    /// The member's quota of the day is used up.
    Exhausted {
        /// Evaluations left: fewer than were asked for.
        left: u32,
        /// When the next day's quota begins.
        renews: Timestamp,
    },
    /// Not answered.
    Refused(Refusal),
}

impl Wire for EvaluationResponse {
    const MAX_BYTES: usize = Answer::MAX_BYTES + 512 + 16;

    fn write(&self, w: &mut Writer) {
        match self {
            EvaluationResponse::Evaluated(answer) => w.array(2).uint(0u8).bytes(answer),
            EvaluationResponse::Busy { retry_after_ms } => w.array(2).uint(1u8).uint(*retry_after_ms),
            EvaluationResponse::Exhausted { left, renews } => w.array(3).uint(2u8).uint(*left).uint(renews.0),
            EvaluationResponse::Refused(refusal) => w.array(2).uint(3u8).uint(*refusal as u8),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = r.array(3)?;
        match (r.uint()?, len) {
            (0, 2) => Ok(EvaluationResponse::Evaluated(r.bytes(Answer::MAX_BYTES + 512)?.to_vec())),
            (1, 2) => Ok(EvaluationResponse::Busy { retry_after_ms: r.small("retry")? }),
            (2, 3) => Ok(EvaluationResponse::Exhausted { left: r.small("left")?, renews: Timestamp(r.uint()?) }),
            (3, 2) => Ok(EvaluationResponse::Refused(r.code("refusal", Refusal::from_number)?)),
            (0..=3, _) => Err(DecodeError::Malformed),
            (other, _) => Err(DecodeError::UnknownKey(other)),
        }
    }
}

/// Whether a holder answers a member's request, as far as the charters say: before anything is counted or computed. `public` is
/// the public side of the share that it would evaluate with, if it has one. The token key under which it evaluates.
pub fn admit<'c>(
    chain: &'c CharterChain,
    member: MemberNumber,
    request: &EvaluationRequest,
    public: Option<&[u8; ELEMENT_BYTES]>,
) -> Result<&'c TokenKey, Refusal> {
    let charter = chain.current();
    if !charter.member(member).is_some_and(|member| member.is_active() && member.role.may_derive()) {
        return Err(Refusal::NotEntitled);
    }
    let named = chain.from(1).iter().rev().find(|version| version.id() == request.charter);
    let named = named.ok_or(Refusal::UnknownCharter)?;
    let key = charter.key_by_id(&request.key).filter(|key| key.is_active());
    let (Some(key), Some(public)) = (key, public) else { return Err(Refusal::NoShare) };
    // EVALUATION-8: under a charter from before a refresh the answer would look like a bad one, and be signed.
    match named.charter().key_by_id(&request.key) {
        Some(then) if then.public_keys.get(1..).is_some_and(|shares| shares.contains(public)) => Ok(key),
        _ => Err(Refusal::UnknownCharter),
    }
}

/// Signs a holder's evaluation of a request.
pub fn sign(
    alliance: &Hash,
    request: &EvaluationRequest,
    evaluation: Evaluation,
    signer: &dyn Signer,
) -> EvaluationResponse {
    let answer = Answer {
        alliance: *alliance,
        charter: request.charter,
        key: request.key,
        request: request.digest(),
        share: evaluation.holder,
        elements: evaluation.elements,
        proof: evaluation.proof,
    };
    EvaluationResponse::Evaluated(signed::sign(&answer, signer).envelope().to_vec())
}

/// The one check of an answer: signed by the holder that was asked, for this request, and proved against its public share.
/// `asked` is the request and its elements. `under` is the alliance, a charter that has the holder's feed key, and the token key
/// of the charter that the request names, as the charter has it and read.
pub fn check(
    envelope: &[u8],
    asked: (&EvaluationRequest, &[Element]),
    holder: MemberNumber,
    under: (&Hash, &Charter, &TokenKey, &ThresholdKey),
    now: Timestamp,
) -> Result<Checked, EvaluationError> {
    let (request, blinded) = asked;
    let (alliance, charter, token_key, key) = under;
    let signed = Signed::<Answer>::decode(envelope)?;
    let answer = signed.payload();
    let member = charter.member(holder).filter(|member| member.signs_with(&signed.key(), now));
    if member.is_none() {
        return Err(EvaluationError::WrongSigner(holder)); // EVALUATION-2
    }
    if answer.alliance != *alliance || answer.charter != request.charter {
        return Err(EvaluationError::OtherCharter(holder)); // EVALUATION-3
    }
    if answer.key != request.key {
        return Err(EvaluationError::OtherKey(holder)); // EVALUATION-4
    }
    if answer.request != request.digest() {
        return Err(EvaluationError::OtherRequest(holder)); // EVALUATION-5
    }
    if token_key.share_of(holder) != Some(answer.share) {
        return Err(EvaluationError::OtherShare(holder)); // EVALUATION-6
    }
    let evaluation = Evaluation { holder: answer.share, elements: answer.elements.clone(), proof: answer.proof };
    // EVALUATION-7
    key.check(blinded, &evaluation).map_err(|error| EvaluationError::Oprf { holder, error })
}
