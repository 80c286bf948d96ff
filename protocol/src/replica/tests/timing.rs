//! FEED-6: the heartbeat.

use super::{
    alliance::{EPOCH, Writer, found},
    script::Script,
};
use crate::{
    base::MemberNumber,
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
