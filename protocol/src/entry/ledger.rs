//! What an entry does to the listing that it speaks of: pure functions over one token's state.
//!
//! The identity of a listing is publisher × token × list. A publisher's feed orders everything about it, so each state
//! depends on that feed alone and every node that has the same leaves has the same states, whatever the order in which
//! feeds arrived.

use super::{Amendment, Clearing, Entry, Listing, kinds::check_term};
use crate::{
    base::Day,
    codes::{Conduct, Direction, Reason, Role, Severity},
    subject::Class,
};

/// The state of one listing in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// The index of its List entry in the publisher's feed.
    pub leaf: u64,
    /// The class of the subject.
    pub class: Class,
    /// The epoch of the token key.
    pub epoch: u16,
    /// What the subject did.
    pub conduct: Conduct,
    /// How grave it was.
    pub severity: Severity,
    /// The subject's part in it.
    pub role: Option<Role>,
    /// Which way credit was moved.
    pub direction: Option<Direction>,
    /// The day of listing.
    pub listed: Day,
    /// The first day on which it no longer holds.
    pub expires: Day,
    /// Whether the number of an authoritative document was stated, which confirms the listing alone.
    pub document: bool,
}

impl Standing {
    /// Whether the listing holds on that day.
    pub fn holds_on(&self, day: Day) -> bool {
        day < self.expires
    }
}

/// How a listing was cleared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The day of the clearing.
    pub day: Day,
    /// Why.
    pub reason: Reason,
}

/// What an entry did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The listing now stands like this.
    Stands(Standing),
    /// The listing is cleared.
    Cleared(Ending),
    /// The entry has no effect, for this reason. The publisher's mistake; its feed goes on.
    Void(Void),
}

/// Why an entry has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    /// LEDGER-1: the subject is already on this list by this publisher, and the earlier listing has not expired.
    AlreadyListed,
    /// LEDGER-2: there is no listing in force to amend or clear on the entry's day.
    NothingListed,
    /// LEDGER-3: the target is not the List entry of the listing in force.
    WrongTarget,
    /// LEDGER-4: the listing is of another class or key epoch.
    WrongKey,
    /// LEDGER-6: the listing would carry on one that comes after it in the feed.
    CarriesLater,
    /// LEDGER-5: the amendment would stretch the listing over the longest term, counted from the day of listing.
    TermExceeded,
}

/// What matters of an entry here: small and of fixed size, so that a store can sort a million of them by subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    /// The entry's index in the publisher's feed.
    pub index: u64,
    /// The class of the subject.
    pub class: Class,
    /// The epoch of the token key.
    pub epoch: u16,
    /// The day that the entry bears.
    pub day: Day,
    /// What it does.
    pub action: Action,
}

/// What an entry does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields are those of the entries, see crate::entry")]
pub enum Action {
    List {
        conduct: Conduct,
        severity: Severity,
        role: Option<Role>,
        direction: Option<Direction>,
        expires: Day,
        carries: Option<u64>,
        document: bool,
    },
    Amend {
        target: u64,
        conduct: Option<Conduct>,
        severity: Option<Severity>,
        role: Option<Role>,
        direction: Option<Direction>,
        expires: Option<Day>,
        document: bool,
    },
    Clear {
        target: u64,
        reason: Reason,
    },
}

impl Change {
    /// What matters of the entry at `index` of a feed; `None` for a remark ([`super::lifecycle`]), which changes no standing.
    pub fn new(entry: &Entry, index: u64) -> Option<Change> {
        let action = match entry {
            Entry::List(Listing { conduct, severity, role, direction, expires, carries, document, .. }) => {
                Action::List {
                    conduct: *conduct,
                    severity: *severity,
                    role: *role,
                    direction: *direction,
                    expires: *expires,
                    carries: *carries,
                    document: document.is_some(),
                }
            }
            Entry::Amend(Amendment { target, conduct, severity, role, direction, expires, document, .. }) => {
                Action::Amend {
                    target: *target,
                    conduct: *conduct,
                    severity: *severity,
                    role: *role,
                    direction: *direction,
                    expires: *expires,
                    document: document.is_some(),
                }
            }
            Entry::Clear(Clearing { target, reason, .. }) => Action::Clear { target: *target, reason: *reason },
            Entry::Notice(_) | Entry::Commitment(_) | Entry::Dispute(_) | Entry::Ruling(_) | Entry::Measure(_) => {
                return None;
            }
        };
        Some(Change { index, class: entry.class(), epoch: entry.epoch(), day: entry.day(), action })
    }

    /// Applies it to the listing of the same publisher, token and list.
    pub fn apply(&self, current: Option<&Standing>) -> Effect {
        match self.action {
            // LEDGER-1
            Action::List { .. } if current.is_some_and(|current| current.holds_on(self.day)) => {
                Effect::Void(Void::AlreadyListed)
            }
            // LEDGER-6: the earlier epoch's listing stands before it in the same feed.
            Action::List { carries: Some(earlier), .. } if earlier >= self.index => Effect::Void(Void::CarriesLater),
            Action::List { conduct, severity, role, direction, expires, document, .. } => Effect::Stands(Standing {
                leaf: self.index,
                class: self.class,
                epoch: self.epoch,
                conduct,
                severity,
                role,
                direction,
                listed: self.day,
                expires,
                document,
            }),
            Action::Amend { target, conduct, severity, role, direction, expires, document } => {
                match self.target(current, target) {
                    // LEDGER-5: otherwise a chain of amendments would keep a reissued mobile number listed for ever.
                    Ok(current) if expires.is_some_and(|new| check_term(self.class, current.listed, new).is_err()) => {
                        Effect::Void(Void::TermExceeded)
                    }
                    Ok(current) => Effect::Stands(Standing {
                        conduct: conduct.unwrap_or(current.conduct),
                        severity: severity.unwrap_or(current.severity),
                        role: role.or(current.role),
                        direction: direction.or(current.direction),
                        expires: expires.unwrap_or(current.expires),
                        document: document || current.document,
                        ..*current
                    }),
                    Err(void) => Effect::Void(void),
                }
            }
            Action::Clear { target, reason } => match self.target(current, target) {
                Ok(_) => Effect::Cleared(Ending { day: self.day, reason }),
                Err(void) => Effect::Void(void),
            },
        }
    }

    fn target<'a>(&self, current: Option<&'a Standing>, leaf: u64) -> Result<&'a Standing, Void> {
        // LEDGER-2: an expired listing is as good as none, so that a node that has dropped it sees the same effect.
        let current = current.filter(|current| current.holds_on(self.day)).ok_or(Void::NothingListed)?;
        if current.leaf != leaf {
            Err(Void::WrongTarget) // LEDGER-3
        } else if current.class != self.class || current.epoch != self.epoch {
            Err(Void::WrongKey) // LEDGER-4
        } else {
            Ok(current)
        }
    }
}

/// Applies the entry at `index` of a feed to the listing of the same publisher, token and list; `None` for a remark.
pub fn apply(current: Option<&Standing>, entry: &Entry, index: u64) -> Option<Effect> {
    Change::new(entry, index).map(|change| change.apply(current))
}
