//! The bits: building, opening, asking and rebuilding.

use std::fmt;
use std::hash::Hasher;

use bloomfilter::Bloom;
use sha2::{Digest, Sha256};

use super::layout::{bits_for, credible_fill, hashes_for};
use super::{FilterError, FilterHead, VERSION};
use crate::base::{Hash, Timestamp};

/// A tag as `bloomfilter` hashes it: the 32 bytes alone. `[u8; 32]` itself would write its length in front, in 4 or 8 bytes
/// by the machine's word.
struct Tag([u8; 32]);

impl std::hash::Hash for Tag {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write(&self.0);
    }
}

/// Builds a filter. The order of the tags does not matter and a tag that comes twice counts once; the same arguments always
/// give the same head and bitmap.
///
/// `seed` must be fresh random bytes for each build: it salts the bits.
///
/// # Errors
/// [`FilterError::FprExponent`], [`FilterError::TooManyBits`], [`FilterError::Lifetime`], [`FilterError::WeakSeed`].
pub fn build(
    tags: &[[u8; 32]],
    fpr_exponent: u8,
    seed: [u8; 32],
    built: Timestamp,
    expires: Timestamp,
    alliance: [u8; 32],
    number: u64,
) -> Result<(FilterHead, Vec<u8>), FilterError> {
    let items = count_distinct(tags);
    let mut head = FilterHead {
        version: VERSION,
        alliance,
        number,
        built,
        expires,
        fpr_exponent,
        items,
        bits: bits_for(items, fpr_exponent)?,
        hashes: hashes_for(fpr_exponent),
        seed,
        digest: [0; 32],
    };
    head.check()?;
    let bitmap = fill(&head, tags)?;
    head.digest = Sha256::digest(&bitmap).into();
    Ok((head, bitmap))
}

/// Builds the filter again from the list that it claims to hold, as the members of the publishing alliance do, and compares.
///
/// # Errors
/// What [`FilterHead::check`] finds; [`FilterError::ItemsMismatch`] if the list has another number of distinct tags,
/// [`FilterError::RebuildMismatch`] if it has other tags or the bitmap was changed.
pub fn rebuild_matches(head: &FilterHead, tags: &[[u8; 32]]) -> Result<(), FilterError> {
    head.check()?;
    let found = count_distinct(tags);
    if found != head.items {
        return Err(FilterError::ItemsMismatch { stated: head.items, found });
    }
    let digest: Hash = Sha256::digest(fill(head, tags)?).into();
    if digest == head.digest { Ok(()) } else { Err(FilterError::RebuildMismatch) }
}

/// What a filter says about a tag. `Candidate` is never "listed": 2^-e of all tags are candidates by chance.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FilterAnswer {
    /// Certainly not in the list that the filter was built from.
    Absent,
    /// Probably in the list: ask the publisher to confirm.
    Candidate,
    /// The filter is past its life, or from the future, and says nothing.
    Stale,
}

/// A checked filter, ready to be asked. Not to be cloned, as it may take a gigabyte: share it.
pub struct Filter {
    head: FilterHead,
    bloom: Bloom<Tag>,
}

impl Filter {
    /// Checks a bitmap against its head and opens it. The head's signature must have been verified; whether the filter is
    /// fresh is a question of [`Filter::answer`]. Takes the memory of twice the bitmap while it runs.
    ///
    /// # Errors
    /// What [`FilterHead::check`] finds, then [`FilterError::BitmapLength`], [`FilterError::DigestMismatch`] and
    /// [`FilterError::Fill`]. All of it before `bloomfilter` sees a byte.
    pub fn open(head: &FilterHead, bitmap: Vec<u8>) -> Result<Filter, FilterError> {
        head.check()?;
        let (expected, found) = (head.bits / 8, bitmap.len() as u64);
        if found != expected {
            return Err(FilterError::BitmapLength { expected, found });
        }
        if Hash::from(Sha256::digest(&bitmap)) != head.digest {
            return Err(FilterError::DigestMismatch);
        }
        let set: u64 = bitmap.iter().map(|byte| u64::from(byte.count_ones())).sum();
        let credible = credible_fill(head.items, head.bits, head.hashes);
        if !credible.contains(&set) {
            return Err(FilterError::Fill { set, least: *credible.start(), most: *credible.end() });
        }
        Ok(Filter { head: head.clone(), bloom: to_library(head, &bitmap)? })
    }

    /// The head of this filter.
    pub fn head(&self) -> &FilterHead {
        &self.head
    }

    /// Whether all probes of the tag are set.
    pub fn contains(&self, tag: &[u8; 32]) -> bool {
        self.bloom.check(&Tag(*tag))
    }

    /// What the filter says about a tag at this moment.
    pub fn answer(&self, tag: &[u8; 32], now: Timestamp) -> FilterAnswer {
        if !self.head.is_fresh(now) {
            FilterAnswer::Stale
        } else if self.contains(tag) {
            FilterAnswer::Candidate
        } else {
            FilterAnswer::Absent
        }
    }
}

impl fmt::Debug for Filter {
    /// The head without the bits.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Filter").field("head", &self.head).finish_non_exhaustive()
    }
}

fn count_distinct(tags: &[[u8; 32]]) -> u64 {
    let mut sorted: Vec<&[u8; 32]> = tags.iter().collect();
    sorted.sort_unstable();
    sorted.dedup();
    sorted.len() as u64
}

/// Sets the bits of the tags in an empty bitmap.
fn fill(head: &FilterHead, tags: &[[u8; 32]]) -> Result<Vec<u8>, FilterError> {
    let bytes = usize::try_from(head.bits / 8).map_err(|_| FilterError::TooManyBits { bits: head.bits })?;
    let mut bloom = to_library(head, &vec![0; bytes])?;
    for tag in tags {
        bloom.set(&Tag(*tag));
    }
    let mut bitmap = bloom.into_bytes();
    bitmap.drain(..LIBRARY_HEADER);
    Ok(bitmap)
}

/// Length of what `bloomfilter` 3.0.2 keeps in front of a bitmap.
const LIBRARY_HEADER: usize = 1 + 8 + 4 + 32;

/// Hands a bitmap to `bloomfilter`, in its own form: version 1, length in bytes (u64), k (u32), seed, bitmap; little-endian.
/// The head must have been checked and the bitmap must have its length: the library checks neither k nor an empty bitmap.
fn to_library(head: &FilterHead, bitmap: &[u8]) -> Result<Bloom<Tag>, FilterError> {
    let mut bytes = Vec::with_capacity(LIBRARY_HEADER + bitmap.len());
    bytes.push(1);
    bytes.extend((bitmap.len() as u64).to_le_bytes());
    bytes.extend(u32::from(head.hashes).to_le_bytes());
    bytes.extend(head.seed);
    bytes.extend(bitmap);
    Bloom::from_bytes(bytes).map_err(FilterError::Library)
}
