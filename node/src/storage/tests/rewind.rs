//! Feeds that are taken back: what stays in force, what the change stream says, and what a crash or an error in between leaves.

use std::path::Path;

use antibrush_protocol::{codes::Reason, entry::Clearing};

use super::{
    super::{documents::Batch, layout},
    *,
};

/// A change as [`stream`] shows it.
type Change = (u64, u64, u64, bool);

/// What a store says of the feed: its batches, what is listed, the change stream, how many headers are void.
type Seen = (Option<Head>, Vec<u8>, Vec<Change>, u64);

/// Two entries each, the third batch empty.
const BATCHES: [std::ops::Range<u8>; 5] = [1..3, 3..5, 5..5, 5..7, 7..9];

fn publish(scene: &Scene, store: &Store) -> Vec<Made> {
    let mut made: Vec<Made> = Vec::new();
    for numbers in BATCHES {
        made.push(scene.batch(store, made.last().map(Made::head), numbers));
        scene.commit(store, &made[made.len() - 1]);
    }
    made
}

fn seen(store: &Store) -> Seen {
    (store.head(ME).unwrap(), listed(store), stream(store), store.void_batches(ME).unwrap())
}

fn all_in_force(made: &[Made]) -> Seen {
    let changes = vec![(0, 0, 2, false), (1, 2, 2, false), (3, 4, 2, false), (4, 6, 2, false)];
    (made.last().map(Made::head), (1..9).collect(), changes, 0)
}

/// After everything behind the second batch was taken back.
fn cut_to_two(made: &[Made]) -> Seen {
    let (_, _, mut changes, _) = all_in_force(made);
    changes.push((2, 4, 4, true));
    (Some(made[1].head()), (1..5).collect(), changes, 3)
}

fn envelopes(made: &[Made]) -> Vec<Vec<u8>> {
    made.iter().map(|made| made.header.envelope().to_vec()).collect()
}

pub(super) fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).unwrap();
        }
    }
}

fn replace(directory: &Path, by: &Path) {
    fs::remove_dir_all(directory).unwrap();
    copy(by, directory);
}

#[test]
fn what_is_taken_back_is_void_and_kept_and_comes_back_by_decision() {
    let scene = Scene::new();
    let (mut store, _) = scene.open();
    let made = publish(&scene, &store);
    let head = Some(made[1].head().id);
    store.rewind(ME, 2, head).unwrap();
    let (count, last) = (made.len() as u64, made.last().unwrap().head().id);
    for _ in 0..2 {
        assert_eq!(seen(&store), cut_to_two(&made));
        assert!(!store.is_behind());
        assert_eq!(store.tree(ME).unwrap().root(), made[1].header.payload().root);
        assert_eq!(store.recall(ME, 2, count, last).unwrap(), envelopes(&made[2..]), "in order, heartbeats among them");
        assert_eq!(store.recall(ME, 3, count, last).unwrap(), envelopes(&[]), "only what continues the head");
        assert_eq!(store.prove_inclusion(ME, 4).unwrap(), None);
        let by_id = store.header_by_id(ME, &made[4].head().id).unwrap().unwrap();
        assert_eq!(by_id.envelope(), made[4].header.envelope());
        // Once more is nothing.
        store.rewind(ME, 2, head).unwrap();
        store.rewind(ME, 4, Some(made[3].head().id)).unwrap();
        drop(store);
        let (again, recovery) = scene.open();
        assert!(!recovery.table_rebuilt && recovery.feeds_dropped.is_empty());
        store = again;
    }
    // Another history, published in its place and taken back as well, is not what continues.
    let other = scene.batch(&store, store.head(ME).unwrap(), 20..22);
    scene.commit(&store, &other);
    store.rewind(ME, 2, head).unwrap();
    let after_other = scene.batch(&store, store.head(ME).unwrap(), 22..23);
    assert_ne!(other.head().id, made[2].head().id);
    scene.commit(&store, &after_other);
    store.rewind(ME, 2, head).unwrap();
    assert_eq!(store.void_batches(ME).unwrap(), 5);
    // Of both histories the one that leads to the head.
    assert_eq!(store.recall(ME, 2, count, last).unwrap(), envelopes(&made[2..]));
    assert_eq!(store.recall(ME, 2, 3, other.head().id).unwrap(), [other.header.envelope().to_vec()]);
    assert_eq!(store.recall(ME, 2, count, [9; 32]).unwrap(), envelopes(&[]), "of that head nothing is here");
    // The bodies are still there: the same headers are committed again as any others.
    for one in &made[2..] {
        scene.commit_stored(&store, one);
    }
    let (head, rows, changes, void) = seen(&store);
    assert_eq!((head, rows, void), (made.last().map(Made::head), (1..9).collect(), 2), "what stands is not void");
    assert_eq!(changes[changes.len() - 2..], [(3, 4, 2, false), (4, 6, 2, false)]);
    assert_eq!(store.recall(ME, 5, count, last).unwrap(), envelopes(&[]));
}

#[test]
fn a_feed_that_is_taken_back_whole_leaves_a_table_that_is_not_built_anew() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let made = publish(&scene, &store);
    // A head that this history does not have: none of it is what the decision is about.
    store.rewind(ME, 2, Some([9; 32])).unwrap();
    let found = seen(&store);
    assert_eq!((found.0, &found.1, found.2.last(), found.3), (None, &vec![], Some(&(0, 0, 8, true)), 5));
    assert_eq!(store.recall(ME, 0, made.len() as u64, made.last().unwrap().head().id).unwrap(), envelopes(&made));
    drop(store);
    let (store, recovery) = scene.open();
    assert_eq!((seen(&store), recovery), (found, Recovery::default()));
    for one in &made {
        scene.commit_stored(&store, one);
    }
    assert_eq!((listed(&store), store.void_batches(ME).unwrap()), ((1..9).collect(), 0));
}

#[test]
fn a_listing_that_was_cleared_or_made_again_behind_the_cut_stands_as_before() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let first = scene.batch(&store, None, 1..4);
    let head = scene.commit(&store, &first);
    let clear = |number: u8| {
        Entry::Clear(Clearing {
            class: Class::Acc,
            epoch: 1,
            token: token(number),
            list: List::Cxh,
            target: u64::from(number) - 1,
            day: NOW.day(),
            reason: Reason::Rectified,
        })
    };
    let later = scene.batch_of(&store, Some(head), [clear(2), clear(3), Entry::List(listing(3))]);
    scene.commit(&store, &later);
    assert_eq!(listed(&store), [1, 3]);
    store.rewind(ME, 1, Some(head.id)).unwrap();
    assert_eq!(listed(&store), [1, 2, 3]);
    let mut rows = Vec::new();
    for number in 1..4 {
        store.table().reader().get(&prefix_of(&token(number)), &mut rows);
        let leaves: Vec<u64> = rows.iter().map(|row| u64::from(row.leaf)).collect();
        assert_eq!(leaves, [u64::from(number) - 1]);
    }
}

#[test]
fn a_crash_between_table_and_documents_leaves_the_feed_as_it_was() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let made = publish(&scene, &store);
    let head = Some(made[1].head().id);
    store.table().persist().unwrap();
    drop(store);
    let kept = tempfile::tempdir().unwrap();
    let (before, after) = (kept.path().join("before"), kept.path().join("after"));
    copy(scene.directory.path(), &before);
    let (store, _) = scene.open();
    store.rewind(ME, 2, head).unwrap();
    drop(store);
    copy(scene.directory.path(), &after);
    // Neither step, the first step, both: each opens into one of the two states, and the same once more ends in the second.
    for (table, rest, expected, replayed) in [
        (&before, &before, all_in_force(&made), 0),
        (&after, &before, all_in_force(&made), 4),
        (&after, &after, cut_to_two(&made), 0),
    ] {
        replace(scene.directory.path(), rest);
        replace(&scene.directory.path().join("table"), &table.join("table"));
        let (store, recovery) = scene.open();
        assert_eq!(recovery, Recovery { replayed, ..Recovery::default() });
        assert_eq!(seen(&store), expected);
        for _ in 0..2 {
            store.rewind(ME, 2, head).unwrap();
            assert_eq!((seen(&store), store.is_behind()), (cut_to_two(&made), false));
        }
    }
    // The table never goes second; if it did, the start would notice and build it anew.
    replace(scene.directory.path(), &after);
    replace(&scene.directory.path().join("table"), &before.join("table"));
    let (store, recovery) = scene.open();
    assert_eq!((seen(&store), recovery.table_rebuilt), (cut_to_two(&made), true));
}

#[test]
fn a_table_that_cannot_be_written_takes_nothing_back_and_loses_nothing() {
    for goes_on in [false, true] {
        let scene = Scene::new();
        let (store, _) = scene.open();
        let made = publish(&scene, &store);
        let head = Some(made[1].head().id);
        let (table, away) = (scene.directory.path().join("table"), scene.directory.path().join("away"));
        fs::rename(&table, &away).unwrap();
        store.rewind(ME, 2, head).unwrap_err();
        let (found, rows, changes, void) = all_in_force(&made);
        assert_eq!((store.head(ME).unwrap(), stream(&store), store.void_batches(ME).unwrap()), (found, changes, void));
        assert!(store.is_behind(), "no negative answer is to be trusted");
        fs::rename(&away, &table).unwrap();
        if goes_on {
            // What is committed on top finds the table whole.
            let next = scene.batch(&store, found, 9..10);
            scene.commit(&store, &next);
            assert_eq!((listed(&store), store.is_behind()), ((1..10).collect(), false));
            continue;
        }
        drop(store);
        let (store, _) = scene.open();
        assert_eq!(listed(&store), rows);
        store.rewind(ME, 2, head).unwrap();
        assert_eq!(seen(&store), cut_to_two(&made));
    }
}

#[test]
fn documents_that_fail_behind_the_table_are_made_up_for_without_a_restart() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let made = publish(&scene, &store);
    // The header of a batch that is to be taken back cannot be read; the table has gone before.
    let row = layout::header(ME, 2);
    let set = |value: Option<Vec<u8>>| {
        let mut batch = Batch::default();
        match value {
            Some(value) => batch.put(row.clone(), value),
            None => batch.remove(row.clone()),
        }
        store.documents.commit(batch).unwrap();
    };
    set(None);
    store.rewind(ME, 2, Some(made[1].head().id)).unwrap_err();
    assert!(store.is_behind() && !is_listed(&store, 8));
    set(Some(made[2].header.envelope().to_vec()));
    let next = scene.batch(&store, store.head(ME).unwrap(), 9..10);
    scene.commit(&store, &next);
    assert_eq!((listed(&store), store.is_behind()), ((1..10).collect(), false));
    store.rewind(ME, 2, Some(made[1].head().id)).unwrap();
    assert_eq!((listed(&store), store.is_behind()), ((1..5).collect(), false));
}

#[test]
fn what_the_table_lacked_before_is_not_lost_by_taking_back() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let made = scene.batch(&store, None, 1..4);
    put_chunks(&store, &made);
    let (path, away) = (scene.chunk_file(&made, 0), scene.directory.path().join("away"));
    fs::rename(&path, &away).unwrap();
    scene.commit_stored(&store, &made);
    assert!(store.is_behind());
    fs::rename(&away, &path).unwrap();
    let next = scene.batch(&store, Some(made.head()), 4..6);
    put_chunks(&store, &next);
    let (last, gone) = (scene.chunk_file(&next, 0), scene.directory.path().join("gone"));
    fs::rename(&last, &gone).unwrap();
    scene.commit_stored(&store, &next);
    assert!(store.is_behind());
    fs::rename(&gone, &last).unwrap();
    store.rewind(ME, 1, Some(made.head().id)).unwrap();
    assert_eq!((listed(&store), store.is_behind()), (vec![1, 2, 3], false));
}

#[test]
fn a_long_feed_is_taken_back_in_parts_and_each_part_says_what_is_void() {
    let scene = Scene::new();
    let (mut store, _) = scene.open();
    let mut made: Vec<Made> = Vec::new();
    // More batches than one commit takes back, in both parts some with entries.
    for number in 0..300u16 {
        let numbers = match number {
            0 => 1..3,
            2 => 3..5,
            298 => 5..8,
            _ => 0..0,
        };
        made.push(scene.batch(&store, made.last().map(Made::head), numbers));
        scene.commit(&store, &made[made.len() - 1]);
    }
    let head = Some(made[0].head().id);
    let published = [(0, 0, 2, false), (2, 2, 2, false), (298, 4, 3, false)];
    assert_eq!((listed(&store), stream(&store)), ((1..8).collect(), published.to_vec()));
    // The second part fails.
    let (row, header) = (layout::header(ME, 20), made[20].header.envelope().to_vec());
    let mut batch = Batch::default();
    batch.remove(row.clone());
    store.documents.commit(batch).unwrap();
    store.rewind(ME, 1, head).unwrap_err();
    let part = (44, 4, 3, true);
    assert_eq!(stream(&store), [&published[..], &[part]].concat());
    let mut batch = Batch::default();
    batch.put(row, header);
    store.documents.commit(batch).unwrap();
    for _ in 0..2 {
        // As it was between the parts, or as after a crash there.
        assert_eq!(store.head(ME).unwrap(), Some(made[43].head()));
        drop(store);
        store = scene.open().0;
        assert_eq!((listed(&store), store.is_behind()), ((1..5).collect(), false));
    }
    store.rewind(ME, 1, head).unwrap();
    assert_eq!(stream(&store), [&published[..], &[part, (1, 2, 2, true)]].concat());
    assert_eq!((listed(&store), store.void_batches(ME).unwrap()), (vec![1, 2], 299));
    // As many as fit into one answer, in order, and the rest once they stand.
    let first = store.recall(ME, 1, made.len() as u64, made.last().unwrap().head().id).unwrap();
    assert!(first.len() > 10, "{}", first.len());
    assert_eq!(first, envelopes(&made[1..=first.len()]));
}
