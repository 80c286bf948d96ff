//! The sealed deals: HPKE (RFC 9180) base mode to a holder's one-time key, as for the seeds of suite 1.

use curve25519_dalek::montgomery::MontgomeryPoint;
use hpke::{
    Deserializable, Kem as _, OpModeR, OpModeS, Serializable, aead::ChaCha20Poly1305, kdf::HkdfSha256,
    kem::X25519HkdfSha256,
};
use zeroize::Zeroizing;

use crate::{
    base::{Hash, MemberNumber},
    suite::keyed::OneDraw,
};

type Kem = X25519HkdfSha256;

/// Bytes that sealing adds: the encapsulated key and the tag.
pub(super) const OVERHEAD: usize = 32 + 16;

/// Who seals for whom, in which ceremony.
pub(super) struct Context<'a> {
    pub ceremony: &'a Hash,
    pub sender: MemberNumber,
    pub receiver: MemberNumber,
}

impl Context<'_> {
    fn info(&self) -> Vec<u8> {
        let mut info = b"antibrush/v1/ceremony/deal".to_vec();
        info.extend_from_slice(self.ceremony);
        info.extend_from_slice(&self.sender.0.to_be_bytes());
        info.extend_from_slice(&self.receiver.0.to_be_bytes());
        info
    }
}

/// Whether one can seal to a key: with a point of small order the agreed secret would be zero, whoever has it.
pub(super) fn is_usable(key: &[u8; 32]) -> bool {
    MontgomeryPoint(*key).mul_clamped([1; 32]).0 != [0; 32]
}

/// The public key of a one-time secret.
pub(super) fn public(secret: &[u8; 32]) -> Option<[u8; 32]> {
    let secret = <Kem as hpke::Kem>::PrivateKey::from_bytes(secret).ok()?;
    Kem::sk_to_pk(&secret).to_bytes().as_slice().try_into().ok()
}

/// Seals the shares for a holder: `enc[32] ‖ ciphertext`. `None` if its key is unusable.
pub(super) fn seal(key: &[u8; 32], context: &Context<'_>, shares: &[u8], entropy: &[u8; 32]) -> Option<Vec<u8>> {
    let public = <Kem as hpke::Kem>::PublicKey::from_bytes(key).ok()?;
    let mut rng = OneDraw(Some(*entropy));
    let (mode, info) = (OpModeS::Base, context.info());
    let (enc, ciphertext) = hpke::single_shot_seal_with_rng::<ChaCha20Poly1305, HkdfSha256, Kem>(
        &mode,
        &public,
        &info,
        shares,
        &[],
        &mut rng,
    )
    .ok()?;
    Some([&enc.to_bytes()[..], &ciphertext].concat())
}

/// Opens what [`seal`] made. `None` if it was not made for this key and context, or was changed.
pub(super) fn open(secret: &[u8; 32], context: &Context<'_>, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
    let (enc, ciphertext) = sealed.split_at_checked(32)?;
    let secret = <Kem as hpke::Kem>::PrivateKey::from_bytes(secret).ok()?;
    let enc = <Kem as hpke::Kem>::EncappedKey::from_bytes(enc).ok()?;
    let (mode, info) = (OpModeR::Base, context.info());
    let opened =
        hpke::single_shot_open::<ChaCha20Poly1305, HkdfSha256, Kem>(&mode, &secret, &enc, &info, ciphertext, &[]);
    opened.ok().map(Zeroizing::new)
}
