//! A holder's statement that it deleted its share of a retired key.

use crate::{
    base::{Hash, MemberNumber, Timestamp},
    encoding::{DecodeError, Reader, Wire, Writer},
    signed::Payload,
    suite::KeyId,
};

const VERSION: u64 = 1;

/// "I deleted my share of this key." What a holder signs it answers for; no signature proves that no copy is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// The alliance.
    pub alliance: Hash,
    /// Who deleted.
    pub holder: MemberNumber,
    /// The retired key.
    pub key: KeyId,
    /// When.
    pub issued: Timestamp,
}

impl Payload for Deletion {
    const CONTENT_TYPE: &'static str = "application/antibrush-deletion+cbor";
}

impl Wire for Deletion {
    const MAX_BYTES: usize = 128;

    fn write(&self, w: &mut Writer) {
        w.array(5).uint(VERSION).bytes(&self.alliance).uint(self.holder.0).bytes(&self.key).uint(self.issued.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(5)?;
        r.version(VERSION)?;
        Ok(Deletion {
            alliance: r.fixed()?,
            holder: MemberNumber(r.small("holder")?),
            key: r.fixed()?,
            issued: Timestamp(r.uint()?),
        })
    }
}
