//! A second history of one feed, and how it is shown to one half of the peers.

use std::{collections::BTreeMap, sync::Arc};

use antibrush_protocol::{
    base::{Hash, MemberNumber},
    feed::{BatchHeader, Head},
    merkle::{self, Frontier},
    signed::Signed,
    sync::{PeerHead, Request, Response},
};

/// What one half of the peers is told of a feed.
pub struct Second {
    /// Whose feed.
    pub publisher: MemberNumber,
    /// The number of the batch at which it parts from the first history.
    pub from: u64,
    headers: Vec<Signed<BatchHeader>>,
    chunks: BTreeMap<Hash, Arc<[u8]>>,
    /// The tree under its last batch.
    pub tree: Frontier,
    /// Its first batch is kept back: nothing of it is shown before there is a second one.
    pub hides_first: bool,
}

impl Default for Second {
    fn default() -> Self {
        Second {
            publisher: MemberNumber(0),
            from: 0,
            headers: Vec::new(),
            chunks: BTreeMap::new(),
            tree: Frontier::default(),
            hides_first: false,
        }
    }
}

/// Whether a node is told the second history: every other one is.
pub fn is_told(node: u32) -> bool {
    node % 2 == 1
}

impl Second {
    /// Whether there is none yet.
    pub fn is_empty(&self) -> bool {
        self.headers.is_empty()
    }

    /// Whether anything of it is shown.
    pub fn is_shown(&self) -> bool {
        !self.hides_first || self.headers.len() > 1
    }

    /// Its last header.
    pub fn last(&self) -> Option<&Signed<BatchHeader>> {
        self.headers.last()
    }

    /// Its last batch.
    pub fn head(&self) -> Option<Head> {
        self.headers.last().map(|header| Head::of(header.payload(), header.id()))
    }

    /// Goes on with a batch, after the tree that it was made on.
    pub fn push(&mut self, header: Signed<BatchHeader>, chunks: &[Arc<[u8]>], leaves: &[Hash]) {
        for leaf in leaves {
            self.tree.push(*leaf);
        }
        let described = header.payload().chunks.iter().map(|chunk| chunk.digest);
        self.chunks.extend(described.zip(chunks.iter().cloned()));
        self.headers.push(header);
    }

    /// What a peer of the second half is answered.
    pub fn answer(&self, request: &Request, honest: Response) -> Response {
        let Some(head) = self.head().filter(|_| self.is_shown()) else { return honest };
        match (request, honest) {
            (Request::Heads(_), Response::Heads(mut heads)) => {
                let stated = PeerHead { publisher: self.publisher, seq: head.seq, id: head.id };
                if let Some(known) = heads.feeds.iter_mut().find(|known| known.publisher == self.publisher) {
                    *known = stated;
                }
                Response::Heads(heads)
            }
            (Request::Headers { publisher, from }, Response::Headers(honest)) if *publisher == self.publisher => {
                let before = honest.into_iter().zip(*from..).filter(|(_, seq)| *seq < self.from);
                let before: Vec<_> = before.map(|(envelope, _)| envelope).collect();
                let skipped = from.saturating_sub(self.from) as usize;
                let after = self.headers.iter().skip(skipped).map(|header| header.envelope().clone());
                Response::Headers(before.into_iter().chain(after).collect())
            }
            (Request::Chunk { digest }, honest) => {
                self.chunks.get(digest).map_or(honest, |bytes| Response::Chunk(bytes.clone()))
            }
            (_, honest) => honest,
        }
    }
}

/// The leaf hashes of entries.
pub fn leaves(entries: &[antibrush_protocol::entry::Entry]) -> Vec<Hash> {
    use antibrush_protocol::encoding::Wire;
    entries.iter().map(|entry| merkle::leaf_hash(&entry.encode())).collect()
}
