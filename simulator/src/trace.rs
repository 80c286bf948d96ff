//! The trace of a run: its digest says whether two runs were the same.

use sha2::{Digest, Sha256};

/// What happened in a world, step by step, as one digest.
#[derive(Clone, Debug, Default)]
pub struct Trace {
    hash: Sha256,
    events: u64,
}

impl Trace {
    /// Notes one event: when in microseconds, at which node, of what kind, with which detail.
    pub fn note(&mut self, at_us: u64, node: u32, kind: u8, detail: u64) {
        let mut line = [0; 21];
        line[..8].copy_from_slice(&at_us.to_be_bytes());
        line[8..12].copy_from_slice(&node.to_be_bytes());
        line[12] = kind;
        line[13..].copy_from_slice(&detail.to_be_bytes());
        self.hash.update(line);
        self.events += 1;
    }

    /// Events so far.
    pub fn events(&self) -> u64 {
        self.events
    }

    /// The digest of all events so far.
    pub fn digest(&self) -> [u8; 32] {
        self.hash.clone().finalize().into()
    }
}

/// The digest of several worlds that ran side by side.
pub fn digest_of(parts: impl IntoIterator<Item = [u8; 32]>) -> [u8; 32] {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part);
    }
    hash.finalize().into()
}
