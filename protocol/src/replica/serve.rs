//! Answering others.

use super::{AnswerHandle, Now, Output, Peer, Replica, Serve, feed::Feeds, peer::PeerState, stated::contradicting};
use crate::{
    limits,
    sync::{Heads, PeerHead, Request, Response},
};

impl Replica {
    pub(super) fn on_request(&mut self, from: Peer, handle: AnswerHandle, request: Request, now: Now) {
        let is_member = self.charter().member_of_node(&from).is_some();
        // CHARTER-20: a node whose key was succeeded learns of that, and of nothing else.
        let may = match &request {
            Request::Charters { .. } | Request::Heads(_) => {
                is_member || self.chain.former_nodes().any(|key| *key == from)
            }
            Request::Headers { .. } | Request::Chunk { .. } | Request::Board { .. } => is_member,
        };
        if !may {
            return self.out(Output::Answer { handle, response: Response::Absent });
        }
        let cost = match &request {
            Request::Chunk { .. } => limits::CHUNK_BYTES as u64,
            Request::Board { .. } => (limits::POSTS_PER_ANSWER * limits::POST_BYTES) as u64,
            Request::Headers { .. } | Request::Charters { .. } => 64 * 1024,
            Request::Heads(_) => 1024,
        };
        if let Some(peer) = self.peers.get_at_rest(&from)
            && let Err(retry_after_ms) = peer.charge(cost, now)
        {
            return self.out(Output::Answer { handle, response: Response::Busy { retry_after_ms } });
        }
        match request {
            Request::Heads(heads) => {
                let response = Response::Heads(self.heads(now));
                self.out(Output::Answer { handle, response });
                if is_member {
                    self.learn_heads(from, &heads, now);
                    self.pump(now);
                }
            }
            Request::Headers { publisher, from } => {
                let most = limits::HEADERS_PER_ANSWER;
                self.out(Output::Serve { handle, serve: Serve::Headers { publisher, from, most } });
            }
            Request::Chunk { digest } => self.out(Output::Serve { handle, serve: Serve::Chunk { digest } }),
            Request::Charters { from } => self.out(Output::Serve { handle, serve: Serve::Charters { from } }),
            Request::Board { known } => {
                let turn = self.peers.get_at_rest(&from).map_or(0, PeerState::next_turn);
                let response = Response::Board(self.board.missing(&known, limits::POSTS_PER_ANSWER, turn));
                self.out(Output::Answer { handle, response });
            }
        }
    }

    /// What this node has.
    pub(super) fn heads(&mut self, now: Now) -> Heads {
        let feeds = self.own_heads.of(&self.feeds).to_vec();
        Heads { charter: self.charter().number, charter_id: self.chain.current_id(), feeds, clock: now.wall }
    }

    /// Notes what a peer has, and looks closer where its head contradicts ours.
    pub(super) fn learn_heads(&mut self, from: Peer, heads: &Heads, now: Now) {
        let ours = self.chain.from(heads.charter).first().map(|ours| (ours.charter().number, ours.id()));
        let other = ours.is_some_and(|(number, id)| number == heads.charter && id != heads.charter_id);
        let other = other && !self.forks.contains(&heads.charter_id);
        let Some(peer) = self.peers.get_mut(&from) else { return };
        peer.charter = peer.charter.max(heads.charter);
        peer.other_charter = other.then_some(heads.charter);
        peer.heads_heard = true;
        peer.heard_clock(heads.clock, now);
        let ours = self.own_heads.of(&self.feeds);
        peer.suspects.extend(contradicting(ours, &heads.feeds).map(|head| (head.publisher, head.seq)));
        // Only feeds that the charter knows: a peer must not fill memory with made-up ones.
        let known = peer.heads.news(&heads.feeds).filter(|head| self.feeds.contains_key(&head.publisher));
        let news: Vec<_> = known.map(|head| (head.publisher, head.seq)).collect();
        for (publisher, seq) in news {
            peer.heads.raise(publisher, seq);
            self.feeds.announce(publisher, seq);
        }
    }
}

/// The heads of the feeds here, gathered anew when a feed was touched.
#[derive(Debug, Default)]
pub(super) struct OwnHeads {
    heads: Vec<PeerHead>,
    as_of: Option<u64>,
}

impl OwnHeads {
    fn of(&mut self, feeds: &Feeds) -> &[PeerHead] {
        if self.as_of != Some(feeds.times_touched()) {
            self.as_of = Some(feeds.times_touched());
            self.heads.clear();
            self.heads.extend(feeds.iter().filter_map(|(publisher, feed)| {
                let head = feed.head?;
                Some(PeerHead { publisher: *publisher, seq: head.seq, id: head.id })
            }));
        }
        &self.heads
    }
}
