//! `status`: how the node is.

use serde_json::Value;

use super::{
    Client, Context, Failure,
    output::{CodeKind, Output, moment},
};

pub async fn run(context: &Context) -> Result<(), Failure> {
    let client = Client::open(context).await?;
    let status: Value = client.get("/v1/status").await?;
    client.close().await;
    let out = &context.output;
    out.show(&status, |s| {
        let text = |key: &str| s[key].as_str().unwrap_or("–").to_owned();
        let number = |key: &str| s[key].as_u64().unwrap_or(0);
        out.say(
            format!(
                "{} ({}) in {}, charter {}",
                text("slug"),
                out.code(CodeKind::Role, &text("role")),
                text("alliance_en"),
                number("charter")
            ),
            format!(
                "{}（{}）· {} · 章程第 {} 版",
                text("slug"),
                out.code(CodeKind::Role, &text("role")),
                text("alliance_zh"),
                number("charter")
            ),
        );
        out.say(
            format!("alliance {}\nnode     {}", text("alliance"), text("peer_id")),
            format!("联盟 {}\n节点 {}", text("alliance"), text("peer_id")),
        );
        out.say(
            format!(
                "{} node(s) connected, {} rows ({} MiB in memory), {} MiB on disk",
                number("connected"),
                number("table_rows"),
                number("table_bytes") >> 20,
                number("disk_bytes") >> 20
            ),
            format!(
                "已连接 {} 个节点，{} 条（内存 {} MiB），磁盘 {} MiB",
                number("connected"),
                number("table_rows"),
                number("table_bytes") >> 20,
                number("disk_bytes") >> 20
            ),
        );
        let mut table = out.table(&[("feed", "名单源"), ("batch", "批次"), ("signed", "签署时间"), ("state", "状态")]);
        for feed in s["feeds"].as_array().into_iter().flatten() {
            let withheld = s["withheld"].as_array().into_iter().flatten();
            let withheld = withheld.filter(|withheld| withheld["publisher"] == feed["publisher"]).count() > 0;
            let fresh = if withheld {
                out.pick("withholds a body", "未提供内容")
            } else if feed["fresh"] == Value::Bool(true) {
                out.pick("fresh", "最新")
            } else {
                out.pick("stale", "过时")
            };
            table.add_row([
                feed["publisher"].as_str().unwrap_or("–").to_owned(),
                feed["seq"].as_u64().map_or_else(|| "–".to_owned(), |seq| seq.to_string()),
                feed["issued"].as_u64().map_or_else(|| "–".to_owned(), moment),
                fresh.to_owned(),
            ]);
        }
        println!("{table}");
        if s["forgetting"].is_object() {
            let mut table = out.table(&[
                ("listings of", "发布方"),
                ("days to clear: half, 9 in 10, longest", "移出用时（天）：中位、九成、最长"),
                ("days to forget", "清除用时（天）"),
            ]);
            for (publisher, taken) in s["forgetting"].as_object().into_iter().flatten() {
                let days = |of: &Value| {
                    let shown = |key: &str| of[key].as_u64().map_or_else(|| "–".to_owned(), |days| days.to_string());
                    ["p50", "p90", "max"].map(shown).join(", ")
                };
                table.add_row([publisher.clone(), days(&taken["to_clear"]), days(&taken["to_forget"])]);
            }
            println!("{table}");
        }
        print_quality(out, &s["quality"]);
        print_receipts(out, &s["receipts"]);
        for note in s["notes"].as_array().into_iter().flatten() {
            println!("! {}", note.as_str().unwrap_or_default());
        }
    });
    Ok(())
}

/// How good the publishers' listings are; nothing before the first listing or ruling.
fn print_quality(out: &Output, quality: &Value) {
    let rows = quality.as_array().map(Vec::as_slice).unwrap_or_default();
    let mut table = out.table(&[
        ("listings of", "发布方"),
        ("in force", "有效"),
        ("corroborated", "核验率"),
        ("overturned", "推翻率"),
        ("new in 30 days", "近30天新增"),
        ("of these hit by own checks", "其中本平台查中"),
        ("burst", "突增"),
    ]);
    let mut is_empty = true;
    for row in rows.iter().filter(|row| row["in_force"] != 0 || row["rulings"] != 0 || row["known_new"] != 0) {
        is_empty = false;
        let rate =
            |key: &str| row[key].as_f64().map_or_else(|| "–".to_owned(), |rate| format!("{:.0} %", rate * 100.0));
        let bursts = |key: &str| row[key].as_array().is_some_and(|bursts| !bursts.is_empty());
        let burst = match (bursts("known_bursts"), bursts("bursts")) {
            (true, _) => out.pick("against own subjects", "针对本平台主体"),
            (false, true) => out.pick("yes", "有"),
            (false, false) => out.pick("no", "无"),
        };
        table.add_row([
            row["publisher"].as_str().unwrap_or("–").to_owned(),
            row["in_force"].to_string(),
            rate("corroboration_rate"),
            rate("overturn_rate"),
            row["new"].to_string(),
            row["known_new"].to_string(),
            burst.to_owned(),
        ]);
    }
    if !is_empty {
        println!("{table}");
    }
}

/// What members stated of what their nodes have forgotten; nothing before the first receipt.
pub(super) fn print_receipts(out: &Output, receipts: &Value) {
    let rows = receipts.as_array().map(Vec::as_slice).unwrap_or_default();
    if rows.iter().all(|row| row["day"].is_null() && row["behind"] != true) {
        return;
    }
    let mut table = out.table(&[
        ("member", "成员"),
        ("has forgotten by", "清除截至"),
        ("erased leaves", "已清除条数"),
        ("receipt", "清除回执"),
    ]);
    for row in rows {
        let state = match (row["behind"] == true, row["day"].is_null()) {
            (true, _) => out.pick("has not yet said that it forgot", "尚未声明已清除"),
            (false, true) => out.pick("none yet", "暂无"),
            (false, false) => out.pick("in order", "正常"),
        };
        table.add_row([
            row["member"].as_str().unwrap_or("–").to_owned(),
            row["day"].as_str().unwrap_or("–").to_owned(),
            row["erased"].to_string(),
            state.to_owned(),
        ]);
    }
    println!("{table}");
}
