//! `list` and `clear`: one subject.

use antibrush_protocol::codes::{Conduct, List, Reason, Role, Severity};
use serde_json::{Value, json};

use super::{
    Client, Context, Failure,
    args::{ClearArgs, ListArgs},
    check::subject,
};

pub async fn list(context: &Context, args: ListArgs) -> Result<(), Failure> {
    let (class, id) = subject(&args.subject)?;
    code("--list", &args.list, List::parse)?;
    code("--conduct", &args.conduct, Conduct::parse)?;
    args.severity.as_deref().map(|text| code("--severity", text, Severity::parse)).transpose()?;
    args.role.as_deref().map(|text| code("--role", text, Role::parse)).transpose()?;
    let item = json!({
        "class": class, "id": id, "list": args.list, "conduct": args.conduct, "severity": args.severity,
        "role": args.role, "expires": args.expires, "document": args.document, "evidence": args.evidence, "details": args.details,
    });
    publish(context, "/v1/listings", item).await
}

pub async fn clear(context: &Context, args: ClearArgs) -> Result<(), Failure> {
    let (class, id) = subject(&args.subject)?;
    code("--list", &args.list, List::parse)?;
    code("--reason", &args.reason, Reason::parse)?;
    let item = json!({ "class": class, "id": id, "list": args.list, "reason": args.reason });
    publish(context, "/v1/clearings", item).await
}

/// The code that a flag's text is; what was typed is not repeated.
pub(super) fn code<T>(flag: &str, text: &str, parse: fn(&str) -> Option<T>) -> Result<T, Failure> {
    parse(text).ok_or_else(|| {
        Failure::both(
            format!("{flag} has no such code; docs/DOMAIN.md lists them, `--help` names the usual ones"),
            format!("{flag} 没有这个代码：docs/DOMAIN.md 列出全部代码，--help 列出常用代码"),
        )
    })
}

pub(super) async fn publish(context: &Context, path: &str, item: Value) -> Result<(), Failure> {
    let client = Client::open(context).await?;
    let answer: Value = client.post(path, &json!({ "items": [item] })).await?;
    client.close().await;
    let outcome = answer["outcomes"][0].clone();
    if outcome["outcome"] == "refused" {
        let en = outcome["reason"].as_str().unwrap_or("the entry was refused");
        return Err(Failure::both(en, outcome["reason_zh"].as_str().unwrap_or("该条目未被接受")));
    }
    context.output.show(&answer, |answer| {
        let word = outcome["outcome"].as_str().unwrap_or_default();
        let zh = match word {
            "listed" => "已列入",
            "amended" => "已变更",
            "cleared" => "已移出",
            "said" => "已记录",
            _ => "无变化",
        };
        match answer["batch"].as_u64() {
            Some(batch) => context.output.say(format!("{word} in batch {batch}"), format!("{zh}，批次 {batch}")),
            None => context.output.say(word, zh),
        }
    });
    Ok(())
}
