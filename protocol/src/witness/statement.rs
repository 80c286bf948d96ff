//! The statement, its rules of form, and which one follows which.

use super::WitnessError;
use crate::{
    base::{Hash, MemberNumber, Timestamp},
    charter::Charter,
    checkpoint::{Checkpoint, Cosignature, log_name},
    encoding::{DecodeError, Reader, Wire, Writer},
    limits,
    signed::{Payload, PublicKey, Signer},
};

const VERSION: u64 = 1;

/// The most feeds of one statement: so many that it fits into gossip.
pub const HEADS_OF_A_PAGE: usize = 64;

/// Which of a witness's statements is about a publisher.
pub fn page_of(publisher: MemberNumber) -> u16 {
    publisher.0 / HEADS_OF_A_PAGE as u16
}

/// A head that a witness holds with every leaf under it, and its cosignature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WitnessedHead {
    /// Whose feed.
    pub publisher: MemberNumber,
    /// After how many decisions that cut the feed: each makes it another log.
    pub cuts: u8,
    /// The number of the batch.
    pub seq: u64,
    /// Leaves in the tree.
    pub size: u64,
    /// The root.
    pub root: Hash,
    /// The cosignature over the head's checkpoint.
    pub cosignature: Cosignature,
}

impl WitnessedHead {
    /// The text that is cosigned.
    pub fn text(&self, alliance: &Hash, slug: &str) -> String {
        Checkpoint::of(&log_name(alliance, slug, usize::from(self.cuts)), self.seq, self.size, &self.root).text()
    }

    /// The same head, cosigned by this key at this time.
    pub fn cosigned(self, alliance: &Hash, slug: &str, time: Timestamp, signer: &dyn Signer) -> WitnessedHead {
        WitnessedHead { cosignature: Cosignature::sign(&self.text(alliance, slug), time, signer), ..self }
    }

    /// Whether a witness that stated the one before may state this one: the same, or one further on. A tree only grows, and
    /// heartbeats leave it as it is.
    pub fn continues(&self, before: &WitnessedHead) -> bool {
        let tree = |head: &WitnessedHead| (head.size, head.root);
        match (self.cuts, self.seq).cmp(&(before.cuts, before.seq)) {
            std::cmp::Ordering::Less => false,
            std::cmp::Ordering::Equal => tree(self) == tree(before),
            std::cmp::Ordering::Greater => {
                self.cuts > before.cuts
                    || self.size > before.size
                    || (self.size == before.size && self.root == before.root)
            }
        }
    }

    /// WITNESS-7: whether a witness that stated the one before may cosign this one, given the size and root of the batch with
    /// that number in the history that it holds under this one, if it holds one. Another log owes the one before nothing.
    pub fn may_follow(&self, before: &WitnessedHead, held: Option<(u64, Hash)>) -> bool {
        let passes = self.cuts > before.cuts || held == Some((before.size, before.root));
        passes && self.continues(before)
    }
}

/// What a witness holds of the feeds of one page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WitnessStatement {
    /// The alliance.
    pub alliance: Hash,
    /// Who states it.
    pub witness: MemberNumber,
    /// When.
    pub issued: Timestamp,
    /// The heads by publisher, ascending.
    pub heads: Vec<WitnessedHead>,
}

impl WitnessStatement {
    /// The page that it is about.
    pub fn page(&self) -> u16 {
        self.heads.first().map_or(0, |head| page_of(head.publisher))
    }

    /// What it says of a feed.
    pub fn head(&self, publisher: MemberNumber) -> Option<&WitnessedHead> {
        self.heads.binary_search_by_key(&publisher, |head| head.publisher).ok().map(|at| &self.heads[at])
    }

    /// Checks everything that the statement, the charter and the signer's key tell; not whether that key may sign.
    pub fn check(&self, charter: &Charter, key: &PublicKey) -> Result<(), WitnessError> {
        // WITNESS-1
        let ascending = self.heads.windows(2).all(|pair| pair[0].publisher < pair[1].publisher);
        let fits =
            |head: &WitnessedHead| page_of(head.publisher) == self.page() && head.cosignature.time <= self.issued;
        if self.heads.is_empty() || self.heads.len() > HEADS_OF_A_PAGE || !ascending || !self.heads.iter().all(fits) {
            return Err(WitnessError::Form);
        }
        // WITNESS-2
        if self.head(self.witness).is_some() {
            return Err(WitnessError::OwnFeed);
        }
        for head in &self.heads {
            // WITNESS-4
            let publisher = charter.member(head.publisher).filter(|member| member.role.publishes());
            let publisher = publisher.filter(|member| usize::from(head.cuts) <= member.cuts_made());
            let Some(publisher) = publisher else { return Err(WitnessError::UnknownFeed) };
            // WITNESS-3
            if !head.cosignature.verify(key, &head.text(&self.alliance, &publisher.slug)) {
                return Err(WitnessError::Cosignature);
            }
        }
        Ok(())
    }

    /// WITNESS-5: whether this one may take the place of the one before: it is later, is about no fewer feeds, and of each it
    /// says the same or more.
    pub fn follows(&self, before: &WitnessStatement) -> bool {
        let says_more = |old: &WitnessedHead| self.head(old.publisher).is_some_and(|new| new.continues(old));
        self.issued > before.issued && before.heads.iter().all(says_more)
    }
}

impl Payload for WitnessStatement {
    const CONTENT_TYPE: &'static str = "application/antibrush-witness+cbor";
}

impl Wire for WitnessStatement {
    const MAX_BYTES: usize = limits::GOSSIP_BYTES - 512;

    fn write(&self, w: &mut Writer) {
        w.array(5).uint(VERSION).bytes(&self.alliance).uint(self.witness.0).uint(self.issued.0);
        w.array(self.heads.len());
        for head in &self.heads {
            w.array(7).uint(head.publisher.0).uint(head.cuts).uint(head.seq).uint(head.size).bytes(&head.root);
            w.uint(head.cosignature.time.0).bytes(&head.cosignature.signature);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(5)?;
        r.version(VERSION)?;
        let (alliance, witness, issued) = (r.fixed()?, MemberNumber(r.small("witness")?), Timestamp(r.uint()?));
        let heads = r.items(HEADS_OF_A_PAGE, |r| {
            r.tuple(7)?;
            Ok(WitnessedHead {
                publisher: MemberNumber(r.small("publisher")?),
                cuts: r.small("cuts")?,
                seq: r.uint()?,
                size: r.uint()?,
                root: r.fixed()?,
                cosignature: Cosignature { time: Timestamp(r.uint()?), signature: r.fixed()? },
            })
        })?;
        Ok(WitnessStatement { alliance, witness, issued, heads })
    }
}
