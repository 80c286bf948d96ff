//! The exchange filter: what one alliance shows another of its list, as a Bloom filter over federation tags.
//!
//! A filter is two objects. The **head** ([`FilterHead`]) is a small deterministic CBOR map that travels inside a signature
//! and says everything about the filter. The **bitmap** is bare bytes, fetched apart and named by the digest in the head.
//! [`build`] makes both, [`Filter::open`] checks both and answers, [`rebuild_matches`] lets the publishing alliance's own
//! members check that the bitmap holds their list and nothing else. The crate `bloomfilter` 3.0.2 sets and tests the bits.
//!
//! # Layout, version 1
//! Enough to write a reader in any language; `tests/vectors/filter` has examples. All arithmetic is on unsigned integers.
//!
//! - `e` = `fpr_exponent`, 10 to 24; `n` = `items`, the number of distinct tags; `k` = `hashes` = `e`.
//! - `bytes` = max(⌈n · e · 6196328019 / 2^35⌉, 2^e / 8) | 1 and `bits` m = 8 · `bytes`. The fraction is 1 / (8 · ln 2),
//!   rounded up, as m = n·e / ln 2 and k = e are the optimum for a false positive rate of 2^-e (B. H. Bloom 1970).
//! - A tag (32 bytes) gives `h1` = SipHash-1-3(seed\[0..16\], tag) and `h2` = SipHash-1-3(seed\[16..32\], tag): J.-P. Aumasson
//!   and D. J. Bernstein, "SipHash", with one compression and three finalisation rounds. A key is two little-endian u64; the
//!   message is the 32 bytes alone, without a length in front; the result is a u64.
//! - The two halves of the seed must differ, or h1 and h2 would be one.
//! - Probe 0 is h1 mod m. Probe 1 is h2 mod m. Probe i, 2 ≤ i < k, is (((h1 + i·h2) mod 2^64) mod (2^64 − 59)) mod m.
//! - Bit b is bit b mod 8 (the least significant is 0) of byte ⌊b / 8⌋. A tag is in the filter if all its probes are set.
//!
//! # Why the floor and the odd number of bytes
//! With two hashes for k probes, two tags that agree in both hashes modulo m agree in all probes, which happens to about
//! 2.8·n / m² of all askings and dominates small filters: measured at n = 1135 and e = 20, the rate was 4.2 times 2^-20, and
//! with m = 2^15 it was 17 times 2^-20, as a power of two also undoes the wrapping at 2^64. At least 2^e bits and an odd
//! number of bytes keep the excess below about a fifth of 2^-e for every n.
//!
//! # What a filter shows and to whom
//! Whoever holds a tag learns whether it is (probably) listed, until the next build: the seed salts each build, so that bits
//! of two builds can not be compared, but tags stay the same for a key epoch. The seed is the publisher's choice, so it can
//! make a tag of its own collide: a hit is a candidate, never a listing, and is confirmed by other means.

mod bitmap;
mod head;
mod layout;
#[cfg(test)]
mod tests;

pub use bitmap::{Filter, FilterAnswer, build, rebuild_matches};
pub use head::{FilterHead, MAX_HEAD};
pub use layout::bits_for;

/// The layout that this module writes and reads.
pub const VERSION: u8 = 1;

/// The false positive rate when a treaty names none: 2^-20, about one in a million.
pub const DEFAULT_FPR_EXPONENT: u8 = 20;

/// The weakest filter: 2^-10. A publisher of a weaker one would be asked to confirm more than every thousandth subject that a
/// partner checks, and would learn about the partner's customers.
pub const MIN_FPR_EXPONENT: u8 = 10;

/// The strongest filter: 2^-24. The floor of 2^e bits is then 2 MiB, however short the list.
pub const MAX_FPR_EXPONENT: u8 = 24;

/// The most probes that are ever made for one tag. `bloomfilter` itself knows no bound: one test with k = 2·10^8 took 0.9 s.
pub const MAX_HASHES: u8 = 32;

/// The largest bitmap, in bits: 2^33 (1 GiB) hold 297 million subjects at 2^-20, more than any list of an alliance, and the
/// number comes from another alliance, so memory must have a bound. A machine of 32 bits stops at 2^32 − 1, because
/// `bloomfilter` numbers bits with `usize`.
pub const MAX_BITS: u64 = 1 << 33;

/// The longest life of a filter, in seconds: a clearing must reach the partners within a day.
pub const MAX_LIFETIME: u64 = 24 * 3600;

/// How far a publisher's clock may be ahead of ours, in seconds, before its filter answers stale.
pub const MAX_CLOCK_AHEAD: u64 = 300;

/// What is wrong with a filter. All but [`FilterError::Library`] are the publisher's fault, or that of whoever sent the bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FilterError {
    /// The head has more than [`MAX_HEAD`] bytes.
    #[error("a filter head of {bytes} bytes is too long")]
    HeadTooLong {
        /// Its length.
        bytes: usize,
    },
    /// The head is not the CBOR map of this version.
    #[error("the filter head is malformed")]
    Malformed,
    /// The head means the right thing in other bytes than the deterministic ones (RFC 8949 §4.2).
    #[error("the filter head is not deterministic CBOR")]
    NotCanonical,
    /// The layout is not [`VERSION`].
    #[error("filter version {0} is not known")]
    UnknownVersion(u8),
    /// The filter does not expire after it was built, or lives longer than [`MAX_LIFETIME`].
    #[error("a filter may live a day, not from {built} to {expires}")]
    Lifetime {
        /// Seconds since 1970.
        built: u64,
        /// Seconds since 1970.
        expires: u64,
    },
    /// The exponent is not in [`MIN_FPR_EXPONENT`]..=[`MAX_FPR_EXPONENT`].
    #[error("a false positive rate of 2^-{0} is out of range")]
    FprExponent(u8),
    /// No probes, or more than [`MAX_HASHES`].
    #[error("{0} probes are out of range")]
    HashesOutOfRange(u8),
    /// The number of probes is not the one of the layout.
    #[error("the filter states {stated} probes where the layout has {expected}")]
    HashesMismatch {
        /// The number in the head.
        stated: u8,
        /// The number by the layout.
        expected: u8,
    },
    /// The filter is larger than [`MAX_BITS`] or than this machine can number.
    #[error("a filter of {bits} bits is too large")]
    TooManyBits {
        /// The number in the head, or that the items need; `u64::MAX` for anything larger.
        bits: u64,
    },
    /// The two halves of the seed are equal: all probes would be multiples of one hash.
    #[error("the two halves of the seed are equal")]
    WeakSeed,
    /// The number of bits is not the one of the layout.
    #[error("the filter states {stated} bits where the layout has {expected}")]
    BitsMismatch {
        /// The number in the head.
        stated: u64,
        /// The number by the layout.
        expected: u64,
    },
    /// The bitmap is shorter or longer than the head says.
    #[error("the bitmap has {found} bytes instead of {expected}")]
    BitmapLength {
        /// Bytes by the head.
        expected: u64,
        /// Bytes received.
        found: u64,
    },
    /// The bitmap is not the one that the head names.
    #[error("the bitmap does not have the digest of the head")]
    DigestMismatch,
    /// The bitmap has more or fewer bits set than the stated number of items can set.
    #[error("the bitmap has {set} bits set, its items set {least} to {most}")]
    Fill {
        /// Bits set.
        set: u64,
        /// The fewest that are credible.
        least: u64,
        /// The most that are credible.
        most: u64,
    },
    /// A rebuild has another number of distinct tags.
    #[error("the filter states {stated} items, the list has {found}")]
    ItemsMismatch {
        /// The number in the head.
        stated: u64,
        /// The number in the list.
        found: u64,
    },
    /// A rebuild has the same number of items and another bitmap.
    #[error("the filter was not built from this list")]
    RebuildMismatch,
    /// Internal: `bloomfilter` refused a bitmap that was checked before.
    #[error("the Bloom filter library failed: {0}")]
    Library(&'static str),
}
