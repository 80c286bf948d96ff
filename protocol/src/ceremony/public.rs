//! What every node computes from the commitments alone: whether a package holds, whether a share fits, which keys result.

use curve25519_dalek::{
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
    traits::{Identity, IsIdentity},
};
use sha2::{Digest, Sha512};
use zeroize::Zeroizing;

use super::{Call, Fault, Kind};

/// One holder's commitments for one class: to the coefficients of its polynomial, the constant one first. A refresh's constant
/// is zero and its commitment the identity.
pub(super) struct Commitments(Vec<RistrettoPoint>);

impl Commitments {
    /// Reads the package of the holder of share `number` and checks its proof.
    pub(super) fn read(call: &Call, number: u8, package: &[u8]) -> Result<Commitments, Fault> {
        // CEREMONY-12: as many commitments as the call asks for, each an element other than the identity.
        let length = 32 * call.commitments();
        let (commitments, proof) = package.split_at_checked(length).ok_or(Fault::BadPackage)?;
        let expected = if call.kind == Kind::Refresh { 0 } else { 64 };
        if proof.len() != expected {
            return Err(Fault::BadPackage);
        }
        let mut points = commitments.chunks_exact(32).map(point).collect::<Result<Vec<_>, _>>()?;
        if call.kind == Kind::Refresh {
            // Nobody else's polynomial can be cancelled by one whose value at 0 is fixed: there is nothing to prove.
            points.insert(0, RistrettoPoint::identity());
        } else if !proves(number, &commitments[..32], &points[0], proof)? {
            return Err(Fault::BadProof); // CEREMONY-13
        }
        Ok(Commitments(points))
    }

    /// Whether `share` is the value of the committed polynomial at `number`.
    pub(super) fn fits(&self, number: u8, share: &[u8; 32]) -> bool {
        let share = Scalar::from_canonical_bytes(*share).into_option().map(Zeroizing::new);
        share.is_some_and(|share| RistrettoPoint::mul_base(&share) == self.at(number))
    }

    /// The committed value at a point, by Horner's rule.
    fn at(&self, number: u8) -> RistrettoPoint {
        self.0.iter().rev().fold(RistrettoPoint::identity(), |sum, coefficient| times(number, &sum) + coefficient)
    }
}

/// The public keys of one class, the group key first, from all holders' commitments. A refresh adds to the `present` ones.
/// `None` if one of them is the identity or unreadable.
pub(super) fn keys<'a>(
    commitments: impl Iterator<Item = &'a Commitments>,
    holders: usize,
    present: Option<&[[u8; 32]]>,
) -> Option<Vec<[u8; 32]>> {
    let mut sum = Commitments(Vec::new());
    for one in commitments {
        sum.0.resize(one.0.len(), RistrettoPoint::identity());
        sum.0.iter_mut().zip(&one.0).for_each(|(sum, one)| *sum += one);
    }
    let key = |number: usize| {
        let base = match present {
            Some(present) => CompressedRistretto(*present.get(number)?).decompress()?,
            None => RistrettoPoint::identity(),
        };
        let key = base + sum.at(u8::try_from(number).ok()?);
        (!key.is_identity()).then(|| key.compress().0)
    };
    (0..=holders).map(key).collect()
}

/// The public key of a share. `None` if it is no scalar.
pub(super) fn of_share(share: &[u8; 32]) -> Option<[u8; 32]> {
    let share = Zeroizing::new(Scalar::from_canonical_bytes(*share).into_option()?);
    Some(RistrettoPoint::mul_base(&share).compress().0)
}

fn point(bytes: &[u8]) -> Result<RistrettoPoint, Fault> {
    let point = CompressedRistretto::from_slice(bytes).ok().and_then(|bytes| bytes.decompress());
    point.filter(|point| !point.is_identity()).ok_or(Fault::BadPackage)
}

/// The proof of knowledge `(R, μ)` of the FROST paper, figure 1, step 5: R = μ·G − c·φ₀, with c as frost-ristretto255 hashes
/// it. `Err` if R is no element or μ no scalar.
fn proves(number: u8, encoded: &[u8], constant: &RistrettoPoint, proof: &[u8]) -> Result<bool, Fault> {
    let (r, mu) = proof.split_at(32);
    let nonce = point(r)?;
    let mu = mu.try_into().ok().and_then(|mu| Scalar::from_canonical_bytes(mu).into_option());
    let mu = mu.ok_or(Fault::BadPackage)?;
    let hash = Sha512::new()
        .chain_update(b"FROST-RISTRETTO255-SHA512-v1dkg")
        .chain_update(Scalar::from(number).as_bytes())
        .chain_update(encoded)
        .chain_update(r);
    let challenge = Scalar::from_bytes_mod_order_wide(&hash.finalize().into());
    Ok(nonce == RistrettoPoint::vartime_double_scalar_mul_basepoint(&-challenge, constant, &mu))
}

/// A small multiple: eight doublings instead of 252, because the numbers of shares are small. They are public.
fn times(number: u8, point: &RistrettoPoint) -> RistrettoPoint {
    let significant = u8::BITS - number.leading_zeros();
    (0..significant).rev().fold(RistrettoPoint::identity(), |sum, bit| {
        let double = sum + sum;
        if number >> bit & 1 == 1 { double + point } else { double }
    })
}
