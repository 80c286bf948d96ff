//! Posts of our own: on the disk first, then on the board, then to others.
//!
//! A holder or witness that was killed must find what others have heard of it, or it could say something else the next time. So
//! nothing of our own is on the board, where peers see it, before the store says that it is durable; what the store does not
//! take is tried again, in order.

use std::{collections::VecDeque, sync::Arc};

use super::{Event, Now, Output, Replica, Store, Topic};
use crate::{
    board::{Judged, Place, Post, PostId, Taken},
    limits,
};

/// Posts of our own that wait. A custodian makes some for each ceremony, a witness one for each page of feeds.
const WAITING: usize = 256;

/// What waits for the store.
#[derive(Debug, Default)]
pub(super) struct Posting {
    queue: VecDeque<Place>,
    /// The store is at work for the first of the queue.
    storing: bool,
    /// The store failed: it is not tried again before this.
    retry_at_ms: u64,
}

impl Replica {
    /// A post of our own: the same door as for everybody's.
    pub(super) fn on_own_post(&mut self, post: Post, now: Now) {
        let bytes: Arc<[u8]> = post.encode().into();
        match self.board.judge(post, &self.chain, now.wall) {
            Ok(Judged::New(place)) => self.line_up(place),
            // Told again: it may have got lost on the way to others.
            Ok(Judged::Known) => self.out(Output::Gossip { topic: Topic::Board, bytes }),
            Ok(Judged::Older) => {}
            Err(error) => self.out(Output::Report(Event::PostRefused { error })),
        }
    }

    fn line_up(&mut self, place: Place) {
        let posting = &mut self.posting;
        if posting.queue.iter().any(|waiting| waiting.id() == place.id()) {
            return;
        }
        // What never left gives way to what is said instead of it; not what may be on the disk already.
        let may_be_stored = usize::from(posting.storing || posting.retry_at_ms > 0);
        let mut at = 0;
        posting.queue.retain(|waiting| {
            at += 1;
            at <= may_be_stored || !waiting.has_place_of(&place)
        });
        if posting.queue.len() < WAITING {
            posting.queue.push_back(place);
        }
    }

    /// Has the store keep the next one.
    pub(super) fn store_own_posts(&mut self, now: Now) {
        if self.posting.storing || self.posting.retry_at_ms > now.ms {
            return;
        }
        while let Some(place) = self.posting.queue.front() {
            let (id, bytes) = (place.id(), Arc::clone(place.bytes()));
            let judged = Post::decode(&bytes).ok().map(|post| self.board.judge(post, &self.chain, now.wall));
            if let Some(Ok(Judged::New(place))) = judged {
                let gone = self.board.in_place_of(&place).into_iter().collect();
                self.posting.storing = true;
                return self.out(Output::Store(Store::OwnPost { id, bytes, gone }));
            }
            // The charter or the board has moved on meanwhile.
            self.forget_own_post(id);
        }
    }

    /// Durable, so that it may be told; or to be tried again.
    pub(super) fn on_post_stored(&mut self, id: PostId, stored: bool, now: Now) {
        self.posting.storing = false;
        let first = self.posting.queue.front().filter(|place| place.id() == id);
        let Some(bytes) = first.map(|place| Arc::clone(place.bytes())) else { return };
        if !stored {
            self.posting.retry_at_ms = now.ms + 10 * u64::from(limits::BUSY_RETRY_MS);
            self.wake_at(self.posting.retry_at_ms);
            return;
        }
        self.posting.retry_at_ms = 0;
        let taken = Post::decode(&bytes).ok().and_then(|post| self.take_stored(post, now).ok());
        match taken {
            Some(Taken::New { .. } | Taken::Known) => {
                self.posting.queue.pop_front();
                self.out(Output::Gossip { topic: Topic::Board, bytes });
            }
            Some(Taken::Older) | None => self.forget_own_post(id),
        }
    }

    /// The first of the queue has no place on the board any more: it leaves the disk, where an attempt may have put it.
    fn forget_own_post(&mut self, id: PostId) {
        self.posting.queue.pop_front();
        self.posting.retry_at_ms = 0;
        if !self.board.has(&id) {
            self.out(Output::Store(Store::Unpost(vec![id])));
        }
    }
}
