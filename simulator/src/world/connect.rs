//! Who is connected with whom: dialling, breaking, partitions and the gate that lets members in alone.

use antibrush_protocol::{gossip::OFFENCE_SCORE, replica::Input};

use super::{Event, World};

/// How often a node that lacks connections dials, in microseconds: DIAL_EVERY of the node.
const DIAL_EVERY_US: u64 = 500_000;

/// The same for one that found nobody.
const DIAL_LATER_US: u64 = 5_000_000;

impl World {
    /// Lets a node look for connections soon, once.
    pub(super) fn dial_soon(&mut self, node: u32, in_us: u64) {
        let life = self.nodes[node as usize].life;
        if !std::mem::replace(&mut self.nodes[node as usize].dials, true) {
            let wait = in_us + self.dials.below(100_000);
            self.queue.push(self.now_us + wait, Event::Dial { node, life });
        }
    }

    /// A node dials members that it lacks until it has enough connections.
    pub(super) fn dial(&mut self, node: u32) {
        if !self.nodes[node as usize].is_running() || !self.nodes[node as usize].is_online {
            return;
        }
        let enough = self.scenario.network.dials as usize;
        let room = enough.saturating_sub(self.lines.peers(node).count());
        if room == 0 {
            return;
        }
        let mut others: Vec<u32> = (0..self.nodes.len() as u32)
            .filter(|other| self.lines.can_dial(node, *other) && !self.lines.are_connected(node, *other))
            .filter(|other| self.knows(node, *other) && !self.shuts_out(node, *other))
            .collect();
        self.dials.shuffle(&mut others);
        let mut found = false;
        for other in others.into_iter().take(room) {
            if self.nodes[other as usize].is_running() && self.nodes[other as usize].is_online {
                found = true;
                let takes = self.lines.round_trip_us(node, other);
                self.queue.push(self.now_us + takes, Event::Connected { from: node, to: other });
            }
        }
        let wait = if found { DIAL_EVERY_US } else { DIAL_LATER_US };
        self.dial_soon(node, wait);
    }

    /// Whether a node's charter has the other's node.
    fn knows(&self, node: u32, other: u32) -> bool {
        let replica = self.nodes[node as usize].replica.as_ref();
        replica.is_some_and(|replica| replica.charter().member_of_node(&self.nodes[other as usize].key).is_some())
    }

    /// A dial went through, if both are still there and let each other in.
    pub(super) fn connected(&mut self, from: u32, to: u32) {
        let is_there =
            |world: &World, node: u32| world.nodes[node as usize].is_running() && world.nodes[node as usize].is_online;
        if !is_there(self, from) || !is_there(self, to) || !self.lines.are_on_one_side(from, to) {
            return;
        }
        let lets_in = |node: u32, other: u32| self.knows(node, other) && !self.shuts_out(node, other);
        if !lets_in(from, to) || !lets_in(to, from) || !self.lines.connect(from, to) {
            return;
        }
        self.note(from, 4, u64::from(to));
        for (node, other) in [(from, to), (to, from)] {
            let (now_ms, mut actions) = (self.now_ms(), Vec::new());
            self.nodes[node as usize].router.connected(other, node == from, now_ms, &mut actions);
            self.gossip(node, actions);
            let peer = self.nodes[other as usize].key;
            self.give(node, Input::PeerConnected(peer));
        }
    }

    /// Breaks a connection; whoever lacks one dials again.
    pub(super) fn disconnect(&mut self, a: u32, b: u32) {
        if !self.lines.disconnect(a, b) {
            return;
        }
        self.note(a, 5, u64::from(b));
        for (node, other) in [(a, b), (b, a)] {
            let now_ms = self.now_ms();
            self.nodes[node as usize].router.disconnected(other, now_ms);
            let peer = self.nodes[other as usize].key;
            if self.nodes[node as usize].is_running() {
                self.give(node, Input::PeerDisconnected(peer));
                self.dial_soon(node, DIAL_EVERY_US);
            }
        }
    }

    /// A node blames another one: its gossip trusts it less, and after a few times it is shut out for a while.
    pub(super) fn punish(&mut self, node: u32, other: u32) {
        let now_ms = self.now_ms();
        let at = &mut self.nodes[node as usize];
        at.router.set_application_score(other, OFFENCE_SCORE);
        // Only members are remembered: a stranger goes at once.
        let is_out = at.conduct.offend(other, now_ms);
        if is_out || !self.knows(node, other) {
            self.disconnect(node, other);
        }
    }

    fn shuts_out(&self, node: u32, other: u32) -> bool {
        self.nodes[node as usize].conduct.is_shut_out(&other, self.now_ms())
    }

    /// Gossip trusts again whom a node forgives.
    pub(super) fn forgive(&mut self) {
        let now_ms = self.now_ms();
        for at in &mut self.nodes {
            for other in at.conduct.forgiven(now_ms) {
                at.router.set_application_score(other, 0.0);
            }
        }
    }

    /// Breaks all connections of a node.
    pub(super) fn disconnect_all(&mut self, node: u32) {
        let peers: Vec<u32> = self.lines.peers(node).collect();
        for peer in peers {
            self.disconnect(node, peer);
        }
    }

    /// A node's charter changed: whoever is no member goes.
    pub(super) fn close_to_strangers(&mut self, node: u32) {
        let strangers: Vec<u32> = self.lines.peers(node).filter(|peer| !self.knows(node, *peer)).collect();
        for peer in strangers {
            self.disconnect(node, peer);
        }
        self.dial_soon(node, DIAL_EVERY_US);
    }

    /// The network falls into two parts.
    pub(super) fn split(&mut self, minority: &[u32]) {
        self.lines.split(minority);
        for node in minority {
            let cut: Vec<u32> =
                self.lines.peers(*node).filter(|peer| !self.lines.are_on_one_side(*node, *peer)).collect();
            for peer in cut {
                self.disconnect(*node, peer);
            }
        }
    }

    /// The parts find together.
    pub(super) fn heal(&mut self) {
        self.lines.split(&[]);
        for node in 0..self.nodes.len() as u32 {
            if self.nodes[node as usize].is_running() {
                self.dial_soon(node, DIAL_EVERY_US);
            }
        }
    }
}
