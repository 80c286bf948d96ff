//! A head leaves the node as a C2SP checkpoint that a foreign program verifies with the file and the keys' lines alone.

use std::{
    env,
    io::Write,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{SystemTime, UNIX_EPOCH},
};

use antibrush_tests::{Alliance, Node, wait_until};

/// Runs the verifier, which knows Ed25519 (PyPI cryptography) and nothing of ours. `.ci/run` installs it beside pycose.
fn foreign(checkpoint: &Path, keys: &Path) -> Output {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let installed =
        env::var_os("ANTIBRUSH_THIRD_PARTY").map_or_else(|| here.join("../target/third-party"), PathBuf::from);
    let program = here.join("vectors/verify_checkpoint.py");
    let mut python = Command::new("python3");
    if installed.join("python").is_dir() {
        python.env("PYTHONPATH", installed.join("python"));
    }
    python.arg(program).args([checkpoint, keys]).output().expect("python3 is installed")
}

fn export(node: &Node, name: &str, more: &[&str]) -> (PathBuf, PathBuf) {
    let (note, keys) = (node.directory.join(format!("{name}.note")), node.directory.join(format!("{name}.keys")));
    let mut arguments = vec!["feed", "checkpoint", "--publisher", "alibaba", "--out", note.to_str().unwrap()];
    arguments.extend(["--keys", keys.to_str().unwrap()]);
    arguments.extend(more);
    node.command(&arguments);
    (note, keys)
}

#[test]
fn a_foreign_tool_verifies_log_and_witnesses() {
    let mut alliance = Alliance::with(&["alibaba", "jd"]);
    alliance.admit("regulator", "observer");
    alliance["alibaba"].list_accounts(&["taobao:first".to_owned(), "taobao:second".to_owned()]);
    let regulator = &alliance["regulator"];
    let feed = || regulator.http().get("/v1/feeds/alibaba").ok();
    wait_until("both others have witnessed", || feed()["witnessed_by"] == 2);
    let (feed, made) = (feed(), regulator.http().get("/v1/feeds/alibaba/checkpoint").ok());
    assert_eq!(made["witnesses"], serde_json::json!(["jd", "regulator"]));
    assert_eq!((&made["seq"], &made["size"], &made["root"]), (&feed["seq"], &feed["size"], &feed["root"]));
    let (note, keys) = export(regulator, "head", &[]);
    // What is printed is what is written, and the API says the same.
    let printed = regulator.outcome(&["feed", "checkpoint", "--publisher", "alibaba"]);
    let text = std::fs::read_to_string(&note).unwrap();
    assert_eq!(made["note"], text.as_str());
    assert!(printed.stdout.contains(text.lines().next().unwrap()), "{printed:?}");
    let output = foreign(&note, &keys);
    if output.status.code() == Some(77) {
        let line = b"checkpoint: SKIPPED cryptography: it is not installed (.ci/run installs it)\n";
        return std::io::stderr().write_all(line).unwrap();
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let log = text.lines().next().unwrap();
    assert!(said.starts_with(&format!("log {log}\nsize 2\n")), "{said}");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let name = log.strip_suffix("/alibaba").unwrap();
    let witnessed: Vec<(&str, u64)> = said
        .lines()
        .filter_map(|line| line.strip_prefix("witness ")?.split_once(' '))
        .map(|(name, time)| (name, time.parse().unwrap()))
        .collect();
    let names = [format!("{name}/jd/witness"), format!("{name}/regulator/witness")];
    assert!(witnessed.iter().map(|(name, _)| *name).eq(names.iter().map(String::as_str)), "{said}");
    assert!(witnessed.iter().all(|(_, time)| *time <= now && now - time < 120), "{said}");

    // Every forgery is refused: another size, a flipped byte of each signature, a log that did not sign.
    let forged = |name: &str, text: &str| {
        let file = regulator.directory.join(name);
        std::fs::write(&file, text).unwrap();
        foreign(&file, &keys).status.code()
    };
    assert_eq!(forged("same", &text), Some(0));
    assert_eq!(forged("size", &text.replacen("\n2\n", "\n3\n", 1)), Some(1));
    assert_eq!(forged("batch", &text.replacen("\nbatch ", "\nbatch 1", 1)), Some(1));
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.iter().filter(|line| line.starts_with('\u{2014}')).count(), 3);
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| line.starts_with('\u{2014}')) {
        let last = line.len() - 5;
        let other = if line.as_bytes()[last] == b'A' { "B" } else { "A" };
        let mut all = lines.clone();
        let flipped = format!("{}{other}{}", &line[..last], &line[last + 1..]);
        all[at] = &flipped;
        assert_eq!(forged("flipped", &(all.join("\n") + "\n")), Some(1), "{line}");
    }
    let without: Vec<&str> =
        lines.iter().copied().filter(|line| !line.starts_with(&format!("\u{2014} {log} "))).collect();
    assert_eq!(forged("unsigned", &(without.join("\n") + "\n")), Some(1));

    // An older batch is still the log's word, and a batch that is not there is refused with the way out.
    let (note, keys) = export(regulator, "first", &["--seq", "0"]);
    assert_eq!(foreign(&note, &keys).status.code(), Some(0));
    let refused = regulator.refused(&["feed", "checkpoint", "--publisher", "alibaba", "--seq", "999"]);
    assert!(refused.contains("antibrush feed show"), "{refused}");
}
