//! Envelopes and chunks.

use antibrush_protocol::{
    encoding::{DecodeError::OutOfRange, Wire},
    feed::{BatchHeader, ChunkError},
    signed::{Payload, SignatureError, Signer},
};
use coset::cbor::value::Value;

use super::*;
use crate::edit::*;

pub fn envelopes() -> Vec<Defect> {
    use SignatureError::*;
    let feed = feed();
    let (header, whole, key) = (feed.first.payload().encode(), feed.first.envelope().to_vec(), feed_key(1));
    let cose = || Tree::parse(&whole);
    let content_type = BatchHeader::CONTENT_TYPE;
    let map = |pairs: Vec<(i64, Value)>| {
        Tree(Value::Map(pairs.into_iter().map(|(k, v)| (Value::from(k), v)).collect())).bytes()
    };
    let kid = || Value::from(key.public().to_vec());
    let with = |protected| raw_envelope(protected, &header, &key);
    let forged = |public: [u8; 32]| {
        let pairs = vec![(1, Value::from(-8)), (3, Value::from(content_type)), (4, Value::from(public.to_vec()))];
        // R the identity, s zero: holds for the identity key and every message where the check is not strict.
        let mut signature = vec![0u8; 64];
        signature[0] = 1;
        cose().put(0, map(pairs)).put(3, signature).bytes()
    };
    let signature = whole[whole.len() - 64..].to_vec();
    let kid_hex = hex::encode(key.public());
    vec![
        defect(
            "cose-unprotected-header",
            "a key id outside the signature",
            cose().put(1, Value::Map(vec![(Value::from(4), kid())])).bytes(),
            UnprotectedHeader,
        ),
        defect(
            "cose-wrong-alg",
            "ES256 in the place of EdDSA",
            with(map(vec![(1, Value::from(-7)), (3, Value::from(content_type)), (4, kid())])),
            ProtectedHeader,
        ),
        defect(
            "cose-extra-protected-label",
            "an initialisation vector",
            with(map(vec![
                (1, Value::from(-8)),
                (3, Value::from(content_type)),
                (4, kid()),
                (5, Value::from(vec![0u8; 12])),
            ])),
            ProtectedHeader,
        ),
        defect(
            "cose-labels-out-of-order",
            "content type before algorithm",
            with(map(vec![(3, Value::from(content_type)), (1, Value::from(-8)), (4, kid())])),
            ProtectedHeader,
        ),
        defect(
            "cose-other-content-type",
            "a header signed as a charter",
            envelope("application/antibrush-charter+cbor", &header, &key),
            ProtectedHeader,
        ),
        defect("cose-empty-protected", "nothing protected", with(Vec::new()), ProtectedHeader),
        defect(
            "cose-key-id-short",
            "31 bytes of key",
            replaced(&whole, &format!("045820{kid_hex}"), &format!("04581f{}", &kid_hex[2..])).to_vec(),
            Envelope,
        ),
        defect("cose-identity-key", "a trivial signature under the identity", forged(identity_key()), BadSignature),
        defect(
            "cose-small-order-key",
            "a trivial signature under a key of order 8",
            forged(small_order_key()),
            BadSignature,
        ),
        defect(
            "cose-oversized",
            "a byte more than a header in its envelope may have",
            vec![0x84; BatchHeader::MAX_BYTES + 513],
            Decode(TOO_LARGE),
        ),
        defect("cose-not-a-point", "a key that is no point", forged([0xff; 32]), BadSignature),
        defect(
            "cose-no-payload",
            "a detached payload where it must be inside",
            cose().put(2, Value::Null).bytes(),
            Payload,
        ),
        defect("cose-signature-short", "63 bytes", cose().put(3, signature[..63].to_vec()).bytes(), BadSignature),
        defect("cose-signature-zero", "64 zero bytes", cose().put(3, vec![0u8; 64]).bytes(), BadSignature),
        defect(
            "cose-signature-not-reduced",
            "s + L in the place of s (RFC 8032 §5.1.7)",
            cose().put(3, unreduced(&signature)).bytes(),
            BadSignature,
        ),
        defect("cose-tagged", "tag 18", joined(&[0xd2], &whole), Envelope),
        defect("cose-trailing-bytes", "one byte after the array", joined(&whole, &[0]), Envelope),
        defect(
            "cose-indefinite-array",
            "an array of indefinite length",
            joined(&joined(&[0x9f], &whole[1..]), &[0xff]),
            Envelope,
        ),
        defect(
            "cose-non-minimal-length",
            "a signature length in two bytes",
            replaced(
                &whole,
                &format!("5840{}", hex::encode(&signature)),
                &format!("590040{}", hex::encode(&signature)),
            ),
            Envelope,
        ),
        defect("cose-not-cose", "a bare payload", header.clone(), Envelope),
        defect(
            "cose-payload-trailing-bytes",
            "one byte after the payload",
            envelope(content_type, &joined(&header, &[0]), &key),
            Decode(TRAILING),
        ),
    ]
}

/// s + L: the same scalar, and another signature where the check of RFC 8032 §5.1.7 is missing.
fn unreduced(signature: &[u8]) -> Vec<u8> {
    let order = hex::decode("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010").expect("hex");
    let mut out = signature.to_vec();
    let mut carry = 0;
    for (byte, add) in out[32..].iter_mut().zip(order) {
        let sum = u16::from(*byte) + u16::from(add) + carry;
        (*byte, carry) = (sum as u8, sum >> 8);
    }
    out
}

pub fn chunks() -> Vec<Defect> {
    let (chunk, erased) = (feed().chunk, erased_chunk());
    let leaf = |leaf, error| ChunkError::Leaf { leaf, error };
    let hashes: Vec<Vec<u8>> = entries().iter().map(|e| joined(&[0x58, 0x20], &leaf_hash(e))).collect();
    let hash = hex::encode(&hashes[2]);
    let mut swapped = hashes.clone();
    swapped.swap(0, 1);
    let first = entries()[0].encode();
    let all = |leaves: &[Vec<u8>]| chunk_at(0, &leaves.concat());
    let spread = |leaf: Vec<u8>| chunk_at(0, &joined(&leaf, &hashes[1..].concat()));
    vec![
        defect("chunk-trailing-bytes", "one byte after the last leaf", joined(&chunk, &[0]), ChunkError::TooLong),
        defect("chunk-truncated", "without its last byte", chunk[..chunk.len() - 1].to_vec(), leaf(4, MALFORMED)),
        defect("chunk-too-many-leaves", "six leaves", all(&[&hashes[..], &hashes[..1]].concat()), ChunkError::Count),
        defect("chunk-too-few-leaves", "four leaves", all(&hashes[..4]), ChunkError::Count),
        defect("chunk-empty", "nothing", Vec::new(), ChunkError::Start(MALFORMED)),
        defect("chunk-no-leaves", "a place alone", all(&[]), ChunkError::Count),
        defect("chunk-without-place", "leaves alone", hashes.concat(), ChunkError::Start(MALFORMED)),
        defect(
            "chunk-place-long",
            "the number of the member in two bytes",
            joined(&[0x82, 0x18, 1, 0], &hashes.concat()),
            ChunkError::Start(DecodeError::NotCanonical),
        ),
        defect(
            "chunk-place-of-three",
            "a place of three numbers",
            joined(&[0x83, 1, 0, 0], &hashes.concat()),
            ChunkError::Start(DecodeError::TooLarge),
        ),
        defect(
            "chunk-other-publisher",
            "the place of another member",
            joined(&[0x82, 2, 0], &hashes.concat()),
            ChunkError::Digest,
        ),
        defect(
            "chunk-other-first-leaf",
            "another first leaf",
            joined(&[0x82, 1, 1], &hashes.concat()),
            ChunkError::Digest,
        ),
        defect(
            "chunk-other-leaf",
            "the hash of another leaf",
            replaced(&erased, &hash, &format!("5820{}", "00".repeat(32))),
            ChunkError::Digest,
        ),
        defect("chunk-leaves-swapped", "the first two leaves in the other order", all(&swapped), ChunkError::Digest),
        defect(
            "chunk-leaf-changed",
            "a listing with another token",
            replaced(&chunk, &hex::encode(token(1).0), &hex::encode(token(9).0)),
            ChunkError::Digest,
        ),
        defect(
            "chunk-erased-hash-short",
            "a hash of 31 bytes",
            replaced(&erased, &hash, &format!("581f{}", "00".repeat(31))),
            leaf(2, MALFORMED),
        ),
        defect(
            "chunk-erased-hash-long-head",
            "a hash behind a head of three bytes",
            spread(joined(&[0x59, 0, 0x20], &hashes[0][2..])),
            leaf(0, NOT_CANONICAL),
        ),
        defect(
            "chunk-leaf-not-canonical",
            "kind 1 in two bytes",
            spread(replaced(&first, "0001", "001801")),
            leaf(0, NOT_CANONICAL),
        ),
        defect(
            "chunk-leaf-unknown-kind",
            "kind 9",
            spread(replaced(&first, "0001", "0009")),
            leaf(0, OutOfRange("kind")),
        ),
        defect("chunk-leaf-number", "a number in the place of a leaf", spread(vec![0]), leaf(0, MALFORMED)),
    ]
}
