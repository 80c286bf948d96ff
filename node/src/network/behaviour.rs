//! The libp2p behaviours and their configuration.

use std::time::Duration;

use antibrush_protocol::{
    base::Hash,
    evaluation::{EvaluationRequest, EvaluationResponse},
    gossip as parameters,
    join::JoinAnswer,
    limits,
    replica::Topic,
    sync::{Request, Response},
    writer::{Ask, Reply},
};
use libp2p::{
    StreamProtocol, connection_limits, gossipsub, identify, identity, ping,
    request_response::{self, ProtocolSupport},
    swarm::NetworkBehaviour,
};
use sha2::{Digest, Sha256};

use super::codec::{JoinEnvelope, WireCodec};

/// The sync protocol: charters, headers and chunks.
pub const SYNC_PROTOCOL: StreamProtocol = StreamProtocol::new("/antibrush/sync/1");

/// The evaluation protocol: blinded elements to a key holder and back.
pub const EVALUATION_PROTOCOL: StreamProtocol = StreamProtocol::new("/antibrush/evaluation/1");

/// How long an evaluation may take, the transfer and the holder's queue included; who asks has a shorter deadline of its own.
const EVALUATION_TIMEOUT: Duration = Duration::from_secs(20);

/// Evaluations of one peer at once, each way: twice what a platform asks one holder for ([`EVALUATIONS_PER_HOLDER`]).
const EVALUATION_STREAMS: usize = 2 * EVALUATIONS_PER_HOLDER;

/// How many evaluations a platform has under way at one holder.
pub const EVALUATIONS_PER_HOLDER: usize = 8;

/// The writer protocol: which node of a member writes its feed, and what comes next in it.
pub const WRITER_PROTOCOL: StreamProtocol = StreamProtocol::new("/antibrush/writer/1");

/// How long an elector may take, with the body of a batch that it fetches first; who asks has a deadline of its own.
const WRITER_TIMEOUT: Duration = Duration::from_secs(120);

/// Questions of one peer at once, each way: a round, and the chunks of one batch.
const WRITER_STREAMS: usize = 16;

/// The join protocol: the only one that a stranger with an invitation may speak.
pub const JOIN_PROTOCOL: StreamProtocol = StreamProtocol::new("/antibrush/join/1");

/// How long an exchange may take on the join protocol.
pub const JOIN_TIMEOUT: Duration = Duration::from_secs(30);

/// All that a node speaks.
#[derive(NetworkBehaviour)]
pub struct Behaviour {
    pub limits: connection_limits::Behaviour,
    pub gossip: gossipsub::Behaviour,
    pub sync: request_response::Behaviour<WireCodec<Request, Response>>,
    pub evaluation: request_response::Behaviour<WireCodec<EvaluationRequest, EvaluationResponse>>,
    pub writer: request_response::Behaviour<WireCodec<Ask, Reply>>,
    pub join: request_response::Behaviour<WireCodec<JoinEnvelope, JoinAnswer>>,
    pub identify: identify::Behaviour,
    pub ping: ping::Behaviour,
}

impl Behaviour {
    /// Configures everything; fails only if gossipsub refuses its configuration.
    pub fn new(key: &identity::Keypair) -> Result<Behaviour, String> {
        let limits = connection_limits::ConnectionLimits::default()
            // Two at once: both sides may dial each other at the same moment.
            .with_max_established_per_peer(Some(2))
            .with_max_established_incoming(Some(limits::PEERS as u32))
            .with_max_pending_incoming(Some(64));
        // Covers the whole transfer; the replica's own deadline fires first.
        let patience = Duration::from_millis(limits::REQUEST_TIMEOUT_MS * 2);
        let sync = request_response::Config::default()
            .with_request_timeout(patience)
            // Twice what the replica asks of one peer: over the cap a request fails as a broken connection.
            .with_max_concurrent_streams(2 * limits::REQUESTS_PER_PEER);
        let join =
            request_response::Config::default().with_request_timeout(JOIN_TIMEOUT).with_max_concurrent_streams(2);
        let evaluation = request_response::Config::default()
            .with_request_timeout(EVALUATION_TIMEOUT)
            .with_max_concurrent_streams(EVALUATION_STREAMS);
        let writer = request_response::Config::default()
            .with_request_timeout(WRITER_TIMEOUT)
            .with_max_concurrent_streams(WRITER_STREAMS);
        Ok(Behaviour {
            limits: connection_limits::Behaviour::new(limits),
            gossip: gossip()?,
            sync: request_response::Behaviour::new([(SYNC_PROTOCOL, ProtocolSupport::Full)], sync),
            evaluation: request_response::Behaviour::new([(EVALUATION_PROTOCOL, ProtocolSupport::Full)], evaluation),
            writer: request_response::Behaviour::new([(WRITER_PROTOCOL, ProtocolSupport::Full)], writer),
            join: request_response::Behaviour::new([(JOIN_PROTOCOL, ProtocolSupport::Full)], join),
            identify: identify::Behaviour::new(
                identify::Config::new("/antibrush/1".to_owned(), key.public())
                    .with_agent_version(concat!("antibrush/", env!("CARGO_PKG_VERSION")).to_owned()),
            ),
            ping: ping::Behaviour::new(ping::Config::new().with_interval(Duration::from_secs(20))),
        })
    }
}

/// Gossip of signed objects: anonymous at its own layer, held back until the replica has judged.
fn gossip() -> Result<gossipsub::Behaviour, String> {
    let config = gossipsub::ConfigBuilder::default()
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
        .heartbeat_interval(Duration::from_millis(parameters::HEARTBEAT_MS))
        .heartbeat_initial_delay(Duration::from_millis(parameters::HEARTBEAT_INITIAL_DELAY_MS))
        .flood_publish(parameters::FLOOD_PUBLISH)
        .max_transmit_size(limits::GOSSIP_BYTES + 1024)
        .connection_handler_queue_len(parameters::PEER_QUEUE)
        .duplicate_cache_time(Duration::from_millis(parameters::DUPLICATE_CACHE_MS))
        .build()
        .map_err(|error| error.to_string())?;
    let mut gossip =
        gossipsub::Behaviour::new(gossipsub::MessageAuthenticity::Anonymous, config).map_err(str::to_owned)?;
    let params = gossipsub::PeerScoreParams {
        ip_colocation_factor_weight: parameters::SHARED_ADDRESS_WEIGHT,
        app_specific_weight: parameters::APPLICATION_WEIGHT,
        ..gossipsub::PeerScoreParams::default()
    };
    gossip.with_peer_score(params, gossipsub::PeerScoreThresholds::default())?;
    Ok(gossip)
}

/// Scores that fit our low rates: delivery deficits (P3, P3b) say nothing there and are off.
pub fn topic_score() -> gossipsub::TopicScoreParams {
    gossipsub::TopicScoreParams {
        mesh_message_deliveries_weight: parameters::MESH_DELIVERIES_WEIGHT,
        mesh_failure_penalty_weight: parameters::MESH_FAILURE_WEIGHT,
        invalid_message_deliveries_weight: parameters::INVALID_DELIVERIES_WEIGHT,
        invalid_message_deliveries_decay: parameters::INVALID_DELIVERIES_DECAY,
        ..gossipsub::TopicScoreParams::default()
    }
}

/// The name of a topic: the alliance keeps apart what the protocol names do not.
pub fn topic_name(alliance: &Hash, topic: Topic) -> gossipsub::IdentTopic {
    let name = match topic {
        Topic::Heads => "heads",
        Topic::Charters => "charters",
        Topic::Board => "board",
    };
    gossipsub::IdentTopic::new(format!("antibrush/1/{}/{name}", hex::encode(&alliance[..16])))
}
