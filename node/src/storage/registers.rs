//! What this node gave its word for as an elector of the writers of feeds (docs/PROTOCOL.md § Writer).

use std::path::Path;

use antibrush_protocol::{
    base::{MemberNumber, Timestamp},
    encoding::Wire,
    writer::Register,
};

use super::{
    StorageError, Store,
    documents::{Batch, Documents},
    files::{FileError, Operation},
    layout,
};

impl Store {
    /// What was promised about a feed.
    pub fn register(&self, publisher: MemberNumber) -> Result<Register, StorageError> {
        if let Some(bytes) = self.documents.get(&layout::register(publisher))? {
            return Register::decode(&bytes).map_err(|_| StorageError::Damaged);
        }
        // WRITER-7
        let lost = self.documents.get(layout::REGISTERS_LOST)?;
        let Some(lost) = lost else { return Ok(Register::default()) };
        let at = lost.try_into().map_err(|_| StorageError::Damaged)?;
        Ok(Register::lost(Timestamp(u64::from_be_bytes(at))))
    }

    /// Whether anything was promised about a feed.
    pub(super) fn has_register(&self, publisher: MemberNumber) -> Result<bool, StorageError> {
        Ok(self.documents.get(&layout::register(publisher))?.is_some())
    }

    /// All that was promised.
    pub(super) fn registers(&self) -> Result<Vec<Register>, StorageError> {
        let rows = self.documents.scan_prefix(layout::REGISTERS);
        rows.map(|row| Register::decode(&row?.1).map_err(|_| StorageError::Damaged)).collect()
    }

    /// Whether a database was set aside and this one does not say so.
    pub(super) fn has_unnoted_loss(&self, data: &Path) -> Result<bool, StorageError> {
        Ok(self.documents.get(layout::REGISTERS_LOST)?.is_none() && holds(data, "documents.damaged-")?)
    }

    /// Makes a promise durable.
    pub fn put_register(&self, publisher: MemberNumber, register: &Register) -> Result<(), StorageError> {
        let mut batch = Batch::default();
        batch.put(layout::register(publisher), register.encode());
        Ok(self.documents.commit(batch)?)
    }
}

/// Whether charters lie beside the documents.
pub(super) fn has_charters(directory: &Path) -> Result<bool, StorageError> {
    holds(directory, "")
}

/// Whether a directory has an entry whose name begins so.
fn holds(directory: &Path, prefix: &str) -> Result<bool, StorageError> {
    let read = |error: &std::io::Error| FileError::new(directory, Operation::Read, error);
    let entries = match std::fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(read(&error).into()),
    };
    for entry in entries {
        if entry.map_err(|error| read(&error))?.file_name().to_string_lossy().starts_with(prefix) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Notes in new documents that the promises in the old ones are gone.
pub(super) fn note_lost(documents: &Documents, now: Timestamp) -> Result<(), StorageError> {
    let mut batch = Batch::default();
    batch.put(layout::REGISTERS_LOST, now.0.to_be_bytes());
    Ok(documents.commit(batch)?)
}
