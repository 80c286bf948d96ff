//! Chunks that are each what a good header names, and still are not the body that it signs.

use std::fmt::Debug;

use antibrush_protocol::{
    base::Hash,
    codes::Conduct,
    encoding::Wire,
    entry::{Entry, Listing},
    feed::{BatchHeader, Chunk, ChunkError, Totals, body::BodyError, chunk},
    merkle::Frontier,
    signed,
};

use super::{Defect, MALFORMED};
use crate::fixtures::*;

/// A batch of member 1, changed and signed by its key of that time, and a chunk.
fn body(
    dir: &'static str,
    note: &'static str,
    (batch, bytes): (usize, Vec<u8>),
    change: impl FnOnce(&mut BatchHeader),
    expected: impl Debug,
) -> Defect {
    let feed = feed();
    let (batch, key) = [(feed.first, feed_key(1)), (feed.second, new_feed_key())].into_iter().nth(batch).expect("two");
    let mut header = batch.payload().clone();
    header.checkpoint = None;
    if let Ok(descriptor) = chunk::describe(&bytes) {
        header.chunks = vec![descriptor];
    }
    change(&mut header);
    let header = signed::sign(&header, &key).envelope().to_vec();
    Defect { dir, note, input: vec![header, bytes], expected: format!("{expected:?}") }
}

fn totals(entries: &[Entry]) -> Totals {
    let mut totals = Totals::default();
    entries.iter().for_each(|entry| totals.count(entry));
    totals
}

pub fn bodies() -> Vec<Defect> {
    let (feed, entries) = (feed(), entries());
    let root = |hashes: &[Hash]| {
        let mut tree = Frontier::new();
        hashes.iter().for_each(|hash| tree.push(*hash));
        tree.root()
    };
    let four: Vec<Hash> = entries[..4].iter().map(leaf_hash).collect();
    let late = Chunk::verify(chunk_place(5), &feed.second.payload().chunks[0], &feed.late)
        .expect("the chunk of batch 1")
        .leaf_hashes;
    let mut swapped = entries.clone();
    swapped.swap(0, 1);
    let swapped = chunk_at(0, &swapped.iter().flat_map(Wire::encode).collect::<Vec<u8>>());
    let leaves = |chunk: &[u8]| chunk[START..].to_vec();
    let mut other = entries.clone();
    other[0] = Entry::List(Listing { conduct: Conduct::C02, ..listing() });
    let whole = || (0, feed.chunk.clone());
    vec![
        body(
            "body-leaves-swapped",
            "the first two leaves in the other order, the chunk described so",
            (0, swapped),
            |_| (),
            BodyError::Root,
        ),
        body("body-root-of-four", "five leaves, the root of four", whole(), |h| h.root = root(&four), BodyError::Root),
        body(
            "body-root-alone",
            "the root of batch 1 without what stands before it",
            (1, feed.late.clone()),
            |h| h.root = root(&late),
            BodyError::Root,
        ),
        body(
            "body-gap",
            "batch 1 begins a leaf behind the end of batch 0",
            (1, chunk_at(6, &leaves(&feed.late))),
            |h| (h.first, h.size) = (h.first + 1, h.size + 1),
            BodyError::Gap,
        ),
        body(
            "body-chunk-of-another-place",
            "batch 1 names the chunk of batch 0",
            (1, feed.chunk.clone()),
            |h| h.chunks[0].entries = 3,
            ChunkError::Misdescribed,
        ),
        body(
            "body-chunk-of-another-publisher",
            "batch 0 of member 1 names a chunk of member 2",
            (0, [&[0x82, 2, 0], &feed.chunk[START..]].concat()),
            |_| (),
            ChunkError::Misdescribed,
        ),
        body(
            "body-wrong-count",
            "five leaves where header and description say four",
            whole(),
            |h| {
                (h.count, h.size, h.totals, h.root) = (4, 4, totals(&entries[..4]), root(&four));
                h.chunks[0].entries = 4;
            },
            ChunkError::Misdescribed,
        ),
        body(
            "body-chunk-truncated",
            "without its last byte, the chunk described so",
            (0, feed.chunk[..feed.chunk.len() - 1].to_vec()),
            |h| h.chunks[0].bytes -= 1,
            ChunkError::Leaf { leaf: 4, error: MALFORMED },
        ),
        body(
            "body-other-totals",
            "a listing counted under another conduct",
            whole(),
            |h| h.totals = totals(&other),
            BodyError::Totals,
        ),
        body(
            "body-erased-other-totals",
            "one leaf erased, and another one counted under another conduct",
            (0, erased_chunk()),
            |h| h.totals = totals(&other),
            BodyError::Totals,
        ),
    ]
}
