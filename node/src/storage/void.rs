//! Forgetting in batches that were taken back. They have no force, are kept because the stewards may bring them back, and
//! keep no contents longer than if they were in force: each entry is due as one without effect (FORGET-2), a remark as one about
//! an entry of another kind (FORGET-4), or with the erased entry of another feed that it names.

use std::collections::{BTreeMap, BTreeSet};

use antibrush_protocol::{
    base::{Day, Hash, MemberNumber},
    entry::{
        Entry,
        lifecycle::{Target, due_days, remark_due},
    },
    feed::{BatchHeader, Chunk, Leaf},
    signed::Signed,
};

use super::{
    ledger::Placed,
    store::{StorageError, Store},
};

impl Store {
    /// The positions of what is due in each chunk that stands in batches that were taken back alone: in all of them, where there
    /// are several. `stays` tells which chunks of a publisher are left alone, and `is_erased` what became of a leaf in force.
    pub(super) fn due_in_void(
        &self,
        today: Day,
        stays: impl Fn(MemberNumber, &Hash) -> bool,
        is_erased: impl Fn(MemberNumber, u64) -> bool,
    ) -> Result<BTreeMap<Hash, BTreeSet<u32>>, StorageError> {
        let mut all: BTreeMap<Hash, BTreeSet<u32>> = BTreeMap::new();
        for envelope in self.all_void_headers()? {
            let header = Signed::<BatchHeader>::decode(&envelope).map_err(|_| StorageError::Damaged)?;
            let header = header.payload();
            for (place, descriptor) in
                header.placed_chunks().filter(|(_, descriptor)| !stays(header.publisher, &descriptor.digest))
            {
                // What was dropped or is damaged has no contents to erase.
                let Some(bytes) = self.bodies.get(&descriptor.digest)? else { continue };
                let Ok(chunk) = Chunk::verify(place, descriptor, &bytes) else { continue };
                let due = (0..).zip(&chunk.leaves).filter_map(|(position, leaf)| match leaf {
                    Leaf::Entry(entry) => {
                        is_due(entry, header.publisher, header.issued.day(), today, &is_erased).then_some(position)
                    }
                    Leaf::Erased(_) => None,
                });
                let due: BTreeSet<u32> = due.collect();
                all.entry(descriptor.digest).and_modify(|found| found.retain(|at| due.contains(at))).or_insert(due);
            }
        }
        all.retain(|_, due| !due.is_empty());
        Ok(all)
    }
}

fn is_due(
    entry: &Entry,
    author: MemberNumber,
    published: Day,
    today: Day,
    is_erased: impl Fn(MemberNumber, u64) -> bool,
) -> bool {
    let day = match (Placed::new(entry, 0), entry.about()) {
        (Some(placed), _) => due_days(&[(*placed.change(), published)]).first().copied(),
        (None, Some(about)) => {
            // What it names in its own feed may be of the history that was taken back.
            let other = about.publisher.filter(|publisher| *publisher != author);
            let target = match other {
                Some(publisher) if is_erased(publisher, about.target) => Target::Erased,
                _ => Target::Other,
            };
            remark_due(about.class, published, target)
        }
        // An entry makes, changes or ends a listing, or speaks of one.
        (None, None) => None,
    };
    day.is_some_and(|day| day <= today)
}
