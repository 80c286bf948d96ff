//! One node of a world: the replica, its gossip, its disk and its clock.

use std::collections::BTreeMap;

use antibrush_protocol::{
    base::Timestamp,
    replica::{Now, Peer, Replica, Restored, Timer},
};

use super::{alliance::EPOCH, disk::Disk};
use crate::{adversary::Adversary, gossip::Router};

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
    /// How often others offended, and until when they are shut out, in milliseconds.
    pub offenders: BTreeMap<u32, (u32, u64)>,
    /// Whether a dial is on its way.
    pub dials: bool,
    /// What it does if it is dishonest.
    pub malice: Option<Box<dyn Adversary>>,
    /// Whether it is dishonest: nothing is promised to it.
    pub is_dishonest: bool,
}

impl Node {
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
            offenders: BTreeMap::new(),
            dials: false,
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
        self.offenders.clear();
        self.beats_at_ms = None;
        self.replica = Some(Replica::new(Restored {
            chain: self.disk.chain.clone(),
            node: self.key,
            heads: self.disk.heads.clone(),
            posts: self.disk.posts(),
        }));
    }

    /// Whether another node is shut out.
    pub fn shuts_out(&self, other: u32, now_ms: u64) -> bool {
        self.offenders.get(&other).is_some_and(|(_, until_ms)| now_ms < *until_ms)
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
