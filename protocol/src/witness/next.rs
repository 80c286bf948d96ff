//! What a witness states next: the decision alone. Who drives it waits, reads the disk, and posts what comes out.
//!
//! **Invariant:** a statement says no less than the one before it. What this node stated last is read from the board, where
//! the driver puts our own posts durably before they leave; and what is cosigned was committed durably before. A node that was
//! killed in between states the same again or more.

use std::collections::BTreeMap;

use super::{WitnessStatement, WitnessedHead, page_of};
use crate::{
    base::{Hash, MemberNumber, Timestamp},
    board::{Board, Post},
    charter::{CharterChain, Member},
    checkpoint::Cosignature,
    feed::Head,
    replica::{FeedStatus, Standing},
    signed::Signer,
};

/// What a node knows at the moment when it may state something.
#[derive(Clone, Copy, Debug)]
pub struct Witness<'a> {
    /// The charters.
    pub chain: &'a CharterChain,
    /// Its member, once the charter names this node.
    pub me: Option<MemberNumber>,
    /// Whether this is the first of its member's nodes.
    pub is_first_node: bool,
    /// Its feeds, with the heads that it has committed.
    pub feeds: &'a [FeedStatus],
    /// Its board.
    pub board: &'a Board,
    /// Whether what it had stated is on its board, as far as others can tell: [`crate::replica::Replica::board_is_compared`].
    pub is_board_compared: bool,
    /// Whether its clock is so far from the members' that nobody would take what it signs.
    pub is_clock_wrong: bool,
}

/// What follows from it.
#[derive(Debug, Default)]
pub struct Stated {
    /// To be posted.
    pub posts: Vec<Post>,
    /// Feeds of which nothing is cosigned.
    pub refused: Vec<Contradicted>,
}

/// WITNESS-7: a feed whose history here is not the one that this witness stated, or is shorter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Contradicted {
    /// Whose feed.
    pub publisher: MemberNumber,
    /// The batch that was stated.
    pub stated: u64,
    /// The newest batch that is held.
    pub held: u64,
}

/// A head that is committed here, and after how many cuts.
struct Held {
    publisher: MemberNumber,
    head: Head,
    cuts: u8,
}

impl<'a> Witness<'a> {
    /// The member that may witness now, as the charter has it. SYNC-4: nobody would take a statement of tomorrow. WITNESS-8: who
    /// does not know what it had stated waits until it does. A member states with one voice: that of its first node.
    pub fn member(&self) -> Option<&'a Member> {
        if !self.is_first_node || !self.is_board_compared || self.is_clock_wrong {
            return None;
        }
        self.chain.current().member(self.me?).filter(|me| me.is_active())
    }

    /// The next statements of this member, one for each page of which there is something new to say, signed with its feed key. `held`
    /// says the size and root of a batch that is committed here.
    pub fn next(
        &self,
        signer: &dyn Signer,
        held: impl Fn(MemberNumber, u64) -> Option<(u64, Hash)>,
        now: Timestamp,
    ) -> Stated {
        let mut stated = Stated::default();
        let Some(me) = self.member().filter(|me| me.signs_with(&signer.public(), now)) else { return stated };
        let mut pages: BTreeMap<u16, Vec<Held>> = BTreeMap::new();
        for feed in self.feeds.iter().filter(|feed| feed.publisher != me.number) {
            let publishes = self.chain.current().member(feed.publisher).is_some_and(|member| member.is_publisher());
            // Until a feed was compared with the peers, this node may have stated more before it lost it than it has now.
            if let Some(head) = feed.head.filter(|_| publishes && feed.caught_up && feed.standing == Standing::Open) {
                let held = Held { publisher: feed.publisher, head, cuts: self.cuts_of(feed) };
                pages.entry(page_of(feed.publisher)).or_default().push(held);
            }
        }
        for (page, heads) in pages {
            let post = self.page(signer, page, &heads, &held, now, &mut stated.refused);
            stated.posts.extend(post);
        }
        stated
    }

    /// The number of decisions that cut the feed by the charter that its head names: of which log the head is.
    fn cuts_of(&self, feed: &FeedStatus) -> u8 {
        let named = feed.head_charter.and_then(|id| self.chain.version(&id));
        count(named.and_then(|named| named.charter().member(feed.publisher)))
    }

    /// The next statement about a page, if there is something new to say.
    fn page(
        &self,
        signer: &dyn Signer,
        page: u16,
        heads: &[Held],
        held: &impl Fn(MemberNumber, u64) -> Option<(u64, Hash)>,
        now: Timestamp,
        refused: &mut Vec<Contradicted>,
    ) -> Option<Post> {
        let me = self.me?;
        let last = self.board.witness_statement(me, page);
        // WITNESS-5: statements of one second would have no order.
        if last.is_some_and(|last| now <= last.payload().issued) {
            return None;
        }
        let before = last.map(|last| last.payload().heads.as_slice()).unwrap_or_default();
        let mut stated: BTreeMap<MemberNumber, WitnessedHead> =
            before.iter().map(|head| (head.publisher, *head)).collect();
        let (alliance, charter) = (self.chain.alliance(), self.chain.current());
        let slug = |publisher| charter.member(publisher).map(|member| member.slug.as_str());
        let mut news = false;
        if last.is_some_and(|last| last.key() != signer.public()) {
            // A new key vouches for what the old one did.
            for head in stated.values_mut() {
                *head = head.cosigned(&alliance, slug(head.publisher)?, now, signer);
            }
            news = true;
        }
        for Held { publisher, head, cuts } in heads {
            let mut next = WitnessedHead {
                publisher: *publisher,
                cuts: *cuts,
                seq: head.seq,
                size: head.size,
                root: head.root,
                cosignature: Cosignature { time: now, signature: [0; 64] },
            };
            if let Some(before) = stated.get(publisher) {
                next.cuts = next.cuts.max(before.cuts);
                // A decision took back what was stated: what it left, once it is here, stands in the log that the decision began.
                let decisions = charter.member(*publisher).map(|member| member.cuts.as_slice()).unwrap_or_default();
                let last = decisions.last().filter(|_| decisions.len() > before.cuts.into());
                let is_here = last.is_some_and(|cut| cut.batches <= next.seq + 1);
                let is_other = match held(*publisher, before.seq) {
                    Some(held) => held != (before.size, before.root),
                    // Nothing is concluded from what should be there and cannot be read.
                    None => next.seq < before.seq,
                };
                if is_here && is_other {
                    next.cuts = count(charter.member(*publisher));
                }
            }
            match stated.get(publisher) {
                Some(before) if (before.cuts, before.seq) == (next.cuts, next.seq) && next.continues(before) => {}
                Some(before) if !next.may_follow(before, held(*publisher, before.seq)) => {
                    refused.push(Contradicted { publisher: *publisher, stated: before.seq, held: head.seq });
                }
                _ => {
                    stated.insert(*publisher, next.cosigned(&alliance, slug(*publisher)?, now, signer));
                    news = true;
                }
            }
        }
        let statement = WitnessStatement { alliance, witness: me, issued: now, heads: stated.into_values().collect() };
        news.then(|| Post::sign(&statement, signer, Post::Witness))
    }
}

/// How many decisions cut the feed of a member.
fn count(member: Option<&Member>) -> u8 {
    member.map_or(0, |member| u8::try_from(member.cuts_made()).unwrap_or(u8::MAX))
}
