//! What was recommended, or would have been: by recommendation, list and conduct. Numbers alone: in memory, and in
//! `recommend-counts.json` in the data directory every [`SAVE_EVERY`] and at the end, so that a crash takes at most so long of them.
//!
//! **Trust:** whoever can write to the file can make these numbers up, and nothing else.

use std::{collections::BTreeMap, path::Path, time::Duration};

use antibrush_protocol::{
    base::Timestamp,
    codes::{Conduct, List},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::rules::{Action, Listing, Policy, Recommendation};
use crate::storage::files::{self, FileError};

/// How often counts are written down, if there are new ones.
pub const SAVE_EVERY: Duration = Duration::from_secs(10);

const FILE: &str = "recommend-counts.json";
/// Rows are at most actions × lists × conducts, some 100 bytes each.
const MOST_BYTES: u64 = 1024 * 1024;

/// Where a recommendation came from: the list and the conduct of a listing, or neither for an override.
type Origin = Option<(List, Conduct)>;

/// The counts since a moment.
#[derive(Clone, Debug)]
pub struct Counts {
    began: Timestamp,
    rows: BTreeMap<(Action, Origin), u64>,
    is_saved: bool,
}

/// What the file holds.
#[derive(Serialize, Deserialize)]
struct Contents {
    began: u64,
    /// Of which rules.
    rules: String,
    rows: Vec<CountedAnswers>,
}

/// One row of the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct CountedAnswers {
    /// What was recommended.
    pub recommendation: Action,
    /// The list of the listing that it came from; absent for an override.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "CXH")]
    pub list: Option<List>,
    /// Its conduct.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "C01")]
    pub conduct: Option<Conduct>,
    /// How often: once for each list and conduct of an answer.
    pub answers: u64,
}

impl Counts {
    /// None yet.
    pub fn since(began: Timestamp) -> Counts {
        Counts { began, rows: BTreeMap::new(), is_saved: false }
    }

    /// Those of a data directory, if they are of these rules; else none since `now`. A file that cannot be read is no reason not to
    /// start: it is written anew.
    pub(super) fn open(directory: &Path, policy: &Policy, now: Timestamp) -> Counts {
        let bytes = files::read_bounded(&directory.join(FILE), MOST_BYTES).unwrap_or_else(|error| {
            tracing::warn!(%error, "what was recommended before cannot be read; it is counted anew");
            None
        });
        let contents = bytes.and_then(|bytes| serde_json::from_slice::<Contents>(&bytes).ok());
        let Some(contents) = contents.filter(|contents| contents.rules == digest(policy)) else {
            return Counts::since(now);
        };
        let row = |row: &CountedAnswers| ((row.recommendation, row.list.zip(row.conduct)), row.answers);
        Counts { began: Timestamp(contents.began), rows: contents.rows.iter().map(row).collect(), is_saved: true }
    }

    /// The file as it would be now; `None` if it is so already.
    pub(super) fn take_unsaved(&mut self, policy: &Policy) -> Option<Vec<u8>> {
        if std::mem::replace(&mut self.is_saved, true) {
            return None;
        }
        let contents = Contents { began: self.began.0, rules: digest(policy), rows: self.rows() };
        // Strings, numbers and enums encode in every case.
        Some(serde_json::to_vec(&contents).expect("counts encode"))
    }

    /// The file could not be written.
    pub(super) fn not_saved(&mut self) {
        self.is_saved = false;
    }

    /// Since when they count, in seconds since 1970.
    pub fn began(&self) -> u64 {
        self.began.0
    }

    /// Counts a recommendation once for each list and conduct that it comes from.
    pub fn count(&mut self, advised: &Recommendation, listings: &[Listing<'_>]) {
        let mut origins: Vec<Origin> = advised
            .from
            .iter()
            .map(|ground| listings.get(ground.listing).map(|listing| (listing.list, listing.conduct)))
            .collect();
        if origins.is_empty() {
            origins.push(None);
        }
        origins.sort_unstable();
        origins.dedup();
        for origin in origins {
            *self.rows.entry((advised.action, origin)).or_default() += 1;
        }
        self.is_saved = false;
    }

    /// The rows, from the strongest recommendation.
    pub fn rows(&self) -> Vec<CountedAnswers> {
        let row = |(&(recommendation, origin), &answers): (&(Action, Origin), &u64)| CountedAnswers {
            recommendation,
            list: origin.map(|(list, _)| list),
            conduct: origin.map(|(_, conduct)| conduct),
            answers,
        };
        let mut rows: Vec<CountedAnswers> = self.rows.iter().map(row).collect();
        rows.sort_by_key(|row| std::cmp::Reverse(row.recommendation));
        rows
    }
}

pub(super) fn write(directory: &Path, bytes: &[u8]) -> Result<(), FileError> {
    files::write_atomic(&directory.join(FILE), bytes, 0o600)
}

/// Names rules by what they say. A release that writes them otherwise counts anew.
fn digest(policy: &Policy) -> String {
    use sha2::{Digest, Sha256};
    hex::encode(Sha256::digest(format!("{policy:?}")))
}
