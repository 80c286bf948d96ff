//! What a member does for the others as a holder of threshold keys: keeping its shares, counting what it evaluates, and
//! taking requests in turn.
//!
//! * [`shares`]: secret shares and ceremony seeds, encrypted at rest and erased when they are no longer needed.
//! * [`quota`]: how much each member had evaluated today, which neither a crash nor a clock turned back makes less.
//! * [`queue`]: requests that wait, with fair turns between members.
//! * [`service`]: judges requests and evaluates.
//! * [`standing`]: whether a ceremony may still come to something, and how its result enters the charter.
//! * [`custodian`]: takes part in ceremonies, keeps shares as the charter says, reports what was evaluated.
//! * [`erase`]: erases the secrets that the charter and the board no longer need, and says so.

mod custodian;
mod erase;
#[cfg(test)]
mod fixtures;
pub mod queue;
pub mod quota;
mod service;
pub mod shares;
mod standing;

pub use custodian::Custodian;
pub use service::Holder;
pub(crate) use standing::is_for_same;
pub use standing::{Standing, progress_of, put_result, standing};
