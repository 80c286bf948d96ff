//! Every rule of the board broken once, what gives way to what, and what is kept for how long.

use super::*;
use crate::{
    base::{Day, Hash, MemberNumber, Timestamp},
    ceremony::{Call, CeremonyError, Kind, Message, Round},
    charter::{CharterChain, Cut, HeaderRefusal, MemberState},
    encoding::{DecodeError, Wire},
    feed::{BatchHeader, Contradiction, Equivocation},
    fixtures::*,
    limits,
    signed::{self, SignatureError, Signed},
    subject::Class,
};

mod purge;

const DAY: u64 = 86_400;

/// The charters and the board of a node.
struct Shelf {
    chain: CharterChain,
    board: Board,
}

impl Shelf {
    fn new() -> Shelf {
        Shelf { chain: chain(3), board: Board::default() }
    }

    /// Takes a post as it comes from a peer.
    fn take_at(&mut self, post: &Post, now: Timestamp) -> Result<Taken, BoardError> {
        let post = Post::decode(&post.encode())?;
        let before = self.names();
        let outcome = self.board.take(post, &self.chain, now);
        if !matches!(outcome, Ok(Taken::New { .. })) {
            assert_eq!(self.names(), before, "what is not taken changes nothing");
        }
        outcome
    }

    fn take(&mut self, post: &Post) -> Result<Taken, BoardError> {
        self.take_at(post, ASKED)
    }

    fn names(&self) -> Vec<PostId> {
        self.board.ids().copied().collect()
    }

    /// Puts the next charter in force.
    fn amend(&mut self, change: impl FnOnce(&mut crate::charter::Charter)) {
        let mut next = crate::charter::Charter::clone(self.chain.current());
        (next.number, next.previous) = (next.number + 1, Some(self.chain.current_id()));
        change(&mut next);
        assert_eq!(self.chain.extend(fixtures_signed(&next)), Ok(true));
    }
}

fn fixtures_signed(charter: &crate::charter::Charter) -> crate::charter::SignedCharter {
    crate::fixtures::signed(charter, &["1", "2"])
}

const NEW: Result<Taken, BoardError> = Ok(Taken::New { replaces: None });

fn call(change: impl FnOnce(&mut Call)) -> Post {
    let mut call = ceremony_under_third().0.payload().clone();
    change(&mut call);
    Post::sign(&call, &steward("1"), Post::Call)
}

/// The n-th of many calls.
fn another_call(n: u8) -> Post {
    call(|call| call.nonce = [n; 16])
}

fn usage(change: impl FnOnce(&mut UsageReport)) -> Post {
    let mut report = usage_report();
    change(&mut report);
    Post::sign(&report, &feed_key(6), Post::Usage)
}

fn gone(change: impl FnOnce(&mut Deletion)) -> Post {
    let mut deletion = deletion();
    change(&mut deletion);
    Post::sign(&deletion, &feed_key(6), Post::Deletion)
}

/// A message of Epsilon in a ceremony; different numbers make different messages.
fn message(ceremony: Hash, number: u8) -> Post {
    let round = Round::Commit { receive_key: [number; 32], packages: vec![vec![number; 128]] };
    Post::sign(&Message { ceremony, holder: MemberNumber(6), round }, &feed_key(6), Post::Ceremony)
}

fn refusal(outcome: Result<Taken, BoardError>) -> (BoardError, bool) {
    let error = outcome.unwrap_err();
    let fault = error.is_senders_fault();
    (error, fault)
}

#[test]
fn all_kinds_are_taken_once_and_survive_the_round_trip() {
    let (called, said) = ceremony_under_third();
    let posts = [Post::Call(called.clone()), Post::Ceremony(said), usage(|_| ()), gone(|_| ())];
    let mut shelf = Shelf::new();
    for post in &posts {
        assert_eq!(Post::decode(&post.encode()).as_ref(), Ok(post));
        assert_eq!(Post::id_of(&post.encode()), post.id());
        assert!(!shelf.board.has(&post.id()));
        assert_eq!(shelf.take(post), NEW);
        assert_eq!(shelf.take(post), Ok(Taken::Known));
        assert!(shelf.board.has(&post.id()));
    }
    assert_eq!(shelf.board.calls().map(|call| call.id()).collect::<Vec<_>>(), [called.id()]);
    assert_eq!(shelf.board.call(&called.id()).map(|call| call.payload()), Some(called.payload()));
    assert!(shelf.board.call(&[0; 32]).is_none());
    assert_eq!((shelf.board.messages(&called.id()).count(), shelf.board.messages(&[0; 32]).count()), (1, 0));
    assert_eq!(shelf.board.usage().collect::<Vec<_>>(), [&usage_report()]);
    assert_eq!(shelf.board.deletions().collect::<Vec<_>>(), [&deletion()]);
    assert_eq!((usage_report().total(), usage_report().of(MemberNumber(2))), (260, 256));
    assert_eq!((usage_report().of(MemberNumber(3)), usage_report().of(MemberNumber(9))), (0, 0));
}

#[test]
fn what_is_no_post() {
    let whole = usage(|_| ()).encode();
    let decode = |bytes: &[u8]| {
        Post::decode(bytes).map(|_| ()).map_err(BoardError::from).map_err(|e| (e.clone(), e.is_senders_fault()))
    };
    let refused = |error| Err((BoardError::Signature(error), true));
    let mut flipped = whole.clone();
    *flipped.last_mut().unwrap() ^= 1;
    assert_eq!(decode(&flipped), refused(SignatureError::BadSignature));
    let mut other = whole.clone();
    other[1] = 4;
    assert_eq!(decode(&other), refused(SignatureError::ProtectedHeader), "a report as a deletion");
    other[1] = 23;
    let newer = SignatureError::Decode(DecodeError::UnknownVersion(23));
    assert_eq!(decode(&other), Err((BoardError::Signature(newer), false)), "a newer release may have more kinds");
    assert_eq!(decode(&[&whole[..], &[0]].concat()), refused(SignatureError::Decode(DecodeError::TrailingBytes)));
    assert_eq!(decode(&vec![0; limits::POST_BYTES + 1]), refused(SignatureError::Decode(DecodeError::TooLarge)));
}

#[test]
fn a_report_has_one_form() {
    let of = |counts: &[(u16, u32)]| {
        let counts = counts.iter().map(|(member, count)| (MemberNumber(*member), *count)).collect();
        UsageReport::decode(&UsageReport { counts, ..usage_report() }.encode()).map(|report| report.counts.len())
    };
    assert_eq!(of(&[(1, 1), (2, 1)]), Ok(2));
    assert_eq!(of(&[(2, 1), (1, 1)]), Err(DecodeError::NotCanonical));
    assert_eq!(of(&[(1, 1), (1, 1)]), Err(DecodeError::NotCanonical));
    assert_eq!(of(&[(1, 0)]), Err(DecodeError::OutOfRange("counts")), "members without any are left out");
    let most: Vec<(u16, u32)> = (0..=limits::MEMBERS as u16).map(|member| (member, u32::MAX)).collect();
    assert_eq!(of(&most[1..]), Ok(limits::MEMBERS));
    assert_eq!(of(&most), Err(DecodeError::TooLarge));
    let longest = most[1..].iter().map(|(member, count)| (MemberNumber(*member), *count)).collect();
    let post = usage(|report| report.counts = longest);
    assert!(post.encode().len() <= limits::GOSSIP_BYTES && Post::decode(&post.encode()).is_ok());
}

#[test]
fn posts_of_another_alliance_are_the_senders_fault() {
    let mut shelf = Shelf::new();
    let other = Err(BoardError::OtherAlliance);
    assert_eq!(shelf.take(&call(|call| call.alliance[0] ^= 1)), other); // BOARD-1
    assert_eq!(shelf.take(&usage(|report| report.alliance[0] ^= 1)), other); // BOARD-1
    assert_eq!(shelf.take(&gone(|deletion| deletion.alliance[0] ^= 1)), other); // BOARD-1
    assert!(BoardError::OtherAlliance.is_senders_fault());
}

#[test]
fn who_may_sign_what() {
    let not_entitled = (BoardError::NotEntitled, false);
    let mut shelf = Shelf::new();
    let mut refused = |post: Post| refusal(shelf.take(&post));
    let by = |key: &Key| Post::sign(&usage_report(), key, Post::Usage);
    // BOARD-2
    assert_eq!(refused(by(&feed_key(2))), not_entitled);
    assert_eq!(refused(by(&node_key(6))), not_entitled);
    assert_eq!(refused(by(&Key::of("stranger"))), not_entitled);
    assert_eq!(refused(Post::sign(&deletion(), &feed_key(2), Post::Deletion)), not_entitled);
    for nobody in [4, 99].map(MemberNumber) {
        assert_eq!(refused(usage(|report| report.holder = nobody)), not_entitled); // BOARD-2
        assert_eq!(refused(gone(|deletion| deletion.holder = nobody)), not_entitled); // BOARD-2
    }
    // BOARD-2: Delta is a member that may hold shares and holds none; nor does anybody of the class WEB.
    let delta = UsageReport { holder: MemberNumber(5), ..usage_report() };
    assert_eq!(refused(Post::sign(&delta, &feed_key(5), Post::Usage)), not_entitled);
    assert_eq!(refused(usage(|report| report.class = Class::Web)), not_entitled);
    // BOARD-2: the key that Alpha gave up.
    let alpha = UsageReport { holder: MemberNumber(1), ..usage_report() };
    assert_eq!(refused(Post::sign(&alpha, &feed_key(1), Post::Usage)), not_entitled);
    // A call under a charter that is not known here.
    assert_eq!(refused(call(|call| call.charter = [0; 32])), not_entitled); // BOARD-2
    assert_eq!(shelf.take(&Post::sign(&alpha, &new_feed_key(), Post::Usage)), NEW);
}

#[test]
fn calls_are_checked_against_the_charter_that_they_name() {
    use BoardError::Ceremony;
    let mut shelf = Shelf::new();
    let mut refused = |post: Post| refusal(shelf.take(&post));
    let by_member = Post::sign(ceremony_under_third().0.payload(), &feed_key(1), Post::Call);
    assert_eq!(refused(by_member), (Ceremony(CeremonyError::NotASteward), true));
    assert_eq!(refused(call(|c| c.threshold = 3)), (Ceremony(CeremonyError::OtherHolders), true));
    assert_eq!(refused(call(|c| c.charter = alliance())), (Ceremony(CeremonyError::OtherHolders), true));
    assert_eq!(refused(call(|c| c.threshold = 1)), (Ceremony(CeremonyError::Threshold), true));
    assert_eq!(refused(call(|c| c.classes.clear())), (Ceremony(CeremonyError::Order), true));
    assert_eq!(refused(call(|c| c.deadline = c.issued)), (Ceremony(CeremonyError::Deadline), true));
    assert_eq!(refused(call(|c| c.kind = Kind::Refresh)), (Ceremony(CeremonyError::Keys), true));
    let early = |c: &mut Call| (c.issued, c.deadline) = (ASKED.plus(601), ASKED.plus(700));
    let early = refusal(shelf.take(&call(early)));
    assert_eq!(early, (Ceremony(CeremonyError::FromTheFuture), false), "some clock is wrong");
}

/// BOARD-2: a steward whose key was taken out of the charter calls nobody any more, under no charter.
#[test]
fn a_key_that_was_taken_from_a_steward_calls_nobody() {
    let mut shelf = Shelf::new();
    shelf.amend(|charter| charter.stewards.retain(|other| other.key != signed::Signer::public(&steward("2b"))));
    let called = ceremony_under_third().0.payload().clone();
    let by = |name: &str| Post::sign(&called, &steward(name), Post::Call);
    assert_eq!(shelf.take(&by("2b")), Err(BoardError::NotEntitled)); // BOARD-2
    assert_eq!(shelf.take(&by("3")), NEW, "the charter that names the holders may be an earlier one");
}

#[test]
fn nothing_comes_from_the_future() {
    let mut shelf = Shelf::new();
    let future = (BoardError::FromTheFuture, false);
    assert_eq!(refusal(shelf.take(&usage(|report| report.issued = ASKED.plus(601)))), future); // BOARD-3
    assert_eq!(refusal(shelf.take(&gone(|deletion| deletion.issued = ASKED.plus(601)))), future); // BOARD-3
    assert_eq!(refusal(shelf.take(&usage(|report| report.day = report.day.plus(1)))), future); // BOARD-3
    assert_eq!(shelf.take(&usage(|report| report.issued = ASKED.plus(600))), NEW);
    assert_eq!(shelf.take(&gone(|deletion| deletion.issued = ASKED.plus(600))), NEW);
    // Ours is a little behind: there it is tomorrow already.
    let midnight = Timestamp::start_of(ASKED.day().plus(1));
    let tomorrow = usage(|report| (report.issued, report.day) = (midnight, midnight.day()));
    assert_eq!(shelf.take_at(&tomorrow, Timestamp(midnight.0 - 500)), NEW);
}

#[test]
fn messages_wait_for_their_call() {
    let (called, said) = ceremony_under_third();
    let said = Post::Ceremony(said);
    let mut shelf = Shelf::new();
    assert_eq!(refusal(shelf.take(&said)), (BoardError::UnknownCall, false)); // BOARD-4
    assert_eq!(shelf.take(&Post::Call(called.clone())), NEW);
    assert_eq!(shelf.take(&said), NEW);
    // The rules of messages hold.
    let Post::Ceremony(message) = message(called.id(), 1) else { panic!() };
    let m = message.payload().clone();
    let sign = |m: &Message, key: &Key| Post::sign(m, key, Post::Ceremony);
    let ceremony = BoardError::Ceremony;
    let delta = Message { holder: MemberNumber(5), ..m.clone() };
    let none = CeremonyError::NotAHolder(MemberNumber(5));
    assert_eq!(refusal(shelf.take(&sign(&delta, &feed_key(5)))), (ceremony(none), false));
    assert_eq!(refusal(shelf.take(&sign(&m, &feed_key(2)))), (ceremony(CeremonyError::WrongKey), false));
    let two = Round::Commit { receive_key: [1; 32], packages: vec![vec![1; 128]; 2] };
    let two = Message { round: two, ..m };
    assert_eq!(refusal(shelf.take(&sign(&two, &feed_key(6)))), (ceremony(CeremonyError::Count), true));
}

#[test]
fn only_shares_of_retired_keys_are_deleted() {
    let mut shelf = Shelf::new();
    let other = (BoardError::OtherKey, false);
    for key in [shared_key(Class::Mob, 3).1.id(), token_key(Class::Mob, 1).id(), [0; 32]] {
        assert_eq!(refusal(shelf.take(&gone(|deletion| deletion.key = key))), other); // BOARD-5
    }
    let delta = Deletion { holder: MemberNumber(5), ..deletion() };
    assert_eq!(refusal(shelf.take(&Post::sign(&delta, &feed_key(5), Post::Deletion))), other); // BOARD-5
    assert_eq!(shelf.take(&gone(|_| ())), NEW);
    assert_eq!(shelf.take(&gone(|deletion| deletion.issued = ASKED.plus(1))), Ok(Taken::Older), "it says nothing new");
}

#[test]
fn an_expelled_holder_posts_nothing_and_a_suspended_one_still_does() {
    for (state, outcome) in [(MemberState::Suspended, NEW), (MemberState::Expelled, Err(BoardError::NotEntitled))] {
        let mut shelf = Shelf::new();
        shelf.amend(|charter| {
            // A holding names active members; the keys that there are keep their holders.
            charter.holding = None;
            charter.members[5].state = state;
        });
        assert_eq!(shelf.take(&usage(|_| ())), outcome, "{state}"); // BOARD-2
        assert_eq!(shelf.take(&gone(|_| ())), outcome, "{state}"); // BOARD-2
    }
}

#[test]
fn two_different_messages_of_one_holder_are_kept_and_a_third_is_not() {
    let called = ceremony_under_third().0;
    let mut shelf = Shelf::new();
    assert_eq!(shelf.take(&Post::Call(called.clone())), NEW);
    let say = |number| message(called.id(), number);
    assert_eq!((shelf.take(&say(1)), shelf.take(&say(2))), (NEW, NEW));
    assert_eq!(refusal(shelf.take(&say(3))), (BoardError::NotKept, false)); // BOARD-6
    assert_eq!(shelf.take(&say(1)), Ok(Taken::Known));
    let again = |number: u8| Post::Ceremony(signed_again(&say(number)));
    assert_eq!(shelf.take(&again(2)), Ok(Taken::Older), "the same words under another signature");
    assert_eq!(shelf.board.messages(&called.id()).count(), 2);
    // Another step, another holder, another ceremony have room of their own.
    let deal = Message { round: Round::Deal { sealed: vec![vec![1; 80]; 2] }, ..commit(&say(1)) };
    assert_eq!(shelf.take(&Post::sign(&deal, &feed_key(6), Post::Ceremony)), NEW);
    let beta = Message { holder: MemberNumber(2), ..commit(&say(3)) };
    assert_eq!(shelf.take(&Post::sign(&beta, &feed_key(2), Post::Ceremony)), NEW);
    let Post::Call(second) = another_call(2) else { panic!() };
    assert_eq!(shelf.take(&Post::Call(second.clone())), NEW);
    assert_eq!(shelf.take(&message(second.id(), 3)), NEW);
}

fn commit(post: &Post) -> Message {
    match post {
        Post::Ceremony(message) => message.payload().clone(),
        _ => panic!("a message"),
    }
}

/// The same message under a signature with another nonce: RFC 8032 signs deterministically, but nothing makes others do so.
fn signed_again(post: &Post) -> Signed<Message> {
    struct Salted(Key);
    impl signed::Signer for Salted {
        fn public(&self) -> signed::PublicKey {
            self.0.public()
        }
        fn sign(&self, message: &[u8]) -> [u8; 64] {
            use curve25519_dalek::{EdwardsPoint, Scalar};
            use sha2::{Digest, Sha512};
            let wide = |parts: &[&[u8]]| {
                let mut hash = Sha512::new();
                parts.iter().for_each(|part| hash.update(part));
                Scalar::from_bytes_mod_order_wide(&hash.finalize().into())
            };
            let secret = self.0.0.to_scalar();
            let nonce = wide(&[b"salt", message]);
            let point = EdwardsPoint::mul_base(&nonce).compress().0;
            let proof = nonce + wide(&[&point, &self.0.public(), message]) * secret;
            let mut signature = [0; 64];
            signature[..32].copy_from_slice(&point);
            signature[32..].copy_from_slice(proof.as_bytes());
            signature
        }
    }
    signed::sign(&commit(post), &Salted(feed_key(6)))
}

/// BOARD-6: one stolen steward key fills neither the disks nor the places of the other stewards.
#[test]
fn a_steward_has_room_for_some_calls() {
    let mut shelf = Shelf::new();
    assert!((0..32).all(|n| shelf.take(&another_call(n)) == NEW));
    assert_eq!(refusal(shelf.take(&another_call(32))), (BoardError::NotKept, false)); // BOARD-6
    assert_eq!(shelf.take(&another_call(7)), Ok(Taken::Known));
    let other = Post::sign(ceremony_under_third().0.payload(), &steward("3"), Post::Call);
    assert_eq!(shelf.take(&other), NEW, "another steward calls all the same");
    // Room comes back a week after the deadlines.
    let later = ASKED.plus(8 * DAY + 1);
    assert_eq!(shelf.board.prune(later).len(), 33);
    let again = call(|call| (call.issued, call.deadline) = (later, later.plus(60)));
    assert_eq!(shelf.take_at(&again, later), NEW);
}

#[test]
fn a_report_gives_way_only_to_a_later_one_that_counts_no_less() {
    let mut shelf = Shelf::new();
    let report = |seconds: u64, counts: &[(u16, u32)]| {
        let counts = counts.iter().map(|(member, count)| (MemberNumber(*member), *count)).collect();
        usage(|report| (report.issued, report.counts) = (ASKED.plus(seconds), counts))
    };
    let first = report(10, &[(1, 4), (2, 256)]);
    assert_eq!(shelf.take(&first), NEW);
    // BOARD-7: less for somebody, nobody at all, the same moment, an earlier one.
    for worse in [
        report(20, &[(1, 3), (2, 999)]),
        report(20, &[(2, 999)]),
        report(20, &[]),
        report(10, &[(1, 5), (2, 256)]),
        report(9, &[(1, 5), (2, 256)]),
    ] {
        assert_eq!(shelf.take(&worse), Ok(Taken::Older)); // BOARD-7
    }
    let second = report(20, &[(1, 4), (2, 257), (5, 1)]);
    assert_eq!(shelf.take(&second), Ok(Taken::New { replaces: Some(first.id()) }));
    assert_eq!(shelf.names(), [second.id()]);
    assert_eq!(shelf.take(&first), Ok(Taken::Older)); // BOARD-7
    // Of another day, class or holder there are others.
    let before = usage(|report| report.day = Day(report.day.0 - 1));
    assert_eq!(shelf.take(&before), NEW);
    assert_eq!(shelf.take(&usage(|report| report.class = Class::Mob)), NEW);
    let beta = UsageReport { holder: MemberNumber(2), ..usage_report() };
    assert_eq!(shelf.take(&Post::sign(&beta, &feed_key(2), Post::Usage)), NEW);
    assert_eq!(shelf.board.usage().count(), 4);
}

#[test]
fn what_is_past_is_taken_down_and_not_taken_again() {
    let (called, said) = ceremony_under_third();
    let posts = [Post::Call(called.clone()), Post::Ceremony(said), usage(|_| ()), gone(|_| ())];
    let mut shelf = Shelf::new();
    assert!(posts.iter().all(|post| shelf.take(post) == NEW));
    let over = called.payload().deadline.plus(7 * DAY);
    assert!(!shelf.board.has_stale(over) && shelf.board.prune(over).is_empty());
    let mut gone = shelf.board.prune(over.plus(1));
    gone.sort();
    let mut expected = vec![posts[0].id(), posts[1].id()];
    expected.sort();
    assert_eq!(gone, expected);
    // BOARD-6: who still has them shows them in vain.
    assert_eq!(refusal(shelf.take_at(&posts[0], over.plus(1))), (BoardError::NotKept, false));
    assert_eq!(refusal(shelf.take_at(&posts[1], over.plus(1))), (BoardError::UnknownCall, false));
    let day = |days: u32| Timestamp::start_of(ASKED.day().plus(days));
    assert!(!shelf.board.has_stale(day(35)));
    assert!(shelf.board.has_stale(day(36)));
    assert_eq!(shelf.board.prune(day(36)), [posts[2].id()]);
    assert_eq!(refusal(shelf.take_at(&posts[2], day(36))), (BoardError::NotKept, false)); // BOARD-6
    // A deletion is kept: it is what is left of the key.
    assert!(!shelf.board.has_stale(Timestamp(u64::MAX)));
    assert_eq!(shelf.names(), [posts[3].id()]);
}

#[test]
fn what_somebody_lacks_comes_calls_first_and_in_turns() {
    let mut shelf = Shelf::new();
    let (called, said) = ceremony_under_third();
    // Put up in the wrong order, as far as that goes.
    for post in [gone(|_| ()), usage(|_| ()), Post::Call(called), Post::Ceremony(said)] {
        assert_eq!(shelf.take(&post), NEW);
    }
    let kinds = |posts: Vec<std::sync::Arc<[u8]>>| posts.iter().map(|post| post[1]).collect::<Vec<_>>();
    assert_eq!(kinds(shelf.board.missing(&[], 64, 0)), [1, 2, 3, 4]);
    assert_eq!(kinds(shelf.board.missing(&[], 64, 5)), [1, 2, 3, 4], "all of it begins with the calls");
    assert_eq!(kinds(shelf.board.missing(&[], 3, 0)), [1, 2, 3]);
    // What the other one never takes does not hide the rest.
    assert_eq!(kinds(shelf.board.missing(&[], 3, 1)), [4, 1, 2]);
    assert_eq!(kinds(shelf.board.missing(&[], 3, 2)), [3, 4, 1]);
    assert_eq!(kinds(shelf.board.missing(&[], 3, usize::MAX)).len(), 3);
    assert_eq!(kinds(shelf.board.missing(&[gone(|_| ()).id(), [0; 16]], 64, 0)), [1, 2, 3]);
    assert!(shelf.board.missing(&shelf.names(), 64, 1).is_empty());
    // A newcomer takes them in that order.
    let mut newcomer = Shelf::new();
    for bytes in shelf.board.missing(&[], 64, 0) {
        assert_eq!(newcomer.take(&Post::decode(&bytes).unwrap()), NEW);
    }
    assert_eq!(newcomer.names(), shelf.names());
}

/// Two headers of Alpha with one number, the second batch.
fn twins(change: impl FnOnce(&mut BatchHeader)) -> Equivocation {
    let mut twin = feed().second.payload().clone();
    change(&mut twin);
    Equivocation::new(feed().second, crate::signed::sign(&twin, &new_feed_key()))
}

#[test]
fn a_proof_of_two_histories_freezes_until_it_is_decided() {
    let (mut board, chain, now) = (Board::default(), chain(2), SECOND.plus(60));
    let proof = twins(|h| h.expires.0 -= 1);
    let post = Post::Equivocation(proof.clone());
    assert_eq!(Post::decode(&post.encode()), Ok(post.clone()));
    assert_eq!(board.take(post, &chain, now), Ok(Taken::New { replaces: None }));
    assert_eq!(board.equivocation(MemberNumber(1), chain.current()), Some(&proof));
    assert_eq!((proof.contradiction(), proof.common()), (Some(Contradiction::SameNumber), 1));
    // BOARD-8: two that may both be true prove nothing, and whoever shows them knows it.
    let orderly = Post::Equivocation(Equivocation::new(feed().first, feed().second));
    let refused = board.take(orderly, &chain, now).unwrap_err();
    assert_eq!((refused.is_senders_fault(), refused), (true, BoardError::NoContradiction));
    let stranger = Equivocation::new(
        feed().second,
        crate::signed::sign(&BatchHeader { size: 9, ..feed().second.payload().clone() }, &feed_key(2)),
    );
    let refused = board.take(Post::Equivocation(stranger), &chain, now).unwrap_err();
    assert_eq!(refused, BoardError::Header(HeaderRefusal::WrongKey));
    // Of several the one that leaves least is kept, whatever came first.
    let mut deeper = feed().first.payload().clone();
    deeper.expires.0 -= 1;
    let deeper = Equivocation::new(feed().first, crate::signed::sign(&deeper, &feed_key(1)));
    let replaces = Some(Post::Equivocation(proof.clone()).id());
    let taken = board.take(Post::Equivocation(deeper.clone()), &chain, now);
    assert_eq!((taken, deeper.common()), (Ok(Taken::New { replaces }), 0));
    assert_eq!(board.take(Post::Equivocation(proof), &chain, now), Ok(Taken::Older));
    // The decision settles it, for those who hear of it later, too; the proof stays.
    let mut decided = second();
    (decided.number, decided.previous, decided.issued) = (3, Some(chain.current_id()), now);
    let head = feed().first;
    let cut = Cut { charter: 3, batches: 1, size: head.payload().size, head: Some(head.id()) };
    decided.members[0].cuts.push(cut);
    let mut later = chain.clone();
    assert_eq!(later.extend(signed(&decided, &["1", "2"])), Ok(true));
    assert_eq!(board.equivocation(MemberNumber(1), later.current()), None);
    let mut late = Board::default();
    assert!(matches!(late.take(Post::Equivocation(deeper.clone()), &later, now), Ok(Taken::New { .. })));
    assert_eq!(late.equivocation(MemberNumber(1), later.current()), None, "what a decision left standing is decided");
    assert_eq!(late.equivocations().collect::<Vec<_>>(), [&deeper]);
}
