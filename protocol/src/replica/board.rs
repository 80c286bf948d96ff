//! The board: taking posts, passing them on, comparing with peers.

use std::sync::Arc;

use super::{Event, Now, Offence, Output, Peer, Replica, Store, Topic, Verdict};
use crate::{
    board::{BoardError, Post, Taken},
    limits,
};

impl Replica {
    /// Puts up again what was kept. What the charter no longer accepts is left out.
    pub(super) fn restore_board(&mut self, now: Now) {
        let kept = std::mem::take(&mut self.kept_posts);
        let mut posts: Vec<Post> = kept.iter().filter_map(|bytes| Post::decode(bytes).ok()).collect();
        // Calls before what was posted in their ceremonies.
        posts.sort_by_key(|post| !matches!(post, Post::Call(_)));
        for post in posts {
            // What is refused now, peers show again when they accept it.
            let _ = Arc::make_mut(&mut self.board).take(post, &self.chain, now.wall);
        }
    }

    /// A post of our own: the same door as for everybody's.
    pub(super) fn on_own_post(&mut self, post: Post, now: Now) {
        let bytes: Arc<[u8]> = post.encode().into();
        match self.put_up(post, now) {
            Ok(Taken::New { .. }) => self.out(Output::Gossip { topic: Topic::Board, bytes }),
            // Told again: it may have got lost on the way to others.
            Ok(Taken::Known) => self.out(Output::Gossip { topic: Topic::Board, bytes }),
            Ok(Taken::Older) => {}
            Err(error) => self.out(Output::Report(Event::PostRefused { error })),
        }
    }

    pub(super) fn on_gossiped_post(&mut self, bytes: &[u8], now: Now) -> Result<Verdict, Offence> {
        match Post::decode(bytes).map_err(BoardError::from).and_then(|post| self.put_up(post, now)) {
            Ok(Taken::New { .. } | Taken::Known) => Ok(Verdict::Accept),
            Ok(Taken::Older) => Ok(Verdict::Ignore),
            Err(error) if error.is_senders_fault() => Err(Offence::BadPost),
            Err(error) => {
                if error == BoardError::UnknownCall {
                    // Gossip has no order: the call comes by comparing.
                    self.peers.values_mut().for_each(|peer| peer.board_wanted = true);
                }
                self.out(Output::Report(Event::PostRefused { error }));
                Ok(Verdict::Ignore)
            }
        }
    }

    /// Posts that a peer has and we had not.
    pub(super) fn on_posts(&mut self, peer: Peer, posts: &[Arc<[u8]>], now: Now) {
        let mut news = false;
        for bytes in posts {
            match Post::decode(bytes).map_err(BoardError::from).and_then(|post| self.put_up(post, now)) {
                Ok(taken) => news |= matches!(taken, Taken::New { .. }),
                Err(error) if error.is_senders_fault() => return self.blame(peer, Offence::BadPost, now),
                Err(_) => {}
            }
        }
        // A full answer may not have been all; one without news would come again and again.
        if news
            && posts.len() == limits::POSTS_PER_ANSWER
            && let Some(state) = self.peers.get_mut(&peer)
        {
            state.board_wanted = true;
        }
    }

    fn put_up(&mut self, post: Post, now: Now) -> Result<Taken, BoardError> {
        let (id, bytes) = (post.id(), post.encode());
        let taken = Arc::make_mut(&mut self.board).take(post, &self.chain, now.wall)?;
        if let Taken::New { replaces } = taken {
            let gone = replaces.into_iter().collect();
            self.out(Output::Store(Store::Post { id, bytes: bytes.into(), gone }));
            self.out(Output::Report(Event::Posted));
        }
        Ok(taken)
    }

    /// Takes down what is no longer kept.
    pub(super) fn prune_board(&mut self, now: Now) {
        if self.board.has_stale(now.wall) {
            let gone = Arc::make_mut(&mut self.board).prune(now.wall);
            self.out(Output::Store(Store::Unpost(gone)));
        }
    }
}
