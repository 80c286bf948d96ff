//! The model of a store: the real checks over maps in memory.

use std::{collections::BTreeMap, sync::Arc};

use crate::{
    base::{Hash, MemberNumber, Token},
    board::PostId,
    charter::CharterChain,
    codes::List,
    entry::ledger::{self, Effect},
    feed::{
        BatchHeader, Chunk, ChunkDescriptor, ChunkError, Head, Leaf,
        body::{BodyCheck, BodyError},
    },
    limits,
    merkle::Frontier,
    replica::{Fault, Serve},
    signed::Verified,
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
            applied: 0,
        }
    }

    pub fn tree(&self, publisher: MemberNumber) -> Frontier {
        self.trees.get(&publisher).cloned().unwrap_or_default()
    }

    pub fn store_chunk(&mut self, descriptor: &ChunkDescriptor, bytes: &Arc<[u8]>) -> Result<(), Fault<ChunkError>> {
        Chunk::verify(descriptor, bytes).map_err(Fault::Bad)?;
        self.chunks.insert(descriptor.digest, bytes.clone());
        Ok(())
    }

    pub fn probe(&self, header: &BatchHeader) -> Vec<bool> {
        header.chunks.iter().map(|chunk| self.chunks.contains_key(&chunk.digest)).collect()
    }

    /// Commits one batch. FEED-5: a batch that is not the next one is a bug of the replica, not of a peer.
    pub fn commit(&mut self, header: &Verified<BatchHeader>) -> Result<(), Fault<BodyError>> {
        let h = header.payload();
        let expected = self.heads.get(&h.publisher).map_or(0, |(head, _)| head.seq + 1);
        assert_eq!(h.seq, expected, "FEED-5: each batch once and in order");
        let mut check = BodyCheck::new(h, self.tree(h.publisher)).map_err(Fault::Bad)?;
        let mut leaves = Vec::new();
        for descriptor in &h.chunks {
            let bytes = self.chunks.get(&descriptor.digest).expect("FEED-5: only complete bodies are committed");
            let chunk = Chunk::verify(descriptor, bytes).expect("what is stored was verified");
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
                Effect::Stands(standing) => {
                    self.table.insert(place, standing);
                }
                Effect::Cleared => {
                    self.table.remove(&place);
                }
                Effect::Void(_) => {}
            }
        }
        Ok(())
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
