//! Envelopes: what is taken, what is not, and which keys may be admitted.

mod cose_examples;
mod wycheproof;

use super::*;
use crate::{
    feed::BatchHeader,
    fixtures::{Key, feed, feed_key, genesis, identity_key, join_request, mixed_order_key},
    join::JoinRequest,
};

#[test]
fn what_was_signed_arrives_whole() {
    let signed = feed().first;
    let arrived = Signed::<BatchHeader>::decode(signed.envelope()).unwrap();
    assert_eq!(arrived, signed);
    assert_eq!(arrived.id(), object_id(&signed.payload().encode()));
    assert_eq!(arrived.key(), feed_key(1).public());
    let verified = arrived.into_verified();
    assert_eq!((verified.payload(), verified.id()), (signed.payload(), signed.id()));
}

#[test]
fn the_id_is_of_the_payload_and_never_of_the_signature() {
    let request = join_request();
    let (one, other) = (sign(&request, &Key::of("one")), sign(&request, &Key::of("other")));
    assert_eq!(one.id(), other.id());
    assert_ne!(one.envelope(), other.envelope());
}

#[test]
fn one_object_is_not_taken_for_another() {
    let header = feed().first;
    assert_eq!(Signed::<JoinRequest>::decode(header.envelope()), Err(SignatureError::ProtectedHeader));
}

#[test]
fn every_flipped_bit_is_noticed() {
    let envelope = feed().first.envelope().to_vec();
    for at in 0..envelope.len() {
        let mut flipped = envelope.clone();
        flipped[at] ^= 1;
        assert!(Signed::<BatchHeader>::decode(&flipped).is_err(), "byte {at}");
    }
    let last = envelope.len() - 1;
    let mut flipped = envelope.clone();
    flipped[last] ^= 0x80;
    assert_eq!(Signed::<BatchHeader>::decode(&flipped), Err(SignatureError::BadSignature));
    assert_eq!(Signed::<BatchHeader>::decode(&envelope[..last]), Err(SignatureError::Envelope));
    let long = vec![0; <BatchHeader as Wire>::MAX_BYTES + 513];
    assert_eq!(Signed::<BatchHeader>::decode(&long), Err(SignatureError::Decode(DecodeError::TooLarge)));
}

#[test]
fn detached_signatures_belong_to_their_payload_and_type() {
    const TYPE: &str = "application/antibrush-charter+cbor";
    let (payload, key) = (genesis().encode(), Key::of("steward"));
    let signature = sign_detached(TYPE, &payload, &key);
    assert_eq!(verify_detached(TYPE, &payload, &signature), Ok(key.public()));
    assert_eq!(verify_detached(TYPE, &payload[1..], &signature), Err(SignatureError::BadSignature));
    assert_eq!(verify_detached("text/plain", &payload, &signature), Err(SignatureError::ProtectedHeader));
    assert_eq!(verify_detached(TYPE, &payload, &[0; 513]), Err(SignatureError::Decode(DecodeError::TooLarge)));
    assert_eq!(verify_detached(TYPE, &payload, &[]), Err(SignatureError::Envelope));
    // The payload is detached in the one and inside in the other.
    let attached = sign(&join_request(), &key);
    let content_type = JoinRequest::CONTENT_TYPE;
    assert_eq!(
        verify_detached(content_type, &join_request().encode(), attached.envelope()),
        Err(SignatureError::Payload)
    );
    let detached = sign_detached(content_type, &join_request().encode(), &key);
    assert_eq!(Signed::<JoinRequest>::decode(&detached), Err(SignatureError::Payload));
}

/// An envelope with a protected header of our choice.
fn envelope(header: Header, unprotected: Header, signature: impl FnOnce(&[u8]) -> Vec<u8>) -> Vec<u8> {
    let cose = CoseSign1Builder::new().protected(header).unprotected(unprotected).payload(join_request().encode());
    cose.create_signature(&[], signature).build().to_vec().unwrap()
}

#[test]
fn the_headers_are_exactly_the_documented_ones() {
    let key = Key::of("member");
    let decode = |protected: Header, unprotected: Header| {
        Signed::<JoinRequest>::decode(&envelope(protected, unprotected, |message| key.sign(message).to_vec())).err()
    };
    let good = || protected_header(JoinRequest::CONTENT_TYPE, &key.public());
    assert_eq!(decode(good(), Header::default()), None);
    assert_eq!(decode(good(), good()), Some(SignatureError::UnprotectedHeader));
    let wrong = [
        Header { alg: None, ..good() },
        Header { alg: Some(coset::RegisteredLabelWithPrivate::Assigned(iana::Algorithm::ES256)), ..good() },
        Header { key_id: Vec::new(), ..good() },
        Header { key_id: key.public()[..31].to_vec(), ..good() },
        Header { content_type: None, ..good() },
        Header { iv: vec![0; 12], ..good() },
        Header::default(),
    ];
    for header in wrong {
        assert_eq!(decode(header, Header::default()), Some(SignatureError::ProtectedHeader));
    }
}

#[test]
fn a_key_of_small_order_signs_nothing() {
    // Under the identity, (R, s) = (identity, 0) satisfies the cofactored equation for every message.
    let mut signature = vec![0; 64];
    signature[0] = 1;
    let header = protected_header(JoinRequest::CONTENT_TYPE, &identity_key());
    let forged = envelope(header, Header::default(), |_| signature);
    assert_eq!(Signed::<JoinRequest>::decode(&forged), Err(SignatureError::BadSignature));
}

#[test]
fn only_keys_of_the_prime_order_group_are_admitted() {
    for name in ["a", "b", "c"] {
        assert!(is_admissible(&Key::of(name).public()));
    }
    assert!(!is_admissible(&identity_key()));
    assert!(!is_admissible(&mixed_order_key()));
    for torsion in curve25519_dalek::constants::EIGHT_TORSION {
        assert!(!is_admissible(&torsion.compress().to_bytes()));
    }
    assert!(!is_admissible(&[0xff; 32]), "no point at all");
    // The library alone would take the mixed-order key: it is a point and not weak.
    assert!(VerifyingKey::from_bytes(&mixed_order_key()).is_ok_and(|key| !key.is_weak()));
}
