//! One alliance in virtual time: nodes, the lines between them, their disks and clocks, and what happens when.
//!
//! `act` carries out operations, `carry` what the nodes' state machines want done, `watch` looks whether what must hold holds.

mod act;
pub mod alliance;
mod carry;
mod connect;
pub mod dealer;
mod decide;
pub mod disk;
mod distance;
pub mod holding;
#[cfg(test)]
mod holding_tests;
mod library;
mod lines;
mod malice;
mod node;
mod oracle;
mod queue;
mod rotation;
pub mod truth;
mod watch;
mod witnessing;
pub mod write;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::Arc,
};

use antibrush_protocol::{
    base::{Hash, MemberNumber},
    charter::CharterChain,
    replica::{Input, Offence, Peer, RequestId, Timer},
    sync::Request,
};
pub use malice::Draft;
pub use node::Node;

use self::{alliance::Alliance, disk::Disk, library::Library, lines::Lines, queue::Queue, truth::Truth};
use crate::{
    adversary,
    gossip::Rpc,
    invariant::{Invariant, Violation},
    op::Op,
    random::Random,
    scenario::Scenario,
    trace::Trace,
};

/// Streams of randomness, so that each can be taken away without moving another.
mod stream {
    pub const LINES: u64 = 1;
    pub const CRASHES: u64 = 2;
    pub const GOSSIP: u64 = 3;
    pub const DIALS: u64 = 4;
    pub const DISKS: u64 = 5;
    pub const CLOCKS: u64 = 6;
    pub const HOLDING: u64 = 20;
}

/// Something that is to happen.
enum Event {
    /// The operation with this number.
    Op(usize),
    /// A message on a connection, or something a node does to itself.
    Input { to: u32, life: u32, way: Option<Way>, input: Input },
    /// Gossip on a connection.
    Rpc { to: u32, life: u32, way: Way, rpc: Rpc },
    /// A timer of a node.
    Timer { node: u32, life: u32, timer: Timer, at_ms: u64 },
    /// A second passed for a node's gossip.
    Beat { node: u32, life: u32 },
    /// The power of a node goes, if it is to go.
    Power { node: u32, life: u32 },
    /// What was there when the faults stopped must be everywhere.
    Due,
    /// A disk has done a piece of work.
    Disk { node: u32, life: u32, number: u64 },
    /// A node looks whether it has enough connections.
    Dial { node: u32, life: u32 },
    /// A dial went through.
    Connected { from: u32, to: u32 },
    /// A step of an evaluation.
    Evaluation(holding::Step),
    /// The world is looked over.
    Look,
}

/// On what a message came.
#[derive(Clone, Copy, Debug)]
struct Way {
    from: u32,
    connection: u32,
}

/// A request that waits for its answer.
struct Asked {
    asker: u32,
    life: u32,
    id: RequestId,
    asked: u32,
    is_for_chunk: bool,
    /// The request itself, if who was asked may lie.
    request: Option<Request>,
    connection: u32,
}

/// What was counted in a run.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Batches that were acknowledged to their publishers.
    pub published: u64,
    /// Entries in them.
    pub entries: u64,
    /// Batches that nodes committed.
    pub committed: u64,
    /// Answers that were held against the truth.
    pub checks: u64,
    /// Rules that dropped objects, with how often.
    pub refused: BTreeMap<&'static str, u64>,
    /// Offences that nodes were blamed for.
    pub offences: BTreeMap<Offence, u64>,
    /// Feeds that froze, counted at each node.
    pub frozen: u64,
    /// Feeds that stood still and go on after a decision, counted at each node.
    pub thawed: u64,
    /// Writes that were torn or lost when power went.
    pub torn: u64,
    /// Times that a node lost its documents.
    pub lost: u64,
    /// Decisions of the stewards about feeds.
    pub cuts: u64,
    /// Heads that witnesses told to others, each time.
    pub cosigned: u64,
    /// Times that a witness cosigned nothing of a feed because of what it had stated before (WITNESS-7).
    pub contradicted: u64,
    /// From the making of a batch to its commit at each honest node that took part, in milliseconds; a sample.
    pub spread_ms: Vec<u32>,
    /// The same for batches that clear, dispute or rule.
    pub relief_ms: Vec<u32>,
    /// The most that waited in the queue of the world.
    pub most_waiting: usize,
    /// Evaluations.
    pub evaluations: holding::EvaluationCounts,
    /// When all agreed after the faults had stopped, in milliseconds after that.
    pub agreed_after_ms: Option<u64>,
    /// A picture of the world every so often.
    pub samples: Vec<Sample>,
}

/// The world at one moment.
#[derive(Clone, Copy, Debug)]
pub struct Sample {
    /// When, in milliseconds.
    pub at_ms: u64,
    /// Nodes that take part.
    pub online: u32,
    /// Batches that honest nodes which take part lack, in all.
    pub missing: u64,
    /// Bytes that were sent so far.
    pub bytes: u64,
    /// Events so far.
    pub events: u64,
}

/// One alliance in virtual time.
pub struct World {
    /// Its number.
    pub number: u32,
    /// The scenario.
    pub scenario: Arc<Scenario>,
    /// Keys and charters.
    pub alliance: Alliance,
    /// The newest charter that the stewards signed.
    pub chain: CharterChain,
    /// The nodes; whoever joins later is there and not running.
    pub nodes: Vec<Node>,
    /// What really happened.
    pub truth: Truth,
    /// What was counted.
    pub counts: Counts,
    /// The first invariant that did not hold.
    pub violation: Option<Violation>,
    lines: Lines,
    queue: Queue<Event>,
    library: Library,
    trace: Trace,
    now_us: u64,
    ops: Vec<Op>,
    asked: HashMap<u64, Asked>,
    by_key: HashMap<Peer, u32>,
    named: u64,
    crashes: Random,
    dials: Random,
    seed: u64,
    /// When faults stopped.
    calm_since_us: Option<u64>,
    /// What was there then: the number of the charter, and the acknowledged batches of honest publishers.
    due: (u64, Vec<(MemberNumber, u64, Hash)>),
    /// How many inputs each node took at the present moment: more than there can be is a busy loop.
    steps: Vec<(u64, u32)>,
    /// Contradictions whose halves are out: whose, and at which batch.
    pub contradictions: BTreeSet<(u32, u64)>,
    /// What is looked at over time.
    watched: watch::Watched,
    /// The shares of its key holders, if there are any.
    holding: Option<holding::Holding>,
}

/// The most inputs of one node at one moment.
const STEPS: u32 = 20_000;

/// How often the world is looked over, in microseconds.
const LOOK_US: u64 = 5_000_000;

impl World {
    /// The alliance with this number of a scenario, with these operations. Whatever is left to chance follows from the seed.
    pub fn new(scenario: Arc<Scenario>, number: u32, seed: u64, ops: Vec<Op>) -> World {
        let (begin, late) = scenario.size_of(number);
        let all = begin + late;
        let observers = begin.saturating_sub(scenario.federation.observers.min(begin.saturating_sub(1)))..begin;
        let mut alliance = Alliance::new(number, all, observers);
        let holding = holding::Holding::of(&scenario, number, seed);
        alliance.shared = holding.as_ref().and_then(holding::Holding::charter);
        // The charter is made here, from keys and codes made here: it holds, or the program is wrong.
        let chain = alliance.found(begin).expect("the simulated charter holds");
        let stream = |label: u64| Random::new(seed, &[u64::from(number), label]);
        let (mut disks, mut clocks) = (stream(stream::DISKS), stream(stream::CLOCKS));
        let skew = scenario.faults.clock_skew.ms() / 1000;
        let mut nodes: Vec<Node> = (0..all)
            .map(|node| {
                let slowness = if disks.happens(scenario.faults.slow_disks.0) { 100 } else { 1 };
                let mut made = Node::new(alliance.node_key(node), Disk::new(chain.clone(), slowness));
                made.clock_off =
                    i64::try_from(clocks.below(2 * skew + 1)).unwrap_or(0) - i64::try_from(skew).unwrap_or(0);
                made
            })
            .collect();
        adversary::appoint(&scenario, begin, &mut nodes);
        if let Some(holding) = &holding {
            holding.appoint(&scenario, &mut nodes);
        }
        let by_key = nodes.iter().zip(0..).map(|(node, at)| (node.key, at)).collect();
        let mut world = World {
            number,
            lines: Lines::new(&scenario.network, all as usize, stream(stream::LINES)),
            alliance,
            chain,
            truth: Truth::default(),
            counts: Counts::default(),
            violation: None,
            queue: Queue::default(),
            library: Library::default(),
            trace: Trace::default(),
            now_us: 0,
            asked: HashMap::new(),
            by_key,
            named: 0,
            crashes: stream(stream::CRASHES),
            dials: stream(stream::DIALS),
            seed,
            calm_since_us: None,
            due: (0, Vec::new()),
            steps: vec![(0, 0); all as usize],
            contradictions: BTreeSet::new(),
            watched: watch::Watched::default(),
            holding,
            nodes,
            ops,
            scenario,
        };
        for (at, op) in world.ops.iter().enumerate() {
            world.queue.push(op.at_ms * 1000, Event::Op(at));
        }
        for node in 0..begin {
            world.nodes[node as usize].is_member = true;
            world.start(node);
        }
        world.queue.push(LOOK_US, Event::Look);
        world
    }

    /// How long the run is, in milliseconds.
    pub fn length_ms(scenario: &Scenario) -> u64 {
        scenario.duration.ms() + scenario.converge_within.ms()
    }

    /// Runs up to a moment, in milliseconds, or until an invariant does not hold.
    pub fn run(&mut self, until_ms: u64) {
        while self.violation.is_none()
            && let Some((at_us, event)) = self.queue.pop(until_ms * 1000)
        {
            self.now_us = at_us;
            self.counts.most_waiting = self.counts.most_waiting.max(self.queue.len());
            self.take(event);
        }
        self.now_us = self.now_us.max(until_ms * 1000);
    }

    /// The end: what must hold when all is quiet.
    pub fn finish(&mut self) {
        if self.violation.is_none() {
            self.look_at_the_end();
        }
    }

    fn take(&mut self, event: Event) {
        match event {
            Event::Op(at) => {
                self.note(u32::MAX, 0, at as u64);
                let what = self.ops[at].what.clone();
                self.act(what);
            }
            Event::Input { to, life, way, input } => {
                if self.is_there(to, life) && way.is_none_or(|way| self.is_open(to, way)) {
                    self.give(to, input);
                }
            }
            Event::Rpc { to, life, way, rpc } => {
                if self.is_there(to, life) && self.is_open(to, way) {
                    self.note(to, 2, u64::from(way.from));
                    let (now_ms, mut actions) = (self.now_us / 1000, Vec::new());
                    self.nodes[to as usize].router.receive(way.from, rpc, now_ms, &mut actions);
                    self.gossip(to, actions);
                }
            }
            Event::Timer { node, life, timer, at_ms } => {
                if self.is_there(node, life) && self.nodes[node as usize].timers.get(&timer) == Some(&at_ms) {
                    self.nodes[node as usize].timers.remove(&timer);
                    self.give(node, Input::Timer(timer));
                }
            }
            Event::Beat { node, life } => {
                let due = self.nodes[node as usize].beats_at_ms.is_some_and(|at_ms| at_ms * 1000 <= self.now_us);
                if due && self.is_there(node, life) {
                    self.note(node, 3, 0);
                    let (now_ms, mut actions) = (self.now_us / 1000, Vec::new());
                    self.nodes[node as usize].beats_at_ms = None;
                    self.nodes[node as usize].router.heartbeat(now_ms, &mut actions);
                    self.gossip(node, actions);
                }
            }
            Event::Power { node, life } => {
                if self.nodes[node as usize].life == life {
                    self.power_goes(node);
                }
            }
            Event::Due => self.look_at_due(),
            Event::Disk { node, life, number } => {
                if self.is_there(node, life) {
                    let done = self.nodes[node as usize].disk.end(number, self.now_us, &mut self.library);
                    if let Some(input) = done {
                        self.give(node, input);
                    }
                }
            }
            Event::Dial { node, life } => {
                if self.nodes[node as usize].life == life {
                    self.nodes[node as usize].dials = false;
                    self.dial(node);
                }
            }
            Event::Connected { from, to } => self.connected(from, to),
            Event::Evaluation(step) => self.evaluation(step),
            Event::Look => {
                self.look();
                self.hand_over_charters();
                self.forgive();
                self.report_usage();
                self.tend_keys();
                self.witness();
                self.queue.push(self.now_us + LOOK_US, Event::Look);
            }
        }
    }

    fn is_there(&self, node: u32, life: u32) -> bool {
        let node = &self.nodes[node as usize];
        node.life == life && node.is_running()
    }

    fn is_open(&self, to: u32, way: Way) -> bool {
        self.lines.is_connection(way.from, to, way.connection)
    }

    fn note(&mut self, node: u32, kind: u8, detail: u64) {
        self.trace.note(self.now_us, node, kind, detail);
    }

    fn name(&mut self) -> u64 {
        self.named += 1;
        self.named
    }

    /// The true time, in milliseconds since the beginning.
    pub fn now_ms(&self) -> u64 {
        self.now_us / 1000
    }

    /// Notes that an invariant did not hold; the first one counts.
    pub fn violated(&mut self, node: Option<u32>, invariant: Invariant, found: String) {
        let at_ms = self.now_ms();
        self.violation.get_or_insert(Violation { alliance: self.number, at_ms, node, invariant, found });
    }

    /// The digest of all that happened.
    pub fn digest(&self) -> [u8; 32] {
        self.trace.digest()
    }

    /// How many events there were.
    pub fn events(&self) -> u64 {
        self.trace.events()
    }

    /// Bytes that were sent between nodes.
    pub fn bytes(&self) -> u64 {
        self.lines.bytes
    }

    /// Honest nodes that take part.
    pub fn honest(&self) -> impl Iterator<Item = (u32, &Node)> {
        (0..).zip(&self.nodes).filter(|(_, node)| node.takes_part() && !node.is_dishonest)
    }
}
