//! What a platform without a share pays for identifiers that it never asked for: time, and bytes on the wire to two holders
//! on the same machine. Real processes over real sockets; beside them, in the same run, OpenMined's PSI where it is
//! installed (`pip install openmined-psi`; `PSI_PYTHON` names another `python3`).
//!
//! The million listings are of a feed whose tokens are random numbers: making them under suite 2 would cost the holders a
//! million evaluations and is not what is measured. To the asking node they are a million listings in its table.
//!
//! `cargo bench -p antibrush-node --bench evaluation [-- ask|single|wire|peer] [ENTRIES]`

mod support;

use std::{
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use antibrush_node::storage::{Store, lock::DataDir};
use antibrush_protocol::subject::Class;
use serde_json::{Value, json};
use support::{Http, Process, Shared, connected, curve, feed, line, median, percentile, stolen_while, until, wanted};

const RUNS: usize = 5;
const ASKED: usize = 10_000;
/// One in so many of the asked identifiers is listed.
const LISTED_EACH: usize = 500;
const SINGLES: usize = 300;
/// A platform blinds once and unblinds for each of two holders; each holder multiplies once.
const MULTIPLICATIONS: f64 = 5.0;
const HOLDERS: f64 = 2.0;

fn main() {
    support::machine();
    let entries = support::size(1_000_000);
    if wanted("ask") || wanted("single") {
        let root = tempfile::tempdir().expect("a temporary directory");
        let mut shared = Shared::start(root.path(), false);
        list(&mut shared, entries);
        let (alone, at_once) = (curve::alone(15), curve::at_once(cores(), 15));
        line(
            "limit: one multiplication of an element",
            format!("{alone:.1} µs, {at_once:.1} µs with {} cores at it", cores()),
        );
        if wanted("ask") {
            ask(&shared, entries);
        }
        if wanted("single") {
            single(&shared);
        }
        println!();
    }
    if wanted("wire") {
        let root = tempfile::tempdir().expect("a temporary directory");
        wire(&Shared::start(root.path(), true));
        println!();
    }
    if wanted("peer") {
        peer(entries);
    }
}

/// Puts the listings into the founder's feed, and then those that will be asked for, which the holders evaluate; waits until
/// the asker has all of them.
fn list(shared: &mut Shared, entries: u64) {
    let founder = &mut shared.nodes[0];
    founder.stop();
    let (header, chunks) = feed::batch(&founder.directory, Class::Mob, entries);
    {
        let data = DataDir::lock(&founder.directory).expect("our own directory");
        let (store, _) = Store::open(&data).expect("a store");
        feed::take_in(&store, &header, &chunks);
    }
    founder.start();
    let items: Vec<Value> = (0..RUNS)
        .flat_map(|run| identifiers(run).into_iter().step_by(LISTED_EACH))
        .map(|id| json!({ "class": "MOB", "id": id, "conduct": "C01", "evidence": "bench" }))
        .collect();
    let leaves = entries + items.len() as u64;
    let mut http = founder.http();
    connected(&mut http, 2);
    let listed = http.json("POST", "/v1/listings", &json!({ "items": items }));
    assert_eq!(listed["counted"]["listed"], items.len(), "{listed}");
    let mut http = shared.asker().http();
    until("the asker has the listings", || {
        let feeds = http.json("GET", "/v1/feeds", &Value::Null);
        feeds.as_array().into_iter().flatten().any(|feed| feed["size"] == leaves)
    });
}

/// Mobile numbers of one run, as nobody else asks for.
fn identifiers(run: usize) -> Vec<String> {
    (0..ASKED).map(|n| (15_000_000_000 + run * ASKED + n).to_string()).collect()
}

fn question(ids: &[String]) -> Vec<u8> {
    json!({ "class": "MOB", "ids": ids, "purpose": "bench" }).to_string().into_bytes()
}

/// Asks for many at once; milliseconds and the answers.
fn checks(http: &mut Http, body: &[u8]) -> (f64, Vec<String>) {
    let began = Instant::now();
    let (status, answer) = http.send("POST", "/v1/checks", body).expect("an answer");
    let took = began.elapsed().as_secs_f64() * 1e3;
    assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
    let answer: Value = serde_json::from_slice(&answer).expect("JSON");
    let word = |answer: &Value| answer["answer"].as_str().expect("a word").to_owned();
    (took, answer["answers"].as_array().expect("answers").iter().map(word).collect())
}

/// Cores that the asker and the two holders can use.
fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from).min(3)
}

fn ask(shared: &Shared, entries: u64) {
    let mut http = shared.asker().http();
    let (mut first, mut again, mut limits, mut stolen) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let spent = || shared.nodes.iter().map(Process::processor_seconds).collect::<Vec<_>>();
    let mut processors = [Vec::new(), Vec::new()];
    for run in 0..RUNS {
        let body = question(&identifiers(run));
        support::quiet();
        limits.push(MULTIPLICATIONS * ASKED as f64 * curve::at_once(cores(), 15) / 1e6 / cores() as f64);
        let before = spent();
        let ((took, answers), lost) = stolen_while(|| checks(&mut http, &body));
        let used: Vec<f64> = spent().iter().zip(before).map(|(now, before)| now - before).collect();
        processors[0].push(used[2]);
        processors[1].push((used[0] + used[1]) / HOLDERS);
        for (n, answer) in answers.iter().enumerate() {
            assert_eq!(answer, if n % LISTED_EACH == 0 { "listed" } else { "not_listed" });
        }
        first.push(took / 1e3);
        stolen.push(lost);
        // A moment to write what was evaluated.
        std::thread::sleep(Duration::from_millis(200));
        for _ in 0..RUNS {
            let (took, repeated) = checks(&mut http, &body);
            assert_eq!(repeated, answers);
            again.push(took);
        }
    }
    let (low, high) = (percentile(&mut first, 0), percentile(&mut first, 100));
    line(
        &format!("{ASKED} never asked before × {entries} listed"),
        format!(
            "{:.2} s (of {RUNS}: {low:.2}–{high:.2}; {:.0} % of the processors stolen)",
            median(&mut first),
            median(&mut stolen) * 100.0
        ),
    );
    line(
        &format!("  limit: {MULTIPLICATIONS} multiplications each, {} cores", cores()),
        format!("{:.2} s: it took {:.2} ×", median(&mut limits), median(&mut first) / median(&mut limits)),
    );
    let [asker, holder] = &mut processors;
    line("  time of the processors", format!("asker {:.2} s, each holder {:.2} s", median(asker), median(holder)));
    line(
        "the same asked again",
        format!(
            "{:.1} ms (of {}: {:.1}–{:.1})",
            median(&mut again),
            RUNS * RUNS,
            percentile(&mut again, 0),
            percentile(&mut again, 100)
        ),
    );
}

fn single(shared: &Shared) {
    let mut http = shared.asker().http();
    let id = |n: usize| (16_000_000_000 + n as u64).to_string();
    let mut one = |class: &str, id: &str| {
        let body = json!({ "class": class, "id": id, "purpose": "bench" }).to_string().into_bytes();
        let began = Instant::now();
        let (status, answer) = http.send("POST", "/v1/check", &body).expect("an answer");
        let took = began.elapsed().as_secs_f64() * 1e6;
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&answer));
        assert!(answer.windows(12).any(|part| part == b"\"not_listed\""), "{}", String::from_utf8_lossy(&answer));
        took
    };
    // Connections and caches of the processors get warm.
    for n in SINGLES..SINGLES + 50 {
        one("MOB", &id(n));
    }
    support::quiet();
    let (mut asked, stolen) = stolen_while(|| (0..SINGLES).map(|n| one("MOB", &id(n))).collect::<Vec<_>>());
    let mut cached: Vec<f64> = (0..SINGLES).map(|n| one("MOB", &id(n))).collect();
    let mut keyed: Vec<f64> = (0..SINGLES).map(|_| one("ENT", "91350100M000100Y43")).collect();
    let figure = |times: &mut [f64]| format!("{:.0} µs, p99 {:.0} µs", median(times), percentile(times, 99));
    let lost = format!(" ({:.0} % of the processors stolen)", stolen * 100.0);
    line("one check, not asked before", figure(&mut asked) + &lost);
    line("  limit: its multiplications", format!("{:.0} µs", MULTIPLICATIONS * curve::alone(15)));
    line("one check, asked before", figure(&mut cached));
    line("one check of a class of suite 1", figure(&mut keyed));
}

/// Bytes of TCP's payload between the asker and each holder: our objects with their framing, Yamux, Noise, and whatever
/// else the nodes say at that time.
fn wire(shared: &Shared) {
    let mut http = shared.asker().http();
    let bytes = || shared.relays.iter().map(|(relay, first)| relay.bytes(*first)).collect::<Vec<_>>();
    let mut during = |body: &[u8]| {
        let before = bytes();
        let (_, answers) = checks(&mut http, body);
        assert!(answers.iter().all(|answer| answer == "not_listed"), "{answers:?}");
        let rose = bytes().into_iter().zip(before).map(|(now, before)| [now[0] - before[0], now[1] - before[1]]);
        rose.collect::<Vec<_>>()
    };
    let (mut to, mut from, mut again) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        let body = question(&identifiers(run));
        for [sent, received] in during(&body) {
            to.push(sent as f64 / ASKED as f64);
            from.push(received as f64 / ASKED as f64);
        }
        again.extend(during(&body).into_iter().flatten().map(|bytes| bytes as f64));
    }
    let figure = |bytes: &mut [f64]| format!("{:.1} bytes an identifier and holder", median(bytes));
    line("on the wire to a holder", figure(&mut to));
    line("on the wire from a holder", figure(&mut from));
    line("  limit: an element of ristretto255", "32 bytes each way");
    line(&format!("the same {ASKED} asked again, all of it"), format!("{:.0} bytes", median(&mut again)));
}

fn peer(entries: u64) {
    println!("measured before on two such cores: SecretFlow RR22 5.2 s, ECDH 21 s, 33 MB each");
    let python = std::env::var("PSI_PYTHON").unwrap_or_else(|_| "python3".to_owned());
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/support/psi.py");
    let run = Command::new(&python)
        .args([script, &entries.to_string(), &ASKED.to_string()])
        .stderr(Stdio::inherit())
        .output();
    let output = match run {
        Ok(output) if output.status.success() => output.stdout,
        _ => {
            println!(
                "OpenMined PSI is not installed here; measured before: 2.9 s online after 156 s of set-up, 0.7 MB and 5.6 MB"
            );
            return;
        }
    };
    let figures: Value = serde_json::from_slice(&output).expect("a line of JSON");
    let figure = |name: &str| figures[name].as_f64().expect("a number");
    line(
        &format!("OpenMined PSI, {ASKED} × {entries}"),
        format!("{:.1} s online after {:.0} s of set-up", figure("online"), figure("setup")),
    );
    line(
        "  its bytes",
        format!(
            "{:.2} MB asked and answered, {:.2} MB of set-up",
            (figure("request") + figure("response")) / 1e6,
            figure("filter") / 1e6
        ),
    );
}
