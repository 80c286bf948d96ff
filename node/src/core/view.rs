//! What the faces see of the replica: replaced as a whole after every change, read without waiting.

use std::sync::Arc;

use antibrush_protocol::{
    base::MemberNumber,
    board::Board,
    charter::{Charter, CharterChain, Member},
    feed::Head,
    limits,
    replica::{BoardKept, FeedStatus, Now, Peer, Replica},
};

use crate::tokens::Tokens;

/// The state of the node at one moment.
pub struct View {
    /// The charters.
    pub chain: CharterChain,
    /// Our number, once the charter names this node.
    pub me: Option<MemberNumber>,
    /// Whether this node signs in its member's name: it is the first of the member's nodes.
    pub is_first_node: bool,
    /// The feeds.
    pub feeds: Vec<FeedStatus>,
    /// The board.
    pub board: Arc<Board>,
    /// The connected members' nodes.
    pub peers: Vec<Peer>,
    /// SYNC-4: how far the members' clocks were ahead of ours, in seconds, and when that was: what our own clock and the
    /// monotonic one showed.
    clocks_ahead: (Option<i64>, Now),
    /// WITNESS-8: what this node stated as a witness is on its board, as far as others can tell.
    pub board_compared: bool,
    /// Makes tokens.
    pub tokens: Arc<Tokens>,
}

impl View {
    /// Reads it off the replica; `tokens` are made anew only when the charter changed.
    pub fn of(replica: &Replica, kept: BoardKept, tokens: Arc<Tokens>, now: Now) -> View {
        View {
            chain: replica.chain().clone(),
            me: replica.me(),
            is_first_node: replica.is_first_node(),
            feeds: replica.feeds(),
            board: replica.board().clone(),
            peers: replica.peers().copied().collect(),
            board_compared: replica.board_is_compared(kept),
            clocks_ahead: (replica.clocks_ahead(now), now),
            tokens,
        }
    }

    /// The charter in force.
    pub fn charter(&self) -> &Arc<Charter> {
        self.chain.current()
    }

    /// SYNC-4: how far this computer's clock is from the members', in seconds, if that is too far to sign anything:
    /// positive if it is ahead. A clock that was set right counts at once.
    pub fn wrong_clock(&self, now: Now) -> Option<i64> {
        let (Some(then_ahead), then) = self.clocks_ahead else { return None };
        let seconds = |later: u64, earlier: u64| later as i64 - earlier as i64;
        let set_forward = seconds(now.wall.0, then.wall.0) - seconds(now.ms, then.ms) / 1000;
        let ahead = set_forward - then_ahead;
        (ahead.unsigned_abs() > limits::CLOCK_SKEW_SECONDS).then_some(ahead)
    }

    /// Publishers that announced a batch whose body nobody shows, the batch, and for how many seconds nothing of it has come. Who is
    /// connected to nobody has no cause to complain.
    pub fn withheld(&self, now: Now) -> Vec<(&Member, u64, u64)> {
        let of = |feed: &FeedStatus| {
            let (seq, since_ms) = feed.stuck.filter(|_| !self.peers.is_empty())?;
            let ms = now.ms.saturating_sub(since_ms);
            (ms >= limits::WITHHELD_MS).then_some((self.charter().member(feed.publisher)?, seq, ms / 1000))
        };
        self.feeds.iter().filter_map(of).collect()
    }

    /// Ourselves as the charter has us.
    pub fn member(&self) -> Option<&Member> {
        self.me.and_then(|me| self.charter().member(me))
    }

    /// The head of a feed.
    pub fn head(&self, publisher: MemberNumber) -> Option<Head> {
        self.feeds.iter().find(|feed| feed.publisher == publisher)?.head
    }
}
