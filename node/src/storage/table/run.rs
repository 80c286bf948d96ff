//! One sorted run: rows and a directory of buckets. Everything that is searched is a run, the delta too.

use rayon::prelude::*;

use super::Prefix;
use super::merge::Merge;
use super::pages::Pages;
use super::row::Packed;

/// Rows to a bucket of the directory, on average: little more than a cache line, for four bytes of the directory a row.
const ROWS_PER_BUCKET: usize = 2;

/// Up to this many rows are counted through without a branch; more are bisected.
const LINEAR: usize = 16;

/// Fewer rows than this are sorted by one thread.
const SORT_ALONE: usize = 1 << 14;

/// Rows in strictly rising order of their identities. At most `u32::MAX` rows (137 GB).
#[derive(Default)]
pub(super) struct Run {
    rows: Pages<Packed>,
    /// The high half of `directory[b]` is the first row of bucket `b`, the low half a Bloom filter of the prefixes in it; the
    /// last word ends the last bucket. Empty for an empty run. The filter lies where the search begins anyway, and 19 of 20
    /// tokens that are not listed end there, without a look at the rows.
    directory: Pages<u64>,
}

impl Run {
    /// Takes rows that already are in strictly rising order.
    pub(super) fn new(rows: Pages<Packed>) -> Run {
        let count = rows.as_slice().len();
        if count == 0 {
            return Run::default();
        }
        let buckets = count.div_ceil(ROWS_PER_BUCKET);
        let mut directory = Pages::zeroed(buckets + 1);
        let (words, mut begun) = (directory.as_mut_slice(), 0);
        for (position, row) in rows.as_slice().iter().enumerate() {
            // Each bucket up to this row's begins here, unless it began before.
            let own = bucket(row.prefix, buckets);
            while begun <= own {
                words[begun] = (position as u64) << 32;
                begun += 1;
            }
            words[own] |= filter_bits(row.prefix);
        }
        words[begun..].fill((count as u64) << 32);
        Run { rows, directory }
    }

    /// Sorts rows; of several rows of one identity the last wins.
    pub(super) fn sort(mut rows: Vec<Packed>) -> Run {
        let piece = rows.len().div_ceil(rayon::current_num_threads()).max(SORT_ALONE);
        // Stable, so that rows of one identity stay in the order in which they were committed.
        rows.par_chunks_mut(piece).for_each(|piece| piece.sort_by(Packed::compare));
        let pieces: Vec<Vec<Packed>> = rows.par_chunks(piece).map(last_of_each).collect();
        drop(rows);
        merged(pieces.iter().rev().map(Vec::as_slice), Tombstones::Keep)
    }

    /// Merges runs, the newest first.
    pub(super) fn merge(newest_first: &[&Run], tombstones: Tombstones) -> Run {
        merged(newest_first.iter().map(|run| run.rows()), tombstones)
    }

    /// Takes rows that were read from disk; `None` if they are not in strictly rising order.
    pub(super) fn from_disk(rows: Pages<Packed>) -> Option<Run> {
        let sorted = rows.as_slice().par_windows(2).with_min_len(1 << 16).all(|pair| pair[0].compare(&pair[1]).is_lt());
        sorted.then(|| Run::new(rows))
    }

    /// All rows.
    pub(super) fn rows(&self) -> &[Packed] {
        self.rows.as_slice()
    }

    /// The number of rows.
    pub(super) fn len(&self) -> usize {
        self.rows().len()
    }

    /// Whether there are no rows.
    pub(super) fn is_empty(&self) -> bool {
        self.rows().is_empty()
    }

    /// Whether any row is cleared.
    pub(super) fn has_tombstones(&self) -> bool {
        !self.rows().iter().all(Packed::is_active)
    }

    /// The rows of a prefix, at most one a publisher and list. O(log n) whatever the tokens are.
    #[inline]
    pub(super) fn find(&self, prefix: &Prefix) -> &[Packed] {
        let prefix = u128::from_be_bytes(*prefix);
        let directory = self.directory.as_slice();
        let Some(buckets) = directory.len().checked_sub(1) else { return &[] };
        let bucket = bucket(prefix, buckets);
        let (word, bits) = (directory[bucket], filter_bits(prefix));
        if word & bits != bits {
            return &[];
        }
        let rows = &self.rows()[first_row(word)..first_row(directory[bucket + 1])];
        let rows = &rows[count(rows, |row| row.prefix < prefix)..];
        // Rows of one prefix are few, however large its bucket is: look for their end from here, in doubling steps.
        let mut end = 0;
        while rows.get(end).is_some_and(|row| row.prefix == prefix) {
            end = 2 * end + 1;
        }
        let rows = &rows[..end.min(rows.len())];
        &rows[..count(rows, |row| row.prefix == prefix)]
    }

    /// Whether there is a row of this identity, standing or cleared.
    pub(super) fn has(&self, prefix: &Prefix, owner: u32) -> bool {
        self.find(prefix).binary_search_by_key(&owner, Packed::owner).is_ok()
    }

    /// Bytes in memory.
    pub(super) fn memory_bytes(&self) -> usize {
        self.rows.memory_bytes() + self.directory.memory_bytes()
    }
}

/// What a merge does with cleared rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tombstones {
    /// Older runs remain below the result: what was cleared must stay hidden.
    Keep,
    /// The result is the oldest run: nothing is left to hide.
    Drop,
}

fn merged<'a>(newest_first: impl Iterator<Item = &'a [Packed]> + Clone, tombstones: Tombstones) -> Run {
    let mut rows = Pages::with_capacity(newest_first.clone().map(<[Packed]>::len).sum());
    rows.extend(Merge::new(newest_first).filter(|row| tombstones == Tombstones::Keep || row.is_active()));
    Run::new(rows)
}

fn last_of_each(sorted: &[Packed]) -> Vec<Packed> {
    sorted.chunk_by(|a, b| a.compare(b).is_eq()).filter_map(|same| same.last().copied()).collect()
}

/// The bucket of a prefix: rises with the prefix, so that equal ones share it, for any number of buckets.
fn bucket(prefix: u128, buckets: usize) -> usize {
    (((prefix >> 64) * buckets as u128) >> 64) as usize
}

/// The bits of a prefix in its bucket's filter: three, chosen by bits that do not choose the bucket. Whoever makes up
/// tokens can fill a filter; what is lost then is the short cut, and only in that bucket.
fn filter_bits(prefix: u128) -> u64 {
    (1 << (prefix & 31)) | (1 << ((prefix >> 5) & 31)) | (1 << ((prefix >> 10) & 31))
}

fn first_row(word: u64) -> usize {
    (word >> 32) as usize
}

/// How many rows at the front fulfil a condition that, once unfulfilled, stays so.
#[inline]
fn count(sorted: &[Packed], condition: impl Fn(&Packed) -> bool) -> usize {
    if sorted.len() <= LINEAR {
        sorted.iter().map(|row| usize::from(condition(row))).sum()
    } else {
        sorted.partition_point(condition)
    }
}
