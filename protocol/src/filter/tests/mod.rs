//! An independent reader, the vectors, the measured rate and every hostile head and bitmap.

mod hostile;
mod reader;
mod vectors;

use proptest::prelude::*;
use sha2::{Digest, Sha256};

use super::*;
use crate::base::Timestamp;

const BUILT: Timestamp = Timestamp(1_790_000_000);
const EXPIRES: Timestamp = Timestamp(1_790_000_000 + MAX_LIFETIME);
const SEED: [u8; 32] = *b"the seed of the tests, 32 bytes.";
const ALLIANCE: [u8; 32] = [0xa1; 32];

fn tag(series: &str, number: u64) -> [u8; 32] {
    Sha256::new().chain_update(series).chain_update(number.to_be_bytes()).finalize().into()
}

fn tags(series: &str, count: u64) -> Vec<[u8; 32]> {
    (0..count).map(|number| tag(series, number)).collect()
}

fn build_at(tags: &[[u8; 32]], fpr_exponent: u8) -> (FilterHead, Vec<u8>) {
    build(tags, fpr_exponent, SEED, BUILT, EXPIRES, ALLIANCE, 7).unwrap()
}

#[test]
fn the_independent_reader_agrees_on_every_bit_and_every_tag() {
    for (count, exponent) in [(0, 10), (1, 20), (5_000, 20), (20_000, 10), (300, 24)] {
        let listed = tags("listed", count);
        let (head, bitmap) = build_at(&listed, exponent);
        assert!(reader::bitmap(&head, &listed) == bitmap, "{count} tags at 2^-{exponent}");
        let filter = Filter::open(&head, bitmap.clone()).unwrap();
        assert!(listed.iter().all(|tag| filter.contains(tag) && reader::contains(&head, &bitmap, tag)));
        let asked = tags("asked", 12_000);
        assert!(asked.iter().all(|tag| filter.contains(tag) == reader::contains(&head, &bitmap, tag)));
    }
}

#[test]
fn the_measured_rate_is_the_promised_one() {
    let (head, bitmap) = build_at(&tags("listed", 10_000), 10);
    let filter = Filter::open(&head, bitmap).unwrap();
    let asked = 400_000u64;
    let hits = (0..asked).filter(|number| filter.contains(&tag("asked", *number))).count() as f64;
    let expected = asked as f64 / 1024.0;
    // Five standard deviations of a binomial count: 99 around 391.
    assert!((hits - expected).abs() < 5.0 * expected.sqrt(), "{hits} of {asked}, expected {expected}");
}

#[test]
fn order_and_repetition_do_not_matter_but_the_seed_does() {
    let listed = tags("listed", 100);
    let (head, bitmap) = build_at(&listed, 20);
    let mut again: Vec<[u8; 32]> = listed.iter().rev().copied().collect();
    again.extend(&listed[..30]);
    assert_eq!(build_at(&again, 20), (head.clone(), bitmap.clone()));
    assert_eq!(head.items, 100);
    assert_eq!(rebuild_matches(&head, &again), Ok(()));
    let other = build(&listed, 20, *b"another seed of the tests, also.", BUILT, EXPIRES, ALLIANCE, 8).unwrap();
    assert_ne!(other.1, bitmap);
}

#[test]
fn answers_change_with_time() {
    let listed = tags("listed", 100);
    let (head, bitmap) = build_at(&listed, 20);
    let filter = Filter::open(&head, bitmap).unwrap();
    let (inside, outside) = (&listed[0], &tag("asked", 1));
    for (now, listed, other) in [
        (BUILT.0 - MAX_CLOCK_AHEAD - 1, FilterAnswer::Stale, FilterAnswer::Stale),
        (BUILT.0 - MAX_CLOCK_AHEAD, FilterAnswer::Candidate, FilterAnswer::Absent),
        (BUILT.0, FilterAnswer::Candidate, FilterAnswer::Absent),
        (EXPIRES.0 - 1, FilterAnswer::Candidate, FilterAnswer::Absent),
        (EXPIRES.0, FilterAnswer::Stale, FilterAnswer::Stale),
        (u64::MAX, FilterAnswer::Stale, FilterAnswer::Stale),
    ] {
        assert_eq!(filter.answer(inside, Timestamp(now)), listed, "{now}");
        assert_eq!(filter.answer(outside, Timestamp(now)), other, "{now}");
    }
    assert!(!format!("{filter:?}").contains("bitmap"));
}

#[test]
fn the_size_follows_the_formula() {
    // Against the same formula in floating point, away from its rounding.
    for exponent in MIN_FPR_EXPONENT..=MAX_FPR_EXPONENT {
        for items in [0u64, 1, 70, 1_000, 123_457, 9_999_991, 200_000_000] {
            let needed = items as f64 * f64::from(exponent) / (8.0 * std::f64::consts::LN_2);
            let bytes = bits_for(items, exponent).unwrap() / 8;
            assert_eq!(bytes % 2, 1);
            assert!(bytes as f64 >= needed && bytes >= 1 << (exponent - 3));
            assert!(bytes as f64 <= needed + 3.0 || bytes == (1 << (exponent - 3)) + 1, "{items} at {exponent}");
        }
    }
    assert_eq!(bits_for(1, 9), Err(FilterError::FprExponent(9)));
    assert_eq!(bits_for(1, 25), Err(FilterError::FprExponent(25)));
    assert_eq!(bits_for(297_000_000, 20), Ok(8_569_608_552));
    assert_eq!(bits_for(298_000_000, 20), Err(FilterError::TooManyBits { bits: 8_598_462_456 }));
    assert_eq!(bits_for(u64::MAX, 24), Err(FilterError::TooManyBits { bits: u64::MAX }));
}

proptest! {
    /// No honest filter is refused for its fill, however small, and all survive the wire.
    #[test]
    fn every_built_filter_opens(count in 0u64..3_000, exponent in 10u8..=14, seed in any::<[u8; 32]>(), number: u64) {
        let listed = tags("listed", count);
        let (head, bitmap) = build(&listed, exponent, seed, BUILT, EXPIRES, ALLIANCE, number).unwrap();
        let head_again = FilterHead::decode(&head.encode());
        prop_assert_eq!(head_again.as_ref(), Ok(&head));
        let filter = Filter::open(&head, bitmap).unwrap();
        prop_assert!(listed.iter().all(|tag| filter.contains(tag)));
    }

    #[test]
    fn no_bytes_make_the_decoder_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = FilterHead::decode(&bytes);
    }
}

/// Run by hand: `cargo test --release -p antibrush-protocol filter_speed -- --ignored --nocapture`.
#[test]
#[ignore = "a measurement: cargo test --release -p antibrush-protocol -- --ignored --nocapture"]
fn filter_speed() {
    let listed = tags("listed", 1_000_000);
    let time = std::time::Instant::now();
    let (head, bitmap) = build_at(&listed, DEFAULT_FPR_EXPONENT);
    println!("build {:?} for {} tags, {} bytes", time.elapsed(), listed.len(), bitmap.len());
    let time = std::time::Instant::now();
    let filter = Filter::open(&head, bitmap).unwrap();
    println!("open {:?}", time.elapsed());
    let asked = tags("asked", 1_000_000);
    for (name, tags) in [("absent", &asked), ("present", &listed)] {
        let time = std::time::Instant::now();
        let hits = tags.iter().filter(|tag| filter.contains(tag)).count();
        println!("{name}: {:?} a tag, {hits} hits", time.elapsed() / 1_000_000);
    }
}
