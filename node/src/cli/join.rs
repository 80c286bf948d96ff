//! `join`: into an alliance by invitation.

use antibrush_protocol::{
    charter::{CharterChain, CharterError, SignedCharter},
    join::{Invitation, JoinRequest},
    signed::{self, Signer},
};
use serde_json::json;

use super::{
    Context, Failure,
    args::{JoinArgs, JoinRequestArgs},
    charter,
    check::read_dash,
    run::{self, Announce},
};
use crate::{
    clock,
    core::{apply_for, newcomer},
    lang::{Zh, reason_zh},
    network::{self, Waiting},
    profile::Profile,
    storage::Store,
};

/// Writes the file with which a newcomer, or a further node of a member, applies.
pub fn request(context: &Context, args: &JoinRequestArgs) -> Result<(), Failure> {
    let data = context.lock()?;
    let profile = Profile::read(data.path()).map_err(Failure::new)?;
    let addresses = context.load_config()?.reachable();
    let text = apply_for(&profile, &context.open_keys()?, &addresses).map_err(Failure::new)?;
    charter::write(&args.out, &json!(text))?;
    let result = json!({ "slug": profile.slug, "role": profile.role.code(), "file": args.out });
    context.output.show(&result, |_| {
        let file = args.out.display();
        context.output.say(
            format!("The join request was written to {file}; it holds no secret.\nNext: send it to a steward, and join with the invitation that comes back: antibrush join INVITATION --run"),
            format!("加入申请已写入 {file}，其中没有秘密。\n下一步：把它交给秘书处，再用收到的邀请码加入：antibrush join 邀请码 --run"),
        );
    });
    Ok(())
}

/// Says what a newcomer waits for, on standard error, whenever that changes.
fn progress(context: &Context) -> impl FnMut(Waiting) {
    let (output, mut said) = (context.output, None);
    move |waiting| {
        if said.as_ref() == Some(&waiting) {
            return;
        }
        let (event, en, zh) = match &waiting {
            Waiting::Signatures { have, need } => (
                json!({ "event": "pending", "signed": have, "needed": need }),
                format!("pending: {have} of {need} stewards have signed; waiting for the others"),
                format!("等待中：须有 {need} 家秘书处成员签名，已有 {have} 家"),
            ),
            Waiting::Steward(reason) => (
                json!({ "event": "waiting", "reason": reason }),
                format!("waiting: the steward's node does not answer ({reason})"),
                format!("等待中：秘书处节点没有响应（{}）", reason_zh(reason)),
            ),
        };
        if output.json {
            eprintln!("{event}");
        } else {
            eprintln!("{}", output.pick(&en, &zh));
        }
        said = Some(waiting);
    }
}

pub async fn run(context: &Context, args: JoinArgs) -> Result<(), Failure> {
    let invitation = Invitation::from_text(&read_dash(&args.invitation)?).map_err(Failure::new)?;
    if invitation.expires <= clock::wall() {
        return Err(Failure::both(
            "the invitation has expired; ask the steward for a new one",
            "邀请码已过期：请向秘书处重新索取",
        ));
    }
    let data = context.lock()?;
    let profile = Profile::read(data.path()).map_err(Failure::new)?;
    let config = context.load_config()?;
    let keys = context.open_keys()?;
    let (store, _) = Store::open(&data).map_err(Failure::new)?;
    if store.charters().map_err(Failure::new)?.is_some() {
        return Err(Failure::both(
            "this node belongs to an alliance already; join another one with another --dir",
            "本节点已属于某个联盟：请用另一个 --dir",
        ));
    }
    let (feed, node) = (keys.feed().map_err(Failure::new)?, keys.node().map_err(Failure::new)?);
    let newcomer = newcomer(&profile, &keys, &config.reachable()).map_err(Failure::new)?;
    let request = |from| JoinRequest { secret: invitation.secret, newcomer: newcomer.clone(), from };
    let envelope = |from| signed::sign(&request(from), feed).envelope().to_vec();
    let charters =
        network::join(&mut node.secret(), &invitation, envelope, progress(context)).await.map_err(Failure::new)?;
    // Nothing is believed for having come from the steward's node: the chain must begin at the invitation's alliance id.
    let chain = verify(&charters, &invitation).map_err(|error| {
        Failure::both(
            format!("the charters that the steward's node sent do not hold: {error}"),
            format!("秘书处节点发来的章程不成立（{}）：请联系秘书处", error.zh()),
        )
    })?;
    let Some(member) = chain.current().member_of_node(&node.public()) else {
        return Err(Failure::both(
            "the steward's node sent charters that do not admit this node; ask the steward",
            "秘书处节点发来的章程没有接纳本节点：请联系秘书处",
        ));
    };
    for charter in chain.from(1) {
        store.put_charter(charter).map_err(Failure::new)?;
    }
    let charter = chain.current();
    let result = json!({
        "alliance": hex::encode(chain.alliance()), "name_zh": charter.name_zh, "name_en": charter.name_en,
        "charter": charter.number, "slug": member.slug, "role": member.role.code(),
    });
    context.output.show(&result, |_| {
        let next = if args.run { ["", ""] } else { ["\nNext: antibrush run", "\n下一步：antibrush run"] };
        context.output.say(
            format!("{} is now {} of “{}”.{}", member.slug, member.role.en(), charter.name_en, next[0]),
            format!("{} 已加入“{}”，角色：{}。{}", member.slug, charter.name_zh, member.role.zh(), next[1]),
        );
    });
    if !args.run {
        return Ok(());
    }
    drop(store);
    run::serve(context, data, keys, config, Announce::UntilSynced).await
}

fn verify(charters: &[std::sync::Arc<[u8]>], invitation: &Invitation) -> Result<CharterChain, CharterError> {
    let mut decoded = charters.iter().map(|bytes| SignedCharter::decode(bytes).map_err(CharterError::from));
    let first = decoded.next().ok_or(CharterError::Succession)??;
    let mut chain = CharterChain::found(first, Some(&invitation.alliance))?;
    for charter in decoded {
        chain.extend(charter?)?;
    }
    Ok(chain)
}
