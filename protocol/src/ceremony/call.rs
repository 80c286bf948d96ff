//! The call to a ceremony: who, for which classes, until when.

use crate::{
    base::{Hash, MemberNumber, Timestamp},
    ceremony::CeremonyError,
    charter::{SignedCharter, TokenKey},
    encoding::{DecodeError, Reader, Require, Wire, Writer},
    limits,
    signed::{Payload, Signed, Verified},
    subject::Class,
    suite::Suite,
};

const VERSION: u64 = 1;

crate::codes::codes! {
    /// What a ceremony makes.
    Kind {
        Generate = 1, "generate", "生成密钥", "new key";
        Refresh = 2, "refresh", "更新份额", "new shares";
    }
}

/// A steward's call. Its id is the ceremony's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The alliance.
    pub alliance: Hash,
    /// The id of the charter that names the holders.
    pub charter: Hash,
    /// New keys, or new shares of keys that stay.
    pub kind: Kind,
    /// The epoch of the keys.
    pub epoch: u16,
    /// The classes, ascending: one key each.
    pub classes: Vec<Class>,
    /// How many holders must answer.
    pub threshold: u8,
    /// The holders, ascending: the one at position x − 1 gets share x.
    pub holders: Vec<MemberNumber>,
    /// For a refresh the group key of each class, in their order; otherwise empty.
    pub keys: Vec<[u8; 32]>,
    /// When it was called.
    pub issued: Timestamp,
    /// When it is over, finished or not.
    pub deadline: Timestamp,
    /// Random bytes that tell this call from an equal one.
    pub nonce: [u8; 16],
}

impl Call {
    /// The number of a holder's share, from 1.
    pub fn share_number(&self, holder: MemberNumber) -> Option<u8> {
        let place = self.holders.binary_search(&holder).ok()?;
        u8::try_from(place + 1).ok()
    }

    /// The token key of a class that the ceremony makes.
    pub fn token_key(&self, class: Class, public_keys: Vec<[u8; 32]>) -> TokenKey {
        TokenKey {
            class,
            epoch: self.epoch,
            suite: Suite::Threshold,
            threshold: self.threshold,
            // CEREMONY-1: at most 16.
            holders: self.holders.len() as u8,
            public_keys,
            members: self.holders.clone(),
            retired: None,
        }
    }

    /// How many commitments one package of round 1 has: a refresh adds a polynomial whose value at 0 is zero and leaves that
    /// commitment out.
    pub(super) fn commitments(&self) -> usize {
        usize::from(self.threshold) - usize::from(self.kind == Kind::Refresh)
    }

    /// Checks the rules of form.
    pub fn check(&self) -> Result<(), CeremonyError> {
        // CEREMONY-1: with a threshold of 1 every holder would have the key.
        let holders = self.holders.len();
        if self.threshold < 2 || usize::from(self.threshold) > holders || holders > limits::HOLDERS {
            return Err(CeremonyError::Threshold);
        }
        // CEREMONY-2
        let ascending = self.holders.windows(2).all(|pair| pair[0] < pair[1])
            && self.classes.windows(2).all(|pair| pair[0] < pair[1]);
        if self.classes.is_empty() || !ascending {
            return Err(CeremonyError::Order);
        }
        // CEREMONY-3
        if self.deadline <= self.issued || self.deadline > self.issued.plus(limits::CEREMONY_SECONDS) {
            return Err(CeremonyError::Deadline);
        }
        // CEREMONY-4
        let keys = if self.kind == Kind::Refresh { self.classes.len() } else { 0 };
        if self.keys.len() != keys {
            return Err(CeremonyError::Keys);
        }
        Ok(())
    }
}

/// Checks a call against the charter that it names. `named` is the threshold and the holders of that charter.
pub fn verify_call(
    signed: Signed<Call>,
    charter: &SignedCharter,
    alliance: &Hash,
    named: Option<(u8, &[MemberNumber])>,
    now: Timestamp,
) -> Result<Verified<Call>, CeremonyError> {
    let call = signed.payload();
    // CEREMONY-5: the charter says who may call.
    if call.alliance != *alliance {
        return Err(CeremonyError::OtherAlliance);
    }
    if call.charter != charter.id() {
        return Err(CeremonyError::OtherCharter);
    }
    if !charter.charter().stewards.iter().any(|steward| steward.key == signed.key()) {
        return Err(CeremonyError::NotASteward);
    }
    call.check()?;
    // CEREMONY-6: and who takes part.
    if named != Some((call.threshold, &call.holders)) {
        return Err(CeremonyError::OtherHolders);
    }
    // CEREMONY-7
    if call.issued > now.plus(limits::CLOCK_SKEW_SECONDS) {
        return Err(CeremonyError::FromTheFuture);
    }
    Ok(signed.into_verified())
}

impl Payload for Call {
    const CONTENT_TYPE: &'static str = "application/antibrush-ceremony-call+cbor";
}

impl Wire for Call {
    /// 16 holders and 11 group keys need 600 bytes.
    const MAX_BYTES: usize = 1024;

    fn write(&self, w: &mut Writer) {
        w.map(11 + usize::from(!self.keys.is_empty()));
        w.uint(0u8).uint(VERSION);
        w.uint(1u8).bytes(&self.alliance);
        w.uint(2u8).bytes(&self.charter);
        w.uint(3u8).uint(self.kind.number());
        w.uint(4u8).uint(self.epoch);
        w.uint(5u8).array(self.classes.len());
        for class in &self.classes {
            w.uint(class.number());
        }
        w.uint(6u8).uint(self.threshold);
        w.uint(7u8).array(self.holders.len());
        for holder in &self.holders {
            w.uint(holder.0);
        }
        if !self.keys.is_empty() {
            w.uint(8u8).array(self.keys.len());
            for key in &self.keys {
                w.bytes(key);
            }
        }
        w.uint(9u8).uint(self.issued.0);
        w.uint(10u8).uint(self.deadline.0);
        w.uint(11u8).bytes(&self.nonce);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut version, mut alliance, mut charter, mut kind, mut epoch) = (None, None, None, None, None);
        let (mut classes, mut threshold, mut holders, mut keys) = (None, None, None, None);
        let (mut issued, mut deadline, mut nonce) = (None, None, None);
        r.fields(|key, r| {
            match key {
                0 => version = Some(r.version(VERSION)?),
                1 => alliance = Some(r.fixed()?),
                2 => charter = Some(r.fixed()?),
                3 => kind = Some(r.code("kind", Kind::from_number)?),
                4 => epoch = Some(r.small("epoch")?),
                5 => classes = Some(r.items(Class::ALL.len(), |r| r.code("classes", Class::from_number))?),
                6 => threshold = Some(r.small("threshold")?),
                7 => holders = Some(r.items(limits::HOLDERS, |r| Ok(MemberNumber(r.small("holders")?)))?),
                8 => keys = Some(r.items(Class::ALL.len(), Reader::fixed)?),
                9 => issued = Some(Timestamp(r.uint()?)),
                10 => deadline = Some(Timestamp(r.uint()?)),
                11 => nonce = Some(r.fixed()?),
                other => return Err(DecodeError::UnknownKey(other)),
            }
            Ok(())
        })?;
        version.require("version")?;
        Ok(Call {
            alliance: alliance.require("alliance")?,
            charter: charter.require("charter")?,
            kind: kind.require("kind")?,
            epoch: epoch.require("epoch")?,
            classes: classes.require("classes")?,
            threshold: threshold.require("threshold")?,
            holders: holders.require("holders")?,
            keys: keys.unwrap_or_default(),
            issued: issued.require("issued")?,
            deadline: deadline.require("deadline")?,
            nonce: nonce.require("nonce")?,
        })
    }
}
