//! The kinds of entries and their rules of form.

use crate::{
    base::{Day, Hash, Token},
    codes::{Conduct, Direction, List, Reason, Role, Severity},
    limits,
    subject::{Class, Subject},
};

/// The kinds and their wire numbers. Notice, Commitment, Dispute, Ruling and Measure have their numbers reserved and are
/// refused until a release speaks them.
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
    #[error("only a legal entity that is not a sole trader may be named in clear")]
    NotPublishable,
    /// ENTRY-6: reverse brushing and lowered credit mark a victim, they never list the target.
    #[error("conduct C04 or direction down marks a victim: use list VIC, or a direction of up")]
    VictimListed,
    /// ENTRY-7: an amendment that changes nothing.
    #[error("an amendment must change at least one field")]
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
}

impl Entry {
    /// The kind.
    pub fn kind(&self) -> Kind {
        match self {
            Entry::List(_) => Kind::List,
            Entry::Amend(_) => Kind::Amend,
            Entry::Clear(_) => Kind::Clear,
        }
    }

    /// The subject's pseudonym.
    pub fn token(&self) -> &Token {
        match self {
            Entry::List(entry) => &entry.token,
            Entry::Amend(entry) => &entry.token,
            Entry::Clear(entry) => &entry.token,
        }
    }

    /// The list that the entry speaks of.
    pub fn list(&self) -> List {
        match self {
            Entry::List(entry) => entry.list,
            Entry::Amend(entry) => entry.list,
            Entry::Clear(entry) => entry.list,
        }
    }

    /// The class of the subject.
    pub fn class(&self) -> Class {
        match self {
            Entry::List(entry) => entry.class,
            Entry::Amend(entry) => entry.class,
            Entry::Clear(entry) => entry.class,
        }
    }

    /// The epoch of the token key.
    pub fn epoch(&self) -> u16 {
        match self {
            Entry::List(entry) => entry.epoch,
            Entry::Amend(entry) => entry.epoch,
            Entry::Clear(entry) => entry.epoch,
        }
    }

    /// The day that the entry bears.
    pub fn day(&self) -> Day {
        match self {
            Entry::List(entry) => entry.day,
            Entry::Amend(entry) => entry.day,
            Entry::Clear(entry) => entry.day,
        }
    }

    /// The conduct, where the entry states one.
    pub fn conduct(&self) -> Option<Conduct> {
        match self {
            Entry::List(entry) => Some(entry.conduct),
            Entry::Amend(entry) => entry.conduct,
            Entry::Clear(_) => None,
        }
    }

    /// Checks the rules of form that go beyond the encoding.
    pub fn check(&self) -> Result<(), EntryError> {
        match self {
            Entry::List(listing) => listing.check(),
            Entry::Amend(amendment) => amendment.check(),
            Entry::Clear(_) => Ok(()),
        }
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
            || self.evidence.is_some();
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

fn check_region(region: Option<u32>) -> Result<(), EntryError> {
    // ENTRY-9
    match region {
        None | Some(110_000..=829_999) => Ok(()),
        Some(_) => Err(EntryError::Region),
    }
}
