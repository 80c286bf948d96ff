//! Members, as the charter has them.

use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App, Problem,
    auth::{Caller, READ},
};
use crate::network;

/// The alliance and its members.
#[derive(Serialize, ToSchema)]
pub struct Members {
    /// The alliance's id, in hex.
    alliance: String,
    /// Its name in Chinese.
    name_zh: String,
    /// Its name in English.
    name_en: String,
    /// The version of the charter in force.
    charter: u64,
    /// How many stewards must sign the next one.
    threshold: u8,
    /// The members.
    members: Vec<MemberView>,
}

/// One member.
#[derive(Serialize, ToSchema)]
pub struct MemberView {
    /// Its number.
    number: u16,
    /// Its short name.
    slug: String,
    /// Its registered name.
    legal_name: String,
    /// Its unified social credit code.
    uscc: String,
    /// What it may do.
    role: &'static str,
    /// Where it stands.
    state: &'static str,
    /// Whether it is a steward.
    steward: bool,
    /// Whether one of its nodes is connected to this one.
    connected: bool,
    /// Whether it is this node's own member.
    own: bool,
    /// The PeerIds of its nodes.
    nodes: Vec<String>,
    /// The key that signs its feed now, in hex; absent if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    feed_key: Option<String>,
}

/// Lists the members of the alliance.
#[utoipa::path(get, path = "/v1/members", tag = "alliance", security(("bearer" = [])),
    responses((status = 200, body = Members), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub async fn members(State(app): State<App>, _caller: Caller<READ>) -> Json<Members> {
    let view = app.node.view();
    let charter = view.charter();
    let member = |member: &antibrush_protocol::charter::Member| MemberView {
        number: member.number.0,
        slug: member.slug.clone(),
        legal_name: member.legal_name.clone(),
        uscc: member.uscc.clone(),
        role: member.role.code(),
        state: member.state.code(),
        steward: charter.stewards.iter().any(|steward| steward.member == member.number),
        connected: member.nodes.iter().any(|node| view.peers.contains(&node.key)),
        own: view.me == Some(member.number),
        nodes: member.nodes.iter().filter_map(|node| network::peer_id(&node.key)).map(|id| id.to_string()).collect(),
        feed_key: member.present_feed_key().map(|feed| hex::encode(feed.key)),
    };
    Json(Members {
        alliance: hex::encode(view.chain.alliance()),
        name_zh: charter.name_zh.clone(),
        name_en: charter.name_en.clone(),
        charter: charter.number,
        threshold: charter.threshold,
        members: charter.members.iter().map(member).collect(),
    })
}
