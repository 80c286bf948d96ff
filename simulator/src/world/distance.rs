//! How long a message takes from one place to another.
//!
//! The matrices hold round trips in milliseconds. Where they come from, and how far each figure could be verified:
//!
//! - **City**: 2 ms, the round trip between zones of one region: IBM Cloud VPC publishes 1.8 to 2.4 ms between its zones (docs,
//!   "Network latency dashboards", August and September 2024; read).
//! - **National**: Beijing–Shanghai 28.6 ms is a published measurement between cloud servers (yunthe.com, "北京云服务器延迟", 2023;
//!   a secondary source). The other pairs could not be verified from a published table. They are estimates: the
//!   length of the line between the cities by road (1,200 to 2,200 km), there and back through glass at 200 km/ms, times 2.4, the
//!   factor that the Beijing–Shanghai figure shows over its 1,210 km.
//! - **Cross-border**: Singapore–Frankfurt 326 ms is measured between AWS regions ("Latency Between AWS Global Regions", 2016, by way of
//!   acomputerscientistlearnsaws.blogspot.com, read). The rows of Shanghai and Hong Kong could not be verified from a published
//!   table: they are round estimates, and a real line over the border is often worse than they are.
//!
//! A scenario whose outcome depends on the tenth of a round trip proves nothing; these matrices give the order of magnitude and
//! the asymmetry between near and far places.

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
const WITHIN: u32 = 2;

/// Beijing, Shanghai and Hangzhou, Shenzhen and Guangzhou, Chengdu.
const NATIONAL: [[u32; 4]; 4] =
    [[WITHIN, 29, 52, 43], [29, WITHIN, 34, 46], [52, 34, WITHIN, 38], [43, 46, 38, WITHIN]];

/// Shanghai, Hong Kong, Singapore, Frankfurt.
const CROSS_BORDER: [[u32; 4]; 4] =
    [[WITHIN, 36, 80, 210], [36, WITHIN, 38, 200], [80, 38, WITHIN, 326], [210, 200, 326, WITHIN]];

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
        assert!(drawn.iter().all(|us| (14_500..=18_125).contains(us)));
        assert!(drawn.iter().any(|us| *us < 14_600) && drawn.iter().any(|us| *us > 18_000));
    }
}
