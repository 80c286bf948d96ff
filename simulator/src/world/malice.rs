//! What a dishonest member can do that an honest one does not: sign what it likes, say it to whom it likes, ask without a reason.

use std::sync::Arc;

use antibrush_protocol::{
    base::{Hash, MemberNumber, Timestamp},
    entry::{Entry, Kind},
    feed::{
        BatchHeader, Head,
        build::{Body, Place},
    },
    merkle::Frontier,
    replica::{AnswerHandle, Input, Output, Peer, RequestId, Topic},
    signed::Signed,
    sync::{Request, Response},
};

use super::{
    World,
    alliance::number_of,
    truth::{self, Made},
};
use crate::{invariant::Invariant, random::Millionths};

/// Where a batch shall go, true or not.
#[derive(Clone, Debug)]
pub struct Draft {
    /// Whose key signs it.
    pub signer: u32,
    /// In whose name.
    pub publisher: MemberNumber,
    /// The batch before it.
    pub previous: Option<Head>,
    /// The tree under that.
    pub tree: Frontier,
    /// The charter that it names.
    pub charter: Hash,
    /// When it says that it was signed.
    pub now: Timestamp,
}

impl Draft {
    /// The place after a node's own committed head.
    pub fn next(world: &World, node: u32) -> Draft {
        let at = &world.nodes[node as usize];
        let publisher = number_of(node);
        let (previous, tree) = world.known_head(node, publisher);
        let now = at.now(world.now_us).wall;
        Draft {
            signer: node,
            publisher,
            previous,
            tree,
            charter: at.disk.chain.current_id(),
            now: previous.map_or(now, |head| head.issued.max(now)),
        }
    }
}

/// A signed header and its chunks.
pub type Signing = (Signed<BatchHeader>, Vec<Arc<[u8]>>);

impl World {
    /// What a node has of a feed: its head and the tree under it.
    pub fn known_head(&self, node: u32, publisher: MemberNumber) -> (Option<Head>, Frontier) {
        let disk = &self.nodes[node as usize].disk;
        (disk.heads.get(&publisher).map(|(head, _)| *head), disk.tree(publisher))
    }

    /// Signs a batch. `None` if the entries do not fit into one.
    pub fn sign_batch(&self, draft: &Draft, entries: &[Entry]) -> Option<Signing> {
        let mut body = Body::new(draft.publisher, draft.tree.size());
        for entry in entries {
            body.push(entry).ok()?;
        }
        let place = Place {
            alliance: self.chain.alliance(),
            charter: draft.charter,
            publisher: draft.publisher,
            log: None,
            previous: draft.previous,
            now: draft.now,
        };
        body.seal(&place, draft.tree.clone(), self.feed_key(draft.signer)).ok()
    }

    /// Signs a batch that its publisher does not stand by.
    pub fn forge(&mut self, draft: &Draft, entries: &[Entry]) -> Option<Signing> {
        let signing = self.sign_batch(draft, entries)?;
        self.remember(&signing.0, entries, false);
        Some(signing)
    }

    /// Notes what was signed before anybody hears of it.
    pub(super) fn remember(&mut self, header: &Signed<BatchHeader>, entries: &[Entry], is_honest: bool) {
        let h = header.payload();
        let made = Made {
            publisher: h.publisher,
            seq: h.seq,
            size: h.size,
            at_us: self.now_us,
            is_honest,
            acknowledged_us: None,
            digest: None,
            listings: None,
            clears: truth::clears(h.publisher, entries),
            charter: self.chain.version(&h.charter).map_or(0, |version| version.charter().number),
            entries: entries.len() as u64,
            relieves: entries.iter().any(|e| matches!(e.kind(), Kind::Clear | Kind::Dispute | Kind::Ruling)),
            audience: self.in_contact(),
        };
        if is_honest {
            self.truth.oracle.write(h.publisher, h.seq, header.id(), h.first, entries);
        }
        self.truth.make(header.id(), made);
    }

    /// Hands a signed batch to its node.
    pub fn publish_made(&mut self, node: u32, header: Signed<BatchHeader>, chunks: Vec<Arc<[u8]>>) {
        self.give(node, Input::Publish { header, chunks });
    }

    /// Entries that a node could publish now.
    pub fn entries(&mut self, node: u32, count: u32, salt: u64) -> Vec<Entry> {
        self.write(node, count, Millionths(0), salt)
    }

    /// The nodes that a node is connected to.
    pub fn peers(&self, node: u32) -> Vec<u32> {
        self.lines.peers(node).collect()
    }

    /// Gets gossip to honest nodes, from the node itself and from every other dishonest member that is connected to somebody.
    pub fn slip_in(&mut self, node: u32, topic: Topic, bytes: &Arc<[u8]>) {
        let dishonest = self.nodes.iter().zip(0u32..).filter(|(at, _)| at.is_dishonest).map(|(_, at)| at);
        let accomplices: Vec<u32> = dishonest.collect();
        for accomplice in accomplices.into_iter().chain([node]) {
            for to in self.peers(accomplice) {
                self.whisper(accomplice, to, topic, bytes.clone());
            }
        }
    }

    /// Asks a peer for something that the node's own replica has not asked for.
    pub fn send_request(&mut self, node: u32, to: u32, request: Request) {
        // Its replica counts its own from 0 and hears nothing of these.
        let id = RequestId(u64::MAX - self.name());
        let key = self.nodes[to as usize].key;
        self.ask(node, id, &key, request);
    }

    /// Somebody asks whose key is in no charter.
    pub fn knock(&mut self, to: u32, stranger: Peer, request: Request) {
        const HANDLE: AnswerHandle = AnswerHandle(u64::MAX);
        let now_us = self.now_us;
        let at = &mut self.nodes[to as usize];
        let (now, is_honest) = (at.now(now_us), !at.is_dishonest);
        let Some(replica) = at.replica.as_mut() else { return };
        let input = Input::Request { from: stranger, handle: HANDLE, request };
        for output in replica.handle(input, now) {
            match output {
                Output::Answer { handle: HANDLE, response: Response::Absent } => {}
                Output::Answer { handle: HANDLE, .. } | Output::Serve { handle: HANDLE, .. } if is_honest => {
                    self.violated(Some(to), Invariant::QuotasHold, "a stranger was answered".to_owned());
                }
                Output::Answer { handle: HANDLE, .. } | Output::Serve { handle: HANDLE, .. } => {}
                other => self.carry_out(to, other),
            }
        }
    }

    /// A chunk that a node holds.
    pub fn some_chunk(&self, node: u32) -> Option<Hash> {
        let disk = &self.nodes[node as usize].disk;
        let mut headers = disk.heads.iter().filter_map(|(publisher, (head, _))| disk.header(*publisher, head.seq));
        headers.find_map(|header| header.payload().chunks.first().map(|chunk| chunk.digest))
    }
}
