//! Messages, the join exchange, filters and proofs.

use antibrush_protocol::{
    charter::{CharterError, HeaderRefusal},
    encoding::{DecodeError::*, Wire},
    filter::FilterError,
    join::{InvitationError, JoinAnswer, JoinRefusal, JoinRequest},
    merkle::MerkleError,
    proof::{AbsenceProof, ConsistencyProof, InclusionProof, ProofError},
    signed::{Payload, SignatureError},
    sync::{Announcement, Request, Response},
};
use coset::cbor::value::Value;

use super::*;
use crate::edit::*;

pub fn messages() -> Vec<Defect> {
    let heads = crate::heads();
    let head = |publisher: u64| array([Value::from(publisher), Value::from(0), Value::from(vec![0u8; 32])]);
    let with = |feeds: Value| Tree::of(&heads).put(2, feeds).bytes();
    let ask = |feeds: Value| joined(&[0x82, 0], &with(feeds));
    let chunk = Request::Chunk { digest: [7; 32] }.encode();
    let absent = Response::Absent.encode();
    let announcement = Announcement { number: 2, id: [7; 32] }.encode();
    let blobs = |kind: u8, n: usize| Tree(array([Value::from(kind), array(vec![Value::from(vec![1u8]); n])])).bytes();
    let many = || array(vec![head(1); 6_001]);
    vec![
        defect("heads-out-of-order", "member 2 before member 1", with(array([head(2), head(1)])), NOT_CANONICAL),
        defect("heads-repeated", "two heads of one feed", with(array([head(1), head(1)])), NOT_CANONICAL),
        defect("heads-oversized-array", "6,001 feeds", with(many()), TOO_LARGE),
        defect(
            "heads-short-id",
            "31 bytes",
            with(array([array([Value::from(1), Value::from(0), Value::from(vec![0u8; 31])])])),
            MALFORMED,
        ),
        defect("heads-publisher-17-bits", "member 65536", with(array([head(65_536)])), OutOfRange("publisher")),
        defect(
            "heads-no-clock",
            "three items",
            joined(&[0x83], &heads.encode()[1..heads.encode().len() - 5]),
            MALFORMED,
        ),
        defect("heads-two-items", "no feeds", joined(&[0x82], &heads.encode()[1..36]), MALFORMED),
        defect("heads-trailing-bytes", "one byte after the array", joined(&heads.encode(), &[0]), TRAILING),
        defect("request-unknown-kind", "kind 5", vec![0x82, 5, 0], UnknownKey(5)),
        defect(
            "request-half-post",
            "names of 16 bytes and a byte",
            joined(&[0x82, 4, 0x51], &[0; 17]),
            OutOfRange("board"),
        ),
        defect("request-wrong-length", "headers without a start", vec![0x82, 1, 1], MALFORMED),
        defect("request-too-long-array", "four items", vec![0x84, 1, 1, 1, 1], TOO_LARGE),
        defect("request-oversized-array", "6,001 heads", ask(many()), TOO_LARGE),
        defect("request-heads-repeated", "two heads of one feed", ask(array([head(1), head(1)])), NOT_CANONICAL),
        defect("request-short-digest", "31 bytes", joined(&[0x82, 2, 0x58, 31], &[0; 31]), MALFORMED),
        defect("request-non-minimal-int", "a start in two bytes", vec![0x82, 3, 0x18, 1], NOT_CANONICAL),
        defect("request-indefinite-array", "an array of indefinite length", vec![0x9f, 3, 1, 0xff], NOT_CANONICAL),
        defect(
            "request-publisher-17-bits",
            "member 65536",
            vec![0x83, 1, 0x1a, 0, 1, 0, 0, 0],
            OutOfRange("publisher"),
        ),
        defect("request-empty", "nothing", Vec::new(), MALFORMED),
        defect("request-trailing-bytes", "one byte after the array", joined(&chunk, &[0]), TRAILING),
        defect("response-unknown-kind", "kind 7", vec![0x82, 7, 0], UnknownKey(7)),
        defect("response-too-many-posts", "65 posts", blobs(6, 65), TOO_LARGE),
        defect("response-oversized-array", "65 headers", blobs(1, 65), TOO_LARGE),
        defect("response-too-many-charters", "17 charters", blobs(3, 17), TOO_LARGE),
        defect(
            "response-claimed-length",
            "a chunk that claims 2^63 bytes",
            vec![0x82, 2, 0x5b, 0x80, 0, 0, 0, 0, 0, 0, 0],
            MALFORMED,
        ),
        defect(
            "response-claimed-array",
            "headers that claim 2^63 items",
            vec![0x82, 1, 0x9b, 0x80, 0, 0, 0, 0, 0, 0, 0],
            TOO_LARGE,
        ),
        defect("response-chunk-text", "text in the place of bytes", vec![0x82, 2, 0x61, b'a'], MALFORMED),
        defect(
            "response-retry-33-bits",
            "a pause of 2^32 ms",
            vec![0x82, 5, 0x1b, 0, 0, 0, 1, 0, 0, 0, 0],
            OutOfRange("retry"),
        ),
        defect("response-absent-with-reason", "two items", vec![0x82, 4, 0], MALFORMED),
        defect("response-trailing-bytes", "one byte after the array", joined(&absent, &[0]), TRAILING),
        defect("response-non-minimal-int", "the kind in two bytes", vec![0x81, 0x18, 4], NOT_CANONICAL),
        defect("announcement-short-id", "31 bytes", joined(&[0x82, 2, 0x58, 31], &[0; 31]), MALFORMED),
        defect(
            "announcement-three-items",
            "an item more",
            joined(&[0x83], &joined(&announcement[1..], &[0])),
            TOO_LARGE,
        ),
        defect("announcement-one-item", "no id", vec![0x81, 2], MALFORMED),
        defect("announcement-negative", "version -1", joined(&[0x82, 0x20], &announcement[2..]), MALFORMED),
        defect(
            "announcement-non-minimal-int",
            "2 in two bytes",
            joined(&[0x82, 0x18, 2], &announcement[2..]),
            NOT_CANONICAL,
        ),
        defect("announcement-too-long", "65 bytes", vec![0; 65], TOO_LARGE),
        defect("announcement-trailing-bytes", "one byte after the array", joined(&announcement, &[0]), TRAILING),
    ]
}

pub fn joins() -> Vec<Defect> {
    let (invitation, text) = (invitation(), invitation().to_text());
    let content = |bytes: &[u8]| invitation_text(bytes).into_bytes();
    let tree = || Tree::of(&invitation);
    let wrong = |error| InvitationError::Decode(error);
    let swapped = if text.ends_with('a') { 'b' } else { 'a' };
    let nine = || array(vec![Value::from("/ip4/192.0.2.1/tcp/1"); 9]);
    let request = join_request();
    let asked = |tree: Tree| envelope(JoinRequest::CONTENT_TYPE, &tree.bytes(), &feed_key(5));
    let decode = |error| SignatureError::Decode(error);
    let whole = asked(Tree::of(&request));
    let flipped = joined(&whole[..whole.len() - 1], &[whole[whole.len() - 1] ^ 1]);
    let refused = JoinAnswer::Refused(JoinRefusal::Used).encode();
    vec![
        defect(
            "invitation-checksum",
            "another last character",
            format!("{}{swapped}", &text[..text.len() - 1]).into_bytes(),
            InvitationError::Checksum,
        ),
        defect("invitation-truncated", "half a line", text[..text.len() / 2].into(), InvitationError::Checksum),
        defect("invitation-left-over", "a character more", format!("{text}a").into_bytes(), InvitationError::Checksum),
        defect(
            "invitation-prefix",
            "another prefix",
            text.replacen("antibrush1", "antibrush2", 1).into_bytes(),
            InvitationError::NotAnInvitation,
        ),
        defect(
            "invitation-alphabet",
            "a digit that base32 lacks",
            format!("{text}1").into_bytes(),
            InvitationError::NotAnInvitation,
        ),
        defect("invitation-empty", "nothing", Vec::new(), InvitationError::NotAnInvitation),
        defect("invitation-prefix-alone", "no content", b"antibrush1".to_vec(), InvitationError::Checksum),
        defect("invitation-unknown-version", "version 2", content(&tree().set(0, 2).bytes()), wrong(UnknownVersion(2))),
        defect(
            "invitation-too-many-addresses",
            "nine addresses",
            content(&tree().set(3, nine()).bytes()),
            wrong(TOO_LARGE),
        ),
        defect("invitation-missing-secret", "no key 4", content(&tree().without(4).bytes()), wrong(Missing("secret"))),
        defect("invitation-short-secret", "15 bytes", content(&tree().set(4, vec![0u8; 15]).bytes()), wrong(MALFORMED)),
        defect(
            "invitation-trailing-bytes",
            "one byte after the map",
            content(&joined(&invitation.encode(), &[0])),
            wrong(TRAILING),
        ),
        defect(
            "join-request-short-secret",
            "15 bytes",
            asked(Tree::of(&request).set(1, vec![0u8; 15])),
            decode(MALFORMED),
        ),
        defect(
            "join-request-unknown-version",
            "version 2",
            asked(Tree::of(&request).set(0, 2)),
            decode(UnknownVersion(2)),
        ),
        defect("join-request-unknown-key", "key 11", asked(Tree::of(&request).append(11, 0)), decode(UnknownKey(11))),
        defect(
            "join-request-too-many-addresses",
            "nine addresses",
            asked(Tree::of(&request).set(9, nine())),
            decode(TOO_LARGE),
        ),
        defect(
            "join-request-address-too-long",
            "257 bytes",
            asked(Tree::of(&request).set(9, array([Value::from("a".repeat(257))]))),
            decode(TOO_LARGE),
        ),
        defect("join-request-missing-code", "no key 4", asked(Tree::of(&request).without(4)), decode(Missing("uscc"))),
        defect(
            "join-request-control-character",
            "a bell in the name",
            asked(Tree::of(&request).set(3, "\u{7}")),
            decode(OutOfRange("legal name")),
        ),
        defect("join-request-signature-flipped", "the last bit", flipped, SignatureError::BadSignature),
        defect(
            "join-request-as-header",
            "a batch header in its place",
            feed().first.envelope().to_vec(),
            SignatureError::ProtectedHeader,
        ),
        defect("join-answer-unknown-kind", "kind 3", vec![0x82, 3, 0], UnknownKey(3)),
        defect("join-answer-pending-two-items", "only one number", vec![0x82, 2, 1], MALFORMED),
        defect("join-answer-unknown-refusal", "refusal 10", vec![0x82, 1, 10], OutOfRange("refusal")),
        defect("join-answer-refusal-zero", "refusal 0", vec![0x82, 1, 0], OutOfRange("refusal")),
        defect("join-answer-refusal-three-items", "a refusal with an item more", vec![0x83, 1, 2, 0], MALFORMED),
        defect("join-answer-one-item", "no content", vec![0x81, 0], MALFORMED),
        defect("join-answer-charter-text", "text in the place of bytes", vec![0x83, 0, 1, 0x81, 0x61, b'a'], MALFORMED),
        defect("join-answer-oversized-array", "6,001 charters", vec![0x83, 0, 1, 0x99, 0x17, 0x71], TOO_LARGE),
        defect("join-answer-non-minimal-int", "the refusal in two bytes", vec![0x82, 1, 0x18, 2], NOT_CANONICAL),
        defect("join-answer-trailing-bytes", "one byte after the array", joined(&refused, &[0]), TRAILING),
    ]
}

/// Directories with a second section offer a bitmap to the valid head, or to the one in the first section.
pub fn filters() -> Vec<Defect> {
    let (head, bitmap) = crate::filter();
    let bytes = head.encode();
    let tree = || Tree::parse(&bytes);
    let seed = [head.seed[..16].to_vec(), head.seed[..16].to_vec()].concat();
    let with = |dir, note, head: &[u8], bitmap: Vec<u8>, expected: FilterError| {
        let mut defect = defect(dir, note, head.to_vec(), expected);
        defect.input.push(bitmap);
        defect
    };
    let ones = vec![0xff; bitmap.len()];
    let claims = tree().set(10, antibrush_protocol::signed::object_id(&ones).to_vec()).bytes();
    let filled = antibrush_protocol::filter::FilterHead::decode(&claims)
        .and_then(|head| antibrush_protocol::filter::Filter::open(&head, ones.clone()).map(|_| ()));
    let Err(FilterError::Fill { set, least, most }) = filled else { panic!("all ones must be refused by their fill") };
    assert_eq!(set, head.bits, "every bit is set");
    let mut flipped = bitmap.clone();
    flipped[0] ^= 1;
    let (built, expires) = (head.built.0, head.built.0 + 86_401);
    let short = FilterError::BitmapLength { expected: head.bits / 8, found: head.bits / 8 - 1 };
    let bits = FilterError::BitsMismatch { stated: head.bits + 8, expected: head.bits };
    vec![
        with(
            "filter-all-ones",
            "every bit set: everybody would be a candidate",
            &claims,
            ones,
            FilterError::Fill { set, least, most },
        ),
        with("filter-bitmap-flipped", "one bit", &bytes, flipped, FilterError::DigestMismatch),
        with("filter-bitmap-short", "a byte less", &bytes, bitmap[1..].to_vec(), short),
        defect("filter-unknown-version", "version 2", tree().set(0, 2).bytes(), FilterError::UnknownVersion(2)),
        defect("filter-too-many-hashes", "33 probes", tree().set(8, 33).bytes(), FilterError::HashesOutOfRange(33)),
        defect("filter-no-hashes", "no probes", tree().set(8, 0).bytes(), FilterError::HashesOutOfRange(0)),
        defect(
            "filter-other-hashes",
            "11 probes at 2^-10",
            tree().set(8, 11).bytes(),
            FilterError::HashesMismatch { stated: 11, expected: 10 },
        ),
        defect("filter-other-bits", "a byte more", tree().set(7, head.bits + 8).bytes(), bits),
        defect(
            "filter-too-many-bits",
            "2^34 bits",
            tree().set(7, 1u64 << 34).bytes(),
            FilterError::TooManyBits { bits: 1 << 34 },
        ),
        defect(
            "filter-lifetime",
            "a day and a second",
            tree().set(4, expires).bytes(),
            FilterError::Lifetime { built, expires },
        ),
        defect("filter-exponent", "2^-9", tree().set(5, 9).bytes(), FilterError::FprExponent(9)),
        defect("filter-weak-seed", "two equal halves", tree().set(9, seed).bytes(), FilterError::WeakSeed),
        defect(
            "filter-not-canonical",
            "the number in two bytes",
            replaced(&bytes, "0201", "021801"),
            FilterError::NotCanonical,
        ),
        defect("filter-head-too-long", "257 bytes", vec![0; 257], FilterError::HeadTooLong { bytes: 257 }),
        defect("filter-trailing-bytes", "one byte after the map", joined(&bytes, &[0]), FilterError::Malformed),
    ]
}

pub fn proofs() -> Vec<Defect> {
    use ProofError::*;
    let inclusion = |change: fn(&mut InclusionProof)| {
        let mut proof = inclusion();
        change(&mut proof);
        proof.encode()
    };
    let consistency = |change: fn(&mut ConsistencyProof)| {
        let mut proof = consistency();
        change(&mut proof);
        proof.encode()
    };
    let skipped = CharterError::NotNext { expected: 1, found: 2 };
    let broken = Header(HeaderRefusal::Signature(SignatureError::BadSignature));
    let unknown = Header(HeaderRefusal::UnknownCharter);
    let outside = MerkleError::IndexOutOfRange { index: 8, size: 8 };
    let one = crate::fixtures::inclusion();
    let two = crate::fixtures::consistency();
    let path = array(vec![Value::from(vec![0u8; 32]); 65]);
    vec![
        defect(
            "proof-inclusion-other-root",
            "under the root of the earlier head",
            inclusion(|p| p.header = feed().first.envelope().to_vec()),
            Path(MerkleError::RootMismatch),
        ),
        defect(
            "proof-inclusion-other-leaf",
            "the path of another leaf",
            inclusion(|p| p.leaf = entries()[0].encode()),
            Path(MerkleError::RootMismatch),
        ),
        defect("proof-inclusion-index", "leaf 8 of 8", inclusion(|p| p.index = 8), Path(outside)),
        defect(
            "proof-inclusion-path-short",
            "a hash less",
            inclusion(|p| p.path.truncate(2)),
            Path(MerkleError::ProofTooShort),
        ),
        defect(
            "proof-inclusion-path-long",
            "a hash more",
            inclusion(|p| p.path.push([0; 32])),
            Path(MerkleError::ProofTooLong),
        ),
        defect(
            "proof-inclusion-no-charters",
            "nobody entitles the signer",
            inclusion(|p| p.charters.clear()),
            Decode(Missing("charters")),
        ),
        defect(
            "proof-inclusion-charter-skipped",
            "the chain begins at version 2",
            inclusion(|p| p.charters = p.charters.split_off(1)),
            Charter(skipped),
        ),
        defect(
            "proof-inclusion-unknown-charter",
            "the header's charter is missing",
            inclusion(|p| p.charters.truncate(1)),
            unknown,
        ),
        defect(
            "proof-inclusion-header-flipped",
            "the last bit of the signature",
            inclusion(|p| *p.header.last_mut().expect("bytes") ^= 1),
            broken,
        ),
        defect(
            "proof-inclusion-path-oversized",
            "65 hashes",
            Tree::of(&one).set(5, path.clone()).bytes(),
            Decode(TOO_LARGE),
        ),
        defect(
            "proof-inclusion-leaf-too-large",
            "769 bytes",
            Tree::of(&one).set(4, vec![0u8; 769]).bytes(),
            Decode(TOO_LARGE),
        ),
        defect(
            "proof-inclusion-trailing-bytes",
            "one byte after the map",
            joined(&one.encode(), &[0]),
            Decode(TRAILING),
        ),
        defect(
            "proof-consistency-swapped",
            "the later head first",
            consistency(|p| std::mem::swap(&mut p.earlier, &mut p.later)),
            Heads,
        ),
        defect("proof-consistency-equivocation", "two heads with one number", consistency(|p| p.later = twin()), Heads),
        defect(
            "proof-consistency-other-root",
            "a hash changed",
            consistency(|p| p.path[0][0] ^= 1),
            Path(MerkleError::OldRootMismatch),
        ),
        defect(
            "proof-consistency-path-short",
            "no hashes",
            consistency(|p| p.path.clear()),
            Path(MerkleError::ProofTooShort),
        ),
        defect(
            "proof-consistency-path-long",
            "a hash more",
            consistency(|p| p.path.push([0; 32])),
            Path(MerkleError::ProofTooLong),
        ),
        defect(
            "proof-consistency-header-flipped",
            "the last bit of the signature",
            consistency(|p| *p.later.last_mut().expect("bytes") ^= 1),
            broken,
        ),
        defect(
            "proof-consistency-unknown-version",
            "version 2",
            Tree::of(&two).set(0, 2).bytes(),
            Decode(UnknownVersion(2)),
        ),
        defect(
            "proof-consistency-missing-path",
            "no key 4",
            Tree::of(&two).without(4).bytes(),
            Decode(Missing("path")),
        ),
    ]
}

/// A second header 0 of member 1, which continues the tree of the first.
fn twin() -> Vec<u8> {
    let mut twin = feed().second.payload().clone();
    twin.checkpoint = None;
    (twin.seq, twin.previous, twin.first, twin.charter, twin.count) = (0, None, 0, alliance(), 8);
    (twin.issued, twin.expires) = (FIRST, FIRST.plus(3_600));
    entries().iter().for_each(|entry| twin.totals.count(entry));
    twin.chunks[0].entries = 8;
    antibrush_protocol::signed::sign(&twin, &feed_key(1)).envelope().to_vec()
}

pub fn absences() -> Vec<Defect> {
    use ProofError::*;
    let absence = |change: fn(&mut AbsenceProof)| {
        let mut proof = crate::fixtures::absence();
        change(&mut proof);
        proof.encode()
    };
    // Three leaves of one length.
    const LEAF: fn(&AbsenceProof) -> usize = |proof| proof.leaves.len() / 3;
    vec![
        defect(
            "proof-absence-mentioned",
            "leaf 6 is about the token",
            absence(|p| p.tokens = vec![(1, token(5))]),
            Mentioned { index: 6 },
        ),
        defect(
            "proof-absence-epoch",
            "no token for the epoch of the leaves",
            absence(|p| p.tokens[0].0 = 2),
            Epoch { index: 5, epoch: 1 },
        ),
        defect("proof-absence-no-tokens", "about nobody", absence(|p| p.tokens.clear()), Tokens),
        defect(
            "proof-absence-epoch-twice",
            "two tokens for one epoch",
            absence(|p| p.tokens.push((1, token(8)))),
            Tokens,
        ),
        defect(
            "proof-absence-tokens-oversized",
            "65 tokens",
            absence(|p| p.tokens = (0..65).map(|n| (n, token(9))).collect()),
            Decode(TOO_LARGE),
        ),
        defect("proof-absence-other-peak", "a peak of another tree", absence(|p| p.peaks[0][0] ^= 1), Peaks),
        defect("proof-absence-peak-missing", "one peak of two", absence(|p| p.peaks.truncate(1)), Peaks),
        defect(
            "proof-absence-swapped",
            "the later head first",
            absence(|p| std::mem::swap(&mut p.earlier, &mut p.later)),
            Heads,
        ),
        defect(
            "proof-absence-truncated-tree",
            "a leaf less than the later head signs",
            absence(|p| {
                let two = 2 * LEAF(p);
                p.leaves.truncate(two);
            }),
            Leaves,
        ),
        defect(
            "proof-absence-wrong-count",
            "a leaf more than the later head signs",
            absence(|p| {
                let one = LEAF(p);
                p.leaves.extend_from_within(..one);
            }),
            Leaves,
        ),
        defect(
            "proof-absence-reordered-leaves",
            "the first leaf last",
            absence(|p| {
                let one = LEAF(p);
                p.leaves.rotate_left(one);
            }),
            Leaves,
        ),
        defect(
            "proof-absence-erased",
            "leaf 5 is but a hash",
            absence(|p| {
                let one = LEAF(p);
                let hash = antibrush_protocol::merkle::leaf_hash(&p.leaves[..one]);
                p.leaves.splice(..one, [&[0x58, 0x20], &hash[..]].concat());
            }),
            Erased { index: 5 },
        ),
        defect(
            "proof-absence-trailing-bytes",
            "one byte after the map",
            joined(&absence(|_| ()), &[0]),
            Decode(TrailingBytes),
        ),
    ]
}
