//! Several replicas, a model of the network and of disks, and a seeded scheduler in virtual time.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{
    alliance::{Batch, EPOCH, Writer, node_key},
    store::ModelStore,
};
use crate::{
    base::{MemberNumber, Timestamp},
    charter::CharterChain,
    entry::Entry,
    limits,
    replica::{
        AnswerHandle, Event, Fault, GossipHandle, Input, Now, Offence, Output, Peer, Replica, RequestId, Restored,
        Store, Timer, Topic, Verdict,
    },
    sync::{Request, Response},
};

/// What goes wrong, in percent, until a moment.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    pub loss: u64,
    pub duplication: u64,
    pub storage: u64,
    pub flaps: u64,
    pub latency_ms: u64,
    pub until_ms: u64,
}

/// What a dishonest node makes of its own answers; `None` sends nothing.
pub type Warp = fn(&Request, Response) -> Option<Response>;

pub struct Node {
    pub member: u16,
    pub replica: Replica,
    pub store: ModelStore,
    pub writer: Writer,
    pub online: bool,
    pub warp: Option<Warp>,
    pub events: Vec<Event>,
    life: u64,
    timers: BTreeMap<Timer, u64>,
    seen: BTreeSet<(Topic, Vec<u8>)>,
    gossip: BTreeMap<u64, (bool, Topic, Arc<[u8]>)>,
}

enum What {
    Input(Input),
    Timer(Timer, u64),
}

struct Due {
    to: usize,
    life: u64,
    /// Lost if this connection is not the one it was sent on.
    link: Option<((usize, usize), u64)>,
    what: What,
}

/// The world.
pub struct World {
    pub nodes: Vec<Node>,
    pub now: u64,
    pub faults: Faults,
    /// (who complains, about whom, of what)
    pub penalties: Vec<(u16, u16, Offence)>,
    /// (who dropped an object, by which rule)
    pub refused: Vec<(u16, &'static str)>,
    /// Every request: (asker, asked).
    pub requests: Vec<(u16, u16)>,
    queue: BTreeMap<(u64, u64), Due>,
    links: BTreeMap<(usize, usize), u64>,
    asked: BTreeMap<u64, (usize, usize, RequestId, Request)>,
    names: u64,
    random: u64,
    steps: BTreeMap<usize, (u64, u32)>,
}

impl World {
    /// Members 1 to `members`, all connected to each other.
    pub fn new(chain: &CharterChain, members: u16, seed: u64, faults: Faults) -> World {
        let mut world = World {
            nodes: Vec::new(),
            now: 0,
            faults,
            penalties: Vec::new(),
            refused: Vec::new(),
            requests: Vec::new(),
            queue: BTreeMap::new(),
            links: BTreeMap::new(),
            asked: BTreeMap::new(),
            names: 0,
            random: seed | 1,
            steps: BTreeMap::new(),
        };
        for member in 1..=members {
            world.add(chain, member);
        }
        world
    }

    /// Adds a node and connects it to all that are online.
    pub fn add(&mut self, chain: &CharterChain, member: u16) -> usize {
        let store = ModelStore::new(chain.clone());
        let replica = Replica::new(restored(&store, member));
        let at = self.nodes.len();
        self.nodes.push(Node {
            member,
            replica,
            store,
            writer: Writer::new(chain, member),
            online: false,
            warp: None,
            events: Vec::new(),
            life: 0,
            timers: BTreeMap::new(),
            seen: BTreeSet::new(),
            gossip: BTreeMap::new(),
        });
        self.start(at);
        at
    }

    pub fn start(&mut self, at: usize) {
        self.nodes[at].online = true;
        self.give(at, Input::Started);
        for other in 0..self.nodes.len() {
            if other != at && self.nodes[other].online {
                self.connect(at, other);
            }
        }
    }

    /// Takes a node off the network; it keeps its memory.
    pub fn offline(&mut self, at: usize) {
        for other in 0..self.nodes.len() {
            self.disconnect(at, other);
        }
        self.nodes[at].online = false;
    }

    pub fn online(&mut self, at: usize) {
        self.nodes[at].online = true;
        for other in 0..self.nodes.len() {
            if other != at && self.nodes[other].online {
                self.connect(at, other);
            }
        }
    }

    /// Kills a node and starts it from what is on its disk.
    pub fn restart(&mut self, at: usize) {
        self.offline(at);
        let node = &mut self.nodes[at];
        node.replica = Replica::new(restored(&node.store, node.member));
        node.life += 1;
        node.timers.clear();
        node.gossip.clear();
        node.seen.clear();
        self.start(at);
    }

    fn connect(&mut self, a: usize, b: usize) {
        if self.links.contains_key(&pair(a, b)) {
            return;
        }
        let name = self.name();
        self.links.insert(pair(a, b), name);
        self.give(a, Input::PeerConnected(node_key(self.nodes[b].member)));
        self.give(b, Input::PeerConnected(node_key(self.nodes[a].member)));
    }

    fn disconnect(&mut self, a: usize, b: usize) {
        if self.links.remove(&pair(a, b)).is_some() {
            self.give(a, Input::PeerDisconnected(node_key(self.nodes[b].member)));
            self.give(b, Input::PeerDisconnected(node_key(self.nodes[a].member)));
        }
    }

    fn peer(&self, key: &Peer) -> usize {
        self.nodes.iter().position(|node| node_key(node.member) == *key).unwrap()
    }

    fn name(&mut self) -> u64 {
        self.names += 1;
        self.names
    }

    /// xorshift64*: S. Vigna, "An experimental exploration of Marsaglia's xorshift generators, scrambled".
    pub fn random(&mut self, below: u64) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_F491_4F6C_DD1D) % below.max(1)
    }

    fn happens(&mut self, percent: u64) -> bool {
        self.now < self.faults.until_ms && self.random(100) < percent
    }

    pub fn wall(&self) -> u64 {
        EPOCH + self.now / 1000
    }

    /// A node's own batch, as its own tool would build it.
    pub fn build(&mut self, at: usize, entries: &[Entry], per_chunk: usize) -> Batch {
        let wall = self.wall();
        let node = &mut self.nodes[at];
        let publisher = MemberNumber(node.member);
        node.writer.chain = node.replica.chain().clone();
        node.writer.head = node.store.heads.get(&publisher).map(|(head, _)| *head);
        node.writer.tree = node.store.tree(publisher);
        node.writer.batch(entries, per_chunk, wall)
    }

    pub fn publish(&mut self, at: usize, entries: &[Entry], per_chunk: usize) {
        let batch = self.build(at, entries, per_chunk);
        self.give(at, Input::Publish { header: batch.header, chunks: batch.chunks });
    }

    /// Runs until this moment.
    pub fn run(&mut self, until_ms: u64) {
        while let Some(entry) = self.queue.first_entry() {
            if entry.key().0 > until_ms {
                break;
            }
            let ((at, _), due) = entry.remove_entry();
            self.now = at;
            let lost = due.link.is_some_and(|(pair, name)| self.links.get(&pair) != Some(&name));
            if lost || self.nodes[due.to].life != due.life {
                continue;
            }
            match due.what {
                What::Input(input) => self.give(due.to, input),
                What::Timer(timer, at) if self.nodes[due.to].timers.get(&timer) == Some(&at) => {
                    self.nodes[due.to].timers.remove(&timer);
                    self.give(due.to, Input::Timer(timer));
                }
                What::Timer(..) => {}
            }
            if self.faults.flaps > 0 && self.now < self.faults.until_ms && self.random(1000) < self.faults.flaps {
                let (a, b) =
                    (self.random(self.nodes.len() as u64) as usize, self.random(self.nodes.len() as u64) as usize);
                if a != b && self.nodes[a].online && self.nodes[b].online {
                    self.disconnect(a, b);
                    self.connect(a, b);
                }
            }
        }
        self.now = until_ms;
    }

    /// Hands an input to a node and carries out what it says.
    pub fn give(&mut self, at: usize, input: Input) {
        let step = self.steps.entry(at).or_default();
        *step = if step.0 == self.now { (self.now, step.1 + 1) } else { (self.now, 0) };
        assert!(step.1 < 3000, "a busy loop at one instant");
        let input = match input {
            Input::Gossip { from, topic, bytes, .. } => {
                // Of what was seen before, one in four gets past gossip's own memory; it is not passed on again.
                let first = self.nodes[at].seen.insert((topic, bytes.clone()));
                if !first && self.random(4) > 0 {
                    return;
                }
                let name = self.name();
                self.nodes[at].gossip.insert(name, (first, topic, bytes.as_slice().into()));
                Input::Gossip { from, handle: GossipHandle(name), topic, bytes }
            }
            other => other,
        };
        let now = Now { wall: Timestamp(self.wall()), ms: self.now };
        let outputs = self.nodes[at].replica.handle(input, now);
        assert_bounds(&self.nodes[at].replica);
        for output in outputs {
            self.carry_out(at, output);
        }
    }

    fn carry_out(&mut self, at: usize, output: Output) {
        match output {
            Output::Request { id, peer, request } => {
                let to = self.peer(&peer);
                self.requests.push((self.nodes[at].member, self.nodes[to].member));
                let name = self.name();
                self.asked.insert(name, (at, to, id, request.clone()));
                let from = node_key(self.nodes[at].member);
                let input = Input::Request { from, handle: AnswerHandle(name), request };
                self.send(at, to, input);
            }
            Output::Answer { handle, response } => self.answer(handle, response),
            Output::Serve { handle, serve } => {
                let response = self.nodes[at].store.serve(serve);
                self.answer(handle, response);
            }
            Output::Gossip { topic, bytes } => {
                // As gossipsub: what was seen or published before is a duplicate.
                if self.nodes[at].seen.insert((topic, bytes.to_vec())) {
                    self.flood(at, topic, &bytes);
                }
            }
            Output::Verdict { handle, verdict } => {
                let (first, topic, bytes) =
                    self.nodes[at].gossip.remove(&handle.0).expect("one verdict for each message");
                if first && verdict == Verdict::Accept {
                    self.flood(at, topic, &bytes);
                }
            }
            Output::Store(store) => self.store(at, store),
            Output::Schedule { timer, at_ms } => {
                assert!(at_ms > self.now, "a timer at this instant is a busy loop");
                self.nodes[at].timers.insert(timer, at_ms);
                self.schedule(at, None, at_ms, What::Timer(timer, at_ms));
            }
            Output::Cancel(timer) => {
                self.nodes[at].timers.remove(&timer);
            }
            Output::Penalise { peer, offence } => {
                let whom = self.nodes[self.peer(&peer)].member;
                self.penalties.push((self.nodes[at].member, whom, offence));
            }
            Output::Refused { rule } => self.refused.push((self.nodes[at].member, rule)),
            Output::Report(event) => self.nodes[at].events.push(event),
        }
    }

    fn answer(&mut self, handle: AnswerHandle, response: Response) {
        let Some((to, from, id, request)) = self.asked.remove(&handle.0) else { return };
        let response = match self.nodes[from].warp {
            Some(warp) => warp(&request, response),
            None => Some(response),
        };
        if let Some(response) = response {
            if self.happens(self.faults.duplication) {
                self.send(from, to, Input::Response { id, outcome: Ok(response.clone()) });
            }
            self.send(from, to, Input::Response { id, outcome: Ok(response) });
        }
    }

    pub fn flood(&mut self, from: usize, topic: Topic, bytes: &[u8]) {
        for to in 0..self.nodes.len() {
            if to != from {
                let sender = node_key(self.nodes[from].member);
                let copies = 1 + usize::from(self.happens(self.faults.duplication));
                for _ in 0..copies {
                    let input = Input::Gossip { from: sender, handle: GossipHandle(0), topic, bytes: bytes.to_vec() };
                    self.send(from, to, input);
                }
            }
        }
    }

    fn send(&mut self, from: usize, to: usize, input: Input) {
        let Some(link) = self.links.get(&pair(from, to)).copied() else { return };
        if self.happens(self.faults.loss) {
            return;
        }
        let latency = 1 + self.random(self.faults.latency_ms.max(1));
        self.schedule(to, Some((pair(from, to), link)), self.now + latency, What::Input(input));
    }

    fn schedule(&mut self, to: usize, link: Option<((usize, usize), u64)>, at_ms: u64, what: What) {
        let name = self.name();
        let life = self.nodes[to].life;
        self.queue.insert((at_ms, name), Due { to, life, link, what });
    }

    fn store(&mut self, at: usize, store: Store) {
        let fails = self.happens(self.faults.storage);
        let model = &mut self.nodes[at].store;
        let answer = match store {
            Store::Probe { header } => {
                let h = header.payload();
                let present = if fails { vec![false; h.chunks.len()] } else { model.probe(h) };
                Some(Input::Probed { batch: super::super::BatchId { publisher: h.publisher, seq: h.seq }, present })
            }
            Store::Chunk { batch, index, place, descriptor, bytes, from } => {
                let result = if fails { Err(Fault::Storage) } else { model.store_chunk(place, &descriptor, &bytes) };
                Some(Input::ChunkStored { batch, index, from, result })
            }
            Store::Commit { headers } => {
                let publisher = headers[0].payload().publisher;
                let stop = if fails { headers.len() / 2 } else { headers.len() };
                let (mut through, mut result) = (headers[0].payload().seq.checked_sub(1), Ok(()));
                for (done, header) in headers.iter().enumerate() {
                    result = if done == stop { Err(Fault::Storage) } else { model.commit(header) };
                    if result.is_err() {
                        break;
                    }
                    through = Some(header.payload().seq);
                }
                Some(Input::Committed { publisher, through, result })
            }
            Store::Compare { batch, id, theirs } => {
                let stored = model.headers.get(&(batch.publisher, batch.seq)).filter(|(ours, _)| *ours != id);
                stored.map(|(_, ours)| Input::Conflict { batch, ours: ours.clone(), theirs })
            }
            Store::Rewind { publisher, batches, head } => {
                let result = if fails {
                    Err(())
                } else {
                    model.rewind(publisher, batches, head);
                    Ok(model.heads.get(&publisher).cloned())
                };
                Some(Input::Rewound { publisher, result })
            }
            Store::Recall { publisher, from, batches, head } => {
                Some(Input::Recalled { headers: model.recall(publisher, from, batches, head) })
            }
            Store::Charter(charter) => {
                let stored = !fails && model.chain.extend(charter.clone()).is_ok();
                Some(Input::CharterStored { charter, stored })
            }
            Store::Post { id, bytes, gone } => {
                gone.iter().for_each(|gone| drop(model.posts.remove(gone)));
                model.posts.insert(id, bytes);
                None
            }
            Store::OwnPost { id, bytes, gone } => {
                if !fails {
                    gone.iter().for_each(|gone| drop(model.posts.remove(gone)));
                    model.posts.insert(id, bytes);
                }
                Some(Input::PostStored { id, stored: !fails })
            }
            Store::Unpost(gone) => {
                gone.iter().for_each(|gone| drop(model.posts.remove(gone)));
                None
            }
        };
        if let Some(answer) = answer {
            let wait = 1 + self.random(20);
            self.schedule(at, None, self.now + wait, What::Input(answer));
        }
    }

    /// All honest nodes have the same heads and the same states of every listing, and have applied every leaf once.
    pub fn assert_converged(&self) {
        let honest: Vec<_> = self.nodes.iter().filter(|node| node.warp.is_none()).collect();
        let heads = |node: &Node| node.store.heads.iter().map(|(p, (head, _))| (*p, *head)).collect::<Vec<_>>();
        for node in &honest {
            assert_eq!(heads(node), heads(honest[0]), "heads of {} and {}", node.member, honest[0].member);
            assert!(node.store.table == honest[0].store.table, "states of {} and {}", node.member, honest[0].member);
            let leaves: u64 = node.store.heads.values().map(|(head, _)| head.size).sum();
            assert_eq!(node.store.applied, leaves, "FEED-5: every leaf once");
            for (publisher, (head, _)) in &node.store.heads {
                assert_eq!(node.replica.head(*publisher), Some(*head));
            }
        }
    }
}

fn pair(a: usize, b: usize) -> (usize, usize) {
    (a.min(b), a.max(b))
}

fn restored(store: &ModelStore, member: u16) -> Restored {
    let posts = store.posts.values().map(|bytes| bytes.to_vec()).collect();
    Restored { chain: store.chain.clone(), node: node_key(member), heads: store.heads.clone(), posts }
}

/// SYNC-3: the bounds of limits.rs, after every input.
pub fn assert_bounds(replica: &Replica) {
    let mut in_flight = BTreeMap::<Peer, usize>::new();
    for asked in replica.asked.values() {
        *in_flight.entry(asked.peer).or_default() += 1;
    }
    assert!(in_flight.values().all(|count| *count <= limits::REQUESTS_PER_PEER), "SYNC-3: requests at one peer");
    for (peer, state) in replica.peers.iter() {
        assert_eq!(state.in_flight, in_flight.get(peer).copied().unwrap_or_default(), "the books agree");
    }
    assert!(in_flight.keys().all(|peer| replica.peers.contains_key(peer)), "nothing is asked of those who are gone");
    assert!(replica.chunks_out + replica.chunks_storing <= limits::CHUNKS_IN_FLIGHT, "SYNC-3: chunks in memory");
    assert!(replica.feeds.values().all(|feed| feed.queue.len() <= limits::QUEUED_BATCHES), "SYNC-3: queued batches");
    for (publisher, feed) in replica.feeds.iter() {
        let announced = replica.peers.values().filter_map(|peer| peer.heads.get(*publisher)).max();
        assert_eq!(feed.announced, announced, "what the peers of {} have of {publisher:?}", replica.peers.len());
    }
    assert!(replica.held.len() <= limits::ANNOUNCEMENTS_HELD, "SYNC-3: held announcements");
}
