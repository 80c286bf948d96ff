//! Making proofs from what is stored: the nodes of every 256 leaves are kept, everything below is read from the bodies.

use std::{
    cell::RefCell,
    collections::{HashMap, hash_map::Entry},
};

use antibrush_protocol::{
    base::{Hash, MemberNumber, Token},
    encoding::Wire,
    feed::{Equivocation, Leaf, chunk},
    limits,
    merkle::{self, Nodes},
    proof::{AbsenceProof, ConsistencyProof, EquivocationProof, InclusionProof},
    subject::Class,
};

use super::{
    layout::{NODE_LEVEL, NODES_PER_PAGE},
    store::{StorageError, Store},
};

/// What became of the wish for a proof of absence.
#[derive(Debug)]
pub enum Absence {
    /// The proof, whatever its leaves say.
    Proof(Box<AbsenceProof>),
    /// One of the two batches is not here.
    NotHere,
    /// The leaves of the range do not fit into a proof.
    TooLarge,
}

/// The nodes of one feed's tree.
pub(super) struct StoredNodes<'a> {
    store: &'a Store,
    publisher: MemberNumber,
    pages: RefCell<HashMap<u64, Vec<u8>>>,
    blocks: RefCell<HashMap<u64, Vec<Hash>>>,
}

impl Store {
    /// Proof that the leaf at `index` is in the feed, against the newest committed head. `None`: there is no such leaf, or
    /// its content is erased.
    pub fn prove_inclusion(&self, publisher: MemberNumber, index: u64) -> Result<Option<InclusionProof>, StorageError> {
        let Some((head, envelope)) = self.heads()?.remove(&publisher) else { return Ok(None) };
        if index >= head.size {
            return Ok(None);
        }
        let Some((first, bytes)) = self.chunk_of_leaf(publisher, index)? else { return Ok(None) };
        let position = u32::try_from(index - first).map_err(|_| StorageError::Damaged)?;
        let leaf = chunk::leaf_bytes(&bytes, position).map_err(|_| StorageError::Damaged)?;
        if antibrush_protocol::entry::Entry::decode(leaf).is_err() {
            return Ok(None);
        }
        let path =
            merkle::inclusion_proof(index, head.size, &self.nodes(publisher)).map_err(|_| StorageError::Damaged)?;
        let charters = self.charter_bytes(1, usize::MAX)?;
        Ok(Some(InclusionProof { charters, header: envelope.to_vec(), index, leaf: leaf.to_vec(), path }))
    }

    /// Proof that the head of batch `later` only appended to the head of batch `earlier`. `None`: one of them is not here.
    pub fn prove_consistency(
        &self,
        publisher: MemberNumber,
        earlier: u64,
        later: u64,
    ) -> Result<Option<ConsistencyProof>, StorageError> {
        let (Some(a), Some(b)) = (self.header(publisher, earlier)?, self.header(publisher, later)?) else {
            return Ok(None);
        };
        let (old, new) = (a.payload().size, b.payload().size);
        let Ok(path) = merkle::consistency_proof(old, new, &self.nodes(publisher)) else { return Ok(None) };
        let charters = self.charter_bytes(1, usize::MAX)?;
        Ok(Some(ConsistencyProof { charters, earlier: a.envelope().to_vec(), later: b.envelope().to_vec(), path }))
    }

    /// Everything that was appended between the heads of two batches, for a proof that none of it is about a subject.
    pub fn prove_absence(
        &self,
        publisher: MemberNumber,
        (since, until): (u64, u64),
        class: Class,
        tokens: Vec<(u16, Token)>,
    ) -> Result<Absence, StorageError> {
        let (Some(a), Some(b)) = (self.header(publisher, since)?, self.header(publisher, until)?) else {
            return Ok(Absence::NotHere);
        };
        let (old, new) = (a.payload().size, b.payload().size);
        let charters = self.charter_bytes(1, usize::MAX)?;
        // Headers, peaks and tokens take the rest.
        let taken = charters.iter().map(Vec::len).sum::<usize>() + (64 << 10);
        let Some(room) = limits::PROOF_BYTES.checked_sub(taken) else { return Ok(Absence::TooLarge) };
        let (mut leaves, mut next) = (Vec::new(), old);
        while next < new {
            let (first, chunk) = self.chunk_of_leaf(publisher, next)?.ok_or(StorageError::Damaged)?;
            let (from, count) = chunk::span(&chunk, next - first, new - first).map_err(|_| StorageError::Damaged)?;
            if count == 0 {
                return Err(StorageError::Damaged);
            }
            leaves.extend_from_slice(from);
            next += count;
            if leaves.len() > room {
                return Ok(Absence::TooLarge);
            }
        }
        let nodes = self.nodes(publisher);
        let peaks = merkle::peaks(old, &nodes).map_err(|_| StorageError::Damaged)?;
        let (earlier, later) = (a.envelope().to_vec(), b.envelope().to_vec());
        Ok(Absence::Proof(Box::new(AbsenceProof { charters, earlier, later, peaks, class, tokens, leaves })))
    }

    /// Proof that a publisher signed two histories, with the charters that entitle it.
    pub fn prove_equivocation(&self, pair: &Equivocation) -> Result<EquivocationProof, StorageError> {
        Ok(EquivocationProof::new(self.charter_bytes(1, usize::MAX)?, pair))
    }

    pub(super) fn nodes(&self, publisher: MemberNumber) -> StoredNodes<'_> {
        StoredNodes { store: self, publisher, pages: RefCell::default(), blocks: RefCell::default() }
    }
}

impl Nodes for StoredNodes<'_> {
    fn node(&self, level: u8, index: u64) -> Option<Hash> {
        if level > NODE_LEVEL {
            Some(merkle::node_hash(&self.node(level - 1, 2 * index)?, &self.node(level - 1, 2 * index + 1)?))
        } else if level == NODE_LEVEL {
            self.stored(index)
        } else {
            let leaves_first = index << level;
            let block = leaves_first >> NODE_LEVEL;
            let mut blocks = self.blocks.borrow_mut();
            if let Entry::Vacant(place) = blocks.entry(block) {
                place.insert(self.read_block(block)?);
            }
            let at = (leaves_first - (block << NODE_LEVEL)) as usize;
            Some(merkle::subtree_root(blocks.get(&block)?.get(at..at + (1 << level))?))
        }
    }
}

impl StoredNodes<'_> {
    fn stored(&self, index: u64) -> Option<Hash> {
        let (page, at) = (index / NODES_PER_PAGE, (index % NODES_PER_PAGE) as usize * 32);
        let mut pages = self.pages.borrow_mut();
        if let Entry::Vacant(place) = pages.entry(page) {
            place.insert(self.store.node_page(self.publisher, page).ok()?);
        }
        pages.get(&page)?.get(at..at + 32)?.try_into().ok()
    }

    /// The leaf hashes of a block of 256 leaves, as far as it is full.
    fn read_block(&self, block: u64) -> Option<Vec<Hash>> {
        let leaves = self.store.leaves(self.publisher, block << NODE_LEVEL, 1 << NODE_LEVEL).ok()?;
        let hash = |(_, leaf): (u64, Leaf)| match leaf {
            Leaf::Entry(entry) => merkle::leaf_hash(&entry.encode()),
            Leaf::Erased(hash) => hash,
        };
        Some(leaves.into_iter().map(hash).collect())
    }
}
