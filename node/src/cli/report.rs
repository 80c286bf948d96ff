//! `report`: what the lists hold, in numbers.

use antibrush_protocol::codes::List;
use clap::Subcommand;
use serde_json::Value;

use super::{Client, Context, Failure, listing::code};

/// What to count.
#[derive(Subcommand)]
pub enum ReportVerb {
    /// Count subjects that stand on several lists: on each list, on exactly one, two, three … of them, and for each two lists.
    Overlap {
        /// The lists, with commas, such as SRC-COURT,SRC-TAX; all if not given.
        #[arg(long, value_delimiter = ',')]
        lists: Vec<String>,
    },
}

pub async fn run(context: &Context, verb: ReportVerb) -> Result<(), Failure> {
    match verb {
        ReportVerb::Overlap { lists } => overlap(context, &lists).await,
    }
}

async fn overlap(context: &Context, lists: &[String]) -> Result<(), Failure> {
    let mut path = "/v1/reports/overlap".to_owned();
    for (index, word) in lists.iter().enumerate() {
        // The code of a list can stand in an address; its name need not.
        let list = code("--lists", word.trim(), List::parse)?;
        path += if index == 0 { "?lists=" } else { "," };
        path += list.code();
    }
    let client = Client::open(context).await?;
    let found: Value = client.get(&path).await?;
    client.close().await;
    context.output.show(&found, |found| print(context, found));
    Ok(())
}

fn print(context: &Context, found: &Value) {
    let out = &context.output;
    let list = |code: &Value| {
        let code = code.as_str().unwrap_or("–");
        List::parse(code).map_or_else(|| code.to_owned(), |list| format!("{code} {}", out.pick(list.en(), list.zh())))
    };
    let number = |value: &Value| value.as_u64().unwrap_or(0);
    let each = |key: &str| found[key].as_array().cloned().unwrap_or_default();
    let (day, subjects) = (found["day"].as_str().unwrap_or("–"), number(&found["subjects"]));
    out.say(
        format!("On {day} {subjects} subject(s) stand on these lists."),
        format!("{day}，所列名单合计 {subjects} 个主体。"),
    );
    let mut table = out.table(&[("list", "名单"), ("subjects", "主体数")]);
    for count in each("lists") {
        table.add_row([list(&count["list"]), number(&count["subjects"]).to_string()]);
    }
    println!("{table}");
    let mut table = out.table(&[("on exactly", "恰好在"), ("subjects", "主体数")]);
    for hits in each("on") {
        let lists = number(&hits["lists"]);
        let words = match lists {
            1 => out.pick("1 list".to_owned(), "1 个名单".to_owned()),
            n => out.pick(format!("{n} lists"), format!("{n} 个名单")),
        };
        table.add_row([words, number(&hits["subjects"]).to_string()]);
    }
    println!("{table}");
    let mut table = out.table(&[("on both", "同在"), ("and", "与"), ("subjects", "主体数")]);
    // Of eleven lists most pairs share nobody.
    let shared: Vec<Value> = each("pairs").into_iter().filter(|pair| number(&pair["subjects"]) > 0).collect();
    for pair in &shared {
        table.add_row([list(&pair["first"]), list(&pair["second"]), number(&pair["subjects"]).to_string()]);
    }
    if !shared.is_empty() {
        println!("{table}");
    }
    let passing: Vec<String> = each("passing").iter().filter_map(|c| c.as_str().map(str::to_owned)).collect();
    if !passing.is_empty() {
        out.say(
            format!("Subjects of {} may count twice until the older key epoch is retired.", passing.join(", ")),
            format!("{} 类主体在旧期密钥停用前可能被重复计数。", passing.join("、")),
        );
    }
}
