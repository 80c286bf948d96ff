//! ENT: the unified social credit code (统一社会信用代码), GB 32100-2015.
//!
//! Only what docs/DOMAIN.md demands is checked: the symbols, the length and the check character. The organisation
//! code inside (positions 9–17) has a check character of its own by GB 11714, which is not checked: the outer one
//! already covers every position, and a second rule could only make members disagree about codes that were in fact
//! issued.

use super::SubjectError;
use super::text::{Compact, ascii_string};

/// GB 32100-2015 §5.2: the 31 symbols, each worth its position; I, O, S, V and Z are left out.
const ALPHABET: &[u8; 31] = b"0123456789ABCDEFGHJKLMNPQRTUWXY";

/// GB 32100-2015 §5.3: the weight of position i is 3^(i−1) mod 31.
const WEIGHTS: [u32; 17] = [1, 3, 9, 27, 19, 26, 16, 17, 20, 29, 25, 13, 8, 24, 10, 30, 28];

/// Marks a byte that is no symbol of the alphabet.
const NO_SYMBOL: u8 = 0xFF;

/// The worth of each ASCII byte.
const VALUES: [u8; 128] = {
    let mut values = [NO_SYMBOL; 128];
    let mut i = 0;
    while i < ALPHABET.len() {
        values[ALPHABET[i] as usize] = i as u8;
        i += 1;
    }
    values
};

fn value(symbol: u8) -> Option<u8> {
    VALUES.get(usize::from(symbol)).copied().filter(|&value| value != NO_SYMBOL)
}

/// 18 symbols in upper case.
pub(super) fn canonical(text: &str) -> Result<String, SubjectError> {
    let compact = Compact::read(text, |_, symbol| value(symbol).is_some())?;
    let code = compact.symbols()?;
    let Some((&last, body)) = code.split_last().filter(|_| code.len() == 18) else {
        return Err(SubjectError::WrongLength);
    };
    let sum: u32 = body.iter().zip(WEIGHTS).map(|(&symbol, weight)| u32::from(VALUES[symbol as usize]) * weight).sum();
    // The outer remainder maps 31 to 0. It is below 31, so it is an index into the alphabet.
    if last != ALPHABET[((31 - sum % 31) % 31) as usize] {
        return Err(SubjectError::BadCheckDigit);
    }
    Ok(ascii_string(&[code]))
}

/// Whether a canonical code is that of a sole trader (个体工商户): GB 32100-2015 table 1, registrar 9, kind 2.
pub(super) fn is_sole_trader(code: &str) -> bool {
    code.starts_with("92")
}
