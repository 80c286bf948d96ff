//! Key holders, and what platforms have evaluated by them: the protocol's own blinding, shares, proofs and counts, over the lines of
//! the world.
//!
//! A holder counts before it answers and writes before it counts, as the node does; a crash takes what was not written. What it
//! really gave is counted here a second time, where nothing is lost, and held against the quota.

use std::collections::{BTreeMap, VecDeque};

use antibrush_protocol::{
    base::{Day, MemberNumber, Timestamp},
    board::{Post, UsageReport},
    charter,
    encoding::Wire,
    evaluation::{
        self, BadAnswer, EvaluationRequest, EvaluationResponse, Refusal, padded,
        quota::{Counts, Tally},
    },
    limits,
    replica::Input,
    subject::{Class, Subject},
    suite::{
        KeyId,
        threshold::{BATCH, Blinded, Checked, Element, KeyShare, blind},
    },
};

use super::{
    Event, Node, Way, World,
    alliance::number_of,
    dealer::{Whole, deal, wide},
    rotation::Rotation,
    stream,
};
use crate::{adversary::lying_holder::LyingHolder, invariant::Invariant, random::Random, scenario::Scenario};

/// The class whose tokens are evaluated.
pub const CLASS: Class = Class::Mob;

/// For how long a platform waits for one holder before it asks another, in microseconds: as its node does.
const PATIENCE_US: u64 = 5_000_000;

/// What an evaluation takes a holder, in microseconds: the measured cost of an element in a batch.
const ELEMENT_US: u64 = 100;

/// What it takes to write counts and have them on the disk, in microseconds.
const WRITE_US: u64 = 4_000;

/// Days of which a holder keeps the counts for its reports.
const HISTORY_DAYS: usize = 40;

/// What came of evaluations.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EvaluationCounts {
    /// Requests of platforms.
    pub asked: u64,
    /// Of them, those that gave what the whole key gives.
    pub evaluated: u64,
    /// Those for which too few holders answered.
    pub unavailable: u64,
    /// Identifiers that were evaluated.
    pub identifiers: u64,
    /// Elements that holders evaluated.
    pub elements: u64,
    /// Answers without any, because a quota was used up.
    pub exhausted: u64,
    /// Answers without any for other reasons.
    pub refused: BTreeMap<String, u64>,
    /// False answers that were found, by holder.
    pub lies: BTreeMap<u32, u64>,
    /// Usage reports that holders posted.
    pub reports: u64,
    /// Keys of new epochs that ceremonies of the holders made.
    pub rotations: u64,
    /// Calls to a ceremony, those that came to nothing included.
    pub calls: u64,
    /// Keys that were retired.
    pub retired: u64,
    /// Listings that their publishers carried into a new epoch.
    pub carried: u64,
}

/// A step of an evaluation.
pub(super) enum Step {
    /// A request comes to a holder.
    Request { name: u64, place: usize, life: u32, way: Option<Way> },
    /// A holder has evaluated and written.
    Done { name: u64, place: usize, life: u32, written: u64, day: Day, elements: u32, response: Vec<u8> },
    /// An answer comes.
    Response { name: u64, place: usize, way: Option<Way>, response: Vec<u8> },
    /// A holder has been waited for long enough.
    Late { name: u64, place: usize },
}

/// What the disk says: the day and its counts.
type Kept = (Day, Counts);

/// One holder. Its number is its place and one more.
pub(super) struct Holder {
    /// Its shares, on its disk before anything is said that follows from them.
    pub(super) shares: BTreeMap<KeyId, KeyShare>,
    tally: Tally,
    kept: Kept,
    /// What is on its way to the disk, in order.
    pending: VecDeque<(u64, Kept)>,
    /// Writes that were begun.
    begun: u64,
    history: BTreeMap<Day, Counts>,
    reported: Day,
    busy_until_us: u64,
    /// The highest day that its clock ever showed when it was asked.
    highest: Day,
}

impl Holder {
    fn write(&mut self, counts: Counts) {
        self.begun += 1;
        self.pending.push_back((self.begun, (self.tally.day(), counts)));
    }

    /// So many writes are on the disk.
    fn wrote(&mut self, written: u64) {
        while self.pending.front().is_some_and(|(number, _)| *number <= written)
            && let Some((_, kept)) = self.pending.pop_front()
        {
            self.kept = kept;
        }
    }

    fn turn(&mut self, today: Day) {
        if today > self.tally.day() {
            if !self.tally.used().is_empty() {
                self.history.insert(self.tally.day(), self.tally.used().clone());
                while self.history.len() > HISTORY_DAYS {
                    self.history.pop_first();
                }
            }
            self.tally.turn(today);
            self.write(Counts::new());
        }
    }
}

/// A platform's question.
struct Ask {
    asker: u32,
    life: u32,
    key: KeyId,
    blinded: Blinded,
    request: EvaluationRequest,
    expected: Vec<[u8; 64]>,
    /// Holders in the order in which they are asked, by place, and how many of them were.
    order: Vec<usize>,
    next: usize,
    waiting: Vec<usize>,
    checked: Vec<Checked>,
}

/// The holders of one alliance.
pub struct Holding {
    /// Every key that there ever was.
    pub(super) keys: BTreeMap<KeyId, Whole>,
    quota: u32,
    pub(super) holders: Vec<Holder>,
    asks: BTreeMap<u64, Ask>,
    pub(super) random: Random,
    pub(super) rotation: Rotation,
    /// What honest holders gave, by holder, member and the day that they counted it to.
    given: BTreeMap<(u32, u32, Day), u64>,
    last_day: BTreeMap<u32, Day>,
}

impl Holding {
    /// The holders of an alliance, if the scenario has any and they can share a key.
    pub fn of(scenario: &Scenario, alliance: u32, seed: u64) -> Option<Holding> {
        let holding = scenario.holding.as_ref()?;
        let mut random = Random::new(seed, &[u64::from(alliance), stream::HOLDING]);
        let (begin, _) = scenario.size_of(alliance);
        let holders = holding.holders.min(begin.saturating_sub(scenario.federation.observers));
        let members = (0..holders).map(number_of).collect();
        let (key, shares) = deal(CLASS, 1, u8::try_from(holding.threshold).ok()?, members, &mut random)?;
        let id = key.token_key.id();
        let holder = |share| Holder {
            shares: BTreeMap::from([(id, share)]),
            tally: Tally::new(Day(0), false, Counts::new()),
            kept: (Day(0), Counts::new()),
            pending: VecDeque::new(),
            begun: 0,
            history: BTreeMap::new(),
            reported: Day(0),
            busy_until_us: 0,
            highest: Day(0),
        };
        let holders = shares.into_iter().map(holder).collect();
        let (keys, rotation) = (BTreeMap::from([(id, key)]), Rotation::default());
        let (asks, given, last_day) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
        Some(Holding { keys, quota: holding.quota, holders, asks, random, rotation, given, last_day })
    }

    /// What the first charter says of it.
    pub fn charter(&self) -> Option<(charter::TokenKey, charter::Holding)> {
        let key = self.keys.values().next()?.token_key.clone();
        let quotas = vec![(CLASS, self.quota)];
        let holding = charter::Holding { threshold: key.threshold, members: key.members.clone(), quotas };
        Some((key, holding))
    }

    /// Makes the last of the holders lie, as many as the scenario says. Node 0 stays honest.
    pub fn appoint(&self, scenario: &Scenario, nodes: &mut [Node]) {
        let liars = (scenario.adversaries.lying_holders as usize).min(self.holders.len().saturating_sub(1));
        for node in nodes.iter_mut().take(self.holders.len()).skip(self.holders.len() - liars) {
            node.malice = Some(Box::<LyingHolder>::default());
            node.is_dishonest = true;
        }
    }

    /// What honest holders gave a member in all, counted where nothing is lost.
    pub fn given_to(&self, node: u32) -> u64 {
        self.given.iter().filter(|((_, to, _), _)| *to == node).map(|(_, count)| count).sum()
    }

    /// A holder was killed: of what was on its way to the disk some is there.
    pub fn crash(&mut self, node: u32) {
        let Some(holder) = self.holders.get_mut(node as usize) else { return };
        let written = self.random.below(holder.pending.len() as u64 + 1) as usize;
        if let Some((number, _)) = written.checked_sub(1).and_then(|last| holder.pending.get(last)) {
            holder.wrote(*number);
        }
        holder.pending.clear();
        holder.busy_until_us = 0;
        holder.tally = Tally::new(holder.kept.0, false, holder.kept.1.clone());
    }

    /// Counts what a holder and a member have of each other for good; says what is wrong with it.
    fn give(&mut self, holder: u32, to: u32, day: Day, elements: u32) -> Option<String> {
        let last = self.last_day.entry(holder).or_insert(Day(0));
        if day < *last || day > self.holders.get(holder as usize)?.highest {
            return Some(format!("evaluations were counted to day {day}, which is past or has not come"));
        }
        *last = day;
        let given = self.given.entry((holder, to, day)).or_default();
        *given += u64::from(elements);
        let (given, quota) = (*given, self.quota);
        (given > u64::from(quota))
            .then(|| format!("member of node {to} got {given} evaluations of {day}; the quota is {quota}"))
    }
}

/// The identifiers that a salt stands for, as a platform knows them.
fn subjects(salt: u64, count: u32) -> Vec<Subject> {
    let mut random = Random::new(salt, &[]);
    let text = |_| format!("138{:08}", random.below(100_000_000));
    // Eleven digits that begin with 138 are a mobile number.
    (0..count).map(text).filter_map(|text| Subject::parse(CLASS, &text).ok()).collect()
}

impl World {
    /// A platform has identifiers evaluated under every key that its charter has in use.
    pub(super) fn evaluate(&mut self, node: u32, count: u32, salt: u64) {
        let at = &self.nodes[node as usize];
        let Some(replica) = at.replica.as_ref().filter(|_| at.is_online) else { return };
        let charter = replica.charter();
        if !replica.me().and_then(|me| charter.member(me)).is_some_and(|me| me.is_publisher()) {
            return;
        }
        let keys: Vec<KeyId> = charter.active_keys(CLASS).map(charter::TokenKey::id).collect();
        for (turn, key) in (0u64..).zip(keys) {
            self.evaluate_under(node, key, count, salt.wrapping_add(turn));
        }
    }

    fn evaluate_under(&mut self, node: u32, key: KeyId, count: u32, salt: u64) -> Option<()> {
        let at = &self.nodes[node as usize];
        let (holding, replica) = (self.holding.as_mut()?, at.replica.as_ref()?);
        let alliance = replica.chain().alliance();
        let inputs: Vec<Vec<u8>> = subjects(salt, count.clamp(1, BATCH as u32))
            .iter()
            .map(|subject| {
                let mut input = Vec::new();
                subject.input(&alliance, &mut input);
                input
            })
            .collect();
        let mut random = Random::new(salt, &[1]);
        let mut entropy: Vec<[u8; 64]> = inputs.iter().map(|_| wide(&mut random)).collect();
        let padding: Vec<[u8; 64]> = (inputs.len()..padded(inputs.len())).map(|_| wide(&mut random)).collect();
        let mut blinded = blind(inputs, &mut entropy).ok()?;
        blinded.pad(&padding).ok()?;
        let expected = holding.keys.get(&key)?.directly(&blinded, &mut random).ok()?;
        let elements = blinded.elements().iter().map(|element| *element.bytes()).collect();
        let request = EvaluationRequest { charter: replica.chain().current_id(), key, elements };
        let mut order: Vec<usize> = (0..holding.holders.len()).collect();
        random.shuffle(&mut order);
        let (life, waiting, checked) = (at.life, Vec::new(), Vec::new());
        let ask = Ask { asker: node, life, key, blinded, request, expected, order, next: 0, waiting, checked };
        self.counts.evaluations.asked += 1;
        self.named += 1;
        let name = self.named;
        holding.asks.insert(name, ask);
        self.ask_more(name);
        Some(())
    }

    /// Asks as many more holders as are needed, or gives up.
    fn ask_more(&mut self, name: u64) {
        let Some(holding) = self.holding.as_mut() else { return };
        let Some(ask) = holding.asks.get_mut(&name) else { return };
        let Some(need) = holding.keys.get(&ask.key).map(|key| key.public.threshold()) else { return };
        while ask.checked.len() + ask.waiting.len() < need && ask.next < ask.order.len() {
            let place = ask.order[ask.next];
            ask.next += 1;
            let holder = place as u32;
            let (way, at_us) = if holder == ask.asker {
                (None, self.now_us)
            } else if self.lines.are_connected(ask.asker, holder) {
                let bytes = ask.request.encode().len() as u64;
                let sent = self.lines.send(ask.asker, holder, bytes, self.now_us)[0];
                ask.waiting.push(place);
                self.queue.push(self.now_us + PATIENCE_US, Event::Evaluation(Step::Late { name, place }));
                let Some(sent) = sent else { continue };
                (Some(Way { from: ask.asker, connection: sent.connection }), sent.at_us)
            } else {
                continue;
            };
            if way.is_none() {
                ask.waiting.push(place);
                self.queue.push(self.now_us + PATIENCE_US, Event::Evaluation(Step::Late { name, place }));
            }
            let life = self.nodes[place].life;
            self.queue.push(at_us, Event::Evaluation(Step::Request { name, place, life, way }));
        }
        if ask.checked.len() + ask.waiting.len() < need {
            holding.asks.remove(&name);
            self.counts.evaluations.unavailable += 1;
        }
    }

    /// Carries out a step.
    pub(super) fn evaluation(&mut self, step: Step) {
        match step {
            Step::Request { name, place, life, way } => {
                if self.is_there(place as u32, life) && way.is_none_or(|way| self.is_open(place as u32, way)) {
                    self.note(place as u32, 6, name);
                    self.hold(name, place);
                }
            }
            Step::Done { name, place, life, written, day, elements, response } => {
                if self.is_there(place as u32, life)
                    && let Some(holding) = self.holding.as_mut()
                {
                    holding.holders[place].wrote(written);
                }
                if self.is_there(place as u32, life) {
                    self.held(name, place, day, elements, response);
                }
            }
            Step::Response { name, place, way, response } => self.answered(name, place, way, &response),
            Step::Late { name, place } => {
                let ask = self.holding.as_mut().and_then(|holding| holding.asks.get_mut(&name));
                if let Some(ask) = ask
                    && let Some(at) = ask.waiting.iter().position(|waiting| *waiting == place)
                {
                    ask.waiting.remove(at);
                    self.ask_more(name);
                }
            }
        }
    }

    /// A holder judges a request as its node does, and answers when it has written and evaluated.
    fn hold(&mut self, name: u64, place: usize) {
        let node = place as u32;
        let Some(holding) = self.holding.as_mut() else { return };
        let Some(ask) = holding.asks.get(&name) else { return };
        let asker = number_of(ask.asker);
        let at = &mut self.nodes[place];
        let Some(replica) = at.replica.as_ref() else { return };
        let now = at.now(self.now_us);
        let holder = &mut holding.holders[place];
        let mut day = holder.tally.day();
        let mut evaluate = || -> Result<EvaluationResponse, Refusal> {
            let public = holder.shares.get(&ask.request.key).map(|share| *share.public().bytes());
            let key = evaluation::admit(replica.chain(), asker, &ask.request, public.as_ref())?;
            let skew = i64::try_from(limits::CLOCK_SKEW_SECONDS).unwrap_or(i64::MAX);
            if replica.clocks_ahead(now).is_some_and(|ahead| ahead.abs() > skew) {
                return Err(Refusal::Clock);
            }
            let elements = Element::read_all(&ask.request.elements).map_err(|_| Refusal::Elements)?;
            let today = now.wall.day();
            holder.highest = holder.highest.max(today);
            if at.disk.is_full && today > holder.tally.day() {
                return Err(Refusal::Storage);
            }
            holder.turn(today);
            day = holder.tally.day();
            let quota = replica.charter().quota(key.class);
            let allowed = match holder.tally.ask(asker, key.class, elements.len() as u32, quota) {
                Ok(allowed) => allowed,
                Err(exhausted) => {
                    let renews = Timestamp::start_of(exhausted.renews);
                    return Ok(EvaluationResponse::Exhausted { left: exhausted.left, renews });
                }
            };
            if let Some(reserve) = &allowed.reserve {
                if at.disk.is_full {
                    holder.tally.not_written(reserve);
                    return Err(Refusal::Storage);
                }
                holder.tally.written(reserve.clone());
                holder.write(reserve.clone());
            }
            holder.tally.count(allowed);
            let share = holder.shares.get(&ask.request.key).ok_or(Refusal::NoShare)?;
            let made = share.evaluate(&elements, &mut wide(&mut holding.random));
            let mut made = made.map_err(|_| Refusal::Elements)?;
            if let Some(malice) = at.malice.as_mut() {
                made = malice.evaluates(made).ok_or(Refusal::NoShare)?;
            }
            let alliance = replica.chain().alliance();
            Ok(evaluation::sign(&alliance, &ask.request, made, self.alliance.feed_key(node, replica.charter())))
        };
        let response = evaluate().unwrap_or_else(EvaluationResponse::Refused);
        let elements = match &response {
            EvaluationResponse::Evaluated(_) => ask.request.elements.len() as u32,
            _ => 0,
        };
        let slowness = at.disk.slowness;
        let writes = if holder.pending.is_empty() { 0 } else { WRITE_US * slowness };
        let done_us = holder.busy_until_us.max(self.now_us) + writes + ELEMENT_US * u64::from(elements);
        holder.busy_until_us = done_us;
        let (life, written, key) = (at.life, holder.begun, (ask.request.charter, ask.request.key));
        if elements > 0 && !at.is_dishonest {
            self.look_at_evaluation(node, key);
        }
        let response = response.encode();
        self.queue.push(done_us, Event::Evaluation(Step::Done { name, place, life, written, day, elements, response }));
    }

    /// A holder is done: its counts are written, and the answer leaves.
    fn held(&mut self, name: u64, place: usize, day: Day, elements: u32, response: Vec<u8>) {
        let node = place as u32;
        let Some(holding) = self.holding.as_mut() else { return };
        let Some(ask) = holding.asks.get(&name) else { return };
        let (asker, life) = (ask.asker, ask.life);
        self.counts.evaluations.elements += u64::from(elements);
        if elements > 0
            && !self.nodes[place].is_dishonest
            && let Some(found) = holding.give(node, asker, day, elements)
        {
            return self.violated(Some(node), Invariant::QuotasHold, found);
        }
        let way = if asker == node {
            None
        } else {
            let bytes = response.len() as u64;
            let [Some(sent), _] = self.lines.send(node, asker, bytes, self.now_us) else { return };
            Some((Way { from: node, connection: sent.connection }, sent.at_us))
        };
        if !self.is_there(asker, life) {
            return;
        }
        let (way, at_us) = way.map_or((None, self.now_us), |(way, at_us)| (Some(way), at_us));
        self.queue.push(at_us, Event::Evaluation(Step::Response { name, place, way, response }));
    }

    /// An answer came to a platform.
    fn answered(&mut self, name: u64, place: usize, way: Option<Way>, response: &[u8]) {
        let Some(ask) = self.holding.as_ref().and_then(|holding| holding.asks.get(&name)) else { return };
        let (asker, life, holder) = (ask.asker, ask.life, place as u32);
        if !self.is_there(asker, life) || !way.is_none_or(|way| self.is_open(asker, way)) {
            return;
        }
        let Some(holding) = self.holding.as_mut() else { return };
        let Some(ask) = holding.asks.get_mut(&name) else { return };
        // Who is late was given up.
        let Some(at) = ask.waiting.iter().position(|waiting| *waiting == place) else { return };
        ask.waiting.remove(at);
        let node = &self.nodes[asker as usize];
        let (Some(replica), Some(key)) = (node.replica.as_ref(), holding.keys.get(&ask.key)) else { return };
        let (chain, now) = (replica.chain(), node.now(self.now_us).wall);
        let counts = &mut self.counts.evaluations;
        match EvaluationResponse::decode(response) {
            Ok(EvaluationResponse::Evaluated(envelope)) => {
                let (alliance, charter) = (chain.alliance(), chain.current());
                let under = (&alliance, &**charter, &key.token_key, &key.public);
                let asked = (&ask.request, ask.blinded.elements());
                match evaluation::check(&envelope, asked, number_of(holder), under, now) {
                    Ok(checked) => ask.checked.push(checked),
                    Err(error) => {
                        *counts.lies.entry(holder).or_default() += 1;
                        let evidence = BadAnswer {
                            holder: number_of(holder),
                            asked: now,
                            request: ask.request.clone(),
                            answer: envelope,
                        };
                        let convicts = evidence.verify(chain).is_some();
                        let is_honest = !self.nodes[place].is_dishonest;
                        if is_honest && (convicts || error.is_senders_fault()) {
                            let found = format!("an honest holder's answer was judged false: {error}");
                            return self.violated(Some(asker), Invariant::NobodyWronged, found);
                        }
                        if !is_honest && !convicts {
                            let found = "a false answer convicts nobody".to_owned();
                            return self.violated(Some(asker), Invariant::Sound, found);
                        }
                    }
                }
            }
            Ok(EvaluationResponse::Exhausted { .. }) => counts.exhausted += 1,
            Ok(EvaluationResponse::Refused(refusal)) => {
                *counts.refused.entry(format!("{refusal:?}")).or_default() += 1;
            }
            Ok(EvaluationResponse::Busy { .. }) | Err(_) => {}
        }
        if ask.checked.len() < key.public.threshold() {
            return self.ask_more(name);
        }
        let Some(ask) = holding.asks.remove(&name) else { return };
        let values = key.public.finalize(&ask.blinded, &ask.checked);
        let values: Vec<[u8; 64]> = values.into_iter().flatten().map(|prf| prf.0).collect();
        if values != ask.expected {
            let found = "holders' answers with good proofs give another value than the key".to_owned();
            return self.violated(Some(asker), Invariant::NothingForged, found);
        }
        counts.evaluated += 1;
        counts.identifiers += values.len() as u64;
    }

    /// Holders post what they evaluated yesterday.
    pub(super) fn report_usage(&mut self) {
        let holders = self.holding.as_ref().map_or(0, |holding| holding.holders.len());
        for place in 0..holders {
            let (node, at) = (place as u32, &self.nodes[place]);
            let (Some(holding), Some(replica)) = (self.holding.as_mut(), at.replica.as_ref()) else { return };
            let now = at.now(self.now_us).wall;
            let Some(yesterday) = now.day().0.checked_sub(1).map(Day) else { continue };
            let holder = &mut holding.holders[place];
            let of_tally = Some(holder.tally.used()).filter(|_| holder.tally.day() == yesterday);
            let counts = of_tally.or(holder.history.get(&yesterday)).cloned().unwrap_or_default();
            let is_due = yesterday > holder.reported && !counts.is_empty() && at.is_online && at.clock_off.abs() < 60;
            if !is_due {
                continue;
            }
            holder.reported = yesterday;
            let rows: Vec<(MemberNumber, u32)> = counts.iter().map(|((member, _), count)| (*member, *count)).collect();
            let alliance = replica.chain().alliance();
            let report = UsageReport {
                alliance,
                holder: number_of(node),
                day: yesterday,
                class: CLASS,
                issued: now,
                counts: rows,
            };
            let gave = holding.given.iter().filter(|((of, _, day), _)| *of == node && *day == yesterday);
            let less = gave.clone().find(|((_, to, _), gave)| u64::from(report.of(number_of(*to))) < **gave);
            if let Some(((_, to, _), gave)) = less {
                let found =
                    format!("its report of {yesterday} says less than the {gave} evaluations that node {to} got");
                return self.violated(Some(node), Invariant::QuotasHold, found);
            }
            self.counts.evaluations.reports += 1;
            let post = Post::sign(&report, self.feed_key(node), Post::Usage);
            self.give(node, Input::Post(post));
        }
    }
}
