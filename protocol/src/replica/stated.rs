//! What a peer, or this node, says it has of each feed: short lists in order of publishers, which are walked side by side.

use crate::{base::MemberNumber, sync::PeerHead};

/// The newest batch of each feed that a peer says it has.
#[derive(Clone, Debug, Default)]
pub(super) struct Stated(Vec<(MemberNumber, u64)>);

impl Stated {
    /// The newest batch of this feed.
    pub fn get(&self, publisher: MemberNumber) -> Option<u64> {
        self.at(publisher).ok().map(|at| self.0[at].1)
    }

    /// Notes that the peer has this batch, and so those before it.
    pub fn raise(&mut self, publisher: MemberNumber, seq: u64) {
        match self.at(publisher) {
            Ok(at) => self.0[at].1 = seq.max(self.0[at].1),
            Err(at) => self.0.insert(at, (publisher, seq)),
        }
    }

    /// The heads, in ascending order of publishers, that say more than is stated.
    pub fn news<'a>(&self, heads: &'a [PeerHead]) -> impl Iterator<Item = &'a PeerHead> {
        let mut rest = self.0.as_slice();
        heads.iter().filter(move |head| {
            let at = seek(rest, |(publisher, _)| *publisher < head.publisher);
            rest = &rest[at..];
            rest.first().is_none_or(|(publisher, seq)| *publisher != head.publisher || *seq < head.seq)
        })
    }

    fn at(&self, publisher: MemberNumber) -> Result<usize, usize> {
        self.0.binary_search_by_key(&publisher, |(publisher, _)| *publisher)
    }
}

/// The heads of theirs, both in ascending order of publishers, that contradict one of ours: another id under the same number.
pub(super) fn contradicting<'a>(ours: &[PeerHead], theirs: &'a [PeerHead]) -> impl Iterator<Item = &'a PeerHead> {
    let mut rest = ours;
    theirs.iter().filter(move |head| {
        let at = seek(rest, |ours| ours.publisher < head.publisher);
        rest = &rest[at..];
        rest.first().is_some_and(|ours| (ours.publisher, ours.seq) == (head.publisher, head.seq) && ours.id != head.id)
    })
}

/// How many of the first ones are before: most often one or none, so they are tried one after the other.
fn seek<T>(sorted: &[T], is_before: impl Fn(&T) -> bool) -> usize {
    sorted.iter().position(|one| !is_before(one)).unwrap_or(sorted.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn heads(of: &[(u16, u64, u8)]) -> Vec<PeerHead> {
        let head =
            |(publisher, seq, id): &_| PeerHead { publisher: MemberNumber(*publisher), seq: *seq, id: [*id; 32] };
        of.iter().map(head).collect()
    }

    fn publishers<'a>(heads: impl Iterator<Item = &'a PeerHead>) -> Vec<u16> {
        heads.map(|head| head.publisher.0).collect()
    }

    #[test]
    fn what_says_more_is_news() {
        let mut stated = Stated::default();
        for (publisher, seq) in [(7, 1), (3, 5), (9, 0), (3, 4)] {
            stated.raise(MemberNumber(publisher), seq);
        }
        assert_eq!(
            [3, 7, 8, 9].map(|publisher| stated.get(MemberNumber(publisher))),
            [Some(5), Some(1), None, Some(0)]
        );
        let heard = heads(&[(1, 0, 0), (3, 5, 0), (7, 2, 0), (8, 0, 0), (9, 0, 0), (11, 3, 0)]);
        assert_eq!(publishers(stated.news(&heard)), [1, 7, 8, 11]);
        assert_eq!(publishers(Stated::default().news(&heard)), [1, 3, 7, 8, 9, 11]);
        assert_eq!(publishers(stated.news(&[])), [0; 0]);
    }

    #[test]
    fn another_id_under_one_number_contradicts() {
        let ours = heads(&[(2, 4, 1), (3, 5, 1), (7, 2, 1)]);
        let theirs = heads(&[(1, 0, 9), (2, 4, 9), (3, 6, 9), (7, 2, 1), (8, 2, 9)]);
        assert_eq!(publishers(contradicting(&ours, &theirs)), [2]);
        assert_eq!(publishers(contradicting(&[], &theirs)), [0; 0]);
    }
}
