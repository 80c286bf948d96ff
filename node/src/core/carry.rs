//! Carrying one's own listings into the next key epoch, and forgetting what is over.
//!
//! While two epochs of a class are active, each listing under the older one is published again under the newer token, linked
//! to the old leaf, with its dates and its present state. The identifiers come from the vault; the holders are asked as for
//! any other token, within their quotas, and what a crash or an exhausted quota leaves undone is done at the next look.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

use antibrush_protocol::{
    charter::Charter,
    entry::{Entry, Listing, sealed},
    feed::Leaf,
    subject::{Class, Subject},
};
use zeroize::Zeroizing;

use super::{Carried, Node, PublishError, Session};
use crate::{
    clock,
    storage::{standing_of, table::prefix_of},
    tokens::{TokenError, vault::VaultRecord},
};

/// How often it is looked whether something is to be carried although nothing changed.
const LOOK_EVERY: Duration = Duration::from_secs(60);

/// How soon it is tried again after a failure, at first.
const AGAIN_AFTER: Duration = Duration::from_millis(500);

/// How often the vault is compared with what still stands.
const TIDY_EVERY: Duration = Duration::from_secs(3600);

/// Listings of one batch: a clearing does not wait long behind it, and what a crash undoes is little.
const AT_ONCE: usize = 4_096;

/// Why carrying over stops for now.
#[derive(Debug, thiserror::Error)]
enum CarryError {
    #[error(transparent)]
    Publish(#[from] PublishError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error(transparent)]
    Storage(#[from] crate::storage::StorageError),
    #[error(transparent)]
    Build(#[from] antibrush_protocol::feed::build::BuildError),
    #[error("the node is stopping")]
    Stopping,
}

impl Node {
    /// Carries over whatever is due, for as long as the node runs.
    pub(super) async fn carry_over(self: Arc<Self>) {
        let (mut news, mut tidied) = (self.news(), tokio::time::Instant::now());
        let (mut wait, mut done, mut charter) = (LOOK_EVERY, BTreeSet::new(), 0);
        loop {
            charter = self.view().charter().number.max(charter);
            self.forget_retired();
            match self.carry_all(&mut done).await {
                Ok(carried) => {
                    wait = LOOK_EVERY;
                    if carried > 0 {
                        tracing::info!(carried, "listings were carried into the next key epoch");
                    }
                }
                Err(error) => {
                    // Holders take up a new share a moment after the charter names it.
                    wait = if wait == LOOK_EVERY { AGAIN_AFTER } else { (wait * 2).min(LOOK_EVERY) };
                    tracing::warn!(%error, "carrying listings into the next key epoch waits");
                }
            }
            if tidied.elapsed() >= TIDY_EVERY {
                tidied = tokio::time::Instant::now();
                let node = self.clone();
                if let Ok(Err(error)) = tokio::task::spawn_blocking(move || node.tidy_vault()).await {
                    tracing::warn!(%error, "the vault could not be compared with the listings");
                }
            }
            let again = tokio::time::Instant::now() + wait;
            // Posts of the board are news as well, and none of them gives cause to look: only a new charter does.
            loop {
                tokio::select! {
                    () = self.stopping().cancelled() => return,
                    changed = news.changed() => match changed {
                        Err(_) => return,
                        Ok(()) if self.view().charter().number > charter => break,
                        Ok(()) => {}
                    },
                    () = tokio::time::sleep_until(again) => break,
                }
            }
        }
    }

    /// Removes what was evaluated under keys that are retired.
    fn forget_retired(&self) {
        let view = self.view();
        for key in view.charter().token_keys.iter().filter(|key| !key.is_active()) {
            if let Err(error) = self.resolver().cache().remove_key(&key.id()) {
                tracing::warn!(%error, "tokens of a retired key could not be removed");
            }
        }
    }

    /// Carries what is due; `done` are the leaves that need not be looked at again.
    async fn carry_all(self: &Arc<Self>, done: &mut BTreeSet<u64>) -> Result<u64, CarryError> {
        let passing = passing(self.view().charter());
        if passing.is_empty() {
            done.clear();
        }
        if passing.is_empty() || self.may_publish().is_err() || self.is_recovering() {
            return Ok(0);
        }
        let mut carried = 0;
        let leaves: Vec<u64> = self.vault().leaves().into_iter().filter(|leaf| !done.contains(leaf)).collect();
        for block in leaves.chunks(AT_ONCE) {
            let (vault, block, passing) = (self.vault().clone(), block.to_vec(), passing.clone());
            let open = move || {
                let is_due =
                    |record: &VaultRecord| passing.get(&record.class).is_some_and(|older| record.epoch == *older);
                let (mut due, mut others) = (Vec::new(), Vec::new());
                for leaf in block {
                    match vault.get(leaf) {
                        Some(record) if is_due(&record) => due.push(record),
                        _ => others.push(leaf),
                    }
                }
                (due, others)
            };
            let (due, others) = tokio::task::spawn_blocking(open).await.map_err(|_| CarryError::Stopping)?;
            done.extend(others);
            let (count, settled) = self.carry_block(due).await?;
            carried += count;
            done.extend(settled);
        }
        Ok(carried)
    }

    /// Carries what stands of these; returns how many, and which leaves need not be looked at again: carried, or standing no
    /// longer. One whose batch is still on its way is looked at again.
    async fn carry_block(self: &Arc<Self>, records: Vec<VaultRecord>) -> Result<(u64, Vec<u64>), CarryError> {
        let node = self.clone();
        let read = move || -> Result<Vec<(VaultRecord, Subject, Listing)>, CarryError> {
            let me = node.may_publish()?;
            let mut listed = Vec::with_capacity(records.len());
            for record in records {
                // The canonical form parses to itself.
                let Ok(subject) = Subject::parse(record.class, &record.canonical) else { continue };
                if let Some((_, Leaf::Entry(Entry::List(listing)))) = node.store().leaves(me, record.leaf, 1)?.pop() {
                    listed.push((record, subject, listing));
                }
            }
            Ok(listed)
        };
        let listed = tokio::task::spawn_blocking(read).await.map_err(|_| CarryError::Stopping)??;
        let settled: Vec<u64> = listed.iter().map(|(record, ..)| record.leaf).collect();
        let subjects: Vec<Subject> = listed.iter().map(|(_, subject, _)| subject.clone()).collect();
        let resolved = self.resolver().resolve(&subjects).await;
        let mut wishes = Vec::with_capacity(listed.len());
        for ((record, subject, listing), derivations) in listed.into_iter().zip(resolved) {
            let derivations = derivations?;
            let old = derivations.iter().find(|(epoch, _)| *epoch == record.epoch);
            // A record of a batch that never came about names another listing's leaf.
            let Some((_, old)) = old.filter(|(_, old)| old.token() == listing.token) else { continue };
            let details = listing.sealed.as_ref().and_then(|_| {
                let key = Zeroizing::new(old.record_key());
                sealed::open(&listing, self.may_publish().ok()?, &key).ok()
            });
            wishes.push(Carried { leaf: record.leaf, subject, listing, details, derivations });
        }
        // Against a table that lacks something a listing would seem to stand no longer.
        if wishes.is_empty() || self.store().is_behind() {
            return Ok((0, if wishes.is_empty() { settled } else { Vec::new() }));
        }
        let mut session = self.session().await?;
        let plan = move || -> Result<(Session, u64), CarryError> {
            let carried = session.carry(&wishes)?;
            Ok((session, carried))
        };
        let (session, carried) = tokio::task::spawn_blocking(plan).await.map_err(|_| CarryError::Stopping)??;
        self.publish_session(session).await?;
        Ok((carried, settled))
    }

    /// Erases the identifiers of listings that no longer stand: cleared, expired, or under a retired epoch.
    pub(super) fn tidy_vault(&self) -> Result<usize, Box<dyn std::error::Error + Send + Sync>> {
        let me = self.may_publish()?;
        // A table that lacks something would make listings seem over that stand.
        if self.store().is_behind() || self.is_recovering() {
            return Ok(0);
        }
        let (view, today, table) = (self.view(), clock::wall().day(), self.store().table().reader());
        let (mut gone, mut rows) = (BTreeSet::new(), Vec::new());
        // What waits for witnesses is in no table yet.
        let in_force = self.store().held(me)?.map_or(u64::MAX, |held| held.size);
        for record in self.vault().iter() {
            let active = view.charter().active_keys(record.class).any(|key| key.epoch == record.epoch);
            let entry = self.store().leaves(me, record.leaf, 1)?.pop();
            let stands = match &entry {
                _ if record.leaf >= in_force => true,
                Some((_, Leaf::Entry(Entry::List(listing)))) => {
                    table.get(&prefix_of(&listing.token), &mut rows);
                    let own = rows.iter().find(|row| row.publisher == me && row.list == listing.list.number());
                    own.and_then(standing_of).is_some_and(|s| s.leaf == record.leaf && s.holds_on(today))
                }
                // Only what is over is erased.
                Some((_, Leaf::Erased(_))) => false,
                // Not published yet: the next look knows more.
                _ => true,
            };
            if !active || !stands {
                gone.insert(record.leaf);
            }
        }
        Ok(self.vault().forget(&gone)?)
    }
}

/// The classes that pass from one epoch into the next, with the older one.
fn passing(charter: &Charter) -> BTreeMap<Class, u16> {
    let of = |class: &Class| {
        let older = charter.active_keys(*class).nth(1)?;
        Some((*class, older.epoch))
    };
    Class::ALL.iter().filter_map(of).collect()
}
