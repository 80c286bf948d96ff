//! Making the next batch of one's own feed.

use std::sync::Arc;

use super::{
    BatchHeader, ChunkDescriptor, ChunkPlace, Head, Totals,
    totals::{Total, row_of},
};
use crate::{
    base::{Hash, MemberNumber, Timestamp},
    encoding::{Wire, Writer},
    entry::{Entry, EntryError},
    limits,
    merkle::{self, Frontier},
    signed::{self, Signed, Signer},
};

/// Why a batch can not be made. Wrong use by our own side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BuildError {
    /// An entry breaks a rule of form.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// The batch is full: publish it and begin another one.
    #[error("the batch is full; publish it and begin the next one")]
    Full,
}

/// The entries were gathered for another place of the feed than the one where it ends now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the feed has moved on since the batch was begun; begin it anew")]
pub struct Moved;

/// Cuts entries into chunks while they come; [`Body::seal`] makes the header.
pub struct Body {
    begins: ChunkPlace,
    chunks: Vec<(ChunkDescriptor, Arc<[u8]>)>,
    leaf_hashes: Vec<Hash>,
    totals: Totals,
    open: Vec<u8>,
    open_from: usize,
}

impl Body {
    /// Begins a body behind the leaves that a publisher's feed has.
    pub fn new(publisher: MemberNumber, size: u64) -> Body {
        Body {
            begins: ChunkPlace { publisher, first: size },
            chunks: Vec::new(),
            leaf_hashes: Vec::new(),
            totals: Totals::default(),
            open: Vec::new(),
            open_from: 0,
        }
    }

    /// Appends an entry.
    pub fn push(&mut self, entry: &Entry) -> Result<(), BuildError> {
        self.push_encoded(&encode_entry(entry)?)
    }

    /// Appends an entry whose encoding and leaf hash were made elsewhere, in parallel say, by [`encode_entry`].
    pub fn push_encoded(&mut self, encoded: &EncodedEntry) -> Result<(), BuildError> {
        if self.leaf_hashes.len() as u64 >= limits::ENTRIES_PER_BATCH
            || self.chunks.len() + 2 > limits::CHUNKS_PER_BATCH
            || !self.header_has_room()
        {
            return Err(BuildError::Full);
        }
        if self.open.len() + encoded.bytes.len() > limits::CHUNK_BYTES {
            self.close_chunk();
        }
        if self.open.is_empty() {
            let mut place = Writer::default();
            self.place_of_open().write(&mut place);
            self.open = place.into_bytes();
        }
        self.open.extend_from_slice(&encoded.bytes);
        self.leaf_hashes.push(encoded.leaf_hash);
        self.totals.count_row(encoded.total);
        Ok(())
    }

    /// Bytes of the chunks so far.
    pub fn bytes(&self) -> u64 {
        self.chunks.iter().map(|(descriptor, _)| u64::from(descriptor.bytes)).sum::<u64>() + self.open.len() as u64
    }

    /// The chunks that are complete: nothing that is appended later changes them.
    pub fn closed(&self) -> &[(ChunkDescriptor, Arc<[u8]>)] {
        &self.chunks
    }

    /// Whether the header can still describe one chunk and one row of totals more than it has to now: every row that an
    /// entry can add takes 10 bytes at the most, a chunk 45, everything else less than 320.
    fn header_has_room(&self) -> bool {
        320 + 45 * (self.chunks.len() + 2) + 10 * (self.totals.row_count() + 1) <= BatchHeader::MAX_BYTES
    }

    /// Entries so far.
    pub fn len(&self) -> u64 {
        self.leaf_hashes.len() as u64
    }

    /// Whether there are none: a heartbeat.
    pub fn is_empty(&self) -> bool {
        self.leaf_hashes.is_empty()
    }

    /// Signs the header that appends this body to the feed, which must end where the body begins; one without entries stands
    /// anywhere. Returns it and the chunks' bytes in order.
    pub fn seal(
        mut self,
        place: &Place<'_>,
        mut tree: Frontier,
        signer: &dyn Signer,
    ) -> Result<(Signed<BatchHeader>, Vec<Arc<[u8]>>), Moved> {
        let first = tree.size();
        if !self.is_empty() && self.begins != (ChunkPlace { publisher: place.publisher, first }) {
            return Err(Moved);
        }
        self.close_chunk();
        for hash in &self.leaf_hashes {
            tree.push(*hash);
        }
        let (chunks, bytes): (Vec<_>, Vec<_>) = self.chunks.into_iter().unzip();
        let mut header = BatchHeader {
            alliance: place.alliance,
            publisher: place.publisher,
            seq: place.previous.map_or(0, |head| head.seq + 1),
            previous: place.previous.map(|head| head.id),
            size: tree.size(),
            root: tree.root(),
            first,
            count: self.leaf_hashes.len() as u64,
            totals: self.totals,
            charter: place.charter,
            issued: place.now,
            expires: place.now.plus(limits::HEAD_LIFETIME_SECONDS),
            chunks,
            checkpoint: None,
        };
        // HEADER-13
        header.checkpoint = place.log.map(|log| signer.sign(header.checkpoint_text(log).as_bytes()));
        Ok((signed::sign(&header, signer), bytes))
    }

    fn place_of_open(&self) -> ChunkPlace {
        ChunkPlace { first: self.begins.first + self.open_from as u64, ..self.begins }
    }

    fn close_chunk(&mut self) {
        if self.open.is_empty() {
            return;
        }
        let place = self.place_of_open();
        let hashes = &self.leaf_hashes[self.open_from..];
        let descriptor = ChunkDescriptor {
            digest: merkle::chunk_digest(place.publisher, place.first, hashes),
            entries: hashes.len() as u32,
            bytes: self.open.len() as u32,
        };
        self.open_from = self.leaf_hashes.len();
        self.chunks.push((descriptor, self.open.as_slice().into()));
        self.open.clear();
    }
}

/// Where a batch goes.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The alliance.
    pub alliance: Hash,
    /// The id of the charter in force.
    pub charter: Hash,
    /// Our number.
    pub publisher: MemberNumber,
    /// The name of our feed as a log, under which its head is signed as a checkpoint, too; `None` leaves that out.
    pub log: Option<&'a str>,
    /// Our feed's head, if it has one.
    pub previous: Option<Head>,
    /// The time of signing; no earlier than the last header's.
    pub now: Timestamp,
}

/// An entry's bytes, leaf hash and place in the totals.
pub struct EncodedEntry {
    bytes: Vec<u8>,
    leaf_hash: Hash,
    total: Total,
}

/// Checks and encodes an entry away from its body.
pub fn encode_entry(entry: &Entry) -> Result<EncodedEntry, EntryError> {
    entry.check()?;
    let bytes = entry.encode();
    let leaf_hash = merkle::leaf_hash(&bytes);
    Ok(EncodedEntry { bytes, leaf_hash, total: row_of(entry) })
}
