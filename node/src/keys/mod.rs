//! Keys at rest and the passphrase that opens them.
//!
//! One PKCS#8 file per role in `keys/`, mode 0600, encrypted under a passphrase. Trusted completely: whoever reads a file
//! and knows the passphrase publishes in this platform's name; whoever may only write the directory can stop the node or
//! put keys of its own there, which the charter does not know. Beside a feed key or node key may lie its successor and its predecessor:
//! which one signs is for the charter to say ([`succession`]).

mod file;
pub mod local;
pub mod passphrase;
mod roles;
mod store;
mod succession;

pub use local::{LocalKey, OVERHEAD};
pub use roles::{FeedKey, KeyRole, NodeKey, SealKey, Signer, StewardKey};
pub use store::{KeyError, KeyStore, Keys, Protection};
pub use succession::Place;

#[cfg(test)]
mod tests;
