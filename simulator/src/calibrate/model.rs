//! The scenario with routers in virtual time.

use antibrush_protocol::replica::Topic;

use super::{Curve, Scenario};
use crate::gossip::net::Net;

/// Runs the scenario with the model.
pub fn model(scenario: &Scenario) -> Curve {
    let links = scenario.clone();
    let mut net = Net::new(scenario.seed, move |a, b| u64::from(links.link_us(a, b)));
    net.validation_us = scenario.validation_us;
    for start_us in scenario.starts_us() {
        net.run_until(start_us);
        net.start();
    }
    for (at_us, from, to) in scenario.dials() {
        net.run_until(at_us);
        // Noise and Yamux take a round trip and a half, and the stream of gossip one more; the hello then goes both ways.
        net.dial(from, to, u64::from(scenario.link_us(from, to)) * 9 / 2);
    }
    let publications = scenario.publications();
    for (number, (at_us, node)) in (0..).zip(&publications) {
        net.run_until(*at_us);
        net.publish(*node, Topic::Heads, number, scenario.content(number).into());
    }
    net.run_until(scenario.end_us());
    let since = |id: u64| publications.get(id as usize).map_or(0, |(at_us, _)| *at_us);
    let latencies_us = net.deliveries.iter().map(|delivery| delivery.at_us - since(delivery.id)).collect();
    let meshes: Vec<usize> = net.routers().iter().map(|router| router.mesh(Topic::Heads).count()).collect();
    Curve::new(scenario, latencies_us, &meshes, None)
}
