//! Storage: three rooms behind one door.
//!
//! * [`documents`]: charters, headers, cursors and invitations in an embedded database. Every object in it was verified
//!   before it was stored, and is signed; an attacker who edits it can make this node forget or refuse, not believe.
//! * [`bodies`]: the chunks of all feeds as content-addressed files. Read back they are compared with signed headers.
//! * [`table`]: which tokens are listed by whom, derived from the bodies and rebuilt from them at any doubt.
//!
//! [`Store`] is the door: it keeps the order of a commit (chunks, then header and cursor, then the table, then the
//! acknowledgement) and, on opening, replays what the table had not yet written.

mod adopt;
pub mod bodies;
mod commit;
pub mod documents;
pub mod files;
mod forget;
mod forks;
mod held;
mod kept;
mod layout;
mod ledger;
pub mod lock;
mod looked;
mod missed;
mod proofs;
mod registers;
mod remarks;
mod rewind;
mod store;
pub mod table;
mod times;
mod void;
mod zh;

#[cfg(test)]
mod tests;

pub use adopt::{AdoptError, Adopted};
pub use commit::Effect;
pub use forget::{Erased, Forgotten};
pub use forks::{Fork, short_id};
pub use kept::{Effects, KEY_BYTES, Key};
pub use layout::{CommitRecord, Held, InvitationRecord};
pub use ledger::standing as standing_of;
pub use proofs::Absence;
pub use remarks::Remarks;
pub use store::{Assembled, Recovery, StorageError, Store};
pub use times::{Histogram, Spread, Times};
