//! How long a message takes from one place to another.
//!
//! The matrices hold round trips in milliseconds, each from a published measurement:
//!
//! - **City**: 5 ms, the median from cloud servers in Beijing and Shanghai to the carriers' nodes in the same city (H. Chen, below: 3, 5, 5,
//!   5, 5 and 6 ms). Between zones of one operator's region it is less: 0.13 to 2.16 ms, IBM Cloud VPC, "Network latency
//!   dashboards", July and August 2026.
//! - **National**: cloud servers in Beijing, Shanghai and Guangzhou to the carriers' nodes in the other cities, the median of the readings
//!   of H. Chen, chenhaotian.top, 2023 and 2025 (scripts of `ecsspeed`): Beijing–Shanghai 22, 24, 27; Beijing–Chengdu 39, 40;
//!   Shanghai–Guangzhou 28, 29; Shanghai–Chengdu 36, 37, 39, 39; Guangzhou–Chengdu 39, a single reading. No reading of
//!   Beijing–Guangzhou was found: 37 is Zhangjiakou–Shenzhen, 36.99 ms (WonderNetwork, November 2018, as kept by
//!   ConsenSys/wittgenstein), the same northern and southern end.
//! - **Cross-border**: WonderProxy, "A day in the life of the Internet", means of 19 and 20 July 2020, both directions averaged (as kept by
//!   sm86/geo-latency-data): Shanghai–Hong Kong 37.4 and 38.0; Shanghai–Singapore 208.6 and 200.9; Shanghai–Frankfurt 239.3 and
//!   232.2; Hong Kong–Singapore 33.3; Hong Kong–Frankfurt 204.7; Singapore–Frankfurt 150.2. The border can be much worse:
//!   WonderNetwork had 218 to 312 ms from Shanghai to each of the three in autumn 2018.
//!
//! The national readings are single echoes in whole milliseconds. A scenario whose outcome depends on the tenth of a round trip
//! proves nothing; these matrices give the order of magnitude and the asymmetry between near and far places.

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

/// Half the round trip between two places, in microseconds, with up to a quarter that differs from line to line.
pub fn one_way_us(distances: Distances, a: usize, b: usize, random: &mut Random) -> u32 {
    let round_trip_ms = match distances {
        Distances::City => WITHIN,
        Distances::National => NATIONAL[a][b],
        Distances::CrossBorder => CROSS_BORDER[a][b],
    };
    let one_way = u64::from(round_trip_ms) * 500;
    u32::try_from(one_way + random.below(one_way / 4 + 1)).unwrap_or(u32::MAX)
}

/// Between two places of one city.
const WITHIN: u32 = 5;

/// Beijing, Shanghai and Hangzhou, Shenzhen and Guangzhou, Chengdu.
const NATIONAL: [[u32; 4]; 4] =
    [[WITHIN, 24, 37, 40], [24, WITHIN, 29, 38], [37, 29, WITHIN, 39], [40, 38, 39, WITHIN]];

/// Shanghai, Hong Kong, Singapore, Frankfurt.
const CROSS_BORDER: [[u32; 4]; 4] =
    [[WITHIN, 38, 205, 236], [38, WITHIN, 33, 205], [205, 33, WITHIN, 150], [236, 205, 150, WITHIN]];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_there_is_as_long_as_the_way_back_and_home_is_nearest() {
        for matrix in [NATIONAL, CROSS_BORDER] {
            for (a, row) in matrix.iter().enumerate() {
                for (b, ms) in row.iter().enumerate() {
                    assert_eq!(*ms, matrix[b][a]);
                    assert!(a == b || *ms > WITHIN);
                }
            }
        }
    }

    #[test]
    fn a_line_takes_half_the_round_trip_and_at_most_a_quarter_more() {
        let mut random = Random::new(1, &[]);
        let drawn: Vec<u32> = (0..1000).map(|_| one_way_us(Distances::National, 0, 1, &mut random)).collect();
        assert!(drawn.iter().all(|us| (12_000..=15_000).contains(us)));
        assert!(drawn.iter().any(|us| *us < 12_100) && drawn.iter().any(|us| *us > 14_900));
    }
}
