//! A member's statement of what its node has forgotten.

use crate::{
    base::{Day, Hash, MemberNumber, Timestamp},
    encoding::{DecodeError, Reader, Wire, Writer},
    limits,
    signed::Payload,
};

const VERSION: u64 = 1;

/// "In my copies of these feeds everything that was due by this day is erased." What a member signs it answers for; no signature
/// proves that no copy is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PurgeReceipt {
    /// The alliance.
    pub alliance: Hash,
    /// Who forgot.
    pub member: MemberNumber,
    /// The day, in Beijing time, by which what was due is erased.
    pub day: Day,
    /// When it was signed.
    pub issued: Timestamp,
    /// The feeds that were looked at to the end, by publisher, ascending.
    pub feeds: Vec<Purged>,
}

/// What is erased of one feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Purged {
    /// Whose feed.
    pub publisher: MemberNumber,
    /// Leaves whose contents are erased in all.
    pub erased: u64,
    /// The leaves that were looked at: those in force.
    pub size: u64,
}

impl PurgeReceipt {
    /// What it says of a feed.
    pub fn of(&self, publisher: MemberNumber) -> Option<&Purged> {
        self.feeds.binary_search_by_key(&publisher, |feed| feed.publisher).ok().map(|place| &self.feeds[place])
    }

    /// Leaves whose contents are erased, in all feeds.
    pub fn erased(&self) -> u64 {
        self.feeds.iter().map(|feed| feed.erased).sum()
    }

    /// PURGE-3: whether this one may take the place of the one before: it was issued later, about no earlier day. The counts are
    /// free: a feed that the stewards cut or that is taken anew has fewer erased leaves than before, and who has contents again
    /// must be able to say so.
    pub fn follows(&self, before: &PurgeReceipt) -> bool {
        self.issued > before.issued && self.day >= before.day
    }
}

impl Payload for PurgeReceipt {
    const CONTENT_TYPE: &'static str = "application/antibrush-purge+cbor";
}

impl Wire for PurgeReceipt {
    const MAX_BYTES: usize = limits::GOSSIP_BYTES - 512;

    fn write(&self, w: &mut Writer) {
        w.array(6).uint(VERSION).bytes(&self.alliance).uint(self.member.0).uint(self.day.0).uint(self.issued.0);
        w.array(self.feeds.len());
        for feed in &self.feeds {
            w.array(3).uint(feed.publisher.0).uint(feed.erased).uint(feed.size);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(6)?;
        r.version(VERSION)?;
        let (alliance, member) = (r.fixed()?, MemberNumber(r.small("member")?));
        let (day, issued) = (Day(u32::from(r.small::<u16>("day")?)), Timestamp(r.uint()?));
        let feeds = r.items(limits::MEMBERS, |r| {
            r.tuple(3)?;
            Ok(Purged { publisher: MemberNumber(r.small("feeds")?), erased: r.uint()?, size: r.uint()? })
        })?;
        // PURGE-2
        if !feeds.windows(2).all(|pair| pair[0].publisher < pair[1].publisher) {
            return Err(DecodeError::NotCanonical);
        }
        let may_be = |feed: &Purged| feed.erased <= feed.size && feed.size <= u64::from(u32::MAX);
        if !feeds.iter().all(may_be) {
            return Err(DecodeError::OutOfRange("feeds"));
        }
        Ok(PurgeReceipt { alliance, member, day, issued, feeds })
    }
}
