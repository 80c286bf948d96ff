//! What is forgotten and what is not, and what a crash between any two steps leaves.

use std::collections::{BTreeMap, BTreeSet};

use antibrush_protocol::{
    base::Hash,
    codes::{NoticeStep, Reason},
    entry::{About, Clearing, Notice},
    feed::Leaf,
};

use super::{
    super::{Effects, Erased, Key, Spread, StorageError, Times, kept::Kept},
    rewind::copy,
    *,
};

fn today(later: u32) -> Day {
    Day(NOW.day().0 + later)
}

fn clear(number: u8, target: u64) -> Entry {
    Entry::Clear(Clearing {
        class: Class::Acc,
        epoch: 1,
        token: token(number),
        list: List::Cxh,
        target,
        day: NOW.day(),
        reason: Reason::Rectified,
    })
}

fn notice(number: u8, target: u64) -> Entry {
    let about = About {
        class: Class::Acc,
        epoch: 1,
        token: token(number),
        list: List::Cxh,
        publisher: None,
        target,
        day: NOW.day(),
    };
    Entry::Notice(Notice { about, step: NoticeStep::Rectify, until: None, document: None })
}

/// Listing 1 (leaf 0) is cleared (4) after a notice (2) and a second listing without effect (3); 2 (leaf 1) expires in 100 days;
/// 5 (leaf 5) lasts 300 days, with a notice (6).
fn publish(scene: &Scene, store: &Store) {
    let long = Listing { expires: today(300), ..listing(5) };
    let mut head = None;
    for entries in [
        vec![Entry::List(listing(1)), Entry::List(listing(2)), notice(1, 0)],
        vec![Entry::List(Listing { evidence: [9; 32], ..listing(1) })],
        vec![clear(1, 0), Entry::List(long), notice(5, 5)],
    ] {
        head = Some(scene.commit(store, &scene.batch_of(store, head, entries)));
    }
}

fn current() -> BTreeSet<MemberNumber> {
    BTreeSet::from([ME])
}

fn none() -> BTreeSet<MemberNumber> {
    BTreeSet::new()
}

/// What members did, by those remarks that are held and in the numbers that are kept of others.
fn effects(store: &Store) -> BTreeMap<Key, Effects> {
    crate::effects::effects(store, today(0), today(5000)).unwrap()
}

fn erased(store: &Store) -> Vec<u64> {
    let leaves = store.leaves(ME, 0, 100).unwrap();
    leaves.into_iter().filter(|(_, leaf)| matches!(leaf, Leaf::Erased(_))).map(|(index, _)| index).collect()
}

fn listed(store: &Store) -> Vec<u8> {
    (1..10).filter(|number| is_listed(store, *number)).collect()
}

fn chunks(store: &Store) -> BTreeMap<Hash, Vec<u8>> {
    store
        .bodies
        .list()
        .map(|hash| hash.unwrap())
        .map(|hash| (hash, store.bodies.get(&hash).unwrap().unwrap()))
        .collect()
}

#[test]
fn what_is_due_goes_on_its_day_and_nothing_else() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    publish(&scene, &store);
    let root = store.tree(ME).unwrap().root();
    let whole = chunks(&store);
    let forget = |later| store.forget(today(later), &current(), &none()).unwrap()[&ME];
    assert_eq!(forget(89), Erased { now: 0, all: 0, size: 7 });
    assert_eq!(chunks(&store), whole);
    assert_eq!(store.forget(today(5000), &none(), &none()).unwrap()[&ME].now, 0, "who lacks news judges no listing");
    assert_eq!((listed(&store), store.remarks().len()), (vec![2, 5], 2));

    assert_eq!(forget(90), Erased { now: 4, all: 4, size: 7 });
    assert_eq!(erased(&store), [0, 2, 3, 4]);
    assert_eq!((listed(&store), store.remarks().len()), (vec![2, 5], 1));
    assert_eq!(forget(189), Erased { now: 0, all: 4, size: 7 });
    assert_eq!(forget(190), Erased { now: 1, all: 5, size: 7 });
    assert_eq!(listed(&store), [5], "its row went with it");
    assert_eq!(forget(389).now, 0);
    // One cleared on its day and erased 90 days later, one expired and erased in time; a restart keeps the count.
    let spread = |store: &Store| {
        let times = store.times()[&ME].clone();
        (times.to_clear.spread(), times.to_forget.spread())
    };
    let days = |count, days| Some(Spread { count, p50: days, p90: days, max: days });
    assert_eq!(spread(&store), (days(1, 0), days(2, 90)));
    drop(store);
    // A table that is built anew says the same, and so does the tree.
    fs::remove_dir_all(scene.directory.path().join("table")).unwrap();
    let (store, recovery) = scene.open();
    assert!(recovery.feeds_dropped.is_empty());
    assert_eq!((listed(&store), store.remarks().len()), (vec![5], 1));
    assert_eq!(store.tree(ME).unwrap().root(), root);
    store.forget(today(200), &current(), &none()).unwrap();
    assert_eq!(spread(&store), (days(1, 0), days(2, 90)), "each counts once");
    assert!(store.prove_inclusion(ME, 5).unwrap().is_some());
    assert_eq!(store.prove_inclusion(ME, 0).unwrap(), None);
    // The feed goes on; what was erased stays so when its chunk comes again.
    let head = store.head(ME).unwrap();
    scene.commit(&store, &scene.batch_of(&store, head, [clear(5, 5)]));
    let header = store.header(ME, 0).unwrap().unwrap();
    let (place, descriptor) = header.payload().placed_chunks().next().unwrap();
    store.put_chunk(BatchId { publisher: ME, seq: 0 }, 0, place, descriptor, &whole[&descriptor.digest]).unwrap();
    assert_eq!(erased(&store), [0, 1, 2, 3, 4]);
    assert_eq!(store.forget(today(90), &current(), &none()).unwrap()[&ME], Erased { now: 3, all: 8, size: 8 });
    assert_eq!((listed(&store), store.remarks().len()), (vec![], 0));
    for seq in 0..4 {
        let header = store.header(ME, seq).unwrap().unwrap();
        assert!(store.probe(header.payload()).into_iter().all(|sound| sound));
    }
}

#[test]
fn a_crash_between_any_two_steps_ends_in_the_same_chunks() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    publish(&scene, &store);
    store.table().persist().unwrap();
    drop(store);
    let before = tempfile::tempdir().unwrap();
    copy(scene.directory.path(), before.path());
    let (store, _) = scene.open();
    let counted = effects(&store);
    assert_eq!(counted.values().map(|effects| effects.noticed).collect::<Vec<_>>(), [2], "{counted:?}");
    let done = store.forget(today(200), &current(), &none()).unwrap()[&ME];
    assert_eq!(done, Erased { now: 5, all: 5, size: 7 });
    let expected = chunks(&store);
    assert_eq!((effects(&store), store.kept_effects().unwrap().len()), (counted.clone(), 1));
    drop(store);
    assert_eq!(effects(&scene.open().0), counted, "a restart keeps them");
    for crash in 0.. {
        fs::remove_dir_all(scene.directory.path()).unwrap();
        copy(before.path(), scene.directory.path());
        let (store, _) = scene.open();
        let mut steps = 0;
        let stopped = store.forget_in_steps(today(200), &current(), &none(), &mut || {
            steps += 1;
            if steps > crash { Err(StorageError::Damaged) } else { Ok(()) }
        });
        drop(store);
        // The numbers are the same after each step, also before the next run.
        let (store, _) = scene.open();
        assert_eq!(effects(&store), counted, "after step {crash}");
        drop(store);
        // Whatever was cleared never comes back, also where the table must be built from half the work.
        fs::remove_dir_all(scene.directory.path().join("table")).unwrap();
        let (store, recovery) = scene.open();
        assert!(recovery.feeds_dropped.is_empty());
        assert!(!is_listed(&store, 1) && is_listed(&store, 5), "after step {crash}");
        let again = store.forget(today(200), &current(), &none()).unwrap()[&ME];
        let forgotten = store.times()[&ME].to_forget.spread();
        assert_eq!(forgotten.map(|spread| spread.count), Some(2), "after step {crash}");
        assert_eq!((again.all, chunks(&store)), (5, expected.clone()), "after step {crash}");
        assert_eq!(effects(&store), counted, "after step {crash}");
        assert_eq!((listed(&store), store.remarks().len()), (vec![5], 1));
        assert!(
            store
                .documents
                .range(super::super::layout::ERASURES, 1)
                .unwrap()
                .iter()
                .all(|(key, _)| !key.starts_with(super::super::layout::ERASURES))
        );
        if stopped.is_ok() {
            assert!(crash >= 10, "{crash} steps");
            break;
        }
    }
}

/// The same entries once more are another chunk, though the bytes of their leaves are the same.
#[test]
fn what_is_listed_again_goes_when_it_is_due_itself() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let first = scene.commit(&store, &scene.batch_of(&store, None, [Entry::List(listing(1))]));
    let second = scene.commit(&store, &scene.batch_of(&store, Some(first), [clear(1, 0)]));
    let third = scene.commit(&store, &scene.batch_of(&store, Some(second), [Entry::List(listing(1))]));
    assert!(is_listed(&store, 1));
    assert_eq!(store.forget(today(90), &current(), &none()).unwrap()[&ME].now, 2);
    assert!(is_listed(&store, 1));
    assert_eq!(erased(&store), [0, 1]);
    scene.commit(&store, &scene.batch_of(&store, Some(third), [clear(1, 2)]));
    assert_eq!(store.forget(today(90), &current(), &none()).unwrap()[&ME].now, 2);
    assert_eq!(erased(&store), [0, 1, 2, 3]);
}

/// The chunks of a feed as this store has them.
fn bodies(store: &Store, made: &Made) -> Vec<Vec<u8>> {
    made.header.payload().chunks.iter().map(|chunk| store.bodies.get(&chunk.digest).unwrap().unwrap()).collect()
}

#[test]
fn who_missed_a_clearing_takes_the_feed_anew() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let first = scene.batch_of(&store, None, [Entry::List(listing(1)), Entry::List(listing(2))]);
    let head = scene.commit(&store, &first);
    // Known to be whole on this day, whatever the clock of the test says.
    store.note_whole([ME].into_iter(), today(0)).unwrap();
    drop(store);
    let away = tempfile::tempdir().unwrap();
    copy(scene.directory.path(), away.path());
    let (store, _) = scene.open();
    let second = scene.batch_of(&store, Some(head), [clear(1, 0)]);
    scene.commit(&store, &second);
    assert_eq!(store.forget(today(90), &current(), &none()).unwrap()[&ME].now, 2);
    let erased_bodies = [bodies(&store, &first), bodies(&store, &second)];
    drop(store);
    let receive = |store: &Store, made: &Made, bodies: &[Vec<u8>]| {
        let h = made.header.payload();
        for (index, ((place, descriptor), bytes)) in h.placed_chunks().zip(bodies).enumerate() {
            store.put_chunk(BatchId { publisher: ME, seq: h.seq }, index as u32, place, descriptor, bytes).unwrap();
        }
        scene.commit_stored(store, made);
    };
    for (whole, missed) in [(clock::wall().day().0 - 28, false), (clock::wall().day().0 - 29, true)] {
        fs::remove_dir_all(scene.directory.path()).unwrap();
        copy(away.path(), scene.directory.path());
        let (store, _) = scene.open();
        store.note_whole([ME].into_iter(), Day(whole)).unwrap();
        receive(&store, &second, &erased_bodies[1]);
        assert_eq!(!store.missed().unwrap().is_empty(), missed);
        drop(store);
        let (store, recovery) = scene.open();
        assert_eq!(recovery.feeds_dropped.contains(&ME), missed);
        if missed {
            assert_eq!(listed(&store), [] as [u8; 0]);
            receive(&store, &first, &erased_bodies[0]);
            receive(&store, &second, &erased_bodies[1]);
            assert_eq!((listed(&store), erased(&store)), (vec![2], vec![0, 2]));
            assert!(store.missed().unwrap().is_empty(), "a first download of one day");
            drop(store);
            assert!(scene.open().1.feeds_dropped.is_empty());
        }
    }
}

#[test]
fn the_times_of_many_publishers_fit_whatever_they_are() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    // As many different days as are told apart, each counted as often as can be.
    let mut times = Times::default();
    for days in 0..4_096 {
        times.to_clear.add(Day(0), Day(days), u64::MAX);
        times.to_forget.add(Day(0), Day(days), u64::MAX);
    }
    let of = |publisher| (MemberNumber(publisher), times.clone());
    let erased: Vec<_> = (0..200).map(of).collect();
    // A chunk that is not here: its note is carried out and changes nothing.
    let notes = BTreeMap::from([([9; 32], BTreeSet::from([0]))]);
    store.write_down(notes, &Kept::default(), &erased, &mut || Ok(())).unwrap();
    assert_eq!(store.counted(MemberNumber(7)).unwrap(), Times::default(), "nothing holds before it is carried out");
    drop(store);
    let (store, _) = scene.open();
    for (publisher, times) in [&erased[0], &erased[199]] {
        assert_eq!(store.counted(*publisher).unwrap(), *times);
    }
}
