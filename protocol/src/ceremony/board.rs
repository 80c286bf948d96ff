//! The messages of one ceremony, sorted: any order of arrival and any repetition gives the same board.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use super::{Ceremony, Message, Round, Step};
use crate::{base::Hash, signed::Verified};

/// The most combinations of contradictory messages that are tried to find those that all confirmations mean: with two messages
/// kept of a holder and step, six holders may contradict themselves in both rounds.
const COMBINATIONS: usize = 4_096;

/// What one holder said in one step, by id: more than one message is a contradiction.
type Slot<'a> = BTreeMap<Hash, &'a Message>;

/// For each step one slot a holder, in the order of the call.
pub(super) struct Board<'a> {
    slots: BTreeMap<Step, Vec<Slot<'a>>>,
}

/// A message and its id.
pub(super) type Entry<'a> = (Hash, &'a Message);

/// One message a holder for rounds 1 and 2: what the shares come from.
pub(super) struct Record<'a> {
    pub commits: Vec<Entry<'a>>,
    pub deals: Vec<Entry<'a>>,
}

impl<'a> Board<'a> {
    /// Sorts messages; those of other ceremonies are left out.
    pub(super) fn sort(ceremony: &Ceremony, messages: &'a [Verified<Message>]) -> Board<'a> {
        let holders = &ceremony.call().holders;
        let empty = || vec![Slot::new(); holders.len()];
        let mut slots: BTreeMap<_, _> = [Step::Commit, Step::Deal, Step::Answer].map(|step| (step, empty())).into();
        for message in messages.iter().filter(|message| message.payload().ceremony == ceremony.id()) {
            let (id, message) = (message.id(), message.payload());
            let slot = holders
                .binary_search(&message.holder)
                .ok()
                .and_then(|place| slots.get_mut(&message.round.step())?.get_mut(place));
            if let Some(slot) = slot {
                slot.insert(id, message);
            }
        }
        Board { slots }
    }

    /// The slots of a step, in the order of the holders.
    pub(super) fn step(&self, step: Step) -> &[Slot<'a>] {
        self.slots.get(&step).map_or(&[], Vec::as_slice)
    }

    /// The only message in each slot of a step. `None` if one is missing or contradicted.
    pub(super) fn only(&self, step: Step) -> Option<Vec<Entry<'a>>> {
        let only = |slot: &Slot<'a>| {
            let mut entries = slot.iter().map(|(id, message)| (*id, *message));
            entries.next().filter(|_| slot.len() == 1)
        };
        self.step(step).iter().map(only).collect()
    }

    /// What all holders confirmed with the same words, and the messages that they meant. Whoever signs another message
    /// afterwards does not change what all, he too, have confirmed.
    pub(super) fn agreed(&self, ceremony: &Hash) -> Option<(Record<'a>, &'a [Vec<[u8; 32]>])> {
        let (first, others) = self.step(Step::Answer).split_first()?;
        let said = |slot: &Slot<'_>, round: &Round| slot.values().any(|message| message.round == *round);
        let (transcript, keys) = first.values().find_map(|message| match &message.round {
            round @ Round::Confirm { transcript, public_keys } if others.iter().all(|slot| said(slot, round)) => {
                Some((transcript, public_keys))
            }
            _ => None,
        })?;
        let slots = || self.step(Step::Commit).iter().chain(self.step(Step::Deal));
        let combinations = slots().try_fold(1usize, |product, slot| product.checked_mul(slot.len()))?;
        (0..combinations.min(COMBINATIONS)).find_map(|mut number| {
            let mut commits = Vec::new();
            for slot in slots() {
                let (id, message) = slot.iter().nth(number % slot.len())?;
                commits.push((*id, *message));
                number /= slot.len();
            }
            let deals = commits.split_off(commits.len() / 2);
            let record = Record { commits, deals };
            (record.transcript(ceremony) == *transcript).then_some((record, keys.as_slice()))
        })
    }
}

impl Record<'_> {
    /// The digest that every holder confirms.
    pub(super) fn transcript(&self, ceremony: &Hash) -> Hash {
        let mut hash = Sha256::new();
        hash.update(b"antibrush/v1/ceremony/transcript");
        hash.update(ceremony);
        for (id, _) in self.commits.iter().chain(&self.deals) {
            hash.update(id);
        }
        hash.finalize().into()
    }

    /// The one-time key of the holder at a place.
    pub(super) fn receive_key(&self, place: usize) -> Option<&[u8; 32]> {
        match &self.commits.get(place)?.1.round {
            Round::Commit { receive_key, .. } => Some(receive_key),
            _ => None,
        }
    }

    /// The package of the holder at a place for a class.
    pub(super) fn package(&self, place: usize, class: usize) -> Option<&[u8]> {
        match &self.commits.get(place)?.1.round {
            Round::Commit { packages, .. } => packages.get(class).map(Vec::as_slice),
            _ => None,
        }
    }

    /// What the holder at `from` sealed for the one at `to`; nobody seals anything for himself.
    pub(super) fn sealed(&self, from: usize, to: usize) -> Option<&[u8]> {
        match &self.deals.get(from)?.1.round {
            Round::Deal { sealed } if from != to => sealed.get(to - usize::from(to > from)).map(Vec::as_slice),
            _ => None,
        }
    }
}
