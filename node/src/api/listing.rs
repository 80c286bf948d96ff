//! Listing and clearing over HTTP.

use std::sync::Arc;

use antibrush_protocol::{
    base::Day,
    codes::{Conduct, Direction, List, Reason, Role, Severity},
    feed::build::BuildError,
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
    auth::{Caller, PUBLISH},
};
use crate::{
    core::{Clear, Counted, Node, Outcome, Session, Wanted},
    import::Private,
    lang::Both,
    tokens::Prepared,
};

/// The most items of one call: larger lists are imported as files.
const ITEMS: usize = 10_000;

/// One subject to list.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ListItem {
    #[schema(value_type = String, example = "ACC")]
    class: Class,
    /// The identifier; it never leaves the process.
    #[schema(example = "jd:20931187")]
    id: String,
    /// CXH if not given.
    #[schema(value_type = Option<String>, example = "CXH")]
    list: Option<List>,
    #[schema(value_type = String, example = "C01")]
    conduct: Conduct,
    /// By role if not given, on statutory lists by the list.
    #[schema(value_type = Option<String>, example = "ordinary")]
    severity: Option<Severity>,
    #[schema(value_type = Option<String>, example = "take-part")]
    role: Option<Role>,
    #[schema(value_type = Option<String>, example = "up")]
    direction: Option<Direction>,
    /// GB/T 2260, six digits.
    #[schema(example = 330100)]
    region: Option<u32>,
    /// The day of listing; today if not given.
    #[schema(example = "2026-11-22")]
    day: Option<String>,
    /// The last day on which it holds; by the charter's term if not given.
    #[schema(example = "2027-11-21")]
    expires: Option<String>,
    /// The rule-set version; the configured one if not given.
    basis: Option<String>,
    /// The number of the court's or regulator's document, in clear, at most 64 bytes; statutory lists need it.
    #[schema(example = "(2026)闽0102执1234号")]
    document: Option<String>,
    /// Where the evidence is kept; only its salted digest leaves the node.
    #[schema(example = "case-2026-118")]
    evidence: String,
    /// The name, published only for legal entities.
    name: Option<String>,
    /// For members who hold the identifier themselves, at most 254 bytes: sealed, nobody else can open them. Name no other
    /// person in them.
    #[schema(example = "case 118, contact: legal department")]
    details: Option<String>,
}

/// Subjects to list.
#[derive(Deserialize, ToSchema)]
pub struct ListRequest {
    items: Vec<ListItem>,
}

/// One subject to clear.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClearItem {
    #[schema(value_type = String, example = "ACC")]
    class: Class,
    /// The identifier; it never leaves the process.
    id: String,
    /// CXH if not given.
    #[schema(value_type = Option<String>, example = "CXH")]
    list: Option<List>,
    /// Why.
    #[schema(value_type = String, example = "R01")]
    reason: Reason,
}

/// Subjects to clear.
#[derive(Deserialize, ToSchema)]
pub struct ClearRequest {
    items: Vec<ClearItem>,
}

/// What became of the items, in their order, and the batch that says so.
#[derive(Serialize, ToSchema)]
pub struct PublishResponse {
    /// One for each item.
    outcomes: Vec<ItemOutcome>,
    /// How many ended how.
    counted: Counted,
    /// The batch; absent if nothing had to be said.
    #[serde(skip_serializing_if = "Option::is_none")]
    batch: Option<u64>,
}

/// What became of one item.
#[derive(Serialize, ToSchema)]
pub struct ItemOutcome {
    /// `listed`, `amended`, `unchanged`, `cleared` or `refused`.
    outcome: &'static str,
    /// Why it was refused, and what to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The same in Chinese.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason_zh: Option<String>,
}

/// Lists subjects: one batch, durable and queryable here when the call returns.
#[utoipa::path(post, path = "/v1/listings", tag = "publish", security(("bearer" = [])), request_body = ListRequest,
    responses((status = 200, body = PublishResponse), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem), (status = 507, body = Problem)))]
pub async fn list(
    State(app): State<App>,
    _caller: Caller<PUBLISH>,
    request: Result<Json<ListRequest>, JsonRejection>,
) -> Result<Json<PublishResponse>, Problem> {
    let Json(request) = request?;
    bounded(request.items.len())?;
    let wishes: Vec<Result<Wanted, Both>> = request.items.into_iter().map(wanted).collect();
    to_the_end(app.node, wishes, |wish| &wish.subject, |session, wishes, prepared| session.list(wishes, prepared)).await
}

/// Clears subjects that this platform listed.
#[utoipa::path(post, path = "/v1/clearings", tag = "publish", security(("bearer" = [])), request_body = ClearRequest,
    responses((status = 200, body = PublishResponse), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem), (status = 507, body = Problem)))]
pub async fn clear(
    State(app): State<App>,
    _caller: Caller<PUBLISH>,
    request: Result<Json<ClearRequest>, JsonRejection>,
) -> Result<Json<PublishResponse>, Problem> {
    let Json(request) = request?;
    bounded(request.items.len())?;
    let clear = |item: ClearItem| {
        let subject = Subject::parse(item.class, &item.id)?;
        Ok::<_, Both>(Clear { subject, list: item.list.unwrap_or(List::Cxh), reason: item.reason })
    };
    let wishes = request.items.into_iter().map(clear).collect();
    to_the_end(app.node, wishes, |wish| &wish.subject, |session, wishes, prepared| session.clear(wishes, prepared))
        .await
}

pub(super) fn bounded(items: usize) -> Result<(), Problem> {
    match items {
        0 => Err(Problem::bad_request("`items` is empty; send at least one", "items 为空：请至少发送一项")),
        1..=ITEMS => Ok(()),
        _ => Err(Problem::bad_request(
            format!("send at most {ITEMS} items at once, or import them as a file"),
            format!("一次最多发送 {ITEMS} 项：请拆分，或以文件导入"),
        )),
    }
}

fn wanted(item: ListItem) -> Result<Wanted, Both> {
    let subject = Subject::parse(item.class, &item.id)?;
    let day = |text: Option<String>, field: &str| match text {
        None => Ok(None),
        Some(text) => Day::parse(&text).map(Some).ok_or_else(|| {
            Both::new(
                format!("`{field}` is not a date; write it as 2026-11-22"),
                format!("{field} 不是日期：请写成 2026-11-22 的形式"),
            )
        }),
    };
    let evidence = reference(item.evidence)?;
    Ok(Wanted {
        subject,
        list: item.list.unwrap_or(List::Cxh),
        conduct: item.conduct,
        severity: item.severity,
        role: item.role,
        direction: item.direction,
        region: item.region,
        day: day(item.day, "day")?,
        last_day: day(item.expires, "expires")?,
        basis: item.basis,
        document: item.document,
        evidence,
        name: item.name,
        details: item.details.map(Private::new),
    })
}

/// Where the evidence is kept, as somebody wrote it.
pub(super) fn reference(evidence: String) -> Result<String, Both> {
    if (1..=256).contains(&evidence.len()) {
        Ok(evidence)
    } else {
        Err(Both::new(
            "`evidence` must name where the evidence is kept, in 1 to 256 bytes",
            "evidence 须写明证据保存处，1至256字节：请补充",
        ))
    }
}

/// Publishes in a task of its own: a caller that goes away must not give the writer's place to the next one while the batch
/// is on its way.
pub(super) async fn to_the_end<W: Send + Sync + 'static>(
    node: Arc<Node>,
    wishes: Vec<Result<W, Both>>,
    subject: fn(&W) -> &Subject,
    plan: fn(&mut Session, &[W], &Prepared) -> Result<Vec<Outcome>, BuildError>,
) -> Result<Json<PublishResponse>, Problem> {
    tokio::spawn(async move { publish(&node, wishes, subject, plan).await }).await.map_err(|_| Problem::stopping())?
}

/// Plans and publishes; items that could not even be read keep their place among the outcomes.
async fn publish<W: Send + Sync + 'static>(
    node: &Arc<Node>,
    wishes: Vec<Result<W, Both>>,
    subject: fn(&W) -> &Subject,
    plan: fn(&mut Session, &[W], &Prepared) -> Result<Vec<Outcome>, BuildError>,
) -> Result<Json<PublishResponse>, Problem> {
    node.may_publish()?;
    let (mut good, mut places) = (Vec::new(), Vec::new());
    for wish in wishes {
        places.push(wish.map(|wish| good.push(wish)));
    }
    // Before the writer's turn: others need not wait while the key holders are asked.
    let prepared = node.resolver().prepare(good.iter().map(subject)).await;
    let mut session = node.session().await?;
    let planned = tokio::task::spawn_blocking(move || -> Result<_, Problem> {
        let outcomes = plan(&mut session, &good, &prepared).map_err(|error| Problem::refused(&error))?;
        Ok((session, outcomes, places))
    });
    let (session, outcomes, places) = planned.await.map_err(|_| Problem::stopping())??;
    let head = node.publish_session(session).await?;
    let (mut counted, mut outcomes) = (Counted::default(), outcomes.into_iter());
    let outcome = |place: Result<(), Both>| match place.map(|()| outcomes.next()) {
        Ok(Some(outcome)) => {
            counted.count(&outcome);
            described(&outcome)
        }
        Ok(None) => ItemOutcome { outcome: "refused", reason: None, reason_zh: None },
        Err(Both { en, zh }) => {
            counted.refused += 1;
            ItemOutcome { outcome: "refused", reason: Some(en), reason_zh: Some(zh) }
        }
    };
    let outcomes = places.into_iter().map(outcome).collect();
    Ok(Json(PublishResponse { outcomes, counted, batch: head.map(|head| head.seq) }))
}

fn described(outcome: &Outcome) -> ItemOutcome {
    let (outcome, reason) = match outcome {
        Outcome::Listed => ("listed", None),
        Outcome::Amended => ("amended", None),
        Outcome::Unchanged => ("unchanged", None),
        Outcome::Cleared => ("cleared", None),
        Outcome::Said(_) => ("said", None),
        Outcome::Refused(refusal) => ("refused", Some(Both::from(refusal.clone()))),
    };
    let (reason, reason_zh) = reason.map(|Both { en, zh }| (en, zh)).unzip();
    ItemOutcome { outcome, reason, reason_zh }
}
