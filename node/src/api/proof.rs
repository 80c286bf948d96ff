//! Proofs for people and machines.

use antibrush_protocol::{
    encoding::Wire,
    feed::Leaf,
    subject::{Class, Subject},
};
use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App, Problem,
    auth::{Caller, READ},
    feed::publisher,
};
use crate::{
    lang::Zh,
    storage::{Absence, StorageError, table::prefix_of},
};

/// Which leaf: by its index, or by the subject that it lists.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct InclusionRequest {
    /// The publisher's short name.
    #[schema(example = "jd")]
    publisher: String,
    /// The leaf's index in the feed.
    index: Option<u64>,
    /// The class of the subject.
    #[schema(value_type = Option<String>)]
    class: Option<Class>,
    /// The subject's identifier.
    id: Option<String>,
}

/// Two heads of one feed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsistencyRequest {
    /// The publisher's short name.
    #[schema(example = "jd")]
    publisher: String,
    /// The earlier batch.
    earlier: u64,
    /// The later batch; the newest if absent.
    later: Option<u64>,
}

/// A range of one feed and a subject.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AbsenceRequest {
    /// The publisher's short name.
    #[schema(example = "jd")]
    publisher: String,
    /// The batch after whose head the range begins.
    since: u64,
    /// The batch with whose head it ends; the newest if absent.
    until: Option<u64>,
    /// The class of the subject.
    #[schema(value_type = String)]
    class: Class,
    /// The subject's identifier.
    id: String,
}

/// Whose feed.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct EquivocationRequest {
    /// The publisher's short name.
    #[schema(example = "jd")]
    publisher: String,
}

/// A proof, as the bytes of its file.
#[derive(Serialize, ToSchema)]
pub struct ProofResponse {
    /// The alliance's id in hex: what the verifier must be told on another way.
    alliance: String,
    /// The leaf's index, for an inclusion proof.
    #[serde(skip_serializing_if = "Option::is_none")]
    index: Option<u64>,
    /// The file's content in base64.
    proof: String,
}

/// Proves that an entry is in a feed.
#[utoipa::path(post, path = "/v1/proofs/inclusion", tag = "proofs", security(("bearer" = [])), request_body = InclusionRequest,
    responses((status = 200, body = ProofResponse), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn inclusion(
    State(app): State<App>,
    _caller: Caller<READ>,
    request: Result<Json<InclusionRequest>, JsonRejection>,
) -> Result<Json<ProofResponse>, Problem> {
    let Json(request) = request?;
    let view = app.node.view();
    let member = publisher(&view, &request.publisher)?.number;
    let index = match (request.index, request.class, &request.id) {
        (Some(index), None, None) => index,
        (None, Some(class), Some(id)) => {
            let subject = Subject::parse(class, id).map_err(|error| Problem::refused(&error))?;
            let derivations = app.node.resolver().resolve_one(&subject).await?;
            let row = derivations.iter().find_map(|(_, derived)| {
                let mut rows = Vec::new();
                app.node.store().table().get(&prefix_of(&derived.token()), &mut rows);
                rows.into_iter().find(|row| row.publisher == member)
            });
            u64::from(
                row.ok_or_else(|| {
                    Problem::not_found(
                        "that publisher has no listing of this subject in force",
                        "该发布方没有列入该主体的有效记录",
                    )
                })?
                .leaf,
            )
        }
        _ => {
            return Err(Problem::bad_request(
                "name the leaf by `index`, or the subject by `class` and `id`",
                "请用 index 指明条目，或用 class 和 id 指明主体",
            ));
        }
    };
    let store = app.node.store().clone();
    let prove = move || match store.prove_inclusion(member, index)? {
        Some(proof) => Ok(Ok(proof)),
        None => Ok(Err(matches!(store.leaves(member, index, 1)?.pop(), Some((_, Leaf::Erased(_)))))),
    };
    let proof = tokio::task::spawn_blocking(prove).await.map_err(|_| Problem::stopping())?;
    let proof = proof.map_err(|error: StorageError| Problem::from(error))?.map_err(|is_erased| {
        if is_erased {
            Problem::not_found(
                "the content of this leaf was erased when its retention ended; its hash is all that is left to prove",
                "该条目的内容已在保存期满后擦除，仅保留其哈希，无法再证明其内容",
            )
        } else {
            Problem::not_found("the feed has no such leaf here", "本节点的该名单源中没有这一条目")
        }
    })?;
    Ok(Json(ProofResponse {
        alliance: hex::encode(view.chain.alliance()),
        index: Some(index),
        proof: STANDARD.encode(proof.encode()),
    }))
}

/// Proves that a later head only appended to an earlier one.
#[utoipa::path(post, path = "/v1/proofs/consistency", tag = "proofs", security(("bearer" = [])), request_body = ConsistencyRequest,
    responses((status = 200, body = ProofResponse), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn consistency(
    State(app): State<App>,
    _caller: Caller<READ>,
    request: Result<Json<ConsistencyRequest>, JsonRejection>,
) -> Result<Json<ProofResponse>, Problem> {
    let Json(request) = request?;
    let view = app.node.view();
    let member = publisher(&view, &request.publisher)?.number;
    let newest = view.head(member).map(|head| head.seq);
    let later = request
        .later
        .or(newest)
        .ok_or_else(|| Problem::not_found("nothing of that feed is here yet", "本节点尚未收到该名单源的任何批次"))?;
    if request.earlier > later {
        return Err(Problem::bad_request("`earlier` must not be after `later`", "earlier 不得晚于 later：请改正"));
    }
    let store = app.node.store().clone();
    let proof = tokio::task::spawn_blocking(move || store.prove_consistency(member, request.earlier, later));
    let proof = proof.await.map_err(|_| Problem::stopping())??;
    let proof =
        proof.ok_or_else(|| Problem::not_found("one of the two batches is not here", "两个批次中有一个不在本节点"))?;
    Ok(Json(ProofResponse {
        alliance: hex::encode(view.chain.alliance()),
        index: None,
        proof: STANDARD.encode(proof.encode()),
    }))
}

/// Proves that a feed says nothing about a subject between two heads. The proof holds the subject's tokens.
#[utoipa::path(post, path = "/v1/proofs/absence", tag = "proofs", security(("bearer" = [])), request_body = AbsenceRequest,
    responses((status = 200, body = ProofResponse), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem),
        (status = 503, body = Problem)))]
pub async fn absence(
    State(app): State<App>,
    _caller: Caller<READ>,
    request: Result<Json<AbsenceRequest>, JsonRejection>,
) -> Result<Json<ProofResponse>, Problem> {
    let Json(request) = request?;
    let view = app.node.view();
    let member = publisher(&view, &request.publisher)?.number;
    let not_here = || {
        Problem::not_found("one of the two batches is not here", "两个批次中有一个不在本节点：请先用 feed show 查看")
    };
    let until = request.until.or(view.head(member).map(|head| head.seq)).ok_or_else(not_here)?;
    if request.since > until {
        return Err(Problem::bad_request("`since` must not be after `until`", "since 不得晚于 until：请改正"));
    }
    let subject = Subject::parse(request.class, &request.id).map_err(|error| Problem::refused(&error))?;
    let derivations = app.node.resolver().resolve_one(&subject).await?;
    let mut tokens: Vec<_> = derivations.iter().map(|(epoch, derived)| (epoch, derived.token())).collect();
    tokens.sort_unstable_by_key(|(epoch, _)| *epoch);
    let (store, alliance) = (app.node.store().clone(), view.chain.alliance());
    let made = tokio::task::spawn_blocking(move || {
        let made = store.prove_absence(member, (request.since, until), request.class, tokens)?;
        // What the node hands out it has verified: a proof that says the contrary is no proof.
        let holds = if let Absence::Proof(proof) = &made { proof.verify(&alliance).map(drop) } else { Ok(()) };
        Ok::<_, StorageError>((made, holds))
    });
    let (made, holds) = made.await.map_err(|_| Problem::stopping())??;
    if let Err(error) = holds {
        return Err(Problem::new(
            StatusCode::CONFLICT,
            "no-proof",
            format!("no such proof can be made: {error}"),
            format!("无法制作该证明：{}", error.zh()),
        ));
    }
    match made {
        Absence::Proof(proof) => Ok(Json(ProofResponse {
            alliance: hex::encode(alliance),
            index: None,
            proof: STANDARD.encode(proof.encode()),
        })),
        Absence::NotHere => Err(not_here()),
        Absence::TooLarge if until - request.since <= 1 => Err(Problem::bad_request(
            "this one batch has more entries than a proof file of 16 MiB holds: hand over the feed itself, with `feed export`",
            "仅这一批次的条目就超过证明文件的上限（16 MiB）：请用 feed export 移交整个名单源",
        )),
        Absence::TooLarge => Err(Problem::bad_request(
            "the range has more entries than a proof file of 16 MiB holds: prove it in parts, with `until`",
            "该区间的条目超过证明文件的上限（16 MiB）：请用 until 分段证明",
        )),
    }
}

/// Proves that a publisher signed two histories of its feed: the proof that freezes it now, or else the last one that was decided.
#[utoipa::path(post, path = "/v1/proofs/equivocation", tag = "proofs", security(("bearer" = [])), request_body = EquivocationRequest,
    responses((status = 200, body = ProofResponse), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn equivocation(
    State(app): State<App>,
    _caller: Caller<READ>,
    request: Result<Json<EquivocationRequest>, JsonRejection>,
) -> Result<Json<ProofResponse>, Problem> {
    let Json(request) = request?;
    let view = app.node.view();
    let member = publisher(&view, &request.publisher)?.number;
    let open = view.board.equivocation(member, view.charter());
    let pair = open.or_else(|| view.board.equivocations().filter(|pair| pair.publisher() == member).last());
    let pair = pair.cloned().ok_or_else(|| {
        Problem::not_found(
            "no second history of that feed is known here; antibrush feed show says how it stands",
            "本节点没有发现该名单源的第二个历史：用 antibrush feed show 查看其状态",
        )
    })?;
    let store = app.node.store().clone();
    let proof = tokio::task::spawn_blocking(move || store.prove_equivocation(&pair));
    let proof = proof.await.map_err(|_| Problem::stopping())??;
    Ok(Json(ProofResponse {
        alliance: hex::encode(view.chain.alliance()),
        index: None,
        proof: STANDARD.encode(proof.encode()),
    }))
}
