//! The platform's side: blinding, and what is left when the blinding is off.

use curve25519_dalek::{
    ristretto::{CompressedRistretto, RistrettoPoint},
    scalar::Scalar,
    traits::MultiscalarMul,
};
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{
    BATCH, OprfError,
    group::{Element, double_and_encode, half, hash_to_group, length},
};
use crate::suite::Prf;

/// A batch of inputs with their blinds; wiped when dropped. Only [`Blinded::elements`] may leave the process: they are random.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct Blinded {
    inputs: Vec<Vec<u8>>,
    blinds: Vec<Scalar>,
    #[zeroize(skip)]
    elements: Vec<Element>,
}

/// Blinds inputs. `entropy` holds 64 fresh random bytes for each; they are wiped.
pub fn blind(inputs: Vec<Vec<u8>>, entropy: &mut [[u8; 64]]) -> Result<Blinded, OprfError> {
    let mut blinds = Zeroizing::new(Vec::with_capacity(entropy.len()));
    for bytes in entropy {
        blinds.push(Scalar::from_bytes_mod_order_wide(bytes));
        bytes.zeroize();
    }
    blind_with(inputs, std::mem::take(&mut *blinds))
}

pub(super) fn blind_with(inputs: Vec<Vec<u8>>, blinds: Vec<Scalar>) -> Result<Blinded, OprfError> {
    let mut blinded = Blinded { inputs, blinds, elements: Vec::new() };
    let count = blinded.inputs.len();
    if count == 0 || count > BATCH {
        return Err(OprfError::BatchSize(count));
    }
    if blinded.blinds.len() != count || blinded.blinds.contains(&Scalar::ZERO) {
        return Err(OprfError::Entropy);
    }
    let half = half();
    let mut halves = Zeroizing::new(Vec::with_capacity(count));
    for (input, blind) in blinded.inputs.iter().zip(&blinded.blinds) {
        halves.push(blind * half * hash_to_group(input));
    }
    blinded.elements = Element::double_all(&halves);
    Ok(blinded)
}

impl Blinded {
    /// What the holders get.
    pub fn elements(&self) -> &[Element] {
        &self.elements
    }

    /// Appends random elements, which no holder can tell from blinded ones and whose evaluations are thrown away. `entropy`
    /// holds 64 fresh random bytes for each.
    pub fn pad(&mut self, entropy: &[[u8; 64]]) -> Result<(), OprfError> {
        let count = self.elements.len() + entropy.len();
        if count > BATCH {
            return Err(OprfError::BatchSize(count));
        }
        let halves: Vec<RistrettoPoint> = entropy.iter().map(RistrettoPoint::from_uniform_bytes).collect();
        self.elements.extend(Element::double_all(&halves));
        Ok(())
    }

    /// The PRF values: `weighted` holds, for each of t holders, its Lagrange weight and its evaluated elements.
    pub(super) fn finalize(&self, weighted: &[(Scalar, &[Element])]) -> Vec<Prf> {
        let mut unblind = Zeroizing::new(self.blinds.clone());
        // The blinds are not zero, so their inverses exist.
        Scalar::invert_batch_alloc(&mut unblind);
        let half = half();
        let mut halves = Zeroizing::new(Vec::with_capacity(self.inputs.len()));
        for (index, unblind) in unblind.iter().enumerate() {
            // In constant time: the inverse of the blind is a secret.
            let scalars =
                Zeroizing::new(weighted.iter().map(|(weight, _)| unblind * half * weight).collect::<Vec<_>>());
            let points = weighted.iter().map(|(_, elements)| elements[index].point());
            halves.push(RistrettoPoint::multiscalar_mul(scalars.iter(), points));
        }
        let outputs = double_and_encode(&halves);
        let finish = |(input, element): (&Vec<u8>, &CompressedRistretto)| {
            let mut hash = Sha512::new();
            for part in [&input[..], element.as_bytes()] {
                hash.update(length(part));
                hash.update(part);
            }
            hash.update(b"Finalize");
            Prf(hash.finalize().into())
        };
        self.inputs.iter().zip(outputs.iter()).map(finish).collect()
    }
}
