//! The invitation: `antibrush1` followed by the lower-case base32 (RFC 4648, no padding) of its CBOR and a checksum.

use sha2::{Digest, Sha256};

use crate::{
    base::{Hash, Timestamp},
    encoding::{DecodeError, Reader, Wire, Writer},
    limits,
    signed::PublicKey,
};

const PREFIX: &str = "antibrush1";
const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
const CHECKSUM: usize = 4;

/// One line that lets one newcomer in once.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// The alliance's id: the newcomer trusts no charter chain that begins otherwise.
    pub alliance: Hash,
    /// The node key of the steward's node.
    pub node: PublicKey,
    /// Where it listens.
    pub addresses: Vec<String>,
    /// The one-time secret.
    pub secret: [u8; 16],
    /// When the invitation lapses.
    pub expires: Timestamp,
}

/// Why a text is no invitation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvitationError {
    /// It does not begin with `antibrush1` or has other characters than base32.
    #[error("this is not an invitation: it must begin with antibrush1 and be copied whole")]
    NotAnInvitation,
    /// A character is wrong or missing.
    #[error("the invitation was not copied whole: its checksum does not match")]
    Checksum,
    /// The content is not what this release knows.
    #[error("the invitation can not be read: {0}")]
    Decode(DecodeError),
}

impl std::fmt::Debug for Invitation {
    /// Leaves the secret out.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Invitation").field("addresses", &self.addresses).field("expires", &self.expires).finish()
    }
}

impl Invitation {
    /// The line of text.
    pub fn to_text(&self) -> String {
        let mut bytes = self.encode();
        let checksum = Sha256::digest(&bytes);
        bytes.extend_from_slice(&checksum[..CHECKSUM]);
        let mut text = PREFIX.to_owned();
        let (mut buffer, mut bits) = (0u32, 0);
        for byte in bytes {
            buffer = buffer << 8 | u32::from(byte);
            bits += 8;
            while bits >= 5 {
                bits -= 5;
                text.push(char::from(ALPHABET[(buffer >> bits & 31) as usize]));
            }
        }
        if bits > 0 {
            text.push(char::from(ALPHABET[(buffer << (5 - bits) & 31) as usize]));
        }
        text
    }

    /// Reads the line of text; white space around and in it (a mail's line breaks) does not matter.
    pub fn from_text(text: &str) -> Result<Invitation, InvitationError> {
        let text: String =
            text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).take(4096).collect();
        let body = text.strip_prefix(PREFIX).ok_or(InvitationError::NotAnInvitation)?;
        let (mut bytes, mut buffer, mut bits) = (Vec::new(), 0u32, 0);
        for c in body.bytes() {
            let value = ALPHABET.iter().position(|a| *a == c).ok_or(InvitationError::NotAnInvitation)?;
            buffer = buffer << 5 | value as u32;
            bits += 5;
            if bits >= 8 {
                bits -= 8;
                bytes.push((buffer >> bits) as u8);
            }
        }
        // RFC 4648 §3.5: what is left of the last character is zero, so that one invitation has one text.
        if bits >= 5 || buffer & ((1 << bits) - 1) != 0 {
            return Err(InvitationError::Checksum);
        }
        let at = bytes.len().checked_sub(CHECKSUM).ok_or(InvitationError::Checksum)?;
        let (content, checksum) = bytes.split_at(at);
        if Sha256::digest(content)[..CHECKSUM] != *checksum {
            return Err(InvitationError::Checksum);
        }
        Invitation::decode(content).map_err(InvitationError::Decode)
    }
}

impl Wire for Invitation {
    const MAX_BYTES: usize = 4096;

    fn write(&self, w: &mut Writer) {
        w.map(6).uint(0u8).uint(1u8);
        w.uint(1u8).bytes(&self.alliance);
        w.uint(2u8).bytes(&self.node);
        w.uint(3u8).array(self.addresses.len());
        for address in &self.addresses {
            w.text(address);
        }
        w.uint(4u8).bytes(&self.secret);
        w.uint(5u8).uint(self.expires.0);
    }

    fn read(r: &mut Reader<'_>) -> Result<Self, DecodeError> {
        use crate::encoding::Require;
        let (mut version, mut alliance, mut node, mut addresses, mut secret, mut expires) =
            (None, None, None, None, None, None);
        r.fields(|key, r| {
            match key {
                0 => version = Some(r.version(1)?),
                1 => alliance = Some(r.fixed()?),
                2 => node = Some(r.fixed()?),
                3 => addresses = Some(r.items(limits::ADDRESSES, |r| r.text(limits::ADDRESS_BYTES, "addresses"))?),
                4 => secret = Some(r.fixed()?),
                5 => expires = Some(Timestamp(r.uint()?)),
                other => return Err(DecodeError::UnknownKey(other)),
            }
            Ok(())
        })?;
        version.require("version")?;
        Ok(Invitation {
            alliance: alliance.require("alliance")?,
            node: node.require("node")?,
            addresses: addresses.require("addresses")?,
            secret: secret.require("secret")?,
            expires: expires.require("expires")?,
        })
    }
}
