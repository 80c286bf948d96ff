//! The public side of a shared key, and the check of holders' answers against it.

use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar, traits::VartimeMultiscalarMul};

use super::{Blinded, Evaluation, OprfError, dleq, group::Element};
use crate::suite::Prf;

/// The public keys of one class and epoch: the whole key's and each holder's share.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ThresholdKey {
    threshold: u8,
    group: Element,
    shares: Vec<Element>,
}

/// An answer whose proof holds, for the batch that it answers.
#[derive(Clone, Debug)]
pub struct Checked {
    holder: u8,
    blinded: Vec<[u8; 32]>,
    elements: Vec<Element>,
}

impl Checked {
    /// Whose answer it is.
    pub fn holder(&self) -> u8 {
        self.holder
    }
}

impl ThresholdKey {
    /// Reads the public keys of a charter: the whole key's first, then one a holder, in order. Refused unless all of them lie
    /// on one polynomial whose degree is `threshold − 1`: with a higher one different holders would give different tokens,
    /// with a lower one fewer holders than the charter says could use the key.
    pub fn read(threshold: u8, public_keys: &[[u8; 32]]) -> Result<ThresholdKey, OprfError> {
        let (group, shares) = public_keys.split_first().ok_or(OprfError::Inconsistent)?;
        let need = usize::from(threshold);
        if need == 0 || need > shares.len() || shares.len() > usize::from(u8::MAX) {
            return Err(OprfError::Inconsistent);
        }
        let read = |bytes: &[u8; 32]| Element::read(bytes, 0).map_err(|_| OprfError::Inconsistent);
        let (group, shares) = (read(group)?, shares.iter().map(read).collect::<Result<Vec<_>, _>>()?);
        // The polynomial through the first shares, at a point.
        let through = |count: u8, x: u8| {
            let first: Vec<u8> = (1..=count).collect();
            let weights = first.iter().map(|holder| lagrange(*holder, &first, x));
            RistrettoPoint::vartime_multiscalar_mul(weights, shares[..first.len()].iter().map(Element::point))
        };
        let fits = through(threshold, 0) == *group.point();
        let lower = threshold > 1 && through(threshold - 1, 0) == *group.point();
        let mut rest = shares.iter().zip(1u8..=u8::MAX).skip(need);
        if fits && !lower && rest.all(|(share, x)| through(threshold, x) == *share.point()) {
            Ok(ThresholdKey { threshold, group, shares })
        } else {
            Err(OprfError::Inconsistent)
        }
    }

    /// How many holders must answer.
    pub fn threshold(&self) -> usize {
        usize::from(self.threshold)
    }

    /// How many hold a share.
    pub fn holders(&self) -> usize {
        self.shares.len()
    }

    /// The whole key's public key.
    pub fn group(&self) -> &Element {
        &self.group
    }

    /// Checks a holder's answer to these blinded elements.
    pub fn check(&self, blinded: &[Element], answer: &Evaluation) -> Result<Checked, OprfError> {
        let holder = answer.holder;
        let share = usize::from(holder).checked_sub(1).and_then(|place| self.shares.get(place));
        let share = share.ok_or(OprfError::NoSuchHolder { holder })?;
        if answer.elements.len() != blinded.len() {
            return Err(OprfError::Count { holder, expected: blinded.len(), found: answer.elements.len() });
        }
        // What a holder sends in place of an element is as wrong as an element without a proof.
        let elements = Element::read_all(&answer.elements).map_err(|_| OprfError::Proof { holder })?;
        if !dleq::verify(share, blinded, &elements, &answer.proof) {
            return Err(OprfError::Proof { holder });
        }
        Ok(Checked { holder, blinded: blinded.iter().map(|element| *element.bytes()).collect(), elements })
    }

    /// Combines the answers of any t holders and takes the blinding off: one PRF value an input, in the order of the inputs.
    /// More answers than t are of no use and left out.
    pub fn finalize(&self, blinded: &Blinded, answers: &[Checked]) -> Result<Vec<Prf>, OprfError> {
        let need = self.threshold();
        let mut used: Vec<&Checked> = Vec::with_capacity(need);
        for answer in answers {
            let holder = answer.holder;
            if used.iter().any(|other| other.holder == holder) {
                return Err(OprfError::Duplicate { holder });
            }
            if !answer.blinded.iter().eq(blinded.elements().iter().map(Element::bytes)) {
                return Err(OprfError::OtherRequest { holder });
            }
            if used.len() < need {
                used.push(answer);
            }
        }
        if used.len() < need {
            return Err(OprfError::TooFew { have: used.len(), need });
        }
        let holders: Vec<u8> = used.iter().map(|answer| answer.holder).collect();
        let weighted: Vec<(Scalar, &[Element])> =
            used.iter().map(|answer| (lagrange(answer.holder, &holders, 0), &answer.elements[..])).collect();
        Ok(blinded.finalize(&weighted))
    }
}

/// Lagrange's weight of one point among `all` for the value at `x`. The numbers of holders are public.
fn lagrange(one: u8, all: &[u8], x: u8) -> Scalar {
    let (one, x) = (Scalar::from(one), Scalar::from(x));
    let (mut above, mut below) = (Scalar::ONE, Scalar::ONE);
    for other in all.iter().map(|other| Scalar::from(*other)).filter(|other| *other != one) {
        above *= x - other;
        below *= one - other;
    }
    above * below.invert()
}
