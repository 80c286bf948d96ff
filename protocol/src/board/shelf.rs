//! What is on the board, and the one door through which it comes.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{BoardError, Deletion, Post, PostId, PurgeReceipt, UsageReport};
use crate::{
    base::{Day, Hash, MemberNumber, Timestamp},
    ceremony::{self, Call, Message, Step},
    charter::{Charter, CharterChain, Cut, MemberState, TokenKey},
    feed::{BatchHeader, Equivocation},
    limits,
    signed::{PublicKey, Signed, Verified},
    subject::Class,
    suite::KeyId,
    witness::{WitnessStatement, WitnessedHead, page_of},
};

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
    Witness(MemberNumber, u16),
    Purge(MemberNumber),
    /// One proof for each time that the feed may be frozen: after so many cuts.
    Equivocation(MemberNumber, usize),
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
    Witness(Verified<WitnessStatement>),
    Purge(Verified<PurgeReceipt>),
    Equivocation(Arc<Equivocation>),
}

/// A verified post and where it stands: what [`Board::put`] takes.
#[derive(Debug)]
pub(crate) struct Place {
    slot: Slot,
    shelved: Shelved,
}

impl Place {
    /// The post's name.
    pub fn id(&self) -> PostId {
        self.shelved.id
    }

    /// Whether only one of the two can be on the board.
    pub fn has_place_of(&self, other: &Place) -> bool {
        self.slot == other.slot
    }

    /// The encoded post.
    pub fn bytes(&self) -> &Arc<[u8]> {
        &self.shelved.bytes
    }
}

/// What would become of a post.
#[derive(Debug)]
pub(crate) enum Judged {
    /// It has a place.
    New(Place),
    /// It is there.
    Known,
    /// Another one has its place.
    Older,
}

/// The board.
#[derive(Clone, Debug, Default)]
pub struct Board {
    slots: BTreeMap<Slot, Shelved>,
    ids: BTreeMap<PostId, Slot>,
}

/// How many calls of one steward key are kept at once: one that was stolen must not fill every member's disk, nor keep the other
/// stewards from calling.
const CALLS_OF_A_STEWARD: usize = 32;
/// For how long a ceremony is kept after its deadline, so that all see how it ended.
const CEREMONY_KEPT_SECONDS: u64 = 7 * 86_400;
/// For how many days a usage report is kept.
const USAGE_KEPT_DAYS: u32 = 35;

impl Board {
    /// Verifies a post against the charter and puts it up.
    pub fn take(&mut self, post: Post, chain: &CharterChain, now: Timestamp) -> Result<Taken, BoardError> {
        Ok(match self.judge(post, chain, now)? {
            Judged::New(place) => Taken::New { replaces: self.put(place) },
            Judged::Known => Taken::Known,
            Judged::Older => Taken::Older,
        })
    }

    /// The one door: verifies a post against the charter and says where it belongs.
    pub(crate) fn judge(&self, post: Post, chain: &CharterChain, now: Timestamp) -> Result<Judged, BoardError> {
        let bytes: Arc<[u8]> = post.encode().into();
        let id = Post::id_of(&bytes);
        if self.has(&id) {
            return Ok(Judged::Known);
        }
        let (slot, post) = self.verify(post, chain, now)?;
        let gives_way = match (self.slots.get(&slot).map(|before| &before.post), &post) {
            (None, _) => true,
            // BOARD-7: a usage report gives way to a later one that counts no less for anybody, and to no other.
            (Some(Content::Usage(before)), Content::Usage(after)) => follows(before.payload(), after.payload()),
            // WITNESS-5: a witness takes nothing back.
            (Some(Content::Witness(before)), Content::Witness(after)) => after.payload().follows(before.payload()),
            // PURGE-3
            (Some(Content::Purge(before)), Content::Purge(after)) => after.payload().follows(before.payload()),
            (Some(Content::Equivocation(before)), Content::Equivocation(after)) => says_more(before, after),
            // The same words under another signature.
            (Some(_), _) => false,
        };
        if !gives_way {
            return Ok(Judged::Older);
        }
        self.require_room(&slot, &post)?;
        Ok(Judged::New(Place { slot, shelved: Shelved { id, bytes, post } }))
    }

    /// The post that would give way to this one.
    pub(crate) fn in_place_of(&self, place: &Place) -> Option<PostId> {
        self.slots.get(&place.slot).map(|before| before.id)
    }

    /// Puts a post up; the one whose place it takes.
    pub(crate) fn put(&mut self, place: Place) -> Option<PostId> {
        let Place { slot, shelved } = place;
        let id = shelved.id;
        let replaces = self.slots.insert(slot, shelved).map(|before| before.id);
        if let Some(before) = &replaces {
            self.ids.remove(before);
        }
        self.ids.insert(id, slot);
        replaces
    }

    fn verify(&self, post: Post, chain: &CharterChain, now: Timestamp) -> Result<(Slot, Content), BoardError> {
        let (charter, alliance) = (chain.current(), chain.alliance());
        match post {
            Post::Call(signed) => {
                let call = signed.payload();
                same_alliance(&call.alliance, &alliance)?;
                still_kept(!has_ended(call, now))?;
                let version = chain.version(&call.charter);
                // The charter comes by comparing heads; the call comes again then.
                let version = version.ok_or(BoardError::NotEntitled)?;
                let holding = version.charter().holding.as_ref();
                let holders = holding.map(|holding| (holding.threshold, &holding.members[..]));
                let call = ceremony::verify_call(signed, version, &alliance, holders, now)?;
                // BOARD-2: under an old charter those could call whose keys were taken out for good reason.
                if !charter.stewards.iter().any(|steward| steward.key == call.key()) {
                    return Err(BoardError::NotEntitled);
                }
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
                // BOARD-3: nor of a day that had not begun when it was made.
                if report.day > report.issued.day() {
                    return Err(BoardError::FromTheFuture);
                }
                still_kept(!is_past(report.day, now))?;
                // BOARD-2: who holds no share evaluates nothing.
                let holds = |key: &TokenKey| key.class == report.class && key.share_of(report.holder).is_some();
                may_sign(charter, report.holder, &signed.key(), report.issued)?;
                if !charter.token_keys.iter().any(holds) {
                    return Err(BoardError::NotEntitled);
                }
                let slot = Slot::Usage(report.holder, report.class, report.day);
                Ok((slot, Content::Usage(signed.into_verified())))
            }
            Post::Deletion(signed) => {
                let deletion = signed.payload();
                same_alliance(&deletion.alliance, &alliance)?;
                on_time(deletion.issued, now)?;
                may_sign(charter, deletion.holder, &signed.key(), deletion.issued)?;
                // BOARD-5
                let key = charter.key_by_id(&deletion.key).filter(|key| !key.is_active());
                if key.and_then(|key| key.share_of(deletion.holder)).is_none() {
                    return Err(BoardError::OtherKey);
                }
                let slot = Slot::Deletion(deletion.holder, deletion.key);
                Ok((slot, Content::Deletion(signed.into_verified())))
            }
            Post::Witness(signed) => {
                let statement = signed.payload();
                same_alliance(&statement.alliance, &alliance)?;
                on_time(statement.issued, now)?;
                // WITNESS-4
                let witness = charter.member(statement.witness).filter(|member| member.state != MemberState::Expelled);
                if !witness.is_some_and(|member| member.signs_with(&signed.key(), statement.issued)) {
                    return Err(BoardError::NotEntitled);
                }
                statement.check(charter, &signed.key())?;
                let slot = Slot::Witness(statement.witness, statement.page());
                Ok((slot, Content::Witness(signed.into_verified())))
            }
            Post::Purge(signed) => {
                let receipt = signed.payload();
                same_alliance(&receipt.alliance, &alliance)?;
                on_time(receipt.issued, now)?;
                // BOARD-3: nobody has erased yet what is due tomorrow.
                if receipt.day > receipt.issued.day() {
                    return Err(BoardError::FromTheFuture);
                }
                // PURGE-1: whatever its role, a member keeps feeds and forgets.
                let member = charter.member(receipt.member).filter(|member| member.state != MemberState::Expelled);
                if !member.is_some_and(|member| member.signs_with(&signed.key(), receipt.issued)) {
                    return Err(BoardError::NotEntitled);
                }
                Ok((Slot::Purge(receipt.member), Content::Purge(signed.into_verified())))
            }
            Post::Equivocation(proof) => {
                same_alliance(&proof.first().payload().alliance, &alliance)?;
                let cuts = freezes_after(&proof, chain, now)?;
                Ok((Slot::Equivocation(proof.publisher(), cuts), Content::Equivocation(Arc::new(proof))))
            }
        }
    }

    /// BOARD-6: how many of a kind there are at once. Usage reports and deletions are bounded by holders, classes, days and keys,
    /// receipts by members.
    fn require_room(&self, slot: &Slot, post: &Content) -> Result<(), BoardError> {
        let fits = match (slot, post) {
            (Slot::Call(_), Content::Call(call)) => {
                self.calls().filter(|other| other.key() == call.key()).count() < CALLS_OF_A_STEWARD
            }
            (Slot::Ceremony(ceremony, holder, step, _), _) => {
                let of = |id: u8| Slot::Ceremony(*ceremony, *holder, *step, [id; 32]);
                self.slots.range(of(0)..=of(u8::MAX)).count() < 2
            }
            _ => true,
        };
        still_kept(fits)
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
        let ended = self.calls().filter(|call| has_ended(call.payload(), now));
        let over: BTreeSet<Hash> = ended.map(|call| call.id()).collect();
        let goes = move |slot: &&Slot| match slot {
            Slot::Call(id) | Slot::Ceremony(id, ..) => over.contains(id),
            Slot::Usage(_, _, day) => is_past(*day, now),
            Slot::Deletion(..) | Slot::Witness(..) | Slot::Purge(..) | Slot::Equivocation(..) => false,
        };
        self.slots.keys().filter(goes).copied()
    }

    /// Whether a post is there.
    pub fn has(&self, id: &PostId) -> bool {
        self.ids.contains_key(id)
    }

    /// What is there, by name: for comparing with a peer.
    pub fn ids(&self) -> impl Iterator<Item = &PostId> {
        self.ids.keys()
    }

    /// Up to `most` posts that somebody who has `known` lacks, in the order in which they can be taken: a call before what
    /// belongs to it. If there are more, the next `turn` shows the next ones: what the other one never takes, because it has
    /// something else in that place, must not hide the rest.
    pub fn missing(&self, known: &[PostId], most: usize, turn: usize) -> Vec<Arc<[u8]>> {
        let known: BTreeSet<&PostId> = known.iter().collect();
        let lacks: Vec<&Shelved> = self.slots.values().filter(|shelved| !known.contains(&shelved.id)).collect();
        let begin = if lacks.len() > most { turn.wrapping_mul(most) % lacks.len() } else { 0 };
        lacks[begin..].iter().chain(&lacks[..begin]).take(most).map(|shelved| shelved.bytes.clone()).collect()
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

    /// What a witness stated last about the feeds of a page.
    pub fn witness_statement(&self, witness: MemberNumber, page: u16) -> Option<&Verified<WitnessStatement>> {
        match &self.slots.get(&Slot::Witness(witness, page))?.post {
            Content::Witness(statement) => Some(statement),
            _ => None,
        }
    }

    /// FEED-3: the proof that freezes a feed, unless the stewards have decided about it since.
    pub fn equivocation(&self, publisher: MemberNumber, charter: &Charter) -> Option<&Equivocation> {
        let cuts = charter.member(publisher)?.cuts.len();
        match &self.slots.get(&Slot::Equivocation(publisher, cuts))?.post {
            Content::Equivocation(proof) => Some(proof),
            _ => None,
        }
    }

    /// Who witnessed a feed, the newest head of it that each of them did, and the key of its cosignature.
    pub fn witnesses(
        &self,
        publisher: MemberNumber,
    ) -> impl Iterator<Item = (MemberNumber, &WitnessedHead, PublicKey)> {
        let all = Slot::Witness(MemberNumber(0), 0)..=Slot::Witness(MemberNumber(u16::MAX), u16::MAX);
        let of_page =
            move |(slot, _): &(&Slot, &Shelved)| matches!(slot, Slot::Witness(_, page) if *page == page_of(publisher));
        self.slots.range(all).filter(of_page).filter_map(move |(_, shelved)| match &shelved.post {
            Content::Witness(statement) => {
                let head = statement.payload().head(publisher)?;
                Some((statement.payload().witness, head, statement.key()))
            }
            _ => None,
        })
    }

    /// All proofs of equivocation, those that are settled included, by publisher in the order of the decisions.
    pub fn equivocations(&self) -> impl Iterator<Item = &Equivocation> {
        self.slots.values().filter_map(|shelved| match &shelved.post {
            Content::Equivocation(proof) => Some(&**proof),
            _ => None,
        })
    }

    /// What a member stated last of what it has forgotten.
    pub fn receipt(&self, member: MemberNumber) -> Option<&PurgeReceipt> {
        match &self.slots.get(&Slot::Purge(member))?.post {
            Content::Purge(receipt) => Some(receipt.payload()),
            _ => None,
        }
    }

    /// The statements that shares were deleted.
    pub fn deletions(&self) -> impl Iterator<Item = &Deletion> {
        self.slots.values().filter_map(|shelved| match &shelved.post {
            Content::Deletion(deletion) => Some(deletion.payload()),
            _ => None,
        })
    }
}

/// BOARD-8: which of two proofs about one feed is kept on every node, whatever the order in which they came: the one that
/// leaves the least of the feed, and of two such the one with the lower name.
fn says_more(before: &Equivocation, after: &Equivocation) -> bool {
    let place = |proof: &Equivocation| (proof.common(), Post::Equivocation(proof.clone()).id());
    place(after) < place(before)
}

/// BOARD-8: a proof holds two headers that contradict each other and each count as their publisher's word. After how many
/// of the decisions about its feed: a later one has settled it.
fn freezes_after(proof: &Equivocation, chain: &CharterChain, now: Timestamp) -> Result<usize, BoardError> {
    if proof.contradiction().is_none() {
        return Err(BoardError::NoContradiction);
    }
    let cuts = chain.current().member(proof.publisher()).map_or(&[][..], |member| &member.cuts);
    // What a decision left standing is decided, too: a stolen key can sign other headers of the past for ever.
    let undecided = |cuts: &[Cut]| cuts.iter().all(|cut| proof.common() >= cut.batches);
    let counts = |made: usize| {
        let verify = |header: &Signed<BatchHeader>| chain.verify_evidence(header.clone(), made, now);
        verify(proof.first()).and(verify(proof.second())).map_err(BoardError::Header)
    };
    counts(0)?;
    let last = (0..=cuts.len()).rev().find(|made| undecided(&cuts[..*made]) && counts(*made).is_ok());
    Ok(last.unwrap_or(0))
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

/// BOARD-2: a member that may hold shares and is not expelled, with its feed key of that time.
fn may_sign(charter: &Charter, holder: MemberNumber, key: &PublicKey, at: Timestamp) -> Result<(), BoardError> {
    let member = charter.member(holder).filter(|member| member.state != MemberState::Expelled);
    let may = member.is_some_and(|member| member.role.may_hold_shares() && member.signs_with(key, at));
    if may { Ok(()) } else { Err(BoardError::NotEntitled) }
}

fn still_kept(kept: bool) -> Result<(), BoardError> {
    // BOARD-6: what would not be kept is not taken, however often somebody shows it again.
    if kept { Ok(()) } else { Err(BoardError::NotKept) }
}

fn has_ended(call: &Call, now: Timestamp) -> bool {
    now > call.deadline.plus(CEREMONY_KEPT_SECONDS)
}

fn is_past(day: Day, now: Timestamp) -> bool {
    now.day().0.saturating_sub(day.0) > USAGE_KEPT_DAYS
}
