//! A holder's count of what it evaluated for whom on one day.

use crate::{
    base::{Day, Hash, MemberNumber, Timestamp},
    encoding::{DecodeError, Reader, Wire, Writer},
    limits,
    signed::Payload,
    subject::Class,
};

const VERSION: u64 = 1;

/// The counts of one holder, class and day. A later one of the same day counts at least as much.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UsageReport {
    /// The alliance.
    pub alliance: Hash,
    /// Who evaluated.
    pub holder: MemberNumber,
    /// The day, in Beijing time.
    pub day: Day,
    /// The class.
    pub class: Class,
    /// When it was counted.
    pub issued: Timestamp,
    /// For whom how many, ascending; members without any are left out.
    pub counts: Vec<(MemberNumber, u32)>,
}

impl UsageReport {
    /// Evaluations for one member.
    pub fn of(&self, member: MemberNumber) -> u32 {
        self.counts.binary_search_by_key(&member, |(of, _)| *of).map_or(0, |place| self.counts[place].1)
    }

    /// Evaluations for all members.
    pub fn total(&self) -> u64 {
        self.counts.iter().map(|(_, count)| u64::from(*count)).sum()
    }
}

impl Payload for UsageReport {
    const CONTENT_TYPE: &'static str = "application/antibrush-usage+cbor";
}

impl Wire for UsageReport {
    const MAX_BYTES: usize = limits::GOSSIP_BYTES - 512;

    fn write(&self, w: &mut Writer) {
        w.array(7).uint(VERSION).bytes(&self.alliance).uint(self.holder.0).uint(self.day.0);
        w.uint(self.class.number()).uint(self.issued.0).array(self.counts.len());
        for (member, count) in &self.counts {
            w.array(2).uint(member.0).uint(*count);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(7)?;
        r.version(VERSION)?;
        let (alliance, holder) = (r.fixed()?, MemberNumber(r.small("holder")?));
        let (day, class) = (Day(u32::from(r.small::<u16>("day")?)), r.code("class", Class::from_number)?);
        let issued = Timestamp(r.uint()?);
        let counts = r.items(limits::MEMBERS, |r| {
            r.tuple(2)?;
            Ok((MemberNumber(r.small("counts")?), r.small("counts")?))
        })?;
        if !counts.windows(2).all(|pair| pair[0].0 < pair[1].0) {
            return Err(DecodeError::NotCanonical);
        }
        if counts.iter().any(|(_, count)| *count == 0) {
            return Err(DecodeError::OutOfRange("counts"));
        }
        Ok(UsageReport { alliance, holder, day, class, issued, counts })
    }
}
