//! What a node hands in and gets back.

use std::fmt;

use zeroize::Zeroizing;

use super::{Fault, Message, Seed};
use crate::{base::MemberNumber, subject::Class};

/// A holder that takes part.
#[derive(Clone, Copy)]
pub struct Me<'a> {
    /// Its member number.
    pub holder: MemberNumber,
    /// Its seed for this ceremony.
    pub seed: &'a Seed,
    /// For a refresh its present shares, one a class of the call; otherwise empty.
    pub shares: &'a [[u8; 32]],
}

/// How far a ceremony is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Phase {
    /// Commitments are missing.
    Commit,
    /// Sealed shares are missing.
    Deal,
    /// Confirmations are missing.
    Confirm,
    /// All holders confirmed the same.
    Done,
    /// Somebody broke a rule or did not answer: a new call is needed.
    Void,
}

/// The public keys of one class: the group key first, then share 1 to n.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassKeys {
    /// The class.
    pub class: Class,
    /// The keys, as the charter will hold them.
    pub public_keys: Vec<[u8; 32]>,
}

/// A holder's secret shares, one a class of the call. Wiped when dropped; shows nothing of itself.
pub struct Shares(pub(super) Zeroizing<Vec<[u8; 32]>>);

impl Shares {
    /// The shares, in the order of the classes.
    pub fn as_slice(&self) -> &[[u8; 32]] {
        &self.0
    }
}

impl fmt::Debug for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Shares(..)")
    }
}

/// What a finished ceremony made.
#[derive(Debug)]
pub struct Outcome {
    /// The public keys of each class.
    pub keys: Vec<ClassKeys>,
    /// Our shares, if we are a holder.
    pub shares: Option<Shares>,
}

/// Where a ceremony stands.
#[derive(Debug)]
pub struct Progress {
    /// How far it is.
    pub phase: Phase,
    /// The holders without whom it does not go on, ascending. One that answered is among them if its answer can not be judged
    /// yet: it may have seen a message that is still on its way to us.
    pub waiting_for: Vec<MemberNumber>,
    /// Ours, to be signed and put on the board.
    pub post: Vec<Message>,
    /// Who is to blame, ascending, each once, for the earliest round in which something is wrong.
    pub faults: Vec<(MemberNumber, Fault)>,
    /// The result of a ceremony that is done.
    pub outcome: Option<Outcome>,
}
