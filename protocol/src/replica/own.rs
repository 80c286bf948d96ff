//! Our own feed. Which of a member's nodes may sign is agreed on before a batch comes here: [`crate::writer`].

use std::sync::Arc;

use super::{
    BatchId, Event, Fault, Now, Output, PublishRefusal, Replica, Standing, Store,
    feed::{Admission, Slot},
};
use crate::{
    feed::{BatchHeader, ChunkError},
    signed::Signed,
};

impl Replica {
    /// Takes our own next batch. It is answered by exactly one [`Event::Committed`] or [`Event::NotPublished`].
    pub(super) fn on_publish(&mut self, header: Signed<BatchHeader>, chunks: Vec<Arc<[u8]>>, now: Now) {
        let seq = header.payload().seq;
        if let Err(reason) = self.try_publish(header, chunks, now) {
            self.out(Output::Report(Event::NotPublished { seq, reason }));
        }
        self.pump(now);
    }

    fn try_publish(
        &mut self,
        header: Signed<BatchHeader>,
        chunks: Vec<Arc<[u8]>>,
        now: Now,
    ) -> Result<(), PublishRefusal> {
        let header = self.chain.verify_header(header, now.wall).map_err(|_| PublishRefusal::Invalid)?;
        let batch = BatchId { publisher: header.payload().publisher, seq: header.payload().seq };
        let placed: Vec<_> = header.payload().placed_chunks().map(|(place, of)| (place, *of)).collect();
        if Some(batch.publisher) != self.me() || placed.len() != chunks.len() {
            return Err(PublishRefusal::Invalid);
        }
        let feed = self.feeds.or_default(batch.publisher);
        if feed.standing != Standing::Open || feed.rewinding {
            return Err(PublishRefusal::Frozen);
        }
        // What the store still has to say of an earlier attempt must not be taken for an answer about this one.
        let waiting = !feed.queue.is_empty() || feed.own_storing > 0;
        // Looked at before it is admitted: our own mistake must not look like a second history.
        if waiting || !feed.continues(&header) || !matches!(feed.admit(header, true, &self.chain), Admission::Queued) {
            return Err(PublishRefusal::Moved);
        }
        feed.own_storing = placed.len();
        for (index, ((place, descriptor), bytes)) in placed.into_iter().zip(chunks).enumerate() {
            let index = index as u32;
            self.set_slot(batch, index, Slot::Storing);
            self.out(Output::Store(Store::Chunk { batch, index, place, descriptor, bytes, from: None }));
        }
        Ok(())
    }

    pub(super) fn on_own_chunk_stored(
        &mut self,
        batch: BatchId,
        index: u32,
        result: Result<(), Fault<ChunkError>>,
        now: Now,
    ) {
        if let Some(feed) = self.feeds.get_mut(&batch.publisher) {
            feed.own_storing = feed.own_storing.saturating_sub(1);
        }
        let is_own = |feed: &mut super::feed::Feed| feed.pending(batch.seq).is_some_and(|pending| pending.own);
        match result {
            // An attempt that was taken back: another header may have that number now.
            _ if !self.feeds.get_mut(&batch.publisher).is_some_and(is_own) => {}
            Ok(()) => self.set_slot(batch, index, Slot::Stored),
            Err(Fault::Bad(_)) => self.drop_own(batch, PublishRefusal::Invalid),
            Err(Fault::Storage) => self.drop_own(batch, PublishRefusal::Storage),
        }
        self.pump(now);
    }

    /// Takes our own batch back: it never left this node.
    pub(super) fn drop_own(&mut self, batch: BatchId, reason: PublishRefusal) {
        let Some(feed) = self.feeds.get_mut(&batch.publisher) else { return };
        let before = feed.queue.len();
        feed.queue.retain(|pending| pending.header.payload().seq < batch.seq);
        if feed.queue.len() < before {
            self.out(Output::Report(Event::NotPublished { seq: batch.seq, reason }));
        }
    }
}
