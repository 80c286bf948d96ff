//! APP: `bundle-id:SHA-256 of the signing certificate`.
//!
//! The bundle id alone would accuse the owner of every app whose name a repackager stole; the certificate says who
//! signed. The bundle id keeps its case, because Android package names are case sensitive.

use super::SubjectError;
use super::text::{narrow, trim};

/// Symbols in a bundle id: the limit of App Store Connect.
const MAX_BUNDLE_SYMBOLS: usize = 155;

/// Hexadecimal digits of a SHA-256 digest.
const DIGEST_DIGITS: usize = 64;

/// The bundle id, a colon and 64 hexadecimal digits in lower case. Colons between the bytes of the digest, as signing
/// tools print them, are taken away.
pub(super) fn canonical(text: &str) -> Result<String, SubjectError> {
    let text = trim(text);
    if text.is_empty() {
        return Err(SubjectError::Empty);
    }
    let (bundle, digest) = text.split_once([':', '：']).ok_or(SubjectError::MissingCertificate)?;
    let (bundle, digest) = (trim(bundle), trim(digest));
    let length = check_bundle(bundle)? + 1 + DIGEST_DIGITS;
    check_digest(digest)?;

    let mut out = String::with_capacity(length);
    out.extend(bundle.chars().filter_map(narrow).map(char::from));
    out.push(':');
    let digits = digest.chars().filter_map(narrow).filter(|&symbol| symbol != b':');
    out.extend(digits.map(|symbol| char::from(symbol.to_ascii_lowercase())));
    Ok(out)
}

/// Counts the symbols of a bundle id: names of letters, digits, `-` (iOS) and `_` (Android), joined by single dots.
fn check_bundle(bundle: &str) -> Result<usize, SubjectError> {
    let (mut count, mut previous) = (0, b'.');
    for c in bundle.chars() {
        match narrow(c) {
            Some(b'.') if previous == b'.' => return Err(SubjectError::BadBundleId),
            Some(symbol) if symbol.is_ascii_alphanumeric() || matches!(symbol, b'.' | b'-' | b'_') => previous = symbol,
            _ => return Err(SubjectError::BadBundleId),
        }
        count += 1;
    }
    // An empty bundle id ends here too: nothing moved `previous` away from the dot.
    if previous == b'.' {
        return Err(SubjectError::BadBundleId);
    }
    if count > MAX_BUNDLE_SYMBOLS { Err(SubjectError::TooLong) } else { Ok(count) }
}

/// 64 hexadecimal digits; a colon may stand between two bytes, nowhere else.
fn check_digest(digest: &str) -> Result<(), SubjectError> {
    if digest.is_empty() {
        return Err(SubjectError::MissingCertificate);
    }
    let (mut digits, mut after_colon) = (0, false);
    for c in digest.chars() {
        match narrow(c) {
            Some(symbol) if symbol.is_ascii_hexdigit() => (digits, after_colon) = (digits + 1, false),
            Some(b':') if digits > 0 && digits % 2 == 0 && !after_colon => after_colon = true,
            _ => return Err(SubjectError::BadCertificateDigest),
        }
    }
    if digits == DIGEST_DIGITS && !after_colon { Ok(()) } else { Err(SubjectError::BadCertificateDigest) }
}
