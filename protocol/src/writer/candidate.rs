//! The asker's side of one round: counts the electors' answers.

use std::collections::BTreeMap;

use super::{Proposal, Refused, Reply, Term};
use crate::signed::PublicKey;

/// One round: a vote, or the acceptance of one batch.
#[derive(Debug)]
pub struct Candidate {
    electors: Vec<PublicKey>,
    heard: BTreeMap<PublicKey, Heard>,
    best: Option<(Term, Box<Proposal>)>,
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
    Won(Option<Box<Proposal>>),
    /// Too many said no, with the latest term among their reasons, or one knows a later batch; `None` if they were not reached.
    /// One that promised a later term to a node that most did not is outvoted.
    Lost(Option<Refused>),
}

impl Candidate {
    /// A round among these electors.
    pub fn new(electors: &[PublicKey]) -> Candidate {
        Candidate { electors: electors.to_vec(), heard: BTreeMap::new(), best: None }
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
            Some(Reply::Promised(accepted)) => {
                // WRITER-6: the batch of the latest term may have been agreed on.
                let term = |of: &Option<(Term, Box<Proposal>)>| of.as_ref().map(|(term, _)| *term);
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
        let no = |wanted: fn(&Refused) -> bool| {
            let refused = self.heard.values().filter_map(|heard| match heard {
                Heard::No(refused) => Some(*refused),
                Heard::Yes | Heard::Nothing => None,
            });
            refused.filter(wanted).max_by_key(|refused| match refused {
                Refused::Outdated(term) => (Some(*term), 0),
                Refused::Behind(seq) => (None, *seq),
                _ => (None, 0),
            })
        };
        if self.granted() >= self.needed() {
            return Outcome::Won(self.best.as_ref().map(|(_, proposal)| proposal.clone()));
        }
        if let Some(settled) = no(|refused| matches!(refused, Refused::Behind(_))) {
            return Outcome::Lost(Some(settled));
        }
        let open = self.electors.len() - self.heard.len();
        if self.granted() + open < self.needed() { Outcome::Lost(no(|_| true)) } else { Outcome::Waiting }
    }
}
