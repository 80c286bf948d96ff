//! A world of nodes in which messages are lost, repeated and late, nodes crash and forget, and operators take over at any
//! moment: no two headers are ever signed for one place.

use std::collections::BTreeMap;

use super::*;

/// SplitMix64 (Steele, Lea and Flood, 2014).
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }
}

struct Round {
    number: u64,
    term: Term,
    among: Constituency,
    proposal: Option<Proposal>,
    count: Candidate,
}

struct Machine {
    key: PublicKey,
    charters: usize,
    feed: Vec<Signed<BatchHeader>>,
    register: Register,
    // Gone after a crash.
    reign: Option<(Term, Constituency)>,
    round: Option<Round>,
}

enum Message {
    Ask { from: usize, to: usize, round: u64, ask: Ask },
    Reply { from: usize, to: usize, round: u64, reply: Reply },
}

struct World {
    machines: Vec<Machine>,
    chains: [CharterChain; 2],
    messages: Vec<Message>,
    signed: BTreeMap<u64, Hash>,
    random: Random,
    rounds: u64,
    seconds: u64,
    published: usize,
    takeovers: usize,
}

const WRITERS: usize = 3;

impl World {
    fn new(seed: u64) -> World {
        let names = ["node-1", "node-1b", "node-1c", "node-2", "node-3", "node-4"];
        let machine = |name: &str| Machine {
            key: node(name),
            charters: 1,
            feed: Vec::new(),
            register: Register::default(),
            reign: None,
            round: None,
        };
        World {
            machines: names.iter().map(|name| machine(name)).collect(),
            chains: [chain_of(1), chain_of(2)],
            messages: Vec::new(),
            signed: BTreeMap::new(),
            random: Random(seed),
            rounds: 0,
            seconds: 0,
            published: 0,
            takeovers: 0,
        }
    }

    fn chain(&self, at: usize) -> &CharterChain {
        &self.chains[self.machines[at].charters - 1]
    }

    fn head(&self, at: usize) -> Option<Head> {
        self.machines[at].feed.last().map(head_of)
    }

    fn answer(&mut self, at: usize, from: usize, ask: &Ask) -> Reply {
        let (head, named, from) = (self.head(at), self.named(at), self.machines[from].key);
        let seen = Seen {
            chain: self.chain(at),
            head: head.as_ref().zip(named.as_ref()),
            from: &from,
            now: SECOND.plus(3600),
        };
        match self.machines[at].register.answer(ask, seen, true) {
            Ok((register, reply)) => {
                self.machines[at].register = register;
                reply
            }
            Err(refused) => Reply::Refused(refused),
        }
    }

    fn named(&self, at: usize) -> Option<Hash> {
        self.machines[at].feed.last().map(|header| header.payload().charter)
    }

    fn among(&self, at: usize) -> Option<Constituency> {
        constituency(self.chain(at), ME, self.named(at).as_ref())
    }

    /// Its own word first, durable, then everybody's.
    fn begin(&mut self, at: usize, term: Term, among: Constituency, proposal: Option<Proposal>, ask: &Ask) {
        let own = self.answer(at, at, ask);
        if matches!(own, Reply::Refused(_)) {
            return;
        }
        self.rounds += 1;
        let Constituency::Shared { electors, .. } = &among else { panic!("the member always has several nodes") };
        let count = Candidate::new(electors, self.chain(at), ME);
        self.machines[at].round = Some(Round { number: self.rounds, term, among, proposal, count });
        for to in (0..self.machines.len()).filter(|to| *to != at) {
            self.messages.push(Message::Ask { from: at, to, round: self.rounds, ask: ask.clone() });
        }
        self.hear(at, at, self.rounds, own);
    }

    fn stand(&mut self, at: usize, claim: Claim) {
        let Some(among) = self.among(at) else { return };
        let machine = &self.machines[at];
        let number = machine.register.promised.map_or(0, |term| term.number) + 1;
        let term = Term { number, node: machine.key };
        let ask = vote(term, self.head(at).as_ref(), claim);
        self.takeovers += usize::from(claim == Claim::Take);
        self.begin(at, term, among, None, &ask);
    }

    fn propose(&mut self, at: usize, term: Term, among: Constituency, proposal: Proposal) {
        let ask = accept(term, &proposal);
        self.begin(at, term, among, Some(proposal), &ask);
    }

    fn publish(&mut self, at: usize) {
        let Some(among) = self.among(at) else { return };
        let head = self.head(at);
        let machine = &self.machines[at];
        let begun = machine.register.pending(Place::after(head.as_ref())).map(|bid| bid.term);
        let reign = machine.reign.clone().filter(|(term, of)| *of == among && Some(*term) != begun);
        let (promised, held) = (machine.register.promised, machine.register.held);
        if let Some((term, among)) = reign {
            self.seconds += 1;
            let batch = heartbeat(self.chain(at), head, SECOND.plus(self.seconds));
            return self.propose(at, term, among, batch);
        }
        let is_mine = promised.is_none_or(|term| term.node == machine.key) && (at == 0 || held.is_some());
        if is_mine {
            self.stand(at, Claim::Resume(held));
        }
    }

    fn hear(&mut self, at: usize, from: usize, number: u64, reply: Reply) {
        let from = self.machines[from].key;
        let Some(round) = self.machines[at].round.as_mut().filter(|round| round.number == number) else { return };
        let outcome = round.count.hear(&from, Some(reply));
        if outcome == Outcome::Waiting {
            return;
        }
        let round = self.machines[at].round.take().unwrap();
        match outcome {
            Outcome::Waiting => {}
            Outcome::Lost(Some(Refused::Outdated(later))) => {
                let machine = &mut self.machines[at];
                machine.register.promised = machine.register.promised.max(Some(later));
                machine.reign = None;
            }
            Outcome::Lost(_) => {}
            Outcome::Won(pending) => match round.proposal {
                None => {
                    self.machines[at].reign = Some((round.term, round.among.clone()));
                    self.machines[at].register.held = Some(round.term);
                    if let Some(pending) = pending {
                        self.propose(at, round.term, round.among, pending.proposal);
                    }
                }
                Some(proposal) => {
                    let header = sign(&proposal);
                    let seq = header.payload().seq;
                    let first = *self.signed.entry(seq).or_insert(header.id());
                    assert_eq!(first, header.id(), "two headers are signed for place {seq}");
                    if self.machines[at].feed.len() as u64 == seq {
                        self.machines[at].feed.push(header);
                        self.published += 1;
                    }
                }
            },
        }
    }

    fn deliver(&mut self) {
        if self.messages.is_empty() {
            return;
        }
        let at = self.random.below(self.messages.len());
        let message = self.messages.swap_remove(at);
        let (lost, again) = (self.random.below(10) == 0, self.random.below(10) == 0);
        match message {
            Message::Ask { from, to, round, ask } if !lost => {
                let reply = self.answer(to, from, &ask);
                if again {
                    self.messages.push(Message::Ask { from, to, round, ask });
                }
                self.messages.push(Message::Reply { from: to, to: from, round, reply });
            }
            Message::Reply { from, to, round, reply } if !lost => self.hear(to, from, round, reply),
            _ => {}
        }
    }

    /// One node gets another one's next header or its charter.
    fn sync(&mut self, to: usize, from: usize) {
        let next = self.machines[to].feed.len();
        let known = self.machines[from].charters;
        if let Some(header) = self.machines[from].feed.get(next).cloned() {
            if header.payload().charter == self.chains[1].current_id() {
                self.machines[to].charters = 2;
            }
            self.machines[to].feed.push(header);
        } else {
            self.machines[to].charters = self.machines[to].charters.max(known);
        }
    }

    fn step(&mut self) {
        let all = self.machines.len();
        let at = self.random.below(all);
        match self.random.below(100) {
            0..62 => self.deliver(),
            62..75 => {
                let from = self.random.below(all);
                self.sync(at, from);
            }
            75..88 => {
                let at = at % WRITERS;
                if self.machines[at].round.is_none() {
                    self.publish(at);
                }
            }
            // An operator's patience ends.
            88..92 => self.machines[at].round = None,
            92..93 => {
                let at = at % WRITERS;
                if self.machines[at].round.is_none() {
                    self.stand(at, Claim::Take);
                }
            }
            93..96 => {
                self.machines[at].reign = None;
                self.machines[at].round = None;
            }
            96..98 => self.machines[at].charters = if self.published > 3 { 2 } else { self.machines[at].charters },
            // A lost disk: the feed comes back and the memory does not. With two of them most can still speak.
            _ => {
                let is_out = self.machines.iter().any(|machine| machine.charters > 1);
                let lost = if is_out { SECOND } else { FIRST };
                let silent = self.machines.iter().filter(|machine| machine.register.lost.is_some()).count();
                // A damaged chunk: the feed goes back, the memory stays.
                let length = self.machines[at].feed.len();
                let has_it = |(other, machine): (usize, &Machine)| other != at && machine.feed.len() >= length;
                // What nobody has any more is gone in any world.
                if !self.machines.iter().enumerate().any(has_it) {
                    return;
                }
                if self.random.below(2) == 0 {
                    let machine = &mut self.machines[at];
                    let back = self.random.below(machine.feed.len() + 1);
                    machine.feed.truncate(back);
                    (machine.reign, machine.round) = (None, None);
                } else if silent < 2 && self.random.below(2) == 0 {
                    let machine = &mut self.machines[at];
                    (machine.register, machine.reign, machine.round) = (Register::lost(lost), None, None);
                    let back = self.random.below(machine.feed.len() + 1);
                    machine.feed.truncate(back);
                }
            }
        }
    }

    /// Everybody hears everybody at once, until nothing is said any more.
    fn talk(&mut self) {
        while let Some(message) = self.messages.pop() {
            if let Message::Ask { from, to, round, ask } = message {
                let reply = self.answer(to, from, &ask);
                self.hear(from, to, round, reply);
            }
        }
    }

    /// The faults end: everybody catches up, and a node that remembers takes over and publishes.
    fn heal(&mut self) {
        self.messages.clear();
        let longest = (0..self.machines.len()).max_by_key(|at| self.machines[*at].feed.len()).unwrap();
        let feed = self.machines[longest].feed.clone();
        for machine in &mut self.machines {
            (machine.feed, machine.charters, machine.round, machine.reign) = (feed.clone(), 2, None, None);
        }
        let writer = (0..WRITERS).find(|at| self.machines[*at].register.lost.is_none()).unwrap();
        // Its number passes every promise that a node gave somebody who did not become the writer.
        for _ in 0..6 {
            self.stand(writer, Claim::Take);
            self.talk();
            self.publish(writer);
            self.talk();
            let feed = self.machines[writer].feed.clone();
            self.machines.iter_mut().for_each(|machine| machine.feed = feed.clone());
        }
        // What was begun may have been finished first, and where that named another charter the term was renewed.
        assert!(self.machines[writer].feed.len() >= feed.len() + 3, "the new writer publishes nothing");
    }
}

#[test]
fn no_place_is_signed_twice_in_two_thousand_worlds() {
    let (mut published, mut takeovers) = (0, 0);
    for seed in 0..2_000 {
        let mut world = World::new(seed);
        for _ in 0..600 {
            world.step();
        }
        world.heal();
        published += world.published;
        takeovers += world.takeovers;
    }
    // The worlds are no idle ones.
    assert!(published > 8_000 && takeovers > 8_000, "{published} batches, {takeovers} attempts to take over");
}
