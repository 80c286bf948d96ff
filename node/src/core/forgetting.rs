//! Forgetting on time: what is due is erased once a day, and whenever a feed has come up to what the others have.
//!
//! In a feed that may lack news nothing of a listing is erased, for an amendment may have prolonged it. So a node that was away
//! first catches up, and may meanwhile hand on contents that fell due while it was away; whoever receives them is catching up itself and
//! erases them a moment later, by the same rule.

use std::{
    collections::BTreeSet,
    sync::Arc,
    time::{Duration, Instant},
};

use antibrush_protocol::{
    base::{Day, MemberNumber, Timestamp},
    limits,
};

use super::{Node, View};
use crate::clock;

/// How often it is looked whether there is a new day or a feed that has come up.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// So long connected, a node knows what the others have of a feed whose publisher is silent: twice the time after which it counts
/// as caught up, whatever the peers promised (FEED-7).
const SETTLED_AFTER: Duration = Duration::from_millis(2 * limits::CATCH_UP_MS);

impl Node {
    /// Erases what is due, for as long as the node runs.
    pub(super) async fn forget(self: Arc<Self>) {
        let mut done: Option<(Day, BTreeSet<MemberNumber>)> = None;
        let mut connected: Option<Instant> = None;
        loop {
            let view = self.view();
            connected = connected.filter(|_| !view.peers.is_empty()).or((!view.peers.is_empty()).then(Instant::now));
            let is_settled = connected.is_some_and(|since| since.elapsed() >= SETTLED_AFTER);
            let now = clock::wall();
            let (today, current) = (now.day(), known_to_the_end(&view, now, is_settled));
            let is_done = |(day, feeds): &(Day, BTreeSet<MemberNumber>)| *day == today && current.is_subset(feeds);
            let waits = current.is_empty() || self.is_recovering() || self.store().is_behind();
            if !waits && !done.as_ref().is_some_and(is_done) && self.forget_once(today, &current).await {
                let before = done.take().filter(|(day, _)| *day == today).map(|(_, feeds)| feeds);
                done = Some((today, before.into_iter().flatten().chain(current).collect()));
            }
            tokio::select! {
                () = self.stopping().cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => {}
            }
        }
    }

    /// Says whether it went through.
    async fn forget_once(self: &Arc<Self>, today: Day, current: &BTreeSet<MemberNumber>) -> bool {
        let (node, current) = (self.clone(), current.clone());
        let run = move || {
            let forgotten = node.store().forget(today, &current)?;
            let erased: u64 = forgotten.values().map(|feed| feed.now).sum();
            if erased > 0 {
                let feeds = forgotten.values().filter(|feed| feed.now > 0).count();
                tracing::info!(erased, feeds, "contents that were due were erased; their hashes stay");
            }
            if node.may_publish().is_ok() {
                node.tidy_vault()?;
            }
            Ok::<_, Box<dyn std::error::Error + Send + Sync>>(())
        };
        match tokio::task::spawn_blocking(run).await {
            Ok(Ok(())) => true,
            Ok(Err(error)) => {
                tracing::error!(%error, "contents that are due could not be erased; tried again");
                false
            }
            Err(_) => false,
        }
    }
}

/// The feeds of which nothing can be missing that is older than a day: those whose head still speaks for them, and those of silent
/// publishers once this node is `settled` among the others and has what they have.
fn known_to_the_end(view: &View, now: Timestamp, settled: bool) -> BTreeSet<MemberNumber> {
    let known = view.feeds.iter().filter(|feed| {
        let is_fresh = feed.head.is_some_and(|head| now < head.expires);
        feed.caught_up && feed.waiting == 0 && (is_fresh || settled && feed.head.is_some())
    });
    known.map(|feed| feed.publisher).collect()
}
