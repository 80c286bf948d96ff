//! What the end-to-end tests share: nodes as processes of their own, alliances of them, a small HTTP client, and waiting
//! with a deadline. Nothing here sleeps to let something happen; it asks until it has happened or the time is up.

mod alliance;
mod http;
mod leaks;
mod lot;
mod node;
mod tcp_tap;
mod wait;

pub use alliance::Alliance;
pub use http::{Http, Lines, Reply};
pub use leaks::{Leak, Leaks};
pub use lot::Lot;
pub use node::{Node, Outcome, Starting, binary, copy_directory, list_arguments, listing_of, uscc};
pub use rustix::process::Signal;
pub use tcp_tap::{Recorded, TcpTap};
pub use wait::{PATIENCE, wait_for, wait_until};
