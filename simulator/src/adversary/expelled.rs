//! Was expelled and goes on publishing with its old key under the charter that had it.

use antibrush_protocol::replica::Topic;

use super::Adversary;
use crate::world::{Draft, World};

/// Goes on.
#[derive(Default)]
pub struct Expelled {
    /// Its last batch after the expulsion and the place for the next one.
    draft: Option<Draft>,
}

impl Adversary for Expelled {
    fn act(&mut self, world: &mut World, node: u32, _: u64) {
        let mut draft = match self.draft.take() {
            Some(draft) => draft,
            None => {
                let draft = Draft::next(world, node);
                world.expel(node);
                draft
            }
        };
        draft.now = draft.now.max(Draft::next(world, node).now);
        // A heartbeat: whoever takes the header has all of it.
        if let Some((header, _)) = world.forge(&draft, &[]) {
            world.slip_in(node, Topic::Heads, header.envelope());
            draft.previous = Some(antibrush_protocol::feed::Head::of(header.payload(), header.id()));
        }
        self.draft = Some(draft);
    }
}
