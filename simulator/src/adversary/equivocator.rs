//! Signs two histories and shows one to each half of the peers; and an accomplice that shows both as it does.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use antibrush_protocol::{
    feed::BatchHeader,
    replica::Topic,
    signed::Signed,
    sync::{Request, Response},
};

use super::{
    Adversary,
    second::{Second, is_told, leaves},
};
use crate::world::{Draft, World, alliance::number_of};

/// Signs two histories.
#[derive(Default)]
pub struct Equivocator {
    second: Arc<Mutex<Second>>,
    /// After how many decisions about its feed it parted the history last.
    cuts: usize,
}

/// Shows both histories of its accomplice as that does.
pub struct Voucher {
    /// What it shows to one half.
    pub second: Arc<Mutex<Second>>,
}

fn open(second: &Mutex<Second>) -> MutexGuard<'_, Second> {
    second.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Entries of each of its batches.
const ENTRIES: u32 = 5;

impl Equivocator {
    /// One whose accomplice knows the second history.
    pub fn sharing(second: Arc<Mutex<Second>>) -> Equivocator {
        Equivocator { second, cuts: 0 }
    }

    /// Parts the history. Every other time both batches hold the same entries and differ in the second of signing alone, so that
    /// the trees stay alike; every other time it keeps the second one to itself, and shows only what goes on from it.
    fn part(&mut self, world: &mut World, node: u32, salt: u64) -> Option<()> {
        let entries = world.entries(node, ENTRIES, salt);
        let hides = salt & 2 != 0;
        let others = if salt & 1 == 0 || hides { entries.clone() } else { world.entries(node, ENTRIES, !salt) };
        let (first, first_chunks) = world.build(node, &entries, false)?;
        let mut draft = Draft::next(world, node);
        draft.now = draft.now.max(first.payload().issued).plus(1);
        let (other, other_chunks) = world.forge(&draft, &others)?;
        let seq = first.payload().seq;
        world.contradictions.insert((node, seq));
        {
            let mut second = open(&self.second);
            (second.publisher, second.from, second.tree) = (number_of(node), seq, draft.tree);
            second.hides_first = hides;
            second.push(other.clone(), &other_chunks, &leaves(&others));
        }
        let told = first.envelope().clone();
        world.publish_made(node, first, first_chunks);
        self.tell(world, node, false, &told);
        self.tell(world, node, true, if hides { &told } else { other.envelope() });
        Some(())
    }

    fn go_on(&mut self, world: &mut World, node: u32, salt: u64) -> Option<()> {
        let entries = world.entries(node, ENTRIES, salt);
        let mut draft = Draft::next(world, node);
        {
            let second = open(&self.second);
            (draft.previous, draft.tree) = (second.head(), second.tree.clone());
        }
        draft.now = draft.now.max(draft.previous?.issued);
        let (other, chunks) = world.forge(&draft, &entries)?;
        open(&self.second).push(other.clone(), &chunks, &leaves(&entries));
        self.tell(world, node, true, other.envelope());
        Some(())
    }

    fn tell(&self, world: &mut World, node: u32, half: bool, header: &Arc<[u8]>) {
        for to in world.peers(node).into_iter().filter(|to| is_told(*to) == half) {
            world.whisper(node, to, Topic::Heads, header.clone());
        }
    }
}

impl Adversary for Equivocator {
    fn answer(&mut self, to: u32, request: &Request, honest: Response) -> Option<Response> {
        Some(if is_told(to) { open(&self.second).answer(request, honest) } else { honest })
    }

    fn says(&mut self, topic: Topic, bytes: &Arc<[u8]>) -> bool {
        let second = open(&self.second);
        if topic != Topic::Heads || second.is_empty() {
            return true;
        }
        // Its own batches are told to one half only.
        Signed::<BatchHeader>::decode(bytes).is_ok_and(|header| header.payload().publisher != second.publisher)
    }

    fn act(&mut self, world: &mut World, node: u32, salt: u64) {
        if world.is_frozen(node, number_of(node)) {
            return;
        }
        // Once it was decided which history counts, it begins again.
        if world.cuts_of(node) > self.cuts {
            self.cuts = world.cuts_of(node);
            *open(&self.second) = Second::default();
        }
        let is_new = open(&self.second).is_empty();
        let _ = if is_new { self.part(world, node, salt) } else { self.go_on(world, node, salt) };
    }
}

impl Adversary for Voucher {
    fn answer(&mut self, to: u32, request: &Request, honest: Response) -> Option<Response> {
        Some(if is_told(to) { open(&self.second).answer(request, honest) } else { honest })
    }

    fn act(&mut self, world: &mut World, node: u32, _: u64) {
        let known = open(&self.second);
        let Some(header) = known.last().filter(|_| known.is_shown()).cloned() else { return };
        drop(known);
        for to in world.peers(node).into_iter().filter(|to| is_told(*to)) {
            world.whisper(node, to, Topic::Heads, header.envelope().clone());
        }
    }
}
