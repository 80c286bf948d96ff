//! What is said of listings: each wish becomes entries that speak of the subject's listings in force, own and others', as far as
//! their lives allow it.

use antibrush_protocol::{
    base::{MemberNumber, Token},
    entry::{
        About, Commitment, Dispute, DisputeAct, Entry, MeasureTaken, Notice, Ruling,
        lifecycle::{self, Held, Remark, Subject},
    },
    feed::build::{self, BuildError},
};

use super::{Outcome, Refusal, RemarkWish, Session, What};
use crate::{
    check,
    storage::table::{Prefix, prefix_of},
    tokens::{Derivations, Prepared},
};

/// A subject as this node knows it: its listings in force, and what was said of them.
struct Known {
    held: Vec<Held>,
    /// The tokens under which they stand, one for each.
    tokens: Vec<Token>,
    remarks: Vec<Remark>,
}

impl Session {
    /// Plans what is said and appends what it needs, one wish after the other: a later one sees the earlier.
    pub fn remark(&mut self, wishes: &[RemarkWish], prepared: &Prepared) -> Result<Vec<Outcome>, BuildError> {
        let mut outcomes = Vec::with_capacity(wishes.len());
        for (at, wish) in wishes.iter().enumerate() {
            let mut scratch = Vec::new();
            let outcome = match self.derive(&wish.subject, prepared.get(at), &mut scratch) {
                Ok(derivations) => self.remark_one(wish, &derivations)?,
                Err(error) => Outcome::Refused(error.into()),
            };
            outcomes.push(outcome);
        }
        Ok(outcomes)
    }

    fn remark_one(&mut self, wish: &RemarkWish, derivations: &Derivations) -> Result<Outcome, BuildError> {
        let mut known = self.known(wish, derivations);
        let (mut said, mut refused, mut spoken_of) = (0, None, false);
        for at in 0..known.held.len() {
            let held = known.held[at];
            let is_meant = wish.list.is_none_or(|list| list == held.list)
                && wish.publisher.is_none_or(|publisher| publisher == held.publisher)
                && (held.publisher == self.me || !matches!(wish.what, What::Ruling { .. }));
            if !is_meant {
                continue;
            }
            spoken_of = true;
            let open = open_disputes(&known, at, self.context.roster());
            for entry in self.entries(wish, &known, at, &open) {
                if let Err(error) = entry.check_under(self.me, self.policy()) {
                    return Ok(Outcome::Refused(error.into()));
                }
                let index = self.first + self.body.len();
                // Every entry made here speaks of a listing.
                let Some(remark) = Remark::new(&entry, self.me, index, self.today) else { continue };
                let subject = Subject::new(&known.held, &known.remarks, self.context.roster());
                match subject.admit(&remark, &known.remarks, self.context.cutoffs()) {
                    Ok(()) => {
                        self.body.push_encoded(&build::encode_entry(&entry)?)?;
                        self.said.push((prefix_of(entry.token()), remark));
                        known.remarks.push(remark);
                        said += 1;
                    }
                    Err(error) => refused = Some(Refusal::Life(error)),
                }
            }
        }
        let about_disputes = matches!(wish.what, What::Withdrawal | What::Ruling { .. });
        Ok(match (said, refused) {
            (0, Some(refusal)) => Outcome::Refused(refusal),
            (0, None) if spoken_of && about_disputes => Outcome::Refused(Refusal::NothingDisputed),
            (0, None) => Outcome::Refused(Refusal::NothingListed),
            (said, _) => Outcome::Said(said),
        })
    }

    /// The listings of a subject in force under every active epoch, with what was said of them, here and in this batch.
    fn known(&self, wish: &RemarkWish, derivations: &Derivations) -> Known {
        let mut known = Known { held: Vec::new(), tokens: Vec::new(), remarks: Vec::new() };
        let (class, mut rows) = (wish.subject.class().number(), Vec::new());
        for (epoch, derived) in derivations.iter() {
            let (token, prefix): (_, Prefix) = (derived.token(), prefix_of(&derived.token()));
            self.table.get(&prefix, &mut rows);
            let of_subject = rows.iter().filter(|row| row.epoch == epoch && row.class == class);
            for held in of_subject.filter_map(check::held).filter(|held| held.is_in_force(self.today)) {
                known.held.push(held);
                known.tokens.push(token);
            }
            self.store.remarks().of(&prefix, &mut known.remarks);
            let here = self.said.iter().filter(|(of, _)| *of == prefix);
            known.remarks.extend(here.map(|(_, remark)| *remark));
        }
        known
    }

    /// What a wish says of one listing: of several disputes of it, one entry each.
    fn entries(&self, wish: &RemarkWish, known: &Known, at: usize, open: &[(MemberNumber, u64)]) -> Vec<Entry> {
        let about = || self.about(&known.held[at], known.tokens[at]);
        match &wish.what {
            What::Notice { step, until, document } => {
                vec![Entry::Notice(Notice { about: about(), step: *step, until: *until, document: document.clone() })]
            }
            What::Commitment { step, evidence } => {
                let evidence = self.commit_evidence(evidence);
                vec![Entry::Commitment(Commitment { about: about(), step: *step, evidence })]
            }
            What::Dispute { reason, evidence } => {
                let act = DisputeAct::Filed { reason: *reason, evidence: self.commit_evidence(evidence) };
                vec![Entry::Dispute(Dispute { about: about(), act })]
            }
            What::Withdrawal => {
                let own = open.iter().filter(|(disputer, _)| *disputer == self.me);
                let withdraw = |(_, dispute): &(MemberNumber, u64)| {
                    Entry::Dispute(Dispute { about: about(), act: DisputeAct::Withdrawn { dispute: *dispute } })
                };
                own.map(withdraw).collect()
            }
            What::Ruling { outcome, reason, disputer } => {
                let meant = open.iter().filter(|(of, _)| disputer.is_none_or(|disputer| disputer == *of));
                let rule = |(of, dispute): &(MemberNumber, u64)| {
                    let disputer = Some(*of).filter(|of| *of != self.me);
                    Entry::Ruling(Ruling {
                        about: about(),
                        outcome: *outcome,
                        reason: *reason,
                        disputer,
                        dispute: *dispute,
                    })
                };
                meant.map(rule).collect()
            }
            What::Measure { measure, response, reason, document } => vec![Entry::Measure(MeasureTaken {
                about: about(),
                measure: *measure,
                response: *response,
                reason: *reason,
                document: document.clone(),
            })],
        }
    }

    fn about(&self, held: &Held, token: Token) -> About {
        About {
            class: held.standing.class,
            epoch: held.standing.epoch,
            token,
            list: held.list,
            publisher: Some(held.publisher).filter(|publisher| *publisher != self.me),
            target: held.standing.leaf,
            day: self.today,
        }
    }
}

/// The open disputes of a listing: who filed each, and where.
fn open_disputes(known: &Known, at: usize, roster: &lifecycle::Roster) -> Vec<(MemberNumber, u64)> {
    let life = lifecycle::Life::fold(&known.held[at], &known.remarks, roster);
    let open = life.disputes.iter().filter(|dispute| dispute.closed.is_none());
    open.map(|dispute| (dispute.disputer, dispute.index)).collect()
}
