//! Charter proposals over HTTP. The files are texts, so that they travel by mail; the routes take and give them whole.

use std::{collections::BTreeMap, sync::Arc};

use antibrush_protocol::{
    base::MemberNumber,
    charter::{Change, ChangeError, MemberRole, PolicyChange, Quorum, Steward},
    signed::PublicKey,
    subject::Class,
};
use axum::{
    Json,
    extract::{State, rejection::JsonRejection},
    http::StatusCode,
};
use libp2p::{Multiaddr, multiaddr::Protocol};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{
    App, Problem,
    auth::{ADMIN, Caller, READ},
};
use crate::{
    clock, config,
    core::{GovernError, Node, Reviewed, UpTo, View, admission, holding, read_succession, thaw},
    network,
    storage::Store,
};

/// The longest term, in days: five years.
const LONGEST_DAYS: u64 = 5 * 365;

/// What to propose.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposalRequest {
    /// The changes, made in this order in one version.
    changes: Vec<ChangeRequest>,
}

/// One change of the charter. Members are named by their short names.
#[derive(Clone, Deserialize, ToSchema)]
#[serde(tag = "change", rename_all = "snake_case", deny_unknown_fields)]
pub enum ChangeRequest {
    /// Admit a newcomer, or a further node of a member.
    Admit {
        /// The text of the file that `join-request` wrote.
        application: String,
        /// The member of which it is a further node.
        node_of: Option<String>,
    },
    /// Name the members that hold shares of the next keys, and their quotas.
    Holders {
        /// The holders' short names; those of the charter if empty.
        #[serde(default)]
        members: Vec<String>,
        /// How many of them must answer; as in the charter if absent, else 2.
        #[serde(default)]
        threshold: u8,
        /// Evaluations for one member, class and day at each holder.
        #[serde(default)]
        #[schema(value_type = BTreeMap<String, u32>)]
        quotas: BTreeMap<Class, u32>,
    },
    /// Put the keys of a finished ceremony into the charter.
    Keys {
        /// The ceremony's id, in hex.
        ceremony: String,
    },
    /// Retire the keys of an epoch.
    Retire {
        /// The epoch.
        epoch: u16,
        /// Although listings under it were not carried over.
        #[serde(default)]
        force: bool,
    },
    /// Remove a node of a member.
    RemoveNode {
        /// The member.
        member: String,
        /// The node's PeerId.
        node: String,
    },
    /// Say where a node of a member listens.
    Addresses {
        /// The member.
        member: String,
        /// The node's PeerId.
        node: String,
        /// Its multiaddresses without the peer part; none if it only dials out.
        addresses: Vec<String>,
    },
    /// Suspend a member.
    Suspend {
        /// The member.
        member: String,
    },
    /// Make a member active again.
    Reinstate {
        /// The member.
        member: String,
    },
    /// Expel a member.
    Expel {
        /// The member.
        member: String,
    },
    /// Give a member another role.
    Role {
        /// The member.
        member: String,
        /// The role.
        #[schema(value_type = String)]
        role: MemberRole,
    },
    /// Change numbers of the policy; what is absent stays.
    Policy {
        /// How many members must list the same conduct.
        corroboration: Option<u8>,
        /// The default term of a listing, in days.
        term_days: Option<u16>,
        /// The term of a mobile number, in days.
        mobile_term_days: Option<u16>,
        /// Whether answers name the listing members.
        names_publishers: Option<bool>,
        /// How many under different control must witness a head before its entries take effect.
        witnesses: Option<u8>,
        /// Whether payment accounts may be listed.
        payment_accounts: Option<bool>,
        /// Whether measure M09 may be recorded.
        financial_measures: Option<bool>,
    },
    /// Add a steward key.
    AddSteward {
        /// The member.
        member: String,
        /// The public key, 64 hex digits.
        key: String,
    },
    /// Remove a member's steward keys, or the one named.
    RemoveSteward {
        /// The member.
        member: String,
        /// The public key, 64 hex digits.
        key: Option<String>,
    },
    /// Change how many stewards must sign.
    Threshold {
        /// How many.
        threshold: u8,
    },
    /// Let the charter hold so many days from now.
    Renew {
        /// How many days.
        days: u64,
    },
    /// Revoke a lost or stolen feed key. Name the last good head by `size` or by `head`: what was signed after it becomes void.
    Revoke {
        /// The member.
        member: String,
        /// The key, 64 hex digits; the newest one if absent.
        key: Option<String>,
        /// The entries up to the last good head.
        size: Option<u64>,
        /// The id of the last good head, 64 hex digits.
        head: Option<String>,
        /// The key with which the feed goes on, 64 hex digits.
        successor: Option<String>,
    },
    /// A key of a member hands over to its successor.
    Rotate {
        /// The text of the file that `antibrush alliance rotate-key` wrote on the member's node.
        succession: String,
    },
    /// Decide a frozen feed in favour of a head, after which it goes on: by default the one that this node keeps.
    Thaw {
        /// The member.
        member: String,
        /// The entries up to that head.
        size: Option<u64>,
        /// The id of that head, 64 hex digits.
        head: Option<String>,
    },
}

/// A proposal's file.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ProposalFile {
    /// The text of the file.
    proposal: String,
}

/// A proposal's file and signatures that came on their own.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishRequest {
    /// The text of the proposal's file.
    proposal: String,
    /// The texts of signature files.
    #[serde(default)]
    signatures: Vec<String>,
}

/// A proposal and how it stands.
#[derive(Serialize, ToSchema)]
pub struct ProposalView {
    /// The text of its file, with the signatures that it has now.
    proposal: String,
    /// The text of the signature's file, after signing.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<String>,
    /// An invitation for the node that a new proposal brings in: it may join as soon as the proposal is in force.
    #[serde(skip_serializing_if = "Option::is_none")]
    invitation: Option<String>,
    /// The version that it would be.
    charter: u64,
    /// Its id, in hex.
    id: String,
    /// Whether it is in force.
    in_force: bool,
    /// What it changes.
    differences: Vec<Words>,
    /// The members that have signed.
    signed: Vec<String>,
    /// The quorum of the charter in force.
    old_quorum: QuorumView,
    /// The quorum of the proposed charter.
    new_quorum: QuorumView,
}

/// A sentence in both languages.
#[derive(Serialize, ToSchema)]
pub struct Words {
    /// In English.
    en: String,
    /// In Chinese.
    zh: String,
}

/// How far a quorum is.
#[derive(Serialize, ToSchema)]
pub struct QuorumView {
    /// Distinct controlling entities that have signed.
    have: usize,
    /// How many must.
    need: u8,
    /// Members whose signature would still count.
    open: Vec<String>,
    /// Members that signed and do not count, because another one under the same control did.
    sisters: Vec<String>,
}

fn view(reviewed: &Reviewed, signature: Option<String>, in_force: bool) -> Json<ProposalView> {
    let slugs = |numbers: &[MemberNumber]| numbers.iter().map(|number| reviewed.slug(*number)).collect();
    let quorum = |quorum: &Quorum| QuorumView {
        have: quorum.have,
        need: quorum.need,
        open: slugs(&quorum.open),
        sisters: slugs(&quorum.sisters),
    };
    let differences = reviewed.differences.iter().map(|both| Words { en: both.en.clone(), zh: both.zh.clone() });
    Json(ProposalView {
        proposal: reviewed.file(),
        signature,
        invitation: reviewed.invitation.as_ref().map(|invited| invited.text.clone()),
        charter: reviewed.proposal.charter().number,
        id: hex::encode(reviewed.proposal.id()),
        in_force,
        differences: differences.collect(),
        signed: slugs(&reviewed.signed),
        old_quorum: quorum(&reviewed.standing.old),
        new_quorum: quorum(&reviewed.standing.new),
    })
}

/// Makes a proposal, signed by this node's steward key if it has one.
#[utoipa::path(post, path = "/v1/alliance/proposals", tag = "alliance", security(("bearer" = [])), request_body = ProposalRequest,
    responses((status = 200, body = ProposalView), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 404, body = Problem), (status = 409, body = Problem)))]
pub async fn propose(
    State(app): State<App>,
    _caller: Caller<ADMIN>,
    request: Result<Json<ProposalRequest>, JsonRejection>,
) -> Result<Json<ProposalView>, Problem> {
    let Json(request) = request?;
    if request.changes.is_empty() {
        return Err(Problem::bad_request("name at least one change", "请至少指明一项变更"));
    }
    let renews = |change: &ChangeRequest| matches!(change, ChangeRequest::Renew { days } if *days > LONGEST_DAYS);
    if request.changes.iter().any(renews) {
        return Err(GovernError::Change(ChangeError::Term).into());
    }
    let mut changes = Vec::new();
    for change in &request.changes {
        changes.extend(change.resolve(&app.node).await?);
    }
    let reviewed = app.node.admitter().propose(&changes).await?;
    Ok(view(&reviewed, None, false))
}

/// Says what a proposal changes, who has signed and what is missing.
#[utoipa::path(post, path = "/v1/alliance/proposals/show", tag = "alliance", security(("bearer" = [])), request_body = ProposalFile,
    responses((status = 200, body = ProposalView), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem)))]
pub async fn show(
    State(app): State<App>,
    _caller: Caller<READ>,
    request: Result<Json<ProposalFile>, JsonRejection>,
) -> Result<Json<ProposalView>, Problem> {
    let Json(request) = request?;
    Ok(view(&app.node.admitter().review(&request.proposal).await?, None, false))
}

/// Signs a proposal with this node's steward key.
#[utoipa::path(post, path = "/v1/alliance/proposals/sign", tag = "alliance", security(("bearer" = [])), request_body = ProposalFile,
    responses((status = 200, body = ProposalView), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem)))]
pub async fn sign(
    State(app): State<App>,
    _caller: Caller<ADMIN>,
    request: Result<Json<ProposalFile>, JsonRejection>,
) -> Result<Json<ProposalView>, Problem> {
    let Json(request) = request?;
    let (signature, reviewed) = app.node.admitter().sign(&request.proposal).await?;
    Ok(view(&reviewed, Some(signature), false))
}

/// Gathers signatures and puts a proposal in force once both quorums have signed.
#[utoipa::path(post, path = "/v1/alliance/proposals/publish", tag = "alliance", security(("bearer" = [])), request_body = PublishRequest,
    responses((status = 200, body = ProposalView), (status = 400, body = Problem), (status = 401, body = Problem),
        (status = 403, body = Problem), (status = 409, body = Problem), (status = 503, body = Problem)))]
pub async fn publish(
    State(app): State<App>,
    _caller: Caller<ADMIN>,
    request: Result<Json<PublishRequest>, JsonRejection>,
) -> Result<Json<ProposalView>, Problem> {
    let Json(request) = request?;
    let reviewed = app.node.admitter().publish(&request.proposal, &request.signatures).await?;
    Ok(view(&reviewed, None, true))
}

/// The text of a ceremony's id that is none.
pub(super) fn no_ceremony() -> Problem {
    Problem::bad_request("a ceremony's id has 64 hex digits", "密钥仪式的编号为64位十六进制数字：请核对")
}

impl ChangeRequest {
    /// The changes as the charter means them.
    async fn resolve(&self, node: &Arc<Node>) -> Result<Vec<Change>, Problem> {
        match self {
            ChangeRequest::Holders { members, threshold, quotas } => {
                let quotas: Vec<(Class, u32)> = quotas.iter().map(|(class, quota)| (*class, *quota)).collect();
                Ok(vec![Change::Holding(holding(&node.view(), members, *threshold, &quotas)?)])
            }
            ChangeRequest::Keys { ceremony } => {
                let mut id = [0; 32];
                hex::decode_to_slice(ceremony, &mut id).map_err(|_| no_ceremony())?;
                Ok(vec![node.ceremony_result(&id).await?])
            }
            ChangeRequest::Retire { epoch, force } => {
                let keys = node.retirable(*epoch, *force).await?;
                Ok(keys.into_iter().map(|(class, epoch)| Change::Retire(class, epoch)).collect())
            }
            change => {
                let (change, view, store) = (change.clone(), node.view(), node.store().clone());
                let found = tokio::task::spawn_blocking(move || change.look_up(&view, &store));
                Ok(found.await.map_err(|_| Problem::stopping())??.into_iter().collect())
            }
        }
    }

    /// Those that the charter and the store decide; `None` for those of keys, which need more.
    fn look_up(&self, view: &View, store: &Store) -> Result<Option<Change>, GovernError> {
        let member = |slug: &str| {
            view.charter().member_by_slug(slug).map(|member| member.number).ok_or(GovernError::NoSuchMember)
        };
        let key = |hexed: &str| bytes(hexed).ok_or(GovernError::Change(ChangeError::StewardKey));
        let feed_key = |hexed: &str| bytes(hexed).ok_or(GovernError::Change(ChangeError::FeedKey));
        Ok(Some(match self {
            ChangeRequest::Holders { .. } | ChangeRequest::Keys { .. } | ChangeRequest::Retire { .. } => {
                return Ok(None);
            }
            ChangeRequest::Admit { application, node_of } => admission(view, application, node_of.as_deref())?,
            ChangeRequest::RemoveNode { member: slug, node } => {
                let member = member(slug)?;
                Change::RemoveNode(member, node_key(member, node)?)
            }
            ChangeRequest::Addresses { member: slug, node, addresses } => {
                let member = member(slug)?;
                let addresses = addresses.iter().map(|address| listening_address(address));
                Change::Addresses(member, node_key(member, node)?, addresses.collect::<Result<_, _>>()?)
            }
            ChangeRequest::Suspend { member: slug } => Change::Suspend(member(slug)?),
            ChangeRequest::Reinstate { member: slug } => Change::Reinstate(member(slug)?),
            ChangeRequest::Expel { member: slug } => Change::Expel(member(slug)?),
            ChangeRequest::Role { member: slug, role } => Change::Role(member(slug)?, *role),
            ChangeRequest::Policy {
                corroboration,
                term_days,
                mobile_term_days,
                names_publishers,
                witnesses,
                payment_accounts,
                financial_measures,
            } => Change::Policy(PolicyChange {
                corroboration: *corroboration,
                term_days: *term_days,
                mobile_term_days: *mobile_term_days,
                names_publishers: *names_publishers,
                witnesses: *witnesses,
                payment_accounts: *payment_accounts,
                financial_measures: *financial_measures,
            }),
            ChangeRequest::AddSteward { member: slug, key: hexed } => {
                Change::AddSteward(Steward { member: member(slug)?, key: key(hexed)? })
            }
            ChangeRequest::RemoveSteward { member: slug, key: hexed } => {
                Change::RemoveSteward(member(slug)?, hexed.as_deref().map(key).transpose()?)
            }
            ChangeRequest::Threshold { threshold } => Change::Threshold(*threshold),
            ChangeRequest::Revoke { member: slug, key, size, head, successor } => {
                let number = member(slug)?;
                let up_to = up_to(*size, head.as_deref())?.ok_or(GovernError::NoSuchHead)?;
                Change::Revoke {
                    member: number,
                    key: key.as_deref().map(feed_key).transpose()?,
                    stands: up_to.find(number, view, store)?,
                    successor: successor.as_deref().map(feed_key).transpose()?,
                }
            }
            ChangeRequest::Rotate { succession } => Change::Rotate(Box::new(read_succession(succession)?)),
            ChangeRequest::Thaw { member: slug, size, head } => {
                thaw(member(slug)?, up_to(*size, head.as_deref())?.unwrap_or(UpTo::Kept), view, store)?
            }
            ChangeRequest::Renew { days } => Change::Renew(clock::wall().plus(days.saturating_mul(86_400))),
        }))
    }
}

fn bytes(hexed: &str) -> Option<[u8; 32]> {
    hex::decode(hexed.trim()).ok()?.try_into().ok()
}

fn node_key(member: MemberNumber, peer_id: &str) -> Result<PublicKey, GovernError> {
    let key = peer_id.trim().parse().ok().and_then(|peer| network::peer_key(&peer));
    key.ok_or(GovernError::Change(ChangeError::NoSuchNode(member)))
}

/// An address as others dial it: the charter names the peer beside it.
fn listening_address(text: &str) -> Result<String, GovernError> {
    let address: Option<Multiaddr> = text.trim().parse().ok();
    let address =
        address.filter(config::names_a_host).filter(|a| !a.iter().any(|part| matches!(part, Protocol::P2p(_))));
    Ok(address.ok_or(GovernError::Change(ChangeError::Addresses))?.to_string())
}

/// Which head; `None` if the caller named none, and refused if it named two.
fn up_to(size: Option<u64>, head: Option<&str>) -> Result<Option<UpTo>, GovernError> {
    match (size, head) {
        (None, None) => Ok(None),
        (Some(size), None) => Ok(Some(UpTo::Size(size))),
        (None, Some(hexed)) => bytes(hexed).map(|id| Some(UpTo::Head(id))).ok_or(GovernError::NoSuchHead),
        (Some(_), Some(_)) => Err(GovernError::NoSuchHead),
    }
}

impl From<GovernError> for Problem {
    fn from(error: GovernError) -> Self {
        use antibrush_protocol::charter::ProposalError as P;
        let (status, kind) = match &error {
            GovernError::Admit(_) => {
                let GovernError::Admit(error) = error else { return Problem::stopping() };
                return error.into();
            }
            GovernError::NotFrozen => (StatusCode::CONFLICT, "charter"),
            GovernError::NoSuchMember | GovernError::NoSuchHead => (StatusCode::NOT_FOUND, "not-found"),
            GovernError::NotAProposal
            | GovernError::NotASignature
            | GovernError::NotAnApplication
            | GovernError::NotASuccession => (StatusCode::BAD_REQUEST, "bad-request"),
            GovernError::NoKey | GovernError::NotLoaded | GovernError::Proposal(P::NotASteward) => {
                (StatusCode::FORBIDDEN, "not-a-steward")
            }
            GovernError::Proposal(P::Stale(_) | P::Rollback { .. }) => (StatusCode::CONFLICT, "stale-proposal"),
            GovernError::NotYet(_) => (StatusCode::CONFLICT, "needs-quorum"),
            GovernError::Change(_) | GovernError::Proposal(_) => (StatusCode::CONFLICT, "charter"),
        };
        Problem::of(status, kind, &error)
    }
}
