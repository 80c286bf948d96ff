//! `proof`: make proof files, and verify them with nothing but the file and the alliance's id.

use std::path::Path;

use antibrush_protocol::{
    encoding::Wire,
    feed::Contradiction,
    proof::{AbsenceProof, ConsistencyProof, EquivocationProof, InclusionProof, ProvenAbsence, ProvenEquivocation},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};

use super::{Client, Context, Failure, args::ProofVerb, check::read_dash, output::moment};
use crate::{lang::Zh, storage::files};

/// The first line of a proof file, so that a person who opens one knows what it is.
const INCLUSION: &str = "antibrush inclusion proof v1";
const CONSISTENCY: &str = "antibrush consistency proof v1";
const ABSENCE: &str = "antibrush absence proof v1";
const EQUIVOCATION: &str = "antibrush equivocation proof v1";

pub async fn run(context: &Context, verb: ProofVerb) -> Result<(), Failure> {
    match verb {
        ProofVerb::Inclusion { publisher, index, class, id, out } => {
            let mut request = json!({ "publisher": publisher });
            match (index, class, id) {
                (Some(index), None, None) => request["index"] = index.into(),
                (None, Some(class), Some(id)) => {
                    request["class"] = class.into();
                    request["id"] = read_dash(&id)?.into();
                }
                _ => {
                    return Err(Failure::both(
                        "name the entry by --index, or the subject by --class and --id",
                        "请用 --index 指明条目，或用 --class 和 --id 指明主体",
                    ));
                }
            }
            make(context, "/v1/proofs/inclusion", &request, INCLUSION, &out).await
        }
        ProofVerb::Consistency { publisher, earlier, later, out } => {
            let request = json!({ "publisher": publisher, "earlier": earlier, "later": later });
            make(context, "/v1/proofs/consistency", &request, CONSISTENCY, &out).await
        }
        ProofVerb::AbsenceSince { publisher, since, until, class, id, out } => {
            let id = read_dash(&id)?;
            let request = json!({ "publisher": publisher, "since": since, "until": until, "class": class, "id": id });
            make(context, "/v1/proofs/absence", &request, ABSENCE, &out).await
        }
        ProofVerb::Equivocation { publisher, out } => {
            make(context, "/v1/proofs/equivocation", &json!({ "publisher": publisher }), EQUIVOCATION, &out).await
        }
        ProofVerb::Verify { file, alliance } => verify(context, &file, &alliance),
    }
}

async fn make(context: &Context, path: &str, request: &Value, kind: &str, out: &Path) -> Result<(), Failure> {
    let client = Client::open(context).await?;
    let answer: Value = client.post(path, request).await?;
    client.close().await;
    let proof = answer["proof"].as_str().unwrap_or_default();
    files::write_atomic(out, format!("{kind}\n{proof}\n").as_bytes(), 0o644).map_err(Failure::new)?;
    let alliance = answer["alliance"].as_str().unwrap_or_default();
    let result = json!({ "file": out, "alliance": alliance, "index": answer["index"] });
    context.output.show(&result, |_| {
        context.output.say(
            format!(
                "The proof was written to {0}.\nVerify it anywhere: antibrush proof verify {0} --alliance {alliance}",
                out.display()
            ),
            format!(
                "证明已写入 {0}。\n可在任何机器上校验：antibrush proof verify {0} --alliance {alliance}",
                out.display()
            ),
        );
    });
    Ok(())
}

fn verify(context: &Context, file: &Path, alliance: &str) -> Result<(), Failure> {
    let alliance: [u8; 32] =
        hex::decode(alliance.trim()).ok().and_then(|bytes| bytes.try_into().ok()).ok_or_else(|| {
            Failure::both(
                "--alliance must be the 64 hex digits of the alliance's id",
                "--alliance 须为联盟编号的64位十六进制数：请改正",
            )
        })?;
    let bytes = files::read_bounded(file, 32 << 20).map_err(Failure::new)?;
    let bytes = bytes.ok_or_else(|| {
        Failure::both(format!("{} does not exist", file.display()), format!("{} 不存在：请检查路径", file.display()))
    })?;
    let not_a_proof =
        || Failure::both(format!("{} is not a proof file", file.display()), format!("{} 不是证明文件", file.display()));
    let text = String::from_utf8(bytes).map_err(|_| not_a_proof())?;
    let (kind, body) = text.split_once('\n').ok_or_else(not_a_proof)?;
    let proof = STANDARD.decode(body.trim()).map_err(|_| not_a_proof())?;
    let refused = |error: antibrush_protocol::proof::ProofError| {
        Failure::both(format!("the proof does not hold: {error}"), format!("证明不成立：{}", error.zh()))
    };
    match kind {
        INCLUSION => {
            let proof = InclusionProof::decode(&proof).map_err(|error| refused(error.into()))?;
            let proven = proof.verify(&alliance).map_err(refused)?;
            let result = json!({
                "holds": true, "kind": "inclusion", "publisher": proven.publisher_slug, "index": proven.index, "size": proven.size,
                "seq": proven.seq, "issued": proven.issued.0, "list": proven.entry.list(), "entry": format!("{:?}", proven.entry.kind()).to_lowercase(),
                "token": hex::encode(proven.entry.token().0),
            });
            context.output.show(&result, |_| {
                let (slug, index, size, seq) = (&proven.publisher_slug, proven.index, proven.size, proven.seq);
                let at = moment(proven.issued.0);
                context.output.say(
                    format!("The proof holds: entry {index} of {size} in the feed of {slug}, list {}, under the head of batch {seq} signed {at}.", proven.entry.list()),
                    format!("证明成立：{slug} 名单源第 {index} 条（共 {size} 条），名单 {}，批次 {seq} 的树头签署于 {at}。", proven.entry.list()),
                );
            });
        }
        CONSISTENCY => {
            let proof = ConsistencyProof::decode(&proof).map_err(|error| refused(error.into()))?;
            let (earlier, later) = proof.verify(&alliance).map_err(refused)?;
            let result = json!({ "holds": true, "kind": "consistency", "earlier": earlier.seq, "later": later.seq, "from": earlier.size, "to": later.size });
            context.output.show(&result, |_| {
                context.output.say(
                    format!(
                        "The proof holds: batch {} ({} entries) only appended to batch {} ({} entries).",
                        later.seq, later.size, earlier.seq, earlier.size
                    ),
                    format!(
                        "证明成立：批次 {}（{} 条）仅在批次 {}（{} 条）之后追加。",
                        later.seq, later.size, earlier.seq, earlier.size
                    ),
                );
            });
        }
        ABSENCE => {
            let proof = AbsenceProof::decode(&proof).map_err(|error| refused(error.into()))?;
            show_absence(context, &proof.verify(&alliance).map_err(refused)?);
        }
        EQUIVOCATION => {
            let proof = EquivocationProof::decode(&proof).map_err(|error| refused(error.into()))?;
            show_equivocation(context, &proof.verify(&alliance).map_err(refused)?);
        }
        _ => return Err(not_a_proof()),
    }
    Ok(())
}

fn show_absence(context: &Context, proven: &ProvenAbsence) {
    let (slug, earlier, later, class) = (&proven.publisher_slug, &proven.earlier, &proven.later, proven.class);
    let tokens: Vec<_> =
        proven.tokens.iter().map(|(epoch, token)| json!({ "epoch": epoch, "token": hex::encode(token.0) })).collect();
    let result = json!({
        "holds": true, "kind": "absence-since", "publisher": slug, "since": earlier.seq, "until": later.seq,
        "from": earlier.size, "to": later.size, "class": class, "tokens": tokens,
    });
    let list: Vec<_> = proven.tokens.iter().map(|(epoch, token)| format!("{epoch}:{}", hex::encode(token.0))).collect();
    let (list, new) = (list.join("\n  "), later.size - earlier.size);
    context.output.show(&result, |_| {
        context.output.say(
            format!(
                "The proof holds: none of the {new} entries that {slug} signed after batch {} up to batch {} is about these tokens of class {class}:\n  {list}\nThat they are the subject's tokens the file cannot show: a member can compute them from the identifier.",
                earlier.seq, later.seq
            ),
            format!(
                "证明成立：{slug} 在批次 {} 之后至批次 {} 签署的 {new} 条中，没有一条涉及以下 {class} 类令牌：\n  {list}\n文件不能证明这些令牌属于该主体：成员可由标识自行计算。",
                earlier.seq, later.seq
            ),
        );
    });
}

fn show_equivocation(context: &Context, proven: &ProvenEquivocation) {
    let (slug, [first, second], common) = (&proven.publisher_slug, proven.seqs, proven.common_size);
    let [one, other] = proven.ids.map(hex::encode);
    let (code, en, zh) = match proven.contradiction {
        Contradiction::SameNumber => ("same-number", "two heads of one number", "同一批次有两个树头"),
        Contradiction::OtherPredecessor => {
            ("other-predecessor", "the second does not follow the first", "后者不接续前者")
        }
        Contradiction::NoContinuation => {
            ("no-continuation", "the second names the first and does not continue it", "后者指向前者却没有接续它")
        }
        Contradiction::OtherRoot => ("other-root", "as many entries under two roots", "条数相同而树根不同"),
    };
    let result = json!({
        "holds": true, "kind": "equivocation", "publisher": slug, "contradiction": code, "seq": first, "seqs": [first, second],
        "ids": [&one, &other], "common_batches": proven.common, "common_size": common,
    });
    context.output.show(&result, |_| {
        context.output.say(
            format!(
                "The proof holds: {slug} signed two histories of its feed ({en}):\n  batch {first}: {one}\n  batch {second}: {other}\nWhat both share ends with {} batches and {common} entries.",
                proven.common
            ),
            format!(
                "证明成立：{slug} 为其名单源签署了两个历史（{zh}）：\n  批次 {first}：{one}\n  批次 {second}：{other}\n两者共有的部分为前 {} 个批次、{common} 条。",
                proven.common
            ),
        );
    });
}
