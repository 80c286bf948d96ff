//! Chunks that were verified once. [`Chunk::verify`] is a pure function of place, description and bytes; nodes of one world get the
//! very same bytes from each other, and what one of them found out holds for all.

use std::{
    collections::{HashMap, VecDeque},
    sync::Arc,
};

use antibrush_protocol::feed::{Chunk, ChunkDescriptor, ChunkError, ChunkPlace};

/// How many chunks are remembered.
const SHELVES: usize = 512;

/// The verified chunks of a world.
#[derive(Default)]
pub struct Library {
    /// By where the bytes lie and what is said of them. The bytes are kept, so that nothing else comes to lie there.
    known: HashMap<Key, (Arc<[u8]>, Arc<Chunk>)>,
    order: VecDeque<Key>,
}

type Key = (usize, (u16, u64), [u8; 32], u32, u32);

impl Library {
    /// Verifies a chunk against its description, or remembers that it was.
    pub fn read(
        &mut self,
        place: ChunkPlace,
        descriptor: &ChunkDescriptor,
        bytes: &Arc<[u8]>,
    ) -> Result<Arc<Chunk>, ChunkError> {
        let at = (place.publisher.0, place.first);
        let key = (bytes.as_ptr().addr(), at, descriptor.digest, descriptor.entries, descriptor.bytes);
        if let Some((kept, chunk)) = self.known.get(&key)
            && Arc::ptr_eq(kept, bytes)
        {
            return Ok(chunk.clone());
        }
        let chunk = Arc::new(Chunk::verify(place, descriptor, bytes)?);
        if self.order.len() >= SHELVES
            && let Some(oldest) = self.order.pop_front()
        {
            self.known.remove(&oldest);
        }
        self.known.insert(key, (bytes.clone(), chunk.clone()));
        self.order.push_back(key);
        Ok(chunk)
    }
}
