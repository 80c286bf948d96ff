//! How the node is.

use std::collections::BTreeMap;

use antibrush_protocol::{base::MemberNumber, subject::Class, suite::Suite};
use axum::{Json, extract::State};
use serde::Serialize;
use utoipa::ToSchema;

use super::{
    App, Problem,
    auth::{Caller, READ},
    feed::unwitnessed,
    purge::{ReceiptView, receipts},
};
use crate::{
    check::Freshness,
    clock,
    core::{PublishError, View},
    lang::Zh,
    network,
    quality::Weeks,
    storage,
};

/// How the node is.
#[derive(Serialize, ToSchema)]
pub struct Status {
    /// The release.
    version: &'static str,
    /// The member's short name.
    slug: String,
    /// What it may do in the alliance.
    role: Option<&'static str>,
    /// The alliance's name in Chinese.
    alliance_zh: String,
    /// The alliance's name in English.
    alliance_en: String,
    /// The alliance's id, in hex.
    alliance: String,
    /// The version of the charter in force.
    charter: u64,
    /// The node's PeerId.
    peer_id: String,
    /// Where it listens for other nodes.
    listening: Vec<String>,
    /// When it started, in seconds since 1970.
    started: u64,
    /// Members' nodes connected now.
    connected: usize,
    /// The feeds that answers depend on.
    feeds: Vec<Freshness>,
    /// Whether some of them have not been heard from: negative answers are `stale` then.
    stale: bool,
    /// Rows of the token table.
    table_rows: usize,
    /// Its memory in bytes.
    table_bytes: usize,
    /// Bodies and documents on disk, in bytes.
    disk_bytes: u64,
    /// Entries without effect since the start.
    void_entries: u64,
    /// Entries that wait for witnesses before they take effect, by publisher; empty unless the policy asks for witnesses.
    unwitnessed: BTreeMap<String, u64>,
    /// Publishers that announced a batch and whose body nobody shows.
    withheld: Vec<Withheld>,
    /// How good the publishers' listings are.
    quality: Vec<QualityView>,
    /// How long members take to clear, and how long after the end of a listing its content was erased, by publisher.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    forgetting: BTreeMap<String, Forgetting>,
    /// What each member stated last of what its node has forgotten.
    receipts: Vec<ReceiptView>,
    /// Other versions of charters in force here, signed by the stewards, too: one of the two must go.
    forks: Vec<Fork>,
    /// Peers that sent what no honest node sends.
    offenders: Vec<Offender>,
    /// Things that somebody should know, each in one sentence.
    notes: Vec<String>,
}

/// Days that listings of one publisher took, as this node's last run of forgetting found them. Listings that came here erased
/// are not counted.
#[derive(Serialize, ToSchema)]
pub struct Forgetting {
    /// From the day of listing to that of the clearing.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_clear: Option<DaysTaken>,
    /// From the clearing or expiry to the erasure.
    #[serde(skip_serializing_if = "Option::is_none")]
    to_forget: Option<DaysTaken>,
}

/// Percentiles by nearest rank, in days.
#[derive(Serialize, ToSchema)]
pub struct DaysTaken {
    /// Listings.
    count: u64,
    /// Half of them took at most so long.
    p50: u32,
    /// Nine tenths of them took at most so long.
    p90: u32,
    /// The longest.
    max: u32,
}

impl DaysTaken {
    fn of(histogram: &storage::Histogram) -> Option<DaysTaken> {
        let storage::Spread { count, p50, p90, max } = histogram.spread()?;
        Some(DaysTaken { count, p50, p90, max })
    }
}

/// A batch that was announced and does not come.
#[derive(Serialize, ToSchema)]
pub struct Withheld {
    /// Who announced it.
    publisher: String,
    /// The number of the batch.
    seq: u64,
    /// For how long nothing of its body has come.
    seconds: u64,
}

/// A second version of the charter with a number that is in force here.
#[derive(Serialize, ToSchema)]
pub struct Fork {
    /// The number of both.
    charter: u64,
    /// The first 8 bytes of the other one's id, in hex.
    id: String,
    /// The file in which it lies, for `antibrush alliance adopt`.
    file: String,
}

/// How good a publisher's listings are; docs/OPERATIONS.md has the formulas.
#[derive(Serialize, ToSchema)]
pub struct QualityView {
    /// Who.
    publisher: String,
    /// Its listings in force.
    in_force: u64,
    /// Those that others should have confirmed by now.
    due: u64,
    /// Those of them that are confirmed, as a fraction; absent if none is due.
    #[serde(skip_serializing_if = "Option::is_none")]
    corroboration_rate: Option<f64>,
    /// Its rulings on disputes.
    rulings: u64,
    /// Those of them that gave up the listing, as a fraction; absent if there are none.
    #[serde(skip_serializing_if = "Option::is_none")]
    overturn_rate: Option<f64>,
    /// Classes of which it lists far more than it used to.
    bursts: Vec<Burst>,
    /// Its listings in force of the last 30 days.
    new: u64,
    /// Of its listings of the last 30 days, those that this platform's own checks of the last 30 days hit. 0 where the charter hides
    /// publishers.
    known_new: u64,
    /// Classes in which the listings that own checks hit come in a burst, by the same formula. In whole tens where the charter hides
    /// publishers.
    known_bursts: Vec<Burst>,
}

/// A burst of listings.
#[derive(Serialize, ToSchema)]
pub struct Burst {
    /// Of which class.
    class: &'static str,
    /// Listings of the last seven days.
    week: u64,
    /// The most of any of the twelve weeks before.
    most: u64,
}

/// A peer that offended.
#[derive(Serialize, ToSchema)]
pub struct Offender {
    /// Its PeerId.
    peer_id: String,
    /// The member, if the charter names the node.
    #[serde(skip_serializing_if = "Option::is_none")]
    member: Option<String>,
    /// Offences so far.
    offences: u32,
    /// Whether it is shut out at present.
    banned: bool,
}

/// Shows how the node is.
#[utoipa::path(get, path = "/v1/status", tag = "node", security(("bearer" = [])),
    responses((status = 200, body = Status), (status = 401, body = Problem), (status = 403, body = Problem), (status = 507, body = Problem)))]
pub async fn status(State(app): State<App>, _caller: Caller<READ>) -> Result<Json<Status>, Problem> {
    let node = &app.node;
    let (view, context) = (node.view(), node.check_context());
    let charter = view.charter().clone();
    let (store, chain) = (node.store().clone(), view.chain.clone());
    let on_disk = tokio::task::spawn_blocking(move || (store.disk_bytes(), store.forks(&chain)));
    let (disk, forks) = on_disk.await.map_err(|_| Problem::stopping())?;
    let disk = disk?;
    let health = node.store().table().health();
    let offender = |(peer, record): (antibrush_protocol::replica::Peer, network::PeerRecord)| Offender {
        peer_id: network::peer_id(&peer).map(|id| id.to_string()).unwrap_or_default(),
        member: charter.member_of_node(&peer).map(|member| member.slug.clone()),
        offences: record.offences,
        banned: record.banned,
    };
    let offenders = node.peer_records().await.into_iter().map(offender).collect();
    let unwitnessed: BTreeMap<String, u64> = unwitnessed(node)
        .await?
        .into_iter()
        .filter_map(|(number, entries)| Some((charter.member(number)?.slug.clone(), entries)))
        .collect();
    let quality = qualities(&app).await?;
    let taken = |(number, times): (MemberNumber, storage::Times)| {
        let (to_clear, to_forget) = (DaysTaken::of(&times.to_clear), DaysTaken::of(&times.to_forget));
        let slug = charter.member(number)?.slug.clone();
        (to_clear.is_some() || to_forget.is_some()).then_some((slug, Forgetting { to_clear, to_forget }))
    };
    let forgetting = node.store().times().into_iter().filter_map(taken).collect();
    let mut notes = Vec::new();
    for QualityView { publisher, bursts, known_bursts, .. } in &quality {
        for Burst { class, week, most } in known_bursts {
            notes.push(format!("{publisher} listed {week} subjects of class {class} within seven days that this platform asks about, and at most {most} of them in any of the twelve weeks before: review these listings, dispute those that do not hold, and tell the stewards. {publisher} 七天内列入 {week} 个本平台查询过的 {class} 类主体，此前十二周中每周最多 {most} 个：请复核这些列入，对不成立的提出异议，并告知秘书处。"));
        }
        for Burst { class, week, most } in bursts {
            notes.push(format!("{publisher} listed {week} subjects of class {class} within seven days, and at most {most} in any of the twelve weeks before: look at them before you act on them. {publisher} 七天内列入 {week} 个 {class} 类主体，此前十二周中每周最多 {most} 个：采取措施前请复核。"));
        }
    }
    let withheld = view.withheld(clock::now()).into_iter();
    let withheld: Vec<Withheld> =
        withheld.map(|(member, seq, seconds)| Withheld { publisher: member.slug.clone(), seq, seconds }).collect();
    for Withheld { publisher, seq, seconds } in &withheld {
        notes.push(format!("{publisher} announced batch {seq}, and nobody has shown its body for {seconds} seconds: ask {publisher} to bring its node up or to explain. {publisher} 已公布批次 {seq}，但 {seconds} 秒来无人提供其内容：请联系该成员。"));
    }
    for (slug, entries) in &unwitnessed {
        notes.push(format!("{entries} entries of {slug} wait for witnesses and take no effect until then; antibrush feed show --publisher {slug} says who has witnessed them. {slug} 有 {entries} 条等待见证后生效。"));
    }
    let forks: Vec<Fork> = forks.iter().map(Fork::of).collect();
    for Fork { charter, id, file } in &forks {
        notes.push(format!("The stewards signed a second version {charter} of the charter ({id}): ask them which one counts. If that one, stop this node and run antibrush alliance adopt {file}; if the one in force here, move that file away. 秘书处另签署了一份第 {charter} 版章程（{id}）：请向其核实以哪一份为准；如以该份为准，请停止本节点后运行 antibrush alliance adopt {file}，否则移走该文件。"));
    }
    let enumerable = charter
        .token_keys
        .iter()
        .any(|key| key.is_active() && key.suite == Suite::Keyed && key.class.is_personal_by_default());
    if enumerable {
        notes.push(
            "This alliance uses keyed tokens (suite 1) for personal classes: every member can enumerate them. 本联盟对个人类标识使用套件1，任何成员都能枚举。"
                .to_owned(),
        );
    }
    if let Some(missing) = too_few_holders(&view) {
        notes.push(format!("Too few key holders are connected: subjects that were not asked for before are unavailable. Away: {missing}. 已连接的密钥持有方不足，未查过的主体暂时无法查询，未连接：{missing}。"));
    }
    if node.is_recovering() {
        notes.push("The documents were lost; this node waits for its own feed to come back from the other members before it publishes again. 文档曾丢失：本节点等待其他成员送回自己的名单源后才会再发布。".to_owned());
    }
    if let Some(error) = node.key_trouble() {
        notes.push(format!("{error}. {}。", error.zh()));
    }
    if let Some(ahead) = node.wrong_clock() {
        let error = PublishError::ClockWrong(ahead);
        notes.push(format!("{error}. {}。", error.zh()));
    }
    if let Some(error) = &health.last_error {
        notes.push(format!("The token table cannot be written ({error}); it works from memory. Free space on the data directory's disk. 令牌表无法写入，暂由内存提供：请释放磁盘空间。"));
    }
    if charter.expires <= clock::wall() {
        notes.push(
            "The charter has expired; the stewards must sign a new version. 章程已到期：须由秘书处签署新版本。"
                .to_owned(),
        );
    }
    Ok(Json(Status {
        version: env!("CARGO_PKG_VERSION"),
        slug: node.profile().slug.clone(),
        role: view.member().map(|member| member.role.code()),
        alliance_zh: charter.name_zh.clone(),
        alliance_en: charter.name_en.clone(),
        alliance: hex::encode(view.chain.alliance()),
        charter: charter.number,
        peer_id: network::peer_id(&node.peer()).map(|id| id.to_string()).unwrap_or_default(),
        listening: node.listening().iter().map(ToString::to_string).collect(),
        started: node.started().0,
        connected: view.peers.len(),
        feeds: context.feeds().to_vec(),
        stale: context.is_stale(),
        table_rows: health.rows,
        table_bytes: node.store().table().memory_bytes(),
        disk_bytes: disk.0 + disk.1,
        void_entries: node.store().void_entries(),
        unwitnessed,
        withheld,
        quality,
        forgetting,
        receipts: receipts(&view, node.store()),
        forks,
        offenders,
        notes,
    }))
}

impl Burst {
    fn of((class, weeks): (Class, Weeks)) -> Burst {
        Burst { class: class.code(), week: weeks.last(), most: weeks.most() }
    }
}

impl Fork {
    fn of(fork: &storage::Fork) -> Fork {
        Fork {
            charter: fork.charter.charter().number,
            id: storage::short_id(&fork.charter),
            file: fork.file.display().to_string(),
        }
    }
}

/// How good the publishers' listings are, by the members' numbers.
async fn qualities(app: &App) -> Result<Vec<QualityView>, Problem> {
    let (of, charter) = (app.node.clone(), app.node.view().charter().clone());
    let known = app.hits.known(clock::wall().day());
    let counted = tokio::task::spawn_blocking(move || of.quality()).await.map_err(|_| Problem::stopping())?;
    let view = |member: &antibrush_protocol::charter::Member| {
        let quality = counted.get(&member.number).cloned().unwrap_or_default();
        let known = known.get(&member.number).cloned().unwrap_or_default();
        let (known_new, known_bursts) = known.shown(charter.policy.names_publishers);
        QualityView {
            publisher: member.slug.clone(),
            in_force: quality.in_force,
            due: quality.due,
            corroboration_rate: quality.corroboration_rate(),
            rulings: quality.rulings,
            overturn_rate: quality.overturn_rate(),
            bursts: quality.bursts().map(Burst::of).collect(),
            new: quality.new,
            known_new,
            known_bursts: known_bursts.into_iter().map(Burst::of).collect(),
        }
    };
    Ok(charter.publishers().map(view).collect())
}

/// The holders that are not connected, if those that are do not suffice for some key.
fn too_few_holders(view: &View) -> Option<String> {
    let charter = view.charter();
    let connected = |number: &MemberNumber| {
        let nodes = charter.member(*number).map(|member| &member.nodes);
        view.me == Some(*number) || nodes.is_some_and(|nodes| nodes.iter().any(|n| view.peers.contains(&n.key)))
    };
    let shared = charter.token_keys.iter().filter(|key| key.is_active() && key.suite == Suite::Threshold);
    let short = shared
        .into_iter()
        .find(|key| key.members.iter().filter(|number| connected(number)).count() < usize::from(key.threshold))?;
    let away = short.members.iter().filter(|number| !connected(number)).filter_map(|number| charter.member(*number));
    Some(away.map(|member| member.slug.as_str()).collect::<Vec<_>>().join(" "))
}
