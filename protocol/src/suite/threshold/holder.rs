//! The key holder's side: one share, evaluations with proofs.

use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use super::{
    BATCH, OprfError, PROOF_BYTES, dleq,
    group::{ELEMENT_BYTES, Element, half},
};

/// A holder's share of one key. Wiped when dropped; shows nothing of itself.
#[derive(Zeroize, ZeroizeOnDrop)]
pub struct KeyShare {
    #[zeroize(skip)]
    holder: u8,
    secret: Scalar,
    #[zeroize(skip)]
    public: Element,
}

/// A holder's answer to one batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// Who.
    pub holder: u8,
    /// The evaluated elements, in the order of the blinded ones.
    pub elements: Vec<[u8; ELEMENT_BYTES]>,
    /// That the public share's secret made all of them: RFC 9497 §2.2.
    pub proof: [u8; PROOF_BYTES],
}

impl KeyShare {
    /// The share of holder `holder` (1 to n) from its 32 bytes. `None` if they are no scalar or zero.
    pub fn read(holder: u8, secret: &[u8; 32]) -> Option<KeyShare> {
        let secret = Scalar::from_canonical_bytes(*secret).into_option().filter(|secret| *secret != Scalar::ZERO)?;
        (holder > 0).then(|| KeyShare { holder, secret, public: RistrettoPoint::mul_base(&secret).into() })
    }

    /// Its secret scalar: for a refresh, which makes the next share of it.
    pub fn to_bytes(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.secret.to_bytes())
    }

    /// Whose share it is.
    pub fn holder(&self) -> u8 {
        self.holder
    }

    /// Its public share, as the charter has it.
    pub fn public(&self) -> &Element {
        &self.public
    }

    /// Evaluates a batch of blinded elements, as [`Element::read_all`] gives them. `entropy` is 64 fresh random bytes: with the
    /// same ones for two batches the proofs would give the share away, as would these bytes beside the published proof. They
    /// are taken by reference, so that no copy is left behind, and are zero afterwards.
    ///
    /// # Errors
    /// [`OprfError::BatchSize`] and [`OprfError::Entropy`]; the bytes are wiped all the same.
    pub fn evaluate(&self, blinded: &[Element], entropy: &mut [u8; 64]) -> Result<Evaluation, OprfError> {
        let mut nonce = Scalar::from_bytes_mod_order_wide(entropy);
        entropy.zeroize();
        if blinded.is_empty() || blinded.len() > BATCH {
            nonce.zeroize();
            return Err(OprfError::BatchSize(blinded.len()));
        }
        if nonce == Scalar::ZERO {
            return Err(OprfError::Entropy);
        }
        let evaluation = self.evaluate_with(blinded, &nonce);
        nonce.zeroize();
        Ok(evaluation)
    }

    pub(super) fn evaluate_with(&self, blinded: &[Element], nonce: &Scalar) -> Evaluation {
        let mut halved = self.secret * half();
        let halves: Vec<RistrettoPoint> = blinded.iter().map(|element| halved * element.point()).collect();
        halved.zeroize();
        let elements = Element::double_all(&halves);
        let proof = dleq::prove(&self.secret, &self.public, blinded, &elements, nonce);
        Evaluation { holder: self.holder, elements: elements.iter().map(|element| *element.bytes()).collect(), proof }
    }
}
