//! From the pseudo-random bytes of a suite to what is published: the same for every suite.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

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

/// HKDF-SHA256-Extract (RFC 5869 §2.2: an HMAC) with a key id as its salt; keeps the HMAC state after its key block.
#[derive(Clone)]
pub struct Extractor(Hmac<Sha256>);

impl Extractor {
    /// For the token key of this id.
    pub fn new(key_id: &KeyId) -> Extractor {
        // HMAC takes keys of every length (RFC 2104 §2).
        Extractor(Hmac::new_from_slice(key_id).expect("HMAC takes keys of every length"))
    }

    /// `PRK = HKDF-SHA256-Extract(salt = key id, prf)`.
    pub fn derive(&self, prf: &Prf) -> Derived {
        let mut mac = self.0.clone();
        mac.update(&prf.0);
        let mut prk = mac.finalize().into_bytes();
        let derived = Derived::from_prk(prk.into());
        prk.zeroize();
        derived
    }
}

/// The PRK of one subject, from which the published values are expanded; beside it the HMAC state after it, so that each value
/// costs two compressions less.
#[derive(Clone)]
pub struct Derived {
    prk: Zeroizing<[u8; 32]>,
    hkdf: Hkdf<Sha256>,
}

impl Derived {
    /// From the PRK that [`Derived::to_prk`] gave.
    pub fn from_prk(prk: [u8; 32]) -> Derived {
        let prk = Zeroizing::new(prk);
        // RFC 5869 §2.3: a PRK has at least the length of the hash, and this one has exactly that.
        let hkdf = Hkdf::from_prk(&*prk).expect("a PRK of 32 bytes");
        Derived { prk, hkdf }
    }

    /// The PRK, for a node that keeps what was once evaluated. Whoever has it can compute the subject's token and open the
    /// details that were sealed to it: it is stored encrypted or not at all.
    pub fn to_prk(&self) -> Zeroizing<[u8; 32]> {
        self.prk.clone()
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
        self.hkdf.expand(info, &mut out).expect("32 bytes are within HKDF's limit");
        out
    }
}
