//! FEED-6: the heartbeat; FEED-7: when a feed is fresh.

use super::{
    alliance::{EPOCH, Writer, found},
    script::Script,
};
use crate::{
    base::{MemberNumber, Timestamp},
    limits,
    replica::{Event, Input, Timer},
};

#[test]
fn the_heartbeat_is_due_at_twelve_hours_and_not_before() {
    let chain = found(2);
    let mut script = Script::new(&chain, &[]);
    assert!(script.events().contains(&Event::HeartbeatDue), "a feed without a head needs one");
    let batch = Writer::new(&chain, 1).batch(&[], 1, EPOCH);
    script.give(Input::Publish { header: batch.header, chunks: Vec::new() });
    script.give(Input::Committed { publisher: MemberNumber(1), through: Some(0), result: Ok(()) });
    let mut due = |seconds: u64| {
        script.said.clear();
        script.ms = seconds * 1000;
        script.give(Input::Timer(Timer::Heartbeat));
        let again = script.said.iter().any(|output| {
            matches!(output, crate::replica::Output::Schedule { timer: Timer::Heartbeat, at_ms } if *at_ms == script.ms + 60_000)
        });
        assert!(again, "it looks again in a minute");
        script.events().contains(&Event::HeartbeatDue)
    };
    assert_eq!(limits::HEARTBEAT_SECONDS, 12 * 3600);
    assert!(!due(60));
    assert!(!due(12 * 3600 - 1));
    assert!(due(12 * 3600));
    assert!(due(12 * 3600 + 60), "until it is published");
}

#[test]
fn a_feed_is_fresh_only_once_it_has_caught_up() {
    let chain = found(3);
    let mut writer = Writer::new(&chain, 3);
    let (first, second) = (writer.batch(&[], 1, EPOCH), writer.batch(&[], 1, EPOCH + 1));
    let fresh = |script: &Script| {
        let feed = script.replica.feeds().into_iter().find(|feed| feed.publisher == MemberNumber(3)).unwrap();
        feed.is_fresh(Timestamp(EPOCH + script.ms / 1000))
    };
    let mut script = Script::new(&chain, &[2]);
    script.has(2, &[(3, 1)]);
    assert!(!fresh(&script), "nothing is here yet");
    script.give(Input::Header(first.header));
    script.give(Input::Committed { publisher: MemberNumber(3), through: Some(0), result: Ok(()) });
    // FEED-7: the first batch alone, a heartbeat, says nothing while a peer has more.
    assert!(!fresh(&script));
    script.give(Input::Header(second.header));
    script.give(Input::Committed { publisher: MemberNumber(3), through: Some(1), result: Ok(()) });
    assert!(fresh(&script));

    // FEED-7: a peer that states what it can not show holds a newcomer up for a minute, not for ever.
    let first = Writer::new(&chain, 3).batch(&[], 1, EPOCH);
    let mut script = Script::new(&chain, &[2]);
    script.has(2, &[(3, 1_000_000)]);
    script.give(Input::Header(first.header));
    script.give(Input::Committed { publisher: MemberNumber(3), through: Some(0), result: Ok(()) });
    script.wait(limits::CATCH_UP_MS - 1);
    assert!(!fresh(&script));
    script.wait(1);
    assert!(fresh(&script));
}
