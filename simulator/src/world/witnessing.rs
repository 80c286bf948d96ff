//! Witnesses: members that cosign what they hold, as [`antibrush_protocol::witness::Witness`] decides.
//!
//! Here is what the node does around that: it looks again and again, reads the disk, and posts. A post of its own is durable before
//! anybody hears of it, so a witness that is killed in between states the same again or more.

use antibrush_protocol::{
    board::Post,
    limits,
    replica::{BoardKept, Input},
    witness::{Stated, Witness, WitnessStatement},
};

use super::{World, alliance::number_of};
use crate::invariant::Invariant;

impl World {
    /// The nodes whose members witness: the first ones.
    pub(super) fn witnesses(&self) -> std::ops::Range<u32> {
        0..self.scenario.federation.witnesses.min(self.nodes.len() as u32)
    }

    /// Every few seconds: witnesses state what they hold.
    pub(super) fn witness(&mut self) {
        for node in self.witnesses() {
            let Stated { posts, refused } = self.statements(node);
            self.counts.contradicted += refused.len() as u64;
            for post in posts {
                if let Post::Witness(signed) = &post {
                    self.look_at_statement(node, signed.payload());
                }
                self.give(node, Input::Post(post));
            }
        }
    }

    fn statements(&self, node: u32) -> Stated {
        let at = &self.nodes[node as usize];
        let Some(replica) = at.replica.as_ref().filter(|_| !at.is_dishonest) else { return Stated::default() };
        let (feeds, now) = (replica.feeds(), at.now(self.now_us));
        let skew = i64::try_from(limits::CLOCK_SKEW_SECONDS).unwrap_or(i64::MAX);
        let witness = Witness {
            chain: replica.chain(),
            me: replica.me(),
            is_first_node: replica.is_first_node(),
            feeds: &feeds,
            board: replica.board(),
            is_board_compared: replica.board_is_compared(if at.lost.board { BoardKept::Lost } else { BoardKept::Yes }),
            is_clock_wrong: replica.clocks_ahead(now).is_some_and(|ahead| ahead.abs() > skew),
        };
        let held = |publisher, seq| {
            let header = at.disk.header(publisher, seq)?.payload();
            Some((header.size, header.root))
        };
        witness.next(self.feed_key(node), held, now.wall)
    }

    /// An honest witness states what it has committed, and nothing that the decisions which it counts void. What it said before of a
    /// feed of which there is no news stands as it was.
    pub(super) fn look_at_statement(&mut self, node: u32, statement: &WitnessStatement) {
        let page = statement.page();
        let replica = self.nodes[node as usize].replica.as_ref();
        let before = replica.and_then(|replica| replica.board().witness_statement(number_of(node), page));
        let before = before.map(|before| before.payload().heads.clone()).unwrap_or_default();
        let is_new = |head: &&antibrush_protocol::witness::WitnessedHead| {
            !before.iter().any(|old| (old.publisher, old.cuts, old.seq) == (head.publisher, head.cuts, head.seq))
        };
        let wrong = statement.heads.iter().filter(is_new).find_map(|head| {
            let held = self.nodes[node as usize].disk.header(head.publisher, head.seq);
            let what = match held.map(|held| (held.payload(), held.id())) {
                Some((h, _)) if (h.size, h.root) != (head.size, head.root) => "that it does not hold",
                Some((_, id)) if self.truth.is_void(&id, head.cuts.into()) => "that the decisions it counts void",
                Some(_) => return None,
                None => "that it does not hold",
            };
            Some(format!("cosigned batch {} of member {} {what}", head.seq, head.publisher.0))
        });
        if let Some(found) = wrong {
            self.violated(Some(node), Invariant::OneHistoryCosigned, found);
        }
    }

    /// What a witness tells of itself is on its disk, and contradicts nothing that it ever told.
    pub(super) fn look_at_told(&mut self, node: u32, bytes: &[u8]) {
        let Ok(Post::Witness(signed)) = Post::decode(bytes) else { return };
        let statement = signed.payload();
        if statement.witness != number_of(node) {
            return;
        }
        if !self.nodes[node as usize].disk.has_post(&Post::id_of(bytes)) {
            let found = "a statement as a witness is told to others and not on the disk".to_owned();
            return self.violated(Some(node), Invariant::NothingLost, found);
        }
        self.counts.cosigned += statement.heads.len() as u64;
        for head in &statement.heads {
            let (witness, tree) = (statement.witness, (head.size, head.root));
            self.look_at_cosignature(witness, head.publisher, (head.cuts, head.seq), tree);
        }
    }
}
