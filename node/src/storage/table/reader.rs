//! What readers see: an immutable list of runs.

use std::sync::Arc;

use antibrush_protocol::base::MemberNumber;

use super::merge::Merge;
use super::row::{Prefix, Row, RowState};
use super::run::Run;

/// The runs at one moment, the newest first, none empty.
#[derive(Default)]
pub(super) struct Snapshot {
    pub(super) sources: Vec<Arc<Run>>,
}

impl Snapshot {
    pub(super) fn get(&self, prefix: &Prefix, out: &mut Vec<Row>) {
        out.clear();
        if let [run] = &self.sources[..] {
            // At rest there is one run, and nothing newer than its rows.
            out.extend(run.find(prefix).iter().filter(|row| row.is_active()).map(|row| row.row()));
            return;
        }
        let mut hits = 0;
        for run in &self.sources {
            let rows = run.find(prefix);
            hits += usize::from(!rows.is_empty());
            out.extend(rows.iter().map(|row| row.row()));
        }
        if hits > 1 {
            // The sort is stable and the newest run came first, so the newest row of an identity is the one that stays.
            out.sort_by_key(|row| (row.publisher, row.list));
            out.dedup_by_key(|row| (row.publisher, row.list));
        }
        out.retain(|row| row.state == RowState::Active);
    }

    pub(super) fn contains(&self, prefix: &Prefix) -> bool {
        self.sources.iter().enumerate().any(|(age, run)| {
            let mut standing = run.find(prefix).iter().filter(|row| row.is_active());
            standing.any(|row| !self.sources[..age].iter().any(|newer| newer.has(prefix, row.owner())))
        })
    }

    pub(super) fn for_each(&self, publisher: Option<MemberNumber>, mut each: impl FnMut(&Row)) {
        let newest = Merge::new(self.sources.iter().map(|run| run.rows()));
        for row in newest.filter(|packed| packed.is_active()).map(|packed| packed.row()) {
            if publisher.is_none_or(|publisher| publisher == row.publisher) {
                each(&row);
            }
        }
    }
}

/// The table at one moment, for many lookups: what is applied after [`TokenTable::reader`](super::TokenTable::reader)
/// does not show. It never waits for a writer. It keeps the runs of its moment in memory, so do not store one for long.
#[derive(Clone)]
pub struct Reader {
    pub(super) snapshot: Arc<Snapshot>,
}

impl Reader {
    /// Replaces the contents of `out` with the rows of a prefix that stand, by publisher and list. Expiry days are for
    /// the caller to compare.
    pub fn get(&self, prefix: &Prefix, out: &mut Vec<Row>) {
        self.snapshot.get(prefix, out);
    }

    /// Whether any row of this prefix stands.
    pub fn contains(&self, prefix: &Prefix) -> bool {
        self.snapshot.contains(prefix)
    }

    /// Whether any row of any of these prefixes stands.
    pub fn contains_any<'a>(&self, prefixes: impl IntoIterator<Item = &'a Prefix>) -> bool {
        prefixes.into_iter().any(|prefix| self.contains(prefix))
    }

    /// Shows every row that stands, of one publisher or of all, in the order of prefix, publisher and list.
    pub fn for_each(&self, publisher: Option<MemberNumber>, each: impl FnMut(&Row)) {
        self.snapshot.for_each(publisher, each);
    }
}
