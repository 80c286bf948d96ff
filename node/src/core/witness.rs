//! The node as a witness: it cosigns the heads that it has committed, which it does only after fetching and verifying every leaf,
//! and states them on the board (docs/PROTOCOL.md § Witness).
//!
//! What it states is decided in [`antibrush_protocol::witness::Witness`]; here is the waiting, the disk and the log.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use antibrush_protocol::{
    base::{Hash, MemberNumber, Timestamp},
    board::Post,
    witness::{self, Contradicted},
};
use arc_swap::ArcSwap;
use tokio::sync::{mpsc, watch};
use tokio_util::sync::CancellationToken;

use super::{driver::Message, view::View};
use crate::{
    clock,
    keys::Keys,
    metrics::Metrics,
    storage::{StorageError, Store},
};

#[cfg(test)]
mod tests;

/// For how long a head waits for others to be stated with it.
const COALESCE: Duration = Duration::from_millis(200);

/// How often it looks although nothing was committed: statements have whole seconds, and a feed may count as compared by time alone.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The witness of one node.
pub struct Witness {
    keys: Arc<Keys>,
    store: Arc<Store>,
    view: Arc<ArcSwap<View>>,
    core: mpsc::Sender<Message>,
    metrics: Arc<Metrics>,
    /// Feeds whose history contradicts what was stated, so that it is said and counted once for each head.
    refused: BTreeMap<MemberNumber, u64>,
}

impl Witness {
    /// For an open node.
    pub fn new(
        keys: Arc<Keys>,
        store: Arc<Store>,
        view: Arc<ArcSwap<View>>,
        core: mpsc::Sender<Message>,
        metrics: Arc<Metrics>,
    ) -> Witness {
        Witness { keys, store, view, core, metrics, refused: BTreeMap::new() }
    }

    /// Looks whenever something was committed, and every second.
    pub async fn run(mut self, mut commits: watch::Receiver<u64>, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                changed = commits.changed() => if changed.is_err() { return },
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(COALESCE) => {}
            }
            for post in self.look(clock::wall()) {
                // The driver ends only with the node.
                let _ = self.core.send(Message::Post(post)).await;
            }
        }
    }

    fn look(&mut self, now: Timestamp) -> Vec<Post> {
        let view = self.view.load_full();
        let witness = witness::Witness {
            chain: &view.chain,
            me: view.me,
            is_first_node: view.is_first_node,
            feeds: &view.feeds,
            board: &view.board,
            is_board_compared: view.board_compared,
            is_clock_wrong: view.wrong_clock(clock::now()).is_some(),
        };
        let Some(me) = witness.member() else { return Vec::new() };
        let keys = self.keys.clone();
        let Ok(signer) = keys.feed_of(me) else { return Vec::new() };
        let stated = witness.next(signer, |publisher, seq| self.held(publisher, seq), now);
        for contradicted in stated.refused {
            self.refuse(contradicted);
        }
        stated.posts
    }

    /// Size and root of a batch that is committed here.
    fn held(&self, publisher: MemberNumber, seq: u64) -> Option<(u64, Hash)> {
        // A read of the disk that fails is no contradiction, but nothing is signed on a guess.
        let header = self.store.header(publisher, seq).unwrap_or_else(|error: StorageError| {
            tracing::error!(%error, "a header could not be read");
            None
        })?;
        Some((header.payload().size, header.payload().root))
    }

    /// WITNESS-7: says and counts it once for each head.
    fn refuse(&mut self, Contradicted { publisher, stated, held }: Contradicted) {
        if self.refused.insert(publisher, held) != Some(held) {
            self.metrics.refused("WITNESS-7");
            tracing::error!(
                publisher = publisher.0,
                stated,
                held,
                "this node has witnessed another or a longer history of this feed; it cosigns nothing of it"
            );
        }
    }
}
