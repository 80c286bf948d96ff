//! What a router knows of one peer, and its score.

use std::{
    collections::BTreeMap,
    ops::{Deref, DerefMut},
};

use antibrush_protocol::{
    gossip::{APPLICATION_WEIGHT, INVALID_DELIVERIES_DECAY, INVALID_DELIVERIES_WEIGHT},
    replica::Topic,
};

use super::{
    MessageId, PeerIndex,
    parameters::{
        BACKOFF_SLACK_MS, BEHAVIOUR_DECAY, BEHAVIOUR_THRESHOLD, BEHAVIOUR_WEIGHT, DECAY_TO_ZERO, FIRST_DELIVERIES_CAP,
        FIRST_DELIVERIES_DECAY, FIRST_DELIVERIES_WEIGHT, IDONTWANT_MS, IDONTWANTS, RETAIN_SCORE_MS, TIME_IN_MESH_CAP,
        TIME_IN_MESH_QUANTUM_MS, TIME_IN_MESH_WEIGHT, TOPIC_WEIGHT, TOPICS_CAP,
    },
    rpc::slot,
};

/// A peer in one topic. The floats are counts of the score: additions and products only, so they are the same on every machine.
#[derive(Clone, Debug, Default)]
pub(super) struct InTopic {
    /// Whether it reads the topic.
    pub subscribed: bool,
    /// Since when it is in the mesh, in milliseconds.
    pub grafted_ms: Option<u64>,
    /// Until when we do not graft it, in milliseconds.
    backoff_ms: u64,
    /// What is left of the count of messages that it brought first (P2).
    first: f64,
    /// What is left of the count of invalid messages (P4).
    invalid: f64,
}

/// A peer that is connected, or of which something must be remembered.
#[derive(Clone, Debug)]
pub(super) struct Peer {
    pub index: PeerIndex,
    /// Whether we dialled it.
    pub outbound: bool,
    pub connected: bool,
    topics: [InTopic; 3],
    /// What is left of the count of misbehaviour (P7).
    pub behaviour: f64,
    /// What the application says of it (P5).
    pub application: f64,
    /// How many IHAVE came since the last heartbeat.
    pub ihaves: u32,
    /// For how many messages we asked it since the last heartbeat.
    pub asked: usize,
    /// What it does not want, and since when, in milliseconds.
    unwanted: BTreeMap<MessageId, u64>,
    /// When it is forgotten if it does not come back, in milliseconds.
    forget_ms: u64,
}

/// The peers of a router by index. The indices stand together as well: half of a router's time would go into looking for one
/// among whole peers.
#[derive(Clone, Debug, Default)]
pub(super) struct Peers {
    indices: Vec<PeerIndex>,
    peers: Vec<Peer>,
}

impl Peers {
    /// Where a peer is, or where it would be.
    pub fn position(&self, index: PeerIndex) -> Result<usize, usize> {
        self.indices.binary_search(&index)
    }

    /// The place of a peer, which is made if need be.
    pub fn place(&mut self, index: PeerIndex) -> usize {
        self.position(index).unwrap_or_else(|at| {
            self.indices.insert(at, index);
            self.peers.insert(at, Peer::new(index));
            at
        })
    }

    /// Forgets the peers of which nothing needs to be remembered any more.
    pub fn forget(&mut self, now_ms: u64) {
        if self.peers.iter().any(|peer| peer.is_forgotten(now_ms)) {
            self.peers.retain(|peer| !peer.is_forgotten(now_ms));
            self.indices = self.peers.iter().map(|peer| peer.index).collect();
        }
    }
}

impl Deref for Peers {
    type Target = [Peer];

    fn deref(&self) -> &[Peer] {
        &self.peers
    }
}

impl DerefMut for Peers {
    fn deref_mut(&mut self) -> &mut [Peer] {
        &mut self.peers
    }
}

impl Peer {
    pub fn new(index: PeerIndex) -> Peer {
        Peer {
            index,
            outbound: false,
            connected: false,
            topics: Default::default(),
            behaviour: 0.0,
            application: 0.0,
            ihaves: 0,
            asked: 0,
            unwanted: BTreeMap::new(),
            forget_ms: 0,
        }
    }

    pub fn topic(&self, topic: Topic) -> &InTopic {
        &self.topics[slot(topic)]
    }

    pub fn topic_mut(&mut self, topic: Topic) -> &mut InTopic {
        &mut self.topics[slot(topic)]
    }

    pub fn in_mesh(&self, topic: Topic) -> bool {
        self.topic(topic).grafted_ms.is_some()
    }

    /// Whether it may be sent what is of the topic.
    pub fn reads(&self, topic: Topic) -> bool {
        self.connected && self.topic(topic).subscribed
    }

    /// The score, with the time in the mesh as of `refreshed_ms`.
    pub fn score(&self, refreshed_ms: u64) -> f64 {
        let topics: f64 = self.topics.iter().map(|topic| topic.score(refreshed_ms)).sum();
        let excess = (self.behaviour - BEHAVIOUR_THRESHOLD).max(0.0);
        topics.min(TOPICS_CAP) + self.application * APPLICATION_WEIGHT + excess * excess * BEHAVIOUR_WEIGHT
    }

    /// Whether a count makes the score less than it will be when nothing more happens.
    pub fn is_recovering(&self) -> bool {
        self.behaviour > 0.0 || self.topics.iter().any(|topic| topic.invalid > 0.0)
    }

    /// Lets the counts decay for `beats` seconds.
    pub fn decay(&mut self, beats: u64) {
        decay(&mut self.behaviour, BEHAVIOUR_DECAY, beats);
        for topic in &mut self.topics {
            decay(&mut topic.first, FIRST_DELIVERIES_DECAY, beats);
            decay(&mut topic.invalid, INVALID_DELIVERIES_DECAY, beats);
        }
    }

    /// Notes that it does not want a message.
    pub fn refuse(&mut self, id: MessageId, now_ms: u64) {
        self.unwanted.insert(id, now_ms);
        if self.unwanted.len() > IDONTWANTS {
            // The oldest message; the library drops the oldest refusal.
            self.unwanted.pop_first();
        }
    }

    /// Whether it wants a message. What it refused is forgotten at heartbeats only.
    pub fn wants(&self, id: MessageId) -> bool {
        !self.unwanted.contains_key(&id)
    }

    /// Forgets at a heartbeat what it refused long ago; says whether anything is left.
    pub fn forget_refusals(&mut self, now_ms: u64) -> bool {
        self.unwanted.retain(|_, at| now_ms <= *at + IDONTWANT_MS);
        !self.unwanted.is_empty()
    }

    /// The connection ended.
    pub fn leave(&mut self, refreshed_ms: u64, now_ms: u64) {
        // A good score goes with the peer, a bad one waits for it. Backoffs stay in any case.
        if self.score(refreshed_ms) > 0.0 {
            self.behaviour = 0.0;
            self.application = 0.0;
            self.topics.iter_mut().for_each(|topic| topic.invalid = 0.0);
        }
        for topic in &mut self.topics {
            topic.subscribed = false;
            topic.grafted_ms = None;
            topic.first = 0.0;
        }
        self.connected = false;
        self.unwanted.clear();
        let score_ms = if self.is_recovering() || self.application != 0.0 { now_ms + RETAIN_SCORE_MS } else { now_ms };
        let backoff_ms = self.topics.iter().map(|topic| topic.backoff_ms + BACKOFF_SLACK_MS).max();
        self.forget_ms = score_ms.max(backoff_ms.unwrap_or_default());
    }

    /// Whether nothing of it needs to be remembered any more.
    pub fn is_forgotten(&self, now_ms: u64) -> bool {
        !self.connected && now_ms > self.forget_ms
    }
}

impl InTopic {
    fn score(&self, refreshed_ms: u64) -> f64 {
        let in_mesh_ms = self.grafted_ms.map_or(0, |grafted_ms| refreshed_ms.saturating_sub(grafted_ms));
        let time_in_mesh = (in_mesh_ms as f64 / TIME_IN_MESH_QUANTUM_MS as f64).min(TIME_IN_MESH_CAP);
        let sum = time_in_mesh * TIME_IN_MESH_WEIGHT
            + self.first * FIRST_DELIVERIES_WEIGHT
            + self.invalid * self.invalid * INVALID_DELIVERIES_WEIGHT;
        sum * TOPIC_WEIGHT
    }

    /// It brought a valid message first.
    pub fn reward(&mut self) {
        self.first = (self.first + 1.0).min(FIRST_DELIVERIES_CAP);
    }

    /// It brought an invalid message.
    pub fn blame(&mut self) {
        self.invalid += 1.0;
    }

    /// Leaves it alone for so long; a longer backoff holds.
    pub fn back_off(&mut self, until_ms: u64) {
        self.backoff_ms = self.backoff_ms.max(until_ms);
    }

    /// How long it should not graft us yet, in milliseconds.
    pub fn backoff_left_ms(&self, now_ms: u64) -> u64 {
        self.backoff_ms.saturating_sub(now_ms)
    }

    /// Whether we may graft it.
    pub fn may_graft(&self, now_ms: u64) -> bool {
        self.backoff_ms == 0 || now_ms >= self.backoff_ms + BACKOFF_SLACK_MS
    }
}

/// Lets a count decay; stops as soon as there is none.
fn decay(count: &mut f64, factor: f64, times: u64) {
    for _ in 0..times {
        if *count == 0.0 {
            return;
        }
        *count *= factor;
        if *count < DECAY_TO_ZERO {
            *count = 0.0;
        }
    }
}
