//! Evaluates for members, within their quotas, and for this node itself.
//!
//! A request is judged in one place ([`Holder::evaluate`]): who asks, under which charter and key, whether the quota of the day
//! still reaches, and whether the elements are elements. Members take turns in a bounded queue, so that one of them that
//! prepares its whole customer base does not keep another one's single check waiting.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

use antibrush_protocol::{
    base::{MemberNumber, Timestamp},
    evaluation::{self, EvaluationRequest, EvaluationResponse, Refusal},
    limits,
    replica::AnswerHandle,
    suite::{
        KeyId,
        threshold::{Element, KeyShare},
    },
};
use arc_swap::ArcSwap;
use tokio::sync::{mpsc, oneshot};
use tokio_util::{sync::CancellationToken, task::TaskTracker};

use super::{
    queue::{FairQueue, QueueError},
    quota::{QuotaError, Quotas},
    shares::Shares,
};
use crate::{
    clock,
    core::View,
    keys::Keys,
    metrics::Metrics,
    network::{Command, Evaluation},
    random,
};

/// Evaluations at once: two cores' worth, so that a busy holder still answers checks.
const WORKERS: usize = 2;

/// Nobody waits longer for an answer: a platform's node asks another holder after five seconds, and the way there and back
/// takes some. What is older is not evaluated, for it would cost the member's quota for nothing.
const ASKER_WAITS: Duration = Duration::from_secs(10);

/// A request in the queue and where its answer goes.
struct Job {
    member: MemberNumber,
    request: EvaluationRequest,
    reply: Reply,
    /// When it came.
    came: Instant,
}

impl Job {
    /// Whether somebody still waits for the answer, as far as that can be known.
    fn is_wanted(&self, now: Instant) -> bool {
        match &self.reply {
            Reply::Peer(_) => now.duration_since(self.came) < ASKER_WAITS,
            Reply::Own(reply) => !reply.is_closed(),
        }
    }
}

enum Reply {
    Peer(AnswerHandle),
    Own(oneshot::Sender<EvaluationResponse>),
}

/// The key holder's side of this node. Every node has one; without shares it refuses.
pub struct Holder {
    keys: Arc<Keys>,
    shares: Shares,
    quotas: Quotas,
    queue: FairQueue<Job>,
    view: Arc<ArcSwap<View>>,
    network: mpsc::Sender<Command>,
    metrics: Arc<Metrics>,
    /// The shares of the charter's active keys, by key id.
    active: ArcSwap<BTreeMap<KeyId, KeyShare>>,
    /// One at a time takes up shares: who began earlier must not put back what it saw then.
    taking_up: Mutex<()>,
}

impl Holder {
    /// Over opened secrets and counts.
    pub fn new(
        keys: Arc<Keys>,
        shares: Shares,
        quotas: Quotas,
        view: Arc<ArcSwap<View>>,
        network: mpsc::Sender<Command>,
        metrics: Arc<Metrics>,
    ) -> Holder {
        let holder = Holder {
            keys,
            shares,
            quotas,
            queue: FairQueue::new(),
            view,
            network,
            metrics,
            active: ArcSwap::default(),
            taking_up: Mutex::default(),
        };
        holder.take_up_shares();
        holder
    }

    /// This holder's secrets.
    pub fn shares(&self) -> &Shares {
        &self.shares
    }

    /// The counts.
    pub fn quotas(&self) -> &Quotas {
        &self.quotas
    }

    /// The state of the node at this moment.
    pub fn view(&self) -> Arc<View> {
        self.view.load_full()
    }

    /// The keys of this node.
    pub fn keys(&self) -> &Keys {
        &self.keys
    }

    /// Whether this node can evaluate under a key.
    pub fn has_share(&self, key: &KeyId) -> bool {
        self.active.load().contains_key(key)
    }

    /// Whether this node evaluates with the share behind this public one.
    pub fn has_taken_up(&self, key: &KeyId, public: &[u8; 32]) -> bool {
        self.active.load().get(key).is_some_and(|share| share.public().bytes() == public)
    }

    /// Takes up the shares of the keys that the charter has now: after a ceremony, a refresh, a retirement.
    pub fn take_up_shares(&self) {
        let _turn = self.taking_up.lock().unwrap_or_else(PoisonError::into_inner);
        let view = self.view.load();
        let mut active = BTreeMap::new();
        if let Some(me) = view.me {
            for key in view.charter().token_keys.iter().filter(|key| key.is_active()) {
                let Some(public) = key.share_of(me).and_then(|share| key.public_share(share)) else { continue };
                let id = key.id();
                match self.shares.share(&id, public) {
                    Ok(Some(share)) => drop(active.insert(id, share)),
                    Ok(None) => tracing::error!(
                        class = key.class.code(),
                        epoch = key.epoch,
                        "the charter names this node as holder of a share that is not here; restore shares/ from its backup, or ask the stewards for a rotation"
                    ),
                    Err(error) => tracing::error!(%error, "a share cannot be taken up"),
                }
            }
        }
        self.active.store(Arc::new(active));
    }

    /// Starts the intake and the workers.
    pub fn start(
        self: &Arc<Self>,
        evaluations: mpsc::Receiver<Evaluation>,
        stop: &CancellationToken,
        tasks: &TaskTracker,
    ) {
        tasks.spawn(self.clone().take_in(evaluations, stop.clone()));
        let workers = std::thread::available_parallelism().map_or(1, usize::from).min(WORKERS);
        for _ in 0..workers {
            tasks.spawn(self.clone().work());
        }
    }

    async fn take_in(self: Arc<Self>, mut evaluations: mpsc::Receiver<Evaluation>, stop: CancellationToken) {
        loop {
            let asked = tokio::select! {
                () = stop.cancelled() => break,
                asked = evaluations.recv() => asked,
            };
            let Some(Evaluation { from, handle, request }) = asked else { break };
            let member = self.view.load().charter().member_of_node(&from).map(|member| member.number);
            let refused = match member {
                Some(member) => {
                    let job = Job { member, request, reply: Reply::Peer(handle), came: Instant::now() };
                    match self.queue.push(member, job) {
                        Ok(()) => continue,
                        Err(full) => busy(full),
                    }
                }
                None => EvaluationResponse::Refused(Refusal::NotEntitled),
            };
            // The network task ends only with the node.
            let _ = self.network.send(Command::Evaluated { handle, response: refused }).await;
        }
        self.queue.close();
    }

    async fn work(self: Arc<Self>) {
        while let Some(job) = self.queue.pop().await {
            let is_wanted = job.is_wanted(Instant::now());
            let Job { member, request, reply, .. } = job;
            let response = if is_wanted {
                let holder = self.clone();
                let work = move || holder.evaluate(member, &request);
                // A panic in there must not end the worker.
                let response = tokio::task::spawn_blocking(work).await;
                response.unwrap_or(EvaluationResponse::Refused(Refusal::Storage))
            } else {
                EvaluationResponse::Busy { retry_after_ms: limits::BUSY_RETRY_MS }
            };
            match reply {
                Reply::Peer(handle) => {
                    let _ = self.network.send(Command::Evaluated { handle, response }).await;
                }
                // Fails only if nobody waits any more.
                Reply::Own(reply) => drop(reply.send(response)),
            }
        }
    }

    /// Evaluates with this node's own share for this node itself, in turn with the others.
    pub async fn evaluate_own(&self, request: EvaluationRequest) -> EvaluationResponse {
        let (reply, answer) = oneshot::channel();
        let Some(member) = self.view.load().me else { return EvaluationResponse::Refused(Refusal::NotEntitled) };
        let job = Job { member, request, reply: Reply::Own(reply), came: Instant::now() };
        if let Err(full) = self.queue.push(member, job) {
            return busy(full);
        }
        answer.await.unwrap_or(EvaluationResponse::Refused(Refusal::NoShare))
    }

    /// Judges a member's request and answers it. Waits for the disk when the count must be written.
    pub fn evaluate(&self, member: MemberNumber, request: &EvaluationRequest) -> EvaluationResponse {
        let refuse = EvaluationResponse::Refused;
        let view = self.view.load();
        let charter = view.charter();
        let active = self.active.load();
        let share = active.get(&request.key);
        let public = share.map(|share| share.public().bytes());
        let key = match evaluation::admit(&view.chain, member, request, public) {
            Ok(key) => key,
            Err(refusal) => return refuse(refusal),
        };
        let Some(share) = share else { return refuse(Refusal::NoShare) };
        // Without the day there is no quota.
        if view.wrong_clock(clock::now()).is_some() {
            return refuse(Refusal::Clock);
        }
        let Ok(elements) = Element::read_all(&request.elements) else { return refuse(Refusal::Elements) };
        // A batch has at most 256 elements.
        let count = request.elements.len() as u32;
        let quota = charter.quota(key.class);
        match self.quotas.take(member, key.class, count, quota, clock::wall().day()) {
            Ok(()) => {}
            Err(QuotaError::Exhausted { left, renews }) => {
                self.metrics.quota_exhausted();
                return EvaluationResponse::Exhausted { left, renews: Timestamp::start_of(renews) };
            }
            Err(QuotaError::File(error)) => {
                tracing::error!(%error, "evaluations cannot be counted, so none are made");
                return refuse(Refusal::Storage);
            }
        }
        let Some(Ok(feed_key)) = view.member().map(|me| self.keys.feed_of(me)) else { return refuse(Refusal::NoShare) };
        let mut entropy = [0; 64];
        random::fill(&mut entropy);
        match share.evaluate(&elements, &mut entropy) {
            Ok(evaluation) => {
                self.metrics.evaluated_for_others(u64::from(count));
                evaluation::sign(&view.chain.alliance(), request, evaluation, feed_key)
            }
            Err(_) => refuse(Refusal::Elements),
        }
    }
}

fn busy(error: QueueError) -> EvaluationResponse {
    match error {
        QueueError::Full { retry_after_ms } => {
            EvaluationResponse::Busy { retry_after_ms: u32::try_from(retry_after_ms).unwrap_or(u32::MAX) }
        }
        QueueError::Closed => EvaluationResponse::Refused(Refusal::NoShare),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(reply: Reply) -> Job {
        let request = EvaluationRequest { charter: [1; 32], key: KeyId::default(), elements: vec![[2; 32]] };
        Job { member: MemberNumber(1), request, reply, came: Instant::now() }
    }

    #[test]
    fn what_nobody_waits_for_is_not_evaluated() {
        let theirs = job(Reply::Peer(AnswerHandle(1)));
        assert!(theirs.is_wanted(theirs.came));
        assert!(theirs.is_wanted(theirs.came + ASKER_WAITS - Duration::from_millis(1)));
        assert!(!theirs.is_wanted(theirs.came + ASKER_WAITS));
        let (reply, answer) = oneshot::channel();
        let ours = job(Reply::Own(reply));
        assert!(ours.is_wanted(ours.came + ASKER_WAITS), "as long as the asker waits");
        drop(answer);
        assert!(!ours.is_wanted(ours.came));
    }
}
