//! The examples of the COSE working group. Ours is a strict profile: all of them are refused, each with its error; what is
//! Ed25519 verifies once the profile is set aside.

use std::collections::BTreeMap;

use coset::TaggedCborSerializable;

use super::*;

const EXAMPLES: &str = include_str!("../../../../tests/vectors/cose/examples.txt");

/// Name, bytes and what was signed.
fn examples() -> BTreeMap<&'static str, (Vec<u8>, Option<Vec<u8>>)> {
    let lines = EXAMPLES.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let parse = |line: &'static str| {
        let mut words = line.split(' ');
        let name = words.next().unwrap();
        let mut bytes = words.map(|word| hex::decode(word).unwrap());
        (name, (bytes.next().unwrap(), bytes.next()))
    };
    lines.map(parse).collect()
}

#[test]
fn every_example_meets_its_refusal() {
    let refusals: BTreeMap<_, _> = examples()
        .iter()
        .map(|(name, (bytes, _))| (*name, Signed::<JoinRequest>::decode(bytes).unwrap_err()))
        .collect();
    // Tagged, or no COSE_Sign1 at all: ours is the bare array of four.
    let envelope = [
        "eddsa-01",
        "eddsa-02",
        "eddsa-sig-01",
        "eddsa-sig-02",
        "sign1-fail-01",
        "sign1-fail-02",
        "sign1-fail-03",
        "sign1-fail-04",
        "sign1-fail-06",
        "sign1-fail-07",
        "sign1-pass-01",
        "sign1-pass-02",
    ];
    let mut expected: BTreeMap<_, _> = envelope.iter().map(|name| (*name, SignatureError::Envelope)).collect();
    // Untagged, but with the key id in the unprotected header.
    expected.insert("sign1-pass-03", SignatureError::UnprotectedHeader);
    assert_eq!(refusals, expected);
}

#[test]
fn without_its_tag_an_example_stumbles_over_the_unprotected_header() {
    for (name, (bytes, _)) in examples() {
        if let Some(untagged) = bytes.strip_prefix(&[0xd2]) {
            // An algorithm that is no number of the registry is not parsed at all.
            let expected = match name {
                "sign1-fail-03" => SignatureError::Envelope,
                _ => SignatureError::UnprotectedHeader,
            };
            assert_eq!(Signed::<JoinRequest>::decode(untagged), Err(expected), "{name}");
        }
    }
}

#[test]
fn what_is_signed_with_ed25519_verifies() {
    let examples = examples();
    let (bytes, signed) = &examples["eddsa-sig-01"];
    let cose = CoseSign1::from_tagged_slice(bytes).unwrap();
    assert_eq!(Some(cose.tbs_data(&[])), *signed, "the Sig_structure of RFC 9052 §4.4");
    // The key of the example is test 1 of RFC 8032 §7.1, as is that of member 1 in our own vectors.
    let key = feed_key(1).public();
    assert_eq!(cose.verify_signature(&[], |signature, message| verify_strict(&key, message, signature)), Ok(()));
    assert_eq!(feed_key(1).sign(&cose.tbs_data(&[])).to_vec(), cose.signature, "and we make the same signature");
    assert_eq!(verify_strict(&key, b"something else", &cose.signature), Err(SignatureError::BadSignature));
    // Of Ed448 is no key here, and its signature is not of 64 bytes.
    let other = CoseSign1::from_tagged_slice(&examples["eddsa-sig-02"].0).unwrap();
    assert_eq!(other.signature.len(), 114);
    assert_eq!(verify_strict(&key, &other.tbs_data(&[]), &other.signature), Err(SignatureError::BadSignature));
}
