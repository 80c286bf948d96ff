//! What gossip must do: reach everybody, keep its meshes in bounds, honour backoffs, part with bad peers, repeat itself exactly.

use std::sync::Arc;

use antibrush_protocol::{
    gossip::{MESH_OUTBOUND_MIN, MESH_PEERS_HIGH, MESH_PEERS_LOW},
    replica::{Topic, Verdict},
};

use super::{
    Action, MessageId, PeerIndex, Published, Random, Router, Rpc,
    net::Net,
    parameters::{GRAYLIST_THRESHOLD, PRUNE_BACKOFF_SECONDS},
    rpc::TOPICS,
};

const SECOND_US: u64 = 1_000_000;

/// Nodes that each dial so many random others, within the first second, over links of 5 to 45 ms.
fn network(seed: u64, nodes: u32, dials: u32) -> Net {
    let mut net = Net::new(seed, |a, b| 5_000 + u64::from(a * b % 41) * 1_000);
    let mut random = Random::new(seed ^ 0xd1a1);
    for _ in 0..nodes {
        net.start();
    }
    for node in 0..nodes {
        for _ in 0..dials {
            let other = (node + 1 + random.below(nodes - 1)) % nodes;
            net.dial(node, other, u64::from(random.below(1_000)) * 1_000);
        }
    }
    net
}

fn bytes(length: usize) -> Arc<[u8]> {
    vec![7; length].into()
}

/// Publishes one message a second of 600 bytes from random nodes, then gives gossip 30 s.
fn publish(net: &mut Net, messages: u64) {
    let mut random = Random::new(messages);
    for id in 0..messages {
        let node = random.below(net.routers().len() as u32);
        assert!(matches!(net.publish(node, Topic::Heads, id, bytes(600)), Published::Sent(_)));
        net.run_until(net.now_us() + SECOND_US);
    }
    net.run_until(net.now_us() + 30 * SECOND_US);
}

/// A router with so many connected subscribers, dialled by us if their number is odd, and nothing left to do.
fn router_with(peers: PeerIndex) -> (Router, Vec<Action>) {
    let mut router = Router::new(1, 0);
    let mut out = Vec::new();
    for peer in 0..peers {
        router.connected(peer, peer % 2 == 1, 0, &mut out);
        router.receive(peer, Rpc::Subscribe { topics: TOPICS.to_vec() }, 0, &mut out);
    }
    out.clear();
    (router, out)
}

fn message(id: MessageId) -> Rpc {
    Rpc::Message { topic: Topic::Heads, id, bytes: bytes(600) }
}

fn sent(out: &[Action], peer: PeerIndex) -> impl Iterator<Item = &Rpc> {
    out.iter().filter_map(move |action| match action {
        Action::Send { to, rpc } if *to == peer => Some(rpc),
        _ => None,
    })
}

#[test]
fn every_message_reaches_every_node_once() {
    for seed in 0..5 {
        let mut net = network(seed, 100, 8);
        net.run_until(5 * SECOND_US);
        publish(&mut net, 20);
        assert_eq!(net.deliveries.len(), 20 * 99, "seed {seed}");
    }
}

#[test]
fn what_the_mesh_loses_comes_by_ihave_and_iwant() {
    let mut net = network(3, 100, 8);
    net.run_until(5 * SECOND_US);
    for id in 0..20 {
        // All that the publisher sends is lost.
        net.loss_permille = 1_000;
        net.publish(id as PeerIndex, Topic::Heads, id, bytes(600));
        net.loss_permille = 0;
        let (published_us, before) = (net.now_us(), net.deliveries.len());
        net.run_until(published_us + 10 * SECOND_US);
        let came = &net.deliveries[before..];
        assert_eq!(came.len(), 99, "message {id}");
        // Links take 5 ms or more: IHAVE, IWANT, message.
        assert!(came[0].at_us >= published_us + 15_000, "message {id}");
    }
    assert!(net.traffic.lost >= 20 * 8, "{:?}", net.traffic);
    assert!(net.traffic.iwants >= 20, "{:?}", net.traffic);
}

#[test]
fn meshes_settle_in_their_bounds_and_are_mutual() {
    let mut net = network(4, 200, 10);
    net.run_until(70 * SECOND_US);
    let grafts = net.traffic.grafts;
    for (node, router) in net.routers().iter().enumerate() {
        for topic in TOPICS {
            let mesh: Vec<PeerIndex> = router.mesh(topic).collect();
            assert!((MESH_PEERS_LOW..MESH_PEERS_HIGH).contains(&mesh.len()), "node {node} has {}", mesh.len());
            assert!(mesh.iter().all(|peer| net.router(*peer).mesh(topic).any(|other| other as usize == node)));
            let outbound = router.peers.iter().filter(|peer| peer.in_mesh(topic) && peer.outbound).count();
            assert!(outbound >= MESH_OUTBOUND_MIN, "node {node} has {outbound} that it dialled");
        }
    }
    // And nothing moves any more: an idle network costs nothing.
    let calls = net.calls;
    net.run_until(600 * SECOND_US);
    assert_eq!((net.traffic.grafts, net.calls), (grafts, calls));
}

#[test]
fn a_pruned_peer_is_left_alone_for_its_backoff_and_may_come_back_after_it() {
    let (mut router, mut out) = router_with(1);
    assert_eq!(router.mesh(Topic::Heads).count(), 1);
    let prune = Rpc::Prune { topic: Topic::Heads, backoff_seconds: PRUNE_BACKOFF_SECONDS };
    router.receive(0, prune, 500, &mut out);
    assert_eq!(router.mesh(Topic::Heads).count(), 0);
    let backoff_over_ms = 500 + PRUNE_BACKOFF_SECONDS * 1_000 + 1_000;
    let is_graft = |rpc: &Rpc| *rpc == Rpc::Graft { topic: Topic::Heads };
    let grafted_ms = (1..100).map(|beat| beat * 1_000 + 100).find(|at_ms| {
        router.heartbeat(*at_ms, &mut out);
        sent(&out, 0).any(is_graft)
    });
    let grafted_ms = grafted_ms.unwrap();
    assert!((backoff_over_ms..backoff_over_ms + 1_000).contains(&grafted_ms), "grafted at {grafted_ms}");
}

#[test]
fn who_grafts_within_its_backoff_is_pruned_again_and_penalised() {
    let (mut router, mut out) = router_with(1);
    router.set_application_score(0, -10_000.0);
    router.heartbeat(1_100, &mut out);
    assert!(sent(&out, 0).any(|rpc| matches!(rpc, Rpc::Prune { topic: Topic::Heads, .. })), "a negative score ends it");
    router.set_application_score(0, 0.0);
    out.clear();
    let before = router.score(0, 50_000);
    router.receive(0, Rpc::Graft { topic: Topic::Heads }, 50_000, &mut out);
    assert_eq!(router.score(0, 50_000) - before, -10.0, "once, late in the backoff");
    assert!(sent(&out, 0).any(|rpc| matches!(rpc, Rpc::Prune { topic: Topic::Heads, .. })));
    router.receive(0, Rpc::Graft { topic: Topic::Heads }, 50_001, &mut out);
    assert_eq!(router.score(0, 50_001) - before, -90.0, "twice, right after it was pruned: (1 + 2)² × 10");
    assert_eq!(router.mesh(Topic::Heads).count(), 0);
}

#[test]
fn who_brings_invalid_messages_is_graylisted() {
    let (mut router, mut out) = router_with(9);
    let stranger = (0..9).find(|peer| !router.mesh(Topic::Heads).any(|member| member == *peer)).unwrap();
    for id in 0..5 {
        router.receive(stranger, message(id), 1_000, &mut out);
        router.verdict(id, Verdict::Reject, 1_000, &mut out);
    }
    assert_eq!(router.score(stranger, 1_000), -125.0, "5² × 10 × 0.5");
    assert!(router.score(stranger, 1_000) < GRAYLIST_THRESHOLD);
    out.clear();
    router.receive(stranger, message(9), 1_000, &mut out);
    assert_eq!(out, [], "nothing of it is read");
    router.receive(0, message(9), 1_000, &mut out);
    assert!(matches!(out[..], [Action::Deliver { from: 0, id: 9, .. }]), "others are");
}

#[test]
fn a_mesh_parts_with_a_peer_of_negative_score() {
    let (mut router, mut out) = router_with(5);
    router.connected(5, false, 1_050, &mut out);
    router.receive(5, Rpc::Subscribe { topics: TOPICS.to_vec() }, 1_050, &mut out);
    assert!(router.mesh(Topic::Heads).any(|peer| peer == 5));
    for id in 0..5 {
        router.receive(5, message(id), 1_060, &mut out);
        router.verdict(id, Verdict::Reject, 1_060, &mut out);
    }
    out.clear();
    router.heartbeat(1_100, &mut out);
    // 50 ms in three meshes give 75; of five invalid messages 0.5 × 10 × (5 × 0.9)² = 101 are left.
    assert_eq!(router.mesh(Topic::Heads).collect::<Vec<_>>(), [0, 1, 2, 3, 4]);
    assert!(sent(&out, 5).any(|rpc| matches!(rpc, Rpc::Prune { topic: Topic::Heads, .. })));
}

#[test]
fn only_accepted_messages_go_on_and_not_to_who_had_them() {
    let (mut router, mut out) = router_with(6);
    for (id, verdict) in [(1, Verdict::Accept), (2, Verdict::Ignore), (3, Verdict::Reject)] {
        router.receive(0, message(id), 10, &mut out);
        router.receive(1, message(id), 11, &mut out);
        assert_eq!(out.len(), 1, "delivered once, and nothing before the verdict: {out:?}");
        out.clear();
        router.verdict(id, verdict, 12, &mut out);
        let to: Vec<PeerIndex> =
            (0..6).filter(|peer| sent(&out, *peer).any(|rpc| matches!(rpc, Rpc::Message { .. }))).collect();
        let expected: &[PeerIndex] = if verdict == Verdict::Accept { &[2, 3, 4, 5] } else { &[] };
        assert_eq!(to, expected, "{verdict:?}");
        out.clear();
    }
}

#[test]
fn a_broken_promise_costs_its_peer() {
    let (mut router, mut out) = router_with(9);
    let stranger = (0..9).find(|peer| !router.mesh(Topic::Heads).any(|member| member == *peer)).unwrap();
    router.receive(stranger, Rpc::IHave { topic: Topic::Heads, ids: [5, 6].as_slice().into() }, 2_000, &mut out);
    assert!(sent(&out, stranger).any(|rpc| matches!(rpc, Rpc::IWant { ids } if ids.len() == 2)));
    // Another one told of the same is not asked as well.
    out.clear();
    router.receive(0, Rpc::IHave { topic: Topic::Heads, ids: [5, 6].as_slice().into() }, 2_001, &mut out);
    assert_eq!(out, []);
    router.receive(0, message(6), 2_002, &mut out);
    for beat_ms in [2_100, 3_100, 4_100, 5_100] {
        assert_eq!(router.score(stranger, beat_ms), 0.0);
        router.heartbeat(beat_ms, &mut out);
    }
    assert_eq!(router.score(stranger, 5_100), -10.0, "one message of two did not come");
}

#[test]
fn a_large_message_is_announced_to_the_mesh_and_what_is_announced_is_not_sent() {
    let (mut router, mut out) = router_with(3);
    router.receive(0, Rpc::Message { topic: Topic::Heads, id: 1, bytes: bytes(2_000) }, 10, &mut out);
    assert!(sent(&out, 1).any(|rpc| *rpc == Rpc::IDontWant { id: 1 }));
    assert!(sent(&out, 0).next().is_none());
    router.receive(1, Rpc::IDontWant { id: 1 }, 11, &mut out);
    out.clear();
    router.verdict(1, Verdict::Accept, 12, &mut out);
    assert!(sent(&out, 1).next().is_none());
    assert!(sent(&out, 2).any(|rpc| matches!(rpc, Rpc::Message { id: 1, .. })));
}

#[test]
fn a_message_is_kept_for_twelve_heartbeats_told_of_for_three_and_known_for_two_minutes() {
    let (mut router, mut out) = router_with(9);
    let stranger = (0..9).find(|peer| !router.mesh(Topic::Heads).any(|member| member == *peer)).unwrap();
    assert_eq!(router.publish(Topic::Heads, 1, bytes(600), 1_500, &mut out), Published::Sent(8));
    out.clear();
    for beat_ms in [2_100, 3_100, 4_100, 5_100] {
        router.heartbeat(beat_ms, &mut out);
    }
    assert_eq!(sent(&out, stranger).filter(|rpc| matches!(rpc, Rpc::IHave { .. })).count(), 3);
    assert_eq!(router.next_heartbeat(5_100), None);
    let mut is_given = |router: &mut Router, now_ms| {
        out.clear();
        router.receive(stranger, Rpc::IWant { ids: vec![1] }, now_ms, &mut out);
        sent(&out, stranger).any(|rpc| matches!(rpc, Rpc::Message { .. }))
    };
    assert!(is_given(&mut router, 13_000));
    assert!(!is_given(&mut router, 13_100));
    let mut out = Vec::new();
    assert_eq!(router.publish(Topic::Heads, 1, bytes(600), 121_499, &mut out), Published::Duplicate);
    assert_eq!(router.publish(Topic::Heads, 1, bytes(600), 121_500, &mut out), Published::Sent(8));
    assert_eq!(router.load().kept, 1);
}

#[test]
fn the_same_seed_gives_the_same_run_and_another_seed_another() {
    let run = |seed| {
        let mut net = network(seed, 60, 8);
        net.loss_permille = 100;
        net.run_until(5 * SECOND_US);
        publish(&mut net, 10);
        (net.deliveries, net.traffic)
    };
    assert_eq!(run(8), run(8));
    assert_ne!(run(8), run(9));
}

#[test]
fn heartbeats_that_were_left_out_change_nothing() {
    let run = |skips: bool| {
        let (mut router, mut out) = router_with(20);
        for beat in 1..=200 {
            let now_ms = beat * 1_000 + 100;
            if beat % 50 == 7 {
                router.receive(3, message(beat), now_ms - 500, &mut out);
                router.verdict(beat, Verdict::Accept, now_ms - 499, &mut out);
            }
            if beat == 20 {
                router.receive(4, Rpc::Prune { topic: Topic::Board, backoff_seconds: 60 }, now_ms - 1, &mut out);
            }
            if !skips || router.next_heartbeat(now_ms - 1) == Some(now_ms) {
                router.heartbeat(now_ms, &mut out);
            }
        }
        out
    };
    assert_eq!(run(true), run(false));
}
