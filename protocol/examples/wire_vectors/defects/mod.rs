//! Hostile inputs: each a valid object with one thing wrong, and the exact error that it must meet.

mod body;
mod ceremony;
mod charter;
mod envelope;
mod evidence;
mod feed;
mod holders;
mod receipts;
mod remarks;
mod shared;
mod small;

use std::fmt::Debug;

use crate::fixtures::*;
use antibrush_protocol::{
    base::{Day, Timestamp},
    encoding::DecodeError,
};

pub struct Defect {
    pub dir: &'static str,
    pub note: &'static str,
    /// The bytes; a second section where the object has a bitmap, or a header its chunk.
    pub input: Vec<Vec<u8>>,
    /// The error, as `{:?}` prints it.
    pub expected: String,
}

pub fn all() -> Vec<Defect> {
    let mut all = feed::entries();
    all.extend(remarks::entries());
    all.extend(feed::headers());
    all.extend(envelope::envelopes());
    all.extend(envelope::chunks());
    all.extend(body::bodies());
    all.extend(ceremony::calls());
    all.extend(ceremony::messages());
    all.extend(shared::requests());
    all.extend(shared::responses());
    all.extend(shared::answers());
    all.extend(shared::evidence());
    all.extend(shared::posts());
    all.extend(shared::usage());
    all.extend(shared::deletions());
    all.extend(shared::witnesses());
    all.extend(receipts::receipts());
    all.extend(charter::charters());
    all.extend(holders::charters());
    all.extend(charter::members());
    all.extend(small::messages());
    all.extend(small::joins());
    all.extend(small::filters());
    all.extend(small::proofs());
    all.extend(small::absences());
    all.extend(evidence::equivocations());
    all
}

fn defect(dir: &'static str, note: &'static str, input: Vec<u8>, expected: impl Debug) -> Defect {
    Defect { dir, note, input: vec![input], expected: format!("{expected:?}") }
}

const MALFORMED: DecodeError = DecodeError::Malformed;
const NOT_CANONICAL: DecodeError = DecodeError::NotCanonical;
const TOO_LARGE: DecodeError = DecodeError::TooLarge;
const TRAILING: DecodeError = DecodeError::TrailingBytes;
