//! A tap for the platform's own auditors: with `tap` in the configuration everything that leaves this node for other nodes is
//! also written to a file, as it is before encryption. So a platform can see for itself that no identifier leaves it.
//!
//! Not repeated are gossip that came from others and is passed on as it is, and what libp2p says by itself: keys, addresses,
//! protocols, pings.
//!
//! **Trust:** who reads the file reads what members read: tokens, entries, blinded elements. It is personal information like
//! the feeds; no identifier is in it. Written with mode 0600 and never read by the node.

use std::{
    fs::{File, OpenOptions},
    io::Write,
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use antibrush_protocol::encoding::Wire;

use crate::storage::files::{FileError, Operation};

/// Copies what leaves.
pub struct Tap(Option<File>);

impl Tap {
    /// Copies nothing.
    pub fn none() -> Tap {
        Tap(None)
    }

    /// Appends to a file.
    ///
    /// # Errors
    /// [`FileError`] if it cannot be made.
    pub fn open(path: &Path) -> Result<Tap, FileError> {
        let file = OpenOptions::new().create(true).append(true).mode(0o600).open(path);
        file.map(|file| Tap(Some(file))).map_err(|error| FileError::new(path, Operation::Open, &error))
    }

    /// An object on its way to one peer.
    pub fn object(&mut self, kind: &str, object: &impl Wire) {
        if self.0.is_some() {
            self.write(kind, &object.encode());
        }
    }

    /// A message on its way to all.
    pub fn gossip(&mut self, bytes: &[u8]) {
        self.write("gossip", bytes);
    }

    /// `kind length\n`, the bytes, `\n`.
    fn write(&mut self, kind: &str, bytes: &[u8]) {
        let Some(file) = &mut self.0 else { return };
        let record = [format!("{kind} {}\n", bytes.len()).as_bytes(), bytes, b"\n"].concat();
        if let Err(error) = file.write_all(&record) {
            // An auditor must not take a torn record for the whole truth.
            tracing::error!(%error, "the tap cannot be written; it ends here");
            self.0 = None;
        }
    }
}
