//! The one seed of a holder, and everything secret that comes from it.

use std::fmt;

use frost_ristretto255::rand_core::{CryptoRng, Error, RngCore};
use hkdf::Hkdf;
use sha2::{Digest, Sha512};
use zeroize::{Zeroize, ZeroizeOnDrop, Zeroizing};

use crate::{base::Hash, subject::Class};

/// 32 random bytes of one holder for one ceremony. Whoever has it has the holder's share: a node writes it to disk before it
/// posts anything and removes it when the shares are stored.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct Seed(pub [u8; 32]);

impl fmt::Debug for Seed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Seed(..)")
    }
}

impl Seed {
    /// The one-time X25519 secret to which the others seal our shares.
    pub(super) fn receive_secret(&self, ceremony: &Hash) -> Zeroizing<[u8; 32]> {
        self.derive(ceremony, &[b"receive-key"])
    }

    /// The random numbers of our polynomial for one class.
    pub(super) fn polynomial(&self, ceremony: &Hash, class: Class) -> Stream {
        Stream { key: self.derive(ceremony, &[b"polynomial", &[class.number()]]), block: 0 }
    }

    /// The entropy with which the deal for a holder is sealed. The receiver's key is part of it: should it ever be another
    /// one, nothing is sealed twice with one ephemeral key.
    pub(super) fn seal_entropy(&self, ceremony: &Hash, receiver: u16, receive_key: &[u8; 32]) -> Zeroizing<[u8; 32]> {
        self.derive(ceremony, &[b"seal", &receiver.to_be_bytes(), receive_key])
    }

    fn derive<const N: usize>(&self, ceremony: &Hash, purpose: &[&[u8]]) -> Zeroizing<[u8; N]> {
        let info = [&[&b"antibrush/v1/ceremony/"[..]], purpose].concat();
        let mut out = Zeroizing::new([0; N]);
        // RFC 5869 §2.3 limits the length to 255 · 64 bytes; 64 is the most that is asked for.
        Hkdf::<Sha512>::new(Some(ceremony), &self.0)
            .expand_multi_info(&info, out.as_mut_slice())
            .expect("64 bytes are within HKDF's limit");
        out
    }
}

/// Random numbers from a key: SHA-512(key ‖ be64(0)), SHA-512(key ‖ be64(1)) …; what a draw leaves of its last block is lost.
pub(super) struct Stream {
    key: Zeroizing<[u8; 64]>,
    block: u64,
}

impl RngCore for Stream {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_le_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_le_bytes(bytes)
    }

    fn fill_bytes(&mut self, out: &mut [u8]) {
        for part in out.chunks_mut(64) {
            let mut block: [u8; 64] =
                Sha512::new().chain_update(*self.key).chain_update(self.block.to_be_bytes()).finalize().into();
            part.copy_from_slice(&block[..part.len()]);
            block.zeroize();
            self.block += 1;
        }
    }

    fn try_fill_bytes(&mut self, out: &mut [u8]) -> Result<(), Error> {
        self.fill_bytes(out);
        Ok(())
    }
}

impl CryptoRng for Stream {}
