//! Node keys as libp2p sees them. A node key is an Ed25519 key, and its PeerId holds the whole public key.

use antibrush_protocol::signed::PublicKey;
use libp2p::{PeerId, identity};

/// The PeerId of a node key; `None` if the bytes are no Ed25519 key.
pub fn peer_id(key: &PublicKey) -> Option<PeerId> {
    let key = identity::ed25519::PublicKey::try_from_bytes(key).ok()?;
    Some(identity::PublicKey::from(key).to_peer_id())
}

/// The node key in a PeerId; `None` for keys of other kinds, which no charter names.
pub fn peer_key(peer: &PeerId) -> Option<PublicKey> {
    let bytes = peer.to_bytes();
    // Multihash: code 0 (identity), length, then the key in its protobuf form.
    let encoded = bytes.strip_prefix(&[0])?.get(1..)?;
    let key = identity::PublicKey::try_decode_protobuf(encoded).ok()?;
    Some(key.try_into_ed25519().ok()?.to_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_comes_back_out_of_the_peer_id() {
        let key = identity::ed25519::Keypair::generate().public().to_bytes();
        let peer = peer_id(&key).unwrap();
        assert_eq!(peer_key(&peer), Some(key));
    }
}
