//! Who may stay connected: active members, holders of a live invitation for the join exchange alone, nobody else.

use std::{
    collections::HashSet,
    time::{Duration, Instant},
};

use antibrush_protocol::{conduct::Conduct, replica::Peer};
use serde::Serialize;

/// How long a stranger may stay for the join exchange.
pub const STRANGER_STAYS: Duration = Duration::from_secs(30);

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
    conduct: Conduct<Peer>,
    opened: Instant,
}

impl Gate {
    /// A gate that lets nobody in yet.
    pub fn new(now: Instant) -> Gate {
        Gate { members: HashSet::new(), door: Door::Closed, conduct: Conduct::default(), opened: now }
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
    pub fn offend(&mut self, peer: Peer, now: Instant) -> bool {
        // Strangers can make new keys at will: only members are remembered, so what is remembered is bounded by the charter.
        !self.is_member(&peer) || self.conduct.offend(peer, self.ms(now))
    }

    /// The peers whose score is no longer to be lowered, each told once.
    pub fn forgiven(&mut self, now: Instant) -> Vec<Peer> {
        self.conduct.forgiven(self.ms(now))
    }

    /// Whether a peer is shut out.
    pub fn is_banned(&self, peer: &Peer, now: Instant) -> bool {
        self.conduct.is_shut_out(peer, self.ms(now))
    }

    /// What is remembered of those who offended.
    pub fn records(&self, now: Instant) -> Vec<(Peer, PeerRecord)> {
        let record = |(peer, offences)| (peer, PeerRecord { offences, banned: self.is_banned(&peer, now) });
        self.conduct.offenders().map(record).collect()
    }

    /// The clock of [`Conduct`].
    fn ms(&self, now: Instant) -> u64 {
        u64::try_from(now.saturating_duration_since(self.opened).as_millis()).unwrap_or(u64::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_stay_strangers_knock_and_offenders_go() {
        let (now, member, stranger) = (Instant::now(), [1; 32], [2; 32]);
        let mut gate = Gate::new(now);
        gate.set_members(HashSet::from([member]));
        assert_eq!(gate.admit(&member, now), Admission::Member);
        assert_eq!(gate.admit(&stranger, now), Admission::Refused);
        gate.set_door(Door::OpenForJoining);
        assert_eq!(gate.admit(&stranger, now), Admission::Stranger);
        assert!(!gate.offend(member, now));
        assert!(!gate.offend(member, now));
        assert!(gate.offend(member, now));
        assert_eq!(gate.admit(&member, now), Admission::Refused);
        assert_eq!(gate.admit(&member, now + Duration::from_secs(600)), Admission::Member);
    }
}
