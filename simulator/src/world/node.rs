//! One node of a world: the replica, its gossip, its disk and its clock.

use std::collections::BTreeMap;

use antibrush_protocol::{
    base::Timestamp,
    conduct::Conduct,
    replica::{BoardKept, Now, Peer, Replica, Restored, Timer},
};

use super::{alliance::EPOCH, disk::Disk};
use crate::{adversary::Adversary, gossip::Router, random::Millionths};

/// One node.
pub struct Node {
    /// Its key.
    pub key: Peer,
    /// The state machine, while the node runs.
    pub replica: Option<Replica>,
    /// Its gossip.
    pub router: Router,
    /// Its disk.
    pub disk: Disk,
    /// Counts its starts: what was meant for an earlier one is gone.
    pub life: u32,
    /// Whether it is on the network.
    pub is_online: bool,
    /// Whether it takes part already.
    pub is_member: bool,
    /// Whether it was expelled.
    pub is_expelled: bool,
    /// By how many seconds its wall clock is off.
    pub clock_off: i64,
    /// The timers that are set.
    pub timers: BTreeMap<Timer, u64>,
    /// When the next heartbeat of its gossip is planned, in milliseconds.
    pub beats_at_ms: Option<u64>,
    /// What it remembers of others that offended.
    pub conduct: Conduct<u32>,
    /// Whether a dial is on its way.
    pub dials: bool,
    /// Its power goes with its next write, of which so much is torn or lost.
    pub doomed: Option<Millionths>,
    /// What it lost and others have not brought back yet.
    pub lost: Lost,
    /// What it does if it is dishonest.
    pub malice: Option<Box<dyn Adversary>>,
    /// Whether it is dishonest: nothing is promised to it.
    pub is_dishonest: bool,
}

/// What a node that lost its documents waits for, as the node's own recovery does: it signs nothing under a number that it may have signed
/// before.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Lost {
    /// It publishes nothing.
    pub feed: bool,
    /// It states nothing as a witness.
    pub board: bool,
}

impl Node {
    /// Ends the wait for what has come back.
    pub fn recover(&mut self) {
        let Some(replica) = &self.replica else { return };
        self.lost.feed = self.lost.feed && !replica.own_feed_is_compared();
        self.lost.board = self.lost.board && (self.lost.feed || !replica.board_is_compared(BoardKept::Lost));
    }

    /// A node that is not running yet.
    pub fn new(key: Peer, disk: Disk) -> Node {
        Node {
            key,
            replica: None,
            router: Router::new(0, 0),
            disk,
            life: 0,
            is_online: false,
            is_member: false,
            is_expelled: false,
            clock_off: 0,
            timers: BTreeMap::new(),
            beats_at_ms: None,
            conduct: Conduct::default(),
            dials: false,
            doomed: None,
            lost: Lost::default(),
            malice: None,
            is_dishonest: false,
        }
    }

    /// What its clocks show.
    pub fn now(&self, now_us: u64) -> Now {
        let true_time = EPOCH.0 + now_us / 1_000_000;
        Now { wall: Timestamp(true_time.saturating_add_signed(self.clock_off)), ms: now_us / 1000 }
    }

    /// Starts the state machine from what is on the disk.
    pub fn boot(&mut self, seed: u64, now_ms: u64) {
        self.life += 1;
        self.timers.clear();
        self.router = Router::new(seed, now_ms);
        self.conduct = Conduct::default();
        self.beats_at_ms = None;
        self.replica = Some(Replica::new(Restored {
            chain: self.disk.chain.clone(),
            node: self.key,
            heads: self.disk.heads.clone(),
            posts: self.disk.posts(),
        }));
    }

    /// Whether its state machine runs.
    pub fn is_running(&self) -> bool {
        self.replica.is_some()
    }

    /// Whether it runs, is on the network and belongs to the alliance.
    pub fn takes_part(&self) -> bool {
        self.is_running() && self.is_online && self.is_member && !self.is_expelled
    }
}
