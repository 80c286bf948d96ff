//! Carries out operations.

use antibrush_protocol::{charter::MemberState, entry::Entry, replica::Input, signed::Signed, subject::Class};

use super::{
    Draft, Event, World,
    alliance::{EPOCH, number_of},
    disk::Disk,
    holding,
    node::Lost,
    stream,
    write::{self, Pen},
};
use crate::{
    op::What,
    random::{Millionths, Random},
};

/// A node whose power is to go while it writes is killed after so long without a write, in microseconds.
const DOOMED_US: u64 = 5_000_000;

impl World {
    pub(super) fn act(&mut self, what: What) {
        let in_range = |node: u32| (node as usize) < self.nodes.len();
        match what {
            What::Publish { node, entries, relief, salt } if in_range(node) => {
                let entries = self.write(node, entries, relief, salt);
                self.publish(node, entries);
            }
            What::Clear { node, most } if in_range(node) => {
                let entries = self.clearings(node, most);
                self.publish(node, entries);
            }
            What::Check { node, salt } if in_range(node) => self.check(node, salt),
            What::Evaluate { node, count, salt } if in_range(node) => self.evaluate(node, count, salt),
            What::Kill { node, torn } if in_range(node) => self.doom(node, torn),
            What::Lose { node } if in_range(node) => self.lose(node),
            What::Start { node } if in_range(node) && self.nodes[node as usize].is_member => {
                self.power_goes(node);
                self.start(node);
            }
            What::Leave { node } if in_range(node) => {
                self.disconnect_all(node);
                self.nodes[node as usize].is_online = false;
            }
            What::Return { node } if in_range(node) => self.come_back(node),
            What::Break { node, other } if in_range(node) && in_range(other) && node != other => {
                self.disconnect(node, other);
            }
            What::Split { minority } if minority.iter().all(|node| in_range(*node)) => self.split(&minority),
            What::Heal => self.heal(),
            What::Clock { node, seconds } if in_range(node) => self.nodes[node as usize].clock_off = seconds,
            What::Fill { node } if in_range(node) => self.nodes[node as usize].disk.is_full = true,
            What::Room { node } if in_range(node) => self.nodes[node as usize].disk.is_full = false,
            What::Admit { node } if in_range(node) => self.admit(node),
            What::Expel { node } if in_range(node) && node > 0 => self.expel(node),
            What::Cut { node, back } if in_range(node) => self.cut(node, back, false),
            What::Revoke { node, back } if in_range(node) => self.cut(node, back, true),
            What::Thaw { salt } => self.thaw(salt),
            What::Rotate => self.rotate(),
            What::Retire => self.retire(),
            What::Misbehave { node, salt } if in_range(node) => {
                let running = self.nodes[node as usize].is_running();
                if let Some(mut malice) = self.nodes[node as usize].malice.take_if(|_| running) {
                    malice.act(self, node, salt);
                    self.nodes[node as usize].malice = Some(malice);
                }
            }
            What::Calm => self.calm(),
            _ => {}
        }
    }

    /// Starts a node from its disk.
    pub(super) fn start(&mut self, node: u32) {
        let seed = Random::new(self.seed, &[u64::from(self.number), stream::GOSSIP, u64::from(node)]).next();
        let at = &mut self.nodes[node as usize];
        if at.is_running() || at.is_expelled && !at.is_dishonest {
            return;
        }
        at.boot(seed.wrapping_add(u64::from(at.life)), self.now_us / 1000);
        (at.is_online, at.dials) = (true, false);
        self.give(node, Input::Started);
        self.dial_soon(node, 0);
    }

    /// The power of a node is to go. If that shall tear something it goes while a write is under way, or after a while without any.
    fn doom(&mut self, node: u32, torn: Millionths) {
        let at = &mut self.nodes[node as usize];
        if !at.is_running() {
            return;
        }
        at.doomed = Some(torn);
        if torn == Millionths(0) || at.disk.is_busy() {
            return self.power_goes(node);
        }
        let life = at.life;
        self.queue.push(self.now_us + DOOMED_US, Event::Power { node, life });
    }

    /// The power of a node goes if it is to go.
    pub(super) fn power_goes(&mut self, node: u32) {
        if let Some(torn) = self.nodes[node as usize].doomed.take() {
            self.kill(node, torn);
        }
    }

    /// Kills a node: what its disk was about may be torn or lost.
    fn kill(&mut self, node: u32, torn: Millionths) {
        if !self.nodes[node as usize].is_running() {
            return;
        }
        // First the connections: a dead node says nothing.
        self.nodes[node as usize].replica = None;
        self.disconnect_all(node);
        let at = &mut self.nodes[node as usize];
        at.life += 1;
        (at.is_online, at.doomed) = (false, None);
        self.counts.torn += at.disk.crash(torn, self.now_us, &mut self.crashes, &mut self.library);
        self.look_at_disk(node);
        if let Some(holding) = self.holding.as_mut() {
            holding.crash(node);
        }
    }

    /// A node loses its documents, if all of its own feed is at another honest node as well: else it would be gone for good.
    fn lose(&mut self, node: u32) {
        let (at, publisher) = (&self.nodes[node as usize], number_of(node));
        let head = |node: &super::Node| node.disk.heads.get(&publisher).map(|(head, _)| head.id);
        let own = head(at);
        let is_elsewhere = own.is_none() || self.honest().any(|(other, at)| other != node && head(at) == own);
        if at.is_dishonest || !at.is_member || !is_elsewhere || self.truth.newest(publisher) != own {
            return;
        }
        self.kill(node, Millionths(0));
        let at = &mut self.nodes[node as usize];
        at.disk = Disk::new(at.disk.chain.clone(), at.disk.slowness);
        at.lost = Lost { feed: true, board: true };
        self.counts.lost += 1;
    }

    fn come_back(&mut self, node: u32) {
        let at = &mut self.nodes[node as usize];
        if at.is_running() && !at.is_online {
            at.is_online = true;
            self.dial_soon(node, 0);
        }
    }

    /// Lets a node make its next batch, as the node's own publishing would: not while its clock is off, not while one is on its way.
    pub fn publish(&mut self, node: u32, entries: Vec<Entry>) {
        let at = &self.nodes[node as usize];
        let Some(replica) = at.replica.as_ref() else { return };
        let now = at.now(self.now_us);
        let skew = i64::try_from(antibrush_protocol::limits::CLOCK_SKEW_SECONDS).unwrap_or(i64::MAX);
        let clock_is_wrong = replica.clocks_ahead(now).is_some_and(|ahead| ahead.abs() > skew);
        let is_publisher = replica.me().and_then(|me| replica.charter().member(me)).is_some_and(|m| m.is_publisher());
        if !is_publisher || clock_is_wrong || at.lost.feed {
            return;
        }
        let Some((header, chunks)) = self.build(node, &entries, true) else { return };
        self.publish_made(node, header, chunks);
    }

    /// Builds and notes the batch that follows a node's committed head. `None` if the entries do not fit into one.
    pub fn build(
        &mut self,
        node: u32,
        entries: &[Entry],
        is_honest: bool,
    ) -> Option<(Signed<antibrush_protocol::feed::BatchHeader>, Vec<std::sync::Arc<[u8]>>)> {
        let draft = Draft::next(self, node);
        let (header, chunks) = self.sign_batch(&draft, entries)?;
        self.remember(&header, entries, is_honest && !self.nodes[node as usize].is_dishonest);
        Some((header, chunks))
    }

    pub(super) fn write(&mut self, node: u32, entries: u32, relief: Millionths, salt: u64) -> Vec<Entry> {
        let at = &self.nodes[node as usize];
        let mut pen = Pen {
            author: number_of(node),
            today: at.now(self.now_us).wall.day(),
            disk: &at.disk,
            subjects: self.scenario.load.subjects,
            class: if self.holding.is_some() { holding::CLASS } else { Class::Ent },
            epochs: self.epochs_of(node),
            random: Random::new(salt, &[]),
        };
        pen.write(entries, relief)
    }

    /// Clears what a node has listed.
    fn clearings(&self, node: u32, most: u32) -> Vec<Entry> {
        let at = &self.nodes[node as usize];
        let (publisher, today) = (number_of(node), at.now(self.now_us).wall.day());
        let standing = at.disk.own(publisher).take(most as usize);
        standing.map(|(place, standing)| write::clearing(&place, &standing, today)).collect()
    }

    /// The stewards admit a member; its node starts with the charter that admits it.
    fn admit(&mut self, node: u32) {
        if self.nodes[node as usize].is_member {
            return;
        }
        let now = self.true_time();
        let charter = self.alliance.admitting(&self.chain, node, now);
        // Made from the charter in force by its only steward.
        if self.chain.extend(charter).is_err() {
            return;
        }
        self.hand_over_charters();
        let at = &mut self.nodes[node as usize];
        at.disk.chain = self.chain.clone();
        at.is_member = true;
        self.start(node);
    }

    /// The stewards expel the member of a node. It keeps no seat among them.
    pub fn expel(&mut self, node: u32) {
        if !self.nodes[node as usize].is_member || self.nodes[node as usize].is_expelled {
            return;
        }
        let (now, number) = (self.true_time(), number_of(node));
        let charter = self.alliance.next(&self.chain, now, |charter| {
            for member in charter.members.iter_mut().filter(|member| member.number == number) {
                member.state = MemberState::Expelled;
            }
            charter.stewards.retain(|steward| steward.member != number);
        });
        if self.chain.extend(charter).is_err() {
            return;
        }
        self.nodes[node as usize].is_expelled = true;
        self.hand_over_charters();
    }

    /// The steward's node gets the charter that it lacks next; one that is down gets it when it runs again.
    pub(super) fn hand_over_charters(&mut self) {
        let Some(replica) = self.nodes[0].replica.as_ref() else { return };
        let next = self.chain.from(replica.charter().number + 1).first().cloned();
        if let Some(charter) = next {
            self.give(0, Input::Charter(charter));
        }
    }

    pub(super) fn true_time(&self) -> antibrush_protocol::base::Timestamp {
        EPOCH.plus(self.now_us / 1_000_000)
    }

    /// From now on nothing breaks any more.
    fn calm(&mut self) {
        self.lines.become_reliable();
        self.heal();
        for node in 0..self.nodes.len() as u32 {
            // Whose power was still to go loses it now, and starts with the others.
            self.power_goes(node);
            let at = &mut self.nodes[node as usize];
            at.clock_off = 0;
            (at.disk.is_full, at.disk.slowness) = (false, 1);
            if at.is_member && !at.is_expelled {
                self.start(node);
                self.come_back(node);
            }
        }
        self.calm_since_us = Some(self.now_us);
        self.note_due();
        self.queue.push(self.now_us + self.scenario.converge_within.ms() * 1000, Event::Due);
    }
}
