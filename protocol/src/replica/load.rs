//! How much a replica holds, against its bounds.

use std::collections::BTreeMap;

use super::{Peer, Replica};
use crate::limits;

/// What a replica holds in memory that others could make grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Load {
    /// Connected peers.
    pub peers: usize,
    /// The most requests of ours that one peer holds.
    pub requests_at_one_peer: usize,
    /// Chunks that were asked for or wait for the store.
    pub chunks: usize,
    /// The most batches of one feed that wait.
    pub queued_batches: usize,
    /// Announcements whose verdict waits.
    pub held_announcements: usize,
}

impl Load {
    /// The first bound of [`limits`] that is exceeded (SYNC-3).
    pub fn exceeded(&self) -> Option<&'static str> {
        let bounds = [
            (self.peers, limits::PEERS, "peers"),
            (self.requests_at_one_peer, limits::REQUESTS_PER_PEER, "requests at one peer"),
            (self.chunks, limits::CHUNKS_IN_FLIGHT, "chunks in flight"),
            (self.queued_batches, limits::QUEUED_BATCHES, "queued batches"),
            (self.held_announcements, limits::ANNOUNCEMENTS_HELD, "held announcements"),
        ];
        bounds.into_iter().find(|(held, most, _)| held > most).map(|(.., what)| what)
    }
}

impl Replica {
    /// How much it holds.
    pub fn load(&self) -> Load {
        let mut in_flight = BTreeMap::<Peer, usize>::new();
        for asked in self.asked.values() {
            *in_flight.entry(asked.peer).or_default() += 1;
        }
        Load {
            peers: self.peers.len(),
            requests_at_one_peer: in_flight.into_values().max().unwrap_or_default(),
            chunks: self.chunks_out + self.chunks_storing,
            queued_batches: self.feeds.touched().map(|(_, feed)| feed.queue.len()).max().unwrap_or_default(),
            held_announcements: self.held.len(),
        }
    }
}
