//! What is forgotten of batches that were taken back.

use std::collections::BTreeSet;

use antibrush_protocol::{
    codes::NoticeStep,
    entry::{About, Notice},
    feed::Leaf,
};

use super::{rewind::copy, *};

fn today(later: u32) -> Day {
    Day(NOW.day().0 + later)
}

fn forget(store: &Store, later: u32) {
    store.forget(today(later), &BTreeSet::from([ME]), &BTreeSet::new()).unwrap();
}

/// The positions of erased leaves in the first chunk of a batch.
fn erased(store: &Store, made: &Made) -> Vec<u32> {
    let bytes = store.bodies.get(&made.header.payload().chunks[0].digest).unwrap().unwrap();
    let leaves = antibrush_protocol::feed::chunk::leaves(&bytes);
    (0..).zip(leaves).filter(|(_, leaf)| matches!(leaf, Ok(Leaf::Erased(_)))).map(|(at, _)| at).collect()
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

/// Batch 0 stands; batch 1, taken back, has a listing of 100 days, one of 300 and a notice about one that stands.
fn published(scene: &Scene, store: &Store) -> [Made; 2] {
    let first = scene.batch_of(store, None, [Entry::List(Listing { expires: today(1000), ..listing(1) })]);
    let head = scene.commit(store, &first);
    let long = Listing { expires: today(300), ..listing(3) };
    let entries = [Entry::List(listing(2)), Entry::List(long), notice(1, 0)];
    let second = scene.batch_of(store, Some(head), entries);
    scene.commit(store, &second);
    store.rewind(ME, 1, Some(head.id)).unwrap();
    [first, second]
}

#[test]
fn entries_that_were_taken_back_are_due_as_ones_without_effect() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let [first, second] = published(&scene, &store);
    // The remark 90 days after its own day, for it has no force over the listing that stands; the listings 90 days after their end.
    for (later, expected) in [(89, vec![]), (90, vec![2]), (189, vec![2]), (190, vec![0, 2]), (390, vec![0, 1, 2])] {
        forget(&store, later);
        assert_eq!(erased(&store, &second), expected, "day {later}");
        assert_eq!(erased(&store, &first), [0; 0], "what stands has its own term");
    }
    // The stewards bring it back: it verifies, as hashes.
    assert_eq!(store.recall(ME, 1, 2, second.head().id).unwrap(), [second.header.envelope().to_vec()]);
    assert_eq!(store.probe(second.header.payload()), [true]);
    scene.commit_stored(&store, &second);
    assert!(is_listed(&store, 1) && !is_listed(&store, 2) && !is_listed(&store, 3));
}

#[test]
fn a_chunk_that_is_published_again_at_its_place_has_the_term_that_it_has_there() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let first = scene.batch(&store, None, 1..2);
    let head = scene.commit(&store, &first);
    // A notice is due 90 days after its day where it was taken back, and with the listing that it is about where it is in force.
    let batch = |head| scene.batch_of(&store, Some(head), [notice(1, 0)]);
    let taken_back = batch(head);
    scene.commit(&store, &taken_back);
    store.rewind(ME, 1, Some(head.id)).unwrap();
    let again = batch(head);
    scene.commit(&store, &again);
    assert_eq!(again.chunks, taken_back.chunks);
    for (later, expected) in [(90, vec![]), (189, vec![]), (190, vec![0])] {
        forget(&store, later);
        assert_eq!(erased(&store, &taken_back), expected, "day {later}");
    }
}

#[test]
fn a_crash_on_the_way_ends_in_the_same_chunk() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let [_, second] = published(&scene, &store);
    drop(store);
    let before = tempfile::tempdir().unwrap();
    copy(scene.directory.path(), before.path());
    for crash in 0.. {
        fs::remove_dir_all(scene.directory.path()).unwrap();
        copy(before.path(), scene.directory.path());
        let (store, _) = scene.open();
        let mut steps = 0;
        let stopped = store.forget_in_steps(today(190), &BTreeSet::from([ME]), &BTreeSet::new(), &mut || {
            steps += 1;
            if steps > crash { Err(super::super::StorageError::Damaged) } else { Ok(()) }
        });
        drop(store);
        let (store, _) = scene.open();
        forget(&store, 190);
        assert_eq!(erased(&store, &second), [0, 2], "after step {crash}");
        if stopped.is_ok() {
            assert!(crash >= 4, "{crash} steps");
            break;
        }
    }
}
