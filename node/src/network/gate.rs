//! Who may stay connected: active members, holders of a live invitation for the join exchange alone, nobody else.

use std::{
    collections::{HashMap, HashSet},
    time::{Duration, Instant},
};

use antibrush_protocol::{
    gossip::OFFENCE_SECONDS,
    replica::{Offence, Peer},
};
use serde::Serialize;

/// How long a stranger may stay for the join exchange.
pub const STRANGER_STAYS: Duration = Duration::from_secs(30);

/// Offences until a peer is shut out, and for how long. No offence can happen to an honest peer, so few are needed.
const OFFENCES_UNTIL_BAN: u32 = 3;
const BAN: Duration = Duration::from_secs(OFFENCE_SECONDS);

/// Whether strangers may knock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// Only members.
    Closed,
    /// An invitation is out.
    OpenForJoining,
}

/// What to do with a peer that connects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Admission {
    /// A member.
    Member,
    /// May speak the join protocol for a while.
    Stranger,
    /// Must go.
    Refused,
}

/// What is remembered of a peer's conduct.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct PeerRecord {
    /// Offences so far.
    pub offences: u32,
    /// Whether it is shut out at present.
    pub banned: bool,
}

/// The gate.
pub struct Gate {
    members: HashSet<Peer>,
    door: Door,
    records: HashMap<Peer, Record>,
}

#[derive(Default)]
struct Record {
    offences: u32,
    banned_until: Option<Instant>,
    /// Its score is lowered until then; `None`: it is not.
    lowered_until: Option<Instant>,
}

impl Gate {
    /// A gate that lets nobody in yet.
    pub fn new() -> Gate {
        Gate { members: HashSet::new(), door: Door::Closed, records: HashMap::new() }
    }

    /// The node keys of active members.
    pub fn set_members(&mut self, members: HashSet<Peer>) {
        self.members = members;
    }

    /// Opens or closes the door for strangers.
    pub fn set_door(&mut self, door: Door) {
        self.door = door;
    }

    /// Whether this node belongs to an active member.
    pub fn is_member(&self, peer: &Peer) -> bool {
        self.members.contains(peer)
    }

    /// What to do with a peer that connects.
    pub fn admit(&self, peer: &Peer, now: Instant) -> Admission {
        if self.is_banned(peer, now) {
            Admission::Refused
        } else if self.is_member(peer) {
            Admission::Member
        } else if self.door == Door::OpenForJoining {
            Admission::Stranger
        } else {
            Admission::Refused
        }
    }

    /// Writes an offence down; `true`: the peer is shut out from now on.
    pub fn offend(&mut self, peer: Peer, _offence: Offence, now: Instant) -> bool {
        // Strangers can make new keys at will: only members are remembered, so the map is bounded by the charter.
        if !self.is_member(&peer) {
            return true;
        }
        let record = self.records.entry(peer).or_default();
        record.offences += 1;
        record.lowered_until = Some(now + BAN);
        if record.offences.is_multiple_of(OFFENCES_UNTIL_BAN) {
            record.banned_until = Some(now + BAN);
        }
        record.banned_until.is_some_and(|until| now < until)
    }

    /// The peers whose score is no longer to be lowered, each told once.
    pub fn forgiven(&mut self, now: Instant) -> Vec<Peer> {
        let over =
            |(peer, record): (&Peer, &mut Record)| record.lowered_until.take_if(|until| *until <= now).map(|_| *peer);
        self.records.iter_mut().filter_map(over).collect()
    }

    /// Whether a peer is shut out.
    pub fn is_banned(&self, peer: &Peer, now: Instant) -> bool {
        self.records.get(peer).and_then(|record| record.banned_until).is_some_and(|until| now < until)
    }

    /// What is remembered of those who offended.
    pub fn records(&self, now: Instant) -> Vec<(Peer, PeerRecord)> {
        let record = |(peer, record): (&Peer, &Record)| {
            (*peer, PeerRecord { offences: record.offences, banned: self.is_banned(peer, now) })
        };
        self.records.iter().map(record).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stay_strangers_knock_and_offenders_go() {
        let (now, member, stranger) = (Instant::now(), [1; 32], [2; 32]);
        let mut gate = Gate::new();
        gate.set_members(HashSet::from([member]));
        assert_eq!(gate.admit(&member, now), Admission::Member);
        assert_eq!(gate.admit(&stranger, now), Admission::Refused);
        gate.set_door(Door::OpenForJoining);
        assert_eq!(gate.admit(&stranger, now), Admission::Stranger);
        assert!(!gate.offend(member, Offence::BadChunk, now));
        assert!(!gate.offend(member, Offence::BadChunk, now));
        assert!(gate.offend(member, Offence::BadChunk, now));
        assert_eq!(gate.admit(&member, now), Admission::Refused);
        assert_eq!(gate.admit(&member, now + BAN), Admission::Member);
    }

    #[test]
    fn a_score_is_lowered_until_ten_minutes_after_the_last_offence() {
        let (now, member) = (Instant::now(), [1; 32]);
        let second = Duration::from_secs(1);
        let mut gate = Gate::new();
        gate.set_members(HashSet::from([member]));
        assert!(gate.forgiven(now).is_empty());
        gate.offend(member, Offence::BadChunk, now);
        gate.offend(member, Offence::BadChunk, now + 300 * second);
        assert!(gate.forgiven(now + 899 * second).is_empty());
        assert_eq!(gate.forgiven(now + 900 * second), [member]);
        assert!(gate.forgiven(now + 900 * second).is_empty(), "told once");
        gate.offend(member, Offence::BadChunk, now + 1000 * second);
        assert_eq!(gate.forgiven(now + 1600 * second), [member]);
    }
}
