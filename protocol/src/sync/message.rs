//! Sync messages and their encoding.

use std::sync::Arc;

use crate::{
    base::{Hash, MemberNumber, Timestamp},
    board::PostId,
    encoding::{DecodeError, Reader, Wire, Writer},
    limits,
};

/// The head of one feed as a peer states it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PeerHead {
    /// Whose feed.
    pub publisher: MemberNumber,
    /// The number of its last batch there.
    pub seq: u64,
    /// The id of that header.
    pub id: Hash,
}

/// What a node has: compared on connecting and from time to time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heads {
    /// The number of the charter in force.
    pub charter: u64,
    /// Its id.
    pub charter_id: Hash,
    /// Heads of the feeds whose bodies it holds, in ascending order of publishers.
    pub feeds: Vec<PeerHead>,
    /// What its clock shows: SYNC-4.
    pub clock: Timestamp,
}

/// What a node asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    /// Here is what I have; what do you have?
    Heads(Heads),
    /// The headers of a feed from `from` on.
    Headers {
        /// Whose feed.
        publisher: MemberNumber,
        /// The first batch wanted.
        from: u64,
    },
    /// A body chunk by its digest.
    Chunk {
        /// The digest in the header.
        digest: Hash,
    },
    /// Charters from this number on.
    Charters {
        /// The first number wanted.
        from: u64,
    },
    /// Posts of the board other than these.
    Board {
        /// What the asker has.
        known: Vec<PostId>,
    },
}

/// What a node answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// What I have.
    Heads(Heads),
    /// Headers in order, as COSE bytes.
    Headers(Vec<Arc<[u8]>>),
    /// The bytes of a chunk.
    Chunk(Arc<[u8]>),
    /// Charters in order, signed.
    Charters(Vec<Arc<[u8]>>),
    /// Posts that the asker lacks.
    Board(Vec<Arc<[u8]>>),
    /// I do not have it (yet).
    Absent,
    /// Ask again later.
    Busy {
        /// When, in milliseconds from now.
        retry_after_ms: u32,
    },
}

/// A charter that a node announces on the charter topic; the charter itself is pulled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement {
    /// Its number.
    pub number: u64,
    /// Its id.
    pub id: Hash,
}

impl Wire for Announcement {
    const MAX_BYTES: usize = 64;

    fn write(&self, w: &mut Writer) {
        w.array(2).uint(self.number).bytes(&self.id);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(2)?;
        Ok(Announcement { number: r.uint()?, id: r.fixed()? })
    }
}

impl Wire for Heads {
    const MAX_BYTES: usize = limits::REQUEST_BYTES;

    fn write(&self, w: &mut Writer) {
        w.array(4).uint(self.charter).bytes(&self.charter_id).array(self.feeds.len());
        for head in &self.feeds {
            w.array(3).uint(head.publisher.0).uint(head.seq).bytes(&head.id);
        }
        w.uint(self.clock.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(4)?;
        let (charter, charter_id) = (r.uint()?, r.fixed()?);
        let feeds = r.items(limits::MEMBERS, |r| {
            r.tuple(3)?;
            Ok(PeerHead { publisher: MemberNumber(r.small("publisher")?), seq: r.uint()?, id: r.fixed()? })
        })?;
        // One feed, one head: a second one for the same publisher would be read differently by different nodes.
        if !feeds.windows(2).all(|pair| pair[0].publisher < pair[1].publisher) {
            return Err(DecodeError::NotCanonical);
        }
        Ok(Heads { charter, charter_id, feeds, clock: Timestamp(r.uint()?) })
    }
}

impl Wire for Request {
    const MAX_BYTES: usize = limits::REQUEST_BYTES;

    fn write(&self, w: &mut Writer) {
        match self {
            Request::Heads(heads) => w.array(2).uint(0u8).object(heads),
            Request::Headers { publisher, from } => w.array(3).uint(1u8).uint(publisher.0).uint(*from),
            Request::Chunk { digest } => w.array(2).uint(2u8).bytes(digest),
            Request::Charters { from } => w.array(2).uint(3u8).uint(*from),
            Request::Board { known } => w.array(2).uint(4u8).bytes(known.as_flattened()),
        };
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = r.array(3)?;
        let kind = r.uint()?;
        match (kind, len) {
            (0, 2) => Ok(Request::Heads(Heads::read(r)?)),
            (1, 3) => Ok(Request::Headers { publisher: MemberNumber(r.small("publisher")?), from: r.uint()? }),
            (2, 2) => Ok(Request::Chunk { digest: r.fixed()? }),
            (3, 2) => Ok(Request::Charters { from: r.uint()? }),
            (4, 2) => match r.bytes(limits::POSTS * size_of::<PostId>())?.as_chunks() {
                (known, []) => Ok(Request::Board { known: known.to_vec() }),
                _ => Err(DecodeError::OutOfRange("board")),
            },
            (0..=4, _) => Err(DecodeError::Malformed),
            (other, _) => Err(DecodeError::UnknownKey(other)),
        }
    }
}

impl Wire for Response {
    const MAX_BYTES: usize = limits::ANSWER_BYTES;

    fn write(&self, w: &mut Writer) {
        let list = |w: &mut Writer, kind: u8, items: &[Arc<[u8]>]| {
            w.array(2).uint(kind).array(items.len());
            for item in items {
                w.bytes(item);
            }
        };
        match self {
            Response::Heads(heads) => {
                w.array(2).uint(0u8).object(heads);
            }
            Response::Headers(headers) => list(w, 1, headers),
            Response::Chunk(bytes) => {
                w.array(2).uint(2u8).bytes(bytes);
            }
            Response::Charters(charters) => list(w, 3, charters),
            Response::Board(posts) => list(w, 6, posts),
            Response::Absent => {
                w.array(1).uint(4u8);
            }
            Response::Busy { retry_after_ms } => {
                w.array(2).uint(5u8).uint(*retry_after_ms);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = r.array(2)?;
        let kind = r.uint()?;
        match (kind, len) {
            (0, 2) => Ok(Response::Heads(Heads::read(r)?)),
            (1, 2) => Ok(Response::Headers(
                r.items(limits::HEADERS_PER_ANSWER, |r| Ok(r.bytes(limits::GOSSIP_BYTES)?.into()))?,
            )),
            (2, 2) => Ok(Response::Chunk(r.bytes(limits::CHUNK_BYTES)?.into())),
            (3, 2) => Ok(Response::Charters(
                r.items(limits::CHARTERS_PER_ANSWER, |r| Ok(r.bytes(limits::CHARTER_BYTES)?.into()))?,
            )),
            (4, 1) => Ok(Response::Absent),
            (5, 2) => Ok(Response::Busy { retry_after_ms: r.small("retry")? }),
            (6, 2) => {
                Ok(Response::Board(r.items(limits::POSTS_PER_ANSWER, |r| Ok(r.bytes(limits::POST_BYTES)?.into()))?))
            }
            (0..=6, _) => Err(DecodeError::Malformed),
            (other, _) => Err(DecodeError::UnknownKey(other)),
        }
    }
}
