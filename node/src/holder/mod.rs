//! What a member does for the others as a holder of threshold keys: keeping its shares, counting what it evaluates, and
//! taking requests in turn.
//!
//! * [`shares`]: secret shares and ceremony seeds, encrypted at rest and erased when they are no longer needed.
//! * [`quota`]: how much each member had evaluated today, which neither a crash nor a clock turned back makes less.
//! * [`queue`]: requests that wait, with fair turns between members.
//! * [`service`]: judges requests and evaluates.
//! * [`custodian`]: takes part in ceremonies, keeps and erases shares as the charter says, reports what was evaluated.

mod custodian;
pub mod queue;
pub mod quota;
mod service;
pub mod shares;

pub use custodian::{Custodian, is_in_charter, progress_of};
pub use service::Holder;
