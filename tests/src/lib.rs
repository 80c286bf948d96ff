//! Tests that stand outside the crates they test: the published vectors, hostile inputs, the ids of the rules, and real
//! node processes with real sockets and files.
//!
//! The tests are the files in `tests/tests/`, one for each noun of docs/PROTOCOL.md or each feature; this library is empty.
//! `tests/vectors/` holds what other implementations test themselves with (annotated hex, one file an object), `tests/data/`
//! hostile inputs in directories that are named after the defect, each with the one error that it must cause.
