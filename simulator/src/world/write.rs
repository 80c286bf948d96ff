//! What members write: entries drawn from a salt and from what the writer knows.

use antibrush_protocol::{
    base::{Day, MemberNumber, Token},
    codes::{
        CommitmentStep, Conduct, DisputeReason, List, Measure, NoticeStep, Outcome, Reason, Response, RulingReason,
        Severity,
    },
    entry::{
        About, Amendment, Clearing, Commitment, Dispute, DisputeAct, Entry, Listing, MeasureTaken, Notice, Ruling,
        ledger::Standing, lifecycle::Act,
    },
    subject::Class,
};

use super::disk::{Disk, Place};
use crate::random::{Millionths, Random, mix};

/// A subject's pseudonym.
pub fn token(subject: u64) -> Token {
    let mut token = [0; 32];
    for (at, part) in token.chunks_exact_mut(8).enumerate() {
        part.copy_from_slice(&mix(subject.wrapping_mul(4).wrapping_add(at as u64)).to_be_bytes());
    }
    Token(token)
}

/// What one member writes into one batch.
pub struct Pen<'a> {
    /// Who writes.
    pub author: MemberNumber,
    /// The day that its clock shows.
    pub today: Day,
    /// What it knows.
    pub disk: &'a Disk,
    /// How many subjects there are.
    pub subjects: u32,
    /// From what it draws.
    pub random: Random,
}

impl Pen<'_> {
    /// So many entries.
    pub fn write(&mut self, entries: u32, relief: Millionths) -> Vec<Entry> {
        (0..entries).map(|_| self.entry(relief)).collect()
    }

    fn entry(&mut self, relief: Millionths) -> Entry {
        if self.random.happens(relief)
            && let Some(entry) = self.relieving()
        {
            return entry;
        }
        self.listing()
    }

    fn listing(&mut self) -> Entry {
        let subject = self.random.below(u64::from(self.subjects));
        Entry::List(Listing {
            class: Class::Ent,
            epoch: 1,
            token: token(subject),
            list: List::Cxh,
            conduct: Conduct::C01,
            severity: [Severity::Minor, Severity::Ordinary, Severity::Severe][self.random.below(3) as usize],
            role: None,
            direction: None,
            region: None,
            day: self.today,
            expires: self.today.plus(200 + self.random.below(100) as u32),
            basis: "rules-1".to_owned(),
            evidence: [7; 32],
            name: None,
            sealed: None,
            carries: None,
            document: None,
        })
    }

    /// An entry that changes, ends or speaks of a listing; `None` if there is none.
    fn relieving(&mut self) -> Option<Entry> {
        let kind = self.random.below(8);
        let own = self.some_listing(Some(self.author));
        let today = self.today;
        let about = |place: &Place, standing: &Standing, author| About {
            class: standing.class,
            epoch: standing.epoch,
            token: place.1,
            list: place.2,
            publisher: (place.0 != author).then_some(place.0),
            target: standing.leaf,
            day: today,
        };
        let (author, evidence) = (self.author, [7; 32]);
        if kind < 2 {
            let (place, standing) = own?;
            return Some(clearing(&place, &standing, self.today));
        }
        if kind == 2 {
            let (place, standing) = own?;
            return Some(amendment(&place, &standing, self.today));
        }
        if kind == 3 {
            let (place, standing) = own?;
            let about = about(&place, &standing, author);
            return Some(Entry::Notice(Notice { about, step: NoticeStep::Rectify, until: None, document: None }));
        }
        if kind == 4
            && let Some(ruling) = self.ruling()
        {
            return Some(ruling);
        }
        let (place, standing) = self.some_listing(None)?;
        let about = about(&place, &standing, author);
        Some(match kind {
            5 => Entry::Commitment(Commitment { about, step: CommitmentStep::Committed, evidence }),
            6 => Entry::Measure(MeasureTaken {
                about,
                measure: Measure::M04,
                response: Response::Applied,
                reason: None,
                document: None,
            }),
            _ => {
                let act = DisputeAct::Filed { reason: DisputeReason::Facts, evidence };
                Entry::Dispute(Dispute { about, act })
            }
        })
    }

    /// Answers a dispute of one of the author's own listings.
    fn ruling(&mut self) -> Option<Entry> {
        let (place, standing) = self.some_listing(Some(self.author))?;
        let said = self.disk.remarks.get(&place.1)?;
        let dispute = said.iter().find(|remark| {
            remark.publisher == self.author && remark.target == standing.leaf && matches!(remark.act, Act::Dispute(_))
        })?;
        let (outcome, reason) = match self.random.below(2) {
            0 => (Outcome::Rejected, RulingReason::Sufficient),
            _ => (Outcome::Upheld, RulingReason::Insufficient),
        };
        let about = About {
            class: standing.class,
            epoch: standing.epoch,
            token: place.1,
            list: place.2,
            publisher: None,
            target: standing.leaf,
            day: self.today,
        };
        let disputer = (dispute.author != self.author).then_some(dispute.author);
        Some(Entry::Ruling(Ruling { about, outcome, reason, disputer, dispute: dispute.index }))
    }

    /// A listing that stands: of this publisher, or of a random one.
    fn some_listing(&mut self, publisher: Option<MemberNumber>) -> Option<(Place, Standing)> {
        let publisher = match publisher {
            Some(publisher) => publisher,
            None => {
                let among: Vec<MemberNumber> = self.disk.heads.keys().copied().collect();
                *self.random.pick(&among)?
            }
        };
        let subject = token(self.random.below(u64::from(self.subjects)));
        let from = self.disk.table.range((publisher, subject, List::Cxh)..);
        let from_start = self.disk.table.range((publisher, Token([0; 32]), List::Cxh)..);
        let mut of_feed = from.take_while(|(place, _)| place.0 == publisher).chain(from_start.take(8));
        of_feed
            .find(|(place, (_, ended))| place.0 == publisher && ended.is_none())
            .map(|(place, (standing, _))| (*place, *standing))
    }
}

/// Clears a listing.
pub fn clearing(place: &Place, standing: &Standing, day: Day) -> Entry {
    Entry::Clear(Clearing {
        class: standing.class,
        epoch: standing.epoch,
        token: place.1,
        list: place.2,
        target: standing.leaf,
        day,
        reason: Reason::Mistake,
    })
}

fn amendment(place: &Place, standing: &Standing, day: Day) -> Entry {
    Entry::Amend(Amendment {
        class: standing.class,
        epoch: standing.epoch,
        token: place.1,
        list: place.2,
        target: standing.leaf,
        day,
        conduct: None,
        severity: Some(Severity::Minor),
        role: None,
        direction: None,
        region: None,
        expires: None,
        basis: None,
        evidence: None,
        document: None,
    })
}
