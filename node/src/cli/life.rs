//! `life` and `due`: what was said of a subject's listings, and what is due about listings.

use antibrush_protocol::codes::{Duty, List, State};
use serde_json::{Value, json};

use super::{
    Client, Context, Failure,
    check::subject,
    life_args::{DueArgs, LifeArgs},
    listing::code,
    output::{CodeKind, Output},
};

pub async fn life(context: &Context, args: LifeArgs) -> Result<(), Failure> {
    let (class, id) = subject(&args.subject)?;
    let client = Client::open(context).await?;
    let lives: Value = client.post("/v1/lives", &json!({ "class": class, "id": id })).await?;
    client.close().await;
    context.output.show(&lives, |lives| print(&context.output, lives));
    Ok(())
}

fn print(out: &Output, lives: &Value) {
    let listings = items(&lives["listings"]);
    if listings.is_empty() {
        out.say("No listing of this subject is in force.", "该主体没有有效的列入。");
    }
    for listing in listings {
        let state = state(out, &text(&listing["state"]));
        let enforceable = match listing["enforceable"] == Value::Bool(true) {
            true => out.pick("a member may act on it", "可据以采取措施"),
            false => out.pick("nothing may be enforced", "不得据以采取措施"),
        };
        println!(
            "{} {} {}: {state}, {enforceable}",
            text(&listing["publisher"]),
            list(out, &text(&listing["list"])),
            out.code(CodeKind::Conduct, &text(&listing["conduct"])),
        );
        for (key, en, zh) in [
            ("listed", "listed", "列入"),
            ("confirmed", "confirmed", "核验"),
            ("noticed", "told to rectify", "整改通知书"),
            ("committed", "committed itself", "信用承诺书"),
            ("rectified", "rectified", "整改完成"),
            ("escalated", "escalated", "升级"),
            ("expires", "holds until", "有效至"),
        ] {
            if let Some(day) = listing[key].as_str() {
                println!("  {day}  {}", out.pick(en, zh));
            }
        }
        for dispute in items(&listing["disputes"]) {
            let (filed, by, reason) = (text(&dispute["filed"]), text(&dispute["disputer"]), text(&dispute["reason"]));
            let end = match (dispute["closed"].as_str(), dispute["outcome"].as_str()) {
                (Some(day), Some(outcome)) => format!("{outcome} {day} {}", text(&dispute["ground"])),
                (Some(day), None) => format!("{} {day}", out.pick("taken back", "已撤回")),
                (None, _) => out.pick("open", "未决").to_owned(),
            };
            println!("  {filed}  {} {by} {reason}: {end}", out.pick("disputed by", "异议"));
        }
        for taken in items(&listing["measures"]) {
            let (day, by, measure) = (text(&taken["day"]), text(&taken["member"]), text(&taken["measure"]));
            println!("  {day}  {by} {measure}: {} {}", text(&taken["response"]), text(&taken["reason"]));
        }
        for due in items(&listing["due"]) {
            println!("  {}  {}", text(&due["day"]), duty(out, due));
        }
    }
}

pub async fn due(context: &Context, args: DueArgs) -> Result<(), Failure> {
    args.duty.as_deref().map(|word| code("--duty", word, Duty::parse)).transpose()?;
    let mut path = format!("/v1/due?days={}&most={}", args.days, args.most);
    match (&args.publisher, args.all) {
        (Some(slug), _) => path.push_str(&format!("&publisher={}", escaped(slug))),
        (None, true) => path.push_str("&publisher=*"),
        (None, false) => {}
    }
    if let Some(duty) = args.duty.as_deref().and_then(Duty::parse) {
        path.push_str(&format!("&duty={}", duty.code()));
    }
    let client = Client::open(context).await?;
    let due: Value = client.get(&path).await?;
    client.close().await;
    let out = &context.output;
    out.show(&due, |due| {
        let rows = items(&due["due"]);
        if !rows.is_empty() {
            let mut table = out.table(&[
                ("day", "期限"),
                ("due", "事项"),
                ("member", "成员"),
                ("leaf", "序号"),
                ("list", "名单"),
                ("conduct", "行为"),
                ("state", "状态"),
            ]);
            for row in rows {
                table.add_row([
                    text(&row["day"]),
                    duty(out, row),
                    text(&row["publisher"]),
                    row["leaf"].to_string(),
                    list(out, &text(&row["list"])),
                    out.code(CodeKind::Conduct, &text(&row["conduct"])),
                    state(out, &text(&row["state"])),
                ]);
            }
            println!("{table}");
        }
        let (total, overdue) = (&due["total"], &due["overdue"]);
        out.say(format!("{total} due, {overdue} of them overdue."), format!("共 {total} 项，其中逾期 {overdue} 项。"));
        if due["calendar_known"] == Value::Bool(false) {
            out.say(
                "The holidays of this year are not known here: add them to calendar.txt in the data directory.",
                "本节点不知道今年的节假日安排：请写入数据目录的 calendar.txt。",
            );
        }
    });
    Ok(())
}

/// Slugs have letters, digits and hyphens; anything else names no member.
pub(super) fn escaped(slug: &str) -> String {
    slug.chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').collect()
}

fn duty(out: &Output, due: &Value) -> String {
    let word = text(&due["duty"]);
    let name = Duty::parse(&word).map_or(word, |duty| out.pick(duty.en(), duty.zh()).to_owned());
    let who = match due["who"].as_str() {
        Some("publisher") => out.pick("publisher", "列入方"),
        Some("steward") => out.pick("stewards", "秘书处"),
        Some("subject") => out.pick("subject", "主体"),
        _ => out.pick("members", "其他成员"),
    };
    match due["overdue"].as_u64() {
        Some(days) => format!("{name} ({who}) {}", out.pick(&format!("{days} d late"), &format!("逾期 {days} 天"))),
        None => format!("{name} ({who})"),
    }
}

fn state(out: &Output, word: &str) -> String {
    State::parse(word).map_or_else(|| word.to_owned(), |state| out.pick(state.code(), state.zh()).to_owned())
}

pub(super) fn list(out: &Output, word: &str) -> String {
    List::parse(word).map_or_else(|| word.to_owned(), |list| out.pick(list.code(), list.zh()).to_owned())
}

pub(super) fn items(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

pub(super) fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
