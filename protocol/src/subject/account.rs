//! SHP, ACC, PAY, GRP, LOG and WBL: `slug:id`, an id and who issued it.
//!
//! The slug is lower case, as the alliance agrees on slugs. **The id keeps its case**: many issuers' ids are case
//! sensitive (opaque ids in base 64, open ids of social networks), so folding the case would make two persons one. A
//! listing that is missed because somebody changed the case is the smaller harm.

use super::SubjectError;
use super::text::{narrow, trim};

/// Symbols in the slug of a platform, institution, network or carrier.
const MAX_SLUG_SYMBOLS: usize = 32;

/// Symbols in an id. Known ids have at most 64 (SHA-256 in hexadecimal); twice that leaves room.
const MAX_ID_SYMBOLS: usize = 128;

/// The slug in lower case, a colon, and the id as it is. Only the first colon separates.
pub(super) fn canonical(text: &str) -> Result<String, SubjectError> {
    let text = trim(text);
    if text.is_empty() {
        return Err(SubjectError::Empty);
    }
    let (slug, id) = text.split_once([':', '：']).ok_or(SubjectError::MissingPlatform)?;
    let (slug, id) = (trim(slug), trim(id));
    let length = check_slug(slug)? + 1 + check_id(id)?;

    let mut out = String::with_capacity(length);
    out.extend(lower(slug).map(char::from));
    out.push(':');
    out.extend(id.chars().filter_map(narrow).map(char::from));
    Ok(out)
}

/// The narrow symbols in lower case.
fn lower(slug: &str) -> impl Iterator<Item = u8> {
    slug.chars().filter_map(narrow).map(|symbol| symbol.to_ascii_lowercase())
}

/// Counts the symbols of `[a-z0-9][a-z0-9-]{0,31}`, in any case and width.
fn check_slug(slug: &str) -> Result<usize, SubjectError> {
    if slug.is_empty() {
        return Err(SubjectError::MissingPlatform);
    }
    let mut count = 0;
    for c in slug.chars() {
        match narrow(c) {
            Some(symbol) if symbol.is_ascii_alphanumeric() => count += 1,
            Some(b'-') if count > 0 => count += 1,
            _ => return Err(SubjectError::BadPlatformSlug),
        }
    }
    // A pasted web address would otherwise pass as an id of the platform "http".
    let is_scheme = lower(slug).eq(*b"http") || lower(slug).eq(*b"https");
    if is_scheme || count > MAX_SLUG_SYMBOLS { Err(SubjectError::BadPlatformSlug) } else { Ok(count) }
}

/// Counts the symbols of an id: printable ASCII without spaces, in any width.
fn check_id(id: &str) -> Result<usize, SubjectError> {
    if id.is_empty() {
        return Err(SubjectError::MissingId);
    }
    let mut count = 0;
    for c in id.chars() {
        if !narrow(c).ok_or(SubjectError::NotAscii)?.is_ascii_graphic() {
            return Err(SubjectError::BadSymbol);
        }
        count += 1;
    }
    if count > MAX_ID_SYMBOLS { Err(SubjectError::TooLong) } else { Ok(count) }
}
