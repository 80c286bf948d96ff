//! Where a feed stands: what the stewards decided about it, and what proves that its publisher signed two histories.
//!
//! Both are functions of the charter and the board, so that every node comes to the same: a feed is frozen while an
//! undecided proof is on the board, and then stands where both histories part; a cut says after which head it goes on. A node that
//! holds more takes its copy back to there. What it takes back is kept, for the decision may be in favour of it.

use std::sync::Arc;

use super::{Event, Now, Output, Peer, Replica, Standing, Store, io::BatchId};
use crate::{
    base::{Hash, MemberNumber},
    board::{Post, Taken},
    charter::Cut,
    feed::{BatchHeader, Equivocation, Head},
    limits,
    signed::Signed,
};

impl Replica {
    /// FEED-3: two headers that contradict each other go on the board, and the feed stands still.
    pub(super) fn accuse(&mut self, ours: &Arc<[u8]>, theirs: &Arc<[u8]>, now: Now) {
        let (Ok(one), Ok(other)) = (Signed::decode(ours), Signed::decode(theirs)) else { return };
        let proof = Equivocation::new(one, other);
        let post = Post::Equivocation(proof.clone());
        let bytes: Arc<[u8]> = post.encode().into();
        match self.put_up(post, now) {
            // Gossip has no room for two long headers; whoever gets both finds the contradiction, too.
            Ok(Taken::New { .. }) if bytes.len() > limits::GOSSIP_BYTES => {
                for header in [proof.first(), proof.second()] {
                    self.out(Output::Gossip { topic: super::Topic::Heads, bytes: header.envelope().clone() });
                }
            }
            Ok(Taken::New { .. }) => self.out(Output::Gossip { topic: super::Topic::Board, bytes }),
            Ok(Taken::Known | Taken::Older) => {}
            Err(error) => self.out(Output::Report(Event::PostRefused { error })),
        }
        self.settle_feeds(now);
    }

    /// Brings every feed to where it stands. Called whenever the charter or the board has changed, and again while a feed could
    /// not be brought there.
    pub(super) fn settle_feeds(&mut self, now: Now) {
        self.unsettled = false;
        let publishers: Vec<MemberNumber> = self.feeds.keys().copied().collect();
        for publisher in publishers {
            self.settle_feed(publisher, now);
        }
    }

    fn settle_feed(&mut self, publisher: MemberNumber, now: Now) {
        let charter = self.charter().clone();
        let proof = self.board.equivocation(publisher, &charter).cloned();
        let cuts = charter.member(publisher).map_or(&[][..], |member| &member.cuts);
        let Some(feed) = self.feeds.get_mut(&publisher) else { return };
        let decided = cuts.len() > feed.cuts;
        feed.cuts = cuts.len();
        let before = feed.standing;
        feed.standing = match (&proof, before) {
            (Some(proof), _) => Standing::Frozen { seq: proof.common() },
            (None, Standing::Frozen { .. }) => Standing::Open,
            // What did not hold may be void now.
            (None, Standing::Refused { .. }) if decided => Standing::Open,
            (None, before) => before,
        };
        let after = feed.standing;
        if let Some(proof) = proof.filter(|_| after != before) {
            let batch = BatchId { publisher, seq: proof.common() };
            self.out(Output::Report(Event::FeedFrozen { batch, proof }));
        } else if after == Standing::Open && before != after {
            self.out(Output::Report(Event::FeedReopened { publisher }));
        }
        if decided || after != before {
            self.drop_waiting(publisher);
        }
        self.take_back(publisher, cuts.last(), now);
    }

    /// Where the last decision about a feed says that it stands, if our copy has more or another head: what is void stays on the disk until
    /// the store has taken it back.
    pub(super) fn voided(&self, publisher: MemberNumber) -> Option<(u64, Option<Hash>)> {
        let feed = self.feeds.get(&publisher)?;
        let head = feed.head?;
        let cut = self.charter().member(publisher)?.cuts.last()?;
        let named = feed.head_charter.and_then(|id| self.chain.number_of(&id));
        let early = named.is_none_or(|number| number < cut.charter);
        let beyond = head.seq >= cut.batches && early;
        let beside = head.seq + 1 == cut.batches && cut.head != Some(head.id);
        (beyond || beside).then_some((cut.batches, cut.head))
    }

    /// Has the store take back what does not stand.
    fn take_back(&mut self, publisher: MemberNumber, cut: Option<&Cut>, now: Now) {
        let Some(feed) = self.feeds.get(&publisher) else { return };
        let frozen = match feed.standing {
            Standing::Frozen { seq } => Some((seq, None)),
            Standing::Open | Standing::Refused { .. } => None,
        };
        let Some(head) = feed.head else { return self.bring_back(publisher, cut, now) };
        let decided = self.voided(publisher);
        let frozen = frozen.filter(|(batches, _)| head.seq >= *batches);
        let Some((batches, head)) = decided.into_iter().chain(frozen).min_by_key(|(batches, _)| *batches) else {
            return self.bring_back(publisher, cut, now);
        };
        if feed.rewinding {
            return;
        }
        if feed.committing > 0 || feed.retry_at_ms > now.ms {
            self.unsettled = true;
            return;
        }
        self.rewind(publisher, batches, head);
    }

    /// Takes our copy of a feed back to its first `batches` batches, the last of which has the id `head`, if that is known.
    pub(super) fn rewind(&mut self, publisher: MemberNumber, batches: u64, head: Option<Hash>) {
        if let Some(feed) = self.feeds.get_mut(&publisher).filter(|feed| !feed.rewinding) {
            feed.rewinding = true;
            self.out(Output::Store(Store::Rewind { publisher, batches, head }));
        }
    }

    /// A cut may be in favour of what was taken back before: it is admitted again, by the same door as everything.
    fn bring_back(&mut self, publisher: MemberNumber, cut: Option<&Cut>, now: Now) {
        let Some(feed) = self.feeds.get(&publisher).filter(|feed| feed.standing == Standing::Open) else { return };
        let (from, idle) = (feed.next_seq(), !feed.rewinding && feed.retry_at_ms <= now.ms);
        if let Some(Cut { batches, head: Some(head), .. }) = cut.filter(|cut| idle && from < cut.batches) {
            self.out(Output::Store(Store::Recall { publisher, from, batches: *batches, head: *head }));
        }
    }

    /// Up to which batch the last decision about a feed has settled it, if we do not have all of that yet: who has that batch has the
    /// history that was decided for.
    pub(super) fn decided_through(&self, publisher: MemberNumber) -> Option<u64> {
        let last = self.charter().member(publisher)?.cuts.last()?.batches.checked_sub(1)?;
        let committed = self.feeds.get(&publisher)?.head.map(|head| head.seq);
        (committed < Some(last)).then_some(last)
    }

    /// FEED-3: a peer that states what was decided shows a header that contradicts ours below it. Which history the stewards meant shows at
    /// their head alone, and ours may not lead there: it gives way where it is contested. What comes next is asked of others first, for
    /// the one that showed this may be the one that is wrong.
    pub(super) fn give_way(&mut self, from: Peer, theirs: &BatchHeader, now: Now) {
        let publisher = theirs.publisher;
        let is_settled = self.decided_through(publisher).is_some_and(|through| theirs.seq <= through);
        let Some(feed) = self.feeds.get(&publisher).filter(|feed| is_settled && feed.standing == Standing::Open) else {
            return;
        };
        let next = feed.next_seq();
        let is_own_fault = theirs.seq == next && theirs.previous == feed.tip_id();
        if is_own_fault || feed.rewinding || feed.committing > 0 || feed.retry_at_ms > now.ms {
            return;
        }
        // The batch of the same number, or the one that should be its predecessor.
        let contested = theirs.seq.min(next.saturating_sub(1));
        let is_committed = feed.head.is_some_and(|head| head.seq >= contested);
        self.drop_waiting(publisher);
        if is_committed {
            self.rewind(publisher, contested, None);
        }
        self.lacks(from, publisher, now.ms + 10 * limits::ABSENT_RETRY_MS);
    }

    pub(super) fn on_rewound(
        &mut self,
        publisher: MemberNumber,
        result: Result<Option<(Head, Arc<[u8]>)>, ()>,
        now: Now,
    ) {
        let Some(feed) = self.feeds.get_mut(&publisher) else { return };
        feed.rewinding = false;
        if let Ok(found) = result {
            feed.set_head(found);
            // What others state of it is compared anew: until then its silence says nothing.
            (feed.caught_up, feed.compared_ms) = (false, None);
            let head = feed.head;
            self.drop_waiting(publisher);
            self.out(Output::Report(Event::Rewound { publisher, head }));
            self.settle_feeds(now);
        } else {
            self.unsettled = true;
            self.postpone(publisher, now);
        }
        self.pump(now);
    }

    pub(super) fn on_recalled(&mut self, headers: Vec<Arc<[u8]>>, now: Now) {
        for envelope in headers {
            let Ok(header) = Signed::<BatchHeader>::decode(&envelope) else { break };
            if !self.take_header(None, header, now) {
                break;
            }
        }
        self.pump(now);
    }
}
