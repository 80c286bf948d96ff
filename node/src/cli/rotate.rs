//! `alliance rotate-key`: the successor of a key, made beside the one in use, and the file that both sign.

use std::path::Path;

use antibrush_protocol::{
    base::MemberNumber,
    charter::{KeyKind, KeySuccession, SignedSuccession},
    signed::PublicKey,
};
use serde_json::{Value, json};

use super::{Client, Context, Failure};
use crate::{
    core::write_succession,
    keys::{KeyRole, KeyStore},
    network,
    profile::Profile,
    storage::files,
};

/// Makes the successor, and writes what both keys sign unless the key alone is wanted.
pub async fn run(context: &Context, kind: &str, out: Option<&Path>, fresh: bool) -> Result<(), Failure> {
    let kind = KeyKind::parse(kind).ok_or_else(|| {
        Failure::both("the key must be feed or node", "密钥须为 feed（名单源）或 node（节点）：请改正")
    })?;
    let role = match kind {
        KeyKind::Feed => KeyRole::Feed,
        KeyKind::Node => KeyRole::Node,
    };
    let slug = Profile::read(&context.directory).map_err(Failure::new)?.slug;
    let protection = context.protection(&context.directory)?;
    // A second passphrase for one node would lock its owner out.
    KeyStore::open(&context.directory, &protection).map_err(Failure::new)?;
    // Named in the place of a key that was stolen: whoever copied the directory has a successor that was made before, too.
    let set_aside =
        (out.is_none() || fresh) && KeyStore::set_successor_aside(&context.directory, role).map_err(Failure::new)?;
    let new = KeyStore::make_successor(&context.directory, role, &protection).map_err(Failure::new)?;
    let Some(out) = out else {
        let result = json!({ "kind": kind.code(), "key": hex::encode(new), "set_aside": set_aside });
        context.output.show(&result, |_| {
            println!("{}", hex::encode(new));
            tell(context, set_aside);
        });
        return Ok(());
    };
    let client = Client::open(context).await?;
    let members: Value = client.get("/v1/members").await?;
    client.close().await;
    let keys = KeyStore::open(&context.directory, &protection).map_err(Failure::new)?;
    let (number, in_use) = in_use(&members, &slug, kind).ok_or_else(not_in_charter)?;
    let alliance = hash(&members["alliance"]).ok_or_else(not_in_charter)?;
    // The one of the member's keys that lies here: another node has a node key of its own.
    let old = in_use.into_iter().find(|key| *key != new && keys.signer(role, key).is_ok()).ok_or_else(|| {
        Failure::both(
            "the key that the charter names does not lie here, or has handed over to this successor already; run the command on the node that has it, or, if it is lost, use --key-only and have it revoked",
            "章程所列的密钥不在本机，或已更换为该新密钥：请在持有它的节点上执行；如已丢失，请用 --key-only 并提案吊销",
        )
    })?;
    let succession = KeySuccession { alliance, member: MemberNumber(number), kind, old, new };
    let signer = |key| keys.signer(role, key).map_err(Failure::new);
    let signed = SignedSuccession::sign(succession, signer(&old)?, signer(&new)?);
    files::write_atomic(out, write_succession(&signed).as_bytes(), 0o644).map_err(Failure::new)?;
    let result = json!({ "kind": kind.code(), "old": hex::encode(old), "new": hex::encode(new), "file": out, "set_aside": set_aside });
    context.output.show(&result, |_| {
        tell(context, set_aside);
        let file = out.display();
        context.output.say(
            format!("The successor of the {} was made and lies in keys/{role}.next.pem.\nNext: restart this node if it runs, so that it has both keys; then a steward runs antibrush alliance propose rotate {file}", kind.en()),
            format!("{}的新密钥已生成，位于 keys/{role}.next.pem。\n下一步：如节点正在运行请重启，使其同时持有新旧密钥；然后由秘书处执行 antibrush alliance propose rotate {file}", kind.zh()),
        );
    });
    Ok(())
}

fn tell(context: &Context, set_aside: bool) {
    if set_aside {
        context.output.say(
            "A successor that was made earlier and never named was set aside (keys/*.unused-*.pem).",
            "先前生成而从未启用的新密钥已移到一旁（keys/*.unused-*.pem）。",
        );
    }
}

/// The member's number and its keys of a kind that the charter names.
fn in_use(members: &Value, slug: &str, kind: KeyKind) -> Option<(u16, Vec<PublicKey>)> {
    let member = members["members"].as_array()?.iter().find(|member| member["slug"] == slug)?;
    let number = u16::try_from(member["number"].as_u64()?).ok()?;
    let keys = match kind {
        KeyKind::Feed => hash(&member["feed_key"]).into_iter().collect(),
        KeyKind::Node => {
            let nodes = member["nodes"].as_array()?.iter();
            nodes.filter_map(|node| network::peer_key(&node.as_str()?.parse().ok()?)).collect()
        }
    };
    Some((number, keys))
}

fn hash(hexed: &Value) -> Option<[u8; 32]> {
    hex::decode(hexed.as_str()?).ok()?.try_into().ok()
}

fn not_in_charter() -> Failure {
    Failure::both(
        "the charter does not name this node's member; look at antibrush alliance members",
        "章程中没有本节点所属的成员：用 antibrush alliance members 查看",
    )
}
