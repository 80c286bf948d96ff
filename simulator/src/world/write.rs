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

/// A subject's pseudonym under the key of an epoch. Whoever makes the world can read it back: [`subject_of`].
pub fn token(epoch: u16, subject: u64) -> Token {
    let mut token = [0; 32];
    let plain = (u64::from(epoch) << 48) | (subject & SUBJECT);
    for (at, part) in token.chunks_exact_mut(8).enumerate() {
        let word = if at == 3 { plain } else { mix(plain.wrapping_mul(4).wrapping_add(at as u64)) };
        part.copy_from_slice(&word.to_be_bytes());
    }
    Token(token)
}

/// The bits of a pseudonym that are the subject.
const SUBJECT: u64 = (1 << 48) - 1;

/// The subject of a pseudonym.
pub fn subject_of(token: &Token) -> u64 {
    let [.., a, b, c, d, e, f] = token.0;
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

/// The place of the same listing under the key of another epoch.
pub fn in_epoch(place: &Place, epoch: u16) -> Place {
    (place.0, token(epoch, subject_of(&place.1)), place.2)
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
    /// Of what class they are.
    pub class: Class,
    /// The epochs of the keys in use, the newest first.
    pub epochs: Vec<u16>,
    /// From what it draws.
    pub random: Random,
}

impl Pen<'_> {
    /// So many entries.
    pub fn write(&mut self, entries: u32, relief: Millionths) -> Vec<Entry> {
        (0..entries).flat_map(|_| self.entry(relief)).collect()
    }

    /// One entry, or two about the same listing under two keys.
    fn entry(&mut self, relief: Millionths) -> Vec<Entry> {
        if self.random.happens(relief)
            && let Some(entries) = self.relieving()
        {
            return entries;
        }
        vec![self.listing()]
    }

    fn listing(&mut self) -> Entry {
        let subject = self.random.below(u64::from(self.subjects));
        let newest = self.epochs.first().copied().unwrap_or(1);
        let severity = [Severity::Minor, Severity::Ordinary, Severity::Severe][self.random.below(3) as usize];
        // ENTRY-4: mobile numbers are listed for 180 days at the most.
        let term = if self.class == Class::Mob { 70 } else { 200 };
        let expires = self.today.plus(term + self.random.below(100) as u32);
        let place = (self.author, token(newest, subject), List::Cxh);
        // What stands under the older key alone is carried over.
        let older = self.epochs.get(1).and_then(|older| self.disk.standing(&in_epoch(&place, *older), self.today));
        match older.filter(|_| !self.disk.stands(&place, self.today)) {
            Some(older) => carrying(&place, &older, newest, self.today),
            None => listing(self.class, newest, &place, severity, self.today, expires, None),
        }
    }

    /// An entry that changes, ends or speaks of a listing; `None` if there is none.
    fn relieving(&mut self) -> Option<Vec<Entry>> {
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
            return Some(self.under_all_keys(own?, clearing));
        }
        if kind == 2 {
            return Some(self.under_all_keys(own?, amendment));
        }
        if kind == 3 {
            let (place, standing) = own?;
            let about = about(&place, &standing, author);
            return Some(vec![Entry::Notice(Notice { about, step: NoticeStep::Rectify, until: None, document: None })]);
        }
        if kind == 4
            && let Some(ruling) = self.ruling()
        {
            return Some(vec![ruling]);
        }
        let (place, standing) = self.some_listing(None)?;
        let about = about(&place, &standing, author);
        Some(vec![match kind {
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
        }])
    }

    /// Whoever amends or clears a listing does it under every key under which it stands.
    fn under_all_keys(
        &self,
        (place, standing): (Place, Standing),
        entry: impl Fn(&Place, &Standing, Day) -> Entry,
    ) -> Vec<Entry> {
        let others = self.epochs.iter().filter(|epoch| **epoch != standing.epoch);
        let others = others.map(|epoch| in_epoch(&place, *epoch));
        let twins = others.filter_map(|place| Some((place, self.disk.standing(&place, self.today)?)));
        std::iter::once((place, standing)).chain(twins).map(|(place, s)| entry(&place, &s, self.today)).collect()
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
        let newest = self.epochs.first().copied().unwrap_or(1);
        let subject = token(newest, self.random.below(u64::from(self.subjects)));
        let from = self.disk.table.range((publisher, subject, List::Cxh)..);
        let from_start = self.disk.table.range((publisher, Token([0; 32]), List::Cxh)..);
        let mut of_feed = from.take_while(|(place, _)| place.0 == publisher).chain(from_start.take(8));
        of_feed
            .find(|(place, (held, ended))| place.0 == publisher && ended.is_none() && self.epochs.contains(&held.epoch))
            .map(|(place, (standing, _))| (*place, *standing))
    }
}

fn listing(
    class: Class,
    epoch: u16,
    place: &Place,
    severity: Severity,
    day: Day,
    expires: Day,
    carries: Option<u64>,
) -> Entry {
    Entry::List(Listing {
        class,
        epoch,
        token: place.1,
        list: place.2,
        conduct: Conduct::C01,
        severity,
        role: None,
        direction: None,
        region: None,
        day,
        expires,
        basis: "rules-1".to_owned(),
        evidence: [7; 32],
        name: None,
        sealed: None,
        carries,
        document: None,
    })
}

/// Lists a subject under the key of a newer epoch as it is listed under an older one. `place` may be that of either.
pub fn carrying(place: &Place, older: &Standing, epoch: u16, day: Day) -> Entry {
    let place = in_epoch(place, epoch);
    listing(older.class, epoch, &place, older.severity, day, older.expires, Some(older.leaf))
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
