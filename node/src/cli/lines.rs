//! What the verbs share that send a file and follow the answer line by line.

use std::{
    fs::File,
    io::{BufWriter, Read, Write},
    path::{Path, PathBuf},
};

use antibrush_protocol::subject::Class;
use axum::{
    body::{Body, Bytes},
    http::{Method, Response},
};
use http_body_util::BodyExt;
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;

use super::{
    Client, Context, Failure,
    client::{good, something_else},
};
use crate::lang::{Lang, Zh};

/// Rejected rows that are shown; all of them are in the rejects file.
const SHOWN: usize = 20;

/// A file to send: its bytes, and its name as far as it can stand in an address.
pub fn read(file: &Path) -> Result<(Bytes, String), Failure> {
    let bytes = std::fs::read(file).map_err(|error| {
        Failure::both(
            format!("{} cannot be read ({error}); check the path and its permissions", file.display()),
            format!("无法读取 {}（{}）：请检查路径和权限", file.display(), error.zh()),
        )
    })?;
    let name = file.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let name = name.chars().filter(|c| c.is_ascii_alphanumeric() || ".-_".contains(*c)).collect();
    Ok((bytes.into(), name))
}

/// Sends a file. `interrupted` says what a connection that breaks means for the command.
pub async fn send(
    client: &Client,
    path: &str,
    bytes: Bytes,
    interrupted: fn(&str, &str) -> Failure,
) -> Result<Lines, Failure> {
    let response = client.send(Method::POST, path, "application/octet-stream", bytes).await?;
    if !response.status().is_success() {
        let refused = || Failure::both("the node refused the file", "节点没有接受该文件");
        return Err(good(response).await.err().unwrap_or_else(refused));
    }
    Ok(Lines { response, buffer: Vec::new(), interrupted })
}

/// The lines of an answer.
pub struct Lines {
    response: Response<Body>,
    buffer: Vec<u8>,
    interrupted: fn(&str, &str) -> Failure,
}

impl Lines {
    /// The next line; `None` at the end. An `error` line is a failure.
    pub async fn next(&mut self) -> Result<Option<Value>, Failure> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let line: Value = serde_json::from_slice(&line).map_err(|_| something_else())?;
                return line.get("error").map_or(Ok(Some(line.clone())), |error| Err(failure(error)));
            }
            let Some(frame) = self.response.body_mut().frame().await else { return Ok(None) };
            let frame =
                frame.map_err(|_| (self.interrupted)("the connection to the node broke", "与节点的连接中断"))?;
            self.buffer.extend_from_slice(frame.data_ref().map(|data| &data[..]).unwrap_or_default());
        }
    }

    /// The failure of an answer that ended before its last line.
    pub fn cut_short(&self) -> Failure {
        (self.interrupted)("the node stopped before the end", "节点在结束前停止")
    }
}

/// Sends a file and follows the answer, with a bar. Returns the summary with the first rejects in it, and under its name whatever
/// else the node said last.
pub async fn follow(
    context: &Context,
    client: &Client,
    path: &str,
    (bytes, rejects): (Bytes, Option<&Path>),
    interrupted: fn(&str, &str) -> Failure,
) -> Result<Value, Failure> {
    let bar = progress(context, bytes.len() as u64);
    let mut answer = send(client, path, bytes, interrupted).await?;
    let mut rejects = Rejects::new(rejects, context.lang())?;
    let (mut ended, mut last) = (None, None);
    while let Some(line) = answer.next().await? {
        if let Some(progress) = line.get("progress") {
            let rows = progress["rows"].as_u64().unwrap_or(0);
            bar.set_message(context.output.pick(format!("{rows} rows"), format!("{rows} 行")));
            bar.set_position(progress["done"].as_u64().unwrap_or(0));
        } else if let Some(reject) = line.get("reject") {
            rejects.take(reject)?;
        } else if let Some(summary) = line.get("summary") {
            last = Some(summary.clone());
        } else if let Some((kind, reason)) = line.as_object().and_then(|line| line.iter().next()) {
            ended = Some((kind.clone(), reason.clone()));
        }
    }
    bar.finish_and_clear();
    let mut summary = last.ok_or_else(|| answer.cut_short())?;
    if let Some((kind, reason)) = ended {
        summary[kind] = reason;
    }
    summary["first_rejects"] = rejects.into_first()?.into();
    Ok(summary)
}

/// The part of an address that names the class of all rows, if they are of one.
pub fn of_class(class: Option<Class>) -> String {
    class.map(|class| format!("&class={}", class.code())).unwrap_or_default()
}

/// A bar for the bytes of a file.
pub fn progress(context: &Context, length: u64) -> ProgressBar {
    if !context.output.shows_progress() {
        return ProgressBar::hidden();
    }
    // A literal template that parses.
    let style = ProgressStyle::with_template("{bar:40} {msg} {bytes}/{total_bytes} {eta}").expect("a valid template");
    ProgressBar::new(length).with_style(style)
}

fn failure(error: &Value) -> Failure {
    let text = |key: &str| error[key].as_str().map(str::to_owned);
    let en = text("detail").unwrap_or_default();
    let zh = text("detail_zh").unwrap_or_else(|| en.clone());
    Failure::both(en, zh)
}

/// Rows that were not taken: all of them into a file if there is one, the first ones to be shown.
pub struct Rejects {
    file: Option<RejectsFile>,
    first: Vec<Value>,
    /// Why there is no file where one should be.
    lost: Option<Failure>,
    lang: Lang,
}

/// The file, or where it will be once there is a row for it.
struct RejectsFile {
    path: PathBuf,
    open: Option<BufWriter<File>>,
}

impl Rejects {
    /// With a file that somebody named: CSV with a byte order mark, which Excel reads rightly. It is there even if no row is
    /// rejected.
    pub fn new(path: Option<&Path>, lang: Lang) -> Result<Rejects, Failure> {
        let file = path.map(|path| {
            let open = create(path, lang)?;
            Ok::<_, Failure>(RejectsFile { path: path.to_owned(), open: Some(open) })
        });
        Ok(Rejects { file: file.transpose()?, first: Vec::new(), lost: None, lang })
    }

    /// With the file `FILE.rejects.csv` beside the input. It is made with the first row; what an earlier run left there goes at
    /// once, for its lines are those of the file as it was, and a file of somebody else's stays and is a failure.
    pub fn beside(input: &Path, lang: Lang) -> Result<Rejects, Failure> {
        let mut path = input.as_os_str().to_owned();
        path.push(".rejects.csv");
        let path = PathBuf::from(path);
        if let Ok(file) = File::open(&path) {
            let mut begin = Vec::new();
            file.take(64).read_to_end(&mut begin).map_err(Failure::new)?;
            if ![Lang::Zh, Lang::En].iter().any(|lang| begin.starts_with(headings(*lang).as_bytes())) {
                return Err(Failure::both(
                    format!(
                        "{} is where rejected rows would be listed, and it is another file; name a place with --rejects",
                        path.display()
                    ),
                    format!("未采用的行应写入 {}，但它是另一个文件：请用 --rejects 指明位置", path.display()),
                ));
            }
            std::fs::remove_file(&path).map_err(|error| in_the_way(&path, &error))?;
        }
        Ok(Rejects { file: Some(RejectsFile { path, open: None }), first: Vec::new(), lost: None, lang })
    }

    /// Takes one.
    pub fn take(&mut self, reject: &Value) -> Result<(), Failure> {
        if self.first.len() < SHOWN {
            self.first.push(reject.clone());
        }
        let Some(file) = &mut self.file else { return Ok(()) };
        let writer = match &mut file.open {
            Some(writer) => writer,
            None => match create(&file.path, self.lang) {
                Ok(writer) => file.open.insert(writer),
                // Nobody asked for this place: that it cannot be written is no reason to break off.
                Err(failure) => {
                    (self.file, self.lost) = (None, Some(failure));
                    return Ok(());
                }
            },
        };
        let (column, reason, whole_row) = match self.lang {
            Lang::Zh => ("column_zh", "reason_zh", "整行"),
            Lang::En => ("column_en", "reason_en", "row"),
        };
        // Both texts are ours; only quotes need care.
        let quoted =
            |key: &str, none: &str| format!("\"{}\"", reject[key].as_str().unwrap_or(none).replace('"', "\"\""));
        let line = format!("{},{},{}\r\n", reject["line"], quoted(column, whole_row), quoted(reason, ""));
        writer.write_all(line.as_bytes()).map_err(Failure::new)
    }

    /// Where they are written, if they are.
    pub fn path(&self) -> Option<&Path> {
        self.file.as_ref().filter(|file| file.open.is_some()).map(|file| file.path.as_path())
    }

    /// Why they are not written beside the input.
    pub fn lost(&self) -> Option<&Failure> {
        self.lost.as_ref()
    }

    /// The first ones; all of them are in the file then.
    pub fn into_first(self) -> Result<Vec<Value>, Failure> {
        if let Some(mut writer) = self.file.and_then(|file| file.open) {
            writer.flush().map_err(Failure::new)?;
        }
        Ok(self.first)
    }
}

fn headings(lang: Lang) -> &'static str {
    if lang == Lang::Zh { "\u{feff}行号,列,原因\r\n" } else { "\u{feff}line,column,reason\r\n" }
}

fn create(path: &Path, lang: Lang) -> Result<BufWriter<File>, Failure> {
    let mut file = BufWriter::new(File::create(path).map_err(|error| in_the_way(path, &error))?);
    file.write_all(headings(lang).as_bytes()).map_err(Failure::new)?;
    Ok(file)
}

fn in_the_way(path: &Path, error: &std::io::Error) -> Failure {
    Failure::both(
        format!("{} cannot be made ({error}); choose another place with --rejects", path.display()),
        format!("无法创建 {}（{}）：请用 --rejects 换一个位置", path.display(), error.zh()),
    )
}

/// Shows the first rejected rows of a summary, and where the others are.
pub fn print_rejects(context: &Context, summary: &Value, file: Option<&Path>) {
    let lang = context.lang();
    let rejected = summary["rejected"].as_u64().unwrap_or(0);
    let first = summary["first_rejects"].as_array().cloned().unwrap_or_default();
    for reject in &first {
        let reason = reject[if lang == Lang::Zh { "reason_zh" } else { "reason_en" }].as_str().unwrap_or_default();
        let column = reject[if lang == Lang::Zh { "column_zh" } else { "column_en" }].as_str().unwrap_or_default();
        match lang {
            Lang::En => println!("  line {} {column}: {reason}", reject["line"]),
            Lang::Zh => println!("  第 {} 行 {column}：{reason}", reject["line"]),
        }
    }
    let more = rejected.saturating_sub(first.len() as u64);
    match file {
        _ if more == 0 => {}
        Some(_) => context.output.say(format!("  … and {more} more"), format!("  ……另有 {more} 行")),
        None => context.output.say(
            format!("  … and {more} more; write them all with --rejects FILE"),
            format!("  ……另有 {more} 行；用 --rejects 文件 写出全部"),
        ),
    }
    if let Some(path) = file.filter(|_| rejected > 0) {
        context.output.say(
            format!("Rejected rows are listed in {}.", path.display()),
            format!("未采用的行列于 {}。", path.display()),
        );
    }
}
