//! One node: a data directory and, while it runs, a process of its own.

use std::{
    fs::{self, File},
    io::{BufRead, BufReader, Read},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        atomic::{AtomicU16, Ordering},
        mpsc,
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use antibrush_protocol::subject::{Class, Subject};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{http::Http, wait::wait_for};

/// How long a node may take to be ready, with other tests on the machine.
const READY: Duration = Duration::from_secs(60);

/// How long a command may take.
const ENDED: Duration = Duration::from_secs(120);

/// How long it may take to stop in order.
const STOPPED: Duration = Duration::from_secs(60);

/// The program under test. Cargo builds it before the tests, beside the directory that they lie in.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a process has a path");
    let built = test.ancestors().nth(2).expect("tests lie in target/<profile>/deps");
    built.join("antibrush-under-test")
}

/// An invented credit code with the right check character.
pub fn uscc(number: u32) -> String {
    let body = format!("91110108MA{number:07}");
    let right = "0123456789ABCDEFGHJKLMNPQRTUWXY".chars().map(|check| format!("{body}{check}"));
    let mut right = right.filter(|code| Subject::parse(Class::Ent, code).is_ok());
    right.next().expect("every body has a check character")
}

/// How a command ended.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The exit status; `None` after a signal.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Outcome {
    /// The one JSON object that a good command printed.
    pub fn json(&self) -> Value {
        assert_eq!(self.status, Some(0), "{self:?}");
        let lines: Vec<&str> = self.stdout.lines().collect();
        assert_eq!(lines.len(), 1, "one line of JSON: {self:?}");
        serde_json::from_str(lines[0]).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// The one sentence that a refused command said on standard error, for people or in JSON, without `error: `.
    pub fn refusal(&self) -> String {
        assert!(self.status.is_some_and(|status| status != 0), "a refusal has a status other than 0: {self:?}");
        assert_eq!(self.stdout, "", "a refusal says nothing on standard output");
        let lines: Vec<&str> = self.stderr.lines().collect();
        assert_eq!(lines.len(), 1, "one sentence: {self:?}");
        if let Ok(value) = serde_json::from_str::<Value>(lines[0]) {
            return value["error"].as_str().expect("an error has a text").to_owned();
        }
        let said = lines[0].strip_prefix("error: ").or_else(|| lines[0].strip_prefix("错误："));
        said.unwrap_or_else(|| panic!("begins with another word: {self:?}")).to_owned()
    }
}

/// A node.
pub struct Node {
    /// The member's short name.
    pub slug: String,
    /// The data directory.
    pub directory: PathBuf,
    /// The multiaddress that it listens on.
    pub listen: String,
    /// Variables of its process, beside the ones of every node here.
    pub environment: Vec<(String, String)>,
    process: Option<Running>,
    /// What processes that have ended wrote to standard output.
    printed: Vec<u8>,
}

/// A process that is to be a node and is not ready yet.
pub struct Starting {
    child: Child,
    stdout: JoinHandle<Vec<u8>>,
    told: mpsc::Receiver<String>,
}

struct Running {
    child: Child,
    api: SocketAddr,
    /// Reads standard output to its end: a program that prints into a closed pipe dies.
    stdout: JoinHandle<Vec<u8>>,
}

impl Node {
    /// A node that does not exist yet.
    pub fn new(root: &Path, slug: &str) -> Node {
        let listen = format!("/ip4/127.0.0.1/tcp/{}", free_port());
        let directory = root.join(slug);
        Node { slug: slug.to_owned(), directory, listen, environment: Vec::new(), process: None, printed: Vec::new() }
    }

    /// Makes the node with keys in clear, to be a `role`, under the `number`-th credit code.
    pub fn init(root: &Path, slug: &str, role: &str, number: u32) -> Node {
        let node = Node::new(root, slug);
        node.make(role, number);
        node
    }

    /// Makes a node that is only named so far, as [`Node::init`] does.
    pub fn make(&self, role: &str, number: u32) {
        let made = self.command(&self.init_arguments(role, &uscc(number), &["--keys-in-clear-dangerously"]));
        assert_eq!(made["slug"], self.slug.as_str());
    }

    /// The arguments of `init` for this node.
    pub fn init_arguments<'a>(&'a self, role: &'a str, uscc: &'a str, more: &[&'a str]) -> Vec<&'a str> {
        let common = [
            "init",
            "--slug",
            &self.slug,
            "--legal-name",
            "示例有限公司",
            "--uscc",
            uscc,
            "--role",
            role,
            "--listen",
            &self.listen,
        ];
        [&common[..], &["--api", "127.0.0.1:0"], more].concat()
    }

    /// A command line on this node's directory, with an environment that no test machine can spoil.
    pub fn invoke(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(binary());
        command.args(arguments).arg("--dir").arg(&self.directory).stdin(Stdio::null());
        let foreign =
            std::env::vars_os().map(|(name, _)| name).filter(|name| name.to_string_lossy().starts_with("ANTIBRUSH_"));
        for name in foreign {
            command.env_remove(name);
        }
        for name in ["LC_ALL", "LC_MESSAGES"] {
            command.env_remove(name);
        }
        command.env("LANG", "C.UTF-8").envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs a command to its end.
    pub fn outcome(&self, arguments: &[&str]) -> Outcome {
        finish(self.invoke(arguments))
    }

    /// Runs a command with `--json` and returns the one object that it prints.
    pub fn command(&self, arguments: &[&str]) -> Value {
        self.outcome(&[arguments, &["--json"]].concat()).json()
    }

    /// Runs a command that must be refused and returns the one sentence that says why.
    pub fn refused(&self, arguments: &[&str]) -> String {
        self.outcome(arguments).refusal()
    }

    /// Starts the process and waits until it is ready.
    ///
    /// # Panics
    /// If it does not get ready.
    pub fn start(&mut self) -> Duration {
        let began = Instant::now();
        self.try_start().unwrap_or_else(|said| panic!("the node of {} does not start: {said}", self.slug));
        began.elapsed()
    }

    /// Starts the process and waits until it is ready; otherwise returns what it said last.
    ///
    /// # Errors
    /// The last line of its log.
    pub fn try_start(&mut self) -> Result<(), String> {
        self.try_run(&["run"])
    }

    fn try_run(&mut self, arguments: &[&str]) -> Result<(), String> {
        let starting = self.begin(arguments);
        self.await_ready(starting)
    }

    /// Starts a process that will be the node: `run`, or `join` with `--run`, which first waits to be let in.
    ///
    /// # Panics
    /// If one runs already.
    pub fn begin(&self, arguments: &[&str]) -> Starting {
        assert!(self.process.is_none(), "{} runs already", self.slug);
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log can be written");
        let mut command = self.invoke(&[arguments, &["--json"]].concat());
        let mut child = command.stdout(Stdio::piped()).stderr(log).spawn().expect("the program starts");
        let stdout = child.stdout.take().expect("standard output was asked for");
        let (ready, told) = mpsc::channel();
        let stdout = std::thread::spawn(move || {
            let (mut reader, mut printed) = (BufReader::new(stdout), Vec::new());
            // A node that ends gives an empty line; one that joins says so first.
            loop {
                let mut line = String::new();
                let _ = reader.read_line(&mut line);
                printed.extend_from_slice(line.as_bytes());
                if line.is_empty() || line.contains("\"ready\"") {
                    let _ = ready.send(line);
                    break;
                }
            }
            // A pipe that breaks ends it as well.
            let _ = reader.read_to_end(&mut printed);
            printed
        });
        Starting { child, stdout, told }
    }

    /// Waits until a process that was begun is ready; otherwise returns what it said last.
    ///
    /// # Errors
    /// The last line of its log.
    pub fn await_ready(&mut self, starting: Starting) -> Result<(), String> {
        let Starting { mut child, stdout, told } = starting;
        let told = told.recv_timeout(READY).ok();
        let api = told.as_ref().and_then(|line| {
            let value: Value = serde_json::from_str(line).ok()?;
            assert_eq!(value["event"], "ready");
            value["api"].as_str()?.parse().ok()
        });
        let Some(api) = api else {
            // Fails only if it has ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            return Err(self.log().lines().last().unwrap_or_default().to_owned());
        };
        self.process = Some(Running { child, api, stdout });
        Ok(())
    }

    /// Starts the process and ends it after a time, ready or not, with kill −9 or with SIGTERM.
    pub fn start_and_end(&self, after: Duration, signal: Signal) {
        let log = File::options().create(true).append(true).open(self.log_path()).expect("a log can be written");
        let mut command = self.invoke(&["run", "--json"]);
        let mut child = command.stdout(Stdio::null()).stderr(log).spawn().expect("the program starts");
        // Not a wait for something: the moment of the end is what the test draws by lot.
        std::thread::sleep(after);
        send(&child, signal);
        wait_for("the node ends", STOPPED, || child.try_wait().expect("the child is ours"));
    }

    /// Ends the running process in one of the two ways.
    pub fn end(&mut self, signal: Signal) {
        if signal == Signal::KILL {
            self.kill();
        } else {
            self.stop();
        }
    }

    /// Whether it runs.
    pub fn runs(&self) -> bool {
        self.process.is_some()
    }

    /// The process's number.
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the node runs").child.id()
    }

    /// Sends it a signal. One that is stopped (SIGSTOP) keeps its connections and answers nothing; [`Node::kill`] ends it too.
    pub fn signal(&self, signal: Signal) {
        send(&self.process.as_ref().expect("the node runs").child, signal);
    }

    /// kill −9: what a power cut does to a process.
    pub fn kill(&mut self) {
        if let Some(mut running) = self.process.take() {
            // Fails only if it has ended by itself.
            let _ = running.child.kill();
            let _ = running.child.wait();
            self.keep_printed(running);
        }
    }

    fn keep_printed(&mut self, running: Running) {
        self.printed.extend(running.stdout.join().unwrap_or_default());
    }

    /// All that its processes wrote to standard output, those that have ended.
    pub fn printed(&self) -> &[u8] {
        &self.printed
    }

    /// SIGTERM; waits for the orderly end and returns how long it took.
    ///
    /// # Panics
    /// If it ends in another way.
    pub fn stop(&mut self) -> Duration {
        let Some(mut running) = self.process.take() else { return Duration::ZERO };
        send(&running.child, Signal::TERM);
        let ended = wait_for("the node stops", STOPPED, || running.child.try_wait().expect("the child is ours"));
        assert_eq!(ended.0.code(), Some(0), "an orderly end of {}: {}", self.slug, self.log());
        self.keep_printed(running);
        ended.1
    }

    /// Where it answers HTTP.
    pub fn api(&self) -> SocketAddr {
        self.process.as_ref().expect("the node runs").api
    }

    /// A client with the administrator's token.
    pub fn http(&self) -> Http {
        Http::new(self.api(), Some(&self.token()))
    }

    /// The administrator's token.
    pub fn token(&self) -> String {
        fs::read_to_string(self.directory.join("api-token")).expect("the node made its token").trim().to_owned()
    }

    /// All that the node has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.log_path()).unwrap_or_default()
    }

    /// Where standard error of its processes goes.
    pub fn log_path(&self) -> PathBuf {
        self.directory.with_extension("log")
    }

    /// The answer for a subject.
    pub fn check(&self, class: &str, id: &str) -> Value {
        self.http().post("/v1/check", &json!({ "class": class, "id": id, "purpose": "test" })).ok()
    }

    /// The answer for a subject in one word.
    pub fn answer(&self, class: &str, id: &str) -> String {
        self.check(class, id)["answer"].as_str().unwrap_or_default().to_owned()
    }

    /// Lists accounts and returns the whole answer.
    pub fn list_accounts(&self, ids: &[String]) -> Value {
        self.http().post("/v1/listings", &listing_of(ids)).ok()
    }

    /// Leaves that this node has of a feed; 0 if it has nothing.
    pub fn feed_size(&self, publisher: &str) -> u64 {
        let feeds = self.http().get("/v1/feeds").ok();
        let feed = feeds.as_array().into_iter().flatten().find(|feed| feed["publisher"] == publisher);
        feed.and_then(|feed| feed["size"].as_u64()).unwrap_or(0)
    }

    /// What this node shows of a feed.
    pub fn feed(&self, publisher: &str) -> Value {
        self.http().get(&format!("/v1/feeds/{publisher}")).ok()
    }

    /// What the change stream says is void of a feed: batches that stand, the first void entry, how many.
    pub fn void(&self, publisher: &str) -> Vec<(u64, u64, u64)> {
        let changes = self.http().get("/v1/changes?wait=0").ok();
        let is_void = |change: &&Value| change["kind"] == "void" && change["publisher"] == publisher;
        let voids = changes["changes"].as_array().into_iter().flatten().filter(is_void);
        let number = |change: &Value, key: &str| change[key].as_u64().expect("a number");
        voids.map(|change| (number(change, "stands"), number(change, "leaf"), number(change, "void"))).collect()
    }

    /// Verifies a feed from its first leaf and returns what was found.
    pub fn verify(&self, publisher: &str) -> Value {
        let found = self.http().post(&format!("/v1/feeds/{publisher}/verify"), &json!({})).ok();
        assert_eq!(found["holds"], true, "{found}");
        found
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.kill();
    }
}

fn send(child: &Child, signal: Signal) {
    let pid = i32::try_from(child.id()).ok().and_then(Pid::from_raw).expect("a process has a number");
    // Fails only if it has ended by itself; whoever waits for it sees how.
    let _ = kill_process(pid, signal);
}

/// The body of a request that lists accounts for C01.
pub fn listing_of(ids: &[String]) -> Value {
    let item = |id: &String| json!({ "class": "ACC", "id": id, "conduct": "C01", "evidence": "test" });
    json!({ "items": ids.iter().map(item).collect::<Vec<_>>() })
}

/// The arguments that list an account, whether or not the node runs.
pub fn list_arguments(account: &str) -> [&str; 9] {
    ["list", "--class", "ACC", "--id", account, "--conduct", "C06", "--evidence", "case"]
}

/// Copies a directory with all that is in it, as whoever steals or doubles a stopped node does.
///
/// # Panics
/// If it cannot be read or written.
pub fn copy_directory(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a directory can be made");
    for entry in fs::read_dir(from).expect("the directory can be read") {
        let entry = entry.expect("the directory can be read");
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_directory(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}

/// Runs a command to its end; one that does not come to it is killed.
fn finish(mut command: Command) -> Outcome {
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the program starts");
    let stdout = read_all(child.stdout.take().expect("standard output was asked for"));
    let stderr = read_all(child.stderr.take().expect("standard error was asked for"));
    let began = Instant::now();
    while child.try_wait().expect("the child is ours").is_none() {
        if began.elapsed() > ENDED {
            // Fails only if it has ended by itself.
            let _ = child.kill();
        }
        std::thread::sleep(Duration::from_millis(2));
    }
    let status = child.wait().expect("the child is ours").code();
    let text = |reader: std::thread::JoinHandle<String>| reader.join().expect("reading does not panic");
    Outcome { status, stdout: text(stdout), stderr: text(stderr) }
}

/// Reads a pipe on a thread of its own, so that no pipe fills while the other one is read.
fn read_all(mut pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut content = Vec::new();
        // A broken pipe is an end, too.
        let _ = pipe.read_to_end(&mut content);
        String::from_utf8_lossy(&content).into_owned()
    })
}

/// A port that nobody listens on: the charter names it, so it must be known before the node runs. It lies below those from which
/// systems take the local ends of connections (32768 on Linux, 49152 by RFC 6335): one of these could be the end of another node's
/// connection by the time this one listens.
fn free_port() -> u16 {
    static NEXT: AtomicU16 = AtomicU16::new(0);
    let apart = u16::try_from(std::process::id() % 100).expect("below 100") * 200;
    let mut ports = (0..20_000).map(|_| 12_000 + (apart + NEXT.fetch_add(1, Ordering::Relaxed)) % 20_000);
    let is_free = |port: &u16| TcpListener::bind(("127.0.0.1", *port)).is_ok();
    ports.find(is_free).expect("loopback has a free port")
}
