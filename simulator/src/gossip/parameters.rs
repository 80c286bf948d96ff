//! What the node leaves as `libp2p-gossipsub` 0.50.1 has it. A test of `calibrate` compares these with the library.

/// How many peers outside the mesh are told of messages at the least (D_lazy).
pub const GOSSIP_LAZY: usize = 6;

/// The part of the peers outside the mesh that is told of messages.
pub const GOSSIP_FACTOR: f64 = 0.25;

/// How often one peer may ask for one message.
pub const GOSSIP_RETRANSMISSION: u32 = 3;

/// How long a pruned peer is not grafted again, in seconds.
pub const PRUNE_BACKOFF_SECONDS: u64 = 60;

/// How long a peer may make us leave it alone at the most, in seconds.
pub const PRUNE_BACKOFF_MOST_SECONDS: u64 = 3_600;

/// How much longer than a backoff we wait before we graft again ourselves, in milliseconds: one heartbeat.
pub const BACKOFF_SLACK_MS: u64 = 1_000;

/// Who grafts within this time of its pruning is penalised twice, in milliseconds.
pub const GRAFT_FLOOD_MS: u64 = 10_000;

/// How many of the best peers stay when a mesh is too large.
pub const RETAIN_SCORES: usize = 4;

/// Every how many heartbeats a mesh of low scores gets better peers.
pub const OPPORTUNISTIC_GRAFT_BEATS: u64 = 60;

/// How many better peers it gets.
pub const OPPORTUNISTIC_GRAFT_PEERS: usize = 2;

/// How many IHAVE of one peer are answered between two heartbeats.
pub const IHAVES_PER_BEAT: u32 = 10;

/// How many message ids one IHAVE names at the most, and how many one peer is asked for between two heartbeats.
pub const IDS_PER_BEAT: usize = 5_000;

/// How long a peer has for a message that it told of, in milliseconds.
pub const IWANT_FOLLOWUP_MS: u64 = 3_000;

/// A message larger than this is announced by IDONTWANT when it comes, in bytes with its framing.
pub const IDONTWANT_BYTES: usize = 1_000;

/// How long an IDONTWANT holds, in milliseconds.
pub const IDONTWANT_MS: u64 = 3_000;

/// How many IDONTWANT of one peer are remembered.
pub const IDONTWANTS: usize = 10_000;

/// The weight of a topic in the score.
pub const TOPIC_WEIGHT: f64 = 0.5;

/// The time in the mesh that counts one (P1), in milliseconds.
pub const TIME_IN_MESH_QUANTUM_MS: u64 = 1;

/// The most that time in the mesh counts.
pub const TIME_IN_MESH_CAP: f64 = 3_600.0;

/// The weight of the time in the mesh.
pub const TIME_IN_MESH_WEIGHT: f64 = 1.0;

/// The weight of first deliveries (P2).
pub const FIRST_DELIVERIES_WEIGHT: f64 = 1.0;

/// What is left of the count of first deliveries after a second.
pub const FIRST_DELIVERIES_DECAY: f64 = 0.5;

/// The most that first deliveries count.
pub const FIRST_DELIVERIES_CAP: f64 = 2_000.0;

/// The most that all topics give together.
pub const TOPICS_CAP: f64 = 3_600.0;

/// The weight of the square of the behavioural penalty (P7).
pub const BEHAVIOUR_WEIGHT: f64 = -10.0;

/// The behavioural penalty that is free.
pub const BEHAVIOUR_THRESHOLD: f64 = 0.0;

/// What is left of the behavioural penalty after a second.
pub const BEHAVIOUR_DECAY: f64 = 0.2;

/// A count below this is none.
pub const DECAY_TO_ZERO: f64 = 0.1;

/// How often the counts decay, in milliseconds. The model lets them decay at the heartbeat.
pub const DECAY_INTERVAL_MS: u64 = 1_000;

/// How long the score of a peer that left is remembered if it is not positive, in milliseconds.
pub const RETAIN_SCORE_MS: u64 = 3_600_000;

/// Below this score a peer is neither told of messages nor answered.
pub const GOSSIP_THRESHOLD: f64 = -10.0;

/// Below this score a peer gets nothing that we publish.
pub const PUBLISH_THRESHOLD: f64 = -50.0;

/// Below this score nothing of a peer is read.
pub const GRAYLIST_THRESHOLD: f64 = -80.0;

/// A mesh whose median score is below this gets better peers.
pub const OPPORTUNISTIC_GRAFT_THRESHOLD: f64 = 20.0;
