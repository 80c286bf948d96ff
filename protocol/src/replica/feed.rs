//! One feed: admitting headers, waiting for bodies, committing.

use std::{collections::VecDeque, sync::Arc};

use super::{RequestId, io::BatchId, restless::Restless};
use crate::{
    base::{Hash, MemberNumber, Timestamp},
    charter::CharterChain,
    entry::Kind,
    feed::{BatchHeader, ChunkDescriptor, Head, body::BodyError},
    limits,
    merkle::EMPTY_ROOT,
    signed::{Signed, Verified},
};

/// Whether a feed goes on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Standing {
    /// It goes on.
    #[default]
    Open,
    /// Two headers with one number exist: it stays at the last common head until the stewards decide.
    Frozen {
        /// The number.
        seq: u64,
    },
    /// The publisher signed a batch whose body does not hold.
    Refused {
        /// The number.
        seq: u64,
        /// Why.
        error: BodyError,
    },
}

/// A feed as `status` shows it.
#[derive(Clone, Debug, PartialEq)]
pub struct FeedStatus {
    /// Whose.
    pub publisher: MemberNumber,
    /// Its committed head; `None` if nothing was ever synced.
    pub head: Option<Head>,
    /// The charter that the header of `head` names.
    pub head_charter: Option<Hash>,
    /// Batches announced but not committed yet.
    pub waiting: u64,
    /// The batch whose body is waited for, and since when nothing of it came, on the clock in milliseconds that never goes back.
    pub stuck: Option<(u64, u64)>,
    /// Whether it goes on.
    pub standing: Standing,
    /// Whether all that the peers had when heads were first compared is committed here: before that the absence of a
    /// listing says nothing. Nor is it caught up while a decision that this node knows of voids the head.
    pub caught_up: bool,
    /// While a connected peer states more than is here: since when nothing new came, on the clock in milliseconds that never goes back.
    pub lacking_since_ms: Option<u64>,
}

impl FeedStatus {
    /// Whether the head still speaks for the feed.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        self.standing == Standing::Open && self.caught_up && self.head.is_some_and(|head| now < head.expires)
    }
}

/// How far a chunk of an announced batch is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Missing,
    Asked(RequestId),
    Storing,
    Stored,
}

/// An announced batch on its way.
#[derive(Debug)]
pub(super) struct Pending {
    pub header: Verified<BatchHeader>,
    pub slots: Vec<Slot>,
    /// The store has said which chunks it has.
    pub probed: bool,
    /// Made by this node: waits for its acknowledgement.
    pub own: bool,
}

impl Pending {
    pub fn id(&self) -> BatchId {
        let header = self.header.payload();
        BatchId { publisher: header.publisher, seq: header.seq }
    }

    pub fn is_complete(&self) -> bool {
        self.probed && self.slots.iter().all(|slot| *slot == Slot::Stored)
    }

    pub fn missing(&self) -> impl Iterator<Item = &ChunkDescriptor> {
        let chunks = self.header.payload().chunks.iter().zip(&self.slots);
        chunks.filter(|(_, slot)| **slot != Slot::Stored).map(|(chunk, _)| chunk)
    }

    /// What takes force from a listing travels first: clearings, disputes, and rulings, which may strike one.
    pub fn clears(&self) -> bool {
        let totals = &self.header.payload().totals;
        [Kind::Clear, Kind::Dispute, Kind::Ruling].iter().any(|kind| totals.of_kind(*kind) > 0)
    }
}

/// What a feed has to fetch. What comes first is the least: relief before bulk, and among either the feed with the least to fetch. A
/// batch takes force behind those before it in its feed, so these are fetched before it, with its precedence.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Want {
    bulk: bool,
    bytes: u64,
    chunks: usize,
}

impl Want {
    /// Whether it may use what is kept for relief: not if it would need more than all of that, for one clearing in a long batch
    /// would then keep the others waiting.
    pub fn is_urgent(&self) -> bool {
        !self.bulk && self.chunks <= limits::CHUNKS_FOR_RELIEF
    }
}

/// All feeds.
pub(super) type Feeds = Restless<MemberNumber, Feed>;

impl Feeds {
    /// A connected peer says that it has this batch.
    pub fn announce(&mut self, publisher: MemberNumber, seq: u64) {
        let is_news = self.get(&publisher).is_some_and(|feed| feed.announced < Some(seq));
        if is_news && let Some(feed) = self.get_mut(&publisher) {
            feed.announced = Some(seq);
        }
    }
}

/// One feed.
#[derive(Debug, Default)]
pub(super) struct Feed {
    pub head: Option<Head>,
    /// The signed header of `head`: evidence if another one contradicts it.
    pub head_envelope: Option<Arc<[u8]>>,
    /// The charter that the header of `head` names.
    pub head_charter: Option<Hash>,
    pub queue: VecDeque<Pending>,
    /// How many at the front of the queue the store is committing.
    pub committing: usize,
    pub standing: Standing,
    pub asked_headers: Option<RequestId>,
    /// The store failed: nothing is fetched or committed before this.
    pub retry_at_ms: u64,
    /// The next header is ahead of our clock: none is asked for before this.
    pub headers_after_ms: u64,
    /// Chunks of our own that the store has not answered for.
    pub own_storing: usize,
    /// The newest batch that a connected peer says it has.
    pub announced: Option<u64>,
    /// When heads were first compared with a peer that has this feed, in milliseconds; `None` before.
    pub compared_ms: Option<u64>,
    /// The last batch that was announced or committed here, and since when.
    came: (Option<u64>, u64),
    /// See [`FeedStatus::caught_up`].
    pub caught_up: bool,
    /// The store takes it back at this moment: nothing is admitted.
    pub rewinding: bool,
    /// How many decisions of the stewards about it were looked at.
    pub cuts: usize,
    /// See [`FeedStatus::stuck`], with the number of chunks that had come.
    pub stuck: Option<Stuck>,
}

/// A body that does not come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stuck {
    pub seq: u64,
    stored: usize,
    pub since_ms: u64,
}

/// What became of a header.
#[derive(Debug)]
pub(super) enum Admission {
    /// It waits for its body.
    Queued,
    /// It is known already.
    Known,
    /// It is older than our head: compare it with the stored one.
    Old,
    /// Headers before it are missing.
    Gap,
    /// The queue is full: it will be asked for again.
    Full,
    /// It contradicts this header, which we have.
    Conflict(Arc<[u8]>),
    /// It names an earlier charter than the header before it.
    Backwards,
    /// The feed does not go on.
    Closed,
}

impl Feed {
    /// FEED-7: takes what the peers state into account; `true` if [`Feed::caught_up`] changed. A feed that was in order
    /// before a restart counts as caught up until heads are compared; a peer that states more than it can show holds a
    /// newcomer up for a minute after the last that came, not for ever.
    pub fn compare(&mut self, is_alone: bool, now_ms: u64) -> bool {
        let tip = self.next_seq().checked_sub(1);
        if self.came.0 != tip {
            self.came = (tip, now_ms);
        }
        let Some(head) = self.head else { return false };
        let before = self.caught_up;
        match (self.announced, self.compared_ms) {
            (None, _) => self.caught_up |= is_alone && self.queue.is_empty(),
            (Some(announced), None) => {
                self.compared_ms = Some(now_ms);
                self.caught_up = announced <= head.seq;
            }
            (Some(announced), Some(since)) => {
                // As long as more comes, nobody is kept waiting by what can not be shown.
                let idle_since = since.max(self.came.1);
                let waited = now_ms.saturating_sub(idle_since) >= limits::CATCH_UP_MS && self.queue.is_empty();
                self.caught_up |= announced <= head.seq || waited;
            }
        }
        self.caught_up != before
    }

    /// While a connected peer states more than is here: since when nothing new came.
    pub fn lacking_since_ms(&self) -> Option<u64> {
        let since = self.came.1.max(self.compared_ms.unwrap_or_default());
        (self.announced > self.head.map(|head| head.seq)).then_some(since)
    }

    /// Whether time changes nothing of it and it waits for nothing, until something comes for it or its peers change what they state.
    pub fn is_at_rest(&self) -> bool {
        let is_here = self.queue.is_empty() && self.stuck.is_none() && self.announced < Some(self.next_seq());
        let is_compared = self.caught_up && (self.announced.is_none() || self.compared_ms.is_some());
        is_here && (self.head.is_none() || is_compared)
    }

    /// Notes whether the body of the first batch that waits comes on.
    pub fn note_progress(&mut self, now_ms: u64) {
        let first = self.queue.front().filter(|pending| !pending.own && pending.probed && !pending.is_complete());
        self.stuck = first.map(|pending| {
            let seq = pending.header.payload().seq;
            let stored = pending.slots.iter().filter(|slot| matches!(slot, Slot::Stored | Slot::Storing)).count();
            let as_before = self.stuck.filter(|stuck| (stuck.seq, stuck.stored) == (seq, stored));
            as_before.unwrap_or(Stuck { seq, stored, since_ms: now_ms })
        });
    }

    /// The number of the next batch that may be admitted.
    pub fn next_seq(&self) -> u64 {
        match (self.queue.back(), &self.head) {
            (Some(pending), _) => pending.header.payload().seq + 1,
            (None, Some(head)) => head.seq + 1,
            (None, None) => 0,
        }
    }

    /// Whether a batch of this number is taken now. FEED-3: of a frozen feed what both histories share, for whoever comes later or was
    /// behind must come to the same as all others.
    pub fn takes(&self, seq: u64) -> bool {
        match self.standing {
            Standing::Open => true,
            Standing::Frozen { seq: contested } => seq < contested,
            Standing::Refused { .. } => false,
        }
    }

    /// Admits a verified header if it continues the feed.
    pub fn admit(&mut self, header: Verified<BatchHeader>, own: bool, chain: &CharterChain) -> Admission {
        let h = header.payload();
        if self.rewinding {
            return Admission::Closed;
        }
        // FEED-1: one number, one header. The head's own number is compared here, older ones by the store.
        match self.head {
            Some(head) if h.seq < head.seq => return Admission::Old,
            Some(head) if h.seq == head.seq && header.id() == head.id => return Admission::Known,
            Some(head) if h.seq == head.seq => {
                return self.head_envelope.clone().map_or(Admission::Closed, Admission::Conflict);
            }
            _ => {}
        }
        if !self.takes(h.seq) {
            return Admission::Closed;
        }
        if let Some(pending) = self.queue.iter().find(|pending| pending.header.payload().seq == h.seq) {
            let same = pending.header.id() == header.id();
            return if same { Admission::Known } else { Admission::Conflict(pending.header.envelope().clone()) };
        }
        if h.seq > self.next_seq() {
            return Admission::Gap;
        }
        if self.queue.len() >= limits::QUEUED_BATCHES {
            return Admission::Full;
        }
        // FEED-2: a header continues the one before it: its id, its size, and time does not go back.
        if !self.continues(&header) {
            return self.contradiction();
        }
        // FEED-9: nor do charters: a key that handed over signs under earlier ones for ever, and must not carry the feed on. No honest
        // node goes back, and the one that did is no proof against the publisher: its former key may have been copied.
        let number = |id: Hash| chain.number_of(&id);
        if self.tip_charter().and_then(number) > number(h.charter) {
            return Admission::Backwards;
        }
        let slots = vec![Slot::Missing; h.chunks.len()];
        let probed = own || h.chunks.is_empty();
        self.queue.push_back(Pending { slots, probed, own, header });
        Admission::Queued
    }

    /// The charter that the last header admitted names.
    fn tip_charter(&self) -> Option<Hash> {
        let waiting = self.queue.back().map(|pending| pending.header.payload().charter);
        waiting.or(self.head_charter)
    }

    /// Sets the head to one that the store knows: its header was verified when it came, and decodes again.
    pub fn set_head(&mut self, stored: Option<(Head, Arc<[u8]>)>) {
        let (head, envelope) = stored.unzip();
        let header = envelope.as_deref().and_then(|envelope| Signed::<BatchHeader>::decode(envelope).ok());
        self.head_charter = header.map(|header| header.payload().charter);
        (self.head, self.head_envelope) = (head, envelope);
    }

    /// Whether a header comes right after the last one admitted.
    pub fn continues(&self, header: &Verified<BatchHeader>) -> bool {
        let h = header.payload();
        let tip = self.tip();
        // FEED-8: as many leaves have the same root.
        let same_tree = h.size != tip.size || h.root == tip.root;
        let follows = h.seq == self.next_seq() && h.previous == tip.id;
        follows && h.first == tip.size && h.issued >= tip.issued && same_tree
    }

    /// What there is to fetch before all that was announced is here; `None` if nothing.
    pub fn want(&self) -> Option<Want> {
        let missing = self.queue.iter().flat_map(Pending::missing);
        let (chunks, bytes) =
            missing.fold((0, 0), |(chunks, bytes), chunk| (chunks + 1, bytes + u64::from(chunk.bytes)));
        let relief = self.queue.iter().any(Pending::clears);
        (chunks > 0).then_some(Want { bulk: !relief, bytes, chunks })
    }

    /// The headers at the front of the queue that are complete and may be committed together.
    pub fn take_complete(&mut self) -> Vec<Verified<BatchHeader>> {
        if self.committing > 0 || self.rewinding {
            return Vec::new();
        }
        let mut entries = 0;
        let taken = self.queue.iter().take_while(|pending| self.takes(pending.header.payload().seq));
        let complete = taken.take_while(|pending| pending.is_complete()).take_while(|pending| {
            let first = entries == 0;
            entries += pending.header.payload().count;
            first || entries <= limits::ENTRIES_PER_BATCH
        });
        let headers: Vec<_> = complete.map(|pending| pending.header.clone()).collect();
        self.committing = headers.len();
        headers
    }

    /// The batch of that number in the queue.
    pub fn pending(&mut self, seq: u64) -> Option<&mut Pending> {
        self.queue.iter_mut().find(|pending| pending.header.payload().seq == seq)
    }

    /// The newest header that we have contradicts the one that came.
    fn contradiction(&self) -> Admission {
        let newest = self.queue.back().map(|pending| pending.header.envelope());
        // A first header that does not begin at leaf 0 is refused before it comes here (HEADER-5), so one of them exists.
        newest.or(self.head_envelope.as_ref()).map_or(Admission::Closed, |ours| Admission::Conflict(ours.clone()))
    }

    /// The id of the last header admitted.
    pub fn tip_id(&self) -> Option<Hash> {
        self.queue.back().map(|pending| pending.header.id()).or(self.head.map(|head| head.id))
    }

    /// The last header admitted.
    fn tip(&self) -> Tip {
        let of = |head: Head| Tip { id: Some(head.id), size: head.size, root: head.root, issued: head.issued };
        let waiting = self.queue.back().map(|pending| Head::of(pending.header.payload(), pending.header.id()));
        let nothing = Tip { id: None, size: 0, root: EMPTY_ROOT, issued: Timestamp(0) };
        waiting.or(self.head).map_or(nothing, of)
    }
}

/// What the next header continues.
struct Tip {
    id: Option<Hash>,
    size: u64,
    root: Hash,
    issued: Timestamp,
}
