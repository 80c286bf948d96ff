//! What is on the board, and the one door through which it comes.

use std::{collections::BTreeMap, sync::Arc};

use super::{Deletion, Post, PostId, UsageReport};
use crate::{
    base::{Day, Hash, MemberNumber, Timestamp},
    ceremony::{self, Call, CeremonyError, Message, Step},
    charter::CharterChain,
    encoding::DecodeError,
    limits,
    signed::{SignatureError, Verified},
    subject::Class,
    suite::KeyId,
};

/// Why a post is not taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BoardError {
    /// The envelope, the signature or the encoding is broken: the sender's fault.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// BOARD-1: of another alliance.
    #[error("the post is of another alliance")]
    OtherAlliance,
    /// BOARD-2: not signed by a key that may sign it under the charter in force here.
    #[error("the post is not signed by a key that may sign it")]
    NotEntitled,
    /// BOARD-3: made in our future: one of the two clocks is wrong.
    #[error("the post was made in the future; one of the two clocks is wrong")]
    FromTheFuture,
    /// BOARD-4: in a ceremony whose call this node has not seen.
    #[error("the post belongs to a ceremony whose call this node has not seen")]
    UnknownCall,
    /// BOARD-5: a statement about a key that is not retired, or was never held by its signer.
    #[error("the post speaks of a key that is not retired or was not its signer's")]
    OtherKey,
    /// A rule of ceremonies is broken.
    #[error(transparent)]
    Ceremony(#[from] CeremonyError),
    /// BOARD-6: older than what is kept, or more than is kept.
    #[error("the post is older than what is kept, or there are too many of its kind")]
    NotKept,
}

impl BoardError {
    /// Whether an honest peer that checks before it passes on could never have sent this.
    pub fn is_senders_fault(&self) -> bool {
        match self {
            BoardError::Signature(SignatureError::Decode(DecodeError::UnknownVersion(_))) => false,
            BoardError::Signature(_) | BoardError::OtherAlliance => true,
            // Right under an older or a newer charter than ours, or by another clock.
            BoardError::NotEntitled
            | BoardError::FromTheFuture
            | BoardError::UnknownCall
            | BoardError::OtherKey
            | BoardError::Ceremony(_)
            | BoardError::NotKept => false,
        }
    }
}

/// What became of a post.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Taken {
    /// It is on the board now.
    New {
        /// The post whose place it took.
        replaces: Option<PostId>,
    },
    /// It was there.
    Known,
    /// A later one of its kind is there.
    Older,
}

/// Where a post stands: one post a slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Call(Hash),
    /// Two different messages of one holder for one round are kept: together they name a cheat.
    Ceremony(Hash, MemberNumber, Step, Hash),
    Usage(MemberNumber, Class, Day),
    Deletion(MemberNumber, KeyId),
}

#[derive(Clone, Debug)]
struct Shelved {
    id: PostId,
    bytes: Arc<[u8]>,
    post: Content,
}

/// Verified contents.
#[derive(Clone, Debug)]
enum Content {
    Call(Verified<Call>),
    Ceremony(Verified<Message>),
    Usage(Verified<UsageReport>),
    Deletion(Verified<Deletion>),
}

/// The board.
#[derive(Clone, Debug, Default)]
pub struct Board {
    slots: BTreeMap<Slot, Shelved>,
    ids: BTreeMap<PostId, Slot>,
}

/// How many calls are kept at once: a steward's key that was stolen must not fill every member's disk.
const CALLS: usize = 64;
/// For how long a ceremony is kept after its deadline, so that all see how it ended.
const CEREMONY_KEPT_SECONDS: u64 = 7 * 86_400;
/// For how many days a usage report is kept.
const USAGE_KEPT_DAYS: u32 = 35;

impl Board {
    /// Verifies a post against the charter and puts it up.
    pub fn take(&mut self, post: Post, chain: &CharterChain, now: Timestamp) -> Result<Taken, BoardError> {
        let id = post.id();
        if self.ids.contains_key(&id) {
            return Ok(Taken::Known);
        }
        let bytes: Arc<[u8]> = post.encode().into();
        let (slot, post) = self.verify(post, chain, now)?;
        self.make_room(&slot, now)?;
        let before = self.slots.get(&slot);
        // BOARD-7: a usage report gives way to a later one that counts no less for anybody, and to no other.
        if let (Some(Shelved { post: Content::Usage(before), .. }), Content::Usage(after)) = (before, &post)
            && !follows(before.payload(), after.payload())
        {
            return Ok(Taken::Older);
        }
        if before.is_some() && !matches!(slot, Slot::Usage(..)) {
            return Ok(Taken::Older);
        }
        let replaces = self.slots.insert(slot, Shelved { id, bytes, post }).map(|before| before.id);
        if let Some(before) = &replaces {
            self.ids.remove(before);
        }
        self.ids.insert(id, slot);
        Ok(Taken::New { replaces })
    }

    fn verify(&self, post: Post, chain: &CharterChain, now: Timestamp) -> Result<(Slot, Content), BoardError> {
        let (charter, alliance) = (chain.current(), chain.alliance());
        let signs = |holder: MemberNumber, key: &[u8; 32], at: Timestamp| {
            charter.member(holder).is_some_and(|member| member.role.may_hold_shares() && member.signs_with(key, at))
        };
        match post {
            Post::Call(signed) => {
                let named = signed.payload().charter;
                let version = chain.version(&named);
                // The charter comes by comparing heads; the call comes again then.
                let version = version.ok_or(BoardError::NotEntitled)?;
                let holding = version.charter().holding.as_ref();
                let holders = holding.map(|holding| (holding.threshold, &holding.members[..]));
                let call = ceremony::verify_call(signed, version, &alliance, holders, now)?;
                Ok((Slot::Call(call.id()), Content::Call(call)))
            }
            Post::Ceremony(signed) => {
                let call = self.call(&signed.payload().ceremony).ok_or(BoardError::UnknownCall)?; // BOARD-4
                let message = ceremony::verify_message(signed, call, charter)?;
                let m = message.payload();
                let slot = Slot::Ceremony(m.ceremony, m.holder, m.round.step(), message.id());
                Ok((slot, Content::Ceremony(message)))
            }
            Post::Usage(signed) => {
                let report = signed.payload();
                same_alliance(&report.alliance, &alliance)?;
                on_time(report.issued, now)?;
                if !signs(report.holder, &signed.key(), report.issued) {
                    return Err(BoardError::NotEntitled); // BOARD-2
                }
                let slot = Slot::Usage(report.holder, report.class, report.day);
                Ok((slot, Content::Usage(signed.into_verified())))
            }
            Post::Deletion(signed) => {
                let deletion = signed.payload();
                same_alliance(&deletion.alliance, &alliance)?;
                on_time(deletion.issued, now)?;
                if !signs(deletion.holder, &signed.key(), deletion.issued) {
                    return Err(BoardError::NotEntitled); // BOARD-2
                }
                // BOARD-5
                let key = charter.key_by_id(&deletion.key).filter(|key| !key.is_active());
                if key.and_then(|key| key.share_of(deletion.holder)).is_none() {
                    return Err(BoardError::OtherKey);
                }
                let slot = Slot::Deletion(deletion.holder, deletion.key);
                Ok((slot, Content::Deletion(signed.into_verified())))
            }
        }
    }

    /// BOARD-6: what would not be kept is not taken.
    fn make_room(&self, slot: &Slot, now: Timestamp) -> Result<(), BoardError> {
        let fits = match slot {
            Slot::Call(_) => self.calls().count() < CALLS,
            // Calls are posted again to nobody once they are forgotten.
            Slot::Ceremony(ceremony, holder, step, _) => {
                let of =
                    |slot: &Slot| matches!(slot, Slot::Ceremony(c, h, s, _) if (c, h, s) == (ceremony, holder, step));
                self.slots.keys().filter(|slot| of(slot)).count() < 2
            }
            Slot::Usage(_, _, day) => now.day().0.saturating_sub(day.0) <= USAGE_KEPT_DAYS && day.0 <= now.day().0 + 1,
            Slot::Deletion(..) => true,
        };
        if fits { Ok(()) } else { Err(BoardError::NotKept) }
    }

    /// Takes down what is no longer kept; says what.
    pub fn prune(&mut self, now: Timestamp) -> Vec<PostId> {
        let gone: Vec<Slot> = self.stale(now).collect();
        let ids: Vec<PostId> =
            gone.iter().filter_map(|slot| self.slots.remove(slot)).map(|shelved| shelved.id).collect();
        for id in &ids {
            self.ids.remove(id);
        }
        ids
    }

    /// Whether something is no longer kept.
    pub fn has_stale(&self, now: Timestamp) -> bool {
        self.stale(now).next().is_some()
    }

    fn stale(&self, now: Timestamp) -> impl Iterator<Item = Slot> {
        let ended = move |call: &Call| now > call.deadline.plus(CEREMONY_KEPT_SECONDS);
        let over: Vec<Hash> = self.calls().filter(|call| ended(call.payload())).map(|call| call.id()).collect();
        let goes = move |slot: &&Slot| match slot {
            Slot::Call(id) | Slot::Ceremony(id, ..) => over.contains(id),
            Slot::Usage(_, _, day) => now.day().0.saturating_sub(day.0) > USAGE_KEPT_DAYS,
            Slot::Deletion(..) => false,
        };
        self.slots.keys().filter(goes).copied()
    }

    /// What is there, by name: for comparing with a peer.
    pub fn ids(&self) -> impl Iterator<Item = &PostId> {
        self.ids.keys()
    }

    /// Up to `most` posts that somebody who has `known` lacks, calls first: nothing of a ceremony is taken before its call.
    pub fn missing(&self, known: &[PostId], most: usize) -> Vec<Arc<[u8]>> {
        let known: std::collections::BTreeSet<&PostId> = known.iter().collect();
        let lacks = self.slots.values().filter(|shelved| !known.contains(&shelved.id));
        lacks.take(most).map(|shelved| shelved.bytes.clone()).collect()
    }

    /// The calls.
    pub fn calls(&self) -> impl Iterator<Item = &Verified<Call>> {
        self.slots
            .values()
            .filter_map(|shelved| if let Content::Call(call) = &shelved.post { Some(call) } else { None })
    }

    /// One call.
    pub fn call(&self, ceremony: &Hash) -> Option<&Verified<Call>> {
        match &self.slots.get(&Slot::Call(*ceremony))?.post {
            Content::Call(call) => Some(call),
            _ => None,
        }
    }

    /// What was posted in a ceremony.
    pub fn messages(&self, ceremony: &Hash) -> impl Iterator<Item = &Verified<Message>> {
        self.slots.values().filter_map(move |shelved| match &shelved.post {
            Content::Ceremony(message) if message.payload().ceremony == *ceremony => Some(message),
            _ => None,
        })
    }

    /// The usage reports.
    pub fn usage(&self) -> impl Iterator<Item = &UsageReport> {
        self.slots.values().filter_map(|shelved| match &shelved.post {
            Content::Usage(report) => Some(report.payload()),
            _ => None,
        })
    }

    /// The statements that shares were deleted.
    pub fn deletions(&self) -> impl Iterator<Item = &Deletion> {
        self.slots.values().filter_map(|shelved| match &shelved.post {
            Content::Deletion(deletion) => Some(deletion.payload()),
            _ => None,
        })
    }
}

fn follows(before: &UsageReport, after: &UsageReport) -> bool {
    after.issued > before.issued && before.counts.iter().all(|(member, count)| after.of(*member) >= *count)
}

fn same_alliance(found: &Hash, ours: &Hash) -> Result<(), BoardError> {
    // BOARD-1
    if found == ours { Ok(()) } else { Err(BoardError::OtherAlliance) }
}

fn on_time(issued: Timestamp, now: Timestamp) -> Result<(), BoardError> {
    // BOARD-3
    if issued > now.plus(limits::CLOCK_SKEW_SECONDS) { Err(BoardError::FromTheFuture) } else { Ok(()) }
}
