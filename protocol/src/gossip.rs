//! Gossipsub as every node sets it: the node configures libp2p with these, the simulator its model of gossipsub.
//!
//! What stands nowhere here is as the library has it. Names and meaning follow the gossipsub v1.1 specification ("Parameters"
//! and "Peer Scoring"); in its words MESH_PEERS is D, P1 to P7 are the terms of a peer's score.

/// How many peers a node passes a message to. The library's own number is 6.
pub const MESH_PEERS: usize = 8;

/// With fewer peers in a mesh more are grafted.
pub const MESH_PEERS_LOW: usize = 6;

/// With this many peers in a mesh some are pruned, down to [`MESH_PEERS`].
pub const MESH_PEERS_HIGH: usize = 12;

/// How many peers of a mesh must be ones that we dialled: who dials us with many keys cannot fill it (v1.1, "Outbound Mesh
/// Quotas").
pub const MESH_OUTBOUND_MIN: usize = 2;

/// How often a node tends its meshes and tells what it has, in milliseconds.
pub const HEARTBEAT_MS: u64 = 1_000;

/// How long after its start, beside [`HEARTBEAT_MS`], a node does so for the first time, in milliseconds.
pub const HEARTBEAT_INITIAL_DELAY_MS: u64 = 100;

/// For how many heartbeats a message is kept: validation must answer while the message is still there, within 12 s.
pub const HISTORY_LENGTH: usize = 12;

/// For how many heartbeats a message is told of to peers outside the mesh.
pub const HISTORY_GOSSIP: usize = 3;

/// Whether what we publish goes to every peer instead of the mesh: no, the mesh brings it everywhere.
pub const FLOOD_PUBLISH: bool = false;

/// How long a message is known as one that was seen, in milliseconds.
pub const DUPLICATE_CACHE_MS: u64 = 120_000;

/// How many messages wait for one peer at the most. Each is a clone: 512 × 16 KiB bounds a slow peer to 8 MiB.
pub const PEER_QUEUE: usize = 512;

/// The weight of what the application says of a peer (P5).
pub const APPLICATION_WEIGHT: f64 = 1.0;

/// The weight of peers that share an address (P6): none, members of one office or one test machine share one.
pub const SHARED_ADDRESS_WEIGHT: f64 = 0.0;

/// The weight of too few deliveries in the mesh (P3): none, at our low rates a deficit says nothing.
pub const MESH_DELIVERIES_WEIGHT: f64 = 0.0;

/// The weight of earlier deficits (P3b): none, for the same reason.
pub const MESH_FAILURE_WEIGHT: f64 = 0.0;

/// The weight of the square of the count of invalid messages (P4).
pub const INVALID_DELIVERIES_WEIGHT: f64 = -10.0;

/// What is left of the count of invalid messages after a second.
pub const INVALID_DELIVERIES_DECAY: f64 = 0.9;

/// The time in a mesh that counts one (P1), in milliseconds. The library's own numbers give a peer 1,800 for each topic within four
/// seconds, beside which nothing that it does wrong would ever count.
pub const TIME_IN_MESH_QUANTUM_MS: u64 = 1_000;

/// The weight of the time in a mesh.
pub const TIME_IN_MESH_WEIGHT: f64 = 0.01;

/// The most units of time in a mesh that count: a quarter of an hour.
pub const TIME_IN_MESH_CAP: f64 = 900.0;

/// The most first deliveries of a topic that count (P2).
pub const FIRST_DELIVERIES_CAP: f64 = 10.0;

/// The most that all topics give together: less than what one offence costs, [`OFFENCE_SCORE`], so that whoever commits one leaves
/// every mesh however long it behaved.
pub const TOPICS_CAP: f64 = 15.0;

/// What the application says of a peer that did what no honest node does (P5).
pub const OFFENCE_SCORE: f64 = -20.0;

/// For so long after a peer's last offence the application says that of it, in seconds; then nothing. As long as a peer is shut out that
/// goes on: a member whose software was mended is in the meshes again without anybody's restart.
pub const OFFENCE_SECONDS: u64 = 600;

/// A mesh whose median score is below this gets better peers: never, for a peer with a score below 0 is pruned at once, and at our low
/// rates a low one says no more than that the mesh is young.
pub const OPPORTUNISTIC_GRAFT_THRESHOLD: f64 = 0.0;
