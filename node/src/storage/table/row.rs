//! One row, as people use it and as it is packed: 32 bytes, in memory and on disk.

use std::cmp::Ordering;
use std::fmt;

use antibrush_protocol::base::{Day, MemberNumber, Token};
use bytemuck::{Pod, Zeroable};

use super::TableError;

/// The first 16 bytes of a token. Two of 10⁷ honest tokens share theirs with a probability below 2⁻⁸⁰.
pub type Prefix = [u8; 16];

/// The part of a token by which the table knows it.
pub fn prefix_of(token: &Token) -> Prefix {
    let mut prefix = Prefix::default();
    prefix.copy_from_slice(&token.0[..16]);
    prefix
}

/// Whether a listing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RowState {
    /// The listing stands, until its expiry day.
    Active,
    /// The listing was cleared: the row hides older ones of its identity and is never handed out.
    Cleared,
}

/// One publisher's word on one token and list. Its identity is (prefix, publisher, list); the newest row of an identity
/// wins. The codes are the numbers of [`antibrush_protocol::codes`]; 0 stands for a field that the entry leaves out.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Row {
    /// The first 16 bytes of the token.
    pub prefix: Prefix,
    /// Who listed it.
    pub publisher: MemberNumber,
    /// The list kind.
    pub list: u8,
    /// The identifier class.
    pub class: u8,
    /// The conduct.
    pub conduct: u8,
    /// The severity, 0–3.
    pub severity: u8,
    /// The role, 0–3.
    pub role: u8,
    /// The direction, 0–3.
    pub direction: u8,
    /// Whether the listing stands.
    pub state: RowState,
    /// The day of the listing, at most [`Day::MAX`].
    pub listed: Day,
    /// The day on which it lapses, at most [`Day::MAX`]. The table does not look at it: the caller knows the day.
    pub expires: Day,
    /// The index of the List entry in the publisher's feed.
    pub leaf: u32,
    /// The epoch of the token key.
    pub epoch: u16,
    /// Whether it names the document of an authority.
    pub document: bool,
}

impl fmt::Debug for Row {
    /// Shows no byte of the token, so that a debug print can not leak it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("publisher", &self.publisher)
            .field("list", &self.list)
            .field("class", &self.class)
            .field("conduct", &self.conduct)
            .field("state", &self.state)
            .field("listed", &self.listed)
            .field("expires", &self.expires)
            .field("leaf", &self.leaf)
            .field("epoch", &self.epoch)
            .finish_non_exhaustive()
    }
}

/// Bit 6 of `flags`; severity, role and direction are bits 0–1, 2–3 and 4–5.
const CLEARED: u8 = 1 << 6;

/// Bit 7 of `flags`.
const DOCUMENT: u8 = 1 << 7;

/// A packed row. Aligned so that none straddles two cache lines.
#[derive(Clone, Copy, Default, Pod, Zeroable)]
#[repr(C, align(32))]
pub(super) struct Packed {
    /// The prefix as a number whose order is that of its bytes.
    pub(super) prefix: u128,
    leaf: u32,
    publisher: u16,
    listed: u16,
    expires: u16,
    epoch: u16,
    list: u8,
    class: u8,
    conduct: u8,
    flags: u8,
}

impl Packed {
    /// Bytes of a row, in memory and on disk.
    pub(super) const BYTES: usize = 32;

    /// Packs a row, or says which field does not fit.
    pub(super) fn new(row: &Row) -> Result<Packed, TableError> {
        let bits = |name, value: u8| if value < 4 { Ok(value) } else { Err(TableError::Unpackable(name)) };
        let day = |name, day: Day| u16::try_from(day.0).map_err(|_| TableError::Unpackable(name));
        let cleared = if row.state == RowState::Cleared { CLEARED } else { 0 };
        let document = if row.document { DOCUMENT } else { 0 };
        Ok(Packed {
            prefix: u128::from_be_bytes(row.prefix),
            leaf: row.leaf,
            publisher: row.publisher.0,
            listed: day("listing day", row.listed)?,
            expires: day("expiry day", row.expires)?,
            epoch: row.epoch,
            list: row.list,
            class: row.class,
            conduct: row.conduct,
            flags: bits("severity", row.severity)?
                | bits("role", row.role)? << 2
                | bits("direction", row.direction)? << 4
                | cleared
                | document,
        })
    }

    /// The row as people use it.
    pub(super) fn row(self) -> Row {
        let Packed { prefix, leaf, publisher, listed, expires, epoch, list, class, conduct, flags } = self;
        Row {
            prefix: prefix.to_be_bytes(),
            publisher: MemberNumber(publisher),
            list,
            class,
            conduct,
            severity: flags & 3,
            role: flags >> 2 & 3,
            direction: flags >> 4 & 3,
            state: if flags & CLEARED == 0 { RowState::Active } else { RowState::Cleared },
            listed: Day(u32::from(listed)),
            expires: Day(u32::from(expires)),
            leaf,
            epoch,
            document: flags & DOCUMENT != 0,
        }
    }

    /// What tells rows of one prefix apart, in the order of the table: publisher, then list.
    pub(super) fn owner(&self) -> u32 {
        u32::from(self.publisher) << 8 | u32::from(self.list)
    }

    /// Whether the row is a listing that stands.
    pub(super) fn is_active(&self) -> bool {
        self.flags & CLEARED == 0
    }

    /// The order of the table, which is also the order of identities and of the first 19 bytes on disk.
    pub(super) fn compare(&self, other: &Packed) -> Ordering {
        self.prefix.cmp(&other.prefix).then_with(|| self.owner().cmp(&other.owner()))
    }

    /// The form on disk, all numbers big-endian: prefix 16, publisher 2, list, class, conduct, flags, listed 2,
    /// expires 2, epoch 2, leaf 4.
    pub(super) fn encode(&self, to: &mut [u8; Packed::BYTES]) {
        to[..16].copy_from_slice(&self.prefix.to_be_bytes());
        to[16..18].copy_from_slice(&self.publisher.to_be_bytes());
        to[18..22].copy_from_slice(&[self.list, self.class, self.conduct, self.flags]);
        to[22..24].copy_from_slice(&self.listed.to_be_bytes());
        to[24..26].copy_from_slice(&self.expires.to_be_bytes());
        to[26..28].copy_from_slice(&self.epoch.to_be_bytes());
        to[28..].copy_from_slice(&self.leaf.to_be_bytes());
    }

    /// The inverse of [`Packed::encode`]. Every 32 bytes are some row.
    pub(super) fn decode(from: &[u8; Packed::BYTES]) -> Packed {
        let short = |at: usize| u16::from_be_bytes([from[at], from[at + 1]]);
        let mut prefix = Prefix::default();
        prefix.copy_from_slice(&from[..16]);
        Packed {
            prefix: u128::from_be_bytes(prefix),
            leaf: u32::from_be_bytes([from[28], from[29], from[30], from[31]]),
            publisher: short(16),
            listed: short(22),
            expires: short(24),
            epoch: short(26),
            list: from[18],
            class: from[19],
            conduct: from[20],
            flags: from[21],
        }
    }
}
