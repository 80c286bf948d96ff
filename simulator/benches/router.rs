//! How many calls a router takes in a second: `cargo bench -p antibrush-simulator --bench router`.

use std::{sync::Arc, time::Instant};

use antibrush_protocol::replica::Topic;
use antibrush_simulator::gossip::{Random, net::Net};

fn main() {
    for (nodes, dials, per_second) in [(17, 8, 1), (200, 8, 10), (2_000, 8, 10)] {
        let mut net = Net::new(7, |a, b| 5_000 + u64::from((a ^ b) % 31) * 1_000);
        let mut random = Random::new(7);
        for _ in 0..nodes {
            net.start();
        }
        for node in 0..nodes {
            for _ in 0..dials.min(nodes - 1) {
                net.dial(node, (node + 1 + random.below(nodes - 1)) % nodes, u64::from(random.below(1_000_000)));
            }
        }
        net.run_until(5_000_000);
        let idle_kib = resident_kib();
        let bytes: Arc<[u8]> = vec![0; 600].into();
        let (calls, since) = (net.calls, Instant::now());
        for id in 0..20 * per_second {
            net.publish(random.below(nodes), Topic::Heads, id, bytes.clone());
            net.run_until(net.now_us() + 1_000_000 / per_second);
        }
        let seconds = since.elapsed().as_secs_f64();
        let calls = net.calls - calls;
        let load = net.router(0).load();
        println!(
            "{nodes} nodes, {per_second} messages/s: {calls} calls in {seconds:.3} s with the queue, {:.2} million/s; one node holds {load:?}",
            calls as f64 / seconds / 1e6
        );
        println!("  with meshes and no messages the process has {:.1} KiB a node", idle_kib as f64 / f64::from(nodes));
    }
}

/// The resident memory of this process, in KiB; 0 where the system does not say.
fn resident_kib() -> u64 {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statm.split_whitespace().nth(1).and_then(|pages| pages.parse().ok()).unwrap_or_default();
    pages * 4
}
