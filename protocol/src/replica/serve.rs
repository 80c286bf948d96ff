//! Answering others.

use std::iter::Peekable;

use super::{AnswerHandle, Now, Output, Peer, Replica, Serve, peer::PeerState};
use crate::{
    base::MemberNumber,
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
                    self.learn_heads(from, heads, now);
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
    pub(super) fn heads(&self, now: Now) -> Heads {
        let mut feeds = Vec::with_capacity(self.feeds.len());
        feeds.extend(self.feeds.iter().filter_map(|(publisher, feed)| {
            let head = feed.head?;
            Some(PeerHead { publisher: *publisher, seq: head.seq, id: head.id })
        }));
        Heads { charter: self.charter().number, charter_id: self.chain.current_id(), feeds, clock: now.wall }
    }

    /// Notes what a peer has, and looks closer where its head contradicts ours.
    pub(super) fn learn_heads(&mut self, from: Peer, heads: Heads, now: Now) {
        let ours = self.chain.from(heads.charter).first().map(|ours| (ours.charter().number, ours.id()));
        let other = ours.is_some_and(|(number, id)| number == heads.charter && id != heads.charter_id);
        let other = other && !self.forks.contains(&heads.charter_id);
        let Some(peer) = self.peers.get_mut(&from) else { return };
        peer.charter = peer.charter.max(heads.charter);
        peer.other_charter = other.then_some(heads.charter);
        peer.heads_heard = true;
        peer.heard_clock(heads.clock, now);
        // Only feeds that the charter knows: a peer must not fill memory with made-up ones. Both are in ascending order, or the heads
        // would not have been decoded.
        let PeerState { heads: known, suspects, .. } = peer;
        let (mut feeds, mut before) = (self.feeds.iter().peekable(), known.iter_mut().peekable());
        let (mut news, mut first) = (Vec::new(), Vec::new());
        for head in heads.feeds {
            let Some(feed) = seek(&mut feeds, head.publisher) else { continue };
            match seek(&mut before, head.publisher) {
                Some(before) => *before = head.seq.max(*before),
                None => first.push((head.publisher, head.seq)),
            }
            if feed.announced < Some(head.seq) {
                news.push((head.publisher, head.seq));
            }
            let ours = feed.head;
            if ours.is_some_and(|ours| ours.seq == head.seq && ours.id != head.id) {
                suspects.insert(head.publisher, head.seq);
            }
        }
        known.extend(first);
        for (publisher, seq) in news {
            self.feeds.announce(publisher, seq);
        }
        self.pump(now);
    }
}

/// What stands under this publisher, looked for behind what was found before.
fn seek<'a, V>(
    sorted: &mut Peekable<impl Iterator<Item = (&'a MemberNumber, V)>>,
    publisher: MemberNumber,
) -> Option<V> {
    while sorted.next_if(|(at, _)| **at < publisher).is_some() {}
    sorted.next_if(|(at, _)| **at == publisher).map(|(_, value)| value)
}
