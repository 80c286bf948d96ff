//! Which of this member's nodes writes its feed.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App, Problem,
    auth::{ADMIN, Caller, READ},
};
use crate::{core::Node, network};

/// Who writes this member's feed, as far as this node knows.
#[derive(Serialize, ToSchema)]
pub struct WriterView {
    /// Whether this node does.
    here: bool,
    /// The PeerId of the node that does; absent before the first vote among several nodes.
    #[serde(skip_serializing_if = "Option::is_none")]
    writer: Option<String>,
    /// The number of its term; absent where the member has one node.
    #[serde(skip_serializing_if = "Option::is_none")]
    term: Option<u64>,
    /// How many electors must agree on each batch; 0 where nobody is asked.
    needed: usize,
    /// Who decides; empty where nobody is asked.
    electors: Vec<ElectorView>,
    /// The number of the last batch of the feed here.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
}

/// A node that is asked about each batch.
#[derive(Serialize, ToSchema)]
pub struct ElectorView {
    /// The member's short name.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    /// Its PeerId.
    node: String,
    /// Whether it is connected, or this node itself.
    connected: bool,
}

/// Shows who writes this member's feed.
#[utoipa::path(get, path = "/v1/writer", tag = "feeds", security(("bearer" = [])),
    responses((status = 200, body = WriterView), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub async fn writer(State(app): State<App>, _caller: Caller<READ>) -> Result<Json<WriterView>, Problem> {
    view(&app.node).await.map(Json)
}

/// Takes this member's feed over from its other node.
#[utoipa::path(post, path = "/v1/writer", tag = "feeds", security(("bearer" = [])),
    responses((status = 200, body = WriterView), (status = 401, body = Problem), (status = 403, body = Problem),
        (status = 409, body = Problem), (status = 503, body = Problem)))]
pub async fn take(State(app): State<App>, _caller: Caller<ADMIN>) -> Result<Json<WriterView>, Problem> {
    // A caller that goes away must not leave a round half done.
    let node = app.node.clone();
    tokio::spawn(async move { node.take_over().await }).await.map_err(|_| Problem::stopping())??;
    view(&app.node).await.map(Json)
}

async fn view(node: &std::sync::Arc<Node>) -> Result<WriterView, Problem> {
    let (view, of) = (node.view(), node.clone());
    let seated = tokio::task::spawn_blocking(move || of.seated()).await.map_err(|_| Problem::stopping())??;
    let me = node.peer();
    let name = |peer: &antibrush_protocol::replica::Peer| network::peer_id(peer).map(|id| id.to_string());
    let elector = |peer: &antibrush_protocol::replica::Peer| ElectorView {
        member: view.charter().member_of_node(peer).map(|member| member.slug.clone()),
        node: name(peer).unwrap_or_default(),
        connected: *peer == me || view.peers.contains(peer),
    };
    Ok(WriterView {
        here: seated.writer == Some(me),
        writer: seated.writer.as_ref().and_then(name),
        term: seated.term,
        needed: if seated.electors.is_empty() { 0 } else { seated.electors.len() / 2 + 1 },
        electors: seated.electors.iter().map(elector).collect(),
        seq: view.me.and_then(|me| view.head(me)).map(|head| head.seq),
    })
}
