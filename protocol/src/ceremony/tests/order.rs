//! The board is a set: order, repetition and interruption change nothing.

use std::sync::LazyLock;

use proptest::prelude::*;

use super::*;

static WORLD: LazyLock<World> = LazyLock::new(|| World::new(2, 3, &CLASSES[..1]).rounds(3));

/// All that a progress says, the shares included.
fn show(progress: &Progress) -> String {
    let shares = progress.outcome.iter().filter_map(|outcome| outcome.shares.as_ref());
    let shares: Vec<_> = shares.map(|shares| shares.as_slice().to_vec()).collect();
    let post: Vec<_> = progress.post.iter().map(crate::encoding::Wire::encode).collect();
    format!("{progress:?} {post:?} {shares:?}")
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    /// Any part of the board, in any order, with any messages twice.
    #[test]
    fn any_order_gives_the_same(picks in prop::collection::vec(0usize..9, 0..20), number in 0u8..4, over: bool) {
        let mut world = WORLD.clone();
        let all = std::mem::take(&mut world.board);
        world.board = picks.iter().map(|pick| all[*pick].clone()).collect();
        let now = if over { OVER } else { NOW };
        let shuffled = show(&world.see(number, now));
        let mut once = picks.clone();
        once.sort();
        once.dedup();
        world.board = once.iter().map(|pick| all[*pick].clone()).collect();
        let sorted = world.see(number, now);
        prop_assert_eq!(shuffled, show(&sorted));
        // Honest holders are never accused of more than silence.
        prop_assert!(sorted.faults.iter().all(|(_, fault)| over && *fault == Fault::Dropped));
        prop_assert_eq!(sorted.phase == Phase::Done, once.len() == 9);
        // And what a holder says in a step is what it said then, whatever is still missing.
        for message in &sorted.post {
            prop_assert!(all.iter().any(|known| known.payload() == message));
        }
    }
}

/// A node that loses everything but its seed and the board says the same again, and nothing twice.
#[test]
fn a_killed_node_posts_the_same_bytes() {
    let mut world = World::new(3, 5, CLASSES);
    for phase in [Phase::Commit, Phase::Deal, Phase::Confirm] {
        for number in world.numbers() {
            let (before, again) = (world.see(number, NOW), world.see(number, NOW));
            assert_eq!((before.phase, before.post.len()), (phase, 1));
            assert_eq!(before.post, again.post);
        }
        let mut posted = Vec::new();
        for number in world.numbers() {
            let round = world.next(number).unwrap();
            posted.push((number, round.clone()));
            let mut ahead = world.clone();
            ahead.say(number, round);
            // CEREMONY-19: its message is there.
            assert_eq!(ahead.see(number, NOW).post, vec![]);
        }
        posted.into_iter().for_each(|(number, round)| world.say(number, round));
    }
    let shares = |number: u8| world.outcome(number).shares.unwrap().as_slice().to_vec();
    assert_eq!(shares(4), shares(4));
}

#[test]
fn the_phases_name_who_is_waited_for() {
    let mut world = World::new(2, 3, &CLASSES[..1]);
    let waiting = |world: &World| {
        let seen = world.see(0, NOW);
        (seen.phase, seen.waiting_for.iter().map(|holder| holder.0 / 10).collect::<Vec<_>>())
    };
    assert_eq!(waiting(&world), (Phase::Commit, vec![1, 2, 3]));
    world.round([2]);
    assert_eq!(waiting(&world), (Phase::Commit, vec![1, 3]));
    world.round([1, 2, 3]);
    assert_eq!(waiting(&world), (Phase::Deal, vec![1, 2, 3]));
    world.round([1, 3]);
    assert_eq!(waiting(&world), (Phase::Deal, vec![2]));
    assert!(world.next(1).is_none() && world.next(2).is_some());
    world.round([2]);
    world.round([3]);
    assert_eq!(waiting(&world), (Phase::Confirm, vec![1, 2]));
    world.round([1, 2]);
    assert_eq!(waiting(&world), (Phase::Done, vec![]));
}

#[test]
fn other_ceremonies_on_the_board_do_not_matter() {
    let mut world = World::new(2, 3, &CLASSES[..1]).rounds(1);
    let mut call = a_call(2, 3, &CLASSES[..1]);
    call.nonce[0] ^= 1;
    let mut other = World { ceremony: Ceremony::new(verified(&call).unwrap(), &[]).unwrap(), ..world.clone() };
    other.board.clear();
    let other = other.rounds(3);
    assert_eq!(other.see(0, NOW).phase, Phase::Done);
    let before = show(&world.see(1, NOW));
    world.board.extend(other.board.clone());
    assert_eq!(show(&world.see(1, NOW)), before);
    // One seed for two calls gives keys that have nothing in common.
    let mut alone = World::new(2, 3, &CLASSES[..1]).rounds(3);
    assert_ne!(alone.outcome(0).keys, other.outcome(0).keys);
    let (one, two) = (alone.outcome(1).shares.unwrap(), other.outcome(1).shares.unwrap());
    assert_ne!(one.as_slice(), two.as_slice());
    alone.board.clear();
}

#[test]
fn a_node_with_another_seed_or_no_part_says_so() {
    let world = World::new(2, 3, &CLASSES[..1]).rounds(1);
    assert_eq!(world.try_see(1, &seed(9), NOW).err(), Some(CeremonyError::OtherSeed));
    let stranger = Me { holder: MemberNumber(11), seed: &seed(1), shares: &[] };
    let seen = world.ceremony.advance(&world.board, Some(stranger), NOW);
    assert_eq!(seen.err(), Some(CeremonyError::NotAHolder(MemberNumber(11))));
}
