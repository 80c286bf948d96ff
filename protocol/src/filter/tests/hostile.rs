//! Heads and bitmaps that a hostile or broken publisher may send: each has one exact error.

use super::*;

fn honest() -> (FilterHead, Vec<u8>) {
    build_at(&tags("listed", 500), 20)
}

/// Signs, so to speak, any bitmap.
fn with_bitmap(change: impl FnOnce(&mut Vec<u8>)) -> (FilterHead, Vec<u8>) {
    let (mut head, mut bitmap) = honest();
    change(&mut bitmap);
    head.digest = Sha256::digest(&bitmap).into();
    (head, bitmap)
}

#[test]
fn heads_that_lie_are_refused_by_decoder_and_opener_alike() {
    type Change = fn(&mut FilterHead);
    let stated = honest().0.bits;
    let lifetime = |built, expires| FilterError::Lifetime { built, expires };
    let cases: [(Change, FilterError); 17] = [
        (|head| head.version = 0, FilterError::UnknownVersion(0)),
        (|head| head.version = 2, FilterError::UnknownVersion(2)),
        (|head| head.expires = head.built, lifetime(BUILT.0, BUILT.0)),
        (|head| head.expires.0 += 1, lifetime(BUILT.0, EXPIRES.0 + 1)),
        (|head| head.built.0 = u64::MAX, lifetime(u64::MAX, EXPIRES.0)),
        (|head| head.fpr_exponent = 0, FilterError::FprExponent(0)),
        (|head| head.fpr_exponent = 9, FilterError::FprExponent(9)),
        (|head| head.fpr_exponent = 255, FilterError::FprExponent(255)),
        (|head| head.hashes = 0, FilterError::HashesOutOfRange(0)),
        (|head| head.hashes = 33, FilterError::HashesOutOfRange(33)),
        (|head| head.hashes = 19, FilterError::HashesMismatch { stated: 19, expected: 20 }),
        (|head| head.bits = 0, FilterError::BitsMismatch { stated: 0, expected: 1_048_584 }),
        (|head| head.bits += 8, FilterError::BitsMismatch { stated: 1_048_592, expected: 1_048_584 }),
        (|head| head.bits = MAX_BITS + 8, FilterError::TooManyBits { bits: MAX_BITS + 8 }),
        (|head| head.seed = [0x5e; 32], FilterError::WeakSeed),
        (|head| head.items = u64::MAX, FilterError::TooManyBits { bits: u64::MAX }),
        (|head| head.items = 1_000_000, FilterError::BitsMismatch { stated: 1_048_584, expected: 28_853_912 }),
    ];
    assert_eq!(stated, 1_048_584);
    for (change, error) in cases {
        let (mut head, bitmap) = honest();
        change(&mut head);
        assert_eq!(FilterHead::decode(&head.encode()), Err(error.clone()));
        assert_eq!(Filter::open(&head, bitmap).err(), Some(error.clone()));
        assert_eq!(rebuild_matches(&head, &[]), Err(error));
    }
    let late = build(&[], 20, SEED, BUILT, Timestamp(EXPIRES.0 + 1), ALLIANCE, 1);
    assert_eq!(late, Err(lifetime(BUILT.0, EXPIRES.0 + 1)));
    assert_eq!(build(&[], 30, SEED, BUILT, EXPIRES, ALLIANCE, 1), Err(FilterError::FprExponent(30)));
}

#[test]
fn bytes_that_are_not_the_one_encoding_are_refused() {
    let bytes = honest().0.encode();
    let spliced = |at: usize, remove: usize, insert: &[u8]| {
        let mut changed = bytes.clone();
        changed.splice(at..at + remove, insert.iter().copied());
        FilterHead::decode(&changed)
    };
    assert_eq!(FilterHead::decode(&bytes), Ok(honest().0));
    // ab 00 01 01 5820 …
    for (what, outcome, error) in [
        (
            "longer than any head",
            spliced(bytes.len(), 0, &[0; 200]),
            FilterError::HeadTooLong { bytes: bytes.len() + 200 },
        ),
        ("trailing byte", spliced(bytes.len(), 0, &[0]), FilterError::Malformed),
        ("array instead of a map", spliced(0, 1, &[0x8b]), FilterError::Malformed),
        ("one field fewer", spliced(0, 1, &[0xaa]), FilterError::Malformed),
        ("one field more", spliced(0, 1, &[0xac]), FilterError::Malformed),
        ("indefinite map", spliced(0, 1, &[0xbf]), FilterError::Malformed),
        ("long map length", spliced(0, 1, &[0xb8, 11]), FilterError::NotCanonical),
        ("long key", spliced(1, 1, &[0x18, 0]), FilterError::NotCanonical),
        ("long version", spliced(2, 1, &[0x19, 0, 1]), FilterError::NotCanonical),
        ("version over 255", spliced(2, 1, &[0x19, 1, 0]), FilterError::Malformed),
        ("negative version", spliced(2, 1, &[0x20]), FilterError::Malformed),
        ("other version, other form", spliced(2, bytes.len() - 2, &[2, 1, 0xf6]), FilterError::UnknownVersion(2)),
        ("keys out of order", spliced(3, 1, &[2]), FilterError::Malformed),
        ("long byte length", spliced(4, 2, &[0x59, 0, 32]), FilterError::NotCanonical),
        ("indefinite bytes", spliced(4, 2, &[0x5f, 0x58, 32]), FilterError::Malformed),
        ("text instead of bytes", spliced(4, 1, &[0x78]), FilterError::Malformed),
        ("31 bytes", spliced(5, 2, &[31]), FilterError::Malformed),
        ("length past the end", spliced(4, 2, &[0x5b, 255, 255, 255, 255, 255, 255, 255, 255]), FilterError::Malformed),
        ("tagged number", spliced(39, 1, &[0xc1, 7]), FilterError::Malformed),
        ("float number", spliced(39, 1, &[0xf9, 0x47, 0]), FilterError::Malformed),
    ] {
        assert_eq!(outcome, Err(error), "{what}");
    }
    for length in 0..bytes.len() {
        assert_eq!(FilterHead::decode(&bytes[..length]), Err(FilterError::Malformed));
    }
}

#[test]
fn bitmaps_that_are_not_the_named_ones_are_refused() {
    let (head, bitmap) = honest();
    let length = |found| FilterError::BitmapLength { expected: 131_073, found };
    assert_eq!(Filter::open(&head, Vec::new()).err(), Some(length(0)));
    assert_eq!(Filter::open(&head, bitmap[1..].to_vec()).err(), Some(length(131_072)));
    assert_eq!(Filter::open(&head, [&bitmap[..], &[0]].concat()).err(), Some(length(131_074)));
    let mut changed = bitmap;
    changed[77] ^= 1;
    assert_eq!(Filter::open(&head, changed).err(), Some(FilterError::DigestMismatch));
}

#[test]
fn bitmaps_that_list_everybody_or_nobody_are_refused() {
    // 500 tags at 20 probes: 10,000 probes into 1,048,584 bits set 9,952 of them, give or take 7; 80 more are allowed.
    let fill = |change: fn(&mut Vec<u8>)| {
        let (head, bitmap) = with_bitmap(change);
        match Filter::open(&head, bitmap).err() {
            Some(FilterError::Fill { set, least, most }) => (set, least, most),
            other => panic!("{other:?}"),
        }
    };
    let (set, least, most) = fill(|bitmap| bitmap.fill(0xff));
    assert_eq!(set, 1_048_584);
    assert_eq!((least, most), (9_803, 10_000));
    assert_eq!(fill(|bitmap| bitmap.fill(0)).0, 0);
    assert!(fill(|bitmap| bitmap[..26].fill(0xff)).0 > 10_000);
    assert!(fill(|bitmap| bitmap[..131_073 / 20].fill(0)).0 < 9_803);
    let (mut head, mut bitmap) = build_at(&[], 20);
    assert!(Filter::open(&head, bitmap.clone()).is_ok());
    bitmap[0] = 1;
    head.digest = Sha256::digest(&bitmap).into();
    assert_eq!(Filter::open(&head, bitmap).err(), Some(FilterError::Fill { set: 1, least: 0, most: 0 }));
    let (mut head, mut bitmap) = build_at(&tags("listed", 1), 20);
    bitmap.fill(0);
    head.digest = Sha256::digest(&bitmap).into();
    assert_eq!(Filter::open(&head, bitmap).err(), Some(FilterError::Fill { set: 0, least: 1, most: 20 }));
}

#[test]
fn a_rebuild_finds_what_statistics_can_not() {
    let listed = tags("listed", 500);
    let (head, _) = honest();
    assert_eq!(rebuild_matches(&head, &listed), Ok(()));
    assert_eq!(rebuild_matches(&head, &listed[1..]), Err(FilterError::ItemsMismatch { stated: 500, found: 499 }));
    let mut swapped = listed.clone();
    swapped[0] = tag("victim", 0);
    assert_eq!(rebuild_matches(&head, &swapped), Err(FilterError::RebuildMismatch));
    // One bit more: credible, so a partner opens it, and only the members' rebuild shows it.
    let (head, bitmap) = with_bitmap(|bitmap| {
        let byte = bitmap.iter_mut().find(|byte| **byte == 0).unwrap();
        *byte = 1;
    });
    assert!(Filter::open(&head, bitmap).is_ok());
    assert_eq!(rebuild_matches(&head, &listed), Err(FilterError::RebuildMismatch));
}
