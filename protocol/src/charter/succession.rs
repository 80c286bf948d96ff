//! Successions: a key hands over to the next one of its kind, and both say so.
//!
//! Feed key and node key change apart from each other. The member makes the next key on its own machine and signs the change with
//! both; the stewards put it into the charter, where it stays. Nobody but the holder of the old key can bring in a new one that way:
//! for a key that is lost or stolen there is the decision to revoke it ([`super::Change::Revoke`]), which cuts the feed.

use super::{CharterError, FeedKey, Member};
use crate::{
    base::{Hash, MemberNumber, Timestamp},
    encoding::{DecodeError, Reader, Require, Wire, Writer},
    signed::{self, Payload, PublicKey, Signer},
};

#[cfg(test)]
mod tests;

/// The most successions of one member, of both kinds together.
pub(super) const SUCCESSIONS: usize = 64;

crate::codes::codes! {
    /// Which key of a member succeeds.
    KeyKind {
        Feed = 1, "feed", "名单源密钥", "feed key";
        Node = 2, "node", "节点密钥", "node key";
    }
}

/// What the old and the new key sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySuccession {
    /// The alliance.
    pub alliance: Hash,
    /// Whose keys.
    pub member: MemberNumber,
    /// Of which kind.
    pub kind: KeyKind,
    /// The key in use.
    pub old: PublicKey,
    /// The one after it.
    pub new: PublicKey,
}

impl Payload for KeySuccession {
    const CONTENT_TYPE: &'static str = "application/antibrush-key-succession+cbor";
}

impl Wire for KeySuccession {
    const MAX_BYTES: usize = 256;

    fn write(&self, w: &mut Writer) {
        w.map(6).uint(0u8).uint(1u8);
        w.uint(1u8).bytes(&self.alliance);
        w.uint(2u8).uint(self.member.0);
        w.uint(3u8).uint(self.kind.number());
        w.uint(4u8).bytes(&self.old);
        w.uint(5u8).bytes(&self.new);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut version, mut alliance, mut member, mut kind, mut old, mut new) = (None, None, None, None, None, None);
        r.fields(|key, r| {
            match key {
                0 => version = Some(r.version(1)?),
                1 => alliance = Some(r.fixed()?),
                2 => member = Some(MemberNumber(r.small("member")?)),
                3 => kind = Some(r.code("kind", KeyKind::from_number)?),
                4 => old = Some(r.fixed()?),
                5 => new = Some(r.fixed()?),
                other => return Err(DecodeError::UnknownKey(other)),
            }
            Ok(())
        })?;
        version.require("version")?;
        Ok(KeySuccession {
            alliance: alliance.require("alliance")?,
            member: member.require("member")?,
            kind: kind.require("kind")?,
            old: old.require("old")?,
            new: new.require("new")?,
        })
    }
}

/// A succession with both signatures, as a member sends it to a steward: `[succession, by the old key, by the new key]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignedSuccession {
    /// What is signed.
    pub succession: KeySuccession,
    /// The signature in the COSE_Sign1 of the old key.
    pub by_old: [u8; 64],
    /// The signature in the COSE_Sign1 of the new key.
    pub by_new: [u8; 64],
}

impl SignedSuccession {
    /// Signs with both keys, which are those that the succession names.
    pub fn sign(succession: KeySuccession, old: &dyn Signer, new: &dyn Signer) -> SignedSuccession {
        let payload = succession.encode();
        let by = |signer| signed::sign_apart(KeySuccession::CONTENT_TYPE, &payload, signer);
        SignedSuccession { by_old: by(old), by_new: by(new), succession }
    }

    /// Whether both keys signed.
    pub fn holds(&self) -> bool {
        let (payload, s) = (self.succession.encode(), &self.succession);
        let by = |key, signature| signed::verify_apart(KeySuccession::CONTENT_TYPE, &payload, key, signature);
        s.old != s.new && by(&s.old, &self.by_old) && by(&s.new, &self.by_new)
    }
}

impl Wire for SignedSuccession {
    const MAX_BYTES: usize = 512;

    fn write(&self, w: &mut Writer) {
        w.array(3).object(&self.succession).bytes(&self.by_old).bytes(&self.by_new);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(3)?;
        Ok(SignedSuccession { succession: KeySuccession::read(r)?, by_old: r.fixed()?, by_new: r.fixed()? })
    }
}

/// A succession as the charter keeps it: alliance and member are those that it stands with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Succession {
    /// The number of the charter that recorded it.
    pub charter: u64,
    /// Of which kind.
    pub kind: KeyKind,
    /// The key that was in use.
    pub old: PublicKey,
    /// The one after it.
    pub new: PublicKey,
    /// The signature of the old key.
    pub by_old: [u8; 64],
    /// The signature of the new key.
    pub by_new: [u8; 64],
}

impl Succession {
    /// As that version of the charter records it.
    pub(super) fn recorded(signed: &SignedSuccession, charter: u64) -> Succession {
        let SignedSuccession { succession: s, by_old, by_new } = signed;
        Succession { charter, kind: s.kind, old: s.old, new: s.new, by_old: *by_old, by_new: *by_new }
    }

    /// As both keys signed it.
    pub(super) fn signed(&self, alliance: Hash, member: MemberNumber) -> SignedSuccession {
        let Succession { kind, old, new, by_old, by_new, .. } = *self;
        SignedSuccession { succession: KeySuccession { alliance, member, kind, old, new }, by_old, by_new }
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(6).uint(self.charter).uint(self.kind.number()).bytes(&self.old).bytes(&self.new);
        w.bytes(&self.by_old).bytes(&self.by_new);
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Succession, DecodeError> {
        r.tuple(6)?;
        Ok(Succession {
            charter: r.uint()?,
            kind: r.code("successions", KeyKind::from_number)?,
            old: r.fixed()?,
            new: r.fixed()?,
            by_old: r.fixed()?,
            by_new: r.fixed()?,
        })
    }
}

impl Member {
    /// The feed key that signs under this version: the last one that is neither revoked nor succeeded.
    pub fn present_feed_key(&self) -> Option<&FeedKey> {
        let is_present = |key: &&FeedKey| key.revoked.is_none() && self.feed_key_succeeded(&key.key).is_none();
        self.feed_keys.iter().rfind(is_present)
    }

    /// The number of the charter in which another feed key succeeded this one: it signs no header under that or a later one.
    pub(super) fn feed_key_succeeded(&self, key: &PublicKey) -> Option<u64> {
        self.succession(KeyKind::Feed, |s| s.old == *key)
    }

    /// The number of the charter in which this feed key succeeded another one: it signs no header under an earlier one.
    pub(super) fn feed_key_succeeds(&self, key: &PublicKey) -> Option<u64> {
        self.succession(KeyKind::Feed, |s| s.new == *key)
    }

    fn succession(&self, kind: KeyKind, is_it: impl Fn(&Succession) -> bool) -> Option<u64> {
        self.successions.iter().find(|s| s.kind == kind && is_it(s)).map(|s| s.charter)
    }

    /// The key by which a node is known today that had this one: a node stays the same one when its key hands over.
    pub fn present_node(&self, key: &PublicKey) -> PublicKey {
        let handovers = self.successions.iter().filter(|s| s.kind == KeyKind::Node);
        // The oldest come first, so one pass follows them all.
        handovers.fold(*key, |key, s| if s.old == key { s.new } else { key })
    }

    /// Node keys that others succeeded, each with the number of the charter that says so.
    pub fn former_nodes(&self) -> impl Iterator<Item = (&PublicKey, u64)> {
        self.successions.iter().filter(|s| s.kind == KeyKind::Node).map(|s| (&s.old, s.charter))
    }
}

/// A charter's own view: a member that nobody knew before brings no history.
pub(super) fn check_newcomer(new: &Member) -> Result<(), CharterError> {
    if new.successions.is_empty() { Ok(()) } else { Err(CharterError::KeySuccession(new.number)) }
}

/// CHARTER-20: a member's new feed key is the successor of its present one, signed by both, unless that one is revoked; a node key
/// that is succeeded leaves its place to its successor; records stay.
pub(super) fn check(alliance: Hash, old: &Member, new: &Member, number: u64) -> Result<(), CharterError> {
    let refused = Err(CharterError::KeySuccession(new.number));
    let Some(made) = new.successions.strip_prefix(&old.successions[..]) else { return refused };
    for (at, succession) in made.iter().enumerate() {
        let is_own = succession.charter == number && succession.signed(alliance, new.number).holds();
        let is_only = made[..at].iter().all(|other| other.kind != succession.kind || other.old != succession.old);
        let hands_over = match succession.kind {
            KeyKind::Feed => {
                let present = old.present_feed_key().map(|key| key.key);
                present == Some(succession.old) && new.feed_keys.last().is_some_and(|key| key.key == succession.new)
            }
            KeyKind::Node => {
                let place = old.nodes.iter().position(|node| node.key == succession.old);
                let stands = |at: usize| new.nodes.get(at).is_some_and(|node| node.key == succession.new);
                place.is_some_and(stands) && old.node(&succession.new).is_none() && new.node(&succession.old).is_none()
            }
        };
        if !(is_own && is_only && hands_over) {
            return refused;
        }
    }
    let knew = |key: &PublicKey| old.feed_keys.iter().any(|known| known.key == *key);
    let mut added = new.feed_keys.iter().filter(|key| !knew(&key.key));
    let (first, second) = (added.next(), added.next());
    let is_revoked =
        |present: &FeedKey| new.feed_keys.iter().any(|k| k.key == present.key && k.revoked == Some(number));
    let succeeds = |key: &FeedKey| made.iter().any(|s| s.kind == KeyKind::Feed && s.new == key.key);
    let is_free = old.present_feed_key().is_none_or(is_revoked);
    if second.is_some() || !first.is_none_or(|key| is_free || succeeds(key)) {
        return refused;
    }
    // A record without its key would say that the old one signs no more, and nobody would.
    let recorded = made.iter().filter(|s| s.kind == KeyKind::Feed).all(|s| first.is_some_and(|key| key.key == s.new));
    if recorded { Ok(()) } else { refused }
}

/// How long a succeeded key still signs what is not a header, from the day on which the version was drawn up: its signatures may
/// travel by mail for weeks before it comes into force.
pub(super) const POSTS_GRACE_SECONDS: u64 = 30 * 86_400;

/// How long before the charter a new feed key may sign: the member's clock may be behind the steward's.
const CLOCK_GRACE_SECONDS: u64 = 86_400;

/// Puts a succession into the next charter, whose number and time of issue are given.
pub(super) fn record(member: &mut Member, signed: &SignedSuccession, number: u64, issued: Timestamp) -> bool {
    let s = &signed.succession;
    match s.kind {
        KeyKind::Feed => {
            if member.present_feed_key().is_none_or(|present| present.key != s.old) {
                return false;
            }
            let Some(key) = member.feed_keys.iter_mut().find(|key| key.key == s.old) else { return false };
            key.until = key.until.or(Some(issued.plus(POSTS_GRACE_SECONDS)));
            let from = Timestamp(issued.0.saturating_sub(CLOCK_GRACE_SECONDS));
            member.feed_keys.push(FeedKey::new(s.new, from));
        }
        KeyKind::Node => {
            let Some(node) = member.nodes.iter_mut().find(|node| node.key == s.old) else { return false };
            node.key = s.new;
        }
    }
    member.successions.push(Succession::recorded(signed, number));
    true
}
