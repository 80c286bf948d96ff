//! What is asked of whom.

use super::{
    BatchId, Event, Now, Offence, Output, Peer, Replica, RequestFailure, RequestId, Store, Timer, feed::Slot,
    headers::offence_of, peer::PeerState,
};
use crate::{
    base::{Hash, MemberNumber},
    feed::{BatchHeader, Chunk},
    limits, rule,
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
    Headers { publisher: MemberNumber, from: u64 },
    Chunk { batch: BatchId, index: u32 },
    Charters,
    Board,
}

/// What some feed waits for: most of the time nothing, and then nothing needs a second look.
#[derive(Clone, Copy, Debug, Default)]
struct Backlog {
    /// A peer states a batch whose header is not here.
    headers: bool,
    /// The body of an announced batch, or its commit.
    bodies: bool,
}

impl Replica {
    /// Sends what can be sent now: charters first, then heads, headers, chunks. SYNC-3: no peer holds more requests of ours
    /// than its window, whatever they ask for, but for one chunk that brings relief.
    pub(super) fn pump(&mut self, now: Now) {
        if self.unsettled {
            self.settle_feeds(now);
        }
        let charter = self.charter().number;
        self.peers.settle(|_, peer| peer.is_at_rest(charter));
        let backlog = self.compare_feeds(now);
        self.store_charter_again(now);
        self.store_own_posts(now);
        self.release_held(now);
        self.pump_charters(now);
        self.pump_heads(now);
        self.pump_board(now);
        let has_suspects = self.peers.touched().any(|(_, peer)| !peer.suspects.is_empty());
        if has_suspects {
            self.pump_headers(self.feeds.keys().copied().collect(), now);
        } else if backlog.headers {
            self.pump_headers(self.feeds.touched().map(|(publisher, _)| publisher).collect(), now);
        }
        if backlog.bodies {
            self.pump_commits(now);
            self.pump_chunks(now);
        }
    }

    /// FEED-7: sees which feeds have caught up with what the peers state, and whether any of them waits for something.
    fn compare_feeds(&mut self, now: Now) -> Backlog {
        let is_alone = self.peers.is_empty();
        let (mut changed, mut backlog) = (Vec::new(), Backlog::default());
        self.feeds.settle(|publisher, feed| {
            feed.note_progress(now.ms);
            if feed.compare(is_alone, now.ms) {
                changed.push((publisher, feed.caught_up));
            }
            backlog.headers |= feed.announced >= Some(feed.next_seq());
            backlog.bodies |= !feed.queue.is_empty();
            feed.is_at_rest()
        });
        for (publisher, caught_up) in changed {
            self.out(Output::Report(Event::Compared { publisher, caught_up }));
        }
        backlog
    }

    fn pump_charters(&mut self, now: Now) {
        let ours = self.charter().number;
        if self.peers.touched().next().is_none() || self.storing_charter || self.unstored_charter.is_some() {
            return;
        }
        if self.asked.values().any(|asked| matches!(asked.what, What::Charters)) {
            return;
        }
        let ahead = self.peers.touched().filter(|(_, peer)| peer.charter > ours && peer.is_free(now));
        if let Some((peer, _)) = ahead.min_by_key(|(_, peer)| peer.load()) {
            self.ask(peer, Request::Charters { from: ours + 1 }, What::Charters, now);
            return;
        }
        // CHARTER-12: who states another charter of a number that we have shows it.
        let suspect = self.peers.find_mut(|peer| if peer.is_free(now) { peer.other_charter.take() } else { None });
        if let Some((peer, from)) = suspect {
            self.ask(peer, Request::Charters { from }, What::Charters, now);
        }
    }

    fn pump_heads(&mut self, now: Now) {
        let wanted = self.peers.touched().filter(|(_, peer)| peer.heads_wanted && peer.is_free(now));
        let wanted: Vec<_> = wanted.map(|(key, _)| key).collect();
        for peer in wanted {
            if let Some(state) = self.peers.get_mut(&peer) {
                state.heads_wanted = false;
            }
            let heads = self.heads(now);
            self.ask(peer, Request::Heads(heads), What::Heads, now);
        }
    }

    fn pump_board(&mut self, now: Now) {
        let is_wanted = |peer: &PeerState| peer.board_wanted && peer.heads_heard && peer.is_free(now);
        let wanted = self.peers.touched().filter(|(_, peer)| is_wanted(peer));
        let wanted: Vec<_> = wanted.map(|(key, peer)| (key, peer.board_after_ms)).collect();
        for (peer, after_ms) in wanted {
            if after_ms > now.ms {
                self.wake_at(after_ms);
                continue;
            }
            if let Some(state) = self.peers.get_mut(&peer) {
                state.board_wanted = false;
                state.board_after_ms = now.ms + limits::COMPARE_AGAIN_MS;
            }
            let known = self.board.ids().take(limits::POSTS).copied().collect();
            self.ask(peer, Request::Board { known }, What::Board, now);
        }
    }

    fn pump_headers(&mut self, publishers: Vec<MemberNumber>, now: Now) {
        for publisher in publishers {
            if let Some((peer, from)) = self.wanted_headers(publisher, now) {
                let request = Request::Headers { publisher, from };
                let id = self.ask(peer, request, What::Headers { publisher, from }, now);
                if let Some(feed) = self.feeds.get_mut(&publisher) {
                    feed.asked_headers = Some(id);
                }
            }
        }
    }

    /// Whom to ask for headers of a feed, and from which on: first who states another head than ours, then who has more. FEED-3: of a
    /// feed that stands still, too, for a proof names a batch that both histories have and not where they part: whoever comes
    /// later may have got the other one below it.
    fn wanted_headers(&mut self, publisher: MemberNumber, now: Now) -> Option<(Peer, u64)> {
        let feed = self.feeds.get(&publisher)?;
        if feed.rewinding || feed.asked_headers.is_some() || feed.headers_after_ms > now.ms {
            return None;
        }
        if !self.takes_from(publisher) {
            return None;
        }
        let next = feed.next_seq();
        let has_room = feed.queue.len() < limits::QUEUED_BATCHES / 2;
        // Below what the stewards decided a peer may have the other history, unless it has what they decided for.
        let least = self.decided_through(publisher).map_or(next, |through| through.max(next));
        let has_more = feed.announced >= Some(least) && feed.takes(next);
        let suspect = |peer: &mut PeerState| if peer.is_free(now) { peer.suspects.remove(&publisher) } else { None };
        if let Some(suspect) = self.peers.find_mut(suspect) {
            return Some(suspect);
        }
        let peer = (has_room && has_more).then(|| self.best_peer(|peer| peer.can_serve(publisher, least, now)))??;
        Some((peer, next))
    }

    /// The nodes of a member, as the charter names them.
    pub(super) fn nodes_of(&self, member: MemberNumber) -> Vec<Peer> {
        self.charter().member(member).into_iter().flat_map(|member| &member.nodes).map(|node| node.key).collect()
    }

    /// The peer that fails least and has the least of our requests, among those that can.
    fn best_peer(&self, can: impl Fn(&PeerState) -> bool) -> Option<Peer> {
        self.peers.iter().filter(|(_, peer)| can(peer)).min_by_key(|(_, peer)| peer.load()).map(|(key, _)| *key)
    }

    fn pump_commits(&mut self, now: Now) {
        let mut commits = Vec::new();
        // None of them rests before the store has answered.
        self.feeds.settle(|_, feed| {
            let headers = if feed.retry_at_ms <= now.ms { feed.take_complete() } else { Vec::new() };
            if !headers.is_empty() {
                commits.push(headers);
            }
            false
        });
        for headers in commits {
            self.out(Output::Store(Store::Commit { headers }));
        }
    }

    /// Asks for chunks: of feeds with clearings, disputes or rulings first, then of the feed with the least to fetch. Room is kept for
    /// the former, here and at each peer.
    fn pump_chunks(&mut self, now: Now) {
        if self.chunks_out + self.chunks_storing >= limits::CHUNKS_IN_FLIGHT || self.peers.is_empty() {
            return;
        }
        let ready = self.feeds.touched().filter(|(_, feed)| feed.retry_at_ms <= now.ms);
        let mut order: Vec<_> = ready.filter_map(|(publisher, feed)| Some((feed.want()?, publisher))).collect();
        order.sort_unstable();
        for (want, publisher) in order {
            let kept = if want.is_urgent() { 0 } else { limits::CHUNKS_FOR_RELIEF };
            let room = limits::CHUNKS_IN_FLIGHT.saturating_sub(self.chunks_out + self.chunks_storing + kept);
            let own_nodes = self.nodes_of(publisher);
            for (batch, index, digest) in self.missing_chunks(publisher, room) {
                let can = |peer: &PeerState| {
                    let serves = if want.is_urgent() { PeerState::can_relieve } else { PeerState::can_serve };
                    serves(peer, batch.publisher, batch.seq, now)
                };
                // The publisher first: its line carries each chunk once. Not for relief while it is silent, for it may have its reasons.
                let speaks = |peer: &PeerState| can(peer) && !(want.is_urgent() && peer.is_silent(now));
                let publishers = own_nodes.iter().find(|key| self.peers.get(*key).is_some_and(speaks)).copied();
                let others = || self.best_peer(speaks).or_else(|| self.best_peer(can));
                let Some(peer) = publishers.or_else(others) else { break };
                let id = self.ask(peer, Request::Chunk { digest }, What::Chunk { batch, index }, now);
                self.chunks_out += 1;
                self.set_slot(batch, index, Slot::Asked(id));
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

    fn ask(&mut self, peer: Peer, request: Request, what: What, now: Now) -> RequestId {
        let id = RequestId(self.next_request);
        self.next_request += 1;
        if let Some(state) = self.peers.get_at_rest(&peer) {
            state.asked(now);
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
        if let Some(peer) = self.peers.get_at_rest(&asked.peer) {
            peer.settled();
        }
        match asked.what {
            What::Headers { publisher, .. } => {
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
            What::Heads | What::Charters | What::Board => {}
        }
        Some(asked)
    }

    pub(super) fn on_timeout(&mut self, id: RequestId, now: Now) {
        if let Some(asked) = self.settle(id) {
            if let Some(peer) = self.peers.get_mut(&asked.peer) {
                peer.timed_out();
                peer.heads_wanted |= matches!(asked.what, What::Heads);
                peer.board_wanted |= matches!(asked.what, What::Board);
            }
            self.hold_off(asked.peer, now.ms + u64::from(limits::BUSY_RETRY_MS));
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
        match outcome {
            Ok(response) => self.on_answer(peer, what, response, now),
            Err(RequestFailure::Undecodable) => {
                self.refused(rule::ENCODING);
                self.blame(peer, Offence::Undecodable, now);
            }
            Err(RequestFailure::Disconnected) => self.ask_later(peer, what, u64::from(limits::BUSY_RETRY_MS), now),
        }
        self.pump(now);
    }

    fn on_answer(&mut self, peer: Peer, what: What, response: Response, now: Now) {
        if let Some(state) = self.peers.get_mut(&peer) {
            state.spoke(now);
        }
        // SYNC-1: neither is a fault. A node under load says so, and one that has not got a body yet waits for it as we do.
        if let Response::Busy { retry_after_ms } = response {
            return self.ask_later(peer, what, u64::from(retry_after_ms.clamp(50, 10_000)), now);
        }
        if let Some(state) = self.peers.get_at_rest(&peer) {
            state.answered();
        }
        match (what, response) {
            (What::Heads, Response::Heads(heads)) => self.learn_heads(peer, &heads, now),
            (What::Headers { publisher, from }, Response::Headers(headers)) => {
                self.on_headers(peer, publisher, from, &headers, now);
            }
            (What::Chunk { batch, index }, Response::Chunk(bytes)) => self.on_chunk(peer, batch, index, bytes, now),
            (What::Charters, Response::Charters(charters)) => self.on_charters(peer, &charters, now),
            (What::Headers { publisher, .. }, Response::Absent) => {
                self.lacks(peer, publisher, now.ms + limits::ABSENT_RETRY_MS);
            }
            (What::Chunk { batch, .. }, Response::Absent) => {
                self.lacks(peer, batch.publisher, now.ms + limits::ABSENT_RETRY_MS);
            }
            (What::Board, Response::Board(posts)) => self.on_posts(peer, &posts, now),
            (What::Charters, Response::Absent) => self.no_newer_charter(peer, now),
            // It does not know us as a member yet.
            (What::Heads | What::Board, Response::Absent) => {
                self.ask_later(peer, what, 10 * limits::ABSENT_RETRY_MS, now)
            }
            // SYNC-2
            _ => {
                self.refused(rule::WRONG_ANSWER);
                self.blame(peer, Offence::WrongAnswer, now);
            }
        }
    }

    fn ask_later(&mut self, peer: Peer, what: What, wait_ms: u64, now: Now) {
        if let Some(state) = self.peers.get_mut(&peer) {
            state.heads_wanted |= matches!(what, What::Heads);
            state.board_wanted |= matches!(what, What::Board);
        }
        self.hold_off(peer, now.ms + wait_ms);
    }

    /// Asks nothing of a peer before that moment.
    pub(super) fn hold_off(&mut self, peer: Peer, until_ms: u64) {
        if let Some(state) = self.peers.get_at_rest(&peer) {
            state.busy_until_ms = until_ms.max(state.busy_until_ms);
            self.wake_at(until_ms);
        }
    }

    /// Asks nothing of one feed of a peer before that moment.
    pub(super) fn lacks(&mut self, peer: Peer, publisher: MemberNumber, until_ms: u64) {
        if let Some(state) = self.peers.get_at_rest(&peer) {
            state.lacks(publisher, until_ms);
            self.wake_at(until_ms);
        }
    }

    fn on_headers(
        &mut self,
        peer: Peer,
        publisher: MemberNumber,
        from: u64,
        headers: &[std::sync::Arc<[u8]>],
        now: Now,
    ) {
        let next = |replica: &Replica| replica.feeds.get(&publisher).map(|feed| feed.next_seq());
        let before = next(self);
        for (envelope, seq) in headers.iter().zip(from..) {
            let header = match Signed::<BatchHeader>::decode(envelope) {
                Ok(header) => header,
                Err(error) => {
                    self.refused(error.rule());
                    match offence_of(&error) {
                        Some(offence) => return self.blame(peer, offence, now),
                        None => break,
                    }
                }
            };
            // SYNC-2: what was asked for, in order, and nothing else.
            if header.payload().publisher != publisher || header.payload().seq != seq {
                self.refused(rule::WRONG_ANSWER);
                return self.blame(peer, Offence::WrongAnswer, now);
            }
            if !self.take_header(Some(peer), header, now) {
                break;
            }
        }
        // An answer that brings us no further must not be asked for again at once.
        if next(self) == before {
            self.lacks(peer, publisher, now.ms + limits::ABSENT_RETRY_MS);
        }
    }

    fn on_chunk(&mut self, peer: Peer, batch: BatchId, index: u32, bytes: std::sync::Arc<[u8]>, now: Now) {
        let Some(pending) = self.feeds.get_mut(&batch.publisher).and_then(|feed| feed.pending(batch.seq)) else {
            return;
        };
        let header = pending.header.payload();
        let (Some(slot), Some((place, descriptor))) =
            (pending.slots.get_mut(index as usize), header.placed_chunks().nth(index as usize))
        else {
            return;
        };
        let descriptor = *descriptor;
        // CHUNK-5: a clearing or a dispute could be taken out of a chunk in this way, and nothing would look wrong. Whoever erased it
        // lacks it; one that is merely broken is the store's to find and its sender's to answer for.
        let is_young = now.wall < header.issued.plus(limits::WHOLE_SECONDS);
        let is_shorter = bytes.len() < descriptor.bytes as usize;
        if is_young && is_shorter && Chunk::verify(place, &descriptor, &bytes).is_ok() {
            self.refused(rule::ERASED_EARLY);
            return self.lacks(peer, batch.publisher, now.ms + limits::REQUEST_TIMEOUT_MS);
        }
        if *slot == Slot::Missing {
            *slot = Slot::Storing;
            self.chunks_storing += 1;
            self.out(Output::Store(Store::Chunk { batch, index, place, descriptor, bytes, from: Some(peer) }));
        }
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
