//! The board: taking posts, passing them on, comparing with peers.

use std::sync::Arc;

use super::{Event, Now, Offence, Output, Peer, Replica, Store, Verdict};
use crate::{
    board::{BoardError, Judged, Place, Post, PostId, Taken},
    limits,
};

impl Replica {
    /// Puts up again what was kept. What the charter or the calendar no longer accepts leaves the disk, too.
    pub(super) fn restore_board(&mut self, now: Now) {
        let kept = std::mem::take(&mut self.kept_posts);
        let mut posts: Vec<_> = kept.iter().map(|bytes| (Post::id_of(bytes), Post::decode(bytes))).collect();
        // Calls before what was posted in their ceremonies.
        posts.sort_by_key(|(_, post)| !matches!(post, Ok(Post::Call(_))));
        let (mut gone, mut clock_is_back) = (Vec::new(), false);
        for (id, post) in posts {
            let board = Arc::make_mut(&mut self.board);
            match post.map_err(BoardError::from).and_then(|post| board.take(post, &self.chain, now.wall)) {
                Ok(Taken::New { replaces }) => gone.extend(replaces),
                Ok(Taken::Known) => {}
                Ok(Taken::Older) => gone.push(id),
                Err(error) => {
                    clock_is_back |= error.is_of_the_clock();
                    gone.push(id);
                }
            }
        }
        // A computer that starts with the clock of its factory must not lose the board.
        if !gone.is_empty() && !clock_is_back {
            self.out(Output::Store(Store::Unpost(gone)));
        }
    }

    pub(super) fn on_gossiped_post(&mut self, from: Peer, bytes: &[u8], now: Now) -> Result<Verdict, Offence> {
        match self.read(bytes, now) {
            Ok(Taken::New { .. } | Taken::Known) => Ok(Verdict::Accept),
            Ok(Taken::Older) => Ok(Verdict::Ignore),
            Err(error) if error.is_senders_fault() => {
                self.refused(error.rule());
                Err(Offence::BadPost)
            }
            Err(error) => {
                self.refused(error.rule());
                if let Some(peer) = self.peers.get_mut(&from) {
                    peer.board_refused = true;
                    // Gossip has no order: who passed it on has the call. Nobody else is asked, for anybody can make up a
                    // message of a ceremony that there never was.
                    peer.board_wanted |= error == BoardError::UnknownCall;
                }
                self.out(Output::Report(Event::PostRefused { error }));
                Ok(Verdict::Ignore)
            }
        }
    }

    /// Posts that a peer has and we had not.
    pub(super) fn on_posts(&mut self, peer: Peer, posts: &[Arc<[u8]>], now: Now) {
        let (mut news, mut refused) = (false, false);
        for bytes in posts {
            match self.read(bytes, now) {
                Ok(taken) => news |= matches!(taken, Taken::New { .. }),
                Err(error) => {
                    self.refused(error.rule());
                    if error.is_senders_fault() {
                        return self.blame(peer, Offence::BadPost, now);
                    }
                    refused = true;
                }
            }
        }
        let Some(state) = self.peers.get_mut(&peer) else { return };
        state.board_refused |= refused;
        if posts.len() < limits::POSTS_PER_ANSWER
            && let Some(member) = self.chain.current().member_of_node(&peer)
        {
            self.boards_heard.insert(member.number);
        }
        // A full answer may not have been all; one without news would come again and again.
        if news && posts.len() == limits::POSTS_PER_ANSWER {
            state.board_wanted = true;
            state.board_after_ms = now.ms;
        }
    }

    /// Takes a post from a peer. What is there already costs no signature.
    fn read(&mut self, bytes: &[u8], now: Now) -> Result<Taken, BoardError> {
        if self.board.has(&Post::id_of(bytes)) {
            return Ok(Taken::Known);
        }
        self.put_up(Post::decode(bytes)?, now)
    }

    pub(super) fn put_up(&mut self, post: Post, now: Now) -> Result<Taken, BoardError> {
        // Copied only for what is taken: others hold the board as it is.
        match self.board.judge(post, &self.chain, now.wall)? {
            Judged::Known => Ok(Taken::Known),
            Judged::Older => Ok(Taken::Older),
            Judged::New(place) => {
                let (id, bytes) = (place.id(), place.bytes().clone());
                let replaces = self.put(place);
                self.out(Output::Store(Store::Post { id, bytes, gone: replaces.into_iter().collect() }));
                Ok(Taken::New { replaces })
            }
        }
    }

    /// Puts up what the store keeps already.
    pub(super) fn take_stored(&mut self, post: Post, now: Now) -> Result<Taken, BoardError> {
        match self.board.judge(post, &self.chain, now.wall)? {
            Judged::Known => Ok(Taken::Known),
            Judged::Older => Ok(Taken::Older),
            Judged::New(place) => {
                let replaces = self.put(place);
                if let Some(gone) = replaces {
                    self.out(Output::Store(Store::Unpost(vec![gone])));
                }
                Ok(Taken::New { replaces })
            }
        }
    }

    fn put(&mut self, place: Place) -> Option<PostId> {
        let replaces = Arc::make_mut(&mut self.board).put(place);
        self.out(Output::Report(Event::Posted));
        self.unsettled = true;
        replaces
    }

    /// Takes down what is no longer kept.
    pub(super) fn prune_board(&mut self, now: Now) {
        if self.board.has_stale(now.wall) {
            let gone = Arc::make_mut(&mut self.board).prune(now.wall);
            self.out(Output::Store(Store::Unpost(gone)));
        }
    }
}
