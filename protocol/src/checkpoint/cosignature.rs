//! cosignature/v1 (c2sp.org/tlog-cosignature, Ed25519): "at this time, the largest tree of this log that I have seen, and found
//! to continue every one before it, is this one".

use crate::{
    base::Timestamp,
    signed::{self, PublicKey, Signer},
};

/// A cosignature and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cosignature {
    /// When it was made.
    pub time: Timestamp,
    /// The Ed25519 signature over [`cosigned_message`].
    pub signature: [u8; 64],
}

/// What is signed. It begins with another line than every checkpoint, and with another byte than every COSE signature, so that
/// one key may sign all three.
pub fn cosigned_message(time: Timestamp, text: &str) -> String {
    format!("cosignature/v1\ntime {}\n{text}", time.0)
}

impl Cosignature {
    /// Signs the text of a checkpoint.
    pub fn sign(text: &str, time: Timestamp, signer: &dyn Signer) -> Cosignature {
        Cosignature { time, signature: signer.sign(cosigned_message(time, text).as_bytes()) }
    }

    /// Whether it is this key's, over this text.
    pub fn verify(&self, key: &PublicKey, text: &str) -> bool {
        // The specification bounds the time to 63 bits.
        self.time.0 >> 63 == 0 && signed::verify(key, cosigned_message(self.time, text).as_bytes(), &self.signature)
    }

    /// Reads the `timestamped_signature` of a note's line.
    pub fn read(bytes: &[u8]) -> Option<Cosignature> {
        let (time, signature) = bytes.split_first_chunk::<8>()?;
        Some(Cosignature { time: Timestamp(u64::from_be_bytes(*time)), signature: signature.try_into().ok()? })
    }

    /// The `timestamped_signature` of a note's line.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = self.time.0.to_be_bytes().to_vec();
        bytes.extend_from_slice(&self.signature);
        bytes
    }
}
