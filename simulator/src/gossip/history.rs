//! The messages of the last heartbeats: waiting for their verdict, told of to others, given to who asks.

use std::{collections::VecDeque, sync::Arc};

use antibrush_protocol::{
    gossip::{HISTORY_GOSSIP, HISTORY_LENGTH},
    replica::Topic,
};

use super::{MessageId, PeerIndex, parameters::GOSSIP_RETRANSMISSION, seen::ByMessage};

/// A message that is kept.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub topic: Topic,
    pub bytes: Arc<[u8]>,
    /// Who brought it first; `None` if we published it.
    pub from: Option<PeerIndex>,
    /// Whether the verdict was to accept it.
    pub accepted: bool,
    /// Who brought it as well before the verdict.
    pub heard: Vec<PeerIndex>,
    /// How often each peer asked for it.
    asked: Vec<(PeerIndex, u32)>,
    /// The last heartbeat before it came.
    beat: u64,
}

/// The messages by heartbeat. Instead of being shifted at every one, each message remembers its own, so that heartbeats at which
/// nothing happens can be left out.
#[derive(Clone, Debug, Default)]
pub(super) struct History {
    kept: ByMessage<Kept>,
    order: VecDeque<(u64, MessageId)>,
    bytes: usize,
}

impl History {
    /// Keeps a message that came after heartbeat `beat`.
    pub fn put(&mut self, id: MessageId, topic: Topic, bytes: Arc<[u8]>, from: Option<PeerIndex>, beat: u64) {
        self.forget(beat);
        if self.kept.contains_key(&id) {
            return;
        }
        self.bytes += bytes.len();
        let kept = Kept { topic, bytes, from, accepted: from.is_none(), heard: Vec::new(), asked: Vec::new(), beat };
        self.kept.insert(id, kept);
        self.order.push_back((beat, id));
    }

    /// A message, if it is still there after heartbeat `beat`.
    pub fn get_mut(&mut self, id: MessageId, beat: u64) -> Option<&mut Kept> {
        self.kept.get_mut(&id).filter(|kept| beat < kept.beat + HISTORY_LENGTH as u64)
    }

    /// Gives a message to a peer that asks for it, unless it asked too often.
    pub fn give(&mut self, id: MessageId, to: PeerIndex, beat: u64) -> Option<(Topic, Arc<[u8]>)> {
        let kept = self.get_mut(id, beat).filter(|kept| kept.accepted)?;
        let at = kept.asked.iter().position(|(peer, _)| *peer == to).unwrap_or_else(|| {
            kept.asked.push((to, 0));
            kept.asked.len() - 1
        });
        kept.asked[at].1 += 1;
        (kept.asked[at].1 <= GOSSIP_RETRANSMISSION).then(|| (kept.topic, kept.bytes.clone()))
    }

    /// Removes a message, if it is still there after heartbeat `beat`.
    pub fn remove(&mut self, id: MessageId, beat: u64) -> Option<Kept> {
        self.get_mut(id, beat)?;
        let kept = self.kept.remove(&id)?;
        self.bytes -= kept.bytes.len();
        Some(kept)
    }

    /// The messages of which heartbeat `beat` tells, by topic.
    pub fn told(&self, beat: u64) -> impl Iterator<Item = (Topic, MessageId)> {
        let recent = self.order.iter().rev().take_while(move |(at, _)| beat <= at + HISTORY_GOSSIP as u64);
        recent.filter_map(|(_, id)| self.kept.get(id).filter(|kept| kept.accepted).map(|kept| (kept.topic, *id)))
    }

    /// Whether heartbeat `beat` may have anything to tell of.
    pub fn has_news(&self, beat: u64) -> bool {
        self.order.back().is_some_and(|(at, _)| beat <= at + HISTORY_GOSSIP as u64)
    }

    /// Forgets what heartbeat `beat` lets go.
    pub fn forget(&mut self, beat: u64) {
        while let Some(&(at, id)) = self.order.front() {
            if beat < at + HISTORY_LENGTH as u64 {
                break;
            }
            self.order.pop_front();
            // One that was removed may be back since: it has an entry of its own then.
            if self.kept.get(&id).is_some_and(|kept| kept.beat == at)
                && let Some(kept) = self.kept.remove(&id)
            {
                self.bytes -= kept.bytes.len();
            }
        }
    }

    /// How many messages are kept, and how many bytes they have.
    pub fn load(&self) -> (usize, usize) {
        (self.kept.len(), self.bytes)
    }
}
