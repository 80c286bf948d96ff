//! Routers and the links among them in virtual time, without replicas: for the calibration and the tests of the model.

use std::{cmp::Reverse, collections::BinaryHeap, sync::Arc};

use antibrush_protocol::replica::{Topic, Verdict};

use super::{Action, MessageId, PeerIndex, Published, Random, Router, Rpc};

/// What is due at a moment.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Event {
    Connect { node: PeerIndex, peer: PeerIndex, outbound: bool },
    Receive { from: PeerIndex, to: PeerIndex, rpc: Rpc },
    Judge { node: PeerIndex, id: MessageId },
    Beat { node: PeerIndex },
}

/// An event with its moment in microseconds, and a number that keeps those of one moment in order.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Due(u64, u64, Event);

impl Ord for Due {
    fn cmp(&self, other: &Due) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

impl PartialOrd for Due {
    fn partial_cmp(&self, other: &Due) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// A message that reached an application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Who got it.
    pub node: PeerIndex,
    /// Who brought it first.
    pub from: PeerIndex,
    /// The message.
    pub id: MessageId,
    /// When, in microseconds.
    pub at_us: u64,
}

/// What went over the links.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// RPCs of all kinds.
    pub rpcs: u64,
    /// Those with a message.
    pub messages: u64,
    /// IHAVE.
    pub ihaves: u64,
    /// IWANT.
    pub iwants: u64,
    /// GRAFT.
    pub grafts: u64,
    /// PRUNE.
    pub prunes: u64,
    /// The bytes of all RPCs, as [`Rpc::wire_bytes`] has them.
    pub bytes: u64,
    /// Messages that were lost on purpose.
    pub lost: u64,
}

/// A network of routers.
pub struct Net {
    now_us: u64,
    due: BinaryHeap<Reverse<Due>>,
    numbered: u64,
    routers: Vec<Router>,
    /// Whether a heartbeat of each is due.
    beating: Vec<bool>,
    /// How long a link takes one way, in microseconds.
    latency_us: Box<dyn Fn(PeerIndex, PeerIndex) -> u64>,
    /// What the application of a node says of a message.
    judge: Box<dyn Fn(PeerIndex, MessageId) -> Verdict>,
    /// How long it takes for that, in microseconds.
    pub validation_us: u64,
    /// Of 1,000 messages so many are lost; nothing else is.
    pub loss_permille: u32,
    random: Random,
    /// What reached applications, in order.
    pub deliveries: Vec<Delivery>,
    /// What went over the links.
    pub traffic: Traffic,
    /// How many times a router was called.
    pub calls: u64,
    out: Vec<Action>,
}

impl Net {
    /// No nodes yet; `latency_us` is of one way of a link and the same for both.
    pub fn new(seed: u64, latency_us: impl Fn(PeerIndex, PeerIndex) -> u64 + 'static) -> Net {
        Net {
            now_us: 0,
            due: BinaryHeap::new(),
            numbered: 0,
            routers: Vec::new(),
            beating: Vec::new(),
            latency_us: Box::new(latency_us),
            judge: Box::new(|_, _| Verdict::Accept),
            validation_us: 0,
            loss_permille: 0,
            random: Random::new(seed),
            deliveries: Vec::new(),
            traffic: Traffic::default(),
            calls: 0,
            out: Vec::new(),
        }
    }

    /// What applications say instead of accepting everything.
    pub fn judged_by(mut self, judge: impl Fn(PeerIndex, MessageId) -> Verdict + 'static) -> Net {
        self.judge = Box::new(judge);
        self
    }

    /// A node that starts now.
    pub fn start(&mut self) -> PeerIndex {
        let seed = self.random.seed();
        self.routers.push(Router::new(seed, self.now_us / 1_000));
        self.beating.push(false);
        self.routers.len() as PeerIndex - 1
    }

    /// Lets a node connect to another after so many microseconds.
    pub fn dial(&mut self, from: PeerIndex, to: PeerIndex, after_us: u64) {
        self.push(after_us, Event::Connect { node: from, peer: to, outbound: true });
        self.push(after_us, Event::Connect { node: to, peer: from, outbound: false });
    }

    /// Publishes a message of a node now.
    pub fn publish(&mut self, node: PeerIndex, topic: Topic, id: MessageId, bytes: Arc<[u8]>) -> Published {
        let mut out = std::mem::take(&mut self.out);
        let published = self.routers[node as usize].publish(topic, id, bytes, self.now_us / 1_000, &mut out);
        self.carry_out(node, out);
        published
    }

    /// Lets a node receive what no honest peer sent.
    pub fn inject(&mut self, from: PeerIndex, to: PeerIndex, rpc: Rpc) {
        self.push(0, Event::Receive { from, to, rpc });
    }

    /// Runs until `until_us`.
    pub fn run_until(&mut self, until_us: u64) {
        while self.due.peek().is_some_and(|Reverse(due)| due.0 <= until_us)
            && let Some(Reverse(Due(at_us, _, event))) = self.due.pop()
        {
            self.now_us = at_us;
            self.happen(event);
        }
        self.now_us = self.now_us.max(until_us);
    }

    /// Now, in microseconds.
    pub fn now_us(&self) -> u64 {
        self.now_us
    }

    /// A node.
    pub fn router(&self, node: PeerIndex) -> &Router {
        &self.routers[node as usize]
    }

    /// All nodes.
    pub fn routers(&self) -> &[Router] {
        &self.routers
    }

    fn happen(&mut self, event: Event) {
        let now_ms = self.now_us / 1_000;
        let mut out = std::mem::take(&mut self.out);
        self.calls += 1;
        let node = match event {
            Event::Connect { node, peer, outbound } => {
                self.routers[node as usize].connected(peer, outbound, now_ms, &mut out);
                node
            }
            Event::Receive { from, to, rpc } => {
                self.routers[to as usize].receive(from, rpc, now_ms, &mut out);
                to
            }
            Event::Judge { node, id } => {
                let verdict = (self.judge)(node, id);
                self.routers[node as usize].verdict(id, verdict, now_ms, &mut out);
                node
            }
            Event::Beat { node } => {
                self.beating[node as usize] = false;
                self.routers[node as usize].heartbeat(now_ms, &mut out);
                node
            }
        };
        self.carry_out(node, out);
    }

    fn carry_out(&mut self, node: PeerIndex, mut out: Vec<Action>) {
        for action in out.drain(..) {
            match action {
                Action::Send { to, rpc } => self.send(node, to, rpc),
                Action::Deliver { from, id, .. } => {
                    self.deliveries.push(Delivery { node, from, id, at_us: self.now_us });
                    self.push(self.validation_us, Event::Judge { node, id });
                }
            }
        }
        self.out = out;
        if !self.beating[node as usize]
            && let Some(at_ms) = self.routers[node as usize].next_heartbeat(self.now_us / 1_000)
        {
            self.beating[node as usize] = true;
            self.push((at_ms * 1_000).saturating_sub(self.now_us), Event::Beat { node });
        }
    }

    fn send(&mut self, from: PeerIndex, to: PeerIndex, rpc: Rpc) {
        self.traffic.rpcs += 1;
        self.traffic.bytes += rpc.wire_bytes() as u64;
        match &rpc {
            Rpc::Message { .. } => {
                self.traffic.messages += 1;
                if self.random.chance(self.loss_permille) {
                    self.traffic.lost += 1;
                    return;
                }
            }
            Rpc::IHave { .. } => self.traffic.ihaves += 1,
            Rpc::IWant { .. } => self.traffic.iwants += 1,
            Rpc::Graft { .. } => self.traffic.grafts += 1,
            Rpc::Prune { .. } => self.traffic.prunes += 1,
            Rpc::Subscribe { .. } | Rpc::IDontWant { .. } => {}
        }
        self.push((self.latency_us)(from, to), Event::Receive { from, to, rpc });
    }

    fn push(&mut self, after_us: u64, event: Event) {
        self.numbered += 1;
        self.due.push(Reverse(Due(self.now_us + after_us, self.numbered, event)));
    }
}
