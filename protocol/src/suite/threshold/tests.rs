//! Against RFC 9497's own numbers, against another implementation, and against holders that lie.

use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar};
use serde_json::Value;
use sha2::{Digest, Sha512};

use super::{client::blind_with, *};
use crate::suite::Prf;

/// Appendix A.1.2: OPRF(ristretto255, SHA-512) in VOPRF mode.
fn published() -> Value {
    serde_json::from_str(include_str!("../../../../tests/vectors/oprf/rfc9497_a_1_2.json")).unwrap()
}

fn bytes<const N: usize>(value: &Value) -> [u8; N] {
    hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

fn scalar(bytes: [u8; 32]) -> Scalar {
    Scalar::from_canonical_bytes(bytes).unwrap()
}

/// Numbers that look random and are the same every time.
fn wide(label: &str, number: u64) -> [u8; 64] {
    Sha512::new().chain_update(label).chain_update(number.to_le_bytes()).finalize().into()
}

/// A key shared t-of-n by a dealer, as only tests may have one: its shares and public keys.
fn deal(secret: Scalar, threshold: u8, holders: u8) -> (Vec<KeyShare>, Vec<[u8; 32]>) {
    let coefficient = |number: u8| Scalar::from_bytes_mod_order_wide(&wide("coefficient", number.into()));
    let polynomial: Vec<Scalar> = std::iter::once(secret).chain((1..threshold).map(coefficient)).collect();
    let at = |x: u8| polynomial.iter().rev().fold(Scalar::ZERO, |sum, c| sum * Scalar::from(x) + c);
    let shares: Vec<KeyShare> = (1..=holders).map(|x| KeyShare::read(x, at(x).as_bytes()).unwrap()).collect();
    let group = RistrettoPoint::mul_base(&secret).compress().0;
    let public = std::iter::once(group).chain(shares.iter().map(|share| *share.public().bytes())).collect();
    (shares, public)
}

fn wires(elements: &[Element]) -> Vec<[u8; 32]> {
    elements.iter().map(|element| *element.bytes()).collect()
}

fn some_inputs(count: usize) -> Vec<Vec<u8>> {
    (0..count).map(|n| format!("+86138{n:08}").into_bytes()).collect()
}

fn blinded(inputs: Vec<Vec<u8>>) -> Blinded {
    let mut entropy: Vec<[u8; 64]> = (0..inputs.len()).map(|n| wide("blind", n as u64)).collect();
    blind(inputs, &mut entropy).unwrap()
}

fn values(prfs: &[Prf]) -> Vec<[u8; 64]> {
    prfs.iter().map(|prf| prf.0).collect()
}

fn refusal(outcome: Result<Vec<Prf>, OprfError>) -> OprfError {
    outcome.err().unwrap()
}

/// All subsets of `size` numbers out of 1 to `of`.
fn subsets(size: usize, of: u8) -> Vec<Vec<u8>> {
    let all = (0u32..1 << of).filter(|bits| bits.count_ones() as usize == size);
    all.map(|bits| (0..of).filter(|place| bits >> place & 1 == 1).map(|place| place + 1).collect()).collect()
}

#[test]
fn rfc_9497_byte_for_byte_with_one_key() {
    let published = published();
    let key = scalar(bytes(&published["secret_key"]));
    let (shares, public) = deal(key, 1, 1);
    assert_eq!(public[0], bytes::<32>(&published["public_key"]));
    let key = ThresholdKey::read(1, &public).unwrap();
    for vector in published["vectors"].as_array().unwrap() {
        let list = |name: &str| vector[name].as_array().unwrap().clone();
        let inputs = list("inputs").iter().map(|text| hex::decode(text.as_str().unwrap()).unwrap()).collect();
        let blinds = list("blinds").iter().map(|blind| scalar(bytes(blind))).collect();
        let blinded = blind_with(inputs, blinds).unwrap();
        assert_eq!(wires(blinded.elements()), list("blinded_elements").iter().map(bytes).collect::<Vec<_>>());
        let nonce = scalar(bytes(&vector["proof_random_scalar"]));
        let answer = shares[0].evaluate_with(blinded.elements(), &nonce);
        assert_eq!(answer.elements, list("evaluation_elements").iter().map(bytes).collect::<Vec<_>>());
        assert_eq!(answer.proof, bytes(&vector["proof"]));
        let checked = key.check(blinded.elements(), &answer).unwrap();
        let outputs = key.finalize(&blinded, &[checked]).unwrap();
        assert_eq!(values(&outputs), list("outputs").iter().map(bytes).collect::<Vec<_>>());
    }
}

#[test]
fn rfc_9497_byte_for_byte_with_every_subset_of_holders() {
    let published = published();
    let secret = scalar(bytes(&published["secret_key"]));
    let vector = &published["vectors"][2];
    let inputs =
        || vector["inputs"].as_array().unwrap().iter().map(|text| hex::decode(text.as_str().unwrap()).unwrap());
    let expected: Vec<[u8; 64]> = vector["outputs"].as_array().unwrap().iter().map(bytes).collect();
    for (threshold, holders) in [(2, 3), (3, 5), (4, 7)] {
        let (shares, public) = deal(secret, threshold, holders);
        let key = ThresholdKey::read(threshold, &public).unwrap();
        let blinded = blinded(inputs().collect());
        let checked: Vec<Checked> = shares
            .iter()
            .map(|share| {
                let answer = share.evaluate(blinded.elements(), &mut wide("nonce", share.holder().into())).unwrap();
                key.check(blinded.elements(), &answer).unwrap()
            })
            .collect();
        for subset in subsets(threshold.into(), holders) {
            let answers: Vec<Checked> = subset.iter().map(|x| checked[usize::from(*x) - 1].clone()).collect();
            assert_eq!(
                values(&key.finalize(&blinded, &answers).unwrap()),
                expected,
                "{threshold} of {holders}: {subset:?}"
            );
            let fewer = refusal(key.finalize(&blinded, &answers[1..]));
            assert_eq!(fewer, OprfError::TooFew { have: answers.len() - 1, need: answers.len() });
        }
        assert_eq!(values(&key.finalize(&blinded, &checked).unwrap()), expected, "more than needed do no harm");
    }
}

/// The `voprf` crate knows the whole key; here it is shared 2 of 3. Ten thousand inputs, and proofs in both directions.
#[test]
fn another_implementation_gives_the_same() {
    use rand_core_06::OsRng;
    use voprf::{BlindedElement, EvaluationElement, Proof, Ristretto255, VoprfClient, VoprfServer};
    let secret = Scalar::from_bytes_mod_order_wide(&wide("secret", 1));
    let (shares, public) = deal(secret, 2, 3);
    let key = ThresholdKey::read(2, &public).unwrap();
    let whole = VoprfServer::<Ristretto255>::new_with_key(secret.as_bytes()).unwrap();
    let third = VoprfServer::<Ristretto255>::new_with_key(&share_bytes(secret, 2, 3)).unwrap();
    for (round, inputs) in some_inputs(10_000).chunks(BATCH).enumerate() {
        let blinded = blinded(inputs.to_vec());
        let wire = wires(blinded.elements());
        let ours = shares[0].evaluate(blinded.elements(), &mut wide("nonce", round as u64)).unwrap();
        // Holder 3 runs the other implementation.
        let theirs: Vec<_> = wire.iter().map(|bytes| BlindedElement::deserialize(bytes).unwrap()).collect();
        let finished = third.batch_blind_evaluate(&mut OsRng, &theirs).unwrap();
        let elements: Vec<EvaluationElement<Ristretto255>> = finished.messages;
        let answer = Evaluation {
            holder: 3,
            elements: elements.iter().map(|element| element.serialize().into()).collect(),
            proof: finished.proof.serialize().as_slice().try_into().unwrap(),
        };
        let checked = [&ours, &answer].map(|answer| key.check(blinded.elements(), answer).unwrap());
        let outputs = key.finalize(&blinded, &checked).unwrap();
        for (input, output) in inputs.iter().zip(&outputs) {
            assert_eq!(whole.evaluate(input).unwrap().as_slice(), output.0, "{round}");
        }
        // And a client of theirs believes our proof, of a batch of one.
        let client = VoprfClient::<Ristretto255>::blind(&inputs[0], &mut OsRng).unwrap();
        let message: [u8; 32] = client.message.serialize().into();
        let (one, _) = deal(secret, 1, 1);
        let single =
            one[0].evaluate(&[Element::read(&message, 0).unwrap()], &mut wide("single", round as u64)).unwrap();
        let element = EvaluationElement::deserialize(&single.elements[0]).unwrap();
        let proof = Proof::deserialize(&single.proof).unwrap();
        let output = client.state.finalize(&inputs[0], &element, &proof, whole.get_public_key()).unwrap();
        assert_eq!(output.as_slice(), outputs[0].0);
    }
}

/// The bytes of a share, to hand to another implementation.
fn share_bytes(secret: Scalar, threshold: u8, holder: u8) -> [u8; 32] {
    let coefficient = |number: u8| Scalar::from_bytes_mod_order_wide(&wide("coefficient", number.into()));
    let polynomial: Vec<Scalar> = std::iter::once(secret).chain((1..threshold).map(coefficient)).collect();
    polynomial.iter().rev().fold(Scalar::ZERO, |sum, c| sum * Scalar::from(holder) + c).to_bytes()
}

#[test]
fn one_flipped_bit_anywhere_is_caught_and_names_the_holder() {
    let (shares, public) = deal(Scalar::from(77u8), 2, 3);
    let key = ThresholdKey::read(2, &public).unwrap();
    let blinded = blinded(some_inputs(2));
    let good = shares[1].evaluate(blinded.elements(), &mut wide("nonce", 1)).unwrap();
    assert!(key.check(blinded.elements(), &good).is_ok());
    let bits = 8 * (2 * ELEMENT_BYTES + PROOF_BYTES);
    for bit in 0..bits {
        let mut bad = good.clone();
        match bit / 8 {
            byte @ 0..64 => bad.elements[byte / 32][byte % 32] ^= 1 << (bit % 8),
            byte => bad.proof[byte - 64] ^= 1 << (bit % 8),
        }
        let error = key.check(blinded.elements(), &bad).unwrap_err();
        assert_eq!((error, error.culprit()), (OprfError::Proof { holder: 2 }, Some(2)), "bit {bit}");
    }
    // Another's answer under this holder's number, and elements in another order.
    let other = Evaluation { holder: 1, ..good.clone() };
    assert_eq!(key.check(blinded.elements(), &other).unwrap_err(), OprfError::Proof { holder: 1 });
    let swapped = Evaluation { elements: vec![good.elements[1], good.elements[0]], ..good.clone() };
    assert_eq!(key.check(blinded.elements(), &swapped).unwrap_err(), OprfError::Proof { holder: 2 });
    let cut = Evaluation { elements: good.elements[..1].to_vec(), ..good.clone() };
    let error = OprfError::Count { holder: 2, expected: 2, found: 1 };
    assert_eq!(key.check(blinded.elements(), &cut).unwrap_err(), error);
    let nobody = Evaluation { holder: 4, ..good };
    assert_eq!(key.check(blinded.elements(), &nobody).unwrap_err(), OprfError::NoSuchHolder { holder: 4 });
}

#[test]
fn answers_count_once_and_for_their_own_batch() {
    let (shares, public) = deal(Scalar::from(77u8), 2, 3);
    let key = ThresholdKey::read(2, &public).unwrap();
    let (first, second) = (blinded(some_inputs(3)), blinded(some_inputs(4)));
    let answer = |share: &KeyShare, blinded: &Blinded| {
        let answer = share.evaluate(blinded.elements(), &mut wide("nonce", blinded.elements().len() as u64)).unwrap();
        key.check(blinded.elements(), &answer).unwrap()
    };
    let (one, again) = (answer(&shares[0], &first), answer(&shares[0], &first));
    assert_eq!(refusal(key.finalize(&first, &[one.clone(), again])), OprfError::Duplicate { holder: 1 });
    let other = answer(&shares[1], &second);
    assert_eq!(refusal(key.finalize(&first, &[one, other])), OprfError::OtherRequest { holder: 2 });
    assert_eq!(refusal(key.finalize(&first, &[])), OprfError::TooFew { have: 0, need: 2 });
}

#[test]
fn holders_refuse_what_is_no_batch_of_elements() {
    let (shares, _) = deal(Scalar::from(77u8), 1, 1);
    let good = *blinded(some_inputs(1)).elements()[0].bytes();
    let evaluate = |batch: &[[u8; 32]]| {
        let elements = Element::read_all(batch)?;
        shares[0].evaluate(&elements, &mut wide("nonce", 1)).map(|answer| answer.elements.len())
    };
    assert_eq!(shares[0].evaluate(&[], &mut wide("nonce", 1)).unwrap_err(), OprfError::BatchSize(0));
    assert_eq!(evaluate(&[good]), Ok(1));
    // What the nonce was made of does not outlive the call, whatever comes of it.
    for elements in [&[Element::read(&good, 0).unwrap()][..], &[]] {
        let mut entropy = wide("nonce", 2);
        let _ = shares[0].evaluate(elements, &mut entropy);
        assert_eq!(entropy, [0; 64]);
    }
    assert_eq!(evaluate(&[]), Err(OprfError::BatchSize(0)));
    assert_eq!(evaluate(&[good; BATCH + 1]), Err(OprfError::BatchSize(257)));
    assert_eq!(evaluate(&[good, [0; 32]]), Err(OprfError::Identity { index: 1 }));
    // RFC 9496 §A.2: non-canonical field elements, negative ones, non-square ones.
    for bad in [
        "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
        "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "0100000000000000000000000000000000000000000000000000000000000000",
        "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
    ] {
        let bad: [u8; 32] = hex::decode(bad).unwrap().try_into().unwrap();
        assert_eq!(evaluate(&[good, good, bad]), Err(OprfError::NotAnElement { index: 2 }));
    }
    assert!(KeyShare::read(0, &[1; 32]).is_none() && KeyShare::read(1, &[0; 32]).is_none());
    assert!(KeyShare::read(1, &[255; 32]).is_none(), "above the order of the group");
}

#[test]
fn public_keys_of_different_polynomials_are_no_key() {
    let (_, good) = deal(Scalar::from(77u8), 3, 5);
    assert!(ThresholdKey::read(3, &good).is_ok());
    for threshold in [2, 4, 5] {
        let error = ThresholdKey::read(threshold, &good).unwrap_err();
        assert_eq!(error, OprfError::Inconsistent, "three holders can use it, not {threshold}");
    }
    let (_, other) = deal(Scalar::from(78u8), 3, 5);
    for place in 0..good.len() {
        let mut mixed = good.clone();
        mixed[place] = other[place];
        assert_eq!(ThresholdKey::read(3, &mixed).unwrap_err(), OprfError::Inconsistent, "{place}");
        mixed[place] = [0; 32];
        assert_eq!(ThresholdKey::read(3, &mixed).unwrap_err(), OprfError::Inconsistent, "identity at {place}");
    }
    for threshold in [0, 6] {
        assert_eq!(ThresholdKey::read(threshold, &good).unwrap_err(), OprfError::Inconsistent);
    }
    assert_eq!(ThresholdKey::read(1, &good[..1]).unwrap_err(), OprfError::Inconsistent);
    assert_eq!(ThresholdKey::read(1, &[]).unwrap_err(), OprfError::Inconsistent);
}

#[test]
fn wrong_use_by_the_platform_is_refused() {
    assert_eq!(blind(Vec::new(), &mut []).err(), Some(OprfError::BatchSize(0)));
    assert_eq!(blind(some_inputs(BATCH + 1), &mut [[1; 64]; BATCH + 1]).err(), Some(OprfError::BatchSize(257)));
    assert_eq!(blind(some_inputs(2), &mut [[1; 64]]).err(), Some(OprfError::Entropy));
    assert_eq!(blind(some_inputs(1), &mut [[0; 64]]).err(), Some(OprfError::Entropy));
    let mut entropy = [wide("blind", 1)];
    assert!(blind(some_inputs(1), &mut entropy).is_ok());
    assert_eq!(entropy, [[0; 64]], "used up");
}
