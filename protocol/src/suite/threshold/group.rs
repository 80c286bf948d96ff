//! ristretto255 (RFC 9496) and hashing into it, as RFC 9497 §4.1 fixes it.

use curve25519_dalek::{
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
    traits::IsIdentity,
};
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use super::OprfError;

/// Bytes of an element on the wire.
pub const ELEMENT_BYTES: usize = 32;

/// `contextString` of the VOPRF mode: RFC 9497 §3.1.
pub(super) const CONTEXT: &[u8] = b"OPRFV1-\x01-ristretto255-SHA512";

/// An element other than the identity, with its encoding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    point: RistrettoPoint,
    bytes: [u8; ELEMENT_BYTES],
}

impl Element {
    /// Reads the element at a position of a batch.
    pub fn read(bytes: &[u8; ELEMENT_BYTES], index: usize) -> Result<Element, OprfError> {
        let point = CompressedRistretto(*bytes).decompress().ok_or(OprfError::NotAnElement { index })?;
        if point.is_identity() {
            return Err(OprfError::Identity { index });
        }
        Ok(Element { point, bytes: *bytes })
    }

    /// Reads a whole batch.
    pub fn read_all(batch: &[[u8; ELEMENT_BYTES]]) -> Result<Vec<Element>, OprfError> {
        if batch.is_empty() || batch.len() > super::BATCH {
            return Err(OprfError::BatchSize(batch.len()));
        }
        batch.iter().enumerate().map(|(index, bytes)| Element::read(bytes, index)).collect()
    }

    /// The encoding.
    pub fn bytes(&self) -> &[u8; ELEMENT_BYTES] {
        &self.bytes
    }

    pub(super) fn point(&self) -> &RistrettoPoint {
        &self.point
    }

    /// Doubles points and encodes them.
    pub(super) fn double_all(halves: &[RistrettoPoint]) -> Vec<Element> {
        let encoded = RistrettoPoint::double_and_compress_batch(halves);
        halves.iter().zip(encoded).map(|(half, bytes)| Element { point: half + half, bytes: bytes.0 }).collect()
    }
}

/// Encodes the doubles of points, which are secret; one inversion serves all of them.
pub(super) fn double_and_encode(halves: &[RistrettoPoint]) -> Zeroizing<Vec<CompressedRistretto>> {
    Zeroizing::new(RistrettoPoint::double_and_compress_batch(halves))
}

impl From<RistrettoPoint> for Element {
    fn from(point: RistrettoPoint) -> Element {
        Element { point, bytes: point.compress().0 }
    }
}

/// One half: what is multiplied by it is doubled when it is encoded, which for many points at once costs one inversion.
pub(super) fn half() -> Scalar {
    Scalar::from(2u8).invert()
}

/// `HashToGroup`: RFC 9497 §4.1, hash_to_ristretto255 of RFC 9380 appendix B.
pub(super) fn hash_to_group(input: &[u8]) -> RistrettoPoint {
    RistrettoPoint::from_uniform_bytes(&expand(&[input], b"HashToGroup-"))
}

/// `HashToScalar`: RFC 9497 §4.1. The parts are hashed one behind the other.
pub(super) fn hash_to_scalar(parts: &[&[u8]]) -> Scalar {
    Scalar::from_bytes_mod_order_wide(&expand(parts, b"HashToScalar-"))
}

/// expand_message_xmd with SHA-512 (RFC 9380 §5.3.1) for 64 bytes, which is one block of output, under the tag
/// `purpose ‖ contextString`.
fn expand(parts: &[&[u8]], purpose: &[u8]) -> [u8; 64] {
    let tag = [purpose, CONTEXT].concat();
    // Both tags are far shorter than 256 bytes.
    let tag_length = [tag.len() as u8];
    let mut first = Sha512::new();
    first.update([0; 128]);
    for part in parts {
        first.update(part);
    }
    first.update(64u16.to_be_bytes());
    first.update([0]);
    first.update(&tag);
    first.update(tag_length);
    let mut second = Sha512::new();
    second.update(first.finalize());
    second.update([1]);
    second.update(&tag);
    second.update(tag_length);
    second.finalize().into()
}

/// The length of something as RFC 9497 puts it before it.
pub(super) fn length(bytes: &[u8]) -> [u8; 2] {
    // Elements, seeds, tags and identifiers' inputs are far shorter than 2^16.
    (bytes.len() as u16).to_be_bytes()
}
