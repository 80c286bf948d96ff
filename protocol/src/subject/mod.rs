//! Subjects: what a listing is about, in the one written form from which every member derives the same token.
//!
//! Two members find each other's listing only if both write the identifier in the same way, so each class has exactly
//! one canonical form (docs/DOMAIN.md, Subjects), and everything else is refused with the reason. The identifier
//! stays in the process: no error, debug print or log of this module contains any part of it.
//!
//! Normalisation maps U+FF01–U+FF5E and U+3000 to ASCII and nothing else. NFKC would be wrong here: it turns ①③⑧ into
//! 138, and with it a text that nobody meant as a number into somebody's number.

mod account;
mod app;
mod class;
mod credit_code;
mod error;
mod mobile;
mod parsed;
mod resident_id;
mod site;
mod text;

#[cfg(test)]
mod tests;

pub use class::Class;
pub use error::SubjectError;
pub use parsed::{MAX_CANONICAL_BYTES, MAX_TEXT_BYTES, Subject};
