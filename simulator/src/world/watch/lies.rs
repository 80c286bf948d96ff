//! Looks after what dishonest members do: that two histories are found and stand still, that the expelled are not heard, that nobody
//! but the stewards makes charters, and that no witness cosigns two histories.

use std::collections::BTreeMap;

use antibrush_protocol::{
    base::{Day, Hash, MemberNumber},
    charter::MemberState,
    entry::lifecycle::Cutoffs,
    feed::{BatchHeader, Head},
    replica::{Standing, Topic},
    signed::Signed,
};

use super::super::{World, alliance::number_of};
use crate::invariant::Invariant;

/// What is looked at over time.
#[derive(Debug, Default)]
pub(in super::super) struct Watched {
    /// Since when two connected honest nodes hold the halves of a contradiction, and on which connection.
    apart: BTreeMap<(u32, u32, u32, u64), (u64, u32)>,
    /// Since when a node holds more of a frozen feed than stands.
    overhang: BTreeMap<(u32, MemberNumber), u64>,
    /// Since when a node has in force what a decision that it knows of voids.
    void: BTreeMap<(u32, MemberNumber), u64>,
    /// Since when a node has the charter that expels a member, in microseconds.
    expelled: BTreeMap<(u32, MemberNumber), u64>,
    /// Which witness said what of a batch: after how many decisions, its number; size and root.
    cosigned: BTreeMap<(MemberNumber, MemberNumber, u8, u64), (u64, Hash)>,
    /// What one node was given by another in a second: the connection, when the second began, what it cost.
    pub served: BTreeMap<(u32, u32), (u32, u64, u64)>,
    /// Which node is looked at closely next.
    pub next: u32,
    /// The moments of a day by which states are told: making them takes a millisecond.
    pub cutoffs: Option<(Day, Cutoffs)>,
}

/// How long a feed may take to be taken back, in microseconds: a disk that is full for a minute comes first.
const TAKING_BACK_US: u64 = 240_000_000;

/// How far a header may be ahead of the true time when it is committed, in seconds: the skew that the protocol allows, on a clock that
/// is an hour ahead.
const AHEAD_SECONDS: u64 = 600 + 3600;

impl World {
    /// How long two connected nodes may hold the halves of a contradiction, in microseconds: each compares its heads with one peer every 15
    /// seconds in turn, an answer may get lost and be waited for.
    fn may_be_apart_us(&self, a: u32, b: u32) -> u64 {
        let peers = self.lines.peers(a).count().max(self.lines.peers(b).count()) as u64;
        (60 + 2 * 15 * peers) * 1_000_000
    }

    /// Every few seconds, if anybody is dishonest.
    pub(super) fn look_for_lies(&mut self) {
        self.look_at_contradictions();
        self.look_at_overhangs();
    }

    fn look_at_contradictions(&mut self) {
        let mut apart = BTreeMap::new();
        for (liar, seq) in self.contradictions.clone() {
            let publisher = number_of(liar);
            let has = |node: u32| self.nodes[node as usize].disk.header(publisher, seq).map(|header| header.id());
            let holders: Vec<(u32, Hash)> = self
                .honest()
                .filter(|(node, _)| !self.is_frozen(*node, publisher))
                .filter_map(|(node, _)| Some((node, has(node)?)))
                .collect();
            for (at, (a, one)) in holders.iter().enumerate() {
                for (b, other) in holders[at + 1..].iter().filter(|(_, other)| other != one) {
                    debug_assert_ne!(one, other);
                    if let Some(connection) = self.lines.connection(*a, *b) {
                        apart.insert((*a, *b, liar, seq), (self.now_us, connection));
                    }
                }
            }
        }
        for (key, (since, connection)) in &mut apart {
            if let Some((before, was)) = self.watched.apart.get(key)
                && was == connection
            {
                *since = *before;
            }
        }
        let late = apart.iter().find(|((a, b, ..), (since, _))| self.now_us - since > self.may_be_apart_us(*a, *b));
        if let Some(((a, b, liar, seq), _)) = late {
            let found =
                format!("nodes {a} and {b} hold two batches {seq} of node {liar}, are in contact and do not see it");
            self.violated(Some(*a), Invariant::EquivocationFound, found);
        }
        self.watched.apart = apart;
    }

    /// Nothing past the last common head stands at a node that knows of the contradiction.
    fn look_at_overhangs(&mut self) {
        let mut overhang = BTreeMap::new();
        for (node, at) in self.honest() {
            let Some(replica) = &at.replica else { continue };
            for feed in replica.feeds() {
                let Standing::Frozen { seq } = feed.standing else { continue };
                if at.disk.heads.get(&feed.publisher).is_some_and(|(head, _)| head.seq >= seq) {
                    let key = (node, feed.publisher);
                    let since = self.watched.overhang.get(&key).copied().unwrap_or(self.now_us);
                    overhang.insert(key, since);
                }
            }
        }
        let late = overhang.iter().find(|(_, since)| self.now_us - **since > TAKING_BACK_US);
        if let Some(((node, publisher), _)) = late {
            let found = format!("what is contested of the feed of member {} is still in force", publisher.0);
            self.violated(Some(*node), Invariant::NothingForged, found);
        }
        self.watched.overhang = overhang;
    }

    /// Nothing that the stewards' decisions void is in force at a node that knows of them.
    pub(super) fn look_at_cuts(&mut self) {
        if self.counts.cuts == 0 {
            return;
        }
        let found: Vec<(u32, MemberNumber, u64)> = self
            .honest()
            .filter_map(|(node, _)| self.void_at(node).map(|(publisher, seq)| (node, publisher, seq)))
            .collect();
        let mut void = BTreeMap::new();
        for (node, publisher, seq) in found {
            let since = self.watched.void.get(&(node, publisher)).copied().unwrap_or(self.now_us);
            if self.now_us - since > TAKING_BACK_US {
                let found = format!("batch {seq} of member {} is void and still in force", publisher.0);
                self.violated(Some(node), Invariant::NothingForged, found);
            }
            void.insert((node, publisher), since);
        }
        self.watched.void = void;
    }

    /// Of one node after the other the witnesses' statements on its board.
    pub(super) fn look_at_witnesses(&mut self) {
        let node = self.watched.next % self.nodes.len() as u32;
        let Some(replica) = &self.nodes[node as usize].replica else { return };
        let board = replica.board().clone();
        let publishers: Vec<MemberNumber> = self.chain.current().members.iter().map(|member| member.number).collect();
        for publisher in publishers {
            for (witness, head, _) in board.witnesses(publisher) {
                self.look_at_cosignature(witness, publisher, (head.cuts, head.seq), (head.size, head.root));
            }
        }
    }

    /// A witness stands by a head.
    pub fn look_at_cosignature(
        &mut self,
        witness: MemberNumber,
        publisher: MemberNumber,
        (cuts, seq): (u8, u64),
        tree: (u64, Hash),
    ) {
        let first = *self.watched.cosigned.entry((witness, publisher, cuts, seq)).or_insert(tree);
        let node = super::node_of_member(witness);
        let is_honest = self.nodes.get(node as usize).is_some_and(|node| !node.is_dishonest);
        // A later log is free of what a decision between the two took back, and of nothing else.
        let stated_before =
            (0..cuts).filter_map(|log| Some((log, self.watched.cosigned.get(&(witness, publisher, log, seq))?)));
        let mut other = stated_before.filter(|(_, before)| **before != tree);
        let is_bound = |(log, _): (u8, &(u64, Hash))| !self.truth.took_back(publisher, log.into()..cuts.into(), seq);
        if (first != tree || other.any(is_bound)) && is_honest {
            let found = format!("witness {} cosigned two batches {seq} of member {}", witness.0, publisher.0);
            self.violated(Some(node), Invariant::OneHistoryCosigned, found);
        }
    }

    /// A node has a new charter.
    pub(in super::super) fn look_at_charter(&mut self, node: u32) {
        let Some(replica) = self.nodes[node as usize].replica.as_ref() else { return };
        let (id, charter) = (replica.chain().current_id(), replica.charter().clone());
        if self.nodes[node as usize].is_dishonest {
            return;
        }
        if self.chain.version(&id).is_none() {
            let found = format!("a charter {} is in force that the stewards did not sign", charter.number);
            return self.violated(Some(node), Invariant::NothingForged, found);
        }
        let now_us = self.now_us;
        for member in charter.members.iter().filter(|member| member.state == MemberState::Expelled) {
            self.watched.expelled.entry((node, member.number)).or_insert(now_us);
        }
    }

    /// A committed batch goes on from the one before it, is not of the future, and not of a member whose expulsion was known when it was
    /// made.
    pub(super) fn look_at_place(&mut self, node: u32, publisher: MemberNumber, head: &Head, made_us: u64) -> bool {
        let disk = &self.nodes[node as usize].disk;
        let Some(header) = disk.header(publisher, head.seq).filter(|header| header.id() == head.id) else {
            return true;
        };
        let h = header.payload();
        let previous = head.seq.checked_sub(1).and_then(|before| disk.header(publisher, before)).map(|h| h.id());
        let found = if h.previous != previous {
            format!("batch {} of member {} does not go on from the one before it", head.seq, publisher.0)
        } else if h.issued.0 > super::super::alliance::EPOCH.0 + self.now_us / 1_000_000 + AHEAD_SECONDS {
            format!("batch {} of member {} is of the future", head.seq, publisher.0)
        } else if self.watched.expelled.get(&(node, publisher)).is_some_and(|known_us| made_us > *known_us) {
            format!("batch {} of member {} was made after its expulsion was known here", head.seq, publisher.0)
        } else {
            return true;
        };
        self.violated(Some(node), Invariant::NothingForged, found);
        false
    }

    /// What a node tells of its own feed is on its disk.
    pub(in super::super) fn look_at_telling(&mut self, node: u32, topic: Topic, bytes: &[u8]) {
        if self.nodes[node as usize].is_dishonest {
            return;
        }
        if topic == Topic::Board {
            return self.look_at_told(node, bytes);
        }
        if topic != Topic::Heads {
            return;
        }
        let Ok(header) = Signed::<BatchHeader>::decode(bytes) else { return };
        let h = header.payload();
        if h.publisher != number_of(node) {
            return;
        }
        let held = self.nodes[node as usize].disk.header(h.publisher, h.seq).map(|held| held.id());
        if held != Some(header.id()) {
            let found = format!("batch {} is told to others and not on the disk", h.seq);
            self.violated(Some(node), Invariant::NothingLost, found);
        }
    }
}
