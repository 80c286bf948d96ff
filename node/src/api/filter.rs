//! Exchange filters: what travels between alliances instead of tokens.

use std::collections::BTreeSet;

use antibrush_protocol::{
    filter::{self, Filter, FilterAnswer, FilterHead},
    signed::{self, Signed},
    subject::{Class, Subject},
};
use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App, Problem,
    auth::{ADMIN, CHECK, Caller},
};
use crate::{
    clock,
    lang::{Both, Zh},
    random,
};

/// The most subjects of one call.
const ITEMS: usize = 100_000;

/// One subject.
#[derive(Deserialize, ToSchema)]
pub struct FilterItem {
    #[schema(value_type = String, example = "ENT")]
    class: Class,
    /// The identifier; it never leaves the process.
    id: String,
}

/// What to put into a filter.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterRequest {
    /// The subjects: confirmed, undisputed ones that this platform itself listed.
    items: Vec<FilterItem>,
    /// The false-positive rate is 2 to the minus this; 20 if absent.
    fpr_exponent: Option<u8>,
    /// The number of this build; ascending.
    number: u64,
}

/// A filter with its signed head.
#[derive(Serialize, Deserialize, ToSchema)]
pub struct FilterFile {
    /// The signed head (COSE_Sign1), in base64.
    head: String,
    /// The bitmap, in base64.
    bitmap: String,
}

/// A question to a filter.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FilterCheck {
    /// The filter.
    filter: FilterFile,
    #[schema(value_type = String, example = "ENT")]
    class: Class,
    /// The identifier; it never leaves the process.
    id: String,
}

/// What a filter says.
#[derive(Serialize, ToSchema)]
pub struct FilterVerdict {
    /// `not_listed`, `candidate` or `stale`: a filter alone never says more.
    answer: &'static str,
    /// Subjects in the filter.
    items: u64,
    /// Until when it speaks, in seconds since 1970.
    expires: u64,
}

/// Builds and signs an exchange filter of this platform's own subjects.
#[utoipa::path(post, path = "/v1/filters", tag = "filters", security(("bearer" = [])), request_body = FilterRequest,
    responses((status = 200, body = FilterFile), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub async fn build(
    State(app): State<App>,
    _caller: Caller<ADMIN>,
    request: Result<Json<FilterRequest>, JsonRejection>,
) -> Result<Json<FilterFile>, Problem> {
    let Json(request) = request?;
    if request.items.is_empty() || request.items.len() > ITEMS {
        return Err(Problem::bad_request(format!("send 1 to {ITEMS} items"), format!("请发送1至{ITEMS}个主体")));
    }
    let node = app.node.clone();
    let subjects = request.items.iter().map(|item| Subject::parse(item.class, &item.id));
    let subjects: Vec<Subject> = subjects.collect::<Result<_, _>>().map_err(|error| Problem::refused(&error))?;
    let tags = node.resolver().resolve(&subjects).await.into_iter();
    let tags = tags.map(|derived| Ok(derived?.newest().1.federation_tag()));
    let tags: BTreeSet<[u8; 32]> = tags.collect::<Result<_, Problem>>()?;
    let built = tokio::task::spawn_blocking(move || -> Result<FilterFile, Problem> {
        let view = node.view();
        let tags: Vec<[u8; 32]> = tags.into_iter().collect();
        let now = clock::wall();
        let (head, bitmap) = filter::build(
            &tags,
            request.fpr_exponent.unwrap_or(filter::DEFAULT_FPR_EXPONENT),
            random::bytes(),
            now,
            now.plus(86_400),
            view.chain.alliance(),
            request.number,
        )
        .map_err(|error| {
            Problem::bad_request(
                format!("the filter cannot be built: {error}"),
                format!("过滤器无法建立：{}", error.zh()),
            )
        })?;
        let member = view.member().ok_or(crate::core::PublishError::NotAPublisher)?;
        let key = node.keys().feed_of(member).map_err(crate::core::PublishError::from)?;
        let head = signed::sign(&head, key);
        Ok(FilterFile { head: STANDARD.encode(head.envelope()), bitmap: STANDARD.encode(bitmap) })
    });
    Ok(Json(built.await.map_err(|_| Problem::stopping())??))
}

/// Asks a filter about one subject. The filter must be signed by a member of this alliance.
#[utoipa::path(post, path = "/v1/filters/check", tag = "filters", security(("bearer" = [])), request_body = FilterCheck,
    responses((status = 200, body = FilterVerdict), (status = 400, body = Problem), (status = 401, body = Problem), (status = 403, body = Problem)))]
pub async fn check(
    State(app): State<App>,
    _caller: Caller<CHECK>,
    request: Result<Json<FilterCheck>, JsonRejection>,
) -> Result<Json<FilterVerdict>, Problem> {
    let Json(request) = request?;
    let head = STANDARD
        .decode(&request.filter.head)
        .map_err(|_| refused(Both::new("its head is not base64", "其头部不是 base64")))?;
    let bitmap = STANDARD
        .decode(&request.filter.bitmap)
        .map_err(|_| refused(Both::new("its bitmap is not base64", "其位图不是 base64")))?;
    let signed = Signed::<FilterHead>::decode(&head).map_err(refused)?;
    let view = app.node.view();
    let head = signed.payload().clone();
    let may = view
        .charter()
        .members
        .iter()
        .any(|member| member.is_publisher() && member.signs_with(&signed.key(), head.built));
    if head.alliance != view.chain.alliance() || !may {
        return Err(refused(Both::new("it is not signed by a member of this alliance", "它不是由本联盟的成员签名的")));
    }
    let subject = Subject::parse(request.class, &request.id).map_err(|error| Problem::refused(&error))?;
    let tag = app.node.resolver().resolve_one(&subject).await?.newest().1.federation_tag();
    let filter = Filter::open(&head, bitmap).map_err(refused)?;
    let answer = match filter.answer(&tag, clock::wall()) {
        FilterAnswer::Absent => "not_listed",
        FilterAnswer::Candidate => "candidate",
        FilterAnswer::Stale => "stale",
    };
    Ok(Json(FilterVerdict { answer, items: head.items, expires: head.expires.0 }))
}

fn refused(reason: impl Into<Both>) -> Problem {
    let Both { en, zh } = reason.into();
    Problem::bad_request(format!("the filter is refused: {en}"), format!("过滤器未被接受：{zh}"))
}
