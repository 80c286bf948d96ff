//! Is it alive, is it ready, what does it count.

use axum::{
    Json,
    extract::State,
    http::{StatusCode, header},
    response::IntoResponse,
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{App, feed::unwitnessed, purge};
use crate::clock;

/// The answer of the health routes.
#[derive(Serialize, ToSchema)]
pub struct Health {
    /// `ok`, or why not.
    status: &'static str,
}

/// Whether the process answers at all.
#[utoipa::path(get, path = "/healthz", tag = "node", responses((status = 200, body = Health)))]
pub async fn healthz() -> Json<Health> {
    Json(Health { status: "ok" })
}

/// Whether the node is ready to answer checks with more than `stale`.
#[utoipa::path(get, path = "/readyz", tag = "node", responses((status = 200, body = Health), (status = 503, body = Health)))]
pub async fn readyz(State(app): State<App>) -> impl IntoResponse {
    let stale = app.node.check_context().is_stale();
    let (code, status) = match stale {
        false => (StatusCode::OK, "ok"),
        true => (StatusCode::SERVICE_UNAVAILABLE, "some feeds have not been heard from; see /v1/status"),
    };
    (code, Json(Health { status }))
}

/// Counters and gauges in the OpenMetrics text format.
#[utoipa::path(get, path = "/metrics", tag = "node",
    responses((status = 200, body = String, content_type = "application/openmetrics-text; version=1.0.0; charset=utf-8")))]
pub async fn metrics(State(app): State<App>) -> impl IntoResponse {
    let (node, metrics) = (&app.node, app.node.metrics());
    metrics.table_rows.set(i64::try_from(node.store().table().health().rows).unwrap_or(i64::MAX));
    metrics.table_bytes.set(i64::try_from(node.store().table().memory_bytes()).unwrap_or(i64::MAX));
    metrics.peers.set(i64::try_from(node.view().peers.len()).unwrap_or(i64::MAX));
    let stale = node.check_context().feeds().iter().filter(|feed| !feed.fresh).count();
    metrics.stale_feeds.set(i64::try_from(stale).unwrap_or(i64::MAX));
    metrics.void_entries.set(node.store().void_entries());
    let view = node.view();
    let (store, chain) = (node.store().clone(), view.chain.clone());
    if let Ok(forks) = tokio::task::spawn_blocking(move || store.forks(&chain).len()).await {
        metrics.charter_forks.set(i64::try_from(forks).unwrap_or(i64::MAX));
    }
    let (erased, behind) = purge::counts(&view, node.store());
    metrics.erased.set(erased);
    metrics.receipts_behind.set(i64::try_from(behind).unwrap_or(i64::MAX));
    let withheld = view.withheld(clock::now());
    let waiting = unwitnessed(node).await.unwrap_or_default();
    let waiting =
        waiting.iter().filter_map(|(number, count)| Some((view.charter().member(*number)?.slug.as_str(), *count)));
    metrics.set_waiting(withheld.iter().map(|(member, _, seconds)| (member.slug.as_str(), *seconds)), waiting);
    let of = node.clone();
    if let Ok(quality) = tokio::task::spawn_blocking(move || of.quality()).await {
        let charter = view.charter();
        let rows =
            || quality.iter().filter_map(|(number, quality)| Some((charter.member(*number)?.slug.as_str(), quality)));
        let bursts = rows().map(|(slug, quality)| (slug, quality.bursts().map(|(_, weeks)| weeks.last()).sum()));
        metrics.set_quality(bursts, rows().map(|(slug, quality)| (slug, quality.overturned)));
        let known = app.hits.known(clock::wall().day());
        let names = charter.policy.names_publishers;
        let shown: Vec<_> = known.iter().map(|(number, known)| (*number, known.shown(names))).collect();
        let rows = || shown.iter().filter_map(|(number, shown)| Some((charter.member(*number)?.slug.as_str(), shown)));
        let bursts = rows().map(|(slug, (_, bursts))| (slug, bursts.iter().map(|(_, weeks)| weeks.last()).sum()));
        metrics.set_known(rows().map(|(slug, (new, _))| (slug, *new)), bursts);
    }
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], metrics.render())
}
