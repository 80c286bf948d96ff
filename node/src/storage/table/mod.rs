//! The token table: which tokens are listed by whom, answered from memory.
//!
//! Sorted runs of packed 32-byte rows, the newest row of an identity (token prefix × publisher × list) wins, a small
//! delta in front, merging in the background. A directory of buckets leads to some four neighbouring rows and holds a small
//! filter of each bucket, so that a lookup costs one line of the directory and, if listed, two or three adjacent lines of
//! rows. (The first eight bytes of the prefixes apart from the rest was tried: it costs a listed token one more miss, and
//! the measured time doubled.)
//!
//! **Trust.** Everything here is derived from the verified feeds and can be rebuilt from them; nothing in it is proof of
//! anything. The checksums find damage, not malice: an attacker who can write these files can make this node, and no
//! other, answer wrongly until the table is rebuilt. An attacker who can read them learns the 16-byte prefixes of the
//! tokens that the node's own copies of the feeds hold anyway.
//!
//! **Hostile publishers** choose their tokens freely, so no row is placed by trust in their uniformity: a bucket of the
//! directory is searched by bisection, whatever its size.
//!
//! **After a crash** the table is at the cursors of its manifest: the caller replays the feeds from there. Only one
//! process may have a table open; the node's lock on its data directory sees to that.

mod disk;
mod error;
mod merge;
mod pages;
mod reader;
mod row;
mod run;
mod store;
mod worker;

pub use error::{Damage, TableError};
pub use reader::Reader;
pub use row::{Prefix, Row, RowState, prefix_of};
pub use store::{Cursors, Opened, TableHealth, TokenTable};

#[cfg(test)]
mod tests;
