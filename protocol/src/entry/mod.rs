//! Entries: what a feed says about subjects, one CBOR map and one Merkle leaf each.
//!
//! [`Entry`] is the object and its rules of form (`ENTRY-*`), checked by the same code when an entry is made and when one
//! arrives. [`ledger`] is what an entry does to a listing of its own publisher; [`lifecycle`] is what the remarks of all members
//! make of it, and what is due by the [`calendar`]; [`sealed`] opens the details for who holds the identifier.

pub mod calendar;
mod kinds;
pub mod ledger;
pub mod lifecycle;
mod remarks;
pub mod sealed;
mod wire;

#[cfg(test)]
mod tests;

pub use kinds::{Amendment, Clearing, Entry, EntryError, Kind, Listing, PublicName};
pub use remarks::{About, Commitment, Dispute, DisputeAct, MeasureTaken, Notice, Ruling};
