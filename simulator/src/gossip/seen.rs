//! The messages that were seen: duplicates end here.

use std::{
    collections::{HashMap, VecDeque},
    hash::{BuildHasherDefault, Hasher},
};

use antibrush_protocol::{gossip::DUPLICATE_CACHE_MS, replica::Verdict};

use super::MessageId;

/// Things by message. Nobody walks over it: the order of a hash map must decide nothing.
pub(super) type ByMessage<T> = HashMap<MessageId, T, BuildHasherDefault<Spread>>;

/// The hash of a number of a message: the world gives them one after the other, so a product spreads them (Knuth, "The Art of
/// Computer Programming" 3, § 6.4).
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Spread(u64);

impl Hasher for Spread {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64(u64::from(*byte)));
    }

    fn write_u64(&mut self, number: u64) {
        self.0 = (self.0 ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        // The table takes its place from the low bits; a product has its best ones on top.
        self.0.rotate_left(26)
    }
}

/// What became of each message of the last [`DUPLICATE_CACHE_MS`].
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    /// The verdict on each, `None` as long as there is none.
    verdicts: ByMessage<Option<Verdict>>,
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
