//! Several nodes of one member: which of them writes its feed, and why two never write two histories.
//!
//! Each batch of a member with several nodes is agreed on before it is signed: single-decree Paxos (Lamport, "Paxos Made
//! Simple", 2001) for every place in the feed, with the terms of one writer running on over the places that follow. The
//! [`electors`] of a place are fixed by the charter that the header before it names, so that everybody who may continue the
//! feed asks the same nodes. An elector takes a batch only with its whole body, so whoever takes over can finish what the
//! last writer began. There is no clock in it: a writer that comes back after hours is refused by the electors' word alone.
//!
//! [`Register`] is an elector's memory, [`Candidate`] counts answers on the asker's side; both are pure.

mod candidate;
mod electors;
mod message;
mod register;

#[cfg(test)]
mod tests;

pub use candidate::{Candidate, Outcome};
pub use electors::{Constituency, base, constituency, electors, is_void};
pub use message::{Ask, Bid, Claim, Place, Proposal, Refused, Reply, SignError, Term, Vote};
pub use register::{Register, Seen};
