//! The limit of suite 2: multiplications of elements of ristretto255.

use antibrush_node::random;
use curve25519_dalek::{ristretto::RistrettoPoint, scalar::Scalar};

use super::{median, seconds};

const COUNT: usize = 256;

/// Microseconds of one multiplication of an element that is not known in advance.
pub fn multiplication() -> f64 {
    let scalar = Scalar::from_bytes_mod_order_wide(&random::bytes());
    let mut point = RistrettoPoint::from_uniform_bytes(&random::bytes());
    let took = seconds(|| (0..COUNT).for_each(|_| point *= scalar));
    std::hint::black_box(point);
    took * 1e6 / COUNT as f64
}

/// The median of several such measurements, of one core alone.
pub fn alone(runs: usize) -> f64 {
    median(&mut (0..runs).map(|_| multiplication()).collect::<Vec<_>>())
}

/// The same while so many cores are at it at once: cores of a virtual machine often share a real one.
pub fn at_once(cores: usize, runs: usize) -> f64 {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..cores).map(|_| scope.spawn(|| alone(runs))).collect();
        let mut times: Vec<f64> = threads.into_iter().map(|thread| thread.join().expect("no panic")).collect();
        median(&mut times)
    })
}
