//! What the store answers.

use super::{BatchId, Event, Fault, Now, Offence, Output, Peer, PublishRefusal, Replica, Standing, Topic, feed::Slot};
use crate::{
    base::MemberNumber,
    feed::{ChunkError, Head, body::BodyError},
    limits,
};

impl Replica {
    pub(super) fn on_probed(&mut self, batch: BatchId, present: &[bool], now: Now) {
        if let Some(pending) = self.feeds.get_mut(&batch.publisher).and_then(|feed| feed.pending(batch.seq)) {
            pending.probed = true;
            for (slot, present) in pending.slots.iter_mut().zip(present) {
                if *present && *slot == Slot::Missing {
                    *slot = Slot::Stored;
                }
            }
        }
        self.pump(now);
    }

    pub(super) fn on_chunk_stored(
        &mut self,
        batch: BatchId,
        index: u32,
        from: Peer,
        result: Result<(), Fault<ChunkError>>,
        now: Now,
    ) {
        self.chunks_storing = self.chunks_storing.saturating_sub(1);
        let slot = if result.is_ok() { Slot::Stored } else { Slot::Missing };
        self.set_slot(batch, index, slot);
        match result {
            Ok(()) => {}
            // Whoever sent it sent what the header names.
            Err(Fault::Bad(ChunkError::Misdescribed)) => {
                if self.slot(batch, index).is_some() {
                    self.refuse(batch, BodyError::Misdescribed);
                }
            }
            Err(Fault::Bad(error)) => {
                self.refused(error.rule());
                self.blame(from, Offence::BadChunk, now);
            }
            Err(Fault::Storage) => self.postpone(batch.publisher, now),
        }
        self.pump(now);
    }

    /// FEED-5: each batch is committed once, in order, and counts only when the store says that it is durable.
    pub(super) fn on_committed(
        &mut self,
        publisher: MemberNumber,
        through: Option<u64>,
        result: Result<(), Fault<BodyError>>,
        now: Now,
    ) {
        let Some(feed) = self.feeds.get_mut(&publisher) else { return };
        feed.committing = 0;
        let mut done = Vec::new();
        while let Some(pending) = feed.queue.front().filter(|pending| Some(pending.header.payload().seq) <= through) {
            let header = pending.header.payload();
            let head = Head::of(header, pending.header.id());
            done.push((head, header.count, pending.own, pending.header.envelope().clone()));
            feed.head = Some(head);
            feed.head_envelope = Some(pending.header.envelope().clone());
            feed.head_charter = Some(header.charter);
            feed.queue.pop_front();
        }
        let next = feed.queue.front().map(|pending| (pending.id(), pending.own));
        let goes_on = feed.takes(feed.head.map_or(0, |head| head.seq + 1));
        for (head, count, own, envelope) in done {
            if own {
                self.out(Output::Gossip { topic: Topic::Heads, bytes: envelope });
            }
            self.out(Output::Report(Event::Committed { publisher, head, count }));
        }
        if self.unsettled {
            self.settle_feeds(now);
        }
        match (result, next) {
            // It was frozen while the store was at work.
            _ if !goes_on => self.drop_waiting(publisher),
            (Err(Fault::Bad(_)), Some((batch, true))) => self.drop_own(batch, PublishRefusal::Invalid),
            (Err(Fault::Bad(error)), Some((batch, false))) => self.refuse(batch, error),
            (Err(Fault::Storage), Some((batch, true))) => self.drop_own(batch, PublishRefusal::Storage),
            (Err(Fault::Storage), _) => self.postpone(publisher, now),
            _ => {}
        }
        self.pump(now);
    }

    /// FEED-4: a body that does not hold, or that names a chunk of another place, is the publisher's doing alone; its feed stops before it.
    fn refuse(&mut self, batch: BatchId, error: BodyError) {
        if let Some(feed) = self.feeds.get_mut(&batch.publisher) {
            feed.standing = Standing::Refused { seq: batch.seq, error };
        }
        self.drop_waiting(batch.publisher);
        self.refused(error.rule());
        self.out(Output::Report(Event::FeedRefused { batch, error }));
    }

    /// Our storage failed: this feed waits, the others go on.
    pub(super) fn postpone(&mut self, publisher: MemberNumber, now: Now) {
        let until = now.ms + 10 * u64::from(limits::BUSY_RETRY_MS);
        if let Some(feed) = self.feeds.get_mut(&publisher) {
            feed.retry_at_ms = until;
        }
        self.wake_at(until);
    }

    /// A feed that does not go on keeps only what the store is committing at this moment.
    pub(super) fn drop_waiting(&mut self, publisher: MemberNumber) {
        let Some(feed) = self.feeds.get_mut(&publisher) else { return };
        let at = feed.committing.min(feed.queue.len());
        let own: Vec<_> =
            feed.queue.drain(at..).filter(|pending| pending.own).map(|pending| pending.id().seq).collect();
        for seq in own {
            self.out(Output::Report(Event::NotPublished { seq, reason: PublishRefusal::Frozen }));
        }
    }
}
