//! What is counted for people who run an alliance: numbers alone, never a token.

mod overlap;

pub use overlap::{Hits, ListCount, Overlap, PairCount};
