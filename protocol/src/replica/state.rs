//! The state and the way of each input through it.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    BatchId, Event, FeedStatus, Input, Now, Offence, Output, Peer, RequestId, Standing, Timer,
    charters::Held,
    feed::{Feed, Feeds},
    fetch::Asked,
    peer::{PeerState, Peers},
    posting::Posting,
    serve::OwnHeads,
};
use crate::{
    base::{Hash, MemberNumber},
    board::Board,
    charter::{Charter, CharterChain, SignedCharter},
    feed::Head,
    limits,
};

/// Moments to look again are rounded up to this many milliseconds, which bounds how many there can be.
const WAKE_GRAIN_MS: u64 = 50;

/// What a node knew when it stopped.
#[derive(Clone, Debug)]
pub struct Restored {
    /// The charters.
    pub chain: CharterChain,
    /// Our own node key.
    pub node: Peer,
    /// The committed heads and their signed headers.
    pub heads: BTreeMap<MemberNumber, (Head, Arc<[u8]>)>,
    /// The posts of the board; verified again.
    pub posts: Vec<Vec<u8>>,
}

/// Whether the disk still had what was on the board.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BoardKept {
    /// As it was at the last stop, or at some time before it.
    Yes,
    /// Not: what this node has stated only others know.
    Lost,
}

/// The state machine: see the module's documentation.
#[derive(Debug)]
pub struct Replica {
    pub(super) chain: CharterChain,
    pub(super) board: Arc<Board>,
    /// What was kept of the board, until there is a clock to verify it by.
    pub(super) kept_posts: Vec<Vec<u8>>,
    node: Peer,
    pub(super) feeds: Feeds,
    pub(super) own_heads: OwnHeads,
    pub(super) peers: Peers,
    pub(super) asked: BTreeMap<RequestId, Asked>,
    pub(super) next_request: u64,
    /// Chunks that were asked for.
    pub(super) chunks_out: usize,
    /// Chunks of peers that the store has not answered for: they lie in memory too.
    pub(super) chunks_storing: usize,
    /// A feed could not be brought to where it stands yet.
    pub(super) unsettled: bool,
    /// Forks of the charter that were reported.
    pub(super) forks: BTreeSet<Hash>,
    /// Whose boards were seen to the end since the start.
    pub(super) boards_heard: BTreeSet<MemberNumber>,
    /// Posts of our own that are not durable yet.
    pub(super) posting: Posting,
    pub(super) storing_charter: bool,
    /// A charter that our storage did not take, and when it is tried again.
    pub(super) unstored_charter: Option<(u64, SignedCharter)>,
    /// Announcements whose verdict waits for the charter.
    pub(super) held: Vec<Held>,
    last_compared: Option<Peer>,
    /// When something that waits may go on.
    wakes: BTreeSet<u64>,
    outputs: Vec<Output>,
}

impl Replica {
    /// A replica that goes on from what was stored.
    pub fn new(restored: Restored) -> Replica {
        let mut replica = Replica {
            board: Arc::default(),
            kept_posts: restored.posts,
            chain: restored.chain,
            node: restored.node,
            feeds: Feeds::default(),
            own_heads: OwnHeads::default(),
            peers: Peers::default(),
            asked: BTreeMap::new(),
            next_request: 0,
            chunks_out: 0,
            chunks_storing: 0,
            unsettled: false,
            forks: BTreeSet::new(),
            boards_heard: BTreeSet::new(),
            posting: Posting::default(),
            storing_charter: false,
            unstored_charter: None,
            held: Vec::new(),
            last_compared: None,
            wakes: BTreeSet::new(),
            outputs: Vec::new(),
        };
        for (publisher, (head, envelope)) in restored.heads {
            let feed = replica.feeds.or_default(publisher);
            feed.set_head(Some((head, envelope)));
            feed.caught_up = true;
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
                self.count_announced();
                self.forget_requests_to(peer);
                self.pump(now);
            }
            Input::Gossip { from, handle, topic, bytes } => self.on_gossip(from, handle, topic, &bytes, now),
            Input::Request { from, handle, request } => self.on_request(from, handle, request, now),
            Input::Response { id, outcome } => self.on_response(id, outcome, now),
            Input::Probed { batch, present } => self.on_probed(batch, &present, now),
            Input::ChunkStored { batch, index, from: Some(peer), result } => {
                self.on_chunk_stored(batch, index, peer, result, now);
            }
            Input::ChunkStored { batch, index, from: None, result } => {
                self.on_own_chunk_stored(batch, index, result, now)
            }
            Input::Committed { publisher, through, result } => self.on_committed(publisher, through, result, now),
            Input::Conflict { ours, theirs, .. } => {
                self.accuse(&ours, &theirs, now);
                self.pump(now);
            }
            Input::Rewound { publisher, result } => self.on_rewound(publisher, result, now),
            Input::Recalled { headers } => self.on_recalled(headers, now),
            Input::PostStored { id, stored } => {
                self.on_post_stored(id, stored, now);
                self.pump(now);
            }
            Input::CharterStored { charter, stored } => self.on_charter_stored(charter, stored, now),
            Input::Publish { header, chunks } => self.on_publish(header, chunks, now),
            Input::Charter(charter) => {
                let number = charter.charter().number;
                if let Err(error) = self.take_charter(charter, now) {
                    self.out(Output::Report(Event::CharterRefused { number, error }));
                }
                self.pump(now);
            }
            Input::Header(header) => {
                self.take_header(None, header, now);
                self.pump(now);
            }
            Input::Post(post) => {
                self.on_own_post(post, now);
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

    /// Whether this node speaks for its member on the board, as a witness and as a key holder: two that did would contradict
    /// each other. Which one writes the feed is another question: [`crate::writer`].
    pub fn is_first_node(&self) -> bool {
        self.charter().member_of_node(&self.node).is_some_and(|member| member.is_first_node(&self.node))
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
            head_charter: feed.head_charter,
            waiting: feed.queue.len() as u64,
            stuck: feed.stuck.map(|stuck| (stuck.seq, stuck.since_ms)),
            standing: feed.standing,
            caught_up: feed.caught_up && self.voided(*publisher).is_none(),
            lacking_since_ms: feed.lacking_since_ms(),
        };
        self.feeds.iter().map(status).collect()
    }

    /// Whether a node that lost data may sign again, for a number signed twice is equivocation: a peer states our own feed and
    /// none knows more of it than we do; or nobody does among the nodes of more than half of the other active members, so
    /// that there never was one.
    pub fn own_feed_is_compared(&self) -> bool {
        let Some(me) = self.me() else { return false };
        let ours = self.head(me).map(|head| head.seq);
        let mut stated = self.peers.values().filter_map(|peer| peer.heads.get(me)).peekable();
        if stated.peek().is_some() {
            return stated.all(|seq| Some(seq) <= ours);
        }
        let charter = self.charter();
        let heard = self.peers.iter().filter(|(_, peer)| peer.heads_heard);
        let heard: BTreeSet<MemberNumber> =
            heard.filter_map(|(key, _)| charter.member_of_node(key)).map(|member| member.number).collect();
        self.are_most(&heard)
    }

    /// WITNESS-8: whether the board was compared since the start, so that what this node had stated as a witness is on it: with one
    /// other member, for a copy of the disk may be older than what was said; with more than half of the other active ones
    /// if the board was lost.
    pub fn board_is_compared(&self, kept: BoardKept) -> bool {
        match kept {
            BoardKept::Yes => !self.boards_heard.is_empty(),
            BoardKept::Lost => self.are_most(&self.boards_heard),
        }
    }

    /// Whether these are more than half of the other active members.
    fn are_most(&self, members: &BTreeSet<MemberNumber>) -> bool {
        let others =
            self.charter().members.iter().filter(|member| member.is_active() && Some(member.number) != self.me());
        let (count, among) = others
            .fold((0, 0), |(count, among), member| (count + 1, among + usize::from(members.contains(&member.number))));
        2 * among > count
    }

    /// SYNC-4: how far the clocks of the others are ahead of ours, in seconds: the median of what the connected peers have
    /// shown and of our own, the one nearer to ours where there are two. `None` with fewer than two peers: nobody can say
    /// then who is wrong.
    pub fn clocks_ahead(&self, now: Now) -> Option<i64> {
        let mut ahead: Vec<i64> = self.peers.values().filter_map(|peer| peer.clock_ahead(now)).collect();
        if ahead.len() < 2 {
            return None;
        }
        ahead.push(0);
        ahead.sort_unstable();
        let (low, high) = (ahead[(ahead.len() - 1) / 2], ahead[ahead.len() / 2]);
        Some(if low.unsigned_abs() <= high.unsigned_abs() { low } else { high })
    }

    /// The board.
    pub fn board(&self) -> &Arc<Board> {
        &self.board
    }

    /// The connected peers.
    pub fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.peers.keys()
    }

    pub(super) fn out(&mut self, output: Output) {
        self.outputs.push(output);
    }

    /// Notes that a connected peer has this batch.
    pub(super) fn note_head(&mut self, peer: Peer, batch: BatchId) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.heads.raise(batch.publisher, batch.seq);
            self.feeds.announce(batch.publisher, batch.seq);
        }
    }

    /// Looks anew what the connected peers say they have: one of them is gone, or feeds came.
    pub(super) fn count_announced(&mut self) {
        for (publisher, feed) in self.feeds.iter_mut() {
            feed.announced = self.peers.values().filter_map(|peer| peer.heads.get(*publisher)).max();
        }
    }

    /// One timer serves everything that waits: it is set to the earliest moment, and when it fires to the next.
    pub(super) fn wake_at(&mut self, at_ms: u64) {
        let at_ms = at_ms.div_ceil(WAKE_GRAIN_MS) * WAKE_GRAIN_MS;
        if self.wakes.insert(at_ms) && self.wakes.first() == Some(&at_ms) {
            self.out(Output::Schedule { timer: Timer::Retry, at_ms });
        }
    }

    fn on_wake(&mut self, now: Now) {
        self.wakes = self.wakes.split_off(&(now.ms + 1));
        self.pump(now);
        if let Some(at_ms) = self.wakes.first().copied() {
            self.out(Output::Schedule { timer: Timer::Retry, at_ms });
        }
    }

    /// Every object that is dropped goes through here, also those that nobody is to blame for.
    pub(super) fn refused(&mut self, rule: &'static str) {
        self.out(Output::Refused { rule });
    }

    pub(super) fn blame(&mut self, peer: Peer, offence: Offence, now: Now) {
        self.out(Output::Penalise { peer, offence });
        self.hold_off(peer, now.ms + limits::REQUEST_TIMEOUT_MS);
        self.pump(now);
    }

    fn on_started(&mut self, now: Now) {
        self.restore_board(now);
        self.settle_feeds(now);
        self.out(Output::Schedule { timer: Timer::AntiEntropy, at_ms: now.ms + limits::ANTI_ENTROPY_MS });
        self.heartbeat(now);
        self.pump(now);
    }

    fn on_connected(&mut self, peer: Peer, now: Now) {
        if self.peers.len() < limits::PEERS && !self.peers.contains_key(&peer) {
            self.peers.insert(peer, PeerState::new(now));
            self.pump(now);
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
                if let Some(state) = next.and_then(|peer| self.peers.get_mut(&peer)) {
                    state.heads_wanted = true;
                    state.board_wanted = true;
                }
                self.prune_board(now);
                self.out(Output::Schedule { timer: Timer::AntiEntropy, at_ms: now.ms + limits::ANTI_ENTROPY_MS });
                self.pump(now);
            }
            Timer::Heartbeat => self.heartbeat(now),
            Timer::Retry => self.on_wake(now),
        }
    }

    /// FEED-6: reports when our own feed needs an empty batch; looks again in a minute.
    pub(super) fn heartbeat(&mut self, now: Now) {
        let publishes = self.me().and_then(|me| self.charter().member(me)).is_some_and(|member| member.is_publisher());
        if publishes && let Some(feed) = self.me().and_then(|me| self.feeds.get(&me)) {
            let due = feed.head.is_none_or(|head| now.wall >= head.issued.plus(limits::HEARTBEAT_SECONDS));
            if due && feed.queue.is_empty() && feed.standing == Standing::Open {
                self.out(Output::Report(Event::HeartbeatDue));
            }
        }
        self.out(Output::Schedule { timer: Timer::Heartbeat, at_ms: now.ms + 60_000 });
    }
}
