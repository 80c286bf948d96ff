//! What a holder does without being asked: it takes part in the ceremonies that name it, keeps the shares that come out,
//! erases those that the charter retires and says so, and reports every day what it evaluated for whom. On the node of the
//! steward that called a ceremony, it puts the result into the next charter.
//!
//! Every look is a function of the board, the charter and the secrets on the disk, and does again what a crash left undone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use antibrush_protocol::{
    base::{Day, Hash, MemberNumber, Timestamp},
    board::{Board, Post, UsageReport},
    ceremony::{Call, CeremonyError, ClassKeys, Kind, Me, Outcome, Seed},
    charter::{CharterChain, CharterError},
    signed::{Signer, Verified},
    subject::Class,
};
use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{
    Holder, erase,
    shares::{ShareError, StoredShare},
    standing::{self, Standing},
};
use crate::{
    clock,
    core::{AdmitError, Admitter, Message, View},
    random,
};

/// How often the custodian looks although nothing came: deadlines pass in silence.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often usage is reported while it grows.
const REPORT_EVERY_MS: u64 = 60_000;

/// The custodian of one node.
pub struct Custodian {
    holder: Arc<Holder>,
    view: Arc<ArcSwap<View>>,
    core: mpsc::Sender<Message>,
    admitter: Arc<Admitter>,
    reported_at_ms: u64,
    seen: Arc<Mutex<Seen>>,
    /// Why the last proposal did not become a charter.
    failed: Option<String>,
}

/// What a look found, so that the next one computes and says nothing twice.
#[derive(Default)]
struct Seen {
    /// For each ceremony how many messages there were, whether its time and its grace were over, and the charter.
    looked: BTreeMap<Hash, (usize, (bool, bool), u64)>,
    /// What was said about it.
    said: BTreeMap<Hash, String>,
    /// The charter that does not take its result.
    refused: BTreeMap<Hash, u64>,
}

/// The result of a ceremony that this node's steward called.
struct Proposal {
    call: Verified<Call>,
    keys: Vec<ClassKeys>,
    /// The public keys of each class in the charter that the call names.
    before: Vec<Option<Vec<[u8; 32]>>>,
    /// The charter that lacks them.
    charter: u64,
}

/// What one look at a ceremony says must be done. Made on a thread that may wait for the disk.
struct Look {
    posts: Vec<Post>,
    /// The charter lacks these keys, and this node's steward called for them.
    proposal: Option<Proposal>,
    /// Nothing is left to be done before something new comes.
    is_settled: bool,
}

impl Custodian {
    /// For an open node.
    pub fn new(
        holder: Arc<Holder>,
        view: Arc<ArcSwap<View>>,
        core: mpsc::Sender<Message>,
        admitter: Arc<Admitter>,
    ) -> Custodian {
        Custodian { holder, view, core, admitter, reported_at_ms: 0, seen: Arc::default(), failed: None }
    }

    /// Looks whenever the board or the charter changes, and every second.
    pub async fn run(mut self, mut news: watch::Receiver<u64>, stop: CancellationToken) {
        loop {
            self.look().await;
            tokio::select! {
                () = stop.cancelled() => break,
                changed = news.changed() => if changed.is_err() { break },
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
        if let Err(error) = self.holder.quotas().settle() {
            tracing::warn!(%error, "the counts of evaluations were not settled; what was reserved counts as used");
        }
    }

    async fn look(&mut self) {
        let view = self.view.load_full();
        // Two nodes that spoke for one holder would contradict each other; the shares lie on the first.
        if !view.is_first_node {
            return;
        }
        let (holder, now) = (self.holder.clone(), clock::wall());
        let report = clock::monotonic_ms() >= self.reported_at_ms + REPORT_EVERY_MS;
        if report {
            self.reported_at_ms = clock::monotonic_ms();
        }
        let seen = self.seen.clone();
        let work = move || look(&holder, &view, now, report, &mut seen.lock().unwrap_or_else(PoisonError::into_inner));
        let Ok(looks) = tokio::task::spawn_blocking(work).await else { return };
        for Look { posts, proposal, .. } in looks {
            for post in posts {
                // The driver ends only with the node.
                let _ = self.core.send(Message::Post(post)).await;
            }
            if let Some(proposal) = proposal {
                self.propose(&proposal).await;
            }
        }
    }

    /// Puts the keys of a finished ceremony into the next charter.
    async fn propose(&mut self, Proposal { call, keys, before, charter: number }: &Proposal) {
        let change = |charter: &mut _| standing::put_into(charter, call.payload(), keys, before);
        let error = match self.admitter.amend_if(change).await {
            Ok(Some(number)) => {
                tracing::info!(number, "the keys of a ceremony are in the charter");
                return;
            }
            Ok(None) => {
                tracing::warn!(ceremony = %name(&call.id()), "the charter has changed meanwhile and the ceremony is over");
                self.seen().refused.insert(call.id(), *number);
                return;
            }
            Err(error) => error,
        };
        // What the charter does not take today it does not take in a second; with the next one it is tried again.
        let passes = matches!(
            error,
            AdmitError::Stopping | AdmitError::Storage(_) | AdmitError::Charter(CharterError::FromTheFuture)
        );
        if !passes {
            self.seen().refused.insert(call.id(), *number);
        }
        let said = error.to_string();
        if self.failed.as_ref() != Some(&said) {
            tracing::warn!(%error, "the keys of a ceremony could not be put into the charter");
        }
        self.failed = Some(said);
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn look(holder: &Holder, view: &View, now: Timestamp, report: bool, seen: &mut Seen) -> Vec<Look> {
    let mut looks = Vec::new();
    for call in view.board.calls() {
        let id = call.id();
        // A ceremony is a function of these; one that is over is not computed again every second.
        let deadline = call.payload().deadline;
        let over = (now >= deadline, now >= deadline.plus(standing::GRACE_SECONDS));
        let state = (view.board.messages(&id).count(), over, view.charter().number);
        if seen.looked.get(&id) == Some(&state) {
            continue;
        }
        match look_at(holder, view, call, now) {
            Ok(mut look) => {
                if seen.refused.get(&id) == Some(&view.charter().number) {
                    look.proposal = None;
                }
                // What it asks for must first have happened.
                if look.is_settled && look.posts.is_empty() && look.proposal.is_none() {
                    seen.looked.insert(id, state);
                }
                looks.push(look);
            }
            Err(error) => {
                let error = error.to_string();
                if seen.said.insert(id, error.clone()).as_ref() != Some(&error) {
                    tracing::error!(ceremony = %name(&id), %error, "a ceremony does not go on here");
                }
            }
        }
    }
    let known: BTreeSet<Hash> = view.board.calls().map(|call| call.id()).collect();
    seen.looked.retain(|id, _| known.contains(id));
    seen.said.retain(|id, _| known.contains(id));
    seen.refused.retain(|id, _| known.contains(id));
    let mut posts = erase::retired(holder, view, now);
    if let Err(error) = erase::seeds(holder.shares(), &view.chain, &view.board, now, clock::system()) {
        tracing::error!(%error, "the seed of a ceremony that is over could not be erased");
    }
    if report {
        if let Err(error) = erase::old_shares(holder.shares(), &view.chain) {
            tracing::error!(%error, "a share that was replaced could not be erased");
        }
        posts.extend(usage(holder, view, now));
    }
    looks.push(Look { posts, proposal: None, is_settled: true });
    looks
}

/// Why a ceremony does not go on here.
#[derive(Debug, thiserror::Error)]
enum CustodyError {
    #[error(transparent)]
    Ceremony(#[from] CeremonyError),
    #[error(transparent)]
    Share(#[from] ShareError),
    #[error(transparent)]
    Key(#[from] crate::keys::KeyError),
}

fn look_at(holder: &Holder, view: &View, call: &Verified<Call>, now: Timestamp) -> Result<Look, CustodyError> {
    let (id, c) = (call.id(), call.payload());
    let mut look = Look { posts: Vec::new(), proposal: None, is_settled: true };
    let Some(ceremony) = standing::ceremony_of(&view.chain, call)? else { return Ok(look) };
    let messages: Vec<_> = view.board.messages(&id).cloned().collect();
    let result = ceremony.advance(&messages, None, now)?.outcome.map(|outcome| outcome.keys);
    match standing::standing(&view.chain, &view.board, call, result.as_deref(), now) {
        Standing::Open => {}
        Standing::InCharter | Standing::Replaced => {
            // What it made was kept before the charter could name it.
            look.is_settled = tidy(holder, view, call)?;
            return Ok(look);
        }
        // Nothing more is said in it. If this node's charter is behind, the seed still gives the share when the next one comes.
        Standing::Over => return Ok(look),
    }
    let me = view.me.filter(|me| c.holders.contains(me));
    let seed = match me {
        Some(_) => seed(holder, &view.board, call, now)?,
        None => None,
    };
    let shares = present_shares(holder, &view.chain, call, me)?;
    let part = match (me, &seed) {
        (Some(me), Some(seed)) => Some(Me { holder: me, seed, shares: &shares }),
        _ => None,
    };
    let progress = ceremony.advance(&messages, part, now)?;
    for message in progress.post {
        let feed = view.member().map_or_else(|| holder.keys().feed(), |member| holder.keys().feed_of(member))?;
        look.posts.push(Post::sign(&message, feed, Post::Ceremony));
    }
    if let Some(Outcome { keys, shares }) = progress.outcome {
        if let (Some(me), Some(shares)) = (me, shares) {
            keep(holder, c, me, &keys, shares.as_slice())?;
        }
        let called_here = holder.keys().steward().is_ok_and(|steward| steward.public() == call.key());
        if called_here {
            let before = standing::keys_before(&view.chain, c);
            look.proposal = Some(Proposal { call: call.clone(), keys, before, charter: view.charter().number });
        }
    }
    Ok(look)
}

/// This holder's seed for a ceremony: drawn once, and durable before anything is said that was made from it.
fn seed(holder: &Holder, board: &Board, call: &Verified<Call>, now: Timestamp) -> Result<Option<Seed>, CustodyError> {
    let id = call.id();
    if let Some(seed) = holder.shares().seed(&id)? {
        return Ok(Some(Seed(*seed)));
    }
    // Without its seed a holder that has spoken already would contradict itself.
    let me = holder.view().me;
    let spoke = board.messages(&id).any(|message| Some(message.payload().holder) == me);
    if spoke || now >= call.payload().deadline {
        return Ok(None);
    }
    let seed = Zeroizing::new(random::bytes::<32>());
    holder.shares().put_seed(&id, &seed)?;
    Ok(Some(Seed(*seed)))
}

/// For a refresh this holder's shares under the charter that the call names.
fn present_shares(
    holder: &Holder,
    chain: &CharterChain,
    call: &Verified<Call>,
    me: Option<MemberNumber>,
) -> Result<Zeroizing<Vec<[u8; 32]>>, CustodyError> {
    let c = call.payload();
    // A vector that grows would leave the secrets behind where it was.
    let mut shares = Zeroizing::new(Vec::with_capacity(c.classes.len()));
    let (Some(me), Kind::Refresh) = (me, c.kind) else { return Ok(shares) };
    let number = c.share_number(me).map(usize::from).unwrap_or_default();
    for class in &c.classes {
        let Some(public) = standing::present_keys(chain, c, *class) else { continue };
        let key = c.token_key(*class, public.clone());
        let Some(public_share) = public.get(number) else { continue };
        if let Some(share) = holder.shares().share(&key.id(), public_share)? {
            shares.push(*share.to_bytes());
        }
    }
    Ok(shares)
}

/// Keeps what a ceremony made for this holder; doing it again changes nothing.
fn keep(
    holder: &Holder,
    call: &Call,
    me: MemberNumber,
    keys: &[ClassKeys],
    secrets: &[[u8; 32]],
) -> Result<(), CustodyError> {
    let Some(number) = call.share_number(me) else { return Ok(()) };
    for (made, secret) in keys.iter().zip(secrets) {
        let Some(public) = made.public_keys.get(usize::from(number)) else { continue };
        let id = call.token_key(made.class, made.public_keys.clone()).id();
        let share = StoredShare {
            class: made.class,
            epoch: call.epoch,
            holder_index: number,
            secret: *secret,
            public: *public,
        };
        holder.shares().put_share(&id, &share)?;
    }
    Ok(())
}

/// After the charter has the result: the seed goes, and of a refreshed key the old share. Returns whether that is done.
fn tidy(holder: &Holder, view: &View, call: &Verified<Call>) -> Result<bool, CustodyError> {
    let c = call.payload();
    let Some(me) = view.me.filter(|me| c.holders.contains(me)) else { return Ok(true) };
    let (mut replaced, mut taken_up) = (Vec::new(), true);
    for class in &c.classes {
        let key = view.charter().token_keys.iter().find(|key| key.class == *class && key.epoch == c.epoch);
        let Some((key, number)) = key.and_then(|key| Some((key, key.share_of(me)?))) else { continue };
        let Some(public) = key.public_share(number) else { continue };
        if key.is_active() && holder.shares().share(&key.id(), public)?.is_none() {
            // A holder that has not seen the end yet still needs its seed for it, and the old shares of all classes.
            finish_late(holder, view, call)?;
            return Ok(false);
        }
        taken_up &= !key.is_active() || holder.has_taken_up(&key.id(), public);
        let before = standing::present_keys(&view.chain, c, *class).filter(|_| c.kind == Kind::Refresh);
        let old = before.and_then(|before| before.get(usize::from(number)).copied()).filter(|old| old != public);
        replaced.extend(old.map(|old| (key.id(), old)));
    }
    if !taken_up {
        // The charter came while the shares were being kept.
        holder.take_up_shares();
    }
    for (key, old) in replaced {
        holder.shares().drop_share(&key, &old)?;
    }
    holder.shares().drop_seed(&call.id())?;
    Ok(true)
}

/// The charter has the keys already, but this holder was away when the last confirmation came: it still computes its shares.
fn finish_late(holder: &Holder, view: &View, call: &Verified<Call>) -> Result<(), CustodyError> {
    let (id, c) = (call.id(), call.payload());
    let (Some(me), Some(seed)) = (view.me, holder.shares().seed(&id)?) else { return Ok(()) };
    let Some(ceremony) = standing::ceremony_of(&view.chain, call)? else { return Ok(()) };
    let shares = present_shares(holder, &view.chain, call, Some(me))?;
    let seed = Seed(*seed);
    let messages: Vec<_> = view.board.messages(&id).cloned().collect();
    let part = Me { holder: me, seed: &seed, shares: &shares };
    let progress = ceremony.advance(&messages, Some(part), c.issued)?;
    if let Some(Outcome { keys, shares: Some(shares) }) = progress.outcome {
        keep(holder, c, me, &keys, shares.as_slice())?;
        holder.take_up_shares();
    }
    Ok(())
}

/// What was evaluated on the day that counts and on the one before, as far as the board says less.
fn usage(holder: &Holder, view: &View, now: Timestamp) -> Vec<Post> {
    let Some(member) = view.member() else { return Vec::new() };
    let (me, Ok(feed)) = (member.number, holder.keys().feed_of(member)) else { return Vec::new() };
    let today = now.day();
    let mut posts = Vec::new();
    for day in [Day(today.0.saturating_sub(1)), today] {
        let counts = holder.quotas().usage_of(day).unwrap_or_default();
        for class in Class::ALL {
            let counts: Vec<(MemberNumber, u32)> =
                counts.iter().filter(|(_, of, count)| of == class && *count > 0).map(|(m, _, n)| (*m, *n)).collect();
            let known = view.board.usage().find(|r| (r.holder, r.class, r.day) == (me, *class, day));
            if counts.is_empty() || known.is_some_and(|known| known.counts == counts) {
                continue;
            }
            let alliance = view.chain.alliance();
            let report = UsageReport { alliance, holder: me, day, class: *class, issued: now, counts };
            posts.push(Post::sign(&report, feed, Post::Usage));
        }
    }
    posts
}

/// The beginning of a ceremony's id, for people.
fn name(id: &Hash) -> String {
    hex::encode(&id[..8])
}
