//! From the pseudo-random bytes of a suite to what is published: the same for every suite.

use hkdf::Hkdf;
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::Suite;
use crate::{
    base::{Hash, Token},
    subject::Class,
};

/// Names one token key: see [`key_id`].
pub type KeyId = Hash;

/// What a suite makes of one subject's input. Whoever has it can compute the token.
#[derive(Clone, Zeroize, ZeroizeOnDrop)]
pub struct Prf(pub [u8; 64]);

/// SHA-256 over suite, class, epoch, t, n and the public keys, all of fixed length but the last, which is counted.
pub fn key_id(suite: Suite, class: Class, epoch: u16, threshold: u8, holders: u8, public_keys: &[[u8; 32]]) -> KeyId {
    let mut hash = Sha256::new();
    hash.update(b"antibrush/v1/key-id");
    hash.update([suite.number(), class.number()]);
    hash.update(epoch.to_be_bytes());
    hash.update([threshold, holders, public_keys.len() as u8]);
    for key in public_keys {
        hash.update(key);
    }
    hash.finalize().into()
}

/// `PRK = HKDF-SHA256-Extract(salt = key id, prf)` (RFC 5869), from which the published values are expanded.
pub struct Derived(Hkdf<Sha256>);

impl Derived {
    /// Extracts the PRK.
    pub fn new(key_id: &KeyId, prf: &Prf) -> Derived {
        Derived(Hkdf::new(Some(key_id), &prf.0))
    }

    /// The token: what members publish and look up.
    pub fn token(&self) -> Token {
        Token(self.expand(b"antibrush/v1/token"))
    }

    /// The federation tag: what exported filters hold. Unlinkable to the token without the identifier.
    pub fn federation_tag(&self) -> [u8; 32] {
        self.expand(b"antibrush/v1/federation")
    }

    /// The key from which sealed details get theirs.
    pub fn record_key(&self) -> [u8; 32] {
        self.expand(b"antibrush/v1/record")
    }

    fn expand(&self, info: &[u8]) -> [u8; 32] {
        let mut out = [0; 32];
        // RFC 5869 §2.3 limits the length to 255 · 32 bytes.
        self.0.expand(info, &mut out).expect("32 bytes are within HKDF's limit");
        out
    }
}
