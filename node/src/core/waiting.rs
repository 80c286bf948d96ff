//! Entries wait for witnesses (WITNESS-9): where the policy asks for some, a feed's batches take effect in order, once enough
//! members under different control have stated a head at or after them.
//!
//! A statement counts only if the history here has that head: of a witness that is ahead, what it stated is remembered until this
//! node has caught up with it. How far a feed is in force is the store's to remember; this task only moves it forward, and what
//! it knows it reads again off the board after a restart.

use std::{
    collections::{BTreeMap, VecDeque},
    sync::Arc,
    time::Duration,
};

use antibrush_protocol::{
    base::{Hash, MemberNumber},
    witness,
};
use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{driver::Message, view::View};
use crate::storage::{Held, StorageError, Store};

/// How soon it is looked again although nothing happened: a disk that failed may work again.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Statements of one witness about one feed that are remembered: a witness makes one a second at the most.
const REMEMBERED: usize = 64;

/// A head that was stated: its batch, size and root.
type Stated = (u64, u64, Hash);

/// What moves feeds into force.
pub struct Waiting {
    store: Arc<Store>,
    view: Arc<ArcSwap<View>>,
    core: mpsc::Sender<Message>,
    /// By publisher and witness, the oldest first.
    stated: BTreeMap<(MemberNumber, MemberNumber), VecDeque<Stated>>,
}

impl Waiting {
    /// For an open node.
    pub fn new(store: Arc<Store>, view: Arc<ArcSwap<View>>, core: mpsc::Sender<Message>) -> Waiting {
        Waiting { store, view, core, stated: BTreeMap::new() }
    }

    /// Looks whenever something was committed or the board or the charter has changed.
    pub async fn run(
        mut self,
        mut commits: watch::Receiver<u64>,
        mut news: watch::Receiver<u64>,
        stop: CancellationToken,
    ) {
        loop {
            let looked = tokio::task::spawn_blocking(move || {
                let released = self.look();
                (self, released)
            });
            let Ok((this, released)) = looked.await else { return };
            self = this;
            match released {
                Ok(0) => {}
                Ok(entries) => {
                    tracing::info!(entries, "entries were witnessed and take effect");
                    // The driver ends only with the node.
                    let _ = self.core.send(Message::Released).await;
                }
                Err(error) => {
                    tracing::error!(%error, "entries that were witnessed could not be put into force; tried again")
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                changed = commits.changed() => if changed.is_err() { return },
                changed = news.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    fn look(&mut self) -> Result<u64, StorageError> {
        let view = self.view.load_full();
        let mut released = 0;
        for feed in &view.feeds {
            let Some(held) = self.store.held(feed.publisher)? else {
                self.stated.retain(|(publisher, _), _| *publisher != feed.publisher);
                continue;
            };
            let seen = self.seen(&view, feed.publisher, held)?;
            let batches = witness::batches_in_force(view.charter(), feed.publisher, &seen);
            if batches > held.batches {
                released += self.store.release(feed.publisher, batches)?;
            }
        }
        Ok(released)
    }

    /// The newest batch of each witness that the history here has as it was stated.
    fn seen(
        &mut self,
        view: &View,
        publisher: MemberNumber,
        held: Held,
    ) -> Result<Vec<(MemberNumber, u64)>, StorageError> {
        for (number, head, _) in view.board.witnesses(publisher) {
            let stated = self.stated.entry((publisher, number)).or_default();
            let now = (head.seq, head.size, head.root);
            if stated.back() != Some(&now) {
                stated.push_back(now);
            }
            // What was stated of batches that are in force says nothing new.
            while stated.len() > REMEMBERED
                || stated.front().is_some_and(|first| first.0 < held.batches && stated.len() > 1)
            {
                stated.pop_front();
            }
        }
        let mut seen = Vec::new();
        let all = (publisher, MemberNumber(0))..=(publisher, MemberNumber(u16::MAX));
        for ((_, number), stated) in self.stated.range(all) {
            for (seq, size, root) in stated.iter().rev().filter(|(seq, ..)| *seq >= held.batches) {
                let ours = self.store.header(publisher, *seq)?;
                if ours.is_some_and(|ours| (ours.payload().size, ours.payload().root) == (*size, *root)) {
                    seen.push((*number, *seq));
                    break;
                }
            }
        }
        Ok(seen)
    }
}
