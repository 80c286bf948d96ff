//! From subjects to tokens.
//!
//! A class has one token key, or two while one epoch passes into the next. Under suite 1 this node makes tokens by itself
//! ([`Maker::Keyed`]); under suite 2 key holders help ([`Maker::Shared`]): [`cache`] answers what was evaluated before,
//! [`resolver`] asks the holders for the rest, as [`wanted`] sorts it, [`evidence`] keeps what a cheating holder signed. [`vault`] keeps the
//! identifiers of this platform's own listings, which the next epoch needs.

pub mod cache;
mod error;
pub mod evidence;
mod health;
mod resolver;
pub mod vault;
mod wanted;

use std::{collections::BTreeMap, sync::Arc};

use antibrush_protocol::{
    base::{Hash, MemberNumber, Token},
    charter::{Charter, CharterChain, Member, TokenKey},
    subject::{Class, Subject},
    suite::{
        Derived, Extractor, KeyId, Prf, Suite,
        keyed::{KeyedPrf, SealContext, Seed},
        threshold::ThresholdKey,
    },
};

use cache::TokenCache;
pub use error::{HolderProblem, TokenError, Unavailable};
pub use resolver::{Prepared, Resolver};

/// A threshold key, ready to be asked for.
pub struct SharedKey {
    /// As the charter has it.
    pub token_key: TokenKey,
    /// Its id.
    pub id: KeyId,
    /// Its public keys.
    pub key: ThresholdKey,
    extractor: Extractor,
    alliance: Hash,
}

impl SharedKey {
    /// Appends the input of a subject. Wipe it after use.
    pub fn input(&self, subject: &Subject, to: &mut Vec<u8>) {
        subject.input(&self.alliance, to);
    }

    /// What is published of a subject, from its PRF value.
    pub fn derive(&self, prf: &Prf) -> Derived {
        self.extractor.derive(prf)
    }
}

/// Makes the tokens of one class and epoch.
#[derive(Clone)]
pub enum Maker {
    /// Suite 1: this node alone.
    Keyed(u16, Arc<KeyedPrf>),
    /// Suite 2: with the holders.
    Shared(Arc<SharedKey>),
}

impl Maker {
    /// The epoch.
    pub fn epoch(&self) -> u16 {
        match self {
            Maker::Keyed(epoch, _) => *epoch,
            Maker::Shared(key) => key.token_key.epoch,
        }
    }
}

/// What the active keys of a class make of one subject: the newest key's, and the older one's while both are active.
#[derive(Clone)]
pub struct Derivations {
    newest: (u16, Derived),
    older: Option<(u16, Derived)>,
}

impl Derivations {
    /// From the newest key's value and the older one's.
    pub fn new(newest: (u16, Derived), older: Option<(u16, Derived)>) -> Derivations {
        Derivations { newest, older }
    }

    /// The epoch of the newest key and what it makes.
    pub fn newest(&self) -> (u16, &Derived) {
        (self.newest.0, &self.newest.1)
    }

    /// All of them, newest first.
    pub fn iter(&self) -> impl Iterator<Item = (u16, &Derived)> {
        std::iter::once(&self.newest).chain(&self.older).map(|(epoch, derived)| (*epoch, derived))
    }

    /// The token under the newest key.
    pub fn token(&self) -> Token {
        self.newest.1.token()
    }
}

/// The keys of every class.
pub struct Tokens {
    /// By class, newest first, one or two.
    makers: BTreeMap<Class, Vec<Maker>>,
    refusal: Option<TokenError>,
}

impl Tokens {
    /// Opens what is sealed to this member and reads the public keys of the charter.
    pub fn new(chain: &CharterChain, me: Option<MemberNumber>, seal_secret: &[u8; 32]) -> Tokens {
        let charter = chain.current();
        let nobody = |refusal| Tokens { makers: BTreeMap::new(), refusal: Some(refusal) };
        match me.and_then(|me| charter.member(me)) {
            Some(member) if member.role.may_derive() => makers(chain.alliance(), charter, member, seal_secret)
                .map_or_else(nobody, |makers| Tokens { makers, refusal: None }),
            _ => nobody(TokenError::NotEntitled),
        }
    }

    /// Whether this node may make tokens at all.
    ///
    /// # Errors
    /// Why not.
    pub fn may_derive(&self) -> Result<(), TokenError> {
        self.refusal.clone().map_or(Ok(()), Err)
    }

    /// The keys of a class, newest first.
    pub fn makers(&self, class: Class) -> Result<&[Maker], TokenError> {
        match self.makers.get(&class) {
            Some(makers) => Ok(makers),
            None => Err(self.refusal.clone().unwrap_or(TokenError::NoKey(class))),
        }
    }

    /// Whether holders take part in making the tokens of a class.
    pub fn is_shared(&self, class: Class) -> bool {
        let makers = self.makers.get(&class).map_or(&[][..], |makers| &makers[..]);
        makers.iter().any(|maker| matches!(maker, Maker::Shared(_)))
    }

    /// What this node makes of a subject by itself, of a class of suite 1.
    pub fn made_here(&self, subject: &Subject, scratch: &mut Vec<u8>) -> Result<Derivations, TokenError> {
        match self.makers(subject.class())? {
            [Maker::Keyed(epoch, prf)] => Ok(Derivations::new((*epoch, prf.derive(subject, scratch)), None)),
            // Whoever asks for a class of suite 2 prepares it first.
            _ => Err(TokenError::NoKey(subject.class())),
        }
    }

    /// What this node knows of a subject without asking anybody; `None`: some key's holders must be asked. `scratch` keeps its
    /// memory between calls and is wiped after each.
    pub fn known(
        &self,
        subject: &Subject,
        cache: &TokenCache,
        scratch: &mut Vec<u8>,
    ) -> Result<Option<Derivations>, TokenError> {
        let makers = self.makers(subject.class())?;
        let mut found = makers.iter().map(|maker| {
            let derived = match maker {
                Maker::Keyed(_, prf) => Some(prf.derive(subject, scratch)),
                Maker::Shared(key) => {
                    scratch.clear();
                    key.input(subject, scratch);
                    let derived = cache.get(&key.id, scratch);
                    zeroize::Zeroize::zeroize(scratch);
                    derived
                }
            };
            derived.map(|derived| (maker.epoch(), derived))
        });
        // A class has at least one key.
        let Some(Some(newest)) = found.next() else { return Ok(None) };
        Ok(match found.next() {
            None => Some(Derivations { newest, older: None }),
            Some(Some(older)) => Some(Derivations { newest, older: Some(older) }),
            Some(None) => None,
        })
    }
}

fn makers(
    alliance: Hash,
    charter: &Charter,
    member: &Member,
    seal_secret: &[u8; 32],
) -> Result<BTreeMap<Class, Vec<Maker>>, TokenError> {
    let seeds = open_seeds(charter, member, seal_secret)?;
    let mut makers = BTreeMap::new();
    for class in Class::ALL {
        // CHARTER-18: two at the most under suite 2; of older keys of suite 1 nothing is made any more.
        let found: Result<Vec<Maker>, TokenError> =
            charter.active_keys(*class).take(2).filter_map(|key| maker(alliance, charter, key, &seeds)).collect();
        let mut found = found?;
        let both_keyed = found.iter().all(|maker| matches!(maker, Maker::Keyed(..)));
        found.truncate(if both_keyed { 1 } else { 2 });
        if !found.is_empty() {
            makers.insert(*class, found);
        }
    }
    Ok(makers)
}

/// The maker of one key; `None` for a key of suite 1 whose seed is not sealed to this member.
fn maker(
    alliance: Hash,
    charter: &Charter,
    key: &TokenKey,
    seeds: &BTreeMap<u16, Seed>,
) -> Option<Result<Maker, TokenError>> {
    let id = key.id();
    match key.suite {
        Suite::Keyed => {
            let seed = seeds.get(&key.epoch)?;
            let prf = KeyedPrf::new(seed, &alliance, &charter.founding_nonce, key.class, key.epoch);
            Some(if prf.key_id() == id { Ok(Maker::Keyed(key.epoch, Arc::new(prf))) } else { Err(TokenError::Sealed) })
        }
        Suite::Threshold => {
            // CHARTER-16 has looked at the public keys.
            let public = ThresholdKey::read(key.threshold, &key.public_keys).ok()?;
            let extractor = Extractor::new(&id);
            Some(Ok(Maker::Shared(Arc::new(SharedKey {
                token_key: key.clone(),
                id,
                key: public,
                extractor,
                alliance,
            }))))
        }
    }
}

fn open_seeds(charter: &Charter, member: &Member, seal_secret: &[u8; 32]) -> Result<BTreeMap<u16, Seed>, TokenError> {
    let open = |sealed: &antibrush_protocol::charter::SealedSeed| {
        let context =
            SealContext { founding_nonce: &charter.founding_nonce, epoch: sealed.epoch, member: member.number.0 };
        let seed = Seed::open(&sealed.sealed, seal_secret, &context).map_err(|_| TokenError::Sealed)?;
        Ok((sealed.epoch, seed))
    };
    member.sealed_seeds.iter().map(open).collect()
}
