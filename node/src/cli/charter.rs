//! `alliance propose`, `show`, `sign`, `publish`, `steward-key`: the charter changes by files that stewards sign.

use std::path::{Path, PathBuf};

use antibrush_protocol::charter::SignedCharter;
use serde_json::{Value, json};

use super::{
    Client, Context, Failure,
    alliance::add_steward_key,
    charter_args::{NodeVerb, OfMember, ProposeVerb, StewardVerb},
    init::parse_role,
};
use crate::{
    core::NodeError,
    keys::{KeyRole, KeyStore},
    lang::Lang,
    profile::Profile,
    storage::{Adopted, Store, files, lock},
};

/// A charter of 480 KiB in base64, and some line ends.
const FILE_BYTES: u64 = 1 << 20;

pub async fn propose(context: &Context, verb: ProposeVerb) -> Result<(), Failure> {
    let of_member = |change: &str, of: OfMember| (json!({ "change": change, "member": of.member }), of.to.out);
    let (change, out) = match verb {
        ProposeVerb::Admit { request, node_of, to } => {
            (json!({ "change": "admit", "application": read(&request)?, "node_of": node_of }), to.out)
        }
        ProposeVerb::Keys { ceremony, to } => (json!({ "change": "keys", "ceremony": ceremony }), to.out),
        ProposeVerb::Node(NodeVerb::Remove { member, peer, to }) => {
            (json!({ "change": "remove_node", "member": member, "node": peer }), to.out)
        }
        ProposeVerb::Node(NodeVerb::Addresses { member, peer, addresses, to }) => {
            (json!({ "change": "addresses", "member": member, "node": peer, "addresses": addresses }), to.out)
        }
        ProposeVerb::Suspend(of) => of_member("suspend", of),
        ProposeVerb::Reinstate(of) => of_member("reinstate", of),
        ProposeVerb::Expel(of) => of_member("expel", of),
        ProposeVerb::Role { member, role, to } => {
            (json!({ "change": "role", "member": member, "role": parse_role(&role)? }), to.out)
        }
        ProposeVerb::Policy {
            corroboration,
            term_days,
            mobile_term_days,
            name_publishers,
            witnesses,
            payment_accounts,
            financial_measures,
            to,
        } => (
            json!({
                "change": "policy", "corroboration": corroboration, "term_days": term_days,
                "mobile_term_days": mobile_term_days, "names_publishers": name_publishers,
                "witnesses": witnesses, "payment_accounts": payment_accounts,
                "financial_measures": financial_measures,
            }),
            to.out,
        ),
        ProposeVerb::Steward(StewardVerb::Add { member, key, to }) => {
            (json!({ "change": "add_steward", "member": member, "key": key }), to.out)
        }
        ProposeVerb::Steward(StewardVerb::Remove { member, key, to }) => {
            (json!({ "change": "remove_steward", "member": member, "key": key }), to.out)
        }
        ProposeVerb::Threshold { number, to } => (json!({ "change": "threshold", "threshold": number }), to.out),
        ProposeVerb::Revoke { slug, key, size, head, successor, to } => (
            json!({
                "change": "revoke", "member": slug, "key": key, "size": size, "head": head, "successor": successor,
            }),
            to.out,
        ),
        ProposeVerb::Thaw { slug, size, head, to } => {
            (json!({ "change": "thaw", "member": slug, "size": size, "head": head }), to.out)
        }
        ProposeVerb::Rotate { succession, to } => {
            (json!({ "change": "rotate", "succession": read(&succession)? }), to.out)
        }
        ProposeVerb::Renew { days, to } => (json!({ "change": "renew", "days": days }), to.out),
    };
    make(context, &change, &out).await
}

/// Has the node make a proposal with one change, and writes it down.
pub(super) async fn make(context: &Context, change: &Value, out: &Path) -> Result<(), Failure> {
    let mut made = ask(context, "/v1/alliance/proposals", &json!({ "changes": [change] })).await?;
    write(out, &made["proposal"])?;
    made["file"] = json!(out);
    context.output.show(&made, |made| {
        print(context, made);
        let file = out.display();
        context.output.say(
            format!("The proposal was written to {file}.\nNext: each steward runs antibrush alliance sign {file}; with enough signatures run antibrush alliance publish {file} SIGNATURE …"),
            format!("提案已写入 {file}。\n下一步：各秘书处成员执行 antibrush alliance sign {file}；签名足够后执行 antibrush alliance publish {file} 签名文件…"),
        );
        if let Some(invitation) = made["invitation"].as_str() {
            context.output.say(
                "The invitation for the applicant, which only its node can use; it may join now and waits for the signatures, while this node runs:",
                "给申请方的邀请码，仅其节点可用；现在即可加入，并在本节点运行期间等待签名：",
            );
            println!("{invitation}");
        }
    });
    Ok(())
}

pub async fn show(context: &Context, file: &Path) -> Result<(), Failure> {
    let shown = ask(context, "/v1/alliance/proposals/show", &json!({ "proposal": read(file)? })).await?;
    context.output.show(&shown, |shown| print(context, shown));
    Ok(())
}

pub async fn sign(context: &Context, file: &Path, out: Option<PathBuf>) -> Result<(), Failure> {
    let slug = Profile::read(&context.directory).map_err(Failure::new)?.slug;
    let out = out.unwrap_or_else(|| {
        let mut name = file.as_os_str().to_owned();
        name.push(format!(".{slug}.signature"));
        name.into()
    });
    let mut signed = ask(context, "/v1/alliance/proposals/sign", &json!({ "proposal": read(file)? })).await?;
    write(&out, &signed["signature"])?;
    signed["file"] = json!(out);
    context.output.show(&signed, |signed| {
        print(context, signed);
        let out = out.display();
        context.output.say(
            format!("Signed. The signature was written to {out}; send it back to whoever publishes the proposal."),
            format!("已签名。签名已写入 {out}：请把它交还给发布提案的秘书处成员。"),
        );
    });
    Ok(())
}

pub async fn publish(context: &Context, file: &Path, signatures: &[PathBuf]) -> Result<(), Failure> {
    let signatures = signatures.iter().map(|path| read(path)).collect::<Result<Vec<_>, _>>()?;
    let request = json!({ "proposal": read(file)?, "signatures": signatures });
    let published = ask(context, "/v1/alliance/proposals/publish", &request).await?;
    context.output.show(&published, |published| {
        print(context, published);
        context.output.say(
            format!("Charter {} is in force.", published["charter"]),
            format!("章程第 {} 版已生效。", published["charter"]),
        );
    });
    Ok(())
}

/// Puts the other side of a forked charter in force.
pub fn adopt(context: &Context, file: &Path) -> Result<(), Failure> {
    let data = context.lock()?;
    let bytes = files::read_bounded(file, FILE_BYTES).map_err(Failure::new)?;
    let other = bytes.and_then(|bytes| SignedCharter::decode(&bytes).ok()).ok_or_else(|| {
        Failure::both(
            format!("{} is no signed charter; take the .fork file in charters/ of the data directory, or ask a node of the other side for it", file.display()),
            format!("{} 不是已签名的章程：请使用数据目录 charters/ 中的 .fork 文件，或向另一方的节点索取", file.display()),
        )
    })?;
    let (store, _) = Store::open(&data).map_err(Failure::new)?;
    let chain = store.charters().map_err(Failure::new)?.ok_or_else(|| Failure::new(NodeError::NoAlliance))?;
    let adopted = store.adopt(&data, &chain, &other).map_err(Failure::new)?;
    let result = json!({ "charter": adopted.number, "left": adopted.versions, "feeds": adopted.feeds });
    context.output.show(&result, |_| {
        let Adopted { number, versions, feeds } = adopted;
        context.output.say(
            format!("Version {number} is now the adopted one; {versions} of the other side stay in charters/ as evidence. {feeds} feeds were taken back to what both sides have; what was published on the side left behind must be published again.\nNext: antibrush run"),
            format!("第 {number} 版现为所采用的章程，另一方的 {versions} 个版本作为证据保留在 charters/ 中。{feeds} 个名单源已退回到双方共有的部分：在原一方发布的内容须重新发布。\n下一步：antibrush run"),
        );
    });
    Ok(())
}

/// Makes the steward key if it is missing, and prints the public one.
pub fn steward_key(context: &Context) -> Result<(), Failure> {
    let slug = Profile::read(&context.directory).map_err(Failure::new)?.slug;
    let made = add_steward_key(context, &context.directory)?;
    let key = hex::encode(KeyStore::public(&context.directory, KeyRole::Steward).map_err(Failure::new)?);
    // A running node has read its keys already.
    let restart = made && lock::running(&context.directory).map_err(Failure::new)?.is_some();
    let result = json!({ "slug": slug, "key": key, "made": made, "restart": restart });
    context.output.show(&result, |_| {
        println!("{key}");
        context.output.say(
            format!("A steward adds it with: antibrush alliance propose steward add {slug} --key {key} --out FILE"),
            format!("由秘书处成员加入章程：antibrush alliance propose steward add {slug} --key {key} --out 文件"),
        );
        if restart {
            context.output.say(
                "The key was made while the node runs: restart the node before it signs.",
                "密钥在节点运行期间生成：请重启节点后再用它签名。",
            );
        }
    });
    Ok(())
}

async fn ask(context: &Context, path: &str, request: &Value) -> Result<Value, Failure> {
    let client = Client::open(context).await?;
    let answer = client.post(path, request).await;
    client.close().await;
    answer
}

pub(super) fn read(path: &Path) -> Result<String, Failure> {
    let bytes = files::read_bounded(path, FILE_BYTES).map_err(Failure::new)?;
    let bytes = bytes.ok_or_else(|| {
        Failure::both(format!("{} does not exist", path.display()), format!("{} 不存在：请检查路径", path.display()))
    })?;
    String::from_utf8(bytes).map_err(|_| {
        Failure::both(
            format!("{} is no text file of antibrush; ask for the file again", path.display()),
            format!("{} 不是本程序的文本文件：请重新索取该文件", path.display()),
        )
    })
}

pub(super) fn write(path: &Path, text: &Value) -> Result<(), Failure> {
    files::write_atomic(path, text.as_str().unwrap_or_default().as_bytes(), 0o644).map_err(Failure::new)
}

fn print(context: &Context, view: &Value) {
    let out = &context.output;
    let language = if out.lang == Lang::Zh { "zh" } else { "en" };
    out.say(format!("Charter {} changes:", view["charter"]), format!("章程第 {} 版的变更：", view["charter"]));
    for words in view["differences"].as_array().into_iter().flatten() {
        println!("  {}", words[language].as_str().unwrap_or_default());
    }
    let list = |names: &Value| {
        let names: Vec<&str> = names.as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        if names.is_empty() { "–".to_owned() } else { names.join(out.pick(", ", "、")) }
    };
    out.say(format!("Signed by: {}", list(&view["signed"])), format!("已签名：{}", list(&view["signed"])));
    for (key, en, zh) in
        [("old_quorum", "charter in force", "现行章程"), ("new_quorum", "proposed charter", "提案章程")]
    {
        let quorum = &view[key];
        let (have, need) = (quorum["have"].as_u64().unwrap_or(0), quorum["need"].as_u64().unwrap_or(0));
        if have >= need {
            out.say(
                format!("Quorum of the {en}: {have} of {need} controlling entities; enough"),
                format!("{zh}的签名：{have}/{need} 个控制方，已足够"),
            );
        } else {
            let (missing, open) = (need - have, list(&quorum["open"]));
            out.say(
                format!("Quorum of the {en}: {have} of {need} controlling entities; {missing} missing, of: {open}"),
                format!("{zh}的签名：{have}/{need} 个控制方，尚缺 {missing} 个，可由以下成员签署：{open}"),
            );
        }
        if quorum["sisters"].as_array().is_some_and(|sisters| !sisters.is_empty()) {
            let sisters = list(&quorum["sisters"]);
            out.say(
                format!("  {sisters}: under the same control as another signer, counted once"),
                format!("  {sisters}：与另一签名者受同一主体控制，只计一次"),
            );
        }
    }
}
