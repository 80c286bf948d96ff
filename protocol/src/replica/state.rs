//! The state and the way of each input through it.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    BatchId, Event, Fault, FeedStatus, GossipHandle, Input, Now, Offence, Output, Peer, PublishRefusal, RequestId, Standing,
    Store, Timer, Topic, Verdict,
    feed::{Admission, Feed, Slot},
    fetch::Asked,
    peer::{PeerState, Peers},
};
use crate::{
    base::MemberNumber,
    charter::{Charter, CharterChain, CharterError, HeaderRefusal, SignedCharter},
    encoding::Wire,
    feed::{BatchHeader, ChunkError, Head, body::BodyError},
    limits,
    signed::{Signed, Verified},
    sync::Announcement,
};

/// What a node knew when it stopped.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The charters.
    pub chain: CharterChain,
    /// Our own node key.
    pub node: Peer,
    /// The committed heads and their signed headers.
    pub heads: BTreeMap<MemberNumber, (Head, Arc<[u8]>)>,
    /// Feeds that were frozen or refused.
    pub standings: BTreeMap<MemberNumber, Standing>,
}

/// The state machine: see the module's documentation.
#[derive(Debug)]
pub struct Replica {
    pub(super) chain: CharterChain,
    node: Peer,
    pub(super) feeds: BTreeMap<MemberNumber, Feed>,
    pub(super) peers: Peers,
    pub(super) asked: BTreeMap<RequestId, Asked>,
    pub(super) next_request: u64,
    pub(super) chunks_out: usize,
    pub(super) storing_charter: bool,
    last_compared: Option<Peer>,
    retry_at_ms: Option<u64>,
    outputs: Vec<Output>,
}

impl Replica {
    /// A replica that goes on from what was stored.
    pub fn new(restored: Restored) -> Replica {
        let mut replica = Replica {
            chain: restored.chain,
            node: restored.node,
            feeds: BTreeMap::new(),
            peers: Peers::new(),
            asked: BTreeMap::new(),
            next_request: 0,
            chunks_out: 0,
            storing_charter: false,
            last_compared: None,
            retry_at_ms: None,
            outputs: Vec::new(),
        };
        for (publisher, (head, envelope)) in restored.heads {
            let feed = replica.feeds.entry(publisher).or_default();
            feed.head = Some(head);
            feed.head_envelope = Some(envelope);
        }
        for (publisher, standing) in restored.standings {
            replica.feeds.entry(publisher).or_default().standing = standing;
        }
        replica.open_feeds();
        replica
    }

    /// Takes one input and says what to do.
    pub fn handle(&mut self, input: Input, now: Now) -> Vec<Output> {
        match input {
            Input::Started => self.on_started(now),
            Input::PeerConnected(peer) => self.on_connected(peer, now),
            Input::PeerDisconnected(peer) => {
                self.peers.remove(&peer);
                self.forget_requests_to(peer);
                self.pump(now);
            }
            Input::Gossip { from, handle, topic, bytes } => self.on_gossip(from, handle, topic, &bytes, now),
            Input::Request { from, handle, request } => self.on_request(from, handle, request, now),
            Input::Response { id, outcome } => self.on_response(id, outcome, now),
            Input::Probed { batch, present } => self.on_probed(batch, &present, now),
            Input::ChunkStored { batch, index, from, result } => self.on_chunk_stored(batch, index, from, result, now),
            Input::Committed { publisher, through, result } => self.on_committed(publisher, through, result, now),
            Input::Conflict { batch, ours, theirs } => self.freeze(batch, ours, theirs),
            Input::CharterStored { charter, stored } => self.on_charter_stored(charter, stored, now),
            Input::Publish { header, chunks } => self.on_publish(header, chunks, now),
            Input::Charter(charter) => {
                let number = charter.charter().number;
                if let Err(error) = self.take_charter(charter) {
                    self.out(Output::Report(Event::CharterRefused { number, error }));
                }
            }
            Input::Header(header) => {
                self.take_header(None, header, now);
                self.pump(now);
            }
            Input::Timer(timer) => self.on_timer(timer, now),
        }
        std::mem::take(&mut self.outputs)
    }

    /// The charters.
    pub fn chain(&self) -> &CharterChain {
        &self.chain
    }

    /// The charter in force.
    pub fn charter(&self) -> &Arc<Charter> {
        self.chain.current()
    }

    /// Our own number, once the charter names this node.
    pub fn me(&self) -> Option<MemberNumber> {
        self.charter().member_of_node(&self.node).map(|member| member.number)
    }

    /// The head of a feed.
    pub fn head(&self, publisher: MemberNumber) -> Option<Head> {
        self.feeds.get(&publisher)?.head
    }

    /// The feeds that answers depend on, and those of former members.
    pub fn feeds(&self) -> Vec<FeedStatus> {
        let status = |(publisher, feed): (&MemberNumber, &Feed)| FeedStatus {
            publisher: *publisher,
            head: feed.head,
            waiting: feed.queue.len() as u64,
            standing: feed.standing,
        };
        self.feeds.iter().map(status).collect()
    }

    /// The connected peers.
    pub fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.peers.keys()
    }

    pub(super) fn out(&mut self, output: Output) {
        self.outputs.push(output);
    }

    /// One retry timer serves everything that waits: the earliest moment wins.
    pub(super) fn retry_at(&mut self, at_ms: u64) {
        if self.retry_at_ms.is_none_or(|planned| at_ms < planned) {
            self.retry_at_ms = Some(at_ms);
            self.out(Output::Schedule { timer: Timer::Retry, at_ms });
        }
    }

    pub(super) fn blame(&mut self, peer: Peer, offence: Offence, now: Now) {
        self.out(Output::Penalise { peer, offence });
        if let Some(state) = self.peers.get_mut(&peer) {
            state.busy_until_ms = now.ms + limits::REQUEST_TIMEOUT_MS;
        }
        self.pump(now);
    }

    fn on_started(&mut self, now: Now) {
        self.out(Output::Schedule { timer: Timer::AntiEntropy, at_ms: now.ms + limits::ANTI_ENTROPY_MS });
        self.heartbeat(now);
        self.pump(now);
    }

    fn on_connected(&mut self, peer: Peer, now: Now) {
        if self.peers.len() < limits::PEERS && !self.peers.contains_key(&peer) {
            self.peers.insert(peer, PeerState::new(now));
            self.ask_heads(peer, now);
        }
    }

    fn on_timer(&mut self, timer: Timer, now: Now) {
        match timer {
            Timer::Request(id) => self.on_timeout(id, now),
            Timer::AntiEntropy => {
                let next = match self.last_compared {
                    Some(last) => self.peers.range(last..).map(|(key, _)| *key).find(|key| *key != last),
                    None => None,
                };
                let next = next.or_else(|| self.peers.keys().next().copied());
                self.last_compared = next;
                if let Some(peer) = next {
                    self.ask_heads(peer, now);
                }
                self.out(Output::Schedule { timer: Timer::AntiEntropy, at_ms: now.ms + limits::ANTI_ENTROPY_MS });
                self.pump(now);
            }
            Timer::Heartbeat => self.heartbeat(now),
            Timer::Retry => {
                self.retry_at_ms = None;
                self.pump(now);
            }
        }
    }

    /// Reports when our own feed needs an empty batch; looks again in a minute.
    fn heartbeat(&mut self, now: Now) {
        let publishes = self.me().and_then(|me| self.charter().member(me)).is_some_and(|member| member.is_publisher());
        if publishes && let Some(feed) = self.me().and_then(|me| self.feeds.get(&me)) {
            let due = feed.head.is_none_or(|head| now.wall >= head.issued.plus(limits::HEARTBEAT_SECONDS));
            if due && feed.queue.is_empty() && feed.standing == Standing::Open {
                self.out(Output::Report(Event::HeartbeatDue));
            }
        }
        self.out(Output::Schedule { timer: Timer::Heartbeat, at_ms: now.ms + 60_000 });
    }

    fn on_gossip(&mut self, from: Peer, handle: GossipHandle, topic: Topic, bytes: &[u8], now: Now) {
        let verdict = match topic {
            _ if bytes.len() > limits::GOSSIP_BYTES => Verdict::Reject,
            Topic::Heads => self.on_gossiped_header(from, bytes, now),
            Topic::Charters => match Announcement::decode(bytes) {
                Ok(announcement) => {
                    self.charter_missing(from, announcement.number, now);
                    if announcement.number <= self.charter().number { Verdict::Accept } else { Verdict::Ignore }
                }
                Err(_) => Verdict::Reject,
            },
        };
        self.out(Output::Verdict { handle, verdict });
        if verdict == Verdict::Reject {
            self.out(Output::Penalise { peer: from, offence: Offence::Undecodable });
        }
        self.pump(now);
    }

    fn on_gossiped_header(&mut self, from: Peer, bytes: &[u8], now: Now) -> Verdict {
        let header = match Signed::<BatchHeader>::decode(bytes) {
            Ok(header) => header,
            Err(_) => return Verdict::Reject,
        };
        let batch = BatchId { publisher: header.payload().publisher, seq: header.payload().seq };
        match self.chain.verify_header(header, now.wall) {
            Ok(header) => {
                if let Some(peer) = self.peers.get_mut(&from) {
                    peer.has(batch.publisher, batch.seq);
                }
                self.admit(header, false);
                Verdict::Accept
            }
            Err(refusal) => {
                self.on_refusal(Some(from), batch, refusal, now);
                if self.is_senders_fault(&from, &refusal) { Verdict::Reject } else { Verdict::Ignore }
            }
        }
    }

    /// Takes a header that did not come by gossip. `false`: those after it need not be looked at now.
    pub(super) fn take_header(&mut self, from: Option<Peer>, header: Signed<BatchHeader>, now: Now) -> bool {
        let batch = BatchId { publisher: header.payload().publisher, seq: header.payload().seq };
        match self.chain.verify_header(header, now.wall) {
            Ok(header) => self.admit(header, false),
            Err(refusal) => {
                self.on_refusal(from, batch, refusal, now);
                if let Some(peer) = from.filter(|peer| self.is_senders_fault(peer, &refusal)) {
                    self.blame(peer, Offence::BadHeader, now);
                }
                false
            }
        }
    }

    fn on_refusal(&mut self, from: Option<Peer>, batch: BatchId, refusal: HeaderRefusal, now: Now) {
        if from.is_some_and(|from| self.is_senders_fault(&from, &refusal)) {
            return;
        }
        if let (HeaderRefusal::UnknownCharter, Some(from)) = (refusal, from) {
            let next = self.charter().number + 1;
            self.charter_missing(from, next, now);
            self.retry_at(now.ms + u64::from(limits::BUSY_RETRY_MS));
        }
        self.out(Output::Report(Event::HeaderIgnored { batch, refusal }));
    }

    /// Puts a verified header where it belongs. `false`: those after it can not be admitted now.
    fn admit(&mut self, header: Verified<BatchHeader>, own: bool) -> bool {
        let h = header.payload();
        let batch = BatchId { publisher: h.publisher, seq: h.seq };
        let has_body = !h.chunks.is_empty();
        let feed = self.feeds.entry(h.publisher).or_default();
        match feed.admit(header.clone(), own) {
            Admission::Queued => {
                if has_body && !own {
                    self.out(Output::Store(Store::Probe { header }));
                }
                true
            }
            Admission::Known => true,
            Admission::Old => {
                self.compare_old(&header);
                true
            }
            Admission::Conflict(ours) => {
                self.freeze(batch, ours, header.envelope().clone());
                false
            }
            Admission::Gap | Admission::Full | Admission::Closed => false,
        }
    }

    fn freeze(&mut self, batch: BatchId, ours: Arc<[u8]>, theirs: Arc<[u8]>) {
        let Some(feed) = self.feeds.get_mut(&batch.publisher) else { return };
        if feed.standing != Standing::Open {
            return;
        }
        feed.standing = Standing::Frozen { seq: batch.seq };
        feed.queue.clear();
        self.out(Output::Report(Event::FeedFrozen { batch, ours, theirs }));
    }

    fn on_probed(&mut self, batch: BatchId, present: &[bool], now: Now) {
        if let Some(pending) = self.feeds.get_mut(&batch.publisher).and_then(|feed| feed.pending(batch.seq)) {
            pending.probed = true;
            for (slot, present) in pending.slots.iter_mut().zip(present) {
                if *present && *slot == Slot::Missing {
                    *slot = Slot::Stored;
                }
            }
        }
        self.pump(now);
    }

    fn on_chunk_stored(
        &mut self,
        batch: BatchId,
        index: u32,
        from: Option<Peer>,
        result: Result<(), Fault<ChunkError>>,
        now: Now,
    ) {
        match (result, from) {
            (Ok(()), _) => self.set_slot(batch, index, Slot::Stored),
            (Err(Fault::Bad(_)), Some(peer)) => {
                self.set_slot(batch, index, Slot::Missing);
                self.blame(peer, Offence::BadChunk, now);
            }
            (Err(Fault::Storage), Some(_)) => {
                self.set_slot(batch, index, Slot::Missing);
                self.postpone(batch.publisher, now);
            }
            (Err(Fault::Bad(_)), None) => self.drop_own(batch, PublishRefusal::Invalid),
            (Err(Fault::Storage), None) => self.drop_own(batch, PublishRefusal::Storage),
        }
        self.pump(now);
    }

    fn on_committed(
        &mut self,
        publisher: MemberNumber,
        through: Option<u64>,
        result: Result<(), Fault<BodyError>>,
        now: Now,
    ) {
        let Some(feed) = self.feeds.get_mut(&publisher) else { return };
        feed.committing = 0;
        let mut done = Vec::new();
        while let Some(pending) = feed.queue.front().filter(|pending| Some(pending.header.payload().seq) <= through) {
            let header = pending.header.payload();
            let head = Head::of(header, pending.header.id());
            done.push((head, header.count, pending.own, pending.header.envelope().clone()));
            feed.head = Some(head);
            feed.head_envelope = Some(pending.header.envelope().clone());
            feed.queue.pop_front();
        }
        let next = feed.queue.front().map(|pending| (pending.id(), pending.own));
        for (head, count, own, envelope) in done {
            if own {
                self.out(Output::Gossip { topic: Topic::Heads, bytes: envelope });
            }
            self.out(Output::Report(Event::Committed { publisher, head, count }));
        }
        match (result, next) {
            (Err(Fault::Bad(error)), Some((batch, _))) => {
                if let Some(feed) = self.feeds.get_mut(&publisher) {
                    feed.standing = Standing::Refused { seq: batch.seq, error };
                    feed.queue.clear();
                }
                self.out(Output::Report(Event::FeedRefused { batch, error }));
            }
            (Err(Fault::Storage), Some((batch, true))) => self.drop_own(batch, PublishRefusal::Storage),
            (Err(Fault::Storage), _) => self.postpone(publisher, now),
            _ => {}
        }
        self.pump(now);
    }

    /// Our storage failed: this feed waits, the others go on.
    fn postpone(&mut self, publisher: MemberNumber, now: Now) {
        let until = now.ms + 10 * u64::from(limits::BUSY_RETRY_MS);
        if let Some(feed) = self.feeds.get_mut(&publisher) {
            feed.retry_at_ms = until;
        }
        self.retry_at(until);
    }

    fn on_publish(&mut self, header: Signed<BatchHeader>, chunks: Vec<Arc<[u8]>>, now: Now) {
        let seq = header.payload().seq;
        let refuse = |reason| Output::Report(Event::NotPublished { seq, reason });
        let Ok(header) = self.chain.verify_header(header, now.wall) else {
            return self.out(refuse(PublishRefusal::Invalid));
        };
        let publisher = header.payload().publisher;
        let descriptors = header.payload().chunks.clone();
        let feed = self.feeds.entry(publisher).or_default();
        let waiting = !feed.queue.is_empty();
        let standing = feed.standing;
        if Some(publisher) != self.me() || descriptors.len() != chunks.len() {
            return self.out(refuse(PublishRefusal::Invalid));
        }
        if standing != Standing::Open {
            return self.out(refuse(PublishRefusal::Frozen));
        }
        if waiting || seq != self.feeds.get(&publisher).map_or(0, Feed::next_seq) || !self.admit(header, true) {
            return self.out(refuse(PublishRefusal::Moved));
        }
        let batch = BatchId { publisher, seq };
        for (index, (descriptor, bytes)) in descriptors.into_iter().zip(chunks).enumerate() {
            let index = index as u32;
            self.set_slot(batch, index, Slot::Storing);
            self.out(Output::Store(Store::Chunk { batch, index, descriptor, bytes, from: None }));
        }
        self.pump(now);
    }

    /// Takes our own batch back: it never left this node.
    fn drop_own(&mut self, batch: BatchId, reason: PublishRefusal) {
        let Some(feed) = self.feeds.get_mut(&batch.publisher) else { return };
        let before = feed.queue.len();
        feed.queue.retain(|pending| pending.header.payload().seq < batch.seq);
        if feed.queue.len() < before {
            self.out(Output::Report(Event::NotPublished { seq: batch.seq, reason }));
        }
    }

    /// Verifies a charter and has it stored; it comes into force once it is durable.
    pub(super) fn take_charter(&mut self, charter: SignedCharter) -> Result<(), CharterError> {
        let mut chain = self.chain.clone();
        if chain.extend(charter.clone())? {
            self.storing_charter = true;
            self.out(Output::Store(Store::Charter(charter)));
        }
        Ok(())
    }

    fn on_charter_stored(&mut self, charter: SignedCharter, stored: bool, now: Now) {
        self.storing_charter = false;
        let announcement = Announcement { number: charter.charter().number, id: charter.id() };
        if !stored {
            self.retry_at(now.ms + u64::from(limits::BUSY_RETRY_MS));
        } else if self.chain.extend(charter) == Ok(true) {
            self.open_feeds();
            self.out(Output::Gossip { topic: Topic::Charters, bytes: announcement.encode().into() });
            self.out(Output::Report(Event::CharterChanged { number: announcement.number }));
            self.heartbeat(now);
        }
        self.pump(now);
    }

    /// Every publisher has a feed, so that one that was never heard of shows as never synced.
    fn open_feeds(&mut self) {
        let publishers: Vec<_> = self.charter().publishers().map(|member| member.number).collect();
        for publisher in publishers {
            self.feeds.entry(publisher).or_default();
        }
    }

    /// Whether an honest peer that checks before it passes on could never have sent this.
    fn is_senders_fault(&self, from: &Peer, refusal: &HeaderRefusal) -> bool {
        match refusal {
            HeaderRefusal::Signature(_) | HeaderRefusal::Form(_) | HeaderRefusal::OtherAlliance => true,
            // Under a newer charter than ours the key or the member may be right.
            HeaderRefusal::WrongKey | HeaderRefusal::NotAPublisher => {
                self.peers.get(from).is_some_and(|peer| peer.charter <= self.charter().number)
            }
            // Its clock or ours may be wrong, or ours is the older charter.
            HeaderRefusal::UnknownCharter | HeaderRefusal::FromTheFuture => false,
        }
    }
}
