//! Suite 1: HMAC-SHA512 under a pepper that is sealed to each member in the charter.
//!
//! For classes that are not personal, and for alliances that accept that an insider can enumerate: 10¹⁰ mobile numbers
//! cost hours on one core (docs/PRIVACY.md has the measured figure). One seed an epoch is sealed to the members; each class has its own pepper.

use hkdf::Hkdf;
use hmac::{Hmac, KeyInit, Mac};
use hpke::{
    Deserializable, Kem as _, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::X25519HkdfSha256,
};
use sha2::{Digest, Sha256, Sha512};
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::{Derived, Extractor, KeyId, Prf, Suite, key_id};
use crate::{
    base::{Hash, Token},
    subject::{Class, Subject},
};

/// The secret of one epoch from which every class pepper comes.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Seed(pub [u8; 32]);

/// Why a sealed seed does not open.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The receiver's key is not an X25519 public key.
    #[error("the seal key is not a valid X25519 public key")]
    Key,
    /// Sealed to somebody else, for another alliance, epoch or member, or changed on the way.
    #[error("the sealed pepper does not open with this node's seal key")]
    Open,
}

impl Seed {
    /// The public commitment of one class's pepper: stands where suite 2 has its public key, so that members can see that
    /// they hold the same one.
    pub fn commitment(&self, founding_nonce: &[u8; 32], class: Class, epoch: u16) -> [u8; 32] {
        let mut hash = Sha256::new();
        hash.update(b"antibrush/v1/pepper-commitment");
        let mut pepper = self.pepper(founding_nonce, class, epoch);
        hash.update(pepper);
        pepper.zeroize();
        hash.finalize().into()
    }

    /// Seals the seed to a member by HPKE (RFC 9180) base mode: DHKEM(X25519, HKDF-SHA256), HKDF-SHA256,
    /// ChaCha20Poly1305. `entropy` is 32 fresh random bytes. Returns `enc[32] ‖ ciphertext[48]`.
    pub fn seal(
        &self,
        seal_key: &[u8; 32],
        context: &SealContext<'_>,
        entropy: [u8; 32],
    ) -> Result<Vec<u8>, SealError> {
        let public = <X25519HkdfSha256 as hpke::Kem>::PublicKey::from_bytes(seal_key).map_err(|_| SealError::Key)?;
        let mut rng = OneDraw(Some(entropy));
        let (enc, ciphertext) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, X25519HkdfSha256>(
            &OpModeS::Base,
            &public,
            &context.info(),
            &self.0,
            &[],
            &mut rng,
        )
        .map_err(|_| SealError::Key)?;
        let mut out = enc.to_bytes().to_vec();
        out.extend_from_slice(&ciphertext);
        Ok(out)
    }

    /// Opens what [`Seed::seal`] made, with the member's X25519 secret key.
    pub fn open(sealed: &[u8], seal_secret: &[u8; 32], context: &SealContext<'_>) -> Result<Seed, SealError> {
        type Kem = X25519HkdfSha256;
        let (enc, ciphertext) = sealed.split_at_checked(32).ok_or(SealError::Open)?;
        let secret = <Kem as hpke::Kem>::PrivateKey::from_bytes(seal_secret).map_err(|_| SealError::Key)?;
        let enc = <Kem as hpke::Kem>::EncappedKey::from_bytes(enc).map_err(|_| SealError::Open)?;
        let mut opened = hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, Kem>(
            &OpModeR::Base,
            &secret,
            &enc,
            &context.info(),
            ciphertext,
            &[],
        )
        .map_err(|_| SealError::Open)?;
        let seed = <[u8; 32]>::try_from(opened.as_slice()).map_err(|_| SealError::Open);
        opened.zeroize();
        seed.map(Seed)
    }

    fn pepper(&self, founding_nonce: &[u8; 32], class: Class, epoch: u16) -> [u8; 32] {
        let mut info = b"antibrush/v1/pepper".to_vec();
        info.push(class.number());
        info.extend_from_slice(&epoch.to_be_bytes());
        let mut pepper = [0; 32];
        // RFC 5869 §2.3 limits the length to 255 · 32 bytes.
        Hkdf::<Sha256>::new(Some(founding_nonce), &self.0)
            .expand(&info, &mut pepper)
            .expect("32 bytes are within HKDF's limit");
        pepper
    }
}

/// The public X25519 key of a seal secret.
pub fn seal_public(seal_secret: &[u8; 32]) -> Result<[u8; 32], SealError> {
    let secret = <X25519HkdfSha256 as hpke::Kem>::PrivateKey::from_bytes(seal_secret).map_err(|_| SealError::Key)?;
    let mut out = [0; 32];
    out.copy_from_slice(&X25519HkdfSha256::sk_to_pk(&secret).to_bytes());
    Ok(out)
}

/// What a sealed seed is bound to.
pub struct SealContext<'a> {
    /// The nonce of the alliance's genesis charter: the alliance id is not known before the genesis is complete.
    pub founding_nonce: &'a [u8; 32],
    /// The epoch of the seed.
    pub epoch: u16,
    /// The receiving member's number.
    pub member: u16,
}

impl SealContext<'_> {
    fn info(&self) -> Vec<u8> {
        let mut info = b"antibrush/v1/sealed-pepper".to_vec();
        info.extend_from_slice(self.founding_nonce);
        info.extend_from_slice(&self.epoch.to_be_bytes());
        info.extend_from_slice(&self.member.to_be_bytes());
        info
    }
}

/// The key of one class and epoch, ready to make tokens. Keeps the HMAC state after its key block, so that a token costs
/// two SHA-512 compressions and a few of SHA-256.
#[derive(Clone)]
pub struct KeyedPrf {
    mac: Hmac<Sha512>,
    key_id: KeyId,
    extractor: Extractor,
    alliance: Hash,
}

impl KeyedPrf {
    /// Prepares the pepper of one class.
    pub fn new(seed: &Seed, alliance: &Hash, founding_nonce: &[u8; 32], class: Class, epoch: u16) -> KeyedPrf {
        let mut pepper = seed.pepper(founding_nonce, class, epoch);
        // HMAC takes keys of every length (RFC 2104 §2).
        let mac = Hmac::<Sha512>::new_from_slice(&pepper).expect("HMAC takes keys of every length");
        pepper.zeroize();
        let commitment = seed.commitment(founding_nonce, class, epoch);
        let key_id = key_id(Suite::Keyed, class, epoch, 1, 1, &[commitment]);
        KeyedPrf { mac, key_id, extractor: Extractor::new(&key_id), alliance: *alliance }
    }

    /// The id of the key.
    pub fn key_id(&self) -> KeyId {
        self.key_id
    }

    /// The values derived for a subject; `scratch` keeps its memory between calls and is wiped after each.
    pub fn derive(&self, subject: &Subject, scratch: &mut Vec<u8>) -> Derived {
        scratch.clear();
        subject.input(&self.alliance, scratch);
        let mut mac = self.mac.clone();
        mac.update(scratch);
        let prf = Prf(mac.finalize().into_bytes().into());
        scratch.zeroize();
        self.extractor.derive(&prf)
    }

    /// The token of a subject.
    pub fn token(&self, subject: &Subject, scratch: &mut Vec<u8>) -> Token {
        self.derive(subject, scratch).token()
    }
}

/// Hands out 32 given random bytes once: the protocol draws no randomness of its own.
pub(crate) struct OneDraw(pub(crate) Option<[u8; 32]>);

impl OneDraw {
    fn take(&mut self, len: usize) -> Vec<u8> {
        let mut entropy = self.0.take().unwrap_or_default();
        // More than one draw would reuse entropy; DHKEM(X25519) key generation draws exactly 32 bytes once.
        assert!(len <= 32 && entropy != [0; 32], "one draw of at most 32 random bytes");
        let bytes = entropy[..len].to_vec();
        entropy.zeroize();
        bytes
    }
}

impl hpke::rand_core::TryRng for OneDraw {
    type Error = core::convert::Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Self::Error> {
        let mut bytes = [0; 4];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u32::from_le_bytes(bytes))
    }

    fn try_next_u64(&mut self) -> Result<u64, Self::Error> {
        let mut bytes = [0; 8];
        self.try_fill_bytes(&mut bytes)?;
        Ok(u64::from_le_bytes(bytes))
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Self::Error> {
        out.copy_from_slice(&self.take(out.len()));
        Ok(())
    }
}

impl hpke::rand_core::TryCryptoRng for OneDraw {}
