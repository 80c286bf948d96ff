//! Asks the key holders for what this node does not know yet.
//!
//! Identifiers are blinded in batches, padded, and sent to t holders at once; a holder that does not answer, or whose answer
//! does not hold, is noted and the next one is asked. What comes out goes into the cache. Nothing leaves this module towards
//! the network but random-looking elements.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use antibrush_protocol::{
    base::{MemberNumber, Timestamp},
    evaluation::{self, BadAnswer, EvaluationRequest, EvaluationResponse, Refusal, padded},
    replica::{Offence, Peer, RequestFailure},
    subject::{Class, Subject},
    suite::{
        Derived,
        threshold::{Blinded, Checked, Element, blind},
    },
};
use arc_swap::ArcSwap;
use futures::{StreamExt, stream, stream::FuturesUnordered};
use tokio::sync::{Semaphore, mpsc, oneshot};
use zeroize::Zeroizing;

use super::{
    Derivations, HolderProblem, SharedKey, TokenError, Unavailable,
    cache::TokenCache,
    evidence::Evidence,
    wanted::{Batch, Place, Wanted},
};
use crate::{
    clock,
    core::{Opening, View},
    holder::Holder,
    metrics::Metrics,
    network::{Command, EVALUATIONS_PER_HOLDER},
    random,
};

/// How long one holder may take before the next one is asked: its queue of one member is worked off in less.
const PATIENCE: Duration = Duration::from_secs(5);

/// Batches under way at once: enough that the holders work while this node blinds and checks.
const BATCHES_AT_ONCE: usize = 4;

/// For how long a holder whose answer did not hold is asked last, in milliseconds of the monotonic clock.
const DISTRUST_MS: u64 = 600_000;
/// The same for one that did not answer.
const DOUBT_MS: u64 = 10_000;

/// How often and how long a holder is given to take up a charter that is a moment old.
const FRESH_CHARTER_RETRIES: u32 = 4;
const FRESH_CHARTER_WAIT: Duration = Duration::from_millis(150);

/// Batches up to this size are computed where they are: handing them to another thread costs as much.
const SMALL: usize = 4;

/// A quota that is used up, or nearly.
#[derive(Clone, Copy)]
struct Exhausted {
    /// The quota: with another one the stewards have given more, or less.
    quota: u32,
    /// Elements that are left of it.
    left: u32,
    /// When the next day's begins.
    renews: Timestamp,
}

/// What is remembered of a holder.
#[derive(Default)]
struct Health {
    in_flight: usize,
    /// Asked last until this moment of the monotonic clock.
    doubted_until_ms: u64,
    /// Elements that it evaluated for us: the load is spread by it.
    served: u64,
    /// Classes of which its quota does not reach for more.
    exhausted: BTreeMap<Class, Exhausted>,
}

/// What [`Resolver::prepare`] found, by the places of the subjects.
pub struct Prepared(Vec<Option<Result<Derivations, TokenError>>>);

impl Prepared {
    /// What was found for one; `None` for a class of suite 1.
    pub fn get(&self, index: usize) -> Option<&Result<Derivations, TokenError>> {
        self.0.get(index)?.as_ref()
    }
}

/// Turns subjects into tokens, with the holders' help where the class needs it.
pub struct Resolver {
    cache: TokenCache,
    evidence: Arc<Evidence>,
    view: Arc<ArcSwap<View>>,
    network: mpsc::Sender<Command>,
    /// Whether other nodes can be reached at all.
    reach: Opening,
    /// This node's own share answers first, if it has one.
    own: Arc<Holder>,
    metrics: Arc<Metrics>,
    health: Mutex<BTreeMap<MemberNumber, Health>>,
    lines: Mutex<BTreeMap<MemberNumber, Arc<Semaphore>>>,
}

impl Resolver {
    /// Over an open cache.
    pub fn new(
        data: &Path,
        cache: TokenCache,
        view: Arc<ArcSwap<View>>,
        (network, reach): (mpsc::Sender<Command>, Opening),
        own: Arc<Holder>,
        metrics: Arc<Metrics>,
    ) -> Resolver {
        let (health, lines) = (Mutex::default(), Mutex::default());
        let evidence = Arc::new(Evidence::new(data));
        Resolver { cache, evidence, view, network, reach, own, metrics, health, lines }
    }

    /// What was evaluated before.
    pub fn cache(&self) -> &TokenCache {
        &self.cache
    }

    /// What cheating holders signed.
    pub fn evidence(&self) -> &Evidence {
        &self.evidence
    }

    /// What the active keys make of one subject.
    pub async fn resolve_one(&self, subject: &Subject) -> Result<Derivations, TokenError> {
        let mut resolved = self.resolve(std::slice::from_ref(subject)).await;
        // One question, one answer.
        resolved.pop().unwrap_or(Err(TokenError::NotEntitled))
    }

    /// What planning needs of these subjects: asks the holders for those of shared classes and leaves the others, which are
    /// made faster where they are used.
    pub async fn prepare(&self, subjects: impl Iterator<Item = &Subject> + Clone) -> Prepared {
        let tokens = self.view.load().tokens.clone();
        if !subjects.clone().any(|subject| tokens.is_shared(subject.class())) {
            return Prepared(Vec::new());
        }
        let shared: Vec<Subject> = subjects.clone().filter(|s| tokens.is_shared(s.class())).cloned().collect();
        let mut resolved = self.resolve(&shared).await.into_iter();
        let prepared = |subject: &Subject| if tokens.is_shared(subject.class()) { resolved.next() } else { None };
        Prepared(subjects.map(prepared).collect())
    }

    /// What the active keys make of subjects, in their order. The same subject twice is asked for once.
    pub async fn resolve(&self, subjects: &[Subject]) -> Vec<Result<Derivations, TokenError>> {
        let view = self.view.load_full();
        let mut wanted = Wanted::default();
        let mut places = Vec::with_capacity(subjects.len());
        let mut scratch = Vec::with_capacity(160);
        for subject in subjects {
            places.push(match view.tokens.known(subject, &self.cache, &mut scratch) {
                Ok(Some(known)) => Place::Known(Box::new(Ok(known))),
                Ok(None) => Place::Asked(wanted.want(&view, subject, &self.cache)),
                Err(error) => Place::Known(Box::new(Err(error))),
            });
        }
        if wanted.by_key.is_empty() {
            return places.into_iter().map(|place| place.settle(&mut BTreeMap::new())).collect();
        }
        let batches = wanted.batches();
        let answered = stream::iter(batches.into_iter().map(|batch| self.ask(view.clone(), batch)));
        let mut answers: BTreeMap<(usize, usize), Result<Derived, TokenError>> = BTreeMap::new();
        let mut answered = answered.buffer_unordered(BATCHES_AT_ONCE);
        while let Some((key, first, outcome)) = answered.next().await {
            match outcome {
                Ok(derived) => {
                    answers.extend(derived.into_iter().enumerate().map(|(n, derived)| ((key, first + n), Ok(derived))));
                }
                Err((count, error)) => {
                    answers.extend((0..count).map(|n| ((key, first + n), Err(error.clone()))));
                }
            }
        }
        places.into_iter().map(|place| place.settle(&mut answers)).collect()
    }

    /// Evaluates one batch and keeps what comes out.
    async fn ask(&self, view: Arc<View>, batch: Batch) -> (usize, usize, Result<Vec<Derived>, (usize, TokenError)>) {
        let Batch { place, first, key, inputs } = batch;
        let count = inputs.len();
        let outcome = self.evaluate(&view, &key, inputs).await;
        (place, first, outcome.map_err(|error| (count, error)))
    }

    async fn evaluate(
        &self,
        view: &Arc<View>,
        key: &Arc<SharedKey>,
        inputs: Vec<Zeroizing<Vec<u8>>>,
    ) -> Result<Vec<Derived>, TokenError> {
        let count = inputs.len();
        let copies: Vec<Vec<u8>> = inputs.iter().map(|input| input.to_vec()).collect();
        let blinded = compute(count, move || blind_padded(copies)).await;
        // Wrong use by our own side only: 1 to 256 inputs, and randomness that works.
        let Some(blinded) = blinded else { return Err(self.unavailable(view, key, 0, Vec::new())) };
        let blinded = Arc::new(blinded);
        let request = Arc::new(EvaluationRequest {
            charter: view.chain.current_id(),
            key: key.id,
            elements: blinded.elements().iter().map(|element| *element.bytes()).collect(),
        });
        let answers = self.gather(view, key, &request, &blinded).await?;
        let (finishing, finished) = (key.clone(), blinded.clone());
        let derived = compute(count, move || {
            let prfs = finishing.key.finalize(&finished, &answers).ok()?;
            Some(prfs.iter().map(|prf| finishing.derive(prf)).collect::<Vec<Derived>>())
        });
        // The answers were checked, distinct and enough.
        let Some(derived) = derived.await else { return Err(self.unavailable(view, key, 0, Vec::new())) };
        self.metrics.evaluated(count as u64);
        let rows: Vec<(&[u8], &Derived)> = inputs.iter().map(|input| &input[..]).zip(&derived).collect();
        if let Err(error) = self.cache.put_all(key.token_key.class, key.token_key.epoch, &key.id, &rows) {
            // The answer stands all the same; it will only be asked for again.
            tracing::warn!(%error, "what was evaluated could not be kept");
        }
        Ok(derived)
    }

    /// Answers of t holders, each checked.
    async fn gather(
        &self,
        view: &Arc<View>,
        key: &Arc<SharedKey>,
        request: &Arc<EvaluationRequest>,
        blinded: &Arc<Blinded>,
    ) -> Result<Vec<Checked>, TokenError> {
        let need = key.key.threshold();
        let elements = u32::try_from(request.elements.len()).unwrap_or(u32::MAX);
        let mut problems = Vec::new();
        let mut waiting = Vec::new();
        let class = key.token_key.class;
        let quota = view.charter().quota(class);
        for holder in self.in_order(key) {
            match self.exhausted(holder, class, quota, elements) {
                Some(renews) => problems.push((holder, HolderProblem::Exhausted { renews })),
                None => waiting.push(holder),
            }
        }
        let mut next = waiting.into_iter();
        let mut asked: FuturesUnordered<_> = next
            .by_ref()
            .take(need)
            .map(|holder| self.ask_holder(view.clone(), key.clone(), holder, request.clone(), blinded.clone()))
            .collect();
        let mut answers = Vec::with_capacity(need);
        while let Some((holder, outcome)) = asked.next().await {
            match outcome {
                Ok(checked) => answers.push(checked),
                Err(problem) => {
                    problems.push((holder, problem));
                    if let Some(holder) = next.next() {
                        let (view, key) = (view.clone(), key.clone());
                        asked.push(self.ask_holder(view, key, holder, request.clone(), blinded.clone()));
                    }
                }
            }
            if answers.len() == need {
                return Ok(answers);
            }
        }
        Err(self.unavailable(view, key, answers.len(), problems))
    }

    /// The holders in the order in which they are asked: this node's own share, then who is not doubted and has least to do.
    fn in_order(&self, key: &SharedKey) -> Vec<MemberNumber> {
        let own = self.view.load().me;
        let now = clock::monotonic_ms();
        let health = self.health();
        let mut holders = key.token_key.members.clone();
        holders.sort_by_key(|holder| {
            let is_own = Some(*holder) == own && self.own.has_share(&key.id);
            let health = health.get(holder).map(|h| (h.doubted_until_ms > now, h.in_flight, h.served));
            (Reverse(is_own), health.unwrap_or_default())
        });
        holders
    }

    /// When the quota of a class at a holder renews, if it does not reach for so many elements.
    fn exhausted(&self, holder: MemberNumber, class: Class, quota: u32, elements: u32) -> Option<Timestamp> {
        let exhausted = *self.health().get(&holder)?.exhausted.get(&class)?;
        let still = clock::wall() < exhausted.renews && quota == exhausted.quota;
        (still && elements > exhausted.left).then_some(exhausted.renews)
    }

    async fn ask_holder(
        &self,
        view: Arc<View>,
        key: Arc<SharedKey>,
        holder: MemberNumber,
        request: Arc<EvaluationRequest>,
        blinded: Arc<Blinded>,
    ) -> (MemberNumber, Result<Checked, HolderProblem>) {
        let in_flight = InFlight::begin(self, holder);
        let outcome = match tokio::time::timeout(PATIENCE, self.request(&view, &key, holder, &request)).await {
            Ok(Ok((answer, peer))) => self.check(&view, &key, holder, peer, answer, &request, blinded).await,
            Ok(Err(problem)) => Err(problem),
            Err(_) => Err(HolderProblem::NoAnswer),
        };
        let now = clock::monotonic_ms();
        drop(in_flight);
        self.note(holder, |health| match &outcome {
            Ok(_) => health.served += request.elements.len() as u64,
            Err(HolderProblem::BadAnswer) => health.doubted_until_ms = now + DISTRUST_MS,
            Err(HolderProblem::NoAnswer | HolderProblem::Busy | HolderProblem::Refused(_)) => {
                health.doubted_until_ms = now + DOUBT_MS;
            }
            Err(_) => {}
        });
        if let Err(problem) = &outcome {
            self.metrics.holder_problem(problem);
            tracing::debug!(holder = holder.0, problem = problem.code(), "a key holder did not evaluate");
        }
        (holder, outcome)
    }

    /// One holder's signed answer and the node that gave it; waits as a busy one asks for.
    async fn request(
        &self,
        view: &View,
        key: &SharedKey,
        holder: MemberNumber,
        request: &Arc<EvaluationRequest>,
    ) -> Result<(Vec<u8>, Option<Peer>), HolderProblem> {
        // The two ends of a line agree on how many may be under way: over the holder's bound they would fail.
        let line = self.line(holder);
        let _permit = line.acquire().await.map_err(|_| HolderProblem::NoAnswer)?;
        let mut retries = FRESH_CHARTER_RETRIES;
        loop {
            let (response, peer) = if Some(holder) == view.me && self.own.has_share(&key.id) {
                (self.own.evaluate_own((**request).clone()).await, None)
            } else {
                let missing =
                    if self.reach == Opening::Offline { HolderProblem::Offline } else { HolderProblem::NotConnected };
                let peer = self.node_of(view, holder).ok_or(missing)?;
                let (reply, answer) = oneshot::channel();
                let command = Command::Evaluate { peer, request: (**request).clone(), reply };
                self.network.send(command).await.map_err(|_| HolderProblem::NotConnected)?;
                let answer = answer.await.map_err(|_| HolderProblem::NotConnected)?;
                let answer = answer.map_err(|failure| match failure {
                    RequestFailure::Disconnected => HolderProblem::NoAnswer,
                    RequestFailure::Undecodable => {
                        self.blame(peer, Offence::Undecodable);
                        HolderProblem::BadAnswer
                    }
                });
                (answer?, Some(peer))
            };
            match response {
                EvaluationResponse::Evaluated(answer) => return Ok((answer, peer)),
                EvaluationResponse::Busy { retry_after_ms } => {
                    tokio::time::sleep(Duration::from_millis(u64::from(retry_after_ms.clamp(10, 2_000)))).await;
                }
                EvaluationResponse::Exhausted { left, renews } => {
                    // No day is longer: a wrong clock there must not keep it from being asked tomorrow.
                    let renews = renews.min(clock::wall().plus(86_400));
                    let class = key.token_key.class;
                    let exhausted = Exhausted { quota: view.charter().quota(class), left, renews };
                    self.note(holder, |health| {
                        health.exhausted.insert(class, exhausted);
                    });
                    return Err(HolderProblem::Exhausted { renews });
                }
                // A charter is on its way, or its share is being taken up.
                EvaluationResponse::Refused(Refusal::UnknownCharter | Refusal::NoShare) if retries > 0 => {
                    retries -= 1;
                    tokio::time::sleep(FRESH_CHARTER_WAIT).await;
                }
                EvaluationResponse::Refused(refusal) => return Err(HolderProblem::Refused(refusal)),
            }
        }
    }

    #[allow(clippy::too_many_arguments, reason = "an answer is checked against all that it answers")]
    async fn check(
        &self,
        view: &Arc<View>,
        key: &Arc<SharedKey>,
        holder: MemberNumber,
        peer: Option<Peer>,
        answer: Vec<u8>,
        request: &Arc<EvaluationRequest>,
        blinded: Arc<Blinded>,
    ) -> Result<Checked, HolderProblem> {
        let now = clock::wall();
        let (view, key, asked) = (view.clone(), key.clone(), request.clone());
        let work = move || {
            let alliance = view.chain.alliance();
            let under = (&alliance, &**view.charter(), &key.token_key, &key.key);
            let elements: &[Element] = blinded.elements();
            evaluation::check(&answer, (&asked, elements), holder, under, now).map_err(|error| (error, answer))
        };
        let (error, answer) = match compute(request.elements.len(), work).await {
            Ok(checked) => return Ok(checked),
            Err(failed) => failed,
        };
        tracing::error!(holder = holder.0, %error, "a key holder's answer does not hold; the next holder is asked");
        if error.is_evidence() {
            let bad = BadAnswer { holder, asked: now, request: (**request).clone(), answer };
            let evidence = self.evidence.clone();
            match blocking(move || evidence.keep(&bad)).await {
                Ok(Some(path)) => tracing::error!(file = %path.display(), "the signed answer was kept as evidence"),
                Ok(None) => {}
                Err(error) => tracing::error!(%error, "the evidence against a key holder could not be kept"),
            }
        }
        if let Some(peer) = peer.filter(|_| error.is_senders_fault()) {
            self.blame(peer, Offence::BadEvaluation);
        }
        Err(HolderProblem::BadAnswer)
    }

    fn blame(&self, peer: Peer, offence: Offence) {
        self.metrics.offence(offence);
        // Full or closed: the holder is distrusted all the same.
        let _ = self.network.try_send(Command::Penalise { peer, offence });
    }

    /// A connected node of a member.
    fn node_of(&self, view: &View, holder: MemberNumber) -> Option<Peer> {
        // Connections change more often than what was asked for.
        let connected = self.view.load();
        let nodes = &view.charter().member(holder).filter(|member| member.is_active())?.nodes;
        nodes.iter().map(|node| node.key).find(|node| connected.peers.contains(node))
    }

    fn unavailable(
        &self,
        view: &View,
        key: &SharedKey,
        have: usize,
        problems: Vec<(MemberNumber, HolderProblem)>,
    ) -> TokenError {
        let slug = |number: MemberNumber| view.charter().member(number).map_or_else(String::new, |m| m.slug.clone());
        let mut missing: Vec<_> = problems.into_iter().map(|(holder, problem)| (slug(holder), problem)).collect();
        missing.sort_by(|a, b| a.0.cmp(&b.0));
        let (class, epoch, need) = (key.token_key.class, key.token_key.epoch, key.key.threshold());
        TokenError::Unavailable(Arc::new(Unavailable { class, epoch, need, have, missing }))
    }

    fn note(&self, holder: MemberNumber, change: impl FnOnce(&mut Health)) {
        change(self.health().entry(holder).or_default());
    }

    fn health(&self) -> std::sync::MutexGuard<'_, BTreeMap<MemberNumber, Health>> {
        self.health.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn line(&self, holder: MemberNumber) -> Arc<Semaphore> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.entry(holder).or_insert_with(|| Arc::new(Semaphore::new(EVALUATIONS_PER_HOLDER))).clone()
    }
}

/// Counts a request to a holder while it is out, also if whoever waited for it goes away.
struct InFlight<'r> {
    resolver: &'r Resolver,
    holder: MemberNumber,
}

impl InFlight<'_> {
    fn begin(resolver: &Resolver, holder: MemberNumber) -> InFlight<'_> {
        resolver.note(holder, |health| health.in_flight += 1);
        InFlight { resolver, holder }
    }
}

impl Drop for InFlight<'_> {
    fn drop(&mut self) {
        self.resolver.note(self.holder, |health| health.in_flight = health.in_flight.saturating_sub(1));
    }
}

/// Blinds and pads with fresh randomness.
fn blind_padded(inputs: Vec<Vec<u8>>) -> Option<Blinded> {
    let count = inputs.len();
    let mut entropy: Vec<[u8; 64]> = (0..count).map(|_| random::bytes()).collect();
    let mut blinded = blind(inputs, &mut entropy).ok()?;
    let padding: Vec<[u8; 64]> = (count..padded(count)).map(|_| random::bytes()).collect();
    blinded.pad(&padding).ok()?;
    Some(blinded)
}

/// Curve arithmetic: here if it is little, on a thread for such work if it is much.
async fn compute<T: Send + 'static>(elements: usize, work: impl FnOnce() -> T + Send + 'static) -> T {
    if elements <= SMALL {
        return work();
    }
    blocking(work).await
}

/// What takes long, or waits for the disk, on a thread for such work.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // A panic in there is a bug here; it goes on in the caller.
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            // Blocking tasks are cancelled only when the runtime ends, and this future with it.
            Err(_) => std::future::pending().await,
        },
    }
}
