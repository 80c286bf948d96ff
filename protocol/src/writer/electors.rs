//! Who decides about the next batch of a feed.

use crate::{
    base::{Hash, MemberNumber},
    charter::{Charter, CharterChain, SignedCharter},
    signed::PublicKey,
};

/// Who may sign the next batch of a feed, and who is asked about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Constituency {
    /// The member had one node at the last header: the first that the charter in force lists writes, and asks nobody.
    Alone(PublicKey),
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

/// WRITER-5: the charter that decides about the place after a header that names the charter `named`; for an empty feed the first
/// charter that has the publisher. `None` if it is not known.
pub fn base<'a>(chain: &'a CharterChain, publisher: MemberNumber, named: Option<&Hash>) -> Option<&'a SignedCharter> {
    match named {
        Some(id) => chain.version(id),
        None => chain.from(1).iter().find(|version| version.charter().member(publisher).is_some()),
    }
}

/// Who decides about that place; `None` if its charter is not known, or the publisher has no node.
pub fn constituency(chain: &CharterChain, publisher: MemberNumber, named: Option<&Hash>) -> Option<Constituency> {
    let base = base(chain, publisher, named)?;
    if base.charter().member(publisher).is_some_and(|member| member.nodes.len() > 1) {
        return Some(Constituency::Shared { charter: base.id(), electors: electors(base.charter(), publisher) });
    }
    let first = chain.current().member(publisher)?.nodes.first()?;
    Some(Constituency::Alone(first.key))
}
