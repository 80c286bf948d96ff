//! From subjects to tokens: the keys that the charter and this node's seal key give.

pub mod cache;
pub mod vault;

use std::collections::BTreeMap;

use antibrush_protocol::base::MemberNumber;
use antibrush_protocol::{
    base::{Hash, Token},
    charter::{Charter, CharterChain},
    subject::{Class, Subject},
    suite::{
        Derived, Suite,
        keyed::{KeyedPrf, SealContext, Seed},
    },
};

use crate::lang::Zh;

/// Why no token can be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// The member's role may not derive tokens.
    #[error("this node is an observer's: it verifies and counts, but may not turn identifiers into tokens")]
    NotEntitled,
    /// The charter has no key for the class.
    #[error("the alliance has no token key for class {0}; ask the stewards to add one")]
    NoKey(Class),
    /// The sealed seed does not open or does not match its commitment.
    #[error("this node's sealed pepper does not open; ask the steward to admit this node again")]
    Sealed,
}

impl Zh for TokenError {
    fn zh(&self) -> String {
        match self {
            TokenError::NotEntitled => {
                "本节点属于监管观察员：可以校验和统计，但不能把标识转换为令牌，请在平台节点上查询".to_owned()
            }
            TokenError::NoKey(class) => format!("联盟没有{}（{class}）类的令牌密钥：请联系秘书处添加", class.zh()),
            TokenError::Sealed => "密封给本节点的令牌密钥无法打开：请联系秘书处重新接纳本节点".to_owned(),
        }
    }
}

/// Makes tokens under the newest key of each class.
pub struct Tokens {
    keys: BTreeMap<Class, (u16, KeyedPrf)>,
    refusal: Option<TokenError>,
}

impl Tokens {
    /// Opens what is sealed to this member.
    pub fn new(chain: &CharterChain, me: Option<MemberNumber>, seal_secret: &[u8; 32]) -> Tokens {
        let charter = chain.current();
        match me.and_then(|me| charter.member(me)) {
            Some(member) if member.role.may_derive() => match open_keys(chain.alliance(), charter, member, seal_secret)
            {
                Ok(keys) => Tokens { keys, refusal: None },
                Err(error) => Tokens { keys: BTreeMap::new(), refusal: Some(error) },
            },
            _ => Tokens { keys: BTreeMap::new(), refusal: Some(TokenError::NotEntitled) },
        }
    }

    /// The token of a subject and the epoch of its key. `scratch` keeps its memory between calls.
    pub fn token(&self, subject: &Subject, scratch: &mut Vec<u8>) -> Result<(u16, Token), TokenError> {
        let (epoch, derived) = self.derive(subject, scratch)?;
        Ok((epoch, derived.token()))
    }

    /// What the newest key makes of a subject: its token and the key to its sealed details; and the key's epoch.
    pub fn derive(&self, subject: &Subject, scratch: &mut Vec<u8>) -> Result<(u16, Derived), TokenError> {
        let (epoch, key) = self.key(subject.class())?;
        Ok((*epoch, key.derive(subject, scratch)))
    }

    /// The federation tag of a subject.
    pub fn federation_tag(&self, subject: &Subject, scratch: &mut Vec<u8>) -> Result<[u8; 32], TokenError> {
        Ok(self.derive(subject, scratch)?.1.federation_tag())
    }

    fn key(&self, class: Class) -> Result<&(u16, KeyedPrf), TokenError> {
        self.keys.get(&class).ok_or(self.refusal.unwrap_or(TokenError::NoKey(class)))
    }
}

fn open_keys(
    alliance: Hash,
    charter: &Charter,
    member: &antibrush_protocol::charter::Member,
    seal_secret: &[u8; 32],
) -> Result<BTreeMap<Class, (u16, KeyedPrf)>, TokenError> {
    let mut keys = BTreeMap::new();
    for sealed in &member.sealed_seeds {
        let context =
            SealContext { founding_nonce: &charter.founding_nonce, epoch: sealed.epoch, member: member.number.0 };
        let seed = Seed::open(&sealed.sealed, seal_secret, &context).map_err(|_| TokenError::Sealed)?;
        for key in charter.token_keys.iter().filter(|key| key.suite == Suite::Keyed && key.epoch == sealed.epoch) {
            let prf = KeyedPrf::new(&seed, &alliance, &charter.founding_nonce, key.class, key.epoch);
            if prf.key_id() != key.id() {
                return Err(TokenError::Sealed);
            }
            let newest = keys.get(&key.class).is_none_or(|(epoch, _)| *epoch <= key.epoch);
            if newest {
                keys.insert(key.class, (key.epoch, prf));
            }
        }
    }
    Ok(keys)
}
