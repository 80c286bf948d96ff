//! `alliance`: found, admit, show. Changes of the charter are in [`charter`].

use antibrush_protocol::{
    charter::{Level, Policy},
    subject::Class,
};
use serde_json::{Value, json};

use super::{
    Client, Context, Failure,
    args::AllianceVerb,
    charter,
    init::parse_role,
    output::{CodeKind, moment},
    rotate,
};
use crate::{
    clock,
    core::{Founding, found},
    keys::{KeyRole, KeyStore},
    profile::Profile,
    storage::Store,
};

pub async fn run(context: &Context, verb: AllianceVerb) -> Result<(), Failure> {
    match verb {
        AllianceVerb::Create { name_zh, name_en, level, region, accept_insider_enumeration, hide_publishers } => {
            let level = Level::parse(&level).ok_or_else(|| {
                Failure::both(
                    "the level must be city, province, national or sector",
                    "范围须为 city（市）、province（省）、national（国家）或 sector（行业）",
                )
            })?;
            let policy = Policy {
                names_publishers: !hide_publishers,
                accepts_insider_enumeration: accept_insider_enumeration,
                ..Policy::default()
            };
            let classes = Class::ALL
                .iter()
                .copied()
                .filter(|class| accept_insider_enumeration || !class.is_personal_by_default());
            create(context, &Founding { name_zh, name_en, level, region, policy, classes: classes.collect() })
        }
        AllianceVerb::Admit { request: Some(request), node_of, days, .. } => {
            admit_applicant(context, &request, node_of.as_deref(), days).await
        }
        AllianceVerb::Admit { slug, role, days, .. } => admit(context, &slug.unwrap_or_default(), &role, days).await,
        AllianceVerb::Members => members(context).await,
        AllianceVerb::Propose(verb) => charter::propose(context, verb).await,
        AllianceVerb::Show { proposal } => charter::show(context, &proposal).await,
        AllianceVerb::Sign { proposal, out } => charter::sign(context, &proposal, out).await,
        AllianceVerb::Publish { proposal, signatures } => charter::publish(context, &proposal, &signatures).await,
        AllianceVerb::Adopt { charter } => charter::adopt(context, &charter),
        AllianceVerb::RotateKey { kind, out, fresh, .. } => rotate::run(context, &kind, out.as_deref(), fresh).await,
        AllianceVerb::StewardKey => charter::steward_key(context),
    }
}

fn create(context: &Context, founding: &Founding) -> Result<(), Failure> {
    let data = context.lock()?;
    let profile = Profile::read(data.path()).map_err(Failure::new)?;
    let config = context.load_config()?;
    let (store, _) = Store::open(&data).map_err(Failure::new)?;
    if store.charters().map_err(Failure::new)?.is_some() {
        return Err(Failure::both(
            "this node belongs to an alliance already; found another one with another --dir",
            "本节点已属于某个联盟：请用另一个 --dir",
        ));
    }
    add_steward_key(context, data.path())?;
    let keys = context.open_keys()?;
    let addresses = config.reachable();
    if addresses.is_empty() {
        return Err(Failure::both(
            "newcomers must be able to dial this node: set `announce` in antibrush.toml to its address, for example [\"/ip4/192.0.2.7/tcp/4861\"]",
            "新成员须能连接本节点：请在 antibrush.toml 的 announce 中填写其地址，例如 [\"/ip4/192.0.2.7/tcp/4861\"]",
        ));
    }
    let charter = found(founding, &profile, &keys, &addresses, clock::wall()).map_err(Failure::new)?;
    store.put_charter(&charter).map_err(Failure::new)?;
    let enumerable = founding.policy.accepts_insider_enumeration;
    let result = json!({ "alliance": hex::encode(charter.id()), "charter": 1, "suite_1_for_persons": enumerable });
    context.output.show(&result, |_| {
        let id = hex::encode(charter.id());
        context.output.say(
            format!("The alliance “{}” was founded.\nIts id: {id}\nNext: antibrush run, then antibrush alliance admit --slug …", founding.name_en),
            format!("联盟“{}”已成立。\n联盟编号：{id}\n下一步：antibrush run，然后 antibrush alliance admit --slug …", founding.name_zh),
        );
        if enumerable {
            context.output.say(
                "Personal classes use keyed tokens (suite 1): every member holds the pepper and can enumerate all mobile numbers within hours on one core.",
                "个人类标识使用套件1（带密钥哈希）：每个成员都持有密钥，单核数小时即可枚举全部手机号。",
            );
        } else {
            context.output.say(
                "Personal classes get threshold keys (suite 2): admit the key holders, at least one of them no platform, then run `antibrush keys ceremony --holders … --threshold …`. Until then only ENT, WEB and APP have token keys.",
                "个人类使用门限密钥（套件2）：请先接纳密钥持有方（至少一家不是平台），再运行 antibrush keys ceremony --holders … --threshold …。在此之前仅 ENT、WEB、APP 有令牌密钥。",
            );
        }
    });
    Ok(())
}

/// Makes the charter key of a founder or another steward, protected like the others; false if it is there already.
pub(super) fn add_steward_key(context: &Context, directory: &std::path::Path) -> Result<bool, Failure> {
    let protection = context.protection(directory)?;
    // A second passphrase for one node would lock its owner out.
    KeyStore::open(directory, &protection).map_err(Failure::new)?;
    match KeyStore::create(directory, &[KeyRole::Steward], &protection) {
        Ok(_) => Ok(true),
        // Asked for before, or from an attempt that was cut short.
        Err(crate::keys::KeyError::Exists { .. }) => Ok(false),
        Err(error) => Err(Failure::new(error)),
    }
}

async fn admit(context: &Context, slug: &str, role: &str, days: u64) -> Result<(), Failure> {
    let role = parse_role(role)?;
    let client = Client::open(context).await?;
    let invited: Value =
        client.post("/v1/alliance/invitations", &json!({ "slug": slug, "role": role, "days": days })).await?;
    client.close().await;
    context.output.show(&invited, |invited| {
        println!("{}", invited["invitation"].as_str().unwrap_or_default());
        let until = moment(invited["expires"].as_u64().unwrap_or(0));
        context.output.say(
            format!("Hand this line to {slug} on a trusted way: whoever has it may join in that name, once, until {until}. This node must run when {slug} joins."),
            format!("请通过可信渠道把上面一行交给 {slug}：持有者可在 {until} 前以该名义加入一次。{slug} 加入时本节点须在运行。"),
        );
    });
    Ok(())
}

async fn admit_applicant(
    context: &Context,
    request: &std::path::Path,
    node_of: Option<&str>,
    days: u64,
) -> Result<(), Failure> {
    let request = json!({ "application": charter::read(request)?, "node_of": node_of, "days": days });
    let client = Client::open(context).await?;
    let admitted = client.post("/v1/alliance/admissions", &request).await;
    client.close().await;
    let admitted: Value = admitted?;
    context.output.show(&admitted, |admitted| {
        println!("{}", admitted["invitation"].as_str().unwrap_or_default());
        let (slug, charter) = (admitted["slug"].as_str().unwrap_or_default(), &admitted["charter"]);
        let role = admitted["role"].as_str().unwrap_or_default();
        let until = moment(admitted["expires"].as_u64().unwrap_or(0));
        context.output.say(
            format!("Charter {charter} has the node of {slug} ({role}). The line above is for that node alone; it must be used by {until}, while this node runs."),
            format!("章程第 {charter} 版已包含 {slug} 的节点（{}）。上面一行仅供该节点使用，须在 {until} 前、本节点运行期间使用。", context.output.code(CodeKind::Role, role)),
        );
    });
    Ok(())
}

async fn members(context: &Context) -> Result<(), Failure> {
    let client = Client::open(context).await?;
    let members: Value = client.get("/v1/members").await?;
    client.close().await;
    let out = &context.output;
    out.show(&members, |members| {
        out.say(
            format!("{} · charter {}", members["name_en"].as_str().unwrap_or_default(), members["charter"]),
            format!("{} · 章程第 {} 版", members["name_zh"].as_str().unwrap_or_default(), members["charter"]),
        );
        let mut table = out.table(&[
            ("no.", "编号"),
            ("name", "简称"),
            ("registered name", "名称"),
            ("role", "角色"),
            ("state", "状态"),
            ("connected", "连接"),
        ]);
        for member in members["members"].as_array().into_iter().flatten() {
            let text = |key: &str| member[key].as_str().unwrap_or("–").to_owned();
            let connected = if member["own"] == true {
                out.pick("this node", "本节点")
            } else if member["connected"] == true {
                out.pick("yes", "是")
            } else {
                out.pick("no", "否")
            };
            table.add_row([
                member["number"].to_string(),
                text("slug"),
                text("legal_name"),
                out.code(CodeKind::Role, &text("role")),
                out.code(CodeKind::State, &text("state")),
                connected.to_owned(),
            ]);
        }
        println!("{table}");
    });
    Ok(())
}
