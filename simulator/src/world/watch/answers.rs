//! Looks at what askers and peers are given: states of listings, and bytes.

use antibrush_protocol::{
    base::{MemberNumber, Token},
    codes::List,
    entry::{
        calendar::Calendar,
        lifecycle::{Act, Cutoffs, Held, Roster, Status, Subject},
    },
    limits,
    sync::Response,
};

use super::super::{Asked, World, alliance::EPOCH, write};
use crate::{invariant::Invariant, random::Random};

/// The most pieces of work that wait for one disk, beside what is fetched of each feed.
const DISK_QUEUE: usize = 1_000;

/// The most that waits in the queue of one world for each of its nodes: a node's own timers, what its peers send and what its disk does.
const QUEUE_PER_NODE: usize = 20_000;

impl World {
    /// The moments by which states are told today.
    pub(super) fn cutoffs(&mut self) -> Cutoffs {
        let today = EPOCH.plus(self.now_us / 1_000_000).day();
        match self.watched.cutoffs {
            Some((day, cutoffs)) if day == today => cutoffs,
            _ => self.watched.cutoffs.insert((today, Cutoffs::new(&Calendar::default(), today))).1,
        }
    }

    /// Asks a node for a subject and holds its answer against the truth.
    pub(in super::super) fn check(&mut self, node: u32, salt: u64) {
        if !self.nodes[node as usize].takes_part() {
            return;
        }
        self.counts.checks += 1;
        let subject = Random::new(salt, &[]).below(u64::from(self.scenario.load.subjects));
        let epochs = self.epochs_of(node);
        self.look_at_answer(node, subject, &epochs);
        for epoch in epochs {
            self.look_at_force(node, write::token(epoch, subject));
        }
    }

    /// Who has a subject listed under any key in use, as a node tells it, is who wrote that.
    pub(super) fn look_at_answer(&mut self, node: u32, subject: u64, epochs: &[u16]) {
        let today = EPOCH.plus(self.now_us / 1_000_000).day();
        let disk = &self.nodes[node as usize].disk;
        let in_use = self.epochs_in_use(node);
        let wrong = disk.heads.iter().find_map(|(publisher, (head, _))| {
            let place = |epoch: &u16| (*publisher, write::token(*epoch, subject), List::Cxh);
            let told = epochs.iter().any(|epoch| disk.stands(&place(epoch), today));
            let mut wrote = false;
            for epoch in &in_use {
                let (_, token, list) = place(epoch);
                wrote |= self.truth.oracle.stands(*publisher, head, (token, list), today)?;
            }
            (told != wrote).then_some((*publisher, head.seq, wrote))
        });
        if let Some((publisher, seq, wrote)) = wrong.filter(|_| !self.nodes[node as usize].is_dishonest) {
            let what = if wrote { "is not told" } else { "is told and does not stand" };
            let found = format!("what member {} lists after batch {seq} of a subject {what}", publisher.0);
            self.violated(Some(node), Invariant::NothingForged, found);
        }
    }

    /// No listing under a token is in force that must not be.
    fn look_at_force(&mut self, node: u32, token: Token) {
        let cutoffs = self.cutoffs();
        let disk = &self.nodes[node as usize].disk;
        let held: Vec<Held> = disk
            .heads
            .keys()
            .filter_map(|publisher| {
                let (standing, ended) = disk.table.get(&(*publisher, token, List::Cxh))?;
                Some(Held { publisher: *publisher, list: List::Cxh, standing: *standing, ended: *ended })
            })
            .collect();
        for held in held.iter().filter(|held| held.ended.is_none()) {
            let size = disk.heads.get(&held.publisher).map_or(0, |(head, _)| head.size);
            if held.standing.leaf >= size {
                let leaf = held.standing.leaf;
                let found = format!("listing {leaf} of member {} stands past the end of its feed", held.publisher.0);
                return self.violated(Some(node), Invariant::NothingForged, found);
            }
        }
        let roster = Roster::new(disk.chain.from(1).iter().map(|version| &**version.charter()));
        let said = disk.remarks.get(&token).map(Vec::as_slice).unwrap_or_default();
        let statuses = Subject::new(&held, said, &roster).statuses(&cutoffs);
        let wrong = held.iter().zip(&statuses).find_map(|(listing, status)| {
            let (invariant, what) = self.wrong_force(node, listing, status, (&token, &held))?;
            let leaf = listing.standing.leaf;
            Some((invariant, format!("listing {leaf} of member {} {what}", listing.publisher.0)))
        });
        if let Some((invariant, found)) = wrong.filter(|_| !self.nodes[node as usize].is_dishonest) {
            self.violated(Some(node), invariant, found);
        }
    }

    /// Why a listing must not be acted on that is said to be enforceable.
    fn wrong_force(
        &self,
        node: u32,
        listing: &Held,
        status: &Status,
        (token, all): (&Token, &[Held]),
    ) -> Option<(Invariant, &'static str)> {
        if !status.enforceable {
            return None;
        }
        if listing.ended.is_some() {
            return Some((Invariant::ReliefHolds, "was cleared and is enforceable"));
        }
        let disk = &self.nodes[node as usize].disk;
        let charter = disk.chain.current();
        let is_active = |member: MemberNumber| charter.member(member).is_some_and(|member| member.is_active());
        // A leaf that was cut off may have been about another subject.
        let said = disk.remarks.get(token).into_iter().flatten();
        let about =
            said.filter(|remark| (remark.publisher, remark.target) == (listing.publisher, listing.standing.leaf));
        let (mut is_disputed, mut is_answered) = (false, false);
        for remark in about {
            is_disputed |= matches!(remark.act, Act::Dispute(_)) && is_active(remark.author);
            is_answered |= matches!(remark.act, Act::Rule { .. } | Act::Withdraw { .. });
        }
        if is_disputed && !is_answered {
            return Some((Invariant::ReliefHolds, "is disputed and enforceable"));
        }
        let voice = |held: &Held| charter.member(held.publisher).map(|member| member.controller.clone());
        let same = |held: &&Held| held.ended.is_none() && held.standing.conduct == listing.standing.conduct;
        let voices: std::collections::BTreeSet<_> = all.iter().filter(same).filter_map(voice).collect();
        let enough = voices.len() >= usize::from(charter.policy.corroboration) || listing.standing.document;
        (!enough).then_some((Invariant::NothingForged, "is enforceable without enough voices under different control"))
    }

    /// A peer is given something.
    pub(in super::super) fn look_at_quota(&mut self, node: u32, asked: &Asked, response: &Response) {
        let cost = match response {
            Response::Busy { .. } => return,
            // What a chunk could have had counts, for that is what the quota is made for.
            _ if asked.is_for_chunk => limits::CHUNK_BYTES as u64,
            answer => super::super::carry::size_of_response(answer),
        };
        if self.nodes[node as usize].is_dishonest {
            return;
        }
        let now_ms = self.now_ms();
        let served = self.watched.served.entry((node, asked.asker)).or_default();
        if served.0 != asked.connection || now_ms >= served.1 + 1000 {
            *served = (asked.connection, now_ms, 0);
        }
        served.2 += cost;
        // A second's quota and what was saved up before.
        if served.2 > 2 * limits::SERVE_BYTES_PER_SECOND {
            let found = format!("gave node {} more than its quota of a second", asked.asker);
            self.violated(Some(node), Invariant::QuotasHold, found);
        }
    }

    pub(super) fn look_at_bounds(&mut self) {
        let most_writes = DISK_QUEUE + limits::QUEUED_BATCHES * self.nodes.len();
        let broken = self.nodes.iter().zip(0u32..).find_map(|(node, at)| {
            let load = node.replica.as_ref()?.load();
            let what = load.exceeded().or((node.disk.waiting() > most_writes).then_some("writes that wait"));
            what.map(|what| (at, what))
        });
        if let Some((node, what)) = broken.filter(|(node, _)| !self.nodes[*node as usize].is_dishonest) {
            self.violated(Some(node), Invariant::Bounded, what.to_owned());
        }
        if self.queue.len() > QUEUE_PER_NODE * self.nodes.len() {
            self.violated(None, Invariant::Bounded, "messages on their way".to_owned());
        }
    }
}
