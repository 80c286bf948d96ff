//! Every way to cheat, and the one name that follows. CEREMONY-11 to CEREMONY-19.

use super::{super::seal, *};
use crate::encoding::Wire;

fn small() -> World {
    World::new(2, 3, &CLASSES[..1])
}

/// What `from` deals to `to`, sealed as it should be, with any plaintext.
fn sealed(world: &World, from: u8, to: u8, plain: &[u8]) -> Vec<u8> {
    let Round::Commit { receive_key, .. } = &world.said(to, Step::Commit).payload().round else { panic!() };
    let context = seal::Context { ceremony: &world.ceremony.id(), sender: holder(from), receiver: holder(to) };
    seal::seal(receive_key, &context, plain, &label("entropy")).unwrap()
}

fn deals(round: &mut Round) -> &mut Vec<Vec<u8>> {
    let Round::Deal { sealed } = round else { panic!("a deal") };
    sealed
}

fn package(round: &mut Round) -> &mut Vec<u8> {
    let Round::Commit { packages, .. } = round else { panic!("commitments") };
    &mut packages[0]
}

/// CEREMONY-17: the silent one is named, in each round, and nobody before the deadline.
#[test]
fn silence_after_the_deadline() {
    let before = Timestamp(OVER.0 - 1);
    for silent in 0..3 {
        let mut world = small().rounds(silent);
        world.round([1, 3]);
        assert_eq!((world.faults(before), world.faults(OVER)), (vec![], vec![(2, Fault::Dropped)]));
        // CEREMONY-19: too late to say anything.
        assert_eq!((world.see(2, before).post.len(), world.see(2, OVER).post.len()), (1, 0));
        let mut world = small().rounds(silent);
        world.round([2]);
        assert_eq!(world.faults(OVER), [(1, Fault::Dropped), (3, Fault::Dropped)]);
    }
    assert_eq!(small().rounds(3).see(0, OVER).phase, Phase::Done, "done in time stays done");
}

/// CEREMONY-11: two messages for one round; to confirm and to complain is one round.
#[test]
fn two_different_messages_for_one_round() {
    let mut world = small().rounds(1);
    let mut other = world.said(2, Step::Commit).payload().round.clone();
    if let Round::Commit { receive_key, .. } = &mut other {
        receive_key[0] ^= 1;
    }
    world.say(2, other);
    assert_eq!(world.faults(NOW), [(2, Fault::TwoMessages)]);
    let mut world = small().rounds(2);
    let mut other = world.said(2, Step::Deal).payload().round.clone();
    deals(&mut other)[1][50] ^= 1;
    world.say(2, other);
    assert_eq!(world.faults(NOW), [(2, Fault::TwoMessages)]);
    let mut world = small().rounds(2);
    world.round([2]);
    let round = complaint(&world, 2, 1);
    world.say(2, round);
    assert_eq!(world.faults(NOW), [(2, Fault::TwoMessages)]);
    // The same message under another signature is the same message.
    let mut world = small().rounds(2);
    let again = world.board[0].clone();
    world.board.push(again);
    assert_eq!(world.faults(NOW), []);
}

/// CEREMONY-12
#[test]
fn packages_of_the_wrong_form() {
    let changes: &[(&str, fn(&mut Round))] = &[
        ("a commitment less", |round| drop(package(round).drain(..32))),
        ("a commitment more", |round| {
            let first = package(round)[..32].to_vec();
            package(round).splice(..0, first);
        }),
        ("no proof", |round| package(round).truncate(64)),
        ("half a proof", |round| package(round).truncate(96)),
        ("nothing", |round| package(round).clear()),
        ("no element", |round| package(round)[32..64].fill(0xff)),
        ("the identity", |round| package(round)[32..64].fill(0)),
        ("the identity as constant", |round| package(round)[..32].fill(0)),
        ("no element in the proof", |round| package(round)[64..96].fill(0xff)),
        ("no scalar in the proof", |round| package(round)[96..].fill(0xff)),
        ("a one-time key of small order", |round| {
            let Round::Commit { receive_key, .. } = round else { panic!() };
            *receive_key = [0; 32];
        }),
        ("another of small order", |round| {
            let Round::Commit { receive_key, .. } = round else { panic!() };
            *receive_key = [0; 32];
            receive_key[0] = 1;
        }),
    ];
    for (what, change) in changes {
        let mut world = small();
        world.round([1, 2]);
        world.replace(2, change);
        assert_eq!(world.faults(NOW), [(2, Fault::BadPackage)], "{what}, known before all are there");
        world.round([3]);
        assert_eq!(world.faults(NOW), [(2, Fault::BadPackage)], "{what}");
    }
    for length in [0, 79, 81] {
        let mut world = small().rounds(2);
        world.replace(2, |round| deals(round)[1].resize(length, 7));
        assert_eq!(world.faults(NOW), [(2, Fault::BadPackage)], "{length} bytes");
    }
}

/// CEREMONY-13
#[test]
fn proofs_that_do_not_hold() {
    let honest = small().rounds(1);
    let first = honest.said(1, Step::Commit).payload().round.clone();
    let mut flipped = 0;
    for byte in [64, 80, 96, 110] {
        let mut world = honest.clone();
        world.replace(2, |round| package(round)[byte] ^= 1);
        let faults = world.faults(NOW);
        assert!(matches!(faults[..], [(2, Fault::BadProof | Fault::BadPackage)]), "{byte}: {faults:?}");
        flipped += usize::from(faults[0].1 == Fault::BadProof);
    }
    assert!(flipped >= 2);
    let mut world = honest.clone();
    world.replace(2, |round| *package(round) = package(&mut first.clone()).clone());
    assert_eq!(world.faults(NOW), [(2, Fault::BadProof)], "the proof of another holder");
    // A constant that would cancel that of another: its maker does not know what is in it.
    let mut world = honest;
    world.replace(2, |round| {
        let ours = package(round);
        ours[..32].copy_from_slice(&package(&mut first.clone())[32..64]);
    });
    assert_eq!(world.faults(NOW), [(2, Fault::BadProof)]);
}

/// CEREMONY-14: garbage, another's share, no scalar, a share that is off by one, and a share sealed for somebody else.
#[test]
fn a_bad_share_is_opened_by_everybody() {
    let honest = small().rounds(2);
    let mut good = [0; 32];
    let context = seal::Context { ceremony: &honest.ceremony.id(), sender: holder(2), receiver: holder(1) };
    let secret = seed(1).receive_secret(&honest.ceremony.id());
    let mut round = honest.said(2, Step::Deal).payload().round.clone();
    good.copy_from_slice(&seal::open(&secret, &context, &deals(&mut round)[0]).unwrap());
    assert_eq!(sealed(&honest, 2, 1, &good).len(), 80);
    let off = (Scalar::from_canonical_bytes(good).unwrap() + Scalar::ONE).to_bytes();
    let foreign = sealed(&honest, 3, 1, &good);
    for (what, bad) in [
        ("garbage", vec![0x5a; 80]),
        ("an encapsulated key of small order", [vec![0; 32], vec![0x5a; 48]].concat()),
        ("off by one", sealed(&honest, 2, 1, &off)),
        ("zero", sealed(&honest, 2, 1, &[0; 32])),
        ("no scalar", sealed(&honest, 2, 1, &[0xff; 32])),
        ("the share of holder 3", deals(&mut round)[1].clone()),
        ("sealed in another's name", foreign),
    ] {
        let mut world = honest.clone();
        world.replace(2, |round| deals(round)[0] = bad.clone());
        assert_eq!(world.faults(NOW), [], "{what}: nobody but holder 1 can see it");
        let round = world.next(1).unwrap();
        assert!(matches!(&round, Round::Complain { against, .. } if *against == holder(2)), "{what}");
        // Holder 3 got a good share and confirms; that does not save the ceremony.
        world.round([3]);
        world.say(1, round);
        assert_eq!(world.faults(NOW), [(2, Fault::BadShare)], "{what}");
        // CEREMONY-19
        assert!(world.numbers().all(|number| world.see(number, NOW).post.is_empty()));
    }
    let mut same = honest;
    same.replace(2, |round| deals(round)[0] = sealed(&small().rounds(2), 2, 1, &good));
    assert!(matches!(same.next(1), Some(Round::Confirm { .. })), "sealed once more, but good");
}

#[test]
fn any_flipped_byte_of_a_deal_blames_the_dealer() {
    let honest = small().rounds(2);
    for byte in 0..80 {
        let mut world = honest.clone();
        world.replace(2, |round| deals(round)[1][byte] ^= 1 << (byte % 7));
        let round = world.next(3).unwrap();
        assert!(matches!(round, Round::Complain { .. }), "{byte}");
        world.say(3, round);
        assert_eq!(world.faults(NOW), [(2, Fault::BadShare)], "{byte}");
    }
}

#[test]
fn one_bad_class_of_many_is_enough_and_two_victims_blame_once() {
    let mut world = World::new(2, 3, CLASSES).rounds(2);
    world.replace(2, |round| {
        let shares = [0; 96];
        *deals(round) = [1, 3].map(|to| sealed(&World::new(2, 3, CLASSES).rounds(2), 2, to, &shares)).to_vec();
    });
    let (first, third) = (world.next(1).unwrap(), world.next(3).unwrap());
    world.say(1, first);
    world.say(3, third);
    assert_eq!(world.faults(NOW), [(2, Fault::BadShare)]);
}

/// CEREMONY-15
#[test]
fn a_false_complaint_falls_back() {
    let honest = small().rounds(2);
    let mut world = honest.clone();
    world.say(1, complaint(&honest, 1, 2));
    assert_eq!(world.faults(NOW), [(1, Fault::FalseComplaint)], "the share is good");
    let mut world = honest.clone();
    let Round::Complain { against, deal, .. } = complaint(&honest, 1, 2) else { panic!() };
    world.say(1, Round::Complain { against, deal, secret: label("another secret") });
    assert_eq!(world.faults(NOW), [(1, Fault::FalseComplaint)], "the secret of another key");
    // A deal that nobody has seen may still be on its way; at the deadline it is not.
    let mut world = honest.clone();
    let secret = *seed(1).receive_secret(&honest.ceremony.id());
    world.say(1, Round::Complain { against, deal: label("no deal"), secret });
    assert_eq!((world.faults(NOW), world.see(0, NOW).waiting_for), (vec![], vec![holder(1), holder(2), holder(3)]));
    world.round([2, 3]);
    assert_eq!((world.faults(NOW), world.see(0, NOW).waiting_for), (vec![], vec![holder(1)]));
    assert_eq!(world.faults(OVER), [(1, Fault::FalseComplaint)]);
    // Before all deals are there nobody can complain.
    let mut world = small().rounds(1);
    world.round([1, 2]);
    let round = complaint(&honest, 1, 2);
    world.say(1, round);
    assert_eq!((world.faults(NOW), world.see(0, NOW).phase), (vec![], Phase::Deal));
}

/// CEREMONY-16
#[test]
fn another_result_is_a_fault() {
    let honest = small().rounds(3);
    let mut world = honest.clone();
    world.replace(2, |round| {
        let Round::Confirm { public_keys, .. } = round else { panic!() };
        public_keys[0].swap(1, 2);
    });
    assert_eq!(world.faults(NOW), [(2, Fault::OtherResult)], "of the same messages: that can be seen at once");
    let mut world = honest;
    world.replace(2, |round| {
        let Round::Confirm { transcript, .. } = round else { panic!() };
        transcript[0] ^= 1;
    });
    assert_eq!((world.faults(NOW), world.see(0, NOW).waiting_for), (vec![], vec![holder(2)]));
    assert_eq!(world.faults(OVER), [(2, Fault::OtherResult)]);
}

/// A dealer that shows two deals to two halves: nobody but the dealer is ever accused.
#[test]
fn an_equivocating_dealer_is_named_and_its_victims_are_not() {
    let mut left = small().rounds(2);
    let mut right = left.clone();
    right.replace(3, |round| deals(round)[1][40] ^= 1);
    // The board of holder 1 has the good deal, that of holder 2 the bad one.
    left.round([1]);
    right.round([2]);
    let (confirmed, complained) = (left.board.pop().unwrap(), right.board.pop().unwrap());
    assert!(matches!(complained.payload().round, Round::Complain { .. }));
    for world in [&mut left, &mut right] {
        world.board.extend([confirmed.clone(), complained.clone()]);
    }
    assert_eq!(left.faults(NOW), [], "the complaint is about a deal that holder 1 has not seen yet");
    assert_eq!(right.faults(NOW), [(3, Fault::BadShare)]);
    left.board.extend(right.board.clone());
    assert_eq!(left.faults(NOW), [(3, Fault::TwoMessages)]);
    assert_eq!(left.faults(OVER), [(3, Fault::TwoMessages)], "and nobody else when the time is over");
    right.board.extend(left.board.clone());
    assert_eq!(right.faults(OVER), [(3, Fault::TwoMessages)]);
}

/// CEREMONY-18: all have confirmed; what one of them signs afterwards changes nothing for anybody.
#[test]
fn what_is_done_stays_done() {
    let done = small().rounds(3);
    let (keys, shares) = (done.outcome(0).keys, |world: &World| world.outcome(1).shares.unwrap().as_slice().to_vec());
    let mut other = done.said(2, Step::Commit).payload().round.clone();
    package(&mut other).truncate(3);
    let mut deal = done.said(2, Step::Deal).payload().round.clone();
    deals(&mut deal)[0][0] ^= 1;
    let mut confirm = done.said(2, Step::Answer).payload().round.clone();
    if let Round::Confirm { transcript, .. } = &mut confirm {
        transcript[0] ^= 1;
    }
    let mut world = done.clone();
    for late in [complaint(&done, 2, 1), other, deal, confirm] {
        world.say(2, late);
        assert_eq!((world.outcome(0).keys, shares(&world)), (keys.clone(), shares(&done)));
    }
    world.board.reverse();
    assert_eq!((world.outcome(0).keys, shares(&world)), (keys, shares(&done)));
}

/// All holders together can agree on nonsense, but not make others believe it.
#[test]
fn agreement_on_other_keys_is_no_result() {
    let mut world = small().rounds(3);
    let Round::Confirm { mut public_keys, transcript } = world.said(1, Step::Answer).payload().round.clone() else {
        panic!()
    };
    public_keys[0].swap(1, 2);
    world.board.retain(|message| message.payload().round.step() != Step::Answer);
    for number in 1..=3 {
        world.say(number, Round::Confirm { transcript, public_keys: public_keys.clone() });
    }
    assert_eq!(world.faults(NOW), [1, 2, 3].map(|number| (number, Fault::OtherResult)));
}

/// The earliest round in which something is wrong is the one that counts; a late fault does not hide an early one.
#[test]
fn the_earliest_round_is_judged() {
    let mut world = small().rounds(2);
    world.say(1, complaint(&small().rounds(2), 1, 3));
    assert_eq!(world.faults(NOW), [(1, Fault::FalseComplaint)]);
    let mut other = world.said(2, Step::Commit).payload().round.clone();
    package(&mut other)[0] ^= 1;
    world.say(2, other);
    assert_eq!(world.faults(NOW), [(2, Fault::TwoMessages)]);
}

/// The longest messages of 16 holders and 11 classes fit into one message of gossip.
#[test]
fn the_largest_ceremony_fits() {
    let mut world = World::new(16, 16, Class::ALL);
    let mut largest = 0;
    for _ in 0..3 {
        world.round(world.numbers());
    }
    for message in &world.board {
        let bytes = message.payload().encode().len();
        assert!(bytes <= Message::MAX_BYTES && message.envelope().len() <= crate::limits::GOSSIP_BYTES);
        largest = largest.max(bytes);
    }
    assert!((6_000..7_000).contains(&largest), "{largest}");
    assert_eq!(world.outcome(16).keys.len(), Class::ALL.len());
}
