//! Whatever the order, loss and duplication: once faults stop, everybody has everything, once.

use proptest::prelude::*;

use super::{
    alliance::{clearing, found, listing},
    world::{Faults, World},
};
use crate::{
    base::MemberNumber,
    replica::{Event, Standing},
};

fn faults() -> impl Strategy<Value = Faults> {
    (0..40u64, 0..40u64, 0..20u64, 0..10u64, 1..400u64).prop_map(|(loss, duplication, storage, flaps, latency_ms)| {
        Faults { loss, duplication, storage, flaps, latency_ms, until_ms: 60_000 }
    })
}

/// Long enough for every request to time out, every hold to end and every peer to be compared with.
const QUIET_MS: u64 = 200_000;

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn all_honest_replicas_converge(seed: u64, faults in faults(), batches in 1..12usize, per_chunk in 1..5usize) {
        let mut world = World::new(&found(4), 4, seed, faults);
        for number in 0..batches as u64 {
            let at = world.random(4) as usize;
            let mut entries: Vec<_> = (0..world.random(9)).map(|n| listing(number * 100 + n)).collect();
            if number > 0 {
                // Clears the first leaf of this feed, or is void: the same everywhere.
                entries.push(clearing(0, 0));
            }
            world.publish(at, &entries, per_chunk);
            let wait = world.random(6000);
            world.run(world.now + wait);
        }
        world.run(60_000 + QUIET_MS);
        world.assert_converged();
        prop_assert!(world.penalties.is_empty(), "SYNC-1: nobody is to blame for a bad line: {:?}", world.penalties);
        for node in &world.nodes {
            prop_assert!(node.replica.feeds().iter().all(|feed| feed.standing == Standing::Open && feed.waiting == 0));
        }
    }

    #[test]
    fn one_that_restarts_in_the_middle_goes_on(seed: u64, faults in faults(), when in 1..3000u64) {
        let mut world = World::new(&found(3), 3, seed, Faults { flaps: 0, ..faults });
        for number in 0..6 {
            world.publish(0, &[listing(number), listing(100 + number), listing(200 + number)], 1);
            world.run(world.now + 400);
        }
        for _ in 0..3 {
            world.run(world.now + when);
            world.restart(1);
        }
        world.run(60_000 + QUIET_MS);
        world.assert_converged();
        prop_assert!(world.penalties.is_empty());
    }
}

#[test]
fn a_late_joiner_gets_everything_and_one_that_was_offline_catches_up() {
    let chain = found(4);
    let mut world = World::new(&chain, 3, 5, Faults { latency_ms: 40, ..Faults::default() });
    world.run(1000);
    world.offline(2);
    // More than one answer of headers and more than the queue holds.
    for number in 0..150 {
        world.publish(0, &[listing(number)], 1);
        world.run(world.now + 100);
    }
    world.publish(1, &(0..40).map(listing).collect::<Vec<_>>(), 1);
    world.run(world.now + 1000);
    let late = world.add(&chain, 4);
    world.online(2);
    world.run(world.now + 60_000);
    world.assert_converged();
    for at in [2, late] {
        assert_eq!(world.nodes[at].replica.head(MemberNumber(1)).map(|head| head.seq), Some(149));
        assert_eq!(world.nodes[at].replica.head(MemberNumber(2)).map(|head| head.size), Some(40));
        let seqs: Vec<_> = world.nodes[at]
            .events
            .iter()
            .filter_map(|event| match event {
                Event::Committed { publisher: MemberNumber(1), head, .. } => Some(head.seq),
                _ => None,
            })
            .collect();
        assert_eq!(seqs, (0..150).collect::<Vec<_>>(), "FEED-5");
    }
}

#[test]
fn a_healthy_network_delivers_within_a_second() {
    let mut world = World::new(&found(6), 6, 9, Faults { latency_ms: 30, ..Faults::default() });
    world.run(2000);
    world.publish(0, &(0..60).map(listing).collect::<Vec<_>>(), 2);
    world.run(3000);
    world.assert_converged();
    assert_eq!(world.nodes[5].replica.head(MemberNumber(1)).map(|head| head.size), Some(60));
}
