//! Says again what was said before: old gossip, old heads, old charters.

use std::{collections::VecDeque, sync::Arc};

use antibrush_protocol::{
    encoding::Wire,
    replica::Topic,
    sync::{Announcement, Heads, Request, Response},
};

use super::Adversary;
use crate::{random::Random, world::World};

/// How many messages it remembers.
const MEMORY: usize = 512;

/// How many it says again at once.
const AT_ONCE: usize = 24;

/// Remembers what it heard.
#[derive(Default)]
pub struct Replayer {
    heard: VecDeque<(Topic, Arc<[u8]>)>,
    /// The first heads that it stated.
    old_heads: Option<Heads>,
}

impl Adversary for Replayer {
    fn answer(&mut self, to: u32, request: &Request, honest: Response) -> Option<Response> {
        Some(match (request, honest) {
            (Request::Heads(_), Response::Heads(heads)) => {
                let old = self.old_heads.get_or_insert_with(|| heads.clone());
                // The clock is not the point: a wrong one would only make its word count less.
                let replayed = Heads { clock: heads.clock, ..old.clone() };
                if to.is_multiple_of(2) { Response::Heads(replayed) } else { Response::Heads(heads) }
            }
            // Charters that the asker has.
            (Request::Charters { .. }, Response::Charters(charters)) if to.is_multiple_of(2) => {
                Response::Charters(charters.into_iter().take(1).collect())
            }
            (_, honest) => honest,
        })
    }

    fn hears(&mut self, topic: Topic, bytes: &Arc<[u8]>) -> bool {
        if self.heard.len() == MEMORY {
            // What is oldest is what one would like to say again: of the newer ones every other is forgotten.
            let mut at = 0;
            self.heard.retain(|_| {
                at += 1;
                at < MEMORY / 2 || at % 2 == 0
            });
        }
        self.heard.push_back((topic, bytes.clone()));
        true
    }

    fn act(&mut self, world: &mut World, node: u32, salt: u64) {
        let mut random = Random::new(salt, &[]);
        let heard: Vec<_> = self.heard.iter().cloned().collect();
        let first = world.chain.from(1)[0].id();
        let announcement: Arc<[u8]> = Announcement { number: 1, id: first }.encode().into();
        for to in world.peers(node) {
            for _ in 0..AT_ONCE {
                if let Some((topic, bytes)) = random.pick(&heard).cloned() {
                    world.whisper(node, to, topic, bytes);
                }
            }
            world.whisper(node, to, Topic::Charters, announcement.clone());
            if let Some(heads) = self.old_heads.clone() {
                world.send_request(node, to, Request::Heads(heads));
            }
        }
    }
}
