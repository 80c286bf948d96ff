//! Saying something of listings over HTTP: notices, commitments, disputes, rulings and measures.

use antibrush_protocol::{
    base::{Day, MemberNumber},
    codes::{CommitmentStep, DeclineReason, DisputeReason, List, Measure, NoticeStep, Outcome, Response, RulingReason},
    subject::{Class, Subject},
};
use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
};
use serde::Deserialize;
use utoipa::ToSchema;

use super::{
    App, Problem,
    auth::{Caller, PUBLISH},
    listing::{PublishResponse, bounded, reference, to_the_end},
};
use crate::{
    core::{RemarkWish, View, What},
    lang::Both,
};

/// What is said of one subject's listings.
#[derive(Deserialize, ToSchema)]
pub struct RemarkItem {
    #[schema(value_type = String, example = "ACC")]
    class: Class,
    /// The identifier; it never leaves the process.
    #[schema(example = "jd:20931187")]
    id: String,
    /// Of the listings on this list alone.
    #[schema(value_type = Option<String>, example = "CXH")]
    list: Option<List>,
    /// Of this member's listings alone.
    #[schema(example = "alibaba")]
    publisher: Option<String>,
    #[serde(flatten)]
    says: Says,
}

/// What is said.
#[derive(Deserialize, ToSchema)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Says {
    /// The subject is told to rectify, members are urged to act, or the case is escalated.
    Notice {
        /// `rectify`, `urge` or `escalate`.
        #[schema(value_type = String, example = "rectify")]
        step: NoticeStep,
        /// The last day of rectification, where sector law sets another than three months.
        until: Option<String>,
        /// The number of the document.
        document: Option<String>,
    },
    /// What the subject undertook or did.
    Commitment {
        /// `committed` or `rectified`.
        #[schema(value_type = String, example = "committed")]
        step: CommitmentStep,
        /// Where the evidence is kept; only its salted digest leaves the node.
        evidence: String,
    },
    /// A dispute is filed for the subject: the listings enforce nothing until their publishers have ruled.
    Dispute {
        /// What is disputed.
        #[schema(value_type = String, example = "D02")]
        reason: DisputeReason,
        /// Where the evidence is kept; only its salted digest leaves the node.
        evidence: String,
    },
    /// This member's open dispute is taken back.
    Withdrawal {},
    /// Open disputes of this member's own listings are answered.
    Ruling {
        /// `upheld`, `corrected`, `withdrawn` or `rejected`.
        #[schema(value_type = String, example = "rejected")]
        outcome: Outcome,
        /// On what it rests.
        #[schema(value_type = String, example = "J01")]
        reason: RulingReason,
        /// The dispute of this member alone.
        disputer: Option<String>,
    },
    /// What this member did about a measure.
    Measure {
        /// Which measure.
        #[schema(value_type = String, example = "P05")]
        measure: Measure,
        /// `applied`, `declined` or `acknowledged`.
        #[schema(value_type = String, example = "applied")]
        response: Response,
        /// Why it declined.
        #[schema(value_type = Option<String>, example = "N02")]
        reason: Option<DeclineReason>,
        /// The number of the authority's document, for the government's measures.
        document: Option<String>,
    },
}

/// Subjects of whose listings something is said.
#[derive(Deserialize, ToSchema)]
pub struct RemarkRequest {
    items: Vec<RemarkItem>,
}

/// Says something of listings, own and others': one batch, durable and in force here when the call returns.
#[utoipa::path(post, path = "/v1/remarks", tag = "publish", security(("bearer" = [])), request_body = RemarkRequest,
    responses((status = 200, body = PublishResponse), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem), (status = 507, body = Problem)))]
pub async fn remark(
    State(app): State<App>,
    _caller: Caller<PUBLISH>,
    request: Result<Json<RemarkRequest>, JsonRejection>,
) -> Result<Json<PublishResponse>, Problem> {
    let Json(request) = request?;
    bounded(request.items.len())?;
    let view = app.node.view();
    let wishes = request.items.into_iter().map(|item| wish(item, &view)).collect();
    to_the_end(app.node, wishes, |wish| &wish.subject, |session, wishes, prepared| session.remark(wishes, prepared))
        .await
}

fn wish(item: RemarkItem, view: &View) -> Result<RemarkWish, Both> {
    let subject = Subject::parse(item.class, &item.id)?;
    let publisher = item.publisher.as_deref().map(|slug| member(slug, view)).transpose()?;
    let what = match item.says {
        Says::Notice { step, until, document } => {
            let until = until.map(|text| Day::parse(&text).ok_or_else(not_a_date)).transpose()?;
            What::Notice { step, until, document }
        }
        Says::Commitment { step, evidence } => What::Commitment { step, evidence: reference(evidence)? },
        Says::Dispute { reason, evidence } => What::Dispute { reason, evidence: reference(evidence)? },
        Says::Withdrawal {} => What::Withdrawal,
        Says::Ruling { outcome, reason, disputer } => {
            let disputer = disputer.as_deref().map(|slug| member(slug, view)).transpose()?;
            What::Ruling { outcome, reason, disputer }
        }
        Says::Measure { measure, response, reason, document } => What::Measure { measure, response, reason, document },
    };
    Ok(RemarkWish { subject, list: item.list, publisher, what })
}

fn member(slug: &str, view: &View) -> Result<MemberNumber, Both> {
    view.charter().member_by_slug(slug).map(|member| member.number).ok_or_else(|| {
        Both::new(
            "no member has this short name; antibrush alliance members shows them",
            "没有这个简称的成员：用 antibrush alliance members 查看",
        )
    })
}

fn not_a_date() -> Both {
    Both::new("`until` is not a date; write it as 2026-11-22", "until 不是日期：请写成 2026-11-22 的形式")
}
