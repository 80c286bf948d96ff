//! A member whose node the test itself plays: its keys from its data directory, a real connection, and in ceremonies and
//! evaluations whatever the test wants it to say.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use antibrush_node::{
    clock,
    holder::shares::Shares,
    keys::{KeyStore, Keys, LocalKey, Protection},
    network::{self, Address, Command, Evaluation, Event, Tap},
};
use antibrush_protocol::{
    base::{Hash, MemberNumber},
    board::{Board, Post, PostId},
    ceremony::{Call, Ceremony, Me, Message, Progress, Round, Seed, Step, verify_message},
    charter::{CharterChain, SignedCharter},
    evaluation::{EvaluationRequest, EvaluationResponse},
    replica::{Peer, RequestId, Topic, Verdict},
    signed::{Signer, Verified, sign},
    sync::{Heads, Request, Response},
};
use antibrush_tests::{Alliance, Node, PATIENCE, wait_for};
use base64::{Engine, engine::general_purpose::STANDARD};
use tokio::{
    runtime::Runtime,
    sync::{mpsc, oneshot},
};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

/// How the puppet answers a request for an evaluation.
pub type Evaluator = Box<dyn Fn(&EvaluationRequest) -> EvaluationResponse + Send>;

/// Between two comparisons of boards with everybody.
const COMPARE_EVERY: Duration = Duration::from_millis(50);

/// The member.
pub struct Puppet {
    /// Its short name.
    pub slug: String,
    /// Its number.
    pub number: MemberNumber,
    /// Its keys.
    pub keys: Keys,
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
    stop: CancellationToken,
    runtime: Runtime,
}

#[derive(Default)]
struct Shared {
    posts: Mutex<BTreeMap<PostId, Arc<[u8]>>>,
    evaluator: Mutex<Option<Evaluator>>,
    evaluations: Mutex<usize>,
}

/// Opens the keys of a member.
pub fn keys_of(node: &Node) -> Keys {
    KeyStore::open(&node.directory, &Protection::InClearDangerously).expect("keys in clear open")
}

/// Opens the secret shares of a member. While its node runs, nothing may be about to be kept.
pub fn shares_of(node: &Node) -> Shares {
    let key = LocalKey::derive(keys_of(node).seal().unwrap().secret(), "shares");
    Shares::open(&node.directory, key).expect("the directory of shares opens")
}

/// The charters as a node has them.
pub fn chain_of(node: &Node) -> CharterChain {
    let mut http = node.http();
    let mut chain: Option<CharterChain> = None;
    loop {
        let next = chain.as_ref().map_or(1, |chain| chain.current().number + 1);
        let objects = http.get(&format!("/v1/archive/charters?from={next}")).ok();
        let objects = objects["objects"].as_array().unwrap().clone();
        if let (true, Some(chain)) = (objects.is_empty(), chain.clone()) {
            return chain;
        }
        for object in objects {
            let charter = SignedCharter::decode(&STANDARD.decode(object.as_str().unwrap()).unwrap()).unwrap();
            match &mut chain {
                Some(chain) => assert!(chain.extend(charter).unwrap()),
                None => chain = Some(CharterChain::found(charter, None).unwrap()),
            }
        }
    }
}

impl Puppet {
    /// Plays the member whose node does not run: connects to all that do.
    pub fn of(alliance: &Alliance, slug: &str) -> Puppet {
        let node = &alliance[slug];
        assert!(!node.runs(), "{slug} plays itself");
        let (keys, chain) = (keys_of(node), chain_of(&alliance.nodes[0]));
        let charter = chain.current();
        let number = charter.member_by_slug(slug).unwrap().number;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let (stop, tasks) = (CancellationToken::new(), TaskTracker::new());
        let (mut secret, listen) = (*keys.node().unwrap().secret(), [node.listen.parse().unwrap()]);
        let started = network::start(&mut secret, chain.alliance(), &listen, Tap::none(), stop.clone(), &tasks);
        let started = runtime.block_on(started).unwrap();
        let others = charter.members.iter().filter(|member| member.number != number).flat_map(|member| &member.nodes);
        let others = others.map(|node| Address {
            peer: node.key,
            addresses: node.addresses.iter().filter_map(|address| address.parse().ok()).collect(),
            former: false,
        });
        runtime.block_on(started.commands.send(Command::Members(others.collect()))).unwrap();
        let shared = Arc::new(Shared::default());
        let heads =
            Heads { charter: charter.number, charter_id: chain.current_id(), feeds: Vec::new(), clock: clock::wall() };
        let commands = started.commands.clone();
        let playing = Playing { commands: started.commands, shared: shared.clone(), heads, peers: BTreeMap::new() };
        runtime.spawn(playing.play(started.events, started.evaluations));
        Puppet { slug: slug.to_owned(), number, keys, commands, shared, stop, runtime }
    }

    /// Puts a post on its board, from which it goes to everybody.
    pub fn post(&self, post: &Post) {
        self.shared.posts.lock().unwrap().insert(post.id(), post.encode().into());
    }

    /// Signs a message of a ceremony and posts it.
    pub fn say(&self, message: &Message) {
        self.post(&Post::sign(message, self.keys.feed().unwrap(), Post::Ceremony));
    }

    /// Answers evaluations in this way from now on.
    pub fn evaluate(&self, evaluator: Evaluator) {
        *self.shared.evaluator.lock().unwrap() = Some(evaluator);
    }

    /// How often it was asked to evaluate.
    pub fn evaluations(&self) -> usize {
        *self.shared.evaluations.lock().unwrap()
    }

    /// Asks a node to evaluate.
    pub fn ask(&self, peer: Peer, request: EvaluationRequest) -> EvaluationResponse {
        let (response, _) = wait_for("an evaluation", PATIENCE, || {
            let (reply, answer) = oneshot::channel();
            let command = Command::Evaluate { peer, request: request.clone(), reply };
            self.runtime.block_on(self.commands.send(command)).unwrap();
            // Not connected yet.
            self.runtime.block_on(answer).unwrap().ok()
        });
        response
    }

    /// Its part in a ceremony that it has heard of.
    pub fn join(&self, node: &Node, ceremony: &str) -> Part<'_> {
        let id: Hash = hex::decode(ceremony).unwrap().try_into().unwrap();
        let (part, _) = wait_for(&format!("{} hears of the ceremony", self.slug), PATIENCE, || {
            let chain = chain_of(node);
            let call = self.board(&chain).call(&id)?.clone();
            Some(Part { puppet: self, ceremony: Ceremony::new(call.clone(), &[]).unwrap(), call, chain })
        });
        part
    }

    fn board(&self, chain: &CharterChain) -> Board {
        let posts = self.shared.posts.lock().unwrap();
        let mut posts: Vec<Post> = posts.values().map(|bytes| Post::decode(bytes).unwrap()).collect();
        posts.sort_by_key(|post| !matches!(post, Post::Call(_)));
        let mut board = Board::default();
        for post in posts {
            // What belongs to another charter is not needed here.
            let _ = board.take(post, chain, clock::wall());
        }
        board
    }
}

impl Drop for Puppet {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

/// A puppet's part in one ceremony that makes new keys.
pub struct Part<'a> {
    puppet: &'a Puppet,
    chain: CharterChain,
    call: Verified<Call>,
    ceremony: Ceremony,
}

impl Part<'_> {
    /// The ceremony.
    pub fn id(&self) -> Hash {
        self.call.id()
    }

    /// What has come so far.
    pub fn messages(&self) -> Vec<Verified<Message>> {
        self.puppet.board(&self.chain).messages(&self.id()).cloned().collect()
    }

    /// What a holder of this seed sees and says on some board.
    pub fn advance(&self, seed: u8, messages: &[Verified<Message>]) -> Progress {
        let seed = Seed([seed; 32]);
        let me = Me { holder: self.puppet.number, seed: &seed, shares: &[] };
        self.ceremony.advance(messages, Some(me), clock::wall()).unwrap()
    }

    /// What an honest holder of this seed says in a step, as soon as it can.
    pub fn honest(&self, seed: u8, step: Step) -> Message {
        self.on_board(seed, step, |messages| messages)
    }

    /// The same on a board that the test makes of what has come.
    pub fn on_board(
        &self,
        seed: u8,
        step: Step,
        make: impl Fn(Vec<Verified<Message>>) -> Vec<Verified<Message>>,
    ) -> Message {
        let (message, _) = wait_for(&format!("the puppet's turn to {step:?}"), PATIENCE, || {
            let mut said = self.advance(seed, &make(self.messages())).post;
            said.pop().filter(|message| message.round.step() == step)
        });
        message
    }

    /// Says something in its own name.
    pub fn say(&self, round: Round) {
        self.puppet.say(&Message { ceremony: self.id(), holder: self.puppet.number, round });
    }

    /// Says what an honest holder of this seed says, in all steps up to this one that it has not spoken in.
    pub fn follow(&self, seed: u8, through: Step) {
        for step in [Step::Commit, Step::Deal, Step::Answer].into_iter().filter(|step| *step <= through) {
            let mine = |message: &Verified<Message>| {
                message.payload().holder == self.puppet.number && message.payload().round.step() == step
            };
            if !self.messages().iter().any(mine) {
                self.puppet.say(&self.honest(seed, step));
            }
        }
    }

    /// A holder's only message of a step.
    pub fn of(&self, holder: MemberNumber, step: Step) -> Verified<Message> {
        let is_it = |m: &Verified<Message>| m.payload().holder == holder && m.payload().round.step() == step;
        let (message, _) = wait_for("the holder's message", PATIENCE, || self.messages().into_iter().find(is_it));
        message
    }

    /// A message as a member's key signs it.
    pub fn signed(&self, message: &Message, key: &dyn Signer) -> Verified<Message> {
        verify_message(sign(message, key), &self.call, self.chain.current()).unwrap()
    }

    /// A message of the puppet's.
    pub fn own(&self, message: &Message) -> Verified<Message> {
        self.signed(message, self.puppet.keys.feed().unwrap())
    }

    /// Another holder than the puppet.
    pub fn number(&self, slug: &str) -> MemberNumber {
        self.chain.current().member_by_slug(slug).unwrap().number
    }
}

/// The task behind a puppet.
struct Playing {
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
    heads: Heads,
    /// Who is connected, and the number of the last request to it.
    peers: BTreeMap<Peer, u64>,
}

impl Playing {
    async fn play(mut self, mut events: mpsc::Receiver<Event>, mut evaluations: mpsc::Receiver<Evaluation>) {
        let mut comparing = tokio::time::interval(COMPARE_EVERY);
        let mut requests = 0;
        loop {
            let commands = tokio::select! {
                event = events.recv() => match event {
                    Some(event) => self.on_event(event),
                    None => return,
                },
                asked = evaluations.recv() => match asked {
                    Some(asked) => self.on_evaluation(asked),
                    None => return,
                },
                _ = comparing.tick() => self.compare(&mut requests),
            };
            for command in commands {
                if self.commands.send(command).await.is_err() {
                    return;
                }
            }
        }
    }

    fn on_event(&mut self, event: Event) -> Vec<Command> {
        match event {
            Event::Connected(peer) => drop(self.peers.insert(peer, 0)),
            Event::Disconnected(peer) => drop(self.peers.remove(&peer)),
            Event::Gossip { handle, topic, bytes, .. } => {
                let board = topic == Topic::Board;
                if board {
                    self.keep(&bytes);
                }
                // It passes nothing on that it would not have for who asks then.
                let verdict = if board { Verdict::Accept } else { Verdict::Ignore };
                return vec![Command::Verdict { handle, verdict }];
            }
            Event::Response { outcome: Ok(Response::Board(posts)), .. } => {
                posts.iter().for_each(|post| self.keep(post))
            }
            Event::Request { handle, request, .. } => {
                return vec![Command::Answer { handle, response: self.answer(&request) }];
            }
            Event::Response { .. } | Event::Undecodable | Event::Join { .. } => {}
        }
        Vec::new()
    }

    fn answer(&self, request: &Request) -> Response {
        match request {
            Request::Heads(_) => Response::Heads(Heads { clock: clock::wall(), ..self.heads.clone() }),
            Request::Board { known } => {
                let posts = self.shared.posts.lock().unwrap();
                let lacks = posts.iter().filter(|(id, _)| !known.contains(id));
                Response::Board(lacks.take(64).map(|(_, bytes)| bytes.clone()).collect())
            }
            _ => Response::Absent,
        }
    }

    fn on_evaluation(&self, Evaluation { handle, request, .. }: Evaluation) -> Vec<Command> {
        *self.shared.evaluations.lock().unwrap() += 1;
        let evaluator = self.shared.evaluator.lock().unwrap();
        let response = evaluator.as_ref().map(|evaluate| evaluate(&request));
        response.into_iter().map(|response| Command::Evaluated { handle, response }).collect()
    }

    /// Asks everybody for what is missing here, and says again what may have got lost: gossip takes nothing twice.
    fn compare(&self, requests: &mut u64) -> Vec<Command> {
        let posts = self.shared.posts.lock().unwrap();
        let known: Vec<PostId> = posts.keys().copied().collect();
        let mut commands = Vec::new();
        for peer in self.peers.keys() {
            *requests += 1;
            let request = Request::Board { known: known.clone() };
            commands.push(Command::Request { id: RequestId(*requests), peer: *peer, request });
        }
        let say = |bytes: &Arc<[u8]>| Command::Gossip { topic: Topic::Board, bytes: bytes.clone() };
        commands.extend(posts.values().map(say));
        commands
    }

    fn keep(&self, bytes: &[u8]) {
        if let Ok(post) = Post::decode(bytes) {
            self.shared.posts.lock().unwrap().insert(post.id(), bytes.into());
        }
    }
}
