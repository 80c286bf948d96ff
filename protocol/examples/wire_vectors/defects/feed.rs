//! Entries and headers.

use antibrush_protocol::{
    base::{MemberNumber, Timestamp},
    charter::HeaderRefusal,
    codes::Conduct,
    encoding::{DecodeError::*, Wire},
    entry::{Amendment, Entry, Listing},
    feed::{BatchHeader, HeaderError, Totals},
    merkle::EMPTY_ROOT,
    signed::{self, Payload, SignatureError},
    subject::Class,
};
use coset::cbor::value::Value;

use super::*;
use crate::edit::*;

pub fn entries() -> Vec<Defect> {
    let (minimal, full) = (Entry::List(listing()), Entry::List(full_listing()));
    let bytes = minimal.encode();
    let tree = || Tree::of(&minimal);
    let list = |change: fn(&mut Listing)| {
        let mut listing = listing();
        change(&mut listing);
        Entry::List(listing).encode()
    };
    let name = |code: &str| array([Value::from(code), Value::from("甲")]);
    let named = |code: &str| Tree::of(&full).set(17, name(code)).bytes();
    let evidence = hex::encode(listing().evidence);
    let indefinite = joined(&joined(&[0xbf], &bytes[1..]), &[0xff]);
    let nothing = Amendment { severity: None, role: None, expires: None, ..amendment() };
    let tagged = joined(&[0xc1], &bytes);
    vec![
        defect("entry-non-minimal-int", "kind 1 in two bytes", replaced(&bytes, "0001", "001801"), NOT_CANONICAL),
        defect(
            "entry-duplicate-key",
            "the severity stated twice",
            Tree::of(&minimal).append(6, 1).bytes(),
            NOT_CANONICAL,
        ),
        defect("entry-keys-out-of-order", "class before kind", tree().swapped(0, 1).bytes(), NOT_CANONICAL),
        defect("entry-indefinite-map", "a map of indefinite length", indefinite, NOT_CANONICAL),
        defect(
            "entry-indefinite-bytes",
            "the evidence in chunks",
            replaced(&bytes, &format!("5820{evidence}"), &format!("5f5820{evidence}ff")),
            MALFORMED,
        ),
        defect(
            "entry-dispute-of-nothing",
            "a Dispute with the fields of a listing",
            tree().set(0, 6).bytes(),
            Missing("target"),
        ),
        defect("entry-unknown-kind", "kind 9", tree().set(0, 9).bytes(), OutOfRange("kind")),
        defect("entry-unknown-key", "key 24", tree().append(24, 0).bytes(), UnknownKey(24)),
        defect("entry-unknown-conduct", "conduct 21", tree().set(5, 21).bytes(), OutOfRange("conduct")),
        defect(
            "entry-mobile-term",
            "a mobile number for 181 days",
            tree().set(1, 3).set(11, day().0 + 181).bytes(),
            OutOfRange("entry"),
        ),
        defect(
            "entry-term-too-long",
            "more than five years",
            tree().set(11, day().0 + 1831).bytes(),
            OutOfRange("entry"),
        ),
        defect(
            "entry-expired-at-birth",
            "expires on the day of listing",
            list(|l| l.expires = l.day),
            OutOfRange("entry"),
        ),
        defect(
            "entry-victim-listed",
            "reverse brushing on the blacklist",
            list(|l| l.conduct = Conduct::C04),
            OutOfRange("entry"),
        ),
        defect(
            "entry-nothing-amended",
            "an amendment that changes nothing",
            Entry::Amend(nothing).encode(),
            OutOfRange("entry"),
        ),
        defect("entry-basis-empty", "no rule set", list(|l| l.basis.clear()), OutOfRange("entry")),
        defect("entry-basis-too-long", "65 bytes", list(|l| l.basis = "b".repeat(65)), TOO_LARGE),
        defect(
            "entry-basis-control-character",
            "a line feed",
            list(|l| l.basis = "a\nb".to_owned()),
            OutOfRange("basis"),
        ),
        defect(
            "entry-basis-not-utf8",
            "a lone continuation byte",
            replaced(&bytes, "6b44454d4f", "6b44454d80"),
            MALFORMED,
        ),
        defect("entry-region-out-of-range", "region 109999", list(|l| l.region = Some(109_999)), OutOfRange("entry")),
        defect(
            "entry-sealed-unpadded",
            "sealed details of 100 bytes",
            list(|l| l.sealed = Some(vec![0; 100])),
            OutOfRange("entry"),
        ),
        defect(
            "entry-sealed-too-long",
            "sealed details of 321 bytes",
            list(|l| l.sealed = Some(vec![0; 321])),
            TOO_LARGE,
        ),
        defect("entry-named-sole-trader", "a sole trader named in clear", named(SOLE_TRADER), OutOfRange("name")),
        defect(
            "entry-named-lower-case",
            "a credit code that is not canonical",
            named(&CODES[4].to_lowercase()),
            NOT_CANONICAL,
        ),
        defect(
            "entry-named-check-digit",
            "a credit code with a wrong check digit",
            named("52369997CLRKQMRBEL"),
            OutOfRange("name"),
        ),
        defect(
            "entry-named-site",
            "a site named in clear",
            Tree::of(&full).set(1, Class::Web.number()).bytes(),
            OutOfRange("entry"),
        ),
        defect("entry-token-short", "31 bytes", tree().set(3, vec![0u8; 31]).bytes(), MALFORMED),
        defect("entry-missing-evidence", "no key 13", tree().without(13).bytes(), Missing("evidence")),
        defect("entry-missing-kind", "no key 0", tree().without(0).bytes(), Missing("kind")),
        defect("entry-day-17-bits", "day 65536", tree().set(10, 65_536).bytes(), OutOfRange("day")),
        defect("entry-float-day", "a day and a half", tree().set(10, 1.5).bytes(), MALFORMED),
        defect("entry-negative-day", "day -1", tree().set(10, -1).bytes(), MALFORMED),
        defect("entry-null-role", "an explicit null", Tree::of(&full).set(7, Value::Null).bytes(), MALFORMED),
        defect("entry-tagged", "a tag around the map", tagged, MALFORMED),
        defect(
            "entry-clear-with-basis",
            "a clearing with the basis of a listing",
            Tree::of(&Entry::Clear(clearing()))
                .without(14)
                .without(15)
                .append(12, "B")
                .append(14, 2)
                .append(15, 3)
                .bytes(),
            NOT_CANONICAL,
        ),
        defect("entry-too-many-pairs", "a map of 25", replaced(&bytes, &hex::encode(&bytes[..1]), "b819"), TOO_LARGE),
        defect("entry-too-large", "769 bytes", joined(&bytes, &vec![0; 769 - bytes.len()]), TOO_LARGE),
        defect("entry-trailing-bytes", "one byte after the map", joined(&bytes, &[0]), TRAILING),
        defect("entry-truncated", "without its last byte", bytes[..bytes.len() - 1].to_vec(), MALFORMED),
    ]
}

pub fn headers() -> Vec<Defect> {
    use HeaderRefusal::{Form, Signature};
    let feed = feed();
    let header = feed.first.payload();
    let change = |change: fn(&mut BatchHeader)| {
        let mut header = header.clone();
        change(&mut header);
        signed::sign(&header, &feed_key(1)).envelope().to_vec()
    };
    let edit = |tree: Tree| envelope(BatchHeader::CONTENT_TYPE, &tree.bytes(), &feed_key(1));
    let tree = || Tree::of(header);
    let resigned = |header: &BatchHeader, key: &Key| signed::sign(header, key).envelope().to_vec();
    let root = hex::encode(header.root);
    let flipped = replaced(
        feed.first.envelope(),
        &root,
        &root.replacen(&root[..2], if &root[..2] == "00" { "01" } else { "00" }, 1),
    );
    let decode = |error| Signature(SignatureError::Decode(error));
    let row = |entries: u64| array([1u64, 1, 1, entries].map(Value::from));
    let chunk = array([Value::from(vec![0u8; 32]), Value::from(1), Value::from(50)]);
    vec![
        defect(
            "header-signed-by-other-key",
            "member 2's key under member 1's header",
            resigned(header, &feed_key(2)),
            HeaderRefusal::WrongKey,
        ),
        defect(
            "header-signed-by-retired-key",
            "batch 1 with the key that member 1 gave up",
            resigned(feed.second.payload(), &feed_key(1)),
            HeaderRefusal::WrongKey,
        ),
        defect(
            "header-signed-too-early",
            "issued before the key's time",
            change(|h| (h.issued, h.expires) = (Timestamp(FOUNDED.0 - 1), FOUNDED)),
            HeaderRefusal::WrongKey,
        ),
        defect(
            "header-checkpoint-of-another",
            "64 zeros for the log's signature",
            change(|h| h.checkpoint = Some([0; 64])),
            HeaderRefusal::Checkpoint,
        ),
        defect("header-checkpoint-short", "63 bytes", edit(tree().append(14, vec![0u8; 63])), decode(MALFORMED)),
        defect(
            "header-root-flipped",
            "another root under the old signature",
            flipped,
            Signature(SignatureError::BadSignature),
        ),
        defect(
            "header-size-mismatch",
            "one leaf more than first and count say",
            change(|h| h.size += 1),
            Form(HeaderError::Size),
        ),
        defect(
            "header-size-overflow",
            "first and count add up past 64 bits",
            change(|h| h.first = u64::MAX),
            Form(HeaderError::Size),
        ),
        defect(
            "header-chunks-short",
            "four entries in the chunks, five in the batch",
            change(|h| h.chunks[0].entries = 4),
            Form(HeaderError::Chunks),
        ),
        defect(
            "header-chunk-oversized",
            "a chunk of more than 1 MiB",
            change(|h| h.chunks[0].bytes = 1 << 21),
            Form(HeaderError::Chunks),
        ),
        defect("header-totals-short", "no totals", change(|h| h.totals = Totals::default()), Form(HeaderError::Totals)),
        defect(
            "header-totals-repeated-row",
            "one row twice",
            edit(tree().set(9, array([row(2), row(3)]))),
            decode(NOT_CANONICAL),
        ),
        defect(
            "header-totals-zero-row",
            "a row that counts nothing",
            edit(tree().set(9, array([row(0)]))),
            decode(OutOfRange("totals")),
        ),
        defect(
            "header-first-with-predecessor",
            "batch 0 after another one",
            change(|h| h.previous = Some([1; 32])),
            Form(HeaderError::Previous),
        ),
        defect("header-orphan", "batch 1 after nothing", change(|h| h.seq = 1), Form(HeaderError::Previous)),
        defect(
            "header-lifetime",
            "a head for 25 hours",
            change(|h| h.expires = h.issued.plus(90_000)),
            Form(HeaderError::Lifetime),
        ),
        defect(
            "header-expired-at-birth",
            "expires when it is issued",
            change(|h| h.expires = h.issued),
            Form(HeaderError::Lifetime),
        ),
        defect(
            "header-empty-root",
            "five leaves and the empty root",
            change(|h| h.root = EMPTY_ROOT),
            Form(HeaderError::EmptyRoot),
        ),
        defect(
            "header-other-alliance",
            "of another alliance",
            change(|h| h.alliance = [0; 32]),
            HeaderRefusal::OtherAlliance,
        ),
        defect(
            "header-unknown-charter",
            "under a charter that nobody has seen",
            change(|h| h.charter = [0; 32]),
            HeaderRefusal::UnknownCharter,
        ),
        defect(
            "header-observer-publishes",
            "a feed of the observer",
            change(|h| h.publisher = MemberNumber(4)),
            HeaderRefusal::NotAPublisher,
        ),
        defect(
            "header-from-the-future",
            "a year ahead",
            change(|h| (h.issued, h.expires) = (h.issued.plus(31_536_000), h.expires.plus(31_536_000))).to_vec(),
            HeaderRefusal::FromTheFuture,
        ),
        defect(
            "header-from-the-next-day",
            "batch 1 a day ahead",
            {
                let mut h = feed.second.payload().clone();
                (h.issued, h.expires) = (h.issued.plus(86_400), h.expires.plus(86_400));
                resigned(&h, &new_feed_key())
            },
            HeaderRefusal::FromTheFuture,
        ),
        defect(
            "header-charter-expired",
            "batch 1 at the second at which its charter expires",
            {
                let mut h = feed.second.payload().clone();
                h.issued = second().expires;
                h.expires = h.issued.plus(60);
                resigned(&h, &new_feed_key())
            },
            HeaderRefusal::CharterExpired,
        ),
        defect("header-unknown-version", "version 2", edit(tree().set(0, 2)), decode(UnknownVersion(2))),
        defect(
            "header-too-many-chunks",
            "301 chunks",
            edit(tree().set(13, array(vec![chunk; 301]))),
            decode(TOO_LARGE),
        ),
        defect("header-missing-root", "no key 6", edit(tree().without(6)), decode(Missing("root"))),
        defect(
            "header-publisher-17-bits",
            "member 65536",
            edit(tree().set(2, 65_536)),
            decode(OutOfRange("publisher")),
        ),
    ]
}
