//! Which chunks go to peers: nothing that others may have erased already.

use std::collections::BTreeSet;

use antibrush_protocol::{codes::Reason, entry::Clearing};

use super::{forget_model::Several, *};

fn today(later: u32) -> Day {
    Day(NOW.day().0 + later)
}

fn of(publishers: &[MemberNumber]) -> BTreeSet<MemberNumber> {
    publishers.iter().copied().collect()
}

/// What a peer gets of the first chunk: nothing, or so many erased leaves.
fn served(store: &Store, made: &Made, later: u32) -> Option<u32> {
    let (place, descriptor) = made.header.payload().placed_chunks().next().unwrap();
    let bytes = store.chunk_for_peers(&descriptor.digest, today(later)).unwrap()?;
    Some(antibrush_protocol::feed::Chunk::verify(place, descriptor, &bytes).unwrap().erased)
}

#[test]
fn before_the_run_of_a_day_only_what_is_of_that_day_is_handed_out() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let made = scene.batch(&store, None, 1..4);
    scene.commit(&store, &made);
    assert_eq!(served(&store, &made, 0), Some(0), "what was published today");
    assert_eq!(served(&store, &made, 1), None);
    // 100 days of listing and 90 of retention.
    store.forget(today(189), &of(&[ME]), &of(&[])).unwrap();
    assert_eq!(served(&store, &made, 189), Some(0));
    assert_eq!(served(&store, &made, 190), None, "a new day, on which it is due");
    store.forget(today(190), &of(&[ME]), &of(&[])).unwrap();
    assert_eq!(served(&store, &made, 190), Some(3));
    assert_eq!(served(&store, &made, 191), Some(3), "hashes go out at all times");
}

#[test]
fn a_node_that_comes_back_hands_out_nothing_old_before_it_has_caught_up() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let made = scene.batch(&store, None, 1..4);
    let head = scene.commit(&store, &made);
    store.forget(today(50), &of(&[ME]), &of(&[])).unwrap();
    drop(store);
    let (store, _) = scene.open();
    assert_eq!(served(&store, &made, 50), None, "after a start nothing was looked at");
    // By its own copy nothing is due; the others have a clearing of day 0, and have erased it.
    store.forget(today(95), &of(&[]), &of(&[])).unwrap();
    assert_eq!(served(&store, &made, 95), None);
    let clearing = Entry::Clear(Clearing {
        class: Class::Acc,
        epoch: 1,
        token: token(1),
        list: List::Cxh,
        target: 0,
        day: NOW.day(),
        reason: Reason::Rectified,
    });
    scene.commit(&store, &scene.batch_of(&store, Some(head), [clearing]));
    assert_eq!(served(&store, &made, 95), None, "it has the clearing and has not yet looked again");
    store.forget(today(95), &of(&[ME]), &of(&[])).unwrap();
    assert_eq!(served(&store, &made, 95), Some(1));
    // What was looked at to the end stays so for the day, also when the feed is out of touch at a later run.
    store.forget(today(95), &of(&[]), &of(&[])).unwrap();
    assert_eq!(served(&store, &made, 95), Some(1));
    store.forget(today(96), &of(&[]), &of(&[])).unwrap();
    assert_eq!(served(&store, &made, 96), None);
}

#[test]
fn a_publisher_that_withholds_a_body_keeps_nobody_from_its_earlier_batches() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let long = Entry::List(Listing { expires: today(300), ..listing(9) });
    let made = [scene.batch(&store, None, 1..4)];
    let head = scene.commit(&store, &made[0]);
    let stays = scene.batch_of(&store, Some(head), [long]);
    scene.commit(&store, &stays);
    store.forget(today(95), &of(&[]), &of(&[ME])).unwrap();
    assert_eq!((served(&store, &made[0], 95), served(&store, &stays, 95)), (Some(0), Some(0)));
    // What is due by what is here stays behind all the same, and is not erased: an amendment may be in what is withheld.
    let found = store.forget(today(195), &of(&[]), &of(&[ME])).unwrap();
    assert_eq!((served(&store, &made[0], 195), served(&store, &stays, 195)), (None, Some(0)));
    assert_eq!(found[&ME].now, 0);
}

/// What a peer gets of the first chunk of a publisher.
fn served_of(store: &Store, publisher: MemberNumber, later: u32) -> Option<u32> {
    let header = store.header(publisher, 0).unwrap().unwrap();
    let (place, descriptor) = header.payload().placed_chunks().next().unwrap();
    let bytes = store.chunk_for_peers(&descriptor.digest, today(later)).unwrap()?;
    Some(antibrush_protocol::feed::Chunk::verify(place, descriptor, &bytes).unwrap().erased)
}

/// Somebody publishes the entries of another, and keeps his own feed from being complete, or clears them there.
#[test]
fn a_feed_with_the_entries_of_another_decides_nothing_about_them() {
    const COPY: MemberNumber = MemberNumber(2);
    let several = Several::new();
    let (store, _) = several.scene.open();
    let entries = [Entry::List(listing(1)), Entry::List(listing(2))];
    several.publish(&store, 1, NOW.day(), &entries);
    several.publish(&store, 2, NOW.day(), &entries);
    store.forget(today(100), &of(&[ME]), &of(&[])).unwrap();
    assert_eq!((served_of(&store, ME, 100), served_of(&store, COPY, 100)), (Some(0), None));
    let found = store.forget(today(190), &of(&[ME]), &of(&[])).unwrap();
    assert_eq!((found[&ME].now, found[&COPY].now), (2, 0));
    assert_eq!((served_of(&store, ME, 190), served_of(&store, COPY, 190)), (Some(2), None));
    let (_, stated) = store.forgotten().unwrap();
    assert_eq!(stated.keys().collect::<Vec<_>>(), [&ME]);
    // The contents of the copy go with the copy.
    store.forget(today(190), &of(&[ME, COPY]), &of(&[])).unwrap();
    assert_eq!(served_of(&store, COPY, 190), Some(2));
}

#[test]
fn a_damaged_feed_keeps_back_nothing_of_the_others() {
    const OTHER: MemberNumber = MemberNumber(2);
    let several = Several::new();
    let (store, _) = several.scene.open();
    several.publish(&store, 1, NOW.day(), &[Entry::List(listing(1))]);
    several.publish(&store, 2, NOW.day(), &[Entry::List(listing(2))]);
    let name = hex::encode(store.header(ME, 0).unwrap().unwrap().payload().chunks[0].digest);
    let file = several.scene.directory.path().join("bodies").join(&name[..2]).join(&name[2..]);
    fs::write(file, b"rot").unwrap();
    let found = store.forget(today(190), &of(&[ME, OTHER]), &of(&[])).unwrap();
    assert_eq!((found.get(&ME), found[&OTHER].now), (None, 1));
    assert_eq!((served_of(&store, ME, 190), served_of(&store, OTHER, 190)), (None, Some(1)));
}

#[test]
fn a_feed_that_comes_after_the_run_waits_for_the_next() {
    const LATE: MemberNumber = MemberNumber(2);
    let several = Several::new();
    let (store, _) = several.scene.open();
    several.publish(&store, 1, NOW.day(), &[Entry::List(listing(1))]);
    store.forget(today(95), &of(&[ME]), &of(&[])).unwrap();
    several.publish(&store, 2, NOW.day(), &[Entry::List(listing(2))]);
    assert_eq!((served_of(&store, ME, 95), served_of(&store, LATE, 95)), (Some(0), None));
    store.forget(today(95), &of(&[ME, LATE]), &of(&[])).unwrap();
    assert_eq!(served_of(&store, LATE, 95), Some(0));
}

#[test]
fn a_feed_that_can_not_be_read_is_not_looked_at() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let made = scene.batch(&store, None, 1..4);
    let head = scene.commit(&store, &made);
    let next = scene.batch(&store, Some(head), 4..6);
    scene.commit(&store, &next);
    rot(&scene, &made);
    assert!(store.forget(today(95), &of(&[ME]), &of(&[])).unwrap().is_empty());
    assert_eq!(served(&store, &next, 95), None);
    assert_eq!(store.forgotten().map(|(_, found)| found.len()), Some(0), "nobody states what he did not read");
}

#[test]
fn what_is_stated_is_what_was_looked_at_to_the_end() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    assert_eq!(store.forgotten(), None);
    scene.commit(&store, &scene.batch(&store, None, 1..4));
    store.forget(today(190), &of(&[]), &of(&[])).unwrap();
    assert_eq!(store.forgotten().map(|(day, found)| (day, found.len())), Some((today(190), 0)));
    store.forget(today(190), &of(&[ME]), &of(&[])).unwrap();
    let (day, found) = store.forgotten().unwrap();
    assert_eq!((day, found[&ME].all, found[&ME].size), (today(190), 3, 3));
}
