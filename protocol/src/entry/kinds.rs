//! The kinds of entries and their rules of form.

use super::remarks::{About, Commitment, Dispute, MeasureTaken, Notice, Ruling};
use crate::{
    base::{Day, Hash, MemberNumber, Token},
    charter::Policy,
    codes::{Conduct, Direction, List, Measure, Reason, Role, Severity},
    limits,
    subject::{Class, Subject},
};

/// The kinds and their wire numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
#[allow(missing_docs, reason = "the names are the documentation; docs/PROTOCOL.md § Entry says what each does")]
pub enum Kind {
    List = 1,
    Amend = 2,
    Clear = 3,
    Notice = 4,
    Commitment = 5,
    Dispute = 6,
    Ruling = 7,
    Measure = 8,
}

impl Kind {
    /// The number on the wire.
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The kind with this wire number.
    pub const fn from_number(number: u8) -> Option<Kind> {
        Some(match number {
            1 => Kind::List,
            2 => Kind::Amend,
            3 => Kind::Clear,
            4 => Kind::Notice,
            5 => Kind::Commitment,
            6 => Kind::Dispute,
            7 => Kind::Ruling,
            8 => Kind::Measure,
            _ => return None,
        })
    }
}

/// Why an entry is refused, at its making and at its arrival alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// ENTRY-3: a listing ends after it begins and no later than five years on.
    #[error("the listing must expire after the day it is listed and within five years")]
    Term,
    /// ENTRY-4: mobile numbers are reissued, so their listings last 180 days at the most.
    #[error("a listing of a mobile number must expire within 180 days, because numbers are reissued")]
    MobileTerm,
    /// ENTRY-5: only a confirmed organisation may be named in clear.
    #[error("only a legal entity that is not a sole trader may be named in clear: leave the name out")]
    NotPublishable,
    /// ENTRY-6: reverse brushing and lowered credit mark a victim, they never list the target.
    #[error("conduct C04 or direction down marks a victim: use list VIC, or a direction of up")]
    VictimListed,
    /// ENTRY-7: an amendment that changes nothing.
    #[error("an amendment must change at least one field: change one, or leave the row out")]
    NothingAmended,
    /// ENTRY-8: the rule-set name is missing or too long.
    #[error("the basis (rule-set version) must have 1 to 64 bytes")]
    Basis,
    /// ENTRY-9: the region is not a GB/T 2260 code.
    #[error("the region must be a six-digit code of GB/T 2260")]
    Region,
    /// ENTRY-10: sealed details are padded to one of two sizes.
    #[error("sealed details must have the padded length of 128 or 256 bytes plus nonce and tag")]
    Sealed,
    /// ENTRY-12: a document number is a short text.
    #[error("the document number must have 1 to 64 bytes")]
    Document,
    /// ENTRY-13: a statutory list is taken over from its source, never made up.
    #[error("a listing on a statutory list must state the number of its document: add it")]
    StatutoryDocument,
    /// ENTRY-14: measures of the government are recorded after its document.
    #[error("a measure of the government is recorded as applied, with the number of the document: state both")]
    GovernmentMeasure,
    /// ENTRY-15: a reason stands where a measure is declined, and nowhere else.
    #[error("a declined measure must state why, and no other may: add the reason, or leave it out")]
    DeclineReason,
    /// ENTRY-16: only a rectification notice sets a term, and it has bounds.
    #[error(
        "a term goes with a rectification notice alone, after its day and within 366 days: correct the day, or leave it out"
    )]
    NoticeTerm,
    /// ENTRY-17: the charter does not take payment accounts.
    #[error("the charter does not allow listings of payment accounts: ask the stewards before you list them")]
    PaymentAccounts,
    /// ENTRY-17: the charter does not take measure M09.
    #[error(
        "the charter does not allow measure M09 (internet financial services): record another measure, or ask the stewards to allow it"
    )]
    FinancialMeasures,
    /// ENTRY-18: a ruling speaks of a listing of its author.
    #[error("only the publisher of a listing rules on its disputes: ask it to rule")]
    OthersListing,
    /// ENTRY-19: the author's own feed is the one that is not named.
    #[error("an entry must not state its author's own number: leave the publisher out")]
    OwnNumber,
}

/// An organisation named in clear: the type admits no other class.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicName {
    uscc: String,
    name: String,
}

impl PublicName {
    /// Names a legal entity; sole traders (prefix 92) and every other class are refused.
    pub fn new(subject: &Subject, name: &str) -> Result<PublicName, EntryError> {
        let fits = !name.is_empty() && name.len() <= limits::NAME_BYTES && !name.chars().any(char::is_control);
        if subject.is_publishable() && fits {
            Ok(PublicName { uscc: subject.canonical().to_owned(), name: name.to_owned() })
        } else {
            Err(EntryError::NotPublishable)
        }
    }

    /// The unified social credit code.
    pub fn uscc(&self) -> &str {
        &self.uscc
    }

    /// The registered name.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// Puts a subject on a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// What the subject is.
    pub class: Class,
    /// The epoch of the token key.
    pub epoch: u16,
    /// The subject's pseudonym.
    pub token: Token,
    /// The list.
    pub list: List,
    /// What the subject did.
    pub conduct: Conduct,
    /// How grave it was.
    pub severity: Severity,
    /// The subject's part in it.
    pub role: Option<Role>,
    /// Which way credit was moved.
    pub direction: Option<Direction>,
    /// Where: GB/T 2260, six digits.
    pub region: Option<u32>,
    /// The day of listing.
    pub day: Day,
    /// The first day on which it no longer holds.
    pub expires: Day,
    /// The rule-set version on which the publisher relies.
    pub basis: String,
    /// Salted SHA-256 of the evidence reference; the evidence stays with its custodian.
    pub evidence: Hash,
    /// The organisation in clear, where it may be.
    pub name: Option<PublicName>,
    /// Details that only a holder of the identifier can open.
    pub sealed: Option<Vec<u8>>,
    /// The index of the List entry of an earlier key epoch that this one carries on: same subject, same listing, another
    /// token.
    pub carries: Option<u64>,
    /// The number of the authoritative document (a court's, a regulator's) that confirms the listing alone.
    pub document: Option<String>,
}

/// Changes a listing of the same publisher.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Amendment {
    /// The class of the listing.
    pub class: Class,
    /// The epoch of the token key.
    pub epoch: u16,
    /// The subject's pseudonym.
    pub token: Token,
    /// The list.
    pub list: List,
    /// The index of the List entry in the publisher's feed.
    pub target: u64,
    /// The day of the change.
    pub day: Day,
    /// The new conduct, if it changes.
    pub conduct: Option<Conduct>,
    /// The new severity, if it changes.
    pub severity: Option<Severity>,
    /// The new role, if it changes.
    pub role: Option<Role>,
    /// The new direction, if it changes.
    pub direction: Option<Direction>,
    /// The new region, if it changes.
    pub region: Option<u32>,
    /// The new expiry day, if it changes.
    pub expires: Option<Day>,
    /// The new basis, if it changes.
    pub basis: Option<String>,
    /// The new evidence commitment, if it changes.
    pub evidence: Option<Hash>,
    /// The number of an authoritative document that came later.
    pub document: Option<String>,
}

/// Takes a subject off a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Clearing {
    /// The class of the listing.
    pub class: Class,
    /// The epoch of the token key.
    pub epoch: u16,
    /// The subject's pseudonym.
    pub token: Token,
    /// The list.
    pub list: List,
    /// The index of the List entry in the publisher's feed.
    pub target: u64,
    /// The day of the clearing.
    pub day: Day,
    /// Why.
    pub reason: Reason,
}

/// One entry of a feed.
#[derive(Clone, Debug, PartialEq, Eq)]
#[allow(clippy::large_enum_variant, reason = "entries live one at a time; boxing would cost an allocation for each")]
pub enum Entry {
    /// Puts a subject on a list.
    List(Listing),
    /// Changes a listing.
    Amend(Amendment),
    /// Takes a subject off a list.
    Clear(Clearing),
    /// Tells something about a listing.
    Notice(Notice),
    /// Records what the subject undertook or did.
    Commitment(Commitment),
    /// Disputes a listing.
    Dispute(Dispute),
    /// Answers a dispute.
    Ruling(Ruling),
    /// Records what a member did about a listing.
    Measure(MeasureTaken),
}

impl Entry {
    /// The kind.
    pub fn kind(&self) -> Kind {
        match self {
            Entry::List(_) => Kind::List,
            Entry::Amend(_) => Kind::Amend,
            Entry::Clear(_) => Kind::Clear,
            Entry::Notice(_) => Kind::Notice,
            Entry::Commitment(_) => Kind::Commitment,
            Entry::Dispute(_) => Kind::Dispute,
            Entry::Ruling(_) => Kind::Ruling,
            Entry::Measure(_) => Kind::Measure,
        }
    }

    /// Which listing a remark speaks of; `None` for the entries that make, change and end one.
    pub fn about(&self) -> Option<&About> {
        match self {
            Entry::List(_) | Entry::Amend(_) | Entry::Clear(_) => None,
            Entry::Notice(entry) => Some(&entry.about),
            Entry::Commitment(entry) => Some(&entry.about),
            Entry::Dispute(entry) => Some(&entry.about),
            Entry::Ruling(entry) => Some(&entry.about),
            Entry::Measure(entry) => Some(&entry.about),
        }
    }

    /// The subject's pseudonym.
    pub fn token(&self) -> &Token {
        match self {
            Entry::List(entry) => &entry.token,
            Entry::Amend(entry) => &entry.token,
            Entry::Clear(entry) => &entry.token,
            Entry::Notice(entry) => &entry.about.token,
            Entry::Commitment(entry) => &entry.about.token,
            Entry::Dispute(entry) => &entry.about.token,
            Entry::Ruling(entry) => &entry.about.token,
            Entry::Measure(entry) => &entry.about.token,
        }
    }

    /// The list that the entry speaks of.
    pub fn list(&self) -> List {
        match self {
            Entry::List(entry) => entry.list,
            Entry::Amend(entry) => entry.list,
            Entry::Clear(entry) => entry.list,
            Entry::Notice(entry) => entry.about.list,
            Entry::Commitment(entry) => entry.about.list,
            Entry::Dispute(entry) => entry.about.list,
            Entry::Ruling(entry) => entry.about.list,
            Entry::Measure(entry) => entry.about.list,
        }
    }

    /// The class of the subject.
    pub fn class(&self) -> Class {
        match self {
            Entry::List(entry) => entry.class,
            Entry::Amend(entry) => entry.class,
            Entry::Clear(entry) => entry.class,
            Entry::Notice(entry) => entry.about.class,
            Entry::Commitment(entry) => entry.about.class,
            Entry::Dispute(entry) => entry.about.class,
            Entry::Ruling(entry) => entry.about.class,
            Entry::Measure(entry) => entry.about.class,
        }
    }

    /// The epoch of the token key.
    pub fn epoch(&self) -> u16 {
        match self {
            Entry::List(entry) => entry.epoch,
            Entry::Amend(entry) => entry.epoch,
            Entry::Clear(entry) => entry.epoch,
            Entry::Notice(entry) => entry.about.epoch,
            Entry::Commitment(entry) => entry.about.epoch,
            Entry::Dispute(entry) => entry.about.epoch,
            Entry::Ruling(entry) => entry.about.epoch,
            Entry::Measure(entry) => entry.about.epoch,
        }
    }

    /// The day that the entry bears.
    pub fn day(&self) -> Day {
        match self {
            Entry::List(entry) => entry.day,
            Entry::Amend(entry) => entry.day,
            Entry::Clear(entry) => entry.day,
            Entry::Notice(entry) => entry.about.day,
            Entry::Commitment(entry) => entry.about.day,
            Entry::Dispute(entry) => entry.about.day,
            Entry::Ruling(entry) => entry.about.day,
            Entry::Measure(entry) => entry.about.day,
        }
    }

    /// The conduct, where the entry states one.
    pub fn conduct(&self) -> Option<Conduct> {
        match self {
            Entry::List(entry) => Some(entry.conduct),
            Entry::Amend(entry) => entry.conduct,
            _ => None,
        }
    }

    /// Checks the rules of form that go beyond the encoding.
    pub fn check(&self) -> Result<(), EntryError> {
        match self {
            Entry::List(listing) => listing.check(),
            Entry::Amend(amendment) => amendment.check(),
            Entry::Clear(_) | Entry::Commitment(_) | Entry::Dispute(_) => Ok(()),
            Entry::Notice(notice) => notice.check(),
            Entry::Ruling(ruling) => ruling.check(),
            Entry::Measure(measure) => measure.check(),
        }
    }

    /// Checks what depends on the author and on the charter, beside [`Entry::check`]: before an entry is made. An entry that
    /// arrives is not refused for it, because charters change and feeds stay; it enforces nothing and has no effect
    /// (LIFE-1, LIFE-12).
    pub fn check_under(&self, author: MemberNumber, policy: &Policy) -> Result<(), EntryError> {
        self.check()?;
        // ENTRY-17
        if matches!(self, Entry::List(listing) if listing.class == Class::Pay) && !policy.payment_accounts {
            return Err(EntryError::PaymentAccounts);
        }
        if matches!(self, Entry::Measure(taken) if taken.measure == Measure::M09) && !policy.financial_measures {
            return Err(EntryError::FinancialMeasures);
        }
        // ENTRY-19
        let disputer = if let Entry::Ruling(ruling) = self { ruling.disputer } else { None };
        let publisher = self.about().and_then(|about| about.publisher);
        if publisher == Some(author) || disputer == Some(author) { Err(EntryError::OwnNumber) } else { Ok(()) }
    }
}

/// Five years: the longest term that any list may have (征信业管理条例 art. 16).
const LONGEST_TERM_DAYS: u32 = 5 * 366;

/// The longest term of a mobile number.
pub(crate) const MOBILE_TERM_DAYS: u32 = 180;

impl Listing {
    fn check(&self) -> Result<(), EntryError> {
        check_term(self.class, self.day, self.expires)?;
        // ENTRY-5: PublicName::new has looked at the code; the class must be the one that was looked at.
        if self.name.is_some() && self.class != Class::Ent {
            return Err(EntryError::NotPublishable);
        }
        check_direction(self.list, Some(self.conduct), self.direction)?;
        check_basis(&self.basis)?;
        check_region(self.region)?;
        check_document(self.document.as_deref())?;
        // ENTRY-13
        if self.list.is_statutory() && self.document.is_none() {
            return Err(EntryError::StatutoryDocument);
        }
        // ENTRY-10: XChaCha20-Poly1305 adds a nonce of 24 and a tag of 16 bytes.
        match self.sealed.as_ref().map(Vec::len) {
            None | Some(168) | Some(296) => Ok(()),
            Some(_) => Err(EntryError::Sealed),
        }
    }
}

impl Amendment {
    fn check(&self) -> Result<(), EntryError> {
        // ENTRY-7
        let changes = self.conduct.is_some()
            || self.severity.is_some()
            || self.role.is_some()
            || self.direction.is_some()
            || self.region.is_some()
            || self.expires.is_some()
            || self.basis.is_some()
            || self.evidence.is_some()
            || self.document.is_some();
        if !changes {
            return Err(EntryError::NothingAmended);
        }
        if let Some(expires) = self.expires {
            check_term(self.class, self.day, expires)?;
        }
        check_direction(self.list, self.conduct, self.direction)?;
        if let Some(basis) = &self.basis {
            check_basis(basis)?;
        }
        check_document(self.document.as_deref())?;
        check_region(self.region)
    }
}

/// ENTRY-3 and ENTRY-4: how long a listing may last from its day on.
pub(super) fn check_term(class: Class, day: Day, expires: Day) -> Result<(), EntryError> {
    // ENTRY-3
    if expires <= day || expires.0 - day.0 > LONGEST_TERM_DAYS || expires > Day::MAX {
        return Err(EntryError::Term);
    }
    // ENTRY-4
    if class == Class::Mob && expires.0 - day.0 > MOBILE_TERM_DAYS {
        return Err(EntryError::MobileTerm);
    }
    Ok(())
}

fn check_direction(list: List, conduct: Option<Conduct>, direction: Option<Direction>) -> Result<(), EntryError> {
    // ENTRY-6, after 网络反不正当竞争暂行规定 art. 16: the shop that was brushed down is the victim.
    let victim = conduct == Some(Conduct::C04) || direction == Some(Direction::Down);
    if victim && list != List::Vic { Err(EntryError::VictimListed) } else { Ok(()) }
}

fn check_basis(basis: &str) -> Result<(), EntryError> {
    // ENTRY-8
    if basis.is_empty() || basis.len() > limits::BASIS_BYTES { Err(EntryError::Basis) } else { Ok(()) }
}

pub(super) fn check_document(document: Option<&str>) -> Result<(), EntryError> {
    // ENTRY-12
    match document.map(str::len) {
        None | Some(1..=limits::DOCUMENT_BYTES) => Ok(()),
        Some(_) => Err(EntryError::Document),
    }
}

fn check_region(region: Option<u32>) -> Result<(), EntryError> {
    // ENTRY-9
    match region {
        None | Some(110_000..=829_999) => Ok(()),
        Some(_) => Err(EntryError::Region),
    }
}
