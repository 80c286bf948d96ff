//! Every rule of witnesses broken once, on the board where statements are taken.

use std::slice::from_ref;

use super::*;
use crate::{
    base::{Hash, MemberNumber, Timestamp},
    board::{Board, BoardError, Post, Taken},
    charter::{Charter, CharterChain, Cut, MemberState},
    checkpoint::{Note, SignatureType, VerifierKey, log_name, witness_name},
    encoding::{DecodeError, Wire},
    feed::Head,
    fixtures::*,
    limits,
    replica::{FeedStatus, Standing},
    signed::{Signed, Signer},
};

const NEW: Result<Taken, BoardError> = Ok(Taken::New { replaces: None });

/// The charters and the board of a node.
struct Shelf {
    chain: CharterChain,
    board: Board,
}

impl Shelf {
    fn new() -> Shelf {
        Shelf { chain: chain(3), board: Board::default() }
    }

    fn take(&mut self, post: &Post) -> Result<Taken, BoardError> {
        self.board.take(Post::decode(&post.encode())?, &self.chain, ASKED)
    }

    fn refusal(&mut self, post: &Post) -> (BoardError, bool) {
        let error = self.take(post).unwrap_err();
        let fault = error.is_senders_fault();
        (error, fault)
    }

    fn amend(&mut self, change: impl FnOnce(&mut Charter)) {
        let mut next = Charter::clone(self.chain.current());
        (next.number, next.previous) = (next.number + 1, Some(self.chain.current_id()));
        change(&mut next);
        assert_eq!(self.chain.extend(signed(&next, &["1", "2"])), Ok(true));
    }
}

/// A head of one of the publishers, cosigned by Watch.
fn head(publisher: u16, seq: u64, size: u64) -> WitnessedHead {
    let slug = ["alpha", "beta", "gamma", "watch", "delta"][usize::from(publisher - 1)];
    witnessed(publisher, seq, size).cosigned(&alliance(), slug, ASKED, &feed_key(4))
}

fn statement(seconds: u64, heads: &[WitnessedHead]) -> WitnessStatement {
    WitnessStatement { issued: ASKED.plus(seconds), heads: heads.to_vec(), ..witness_statement() }
}

fn post(statement: &WitnessStatement) -> Post {
    Post::sign(statement, &feed_key(4), Post::Witness)
}

fn stated(seconds: u64, heads: &[WitnessedHead]) -> Post {
    post(&statement(seconds, heads))
}

#[test]
fn a_statement_is_taken_and_its_cosignatures_stand_alone() {
    let mut shelf = Shelf::new();
    let post = Post::sign(&witness_statement(), &feed_key(4), Post::Witness);
    assert_eq!(Post::decode(&post.encode()).as_ref(), Ok(&post));
    assert_eq!(shelf.take(&post), NEW);
    assert_eq!(shelf.take(&post), Ok(Taken::Known));
    let found: Vec<_> = shelf.board.witnesses(MemberNumber(1)).collect();
    let [(witness, head, key)] = found[..] else { panic!("one witness") };
    assert_eq!((witness, head.seq, key), (MemberNumber(4), 1, feed_key(4).public()));
    assert_eq!(shelf.board.witnesses(MemberNumber(4)).count(), 0);
    assert!(shelf.board.witness_statement(MemberNumber(4), 0).is_some());
    assert!(shelf.board.witness_statement(MemberNumber(4), 1).is_none());
    // As a note, with nothing of ours.
    let name = witness_name(&alliance(), "watch");
    let key = VerifierKey::new(&name, SignatureType::Cosignature, key).unwrap();
    let signatures = vec![key.signature(head.cosignature.to_bytes())];
    let note = Note { text: head.text(&alliance(), "alpha"), signatures };
    assert!(note.text.starts_with(&log_name(&alliance(), "alpha", 0)));
    assert_eq!(note.verify(from_ref(&key)).unwrap().len(), 1);
    // A statement is kept for good.
    assert!(!shelf.board.has_stale(Timestamp(u64::MAX)));
}

#[test]
fn rules_of_form() {
    let mut shelf = Shelf::new();
    let form = (BoardError::Witness(WitnessError::Form), true);
    assert_eq!(shelf.refusal(&stated(0, &[])), form); // WITNESS-1
    assert_eq!(shelf.refusal(&stated(0, &[head(2, 0, 1), head(1, 0, 1)])), form); // WITNESS-1
    assert_eq!(shelf.refusal(&stated(0, &[head(1, 0, 1), head(1, 1, 2)])), form); // WITNESS-1
    let far = WitnessedHead { publisher: MemberNumber(64), ..head(1, 0, 1) };
    assert_eq!(shelf.refusal(&stated(0, &[head(1, 0, 1), far])), form, "of another page"); // WITNESS-1
    let early = WitnessStatement { issued: Timestamp(ASKED.0 - 1), ..statement(0, &[head(1, 0, 1)]) };
    assert_eq!(shelf.refusal(&post(&early)), form, "cosigned later"); // WITNESS-1
    let many: Vec<_> = (0..65).map(|n| WitnessedHead { publisher: MemberNumber(n), ..head(1, 0, 1) }).collect();
    assert_eq!(WitnessStatement::decode(&statement(0, &many).encode()), Err(DecodeError::TooLarge)); // WITNESS-1
    // WITNESS-1: the longest statement fits into gossip.
    let longest =
        WitnessedHead { publisher: MemberNumber(u16::MAX), cuts: 64, seq: u64::MAX, size: u64::MAX, ..many[0] };
    let longest = post(&WitnessStatement { heads: vec![longest; 64], ..statement(0, &[]) }).encode();
    assert!(longest.len() < limits::GOSSIP_BYTES, "{}", longest.len());
    // WITNESS-2
    let own = Post::sign(
        &WitnessStatement { witness: MemberNumber(2), ..statement(0, &[head(2, 0, 1)]) },
        &feed_key(2),
        Post::Witness,
    );
    assert_eq!(shelf.refusal(&own), (BoardError::Witness(WitnessError::OwnFeed), true));
}

#[test]
fn cosignatures_are_the_signers_over_that_head() {
    let good = head(1, 3, 9);
    let bad = (BoardError::Witness(WitnessError::Cosignature), true);
    for (what, head) in [
        ("another batch", WitnessedHead { seq: 4, ..good }),
        ("another size", WitnessedHead { size: 10, ..good }),
        ("another root", WitnessedHead { root: [0; 32], ..good }),
        ("another feed", WitnessedHead { publisher: MemberNumber(2), ..good }),
        ("by somebody else", good.cosigned(&alliance(), "alpha", ASKED, &feed_key(2))),
        ("in another alliance", good.cosigned(&[0; 32], "alpha", ASKED, &feed_key(4))),
    ] {
        assert_eq!(Shelf::new().refusal(&stated(0, &[head])), bad, "{what}"); // WITNESS-3
    }
    assert_eq!(Shelf::new().take(&stated(0, &[good])), NEW);
}

#[test]
fn who_may_sign_about_whom() {
    let mut shelf = Shelf::new();
    let not_entitled = (BoardError::NotEntitled, false);
    let sign = |statement: &WitnessStatement, by: &Key| Post::sign(statement, by, Post::Witness);
    assert_eq!(shelf.refusal(&sign(&witness_statement(), &feed_key(2))), not_entitled); // WITNESS-4
    let stranger = WitnessStatement { witness: MemberNumber(9), ..witness_statement() };
    assert_eq!(shelf.refusal(&sign(&stranger, &feed_key(4))), not_entitled); // WITNESS-4
    let unknown = (BoardError::Witness(WitnessError::UnknownFeed), false);
    let epsilon = WitnessedHead { publisher: MemberNumber(6), ..head(1, 0, 1) };
    assert_eq!(shelf.refusal(&stated(0, &[epsilon])), unknown, "a key holder has no feed"); // WITNESS-4
    let stranger = WitnessedHead { publisher: MemberNumber(9), ..head(1, 0, 1) };
    assert_eq!(shelf.refusal(&stated(0, &[stranger])), unknown); // WITNESS-4
    let cut = WitnessedHead { cuts: 1, ..head(1, 0, 1) };
    assert_eq!(shelf.refusal(&stated(0, &[cut])), unknown, "nobody has decided that yet"); // WITNESS-4
    let other = WitnessStatement { alliance: [0; 32], ..witness_statement() };
    assert_eq!(shelf.refusal(&post(&other)), (BoardError::OtherAlliance, true)); // BOARD-1
    assert_eq!(shelf.refusal(&stated(601, &[head(1, 0, 1)])), (BoardError::FromTheFuture, false)); // BOARD-3
    shelf.amend(|charter| charter.members[3].state = MemberState::Expelled);
    assert_eq!(shelf.refusal(&post(&witness_statement())), not_entitled); // WITNESS-4
}

#[test]
fn a_witness_takes_nothing_back() {
    let mut shelf = Shelf::new();
    let (alpha, beta) = (head(1, 3, 9), head(2, 0, 1));
    let first = stated(10, &[alpha, beta]);
    assert_eq!(shelf.take(&first), NEW);
    for (what, worse) in [
        ("earlier", stated(9, &[head(1, 4, 10), beta])),
        ("the same moment", stated(10, &[head(1, 4, 10), beta])),
        ("without Beta", stated(20, &[head(1, 4, 10)])),
        ("a batch less", stated(20, &[head(1, 2, 9), beta])),
        ("the same batch with more leaves", stated(20, &[head(1, 3, 10), beta])),
        ("more batches with fewer leaves", stated(20, &[head(1, 4, 8), beta])),
    ] {
        assert_eq!(shelf.take(&worse), Ok(Taken::Older), "{what}"); // WITNESS-5
    }
    let root = WitnessedHead { root: [7; 32], ..alpha }.cosigned(&alliance(), "alpha", ASKED, &feed_key(4));
    assert_eq!(shelf.take(&stated(20, &[root, beta])), Ok(Taken::Older), "another root"); // WITNESS-5
    // The same again, and a heartbeat, and more, and another feed.
    let mut before = first.id();
    for (seconds, heads) in [
        (20, vec![alpha, beta]),
        (30, vec![WitnessedHead { seq: 4, ..alpha }.cosigned(&alliance(), "alpha", ASKED, &feed_key(4)), beta]),
        (40, vec![head(1, 5, 12), beta, head(5, 0, 0)]),
    ] {
        let next = stated(seconds, &heads);
        assert_eq!(shelf.take(&next), Ok(Taken::New { replaces: Some(before) }));
        before = next.id();
    }
    assert_eq!(shelf.board.ids().count(), 1);
    // A cut begins another log, whose trees are smaller at first.
    let after = WitnessedHead { cuts: 1, seq: 2, size: 1, ..alpha };
    assert!(after.continues(&alpha) && !alpha.continues(&after));
}

/// WITNESS-7: further on is not enough, the history must be the one that was stated.
#[test]
fn a_witness_goes_on_from_the_head_that_it_stated() {
    let (before, next) = (head(1, 3, 9), head(1, 5, 12));
    let stated = (before.size, before.root);
    assert!(next.may_follow(&before, Some(stated)));
    for held in [None, Some((8, before.root)), Some((9, next.root)), Some((12, next.root))] {
        assert!(next.continues(&before) && !next.may_follow(&before, held), "{held:?}"); // WITNESS-7
    }
    assert!(!before.may_follow(&next, Some((next.size, next.root))), "never backwards");
    // The log after a decision is another one.
    let after = WitnessedHead { cuts: 1, ..next };
    assert!(after.may_follow(&before, None) && !next.may_follow(&after, None));
}

/// Which log a head is in follows from its header, and from decisions only where they took back what was stated.
#[test]
fn a_decision_moves_only_what_it_took_back_into_another_log() {
    let mut shelf = Shelf::new();
    let charter = shelf.chain.current_id();
    let mut history: Vec<_> = (0..4).map(|seq| witnessed(1, seq, seq + 1)).collect();
    let mut now = ASKED;
    // What Watch states of Alpha's newest batch, which names this charter: its cuts and number, if it is anything new.
    let watch = |shelf: &Shelf, history: &[WitnessedHead], charter: Hash, now: Timestamp| {
        let newest = history.last().unwrap();
        let head =
            Head { seq: newest.seq, id: [1; 32], size: newest.size, root: newest.root, issued: now, expires: now };
        let feed = FeedStatus {
            publisher: MemberNumber(1),
            head: Some(head),
            head_charter: Some(charter),
            waiting: 0,
            stuck: None,
            standing: Standing::Open,
            caught_up: true,
            lacking_since_ms: None,
        };
        let witness = Witness {
            chain: &shelf.chain,
            me: Some(MemberNumber(4)),
            is_first_node: true,
            feeds: from_ref(&feed),
            board: &shelf.board,
            is_board_compared: true,
            is_clock_wrong: false,
        };
        let held = |_, seq| history.get(usize::try_from(seq).unwrap()).map(|head| (head.size, head.root));
        witness.next(&feed_key(4), held, now)
    };
    let mut state = |shelf: &mut Shelf, history: &[WitnessedHead], charter: Hash| {
        now = now.plus(1);
        let stated = watch(shelf, history, charter, now);
        assert_eq!(stated.refused, []);
        let [post] = &stated.posts[..] else { return None };
        assert!(matches!(shelf.board.take(post.clone(), &shelf.chain, now), Ok(Taken::New { .. })));
        let head = *shelf.board.witness_statement(MemberNumber(4), 0).unwrap().payload().head(MemberNumber(1)).unwrap();
        Some((head.cuts, head.seq))
    };
    // A history that is shorter than what was stated, or another one, is not what the decision left.
    let refused =
        |shelf: &Shelf, history: &[WitnessedHead]| watch(shelf, history, charter, ASKED.plus(99)).refused.len();
    let cut = |shelf: &mut Shelf, batches: u64| {
        shelf.amend(|charter| {
            let number = charter.number;
            charter.members[0].cuts.push(Cut { charter: number, batches, size: batches, head: Some([1; 32]) });
        });
        shelf.chain.current_id()
    };
    assert_eq!(state(&mut shelf, &history, charter), Some((0, 3)));
    // Nothing is taken back: what was cosigned is what the publisher signed, and stays.
    let after = cut(&mut shelf, 4);
    assert_eq!(state(&mut shelf, &history, charter), None);
    assert_eq!(refused(&shelf, &history), 0);
    assert_eq!(refused(&shelf, &history[..2]), 1); // WITNESS-7
    history.push(witnessed(1, 4, 5));
    assert_eq!(state(&mut shelf, &history, after), Some((1, 4)));
    // Three batches are taken back: the witness had stated more than there is now.
    let last = cut(&mut shelf, 2);
    history.truncate(2);
    assert_eq!(state(&mut shelf, &history, charter), Some((2, 1)));
    assert_eq!(state(&mut shelf, &history, charter), None, "and it says so once");
    history.push(witnessed(1, 2, 9));
    assert_eq!(state(&mut shelf, &history, last), Some((2, 2)));
    // A decision in favour of another history than the stated one, further on: until all of it is here nothing is stated.
    cut(&mut shelf, 5);
    history.truncate(2);
    history.extend([(2, 7), (3, 8), (4, 11)].map(|(seq, size)| witnessed(1, seq, size)));
    assert_eq!(refused(&shelf, &history[..4]), 1); // WITNESS-7
    assert_eq!(state(&mut shelf, &history, last), Some((3, 4)));
}

/// WITNESS-6: sisters count once, the publisher's own side and those who left not at all.
#[test]
fn entities_count_and_members_do_not() {
    let count = |charter: &Charter, publisher: u16, witnesses: &[u16]| {
        entities(charter, MemberNumber(publisher), witnesses.iter().map(|number| MemberNumber(*number)))
    };
    let mut charter = third();
    assert_eq!(count(&charter, 1, &[]), 0);
    assert_eq!(count(&charter, 1, &[2, 3, 4]), 2, "Gamma is Beta's sister");
    assert_eq!(count(&charter, 2, &[1, 3, 4, 4]), 2, "nor is it a witness for her");
    assert_eq!(count(&charter, 1, &[1, 9]), 0, "nor Alpha for itself, nor who is no member");
    charter.members[3].state = MemberState::Suspended;
    assert_eq!(count(&charter, 1, &[2, 4]), 1);
}

/// WITNESS-9: a batch is in force once enough have witnessed it or a later one.
#[test]
fn as_many_batches_are_in_force_as_enough_have_witnessed() {
    let mut charter = third();
    let batches = |charter: &Charter, seen: &[(u16, u64)]| {
        let seen: Vec<_> = seen.iter().map(|(witness, seq)| (MemberNumber(*witness), *seq)).collect();
        batches_in_force(charter, MemberNumber(1), &seen)
    };
    assert_eq!(batches(&charter, &[]), u64::MAX, "nobody needs to by default"); // WITNESS-9
    charter.policy.witnesses = 1;
    assert_eq!(batches(&charter, &[]), 0); // WITNESS-9
    assert_eq!(batches(&charter, &[(1, 9)]), 0, "not the publisher itself");
    assert_eq!(batches(&charter, &[(4, 0)]), 1);
    assert_eq!(batches(&charter, &[(4, 3), (2, 7)]), 8, "whoever is further");
    charter.policy.witnesses = 2;
    assert_eq!(batches(&charter, &[(4, 3), (2, 7)]), 4, "as far as both are");
    assert_eq!(batches(&charter, &[(2, 7), (3, 9)]), 0, "sisters are one"); // WITNESS-9
    assert_eq!(batches(&charter, &[(2, 7), (3, 9), (4, 8)]), 9);
    charter.members[3].state = MemberState::Suspended;
    assert_eq!(batches(&charter, &[(2, 7), (3, 9), (4, 8)]), 0);
    charter.policy.witnesses = 3;
    assert_eq!(batches(&charter, &[(2, u64::MAX), (3, 9), (4, 8)]), 0);
}

#[test]
fn only_the_deterministic_form_is_taken() {
    let bytes = witness_statement().encode();
    assert_eq!(WitnessStatement::decode(&bytes), Ok(witness_statement()));
    let mut newer = bytes.clone();
    newer[1] = 2;
    assert_eq!(WitnessStatement::decode(&newer), Err(DecodeError::UnknownVersion(2)));
    assert_eq!(WitnessStatement::decode(&[&bytes[..], &[0]].concat()), Err(DecodeError::TrailingBytes));
    let signed = crate::signed::sign(&witness_statement(), &feed_key(4));
    assert_eq!(Signed::<WitnessStatement>::decode(signed.envelope()).as_ref(), Ok(&signed));
}
