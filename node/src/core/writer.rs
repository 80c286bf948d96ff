//! Which of a member's nodes writes its feed (docs/PROTOCOL.md § Writer): this node as an elector, and as a candidate.
//!
//! A member with one node asks nobody. With several, a batch is durable at most electors, body and all, before the feed key's
//! signature leaves the node; whoever takes over finishes what was begun.

use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use antibrush_protocol::{
    base::{Hash, MemberNumber},
    charter::Member,
    checkpoint::log_name,
    feed::{BatchHeader, Head},
    replica::{BatchId, Fault, Peer},
    signed::Signed,
    writer::{
        Ask, Bid, Candidate, Claim, Constituency, Outcome, Place, Proposal, Refused, Register, Reply, Seen, SignError,
        Term, Vote, constituency,
    },
};
use arc_swap::ArcSwap;
use futures::{StreamExt, stream::FuturesUnordered};
use tokio::{
    sync::{Semaphore, mpsc, oneshot},
    time::Instant,
};
use tokio_util::sync::CancellationToken;

use super::{Node, PublishError, View};
use crate::{
    clock,
    network::{self, Command, Question},
    storage::{StorageError, Store},
};

/// How long a vote may take.
const VOTE: Duration = Duration::from_secs(10);

/// How long the electors may take over a batch; most of it is for the body of a large one.
const ACCEPT: Duration = Duration::from_secs(90);

/// How soon an elector that lags behind is asked again, at first and at the most.
const AGAIN: [Duration; 2] = [Duration::from_millis(10), Duration::from_millis(500)];

/// Questions that are answered at once: each may fetch a batch.
const ANSWERS_AT_ONCE: usize = 16;

/// How far ahead of an own term a term may be that somebody speaks of.
const FURTHEST: u64 = 1 << 20;

/// Rounds before an attempt is given up: each takes one obstacle away.
const ROUNDS: usize = 8;

/// Why this node does not write.
#[derive(Debug, thiserror::Error)]
pub enum WriterError {
    /// Another node of the member does.
    #[error(
        "another node of this member writes its feed{}; publish there, or take over here: antibrush writer take",
        named(*.0)
    )]
    Elsewhere(Option<Peer>),
    /// Too few electors answered.
    #[error(
        "{granted} of the {needed} nodes that must agree on the next batch did; see who is connected (antibrush writer show) and publish again. What was begun is kept, and finished first"
    )]
    TooFew {
        /// How many agreed.
        granted: usize,
        /// How many must.
        needed: usize,
    },
    /// The feed has gone on elsewhere.
    #[error("this node has not caught up with its own feed; wait until `status` shows it and publish again")]
    Behind,
    /// What was promised was lost with the documents.
    #[error(
        "this node lost what it had promised about its feed, and writes again once a charter from after that is in force and named by the feed: let another node of this member take over (antibrush writer take), or the stewards renew the charter"
    )]
    Lost,
    /// WRITER-5: the node that wrote, and asked nobody, was removed.
    #[error(
        "the node that wrote this feed alone was removed from the charter, and may not have heard of that; have the stewards say up to where the feed stands (antibrush alliance propose thaw), then publish again"
    )]
    Removed,
    /// The feed key was changed in between.
    #[error("{0}; put that key back, or have the stewards cut the feed at its last batch")]
    OtherKey(#[from] SignError),
    /// The body of a batch that was begun elsewhere is not to be had.
    #[error(
        "a batch that another node began cannot be fetched from those that have it; try again when they are connected"
    )]
    NoBody,
}

fn named(peer: Option<Peer>) -> String {
    let peer = peer.as_ref().and_then(network::peer_id);
    peer.map_or_else(String::new, |peer| format!(" ({peer})"))
}

/// By which right this node writes the next batch.
pub enum Right {
    /// The member has one node.
    Alone,
    /// Most electors promised.
    Term(Term, Vec<Peer>),
}

/// Who writes, as far as this node knows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seated {
    /// Who writes; `None` before the first vote.
    pub writer: Option<Peer>,
    /// The number of its term; `None` where nobody is asked.
    pub term: Option<u64>,
    /// Who must agree; empty where nobody is asked.
    pub electors: Vec<Peer>,
}

/// This node's part in choosing writers.
pub struct Seat {
    store: Arc<Store>,
    view: Arc<ArcSwap<View>>,
    network: mpsc::Sender<Command>,
    me: Peer,
    /// The term that this node holds, and the charter whose places it is for.
    reign: Mutex<Option<(Term, Hash)>>,
    /// The latest term of another node that an elector spoke of: the next own one is later still. Not kept: electors may lie.
    later: Mutex<Option<Term>>,
    /// One promise at a time.
    promising: Mutex<()>,
    /// Questions under way.
    answering: Arc<Semaphore>,
}

impl Seat {
    pub fn new(store: Arc<Store>, view: Arc<ArcSwap<View>>, network: mpsc::Sender<Command>, me: Peer) -> Seat {
        let answering = Arc::new(Semaphore::new(ANSWERS_AT_ONCE));
        Seat {
            store,
            view,
            network,
            me,
            reign: Mutex::default(),
            later: Mutex::default(),
            promising: Mutex::default(),
            answering,
        }
    }

    /// Answers other nodes until told to stop.
    pub async fn serve(self: Arc<Self>, mut questions: mpsc::Receiver<Question>, stop: CancellationToken) {
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => return,
                asked = questions.recv() => asked,
            };
            let Some(Question { from, handle, ask }) = asked else { return };
            let seat = self.clone();
            // A chunk is what others wait for while they hold a place of their own; the network bounds how many are asked for.
            let permit = match ask {
                Ask::Chunk { .. } => None,
                // The semaphore is never closed.
                Ask::Vote(_) | Ask::Accept(_) => self.answering.clone().acquire_owned().await.ok(),
            };
            tokio::spawn(async move {
                let _permit = permit;
                let reply = seat.reply(from, ask).await;
                // The network task ends only with the node.
                let _ = seat.network.send(Command::Reply { handle, reply }).await;
            });
        }
    }

    async fn reply(self: &Arc<Self>, from: Peer, ask: Ask) -> Reply {
        if let Ask::Chunk { digest } = ask {
            if self.view.load().charter().member_of_node(&from).is_none() {
                return Reply::Absent;
            }
            let store = self.store.clone();
            let chunk = blocking(move || store.chunk_for_peers(&digest, clock::wall().day())).await.ok().flatten();
            return chunk.map_or(Reply::Absent, |bytes| Reply::Chunk(bytes.into()));
        }
        if let Ask::Accept(bid) = &ask {
            // WRITER-4: the body first, and only of a batch that would be accepted with it.
            let (seat, again) = (self.clone(), ask.clone());
            match blocking(move || seat.answer(from, &again, true, false)).await {
                Ok(Reply::Accepted) => {}
                Ok(reply) => return reply,
                Err(_) => return Reply::Refused(Refused::Storage),
            }
            // What an earlier proposal for this place left behind counts no more.
            let header = bid.header();
            self.store.forget_assembled(BatchId { publisher: header.publisher, seq: header.seq });
            let fetched = tokio::time::timeout(ACCEPT, self.fetch(header, &[from])).await;
            if let Err(refused) = fetched.unwrap_or(Err(Refused::Batch)) {
                return Reply::Refused(refused);
            }
        }
        let seat = self.clone();
        blocking(move || seat.answer(from, &ask, true, true)).await.unwrap_or(Reply::Refused(Refused::Storage))
    }

    /// This node's word, durable before it is returned if it is to be `kept`.
    fn answer(&self, from: Peer, ask: &Ask, has_body: bool, kept: bool) -> Result<Reply, StorageError> {
        let publisher = match ask {
            Ask::Vote(vote) => vote.publisher,
            Ask::Accept(bid) => bid.header().publisher,
            Ask::Chunk { .. } => return Ok(Reply::Absent),
        };
        let view = self.view.load_full();
        let _one = lock(&self.promising);
        let end = self.end(publisher)?;
        let (place, named) = (Place::after(end.as_ref().map(|(head, _)| head)), end.as_ref().map(|(_, named)| named));
        // WRITER-5: an elector speaks where it is asked, and a node of the member notes its own terms.
        let is_asked = match constituency(&view.chain, publisher, place, named) {
            Some(Constituency::Shared { electors, .. }) => electors.contains(&self.me) || view.me == Some(publisher),
            Some(Constituency::Alone(_) | Constituency::Gone) => false,
            None => return Ok(Reply::Refused(Refused::Lagging)),
        };
        if !is_asked {
            return Ok(Reply::Refused(Refused::NotYours));
        }
        let head = end.as_ref().map(|(head, named)| (head, named));
        let seen = Seen { chain: &view.chain, head, from: &from, now: clock::wall() };
        match self.store.register(publisher)?.answer(ask, seen, has_body) {
            Ok((register, reply)) => {
                if kept {
                    self.store.put_register(publisher, &register)?;
                }
                Ok(reply)
            }
            Err(refused) => Ok(Reply::Refused(refused)),
        }
    }

    /// Where a feed ends here, and the charter that its last header names.
    fn end(&self, publisher: MemberNumber) -> Result<Option<(Head, Hash)>, StorageError> {
        let Some(head) = self.store.head(publisher)? else { return Ok(None) };
        let header = self.store.header(publisher, head.seq)?.ok_or(StorageError::Damaged)?;
        Ok(Some((head, header.payload().charter)))
    }

    /// Makes every chunk of a batch durable here, from whoever has it.
    async fn fetch(&self, header: &BatchHeader, from: &[Peer]) -> Result<(), Refused> {
        let (store, probed) = (self.store.clone(), header.clone());
        let probe = tokio::task::spawn_blocking(move || store.probe(&probed)).await;
        let present = probe.map_err(|_| Refused::Storage)?;
        let batch = BatchId { publisher: header.publisher, seq: header.seq };
        for (index, (place, descriptor)) in header.placed_chunks().enumerate().filter(|(index, _)| !present[*index]) {
            let mut got = false;
            for peer in from {
                let Some(Reply::Chunk(bytes)) = self.ask(peer, Ask::Chunk { digest: descriptor.digest }).await else {
                    continue;
                };
                let (store, descriptor) = (self.store.clone(), *descriptor);
                let put = move || store.put_chunk(batch, index as u32, place, &descriptor, &bytes);
                match tokio::task::spawn_blocking(put).await {
                    Ok(Ok(())) => got = true,
                    Ok(Err(Fault::Bad(_))) => continue,
                    Ok(Err(Fault::Storage)) | Err(_) => return Err(Refused::Storage),
                }
                break;
            }
            if !got {
                return Err(Refused::Batch);
            }
        }
        Ok(())
    }

    /// Asks one node once.
    async fn ask(&self, peer: &Peer, ask: Ask) -> Option<Reply> {
        let (reply, answer) = oneshot::channel();
        self.network.send(Command::Ask { peer: *peer, ask, reply }).await.ok()?;
        answer.await.ok()
    }

    /// Asks one elector until it says something else than that it lags behind, or until a moment.
    async fn ask_until(&self, peer: Peer, ask: Ask, until: Instant) -> (Peer, Option<Reply>) {
        let [mut pause, longest] = AGAIN;
        loop {
            let reply = tokio::time::timeout_at(until, self.ask(&peer, ask.clone())).await.unwrap_or(None);
            let lags = reply == Some(Reply::Refused(Refused::Lagging));
            if !lags || Instant::now() + pause >= until {
                return (peer, reply);
            }
            tokio::time::sleep(pause).await;
            pause = (pause * 2).min(longest);
        }
    }

    /// One round: this node's own word first, durable, then everybody's. Returns how it ended, and how many agreed.
    async fn round(
        self: &Arc<Self>,
        electors: &[Peer],
        ask: &Ask,
        patience: Duration,
    ) -> Result<(Outcome, Candidate), StorageError> {
        let (seat, own) = (self.clone(), ask.clone());
        let me = self.me;
        let own = blocking(move || seat.answer(me, &own, true, true)).await?;
        let publisher = match ask {
            Ask::Vote(vote) => vote.publisher,
            Ask::Accept(bid) => bid.header().publisher,
            Ask::Chunk { .. } => return Err(StorageError::Damaged),
        };
        let mut count = Candidate::new(electors, &self.view.load().chain, publisher);
        if let Reply::Refused(refused) = own {
            return Ok((Outcome::Lost(Some(refused)), count));
        }
        let mut outcome = count.hear(&me, Some(own));
        let until = Instant::now() + patience;
        let others = electors.iter().filter(|elector| **elector != me);
        let mut answers: FuturesUnordered<_> =
            others.map(|elector| self.ask_until(*elector, ask.clone(), until)).collect();
        while outcome == Outcome::Waiting {
            let Some((from, reply)) = answers.next().await else { break };
            outcome = count.hear(&from, reply);
        }
        Ok((outcome, count))
    }

    /// Notes a term that most promised, so that this node may go on from it after a restart.
    fn hold(&self, publisher: MemberNumber, term: Term) -> Result<(), StorageError> {
        let _one = lock(&self.promising);
        let register = self.store.register(publisher)?;
        self.store.put_register(publisher, &Register { held: Some(term), ..register })
    }

    /// Takes note of a later term of another node of the member, unless it is out of all reason.
    fn yield_to(&self, own: u64, later: Term) {
        *lock(&self.reign) = None;
        let view = self.view.load();
        let is_ours = view.member().is_some_and(|member| member.nodes.iter().any(|node| node.key == later.node));
        if is_ours && later.number <= own.saturating_add(FURTHEST) {
            let mut known = lock(&self.later);
            *known = (*known).max(Some(later));
        }
    }

    /// This node's own key.
    pub fn peer(&self) -> Peer {
        self.me
    }

    /// Who decides about the next batch, and where that is.
    fn among(&self, publisher: MemberNumber) -> Result<(Place, Option<Constituency>), StorageError> {
        let end = self.end(publisher)?;
        let (place, named) = (Place::after(end.as_ref().map(|(head, _)| head)), end.as_ref().map(|(_, named)| named));
        Ok((place, constituency(&self.view.load().chain, publisher, place, named)))
    }

    /// Who writes this member's feed, as far as this node knows.
    pub fn seated(&self, publisher: MemberNumber) -> Result<Seated, StorageError> {
        Ok(match self.among(publisher)?.1 {
            Some(Constituency::Shared { electors, .. }) => {
                let promised = self.store.register(publisher)?.promised.max(*lock(&self.later));
                Seated { writer: promised.map(|term| term.node), term: promised.map(|term| term.number), electors }
            }
            Some(Constituency::Alone(node)) => Seated { writer: Some(node), term: None, electors: Vec::new() },
            Some(Constituency::Gone) | None => Seated { writer: None, term: None, electors: Vec::new() },
        })
    }
}

impl Node {
    /// Makes sure that this node may write the next batch, and finishes what was begun. The caller holds the writer's place in
    /// this process.
    pub(super) async fn right_to_write(self: &Arc<Self>) -> Result<Right, PublishError> {
        self.stand(false).await
    }

    /// Takes the feed over from the member's other node, and publishes an empty batch to show it.
    pub async fn take_over(self: &Arc<Self>) -> Result<Head, PublishError> {
        let _writer = self.writer().await;
        if self.is_recovering() {
            return Err(PublishError::Recovering);
        }
        self.stand(true).await?;
        self.publish_empty_as_writer().await
    }

    async fn stand(self: &Arc<Self>, take: bool) -> Result<Right, PublishError> {
        let (me, seat) = (self.may_publish()?, self.seat().clone());
        self.require_unrevoked_key()?;
        let mut take = take;
        for _ in 0..ROUNDS {
            let (place, among) = read(&seat, move |seat| seat.among(me)).await?;
            let (charter, electors) = match among {
                None => return Err(WriterError::Behind.into()),
                Some(Constituency::Alone(node)) if node == seat.me => return Ok(Right::Alone),
                Some(Constituency::Alone(node)) => return Err(WriterError::Elsewhere(Some(node)).into()),
                Some(Constituency::Gone) => return Err(WriterError::Removed.into()),
                Some(Constituency::Shared { charter, electors }) => (charter, electors),
            };
            let register = read(&seat, move |seat| seat.store.register(me)).await?;
            let begun = register.pending(place).map(|bid| bid.term);
            let reign = *lock(&seat.reign);
            if let Some((term, of)) = reign.filter(|_| !take)
                && of == charter
                && Some(term) != begun
            {
                return Ok(Right::Term(term, electors));
            }
            let claim = match register.promised {
                _ if take => Claim::Take,
                None if register.held.is_some() || self.view().is_first_node => Claim::Resume(register.held),
                Some(term) if self.is_self(&term.node) => Claim::Resume(register.held),
                Some(term) if self.succeeds(&term.node) => Claim::Take,
                other => return Err(WriterError::Elsewhere(other.map(|term| term.node)).into()),
            };
            let known = register.promised.max(*lock(&seat.later));
            let number = known.map_or(0, |term| term.number).saturating_add(1);
            let term = Term { number, node: seat.me };
            let ask = Ask::Vote(Vote { publisher: me, term, place, claim });
            let (outcome, count) = seat.round(&electors, &ask, VOTE).await?;
            match outcome {
                Outcome::Won(begun) => {
                    tracing::info!(term = number, "this node writes its member's feed");
                    read(&seat, move |seat| seat.hold(me, term)).await?;
                    *lock(&seat.reign) = Some((term, charter));
                    take = false;
                    // WRITER-6
                    let Some(bid) = begun else { return Ok(Right::Term(term, electors)) };
                    self.finish(bid.proposal, term, &electors).await?;
                }
                Outcome::Lost(Some(Refused::Outdated(later))) => {
                    seat.yield_to(number, later);
                    take = take || self.succeeds(&later.node);
                    if !take {
                        return Err(WriterError::Elsewhere(Some(later.node)).into());
                    }
                }
                Outcome::Lost(Some(Refused::Behind(seq))) => self.await_own_batch(me, seq).await?,
                Outcome::Lost(Some(Refused::Abstains)) if count.granted() == 0 => return Err(WriterError::Lost.into()),
                Outcome::Lost(_) | Outcome::Waiting => return Err(too_few(&count).into()),
            }
        }
        Err(WriterError::Behind.into())
    }

    /// Whether that is this node, by the key that it has now or had before.
    fn is_self(&self, writer: &Peer) -> bool {
        let view = self.view();
        *writer == self.peer() || view.member().is_some_and(|member| member.present_node(writer) == self.peer())
    }

    /// Whether the node that wrote is the member's no longer, so that its first one goes on without being told.
    fn succeeds(&self, writer: &Peer) -> bool {
        let view = self.view();
        let is_gone = |member: &Member| member.node(&member.present_node(writer)).is_none();
        view.is_first_node && view.member().is_some_and(is_gone)
    }

    /// Lets the electors accept a batch that is sealed and not released yet.
    pub(super) async fn agree(
        self: &Arc<Self>,
        right: &Right,
        header: &Signed<BatchHeader>,
        chunks: &[Arc<[u8]>],
    ) -> Result<(), PublishError> {
        let Right::Term(term, electors) = right else { return Ok(()) };
        let (store, h, bytes) = (self.store().clone(), header.payload().clone(), chunks.to_vec());
        let batch = BatchId { publisher: h.publisher, seq: h.seq };
        let proposal = Proposal::of(&h, header.key());
        let keep = move || {
            let mut chunks = h.placed_chunks().zip(&bytes).enumerate();
            chunks.try_for_each(|(index, ((place, of), bytes))| store.put_chunk(batch, index as u32, place, of, bytes))
        };
        let kept = tokio::task::spawn_blocking(keep).await.map_err(|_| PublishError::Stopping)?;
        kept.map_err(|_| PublishError::Refused(antibrush_protocol::replica::PublishRefusal::Storage))?;
        self.accept(&proposal, *term, electors).await
    }

    async fn accept(self: &Arc<Self>, proposal: &Proposal, term: Term, electors: &[Peer]) -> Result<(), PublishError> {
        let seat = self.seat().clone();
        let bid =
            Bid::sign(term, proposal.clone(), self.keys().feed_with(&proposal.key)?).map_err(WriterError::from)?;
        let ask = Ask::Accept(Box::new(bid));
        let (outcome, count) = seat.round(electors, &ask, ACCEPT).await?;
        match outcome {
            Outcome::Won(_) => Ok(()),
            Outcome::Lost(Some(Refused::Outdated(later))) if later != term => {
                seat.yield_to(term.number, later);
                Err(WriterError::Elsewhere(Some(later.node)).into())
            }
            Outcome::Lost(Some(Refused::Behind(_))) => Err(WriterError::Behind.into()),
            Outcome::Lost(_) | Outcome::Waiting => Err(too_few(&count).into()),
        }
    }

    /// Publishes what an earlier writer, or this node before it was stopped, had begun.
    async fn finish(self: &Arc<Self>, proposal: Proposal, term: Term, electors: &[Peer]) -> Result<(), PublishError> {
        let (header, view) = (&proposal.header, self.view());
        self.seat().fetch(header, electors).await.map_err(|refused| match refused {
            Refused::Storage => StorageError::Damaged.into(),
            _ => PublishError::from(WriterError::NoBody),
        })?;
        let named = view.chain.version(&header.charter).and_then(|named| named.charter().member(header.publisher));
        let member = view.member().ok_or(PublishError::NotAPublisher)?;
        // HEADER-13: under the name that the feed has by the charter that the header names.
        let log = log_name(&view.chain.alliance(), &member.slug, named.map_or(0, Member::cuts_made));
        let signed = proposal.sign(Some(&log), self.keys().feed_with(&proposal.key)?).map_err(WriterError::from)?;
        self.accept(&proposal, term, electors).await?;
        let (store, digests) = (self.store().clone(), header.chunks.clone());
        let read =
            move || digests.iter().map(|of| store.sound_chunk(&of.digest)).collect::<Result<Option<Vec<_>>, _>>();
        let chunks = blocking(read).await?.ok_or(StorageError::Damaged)?;
        let head = self.hand_over(signed, chunks.into_iter().map(Into::into).collect()).await?;
        tracing::info!(seq = head.seq, "a batch that was begun earlier is published");
        Ok(())
    }

    /// Waits until the own feed has come as far as an elector has it.
    async fn await_own_batch(&self, me: MemberNumber, seq: u64) -> Result<(), PublishError> {
        let mut commits = self.commits();
        let has_it = async {
            while self.view().head(me).is_none_or(|head| head.seq < seq) {
                if commits.changed().await.is_err() {
                    return;
                }
            }
        };
        tokio::time::timeout(VOTE, has_it).await.map_err(|_| WriterError::Behind.into())
    }

    /// Where a charter changed who is asked, an empty batch names the new one, so that its nodes are asked from then on.
    pub(super) async fn name_new_charters(self: Arc<Self>) {
        let mut news = self.news();
        loop {
            if let Some(seq) = self.name_new_charter().await {
                tracing::info!(
                    seq,
                    "an empty batch names the charter that changed this member's nodes or its electors"
                );
            }
            tokio::select! {
                () = self.stopping().cancelled() => return,
                changed = news.changed() => if changed.is_err() { return },
            }
        }
    }

    async fn name_new_charter(self: &Arc<Self>) -> Option<u64> {
        let (me, seat) = (self.may_publish().ok()?, self.seat().clone());
        let (_, among) = read(&seat, move |seat| seat.among(me)).await.ok()?;
        let end = read(&seat, move |seat| seat.end(me)).await.ok()?;
        let view = self.view();
        // FEED-9: once the feed names the charter in which its key handed over, the former one carries it on no more.
        let named = end.as_ref().and_then(|(_, named)| view.chain.version(named));
        let signed_by = named.and_then(|named| named.charter().member(me)).and_then(|m| m.present_feed_key());
        let has_new_key = end.is_some() && view.member()?.present_feed_key().map(|k| k.key) != signed_by.map(|k| k.key);
        let writes = match among? {
            // The member got further nodes.
            Constituency::Alone(node) => node == seat.me && (has_new_key || view.member()?.nodes.len() > 1),
            Constituency::Gone => false,
            Constituency::Shared { charter, .. } => {
                let is_mine = lock(&seat.reign).is_some_and(|(_, of)| of == charter);
                is_mine && charter != view.chain.current_id()
            }
        };
        // What keeps it from publishing now is told by the next heartbeat.
        if writes { self.publish_heartbeat().await.ok().map(|head| head.seq) } else { None }
    }
}

fn too_few(count: &Candidate) -> WriterError {
    WriterError::TooFew { granted: count.granted(), needed: count.needed() }
}

/// Storage work away from the runtime's threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    // A panic in there is a failure of our storage.
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(StorageError::Damaged))
}

async fn read<T: Send + 'static>(
    seat: &Arc<Seat>,
    work: impl FnOnce(&Seat) -> Result<T, StorageError> + Send + 'static,
) -> Result<T, StorageError> {
    let seat = seat.clone();
    blocking(move || work(&seat)).await
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What it guards is replaced as a whole: a panic elsewhere leaves it good.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
