//! The replica: one state machine that keeps a copy of every feed.
//!
//! `Replica::handle(input, now) -> outputs`. Inputs are what happened (a message came, a disk answered, a timer fired);
//! outputs are what to do (send, store, schedule, report). The node carries them out with libp2p and files, the simulator
//! in virtual time. [`state`] routes inputs, [`feed`] admits headers and commits batches, [`fetch`] decides what is asked of
//! whom, [`peer`] keeps what is known of each peer, [`serve`] answers others.

mod feed;
mod fetch;
mod io;
mod peer;
mod serve;
mod state;

#[cfg(test)]
mod tests;

pub use feed::{FeedStatus, Standing};
pub use io::{
    AnswerHandle, BatchId, Event, Fault, GossipHandle, Input, Now, Offence, Output, Peer, PublishRefusal, RequestFailure,
    RequestId, Serve, Store, Timer, Topic, Verdict,
};
pub use state::{Replica, Restored};
