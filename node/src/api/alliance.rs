//! What a steward does over HTTP.

use antibrush_protocol::charter::MemberRole;
use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App, Problem,
    auth::{ADMIN, Caller},
};

/// The longest life of an invitation, in days.
const LONGEST_DAYS: u64 = 30;

/// Whom to invite.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InviteRequest {
    /// The newcomer's short name.
    #[schema(example = "meituan")]
    slug: String,
    /// What it will be; a member platform if absent.
    #[schema(value_type = Option<String>, example = "platform")]
    role: Option<MemberRole>,
    /// How many days the invitation lives; 7 if absent.
    days: Option<u64>,
}

/// The invitation.
#[derive(Serialize, ToSchema)]
pub struct InviteResponse {
    /// The line of text to hand over on a trusted way: whoever has it may join in this name.
    invitation: String,
    /// For whom.
    slug: String,
    /// As what.
    role: &'static str,
    /// Until when, in seconds since 1970.
    expires: u64,
}

/// Invites a newcomer. The charter that admits it is signed when it joins.
#[utoipa::path(post, path = "/v1/alliance/invitations", tag = "alliance", security(("bearer" = [])), request_body = InviteRequest,
    responses((status = 200, body = InviteResponse), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem)))]
pub async fn invite(
    State(app): State<App>,
    _caller: Caller<ADMIN>,
    request: Result<Json<InviteRequest>, JsonRejection>,
) -> Result<Json<InviteResponse>, Problem> {
    let Json(request) = request?;
    let days = request.days.unwrap_or(7);
    if !(1..=LONGEST_DAYS).contains(&days) {
        return Err(Problem::bad_request(
            format!("`days` must be 1 to {LONGEST_DAYS}"),
            format!("days 须为1至{LONGEST_DAYS}：请改正"),
        ));
    }
    let role = request.role.unwrap_or(MemberRole::Platform);
    let invited = app.node.admitter().invite(&request.slug, role, days * 86_400).await?;
    Ok(Json(InviteResponse {
        invitation: invited.text,
        slug: invited.slug,
        role: role.code(),
        expires: invited.expires.0,
    }))
}
