//! `effects`: what members did about listings.

use serde_json::Value;

use super::{
    Client, Context, Failure,
    life::{escaped, items, list, text},
    life_args::EffectsArgs,
    output::CodeKind,
};

pub async fn run(context: &Context, args: EffectsArgs) -> Result<(), Failure> {
    let months = [("from", args.from), ("to", args.to)];
    let asked: Vec<String> =
        months.iter().filter_map(|(name, month)| Some(format!("{name}={}", escaped(month.as_deref()?)))).collect();
    let client = Client::open(context).await?;
    let effects: Value = client.get(&format!("/v1/effects?{}", asked.join("&"))).await?;
    client.close().await;
    let out = &context.output;
    out.show(&effects, |effects| {
        let number = |row: &Value, key: &str| row[key].as_u64().map_or_else(|| "–".to_owned(), |n| n.to_string());
        for asked in items(&effects["checks"]) {
            let (month, queries) = (text(&asked["month"]), number(asked, "queries"));
            let hits = asked["hits"]
                .as_u64()
                .map_or_else(|| out.pick("fewer than 10", "不足10次").to_owned(), |n| n.to_string());
            out.say(
                format!("{month}: this node was asked about {queries} subjects; listings in the answers to {hits}."),
                format!("{month}：本节点查询 {queries} 次，命中 {hits}。"),
            );
        }
        let rows = items(&effects["effects"]);
        if rows.is_empty() {
            return out.say("Nothing was recorded in that time.", "该时段没有记录。");
        }
        let mut table = out.table(&[
            ("month", "月份"),
            ("member", "成员"),
            ("list", "名单"),
            ("conduct", "行为"),
            ("region", "地区"),
            ("applied", "已采取"),
            ("declined", "不采取"),
            ("days", "天数中位"),
            ("noticed", "通知"),
            ("committed", "承诺"),
            ("rectified", "整改"),
            ("escalated", "升级"),
            ("disputed", "异议"),
            ("upheld", "成立"),
            ("own hits", "本平台命中"),
            ("hit to measure", "命中至处置天数"),
            ("overdue", "成员逾期"),
            ("subjects overdue", "主体逾期"),
        ]);
        for row in rows {
            let number = |key: &str| number(row, key);
            table.add_row([
                text(&row["month"]),
                text(&row["member"]),
                list(out, &text(&row["list"])),
                out.code(CodeKind::Conduct, &text(&row["conduct"])),
                number("region"),
                number("applied"),
                number("declined"),
                number("median_days"),
                number("noticed"),
                number("committed"),
                number("rectified"),
                number("escalated"),
                number("disputed"),
                format!("{} / {}", number("upheld"), number("ruled")),
                number("hits"),
                number("hit_to_measure_days"),
                number("overdue"),
                number("subjects_overdue"),
            ]);
        }
        println!("{table}");
    });
    Ok(())
}
