//! Real nodes: processes of the release binary with their own directories and sockets.

use std::{
    io::{BufRead, BufReader},
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use serde_json::Value;

use super::Http;

/// Names and credit codes with valid check characters; the numbers are invented.
const MEMBERS: [(&str, &str); 5] = [
    ("alibaba", "91350100M000100Y43"),
    ("jd", "91110108551385082Q"),
    ("meituan", "91110108MA00000070"),
    ("pinduoduo", "11110000000013137J"),
    ("douyin", "92719997EC428AREHY"),
];

/// A node; killed when dropped.
pub struct Process {
    /// The member's short name.
    pub slug: &'static str,
    /// Its data directory.
    pub directory: PathBuf,
    /// Where it answers HTTP.
    pub api: SocketAddr,
    child: Option<Child>,
}

impl Process {
    /// Makes the directory of a platform's node.
    pub fn init(root: &Path, number: usize) -> Process {
        Process::init_with(root, number, free_port(), &[])
    }

    /// Makes the directory of a node that listens on this port, with more flags of `init`.
    pub fn init_with(root: &Path, number: usize, listen: u16, flags: &[&str]) -> Process {
        let (slug, code) = MEMBERS[number];
        let api = SocketAddr::from(([127, 0, 0, 1], free_port()));
        let node = Process { slug, directory: root.join(slug), api, child: None };
        let (name, listen, api) = (format!("示例{slug}有限公司"), tcp(listen), api.to_string());
        let common =
            ["init", "--slug", slug, "--legal-name", &name, "--uscc", code, "--listen", &listen, "--api", &api];
        node.command(&[&common[..], &["--keys-in-clear-dangerously"], flags].concat());
        node
    }

    /// Makes the directory of an alliance's founder.
    pub fn founder(root: &Path) -> Process {
        let node = Process::init(root, 0);
        node.found(&["--accept-insider-enumeration"]);
        node
    }

    /// Founds an alliance.
    pub fn found(&self, flags: &[&str]) {
        let names = ["alliance", "create", "--name-zh", "测速联盟", "--name-en", "Bench"];
        self.command(&[&names[..], flags].concat());
    }

    /// Runs a verb on the directory; panics if it fails.
    pub fn command(&self, arguments: &[&str]) -> Value {
        let output = self.binary(arguments).output().expect("the binary runs");
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        let line = output.stdout.split(|byte| *byte == b'\n').find(|line| !line.is_empty()).unwrap_or_default();
        serde_json::from_slice(line).expect("a line of JSON")
    }

    /// Starts the process and waits until it is ready.
    pub fn start(&mut self) {
        self.spawn();
        let child = self.child.as_mut().expect("just spawned");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("piped")).read_line(&mut line).expect("a line");
        assert!(line.contains("ready"), "the node did not start; see {}/node.log", self.directory.display());
    }

    /// Starts the process and does not wait.
    pub fn spawn(&mut self) {
        let log =
            std::fs::File::options().create(true).append(true).open(self.directory.join("node.log")).expect("a log");
        let child = self.binary(&["run", "--log", "warn"]).stdout(Stdio::piped()).stderr(log).spawn();
        self.child = Some(child.expect("the binary runs"));
    }

    /// A connection with the administrator's token; waits until the node listens.
    pub fn http(&self) -> Http {
        let deadline = Instant::now() + Duration::from_secs(60);
        loop {
            let token = std::fs::read_to_string(self.directory.join("api-token")).unwrap_or_default();
            match Http::connect(self.api, &token) {
                Ok(http) if !token.is_empty() => return http,
                _ if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(1)),
                _ => panic!("nobody listens at {}", self.api),
            }
        }
    }

    /// The administrator's token.
    pub fn token(&self) -> String {
        std::fs::read_to_string(self.directory.join("api-token")).expect("a token")
    }

    /// Resident memory in MiB, of [`std::process::Child`]'s own process alone.
    pub fn resident_mib(&self) -> f64 {
        let pid = self.child.as_ref().expect("it runs").id();
        let status = std::fs::read_to_string(format!("/proc/{pid}/status")).expect("a process");
        let kib =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
        kib.expect("VmRSS") / 1024.0
    }

    /// Seconds of the processors' time that it has used so far.
    pub fn processor_seconds(&self) -> f64 {
        let pid = self.child.as_ref().expect("it runs").id();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("a process");
        // proc_pid_stat(5): in user mode and in the kernel, fields 14 and 15 of which 3 follows the name in parentheses; in
        // ticks of which Linux has a hundred a second everywhere.
        let (_, rest) = stat.rsplit_once(") ").expect("a name in parentheses");
        let ticks = |field: usize| rest.split(' ').nth(field - 3).and_then(|ticks| ticks.parse::<f64>().ok());
        (ticks(14).expect("utime") + ticks(15).expect("stime")) / 100.0
    }

    /// Kills it as a power cut would.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("a running child");
            child.wait().expect("a child");
        }
    }

    /// Stops it in order.
    pub fn stop(&mut self) {
        let Some(mut child) = self.child.take() else { return };
        let pid = rustix::process::Pid::from_child(&child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).expect("a running child");
        child.wait().expect("a child");
    }

    fn binary(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_antibrush"));
        command.args(arguments).arg("--json").arg("--dir").arg(&self.directory).stdin(Stdio::null());
        for name in ["ANTIBRUSH_DIR", "ANTIBRUSH_API", "ANTIBRUSH_LISTEN", "ANTIBRUSH_ANNOUNCE", "ANTIBRUSH_PASSPHRASE"]
        {
            command.env_remove(name);
        }
        command
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Has ended by itself, or ends now.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Platforms of one alliance, all running.
pub struct Alliance {
    root: PathBuf,
    /// The founder first.
    pub nodes: Vec<Process>,
}

impl Alliance {
    /// Founds it and admits the others by invitation.
    pub fn start(root: &Path, members: usize) -> Alliance {
        let mut founder = Process::founder(root);
        founder.start();
        let mut alliance = Alliance { root: root.to_owned(), nodes: vec![founder] };
        for _ in 1..members {
            alliance.join().start();
        }
        alliance
    }

    /// Admits one more; it does not run yet.
    pub fn join(&mut self) -> &mut Process {
        let node = Process::init(&self.root, self.nodes.len());
        let slug = MEMBERS[self.nodes.len()].0;
        let invited = self.nodes[0].command(&["alliance", "admit", "--slug", slug]);
        node.command(&["join", invited["invitation"].as_str().expect("an invitation")]);
        self.nodes.push(node);
        self.nodes.last_mut().expect("just pushed")
    }
}

/// A port of this machine as a multiaddress.
pub fn tcp(port: u16) -> String {
    format!("/ip4/127.0.0.1/tcp/{port}")
}

/// A port that is free now.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}
