//! A dealer that makes a shared key. Only a simulation may have one: whoever deals knows the whole key, and here that is what
//! results are held against.

use antibrush_protocol::{
    base::MemberNumber,
    charter::TokenKey,
    subject::Class,
    suite::{
        Suite,
        threshold::{Blinded, KeyShare, OprfError, ThresholdKey},
    },
};
use curve25519_dalek::{constants::RISTRETTO_BASEPOINT_TABLE, scalar::Scalar};

use crate::random::Random;

/// A key, its shares and its public side.
pub struct Dealt {
    /// As the charter has it.
    pub token_key: TokenKey,
    /// The public side, read.
    pub public: ThresholdKey,
    /// The shares of holder 1 to n.
    pub shares: Vec<KeyShare>,
    /// The whole key as a key of one holder.
    whole: (ThresholdKey, KeyShare),
}

/// 64 bytes of a stream.
pub fn wide(random: &mut Random) -> [u8; 64] {
    let mut bytes = [0; 64];
    for part in bytes.chunks_exact_mut(8) {
        part.copy_from_slice(&random.next().to_le_bytes());
    }
    bytes
}

/// Deals a key of a class and epoch to these members, so many of whom must answer. `None` if so many cannot share one.
pub fn deal(class: Class, epoch: u16, threshold: u8, members: Vec<MemberNumber>, random: &mut Random) -> Option<Dealt> {
    let holders = u8::try_from(members.len()).ok()?;
    let polynomial: Vec<Scalar> = (0..threshold).map(|_| Scalar::from_bytes_mod_order_wide(&wide(random))).collect();
    let at = |x: u8| polynomial.iter().rev().fold(Scalar::ZERO, |sum, c| sum * Scalar::from(x) + c);
    let shares: Vec<KeyShare> = (1..=holders).filter_map(|x| KeyShare::read(x, at(x).as_bytes())).collect();
    let secret = at(0);
    let group = (RISTRETTO_BASEPOINT_TABLE * &secret).compress().0;
    let public_keys: Vec<[u8; 32]> =
        std::iter::once(group).chain(shares.iter().map(|share| *share.public().bytes())).collect();
    let public = ThresholdKey::read(threshold, &public_keys).ok()?;
    let whole = (ThresholdKey::read(1, &[group, group]).ok()?, KeyShare::read(1, secret.as_bytes())?);
    let token_key =
        TokenKey { class, epoch, suite: Suite::Threshold, threshold, holders, public_keys, members, retired: None };
    Some(Dealt { token_key, public, shares, whole })
}

impl Dealt {
    /// What the whole key gives, without any holder.
    ///
    /// # Errors
    /// [`OprfError`] of a batch that is none.
    pub fn directly(&self, blinded: &Blinded, random: &mut Random) -> Result<Vec<[u8; 64]>, OprfError> {
        let (key, share) = &self.whole;
        let evaluation = share.evaluate(blinded.elements(), &mut wide(random))?;
        let checked = key.check(blinded.elements(), &evaluation)?;
        Ok(key.finalize(blinded, &[checked])?.iter().map(|prf| prf.0).collect())
    }
}
