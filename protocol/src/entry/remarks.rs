//! The kinds of entries that speak of a listing, their own author's or another's, and their rules of form. What they do to the
//! listing is in [`super::lifecycle`].

#[cfg(test)]
mod tests;

use super::{EntryError, kinds::check_document};
use crate::{
    base::{Day, Hash, MemberNumber, Token},
    codes::{CommitmentStep, DeclineReason, DisputeReason, List, Measure, NoticeStep, Outcome, Response, RulingReason},
    subject::Class,
};

/// The longest term that a notice may set: sector law sets others than three months, none of them longer than a year.
pub(crate) const NOTICE_TERM_DAYS: u32 = 366;

/// The listing that a remark speaks of, and the day that the remark bears.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct About {
    /// The class of the listing.
    pub class: Class,
    /// The epoch of the token key.
    pub epoch: u16,
    /// The subject's pseudonym.
    pub token: Token,
    /// The list.
    pub list: List,
    /// In whose feed the listing stands; `None`: in the author's own. The author's own number is never stated.
    pub publisher: Option<MemberNumber>,
    /// The index of the List entry in that feed.
    pub target: u64,
    /// The day that the entry bears.
    pub day: Day,
}

/// Tells the subject, the members or the public something about a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The listing.
    pub about: About,
    /// What it says.
    pub step: NoticeStep,
    /// The last day of rectification, where sector law sets another than three months.
    pub until: Option<Day>,
    /// The number of the document.
    pub document: Option<String>,
}

/// Records what the subject undertook or did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitment {
    /// The listing.
    pub about: About,
    /// What.
    pub step: CommitmentStep,
    /// Salted SHA-256 of the evidence reference.
    pub evidence: Hash,
}

/// Files a dispute for a subject, or takes one back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dispute {
    /// The listing.
    pub about: About,
    /// What is done.
    pub act: DisputeAct,
}

/// What is done about a dispute by who files it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DisputeAct {
    /// It is filed.
    Filed {
        /// What is disputed.
        reason: DisputeReason,
        /// Salted SHA-256 of the evidence reference.
        evidence: Hash,
    },
    /// It is taken back.
    Withdrawn {
        /// The index of the Dispute entry in the author's feed.
        dispute: u64,
    },
}

/// Answers a dispute. Only the publisher of the listing can make one: it has no field for another's feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// The listing; `publisher` is always absent.
    pub about: About,
    /// The answer.
    pub outcome: Outcome,
    /// On what it rests.
    pub reason: RulingReason,
    /// Whose dispute; `None`: the author's own.
    pub disputer: Option<MemberNumber>,
    /// The index of the Dispute entry in that member's feed.
    pub dispute: u64,
}

/// Records what a member did about a listing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeasureTaken {
    /// The listing.
    pub about: About,
    /// Which measure.
    pub measure: Measure,
    /// What the member did about it.
    pub response: Response,
    /// Why it declined.
    pub reason: Option<DeclineReason>,
    /// The number of the authority's document.
    pub document: Option<String>,
}

impl Notice {
    pub(super) fn check(&self) -> Result<(), EntryError> {
        check_document(self.document.as_deref())?;
        // ENTRY-16
        let fits = |until: Day| {
            self.step == NoticeStep::Rectify
                && until > self.about.day
                && until.0 - self.about.day.0 <= NOTICE_TERM_DAYS
                && until <= Day::MAX
        };
        if self.until.is_none_or(fits) { Ok(()) } else { Err(EntryError::NoticeTerm) }
    }
}

impl Ruling {
    pub(super) fn check(&self) -> Result<(), EntryError> {
        // ENTRY-18: the type has the field because all remarks share it; the encoding of a ruling has none.
        if self.about.publisher.is_some() { Err(EntryError::OthersListing) } else { Ok(()) }
    }
}

impl MeasureTaken {
    pub(super) fn check(&self) -> Result<(), EntryError> {
        check_document(self.document.as_deref())?;
        // ENTRY-14: nobody but the authority decides on its measures, so there is nothing to decline.
        if self.measure.is_governmental() && (self.document.is_none() || self.response != Response::Applied) {
            return Err(EntryError::GovernmentMeasure);
        }
        // ENTRY-15
        if self.reason.is_some() != (self.response == Response::Declined) {
            return Err(EntryError::DeclineReason);
        }
        Ok(())
    }
}
