//! Makes up headers and posts in the names of others, changes bytes on the way, answers with what was not asked for, and signs what
//! is to happen hours from now.

use std::sync::Arc;

use antibrush_protocol::{
    base::Timestamp,
    board::Post,
    checkpoint::Cosignature,
    replica::Topic,
    sync::{Request, Response},
    witness::{WitnessStatement, WitnessedHead},
};

use super::Adversary;
use crate::{
    random::Random,
    world::{
        Draft, World,
        alliance::{EPOCH, number_of},
    },
};

/// By how many seconds the headers of its own feed are ahead.
const AHEAD_SECONDS: u64 = 3 * 3600;

/// Signs in the names of others with its own key.
#[derive(Default)]
pub struct Forger {
    answers: u64,
    last_chunk: Option<Arc<[u8]>>,
}

impl Adversary for Forger {
    fn answer(&mut self, _: u32, request: &Request, honest: Response) -> Option<Response> {
        self.answers += 1;
        Some(match (request, honest) {
            // Another chunk than was asked for: right in itself.
            (Request::Chunk { .. }, Response::Chunk(bytes)) => {
                let other = self.last_chunk.replace(bytes.clone());
                Response::Chunk(
                    other.filter(|_| !self.answers.is_multiple_of(3)).unwrap_or_else(|| mutated(&bytes, self.answers)),
                )
            }
            (Request::Headers { .. }, Response::Headers(headers)) if self.answers.is_multiple_of(4) => {
                Response::Headers(headers.iter().map(|header| mutated(header, self.answers)).collect())
            }
            (Request::Board { .. }, _) if self.answers.is_multiple_of(5) => Response::Chunk(vec![0; 64].into()),
            (_, honest) => honest,
        })
    }

    fn act(&mut self, world: &mut World, node: u32, salt: u64) {
        let mut random = Random::new(salt, &[]);
        let peers = world.peers(node);
        let nodes = world.nodes.len() as u64;
        let victim = (random.below(nodes)) as u32;
        if victim == node {
            return;
        }
        // The next batch of somebody else, signed by its own key.
        let mut draft = Draft::next(world, node);
        draft.publisher = number_of(victim);
        (draft.previous, draft.tree) = world.known_head(node, draft.publisher);
        let forged = world.sign_batch(&draft, &[]).map(|(header, _)| header.envelope().clone());
        // Its own next batch, hours from now.
        let mut late = Draft::next(world, node);
        late.now = late.now.plus(AHEAD_SECONDS);
        let ahead = world.forge(&late, &[]).map(|(header, _)| header.envelope().clone());
        let statement = forged_statement(world, node, number_of(victim));
        for to in peers {
            for header in forged.iter().chain(&ahead) {
                world.whisper(node, to, Topic::Heads, header.clone());
            }
            if let Some(header) = &forged {
                world.whisper(node, to, Topic::Heads, mutated(header, random.next()));
            }
            world.whisper(node, to, Topic::Board, statement.clone());
        }
    }
}

/// A statement in the name of another witness about a head that there is not.
fn forged_statement(world: &World, node: u32, witness: antibrush_protocol::base::MemberNumber) -> Arc<[u8]> {
    let (alliance, key) = (world.chain.alliance(), world.feed_key(node));
    let issued: Timestamp = EPOCH.plus(world.now_ms() / 1000);
    let publisher = if witness == number_of(0) { number_of(1) } else { number_of(0) };
    let cosignature = Cosignature { time: issued, signature: [0; 64] };
    let head = WitnessedHead { publisher, cuts: 0, seq: 999, size: 999, root: [9; 32], cosignature };
    let slug = format!("member-{}", publisher.0);
    let head = head.cosigned(&alliance, &slug, issued, key);
    let statement = WitnessStatement { alliance, witness, issued, heads: vec![head] };
    Post::sign(&statement, key, Post::Witness).encode().into()
}

/// The same bytes but for one bit.
fn mutated(bytes: &Arc<[u8]>, salt: u64) -> Arc<[u8]> {
    let mut changed = bytes.to_vec();
    let at = Random::new(salt, &[]).below(changed.len() as u64) as usize;
    if let Some(byte) = changed.get_mut(at) {
        *byte ^= 1 << (salt % 8);
    }
    changed.into()
}
