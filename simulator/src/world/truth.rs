//! What really happened, as nobody in the world knows it: what each batch was made of, by whom, and what was acknowledged.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Range,
};

use antibrush_protocol::{
    base::{Hash, MemberNumber},
    charter::Cut,
    entry::Entry,
};

use super::{disk::Place, oracle::Oracle};

/// A batch that somebody made with the key of its publisher.
#[derive(Clone, Debug)]
pub struct Made {
    /// Whose feed.
    pub publisher: MemberNumber,
    /// Its number.
    pub seq: u64,
    /// Leaves in the tree after it.
    pub size: u64,
    /// When, in microseconds.
    pub at_us: u64,
    /// Whether it belongs to the one history that its publisher stands by.
    pub is_honest: bool,
    /// When it was acknowledged to its publisher.
    pub acknowledged_us: Option<u64>,
    /// The digest of the state that the first honest node came to that committed it.
    pub digest: Option<u64>,
    /// What the listings of its feed add up to after it, as [`super::oracle`] has it.
    pub listings: Option<u64>,
    /// What it cleared: which place and which of its listings.
    pub clears: Vec<(Place, u64)>,
    /// The number of the charter that its header names; 0 if there is none.
    pub charter: u64,
    /// Entries in it.
    pub entries: u64,
    /// Whether it clears, disputes or rules.
    pub relieves: bool,
    /// Who took part and had a connection when it was made, one bit for each node: on the others no spread is measured.
    pub audience: Vec<u64>,
}

impl Made {
    /// Whether a node was in contact when the batch was made.
    pub fn was_in_contact(&self, node: u32) -> bool {
        self.audience.get(node as usize / 64).is_some_and(|bits| bits >> (node % 64) & 1 == 1)
    }
}

/// The truth of one alliance.
#[derive(Debug, Default)]
pub struct Truth {
    /// Every batch, by the id of its header. Never gone through in order.
    made: HashMap<Hash, Made>,
    /// The last batch that each honest publisher signed.
    newest: BTreeMap<MemberNumber, Hash>,
    /// The acknowledged batches of each feed, in order.
    acknowledged: BTreeMap<(MemberNumber, u64), Hash>,
    /// What the stewards decided about feeds, in order.
    cuts: BTreeMap<MemberNumber, Vec<Cut>>,
    /// What the listings of honest publishers must be.
    pub oracle: Oracle,
}

impl Truth {
    /// Notes a batch before anybody hears of it.
    pub fn make(&mut self, id: Hash, made: Made) {
        if made.is_honest {
            self.newest.insert(made.publisher, id);
        }
        self.made.insert(id, made);
    }

    /// The last batch that an honest publisher signed, durable or not.
    pub fn newest(&self, publisher: MemberNumber) -> Option<Hash> {
        self.newest.get(&publisher).copied()
    }

    /// The batch of this header.
    pub fn of(&self, id: &Hash) -> Option<&Made> {
        self.made.get(id)
    }

    /// The same, to add to it.
    pub fn of_mut(&mut self, id: &Hash) -> Option<&mut Made> {
        self.made.get_mut(id)
    }

    /// Notes a decision about a feed: what it voids was acknowledged in vain.
    pub fn cut(&mut self, publisher: MemberNumber, cut: Cut) {
        self.cuts.entry(publisher).or_default().push(cut);
        let mut acknowledged = std::mem::take(&mut self.acknowledged);
        acknowledged.retain(|_, id| !self.is_void(id, usize::MAX));
        self.acknowledged = acknowledged;
    }

    /// Whether one of these decisions about a feed settles what its batch of that number is.
    pub fn took_back(&self, publisher: MemberNumber, decisions: Range<usize>, seq: u64) -> bool {
        let all = self.cuts.get(&publisher).map(Vec::as_slice).unwrap_or_default();
        all.get(decisions).is_some_and(|cuts| cuts.iter().any(|cut| cut.batches <= seq + 1))
    }

    /// Whether one of the first `cuts` decisions about its feed voids a batch: a second reading of HEADER-14.
    pub fn is_void(&self, id: &Hash, cuts: usize) -> bool {
        let Some(made) = self.made.get(id) else { return false };
        let decisions = self.cuts.get(&made.publisher).map(Vec::as_slice).unwrap_or_default();
        decisions.iter().take(cuts).any(|cut| {
            let is_last = made.seq + 1 == cut.batches;
            (made.seq >= cut.batches && made.charter < cut.charter) || (is_last && cut.head != Some(*id))
        })
    }

    /// Notes that a batch was acknowledged to its publisher; says whether another one was under its number. One that a decision voids
    /// which its publisher has not heard of counts for nothing.
    pub fn acknowledge(&mut self, id: Hash, at_us: u64) -> bool {
        if self.is_void(&id, usize::MAX) {
            return false;
        }
        let Some(made) = self.made.get_mut(&id) else { return false };
        made.acknowledged_us.get_or_insert(at_us);
        let before = self.acknowledged.insert((made.publisher, made.seq), id);
        before.is_some_and(|before| before != id)
    }

    /// The acknowledged batches of all feeds, in order.
    pub fn acknowledged(&self) -> impl Iterator<Item = (MemberNumber, u64, &Hash)> {
        self.acknowledged.iter().map(|((publisher, seq), id)| (*publisher, *seq, id))
    }

    /// The last acknowledged batch of a feed.
    pub fn last_acknowledged(&self, publisher: MemberNumber) -> Option<(u64, Hash)> {
        let mut of_feed = self.acknowledged.range((publisher, 0)..=(publisher, u64::MAX));
        of_feed.next_back().map(|((_, seq), id)| (*seq, *id))
    }
}

/// What of some entries clears a listing.
pub fn clears(publisher: MemberNumber, entries: &[Entry]) -> Vec<(Place, u64)> {
    let clearing = |entry: &Entry| match entry {
        Entry::Clear(clearing) => Some(((publisher, clearing.token, clearing.list), clearing.target)),
        _ => None,
    };
    entries.iter().filter_map(clearing).collect()
}
