//! Spans of time, shares and rates as people write them: `"90s"`, `"0.5%"`, `"100Mbit"`.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::random::Millionths;

/// A span of virtual time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Span {
    ms: u64,
}

const UNITS: [(&str, u64); 5] = [("ms", 1), ("s", 1_000), ("min", 60_000), ("h", 3_600_000), ("d", 86_400_000)];

impl Span {
    /// So many milliseconds.
    pub const fn from_ms(ms: u64) -> Span {
        Span { ms }
    }

    /// In milliseconds.
    pub const fn ms(self) -> u64 {
        self.ms
    }

    /// In microseconds.
    pub const fn us(self) -> u64 {
        self.ms * 1000
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Span, String> {
        let expected =
            || format!("\"{text}\" is no span of time: write a whole number with ms, s, min, h or d, like \"90s\"");
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(expected)?;
        let number: u64 = text[..digits].parse().map_err(|_| expected())?;
        let unit = text[digits..].trim();
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(expected)?;
        // A year: no scenario lasts longer, and sums of spans stay far from the end of 64 bits.
        let ms = number.checked_mul(*factor).filter(|ms| *ms <= 366 * 86_400_000).ok_or_else(expected)?;
        Ok(Span { ms })
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fits = |(_, factor): &&(&str, u64)| self.ms > 0 && self.ms.is_multiple_of(*factor);
        let (name, factor) = UNITS.iter().rev().find(fits).unwrap_or(&UNITS[1]);
        write!(f, "{}{name}", self.ms / factor)
    }
}

impl TryFrom<String> for Span {
    type Error = String;

    fn try_from(text: String) -> Result<Span, String> {
        text.parse()
    }
}

impl From<Span> for String {
    fn from(span: Span) -> String {
        span.to_string()
    }
}

/// A share of something: `"0.5%"`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Share(pub Millionths);

impl FromStr for Share {
    type Err = String;

    fn from_str(text: &str) -> Result<Share, String> {
        let expected = || format!("\"{text}\" is no share: write 0% to 100% with at most four decimals, like \"0.5%\"");
        let number = text.strip_suffix('%').ok_or_else(expected)?.trim();
        let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
        let are_digits = |part: &str| part.chars().all(|c| c.is_ascii_digit());
        if whole.is_empty() || whole.len() > 3 || decimals.len() > 4 || !are_digits(whole) || !are_digits(decimals) {
            return Err(expected());
        }
        let millionths: u32 = format!("{whole}{decimals:0<4}").parse().map_err(|_| expected())?;
        if millionths > Millionths::ALL.0 { Err(expected()) } else { Ok(Share(Millionths(millionths))) }
    }
}

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, decimals) = (self.0.0 / 10_000, self.0.0 % 10_000);
        if decimals == 0 {
            return write!(f, "{whole}%");
        }
        write!(f, "{whole}.{}%", format!("{decimals:04}").trim_end_matches('0'))
    }
}

impl TryFrom<String> for Share {
    type Error = String;

    fn try_from(text: String) -> Result<Share, String> {
        text.parse()
    }
}

impl From<Share> for String {
    fn from(share: Share) -> String {
        share.to_string()
    }
}

/// What a line carries: `"100Mbit"` a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bandwidth {
    kbit: u64,
}

impl Bandwidth {
    /// So many kilobits a second.
    pub const fn from_kbit(kbit: u64) -> Bandwidth {
        Bandwidth { kbit }
    }

    /// In kilobits a second.
    pub const fn kbit(self) -> u64 {
        self.kbit
    }

    /// How long the line is taken by so many bytes, in microseconds.
    pub fn takes_us(self, bytes: u64) -> u64 {
        bytes.saturating_mul(8_000) / self.kbit.max(1)
    }
}

impl FromStr for Bandwidth {
    type Err = String;

    fn from_str(text: &str) -> Result<Bandwidth, String> {
        let expected =
            || format!("\"{text}\" is no bandwidth: write a whole number with kbit, Mbit or Gbit, like \"100Mbit\"");
        let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(expected)?;
        let number: u64 = text[..digits].parse().map_err(|_| expected())?;
        let factor = match text[digits..].trim() {
            "kbit" => 1,
            "Mbit" => 1_000,
            "Gbit" => 1_000_000,
            _ => return Err(expected()),
        };
        let kbit = number.checked_mul(factor).filter(|kbit| (1..=1_000_000_000).contains(kbit)).ok_or_else(expected)?;
        Ok(Bandwidth { kbit })
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kbit {
            kbit if kbit % 1_000_000 == 0 => write!(f, "{}Gbit", kbit / 1_000_000),
            kbit if kbit % 1_000 == 0 => write!(f, "{}Mbit", kbit / 1_000),
            kbit => write!(f, "{kbit}kbit"),
        }
    }
}

impl TryFrom<String> for Bandwidth {
    type Error = String;

    fn try_from(text: String) -> Result<Bandwidth, String> {
        text.parse()
    }
}

impl From<Bandwidth> for String {
    fn from(bandwidth: Bandwidth) -> String {
        bandwidth.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written_alike() {
        for (text, ms) in [("250ms", 250), ("90s", 90_000), ("10min", 600_000), ("2h", 7_200_000), ("7d", 604_800_000)]
        {
            let span: Span = text.parse().unwrap();
            assert_eq!((span.ms(), span.to_string().as_str()), (ms, text));
        }
        for bad in ["", "5", "s", "1.5h", "-1s", "1 week", "400d", "99999999999999999999s"] {
            assert!(bad.parse::<Span>().is_err(), "{bad}");
        }
    }

    #[test]
    fn shares_are_read_and_written_alike() {
        for (text, millionths) in [("0%", 0), ("0.5%", 5_000), ("33.3333%", 333_333), ("100%", 1_000_000)] {
            let share: Share = text.parse().unwrap();
            assert_eq!((share.0.0, share.to_string().as_str()), (millionths, text));
        }
        for bad in ["", "5", "101%", "-1%", "1.00001%", "%", "1e2%", "１%"] {
            assert!(bad.parse::<Share>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_megabyte_takes_eight_tenths_of_a_second_on_ten_megabits() {
        let line: Bandwidth = "10Mbit".parse().unwrap();
        assert_eq!(line.takes_us(1_000_000), 800_000);
        assert!("0Mbit".parse::<Bandwidth>().is_err() && "10".parse::<Bandwidth>().is_err());
    }
}
