//! The board on its way: gossip, comparing, blame, restarts.

use std::{collections::BTreeMap, sync::Arc};

use super::{
    alliance::{EPOCH, feed_key, found, next_charter, node_key, steward_key},
    script::Script,
    world::{Faults, World},
};
use crate::{
    base::{MemberNumber, Timestamp},
    board::{BoardError, Post, PostId, Taken, UsageReport},
    ceremony::{Call, Kind, Message, Round},
    charter::{CharterChain, Holding, MemberRole, MemberState, TokenKey},
    fixtures::shared_key,
    limits,
    replica::{AnswerHandle, BoardKept, Event, Input, Offence, Output, Store, Timer, Topic, Verdict},
    subject::Class,
    sync::{Request, Response},
};

const DAY: u64 = 86_400;

/// Members 2 and 3 hold a key together; member 3 is a key holder.
fn sharing(members: u16) -> CharterChain {
    let mut chain = found(members);
    let charter = next_charter(&chain, |charter| {
        let holders = vec![MemberNumber(2), MemberNumber(3)];
        charter.members[2].role = MemberRole::KeyHolder;
        charter.holding = Some(Holding { threshold: 2, members: holders.clone(), quotas: Vec::new() });
        for class in [Class::Ent, Class::Web] {
            let mut key = TokenKey { holders: 2, members: holders.clone(), ..shared_key(class, 2).1 };
            key.public_keys.pop();
            charter.token_keys.push(key);
        }
    });
    assert_eq!(chain.extend(charter), Ok(true));
    chain
}

fn call(chain: &CharterChain, issued: u64) -> Post {
    let call = Call {
        alliance: chain.alliance(),
        charter: chain.current_id(),
        kind: Kind::Generate,
        epoch: 3,
        classes: vec![Class::Ent],
        threshold: 2,
        holders: vec![MemberNumber(2), MemberNumber(3)],
        keys: Vec::new(),
        issued: Timestamp(issued),
        deadline: Timestamp(issued + 3600),
        nonce: [1; 16],
    };
    Post::sign(&call, &steward_key(), Post::Call)
}

fn message(call: &Post, holder: u16, content: u8) -> Post {
    let Post::Call(call) = call else { panic!("a call") };
    let round = Round::Commit { receive_key: [content; 32], packages: vec![vec![content; 128]] };
    let message = Message { ceremony: call.id(), holder: MemberNumber(holder), round };
    Post::sign(&message, &feed_key(holder), Post::Ceremony)
}

fn usage(chain: &CharterChain, holder: u16, days_ago: u32, count: u32) -> Post {
    usage_of(Class::Ent, chain, holder, days_ago, count)
}

fn usage_of(class: Class, chain: &CharterChain, holder: u16, days_ago: u32, count: u32) -> Post {
    let issued = Timestamp(EPOCH);
    let day = crate::base::Day(issued.day().0 - days_ago);
    let (holder, counts) = (MemberNumber(holder), vec![(MemberNumber(1), count)]);
    let report = UsageReport { alliance: chain.alliance(), holder, day, class, issued, counts };
    Post::sign(&report, &feed_key(holder.0), Post::Usage)
}

fn ids(posts: &[Post]) -> Vec<PostId> {
    let mut ids: Vec<PostId> = posts.iter().map(Post::id).collect();
    ids.sort();
    ids
}

fn board_of(script: &Script) -> Vec<PostId> {
    script.replica.board().ids().copied().collect()
}

fn encoded(posts: &[Post]) -> Vec<Arc<[u8]>> {
    posts.iter().map(|post| post.encode().into()).collect()
}

/// A node that compares boards with member 2's.
fn comparing(chain: &CharterChain) -> Script {
    let mut script = Script::new(chain, &[2]);
    script.compares_boards = true;
    script.has(2, &[]);
    let (id, request) = script.request_to(2);
    assert_eq!(request, Request::Board { known: Vec::new() });
    script.answer(id, Response::Board(Vec::new()));
    script.wait(limits::COMPARE_AGAIN_MS);
    script
}

#[test]
fn everybody_gets_the_board_by_gossip_and_who_was_away_by_comparing() {
    let chain = sharing(5);
    let mut world = World::new(&chain, 4, 11, Faults { latency_ms: 40, ..Faults::default() });
    world.run(1000);
    world.offline(3);
    let called = call(&chain, world.wall());
    let posts = [called.clone(), message(&called, 2, 1), message(&called, 3, 2), usage(&chain, 3, 1, 7)];
    for (at, post) in [0, 1, 2, 2].into_iter().zip(&posts) {
        world.give(at, Input::Post(post.clone()));
        world.run(world.now + 500);
    }
    let boards = |world: &World| -> Vec<Vec<PostId>> {
        world.nodes.iter().map(|node| node.replica.board().ids().copied().collect()).collect()
    };
    assert!(boards(&world)[..3].iter().all(|board| *board == ids(&posts)), "by gossip");
    assert!(boards(&world)[3].is_empty());
    world.online(3);
    let late = world.add(&chain, 5);
    world.run(world.now + 5000);
    assert!(boards(&world).iter().all(|board| *board == ids(&posts)), "by comparing");
    for node in &world.nodes {
        assert_eq!(node.store.posts.keys().copied().collect::<Vec<_>>(), ids(&posts), "and on every disk");
        assert_eq!(node.events.iter().filter(|event| **event == Event::Posted).count(), 4);
    }
    // From its disk alone.
    world.restart(late);
    assert_eq!(boards(&world)[late], ids(&posts));
    assert_eq!(world.penalties, []);
}

#[test]
fn a_bad_line_loses_nothing_for_good() {
    let chain = sharing(4);
    for seed in 0..6 {
        let faults =
            Faults { loss: 60, duplication: 20, flaps: 5, latency_ms: 300, until_ms: 40_000, ..Faults::default() };
        let mut world = World::new(&chain, 4, seed, faults);
        let called = call(&chain, world.wall());
        let mut posts = vec![called.clone(), message(&called, 2, 1), message(&called, 3, 2)];
        posts.extend((0..30).flat_map(|day| [usage(&chain, 2, day, 3), usage(&chain, 3, day, 4)]));
        for post in &posts {
            let at = world.random(4) as usize;
            world.give(at, Input::Post(post.clone()));
            world.run(world.now + 300);
        }
        world.run(200_000);
        // A message whose call had not come to its own node was refused there; its maker says it again.
        for post in &posts {
            world.give(0, Input::Post(post.clone()));
        }
        world.run(300_000);
        for node in &world.nodes {
            assert_eq!(node.replica.board().ids().copied().collect::<Vec<_>>(), ids(&posts), "{seed}");
        }
        assert_eq!(world.penalties, [], "SYNC-1");
    }
}

#[test]
fn gossip_before_its_call_is_ignored_and_comes_from_who_passed_it_on() {
    let chain = sharing(4);
    let called = call(&chain, EPOCH);
    let said = message(&called, 3, 1);
    let mut script = Script::new(&chain, &[2, 4]);
    script.compares_boards = true;
    for member in [2, 4] {
        script.has(member, &[]);
        let (id, _) = script.request_to(member);
        script.answer(id, Response::Board(Vec::new()));
    }
    assert_eq!(script.gossip(2, Topic::Board, &said.encode()), Some(Verdict::Ignore));
    assert!(script.events().contains(&Event::PostRefused { error: BoardError::UnknownCall })); // BOARD-4
    assert!(script.requests_to(2).is_empty(), "not twice within a moment");
    script.wait(limits::COMPARE_AGAIN_MS);
    let (id, request) = script.request_to(2);
    assert_eq!(request, Request::Board { known: Vec::new() });
    assert!(script.requests_to(4).is_empty(), "the others have not shown it");
    script.answer(id, Response::Board(encoded(&[called.clone(), said.clone()])));
    assert_eq!(board_of(&script), ids(&[called, said]));
    // Made-up messages of ceremonies that there never were cost one comparison each moment.
    for number in 0..50 {
        script.ms += 1;
        let made_up = message(&call(&chain, EPOCH - 100 - number), 3, 1);
        assert_eq!(script.gossip(2, Topic::Board, &made_up.encode()), Some(Verdict::Ignore));
    }
    assert!(script.requests_to(2).is_empty() && script.requests_to(4).is_empty());
    script.wait(limits::COMPARE_AGAIN_MS);
    assert_eq!(script.requests_to(2).len(), 1);
    assert_eq!(script.offences(), []);
}

#[test]
fn bad_posts_are_blamed_and_doubtful_ones_are_not() {
    let chain = sharing(4);
    let elsewhere = {
        let mut chain = found(4);
        chain.extend(next_charter(&chain, |charter| charter.name_en.push('!'))).unwrap();
        let mut other = sharing(4);
        other.extend(next_charter(&other, |charter| charter.name_en.push('!'))).unwrap();
        other
    };
    let called = call(&chain, EPOCH);
    let mut flipped = called.encode();
    *flipped.last_mut().unwrap() ^= 1;
    let mut other_alliance = chain.alliance();
    other_alliance[0] ^= 1;
    let foreign = |post: &Post| match post {
        Post::Call(signed) => {
            let call = Call { alliance: other_alliance, ..signed.payload().clone() };
            Post::sign(&call, &steward_key(), Post::Call).encode()
        }
        Post::Usage(signed) => {
            let report = UsageReport { alliance: other_alliance, ..signed.payload().clone() };
            Post::sign(&report, &feed_key(3), Post::Usage).encode()
        }
        _ => panic!(),
    };
    let bad = [flipped, foreign(&called), foreign(&usage(&chain, 3, 1, 1)), b"junk".to_vec()];
    let mut newer = called.encode();
    newer[1] = 9;
    let early = call(&chain, EPOCH + 3600).encode();
    let under_another_charter = call(&elsewhere, EPOCH).encode();
    let no_holder = usage(&chain, 4, 1, 1).encode();
    let past = usage(&chain, 3, 40, 1).encode();
    let doubtful = [newer, early, under_another_charter, no_holder, past];
    let is_bad = |bytes: &Vec<u8>, fault: bool| {
        let mut script = comparing(&chain);
        let verdict = if fault { Verdict::Reject } else { Verdict::Ignore };
        assert_eq!(script.gossip(2, Topic::Board, bytes), Some(verdict));
        let offences: &[_] = if fault { &[(2, Offence::BadPost)] } else { &[] };
        assert_eq!(script.offences(), offences);
        // And the same as an answer.
        script.give(Input::Timer(Timer::AntiEntropy));
        let requests = script.wait(limits::COMPARE_AGAIN_MS).requests_to(2);
        let board = requests.iter().find(|(_, request)| matches!(request, Request::Board { .. })).unwrap();
        script.answer(board.0, Response::Board(vec![bytes.as_slice().into(), called.encode().into()]));
        assert_eq!(script.offences(), offences);
        assert_eq!(script.replica.board().ids().count(), usize::from(!fault), "what follows is looked at or not");
    };
    bad.iter().for_each(|bytes| is_bad(bytes, true));
    doubtful.iter().for_each(|bytes| is_bad(bytes, false));
}

#[test]
fn gossip_has_its_verdicts() {
    let chain = sharing(4);
    let mut script = comparing(&chain);
    let (first, second) = (usage(&chain, 3, 1, 5), usage(&chain, 3, 1, 6));
    assert_eq!(script.gossip(2, Topic::Board, &first.encode()), Some(Verdict::Accept));
    script.ms += 1;
    assert_eq!(script.gossip(2, Topic::Board, &first.encode()), Some(Verdict::Accept), "known: it may be passed on");
    script.ms += 1;
    let same_time = script.gossip(2, Topic::Board, &second.encode());
    assert_eq!(same_time, Some(Verdict::Ignore), "another of the same moment does not replace it"); // BOARD-7
    let stores = script.stores();
    assert!(
        matches!(&stores[..], [Store::Post { id, gone, .. }] if *id == first.id() && gone.is_empty()),
        "{stores:?}"
    );
    script.ms += 1;
    assert_eq!(script.gossip(2, Topic::Board, &vec![0; limits::GOSSIP_BYTES + 1]), Some(Verdict::Reject));
    assert_eq!(script.offences(), [(2, Offence::Undecodable)]);
}

#[test]
fn own_posts_go_through_the_same_door() {
    let chain = sharing(4);
    let mut script = Script::new(&chain, &[]);
    let gossiped = |script: &mut Script, post: &Post| {
        script.said.clear();
        script.give(Input::Post(post.clone()));
        script.said.iter().filter(|output| matches!(output, Output::Gossip { topic: Topic::Board, .. })).count()
    };
    let (called, report) = (call(&chain, EPOCH), usage(&chain, 3, 1, 1));
    let said = message(&called, 3, 1);
    assert_eq!(gossiped(&mut script, &said), 0);
    assert!(script.events().contains(&Event::PostRefused { error: BoardError::UnknownCall }));
    for post in [&called, &said, &report] {
        assert_eq!(gossiped(&mut script, post), 1);
        assert_eq!(gossiped(&mut script, post), 1, "it may have got lost: told again");
        assert!(script.stores().is_empty(), "and not stored again");
    }
    assert_eq!(gossiped(&mut script, &usage(&chain, 3, 1, 9)), 0, "not later than the one that is there");
}

/// WITNESS-8: neither by gossip nor by comparing does anybody hear of a post of our own before it is durable.
#[test]
fn own_posts_are_told_once_they_are_durable() {
    let chain = sharing(4);
    let mut script = Script::new(&chain, &[2]);
    script.keeps_posts = false;
    let told = |script: &mut Script| {
        let gossiped = script.said.iter().filter(|output| matches!(output, Output::Gossip { topic: Topic::Board, .. }));
        let gossiped = gossiped.count();
        let handle = AnswerHandle(9);
        script.give(Input::Request { from: node_key(2), handle, request: Request::Board { known: Vec::new() } });
        let shown = script.said.drain(..).any(
            |output| matches!(output, Output::Answer { response: Response::Board(posts), .. } if !posts.is_empty()),
        );
        (gossiped, shown)
    };
    let stored = |script: &mut Script| {
        let mut own = script.stores().into_iter().filter_map(|store| match store {
            Store::OwnPost { id, gone, .. } => Some((id, gone)),
            _ => None,
        });
        (own.next(), own.next())
    };
    let (called, report, later) = (call(&chain, EPOCH), usage(&chain, 3, 1, 1), usage(&chain, 2, 1, 1));
    script.give(Input::Post(called.clone()));
    assert_eq!(stored(&mut script), (Some((called.id(), vec![])), None));
    // The disk is full. Others, and the same again, wait behind it.
    script.give(Input::PostStored { id: called.id(), stored: false });
    for post in [&report, &called, &later] {
        script.give(Input::Post((*post).clone()));
    }
    assert_eq!(stored(&mut script), (None, None));
    assert_eq!(told(&mut script), (0, false));
    script.wait(10 * u64::from(limits::BUSY_RETRY_MS) + 50);
    assert_eq!(stored(&mut script), (Some((called.id(), vec![])), None), "tried again");
    assert_eq!(told(&mut script), (0, false));
    script.give(Input::PostStored { id: called.id(), stored: true });
    assert_eq!(stored(&mut script), (Some((report.id(), vec![])), None), "one after the other");
    assert_eq!(told(&mut script), (1, true));
    script.give(Input::PostStored { id: report.id(), stored: true });
    script.give(Input::PostStored { id: later.id(), stored: true });
    assert_eq!(told(&mut script), (2, true));
    assert_eq!(board_of(&script), ids(&[called, report, later]));
}

/// What the board got meanwhile instead of a post of our own stays, and ours leaves the disk.
#[test]
fn an_own_post_that_came_too_late_leaves_the_disk() {
    let chain = sharing(4);
    let mut script = comparing(&chain);
    script.keeps_posts = false;
    let (ours, theirs) = (usage(&chain, 3, 1, 1), usage(&chain, 3, 1, 2));
    script.give(Input::Post(ours.clone()));
    assert_eq!(script.gossip(2, Topic::Board, &theirs.encode()), Some(Verdict::Accept));
    script.stores();
    script.said.clear();
    script.give(Input::PostStored { id: ours.id(), stored: true });
    let stores = script.stores();
    assert!(matches!(&stores[..], [Store::Unpost(gone)] if *gone == [ours.id()]), "{stores:?}");
    assert!(!script.said.iter().any(|output| matches!(output, Output::Gossip { .. })));
    assert_eq!(board_of(&script), ids(&[theirs]));
}

/// WITNESS-8: one full look at another member's board after a start, at those of most others after a loss.
#[test]
fn a_board_is_compared_once_others_have_shown_theirs() {
    let chain = sharing(5);
    let mut script = Script::new(&chain, &[]);
    script.compares_boards = true;
    let compared =
        |script: &Script| [BoardKept::Yes, BoardKept::Lost].map(|kept| script.replica.board_is_compared(kept));
    let reports: Vec<_> = (0..limits::POSTS_PER_ANSWER as u32).map(|n| usage(&chain, 3, n % 32, n / 32 + 1)).collect();
    let full: Vec<Arc<[u8]>> = reports.iter().map(|post| post.encode().into()).collect();
    for (peer, after) in [(2, [true, false]), (3, [true, false]), (4, [true, true])] {
        let before = compared(&script);
        script.give(Input::PeerConnected(node_key(peer)));
        script.has(peer, &[]);
        assert_eq!(compared(&script), before, "heads are not the board");
        let (id, _) = script.request_to(peer);
        script.answer(id, Response::Board(full.clone()));
        assert_eq!(compared(&script), before, "a full answer may not have been all");
        script.give(Input::Timer(Timer::AntiEntropy));
        script.give(Input::PeerDisconnected(node_key(peer)));
        script.said.clear();
        script.give(Input::PeerConnected(node_key(peer)));
        script.has(peer, &[]);
        let (id, _) = script.request_to(peer);
        script.answer(id, Response::Board(Vec::new()));
        assert_eq!(compared(&script), after, "{peer}");
    }
}

/// A peer shows posts that we never take in each answer: what comes after them comes nevertheless.
#[test]
fn contradictions_do_not_hide_the_rest() {
    let chain = sharing(5);
    let mut world = World::new(&chain, 2, 3, Faults { latency_ms: 20, ..Faults::default() });
    world.run(1000);
    world.offline(0);
    world.offline(1);
    // A holder that told the two nodes different things, in more reports than one answer has.
    for (at, count) in [(0, 5), (1, 6)] {
        for day in 0..36 {
            for class in [Class::Ent, Class::Web] {
                world.give(at, Input::Post(usage_of(class, &chain, 2, day, count)));
            }
        }
    }
    let called = |issued| call(&chain, issued);
    let mine: Vec<Post> = (0..36).map(|day| usage(&chain, 3, day, 7)).collect();
    for post in mine.iter().chain([&called(EPOCH)]) {
        world.give(1, Input::Post(post.clone()));
    }
    world.online(0);
    world.online(1);
    world.run(world.now + 120_000);
    let board = world.nodes[0].replica.board();
    assert!(mine.iter().chain([&called(EPOCH)]).all(|post| board.has(&post.id())));
    assert_eq!(board.ids().count(), 109);
    assert_eq!(world.penalties, [], "nobody is to blame but the holder");
    let asked = world.requests.len();
    world.run(world.now + 60_000);
    assert!(world.requests.len() - asked < 40, "and nobody asks without end");
}

#[test]
fn a_full_answer_is_followed_by_the_next_question() {
    let chain = sharing(4);
    let posts: Vec<Post> = [2, 3]
        .into_iter()
        .flat_map(|holder| (0..36).map(move |day| (holder, day)))
        .map(|(h, d)| usage(&chain, h, d, 1))
        .collect();
    let mut script = comparing(&chain);
    script.give(Input::Timer(Timer::AntiEntropy));
    let board = |script: &mut Script| {
        let requests = script.requests_to(2);
        requests.into_iter().find(|(_, request)| matches!(request, Request::Board { .. }))
    };
    let (id, _) = board(&mut script).unwrap();
    let full = encoded(&posts[..limits::POSTS_PER_ANSWER]);
    script.answer(id, Response::Board(full.clone()));
    let (id, request) = board(&mut script).unwrap();
    assert_eq!(request, Request::Board { known: ids(&posts[..limits::POSTS_PER_ANSWER]) });
    script.answer(id, Response::Board(full));
    assert!(board(&mut script).is_none(), "one without news is not");
    script.give(Input::Timer(Timer::AntiEntropy));
    script.wait(limits::COMPARE_AGAIN_MS);
    let (id, _) = board(&mut script).unwrap();
    script.answer(id, Response::Absent);
    assert!(board(&mut script).is_none());
    script.wait(10 * limits::ABSENT_RETRY_MS);
    script.wait(limits::COMPARE_AGAIN_MS);
    let (id, _) = board(&mut script).unwrap();
    script.answer(id, Response::Headers(Vec::new()));
    assert_eq!(script.offences(), [(2, Offence::WrongAnswer)]); // SYNC-2
}

#[test]
fn boards_are_shown_to_members_for_a_price() {
    let chain = sharing(4);
    let mut script = Script::new(&chain, &[2]);
    script.give(Input::Post(call(&chain, EPOCH)));
    let ask = |script: &mut Script, member: u16| {
        script.said.clear();
        let request = Request::Board { known: Vec::new() };
        script.give(Input::Request { from: node_key(member), handle: AnswerHandle(1), request });
        script.said.iter().find_map(|output| match output {
            Output::Answer { response, .. } => Some(response.clone()),
            _ => None,
        })
    };
    assert_eq!(ask(&mut script, 2), Some(Response::Board(encoded(&[call(&chain, EPOCH)]))));
    assert_eq!(ask(&mut script, 77), Some(Response::Absent));
    let most = limits::SERVE_BYTES_PER_SECOND / (limits::POSTS_PER_ANSWER * limits::POST_BYTES) as u64;
    let mut served = 1;
    while matches!(ask(&mut script, 2), Some(Response::Board(_))) {
        served += 1;
        assert!(served <= most, "SYNC-3");
    }
    assert_eq!(ask(&mut script, 2), Some(Response::Busy { retry_after_ms: limits::BUSY_RETRY_MS }));
}

#[test]
fn a_post_under_a_charter_to_come_is_asked_for_again_when_it_came() {
    let chain = sharing(4);
    let charter = next_charter(&chain, |charter| charter.name_en.push('!'));
    let mut newer = chain.clone();
    newer.extend(charter.clone()).unwrap();
    let called = call(&newer, EPOCH);
    let mut script = Script::new(&chain, &[2, 4]);
    script.compares_boards = true;
    for member in [2, 4] {
        script.has(member, &[]);
        let (id, _) = script.request_to(member);
        script.answer(id, Response::Board(Vec::new()));
    }
    script.wait(limits::COMPARE_AGAIN_MS);
    assert_eq!(script.gossip(2, Topic::Board, &called.encode()), Some(Verdict::Ignore));
    assert!(script.events().contains(&Event::PostRefused { error: BoardError::NotEntitled }));
    assert!(script.requests_to(2).is_empty());
    script.give(Input::Charter(charter.clone()));
    script.give(Input::CharterStored { charter, stored: true });
    let (id, request) = script.request_to(2);
    assert!(matches!(request, Request::Board { .. }));
    assert!(script.requests_to(4).is_empty(), "a charter does not make everybody compare with everybody");
    script.answer(id, Response::Board(encoded(std::slice::from_ref(&called))));
    assert_eq!(board_of(&script), ids(&[called]));
    assert_eq!(script.offences(), []);
}

#[test]
fn what_was_kept_is_verified_again() {
    let mut chain = sharing(4);
    let called = call(&chain, EPOCH);
    let good = [called.clone(), message(&called, 3, 1), usage(&chain, 2, 1, 1)];
    let mut flipped = usage(&chain, 3, 2, 1).encode();
    *flipped.last_mut().unwrap() ^= 1;
    let past = usage(&chain, 3, 40, 1);
    let mut disk: Vec<Vec<u8>> = good.iter().rev().map(Post::encode).collect();
    disk.extend([flipped.clone(), past.encode(), b"junk".to_vec()]);
    let unposted = |script: &mut Script| {
        let mut gone: Vec<PostId> = script
            .stores()
            .into_iter()
            .flat_map(|store| match store {
                Store::Unpost(gone) => gone,
                other => panic!("{other:?}"),
            })
            .collect();
        gone.sort();
        gone
    };
    let mut script = Script::with_posts(&chain, &[], disk.clone(), EPOCH);
    assert_eq!(board_of(&script), ids(&good));
    let mut gone = vec![Post::id_of(&flipped), past.id(), Post::id_of(b"junk")];
    gone.sort();
    assert_eq!(unposted(&mut script), gone, "what is refused leaves the disk");
    // A clock that went back to the factory's day costs nothing.
    let mut script = Script::with_posts(&chain, &[], disk.clone(), 0);
    assert_eq!((board_of(&script), unposted(&mut script)), (vec![], vec![]));
    // A month later nothing but the deletions would be left.
    let mut script = Script::with_posts(&chain, &[], disk.clone(), EPOCH + 60 * DAY);
    assert_eq!(board_of(&script), Vec::<PostId>::new());
    assert_eq!(unposted(&mut script).len(), disk.len());
    // A holder that was expelled meanwhile.
    let expelled = next_charter(&chain, |charter| {
        charter.holding = None;
        charter.members[2].state = MemberState::Expelled;
    });
    chain.extend(expelled).unwrap();
    let mut script = Script::with_posts(&chain, &[], good.iter().map(Post::encode).collect(), EPOCH);
    assert_eq!(board_of(&script), ids(&[good[0].clone(), good[2].clone()]));
    assert_eq!(unposted(&mut script), [good[1].id()]);
}

#[test]
fn what_is_past_leaves_board_and_disk() {
    let chain = sharing(4);
    let called = call(&chain, EPOCH);
    let mut script = Script::new(&chain, &[]);
    for post in [called.clone(), message(&called, 3, 1), usage(&chain, 2, 1, 1)] {
        script.give(Input::Post(post));
    }
    let kept: BTreeMap<PostId, ()> = script
        .stores()
        .into_iter()
        .map(|store| match store {
            Store::OwnPost { id, .. } => (id, ()),
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(kept.len(), 3);
    script.ms += 6 * DAY * 1000;
    script.give(Input::Timer(Timer::AntiEntropy));
    assert!(script.stores().is_empty());
    script.ms += 3 * DAY * 1000;
    script.give(Input::Timer(Timer::AntiEntropy));
    let stores = script.stores();
    let [Store::Unpost(gone)] = &stores[..] else { panic!("{stores:?}") };
    assert_eq!(gone.len(), 2);
    script.ms += 40 * DAY * 1000;
    script.give(Input::Timer(Timer::AntiEntropy));
    let stores = script.stores();
    let [Store::Unpost(gone)] = &stores[..] else { panic!("{stores:?}") };
    assert_eq!((gone.len(), board_of(&script)), (1, vec![]));
    // And nobody brings it back.
    let mut board = crate::board::Board::default();
    assert_eq!(board.take(called, &chain, Timestamp(EPOCH + 9 * DAY)), Err(BoardError::NotKept)); // BOARD-6
    assert_ne!(board.take(usage(&chain, 2, 1, 1), &chain, Timestamp(EPOCH)), Ok(Taken::Known));
}
