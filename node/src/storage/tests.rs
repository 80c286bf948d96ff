//! The store as a whole: what a disk that rots, fails late or loses its documents does to committed feeds.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use antibrush_protocol::{
    base::{Day, MemberNumber, Timestamp, Token},
    charter::{CharterChain, Level, MemberRole, Policy},
    codes::{Conduct, List, Severity},
    entry::{Entry, Listing},
    feed::{BatchHeader, Head, build},
    replica::BatchId,
    signed::Verified,
    subject::Class,
    writer::{Bid, Proposal, Register, Term},
};

use super::{Effect, Held, Recovery, Store, lock::DataDir, store::lock, table::prefix_of};
use crate::{
    clock,
    core::{Founding, found},
    keys::{KeyRole, KeyStore, Keys, Protection},
    profile::Profile,
};

mod forget;
mod forget_model;
mod looked;
mod remarks;
mod rewind;
mod void;

const ME: MemberNumber = MemberNumber(1);
const NOW: Timestamp = Timestamp(1_795_104_000);

/// A founder's data directory, its keys and its charter.
struct Scene {
    directory: tempfile::TempDir,
    keys: Keys,
    chain: CharterChain,
}

/// A signed batch and its chunks.
struct Made {
    header: Verified<BatchHeader>,
    chunks: Vec<Arc<[u8]>>,
}

impl Scene {
    fn new() -> Scene {
        let directory = tempfile::tempdir().unwrap();
        let protection = Protection::InClearDangerously;
        let keys = KeyStore::create(directory.path(), &KeyRole::ALL, &protection).unwrap();
        let founding = Founding {
            name_zh: "测试".to_owned(),
            name_en: "Test".to_owned(),
            level: Level::National,
            region: None,
            policy: Policy { accepts_insider_enumeration: true, ..Policy::default() },
            classes: Class::ALL.to_vec(),
        };
        let profile = Profile {
            slug: "alpha".to_owned(),
            legal_name: "示例有限公司".to_owned(),
            uscc: "91350100M000100Y43".to_owned(),
            controller: "91350100M000100Y43".to_owned(),
            role: MemberRole::Platform,
        };
        let charter = found(&founding, &profile, &keys, &["/ip4/127.0.0.1/tcp/1".parse().unwrap()], NOW).unwrap();
        let chain = CharterChain::found(charter.clone(), None).unwrap();
        let scene = Scene { directory, keys, chain };
        scene.open().0.put_charter(&charter).unwrap();
        scene
    }

    fn open(&self) -> (Store, Recovery) {
        Store::open(&DataDir::lock(self.directory.path()).unwrap()).unwrap()
    }

    /// The next batch of the feed, listing accounts numbered `numbers`.
    fn batch(&self, store: &Store, previous: Option<Head>, numbers: std::ops::Range<u8>) -> Made {
        self.batch_of(store, previous, numbers.map(|number| Entry::List(listing(number))))
    }

    fn batch_of(&self, store: &Store, previous: Option<Head>, entries: impl IntoIterator<Item = Entry>) -> Made {
        let tree = store.tree(ME).unwrap();
        let mut body = build::Body::new(ME, tree.size());
        for entry in entries {
            body.push(&entry).unwrap();
        }
        let place = build::Place {
            alliance: self.chain.alliance(),
            charter: self.chain.current_id(),
            publisher: ME,
            log: None,
            previous,
            now: NOW,
        };
        let (header, chunks) = body.seal(&place, tree, self.keys.feed().unwrap()).unwrap();
        let header = self.chain.verify_header(header, NOW).unwrap();
        Made { header, chunks }
    }

    /// Stores and commits a batch.
    fn commit(&self, store: &Store, made: &Made) -> Head {
        put_chunks(store, made);
        self.commit_stored(store, made)
    }

    fn commit_stored(&self, store: &Store, made: &Made) -> Head {
        let (through, result) = store.commit(std::slice::from_ref(&made.header), Effect::AtOnce);
        assert_eq!((through, result), (Some(made.header.payload().seq), Ok(())));
        made.head()
    }

    fn chunk_file(&self, made: &Made, index: usize) -> PathBuf {
        let name = hex::encode(made.header.payload().chunks[index].digest);
        self.directory.path().join("bodies").join(&name[..2]).join(&name[2..])
    }
}

impl Made {
    fn head(&self) -> Head {
        Head::of(self.header.payload(), self.header.id())
    }
}

fn put_chunks(store: &Store, made: &Made) {
    let h = made.header.payload();
    let batch = BatchId { publisher: h.publisher, seq: h.seq };
    for (index, ((place, descriptor), bytes)) in h.placed_chunks().zip(&made.chunks).enumerate() {
        store.put_chunk(batch, index as u32, place, descriptor, bytes).unwrap();
    }
}

fn token(number: u8) -> Token {
    Token([number.wrapping_mul(37); 32])
}

fn listing(number: u8) -> Listing {
    Listing {
        class: Class::Acc,
        epoch: 1,
        token: token(number),
        list: List::Cxh,
        conduct: Conduct::C01,
        severity: Severity::Ordinary,
        role: None,
        direction: None,
        region: None,
        day: NOW.day(),
        expires: Day(NOW.day().0 + 100),
        basis: "test/1".to_owned(),
        evidence: [number; 32],
        name: None,
        sealed: None,
        carries: None,
        document: None,
    }
}

fn is_listed(store: &Store, number: u8) -> bool {
    let mut rows = Vec::new();
    store.table().reader().get(&prefix_of(&token(number)), &mut rows);
    !rows.is_empty()
}

/// One bit of the first leaf's evidence commitment: the form holds, the digest does not.
fn rot(scene: &Scene, made: &Made) {
    let path = scene.chunk_file(made, 0);
    let mut bytes = fs::read(&path).unwrap();
    let at = bytes.windows(32).position(|window| window == [1; 32]).unwrap();
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

#[test]
fn a_chunk_that_rotted_before_its_commit_is_replaced_when_it_comes_again() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let made = scene.batch(&store, None, 1..9);
    put_chunks(&store, &made);
    rot(&scene, &made);
    assert_eq!(store.probe(made.header.payload()), [false]);
    assert_eq!(store.sound_chunk(&made.header.payload().chunks[0].digest).unwrap(), None, "rot is served to nobody");
    put_chunks(&store, &made);
    assert_eq!(fs::read(scene.chunk_file(&made, 0)).unwrap(), *made.chunks[0]);
    scene.commit(&store, &made);
    assert!(is_listed(&store, 8));
}

#[test]
fn rot_is_not_replayed_into_the_table_and_the_feed_comes_again() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let made = scene.batch(&store, None, 1..9);
    scene.commit(&store, &made);
    drop(store);
    rot(&scene, &made);
    fs::remove_dir_all(scene.directory.path().join("table")).unwrap();
    let (store, recovery) = scene.open();
    assert_eq!(recovery.feeds_dropped, [ME]);
    assert!(!is_listed(&store, 2), "no entry of a feed that does not hold counts");
    assert!(store.heads().unwrap().is_empty());
    assert_eq!(store.register(ME).unwrap(), Register::default(), "who promised nothing has nothing to forget");
    scene.commit(&store, &made);
    assert!(is_listed(&store, 2));
}

/// WRITER-7: with a feed that is gone an elector does not know any more which places were decided.
#[test]
fn an_elector_that_drops_a_damaged_feed_is_silent_about_it() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let made = scene.batch(&store, None, 1..9);
    scene.commit(&store, &made);
    let other = MemberNumber(2);
    let promised = Register { promised: Some(Term { number: 3, node: [7; 32] }), ..Register::default() };
    for publisher in [ME, other] {
        store.put_register(publisher, &promised).unwrap();
    }
    drop(store);
    rot(&scene, &made);
    fs::remove_dir_all(scene.directory.path().join("table")).unwrap();
    let before = clock::wall();
    let (store, recovery) = scene.open();
    assert_eq!(recovery.feeds_dropped, [ME]);
    let silent = store.register(ME).unwrap();
    assert!(silent.lost.is_some_and(|lost| lost >= before && lost <= clock::wall()), "{silent:?}");
    assert_eq!(silent, Register { lost: silent.lost, ..Register::default() });
    assert_eq!(store.register(other).unwrap(), promised, "the other feeds are whole");
    // The feed comes back and the memory does not.
    scene.commit(&store, &made);
    assert_eq!(store.register(ME).unwrap(), silent);
    drop(store);
    assert_eq!(scene.open().0.register(ME).unwrap(), silent);
}

#[test]
fn a_commit_that_was_taken_in_spite_of_an_error_repeats_harmlessly() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let first = scene.batch(&store, None, 1..5);
    let head = scene.commit(&store, &first);
    let second = scene.batch(&store, Some(head), 5..9);
    put_chunks(&store, &second);
    // The replica was told of an error and hands the first one over again, with the next one behind it.
    let (through, result) = store.commit(&[first.header.clone(), second.header.clone()], Effect::AtOnce);
    assert_eq!((through, result), (Some(1), Ok(())));
    let records = store.commits(0, 10).unwrap();
    assert_eq!(
        records.iter().map(|record| (record.seq, record.first, record.count)).collect::<Vec<_>>(),
        [(0, 0, 4), (1, 4, 4)]
    );
    assert_eq!(store.table().health().rows, 8);
    assert!(!store.is_behind());
    let (through, result) = store.commit(&[first.header, second.header], Effect::AtOnce);
    assert_eq!((through, result), (Some(1), Ok(())), "nothing new says what is in force");
    assert_eq!((store.commits(0, 10).unwrap().len(), store.table().health().rows), (2, 8));
    drop(store);
    let (store, recovery) = scene.open();
    assert_eq!(recovery, Recovery { replayed: 8, ..Recovery::default() }, "the table was never written");
    assert_eq!((store.tree(ME).unwrap().size(), store.table().health().rows), (8, 8));
}

#[test]
fn the_commit_log_goes_on_behind_a_commit_that_was_taken_in_spite_of_an_error() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let first = scene.batch(&store, None, 1..5);
    put_chunks(&store, &first);
    // What a late disk error leaves: the documents have the commit, the process does not know of it.
    let numbered = store.next_commit();
    let head = scene.commit(&store, &first);
    store.next_commit.store(numbered, std::sync::atomic::Ordering::Relaxed);
    let second = scene.batch(&store, Some(head), 5..9);
    put_chunks(&store, &second);
    let (through, result) = store.commit(&[first.header, second.header], Effect::AtOnce);
    assert_eq!((through, result), (Some(1), Ok(())));
    let records = store.commits(0, 10).unwrap();
    assert_eq!(records.iter().map(|record| record.seq).collect::<Vec<_>>(), [0, 1], "none was written over");
}

#[test]
fn a_body_that_cannot_be_read_back_leaves_the_table_behind_until_it_can() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let made = scene.batch(&store, None, 1..9);
    put_chunks(&store, &made);
    let path = scene.chunk_file(&made, 0);
    let away = scene.directory.path().join("away");
    fs::rename(&path, &away).unwrap();
    let (through, result) = store.commit(std::slice::from_ref(&made.header), Effect::AtOnce);
    assert_eq!((through, result), (Some(0), Ok(())), "it is durable");
    assert!(store.is_behind() && !is_listed(&store, 3));
    fs::rename(&away, &path).unwrap();
    let next = scene.batch(&store, Some(made.head()), 9..12);
    scene.commit(&store, &next);
    assert!(!store.is_behind() && is_listed(&store, 3) && is_listed(&store, 11));
}

#[test]
fn charters_survive_lost_documents_and_a_second_kill_while_they_are_restored() {
    let scene = Scene::new();
    let id = scene.chain.current_id();
    for _ in 0..2 {
        // As after a kill between setting the damaged documents aside and writing the charters back.
        fs::remove_dir_all(scene.directory.path().join("documents")).unwrap();
        let (store, _) = scene.open();
        assert_eq!(store.charters().unwrap().unwrap().current_id(), id);
    }
}

#[test]
fn orphans_are_swept_and_nothing_else() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let made = scene.batch(&store, None, 1..9);
    scene.commit(&store, &made);
    let orphan = scene.batch(&store, Some(made.head()), 20..30);
    put_chunks(&store, &orphan);
    let week = Duration::from_secs(7 * 86_400);
    assert_eq!(store.sweep(week).unwrap(), 0, "it may yet be wanted");
    let age = |made: &Made| {
        let file = fs::File::options().write(true).open(scene.chunk_file(made, 0)).unwrap();
        file.set_modified(clock::system() - 2 * week).unwrap();
    };
    age(&made);
    age(&orphan);
    assert_eq!(store.probe(orphan.header.payload()), [true]);
    assert_eq!(store.sweep(week).unwrap(), 0, "asked about a moment ago");
    age(&orphan);
    assert_eq!(store.sweep(week).unwrap(), 0, "its batch waits for the rest of its chunks");
    store.forget_assembled(BatchId { publisher: ME, seq: 1 });
    assert_eq!(store.sweep(week).unwrap(), 1);
    assert!(scene.chunk_file(&made, 0).exists() && !scene.chunk_file(&orphan, 0).exists());
}

#[test]
fn what_was_staged_for_another_batch_of_the_same_number_does_not_count() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let (given_up, made) = (scene.batch(&store, None, 20..30), scene.batch(&store, None, 1..9));
    put_chunks(&store, &made);
    // A write that ends late.
    put_chunks(&store, &given_up);
    scene.commit_stored(&store, &made);
    assert!(is_listed(&store, 1) && !is_listed(&store, 20));
}

/// WRITER-4: what an elector took for a place counts no more once another batch has come there.
#[test]
fn a_proposal_that_another_batch_overtook_leaves_nothing_behind() {
    let scene = Scene::new();
    let (store, _) = scene.open();
    let (overtaken, made) = (scene.batch(&store, None, 20..30), scene.batch(&store, None, 1..9));
    let term = Term { number: 1, node: [7; 32] };
    let key = scene.keys.feed().unwrap();
    let proposal = Proposal::of(overtaken.header.payload(), overtaken.header.key());
    let accepted = Some(Box::new(Bid::sign(term, proposal, key).unwrap()));
    store.put_register(ME, &Register { promised: Some(term), accepted, ..Register::default() }).unwrap();
    // A longer body than that of the batch that comes: its last chunks have places of their own.
    let (place, descriptor) = overtaken.header.payload().placed_chunks().next().unwrap();
    let put = |batch, index| store.put_chunk(batch, index, place, descriptor, &overtaken.chunks[0]).unwrap();
    put(BatchId { publisher: ME, seq: 0 }, 1);
    let week = Duration::from_secs(7 * 86_400);
    let age = || {
        let file = fs::File::options().write(true).open(scene.chunk_file(&overtaken, 0)).unwrap();
        file.set_modified(clock::system() - 2 * week).unwrap();
    };
    age();
    assert_eq!(store.sweep(week).unwrap(), 0, "it may yet be finished");
    scene.commit(&store, &made);
    assert!(lock(&store.assembly).is_empty());
    age();
    assert_eq!(store.sweep(week).unwrap(), 1);
    // What waits for a later place stays.
    put(BatchId { publisher: ME, seq: 2 }, 0);
    scene.commit(&store, &scene.batch(&store, Some(made.head()), 9..12));
    assert_eq!(lock(&store.assembly).len(), 1);
}

/// The change stream: batch, first leaf, leaves, whether they were taken back.
fn stream(store: &Store) -> Vec<(u64, u64, u64, bool)> {
    let records = store.commits(0, 100).unwrap();
    assert!(records.iter().zip(0..).all(|(record, number)| record.number == number), "dense: {records:?}");
    assert_eq!(store.next_commit(), records.len() as u64);
    records.iter().map(|record| (record.seq, record.first, record.count, record.void)).collect()
}

/// Batches of two entries each (the second one empty) that wait for witnesses from the first on.
fn held(scene: &Scene, store: &Store) -> Vec<Head> {
    let mut heads: Vec<Head> = Vec::new();
    for numbers in [1..3, 3..3, 3..5, 5..7, 7..7] {
        let made = scene.batch(store, heads.last().copied(), numbers);
        put_chunks(store, &made);
        let (through, result) = store.commit(std::slice::from_ref(&made.header), Effect::WhenWitnessed);
        assert_eq!((through, result), (Some(made.header.payload().seq), Ok(())));
        heads.push(made.head());
    }
    heads
}

fn listed(store: &Store) -> Vec<u8> {
    (1..10).filter(|number| is_listed(store, *number)).collect()
}

#[test]
fn entries_that_wait_for_witnesses_take_effect_in_order_and_once() {
    let scene = Scene::new();
    let (mut store, _) = scene.open();
    let heads = held(&scene, &store);
    let nothing: Vec<u8> = Vec::new();
    // Committed and proven, but in no table and no stream; also after a crash.
    for _ in 0..2 {
        assert_eq!((listed(&store), stream(&store)), (nothing.clone(), vec![]));
        assert_eq!(store.held(ME).unwrap(), Some(Held { batches: 0, size: 0 }));
        assert_eq!(store.head(ME).unwrap(), heads.last().copied());
        assert!(store.prove_inclusion(ME, 5).unwrap().is_some());
        drop(store);
        store = scene.open().0;
    }
    let waiting: Vec<u64> = store.waiting_rows(ME).unwrap().iter().map(|row| u64::from(row.leaf)).collect();
    assert_eq!(waiting.len(), 6);
    assert_eq!(store.release(ME, 0).unwrap(), 0);
    assert_eq!(store.release(ME, 2).unwrap(), 2);
    for _ in 0..2 {
        assert_eq!((listed(&store), stream(&store)), (vec![1, 2], vec![(0, 0, 2, false)]));
        assert_eq!(store.held(ME).unwrap(), Some(Held { batches: 2, size: 2 }));
        assert_eq!(store.release(ME, 2).unwrap(), 0, "once");
        assert_eq!(store.release(ME, 1).unwrap(), 0, "never back");
        drop(store);
        store = scene.open().0;
    }
    // Behind what waits everything waits, whatever the policy says meanwhile.
    let made = scene.batch(&store, heads.last().copied(), 7..9);
    scene.commit(&store, &made);
    assert_eq!(listed(&store), [1, 2]);
    assert_eq!(store.release(ME, 3).unwrap(), 2);
    assert_eq!(store.release(ME, u64::MAX).unwrap(), 4);
    let all = [(0, 0, 2, false), (2, 2, 2, false), (3, 4, 2, false), (5, 6, 2, false)];
    for _ in 0..2 {
        assert_eq!((listed(&store), stream(&store)), ((1..9).collect(), all.to_vec()));
        assert_eq!((store.held(ME).unwrap(), store.is_behind()), (None, false));
        assert!(store.waiting_rows(ME).unwrap().is_empty());
        drop(store);
        store = scene.open().0;
    }
}

#[test]
fn a_feed_that_is_taken_back_takes_along_what_waits() {
    let cut = |batches: usize, released: u64| {
        let scene = Scene::new();
        let (store, _) = scene.open();
        let heads = held(&scene, &store);
        store.release(ME, released).unwrap();
        let head = batches.checked_sub(1).map(|last| heads[last].id);
        store.rewind(ME, batches as u64, head).unwrap();
        let found = (listed(&store), stream(&store), store.held(ME).unwrap());
        drop(store);
        let (store, _) = scene.open();
        assert_eq!((listed(&store), stream(&store), store.held(ME).unwrap()), found, "after a crash");
        // What is published from there on waits again or not, as the policy says.
        let made = scene.batch(&store, store.head(ME).unwrap(), 8..9);
        scene.commit(&store, &made);
        assert_eq!(is_listed(&store, 8), found.2.is_none());
        found
    };
    let first = (0, 0, 2, false);
    // Nothing that waits was in the stream, so nothing of it is taken back there.
    assert_eq!(cut(0, 0), (vec![], vec![], None));
    assert_eq!(cut(3, 0), (vec![], vec![], Some(Held { batches: 0, size: 0 })));
    assert_eq!(cut(3, 1), (vec![1, 2], vec![first], Some(Held { batches: 1, size: 2 })));
    assert_eq!(cut(1, 1), (vec![1, 2], vec![first], None));
    // What was in force is taken back, and no more than that.
    assert_eq!(cut(0, 1), (vec![], vec![first, (0, 0, 2, true)], None));
    assert_eq!(cut(2, 3), (vec![1, 2], vec![first, (2, 2, 2, false), (2, 2, 2, true)], None));
}
