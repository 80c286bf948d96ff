//! The succession of charters, and the one place where signed objects become verified ones.

use std::sync::Arc;

use super::{Charter, Member, SignedCharter, TokenKey, cut, quorum, succession};
use crate::{
    base::{Hash, MemberNumber, Timestamp},
    checkpoint::log_name,
    feed::{BatchHeader, HeaderError},
    limits,
    signed::{self, PublicKey, SignatureError, Signed, Verified},
};

/// Why a charter is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CharterError {
    /// The envelope, a signature or the encoding is broken.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// CHARTER-1: number, previous id and alliance id do not make it a first version or a successor.
    #[error("the version number, the previous id and the alliance id do not fit together")]
    Succession,
    /// CHARTER-2: members out of order.
    #[error("the members are not in ascending order of their numbers")]
    Order,
    /// CHARTER-2: a slug or credit code is malformed or used twice.
    #[error("member {0} has a malformed or repeated short name or credit code")]
    Member(MemberNumber),
    /// CHARTER-2: a key is weak, malformed or used twice.
    #[error("member {0} has a key that is weak or used twice")]
    Key(MemberNumber),
    /// CHARTER-2: secrets are never sealed to an observer.
    #[error("member {0} is an observer and must hold no sealed secret")]
    ObserverHoldsSecret(MemberNumber),
    /// CHARTER-3: the stewards can not reach their threshold, or one is no active member.
    #[error("the stewards are not active members with own keys who can reach the threshold")]
    Stewards,
    /// CHARTER-4: token keys out of order, repeated, or not of the form of their suite.
    #[error("the token keys are out of order, repeated, or not of the form of their suite")]
    TokenKeys,
    /// CHARTER-15: holders that are no active members with a signing key under different control, all of them platforms, or
    /// fewer than the threshold.
    #[error(
        "key holders must be active members under different control, at least one of them no platform, and reach the threshold"
    )]
    Holding,
    /// CHARTER-16: the public shares do not belong to one key, or a holder is no member.
    #[error("the public shares of a token key do not belong to one key of its threshold, or a holder is no member")]
    PublicShares,
    /// CHARTER-17: a class would fall back from threshold keys to a pepper.
    #[error("a class with a threshold key (suite 2) never goes back to keyed tokens (suite 1)")]
    FallsBack,
    /// CHARTER-18: more than two epochs of one class at once.
    #[error("a class with a threshold key has at most two active epochs; retire the oldest first")]
    TooManyEpochs,
    /// CHARTER-5: keyed tokens for persons without saying so.
    #[error("keyed tokens (suite 1) for personal classes need the policy that accepts insider enumeration")]
    EnumerablePersons,
    /// CHARTER-6: it expires before it is issued, or a policy number is out of range.
    #[error("the term or a policy number is out of range")]
    Term,
    /// CHARTER-7: not the next version.
    #[error("version {found} does not follow version {expected}")]
    NotNext {
        /// The number that would follow.
        expected: u64,
        /// The number that came.
        found: u64,
    },
    /// CHARTER-8: it names another predecessor, alliance or founding nonce.
    #[error("the charter does not continue this alliance's chain")]
    OtherChain,
    /// CHARTER-9: the quorum of the version before has not signed.
    #[error("the quorum of the version before has not signed: {have} of {need}")]
    OldQuorum {
        /// Distinct controlling entities that signed.
        have: usize,
        /// How many must.
        need: u8,
    },
    /// CHARTER-10: the quorum of this version has not signed.
    #[error("the quorum of this version has not signed: {have} of {need}")]
    NewQuorum {
        /// Distinct controlling entities that signed.
        have: usize,
        /// How many must.
        need: u8,
    },
    /// CHARTER-11: a member number moved to another legal entity, or a member vanished.
    #[error("member {0} vanished or its number moved to another legal entity")]
    NumberMoved(MemberNumber),
    /// CHARTER-14: issued in the future: some clock is wrong, and nobody is to blame. Taken when its time has come.
    #[error("the charter was issued in the future; one of the two clocks is wrong")]
    FromTheFuture,
    /// CHARTER-13: a token key of an earlier version changed or vanished: all tokens under it would lose their meaning.
    #[error("a token key of an earlier version changed or vanished; a new key needs a new epoch")]
    TokenKeyChanged,
    /// CHARTER-19: a decision about a feed is malformed, was changed, or is not of this version.
    #[error("the decision up to where the feed of member {0} stands is malformed or was changed")]
    Cut(MemberNumber),
    /// CHARTER-20: a key came in without the signature of the one before it, or the record of that changed.
    #[error("a key of member {0} is not signed by the one before it, or the record of a succession was changed")]
    KeySuccession(MemberNumber),
    /// CHARTER-21: a feed key vanished, changed its term, or was revoked without saying up to where the feed stands.
    #[error("a feed key of member {0} vanished, changed, or was revoked without saying up to where the feed stands")]
    FeedKey(MemberNumber),
    /// CHARTER-22: it has run out, and nothing is signed under it any more.
    #[error("the charter has expired; the stewards must sign its successor")]
    Expired,
    /// CHARTER-12: another version with the same number is already in force: a fork.
    #[error("a different version {0} is already in force here")]
    Forked(u64),
}

/// Why a header is refused against the charter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderRefusal {
    /// The envelope, signature or encoding is broken: the sender's fault.
    #[error(transparent)]
    Signature(#[from] SignatureError),
    /// A rule of form is broken: the publisher's fault.
    #[error(transparent)]
    Form(#[from] HeaderError),
    /// HEADER-8: of another alliance.
    #[error("the header is of another alliance")]
    OtherAlliance,
    /// HEADER-9: signed under a charter that this node has not seen: fetch the charter first.
    #[error("the header names a charter that this node has not seen")]
    UnknownCharter,
    /// HEADER-10: the publisher is not a member that publishes.
    #[error("the publisher is not an active member that publishes")]
    NotAPublisher,
    /// HEADER-11: not signed by the publisher's feed key of that time.
    #[error("the header is not signed by the publisher's feed key")]
    WrongKey,
    /// HEADER-13: the signature of the checkpoint is not the feed key's.
    #[error("the checkpoint of the header is not signed by the key of the header")]
    Checkpoint,
    /// HEADER-12: issued in our future: one of the two clocks is wrong.
    #[error("the header is issued in the future; one of the two clocks is wrong")]
    FromTheFuture,
    /// HEADER-14: void by decision of the stewards.
    #[error("the header is void: the stewards decided that the feed stands up to an earlier head only")]
    Void,
    /// FEED-9: the header before it names a later charter.
    #[error("the header names an earlier charter than the one before it")]
    EarlierCharter,
    /// HEADER-15: signed when the charter that it names had expired.
    #[error("the header was signed under a charter that had expired")]
    CharterExpired,
}

/// All charters of one alliance, first to newest, each verified.
#[derive(Clone, Debug)]
pub struct CharterChain {
    versions: Vec<SignedCharter>,
    alliance: Hash,
}

impl CharterChain {
    /// Begins with the first version. `expected` is the alliance id that one was told (an invitation has it): without it
    /// anybody could present an alliance of his own.
    pub fn found(first: SignedCharter, expected: Option<&Hash>) -> Result<CharterChain, CharterError> {
        let charter = first.charter();
        charter.check()?;
        if charter.number != 1 {
            return Err(CharterError::NotNext { expected: 1, found: charter.number });
        }
        if expected.is_some_and(|expected| *expected != first.id()) {
            return Err(CharterError::OtherChain);
        }
        charter.members.iter().try_for_each(succession::check_newcomer)?;
        require_quorum(charter, &first, |have, need| CharterError::NewQuorum { have, need })?;
        charter.check_public_shares(None)?;
        Ok(CharterChain { alliance: first.id(), versions: vec![first] })
    }

    /// Appends the next version. The same version again changes nothing and is `Ok(false)`.
    pub fn extend(&mut self, next: SignedCharter) -> Result<bool, CharterError> {
        let current = self.versions.last().map(|v| (v.id(), v.charter().clone()));
        let Some((current_id, current)) = current else { return Err(CharterError::Succession) };
        let charter = next.charter().clone();
        if let Some(known) = charter.number.checked_sub(1).and_then(|at| self.versions.get(usize::try_from(at).ok()?)) {
            // CHARTER-12
            return if known.id() == next.id() { Ok(false) } else { Err(CharterError::Forked(charter.number)) };
        }
        charter.check()?;
        // CHARTER-7
        if charter.number != current.number + 1 {
            return Err(CharterError::NotNext { expected: current.number + 1, found: charter.number });
        }
        // CHARTER-8
        if charter.previous != Some(current_id)
            || charter.alliance != Some(self.alliance)
            || charter.founding_nonce != current.founding_nonce
        {
            return Err(CharterError::OtherChain);
        }
        // CHARTER-11
        for old in &current.members {
            if !charter.member(old.number).is_some_and(|new| new.uscc == old.uscc && new.slug == old.slug) {
                return Err(CharterError::NumberMoved(old.number));
            }
        }
        for (old, new) in current.members.iter().filter_map(|old| Some((old, charter.member(old.number)?))) {
            cut::check_succession(old, new, charter.number)?;
            cut::check_feed_keys(old, new, charter.number)?;
            succession::check(self.alliance, old, new, charter.number)?; // CHARTER-20
        }
        for new in charter.members.iter().filter(|new| current.member(new.number).is_none()) {
            succession::check_newcomer(new)?;
        }
        // CHARTER-13
        let stays = |old: &TokenKey| {
            let same = |new: &&TokenKey| (new.class, new.epoch) == (old.class, old.epoch);
            charter.token_keys.iter().find(same).is_some_and(|new| old.may_become(new))
        };
        if !current.token_keys.iter().all(stays) {
            return Err(CharterError::TokenKeyChanged);
        }
        require_quorum(&current, &next, |have, need| CharterError::OldQuorum { have, need })?; // CHARTER-9
        require_quorum(&charter, &next, |have, need| CharterError::NewQuorum { have, need })?; // CHARTER-10
        charter.check_public_shares(Some(&current))?; // CHARTER-16
        self.versions.push(next);
        Ok(true)
    }

    /// The alliance's id: SHA-256 of the first version's payload.
    pub fn alliance(&self) -> Hash {
        self.alliance
    }

    /// The version in force.
    pub fn current(&self) -> &Arc<Charter> {
        self.newest().charter()
    }

    /// The id of the version in force.
    pub fn current_id(&self) -> Hash {
        self.newest().id()
    }

    /// The version with this id.
    pub fn version(&self, id: &Hash) -> Option<&SignedCharter> {
        self.versions.iter().rev().find(|version| version.id() == *id)
    }

    /// All versions from this number on.
    pub fn from(&self, number: u64) -> &[SignedCharter] {
        let at = usize::try_from(number.saturating_sub(1)).unwrap_or(usize::MAX).min(self.versions.len());
        &self.versions[at..]
    }

    fn newest(&self) -> &SignedCharter {
        // `found` puts the first version in and nothing takes one out.
        self.versions.last().expect("a chain has a first version")
    }

    /// The one check that lets a batch header in, whatever way it came: gossip, sync, disk or our own pen.
    pub fn verify_header(
        &self,
        header: Signed<BatchHeader>,
        now: Timestamp,
    ) -> Result<Verified<BatchHeader>, HeaderRefusal> {
        let h = header.payload();
        if h.alliance != self.alliance {
            return Err(HeaderRefusal::OtherAlliance); // HEADER-8
        }
        let publisher = self.current().member(h.publisher).filter(|m| m.role.publishes() && publishes_still(m));
        let named = self.verify_signer(&header, publisher, now)?;
        if publisher.is_some_and(|member| cut::is_void(member, usize::MAX, h, &header.id(), named)) {
            return Err(HeaderRefusal::Void); // HEADER-14
        }
        Ok(header.into_verified())
    }

    /// A header as evidence: the same check, but up to the first `cuts` decisions about its feed, and whether or not its
    /// publisher was expelled for it.
    pub(crate) fn verify_evidence(
        &self,
        header: Signed<BatchHeader>,
        cuts: usize,
        now: Timestamp,
    ) -> Result<Verified<BatchHeader>, HeaderRefusal> {
        let h = header.payload();
        if h.alliance != self.alliance {
            return Err(HeaderRefusal::OtherAlliance);
        }
        let publisher = self.current().member(h.publisher).filter(|member| member.role.publishes());
        let named = self.verify_signer(&header, publisher, now)?;
        if publisher.is_some_and(|member| cut::is_void(member, cuts, h, &header.id(), named)) {
            return Err(HeaderRefusal::Void);
        }
        Ok(header.into_verified())
    }

    /// Whether a member's key signed a header of good form at a time at which it could; the number of the charter that it names.
    fn verify_signer(
        &self,
        header: &Signed<BatchHeader>,
        publisher: Option<&Member>,
        now: Timestamp,
    ) -> Result<u64, HeaderRefusal> {
        let h = header.payload();
        let Some(named) = self.version(&h.charter) else { return Err(HeaderRefusal::UnknownCharter) }; // HEADER-9
        let Some(publisher) = publisher else { return Err(HeaderRefusal::NotAPublisher) }; // HEADER-10
        if !publisher.signs_header_with(&header.key(), h.issued, named.charter().number) {
            return Err(HeaderRefusal::WrongKey); // HEADER-11
        }
        if h.issued > now.plus(limits::CLOCK_SKEW_SECONDS) {
            return Err(HeaderRefusal::FromTheFuture); // HEADER-12
        }
        if h.issued >= named.charter().expires {
            return Err(HeaderRefusal::CharterExpired); // HEADER-15
        }
        h.check()?;
        self.check_checkpoint(h, &header.key(), named, &publisher.slug)?;
        Ok(named.charter().number)
    }

    /// The number of the version with this id.
    pub fn number_of(&self, id: &Hash) -> Option<u64> {
        self.version(id).map(|version| version.charter().number)
    }

    /// CHARTER-22: whether the charter in force still speaks for the alliance. A successor is taken all the same: it is the way
    /// out.
    pub fn require_in_force(&self, now: Timestamp) -> Result<(), CharterError> {
        if now < self.current().expires { Ok(()) } else { Err(CharterError::Expired) }
    }

    /// The former keys of nodes that active members still have: such a node may fetch charters, and nothing else, so that it learns of
    /// its successor however long it was away.
    pub fn former_nodes(&self) -> impl Iterator<Item = &PublicKey> {
        let active = self.current().members.iter().filter(|member| member.is_active());
        active.flat_map(|member| {
            let stands = |key: &&PublicKey| member.node(&member.present_node(key)).is_some();
            member.former_nodes().map(|(key, _)| key).filter(stands)
        })
    }

    /// CHARTER-12: whether this is another successor, by the quorums' own signatures, of the version before one that is in force
    /// here: proof that the stewards signed two.
    pub fn is_fork(&self, other: &SignedCharter) -> bool {
        let number = other.charter().number;
        let ours = self.from(number).first().filter(|ours| ours.charter().number == number);
        if number < 2 || ours.is_none_or(|ours| ours.id() == other.id()) {
            return false;
        }
        self.before(number).is_some_and(|mut before| before.extend(other.clone()) == Ok(true))
    }

    /// The chain as it was before a version, if that was not the first.
    pub fn before(&self, number: u64) -> Option<CharterChain> {
        let keep = usize::try_from(number.checked_sub(1)?).ok()?.min(self.versions.len());
        (keep > 0).then(|| CharterChain { alliance: self.alliance, versions: self.versions[..keep].to_vec() })
    }

    /// HEADER-13: the log's signature, if there is one, is by the header's own key under the name that the feed has by the charter
    /// that the header names.
    fn check_checkpoint(
        &self,
        header: &BatchHeader,
        key: &PublicKey,
        named: &SignedCharter,
        slug: &str,
    ) -> Result<(), HeaderRefusal> {
        let Some(signature) = &header.checkpoint else { return Ok(()) };
        let cuts = named.charter().member(header.publisher).map_or(0, Member::cuts_made);
        let text = header.checkpoint_text(&log_name(&self.alliance, slug, cuts));
        if signed::verify(key, text.as_bytes(), signature) { Ok(()) } else { Err(HeaderRefusal::Checkpoint) }
    }
}

/// A suspended member's earlier feed stays readable for those who join later; an expelled one's is not taken in any more.
fn publishes_still(member: &Member) -> bool {
    member.state != super::MemberState::Expelled
}

fn require_quorum(
    charter: &Charter,
    signed: &SignedCharter,
    error: impl Fn(usize, u8) -> CharterError,
) -> Result<(), CharterError> {
    if quorum::is_met(charter, signed.signers()) {
        Ok(())
    } else {
        Err(error(quorum::count(charter, signed.signers()), charter.threshold))
    }
}
