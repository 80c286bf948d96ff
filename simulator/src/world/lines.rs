//! The lines between the nodes of one alliance: who is connected, how long a message takes, what is lost on the way.

use crate::{
    random::{Millionths, Random},
    scenario::{Bandwidth, Network},
    world::distance,
};

/// What of a connection a message was sent on: if the connection broke meanwhile, the message is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    /// When it arrives, in microseconds.
    pub at_us: u64,
    /// On which connection.
    pub connection: u32,
}

#[derive(Clone, Copy, Debug, Default)]
struct Line {
    is_up: bool,
    /// Counts the connections there were.
    connection: u32,
    one_way_us: u32,
    /// The last arrival each way: a stream keeps its order.
    last_us: [u64; 2],
}

/// All lines of one alliance.
pub struct Lines {
    nodes: usize,
    lines: Vec<Line>,
    firewalled: Vec<bool>,
    sends_until_us: Vec<u64>,
    bandwidth: Bandwidth,
    loss: Millionths,
    duplication: Millionths,
    reordering: Millionths,
    random: Random,
    /// On which side of a partition each node is.
    sides: Vec<bool>,
    /// Bytes that were sent.
    pub bytes: u64,
    /// Messages that were lost.
    pub lost: u64,
}

/// The frame of a message below the protocol: TCP, IP, Noise, Yamux and the protocol's own, in bytes.
const FRAME_BYTES: u64 = 90;

impl Lines {
    /// Lines between so many nodes, none of them connected yet.
    pub fn new(network: &Network, nodes: usize, mut random: Random) -> Lines {
        let places: Vec<usize> = (0..nodes).map(|_| distance::place(network.distances, &mut random)).collect();
        let mut lines = vec![Line::default(); nodes * nodes];
        for a in 0..nodes {
            for b in a + 1..nodes {
                let one_way = distance::one_way_us(network.distances, places[a], places[b], &mut random);
                lines[a * nodes + b].one_way_us = one_way;
            }
        }
        // Node 0 can always be dialled: an alliance of firewalled nodes alone cannot meet.
        let firewalled = (0..nodes).map(|node| node > 0 && random.happens(network.firewalled.0)).collect();
        Lines {
            nodes,
            lines,
            firewalled,
            sends_until_us: vec![0; nodes],
            bandwidth: network.bandwidth,
            loss: network.loss.0,
            duplication: network.duplication.0,
            reordering: network.reordering.0,
            random,
            sides: vec![false; nodes],
            bytes: 0,
            lost: 0,
        }
    }

    fn line(&self, a: u32, b: u32) -> &Line {
        let (a, b) = (a.min(b) as usize, a.max(b) as usize);
        &self.lines[a * self.nodes + b]
    }

    fn line_mut(&mut self, a: u32, b: u32) -> &mut Line {
        let (a, b) = (a.min(b) as usize, a.max(b) as usize);
        &mut self.lines[a * self.nodes + b]
    }

    /// Faults stop: from now on nothing is lost, doubled or overtaken.
    pub fn become_reliable(&mut self) {
        (self.loss, self.duplication, self.reordering) = Default::default();
    }

    /// Puts these nodes on a side of their own.
    pub fn split(&mut self, minority: &[u32]) {
        self.sides.fill(false);
        for node in minority {
            self.sides[*node as usize] = true;
        }
    }

    /// Whether one node could reach the other if it dialled.
    pub fn can_dial(&self, from: u32, to: u32) -> bool {
        from != to && !self.firewalled[to as usize] && self.sides[from as usize] == self.sides[to as usize]
    }

    /// Whether both are on one side of a partition.
    pub fn are_on_one_side(&self, a: u32, b: u32) -> bool {
        self.sides[a as usize] == self.sides[b as usize]
    }

    /// Connects two nodes; says whether they were not.
    pub fn connect(&mut self, from: u32, to: u32) -> bool {
        let line = self.line_mut(from, to);
        if line.is_up {
            return false;
        }
        (line.is_up, line.connection) = (true, line.connection + 1);
        line.last_us = [0; 2];
        true
    }

    /// Breaks a connection; says whether there was one.
    pub fn disconnect(&mut self, a: u32, b: u32) -> bool {
        std::mem::take(&mut self.line_mut(a, b).is_up)
    }

    /// Whether two nodes are connected.
    pub fn are_connected(&self, a: u32, b: u32) -> bool {
        self.line(a, b).is_up
    }

    /// The connection between two nodes.
    pub fn connection(&self, a: u32, b: u32) -> Option<u32> {
        let line = self.line(a, b);
        line.is_up.then_some(line.connection)
    }

    /// Whether this is the connection that there is.
    pub fn is_connection(&self, a: u32, b: u32, connection: u32) -> bool {
        let line = self.line(a, b);
        line.is_up && line.connection == connection
    }

    /// The connected nodes.
    pub fn peers(&self, node: u32) -> impl Iterator<Item = u32> + '_ {
        (0..self.nodes as u32).filter(move |other| *other != node && self.line(node, *other).is_up)
    }

    /// There and back between two nodes, in microseconds.
    pub fn round_trip_us(&self, a: u32, b: u32) -> u64 {
        2 * u64::from(self.line(a, b).one_way_us)
    }

    /// Sends a message of so many bytes: none, one or two arrivals.
    pub fn send(&mut self, from: u32, to: u32, bytes: u64, now_us: u64) -> [Option<Sent>; 2] {
        if !self.line(from, to).is_up {
            return [None, None];
        }
        let bytes = bytes + FRAME_BYTES;
        self.bytes += bytes;
        let sends_until = &mut self.sends_until_us[from as usize];
        *sends_until = now_us.max(*sends_until) + self.bandwidth.takes_us(bytes);
        let leaves = *sends_until;
        if self.random.happens(self.loss) {
            self.lost += 1;
            return [None, None];
        }
        let (is_late, is_doubled) = (self.random.happens(self.reordering), self.random.happens(self.duplication));
        let way = usize::from(from < to);
        // Up to a tenth of jitter.
        let one_way = u64::from(self.line(from, to).one_way_us);
        let takes = one_way + self.random.below(one_way / 10 + 1);
        let line = self.line_mut(from, to);
        let connection = line.connection;
        let at_us = if is_late {
            leaves + 2 * takes
        } else {
            let in_order = (leaves + takes).max(line.last_us[way] + 1);
            line.last_us[way] = in_order;
            in_order
        };
        let again = is_doubled.then_some(Sent { at_us: at_us + takes, connection });
        [Some(Sent { at_us, connection }), again]
    }
}
