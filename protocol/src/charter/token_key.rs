//! Token keys as the charter holds them, and who holds the shares of the threshold ones.

use std::collections::BTreeSet;

use super::{Charter, CharterError, MemberRole};
use crate::{
    base::{MemberNumber, Timestamp},
    encoding::{DecodeError, Reader, Writer},
    limits,
    subject::Class,
    suite::{KeyId, Suite, key_id, threshold::ThresholdKey},
};

/// How many evaluations a holder makes for one member, class and day unless the charter says otherwise.
pub const DEFAULT_QUOTA: u32 = 1_000_000;

/// The public side of one token key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TokenKey {
    /// The class that it serves.
    pub class: Class,
    /// Its epoch.
    pub epoch: u16,
    /// Its suite.
    pub suite: Suite,
    /// How many holders must answer (1 for suite 1).
    pub threshold: u8,
    /// How many there are (1 for suite 1).
    pub holders: u8,
    /// The public keys: for suite 1 the commitment of the pepper; for suite 2 the whole key's, then the share of holder 1 to n.
    pub public_keys: Vec<[u8; 32]>,
    /// Suite 2: the members that hold share 1 to n; none for suite 1.
    pub members: Vec<MemberNumber>,
    /// Since when no token is made under this key any more; the shares of suite 2 are deleted then.
    pub retired: Option<Timestamp>,
}

impl TokenKey {
    /// Its id: the salt of everything derived under it. The shares of suite 2 are no part of it, so that refreshing them
    /// leaves every token as it is.
    pub fn id(&self) -> KeyId {
        let lasting = &self.public_keys[..self.public_keys.len().min(1)];
        key_id(self.suite, self.class, self.epoch, self.threshold, self.holders, lasting)
    }

    /// Whether tokens are still made under it.
    pub fn is_active(&self) -> bool {
        self.retired.is_none()
    }

    /// The number of a member's share, from 1.
    pub fn share_of(&self, member: MemberNumber) -> Option<u8> {
        let place = self.members.iter().position(|holder| *holder == member)?;
        u8::try_from(place + 1).ok()
    }

    /// The member that holds a share.
    pub fn holder(&self, share: u8) -> Option<MemberNumber> {
        self.members.get(usize::from(share).checked_sub(1)?).copied()
    }

    /// The public share of a holder.
    pub fn public_share(&self, share: u8) -> Option<&[u8; 32]> {
        if share == 0 { None } else { self.public_keys.get(usize::from(share)) }
    }

    pub(super) fn write(&self, w: &mut Writer) {
        let shared = self.suite == Suite::Threshold;
        w.array(6 + usize::from(shared) + usize::from(self.retired.is_some()));
        w.uint(self.class.number()).uint(self.epoch).uint(self.suite.number());
        w.uint(self.threshold).uint(self.holders).array(self.public_keys.len());
        for public in &self.public_keys {
            w.bytes(public);
        }
        if shared {
            w.array(self.members.len());
            for member in &self.members {
                w.uint(member.0);
            }
        }
        if let Some(retired) = self.retired {
            w.uint(retired.0);
        }
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<TokenKey, DecodeError> {
        let len = r.array(8)?;
        let class = r.code("token keys", Class::from_number)?;
        let epoch = r.small("token keys")?;
        let suite = r.code("token keys", Suite::from_number)?;
        let (threshold, holders) = (r.small("token keys")?, r.small("token keys")?);
        let public_keys = r.items(limits::HOLDERS + 1, |r| r.fixed())?;
        let members = match suite {
            Suite::Keyed => Vec::new(),
            Suite::Threshold => r.items(limits::HOLDERS, |r| Ok(MemberNumber(r.small("token keys")?)))?,
        };
        let retired = match (suite, len) {
            (Suite::Keyed, 6) | (Suite::Threshold, 7) => None,
            (Suite::Keyed, 7) | (Suite::Threshold, 8) => Some(Timestamp(r.uint()?)),
            _ => return Err(DecodeError::Malformed),
        };
        Ok(TokenKey { class, epoch, suite, threshold, holders, public_keys, members, retired })
    }

    /// Whether `next` may stand where this key stood: CHARTER-13. Shares may be refreshed and a key may be retired, never
    /// taken up again; everything on which tokens depend stays.
    pub(super) fn may_become(&self, next: &TokenKey) -> bool {
        let lasting = self.id() == next.id() && self.members == next.members;
        lasting && (self.retired.is_none() || self == next)
    }

    /// CHARTER-4: the form of one key. That the public keys of suite 2 lie on one polynomial is CHARTER-16.
    fn has_form(&self) -> bool {
        let holders = usize::from(self.holders);
        match self.suite {
            Suite::Keyed => {
                (self.threshold, self.holders, self.public_keys.len()) == (1, 1, 1) && self.members.is_empty()
            }
            Suite::Threshold => {
                self.threshold >= 2
                    && self.threshold <= self.holders
                    && holders <= limits::HOLDERS
                    && self.public_keys.len() == holders + 1
                    && self.members.len() == holders
                    && self.members.windows(2).all(|pair| pair[0] < pair[1])
            }
        }
    }
}

/// Who takes part in the next key ceremony, and how often each of them answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holding {
    /// How many holders must answer.
    pub threshold: u8,
    /// The holders, ascending.
    pub members: Vec<MemberNumber>,
    /// Evaluations for one member and day by class, ascending; [`DEFAULT_QUOTA`] where nothing is said.
    pub quotas: Vec<(Class, u32)>,
}

impl Holding {
    /// Evaluations of a class that one holder makes for one member on one day.
    pub fn quota(&self, class: Class) -> u32 {
        self.quotas.iter().find(|(of, _)| *of == class).map_or(DEFAULT_QUOTA, |(_, quota)| *quota)
    }

    pub(super) fn write(&self, w: &mut Writer) {
        w.array(3).uint(self.threshold).array(self.members.len());
        for member in &self.members {
            w.uint(member.0);
        }
        w.array(self.quotas.len());
        for (class, quota) in &self.quotas {
            w.array(2).uint(class.number()).uint(*quota);
        }
    }

    pub(super) fn read(r: &mut Reader<'_>) -> Result<Holding, DecodeError> {
        r.tuple(3)?;
        let threshold = r.small("holding")?;
        let members = r.items(limits::HOLDERS, |r| Ok(MemberNumber(r.small("holding")?)))?;
        let quotas = r.items(Class::ALL.len(), |r| {
            r.tuple(2)?;
            Ok((r.code("holding", Class::from_number)?, r.small("holding")?))
        })?;
        Ok(Holding { threshold, members, quotas })
    }
}

impl Charter {
    /// The newest token key of a class under which tokens are made.
    pub fn token_key(&self, class: Class) -> Option<&TokenKey> {
        self.active_keys(class).next()
    }

    /// The token keys of a class under which tokens are made, newest first: two while an epoch passes into the next.
    pub fn active_keys(&self, class: Class) -> impl Iterator<Item = &TokenKey> {
        self.token_keys.iter().rev().filter(move |key| key.class == class && key.is_active())
    }

    /// The token key with this id.
    pub fn key_by_id(&self, id: &KeyId) -> Option<&TokenKey> {
        self.token_keys.iter().find(|key| key.id() == *id)
    }

    /// Evaluations of a class that one holder makes for one member on one day.
    pub fn quota(&self, class: Class) -> u32 {
        self.holding.as_ref().map_or(DEFAULT_QUOTA, |holding| holding.quota(class))
    }

    pub(super) fn check_token_keys(&self) -> Result<(), CharterError> {
        // CHARTER-4: one key for each class and epoch, in order, each of the form of its suite.
        if !self.token_keys.windows(2).all(|pair| (pair[0].class, pair[0].epoch) < (pair[1].class, pair[1].epoch))
            || !self.token_keys.iter().all(TokenKey::has_form)
        {
            return Err(CharterError::TokenKeys);
        }
        for key in &self.token_keys {
            // CHARTER-5: keyed tokens of persons can be enumerated by every insider; an alliance must say that it knows.
            let enumerable = key.suite == Suite::Keyed && key.class.is_personal_by_default();
            if enumerable && !self.policy.accepts_insider_enumeration {
                return Err(CharterError::EnumerablePersons);
            }
            // CHARTER-17: a class falls back from holders to a pepper never.
            let mut of_class = self.token_keys.iter().filter(|other| other.class == key.class);
            let falls_back = key.suite == Suite::Keyed
                && of_class.any(|other| other.suite == Suite::Threshold && other.epoch < key.epoch);
            if falls_back {
                return Err(CharterError::FallsBack);
            }
            // CHARTER-18: one epoch passes into the next; a check asks for no more than two.
            if key.suite == Suite::Threshold && self.active_keys(key.class).count() > 2 {
                return Err(CharterError::TooManyEpochs);
            }
        }
        Ok(())
    }

    /// CHARTER-15: holders are active members with a signing key, under different control, not all of them platforms.
    pub(super) fn check_holding(&self) -> Result<(), CharterError> {
        let Some(holding) = &self.holding else { return Ok(()) };
        let holders: Option<Vec<_>> = holding.members.iter().map(|number| self.member(*number)).collect();
        let holders = holders.ok_or(CharterError::Holding)?;
        let controllers: BTreeSet<&str> = holders.iter().map(|member| member.controller.as_str()).collect();
        let ascending = holding.members.windows(2).all(|pair| pair[0] < pair[1])
            && holding.quotas.windows(2).all(|pair| pair[0].0 < pair[1].0);
        let able = holders
            .iter()
            .all(|member| member.is_active() && member.role.may_hold_shares() && !member.feed_keys.is_empty());
        let independent = holders.iter().any(|member| member.role != MemberRole::Platform);
        let reachable = (2..=holders.len()).contains(&usize::from(holding.threshold));
        let fits = holders.len() <= limits::HOLDERS && controllers.len() == holders.len();
        if ascending && able && independent && reachable && fits { Ok(()) } else { Err(CharterError::Holding) }
    }

    /// CHARTER-16: the public keys of every threshold key that `before` does not have just so belong to one key of its
    /// threshold, and its holders are members. Some milliseconds of curve arithmetic, so a quorum must have signed first.
    pub(super) fn check_public_shares(&self, before: Option<&Charter>) -> Result<(), CharterError> {
        let known = |key: &TokenKey| before.is_some_and(|before| before.token_keys.contains(key));
        let holds = |key: &TokenKey| {
            ThresholdKey::read(key.threshold, &key.public_keys).is_ok()
                && key.members.iter().all(|number| self.member(*number).is_some())
        };
        let new = self.token_keys.iter().filter(|key| key.suite == Suite::Threshold && !known(key));
        if new.into_iter().all(holds) { Ok(()) } else { Err(CharterError::PublicShares) }
    }
}
