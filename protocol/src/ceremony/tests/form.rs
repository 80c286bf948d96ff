//! The rules of calls and messages, broken once each.

use super::*;
use crate::{
    charter::MemberState,
    encoding::{DecodeError, Wire},
    signed::SignatureError,
};

fn broken(error: CeremonyError, change: impl FnOnce(&mut Call)) {
    let mut call = a_call(2, 3, CLASSES);
    change(&mut call);
    assert_eq!(verified(&call).map(drop), Err(error), "{call:?}");
}

fn malformed(error: CeremonyError, change: impl FnOnce(&mut Call)) {
    let mut call = a_call(2, 3, CLASSES);
    change(&mut call);
    assert_eq!(call.check(), Err(error), "{call:?}");
}

#[test]
fn calls_survive_the_round_trip() {
    let call = a_call(2, 3, CLASSES);
    assert_eq!(Call::decode(&call.encode()), Ok(call.clone()));
    assert_eq!(verified(&call).map(|call| call.payload().clone()), Ok(call.clone()));
    let refresh = Call { kind: Kind::Refresh, keys: vec![[7; 32]; 3], ..call.clone() };
    assert_eq!(Call::decode(&refresh.encode()), Ok(refresh.clone()));
    assert!(verified(&refresh).is_ok());
    let keys = vec![[7; 32]; Class::ALL.len()];
    let holders = (65_000..65_016).map(MemberNumber).collect();
    let (issued, deadline) = (Timestamp(u64::MAX), Timestamp(u64::MAX));
    let largest = Call {
        kind: Kind::Refresh,
        classes: Class::ALL.to_vec(),
        epoch: 9_999,
        threshold: 200,
        holders,
        keys,
        issued,
        deadline,
        ..call
    };
    assert!(largest.encode().len() <= Call::MAX_BYTES);
    assert_eq!(Call::decode(&largest.encode()), Ok(largest));
}

/// CEREMONY-1, CEREMONY-2, CEREMONY-3, CEREMONY-4.
#[test]
fn calls_of_the_wrong_form_are_refused() {
    // The check of the call asks for the form.
    broken(CeremonyError::Threshold, |call| call.threshold = 1);
    for threshold in [0, 1, 4] {
        malformed(CeremonyError::Threshold, |call| call.threshold = threshold);
    }
    malformed(CeremonyError::Threshold, |call| (call.threshold, call.holders) = (1, vec![holder(1)]));
    malformed(CeremonyError::Threshold, |call| call.holders = (1..=17).map(holder).collect());
    malformed(CeremonyError::Order, |call| call.holders.swap(0, 1));
    malformed(CeremonyError::Order, |call| call.holders[1] = call.holders[0]);
    malformed(CeremonyError::Order, |call| call.classes.swap(0, 1));
    malformed(CeremonyError::Order, |call| call.classes[1] = call.classes[0]);
    malformed(CeremonyError::Order, |call| call.classes.clear());
    malformed(CeremonyError::Deadline, |call| call.deadline = call.issued);
    malformed(CeremonyError::Deadline, |call| call.deadline = Timestamp(0));
    malformed(CeremonyError::Deadline, |call| call.deadline = call.issued.plus(7 * 86_400 + 1));
    malformed(CeremonyError::Keys, |call| call.keys = vec![[7; 32]; 3]);
    malformed(CeremonyError::Keys, |call| call.kind = Kind::Refresh);
    malformed(CeremonyError::Keys, |call| (call.kind, call.keys) = (Kind::Refresh, vec![[7; 32]; 2]));
    let week = Call { deadline: CALLED.plus(7 * 86_400), ..a_call(2, 3, CLASSES) };
    assert!(verified(&week).is_ok());
}

/// CEREMONY-5, CEREMONY-6, CEREMONY-7.
#[test]
fn only_a_steward_calls_those_whom_the_charter_names() {
    broken(CeremonyError::OtherAlliance, |call| call.alliance[0] ^= 1);
    broken(CeremonyError::OtherCharter, |call| call.charter[0] ^= 1);
    broken(CeremonyError::FromTheFuture, |call| {
        (call.issued, call.deadline) = (NOW.plus(601), NOW.plus(1_000));
    });
    let call = a_call(2, 3, CLASSES);
    let charter = SignedCharter::unsigned(&charter(3));
    let holders = call.holders.clone();
    let check = |key: &Key, named: Option<(u8, &[MemberNumber])>| {
        verify_call(signed::sign(&call, key), &charter, &alliance(), named, NOW).map(drop)
    };
    let named = Some((2, &holders[..]));
    for name in ["1", "2", "2b", "3"] {
        assert_eq!(check(&steward(name), named), Ok(()));
    }
    for key in [feed_key(1), fixtures::node_key(1), Key::of("stranger")] {
        assert_eq!(check(&key, named), Err(CeremonyError::NotASteward));
    }
    for named in [None, Some((3, &holders[..])), Some((2, &holders[..2])), Some((2, &[][..]))] {
        assert_eq!(check(&steward("1"), named), Err(CeremonyError::OtherHolders));
    }
}

/// CEREMONY-8, CEREMONY-9, CEREMONY-10.
#[test]
fn messages_are_of_a_holder_of_this_ceremony() {
    let world = World::new(2, 3, CLASSES).rounds(3);
    let call = world.ceremony_call();
    let check =
        |message: &Message, key: &Key| verify_message(signed::sign(message, key), &call, &world.charter).map(drop);
    let message = |step| world.said(2, step).payload().clone();
    let good = message(Step::Commit);
    assert_eq!(check(&good, &feed_key(2)), Ok(()));
    let mut other = good.clone();
    other.ceremony[0] ^= 1;
    assert_eq!(check(&other, &feed_key(2)), Err(CeremonyError::OtherCeremony));
    for stranger in [0, 11, 40] {
        let stranger = MemberNumber(stranger);
        let other = Message { holder: stranger, ..good.clone() };
        assert_eq!(check(&other, &feed_key(2)), Err(CeremonyError::NotAHolder(stranger)));
    }
    for key in [feed_key(1), steward("1"), fixtures::node_key(1)] {
        assert_eq!(check(&good, &key), Err(CeremonyError::WrongKey));
    }
    for against in [holder(2), holder(4)] {
        let round = Round::Complain { against, deal: [1; 32], secret: [2; 32] };
        assert_eq!(check(&Message { round, ..good.clone() }, &feed_key(2)), Err(CeremonyError::NotAHolder(against)));
    }
    let counts = |step, change: fn(&mut Round)| {
        let mut other = message(step);
        change(&mut other.round);
        assert_eq!(check(&other, &feed_key(2)), Err(CeremonyError::Count));
    };
    counts(Step::Commit, |round| match round {
        Round::Commit { packages, .. } => drop(packages.pop()),
        _ => panic!(),
    });
    counts(Step::Deal, |round| match round {
        Round::Deal { sealed } => sealed.push(vec![0; 80]),
        _ => panic!(),
    });
    counts(Step::Answer, |round| match round {
        Round::Confirm { public_keys, .. } => drop(public_keys.pop()),
        _ => panic!(),
    });
    counts(Step::Answer, |round| match round {
        Round::Confirm { public_keys, .. } => drop(public_keys[1].pop()),
        _ => panic!(),
    });
}

/// CEREMONY-9: with the feed key of any time of the ceremony, no other.
#[test]
fn a_feed_key_that_changes_during_a_ceremony() {
    let world = World::new(2, 3, CLASSES).rounds(1);
    let message = world.said(2, Step::Commit).payload().clone();
    let with = |from: Timestamp, until: Option<Timestamp>, state| {
        let mut charter = world.charter.clone();
        charter.members[1].feed_keys = vec![FeedKey { until, ..FeedKey::new(feed_key(2).public(), from) }];
        charter.members[1].state = state;
        verify_message(signed::sign(&message, &feed_key(2)), &world.ceremony_call(), &charter).map(drop)
    };
    assert_eq!(with(FOUNDED, Some(CALLED.plus(1)), MemberState::Active), Ok(()));
    assert_eq!(with(CALLED.plus(9), None, MemberState::Active), Ok(()));
    assert_eq!(with(FOUNDED, Some(CALLED), MemberState::Active), Err(CeremonyError::WrongKey));
    assert_eq!(with(OVER, None, MemberState::Active), Err(CeremonyError::WrongKey));
    assert_eq!(with(FOUNDED, None, MemberState::Suspended), Err(CeremonyError::NotAHolder(holder(2))));
}

#[test]
fn messages_survive_the_round_trip_and_nothing_else_does() {
    let world = World::new(2, 3, CLASSES).rounds(3);
    let complaint = complaint(&world, 1, 2);
    let mut messages: Vec<Message> = world.board.iter().map(|message| message.payload().clone()).collect();
    messages.push(Message { round: complaint.clone(), ..messages[0].clone() });
    for message in &messages {
        let bytes = message.encode();
        assert_eq!(Message::decode(&bytes).as_ref(), Ok(message));
        for cut in [0, 1, bytes.len() / 2, bytes.len() - 1] {
            assert_eq!(Message::decode(&bytes[..cut]), Err(DecodeError::Malformed));
        }
    }
    // The fields of a complaint under the number of a deal.
    let mut bytes = messages.last().unwrap().encode();
    let at = bytes.windows(2).position(|pair| pair == [3, 4]).unwrap();
    bytes[at + 1] = 2;
    assert_eq!(Message::decode(&bytes), Err(DecodeError::Missing("sealed")));
    bytes[at + 1] = 5;
    assert_eq!(Message::decode(&bytes), Err(DecodeError::OutOfRange("round")));
    // A signed call is no message.
    let call = signed::sign(&a_call(2, 3, CLASSES), &steward("1"));
    assert_eq!(Signed::<Message>::decode(call.envelope()).err(), Some(SignatureError::ProtectedHeader));
}
