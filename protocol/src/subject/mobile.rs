//! MOB: a mobile number of mainland China, in the international form of E.164.

use super::SubjectError;
use super::text::{Compact, ascii_string};

/// `+86` and 11 digits. The country code (`+86`, `0086`, `86`) is optional and is taken away only if 11 digits
/// remain.
pub(super) fn canonical(text: &str) -> Result<String, SubjectError> {
    let plus_or_digit = |place: usize, symbol: u8| symbol.is_ascii_digit() || (place == 0 && symbol == b'+');
    let compact = Compact::read(text, plus_or_digit)?;
    let given = compact.symbols()?;
    let number = match given.strip_prefix(b"+") {
        Some(international) => international.strip_prefix(b"86").ok_or(SubjectError::NotAMobileNumber)?,
        None => [&b"0086"[..], b"86"]
            .into_iter()
            .find_map(|code| given.strip_prefix(code).filter(|rest| rest.len() == 11))
            .unwrap_or(given),
    };
    match number {
        [b'1', b'3'..=b'9', ..] if number.len() == 11 => Ok(ascii_string(&[b"+86", number])),
        _ if number.len() == 11 => Err(SubjectError::NotAMobileNumber),
        _ => Err(SubjectError::WrongLength),
    }
}
