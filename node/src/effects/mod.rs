//! The effects of joint measures (联合惩戒效果): what members did about listings, by list, conduct, region, member and month; and of this
//! node's own figures, what it was asked and what was not done in time ([`Own`]).
//!
//! Counted from what members recorded in their feeds, so every node that has the same leaves counts the same. A decision that was
//! changed later counts in the month of each of its records.
//!
//! With an erased listing go the remarks about it; what they counted is kept in numbers (`storage/kept.rs`), so a month that is over
//! counts the same after erasure. A node that came later than the erasure never saw them and counts fewer.

mod missed;
mod own;
mod saved;

use std::collections::BTreeMap;

use antibrush_protocol::base::Day;

pub use self::{
    own::{Checks, Figures, Month, Own, PURPOSE, SAVE_EVERY, month_of},
    saved::SavedError,
};
pub use crate::storage::{Effects, Key};
use crate::storage::{StorageError, Store};

/// Counts what was recorded from the first day of one month to the last day of another.
pub fn effects(store: &Store, first: Day, last: Day) -> Result<BTreeMap<Key, Effects>, StorageError> {
    let _held = store.hold_counts();
    let mut remarks = Vec::new();
    store.remarks().for_each(|remark| {
        if (first..=last).contains(&remark.day) {
            remarks.push(*remark);
        }
    });
    let mut all = store.effects_of(remarks)?;
    for (key, kept) in store.kept_effects()? {
        if (month_of(first)..=month_of(last)).contains(&key.month) {
            all.entry(key).or_default().merge(kept);
        }
    }
    Ok(all)
}
