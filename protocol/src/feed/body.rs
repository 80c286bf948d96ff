//! A whole body against its header: the one check that lets a batch into a feed.

use super::{BatchHeader, Totals};
use crate::{base::Hash, merkle::Frontier};

/// Why chunks that are each what the header names do not make the tree that it signs. The publisher's fault alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BodyError {
    /// BODY-1: the tree before the batch is not the one that the header continues.
    #[error("the batch does not begin where the feed ends")]
    Gap,
    /// BODY-2: the leaves make another root than the header signs.
    #[error("the leaves do not make the root that the header signs")]
    Root,
    /// BODY-3: the entries are not what the totals say.
    #[error("the entries do not add up to the totals that the header states")]
    Totals,
    /// CHUNK-6: the header names a chunk that is not what it says of it.
    #[error("the header names a chunk that is not what it says of it")]
    Misdescribed,
}

/// Gathers the chunks of one body in order and compares them with the header at the end.
pub struct BodyCheck<'a> {
    header: &'a BatchHeader,
    frontier: Frontier,
    totals: Totals,
    erased: u64,
}

impl<'a> BodyCheck<'a> {
    /// Begins at the tree before the batch.
    pub fn new(header: &'a BatchHeader, before: Frontier) -> Result<Self, BodyError> {
        // BODY-1
        if before.size() != header.first {
            return Err(BodyError::Gap);
        }
        Ok(BodyCheck { header, frontier: before, totals: Totals::default(), erased: 0 })
    }

    /// Adds the next chunk: its leaf hashes, totals and erased leaves. `node` hears of each completed subtree (level,
    /// index, hash), so that a store can keep the ones that it wants for proofs.
    pub fn add(&mut self, leaf_hashes: &[Hash], totals: &Totals, erased: u32, mut node: impl FnMut(u8, u64, &Hash)) {
        for hash in leaf_hashes {
            self.frontier.push_with(*hash, &mut node);
        }
        self.totals.add(totals);
        self.erased += u64::from(erased);
    }

    /// Compares the whole with the header; returns the tree after the batch.
    pub fn finish(self) -> Result<Frontier, BodyError> {
        // BODY-2
        if self.frontier.size() != self.header.size || self.frontier.root() != self.header.root {
            return Err(BodyError::Root);
        }
        // BODY-3: erased leaves are missing from the count, so a body with erasures may only fall short.
        let complete = self.totals == self.header.totals;
        let within = self.erased > 0
            && self.totals.is_within(&self.header.totals)
            && self.totals.sum() + self.erased == self.header.count;
        if complete || within { Ok(self.frontier) } else { Err(BodyError::Totals) }
    }
}
