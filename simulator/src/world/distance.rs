//! How long a message takes from one place to another.

use crate::{random::Random, scenario::Distances};

/// Draws the place of a node.
pub fn place(distances: Distances, random: &mut Random) -> usize {
    let places = match distances {
        Distances::City => 1,
        Distances::National => NATIONAL.len(),
        Distances::CrossBorder => CROSS_BORDER.len(),
    };
    random.below(places as u64) as usize
}

/// Half the round trip between two places, in microseconds, with what differs from line to line.
pub fn one_way_us(distances: Distances, a: usize, b: usize, random: &mut Random) -> u32 {
    let round_trip_ms = match distances {
        Distances::City => 2,
        Distances::National => NATIONAL[a][b],
        Distances::CrossBorder => CROSS_BORDER[a][b],
    };
    let one_way = u64::from(round_trip_ms) * 500;
    u32::try_from(one_way + random.below(one_way / 4 + 1)).unwrap_or(u32::MAX)
}

const NATIONAL: [[u32; 4]; 4] = [[3, 28, 38, 33], [28, 3, 27, 30], [38, 27, 3, 36], [33, 30, 36, 3]];
const CROSS_BORDER: [[u32; 4]; 4] = [[3, 40, 70, 180], [40, 3, 36, 160], [70, 36, 3, 170], [180, 160, 170, 3]];
