//! The scenario with swarms of libp2p in real time.

use std::{
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use antibrush_protocol::{gossip as parameters, limits};
use futures::{
    FutureExt, StreamExt,
    future::{BoxFuture, join_all},
    stream::FuturesUnordered,
};
use libp2p::{
    Multiaddr, PeerId, Swarm, SwarmBuilder, Transport,
    core::{ConnectedPoint, transport::MemoryTransport, upgrade::Version},
    gossipsub, identity,
    multiaddr::Protocol,
    noise,
    swarm::{SwarmEvent, dial_opts::DialOpts},
    yamux,
};
use sha2::{Digest, Sha256};
use thiserror::Error;
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinSet,
};

use super::{Curve, Scenario, courier::Courier, link::Link, load::Meter};
use crate::gossip::PeerIndex;

/// Why the real swarms did not come up.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum RealError {
    /// libp2p or the system refused something.
    #[error("the swarms did not start: {0}; try with fewer nodes")]
    Setup(String),
    /// A node ended before the run was over.
    #[error("a swarm ended before its time; run the calibration again on a machine with more free memory")]
    Ended,
}

impl RealError {
    /// The same in Chinese.
    pub fn zh(&self) -> String {
        match self {
            RealError::Setup(error) => format!("节点未能启动：{error}；请减少节点数后重试"),
            RealError::Ended => "有节点提前结束；请在空闲内存更多的机器上重新运行校准".to_owned(),
        }
    }
}

/// The topics that every node reads, with names as long as the node's. Messages go to the first.
pub(super) const TOPICS: [&str; 3] = [
    "antibrush/1/00000000000000000000000000000000/heads",
    "antibrush/1/00000000000000000000000000000000/charters",
    "antibrush/1/00000000000000000000000000000000/board",
];

/// How many runs this process has begun: the memory transport has one space of addresses for all.
static RUNS: AtomicU64 = AtomicU64::new(0);

/// The address of a node in a run.
fn address(run: u64, node: PeerIndex) -> Multiaddr {
    Protocol::Memory((run << 32) | (u64::from(node) + 1)).into()
}

/// The node of an address.
fn node_of(address: &Multiaddr) -> Option<PeerIndex> {
    address.iter().find_map(|part| match part {
        Protocol::Memory(place) => (place as u32).checked_sub(1),
        _ => None,
    })
}

/// What a node is told.
enum Command {
    Dial(Multiaddr),
    Publish(u64),
    Mesh(oneshot::Sender<usize>),
}

/// What a node tells.
enum Report {
    /// It published a message at this moment.
    Published { number: u64, at_us: u64 },
    /// A message reached its application at this moment.
    Delivered { number: u64, at_us: u64 },
}

struct Node {
    swarm: Swarm<gossipsub::Behaviour>,
    courier: Arc<Courier>,
    scenario: Arc<Scenario>,
    commands: mpsc::UnboundedReceiver<Command>,
    reports: mpsc::UnboundedSender<Report>,
    /// The verdicts that are being found.
    verdicts: FuturesUnordered<BoxFuture<'static, (gossipsub::MessageId, PeerId)>>,
}

/// Runs the scenario with real swarms; `progress` hears the part that is done, 0 to 1.
///
/// # Errors
/// [`RealError`] if the swarms do not start or end early.
pub async fn real(scenario: &Scenario, progress: &mut dyn FnMut(f64)) -> Result<Curve, RealError> {
    let setup = |error: &dyn std::fmt::Display| RealError::Setup(error.to_string());
    let scenario = Arc::new(scenario.clone());
    let courier = Courier::start().map_err(|error| setup(&error))?;
    let (reports, mut reported) = mpsc::unbounded_channel();
    let mut tasks = JoinSet::new();
    let mut nodes = Vec::new();
    let run = RUNS.fetch_add(1, Ordering::Relaxed);
    let start_us = courier.now_us();
    let dilation = u64::from(scenario.dilation);
    for (index, at_us) in (0..).zip(scenario.starts_us()) {
        courier.sleep_until(start_us + at_us * dilation).await;
        let mut swarm = build_swarm(index, &scenario, &courier)?;
        swarm.listen_on(address(run, index)).map_err(|error| setup(&error))?;
        let (commands, receiver) = mpsc::unbounded_channel();
        let (scenario, courier, reports) = (scenario.clone(), courier.clone(), reports.clone());
        let verdicts = FuturesUnordered::new();
        tasks.spawn(Node { swarm, courier, scenario, commands: receiver, reports, verdicts }.run());
        nodes.push(commands);
    }
    let tell = |node: PeerIndex, command| {
        let node = nodes.get(node as usize).ok_or(RealError::Ended)?;
        node.send(command).map_err(|_| RealError::Ended)
    };
    for (at_us, from, to) in scenario.dials() {
        courier.sleep_until(start_us + at_us * dilation).await;
        tell(from, Command::Dial(address(run, to)))?;
    }
    let meter = Meter::start();
    for (number, (at_us, node)) in (0..).zip(scenario.publications()) {
        courier.sleep_until(start_us + at_us * dilation).await;
        progress(at_us as f64 / scenario.end_us() as f64);
        tell(node, Command::Publish(number))?;
    }
    let load = meter.read();
    courier.sleep_until(start_us + scenario.real_us()).await;
    progress(1.0);
    let meshes = join_all((0..scenario.nodes).map(|node| {
        let (sender, receiver) = oneshot::channel();
        let told = tell(node, Command::Mesh(sender));
        async move { told.and(receiver.await.map_err(|_| RealError::Ended)) }
    }));
    let meshes: Vec<usize> = meshes.await.into_iter().collect::<Result<_, _>>()?;
    tasks.shutdown().await;
    drop(reports);
    let mut published_us = vec![None; scenario.messages as usize];
    let mut delivered = Vec::new();
    while let Some(report) = reported.recv().await {
        match report {
            Report::Published { number, at_us } => published_us[number as usize] = Some(at_us),
            Report::Delivered { number, at_us } => delivered.push((number, at_us)),
        }
    }
    let since = |number: u64| published_us.get(number as usize).copied().flatten();
    let latencies =
        delivered.iter().filter_map(|(number, at_us)| Some(at_us.saturating_sub(since(*number)?) / dilation));
    Ok(Curve::new(&scenario, latencies.collect(), &meshes, Some(load)))
}

impl Node {
    async fn run(mut self) {
        loop {
            futures::select_biased! {
                event = self.swarm.select_next_some() => self.on_event(event),
                (id, from) = self.verdicts.select_next_some() => {
                    let accept = gossipsub::MessageAcceptance::Accept;
                    self.swarm.behaviour_mut().report_message_validation_result(&id, &from, accept);
                }
                command = self.commands.recv().fuse() => match command {
                    Some(command) => self.obey(command),
                    None => return,
                },
            }
        }
    }

    fn on_event(&mut self, event: SwarmEvent<gossipsub::Event>) {
        let SwarmEvent::Behaviour(gossipsub::Event::Message { propagation_source, message_id, message }) = event else {
            return;
        };
        let at_us = self.courier.now_us();
        if let Some(number) = message.data.first_chunk() {
            let number = u64::from_be_bytes(*number);
            // Fails only when the run is over.
            let _ = self.reports.send(Report::Delivered { number, at_us });
        }
        let courier = self.courier.clone();
        let due_us = at_us + self.scenario.validation_us * u64::from(self.scenario.dilation);
        self.verdicts.push(
            async move {
                courier.sleep_until(due_us).await;
                (message_id, propagation_source)
            }
            .boxed(),
        );
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Dial(address) => {
                // A dial that fails shows in the meshes and in what is not delivered.
                let _ = self.swarm.dial(DialOpts::unknown_peer_id().address(address).build());
            }
            Command::Publish(number) => {
                let at_us = self.courier.now_us();
                let content = self.scenario.content(number);
                let topic = gossipsub::IdentTopic::new(TOPICS[0]);
                if self.swarm.behaviour_mut().publish(topic, content).is_ok() {
                    // Fails only when the run is over.
                    let _ = self.reports.send(Report::Published { number, at_us });
                }
            }
            Command::Mesh(reply) => {
                let topic = gossipsub::IdentTopic::new(TOPICS[0]).hash();
                // Fails only if nobody waits any more.
                let _ = reply.send(self.swarm.behaviour().mesh_peers(&topic).count());
            }
        }
    }
}

/// A swarm that speaks gossip only, over delayed links.
fn build_swarm(
    index: PeerIndex,
    scenario: &Arc<Scenario>,
    courier: &Arc<Courier>,
) -> Result<Swarm<gossipsub::Behaviour>, RealError> {
    let setup = |error: String| RealError::Setup(error);
    let dilation = scenario.dilation;
    let (scenario, courier) = (scenario.clone(), courier.clone());
    let mut swarm = SwarmBuilder::with_new_identity()
        .with_tokio()
        .with_other_transport(|key: &identity::Keypair| {
            let delayed = MemoryTransport::new().map(move |stream, endpoint| {
                let latency_us = match &endpoint {
                    ConnectedPoint::Dialer { address, .. } => {
                        node_of(address).map(|peer| scenario.link_us(index, peer) * scenario.dilation)
                    }
                    ConnectedPoint::Listener { .. } => None,
                };
                Link::new(stream, courier, latency_us)
            });
            let noise = noise::Config::new(key)?;
            let upgraded = delayed.upgrade(Version::V1Lazy).authenticate(noise).multiplex(yamux::Config::default());
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(upgraded)
        })
        .map_err(|error| setup(error.to_string()))?
        .with_behaviour(|_| gossip(dilation))
        .map_err(|error| setup(error.to_string()))?
        // As in the node: outside gossip's mesh nothing else keeps a connection alive.
        .with_swarm_config(|config| config.with_idle_connection_timeout(Duration::from_secs(6 * 3600)))
        .build();
    for topic in TOPICS {
        let topic = gossipsub::IdentTopic::new(topic);
        swarm.behaviour_mut().subscribe(&topic).map_err(|error| setup(error.to_string()))?;
        swarm
            .behaviour_mut()
            .set_topic_params(topic, topic_score(dilation))
            .map_err(|error| setup(error.to_owned()))?;
    }
    Ok(swarm)
}

/// Gossipsub as the node configures it, slower by `dilation`.
pub(super) fn config(dilation: u32) -> Result<gossipsub::Config, RealError> {
    let dilated = |ms: u64| Duration::from_millis(ms) * dilation;
    let library = gossipsub::Config::default();
    gossipsub::ConfigBuilder::default()
        .validation_mode(gossipsub::ValidationMode::Anonymous)
        .validate_messages()
        .message_id_fn(|message| {
            let mut hash = Sha256::new();
            hash.update(message.topic.as_str());
            hash.update(&message.data);
            gossipsub::MessageId::new(&hash.finalize()[..20])
        })
        .mesh_n(parameters::MESH_PEERS)
        .mesh_n_low(parameters::MESH_PEERS_LOW)
        .mesh_n_high(parameters::MESH_PEERS_HIGH)
        .mesh_outbound_min(parameters::MESH_OUTBOUND_MIN)
        .history_length(parameters::HISTORY_LENGTH)
        .history_gossip(parameters::HISTORY_GOSSIP)
        .heartbeat_interval(dilated(parameters::HEARTBEAT_MS))
        .heartbeat_initial_delay(dilated(parameters::HEARTBEAT_INITIAL_DELAY_MS))
        .flood_publish(parameters::FLOOD_PUBLISH)
        .max_transmit_size(limits::GOSSIP_BYTES + 1024)
        .connection_handler_queue_len(parameters::PEER_QUEUE)
        .duplicate_cache_time(dilated(parameters::DUPLICATE_CACHE_MS))
        .prune_backoff(library.prune_backoff() * dilation)
        .graft_flood_threshold(library.graft_flood_threshold() * dilation)
        .iwant_followup_time(library.iwant_followup_time() * dilation)
        .build()
        .map_err(|error| RealError::Setup(error.to_string()))
}

/// The score of peers as the node configures it, slower by `dilation`.
pub(super) fn score(dilation: u32) -> gossipsub::PeerScoreParams {
    let library = gossipsub::PeerScoreParams::default();
    gossipsub::PeerScoreParams {
        decay_interval: library.decay_interval * dilation,
        ip_colocation_factor_weight: parameters::SHARED_ADDRESS_WEIGHT,
        app_specific_weight: parameters::APPLICATION_WEIGHT,
        ..library
    }
}

/// The part of the score that one topic gives, slower by `dilation`.
pub(super) fn topic_score(dilation: u32) -> gossipsub::TopicScoreParams {
    let library = gossipsub::TopicScoreParams::default();
    gossipsub::TopicScoreParams {
        time_in_mesh_quantum: library.time_in_mesh_quantum * dilation,
        mesh_message_deliveries_weight: parameters::MESH_DELIVERIES_WEIGHT,
        mesh_failure_penalty_weight: parameters::MESH_FAILURE_WEIGHT,
        invalid_message_deliveries_weight: parameters::INVALID_DELIVERIES_WEIGHT,
        invalid_message_deliveries_decay: parameters::INVALID_DELIVERIES_DECAY,
        ..library
    }
}

fn gossip(dilation: u32) -> Result<gossipsub::Behaviour, Box<dyn std::error::Error + Send + Sync>> {
    let mut gossip = gossipsub::Behaviour::new(gossipsub::MessageAuthenticity::Anonymous, config(dilation)?)?;
    gossip.with_peer_score(score(dilation), gossipsub::PeerScoreThresholds::default())?;
    Ok(gossip)
}
