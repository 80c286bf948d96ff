//! Publishing: from what the platform wants said of subjects to a batch of its own feed.
//!
//! A [`Session`] plans each wish against the token table and what the batch already holds: a new listing becomes List, a
//! changed one Amend, an identical one nothing. A session is the only writer while it lives, so that two who list the same
//! subject at once do not both believe that they were first.

use std::{collections::HashSet, sync::Arc};

use antibrush_protocol::{
    base::{Day, Hash, MemberNumber, Token},
    charter::Policy,
    codes::{Conduct, Direction, List, Reason, Role, Severity},
    entry::{
        Amendment, Clearing, Entry, EntryError, Listing, PublicName,
        ledger::Standing,
        sealed::{self, SealedError},
    },
    feed::{
        Head,
        build::{self, Body, BuildError, EncodedEntry, Place},
    },
    limits,
    replica::{BatchId, PublishRefusal},
    subject::{Class, Subject},
    suite::Derived,
};
use hmac::{Hmac, KeyInit, Mac};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use tokio::sync::oneshot;
use zeroize::Zeroizing;

use super::{driver::Message, node::Node, staging::Staging, view::View};
use crate::{
    clock,
    import::Private,
    random,
    storage::{
        StorageError, standing_of,
        table::{Prefix, Reader, Row, prefix_of},
    },
    tokens::{Derivations, Maker, Prepared, TokenError, vault::VaultRecord},
};

/// One subject that shall be listed.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// Whom.
    pub subject: Subject,
    /// On which list.
    pub list: List,
    /// For what.
    pub conduct: Conduct,
    /// How grave; by role if not given.
    pub severity: Option<Severity>,
    /// The part taken.
    pub role: Option<Role>,
    /// Which way credit was moved.
    pub direction: Option<Direction>,
    /// Where.
    pub region: Option<u32>,
    /// The day of listing; today if not given.
    pub day: Option<Day>,
    /// The last day on which it holds; by the charter's term if not given.
    pub last_day: Option<Day>,
    /// The rule-set version; the configured one if not given.
    pub basis: Option<String>,
    /// What is sealed for those who hold the identifier themselves. Part of a new listing; an amendment carries none.
    pub details: Option<Private>,
    /// The evidence reference: only its salted digest leaves the node.
    pub evidence: String,
    /// The name, published only where the law lets an organisation be named.
    pub name: Option<String>,
}

/// One subject that shall be cleared.
#[derive(Clone, Debug)]
pub struct Clear {
    /// Whom.
    pub subject: Subject,
    /// From which list.
    pub list: List,
    /// Why.
    pub reason: Reason,
}

/// One of our own listings that goes on under the next epoch.
pub struct Carried {
    /// Its leaf.
    pub leaf: u64,
    /// Whom it lists.
    pub subject: Subject,
    /// As it was published.
    pub listing: Listing,
    /// What was sealed in it.
    pub details: Option<Zeroizing<String>>,
    /// Its tokens under both epochs.
    pub derivations: Derivations,
}

/// What became of a wish.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// A new listing.
    Listed,
    /// A change to a listing.
    Amended,
    /// It stands there just so already.
    Unchanged,
    /// A listing ended.
    Cleared,
    /// Not taken.
    Refused(Refusal),
}

/// Why a wish is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// It breaks a rule of form.
    #[error(transparent)]
    Entry(#[from] EntryError),
    /// No token can be made.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The same subject and list stand earlier in the same input with other details.
    #[error("the same subject and list stand earlier in this input with other details; keep one of the two rows")]
    Repeated,
    /// Its last day is past.
    #[error("the listing would have expired already; give a later expiry day")]
    Expired,
    /// There is nothing to clear.
    #[error(
        "this platform has no listing of this subject on this list in force; check the list, or nothing needs clearing"
    )]
    NothingToClear,
    /// Payment accounts need the alliance's consent.
    #[error("payment accounts (PAY) are switched off in this alliance; ask the stewards before you list one")]
    PaymentOff,
    /// Details that can not be sealed.
    #[error("{0}; correct the details")]
    Details(#[from] SealedError),
    /// Another feed's day.
    #[error("the day of listing lies in the future; correct it")]
    FutureDay,
}

impl serde::Serialize for Refusal {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// Why a batch was not published. Nothing of it is in force.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The node may not publish.
    #[error("this node does not publish: only an active member platform has a feed")]
    NotAPublisher,
    /// The documents were lost and the feed must first come back from the peers.
    #[error(
        "this node lost its documents and waits for its own feed to come back from the other members; try again when `status` shows it"
    )]
    Recovering,
    /// The clock went back.
    #[error("this computer's clock is {0} seconds behind the last batch; set the clock, then publish again")]
    ClockBehind(u64),
    /// The clock is not the members'.
    #[error(
        "this computer's clock is {} seconds {} the clocks of most connected members; set the clock, then publish again",
        .0.unsigned_abs(), if *.0 > 0 { "ahead of" } else { "behind" }
    )]
    ClockWrong(i64),
    /// The driver refused.
    #[error("{0}; {next}", next = next_step(*.0))]
    Refused(PublishRefusal),
    /// Reading our own feed failed.
    #[error(transparent)]
    Storage(#[from] StorageError),
    /// The identifiers of the listings cannot be kept for the next epoch.
    #[error(transparent)]
    Vault(#[from] crate::tokens::vault::VaultError),
    /// A key is missing.
    #[error(transparent)]
    Key(#[from] crate::keys::KeyError),
    /// The node stops.
    #[error("the node is stopping; run the command again when it runs")]
    Stopping,
}

fn next_step(refusal: PublishRefusal) -> &'static str {
    match refusal {
        PublishRefusal::Storage => "free space on the data directory's disk and publish again, nothing stored was lost",
        PublishRefusal::Moved => "publish again",
        PublishRefusal::Frozen => "ask the stewards",
        PublishRefusal::Invalid => "check this computer's clock and the charter with `status`",
    }
}

/// How many wishes ended how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize, utoipa::ToSchema)]
pub struct Counted {
    /// New listings.
    pub listed: u64,
    /// Changed listings.
    pub amended: u64,
    /// Nothing to change.
    pub unchanged: u64,
    /// Ended listings.
    pub cleared: u64,
    /// Not taken.
    pub refused: u64,
}

impl Counted {
    /// Counts one more.
    pub fn count(&mut self, outcome: &Outcome) {
        *match outcome {
            Outcome::Listed => &mut self.listed,
            Outcome::Amended => &mut self.amended,
            Outcome::Unchanged => &mut self.unchanged,
            Outcome::Cleared => &mut self.cleared,
            Outcome::Refused(_) => &mut self.refused,
        } += 1;
    }
}

/// Buffers that one thread keeps while it plans.
type Scratch = (Vec<u8>, Vec<Row>);

/// A batch in the making.
pub struct Session {
    view: Arc<View>,
    table: Reader,
    me: MemberNumber,
    basis: String,
    /// Keyed once: its clones make the salts of evidence commitments.
    salts: Hmac<Sha256>,
    today: Day,
    body: Body,
    planned: HashSet<(Prefix, u8)>,
    /// The first leaf of this batch.
    first: u64,
    /// Identifiers that the next epoch will need: see [`crate::tokens::vault`].
    vault: Vec<VaultRecord>,
    staging: Option<Staging>,
    /// Nobody else plans or publishes while this session lives: what is planned against the table stays true. The last field,
    /// so that nothing of this session is left when the next one begins.
    _writer: Writer,
}

/// A wish that was planned away from the batch.
struct Planned {
    outcome: Outcome,
    /// One, or while two epochs are active one for each that has the listing.
    entries: [Option<EncodedEntry>; 2],
    key: (Prefix, u8),
    /// The identifier of a new listing, if the next epoch will need it.
    identifier: Option<(u16, List, Subject)>,
}

impl Planned {
    fn nothing(outcome: Outcome) -> Planned {
        Planned { outcome, entries: [None, None], key: ([0; 16], 0), identifier: None }
    }
}

impl Session {
    /// Begins a batch against the present state, as the only writer.
    pub fn new(node: &Node, writer: Writer) -> Result<Session, PublishError> {
        let (view, me) = (node.view(), node.may_publish()?);
        Ok(Session {
            first: view.head(me).map_or(0, |head| head.size),
            vault: Vec::new(),
            me,
            _writer: writer,
            view,
            table: node.store().table().reader(),
            basis: node.config().basis.clone(),
            // HMAC takes keys of every length (RFC 2104 §2).
            salts: Hmac::new_from_slice(&node.evidence_key()).expect("HMAC takes keys of every length"),
            today: clock::wall().day(),
            body: Body::default(),
            planned: HashSet::new(),
            staging: None,
        })
    }

    /// Makes chunks durable while the batch is planned: for long ones that will be published. Needs a tokio runtime.
    #[must_use]
    pub fn staged(mut self, node: &Node) -> Session {
        let seq = self.view.head(self.me).map_or(0, |head| head.seq + 1);
        self.staging = Some(Staging::new(node.store().clone(), BatchId { publisher: self.me, seq }));
        self
    }

    /// Entries so far.
    pub fn len(&self) -> u64 {
        self.body.len()
    }

    /// Whether nothing needs to be said yet.
    pub fn is_empty(&self) -> bool {
        self.body.is_empty()
    }

    /// Bytes of the entries so far.
    pub fn body_bytes(&self) -> u64 {
        self.body.bytes()
    }

    /// Plans listings, in parallel, and appends what they need.
    pub fn list(&mut self, wishes: &[Wanted], prepared: &Prepared) -> Result<Vec<Outcome>, BuildError> {
        let plan = |scratch: &mut Scratch, (index, wanted): (usize, &Wanted)| {
            self.plan_list(wanted, prepared.get(index), scratch)
        };
        let wishes = wishes.par_iter().enumerate().with_min_len(256);
        let planned: Vec<Planned> = wishes.map_init(Default::default, plan).collect();
        self.append(planned)
    }

    /// Plans clearings and appends what they need.
    pub fn clear(&mut self, wishes: &[Clear], prepared: &Prepared) -> Result<Vec<Outcome>, BuildError> {
        let mut scratch = Default::default();
        let plan = |(index, wish): (usize, &Clear)| self.plan_clear(wish, prepared.get(index), &mut scratch);
        let planned = wishes.iter().enumerate().map(plan).collect();
        self.append(planned)
    }

    /// Appends listings of the older epoch under the newer one, as they stand; returns how many. What is there already, or
    /// stands no longer, is left out.
    pub fn carry(&mut self, wishes: &[Carried]) -> Result<u64, BuildError> {
        let mut rows = Vec::new();
        let planned: Result<Vec<Planned>, Refusal> =
            wishes.iter().filter_map(|wish| self.plan_carry(wish, &mut rows).transpose()).collect();
        // What was published once has the form that entries must have.
        let planned = planned.map_err(|refusal| match refusal {
            Refusal::Entry(error) => BuildError::Entry(error),
            _ => BuildError::Entry(EntryError::Sealed),
        })?;
        let outcomes = self.append(planned)?;
        Ok(outcomes.iter().filter(|outcome| **outcome == Outcome::Listed).count() as u64)
    }

    fn plan_carry(&self, wish: &Carried, rows: &mut Vec<Row>) -> Result<Option<Planned>, Refusal> {
        let Carried { leaf, subject, listing, details, derivations } = wish;
        let (epoch, derived) = derivations.newest();
        let standing = self.standing(derivations, listing.class, listing.list, rows);
        let old = standing.iter().find(|(standing, _)| standing.leaf == *leaf);
        let carried = standing.iter().any(|(standing, _)| standing.epoch == epoch);
        let Some((old, _)) = old.filter(|_| !carried && epoch != listing.epoch) else { return Ok(None) };
        let mut next = Listing {
            epoch,
            token: derived.token(),
            conduct: old.conduct,
            severity: old.severity,
            role: old.role,
            direction: old.direction,
            day: old.listed,
            expires: old.expires,
            sealed: None,
            carries: Some(*leaf),
            ..listing.clone()
        };
        if let Some(details) = details {
            let key = Zeroizing::new(derived.record_key());
            sealed::seal(&mut next, self.me, &key, details, random::bytes())?;
        }
        let key = (prefix_of(&next.token), next.list.number());
        let entry = build::encode_entry(&Entry::List(next))?;
        let identifier = Some((epoch, listing.list, subject.clone()));
        Ok(Some(Planned { outcome: Outcome::Listed, entries: [Some(entry), None], key, identifier }))
    }

    fn append(&mut self, planned: Vec<Planned>) -> Result<Vec<Outcome>, BuildError> {
        let mut outcomes = Vec::with_capacity(planned.len());
        for plan in planned {
            if plan.entries.iter().all(Option::is_none) {
                outcomes.push(plan.outcome);
                continue;
            }
            if !self.planned.insert(plan.key) {
                outcomes.push(Outcome::Refused(Refusal::Repeated));
                continue;
            }
            if let Some((epoch, list, subject)) = plan.identifier {
                let leaf = self.first + self.body.len();
                let canonical = subject.canonical().to_owned();
                self.vault.push(VaultRecord { leaf, epoch, list, class: subject.class(), canonical });
            }
            for encoded in plan.entries.iter().flatten() {
                self.body.push_encoded(encoded)?;
            }
            outcomes.push(plan.outcome);
        }
        if let Some(staging) = &mut self.staging {
            staging.stage(self.body.closed());
        }
        Ok(outcomes)
    }

    fn plan_list(
        &self,
        wanted: &Wanted,
        prepared: Option<&Result<Derivations, TokenError>>,
        scratch: &mut Scratch,
    ) -> Planned {
        let planned = self.try_plan_list(wanted, prepared, scratch);
        planned.unwrap_or_else(|refusal| Planned::nothing(Outcome::Refused(refusal)))
    }

    /// What the keys make of a subject: prepared with the holders' help, or made here.
    fn derive(
        &self,
        subject: &Subject,
        prepared: Option<&Result<Derivations, TokenError>>,
        scratch: &mut Vec<u8>,
    ) -> Result<Derivations, TokenError> {
        match prepared {
            Some(prepared) => prepared.clone(),
            None => self.view.tokens.made_here(subject, scratch),
        }
    }

    /// Our own listings of a subject that stand, under each active epoch, with their tokens.
    fn standing(
        &self,
        derivations: &Derivations,
        class: Class,
        list: List,
        rows: &mut Vec<Row>,
    ) -> Vec<(Standing, Token)> {
        let current = |(epoch, derived): (u16, &Derived)| {
            let token = derived.token();
            let current = self.current((prefix_of(&token), list.number()), class, epoch, rows)?;
            current.holds_on(self.today).then_some((current, token))
        };
        derivations.iter().filter_map(current).collect()
    }

    fn try_plan_list(
        &self,
        wanted: &Wanted,
        prepared: Option<&Result<Derivations, TokenError>>,
        (scratch, rows): &mut Scratch,
    ) -> Result<Planned, Refusal> {
        let class = wanted.subject.class();
        if class == Class::Pay {
            return Err(Refusal::PaymentOff);
        }
        let derivations = self.derive(&wanted.subject, prepared, scratch)?;
        let (epoch, derived) = derivations.newest();
        let token = derived.token();
        let (day, expires) = self.term(class, wanted)?;
        let severity = wanted.severity.unwrap_or_else(|| default_severity(wanted.role));
        let key = (prefix_of(&token), wanted.list.number());
        let standing = self.standing(&derivations, class, wanted.list, rows);
        if !standing.is_empty() {
            let mut entries = [None, None];
            for (slot, (current, token)) in entries.iter_mut().zip(&standing) {
                let amendment = self.amendment(current, wanted, severity, token).map(Entry::Amend);
                *slot = amendment.map(|entry| build::encode_entry(&entry)).transpose()?;
            }
            let changes = entries.iter().any(Option::is_some);
            let outcome = if changes { Outcome::Amended } else { Outcome::Unchanged };
            return Ok(Planned { outcome, entries, key, identifier: None });
        }
        let entry = {
            self.table.get(&key.0, rows);
            let name = wanted.name.as_deref().filter(|_| self.is_confirmed_by_others(rows, wanted.conduct));
            let name = name.map(|name| PublicName::new(&wanted.subject, name));
            let mut listing = Listing {
                class,
                epoch,
                token,
                list: wanted.list,
                conduct: wanted.conduct,
                severity,
                role: wanted.role,
                direction: wanted.direction,
                region: wanted.region,
                day,
                expires,
                basis: wanted.basis.clone().unwrap_or_else(|| self.basis.clone()),
                evidence: self.commit_evidence(&wanted.evidence),
                // A name that may not be published simply stays at home.
                name: name.and_then(Result::ok),
                sealed: None,
                carries: None,
            };
            if let Some(details) = &wanted.details {
                let key = Zeroizing::new(derived.record_key());
                sealed::seal(&mut listing, self.me, &key, details.as_str(), random::bytes())?;
            }
            Entry::List(listing)
        };
        let encoded = build::encode_entry(&entry)?;
        let shared = matches!(self.view.tokens.makers(class)?.first(), Some(Maker::Shared(_)));
        let identifier = shared.then(|| (epoch, wanted.list, wanted.subject.clone()));
        Ok(Planned { outcome: Outcome::Listed, entries: [Some(encoded), None], key, identifier })
    }

    /// Whether a member under different control lists the same conduct: only then may an organisation be named in clear.
    fn is_confirmed_by_others(&self, rows: &[Row], conduct: Conduct) -> bool {
        let charter = self.view.charter();
        let own = self.view.member().map(|member| member.controller.as_str());
        rows.iter().any(|row| {
            let other = charter.member(row.publisher).map(|member| member.controller.as_str());
            let enforceable = List::from_number(row.list).is_some_and(List::is_enforceable);
            other != own && enforceable && row.conduct == conduct.number() && self.today < row.expires
        })
    }

    /// The day of listing and the first day on which it no longer holds.
    fn term(&self, class: Class, wanted: &Wanted) -> Result<(Day, Day), Refusal> {
        let policy: &Policy = &self.view.charter().policy;
        let day = wanted.day.unwrap_or(self.today);
        if day > self.today {
            return Err(Refusal::FutureDay);
        }
        let term = if class == Class::Mob { policy.mobile_term_days } else { policy.term_days };
        let expires = wanted.last_day.map_or_else(|| day.plus(u32::from(term)), crate::check::first_day_after);
        if expires <= self.today { Err(Refusal::Expired) } else { Ok((day, expires)) }
    }

    fn amendment(&self, current: &Standing, wanted: &Wanted, severity: Severity, token: &Token) -> Option<Amendment> {
        let conduct = Some(wanted.conduct).filter(|new| *new != current.conduct);
        let severity = Some(severity).filter(|new| *new != current.severity);
        let role = wanted.role.filter(|new| Some(*new) != current.role);
        let direction = wanted.direction.filter(|new| Some(*new) != current.direction);
        let expires = wanted.last_day.map(crate::check::first_day_after).filter(|new| *new != current.expires);
        if conduct.is_none() && severity.is_none() && role.is_none() && direction.is_none() && expires.is_none() {
            return None;
        }
        Some(Amendment {
            class: current.class,
            epoch: current.epoch,
            token: *token,
            list: wanted.list,
            target: current.leaf,
            day: self.today,
            conduct,
            severity,
            role,
            direction,
            region: None,
            expires,
            basis: None,
            evidence: Some(self.commit_evidence(&wanted.evidence)),
        })
    }

    fn plan_clear(
        &self,
        wish: &Clear,
        prepared: Option<&Result<Derivations, TokenError>>,
        scratch: &mut Scratch,
    ) -> Planned {
        let planned = self.try_plan_clear(wish, prepared, scratch);
        planned.unwrap_or_else(|refusal| Planned::nothing(Outcome::Refused(refusal)))
    }

    fn try_plan_clear(
        &self,
        wish: &Clear,
        prepared: Option<&Result<Derivations, TokenError>>,
        (scratch, rows): &mut Scratch,
    ) -> Result<Planned, Refusal> {
        let class = wish.subject.class();
        let derivations = self.derive(&wish.subject, prepared, scratch)?;
        let key = (prefix_of(&derivations.token()), wish.list.number());
        let mut entries = [None, None];
        for (slot, (current, token)) in entries.iter_mut().zip(self.standing(&derivations, class, wish.list, rows)) {
            let clearing = Clearing {
                class,
                epoch: current.epoch,
                token,
                list: wish.list,
                target: current.leaf,
                day: self.today,
                reason: wish.reason,
            };
            *slot = Some(build::encode_entry(&Entry::Clear(clearing))?);
        }
        if entries.iter().all(Option::is_none) {
            return Err(Refusal::NothingToClear);
        }
        Ok(Planned { outcome: Outcome::Cleared, entries, key, identifier: None })
    }

    /// Our own listing of this identity, if it stands.
    fn current(&self, (prefix, list): (Prefix, u8), class: Class, epoch: u16, rows: &mut Vec<Row>) -> Option<Standing> {
        self.table.get(&prefix, rows);
        let own = rows.iter().find(|row| row.publisher == self.me && row.list == list)?;
        standing_of(own).filter(|standing| standing.class == class && standing.epoch == epoch)
    }

    /// Salted SHA-256 of the evidence reference. The salt comes from a key of this node and the reference, so the node can
    /// open the commitment again from the reference alone, and nobody else can guess it.
    fn commit_evidence(&self, reference: &str) -> Hash {
        let mut mac = self.salts.clone();
        mac.update(reference.as_bytes());
        let salt = mac.finalize().into_bytes();
        let mut hash = Sha256::new();
        hash.update(&salt[..16]);
        hash.update(reference.as_bytes());
        hash.finalize().into()
    }
}

/// Organisers are severe and casual brushers minor, unless the row says otherwise.
fn default_severity(role: Option<Role>) -> Severity {
    match role {
        Some(Role::Organise) => Severity::Severe,
        Some(Role::TakePart) => Severity::Minor,
        Some(Role::Assist) | None => Severity::Ordinary,
    }
}

/// The right to plan and publish: one holder at a time.
pub type Writer = tokio::sync::OwnedMutexGuard<()>;

impl Node {
    /// Our number, if we have a feed.
    pub fn may_publish(&self) -> Result<MemberNumber, PublishError> {
        let view = self.view();
        let me = view.member().filter(|member| member.is_publisher()).map(|member| member.number);
        me.ok_or(PublishError::NotAPublisher)
    }

    /// Publishes an empty batch: the feed is alive.
    pub async fn publish_heartbeat(self: &Arc<Self>) -> Result<Head, PublishError> {
        let _writer = self.writer().await;
        self.publish(Body::default()).await
    }

    /// Signs the batch and waits until it is durable and queryable here; gossip carries it on. The caller is the writer.
    async fn publish(self: &Arc<Self>, body: Body) -> Result<Head, PublishError> {
        if self.is_recovering() {
            return Err(PublishError::Recovering);
        }
        self.catch_up_own_feed().await?;
        let node = self.clone();
        let sealed = tokio::task::spawn_blocking(move || node.seal(body)).await.map_err(|_| PublishError::Stopping)?;
        let (header, chunks) = sealed?;
        let (reply, outcome) = oneshot::channel();
        let message = Message::Publish { header, chunks, reply };
        self.core().send(message).await.map_err(|_| PublishError::Stopping)?;
        outcome.await.map_err(|_| PublishError::Stopping)?.map_err(PublishError::Refused)
    }

    /// After a disk error the documents may hold a batch of ours that was reported as not stored: the replica takes it from
    /// there, as from any disk, before the next one is signed.
    async fn catch_up_own_feed(self: &Arc<Self>) -> Result<(), PublishError> {
        let me = self.may_publish()?;
        let known = || self.view().head(me).map(|head| head.seq);
        while let Some(stored) = self.store().head(me)?.filter(|stored| Some(stored.seq) > known()) {
            let (before, next) = (known(), known().map_or(0, |seq| seq + 1));
            tracing::warn!(seq = next, last = stored.seq, "a batch that was reported as not stored is there after all");
            let header = self.store().header(me, next)?.ok_or(StorageError::Damaged)?;
            self.take_header(header).await;
            let mut patience = 250;
            while known() == before {
                if patience == 0 {
                    return Err(PublishError::Refused(PublishRefusal::Storage));
                }
                patience -= 1;
                tokio::time::sleep(std::time::Duration::from_millis(20)).await;
            }
        }
        Ok(())
    }

    /// Finishes a session's batch; nothing to say publishes nothing.
    pub async fn publish_session(self: &Arc<Self>, session: Session) -> Result<Option<Head>, PublishError> {
        let Session { _writer, body, staging, vault, .. } = session;
        if let Some(staging) = staging {
            staging.settle().await;
        }
        if !vault.is_empty() {
            // Before the batch: a listing in force whose identifier is lost could not be carried into the next epoch. A record
            // of a leaf that does not come about is replaced by that of the one that does.
            let node = self.clone();
            let kept = tokio::task::spawn_blocking(move || node.vault().put_all(&vault)).await;
            kept.map_err(|_| PublishError::Stopping)??;
        }
        if body.is_empty() { Ok(None) } else { self.publish(body).await.map(Some) }
    }

    #[allow(clippy::type_complexity, reason = "a header and its chunks")]
    fn seal(
        &self,
        body: Body,
    ) -> Result<(antibrush_protocol::signed::Signed<antibrush_protocol::feed::BatchHeader>, Vec<Arc<[u8]>>), PublishError>
    {
        let view = self.view();
        let me = view.member().filter(|member| member.is_publisher()).ok_or(PublishError::NotAPublisher)?.number;
        let previous = view.head(me);
        let now = clock::wall();
        // A header never goes back in time (FEED-2): with a clock that went back nothing is signed at all.
        if let Some(head) = previous.filter(|head| now < head.issued) {
            return Err(PublishError::ClockBehind(head.issued.0 - now.0));
        }
        // SYNC-4: a header of tomorrow would be refused by everybody, and nothing could be signed after it until tomorrow.
        if let Some(ahead) = self.wrong_clock() {
            return Err(PublishError::ClockWrong(ahead));
        }
        let place =
            Place { alliance: view.chain.alliance(), charter: view.chain.current_id(), publisher: me, previous, now };
        let tree = self.store().tree(me)?;
        Ok(body.seal(&place, tree, self.keys().feed()?))
    }
}

/// The most entries of one batch that an import makes: see [`limits::ENTRIES_PER_BATCH`]; smaller, so that clearings need
/// not wait long behind one.
pub const ENTRIES_PER_IMPORTED_BATCH: u64 =
    if limits::ENTRIES_PER_BATCH < 1_000_000 { limits::ENTRIES_PER_BATCH } else { 1_000_000 };
