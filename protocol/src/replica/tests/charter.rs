//! Charters on their way.

use super::{
    alliance::{Batch, EPOCH, Writer, admitting, found, listing, next_charter},
    script::{Script, envelopes},
    world::{Faults, World},
};
use crate::{
    base::{MemberNumber, Timestamp},
    charter::{CharterError, Cut, MemberState},
    encoding::Wire,
    feed::Head,
    limits,
    replica::{Event, Input, Offence, Output, Store, Timer, Topic, Verdict},
    sync::{Announcement, Request, Response},
};

/// Says nothing of the charter that admitted it.
fn hides_its_charter(request: &Request, response: Response) -> Option<Response> {
    Some(match (request, response) {
        (Request::Charters { .. }, _) => Response::Absent,
        (_, Response::Heads(heads)) => Response::Heads(crate::sync::Heads { charter: 1, ..heads }),
        (_, other) => other,
    })
}

#[test]
fn a_new_publisher_is_admitted_although_its_header_came_before_the_charter() {
    let chain = found(3);
    let mut newer = chain.clone();
    let charter = admitting(&chain, 4);
    newer.extend(charter.clone()).unwrap();
    let mut world =
        World::new(&chain, 3, 21, Faults { latency_ms: 30, storage: 30, until_ms: 20_000, ..Faults::default() });
    world.run(1000);
    let at = world.add(&newer, 4);
    world.nodes[at].warp = Some(hides_its_charter);
    world.publish(at, &[listing(1)], 1);
    world.run(3000);
    assert!(world.nodes[..3].iter().all(|node| node.replica.head(MemberNumber(4)).is_none()));
    world.give(0, Input::Charter(charter));
    world.run(60_000);
    world.assert_converged();
    for node in &world.nodes {
        assert_eq!(node.replica.charter().number, 2);
        assert_eq!(node.replica.head(MemberNumber(4)).map(|head| head.seq), Some(0), "HEADER-9, HEADER-10");
    }
    assert!(world.penalties.is_empty(), "{:?}", world.penalties);
}

#[test]
fn an_announcement_is_passed_on_once_the_charter_is_in_force() {
    let chain = found(3);
    let charter = admitting(&chain, 4);
    let announcement = Announcement { number: 2, id: charter.id() }.encode();
    let mut script = Script::new(&chain, &[2]);
    script.has(2, &[]);
    assert_eq!(script.gossip(2, Topic::Charters, &announcement), None, "held");
    let (id, request) = script.request_to(2);
    assert_eq!(request, Request::Charters { from: 2 });
    script.answer(id, Response::Charters(vec![charter.encode().into()]));
    // The disk fails once: it is tried again, and nobody is asked again.
    script.give(Input::CharterStored { charter: charter.clone(), stored: false });
    assert!(script.wait(u64::from(limits::BUSY_RETRY_MS)).requests_to(2).is_empty());
    assert_eq!(script.stores().len(), 2);
    script.give(Input::CharterStored { charter, stored: true });
    let verdicts: Vec<_> = script
        .said
        .iter()
        .filter_map(|output| match output {
            Output::Verdict { verdict, .. } => Some(*verdict),
            _ => None,
        })
        .collect();
    assert_eq!(verdicts, [Verdict::Accept]);
    script.ms += 1;
    let lie = Announcement { number: 2, id: [1; 32] }.encode();
    assert_eq!(script.gossip(2, Topic::Charters, &lie), Some(Verdict::Ignore));
    script.ms += 1;
    assert_eq!(script.gossip(2, Topic::Charters, &Announcement { number: 9, id: [1; 32] }.encode()), None);
    script.said.clear();
    script.wait(limits::ANNOUNCEMENT_HELD_MS);
    assert!(script.said.iter().any(|output| matches!(output, Output::Verdict { verdict: Verdict::Ignore, .. })));
    assert_eq!(script.offences(), []);
}

#[test]
fn bad_charters_are_blamed_and_forks_reported() {
    let chain = found(3);
    let unsigned = crate::charter::SignedCharter::unsigned(admitting(&chain, 4).charter());
    let mut elsewhere = chain.clone();
    elsewhere.extend(next_charter(&chain, |charter| charter.threshold = 1)).unwrap();
    let offer = |charter: Vec<u8>| {
        let mut script = Script::new(&chain, &[2]);
        let (id, _) = script.request_to(2);
        let heads = crate::sync::Heads { charter: 2, ..script.heads(&[]) };
        script.answer(id, Response::Heads(heads));
        let (id, _) = script.request_to(2);
        script.answer(id, Response::Charters(vec![charter.into()]));
        script
    };
    assert_eq!(offer(unsigned.encode()).offences(), [(2, Offence::BadCharter)]);
    assert_eq!(offer(vec![1]).offences(), [(2, Offence::BadCharter)]);
    let fork = next_charter(&chain, |charter| charter.previous = Some([4; 32]));
    let mut script = offer(fork.encode());
    assert_eq!(script.offences(), [], "a fork is for the stewards to judge");
    assert!(script.events().contains(&Event::CharterRefused { number: 2, error: CharterError::OtherChain }));
    assert!(script.wait(60_000).requests_to(2).is_empty(), "and is not asked for again and again");
}

#[test]
fn a_suspended_feed_is_still_fetched_and_an_expelled_one_is_not() {
    let chain = found(4);
    let header = Writer::new(&chain, 3).batch(&[], 1, EPOCH);
    for (state, wanted) in [(MemberState::Suspended, 1), (MemberState::Expelled, 0)] {
        let mut chain = chain.clone();
        chain.extend(next_charter(&chain, |charter| charter.members[2].state = state)).unwrap();
        let mut script = Script::new(&chain, &[2]);
        script.has(2, &[(3, 0)]);
        let asked = script.requests_to(2);
        assert_eq!(asked.len(), wanted, "{state}");
        for (id, _) in asked {
            script.answer(id, Response::Headers(envelopes(std::slice::from_ref(&header))));
            assert_eq!(script.stores().len(), 1);
        }
    }
}

/// CHARTER-14: a steward's clock that is a day ahead must not make every node depend on a charter of tomorrow.
#[test]
fn a_charter_of_tomorrow_is_taken_tomorrow_and_nobody_is_blamed() {
    let chain = found(3);
    let charter = next_charter(&chain, |charter| charter.issued = Timestamp(EPOCH + 86_400));
    let mut script = Script::new(&chain, &[2]);
    let offer = |script: &mut Script| {
        let heads = crate::sync::Heads { charter: 2, ..script.heads(&[]) };
        let (id, _) = script.request_to(2);
        script.answer(id, Response::Heads(heads));
        let (id, request) = script.request_to(2);
        assert_eq!(request, Request::Charters { from: 2 });
        script.answer(id, Response::Charters(vec![charter.encode().into()]));
    };
    offer(&mut script);
    let is_refused = |output: &Output| {
        matches!(output, Output::Report(Event::CharterRefused { number: 2, error: CharterError::FromTheFuture }))
    };
    assert!(script.said.iter().any(is_refused), "{:?}", script.said);
    let is_bad = |output: &Output| matches!(output, Output::Penalise { .. } | Output::Store(_));
    assert!(!script.said.iter().any(is_bad), "{:?}", script.said);
    script.said.clear();
    script.ms = 86_400_000;
    script.give(Input::Timer(Timer::AntiEntropy));
    offer(&mut script);
    let stored = |output: &Output| matches!(output, Output::Store(Store::Charter(taken)) if taken.id() == charter.id());
    assert!(script.said.iter().any(stored), "{:?}", script.said);
}

#[test]
fn feed_9_a_header_that_names_an_earlier_charter_carries_a_feed_on_no_more() {
    let older = found(4);
    let mut newer = older.clone();
    newer.extend(admitting(&older, 5)).unwrap();
    let mut script = Script::new(&newer, &[2]);
    script.has(2, &[]);
    let mut honest = Writer::new(&newer, 3);
    let first = honest.batch(&[], 1, EPOCH);
    // Whoever has a key that handed over since signs under the charter before.
    let mut thief = Writer { chain: older, ..honest.clone() };
    let backwards = thief.batch(&[], 1, EPOCH);
    assert_eq!(script.gossip(2, Topic::Heads, first.header.envelope()), Some(Verdict::Accept));
    script.ms += 1;
    script.said.clear();
    assert_eq!(script.gossip(2, Topic::Heads, backwards.header.envelope()), Some(Verdict::Accept));
    assert_eq!(script.refused(), ["FEED-9"]);
    assert!(script.offences().is_empty(), "who passed it on could not know");
    assert!(!script.events().iter().any(|event| matches!(event, Event::FeedFrozen { .. })), "and it proves nothing");
    script.ms += 1;
    let next = honest.batch(&[], 1, EPOCH);
    assert_eq!(script.gossip(2, Topic::Heads, next.header.envelope()), Some(Verdict::Accept));
    assert!(script.refused().is_empty(), "the feed goes on");
}

#[test]
fn a_feed_is_not_caught_up_while_its_head_is_void() {
    let (chain, publisher) = (found(3), MemberNumber(3));
    let mut writer = Writer::new(&chain, 3);
    let (stands, void) = (writer.batch(&[], 1, EPOCH), writer.batch(&[], 1, EPOCH));
    let head = |batch: &Batch| Head::of(batch.header.payload(), batch.header.id());
    let mut script = Script::new(&chain, &[2]);
    for (seq, batch) in [&stands, &void].into_iter().enumerate() {
        script.give(Input::Header(batch.header.clone()));
        script.give(Input::Committed { publisher, through: Some(seq as u64), result: Ok(()) });
    }
    script.has(2, &[(3, 0)]);
    let caught_up =
        |script: &Script| script.replica.feeds().iter().any(|feed| feed.publisher == publisher && feed.caught_up);
    assert!(caught_up(&script));
    let cut = Cut { charter: 2, batches: 1, size: 0, head: Some(stands.header.id()) };
    let charter = next_charter(&chain, |charter| charter.members[2].cuts.push(cut));
    script.give(Input::Charter(charter.clone()));
    assert!(caught_up(&script), "the charter is not durable yet");
    script.stores();
    script.give(Input::CharterStored { charter, stored: true });
    let stores = script.stores();
    assert!(matches!(stores.as_slice(), [Store::Rewind { batches: 1, .. }]), "{stores:?}");
    // A witness would cosign a head here that the log of after the decision never has (WITNESS-7).
    assert_eq!(script.replica.head(publisher), Some(head(&void)));
    assert!(!caught_up(&script));
    script.give(Input::Rewound { publisher, result: Ok(Some((head(&stands), stands.header.envelope().clone()))) });
    script.wait(limits::CATCH_UP_MS);
    for (id, request) in script.requests_to(2) {
        if let Request::Heads(_) = request {
            let heads = script.heads(&[(3, 0)]);
            script.answer(id, Response::Heads(heads));
        }
    }
    assert_eq!((script.replica.head(publisher), caught_up(&script)), (Some(head(&stands)), true));
}
