//! What is said of listings: there once its batch is in force, gone with a feed that is taken back, and the same after every crash.

use antibrush_protocol::{
    codes::DisputeReason,
    entry::{
        About, Dispute, DisputeAct,
        lifecycle::{Act, Remark},
    },
};

use super::*;

fn dispute(number: u8, target: u64) -> Entry {
    let listing = listing(number);
    let about = About {
        class: listing.class,
        epoch: listing.epoch,
        token: listing.token,
        list: listing.list,
        publisher: None,
        target,
        day: listing.day,
    };
    Entry::Dispute(Dispute { about, act: DisputeAct::Filed { reason: DisputeReason::Facts, evidence: [9; 32] } })
}

/// Index and target of what is said of a subject.
fn said(store: &Store, number: u8) -> Vec<(u64, u64)> {
    let mut found: Vec<Remark> = Vec::new();
    store.remarks().of(&prefix_of(&token(number)), &mut found);
    assert!(found.iter().all(|remark| remark.author == ME && remark.act == Act::Dispute(DisputeReason::Facts)));
    found.iter().map(|remark| (remark.index, remark.target)).collect()
}

#[test]
fn remarks_come_with_their_batch_and_go_with_it() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let first = scene.batch(&store, None, 1..4);
    let head = scene.commit(&store, &first);
    let second = scene.batch_of(&store, Some(head), vec![dispute(1, 0), dispute(2, 1)]);
    let head = scene.commit(&store, &second);
    let third = scene.batch_of(&store, Some(head), vec![dispute(2, 1), Entry::List(listing(5))]);
    scene.commit(&store, &third);
    let all = |store: &Store| [said(store, 1), said(store, 2), said(store, 3)];
    let whole = [vec![(3, 0)], vec![(4, 1), (5, 1)], vec![]];
    assert_eq!((all(&store), store.remarks().len()), (whole.clone(), 3));

    // Never written, written, and the table lost: the same.
    drop(store);
    let (store, recovery) = scene.open();
    assert_eq!((all(&store), recovery.replayed), (whole.clone(), 7), "nothing is said twice");
    store.table().persist().unwrap();
    drop(store);
    let (store, recovery) = scene.open();
    assert_eq!((all(&store), recovery.replayed), (whole.clone(), 0));
    drop(store);
    fs::remove_dir_all(scene.directory.path().join("table")).unwrap();
    let (store, _) = scene.open();
    assert_eq!((all(&store), store.remarks().len()), (whole, 3));

    store.rewind(ME, 2, Some(second.head().id)).unwrap();
    let before = [vec![(3, 0)], vec![(4, 1)], vec![]];
    assert_eq!(all(&store), before);
    drop(store);
    let (store, _) = scene.open();
    assert_eq!(all(&store), before);
    store.rewind(ME, 0, None).unwrap();
    assert!(store.remarks().is_empty());
    drop(store);
    assert!(scene.open().0.remarks().is_empty());
}

#[test]
fn a_remark_counts_from_its_publication_whatever_day_it_bears() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let head = scene.commit(&store, &scene.batch(&store, None, 1..2));
    let dated = |day| match dispute(1, 0) {
        Entry::Dispute(said) => Entry::Dispute(Dispute { about: About { day, ..said.about }, ..said }),
        other => other,
    };
    let borne = [Day(NOW.day().0 - 400), Day(NOW.day().0 + 400)];
    scene.commit(&store, &scene.batch_of(&store, Some(head), borne.map(dated)));
    let days = |store: &Store| {
        let mut found = Vec::new();
        store.remarks().of(&prefix_of(&token(1)), &mut found);
        found.iter().map(|remark| remark.day).collect::<Vec<_>>()
    };
    assert_eq!(days(&store), [NOW.day(); 2]);
    // The same from the documents, and from the feed once more.
    drop(store);
    assert_eq!(days(&scene.open().0), [NOW.day(); 2]);
    fs::remove_dir_all(scene.directory.path().join("table")).unwrap();
    assert_eq!(days(&scene.open().0), [NOW.day(); 2]);
}
