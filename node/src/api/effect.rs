//! The effects of joint measures over HTTP.

use antibrush_protocol::{
    base::Day,
    codes::{Conduct, List},
};
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    App, Problem,
    auth::{Caller, READ},
};
use crate::{
    clock,
    effects::{self, Checks, Figures},
    storage::StorageError,
};

/// Of which months.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct EffectsQuery {
    /// The first month, like `2026-11`; the present one if absent.
    from: Option<String>,
    /// The last month; the first one if absent.
    to: Option<String>,
}

/// What members did about listings.
#[derive(Serialize, ToSchema)]
pub struct EffectsResponse {
    /// By month, member, list, conduct and region.
    effects: Vec<EffectsView>,
    /// What this node was asked, by month. Of no other member's node anything is known.
    checks: Vec<ChecksView>,
}

/// What this node was asked in a month.
#[derive(Serialize, ToSchema)]
pub struct ChecksView {
    /// Like `2026-11`.
    month: String,
    /// Subjects that were asked about, each time anew; without what was no identifier or could not be looked up.
    queries: u64,
    /// Answers with at least one listing, in whole tens; absent if there were fewer than ten.
    #[serde(skip_serializing_if = "Option::is_none")]
    hits: Option<u64>,
}

/// One row.
#[derive(Serialize, ToSchema)]
pub struct EffectsView {
    /// Like `2026-11`.
    month: String,
    /// Who did it.
    member: String,
    #[schema(value_type = String)]
    list: List,
    /// For what the subject was listed; absent if the listing was erased.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    conduct: Option<Conduct>,
    /// GB/T 2260; absent if the listing names none.
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<u32>,
    /// Measures applied.
    applied: u64,
    /// Measures declined.
    declined: u64,
    /// Measures acknowledged.
    acknowledged: u64,
    /// The median of the days from listing to an applied measure.
    #[serde(skip_serializing_if = "Option::is_none")]
    median_days: Option<u32>,
    /// Notices to rectify.
    noticed: u64,
    /// Commitments.
    committed: u64,
    /// Subjects that rectified.
    rectified: u64,
    /// Escalations.
    escalated: u64,
    /// Disputes filed.
    disputed: u64,
    /// Disputes ruled on.
    ruled: u64,
    /// Of these, those that took the listing's force.
    upheld: u64,
    /// Listings in the answers to this node's own checks, each time anew, in whole tens; of its own member alone, and absent if there were fewer than ten.
    #[serde(skip_serializing_if = "Option::is_none")]
    hits: Option<u64>,
    /// The median of the days from the first hit of a listing in this node's own checks to a measure that its member applied; absent if
    /// there were fewer than ten.
    #[serde(skip_serializing_if = "Option::is_none")]
    hit_to_measure_days: Option<u32>,
    /// Deadlines in this month that the member let pass: notices, answers to disputes, clearings of its own listings, as far as this node
    /// saw them open the day after.
    overdue: u64,
    /// Deadlines in this month that the subjects of its listings let pass: commitments and rectifications.
    subjects_overdue: u64,
}

/// Counts what members did about listings, by list, conduct, region, member and month.
#[utoipa::path(get, path = "/v1/effects", tag = "check", security(("bearer" = [])), params(EffectsQuery),
    responses((status = 200, body = EffectsResponse), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem)))]
pub async fn effects(
    State(app): State<App>,
    _caller: Caller<READ>,
    query: Result<Query<EffectsQuery>, QueryRejection>,
) -> Result<Json<EffectsResponse>, Problem> {
    let Query(query) = query?;
    let month = |text: &str| {
        let first = Day::parse(&format!("{text}-01")).filter(|_| text.len() == 7);
        first.map(|first| (first, Day(first.plus_months(1).0.saturating_sub(1)))).ok_or_else(not_a_month)
    };
    let (year, now, _) = clock::wall().day().ymd();
    let from = query.from.unwrap_or_else(|| format!("{year:04}-{now:02}"));
    let (first, last) = (month(&from)?.0, month(query.to.as_deref().unwrap_or(&from))?.1);
    let work = app.clone();
    let counted = tokio::task::spawn_blocking(move || {
        work.effects.settle(&work.node);
        let (checks, own) = work.effects.figures(effects::month_of(first), effects::month_of(last));
        Ok::<_, StorageError>((effects::effects(work.node.store(), first, last)?, checks, own))
    });
    let (mut counted, checks, own) = counted.await.map_err(|_| Problem::stopping())??;
    // What is hidden adds no row.
    for (key, _) in own.iter().filter(|(_, figures)| !figures.is_hidden()) {
        counted.entry(*key).or_default();
    }
    let (view, none) = (app.node.view(), Figures::default());
    let row = |(key, effects): (&effects::Key, &effects::Effects)| {
        let own = own.get(key).unwrap_or(&none);
        EffectsView {
            month: month_text(key.month),
            member: view
                .charter()
                .member(key.member)
                .map_or_else(|| key.member.to_string(), |member| member.slug.clone()),
            list: key.list,
            conduct: key.conduct,
            region: key.region,
            applied: effects.applied,
            declined: effects.declined,
            acknowledged: effects.acknowledged,
            median_days: effects.median_days(),
            noticed: effects.noticed,
            committed: effects.committed,
            rectified: effects.rectified,
            escalated: effects.escalated,
            disputed: effects.disputed,
            ruled: effects.ruled,
            upheld: effects.upheld,
            hits: own.shown_hits(),
            hit_to_measure_days: own.shown_median(),
            overdue: own.overdue,
            subjects_overdue: own.subjects_overdue,
        }
    };
    let asked = |(month, checks): (&(u32, u32), &Checks)| ChecksView {
        month: month_text(*month),
        queries: checks.queries,
        hits: checks.shown_hits(),
    };
    Ok(Json(EffectsResponse { effects: counted.iter().map(row).collect(), checks: checks.iter().map(asked).collect() }))
}

fn month_text((year, month): (u32, u32)) -> String {
    format!("{year:04}-{month:02}")
}

fn not_a_month() -> Problem {
    Problem::bad_request("a month is written like 2026-11; correct it", "月份须写成 2026-11 的形式：请改正")
}
