//! Charters: hearing of one, having it stored, putting it in force.

use super::{Event, GossipHandle, Now, Offence, Output, Peer, Replica, Store, Topic, Verdict};
use crate::{
    base::MemberNumber,
    charter::{CharterError, MemberState, SignedCharter},
    encoding::{DecodeError, Wire},
    limits,
    signed::SignatureError,
    sync::Announcement,
};

/// The most forks that are reported: one is enough to act.
const FORKS: usize = 16;

/// An announcement whose verdict waits for the charter, so that gossip passes it on afterwards.
#[derive(Debug)]
pub(super) struct Held {
    handle: GossipHandle,
    announcement: Announcement,
    until_ms: u64,
}

impl Replica {
    /// Hears of a charter. `None`: the verdict comes once the charter is in force here, or too late.
    pub(super) fn on_announcement(
        &mut self,
        from: Peer,
        handle: GossipHandle,
        bytes: &[u8],
        now: Now,
    ) -> Option<Result<Verdict, Offence>> {
        let announcement = match Announcement::decode(bytes) {
            Ok(announcement) => announcement,
            Err(error) => {
                self.refused(error.rule());
                return Some(Err(Offence::Undecodable));
            }
        };
        if let Some(verdict) = self.judge(&announcement) {
            return Some(Ok(verdict));
        }
        self.charter_missing(from, announcement.number);
        if self.held.len() >= limits::ANNOUNCEMENTS_HELD {
            return Some(Ok(Verdict::Ignore));
        }
        let until_ms = now.ms + limits::ANNOUNCEMENT_HELD_MS;
        self.held.push(Held { handle, announcement, until_ms });
        self.wake_at(until_ms);
        None
    }

    /// Passes on what names a charter of our chain; another id is a fork or a lie, and gossip does not tell which.
    fn judge(&self, announcement: &Announcement) -> Option<Verdict> {
        if announcement.number > self.charter().number {
            return None;
        }
        let ours = self
            .chain
            .from(announcement.number)
            .first()
            .filter(|charter| charter.charter().number == announcement.number);
        Some(if ours.is_some_and(|ours| ours.id() == announcement.id) { Verdict::Accept } else { Verdict::Ignore })
    }

    pub(super) fn release_held(&mut self, now: Now) {
        for held in std::mem::take(&mut self.held) {
            let verdict = self.judge(&held.announcement).or((held.until_ms <= now.ms).then_some(Verdict::Ignore));
            match verdict {
                Some(verdict) => self.out(Output::Verdict { handle: held.handle, verdict }),
                None => self.held.push(held),
            }
        }
    }

    /// A peer knows a charter that we do not.
    pub(super) fn charter_missing(&mut self, peer: Peer, number: u64) {
        if let Some(peer) = self.peers.get_mut(&peer) {
            peer.charter = peer.charter.max(number);
        }
    }

    pub(super) fn on_charters(&mut self, peer: Peer, charters: &[std::sync::Arc<[u8]>], now: Now) {
        // One at a time: each is durable before the next is looked at; more are asked for then.
        let ours = self.charter().number;
        for bytes in charters {
            match SignedCharter::decode(bytes) {
                // A newer release may read it.
                Err(error @ SignatureError::Decode(DecodeError::UnknownVersion(_))) => {
                    self.refused(error.rule());
                    break;
                }
                Err(error) => {
                    self.refused(error.rule());
                    return self.blame(peer, Offence::BadCharter, now);
                }
                Ok(charter) if charter.charter().number <= ours => self.look_for_fork(&charter),
                Ok(charter) => return self.on_next_charter(peer, charter, now),
            }
        }
        self.no_newer_charter(peer, now);
    }

    /// CHARTER-12: the stewards of a version signed two successors of it. Neither node can tell which one is meant: people must.
    fn look_for_fork(&mut self, charter: &SignedCharter) {
        let number = charter.charter().number;
        if self.chain.from(number).first().is_none_or(|known| known.id() != charter.id()) {
            self.refused(CharterError::Forked(number).rule());
        }
        let known = self.forks.len() >= FORKS || self.forks.contains(&charter.id());
        if !known && self.chain.is_fork(charter) {
            self.forks.insert(charter.id());
            self.out(Output::Report(Event::CharterForked { other: charter.clone() }));
        }
    }

    fn on_next_charter(&mut self, peer: Peer, charter: SignedCharter, now: Now) {
        let (number, alliance) = (charter.charter().number, charter.charter().alliance);
        match self.take_charter(charter, now) {
            Ok(()) => {}
            // A fork is for the stewards to judge, a wrong clock for whose it is: not this peer's fault.
            Err(error @ (CharterError::Forked(_) | CharterError::OtherChain | CharterError::FromTheFuture))
                if alliance == Some(self.chain.alliance()) =>
            {
                self.refused(error.rule());
                self.out(Output::Report(Event::CharterRefused { number, error }));
                self.no_newer_charter(peer, now);
            }
            Err(error) => {
                self.refused(error.rule());
                self.blame(peer, Offence::BadCharter, now);
            }
        }
    }

    /// The peer has no charter for us after all: it is asked again when it says otherwise.
    pub(super) fn no_newer_charter(&mut self, peer: Peer, now: Now) {
        let ours = self.charter().number;
        if let Some(state) = self.peers.get_mut(&peer) {
            state.charter = state.charter.min(ours);
        }
        self.hold_off(peer, now.ms + u64::from(limits::BUSY_RETRY_MS));
    }

    /// Verifies a charter and has it stored; it comes into force once it is durable.
    pub(super) fn take_charter(&mut self, charter: SignedCharter, now: Now) -> Result<(), CharterError> {
        // CHARTER-14: a node must not come to depend on a charter that its own next start would refuse.
        if charter.charter().issued > now.wall.plus(limits::CLOCK_SKEW_SECONDS) {
            return Err(CharterError::FromTheFuture);
        }
        let mut chain = self.chain.clone();
        if chain.extend(charter.clone())? {
            self.storing_charter = true;
            self.out(Output::Store(Store::Charter(charter)));
        }
        Ok(())
    }

    pub(super) fn on_charter_stored(&mut self, charter: SignedCharter, stored: bool, now: Now) {
        self.storing_charter = false;
        let announcement = Announcement { number: charter.charter().number, id: charter.id() };
        if !stored {
            let again = now.ms + u64::from(limits::BUSY_RETRY_MS);
            self.unstored_charter = Some((again, charter));
            self.wake_at(again);
        } else if self.chain.extend(charter) == Ok(true) {
            self.open_feeds();
            self.settle_feeds(now);
            // What was refused under the old charter may be asked for again at once.
            self.peers.iter_mut().for_each(|(_, peer)| {
                peer.forget_absences();
                peer.board_wanted |= std::mem::take(&mut peer.board_refused);
            });
            self.out(Output::Gossip { topic: Topic::Charters, bytes: announcement.encode().into() });
            self.out(Output::Report(Event::CharterChanged { number: announcement.number }));
            self.heartbeat(now);
        }
        self.pump(now);
    }

    /// Offers the store again what it could not take.
    pub(super) fn store_charter_again(&mut self, now: Now) {
        if self.unstored_charter.as_ref().is_some_and(|(at_ms, _)| *at_ms <= now.ms)
            && let Some((_, charter)) = self.unstored_charter.take()
            && !self.storing_charter
        {
            // `Err`: another one came into force meanwhile.
            let _ = self.take_charter(charter, now);
        }
    }

    /// Every publisher has a feed, so that one that was never heard of shows as never synced; a suspended one's too,
    /// because what it published before stays readable.
    pub(super) fn open_feeds(&mut self) {
        let charter = self.charter().clone();
        for member in charter.members.iter().filter(|member| member.role.publishes()) {
            if member.state != MemberState::Expelled {
                self.feeds.or_default(member.number);
            }
        }
        self.count_announced();
    }

    /// Whether headers of this feed would be taken under the charter in force.
    pub(super) fn takes_from(&self, publisher: MemberNumber) -> bool {
        let member = self.charter().member(publisher);
        member.is_some_and(|member| member.role.publishes() && member.state != MemberState::Expelled)
    }
}
