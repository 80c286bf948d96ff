//! The numbers of the layout: how many bits, how many probes, how many bits set.

use std::ops::RangeInclusive;

use super::{FilterError, MAX_BITS, MAX_FPR_EXPONENT, MIN_FPR_EXPONENT};

/// ⌈2^32 / ln 2⌉.
const INVERSE_LN_2: u128 = 6_196_328_019;

/// The number of bits of a filter for so many items, by the formula in the [module](super)'s documentation.
///
/// # Errors
/// [`FilterError::FprExponent`] for an exponent out of range, [`FilterError::TooManyBits`] above [`MAX_BITS`].
pub fn bits_for(items: u64, fpr_exponent: u8) -> Result<u64, FilterError> {
    if !(MIN_FPR_EXPONENT..=MAX_FPR_EXPONENT).contains(&fpr_exponent) {
        return Err(FilterError::FprExponent(fpr_exponent));
    }
    // Fits: 64 + 5 + 33 bits.
    let needed = (u128::from(items) * u128::from(fpr_exponent) * INVERSE_LN_2).div_ceil(1 << 35);
    let floor = (1u128 << fpr_exponent) / 8;
    let bits = u64::try_from((needed.max(floor) | 1) * 8).unwrap_or(u64::MAX);
    check_bits(bits)?;
    Ok(bits)
}

/// The number of probes for one tag: the optimum for a false positive rate of 2^-e.
pub(super) fn hashes_for(fpr_exponent: u8) -> u8 {
    fpr_exponent
}

pub(super) fn check_bits(bits: u64) -> Result<(), FilterError> {
    if bits > MAX_BITS || usize::try_from(bits).is_err() { Err(FilterError::TooManyBits { bits }) } else { Ok(()) }
}

/// How many bits the items may have set.
///
/// Throwing n·k probes into m bits leaves e^-λ of them empty, λ = n·k / m, with the variance m·e^-λ·(1 − (1+λ)·e^-λ)
/// (W. Feller, "An Introduction to Probability Theory", occupancy). Ten standard deviations never refuse an honest filter; 4·k
/// more allow for the rare tag whose probes fall together. No more than n·k bits can be set at all, and no fewer than one.
pub(super) fn credible_fill(items: u64, bits: u64, hashes: u8) -> RangeInclusive<u64> {
    if items == 0 {
        return 0..=0;
    }
    // Below 2^53, so exact; the rest is an estimate whose last digits do not matter.
    let (m, probes) = (bits as f64, items.saturating_mul(u64::from(hashes)));
    let load = probes as f64 / m;
    let empty = (-load).exp();
    let expected = m * (1.0 - empty);
    let deviation = (m * empty * (1.0 - (1.0 + load) * empty)).max(0.0).sqrt();
    let tolerance = 10.0 * deviation + 4.0 * f64::from(hashes);
    // `as` saturates: a negative bound becomes 0.
    let (least, most) = ((expected - tolerance) as u64, (expected + tolerance) as u64);
    least.max(1)..=most.min(probes).min(bits)
}
