//! The rules one by one, and a world of nodes in which messages are lost, repeated and late, nodes crash and forget, and
//! operators take over at any moment: no two headers are ever signed for one place.

use std::collections::BTreeMap;

use super::*;
use crate::{
    base::{Hash, MemberNumber, Timestamp},
    charter::{Charter, CharterChain, Node as ListedNode},
    encoding::{DecodeError, Wire},
    feed::{
        BatchHeader, Head,
        build::{Body, Place as BatchPlace},
    },
    fixtures::*,
    merkle::Frontier,
    signed::{PublicKey, Signed, Signer},
};

const ME: MemberNumber = MemberNumber(1);

fn node(name: &str) -> PublicKey {
    Key::of(&format!("antibrush vector {name}")).public()
}

/// Member 1 with two nodes, then with three.
fn charters() -> [Charter; 2] {
    let list = |charter: &mut Charter, name| {
        charter.members[0].nodes.push(ListedNode { key: node(name), addresses: Vec::new() });
    };
    let mut first = genesis();
    list(&mut first, "node-1b");
    let id = signed(&first, &[]).id();
    let mut second = first.clone();
    (second.number, second.previous, second.alliance, second.issued) = (2, Some(id), Some(id), REVISED);
    list(&mut second, "node-1c");
    [first, second]
}

fn chain_of(versions: usize) -> CharterChain {
    let [first, second] = charters();
    let mut chain = CharterChain::found(signed(&first, &["1", "2"]), None).unwrap();
    if versions > 1 {
        assert_eq!(chain.extend(signed(&second, &["1", "2"])), Ok(true));
    }
    chain
}

/// An empty batch after a head; its moment makes it one of its own.
fn heartbeat(chain: &CharterChain, head: Option<Head>, now: Timestamp) -> Proposal {
    let (alliance, charter) = (chain.alliance(), chain.current_id());
    let place = BatchPlace { alliance, charter, publisher: ME, log: None, previous: head, now };
    let (header, _) = Body::default().seal(&place, Frontier::new(), &feed_key(1));
    Proposal::of(header.payload(), feed_key(1).public())
}

fn sign(proposal: &Proposal) -> Signed<BatchHeader> {
    proposal.sign(None, &feed_key(1)).unwrap()
}

fn head_of(header: &Signed<BatchHeader>) -> Head {
    Head::of(header.payload(), header.id())
}

fn term(number: u64, name: &str) -> Term {
    Term { number, node: node(name) }
}

fn vote(term: Term, head: Option<&Head>, claim: Claim) -> Ask {
    Ask::Vote(Vote { publisher: ME, term, place: Place::after(head), claim })
}

fn accept(term: Term, proposal: &Proposal) -> Ask {
    Ask::Accept { term, proposal: Box::new(proposal.clone()) }
}

/// What an elector with this memory and this head says.
fn ask(register: &Register, head: Option<&Head>, from: &str, ask: &Ask) -> Result<(Register, Reply), Refused> {
    let (chain, from) = (chain_of(1), node(from));
    let named = chain.current_id();
    register.answer(ask, Seen { chain: &chain, head: head.map(|head| (head, &named)), from: &from }, true)
}

#[test]
fn only_a_node_of_the_publisher_is_heard() {
    let empty = Register::default();
    let proposal = heartbeat(&chain_of(1), None, FIRST);
    // WRITER-1
    for stranger in ["node-2", "nobody"] {
        let of = term(1, stranger);
        assert_eq!(ask(&empty, None, stranger, &vote(of, None, Claim::Take)), Err(Refused::NotYours));
        assert_eq!(ask(&empty, None, stranger, &accept(of, &proposal)), Err(Refused::NotYours));
    }
    // In another node's name.
    assert_eq!(ask(&empty, None, "node-1", &vote(term(1, "node-1b"), None, Claim::Take)), Err(Refused::NotYours));
    assert_eq!(ask(&empty, None, "node-1", &accept(term(1, "node-1b"), &proposal)), Err(Refused::NotYours));
    assert!(ask(&empty, None, "node-1", &accept(term(1, "node-1"), &proposal)).is_ok());
}

#[test]
fn both_must_have_the_same_end_of_the_feed() {
    let chain = chain_of(1);
    let first = sign(&heartbeat(&chain, None, FIRST));
    let head = head_of(&first);
    let (one, empty) = (term(1, "node-1"), Register::default());
    let second = heartbeat(&chain, Some(head), SECOND);
    let other = Head { id: [7; 32], ..head };
    // WRITER-2
    assert_eq!(ask(&empty, Some(&head), "node-1", &vote(one, None, Claim::Take)), Err(Refused::Behind(0)));
    assert_eq!(ask(&empty, None, "node-1", &vote(one, Some(&head), Claim::Take)), Err(Refused::Lagging));
    assert_eq!(ask(&empty, Some(&other), "node-1", &vote(one, Some(&head), Claim::Take)), Err(Refused::OtherHistory));
    let again = heartbeat(&chain, None, FIRST);
    assert_eq!(ask(&empty, Some(&head), "node-1", &accept(one, &again)), Err(Refused::Behind(0)));
    assert_eq!(ask(&empty, None, "node-1", &accept(one, &second)), Err(Refused::Lagging));
    assert_eq!(ask(&empty, Some(&other), "node-1", &accept(one, &second)), Err(Refused::OtherHistory));
    assert!(ask(&empty, Some(&head), "node-1", &accept(one, &second)).is_ok());
}

#[test]
fn a_promise_is_kept() {
    let chain = chain_of(1);
    let (a, b) = (heartbeat(&chain, None, FIRST), heartbeat(&chain, None, SECOND));
    let (old, new) = (term(1, "node-1"), term(2, "node-1b"));
    let (register, reply) = ask(&Register::default(), None, "node-1b", &vote(new, None, Claim::Take)).unwrap();
    assert_eq!((register.promised, reply), (Some(new), Reply::Promised(None)));
    // WRITER-3: the writer of the earlier term comes back.
    assert_eq!(ask(&register, None, "node-1", &accept(old, &a)), Err(Refused::Outdated(new)));
    assert_eq!(ask(&register, None, "node-1", &vote(old, None, Claim::Take)), Err(Refused::Outdated(new)));
    // With a later number it may take over, and may not merely go on.
    let later = term(3, "node-1");
    let resume = |after| vote(later, None, Claim::Resume(after));
    assert_eq!(ask(&register, None, "node-1", &resume(Some(old))), Err(Refused::Outdated(new)));
    assert_eq!(ask(&register, None, "node-1", &resume(None)), Err(Refused::Outdated(new)));
    assert!(ask(&register, None, "node-1", &vote(later, None, Claim::Take)).is_ok());
    // Its own earlier promise stops nobody from going on.
    assert!(ask(&register, None, "node-1b", &vote(term(3, "node-1b"), None, Claim::Resume(Some(new)))).is_ok());
    // One thing in one term.
    let (taken, _) = ask(&register, None, "node-1b", &accept(new, &a)).unwrap();
    assert_eq!(ask(&taken, None, "node-1b", &accept(new, &a)), Ok((taken.clone(), Reply::Accepted)));
    assert_eq!(ask(&taken, None, "node-1b", &accept(new, &b)), Err(Refused::Outdated(new)));
    // WRITER-6: who comes next is told.
    let (next, reply) = ask(&taken, None, "node-1", &vote(later, None, Claim::Take)).unwrap();
    assert_eq!((next.promised, reply), (Some(later), Reply::Promised(Some((new, Box::new(a.clone()))))));
    // Once the place is filled, it is history.
    let head = head_of(&sign(&a));
    let (_, reply) = ask(&taken, Some(&head), "node-1", &vote(later, Some(&head), Claim::Take)).unwrap();
    assert_eq!(reply, Reply::Promised(None));
}

#[test]
fn a_batch_that_cannot_be_signed_or_has_no_body_is_not_accepted() {
    let chain = chain_of(1);
    let (good, one) = (heartbeat(&chain, None, SECOND), term(1, "node-1"));
    let from = node("node-1");
    let refused = |change: fn(&mut Proposal)| {
        let mut bad = good.clone();
        change(&mut bad);
        ask(&Register::default(), None, "node-1", &accept(one, &bad)).unwrap_err()
    };
    // WRITER-4
    assert_eq!(refused(|p| p.header.alliance = [1; 32]), Refused::Batch);
    assert_eq!(refused(|p| p.header.checkpoint = Some([1; 64])), Refused::Batch);
    assert_eq!(refused(|p| p.header.count = 1), Refused::Batch);
    assert_eq!(refused(|p| p.key = [1; 32]), Refused::Batch);
    assert_eq!(refused(|p| p.header.charter = [1; 32]), Refused::Lagging);
    let seen = Seen { chain: &chain, head: None, from: &from };
    assert_eq!(Register::default().answer(&accept(one, &good), seen, false), Err(Refused::Batch));
    // Back in time: FEED-2 would refuse it.
    let head = head_of(&sign(&good));
    let early = heartbeat(&chain, Some(head), FIRST);
    assert_eq!(ask(&Register::default(), Some(&head), "node-1", &accept(one, &early)), Err(Refused::Batch));
}

#[test]
fn the_charter_of_the_last_header_says_who_is_asked() {
    // WRITER-5
    let (one, two) = (chain_of(1), chain_of(2));
    let named = |chain: &CharterChain| Some(chain.current_id());
    let nodes = |names: &[&str]| names.iter().map(|name| node(name)).collect::<Vec<_>>();
    let of_first = nodes(&["node-1", "node-1b", "node-2", "node-3", "node-4"]);
    let shared = |chain: &CharterChain, electors: &[PublicKey]| {
        Some(Constituency::Shared { charter: chain.current_id(), electors: electors.to_vec() })
    };
    assert_eq!(constituency(&two, ME, named(&one).as_ref()), shared(&one, &of_first));
    assert_eq!(constituency(&two, ME, None), shared(&one, &of_first));
    let of_second = nodes(&["node-1", "node-1b", "node-1c", "node-2", "node-3", "node-4"]);
    assert_eq!(constituency(&two, ME, named(&two).as_ref()), shared(&two, &of_second));
    assert_eq!(constituency(&one, ME, named(&two).as_ref()), None, "a charter that is not known");
    // A member with one node asks nobody.
    let two_beta = constituency(&two, MemberNumber(2), named(&two).as_ref());
    assert_eq!(two_beta, Some(Constituency::Alone(node("node-2"))));
    // More than half.
    let six = of_second;
    let mut round = Candidate::new(&six);
    assert_eq!(round.needed(), 4);
    for (n, elector) in six[..4].iter().enumerate() {
        assert_eq!(round.granted(), n);
        assert_eq!(round.hear(&node("nobody"), Some(Reply::Accepted)), Outcome::Waiting, "no elector");
        let outcome = round.hear(elector, Some(Reply::Accepted));
        assert_eq!(outcome, if n < 3 { Outcome::Waiting } else { Outcome::Won(None) });
        round.hear(elector, Some(Reply::Accepted));
    }
    // Half is not enough; the latest term is the reason to tell.
    let outdated = |number| Refused::Outdated(term(number, "node-1b"));
    let mut round = Candidate::new(&six);
    six[..3].iter().for_each(|elector| drop(round.hear(elector, Some(Reply::Accepted))));
    assert_eq!(round.hear(&six[3], None), Outcome::Waiting);
    assert_eq!(round.hear(&six[4], Some(Reply::Refused(outdated(9)))), Outcome::Waiting);
    assert_eq!(round.hear(&six[5], Some(Reply::Refused(outdated(3)))), Outcome::Lost(Some(outdated(9))));
    // Who lacks a batch must fetch it before anything else.
    let behind = Refused::Behind(7);
    assert_eq!(Candidate::new(&six).hear(&six[0], Some(Reply::Refused(behind))), Outcome::Lost(Some(behind)));
    // Nobody answers.
    let mut round = Candidate::new(&six[..1]);
    assert_eq!(round.hear(&six[0], None), Outcome::Lost(None));
}

#[test]
fn an_elector_that_lost_its_memory_is_silent_until_the_feed_names_a_charter_from_after_that() {
    let (one, two) = (chain_of(1), chain_of(2));
    let head = head_of(&sign(&heartbeat(&one, None, FIRST)));
    let (first, second, from) = (one.current_id(), two.current_id(), node("node-1"));
    let asked = vote(term(1, "node-1"), Some(&head), Claim::Take);
    let answer = |lost: Timestamp, named: &Hash| {
        let seen = Seen { chain: &two, head: Some((&head, named)), from: &from };
        Register::lost(lost).answer(&asked, seen, true).map(|(register, _)| register.lost)
    };
    // WRITER-7
    let before = Timestamp(REVISED.0 - 3600);
    assert_eq!(answer(before, &first), Err(Refused::Abstains));
    assert_eq!(answer(before, &second), Ok(None));
    assert_eq!(answer(REVISED, &second), Err(Refused::Abstains), "a clock apart");
    assert_eq!(answer(before, &[9; 32]), Err(Refused::Lagging), "a charter that is not known");
    let proposal = heartbeat(&one, None, FIRST);
    let lost = Register::lost(before);
    assert_eq!(ask(&lost, None, "node-1", &accept(term(1, "node-1"), &proposal)), Err(Refused::Abstains));
}

#[test]
fn every_message_is_read_as_it_was_written_and_nothing_else_is() {
    let chain = chain_of(1);
    let (one, proposal) = (term(1, "node-1"), heartbeat(&chain, None, FIRST));
    let head = head_of(&sign(&proposal));
    let asks = [
        vote(one, None, Claim::Take),
        vote(one, Some(&head), Claim::Resume(None)),
        vote(one, Some(&head), Claim::Resume(Some(one))),
        accept(one, &proposal),
        Ask::Chunk { digest: [3; 32] },
    ];
    let accepted = Some((one, Box::new(proposal.clone())));
    let refusals = [
        Refused::Outdated(one),
        Refused::Behind(4),
        Refused::Lagging,
        Refused::OtherHistory,
        Refused::NotYours,
        Refused::Batch,
        Refused::Abstains,
        Refused::Storage,
    ];
    let mut replies = vec![
        Reply::Promised(None),
        Reply::Promised(accepted.clone()),
        Reply::Accepted,
        Reply::Chunk([1, 2][..].into()),
        Reply::Absent,
    ];
    replies.extend(refusals.map(Reply::Refused));
    let registers =
        [Register::default(), Register { promised: Some(one), accepted, lost: None }, Register::lost(FIRST)];
    fn again<T: Wire + PartialEq + std::fmt::Debug>(object: &T) {
        let bytes = object.encode();
        assert!(bytes.len() <= T::MAX_BYTES);
        assert_eq!(T::decode(&bytes).as_ref(), Ok(object));
        assert_eq!(T::decode(&[&bytes[..], &[0]].concat()), Err(DecodeError::TrailingBytes));
        for end in 0..bytes.len() {
            assert!(T::decode(&bytes[..end]).is_err());
        }
    }
    asks.iter().for_each(again);
    replies.iter().for_each(again);
    registers.iter().for_each(again);
    for (bytes, error) in
        [(&[0x82, 0x03, 0x00][..], DecodeError::UnknownKey(3)), (&[0x81, 0x01], DecodeError::Malformed)]
    {
        assert_eq!(Ask::decode(bytes), Err(error));
    }
    assert_eq!(Reply::decode(&[0x82, 0x02, 0x81, 0x08]), Err(DecodeError::OutOfRange("refusal")));
}

#[test]
fn another_key_does_not_sign_what_was_agreed_on() {
    let proposal = heartbeat(&chain_of(1), None, FIRST);
    assert_eq!(proposal.sign(None, &feed_key(2)).map(|header| header.id()), Err(SignError));
    let log = Some("antibrush/1/00/alpha");
    let (one, two) = (proposal.sign(log, &feed_key(1)).unwrap(), proposal.sign(log, &feed_key(1)).unwrap());
    assert_eq!((one.envelope(), one.id()), (two.envelope(), two.id()));
    assert_ne!(one.id(), sign(&proposal).id());
}

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
        let seen = Seen { chain: self.chain(at), head: head.as_ref().zip(named.as_ref()), from: &from };
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
        let count = Candidate::new(electors);
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
        let begun = machine.register.pending(Place::after(head.as_ref())).map(|(term, _)| *term);
        let reign = machine.reign.clone().filter(|(term, of)| *of == among && Some(*term) != begun);
        let promised = machine.register.promised;
        if let Some((term, among)) = reign {
            self.seconds += 1;
            let batch = heartbeat(self.chain(at), head, SECOND.plus(self.seconds));
            return self.propose(at, term, among, batch);
        }
        let is_mine = promised.map_or(at == 0, |term| term.node == machine.key);
        if is_mine {
            self.stand(at, Claim::Resume(promised));
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
                    if let Some(pending) = pending {
                        self.propose(at, round.term, round.among, *pending);
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
                if silent < 2 && self.random.below(4) == 0 {
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
