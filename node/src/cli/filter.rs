//! `filter`: build exchange filters and ask them.

use std::path::Path;

use serde_json::{Value, json};

use super::{
    Client, Context, Failure,
    args::FilterVerb,
    check::{subject, verdict_zh},
};
use crate::{import::Table, storage::files};

pub async fn run(context: &Context, verb: FilterVerb) -> Result<(), Failure> {
    match verb {
        FilterVerb::Build { file, out, number, fpr_exponent } => {
            build(context, &file, &out, number, fpr_exponent).await
        }
        FilterVerb::Check { filter, subject: which } => {
            let (class, id) = subject(&which)?;
            let bytes = files::read_bounded(&filter, 64 << 20).map_err(Failure::new)?;
            let parsed: Option<Value> = bytes.and_then(|bytes| serde_json::from_slice(&bytes).ok());
            let parsed = parsed.ok_or_else(|| {
                Failure::both(
                    format!("{} is not a filter file", filter.display()),
                    format!("{} 不是过滤器文件：请检查路径", filter.display()),
                )
            })?;
            let client = Client::open(context).await?;
            let answer: Value =
                client.post("/v1/filters/check", &json!({ "filter": parsed, "class": class, "id": id })).await?;
            client.close().await;
            context.output.show(&answer, |answer| {
                let word = answer["answer"].as_str().unwrap_or_default();
                context.output.say(word, verdict_zh(word));
            });
            Ok(())
        }
    }
}

async fn build(context: &Context, file: &Path, out: &Path, number: u64, fpr_exponent: u8) -> Result<(), Failure> {
    let table = Table::open(file).map_err(Failure::new)?;
    let (records, rejects) = table.read_all().map_err(Failure::new)?;
    let items: Vec<Value> = records
        .iter()
        .map(|record| json!({ "class": record.subject.class(), "id": record.subject.canonical() }))
        .collect();
    let client = Client::open(context).await?;
    let request = json!({ "items": items, "number": number, "fpr_exponent": fpr_exponent });
    let filter: Value = client.post("/v1/filters", &request).await?;
    client.close().await;
    // What was decoded from JSON encodes again.
    let bytes = serde_json::to_vec(&filter).expect("a filter encodes");
    files::write_atomic(out, &bytes, 0o644).map_err(Failure::new)?;
    let result = json!({ "file": out, "items": items.len(), "rejected": rejects.len() });
    context.output.show(&result, |_| {
        context.output.say(
            format!(
                "A filter of {} subjects was written to {} ({} rows were not taken).",
                items.len(),
                out.display(),
                rejects.len()
            ),
            format!("已将 {} 个主体的过滤器写入 {}（{} 行未采用）。", items.len(), out.display(), rejects.len()),
        );
    });
    Ok(())
}
