//! What both sides run: who dials whom, over which links, and who publishes when.

use std::{collections::BTreeSet, ops::RangeInclusive};

use crate::gossip::{PeerIndex, Random};

/// A scenario. Everything in it follows from its numbers; times are microseconds since its start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scenario {
    /// The seed of links, dials and publishers.
    pub seed: u64,
    /// How many nodes.
    pub nodes: u32,
    /// How many others each node dials.
    pub dials: u32,
    /// How many messages are published.
    pub messages: u64,
    /// The bytes of each. A header of a batch has about 600; above 1,000 IDONTWANT comes into play.
    pub message_bytes: usize,
    /// The time between two messages.
    pub interval_us: u64,
    /// How long the application takes for its verdict.
    pub validation_us: u64,
    /// How long a link takes one way: within one country, between two cities next to each other and its two ends.
    pub latency_us: RangeInclusive<u32>,
    /// By how much slower all of the real run goes, its heartbeats included; what it measures is divided by it. So many nodes
    /// on one machine need more processor than a message leaves them time for, and a slower world has a faster processor (time
    /// dilation: Gupta et al., "To Infinity and Beyond: Time-Warped Network Emulation", NSDI 2006).
    pub dilation: u32,
}

/// How many nodes two cores carry without dilation: some 0.8 ms of processor for each delivery.
const NODES_IN_TIME: u32 = 50;

/// Within what time all nodes start, so that their heartbeats do not come together.
const START_US: u64 = 1_000_000;

/// Within what time after that they dial.
const DIAL_US: u64 = 500_000;

/// How long after that the meshes have to settle before the first message.
const SETTLE_US: u64 = 3_000_000;

/// How long after the last message the run ends: longer than IHAVE and IWANT need.
const TAIL_US: u64 = 2_500_000;

impl Scenario {
    /// The scenario of so many nodes: few messages, and each has gone everywhere before the next.
    pub fn new(seed: u64, nodes: u32) -> Scenario {
        Scenario {
            seed,
            nodes,
            dials: 8,
            messages: 40,
            message_bytes: 600,
            interval_us: 200_000,
            validation_us: 100,
            latency_us: 5_000..=35_000,
            dilation: nodes.div_ceil(NODES_IN_TIME).max(1),
        }
    }

    /// How long the link of two nodes takes one way.
    pub fn link_us(&self, a: PeerIndex, b: PeerIndex) -> u32 {
        let pair = (u64::from(a.min(b)) << 32) | u64::from(a.max(b));
        let (least, most) = (*self.latency_us.start(), *self.latency_us.end());
        least + Random::new(self.seed ^ pair.wrapping_mul(0x9e37_79b9_7f4a_7c15)).below(most - least + 1)
    }

    /// When each node starts.
    pub fn starts_us(&self) -> Vec<u64> {
        let mut random = self.random(1);
        let mut starts: Vec<u64> = (0..self.nodes).map(|_| u64::from(random.below(START_US as u32))).collect();
        starts.sort_unstable();
        starts
    }

    /// Who dials whom and when. No two nodes dial each other.
    pub fn dials(&self) -> Vec<(u64, PeerIndex, PeerIndex)> {
        let mut random = self.random(2);
        let mut pairs = BTreeSet::new();
        let mut dials = Vec::new();
        for node in 0..self.nodes {
            let mut others: Vec<PeerIndex> = (0..self.nodes).filter(|other| *other != node).collect();
            random.shuffle(&mut others);
            others.retain(|other| !pairs.contains(&(node.min(*other), node.max(*other))));
            for other in others.into_iter().take(self.dials as usize) {
                pairs.insert((node.min(other), node.max(other)));
                dials.push((START_US + u64::from(random.below(DIAL_US as u32)), node, other));
            }
        }
        dials.sort_unstable();
        dials
    }

    /// Who publishes when, by the number of the message.
    pub fn publications(&self) -> Vec<(u64, PeerIndex)> {
        let mut random = self.random(3);
        let first_us = START_US + DIAL_US + SETTLE_US;
        (0..self.messages).map(|number| (first_us + number * self.interval_us, random.below(self.nodes))).collect()
    }

    /// When the run ends.
    pub fn end_us(&self) -> u64 {
        START_US + DIAL_US + SETTLE_US + self.messages * self.interval_us + TAIL_US
    }

    /// How long the real run takes.
    pub fn real_us(&self) -> u64 {
        self.end_us() * u64::from(self.dilation)
    }

    /// The content of a message: its number, then filling.
    pub fn content(&self, number: u64) -> Vec<u8> {
        let mut content = number.to_be_bytes().to_vec();
        content.resize(self.message_bytes.max(8), 0x5a);
        content
    }

    fn random(&self, of: u64) -> Random {
        Random::new(self.seed.wrapping_mul(4).wrapping_add(of))
    }
}
