//! An alliance whose personal classes have threshold keys.

use std::{
    path::Path,
    time::{Duration, Instant},
};

use super::{Http, Process, Relay, free_port, tcp};

/// Two of two hold the keys: the founder, a platform, and a key holder that is none. A third node, a platform without a
/// share, asks them.
pub struct Shared {
    /// The founder, the key holder, the asker.
    pub nodes: [Process; 3],
    /// Before each of the two holders, if their bytes are counted, with the number of the asker's first connection.
    pub relays: Vec<(Relay, usize)>,
}

impl Shared {
    /// Founds it, lets the holders make the keys and starts the asker. `counted`: the asker reaches the holders through a
    /// [`Relay`] each, and they cannot reach it, so that all of its connections are counted.
    pub fn start(root: &Path, counted: bool) -> Shared {
        let mut relays = Vec::new();
        let mut init = |number: usize, role: &str| {
            let listen = free_port();
            let announce = match (number, counted) {
                (_, false) => listen,
                // Nobody listens there.
                (2, true) => free_port(),
                (_, true) => {
                    relays.push((Relay::to(listen), 0));
                    relays.last().expect("just pushed").0.port
                }
            };
            Process::init_with(root, number, listen, &["--announce", &tcp(announce), "--role", role])
        };
        let mut nodes = [init(0, "platform"), init(1, "key-holder"), init(2, "platform")];
        let [founder, holder, asker] = &mut nodes;
        founder.found(&[]);
        founder.start();
        join(founder, holder, "key-holder");
        holder.start();
        let holders = format!("{},{}", founder.slug, holder.slug);
        // The founder must have heard of the holder's node first.
        connected(&mut founder.http(), 1);
        founder.command(&["keys", "ceremony", "--holders", &holders, "--threshold", "2"]);
        join(founder, asker, "platform");
        for (relay, first) in &mut relays {
            *first = relay.connections();
        }
        asker.start();
        for node in &nodes {
            until("it has the keys", || has_keys(&mut node.http()));
        }
        connected(&mut nodes[2].http(), 2);
        until("the asker hears from every feed", || {
            nodes[2].http().send("GET", "/readyz", b"").is_ok_and(|(status, _)| status == 200)
        });
        Shared { nodes, relays }
    }

    /// The platform without a share.
    pub fn asker(&self) -> &Process {
        &self.nodes[2]
    }
}

fn join(founder: &Process, node: &Process, role: &str) {
    let invited = founder.command(&["alliance", "admit", "--slug", node.slug, "--role", role]);
    node.command(&["join", invited["invitation"].as_str().expect("an invitation")]);
}

/// Whether a node has threshold keys, and an active share if it holds one.
fn has_keys(http: &mut Http) -> bool {
    let keys = http.json("GET", "/v1/keys", &().into());
    let mut shared = keys["keys"].as_array().into_iter().flatten().filter(|key| key["suite"] == 2).peekable();
    shared.peek().is_some() && shared.all(|key| key["own_share"] != false)
}

/// Waits until a node has so many others.
pub fn connected(http: &mut Http, others: usize) {
    until("the nodes are connected", || http.json("GET", "/v1/status", &().into())["connected"] == others);
}

/// Waits for something that comes by itself.
pub fn until(what: &str, mut done: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(120);
    while !done() {
        assert!(Instant::now() < deadline, "never: {what}");
        std::thread::sleep(Duration::from_millis(20));
    }
}
