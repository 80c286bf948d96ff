//! What a holder does without being asked: it takes part in the ceremonies that name it, keeps the shares that come out,
//! erases those that the charter retires and says so, and reports every day what it evaluated for whom. On the node of the
//! steward that called a ceremony, it puts the result into the next charter.
//!
//! Every look is a function of the board, the charter and the secrets on the disk, and does again what a crash left undone.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use antibrush_protocol::{
    base::{Day, Hash, MemberNumber, Timestamp},
    board::{Board, Deletion, Post, UsageReport},
    ceremony::{Call, Ceremony, CeremonyError, ClassKeys, Kind, Me, Outcome, Phase, Progress, Seed},
    charter::{Charter, CharterChain, TokenKey},
    signed::{Signer, Verified},
    subject::Class,
    suite::Suite,
};
use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{
    Holder,
    shares::{ShareError, StoredShare},
};
use crate::{
    clock,
    core::{Admitter, Message, View},
    random,
};

/// How often the custodian looks although nothing came: deadlines pass in silence.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// How often usage is reported while it grows.
const REPORT_EVERY_MS: u64 = 60_000;

/// For how long after the deadline a seed is kept: a holder that was away hears only later that all had confirmed in time, and
/// has no other way to its shares. Less than the board keeps the ceremony, after which nobody looks at it any more.
const SEED_KEPT_SECONDS: u64 = 6 * 86_400;

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
    /// For each ceremony how many messages there were, and whether its time was over.
    looked: BTreeMap<Hash, (usize, bool, u64)>,
    /// What was said about it.
    said: BTreeMap<Hash, String>,
}

/// What one look at a ceremony says must be done. Made on a thread that may wait for the disk.
struct Look {
    posts: Vec<Post>,
    /// The charter lacks these keys, and this node's steward called for them.
    proposal: Option<(Call, Vec<ClassKeys>)>,
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
            if let Some((call, keys)) = proposal {
                self.propose(&call, &keys).await;
            }
        }
    }

    /// Puts the keys of a finished ceremony into the next charter.
    async fn propose(&mut self, call: &Call, keys: &[ClassKeys]) {
        let outcome = self.admitter.amend(|charter| put_into(charter, call, keys)).await;
        match outcome {
            Ok(number) => tracing::info!(number, "the keys of a ceremony are in the charter"),
            Err(error) => {
                let said = error.to_string();
                // It is tried again every second.
                if self.failed.as_ref() != Some(&said) {
                    tracing::warn!(%error, "the keys of a ceremony could not be put into the charter");
                }
                self.failed = Some(said);
            }
        }
    }
}

fn look(holder: &Holder, view: &View, now: Timestamp, report: bool, seen: &mut Seen) -> Vec<Look> {
    let mut looks = Vec::new();
    for call in view.board.calls() {
        let id = call.id();
        // A ceremony is a function of these; one that is over is not computed again every second.
        let state = (view.board.messages(&id).count(), now >= call.payload().deadline, view.charter().number);
        if seen.looked.get(&id) == Some(&state) {
            continue;
        }
        match look_at(holder, view, call, now) {
            Ok(look) => {
                if look.is_settled {
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
    let mut posts = retire(holder, view, now);
    if report {
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
    let charter = view.charter();
    if is_in_charter(charter, &view.chain, c) {
        // What it made was kept before the charter could name it.
        look.is_settled = tidy(holder, view, call)?;
        return Ok(look);
    }
    let Some(ceremony) = ceremony_of(&view.chain, call)? else { return Ok(look) };
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
    let messages: Vec<_> = view.board.messages(&id).cloned().collect();
    let progress = ceremony.advance(&messages, part, now)?;
    if progress.phase == Phase::Void && now >= c.deadline.plus(SEED_KEPT_SECONDS) {
        // Nothing will come of it; a new call has a new seed.
        holder.shares().drop_seed(&id)?;
    }
    for message in progress.post {
        look.posts.push(Post::sign(&message, holder.keys().feed()?, Post::Ceremony));
    }
    if let Some(Outcome { keys, shares }) = progress.outcome {
        if let (Some(me), Some(shares)) = (me, shares) {
            keep(holder, c, me, &keys, shares.as_slice())?;
        }
        let called_here = holder.keys().steward().is_ok_and(|steward| steward.public() == call.key());
        if called_here {
            look.proposal = Some((c.clone(), keys));
        }
    }
    // What it asks for must first have happened.
    look.is_settled = look.posts.is_empty() && look.proposal.is_none();
    Ok(look)
}

/// The state of a ceremony as this node sees it, without taking part.
pub fn progress_of(view: &View, call: &Verified<Call>, now: Timestamp) -> Result<Option<Progress>, CeremonyError> {
    let Some(ceremony) = ceremony_of(&view.chain, call)? else { return Ok(None) };
    let messages: Vec<_> = view.board.messages(&call.id()).cloned().collect();
    ceremony.advance(&messages, None, now).map(Some)
}

/// Whether the charter has what a ceremony made, or something later.
pub fn is_in_charter(charter: &Charter, chain: &CharterChain, call: &Call) -> bool {
    let of = |class: &Class| charter.token_keys.iter().find(|key| key.class == *class && key.epoch == call.epoch);
    match call.kind {
        Kind::Generate => call.classes.iter().all(|class| of(class).is_some()),
        Kind::Refresh => call.classes.iter().all(|class| {
            // Shares differ from those of the charter under which the refresh was called.
            let before = present_keys(chain, call, *class);
            of(class).is_some_and(|now| Some(&now.public_keys) != before.as_ref())
        }),
    }
}

/// The public keys of a class in the charter that the call names.
fn present_keys(chain: &CharterChain, call: &Call, class: Class) -> Option<Vec<[u8; 32]>> {
    let version = chain.version(&call.charter)?;
    let key = version.charter().token_keys.iter().find(|key| key.class == class && key.epoch == call.epoch)?;
    Some(key.public_keys.clone())
}

/// The ceremony of a call; `None` if the charter that it names has not the keys that it would refresh.
fn ceremony_of(chain: &CharterChain, call: &Verified<Call>) -> Result<Option<Ceremony>, CeremonyError> {
    let c = call.payload();
    let present: Option<Vec<Vec<[u8; 32]>>> = match c.kind {
        Kind::Generate => Some(Vec::new()),
        Kind::Refresh => c.classes.iter().map(|class| present_keys(chain, c, *class)).collect(),
    };
    present.map(|present| Ceremony::new(call.clone(), &present)).transpose()
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
        let Some(public) = present_keys(chain, c, *class) else { continue };
        let key = key_of(c, *class, public.clone());
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
        let id = key_of(call, made.class, made.public_keys.clone()).id();
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
        let before = present_keys(&view.chain, c, *class).filter(|_| c.kind == Kind::Refresh);
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
    let Some(ceremony) = ceremony_of(&view.chain, call)? else { return Ok(()) };
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

/// The token key that a ceremony makes of one class.
fn key_of(call: &Call, class: Class, public_keys: Vec<[u8; 32]>) -> TokenKey {
    TokenKey {
        class,
        epoch: call.epoch,
        suite: Suite::Threshold,
        threshold: call.threshold,
        // A call has at most 16 holders.
        holders: call.holders.len() as u8,
        public_keys,
        members: call.holders.clone(),
        retired: None,
    }
}

fn put_into(charter: &mut Charter, call: &Call, keys: &[ClassKeys]) {
    for made in keys {
        let key = key_of(call, made.class, made.public_keys.clone());
        match charter.token_keys.iter_mut().find(|old| (old.class, old.epoch) == (key.class, key.epoch)) {
            Some(old) => old.public_keys = key.public_keys,
            None => charter.token_keys.push(key),
        }
    }
    charter.token_keys.sort_by_key(|key| (key.class, key.epoch));
}

/// Erases shares of retired keys and states it, once.
fn retire(holder: &Holder, view: &View, now: Timestamp) -> Vec<Post> {
    let mut posts = Vec::new();
    let Some(me) = view.me else { return posts };
    let retired = view.charter().token_keys.iter().filter(|key| !key.is_active() && key.share_of(me).is_some());
    for key in retired {
        let id = key.id();
        match holder.shares().retire(&id) {
            Ok(0) => {}
            Ok(_) => {
                tracing::info!(class = key.class.code(), epoch = key.epoch, "the share of a retired key was erased")
            }
            Err(error) => {
                tracing::error!(%error, "the share of a retired key could not be erased");
                continue;
            }
        }
        let said = view.board.deletions().any(|deletion| deletion.holder == me && deletion.key == id);
        if let Some(feed) = holder.keys().feed().ok().filter(|_| !said) {
            let deletion = Deletion { alliance: view.chain.alliance(), holder: me, key: id, issued: now };
            posts.push(Post::sign(&deletion, feed, Post::Deletion));
        }
    }
    posts
}

/// What was evaluated on the day that counts and on the one before, as far as the board says less.
fn usage(holder: &Holder, view: &View, now: Timestamp) -> Vec<Post> {
    let (Some(me), Ok(feed)) = (view.me, holder.keys().feed()) else { return Vec::new() };
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
