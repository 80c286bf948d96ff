//! A feed's head as others write it: a C2SP checkpoint, signed by the feed and cosigned by witnesses, that off-the-shelf tools
//! verify (c2sp.org/tlog-checkpoint, c2sp.org/signed-note, c2sp.org/tlog-cosignature; all v1.0.0).
//!
//! The text is derived from a head and never stored: whoever has the head has the text.

mod cosignature;
mod note;

#[cfg(test)]
mod tests;

use std::fmt::Write as _;

use base64::{Engine, engine::general_purpose::STANDARD};

pub use cosignature::{Cosignature, cosigned_message};
pub use note::{MAX_NOTE_BYTES, MAX_SIGNATURES, Note, NoteError, NoteSignature, SignatureType, VerifierKey};

use crate::base::Hash;

/// The name of a feed as a log: its origin line, and the name of the key that signs it. A feed that was cut goes
/// on as another log: what its old one had signed after the cut is no part of it.
pub fn log_name(alliance: &Hash, slug: &str, cuts: usize) -> String {
    let mut name = format!("antibrush/1/{}/{slug}", hex::encode(&alliance[..16]));
    if cuts > 0 {
        // Writing into a string can not fail.
        let _ = write!(name, "/{cuts}");
    }
    name
}

/// The name of a member's key as a witness.
pub fn witness_name(alliance: &Hash, slug: &str) -> String {
    format!("{}/witness", log_name(alliance, slug, 0))
}

/// What a checkpoint says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log.
    pub origin: String,
    /// Leaves in the tree.
    pub size: u64,
    /// The root over all of them (RFC 6962 §2.1).
    pub root: Hash,
    /// The lines after these three.
    pub extensions: Vec<String>,
}

impl Checkpoint {
    /// The checkpoint of a feed's head. Heartbeats leave size and root as they are; the number of the batch tells them apart.
    pub fn of(log: &str, seq: u64, size: u64, root: &Hash) -> Checkpoint {
        Checkpoint { origin: log.to_owned(), size, root: *root, extensions: vec![format!("batch {seq}")] }
    }

    /// The text that is signed.
    pub fn text(&self) -> String {
        let mut text = format!("{}\n{}\n{}\n", self.origin, self.size, STANDARD.encode(self.root));
        for line in &self.extensions {
            text.push_str(line);
            text.push('\n');
        }
        text
    }

    /// Reads the text of a note. The only form is taken: what is read writes itself again in the same bytes.
    pub fn parse(text: &str) -> Option<Checkpoint> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let (origin, size) = (lines.next()?.to_owned(), lines.next()?.parse().ok()?);
        let root = STANDARD.decode(lines.next()?).ok()?.try_into().ok()?;
        let extensions = lines.map(str::to_owned).collect::<Vec<_>>();
        let checkpoint = Checkpoint { origin, size, root, extensions };
        let has_empty = checkpoint.origin.is_empty() || checkpoint.extensions.iter().any(String::is_empty);
        (!has_empty && checkpoint.text() == text).then_some(checkpoint)
    }
}
