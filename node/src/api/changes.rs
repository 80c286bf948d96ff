//! The change stream: what was committed here, in order, resumable.
//!
//! A cursor names this node's commit log and a place in it: `<log>.<commit>.<leaf>`. The log is local, so a cursor of
//! another node, or of this one before its documents were lost, is refused with 410 and the caller begins again.

use std::{convert::Infallible, sync::Arc, time::Duration};

use antibrush_protocol::{base::MemberNumber, entry::Entry, feed::Leaf};
use axum::{
    Json,
    extract::{Query, State, rejection::QueryRejection},
    http::{HeaderMap, StatusCode, header},
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use serde::{Deserialize, Serialize};
use tokio::sync::mpsc;
use utoipa::{IntoParams, ToSchema};

use super::{
    App, Problem,
    auth::{Caller, READ},
};
use crate::{
    check::last_day,
    core::{Node, View},
    storage::{CommitRecord, StorageError},
};

/// Changes of one page.
const PAGE: usize = 1000;

/// Where to go on.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct ChangesQuery {
    /// The cursor of the last change seen; from the beginning if absent.
    cursor: Option<String>,
    /// Wait up to this many seconds for a change (JSON answers only), at most 60.
    #[serde(default)]
    wait: u64,
}

/// A page of changes.
#[derive(Serialize, ToSchema)]
pub struct Changes {
    /// The changes.
    changes: Vec<Change>,
    /// Where to go on.
    cursor: String,
    /// Whether more are there already.
    more: bool,
}

/// One change: an entry of some feed.
#[derive(Serialize, ToSchema)]
pub struct Change {
    /// Where to go on after it.
    cursor: String,
    /// Whose entry.
    publisher: String,
    /// Its index in the publisher's feed.
    leaf: u64,
    /// `list`, `amend`, `clear`, `erased`, or `void`: the publisher's entries from `leaf` on have no force any more, by decision of the
    /// stewards or because two histories exist.
    kind: &'static str,
    /// The subject's token, in hex: what a member's own tokens are compared with.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
    /// The class.
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    /// The list.
    #[serde(skip_serializing_if = "Option::is_none")]
    list: Option<&'static str>,
    /// The conduct.
    #[serde(skip_serializing_if = "Option::is_none")]
    conduct: Option<&'static str>,
    /// The day that the entry bears.
    #[serde(skip_serializing_if = "Option::is_none")]
    day: Option<String>,
    /// The last day of the listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<String>,
    /// Why it was cleared.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'static str>,
    /// How many batches of the publisher stand, for `void`.
    #[serde(skip_serializing_if = "Option::is_none")]
    stands: Option<u64>,
    /// How many entries have no force any more, for `void`.
    #[serde(skip_serializing_if = "Option::is_none")]
    void: Option<u64>,
}

#[derive(Clone, Copy)]
struct Place {
    commit: u64,
    leaf: u64,
}

/// Follows what is committed here. With `Accept: text/event-stream` the answer is a stream of server-sent events whose ids
/// are cursors (`Last-Event-ID` resumes it); otherwise it is one page, waiting for news as long as `wait` says.
#[utoipa::path(get, path = "/v1/changes", tag = "feeds", security(("bearer" = [])), params(ChangesQuery),
    responses((status = 200, body = Changes), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 410, body = Problem)))]
pub async fn changes(
    State(app): State<App>,
    _caller: Caller<READ>,
    headers: HeaderMap,
    query: Result<Query<ChangesQuery>, QueryRejection>,
) -> Result<Response, Problem> {
    let Query(query) = query?;
    let resumed = headers.get("last-event-id").and_then(|value| value.to_str().ok()).map(str::to_owned);
    let node = log_name(&app.node);
    let place = match resumed.or(query.cursor) {
        Some(cursor) => parse(&cursor, &node, app.node.store().next_commit())?,
        None => Place { commit: 0, leaf: 0 },
    };
    let wants_stream =
        headers.get(header::ACCEPT).is_some_and(|value| value.as_bytes().starts_with(b"text/event-stream"));
    if wants_stream {
        return Ok(stream(app.node.clone(), node, place).into_response());
    }
    wait_for(&app.node, place, Duration::from_secs(query.wait.min(60))).await;
    Ok(Json(page(app.node.clone(), node, place).await?).into_response())
}

fn stream(node: Arc<Node>, name: String, mut place: Place) -> impl IntoResponse {
    let (events, receiver) = mpsc::channel::<Result<Event, Infallible>>(64);
    tokio::spawn(async move {
        loop {
            let Ok(found) = page(node.clone(), name.clone(), place).await else { return };
            for change in &found.changes {
                let Ok(event) = Event::default().id(&change.cursor).event(change.kind).json_data(change) else {
                    return;
                };
                if events.send(Ok(event)).await.is_err() {
                    return;
                }
            }
            let Ok(next) = parse(&found.cursor, &name, u64::MAX) else { return };
            place = next;
            if !found.more {
                tokio::select! {
                    () = wait_for(&node, place, Duration::from_secs(3600)) => {}
                    () = events.closed() => return,
                    () = node.stopping().cancelled() => return,
                }
            }
        }
    });
    Sse::new(tokio_stream::wrappers::ReceiverStream::new(receiver)).keep_alive(KeepAlive::default())
}

/// Waits until something is committed at or after the place, the time is over or the node stops.
async fn wait_for(node: &Node, place: Place, longest: Duration) {
    let mut commits = node.commits();
    tokio::select! {
        _ = commits.wait_for(|next| *next > place.commit) => {}
        () = tokio::time::sleep(longest) => {}
        () = node.stopping().cancelled() => {}
    }
}

async fn page(node: Arc<Node>, name: String, place: Place) -> Result<Changes, Problem> {
    tokio::task::spawn_blocking(move || read_page(&node, &name, place))
        .await
        .map_err(|_| Problem::stopping())?
        .map_err(Problem::from)
}

fn read_page(node: &Node, name: &str, mut place: Place) -> Result<Changes, StorageError> {
    let view = node.view();
    let store = node.store();
    let mut changes = Vec::new();
    while changes.len() < PAGE {
        let Some(record) = store.commits(place.commit, 1)?.into_iter().next() else { break };
        let CommitRecord { publisher, first, count, .. } = record;
        if record.void {
            let (batch, slug) = (record.seq, slug_of(&view, publisher));
            place = Place { commit: record.number + 1, leaf: 0 };
            let cursor = format!("{name}.{}.0", place.commit);
            changes.push(Change { kind: "void", stands: Some(batch), void: Some(count), ..bare(cursor, &slug, first) });
            continue;
        }
        let slug = slug_of(&view, publisher);
        let room = (PAGE - changes.len()).min((count - place.leaf.min(count)) as usize);
        let leaves = store.leaves(publisher, first.saturating_add(place.leaf), room)?;
        if leaves.is_empty() && place.leaf < count {
            // The feed was dropped after damage and comes again under new records.
            place = Place { commit: record.number + 1, leaf: 0 };
            continue;
        }
        for (leaf, content) in leaves {
            place.leaf = leaf - first + 1;
            let cursor = format!("{name}.{}.{}", place.commit, place.leaf);
            changes.push(change(cursor, &slug, leaf, &content));
        }
        if place.leaf >= count {
            place = Place { commit: record.number + 1, leaf: 0 };
        }
    }
    let more = place.commit < store.next_commit();
    Ok(Changes { changes, cursor: format!("{name}.{}.{}", place.commit, place.leaf), more })
}

fn slug_of(view: &View, publisher: MemberNumber) -> String {
    view.charter().member(publisher).map(|member| member.slug.clone()).unwrap_or_default()
}

fn bare(cursor: String, publisher: &str, leaf: u64) -> Change {
    Change {
        cursor,
        publisher: publisher.to_owned(),
        leaf,
        kind: "erased",
        token: None,
        class: None,
        list: None,
        conduct: None,
        day: None,
        expires: None,
        reason: None,
        stands: None,
        void: None,
    }
}

fn change(cursor: String, publisher: &str, leaf: u64, content: &Leaf) -> Change {
    let bare = bare(cursor, publisher, leaf);
    let Leaf::Entry(entry) = content else { return bare };
    let (kind, expires, reason) = match entry {
        Entry::List(listing) => ("list", Some(listing.expires), None),
        Entry::Amend(amendment) => ("amend", amendment.expires, None),
        Entry::Clear(clearing) => ("clear", None, Some(clearing.reason.code())),
        Entry::Notice(_) => ("notice", None, None),
        Entry::Commitment(_) => ("commitment", None, None),
        Entry::Dispute(_) => ("dispute", None, None),
        Entry::Ruling(_) => ("ruling", None, None),
        Entry::Measure(_) => ("measure", None, None),
    };
    Change {
        kind,
        token: Some(hex::encode(entry.token().0)),
        class: Some(entry.class().code()),
        list: Some(entry.list().code()),
        conduct: entry.conduct().map(|conduct| conduct.code()),
        day: Some(entry.day().to_string()),
        expires: expires.map(|day| last_day(day).to_string()),
        reason,
        ..bare
    }
}

/// Names the commit log of this node; a log that had to begin again has another name.
fn log_name(node: &Node) -> String {
    hex::encode(node.store().log_name())
}

fn parse(cursor: &str, node: &str, next: u64) -> Result<Place, Problem> {
    let mut parts = cursor.split('.');
    let (name, commit, leaf) = (parts.next(), parts.next(), parts.next());
    let number = |part: Option<&str>| part.and_then(|part| part.parse::<u64>().ok());
    let (Some(name), Some(commit), Some(leaf), None) = (name, number(commit), number(leaf), parts.next()) else {
        return Err(Problem::bad_request(
            "the cursor is malformed; send the one of the last change, or none to begin",
            "游标格式不对：请使用最后一条变更的游标，或不带游标从头开始",
        ));
    };
    if name != node || commit > next {
        return Err(Problem::new(
            StatusCode::GONE,
            "cursor-gone",
            "the cursor is of another node or of a log that was lost; begin again without a cursor",
            "游标属于另一节点或已丢失的日志：请不带游标从头开始",
        ));
    }
    Ok(Place { commit, leaf })
}
