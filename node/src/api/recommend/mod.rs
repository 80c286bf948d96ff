//! Recommendations: the rules in force, what they made of checks, and overrides for single subjects.

pub mod forecast;

use antibrush_protocol::{
    base::Day,
    subject::{Class, Subject},
};
use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App, Problem,
    auth::{ADMIN, Caller, READ},
};
use crate::{
    check::{Answer, Listed},
    clock,
    lang::Both,
    recommend::{
        Action, Asked, CountedAnswers, FileRefusal, Listing, Mode, Override, OverrideError, Persons, Rule, Wish,
    },
};

/// What the audit log calls changes of recommendations.
const PURPOSE: &str = "recommend";

/// Puts into an answer what the risk system is advised to do, and counts it.
pub(super) fn advise(app: &App, today: Day, subject: &Subject, answer: &mut Answer) {
    let listings: Vec<Listing<'_>> = answer.listings.iter().map(|listed| seen(listed, answer.victim)).collect();
    let advice = app.recommender.advise(subject, &listings, today);
    if let Some((mode, action)) = advice.counted {
        app.node.metrics().recommended(mode, action);
    }
    answer.recommendation = advice.given;
}

/// A listing as the rules see it.
fn seen(listed: &Listed, victim: bool) -> Listing<'_> {
    Listing {
        list: listed.list,
        conduct: listed.conduct,
        severity: listed.severity,
        role: listed.role,
        state: listed.state,
        source: listed.publisher.as_deref(),
        members: listed.members,
        enforceable: listed.enforceable,
        disputed: listed.disputed.is_some(),
        suspended: listed.suspended,
        struck: listed.struck,
        victim,
    }
}

/// The rules in force and what they made of checks.
#[derive(Serialize, ToSchema)]
pub struct RecommendView {
    /// Whether answers carry recommendations.
    mode: Mode,
    /// What may be recommended at most against natural persons.
    persons: Persons,
    /// What is recommended for a listing that no rule matches.
    otherwise: Action,
    /// Whether the data directory has a file; else the default holds.
    has_file: bool,
    /// Whether the file says something else than what is in force: reload.
    changed: bool,
    /// Why the file is refused; what is in force stays so.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused: Option<String>,
    /// The same in Chinese.
    #[serde(skip_serializing_if = "Option::is_none")]
    refused_zh: Option<String>,
    /// The rules in their order.
    rules: Vec<RuleView>,
    /// Since when the counts count, in seconds since 1970.
    since: u64,
    /// What was recommended, or in shadow mode would have been.
    counts: Vec<CountedAnswers>,
    /// Overrides in force.
    overrides: usize,
}

/// A rule; what is empty is not asked for.
#[derive(Serialize, ToSchema)]
pub struct RuleView {
    /// Its number, from 1.
    number: usize,
    /// Its name.
    name: String,
    /// Codes of lists.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    list: Vec<&'static str>,
    /// Codes of conduct.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    conduct: Vec<&'static str>,
    /// Codes of severity.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    severity: Vec<&'static str>,
    /// Codes of states.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    state: Vec<&'static str>,
    /// Short names of publishers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    source: Vec<String>,
    /// Codes of classes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    class: Vec<&'static str>,
    /// Codes of roles.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    role: Vec<&'static str>,
    /// The least number of members that list the conduct.
    min_members: usize,
    /// What is recommended.
    then: Action,
}

impl RuleView {
    fn of((at, rule): (usize, &Rule)) -> RuleView {
        RuleView {
            number: at + 1,
            name: rule.name.to_string(),
            list: rule.list.iter().map(|code| code.code()).collect(),
            conduct: rule.conduct.iter().map(|code| code.code()).collect(),
            severity: rule.severity.iter().map(|code| code.code()).collect(),
            state: rule.state.iter().map(|code| code.code()).collect(),
            source: rule.source.clone(),
            class: rule.class.iter().map(|code| code.code()).collect(),
            role: rule.role.iter().map(|code| code.code()).collect(),
            min_members: rule.min_members,
            then: rule.then,
        }
    }
}

/// Shows the rules in force and what they made of checks.
#[utoipa::path(get, path = "/v1/recommend", tag = "recommend", security(("bearer" = [])),
    responses((status = 200, body = RecommendView), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub async fn show(State(app): State<App>, _caller: Caller<READ>) -> Result<Json<RecommendView>, Problem> {
    view(&app).await.map(Json)
}

/// Reads the file of rules again. A bad one is refused, and what was in force stays so.
#[utoipa::path(post, path = "/v1/recommend/reload", tag = "recommend", security(("bearer" = [])),
    responses((status = 200, body = RecommendView), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 507, body = Problem)))]
pub async fn reload(State(app): State<App>, caller: Caller<ADMIN>) -> Result<Json<RecommendView>, Problem> {
    let work = app.clone();
    blocking(move || {
        if work.recommender.reload().map_err(|error| Problem::refused(&error))? {
            let mode = work.recommender.in_force().policy.mode.code();
            let event = format!("other rules in force, mode {mode}");
            work.audit.event(&caller.name, PURPOSE, &event).map_err(OverrideError::from)?;
        }
        Ok(())
    })
    .await?;
    view(&app).await.map(Json)
}

async fn view(app: &App) -> Result<RecommendView, Problem> {
    let app = app.clone();
    blocking(move || {
        let in_force = app.recommender.in_force();
        let policy = &in_force.policy;
        let (since, counts) = app.recommender.counted();
        let behind: Result<bool, FileRefusal> = app.recommender.is_behind();
        let refused = behind.as_ref().err().map(|error| Both::new(error.to_string(), crate::lang::Zh::zh(error)));
        let (refused, refused_zh) = refused.map(|both| (both.en, both.zh)).unzip();
        Ok(RecommendView {
            mode: policy.mode,
            persons: policy.persons,
            otherwise: policy.otherwise,
            has_file: in_force.has_file,
            changed: behind.unwrap_or(true),
            refused,
            refused_zh,
            rules: policy.rules.iter().enumerate().map(RuleView::of).collect(),
            since,
            counts,
            overrides: app.recommender.overrides().all(clock::wall().day()).len(),
        })
    })
    .await
}

/// What is to be recommended for one subject.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverrideRequest {
    /// The class of the identifier.
    #[schema(value_type = String, example = "ENT")]
    class: Class,
    /// The identifier, as a person writes it. It is kept nowhere.
    #[schema(example = "91350100M000100Y43")]
    id: String,
    /// What is recommended.
    #[serde(rename = "as")]
    action: Action,
    /// Why, in one line without identifiers.
    reason: String,
    /// The last day on which it holds.
    #[schema(example = "2027-03-31")]
    until: String,
}

/// Which override: by its subject, or by its number.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OverrideRemoval {
    /// The class of the identifier.
    #[schema(value_type = Option<String>, example = "ENT")]
    class: Option<Class>,
    /// The identifier.
    id: Option<String>,
    /// The override's number.
    number: Option<u64>,
}

/// The overrides in force.
#[derive(Serialize, ToSchema)]
pub struct OverridesView {
    /// By number.
    overrides: Vec<Override>,
}

/// Shows the overrides in force. Whom they are for is not kept in a form that could be shown.
#[utoipa::path(get, path = "/v1/recommend/overrides", tag = "recommend", security(("bearer" = [])),
    responses((status = 200, body = OverridesView), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub async fn overrides(State(app): State<App>, _caller: Caller<READ>) -> Json<OverridesView> {
    Json(OverridesView { overrides: app.recommender.overrides().all(clock::wall().day()) })
}

/// Sets what is recommended for one subject, whatever the rules say.
#[utoipa::path(post, path = "/v1/recommend/overrides", tag = "recommend", security(("bearer" = [])),
    request_body = OverrideRequest,
    responses((status = 200, body = Override), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 507, body = Problem)))]
pub async fn set_override(
    State(app): State<App>,
    caller: Caller<ADMIN>,
    request: Result<Json<OverrideRequest>, JsonRejection>,
) -> Result<Json<Override>, Problem> {
    let Json(request) = request?;
    let subject = parsed(request.class, &request.id)?;
    let until = Day::parse(&request.until).ok_or_else(|| {
        Problem::bad_request("`until` must be a date like 2027-03-31", "until 须为日期，例如 2027-03-31：请改正")
    })?;
    let wish = Wish { action: request.action, reason: request.reason, until, by: caller.name.clone() };
    let set = blocking(move || {
        let asked = Asked { class: subject.class(), personal: subject.is_personal() };
        let spared = app.recommender.in_force().policy.spares(asked);
        let log = |set: &Override| app.audit.event(&caller.name, PURPOSE, &said("set", set));
        Ok(app.recommender.overrides().set(&subject, wish, spared, clock::wall(), log)?)
    });
    set.await.map(Json)
}

/// Takes an override back: the rules hold again.
#[utoipa::path(post, path = "/v1/recommend/overrides/remove", tag = "recommend", security(("bearer" = [])),
    request_body = OverrideRemoval,
    responses((status = 200, body = Override), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 507, body = Problem)))]
pub async fn remove_override(
    State(app): State<App>,
    caller: Caller<ADMIN>,
    request: Result<Json<OverrideRemoval>, JsonRejection>,
) -> Result<Json<Override>, Problem> {
    let Json(request) = request?;
    let subject = match (request.number, request.class, &request.id) {
        (Some(_), None, None) => None,
        (None, Some(class), Some(id)) => Some(parsed(class, id)?),
        _ => {
            return Err(Problem::bad_request("send `number`, or `class` and `id`", "请给出 number，或 class 与 id"));
        }
    };
    let removed = blocking(move || {
        let log = |removed: &Override| app.audit.event(&caller.name, PURPOSE, &said("removed", removed));
        let (overrides, today) = (app.recommender.overrides(), clock::wall().day());
        Ok(match subject {
            Some(subject) => overrides.remove(&subject, today, log)?,
            None => overrides.remove_number(request.number.unwrap_or_default(), today, log)?,
        })
    });
    removed.await.map(Json)
}

/// An override in the words of the audit log, which knows no subjects.
fn said(done: &str, of: &Override) -> String {
    format!("{done} override {}: {} as {} until {}: {}", of.number, of.class, of.action.code(), of.until, of.reason)
}

fn parsed(class: Class, id: &str) -> Result<Subject, Problem> {
    Subject::parse(class, id).map_err(|error| Problem::bad_request(error.reason_en(), error.reason_zh()))
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Problem> + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work).await.map_err(|_| Problem::stopping())?
}
