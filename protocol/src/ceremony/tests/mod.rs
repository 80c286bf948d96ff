//! Whole ceremonies, any order of arrival, and every way to cheat.

mod cheats;
mod form;
mod order;
mod refresh;

use curve25519_dalek::scalar::Scalar;
use sha2::{Digest, Sha512};

use super::*;
use crate::{
    base::{MemberNumber, Timestamp},
    charter::{Charter, FeedKey, SignedCharter},
    fixtures::{self, FOUNDED, Key, alliance, genesis, label, member, steward},
    signed::{self, Signed, Signer, Verified},
    subject::Class,
    suite::threshold::{Checked, KeyShare, OprfError, ThresholdKey, blind},
};

const CALLED: Timestamp = Timestamp(FOUNDED.0 + 100);
const NOW: Timestamp = Timestamp(CALLED.0 + 60);
const OVER: Timestamp = Timestamp(CALLED.0 + 86_400);

const CLASSES: &[Class] = &[Class::Ent, Class::Mob, Class::Wbl];

/// The holder of share x has the member number 10·x.
fn holder(number: u8) -> MemberNumber {
    MemberNumber(10 * u16::from(number))
}

fn feed_key(number: u8) -> Key {
    Key::of(&format!("holder {number}"))
}

fn seed(number: u8) -> Seed {
    Seed(label(&format!("seed {number}")))
}

fn charter(holders: u8) -> Charter {
    let member = |number: u8| {
        let key = FeedKey::new(feed_key(number).public(), FOUNDED);
        crate::charter::Member { number: holder(number), feed_keys: vec![key], ..member(1) }
    };
    Charter { members: (1..=holders).map(member).collect(), ..genesis() }
}

fn a_call(threshold: u8, holders: u8, classes: &[Class]) -> Call {
    Call {
        alliance: alliance(),
        charter: SignedCharter::unsigned(&charter(holders)).id(),
        kind: Kind::Generate,
        epoch: 2,
        classes: classes.to_vec(),
        threshold,
        holders: (1..=holders).map(holder).collect(),
        keys: Vec::new(),
        issued: CALLED,
        deadline: OVER,
        nonce: label("nonce")[..16].try_into().unwrap(),
    }
}

fn verified(call: &Call) -> Result<Verified<Call>, CeremonyError> {
    let charter = SignedCharter::unsigned(&charter(call.holders.len() as u8));
    verify_call(signed::sign(call, &steward("1")), &charter, &alliance(), Some((call.threshold, &call.holders)), NOW)
}

/// A ceremony and its board.
#[derive(Clone)]
struct World {
    ceremony: Ceremony,
    charter: Charter,
    /// For a refresh, the present shares of each holder.
    shares: Vec<Vec<[u8; 32]>>,
    board: Vec<Verified<Message>>,
}

impl World {
    fn new(threshold: u8, holders: u8, classes: &[Class]) -> World {
        let call = verified(&a_call(threshold, holders, classes)).unwrap();
        let shares = vec![Vec::new(); holders.into()];
        World { ceremony: Ceremony::new(call, &[]).unwrap(), charter: charter(holders), shares, board: Vec::new() }
    }

    fn numbers(&self) -> std::ops::RangeInclusive<u8> {
        1..=self.shares.len() as u8
    }

    /// What the holder of a share sees, or somebody who is none (0).
    fn see(&self, number: u8, now: Timestamp) -> Progress {
        self.try_see(number, &seed(number), now).unwrap()
    }

    fn try_see(&self, number: u8, seed: &Seed, now: Timestamp) -> Result<Progress, CeremonyError> {
        let shares = usize::from(number).checked_sub(1).map_or(&[][..], |place| &self.shares[place]);
        let me = (number > 0).then(|| Me { holder: holder(number), seed, shares });
        self.ceremony.advance(&self.board, me, now)
    }

    fn sign(&self, number: u8, round: Round) -> Verified<Message> {
        let message = Message { ceremony: self.ceremony.id(), holder: holder(number), round };
        let signed = signed::sign(&message, &feed_key(number));
        let again = Signed::decode(signed.envelope()).unwrap();
        verify_message(again, &self.ceremony_call(), &self.charter).unwrap()
    }

    fn ceremony_call(&self) -> Verified<Call> {
        verified_of(&self.ceremony)
    }

    fn say(&mut self, number: u8, round: Round) {
        let message = self.sign(number, round);
        self.board.push(message);
    }

    /// What a holder would post now.
    fn next(&self, number: u8) -> Option<Round> {
        let mut post = self.see(number, NOW).post;
        assert!(post.len() <= 1);
        post.pop().map(|message| {
            assert_eq!((message.ceremony, message.holder), (self.ceremony.id(), holder(number)));
            message.round
        })
    }

    /// One round of some holders; the others are silent.
    fn round(&mut self, numbers: impl IntoIterator<Item = u8>) {
        let posts: Vec<_> = numbers.into_iter().filter_map(|number| Some((number, self.next(number)?))).collect();
        posts.into_iter().for_each(|(number, round)| self.say(number, round));
    }

    fn rounds(mut self, count: usize) -> World {
        (0..count).for_each(|_| self.round(self.numbers()));
        self
    }

    /// The message of a holder in a step.
    fn said(&self, number: u8, step: Step) -> &Verified<Message> {
        let is = |message: &&Verified<Message>| {
            message.payload().holder == holder(number) && message.payload().round.step() == step
        };
        self.board.iter().find(is).unwrap()
    }

    /// Replaces what a holder said in a step.
    fn replace(&mut self, number: u8, change: impl FnOnce(&mut Round)) {
        let place = self.board.iter().rposition(|message| message.payload().holder == holder(number)).unwrap();
        let mut round = self.board[place].payload().round.clone();
        change(&mut round);
        self.board[place] = self.sign(number, round);
    }

    /// The faults, which are the same for everybody.
    fn faults(&self, now: Timestamp) -> Vec<(u8, Fault)> {
        let seen = self.see(0, now);
        for number in self.numbers() {
            let other = match self.try_see(number, &seed(number), now) {
                // A liar's own node does not play along.
                Err(CeremonyError::OtherSeed) => continue,
                other => other.unwrap(),
            };
            assert_eq!((other.phase, &other.faults), (seen.phase, &seen.faults), "{number}");
        }
        assert_eq!(seen.phase == Phase::Void, !seen.faults.is_empty());
        assert!(seen.faults.is_empty() || seen.waiting_for.is_empty() && seen.post.is_empty());
        seen.faults.into_iter().map(|(culprit, fault)| ((culprit.0 / 10) as u8, fault)).collect()
    }

    fn outcome(&self, number: u8) -> Outcome {
        let seen = self.see(number, OVER);
        assert_eq!((seen.phase, seen.post.len(), seen.waiting_for.len()), (Phase::Done, 0, 0));
        seen.outcome.unwrap()
    }
}

fn verified_of(ceremony: &Ceremony) -> Verified<Call> {
    verified(ceremony.call()).unwrap()
}

fn wide(label: &str, number: u64) -> [u8; 64] {
    Sha512::new().chain_update(label).chain_update(number.to_le_bytes()).finalize().into()
}

/// All subsets of `size` numbers out of 1 to `of`.
fn subsets(size: u8, of: u8) -> Vec<Vec<u8>> {
    let all = (0u32..1 << of).filter(|bits| bits.count_ones() == u32::from(size));
    all.map(|bits| (0..of).filter(|place| bits >> place & 1 == 1).map(|place| place + 1).collect()).collect()
}

/// The PRF value of one input under the shares of each subset of t holders; fewer are refused.
fn values(key: &ThresholdKey, shares: &[KeyShare]) -> Vec<[u8; 64]> {
    let blinded = blind(vec![b"+8613800000000".to_vec()], &mut [wide("blind", 0)]).unwrap();
    let answer = |share: &KeyShare| {
        let answer = share.evaluate(blinded.elements(), &mut wide("nonce", share.holder().into())).unwrap();
        key.check(blinded.elements(), &answer).unwrap()
    };
    let answers: Vec<Checked> = shares.iter().map(answer).collect();
    let (need, have) = (key.threshold(), key.threshold() - 1);
    let subsets = subsets(need as u8, shares.len() as u8).into_iter();
    let values = subsets.map(|subset| {
        let some: Vec<Checked> = subset.iter().map(|number| answers[usize::from(*number) - 1].clone()).collect();
        assert_eq!(key.finalize(&blinded, &some[1..]).err(), Some(OprfError::TooFew { have, need }));
        key.finalize(&blinded, &some).unwrap()[0].0
    });
    values.collect()
}

/// The scalar that some shares give by Lagrange's formula at 0.
fn combine(shares: &[(u8, [u8; 32])]) -> Scalar {
    let weight = |one: u8| {
        shares.iter().filter(|(other, _)| *other != one).fold(Scalar::ONE, |product, (other, _)| {
            let (one, other) = (Scalar::from(one), Scalar::from(*other));
            product * other * (other - one).invert()
        })
    };
    shares.iter().map(|(number, share)| weight(*number) * Scalar::from_canonical_bytes(*share).unwrap()).sum()
}

#[test]
fn every_holder_gets_the_same_keys_and_any_t_shares_use_them() {
    for (threshold, holders) in [(2, 3), (3, 5), (4, 7)] {
        let world = World::new(threshold, holders, CLASSES).rounds(3);
        assert_eq!((world.board.len(), world.faults(NOW)), (3 * usize::from(holders), vec![]));
        let keys = world.outcome(0).keys;
        assert!(world.outcome(0).shares.is_none());
        assert_eq!(keys.iter().map(|keys| keys.class).collect::<Vec<_>>(), CLASSES);
        let all: Vec<Outcome> = world.numbers().map(|number| world.outcome(number)).collect();
        assert!(all.iter().all(|outcome| outcome.keys == keys));
        let mut different = Vec::new();
        for (class, keys) in keys.iter().enumerate() {
            let key = ThresholdKey::read(threshold, &keys.public_keys).unwrap();
            let share = |(number, outcome): (u8, &Outcome)| {
                KeyShare::read(number, &outcome.shares.as_ref().unwrap().as_slice()[class]).unwrap()
            };
            let shares: Vec<KeyShare> = world.numbers().zip(&all).map(share).collect();
            let public: Vec<_> = shares.iter().map(|share| *share.public().bytes()).collect();
            assert_eq!(public, keys.public_keys[1..]);
            let values = values(&key, &shares);
            assert!(values.iter().all(|value| *value == values[0]), "{threshold} of {holders}");
            different.push(values[0]);
        }
        different.dedup();
        assert_eq!(different.len(), CLASSES.len(), "each class has a key of its own");
    }
}

/// frost-core adds up the commitments by itself.
#[test]
fn the_public_keys_are_those_of_another_implementation() {
    use frost_ristretto255::{
        Identifier,
        keys::{PublicKeyPackage, VerifiableSecretSharingCommitment},
    };
    let world = World::new(3, 5, &CLASSES[..1]).rounds(3);
    let commitments = world.numbers().map(|number| {
        let Round::Commit { packages, .. } = &world.said(number, Step::Commit).payload().round else { panic!() };
        let points = packages[0][..96].chunks(32);
        let identifier = Identifier::try_from(u16::from(number)).unwrap();
        (identifier, VerifiableSecretSharingCommitment::deserialize(points).unwrap())
    });
    let commitments: std::collections::BTreeMap<_, _> = commitments.collect();
    let borrowed = commitments.iter().map(|(identifier, commitment)| (*identifier, commitment)).collect();
    let theirs = PublicKeyPackage::from_dkg_commitments(&borrowed).unwrap();
    let ours = &world.outcome(0).keys[0].public_keys;
    assert_eq!(theirs.verifying_key().serialize().unwrap(), ours[0]);
    for number in world.numbers() {
        let share = theirs.verifying_shares()[&Identifier::try_from(u16::from(number)).unwrap()];
        assert_eq!(share.serialize().unwrap(), ours[usize::from(number)]);
    }
}

#[test]
fn nothing_secret_shows_in_debug_output() {
    let mut world = World::new(2, 3, &CLASSES[..1]).rounds(3);
    let outcome = world.outcome(1);
    assert!(format!("{outcome:?}").contains("shares: Some(Shares(..))"));
    assert_eq!(format!("{:?}", seed(1)), "Seed(..)");
    world.replace(2, |round| *round = complaint(&World::new(2, 3, &CLASSES[..1]).rounds(2), 2, 1));
    let debug = format!("{:?}", world.said(2, Step::Answer).payload());
    assert!(debug.contains("Complain(..)") && !debug.contains("secret"), "{debug}");
}

/// The complaint of one holder against another, true or not.
fn complaint(world: &World, from: u8, against: u8) -> Round {
    Round::Complain {
        against: holder(against),
        deal: world.said(against, Step::Deal).id(),
        secret: *seed(from).receive_secret(&world.ceremony.id()),
    }
}
