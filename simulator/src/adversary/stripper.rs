//! Hands out chunks with a leaf erased. The name of such a chunk is still right, and so is its place in the tree: whoever takes it
//! lacks an entry, a clearing maybe, and nothing looks wrong (CHUNK-5).

use antibrush_protocol::{
    feed::{ChunkDescriptor, chunk},
    sync::{Request, Response},
};

use super::Adversary;
use crate::world::World;

/// One.
#[derive(Default)]
pub struct Stripper {
    told: u32,
}

impl Adversary for Stripper {
    fn answer(&mut self, _: u32, _: &Request, honest: Response) -> Option<Response> {
        let Response::Chunk(bytes) = &honest else { return Some(honest) };
        let Ok(ChunkDescriptor { entries, .. }) = chunk::describe(bytes) else { return Some(honest) };
        self.told = self.told.wrapping_add(1);
        let stripped = chunk::erase(bytes, &[self.told % entries.max(1)]);
        Some(stripped.map_or(honest, |bytes| Response::Chunk(bytes.into())))
    }

    fn act(&mut self, _world: &mut World, _node: u32, _salt: u64) {}
}
