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
        ]);
        for row in rows {
            let number = |key: &str| row[key].as_u64().map_or_else(|| "–".to_owned(), |n| n.to_string());
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
            ]);
        }
        println!("{table}");
    });
    Ok(())
}
