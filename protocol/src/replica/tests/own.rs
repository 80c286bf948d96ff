//! Our own batches: each is answered once.

use proptest::prelude::*;

use super::{
    alliance::{EPOCH, Writer, found, listing},
    script::Script,
    world::{Faults, World},
};
use crate::{
    base::MemberNumber,
    replica::{BatchId, Event, Fault, Input, Output, PublishRefusal, Store},
};

/// (committed of our own feed, not published)
fn answers(events: &[Event]) -> (usize, usize) {
    let committed = |event: &&Event| matches!(event, Event::Committed { publisher: MemberNumber(1), .. });
    let refused = |event: &&Event| matches!(event, Event::NotPublished { .. });
    (events.iter().filter(committed).count(), events.iter().filter(refused).count())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn each_publish_is_acknowledged_exactly_once(seed: u64, storage in 0..60u64, waits in proptest::collection::vec(0..60u64, 1..12)) {
        let faults = Faults { storage, latency_ms: 20, until_ms: 1_000_000, ..Faults::default() };
        let mut world = World::new(&found(2), 2, seed, faults);
        for (number, wait) in waits.iter().enumerate() {
            let number = number as u64;
            world.publish(0, &[listing(number), listing(100 + number)], 1);
            world.run(world.now + wait);
        }
        world.run(world.now + 30_000);
        let (committed, refused) = answers(&world.nodes[0].events);
        prop_assert_eq!(committed + refused, waits.len());
        prop_assert_eq!(world.nodes[0].replica.head(MemberNumber(1)).map_or(0, |head| head.seq + 1), committed as u64);
        world.faults.until_ms = 0;
        world.run(world.now + 100_000);
        world.assert_converged();
        prop_assert!(world.penalties.is_empty());
    }
}

#[test]
fn it_is_announced_when_it_is_durable_and_not_before() {
    let chain = found(2);
    let batch = Writer::new(&chain, 1).batch(&[listing(1), listing(2)], 1, EPOCH);
    let mut script = Script::new(&chain, &[]);
    let announced = |script: &Script| script.said.iter().any(|output| matches!(output, Output::Gossip { .. }));
    script.give(Input::Publish { header: batch.header.clone(), chunks: batch.chunks });
    let id = BatchId { publisher: MemberNumber(1), seq: 0 };
    assert_eq!(script.stores().len(), 2);
    script.give(Input::ChunkStored { batch: id, index: 1, from: None, result: Ok(()) });
    assert!(script.stores().is_empty() && !announced(&script), "FEED-5");
    script.give(Input::ChunkStored { batch: id, index: 0, from: None, result: Ok(()) });
    let stores = script.stores();
    assert!(matches!(stores.as_slice(), [Store::Commit { .. }]) && !announced(&script));
    script.give(Input::Committed { publisher: MemberNumber(1), through: Some(0), result: Ok(()) });
    assert!(announced(&script));
    assert_eq!(answers(&script.events()), (1, 0));
}

#[test]
fn each_refusal_has_its_reason() {
    let chain = found(2);
    let mut writer = Writer::new(&chain, 1);
    let first = writer.batch(&[listing(1)], 1, EPOCH);
    let second = writer.batch(&[listing(2)], 1, EPOCH);
    let of_another = Writer::new(&chain, 2).batch(&[], 1, EPOCH);
    let mut script = Script::new(&chain, &[]);
    let refusals = |script: &mut Script| {
        let events = script.events();
        script.said.clear();
        let refusal = |event: Event| match event {
            Event::NotPublished { reason, .. } => Some(reason),
            _ => None,
        };
        events.into_iter().filter_map(refusal).collect::<Vec<_>>()
    };
    script.give(Input::Publish { header: of_another.header, chunks: Vec::new() });
    assert_eq!(refusals(&mut script), [PublishRefusal::Invalid]);
    script.give(Input::Publish { header: first.header.clone(), chunks: Vec::new() });
    assert_eq!(refusals(&mut script), [PublishRefusal::Invalid], "without its chunks");
    script.give(Input::Publish { header: second.header.clone(), chunks: second.chunks.clone() });
    assert_eq!(refusals(&mut script), [PublishRefusal::Moved]);
    script.give(Input::Publish { header: first.header.clone(), chunks: first.chunks.clone() });
    script.give(Input::Publish { header: first.header.clone(), chunks: first.chunks.clone() });
    assert_eq!(refusals(&mut script), [PublishRefusal::Moved], "the first one is still on its way");
    let batch = BatchId { publisher: MemberNumber(1), seq: 0 };
    script.give(Input::ChunkStored { batch, index: 0, from: None, result: Err(Fault::Storage) });
    assert_eq!(refusals(&mut script), [PublishRefusal::Storage]);
    // Our clock went back: our own mistake, and no second history.
    script.give(Input::Publish { header: first.header, chunks: first.chunks });
    script.give(Input::ChunkStored { batch, index: 0, from: None, result: Ok(()) });
    script.give(Input::Committed { publisher: MemberNumber(1), through: Some(0), result: Ok(()) });
    let mut late = Writer::new(&chain, 1);
    late.batch(&[listing(1)], 1, EPOCH);
    let earlier = late.batch(&[], 1, EPOCH - 60);
    script.give(Input::Publish { header: earlier.header, chunks: Vec::new() });
    assert_eq!(refusals(&mut script), [PublishRefusal::Moved], "FEED-2");
    assert_eq!(script.replica.feeds()[0].standing, crate::replica::Standing::Open);
}
