//! Wants in under many names: announces charters that admit them, shows such a charter, and knocks with keys that no charter has.

use std::sync::Arc;

use antibrush_protocol::{
    base::{MemberNumber, Timestamp},
    charter::{FeedKey, Member, MemberRole, Node},
    encoding::Wire,
    replica::Topic,
    signed::Signer,
    sync::{Announcement, Request, Response},
};

use super::Adversary;
use crate::{
    random::Random,
    world::{World, alliance::Key, write},
};

/// How many names at once.
const NAMES: u32 = 4;

/// Shows a charter that nobody but it has signed.
#[derive(Default)]
pub struct Sybil {
    forged: Option<(u64, Arc<[u8]>)>,
}

impl Adversary for Sybil {
    fn answer(&mut self, _: u32, request: &Request, honest: Response) -> Option<Response> {
        let Some((number, forged)) = &self.forged else { return Some(honest) };
        Some(match (request, honest) {
            (Request::Charters { from }, Response::Charters(mut charters)) if from <= number => {
                charters.truncate((number - from) as usize);
                charters.push(forged.clone());
                Response::Charters(charters)
            }
            (_, honest) => honest,
        })
    }

    fn act(&mut self, world: &mut World, node: u32, salt: u64) {
        let mut random = Random::new(salt, &[]);
        let number = world.chain.current().number + 1;
        let now = world.chain.current().issued;
        let seats = world.alliance.steward_seats();
        let charter = world.alliance.next(&world.chain, now, |charter| {
            let first = charter.members.iter().map(|member| member.number.0).max().unwrap_or(0);
            charter.members.extend((1..=NAMES).filter_map(|name| member(first, name)));
        });
        let mut forged = antibrush_protocol::charter::SignedCharter::unsigned(charter.charter());
        // It has the keys of two steward seats, its own and its sister company's: one controller, so one voice. And signs twice.
        for seat in seats.iter().rev().take(2).filter(|seat| **seat > 1) {
            forged.sign(world.alliance.steward_key(*seat));
            forged.sign(world.alliance.steward_key(*seat));
        }
        let id = forged.id();
        self.forged = Some((number, forged.encode().into()));
        for to in world.peers(node) {
            let announcements =
                [Announcement { number, id }, Announcement { number: number + 7, id: [salt as u8; 32] }];
            for announcement in announcements {
                world.whisper(node, to, Topic::Charters, announcement.encode().into());
            }
        }
        // Whoever is in no charter is told nothing, whatever it asks for.
        let to = random.below(world.nodes.len() as u64) as u32;
        let stranger = Key::new(number as u32, "stranger", random.next() as u32).public();
        let token = write::token(1, random.next());
        let heads =
            antibrush_protocol::sync::Heads { charter: number, charter_id: id, feeds: Vec::new(), clock: Timestamp(0) };
        let requests = [
            Request::Heads(heads),
            Request::Headers { publisher: MemberNumber(1), from: 0 },
            Request::Chunk { digest: token.0 },
            Request::Charters { from: 1 },
            Request::Board { known: Vec::new() },
        ];
        for request in requests {
            world.knock(to, stranger, request);
        }
    }
}

/// A member that there is not. `None` if the alliance has no room for it.
fn member(first: u16, name: u32) -> Option<Member> {
    let number = first.checked_add(u16::try_from(name).ok()?)?;
    let node = u32::from(number) - 1;
    let key = |kind| Key::new(u32::MAX, kind, node).public();
    let uscc = crate::world::alliance::credit_code(node);
    Some(Member {
        number: MemberNumber(number),
        slug: format!("sybil-{number}"),
        legal_name: format!("分身{number}"),
        controller: uscc.clone(),
        uscc,
        role: MemberRole::Platform,
        state: antibrush_protocol::charter::MemberState::Active,
        feed_keys: vec![FeedKey::new(key("feed"), Timestamp(0))],
        nodes: vec![Node { key: key("node"), addresses: Vec::new() }],
        seal_key: [1; 32],
        sealed_seeds: Vec::new(),
        cuts: Vec::new(),
        successions: Vec::new(),
    })
}
