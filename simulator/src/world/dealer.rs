//! Shared keys with their secrets in one place. Only a simulation may have that: the whole key is what results are held against.
//!
//! The key of the first charter comes from a dealer; every later one from a ceremony of the holders (`rotation`).

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

/// A key, its public side and the whole of it.
pub struct Whole {
    /// As the charter has it.
    pub token_key: TokenKey,
    /// The public side, read.
    pub public: ThresholdKey,
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

/// Deals a key of a class and epoch to these members, so many of whom must answer, and the shares of holder 1 to n. `None` if so
/// many cannot share one.
pub fn deal(
    class: Class,
    epoch: u16,
    threshold: u8,
    members: Vec<MemberNumber>,
    random: &mut Random,
) -> Option<(Whole, Vec<KeyShare>)> {
    let holders = u8::try_from(members.len()).ok()?;
    let polynomial: Vec<Scalar> = (0..threshold).map(|_| Scalar::from_bytes_mod_order_wide(&wide(random))).collect();
    let at = |x: u8| polynomial.iter().rev().fold(Scalar::ZERO, |sum, c| sum * Scalar::from(x) + c);
    let shares: Vec<KeyShare> = (1..=holders).filter_map(|x| KeyShare::read(x, at(x).as_bytes())).collect();
    let group = (RISTRETTO_BASEPOINT_TABLE * &at(0)).compress().0;
    let public_keys: Vec<[u8; 32]> =
        std::iter::once(group).chain(shares.iter().map(|share| *share.public().bytes())).collect();
    let token_key =
        TokenKey { class, epoch, suite: Suite::Threshold, threshold, holders, public_keys, members, retired: None };
    Some((Whole::of(token_key, &shares)?, shares))
}

impl Whole {
    /// The whole key from the shares of all its holders. `None` if they are not the shares of this key.
    pub fn of(token_key: TokenKey, shares: &[KeyShare]) -> Option<Whole> {
        let public = ThresholdKey::read(token_key.threshold, &token_key.public_keys).ok()?;
        let published = token_key.public_keys.get(1..)?;
        if shares.len() != published.len() || !shares.iter().zip(published).all(|(s, p)| s.public().bytes() == p) {
            return None;
        }
        let some = &shares[..usize::from(token_key.threshold).min(shares.len())];
        let secret = at_zero(some)?;
        let group = (RISTRETTO_BASEPOINT_TABLE * &secret).compress().0;
        if token_key.public_keys.first() != Some(&group) {
            return None;
        }
        let whole = (ThresholdKey::read(1, &[group, group]).ok()?, KeyShare::read(1, secret.as_bytes())?);
        Some(Whole { token_key, public, whole })
    }

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

/// The value at 0 of the polynomial through these shares (Lagrange).
fn at_zero(shares: &[KeyShare]) -> Option<Scalar> {
    let number = |share: &KeyShare| Scalar::from(share.holder());
    shares.iter().try_fold(Scalar::ZERO, |sum, share| {
        let others = shares.iter().filter(|other| other.holder() != share.holder());
        let weight =
            others.fold(Scalar::ONE, |all, other| all * number(other) * (number(other) - number(share)).invert());
        let value: Option<Scalar> = Scalar::from_canonical_bytes(*share.to_bytes()).into();
        Some(sum + weight * value?)
    })
}
