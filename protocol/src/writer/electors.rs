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
/// its node is down, and one with many nodes shall not outvote the others.
pub fn electors(charter: &Charter, publisher: MemberNumber) -> Vec<PublicKey> {
    let nodes = charter.members.iter().filter(|member| member.is_active()).flat_map(|member| {
        let most = if member.number == publisher { usize::MAX } else { 1 };
        member.nodes.iter().take(most).map(|node| node.key)
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
        return Some(Constituency::Shared { charter: base.id(), electors: electors(base.charter(), publisher) });
    }
    let listed =
        nodes.first().filter(|only| chain.current().member(publisher).is_some_and(|m| m.node(&only.key).is_some()));
    Some(listed.map_or(Constituency::Gone, |only| Constituency::Alone(only.key)))
}
