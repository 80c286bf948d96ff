//! Carries out what a node's state machine wants done.

use std::sync::Arc;

use antibrush_protocol::{
    base::Hash,
    charter::CharterError,
    replica::{AnswerHandle, Event as Report, GossipHandle, Input, Output, Store, Topic},
    sync::{Request, Response},
};
use sha2::{Digest, Sha256};

use super::{Asked, Event, STEPS, Way, World, node::Lost};
use crate::{
    gossip::{Action, Rpc},
    invariant::Invariant,
};

impl World {
    /// Hands an input to a node and carries out what it says.
    pub(super) fn give(&mut self, node: u32, input: Input) {
        self.note(node, 1, kind_of(&input));
        let step = &mut self.steps[node as usize];
        *step = if step.0 == self.now_us { (self.now_us, step.1 + 1) } else { (self.now_us, 0) };
        if step.1 > STEPS {
            let found = format!("{STEPS} inputs at one moment: a busy loop");
            return self.violated(Some(node), Invariant::Sound, found);
        }
        let at = &mut self.nodes[node as usize];
        let now = at.now(self.now_us);
        let Some(replica) = at.replica.as_mut() else { return };
        let outputs = replica.handle(input, now);
        if at.lost != Lost::default() {
            at.recover();
        }
        for output in outputs {
            self.carry_out(node, output);
        }
    }

    pub(super) fn carry_out(&mut self, node: u32, output: Output) {
        match output {
            Output::Request { id, peer, request } => self.ask(node, id, &peer, request),
            Output::Answer { handle, response } => self.answer(node, handle, response),
            Output::Serve { handle, serve } => {
                let response = self.nodes[node as usize].disk.serve(serve);
                self.answer(node, handle, response);
            }
            Output::Gossip { topic, bytes } => {
                self.look_at_telling(node, topic, &bytes);
                self.publish_gossip(node, topic, &bytes);
            }
            Output::Verdict { handle, verdict } => {
                let (now_ms, mut actions) = (self.now_ms(), Vec::new());
                self.nodes[node as usize].router.verdict(handle.0, verdict, now_ms, &mut actions);
                self.gossip(node, actions);
            }
            Output::Store(store) => self.store(node, store),
            Output::Schedule { timer, at_ms } => {
                if at_ms <= self.now_ms() {
                    let found = format!("{timer:?} is set to a moment that has passed");
                    return self.violated(Some(node), Invariant::Sound, found);
                }
                let life = self.nodes[node as usize].life;
                self.nodes[node as usize].timers.insert(timer, at_ms);
                self.queue.push(at_ms * 1000, Event::Timer { node, life, timer, at_ms });
            }
            Output::Cancel(timer) => {
                self.nodes[node as usize].timers.remove(&timer);
            }
            Output::Penalise { peer, offence } => {
                *self.counts.offences.entry(offence).or_default() += 1;
                let blamed = self.by_key.get(&peer).copied();
                if let Some(blamed) = blamed {
                    self.look_at_blame(node, blamed, offence);
                    self.punish(node, blamed);
                }
            }
            Output::Refused { rule } => *self.counts.refused.entry(rule).or_default() += 1,
            Output::Report(report) => self.report(node, report),
        }
    }

    pub(super) fn ask(
        &mut self,
        node: u32,
        id: antibrush_protocol::replica::RequestId,
        peer: &[u8; 32],
        request: Request,
    ) {
        let Some(to) = self.by_key.get(peer).copied() else { return };
        let name = self.name();
        let [Some(sent), _] = self.lines.send(node, to, size_of_request(&request), self.now_us) else { return };
        let life = self.nodes[node as usize].life;
        let asked = Asked {
            asker: node,
            life,
            id,
            asked: to,
            is_for_chunk: matches!(request, Request::Chunk { .. }),
            request: self.nodes[to as usize].is_dishonest.then(|| request.clone()),
            connection: sent.connection,
        };
        self.asked.insert(name, asked);
        let from = self.nodes[node as usize].key;
        let input = Input::Request { from, handle: AnswerHandle(name), request };
        let (way, life) = (Some(Way { from: node, connection: sent.connection }), self.nodes[to as usize].life);
        self.queue.push(sent.at_us, Event::Input { to, life, way, input });
    }

    fn answer(&mut self, node: u32, handle: AnswerHandle, response: Response) {
        let Some(asked) = self.asked.remove(&handle.0) else { return };
        debug_assert_eq!(asked.asked, node, "who was asked answers");
        let response = match (self.nodes[node as usize].malice.as_mut(), &asked.request) {
            (Some(malice), Some(request)) => malice.answer(asked.asker, request, response),
            _ => Some(response),
        };
        let Some(response) = response else { return };
        self.look_at_quota(node, &asked, &response);
        let delay_us = self.nodes[node as usize].malice.as_mut().map_or(0, |malice| malice.delays_ms() * 1000);
        if !self.lines.is_connection(node, asked.asker, asked.connection) {
            return;
        }
        // A stream carries one answer: it is never doubled.
        let [Some(sent), _] = self.lines.send(node, asked.asker, size_of_response(&response), self.now_us) else {
            return;
        };
        let input = Input::Response { id: asked.id, outcome: Ok(response) };
        let way = Some(Way { from: node, connection: sent.connection });
        self.queue.push(sent.at_us + delay_us, Event::Input { to: asked.asker, life: asked.life, way, input });
    }

    /// Forgets requests that nobody will answer, because who asked or was asked is gone.
    pub(super) fn forget_asked(&mut self) {
        let lines = &self.lines;
        self.asked.retain(|_, asked| lines.is_connection(asked.asker, asked.asked, asked.connection));
    }

    /// Publishes by gossip what a node's replica says.
    pub fn publish_gossip(&mut self, node: u32, topic: Topic, bytes: &Arc<[u8]>) {
        if let Some(malice) = self.nodes[node as usize].malice.as_mut()
            && !malice.says(topic, bytes)
        {
            return;
        }
        let (now_ms, mut actions) = (self.now_ms(), Vec::new());
        self.nodes[node as usize].router.publish(topic, message_id(topic, bytes), bytes.clone(), now_ms, &mut actions);
        self.gossip(node, actions);
    }

    /// Sends a message to one peer past the router, as only a dishonest node does.
    pub fn whisper(&mut self, node: u32, to: u32, topic: Topic, bytes: Arc<[u8]>) {
        let id = message_id(topic, &bytes);
        self.gossip(node, vec![Action::Send { to, rpc: Rpc::Message { topic, id, bytes } }]);
    }

    /// Carries out what a node's gossip wants done.
    pub(super) fn gossip(&mut self, node: u32, actions: Vec<Action>) {
        for action in actions {
            match action {
                Action::Send { to, rpc } => {
                    let arrivals = self.lines.send(node, to, rpc.wire_bytes() as u64, self.now_us);
                    let life = self.nodes[to as usize].life;
                    for sent in arrivals.into_iter().flatten() {
                        let way = Way { from: node, connection: sent.connection };
                        self.queue.push(sent.at_us, Event::Rpc { to, life, way, rpc: rpc.clone() });
                    }
                }
                Action::Deliver { from, topic, id, bytes } => {
                    if self.nodes[node as usize].malice.as_mut().is_some_and(|malice| !malice.hears(topic, &bytes)) {
                        continue;
                    }
                    let from = self.nodes[from as usize].key;
                    self.give(node, Input::Gossip { from, handle: GossipHandle(id), topic, bytes: bytes.to_vec() });
                }
            }
        }
        self.beat(node);
    }

    /// Lets the next heartbeat of a node's gossip come, if anything can come of it.
    pub(super) fn beat(&mut self, node: u32) {
        let now_ms = self.now_ms();
        let at = &mut self.nodes[node as usize];
        let Some(next_ms) = at.router.next_heartbeat(now_ms).filter(|_| at.is_running()) else { return };
        if at.beats_at_ms.is_none_or(|planned| next_ms < planned) {
            at.beats_at_ms = Some(next_ms);
            let life = at.life;
            self.queue.push((next_ms * 1000).max(self.now_us), Event::Beat { node, life });
        }
    }

    fn store(&mut self, node: u32, store: Store) {
        let number = self.name();
        let is_write =
            matches!(store, Store::Chunk { .. } | Store::Commit { .. } | Store::Charter(_) | Store::OwnPost { .. });
        let (life, doomed) = (self.nodes[node as usize].life, self.nodes[node as usize].doomed);
        let done_us = self.nodes[node as usize].disk.begin(store, number, self.now_us);
        if doomed.is_some() && is_write {
            let at_us = self.now_us + self.crashes.below(done_us - self.now_us);
            self.queue.push(at_us, Event::Power { node, life });
        }
        self.queue.push(done_us, Event::Disk { node, life, number });
    }

    fn report(&mut self, node: u32, report: Report) {
        match report {
            Report::Committed { publisher, head, count } => self.look_at_commit(node, publisher, &head, count),
            Report::CharterChanged { .. } => {
                self.look_at_charter(node);
                self.close_to_strangers(node);
            }
            Report::HeartbeatDue => self.publish(node, Vec::new()),
            Report::FeedFrozen { batch, .. } => {
                self.counts.frozen += 1;
                self.look_at_freeze(node, batch.publisher);
            }
            Report::FeedReopened { .. } => self.counts.thawed += 1,
            Report::FeedRefused { batch, error } => self.look_at_refusal(node, batch, error),
            // A clock that is behind is its node's own trouble (CHARTER-14).
            Report::CharterRefused { error: CharterError::FromTheFuture, .. }
                if self.nodes[node as usize].clock_off < 0 => {}
            Report::CharterRefused { number, error } if !self.nodes[node as usize].is_dishonest => {
                let found = format!("charter {number} of honest stewards was refused: {error}");
                self.violated(Some(node), Invariant::NobodyWronged, found);
            }
            _ => {}
        }
    }
}

/// The name of a message.
pub fn message_id(topic: Topic, bytes: &[u8]) -> u64 {
    let mut hash = Sha256::new();
    hash.update([topic as u8]);
    hash.update(bytes);
    let digest: Hash = hash.finalize().into();
    u64::from_be_bytes([digest[0], digest[1], digest[2], digest[3], digest[4], digest[5], digest[6], digest[7]])
}

fn kind_of(input: &Input) -> u64 {
    match input {
        Input::Started => 0,
        Input::PeerConnected(_) => 1,
        Input::PeerDisconnected(_) => 2,
        Input::Gossip { .. } => 3,
        Input::Request { .. } => 4,
        Input::Response { .. } => 5,
        Input::Probed { .. } => 6,
        Input::ChunkStored { .. } => 7,
        Input::Committed { .. } => 8,
        Input::Conflict { .. } => 9,
        Input::Rewound { .. } => 10,
        Input::Recalled { .. } => 11,
        Input::CharterStored { .. } => 12,
        Input::PostStored { .. } => 13,
        Input::Publish { .. } => 14,
        Input::Charter(_) => 15,
        Input::Header(_) => 16,
        Input::Post(_) => 17,
        Input::Timer(_) => 18,
    }
}

/// Bytes of a request on the wire.
fn size_of_request(request: &Request) -> u64 {
    match request {
        Request::Heads(heads) => 50 + 40 * heads.feeds.len() as u64,
        Request::Headers { .. } | Request::Charters { .. } => 16,
        Request::Chunk { .. } => 36,
        Request::Board { known } => 8 + size_of_val(known.as_slice()) as u64,
    }
}

/// Bytes of an answer on the wire.
pub(super) fn size_of_response(response: &Response) -> u64 {
    match response {
        Response::Heads(heads) => 50 + 40 * heads.feeds.len() as u64,
        Response::Headers(parts) | Response::Charters(parts) | Response::Board(parts) => {
            8 + parts.iter().map(|part| part.len() as u64 + 3).sum::<u64>()
        }
        Response::Chunk(bytes) => 8 + bytes.len() as u64,
        Response::Absent | Response::Busy { .. } => 8,
    }
}
