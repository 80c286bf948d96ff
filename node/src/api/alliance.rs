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
    let days = checked(request.days)?;
    let role = request.role.unwrap_or(MemberRole::Platform);
    let invited = app.node.admitter().invite(&request.slug, role, days * 86_400).await?;
    Ok(Json(InviteResponse {
        invitation: invited.text,
        slug: invited.slug,
        role: role.code(),
        expires: invited.expires.0,
    }))
}

/// Whom to admit.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AdmissionRequest {
    /// The text of the file that `join-request` wrote.
    application: String,
    /// The member of which it is a further node.
    node_of: Option<String>,
    /// How many days the invitation lives; 7 if absent.
    days: Option<u64>,
}

/// An admission.
#[derive(Serialize, ToSchema)]
pub struct AdmissionResponse {
    /// The line of text for the applicant: its node alone can use it.
    invitation: String,
    /// For whom.
    slug: String,
    /// As what.
    role: &'static str,
    /// Until when, in seconds since 1970.
    expires: u64,
    /// The charter that has it.
    charter: u64,
}

/// Admits an applicant by the file that it sent, where one steward's signature suffices.
#[utoipa::path(post, path = "/v1/alliance/admissions", tag = "alliance", security(("bearer" = [])), request_body = AdmissionRequest,
    responses((status = 200, body = AdmissionResponse), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn admit(
    State(app): State<App>,
    _caller: Caller<ADMIN>,
    request: Result<Json<AdmissionRequest>, JsonRejection>,
) -> Result<Json<AdmissionResponse>, Problem> {
    let Json(request) = request?;
    let days = checked(request.days)?;
    let admitter = app.node.admitter();
    let (invited, charter) = admitter.admit(&request.application, request.node_of.as_deref(), days * 86_400).await?;
    Ok(Json(AdmissionResponse {
        invitation: invited.text,
        slug: invited.slug,
        role: invited.role.code(),
        expires: invited.expires.0,
        charter,
    }))
}

/// The life of an invitation, in days.
fn checked(days: Option<u64>) -> Result<u64, Problem> {
    let days = days.unwrap_or(7);
    if (1..=LONGEST_DAYS).contains(&days) {
        return Ok(days);
    }
    Err(Problem::bad_request(
        format!("`days` must be 1 to {LONGEST_DAYS}"),
        format!("days 须为1至{LONGEST_DAYS}：请改正"),
    ))
}
