//! Keys for what this node keeps for itself alone: derived from its seal key, one for each purpose.
//!
//! They come and go with the seal key: what they encrypt needs no passphrase of its own, and a node that lost its seal key and
//! was admitted again with a new one cannot read it any more.

use std::fmt;

use chacha20poly1305::{
    Key, KeyInit, XChaCha20Poly1305, XNonce,
    aead::{Aead, Payload},
};
use hkdf::Hkdf;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use zeroize::{Zeroize, Zeroizing};

use crate::random;

/// Bytes by which [`LocalKey::seal`] lengthens a text: the nonce and the authentication tag.
pub const OVERHEAD: usize = NONCE + 16;

const NONCE: usize = 24;
const INFO: &[u8] = b"antibrush/v1/local/";

/// A key of one purpose. `Debug` shows nothing. The bytes are wiped when it is dropped; the state of HMAC is not, from which they
/// cannot be computed back, but authentication codes can be made.
pub struct LocalKey {
    cipher: Zeroizing<[u8; 32]>,
    /// The state after the key block, cloned for each code.
    mac: Hmac<Sha256>,
}

impl LocalKey {
    /// HKDF-SHA256 (RFC 5869) of the seal secret, without salt, with info `"antibrush/v1/local/" ‖ purpose`: 32 bytes for
    /// encryption, then 32 for authentication codes.
    pub fn derive(seal_secret: &[u8; 32], purpose: &str) -> LocalKey {
        let hkdf = Hkdf::<Sha256>::new(None, seal_secret);
        let mut bytes = Zeroizing::new([0; 64]);
        // RFC 5869 §2.3 limits the length to 255 · 32 bytes.
        hkdf.expand_multi_info(&[INFO, purpose.as_bytes()], &mut *bytes).expect("64 bytes are within HKDF's limit");
        let mut cipher = Zeroizing::new([0; 32]);
        cipher.copy_from_slice(&bytes[..32]);
        // HMAC takes keys of every length (RFC 2104 §2).
        let mac = Hmac::new_from_slice(&bytes[32..]).expect("HMAC takes keys of every length");
        LocalKey { cipher, mac }
    }

    /// Encrypts by XChaCha20-Poly1305 (draft-irtf-cfrg-xchacha-03) under a random nonce, which stands in front. It opens with the
    /// same `context` only.
    pub fn seal(&self, context: &[u8], plain: &[u8]) -> Vec<u8> {
        let nonce: [u8; NONCE] = random::bytes();
        // Fails for texts of many gigabytes alone, and nothing here is one.
        let sealed = self
            .cipher()
            .encrypt(&XNonce::from(nonce), Payload { msg: plain, aad: context })
            .expect("a text of less than 2^38 bytes");
        [&nonce[..], &sealed].concat()
    }

    /// Opens what [`LocalKey::seal`] made; `None` if it was made under another key or context, or changed since.
    pub fn open(&self, context: &[u8], sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_first_chunk::<NONCE>()?;
        let plain = self.cipher().decrypt(&XNonce::from(*nonce), Payload { msg: sealed, aad: context }).ok()?;
        Some(Zeroizing::new(plain))
    }

    /// HMAC-SHA256 over the parts, each behind its length in four bytes, so that no two lists of parts have the same code.
    pub fn mac(&self, parts: &[&[u8]]) -> [u8; 32] {
        let mut mac = self.mac.clone();
        for part in parts {
            // Parts are identifiers and digests, never of gigabytes.
            mac.update(&(part.len() as u32).to_be_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().into()
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        let mut key = Key::from(*self.cipher);
        let cipher = XChaCha20Poly1305::new(&key);
        key.zeroize();
        cipher
    }
}

impl fmt::Debug for LocalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("LocalKey(..)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_opens_under_its_own_key_and_context_alone() {
        let key = LocalKey::derive(&[7; 32], "shares");
        let sealed = key.seal(b"here", b"secret");
        assert_eq!(sealed.len(), 6 + OVERHEAD);
        assert_eq!(key.open(b"here", &sealed).as_deref().map(Vec::as_slice), Some(&b"secret"[..]));
        assert_eq!(key.open(b"there", &sealed), None);
        assert_eq!(LocalKey::derive(&[7; 32], "vault").open(b"here", &sealed), None);
        assert_eq!(LocalKey::derive(&[8; 32], "shares").open(b"here", &sealed), None);
        for at in 0..sealed.len() {
            let mut changed = sealed.clone();
            changed[at] ^= 1;
            assert_eq!(key.open(b"here", &changed), None, "byte {at}");
            assert_eq!(key.open(b"here", &sealed[..at]), None, "cut at {at}");
        }
        assert_ne!(key.seal(b"here", b"secret"), sealed, "a nonce of its own each time");
    }

    #[test]
    fn parts_are_not_only_joined() {
        let key = LocalKey::derive(&[7; 32], "tokens");
        let code = key.mac(&[b"tag", b"ab", b"c"]);
        assert_eq!(code, LocalKey::derive(&[7; 32], "tokens").mac(&[b"tag", b"ab", b"c"]));
        for other in [&[&b"tag"[..], b"a", b"bc"][..], &[b"tag", b"abc"], &[b"tag", b"ab", b"c", b""], &[]] {
            assert_ne!(code, key.mac(other));
        }
        assert_ne!(code, LocalKey::derive(&[7; 32], "vault").mac(&[b"tag", b"ab", b"c"]));
    }

    #[test]
    fn it_shows_nothing() {
        assert_eq!(format!("{:?}", LocalKey::derive(&[7; 32], "tokens")), "LocalKey(..)");
    }
}
