//! The fold: what all remarks about one listing make of it.

use super::{Act, Held, Refusal, Remark, Roster, Stage, step};
use crate::{
    base::{Day, MemberNumber},
    codes::{DeclineReason, DisputeReason, Measure, Outcome, Response, RulingReason},
};

/// What became of one dispute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DisputeState {
    /// Who filed it.
    pub disputer: MemberNumber,
    /// The index of the Dispute entry in that member's feed.
    pub index: u64,
    /// When it was filed.
    pub filed: Day,
    /// What is disputed.
    pub reason: DisputeReason,
    /// When it was closed.
    pub closed: Option<Day>,
    /// The ruling that closed it; a dispute that was taken back has none.
    pub ruling: Option<(Outcome, RulingReason)>,
}

/// What one member did about one measure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MeasureState {
    /// The member.
    pub member: MemberNumber,
    /// The measure.
    pub measure: Measure,
    /// What it did last.
    pub response: Response,
    /// Why it declined.
    pub reason: Option<DeclineReason>,
    /// When.
    pub day: Day,
}

/// What the remarks about one listing make of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Life {
    /// Where it stands.
    pub stage: Stage,
    /// The day of the last rectification notice.
    pub noticed: Option<Day>,
    /// The day of the last commitment.
    pub committed: Option<Day>,
    /// The day of rectification.
    pub rectified: Option<Day>,
    /// The day of the last escalation.
    pub escalated: Option<Day>,
    /// The day on which members were last urged to act.
    pub urged: Option<Day>,
    /// The disputes in the order in which they count.
    pub disputes: Vec<DisputeState>,
    /// The measures in the order in which they were first spoken of.
    pub measures: Vec<MeasureState>,
    /// How many remarks had no effect.
    pub refused: u32,
}

/// A remark's place in the one order. LIFE-3: day and rank as the author's highest so far, then author, then index.
type Place = (Day, u8, MemberNumber, u64);

impl Life {
    /// The life of a listing by these remarks, which may come in any order, more than once, and speak of other listings, too.
    pub fn fold(held: &Held, remarks: &[Remark], roster: &Roster) -> Life {
        Life::fold_with(held, remarks, roster, |_, _| ())
    }

    /// The same, telling what became of each remark, in their order.
    pub fn fold_with(
        held: &Held,
        remarks: &[Remark],
        roster: &Roster,
        mut told: impl FnMut(&Remark, Result<(), Refusal>),
    ) -> Life {
        let mut life = Life::default();
        for (place, remark) in in_order(held, remarks) {
            let outcome = life.take(held, &remark, place.0, roster);
            life.refused += u32::from(outcome.is_err());
            told(&remark, outcome);
        }
        life
    }

    /// The oldest open dispute.
    pub fn open_dispute(&self) -> Option<&DisputeState> {
        self.disputes.iter().filter(|dispute| dispute.closed.is_none()).min_by_key(|dispute| dispute.filed)
    }

    fn take(&mut self, held: &Held, remark: &Remark, day: Day, roster: &Roster) -> Result<(), Refusal> {
        // LIFE-2
        let standing = &held.standing;
        if (remark.class, remark.list, remark.epoch) != (standing.class, held.list, standing.epoch) {
            return Err(Refusal::WrongKey);
        }
        // LIFE-10: what is dated after the clearing speaks of nothing.
        let is_ended = held.ended.is_some_and(|ending| day > ending.day);
        let stage = if is_ended { Stage::Ended } else { self.stage };
        let next = step(stage, &remark.act, roster.who(remark.author, held.publisher, day), day)?;
        match remark.act {
            Act::Rectify { .. } => self.noticed = Some(day),
            Act::Commit => self.committed = Some(day),
            Act::Rectified => self.rectified = Some(day),
            Act::Escalate => self.escalated = Some(day),
            Act::Urge => self.urged = Some(day),
            Act::Dispute(reason) => self.file(remark, reason, day)?,
            Act::Withdraw { dispute } => self.close(remark.author, dispute, day, None)?,
            Act::Rule { disputer, dispute, outcome, reason } => {
                self.close(disputer, dispute, day, Some((outcome, reason)))?;
            }
            Act::Measure { measure, response, reason } => {
                // LIFE-1
                if measure == Measure::M09 && !roster.financial_measures {
                    return Err(Refusal::MeasureNotAllowed);
                }
                self.measure(MeasureState { member: remark.author, measure, response, reason, day })?;
            }
        }
        self.stage = next;
        Ok(())
    }

    fn file(&mut self, remark: &Remark, reason: DisputeReason, day: Day) -> Result<(), Refusal> {
        // LIFE-6: otherwise a listing could be kept from force by one dispute after the other.
        for own in self.disputes.iter().filter(|dispute| dispute.disputer == remark.author) {
            if own.closed.is_none() {
                return Err(Refusal::AlreadyDisputed);
            }
            if own.reason == reason {
                return Err(Refusal::AlreadyAnswered);
            }
        }
        let (disputer, index) = (remark.author, remark.index);
        self.disputes.push(DisputeState { disputer, index, filed: day, reason, closed: None, ruling: None });
        Ok(())
    }

    fn close(
        &mut self,
        disputer: MemberNumber,
        index: u64,
        day: Day,
        ruling: Option<(Outcome, RulingReason)>,
    ) -> Result<(), Refusal> {
        // LIFE-7
        let named = self.disputes.iter_mut().find(|dispute| (dispute.disputer, dispute.index) == (disputer, index));
        let dispute = named.ok_or(Refusal::NoSuchDispute)?;
        if dispute.closed.is_some() {
            return Err(Refusal::DisputeClosed);
        }
        (dispute.closed, dispute.ruling) = (Some(day), ruling);
        Ok(())
    }

    fn measure(&mut self, new: MeasureState) -> Result<(), Refusal> {
        let before = self.measures.iter_mut().find(|state| (state.member, state.measure) == (new.member, new.measure));
        match before {
            None => self.measures.push(new),
            // LIFE-8: a request is acknowledged, then decided; who declined may act later, and what was done stays done.
            Some(before) => match (before.response, new.response) {
                (Response::Acknowledged, Response::Applied | Response::Declined)
                | (Response::Declined, Response::Applied) => *before = new,
                _ => return Err(Refusal::AlreadyDecided),
            },
        }
        Ok(())
    }
}

/// The remarks about a listing, each once, in their one order.
fn in_order(held: &Held, remarks: &[Remark]) -> Vec<(Place, Remark)> {
    let is_about = |remark: &&Remark| (remark.publisher, remark.target) == (held.publisher, held.standing.leaf);
    let mut placed: Vec<(Place, Remark)> = remarks
        .iter()
        .filter(is_about)
        // One that was published before the day of listing, by a clock that is slow or to let its term run out unseen, counts as made
        // on that day.
        .map(|remark| ((remark.day.max(held.standing.listed), remark.act.rank(), remark.author, remark.index), *remark))
        .collect();
    if placed.len() > 1 {
        // A feed has one entry at an index; what else claims to be there was never in it.
        placed.sort_unstable_by(|(a, one), (b, other)| {
            (a.2, a.3).cmp(&(b.2, b.3)).then_with(|| one.pack().cmp(&other.pack()))
        });
        placed.dedup_by_key(|((_, _, author, index), _)| (*author, *index));
        for at in 1..placed.len() {
            let (before, here) = (placed[at - 1].0, &mut placed[at].0);
            if before.2 == here.2 && (before.0, before.1) > (here.0, here.1) {
                (here.0, here.1) = (before.0, before.1);
            }
        }
        placed.sort_unstable_by_key(|(place, _)| *place);
    }
    placed
}
