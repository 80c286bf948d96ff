//! Publishing: from a planned batch to a signed head that is durable, queryable and on its way to the others.

use std::sync::Arc;

use antibrush_protocol::{
    base::MemberNumber,
    checkpoint::log_name,
    feed::{
        BatchHeader, Head,
        build::{Body, Place},
    },
    limits,
    replica::PublishRefusal,
    signed::Signed,
};
use tokio::sync::oneshot;

use super::{driver::Message, node::Node, plan::Session};
use crate::{clock, storage::StorageError};

/// Why a batch was not published. Nothing of it is in force.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// The node may not publish.
    #[error("this node does not publish: only an active member platform has a feed")]
    NotAPublisher,
    /// This node's own key was succeeded while it ran.
    #[error("this node's key was succeeded by another one; restart the node, so that it takes that up")]
    NodeKeySucceeded,
    /// Another node of the member writes, or too few agree that this one does.
    #[error(transparent)]
    Writer(#[from] super::writer::WriterError),
    /// CHARTER-21: the stewards revoked the key with which this node signs.
    #[error(
        "charter {0} revoked the feed key of this node for good, and nobody takes what it signs; make its successor (antibrush alliance rotate-key feed --key-only), have the stewards name it (antibrush alliance propose revoke --successor) if they did not, and restart the node"
    )]
    KeyRevoked(u64),
    /// The charter has run out.
    #[error(
        "the charter has expired, and nothing is published under it; the stewards must renew it: antibrush alliance propose renew"
    )]
    CharterExpired,
    /// The documents were lost and the feed must first come back from the peers.
    #[error(
        "this node waits for its own feed to come from the other members, because it lost its documents or has just become the member's first node; try again when `status` shows it"
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

/// The right to plan and publish: one holder at a time.
pub type Writer = tokio::sync::OwnedMutexGuard<()>;

impl Node {
    /// Our number, if we have a feed.
    pub fn may_publish(&self) -> Result<MemberNumber, PublishError> {
        let view = self.view();
        let me = view.member().filter(|member| member.is_publisher()).map(|member| member.number);
        me.ok_or_else(|| if self.is_succeeded() { PublishError::NodeKeySucceeded } else { PublishError::NotAPublisher })
    }

    /// Whether the charter names a successor of the key with which this node runs.
    fn is_succeeded(&self) -> bool {
        let (view, me) = (self.view(), self.peer());
        view.me.is_none()
            && view.charter().members.iter().any(|member| member.former_nodes().any(|(key, _)| *key == me))
    }

    /// What keeps this node from signing in its member's name, if that is a key.
    pub fn key_trouble(&self) -> Option<PublishError> {
        if self.is_succeeded() {
            return Some(PublishError::NodeKeySucceeded);
        }
        let signs = self.view().member().is_some_and(|member| member.role.signs());
        self.require_unrevoked_key().err().filter(|_| signs)
    }

    /// CHARTER-21: whether the key with which this node signs may still sign, before anybody is asked about a batch.
    pub(super) fn require_unrevoked_key(&self) -> Result<(), PublishError> {
        let view = self.view();
        let Some(member) = view.member() else { return Ok(()) };
        let signer = self.keys().feed_of(member);
        if signer.is_ok() && member.present_feed_key().is_some() {
            return Ok(());
        }
        let here = member.feed_keys.iter().rev().filter(|known| self.keys().feed_with(&known.key).is_ok());
        match here.filter_map(|known| known.revoked).next() {
            Some(charter) => Err(PublishError::KeyRevoked(charter)),
            None => Ok(signer.map(drop)?),
        }
    }

    /// Publishes an empty batch: the feed is alive.
    pub async fn publish_heartbeat(self: &Arc<Self>) -> Result<Head, PublishError> {
        let _writer = self.writer().await;
        self.publish_empty_as_writer().await
    }

    pub(super) async fn publish_empty_as_writer(self: &Arc<Self>) -> Result<Head, PublishError> {
        let me = self.may_publish()?;
        self.publish_as_writer(Body::new(me, 0)).await
    }

    /// Signs the batch and waits until it is durable and queryable here; gossip carries it on. The caller is the writer.
    pub(super) async fn publish_as_writer(self: &Arc<Self>, body: Body) -> Result<Head, PublishError> {
        if self.is_recovering() {
            return Err(PublishError::Recovering);
        }
        // CHARTER-22
        if self.view().chain.require_in_force(clock::wall()).is_err() {
            return Err(PublishError::CharterExpired);
        }
        self.catch_up_own_feed().await?;
        let me = self.may_publish()?;
        let planned = self.view().head(me).map(|head| head.id);
        let right = self.right_to_write().await?;
        // Leaves are counted from where the feed ended, and finishing what was begun moved that on.
        if !body.is_empty() && self.view().head(me).map(|head| head.id) != planned {
            return Err(PublishError::Refused(PublishRefusal::Moved));
        }
        // It may have become the member's first node meanwhile.
        if self.is_recovering() {
            return Err(PublishError::Recovering);
        }
        let node = self.clone();
        let sealed = tokio::task::spawn_blocking(move || node.seal(body)).await.map_err(|_| PublishError::Stopping)?;
        let (header, chunks) = sealed?;
        // Signed, and with nobody yet: it leaves this function only once it is agreed on.
        self.agree(&right, &header, &chunks).await?;
        self.hand_over(header, chunks).await
    }

    /// Gives our next batch to the replica and waits until it is durable and queryable.
    pub(super) async fn hand_over(
        &self,
        header: Signed<BatchHeader>,
        chunks: Vec<Arc<[u8]>>,
    ) -> Result<Head, PublishError> {
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

    /// Begins a batch as the only writer: waits for the writer's place, and for what a late disk error left of our own feed, since
    /// leaves are counted from its end.
    pub async fn session(self: &Arc<Self>) -> Result<Session, PublishError> {
        let writer = self.writer().await;
        if !self.is_recovering() {
            self.catch_up_own_feed().await?;
            // What was begun is finished before leaves are counted.
            self.right_to_write().await?;
        }
        // Reads the disk where own entries wait for witnesses.
        let node = self.clone();
        tokio::task::spawn_blocking(move || Session::new(&node, writer)).await.map_err(|_| PublishError::Stopping)?
    }

    /// Finishes a session's batch; nothing to say publishes nothing.
    pub async fn publish_session(self: &Arc<Self>, session: Session) -> Result<Option<Head>, PublishError> {
        let Session { _writer, body, staging, kept: identifiers, .. } = session;
        if let Some(staging) = staging {
            staging.settle().await;
        }
        if !identifiers.is_empty() {
            // Before the batch: a listing in force whose identifier is lost could not be carried into the next epoch. A record
            // of a leaf that does not come about is replaced by that of the one that does.
            let node = self.clone();
            let kept = tokio::task::spawn_blocking(move || node.vault().put_all(&identifiers)).await;
            kept.map_err(|_| PublishError::Stopping)??;
        }
        if body.is_empty() { Ok(None) } else { self.publish_as_writer(body).await.map(Some) }
    }

    #[allow(clippy::type_complexity, reason = "a header and its chunks")]
    fn seal(&self, body: Body) -> Result<(Signed<BatchHeader>, Vec<Arc<[u8]>>), PublishError> {
        let view = self.view();
        let member = view.member().filter(|member| member.is_publisher()).ok_or(PublishError::NotAPublisher)?;
        let me = member.number;
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
        let (alliance, charter) = (view.chain.alliance(), view.chain.current_id());
        let log = log_name(&alliance, &member.slug, member.cuts_made());
        let place = Place { alliance, charter, publisher: me, log: Some(&log), previous, now };
        let tree = self.store().tree(me)?;
        let sealed = body.seal(&place, tree, self.keys().feed_of(member)?);
        sealed.map_err(|_| PublishError::Refused(PublishRefusal::Moved))
    }
}

/// The most entries of one batch that an import makes: see [`limits::ENTRIES_PER_BATCH`]; smaller, so that clearings need
/// not wait long behind one.
pub const ENTRIES_PER_IMPORTED_BATCH: u64 =
    if limits::ENTRIES_PER_BATCH < 1_000_000 { limits::ENTRIES_PER_BATCH } else { 1_000_000 };
