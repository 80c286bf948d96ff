//! Prints how far the model of gossipsub is from real swarms:
//! `cargo run --release -p antibrush-simulator --example calibrate -- [SEED [BYTES [NODES…]]]`.

use antibrush_simulator::calibrate::{Calibration, Curve, Options, run};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut options = Options::default();
    if let Some(seed) = arguments.next() {
        options.seed = seed.parse()?;
    }
    if let Some(bytes) = arguments.next() {
        options.message_bytes = bytes.parse()?;
    }
    let nodes: Vec<u32> = arguments.map(|argument| argument.parse()).collect::<Result<_, _>>()?;
    if !nodes.is_empty() {
        options.nodes = nodes;
    }
    let Calibration { comparisons } = run(&options, &mut |_| {})?;
    for comparison in comparisons {
        println!("{} nodes, {} dials, {} messages", comparison.nodes, comparison.dials, comparison.messages);
        let side = |name: &str, curve: &Curve| {
            println!(
                "{name:>8}: median {:6.2} ms, p99 {:6.2} ms, delivered {} of {}, mean mesh {:.2}, meshes {:?}",
                curve.median_us as f64 / 1_000.0,
                curve.p99_us as f64 / 1_000.0,
                curve.delivered,
                curve.expected,
                curve.mean_mesh(),
                curve.mesh_sizes,
            );
        };
        side("model", &comparison.model);
        side("real", &comparison.real);
        println!("{:?}\n{:?}", comparison.deviation, comparison.real.load);
    }
    Ok(())
}
