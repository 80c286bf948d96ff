//! `import`: a file of subjects to list.

use std::{fs::File, io::Write, path::Path};

use axum::{body::Bytes, http::Method};
use http_body_util::BodyExt;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{
    Client, Context, Failure,
    args::ImportArgs,
    client::{good, something_else},
};
use crate::{
    import::{Format, write_template},
    lang::{Lang, Zh},
};

pub async fn run(context: &Context, args: ImportArgs) -> Result<(), Failure> {
    if let Some(template) = &args.template {
        return template_file(context, template);
    }
    let Some(file) = &args.file else {
        return Err(Failure::both("name the file to import", "请指明要导入的文件"));
    };
    let bytes = std::fs::read(file).map_err(|error| {
        Failure::both(
            format!("{} cannot be read ({error}); check the path and its permissions", file.display()),
            format!("无法读取 {}（{}）：请检查路径和权限", file.display(), error.zh()),
        )
    })?;
    let client = Client::open(context).await?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let outcome = import(context, &client, &name, bytes.into(), &args).await;
    client.close().await;
    let summary = outcome?;
    context.output.show(&summary, |summary| print(context, summary, args.rejects.as_deref()));
    Ok(())
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
    name: &str,
    bytes: Bytes,
    args: &ImportArgs,
) -> Result<Value, Failure> {
    let bar = progress(context, bytes.len() as u64);
    let name: String = name.chars().filter(|c| c.is_ascii_alphanumeric() || ".-_".contains(*c)).collect();
    let path = format!("/v1/import?name={name}&dry_run={}", args.dry_run);
    let response = client.send(Method::POST, &path, "application/octet-stream", bytes).await?;
    if !response.status().is_success() {
        let refused = || Failure::both("the node refused the file", "节点没有接受该文件");
        return Err(good(response).await.err().unwrap_or_else(refused));
    }
    let mut rejects = args.rejects.as_deref().map(|path| Rejects::create(path, context.lang())).transpose()?;
    let (mut body, mut buffer, mut last, mut batches, mut shown) =
        (response.into_body(), Vec::new(), None, Vec::new(), Vec::new());
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| {
            Failure::both(
                "the connection to the node broke; import the file again: what stands already changes nothing",
                "与节点的连接中断：请重新导入该文件，已列入的不会重复",
            )
        })?;
        buffer.extend_from_slice(frame.data_ref().map(|data| &data[..]).unwrap_or_default());
        while let Some(end) = buffer.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = buffer.drain(..=end).collect();
            let line: Value = serde_json::from_slice(&line).map_err(|_| something_else())?;
            if let Some(progress) = line.get("progress") {
                bar.set_position(progress["done"].as_u64().unwrap_or(0));
            } else if let Some(reject) = line.get("reject") {
                if let Some(file) = &mut rejects {
                    file.write(reject)?;
                }
                if shown.len() < 20 {
                    shown.push(reject.clone());
                }
            } else if let Some(batch) = line.get("batch") {
                batches.push(batch.clone());
            } else {
                last = Some(line);
            }
        }
    }
    bar.finish_and_clear();
    let last = last.ok_or_else(|| {
        Failure::both(
            "the node stopped before the import ended; import the file again: what stands already changes nothing",
            "节点在导入结束前停止：请重新导入该文件，已列入的不会重复",
        )
    })?;
    if let Some(error) = last.get("error") {
        let text = |key: &str| error[key].as_str().map(str::to_owned);
        let en = text("detail").unwrap_or_default();
        let zh = text("detail_zh").unwrap_or_else(|| en.clone());
        return Err(Failure::both(en, zh));
    }
    let mut summary = last["summary"].clone();
    summary["batches"] = batches.into();
    summary["first_rejects"] = shown.into();
    Ok(summary)
}

fn print(context: &Context, summary: &Value, rejects: Option<&Path>) {
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
    let lang = context.lang();
    let first = summary["first_rejects"].as_array().cloned().unwrap_or_default();
    for reject in &first {
        let reason = reject[if lang == Lang::Zh { "reason_zh" } else { "reason_en" }].as_str().unwrap_or_default();
        let column = reject[if lang == Lang::Zh { "column_zh" } else { "column_en" }].as_str().unwrap_or_default();
        match lang {
            Lang::En => println!("  line {} {column}: {reason}", reject["line"]),
            Lang::Zh => println!("  第 {} 行 {column}：{reason}", reject["line"]),
        }
    }
    if rejected > first.len() as u64 {
        let more = rejected - first.len() as u64;
        context.output.say(
            format!("  … and {more} more; write them all with --rejects FILE"),
            format!("  ……另有 {more} 行；用 --rejects 文件 写出全部"),
        );
    }
    if let Some(path) = rejects.filter(|_| rejected > 0) {
        context.output.say(
            format!("Rejected rows are listed in {}.", path.display()),
            format!("未采用的行列于 {}。", path.display()),
        );
    }
}

/// The rejects file: CSV with a byte order mark, which Excel reads rightly.
struct Rejects {
    file: File,
    zh: bool,
}

impl Rejects {
    fn create(path: &Path, lang: Lang) -> Result<Rejects, Failure> {
        let mut file = File::create(path).map_err(|error| {
            Failure::both(
                format!("{} cannot be made ({error}); choose another place", path.display()),
                format!("无法创建 {}（{}）：请换一个位置", path.display(), error.zh()),
            )
        })?;
        let headings =
            if lang == Lang::Zh { "\u{feff}行号,列,原因\r\n" } else { "\u{feff}line,column,reason\r\n" };
        file.write_all(headings.as_bytes()).map_err(Failure::new)?;
        Ok(Rejects { file, zh: lang == Lang::Zh })
    }

    fn write(&mut self, reject: &Value) -> Result<(), Failure> {
        let (column, reason) = if self.zh { ("column_zh", "reason_zh") } else { ("column_en", "reason_en") };
        // Both texts are ours; only quotes need care.
        let quoted = |key: &str| format!("\"{}\"", reject[key].as_str().unwrap_or_default().replace('"', "\"\""));
        let line = format!("{},{},{}\r\n", reject["line"], quoted(column), quoted(reason));
        self.file.write_all(line.as_bytes()).map_err(Failure::new)
    }
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
