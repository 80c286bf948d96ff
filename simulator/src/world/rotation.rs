//! Key epochs: a ceremony of the holders makes the next key, the charter takes it, publishers carry their listings over, and the old
//! key is retired.
//!
//! The ceremony is the protocol's own ([`antibrush_protocol::ceremony`]), over the boards of the nodes, and who drives it does what
//! the node's custodian does: every look follows from the board, the charter and the secrets on the disk.

use std::collections::BTreeMap;

use antibrush_protocol::{
    base::{Hash, Timestamp},
    board::{Deletion, Post},
    ceremony::{Call, Ceremony, Kind, Me, Message, Phase, Seed},
    charter::{Charter, TokenKey},
    entry::{Entry, ledger::Standing},
    replica::Input,
    signed::Verified,
    suite::{KeyId, threshold::KeyShare},
};
use sha2::{Digest, Sha256};

use super::{
    World,
    alliance::{node_of_member, number_of},
    dealer::Whole,
    disk::Place,
    holding::CLASS,
    write,
};
use crate::invariant::Invariant;

/// How long a ceremony may take, in seconds: enough for a holder that is killed to come back, and little enough that one is called
/// again when a holder stays away.
const CEREMONY_SECONDS: u64 = 1800;

/// For how long after its deadline the result of a ceremony may enter the charter, as the node has it, in seconds.
const GRACE_SECONDS: u64 = 600;

/// How long the steward waits for its own call to be on its board, in microseconds: a disk may be full for a minute.
const CALL_AGAIN_US: u64 = 120_000_000;

/// How many listings a publisher carries over in one batch.
const CARRIED_AT_ONCE: usize = 64;

/// A clock that is further off says nothing, in seconds: its node would not, either.
const CLOCK_OFF: i64 = 60;

/// What the stewards want, and what was looked at.
#[derive(Debug, Default)]
pub(super) struct Rotation {
    /// How many new epochs.
    rotations: u16,
    /// Up to which epoch keys shall be retired.
    retired: u16,
    /// When the steward called last.
    called_us: Option<u64>,
    /// Of each holder and ceremony, how many messages there were and whether its time was over, when nothing was left to be done.
    looked: BTreeMap<(usize, Hash), (usize, bool)>,
}

impl World {
    /// The stewards want a key of the next epoch.
    pub(super) fn rotate(&mut self) {
        if let Some(holding) = self.holding.as_mut() {
            holding.rotation.rotations += 1;
        }
    }

    /// The stewards want all keys but the newest retired.
    pub(super) fn retire(&mut self) {
        if let Some(holding) = self.holding.as_mut() {
            holding.rotation.retired = holding.rotation.rotations;
        }
    }

    /// Every few seconds: holders take part in ceremonies and forget what is retired, the steward does what is left of its wishes, and
    /// publishers carry over.
    pub(super) fn tend_keys(&mut self) {
        let Some(holding) = self.holding.as_ref().filter(|holding| holding.rotation.rotations > 0) else { return };
        for place in 0..holding.holders.len() {
            self.take_part(place);
            self.forget_retired(place);
        }
        self.go_on_with_keys();
        for node in 0..self.nodes.len() as u32 {
            self.carry_over(node);
        }
    }

    /// The time on a node's clock, if it runs and its clock is about right.
    fn time_of(&self, node: u32) -> Option<Timestamp> {
        let at = &self.nodes[node as usize];
        (at.is_running() && at.clock_off.abs() < CLOCK_OFF).then(|| at.now(self.now_us).wall)
    }

    /// A holder posts what is due of every ceremony on its board, and keeps the share that comes out.
    fn take_part(&mut self, place: usize) {
        let node = place as u32;
        let Some(now) = self.time_of(node) else { return };
        let Some(board) = self.nodes[place].replica.as_ref().map(|replica| replica.board().clone()) else { return };
        for call in board.calls().filter(|call| call.payload().holders.contains(&number_of(node))) {
            let (id, messages): (Hash, Vec<_>) = (call.id(), board.messages(&call.id()).cloned().collect());
            let state = (messages.len(), now >= call.payload().deadline);
            let Some(holding) = self.holding.as_mut() else { return };
            if holding.rotation.looked.get(&(place, id)) == Some(&state) {
                continue;
            }
            let seed = self.seed_of(place, &id);
            let me = Me { holder: number_of(node), seed: &seed, shares: &[] };
            let progress =
                Ceremony::new(call.clone(), &[]).and_then(|ceremony| ceremony.advance(&messages, Some(me), now));
            let progress = match progress {
                Ok(progress) => progress,
                Err(error) => {
                    let found = format!("a ceremony does not go on: {error}");
                    return self.violated(Some(node), Invariant::Sound, found);
                }
            };
            if !progress.faults.is_empty() && !state.1 {
                let found = format!("an honest holder is blamed in a ceremony: {:?}", progress.faults);
                return self.violated(Some(node), Invariant::NobodyWronged, found);
            }
            let Some(holding) = self.holding.as_mut() else { return };
            if let Some(outcome) = progress.outcome
                && let (Some(made), Some(shares)) = (outcome.keys.first(), outcome.shares)
                && let Some(secret) = shares.as_slice().first()
                && let Ok(number) = u8::try_from(place + 1)
                && let Some(share) = KeyShare::read(number, secret)
            {
                holding.holders[place]
                    .shares
                    .insert(call.payload().token_key(CLASS, made.public_keys.clone()).id(), share);
            }
            if progress.post.is_empty() {
                holding.rotation.looked.insert((place, id), state);
            }
            for message in progress.post {
                let post = Post::sign(&message, self.feed_key(node), Post::Ceremony);
                self.give(node, Input::Post(post));
            }
        }
    }

    /// A holder's seed for a ceremony. It lies on its disk before anything is said that was made from it, so a crash takes nothing.
    fn seed_of(&self, place: usize, ceremony: &Hash) -> Seed {
        let mut hash = Sha256::new();
        hash.update(b"antibrush/simulator/ceremony-seed");
        hash.update(self.seed.to_be_bytes());
        hash.update(self.number.to_be_bytes());
        hash.update((place as u64).to_be_bytes());
        hash.update(ceremony);
        Seed(hash.finalize().into())
    }

    /// A holder erases its shares of the keys that its charter retires, and says so.
    fn forget_retired(&mut self, place: usize) {
        let node = place as u32;
        let (Some(now), Some(holding)) = (self.time_of(node), self.holding.as_mut()) else { return };
        let Some(replica) = self.nodes[place].replica.as_ref() else { return };
        let shares = &mut holding.holders[place].shares;
        let retired = replica.charter().token_keys.iter().filter(|key| !key.is_active()).map(TokenKey::id);
        let gone: Vec<KeyId> = retired.filter(|id| shares.remove(id).is_some()).collect();
        let alliance = replica.chain().alliance();
        for key in gone {
            let deletion = Deletion { alliance, holder: number_of(node), key, issued: now };
            let post = Post::sign(&deletion, self.feed_key(node), Post::Deletion);
            self.give(node, Input::Post(post));
        }
    }

    /// The steward calls a ceremony, puts its result into the charter, and retires what is carried over.
    fn go_on_with_keys(&mut self) {
        let (Some(now), Some(holding)) = (self.time_of(0), self.holding.as_ref()) else { return };
        let Some(replica) = self.nodes[0].replica.as_ref() else { return };
        // A steward whose node is behind looks again when it is not.
        if replica.chain().current_id() != self.chain.current_id() {
            return;
        }
        let charter = self.chain.current();
        let keys: Vec<u16> = charter.active_keys(CLASS).map(|key| key.epoch).collect();
        let Some(newest) = keys.first().copied() else { return };
        match keys.get(1) {
            // CHARTER-18: no third one.
            Some(older) if *older <= holding.rotation.retired => self.retire_key(*older, newest, now),
            None if newest < holding.rotation.rotations + 1 => self.make_key(newest + 1, now),
            _ => {}
        }
    }

    fn make_key(&mut self, epoch: u16, now: Timestamp) {
        let Some(replica) = self.nodes[0].replica.as_ref() else { return };
        let board = replica.board().clone();
        let of_epoch = board.calls().filter(|call| call.payload().epoch == epoch);
        let last = of_epoch.max_by_key(|call| (call.payload().issued, call.id())).cloned();
        let waits = match &last {
            Some(call) => {
                let messages: Vec<_> = board.messages(&call.id()).cloned().collect();
                let progress =
                    Ceremony::new(call.clone(), &[]).and_then(|ceremony| ceremony.advance(&messages, None, now));
                let in_time = now < call.payload().deadline.plus(GRACE_SECONDS);
                match progress {
                    Ok(progress) if in_time => match progress.outcome {
                        Some(outcome) => {
                            let keys = outcome.keys.into_iter().next().map(|made| made.public_keys);
                            return self.take_key(call, &messages, keys.unwrap_or_default(), now);
                        }
                        None => progress.phase != Phase::Void,
                    },
                    _ => false,
                }
            }
            None => false,
        };
        if !waits {
            self.call_ceremony(epoch, now, last.map(|call| call.payload().issued));
        }
    }

    fn call_ceremony(&mut self, epoch: u16, now: Timestamp, last: Option<Timestamp>) {
        let now_us = self.now_us;
        let (charter, alliance) = (self.chain.current().clone(), self.chain.alliance());
        let (Some(holding), Some(named)) = (self.holding.as_mut(), charter.holding.as_ref()) else { return };
        if holding.rotation.called_us.is_some_and(|called_us| now_us < called_us + CALL_AGAIN_US) {
            return;
        }
        holding.rotation.called_us = Some(now_us);
        let nonce = [holding.random.next(), holding.random.next()].map(u64::to_be_bytes).concat();
        let issued = last.map_or(now, |last| now.max(last.plus(1)));
        let call = Call {
            alliance,
            charter: self.chain.current_id(),
            kind: Kind::Generate,
            epoch,
            classes: vec![CLASS],
            threshold: named.threshold,
            holders: named.members.clone(),
            keys: Vec::new(),
            issued,
            deadline: issued.plus(CEREMONY_SECONDS),
            // Twice eight bytes.
            nonce: nonce.try_into().unwrap_or_default(),
        };
        self.counts.evaluations.calls += 1;
        let post = Post::sign(&call, self.alliance.steward_key(0), Post::Call);
        self.give(0, Input::Post(post));
    }

    /// The charter takes the key that a ceremony made, and the truth the whole of it.
    fn take_key(
        &mut self,
        call: &Verified<Call>,
        messages: &[Verified<Message>],
        public_keys: Vec<[u8; 32]>,
        now: Timestamp,
    ) {
        let key = call.payload().token_key(CLASS, public_keys);
        let share = |place: usize| {
            let seed = self.seed_of(place, &call.id());
            let me = Me { holder: number_of(place as u32), seed: &seed, shares: &[] };
            let ceremony = Ceremony::new(call.clone(), &[]).ok()?;
            let shares = ceremony.advance(messages, Some(me), now).ok()?.outcome?.shares?;
            KeyShare::read(u8::try_from(place + 1).ok()?, shares.as_slice().first()?)
        };
        let shares: Vec<KeyShare> = (0..usize::from(key.holders)).filter_map(share).collect();
        let Some(whole) = Whole::of(key.clone(), &shares) else {
            let found = format!("the shares of epoch {} are not those of its key", key.epoch);
            return self.violated(Some(0), Invariant::NothingForged, found);
        };
        let charter = self.alliance.next(&self.chain, self.true_time(), |charter| {
            charter.token_keys.push(key.clone());
            charter.token_keys.sort_by_key(|key| (key.class, key.epoch));
        });
        match self.chain.extend(charter) {
            Ok(_) => self.hand_over_charters(),
            Err(error) => {
                let found = format!("the charter does not take the key of a ceremony: {error}");
                return self.violated(Some(0), Invariant::Sound, found);
            }
        }
        if let Some(holding) = self.holding.as_mut() {
            holding.keys.insert(key.id(), whole);
            self.counts.evaluations.rotations += 1;
        }
    }

    /// Retires a key once the steward's node sees every listing under it carried over.
    fn retire_key(&mut self, epoch: u16, newest: u16, now: Timestamp) {
        let today = now.day();
        let disk = &self.nodes[0].disk;
        let is_left = |(place, (standing, ended)): (&Place, &(Standing, Option<_>))| {
            let counts = !self.nodes[node_of_member(place.0) as usize].is_expelled;
            let stands = counts && ended.is_none() && standing.holds_on(today);
            stands && standing.epoch == epoch && !disk.stands(&write::in_epoch(place, newest), today)
        };
        if disk.table.iter().any(is_left) {
            return;
        }
        let retired = self.true_time();
        let charter = self.alliance.next(&self.chain, retired, |charter| {
            for key in charter.token_keys.iter_mut().filter(|key| key.class == CLASS && key.epoch == epoch) {
                key.retired = Some(retired);
            }
        });
        if self.chain.extend(charter).is_ok() {
            self.counts.evaluations.retired += 1;
            self.hand_over_charters();
        }
    }

    /// A publisher whose charter has two keys lists under the newer one what stands under the older one alone, and has the tokens
    /// evaluated for that.
    fn carry_over(&mut self, node: u32) {
        let at = &self.nodes[node as usize];
        let (Some(now), Some(replica)) = (self.time_of(node), at.replica.as_ref()) else { return };
        let keys: Vec<u16> = replica.charter().active_keys(CLASS).map(|key| key.epoch).collect();
        let [newest, older] = keys[..] else { return };
        if at.disk.waiting() > 0 {
            return;
        }
        let (publisher, today) = (number_of(node), now.day());
        let due = at.disk.own(publisher).filter(|(place, standing)| {
            let stands = standing.epoch == older && standing.holds_on(today);
            stands && !at.disk.stands(&write::in_epoch(place, newest), today)
        });
        let entries: Vec<Entry> = due
            .take(CARRIED_AT_ONCE)
            .map(|(place, standing)| write::carrying(&place, &standing, newest, today))
            .collect();
        if entries.is_empty() {
            return;
        }
        let count = entries.len() as u32;
        self.counts.evaluations.carried += u64::from(count);
        self.evaluate(node, count, self.now_us ^ u64::from(node));
        self.publish(node, entries);
    }

    /// A holder evaluates under a key that the charter of the request has, and that its own has not retired.
    pub(super) fn look_at_evaluation(&mut self, node: u32, (charter, key): (Hash, KeyId)) {
        let is_active = |charter: &Charter| charter.key_by_id(&key).is_some_and(TokenKey::is_active);
        let known = self.chain.version(&charter).is_some_and(|version| is_active(version.charter()));
        let own = self.nodes[node as usize].replica.as_ref().is_some_and(|replica| is_active(replica.charter()));
        if !known || !own {
            let whose = if known { "the holder's" } else { "the asker's" };
            let found = format!("evaluated under a key that {whose} charter does not have in use");
            self.violated(Some(node), Invariant::NothingForged, found);
        }
    }

    /// The epochs under which a node has subjects looked up, and publishes: the newest first.
    pub(super) fn epochs_of(&self, node: u32) -> Vec<u16> {
        match &self.holding {
            Some(_) => self.nodes[node as usize].disk.chain.current().active_keys(CLASS).map(|key| key.epoch).collect(),
            None => vec![1],
        }
    }

    /// The epochs of all keys that a node's charter has not retired, those included of which it has not heard.
    pub(super) fn epochs_in_use(&self, node: u32) -> Vec<u16> {
        if self.holding.is_none() {
            return vec![1];
        }
        let known = self.nodes[node as usize].disk.chain.current();
        let is_retired = |key: &TokenKey| known.key_by_id(&key.id()).is_some_and(|key| !key.is_active());
        let keys = self.chain.current().token_keys.iter().filter(|key| key.class == CLASS && !is_retired(key));
        keys.map(|key| key.epoch).collect()
    }
}
