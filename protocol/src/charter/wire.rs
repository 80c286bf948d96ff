//! The charter object and its rules of form (`CHARTER-*`).

use std::collections::BTreeSet;

use super::{CharterError, Holding, Member, MemberRole, Policy, TokenKey, cut, member::is_slug};
use crate::{
    base::{Hash, MemberNumber, Timestamp},
    encoding::{DecodeError, Reader, Require, Wire, Writer},
    limits,
    signed::{self, Payload, PublicKey},
    subject::{Class, Subject},
};

const VERSION: u64 = 1;

crate::codes::codes! {
    /// How far an alliance reaches.
    Level {
        City = 1, "city", "市级", "city level";
        Province = 2, "province", "省级", "province level";
        National = 3, "national", "国家级", "national level";
        Sector = 4, "sector", "行业", "sector level";
    }
}

/// A key whose signature counts toward the quorum, and the member that holds it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Steward {
    /// The member.
    pub member: MemberNumber,
    /// Its steward key: signs charters only.
    pub key: PublicKey,
}

/// One version of the charter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charter {
    /// The version, from 1.
    pub number: u64,
    /// The id of the version before; absent for the first.
    pub previous: Option<Hash>,
    /// The alliance's id; absent for the first, whose own id it is.
    pub alliance: Option<Hash>,
    /// Random bytes of the founding, the same in every version: they bind sealed secrets to this alliance.
    pub founding_nonce: [u8; 32],
    /// The name in Chinese.
    pub name_zh: String,
    /// The name in English.
    pub name_en: String,
    /// How far it reaches.
    pub level: Level,
    /// Where: GB/T 2260, absent for a national one.
    pub region: Option<u32>,
    /// Who signs charters.
    pub stewards: Vec<Steward>,
    /// How many stewards under different control must sign.
    pub threshold: u8,
    /// The members by number, those who left included.
    pub members: Vec<Member>,
    /// The token keys by class and epoch.
    pub token_keys: Vec<TokenKey>,
    /// Who holds the shares of threshold keys; absent while there are none.
    pub holding: Option<Holding>,
    /// The numbers that the alliance sets for itself.
    pub policy: Policy,
    /// When the version was drawn up.
    pub issued: Timestamp,
    /// When it ceases to hold unless a successor came.
    pub expires: Timestamp,
}

impl Charter {
    /// The member with this number.
    pub fn member(&self, number: MemberNumber) -> Option<&Member> {
        self.members.binary_search_by_key(&number, |member| member.number).ok().map(|at| &self.members[at])
    }

    /// The member with this slug.
    pub fn member_by_slug(&self, slug: &str) -> Option<&Member> {
        self.members.iter().find(|member| member.slug == slug)
    }

    /// The member whose steward key this is.
    pub fn steward(&self, key: &PublicKey) -> Option<MemberNumber> {
        self.stewards.iter().find(|steward| steward.key == *key).map(|steward| steward.member)
    }

    /// The active member that runs the node with this key.
    pub fn member_of_node(&self, node: &PublicKey) -> Option<&Member> {
        self.members.iter().find(|member| member.is_active() && member.nodes.iter().any(|n| n.key == *node))
    }

    /// The members whose feeds answers depend on.
    pub fn publishers(&self) -> impl Iterator<Item = &Member> {
        self.members.iter().filter(|member| member.is_publisher())
    }

    /// Checks the rules of form: what can be seen from this version alone.
    pub(super) fn check(&self) -> Result<(), CharterError> {
        // CHARTER-1: only version 1 stands alone.
        let founding = self.number == 1;
        if self.number == 0 || self.previous.is_none() != founding || self.alliance.is_none() != founding {
            return Err(CharterError::Succession);
        }
        self.check_members()?;
        self.check_stewards()?;
        self.check_token_keys()?;
        self.check_holding()?;
        // CHARTER-6
        if self.expires <= self.issued || !self.policy.is_sane() {
            return Err(CharterError::Term);
        }
        Ok(())
    }

    fn check_members(&self) -> Result<(), CharterError> {
        // CHARTER-2: numbers ascend; slugs, codes and keys belong to one member each; keys are admissible.
        let ascending = self.members.windows(2).all(|pair| pair[0].number < pair[1].number);
        let (mut slugs, mut codes, mut keys) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        for member in &self.members {
            let unique = slugs.insert(&member.slug) && codes.insert(&member.uscc);
            let is_code = |code: &str| Subject::parse(Class::Ent, code).is_ok_and(|s| s.canonical() == code);
            if !unique || !is_slug(&member.slug) || !is_code(&member.uscc) || !is_code(&member.controller) {
                return Err(CharterError::Member(member.number));
            }
            if member.role == MemberRole::Observer && !member.sealed_seeds.is_empty() {
                return Err(CharterError::ObserverHoldsSecret(member.number));
            }
            for key in member.feed_keys.iter().map(|k| &k.key).chain(member.nodes.iter().map(|n| &n.key)) {
                if !keys.insert(*key) || !signed::is_admissible(key) {
                    return Err(CharterError::Key(member.number));
                }
            }
            cut::check(self, member)?;
        }
        // CHARTER-20: the key of a node that handed over is nobody's any more.
        let comes_back = |member: &&Member| member.former_nodes().any(|(former, _)| keys.contains(former));
        if let Some(member) = self.members.iter().find(comes_back) {
            return Err(CharterError::KeySuccession(member.number));
        }
        if ascending { Ok(()) } else { Err(CharterError::Order) }
    }

    fn check_stewards(&self) -> Result<(), CharterError> {
        // CHARTER-3: stewards are active members with keys of their own, and the threshold can be reached.
        let mut controllers = BTreeSet::new();
        let mut keys: BTreeSet<PublicKey> = self
            .members
            .iter()
            .flat_map(|m| {
                let former = m.former_nodes().map(|(key, _)| *key);
                m.feed_keys.iter().map(|k| k.key).chain(m.nodes.iter().map(|n| n.key)).chain(former)
            })
            .collect();
        for steward in &self.stewards {
            let member = self.member(steward.member).filter(|member| member.is_active());
            let Some(member) = member else { return Err(CharterError::Stewards) };
            controllers.insert(&member.controller);
            if !keys.insert(steward.key) || !signed::is_admissible(&steward.key) {
                return Err(CharterError::Stewards);
            }
        }
        let ascending = self.stewards.windows(2).all(|pair| pair[0] < pair[1]);
        if ascending && self.threshold > 0 && usize::from(self.threshold) <= controllers.len() {
            Ok(())
        } else {
            Err(CharterError::Stewards)
        }
    }
}

impl Payload for Charter {
    const CONTENT_TYPE: &'static str = "application/antibrush-charter+cbor";
}

impl Wire for Charter {
    const MAX_BYTES: usize = limits::CHARTER_BYTES;

    fn write(&self, w: &mut Writer) {
        let optional = usize::from(self.previous.is_some())
            + usize::from(self.alliance.is_some())
            + usize::from(self.region.is_some())
            + usize::from(self.holding.is_some());
        w.map(13 + optional);
        w.uint(0u8).uint(VERSION);
        w.uint(1u8).uint(self.number);
        if let Some(previous) = &self.previous {
            w.uint(2u8).bytes(previous);
        }
        if let Some(alliance) = &self.alliance {
            w.uint(3u8).bytes(alliance);
        }
        w.uint(4u8).bytes(&self.founding_nonce);
        w.uint(5u8).text(&self.name_zh);
        w.uint(6u8).text(&self.name_en);
        w.uint(7u8).uint(self.level.number());
        if let Some(region) = self.region {
            w.uint(8u8).uint(region);
        }
        w.uint(9u8).array(self.stewards.len());
        for steward in &self.stewards {
            w.array(2).uint(steward.member.0).bytes(&steward.key);
        }
        w.uint(10u8).uint(self.threshold);
        w.uint(11u8).array(self.members.len());
        for member in &self.members {
            w.object(member);
        }
        w.uint(12u8).array(self.token_keys.len());
        for key in &self.token_keys {
            key.write(w);
        }
        w.uint(13u8);
        self.policy.write(w);
        w.uint(14u8).uint(self.issued.0);
        w.uint(15u8).uint(self.expires.0);
        if let Some(holding) = &self.holding {
            w.uint(16u8);
            holding.write(w);
        }
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        let (mut version, mut number, mut previous, mut alliance, mut nonce) = (None, None, None, None, None);
        let (mut name_zh, mut name_en, mut level, mut region, mut stewards) = (None, None, None, None, None);
        let (mut threshold, mut members, mut token_keys, mut policy) = (None, None, None, None);
        let (mut issued, mut expires, mut holding) = (None, None, None);
        r.fields(|key, r| {
            match key {
                0 => version = Some(r.version(VERSION)?),
                1 => number = Some(r.uint()?),
                2 => previous = Some(r.fixed()?),
                3 => alliance = Some(r.fixed()?),
                4 => nonce = Some(r.fixed()?),
                5 => name_zh = Some(r.text(limits::NAME_BYTES, "name")?),
                6 => name_en = Some(r.text(limits::NAME_BYTES, "name")?),
                7 => level = Some(r.code("level", Level::from_number)?),
                8 => region = Some(r.small("region")?),
                9 => stewards = Some(r.items(limits::CHARTER_SIGNATURES, read_steward)?),
                10 => threshold = Some(r.small("threshold")?),
                11 => members = Some(r.items(limits::MEMBERS, Member::read)?),
                12 => token_keys = Some(r.items(1024, TokenKey::read)?),
                13 => policy = Some(Policy::read(r)?),
                14 => issued = Some(Timestamp(r.uint()?)),
                15 => expires = Some(Timestamp(r.uint()?)),
                16 => holding = Some(Holding::read(r)?),
                other => return Err(DecodeError::UnknownKey(other)),
            }
            Ok(())
        })?;
        version.require("version")?;
        Ok(Charter {
            number: number.require("number")?,
            previous,
            alliance,
            founding_nonce: nonce.require("founding nonce")?,
            name_zh: name_zh.require("name")?,
            name_en: name_en.require("name")?,
            level: level.require("level")?,
            region,
            stewards: stewards.require("stewards")?,
            threshold: threshold.require("threshold")?,
            members: members.require("members")?,
            token_keys: token_keys.require("token keys")?,
            holding,
            policy: policy.require("policy")?,
            issued: issued.require("issued")?,
            expires: expires.require("expires")?,
        })
    }
}

fn read_steward(r: &mut Reader<'_>) -> Result<Steward, DecodeError> {
    r.tuple(2)?;
    Ok(Steward { member: MemberNumber(r.small("stewards")?), key: r.fixed()? })
}
