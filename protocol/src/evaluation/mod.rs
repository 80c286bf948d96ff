//! Evaluation: what a platform asks key holders, and what they answer.
//!
//! A request carries blinded elements, padded to a power of two with random ones, so that a holder learns neither which
//! identifiers are meant nor exactly how many. An answer is signed: one whose proof does not hold is evidence against its
//! holder that anybody can check with the charter ([`BadAnswer`]).

mod answer;
mod error;
mod evidence;
pub mod quota;
mod request;

#[cfg(test)]
mod tests;

pub use answer::{Answer, EvaluationResponse, Refusal, admit, check, sign};
pub use error::EvaluationError;
pub use evidence::BadAnswer;
pub use request::{EvaluationRequest, padded};
