//! Reports over HTTP: counts, never a token.

use std::collections::BTreeSet;

use antibrush_protocol::codes::List;
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
};
use serde::Deserialize;
use utoipa::IntoParams;

use super::{
    App, Problem,
    auth::{Caller, READ},
};
use crate::{clock, report::Overlap};

/// Which lists.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct OverlapQuery {
    /// The lists, with commas; all if absent.
    #[param(example = "SRC-COURT,SRC-TAX")]
    lists: Option<String>,
}

/// Counts subjects that stand on several lists today, in one pass over the token table.
#[utoipa::path(get, path = "/v1/reports/overlap", tag = "reports", security(("bearer" = [])), params(OverlapQuery),
    responses((status = 200, body = Overlap), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem)))]
pub async fn overlap(
    State(app): State<App>,
    _caller: Caller<READ>,
    query: Result<Query<OverlapQuery>, QueryRejection>,
) -> Result<Json<Overlap>, Problem> {
    let Query(query) = query?;
    let lists = lists(query.lists.as_deref())?;
    let (view, table) = (app.node.view(), app.node.store().table().reader());
    let count = move || Overlap::count(&table, view.charter(), &lists, clock::wall().day());
    tokio::task::spawn_blocking(count).await.map(Json).map_err(|_| Problem::stopping())
}

fn lists(text: Option<&str>) -> Result<BTreeSet<List>, Problem> {
    let Some(text) = text else { return Ok(List::ALL.iter().copied().collect()) };
    let parse = |word: &str| {
        List::parse(word.trim()).ok_or_else(|| {
            Problem::bad_request(
                "`lists` holds a word that is no list; docs/DOMAIN.md lists them all",
                "lists 中有不是名单的词：docs/DOMAIN.md 列出全部名单",
            )
        })
    };
    text.split(',').map(parse).collect()
}
