//! `feed`: show, verify, export and import, and heads as checkpoints. The archive's layout is docs/PROTOCOL.md § Archive.

use std::path::Path;

use antibrush_protocol::{
    charter::SignedCharter,
    feed::{BatchHeader, Chunk},
    limits,
    signed::Signed,
};
use axum::{body::Bytes, http::Method};
use base64::{Engine, engine::general_purpose::STANDARD};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{
    Client, Context, Failure,
    args::FeedVerb,
    client::{good, something_else},
    output::{CodeKind, moment},
};
use crate::{
    lang::{Both, Zh},
    storage::files,
};

pub async fn run(context: &Context, verb: FeedVerb) -> Result<(), Failure> {
    let client = match &verb {
        FeedVerb::Import { archive } => {
            let summary = Summary::read(archive)?;
            let client = Client::open(context).await?;
            let outcome = import(context, &client, archive, &summary).await;
            client.close().await;
            return outcome;
        }
        _ => Client::open(context).await?,
    };
    let outcome = match verb {
        FeedVerb::Show { publisher: None } => show_all(context, &client).await,
        FeedVerb::Show { publisher: Some(publisher) } => show_one(context, &client, &publisher).await,
        FeedVerb::Verify { publisher } => verify(context, &client, &publisher).await,
        FeedVerb::Export { publisher, out } => export(context, &client, &publisher, &out).await,
        FeedVerb::Checkpoint { publisher, seq, out, keys } => {
            checkpoint(context, &client, (&publisher, seq), out.as_deref(), keys.as_deref()).await
        }
        FeedVerb::Import { .. } => Ok(()),
    };
    client.close().await;
    outcome
}

async fn show_all(context: &Context, client: &Client) -> Result<(), Failure> {
    let feeds: Value = client.get("/v1/feeds").await?;
    context.output.show(&feeds, |feeds| {
        let out = &context.output;
        let mut table = out.table(&[
            ("feed", "名单源"),
            ("batch", "批次"),
            ("entries", "条目"),
            ("signed", "签署时间"),
            ("state", "状态"),
            ("waiting", "等待"),
        ]);
        for feed in feeds.as_array().into_iter().flatten() {
            let fresh = if feed["fresh"] == true { out.pick("fresh", "最新") } else { out.pick("stale", "过时") };
            let standing = feed["standing"].as_str().unwrap_or_default();
            table.add_row([
                feed["publisher"].as_str().unwrap_or("–").to_owned(),
                feed["seq"].as_u64().map_or_else(|| "–".to_owned(), |seq| seq.to_string()),
                feed["size"].to_string(),
                feed["issued"].as_u64().map_or_else(|| "–".to_owned(), moment),
                match feed["unwitnessed"].as_u64() {
                    _ if standing != "open" => standing.to_owned(),
                    Some(entries) if entries > 0 => {
                        out.pick("waits for witnesses", "等待见证").to_owned() + &format!(" ({entries})")
                    }
                    _ => fresh.to_owned(),
                },
                feed["waiting"].to_string(),
            ]);
        }
        println!("{table}");
    });
    Ok(())
}

async fn show_one(context: &Context, client: &Client, publisher: &str) -> Result<(), Failure> {
    let feed: Value = client.get(&format!("/v1/feeds/{publisher}")).await?;
    context.output.show(&feed, |feed| {
        let text = |key: &str| feed[key].as_str().unwrap_or("–").to_owned();
        println!("{} · {}", text("publisher"), text("legal_name"));
        let batch = feed["seq"].as_u64().map_or_else(|| "–".to_owned(), |seq| seq.to_string());
        context.output.say(
            format!("batch {batch}, {} entries, root {}", feed["size"], text("root")),
            format!("批次 {batch}，{} 条，树根 {}", feed["size"], text("root")),
        );
        print_cuts(context, feed);
        print_totals(context, feed);
        print_witnesses(context, feed);
        super::status::print_receipts(&context.output, &feed["receipts"]);
    });
    Ok(())
}

fn print_cuts(context: &Context, feed: &Value) {
    let head = feed["head"].as_str().unwrap_or("–");
    context.output.say(format!("head {head}, {}", standing_en(feed)), format!("末批头 {head}，{}", standing_zh(feed)));
    for cut in feed["cuts"].as_array().into_iter().flatten() {
        let (charter, batches, size) = (&cut["charter"], &cut["batches"], &cut["size"]);
        context.output.say(
            format!("charter {charter} decided: it stands up to {size} entries in {batches} batches; what was signed after that, under an earlier charter, is void"),
            format!("章程第 {charter} 版裁定：以前 {batches} 个批次共 {size} 条为准，其后按此前章程签署的全部作废"),
        );
    }
    if let Some(void) = feed["void_batches"].as_u64().filter(|void| *void > 0) {
        context.output.say(
            format!("{void} batches that this node has are void and out of force"),
            format!("本节点保存的 {void} 个批次已作废，不再有效"),
        );
    }
}

fn standing_en(feed: &Value) -> &'static str {
    match feed["standing"].as_str() {
        Some("frozen") => "frozen: two histories exist, and the stewards must decide (antibrush alliance propose thaw)",
        Some("refused") => "refused: its publisher signed a batch that does not hold",
        _ => "open",
    }
}

fn standing_zh(feed: &Value) -> &'static str {
    match feed["standing"].as_str() {
        Some("frozen") => "已冻结：存在两个历史，须由秘书处裁定（antibrush alliance propose thaw）",
        Some("refused") => "已拒收：发布方签署的批次不成立",
        _ => "正常",
    }
}

fn print_witnesses(context: &Context, feed: &Value) {
    let out = &context.output;
    let mut table =
        out.table(&[("witness", "见证方"), ("batch", "批次"), ("entries", "条目"), ("cosigned", "联署时间")]);
    for witness in feed["witnesses"].as_array().into_iter().flatten() {
        table.add_row([
            witness["witness"].as_str().unwrap_or("–").to_owned(),
            witness["seq"].to_string(),
            witness["size"].to_string(),
            witness["time"].as_u64().map_or_else(|| "–".to_owned(), moment),
        ]);
    }
    if table.row_count() > 0 {
        println!("{table}");
    }
    let count = &feed["witnessed_by"];
    if let Some(entries) = feed["unwitnessed"].as_u64().filter(|entries| *entries > 0) {
        let needed = &feed["witnesses_needed"];
        out.say(
            format!("{entries} entries wait for witnesses under {needed} different controls before they take effect"),
            format!("{entries} 条等待 {needed} 个不同控制方见证后生效"),
        );
    }
    out.say(
        format!("the newest batch is witnessed under {count} different controls, the publisher's own not counted"),
        format!("最新批次由 {count} 个不同控制方见证（不计发布方自身）"),
    );
}

async fn verify(context: &Context, client: &Client, publisher: &str) -> Result<(), Failure> {
    let found: Value = client.call(Method::POST, &format!("/v1/feeds/{publisher}/verify"), None::<&()>).await?;
    if found["holds"] != true {
        let fault = found["fault"].as_str().unwrap_or("unknown");
        let fault_zh = found["fault_zh"].as_str().unwrap_or(fault);
        return Err(Failure::both(
            format!("the feed of {publisher} does not hold: {fault}; tell the stewards"),
            format!("{publisher} 的名单源校验不通过（{fault_zh}）：请通知秘书处"),
        ));
    }
    context.output.show(&found, |found| {
        context.output.say(
            format!(
                "The feed of {publisher} holds: {} signed heads, {} leaves, {} erased.",
                found["headers"], found["leaves"], found["erased"]
            ),
            format!(
                "{publisher} 的名单源校验通过：{} 个签名树头，{} 个叶，{} 个已擦除。",
                found["headers"], found["leaves"], found["erased"]
            ),
        );
        print_totals(context, found);
    });
    Ok(())
}

/// Only the note goes to standard output, so that it can be piped into another tool.
async fn checkpoint(
    context: &Context,
    client: &Client,
    (publisher, seq): (&str, Option<u64>),
    out: Option<&Path>,
    keys: Option<&Path>,
) -> Result<(), Failure> {
    let query = seq.map_or_else(String::new, |seq| format!("?seq={seq}"));
    let mut made: Value = client.get(&format!("/v1/feeds/{publisher}/checkpoint{query}")).await?;
    let note = made["note"].as_str().unwrap_or_default().to_owned();
    if let Some(keys) = keys {
        let lines = made["keys"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let text: String = lines.flat_map(|line| [line, "\n"]).collect();
        files::write_atomic(keys, text.as_bytes(), 0o644).map_err(Failure::new)?;
        made["keys_file"] = json!(keys);
    }
    if let Some(out) = out {
        files::write_atomic(out, note.as_bytes(), 0o644).map_err(Failure::new)?;
        made["file"] = json!(out);
    }
    context.output.show(&made, |made| {
        let Some(out) = out else { return print!("{note}") };
        let (seq, count) = (&made["seq"], made["witnesses"].as_array().map_or(0, Vec::len));
        context.output.say(
            format!("The checkpoint of batch {seq} was written to {}, cosigned by {count} witnesses.", out.display()),
            format!("批次 {seq} 的检查点已写入 {}，有 {count} 个见证方联署。", out.display()),
        );
        if let Some(keys) = keys {
            context.output.say(
                format!(
                    "The keys are in {}; compare them with those that another member's node writes.",
                    keys.display()
                ),
                format!("密钥在 {}：请与另一成员节点写出的密钥核对。", keys.display()),
            );
        }
    });
    Ok(())
}

fn print_totals(context: &Context, value: &Value) {
    let mut table =
        context.output.table(&[("kind", "类型"), ("list", "名单"), ("conduct", "行为"), ("entries", "条目")]);
    for total in value["totals"].as_array().into_iter().flatten() {
        let text = |key: &str| total[key].as_str().unwrap_or("–").to_owned();
        let kind = match total["kind"].as_str() {
            Some("list") => context.output.pick("list", "列入"),
            Some("amend") => context.output.pick("amend", "变更"),
            Some("clear") => context.output.pick("clear", "移出"),
            _ => "–",
        };
        let conduct = context.output.code(CodeKind::Conduct, &text("conduct"));
        table.add_row([kind.to_owned(), text("list"), conduct, total["count"].to_string()]);
    }
    if table.row_count() > 0 {
        println!("{table}");
    }
}

/// What an archive says of itself; informative, everything in it is checked.
struct Summary {
    publisher: String,
    headers: u64,
}

impl Summary {
    fn read(directory: &Path) -> Result<Summary, Failure> {
        let path = directory.join("archive.json");
        let not_an_archive = || {
            Failure::both(
                format!("{} is no feed archive: archive.json is missing or malformed", directory.display()),
                format!("{} 不是名单源归档：其中的 archive.json 缺失或格式不对", directory.display()),
            )
        };
        let bytes = files::read_bounded(&path, 64 * 1024).map_err(Failure::new)?.ok_or_else(not_an_archive)?;
        let value: Value = serde_json::from_slice(&bytes).map_err(|_| not_an_archive())?;
        match (value["version"].as_u64(), value["publisher"].as_str(), value["headers"].as_u64()) {
            (Some(1), Some(publisher), Some(headers)) => Ok(Summary { publisher: publisher.to_owned(), headers }),
            (Some(1), ..) | (None, ..) => Err(not_an_archive()),
            (Some(version), ..) => Err(Failure::both(
                format!("the archive has version {version}; a newer release reads it"),
                format!("归档的格式是第 {version} 版：请用更新的版本读取"),
            )),
        }
    }
}

async fn export(context: &Context, client: &Client, publisher: &str, out: &Path) -> Result<(), Failure> {
    let feed: Value = client.get(&format!("/v1/feeds/{publisher}")).await?;
    let members: Value = client.get("/v1/members").await?;
    if out.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(Failure::both(
            format!("{} is not empty; choose another directory with --out", out.display()),
            format!("{} 不为空：请用 --out 另选一个目录", out.display()),
        ));
    }
    let headers = feed["seq"].as_u64().map_or(0, |seq| seq + 1);
    let bar = progress(context, headers);
    let (charter_dir, header_dir) = (out.join("charters"), out.join("headers"));
    for directory in [&charter_dir, &header_dir, &out.join("bodies")] {
        std::fs::create_dir_all(directory).map_err(|error| file_failure(directory, &error))?;
    }
    let mut next = 1;
    loop {
        let charters = objects(client, &format!("/v1/archive/charters?from={next}")).await?;
        if charters.is_empty() {
            break;
        }
        for charter in charters {
            write(&charter_dir.join(format!("{next:08}.charter")), &charter)?;
            next += 1;
        }
    }
    let (mut seq, mut entries, mut bytes) = (0, 0, 0);
    while seq < headers {
        for envelope in objects(client, &format!("/v1/archive/feeds/{publisher}/headers?from={seq}")).await? {
            if seq >= headers {
                break;
            }
            let header = Signed::<BatchHeader>::decode(&envelope).map_err(Failure::new)?;
            write(&header_dir.join(format!("{seq:010}.cose")), &envelope)?;
            bytes += export_body(client, out, seq, header.payload()).await?;
            entries += header.payload().count;
            seq += 1;
            bar.set_position(seq);
        }
    }
    bar.finish_and_clear();
    let alliance = members["alliance"].as_str().unwrap_or_default();
    write(&out.join("alliance.txt"), format!("{alliance}\n").as_bytes())?;
    let summary = json!({ "version": 1, "publisher": publisher, "alliance": alliance, "headers": headers, "entries": entries, "body_bytes": bytes });
    write(&out.join("archive.json"), format!("{summary}\n").as_bytes())?;
    context.output.show(&summary, |_| {
        context.output.say(
            format!("{headers} batches with {entries} entries ({bytes} bytes) were written to {}.", out.display()),
            format!("已将 {headers} 个批次、{entries} 条（{bytes} 字节）写入 {}。", out.display()),
        );
    });
    Ok(())
}

async fn export_body(client: &Client, out: &Path, seq: u64, header: &BatchHeader) -> Result<u64, Failure> {
    if header.chunks.is_empty() {
        return Ok(0);
    }
    let directory = out.join("bodies").join(format!("{seq:010}"));
    std::fs::create_dir_all(&directory).map_err(|error| file_failure(&directory, &error))?;
    let mut bytes = 0;
    for (index, chunk) in header.chunks.iter().enumerate() {
        let path = format!("/v1/archive/chunks/{}", hex::encode(chunk.digest));
        let body = good(client.send(Method::GET, &path, "application/json", Bytes::new()).await?).await?;
        bytes += body.len() as u64;
        write(&directory.join(format!("{index:04}.cborseq")), &body)?;
    }
    Ok(bytes)
}

async fn import(context: &Context, client: &Client, archive: &Path, summary: &Summary) -> Result<(), Failure> {
    let bar = progress(context, summary.headers);
    let mut number = 1u64;
    loop {
        let path = archive.join("charters").join(format!("{number:08}.charter"));
        let Some(charter) = read(&path, limits::CHARTER_BYTES)? else { break };
        SignedCharter::decode(&charter).map_err(|error| refused_file(&path, error))?;
        good(client.send(Method::POST, "/v1/archive/charters", "application/octet-stream", charter.into()).await?)
            .await?;
        number += 1;
    }
    let headers_path = format!("/v1/archive/feeds/{}/headers", summary.publisher);
    let (mut seq, mut committed) = (0u64, None);
    loop {
        let mut window = Vec::new();
        while window.len() < limits::QUEUED_BATCHES / 2 {
            let path = archive.join("headers").join(format!("{seq:010}.cose"));
            let Some(envelope) = read(&path, limits::GOSSIP_BYTES)? else { break };
            let header = Signed::<BatchHeader>::decode(&envelope).map_err(|error| refused_file(&path, error))?;
            import_body(client, archive, seq, header.payload()).await?;
            window.push(STANDARD.encode(envelope));
            seq += 1;
        }
        if window.is_empty() {
            break;
        }
        let taken: Value = client.post(&headers_path, &json!({ "objects": window })).await?;
        committed = taken["seq"].as_u64();
        bar.set_position(seq);
        if committed.is_none_or(|committed| committed + 1 < seq) {
            break;
        }
    }
    bar.finish_and_clear();
    if seq < summary.headers || committed.is_none_or(|committed| committed + 1 < seq) {
        let stands = committed.map(|seq| seq.to_string());
        return Err(Failure::both(
            format!(
                "the archive is incomplete or contradicts what this node has: the last batch here is {}; export it again, or look at `feed show`",
                stands.as_deref().unwrap_or("none")
            ),
            format!(
                "归档不完整，或与本节点已有的内容矛盾（本节点的最后批次：{}）：请重新导出，或用 feed show 查看",
                stands.as_deref().unwrap_or("无")
            ),
        ));
    }
    let result = json!({ "publisher": summary.publisher, "headers": seq, "seq": committed });
    context.output.show(&result, |_| {
        context.output.say(
            format!("{seq} batches of {} were verified and taken in.", summary.publisher),
            format!("已校验并接收 {} 的 {seq} 个批次。", summary.publisher),
        );
    });
    Ok(())
}

/// Sends the body of one header. Each chunk is compared with the header first: the node would wait for a chunk that it
/// lacks, as it does for peers, and could not say which file is at fault.
async fn import_body(client: &Client, archive: &Path, seq: u64, header: &BatchHeader) -> Result<(), Failure> {
    let directory = archive.join("bodies").join(format!("{seq:010}"));
    for (index, (place, descriptor)) in header.placed_chunks().enumerate() {
        let path = directory.join(format!("{index:04}.cborseq"));
        let chunk = read(&path, limits::CHUNK_BYTES)?;
        let chunk = chunk.ok_or_else(|| refused_file(&path, Both::new("the file is missing", "文件缺失")))?;
        Chunk::verify(place, descriptor, &chunk).map_err(|error| refused_file(&path, error))?;
        good(client.send(Method::POST, "/v1/archive/chunks", "application/cbor-seq", chunk.into()).await?).await?;
    }
    Ok(())
}

fn refused_file(path: &Path, reason: impl Into<Both>) -> Failure {
    let (path, Both { en, zh }) = (path.display(), reason.into());
    Failure::both(
        format!("{path} is refused: {en}; copy the archive again, or export it again"),
        format!("{path} 未被接受（{zh}）：请重新复制归档，或重新导出"),
    )
}

async fn objects(client: &Client, path: &str) -> Result<Vec<Vec<u8>>, Failure> {
    let value: Value = client.get(path).await?;
    let decode = |object: &Value| object.as_str().and_then(|text| STANDARD.decode(text).ok());
    let objects: Option<Vec<Vec<u8>>> = value["objects"].as_array().into_iter().flatten().map(decode).collect();
    objects.ok_or_else(something_else)
}

fn progress(context: &Context, length: u64) -> ProgressBar {
    if !context.output.shows_progress() {
        return ProgressBar::hidden();
    }
    // A literal template that parses.
    let style = ProgressStyle::with_template("{bar:40} {pos}/{len} {eta}").expect("a valid template");
    ProgressBar::new(length).with_style(style)
}

fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    files::write_atomic(path, bytes, 0o644).map_err(Failure::new)
}

fn read(path: &Path, most: usize) -> Result<Option<Vec<u8>>, Failure> {
    files::read_bounded(path, most as u64).map_err(Failure::new)
}

fn file_failure(path: &Path, error: &std::io::Error) -> Failure {
    Failure::both(
        format!("{} cannot be made ({error}); choose another place", path.display()),
        format!("无法创建 {}（{}）：请换一个位置", path.display(), error.zh()),
    )
}
