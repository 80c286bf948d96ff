//! `tokenize`: a customer base that is prepared in advance.

use std::{path::Path, process::ExitCode};

use serde_json::Value;

use super::{Client, Context, Failure, args::TokenizeArgs, check, lines, output};

/// The exit status of a run that left something for later.
pub const LEFT: u8 = 3;

pub async fn run(context: &Context, args: TokenizeArgs) -> Result<ExitCode, Failure> {
    let class = args.class.as_deref().map(check::class).transpose()?;
    let (bytes, name) = lines::read(&args.file)?;
    let client = Client::open(context).await?;
    let path = format!("/v1/tokens?name={name}{}", lines::of_class(class));
    let outcome = lines::follow(context, &client, &path, (bytes, args.rejects.as_deref()), interrupted).await;
    client.close().await;
    let summary = outcome?;
    context.output.show(&summary, |summary| print(context, summary, args.rejects.as_deref()));
    let all = summary["unavailable"] == 0 && summary["keyless"] == 0;
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::from(LEFT) })
}

fn interrupted(en: &str, zh: &str) -> Failure {
    Failure::both(
        format!("{en}; run the same command again: it goes on from there"),
        format!("{zh}：请重新执行同一命令，即从此处继续"),
    )
}

fn print(context: &Context, summary: &Value, rejects: Option<&Path>) {
    let number = |key: &str| summary[key].as_u64().unwrap_or(0);
    let mut table = context.output.table(&[("rows", "行"), ("", "")]);
    for (key, en, zh) in [
        ("evaluated", "evaluated by the key holders now", "本次由密钥持有方求值"),
        ("known", "known before", "此前已备"),
        ("local", "of classes that need no preparation", "所属类型无需准备"),
        ("rejected", "rejected", "未采用"),
        ("unavailable", "left for later", "尚待准备"),
    ] {
        if number(key) > 0 {
            table.add_row([number(key).to_string(), context.output.pick(en, zh).to_owned()]);
        }
    }
    table.add_row([number("rows").to_string(), context.output.pick("in all", "合计").to_owned()]);
    println!("{table}");
    lines::print_rejects(context, summary, rejects);
    for ended in ["exhausted", "unreachable"].into_iter().filter_map(|kind| summary.get(kind)) {
        let text = |key: &str| ended[key].as_str().unwrap_or_default().to_owned();
        context.output.say(format!("{}.", text("detail")), format!("{}。", text("detail_zh")));
        if let Some(renews) = ended["renews"].as_u64() {
            let at = output::moment(renews);
            context.output.say(
                format!("Run the same command again after {at} (Beijing time)."),
                format!("请在 {at}（北京时间）之后重新执行同一命令。"),
            );
        }
    }
    let (rejected, keyless) = (number("rejected") - number("keyless"), number("keyless"));
    if keyless > 0 {
        context.output.say(
            format!("{keyless} of the rejected rows are of classes without a token key: run this again after a key ceremony."),
            format!("未采用的行中有 {keyless} 行所属类型尚无令牌密钥：请在密钥仪式之后重新执行。"),
        );
    } else if number("unavailable") == 0 && rejected > 0 {
        context.output.say(
            format!("Every good row is prepared; {rejected} were rejected."),
            format!("有效行已全部就绪，另有 {rejected} 行未采用。"),
        );
    } else if number("unavailable") == 0 {
        context.output.say(
            "Everything is prepared: checks of these subjects are answered locally until the key epoch is retired.",
            "全部准备就绪：在该期密钥停用之前，对这些主体的查询均在本机作答。",
        );
    }
}
