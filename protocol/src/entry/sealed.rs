//! Sealed details: what a publisher says of a subject to those alone who hold the subject's identifier themselves.
//!
//! Encrypted with XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under a key that comes from the subject's record key, which
//! only a member with the identifier can make, and the publisher's number. The entry's other fields are the associated data, so
//! details cannot be moved to another entry, and an entry that was changed does not open. Padded to one of two sizes, so that
//! their length tells nothing but that.

use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use super::{Entry, Listing};
use crate::{base::MemberNumber, encoding::Wire};

/// The longest details, in bytes of UTF-8: the larger size less the length in front.
pub const DETAILS_BYTES: usize = SIZES[1] - 2;

/// The two sizes of the padded text.
const SIZES: [usize; 2] = [128, 256];
const NONCE: usize = 24;

/// Why details are not sealed or do not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealedError {
    /// More than fits. Wrong use by our own side.
    #[error("sealed details have at most {DETAILS_BYTES} bytes")]
    TooLong,
    /// Characters that a terminal would take for commands. Wrong use by our own side.
    #[error("sealed details have no control characters but line breaks")]
    Text,
    /// The entry has none.
    #[error("the entry has no sealed details")]
    None,
    /// Sealed for another subject, publisher or entry, or changed on the way.
    #[error("the sealed details do not open for this subject and entry")]
    Open,
}

/// Seals details into a listing whose other fields are final. `nonce` is 24 fresh random bytes.
pub fn seal(
    listing: &mut Listing,
    publisher: MemberNumber,
    record_key: &[u8; 32],
    details: &str,
    nonce: [u8; NONCE],
) -> Result<(), SealedError> {
    if !is_plain(details) {
        return Err(SealedError::Text);
    }
    let size = SIZES.into_iter().find(|size| details.len() + 2 <= *size).ok_or(SealedError::TooLong)?;
    let mut padded = Zeroizing::new(vec![0; size]);
    // At most 254.
    padded[..2].copy_from_slice(&(details.len() as u16).to_be_bytes());
    padded[2..2 + details.len()].copy_from_slice(details.as_bytes());
    listing.sealed = None;
    let data = associated_data(listing);
    let payload = Payload { msg: &padded, aad: &data };
    // Fails for texts of many gigabytes alone.
    let ciphertext =
        cipher(record_key, publisher).encrypt(&XNonce::from(nonce), payload).map_err(|_| SealedError::TooLong)?;
    listing.sealed = Some([&nonce[..], &ciphertext].concat());
    Ok(())
}

/// Opens the details of a publisher's listing with the record key of the subject that the asker holds.
pub fn open(
    listing: &Listing,
    publisher: MemberNumber,
    record_key: &[u8; 32],
) -> Result<Zeroizing<String>, SealedError> {
    let sealed = listing.sealed.as_deref().ok_or(SealedError::None)?;
    let (nonce, ciphertext) = sealed.split_first_chunk::<NONCE>().ok_or(SealedError::Open)?;
    let data = associated_data(&Listing { sealed: None, ..listing.clone() });
    let payload = Payload { msg: ciphertext, aad: &data };
    let padded = cipher(record_key, publisher).decrypt(&XNonce::from(*nonce), payload);
    let padded = Zeroizing::new(padded.map_err(|_| SealedError::Open)?);
    // ENTRY-11: what a publisher seals in another form than this one is as good as none.
    let (length, rest) = padded.split_first_chunk::<2>().ok_or(SealedError::Open)?;
    let (text, padding) = rest.split_at_checked(u16::from_be_bytes(*length).into()).ok_or(SealedError::Open)?;
    if !SIZES.contains(&padded.len()) || padding.iter().any(|byte| *byte != 0) {
        return Err(SealedError::Open);
    }
    let text = str::from_utf8(text).ok().filter(|text| is_plain(text)).ok_or(SealedError::Open)?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn is_plain(text: &str) -> bool {
    !text.chars().any(|c| c.is_control() && c != '\n')
}

/// The entry as it is on the wire, without the sealed field.
fn associated_data(listing: &Listing) -> Vec<u8> {
    Entry::List(listing.clone()).encode()
}

fn cipher(record_key: &[u8; 32], publisher: MemberNumber) -> XChaCha20Poly1305 {
    let info = [&b"antibrush/v1/sealed-details"[..], &publisher.0.to_be_bytes()].concat();
    let mut key = [0; 32];
    // RFC 5869 §2.3: a PRK has at least 32 bytes, an output at most 255 · 32.
    let hkdf = Hkdf::<Sha256>::from_prk(record_key).expect("a PRK of 32 bytes");
    hkdf.expand(&info, &mut key).expect("32 bytes are within HKDF's limit");
    let cipher = XChaCha20Poly1305::new(&Key::from(key));
    key.zeroize();
    cipher
}

#[cfg(test)]
mod tests;
