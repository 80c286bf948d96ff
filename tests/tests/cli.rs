//! The command line as programs and people see it: one JSON object for each result, and help in two languages, frozen in
//! `tests/data/cli/`. After a wanted change: `ANTIBRUSH_BLESS=1 cargo test -p antibrush-tests --test cli`.

use std::{fs, path::Path, process::Command};

use antibrush_tests::{Alliance, Node, binary, uscc};
use serde_json::json;

const VERBS: &[&str] = &[
    "",
    "init",
    "run",
    "demo",
    "import",
    "tokenize",
    "list",
    "clear",
    "dispute",
    "rule",
    "notice",
    "commitment",
    "measure",
    "check",
    "life",
    "due",
    "effects",
    "report",
    "report overlap",
    "recommend",
    "recommend show",
    "recommend reload",
    "recommend forecast",
    "recommend override",
    "recommend override set",
    "recommend override list",
    "recommend override remove",
    "status",
    "feed",
    "feed show",
    "feed verify",
    "feed export",
    "feed checkpoint",
    "feed import",
    "proof",
    "proof inclusion",
    "proof consistency",
    "proof absence-since",
    "proof equivocation",
    "proof verify",
    "filter",
    "filter build",
    "filter check",
    "alliance",
    "alliance create",
    "alliance admit",
    "alliance members",
    "alliance propose",
    "alliance propose admit",
    "alliance propose keys",
    "alliance propose node",
    "alliance propose node remove",
    "alliance propose node addresses",
    "alliance propose suspend",
    "alliance propose reinstate",
    "alliance propose expel",
    "alliance propose role",
    "alliance propose policy",
    "alliance propose steward",
    "alliance propose steward add",
    "alliance propose steward remove",
    "alliance propose threshold",
    "alliance propose revoke",
    "alliance propose thaw",
    "alliance propose rotate",
    "alliance propose renew",
    "alliance show",
    "alliance sign",
    "alliance publish",
    "alliance adopt",
    "alliance rotate-key",
    "alliance steward-key",
    "keys",
    "keys status",
    "keys holders",
    "keys ceremony",
    "keys rotate",
    "keys refresh",
    "keys retire",
    "join-request",
    "writer",
    "writer show",
    "writer take",
    "join",
];

fn help(verb: &str, language: &str) -> String {
    let mut command = Command::new(binary());
    command.args(verb.split_whitespace()).arg("--help");
    command.env_remove("LC_ALL").env_remove("LC_MESSAGES").env_remove("ANTIBRUSH_LANG").env_remove("ANTIBRUSH_DIR");
    let output = command.env("LANG", language).env("COLUMNS", "100").output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{verb}");
    assert!(output.stderr.is_empty());
    // The name of the binary under test and trailing blanks are no part of the help.
    let text = String::from_utf8(output.stdout).unwrap().replace("antibrush-under-test", "antibrush");
    text.lines().map(|line| line.trim_end().to_owned() + "\n").collect()
}

#[test]
fn help_in_both_languages() {
    let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("data/cli");
    let bless = std::env::var_os("ANTIBRUSH_BLESS").is_some();
    let mut changed = Vec::new();
    for (language, locale) in [("en", "C.UTF-8"), ("zh", "zh_CN.UTF-8")] {
        fs::create_dir_all(data.join(language)).unwrap();
        for verb in VERBS {
            let name = if verb.is_empty() { "antibrush".to_owned() } else { verb.replace(' ', "-") };
            let (path, text) = (data.join(language).join(name + ".txt"), help(verb, locale));
            let chinese = text.chars().any(|c| ('\u{4e00}'..='\u{9fff}').contains(&c));
            assert!(chinese || language == "en", "no Chinese in the help of {verb}: {text}");
            if bless {
                fs::write(&path, &text).unwrap();
            } else if fs::read_to_string(&path).unwrap_or_default() != text {
                changed.push(format!("{language} {verb}:\n{text}"));
            }
        }
    }
    assert!(changed.is_empty(), "changed; see the head of this file:\n{}", changed.join("\n"));
}

/// A verb that is not in the list above would have no frozen help.
#[test]
fn no_verb_is_forgotten() {
    for verb in VERBS {
        let text = help(verb, "C.UTF-8");
        let Some((_, commands)) = text.split_once("Commands:\n") else { continue };
        for line in commands.lines().take_while(|line| line.starts_with("  ")).filter(|line| !line.starts_with("   ")) {
            let name = line.split_whitespace().next().unwrap();
            let path = format!("{verb} {name}");
            assert!(name == "help" || VERBS.contains(&path.trim()), "{path}");
        }
    }
}

/// `Node::command` asserts exactly one line with one JSON object on standard output.
#[test]
fn every_verb_prints_one_json_object() {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    let root = alliance.root().to_path_buf();
    let path = |name: &str| root.join(name).display().to_string();
    let (csv, proof, appended, archive, filter) =
        (path("a.csv"), path("a.proof"), path("b.proof"), path("archive"), path("a.filter"));
    fs::write(&csv, "class,identifier,conduct\nENT,91350100M000100Y43,C01\nACC,jd:cli-1,C01\n").unwrap();
    let node = &alliance["jd"];
    let subject = ["--class", "ACC", "--id", "jd:cli-2"];

    assert_eq!(node.command(&["import", &csv])["counted"]["listed"], 2);
    assert_eq!(node.command(&["import", "--template", &path("template.csv")])["template"], path("template.csv"));
    let tokenized = node.command(&["tokenize", &csv]);
    assert_eq!((&tokenized["rows"], &tokenized["local"], &tokenized["unavailable"]), (&json!(2), &json!(2), &json!(0)));
    let listed = node
        .command(&[&["list", "--conduct", "C06", "--role", "organise", "--evidence", "case"], &subject[..]].concat());
    assert_eq!((&listed["outcomes"][0]["outcome"], listed["batch"].is_u64()), (&json!("listed"), true));
    assert_eq!(node.command(&[&["check"], &subject[..]].concat())["answer"], "listed");
    assert_eq!(node.command(&[&["clear", "--reason", "R01"], &subject[..]].concat())["counted"]["cleared"], 1);
    assert_eq!(node.command(&["report", "overlap"])["subjects"], 2);
    assert_eq!(node.command(&["status"])["slug"], "jd");
    assert_eq!(node.command(&["feed", "show"]).as_array().map(Vec::len), Some(2));
    assert_eq!(node.command(&["feed", "show", "--publisher", "jd"])["size"], 4);
    assert_eq!(node.command(&["feed", "verify", "--publisher", "jd"])["holds"], true);
    assert_eq!(node.command(&["feed", "export", "--publisher", "jd", "--out", &archive])["entries"], 4);
    assert_eq!(node.command(&["feed", "import", &archive])["publisher"], "jd");
    assert_eq!(node.command(&["feed", "checkpoint", "--publisher", "jd"])["size"], 4);
    assert_eq!(
        node.command(&["proof", "inclusion", "--publisher", "jd", "--index", "1", "--out", &proof])["file"],
        proof.as_str()
    );
    assert_eq!(node.command(&["proof", "verify", &proof, "--alliance", &alliance.id])["holds"], true);
    node.command(&["proof", "consistency", "--publisher", "jd", "--earlier", "0", "--out", &appended]);
    assert_eq!(node.command(&["proof", "verify", &appended, "--alliance", &alliance.id])["kind"], "consistency");
    let (never, absent) = (["--class", "ACC", "--id", "jd:never"], path("c.proof"));
    let since = ["proof", "absence-since", "--publisher", "jd", "--since", "0", "--out", &absent];
    node.command(&[&since[..], &never[..]].concat());
    assert_eq!(node.command(&["proof", "verify", &absent, "--alliance", &alliance.id])["kind"], "absence-since");
    assert_eq!(node.command(&["filter", "build", &csv, "--out", &filter])["items"], 2);
    for (id, answer) in [("jd:cli-1", "candidate"), ("jd:cli-3", "not_listed")] {
        assert_eq!(node.command(&["filter", "check", &filter, "--class", "ACC", "--id", id])["answer"], answer);
    }
    assert_eq!(node.command(&["alliance", "members"])["members"].as_array().map(Vec::len), Some(2));
    let invited =
        alliance["alibaba"].command(&["alliance", "admit", "--slug", "meituan", "--role", "observer", "--days", "1"]);
    assert_eq!((&invited["slug"], &invited["role"]), (&json!("meituan"), &json!("observer")));
    // init, alliance create, join and run pass through `Node::init`, `Alliance::founded`, `Alliance::join` and `Node::start`.
    alliance.admit("pdd", "platform");

    // The same routes while the node does not run.
    alliance["jd"].stop();
    let node = &alliance["jd"];
    assert_eq!(
        node.command(&[&["list", "--conduct", "C06", "--evidence", "case"], &subject[..]].concat())["counted"]["listed"],
        1
    );
    assert_eq!(node.command(&["feed", "show", "--publisher", "jd"])["size"], 5);
    assert_eq!(node.command(&["status"])["connected"], 0);
    assert_eq!(node.command(&["import", &csv])["counted"]["unchanged"], 2);
    // A refusal in JSON has the sentence and the kind, on standard error.
    let outcome = node.outcome(&["feed", "show", "--publisher", "nobody", "--json"]);
    let refusal: serde_json::Value = serde_json::from_str(outcome.stderr.trim()).unwrap();
    assert_eq!((outcome.status, &refusal["type"]), (Some(1), &json!("urn:antibrush:problem:not-found")));
}

/// For people: text in their language, the identifier from standard input if they like.
#[test]
fn people_read_text() {
    let mut alliance = Alliance::with(&["alibaba"]);
    let node = &mut alliance["alibaba"];
    let list = ["list", "--class", "账号", "--id", "taobao:people", "--conduct", "刷单炒信", "--evidence", "case"];
    assert!(node.outcome(&list).stdout.starts_with("listed in batch "));
    let check = ["check", "--class", "ACC", "--id", "taobao:people"];
    let text = node.outcome(&check).stdout;
    assert!(text.starts_with("listed\n") && text.contains("publisher") && text.contains("alibaba"), "{text}");
    node.environment.push(("ANTIBRUSH_LANG".to_owned(), "zh".to_owned()));
    let text = node.outcome(&check).stdout;
    assert!(text.starts_with("已列入\n") && text.contains("列入方"), "{text}");
    assert!(node.outcome(&["status"]).stdout.contains("测试联盟"));
    assert!(node.outcome(&["alliance", "members"]).stdout.contains("本节点"));
    node.environment.clear();

    let mut command = node.invoke(&["check", "--class", "ACC", "--id", "-"]);
    let mut child = command.stdin(std::process::Stdio::piped()).stdout(std::process::Stdio::piped()).spawn().unwrap();
    std::io::Write::write_all(&mut child.stdin.take().unwrap(), b"taobao:people\r\n").unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(String::from_utf8(output.stdout).unwrap().starts_with("listed\n"));
}

#[test]
fn wrong_use_has_status_2_and_says_how() {
    let root = tempfile::tempdir().unwrap();
    let node = Node::new(root.path(), "nobody");
    for wrong in
        [&["nonsense"][..], &["check"], &["check", "--class", "ACC"], &["run", "--api", "here"], &["import"], &[]]
    {
        let outcome = node.outcome(wrong);
        assert_eq!(outcome.status, Some(2), "{wrong:?}: {outcome:?}");
        assert!(outcome.stdout.is_empty() && outcome.stderr.contains("--help"), "{wrong:?}: {outcome:?}");
    }
    let code = uscc(1);
    let arguments = node.init_arguments("platform", &code, &["--keys-in-clear-dangerously"]);
    let text = node.outcome(&arguments).stdout;
    assert!(text.contains("Next: antibrush join INVITATION") && text.contains("The keys have no passphrase"), "{text}");
}

/// `antibrush … | head -1`
#[test]
fn a_reader_that_goes_away_is_no_panic() {
    let alliance = antibrush_tests::Alliance::founded("alibaba");
    let mut command = alliance["alibaba"].invoke(&["alliance", "members"]);
    let mut child = command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let outcome = child.wait_with_output().unwrap();
    let said = String::from_utf8_lossy(&outcome.stderr);
    assert!(outcome.status.success() && !said.contains("panicked"), "{said}");
}
