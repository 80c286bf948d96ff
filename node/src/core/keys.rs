//! What a steward does about token keys: naming holders, calling ceremonies, retiring epochs; and where the keys stand.

use std::{
    cmp::Ordering,
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use antibrush_protocol::{
    base::{Hash, MemberNumber, Timestamp},
    board::Post,
    ceremony::{Call, CeremonyError, Fault, Kind, Phase},
    charter::{Change, Charter, CharterError, Holding, MemberState, TokenKey},
    entry::Entry,
    feed::Leaf,
    limits,
    signed::{Signer, Verified},
    subject::Class,
    suite::Suite,
};

use super::{AdmitError, Node, View, driver::Message};
use crate::{
    clock,
    holder::{self, Standing},
    lang::moment,
    random,
    storage::StorageError,
};

/// How long a ceremony may take unless the steward says otherwise: people need not be at hand, nodes must run.
const CEREMONY_SECONDS: u64 = 3600;

/// Entries that are read at once when it is looked which listings are carried over.
const LEAVES_AT_ONCE: usize = 4_096;

/// Why holders are not named, a ceremony is not called, or an epoch not retired.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The charter does not take it.
    #[error(transparent)]
    Admit(#[from] AdmitError),
    /// No member of that short name. It is not repeated: what was typed there by mistake may be an identifier.
    #[error(
        "name {0} of the list is no member's short name; `antibrush alliance members` shows the members of the alliance"
    )]
    NoSuchMember(usize),
    /// Nobody is named as a holder.
    #[error(
        "the charter names no key holders yet; name them with --holders and --threshold, at least one of them no platform"
    )]
    NoHolders,
    /// A ceremony is under way.
    #[error("a ceremony is under way until {}; wait for its end, or look at `antibrush keys status`", moment(*.0))]
    UnderWay(Timestamp),
    /// No class to make a key for.
    #[error("these classes have threshold keys already; use `antibrush keys rotate` for the next epoch")]
    NothingToMake,
    /// Nothing to rotate or refresh.
    #[error("no class has a threshold key yet; run `antibrush keys ceremony` first")]
    NothingThere,
    /// The epoch before is still active.
    #[error(
        "class {0} passes from one epoch into the next already; retire the older one first (antibrush keys retire)"
    )]
    TwoEpochs(Class),
    /// A refresh needs the holders of the key.
    #[error(
        "a refresh renews the shares of the same holders; the charter names others now: use `antibrush keys rotate`"
    )]
    OtherHolders,
    /// No key of that epoch.
    #[error("no class has a key of epoch {0}; `antibrush keys status` shows the epochs")]
    NoSuchEpoch(u16),
    /// Retired before.
    #[error("epoch {0} is retired already; `antibrush keys status` shows which holders have erased their shares")]
    RetiredAlready(u16),
    /// Listings and checks would have no key.
    #[error("epoch {0} is the newest of its classes; make the next one first (antibrush keys rotate)")]
    NoSuccessor(u16),
    /// Listings would be lost from sight.
    #[error(
        "{member} has {count} listings in force under the old epoch that no listing under the newer one carries on: wait until its node has carried them over (a platform whose vault was lost imports its list again), or retire with --force and lose them from sight"
    )]
    NotCarried {
        /// Whose.
        member: String,
        /// Listings that would be lost from sight.
        count: u64,
    },
    /// This node does not know all listings.
    #[error(
        "this node has not heard from every feed, so it cannot tell whether all listings are carried over: wait until `antibrush feed show` says fresh, or retire with --force"
    )]
    NotFresh,
    /// Storage failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The form of the call.
    #[error(transparent)]
    Call(#[from] CeremonyError),
    /// No ceremony of that id.
    #[error("no ceremony {0} is known here; `antibrush keys status` shows them")]
    NoSuchCeremony(String),
    /// It has not come to an end, or the charter takes it no more.
    #[error("this ceremony has no result that the charter could take; `antibrush keys status` shows how far it is")]
    NoResult,
    /// The time given is out of range.
    #[error("a ceremony lasts 1 minute to 7 days")]
    Minutes,
}

impl From<CharterError> for KeysError {
    fn from(error: CharterError) -> KeysError {
        KeysError::Admit(error.into())
    }
}

/// What is called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// Keys for classes that have none.
    Generate,
    /// The next epoch for classes that have one.
    Rotate,
    /// New shares of the same keys.
    Refresh,
}

/// Where a ceremony stands.
#[derive(Clone, Debug)]
pub struct CeremonyStatus {
    /// Its id.
    pub id: Hash,
    /// The call.
    pub call: Call,
    /// How far it is; `None` if it cannot be judged here.
    pub phase: Option<Phase>,
    /// Without whom it does not go on.
    pub waiting_for: Vec<MemberNumber>,
    /// Who is to blame.
    pub faults: Vec<(MemberNumber, Fault)>,
    /// Whether the charter has its result.
    pub in_charter: bool,
    /// Whether it is over: the charter has its keys, from it or from another one, or will never take them from it.
    pub settled: bool,
}

impl Node {
    /// Names who takes part in the next ceremony, and the quotas.
    pub async fn name_holders(
        &self,
        slugs: &[String],
        threshold: u8,
        quotas: &[(Class, u32)],
    ) -> Result<u64, KeysError> {
        let view = self.view();
        let holding = holding(&view, slugs, threshold, quotas)?;
        if view.charter().holding.as_ref() == Some(&holding) {
            return Ok(view.charter().number);
        }
        Ok(self.admitter().amend(|charter| charter.holding = Some(holding)).await?)
    }

    /// The change that puts the keys of a finished ceremony into the charter.
    pub async fn ceremony_result(&self, id: &Hash) -> Result<Change, KeysError> {
        let (view, id) = (self.view(), *id);
        let look = move || {
            let call = view.board.call(&id).ok_or_else(|| KeysError::NoSuchCeremony(hex::encode(id)))?;
            let progress = holder::progress_of(&view, call, clock::wall())?;
            let made = progress.and_then(|progress| progress.outcome).ok_or(KeysError::NoResult)?.keys;
            let mut charter = (**view.charter()).clone();
            if !holder::put_result(&mut charter, &view.chain, call.payload(), &made) {
                return Err(KeysError::NoResult);
            }
            let known = &view.charter().token_keys;
            Ok(Change::TokenKeys(charter.token_keys.into_iter().filter(|key| !known.contains(key)).collect()))
        };
        tokio::task::spawn_blocking(look).await.map_err(|_| AdmitError::Stopping)?
    }

    /// Calls the holders to a ceremony and returns the call. Their nodes answer by themselves. If holders or a threshold are
    /// given, they are named first, once nothing else stands against the ceremony.
    pub async fn call_ceremony(
        &self,
        wish: Wish,
        classes: &[Class],
        minutes: Option<u64>,
        holders: &[String],
        threshold: u8,
    ) -> Result<Verified<Call>, KeysError> {
        let (mut view, now) = (self.view(), clock::wall());
        self.admitter().require_key(&view)?;
        let seconds = minutes.map_or(CEREMONY_SECONDS, |minutes| minutes.saturating_mul(60));
        if seconds == 0 || seconds > limits::CEREMONY_SECONDS {
            return Err(KeysError::Minutes);
        }
        let steward = self.keys().steward().map_err(AdmitError::from)?;
        let planned = plan(view.charter(), wish, classes);
        let looked = view.clone();
        let open = tokio::task::spawn_blocking(move || open_calls(&looked, now)).await;
        let open = open.map_err(|_| AdmitError::Stopping)?;
        // A steward that calls again for the same keys gives up its own ceremony.
        let gives_way = |older: &Verified<Call>| {
            let same = |(_, epoch, classes): &(_, u16, Vec<_>)| holder::is_for_same(older.payload(), *epoch, classes);
            older.key() == steward.public() && planned.as_ref().is_ok_and(same)
        };
        if let Some(older) = open.iter().find(|older| !gives_way(older)) {
            return Err(KeysError::UnderWay(older.payload().deadline));
        }
        let (kind, epoch, classes) = planned?;
        if !holders.is_empty() || threshold > 0 {
            if kind == Kind::Refresh {
                return Err(KeysError::OtherHolders);
            }
            self.name_holders(holders, threshold, &[]).await?;
            view = self.view();
        }
        let charter = view.charter();
        let holding = charter.holding.as_ref().ok_or(KeysError::NoHolders)?;
        // Of calls for the same keys the later one counts.
        let before = view.board.calls().map(|call| call.payload()).filter(|c| holder::is_for_same(c, epoch, &classes));
        let now = before.map(|before| before.issued.plus(1)).fold(now, Timestamp::max);
        let keys = match kind {
            Kind::Generate => Vec::new(),
            Kind::Refresh => refreshed(charter, holding, &classes)?,
        };
        let call = Call {
            alliance: view.chain.alliance(),
            charter: view.chain.current_id(),
            kind,
            epoch,
            classes,
            threshold: holding.threshold,
            holders: holding.members.clone(),
            keys,
            issued: now,
            deadline: now.plus(seconds),
            nonce: random::bytes(),
        };
        call.check()?;
        let post = Post::sign(&call, steward, Post::Call);
        let Post::Call(signed) = &post else { return Err(KeysError::NothingThere) };
        let id = signed.id();
        self.core().send(Message::Post(post)).await.map_err(|_| AdmitError::Stopping)?;
        // The board has it once the driver has taken it.
        let mut news = self.news();
        for _ in 0..100 {
            if let Some(call) = self.view().board.call(&id) {
                return Ok(call.clone());
            }
            let _ = tokio::time::timeout(std::time::Duration::from_millis(100), news.changed()).await;
        }
        Err(AdmitError::Stopping.into())
    }

    /// Retires the keys of an epoch that have a successor: their holders erase their shares.
    pub async fn retire_keys(self: &Arc<Self>, epoch: u16, force: bool) -> Result<u64, KeysError> {
        let (old, now) = (self.retirable(epoch, force).await?, clock::wall());
        let retire = |charter: &mut Charter| {
            for key in charter.token_keys.iter_mut() {
                if old.contains(&(key.class, key.epoch)) {
                    key.retired = Some(now);
                }
            }
        };
        Ok(self.admitter().amend(retire).await?)
    }

    /// The keys of an epoch that may be retired, by class and epoch.
    pub async fn retirable(self: &Arc<Self>, epoch: u16, force: bool) -> Result<Vec<(Class, u16)>, KeysError> {
        let view = self.view();
        let charter = view.charter();
        let of_epoch: Vec<&TokenKey> = charter.token_keys.iter().filter(|key| key.epoch == epoch).collect();
        if of_epoch.is_empty() {
            return Err(KeysError::NoSuchEpoch(epoch));
        }
        let active: Vec<&TokenKey> = of_epoch.into_iter().filter(|key| key.is_active()).collect();
        if active.is_empty() {
            return Err(KeysError::RetiredAlready(epoch));
        }
        let succeeded = |key: &&TokenKey| charter.active_keys(key.class).any(|newer| newer.epoch > key.epoch);
        let old: Vec<TokenKey> = active.into_iter().filter(succeeded).cloned().collect();
        if old.is_empty() {
            return Err(KeysError::NoSuccessor(epoch));
        }
        if !force {
            // Reads the whole table and the newer listings.
            let (node, view, keys) = (self.clone(), view.clone(), old.clone());
            let checked = tokio::task::spawn_blocking(move || node.require_carried(&view, &keys)).await;
            checked.map_err(|_| AdmitError::Stopping)??;
        }
        Ok(old.iter().map(|key| (key.class, key.epoch)).collect())
    }

    /// Refuses while a listing that stands under one of these keys is not carried on by one that stands under a newer key. What
    /// this node has not heard of cannot be counted, so every feed must be fresh.
    fn require_carried(&self, view: &View, old: &[TokenKey]) -> Result<(), KeysError> {
        if self.store().is_behind() || self.check_context().is_stale() {
            return Err(KeysError::NotFresh);
        }
        let today = clock::wall().day();
        let (mut left, mut newer): (BTreeMap<MemberNumber, BTreeSet<u64>>, BTreeMap<MemberNumber, Vec<u64>>) =
            Default::default();
        self.store().table().reader().for_each(None, |row| {
            let key = old.iter().find(|key| key.class.number() == row.class).filter(|_| today < row.expires);
            match key.map(|key| row.epoch.cmp(&key.epoch)) {
                Some(Ordering::Equal) => {
                    left.entry(row.publisher).or_default().insert(u64::from(row.leaf));
                }
                Some(Ordering::Greater) => newer.entry(row.publisher).or_default().push(u64::from(row.leaf)),
                _ => {}
            }
        });
        // Listings of expelled members count nowhere.
        let counts = |number: &MemberNumber| {
            view.charter().member(*number).filter(|member| member.state != MemberState::Expelled)
        };
        left.retain(|publisher, _| counts(publisher).is_some());
        for (publisher, mut leaves) in newer {
            let Some(left) = left.get_mut(&publisher) else { continue };
            leaves.sort_unstable();
            self.carried_by(publisher, &leaves, |leaf| {
                left.remove(&leaf);
            })?;
        }
        match left.into_iter().find(|(_, leaves)| !leaves.is_empty()) {
            None => Ok(()),
            Some((publisher, leaves)) => {
                let member = counts(&publisher).map(|member| member.slug.clone()).unwrap_or_default();
                Err(KeysError::NotCarried { member, count: leaves.len() as u64 })
            }
        }
    }

    /// Names the leaves that these entries of a feed carry on. Bodies are read in stretches: one by one would read each chunk again
    /// and again.
    fn carried_by(
        &self,
        publisher: MemberNumber,
        leaves: &[u64],
        mut each: impl FnMut(u64),
    ) -> Result<(), StorageError> {
        let mut at = 0;
        while let Some(first) = leaves.get(at) {
            let stretch = self.store().leaves(publisher, *first, LEAVES_AT_ONCE)?;
            let end = stretch.last().map_or(*first, |(index, _)| *index).max(*first);
            for (index, leaf) in stretch {
                if leaves[at..].binary_search(&index).is_ok()
                    && let Leaf::Entry(Entry::List(listing)) = leaf
                    && let Some(earlier) = listing.carries
                {
                    each(earlier);
                }
            }
            at += leaves[at..].partition_point(|leaf| *leaf <= end);
        }
        Ok(())
    }

    /// Listings that hold today, by publisher, class and epoch. Walks through the whole token table.
    pub fn listings_by_epoch(&self) -> BTreeMap<(MemberNumber, Class, u16), u64> {
        let today = clock::wall().day();
        let mut counts = BTreeMap::new();
        self.store().table().reader().for_each(None, |row| {
            if let Some(class) = Class::from_number(row.class).filter(|_| today < row.expires) {
                *counts.entry((row.publisher, class, row.epoch)).or_default() += 1;
            }
        });
        counts
    }

    /// The ceremonies that the board knows, newest first.
    pub fn ceremonies(&self) -> Vec<CeremonyStatus> {
        ceremonies(&self.view(), clock::wall())
    }

    /// One ceremony.
    pub fn ceremony(&self, id: &Hash) -> Result<CeremonyStatus, KeysError> {
        let view = self.view();
        let found = view.board.call(id).map(|call| status_of(&view, call, clock::wall()));
        found.ok_or_else(|| KeysError::NoSuchCeremony(hex::encode(id)))
    }
}

/// Who takes part in the next ceremony, and the quotas, as a steward wants them.
pub fn holding(view: &View, slugs: &[String], threshold: u8, quotas: &[(Class, u32)]) -> Result<Holding, KeysError> {
    let number = |(place, slug): (usize, &String)| {
        let member = view.charter().member_by_slug(slug);
        member.map(|member| member.number).ok_or(KeysError::NoSuchMember(place))
    };
    let members: BTreeSet<MemberNumber> = (1..).zip(slugs).map(number).collect::<Result<_, _>>()?;
    let before = view.charter().holding.as_ref();
    let mut all: BTreeMap<Class, u32> = before.map(|h| h.quotas.iter().copied().collect()).unwrap_or_default();
    all.extend(quotas.iter().copied());
    let members = if members.is_empty() {
        before.map(|holding| holding.members.clone()).ok_or(KeysError::NoHolders)?
    } else {
        members.into_iter().collect()
    };
    let threshold = if threshold == 0 { before.map_or(2, |holding| holding.threshold) } else { threshold };
    Ok(Holding { threshold, members, quotas: all.into_iter().collect() })
}

fn ceremonies(view: &View, now: Timestamp) -> Vec<CeremonyStatus> {
    let mut all: Vec<CeremonyStatus> = view.board.calls().map(|call| status_of(view, call, now)).collect();
    all.sort_by_key(|status| std::cmp::Reverse(status.call.issued));
    all
}

fn status_of(view: &View, call: &Verified<Call>, now: Timestamp) -> CeremonyStatus {
    let progress = holder::progress_of(view, call, now).ok().flatten();
    let outcome = progress.as_ref().and_then(|progress| progress.outcome.as_ref());
    let result = outcome.map(|outcome| &outcome.keys[..]);
    let standing = holder::standing(&view.chain, &view.board, call, result, now);
    CeremonyStatus {
        id: call.id(),
        call: call.payload().clone(),
        phase: progress.as_ref().map(|progress| progress.phase),
        waiting_for: progress.as_ref().map(|progress| progress.waiting_for.clone()).unwrap_or_default(),
        faults: progress.map(|progress| progress.faults).unwrap_or_default(),
        in_charter: match standing {
            Standing::InCharter => true,
            Standing::Replaced => is_last(view, call.payload()),
            Standing::Open | Standing::Over => false,
        },
        settled: standing != Standing::Open,
    }
}

/// Whether a ceremony whose end this node has not seen is the last one for its keys. Nobody calls again for what was made: what
/// came of an earlier call is not in the charter.
fn is_last(view: &View, call: &Call) -> bool {
    let again = |other: &Call| (other.kind, other.epoch, &other.classes) == (call.kind, call.epoch, &call.classes);
    let mut later = view.board.calls().map(|other| other.payload()).filter(|other| again(other));
    !later.any(|other| other.issued > call.issued)
}

/// The calls to ceremonies that may still come to something.
fn open_calls(view: &View, now: Timestamp) -> Vec<Verified<Call>> {
    let running = view.board.calls().filter(|call| now < call.payload().deadline);
    running.filter(|call| is_open(&status_of(view, call, now), now)).cloned().collect()
}

fn is_open(status: &CeremonyStatus, now: Timestamp) -> bool {
    !status.settled && now < status.call.deadline && status.phase.is_some_and(|phase| phase != Phase::Void)
}

/// The kind, the epoch and the classes of a ceremony.
fn plan(charter: &Charter, wish: Wish, wanted: &[Class]) -> Result<(Kind, u16, Vec<Class>), KeysError> {
    let shared =
        |class: &Class| charter.active_keys(*class).find(|key| key.suite == Suite::Threshold).map(|key| key.epoch);
    let asked = |class: &&Class| wanted.is_empty() || wanted.contains(class);
    let newest = |classes: &[Class]| {
        let of = charter.token_keys.iter().filter(|key| classes.contains(&key.class));
        of.map(|key| key.epoch).max().unwrap_or(0)
    };
    match wish {
        Wish::Generate => {
            let by_default = |class: &&Class| !wanted.is_empty() || class.is_personal_by_default();
            let missing = Class::ALL.iter().filter(asked).filter(by_default).filter(|class| shared(class).is_none());
            let classes: Vec<Class> = missing.copied().collect();
            if classes.is_empty() {
                return Err(KeysError::NothingToMake);
            }
            Ok((Kind::Generate, newest(&classes) + 1, classes))
        }
        Wish::Rotate => {
            let classes: Vec<Class> =
                Class::ALL.iter().filter(asked).filter(|c| shared(c).is_some()).copied().collect();
            if classes.is_empty() {
                return Err(KeysError::NothingThere);
            }
            if let Some(class) = classes.iter().find(|class| charter.active_keys(**class).count() > 1) {
                return Err(KeysError::TwoEpochs(*class));
            }
            Ok((Kind::Generate, newest(&classes) + 1, classes))
        }
        Wish::Refresh => {
            // A call has one epoch: that of the newest keys.
            let classes: Vec<Class> =
                Class::ALL.iter().filter(asked).filter(|c| shared(c).is_some()).copied().collect();
            let epoch = classes.iter().filter_map(shared).max().ok_or(KeysError::NothingThere)?;
            let classes = classes.into_iter().filter(|class| shared(class) == Some(epoch)).collect();
            Ok((Kind::Refresh, epoch, classes))
        }
    }
}

/// The group keys of a refresh; refused if the charter names others now than those who hold the shares.
fn refreshed(charter: &Charter, holding: &Holding, classes: &[Class]) -> Result<Vec<[u8; 32]>, KeysError> {
    let group = |class: &Class| {
        let key = charter.active_keys(*class).find(|key| key.suite == Suite::Threshold);
        let key = key.ok_or(KeysError::NothingThere)?;
        let same = key.members == holding.members && key.threshold == holding.threshold;
        // CHARTER-4: the group key comes first.
        key.public_keys.first().copied().filter(|_| same).ok_or(KeysError::OtherHolders)
    };
    classes.iter().map(group).collect()
}
