//! The head of a filter: the signed payload.

use std::convert::Infallible;

use minicbor::{Decoder, Encoder, encode};

use super::layout::{bits_for, check_bits, hashes_for};
use super::{FilterError, MAX_CLOCK_AHEAD, MAX_HASHES, MAX_LIFETIME, VERSION};
use crate::base::{Hash, Timestamp};
use crate::encoding::{DecodeError, Reader, Wire, Writer};
use crate::signed::Payload;

/// The longest head that is looked at, in bytes. A head of version 1 has at most 164.
pub const MAX_HEAD: usize = 256;

/// Number of fields, with the keys 0 to 10 in the order of the struct.
const FIELDS: u64 = 11;

/// Everything about a filter but its bits. The numbers are public; whoever signs the head answers for them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterHead {
    /// Key 0: the layout, [`VERSION`].
    pub version: u8,
    /// Key 1: the publishing alliance.
    pub alliance: [u8; 32],
    /// Key 2: the number of this build, rising with each; the larger replaces the smaller.
    pub number: u64,
    /// Key 3: when the list was read.
    pub built: Timestamp,
    /// Key 4: from when on the filter answers stale; at most [`MAX_LIFETIME`] after `built`.
    pub expires: Timestamp,
    /// Key 5: e, where 2^-e is the false positive rate.
    pub fpr_exponent: u8,
    /// Key 6: number of distinct tags.
    pub items: u64,
    /// Key 7: size of the bitmap in bits, a multiple of 8.
    pub bits: u64,
    /// Key 8: number of probes for one tag.
    pub hashes: u8,
    /// Key 9: the salt of this build, fresh and random for each: the keys of the two hashes.
    pub seed: [u8; 32],
    /// Key 10: SHA-256 of the bitmap.
    pub digest: Hash,
}

impl FilterHead {
    /// The deterministic CBOR of the head (RFC 8949 §4.2).
    pub fn encode(&self) -> Vec<u8> {
        let mut encoder = Encoder::new(Vec::with_capacity(MAX_HEAD));
        // Writing to memory can not fail, and these types have an encoding for each of their values.
        self.write(&mut encoder).expect("encoding into memory");
        encoder.into_writer()
    }

    fn write(&self, e: &mut Encoder<Vec<u8>>) -> Result<(), encode::Error<Infallible>> {
        e.map(FIELDS)?;
        e.u8(0)?.u8(self.version)?;
        e.u8(1)?.bytes(&self.alliance)?;
        e.u8(2)?.u64(self.number)?;
        e.u8(3)?.u64(self.built.0)?;
        e.u8(4)?.u64(self.expires.0)?;
        e.u8(5)?.u8(self.fpr_exponent)?;
        e.u8(6)?.u64(self.items)?;
        e.u8(7)?.u64(self.bits)?;
        e.u8(8)?.u8(self.hashes)?;
        e.u8(9)?.bytes(&self.seed)?;
        e.u8(10)?.bytes(&self.digest)?;
        Ok(())
    }

    /// Reads a head and checks all that can be checked without the bitmap, so that a hostile one is refused before anybody
    /// fetches a bitmap for it.
    ///
    /// # Errors
    /// [`FilterError::HeadTooLong`], [`FilterError::Malformed`], [`FilterError::NotCanonical`] for the bytes, and what
    /// [`FilterHead::check`] finds.
    pub fn decode(bytes: &[u8]) -> Result<FilterHead, FilterError> {
        if bytes.len() > MAX_HEAD {
            return Err(FilterError::HeadTooLong { bytes: bytes.len() });
        }
        let mut decoder = Decoder::new(bytes);
        let head = FilterHead::read(&mut decoder)?;
        if decoder.position() != bytes.len() {
            return Err(FilterError::Malformed);
        }
        if head.encode() != bytes {
            return Err(FilterError::NotCanonical);
        }
        head.check()?;
        Ok(head)
    }

    fn read(d: &mut Decoder<'_>) -> Result<FilterHead, FilterError> {
        let fields = d.map().map_err(malformed)?;
        key(d, 0)?;
        let version = d.u8().map_err(malformed)?;
        // Before the rest, which another version may well have in another form.
        if version != VERSION {
            return Err(FilterError::UnknownVersion(version));
        }
        if fields != Some(FIELDS) {
            return Err(FilterError::Malformed);
        }
        Ok(FilterHead {
            version,
            alliance: bytes_at(d, 1)?,
            number: number_at(d, 2)?,
            built: Timestamp(number_at(d, 3)?),
            expires: Timestamp(number_at(d, 4)?),
            fpr_exponent: small_at(d, 5)?,
            items: number_at(d, 6)?,
            bits: number_at(d, 7)?,
            hashes: small_at(d, 8)?,
            seed: bytes_at(d, 9)?,
            digest: bytes_at(d, 10)?,
        })
    }

    /// Checks the numbers of the head against each other and against the layout.
    ///
    /// # Errors
    /// In this order: [`FilterError::UnknownVersion`], [`FilterError::Lifetime`], [`FilterError::HashesOutOfRange`],
    /// [`FilterError::TooManyBits`], [`FilterError::FprExponent`], [`FilterError::HashesMismatch`],
    /// [`FilterError::BitsMismatch`], [`FilterError::WeakSeed`].
    pub fn check(&self) -> Result<(), FilterError> {
        if self.version != VERSION {
            return Err(FilterError::UnknownVersion(self.version));
        }
        let (built, expires) = (self.built.0, self.expires.0);
        if expires <= built || expires - built > MAX_LIFETIME {
            return Err(FilterError::Lifetime { built, expires });
        }
        if !(1..=MAX_HASHES).contains(&self.hashes) {
            return Err(FilterError::HashesOutOfRange(self.hashes));
        }
        check_bits(self.bits)?;
        let bits = bits_for(self.items, self.fpr_exponent)?;
        let hashes = hashes_for(self.fpr_exponent);
        if self.hashes != hashes {
            return Err(FilterError::HashesMismatch { stated: self.hashes, expected: hashes });
        }
        if self.bits != bits {
            return Err(FilterError::BitsMismatch { stated: self.bits, expected: bits });
        }
        if self.seed[..16] == self.seed[16..] {
            return Err(FilterError::WeakSeed);
        }
        Ok(())
    }

    /// Whether the filter speaks for this moment: not expired, and not built more than [`MAX_CLOCK_AHEAD`] in the future,
    /// which would stretch its life.
    pub fn is_fresh(&self, now: Timestamp) -> bool {
        now < self.expires && self.built <= now.plus(MAX_CLOCK_AHEAD)
    }
}

impl Payload for FilterHead {
    const CONTENT_TYPE: &'static str = "application/antibrush-filter-head+cbor";
}

impl Wire for FilterHead {
    const MAX_BYTES: usize = MAX_HEAD;

    fn write(&self, w: &mut Writer) {
        w.encoded(&FilterHead::encode(self));
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        FilterHead::decode(r.rest()).map_err(|error| match error {
            FilterError::Malformed => DecodeError::Malformed,
            FilterError::NotCanonical => DecodeError::NotCanonical,
            FilterError::HeadTooLong { .. } => DecodeError::TooLarge,
            FilterError::UnknownVersion(version) => DecodeError::UnknownVersion(u64::from(version)),
            _ => DecodeError::OutOfRange("filter head"),
        })
    }
}

fn malformed(_: minicbor::decode::Error) -> FilterError {
    FilterError::Malformed
}

fn key(d: &mut Decoder<'_>, expected: u8) -> Result<(), FilterError> {
    if d.u8().map_err(malformed)? == expected { Ok(()) } else { Err(FilterError::Malformed) }
}

fn small_at(d: &mut Decoder<'_>, expected: u8) -> Result<u8, FilterError> {
    key(d, expected)?;
    d.u8().map_err(malformed)
}

fn number_at(d: &mut Decoder<'_>, expected: u8) -> Result<u64, FilterError> {
    key(d, expected)?;
    d.u64().map_err(malformed)
}

fn bytes_at(d: &mut Decoder<'_>, expected: u8) -> Result<[u8; 32], FilterError> {
    key(d, expected)?;
    d.bytes().map_err(malformed)?.try_into().map_err(|_| FilterError::Malformed)
}
