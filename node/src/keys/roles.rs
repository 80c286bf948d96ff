//! The four keys of a node, each a type of its own, so that none can stand in for another.

use std::fmt;

pub use antibrush_protocol::signed::Signer;
use curve25519_dalek::montgomery::MontgomeryPoint;
use ed25519_dalek::{Signer as _, SigningKey};
use zeroize::Zeroizing;

use crate::lang::Zh;

/// What a key is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyRole {
    /// Signs the member's batch headers, cosignatures and reports.
    Feed,
    /// Identifies the node to its libp2p peers.
    Node,
    /// Receives what the charter seals to this member (X25519).
    Seal,
    /// Signs charters, for a steward.
    Steward,
}

impl KeyRole {
    /// Every role.
    pub const ALL: [KeyRole; 4] = [KeyRole::Feed, KeyRole::Node, KeyRole::Seal, KeyRole::Steward];

    /// The file in the key directory.
    pub fn file_name(self) -> &'static str {
        match self {
            KeyRole::Feed => "feed.pem",
            KeyRole::Node => "node.pem",
            KeyRole::Seal => "seal.pem",
            KeyRole::Steward => "steward.pem",
        }
    }

    /// The public key that belongs to a secret of this role.
    pub(super) fn public_of(self, secret: &[u8; 32]) -> [u8; 32] {
        match self {
            // RFC 7748 §6.1: the secret is clamped at use and stored as drawn.
            KeyRole::Seal => MontgomeryPoint::mul_base_clamped(*secret).to_bytes(),
            KeyRole::Feed | KeyRole::Node | KeyRole::Steward => {
                SigningKey::from_bytes(secret).verifying_key().to_bytes()
            }
        }
    }
}

impl fmt::Display for KeyRole {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file_name().trim_end_matches(".pem"))
    }
}

impl Zh for KeyRole {
    fn zh(&self) -> String {
        match self {
            KeyRole::Feed => "名单源",
            KeyRole::Node => "节点",
            KeyRole::Seal => "密封",
            KeyRole::Steward => "秘书处",
        }
        .to_owned()
    }
}

macro_rules! ed25519_key {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        ///
        /// The secret is wiped from memory when it is dropped; `Debug` shows the public key only.
        pub struct $name(SigningKey);

        impl $name {
            /// The key with this secret seed (RFC 8032 §5.1.5).
            pub fn from_secret(secret: &[u8; 32]) -> $name {
                $name(SigningKey::from_bytes(secret))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), hex::encode(self.0.verifying_key().to_bytes()))
            }
        }
    };
}

macro_rules! signer {
    ($name:ident) => {
        impl Signer for $name {
            fn public(&self) -> [u8; 32] {
                self.0.verifying_key().to_bytes()
            }

            fn sign(&self, message: &[u8]) -> [u8; 64] {
                self.0.sign(message).to_bytes()
            }
        }
    };
}

ed25519_key!(
    /// The member's feed key.
    FeedKey
);
signer!(FeedKey);
ed25519_key!(
    /// A steward's key.
    StewardKey
);
signer!(StewardKey);
ed25519_key!(
    /// The node's libp2p key. libp2p takes the secret and signs its handshakes; here it signs its own succession alone.
    NodeKey
);
signer!(NodeKey);

impl NodeKey {
    /// The seed, for libp2p's own key type.
    pub fn secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.0.to_bytes())
    }
}

/// The X25519 key that opens what is sealed to this member.
pub struct SealKey(Zeroizing<[u8; 32]>);

impl SealKey {
    /// The key with this secret (RFC 7748 §5), clamped when it is used.
    pub fn from_secret(secret: &[u8; 32]) -> SealKey {
        SealKey(Zeroizing::new(*secret))
    }

    /// The X25519 public key.
    pub fn public(&self) -> [u8; 32] {
        KeyRole::Seal.public_of(&self.0)
    }

    /// The secret, for HPKE.
    pub fn secret(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SealKey({})", hex::encode(self.public()))
    }
}
