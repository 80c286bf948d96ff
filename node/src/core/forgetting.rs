//! Forgetting on time: what is due is erased once a day, and whenever a feed has come up to what the others have.
//!
//! In a feed that may lack news nothing of a listing is erased, for an amendment may have prolonged it. So a node that was away
//! first catches up, and meanwhile hands on nothing that may have fallen due while it was away (`storage/looked.rs`). What it has
//! forgotten the member's first node states on the board (§ Purge receipts).

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use antibrush_protocol::{
    base::{Day, Hash, MemberNumber, Timestamp},
    board::{Post, PurgeReceipt, Purged},
    limits,
    replica::FeedStatus,
    signed::Signer,
};

use super::{Node, View, driver::Message};
use crate::{clock, storage::Forgotten};

/// How often it is looked whether there is a new day or a feed that has come up.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// When a run is repeated that could not read a feed, or found it taken back meanwhile.
const REPEAT_AFTER: Duration = Duration::from_secs(600);

/// So long connected, a node knows what the others have of a feed whose publisher is silent: twice the time after which it counts
/// as caught up, whatever the peers promised (FEED-7).
const SETTLED_AFTER: Duration = Duration::from_millis(2 * limits::CATCH_UP_MS);

/// So long nothing came of a feed of which a peer states more, until that peer counts as one that can not show it: far longer than any
/// feed waits for its turn while many are downloaded.
const LACKING_FOR_MS: u64 = 3_600_000;

impl Node {
    /// Erases what is due, for as long as the node runs.
    pub(super) async fn forget(self: Arc<Self>) {
        // On which day, and the feeds that were known to the end or of which nobody shows more.
        let mut done: Option<(Day, BTreeSet<MemberNumber>)> = None;
        let mut connected: Option<Instant> = None;
        let mut repeat_at: Option<Instant> = None;
        loop {
            let view = self.view();
            connected = connected.filter(|_| !view.peers.is_empty()).or((!view.peers.is_empty()).then(Instant::now));
            let is_settled = connected.is_some_and(|since| since.elapsed() >= SETTLED_AFTER);
            let now = clock::wall();
            let (today, current) = (now.day(), known_to_the_end(&view, now, clock::now().ms, is_settled));
            let withheld: BTreeSet<MemberNumber> =
                view.withheld(clock::now()).into_iter().map(|(member, ..)| member.number).collect();
            let seen: BTreeSet<MemberNumber> = current.union(&withheld).copied().collect();
            let is_done = |(day, feeds): &(Day, BTreeSet<MemberNumber>)| *day == today && seen.is_subset(feeds);
            let waits = self.is_recovering() || self.store().is_behind();
            let is_due = !done.as_ref().is_some_and(is_done) || repeat_at.is_some_and(|at| at <= Instant::now());
            if !waits
                && is_due
                && let Some(read) = self.forget_once(today, &current, &withheld).await
            {
                let is_whole = view.feeds.iter().all(|feed| feed.head.is_none() || read.contains(&feed.publisher));
                repeat_at = (!is_whole).then(|| Instant::now() + REPEAT_AFTER);
                let before = done.take().filter(|(day, _)| *day == today).map(|(_, feeds)| feeds);
                done = Some((today, before.into_iter().flatten().chain(seen).collect()));
            }
            if let Some(post) = self.receipt(&view, now) {
                // The driver ends only with the node.
                let _ = self.core().send(Message::Post(post)).await;
            }
            tokio::select! {
                () = self.stopping().cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// The feeds that it could read; `None` if it did not go through.
    async fn forget_once(
        self: &Arc<Self>,
        today: Day,
        current: &BTreeSet<MemberNumber>,
        withheld: &BTreeSet<MemberNumber>,
    ) -> Option<BTreeSet<MemberNumber>> {
        let (node, current, withheld) = (self.clone(), current.clone(), withheld.clone());
        let run = move || {
            let forgotten = node.store().forget(today, &current, &withheld)?;
            let erased: u64 = forgotten.values().map(|feed| feed.now).sum();
            if erased > 0 {
                let feeds = forgotten.values().filter(|feed| feed.now > 0).count();
                tracing::info!(erased, feeds, "contents that were due were erased; their hashes stay");
            }
            if node.may_publish().is_ok() {
                node.tidy_vault()?;
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(forgotten.into_keys().collect())
        };
        match tokio::task::spawn_blocking(run).await {
            Ok(Ok(read)) => Some(read),
            Ok(Err(error)) => {
                tracing::error!(%error, "contents that are due could not be erased; tried again");
                None
            }
            Err(_) => None,
        }
    }

    /// What this node has to state of what it has forgotten, if it states anything and the board does not have it yet.
    fn receipt(&self, view: &View, now: Timestamp) -> Option<Post> {
        // SYNC-4: nobody would take a receipt of tomorrow. The member states with one voice: that of its first node.
        if !view.is_first_node || view.wrong_clock(clock::now()).is_some() {
            return None;
        }
        let me = view.member()?;
        let signer = self.keys().feed_of(me).ok().filter(|key| me.signs_with(&key.public(), now))?;
        let receipt = next_receipt(view.chain.alliance(), me.number, self.store().forgotten()?, now);
        is_news(&receipt, view.board.receipt(me.number)).then(|| Post::sign(&receipt, signer, Post::Purge))
    }
}

fn next_receipt(alliance: Hash, member: MemberNumber, (day, found): (Day, Forgotten), now: Timestamp) -> PurgeReceipt {
    let feeds = found.into_iter().take(limits::MEMBERS);
    let feeds = feeds.map(|(publisher, feed)| Purged { publisher, erased: feed.all, size: feed.size });
    PurgeReceipt { alliance, member, day, issued: now, feeds: feeds.collect() }
}

/// Whether it says anything else than the last one, and may take its place (PURGE-3).
fn is_news(receipt: &PurgeReceipt, last: Option<&PurgeReceipt>) -> bool {
    last.is_none_or(|last| (last.day, &last.feeds) != (receipt.day, &receipt.feeds) && receipt.follows(last))
}

/// The feeds of which nothing can be missing that is older than a day: those whose head still speaks for them, and those of silent
/// publishers once this node is `settled` among the others and has what they have.
fn known_to_the_end(view: &View, now: Timestamp, now_ms: u64, settled: bool) -> BTreeSet<MemberNumber> {
    let known = view.feeds.iter().filter(|feed| is_known_to_the_end(feed, now, now_ms, settled));
    known.map(|feed| feed.publisher).collect()
}

fn is_known_to_the_end(feed: &FeedStatus, now: Timestamp, now_ms: u64, settled: bool) -> bool {
    let is_fresh = feed.head.is_some_and(|head| now < head.expires);
    let is_shown = feed.lacking_since_ms.is_none_or(|since| now_ms.saturating_sub(since) >= LACKING_FOR_MS);
    feed.caught_up && feed.waiting == 0 && (is_fresh || settled && is_shown && feed.head.is_some())
}

#[cfg(test)]
mod tests {
    use antibrush_protocol::{feed::Head, replica::Standing};

    use super::*;
    use crate::storage::Erased;

    const NOW: Timestamp = Timestamp(1_795_104_000);

    #[test]
    fn a_feed_of_which_more_is_coming_is_not_known_to_the_end() {
        let head = Head { seq: 63, id: [1; 32], size: 9, root: [2; 32], issued: NOW, expires: NOW.plus(86_400) };
        let feed = FeedStatus {
            publisher: MemberNumber(2),
            head: Some(head),
            head_charter: None,
            waiting: 0,
            stuck: None,
            standing: Standing::Open,
            caught_up: true,
            lacking_since_ms: Some(1_000),
        };
        let later = NOW.plus(90 * 86_400);
        let known = |feed: &FeedStatus, now_ms| is_known_to_the_end(feed, later, now_ms, true);
        assert!(!known(&feed, 121_000), "a page of old headers is here, and a peer has the next");
        assert!(known(&feed, 3_601_000), "nobody can show more");
        assert!(known(&FeedStatus { lacking_since_ms: None, ..feed.clone() }, 1_000));
        assert!(is_known_to_the_end(&feed, NOW, 1_000, false), "what is missing is of today");
    }

    fn receipt(day: u32, issued: u64, erased: u64) -> PurgeReceipt {
        let found = Forgotten::from([(MemberNumber(2), Erased { now: 1, all: erased, size: 9 })]);
        next_receipt([7; 32], MemberNumber(1), (Day(day), found), NOW.plus(issued))
    }

    #[test]
    fn a_receipt_says_what_is_erased_in_all() {
        let feeds = vec![Purged { publisher: MemberNumber(2), erased: 5, size: 9 }];
        assert_eq!(receipt(20_777, 3, 5).feeds, feeds);
    }

    #[test]
    fn a_receipt_is_made_of_news_and_once_a_day() {
        let last = receipt(20_777, 10, 5);
        assert!(is_news(&last, None));
        assert!(!is_news(&receipt(20_777, 11, 5), Some(&last)), "the same again");
        assert!(is_news(&receipt(20_777, 11, 6), Some(&last)));
        assert!(is_news(&receipt(20_778, 11, 5), Some(&last)), "another day");
        // PURGE-3: what nobody would take is not made, again and again, when the clock was set back.
        assert!(!is_news(&receipt(20_776, 11, 6), Some(&last)));
        assert!(!is_news(&receipt(20_778, 10, 6), Some(&last)));
    }
}
