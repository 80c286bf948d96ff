//! The batch header: a signed tree head with what its batch holds.

use super::{ChunkDescriptor, Totals};
use crate::{
    base::{Hash, MemberNumber, Timestamp},
    checkpoint::Checkpoint,
    encoding::{DecodeError, Reader, Require, Wire, Writer},
    limits,
    merkle::EMPTY_ROOT,
    signed::Payload,
};

const VERSION: u64 = 1;

/// A signed tree head over one batch more. An empty batch is the heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BatchHeader {
    /// The alliance.
    pub alliance: Hash,
    /// Whose feed it is.
    pub publisher: MemberNumber,
    /// The number of the batch in the feed, from 0.
    pub seq: u64,
    /// The id of the header before it; absent for the first.
    pub previous: Option<Hash>,
    /// Leaves in the tree after this batch.
    pub size: u64,
    /// The root over all of them (RFC 6962 §2.1).
    pub root: Hash,
    /// The index of the batch's first leaf.
    pub first: u64,
    /// Leaves in this batch.
    pub count: u64,
    /// What they are.
    pub totals: Totals,
    /// The charter under which the publisher signs.
    pub charter: Hash,
    /// When it was signed.
    pub issued: Timestamp,
    /// Until when it speaks for the feed.
    pub expires: Timestamp,
    /// The chunks of the body, in order.
    pub chunks: Vec<ChunkDescriptor>,
    /// The feed key's signature over the head's checkpoint, for tools that know nothing of this header.
    pub checkpoint: Option<[u8; 64]>,
}

/// Which rule of form a header breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// HEADER-2: `first + count = size`, all within a feed's bounds.
    #[error("first index, count and size do not agree")]
    Size,
    /// HEADER-3: the chunks hold `count` entries, none of them is empty or over its bound.
    #[error("the chunks do not add up to the count")]
    Chunks,
    /// HEADER-4: the totals add up to the count.
    #[error("the totals do not add up to the count")]
    Totals,
    /// HEADER-5: only batch 0 has no predecessor, and it begins at leaf 0.
    #[error("the first batch has no predecessor and every other one has")]
    Previous,
    /// HEADER-6: a head expires after it is issued, at most 24 h later.
    #[error("the head must expire within 24 hours of its issue")]
    Lifetime,
    /// HEADER-7: an empty tree has the empty root.
    #[error("an empty tree must have the empty root")]
    EmptyRoot,
}

impl BatchHeader {
    /// Checks the rules of form: what can be seen from the header alone.
    pub fn check(&self) -> Result<(), HeaderError> {
        // HEADER-2
        if self.first.checked_add(self.count) != Some(self.size)
            || self.size > limits::FEED_LEAVES
            || self.count > limits::ENTRIES_PER_BATCH
        {
            return Err(HeaderError::Size);
        }
        // HEADER-3
        let fits = |chunk: &ChunkDescriptor| {
            chunk.entries > 0 && chunk.bytes as usize <= limits::CHUNK_BYTES && chunk.bytes >= chunk.entries
        };
        let entries: u64 = self.chunks.iter().map(|chunk| u64::from(chunk.entries)).sum();
        if entries != self.count || !self.chunks.iter().all(fits) {
            return Err(HeaderError::Chunks);
        }
        // HEADER-4
        if self.totals.sum() != self.count {
            return Err(HeaderError::Totals);
        }
        // HEADER-5
        if self.previous.is_some() != (self.seq > 0) || (self.seq == 0 && self.first != 0) {
            return Err(HeaderError::Previous);
        }
        // HEADER-6
        let lifetime = self.expires.0.checked_sub(self.issued.0);
        if !lifetime.is_some_and(|seconds| (1..=limits::HEAD_LIFETIME_SECONDS).contains(&seconds)) {
            return Err(HeaderError::Lifetime);
        }
        // HEADER-7
        if (self.size == 0) != (self.root == EMPTY_ROOT) {
            return Err(HeaderError::EmptyRoot);
        }
        Ok(())
    }

    /// The text of the head's checkpoint.
    pub fn checkpoint_text(&self, log: &str) -> String {
        Checkpoint::of(log, self.seq, self.size, &self.root).text()
    }

    /// The bytes of the whole body at its encoding.
    pub fn body_bytes(&self) -> u64 {
        self.chunks.iter().map(|chunk| u64::from(chunk.bytes)).sum()
    }
}

/// The head of a feed as a node keeps it: enough to continue the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// The number of the last batch.
    pub seq: u64,
    /// The id of its header.
    pub id: Hash,
    /// Leaves in the tree.
    pub size: u64,
    /// The root.
    pub root: Hash,
    /// When it was signed.
    pub issued: Timestamp,
    /// Until when it speaks for the feed.
    pub expires: Timestamp,
}

impl Head {
    /// The head that a header makes.
    pub fn of(header: &BatchHeader, id: Hash) -> Head {
        let BatchHeader { seq, size, root, issued, expires, .. } = *header;
        Head { seq, id, size, root, issued, expires }
    }
}

impl Payload for BatchHeader {
    const CONTENT_TYPE: &'static str = "application/antibrush-batch-header+cbor";
}

impl Wire for BatchHeader {
    const MAX_BYTES: usize = limits::GOSSIP_BYTES - 256;

    fn write(&self, w: &mut Writer) {
        w.map(13 + usize::from(self.previous.is_some()) + usize::from(self.checkpoint.is_some()));
        w.uint(0u8).uint(VERSION);
        w.uint(1u8).bytes(&self.alliance);
        w.uint(2u8).uint(self.publisher.0);
        w.uint(3u8).uint(self.seq);
        if let Some(previous) = &self.previous {
            w.uint(4u8).bytes(previous);
        }
        w.uint(5u8).uint(self.size);
        w.uint(6u8).bytes(&self.root);
        w.uint(7u8).uint(self.first);
        w.uint(8u8).uint(self.count);
        w.uint(9u8);
        self.totals.write(w);
        w.uint(10u8).bytes(&self.charter);
        w.uint(11u8).uint(self.issued.0);
        w.uint(12u8).uint(self.expires.0);
        w.uint(13u8).array(self.chunks.len());
        for chunk in &self.chunks {
            w.array(3).bytes(&chunk.digest).uint(chunk.entries).uint(chunk.bytes);
        }
        if let Some(checkpoint) = &self.checkpoint {
            w.uint(14u8).bytes(checkpoint);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut alliance, mut publisher, mut seq, mut previous) = (None, None, None, None);
        let (mut size, mut root, mut first, mut count, mut totals) = (None, None, None, None, None);
        let (mut charter, mut issued, mut expires, mut chunks, mut version) = (None, None, None, None, None);
        let mut checkpoint = None;
        r.fields(|key, r| {
            match key {
                0 => version = Some(r.version(VERSION)?),
                1 => alliance = Some(r.fixed()?),
                2 => publisher = Some(MemberNumber(r.small("publisher")?)),
                3 => seq = Some(r.uint()?),
                4 => previous = Some(r.fixed()?),
                5 => size = Some(r.uint()?),
                6 => root = Some(r.fixed()?),
                7 => first = Some(r.uint()?),
                8 => count = Some(r.uint()?),
                9 => totals = Some(Totals::read(r)?),
                10 => charter = Some(r.fixed()?),
                11 => issued = Some(Timestamp(r.uint()?)),
                12 => expires = Some(Timestamp(r.uint()?)),
                13 => chunks = Some(r.items(limits::CHUNKS_PER_BATCH, ChunkDescriptor::read)?),
                14 => checkpoint = Some(r.fixed()?),
                other => return Err(DecodeError::UnknownKey(other)),
            }
            Ok(())
        })?;
        version.require("version")?;
        let header = BatchHeader {
            alliance: alliance.require("alliance")?,
            publisher: publisher.require("publisher")?,
            seq: seq.require("seq")?,
            previous,
            size: size.require("size")?,
            root: root.require("root")?,
            first: first.require("first")?,
            count: count.require("count")?,
            totals: totals.require("totals")?,
            charter: charter.require("charter")?,
            issued: issued.require("issued")?,
            expires: expires.require("expires")?,
            chunks: chunks.require("chunks")?,
            checkpoint,
        };
        Ok(header)
    }
}

impl ChunkDescriptor {
    fn read(r: &mut Reader<'_>) -> Result<ChunkDescriptor, DecodeError> {
        r.tuple(3)?;
        Ok(ChunkDescriptor { digest: r.fixed()?, entries: r.small("chunks")?, bytes: r.small("chunks")? })
    }
}
