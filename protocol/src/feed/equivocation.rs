//! Equivocation: two signed headers of one feed that cannot both be true. The two are the whole proof.

use std::cmp::Ordering;

use super::BatchHeader;
use crate::{
    base::MemberNumber,
    encoding::{DecodeError, Reader, Wire, Writer},
    limits,
    signed::{SignatureError, Signed},
};

/// Two signed headers of one publisher, in the order of their numbers, then of their ids.
#[derive(Clone, Debug, PartialEq)]
pub struct Equivocation {
    first: Signed<BatchHeader>,
    second: Signed<BatchHeader>,
}

/// How two headers contradict each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Contradiction {
    /// FEED-1: one number, two headers.
    SameNumber,
    /// FEED-2: the later one names another predecessor.
    OtherPredecessor,
    /// FEED-2: the later one begins at another leaf than where its predecessor ends, or was signed before it.
    NoContinuation,
    /// FEED-8: as many leaves under another root.
    OtherRoot,
}

impl Equivocation {
    /// Puts two headers in order.
    pub fn new(one: Signed<BatchHeader>, other: Signed<BatchHeader>) -> Equivocation {
        let place = |header: &Signed<BatchHeader>| (header.payload().seq, header.id());
        match place(&one).cmp(&place(&other)) {
            Ordering::Greater => Equivocation { first: other, second: one },
            _ => Equivocation { first: one, second: other },
        }
    }

    /// Decodes `[header, header]` and checks both signatures.
    pub fn decode(bytes: &[u8]) -> Result<Equivocation, SignatureError> {
        let Pair([one, other]) = Pair::decode(bytes)?;
        let decoded = Equivocation::new(Signed::decode(&one)?, Signed::decode(&other)?);
        // The other order would be another name for the same proof.
        if **decoded.first.envelope() == *one { Ok(decoded) } else { Err(DecodeError::NotCanonical.into()) }
    }

    /// `[header, header]`, as COSE bytes.
    pub fn encode(&self) -> Vec<u8> {
        Pair([self.first.envelope().to_vec(), self.second.envelope().to_vec()]).encode()
    }

    /// The header with the lower number, or with the lower id.
    pub fn first(&self) -> &Signed<BatchHeader> {
        &self.first
    }

    /// The other one.
    pub fn second(&self) -> &Signed<BatchHeader> {
        &self.second
    }

    /// Whose feed the first one is of.
    pub fn publisher(&self) -> MemberNumber {
        self.first.payload().publisher
    }

    /// What the two contradict each other in; `None` if they may both be true.
    pub fn contradiction(&self) -> Option<Contradiction> {
        let (a, b) = (self.first.payload(), self.second.payload());
        if (a.alliance, a.publisher) != (b.alliance, b.publisher) || self.first.id() == self.second.id() {
            return None;
        }
        if a.seq == b.seq {
            return Some(Contradiction::SameNumber);
        }
        if a.seq.checked_add(1) == Some(b.seq) {
            if b.previous != Some(self.first.id()) {
                return Some(Contradiction::OtherPredecessor);
            }
            if b.first != a.size || b.issued < a.issued {
                return Some(Contradiction::NoContinuation);
            }
        }
        (a.size == b.size && a.root != b.root).then_some(Contradiction::OtherRoot)
    }

    /// How many leaves the tree has after the batches that both histories share, as far as the two headers tell.
    pub fn common_size(&self) -> u64 {
        let (a, b) = (self.first.payload(), self.second.payload());
        match self.contradiction() {
            Some(Contradiction::SameNumber) => a.first.min(b.first),
            Some(Contradiction::OtherPredecessor) | None => a.first,
            Some(Contradiction::NoContinuation | Contradiction::OtherRoot) => a.size,
        }
    }

    /// How many batches both histories share, as far as the two headers tell: the feed stands still there.
    pub fn common(&self) -> u64 {
        match self.contradiction() {
            // What the first one says of its own number is contested.
            Some(Contradiction::SameNumber | Contradiction::OtherPredecessor) | None => self.first.payload().seq,
            Some(Contradiction::NoContinuation | Contradiction::OtherRoot) => self.first.payload().seq + 1,
        }
    }
}

struct Pair([Vec<u8>; 2]);

impl Wire for Pair {
    const MAX_BYTES: usize = limits::POST_BYTES - 16;

    fn write(&self, w: &mut Writer) {
        w.array(2).bytes(&self.0[0]).bytes(&self.0[1]);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(2)?;
        Ok(Pair([r.bytes(limits::GOSSIP_BYTES)?.to_vec(), r.bytes(limits::GOSSIP_BYTES)?.to_vec()]))
    }
}
