//! Gossip: to begin with, everybody tells everybody.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use antibrush_protocol::replica::{Topic, Verdict};

/// The number of a peer.
pub type PeerIndex = u32;

/// What gossip sends.
#[derive(Clone, Debug)]
pub enum Rpc {
    /// A message.
    Message {
        /// Its topic.
        topic: Topic,
        /// Its name.
        id: u64,
        /// The message.
        bytes: Arc<[u8]>,
    },
}

impl Rpc {
    /// Bytes on the wire.
    pub fn size(&self) -> u64 {
        match self {
            Rpc::Message { bytes, .. } => bytes.len() as u64 + 60,
        }
    }
}

/// What the router wants done.
#[derive(Clone, Debug)]
pub enum Action {
    /// Send something.
    Send {
        /// To whom.
        to: PeerIndex,
        /// What.
        rpc: Rpc,
    },
    /// Hand a message to the replica, which answers with a verdict.
    Deliver {
        /// From whom.
        from: PeerIndex,
        /// Its topic.
        topic: Topic,
        /// Its name.
        id: u64,
        /// The message.
        bytes: Arc<[u8]>,
    },
}

/// One node's gossip.
#[derive(Clone, Debug, Default)]
pub struct Router {
    peers: BTreeSet<PeerIndex>,
    seen: BTreeSet<u64>,
    held: BTreeMap<u64, (PeerIndex, Topic, Arc<[u8]>)>,
}

impl Router {
    /// A router without peers.
    pub fn new(_seed: u64) -> Router {
        Router::default()
    }

    /// A peer is connected.
    pub fn connected(&mut self, peer: PeerIndex, _outbound: bool, _now_ms: u64, _out: &mut Vec<Action>) {
        self.peers.insert(peer);
    }

    /// A peer is gone.
    pub fn disconnected(&mut self, peer: PeerIndex) {
        self.peers.remove(&peer);
    }

    /// Publishes a message of our own.
    pub fn publish(&mut self, topic: Topic, id: u64, bytes: Arc<[u8]>, _now_ms: u64, out: &mut Vec<Action>) {
        if self.seen.insert(id) {
            self.tell(None, topic, id, &bytes, out);
        }
    }

    /// Takes what a peer sent.
    pub fn receive(&mut self, from: PeerIndex, rpc: Rpc, _now_ms: u64, out: &mut Vec<Action>) {
        let Rpc::Message { topic, id, bytes } = rpc;
        if self.seen.insert(id) {
            self.held.insert(id, (from, topic, bytes.clone()));
            out.push(Action::Deliver { from, topic, id, bytes });
        }
    }

    /// The replica's verdict on a message.
    pub fn verdict(&mut self, id: u64, verdict: Verdict, _now_ms: u64, out: &mut Vec<Action>) {
        let Some((from, topic, bytes)) = self.held.remove(&id) else { return };
        if verdict == Verdict::Accept {
            self.tell(Some(from), topic, id, &bytes, out);
        }
    }

    /// A second passed.
    pub fn heartbeat(&mut self, _now_ms: u64, _out: &mut Vec<Action>) {}

    /// Whether anything could come of the next heartbeat.
    pub fn wants_heartbeat(&self) -> bool {
        false
    }

    fn tell(&self, but: Option<PeerIndex>, topic: Topic, id: u64, bytes: &Arc<[u8]>, out: &mut Vec<Action>) {
        for to in self.peers.iter().filter(|peer| Some(**peer) != but) {
            out.push(Action::Send { to: *to, rpc: Rpc::Message { topic, id, bytes: bytes.clone() } });
        }
    }
}
