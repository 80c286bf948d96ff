//! `keys`: holders, ceremonies, rotation, retirement, and where the token keys stand.

use std::{path::Path, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{
    Client, Context, Failure, charter,
    check::class,
    keys_args::{CeremonyArgs, KeysVerb},
    output::moment,
};
use crate::lang::Lang;

/// How often a ceremony is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(200);

pub async fn run(context: &Context, verb: KeysVerb) -> Result<(), Failure> {
    match verb {
        KeysVerb::Status => status(context).await,
        KeysVerb::Holders { holders, threshold, quota, out } => {
            name(context, &holders, threshold, &quota, out.as_deref()).await
        }
        KeysVerb::Ceremony { args, holders, threshold } => {
            ceremony(context, "generate", &args, &holders, threshold).await
        }
        KeysVerb::Rotate { args } => ceremony(context, "rotate", &args, &[], 0).await,
        KeysVerb::Refresh { args } => ceremony(context, "refresh", &args, &[], 0).await,
        KeysVerb::Retire { epoch, force, out: Some(out) } => {
            charter::make(context, &json!({ "change": "retire", "epoch": epoch, "force": force }), &out).await
        }
        KeysVerb::Retire { epoch, force, out: None } => retire(context, epoch, force).await,
    }
}

async fn name(
    context: &Context,
    holders: &[String],
    threshold: u8,
    quotas: &[String],
    out: Option<&Path>,
) -> Result<(), Failure> {
    let mut by_class = serde_json::Map::new();
    for quota in quotas {
        let parsed = quota.split_once('=').and_then(|(class, count)| Some((class, count.parse::<u32>().ok()?)));
        let (word, count) = parsed.filter(|(_, count)| *count > 0).ok_or_else(|| {
            Failure::both(
                "a quota is written CLASS=NUMBER with a number from 1 on, like MOB=1000000",
                "配额须写成 类别=数量，数量至少为1，例如 MOB=1000000：请改正",
            )
        })?;
        by_class.insert(class(word)?.code().to_owned(), count.into());
    }
    if let Some(out) = out {
        let change = json!({ "change": "holders", "members": holders, "threshold": threshold, "quotas": by_class });
        return charter::make(context, &change, out).await;
    }
    let client = Client::open(context).await?;
    let request = json!({ "members": holders, "threshold": threshold, "quotas": by_class });
    let named: Result<Value, Failure> = client.post("/v1/keys/holders", &request).await;
    client.close().await;
    context.output.show(&named?, |named| {
        context.output.say(
            format!("Charter {} names the key holders.", named["charter"]),
            format!("章程第 {} 版已指定密钥持有方。", named["charter"]),
        );
    });
    Ok(())
}

async fn ceremony(
    context: &Context,
    kind: &str,
    args: &CeremonyArgs,
    holders: &[String],
    threshold: u8,
) -> Result<(), Failure> {
    let classes: Vec<&str> = args.classes.iter().map(|word| Ok(class(word)?.code())).collect::<Result<_, Failure>>()?;
    let client = Client::open(context).await?;
    if !client.is_running() {
        client.close().await;
        return Err(Failure::both(
            "a ceremony runs over the network: start this node with `antibrush run`, then call again",
            "密钥仪式在网络上进行：请先用 antibrush run 启动本节点，再重新执行",
        ));
    }
    let members: Value = client.get("/v1/members").await?;
    let signers = members["threshold"].as_u64().unwrap_or(1);
    if signers > 1 && args.out.is_none() && !args.no_wait {
        return Err(Failure::both(
            format!(
                "{signers} stewards must sign for the keys: give --out FILE for the proposal, or --no-wait and propose them later (antibrush alliance propose keys)"
            ),
            format!(
                "密钥写入章程须有 {signers} 家秘书处成员签名：请用 --out 指定提案文件，或用 --no-wait 并在之后提案（antibrush alliance propose keys）"
            ),
        ));
    }
    let request = json!({
        "kind": kind, "classes": classes, "minutes": args.minutes, "holders": holders, "threshold": threshold,
    });
    let called: Value = client.post("/v1/keys/ceremonies", &request).await?;
    if args.no_wait {
        context.output.show(&called, |called| print(context, called));
        return Ok(());
    }
    let id = called["ceremony"].as_str().unwrap_or_default().to_owned();
    let bar = progress(context);
    let ended = loop {
        let now: Value = client.get(&format!("/v1/keys/ceremonies/{id}")).await?;
        let phase = now["phase"].as_str().unwrap_or_default();
        if matches!(phase, "in_charter" | "void") {
            break now;
        }
        if phase == "done"
            && signers > 1
            && let Some(out) = args.out.as_deref()
        {
            bar.finish_and_clear();
            return charter::make(context, &json!({ "change": "keys", "ceremony": id }), out).await;
        }
        let waiting: Vec<&str> =
            now["waiting_for"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        bar.set_position(match phase {
            "commit" => 0,
            "deal" => 1,
            "confirm" => 2,
            _ => 3,
        });
        bar.set_message(waiting.join(", "));
        tokio::time::sleep(LOOK_EVERY).await;
    };
    bar.finish_and_clear();
    if ended["phase"] == "void" {
        return Err(void(&ended));
    }
    context.output.show(&ended, |ended| print(context, ended));
    Ok(())
}

/// A ceremony that came to nothing, with those to blame.
fn void(ended: &Value) -> Failure {
    let faults = |key: &str| {
        let faults = ended["faults"].as_array().into_iter().flatten();
        let texts = faults
            .map(|f| format!("{} {}", f["holder"].as_str().unwrap_or_default(), f[key].as_str().unwrap_or_default()));
        texts.collect::<Vec<_>>().join("; ")
    };
    if ended["faults"].as_array().is_none_or(Vec::is_empty) {
        return Failure::both(
            "this ceremony is over: another one was called, or the charter has other keys or holders; look at `antibrush keys status`",
            "本次密钥仪式已作废：已另行召集，或章程中的密钥、持有方已变更：请用 antibrush keys status 查看",
        );
    }
    Failure::both(
        format!(
            "the ceremony came to nothing: {}; speak with them, then call again, or name other holders with `antibrush keys holders`",
            faults("fault")
        ),
        format!(
            "密钥仪式没有结果：{}；请与其联系后重新召集，或用 antibrush keys holders 指定其他持有方",
            faults("fault_zh")
        ),
    )
}

fn progress(context: &Context) -> ProgressBar {
    if !context.output.shows_progress() {
        return ProgressBar::hidden();
    }
    let template = match context.lang() {
        Lang::En => "{bar:30} round {pos}/3, waiting for {msg}",
        Lang::Zh => "{bar:30} 第 {pos}/3 轮，等待 {msg}",
    };
    // A literal template that parses.
    let style = ProgressStyle::with_template(template).expect("a valid template");
    ProgressBar::new(3).with_style(style)
}

fn print(context: &Context, ceremony: &Value) {
    let list = |key: &str| {
        let items = ceremony[key].as_array().into_iter().flatten().filter_map(Value::as_str);
        items.collect::<Vec<_>>().join(" ")
    };
    let (epoch, threshold) = (&ceremony["epoch"], &ceremony["threshold"]);
    let holders = ceremony["holders"].as_array().map_or(0, Vec::len);
    let pick = |later, first| if epoch.as_u64() > Some(1) { later } else { first };
    if ceremony["phase"] != "in_charter" {
        let until = moment(ceremony["deadline"].as_u64().unwrap_or(0));
        context.output.say(
            format!(
                "The holders ({}) are called until {until}; follow it with `antibrush keys status`.",
                list("holders")
            ),
            format!("已召集持有方（{}），截止 {until}；可用 antibrush keys status 查看进展。", list("holders")),
        );
    } else if ceremony["kind"] == "refresh" {
        context.output.say(
            format!("The shares of epoch {epoch} are new: {}.\nThis is not a rotation: the keys and all tokens stay the same. A refresh only makes shares useless that were stolen one by one before; use `antibrush keys rotate` to change the keys.", list("classes")),
            format!("第 {epoch} 期的份额已更新：{}。\n这不是换期：密钥和全部令牌保持不变，只使此前被逐个窃取的份额失效；更换密钥请用 antibrush keys rotate。", list("classes")),
        );
    } else {
        context.output.say(
            format!("Epoch {epoch} has keys for {}: any {threshold} of {holders} holders ({}) answer together, nobody has a whole key.{}", list("classes"), list("holders"), pick(
                "\nPublishers' nodes carry their listings over by themselves. Platforms run `antibrush tokenize` again before the old epoch is retired.", "")),
            format!("第 {epoch} 期密钥已生成：{}。{holders} 个持有方（{}）中任意 {threshold} 个共同应答，没有任何一方持有完整密钥。{}", list("classes"), list("holders"), pick(
                "\n各发布方的节点自动转入名单；各平台请在停用旧一期之前重新执行 antibrush tokenize。", "")),
        );
    }
}

async fn retire(context: &Context, epoch: u16, force: bool) -> Result<(), Failure> {
    let client = Client::open(context).await?;
    let retired: Result<Value, Failure> =
        client.post("/v1/keys/retire", &json!({ "epoch": epoch, "force": force })).await;
    client.close().await;
    context.output.show(&retired?, |retired| {
        context.output.say(
            format!("Charter {} retires epoch {epoch}: its holders erase their shares and sign that they did; `antibrush keys status` shows who has.", retired["charter"]),
            format!("章程第 {} 版停用第 {epoch} 期：各持有方将删除份额并签署声明；用 antibrush keys status 查看。", retired["charter"]),
        );
    });
    Ok(())
}

async fn status(context: &Context) -> Result<(), Failure> {
    let client = Client::open(context).await?;
    let keys: Result<Value, Failure> = client.get("/v1/keys").await;
    client.close().await;
    context.output.show(&keys?, |keys| show(context, keys));
    Ok(())
}

/// The phase of a ceremony in words.
fn phase(context: &Context, code: &str) -> String {
    let (en, zh) = match code {
        "in_charter" => ("its result is in the charter", "结果已写入章程"),
        "void" => ("came to nothing", "无结果"),
        "commit" => ("round 1 of 3", "第 1/3 轮"),
        "deal" => ("round 2 of 3", "第 2/3 轮"),
        "confirm" => ("round 3 of 3", "第 3/3 轮"),
        "done" => ("done, the charter follows", "已完成，待写入章程"),
        other => (other, other),
    };
    context.output.pick(en, zh).to_owned()
}

fn show(context: &Context, keys: &Value) {
    let out = &context.output;
    let text = |value: &Value| value.as_str().unwrap_or("–").to_owned();
    let items = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let joined = |value: &Value| items(value).iter().map(text).collect::<Vec<_>>().join(" ");
    let holders: Vec<String> = items(&keys["holders"])
        .iter()
        .map(|holder| {
            let away = if holder["connected"] == true { "" } else { out.pick(" (not connected)", "（未连接）") };
            format!("{}{away}", text(&holder["member"]))
        })
        .collect();
    match keys["threshold"].as_u64() {
        Some(threshold) => out.say(
            format!("Key holders: {}; {threshold} must answer.", holders.join(", ")),
            format!("密钥持有方：{}；须有 {threshold} 个应答。", holders.join("、")),
        ),
        None => out.say(
            "No key holders are named yet: antibrush keys ceremony --holders … --threshold …",
            "尚未指定密钥持有方：antibrush keys ceremony --holders … --threshold …",
        ),
    }
    let mut table = out.table(&[
        ("class", "类别"),
        ("epoch", "期次"),
        ("suite", "套件"),
        ("holders", "持有方"),
        ("quota", "日配额"),
        ("listings", "有效列入"),
        ("state", "状态"),
    ]);
    for key in items(&keys["keys"]) {
        let listings: u64 = key["listings"].as_object().into_iter().flatten().filter_map(|(_, n)| n.as_u64()).sum();
        let state = match (key["retired"].as_u64(), key["own_share"].as_bool()) {
            (Some(_), _) => {
                let deleted = joined(&key["deleted"]);
                let nobody = deleted.is_empty();
                match (out.lang, nobody) {
                    (Lang::En, true) => "retired; shares deleted by nobody yet".to_owned(),
                    (Lang::En, false) => format!("retired; shares deleted by {deleted}"),
                    (Lang::Zh, true) => "已停用，尚无持有方删除份额".to_owned(),
                    (Lang::Zh, false) => format!("已停用，已删除份额：{deleted}"),
                }
            }
            (None, Some(false)) => out.pick("active; own share missing", "有效，缺少本节点份额").to_owned(),
            (None, _) => out.pick("active", "有效").to_owned(),
        };
        let shared = key["suite"] == 2;
        table.add_row([
            text(&key["class"]),
            key["epoch"].to_string(),
            key["suite"].to_string(),
            if shared { format!("{}/{}", key["threshold"], joined(&key["holders"])) } else { "–".to_owned() },
            key["quota"].as_u64().map_or("–".to_owned(), |quota| quota.to_string()),
            listings.to_string(),
            state,
        ]);
    }
    println!("{table}");
    for ceremony in items(&keys["ceremonies"]).iter().take(3) {
        let refresh = ceremony["kind"] == "refresh";
        let kind = if refresh { out.pick("new shares", "更新份额") } else { out.pick("new keys", "生成密钥") };
        let phase = phase(context, &text(&ceremony["phase"]));
        let waiting = match joined(&ceremony["waiting_for"]) {
            none if none.is_empty() => none,
            some => format!("{}{some}", out.pick(", waiting for ", "，等待 ")),
        };
        let faults: Vec<String> = items(&ceremony["faults"])
            .iter()
            .map(|f| {
                format!("{} {}", text(&f["holder"]), text(&f[if out.lang == Lang::Zh { "fault_zh" } else { "fault" }]))
            })
            .collect();
        let id = text(&ceremony["ceremony"]);
        let id = &id[..16.min(id.len())];
        let since = moment(ceremony["issued"].as_u64().unwrap_or(0));
        out.say(
            format!(
                "Ceremony {id} ({kind}, epoch {}, {since}): {phase}{waiting}{}",
                ceremony["epoch"],
                if faults.is_empty() { String::new() } else { format!("; {}", faults.join("; ")) }
            ),
            format!(
                "密钥仪式 {id}（{kind}，第 {} 期，{since}）：{phase}{waiting}{}",
                ceremony["epoch"],
                if faults.is_empty() { String::new() } else { format!("；{}", faults.join("；")) }
            ),
        );
    }
    for usage in items(&keys["usage"]) {
        out.say(
            format!(
                "{} evaluated {} of {} for this member today ({}).",
                text(&usage["holder"]),
                usage["evaluated"],
                usage["quota"],
                text(&usage["class"])
            ),
            format!(
                "{} 今日为本成员求值 {}/{}（{}）。",
                text(&usage["holder"]),
                usage["evaluated"],
                usage["quota"],
                text(&usage["class"])
            ),
        );
    }
    if keys["bad_answers"].as_u64().unwrap_or(0) > 0 {
        out.say(
            format!(
                "{} answers of key holders did not hold; the evidence lies in `evidence` of the data directory.",
                keys["bad_answers"]
            ),
            format!("有 {} 个密钥持有方答案不成立，证据在数据目录的 evidence 中。", keys["bad_answers"]),
        );
    }
}
