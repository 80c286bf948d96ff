//! Normalisation that the classes share.

use zeroize::Zeroizing;

use super::SubjectError;

/// The longest of the three compact forms: 18 symbols (ENT, PER).
const COMPACT_SYMBOLS: usize = 18;

/// The ASCII byte of a character: its own, or the one of which it is the full-width form (U+FF01–U+FF5E, U+3000).
pub(super) fn narrow(c: char) -> Option<u8> {
    match c {
        '\0'..='\x7f' => Some(c as u8),
        // U+FF01–U+FF5E lie in the order of ASCII 0x21–0x7E, so the difference fits in a byte.
        '\u{FF01}'..='\u{FF5E}' => Some((c as u32 - 0xFEE0) as u8),
        '\u{3000}' => Some(b' '),
        _ => None,
    }
}

/// Takes away white space at both ends, as it clings to pasted cells.
pub(super) fn trim(text: &str) -> &str {
    text.trim_matches([' ', '\t', '\r', '\n', '\u{3000}'])
}

/// The symbols of a code or a phone number without the separators that a person types, in upper case, on the stack:
/// the canonical string is then the only allocation of a parse.
pub(super) struct Compact {
    symbols: Zeroizing<[u8; COMPACT_SYMBOLS]>,
    count: usize,
}

impl Compact {
    /// Drops spaces, hyphens and dots and checks every symbol, given with its position from 0, by `allowed`.
    pub(super) fn read(text: &str, allowed: impl Fn(usize, u8) -> bool) -> Result<Compact, SubjectError> {
        let mut compact = Compact { symbols: Zeroizing::new([0; COMPACT_SYMBOLS]), count: 0 };
        for c in trim(text).chars() {
            let symbol = narrow(c).ok_or(SubjectError::NotAscii)?.to_ascii_uppercase();
            if matches!(symbol, b' ' | b'-' | b'.') {
                continue;
            }
            if !allowed(compact.count, symbol) {
                return Err(SubjectError::BadSymbol);
            }
            if let Some(place) = compact.symbols.get_mut(compact.count) {
                *place = symbol;
            }
            compact.count += 1;
        }
        if compact.count == 0 { Err(SubjectError::Empty) } else { Ok(compact) }
    }

    /// The symbols, refused if there are more than any compact form has.
    pub(super) fn symbols(&self) -> Result<&[u8], SubjectError> {
        self.symbols.get(..self.count).ok_or(SubjectError::WrongLength)
    }
}

/// A string of ASCII bytes, allocated once at its exact size.
pub(super) fn ascii_string(parts: &[&[u8]]) -> String {
    let mut out = String::with_capacity(parts.iter().map(|part| part.len()).sum());
    out.extend(parts.iter().copied().flatten().map(|&byte| char::from(byte)));
    out
}
