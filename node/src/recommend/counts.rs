//! What was recommended, or would have been: by recommendation, list and conduct. Numbers alone, in memory.

use std::collections::BTreeMap;

use antibrush_protocol::{
    base::Timestamp,
    codes::{Conduct, List},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::rules::{Action, Listing, Recommendation};

/// Where a recommendation came from: the list and the conduct of a listing, or neither for an override.
type Origin = Option<(List, Conduct)>;

/// The counts since a moment.
#[derive(Clone, Debug)]
pub struct Counts {
    began: Timestamp,
    rows: BTreeMap<(Action, Origin), u64>,
}

/// One row of the counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, ToSchema)]
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
        Counts { began, rows: BTreeMap::new() }
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
