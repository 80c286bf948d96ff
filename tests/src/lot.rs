//! What is drawn by lot and can be drawn again.

use std::time::{Duration, SystemTime};

use rustix::process::Signal;

/// Draws by lot, with SplitMix64 (Steele, Lea, Flood 2014).
pub struct Lot(u64);

impl Lot {
    /// From the seed in `ANTIBRUSH_SEED`, or from one of the moment, which is printed so that a draw can be repeated.
    pub fn from_environment() -> Lot {
        let given = std::env::var("ANTIBRUSH_SEED").ok().and_then(|seed| seed.parse().ok());
        let drawn = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
        let seed = given.unwrap_or_else(drawn);
        println!("ANTIBRUSH_SEED={seed}");
        Lot(seed)
    }

    /// A number below `limit`.
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (z ^ (z >> 31)) % limit
    }

    /// A time up to `longest`.
    pub fn within(&mut self, longest: Duration) -> Duration {
        Duration::from_micros(self.below(longest.as_micros() as u64 + 1))
    }

    /// A power cut, or now and then an orderly end.
    pub fn signal(&mut self) -> Signal {
        if self.below(3) == 0 { Signal::TERM } else { Signal::KILL }
    }
}
