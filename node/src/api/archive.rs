//! The parts of a feed archive, out and in. The layout of the files is docs/PROTOCOL.md § Archive; the command line puts
//! them together. What comes in passes the same validation as what comes from a peer.

use std::fmt::Display;

use antibrush_protocol::{charter::SignedCharter, feed::BatchHeader, limits, signed::Signed};
use axum::{
    Json,
    body::Bytes,
    extract::{
        Path, Query, State,
        rejection::{BytesRejection, JsonRejection, PathRejection, QueryRejection},
    },
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    App, Problem,
    auth::{ADMIN, Caller, READ},
    feed::publisher,
};
use crate::lang::Zh;

/// From where on.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct FromQuery {
    /// The first number wanted.
    #[serde(default)]
    from: u64,
}

/// Signed objects in order.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct Objects {
    /// Each in base64.
    objects: Vec<String>,
}

/// The digest of a stored chunk.
#[derive(Serialize, ToSchema)]
pub struct ChunkDigest {
    /// In hex.
    digest: String,
}

/// What became of headers.
#[derive(Serialize, ToSchema)]
pub struct Taken {
    /// The last batch of the feed that is committed here now; absent if none is.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
}

/// The signed charters from a number on, up to 16.
#[utoipa::path(get, path = "/v1/archive/charters", tag = "archive", security(("bearer" = [])), params(FromQuery),
    responses((status = 200, body = Objects), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub async fn charters(
    State(app): State<App>,
    _caller: Caller<READ>,
    query: Result<Query<FromQuery>, QueryRejection>,
) -> Result<Json<Objects>, Problem> {
    let Query(FromQuery { from }) = query?;
    let store = app.node.store().clone();
    let read = tokio::task::spawn_blocking(move || store.charter_bytes(from, limits::CHARTERS_PER_ANSWER));
    Ok(Json(objects(read.await.map_err(|_| Problem::stopping())??)))
}

/// The signed headers of a feed from a number on, up to 64.
#[utoipa::path(get, path = "/v1/archive/feeds/{slug}/headers", tag = "archive", security(("bearer" = [])),
    params(FromQuery, ("slug" = String, Path, description = "The publisher's short name")),
    responses((status = 200, body = Objects), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn headers(
    State(app): State<App>,
    _caller: Caller<READ>,
    slug: Result<Path<String>, PathRejection>,
    query: Result<Query<FromQuery>, QueryRejection>,
) -> Result<Json<Objects>, Problem> {
    let (Path(slug), Query(FromQuery { from })) = (slug?, query?);
    let number = publisher(&app.node.view(), &slug)?.number;
    let store = app.node.store().clone();
    let read = tokio::task::spawn_blocking(move || store.header_bytes(number, from, limits::HEADERS_PER_ANSWER));
    Ok(Json(objects(read.await.map_err(|_| Problem::stopping())??)))
}

/// A body chunk by its digest, as a CBOR sequence.
#[utoipa::path(get, path = "/v1/archive/chunks/{digest}", tag = "archive", security(("bearer" = [])),
    params(("digest" = String, Path, description = "The digest in the header, in hex")),
    responses((status = 200, body = Vec<u8>, content_type = "application/cbor-seq"), (status = 400, body = Problem),
        (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn chunk(
    State(app): State<App>,
    _caller: Caller<READ>,
    digest: Result<Path<String>, PathRejection>,
) -> Result<Response, Problem> {
    let Path(digest) = digest?;
    let digest: [u8; 32] = hex::decode(&digest)
        .ok()
        .and_then(|bytes| bytes.try_into().ok())
        .ok_or_else(|| Problem::bad_request("the digest must be 64 hex digits", "摘要须为64位十六进制数：请改正"))?;
    let store = app.node.store().clone();
    let read = tokio::task::spawn_blocking(move || store.chunk(&digest));
    let bytes = read.await.map_err(|_| Problem::stopping())??;
    let bytes =
        bytes.ok_or_else(|| Problem::not_found("no chunk with this digest is here", "本节点没有该摘要的分块"))?;
    Ok(([(header::CONTENT_TYPE, "application/cbor-seq")], bytes).into_response())
}

/// Takes a signed charter from an archive.
#[utoipa::path(post, path = "/v1/archive/charters", tag = "archive", security(("bearer" = [])),
    request_body(content = Vec<u8>, content_type = "application/octet-stream"),
    responses((status = 204), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 409, body = Problem)))]
pub async fn put_charter(
    State(app): State<App>,
    _caller: Caller<ADMIN>,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Problem> {
    let charter =
        SignedCharter::decode(&body?).map_err(|error| refused(("the charter is refused", "章程未被接受"), &error))?;
    match app.node.take_charter(charter).await {
        Some(Ok(())) => Ok(StatusCode::NO_CONTENT),
        Some(Err(error)) => Err(Problem::new(
            StatusCode::CONFLICT,
            "charter",
            format!("the charter is refused: {error}"),
            format!("章程未被接受：{}", error.zh()),
        )),
        None => Err(Problem::stopping()),
    }
}

/// Takes a body chunk from an archive. It counts only once a signed header names its digest.
#[utoipa::path(post, path = "/v1/archive/chunks", tag = "archive", security(("bearer" = [])),
    request_body(content = Vec<u8>, content_type = "application/cbor-seq"),
    responses((status = 200, body = ChunkDigest), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 507, body = Problem)))]
pub async fn put_chunk(
    State(app): State<App>,
    _caller: Caller<ADMIN>,
    body: Result<Bytes, BytesRejection>,
) -> Result<Json<ChunkDigest>, Problem> {
    let body = body?;
    let store = app.node.store().clone();
    let stored =
        tokio::task::spawn_blocking(move || store.put_loose_chunk(&body)).await.map_err(|_| Problem::stopping())??;
    let digest = stored.map_err(|error| refused(("the chunk is refused", "分块未被接受"), &error))?;
    Ok(Json(ChunkDigest { digest: hex::encode(digest) }))
}

/// Takes headers of one feed from an archive, in order, and waits up to 30 s until what they announce is committed.
#[utoipa::path(post, path = "/v1/archive/feeds/{slug}/headers", tag = "archive", security(("bearer" = [])), request_body = Objects,
    params(("slug" = String, Path, description = "The publisher's short name")),
    responses((status = 200, body = Taken), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn put_headers(
    State(app): State<App>,
    _caller: Caller<ADMIN>,
    slug: Result<Path<String>, PathRejection>,
    request: Result<Json<Objects>, JsonRejection>,
) -> Result<Json<Taken>, Problem> {
    let (Path(slug), Json(request)) = (slug?, request?);
    let number = publisher(&app.node.view(), &slug)?.number;
    if request.objects.len() > limits::QUEUED_BATCHES / 2 {
        let most = limits::QUEUED_BATCHES / 2;
        return Err(Problem::bad_request(
            format!("send at most {most} headers at once"),
            format!("一次最多发送 {most} 个批次头：请拆分"),
        ));
    }
    let mut last = None;
    for object in &request.objects {
        let bytes = STANDARD
            .decode(object)
            .map_err(|_| Problem::bad_request("a header is not base64", "有批次头不是 base64：请改正"))?;
        let header_refused = ("a header is refused", "有批次头未被接受");
        let header = Signed::<BatchHeader>::decode(&bytes).map_err(|error| refused(header_refused, &error))?;
        let checked = app.node.view().chain.verify_header(header.clone(), crate::clock::wall());
        checked.map_err(|error| refused(header_refused, &error))?;
        if header.payload().publisher != number {
            return Err(Problem::bad_request("a header is of another feed", "有批次头属于另一个名单源：请分开发送"));
        }
        last = last.max(Some(header.payload().seq));
        if !app.node.take_header(header).await {
            return Err(Problem::stopping());
        }
    }
    let deadline = tokio::time::Instant::now() + std::time::Duration::from_secs(30);
    let committed = || app.node.view().head(number).map(|head| head.seq);
    while committed() < last && tokio::time::Instant::now() < deadline {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    Ok(Json(Taken { seq: committed() }))
}

/// What was refused, in English and Chinese, and why.
fn refused((en, zh): (&str, &str), error: &(impl Display + Zh)) -> Problem {
    Problem::bad_request(format!("{en}: {error}"), format!("{zh}：{}", error.zh()))
}

fn objects(objects: Vec<Vec<u8>>) -> Objects {
    Objects { objects: objects.iter().map(|bytes| STANDARD.encode(bytes)).collect() }
}
