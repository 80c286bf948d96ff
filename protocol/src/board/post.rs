//! One object on the board, whatever its kind.

use std::sync::Arc;

use sha2::{Digest, Sha256};

use super::{Deletion, PurgeReceipt, UsageReport};
use crate::{
    ceremony::{Call, Message},
    encoding::{DecodeError, Reader, Wire, Writer},
    feed::Equivocation,
    limits,
    signed::{Payload, SignatureError, Signed, Signer},
    witness::WitnessStatement,
};

/// Names a post when peers compare what they have: the first bytes of its SHA-256. A collision would only hide one post
/// behind another, and takes as much work as there are posts to hide.
pub type PostId = [u8; 16];

/// A post whose signature holds for the key that it names.
#[derive(Clone, Debug, PartialEq)]
pub enum Post {
    /// A steward calls the holders to a ceremony.
    Call(Signed<Call>),
    /// What a holder posts in a ceremony.
    Ceremony(Signed<Message>),
    /// What a holder evaluated for whom.
    Usage(Signed<UsageReport>),
    /// A holder deleted its share of a retired key.
    Deletion(Signed<Deletion>),
    /// Which heads a witness holds.
    Witness(Signed<WitnessStatement>),
    /// What a member has forgotten.
    Purge(Signed<PurgeReceipt>),
    /// A publisher signed two histories.
    Equivocation(Equivocation),
}

impl Post {
    /// Decodes `[kind, envelope]` and checks the signature.
    pub fn decode(bytes: &[u8]) -> Result<Post, SignatureError> {
        let Framed { kind, envelope } = Framed::decode(bytes)?;
        // Two headers take more room than any other object.
        if kind != EQUIVOCATION && bytes.len() > limits::GOSSIP_BYTES {
            return Err(SignatureError::Decode(DecodeError::TooLarge));
        }
        Ok(match kind {
            1 => Post::Call(Signed::decode(&envelope)?),
            2 => Post::Ceremony(Signed::decode(&envelope)?),
            3 => Post::Usage(Signed::decode(&envelope)?),
            4 => Post::Deletion(Signed::decode(&envelope)?),
            6 => Post::Witness(Signed::decode(&envelope)?),
            7 => Post::Purge(Signed::decode(&envelope)?),
            EQUIVOCATION => Post::Equivocation(Equivocation::decode(&envelope)?),
            other => return Err(SignatureError::Decode(DecodeError::UnknownVersion(other))),
        })
    }

    /// `[kind, envelope]`.
    pub fn encode(&self) -> Vec<u8> {
        let (kind, envelope) = match self {
            Post::Call(signed) => (1, signed.envelope().clone()),
            Post::Ceremony(signed) => (2, signed.envelope().clone()),
            Post::Usage(signed) => (3, signed.envelope().clone()),
            Post::Deletion(signed) => (4, signed.envelope().clone()),
            Post::Witness(signed) => (6, signed.envelope().clone()),
            Post::Purge(signed) => (7, signed.envelope().clone()),
            Post::Equivocation(proof) => (EQUIVOCATION, proof.encode().into()),
        };
        Framed { kind, envelope }.encode()
    }

    /// Its name.
    pub fn id(&self) -> PostId {
        Post::id_of(&self.encode())
    }

    /// The name of an encoded post.
    pub fn id_of(bytes: &[u8]) -> PostId {
        let digest = Sha256::digest(bytes);
        let mut id = PostId::default();
        id.copy_from_slice(&digest[..16]);
        id
    }

    /// Signs an object of one's own and makes a post of it.
    pub fn sign<T: Payload>(payload: &T, signer: &dyn Signer, post: fn(Signed<T>) -> Post) -> Post {
        post(crate::signed::sign(payload, signer))
    }
}

/// The kind of an [`Equivocation`].
const EQUIVOCATION: u64 = 5;

struct Framed {
    kind: u64,
    envelope: Arc<[u8]>,
}

impl Wire for Framed {
    const MAX_BYTES: usize = limits::POST_BYTES;

    fn write(&self, w: &mut Writer) {
        w.array(2).uint(self.kind).bytes(&self.envelope);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(2)?;
        Ok(Framed { kind: r.uint()?, envelope: r.bytes(limits::POST_BYTES)?.into() })
    }
}
