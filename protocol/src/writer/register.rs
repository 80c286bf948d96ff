//! An elector's memory of one feed, and its word.

use super::{
    Ask, Bid, Claim, Place, Refused, Reply, Term, Vote, electors,
    message::{read_bid, read_option, read_term, write_bid, write_option, write_term},
};
use crate::{
    base::{Hash, MemberNumber, Timestamp},
    charter::CharterChain,
    encoding::{DecodeError, Reader, Wire, Writer},
    feed::Head,
    limits,
    signed::PublicKey,
};

/// What an elector has given its word for, about one feed. It is durable before the word leaves the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Register {
    /// No earlier term is heard.
    pub promised: Option<Term>,
    /// What it took last.
    pub accepted: Option<Box<Bid>>,
    /// The last term that this node held itself: it may go on from there. To stand for a later one is not to hold it.
    pub held: Option<Term>,
    /// WRITER-7: what it knew before that moment was lost. Terms hold for the places of one charter, so it can speak again once
    /// the feed names a charter that did not exist then.
    pub lost: Option<Timestamp>,
}

/// What an elector looks at.
#[derive(Clone, Copy)]
pub struct Seen<'a> {
    /// The charters.
    pub chain: &'a CharterChain,
    /// The feed's committed head here, and the charter that it names.
    pub head: Option<(&'a Head, &'a Hash)>,
    /// Who asks: the node behind the connection.
    pub from: &'a PublicKey,
    /// The time.
    pub now: Timestamp,
}

impl Register {
    /// The memory of an elector that lost it at that moment.
    pub fn lost(at: Timestamp) -> Register {
        Register { lost: Some(at), ..Register::default() }
    }

    /// Answers a question. What is returned beside a yes must be durable before the yes is sent; a no changes nothing.
    /// `has_body` says that every chunk of a proposed batch is durable here.
    pub fn answer(&self, ask: &Ask, seen: Seen<'_>, has_body: bool) -> Result<(Register, Reply), Refused> {
        match ask {
            Ask::Vote(vote) => self.vote(vote, seen),
            Ask::Accept(bid) => self.accept(bid, seen, has_body),
            Ask::Chunk { .. } => Ok((self.clone(), Reply::Absent)),
        }
    }

    /// What was accepted for a place, if that place is still open.
    pub fn pending(&self, place: Place) -> Option<&Bid> {
        self.accepted.as_deref().filter(|bid| place.takes(bid.header()))
    }

    fn vote(&self, vote: &Vote, seen: Seen<'_>) -> Result<(Register, Reply), Refused> {
        let asker = seen.chain.current().member_of_node(seen.from).map(|member| member.number);
        if asker != Some(vote.publisher) || vote.term.node != *seen.from {
            return Err(Refused::NotYours); // WRITER-1
        }
        // WRITER-3: before the place, for one that was overtaken lacks batches as well.
        if let Some(promised) = self.promised {
            let since =
                matches!(vote.claim, Claim::Resume(after) if Some(promised) > after && promised.node != vote.term.node);
            if promised > vote.term || since {
                return Err(Refused::Outdated(promised));
            }
        }
        let place = self.place(vote.publisher, seen)?;
        // WRITER-2: equal ends, so that nothing accepted before lies beyond the place.
        match vote.place.next().cmp(&place.next()) {
            std::cmp::Ordering::Less => return Err(Refused::Behind(place.next() - 1)),
            std::cmp::Ordering::Greater => return Err(Refused::Lagging),
            std::cmp::Ordering::Equal if vote.place != place => return Err(Refused::OtherHistory),
            std::cmp::Ordering::Equal => {}
        }
        // WRITER-6
        let accepted = self.pending(place).cloned().map(Box::new);
        let register = Register { promised: Some(vote.term), lost: None, ..self.clone() };
        Ok((register, Reply::Promised(accepted)))
    }

    fn accept(&self, bid: &Bid, seen: Seen<'_>, has_body: bool) -> Result<(Register, Reply), Refused> {
        let (header, term) = (bid.header(), bid.term);
        let asker = seen.chain.current().member_of_node(seen.from);
        let asker = asker.filter(|member| member.number == header.publisher && term.node == *seen.from);
        let Some(member) = asker else { return Err(Refused::NotYours) }; // WRITER-1
        // WRITER-3
        if let Some(promised) = self.promised.filter(|promised| *promised > term) {
            return Err(Refused::Outdated(promised));
        }
        let place = self.place(header.publisher, seen)?;
        // WRITER-2
        match header.seq.cmp(&place.next()) {
            std::cmp::Ordering::Less => return Err(Refused::Behind(place.next() - 1)),
            std::cmp::Ordering::Greater => return Err(Refused::Lagging),
            std::cmp::Ordering::Equal if !place.takes(header) => return Err(Refused::OtherHistory),
            std::cmp::Ordering::Equal => {}
        }
        // A writer says one thing in one term.
        if self.pending(place).is_some_and(|other| other.term == term && other.proposal != bid.proposal) {
            return Err(Refused::Outdated(term));
        }
        // WRITER-4: what could never be signed would hold the feed up for ever.
        let Some(named) = seen.chain.version(&header.charter) else { return Err(Refused::Lagging) };
        let (size, issued) = seen.head.map_or((0, header.issued), |(head, _)| (head.size, head.issued));
        // What a revoked key began is finished by nobody, whatever charter it names.
        let key = member.feed_keys.iter().find(|known| known.key == bid.proposal.key && known.revoked.is_none());
        let is_sound = header.alliance == seen.chain.alliance()
            && header.checkpoint.is_none()
            && header.check().is_ok()
            && (header.first, true) == (size, header.issued >= issued)
            && header.issued <= seen.now.plus(limits::CLOCK_SKEW_SECONDS)
            && header.issued < named.charter().expires
            && key.is_some()
            && member.signs_header_with(&bid.proposal.key, header.issued, named.charter().number)
            && seen.head.is_none_or(|(_, before)| seen.chain.number_of(before) <= Some(named.charter().number)) // FEED-9
            && !electors::is_void(seen.chain, header)
            && bid.holds();
        if !is_sound || !has_body {
            return Err(Refused::Batch);
        }
        let accepted = Some(Box::new(bid.clone()));
        Ok((Register { promised: Some(term), accepted, lost: None, ..self.clone() }, Reply::Accepted))
    }

    /// The place that this elector speaks about.
    fn place(&self, publisher: MemberNumber, seen: Seen<'_>) -> Result<Place, Refused> {
        let base = electors::base(seen.chain, publisher, seen.head.map(|(_, named)| named)).ok_or(Refused::Lagging)?;
        // WRITER-7
        if self.lost.is_some_and(|lost| base.charter().issued <= lost.plus(limits::CLOCK_SKEW_SECONDS)) {
            return Err(Refused::Abstains);
        }
        let place = Place::after(seen.head.map(|(head, _)| head));
        // WRITER-2
        if electors::lacks_batches(seen.chain, publisher, place) {
            return Err(Refused::Lagging);
        }
        // WRITER-2: what it accepted lies beyond the end that it has, so that end went back, by a damaged disk say.
        let beyond = |bid: &&Bid| {
            let header = bid.header();
            header.seq > place.next() || (header.seq == place.next() && !place.takes(header))
        };
        match self.accepted.as_deref().filter(beyond) {
            Some(bid) if !electors::is_void(seen.chain, bid.header()) => Err(Refused::Lagging),
            _ => Ok(place),
        }
    }
}

impl Wire for Register {
    const MAX_BYTES: usize = limits::GOSSIP_BYTES + 512;

    fn write(&self, w: &mut Writer) {
        w.array(4);
        write_option(w, self.promised.as_ref(), write_term);
        write_option(w, self.accepted.as_deref(), write_bid);
        write_option(w, self.held.as_ref(), write_term);
        write_option(w, self.lost.as_ref(), |w, lost| {
            w.uint(lost.0);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(4)?;
        Ok(Register {
            promised: read_option(r, read_term)?,
            accepted: read_option(r, read_bid)?,
            held: read_option(r, read_term)?,
            lost: read_option(r, |r| Ok(Timestamp(r.uint()?)))?,
        })
    }
}
