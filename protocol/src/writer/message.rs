//! What a candidate asks, what an elector replies, and their encoding.

use std::sync::Arc;

use crate::{
    base::{Hash, MemberNumber},
    encoding::{DecodeError, Reader, Wire, Writer},
    feed::{BatchHeader, Head},
    limits,
    signed::{self, PublicKey, Signed, Signer},
};

/// The reign of one node: a later term ends every earlier one. No two nodes ever hold the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Term {
    /// Counts up.
    pub number: u64,
    /// Whose it is.
    pub node: PublicKey,
}

/// Where a feed ends: the number and the id of its last header; `None` while it is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place(pub Option<(u64, Hash)>);

impl Place {
    /// The place after a head.
    pub fn after(head: Option<&Head>) -> Place {
        Place(head.map(|head| (head.seq, head.id)))
    }

    /// The number of the batch that comes here.
    pub fn next(&self) -> u64 {
        self.0.map_or(0, |(seq, _)| seq.saturating_add(1))
    }

    /// Whether a header is about this place.
    pub fn takes(&self, header: &BatchHeader) -> bool {
        header.seq == self.next() && header.previous == self.0.map(|(_, id)| id)
    }
}

/// A batch that is to be signed: the header without the feed key's two signatures, and the key that will make them. Signing is
/// deterministic (RFC 8032), so whoever finishes the batch makes the very same header.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The header; its `checkpoint` is absent.
    pub header: BatchHeader,
    /// The feed key.
    pub key: PublicKey,
}

/// Why a proposal can not be signed here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the batch was agreed on for another feed key than this node has")]
pub struct SignError;

impl Proposal {
    /// What a header to be published proposes.
    pub fn of(header: &BatchHeader, key: PublicKey) -> Proposal {
        Proposal { header: BatchHeader { checkpoint: None, ..header.clone() }, key }
    }

    /// Signs the batch once it is agreed on; `log` is the feed's name as a log under the charter that the header names.
    pub fn sign(&self, log: Option<&str>, signer: &dyn Signer) -> Result<Signed<BatchHeader>, SignError> {
        if signer.public() != self.key {
            return Err(SignError);
        }
        let mut header = self.header.clone();
        header.checkpoint = log.map(|log| signer.sign(header.checkpoint_text(log).as_bytes()));
        Ok(signed::sign(&header, signer))
    }
}

/// A proposal in a term, signed by the feed key: no elector can invent one, nor put one into another term.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bid {
    /// The term.
    pub term: Term,
    /// The batch.
    pub proposal: Proposal,
    /// The feed key's signature over both.
    pub signature: [u8; 64],
}

impl Bid {
    /// Proposes a batch in a term.
    pub fn sign(term: Term, proposal: Proposal, signer: &dyn Signer) -> Result<Bid, SignError> {
        if signer.public() != proposal.key {
            return Err(SignError);
        }
        let signature = signer.sign(&bid_text(&term, &proposal));
        Ok(Bid { term, proposal, signature })
    }

    /// Whether the key that the proposal names signed it in this term.
    pub fn holds(&self) -> bool {
        signed::verify(&self.proposal.key, &bid_text(&self.term, &self.proposal), &self.signature)
    }

    /// The header that is to be signed.
    pub fn header(&self) -> &BatchHeader {
        &self.proposal.header
    }
}

/// Begins like nothing else that a feed key signs.
fn bid_text(term: &Term, proposal: &Proposal) -> Vec<u8> {
    let mut w = Writer::default();
    w.array(2);
    term.write(&mut w);
    w.object(proposal);
    [b"antibrush/writer/1\n", w.as_bytes()].concat()
}

/// How a candidate comes to its term.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claim {
    /// It goes on with its own: granted only if nobody else was promised anything since that term.
    Resume(Option<Term>),
    /// It takes over from whoever writes.
    Take,
}

/// A candidate asks to be the writer from a place on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vote {
    /// Whose feed.
    pub publisher: MemberNumber,
    /// Its new term.
    pub term: Term,
    /// The end of the feed as it has it.
    pub place: Place,
    /// By which right.
    pub claim: Claim,
}

/// What a node asks about writing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// Shall I write?
    Vote(Vote),
    /// Shall this be the next batch?
    Accept(Box<Bid>),
    /// A chunk of a batch that is proposed or was accepted.
    Chunk {
        /// Its digest.
        digest: Hash,
    },
}

/// Why an elector says no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// WRITER-3: a later term was promised, or another batch accepted in this one.
    #[error("another node of the member has taken over")]
    Outdated(Term),
    /// WRITER-2: the asker lacks batches up to this one.
    #[error("the asking node lacks batches up to {0}")]
    Behind(u64),
    /// WRITER-2: the elector lacks batches.
    #[error("the elector has not caught up yet")]
    Lagging,
    /// WRITER-2: the elector has another header at this place.
    #[error("the elector has another history of the feed")]
    OtherHistory,
    /// WRITER-1: the asker is no node of the publisher.
    #[error("the asking node is no node of the publisher")]
    NotYours,
    /// WRITER-4: the header breaks a rule, or the body did not come.
    #[error("the batch breaks a rule or its body did not come")]
    Batch,
    /// WRITER-7: the elector lost its memory.
    #[error("the elector lost its memory and is silent until the feed names a new charter")]
    Abstains,
    /// Its storage failed.
    #[error("the elector's storage failed")]
    Storage,
}

/// What an elector replies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To [`Ask::Vote`]: no earlier term will be heard; this is what was accepted for the place before.
    Promised(Option<Box<Bid>>),
    /// To [`Ask::Accept`]: it is durable here, with its body.
    Accepted,
    /// No.
    Refused(Refused),
    /// To [`Ask::Chunk`].
    Chunk(Arc<[u8]>),
    /// To [`Ask::Chunk`]: not here.
    Absent,
}

impl Term {
    fn write(&self, w: &mut Writer) {
        w.array(2).uint(self.number).bytes(&self.node);
    }

    fn read(r: &mut Reader<'_>) -> Result<Term, DecodeError> {
        r.tuple(2)?;
        Ok(Term { number: r.uint()?, node: r.fixed()? })
    }
}

/// An optional item: an array of none or one.
pub(super) fn write_option<T>(w: &mut Writer, item: Option<&T>, write: impl FnOnce(&mut Writer, &T)) {
    w.array(usize::from(item.is_some()));
    if let Some(item) = item {
        write(w, item);
    }
}

/// Reads what [`write_option`] wrote.
pub(super) fn read_option<T>(
    r: &mut Reader<'_>,
    read: impl FnMut(&mut Reader<'_>) -> Result<T, DecodeError>,
) -> Result<Option<T>, DecodeError> {
    Ok(r.items(1, read)?.pop())
}

pub(super) fn write_term(w: &mut Writer, term: &Term) {
    term.write(w);
}

pub(super) fn read_term(r: &mut Reader<'_>) -> Result<Term, DecodeError> {
    Term::read(r)
}

pub(super) fn write_bid(w: &mut Writer, bid: &Bid) {
    w.object(bid);
}

pub(super) fn read_bid(r: &mut Reader<'_>) -> Result<Box<Bid>, DecodeError> {
    Bid::read(r).map(Box::new)
}

impl Wire for Bid {
    const MAX_BYTES: usize = limits::GOSSIP_BYTES + 128;

    fn write(&self, w: &mut Writer) {
        w.array(3);
        self.term.write(w);
        w.object(&self.proposal).bytes(&self.signature);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(3)?;
        Ok(Bid { term: Term::read(r)?, proposal: Proposal::read(r)?, signature: r.fixed()? })
    }
}

impl Wire for Proposal {
    const MAX_BYTES: usize = limits::GOSSIP_BYTES;

    fn write(&self, w: &mut Writer) {
        w.array(2).object(&self.header).bytes(&self.key);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(2)?;
        Ok(Proposal { header: BatchHeader::read(r)?, key: r.fixed()? })
    }
}

impl Wire for Ask {
    const MAX_BYTES: usize = limits::GOSSIP_BYTES + 256;

    fn write(&self, w: &mut Writer) {
        match self {
            Ask::Vote(Vote { publisher, term, place, claim }) => {
                w.array(5).uint(0u8).uint(publisher.0);
                term.write(w);
                write_option(w, place.0.as_ref(), |w, (seq, id)| {
                    w.array(2).uint(*seq).bytes(id);
                });
                match claim {
                    Claim::Take => w.array(1).uint(1u8),
                    Claim::Resume(after) => {
                        w.array(2).uint(0u8);
                        write_option(w, after.as_ref(), write_term);
                        w
                    }
                };
            }
            Ask::Accept(bid) => {
                w.array(2).uint(1u8).object(&**bid);
            }
            Ask::Chunk { digest } => {
                w.array(2).uint(2u8).bytes(digest);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = r.array(5)?;
        match (r.uint()?, len) {
            (0, 5) => {
                let (publisher, term) = (MemberNumber(r.small("publisher")?), Term::read(r)?);
                let place = read_option(r, |r| {
                    r.tuple(2)?;
                    Ok((r.uint()?, r.fixed()?))
                })?;
                let parts = r.array(2)?;
                let claim = match (r.uint()?, parts) {
                    (0, 2) => Claim::Resume(read_option(r, Term::read)?),
                    (1, 1) => Claim::Take,
                    _ => return Err(DecodeError::OutOfRange("claim")),
                };
                Ok(Ask::Vote(Vote { publisher, term, place: Place(place), claim }))
            }
            (1, 2) => Ok(Ask::Accept(read_bid(r)?)),
            (2, 2) => Ok(Ask::Chunk { digest: r.fixed()? }),
            (0..=2, _) => Err(DecodeError::Malformed),
            (other, _) => Err(DecodeError::UnknownKey(other)),
        }
    }
}

impl Wire for Reply {
    const MAX_BYTES: usize = limits::ANSWER_BYTES;

    fn write(&self, w: &mut Writer) {
        match self {
            Reply::Promised(accepted) => {
                w.array(2).uint(0u8);
                write_option(w, accepted.as_deref(), write_bid);
            }
            Reply::Accepted => {
                w.array(1).uint(1u8);
            }
            Reply::Refused(refused) => {
                w.array(2).uint(2u8);
                match refused {
                    Refused::Outdated(term) => term.write(w.array(2).uint(0u8)),
                    Refused::Behind(seq) => {
                        w.array(2).uint(1u8).uint(*seq);
                    }
                    plain => {
                        w.array(1).uint(plain.code());
                    }
                }
            }
            Reply::Chunk(bytes) => {
                w.array(2).uint(3u8).bytes(bytes);
            }
            Reply::Absent => {
                w.array(1).uint(4u8);
            }
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let len = r.array(2)?;
        match (r.uint()?, len) {
            (0, 2) => Ok(Reply::Promised(read_option(r, read_bid)?)),
            (1, 1) => Ok(Reply::Accepted),
            (2, 2) => {
                let parts = r.array(2)?;
                match (r.uint()?, parts) {
                    (0, 2) => Ok(Reply::Refused(Refused::Outdated(Term::read(r)?))),
                    (1, 2) => Ok(Reply::Refused(Refused::Behind(r.uint()?))),
                    (code, 1) => {
                        let plain = Refused::PLAIN.iter().find(|refused| refused.code() == code);
                        plain.map(|refused| Reply::Refused(*refused)).ok_or(DecodeError::OutOfRange("refusal"))
                    }
                    _ => Err(DecodeError::Malformed),
                }
            }
            (3, 2) => Ok(Reply::Chunk(r.bytes(limits::CHUNK_BYTES)?.into())),
            (4, 1) => Ok(Reply::Absent),
            (0..=4, _) => Err(DecodeError::Malformed),
            (other, _) => Err(DecodeError::UnknownKey(other)),
        }
    }
}

impl Refused {
    /// Those that say no more than their name.
    const PLAIN: [Refused; 6] = [
        Refused::Lagging,
        Refused::OtherHistory,
        Refused::NotYours,
        Refused::Batch,
        Refused::Abstains,
        Refused::Storage,
    ];

    const fn code(self) -> u64 {
        match self {
            Refused::Outdated(_) => 0,
            Refused::Behind(_) => 1,
            Refused::Lagging => 2,
            Refused::OtherHistory => 3,
            Refused::NotYours => 4,
            Refused::Batch => 5,
            Refused::Abstains => 6,
            Refused::Storage => 7,
        }
    }
}
