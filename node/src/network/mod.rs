//! The network: libp2p over TCP, Noise and Yamux; gossip for small objects, request-response for everything pulled.
//!
//! One task owns the swarm ([`task`]) and never waits for anybody else: commands come in and events go out over bounded
//! channels. [`gate`] decides who may stay connected; [`behaviour`] holds the libp2p configuration with the reason for each
//! number; [`codec`] frames our own objects.

mod behaviour;
mod codec;
mod gate;
mod identity;
mod join;
mod rounds;
mod tap;
#[allow(missing_docs, reason = "the fields of commands and events are named for what they hold")]
mod task;
mod zh;

pub use behaviour::EVALUATIONS_PER_HOLDER;
pub use gate::{Door, PeerRecord};
pub use identity::{peer_id, peer_key};
pub use join::{JoinError, Waiting, join};
pub use rounds::Question;
pub use tap::Tap;
pub use task::{Address, Command, Evaluation, Event, Network, NetworkError, start};
