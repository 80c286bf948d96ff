//! The subject itself.

use std::fmt;

use zeroize::ZeroizeOnDrop;

use super::{Class, SubjectError, account, app, credit_code, mobile, resident_id, site};
use crate::base::Hash;

/// Bytes of text that [`Subject::parse`] looks at: a pasted web address with its query fits, a whole file does not.
pub const MAX_TEXT_BYTES: usize = 4096;

/// Bytes of the longest canonical form (WEB, a host name by RFC 1035).
pub const MAX_CANONICAL_BYTES: usize = 253;

/// The domain separation of the token derivation: docs/PROTOCOL.md, Tokens.
const INPUT_LABEL: &[u8] = b"antibrush/v1/subject";

/// An identifier in the canonical form of its class.
///
/// It is the one thing that must never leave the platform: there is no `Display` and no serialisation, `Debug` shows
/// the class alone, and the memory is wiped on drop.
#[derive(Clone, PartialEq, Eq, ZeroizeOnDrop)]
pub struct Subject {
    #[zeroize(skip)]
    class: Class,
    canonical: String,
}

impl Subject {
    /// Reads an identifier as people type and paste it and brings it into canonical form.
    ///
    /// # Errors
    /// The one defect that was found first. With several, the order is: length of the text, emptiness, symbols,
    /// number of symbols, content, check digit.
    pub fn parse(class: Class, text: &str) -> Result<Subject, SubjectError> {
        if text.len() > MAX_TEXT_BYTES {
            return Err(SubjectError::TooLong);
        }
        let canonical = match class {
            Class::Ent => credit_code::canonical(text),
            Class::Per => resident_id::canonical(text),
            Class::Mob => mobile::canonical(text),
            Class::Shp | Class::Acc | Class::Pay | Class::Grp | Class::Log | Class::Wbl => account::canonical(text),
            Class::Web => site::canonical(text),
            Class::App => app::canonical(text),
        }?;
        Ok(Subject { class, canonical })
    }

    /// The class.
    pub fn class(&self) -> Class {
        self.class
    }

    /// The canonical form: ASCII, 1 to [`MAX_CANONICAL_BYTES`] bytes. Never log it.
    pub fn canonical(&self) -> &str {
        &self.canonical
    }

    /// Whether it counts as a natural person's: all but legal entities that are no sole traders, sites and apps. A
    /// shop or a logistics customer may be a company's, but the id does not tell.
    pub fn is_personal(&self) -> bool {
        self.class.is_personal_by_default() || self.is_sole_trader()
    }

    /// Whether the law lets the alliance name it in public: a legal entity that is no sole trader, nothing else.
    pub fn is_publishable(&self) -> bool {
        self.class == Class::Ent && !self.is_sole_trader()
    }

    /// Appends the input of the token derivation:
    /// `"antibrush/v1/subject" ‖ alliance_id[32] ‖ class[1] ‖ length[2, big-endian] ‖ canonical`.
    ///
    /// The bytes contain the identifier: wipe `out` after use.
    pub fn input(&self, alliance_id: &Hash, out: &mut Vec<u8>) {
        // At most MAX_CANONICAL_BYTES, far below 2^16.
        let length = self.canonical.len() as u16;
        // One reservation: growing step by step would leave copies of the identifier in freed memory.
        out.reserve(INPUT_LABEL.len() + alliance_id.len() + 3 + self.canonical.len());
        out.extend_from_slice(INPUT_LABEL);
        out.extend_from_slice(alliance_id);
        out.push(self.class.number());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(self.canonical.as_bytes());
    }

    /// The second subject under which the same thing is listed: for a site, its registrable domain if that is another
    /// host.
    ///
    /// A page on somebody else's site (`shop1.example.com`) has the registrable domain of that site: whoever
    /// publishes must decide whether the whole domain is meant. The public suffix list is the one of the `psl` crate
    /// in use, so two releases may differ about a new suffix.
    pub fn also_listed_as(&self) -> Option<Subject> {
        if self.class != Class::Web {
            return None;
        }
        let domain = site::registrable(&self.canonical).filter(|domain| *domain != self.canonical)?;
        Some(Subject { class: Class::Web, canonical: domain.to_owned() })
    }

    fn is_sole_trader(&self) -> bool {
        self.class == Class::Ent && credit_code::is_sole_trader(&self.canonical)
    }
}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Subject({}, ..)", self.class)
    }
}
