//! `check`: is this subject listed?

use antibrush_protocol::{codes::State, subject::Class};
use serde_json::{Value, json};

use super::{
    Client, Context, Failure, Output,
    args::{CheckArgs, SubjectArgs},
    output::CodeKind,
};

pub async fn run(context: &Context, args: CheckArgs) -> Result<(), Failure> {
    let (class, id) = subject(&args.subject)?;
    let client = Client::open(context).await?;
    let answer: Value = client
        .post("/v1/check", &json!({ "class": class, "id": id, "purpose": args.purpose, "details": true }))
        .await?;
    context.output.show(&answer, |answer| print(&context.output, answer));
    client.close().await;
    Ok(())
}

/// The class and the identifier, from standard input if it says `-`.
pub fn subject(args: &SubjectArgs) -> Result<(String, String), Failure> {
    Ok((class(&args.class)?.code().to_owned(), read_dash(&args.id)?))
}

/// The class that a word means.
pub fn class(word: &str) -> Result<Class, Failure> {
    Class::parse(word).ok_or_else(|| {
        Failure::both(
            "no such class; use ENT PER MOB SHP ACC PAY WEB APP GRP LOG or WBL",
            "没有这个主体类型：请用 ENT PER MOB SHP ACC PAY WEB APP GRP LOG WBL 或其中文名称",
        )
    })
}

/// The text itself, or the first line of standard input for `-`.
pub fn read_dash(text: &str) -> Result<String, Failure> {
    if text != "-" {
        return Ok(text.to_owned());
    }
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).map_err(Failure::new)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

fn print(output: &Output, answer: &Value) {
    let text = |value: &Value| value.as_str().unwrap_or("–").to_owned();
    let word = answer["answer"].as_str().unwrap_or_default();
    output.say(word, verdict_zh(word));
    if let Some(reason) = answer[output.pick("reason", "reason_zh")].as_str() {
        println!("{reason}");
    }
    let listings = answer["listings"].as_array().cloned().unwrap_or_default();
    if !listings.is_empty() {
        let mut table = output.table(&[
            ("publisher", "列入方"),
            ("list", "名单"),
            ("conduct", "行为"),
            ("severity", "程度"),
            ("listed", "列入日期"),
            ("until", "有效至"),
            ("state", "状态"),
            ("feed", "来源"),
        ]);
        for l in &listings {
            let fresh = if l["fresh"] == Value::Bool(true) {
                output.pick("fresh", "最新")
            } else {
                output.pick("stale", "过时")
            };
            table.add_row([
                text(&l["publisher"]),
                text(&l["list"]),
                output.code(CodeKind::Conduct, &text(&l["conduct"])),
                output.code(CodeKind::Severity, &text(&l["severity"])),
                text(&l["listed"]),
                text(&l["expires"]),
                state(output, l),
                fresh.to_owned(),
            ]);
        }
        println!("{table}");
        for l in listings.iter().filter(|l| l["details"].is_string()) {
            println!("{} {}: {}", text(&l["publisher"]), text(&l["list"]), text(&l["details"]).replace('\n', " "));
        }
        let members = answer["members"].as_u64().unwrap_or(0);
        let corroborated = answer["corroborated"] == Value::Bool(true);
        output.say(
            format!(
                "{members} member(s) under different control list the same conduct{}.",
                if corroborated { ": corroborated" } else { "" }
            ),
            format!("{members} 家不同控制关系的成员列入同一行为{}。", if corroborated { "，已交叉验证" } else { "" }),
        );
    }
    print_recommendation(output, &answer["recommendation"]);
    if answer["victim"] == Value::Bool(true) {
        output.say("A victim mark protects this subject: nothing may be enforced.", "该主体有受害标记：不得采取措施。");
    }
    let stale: Vec<String> = answer["feeds"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|feed| feed["fresh"] != Value::Bool(true))
        .map(|feed| text(&feed["publisher"]))
        .collect();
    if !stale.is_empty() {
        output.say(
            format!("Not heard from in time: {}.", stale.join(", ")),
            format!("未及时收到的名单源：{}。", stale.join("、")),
        );
    }
}

/// What is recommended, and from where.
fn print_recommendation(output: &Output, advised: &Value) {
    if advised.is_null() {
        return;
    }
    let action = super::recommend::action(output, &advised["action"]);
    output.say(format!("Recommendation: {action}."), format!("建议：{action}。"));
    if let Some(number) = advised["override_number"].as_u64() {
        output.say(format!("  by override {number}"), format!("  依据单独处置 {number}"));
    }
    for ground in advised["from"].as_array().into_iter().flatten() {
        let (list, rule) = (ground["list"].as_str().unwrap_or("–"), ground["rule"].as_str().unwrap_or("–"));
        let line = ground["listing"].as_u64().unwrap_or(0) + 1;
        output.say(format!("  listing {line} on {list}: {rule}"), format!("  第 {line} 条列入（{list}）：{rule}"));
    }
    if advised["capped_by_person"] == Value::Bool(true) {
        output.say("  A natural person is not blocked without review.", "  未经人工复核不拦截个人。");
    }
}

/// Where a listing stands, and what keeps it from force.
fn state(output: &Output, listing: &Value) -> String {
    let word = listing["state"].as_str().unwrap_or_default().to_owned();
    let mut state = State::parse(&word).map_or(word, |state| output.pick(state.code(), state.zh()).to_owned());
    let disputed = (listing["disputed"].is_string(), output.pick("disputed", "异议中"));
    let suspended = (listing["suspended"] == Value::Bool(true), output.pick("suspended", "暂停效力"));
    for (_, mark) in [disputed, suspended].into_iter().filter(|(is_so, _)| *is_so) {
        state = format!("{state}, {mark}");
    }
    state
}

/// The answer in Chinese.
pub fn verdict_zh(word: &str) -> &'static str {
    match word {
        "listed" => "已列入",
        "not_listed" => "未列入",
        "disputed" => "已列入，异议处理中",
        "candidate" => "待核验",
        "stale" => "数据过时，无法判断",
        "invalid" => "标识无效",
        "unavailable" => "暂时无法查询",
        _ => "未知",
    }
}
