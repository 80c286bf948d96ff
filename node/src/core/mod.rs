//! The core: the replica, driven.
//!
//! [`Node`] is what the faces (HTTP, command line, demo) hold. [`driver`] owns the replica and carries out its outputs with
//! the network and the store. [`publish`] makes batches of one's own feed ([`staging`] stores their chunks meanwhile); [`admit`] is the steward's side of joining.

mod admit;
mod carry;
mod driver;
mod keys;
mod node;
mod publish;
mod recovering;
mod staging;
mod view;
mod zh;

pub use admit::{AdmitError, Admitter, Founding, Invited, found};
pub use driver::Message;
pub use keys::{CeremonyStatus, KeysError, Wish};
pub use node::{Node, NodeError, Opening};
pub use publish::{
    Clear, Counted, ENTRIES_PER_IMPORTED_BATCH, Outcome, PublishError, Refusal, Session, Wanted, Writer,
};
pub use recovering::mark_recovering;
pub use view::View;
