//! Token keys over HTTP: where they stand, ceremonies, rotation, retirement.

use std::collections::BTreeMap;

use antibrush_protocol::{
    base::{Hash, MemberNumber},
    ceremony::{Kind, Phase},
    charter::TokenKey,
    signed::Verified,
    subject::Class,
    suite::Suite,
};
use axum::{
    Json,
    extract::{
        Path, State,
        rejection::{JsonRejection, PathRejection},
    },
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App, Problem,
    auth::{ADMIN, Caller, READ},
    charter::no_ceremony,
};
use crate::{
    clock,
    core::{CeremonyStatus, KeysError, View, Wish},
    lang::Zh,
};

/// Who shall hold shares, and how often each evaluates for one member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HoldersRequest {
    /// The holders' short names; those of the charter if empty.
    #[serde(default)]
    #[schema(example = json!(["alibaba", "jd", "notary"]))]
    members: Vec<String>,
    /// How many of them must answer; as in the charter if absent, else 2.
    #[serde(default)]
    threshold: u8,
    /// Evaluations for one member, class and day at each holder; 1,000,000 where nothing is said.
    #[serde(default)]
    #[schema(value_type = BTreeMap<String, u32>, example = json!({"MOB": 1000000}))]
    quotas: BTreeMap<Class, u32>,
}

/// The charter that says so.
#[derive(Serialize, ToSchema)]
pub struct AmendedResponse {
    /// Its number.
    charter: u64,
}

/// What to call for.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CeremonyRequest {
    /// `generate` for classes without a threshold key, `rotate` for the next epoch, `refresh` for new shares of the same keys.
    #[schema(example = "generate")]
    kind: String,
    /// The classes; all that it can be for if empty: personal classes for `generate`.
    #[serde(default)]
    #[schema(value_type = Vec<String>, example = json!(["MOB", "ACC"]))]
    classes: Vec<Class>,
    /// How long the holders have, in minutes; 60 if absent.
    minutes: Option<u64>,
    /// The holders' short names, if they are to be named first; not for `refresh`.
    #[serde(default)]
    holders: Vec<String>,
    /// How many of them must answer; as in the charter if 0.
    #[serde(default)]
    threshold: u8,
}

/// A ceremony.
#[derive(Serialize, ToSchema)]
pub struct CeremonyResponse {
    /// Its id, in hex.
    ceremony: String,
    /// `generate` or `refresh`.
    kind: &'static str,
    /// The epoch of its keys.
    epoch: u16,
    /// Its classes.
    #[schema(value_type = Vec<String>)]
    classes: Vec<Class>,
    /// How many holders must answer later.
    threshold: u8,
    /// The holders.
    holders: Vec<String>,
    /// When it was called, in seconds since 1970.
    issued: u64,
    /// When it is over, in seconds since 1970.
    deadline: u64,
    /// `commit`, `deal`, `confirm`, `done` (the charter follows), `in_charter`, `void`.
    phase: &'static str,
    /// The holders without whom it does not go on.
    waiting_for: Vec<String>,
    /// Who is to blame for its end.
    faults: Vec<FaultShown>,
}

/// What a holder did wrong, or failed to do.
#[derive(Serialize, ToSchema)]
pub struct FaultShown {
    /// The holder.
    holder: String,
    /// What.
    fault: String,
    /// The same in Chinese.
    fault_zh: String,
}

/// Which epoch to retire.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RetireRequest {
    /// The epoch.
    epoch: u16,
    /// Although listings under it have not been carried over.
    #[serde(default)]
    force: bool,
}

/// Where the keys stand.
#[derive(Serialize, ToSchema)]
pub struct KeysResponse {
    /// How many holders must answer in the next ceremony's keys; absent before holders are named.
    #[serde(skip_serializing_if = "Option::is_none")]
    threshold: Option<u8>,
    /// The holders.
    holders: Vec<HolderShown>,
    /// The keys, by class and epoch.
    keys: Vec<KeyShown>,
    /// The ceremonies that this node knows, newest first.
    ceremonies: Vec<CeremonyResponse>,
    /// What holders evaluated for this member today, by their own signed reports.
    usage: Vec<UsageShown>,
    /// Signed answers of holders that did not hold, kept as evidence on this node.
    bad_answers: usize,
}

/// A holder.
#[derive(Serialize, ToSchema)]
pub struct HolderShown {
    /// Its short name.
    member: String,
    /// Its role.
    role: &'static str,
    /// Whether one of its nodes is connected to this one, or it is this one.
    connected: bool,
}

/// One key.
#[derive(Serialize, ToSchema)]
pub struct KeyShown {
    #[schema(value_type = String, example = "MOB")]
    class: Class,
    epoch: u16,
    /// 1 or 2.
    suite: u8,
    /// Its id, in hex.
    id: String,
    /// How many holders must answer.
    threshold: u8,
    /// Who holds shares.
    holders: Vec<String>,
    /// Whether this node has its share.
    #[serde(skip_serializing_if = "Option::is_none")]
    own_share: Option<bool>,
    /// Evaluations for one member and day at each holder.
    #[serde(skip_serializing_if = "Option::is_none")]
    quota: Option<u32>,
    /// Since when it is retired, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    retired: Option<u64>,
    /// The holders that state that they deleted their shares.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    deleted: Vec<String>,
    /// Listings in force under it, by publisher.
    listings: BTreeMap<String, u64>,
}

/// A holder's count.
#[derive(Serialize, ToSchema)]
pub struct UsageShown {
    /// The holder.
    holder: String,
    #[schema(value_type = String, example = "MOB")]
    class: Class,
    /// Evaluations for this member today.
    evaluated: u32,
    /// Evaluations for all members today.
    evaluated_for_all: u64,
    /// The quota of one member.
    quota: u32,
}

/// Shows the token keys, their holders, ceremonies and usage.
#[utoipa::path(get, path = "/v1/keys", tag = "keys", security(("bearer" = [])),
    responses((status = 200, body = KeysResponse), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub async fn keys(State(app): State<App>, _caller: Caller<READ>) -> Result<Json<KeysResponse>, Problem> {
    tokio::task::spawn_blocking(move || status(&app)).await.map(Json).map_err(|_| Problem::stopping())
}

/// Names the members that take part in the next ceremony, and the quotas: the next charter.
#[utoipa::path(post, path = "/v1/keys/holders", tag = "keys", security(("bearer" = [])), request_body = HoldersRequest,
    responses((status = 200, body = AmendedResponse), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem)))]
pub async fn holders(
    State(app): State<App>,
    _caller: Caller<ADMIN>,
    request: Result<Json<HoldersRequest>, JsonRejection>,
) -> Result<Json<AmendedResponse>, Problem> {
    let Json(request) = request?;
    let quotas: Vec<(Class, u32)> = request.quotas.into_iter().collect();
    let charter = app.node.name_holders(&request.members, request.threshold, &quotas).await?;
    Ok(Json(AmendedResponse { charter }))
}

/// Calls the holders to a ceremony. Their nodes answer by themselves; the next charter holds the result.
#[utoipa::path(post, path = "/v1/keys/ceremonies", tag = "keys", security(("bearer" = [])), request_body = CeremonyRequest,
    responses((status = 200, body = CeremonyResponse), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem)))]
pub async fn call(
    State(app): State<App>,
    _caller: Caller<ADMIN>,
    request: Result<Json<CeremonyRequest>, JsonRejection>,
) -> Result<Json<CeremonyResponse>, Problem> {
    let Json(request) = request?;
    let wish = match request.kind.as_str() {
        "generate" => Wish::Generate,
        "rotate" => Wish::Rotate,
        "refresh" => Wish::Refresh,
        _ => {
            return Err(Problem::bad_request(
                "`kind` must be generate, rotate or refresh",
                "kind 须为 generate（生成）、rotate（换期）或 refresh（更新份额）：请改正",
            ));
        }
    };
    let CeremonyRequest { classes, minutes, holders, threshold, .. } = request;
    let called: Verified<_> = app.node.call_ceremony(wish, &classes, minutes, &holders, threshold).await?;
    one(app, called.id()).await.map(Json)
}

/// Shows one ceremony.
#[utoipa::path(get, path = "/v1/keys/ceremonies/{ceremony}", tag = "keys", security(("bearer" = [])),
    params(("ceremony" = String, Path, description = "The ceremony's id, in hex")),
    responses((status = 200, body = CeremonyResponse), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn ceremony(
    State(app): State<App>,
    _caller: Caller<READ>,
    id: Result<Path<String>, PathRejection>,
) -> Result<Json<CeremonyResponse>, Problem> {
    let Path(id) = id?;
    let mut bytes: Hash = [0; 32];
    hex::decode_to_slice(&id, &mut bytes).map_err(|_| no_ceremony())?;
    one(app, bytes).await.map(Json)
}

/// One ceremony, computed where that may take its time.
async fn one(app: App, id: Hash) -> Result<CeremonyResponse, Problem> {
    let look = move || Ok(shown(&app.node.view(), &app.node.ceremony(&id)?));
    tokio::task::spawn_blocking(look).await.map_err(|_| Problem::stopping())?
}

/// Retires an epoch: nobody answers under its keys any more, and the holders erase their shares.
#[utoipa::path(post, path = "/v1/keys/retire", tag = "keys", security(("bearer" = [])), request_body = RetireRequest,
    responses((status = 200, body = AmendedResponse), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem)))]
pub async fn retire(
    State(app): State<App>,
    _caller: Caller<ADMIN>,
    request: Result<Json<RetireRequest>, JsonRejection>,
) -> Result<Json<AmendedResponse>, Problem> {
    let Json(request) = request?;
    let charter = app.node.retire_keys(request.epoch, request.force).await?;
    Ok(Json(AmendedResponse { charter }))
}

fn slug(view: &View, number: MemberNumber) -> String {
    view.charter().member(number).map_or_else(|| number.to_string(), |member| member.slug.clone())
}

fn slugs(view: &View, numbers: &[MemberNumber]) -> Vec<String> {
    numbers.iter().map(|number| slug(view, *number)).collect()
}

fn shown(view: &View, status: &CeremonyStatus) -> CeremonyResponse {
    let CeremonyStatus { id, call, phase, waiting_for, faults, in_charter, settled } = status;
    let phase = match phase {
        _ if *in_charter => "in_charter",
        _ if *settled => "void",
        Some(Phase::Commit) => "commit",
        Some(Phase::Deal) => "deal",
        Some(Phase::Confirm) => "confirm",
        Some(Phase::Done) => "done",
        Some(Phase::Void) | None => "void",
    };
    let fault = |(holder, fault): &(MemberNumber, antibrush_protocol::ceremony::Fault)| FaultShown {
        holder: slug(view, *holder),
        fault: fault.to_string(),
        fault_zh: fault.zh(),
    };
    CeremonyResponse {
        ceremony: hex::encode(id),
        kind: if call.kind == Kind::Generate { "generate" } else { "refresh" },
        epoch: call.epoch,
        classes: call.classes.clone(),
        threshold: call.threshold,
        holders: slugs(view, &call.holders),
        issued: call.issued.0,
        deadline: call.deadline.0,
        phase,
        waiting_for: if *settled { Vec::new() } else { slugs(view, waiting_for) },
        faults: if *in_charter { Vec::new() } else { faults.iter().map(fault).collect() },
    }
}

fn status(app: &App) -> KeysResponse {
    let (node, view) = (&app.node, app.node.view());
    let charter = view.charter();
    let counts = node.listings_by_epoch();
    let holding = charter.holding.as_ref();
    let mut holders: Vec<MemberNumber> = holding.map(|holding| holding.members.clone()).unwrap_or_default();
    holders.extend(charter.token_keys.iter().filter(|key| key.is_active()).flat_map(|key| key.members.iter().copied()));
    holders.sort_unstable();
    holders.dedup();
    let holder = |number: &MemberNumber| {
        let member = charter.member(*number)?;
        let connected = view.me == Some(*number) || member.nodes.iter().any(|node| view.peers.contains(&node.key));
        Some(HolderShown { member: member.slug.clone(), role: member.role.code(), connected })
    };
    let key = |key: &TokenKey| {
        let id = key.id();
        let of_key = counts.iter().filter(|((_, class, epoch), _)| *class == key.class && *epoch == key.epoch);
        let shared = key.suite == Suite::Threshold;
        let is_holder = view.me.is_some_and(|me| key.share_of(me).is_some());
        KeyShown {
            class: key.class,
            epoch: key.epoch,
            suite: key.suite.number(),
            id: hex::encode(id),
            threshold: key.threshold,
            holders: slugs(&view, &key.members),
            own_share: is_holder.then(|| node.holder().has_share(&id)),
            quota: shared.then(|| charter.quota(key.class)),
            retired: key.retired.map(|at| at.0),
            deleted: view.board.deletions().filter(|d| d.key == id).map(|d| slug(&view, d.holder)).collect(),
            listings: of_key.map(|((publisher, ..), count)| (slug(&view, *publisher), *count)).collect(),
        }
    };
    let today = clock::wall().day();
    let usage = view.board.usage().filter(|report| report.day == today).map(|report| UsageShown {
        holder: slug(&view, report.holder),
        class: report.class,
        evaluated: view.me.map_or(0, |me| report.of(me)),
        evaluated_for_all: report.total(),
        quota: charter.quota(report.class),
    });
    KeysResponse {
        threshold: holding.map(|holding| holding.threshold),
        holders: holders.iter().filter_map(holder).collect(),
        keys: charter.token_keys.iter().map(key).collect(),
        ceremonies: node.ceremonies().iter().map(|status| shown(&view, status)).collect(),
        usage: usage.collect(),
        bad_answers: node.resolver().evidence().count(),
    }
}

impl From<KeysError> for Problem {
    fn from(error: KeysError) -> Self {
        use axum::http::StatusCode;
        match error {
            KeysError::Admit(error) => error.into(),
            KeysError::Storage(error) => error.into(),
            KeysError::NoSuchMember(_) | KeysError::NoSuchCeremony(_) => {
                Problem::not_found(error.to_string(), error.zh())
            }
            KeysError::Minutes | KeysError::Call(_) => Problem::refused(&error),
            KeysError::NoHolders
            | KeysError::UnderWay(_)
            | KeysError::NothingToMake
            | KeysError::NothingThere
            | KeysError::TwoEpochs(_)
            | KeysError::OtherHolders
            | KeysError::NoSuchEpoch(_)
            | KeysError::RetiredAlready(_)
            | KeysError::NoSuccessor(_)
            | KeysError::NotFresh
            | KeysError::NoResult
            | KeysError::NotCarried { .. } => Problem::new(StatusCode::CONFLICT, "keys", error.to_string(), error.zh()),
        }
    }
}
