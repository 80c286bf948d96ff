//! What the stewards decide about a feed: that it stands up to a head, because something behind that must not count, or because its
//! publisher signed two histories and one of them shall go on.

use antibrush_protocol::{
    base::{Hash, MemberNumber},
    charter::{Change, Stands},
    signed::Verified,
};

use super::{
    World,
    alliance::{Key, number_of},
};
use crate::random::Random;

impl World {
    /// The stewards cut the last batches off the feed of a node's member, as their node has it; if its key was lost, they revoke that, and
    /// the feed goes on with the next one.
    pub(super) fn cut(&mut self, node: u32, back: u64, is_key_lost: bool) {
        let publisher = number_of(node);
        let publishes = self.chain.current().member(publisher).is_some_and(|member| member.is_publisher());
        if !publishes || self.is_steward_behind() || self.is_frozen(0, publisher) {
            return;
        }
        let Some((head, _)) = self.nodes[0].disk.heads.get(&publisher) else { return };
        let batches = (head.seq + 1).saturating_sub(back);
        let stands = self.stands_at(publisher, batches);
        if is_key_lost {
            let successor = Some(self.alliance.succeed(node));
            self.decide(publisher, &Change::Revoke { member: publisher, key: None, stands, successor });
        } else {
            self.decide(publisher, &Change::Cut(publisher, stands));
        }
    }

    /// The key with which a node signs in its member's name, as its charter has it.
    pub fn feed_key(&self, node: u32) -> &Key {
        self.alliance.feed_key(node, self.nodes[node as usize].disk.chain.current())
    }

    /// The stewards settle a contradiction that their node knows of: the feed goes on where both histories part, after the contested
    /// batch of either, or after a later one of the history that their node had.
    pub(super) fn thaw(&mut self, salt: u64) {
        if self.is_steward_behind() {
            return;
        }
        let Some(replica) = self.nodes[0].replica.as_ref() else { return };
        let charter = replica.charter().clone();
        let active = charter.members.iter().filter(|member| member.is_publisher());
        let proofs = active.filter_map(|member| replica.board().equivocation(member.number, &charter));
        let proofs: Vec<_> = proofs.cloned().collect();
        let mut random = Random::new(salt, &[]);
        let Some(proof) = random.pick(&proofs) else { return };
        let publisher = proof.publisher();
        let common = self.stands_at(publisher, proof.common());
        // What a proof shows of the batch after the common ones, if it goes on from them.
        let contested = [proof.first(), proof.second()].into_iter().filter(|header| {
            let h = header.payload();
            h.seq == common.batches && h.previous == common.head && h.first == common.size
        });
        let mut choices: Vec<Stands> = contested.map(|header| Stands::at(header.payload(), header.id())).collect();
        // A later one of the history that their node had, as far as it is all there and no earlier decision voids it.
        let mut last = common.clone();
        for header in self.nodes[0].disk.taken_back(publisher) {
            let h = header.payload();
            if self.truth.is_void(&header.id(), usize::MAX) {
                continue;
            }
            if (h.seq, h.previous, h.first) == (last.batches, last.head, last.size) {
                last = Stands::at(h, header.id());
                choices.push(last.clone());
            }
        }
        choices.push(common);
        if let Some(stands) = random.pick(&choices) {
            self.decide(publisher, &Change::Cut(publisher, stands.clone()));
        }
    }

    /// The first batches of a feed, as the stewards' node has them.
    fn stands_at(&self, publisher: MemberNumber, batches: u64) -> Stands {
        let last = batches.checked_sub(1).and_then(|last| self.nodes[0].disk.header(publisher, last));
        last.map_or(Stands::NOTHING, |header| Stands::at(header.payload(), header.id()))
    }

    /// Whether the stewards' node does not have the newest charter, or holds of some feed what that voids.
    fn is_steward_behind(&self) -> bool {
        let has_newest =
            |replica: &antibrush_protocol::replica::Replica| replica.chain().current_id() == self.chain.current_id();
        !self.nodes[0].replica.as_ref().is_some_and(has_newest) || self.void_at(0).is_some()
    }

    fn decide(&mut self, publisher: MemberNumber, change: &Change) {
        // It may be so already, or the feed was cut as often as one may be.
        let mut made = Ok(());
        let charter = self.alliance.next(&self.chain, self.true_time(), |charter| made = change.apply(charter));
        if made.is_err() || self.chain.extend(charter).is_err() {
            return;
        }
        let cut = self.chain.current().member(publisher).and_then(|member| member.cuts.last()).cloned();
        if let Some(cut) = cut.filter(|cut| cut.charter == self.chain.current().number) {
            self.counts.cuts += 1;
            self.truth.cut(publisher, cut);
        }
        self.hand_over_charters();
    }

    /// A batch that a node has committed although a decision which its charter has voids it: whose, and its number.
    pub(super) fn void_at(&self, node: u32) -> Option<(MemberNumber, u64)> {
        let at = &self.nodes[node as usize];
        let charter = at.replica.as_ref()?.charter();
        let mut cut = charter.members.iter().filter(|member| !member.cuts.is_empty());
        cut.find_map(|member| {
            let (head, _) = at.disk.heads.get(&member.number)?;
            let is_void = |header: &Verified<_>| self.truth.is_void(&header.id(), member.cuts.len());
            let from = member.cuts.iter().map(|cut| cut.batches).min()?.saturating_sub(1);
            let seq = (from..=head.seq).find(|seq| at.disk.header(member.number, *seq).is_some_and(is_void))?;
            Some((member.number, seq))
        })
    }

    /// The id of a batch that a node has committed.
    pub fn committed(&self, node: u32, publisher: MemberNumber, seq: u64) -> Option<Hash> {
        self.nodes[node as usize].disk.header(publisher, seq).map(Verified::id)
    }

    /// After how many decisions a member's feed goes on, as its node knows.
    pub fn cuts_of(&self, node: u32) -> usize {
        let charter = self.nodes[node as usize].disk.chain.current();
        charter.member(number_of(node)).map_or(0, |member| member.cuts.len())
    }
}
