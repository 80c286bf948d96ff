//! What this node gave its word for as an elector of the writers of feeds (docs/PROTOCOL.md § Writer).

use antibrush_protocol::{
    base::{MemberNumber, Timestamp},
    encoding::Wire,
    writer::Register,
};

use super::{
    StorageError, Store,
    documents::{Batch, Documents},
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

    /// Makes a promise durable.
    pub fn put_register(&self, publisher: MemberNumber, register: &Register) -> Result<(), StorageError> {
        let mut batch = Batch::default();
        batch.put(layout::register(publisher), register.encode());
        Ok(self.documents.commit(batch)?)
    }
}

/// Notes in new documents that the promises in the old ones are gone.
pub(super) fn note_lost(documents: &Documents, now: Timestamp) -> Result<(), StorageError> {
    let mut batch = Batch::default();
    batch.put(layout::REGISTERS_LOST, now.0.to_be_bytes());
    Ok(documents.commit(batch)?)
}
