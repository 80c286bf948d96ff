//! Asks the key holders for what this node does not know yet.
//!
//! Identifiers are blinded in batches, padded, and sent to t holders at once; a holder that does not answer, or whose answer
//! does not hold, is noted and the next one is asked. One that takes much longer than is usual for it is not given up, but the
//! next one is asked as well, and the first t good answers count. What comes out goes into the cache. Nothing leaves this
//! module towards the network but random-looking elements.

use std::{
    cmp::Reverse,
    collections::BTreeMap,
    future::Future,
    path::Path,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use antibrush_protocol::{
    base::MemberNumber,
    evaluation::{self, BadAnswer, EvaluationRequest, EvaluationResponse, Refusal, padded},
    replica::{Offence, Peer, RequestFailure},
    subject::Subject,
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
    health::{Exhausted, Healths},
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

/// How long one holder is given to answer: its queue of one member is worked off in less. The next one is asked much sooner
/// ([`Healths::patience`]).
const PATIENCE: Duration = Duration::from_secs(5);

/// How long a request waits for its turn among our own at one holder, which is no fault of the holder's.
const LINE_PATIENCE: Duration = Duration::from_secs(10);

/// Batches under way at once: enough that the holders work while this node blinds and checks.
const BATCHES_AT_ONCE: usize = 4;

/// How often and how long a holder is given to take up a charter that is a moment old.
const FRESH_CHARTER_RETRIES: u32 = 4;
const FRESH_CHARTER_WAIT: Duration = Duration::from_millis(150);

/// Batches up to this size are computed where they are: handing them to another thread costs as much.
const SMALL: usize = 4;

/// What holders are asked, and all that an answer is checked against.
struct Question {
    view: Arc<View>,
    key: Arc<SharedKey>,
    request: EvaluationRequest,
    blinded: Blinded,
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
    healths: Healths,
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
        let (healths, lines) = (Healths::default(), Mutex::default());
        let evidence = Arc::new(Evidence::new(data));
        Resolver { cache, evidence, view, network, reach, own, metrics, healths, lines }
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
        let request = EvaluationRequest {
            charter: view.chain.current_id(),
            key: key.id,
            elements: blinded.elements().iter().map(|element| *element.bytes()).collect(),
        };
        let question = Arc::new(Question { view: view.clone(), key: key.clone(), request, blinded });
        let answers = self.gather(&question).await?;
        let derived = compute(count, move || {
            let Question { key, blinded, .. } = &*question;
            let prfs = key.key.finalize(blinded, &answers).ok()?;
            Some(prfs.iter().map(|prf| key.derive(prf)).collect::<Vec<Derived>>())
        });
        // The answers were checked, distinct and enough.
        let Some(derived) = derived.await else { return Err(self.unavailable(view, key, 0, Vec::new())) };
        let rows: Vec<(&[u8], &Derived)> = inputs.iter().map(|input| &input[..]).zip(&derived).collect();
        if let Err(error) = self.cache.put_all(key.token_key.class, key.token_key.epoch, &key.id, &rows) {
            // The answer stands all the same; it will only be asked for again.
            tracing::warn!(%error, "what was evaluated could not be kept");
        }
        self.metrics.evaluated(count as u64);
        Ok(derived)
    }

    /// Answers of t holders, each checked: the first ones of those that are asked.
    async fn gather(&self, question: &Arc<Question>) -> Result<Vec<Checked>, TokenError> {
        let Question { view, key, request, .. } = &**question;
        let need = key.key.threshold();
        let elements = u32::try_from(request.elements.len()).unwrap_or(u32::MAX);
        let mut problems = Vec::new();
        let mut waiting = Vec::new();
        let class = key.token_key.class;
        let quota = view.charter().quota(class);
        for holder in self.in_order(key) {
            match self.healths.exhausted(holder, class, quota, elements, clock::wall()) {
                Some(renews) => problems.push((holder, HolderProblem::Exhausted { renews })),
                None => waiting.push(holder),
            }
        }
        let mut next = waiting.into_iter();
        let (mut asked, mut watched) = (FuturesUnordered::new(), FuturesUnordered::new());
        for holder in next.by_ref().take(need) {
            let (answer, late) = self.ask_and_watch(question, holder);
            asked.push(answer);
            watched.push(late);
        }
        let mut answers = Vec::with_capacity(need);
        let mut done = Vec::new();
        let mut late = Vec::new();
        while !asked.is_empty() {
            let is_short = tokio::select! {
                biased;
                Some((holder, outcome)) = asked.next() => {
                    late.retain(|is_late| *is_late != holder);
                    done.push(holder);
                    match outcome {
                        Ok(checked) => answers.push(checked),
                        Err(problem) => problems.push((holder, problem)),
                    }
                    // One that was late has its substitute already.
                    answers.len() + asked.len() - late.len() < need
                }
                Some(passed) = watched.next() => {
                    let passed = passed.filter(|holder| !done.contains(holder));
                    late.extend(passed);
                    passed.is_some()
                }
            };
            if answers.len() == need {
                // What the others answer now is dropped.
                let now = clock::monotonic_ms();
                late.into_iter().for_each(|holder| self.healths.failed(holder, now));
                return Ok(answers);
            }
            if let Some(holder) = is_short.then(|| next.next()).flatten() {
                let (answer, late) = self.ask_and_watch(question, holder);
                asked.push(answer);
                watched.push(late);
            }
        }
        Err(self.unavailable(view, key, answers.len(), problems))
    }

    /// The holders in the order in which they are asked: this node's own share, then who is not doubted and has least to do.
    fn in_order(&self, key: &SharedKey) -> Vec<MemberNumber> {
        let own = self.view.load().me;
        let now = clock::monotonic_ms();
        let mut holders = key.token_key.members.clone();
        holders.sort_by_cached_key(|holder| {
            let is_own = Some(*holder) == own && self.own.has_share(&key.id);
            (Reverse(is_own), self.healths.place(*holder, now))
        });
        holders
    }

    /// A holder's answer, and beside it the moment at which it is late: the holder then, nothing if it never comes to that.
    fn ask_and_watch<'r>(
        &'r self,
        question: &'r Arc<Question>,
        holder: MemberNumber,
    ) -> (
        impl Future<Output = (MemberNumber, Result<Checked, HolderProblem>)> + 'r,
        impl Future<Output = Option<MemberNumber>> + 'r,
    ) {
        let chosen = clock::monotonic_ms();
        let (begun, begins) = oneshot::channel();
        let late = async move {
            // Waiting for our own line is not the holder's time.
            let ended: oneshot::Receiver<()> = begins.await.ok()?;
            let patience = self.healths.patience(holder, question.request.elements.len(), chosen);
            match tokio::time::timeout(patience, ended).await {
                Ok(_) => None,
                Err(_) => Some(holder),
            }
        };
        (self.ask_holder(question, holder, begun), late)
    }

    /// `begun` is told when the request goes out, with what is dropped when the answer is here.
    async fn ask_holder(
        &self,
        question: &Arc<Question>,
        holder: MemberNumber,
        begun: oneshot::Sender<oneshot::Receiver<()>>,
    ) -> (MemberNumber, Result<Checked, HolderProblem>) {
        let in_flight = self.healths.begin(holder);
        let elements = question.request.elements.len();
        let outcome = match self.in_line(question, holder, begun).await {
            Ok((answer, peer, took)) => {
                let checked = self.check(question, holder, peer, answer).await;
                checked.inspect(|_| self.healths.served(holder, elements, took))
            }
            Err(problem) => Err(problem),
        };
        let now = clock::monotonic_ms();
        drop(in_flight);
        match &outcome {
            Err(HolderProblem::BadAnswer) => self.healths.cheated(holder, now),
            Err(HolderProblem::NoAnswer | HolderProblem::Refused(_)) => self.healths.failed(holder, now),
            // Our own line was too long, or we cannot reach it, or its quota is noted.
            Ok(_) | Err(_) => {}
        }
        if let Err(problem) = &outcome {
            self.metrics.holder_problem(problem);
            tracing::debug!(holder = holder.0, problem = problem.code(), "a key holder did not evaluate");
        }
        (holder, outcome)
    }

    /// Waits for its turn among our own requests to a holder, and then for the answer; says how long that one took.
    async fn in_line(
        &self,
        question: &Question,
        holder: MemberNumber,
        begun: oneshot::Sender<oneshot::Receiver<()>>,
    ) -> Result<(Vec<u8>, Option<Peer>, Duration), HolderProblem> {
        // The two ends of a line agree on how many may be under way: over the holder's bound they would fail.
        let line = self.line(holder);
        let turn = tokio::time::timeout(LINE_PATIENCE, line.acquire()).await;
        // A line is never closed.
        let Ok(Ok(_permit)) = turn else { return Err(HolderProblem::Busy) };
        let (_ends, ended) = oneshot::channel();
        // Fails only if nobody watches any more.
        let _ = begun.send(ended);
        let asked = Instant::now();
        let answered = tokio::time::timeout(PATIENCE, self.request(question, holder)).await;
        let (answer, peer) = answered.map_err(|_| HolderProblem::NoAnswer)??;
        Ok((answer, peer, asked.elapsed()))
    }

    /// One holder's signed answer and the node that gave it; waits as a busy one asks for.
    async fn request(
        &self,
        question: &Question,
        holder: MemberNumber,
    ) -> Result<(Vec<u8>, Option<Peer>), HolderProblem> {
        if self.reach == Opening::Offline {
            return Err(HolderProblem::Offline);
        }
        let Question { view, key, request, .. } = question;
        let mut retries = FRESH_CHARTER_RETRIES;
        loop {
            let (response, peer) = if Some(holder) == view.me && self.own.has_share(&key.id) {
                (self.own.evaluate_own(request.clone()).await, None)
            } else {
                let peer = self.node_of(view, holder).ok_or(HolderProblem::NotConnected)?;
                let (reply, answer) = oneshot::channel();
                let command = Command::Evaluate { peer, request: request.clone(), reply };
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
                    self.healths.exhaust(holder, class, exhausted);
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

    async fn check(
        &self,
        question: &Arc<Question>,
        holder: MemberNumber,
        peer: Option<Peer>,
        answer: Vec<u8>,
    ) -> Result<Checked, HolderProblem> {
        let now = clock::wall();
        let asked = question.clone();
        let work = move || {
            let Question { view, key, request, blinded } = &*asked;
            let alliance = view.chain.alliance();
            let under = (&alliance, &**view.charter(), &key.token_key, &key.key);
            let elements: &[Element] = blinded.elements();
            evaluation::check(&answer, (request, elements), holder, under, now).map_err(|error| (error, answer))
        };
        let (error, answer) = match compute(question.request.elements.len(), work).await {
            Ok(checked) => return Ok(checked),
            Err(failed) => failed,
        };
        tracing::error!(holder = holder.0, %error, "a key holder's answer does not hold; the next holder is asked");
        self.metrics.refused(error.rule());
        if error.is_evidence() {
            let bad = BadAnswer { holder, asked: now, request: question.request.clone(), answer };
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

    fn line(&self, holder: MemberNumber) -> Arc<Semaphore> {
        let mut lines = self.lines.lock().unwrap_or_else(PoisonError::into_inner);
        lines.entry(holder).or_insert_with(|| Arc::new(Semaphore::new(EVALUATIONS_PER_HOLDER))).clone()
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
