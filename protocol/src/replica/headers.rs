//! The way of a header into its feed, whichever way it came.

use super::{
    BatchId, Event, GossipHandle, Now, Offence, Output, Peer, PublishRefusal, Replica, Store, Topic, Verdict,
    feed::Admission,
};
use crate::{
    base::Hash,
    charter::HeaderRefusal,
    encoding::DecodeError,
    feed::BatchHeader,
    limits, rule,
    signed::{SignatureError, Signed, Verified},
};

impl Replica {
    pub(super) fn on_gossip(&mut self, from: Peer, handle: GossipHandle, topic: Topic, bytes: &[u8], now: Now) {
        if bytes.len() > limits::GOSSIP_BYTES {
            self.refused(rule::ENCODING);
        }
        let judged = match topic {
            _ if bytes.len() > limits::GOSSIP_BYTES => Some(Err(Offence::Undecodable)),
            Topic::Heads => Some(self.on_gossiped_header(from, bytes, now)),
            Topic::Charters => self.on_announcement(from, handle, bytes, now),
            Topic::Board => Some(self.on_gossiped_post(from, bytes, now)),
        };
        if let Some(judged) = judged {
            let verdict = judged.unwrap_or(Verdict::Reject);
            self.out(Output::Verdict { handle, verdict });
        }
        if let Some(Err(offence)) = judged {
            self.out(Output::Penalise { peer: from, offence });
        }
        self.pump(now);
    }

    fn on_gossiped_header(&mut self, from: Peer, bytes: &[u8], now: Now) -> Result<Verdict, Offence> {
        let header = match Signed::<BatchHeader>::decode(bytes) {
            Ok(header) => header,
            Err(error) => {
                self.refused(error.rule());
                return offence_of(&error).map_or(Ok(Verdict::Ignore), Err);
            }
        };
        let h = header.payload();
        let (batch, charter) = (BatchId { publisher: h.publisher, seq: h.seq }, h.charter);
        match self.chain.verify_header(header, now.wall) {
            Ok(header) => {
                // Who passes a header on may still wait for the body; the publisher has it for certain.
                for key in self.nodes_of(batch.publisher).into_iter().chain([from]) {
                    self.note_head(key, batch);
                }
                self.admit(None, header, now);
                Ok(Verdict::Accept)
            }
            Err(refusal) if self.is_senders_fault(&from, &refusal, charter) => {
                self.refused(refusal.rule());
                Err(Offence::BadHeader)
            }
            Err(refusal) => {
                self.on_refusal(Some(from), batch, refusal, now);
                Ok(Verdict::Ignore)
            }
        }
    }

    /// Takes a header that did not come by gossip. `false`: those after it need not be looked at now.
    pub(super) fn take_header(&mut self, from: Option<Peer>, header: Signed<BatchHeader>, now: Now) -> bool {
        let h = header.payload();
        let (batch, charter) = (BatchId { publisher: h.publisher, seq: h.seq }, h.charter);
        match (self.chain.verify_header(header, now.wall), from) {
            (Ok(header), from) => self.admit(from, header, now),
            (Err(refusal), Some(peer)) if self.is_senders_fault(&peer, &refusal, charter) => {
                self.refused(refusal.rule());
                self.blame(peer, Offence::BadHeader, now);
                false
            }
            (Err(refusal), _) => {
                self.on_refusal(from, batch, refusal, now);
                false
            }
        }
    }

    /// Nobody is to blame: remembers who has the header and looks again later.
    fn on_refusal(&mut self, from: Option<Peer>, batch: BatchId, refusal: HeaderRefusal, now: Now) {
        if let Some(from) = from {
            self.refused(refusal.rule());
            self.note_head(from, batch);
            self.lacks(from, batch.publisher, now.ms + 10 * limits::ABSENT_RETRY_MS);
            if refusal == HeaderRefusal::UnknownCharter {
                let next = self.charter().number + 1;
                self.charter_missing(from, next);
            }
        }
        if refusal == HeaderRefusal::FromTheFuture
            && let Some(feed) = self.feeds.get_mut(&batch.publisher)
        {
            // It would be the same from every peer.
            feed.headers_after_ms = now.ms + limits::ANTI_ENTROPY_MS;
            self.wake_at(now.ms + limits::ANTI_ENTROPY_MS);
        }
        self.out(Output::Report(Event::HeaderIgnored { batch, refusal }));
    }

    /// Puts a verified header where it belongs; `from` is who answered with it. `false`: those after it can not be admitted now.
    fn admit(&mut self, from: Option<Peer>, header: Verified<BatchHeader>, now: Now) -> bool {
        self.displace_own(&header);
        let h = header.payload();
        let batch = BatchId { publisher: h.publisher, seq: h.seq };
        let has_body = !h.chunks.is_empty();
        let feed = self.feeds.or_default(h.publisher);
        match feed.admit(header.clone(), false, &self.chain) {
            Admission::Queued => {
                if has_body {
                    self.out(Output::Store(Store::Probe { header }));
                }
                true
            }
            Admission::Known => true,
            Admission::Old => {
                let store = Store::Compare { batch, id: header.id(), theirs: header.envelope().clone() };
                self.out(Output::Store(store));
                true
            }
            Admission::Conflict(ours) => {
                self.accuse(&ours, header.envelope(), now);
                if let Some(peer) = from {
                    self.give_way(peer, header.payload(), now);
                }
                false
            }
            Admission::Backwards => {
                let refusal = HeaderRefusal::EarlierCharter;
                self.refused(refusal.rule());
                self.out(Output::Report(Event::HeaderIgnored { batch, refusal }));
                false
            }
            Admission::Gap | Admission::Full | Admission::Closed => false,
        }
    }

    /// Our own batch that is not durable yet never left this node, so it gives way to one that did: to hold on to it would
    /// prove an equivocation that nobody saw.
    fn displace_own(&mut self, header: &Verified<BatchHeader>) {
        let h = header.payload();
        let Some(feed) = self.feeds.get(&h.publisher).filter(|feed| feed.committing == 0) else { return };
        let own = feed.queue.iter().find(|pending| pending.own).filter(|own| own.header.id() != header.id());
        if let Some(batch) = own.map(|own| own.id()).filter(|batch| batch.seq <= h.seq) {
            self.drop_own(batch, PublishRefusal::Moved);
        }
    }

    /// Whether an honest peer that checks before it passes on could never have sent this.
    fn is_senders_fault(&self, from: &Peer, refusal: &HeaderRefusal, charter: Hash) -> bool {
        match refusal {
            HeaderRefusal::Signature(error) => offence_of(error).is_some(),
            HeaderRefusal::Form(_)
            | HeaderRefusal::OtherAlliance
            | HeaderRefusal::Checkpoint
            | HeaderRefusal::CharterExpired => true,
            // Right under an older or a newer charter than ours: only who has exactly ours must have known.
            HeaderRefusal::WrongKey | HeaderRefusal::NotAPublisher => {
                charter == self.chain.current_id()
                    && self.peers.get(from).is_some_and(|peer| peer.charter == self.charter().number)
            }
            // Its clock or ours may be wrong, or one of us has the older charter.
            HeaderRefusal::UnknownCharter
            | HeaderRefusal::FromTheFuture
            | HeaderRefusal::Void
            | HeaderRefusal::EarlierCharter => false,
        }
    }
}

/// What a sender is to blame for if this header is its doing; `None` for what a newer release may have let through.
pub(super) fn offence_of(error: &SignatureError) -> Option<Offence> {
    match error {
        SignatureError::Decode(DecodeError::UnknownVersion(_)) => None,
        SignatureError::BadSignature => Some(Offence::BadHeader),
        SignatureError::Envelope
        | SignatureError::ProtectedHeader
        | SignatureError::UnprotectedHeader
        | SignatureError::Payload
        | SignatureError::Decode(_) => Some(Offence::Undecodable),
    }
}
