//! The model of a store: the real checks over maps in memory.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    base::{Hash, MemberNumber, Token},
    board::PostId,
    charter::CharterChain,
    codes::List,
    entry::ledger::{self, Effect},
    feed::{
        BatchHeader, Chunk, ChunkDescriptor, ChunkError, ChunkPlace, Head, Leaf,
        body::{BodyCheck, BodyError},
    },
    limits,
    merkle::Frontier,
    replica::{Fault, Serve},
    signed::{Signed, Verified},
    sync::Response,
};

/// What is on one node's disk.
pub struct ModelStore {
    pub chain: CharterChain,
    pub chunks: BTreeMap<Hash, Arc<[u8]>>,
    pub headers: BTreeMap<(MemberNumber, u64), (Hash, Arc<[u8]>)>,
    pub heads: BTreeMap<MemberNumber, (Head, Arc<[u8]>)>,
    trees: BTreeMap<MemberNumber, Frontier>,
    pub table: BTreeMap<(MemberNumber, Token, List), ledger::Standing>,
    pub posts: BTreeMap<PostId, Arc<[u8]>>,
    /// Headers that were taken back.
    pub void: BTreeMap<(MemberNumber, u64, Hash), Arc<[u8]>>,
    /// Every leaf that was ever applied.
    pub applied: u64,
}

impl ModelStore {
    pub fn new(chain: CharterChain) -> ModelStore {
        ModelStore {
            chain,
            chunks: BTreeMap::new(),
            headers: BTreeMap::new(),
            heads: BTreeMap::new(),
            trees: BTreeMap::new(),
            table: BTreeMap::new(),
            posts: BTreeMap::new(),
            void: BTreeMap::new(),
            applied: 0,
        }
    }

    pub fn tree(&self, publisher: MemberNumber) -> Frontier {
        self.trees.get(&publisher).cloned().unwrap_or_default()
    }

    pub fn store_chunk(
        &mut self,
        place: ChunkPlace,
        descriptor: &ChunkDescriptor,
        bytes: &Arc<[u8]>,
    ) -> Result<(), Fault<ChunkError>> {
        Chunk::verify(place, descriptor, bytes).map_err(Fault::Bad)?;
        self.chunks.insert(descriptor.digest, bytes.clone());
        Ok(())
    }

    pub fn probe(&self, header: &BatchHeader) -> Vec<bool> {
        let is_here = |(place, of): (ChunkPlace, &ChunkDescriptor)| {
            self.chunks.get(&of.digest).is_some_and(|bytes| Chunk::verify(place, of, bytes).is_ok())
        };
        header.placed_chunks().map(is_here).collect()
    }

    /// Commits one batch. FEED-5: a batch that is not the next one is a bug of the replica, not of a peer.
    pub fn commit(&mut self, header: &Verified<BatchHeader>) -> Result<(), Fault<BodyError>> {
        let h = header.payload();
        let expected = self.heads.get(&h.publisher).map_or(0, |(head, _)| head.seq + 1);
        assert_eq!(h.seq, expected, "FEED-5: each batch once and in order");
        let mut check = BodyCheck::new(h, self.tree(h.publisher)).map_err(Fault::Bad)?;
        let mut leaves = Vec::new();
        for (place, descriptor) in h.placed_chunks() {
            let bytes = self.chunks.get(&descriptor.digest).expect("FEED-5: only complete bodies are committed");
            let chunk = Chunk::verify(place, descriptor, bytes).expect("what is stored was verified");
            check.add(&chunk.leaf_hashes, &chunk.totals, chunk.erased, |_, _, _| ());
            leaves.extend(chunk.leaves);
        }
        let tree = check.finish().map_err(Fault::Bad)?;
        self.trees.insert(h.publisher, tree);
        self.headers.insert((h.publisher, h.seq), (header.id(), header.envelope().clone()));
        self.heads.insert(h.publisher, (Head::of(h, header.id()), header.envelope().clone()));
        for (index, leaf) in (h.first..).zip(leaves) {
            self.applied += 1;
            let Leaf::Entry(entry) = leaf else { continue };
            let place = (h.publisher, *entry.token(), entry.list());
            match ledger::apply(self.table.get(&place), &entry, index) {
                Some(Effect::Stands(standing)) => {
                    self.table.insert(place, standing);
                }
                Some(Effect::Cleared(_)) => {
                    self.table.remove(&place);
                }
                Some(Effect::Void(_)) | None => {}
            }
        }
        Ok(())
    }

    /// Takes a feed back: what is left is committed again from nothing, so that no shortcut hides a mistake.
    pub fn rewind(&mut self, publisher: MemberNumber, batches: u64, head: Option<Hash>) {
        let last = batches.checked_sub(1).and_then(|last| self.headers.get(&(publisher, last)));
        let other = last.is_some_and(|(id, _)| head.is_some_and(|head| head != *id));
        let stands = if other { 0 } else { batches };
        let all: Vec<_> =
            self.headers.range((publisher, 0)..=(publisher, u64::MAX)).map(|(k, v)| (k.1, v.clone())).collect();
        let size = self.heads.get(&publisher).map_or(0, |(head, _)| head.size);
        self.heads.remove(&publisher);
        self.trees.remove(&publisher);
        self.table.retain(|(of, ..), _| *of != publisher);
        self.applied -= size;
        for (seq, (id, envelope)) in all {
            self.headers.remove(&(publisher, seq));
            let header = Signed::<BatchHeader>::decode(&envelope).unwrap().into_verified();
            if seq < stands {
                self.commit(&header).unwrap();
            } else {
                self.void.insert((publisher, seq, id), envelope);
            }
        }
    }

    /// What was taken back, from a number on: what leads from what is there to this head.
    pub fn recall(&self, publisher: MemberNumber, from: u64, batches: u64, head: Hash) -> Vec<Arc<[u8]>> {
        let (mut found, mut id) = (Vec::new(), Some(head));
        for seq in (from..batches).rev() {
            let Some(envelope) = id.and_then(|id| self.void.get(&(publisher, seq, id))) else { return Vec::new() };
            found.push(envelope.clone());
            id = Signed::<BatchHeader>::decode(envelope).unwrap().payload().previous;
        }
        let stands = self.heads.get(&publisher).map(|(head, _)| head.id);
        if id != stands {
            return Vec::new();
        }
        found.reverse();
        found
    }

    pub fn serve(&self, serve: Serve) -> Response {
        match serve {
            Serve::Headers { publisher, from, most } => {
                let headers = self.headers.range((publisher, from)..=(publisher, u64::MAX));
                Response::Headers(headers.take(most).map(|(_, (_, envelope))| envelope.clone()).collect())
            }
            Serve::Chunk { digest } => {
                self.chunks.get(&digest).map_or(Response::Absent, |b| Response::Chunk(b.clone()))
            }
            Serve::Charters { from } => {
                let charters = self.chain.from(from).iter().take(limits::CHARTERS_PER_ANSWER);
                Response::Charters(charters.map(|charter| charter.encode().into()).collect())
            }
        }
    }
}
