//! `writer`: which of this member's nodes writes its feed, and taking over.

use serde_json::{Value, json};

use super::{Client, Context, Failure, keys_args::WriterVerb};

pub async fn run(context: &Context, verb: WriterVerb) -> Result<(), Failure> {
    let client = Client::open(context).await?;
    let seen = match verb {
        WriterVerb::Show => client.get("/v1/writer").await,
        WriterVerb::Take if !client.is_running() => Err(Failure::both(
            "other nodes must agree: start this node with `antibrush run`, then call again",
            "须经其他节点同意：请先用 antibrush run 启动本节点，再重新执行",
        )),
        WriterVerb::Take => client.post("/v1/writer", &json!({})).await,
    };
    client.close().await;
    let seen: Value = seen?;
    context.output.show(&seen, |seen| print(context, seen));
    Ok(())
}

fn print(context: &Context, seen: &Value) {
    let out = &context.output;
    let node = seen["writer"].as_str().unwrap_or("–");
    match (seen["here"] == true, seen["writer"].is_string()) {
        (true, _) => out.say("This node writes its member's feed.", "本成员的名单源由本节点写入。"),
        (false, true) => out.say(
            format!("Node {node} writes this member's feed; take over here: antibrush writer take"),
            format!("本成员的名单源由节点 {node} 写入；在此接管请用 antibrush writer take"),
        ),
        (false, false) => out.say(
            "No node has written under the present charter yet; the member's first node does with its next batch.",
            "尚无节点依现行章程写入；本成员的首个节点将在发布下一批次时写入。",
        ),
    }
    if let Some(term) = seen["term"].as_u64() {
        let electors = seen["electors"].as_array().map_or(&[][..], Vec::as_slice);
        let there = electors.iter().filter(|elector| elector["connected"] == true).count();
        let (needed, all) = (&seen["needed"], electors.len());
        out.say(
            format!("Term {term}. Each batch needs {needed} of {all} nodes; {there} are there now."),
            format!("第 {term} 任期。每个批次须经 {all} 个节点中的 {needed} 个同意，目前在线 {there} 个。"),
        );
    }
    let mut table = out.table(&[("member", "成员"), ("node", "节点"), ("there", "在线")]);
    for elector in seen["electors"].as_array().into_iter().flatten() {
        table.add_row([
            elector["member"].as_str().unwrap_or("–").to_owned(),
            elector["node"].as_str().unwrap_or("–").to_owned(),
            if elector["connected"] == true { out.pick("yes", "是") } else { out.pick("no", "否") }.to_owned(),
        ]);
    }
    if table.row_count() > 0 {
        println!("{table}");
    }
}
