//! Batch proofs that one secret connects two bases and two lists of elements: RFC 9497 §2.2.

use curve25519_dalek::{
    ristretto::RistrettoPoint,
    scalar::Scalar,
    traits::{Identity, VartimeMultiscalarMul},
};
use sha2::{Digest, Sha512};
use zeroize::Zeroize;

use super::group::{CONTEXT, ELEMENT_BYTES, Element, hash_to_scalar, length};

/// Bytes of a proof: the challenge, then the response.
pub const PROOF_BYTES: usize = 64;

/// Proves that `elements[j] = secret · blinded[j]` for all j, where `share = secret · G`. `nonce` is a fresh random scalar.
pub(super) fn prove(
    secret: &Scalar,
    share: &Element,
    blinded: &[Element],
    elements: &[Element],
    nonce: &Scalar,
) -> [u8; PROOF_BYTES] {
    let weights = weights(share, blinded, elements);
    // The holder knows the secret: the second composite is a product of the first (ComputeCompositesFast).
    let m = combine(&weights, blinded);
    let z = secret * m;
    let challenge = challenge(share, [&m, &z, &RistrettoPoint::mul_base(nonce), &(nonce * m)]);
    let mut masked = challenge * secret;
    let response = nonce - masked;
    masked.zeroize();
    let mut proof = [0; PROOF_BYTES];
    proof[..32].copy_from_slice(challenge.as_bytes());
    proof[32..].copy_from_slice(response.as_bytes());
    proof
}

/// Whether a proof holds. Everything in it is public, so its time may depend on it.
pub(super) fn verify(share: &Element, blinded: &[Element], elements: &[Element], proof: &[u8; PROOF_BYTES]) -> bool {
    let scalar = |bytes: &[u8]| -> Option<Scalar> {
        // Half a proof has 32 bytes.
        Scalar::from_canonical_bytes(bytes.try_into().ok()?).into_option()
    };
    let (Some(claimed), Some(response)) = (scalar(&proof[..32]), scalar(&proof[32..])) else { return false };
    let weights = weights(share, blinded, elements);
    let (m, z) = (combine(&weights, blinded), combine(&weights, elements));
    let t2 = RistrettoPoint::vartime_double_scalar_mul_basepoint(&claimed, share.point(), &response);
    let t3 = RistrettoPoint::vartime_multiscalar_mul([response, claimed], [m, z]);
    claimed == challenge(share, [&m, &z, &t2, &t3])
}

/// The weights of the composites: `ComputeComposites`.
fn weights(share: &Element, blinded: &[Element], elements: &[Element]) -> Vec<Scalar> {
    let tag = [b"Seed-", CONTEXT].concat();
    let mut seed = Sha512::new();
    for part in [&share.bytes()[..], &tag] {
        seed.update(length(part));
        seed.update(part);
    }
    let seed: [u8; 64] = seed.finalize().into();
    let (seed_length, element_length) = (length(&seed), (ELEMENT_BYTES as u16).to_be_bytes());
    let weight = |(index, (blinded, element)): (usize, (&Element, &Element))| {
        // A batch has at most 256 elements.
        let index = (index as u16).to_be_bytes();
        let pair: [&[u8]; 4] = [&element_length, blinded.bytes(), &element_length, element.bytes()];
        hash_to_scalar(&[&seed_length, &seed, &index, pair[0], pair[1], pair[2], pair[3], b"Composite"])
    };
    blinded.iter().zip(elements).enumerate().map(weight).collect()
}

fn combine(weights: &[Scalar], elements: &[Element]) -> RistrettoPoint {
    match (weights, elements) {
        ([], _) => RistrettoPoint::identity(),
        ([weight], [element]) => weight * element.point(),
        _ => RistrettoPoint::vartime_multiscalar_mul(weights, elements.iter().map(Element::point)),
    }
}

fn challenge(share: &Element, composites: [&RistrettoPoint; 4]) -> Scalar {
    let element_length = (ELEMENT_BYTES as u16).to_be_bytes();
    let encoded = composites.map(|point| point.compress().0);
    let mut parts: Vec<&[u8]> = vec![&element_length, share.bytes()];
    for bytes in &encoded {
        parts.extend([&element_length[..], bytes]);
    }
    parts.push(b"Challenge");
    hash_to_scalar(&parts)
}
