<<<<<<< HEAD
//! Tests that stand outside the crates they test: the published vectors, hostile inputs, the ids of the rules, and real
//! node processes with real sockets and files.
//!
//! The tests are the files in `tests/tests/`, one for each noun of docs/PROTOCOL.md or each feature; this library is empty.
//! `tests/vectors/` holds what other implementations test themselves with (annotated hex, one file an object), `tests/data/`
//! hostile inputs in directories that are named after the defect, each with the one error that it must cause.
=======
//! What the end-to-end tests share: nodes as processes of their own, alliances of them, a small HTTP client, and waiting
//! with a deadline. Nothing here sleeps to let something happen; it asks until it has happened or the time is up.

mod alliance;
mod http;
mod node;
mod wait;

pub use alliance::Alliance;
pub use http::{Http, Lines, Reply};
pub use node::{Node, Outcome, binary, uscc};
pub use rustix::process::Signal;
pub use wait::{PATIENCE, wait_for, wait_until};
>>>>>>> e2e
