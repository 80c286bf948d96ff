//! Who decides about the next batch of a feed.

use super::Place;
use crate::{
    base::{Hash, MemberNumber},
    charter::{Charter, CharterChain, SignedCharter},
    feed::BatchHeader,
    signed::PublicKey,
};

/// Who may sign the next batch of a feed, and who is asked about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constituency {
    /// The member had one node at the last header, which asks nobody.
    Alone(PublicKey),
    /// The charter in force has that node no longer. It asks nobody, so nobody knows whether it has heard of that and writes no more:
    /// only a cut opens the place.
    Gone,
    /// It had several: most of the electors must agree. A term holds for the places of one charter.
    Shared {
        /// The id of the charter that says so.
        charter: Hash,
        /// Who is asked.
        electors: Vec<PublicKey>,
    },
}

/// WRITER-5: the nodes of the publisher, and the first node of every other active member. A member alone could not be asked once
/// its node is down, and one with many nodes shall not outvote the others. Each is named by the key that it has by `newest`, the
/// charter in force: a node whose key handed over is the same node, with the same memory.
pub fn electors(charter: &Charter, newest: &Charter, publisher: MemberNumber) -> Vec<PublicKey> {
    let nodes = charter.members.iter().filter(|member| member.is_active()).flat_map(|member| {
        let most = if member.number == publisher { usize::MAX } else { 1 };
        let today = newest.member(member.number).unwrap_or(member);
        member.nodes.iter().take(most).map(|node| today.present_node(&node.key))
    });
    nodes.collect()
}

/// WRITER-5: the charter that decides about the place after a header that names the charter `named`: for an empty feed the first
/// charter that has the publisher, and after a cut the one that made it, if it is later. `None` if it is not known.
pub fn base<'a>(chain: &'a CharterChain, publisher: MemberNumber, named: Option<&Hash>) -> Option<&'a SignedCharter> {
    let named = match named {
        Some(id) => chain.version(id)?,
        None => chain.from(1).iter().find(|version| version.charter().member(publisher).is_some())?,
    };
    match last_cut(chain, publisher) {
        Some(cut) if cut > named.charter().number => chain.from(cut).first(),
        _ => Some(named),
    }
}

/// Whether a batch that is still to be signed is void by a cut: it names an earlier charter (HEADER-14). The electors go on to
/// report it, for an asker that does not know the cut must finish it; who knows the cut leaves it.
pub fn is_void(chain: &CharterChain, header: &BatchHeader) -> bool {
    let named = chain.number_of(&header.charter);
    last_cut(chain, header.publisher).is_some_and(|cut| named.is_some_and(|named| named < cut))
}

/// The number of the charter that last cut a feed.
fn last_cut(chain: &CharterChain, publisher: MemberNumber) -> Option<u64> {
    Some(chain.current().member(publisher)?.cuts.last()?.charter)
}

/// WRITER-2: whether batches that a cut lets stand are missing before a place. Whoever decided about those is not asked any more.
pub(super) fn lacks_batches(chain: &CharterChain, publisher: MemberNumber, place: Place) -> bool {
    let cut = chain.current().member(publisher).and_then(|member| member.cuts.last());
    cut.is_some_and(|cut| place.next() < cut.batches)
}

/// Who decides about that place; `None` if that cannot be told here yet: its charter is not known, or batches before it are missing.
pub fn constituency(
    chain: &CharterChain,
    publisher: MemberNumber,
    place: Place,
    named: Option<&Hash>,
) -> Option<Constituency> {
    let base = base(chain, publisher, named).filter(|_| !lacks_batches(chain, publisher, place))?;
    let nodes = &base.charter().member(publisher)?.nodes;
    if nodes.len() > 1 {
        let electors = electors(base.charter(), chain.current(), publisher);
        return Some(Constituency::Shared { charter: base.id(), electors });
    }
    let today = chain.current().member(publisher)?;
    let only = nodes.first().map(|only| today.present_node(&only.key)).filter(|only| today.node(only).is_some());
    Some(only.map_or(Constituency::Gone, Constituency::Alone))
}
