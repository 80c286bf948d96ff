//! Feeds: their heads, what they hold, and a full verification on demand.

use std::{collections::BTreeMap, sync::Arc};

use antibrush_protocol::{
    base::MemberNumber,
    charter::{Cut, Member},
    entry::Kind,
    feed::{BatchHeader, Chunk, Totals, body::BodyCheck},
    merkle::Frontier,
    replica::{FeedStatus, Standing},
    witness::{self, WitnessedHead},
};
use axum::{
    Json,
    extract::{Path, State, rejection::PathRejection},
};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App, Problem,
    auth::{Caller, READ},
    purge::{ReceiptView, receipts_of},
};
use crate::{clock, core::Node, core::View, lang::Both, storage::StorageError};

/// One feed.
#[derive(Serialize, ToSchema)]
pub struct FeedView {
    /// Whose.
    publisher: String,
    /// Its registered name.
    legal_name: String,
    /// The last batch; absent if nothing was ever synced.
    #[serde(skip_serializing_if = "Option::is_none")]
    seq: Option<u64>,
    /// Leaves in the tree.
    size: u64,
    /// The root, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    root: Option<String>,
    /// The id of the last header, in hex.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<String>,
    /// When the head was signed, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    issued: Option<u64>,
    /// Until when it speaks for the feed.
    #[serde(skip_serializing_if = "Option::is_none")]
    expires: Option<u64>,
    /// Whether it still does.
    fresh: bool,
    /// Batches announced whose bodies have not come.
    waiting: u64,
    /// Entries that are here and take no effect until enough members have witnessed them, as the policy asks.
    unwitnessed: u64,
    /// `open`, `frozen` or `refused`.
    standing: &'static str,
}

/// One row of a feed's totals.
#[derive(Serialize, ToSchema)]
pub struct TotalView {
    /// `list`, `amend` or `clear`.
    kind: &'static str,
    /// The list.
    list: &'static str,
    /// The conduct, where the entries state one.
    #[serde(skip_serializing_if = "Option::is_none")]
    conduct: Option<&'static str>,
    /// How many.
    count: u64,
}

/// A feed with its totals.
#[derive(Serialize, ToSchema)]
pub struct FeedDetail {
    #[serde(flatten)]
    feed: FeedView,
    /// What its batches hold, as their signed headers say.
    totals: Vec<TotalView>,
    /// Up to where it stands, by decision of the stewards, oldest first.
    cuts: Vec<CutView>,
    /// How many headers this node keeps that were taken back and have no force.
    void_batches: u64,
    /// Who witnessed it, by member.
    witnesses: Vec<WitnessView>,
    /// Under how many different controls those active members are that witnessed the newest batch; the publisher's own control
    /// does not count.
    witnessed_by: usize,
    /// How many the policy asks for before entries take effect.
    witnesses_needed: u8,
    /// What each member stated last of what its node has forgotten of this feed.
    receipts: Vec<ReceiptView>,
}

/// A decision of the stewards: what was signed after that head, under an earlier charter, is void.
#[derive(Serialize, ToSchema)]
pub struct CutView {
    /// The version of the charter that made it.
    charter: u64,
    /// How many batches stand.
    batches: u64,
    /// Leaves in the tree after them.
    size: u64,
    /// The id of the last header that stands, in hex; absent if none does.
    #[serde(skip_serializing_if = "Option::is_none")]
    head: Option<String>,
}

/// What a witness stated last about a feed.
#[derive(Serialize, ToSchema)]
pub struct WitnessView {
    /// The witness's short name.
    witness: String,
    /// The newest batch that it holds with every leaf up to it.
    seq: u64,
    /// Leaves in the tree.
    size: u64,
    /// When it cosigned, in seconds since 1970.
    time: u64,
    /// Whether that is the newest batch that this node has.
    newest: bool,
}

/// What a verification found.
#[derive(Serialize, ToSchema)]
pub struct Verification {
    /// Whose feed.
    publisher: String,
    /// Headers whose signatures and succession hold.
    headers: u64,
    /// Leaves whose hashes lead to the signed roots.
    leaves: u64,
    /// Leaves whose content is erased.
    erased: u64,
    /// Whether everything holds.
    holds: bool,
    /// What does not hold, and where.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault: Option<String>,
    /// The same in Chinese.
    #[serde(skip_serializing_if = "Option::is_none")]
    fault_zh: Option<String>,
    /// What the entries are, counted from the bodies.
    totals: Vec<TotalView>,
}

/// Lists the feeds that answers depend on.
#[utoipa::path(get, path = "/v1/feeds", tag = "feeds", security(("bearer" = [])),
    responses((status = 200, body = Vec<FeedView>), (status = 401, body = Problem), (status = 403, body = Problem), (status = 507, body = Problem)))]
pub async fn feeds(State(app): State<App>, _caller: Caller<READ>) -> Result<Json<Vec<FeedView>>, Problem> {
    let view = app.node.view();
    let waiting = unwitnessed(&app.node).await?;
    Ok(Json(view.feeds.iter().filter_map(|feed| feed_view(&view, feed, &waiting)).collect()))
}

/// The entries of each feed that wait for witnesses.
pub(super) async fn unwitnessed(node: &Arc<Node>) -> Result<BTreeMap<MemberNumber, u64>, Problem> {
    let (view, store) = (node.view(), node.store().clone());
    let read = move || -> Result<BTreeMap<MemberNumber, u64>, StorageError> {
        let mut waiting = BTreeMap::new();
        for feed in &view.feeds {
            if let (Some(head), Some(held)) = (feed.head, store.held(feed.publisher)?) {
                waiting.insert(feed.publisher, head.size.saturating_sub(held.size));
            }
        }
        Ok(waiting)
    };
    Ok(tokio::task::spawn_blocking(read).await.map_err(|_| Problem::stopping())??)
}

/// Shows one feed with its totals.
#[utoipa::path(get, path = "/v1/feeds/{slug}", tag = "feeds", security(("bearer" = [])),
    params(("slug" = String, Path, description = "The publisher's short name")),
    responses((status = 200, body = FeedDetail), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn feed(
    State(app): State<App>,
    _caller: Caller<READ>,
    slug: Result<Path<String>, PathRejection>,
) -> Result<Json<FeedDetail>, Problem> {
    let Path(slug) = slug?;
    let view = app.node.view();
    let member = publisher(&view, &slug)?.clone();
    let status = view.feeds.iter().find(|feed| feed.publisher == member.number);
    let waiting = unwitnessed(&app.node).await?;
    let feed = status.and_then(|status| feed_view(&view, status, &waiting)).ok_or_else(no_feed)?;
    let store = app.node.store().clone();
    let totals = tokio::task::spawn_blocking(move || -> Result<(Totals, u64), StorageError> {
        let mut totals = Totals::default();
        for_each_header(&store, member.number, |header| {
            totals.add(&header.totals);
            Ok(())
        })?;
        Ok((totals, store.void_batches(member.number)?))
    });
    let (totals, void_batches) = totals.await.map_err(|_| Problem::stopping())??;
    let (witnesses, witnessed_by) = witnesses(&view, &member);
    let cut = |cut: &Cut| CutView {
        charter: cut.charter,
        batches: cut.batches,
        size: cut.size,
        head: cut.head.map(hex::encode),
    };
    Ok(Json(FeedDetail {
        feed,
        totals: total_views(&totals),
        cuts: member.cuts.iter().map(cut).collect(),
        void_batches,
        witnesses,
        witnessed_by,
        witnesses_needed: view.charter().policy.witnesses,
        receipts: receipts_of(&view, app.node.store(), &member),
    }))
}

/// Verifies a feed from its first leaf: every signature, every chunk, every root, every total.
#[utoipa::path(post, path = "/v1/feeds/{slug}/verify", tag = "feeds", security(("bearer" = [])),
    params(("slug" = String, Path, description = "The publisher's short name")),
    responses((status = 200, body = Verification), (status = 401, body = Problem), (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn verify(
    State(app): State<App>,
    _caller: Caller<READ>,
    slug: Result<Path<String>, PathRejection>,
) -> Result<Json<Verification>, Problem> {
    let Path(slug) = slug?;
    let node = app.node.clone();
    let verified = tokio::task::spawn_blocking(move || verify_feed(&node, &slug));
    Ok(Json(verified.await.map_err(|_| Problem::stopping())??))
}

fn verify_feed(node: &Node, slug: &str) -> Result<Verification, Problem> {
    let view = node.view();
    let member = publisher(&view, slug)?;
    let store = node.store();
    let (mut tree, mut totals, mut result) = (
        Frontier::new(),
        Totals::default(),
        Verification {
            publisher: slug.to_owned(),
            headers: 0,
            leaves: 0,
            erased: 0,
            holds: true,
            fault: None,
            fault_zh: None,
            totals: Vec::new(),
        },
    );
    let mut previous = None;
    let mut seq = 0;
    while let Some(header) = store.header(member.number, seq)? {
        let id = header.id();
        let checked = view.chain.verify_header(header, clock::wall()).map_err(Both::from);
        let step = checked.and_then(|header| {
            let h = header.payload();
            if h.previous != previous {
                return Err(Both::new("the header does not name the one before it", "批次头没有指向前一批次"));
            }
            check_body(node, h, tree.clone(), &mut totals, &mut result)
        });
        match step {
            Ok(after) => tree = after,
            Err(fault) => {
                result.holds = false;
                result.fault = Some(format!("batch {seq}: {}", fault.en));
                result.fault_zh = Some(format!("批次 {seq}：{}", fault.zh));
                break;
            }
        }
        result.headers += 1;
        previous = Some(id);
        seq += 1;
    }
    result.leaves = tree.size();
    result.totals = total_views(&totals);
    Ok(result)
}

fn check_body(
    node: &Node,
    header: &BatchHeader,
    tree: Frontier,
    totals: &mut Totals,
    result: &mut Verification,
) -> Result<Frontier, Both> {
    let mut check = BodyCheck::new(header, tree)?;
    for (place, descriptor) in header.placed_chunks() {
        let bytes = node.store().chunk(&descriptor.digest)?;
        let bytes =
            bytes.ok_or_else(|| Both::new("a chunk of the body is missing on disk", "磁盘上缺少批次内容的一个分块"))?;
        let chunk = Chunk::verify(place, descriptor, &bytes)?;
        check.add(&chunk.leaf_hashes, &chunk.totals, chunk.erased, |_, _, _| {});
        totals.add(&chunk.totals);
        result.erased += u64::from(chunk.erased);
    }
    Ok(check.finish()?)
}

/// Shows every header of a feed, in order.
fn for_each_header(
    store: &crate::storage::Store,
    publisher: MemberNumber,
    mut each: impl FnMut(&BatchHeader) -> Result<(), StorageError>,
) -> Result<(), StorageError> {
    let mut seq = 0;
    while let Some(header) = store.header(publisher, seq)? {
        each(header.payload())?;
        seq += 1;
    }
    Ok(())
}

/// The member with this short name that has a feed.
pub(super) fn publisher<'a>(view: &'a View, slug: &str) -> Result<&'a Member, Problem> {
    view.charter().member_by_slug(slug).filter(|member| member.role.publishes()).ok_or_else(no_feed)
}

fn witnesses(view: &View, publisher: &Member) -> (Vec<WitnessView>, usize) {
    let head = view.head(publisher.number);
    let is_newest = |seen: &WitnessedHead| {
        head.is_some_and(|head| (head.seq, head.size, head.root) == (seen.seq, seen.size, seen.root))
    };
    let (mut views, mut newest) = (Vec::new(), Vec::new());
    for (number, seen, _) in view.board.witnesses(publisher.number) {
        let Some(member) = view.charter().member(number) else { continue };
        if is_newest(seen) {
            newest.push(number);
        }
        views.push(WitnessView {
            witness: member.slug.clone(),
            seq: seen.seq,
            size: seen.size,
            time: seen.cosignature.time.0,
            newest: is_newest(seen),
        });
    }
    (views, witness::entities(view.charter(), publisher.number, newest))
}

/// The name is not repeated: what was typed there by mistake may be an identifier.
fn no_feed() -> Problem {
    Problem::not_found(
        "no member of this short name publishes a feed in this alliance; `alliance members` or /v1/members lists them",
        "本联盟没有该简称的名单源：alliance members 或 /v1/members 列出全部成员",
    )
}

fn feed_view(view: &View, feed: &FeedStatus, unwitnessed: &BTreeMap<MemberNumber, u64>) -> Option<FeedView> {
    let member = view.charter().member(feed.publisher)?;
    Some(FeedView {
        publisher: member.slug.clone(),
        legal_name: member.legal_name.clone(),
        seq: feed.head.map(|head| head.seq),
        size: feed.head.map_or(0, |head| head.size),
        root: feed.head.map(|head| hex::encode(head.root)),
        head: feed.head.map(|head| hex::encode(head.id)),
        issued: feed.head.map(|head| head.issued.0),
        expires: feed.head.map(|head| head.expires.0),
        // This node writes its own feed, so nobody knows it better.
        fresh: view.me == Some(feed.publisher) || feed.is_fresh(clock::wall()),
        waiting: feed.waiting,
        unwitnessed: unwitnessed.get(&feed.publisher).copied().unwrap_or(0),
        standing: match feed.standing {
            Standing::Open => "open",
            Standing::Frozen { .. } => "frozen",
            Standing::Refused { .. } => "refused",
        },
    })
}

fn total_views(totals: &Totals) -> Vec<TotalView> {
    let view =
        |((kind, list, conduct), count): ((Kind, _, Option<antibrush_protocol::codes::Conduct>), u64)| TotalView {
            kind: match kind {
                Kind::List => "list",
                Kind::Amend => "amend",
                Kind::Clear => "clear",
                Kind::Notice => "notice",
                Kind::Commitment => "commitment",
                Kind::Dispute => "dispute",
                Kind::Ruling => "ruling",
                Kind::Measure => "measure",
            },
            list: antibrush_protocol::codes::List::code(list),
            conduct: conduct.map(|conduct| conduct.code()),
            count,
        };
    totals.rows().map(view).collect()
}
