//! `import`: a file of subjects to list.

use std::{fs::File, path::Path, process::ExitCode};

use antibrush_protocol::codes::List;
use axum::body::Bytes;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{Client, Context, Failure, args::ImportArgs, lines, listing::code};
use crate::{
    import::{Format, write_template},
    lang::Zh,
};

/// The exit status of an import that left good rows for later.
const LEFT: u8 = super::tokenize::LEFT;

pub async fn run(context: &Context, args: ImportArgs) -> Result<ExitCode, Failure> {
    if let Some(template) = &args.template {
        return template_file(context, template).map(|()| ExitCode::SUCCESS);
    }
    let Some(file) = &args.file else {
        return Err(Failure::both("name the file to import", "请指明要导入的文件"));
    };
    let list = args.list.as_deref().map(|text| code("--list", text, List::parse)).transpose()?;
    let (bytes, name) = lines::read(file)?;
    // Before anything is published: a file that is in the way is found now.
    let rejects = match &args.rejects {
        Some(path) => lines::Rejects::new(Some(path), context.lang())?,
        None => lines::Rejects::beside(file, context.lang())?,
    };
    let client = Client::open(context).await?;
    let query = match list {
        Some(list) => format!("name={name}&dry_run={}&list={}", args.dry_run, list.code()),
        None => format!("name={name}&dry_run={}", args.dry_run),
    };
    let outcome = import(context, &client, &query, bytes, rejects).await;
    client.close().await;
    let summary = outcome?;
    context.output.show(&summary, |summary| print(context, summary));
    Ok(if summary["left"] == 0 { ExitCode::SUCCESS } else { ExitCode::from(LEFT) })
}

fn template_file(context: &Context, path: &Path) -> Result<(), Failure> {
    let format =
        if path.extension().is_some_and(|extension| extension == "xlsx") { Format::Xlsx } else { Format::CsvUtf8 };
    let file = File::create_new(path).map_err(|error| {
        Failure::both(
            format!("{} cannot be made ({error})", path.display()),
            format!("无法创建 {}（{}）：请换一个文件名或位置", path.display(), error.zh()),
        )
    })?;
    write_template(file, context.lang(), format).map_err(Failure::new)?;
    let result = json!({ "template": path });
    context.output.show(&result, |_| {
        context
            .output
            .say(format!("A template was written to {}.", path.display()), format!("模板已写入 {}。", path.display()));
    });
    Ok(())
}

/// Sends the file and follows the answer line by line. Returns the summary with the rejects in it.
async fn import(
    context: &Context,
    client: &Client,
    query: &str,
    bytes: Bytes,
    mut rejects: lines::Rejects,
) -> Result<Value, Failure> {
    let bar = progress(context, bytes.len() as u64);
    let mut answer = lines::send(client, &format!("/v1/import?{query}"), bytes, interrupted).await?;
    let (mut last, mut batches, mut left) = (None, Vec::new(), None);
    while let Some(line) = answer.next().await? {
        if let Some(progress) = line.get("progress") {
            bar.set_position(progress["done"].as_u64().unwrap_or(0));
        } else if let Some(reject) = line.get("reject") {
            rejects.take(reject)?;
        } else if let Some(reason) = line.get("left") {
            left = Some(reason.clone());
        } else if let Some(batch) = line.get("batch") {
            batches.push(batch.clone());
        } else {
            last = Some(line);
        }
    }
    bar.finish_and_clear();
    let last = last.ok_or_else(|| answer.cut_short())?;
    let mut summary = last["summary"].clone();
    summary["batches"] = batches.into();
    if let Some(left) = left {
        summary["left_reason"] = json!({ "detail": left["detail"], "detail_zh": left["detail_zh"] });
    }
    if let Some(path) = rejects.path() {
        summary["rejects_file"] = path.display().to_string().into();
    }
    if let Some(lost) = rejects.lost() {
        summary["rejects_lost"] = json!({ "detail": lost.detail(), "detail_zh": lost.detail_zh() });
    }
    summary["first_rejects"] = rejects.into_first()?.into();
    Ok(summary)
}

fn interrupted(en: &str, zh: &str) -> Failure {
    Failure::both(
        format!("{en}; import the file again: what stands already changes nothing"),
        format!("{zh}：请重新导入该文件，已列入的不会重复"),
    )
}

fn print(context: &Context, summary: &Value) {
    let number = |key: &str| summary["counted"][key].as_u64().unwrap_or(0);
    let (rows, rejected) = (summary["rows"].as_u64().unwrap_or(0), summary["rejected"].as_u64().unwrap_or(0));
    let dry = summary["dry_run"] == true;
    context.output.say(
        format!(
            "{rows} rows: {} listed, {} amended, {} unchanged, {rejected} rejected{}.",
            number("listed"),
            number("amended"),
            number("unchanged"),
            if dry { " (dry run: nothing was published)" } else { "" }
        ),
        format!(
            "共 {rows} 行：新列入 {}，变更 {}，无变化 {}，未采用 {rejected}{}。",
            number("listed"),
            number("amended"),
            number("unchanged"),
            if dry { "（试运行，未发布）" } else { "" }
        ),
    );
    if is_nothing_new(summary) {
        let listed = number("unchanged");
        context.output.say(
            format!("Nothing new: {listed} are listed already, and nothing was published."),
            format!("无新增内容：{listed} 个主体均已列入，未发布批次。"),
        );
    }
    if let Some(reason) = summary.get("left_reason") {
        let text = |key: &str| reason[key].as_str().unwrap_or_default().to_owned();
        context.output.say(
            format!("{}. Import the same file again later: what stands already changes nothing.", text("detail")),
            format!("{}。请稍后重新导入同一文件，已列入的不会重复。", text("detail_zh")),
        );
    }
    if let Some(lost) = summary.get("rejects_lost") {
        let text = |key: &str| lost[key].as_str().unwrap_or_default().to_owned();
        context.output.say(format!("{}.", text("detail")), format!("{}。", text("detail_zh")));
    }
    lines::print_rejects(context, summary, summary["rejects_file"].as_str().map(Path::new));
}

/// Whether every good row stood there just so before.
fn is_nothing_new(summary: &Value) -> bool {
    let number = |key: &str| summary["counted"][key].as_u64().unwrap_or(0);
    number("unchanged") > 0 && number("listed") + number("amended") == 0 && summary["left"] == 0
}

fn progress(context: &Context, length: u64) -> ProgressBar {
    if !context.output.shows_progress() {
        return ProgressBar::hidden();
    }
    // A literal template that parses.
    let style =
        ProgressStyle::with_template("{bar:40} {bytes}/{total_bytes} {bytes_per_sec} {eta}").expect("a valid template");
    ProgressBar::new(length).with_style(style)
}
