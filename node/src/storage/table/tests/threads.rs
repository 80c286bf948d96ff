//! The background thread, and readers beside writers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::*;

#[test]
fn the_background_thread_merges_and_writes_by_itself_and_recovers() {
    let directory = tempfile::tempdir().unwrap();
    let tuning = Tuning { background: true, write: 1, ..TINY };
    let (table, _) = TokenTable::open_tuned(directory.path(), tuning).unwrap();
    table.shared.maintain().fuse = Some(0);
    let wait_for = |condition: &dyn Fn(TableHealth) -> bool| {
        let came = (0..2_000).any(|_| {
            std::thread::sleep(Duration::from_millis(5));
            condition(table.health())
        });
        assert!(came, "{:?}", table.health());
    };
    table.apply((0..14).chain(0..14).map(|token| active(token, 0)).collect(), &[]).unwrap();
    let cleared_and_two_more = |token| {
        let others = [2, 3].map(|publisher| row(publisher, token, 1, RowState::Active, 1));
        [row(1, token, 1, RowState::Cleared, 1)].into_iter().chain(others)
    };
    table.apply((0..10).flat_map(cleared_and_two_more).collect(), &[(MemberNumber(1), 9)]).unwrap();
    wait_for(&|health| health.runs == 1 && health.rows == 24 && health.last_error.is_some());
    table.shared.maintain().fuse = None;
    table.settle();
    assert_eq!((table.health().unwritten_rows, table.health().last_error), (0, None));
    let by_two = |token| [4, 5].map(|publisher| row(publisher, token, 1, RowState::Active, 1));
    table.apply((0..14).flat_map(by_two).collect(), &[]).unwrap();
    wait_for(&|health| health.runs == 1 && health.unwritten_rows == 0);
}

#[test]
fn readers_see_whole_batches_in_order_while_runs_merge() {
    let directory = tempfile::tempdir().unwrap();
    let tuning = Tuning { background: true, write: 40, ..TINY };
    let (table, _) = TokenTable::open_tuned(directory.path(), tuning).unwrap();
    let table = Arc::new(table);
    let batch = |leaf| {
        (0..TOKENS)
            .flat_map(|token| [row(1, token, 1, RowState::Active, leaf), row(2, token, 1, RowState::Active, leaf)])
            .collect()
    };
    table.apply(batch(0), &[]).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let readers: Vec<_> = (0..3)
        .map(|_| {
            let (table, done) = (table.clone(), done.clone());
            std::thread::spawn(move || {
                let (mut last, mut found) = (0, Vec::new());
                while !done.load(Ordering::Relaxed) {
                    let reader = table.reader();
                    reader.get(&prefix(0), &mut found);
                    let leaf = found[0].leaf;
                    assert!(leaf >= last);
                    last = leaf;
                    for token in 0..TOKENS {
                        reader.get(&prefix(token), &mut found);
                        assert!(found.len() == 2 && found.iter().all(|row| row.leaf == leaf));
                    }
                }
            })
        })
        .collect();
    for leaf in 1..400 {
        table.apply(batch(leaf), &[(MemberNumber(1), leaf.into())]).unwrap();
        if leaf % 50 == 0 {
            table.persist().unwrap();
        }
    }
    done.store(true, Ordering::Relaxed);
    for reader in readers {
        reader.join().unwrap();
    }
    table.settle();
    assert_eq!((table.health().runs, table.health().rows), (1, 28));
    assert!(contents(&table).iter().all(|row| row.leaf == 399));
}
