//! Signed notes (c2sp.org/signed-note): a text, an empty line, and lines of signatures.

use std::{fmt, str::FromStr};

use base64::{Engine, engine::general_purpose::STANDARD};
use sha2::{Digest, Sha256};

use super::Cosignature;
use crate::{
    base::Hash,
    signed::{self, PublicKey},
};

/// The longest note that is looked at: a text of some lines and [`MAX_SIGNATURES`] signatures with the longest names.
pub const MAX_NOTE_BYTES: usize = 64 * 1024;

/// The most signatures of a note, as in Go's x/mod/sumdb/note; the specification asks for 16 at least.
pub const MAX_SIGNATURES: usize = 100;

/// The first characters of a signature's line: an em dash and a space.
const DASH: &str = "— ";

/// Why a note does not count.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoteError {
    /// Not a note.
    #[error("this is no signed note (c2sp.org/signed-note)")]
    Malformed,
    /// Not a key.
    #[error("this is no verifier key of a signed note: NAME+ID+KEY, for Ed25519 or a cosignature")]
    Key,
    /// A signature in the name of a known key does not verify: the note is not what it says.
    #[error("the signature of {0} does not verify")]
    BadSignature(String),
    /// None of the known keys has signed.
    #[error("none of the known keys has signed this note")]
    Unverified,
}

/// What a key signs, and how: the first byte of its public form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum SignatureType {
    /// Ed25519 over the text.
    Ed25519 = 1,
    /// cosignature/v1: Ed25519 over the text and a time.
    Cosignature = 4,
}

/// A public key with a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifierKey {
    name: String,
    kind: SignatureType,
    key: PublicKey,
}

impl VerifierKey {
    /// The key of this name.
    pub fn new(name: &str, kind: SignatureType, key: PublicKey) -> Result<VerifierKey, NoteError> {
        if is_name(name) { Ok(VerifierKey { name: name.to_owned(), kind, key }) } else { Err(NoteError::Key) }
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it signs.
    pub fn kind(&self) -> SignatureType {
        self.kind
    }

    /// The Ed25519 key.
    pub fn key(&self) -> &PublicKey {
        &self.key
    }

    /// SHA-256(name ‖ 0x0A ‖ type ‖ key)[..4]. It finds the key and proves nothing.
    pub fn id(&self) -> [u8; 4] {
        let mut hash = Sha256::new();
        hash.update(self.name.as_bytes());
        hash.update([b'\n', self.kind as u8]);
        hash.update(self.key);
        let [a, b, c, d, ..] = Hash::from(hash.finalize());
        [a, b, c, d]
    }

    /// The line's signature of this key: what stands behind the key id.
    pub fn signature(&self, signature: Vec<u8>) -> NoteSignature {
        NoteSignature { name: self.name.clone(), key_id: self.id(), signature }
    }

    fn verify(&self, text: &str, signature: &[u8]) -> bool {
        match self.kind {
            SignatureType::Ed25519 => signed::verify(&self.key, text.as_bytes(), signature),
            SignatureType::Cosignature => {
                Cosignature::read(signature).is_some_and(|cosignature| cosignature.verify(&self.key, text))
            }
        }
    }
}

impl fmt::Display for VerifierKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut key = vec![self.kind as u8];
        key.extend_from_slice(&self.key);
        write!(f, "{}+{}+{}", self.name, hex::encode(self.id()), STANDARD.encode(key))
    }
}

impl FromStr for VerifierKey {
    type Err = NoteError;

    fn from_str(text: &str) -> Result<VerifierKey, NoteError> {
        // The key's base64 may have a plus, too.
        let mut parts = text.splitn(3, '+').skip(2);
        let bytes = parts.next().and_then(|key| STANDARD.decode(key).ok()).ok_or(NoteError::Key)?;
        let (kind, key) = bytes.split_first().ok_or(NoteError::Key)?;
        let kind = match kind {
            1 => SignatureType::Ed25519,
            4 => SignatureType::Cosignature,
            _ => return Err(NoteError::Key),
        };
        let name = text.split('+').next().unwrap_or_default();
        let key = VerifierKey::new(name, kind, key.try_into().map_err(|_| NoteError::Key)?)?;
        // One key has one form: this looks at the id, too.
        if key.to_string() == text { Ok(key) } else { Err(NoteError::Key) }
    }
}

/// One line of signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoteSignature {
    /// The key's name.
    pub name: String,
    /// The key's id.
    pub key_id: [u8; 4],
    /// What stands behind the id.
    pub signature: Vec<u8>,
}

/// A text and its signatures; none of them verified.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The text with its last line feed.
    pub text: String,
    /// The signatures in order.
    pub signatures: Vec<NoteSignature>,
}

impl Note {
    /// Reads a note.
    pub fn parse(bytes: &[u8]) -> Result<Note, NoteError> {
        parse(bytes).ok_or(NoteError::Malformed)
    }

    /// Verifies the signatures of the keys that one knows, and returns those that signed, each once and in the order of the
    /// note; other signatures mean nothing. One that does not verify spoils the note.
    pub fn verify<'k>(&self, known: &'k [VerifierKey]) -> Result<Vec<(&'k VerifierKey, &[u8])>, NoteError> {
        let mut verified: Vec<(&VerifierKey, &[u8])> = Vec::new();
        for line in &self.signatures {
            let is = |key: &&VerifierKey| key.name == line.name && key.id() == line.key_id;
            let Some(key) = known.iter().find(is).filter(|key| !verified.iter().any(|(other, _)| other == key)) else {
                continue;
            };
            if !key.verify(&self.text, &line.signature) {
                return Err(NoteError::BadSignature(line.name.clone()));
            }
            verified.push((key, &line.signature));
        }
        if verified.is_empty() { Err(NoteError::Unverified) } else { Ok(verified) }
    }
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for line in &self.signatures {
            let mut bytes = line.key_id.to_vec();
            bytes.extend_from_slice(&line.signature);
            writeln!(f, "{DASH}{} {}", line.name, STANDARD.encode(bytes))?;
        }
        Ok(())
    }
}

fn parse(bytes: &[u8]) -> Option<Note> {
    if bytes.len() > MAX_NOTE_BYTES {
        return None;
    }
    let whole = std::str::from_utf8(bytes).ok()?;
    if whole.chars().any(|c| c < ' ' && c != '\n') {
        return None;
    }
    let at = whole.rfind("\n\n")?;
    let (text, lines) = (&whole[..=at], whole[at + 2..].strip_suffix('\n')?);
    let mut signatures = Vec::new();
    for line in lines.split('\n') {
        if signatures.len() == MAX_SIGNATURES {
            return None;
        }
        let (name, encoded) = line.strip_prefix(DASH)?.split_once(' ')?;
        let decoded = STANDARD.decode(encoded).ok()?;
        let (key_id, signature) = decoded.split_first_chunk::<4>()?;
        if !is_name(name) || signature.is_empty() {
            return None;
        }
        signatures.push(NoteSignature { name: name.to_owned(), key_id: *key_id, signature: signature.to_vec() });
    }
    Some(Note { text: text.to_owned(), signatures })
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && !name.chars().any(|c| c.is_whitespace() || c.is_control() || c == '+')
}
