//! What an attacker has: a number space, a charter, members' keys, stolen shares, and a line to the holders.

use std::{
    collections::BTreeSet,
    fs,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use antibrush_node::{
    holder::shares::{self, Shares},
    keys::{KeyStore, Keys, LocalKey, Protection},
    network::{self, Address, Command, Event, Tap},
};
use antibrush_protocol::{
    base::{Hash, Token},
    charter::{SignedCharter, TokenKey},
    evaluation::{Answer, EvaluationRequest, EvaluationResponse},
    replica::Peer,
    signed::Signed,
    subject::{Class, Subject},
    suite::{
        Extractor,
        threshold::{Blinded, Checked, Evaluation, KeyShare, OprfError, ThresholdKey, blind},
    },
};
use antibrush_tests::{Alliance, Node, PATIENCE, wait_for, wait_until};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::json;
use tokio::{runtime::Runtime, sync::oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// The space: 1540000xxxx.
pub const SPACE: usize = 10_000;

/// How many of it are listed.
pub const LISTED: usize = 40;

/// A number of the space.
pub fn number(n: usize) -> String {
    format!("1540000{n:04}")
}

/// The numbers that are listed, spread over the space: three of them among the first 512, two among the first 384.
pub fn listed() -> Vec<usize> {
    (0..LISTED).map(|n| n * 249 + 7).collect()
}

/// Lists them at a platform.
pub fn list(alliance: &Alliance, slug: &str) {
    let item = |n| json!({ "class": "MOB", "id": number(n), "conduct": "C01", "evidence": "test" });
    let items: Vec<_> = listed().into_iter().map(item).collect();
    let answer = alliance[slug].http().post("/v1/listings", &json!({ "items": items })).ok();
    assert_eq!(answer["counted"]["listed"], LISTED);
    alliance.wait_for_leaves(slug, LISTED as u64);
}

/// The tokens of the listings, as every member reads them.
pub fn tokens(node: &Node) -> BTreeSet<[u8; 32]> {
    let page = node.http().get("/v1/changes").ok();
    let changes = page["changes"].as_array().unwrap().iter().filter(|change| change["class"] == "MOB");
    changes.map(|change| hex::decode(change["token"].as_str().unwrap()).unwrap().try_into().unwrap()).collect()
}

/// The newest charter, as every member has it.
pub fn charter(node: &Node) -> SignedCharter {
    let objects = node.http().get("/v1/archive/charters").ok();
    let newest = objects["objects"].as_array().unwrap().last().unwrap().as_str().unwrap().to_owned();
    SignedCharter::decode(&STANDARD.decode(newest).unwrap()).unwrap()
}

/// The keys in a member's data directory.
pub fn keys(node: &Node) -> Keys {
    KeyStore::open(&node.directory, &Protection::InClearDangerously).unwrap()
}

/// One threshold key as the charter shows it to everybody.
pub struct Target {
    pub alliance: Hash,
    pub charter: Hash,
    pub token_key: TokenKey,
    pub key: ThresholdKey,
}

impl Target {
    pub fn new(alliance: &Alliance, class: Class) -> Target {
        let signed = charter(&alliance["alpha"]);
        let token_key = signed.charter().token_key(class).unwrap().clone();
        let key = ThresholdKey::read(token_key.threshold, &token_key.public_keys).unwrap();
        let id = hex::decode(&alliance.id).unwrap().try_into().unwrap();
        Target { alliance: id, charter: signed.id(), token_key, key }
    }

    /// Blinds these numbers of the space; at most a batch.
    pub fn blind(&self, numbers: std::ops::Range<usize>) -> Blinded {
        let inputs: Vec<Vec<u8>> = numbers.map(|n| self.input(n)).collect();
        let mut entropy: Vec<[u8; 64]> = inputs.iter().map(|_| antibrush_node::random::bytes()).collect();
        blind(inputs, &mut entropy).unwrap()
    }

    fn input(&self, n: usize) -> Vec<u8> {
        let mut input = Vec::new();
        Subject::parse(Class::Mob, &number(n)).unwrap().input(&self.alliance, &mut input);
        input
    }

    pub fn request(&self, blinded: &Blinded) -> EvaluationRequest {
        let elements = blinded.elements().iter().map(|element| *element.bytes()).collect();
        EvaluationRequest { charter: self.charter, key: self.token_key.id(), elements }
    }

    /// What a stolen share makes of a batch; nobody counts it.
    pub fn evaluate(&self, share: &KeyShare, blinded: &Blinded) -> Checked {
        let answer = share.evaluate(blinded.elements(), &mut antibrush_node::random::bytes()).unwrap();
        self.key.check(blinded.elements(), &answer).unwrap()
    }

    /// The tokens of a batch.
    pub fn tokens(&self, blinded: &Blinded, answers: &[Checked]) -> Result<Vec<Token>, OprfError> {
        self.tokens_under(&self.key, blinded, answers)
    }

    /// The same with public keys of the attacker's choice.
    pub fn tokens_under(
        &self,
        key: &ThresholdKey,
        blinded: &Blinded,
        answers: &[Checked],
    ) -> Result<Vec<Token>, OprfError> {
        let extractor = Extractor::new(&self.token_key.id());
        Ok(key.finalize(blinded, answers)?.iter().map(|prf| extractor.derive(prf).token()).collect())
    }
}

/// Takes a copy of a holder's secrets and opens its share with its seal key.
pub fn steal_share(alliance: &Alliance, slug: &str, target: &Target) -> KeyShare {
    let node = &alliance[slug];
    let copy = alliance.root().join(format!("stolen-from-{slug}"));
    let directory = copy.join(shares::DIRECTORY);
    fs::create_dir_all(&directory).unwrap();
    for file in fs::read_dir(node.directory.join(shares::DIRECTORY)).unwrap() {
        let file = file.unwrap();
        fs::copy(file.path(), directory.join(file.file_name())).unwrap();
    }
    let key = LocalKey::derive(keys(node).seal().unwrap().secret(), "shares");
    let member = charter(&alliance["alpha"]).charter().member_by_slug(slug).unwrap().number;
    let public = target.token_key.public_share(target.token_key.share_of(member).unwrap()).unwrap();
    Shares::open(&copy, key).unwrap().share(&target.token_key.id(), public).unwrap().expect("the holder has its share")
}

/// A peer of our own making on the network, under a member's node key or any other.
pub struct Asker {
    runtime: Runtime,
    commands: tokio::sync::mpsc::Sender<Command>,
    stop: CancellationToken,
    /// Whether a connection was ever made, and whether one ended.
    pub connected: Arc<AtomicBool>,
    pub disconnected: Arc<AtomicBool>,
}

impl Asker {
    /// Dials these nodes.
    pub fn new(secret: &[u8; 32], listen: &str, alliance: &Alliance, holders: &[&str]) -> Asker {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let id = hex::decode(&alliance.id).unwrap().try_into().unwrap();
        let (mut secret, listen) = (*secret, [listen.parse().unwrap()]);
        let started = network::start(&mut secret, id, &listen, Tap::none(), stop.clone(), &tasks);
        let started = runtime.block_on(started).unwrap();
        let commands = started.commands;
        let charter = charter(&alliance["alpha"]);
        let address = |slug: &&str| Address {
            peer: node_key(&charter, slug),
            addresses: vec![alliance[slug].listen.parse().unwrap()],
            former: false,
        };
        let members = holders.iter().map(address).collect();
        runtime.block_on(commands.send(Command::Members(members))).unwrap();
        let mut events = started.events;
        let [connected, disconnected]: [Arc<AtomicBool>; 2] = Default::default();
        let flags = (connected.clone(), disconnected.clone());
        runtime.spawn(async move {
            // What others ask is not answered.
            while let Some(event) = events.recv().await {
                match event {
                    Event::Connected(_) => flags.0.store(true, Ordering::Relaxed),
                    Event::Disconnected(_) => flags.1.store(true, Ordering::Relaxed),
                    _ => {}
                }
            }
        });
        Asker { runtime, commands, stop, connected, disconnected }
    }

    /// One question to one holder; `None` if there is no connection or it is cut.
    pub fn try_ask(&self, holder: Peer, request: &EvaluationRequest) -> Option<EvaluationResponse> {
        let (reply, answer) = oneshot::channel();
        self.runtime.block_on(async {
            let command = Command::Evaluate { peer: holder, request: request.clone(), reply };
            self.commands.send(command).await.unwrap();
            answer.await.ok()?.ok()
        })
    }

    /// Asks until the holder answers something else than to come again.
    pub fn ask(&self, holder: Peer, request: &EvaluationRequest) -> EvaluationResponse {
        let again = |answer: &EvaluationResponse| matches!(answer, EvaluationResponse::Busy { .. });
        wait_for("a holder answers", PATIENCE, || self.try_ask(holder, request).filter(|answer| !again(answer))).0
    }
}

impl Drop for Asker {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A member's node key.
pub fn node_key(charter: &SignedCharter, slug: &str) -> Peer {
    charter.charter().member_by_slug(slug).unwrap().nodes[0].key
}

/// Reads an answer that evaluates; `None` if the quota is used up.
pub fn evaluated(target: &Target, blinded: &Blinded, response: EvaluationResponse) -> Option<Checked> {
    match response {
        EvaluationResponse::Evaluated(envelope) => {
            let answer = Signed::<Answer>::decode(&envelope).unwrap().payload().clone();
            let evaluation = Evaluation { holder: answer.share, elements: answer.elements, proof: answer.proof };
            Some(target.key.check(blinded.elements(), &evaluation).unwrap())
        }
        EvaluationResponse::Exhausted { .. } => None,
        other => panic!("neither evaluated nor exhausted: {other:?}"),
    }
}

/// Counts are by the day: a test that looks at them does not begin in the last two minutes of one.
pub fn begin_well_before_midnight() {
    wait_for("the day is young enough", std::time::Duration::from_secs(150), || {
        (antibrush_node::clock::wall().0 % 86_400 < 86_400 - 120).then_some(())
    });
}

/// Waits until a node sees these holders and no others, itself not counted.
pub fn wait_for_holders(node: &Node, connected: &[&str]) {
    let mut http = node.http();
    wait_until("the node sees which holders are there", || {
        let keys = http.get("/v1/keys").ok();
        let holders = keys["holders"].as_array().unwrap().clone();
        let others = holders.iter().filter(|holder| holder["member"] != node.slug.as_str());
        let there: Vec<&str> = others
            .filter(|holder| holder["connected"] == true)
            .filter_map(|holder| holder["member"].as_str())
            .collect();
        there == connected
    });
}
