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
use crate::{clock, effects};

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
    let node = app.node.clone();
    let counted = tokio::task::spawn_blocking(move || effects::effects(node.store(), first, last));
    let counted = counted.await.map_err(|_| Problem::stopping())??;
    let (view, median) = (app.node.view(), |effects: &effects::Effects| effects.median_days());
    let row = |(key, effects): (&effects::Key, &effects::Effects)| EffectsView {
        month: format!("{:04}-{:02}", key.month.0, key.month.1),
        member: view.charter().member(key.member).map_or_else(|| key.member.to_string(), |member| member.slug.clone()),
        list: key.list,
        conduct: key.conduct,
        region: key.region,
        applied: effects.applied,
        declined: effects.declined,
        acknowledged: effects.acknowledged,
        median_days: median(effects),
        noticed: effects.noticed,
        committed: effects.committed,
        rectified: effects.rectified,
        escalated: effects.escalated,
        disputed: effects.disputed,
        ruled: effects.ruled,
        upheld: effects.upheld,
    };
    Ok(Json(EffectsResponse { effects: counted.iter().map(row).collect() }))
}

fn not_a_month() -> Problem {
    Problem::bad_request("a month is written like 2026-11; correct it", "月份须写成 2026-11 的形式：请改正")
}
