//! `init`: keys, configuration and profile of a new node.

use antibrush_protocol::charter::MemberRole;

use super::{Context, Failure, args::InitArgs};
use crate::{
    config::Config,
    keys::{KeyRole, KeyStore, Protection, Signer, passphrase},
    network,
    profile::Profile,
    storage::{files, lock::DataDir},
};

pub fn run(context: &Context, args: InitArgs) -> Result<(), Failure> {
    let role = parse_role(&args.role)?;
    let profile = Profile::new(&args.slug, &args.legal_name, &args.uscc, args.controller.as_deref(), role)
        .map_err(Failure::new)?;
    let data = DataDir::lock(&context.directory).map_err(Failure::new)?;
    if Profile::read(data.path()).is_ok() {
        return Err(Failure::both(
            format!("{} holds a node already; choose another --dir", data.path().display()),
            format!("{} 已有节点：请换一个 --dir", data.path().display()),
        ));
    }
    let protection = if args.keys_in_clear_dangerously {
        Protection::InClearDangerously
    } else {
        let secret = passphrase::find(context.passphrase_file.as_deref(), passphrase::Purpose::Create);
        Protection::Passphrase(secret.map_err(Failure::new)?)
    };
    let is_further = args.feed_key.is_some();
    let roles = [(KeyRole::Feed, args.feed_key), (KeyRole::Node, None), (KeyRole::Seal, args.seal_key)];
    let keys = KeyStore::create_with(data.path(), &roles, &protection).map_err(Failure::new)?;
    let mut config = Config::default();
    config.listen = args.listen.map_or(config.listen, |listen| vec![listen]);
    config.announce = args.announce.into_iter().collect();
    config.api = args.api.unwrap_or(config.api);
    let file = data.path().join(Config::FILE);
    files::write_atomic(&file, config.to_toml().as_bytes(), 0o644).map_err(Failure::new)?;
    profile.write(data.path()).map_err(Failure::new)?;
    let peer_id = keys.node().ok().and_then(|key| network::peer_id(&key.public())).map(|id| id.to_string());
    let result = serde_json::json!({
        "slug": profile.slug,
        "dir": data.path(),
        "peer_id": peer_id,
        "listen": config.listen,
        "api": config.api,
        "keys_in_clear": args.keys_in_clear_dangerously,
    });
    context.output.show(&result, |_| {
        let dir = data.path().display();
        context.output.say(
            format!("A node for {} was made in {dir}.\nNext: antibrush join INVITATION --dir {dir}, or antibrush alliance create --dir {dir} …", profile.slug),
            format!("已在 {dir} 建立 {} 的节点。\n下一步：antibrush join 邀请码 --dir {dir}，或 antibrush alliance create --dir {dir} …", profile.slug),
        );
        if is_further {
            context.output.say(
                "It has copies of the member's keys: send a steward its join request (antibrush join-request), to be admitted with --node-of.",
                "它持有本成员密钥的副本：请把加入申请（antibrush join-request）交给秘书处，以 --node-of 接纳。",
            );
        }
        if args.keys_in_clear_dangerously {
            context.output.say(
                "The keys have no passphrase: whoever reads the directory can publish in this member's name.",
                "密钥没有口令保护：能读取该目录的人可以冒用本成员名义发布。",
            );
        }
    });
    Ok(())
}

/// Reads a member role as people write it.
pub fn parse_role(text: &str) -> Result<MemberRole, Failure> {
    MemberRole::parse(text).ok_or_else(|| {
        Failure::both(
            "the role must be platform, observer, key-holder or gateway",
            "角色须为 platform（平台）、observer（观察员）、key-holder（密钥持有方）或 gateway（网关）",
        )
    })
}
