//! The driver: feeds the replica with what happens and carries out what it says.
//!
//! One task owns the replica. Storage runs on blocking threads and answers over a bounded channel; the driver waits for
//! nobody but the network's command queue, which is always drained.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use antibrush_protocol::{
    board::Post,
    charter::{CharterError, SignedCharter},
    feed::{BatchHeader, Head},
    limits,
    replica::{self, Event, Fault, Input, Offence, Output, PublishRefusal, Replica, Serve, Store as StoreWork, Timer},
    rule,
    signed::Signed,
    sync::{Request, Response},
};
use arc_swap::ArcSwap;
use tokio::sync::{Semaphore, mpsc, oneshot, watch};
use tokio_util::sync::CancellationToken;

use super::{admit::Admitter, recovering::Recovering, view::View};
use crate::{
    clock,
    holder::Holder,
    metrics::Metrics,
    network::{Address, Command, Door, Event as NetworkEvent},
    storage::{Effect, Store},
    tokens::Tokens,
};

/// Blocking storage operations at once: two disks' worth of overlap on two cores.
const STORAGE_AT_ONCE: usize = 4;

/// Storage answers that may wait: all that the replica can have under way.
const ANSWERS: usize = 4096;

/// What the faces ask of the driver.
pub enum Message {
    /// Take our own batch.
    Publish {
        /// Its header.
        header: Signed<BatchHeader>,
        /// Its chunks.
        chunks: Vec<Arc<[u8]>>,
        /// Answered when it is durable and queryable, or refused.
        reply: oneshot::Sender<Result<Head, PublishRefusal>>,
    },
    /// Take a charter from our own pen or from disk.
    Charter {
        /// The charter.
        charter: SignedCharter,
        /// Answered when it is in force.
        reply: oneshot::Sender<Result<(), CharterError>>,
    },
    /// Take a header from disk.
    Header(Signed<BatchHeader>),
    /// Open or close the door for newcomers.
    Door(Door),
    /// Put something of our own on the board.
    Post(Post),
    /// Entries that waited for witnesses took effect.
    Released,
}

/// The task's state.
pub struct Driver {
    pub replica: Replica,
    pub store: Arc<Store>,
    pub network: mpsc::Sender<Command>,
    pub view: Arc<ArcSwap<View>>,
    pub keys: Arc<crate::keys::Keys>,
    pub node_key: replica::Peer,
    pub commits: watch::Sender<u64>,
    pub heartbeat: mpsc::Sender<()>,
    pub metrics: Arc<Metrics>,
    pub admitter: Arc<Admitter>,
    pub recovering: Arc<Recovering>,
    pub holder: Arc<Holder>,
    /// Counts changes of the board and the charter.
    pub news: watch::Sender<u64>,
}

struct Running {
    d: Driver,
    timers: BTreeMap<Timer, u64>,
    answers: mpsc::Sender<Input>,
    storage: Arc<Semaphore>,
    publishing: Option<(u64, oneshot::Sender<Result<Head, PublishRefusal>>)>,
    charters: Vec<(u64, oneshot::Sender<Result<(), CharterError>>)>,
}

/// Runs until told to stop; returns when the last storage operation has ended. `ready` is told once the view shows what was kept
/// on disk.
pub async fn run(
    driver: Driver,
    ready: oneshot::Sender<()>,
    mut messages: mpsc::Receiver<Message>,
    mut events: mpsc::Receiver<NetworkEvent>,
    stop: CancellationToken,
) {
    let (answers, mut stored) = mpsc::channel(ANSWERS);
    let mut running = Running {
        d: driver,
        timers: BTreeMap::new(),
        answers,
        storage: Arc::new(Semaphore::new(STORAGE_AT_ONCE)),
        publishing: None,
        charters: Vec::new(),
    };
    running.announce_members().await;
    running.take(Input::Started).await;
    // Whoever opened the node may have given up meanwhile.
    let _ = ready.send(());
    loop {
        let next_timer = running.timers.values().min().copied();
        let sleep = async {
            match next_timer {
                Some(at) => tokio::time::sleep_until(clock::instant_at(at).into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => break,
            Some(input) = stored.recv() => running.take(input).await,
            Some(event) = events.recv() => running.on_network(event).await,
            Some(message) = messages.recv() => running.on_message(message).await,
            () = sleep => running.fire_timers().await,
        }
    }
    // What is under way ends; nothing new begins.
    let all = u32::try_from(STORAGE_AT_ONCE).unwrap_or(u32::MAX);
    let _ = tokio::time::timeout(Duration::from_secs(60), running.storage.acquire_many(all)).await;
}

impl Running {
    async fn on_network(&mut self, event: NetworkEvent) {
        let input = match event {
            NetworkEvent::Connected(peer) => {
                // Heads are compared on connecting; once more when gossip's mesh must stand, for what was published between.
                self.timers.insert(Timer::AntiEntropy, clock::monotonic_ms() + limits::COMPARE_AGAIN_MS);
                Input::PeerConnected(peer)
            }
            NetworkEvent::Disconnected(peer) => Input::PeerDisconnected(peer),
            NetworkEvent::Gossip { from, handle, topic, bytes } => Input::Gossip { from, handle, topic, bytes },
            NetworkEvent::Request { from, handle, request } => Input::Request { from, handle, request },
            NetworkEvent::Response { id, outcome } => Input::Response { id, outcome },
            NetworkEvent::Undecodable => {
                self.d.metrics.offence(Offence::Undecodable);
                self.d.metrics.refused(rule::ENCODING);
                return;
            }
            NetworkEvent::Join { from, handle, envelope } => {
                let (admitter, network) = (self.d.admitter.clone(), self.d.network.clone());
                tokio::spawn(async move {
                    let answer = admitter.answer(from, &envelope).await;
                    // The network task ends only with the node.
                    let _ = network.send(Command::Join { handle, answer }).await;
                });
                return;
            }
        };
        self.take(input).await;
    }

    async fn on_message(&mut self, message: Message) {
        match message {
            Message::Publish { header, chunks, reply } => {
                // The publisher waits for its answer before it sends the next one.
                self.publishing = Some((header.payload().seq, reply));
                self.take(Input::Publish { header, chunks }).await;
            }
            Message::Charter { charter, reply } => {
                if charter.charter().number <= self.d.replica.charter().number {
                    let outcome = self.d.replica.chain().clone().extend(charter).map(|_| ());
                    let _ = reply.send(outcome);
                } else {
                    self.charters.push((charter.charter().number, reply));
                    self.take(Input::Charter(charter)).await;
                }
            }
            Message::Header(header) => self.take(Input::Header(header)).await,
            Message::Door(door) => self.command(Command::Door(door)).await,
            Message::Post(post) => self.take(Input::Post(post)).await,
            Message::Released => drop(self.d.commits.send_replace(self.d.store.next_commit())),
        }
    }

    async fn fire_timers(&mut self) {
        let now = clock::monotonic_ms();
        let due: Vec<Timer> = self.timers.iter().filter(|(_, at)| **at <= now).map(|(timer, _)| *timer).collect();
        for timer in due {
            self.timers.remove(&timer);
            self.take(Input::Timer(timer)).await;
        }
    }

    async fn take(&mut self, input: Input) {
        let connections = matches!(input, Input::PeerConnected(_) | Input::PeerDisconnected(_) | Input::Started);
        let compares = matches!(
            input,
            Input::Response { outcome: Ok(Response::Heads(_) | Response::Board(_)), .. }
                | Input::Request { request: Request::Heads(_), .. }
        );
        let outputs = self.d.replica.handle(input, clock::now());
        let replica = &self.d.replica;
        let board = || replica.board_is_compared(self.d.recovering.board());
        self.d.recovering.end_if(|| replica.own_feed_is_compared(), board);
        // A probe begins a batch that waits for its body: `waiting` has changed.
        let is_news = |output: &Output| matches!(output, Output::Report(_) | Output::Store(StoreWork::Probe { .. }));
        let changed = connections || compares || outputs.iter().any(is_news);
        if changed {
            self.refresh_view(outputs.iter().any(|o| matches!(o, Output::Report(Event::CharterChanged { .. }))));
        }
        for output in outputs {
            self.carry_out(output).await;
        }
    }

    fn refresh_view(&self, new_charter: bool) {
        // The member's other node signed until now: what it signed last may not be here yet.
        let before = self.d.view.load();
        if self.d.replica.is_first_node() && !before.is_first_node && before.me.is_some() {
            self.d.recovering.begin();
        }
        let mut tokens = self.d.view.load().tokens.clone();
        if new_charter {
            let replica = &self.d.replica;
            if let Ok(seal) = self.d.keys.seal() {
                tokens = Arc::new(Tokens::new(replica.chain(), replica.me(), seal.secret()));
            }
        }
        self.d.view.store(Arc::new(View::of(&self.d.replica, self.d.recovering.board(), tokens, clock::now())));
    }

    async fn carry_out(&mut self, output: Output) {
        match output {
            Output::Request { id, peer, request } => self.command(Command::Request { id, peer, request }).await,
            Output::Answer { handle, response } => self.command(Command::Answer { handle, response }).await,
            Output::Gossip { topic, bytes } => self.command(Command::Gossip { topic, bytes }).await,
            Output::Verdict { handle, verdict } => self.command(Command::Verdict { handle, verdict }).await,
            Output::Penalise { peer, offence } => {
                self.d.metrics.offence(offence);
                self.command(Command::Penalise { peer, offence }).await;
            }
            Output::Refused { rule } => {
                tracing::debug!(rule, "an object of a peer was dropped");
                self.d.metrics.refused(rule);
            }
            Output::Schedule { timer, at_ms } => {
                self.timers.insert(timer, at_ms);
            }
            Output::Cancel(timer) => {
                self.timers.remove(&timer);
            }
            Output::Serve { handle, serve } => self.serve(handle, serve),
            Output::Store(work) => self.store(work),
            Output::Report(event) => self.report(event).await,
        }
    }

    async fn command(&self, command: Command) {
        // The network task ends only with the node.
        let _ = self.d.network.send(command).await;
    }

    fn serve(&self, handle: replica::AnswerHandle, serve: Serve) {
        let (store, network) = (self.d.store.clone(), self.d.network.clone());
        let permits = self.storage.clone();
        tokio::spawn(async move {
            let Ok(_permit) = permits.acquire_owned().await else { return };
            let answer = tokio::task::spawn_blocking(move || read_answer(&store, serve)).await;
            let response = answer.unwrap_or(Response::Busy { retry_after_ms: limits::BUSY_RETRY_MS });
            let _ = network.send(Command::Answer { handle, response }).await;
        });
    }

    fn store(&self, work: StoreWork) {
        let (store, answers, permits) = (self.d.store.clone(), self.answers.clone(), self.storage.clone());
        let metrics = self.d.metrics.clone();
        let failed = failure_of(&work);
        let witnesses = self.d.replica.charter().policy.witnesses;
        let effect = if witnesses > 0 { Effect::WhenWitnessed } else { Effect::AtOnce };
        tokio::spawn(async move {
            let Ok(_permit) = permits.acquire_owned().await else { return };
            let input = tokio::task::spawn_blocking(move || do_work(&store, work, effect, &metrics)).await;
            // A panic in there is a failure of our storage: the replica must not wait for an answer that never comes.
            if let Some(input) = input.unwrap_or(failed) {
                // The driver ends only with the node.
                let _ = answers.send(input).await;
            }
        });
    }

    async fn report(&mut self, event: Event) {
        match event {
            Event::Committed { publisher, head, count } => {
                self.d.metrics.committed(count);
                self.d.commits.send_replace(self.d.store.next_commit());
                let ours =
                    self.publishing.take_if(|(seq, _)| Some(publisher) == self.d.replica.me() && *seq == head.seq);
                if let Some((_, reply)) = ours {
                    let _ = reply.send(Ok(head));
                }
                tracing::info!(
                    publisher = publisher.0,
                    seq = head.seq,
                    entries = count,
                    size = head.size,
                    "batch committed"
                );
            }
            Event::NotPublished { seq, reason } => {
                tracing::warn!(seq, %reason, "our own batch was not taken");
                if let Some((_, reply)) = self.publishing.take_if(|(waiting, _)| *waiting == seq) {
                    let _ = reply.send(Err(reason));
                }
            }
            Event::CharterChanged { number } => {
                tracing::info!(number, "a new charter is in force");
                self.announce_members().await;
                let holder = self.d.holder.clone();
                // Opens files of shares.
                tokio::task::spawn_blocking(move || holder.take_up_shares());
                self.d.news.send_modify(|count| *count += 1);
                self.settle_charters(|waiting| (waiting <= number).then_some(Ok(())));
            }
            Event::CharterRefused { number, error } => {
                tracing::warn!(number, %error, "a charter was refused");
                self.settle_charters(|waiting| (waiting == number).then_some(Err(error)));
            }
            Event::FeedFrozen { batch, proof } => {
                tracing::error!(
                    publisher = batch.publisher.0,
                    seq = batch.seq,
                    contradiction = ?proof.contradiction(),
                    "two versions of this feed's history exist: the feed is frozen until the stewards decide"
                );
            }
            Event::FeedRefused { batch, error } => {
                tracing::error!(publisher = batch.publisher.0, seq = batch.seq, %error,
                    "the publisher signed a batch that does not hold: the feed stops here");
            }
            Event::FeedReopened { publisher } => {
                tracing::warn!(publisher = publisher.0, "the stewards decided about this feed: it goes on");
            }
            Event::Rewound { publisher, head } => {
                self.d.commits.send_replace(self.d.store.next_commit());
                tracing::warn!(
                    publisher = publisher.0,
                    batches = head.map_or(0, |head| head.seq + 1),
                    size = head.map_or(0, |head| head.size),
                    "what was published after this is void"
                );
            }
            Event::CharterForked { other } => {
                let (number, id) = (other.charter().number, hex::encode(other.id()));
                tracing::error!(
                    number,
                    other = id,
                    "the stewards signed two charters with this number: ask them which one counts"
                );
                self.keep_fork(other);
            }
            Event::HeaderIgnored { batch, refusal } => {
                tracing::warn!(publisher = batch.publisher.0, seq = batch.seq, %refusal, "a batch header was not taken");
            }
            Event::Compared { publisher, caught_up } => {
                tracing::info!(publisher = publisher.0, caught_up, "a feed was compared with the peers");
            }
            Event::Posted => self.d.news.send_modify(|count| *count += 1),
            Event::PostRefused { error } => tracing::debug!(%error, "a post of the board was not taken"),
            Event::HeartbeatDue => {
                // Full: one is under way already.
                let _ = self.d.heartbeat.try_send(());
            }
        }
    }

    fn settle_charters(&mut self, outcome: impl Fn(u64) -> Option<Result<(), CharterError>>) {
        for (number, reply) in std::mem::take(&mut self.charters) {
            match outcome(number) {
                Some(result) => drop(reply.send(result)),
                None => self.charters.push((number, reply)),
            }
        }
    }

    /// The other charter is evidence against those who signed it; it lies beside ours.
    fn keep_fork(&self, other: SignedCharter) {
        let store = self.d.store.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = store.put_fork(&other) {
                tracing::error!(%error, "the other charter could not be stored");
            }
        });
    }

    /// Tells the network which nodes may stay and where they listen.
    async fn announce_members(&self) {
        let (chain, charter) = (self.d.replica.chain(), self.d.replica.charter());
        // So that a node whose key was succeeded can hear of it.
        let former = chain.former_nodes().map(|peer| Address { peer: *peer, addresses: Vec::new(), former: true });
        let addresses: Vec<Address> = charter
            .members
            .iter()
            .filter(|member| member.is_active())
            .flat_map(|member| &member.nodes)
            .filter(|node| node.key != self.d.node_key)
            .map(|node| Address {
                peer: node.key,
                addresses: node.addresses.iter().filter_map(|text| text.parse().ok()).collect(),
                former: false,
            })
            .chain(former.filter(|former| former.peer != self.d.node_key))
            .collect();
        self.command(Command::Members(addresses)).await;
    }
}

/// What the replica hears when the work ends without an answer.
fn failure_of(work: &StoreWork) -> Option<Input> {
    match work {
        StoreWork::Probe { header } => {
            let h = header.payload();
            let batch = replica::BatchId { publisher: h.publisher, seq: h.seq };
            Some(Input::Probed { batch, present: vec![false; h.chunks.len()] })
        }
        StoreWork::Chunk { batch, index, from, .. } => {
            Some(Input::ChunkStored { batch: *batch, index: *index, from: *from, result: Err(Fault::Storage) })
        }
        StoreWork::Commit { headers } => {
            let publisher = headers.first()?.payload().publisher;
            Some(Input::Committed { publisher, through: None, result: Err(Fault::Storage) })
        }
        StoreWork::Compare { .. } => None,
        StoreWork::Rewind { publisher, .. } => Some(Input::Rewound { publisher: *publisher, result: Err(()) }),
        StoreWork::Recall { .. } => None,
        StoreWork::Charter(charter) => Some(Input::CharterStored { charter: charter.clone(), stored: false }),
        StoreWork::OwnPost { id, .. } => Some(Input::PostStored { id: *id, stored: false }),
        StoreWork::Post { .. } | StoreWork::Unpost(_) => None,
    }
}

fn do_work(store: &Store, work: StoreWork, effect: Effect, metrics: &Metrics) -> Option<Input> {
    match work {
        StoreWork::Probe { header } => {
            let present = store.probe(header.payload());
            let batch = replica::BatchId { publisher: header.payload().publisher, seq: header.payload().seq };
            Some(Input::Probed { batch, present })
        }
        StoreWork::Chunk { batch, index, place, descriptor, bytes, from } => {
            let result = store.put_chunk(batch, index, place, &descriptor, &bytes);
            metrics.stored(result.is_ok(), bytes.len());
            Some(Input::ChunkStored { batch, index, from, result })
        }
        StoreWork::Commit { headers } => {
            let publisher = headers.first()?.payload().publisher;
            let (through, result) = store.commit(&headers, effect);
            metrics.storage_failed(matches!(result, Err(Fault::Storage)));
            Some(Input::Committed { publisher, through, result })
        }
        StoreWork::Compare { batch, id, theirs } => match store.differing_header(batch, &id) {
            Ok(Some(ours)) => Some(Input::Conflict { batch, ours, theirs }),
            Ok(None) => None,
            Err(error) => {
                tracing::error!(%error, "an old header could not be compared");
                None
            }
        },
        StoreWork::Rewind { publisher, batches, head } => {
            let rewound = store.rewind(publisher, batches, head).and_then(|()| Ok(store.heads()?.remove(&publisher)));
            let result = rewound.map_err(|error| {
                tracing::error!(publisher = publisher.0, %error, "a feed could not be taken back to where it stands");
                metrics.storage_failed(true);
            });
            Some(Input::Rewound { publisher, result })
        }
        StoreWork::Recall { publisher, from, batches, head } => match store.recall(publisher, from, batches, head) {
            Ok(headers) => Some(Input::Recalled { headers: headers.into_iter().map(Arc::from).collect() }),
            Err(error) => {
                tracing::error!(publisher = publisher.0, %error, "what was taken back could not be read");
                None
            }
        },
        StoreWork::Post { id, bytes, gone } => {
            if let Err(error) = store.put_post(&id, &bytes, &gone) {
                tracing::warn!(%error, "a post of the board could not be kept; it comes again from a peer");
            }
            None
        }
        StoreWork::OwnPost { id, bytes, gone } => {
            let stored = store.put_post(&id, &bytes, &gone);
            if let Err(error) = &stored {
                tracing::error!(%error, "a post of our own could not be stored; it is not sent, and tried again");
                metrics.storage_failed(true);
            }
            Some(Input::PostStored { id, stored: stored.is_ok() })
        }
        StoreWork::Unpost(gone) => {
            if let Err(error) = store.remove_posts(&gone) {
                tracing::warn!(%error, "old posts of the board could not be removed");
            }
            None
        }
        StoreWork::Charter(charter) => {
            let stored = store.put_charter(&charter);
            if let Err(error) = &stored {
                tracing::error!(%error, "a charter could not be stored");
            }
            Some(Input::CharterStored { charter, stored: stored.is_ok() })
        }
    }
}

fn read_answer(store: &Store, serve: Serve) -> Response {
    let list = |items: Vec<Vec<u8>>| items.into_iter().map(Arc::from).collect::<Vec<Arc<[u8]>>>();
    let answer = match serve {
        Serve::Headers { publisher, from, most } => store
            .header_bytes(publisher, from, most)
            .map(|headers| if headers.is_empty() { Response::Absent } else { Response::Headers(list(headers)) }),
        Serve::Chunk { digest } => store
            .chunk_for_peers(&digest, clock::wall().day())
            .map(|chunk| chunk.map_or(Response::Absent, |bytes| Response::Chunk(bytes.into()))),
        Serve::Charters { from } => store.charter_page(from).map(Response::Charters),
    };
    answer.unwrap_or_else(|error| {
        tracing::error!(%error, "a peer could not be answered from storage");
        Response::Busy { retry_after_ms: limits::BUSY_RETRY_MS }
    })
}
