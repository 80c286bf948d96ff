//! Planning: each wish is held against the token table and what the batch already holds. A new listing becomes List, a changed
//! one Amend, an identical one nothing. A [`Session`] is the only writer while it lives, so that two who list the same subject
//! at once do not both believe that they were first.

use std::{
    collections::{BTreeMap, HashSet},
    sync::Arc,
};

use antibrush_protocol::{
    base::{Day, Hash, MemberNumber, Token},
    charter::Policy,
    codes::{Conduct, List, Role, Severity},
    entry::{Amendment, Clearing, Entry, EntryError, Listing, PublicName, ledger::Standing, lifecycle::Remark, sealed},
    feed::build::{self, Body, BuildError, EncodedEntry},
    replica::BatchId,
    subject::{Class, Subject},
    suite::Derived,
};
use hmac::{Hmac, KeyInit, Mac};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use zeroize::Zeroizing;

use super::{
    node::Node,
    publish::{PublishError, Writer},
    staging::Staging,
    view::View,
    wish::{Carried, Clear, Outcome, Refusal, Wanted},
};
use crate::{
    check::Context,
    clock, random, statutory,
    storage::{
        Store, standing_of,
        table::{Prefix, Reader, Row, RowState, prefix_of},
    },
    tokens::{
        Derivations, Maker, Prepared, TokenError,
        vault::{Vault, VaultRecord},
    },
};

/// Buffers that one thread keeps while it plans.
type Scratch = (Vec<u8>, Vec<Row>);

/// A batch in the making.
pub struct Session {
    view: Arc<View>,
    pub(super) table: Reader,
    /// What our own entries that wait for witnesses will make of the table.
    waiting: BTreeMap<(Prefix, u8), Row>,
    pub(super) store: Arc<Store>,
    /// Who is who for the lives of listings, and the days that decide what is over.
    pub(super) context: Arc<Context>,
    pub(super) me: MemberNumber,
    basis: String,
    /// Keyed once: its clones make the salts of evidence commitments.
    salts: Hmac<Sha256>,
    pub(super) today: Day,
    pub(super) body: Body,
    /// What this batch says of listings.
    pub(super) said: Vec<(Prefix, Remark)>,
    planned: HashSet<(Prefix, u8)>,
    /// The first leaf of this batch.
    pub(super) first: u64,
    /// Identifiers that the next epoch will need: see [`crate::tokens::vault`].
    pub(super) kept: Vec<VaultRecord>,
    /// The identifiers that are kept already.
    vault: Arc<Vault>,
    pub(super) staging: Option<Staging>,
    /// Nobody else plans or publishes while this session lives: what is planned against the table stays true. The last field,
    /// so that nothing of this session is left when the next one begins.
    pub(super) _writer: Writer,
}

/// A wish that was planned away from the batch.
struct Planned {
    outcome: Outcome,
    /// One, or while two epochs are active one for each that has the listing.
    entries: [Option<EncodedEntry>; 2],
    key: (Prefix, u8),
    /// The identifier of a listing, if the next epoch will need it: of the new one, or of one that stands at that leaf.
    identifier: Option<(Option<u64>, u16, List, Subject)>,
}

impl Planned {
    fn nothing(outcome: Outcome) -> Planned {
        Planned { outcome, entries: [None, None], key: ([0; 16], 0), identifier: None }
    }
}

impl Session {
    /// Begins a batch against the present state, as the only writer.
    pub(super) fn new(node: &Node, writer: Writer) -> Result<Session, PublishError> {
        let (view, me) = (node.view(), node.may_publish()?);
        let waiting = node.store().waiting_rows(me)?.into_iter().map(|row| ((row.prefix, row.list), row)).collect();
        let first = view.head(me).map_or(0, |head| head.size);
        Ok(Session {
            first,
            body: Body::new(me, first),
            kept: Vec::new(),
            said: Vec::new(),
            store: node.store().clone(),
            context: node.check_context(),
            vault: node.vault().clone(),
            me,
            _writer: writer,
            view,
            table: node.store().table().reader(),
            waiting,
            basis: node.config().basis.clone(),
            // HMAC takes keys of every length (RFC 2104 §2).
            salts: Hmac::new_from_slice(&node.evidence_key()).expect("HMAC takes keys of every length"),
            today: clock::wall().day(),
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

    pub(super) fn policy(&self) -> &Policy {
        &self.view.charter().policy
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
        let identifier = Some((None, epoch, listing.list, subject.clone()));
        Ok(Some(Planned { outcome: Outcome::Listed, entries: [Some(entry), None], key, identifier }))
    }

    fn append(&mut self, planned: Vec<Planned>) -> Result<Vec<Outcome>, BuildError> {
        let mut outcomes = Vec::with_capacity(planned.len());
        for plan in planned {
            if plan.entries.iter().all(Option::is_none) {
                self.keep(plan.identifier);
                outcomes.push(plan.outcome);
                continue;
            }
            if !self.planned.insert(plan.key) {
                outcomes.push(Outcome::Refused(Refusal::Repeated));
                continue;
            }
            self.keep(plan.identifier);
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

    /// Notes an identifier for the vault. One without a leaf is of the entry that comes next.
    fn keep(&mut self, identifier: Option<(Option<u64>, u16, List, Subject)>) {
        if let Some((leaf, epoch, list, subject)) = identifier {
            let leaf = leaf.unwrap_or(self.first + self.body.len());
            let canonical = subject.canonical().to_owned();
            self.kept.push(VaultRecord { leaf, epoch, list, class: subject.class(), canonical });
        }
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
    pub(super) fn derive(
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
        if class == Class::Pay && !self.policy().payment_accounts {
            return Err(Refusal::PaymentOff);
        }
        if !statutory::takes(wanted.list, class) {
            return Err(Refusal::NotAnOrganisation);
        }
        let derivations = self.derive(&wanted.subject, prepared, scratch)?;
        let (epoch, derived) = derivations.newest();
        let token = derived.token();
        let (day, expires) = self.term(class, wanted)?;
        let severity = wanted.severity.unwrap_or_else(|| default_severity(wanted.list, wanted.role));
        let key = (prefix_of(&token), wanted.list.number());
        let shared = matches!(self.view.tokens.makers(class)?.first(), Some(Maker::Shared(_)));
        let standing = self.standing(&derivations, class, wanted.list, rows);
        let is_carried = standing.first().is_some_and(|(current, _)| current.epoch == epoch);
        let mut amended = [None, None];
        for (slot, (current, token)) in amended.iter_mut().zip(&standing) {
            let amendment = self.amendment(current, wanted, severity, token).map(Entry::Amend);
            *slot = amendment.map(|entry| build::encode_entry(&entry)).transpose()?;
        }
        if is_carried {
            let changes = amended.iter().any(Option::is_some);
            let outcome = if changes { Outcome::Amended } else { Outcome::Unchanged };
            // A vault that was lost comes back as the list is given again.
            let lacks = |current: &Standing| shared && !self.vault.contains(current.leaf);
            let lacking = standing.iter().map(|(current, _)| current).find(|current| lacks(current));
            let identifier = lacking.map(|c| (Some(c.leaf), c.epoch, wanted.list, wanted.subject.clone()));
            return Ok(Planned { outcome, entries: amended, key, identifier });
        }
        // It stands under the older epoch alone: with the identifier at hand it is carried over at once.
        let older = standing.first().map(|(current, _)| *current);
        let entry = {
            self.table.get(&key.0, rows);
            // A statutory list is public by law and confirmed by its document.
            let may_name = wanted.list.is_statutory() || self.is_confirmed_by_others(rows, wanted.conduct);
            let name = wanted.name.as_deref().filter(|_| may_name);
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
                day: older.map_or(day, |older| older.listed),
                expires: older.filter(|_| wanted.last_day.is_none()).map_or(expires, |older| older.expires),
                basis: wanted.basis.clone().unwrap_or_else(|| self.default_basis(wanted.list)),
                evidence: self.commit_evidence(&wanted.evidence),
                // A name that may not be published simply stays at home.
                name: name.and_then(Result::ok),
                sealed: None,
                carries: older.map(|older| older.leaf),
                document: wanted.document.clone(),
            };
            if let Some(details) = &wanted.details {
                let key = Zeroizing::new(derived.record_key());
                sealed::seal(&mut listing, self.me, &key, details.as_str(), random::bytes())?;
            }
            Entry::List(listing)
        };
        let encoded = build::encode_entry(&entry)?;
        let identifier = shared.then(|| (None, epoch, wanted.list, wanted.subject.clone()));
        let outcome = if older.is_some() { Outcome::Amended } else { Outcome::Listed };
        let [old, _] = amended;
        Ok(Planned { outcome, entries: [Some(encoded), old], key, identifier })
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

    /// The rules by which a list is kept, where a wish does not name them.
    fn default_basis(&self, list: List) -> String {
        statutory::defaults(list).map_or_else(|| self.basis.clone(), |statutory| statutory.basis.to_owned())
    }

    /// The day of listing and the first day on which it no longer holds.
    fn term(&self, class: Class, wanted: &Wanted) -> Result<(Day, Day), Refusal> {
        let policy: &Policy = &self.view.charter().policy;
        let day = wanted.day.unwrap_or(self.today);
        if day > self.today {
            return Err(Refusal::FutureDay);
        }
        let term = match statutory::defaults(wanted.list) {
            Some(statutory) => statutory.term_days,
            None if class == Class::Mob => u32::from(policy.mobile_term_days),
            None => u32::from(policy.term_days),
        };
        let expires = wanted.last_day.map_or_else(|| day.plus(term), crate::check::first_day_after);
        if expires <= self.today { Err(Refusal::Expired) } else { Ok((day, expires)) }
    }

    fn amendment(&self, current: &Standing, wanted: &Wanted, severity: Severity, token: &Token) -> Option<Amendment> {
        let conduct = Some(wanted.conduct).filter(|new| *new != current.conduct);
        let severity = Some(severity).filter(|new| *new != current.severity);
        let role = wanted.role.filter(|new| Some(*new) != current.role);
        let direction = wanted.direction.filter(|new| Some(*new) != current.direction);
        let expires = wanted.last_day.map(crate::check::first_day_after).filter(|new| *new != current.expires);
        // That the listing has a document is known here, not which one: the first makes an amendment, another one goes along.
        let documented = wanted.document.is_some() && !current.document;
        let changes =
            conduct.is_some() || severity.is_some() || role.is_some() || direction.is_some() || expires.is_some();
        if !changes && !documented {
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
            document: wanted.document.clone(),
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
        let own = match self.waiting.get(&(prefix, list)) {
            Some(row) => Some(*row).filter(|row| row.state == RowState::Active),
            None => {
                self.table.get(&prefix, rows);
                rows.iter().find(|row| row.publisher == self.me && row.list == list).copied()
            }
        };
        standing_of(&own?).filter(|standing| standing.class == class && standing.epoch == epoch)
    }

    /// Salted SHA-256 of the evidence reference. The salt comes from a key of this node and the reference, so the node can
    /// open the commitment again from the reference alone, and nobody else can guess it.
    pub(super) fn commit_evidence(&self, reference: &str) -> Hash {
        let mut mac = self.salts.clone();
        mac.update(reference.as_bytes());
        let salt = mac.finalize().into_bytes();
        let mut hash = Sha256::new();
        hash.update(&salt[..16]);
        hash.update(reference.as_bytes());
        hash.finalize().into()
    }
}

/// Organisers are severe and casual brushers minor, unless the row says otherwise; on a statutory list the list says it.
fn default_severity(list: List, role: Option<Role>) -> Severity {
    match role {
        _ if list.is_statutory() => {
            statutory::defaults(list).map_or(Severity::Ordinary, |statutory| statutory.severity)
        }
        Some(Role::Organise) => Severity::Severe,
        Some(Role::TakePart) => Severity::Minor,
        Some(Role::Assist) | None => Severity::Ordinary,
    }
}
