//! The core: the replica, driven.
//!
//! [`Node`] is what the faces (HTTP, command line, demo) hold. [`driver`] owns the replica and carries out its outputs with
//! the network and the store. [`wish`], [`plan`] and [`publish`] are the way from what the platform wants said to a batch of its
//! own feed ([`staging`] stores chunks meanwhile); [`writer`] agrees with the member's other nodes on who does it;
//! [`carry`] takes one's listings into the next key epoch. [`admit`] is the steward's side of joining by invitation and
//! [`newcomer`] that by file, [`keys`] what a steward does about token keys,
//! [`forgetting`] erases what is due, [`waiting`] puts entries into force that waited for witnesses,
//! [`govern`] how several stewards change the charter ([`words`] says what a proposal changes).

mod admit;
mod carry;
mod driver;
mod forgetting;
mod govern;
mod keys;
mod newcomer;
mod node;
mod plan;
mod publish;
mod recovering;
mod remark;
mod staging;
mod view;
mod waiting;
mod wish;
mod witness;
mod words;
mod writer;
mod zh;

pub use admit::{AdmitError, Admitter, Founding, Invited, found};
pub use driver::Message;
pub use govern::{GovernError, Reviewed, UpTo, read_succession, thaw, write_succession};
pub use keys::{CeremonyStatus, KeysError, Wish, holding};
pub use newcomer::{admission, apply_for, newcomer};
pub use node::{Node, NodeError, Opening};
pub use plan::Session;
pub use publish::{ENTRIES_PER_IMPORTED_BATCH, PublishError, Writer};
pub use recovering::mark_recovering;
pub use view::View;
pub use wish::{Carried, Clear, Counted, Outcome, Refusal, RemarkWish, Wanted, What};
pub use writer::{Seated, WriterError};
