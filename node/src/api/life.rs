//! The lives of listings over HTTP: what was said of a subject's listings, and what is due.

use antibrush_protocol::{
    base::{Day, MemberNumber},
    codes::{Conduct, Duty, List},
    entry::lifecycle::{Actor, Deadline, Held, Life, Status, Subject as Lives, deadlines},
    subject::{Class, Subject},
};
use axum::{
    Json,
    extract::{
        Query, State,
        rejection::{JsonRejection, QueryRejection},
    },
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    App, Problem,
    auth::{CHECK, Caller, READ},
};
use crate::{
    check::{self, Context, last_day},
    core::Node,
    storage::table::prefix_of,
};

/// Whose listings.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct LifeRequest {
    #[schema(value_type = String, example = "ACC")]
    class: Class,
    /// The identifier; it never leaves the process.
    #[schema(example = "jd:20931187")]
    id: String,
}

/// The lives of a subject's listings in force.
#[derive(Serialize, ToSchema)]
pub struct LifeResponse {
    listings: Vec<LifeView>,
}

/// The life of one listing.
#[derive(Serialize, ToSchema)]
pub struct LifeView {
    /// Who listed it; absent where the charter keeps that to itself, unless it is this member.
    #[serde(skip_serializing_if = "Option::is_none")]
    publisher: Option<String>,
    /// The index of its List entry in that feed.
    leaf: u64,
    #[schema(value_type = String, example = "CXH")]
    list: List,
    #[schema(value_type = String, example = "C01")]
    conduct: Conduct,
    /// Where it stands.
    state: &'static str,
    /// Whether a member may act on it.
    enforceable: bool,
    /// How many members under different control list the same conduct.
    members: usize,
    /// The day of listing.
    listed: String,
    /// The last day on which it holds.
    expires: String,
    /// Since when it is confirmed.
    #[serde(skip_serializing_if = "Option::is_none")]
    confirmed: Option<String>,
    /// When the subject was last told to rectify.
    #[serde(skip_serializing_if = "Option::is_none")]
    noticed: Option<String>,
    /// When it last committed itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    committed: Option<String>,
    /// When it had rectified.
    #[serde(skip_serializing_if = "Option::is_none")]
    rectified: Option<String>,
    /// When the case was last escalated.
    #[serde(skip_serializing_if = "Option::is_none")]
    escalated: Option<String>,
    /// The disputes, in the order in which they count.
    disputes: Vec<DisputeView>,
    /// What members did about measures.
    measures: Vec<MeasureView>,
    /// What is due, soonest first.
    due: Vec<DutyView>,
    /// Whether a dispute went unanswered past its hard stop.
    suspended: bool,
    /// Remarks that had no effect.
    refused: u32,
}

/// One dispute.
#[derive(Serialize, ToSchema)]
pub struct DisputeView {
    /// Who filed it.
    disputer: String,
    /// When.
    filed: String,
    /// What is disputed.
    reason: &'static str,
    /// When it was closed; absent while it is open.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed: Option<String>,
    /// How its publisher ruled; absent if it is open or was taken back.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    /// On what the ruling rests.
    #[serde(skip_serializing_if = "Option::is_none")]
    ground: Option<&'static str>,
}

/// What one member did about one measure.
#[derive(Serialize, ToSchema)]
pub struct MeasureView {
    /// The member.
    member: String,
    /// The measure.
    measure: &'static str,
    /// What it did.
    response: &'static str,
    /// Why it declined.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// When.
    day: String,
}

/// One thing that is due.
#[derive(Serialize, ToSchema)]
pub struct DutyView {
    /// What.
    duty: &'static str,
    /// Whose turn it is: `publisher`, `steward`, `subject` or `members`.
    who: &'static str,
    /// The last day on which it is in time.
    day: String,
    /// By how many days it is late.
    #[serde(skip_serializing_if = "Option::is_none")]
    overdue: Option<u32>,
}

/// Shows the lives of a subject's listings. The question leaves neither the process nor a trace of the identifier.
#[utoipa::path(post, path = "/v1/lives", tag = "check", security(("bearer" = [])), request_body = LifeRequest,
    responses((status = 200, body = LifeResponse), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 503, body = Problem)))]
pub async fn lives(
    State(app): State<App>,
    _caller: Caller<CHECK>,
    request: Result<Json<LifeRequest>, JsonRejection>,
) -> Result<Json<LifeResponse>, Problem> {
    let Json(request) = request?;
    let (node, context) = (&app.node, app.node.check_context());
    let subject = Subject::parse(request.class, &request.id)
        .map_err(|error| Problem::bad_request(error.reason_en(), error.reason_zh()))?;
    let view = node.view();
    let known = view.tokens.known(&subject, node.resolver().cache(), &mut Vec::with_capacity(160))?;
    let derivations = match known {
        Some(known) => known,
        None => node.resolver().resolve_one(&subject).await?,
    };
    let (table, mut rows) = (node.store().table().reader(), Vec::new());
    let (mut held, mut said) = (Vec::new(), Vec::new());
    for (epoch, derived) in derivations.iter() {
        let prefix = prefix_of(&derived.token());
        table.get(&prefix, &mut rows);
        let of_subject = rows.iter().filter(|row| row.epoch == epoch && row.class == subject.class().number());
        held.extend(of_subject.filter_map(check::held).filter(|held| held.is_in_force(context.cutoffs().today)));
        node.store().remarks().of(&prefix, &mut said);
    }
    let lives = Lives::new(&held, &said, context.roster());
    let statuses = lives.statuses(context.cutoffs());
    let listings = held.iter().zip(&statuses).enumerate();
    let listings = listings.map(|(at, (held, status))| describe(node, &context, held, status, lives.life(at)));
    Ok(Json(LifeResponse { listings: listings.collect() }))
}

fn slug(node: &Node, number: MemberNumber) -> String {
    let view = node.view();
    view.charter().member(number).map_or_else(|| number.to_string(), |member| member.slug.clone())
}

fn describe(node: &Node, context: &Context, held: &Held, status: &Status, life: Option<&Life>) -> LifeView {
    let view = node.view();
    let named = view.charter().policy.names_publishers || view.me == Some(held.publisher);
    let text = |day: Day| day.to_string();
    let mut due = Vec::new();
    deadlines(held, life, status, (node.calendar(), context.cutoffs()), &mut due);
    let disputes = life.into_iter().flat_map(|life| &life.disputes).map(|dispute| DisputeView {
        disputer: slug(node, dispute.disputer),
        filed: text(dispute.filed),
        reason: dispute.reason.code(),
        closed: dispute.closed.map(text),
        outcome: dispute.ruling.map(|(outcome, _)| outcome.code()),
        ground: dispute.ruling.map(|(_, reason)| reason.code()),
    });
    let measures = life.into_iter().flat_map(|life| &life.measures).map(|taken| MeasureView {
        member: slug(node, taken.member),
        measure: taken.measure.code(),
        response: taken.response.code(),
        reason: taken.reason.map(|reason| reason.code()),
        day: text(taken.day),
    });
    let day = |of: fn(&Life) -> Option<Day>| life.and_then(of).map(text);
    LifeView {
        publisher: named.then(|| slug(node, held.publisher)),
        leaf: held.standing.leaf,
        list: held.list,
        conduct: held.standing.conduct,
        state: status.state.code(),
        enforceable: status.enforceable,
        members: status.members,
        listed: text(held.standing.listed),
        expires: text(last_day(held.standing.expires)),
        confirmed: status.confirmed.map(text),
        noticed: day(|life| life.noticed),
        committed: day(|life| life.committed),
        rectified: day(|life| life.rectified),
        escalated: day(|life| life.escalated),
        disputes: disputes.collect(),
        measures: measures.collect(),
        due: due.iter().map(|deadline| duty(deadline, context.cutoffs().today)).collect(),
        suspended: status.suspended,
        refused: life.map_or(0, |life| life.refused),
    }
}

fn duty(deadline: &Deadline, today: Day) -> DutyView {
    DutyView {
        duty: deadline.duty.code(),
        who: who(deadline.who),
        day: deadline.day.to_string(),
        overdue: today.0.checked_sub(deadline.day.0).filter(|late| *late > 0),
    }
}

fn who(actor: Actor) -> &'static str {
    match actor {
        Actor::Publisher => "publisher",
        Actor::Steward => "steward",
        Actor::Subject => "subject",
        Actor::Members => "members",
    }
}

/// What is asked for of what is due.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DueQuery {
    /// How many days ahead; what is overdue is always shown.
    #[serde(default = "a_week")]
    days: u32,
    /// Listings of this member alone; this node's own by default, `*` for all.
    publisher: Option<String>,
    /// This duty alone, such as `answer`.
    #[param(value_type = Option<String>)]
    duty: Option<Duty>,
    /// At most so many, up to 10000.
    #[serde(default = "a_thousand")]
    most: usize,
}

fn a_week() -> u32 {
    7
}

fn a_thousand() -> usize {
    1_000
}

/// The most that one answer holds.
const MOST_DUE: usize = 10_000;

/// What is due, soonest first.
#[derive(Serialize, ToSchema)]
pub struct DueResponse {
    /// The day of asking.
    today: String,
    /// How much is due in all, whether it is shown or not.
    total: u64,
    /// How much of it is overdue.
    overdue: u64,
    /// Whether the holidays of this year are known; without them working days come too early.
    calendar_known: bool,
    /// What is due.
    due: Vec<DueView>,
}

/// One thing that is due about one listing.
#[derive(Serialize, ToSchema)]
pub struct DueView {
    #[serde(flatten)]
    duty: DutyView,
    /// In whose feed the listing stands.
    publisher: String,
    /// The index of its List entry there.
    leaf: u64,
    #[schema(value_type = String)]
    list: List,
    #[schema(value_type = String)]
    conduct: Conduct,
    /// Where the listing stands.
    state: &'static str,
}

/// Lists what is due or overdue about listings in force, by whom, soonest first.
#[utoipa::path(get, path = "/v1/due", tag = "check", security(("bearer" = [])), params(DueQuery),
    responses((status = 200, body = DueResponse), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn due(
    State(app): State<App>,
    _caller: Caller<READ>,
    query: Result<Query<DueQuery>, QueryRejection>,
) -> Result<Json<DueResponse>, Problem> {
    let Query(query) = query?;
    let view = app.node.view();
    let publisher = match query.publisher.as_deref() {
        Some("*") => None,
        None => view.me,
        Some(slug) => Some(view.charter().member_by_slug(slug).map(|member| member.number).ok_or_else(|| {
            Problem::not_found(
                "no member has this short name; antibrush alliance members shows them",
                "没有这个简称的成员：用 antibrush alliance members 查看",
            )
        })?),
    };
    let node = app.node.clone();
    let work = move || {
        let context = node.check_context();
        let today = context.cutoffs().today;
        let wanted = crate::due::Wanted {
            publisher,
            duty: query.duty,
            until: today.plus(query.days.min(36_500)),
            most: query.most.min(MOST_DUE),
        };
        let store = node.store();
        let found = crate::due::due(
            &store.table().reader(),
            store.remarks(),
            context.roster(),
            (node.calendar(), context.cutoffs()),
            &wanted,
        );
        let shown = found.soonest.iter().map(|due| DueView {
            duty: duty(&due.deadline, today),
            publisher: slug(&node, due.held.publisher),
            leaf: due.held.standing.leaf,
            list: due.held.list,
            conduct: due.held.standing.conduct,
            state: due.state.code(),
        });
        DueResponse {
            today: today.to_string(),
            total: found.total,
            overdue: found.overdue,
            calendar_known: node.calendar().covers(today.ymd().0),
            due: shown.collect(),
        }
    };
    Ok(Json(tokio::task::spawn_blocking(work).await.map_err(|_| Problem::stopping())?))
}
