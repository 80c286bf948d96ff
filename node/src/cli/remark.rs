//! `dispute`, `rule`, `notice`, `commitment`, `measure`: saying something of a subject's listings.

use antibrush_protocol::codes::{
    CommitmentStep, DeclineReason, DisputeReason, List, Measure, NoticeStep, Outcome, Response, RulingReason,
};
use serde_json::{Value, json};

use super::{
    Context, Failure,
    check::subject,
    life_args::{CommitmentArgs, DisputeArgs, MeasureArgs, NoticeArgs, RuleArgs, TargetArgs},
    listing::{code, publish},
};

pub async fn dispute(context: &Context, args: DisputeArgs) -> Result<(), Failure> {
    let says = if args.withdraw {
        json!({ "kind": "withdrawal" })
    } else {
        optional("--reason", args.reason.as_deref(), DisputeReason::parse)?;
        json!({ "kind": "dispute", "reason": args.reason, "evidence": args.evidence })
    };
    say(context, &args.target, says).await
}

pub async fn rule(context: &Context, args: RuleArgs) -> Result<(), Failure> {
    code("--outcome", &args.outcome, Outcome::parse)?;
    code("--reason", &args.reason, RulingReason::parse)?;
    let says = json!({
        "kind": "ruling", "outcome": args.outcome, "reason": args.reason, "disputer": args.disputer,
    });
    say(context, &args.target, says).await
}

pub async fn notice(context: &Context, args: NoticeArgs) -> Result<(), Failure> {
    code("--step", &args.step, NoticeStep::parse)?;
    let says = json!({ "kind": "notice", "step": args.step, "until": args.until, "document": args.document });
    say(context, &args.target, says).await
}

pub async fn commitment(context: &Context, args: CommitmentArgs) -> Result<(), Failure> {
    code("--step", &args.step, CommitmentStep::parse)?;
    say(context, &args.target, json!({ "kind": "commitment", "step": args.step, "evidence": args.evidence })).await
}

pub async fn measure(context: &Context, args: MeasureArgs) -> Result<(), Failure> {
    code("--measure", &args.measure, Measure::parse)?;
    code("--response", &args.response, Response::parse)?;
    optional("--reason", args.reason.as_deref(), DeclineReason::parse)?;
    let says = json!({
        "kind": "measure", "measure": args.measure, "response": args.response, "reason": args.reason,
        "document": args.document,
    });
    say(context, &args.target, says).await
}

fn optional<T>(flag: &str, text: Option<&str>, parse: fn(&str) -> Option<T>) -> Result<(), Failure> {
    text.map_or(Ok(()), |text| code(flag, text, parse).map(drop))
}

async fn say(context: &Context, target: &TargetArgs, says: Value) -> Result<(), Failure> {
    let (class, id) = subject(&target.subject)?;
    optional("--list", target.list.as_deref(), List::parse)?;
    let mut item = says;
    item["class"] = class.into();
    item["id"] = id.into();
    item["list"] = json!(target.list);
    item["publisher"] = json!(target.publisher);
    publish(context, "/v1/remarks", item).await
}
