//! PER: the resident identity number (公民身份号码), GB 11643-1999.
//!
//! Residence permits of residents of Hong Kong, Macau and Taiwan carry the same form (prefixes 81 to 83). The number
//! of a foreigner's permanent residence card begins with 9, is not a number of GB 11643 and is refused.

use zeroize::Zeroizing;

use super::SubjectError;
use super::text::{Compact, ascii_string};

/// GB 11643-1999 (by ISO 7064 MOD 11-2): the weight of position i of 18 is 2^(18−i) mod 11.
const WEIGHTS: [u32; 17] = [7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2];

/// GB 11643-1999: the check symbol for each remainder of the weighted sum modulo 11.
const CHECK: &[u8; 11] = b"10X98765432";

/// 18 symbols; a number of the 15-digit generation (before 1999) gets its century, 19, and its check symbol.
pub(super) fn canonical(text: &str) -> Result<String, SubjectError> {
    let compact = Compact::read(text, |_, symbol| symbol.is_ascii_digit() || symbol == b'X')?;
    let given = compact.symbols()?;
    let mut number = Zeroizing::new([0u8; 17]);
    let check = match given.len() {
        18 => {
            number.copy_from_slice(&given[..17]);
            Some(given[17])
        }
        15 => {
            number[..6].copy_from_slice(&given[..6]);
            number[6..8].copy_from_slice(b"19");
            number[8..].copy_from_slice(&given[6..]);
            None
        }
        _ => return Err(SubjectError::WrongLength),
    };
    if number.contains(&b'X') {
        return Err(SubjectError::BadSymbol);
    }
    if !is_province(decimal(&number[..2])) {
        return Err(SubjectError::NoSuchProvince);
    }
    if !is_date(decimal(&number[6..10]), decimal(&number[10..12]), decimal(&number[12..14])) {
        return Err(SubjectError::NoSuchDate);
    }
    let sum: u32 = number.iter().zip(WEIGHTS).map(|(&digit, weight)| u32::from(digit - b'0') * weight).sum();
    let expected = CHECK[(sum % 11) as usize];
    if check.is_some_and(|check| check != expected) {
        return Err(SubjectError::BadCheckDigit);
    }
    Ok(ascii_string(&[&*number, &[expected]]))
}

/// The number that ASCII digits write.
fn decimal(digits: &[u8]) -> u32 {
    digits.iter().fold(0, |number, &digit| number * 10 + u32::from(digit - b'0'))
}

/// GB/T 2260: the provinces, regions and municipalities, 71 Taiwan, 81 Hong Kong, 82 Macau; 83 is the prefix of
/// residence permits of Taiwan residents.
fn is_province(code: u32) -> bool {
    matches!(code, 11..=15 | 21..=23 | 31..=37 | 41..=46 | 50..=54 | 61..=65 | 71 | 81..=83)
}

/// Whether the Gregorian calendar has the date. There is no clock here, so a date to come is accepted; the range ends
/// where [`crate::base::Day`] ends.
fn is_date(year: u32, month: u32, day: u32) -> bool {
    let days = match month {
        2 if year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400)) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        1..=12 => 31,
        _ => return false,
    };
    (1900..=2149).contains(&year) && (1..=days).contains(&day)
}
