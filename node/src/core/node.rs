//! The node as its faces hold it.

use std::{
    collections::BTreeMap,
    path::Path,
    sync::{Arc, PoisonError},
    time::{Duration, Instant},
};

use antibrush_protocol::{
    base::{Day, MemberNumber, Timestamp},
    charter::CharterChain,
    entry::calendar::Calendar,
    feed::BatchHeader,
    replica::{Replica, Restored},
    signed::Signed,
};
use arc_swap::ArcSwap;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    admit::Admitter,
    driver::{self, Driver, Message},
    publish::{PublishError, Writer},
    recovering::Recovering,
    view::View,
    waiting::Waiting,
    witness::Witness,
    writer::{Seat, WriterError},
};
use crate::{
    check::Context,
    clock,
    config::Config,
    holder::{
        Custodian, Holder,
        quota::{self, Quotas},
        shares::{ShareError, Shares},
    },
    keys::{KeyError, Keys, LocalKey, Signer},
    metrics::Metrics,
    network::{self, Command, Network, NetworkError, Tap},
    profile::{Profile, ProfileError},
    quality::{self, Quality},
    storage::{Recovery, StorageError, Store, lock::DataDir},
    tokens::{
        Resolver, Tokens,
        cache::{self, TokenCache},
        vault::{Vault, VaultError},
    },
};

/// Messages that may wait for the driver.
const MESSAGES: usize = 256;

/// How long the door may stay open behind the last invitation.
const DOOR_EVERY: Duration = Duration::from_secs(30);

/// How often unused chunks are looked for, and how long nobody must have asked about them: a download that a firewall
/// or a holiday interrupted goes on where it was.
const SWEEP_EVERY: Duration = Duration::from_secs(24 * 3600);
const CHUNKS_UNUSED_FOR: Duration = Duration::from_secs(7 * 24 * 3600);

/// Why a node does not open.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// It belongs to no alliance yet.
    #[error(
        "this node belongs to no alliance yet; found one (antibrush alliance create) or join one (antibrush join INVITATION)"
    )]
    NoAlliance,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// A key is missing.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A holder's secrets cannot be read.
    #[error(transparent)]
    Shares(#[from] ShareError),
    /// The vault of own listings' identifiers cannot be read.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The operator's calendar is damaged.
    #[error(transparent)]
    Calendar(#[from] crate::calendar::CalendarFileError),
    /// The profile is missing or damaged.
    #[error(transparent)]
    Profile(#[from] ProfileError),
    /// The network does not start.
    #[error(transparent)]
    Network(#[from] NetworkError),
    /// The clock can not be right.
    #[error(
        "this computer's clock shows {shown}, but the alliance's charter was signed on {charter}; if this clock is right, ask the stewards about theirs, otherwise set the clock, then start the node again"
    )]
    Clock {
        /// What it shows.
        shown: antibrush_protocol::base::Day,
        /// What the charter says.
        charter: antibrush_protocol::base::Day,
    },
}

/// For how long the count of publishers' quality holds.
const QUALITY_HOLDS: Duration = Duration::from_secs(60);

/// When it was counted, on which day, and what.
type Counted = (Instant, Day, Arc<BTreeMap<MemberNumber, Quality>>);

/// Whether a node joins the network.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Opening {
    /// It listens and dials.
    Online,
    /// It only works on its own data: commands that run while the node does not.
    Offline,
}

/// An open node.
pub struct Node {
    config: Config,
    calendar: Calendar,
    quality: std::sync::Mutex<Option<Counted>>,
    profile: Profile,
    keys: Arc<Keys>,
    store: Arc<Store>,
    view: Arc<ArcSwap<View>>,
    context: ArcSwap<Option<(Timestamp, Arc<View>, Arc<Context>)>>,
    core: mpsc::Sender<Message>,
    network: mpsc::Sender<Command>,
    commits: watch::Receiver<u64>,
    publishing: Arc<Mutex<()>>,
    recovery: Recovery,
    recovering: Arc<Recovering>,
    seat: Arc<Seat>,
    metrics: Arc<Metrics>,
    admitter: Arc<Admitter>,
    holder: Arc<Holder>,
    resolver: Arc<Resolver>,
    vault: Arc<Vault>,
    news: watch::Receiver<u64>,
    listening: Vec<libp2p::Multiaddr>,
    started: Timestamp,
    stop: CancellationToken,
    tasks: TaskTracker,
    // Held to the end: nobody else may write here.
    data: DataDir,
}

impl Node {
    /// Opens the data directory, whose lock the caller holds, and starts the node's tasks.
    pub async fn open(data: DataDir, keys: Keys, config: Config, opening: Opening) -> Result<Arc<Node>, NodeError> {
        let profile = Profile::read(data.path())?;
        let calendar = crate::calendar::load(data.path())?;
        let (store, recovery) = Store::open(&data)?;
        let store = Arc::new(store);
        let chain = store.charters()?.ok_or(NodeError::NoAlliance)?;
        check_clock(&chain)?;
        let keys = Arc::new(keys);
        let node_key = keys.node_in(chain.current())?.public();
        keys.settle(chain.current(), &node_key)?;
        let replica = Replica::new(Restored {
            chain: chain.clone(),
            node: node_key,
            heads: store.heads()?,
            posts: store.posts()?,
        });
        let own_dropped = replica.me().is_some_and(|me| recovery.feeds_dropped.contains(&me));
        let lost = recovery.documents_lost || own_dropped;
        let recovering = Arc::new(Recovering::open(data.path(), lost).map_err(StorageError::from)?);
        let tokens = Arc::new(Tokens::new(&chain, replica.me(), keys.seal()?.secret()));
        // A publisher without its feed key would run until its first heartbeat and fail there.
        if replica.me().and_then(|me| chain.current().member(me)).is_some_and(|member| member.is_publisher()) {
            keys.feed()?;
        }
        let view = Arc::new(ArcSwap::from_pointee(View::of(&replica, recovering.board(), tokens, clock::now())));
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let network = match opening {
            Opening::Online => {
                let mut secret = keys.node_in(chain.current())?.secret();
                let tap =
                    config.tap.as_deref().map_or_else(|| Ok(Tap::none()), Tap::open).map_err(StorageError::from)?;
                network::start(&mut secret, chain.alliance(), &config.listen, tap, stop.clone(), &tasks).await?
            }
            Opening::Offline => nowhere(),
        };
        let (core, messages) = mpsc::channel(MESSAGES);
        let (commits_out, commits) = watch::channel(store.next_commit());
        let (heartbeat, beats) = mpsc::channel(1);
        let metrics = Arc::new(Metrics::new());
        let announce = announced(&config, &network.listening);
        let admitter = Arc::new(Admitter {
            keys: keys.clone(),
            node: node_key,
            store: store.clone(),
            view: view.clone(),
            core: core.clone(),
            addresses: announce,
            one_at_a_time: Mutex::new(()),
        });
        let local = |purpose: &str| Ok::<_, KeyError>(LocalKey::derive(keys.seal()?.secret(), purpose));
        let holder = Arc::new(Holder::new(
            keys.clone(),
            Shares::open(data.path(), local("shares")?)?,
            Quotas::open(&data.path().join(quota::DIRECTORY)).map_err(StorageError::from)?,
            view.clone(),
            network.commands.clone(),
            metrics.clone(),
        ));
        let cache =
            TokenCache::open(&data.path().join(cache::DIRECTORY), local("tokens")?).map_err(StorageError::from)?;
        let resolver = Arc::new(Resolver::new(
            data.path(),
            cache,
            view.clone(),
            (network.commands.clone(), opening),
            holder.clone(),
            metrics.clone(),
        ));
        let vault = Arc::new(Vault::open(data.path(), local("vault")?)?);
        holder.start(network.evaluations, &stop, &tasks);
        let seat = Arc::new(Seat::new(store.clone(), view.clone(), network.commands.clone(), node_key));
        tasks.spawn(seat.clone().serve(network.questions, stop.clone()));
        let (news_out, news) = watch::channel(0);
        let driver = Driver {
            replica,
            store: store.clone(),
            network: network.commands.clone(),
            view: view.clone(),
            keys: keys.clone(),
            node_key,
            commits: commits_out,
            heartbeat,
            metrics: metrics.clone(),
            admitter: admitter.clone(),
            recovering: recovering.clone(),
            holder: holder.clone(),
            news: news_out,
        };
        let (ready, is_ready) = oneshot::channel();
        tasks.spawn(driver::run(driver, ready, messages, network.events, stop.clone()));
        // Fails only if the driver ended at once, which shows in whatever is asked next.
        let _ = is_ready.await;
        if opening == Opening::Online {
            let custodian = Custodian::new(holder.clone(), view.clone(), core.clone(), admitter.clone());
            tasks.spawn(custodian.run(news.clone(), stop.clone()));
            let witness = Witness::new(keys.clone(), store.clone(), view.clone(), core.clone(), metrics.clone());
            tasks.spawn(witness.run(commits.clone(), stop.clone()));
            let waiting = Waiting::new(store.clone(), view.clone(), core.clone());
            tasks.spawn(waiting.run(commits.clone(), news.clone(), stop.clone()));
        }
        let node = Arc::new(Node {
            profile,
            store,
            view,
            context: ArcSwap::from_pointee(None),
            core,
            network: network.commands,
            commits,
            publishing: Arc::default(),
            recovering,
            seat,
            recovery,
            metrics,
            admitter,
            holder,
            resolver,
            vault,
            news,
            listening: network.listening,
            started: clock::wall(),
            stop,
            tasks,
            keys,
            config,
            calendar,
            quality: std::sync::Mutex::default(),
            data,
        });
        if opening == Opening::Online {
            node.tasks.spawn(node.clone().beat(beats));
            node.tasks.spawn(node.clone().watch_door());
            node.tasks.spawn(node.clone().sweep());
            node.tasks.spawn(node.clone().carry_over());
            node.tasks.spawn(node.clone().forget());
            node.tasks.spawn(node.clone().name_new_charters());
        }
        Ok(node)
    }

    /// Publishes an empty batch whenever the replica says that our feed needs one.
    async fn beat(self: Arc<Self>, mut due: mpsc::Receiver<()>) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                beat = due.recv() => if beat.is_none() { return },
            }
            match self.publish_heartbeat().await {
                Ok(head) => tracing::info!(seq = head.seq, "heartbeat published"),
                // Every node of the member is told when one is due.
                Err(PublishError::Writer(WriterError::Elsewhere(_))) => {}
                Err(error) => tracing::warn!(%error, "the heartbeat was not published"),
            }
        }
    }

    /// Opens the door for newcomers while an invitation lives, and closes it once the last one has expired.
    async fn watch_door(self: Arc<Self>) {
        loop {
            if let Err(error) = self.admitter.set_door().await {
                tracing::warn!(%error, "the invitations cannot be read; the door stays as it is");
            }
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(DOOR_EVERY) => {}
            }
        }
    }

    /// Removes what no batch needs, once a day.
    async fn sweep(self: Arc<Self>) {
        loop {
            tokio::select! {
                () = self.stop.cancelled() => return,
                () = tokio::time::sleep(SWEEP_EVERY) => {}
            }
            let store = self.store.clone();
            match tokio::task::spawn_blocking(move || store.sweep(CHUNKS_UNUSED_FOR)).await {
                Ok(Ok(0)) => {}
                Ok(Ok(chunks)) => tracing::info!(chunks, "chunks that no batch names were removed"),
                Ok(Err(error)) => tracing::warn!(%error, "unused chunks could not be looked for"),
                Err(_) => return,
            }
        }
    }

    /// Stops everything in order; returns when it has stopped.
    pub async fn stop(&self) {
        self.stop.cancel();
        self.tasks.close();
        let grace = Duration::from_secs(self.config.grace_seconds);
        if tokio::time::timeout(grace, self.tasks.wait()).await.is_err() {
            tracing::warn!("some tasks did not end in time");
        }
        let store = self.store.clone();
        let persisted = tokio::task::spawn_blocking(move || store.table().persist()).await;
        if let Ok(Err(error)) = persisted {
            tracing::warn!(%error, "the token table could not be written; the next start replays it from the bodies");
        }
    }

    /// Cancelled when the node stops.
    pub fn stopping(&self) -> &CancellationToken {
        &self.stop
    }

    /// The present state.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// What checks of this moment share: made anew once a second and whenever the view changes.
    pub fn check_context(&self) -> Arc<Context> {
        let (view, now) = (self.view.load_full(), clock::wall());
        let known = self.context.load();
        if let Some((at, of, context)) = &**known
            && *at == now
            && Arc::ptr_eq(of, &view)
        {
            return context.clone();
        }
        let context = Context::new(&view.chain, view.me, &view.feeds, &self.calendar, now);
        let context = Arc::new(if self.store.is_behind() { context.behind() } else { context });
        self.context.store(Arc::new(Some((now, view, context.clone()))));
        context
    }

    /// How good the publishers' listings are: counted anew at most once a minute, for it is a pass over the whole table.
    pub fn quality(&self) -> Arc<BTreeMap<MemberNumber, Quality>> {
        let mut kept = self.quality.lock().unwrap_or_else(PoisonError::into_inner);
        let today = clock::wall().day();
        if let Some((at, day, known)) = &*kept
            && *day == today
            && at.elapsed() < QUALITY_HOLDS
        {
            return known.clone();
        }
        let context = self.check_context();
        let (table, remarks) = (self.store.table().reader(), self.store.remarks());
        let counted = {
            let _held = self.store.hold_counts();
            let mut counted = quality::quality(&table, remarks, context.roster(), context.cutoffs());
            match self.store.kept_effects() {
                Ok(kept) => quality::add_kept(&mut counted, &kept),
                Err(error) => tracing::warn!(%error, "rulings whose contents are erased are not counted"),
            }
            Arc::new(counted)
        };
        *kept = Some((Instant::now(), today, counted.clone()));
        counted
    }

    /// The working days.
    pub fn calendar(&self) -> &Calendar {
        &self.calendar
    }

    /// The evidence key: salts of evidence commitments come from it. Derived from the seal key, so it needs no file.
    pub(super) fn evidence_key(&self) -> [u8; 32] {
        let Ok(seal) = self.keys.seal() else { return [0; 32] };
        // HMAC takes keys of every length (RFC 2104 §2).
        let mut mac = Hmac::<Sha256>::new_from_slice(seal.secret()).expect("HMAC takes keys of every length");
        mac.update(b"antibrush/v1/evidence-salt");
        mac.finalize().into_bytes().into()
    }

    /// Hands a header from disk to the replica: the same validation as from a peer.
    pub async fn take_header(&self, header: Signed<BatchHeader>) -> bool {
        self.core.send(Message::Header(header)).await.is_ok()
    }

    /// Hands a charter from disk to the replica and waits until it is in force.
    pub async fn take_charter(
        &self,
        charter: antibrush_protocol::charter::SignedCharter,
    ) -> Option<Result<(), antibrush_protocol::charter::CharterError>> {
        let (reply, outcome) = oneshot::channel();
        self.core.send(Message::Charter { charter, reply }).await.ok()?;
        outcome.await.ok()
    }

    /// Makes tokens, with the holders' help where they take part.
    pub fn resolver(&self) -> &Arc<Resolver> {
        &self.resolver
    }

    /// The identifiers of this platform's own listings under shared keys.
    pub fn vault(&self) -> &Arc<Vault> {
        &self.vault
    }

    /// The holder's side of this node.
    pub fn holder(&self) -> &Arc<Holder> {
        &self.holder
    }

    /// Counts changes of the board and the charter, to wait on.
    pub fn news(&self) -> watch::Receiver<u64> {
        self.news.clone()
    }

    /// The conduct of peers.
    pub async fn peer_records(&self) -> Vec<(antibrush_protocol::replica::Peer, network::PeerRecord)> {
        let (reply, records) = oneshot::channel();
        if self.network.send(Command::Records(reply)).await.is_err() {
            return Vec::new();
        }
        records.await.unwrap_or_default()
    }

    /// Waits for the right to plan and publish.
    pub async fn writer(&self) -> Writer {
        self.publishing.clone().lock_owned().await
    }

    /// SYNC-4: by how many seconds this computer's clock is ahead of the members', if that is too far to sign anything.
    pub fn wrong_clock(&self) -> Option<i64> {
        self.view.load().wrong_clock(clock::now())
    }

    /// Whether the node waits for its own feed to come back from the peers before it signs anything.
    pub fn is_recovering(&self) -> bool {
        self.recovering.is_active()
    }

    /// This node's part in choosing who writes a member's feed.
    /// The node's own key, by which its peers know it.
    pub fn peer(&self) -> antibrush_protocol::replica::Peer {
        self.seat.peer()
    }

    pub(super) fn seat(&self) -> &Arc<Seat> {
        &self.seat
    }

    /// Who writes this member's feed, as far as this node knows.
    pub fn seated(&self) -> Result<super::Seated, super::PublishError> {
        Ok(self.seat.seated(self.may_publish()?)?)
    }

    pub(super) fn core(&self) -> &mpsc::Sender<Message> {
        &self.core
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Who runs the node.
    pub fn profile(&self) -> &Profile {
        &self.profile
    }

    /// The keys.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// The store.
    pub fn store(&self) -> &Arc<Store> {
        &self.store
    }

    /// The number that the next commit gets, as a value to wait on.
    pub fn commits(&self) -> watch::Receiver<u64> {
        self.commits.clone()
    }

    /// What opening had to mend.
    pub fn recovery(&self) -> &Recovery {
        &self.recovery
    }

    /// The counters.
    pub fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Admits newcomers.
    pub fn admitter(&self) -> &Admitter {
        &self.admitter
    }

    /// Where it listens.
    pub fn listening(&self) -> &[libp2p::Multiaddr] {
        &self.listening
    }

    /// When it started.
    pub fn started(&self) -> Timestamp {
        self.started
    }

    /// Its data directory.
    pub fn directory(&self) -> &Path {
        self.data.path()
    }

    /// The lock on it, to announce the HTTP address in.
    pub fn data(&self) -> &DataDir {
        &self.data
    }
}

/// A day of difference to a signed charter is no drift: some clock is wrong.
fn check_clock(chain: &CharterChain) -> Result<(), NodeError> {
    let (now, issued) = (clock::wall(), chain.current().issued);
    if now.plus(86_400 / 2) < issued {
        Err(NodeError::Clock { shown: now.day(), charter: issued.day() })
    } else {
        Ok(())
    }
}

/// Under which addresses others reach us: those configured, or those that we really listen on.
fn announced(config: &Config, listening: &[libp2p::Multiaddr]) -> Vec<libp2p::Multiaddr> {
    let reachable = config.reachable();
    if reachable.is_empty() { listening.to_vec() } else { reachable }
}

/// The network of a node that is offline: takes commands and gives nothing.
fn nowhere() -> Network {
    let (commands, mut taken) = mpsc::channel(16);
    let (keep_open, events) = mpsc::channel(1);
    tokio::spawn(async move {
        let _keep_open = keep_open;
        while let Some(command) = taken.recv().await {
            // An evaluation's reply is dropped: not connected.
            if let Command::Records(reply) = command {
                let _ = reply.send(Vec::new());
            }
        }
    });
    let (_, evaluations) = mpsc::channel(1);
    let (_, questions) = mpsc::channel(1);
    Network { commands, events, evaluations, questions, listening: Vec::new() }
}
