//! What routers say to each other, and what a router wants done.

use std::sync::Arc;

use antibrush_protocol::replica::Topic;

/// A node, as the world numbers them.
pub type PeerIndex = u32;

/// A message, as the world numbers them: the same topic and bytes have the same number. On the wire 20 bytes of a hash.
pub type MessageId = u64;

/// All topics, in the order of [`slot`].
pub(super) const TOPICS: [Topic; 3] = [Topic::Heads, Topic::Charters, Topic::Board];

/// The place of a topic in arrays.
pub(super) const fn slot(topic: Topic) -> usize {
    match topic {
        Topic::Heads => 0,
        Topic::Charters => 1,
        Topic::Board => 2,
    }
}

/// The bytes of a topic's name: `antibrush/1/`, 32 hex digits, `/`, and the topic.
const fn name_bytes(topic: Topic) -> usize {
    45 + match topic {
        Topic::Heads | Topic::Board => 5,
        Topic::Charters => 8,
    }
}

/// The bytes of a message with its framing, but for the frame of the RPC: what decides on IDONTWANT.
pub(super) const fn framed_bytes(topic: Topic, bytes: usize) -> usize {
    // Protobuf: a tag and a length before the data and before the topic's name.
    let length = if bytes < 128 { 1 } else { 2 };
    1 + length + bytes + 2 + name_bytes(topic)
}

/// One RPC: as 0.50.1 sends them, each thing in one of its own.
#[allow(missing_docs, reason = "the variants say what their fields are")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rpc {
    /// The hello: the topics that the sender reads.
    Subscribe { topics: Vec<Topic> },
    /// A message.
    Message { topic: Topic, id: MessageId, bytes: Arc<[u8]> },
    /// The sender has these messages.
    IHave { topic: Topic, ids: Arc<[MessageId]> },
    /// The sender asks for these messages.
    IWant { ids: Vec<MessageId> },
    /// The sender has this message already.
    IDontWant { id: MessageId },
    /// The sender took us into its mesh.
    Graft { topic: Topic },
    /// The sender has us not in its mesh, and does not want to be grafted for so long.
    Prune { topic: Topic, backoff_seconds: u64 },
}

impl Rpc {
    /// About how many bytes the RPC has on the wire, without those of Yamux, Noise and TCP.
    pub fn wire_bytes(&self) -> usize {
        // A tag and a length around the RPC's frame, its part and the part's part.
        const FRAMES: usize = 8;
        const ID: usize = 22;
        FRAMES
            + match self {
                Rpc::Subscribe { topics } => topics.iter().map(|topic| 6 + name_bytes(*topic)).sum(),
                Rpc::Message { topic, bytes, .. } => framed_bytes(*topic, bytes.len()),
                Rpc::IHave { topic, ids } => 2 + name_bytes(*topic) + ids.len() * ID,
                Rpc::IWant { ids } => ids.len() * ID,
                Rpc::IDontWant { .. } => ID,
                Rpc::Graft { topic } => 2 + name_bytes(*topic),
                Rpc::Prune { topic, .. } => 4 + name_bytes(*topic),
            }
    }
}

/// What a router wants done.
#[allow(missing_docs, reason = "the variants say what their fields are")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Bring an RPC to a peer, after all that was sent there before.
    Send { to: PeerIndex, rpc: Rpc },
    /// Give a message to the application, which answers with a verdict.
    Deliver { from: PeerIndex, topic: Topic, id: MessageId, bytes: Arc<[u8]> },
}
