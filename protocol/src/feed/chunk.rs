//! Body chunks: CBOR sequences (RFC 8742) of a place and of leaves, cut at entries.
//!
//! The place says in whose feed the chunk stands and from which leaf on. A leaf is an entry's map, or, after its content was erased,
//! the 32 bytes of its leaf hash. A chunk is named by a digest over its place and its leaf hashes, not over its bytes: erasing a
//! leaf's content keeps the name, the tree and the signature valid, and a late joiner verifies what is left in the same way.

use crate::{
    base::{Hash, MemberNumber},
    encoding::{DecodeError, Reader, Wire, Writer},
    entry::Entry,
    feed::{BatchHeader, Totals},
    limits, merkle,
};

/// What a header says of one chunk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkDescriptor {
    /// [`merkle::chunk_digest`] of its place and its leaves.
    pub digest: Hash,
    /// Leaves in it.
    pub entries: u32,
    /// Its bytes as published; fewer after erasures.
    pub bytes: u32,
}

/// Where a chunk stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ChunkPlace {
    /// In whose feed.
    pub publisher: MemberNumber,
    /// The index of its first leaf.
    pub first: u64,
}

/// An erased leaf: a 32-byte string behind its deterministic head of two bytes. Every entry is longer.
const ERASED_BYTES: usize = 34;

/// Why bytes are not the chunk that a header describes. The fault of whoever sent them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChunkError {
    /// CHUNK-1: longer than the header says.
    #[error("the chunk is longer than its header says")]
    TooLong,
    /// CHUNK-2: it does not begin with a place.
    #[error("the chunk does not begin with its place: {0}")]
    Start(DecodeError),
    /// CHUNK-2: a leaf is neither a well-formed entry nor a hash.
    #[error("leaf {leaf} of the chunk is refused: {error}")]
    Leaf {
        /// The leaf's position in the chunk.
        leaf: u32,
        /// Why.
        error: DecodeError,
    },
    /// CHUNK-3: another number of leaves than the header says.
    #[error("the chunk holds another number of leaves than its header says")]
    Count,
    /// CHUNK-4: the leaves are not the ones that the publisher signed.
    #[error("the chunk's leaves are not the ones that the header names")]
    Digest,
    /// CHUNK-6: a header names a chunk that stands at another place, or has another length or number of leaves. The fault of who signed
    /// it, not of who sent the chunk.
    #[error("the header names a chunk that is not what it says of it")]
    Misdescribed,
}

/// One leaf of a body.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "erased leaves are the exception")]
pub enum Leaf {
    /// An entry.
    Entry(Entry),
    /// Erased content; the hash keeps its place in the tree.
    Erased(Hash),
}

/// A chunk that is what its header says.
#[derive(Clone, Debug)]
pub struct Chunk {
    /// The leaves' hashes, in order.
    pub leaf_hashes: Vec<Hash>,
    /// The leaves, in order.
    pub leaves: Vec<Leaf>,
    /// What the entries in it are.
    pub totals: Totals,
    /// How many leaves are erased.
    pub erased: u32,
}

impl Chunk {
    /// Checks bytes against the description in a verified header and the place that they have there. Costs about half a microsecond
    /// a leaf.
    pub fn verify(place: ChunkPlace, descriptor: &ChunkDescriptor, bytes: &[u8]) -> Result<Chunk, ChunkError> {
        // CHUNK-1
        if bytes.len() > limits::CHUNK_BYTES {
            return Err(ChunkError::TooLong);
        }
        let is_too_long = bytes.len() > descriptor.bytes as usize;
        let read = Chunk::read(bytes, descriptor.entries as usize);
        let found = match read {
            Ok((found, chunk)) if found.digest(&chunk.leaf_hashes) == descriptor.digest => (found, chunk),
            _ if is_too_long => return Err(ChunkError::TooLong), // CHUNK-1
            Ok((_, chunk)) if chunk.leaves.len() != descriptor.entries as usize => return Err(ChunkError::Count), // CHUNK-3
            Ok(_) => return Err(ChunkError::Digest), // CHUNK-4
            Err(error) => return Err(error),
        };
        // CHUNK-6, last: only of a chunk that is the one named does anything else say something about the header.
        let (found, chunk) = found;
        if found != place || is_too_long || chunk.leaves.len() != descriptor.entries as usize {
            return Err(ChunkError::Misdescribed);
        }
        Ok(chunk)
    }

    /// Reads a chunk of about `expected` leaves.
    fn read(bytes: &[u8], expected: usize) -> Result<(ChunkPlace, Chunk), ChunkError> {
        // The announced number is the publisher's word; the bytes that came bound it: no leaf is shorter than 34 bytes.
        let room = expected.min(bytes.len() / ERASED_BYTES);
        let mut chunk = Chunk {
            leaf_hashes: Vec::with_capacity(room),
            leaves: Vec::with_capacity(room),
            totals: Totals::default(),
            erased: 0,
        };
        let mut scratch = Writer::default();
        let mut reader = Reader::new(bytes);
        let place = ChunkPlace::read(&mut reader).map_err(ChunkError::Start)?;
        while !reader.is_at_end() {
            let error = |error| ChunkError::Leaf { leaf: chunk.leaves.len() as u32, error };
            let leaf = read_leaf(&mut reader, bytes, &mut scratch).map_err(error)?;
            match &leaf.0 {
                Leaf::Entry(entry) => chunk.totals.count(entry),
                Leaf::Erased(_) => chunk.erased += 1,
            }
            chunk.leaf_hashes.push(leaf.1);
            chunk.leaves.push(leaf.0);
        }
        Ok((place, chunk))
    }
}

impl ChunkPlace {
    /// The name of a chunk of these leaves here.
    fn digest(&self, leaf_hashes: &[Hash]) -> Hash {
        merkle::chunk_digest(self.publisher, self.first, leaf_hashes)
    }

    /// `[publisher, first leaf]`.
    pub fn write(&self, w: &mut Writer) {
        w.array(2).uint(self.publisher.0).uint(self.first);
    }

    fn read(reader: &mut Reader<'_>) -> Result<ChunkPlace, DecodeError> {
        let start = reader.position();
        reader.tuple(2)?;
        let place = ChunkPlace { publisher: MemberNumber(reader.small("publisher")?), first: reader.uint()? };
        let mut canonical = Writer::default();
        place.write(&mut canonical);
        if canonical.as_bytes().len() == reader.position() - start { Ok(place) } else { Err(DecodeError::NotCanonical) }
    }
}

impl BatchHeader {
    /// The chunks of the body in order, each with its place.
    pub fn placed_chunks(&self) -> impl Iterator<Item = (ChunkPlace, &ChunkDescriptor)> {
        self.chunks.iter().scan(self.first, |next, descriptor| {
            let place = ChunkPlace { publisher: self.publisher, first: *next };
            *next += u64::from(descriptor.entries);
            Some((place, descriptor))
        })
    }
}

/// Reads one leaf and its hash; `scratch` keeps its memory between calls.
fn read_leaf(reader: &mut Reader<'_>, bytes: &[u8], scratch: &mut Writer) -> Result<(Leaf, Hash), DecodeError> {
    let start = reader.position();
    if reader.next_is_bytes() {
        let hash = reader.fixed()?;
        return if reader.position() - start == ERASED_BYTES {
            Ok((Leaf::Erased(hash), hash))
        } else {
            Err(DecodeError::NotCanonical)
        };
    }
    let entry = Entry::read(reader)?;
    let raw = &bytes[start..reader.position()];
    scratch.clear();
    entry.write(scratch);
    if scratch.as_bytes() != raw {
        return Err(DecodeError::NotCanonical);
    }
    if raw.len() > limits::ENTRY_BYTES {
        return Err(DecodeError::TooLarge);
    }
    Ok((Leaf::Entry(entry), merkle::leaf_hash(raw)))
}

/// The place with which a chunk begins: of a verified one the place where it stands.
pub fn place(chunk: &[u8]) -> Result<ChunkPlace, DecodeError> {
    ChunkPlace::read(&mut Reader::new(chunk))
}

/// The leaves of a chunk that was verified before: read back from one's own storage, form checked, digest not.
pub fn leaves(chunk: &[u8]) -> impl Iterator<Item = Result<Leaf, DecodeError>> + '_ {
    let mut reader = Reader::new(chunk);
    let mut place = Some(ChunkPlace::read(&mut reader));
    std::iter::from_fn(move || {
        if let Some(Err(error)) = place.take() {
            reader.rest();
            Some(Err(error))
        } else if reader.is_at_end() {
            None
        } else if reader.next_is_bytes() {
            Some(reader.fixed().map(Leaf::Erased))
        } else {
            Some(Entry::read(&mut reader).map(Leaf::Entry))
        }
    })
}

/// The leaves of bytes from anywhere with their hashes, in the form that chunks have behind their place: what a proof shows.
pub fn hashed_leaves(bytes: &[u8]) -> impl Iterator<Item = Result<(Leaf, Hash), DecodeError>> + '_ {
    let (mut reader, mut scratch) = (Reader::new(bytes), Writer::default());
    std::iter::from_fn(move || (!reader.is_at_end()).then(|| read_leaf(&mut reader, bytes, &mut scratch)))
}

/// The bytes of the leaves `[from, to)` of a verified chunk, as far as it has them, and how many these are.
pub fn span(chunk: &[u8], from: u64, to: u64) -> Result<(&[u8], u64), DecodeError> {
    let (mut reader, mut scratch) = (Reader::new(chunk), Writer::default());
    ChunkPlace::read(&mut reader)?;
    let (mut at, mut start) = (0, 0);
    while at < to && !reader.is_at_end() {
        if at == from {
            start = reader.position();
        }
        read_leaf(&mut reader, chunk, &mut scratch)?;
        at += 1;
    }
    match at.checked_sub(from) {
        Some(count) if count > 0 => Ok((&chunk[start..reader.position()], count)),
        _ => Ok((&[], 0)),
    }
}

/// A verified chunk without the contents of the leaves at these positions, in ascending order: their hashes stay, so the result
/// has the same name. What is erased already stays so.
pub fn erase(chunk: &[u8], positions: &[u32]) -> Result<Vec<u8>, DecodeError> {
    let (mut reader, mut scratch) = (Reader::new(chunk), Writer::default());
    let (mut kept, mut at, mut due) = (Vec::with_capacity(chunk.len()), 0u32, positions.iter().peekable());
    ChunkPlace::read(&mut reader)?;
    kept.extend_from_slice(&chunk[..reader.position()]);
    while !reader.is_at_end() {
        let start = reader.position();
        let (_, hash) = read_leaf(&mut reader, chunk, &mut scratch)?;
        if due.next_if(|position| **position == at).is_some() {
            kept.extend_from_slice(&[0x58, 0x20]);
            kept.extend_from_slice(&hash);
        } else {
            kept.extend_from_slice(&chunk[start..reader.position()]);
        }
        at += 1;
    }
    Ok(kept)
}

/// Verifies a chunk that comes without a header (from an archive on disk) and returns its digest and number of leaves:
/// what a header must name, at the place that the chunk begins with, for the chunk to count.
pub fn describe(bytes: &[u8]) -> Result<ChunkDescriptor, ChunkError> {
    if bytes.len() > limits::CHUNK_BYTES {
        return Err(ChunkError::TooLong);
    }
    let (place, Chunk { leaf_hashes, .. }) = Chunk::read(bytes, 0)?;
    let digest = place.digest(&leaf_hashes);
    Ok(ChunkDescriptor { digest, entries: leaf_hashes.len() as u32, bytes: bytes.len() as u32 })
}

/// The encoding of one leaf at its place in a verified chunk: what a proof shows.
pub fn leaf_bytes(chunk: &[u8], position: u32) -> Result<&[u8], DecodeError> {
    let mut reader = Reader::new(chunk);
    let mut scratch = Writer::default();
    ChunkPlace::read(&mut reader)?;
    for _ in 0..position {
        read_leaf(&mut reader, chunk, &mut scratch)?;
    }
    let start = reader.position();
    read_leaf(&mut reader, chunk, &mut scratch)?;
    Ok(&chunk[start..reader.position()])
}
