//! An attack to the end of its quotas, in a small world, with the protocol's own key, proofs and counts.

use antibrush_protocol::{
    base::{Day, MemberNumber},
    evaluation::quota::{Counts, Tally},
    subject::{Class, Subject},
    suite::threshold::{Checked, blind},
};
use serde::Serialize;

use crate::{
    random::Random,
    world::dealer::{deal, wide},
};

/// Who attacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Attacker {
    /// How many members, with a quota each; none: whoever found a disk.
    pub members: u32,
    /// How many holders' shares it has: they answer it whatever they have answered before.
    pub corrupt: u8,
}

/// What came of an attack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Attack {
    /// Who.
    pub attacker: Attacker,
    /// Evaluations for each member and honest holder on the one day of this world.
    pub quota: u32,
    /// Identifiers that there are in it.
    pub identifiers: u64,
    /// How many tokens the formula allows; `None`: nothing bounds them.
    pub most: Option<u64>,
    /// How many right tokens it had in the end.
    pub obtained: u64,
    /// Evaluations that honest holders gave it.
    pub given: u64,
}

/// The quota of the small world. A multiple of the batch and of all thresholds in use, so that nothing is left over.
const QUOTA: u32 = 48;

/// Identifiers of a request: a power of two, so that no padding is paid for.
const BATCH: usize = 4;

/// The identifiers of the small world: more than any bounded attacker here may get.
const IDENTIFIERS: usize = 2_400;

/// Attacks until nobody answers any more or nothing is left to ask. `None` if so many cannot share a key.
pub fn attack(holders: u8, threshold: u8, attacker: Attacker, seed: u64) -> Option<Attack> {
    let mut random = Random::new(seed, &[u64::from(attacker.members), u64::from(attacker.corrupt)]);
    let members = (1..=u16::from(holders)).map(MemberNumber).collect();
    let (whole, shares) = deal(Class::Mob, 1, threshold, members, &mut random)?;
    let mut honest: Vec<(usize, Tally)> = (usize::from(attacker.corrupt)..usize::from(holders))
        .map(|place| (place, Tally::new(Day(20_000), false, Counts::new())))
        .collect();
    let needed = usize::from(threshold.saturating_sub(attacker.corrupt));
    let (mut obtained, mut given) = (0, 0);
    let identifiers: Vec<usize> = (0..IDENTIFIERS).collect();
    let mut asking = (0..attacker.members).peekable();
    for batch in identifiers.chunks(BATCH) {
        // Each member asks until its quotas are used up; then the next one does.
        let answering = loop {
            let member = match (asking.peek(), needed) {
                (_, 0) => break Some(Vec::new()),
                (Some(member), _) => MemberNumber(1_000 + u16::try_from(*member).unwrap_or(u16::MAX)),
                (None, _) => break None,
            };
            if let Some(places) = ask(&mut honest, member, needed) {
                given += (needed * BATCH) as u64;
                break Some(places);
            }
            asking.next();
        };
        let Some(places) = answering else { break };
        let mut entropy: Vec<[u8; 64]> = batch.iter().map(|_| wide(&mut random)).collect();
        let blinded = blind(batch.iter().map(|n| input(*n)).collect(), &mut entropy).ok()?;
        let answers: Vec<Checked> = (0..usize::from(attacker.corrupt))
            .take(usize::from(threshold))
            .chain(places)
            .filter_map(|place| {
                let made = shares[place].evaluate(blinded.elements(), &mut wide(&mut random)).ok()?;
                whole.public.check(blinded.elements(), &made).ok()
            })
            .collect();
        let expected = whole.directly(&blinded, &mut random).ok()?;
        let tokens = whole.public.finalize(&blinded, &answers).unwrap_or_default();
        obtained += tokens.iter().zip(&expected).filter(|(token, expected)| token.0 == **expected).count() as u64;
    }
    Some(Attack {
        attacker,
        quota: QUOTA,
        identifiers: IDENTIFIERS as u64,
        most: super::bound(holders, threshold, attacker.corrupt, attacker.members, QUOTA),
        obtained,
        given,
    })
}

/// Has so many honest holders count a batch for a member, those first that have the most left for it; `None` if too few would.
fn ask(honest: &mut [(usize, Tally)], member: MemberNumber, needed: usize) -> Option<Vec<usize>> {
    let count = BATCH as u32;
    let used = |tally: &Tally| tally.used().get(&(member, Class::Mob)).copied().unwrap_or_default();
    honest.sort_by_key(|(place, tally)| (used(tally), *place));
    let chosen = honest.get_mut(..needed)?;
    let mut allowed = Vec::new();
    for (_, tally) in chosen.iter() {
        allowed.push(tally.ask(member, Class::Mob, count, QUOTA).ok()?);
    }
    let mut places = Vec::new();
    for ((place, tally), allowed) in chosen.iter_mut().zip(allowed) {
        if let Some(reserve) = &allowed.reserve {
            tally.written(reserve.clone());
        }
        tally.count(allowed);
        places.push(*place);
    }
    Some(places)
}

/// What is blinded of a number.
fn input(number: usize) -> Vec<u8> {
    let mut input = Vec::new();
    // Eleven digits that begin with 138 are a mobile number.
    if let Ok(subject) = Subject::parse(Class::Mob, &format!("138{number:08}")) {
        subject.input(&[1; 32], &mut input);
    }
    input
}
