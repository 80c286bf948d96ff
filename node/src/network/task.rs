//! The task that owns the swarm.
//!
//! Commands are always taken; events wait in a bounded queue for the core, and while that queue is full the swarm is not
//! polled, so a slow core slows the network down instead of filling memory, and neither side can block the other.

use std::{
    collections::{HashMap, HashSet, VecDeque},
    sync::Arc,
    time::{Duration, Instant},
};

use antibrush_protocol::{
    base::Hash,
    evaluation::{EvaluationRequest, EvaluationResponse},
    gossip::OFFENCE_SCORE,
    join::JoinAnswer,
    limits,
    replica::{AnswerHandle, GossipHandle, Offence, Peer, RequestFailure, RequestId, Topic, Verdict},
    sync::{Request, Response},
    writer::{Ask, Reply},
};
use futures::StreamExt;
use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder, gossipsub, identity, noise,
    request_response::{self, InboundRequestId, OutboundFailure, OutboundRequestId, ResponseChannel},
    swarm::{ConnectionId, DialError, SwarmEvent, dial_opts::DialOpts},
    tcp, yamux,
};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::{
    behaviour::{Behaviour, BehaviourEvent, topic_name, topic_score},
    codec::JoinEnvelope,
    gate::{Admission, Door, Gate, PeerRecord, STRANGER_STAYS},
    identity::{peer_id, peer_key},
    rounds::{QUESTIONS, Question, Rounds},
    tap::Tap,
};

/// Commands and events that may wait.
const QUEUE: usize = 1024;

/// Requests for evaluations that may wait for the holder's service to look at them; more are told to come again.
const EVALUATIONS: usize = 64;

/// How often missing connections are looked after.
const DIAL_EVERY: Duration = Duration::from_millis(500);

/// A node dials until it has this many members: gossip's mesh needs 8, sync is happy with 4.
const ENOUGH_CONNECTIONS: usize = 12;

/// The longest wait between two dials of one peer.
const LONGEST_BACKOFF: Duration = Duration::from_secs(15);

/// Where a member's node listens.
#[derive(Clone, Debug)]
pub struct Address {
    /// Its node key.
    pub peer: Peer,
    /// Its addresses.
    pub addresses: Vec<Multiaddr>,
    /// Whether the key was succeeded: the node may ask for charters, and no gossip goes to it or comes from it.
    pub former: bool,
}

/// What the core tells the network.
#[derive(Debug)]
pub enum Command {
    /// Ask a peer; the outcome comes as [`Event::Response`].
    Request { id: RequestId, peer: Peer, request: Request },
    /// Answer a peer.
    Answer { handle: AnswerHandle, response: Response },
    /// Publish by gossip.
    Gossip { topic: Topic, bytes: Arc<[u8]> },
    /// Let gossip go on with a message.
    Verdict { handle: GossipHandle, verdict: Verdict },
    /// Score a peer down.
    Penalise { peer: Peer, offence: Offence },
    /// The nodes of active members changed.
    Members(Vec<Address>),
    /// Invitations are out, or no longer.
    Door(Door),
    /// Ask a key holder. The connection's own time limit is long: the asker keeps a deadline.
    Evaluate {
        peer: Peer,
        request: EvaluationRequest,
        reply: oneshot::Sender<Result<EvaluationResponse, RequestFailure>>,
    },
    /// Answer an evaluation.
    Evaluated { handle: AnswerHandle, response: EvaluationResponse },
    /// Ask a node about a writer; the channel ends if there is no answer. The asker keeps a deadline.
    Ask { peer: Peer, ask: Ask, reply: oneshot::Sender<Reply> },
    /// Answer such a question.
    Reply { handle: AnswerHandle, reply: Reply },
    /// Answer a newcomer.
    Join { handle: AnswerHandle, answer: JoinAnswer },
    /// Tell the conduct of peers, for `status`.
    Records(oneshot::Sender<Vec<(Peer, PeerRecord)>>),
}

/// What the network tells the core.
#[derive(Debug)]
pub enum Event {
    /// A member's node is connected.
    Connected(Peer),
    /// Its last connection is gone.
    Disconnected(Peer),
    /// A gossiped message waits for its verdict.
    Gossip { from: Peer, handle: GossipHandle, topic: Topic, bytes: Vec<u8> },
    /// A member asks.
    Request { from: Peer, handle: AnswerHandle, request: Request },
    /// A member answers, or does not.
    Response { id: RequestId, outcome: Result<Response, RequestFailure> },
    /// A request could not be decoded. Whose it was is scored down already.
    Undecodable,
    /// A newcomer knocks.
    Join { from: Peer, handle: AnswerHandle, envelope: Vec<u8> },
}

/// What a member asks of a key holder. Kept apart from the core's events: evaluations neither wait for it nor hold it up.
#[derive(Debug)]
pub struct Evaluation {
    pub from: Peer,
    pub handle: AnswerHandle,
    pub request: EvaluationRequest,
}

/// Why the network does not start.
#[derive(Debug, thiserror::Error)]
pub enum NetworkError {
    /// The address is taken or not ours.
    #[error("cannot listen on {address}: {reason}; choose another one with --listen or `listen` in the configuration")]
    Listen { address: Multiaddr, reason: String },
    /// libp2p refuses its configuration or the key.
    #[error("the network cannot be set up: {0}")]
    Setup(String),
}

/// The running network.
pub struct Network {
    /// Takes commands.
    pub commands: mpsc::Sender<Command>,
    /// Gives events.
    pub events: mpsc::Receiver<Event>,
    /// Gives requests for evaluations.
    pub evaluations: mpsc::Receiver<Evaluation>,
    /// Gives questions about writers.
    pub questions: mpsc::Receiver<Question>,
    /// The addresses that it listens on.
    pub listening: Vec<Multiaddr>,
}

/// Binds the addresses and starts the task. `secret` is the Ed25519 node key.
pub async fn start(
    secret: &mut [u8; 32],
    alliance: Hash,
    listen: &[Multiaddr],
    tap: Tap,
    stop: CancellationToken,
    tasks: &tokio_util::task::TaskTracker,
) -> Result<Network, NetworkError> {
    let mut swarm = build_swarm(secret, &alliance)?;
    let mut listening = Vec::new();
    for address in listen {
        let refused = |reason: String| NetworkError::Listen { address: address.clone(), reason };
        let id = swarm.listen_on(address.clone()).map_err(|error| refused(error.to_string()))?;
        listening.push(await_listener(&mut swarm, id).await.map_err(refused)?);
    }
    let (commands, commands_in) = mpsc::channel(QUEUE);
    let (events_out, events) = mpsc::channel(QUEUE);
    let (evaluations_out, evaluations) = mpsc::channel(EVALUATIONS);
    let (questions_out, questions) = mpsc::channel(QUESTIONS);
    let task = Task {
        own: *swarm.local_peer_id(),
        swarm,
        alliance,
        gate: Gate::new(Instant::now()),
        events: events_out,
        evaluations: evaluations_out,
        waiting: VecDeque::new(),
        asked: HashMap::new(),
        answers: HashMap::new(),
        evaluating: HashMap::new(),
        evaluated: HashMap::new(),
        rounds: Rounds::new(questions_out),
        tap,
        joins: HashMap::new(),
        gossip: HashMap::new(),
        next_handle: 0,
        connected: HashSet::new(),
        strangers: HashMap::new(),
        members: HashMap::new(),
        former: HashSet::new(),
    };
    tasks.spawn(task.run(commands_in, stop));
    Ok(Network { commands, events, evaluations, questions, listening })
}

pub(super) fn build_swarm(secret: &mut [u8; 32], alliance: &Hash) -> Result<Swarm<Behaviour>, NetworkError> {
    let setup = |error: String| NetworkError::Setup(error);
    let key = identity::Keypair::ed25519_from_bytes(secret).map_err(|error| setup(error.to_string()))?;
    let mut swarm = SwarmBuilder::with_existing_identity(key)
        .with_tokio()
        .with_tcp(tcp::Config::new().nodelay(true), noise::Config::new, yamux::Config::default)
        .map_err(|error| setup(error.to_string()))?
        .with_dns()
        .map_err(|error| setup(error.to_string()))?
        .with_behaviour(|key| Behaviour::new(key).map_err(Box::<dyn std::error::Error + Send + Sync>::from))
        .map_err(|error| setup(error.to_string()))?
        // Outside gossip's mesh nothing else keeps a connection alive.
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(6 * 3600)))
        .build();
    for topic in [Topic::Heads, Topic::Charters, Topic::Board] {
        let name = topic_name(alliance, topic);
        let gossip = &mut swarm.behaviour_mut().gossip;
        gossip.subscribe(&name).map_err(|error| setup(error.to_string()))?;
        gossip.set_topic_params(name, topic_score()).map_err(|error| setup(error.to_string()))?;
    }
    Ok(swarm)
}

async fn await_listener(
    swarm: &mut Swarm<Behaviour>,
    id: libp2p::core::transport::ListenerId,
) -> Result<Multiaddr, String> {
    loop {
        match swarm.select_next_some().await {
            SwarmEvent::NewListenAddr { listener_id, address } if listener_id == id => return Ok(address),
            SwarmEvent::ListenerClosed { listener_id, reason, .. } if listener_id == id => {
                return Err(reason.err().map_or_else(|| "closed".to_owned(), |error| error.to_string()));
            }
            SwarmEvent::ListenerError { listener_id, error } if listener_id == id => return Err(error.to_string()),
            _ => {}
        }
    }
}

struct Member {
    addresses: Vec<Multiaddr>,
    not_before: Instant,
    backoff: Duration,
}

pub(super) struct Task {
    own: PeerId,
    pub(super) swarm: Swarm<Behaviour>,
    alliance: Hash,
    pub(super) gate: Gate,
    events: mpsc::Sender<Event>,
    evaluations: mpsc::Sender<Evaluation>,
    waiting: VecDeque<Event>,
    asked: HashMap<OutboundRequestId, RequestId>,
    answers: HashMap<AnswerHandle, (InboundRequestId, ResponseChannel<Response>)>,
    evaluating: HashMap<OutboundRequestId, oneshot::Sender<Result<EvaluationResponse, RequestFailure>>>,
    evaluated: HashMap<AnswerHandle, (InboundRequestId, ResponseChannel<EvaluationResponse>)>,
    pub(super) rounds: Rounds,
    pub(super) tap: Tap,
    joins: HashMap<AnswerHandle, ResponseChannel<JoinAnswer>>,
    gossip: HashMap<u64, (gossipsub::MessageId, PeerId)>,
    next_handle: u64,
    connected: HashSet<Peer>,
    strangers: HashMap<PeerId, Instant>,
    members: HashMap<Peer, Member>,
    /// Those of them whose key was succeeded.
    former: HashSet<Peer>,
}

impl Task {
    async fn run(mut self, mut commands: mpsc::Receiver<Command>, stop: CancellationToken) {
        let events = self.events.clone();
        let mut dialing = tokio::time::interval(DIAL_EVERY);
        dialing.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            let has_room = self.waiting.len() < QUEUE;
            let has_events = !self.waiting.is_empty();
            tokio::select! {
                () = stop.cancelled() => return,
                command = commands.recv() => match command {
                    Some(command) => self.on_command(command),
                    None => return,
                },
                permit = events.reserve(), if has_events => match (permit, self.waiting.pop_front()) {
                    (Ok(permit), Some(event)) => permit.send(event),
                    _ => return,
                },
                event = self.swarm.select_next_some(), if has_room => self.on_swarm(event),
                _ = dialing.tick() => self.look_after_connections(),
            }
        }
    }

    pub(super) fn handle(&mut self) -> u64 {
        self.next_handle += 1;
        self.next_handle
    }

    fn on_command(&mut self, command: Command) {
        match command {
            Command::Request { id, peer, request } => match peer_id(&peer) {
                Some(peer) if self.swarm.is_connected(&peer) => {
                    self.tap.object("request", &request);
                    let asked = self.swarm.behaviour_mut().sync.send_request(&peer, request);
                    self.asked.insert(asked, id);
                }
                _ => self.waiting.push_back(Event::Response { id, outcome: Err(RequestFailure::Disconnected) }),
            },
            Command::Answer { handle, response } => {
                if let Some((_, channel)) = self.answers.remove(&handle) {
                    self.tap.object("answer", &response);
                    // Fails only if the asker is gone; it will ask somebody else.
                    let _ = self.swarm.behaviour_mut().sync.send_response(channel, response);
                }
            }
            Command::Gossip { topic, bytes } => {
                self.tap.gossip(&bytes);
                let name = topic_name(&self.alliance, topic);
                if let Err(error) = self.swarm.behaviour_mut().gossip.publish(name, bytes.to_vec()) {
                    // Anti-entropy carries what gossip could not; NoPeersSubscribedToTopic is the usual case of a lone node.
                    tracing::debug!(%error, "gossip took no message");
                }
            }
            Command::Verdict { handle, verdict } => {
                if let Some((id, from)) = self.gossip.remove(&handle.0) {
                    let acceptance = match verdict {
                        Verdict::Accept => gossipsub::MessageAcceptance::Accept,
                        Verdict::Reject => gossipsub::MessageAcceptance::Reject,
                        Verdict::Ignore => gossipsub::MessageAcceptance::Ignore,
                    };
                    self.swarm.behaviour_mut().gossip.report_message_validation_result(&id, &from, acceptance);
                }
            }
            Command::Penalise { peer, offence } => self.penalise(peer, offence),
            Command::Evaluate { peer, request, reply } => match peer_id(&peer) {
                Some(peer) if self.swarm.is_connected(&peer) => {
                    self.tap.object("evaluation", &request);
                    let asked = self.swarm.behaviour_mut().evaluation.send_request(&peer, request);
                    self.evaluating.insert(asked, reply);
                }
                // Fails only if nobody waits any more.
                _ => drop(reply.send(Err(RequestFailure::Disconnected))),
            },
            Command::Evaluated { handle, response } => {
                if let Some((_, channel)) = self.evaluated.remove(&handle) {
                    self.tap.object("evaluated", &response);
                    // Fails only if the asker is gone.
                    let _ = self.swarm.behaviour_mut().evaluation.send_response(channel, response);
                }
            }
            Command::Ask { peer, ask, reply } => self.ask(&peer, ask, reply),
            Command::Reply { handle, reply } => self.reply(handle, reply),
            Command::Members(members) => self.set_members(members),
            Command::Door(door) => self.gate.set_door(door),
            Command::Join { handle, answer } => {
                if let Some(channel) = self.joins.remove(&handle) {
                    self.tap.object("join", &answer);
                    // Fails only if the newcomer is gone.
                    let _ = self.swarm.behaviour_mut().join.send_response(channel, answer);
                }
            }
            Command::Records(reply) => {
                // Fails only if nobody waits any more.
                let _ = reply.send(self.gate.records(Instant::now()));
            }
        }
    }

    fn penalise(&mut self, peer: Peer, offence: Offence) {
        let Some(id) = peer_id(&peer) else { return };
        tracing::warn!(peer = %id, offence = offence.name(), "a peer sent what no honest node sends");
        let out = self.gate.offend(peer, Instant::now());
        self.swarm.behaviour_mut().gossip.set_application_score(&id, OFFENCE_SCORE);
        if out {
            let _ = self.swarm.disconnect_peer_id(id);
        }
    }

    fn set_members(&mut self, members: Vec<Address>) {
        let now = Instant::now();
        let keys: HashSet<Peer> = members.iter().map(|member| member.peer).collect();
        self.former = members.iter().filter(|member| member.former).map(|member| member.peer).collect();
        for member in members {
            // One that has moved is dialled at once.
            let known = self.members.remove(&member.peer).filter(|known| known.addresses == member.addresses);
            let (not_before, backoff) = known.map_or((now, DIAL_EVERY), |known| (known.not_before, known.backoff));
            self.members.insert(member.peer, Member { addresses: member.addresses, not_before, backoff });
        }
        self.members.retain(|peer, _| keys.contains(peer));
        self.gate.set_members(keys);
        let connected: Vec<PeerId> = self.swarm.connected_peers().copied().collect();
        for peer in connected {
            match peer_key(&peer).filter(|key| self.gate.is_member(key)) {
                Some(key) => self.welcome(peer, key),
                None if !self.strangers.contains_key(&peer) => {
                    let _ = self.swarm.disconnect_peer_id(peer);
                }
                None => {}
            }
        }
    }

    fn welcome(&mut self, peer: PeerId, key: Peer) {
        self.strangers.remove(&peer);
        let gossip = &mut self.swarm.behaviour_mut().gossip;
        if self.former.contains(&key) {
            gossip.blacklist_peer(&peer);
        } else {
            gossip.remove_blacklisted_peer(&peer);
        }
        if let Some(member) = self.members.get_mut(&key) {
            member.backoff = DIAL_EVERY;
        }
        if self.connected.insert(key) {
            tracing::info!(%peer, "connected to a member");
            self.waiting.push_back(Event::Connected(key));
        }
    }

    fn look_after_connections(&mut self) {
        let now = Instant::now();
        let overdue: Vec<PeerId> =
            self.strangers.iter().filter(|(_, until)| **until <= now).map(|(peer, _)| *peer).collect();
        for peer in overdue {
            self.strangers.remove(&peer);
            let _ = self.swarm.disconnect_peer_id(peer);
        }
        for peer in self.gate.forgiven(now).iter().filter_map(peer_id) {
            self.swarm.behaviour_mut().gossip.set_application_score(&peer, 0.0);
        }
        let room = ENOUGH_CONNECTIONS.saturating_sub(self.connected.len());
        let mut due: Vec<(Peer, Vec<Multiaddr>)> = Vec::new();
        for (key, member) in &mut self.members {
            let wanted = !self.connected.contains(key) && member.not_before <= now && !member.addresses.is_empty();
            if wanted && due.len() < room && !self.gate.is_banned(key, now) {
                member.not_before = now + member.backoff;
                member.backoff = (member.backoff * 2).min(LONGEST_BACKOFF);
                due.push((*key, member.addresses.clone()));
            }
        }
        for (key, addresses) in due {
            let Some(peer) = peer_id(&key).filter(|peer| *peer != self.own) else { continue };
            match self.swarm.dial(DialOpts::peer_id(peer).addresses(addresses).build()) {
                Ok(()) | Err(DialError::DialPeerConditionFalse(_)) => {}
                Err(error) => tracing::debug!(%peer, %error, "a member cannot be dialled"),
            }
        }
    }

    fn on_swarm(&mut self, event: SwarmEvent<BehaviourEvent>) {
        match event {
            SwarmEvent::ConnectionEstablished { peer_id, connection_id, .. } => {
                self.on_connection(peer_id, connection_id)
            }
            SwarmEvent::ConnectionClosed { peer_id, num_established: 0, .. } => {
                self.strangers.remove(&peer_id);
                if let Some(key) = peer_key(&peer_id).filter(|key| self.connected.remove(key)) {
                    tracing::info!(peer = %peer_id, "a member's connection ended");
                    self.waiting.push_back(Event::Disconnected(key));
                }
            }
            SwarmEvent::Behaviour(event) => self.on_behaviour(event),
            SwarmEvent::OutgoingConnectionError { peer_id, error, .. } => {
                tracing::debug!(?peer_id, %error, "a connection could not be made");
            }
            _ => {}
        }
    }

    fn on_connection(&mut self, peer: PeerId, connection: ConnectionId) {
        let now = Instant::now();
        let Some(key) = peer_key(&peer) else {
            let _ = self.swarm.disconnect_peer_id(peer);
            return;
        };
        match self.gate.admit(&key, now) {
            Admission::Member => self.welcome(peer, key),
            Admission::Stranger => {
                self.swarm.behaviour_mut().gossip.blacklist_peer(&peer);
                self.strangers.entry(peer).or_insert(now + STRANGER_STAYS);
            }
            Admission::Refused => {
                tracing::debug!(%peer, %connection, "a peer that is no member was turned away");
                let _ = self.swarm.disconnect_peer_id(peer);
            }
        }
    }

    fn on_behaviour(&mut self, event: BehaviourEvent) {
        match event {
            BehaviourEvent::Gossip(gossipsub::Event::Message { propagation_source, message_id, message }) => {
                self.on_gossip(propagation_source, message_id, message);
            }
            BehaviourEvent::Gossip(gossipsub::Event::SlowPeer { peer_id, failed_messages }) => {
                tracing::debug!(peer = %peer_id, ?failed_messages, "a peer is slow to take gossip");
            }
            BehaviourEvent::Sync(event) => self.on_sync(event),
            BehaviourEvent::Evaluation(event) => self.on_evaluation(event),
            BehaviourEvent::Writer(event) => self.on_writer(event),
            BehaviourEvent::Join(event) => self.on_join(event),
            _ => {}
        }
    }

    fn on_gossip(&mut self, source: PeerId, id: gossipsub::MessageId, message: gossipsub::Message) {
        let topics = [Topic::Heads, Topic::Charters, Topic::Board];
        let topic = topics.into_iter().find(|topic| topic_name(&self.alliance, *topic).hash() == message.topic);
        let from = peer_key(&source).filter(|key| self.gate.is_member(key));
        // A message that is never judged leaves gossip's cache by itself; the map is bounded likewise.
        if self.gossip.len() >= 16 * QUEUE {
            self.gossip.clear();
        }
        if let (Some(topic), Some(from)) = (topic, from) {
            let handle = self.handle();
            self.gossip.insert(handle, (id, source));
            self.waiting.push_back(Event::Gossip { from, handle: GossipHandle(handle), topic, bytes: message.data });
        }
    }

    fn on_sync(&mut self, event: request_response::Event<Request, Response>) {
        use request_response::{Event as E, Message};
        match event {
            E::Message { peer, message: Message::Request { request_id, request, channel }, .. } => {
                let Some(from) = peer_key(&peer).filter(|key| self.gate.is_member(key)) else { return };
                let handle = AnswerHandle(self.handle());
                self.answers.insert(handle, (request_id, channel));
                self.waiting.push_back(Event::Request { from, handle, request });
            }
            E::Message { message: Message::Response { request_id, response }, .. } => {
                if let Some(id) = self.asked.remove(&request_id) {
                    self.waiting.push_back(Event::Response { id, outcome: Ok(response) });
                }
            }
            E::OutboundFailure { request_id, error, .. } => {
                if let Some(id) = self.asked.remove(&request_id) {
                    self.waiting.push_back(Event::Response { id, outcome: Err(failure(&error)) });
                }
            }
            E::InboundFailure { request_id, peer, error, .. } => {
                self.answers.retain(|_, (id, _)| *id != request_id);
                self.blame_undecodable(&peer, &error);
            }
            E::ResponseSent { .. } => {}
        }
    }

    fn on_evaluation(&mut self, event: request_response::Event<EvaluationRequest, EvaluationResponse>) {
        use request_response::{Event as E, Message};
        match event {
            E::Message { peer, message: Message::Request { request_id, request, channel }, .. } => {
                let Some(from) = peer_key(&peer).filter(|key| self.gate.is_member(key)) else { return };
                let handle = AnswerHandle(self.handle());
                if self.evaluations.try_send(Evaluation { from, handle, request }).is_ok() {
                    self.evaluated.insert(handle, (request_id, channel));
                } else {
                    let busy = EvaluationResponse::Busy { retry_after_ms: limits::BUSY_RETRY_MS };
                    self.tap.object("evaluated", &busy);
                    // Fails only if the asker is gone.
                    let _ = self.swarm.behaviour_mut().evaluation.send_response(channel, busy);
                }
            }
            E::Message { message: Message::Response { request_id, response }, .. } => {
                if let Some(reply) = self.evaluating.remove(&request_id) {
                    // Fails only if nobody waits any more.
                    let _ = reply.send(Ok(response));
                }
            }
            E::OutboundFailure { request_id, error, .. } => {
                if let Some(reply) = self.evaluating.remove(&request_id) {
                    let _ = reply.send(Err(failure(&error)));
                }
            }
            E::InboundFailure { request_id, peer, error, .. } => {
                self.evaluated.retain(|_, (id, _)| *id != request_id);
                self.blame_undecodable(&peer, &error);
            }
            E::ResponseSent { .. } => {}
        }
    }

    pub(super) fn blame_undecodable(&mut self, peer: &PeerId, error: &request_response::InboundFailure) {
        let undecodable = matches!(error, request_response::InboundFailure::Io(error)
            if error.kind() == std::io::ErrorKind::InvalidData);
        if let Some(key) = peer_key(peer).filter(|_| undecodable) {
            self.penalise(key, Offence::Undecodable);
            self.waiting.push_back(Event::Undecodable);
        }
    }

    fn on_join(&mut self, event: request_response::Event<JoinEnvelope, JoinAnswer>) {
        use request_response::{Event as E, Message};
        if let E::Message { peer, message: Message::Request { request, channel, .. }, .. } = event {
            let Some(from) = peer_key(&peer) else { return };
            let handle = AnswerHandle(self.handle());
            // The stream cap and the door bound this map.
            if self.joins.len() < limits::ADDRESSES * 8 {
                self.joins.insert(handle, channel);
                self.waiting.push_back(Event::Join { from, handle, envelope: request.0 });
            }
        }
    }
}

/// Why a request came to nothing.
fn failure(error: &OutboundFailure) -> RequestFailure {
    match error {
        OutboundFailure::Io(error) if error.kind() == std::io::ErrorKind::InvalidData => RequestFailure::Undecodable,
        _ => RequestFailure::Disconnected,
    }
}
