//! The asker's side of one round: counts the electors' answers.

use std::collections::BTreeMap;

use super::{Bid, Refused, Reply, electors};
use crate::{base::MemberNumber, charter::CharterChain, signed::PublicKey};

/// One round: a vote, or the acceptance of one batch.
#[derive(Debug)]
pub struct Candidate {
    electors: Vec<PublicKey>,
    chain: CharterChain,
    keys: Vec<PublicKey>,
    heard: BTreeMap<PublicKey, Heard>,
    best: Option<Box<Bid>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Heard {
    Yes,
    No(Refused),
    Nothing,
}

/// How a round stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Ask on.
    Waiting,
    /// Most said yes. After a vote: what must be finished first, if anything (WRITER-6).
    Won(Option<Box<Bid>>),
    /// Too many said no, with the latest term or the latest batch among their reasons; `None` if they were not reached.
    /// One that promised a later term to a node that most did not is outvoted.
    Lost(Option<Refused>),
}

impl Candidate {
    /// A round about a publisher's feed among these electors, by these charters.
    pub fn new(electors: &[PublicKey], chain: &CharterChain, publisher: MemberNumber) -> Candidate {
        let keys = chain.current().member(publisher).map_or(&[][..], |member| &member.feed_keys);
        let keys = keys.iter().map(|key| key.key).collect();
        Candidate { electors: electors.to_vec(), chain: chain.clone(), keys, heard: BTreeMap::new(), best: None }
    }

    /// How many must say yes: more than half.
    pub fn needed(&self) -> usize {
        self.electors.len() / 2 + 1
    }

    /// How many did.
    pub fn granted(&self) -> usize {
        self.heard.values().filter(|heard| **heard == Heard::Yes).count()
    }

    /// Counts an answer, each elector's once; `None` is an elector that did not answer.
    pub fn hear(&mut self, from: &PublicKey, reply: Option<Reply>) -> Outcome {
        if !self.electors.contains(from) || self.heard.contains_key(from) {
            return self.outcome();
        }
        let heard = match reply {
            // WRITER-6: what the feed key did not sign is an elector's invention.
            Some(Reply::Promised(Some(bid))) if !bid.holds() || !self.keys.contains(&bid.proposal.key) => {
                Heard::Nothing
            }
            Some(Reply::Promised(accepted)) => {
                // WRITER-6: the batch of the latest term may have been agreed on, unless a cut voids it.
                let accepted = accepted.filter(|bid| !electors::is_void(&self.chain, bid.header()));
                let term = |of: &Option<Box<Bid>>| of.as_ref().map(|bid| bid.term);
                if term(&accepted) > term(&self.best) {
                    self.best = accepted;
                }
                Heard::Yes
            }
            Some(Reply::Accepted) => Heard::Yes,
            Some(Reply::Refused(refused)) => Heard::No(refused),
            Some(Reply::Chunk(_) | Reply::Absent) | None => Heard::Nothing,
        };
        self.heard.insert(*from, heard);
        self.outcome()
    }

    fn outcome(&self) -> Outcome {
        if self.granted() >= self.needed() {
            return Outcome::Won(self.best.clone());
        }
        let open = self.electors.len() - self.heard.len();
        if self.granted() + open < self.needed() { Outcome::Lost(self.reason()) } else { Outcome::Waiting }
    }

    /// The latest term, or else the latest batch, that somebody said no for.
    fn reason(&self) -> Option<Refused> {
        let refused = self.heard.values().filter_map(|heard| match heard {
            Heard::No(refused) => Some(*refused),
            Heard::Yes | Heard::Nothing => None,
        });
        refused.max_by_key(|refused| match refused {
            Refused::Outdated(term) => (Some(*term), 0),
            Refused::Behind(seq) => (None, *seq),
            _ => (None, 0),
        })
    }
}
