//! The node as a witness: it cosigns the heads that it has committed, which it does only after fetching and verifying every leaf,
//! and states them on the board (docs/PROTOCOL.md § Witness).
//!
//! **Invariant:** a statement says no less than the one before it. What this node stated last is read from the board, where the
//! driver puts our own posts durably before they leave; and what is cosigned was committed durably before. A node that was killed
//! in between states the same again or more.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use antibrush_protocol::{
    base::{Hash, MemberNumber, Timestamp},
    board::Post,
    checkpoint::Cosignature,
    feed::Head,
    replica::Standing,
    signed::Signer,
    witness::{WitnessStatement, WitnessedHead, page_of},
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
        // SYNC-4: nobody would take a statement of tomorrow. WITNESS-8: who does not know what it had stated waits until it does.
        // The member states with one voice: that of its first node.
        if !view.is_first_node || !view.board_compared || view.wrong_clock(clock::now()).is_some() {
            return Vec::new();
        }
        let keys = self.keys.clone();
        let Some(me) = view.member().filter(|me| me.is_active()) else { return Vec::new() };
        let Ok(signer) = keys.feed_of(me) else { return Vec::new() };
        if !me.signs_with(&signer.public(), now) {
            return Vec::new();
        }
        let mut pages: BTreeMap<u16, Vec<(MemberNumber, Head)>> = BTreeMap::new();
        for feed in view.feeds.iter().filter(|feed| feed.publisher != me.number) {
            let publishes = view.charter().member(feed.publisher).is_some_and(|member| member.is_publisher());
            // Until a feed was compared with the peers, this node may have stated more before it lost it than it has now.
            if let Some(head) = feed.head.filter(|_| publishes && feed.caught_up && feed.standing == Standing::Open) {
                pages.entry(page_of(feed.publisher)).or_default().push((feed.publisher, head));
            }
        }
        pages.into_iter().filter_map(|(page, heads)| self.state(&view, me.number, signer, page, &heads, now)).collect()
    }

    /// The next statement about a page, if there is something new to say.
    fn state(
        &mut self,
        view: &View,
        me: MemberNumber,
        signer: &dyn Signer,
        page: u16,
        heads: &[(MemberNumber, Head)],
        now: Timestamp,
    ) -> Option<Post> {
        let last = view.board.witness_statement(me, page);
        // WITNESS-5: statements of one second would have no order.
        if last.is_some_and(|last| now <= last.payload().issued) {
            return None;
        }
        let before = last.map(|last| last.payload().heads.as_slice()).unwrap_or_default();
        let mut stated: BTreeMap<MemberNumber, WitnessedHead> =
            before.iter().map(|head| (head.publisher, *head)).collect();
        let alliance = view.chain.alliance();
        let slug = |publisher| view.charter().member(publisher).map(|member| member.slug.as_str());
        let mut news = false;
        if last.is_some_and(|last| last.key() != signer.public()) {
            // A new key vouches for what the old one did.
            for head in stated.values_mut() {
                *head = head.cosigned(&alliance, slug(head.publisher)?, now, signer);
            }
            news = true;
        }
        for (publisher, head) in heads {
            let cuts = view.charter().member(*publisher).map_or(0, |member| member.cuts_made());
            let next = WitnessedHead {
                publisher: *publisher,
                cuts: u8::try_from(cuts).unwrap_or(u8::MAX),
                seq: head.seq,
                size: head.size,
                root: head.root,
                cosignature: Cosignature { time: now, signature: [0; 64] },
            };
            match stated.get(publisher) {
                Some(before) if (before.cuts, before.seq) == (next.cuts, next.seq) && next.continues(before) => {}
                Some(before) if !next.may_follow(before, self.held(*publisher, before.seq)) => {
                    self.refuse(*publisher, before.seq, head.seq);
                }
                _ => {
                    stated.insert(*publisher, next.cosigned(&alliance, slug(*publisher)?, now, signer));
                    news = true;
                }
            }
        }
        let statement = WitnessStatement { alliance, witness: me, issued: now, heads: stated.into_values().collect() };
        news.then(|| Post::sign(&statement, signer, Post::Witness))
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
    fn refuse(&mut self, publisher: MemberNumber, stated: u64, held: u64) {
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
