//! The model's numbers are the library's, and a small network behaves alike in both.

use std::time::Duration;

use antibrush_protocol::gossip as shared;
use libp2p::gossipsub::{PeerScoreThresholds, TopicHash};

use super::{Comparison, Scenario, model, real, real::*};
use crate::gossip::parameters as ours;

#[test]
fn what_the_node_leaves_to_the_library_is_in_the_model_as_the_library_has_it() {
    let config = config(1).unwrap();
    let ms = |ms: u64| Duration::from_millis(ms);
    assert_eq!(config.gossip_lazy(), ours::GOSSIP_LAZY);
    assert_eq!(config.gossip_factor(), ours::GOSSIP_FACTOR);
    assert_eq!(config.gossip_retransimission(), ours::GOSSIP_RETRANSMISSION);
    assert_eq!(config.prune_backoff(), ms(ours::PRUNE_BACKOFF_SECONDS * 1_000));
    assert_eq!(config.heartbeat_interval() * config.backoff_slack(), ms(ours::BACKOFF_SLACK_MS));
    assert_eq!(config.graft_flood_threshold(), ms(ours::GRAFT_FLOOD_MS));
    assert_eq!(config.retain_scores(), ours::RETAIN_SCORES);
    assert_eq!(config.opportunistic_graft_ticks(), ours::OPPORTUNISTIC_GRAFT_BEATS);
    assert_eq!(config.opportunistic_graft_peers(), ours::OPPORTUNISTIC_GRAFT_PEERS);
    assert_eq!(config.max_ihave_messages_heartbeat(), ours::IHAVES_PER_BEAT as usize);
    assert_eq!(config.max_control_messages_sent(), ours::IDS_PER_BEAT);
    assert_eq!(config.iwant_followup_time(), ms(ours::IWANT_FOLLOWUP_MS));
    assert_eq!(config.idontwant_message_size_threshold(), ours::IDONTWANT_BYTES);
    // What the model does not have must be off.
    assert!(!config.do_px() && !config.idontwant_on_publish() && !config.support_floodsub());
}

#[test]
fn the_score_of_the_model_has_the_weights_of_the_library() {
    let (peer, topic, thresholds) = (score(1), topic_score(1), PeerScoreThresholds::default());
    let ms = |ms: u64| Duration::from_millis(ms);
    assert_eq!(topic.topic_weight, ours::TOPIC_WEIGHT);
    assert_eq!(topic.time_in_mesh_weight, ours::TIME_IN_MESH_WEIGHT);
    assert_eq!(topic.time_in_mesh_quantum, ms(ours::TIME_IN_MESH_QUANTUM_MS));
    assert_eq!(topic.time_in_mesh_cap, ours::TIME_IN_MESH_CAP);
    assert_eq!(topic.first_message_deliveries_weight, ours::FIRST_DELIVERIES_WEIGHT);
    assert_eq!(topic.first_message_deliveries_decay, ours::FIRST_DELIVERIES_DECAY);
    assert_eq!(topic.first_message_deliveries_cap, ours::FIRST_DELIVERIES_CAP);
    assert_eq!(peer.topic_score_cap, ours::TOPICS_CAP);
    assert_eq!(peer.behaviour_penalty_weight, ours::BEHAVIOUR_WEIGHT);
    assert_eq!(peer.behaviour_penalty_threshold, ours::BEHAVIOUR_THRESHOLD);
    assert_eq!(peer.behaviour_penalty_decay, ours::BEHAVIOUR_DECAY);
    assert_eq!(peer.decay_to_zero, ours::DECAY_TO_ZERO);
    assert_eq!(peer.decay_interval, ms(ours::DECAY_INTERVAL_MS));
    assert_eq!(peer.retain_score, ms(ours::RETAIN_SCORE_MS));
    assert_eq!(thresholds.gossip_threshold, ours::GOSSIP_THRESHOLD);
    assert_eq!(thresholds.publish_threshold, ours::PUBLISH_THRESHOLD);
    assert_eq!(thresholds.graylist_threshold, ours::GRAYLIST_THRESHOLD);
    assert_eq!(thresholds.opportunistic_graft_threshold, ours::OPPORTUNISTIC_GRAFT_THRESHOLD);
    // The model has no P3, P3b and P6, and decays at the heartbeat.
    let absent = [shared::MESH_DELIVERIES_WEIGHT, shared::MESH_FAILURE_WEIGHT, shared::SHARED_ADDRESS_WEIGHT];
    assert_eq!(absent, [0.0; 3]);
    assert_eq!(ours::DECAY_INTERVAL_MS, shared::HEARTBEAT_MS);
}

#[test]
fn the_topics_of_the_swarms_have_names_as_long_as_the_model_counts() {
    use antibrush_protocol::replica::Topic;

    use crate::gossip::Rpc;
    for (name, topic) in TOPICS.iter().zip([Topic::Heads, Topic::Charters, Topic::Board]) {
        let bytes = Rpc::Graft { topic }.wire_bytes() - Rpc::IHave { topic, ids: [].into() }.wire_bytes();
        assert_eq!(bytes, 0);
        assert_eq!(TopicHash::from_raw(*name).as_str().len() + 10, Rpc::Graft { topic }.wire_bytes());
    }
}

#[test]
fn both_sides_run_the_same_scenario_and_the_model_repeats_itself() {
    let scenario = Scenario::new(3, 40);
    assert_eq!(scenario.dials().len(), 40 * 8);
    assert!((0..40).all(|a| (0..40).all(|b| scenario.link_us(a, b) == scenario.link_us(b, a))));
    assert_eq!(model(&scenario), model(&scenario));
    assert_ne!(model(&scenario).latencies_us, model(&Scenario::new(4, 40)).latencies_us);
}

#[test]
fn a_dozen_swarms_deliver_everything_about_as_fast_as_the_model() {
    let mut scenario = Scenario::new(2, 12);
    scenario.dials = 3;
    scenario.messages = 10;
    // So slow that a busy machine changes little: hops of 0.1 to 0.2 s.
    scenario.latency_us = 100_000..=200_000;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let mut heard = Vec::new();
    let real = runtime.block_on(real(&scenario, &mut |part| heard.push(part))).unwrap();
    assert_eq!(real.delivered, 10 * 11);
    assert!(heard.is_sorted() && heard.last() == Some(&1.0));
    // No message is faster than the fastest link: the links do delay.
    assert!(real.latencies_us[0] >= 100_000, "{}", real.latencies_us[0]);
    let Comparison { model, real, deviation, .. } = Comparison::new(&scenario, model(&scenario), real);
    assert_eq!(model.delivered, 10 * 11);
    assert!(deviation.median_percent.abs() < 40.0, "{} and {} µs", model.median_us, real.median_us);
}
