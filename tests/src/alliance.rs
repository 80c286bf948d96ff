//! An alliance of nodes on this machine.

use std::{
    ops::{Index, IndexMut},
    path::{Path, PathBuf},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{node::Node, wait::wait_until};

/// An alliance; its nodes are killed and its files removed when it goes out of scope.
pub struct Alliance {
    /// The alliance's id in hex.
    pub id: String,
    /// The nodes, the founder first.
    pub nodes: Vec<Node>,
    // After the nodes: their files go when they are gone.
    root: TempDir,
    /// What is done to each node before it is made: variables of its processes.
    equip: Equip,
}

type Equip = Box<dyn Fn(&mut Node) + Send + Sync>;

impl Alliance {
    /// Founds an alliance with the first platform, admits the others, starts all and waits until each has heard from each.
    pub fn with(slugs: &[&str]) -> Alliance {
        let mut alliance = Alliance::founded(slugs[0]);
        for slug in &slugs[1..] {
            alliance.admit(slug, "platform");
        }
        alliance.settle();
        alliance
    }

    /// An alliance with its founder alone, running.
    pub fn founded(slug: &str) -> Alliance {
        Alliance::founded_with(slug, &["--accept-insider-enumeration"])
    }

    /// An alliance with its founder alone, running, founded with these flags.
    pub fn founded_with(slug: &str, flags: &[&str]) -> Alliance {
        Alliance::founded_by(slug, flags, Box::new(|_| {}))
    }

    /// An alliance with its founder alone, running, whose nodes get something done to them before they are made.
    pub fn founded_equipped(slug: &str, equip: impl Fn(&mut Node) + Send + Sync + 'static) -> Alliance {
        Alliance::founded_by(slug, &["--accept-insider-enumeration"], Box::new(equip))
    }

    fn founded_by(slug: &str, flags: &[&str], equip: Equip) -> Alliance {
        let root = tempfile::tempdir().expect("a temporary directory can be made");
        let mut node = Node::new(root.path(), slug);
        equip(&mut node);
        node.make("platform", 1);
        let id = found(&node, flags);
        node.start();
        Alliance { id, nodes: vec![node], root, equip }
    }

    /// Platforms and one key holder that is none, `notary`, all running and connected; no ceremony yet.
    pub fn before_ceremony(platforms: &[&str]) -> Alliance {
        Alliance::equipped(platforms, |_| {})
    }

    /// The same with nodes to which something is done before they are made.
    pub fn equipped(platforms: &[&str], equip: impl Fn(&mut Node) + Send + Sync + 'static) -> Alliance {
        let mut alliance = Alliance::founded_by(platforms[0], &[], Box::new(equip));
        for slug in &platforms[1..] {
            alliance.admit(slug, "platform");
        }
        alliance.admit("notary", "key-holder");
        alliance.settle();
        alliance
    }

    /// An alliance whose personal classes have threshold keys (suite 2): all its nodes hold shares, `threshold` must answer.
    pub fn shared(platforms: &[&str], threshold: u8) -> Alliance {
        let alliance = Alliance::before_ceremony(platforms);
        alliance.ceremony(threshold);
        alliance
    }

    /// Runs the first ceremony among all nodes and waits until every one of them has the keys.
    pub fn ceremony(&self, threshold: u8) {
        let holders: Vec<&str> = self.nodes.iter().map(|node| node.slug.as_str()).collect();
        self.ceremony_of(&holders, threshold);
    }

    /// Runs the first ceremony among these holders and waits until every node has the keys and reaches them.
    pub fn ceremony_of(&self, holders: &[&str], threshold: u8) {
        let (holders, threshold) = (holders.join(","), threshold.to_string());
        let made = self.nodes[0].command(&["keys", "ceremony", "--holders", &holders, "--threshold", &threshold]);
        assert_eq!(made["phase"], "in_charter", "{made}");
        self.wait_for_keys(1);
        self.wait_for_holders();
    }

    /// Waits until every running node is connected to every holder.
    pub fn wait_for_holders(&self) {
        for node in self.nodes.iter().filter(|node| node.runs()) {
            let mut http = node.http();
            wait_until(&format!("{} reaches every holder", node.slug), || {
                let keys = http.get("/v1/keys").ok();
                keys["holders"].as_array().into_iter().flatten().all(|holder| holder["connected"] == true)
            });
        }
    }

    /// Waits until every running node has an active share, if it holds one, of every key of an epoch.
    pub fn wait_for_keys(&self, epoch: u64) {
        for node in self.nodes.iter().filter(|node| node.runs()) {
            let mut http = node.http();
            wait_until(&format!("{} has the keys of epoch {epoch}", node.slug), || {
                let keys = http.get("/v1/keys").ok();
                let mut of = keys["keys"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|key| key["suite"] == 2 && key["epoch"] == epoch)
                    .peekable();
                of.peek().is_some() && of.all(|key| key["own_share"] != false)
            });
        }
    }

    /// Admits a member by invitation and starts its node.
    pub fn admit(&mut self, slug: &str, role: &str) -> &mut Node {
        self.join(slug, role);
        let node = self.nodes.last_mut().expect("it has just joined");
        node.start();
        node
    }

    /// Admits a member by invitation; its node has the charter and nothing else, and does not run.
    pub fn join(&mut self, slug: &str, role: &str) -> &mut Node {
        let number = u32::try_from(self.nodes.len()).expect("few nodes") + 1;
        let mut node = Node::new(self.root.path(), slug);
        (self.equip)(&mut node);
        node.make(role, number);
        let invitation = self.invite(slug, role);
        let joined = node.command(&["join", &invitation]);
        assert_eq!(joined["alliance"], self.id.as_str());
        self.nodes.push(node);
        self.nodes.last_mut().expect("it was pushed")
    }

    /// Makes a node that has not joined yet, with a directory of its own name.
    pub fn make(&mut self, slug: &str, role: &str) -> Node {
        let number = u32::try_from(self.nodes.len()).expect("few nodes") + 1;
        let mut node = Node::new(self.root.path(), slug);
        (self.equip)(&mut node);
        node.make(role, number);
        node
    }

    /// An invitation by the founder.
    pub fn invite(&self, slug: &str, role: &str) -> String {
        let invited = self.nodes[0].command(&["alliance", "admit", "--slug", slug, "--role", role]);
        invited["invitation"].as_str().expect("an invitation is a text").to_owned()
    }

    /// Waits until every running node has heard from every feed.
    pub fn settle(&self) {
        for node in self.nodes.iter().filter(|node| node.runs()) {
            let mut http = node.http();
            wait_until(&format!("{} hears from every feed", node.slug), || http.get("/readyz").status == 200);
            // A node is ready before its own first heartbeat, which would come in between later.
            wait_until(&format!("{} has a head of every feed", node.slug), || {
                let feeds = http.get("/v1/feeds").ok();
                feeds.as_array().into_iter().flatten().all(|feed| feed["seq"].is_u64())
            });
        }
    }

    /// Waits until every running node has so many leaves of a feed.
    pub fn wait_for_leaves(&self, publisher: &str, leaves: u64) {
        for node in self.nodes.iter().filter(|node| node.runs()) {
            wait_until(&format!("{} has {leaves} leaves of {publisher}", node.slug), || {
                node.feed_size(publisher) >= leaves
            });
        }
    }

    /// A directory that goes with the alliance.
    pub fn root(&self) -> &Path {
        self.root.path()
    }

    /// Writes a file into that directory.
    pub fn file(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.root.path().join(name);
        std::fs::write(&path, content).expect("a temporary file can be written");
        path
    }

    /// Imports a file at a node with the command line and returns the summary.
    pub fn import(&self, slug: &str, name: &str, content: impl AsRef<[u8]>) -> Value {
        let path = self.file(name, content);
        self[slug].command(&["import", &path.display().to_string()])
    }
}

/// Founds an alliance at a node that does not run; returns the alliance's id.
fn found(node: &Node, flags: &[&str]) -> String {
    let names = ["--name-zh", "测试联盟", "--name-en", "Test alliance"];
    let arguments = [&["alliance", "create"], &names[..], flags].concat();
    node.command(&arguments)["alliance"].as_str().expect("an alliance has an id").to_owned()
}

impl Index<&str> for Alliance {
    type Output = Node;

    fn index(&self, slug: &str) -> &Node {
        self.nodes.iter().find(|node| node.slug == slug).unwrap_or_else(|| panic!("no node of {slug}"))
    }
}

impl IndexMut<&str> for Alliance {
    fn index_mut(&mut self, slug: &str) -> &mut Node {
        self.nodes.iter_mut().find(|node| node.slug == slug).unwrap_or_else(|| panic!("no node of {slug}"))
    }
}
