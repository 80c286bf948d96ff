//! Evidence of a bad answer: the request and the signed answer, which prove the holder's fault to everybody who has the
//! charter. The elements in it are random: it tells nothing about the identifiers that were asked for.

use super::{Answer, EvaluationError, EvaluationRequest, check};
use crate::{
    base::{MemberNumber, Timestamp},
    charter::CharterChain,
    encoding::{DecodeError, Reader, Wire, Writer},
    suite::threshold::{Element, ThresholdKey},
};

const VERSION: u64 = 1;

/// A request and the bad answer to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BadAnswer {
    /// The holder that was asked.
    pub holder: MemberNumber,
    /// When.
    pub asked: Timestamp,
    /// What it was asked.
    pub request: EvaluationRequest,
    /// The signed answer.
    pub answer: Vec<u8>,
}

impl BadAnswer {
    /// What the answer proves of its holder; `None` if it proves nothing: the answer is good, not signed by the holder, or
    /// to another request.
    pub fn verify(&self, chain: &CharterChain) -> Option<EvaluationError> {
        let (charter, alliance) = (chain.current(), chain.alliance());
        // A refresh changes the public shares: an answer is judged by those of the charter that it names.
        let token_key = chain.version(&self.request.charter)?.charter().key_by_id(&self.request.key)?;
        let key = ThresholdKey::read(token_key.threshold, &token_key.public_keys).ok()?;
        // A request that a holder had to refuse proves nothing against it.
        let blinded = Element::read_all(&self.request.elements).ok()?;
        let under = (&alliance, &**charter, token_key, &key);
        let error = check(&self.answer, (&self.request, &blinded), self.holder, under, self.asked).err()?;
        error.is_evidence().then_some(error)
    }
}

impl Wire for BadAnswer {
    const MAX_BYTES: usize = EvaluationRequest::MAX_BYTES + Answer::MAX_BYTES + 1024;

    fn write(&self, w: &mut Writer) {
        w.array(5).uint(VERSION).uint(self.holder.0).uint(self.asked.0).object(&self.request).bytes(&self.answer);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(5)?;
        r.version(VERSION)?;
        Ok(BadAnswer {
            holder: MemberNumber(r.small("holder")?),
            asked: Timestamp(r.uint()?),
            request: EvaluationRequest::read(r)?,
            answer: r.bytes(Answer::MAX_BYTES + 512)?.to_vec(),
        })
    }
}
