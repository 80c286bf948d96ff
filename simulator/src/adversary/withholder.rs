//! Announces headers and holds back what is in them.

use std::collections::BTreeSet;

use antibrush_protocol::{
    base::Hash,
    sync::{Request, Response},
};

use super::Adversary;
use crate::world::World;

/// Holds back the bodies of its own batches from the first misdeed on.
#[derive(Default)]
pub struct Withholder {
    held_back: BTreeSet<Hash>,
}

impl Adversary for Withholder {
    fn answer(&mut self, to: u32, request: &Request, honest: Response) -> Option<Response> {
        match request {
            // One half gets no answer at all, the other hears that there is nothing.
            Request::Chunk { digest } if self.held_back.contains(digest) => {
                (to.is_multiple_of(2)).then_some(Response::Absent)
            }
            _ => Some(honest),
        }
    }

    fn act(&mut self, world: &mut World, node: u32, salt: u64) {
        let entries = world.entries(node, 5, salt);
        let Some((header, chunks)) = world.build(node, &entries, false) else { return };
        self.held_back.extend(header.payload().chunks.iter().map(|chunk| chunk.digest));
        world.publish_made(node, header, chunks);
    }
}
