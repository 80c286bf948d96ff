//! A feed of any length, made and stored without HTTP: entries whose tokens are random, so that making them costs no
//! evaluation. To whoever takes them in they are like any other.

use std::{
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
};

use antibrush_node::{
    clock,
    keys::{KeyStore, Protection},
    storage::{Effect, Store, lock::DataDir},
};
use antibrush_protocol::{
    base::{MemberNumber, Token},
    codes::{Conduct, Direction, List, Role, Severity},
    entry::{Entry, Listing},
    feed::{
        BatchHeader,
        build::{Body, Place},
    },
    replica::BatchId,
    signed::Verified,
    subject::Class,
};
use sha2::{Digest, Sha256};

/// As many as the driver lets at the store at once.
const AT_ONCE: usize = 4;

/// The next batch of the founder's, verified against the charter, from the founder's own directory.
pub fn batch(directory: &Path, class: Class, entries: u64) -> (Verified<BatchHeader>, Vec<Arc<[u8]>>) {
    batch_of(directory, class, 0..entries)
}

/// The same with the entries of these numbers.
pub fn batch_of(
    directory: &Path,
    class: Class,
    numbers: std::ops::Range<u64>,
) -> (Verified<BatchHeader>, Vec<Arc<[u8]>>) {
    batch_with(directory, numbers.map(|number| listing(class, token(number), number)))
}

/// The same with these entries.
pub fn batch_with(directory: &Path, entries: impl Iterator<Item = Entry>) -> (Verified<BatchHeader>, Vec<Arc<[u8]>>) {
    let data = DataDir::lock(directory).expect("our own directory");
    let (store, _) = Store::open(&data).expect("a store");
    let chain = store.charters().expect("readable charters").expect("a charter");
    let keys = KeyStore::open(directory, &Protection::InClearDangerously).expect("keys in clear");
    let publisher = MemberNumber(1);
    let tree = store.tree(publisher).expect("a readable tree");
    let mut body = Body::new(publisher, tree.size());
    for entry in entries {
        body.push(&entry).expect("a batch within its bounds");
    }
    let previous = store.head(publisher).expect("a readable head");
    let (alliance, charter) = (chain.alliance(), chain.current_id());
    let place = Place { alliance, charter, publisher, log: None, previous, now: clock::wall() };
    let (header, chunks) = body.seal(&place, tree, keys.feed().expect("a feed key")).expect("the end of the feed");
    (chain.verify_header(header, clock::wall()).expect("a header that holds"), chunks)
}

/// What the driver does with a batch that arrives, in its order and with its width.
pub fn take_in(store: &Store, header: &Verified<BatchHeader>, chunks: &[Arc<[u8]>]) {
    let h = header.payload();
    let batch = BatchId { publisher: h.publisher, seq: h.seq };
    let placed: Vec<_> = h.placed_chunks().collect();
    let next = AtomicUsize::new(0);
    std::thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(bytes) = chunks.get(index) else { break };
                    let (place, descriptor) = placed[index];
                    store.put_chunk(batch, index as u32, place, descriptor, bytes).expect("a good chunk");
                }
            });
        }
    });
    let (through, result) = store.commit(std::slice::from_ref(header), Effect::AtOnce);
    assert_eq!((through, result), (Some(h.seq), Ok(())));
}

/// The token of an entry.
pub fn token(number: u64) -> Token {
    Token(Sha256::digest(number.to_be_bytes()).into())
}

/// A listing of today.
pub fn listing(class: Class, token: Token, number: u64) -> Entry {
    let today = clock::wall().day();
    Entry::List(Listing {
        class,
        epoch: 1,
        token,
        list: List::Cxh,
        conduct: Conduct::C01,
        severity: Severity::Ordinary,
        role: Some(Role::TakePart),
        direction: Some(Direction::Up),
        region: Some(330_106),
        day: today,
        // ENTRY-4: a mobile number may be listed for 180 days at the most.
        expires: today.plus(180),
        basis: "default/1".to_owned(),
        evidence: Sha256::digest(number.to_le_bytes()).into(),
        name: None,
        sealed: None,
        carries: None,
        document: None,
    })
}
