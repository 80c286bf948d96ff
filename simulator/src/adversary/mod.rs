//! Dishonest members. Each drives the same state machine as everybody else, and lies where it pays.

mod accuser;
mod equivocator;
mod expelled;
mod flooder;
mod forger;
mod laggard;
pub mod lying_holder;
mod replayer;
mod second;
mod stripper;
mod sybil;
#[cfg(test)]
mod tests;
mod withholder;

use std::sync::{Arc, Mutex};

use antibrush_protocol::{
    replica::Topic,
    suite::threshold::Evaluation,
    sync::{Request, Response},
};

use self::second::Second;
use crate::{
    scenario::Scenario,
    world::{Node, World},
};

/// What a dishonest member does otherwise than an honest one.
pub trait Adversary: Send {
    /// What it answers instead; `None` says nothing.
    fn answer(&mut self, _to: u32, _request: &Request, honest: Response) -> Option<Response> {
        Some(honest)
    }

    /// How long it keeps an answer back, in milliseconds.
    fn delays_ms(&mut self) -> u64 {
        0
    }

    /// Whether it says by gossip what its replica wants said.
    fn says(&mut self, _topic: Topic, _bytes: &Arc<[u8]>) -> bool {
        true
    }

    /// Hears gossip; whether its replica hears it, too.
    fn hears(&mut self, _topic: Topic, _bytes: &Arc<[u8]>) -> bool {
        true
    }

    /// What it says an evaluation gave; `None` says nothing.
    fn evaluates(&mut self, honest: Evaluation) -> Option<Evaluation> {
        Some(honest)
    }

    /// Does what it is there for. It is the member of `node`.
    fn act(&mut self, world: &mut World, node: u32, salt: u64);
}

/// The kinds in the order in which the last platforms are appointed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Expelled,
    Equivocator,
    Withholder,
    Replayer,
    Forger,
    Flooder,
    Accuser,
    Laggard,
    Stripper,
    /// Two nodes: one signs two histories, the one after it vouches for both.
    Pair,
    Sybil,
}

fn kinds(scenario: &Scenario) -> Vec<Kind> {
    let a = &scenario.adversaries;
    let of = |kind, count: u32| (0..count).map(move |_| kind);
    of(Kind::Expelled, a.expelled)
        .chain(of(Kind::Equivocator, a.equivocators))
        .chain(of(Kind::Withholder, a.withholders))
        .chain(of(Kind::Replayer, a.replayers))
        .chain(of(Kind::Forger, a.forgers))
        .chain(of(Kind::Flooder, a.flooders))
        .chain(of(Kind::Accuser, a.accusers))
        .chain(of(Kind::Laggard, a.laggards))
        .chain(of(Kind::Stripper, a.strippers))
        .chain(of(Kind::Pair, a.colluding_pairs))
        .chain(of(Kind::Sybil, a.sybils))
        .collect()
}

/// Makes the last platforms among the first `begin` nodes dishonest, as many of each kind as the scenario says. Node 0 is the steward
/// and stays honest, and so do the observers.
pub fn appoint(scenario: &Scenario, begin: u32, nodes: &mut [Node]) {
    let mut seats = appointed(scenario, begin);
    let mut seat = |malice: Box<dyn Adversary>| {
        if let Some(node) = seats.next().and_then(|node| nodes.get_mut(node as usize)) {
            (node.malice, node.is_dishonest) = (Some(malice), true);
        }
    };
    for kind in kinds(scenario) {
        match kind {
            Kind::Expelled => seat(Box::<expelled::Expelled>::default()),
            Kind::Equivocator => seat(Box::<equivocator::Equivocator>::default()),
            Kind::Withholder => seat(Box::<withholder::Withholder>::default()),
            Kind::Replayer => seat(Box::<replayer::Replayer>::default()),
            Kind::Forger => seat(Box::<forger::Forger>::default()),
            Kind::Flooder => seat(Box::new(flooder::Flooder)),
            Kind::Accuser => seat(Box::new(accuser::Accuser)),
            Kind::Laggard => seat(Box::new(laggard::Laggard)),
            Kind::Stripper => seat(Box::<stripper::Stripper>::default()),
            Kind::Pair => {
                let second = Arc::new(Mutex::new(Second::default()));
                seat(Box::new(equivocator::Equivocator::sharing(second.clone())));
                seat(Box::new(equivocator::Voucher { second }));
            }
            Kind::Sybil => seat(Box::<sybil::Sybil>::default()),
        }
    }
}

/// The nodes that are dishonest.
pub fn appointed(scenario: &Scenario, begin: u32) -> std::ops::Range<u32> {
    let publishers = begin - scenario.federation.observers.min(begin.saturating_sub(1));
    let wanted: usize = kinds(scenario).iter().map(|kind| if *kind == Kind::Pair { 2 } else { 1 }).sum();
    let count = u32::try_from(wanted).unwrap_or(u32::MAX).min(publishers.saturating_sub(1));
    publishers - count..publishers
}
