//! The replica: one state machine that keeps a copy of every feed.
//!
//! `Replica::handle(input, now) -> outputs`. Inputs are what happened (a message came, a disk answered, a timer fired);
//! outputs are what to do (send, store, schedule, report). The node carries them out with libp2p and files, the simulator
//! in virtual time. [`state`] routes inputs; [`headers`] and [`charters`] judge what arrives; [`feed`] keeps the order of one
//! feed; [`fetch`] decides what is asked of whom; [`stored`] takes the store's answers; [`own`] publishes, [`posting`] posts; [`peer`] keeps
//! what is known of each peer, [`restless`] which feeds and peers need a look; [`serve`] answers others; [`decide`] says where a feed
//! stands after decisions and contradictions.

mod board;
mod charters;
mod decide;
mod feed;
mod fetch;
mod headers;
mod io;
mod load;
mod own;
mod peer;
mod posting;
mod restless;
mod serve;
mod state;
mod stated;
mod stored;

#[cfg(test)]
mod tests;

pub use feed::{FeedStatus, Standing};
pub use io::{
    AnswerHandle, BatchId, Event, Fault, GossipHandle, Input, Now, Offence, Output, Peer, PublishRefusal,
    RequestFailure, RequestId, Serve, Store, Timer, Topic, Verdict,
};
pub use load::Load;
pub use state::{BoardKept, Replica, Restored};
