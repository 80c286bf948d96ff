//! Which subjects of a question must be asked for, in which batches, and where the answers go.

use std::{
    collections::{BTreeMap, HashMap},
    sync::Arc,
};

use antibrush_protocol::{
    base::Hash,
    subject::Subject,
    suite::{Derived, threshold::BATCH},
};
use sha2::{Digest, Sha256};
use zeroize::{Zeroize, Zeroizing};

use super::{Derivations, Maker, SharedKey, TokenError, cache::TokenCache};
use crate::core::View;

/// Where the answer for a subject comes from.
pub(super) enum Place {
    Known(Box<Result<Derivations, TokenError>>),
    Asked(Vec<Part>),
}

/// What one key makes of the subject: known, or a place among what is asked for.
pub(super) enum Part {
    Known(u16, Derived),
    Asked { epoch: u16, key: usize, index: usize },
}

impl Place {
    pub(super) fn settle(
        self,
        answers: &mut BTreeMap<(usize, usize), Result<Derived, TokenError>>,
    ) -> Result<Derivations, TokenError> {
        let parts = match self {
            Place::Known(known) => return *known,
            Place::Asked(parts) => parts,
        };
        let mut found = Vec::with_capacity(2);
        for part in parts {
            found.push(match part {
                Part::Known(epoch, derived) => (epoch, derived),
                Part::Asked { epoch, key, index } => {
                    let answer = answers.get(&(key, index));
                    // Every place was asked for.
                    let derived = answer.cloned().unwrap_or(Err(TokenError::NotEntitled))?;
                    (epoch, derived)
                }
            });
        }
        let mut found = found.into_iter();
        let newest = found.next().ok_or(TokenError::NotEntitled)?;
        Ok(Derivations::new(newest, found.next()))
    }
}

/// What must be asked for, by key.
#[derive(Default)]
pub(super) struct Wanted {
    pub(super) by_key: Vec<(Arc<SharedKey>, Vec<Zeroizing<Vec<u8>>>)>,
    /// Where an input stands among those of its key, by its digest, which stays in memory.
    places: HashMap<(usize, Hash), usize>,
}

/// Inputs for one request: the key's place, the first input's place among those of the key.
pub(super) struct Batch {
    pub place: usize,
    pub first: usize,
    pub key: Arc<SharedKey>,
    pub inputs: Vec<Zeroizing<Vec<u8>>>,
}

impl Wanted {
    /// Notes what is missing of a subject.
    pub(super) fn want(&mut self, view: &View, subject: &Subject, cache: &TokenCache) -> Vec<Part> {
        let mut scratch = Vec::with_capacity(160);
        // `known` has looked: there are makers.
        let makers = view.tokens.makers(subject.class()).unwrap_or_default();
        let mut part = |maker: &Maker| match maker {
            Maker::Keyed(epoch, prf) => Part::Known(*epoch, prf.derive(subject, &mut scratch)),
            Maker::Shared(key) => {
                let epoch = key.token_key.epoch;
                let mut input = Zeroizing::new(Vec::new());
                key.input(subject, &mut input);
                match cache.get(&key.id, &input) {
                    Some(derived) => Part::Known(epoch, derived),
                    None => self.ask(key, epoch, input),
                }
            }
        };
        let parts = makers.iter().map(&mut part).collect();
        scratch.zeroize();
        parts
    }

    fn ask(&mut self, key: &Arc<SharedKey>, epoch: u16, input: Zeroizing<Vec<u8>>) -> Part {
        let place = self.by_key.iter().position(|(known, _)| known.id == key.id).unwrap_or_else(|| {
            self.by_key.push((key.clone(), Vec::new()));
            self.by_key.len() - 1
        });
        let inputs = &mut self.by_key[place].1;
        let digest: Hash = Sha256::digest(&input).into();
        let index = *self.places.entry((place, digest)).or_insert_with(|| {
            inputs.push(input);
            inputs.len() - 1
        });
        Part::Asked { epoch, key: place, index }
    }

    pub(super) fn batches(&mut self) -> Vec<Batch> {
        let mut batches = Vec::new();
        for (place, (key, inputs)) in std::mem::take(&mut self.by_key).into_iter().enumerate() {
            for (number, chunk) in inputs.chunks(BATCH).enumerate() {
                batches.push(Batch { place, first: number * BATCH, key: key.clone(), inputs: chunk.to_vec() });
            }
        }
        batches
    }
}
