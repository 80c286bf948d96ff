//! An elector's memory of one feed, and its word.

use super::{
    Ask, Claim, Place, Proposal, Refused, Reply, Term, Vote, electors,
    message::{read_accepted, read_option, read_term, write_accepted, write_option, write_term},
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
    /// What it took for the next place, and in which term.
    pub accepted: Option<(Term, Box<Proposal>)>,
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
            Ask::Accept { term, proposal } => self.accept(*term, proposal, seen, has_body),
            Ask::Chunk { .. } => Ok((self.clone(), Reply::Absent)),
        }
    }

    /// What was accepted for a place, if that place is still open.
    pub fn pending(&self, place: Place) -> Option<&(Term, Box<Proposal>)> {
        self.accepted.as_ref().filter(|(_, proposal)| place.takes(&proposal.header))
    }

    fn vote(&self, vote: &Vote, seen: Seen<'_>) -> Result<(Register, Reply), Refused> {
        let asker = seen.chain.current().member_of_node(seen.from).map(|member| member.number);
        if asker != Some(vote.publisher) || vote.term.node != *seen.from {
            return Err(Refused::NotYours); // WRITER-1
        }
        let place = self.place(vote.publisher, seen)?;
        // WRITER-2: equal ends, so that nothing accepted before lies beyond the place.
        match vote.place.next().cmp(&place.next()) {
            std::cmp::Ordering::Less => return Err(Refused::Behind(place.next() - 1)),
            std::cmp::Ordering::Greater => return Err(Refused::Lagging),
            std::cmp::Ordering::Equal if vote.place != place => return Err(Refused::OtherHistory),
            std::cmp::Ordering::Equal => {}
        }
        // WRITER-3
        if let Some(promised) = self.promised {
            let since =
                matches!(vote.claim, Claim::Resume(after) if Some(promised) > after && promised.node != vote.term.node);
            if promised > vote.term || since {
                return Err(Refused::Outdated(promised));
            }
        }
        // WRITER-6
        let accepted = self.pending(place).cloned();
        let register = Register { promised: Some(vote.term), accepted: self.accepted.clone(), lost: None };
        Ok((register, Reply::Promised(accepted)))
    }

    fn accept(
        &self,
        term: Term,
        proposal: &Proposal,
        seen: Seen<'_>,
        has_body: bool,
    ) -> Result<(Register, Reply), Refused> {
        let header = &proposal.header;
        let asker = seen.chain.current().member_of_node(seen.from);
        let asker = asker.filter(|member| member.number == header.publisher && term.node == *seen.from);
        let Some(member) = asker else { return Err(Refused::NotYours) }; // WRITER-1
        let place = self.place(header.publisher, seen)?;
        // WRITER-2
        match header.seq.cmp(&place.next()) {
            std::cmp::Ordering::Less => return Err(Refused::Behind(place.next() - 1)),
            std::cmp::Ordering::Greater => return Err(Refused::Lagging),
            std::cmp::Ordering::Equal if !place.takes(header) => return Err(Refused::OtherHistory),
            std::cmp::Ordering::Equal => {}
        }
        // WRITER-3
        if let Some(promised) = self.promised.filter(|promised| *promised > term) {
            return Err(Refused::Outdated(promised));
        }
        // A writer says one thing in one term.
        if self.pending(place).is_some_and(|(of, other)| *of == term && **other != *proposal) {
            return Err(Refused::Outdated(term));
        }
        // WRITER-4: what could never be signed would hold the feed up for ever.
        if seen.chain.version(&header.charter).is_none() {
            return Err(Refused::Lagging);
        }
        let (size, issued) = seen.head.map_or((0, header.issued), |(head, _)| (head.size, head.issued));
        let is_sound = header.alliance == seen.chain.alliance()
            && header.checkpoint.is_none()
            && header.check().is_ok()
            && (header.first, true) == (size, header.issued >= issued)
            && member.signs_with(&proposal.key, header.issued);
        if !is_sound || !has_body {
            return Err(Refused::Batch);
        }
        let accepted = Some((term, Box::new(proposal.clone())));
        Ok((Register { promised: Some(term), accepted, lost: None }, Reply::Accepted))
    }

    /// The place that this elector speaks about.
    fn place(&self, publisher: MemberNumber, seen: Seen<'_>) -> Result<Place, Refused> {
        let base = electors::base(seen.chain, publisher, seen.head.map(|(_, named)| named)).ok_or(Refused::Lagging)?;
        // WRITER-7
        if self.lost.is_some_and(|lost| base.charter().issued <= lost.plus(limits::CLOCK_SKEW_SECONDS)) {
            return Err(Refused::Abstains);
        }
        Ok(Place::after(seen.head.map(|(head, _)| head)))
    }
}

impl Wire for Register {
    const MAX_BYTES: usize = limits::GOSSIP_BYTES + 512;

    fn write(&self, w: &mut Writer) {
        w.array(3);
        write_option(w, self.promised.as_ref(), write_term);
        write_option(w, self.accepted.as_ref(), write_accepted);
        write_option(w, self.lost.as_ref(), |w, lost| {
            w.uint(lost.0);
        });
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        r.tuple(3)?;
        Ok(Register {
            promised: read_option(r, read_term)?,
            accepted: read_option(r, read_accepted)?,
            lost: read_option(r, |r| Ok(Timestamp(r.uint()?)))?,
        })
    }
}
