//! Accuses others of equivocation without proof.

use std::sync::Arc;

use antibrush_protocol::{board::Post, feed::Equivocation, replica::Topic, signed::Signed};

use super::Adversary;
use crate::{
    random::Random,
    world::{Draft, World, alliance::number_of},
};

/// Puts up proofs that prove nothing.
pub struct Accuser;

impl Adversary for Accuser {
    fn act(&mut self, world: &mut World, node: u32, salt: u64) {
        let mut random = Random::new(salt, &[]);
        let victim = random.below(u64::from(node).max(1)) as u32;
        let publisher = number_of(victim);
        let disk = &world.nodes[node as usize].disk;
        let last = disk.heads.get(&publisher).map_or(0, |(head, _)| head.seq);
        let seq = random.below(last + 1);
        let header = |seq| disk.header(publisher, seq).and_then(|header| Signed::decode(header.envelope()).ok());
        let Some(one) = header(seq) else { return };
        // Two headers that go together; one header twice; and one that it signed itself in the other's name.
        let mut pairs = vec![Equivocation::new(one.clone(), one.clone())];
        pairs.extend(header(seq + 1).map(|next| Equivocation::new(one.clone(), next)));
        pairs.extend(header(seq + 2).map(|later| Equivocation::new(one.clone(), later)));
        let mut draft = Draft::next(world, node);
        draft.publisher = publisher;
        (draft.previous, draft.tree) = world.known_head(node, publisher);
        if let Some((forged, _)) = world.sign_batch(&draft, &[]) {
            pairs.push(Equivocation::new(one, forged));
        }
        for pair in pairs {
            let post: Arc<[u8]> = Post::Equivocation(pair).encode().into();
            for to in world.peers(node) {
                world.whisper(node, to, Topic::Board, post.clone());
            }
        }
    }
}
