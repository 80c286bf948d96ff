//! The messages that were seen: duplicates end here.

use std::collections::{BTreeMap, VecDeque};

use antibrush_protocol::{gossip::DUPLICATE_CACHE_MS, replica::Verdict};

use super::MessageId;

/// What became of each message of the last [`DUPLICATE_CACHE_MS`].
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The verdict on each, `None` as long as there is none.
    verdicts: BTreeMap<MessageId, Option<Verdict>>,
    /// When each is forgotten, in milliseconds, the earliest first.
    until: VecDeque<(u64, MessageId)>,
}

impl Seen {
    /// Notes a message; false if it was there.
    pub fn insert(&mut self, id: MessageId, now_ms: u64) -> bool {
        self.forget(now_ms);
        if self.verdicts.contains_key(&id) {
            return false;
        }
        self.verdicts.insert(id, None);
        self.until.push_back((now_ms + DUPLICATE_CACHE_MS, id));
        true
    }

    /// Whether a message was seen.
    pub fn contains(&self, id: MessageId) -> bool {
        self.verdicts.contains_key(&id)
    }

    /// The verdict on a message, if it was seen and judged.
    pub fn verdict(&self, id: MessageId) -> Option<Verdict> {
        self.verdicts.get(&id).copied().flatten()
    }

    /// Notes the first verdict on a message.
    pub fn judge(&mut self, id: MessageId, verdict: Verdict) {
        if let Some(known) = self.verdicts.get_mut(&id) {
            known.get_or_insert(verdict);
        }
    }

    /// Forgets what is old.
    pub fn forget(&mut self, now_ms: u64) {
        while let Some(&(until, id)) = self.until.front() {
            if until > now_ms {
                break;
            }
            self.until.pop_front();
            self.verdicts.remove(&id);
        }
    }

    /// How many messages are remembered.
    pub fn len(&self) -> usize {
        self.verdicts.len()
    }
}
