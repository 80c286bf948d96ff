//! Deterministic CBOR (RFC 8949 §4.2) for every object on the wire.
//!
//! Maps have small integer keys in ascending order; there are no floats, tags or indefinite lengths. A decoder reads what
//! it knows, encodes it again and refuses any difference ([`DecodeError::NotCanonical`]), so one object has one encoding
//! and an identifier made by hashing it has one meaning.

use minicbor::{Decoder, data::Type};

/// Why bytes are not the object that they should be. All of them are the sender's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// Not CBOR, cut short, or another type than the field has.
    #[error("the bytes are not the CBOR that this object has")]
    Malformed,
    /// Something follows the object.
    #[error("bytes follow the end of the object")]
    TrailingBytes,
    /// Keys out of order or twice, a longer form than needed, or an explicit default.
    #[error("the encoding is not the deterministic one")]
    NotCanonical,
    /// The object is longer than its bound.
    #[error("the object is longer than its bound")]
    TooLarge,
    /// The version is not one that this build speaks.
    #[error("version {0} of this object is unknown here; a newer release may read it")]
    UnknownVersion(u64),
    /// A key that this version does not have.
    #[error("key {0} is unknown in this version")]
    UnknownKey(u64),
    /// A required field is missing.
    #[error("the field {0} is missing")]
    Missing(&'static str),
    /// A field has a value outside its range, or of a code that does not exist.
    #[error("the field {0} is out of range")]
    OutOfRange(&'static str),
}

impl From<minicbor::decode::Error> for DecodeError {
    fn from(_: minicbor::decode::Error) -> Self {
        DecodeError::Malformed
    }
}

/// An object with one deterministic encoding.
pub trait Wire: Sized {
    /// The longest encoding that is looked at.
    const MAX_BYTES: usize;

    /// Appends the encoding.
    fn write(&self, w: &mut Writer);

    /// Reads the object; [`Wire::decode`] adds the checks of length and canonical form.
    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError>;

    /// The encoding.
    fn encode(&self) -> Vec<u8> {
        // Most objects fit: an entry has some 120 bytes.
        let mut w = Writer(Vec::with_capacity(Self::MAX_BYTES.min(192)));
        self.write(&mut w);
        w.into_bytes()
    }

    /// Decodes exactly these bytes: bounded, nothing after the object, and only the deterministic form.
    fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        if bytes.len() > Self::MAX_BYTES {
            return Err(DecodeError::TooLarge);
        }
        let mut reader = Reader::new(bytes);
        let value = Self::read(&mut reader)?;
        if !reader.is_at_end() {
            return Err(DecodeError::TrailingBytes);
        }
        if value.encode() == bytes { Ok(value) } else { Err(DecodeError::NotCanonical) }
    }
}

/// Writes CBOR into memory, which can not fail.
///
/// Its own few lines and not minicbor's encoder: that one writes byte by byte through a fallible trait, which took an
/// eighth of the time of making a batch.
#[derive(Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// Starts a map of `len` pairs.
    pub fn map(&mut self, len: usize) -> &mut Self {
        self.head(5, len as u64);
        self
    }

    /// Starts an array of `len` items.
    pub fn array(&mut self, len: usize) -> &mut Self {
        self.head(4, len as u64);
        self
    }

    /// An unsigned integer; also used for keys.
    pub fn uint(&mut self, value: impl Into<u64>) -> &mut Self {
        self.head(0, value.into());
        self
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) -> &mut Self {
        self.head(2, value.len() as u64);
        self.0.extend_from_slice(value);
        self
    }

    /// A text string.
    pub fn text(&mut self, value: &str) -> &mut Self {
        self.head(3, value.len() as u64);
        self.0.extend_from_slice(value.as_bytes());
        self
    }

    /// A nested object.
    pub fn object(&mut self, value: &impl Wire) -> &mut Self {
        value.write(self);
        self
    }

    /// An object that is encoded already.
    pub fn encoded(&mut self, bytes: &[u8]) -> &mut Self {
        self.0.extend_from_slice(bytes);
        self
    }

    /// The bytes so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Empties the writer and keeps its memory.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The finished encoding.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The shortest head of an item of this major type (RFC 8949 §4.2.1).
    #[inline]
    fn head(&mut self, major: u8, value: u64) {
        let first = major << 5;
        match value {
            0..=23 => self.0.push(first | value as u8),
            24..=0xff => self.0.extend_from_slice(&[first | 24, value as u8]),
            0x100..=0xffff => {
                let [a, b] = (value as u16).to_be_bytes();
                self.0.extend_from_slice(&[first | 25, a, b]);
            }
            0x1_0000..=0xffff_ffff => {
                let [a, b, c, d] = (value as u32).to_be_bytes();
                self.0.extend_from_slice(&[first | 26, a, b, c, d]);
            }
            _ => {
                self.0.push(first | 27);
                self.0.extend_from_slice(&value.to_be_bytes());
            }
        }
    }
}

/// Reads CBOR with bounds; canonical form is checked by [`Wire::decode`].
pub struct Reader<'b>(Decoder<'b>);

impl<'b> Reader<'b> {
    /// A reader at the start of `bytes`.
    pub fn new(bytes: &'b [u8]) -> Self {
        Reader(Decoder::new(bytes))
    }

    /// The position in the input.
    pub fn position(&self) -> usize {
        self.0.position()
    }

    /// Whether everything has been read.
    pub fn is_at_end(&self) -> bool {
        self.0.position() == self.0.input().len()
    }

    /// Everything that has not been read yet, for an object with a decoder of its own.
    pub fn rest(&mut self) -> &'b [u8] {
        let rest = &self.0.input()[self.0.position()..];
        self.0.set_position(self.0.input().len());
        rest
    }

    /// Whether the next item is a byte string of definite length.
    pub fn next_is_bytes(&self) -> bool {
        matches!(self.0.datatype(), Ok(Type::Bytes))
    }

    /// A map header: the number of pairs, at most 24.
    pub fn map(&mut self) -> Result<usize, DecodeError> {
        match self.0.map()? {
            Some(len) if len <= 24 => Ok(len as usize),
            Some(_) => Err(DecodeError::TooLarge),
            None => Err(DecodeError::NotCanonical),
        }
    }

    /// Reads a map pair by pair: `field` gets each key and reads its value.
    pub fn fields(
        &mut self,
        mut field: impl FnMut(u64, &mut Self) -> Result<(), DecodeError>,
    ) -> Result<(), DecodeError> {
        let mut last = None;
        for _ in 0..self.map()? {
            let key = self.uint()?;
            if last.is_some_and(|last| key <= last) {
                return Err(DecodeError::NotCanonical);
            }
            last = Some(key);
            field(key, self)?;
        }
        Ok(())
    }

    /// An array header with at most `most` items.
    pub fn array(&mut self, most: usize) -> Result<usize, DecodeError> {
        match self.0.array()? {
            Some(len) if len <= most as u64 => Ok(len as usize),
            Some(_) => Err(DecodeError::TooLarge),
            None => Err(DecodeError::NotCanonical),
        }
    }

    /// An array of at most `most` items, each read by `item`.
    pub fn items<T>(
        &mut self,
        most: usize,
        mut item: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        (0..self.array(most)?).map(|_| item(self)).collect()
    }

    /// An array of exactly `len` items: the head only.
    pub fn tuple(&mut self, len: usize) -> Result<(), DecodeError> {
        if self.array(len)? == len { Ok(()) } else { Err(DecodeError::Malformed) }
    }

    /// An unsigned integer.
    pub fn uint(&mut self) -> Result<u64, DecodeError> {
        Ok(self.0.u64()?)
    }

    /// An unsigned integer that fits into `T`.
    pub fn small<T: TryFrom<u64>>(&mut self, field: &'static str) -> Result<T, DecodeError> {
        T::try_from(self.uint()?).map_err(|_| DecodeError::OutOfRange(field))
    }

    /// A code of a code table.
    pub fn code<T>(&mut self, field: &'static str, from_number: fn(u8) -> Option<T>) -> Result<T, DecodeError> {
        from_number(self.small(field)?).ok_or(DecodeError::OutOfRange(field))
    }

    /// A byte string of at most `most` bytes.
    pub fn bytes(&mut self, most: usize) -> Result<&'b [u8], DecodeError> {
        let bytes = self.0.bytes()?;
        if bytes.len() <= most { Ok(bytes) } else { Err(DecodeError::TooLarge) }
    }

    /// A byte string of exactly `N` bytes.
    pub fn fixed<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        <[u8; N]>::try_from(self.0.bytes()?).map_err(|_| DecodeError::Malformed)
    }

    /// A text of at most `most` bytes that holds no control characters.
    pub fn text(&mut self, most: usize, field: &'static str) -> Result<String, DecodeError> {
        let text = self.0.str()?;
        if text.len() > most {
            Err(DecodeError::TooLarge)
        } else if text.chars().any(char::is_control) {
            Err(DecodeError::OutOfRange(field))
        } else {
            Ok(text.to_owned())
        }
    }

    /// The version, which must be `known`.
    pub fn version(&mut self, known: u64) -> Result<(), DecodeError> {
        match self.uint()? {
            version if version == known => Ok(()),
            version => Err(DecodeError::UnknownVersion(version)),
        }
    }
}

/// A required field: `value.require("name")?`.
pub trait Require<T> {
    /// The value, or which field is missing.
    fn require(self, field: &'static str) -> Result<T, DecodeError>;
}

impl<T> Require<T> for Option<T> {
    fn require(self, field: &'static str) -> Result<T, DecodeError> {
        self.ok_or(DecodeError::Missing(field))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, PartialEq)]
    struct Pair(u64, Vec<u8>);

    impl Wire for Pair {
        const MAX_BYTES: usize = 16;
        fn write(&self, w: &mut Writer) {
            w.map(2).uint(0u8).uint(self.0).uint(1u8).bytes(&self.1);
        }
        fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
            let (mut a, mut b) = (None, None);
            r.fields(|key, r| {
                match key {
                    0 => a = Some(r.uint()?),
                    1 => b = Some(r.bytes(8)?.to_vec()),
                    other => return Err(DecodeError::UnknownKey(other)),
                }
                Ok(())
            })?;
            Ok(Pair(a.require("a")?, b.require("b")?))
        }
    }

    #[test]
    fn only_the_deterministic_form_is_taken() {
        let decode = |text: &str| Pair::decode(&hex::decode(text).unwrap());
        assert_eq!(decode("a200050141ff"), Ok(Pair(5, vec![0xff])));
        for (bytes, error) in [
            ("a20018050141ff", DecodeError::NotCanonical),
            ("a200055801ff", DecodeError::Malformed),
            ("a20005015801ff", DecodeError::NotCanonical),
            ("bf00050141ffff", DecodeError::NotCanonical),
            ("a20005015f41ffff", DecodeError::Malformed),
            ("a20141ff0005", DecodeError::NotCanonical),
            ("a200050005", DecodeError::NotCanonical),
            ("a100 05".split(' ').collect::<Vec<_>>().concat().as_str(), DecodeError::Missing("b")),
            ("a200050141ff00", DecodeError::TrailingBytes),
            ("a300050141ff0200", DecodeError::UnknownKey(2)),
            ("a2000501", DecodeError::Malformed),
            ("", DecodeError::Malformed),
            ("a2000501580affffffffffffffffffff00000000", DecodeError::TooLarge),
            ("b9ffff", DecodeError::TooLarge),
        ] {
            assert_eq!(decode(bytes), Err(error), "{bytes}");
        }
    }
}
