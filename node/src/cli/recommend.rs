//! `recommend`: what the risk system is advised to do.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    Client, Context, Failure, Output, check, lines,
    output::{self, CodeKind},
    recommend_args::{ForecastArgs, OverrideArgs, OverrideVerb, RecommendVerb},
};
use crate::recommend::{Action, DEFAULT};

pub async fn run(context: &Context, verb: RecommendVerb) -> Result<(), Failure> {
    match verb {
        RecommendVerb::Show { default: true } => {
            context.output.show(&json!({ "default": DEFAULT }), |_| println!("{}", DEFAULT.trim_end()));
            Ok(())
        }
        RecommendVerb::Show { default: false } => show(context).await,
        RecommendVerb::Reload => {
            let client = Client::open(context).await?;
            let view = client.post("/v1/recommend/reload", &json!({})).await;
            client.close().await;
            let view: Value = view?;
            context.output.show(&view, |view| print_rules(&context.output, view));
            Ok(())
        }
        RecommendVerb::Forecast(args) => forecast(context, args).await,
        RecommendVerb::Override(OverrideVerb::Set(args)) => set(context, args).await,
        RecommendVerb::Override(OverrideVerb::List) => list(context).await,
        RecommendVerb::Override(OverrideVerb::Remove { class, id, number }) => {
            remove(context, class.as_deref(), id.as_deref(), number).await
        }
    }
}

/// Shows what is in force; a file that would be refused is a failure although the node goes on.
async fn show(context: &Context) -> Result<(), Failure> {
    let client = Client::open(context).await?;
    let view = client.get("/v1/recommend").await;
    client.close().await;
    let view: Value = view?;
    context.output.show(&view, |view| {
        print_rules(&context.output, view);
        print_counts(&context.output, view);
    });
    match (view["refused"].as_str(), view["refused_zh"].as_str()) {
        (Some(en), Some(zh)) => Err(Failure::both(
            format!("{en}; then `antibrush recommend reload`; until then the node goes on with the rules shown"),
            format!("{zh}；改正后执行 antibrush recommend reload，在此之前节点沿用以上规则"),
        )),
        _ => Ok(()),
    }
}

async fn set(context: &Context, args: OverrideArgs) -> Result<(), Failure> {
    let (class, id) = check::subject(&args.subject)?;
    let action = Action::parse(&args.action).ok_or_else(|| {
        Failure::both(
            "no such recommendation; use ignore, watch, review or block",
            "没有这种建议：请用 ignore 忽略、watch 关注、review 复核或 block 拦截",
        )
    })?;
    let request = json!({
        "class": class, "id": id, "as": action, "reason": args.reason, "until": args.until,
    });
    let client = Client::open(context).await?;
    let set = client.post("/v1/recommend/overrides", &request).await;
    client.close().await;
    let set: Value = set?;
    context.output.show(&set, |set| print_overrides(&context.output, std::slice::from_ref(set)));
    Ok(())
}

async fn list(context: &Context) -> Result<(), Failure> {
    let client = Client::open(context).await?;
    let seen = client.get("/v1/recommend/overrides").await;
    client.close().await;
    let seen: Value = seen?;
    context.output.show(&seen, |seen| {
        let overrides = seen["overrides"].as_array().map_or(&[][..], Vec::as_slice);
        if overrides.is_empty() {
            context.output.say("There are no overrides.", "没有单独处置。");
        } else {
            print_overrides(&context.output, overrides);
        }
    });
    Ok(())
}

async fn remove(context: &Context, class: Option<&str>, id: Option<&str>, number: Option<u64>) -> Result<(), Failure> {
    let request = match (class, id) {
        (Some(class), Some(id)) => json!({ "class": check::class(class)?.code(), "id": check::read_dash(id)? }),
        _ => json!({ "number": number }),
    };
    let client = Client::open(context).await?;
    let removed = client.post("/v1/recommend/overrides/remove", &request).await;
    client.close().await;
    let removed: Value = removed?;
    context.output.show(&removed, |removed| {
        let number = &removed["number"];
        context.output.say(
            format!("Override {number} is taken back: the rules hold again."),
            format!("已移除单独处置 {number}：恢复按规则建议。"),
        );
    });
    Ok(())
}

async fn forecast(context: &Context, args: ForecastArgs) -> Result<(), Failure> {
    let class = args.class.as_deref().map(check::class).transpose()?;
    let (bytes, name) = lines::read(&args.file)?;
    let client = Client::open(context).await?;
    let path = format!("/v1/recommend/forecast?name={name}{}", lines::of_class(class));
    let outcome = lines::follow(context, &client, &path, (bytes, args.rejects.as_deref()), interrupted).await;
    client.close().await;
    let summary = outcome?;
    context.output.show(&summary, |summary| print_forecast(context, summary, args.rejects.as_deref()));
    Ok(())
}

fn interrupted(en: &str, zh: &str) -> Failure {
    Failure::both(format!("{en}; run the same command again"), format!("{zh}：请重新执行同一命令"))
}

/// A recommendation as people read it.
pub fn action(output: &Output, code: &Value) -> String {
    let code = code.as_str().unwrap_or("–");
    Action::parse(code).map_or_else(|| code.to_owned(), |action| output.pick(action.code(), action.zh()).to_owned())
}

fn print_rules(output: &Output, view: &Value) {
    match view["mode"].as_str() {
        Some("shadow") => output.say(
            "Shadow mode: answers carry no recommendation, they are only counted.",
            "影子模式：查询结果不带建议，只计数。",
        ),
        _ => output.say("Answers carry recommendations.", "查询结果带有建议。"),
    }
    if view["has_file"] == false {
        output.say("There is no recommend.toml: the default holds.", "没有 recommend.toml：按默认规则。");
    }
    if view["persons"] == "may_be_blocked_without_review" {
        output.say(
            "Natural persons may be blocked without review: recommend.toml says so.",
            "可建议未经复核拦截个人：recommend.toml 已声明。",
        );
    } else {
        output.say("Natural persons: at most review.", "自然人：最多复核。");
    }
    if view["changed"] == true {
        output.say(
            "recommend.toml has changed since; take it over: antibrush recommend reload",
            "recommend.toml 已有改动；使其生效请执行 antibrush recommend reload",
        );
    }
    let mut table = output.table(&[("no.", "序号"), ("rule", "规则"), ("if", "条件"), ("then", "建议")]);
    for rule in view["rules"].as_array().into_iter().flatten() {
        table.add_row([
            rule["number"].to_string(),
            rule["name"].as_str().unwrap_or("–").to_owned(),
            conditions(rule),
            action(output, &rule["then"]),
        ]);
    }
    table.add_row([
        "–".to_owned(),
        output.pick("otherwise", "其余").to_owned(),
        String::new(),
        action(output, &view["otherwise"]),
    ]);
    println!("{table}");
}

fn conditions(rule: &Value) -> String {
    let keys = ["list", "conduct", "severity", "state", "source", "class", "role"];
    let condition = |key: &&str| {
        let values: Vec<&str> = rule[*key].as_array()?.iter().filter_map(Value::as_str).collect();
        Some(format!("{key}: {}", values.join(" ")))
    };
    let mut conditions: Vec<String> = keys.iter().filter_map(condition).collect();
    if rule["min_members"].as_u64().unwrap_or(0) > 0 {
        conditions.push(format!("min_members: {}", rule["min_members"]));
    }
    conditions.join("\n")
}

fn print_counts(output: &Output, view: &Value) {
    let since = output::moment(view["since"].as_u64().unwrap_or(0));
    let counts = view["counts"].as_array().map_or(&[][..], Vec::as_slice);
    if counts.is_empty() {
        output.say(format!("Nothing was recommended since {since}."), format!("自 {since} 起尚无建议。"));
        return;
    }
    match view["mode"].as_str() {
        Some("shadow") => {
            output.say(format!("Since {since} it would have been recommended:"), format!("自 {since} 起本应建议："));
        }
        _ => output.say(format!("Since {since} it was recommended:"), format!("自 {since} 起已建议：")),
    }
    let mut table =
        output.table(&[("recommendation", "建议"), ("list", "名单"), ("conduct", "行为"), ("answers", "次数")]);
    for row in counts {
        let list = row["list"].as_str().map(str::to_owned);
        table.add_row([
            action(output, &row["recommendation"]),
            list.unwrap_or_else(|| output.pick("override", "单独处置").to_owned()),
            row["conduct"].as_str().map_or_else(String::new, |code| output.code(CodeKind::Conduct, code)),
            row["answers"].to_string(),
        ]);
    }
    println!("{table}");
}

fn print_overrides(output: &Output, overrides: &[Value]) {
    let text = |value: &Value| value.as_str().unwrap_or("–").to_owned();
    let mut table = output.table(&[
        ("no.", "序号"),
        ("class", "类型"),
        ("as", "建议"),
        ("until", "截止"),
        ("set", "设置时间"),
        ("by", "设置者"),
        ("reason", "理由"),
    ]);
    for one in overrides {
        table.add_row([
            one["number"].to_string(),
            text(&one["class"]),
            action(output, &one["as"]),
            text(&one["until"]),
            output::moment(one["set"].as_u64().unwrap_or(0)),
            text(&one["by"]),
            text(&one["reason"]),
        ]);
    }
    println!("{table}");
}

fn print_forecast(context: &Context, summary: &Value, rejects: Option<&Path>) {
    let (output, number) = (&context.output, |key: &str| summary[key].as_u64().unwrap_or(0));
    output.say(
        format!("{} rows; {} hit by a listing.", number("rows"), number("hit")),
        format!("共 {} 行，其中 {} 行有列入。", number("rows"), number("hit")),
    );
    let split = ["block", "review", "watch", "ignore"];
    let mut table = output.table(&[
        ("publisher", "列入方"),
        ("list", "名单"),
        ("state", "状态"),
        ("hits", "命中"),
        ("block", "拦截"),
        ("review", "复核"),
        ("watch", "关注"),
        ("ignore", "忽略"),
    ]);
    for source in summary["sources"].as_array().into_iter().flatten() {
        let state = source["state"].as_str().unwrap_or("–");
        let state = crate::recommend::Standing::parse(state)
            .map_or_else(|| state.to_owned(), |state| output.pick(state.code(), state.zh()).to_owned());
        let (publisher, list) = (source["publisher"].as_str().unwrap_or("–"), source["list"].as_str().unwrap_or("–"));
        let mut row = vec![publisher.to_owned(), list.to_owned(), state, source["hits"].to_string()];
        row.extend(split.iter().map(|key| source["recommended"][*key].to_string()));
        table.add_row(row);
    }
    let recommended = &summary["recommended"];
    let mut row = vec![output.pick("each row once", "每行计一次").to_owned(), String::new(), String::new()];
    row.push(number("hit").to_string());
    row.extend(split.iter().map(|key| recommended[*key].to_string()));
    table.add_row(row);
    println!("{table}");
    if number("overridden") > 0 {
        let overridden = number("overridden");
        output.say(format!("{overridden} rows by an override."), format!("其中 {overridden} 行按单独处置。"));
    }
    if number("unavailable") > 0 {
        let unavailable = number("unavailable");
        output.say(
            format!("{unavailable} rows could not be looked up: prepare the file with antibrush tokenize first."),
            format!("{unavailable} 行无法查询：请先用 antibrush tokenize 预备该文件。"),
        );
    }
    lines::print_rejects(context, summary, rejects);
}
