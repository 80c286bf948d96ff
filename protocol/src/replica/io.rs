//! What goes into the replica and what comes out.

use std::sync::Arc;

use crate::{
    base::{Hash, MemberNumber, Timestamp},
    board::{BoardError, Post, PostId},
    charter::SignedCharter,
    feed::{BatchHeader, ChunkDescriptor, ChunkError, ChunkPlace, Equivocation, Head, body::BodyError},
    signed::{PublicKey, Signed, Verified},
    sync::{Request, Response},
};

/// A node, by the Ed25519 key behind its libp2p PeerId.
pub type Peer = PublicKey;

/// The time as the replica is told it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Now {
    /// The wall clock: what goes into and is checked on signed objects.
    pub wall: Timestamp,
    /// A clock that never goes back, in milliseconds: deadlines and retries.
    pub ms: u64,
}

/// One of our requests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RequestId(pub u64);

/// The driver's name for a gossiped message that waits for its verdict.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct GossipHandle(pub u64);

/// The driver's name for a request that waits for our answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AnswerHandle(pub u64);

/// One batch of one feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct BatchId {
    /// Whose feed.
    pub publisher: MemberNumber,
    /// The number of the batch.
    pub seq: u64,
}

/// The topics of gossip: a few shared ones, never one for each publisher.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Topic {
    /// Batch headers.
    Heads,
    /// Announcements of charters.
    Charters,
    /// Posts of the board.
    Board,
}

/// Whose fault a failed store operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault<E> {
    /// The data is bad: blame whoever is answerable for it.
    Bad(E),
    /// Our own storage failed: nobody is to blame, try again later.
    Storage,
}

/// Why a request came to nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestFailure {
    /// The connection broke or could not be made.
    Disconnected,
    /// The answer could not be decoded: the peer's fault.
    Undecodable,
}

/// What happened.
#[derive(Debug)]
pub enum Input {
    /// The driver is ready: connections may follow.
    Started,
    /// A member's node is connected.
    PeerConnected(Peer),
    /// Its last connection is gone.
    PeerDisconnected(Peer),
    /// A message came by gossip; the driver holds it back until the verdict.
    Gossip {
        /// Who sent it to us (not who published it).
        from: Peer,
        /// Names the message in the verdict.
        handle: GossipHandle,
        /// The topic.
        topic: Topic,
        /// The message.
        bytes: Vec<u8>,
    },
    /// A peer asks.
    Request {
        /// Who.
        from: Peer,
        /// Names the request in the answer.
        handle: AnswerHandle,
        /// What.
        request: Request,
    },
    /// A peer answers, or does not.
    Response {
        /// Our request.
        id: RequestId,
        /// Its outcome.
        outcome: Result<Response, RequestFailure>,
    },
    /// Answers [`Store::Probe`]: which chunks are on disk already, verified.
    Probed {
        /// The batch.
        batch: BatchId,
        /// One for each chunk of the header.
        present: Vec<bool>,
    },
    /// Answers [`Store::Chunk`].
    ChunkStored {
        /// The batch.
        batch: BatchId,
        /// The chunk's position.
        index: u32,
        /// Who sent it; `None` for our own.
        from: Option<Peer>,
        /// Durable, or not.
        result: Result<(), Fault<ChunkError>>,
    },
    /// Answers [`Store::Commit`]: the batches up to and including `through` are durable and queryable.
    Committed {
        /// Whose feed.
        publisher: MemberNumber,
        /// The last batch that was committed; `None` if not even the first was.
        through: Option<u64>,
        /// How it ended.
        result: Result<(), Fault<BodyError>>,
    },
    /// Answers [`Store::Compare`] when another header is stored under that number: an equivocation.
    Conflict {
        /// The batch.
        batch: BatchId,
        /// The header that we have.
        ours: Arc<[u8]>,
        /// The one that came.
        theirs: Arc<[u8]>,
    },
    /// Answers [`Store::Rewind`]: what the feed ends with now; `Err` if the storage failed.
    Rewound {
        /// Whose feed.
        publisher: MemberNumber,
        /// Its last batch that stands, with its signed header.
        result: Result<Option<(Head, Arc<[u8]>)>, ()>,
    },
    /// Answers [`Store::Recall`].
    Recalled {
        /// The signed headers, in order.
        headers: Vec<Arc<[u8]>>,
    },
    /// Answers [`Store::Charter`].
    CharterStored {
        /// The charter.
        charter: SignedCharter,
        /// Durable, or not.
        stored: bool,
    },
    /// Answers [`Store::OwnPost`].
    PostStored {
        /// Its name.
        id: PostId,
        /// Durable, or not.
        stored: bool,
    },
    /// Our own next batch: see [`crate::feed::build`].
    Publish {
        /// Its signed header.
        header: Signed<BatchHeader>,
        /// Its chunks.
        chunks: Vec<Arc<[u8]>>,
    },
    /// A header and charters from disk (an archive) or our own steward's pen: same validation as from a peer.
    Charter(SignedCharter),
    /// A header from an archive, whose chunks lie on disk already or come from peers.
    Header(Signed<BatchHeader>),
    /// A post of our own for the board.
    Post(Post),
    /// A timer fired.
    Timer(Timer),
}

/// A timer, as a value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Timer {
    /// A request is overdue.
    Request(RequestId),
    /// Compare heads with the next peer.
    AntiEntropy,
    /// Look whether our own feed needs a heartbeat.
    Heartbeat,
    /// Something that had to wait may go on.
    Retry,
}

/// What gossip shall do with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Valid: pass it on.
    Accept,
    /// Invalid, and the sender should have known: do not pass on, score the sender down.
    Reject,
    /// Not for us to judge now: do not pass on, blame nobody.
    Ignore,
}

/// What a peer did wrong. Nothing here can happen to an honest peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Offence {
    /// A message or answer that does not decode.
    Undecodable,
    /// A header that breaks a rule or is signed by a key that may not.
    BadHeader,
    /// A chunk that is not what its header names.
    BadChunk,
    /// A charter that breaks a rule.
    BadCharter,
    /// A post of the board that breaks a rule.
    BadPost,
    /// A bad answer to an evaluation, signed by the holder whose node it is.
    BadEvaluation,
    /// An answer of another kind than was asked for, or more than was asked for.
    WrongAnswer,
}

impl Offence {
    /// All of them, for metrics.
    pub const ALL: [Offence; 7] = [
        Offence::Undecodable,
        Offence::BadHeader,
        Offence::BadChunk,
        Offence::BadCharter,
        Offence::BadPost,
        Offence::BadEvaluation,
        Offence::WrongAnswer,
    ];

    /// A stable name for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Offence::Undecodable => "undecodable",
            Offence::BadHeader => "bad-header",
            Offence::BadChunk => "bad-chunk",
            Offence::BadCharter => "bad-charter",
            Offence::BadPost => "bad-post",
            Offence::BadEvaluation => "bad-evaluation",
            Offence::WrongAnswer => "wrong-answer",
        }
    }
}

/// What to do.
#[derive(Debug)]
pub enum Output {
    /// Ask a peer. The outcome comes back as [`Input::Response`].
    Request {
        /// Names the request.
        id: RequestId,
        /// Whom.
        peer: Peer,
        /// What.
        request: Request,
    },
    /// Answer a peer at once.
    Answer {
        /// Which request.
        handle: AnswerHandle,
        /// With what.
        response: Response,
    },
    /// Answer a peer from storage.
    Serve {
        /// Which request.
        handle: AnswerHandle,
        /// With what.
        serve: Serve,
    },
    /// Publish by gossip.
    Gossip {
        /// The topic.
        topic: Topic,
        /// The message.
        bytes: Arc<[u8]>,
    },
    /// Let gossip go on with a message.
    Verdict {
        /// Which message.
        handle: GossipHandle,
        /// How.
        verdict: Verdict,
    },
    /// Store something; the answer comes back as an input.
    Store(Store),
    /// Fire a timer at a moment of the monotonic clock; the same timer scheduled again replaces the earlier one.
    Schedule {
        /// Which.
        timer: Timer,
        /// When, in milliseconds.
        at_ms: u64,
    },
    /// Forget a timer.
    Cancel(Timer),
    /// Score a peer down.
    Penalise {
        /// Whom.
        peer: Peer,
        /// For what.
        offence: Offence,
    },
    /// An object of a peer was dropped: count the rule that it breaks ([`crate::rule`]), whoever is to blame.
    Refused {
        /// The id of the rule in docs/PROTOCOL.md.
        rule: &'static str,
    },
    /// Tell the rest of the node.
    Report(Event),
}

/// Work for the store.
#[derive(Debug)]
pub enum Store {
    /// Which chunks of this batch are on disk from an earlier attempt?
    Probe {
        /// The batch.
        header: Verified<BatchHeader>,
    },
    /// Verify a chunk against its description and make it durable.
    Chunk {
        /// The batch.
        batch: BatchId,
        /// The chunk's position.
        index: u32,
        /// Where the header has it stand.
        place: ChunkPlace,
        /// What the header says of it.
        descriptor: ChunkDescriptor,
        /// The bytes.
        bytes: Arc<[u8]>,
        /// Who sent them.
        from: Option<Peer>,
    },
    /// All chunks of these consecutive batches are durable: check root and totals, make headers and cursor durable, then
    /// apply them to the token table, then answer.
    Commit {
        /// The batches, in order.
        headers: Vec<Verified<BatchHeader>>,
    },
    /// Compare an old header that came again with the stored one; answer only if they differ.
    Compare {
        /// The batch.
        batch: BatchId,
        /// The id of the header that came.
        id: Hash,
        /// Its bytes.
        theirs: Arc<[u8]>,
    },
    /// Take a feed back to its first `batches` batches; if the last of them has another id than `head`, to nothing, for then this
    /// copy is of another history. What is taken back is kept, out of force.
    Rewind {
        /// Whose feed.
        publisher: MemberNumber,
        /// How many batches stand.
        batches: u64,
        /// The id of the last header that stands, if it is known.
        head: Option<Hash>,
    },
    /// Look among what was taken back for the headers that lead from what stands here to a head; if some of them are missing, for none:
    /// headers on the way may be of another history.
    Recall {
        /// Whose feed.
        publisher: MemberNumber,
        /// The first number.
        from: u64,
        /// How many batches there are up to that head.
        batches: u64,
        /// The id of that head.
        head: Hash,
    },
    /// Make a verified charter durable.
    Charter(SignedCharter),
    /// Keep a post of somebody else; needs no answer, for others have it too.
    Post {
        /// Its name.
        id: PostId,
        /// The post.
        bytes: Arc<[u8]>,
        /// Posts that are no longer kept.
        gone: Vec<PostId>,
    },
    /// Make a post of our own durable: nobody hears of it before that.
    OwnPost {
        /// Its name.
        id: PostId,
        /// The post.
        bytes: Arc<[u8]>,
        /// Posts that are no longer kept.
        gone: Vec<PostId>,
    },
    /// Forget posts of the board.
    Unpost(Vec<PostId>),
}

/// Answers that come from storage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serve {
    /// Up to `most` headers of a feed from `from` on.
    Headers {
        /// Whose feed.
        publisher: MemberNumber,
        /// The first batch.
        from: u64,
        /// How many at the most.
        most: usize,
    },
    /// A chunk.
    Chunk {
        /// Its digest.
        digest: Hash,
    },
    /// Charters from a number on, at most [`crate::limits::CHARTERS_PER_ANSWER`].
    Charters {
        /// The first number.
        from: u64,
    },
}

/// Why our own batch was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PublishRefusal {
    /// The header does not pass our own validation.
    #[error("the new batch does not pass validation")]
    Invalid,
    /// Our feed moved on meanwhile: build the batch again.
    #[error("the feed has moved on; build the batch again")]
    Moved,
    /// Our feed is frozen.
    #[error("this feed is frozen because two versions of its history exist; the stewards must decide")]
    Frozen,
    /// Our storage failed, say because the disk is full.
    #[error("the batch could not be stored")]
    Storage,
}

/// What the rest of the node may want to know.
#[derive(Clone, Debug, PartialEq)]
pub enum Event {
    /// A batch is durable and queryable here.
    Committed {
        /// The feed's new head.
        publisher: MemberNumber,
        /// The head.
        head: Head,
        /// Entries in the batch.
        count: u64,
    },
    /// Our own batch was not taken; nothing of it is in force.
    NotPublished {
        /// Its number.
        seq: u64,
        /// Why.
        reason: PublishRefusal,
    },
    /// A publisher signed a body that does not hold; its feed stops here until the stewards decide.
    FeedRefused {
        /// The batch.
        batch: BatchId,
        /// Why.
        error: BodyError,
    },
    /// Its publisher signed two histories: the feed stands still.
    FeedFrozen {
        /// The first batch that is contested.
        batch: BatchId,
        /// The proof.
        proof: Equivocation,
    },
    /// The stewards decided about a feed that stood still: it goes on.
    FeedReopened {
        /// Whose feed.
        publisher: MemberNumber,
    },
    /// Our copy of a feed was taken back to where it stands.
    Rewound {
        /// Whose feed.
        publisher: MemberNumber,
        /// Its head now.
        head: Option<Head>,
    },
    /// The stewards signed two charters with one number (CHARTER-12).
    CharterForked {
        /// The one that is not in force here.
        other: SignedCharter,
    },
    /// A new charter is in force.
    CharterChanged {
        /// Its number.
        number: u64,
    },
    /// A charter from a peer or from our own pen was refused.
    CharterRefused {
        /// The number that it claims.
        number: u64,
        /// Why.
        error: crate::charter::CharterError,
    },
    /// A header was refused without anybody being to blame: one of the two clocks is wrong, or a charter is missing.
    HeaderIgnored {
        /// The batch.
        batch: BatchId,
        /// Why.
        refusal: crate::charter::HeaderRefusal,
    },
    /// A feed has caught up with what the peers state, or turned out to be behind.
    Compared {
        /// Whose feed.
        publisher: MemberNumber,
        /// Whether answers may rest on it.
        caught_up: bool,
    },
    /// The board has changed.
    Posted,
    /// A post was not taken without anybody being to blame, or was our own.
    PostRefused {
        /// Why.
        error: BoardError,
    },
    /// Our own feed needs a heartbeat: publish an empty batch.
    HeartbeatDue,
}
