//! What is asked of whom.

use super::{
    BatchId, Now, Offence, Output, Peer, Replica, RequestFailure, RequestId, Store, Timer,
    feed::{Slot, Standing},
};
use crate::{
    base::{Hash, MemberNumber},
    charter::{CharterError, SignedCharter},
    limits,
    signed::Signed,
    sync::{Request, Response},
};

/// A request of ours that is out.
#[derive(Debug)]
pub(super) struct Asked {
    pub peer: Peer,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    Heads,
    Headers { publisher: MemberNumber },
    Chunk { batch: BatchId, index: u32 },
    Charters,
}

impl Replica {
    /// Sends what can be sent now: charters first, then headers, then chunks.
    pub(super) fn pump(&mut self, now: Now) {
        self.pump_charters(now);
        self.pump_headers(now);
        self.pump_commits(now);
        self.pump_chunks(now);
    }

    pub(super) fn ask_heads(&mut self, peer: Peer, now: Now) {
        let request = Request::Heads(self.heads());
        self.ask(peer, request, What::Heads, now);
    }

    pub(super) fn ask_headers(&mut self, peer: Peer, publisher: MemberNumber, from: u64, now: Now) {
        let id = self.ask(peer, Request::Headers { publisher, from }, What::Headers { publisher }, now);
        if let Some(feed) = self.feeds.get_mut(&publisher) {
            feed.asked_headers = Some(id);
        }
    }

    /// A peer knows a charter that we do not.
    pub(super) fn charter_missing(&mut self, peer: Peer, number: u64, now: Now) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.charter = peer.charter.max(number);
        }
        self.pump_charters(now);
    }

    fn pump_charters(&mut self, now: Now) {
        let ours = self.charter().number;
        if self.asked.values().any(|asked| matches!(asked.what, What::Charters)) || self.storing_charter {
            return;
        }
        let peer = self.peers.iter().find(|(_, peer)| peer.charter > ours && peer.is_free(now)).map(|(key, _)| *key);
        if let Some(peer) = peer {
            self.ask(peer, Request::Charters { from: ours + 1 }, What::Charters, now);
        }
    }

    fn pump_headers(&mut self, now: Now) {
        let mut wanted = Vec::new();
        for (publisher, feed) in &self.feeds {
            let has_room = feed.queue.len() < limits::QUEUED_BATCHES / 2;
            if feed.standing == Standing::Open && feed.asked_headers.is_none() && has_room {
                let next = feed.next_seq();
                let peer = self.peers.iter().find(|(_, peer)| peer.can_serve(*publisher, next, now));
                wanted.extend(peer.map(|(key, _)| (*key, *publisher, next)));
            }
        }
        for (peer, publisher, next) in wanted {
            self.ask_headers(peer, publisher, next, now);
        }
    }

    fn pump_commits(&mut self, now: Now) {
        let mut commits = Vec::new();
        for feed in self.feeds.values_mut().filter(|feed| feed.retry_at_ms <= now.ms) {
            let headers = feed.take_complete();
            if !headers.is_empty() {
                commits.push(headers);
            }
        }
        for headers in commits {
            self.out(Output::Store(Store::Commit { headers }));
        }
    }

    /// Asks for chunks: batches with clearings first, then the feed with the least to fetch.
    fn pump_chunks(&mut self, now: Now) {
        let mut room = limits::CHUNKS_IN_FLIGHT.saturating_sub(self.chunks_out);
        if room == 0 || self.peers.is_empty() {
            return;
        }
        let mut order: Vec<_> = self
            .feeds
            .iter()
            .filter(|(_, feed)| feed.standing == Standing::Open && feed.retry_at_ms <= now.ms)
            .filter_map(|(publisher, feed)| {
                let missing: u64 = feed.queue.iter().map(|pending| pending.missing_bytes()).sum();
                let clears = feed.queue.iter().any(|pending| pending.clears());
                (missing > 0).then_some((!clears, missing, *publisher))
            })
            .collect();
        order.sort_unstable();
        for (_, _, publisher) in order {
            for (batch, index, digest) in self.missing_chunks(publisher, room) {
                let Some(peer) = self.choose_peer(batch, now) else { break };
                let id = self.ask(peer, Request::Chunk { digest }, What::Chunk { batch, index }, now);
                self.chunks_out += 1;
                room -= 1;
                self.set_slot(batch, index, Slot::Asked(id));
            }
            if room == 0 {
                break;
            }
        }
    }

    fn missing_chunks(&self, publisher: MemberNumber, most: usize) -> Vec<(BatchId, u32, Hash)> {
        let queue = self.feeds.get(&publisher).into_iter().flat_map(|feed| &feed.queue);
        let of_batch = |pending: &'_ super::feed::Pending| {
            let batch = pending.id();
            let chunks = pending.header.payload().chunks.iter().zip(&pending.slots).enumerate();
            chunks
                .filter(|(_, (_, slot))| **slot == Slot::Missing)
                .map(move |(index, (chunk, _))| (batch, index as u32, chunk.digest))
                .collect::<Vec<_>>()
        };
        queue.filter(|pending| pending.probed && !pending.own).flat_map(of_batch).take(most).collect()
    }

    /// The peer with the batch that has the least of our requests.
    fn choose_peer(&self, batch: BatchId, now: Now) -> Option<Peer> {
        let able = self.peers.iter().filter(|(_, peer)| peer.can_serve(batch.publisher, batch.seq, now));
        able.min_by_key(|(_, peer)| peer.in_flight).map(|(key, _)| *key)
    }

    fn ask(&mut self, peer: Peer, request: Request, what: What, now: Now) -> RequestId {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        if let Some(state) = self.peers.get_mut(&peer) {
            state.in_flight += 1;
        }
        self.asked.insert(id, Asked { peer, what });
        self.out(Output::Request { id, peer, request });
        self.out(Output::Schedule { timer: Timer::Request(id), at_ms: now.ms + limits::REQUEST_TIMEOUT_MS });
        id
    }

    /// Takes a request off the books; a chunk becomes missing again.
    fn settle(&mut self, id: RequestId) -> Option<Asked> {
        let asked = self.asked.remove(&id)?;
        self.out(Output::Cancel(Timer::Request(id)));
        if let Some(peer) = self.peers.get_mut(&asked.peer) {
            peer.in_flight = peer.in_flight.saturating_sub(1);
        }
        match asked.what {
            What::Headers { publisher } => {
                if let Some(feed) = self.feeds.get_mut(&publisher).filter(|feed| feed.asked_headers == Some(id)) {
                    feed.asked_headers = None;
                }
            }
            What::Chunk { batch, index } => {
                self.chunks_out = self.chunks_out.saturating_sub(1);
                if self.slot(batch, index) == Some(Slot::Asked(id)) {
                    self.set_slot(batch, index, Slot::Missing);
                }
            }
            What::Heads | What::Charters => {}
        }
        Some(asked)
    }

    pub(super) fn on_timeout(&mut self, id: RequestId, now: Now) {
        if let Some(asked) = self.settle(id) {
            if let Some(peer) = self.peers.get_mut(&asked.peer) {
                peer.timed_out();
                peer.busy_until_ms = now.ms + u64::from(limits::BUSY_RETRY_MS);
            }
            self.retry_at(now.ms + u64::from(limits::BUSY_RETRY_MS));
            self.pump(now);
        }
    }

    /// Everything that was asked of a peer that is gone is asked of others.
    pub(super) fn forget_requests_to(&mut self, peer: Peer) {
        let ids: Vec<_> = self.asked.iter().filter(|(_, asked)| asked.peer == peer).map(|(id, _)| *id).collect();
        for id in ids {
            self.settle(id);
        }
    }

    pub(super) fn on_response(&mut self, id: RequestId, outcome: Result<Response, RequestFailure>, now: Now) {
        let Some(Asked { peer, what }) = self.settle(id) else { return };
        let response = match outcome {
            Ok(response) => response,
            Err(RequestFailure::Undecodable) => return self.blame(peer, Offence::Undecodable, now),
            Err(RequestFailure::Disconnected) => {
                self.hold_off(peer, now.ms + u64::from(limits::BUSY_RETRY_MS));
                return self.pump(now);
            }
        };
        if let Some(state) = self.peers.get_mut(&peer) {
            state.answered();
        }
        match (what, response) {
            (_, Response::Busy { retry_after_ms }) => {
                // Never a fault: a node under load says so (see docs/PROTOCOL.md § Sync).
                self.hold_off(peer, now.ms + u64::from(retry_after_ms.clamp(50, 10_000)));
            }
            (What::Heads, Response::Heads(heads)) => self.learn_heads(peer, heads, now),
            (What::Headers { publisher }, Response::Headers(headers)) => self.on_headers(peer, publisher, &headers, now),
            (What::Chunk { batch, index }, Response::Chunk(bytes)) => self.on_chunk(peer, batch, index, bytes),
            (What::Charters, Response::Charters(charters)) => self.on_charters(peer, &charters, now),
            (What::Headers { publisher }, Response::Absent) => self.lacks(peer, publisher, now),
            (What::Chunk { batch, .. }, Response::Absent) => self.lacks(peer, batch.publisher, now),
            (What::Charters | What::Heads, Response::Absent) => {
                self.hold_off(peer, now.ms + 10 * limits::ABSENT_RETRY_MS);
            }
            _ => return self.blame(peer, Offence::WrongAnswer, now),
        }
        self.pump(now);
    }

    fn hold_off(&mut self, peer: Peer, until_ms: u64) {
        if let Some(state) = self.peers.get_mut(&peer) {
            state.busy_until_ms = until_ms;
        }
        self.retry_at(until_ms);
    }

    fn lacks(&mut self, peer: Peer, publisher: MemberNumber, now: Now) {
        let until = now.ms + limits::ABSENT_RETRY_MS;
        if let Some(state) = self.peers.get_mut(&peer) {
            state.lacks(publisher, until);
        }
        self.retry_at(until);
    }

    fn on_headers(&mut self, peer: Peer, publisher: MemberNumber, headers: &[std::sync::Arc<[u8]>], now: Now) {
        if headers.is_empty() {
            return self.lacks(peer, publisher, now);
        }
        for envelope in headers {
            let header = match Signed::decode(envelope) {
                Ok(header) => header,
                Err(_) => return self.blame(peer, Offence::BadHeader, now),
            };
            let of_feed = |h: &crate::feed::BatchHeader| h.publisher == publisher;
            if !of_feed(header.payload()) {
                return self.blame(peer, Offence::WrongAnswer, now);
            }
            if !self.take_header(Some(peer), header, now) {
                break;
            }
        }
    }

    fn on_chunk(&mut self, peer: Peer, batch: BatchId, index: u32, bytes: std::sync::Arc<[u8]>) {
        let Some(pending) = self.feeds.get_mut(&batch.publisher).and_then(|feed| feed.pending(batch.seq)) else { return };
        let (Some(slot), Some(descriptor)) =
            (pending.slots.get_mut(index as usize), pending.header.payload().chunks.get(index as usize).copied())
        else {
            return;
        };
        if *slot == Slot::Missing {
            *slot = Slot::Storing;
            self.out(Output::Store(Store::Chunk { batch, index, descriptor, bytes, from: Some(peer) }));
        }
    }

    fn on_charters(&mut self, peer: Peer, charters: &[std::sync::Arc<[u8]>], now: Now) {
        // One at a time: each is durable before the next is looked at; more are asked for then.
        let ours = self.charter().number;
        for bytes in charters {
            match SignedCharter::decode(bytes) {
                Err(_) => return self.blame(peer, Offence::BadCharter, now),
                Ok(charter) if charter.charter().number <= ours => {}
                Ok(charter) => {
                    let outcome = self.take_charter(charter);
                    // A fork is for the stewards to judge, not this peer's fault.
                    if outcome.is_err_and(|error| !matches!(error, CharterError::Forked(_))) {
                        self.blame(peer, Offence::BadCharter, now);
                    }
                    return;
                }
            }
        }
        self.hold_off(peer, now.ms + u64::from(limits::BUSY_RETRY_MS));
    }

    pub(super) fn slot(&mut self, batch: BatchId, index: u32) -> Option<Slot> {
        self.feeds.get_mut(&batch.publisher)?.pending(batch.seq)?.slots.get(index as usize).copied()
    }

    pub(super) fn set_slot(&mut self, batch: BatchId, index: u32, to: Slot) {
        let pending = self.feeds.get_mut(&batch.publisher).and_then(|feed| feed.pending(batch.seq));
        if let Some(slot) = pending.and_then(|pending| pending.slots.get_mut(index as usize)) {
            *slot = to;
        }
    }
}
