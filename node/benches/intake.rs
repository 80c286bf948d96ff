//! Taking in a batch of somebody else's, and making one from a CSV file; beside each, in the same run, its limit.
//!
//! `cargo bench -p antibrush-node --bench intake [-- take|make] [ENTRIES]`

mod support;

use std::{path::Path, sync::Arc};

use antibrush_node::{
    api,
    config::Config,
    core::Opening,
    keys::{KeyStore, Protection},
    serve,
    storage::{Store, lock::DataDir, table::prefix_of},
};
use antibrush_protocol::{
    feed::{BatchHeader, Chunk, ChunkDescriptor, ChunkPlace},
    signed::Verified,
    subject::Class,
};
use rayon::prelude::*;
use sha2::{Digest, Sha256};
use support::{Process, feed, line, median, seconds, wanted};
use tower::ServiceExt;

const RUNS: usize = 3;

fn main() {
    support::machine();
    let entries = support::size(1_000_000);
    if wanted("take") {
        take(entries);
    }
    if wanted("make") {
        make(entries);
    }
}

fn take(entries: u64) {
    let root = tempfile::tempdir().expect("a temporary directory");
    let founder = Process::founder(root.path());
    let (header, chunks) = feed::batch(&founder.directory, Class::Acc, entries);
    let bytes: Vec<u8> = chunks.iter().flat_map(|chunk| chunk.iter().copied()).collect();
    let (mut taken, mut limits, mut verifies) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        support::quiet();
        let directory = root.path().join(format!("taker-{run}"));
        let data = DataDir::lock(&directory).expect("a fresh directory");
        let (store, _) = Store::open(&data).expect("a fresh store");
        taken.push(entries as f64 / seconds(|| feed::take_in(&store, &header, &chunks)));
        let last = feed::token(entries - 1);
        assert!(store.table().reader().contains(&prefix_of(&last)), "the last entry is queryable");
        drop(store);
        std::fs::remove_dir_all(&directory).expect("our own directory");
        limits.push(entries as f64 / (hash_leaves(&chunks) + support::write_and_sync(root.path(), &bytes)));
        verifies.push(entries as f64 / seconds(|| verify(&header, &chunks)));
    }
    line("entries in the batch, bytes", format!("{entries}, {}", bytes.len()));
    line("taken in: verified, durable, queryable", rate(&mut taken));
    line("limit: SHA-256 of the leaves, one write, one fsync", rate(&mut limits));
    line("of it: decoding and verifying chunks on all cores", rate(&mut verifies));
    println!();
}

fn verify(header: &Verified<BatchHeader>, chunks: &[Arc<[u8]>]) {
    let pairs = header.payload().placed_chunks().zip(chunks).collect::<Vec<_>>();
    let verified = |((place, of), bytes): ((ChunkPlace, &ChunkDescriptor), &Arc<[u8]>)| {
        Chunk::verify(place, of, bytes).expect("a good chunk").erased
    };
    let erased: u32 = pairs.into_par_iter().map(verified).sum();
    assert_eq!(erased, 0);
}

fn hash_leaves(chunks: &[Arc<[u8]>]) -> f64 {
    // Entries of one kind are almost equally long.
    let length = 120;
    seconds(|| {
        let one = |chunk: &Arc<[u8]>| chunk.chunks(length).fold(0u8, |x, leaf| x ^ Sha256::digest(leaf)[0]);
        std::hint::black_box(chunks.par_iter().map(one).reduce(|| 0, |a, b| a ^ b));
    })
}

/// The import route itself, in process: parse, canonicalise, suite 1, encode, tree, sign, durable, queryable.
fn make(rows: u64) {
    let csv = support::csv(rows);
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let (mut made, mut limits) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let root = tempfile::tempdir().expect("a temporary directory");
        let founder = Process::founder(root.path());
        support::quiet();
        made.push(rows as f64 / runtime.block_on(import(&founder.directory, csv.clone())));
        let body = vec![7; csv.len() * 2];
        limits.push(rows as f64 / (parse(&csv) + support::write_and_sync(root.path(), &body)));
    }
    line("rows of the file, bytes", format!("{rows}, {}", csv.len()));
    line("made: parsed, tokens, tree, signed, durable", rate(&mut made));
    line("limit: reading the rows alone, one write, one fsync", rate(&mut limits));
}

async fn import(directory: &Path, csv: Vec<u8>) -> f64 {
    let data = DataDir::lock(directory).expect("our own directory");
    let keys = KeyStore::open(directory, &Protection::InClearDangerously).expect("keys in clear");
    let app = serve::open(data, keys, Config::default(), Opening::Offline).await.expect("a node");
    let token = std::fs::read_to_string(directory.join("api-token")).expect("a token");
    let (router, _) = api::router(app.clone());
    let request =
        axum::http::Request::post("/v1/import?name=bench.csv").header("authorization", format!("Bearer {token}"));
    let request = request.body(axum::body::Body::from(csv)).expect("a request");
    let began = std::time::Instant::now();
    let answer = router.oneshot(request).await.expect("no failing case");
    let lines = axum::body::to_bytes(answer.into_body(), usize::MAX).await.expect("a whole answer");
    let took = began.elapsed().as_secs_f64();
    let text = String::from_utf8_lossy(&lines);
    let last = text.lines().last().unwrap_or_default();
    assert!(last.contains("\"summary\"") && last.contains("\"rejected\":0"), "{last}");
    app.node.stop().await;
    took
}

/// Rows split and interpreted, nothing more.
fn parse(csv: &[u8]) -> f64 {
    let table = antibrush_node::import::Table::read("bench.csv", csv.to_vec()).expect("a table");
    seconds(|| {
        let read = table.for_each_block(|_, _| (), |_| std::ops::ControlFlow::Continue(()));
        assert_eq!(read.expect("a readable file").rejects, 0);
    })
}

fn rate(values: &mut [f64]) -> String {
    let (low, high) = (values.iter().copied().fold(f64::MAX, f64::min), values.iter().copied().fold(0.0, f64::max));
    format!("{:>9.0} /s (of {}: {low:.0}–{high:.0})", median(values), values.len())
}
