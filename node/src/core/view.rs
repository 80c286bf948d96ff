//! What the faces see of the replica: replaced as a whole after every change, read without waiting.

use std::sync::Arc;

use antibrush_protocol::{
    base::MemberNumber,
    charter::{Charter, CharterChain, Member},
    feed::Head,
    replica::{FeedStatus, Peer, Replica},
};

use crate::tokens::Tokens;

/// The state of the node at one moment.
pub struct View {
    /// The charters.
    pub chain: CharterChain,
    /// Our number, once the charter names this node.
    pub me: Option<MemberNumber>,
    /// The feeds.
    pub feeds: Vec<FeedStatus>,
    /// The connected members' nodes.
    pub peers: Vec<Peer>,
    /// Makes tokens.
    pub tokens: Arc<Tokens>,
}

impl View {
    /// Reads it off the replica; `tokens` are made anew only when the charter changed.
    pub fn of(replica: &Replica, tokens: Arc<Tokens>) -> View {
        View {
            chain: replica.chain().clone(),
            me: replica.me(),
            feeds: replica.feeds(),
            peers: replica.peers().copied().collect(),
            tokens,
        }
    }

    /// The charter in force.
    pub fn charter(&self) -> &Arc<Charter> {
        self.chain.current()
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
