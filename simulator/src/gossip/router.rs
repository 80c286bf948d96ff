//! One node's gossipsub: what comes in and what goes out between heartbeats.

use std::{collections::BTreeMap, sync::Arc};

use antibrush_protocol::{
    gossip::{FLOOD_PUBLISH, HEARTBEAT_INITIAL_DELAY_MS, HEARTBEAT_MS, MESH_PEERS, MESH_PEERS_HIGH, MESH_PEERS_LOW},
    replica::{Topic, Verdict},
};

use super::{
    Action, MessageId, PeerIndex, Random, Rpc,
    history::History,
    parameters::{
        GOSSIP_THRESHOLD, GRAFT_FLOOD_MS, GRAYLIST_THRESHOLD, IDONTWANT_BYTES, IDS_PER_BEAT, IHAVES_PER_BEAT,
        IWANT_FOLLOWUP_MS, PRUNE_BACKOFF_MOST_SECONDS, PRUNE_BACKOFF_SECONDS, PUBLISH_THRESHOLD,
    },
    peer::{Peer, Peers},
    rpc::{TOPICS, framed_bytes},
    seen::Seen,
};

/// What became of a message that was to be published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Published {
    /// It is on its way to so many peers.
    Sent(usize),
    /// It was published or came before; nothing is sent.
    Duplicate,
    /// No peer reads the topic; nothing is kept either.
    NoPeers,
}

/// What a router holds in memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Peers, with those that are only remembered.
    pub peers: usize,
    /// Messages that are known as seen.
    pub seen: usize,
    /// Messages that are kept whole.
    pub kept: usize,
    /// Their bytes; nodes of one world share them.
    pub kept_bytes: usize,
    /// Messages that peers promised.
    pub promised: usize,
}

/// One node's gossipsub: subscribed to every topic from the start, each message judged by the application before it goes on.
///
/// The caller brings each `Send` to its peer in order, answers each `Deliver` with [`Router::verdict`], and calls
/// [`Router::heartbeat`] when [`Router::next_heartbeat`] says so. Times are milliseconds of one clock that never goes back.
#[derive(Clone, Debug)]
pub struct Router {
    pub(super) random: Random,
    /// When the first heartbeat is due, in milliseconds.
    first_beat_ms: u64,
    /// How many heartbeats are done, with those that were left out.
    pub(super) beats: u64,
    /// Whether anything happened that the next heartbeat must see to, or is left to do since the last.
    pub(super) stirred: bool,
    pub(super) peers: Peers,
    pub(super) seen: Seen,
    pub(super) history: History,
    /// Which peers have until when to send which message, in milliseconds.
    pub(super) promises: BTreeMap<MessageId, Vec<(PeerIndex, u64)>>,
}

impl Router {
    /// A node that starts at `now_ms`; its heartbeats follow from that.
    pub fn new(seed: u64, now_ms: u64) -> Router {
        Router {
            random: Random::new(seed),
            first_beat_ms: now_ms + HEARTBEAT_INITIAL_DELAY_MS + HEARTBEAT_MS,
            beats: 0,
            stirred: false,
            peers: Peers::default(),
            seen: Seen::default(),
            history: History::default(),
            promises: BTreeMap::new(),
        }
    }

    /// A first connection to a peer stands.
    pub fn connected(&mut self, peer: PeerIndex, outbound: bool, now_ms: u64, out: &mut Vec<Action>) {
        let at = self.peers.place(peer);
        let known = &mut self.peers[at];
        if known.connected {
            return;
        }
        if known.is_forgotten(now_ms) {
            *known = Peer::new(peer);
        }
        known.connected = true;
        known.outbound = outbound;
        self.stirred = true;
        out.push(Action::Send { to: peer, rpc: Rpc::Subscribe { topics: TOPICS.to_vec() } });
    }

    /// The last connection to a peer ended.
    pub fn disconnected(&mut self, peer: PeerIndex, now_ms: u64) {
        let refreshed_ms = self.refreshed_ms(now_ms);
        if let Some(known) = self.peer_mut(peer) {
            known.leave(refreshed_ms, now_ms);
            self.stirred = true;
        }
    }

    /// Publishes a message of our own.
    pub fn publish(
        &mut self,
        topic: Topic,
        id: MessageId,
        bytes: Arc<[u8]>,
        now_ms: u64,
        out: &mut Vec<Action>,
    ) -> Published {
        self.seen.forget(now_ms);
        if self.seen.contains(id) {
            return Published::Duplicate;
        }
        let refreshed_ms = self.refreshed_ms(now_ms);
        let candidates = self.peers.iter().filter(|peer| peer.reads(topic));
        let candidates = candidates.filter(|peer| peer.score(refreshed_ms) >= PUBLISH_THRESHOLD);
        let (mut to, mut others): (Vec<_>, Vec<_>) =
            candidates.map(|peer| (peer.in_mesh(topic), peer.index)).partition(|(in_mesh, _)| *in_mesh);
        if !FLOOD_PUBLISH {
            // A mesh that is too small is made up for by peers outside it.
            self.random.choose(&mut others, MESH_PEERS.saturating_sub(to.len()));
        }
        to.append(&mut others);
        if to.is_empty() {
            return Published::NoPeers;
        }
        self.seen.insert(id, now_ms);
        self.history.put(id, topic, bytes.clone(), None, self.beat(now_ms));
        self.promises.remove(&id);
        for &(_, to) in &to {
            out.push(Action::Send { to, rpc: Rpc::Message { topic, id, bytes: bytes.clone() } });
        }
        Published::Sent(to.len())
    }

    /// An RPC came from a peer.
    pub fn receive(&mut self, from: PeerIndex, rpc: Rpc, now_ms: u64, out: &mut Vec<Action>) {
        let Ok(at) = self.peers.position(from) else { return };
        if !self.peers[at].connected {
            return;
        }
        if let Rpc::Subscribe { topics } = rpc {
            return topics.into_iter().for_each(|topic| self.subscribed(at, topic, now_ms, out));
        }
        let score = self.peers[at].score(self.refreshed_ms(now_ms));
        if score < GRAYLIST_THRESHOLD {
            return;
        }
        match rpc {
            Rpc::Message { topic, id, bytes } => self.message(at, topic, id, bytes, now_ms, out),
            Rpc::IDontWant { id } => self.peers[at].refuse(id, now_ms),
            Rpc::IHave { ids, .. } if score >= GOSSIP_THRESHOLD => self.told(at, &ids, now_ms, out),
            Rpc::IWant { ids } if score >= GOSSIP_THRESHOLD => self.asked(at, &ids, now_ms, out),
            Rpc::Graft { topic } => self.grafted(at, topic, score, now_ms, out),
            Rpc::Prune { topic, backoff_seconds } => {
                let backoff_ms = backoff_seconds.min(PRUNE_BACKOFF_MOST_SECONDS) * 1_000;
                let known = self.peers[at].topic_mut(topic);
                known.grafted_ms = None;
                known.back_off(now_ms + backoff_ms);
                self.stirred = true;
            }
            Rpc::IHave { .. } | Rpc::IWant { .. } | Rpc::Subscribe { .. } => {}
        }
    }

    /// The application's verdict on a delivered message. Nothing comes of a second one, nor of one that comes too late.
    pub fn verdict(&mut self, id: MessageId, verdict: Verdict, now_ms: u64, out: &mut Vec<Action>) {
        let beat = self.beat(now_ms);
        match verdict {
            Verdict::Accept => {
                let Some(kept) = self.history.get_mut(id, beat).filter(|kept| !kept.accepted) else { return };
                kept.accepted = true;
                let (topic, bytes, from) = (kept.topic, kept.bytes.clone(), kept.from);
                let heard = std::mem::take(&mut kept.heard);
                self.seen.judge(id, verdict);
                if let Some(source) = from.and_then(|from| self.peer_mut(from)) {
                    source.topic_mut(topic).reward();
                }
                let others = self.peers.iter().filter(|peer| peer.in_mesh(topic) && Some(peer.index) != from);
                for peer in others.filter(|peer| !heard.contains(&peer.index) && peer.wants(id)) {
                    let rpc = Rpc::Message { topic, id, bytes: bytes.clone() };
                    out.push(Action::Send { to: peer.index, rpc });
                }
            }
            Verdict::Reject => {
                let Some(kept) = self.history.remove(id, beat) else { return };
                // One that was seen, forgotten and seen again may have a verdict already.
                if self.seen.verdict(id).is_none() {
                    for peer in kept.from.into_iter().chain(kept.heard) {
                        self.blame(peer, kept.topic);
                    }
                }
                self.seen.judge(id, verdict);
            }
            Verdict::Ignore => {
                if self.history.remove(id, beat).is_some() {
                    self.seen.judge(id, verdict);
                }
            }
        }
    }

    /// What the application says of a peer (P5).
    pub fn set_application_score(&mut self, peer: PeerIndex, score: f64) {
        if let Some(known) = self.peer_mut(peer) {
            known.application = score;
            self.stirred = true;
        }
    }

    /// When the next heartbeat is due, in milliseconds; `None` as long as nothing can come of one. To be asked again after
    /// every other call.
    pub fn next_heartbeat(&self, now_ms: u64) -> Option<u64> {
        let next = self.beat(now_ms).max(self.beats) + 1;
        let wanted = self.stirred || !self.promises.is_empty() || self.history.has_news(next);
        wanted.then(|| self.first_beat_ms + (next - 1) * HEARTBEAT_MS)
    }

    /// The peers in the mesh of a topic.
    pub fn mesh(&self, topic: Topic) -> impl Iterator<Item = PeerIndex> {
        self.peers.iter().filter(move |peer| peer.in_mesh(topic)).map(|peer| peer.index)
    }

    /// The score of a peer, 0 of one that is not known.
    pub fn score(&self, peer: PeerIndex, now_ms: u64) -> f64 {
        self.peers.position(peer).map_or(0.0, |at| self.peers[at].score(self.refreshed_ms(now_ms)))
    }

    /// What is held in memory.
    pub fn load(&self) -> Load {
        let (kept, kept_bytes) = self.history.load();
        let promised = self.promises.len();
        Load { peers: self.peers.len(), seen: self.seen.len(), kept, kept_bytes, promised }
    }

    /// The number of the last heartbeat that was due, 0 before the first.
    pub(super) fn beat(&self, now_ms: u64) -> u64 {
        now_ms.checked_sub(self.first_beat_ms).map_or(0, |since_ms| since_ms / HEARTBEAT_MS + 1)
    }

    /// When that was, in milliseconds: the time in the mesh counts in whole heartbeats.
    pub(super) fn refreshed_ms(&self, now_ms: u64) -> u64 {
        self.beat(now_ms).checked_sub(1).map_or(0, |beats| self.first_beat_ms + beats * HEARTBEAT_MS)
    }

    /// How many peers are in the mesh of a topic.
    pub(super) fn mesh_size(&self, topic: Topic) -> usize {
        self.peers.iter().filter(|peer| peer.in_mesh(topic)).count()
    }

    /// Takes a peer out of the mesh and tells it.
    pub(super) fn prune(&mut self, at: usize, topic: Topic, now_ms: u64, out: &mut Vec<Action>) {
        let known = self.peers[at].topic_mut(topic);
        known.grafted_ms = None;
        known.back_off(now_ms + PRUNE_BACKOFF_SECONDS * 1_000);
        self.stirred = true;
        let rpc = Rpc::Prune { topic, backoff_seconds: PRUNE_BACKOFF_SECONDS };
        out.push(Action::Send { to: self.peers[at].index, rpc });
    }

    fn peer_mut(&mut self, peer: PeerIndex) -> Option<&mut Peer> {
        let at = self.peers.position(peer).ok()?;
        Some(&mut self.peers[at])
    }

    /// A peer brought an invalid message.
    fn blame(&mut self, peer: PeerIndex, topic: Topic) {
        if let Some(known) = self.peer_mut(peer) {
            known.topic_mut(topic).blame();
            self.stirred = true;
        }
    }

    /// A peer reads a topic: it is grafted at once if the mesh is small.
    fn subscribed(&mut self, at: usize, topic: Topic, now_ms: u64, out: &mut Vec<Action>) {
        let is_good = self.peers[at].score(self.refreshed_ms(now_ms)) >= 0.0;
        let is_small = self.mesh_size(topic) < MESH_PEERS_LOW;
        self.stirred = true;
        let peer = &mut self.peers[at];
        let known = peer.topic_mut(topic);
        known.subscribed = true;
        if is_good && is_small && known.grafted_ms.is_none() && known.may_graft(now_ms) {
            known.grafted_ms = Some(now_ms);
            out.push(Action::Send { to: peer.index, rpc: Rpc::Graft { topic } });
        }
    }

    fn message(
        &mut self,
        at: usize,
        topic: Topic,
        id: MessageId,
        bytes: Arc<[u8]>,
        now_ms: u64,
        out: &mut Vec<Action>,
    ) {
        let from = self.peers[at].index;
        if framed_bytes(topic, bytes.len()) > IDONTWANT_BYTES && !self.seen.contains(id) {
            let promised = self.promises.get(&id).map_or(&[][..], Vec::as_slice);
            let is_told =
                |peer: &&Peer| peer.in_mesh(topic) || promised.iter().any(|(promiser, _)| *promiser == peer.index);
            for peer in self.peers.iter().filter(|peer| peer.index != from && peer.connected).filter(is_told) {
                out.push(Action::Send { to: peer.index, rpc: Rpc::IDontWant { id } });
            }
        }
        if !self.seen.insert(id, now_ms) {
            return self.duplicate(from, topic, id, now_ms);
        }
        self.promises.remove(&id);
        self.history.put(id, topic, bytes.clone(), Some(from), self.beat(now_ms));
        out.push(Action::Deliver { from, topic, id, bytes });
    }

    fn duplicate(&mut self, from: PeerIndex, topic: Topic, id: MessageId, now_ms: u64) {
        match self.seen.verdict(id) {
            Some(Verdict::Reject) => self.blame(from, topic),
            Some(Verdict::Accept | Verdict::Ignore) => {}
            None => {
                let beat = self.beat(now_ms);
                let kept = self.history.get_mut(id, beat).filter(|kept| !kept.accepted);
                if let Some(kept) = kept.filter(|kept| !kept.heard.contains(&from)) {
                    kept.heard.push(from);
                }
            }
        }
    }

    /// IHAVE: asks for what is new.
    fn told(&mut self, at: usize, ids: &[MessageId], now_ms: u64, out: &mut Vec<Action>) {
        let peer = &mut self.peers[at];
        peer.ihaves += 1;
        self.stirred = true;
        if peer.ihaves > IHAVES_PER_BEAT || peer.asked >= IDS_PER_BEAT {
            return;
        }
        let is_new = |id: &MessageId| !self.seen.contains(*id) && !self.promises.contains_key(id);
        let mut wanted: Vec<MessageId> = ids.iter().copied().filter(is_new).collect();
        if wanted.is_empty() {
            return;
        }
        wanted.sort_unstable();
        wanted.dedup();
        self.random.shuffle(&mut wanted);
        wanted.truncate(IDS_PER_BEAT - peer.asked);
        peer.asked += wanted.len();
        for id in &wanted {
            self.promises.entry(*id).or_default().push((peer.index, now_ms + IWANT_FOLLOWUP_MS));
        }
        out.push(Action::Send { to: peer.index, rpc: Rpc::IWant { ids: wanted } });
    }

    /// IWANT: sends what is there.
    fn asked(&mut self, at: usize, ids: &[MessageId], now_ms: u64, out: &mut Vec<Action>) {
        let beat = self.beat(now_ms);
        let peer = &self.peers[at];
        for &id in ids {
            if let Some((topic, bytes)) = self.history.give(id, peer.index, beat)
                && peer.wants(id)
            {
                out.push(Action::Send { to: peer.index, rpc: Rpc::Message { topic, id, bytes } });
            }
        }
    }

    fn grafted(&mut self, at: usize, topic: Topic, score: f64, now_ms: u64, out: &mut Vec<Action>) {
        let is_full = self.mesh_size(topic) >= MESH_PEERS_HIGH;
        self.stirred = true;
        let peer = &mut self.peers[at];
        let known = peer.topic_mut(topic);
        if known.grafted_ms.is_some() {
            return;
        }
        let backoff_ms = known.backoff_left_ms(now_ms);
        if backoff_ms > 0 {
            peer.behaviour += 1.0;
            if backoff_ms > PRUNE_BACKOFF_SECONDS * 1_000 - GRAFT_FLOOD_MS {
                peer.behaviour += 1.0;
            }
            return self.prune(at, topic, now_ms, out);
        }
        if score < 0.0 {
            return self.prune(at, topic, now_ms, out);
        }
        if !known.subscribed {
            return;
        }
        if is_full && !peer.outbound {
            return self.prune(at, topic, now_ms, out);
        }
        peer.topic_mut(topic).grafted_ms = Some(now_ms);
    }
}
