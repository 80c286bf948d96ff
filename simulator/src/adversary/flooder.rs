//! Sends as much as it can of what looks valid.

use std::sync::Arc;

use antibrush_protocol::{
    encoding::Wire,
    replica::Topic,
    sync::{Announcement, Request},
};

use super::Adversary;
use crate::world::{World, alliance::number_of};

/// Chunks that it asks of each peer at once: more than a second's quota.
const CHUNKS: u32 = 300;

/// Announcements of charters at once.
const ANNOUNCEMENTS: u64 = 100;

/// Asks and announces without end.
pub struct Flooder;

impl Adversary for Flooder {
    fn act(&mut self, world: &mut World, node: u32, salt: u64) {
        let digest = world.some_chunk(node).unwrap_or([0; 32]);
        let number = world.chain.current().number;
        for to in world.peers(node) {
            for _ in 0..CHUNKS {
                world.send_request(node, to, Request::Chunk { digest });
            }
            for from in 0..20 {
                world.send_request(node, to, Request::Headers { publisher: number_of(to), from });
                world.send_request(node, to, Request::Board { known: Vec::new() });
            }
            for more in 0..ANNOUNCEMENTS {
                let mut id = [salt as u8; 32];
                id[..8].copy_from_slice(&more.to_be_bytes());
                let bytes: Arc<[u8]> = Announcement { number: number + 1 + more, id }.encode().into();
                world.whisper(node, to, Topic::Charters, bytes);
            }
        }
    }
}
