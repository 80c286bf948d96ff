//! The life of a listing after it was made: one transition function, and a state that is a pure function of a set.
//!
//! The publisher's own feed says whether a listing stands ([`super::ledger`]). Everything else that is said of it, by its
//! publisher, the stewards or other members, is a [`Remark`] of fixed size. [`Life::fold`] brings the remarks about one listing
//! into their one order and takes them through [`step`], the table of docs/PROTOCOL.md § Lifecycle. Which remarks are there
//! decides alone: not the order in which they came, nor how often, nor whether one came before what it speaks of. A remark that
//! the table refuses has no effect, and [`Subject::admit`] asks the same function before one is made.
//!
//! **Invariant:** no calendar and no clock decides what takes effect. They come in where somebody asks: [`Subject::statuses`]
//! and [`deadlines`].

mod deadline;
mod life;
mod remark;
mod retention;
mod roster;
mod status;
mod step;

#[cfg(test)]
mod tests;

pub use deadline::{Actor, Deadline, deadlines, erase_on};
pub use life::{DisputeState, Life, MeasureState};
pub use remark::{Act, PACKED_BYTES, Remark};
pub use retention::{Course, Target, due_days, remark_due, retention};
pub use roster::Roster;
pub use status::{Cutoffs, Held, Status, Subject};
pub use step::{Refusal, Stage, Who, step};
