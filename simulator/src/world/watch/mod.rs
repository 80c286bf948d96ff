//! Looks whether what must hold holds: at every commit, every few seconds, and at the end.

mod answers;
mod lies;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use antibrush_protocol::{
    base::{Hash, MemberNumber},
    entry::lifecycle::{Held, Remark, Roster, Status, Subject},
    feed::{Head, body::BodyError},
    limits,
    replica::{BatchId, Offence, Standing},
};

pub(super) use self::lies::Watched;
use super::{
    Node, Sample, World,
    alliance::{EPOCH, node_of_member, number_of},
};
use crate::invariant::Invariant;

/// How many samples of how long batches took are kept.
const SPREAD_SAMPLES: usize = 200_000;

/// In how many pieces of a run the world is sampled.
const SAMPLES: u64 = 240;

impl World {
    /// A batch is durable at a node and in its table.
    pub(super) fn look_at_commit(&mut self, node: u32, publisher: MemberNumber, head: &Head, count: u64) {
        self.counts.committed += 1;
        self.note(
            node,
            6,
            u64::from_be_bytes([
                head.id[0], head.id[1], head.id[2], head.id[3], head.id[4], head.id[5], head.id[6], head.id[7],
            ]),
        );
        if self.nodes[node as usize].is_dishonest {
            return;
        }
        let Some(made) = self.truth.of(&head.id) else {
            let found = format!("batch {} of member {} was made by nobody", head.seq, publisher.0);
            return self.violated(Some(node), Invariant::NothingForged, found);
        };
        if (made.publisher, made.seq, made.size, made.entries) != (publisher, head.seq, head.size, count) {
            let found = format!("batch {} of member {} is not what its publisher made", head.seq, publisher.0);
            return self.violated(Some(node), Invariant::NothingForged, found);
        }
        let (made_us, relieves, clears) = (made.at_us, made.relieves, made.clears.clone());
        let was_in_contact = made.was_in_contact(node);
        if !self.look_at_place(node, publisher, head, made_us) {
            return;
        }
        let disk = &self.nodes[node as usize].disk;
        // The feed may have gone on since; then the batch after this one is looked at.
        let is_last = disk.heads.get(&publisher).is_some_and(|(last, _)| last.id == head.id);
        for (place, target) in &clears {
            let stands = disk.table.get(place).is_some_and(|(held, ended)| held.leaf == *target && ended.is_none());
            if stands {
                let found = format!("listing {target} of member {} stands after its clearing came", publisher.0);
                return self.violated(Some(node), Invariant::ReliefHolds, found);
            }
        }
        let digest = disk.digest(publisher);
        if is_last && let Some(made) = self.truth.of_mut(&head.id) {
            let first = *made.digest.get_or_insert(digest);
            if first != digest {
                let found = format!("feed {} at batch {} gives another state than elsewhere", publisher.0, head.seq);
                return self.violated(Some(node), Invariant::SameLeavesSameState, found);
            }
        }
        if self.has_erased(node, publisher, head.seq) {
            let found = format!("batch {} of member {} lacks an entry that is not old", head.seq, publisher.0);
            return self.violated(Some(node), Invariant::NothingLost, found);
        }
        if number_of(node) == publisher && !self.nodes[node as usize].lost.feed {
            self.look_at_acknowledgement(node, head, count);
        }
        if is_last {
            self.look_at_listings(node, publisher, head);
        }
        let ms = u32::try_from((self.now_us - made_us) / 1000).unwrap_or(u32::MAX);
        if number_of(node) != publisher && was_in_contact && self.counts.spread_ms.len() < SPREAD_SAMPLES {
            self.counts.spread_ms.push(ms);
            if relieves {
                self.counts.relief_ms.push(ms);
            }
        }
    }

    /// Whether a committed batch lacks contents before its time (CHUNK-5). Nobody erases but who strips chunks.
    fn has_erased(&mut self, node: u32, publisher: MemberNumber, seq: u64) -> bool {
        if self.scenario.adversaries.strippers == 0 {
            return false;
        }
        let disk = &self.nodes[node as usize].disk;
        let Some(header) = disk.header(publisher, seq) else { return false };
        if header.payload().issued.plus(limits::WHOLE_SECONDS) < EPOCH.plus(self.now_us / 1_000_000) {
            return false;
        }
        disk.body(header.payload(), &mut self.library).iter().any(|chunk| chunk.erased > 0)
    }

    /// The nodes that take part and have a connection at this moment, one bit for each.
    pub(super) fn in_contact(&self) -> Vec<u64> {
        let mut bits = vec![0; self.nodes.len().div_ceil(64)];
        for (at, node) in (0u32..).zip(&self.nodes) {
            if node.takes_part() && self.lines.peers(at).next().is_some() {
                bits[at as usize / 64] |= 1 << (at % 64);
            }
        }
        bits
    }

    /// The publisher is told that its batch is durable.
    fn look_at_acknowledgement(&mut self, node: u32, head: &Head, count: u64) {
        self.counts.published += 1;
        self.counts.entries += count;
        if self.truth.acknowledge(head.id, self.now_us) {
            let found = format!("two batches with number {} were acknowledged", head.seq);
            self.violated(Some(node), Invariant::NothingLost, found);
        }
    }

    /// The listings of a feed are what its publisher wrote.
    fn look_at_listings(&mut self, node: u32, publisher: MemberNumber, head: &Head) {
        let Node { disk, lost, .. } = &self.nodes[node as usize];
        if number_of(node) == publisher && !lost.feed {
            let entered = self
                .truth
                .oracle
                .enter(publisher, head.seq, |seq| disk.header(publisher, seq).map(|header| header.id()));
            for (id, listings) in entered {
                if let Some(made) = self.truth.of_mut(&id) {
                    made.listings = Some(listings);
                }
            }
        }
        let Some(expected) = self.truth.of(&head.id).and_then(|made| made.listings) else { return };
        if self.nodes[node as usize].disk.listings(publisher).is_some_and(|found| found != expected) {
            let found = format!("the listings of member {} at batch {} are not what it wrote", publisher.0, head.seq);
            self.violated(Some(node), Invariant::NothingForged, found);
        }
    }

    /// After a crash: what was acknowledged to this node is on its disk.
    pub(super) fn look_at_disk(&mut self, node: u32) {
        let publisher = number_of(node);
        let Some((seq, id)) = self.truth.last_acknowledged(publisher) else { return };
        let held = self.nodes[node as usize].disk.header(publisher, seq).map(|header| header.id());
        let at = &self.nodes[node as usize];
        if held != Some(id) && !at.is_dishonest && !at.lost.feed {
            let found = format!("batch {seq} was acknowledged and is not on the disk after a crash");
            self.violated(Some(node), Invariant::NothingLost, found);
        }
    }

    pub(super) fn look_at_blame(&mut self, node: u32, blamed: u32, offence: Offence) {
        let honest = |node: u32| !self.nodes[node as usize].is_dishonest;
        if honest(node) && honest(blamed) {
            let found = format!("blames honest node {blamed} for {}", offence.name());
            self.violated(Some(node), Invariant::NobodyWronged, found);
        }
    }

    pub(super) fn look_at_freeze(&mut self, node: u32, publisher: MemberNumber) {
        let accused = node_of_member(publisher);
        if !self.nodes[node as usize].is_dishonest && !self.nodes[accused as usize].is_dishonest {
            let found = format!("the feed of honest member {} froze", publisher.0);
            self.violated(Some(node), Invariant::NobodyWronged, found);
        }
    }

    pub(super) fn look_at_refusal(&mut self, node: u32, batch: BatchId, error: BodyError) {
        let publisher = node_of_member(batch.publisher);
        if !self.nodes[node as usize].is_dishonest && !self.nodes[publisher as usize].is_dishonest {
            let found = format!("batch {} of honest member {} was refused: {error}", batch.seq, batch.publisher.0);
            self.violated(Some(node), Invariant::NobodyWronged, found);
        }
    }

    /// Every few seconds.
    pub(super) fn look(&mut self) {
        self.forget_asked();
        self.look_at_bounds();
        self.watched.next = self.watched.next.wrapping_add(1);
        self.look_at_cuts();
        if self.scenario.federation.witnesses > 0 {
            self.look_at_witnesses();
        }
        if self.nodes.iter().any(|node| node.is_dishonest) {
            self.look_for_lies();
        }
        let every = World::length_ms(&self.scenario) / SAMPLES;
        let due = self.counts.samples.last().is_none_or(|sample| self.now_ms() >= sample.at_ms + every);
        if due {
            self.sample();
        }
        if self.calm_since_us.is_some() && self.counts.agreed_after_ms.is_none() && self.all_agree().is_none() {
            let since = self.calm_since_us.unwrap_or_default();
            self.counts.agreed_after_ms = Some((self.now_us - since) / 1000);
        }
    }

    fn sample(&mut self) {
        let last = |publisher| Some((publisher, self.truth.last_acknowledged(publisher)?.0));
        let publishers = self.chain.current().publishers();
        let acknowledged: Vec<_> = publishers.filter_map(|publisher| last(publisher.number)).collect();
        let mut missing = 0;
        for (_, node) in self.honest() {
            for (publisher, seq) in &acknowledged {
                let has = node.disk.heads.get(publisher).map_or(0, |(head, _)| head.seq + 1);
                missing += (seq + 1).saturating_sub(has);
            }
        }
        let sample = Sample {
            at_ms: self.now_ms(),
            online: self.nodes.iter().filter(|node| node.takes_part()).count() as u32,
            missing,
            bytes: self.lines.bytes,
            events: self.trace.events(),
        };
        self.counts.samples.push(sample);
    }

    /// What two honest nodes that take part do not agree about, if anything. Of an expelled member's feed each keeps what it had when it
    /// learnt of the expulsion (HEADER-10).
    fn all_agree(&self) -> Option<String> {
        let heads = |node: &super::Node| -> BTreeMap<MemberNumber, (u64, Hash, u64)> {
            let of = |(publisher, (head, _)): (&MemberNumber, &(Head, _))| {
                (*publisher, (head.seq, head.id, node.disk.digest(*publisher)))
            };
            let counts =
                |(publisher, _): &(&MemberNumber, _)| !self.nodes[node_of_member(**publisher) as usize].is_expelled;
            node.disk.heads.iter().filter(counts).map(of).collect()
        };
        let behind = self.honest().find(|(_, node)| node.disk.chain.current_id() != self.chain.current_id());
        if let Some((at, _)) = behind {
            return Some(format!("node {at} lacks the newest charter"));
        }
        let mut honest = self.honest();
        let (first, reference) = honest.next()?;
        let expected = heads(reference);
        for (at, node) in honest {
            let has = heads(node);
            let other = expected.iter().find(|(publisher, head)| has.get(publisher) != Some(head));
            let other = other.or_else(|| has.iter().find(|(publisher, _)| !expected.contains_key(publisher)));
            if let Some((publisher, _)) = other {
                let of = |node: &super::Node| {
                    let feeds = node.replica.as_ref().map(|replica| replica.feeds()).unwrap_or_default();
                    let feed = feeds.into_iter().find(|feed| feed.publisher == *publisher);
                    let head = node.disk.heads.get(publisher).map_or(0, |(head, _)| head.seq + 1);
                    format!("{head} batches, {:?}", feed.map(|feed| (feed.standing, feed.waiting, feed.stuck)))
                };
                let (one, other) = (of(reference), of(node));
                let publisher = publisher.0;
                return Some(format!(
                    "nodes {first} and {at} differ about the feed of member {publisher}: {one}; {other}"
                ));
            }
        }
        for (publisher, seq, id) in self.truth.acknowledged() {
            let is_honest = self.truth.of(id).is_some_and(|made| made.is_honest);
            let is_out = self.nodes[node_of_member(publisher) as usize].is_expelled;
            let held = reference.disk.header(publisher, seq).map(|header| header.id());
            if is_honest && !is_out && held != Some(*id) {
                return Some(format!("batch {seq} of member {} was acknowledged and is not everywhere", publisher.0));
            }
        }
        None
    }

    /// The faults stopped: notes what must be everywhere within the scenario's bound, whatever is published meanwhile.
    pub(super) fn note_due(&mut self) {
        let honest =
            self.truth.acknowledged().filter(|(_, _, id)| self.truth.of(id).is_some_and(|made| made.is_honest));
        let batches = honest.map(|(publisher, seq, id)| (publisher, seq, *id)).collect();
        self.due = (self.chain.current().number, batches);
    }

    /// The bound has passed.
    pub(super) fn look_at_due(&mut self) {
        let (charter, batches) = std::mem::take(&mut self.due);
        let lacks = |node: &Node| {
            let is_behind = node.disk.chain.current().number < charter;
            let missing = batches.iter().find(|(publisher, seq, id)| {
                let is_out = self.nodes[node_of_member(*publisher) as usize].is_expelled;
                !is_out && node.disk.header(*publisher, *seq).map(|header| header.id()) != Some(*id)
            });
            let batch = missing.map(|(publisher, seq, _)| format!("batch {seq} of member {}", publisher.0));
            if is_behind { Some(format!("charter {charter}")) } else { batch }
        };
        let late = self.honest().find_map(|(at, node)| Some((at, lacks(node)?)));
        if let Some((at, what)) = late {
            let bound = self.scenario.converge_within;
            let found = format!("{bound} after the faults stopped it lacks {what}, which was there when they did");
            self.violated(Some(at), Invariant::Converges, found);
        }
    }

    /// When all is quiet.
    pub(super) fn look_at_the_end(&mut self) {
        if let Some(found) = self.all_agree() {
            return self.violated(None, Invariant::Converges, found);
        }
        let void = self.honest().find_map(|(node, _)| Some((node, self.void_at(node)?)));
        if let Some((node, (publisher, seq))) = void {
            let found = format!("batch {seq} of member {} is void and in force at the end", publisher.0);
            return self.violated(Some(node), Invariant::NothingForged, found);
        }
        self.look_at_bounds();
        self.look_at_states();
    }

    /// The states of all subjects, as an asker sees them, on every honest node that has the same leaves.
    fn look_at_states(&mut self) {
        let cutoffs = self.cutoffs();
        let mut expected: Option<(u32, Vec<Vec<Status>>)> = None;
        let nodes: Vec<u32> = self.honest().map(|(at, _)| at).collect();
        for at in nodes {
            let disk = &self.nodes[at as usize].disk;
            let roster = Roster::new(disk.chain.from(1).iter().map(|version| &**version.charter()));
            let mut by_token: BTreeMap<[u8; 32], Vec<Held>> = BTreeMap::new();
            let is_out = |member: MemberNumber| self.nodes[node_of_member(member) as usize].is_expelled;
            for ((publisher, token, list), (standing, ended)) in &disk.table {
                if is_out(*publisher) {
                    continue;
                }
                let held = Held { publisher: *publisher, list: *list, standing: *standing, ended: *ended };
                by_token.entry(token.0).or_default().push(held);
            }
            let states: Vec<Vec<Status>> = by_token
                .iter()
                .map(|(token, held)| {
                    let said = disk.remarks.get(&antibrush_protocol::base::Token(*token));
                    let said = said.into_iter().flatten().filter(|remark| !is_out(remark.author)).copied();
                    let said: Vec<Remark> = said.collect();
                    Subject::new(held, &said, &roster).statuses(&cutoffs)
                })
                .collect();
            match &expected {
                None => expected = Some((at, states)),
                Some((first, expected)) if *expected != states => {
                    let found = format!("nodes {first} and {at} have the same leaves and show different states");
                    return self.violated(Some(at), Invariant::SameLeavesSameState, found);
                }
                Some(_) => {}
            }
        }
    }

    /// Whether a publisher's feed stands still at a node.
    pub fn is_frozen(&self, node: u32, publisher: MemberNumber) -> bool {
        let replica = self.nodes[node as usize].replica.as_ref();
        replica.is_some_and(|replica| {
            let mut feeds = replica.feeds().into_iter();
            feeds.any(|feed| feed.publisher == publisher && matches!(feed.standing, Standing::Frozen { .. }))
        })
    }
}
