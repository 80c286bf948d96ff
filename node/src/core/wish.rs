//! What the platform wants said of subjects, and what becomes of each wish.

use antibrush_protocol::{
    base::{Day, MemberNumber},
    codes::{
        CommitmentStep, Conduct, DeclineReason, Direction, DisputeReason, List, Measure, NoticeStep,
        Outcome as RulingOutcome, Reason, Response, Role, RulingReason, Severity,
    },
    entry::{EntryError, Listing, lifecycle, sealed::SealedError},
    subject::Subject,
};
use zeroize::Zeroizing;

use crate::{
    import::Private,
    tokens::{Derivations, TokenError},
};

/// One subject that shall be listed.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Whom.
    pub subject: Subject,
    /// On which list.
    pub list: List,
    /// For what.
    pub conduct: Conduct,
    /// How grave; by role if not given, on statutory lists by the list.
    pub severity: Option<Severity>,
    /// The part taken.
    pub role: Option<Role>,
    /// Which way credit was moved.
    pub direction: Option<Direction>,
    /// Where.
    pub region: Option<u32>,
    /// The day of listing; today if not given.
    pub day: Option<Day>,
    /// The last day on which it holds; by the charter's term if not given, on statutory lists by that of the list.
    pub last_day: Option<Day>,
    /// The rule-set version; the configured one if not given, on statutory lists the rules of the source.
    pub basis: Option<String>,
    /// What is sealed for those who hold the identifier themselves. Part of a new listing; an amendment carries none.
    pub details: Option<Private>,
    /// The number of the authoritative document, in clear; there on every statutory list. It amends a listing that has none;
    /// another number goes along with another change.
    pub document: Option<String>,
    /// The evidence reference: only its salted digest leaves the node.
    pub evidence: String,
    /// The name, published only where the law lets an organisation be named.
    pub name: Option<String>,
}

/// One subject that shall be cleared.
#[derive(Clone, Debug)]
pub struct Clear {
    /// Whom.
    pub subject: Subject,
    /// From which list.
    pub list: List,
    /// Why.
    pub reason: Reason,
}

/// One of our own listings that goes on under the next epoch.
pub struct Carried {
    /// Its leaf.
    pub leaf: u64,
    /// Whom it lists.
    pub subject: Subject,
    /// As it was published.
    pub listing: Listing,
    /// What was sealed in it.
    pub details: Option<Zeroizing<String>>,
    /// Its tokens under both epochs.
    pub derivations: Derivations,
}

/// What the platform says of a subject's listings, its own or another's.
#[derive(Clone, Debug)]
pub struct RemarkWish {
    /// Whom.
    pub subject: Subject,
    /// Of which list alone.
    pub list: Option<List>,
    /// Of whose listing alone.
    pub publisher: Option<MemberNumber>,
    /// What.
    pub what: What,
}

/// What is said. Evidence is a reference: only its salted digest leaves the node.
#[derive(Clone, Debug)]
#[allow(missing_docs, reason = "the fields are those of the entries, see antibrush_protocol::entry")]
pub enum What {
    /// The subject, the members or the public are told something.
    Notice { step: NoticeStep, until: Option<Day>, document: Option<String> },
    /// What the subject undertook or did.
    Commitment { step: CommitmentStep, evidence: String },
    /// A dispute is filed for the subject.
    Dispute { reason: DisputeReason, evidence: String },
    /// This member's open dispute is taken back.
    Withdrawal,
    /// Open disputes of this member's own listing are answered, or the one of a member.
    Ruling { outcome: RulingOutcome, reason: RulingReason, disputer: Option<MemberNumber> },
    /// What this member did about a measure.
    Measure { measure: Measure, response: Response, reason: Option<DeclineReason>, document: Option<String> },
}

/// What became of a wish.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A new listing.
    Listed,
    /// A change to a listing, or the same listing under the next key epoch.
    Amended,
    /// It stands there just so already.
    Unchanged,
    /// A listing ended.
    Cleared,
    /// It is said of that many listings, or of that many disputes.
    Said(usize),
    /// Not taken.
    Refused(Refusal),
}

/// Why a wish is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It breaks a rule of form.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// No token can be made.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The same subject and list stand earlier in the same input with other details.
    #[error("the same subject and list stand earlier in this input with other details; keep one of the two rows")]
    Repeated,
    /// Its last day is past.
    #[error("the listing would have expired already; give a later expiry day")]
    Expired,
    /// The life of the listing does not allow it.
    #[error("{0}")]
    Life(#[from] lifecycle::Refusal),
    /// There is nothing to speak of.
    #[error(
        "no listing of this subject is in force there; look at what is (antibrush life), and at --list and --publisher"
    )]
    NothingListed,
    /// There is nothing to answer or take back.
    #[error("no such dispute of this subject is open; antibrush life shows those that are")]
    NothingDisputed,
    /// There is nothing to clear.
    #[error(
        "this platform has no listing of this subject on this list in force; check the list, or nothing needs clearing"
    )]
    NothingToClear,
    /// Payment accounts need the alliance's consent.
    #[error("payment accounts (PAY) are switched off in this alliance; ask the stewards before you list one")]
    PaymentOff,
    /// Details that can not be sealed.
    #[error("{0}; correct the details")]
    Details(#[from] SealedError),
    /// Statutory lists are taken over of organisations alone.
    #[error("statutory lists (SRC-…) take organisations (ENT) alone; use a list of the alliance")]
    NotAnOrganisation,
    /// Another feed's day.
    #[error("the day of listing lies in the future; correct it")]
    FutureDay,
}

impl serde::Serialize for Refusal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// How many wishes ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Counted {
    /// New listings.
    pub listed: u64,
    /// Changed listings.
    pub amended: u64,
    /// Nothing to change.
    pub unchanged: u64,
    /// Ended listings.
    pub cleared: u64,
    /// Said of listings.
    #[serde(skip_serializing_if = "is_zero")]
    pub said: u64,
    /// Not taken.
    pub refused: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde hands a reference")]
fn is_zero(n: &u64) -> bool {
    *n == 0
}

impl Counted {
    /// Counts one more.
    pub fn count(&mut self, outcome: &Outcome) {
        *match outcome {
            Outcome::Listed => &mut self.listed,
            Outcome::Amended => &mut self.amended,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Cleared => &mut self.cleared,
            Outcome::Said(_) => &mut self.said,
            Outcome::Refused(_) => &mut self.refused,
        } += 1;
    }
}
