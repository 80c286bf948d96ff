//! A member as the charter holds it.

use super::{
    cut::{CUTS, Cut},
    succession::{SUCCESSIONS, Succession},
};
use crate::{
    base::{MemberNumber, Timestamp},
    encoding::{DecodeError, Reader, Require, Wire, Writer},
    limits,
    signed::PublicKey,
};

crate::codes::codes! {
    /// What a member may do (docs/DOMAIN.md § Roles).
    MemberRole {
        Platform = 1, "platform", "成员平台", "member platform";
        Observer = 2, "observer", "监管观察员", "observer";
        KeyHolder = 3, "key-holder", "密钥持有方", "key holder";
        Gateway = 4, "gateway", "联盟网关", "gateway";
    }
}

impl MemberRole {
    /// Whether the member publishes a feed that answers depend on.
    pub const fn publishes(self) -> bool {
        matches!(self, MemberRole::Platform)
    }

    /// Whether the member may hold shares of threshold keys.
    pub const fn may_hold_shares(self) -> bool {
        matches!(self, MemberRole::Platform | MemberRole::KeyHolder)
    }

    /// Whether the member signs objects in its own name: a feed, what a key holder states, or as a witness.
    pub const fn signs(self) -> bool {
        self.publishes() || self.may_hold_shares() || matches!(self, MemberRole::Observer)
    }

    /// Whether the member may turn identifiers into tokens.
    pub const fn may_derive(self) -> bool {
        matches!(self, MemberRole::Platform)
    }
}

crate::codes::codes! {
    /// Where a member stands.
    MemberState {
        Active = 1, "active", "正常", "active member";
        Suspended = 2, "suspended", "暂停", "suspended member";
        Expelled = 3, "expelled", "除名", "expelled member";
    }
}

/// The most feed keys of one member, those that sign no more included.
pub(super) const FEED_KEYS: usize = 64;

/// A key with which a member signs its feed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedKey {
    /// The Ed25519 key.
    pub key: PublicKey,
    /// Headers issued before this are not signed by it.
    pub from: Timestamp,
    /// Headers issued at or after this are not signed by it.
    pub until: Option<Timestamp>,
    /// The number of the charter that revoked it, with an end: it signs nothing under that one or a later one.
    pub revoked: Option<u64>,
}

impl FeedKey {
    /// A key that signs from a moment on, without an end.
    pub fn new(key: PublicKey, from: Timestamp) -> FeedKey {
        FeedKey { key, from, until: None, revoked: None }
    }

    /// Whether headers of that time may be signed by it.
    fn is_valid(&self, at: Timestamp) -> bool {
        self.from <= at && self.until.is_none_or(|until| at < until)
    }
}

/// A node of a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Node {
    /// The Ed25519 key behind its libp2p PeerId.
    pub key: PublicKey,
    /// Where it listens, as multiaddresses without the peer part; empty if it only dials out.
    pub addresses: Vec<String>,
}

/// The seed of a suite-1 epoch, sealed to the member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SealedSeed {
    /// The epoch.
    pub epoch: u16,
    /// `enc[32] ‖ ciphertext[48]`.
    pub sealed: Vec<u8>,
}

/// One member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its number: never reused, never moved to another legal entity.
    pub number: MemberNumber,
    /// Its short name, unique in the charter: `[a-z0-9-]`, 2–32 characters.
    pub slug: String,
    /// Its registered name.
    pub legal_name: String,
    /// Its unified social credit code.
    pub uscc: String,
    /// The code of the entity that controls it (its own if nobody does): sisters under one control count once.
    pub controller: String,
    /// What it may do.
    pub role: MemberRole,
    /// Where it stands.
    pub state: MemberState,
    /// Its feed keys, oldest first: an observer signs with them as a witness.
    pub feed_keys: Vec<FeedKey>,
    /// Its nodes.
    pub nodes: Vec<Node>,
    /// The X25519 key to which secrets for it are sealed.
    pub seal_key: [u8; 32],
    /// What was sealed to it.
    pub sealed_seeds: Vec<SealedSeed>,
    /// Up to where its feed stands, by decision of the stewards, oldest first.
    pub cuts: Vec<Cut>,
    /// Which keys handed over to which, oldest first.
    pub successions: Vec<Succession>,
}

impl Member {
    /// Whether the member is active.
    pub fn is_active(&self) -> bool {
        self.state == MemberState::Active
    }

    /// Whether answers depend on this member's feed.
    pub fn is_publisher(&self) -> bool {
        self.is_active() && self.role.publishes()
    }

    /// The node with this key.
    pub fn node(&self, key: &PublicKey) -> Option<&Node> {
        self.nodes.iter().find(|node| node.key == *key)
    }

    /// Whether this is the first of its nodes, the one that signs in the member's name.
    pub fn is_first_node(&self, node: &PublicKey) -> bool {
        self.nodes.first().is_some_and(|first| first.key == *node)
    }

    /// How many decisions cut its feed so far; each makes another log of it.
    pub fn cuts_made(&self) -> usize {
        self.cuts.len()
    }

    /// Whether `key` signs in this member's name at that time. A revoked key signs nothing: whoever stole it states any time.
    pub fn signs_with(&self, key: &PublicKey, at: Timestamp) -> bool {
        self.feed_keys.iter().any(|k| k.key == *key && k.is_valid(at) && k.revoked.is_none())
    }

    /// Whether `key` signs this member's headers of that time under that version of the charter. What a revoked key signed
    /// before it was revoked stays: up to where is for the cut to say. A succession is told by the charter that a header names, not
    /// by the clock: a node that hears late of its new key has signed nothing in vain.
    pub fn signs_header_with(&self, key: &PublicKey, at: Timestamp, charter: u64) -> bool {
        let Some(known) = self.feed_keys.iter().find(|known| known.key == *key) else { return false };
        let succeeded = self.feed_key_succeeded(key);
        let in_time = if succeeded.is_some() { known.from <= at } else { known.is_valid(at) };
        let before = |end: Option<u64>| end.is_none_or(|by| charter < by);
        let begun = self.feed_key_succeeds(key).is_none_or(|by| by <= charter);
        in_time && begun && before(succeeded) && before(known.revoked)
    }
}

/// Whether a slug has the form that members and platforms use.
pub fn is_slug(slug: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (2..=32).contains(&slug.len()) && slug.bytes().all(inner) && !slug.starts_with('-') && !slug.ends_with('-')
}

impl Wire for Member {
    const MAX_BYTES: usize = 16 * 1024;

    fn write(&self, w: &mut Writer) {
        w.map(11 + usize::from(!self.cuts.is_empty()) + usize::from(!self.successions.is_empty()));
        w.uint(0u8).uint(self.number.0);
        w.uint(1u8).text(&self.slug);
        w.uint(2u8).text(&self.legal_name);
        w.uint(3u8).text(&self.uscc);
        w.uint(4u8).text(&self.controller);
        w.uint(5u8).uint(self.role.number());
        w.uint(6u8).uint(self.state.number());
        w.uint(7u8).array(self.feed_keys.len());
        for key in &self.feed_keys {
            // CHARTER-21: what is revoked has an end.
            let revoked = key.revoked.filter(|_| key.until.is_some());
            w.array(2 + usize::from(key.until.is_some()) + usize::from(revoked.is_some()));
            w.bytes(&key.key).uint(key.from.0);
            if let Some(until) = key.until {
                w.uint(until.0);
            }
            if let Some(revoked) = revoked {
                w.uint(revoked);
            }
        }
        w.uint(8u8).array(self.nodes.len());
        for node in &self.nodes {
            w.array(2).bytes(&node.key).array(node.addresses.len());
            for address in &node.addresses {
                w.text(address);
            }
        }
        w.uint(9u8).bytes(&self.seal_key);
        w.uint(10u8).array(self.sealed_seeds.len());
        for seed in &self.sealed_seeds {
            w.array(2).uint(seed.epoch).bytes(&seed.sealed);
        }
        if !self.cuts.is_empty() {
            w.uint(11u8).array(self.cuts.len());
            self.cuts.iter().for_each(|cut| cut.write(w));
        }
        if !self.successions.is_empty() {
            w.uint(12u8).array(self.successions.len());
            self.successions.iter().for_each(|succession| succession.write(w));
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut number, mut slug, mut legal_name, mut uscc, mut controller) = (None, None, None, None, None);
        let (mut role, mut state, mut feed_keys, mut nodes) = (None, None, None, None);
        let (mut seal_key, mut sealed_seeds, mut cuts, mut successions) = (None, None, None, None);
        r.fields(|key, r| {
            match key {
                0 => number = Some(MemberNumber(r.small("number")?)),
                1 => slug = Some(r.text(32, "slug")?),
                2 => legal_name = Some(r.text(limits::NAME_BYTES, "legal name")?),
                3 => uscc = Some(r.text(18, "uscc")?),
                4 => controller = Some(r.text(18, "controller")?),
                5 => role = Some(r.code("role", MemberRole::from_number)?),
                6 => state = Some(r.code("state", MemberState::from_number)?),
                7 => feed_keys = Some(r.items(FEED_KEYS, read_feed_key)?),
                8 => nodes = Some(r.items(limits::ADDRESSES, read_node)?),
                9 => seal_key = Some(r.fixed()?),
                10 => sealed_seeds = Some(r.items(64, read_seed)?),
                11 => cuts = Some(r.items(CUTS, Cut::read)?),
                12 => successions = Some(r.items(SUCCESSIONS, Succession::read)?),
                other => return Err(DecodeError::UnknownKey(other)),
            }
            Ok(())
        })?;
        Ok(Member {
            number: number.require("number")?,
            slug: slug.require("slug")?,
            legal_name: legal_name.require("legal name")?,
            uscc: uscc.require("uscc")?,
            controller: controller.require("controller")?,
            role: role.require("role")?,
            state: state.require("state")?,
            feed_keys: feed_keys.require("feed keys")?,
            nodes: nodes.require("nodes")?,
            seal_key: seal_key.require("seal key")?,
            sealed_seeds: sealed_seeds.require("sealed seeds")?,
            // An empty array would encode as no key at all, and the comparison with the bytes refuses it.
            cuts: cuts.unwrap_or_default(),
            successions: successions.unwrap_or_default(),
        })
    }
}

fn read_feed_key(r: &mut Reader<'_>) -> Result<FeedKey, DecodeError> {
    let len = r.array(4)?;
    if len < 2 {
        return Err(DecodeError::Malformed);
    }
    let (key, from) = (r.fixed()?, Timestamp(r.uint()?));
    let until = if len > 2 { Some(Timestamp(r.uint()?)) } else { None };
    let revoked = if len > 3 { Some(r.uint()?) } else { None };
    Ok(FeedKey { key, from, until, revoked })
}

fn read_node(r: &mut Reader<'_>) -> Result<Node, DecodeError> {
    r.tuple(2)?;
    let key = r.fixed()?;
    let addresses = r.items(limits::ADDRESSES, |r| r.text(limits::ADDRESS_BYTES, "addresses"))?;
    Ok(Node { key, addresses })
}

fn read_seed(r: &mut Reader<'_>) -> Result<SealedSeed, DecodeError> {
    r.tuple(2)?;
    Ok(SealedSeed { epoch: r.small("epoch")?, sealed: r.bytes(128)?.to_vec() })
}
