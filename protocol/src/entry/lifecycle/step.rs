//! The one transition function: the table of docs/PROTOCOL.md § Lifecycle.

use super::Act;
use crate::{base::Day, entry::remarks::NOTICE_TERM_DAYS};

/// Where a listing stands by what is said of it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Stage {
    /// Nothing was said yet that moves it.
    #[default]
    Listed,
    /// The subject was told to rectify.
    Noticed {
        /// When.
        day: Day,
        /// The last day of rectification, where the notice sets it.
        until: Option<Day>,
    },
    /// The subject has committed itself.
    Committed {
        /// When.
        day: Day,
        /// The last day of rectification.
        due: Day,
    },
    /// The subject has rectified.
    Rectified {
        /// When.
        day: Day,
    },
    /// The term passed in vain.
    Escalated {
        /// When it was said.
        day: Day,
    },
    /// A ruling has taken its force: an upheld dispute, or the publisher withdraws.
    Struck {
        /// When.
        day: Day,
    },
    /// Its publisher has cleared it.
    Ended,
}

/// Who speaks, seen from the listing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// The member in whose feed it stands.
    Publisher,
    /// Another member, which was a steward on that day.
    Steward,
    /// Another member.
    Member,
    /// Nobody who has a say: unknown to the charter, or expelled.
    Nobody,
}

/// Why a remark has no effect, or may not be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// LIFE-1: the author is no member, or was expelled.
    #[error("the author is not a member of the alliance, or was expelled: ask a member to record it")]
    NotAMember,
    /// LIFE-1: only the publisher and the stewards move a listing, and only the publisher rules.
    #[error("this is for the publisher of the listing, or for it and the stewards, to say: ask them to record it")]
    NotEntitled,
    /// LIFE-1: the charter does not take measure M09.
    #[error(
        "the charter does not allow measure M09 (internet financial services): record another measure, or ask the stewards to allow it"
    )]
    MeasureNotAllowed,
    /// LIFE-2: there is no such listing.
    #[error("no listing stands at that place of that member's feed: see which ones do with antibrush life")]
    NoListing,
    /// LIFE-2: the listing is of another class, list or key epoch.
    #[error("the listing is of another class, list or key epoch: name those that antibrush life shows")]
    WrongKey,
    /// LIFE-4: nothing to commit to, escalate or urge.
    #[error("no rectification notice was given for this listing yet: give one first (antibrush notice)")]
    NotNoticed,
    /// LIFE-4: a notice runs.
    #[error(
        "a rectification notice was given for this listing already: wait for the commitment, or escalate when the term has passed"
    )]
    AlreadyNoticed,
    /// LIFE-4: rectification follows the commitment.
    #[error("the subject has not committed itself to rectify yet: record its commitment first (antibrush commitment)")]
    NotCommitted,
    /// LIFE-4: a commitment runs.
    #[error("the subject has committed itself already: record its rectification, or escalate when the term has passed")]
    AlreadyCommitted,
    /// LIFE-4: it is done.
    #[error("the subject has rectified already: nothing more is due from it; the publisher clears the listing")]
    AlreadyRectified,
    /// LIFE-4: it was said.
    #[error("the listing was escalated already: record a new notice, the subject's commitment or its rectification")]
    AlreadyEscalated,
    /// LIFE-5: the term runs.
    #[error("the term for the subject has not passed yet: see its last day with antibrush due and escalate after it")]
    NotOverdue,
    /// LIFE-6: the author's earlier dispute is open.
    #[error(
        "this member disputes the listing already, and the dispute is open: wait for the ruling, or withdraw it first"
    )]
    AlreadyDisputed,
    /// LIFE-6: the author disputed it for this reason before.
    #[error(
        "this member's dispute for this reason was closed already: dispute it for another reason, or ask a steward"
    )]
    AlreadyAnswered,
    /// LIFE-7: there is no such dispute of this listing.
    #[error("that member has filed no such dispute of this listing: see the open ones with antibrush life")]
    NoSuchDispute,
    /// LIFE-7: the dispute is closed.
    #[error("the dispute was ruled on or taken back already: nothing more is due; see it with antibrush life")]
    DisputeClosed,
    /// LIFE-8: the author has said so, or has decided.
    #[error(
        "this member has recorded its decision on this measure already: what was applied stays so, and only what was declined may be applied later"
    )]
    AlreadyDecided,
    /// LIFE-9: the listing enforces nothing any more.
    #[error("a ruling has struck this listing: nothing more is said of it; its publisher clears it")]
    Struck,
    /// LIFE-10: the listing is cleared.
    #[error("the listing was cleared: nothing more is said of it; list the subject anew if there is a new reason")]
    Ended,
    /// LIFE-15: a notice needs a confirmed listing.
    #[error(
        "the listing is not confirmed, and a report that stands alone gets no notice: wait for another member to list the same conduct, or add the authority's document to it"
    )]
    NotConfirmed,
}

impl Refusal {
    /// The rule that is broken.
    pub const fn rule(self) -> &'static str {
        match self {
            Refusal::NotAMember | Refusal::NotEntitled | Refusal::MeasureNotAllowed => "LIFE-1",
            Refusal::NoListing | Refusal::WrongKey => "LIFE-2",
            Refusal::NotNoticed
            | Refusal::AlreadyNoticed
            | Refusal::NotCommitted
            | Refusal::AlreadyCommitted
            | Refusal::AlreadyRectified
            | Refusal::AlreadyEscalated => "LIFE-4",
            Refusal::NotOverdue => "LIFE-5",
            Refusal::AlreadyDisputed | Refusal::AlreadyAnswered => "LIFE-6",
            Refusal::NoSuchDispute | Refusal::DisputeClosed => "LIFE-7",
            Refusal::AlreadyDecided => "LIFE-8",
            Refusal::Struck => "LIFE-9",
            Refusal::Ended => "LIFE-10",
            Refusal::NotConfirmed => "LIFE-15",
        }
    }
}

/// The subject's months for rectification (the Gongzhuling plan of 2018: 三个月).
pub(super) const RECTIFY_MONTHS: u32 = 3;

/// Ten working days are never fewer days than this. The commitment's term itself is counted in working days, which calendars
/// tell apart, and what takes effect must not depend on a calendar.
const COMMIT_DAYS_AT_LEAST: u32 = 10;

/// Takes a listing from one stage to the next, or refuses.
pub fn step(stage: Stage, act: &Act, who: Who, day: Day) -> Result<Stage, Refusal> {
    entitled(act, who)?;
    match (stage, act) {
        // LIFE-10
        (Stage::Ended, _) => Err(Refusal::Ended),
        // LIFE-9
        (Stage::Struck { .. }, Act::Rule { .. } | Act::Withdraw { .. }) => Ok(stage),
        (Stage::Struck { .. }, _) => Err(Refusal::Struck),
        (_, Act::Rule { outcome, .. }) if outcome.strikes() => Ok(Stage::Struck { day }),
        (_, Act::Dispute(_) | Act::Withdraw { .. } | Act::Rule { .. } | Act::Measure { .. }) => Ok(stage),
        // LIFE-4
        (Stage::Rectified { .. }, _) => Err(Refusal::AlreadyRectified),
        (Stage::Listed | Stage::Escalated { .. }, Act::Rectify { until }) => {
            Ok(Stage::Noticed { day, until: until.filter(|until| is_term(day, *until)) })
        }
        (Stage::Noticed { .. } | Stage::Committed { .. }, Act::Rectify { .. }) => Err(Refusal::AlreadyNoticed),
        (Stage::Listed, _) => Err(Refusal::NotNoticed),
        (Stage::Noticed { until, .. }, Act::Commit) => Ok(Stage::Committed { day, due: due(day, until) }),
        (Stage::Escalated { .. }, Act::Commit) => Ok(Stage::Committed { day, due: due(day, None) }),
        (Stage::Committed { .. }, Act::Commit) => Err(Refusal::AlreadyCommitted),
        (Stage::Committed { .. } | Stage::Escalated { .. }, Act::Rectified) => Ok(Stage::Rectified { day }),
        (Stage::Noticed { .. }, Act::Rectified) => Err(Refusal::NotCommitted),
        (Stage::Escalated { .. }, Act::Escalate) => Err(Refusal::AlreadyEscalated),
        // LIFE-5
        (Stage::Committed { due, .. }, Act::Escalate) if day <= due => Err(Refusal::NotOverdue),
        (Stage::Noticed { day: noticed, until }, Act::Escalate)
            if day <= noticed.plus(COMMIT_DAYS_AT_LEAST) && until.is_none_or(|until| day <= until) =>
        {
            Err(Refusal::NotOverdue)
        }
        (Stage::Committed { .. } | Stage::Noticed { .. }, Act::Escalate) => Ok(Stage::Escalated { day }),
        (Stage::Noticed { .. } | Stage::Committed { .. } | Stage::Escalated { .. }, Act::Urge) => Ok(stage),
    }
}

/// LIFE-1: who may say what.
fn entitled(act: &Act, who: Who) -> Result<(), Refusal> {
    match (act, who) {
        (_, Who::Nobody) => Err(Refusal::NotAMember),
        (Act::Rule { .. }, Who::Publisher) => Ok(()),
        (Act::Rule { .. }, _) => Err(Refusal::NotEntitled),
        (Act::Dispute(_) | Act::Withdraw { .. } | Act::Measure { .. }, _) => Ok(()),
        (
            Act::Rectify { .. } | Act::Urge | Act::Escalate | Act::Commit | Act::Rectified,
            Who::Publisher | Who::Steward,
        ) => Ok(()),
        (Act::Rectify { .. } | Act::Urge | Act::Escalate | Act::Commit | Act::Rectified, Who::Member) => {
            Err(Refusal::NotEntitled)
        }
    }
}

/// LIFE-5: whether the day that a notice sets leaves the subject a term that ENTRY-16 allows, seen from the notice's publication:
/// otherwise a notice that is dated back would be overdue at once, and one that is dated ahead would not be for years.
fn is_term(published: Day, until: Day) -> bool {
    until > published && until <= published.plus(NOTICE_TERM_DAYS)
}

/// DEADLINE-5: the last day of rectification of a commitment.
pub(super) fn due(committed: Day, until: Option<Day>) -> Day {
    until.unwrap_or_else(|| committed.plus_months(RECTIFY_MONTHS))
}
