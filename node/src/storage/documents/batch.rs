//! A batch and its bounds.

use std::collections::BTreeMap;

use super::{DocumentError, MAX_BATCH_BYTES, MAX_CHANGES, MAX_KEY, MAX_VALUE};

/// Changes that are committed together or not at all.
#[derive(Clone, Default)]
pub struct Batch {
    pub(super) changes: BTreeMap<Vec<u8>, Option<Vec<u8>>>,
}

impl std::fmt::Debug for Batch {
    /// Shows no key and no value: they may hold tokens.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Batch({} changes, {} bytes)", self.len(), self.size())
    }
}

impl Batch {
    /// Sets a key. The last change of a key wins.
    pub fn put(&mut self, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.changes.insert(key.into(), Some(value.into()));
    }

    /// Removes a key, if it exists.
    pub fn remove(&mut self, key: impl Into<Vec<u8>>) {
        self.changes.insert(key.into(), None);
    }

    /// How many keys change.
    pub fn len(&self) -> usize {
        self.changes.len()
    }

    /// Whether there is nothing to commit.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// Bytes of all keys and values.
    pub(super) fn size(&self) -> usize {
        self.changes.iter().map(|(key, value)| key.len() + value.as_ref().map_or(0, Vec::len)).sum()
    }

    pub(super) fn check(&self) -> Result<(), DocumentError> {
        let bound = |what, found, most| {
            if found <= most { Ok(()) } else { Err(DocumentError::TooLarge { what, found, most }) }
        };
        bound("a batch's number of changes", self.len(), MAX_CHANGES)?;
        for (key, value) in &self.changes {
            bound("a key length", key.len(), MAX_KEY)?;
            bound("a value length", value.as_ref().map_or(0, Vec::len), MAX_VALUE)?;
        }
        bound("a batch size in bytes", self.size(), MAX_BATCH_BYTES)
    }
}
