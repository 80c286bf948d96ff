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
    /// Batches that it had, or that a cut lets stand: a node that was damaged, or becomes the first, compares its feed with the others'
    /// before it writes alone.
    known: usize,
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
    /// The versions that there are so far, each with those before it; one that takes long to come about is last.
    chains: Vec<CharterChain>,
    later: Vec<Charter>,
    messages: Vec<Message>,
    /// By the charter of the last cut that binds the header, and number.
    signed: BTreeMap<(u64, u64), Hash>,
    random: Random,
    rounds: u64,
    seconds: u64,
    published: usize,
    takeovers: usize,
    cuts: usize,
}

const WRITERS: usize = 3;

/// HEADER-14, with one cut at the most.
fn stands(chain: &CharterChain, header: &Signed<BatchHeader>) -> bool {
    let cut = chain.current().member(ME).unwrap().cuts.last();
    cut.is_none_or(|cut| header.payload().seq < cut.batches) || !is_void(chain, header.payload())
}

impl World {
    /// The member has two nodes, and gets a third.
    fn new(seed: u64) -> World {
        World::of(seed, vec![chain_of(1), chain_of(2)], Vec::new())
    }

    /// The member has one node, gets a second, and the first is removed.
    fn lone(seed: u64) -> World {
        let [first, second, third] = lone_charters();
        let chain = CharterChain::found(signed(&first, &["1", "2"]), None).unwrap();
        World::of(seed, vec![chain], vec![third, second])
    }

    fn of(seed: u64, chains: Vec<CharterChain>, later: Vec<Charter>) -> World {
        let names = ["node-1", "node-1b", "node-1c", "node-2", "node-3", "node-4"];
        let machine = |name: &str| Machine {
            key: node(name),
            charters: 1,
            known: 0,
            feed: Vec::new(),
            register: Register::default(),
            reign: None,
            round: None,
        };
        World {
            machines: names.iter().map(|name| machine(name)).collect(),
            chains,
            later,
            messages: Vec::new(),
            signed: BTreeMap::new(),
            random: Random(seed),
            rounds: 0,
            seconds: 0,
            published: 0,
            takeovers: 0,
            cuts: 0,
        }
    }

    fn chain(&self, at: usize) -> &CharterChain {
        &self.chains[self.machines[at].charters - 1]
    }

    fn head(&self, at: usize) -> Option<Head> {
        self.machines[at].feed.last().map(head_of)
    }

    fn answer(&mut self, at: usize, from: usize, ask: &Ask) -> Reply {
        match self.among(at) {
            Some(Constituency::Shared { .. }) => {}
            Some(Constituency::Alone(_) | Constituency::Gone) => return Reply::Refused(Refused::NotYours),
            None => return Reply::Refused(Refused::Lagging),
        }
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
        let place = Place::after(self.head(at).as_ref());
        constituency(self.chain(at), ME, place, self.named(at).as_ref())
    }

    /// How many versions there will be.
    fn versions(&self) -> usize {
        if self.chains[0].current().member(ME).unwrap().nodes.len() == 1 { 4 } else { 2 }
    }

    fn is_listed(&self, at: usize) -> bool {
        self.chain(at).current().member_of_node(&self.machines[at].key).is_some_and(|member| member.number == ME)
    }

    /// A header leaves the node that signed it: of those that one cut binds, no two are for one place.
    fn release(&mut self, at: usize, header: Signed<BatchHeader>) {
        let chain = self.chains.last().unwrap();
        let (seq, named) = (header.payload().seq, chain.number_of(&header.payload().charter).unwrap());
        let cuts = &chain.current().member(ME).unwrap().cuts;
        let bound = cuts.iter().rev().map(|cut| cut.charter).find(|cut| *cut <= named).unwrap_or(0);
        match self.signed.insert((bound, seq), header.id()) {
            None => self.published += 1,
            Some(first) => assert_eq!(first, header.id(), "two headers are signed for place {seq}"),
        }
        self.take(at, header);
    }

    /// What continues a node's feed and is not void there is its next batch.
    fn take(&mut self, at: usize, header: Signed<BatchHeader>) {
        let place = Place::after(self.head(at).as_ref());
        if place.takes(header.payload()) && stands(self.chain(at), &header) {
            let machine = &mut self.machines[at];
            machine.feed.push(header);
            machine.known = machine.known.max(machine.feed.len());
        }
    }

    /// A node hears of charters: what a cut voids goes.
    fn learn(&mut self, at: usize, charters: usize) {
        if charters <= self.machines[at].charters {
            return;
        }
        self.machines[at].charters = charters;
        let chain = self.chain(at).clone();
        let Some(cut) = chain.current().member(ME).unwrap().cuts.last() else { return };
        let machine = &mut self.machines[at];
        let length = machine.feed.iter().take_while(|header| stands(&chain, header)).count();
        machine.feed.truncate(length);
        machine.known = machine.known.min(length).max(cut.batches as usize);
    }

    /// Its own word first, durable, then everybody's.
    fn begin(&mut self, at: usize, term: Term, among: Constituency, proposal: Option<Proposal>, ask: &Ask) {
        let own = self.answer(at, at, ask);
        if matches!(own, Reply::Refused(_)) {
            return;
        }
        self.rounds += 1;
        let Constituency::Shared { electors, .. } = &among else { panic!("one that writes alone asks nobody") };
        let count = Candidate::new(electors, self.chain(at), ME);
        self.machines[at].round = Some(Round { number: self.rounds, term, among, proposal, count });
        for to in (0..self.machines.len()).filter(|to| *to != at) {
            self.messages.push(Message::Ask { from: at, to, round: self.rounds, ask: ask.clone() });
        }
        self.hear(at, at, self.rounds, own);
    }

    fn stand(&mut self, at: usize, claim: Claim) {
        let Some(among @ Constituency::Shared { .. }) = self.among(at) else { return };
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
        if !self.is_listed(at) {
            return;
        }
        let head = self.head(at);
        let among = match self.among(at) {
            Some(Constituency::Alone(only)) => {
                let machine = &self.machines[at];
                if only == machine.key && machine.feed.len() >= machine.known {
                    self.seconds += 1;
                    let batch = heartbeat(self.chain(at), head, SECOND.plus(self.seconds));
                    self.release(at, sign(&batch));
                }
                return;
            }
            Some(Constituency::Gone) | None => return,
            Some(shared) => shared,
        };
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
                    self.release(at, sign(&proposal));
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

    /// One node gets another one's next header or its charters.
    fn sync(&mut self, to: usize, from: usize) {
        let next = self.machines[to].feed.len();
        let known = self.machines[from].charters;
        if let Some(header) = self.machines[from].feed.get(next).cloned() {
            let named = self.chain(from).number_of(&header.payload().charter).unwrap();
            self.learn(to, named as usize);
            self.take(to, header);
        } else {
            self.learn(to, known);
        }
    }

    /// The stewards make the next charter; the last one decides up to where the feed stands, as some node has it.
    fn govern(&mut self) {
        let chain = self.chains.last().unwrap();
        let next = match self.later.pop() {
            Some(next) => next,
            None if self.chains.len() + 1 == self.versions() => {
                let at = self.random.below(self.machines.len());
                self.cuts += 1;
                cut_after(self.chains.last().unwrap(), self.head(at).as_ref())
            }
            None => return,
        };
        let mut chain = chain.clone();
        assert_eq!(chain.extend(signed(&next, &["1", "2"])), Ok(true));
        self.chains.push(chain);
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
            96..98 => {
                if self.published > 3 && self.random.below(4) == 0 {
                    self.govern();
                }
                if self.published > 3 {
                    self.learn(at, self.chains.len());
                }
            }
            // A lost disk: the feed comes back and the memory does not. With two of them most can still speak.
            _ => {
                let is_out = self.machines.iter().any(|machine| machine.charters > 1);
                let lost = if is_out { SECOND } else { FIRST };
                let silent = self.machines.iter().filter(|machine| machine.register.lost.is_some()).count();
                // A damaged chunk: the feed goes back, the memory stays.
                let length = self.machines[at].feed.len();
                let end = self.head(at);
                let has_it = |(other, machine): (usize, &Machine)| {
                    let same = |end: &Head| machine.feed.get(length - 1).map(Signed::id) == Some(end.id);
                    other != at && end.as_ref().is_none_or(same)
                };
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
        let all = 0..self.machines.len();
        all.clone().for_each(|at| self.learn(at, self.chains.len()));
        let longest = all.clone().max_by_key(|at| self.machines[*at].feed.len()).unwrap();
        let feed = self.machines[longest].feed.clone();
        for machine in &mut self.machines {
            (machine.feed, machine.known, machine.round, machine.reign) = (feed.clone(), feed.len(), None, None);
        }
        while self.chains.len() < self.versions() {
            self.govern();
        }
        all.for_each(|at| self.learn(at, self.chains.len()));
        let may_write = |at: &usize| match self.among(*at) {
            Some(Constituency::Alone(only)) => only == self.machines[*at].key,
            _ => self.is_listed(*at) && self.machines[*at].register.lost.is_none(),
        };
        let writer = (0..WRITERS).find(may_write).unwrap();
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

fn run(worlds: impl Iterator<Item = World>) -> [usize; 3] {
    let mut counted = [0; 3];
    for mut world in worlds {
        for _ in 0..600 {
            world.step();
        }
        counted[2] += world.cuts;
        world.heal();
        counted[0] += world.published;
        counted[1] += world.takeovers;
    }
    counted
}

#[test]
fn no_place_is_signed_twice_in_two_thousand_worlds() {
    let [published, takeovers, _] = run((0..2_000).map(World::new));
    // The worlds are no idle ones.
    assert!(published > 8_000 && takeovers > 8_000, "{published} batches, {takeovers} attempts to take over");
}

/// WRITER-5: from one node that asks nobody to several, to its removal, whoever has heard of that, and past a cut.
#[test]
fn nor_where_the_one_node_that_wrote_is_removed() {
    let [published, takeovers, cuts] = run((0..2_000).map(World::lone));
    assert!(published > 8_000 && takeovers > 600 && cuts > 200, "{published}, {takeovers}, {cuts}");
}
