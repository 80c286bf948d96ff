//! What an entry does to the listing that it speaks of: pure functions over one token's state.
//!
//! The identity of a listing is publisher × token × list. A publisher's feed orders everything about it, so each state
//! depends on that feed alone and every node that has the same leaves has the same states, whatever the order in which
//! feeds arrived.

use super::{Amendment, Clearing, Entry, Listing};
use crate::{
    base::Day,
    codes::{Conduct, Direction, Role, Severity},
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
}

impl Standing {
    /// Whether the listing holds on that day.
    pub fn holds_on(&self, day: Day) -> bool {
        day < self.expires
    }
}

/// What an entry did.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effect {
    /// The listing now stands like this.
    Stands(Standing),
    /// The listing is cleared.
    Cleared,
    /// The entry has no effect, for this reason. The publisher's mistake; its feed goes on.
    Void(Void),
}

/// Why an entry has no effect.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Void {
    /// LEDGER-1: the subject is already on this list by this publisher, and the earlier listing has not expired.
    AlreadyListed,
    /// LEDGER-2: there is no listing in force to amend or clear.
    NothingListed,
    /// LEDGER-3: the target is not the List entry of the listing in force.
    WrongTarget,
    /// LEDGER-4: the listing is of another class or key epoch.
    WrongKey,
}

/// Applies the entry at `index` of a feed to the listing of the same publisher, token and list.
pub fn apply(current: Option<&Standing>, entry: &Entry, index: u64) -> Effect {
    match entry {
        Entry::List(listing) => apply_list(current, listing, index),
        Entry::Amend(amendment) => match target(current, amendment.target, amendment.class, amendment.epoch) {
            Ok(current) => apply_amend(current, amendment),
            Err(void) => Effect::Void(void),
        },
        Entry::Clear(Clearing { target: leaf, class, epoch, .. }) => match target(current, *leaf, *class, *epoch) {
            Ok(_) => Effect::Cleared,
            Err(void) => Effect::Void(void),
        },
    }
}

fn apply_list(current: Option<&Standing>, listing: &Listing, index: u64) -> Effect {
    // LEDGER-1
    if current.is_some_and(|current| current.holds_on(listing.day)) {
        return Effect::Void(Void::AlreadyListed);
    }
    Effect::Stands(Standing {
        leaf: index,
        class: listing.class,
        epoch: listing.epoch,
        conduct: listing.conduct,
        severity: listing.severity,
        role: listing.role,
        direction: listing.direction,
        listed: listing.day,
        expires: listing.expires,
    })
}

fn apply_amend(current: &Standing, amendment: &Amendment) -> Effect {
    Effect::Stands(Standing {
        conduct: amendment.conduct.unwrap_or(current.conduct),
        severity: amendment.severity.unwrap_or(current.severity),
        role: amendment.role.or(current.role),
        direction: amendment.direction.or(current.direction),
        expires: amendment.expires.unwrap_or(current.expires),
        ..*current
    })
}

fn target(current: Option<&Standing>, leaf: u64, class: Class, epoch: u16) -> Result<&Standing, Void> {
    let current = current.ok_or(Void::NothingListed)?; // LEDGER-2
    if current.leaf != leaf {
        Err(Void::WrongTarget) // LEDGER-3
    } else if current.class != class || current.epoch != epoch {
        Err(Void::WrongKey) // LEDGER-4
    } else {
        Ok(current)
    }
}
