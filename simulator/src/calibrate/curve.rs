//! How long messages took, and how two runs differ.

use serde::Serialize;

use super::{Load, Scenario};

/// How long the messages of a run took to their receivers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Curve {
    /// Of every message and receiver that it reached, sorted, in microseconds, undilated.
    #[serde(skip)]
    pub latencies_us: Vec<u64>,
    /// How many there would be if every message had reached every node.
    pub expected: u64,
    /// How many there are.
    pub delivered: u64,
    /// The median, in microseconds.
    pub median_us: u64,
    /// The 99th percentile, in microseconds.
    pub p99_us: u64,
    /// The percentiles 0 to 100, in microseconds: the cumulative curve.
    pub percentiles_us: Vec<u64>,
    /// How many nodes have a mesh of each size, from none upwards.
    pub mesh_sizes: Vec<u32>,
    /// What the machine did meanwhile; a run in virtual time has none.
    pub load: Option<Load>,
}

impl Curve {
    /// The curve of what a run measured.
    pub fn new(scenario: &Scenario, mut latencies_us: Vec<u64>, meshes: &[usize], load: Option<Load>) -> Curve {
        latencies_us.sort_unstable();
        let mut mesh_sizes = vec![0; meshes.iter().max().map_or(0, |most| most + 1)];
        for size in meshes {
            mesh_sizes[*size] += 1;
        }
        let percentile = |percent: usize| {
            let last = latencies_us.len().saturating_sub(1);
            latencies_us.get(last * percent / 100).copied().unwrap_or_default()
        };
        Curve {
            expected: scenario.messages * u64::from(scenario.nodes.saturating_sub(1)),
            delivered: latencies_us.len() as u64,
            median_us: percentile(50),
            p99_us: percentile(99),
            percentiles_us: (0..=100).map(percentile).collect(),
            mesh_sizes,
            load,
            latencies_us,
        }
    }

    /// The mean size of a mesh.
    pub fn mean_mesh(&self) -> f64 {
        let nodes: u32 = self.mesh_sizes.iter().sum();
        let links: u32 = self.mesh_sizes.iter().zip(0..).map(|(count, size)| count * size).sum();
        f64::from(links) / f64::from(nodes.max(1))
    }
}

/// By how much the model is off, in percent of the real run: more than none if it is slower.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Deviation {
    /// At the median.
    pub median_percent: f64,
    /// At the 99th percentile.
    pub p99_percent: f64,
    /// The most at any percentile from the 5th to the 99th.
    pub most_percent: f64,
}

impl Deviation {
    /// Whether it is within so many percent at the median and the 99th percentile.
    pub fn is_within(&self, percent: f64) -> bool {
        self.median_percent.abs() <= percent && self.p99_percent.abs() <= percent
    }
}

/// The model and the real swarms in one scenario.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Comparison {
    /// How many nodes.
    pub nodes: u32,
    /// How many others each dialled.
    pub dials: u32,
    /// How many messages were published.
    pub messages: u64,
    /// By how much slower the real run went.
    pub dilation: u32,
    /// The model.
    pub model: Curve,
    /// The swarms.
    pub real: Curve,
    /// What lies between them.
    pub deviation: Deviation,
}

impl Comparison {
    /// Compares the two runs of a scenario.
    pub fn new(scenario: &Scenario, model: Curve, real: Curve) -> Comparison {
        let percent =
            |model_us: u64, real_us: u64| (model_us as f64 - real_us as f64) * 100.0 / (real_us as f64).max(1.0);
        let both = model.percentiles_us.iter().zip(&real.percentiles_us).skip(5).take(95);
        let deviations = both.map(|(model_us, real_us)| percent(*model_us, *real_us));
        let most_percent = deviations.fold(0.0, |most: f64, one| if one.abs() > most.abs() { one } else { most });
        let deviation = Deviation {
            median_percent: percent(model.median_us, real.median_us),
            p99_percent: percent(model.p99_us, real.p99_us),
            most_percent,
        };
        let Scenario { nodes, dials, messages, dilation, .. } = *scenario;
        Comparison { nodes, dials, messages, dilation, model, real, deviation }
    }
}
