//! COSE_Sign1 (RFC 9052) around every object, and trust as a type.
//!
//! Algorithm −8 (EdDSA, Ed25519 by `verify_strict`), no external data; the protected header holds exactly the algorithm,
//! the content type and the signer's public key as key id. An object's id is the SHA-256 of its payload, never of a
//! signature. [`Signed`] is what arrived; only [`Verified`] reaches the state machine, and only a check against the
//! charter makes one.

use std::sync::Arc;

use coset::{CborSerializable, CoseSign1, CoseSign1Builder, Header, HeaderBuilder, iana};
use ed25519_dalek::{Signature, VerifyingKey};
use sha2::{Digest, Sha256};

use crate::{
    base::Hash,
    encoding::{DecodeError, Wire},
};

mod memory;
#[cfg(test)]
mod tests;

pub use memory::remembering;

/// A public key of Ed25519.
pub type PublicKey = [u8; 32];

/// Holds a secret Ed25519 key somewhere: in memory, in a file, in a hardware module.
pub trait Signer: Send + Sync {
    /// The public key of the signer.
    fn public(&self) -> PublicKey;

    /// The Ed25519 signature (RFC 8032) over the message.
    fn sign(&self, message: &[u8]) -> [u8; 64];
}

/// An object that is signed: its content type tells it from every other object under the same key.
pub trait Payload: Wire {
    /// The media type in the protected header.
    const CONTENT_TYPE: &'static str;
}

/// Why a signature does not count. All of them are the signer's or the sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    /// Not a COSE_Sign1 in its deterministic form.
    #[error("the envelope is not a COSE_Sign1 in deterministic form")]
    Envelope,
    /// The protected header is not exactly {1: -8, 3: content type, 4: key id} of the expected type.
    #[error("the protected header is not the one of this object type")]
    ProtectedHeader,
    /// The unprotected header must be empty.
    #[error("the unprotected header is not empty")]
    UnprotectedHeader,
    /// The payload is missing, or present where it must be detached.
    #[error("the payload is missing or in the wrong place")]
    Payload,
    /// The payload is not the object.
    #[error("the payload is refused: {0}")]
    Decode(#[from] DecodeError),
    /// The key is not a point of the prime-order group, or the signature does not verify.
    #[error("the signature does not verify")]
    BadSignature,
}

/// SHA-256 of a payload: the id of every object.
pub fn object_id(payload: &[u8]) -> Hash {
    Sha256::digest(payload).into()
}

/// Whether a public key may be admitted: a point, and free of torsion. A mixed-order key passes the library's own
/// checks, and its signatures mean different things to different verifiers.
pub fn is_admissible(key: &PublicKey) -> bool {
    VerifyingKey::from_bytes(key).is_ok_and(|key| !key.is_weak() && key.to_edwards().is_torsion_free())
}

/// Signs a payload and keeps it inside.
pub fn sign<T: Payload>(payload: &T, signer: &dyn Signer) -> Signed<T> {
    let bytes = payload.encode();
    let id = object_id(&bytes);
    let cose = CoseSign1Builder::new()
        .protected(protected_header(T::CONTENT_TYPE, &signer.public()))
        .payload(bytes.clone())
        .create_signature(&[], |message| signer.sign(message).to_vec())
        .build();
    let envelope = to_vec(cose);
    // The bytes were encoded from a `T` a few lines above.
    let payload = T::decode(&bytes).expect("an object decodes from its own encoding");
    Signed { payload: Arc::new(payload), id, key: signer.public(), envelope: envelope.into() }
}

/// Signs payload bytes that travel beside the signature (RFC 9052 §4.2, detached): several people sign one charter.
pub fn sign_detached(content_type: &str, payload: &[u8], signer: &dyn Signer) -> Vec<u8> {
    let cose = CoseSign1Builder::new()
        .protected(protected_header(content_type, &signer.public()))
        .create_detached_signature(payload, &[], |message| signer.sign(message).to_vec())
        .build();
    to_vec(cose)
}

/// Verifies a detached signature and returns the key that made it.
pub fn verify_detached(content_type: &str, payload: &[u8], envelope: &[u8]) -> Result<PublicKey, SignatureError> {
    let cose = parse(envelope, 512)?;
    let key = expected_header(&cose, content_type)?;
    if cose.payload.is_some() {
        return Err(SignatureError::Payload);
    }
    cose.verify_detached_signature(payload, &[], |signature, message| verify_strict(&key, message, signature))?;
    Ok(key)
}

/// The bare signature of [`sign_detached`]: the rest of its COSE_Sign1 follows from content type and key.
pub fn sign_apart(content_type: &str, payload: &[u8], signer: &dyn Signer) -> [u8; 64] {
    let header = protected_header(content_type, &signer.public());
    let cose = CoseSign1Builder::new().protected(header).build();
    signer.sign(&cose.tbs_detached_data(payload, &[]))
}

/// Whether a bare signature is that of [`sign_apart`] by the key.
pub fn verify_apart(content_type: &str, payload: &[u8], key: &PublicKey, signature: &[u8]) -> bool {
    let cose = CoseSign1Builder::new().protected(protected_header(content_type, key)).build();
    verify(key, &cose.tbs_detached_data(payload, &[]), signature)
}

/// A decoded object whose signature holds for the key that it names. Whether that key may sign it is the charter's to say.
#[derive(Clone, Debug, PartialEq)]
pub struct Signed<T> {
    payload: Arc<T>,
    id: Hash,
    key: PublicKey,
    envelope: Arc<[u8]>,
}

impl<T: Payload> Signed<T> {
    /// Decodes an envelope and checks its form, its payload and its signature.
    pub fn decode(envelope: &[u8]) -> Result<Self, SignatureError> {
        let cose = parse(envelope, T::MAX_BYTES + 512)?;
        let key = expected_header(&cose, T::CONTENT_TYPE)?;
        let bytes = cose.payload.as_deref().ok_or(SignatureError::Payload)?;
        let payload = T::decode(bytes)?;
        cose.verify_signature(&[], |signature, message| verify_strict(&key, message, signature))?;
        Ok(Signed { payload: Arc::new(payload), id: object_id(bytes), key, envelope: envelope.into() })
    }

    /// The object: signed, but not yet known to be signed by somebody who may.
    pub fn payload(&self) -> &T {
        &self.payload
    }

    /// SHA-256 of the payload.
    pub fn id(&self) -> Hash {
        self.id
    }

    /// The key that signed.
    pub fn key(&self) -> PublicKey {
        self.key
    }

    /// The COSE bytes.
    pub fn envelope(&self) -> &Arc<[u8]> {
        &self.envelope
    }

    /// Called by the charter's checks alone, once the key's right to sign is established.
    pub(crate) fn into_verified(self) -> Verified<T> {
        Verified(self)
    }
}

/// An object that the charter accepts. State functions take nothing less.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified<T>(Signed<T>);

impl<T: Payload> Verified<T> {
    /// The object.
    pub fn payload(&self) -> &T {
        self.0.payload()
    }

    /// SHA-256 of the payload.
    pub fn id(&self) -> Hash {
        self.0.id()
    }

    /// The key that signed.
    pub fn key(&self) -> PublicKey {
        self.0.key()
    }

    /// The COSE bytes.
    pub fn envelope(&self) -> &Arc<[u8]> {
        self.0.envelope()
    }
}

fn protected_header(content_type: &str, key: &PublicKey) -> Header {
    HeaderBuilder::new()
        .algorithm(iana::Algorithm::EdDSA)
        .content_type(content_type.to_owned())
        .key_id(key.to_vec())
        .build()
}

fn to_vec(cose: CoseSign1) -> Vec<u8> {
    // Headers, payload and signature are byte strings in memory; encoding them has no failing case.
    cose.to_vec().expect("a COSE_Sign1 built here encodes")
}

fn parse(envelope: &[u8], most: usize) -> Result<CoseSign1, SignatureError> {
    if envelope.len() > most {
        return Err(SignatureError::Decode(DecodeError::TooLarge));
    }
    let cose = CoseSign1::from_slice(envelope).map_err(|_| SignatureError::Envelope)?;
    let again = cose.clone().to_vec().map_err(|_| SignatureError::Envelope)?;
    if again == envelope { Ok(cose) } else { Err(SignatureError::Envelope) }
}

fn expected_header(cose: &CoseSign1, content_type: &str) -> Result<PublicKey, SignatureError> {
    if !cose.unprotected.is_empty() {
        return Err(SignatureError::UnprotectedHeader);
    }
    let key =
        PublicKey::try_from(cose.protected.header.key_id.as_slice()).map_err(|_| SignatureError::ProtectedHeader)?;
    let expected = protected_header(content_type, &key).to_vec().map_err(|_| SignatureError::ProtectedHeader)?;
    let found = cose.protected.original_data.as_deref().unwrap_or_default();
    if found == expected { Ok(key) } else { Err(SignatureError::ProtectedHeader) }
}

/// Whether this is the key's Ed25519 signature, by the same strict check as for every object (RFC 8032 §5.1.7, no small order).
pub(crate) fn verify(key: &PublicKey, message: &[u8], signature: &[u8]) -> bool {
    verify_strict(key, message, signature).is_ok()
}

fn verify_strict(key: &PublicKey, message: &[u8], signature: &[u8]) -> Result<(), SignatureError> {
    memory::holds(key, message, signature, || {
        let key = VerifyingKey::from_bytes(key).map_err(|_| SignatureError::BadSignature)?;
        let signature = Signature::from_slice(signature).map_err(|_| SignatureError::BadSignature)?;
        key.verify_strict(message, &signature).map_err(|_| SignatureError::BadSignature)
    })
}
