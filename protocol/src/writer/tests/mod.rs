//! The rules one by one; [`world`] tries them all at once.

mod world;

use super::*;
use crate::{
    base::{Hash, MemberNumber, Timestamp},
    charter::{Charter, CharterChain, Node as ListedNode},
    encoding::{DecodeError, Wire},
    feed::{
        BatchHeader, Head,
        build::{Body, Place as BatchPlace},
    },
    fixtures::*,
    merkle::Frontier,
    signed::{PublicKey, Signed, Signer},
};

const ME: MemberNumber = MemberNumber(1);
const START: Place = Place(None);

fn node(name: &str) -> PublicKey {
    Key::of(&format!("antibrush vector {name}")).public()
}

/// Member 1 with two nodes, then with three.
fn charters() -> [Charter; 2] {
    let list = |charter: &mut Charter, name| {
        charter.members[0].nodes.push(ListedNode { key: node(name), addresses: Vec::new() });
    };
    let mut first = genesis();
    list(&mut first, "node-1b");
    let id = signed(&first, &[]).id();
    let mut second = first.clone();
    (second.number, second.previous, second.alliance, second.issued) = (2, Some(id), Some(id), REVISED);
    list(&mut second, "node-1c");
    [first, second]
}

/// Member 1 with one node, with another one, and without the first.
fn lone_charters() -> [Charter; 3] {
    let first = genesis();
    let id = signed(&first, &[]).id();
    let mut second = first.clone();
    (second.number, second.previous, second.alliance, second.issued) = (2, Some(id), Some(id), REVISED);
    second.members[0].nodes.push(ListedNode { key: node("node-1b"), addresses: Vec::new() });
    let mut third = second.clone();
    (third.number, third.previous) = (3, Some(signed(&second, &[]).id()));
    third.members[0].nodes.remove(0);
    [first, second, third]
}

/// The next version, by which the feed stands up to a head.
fn cut_after(chain: &CharterChain, head: Option<&Head>) -> Charter {
    let mut next = (**chain.current()).clone();
    (next.number, next.previous) = (next.number + 1, Some(chain.current_id()));
    let batches = Place::after(head).next();
    next.members[0].cuts.push(crate::charter::Cut {
        charter: next.number,
        batches,
        size: 0,
        head: head.map(|head| head.id),
    });
    next
}

fn chain_of(versions: usize) -> CharterChain {
    let [first, second] = charters();
    let mut chain = CharterChain::found(signed(&first, &["1", "2"]), None).unwrap();
    if versions > 1 {
        assert_eq!(chain.extend(signed(&second, &["1", "2"])), Ok(true));
    }
    chain
}

/// An empty batch after a head; its moment makes it one of its own.
fn heartbeat(chain: &CharterChain, head: Option<Head>, now: Timestamp) -> Proposal {
    let (alliance, charter) = (chain.alliance(), chain.current_id());
    let place = BatchPlace { alliance, charter, publisher: ME, log: None, previous: head, now };
    let (header, _) = Body::new(place.publisher, 0).seal(&place, Frontier::new(), &feed_key(1)).unwrap();
    Proposal::of(header.payload(), feed_key(1).public())
}

fn sign(proposal: &Proposal) -> Signed<BatchHeader> {
    proposal.sign(None, &feed_key(1)).unwrap()
}

fn head_of(header: &Signed<BatchHeader>) -> Head {
    Head::of(header.payload(), header.id())
}

fn term(number: u64, name: &str) -> Term {
    Term { number, node: node(name) }
}

fn vote(term: Term, head: Option<&Head>, claim: Claim) -> Ask {
    Ask::Vote(Vote { publisher: ME, term, place: Place::after(head), claim })
}

/// In a term, whatever key the proposal names.
fn bid(term: Term, proposal: &Proposal) -> Box<Bid> {
    let own = Proposal { key: feed_key(1).public(), ..proposal.clone() };
    let mut bid = Bid::sign(term, own, &feed_key(1)).unwrap();
    bid.proposal.key = proposal.key;
    Box::new(bid)
}

fn accept(term: Term, proposal: &Proposal) -> Ask {
    Ask::Accept(bid(term, proposal))
}

/// What an elector with this memory and this head says.
fn ask(register: &Register, head: Option<&Head>, from: &str, ask: &Ask) -> Result<(Register, Reply), Refused> {
    let (chain, from) = (chain_of(1), node(from));
    let named = chain.current_id();
    register.answer(ask, Seen { chain: &chain, head: head.map(|head| (head, &named)), from: &from, now: SECOND }, true)
}

#[test]
fn only_a_node_of_the_publisher_is_heard() {
    let empty = Register::default();
    let proposal = heartbeat(&chain_of(1), None, FIRST);
    // WRITER-1
    for stranger in ["node-2", "nobody"] {
        let of = term(1, stranger);
        assert_eq!(ask(&empty, None, stranger, &vote(of, None, Claim::Take)), Err(Refused::NotYours));
        assert_eq!(ask(&empty, None, stranger, &accept(of, &proposal)), Err(Refused::NotYours));
    }
    // In another node's name.
    assert_eq!(ask(&empty, None, "node-1", &vote(term(1, "node-1b"), None, Claim::Take)), Err(Refused::NotYours));
    assert_eq!(ask(&empty, None, "node-1", &accept(term(1, "node-1b"), &proposal)), Err(Refused::NotYours));
    assert!(ask(&empty, None, "node-1", &accept(term(1, "node-1"), &proposal)).is_ok());
}

#[test]
fn both_must_have_the_same_end_of_the_feed() {
    let chain = chain_of(1);
    let first = sign(&heartbeat(&chain, None, FIRST));
    let head = head_of(&first);
    let (one, empty) = (term(1, "node-1"), Register::default());
    let second = heartbeat(&chain, Some(head), SECOND);
    let other = Head { id: [7; 32], ..head };
    // WRITER-2
    assert_eq!(ask(&empty, Some(&head), "node-1", &vote(one, None, Claim::Take)), Err(Refused::Behind(0)));
    assert_eq!(ask(&empty, None, "node-1", &vote(one, Some(&head), Claim::Take)), Err(Refused::Lagging));
    assert_eq!(ask(&empty, Some(&other), "node-1", &vote(one, Some(&head), Claim::Take)), Err(Refused::OtherHistory));
    let again = heartbeat(&chain, None, FIRST);
    assert_eq!(ask(&empty, Some(&head), "node-1", &accept(one, &again)), Err(Refused::Behind(0)));
    assert_eq!(ask(&empty, None, "node-1", &accept(one, &second)), Err(Refused::Lagging));
    assert_eq!(ask(&empty, Some(&other), "node-1", &accept(one, &second)), Err(Refused::OtherHistory));
    assert!(ask(&empty, Some(&head), "node-1", &accept(one, &second)).is_ok());
}

#[test]
fn a_promise_is_kept() {
    let chain = chain_of(1);
    let (a, b) = (heartbeat(&chain, None, FIRST), heartbeat(&chain, None, SECOND));
    let (old, new) = (term(1, "node-1"), term(2, "node-1b"));
    let (register, reply) = ask(&Register::default(), None, "node-1b", &vote(new, None, Claim::Take)).unwrap();
    assert_eq!((register.promised, reply), (Some(new), Reply::Promised(None)));
    // WRITER-3: the writer of the earlier term comes back.
    assert_eq!(ask(&register, None, "node-1", &accept(old, &a)), Err(Refused::Outdated(new)));
    assert_eq!(ask(&register, None, "node-1", &vote(old, None, Claim::Take)), Err(Refused::Outdated(new)));
    // With a later number it may take over, and may not merely go on.
    let later = term(3, "node-1");
    let resume = |after| vote(later, None, Claim::Resume(after));
    assert_eq!(ask(&register, None, "node-1", &resume(Some(old))), Err(Refused::Outdated(new)));
    assert_eq!(ask(&register, None, "node-1", &resume(None)), Err(Refused::Outdated(new)));
    assert!(ask(&register, None, "node-1", &vote(later, None, Claim::Take)).is_ok());
    // Its own earlier promise stops nobody from going on.
    assert!(ask(&register, None, "node-1b", &vote(term(3, "node-1b"), None, Claim::Resume(Some(new)))).is_ok());
    // One thing in one term.
    let (taken, _) = ask(&register, None, "node-1b", &accept(new, &a)).unwrap();
    assert_eq!(ask(&taken, None, "node-1b", &accept(new, &a)), Ok((taken.clone(), Reply::Accepted)));
    assert_eq!(ask(&taken, None, "node-1b", &accept(new, &b)), Err(Refused::Outdated(new)));
    // WRITER-6: who comes next is told.
    let (next, reply) = ask(&taken, None, "node-1", &vote(later, None, Claim::Take)).unwrap();
    assert_eq!((next.promised, reply), (Some(later), Reply::Promised(Some(bid(new, &a)))));
    // Once the place is filled, it is history.
    let head = head_of(&sign(&a));
    let (_, reply) = ask(&taken, Some(&head), "node-1", &vote(later, Some(&head), Claim::Take)).unwrap();
    assert_eq!(reply, Reply::Promised(None));
}

#[test]
fn a_batch_that_cannot_be_signed_or_has_no_body_is_not_accepted() {
    let chain = chain_of(1);
    let (good, one) = (heartbeat(&chain, None, SECOND), term(1, "node-1"));
    let from = node("node-1");
    let refused = |change: fn(&mut Proposal)| {
        let mut bad = good.clone();
        change(&mut bad);
        ask(&Register::default(), None, "node-1", &accept(one, &bad)).unwrap_err()
    };
    // WRITER-4
    assert_eq!(refused(|p| p.header.alliance = [1; 32]), Refused::Batch);
    assert_eq!(refused(|p| p.header.checkpoint = Some([1; 64])), Refused::Batch);
    assert_eq!(refused(|p| p.header.count = 1), Refused::Batch);
    assert_eq!(refused(|p| p.key = [1; 32]), Refused::Batch);
    assert_eq!(refused(|p| p.header.charter = [1; 32]), Refused::Lagging);
    let seen = Seen { chain: &chain, head: None, from: &from, now: SECOND };
    assert_eq!(Register::default().answer(&accept(one, &good), seen, false), Err(Refused::Batch));
    // Not the feed key's word.
    let mut forged = bid(one, &good);
    forged.signature[0] ^= 1;
    assert_eq!(ask(&Register::default(), None, "node-1", &Ask::Accept(forged)), Err(Refused::Batch));
    // Of tomorrow: HEADER-12 would refuse it.
    let late = heartbeat(&chain, None, SECOND.plus(86_400));
    assert_eq!(ask(&Register::default(), None, "node-1", &accept(one, &late)), Err(Refused::Batch));
    // Back in time: FEED-2 would refuse it.
    let head = head_of(&sign(&good));
    let early = heartbeat(&chain, Some(head), FIRST);
    assert_eq!(ask(&Register::default(), Some(&head), "node-1", &accept(one, &early)), Err(Refused::Batch));
}

#[test]
fn the_charter_of_the_last_header_says_who_is_asked() {
    // WRITER-5
    let (one, two) = (chain_of(1), chain_of(2));
    let named = |chain: &CharterChain| Some(chain.current_id());
    let nodes = |names: &[&str]| names.iter().map(|name| node(name)).collect::<Vec<_>>();
    let of_first = nodes(&["node-1", "node-1b", "node-2", "node-3", "node-4"]);
    let shared = |chain: &CharterChain, electors: &[PublicKey]| {
        Some(Constituency::Shared { charter: chain.current_id(), electors: electors.to_vec() })
    };
    assert_eq!(constituency(&two, ME, START, named(&one).as_ref()), shared(&one, &of_first));
    assert_eq!(constituency(&two, ME, START, None), shared(&one, &of_first));
    let of_second = nodes(&["node-1", "node-1b", "node-1c", "node-2", "node-3", "node-4"]);
    assert_eq!(constituency(&two, ME, START, named(&two).as_ref()), shared(&two, &of_second));
    assert_eq!(constituency(&one, ME, START, named(&two).as_ref()), None, "a charter that is not known");
    // A member with one node asks nobody.
    let two_beta = constituency(&two, MemberNumber(2), START, named(&two).as_ref());
    assert_eq!(two_beta, Some(Constituency::Alone(node("node-2"))));
    // More than half.
    let six = of_second;
    let mut round = Candidate::new(&six, &two, ME);
    assert_eq!(round.needed(), 4);
    for (n, elector) in six[..4].iter().enumerate() {
        assert_eq!(round.granted(), n);
        assert_eq!(round.hear(&node("nobody"), Some(Reply::Accepted)), Outcome::Waiting, "no elector");
        let outcome = round.hear(elector, Some(Reply::Accepted));
        assert_eq!(outcome, if n < 3 { Outcome::Waiting } else { Outcome::Won(None) });
        round.hear(elector, Some(Reply::Accepted));
    }
    // Half is not enough; the latest term is the reason to tell.
    let outdated = |number| Refused::Outdated(term(number, "node-1b"));
    let mut round = Candidate::new(&six, &two, ME);
    six[..3].iter().for_each(|elector| drop(round.hear(elector, Some(Reply::Accepted))));
    assert_eq!(round.hear(&six[3], None), Outcome::Waiting);
    assert_eq!(round.hear(&six[4], Some(Reply::Refused(outdated(9)))), Outcome::Waiting);
    assert_eq!(round.hear(&six[5], Some(Reply::Refused(outdated(3)))), Outcome::Lost(Some(outdated(9))));
    // One that claims a later batch settles nothing alone.
    let behind = Refused::Behind(7);
    let mut round = Candidate::new(&six, &two, ME);
    assert_eq!(round.hear(&six[0], Some(Reply::Refused(behind))), Outcome::Waiting);
    six[1..3].iter().for_each(|elector| drop(round.hear(elector, None)));
    assert_eq!(round.hear(&six[0], None), Outcome::Lost(Some(behind)));
    // WRITER-6: an elector invents a batch, or moves one into a later term.
    let good = heartbeat(&two, None, SECOND);
    let mut moved = bid(term(1, "node-1"), &good);
    moved.term.number = u64::MAX;
    let invented = Bid::sign(term(9, "node-1"), Proposal { key: feed_key(2).public(), ..good.clone() }, &feed_key(2));
    for lie in [moved, Box::new(invented.unwrap())] {
        let mut round = Candidate::new(&six[..3], &two, ME);
        let told = bid(term(2, "node-1"), &good);
        assert_eq!(round.hear(&six[0], Some(Reply::Promised(Some(told.clone())))), Outcome::Waiting);
        assert_eq!(round.hear(&six[1], Some(Reply::Promised(Some(lie)))), Outcome::Waiting, "it counts for nothing");
        assert_eq!(round.hear(&six[2], Some(Reply::Promised(None))), Outcome::Won(Some(told)));
    }
    // Nobody answers.
    let mut round = Candidate::new(&six[..1], &two, ME);
    assert_eq!(round.hear(&six[0], None), Outcome::Lost(None));
}

#[test]
fn an_elector_that_lost_its_memory_is_silent_until_the_feed_names_a_charter_from_after_that() {
    let (one, two) = (chain_of(1), chain_of(2));
    let head = head_of(&sign(&heartbeat(&one, None, FIRST)));
    let (first, second, from) = (one.current_id(), two.current_id(), node("node-1"));
    let asked = vote(term(1, "node-1"), Some(&head), Claim::Take);
    let answer = |lost: Timestamp, named: &Hash| {
        let seen = Seen { chain: &two, head: Some((&head, named)), from: &from, now: SECOND };
        Register::lost(lost).answer(&asked, seen, true).map(|(register, _)| register.lost)
    };
    // WRITER-7
    let before = Timestamp(REVISED.0 - 3600);
    assert_eq!(answer(before, &first), Err(Refused::Abstains));
    assert_eq!(answer(before, &second), Ok(None));
    assert_eq!(answer(REVISED, &second), Err(Refused::Abstains), "a clock apart");
    assert_eq!(answer(before, &[9; 32]), Err(Refused::Lagging), "a charter that is not known");
    let proposal = heartbeat(&one, None, FIRST);
    let lost = Register::lost(before);
    assert_eq!(ask(&lost, None, "node-1", &accept(term(1, "node-1"), &proposal)), Err(Refused::Abstains));
}

#[test]
fn every_message_is_read_as_it_was_written_and_nothing_else_is() {
    let chain = chain_of(1);
    let (one, proposal) = (term(1, "node-1"), heartbeat(&chain, None, FIRST));
    let head = head_of(&sign(&proposal));
    let asks = [
        vote(one, None, Claim::Take),
        vote(one, Some(&head), Claim::Resume(None)),
        vote(one, Some(&head), Claim::Resume(Some(one))),
        accept(one, &proposal),
        Ask::Chunk { digest: [3; 32] },
    ];
    let accepted = Some(bid(one, &proposal));
    let refusals = [
        Refused::Outdated(one),
        Refused::Behind(4),
        Refused::Lagging,
        Refused::OtherHistory,
        Refused::NotYours,
        Refused::Batch,
        Refused::Abstains,
        Refused::Storage,
    ];
    let mut replies = vec![
        Reply::Promised(None),
        Reply::Promised(accepted.clone()),
        Reply::Accepted,
        Reply::Chunk([1, 2][..].into()),
        Reply::Absent,
    ];
    replies.extend(refusals.map(Reply::Refused));
    let registers = [
        Register::default(),
        Register { promised: Some(one), accepted, held: Some(one), lost: None },
        Register::lost(FIRST),
    ];
    fn again<T: Wire + PartialEq + std::fmt::Debug>(object: &T) {
        let bytes = object.encode();
        assert!(bytes.len() <= T::MAX_BYTES);
        assert_eq!(T::decode(&bytes).as_ref(), Ok(object));
        assert_eq!(T::decode(&[&bytes[..], &[0]].concat()), Err(DecodeError::TrailingBytes));
        for end in 0..bytes.len() {
            assert!(T::decode(&bytes[..end]).is_err());
        }
    }
    asks.iter().for_each(again);
    replies.iter().for_each(again);
    registers.iter().for_each(again);
    for (bytes, error) in
        [(&[0x82, 0x03, 0x00][..], DecodeError::UnknownKey(3)), (&[0x81, 0x01], DecodeError::Malformed)]
    {
        assert_eq!(Ask::decode(bytes), Err(error));
    }
    assert_eq!(Reply::decode(&[0x82, 0x02, 0x81, 0x08]), Err(DecodeError::OutOfRange("refusal")));
}

#[test]
fn an_elector_whose_feed_went_back_says_nothing_until_it_is_back() {
    let chain = chain_of(1);
    let first = sign(&heartbeat(&chain, None, FIRST));
    let head = head_of(&first);
    let one = term(1, "node-1");
    let (register, _) =
        ask(&Register::default(), Some(&head), "node-1", &accept(one, &heartbeat(&chain, Some(head), SECOND))).unwrap();
    // WRITER-2
    let take = vote(term(2, "node-1b"), None, Claim::Take);
    assert_eq!(ask(&register, None, "node-1b", &take), Err(Refused::Lagging));
    assert_eq!(
        ask(&register, None, "node-1", &accept(term(2, "node-1"), &heartbeat(&chain, None, SECOND))),
        Err(Refused::Lagging)
    );
    assert!(ask(&register, Some(&head), "node-1b", &vote(term(2, "node-1b"), Some(&head), Claim::Take)).is_ok());
}

#[test]
fn a_cut_opens_the_place_anew() {
    let (one, mut cut) = (chain_of(1), chain_of(1));
    let head = head_of(&sign(&heartbeat(&one, None, FIRST)));
    let mut second = charters()[1].clone();
    second.members[0].cuts.push(crate::charter::Cut { charter: 2, batches: 1, size: head.size, head: Some(head.id) });
    assert_eq!(cut.extend(signed(&second, &["1", "2"])), Ok(true));
    let begun = heartbeat(&one, Some(head), SECOND);
    assert!(is_void(&cut, &begun.header) && !is_void(&one, &begun.header));
    // WRITER-5: whoever the cut's charter names decides, although the last header names the one before.
    let named = one.current_id();
    let place = Place::after(Some(&head));
    let Some(Constituency::Shared { charter, electors }) = constituency(&cut, ME, place, Some(&named)) else {
        panic!("shared")
    };
    assert_eq!((charter, electors.len()), (cut.current_id(), 6));
    // WRITER-6: what was begun before is reported and left.
    let mut round = Candidate::new(&electors[..1], &cut, ME);
    assert_eq!(
        round.hear(&electors[0], Some(Reply::Promised(Some(bid(term(1, "node-1"), &begun))))),
        Outcome::Won(None)
    );
    let from = node("node-1");
    let seen = Seen { chain: &cut, head: Some((&head, &named)), from: &from, now: SECOND };
    assert_eq!(Register::default().answer(&accept(term(1, "node-1"), &begun), seen, true), Err(Refused::Batch));
    // WRITER-2: what stands was decided by others, and who lacks it speaks about nothing else.
    assert_eq!(constituency(&cut, ME, START, None), None);
    let seen = Seen { head: None, ..seen };
    let before = vote(term(1, "node-1"), None, Claim::Take);
    assert_eq!(Register::default().answer(&before, seen, true), Err(Refused::Lagging));
}

/// WRITER-5: a node that asks nobody may not have heard that it was removed.
#[test]
fn where_one_node_wrote_alone_and_was_removed_only_a_cut_lets_another_one_write() {
    let versions = lone_charters();
    let chain = |versions: &[Charter]| {
        let mut chain = CharterChain::found(signed(&versions[0], &["1", "2"]), None).unwrap();
        versions[1..].iter().for_each(|next| assert_eq!(chain.extend(signed(next, &["1", "2"])), Ok(true)));
        chain
    };
    let (alone, two, removed) = (chain(&versions[..1]), chain(&versions[..2]), chain(&versions));
    let first = sign(&heartbeat(&alone, None, FIRST));
    let (head, named) = (head_of(&first), alone.current_id());
    let place = Place::after(Some(&head));
    let among = |chain: &CharterChain| constituency(chain, ME, place, Some(&named));
    assert_eq!(among(&alone), Some(Constituency::Alone(node("node-1"))));
    assert_eq!(among(&two), Some(Constituency::Alone(node("node-1"))), "the feed does not name the second one yet");
    assert_eq!(among(&removed), Some(Constituency::Gone));
    // Where the feed named both, they and the others agree as before.
    let both = two.current_id();
    let Some(Constituency::Shared { electors, .. }) = constituency(&removed, ME, place, Some(&both)) else {
        panic!("shared")
    };
    assert!(electors.contains(&node("node-1")) && electors.contains(&node("node-1b")));
    let mut cut = removed.clone();
    assert_eq!(cut.extend(signed(&cut_after(&removed, Some(&head)), &["1", "2"])), Ok(true));
    assert_eq!(among(&cut), Some(Constituency::Alone(node("node-1b"))));
    // What the removed one signs meanwhile is void.
    assert!(is_void(&cut, &heartbeat(&two, Some(head), SECOND).header));
}

#[test]
fn another_key_does_not_sign_what_was_agreed_on() {
    let proposal = heartbeat(&chain_of(1), None, FIRST);
    assert_eq!(proposal.sign(None, &feed_key(2)).map(|header| header.id()), Err(SignError));
    let log = Some("antibrush/1/00/alpha");
    let (one, two) = (proposal.sign(log, &feed_key(1)).unwrap(), proposal.sign(log, &feed_key(1)).unwrap());
    assert_eq!((one.envelope(), one.id()), (two.envelope(), two.id()));
    assert_ne!(one.id(), sign(&proposal).id());
}

#[test]
fn a_node_whose_key_handed_over_is_the_same_elector_and_the_same_lone_writer() {
    use crate::charter::{Change, KeyKind, KeySuccession, SignedSuccession};
    let next = Key::of("antibrush vector node-1-next");
    // WRITER-5
    let constituency_after_handover = |first: Charter| {
        let mut chain = CharterChain::found(signed(&first, &["1", "2"]), None).unwrap();
        let before = constituency(&chain, ME, START, None).unwrap();
        let (alliance, old, new) = (chain.alliance(), node_key(1), next.public());
        let succession = KeySuccession { alliance, member: ME, kind: KeyKind::Node, old: old.public(), new };
        let mut second = first;
        (second.number, second.previous, second.alliance, second.issued) =
            (2, Some(chain.current_id()), Some(alliance), REVISED);
        let change = Change::Rotate(Box::new(SignedSuccession::sign(succession, &old, &next)));
        change.apply(&mut second).unwrap();
        assert_eq!(chain.extend(signed(&second, &["1", "2"])), Ok(true));
        (before, constituency(&chain, ME, START, None).unwrap())
    };
    let (alone, still) = constituency_after_handover(genesis());
    let (old, new) = (node_key(1).public(), next.public());
    assert_eq!((alone, still), (Constituency::Alone(old), Constituency::Alone(new)));
    let (before, after) = constituency_after_handover(charters()[0].clone());
    let Constituency::Shared { charter, mut electors } = before else { panic!("two nodes") };
    let place = electors.iter().position(|elector| *elector == old).unwrap();
    electors[place] = new;
    assert_eq!(after, Constituency::Shared { charter, electors }, "nobody more and nobody less is asked");
}
