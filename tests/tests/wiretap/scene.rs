//! An alliance under suite 2 with an ear on every line: each connection between nodes goes through a tap, each node copies what
//! it sends before encryption, each HTTP answer goes through a tap, and all that commands print is kept.

use std::{
    cell::RefCell,
    collections::BTreeMap,
    fs,
    io::Write,
    path::PathBuf,
    process::Stdio,
    sync::{Arc, Mutex},
};

use antibrush_tests::{Alliance, Http, Leak, Leaks, Outcome, TcpTap};

/// The nodes.
pub const NODES: [&str; 4] = ["alpha", "beta", "notary", "regulator"];

/// Where a multiaddress of this test points.
fn socket(address: &str) -> std::net::SocketAddr {
    let parts: Vec<&str> = address.split('/').collect();
    format!("{}:{}", parts[2], parts[4]).parse().unwrap()
}

/// The alliance and everything that was overheard.
pub struct Scene {
    /// alpha and beta are platforms; both and the notary hold shares; the regulator observes.
    pub alliance: Alliance,
    /// In front of each node's port for other nodes, by the node's name.
    pub lines: Arc<Mutex<BTreeMap<String, TcpTap>>>,
    /// In front of each HTTP port that a node had.
    answers: RefCell<Vec<(String, TcpTap)>>,
    /// What commands printed, standard output and standard error.
    printed: RefCell<Vec<(String, Vec<u8>)>>,
    /// Files that commands wrote.
    written: RefCell<Vec<PathBuf>>,
}

impl Scene {
    pub fn new() -> Scene {
        let lines: Arc<Mutex<BTreeMap<String, TcpTap>>> = Arc::default();
        let kept = lines.clone();
        let mut alliance = Alliance::equipped(&["alpha", "beta"], move |node| {
            let tap = TcpTap::to(socket(&node.listen));
            let announced = format!("/ip4/127.0.0.1/tcp/{}", tap.address().port());
            let file = node.directory.with_extension("tap").display().to_string();
            for (name, value) in
                [("ANNOUNCE", announced), ("TAP", file), ("LOG", "trace,antibrush_node=trace".to_owned())]
            {
                node.environment.push((format!("ANTIBRUSH_{name}"), value));
            }
            kept.lock().unwrap().insert(node.slug.clone(), tap);
        });
        alliance.admit("regulator", "observer");
        alliance.settle();
        let holders = ["--holders", "alpha,beta,notary", "--threshold", "2"];
        let made = alliance["alpha"].command(&[&["keys", "ceremony"], &holders[..]].concat());
        assert_eq!(made["phase"], "in_charter", "{made}");
        alliance.wait_for_keys(1);
        let (answers, printed, written) = Default::default();
        Scene { alliance, lines, answers, printed, written }
    }

    /// A client whose answers are kept.
    pub fn http(&self, slug: &str) -> Http {
        let node = &self.alliance[slug];
        let tap = TcpTap::to(node.api());
        let http = Http::new(tap.address(), Some(&node.token()));
        self.answers.borrow_mut().push((format!("answers of {slug}"), tap));
        http
    }

    /// Runs a command and keeps what it prints.
    pub fn cli(&self, slug: &str, arguments: &[&str]) -> Outcome {
        self.kept(&arguments[..1], self.alliance[slug].outcome(arguments))
    }

    /// The same with an identifier on standard input.
    pub fn cli_reading(&self, slug: &str, arguments: &[&str], input: &str) -> Outcome {
        let mut command = self.alliance[slug].invoke(arguments);
        let command = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        let (status, stdout, stderr) = (output.status.code(), text(output.stdout), text(output.stderr));
        self.kept(&arguments[..1], Outcome { status, stdout, stderr })
    }

    fn kept(&self, verb: &[&str], outcome: Outcome) -> Outcome {
        let said = [outcome.stdout.as_bytes(), outcome.stderr.as_bytes()].concat();
        self.printed.borrow_mut().push((format!("what `{}` printed", verb[0]), said));
        outcome
    }

    /// The path of a file that a command will write.
    pub fn out(&self, name: &str) -> String {
        let path = self.alliance.root().join(name);
        self.written.borrow_mut().push(path.clone());
        path.display().to_string()
    }

    /// What a node copied before encryption.
    pub fn tap_file(&self, slug: &str) -> Vec<u8> {
        fs::read(self.alliance[slug].directory.with_extension("tap")).unwrap()
    }

    /// Everything that left the processes or lies on a disk. The imported files themselves lie outside the data directories.
    pub fn search(&self, leaks: &Leaks) -> Vec<Leak> {
        let mut found = Vec::new();
        for slug in NODES {
            let node = &self.alliance[slug];
            let files = [(node.directory.with_extension("tap"), "tap"), (node.log_path(), "log")];
            for (path, kind) in files {
                let file = fs::File::open(&path).unwrap();
                found.extend(leaks.scan_stream(&format!("{kind} of {slug}"), file).unwrap());
            }
            found.extend(leaks.scan(&format!("standard output of {slug}"), node.printed()));
            found.extend(leaks.scan_directory(&node.directory, &[]));
        }
        for (slug, tap) in self.lines.lock().unwrap().iter() {
            found.extend(tap.scan(&format!("line to {slug}"), leaks));
        }
        for (name, tap) in self.answers.borrow().iter() {
            found.extend(tap.scan_answers(name, leaks));
        }
        for (name, said) in self.printed.borrow().iter() {
            found.extend(leaks.scan(name, said));
        }
        for path in self.written.borrow().iter() {
            if path.is_dir() {
                found.extend(leaks.scan_directory(path, &[]));
            } else {
                found.extend(leaks.scan(&path.display().to_string(), &fs::read(path).unwrap()));
            }
        }
        found
    }

    /// What is found in the requests, which name identifiers by nature: shows that the search sees what goes over these lines.
    pub fn search_requests(&self, leaks: &Leaks) -> usize {
        let answers = self.answers.borrow();
        let requests = answers.iter().flat_map(|(_, tap)| tap.recorded());
        requests.map(|recorded| leaks.scan("requests", &recorded.sent).len()).sum()
    }

    /// Bytes of answers.
    pub fn answered(&self) -> usize {
        let answers = self.answers.borrow();
        answers.iter().flat_map(|(_, tap)| tap.recorded()).map(|recorded| recorded.received.len()).sum()
    }
}
