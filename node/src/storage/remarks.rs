//! What is said of listings by whoever says it: small records behind the token's prefix, in the documents and in memory.
//!
//! Derived from the feeds like the table and brought up with it: a record is durable before the table's cursor passes its entry, and
//! the same entry again is the same record. An attacker who can modify these records can make this node show a listing as
//! disputed or not, until the table is rebuilt from the feeds.

use std::{
    collections::HashMap,
    sync::{
        PoisonError, RwLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use antibrush_protocol::{
    base::MemberNumber,
    entry::lifecycle::{PACKED_BYTES, Remark},
};

use super::{
    documents::{Batch, Documents, MAX_CHANGES},
    layout,
    store::{StorageError, Store},
    table::Prefix,
};

/// A writer keeps readers of one part in 64 waiting.
const PARTS: usize = 64;

/// All records, by the prefix of the token of the listing that they speak of.
pub struct Remarks {
    parts: Vec<RwLock<HashMap<Prefix, Vec<Remark>>>>,
    count: AtomicUsize,
}

impl Default for Remarks {
    fn default() -> Self {
        Remarks { parts: (0..PARTS).map(|_| RwLock::default()).collect(), count: AtomicUsize::new(0) }
    }
}

impl Remarks {
    /// Those in the documents.
    pub(super) fn load(documents: &Documents) -> Result<Remarks, StorageError> {
        let remarks = Remarks::default();
        for row in documents.scan_prefix(layout::REMARKS) {
            let (prefix, packed) = layout::remark_of(&row?.0).ok_or(StorageError::Damaged)?;
            remarks.insert(prefix, Remark::unpack(&packed).ok_or(StorageError::Damaged)?);
        }
        Ok(remarks)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }

    /// Whether nothing was ever said.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Appends what is said of the listings of a token.
    pub fn of(&self, prefix: &Prefix, out: &mut Vec<Remark>) {
        if self.is_empty() {
            return;
        }
        let part = self.part(prefix).read().unwrap_or_else(PoisonError::into_inner);
        out.extend(part.get(prefix).into_iter().flatten());
    }

    /// Shows all of them.
    pub fn for_each(&self, mut each: impl FnMut(&Remark)) {
        for part in &self.parts {
            let part = part.read().unwrap_or_else(PoisonError::into_inner);
            part.values().flatten().for_each(&mut each);
        }
    }

    fn insert(&self, prefix: Prefix, remark: Remark) {
        let mut part = self.part(&prefix).write().unwrap_or_else(PoisonError::into_inner);
        let known = part.entry(prefix).or_default();
        if !known.contains(&remark) {
            known.push(remark);
            self.count.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// Those of a member's feed from a leaf on.
    pub(super) fn of_author(&self, author: MemberNumber, from: u64) -> Vec<(Prefix, Remark)> {
        let mut found = Vec::new();
        for part in &self.parts {
            let part = part.read().unwrap_or_else(PoisonError::into_inner);
            for (prefix, remarks) in &*part {
                let of_author = remarks.iter().filter(|remark| remark.author == author && remark.index >= from);
                found.extend(of_author.map(|remark| (*prefix, *remark)));
            }
        }
        found
    }

    fn remove(&self, prefix: &Prefix, remark: &Remark) {
        let mut part = self.part(prefix).write().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = part.get_mut(prefix) else { return };
        let before = known.len();
        known.retain(|other| other != remark);
        self.count.fetch_sub(before - known.len(), Ordering::Relaxed);
        if known.is_empty() {
            part.remove(prefix);
        }
    }

    // Tokens are uniform unless somebody makes them up, who then slows down his own.
    fn part(&self, prefix: &Prefix) -> &RwLock<HashMap<Prefix, Vec<Remark>>> {
        &self.parts[usize::from(prefix[0]) % PARTS]
    }
}

impl Store {
    /// What is said of listings.
    pub fn remarks(&self) -> &Remarks {
        &self.remarks
    }

    /// Makes records durable, then shows them.
    pub(super) fn put_remarks(&self, remarks: &[(Prefix, Remark)]) -> Result<(), StorageError> {
        for some in remarks.chunks(MAX_CHANGES) {
            let mut batch = Batch::default();
            for (prefix, remark) in some {
                batch.put(layout::remark(prefix, &remark.pack()), []);
            }
            self.documents.commit(batch)?;
            some.iter().for_each(|(prefix, remark)| self.remarks.insert(*prefix, *remark));
        }
        Ok(())
    }

    /// Takes back what a member's feed said from a leaf on.
    pub(super) fn remove_remarks(&self, author: MemberNumber, from: u64) -> Result<(), StorageError> {
        self.remarks.of_author(author, from).chunks(MAX_CHANGES).try_for_each(|some| self.drop_remarks(some))
    }

    /// Removes records, at most [`MAX_CHANGES`].
    pub(super) fn drop_remarks(&self, some: &[(Prefix, Remark)]) -> Result<(), StorageError> {
        let mut batch = Batch::default();
        some.iter().for_each(|(prefix, remark)| batch.remove(layout::remark(prefix, &remark.pack())));
        self.documents.commit(batch)?;
        some.iter().for_each(|(prefix, remark)| self.remarks.remove(prefix, remark));
        Ok(())
    }
}

/// The bytes of a packed record.
pub(super) type Packed = [u8; PACKED_BYTES];
