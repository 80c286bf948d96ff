//! A charter with its signatures: the payload once, and detached COSE_Sign1 signatures that can travel on their own.

use std::sync::Arc;

use super::{Charter, CharterSignature, ProposalError};
use crate::{
    base::Hash,
    encoding::{DecodeError, Reader, Wire, Writer},
    limits,
    signed::{self, Payload, PublicKey, SignatureError, Signer},
};

/// A decoded charter and who signed it. Whether they may is [`super::CharterChain`]'s to say.
#[derive(Clone, Debug, PartialEq)]
pub struct SignedCharter {
    charter: Arc<Charter>,
    id: Hash,
    payload: Arc<[u8]>,
    signatures: Vec<Vec<u8>>,
    signers: Vec<PublicKey>,
}

impl SignedCharter {
    /// A charter without signatures yet.
    pub fn unsigned(charter: &Charter) -> SignedCharter {
        let payload = charter.encode();
        SignedCharter {
            charter: Arc::new(charter.clone()),
            id: signed::object_id(&payload),
            payload: payload.into(),
            signatures: Vec::new(),
            signers: Vec::new(),
        }
    }

    /// Adds one's own signature.
    pub fn sign(&mut self, signer: &dyn Signer) {
        self.signatures.push(signed::sign_detached(Charter::CONTENT_TYPE, &self.payload, signer));
        self.signers.push(signer.public());
    }

    /// Makes a signature that travels on its own.
    pub fn signature_by(&self, signer: &dyn Signer) -> CharterSignature {
        let signature = signed::sign_detached(Charter::CONTENT_TYPE, &self.payload, signer);
        CharterSignature { charter: self.id, signature }
    }

    /// Adds a signature that came on its own and returns its key. It must hold, for this charter, and be the first of its
    /// key; whether it counts is the quorum's to say.
    pub fn add(&mut self, signature: CharterSignature) -> Result<PublicKey, ProposalError> {
        if signature.charter != self.id {
            return Err(ProposalError::OtherCharter);
        }
        let key = signed::verify_detached(Charter::CONTENT_TYPE, &self.payload, &signature.signature)?;
        if self.signers.contains(&key) {
            return Err(ProposalError::Duplicate);
        }
        if self.signatures.len() >= limits::CHARTER_SIGNATURES {
            return Err(ProposalError::Full);
        }
        self.signatures.push(signature.signature);
        self.signers.push(key);
        Ok(key)
    }

    /// Decodes `[payload, [signature …]]` and checks every signature against the key that it names.
    pub fn decode(bytes: &[u8]) -> Result<SignedCharter, SignatureError> {
        let envelope = Envelope::decode(bytes)?;
        let charter = Charter::decode(&envelope.payload)?;
        let verify = |signature: &Vec<u8>| signed::verify_detached(Charter::CONTENT_TYPE, &envelope.payload, signature);
        let signers = envelope.signatures.iter().map(verify).collect::<Result<_, _>>()?;
        Ok(SignedCharter {
            charter: Arc::new(charter),
            id: signed::object_id(&envelope.payload),
            payload: envelope.payload.into(),
            signatures: envelope.signatures,
            signers,
        })
    }

    /// `[payload, [signature …]]`.
    pub fn encode(&self) -> Vec<u8> {
        Envelope { payload: self.payload.to_vec(), signatures: self.signatures.clone() }.encode()
    }

    /// The charter: signed, but not yet known to be signed by those who may.
    pub fn charter(&self) -> &Arc<Charter> {
        &self.charter
    }

    /// SHA-256 of the payload.
    pub fn id(&self) -> Hash {
        self.id
    }

    /// The keys whose signatures hold; not yet distinct, not yet entitled.
    pub fn signers(&self) -> &[PublicKey] {
        &self.signers
    }
}

struct Envelope {
    payload: Vec<u8>,
    signatures: Vec<Vec<u8>>,
}

impl Wire for Envelope {
    const MAX_BYTES: usize = limits::CHARTER_BYTES;

    fn write(&self, w: &mut Writer) {
        w.array(2).bytes(&self.payload).array(self.signatures.len());
        for signature in &self.signatures {
            w.bytes(signature);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(2)?;
        let payload = r.bytes(limits::CHARTER_BYTES)?.to_vec();
        let signatures = r.items(limits::CHARTER_SIGNATURES, |r| Ok(r.bytes(512)?.to_vec()))?;
        Ok(Envelope { payload, signatures })
    }
}
