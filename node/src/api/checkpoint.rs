//! A feed's head as a C2SP checkpoint: the text, the log's signature and the cosignatures of witnesses, for tools that know
//! nothing of this protocol (docs/PROTOCOL.md § Checkpoint).

use std::collections::BTreeMap;

use antibrush_protocol::{
    charter::Member,
    checkpoint::{Cosignature, Note, SignatureType, VerifierKey, log_name, witness_name},
    feed::BatchHeader,
    signed::{PublicKey, Signed},
};
use axum::{
    Json,
    extract::{
        Path, Query, State,
        rejection::{PathRejection, QueryRejection},
    },
};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::{
    App, Problem,
    auth::{Caller, READ},
    feed::publisher,
};
use crate::core::View;

/// Which batch.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
pub struct HeadQuery {
    /// The number of the batch; the newest if absent. Witnesses state the newest head that they have, so an older batch may have
    /// no cosignatures any more.
    seq: Option<u64>,
}

/// A signed note and the keys that verify it.
#[derive(Serialize, ToSchema)]
pub struct CheckpointView {
    /// Whose feed.
    publisher: String,
    /// The batch.
    seq: u64,
    /// Leaves in the tree.
    size: u64,
    /// The root, in hex.
    root: String,
    /// The witnesses whose cosignatures are on it, by their short names.
    witnesses: Vec<String>,
    /// The note: c2sp.org/tlog-checkpoint, c2sp.org/signed-note and c2sp.org/tlog-cosignature.
    note: String,
    /// The verifier keys, as signed-note writes them: the log's first, then those of the witnesses. They come from the charter
    /// that this node has; who does not trust this node compares them with another's.
    keys: Vec<String>,
}

/// Writes the head of a feed as a C2SP checkpoint with the cosignatures of its witnesses.
#[utoipa::path(get, path = "/v1/feeds/{slug}/checkpoint", tag = "feeds", security(("bearer" = [])),
    params(HeadQuery, ("slug" = String, Path, description = "The publisher's short name")),
    responses((status = 200, body = CheckpointView), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem)))]
pub async fn checkpoint(
    State(app): State<App>,
    _caller: Caller<READ>,
    slug: Result<Path<String>, PathRejection>,
    query: Result<Query<HeadQuery>, QueryRejection>,
) -> Result<Json<CheckpointView>, Problem> {
    let (Path(slug), Query(HeadQuery { seq })) = (slug?, query?);
    let view = app.node.view();
    let member = publisher(&view, &slug)?.clone();
    let seq = seq.or_else(|| view.head(member.number).map(|head| head.seq)).ok_or_else(no_batch)?;
    let store = app.node.store().clone();
    let header = tokio::task::spawn_blocking(move || store.header(member.number, seq));
    let header = header.await.map_err(|_| Problem::stopping())??.ok_or_else(no_batch)?;
    export(&view, publisher(&view, &slug)?, &header).map(Json)
}

fn export(view: &View, member: &Member, header: &Signed<BatchHeader>) -> Result<CheckpointView, Problem> {
    let (h, alliance) = (header.payload(), view.chain.alliance());
    let signature = h.checkpoint.ok_or_else(no_checkpoint)?;
    // HEADER-13: under the name that the feed has by the charter that the header names.
    let named = view.chain.version(&h.charter).and_then(|named| named.charter().member(h.publisher));
    let cuts = named.map_or(0, Member::cuts_made);
    let name = log_name(&alliance, &member.slug, cuts);
    let log = key(&name, SignatureType::Ed25519, header.key())?;
    let mut lines = vec![log.signature(signature.to_vec())];
    let mut keys = vec![log.to_string()];
    let mut witnesses = BTreeMap::new();
    for (number, seen, by) in view.board.witnesses(h.publisher) {
        let same = (usize::from(seen.cuts), seen.seq, seen.size, seen.root) == (cuts, h.seq, h.size, h.root);
        if let Some(witness) = view.charter().member(number).filter(|_| same) {
            witnesses.insert(witness.slug.clone(), (by, seen.cosignature));
        }
    }
    for (slug, (by, cosignature)) in &witnesses {
        let key = key(&witness_name(&alliance, slug), SignatureType::Cosignature, *by)?;
        lines.push(key.signature(Cosignature::to_bytes(cosignature)));
        keys.push(key.to_string());
    }
    let note = Note { text: h.checkpoint_text(&name), signatures: lines };
    Ok(CheckpointView {
        publisher: member.slug.clone(),
        seq: h.seq,
        size: h.size,
        root: hex::encode(h.root),
        witnesses: witnesses.into_keys().collect(),
        note: note.to_string(),
        keys,
    })
}

fn key(name: &str, kind: SignatureType, key: PublicKey) -> Result<VerifierKey, Problem> {
    // Slugs have no space and no plus.
    VerifierKey::new(name, kind, key).map_err(|_| Problem::stopping())
}

fn no_batch() -> Problem {
    Problem::not_found(
        "this node has no such batch of that feed; antibrush feed show says which one is the newest",
        "本节点没有该名单源的这一批次：用 antibrush feed show 查看最新批次",
    )
}

fn no_checkpoint() -> Problem {
    Problem::not_found(
        "the publisher signed this batch without a checkpoint, so nobody can make one of it; take a later batch (--seq)",
        "发布方签署该批次时没有附带检查点，无法补做：请选择更晚的批次（--seq）",
    )
}
